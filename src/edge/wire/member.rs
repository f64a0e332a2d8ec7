//! A member as she stands now, for the wire: balances, meters, standing and what the next tier takes.

use super::lots::{balances, hold, voucher};
use super::scalars::{attribute_value, count64, stamp};
use crate::domain::calendar::{Day, Zone};
use crate::domain::decide::{NextTier, meter_values, next_tier, window_span};
use crate::domain::member::{Member, MemberState};
use crate::domain::order::Identifier;
use crate::domain::program::condition::Shortfall;
use crate::domain::program::{Ladder, Meter, Program, TierId};
use crate::domain::units::Moment;
use crate::engine::View;
use crate::pb;

/// The member of a view.
#[must_use]
pub fn member(view: &View) -> pb::Member {
    let (member, program) = (&*view.member, &**view.timeline.at(view.now));
    let register = &view.timeline.newest().register;
    let outlook = Outlook::of(view);
    pb::Member {
        program: program.id.to_string(),
        member_id: member.id.to_string(),
        state: state(member.state).into(),
        identifiers: member.identifiers.iter().map(masked).collect(),
        attributes: (member.attributes.iter())
            .map(|(id, value)| (register.text(id.0).to_owned(), attribute_value(value)))
            .collect(),
        balances: balances(program, member),
        meters: outlook.meters(),
        standing: outlook.standing(),
        enrolled_at: stamp(member.enrolled_at),
        entry_count: count64(member.version),
        holds: member.desk().holds.iter().map(|held| hold(&view.timeline, held)).collect(),
        vouchers: member.desk().vouchers.iter().map(|held| voucher(&view.timeline, member, held)).collect(),
    }
}

/// Where the member stands, and what her meters read.
#[must_use]
pub fn standing(view: &View) -> (Option<pb::Standing>, Vec<pb::MeterReading>) {
    let outlook = Outlook::of(view);
    (outlook.standing(), outlook.meters())
}

/// An identifier as it is shown.
#[must_use]
pub fn masked(identifier: &Identifier) -> pb::MaskedIdentifier {
    pb::MaskedIdentifier { kind: identifier.kind.to_string(), mask: identifier.mask.to_string() }
}

const fn state(state: MemberState) -> pb::MemberState {
    match state {
        MemberState::Active => pb::MemberState::Active,
        MemberState::Suspended => pb::MemberState::Suspended,
        MemberState::Closed => pb::MemberState::Closed,
    }
}

/// The name of a tier for people; the base has none of its own and goes by its id.
#[must_use]
pub fn tier_name<'a>(program: &'a Program, ladder: &'a Ladder, tier: TierId) -> &'a str {
    let named = ladder.tiers.iter().find(|found| found.id == tier).map(|found| &*found.name);
    named.unwrap_or_else(|| program.text(tier.0))
}

/// What a view is looked at with to tell the standing: the program in force, today, and the readings of the meters.
struct Outlook<'a> {
    member: &'a Member,
    program: &'a Program,
    today: Day,
    enrolled: Day,
    readings: Vec<i64>,
    next: Option<NextTier>,
}

impl<'a> Outlook<'a> {
    fn of(view: &'a View) -> Self {
        let (member, program) = (&*view.member, &**view.timeline.at(view.now));
        let next = next_tier(program, member, view.now).ok().flatten();
        let readings = match &next {
            Some(next) => next.readings.clone(),
            None => meter_values(program, member, view.now).unwrap_or_default(),
        };
        let day = |moment| program.zone.day_of(moment);
        Self { member, program, today: day(view.now), enrolled: day(member.enrolled_at), readings, next }
    }

    fn meters(&self) -> Vec<pb::MeterReading> {
        let readings = self.program.meters.iter().zip(&self.readings);
        readings.map(|(meter, value)| self.reading(meter, *value)).collect()
    }

    fn reading(&self, meter: &Meter, value: i64) -> pb::MeterReading {
        let span = window_span(meter.window, self.today, self.enrolled);
        let starts = |zone: &Zone, day: Day| stamp(zone.start_of(day));
        pb::MeterReading {
            meter: self.program.text(meter.id.0).to_owned(),
            decimals: meter.decimals.into(),
            value,
            window_start: span.and_then(|(first, _)| starts(&self.program.zone, first)),
            window_end: span.and_then(|(_, end)| starts(&self.program.zone, end)),
        }
    }

    fn standing(&self) -> Option<pb::Standing> {
        let ladder = self.program.ladder.as_ref()?;
        let standing = &self.member.standing;
        let tier = standing.tier().unwrap_or(ladder.base);
        let since = if standing.since() == Moment::BEGINNING { self.member.enrolled_at } else { standing.since() };
        Some(pb::Standing {
            tier: self.program.text(tier.0).to_owned(),
            name: tier_name(self.program, ladder, tier).to_owned(),
            since: stamp(since),
            valid_until: standing.next_change().and_then(stamp),
            next_tier: self.next.as_ref().and_then(|next| self.next_tier(ladder, next)),
        })
    }

    fn next_tier(&self, ladder: &Ladder, next: &NextTier) -> Option<pb::NextTier> {
        let tier = ladder.tiers.get(next.position)?;
        let meters = next.missing.iter().filter_map(|short| self.program.meters.get(short.meter));
        let ends = meters.filter_map(|meter| window_span(meter.window, self.today, self.enrolled));
        let by = ends.map(|(_, end)| end).min();
        Some(pb::NextTier {
            tier: self.program.text(tier.id.0).to_owned(),
            name: tier.name.to_string(),
            qualify: tier.qualify.written.to_string(),
            by: by.and_then(|day| stamp(self.program.zone.start_of(day))),
            missing: next.missing.iter().filter_map(|short| self.missing_amount(short)).collect(),
        })
    }

    fn missing_amount(&self, short: &Shortfall) -> Option<pb::MissingAmount> {
        let meter = self.program.meters.get(short.meter)?;
        Some(pb::MissingAmount {
            meter: self.program.text(meter.id.0).to_owned(),
            decimals: meter.decimals.into(),
            value: self.readings.get(short.meter).copied().unwrap_or_default(),
            missing: short.missing,
        })
    }
}
