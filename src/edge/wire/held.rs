//! What a member belongs to and was given, as she stands: clubs, segments, invitations, choices, boosts, uses, held tiers.
//!
//! Shows what is there; whether she may do anything with it is asked elsewhere.

use super::belonging::held_by;
use super::entries::entry_id;
use super::scalars::{count32, stamp};
use crate::domain::event::Seq;
use crate::domain::member::{self, Belonging, Held};
use crate::domain::program::Program;
use crate::domain::units::Moment;
use crate::pb;

/// The fields of a member that tell what she belongs to, and nothing else of her; `None` if there is nothing.
#[must_use]
pub fn belonging(program: &Program, belonging: &Belonging, now: Moment) -> Option<pb::Member> {
    if belonging.is_empty() {
        return None;
    }
    Some(pb::Member {
        clubs: belonging.clubs.iter().map(|held| membership(program, held)).collect(),
        invitations: belonging.invitations.iter().map(|held| invitation(program, held)).collect(),
        choices: belonging.choices.iter().map(|held| open_choice(program, held)).collect(),
        boosts: boosts(program, belonging, now),
        allowances: belonging.allowances.iter().map(|held| allowance(program, held)).collect(),
        segments: belonging.segments.iter().map(|held| in_segment(program, held)).collect(),
        asked_clubs: belonging.asked.iter().map(|club| program.text(club.0).to_owned()).collect(),
        ..pb::Member::default()
    })
}

/// Membership of a club.
#[must_use]
pub fn membership(program: &Program, held: &member::Membership) -> pb::Membership {
    pb::Membership {
        club: program.text(held.club.0).to_owned(),
        since: stamp(held.since),
        until: stamp(held.until),
        has_place: held.has_place,
    }
}

/// That she is in a segment.
#[must_use]
pub fn in_segment(program: &Program, held: &member::InSegment) -> pb::InSegment {
    pb::InSegment {
        segment: program.text(held.segment.0).to_owned(),
        since: stamp(held.since),
        entry_id: recorded_id(held.entry),
    }
}

fn invitation(program: &Program, held: &member::Invitation) -> pb::Invitation {
    pb::Invitation { club: program.text(held.club.0).to_owned(), until: stamp(held.until) }
}

/// A choice that can still be made.
#[must_use]
pub fn open_choice(program: &Program, held: &member::OpenChoice) -> pb::OpenChoice {
    let taken = held
        .taken
        .iter()
        .map(|(option, times)| pb::TakenOption { option: program.text(option.0).to_owned(), times: count32(*times) });
    pb::OpenChoice {
        milestone: program.text(held.milestone.0).to_owned(),
        choice_id: recorded_id(held.entry),
        left: count32(held.left),
        until: stamp(held.until),
        taken: taken.collect(),
    }
}

/// Her boosts that are not over; those that are stay with her for what they counted.
#[must_use]
pub fn boosts(program: &Program, belonging: &Belonging, now: Moment) -> Vec<pb::HeldBoost> {
    let ahead = belonging.boosts.iter().filter(|held| now < held.until);
    ahead.map(|held| boost(program, held)).collect()
}

fn boost(program: &Program, held: &member::HeldBoost) -> pb::HeldBoost {
    pb::HeldBoost {
        boost: program.text(held.boost.0).to_owned(),
        register_before: held.register_before.and_then(stamp),
        since: stamp(held.since),
        until: stamp(held.until),
    }
}

fn allowance(program: &Program, held: &member::Allowance) -> pb::Allowance {
    pb::Allowance {
        privilege: program.text(held.privilege.0).to_owned(),
        left: count32(held.left),
        until: stamp(held.until),
        entry_id: recorded_id(held.entry),
    }
}

/// A tier and its span.
#[must_use]
pub fn held_tier(program: &Program, held: &Held) -> pb::HeldTier {
    pb::HeldTier {
        tier: program.text(held.tier.0).to_owned(),
        since: stamp(held.since),
        until: stamp(held.until),
        source: held_by(held.by).into(),
        grant_id: grant_id(held),
    }
}

/// The id by which a held tier is revoked; empty if nobody granted it.
#[must_use]
pub fn grant_id(held: &Held) -> String {
    if held.by.is_granted() { recorded_id(held.entry) } else { String::new() }
}

/// The id of an entry; empty for one that only a reading has made so far.
#[must_use]
pub fn recorded_id(entry: Seq) -> String {
    if entry == Seq::THIS { String::new() } else { entry_id(entry) }
}
