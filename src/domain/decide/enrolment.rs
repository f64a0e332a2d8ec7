//! Coming, being recognised and going: enrolment, identifiers, closing.

use super::clubs::left as left_club;
use super::purchase::followed;
use super::settle::released;
use super::story::Story;
use super::{Decision, Ground, active, alerts, compare, fields, ladder, overflow, purses};
use crate::domain::event::{Fact, LeftCause, MemberEnrolled};
use crate::domain::lot;
use crate::domain::member::{Member, MemberState, Purse};
use crate::domain::order::{AttributesUpdate, Enrolment, Identifier, Note, Refusal};
use crate::domain::program::OnClose;
use crate::domain::units::{Moment, Points};

/// A new member with the head starts of the program, on the tier that her attributes give her.
pub(super) fn enroll(ground: &Ground<'_>, enrolment: &Enrolment) -> Result<Decision, Refusal> {
    let mut outcome = match entering(ground, enrolment)? {
        Decision::Apply(outcome) => outcome,
        replay @ Decision::Replay(_) => return Ok(replay),
    };
    let newcomer = Member { key: ground.key, ..Member::default() };
    let given = purses::head_starts(ground.timeline.at(ground.now), &newcomer, ground.now);
    if !given.is_empty() {
        outcome.facts.extend(given);
        outcome.facts = followed(ground, &newcomer, outcome.facts).map_err(overflow)?;
    }
    let attributes = outcome.facts.iter().find_map(|fact| match fact {
        Fact::MemberEnrolled(enrolled) => Some(enrolled.attributes.clone()),
        _ => None,
    });
    let attributes = attributes.unwrap_or_default();
    let newcomer = Member { key: ground.key, attributes, enrolled_at: ground.now, ..Member::default() };
    let earned = ladder::counted(ground.timeline, &newcomer, &[], ground.now, ground.now);
    outcome.facts.extend(earned.map_err(overflow)?);
    Ok(Decision::Apply(outcome))
}

/// A new member as such; known again by the request id, or by any of her identifiers.
pub(super) fn entering(ground: &Ground<'_>, enrolment: &Enrolment) -> Result<Decision, Refusal> {
    let program = ground.timeline.at(ground.now);
    if let Some(entry) = ground.claimed {
        return compare::enrolment(program, entry, enrolment);
    }
    let attributes = fields::enrolment_attributes(program, &enrolment.attributes)?;
    for (identifier, holder) in enrolment.identifiers.iter().zip(ground.holders) {
        let Some(holder) = holder else { continue };
        return match holder.enrolment {
            Some(entry) if !enrolment.id_given || holder.key == ground.key => {
                compare::enrolment(program, entry, enrolment)
            }
            _ => Err(claimed(identifier)),
        };
    }
    if ground.member.is_some() {
        return Err(Refusal::MemberExists);
    }
    let mut identifiers = enrolment.identifiers.clone();
    identifiers.sort();
    let enrolled = Fact::MemberEnrolled(MemberEnrolled {
        member_id: enrolment.member_id.clone(),
        id_given: enrolment.id_given,
        identifiers,
        attributes,
        base_tier: program.base_tier(),
    });
    Ok(Decision::Apply(vec![enrolled].into()))
}

/// New attributes, and the tier that they complete.
pub(super) fn update(ground: &Ground<'_>, member: &Member, update: &AttributesUpdate) -> Result<Vec<Fact>, Refusal> {
    let (set, remove) = fields::attributes_update(ground, member, update)?;
    active(member)?;
    let mut story = Story::on(ground, member);
    story.adopt(Fact::AttributesUpdated { set, remove }).map_err(overflow)?;
    let earned = ladder::completed(ground.timeline, member, &story.member, ground.now).map_err(overflow)?;
    story.extend(earned).map_err(overflow)?;
    Ok(story.facts)
}

pub(super) fn link(ground: &Ground<'_>, member: &Member, identifier: &Identifier) -> Result<Vec<Fact>, Refusal> {
    active(member)?;
    match ground.holders.first().copied().flatten() {
        None => Ok(vec![Fact::IdentifierLinked(identifier.clone())]),
        Some(holder) if holder.key == ground.key => Err(Refusal::IdentifierAlreadyLinked),
        Some(_) => Err(claimed(identifier)),
    }
}

pub(super) fn unlink(member: &Member, identifier: &Identifier) -> Result<Vec<Fact>, Refusal> {
    active(member)?;
    let held = member.identifiers.iter().any(|held| held.hash == identifier.hash);
    if held { Ok(vec![Fact::IdentifierUnlinked(identifier.clone())]) } else { Err(Refusal::IdentifierNotLinked) }
}

/// Closing for good: holds are released, and the program says whether points are forfeited.
pub(super) fn close(ground: &Ground<'_>, member: &Member, note: &Note) -> Result<Vec<Fact>, Refusal> {
    if member.state == MemberState::Closed {
        return Err(Refusal::MemberClosed);
    }
    let mut story = Story::on(ground, member);
    let holds = member.desk().holds.iter().map(|hold| released(hold, ground.now, false));
    story.extend(holds.collect::<Vec<_>>()).map_err(overflow)?;
    story.run_to(ground.settles_to).map_err(overflow)?;
    let left = points_left(ground, &story.member);
    story.extend(left).map_err(overflow)?;
    let clubs = story.member.belonging().clubs.iter().map(|held| left_club(held, LeftCause::Closed, ground.now));
    let clubs: Vec<Fact> = clubs.collect();
    story.extend(clubs).map_err(overflow)?;
    let alert = alerts::closed(&story.member, ground.now);
    story.extend(alert).map_err(overflow)?;
    story.add(Fact::MemberClosed(note.clone())).map_err(overflow)?;
    Ok(story.facts)
}

/// What becomes of the points of a member who closes.
fn points_left(ground: &Ground<'_>, member: &Member) -> Vec<Fact> {
    let program = ground.timeline.at(ground.now);
    let purses = member.purses.iter();
    match program.on_close {
        OnClose::Forfeit => purses.filter_map(forfeited).collect(),
        OnClose::Keep => Vec::new(),
        OnClose::KeepFor(span) => {
            let end = program.zone.start_of(span.after(program.zone.day_of(ground.now)));
            purses.filter(|purse| !purse.lots.is_empty()).flat_map(|purse| kept_for(purse, end)).collect()
        }
    }
}

/// That points end at `end`, unless they do before.
fn kept_for(purse: &Purse, end: Moment) -> Vec<Fact> {
    let (wallet, notice_at) = (purse.wallet, Moment::NEVER);
    let no_more = purse.kept.then_some(Fact::LotsKept { wallet, kept: false });
    let ends =
        (end < purse.lapses_at).then_some(Fact::ActivityCounted { wallet, lapses_at: end, notice_at, before: None });
    no_more.into_iter().chain(ends).collect()
}

/// The points of a purse as gone for good: forfeited, and not expired.
pub(super) fn forfeited(purse: &Purse) -> Option<Fact> {
    let points = lot::total(&purse.lots).ok().filter(|points| *points > Points::ZERO)?;
    Some(Fact::PointsForfeited { wallet: purse.wallet, points, lots: purse.lots.to_vec() })
}

fn claimed(identifier: &Identifier) -> Refusal {
    Refusal::IdentifierClaimed { kind: identifier.kind.clone(), mask: identifier.mask.clone() }
}
