//! Clubs: who may come in, what it costs, and going again.

use super::ladder::member_subject;
use super::windows::readings;
use super::{Ground, Outcome, PotMove, active, overflow, purses};
use crate::domain::calendar::CalendarSpan;
use crate::domain::event::{BelongingFact, Fact, FeePaid, InvitationEnd, JoinedBy, LeftCause};
use crate::domain::member::{Member, Membership, Pot};
use crate::domain::order::{Note, Refusal};
use crate::domain::program::{Club, Condition, Door, Program};
use crate::domain::units::{Moment, Points, Text};

/// What a club is to a member at a moment; its places are not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClubOffer {
    /// Her membership, if she belongs.
    pub membership: Option<Membership>,
    /// Until when she is invited, if she is.
    pub invited_until: Option<Moment>,
    /// Whether she asked to be let in and waits for an answer.
    pub asked: bool,
    /// What she would pay now; in money, or in points of the fee's wallet.
    pub fee: Option<Points>,
    /// Why she cannot come in, or go on, now; the fee aside.
    pub refusal: Option<Refusal>,
}

/// What `club` is to a settled member at `now`.
#[must_use]
pub fn club_offer(program: &Program, club: &Club, member: &Member, now: Moment) -> ClubOffer {
    let membership = member.belonging().club(club.id).copied();
    let invitation = member.belonging().invitations.iter().find(|invitation| invitation.club == club.id);
    let fee = club.fee.as_ref().map(|fee| fee.of(member.standing.tier(), membership.is_some()));
    let refusal = active(member).and_then(|()| admitted(program, club, member, now)).err();
    ClubOffer {
        membership,
        invited_until: invitation.map(|invitation| invitation.until),
        asked: member.belonging().asked.contains(&club.id),
        fee,
        refusal,
    }
}

/// Whether she may come in by herself, or go on, the fee and the places aside.
fn admitted(program: &Program, club: &Club, member: &Member, now: Moment) -> Result<JoinedBy, Refusal> {
    let membership = member.belonging().club(club.id);
    let invited = member.belonging().invitations.iter().any(|invitation| invitation.club == club.id);
    if now < club.from || club.until <= now {
        return Err(Refusal::ClubNotOpen);
    }
    let by = match (membership, club.door) {
        (Some(held), _) => {
            let goes_on = club.term.is_some() && club.fee.is_some() && held.until < Moment::NEVER;
            if goes_on { JoinedBy::Renewal } else { return Err(Refusal::AlreadyMember) }
        }
        (None, _) if invited => JoinedBy::Invitation,
        (None, Door::Invitation(_)) => return Err(Refusal::NotInvited),
        (None, Door::Approval) if member.belonging().asked.contains(&club.id) => return Err(Refusal::AlreadyAsked),
        (None, Door::Condition) => JoinedBy::Condition,
        (None, Door::Open | Door::Approval) => JoinedBy::Asking,
    };
    meets(program, club.condition.as_ref(), member, now)?;
    Ok(by)
}

/// Whether a member meets a condition over meters, tier and attributes.
pub(super) fn meets(
    program: &Program,
    condition: Option<&Condition>,
    member: &Member,
    now: Moment,
) -> Result<(), Refusal> {
    let Some(condition) = condition else { return Ok(()) };
    let readings = readings(program, member, &[], program.zone.day_of(now)).map_err(overflow)?;
    let holds = condition.holds(&member_subject(program, member, &readings, now)).map_err(overflow)?;
    if holds { Ok(()) } else { Err(Refusal::ConditionNotMet((*condition.written).into())) }
}

/// The club an order names.
pub(super) fn named<'a>(program: &'a Program, name: &str) -> Result<&'a Club, Refusal> {
    let found = program.clubs.iter().find(|club| program.text(club.id.0) == name);
    found.ok_or_else(|| Refusal::UnknownClub(name.into()))
}

/// Comes in, asks to be let in, or goes on for another term.
pub(super) fn join(
    ground: &Ground<'_>,
    member: &Member,
    name: &str,
    (paid, reference): (Points, &Text),
) -> Result<Outcome, Refusal> {
    let program = ground.timeline.at(ground.now);
    let club = named(program, name)?;
    active(member)?;
    let by = admitted(program, club, member, ground.now)?;
    if by == JoinedBy::Asking && club.door == Door::Approval {
        paid_is(Points::ZERO, paid)?;
        return Ok(vec![Fact::from(BelongingFact::ClubAsked { club: club.id })].into());
    }
    come_in(ground, member, club, by, (paid, reference), &Text::default())
}

/// Comes in by a door that is open to her.
fn come_in(
    ground: &Ground<'_>,
    member: &Member,
    club: &Club,
    by: JoinedBy,
    (paid, reference): (Points, &Text),
    actor: &Text,
) -> Result<Outcome, Refusal> {
    let program = ground.timeline.at(ground.now);
    let held = member.belonging().club(club.id);
    let pots = place(ground, program, club, held)?;
    let fee = fee(member, program, club, held.is_some(), (paid, reference))?;
    let since = held.map_or(ground.now, |held| held.since);
    let from = held.map_or(ground.now, |held| held.until);
    let until = term_end(program, club, from);
    let (club, takes_place, actor) = (club.id, !pots.is_empty(), actor.clone());
    let joined = BelongingFact::ClubJoined { club, by, since, until, takes_place, fee, actor };
    Ok(Outcome { facts: vec![Fact::from(joined)], pots })
}

/// When a term that begins at `from` ends.
pub(super) fn term_end(program: &Program, club: &Club, from: Moment) -> Moment {
    club.term.map_or(Moment::NEVER, |term| program.zone.start_of(term.after(program.zone.day_of(from))))
}

/// The place she takes, if she has none. It is counted whether the club has a capacity or not: another version may say
/// one.
pub(super) fn place(
    ground: &Ground<'_>,
    program: &Program,
    club: &Club,
    held: Option<&Membership>,
) -> Result<Vec<PotMove>, Refusal> {
    if held.is_some_and(|held| held.has_place) {
        return Ok(Vec::new());
    }
    let pot = Pot::places_of(program.text(club.id.0));
    let gone = ground.pots.iter().find(|(name, _)| *name == pot).map_or(Points::ZERO, |(_, gone)| *gone);
    match club.capacity {
        Some(capacity) if gone.0 >= capacity => Err(Refusal::ClubFull(capacity)),
        _ => Ok(vec![PotMove { pot, amount: Points(1) }]),
    }
}

fn fee(
    member: &Member,
    program: &Program,
    club: &Club,
    renews: bool,
    (paid, reference): (Points, &Text),
) -> Result<Option<FeePaid>, Refusal> {
    let Some(fee) = &club.fee else { return paid_is(Points::ZERO, paid).map(|()| None) };
    let amount = fee.of(member.standing.tier(), renews);
    let Some(wallet) = fee.wallet else {
        paid_is(amount, paid)?;
        return Ok(Some(FeePaid { wallet: None, amount, lots: Vec::new(), reference: reference.clone() }));
    };
    paid_is(Points::ZERO, paid)?;
    let from = program.wallet(wallet).ok_or_else(|| Refusal::UnknownWallet(program.text(wallet.0).into()))?;
    let lots = purses::spend(member, from, amount)?;
    Ok(Some(FeePaid { wallet: Some(wallet), amount, lots, reference: Text::default() }))
}

fn paid_is(fee: Points, paid: Points) -> Result<(), Refusal> {
    if fee == paid { Ok(()) } else { Err(Refusal::FeeRequired { fee, paid }) }
}

/// Leaves.
pub(super) fn leave(ground: &Ground<'_>, member: &Member, name: &str) -> Result<Outcome, Refusal> {
    let program = ground.timeline.at(ground.now);
    let club = named(program, name)?;
    active(member)?;
    let not_hers = || Refusal::NotMember { clubs: vec![name.into()], helps: false };
    let held = member.belonging().club(club.id).ok_or_else(not_hers)?;
    Ok(vec![left(held, LeftCause::Left, ground.now)].into())
}

/// That a membership is over; the engine frees its place.
pub(super) fn left(held: &Membership, cause: LeftCause, at: Moment) -> Fact {
    let Membership { club, has_place: frees_place, entry: joined, .. } = *held;
    Fact::from(BelongingFact::ClubLeft { club, cause, at, frees_place, joined })
}

/// What a club has for a member who came into one of its segments: an invitation, where its door is one or a fee is
/// asked; membership, where she meets the condition that its door is. Nothing for whom it is no news, or who cannot come in.
pub(super) fn open_to(ground: &Ground<'_>, member: &Member, club: &Club) -> Outcome {
    let program = ground.timeline.at(ground.now);
    let belonging = member.belonging();
    let known = belonging.club(club.id).is_some() || belonging.invitations.iter().any(|held| held.club == club.id);
    let closed = ground.now < club.from || club.until <= ground.now;
    if known || closed || active(member).is_err() {
        return Outcome::default();
    }
    let invited = |span| {
        let (club, until, actor) = (club.id, invitation_end(program, span, ground.now), Text::default());
        Outcome::from(vec![Fact::from(BelongingFact::ClubInvited { club, until, actor })])
    };
    let meets = || meets(program, club.condition.as_ref(), member, ground.now).is_ok();
    match club.door {
        Door::Invitation(span) => invited(span),
        Door::Condition if meets() && club.fee.is_some() => invited(ADMISSION_STANDS),
        Door::Condition if meets() => {
            let nothing = (Points::ZERO, &Text::default());
            come_in(ground, member, club, JoinedBy::Condition, nothing, &Text::default()).unwrap_or_default()
        }
        _ => Outcome::default(),
    }
}

/// How long whom a fee is asked of, and who was let in, has to pay it.
const ADMISSION_STANDS: CalendarSpan = CalendarSpan::Days(30);

/// The end of an invitation that stands through the last day of a span.
fn invitation_end(program: &Program, span: CalendarSpan, now: Moment) -> Moment {
    program.zone.start_of(span.after(program.zone.day_of(now)).plus_days(1))
}

/// Invites.
pub(super) fn invite(
    ground: &Ground<'_>,
    member: &Member,
    name: &str,
    until: Option<Moment>,
    actor: &Text,
) -> Result<Fact, Refusal> {
    let program = ground.timeline.at(ground.now);
    let club = named(program, name)?;
    active(member)?;
    if member.belonging().club(club.id).is_some() {
        return Err(Refusal::AlreadyMember);
    }
    let stands = match club.door {
        Door::Invitation(span) => invitation_end(program, span, ground.now),
        _ => Moment::NEVER,
    };
    let until = until.unwrap_or(stands);
    if until <= ground.now {
        return Err(Refusal::GrantOver);
    }
    Ok(Fact::from(BelongingFact::ClubInvited { club: club.id, until, actor: actor.clone() }))
}

/// Ends an invitation.
pub(super) fn end_invitation(
    ground: &Ground<'_>,
    member: &Member,
    name: &str,
    cause: InvitationEnd,
    note: &Note,
) -> Result<Fact, Refusal> {
    let club = named(ground.timeline.at(ground.now), name)?;
    active(member)?;
    if !member.belonging().invitations.iter().any(|invitation| invitation.club == club.id) {
        return Err(Refusal::NotInvited);
    }
    Ok(Fact::from(BelongingFact::InvitationEnded { club: club.id, cause, at: ground.now, note: note.clone() }))
}

/// Answers a member who asked. Whom a fee is asked of is invited, and comes in by paying it.
pub(super) fn admit(
    ground: &Ground<'_>,
    member: &Member,
    name: &str,
    admitted: bool,
    (reason, actor): (&Note, &Text),
) -> Result<Outcome, Refusal> {
    let program = ground.timeline.at(ground.now);
    let club = named(program, name)?;
    active(member)?;
    if !member.belonging().asked.contains(&club.id) {
        return Err(Refusal::NotAsked);
    }
    if !admitted {
        let (club, reason, actor) = (club.id, reason.clone(), actor.clone());
        return Ok(vec![Fact::from(BelongingFact::ClubDenied { club, reason, actor })].into());
    }
    if club.fee.is_some() {
        let (club, actor) = (club.id, actor.clone());
        let until = invitation_end(program, ADMISSION_STANDS, ground.now);
        return Ok(vec![Fact::from(BelongingFact::ClubInvited { club, until, actor })].into());
    }
    meets(program, club.condition.as_ref(), member, ground.now)?;
    come_in(ground, member, club, JoinedBy::Approval, (Points::ZERO, &Text::default()), actor)
}
