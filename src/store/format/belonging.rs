//! Facts about tiers held otherwise than by earning, what meters count of them, milestones and privileges; the numbers
//! after each name its parts (`parts.rs`). Those about clubs, segments, boosts and what is sent are in `clubs.rs`.
//!
//! | field | fact | its parts |
//! |---|---|---|
//! | 55 | TierHeld | 1 tier, 4 since, 8 reason, 9 actor, 10 by (below), 13 until; if another member gave it: 7 her entry, 12 from |
//! | 56 | TierGrantRevoked | 1 tier, 7 grant, 8 reason, 9 actor |
//! | 57 | MetersCounted | 10 cause: 0 rollover, 1 tier year, 2 benefit, 22 posts |
//! | 58 | WindowAwaited | 1 meter, 13 closes_at, 20 window |
//! | 59 | WindowClosed | 1 meter, 4 at, 20 window |
//! | 60 | MilestoneReached | 1 milestone, 4 at, 17 count, 21 number, 27 had; if there is something to choose: 13 until, 25 how many choices |
//! | 61 | MilestoneLost | 1 milestone, 7 reached, 17 count, 21 number, 27 kept |
//! | 62 | BenefitChosen | 1 milestone, 7 reached, 16 times, 19 option, 25 cost |
//! | 63 | ChoiceClosed | 1 milestone, 4 at, 7 reached |
//! | 64 | UsesGiven | 1 privilege, 13 until, 16 uses; if a milestone gave them: 20 window, 28 milestone |
//! | 65 | UsesGone | 1 privilege, 4 at, 7 given; if a milestone takes them back: 20 window, 28 milestone |
//! | 66 | PrivilegeUsed | 1 privilege, 8 note, 16 uses, 17 count, 23 given, 24 begins_at, 25 companions |
//! | 67 | PrivilegeReturned | 1 privilege, 7 used, 8 note, 16 uses, 17 count, 23 given |
//!
//! How a tier came, here and in the runs of `runs.rs`: 0 earned, 1 floor, 2 grace, 3 landing, 4 kept, 5 match, 6 gift,
//! 7 manual, 8 invitation, 9 benefit.

use super::eye::{Eye, unknown};
use super::fact::distance;
use super::lots::write_unless;
use super::parts::Parts;
use super::pen::{Pen, zigzag};
use super::rewards::write_count;
use super::{Damage, clubs, runs};
use crate::domain::event::{BelongingFact, CountCause, Entry, Given, MeterPost, Seq};
use crate::domain::member::HeldBy;
use crate::domain::program::{MeterId, MilestoneId, OptionId, PrivilegeId, TierId};
use crate::domain::units::Moment;

/// Writes a fact of `entry`.
pub fn write(pen: &mut Pen<'_>, fact: &BelongingFact, entry: &Entry) {
    match fact {
        BelongingFact::TierHeld { .. }
        | BelongingFact::TierGrantRevoked { .. }
        | BelongingFact::MetersCounted { .. }
        | BelongingFact::WindowAwaited { .. }
        | BelongingFact::WindowClosed { .. } => write_tiers(pen, fact, entry),
        BelongingFact::MilestoneReached { .. }
        | BelongingFact::MilestoneLost { .. }
        | BelongingFact::BenefitChosen { .. }
        | BelongingFact::ChoiceClosed { .. } => write_milestones(pen, fact, entry),
        BelongingFact::UsesGiven { .. }
        | BelongingFact::UsesGone { .. }
        | BelongingFact::PrivilegeUsed { .. }
        | BelongingFact::PrivilegeReturned { .. } => write_privileges(pen, fact, entry),
        BelongingFact::TierSent { .. }
        | BelongingFact::TierSentClosed { .. }
        | BelongingFact::BoostGiven { .. }
        | BelongingFact::BoostBegan { .. }
        | BelongingFact::BoostEnded { .. } => clubs::write_boosts(pen, fact, entry),
        BelongingFact::ClubJoined { .. }
        | BelongingFact::ClubLeft { .. }
        | BelongingFact::ClubInvited { .. }
        | BelongingFact::InvitationEnded { .. }
        | BelongingFact::ClubAsked { .. }
        | BelongingFact::ClubDenied { .. } => clubs::write_clubs(pen, fact, entry),
        BelongingFact::SegmentEntered { .. } | BelongingFact::SegmentLeft { .. } => {
            clubs::write_segments(pen, fact, entry);
        }
    }
}

/// Reads the fact under `field`, of the entry read so far.
///
/// # Errors
/// [`Damage`] if the bytes are not that fact.
pub fn read(field: u64, eye: Eye<'_>, entry: &Entry) -> Result<BelongingFact, Damage> {
    let parts = Parts::read(eye, entry, known(field))?;
    match field {
        55..=59 => read_tiers(field, parts),
        60..=63 => read_milestones(field, parts),
        64..=67 => read_privileges(field, parts),
        other => Err(unknown("a fact", other)),
    }
}

/// The parts of the fact under `field`, as the table above has them.
const fn known(field: u64) -> &'static [u64] {
    match field {
        55 => &[1, 4, 7, 8, 9, 10, 12, 13],
        56 => &[1, 7, 8, 9],
        57 => &[10, 22],
        58 => &[1, 13, 20],
        59 => &[1, 4, 20],
        60 => &[1, 4, 13, 17, 21, 25, 27],
        61 => &[1, 7, 17, 21, 27],
        62 => &[1, 7, 16, 19, 25],
        63 => &[1, 4, 7],
        64 => &[1, 13, 16, 20, 28],
        65 => &[1, 4, 7, 20, 28],
        66 => &[1, 8, 16, 17, 23, 24, 25],
        67 => &[1, 7, 8, 16, 17, 23],
        _ => &[],
    }
}

fn write_tiers(pen: &mut Pen<'_>, fact: &BelongingFact, entry: &Entry) {
    match fact {
        BelongingFact::TierHeld { tier, by, since, until, reason, actor, from } => pen.nested(55, |pen| {
            pen.number(1, tier.0.0.into());
            pen.signed(4, distance(*since, entry));
            pen.text(8, reason);
            pen.text(9, actor);
            pen.number(10, held_number(*by));
            write_end(pen, *until, entry);
            if let Some((giver, sent_by)) = from {
                pen.number(7, sent_by.0);
                pen.always_bytes(12, &giver.0);
            }
        }),
        BelongingFact::TierGrantRevoked { grant, tier, reason, actor } => pen.nested(56, |pen| {
            pen.number(1, tier.0.0.into());
            pen.number(7, grant.0);
            pen.text(8, reason);
            pen.text(9, actor);
        }),
        BelongingFact::MetersCounted { cause, posts } => pen.nested(57, |pen| {
            pen.number(10, counted_number(*cause));
            runs::write(pen, 22, posts, runs::put_post);
        }),
        BelongingFact::WindowAwaited { meter, window, closes_at } => pen.nested(58, |pen| {
            pen.number(1, meter.0.0.into());
            write_end(pen, *closes_at, entry);
            pen.signed(20, window.0.into());
        }),
        BelongingFact::WindowClosed { meter, window, at } => pen.nested(59, |pen| {
            pen.number(1, meter.0.0.into());
            pen.signed(4, distance(*at, entry));
            pen.signed(20, window.0.into());
        }),
        // The others are written below and in `clubs.rs`: `write` names them all.
        _ => {}
    }
}

fn read_tiers(field: u64, parts: Parts) -> Result<BelongingFact, Damage> {
    let (tier, meter, window) = (TierId(parts.word), MeterId(parts.word), parts.window);
    Ok(match field {
        55 => read_held(parts)?,
        56 => BelongingFact::TierGrantRevoked { grant: parts.entry, tier, reason: parts.note, actor: parts.actor },
        57 => BelongingFact::MetersCounted { cause: counted_for(parts.cause)?, posts: parts.posts },
        58 => BelongingFact::WindowAwaited { meter, window, closes_at: parts.end },
        59 => BelongingFact::WindowClosed { meter, window, at: parts.at },
        other => return Err(unknown("a fact", other)),
    })
}

fn read_held(parts: Parts) -> Result<BelongingFact, Damage> {
    let by = held_by(parts.cause)?;
    if parts.other.is_none() && parts.entry != Seq::NONE {
        return Err(Damage::new("a tier that nobody gave, by an entry of hers"));
    }
    Ok(BelongingFact::TierHeld {
        tier: TierId(parts.word),
        by,
        since: parts.at,
        until: parts.end,
        reason: parts.note,
        actor: parts.actor,
        from: parts.other.map(|giver| (giver, parts.entry)),
    })
}

fn write_milestones(pen: &mut Pen<'_>, fact: &BelongingFact, entry: &Entry) {
    match fact {
        BelongingFact::MilestoneReached { milestone, count, number, at, choice, had } => pen.nested(60, |pen| {
            pen.number(1, milestone.0.0.into());
            pen.signed(4, distance(*at, entry));
            write_counted(pen, *count, *number);
            if let Some((choices, until)) = choice {
                write_end(pen, *until, entry);
                pen.always(25, (*choices).into());
            }
            runs::write(pen, 27, had, runs::put_kept);
        }),
        BelongingFact::MilestoneLost { milestone, count, number, reached, kept } => pen.nested(61, |pen| {
            pen.number(1, milestone.0.0.into());
            pen.number(7, reached.0);
            write_counted(pen, *count, *number);
            runs::write(pen, 27, kept, runs::put_kept);
        }),
        BelongingFact::BenefitChosen { milestone, reached, option, times, cost } => pen.nested(62, |pen| {
            pen.number(1, milestone.0.0.into());
            pen.number(7, reached.0);
            write_uses(pen, *times);
            pen.number(19, option.0.0.into());
            pen.number(25, (*cost).into());
        }),
        BelongingFact::ChoiceClosed { milestone, reached, at } => pen.nested(63, |pen| {
            pen.number(1, milestone.0.0.into());
            pen.signed(4, distance(*at, entry));
            pen.number(7, reached.0);
        }),
        // As above.
        _ => {}
    }
}

fn read_milestones(field: u64, parts: Parts) -> Result<BelongingFact, Damage> {
    let (milestone, reached, number) = (MilestoneId(parts.word), parts.entry, parts.number);
    Ok(match field {
        60 => {
            let choice = parts.several.map(|choices| (choices, parts.end));
            if choice.is_none() && parts.end != Moment::NEVER {
                return Err(Damage::new("an end of choices where there is nothing to choose"));
            }
            let (count, at, had) = (parts.counted()?, parts.at, parts.kept);
            BelongingFact::MilestoneReached { milestone, count, number, at, choice, had }
        }
        61 => {
            let (count, kept) = (parts.counted()?, parts.kept);
            BelongingFact::MilestoneLost { milestone, count, number, reached, kept }
        }
        62 => {
            let (option, times, cost) = (OptionId(parts.option), parts.times, parts.several.unwrap_or_default());
            BelongingFact::BenefitChosen { milestone, reached, option, times, cost }
        }
        63 => BelongingFact::ChoiceClosed { milestone, reached, at: parts.at },
        other => return Err(unknown("a fact", other)),
    })
}

fn write_privileges(pen: &mut Pen<'_>, fact: &BelongingFact, entry: &Entry) {
    match fact {
        BelongingFact::UsesGiven { privilege, uses, until, of } => pen.nested(64, |pen| {
            pen.number(1, privilege.0.0.into());
            write_end(pen, *until, entry);
            write_uses(pen, *uses);
            write_giver(pen, *of);
        }),
        BelongingFact::UsesGone { privilege, given, at, of } => pen.nested(65, |pen| {
            pen.number(1, privilege.0.0.into());
            pen.signed(4, distance(*at, entry));
            pen.number(7, given.0);
            write_giver(pen, *of);
        }),
        BelongingFact::PrivilegeUsed { privilege, uses, companions, count, given, begins_at, note } => {
            pen.nested(66, |pen| {
                pen.number(1, privilege.0.0.into());
                pen.text(8, note);
                write_uses(pen, *uses);
                write_count(pen, *count);
                write_given(pen, given, entry);
                write_named(pen, *begins_at, entry);
                pen.number(25, (*companions).into());
            });
        }
        BelongingFact::PrivilegeReturned { used, privilege, uses, count, given, note } => pen.nested(67, |pen| {
            pen.number(1, privilege.0.0.into());
            pen.number(7, used.0);
            pen.text(8, note);
            write_uses(pen, *uses);
            write_count(pen, *count);
            write_given(pen, given, entry);
        }),
        // As above.
        _ => {}
    }
}

fn read_privileges(field: u64, parts: Parts) -> Result<BelongingFact, Damage> {
    let (privilege, uses, of) = (PrivilegeId(parts.word), parts.times, parts.giver());
    Ok(match field {
        64 => BelongingFact::UsesGiven { privilege, uses, until: parts.end, of },
        65 => BelongingFact::UsesGone { privilege, given: parts.entry, at: parts.at, of },
        66 => {
            let companions = parts.several.unwrap_or_default();
            let Parts { count, given, named: begins_at, note, .. } = parts;
            BelongingFact::PrivilegeUsed { privilege, uses, companions, count, given, begins_at, note }
        }
        67 => {
            let Parts { entry: used, count, given, note, .. } = parts;
            BelongingFact::PrivilegeReturned { used, privilege, uses, count, given, note }
        }
        other => return Err(unknown("a fact", other)),
    })
}

/// Writes an end that as a rule never comes.
pub fn write_end(pen: &mut Pen<'_>, until: Moment, entry: &Entry) {
    write_unless(pen, 13, Moment::NEVER, until, entry.recorded_at);
}

/// Writes a moment, if it was named.
pub fn write_named(pen: &mut Pen<'_>, named: Option<Moment>, entry: &Entry) {
    pen.maybe(24, named.map(|moment| zigzag(distance(moment, entry))));
}

fn write_uses(pen: &mut Pen<'_>, uses: u32) {
    pen.maybe(16, (uses != 1).then_some(uses.into()));
}

fn write_giver(pen: &mut Pen<'_>, of: Option<Given>) {
    if let Some((milestone, window)) = of {
        pen.signed(20, window.0.into());
        pen.always(28, milestone.0.0.into());
    }
}

fn write_counted(pen: &mut Pen<'_>, count: MeterPost, number: i64) {
    write_count(pen, Some(count));
    pen.maybe(21, (number != 1).then_some(zigzag(number)));
}

fn write_given(pen: &mut Pen<'_>, given: &[(Seq, u32, Moment)], entry: &Entry) {
    runs::write(pen, 23, given, |out, uses| runs::put_given(out, uses, entry.recorded_at));
}

/// The number of how a tier came to be held.
#[must_use]
pub const fn held_number(by: HeldBy) -> u64 {
    match by {
        HeldBy::Earned => 0,
        HeldBy::Floor => 1,
        HeldBy::Grace => 2,
        HeldBy::Landing => 3,
        HeldBy::Kept => 4,
        HeldBy::Match => 5,
        HeldBy::Gift => 6,
        HeldBy::Manual => 7,
        HeldBy::Invitation => 8,
        HeldBy::Benefit => 9,
    }
}

/// How a tier came to be held, from its number.
///
/// # Errors
/// [`Damage`] if there is no such number.
pub const fn held_by(number: u64) -> Result<HeldBy, Damage> {
    Ok(match number {
        0 => HeldBy::Earned,
        1 => HeldBy::Floor,
        2 => HeldBy::Grace,
        3 => HeldBy::Landing,
        4 => HeldBy::Kept,
        5 => HeldBy::Match,
        6 => HeldBy::Gift,
        7 => HeldBy::Manual,
        8 => HeldBy::Invitation,
        9 => HeldBy::Benefit,
        _ => return Err(Damage::new("a tier came in an unknown way")),
    })
}

const fn counted_number(cause: CountCause) -> u64 {
    match cause {
        CountCause::Rollover => 0,
        CountCause::TierYear => 1,
        CountCause::Benefit => 2,
    }
}

const fn counted_for(number: u64) -> Result<CountCause, Damage> {
    Ok(match number {
        0 => CountCause::Rollover,
        1 => CountCause::TierYear,
        2 => CountCause::Benefit,
        _ => return Err(Damage::new("meters counted for an unknown cause")),
    })
}
