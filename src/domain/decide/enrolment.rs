//! Coming, being recognised and going: enrolment, identifiers, closing.

use super::{Decision, Ground, active, compare, fields};
use crate::domain::event::{Fact, MemberEnrolled};
use crate::domain::member::{Member, MemberState};
use crate::domain::order::{Enrolment, Identifier, Note, Refusal};
use crate::domain::program::OnClose;
use crate::domain::units::Points;

/// A new member; known again by the request id, or by any of her identifiers.
pub(super) fn enroll(ground: &Ground<'_>, enrolment: &Enrolment) -> Result<Decision, Refusal> {
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
    Ok(Decision::Apply(vec![Fact::MemberEnrolled(MemberEnrolled {
        member_id: enrolment.member_id.clone(),
        id_given: enrolment.id_given,
        identifiers,
        attributes,
        base_tier: program.base_tier(),
    })]))
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

/// Closing for good; the program says whether points are forfeited with it.
pub(super) fn close(ground: &Ground<'_>, member: &Member, note: &Note) -> Result<Vec<Fact>, Refusal> {
    if member.state == MemberState::Closed {
        return Err(Refusal::MemberClosed);
    }
    let mut facts = Vec::new();
    if ground.timeline.at(ground.now).on_close == OnClose::Forfeit {
        let left = member.balances.iter().filter(|(_, points)| *points > Points::ZERO);
        facts.extend(left.map(|(wallet, points)| Fact::PointsForfeited { wallet: *wallet, points: *points }));
    }
    facts.push(Fact::MemberClosed(note.clone()));
    Ok(facts)
}

fn claimed(identifier: &Identifier) -> Refusal {
    Refusal::IdentifierClaimed { kind: identifier.kind.clone(), mask: identifier.mask.clone() }
}
