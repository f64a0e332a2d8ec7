//! Privileges and choices, for the wire: what they are to whoever looks, and whether she may.

use super::benefits::{benefit, percent, worth};
use super::entries::entry_id;
use super::held::open_choice;
use super::points_replies::{find, kept};
use super::programs::window;
use super::promises::gift_tier;
use super::scalars::{count32, stamp};
use crate::domain::calendar::Zone;
use crate::domain::decide::{self, Checked, QuotaReading, Source, check};
use crate::domain::event::{BelongingFact, Fact};
use crate::domain::member::{Member, OpenChoice};
use crate::domain::order::Refusal;
use crate::domain::program::{ChoiceOption, Privilege, PrivilegeKind, Program, Worth};
use crate::domain::units::{Moment, Span};
use crate::engine::Applied;
use crate::pb;
use prost_types::Duration;

/// Whether a member may, and what it comes to.
#[must_use]
pub fn checked(
    program: &Program,
    member: &Member,
    privilege: &Privilege,
    asked: decide::Asked,
    now: Moment,
) -> pb::CheckPrivilegeResponse {
    let found = check(program, member, privilege, asked, now);
    let no = found.refusal.as_ref();
    pb::CheckPrivilegeResponse {
        allowed: no.is_none(),
        reason: no.map(|no| no.reason().to_owned()).unwrap_or_default(),
        remedy: no.and_then(Refusal::remedy).unwrap_or_default().to_owned(),
        message: no.map(ToString::to_string).unwrap_or_default(),
        sources: sources(program, &found),
        percent: found.share.map(percent).unwrap_or_default(),
        share: found.share.map(|share| share.to_string()).unwrap_or_default(),
        code: found.code.unwrap_or_default().to_owned(),
        opens_before: found.opens_before.map(duration),
        opens_at: found.opens_at.and_then(stamp),
        quota: found.quota.map(|quota| quota_reading(&program.zone, &quota)),
        companions: count32(privilege.companions),
    }
}

/// A privilege of the version in force, and what it is to the member who looks, if one does.
#[must_use]
pub fn privilege(program: &Program, found: &Privilege, member: Option<&Member>, now: Moment) -> pb::Privilege {
    let asked = decide::Asked { uses: 1, ..decide::Asked::default() };
    let by_tier = found.by_tier.iter().map(|(tier, worth)| source(program, Source::Tier(*tier), worth));
    let by_club = found.by_club.iter().map(|(club, worth)| source(program, Source::Club(*club), worth));
    let by_segment = found.by_segment.iter().map(|(id, worth)| source(program, Source::Segment(*id), worth));
    pb::Privilege {
        privilege: program.text(found.id.0).to_owned(),
        name: found.name.to_string(),
        kind: kind(found.kind).into(),
        window: match found.kind {
            PrivilegeKind::Quota { window: refills, .. } => window(refills),
            _ => String::new(),
        },
        companions: count32(found.companions),
        gift_tier: gift_tier(program, found),
        sources: by_tier.chain(by_club).chain(by_segment).collect(),
        state: member.map(|member| state(checked(program, member, found, asked, now))),
    }
}

fn state(checked: pb::CheckPrivilegeResponse) -> pb::PrivilegeState {
    let pb::CheckPrivilegeResponse { allowed, reason, sources, percent, share, code, opens_before, quota, .. } =
        checked;
    pb::PrivilegeState { allowed, reason, sources, percent, share, code, opens_before, quota }
}

const fn kind(kind: PrivilegeKind) -> pb::PrivilegeKind {
    match kind {
        PrivilegeKind::Flag => pb::PrivilegeKind::Flag,
        PrivilegeKind::Quota { .. } => pb::PrivilegeKind::Quota,
        PrivilegeKind::Percent => pb::PrivilegeKind::Percent,
        PrivilegeKind::Code => pb::PrivilegeKind::Code,
        PrivilegeKind::Opening => pb::PrivilegeKind::Opening,
    }
}

/// Who gives a privilege to a member; what she was given on top comes last.
fn sources(program: &Program, found: &Checked<'_>) -> Vec<pb::PrivilegeSource> {
    let given = found.quota.map(|quota| quota.given).unwrap_or_default();
    let on_top = u32::try_from(given).ok().filter(|given| *given > 0);
    let on_top = on_top.map(|given| source(program, Source::Given, &Worth::Uses(given)));
    let told = found.sources.iter().map(|(giver, worth)| source(program, *giver, worth));
    told.chain(on_top).collect()
}

fn source(program: &Program, giver: Source, gives: &Worth) -> pb::PrivilegeSource {
    let (giver, id) = match giver {
        Source::Tier(tier) => (pb::PrivilegeGiver::Tier, program.text(tier.0)),
        Source::Club(club) => (pb::PrivilegeGiver::Club, program.text(club.0)),
        Source::Segment(segment) => (pb::PrivilegeGiver::Segment, program.text(segment.0)),
        Source::Given => (pb::PrivilegeGiver::Benefit, ""),
    };
    pb::PrivilegeSource { giver: giver.into(), id: id.to_owned(), worth: worth(gives) }
}

fn quota_reading(zone: &Zone, quota: &QuotaReading) -> pb::QuotaReading {
    pb::QuotaReading {
        granted: quota.granted,
        used: quota.used,
        given: quota.given,
        left: quota.left,
        window_start: quota.window.and_then(|(first, _)| stamp(zone.start_of(first))),
        window_end: quota.window.and_then(|(_, end)| stamp(zone.start_of(end))),
    }
}

fn duration(span: Span) -> Duration {
    let nanos = span.0.rem_euclid(1_000_000).saturating_mul(1_000);
    Duration { seconds: span.0.div_euclid(1_000_000), nanos: i32::try_from(nanos).unwrap_or_default() }
}

/// The id of the use that an order made; empty for a rehearsal.
#[must_use]
pub fn use_made(applied: &Applied, dry_run: bool) -> String {
    let used = |fact: &Fact| match fact {
        Fact::Belonging(fact) => matches!(**fact, BelongingFact::PrivilegeUsed { .. }).then_some(()),
        _ => None,
    };
    let made = find(applied, used).filter(|_| kept(applied, dry_run));
    made.map(|(entry, ())| entry_id(entry.seq)).unwrap_or_default()
}

/// A choice that can be made, with its options and why each of them cannot be taken, if it cannot.
#[must_use]
pub fn choice(
    program: &Program,
    open: &OpenChoice,
    options: impl Iterator<Item = pb::BenefitOption>,
) -> pb::BenefitChoice {
    let pb::OpenChoice { milestone, choice_id, left, until, taken } = open_choice(program, open);
    let name = program.milestone(open.milestone).map(|milestone| milestone.name.to_string()).unwrap_or_default();
    pb::BenefitChoice { milestone, name, choice_id, left, until, taken, options: options.collect() }
}

/// An option, and why it cannot be taken, if it cannot.
#[must_use]
pub fn option(program: &Program, option: &ChoiceOption, no: Option<&Refusal>) -> pb::BenefitOption {
    pb::BenefitOption {
        option: program.text(option.id.0).to_owned(),
        name: option.name.to_string(),
        cost: count32(option.cost),
        limit: option.limit.map(count32),
        when: option.when.as_ref().map(|when| when.written.to_string()).unwrap_or_default(),
        offered: no.is_none(),
        reason: no.map(|no| no.reason().to_owned()).unwrap_or_default(),
        gives: option.gives.iter().map(|given| benefit(program, given)).collect(),
    }
}
