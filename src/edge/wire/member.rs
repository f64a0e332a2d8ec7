//! A member as she stands now, for the wire: balances, meters, standing and what the next tier takes.

use std::collections::BTreeMap;

use super::belonging::held_by;
use super::held::{belonging, held_tier};
use super::lots::{balances, hold, voucher};
use super::scalars::{attribute_value, count64, stamp};
use crate::domain::calendar::{Day, Zone};
use crate::domain::decide::{NextTier, Renewal, counted_by, meter_values, next_tier, renewal, window_span};
use crate::domain::member::{Held, HeldBy, Member, MemberState};
use crate::domain::order::Identifier;
use crate::domain::program::condition::{Lacking, Shortfall};
use crate::domain::program::{Ladder, Meter, Program, TierId};
use crate::domain::units::Moment;
use crate::engine::View;
use crate::pb;

/// The member of a view.
#[must_use]
pub fn member(view: &View) -> pb::Member {
    let (member, program) = (&*view.member, &**view.timeline.at(view.now));
    let outlook = Outlook::of(view);
    let more = belonging(program, member.belonging(), view.now).unwrap_or_default();
    pb::Member {
        program: program.id.to_string(),
        member_id: member.id.to_string(),
        state: state(member.state).into(),
        identifiers: member.identifiers.iter().map(masked).collect(),
        attributes: named_attributes(view),
        balances: balances(program, member),
        meters: outlook.meters(),
        standing: outlook.standing(),
        enrolled_at: stamp(member.enrolled_at),
        entry_count: count64(member.version),
        holds: member.desk().holds.iter().map(|held| hold(&view.timeline, held)).collect(),
        vouchers: member.desk().vouchers.iter().map(|held| voucher(&view.timeline, member, held)).collect(),
        ..more
    }
}

/// A member's attributes by name.
#[must_use]
pub fn named_attributes(view: &View) -> BTreeMap<String, pb::AttributeValue> {
    let register = &view.timeline.newest().register;
    let attributes = view.member.attributes.iter();
    attributes.map(|(id, value)| (register.text(id.0).to_owned(), attribute_value(value))).collect()
}

/// An identifier as it is shown.
#[must_use]
pub fn masked(identifier: &Identifier) -> pb::MaskedIdentifier {
    pb::MaskedIdentifier { kind: identifier.kind.to_string(), mask: identifier.mask.to_string() }
}

/// A state on the wire.
#[must_use]
pub const fn state(state: MemberState) -> pb::MemberState {
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
pub struct Outlook<'a> {
    /// The member.
    pub member: &'a Member,
    /// The program in force.
    pub program: &'a Program,
    /// What the meters read, by position in `program.meters`.
    pub readings: Vec<i64>,
    /// The next tier up.
    pub next: Option<NextTier>,
    /// What keeping her tier takes.
    pub renewal: Option<Renewal<'a>>,
    /// The moment at which she is looked at.
    pub now: Moment,
    today: Day,
    enrolled: Day,
}

impl<'a> Outlook<'a> {
    /// The outlook on a view.
    #[must_use]
    pub fn of(view: &'a View) -> Self {
        let (member, program) = (&*view.member, &**view.timeline.at(view.now));
        let mut next = next_tier(program, member, view.now).ok().flatten();
        let readings = match &mut next {
            Some(next) => std::mem::take(&mut next.readings),
            None => meter_values(program, member, view.now).unwrap_or_default(),
        };
        let day = |moment| program.zone.day_of(moment);
        let (today, enrolled) = (day(view.now), day(member.enrolled_at));
        let renewal = renewal(program, member, view.now, &readings).ok().flatten();
        Self { member, program, readings, next, renewal, now: view.now, today, enrolled }
    }

    /// The window of a meter that holds today: its first day, and the day after its last.
    #[must_use]
    pub fn span_of(&self, meter: &Meter) -> Option<(Day, Day)> {
        window_span(meter.window, self.today, self.enrolled)
    }

    /// Since when the member stands on her tier.
    #[must_use]
    pub fn since(&self) -> Moment {
        let since = self.member.standing.since();
        if since == Moment::BEGINNING { self.member.enrolled_at } else { since }
    }

    /// The day before which what is missing must be counted to go with what is counted now.
    #[must_use]
    pub fn deadline(&self, lacking: &Lacking) -> Option<Day> {
        counted_by(self.program, self.member, lacking, self.today)
    }

    /// By when what keeps her tier must be counted.
    #[must_use]
    pub fn renewed_by(&self, renewal: &Renewal<'_>) -> Moment {
        let windows = self.deadline(&renewal.lacking).filter(|_| renewal.at_once);
        windows.map_or(renewal.until, |day| self.program.zone.start_of(day).min(renewal.until))
    }

    /// The tiers she holds now or will.
    pub fn held(&self) -> impl Iterator<Item = &Held> {
        self.member.standing.held().iter().filter(|held| self.now < held.until)
    }

    /// How the tier she stands on came to be held; none for the base.
    #[must_use]
    pub fn source(&self, ladder: &Ladder) -> Option<HeldBy> {
        self.member.standing.at(ladder, self.now).map(|held| held.by)
    }

    fn meters(&self) -> Vec<pb::MeterReading> {
        let readings = self.program.meters.iter().zip(&self.readings);
        readings.map(|(meter, value)| self.reading(meter, *value)).collect()
    }

    fn reading(&self, meter: &Meter, value: i64) -> pb::MeterReading {
        let span = self.span_of(meter);
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
        Some(pb::Standing {
            tier: self.program.text(tier.0).to_owned(),
            name: tier_name(self.program, ladder, tier).to_owned(),
            since: stamp(self.since()),
            valid_until: standing.next_change().and_then(stamp),
            next_tier: self.next.as_ref().and_then(|next| self.next_tier(ladder, next)),
            renewal: self.renewal.as_ref().map(|renewal| self.renewal(renewal)),
            held: self.held().map(|held| held_tier(self.program, held)).collect(),
            source: self.source(ladder).map_or(pb::HeldBy::Unspecified, held_by).into(),
        })
    }

    fn next_tier(&self, ladder: &Ladder, next: &NextTier) -> Option<pb::NextTier> {
        let tier = ladder.tiers.get(next.position)?;
        Some(pb::NextTier {
            tier: self.program.text(tier.id.0).to_owned(),
            name: tier.name.to_string(),
            qualify: tier.qualify.as_ref().map(|qualify| qualify.written.to_string()).unwrap_or_default(),
            by: self.deadline(&next.lacking).and_then(|day| stamp(self.program.zone.start_of(day))),
            missing: next.lacking.meters.iter().filter_map(|short| self.missing_amount(short)).collect(),
            unmet_attributes: texts(&next.lacking.attributes),
        })
    }

    fn renewal(&self, renewal: &Renewal<'_>) -> pb::Renewal {
        pb::Renewal {
            condition: renewal.condition.written.to_string(),
            until: stamp(renewal.until),
            renewed_until: stamp(renewal.renewed_until),
            missing: renewal.lacking.meters.iter().filter_map(|short| self.missing_amount(short)).collect(),
            by: stamp(self.renewed_by(renewal)),
            is_met: renewal.is_met,
            at_once: renewal.at_once,
            unmet_attributes: texts(&renewal.lacking.attributes),
        }
    }

    fn missing_amount(&self, short: &Shortfall) -> Option<pb::MissingAmount> {
        let meter = self.program.meters.get(short.meter)?;
        Some(pb::MissingAmount {
            meter: self.program.text(meter.id.0).to_owned(),
            decimals: meter.decimals.into(),
            value: short.value(),
            missing: short.missing,
        })
    }
}

fn texts(names: &[Box<str>]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
