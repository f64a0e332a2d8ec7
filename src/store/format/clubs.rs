//! Facts about tiers that were sent, boosts, clubs and segments; the numbers after each name its parts (`parts.rs`).
//!
//! | field | fact | its parts |
//! |---|---|---|
//! | 68 | TierSent | 1 tier, 8 note, 12 to, 13 until |
//! | 69 | TierSentClosed | 7 sent by, 10 how: 0 it arrived, 1 it came back |
//! | 70 | BoostGiven | 1 campaign, 24 register_before |
//! | 71 | BoostBegan | 1 campaign, 4 since, 13 until, 17 reset |
//! | 72 | BoostEnded | 1 campaign, 4 at |
//! | 73 | ClubJoined | 1 club, 4 since, 9 actor, 10 by: 0 asking, 1 invitation, 2 condition, 3 approval, 4 benefit, 5 renewal, 13 until, 25 takes a place: 1, 26 fee |
//! | 74 | ClubLeft | 1 club, 4 at, 7 joined, 10 cause: 0 left, 1 lapsed, 2 closed, 25 places that are free again: 1 or none |
//! | 75 | ClubInvited | 1 club, 9 actor, 13 until |
//! | 76 | InvitationEnded | 1 club, 4 at, 8 note, 10 cause: 0 declined, 1 revoked, 2 expired |
//! | 77 | ClubAsked | 1 club |
//! | 78 | ClubDenied | 1 club, 8 reason, 9 actor |
//! | 79 | SegmentEntered | 1 segment, 4 at; what it rests on: 7 her purchase, or 20 the day |
//! | 80 | SegmentLeft | as SegmentEntered |

use super::belonging::{write_end, write_named};
use super::eye::{Eye, Wire, unknown};
use super::fact::{distance, read_word};
use super::parts::Parts;
use super::pen::Pen;
use super::rewards::write_count;
use super::{Damage, lots};
use crate::domain::event::{BelongingFact, Entry, FeePaid, InvitationEnd, JoinedBy, LeftCause, RestsOn, Seq};
use crate::domain::program::{ClubId, RuleId, SegmentId, TierId, WalletId};
use crate::domain::units::{Moment, Points, Text};

/// Writes a fact of `entry` about a tier that was sent, or a boost.
pub fn write_boosts(pen: &mut Pen<'_>, fact: &BelongingFact, entry: &Entry) {
    match fact {
        BelongingFact::TierSent { to, tier, until, note } => pen.nested(68, |pen| {
            pen.number(1, tier.0.0.into());
            pen.text(8, note);
            pen.always_bytes(12, &to.0);
            write_end(pen, *until, entry);
        }),
        BelongingFact::TierSentClosed { sent_by, arrived } => pen.nested(69, |pen| {
            pen.number(7, sent_by.0);
            pen.number(10, u64::from(!arrived));
        }),
        BelongingFact::BoostGiven { boost, register_before } => pen.nested(70, |pen| {
            pen.number(1, boost.0.0.into());
            write_named(pen, *register_before, entry);
        }),
        BelongingFact::BoostBegan { boost, since, until, reset } => pen.nested(71, |pen| {
            pen.number(1, boost.0.0.into());
            pen.signed(4, distance(*since, entry));
            write_end(pen, *until, entry);
            write_count(pen, *reset);
        }),
        BelongingFact::BoostEnded { boost, at } => pen.nested(72, |pen| {
            pen.number(1, boost.0.0.into());
            pen.signed(4, distance(*at, entry));
        }),
        // The others are written below and in `belonging.rs`, which names them all.
        _ => {}
    }
}

/// Writes a fact of `entry` about a club.
pub fn write_clubs(pen: &mut Pen<'_>, fact: &BelongingFact, entry: &Entry) {
    match fact {
        BelongingFact::ClubJoined { club, by, since, until, takes_place, fee, actor } => pen.nested(73, |pen| {
            pen.number(1, club.0.0.into());
            pen.signed(4, distance(*since, entry));
            pen.text(9, actor);
            pen.number(10, joined_number(*by));
            write_end(pen, *until, entry);
            pen.number(25, (*takes_place).into());
            if let Some(fee) = fee {
                pen.nested(26, |pen| write_fee(pen, fee, entry.recorded_at));
            }
        }),
        BelongingFact::ClubLeft { club, cause, at, frees_place, joined } => pen.nested(74, |pen| {
            pen.number(1, club.0.0.into());
            pen.signed(4, distance(*at, entry));
            pen.number(7, joined.0);
            pen.number(10, left_number(*cause));
            pen.number(25, (*frees_place).into());
        }),
        BelongingFact::ClubInvited { club, until, actor } => pen.nested(75, |pen| {
            pen.number(1, club.0.0.into());
            pen.text(9, actor);
            write_end(pen, *until, entry);
        }),
        BelongingFact::InvitationEnded { club, cause, at, note } => pen.nested(76, |pen| {
            pen.number(1, club.0.0.into());
            pen.signed(4, distance(*at, entry));
            pen.text(8, note);
            pen.number(10, ended_number(*cause));
        }),
        BelongingFact::ClubAsked { club } => pen.nested(77, |pen| pen.number(1, club.0.0.into())),
        BelongingFact::ClubDenied { club, reason, actor } => pen.nested(78, |pen| {
            pen.number(1, club.0.0.into());
            pen.text(8, reason);
            pen.text(9, actor);
        }),
        // As above.
        _ => {}
    }
}

/// Writes a fact of `entry` about a segment.
pub fn write_segments(pen: &mut Pen<'_>, fact: &BelongingFact, entry: &Entry) {
    let (field, segment, rests_on, at) = match fact {
        BelongingFact::SegmentEntered { segment, rests_on, at } => (79, segment, rests_on, at),
        BelongingFact::SegmentLeft { segment, rests_on, at } => (80, segment, rests_on, at),
        // As above.
        _ => return,
    };
    pen.nested(field, |pen| {
        pen.number(1, segment.0.0.into());
        pen.signed(4, distance(*at, entry));
        match rests_on {
            RestsOn::Purchase(purchase) => pen.number(7, purchase.0),
            RestsOn::Day(day) => pen.signed(20, day.0.into()),
        }
    });
}

/// Reads the fact under `field`, of the entry read so far.
///
/// # Errors
/// [`Damage`] if the bytes are not that fact.
pub fn read(field: u64, eye: Eye<'_>, entry: &Entry) -> Result<BelongingFact, Damage> {
    let parts = Parts::read(eye, entry, known(field))?;
    match field {
        68..=72 => read_boosts(field, parts),
        73..=78 => read_clubs(field, parts),
        79 | 80 => read_segments(field, parts),
        other => Err(unknown("a fact", other)),
    }
}

/// The parts of the fact under `field`, as the table above has them.
const fn known(field: u64) -> &'static [u64] {
    match field {
        68 => &[1, 8, 12, 13],
        69 => &[7, 10],
        70 => &[1, 24],
        71 => &[1, 4, 13, 17],
        72 => &[1, 4],
        73 => &[1, 4, 9, 10, 13, 25, 26],
        74 => &[1, 4, 7, 10, 25],
        75 => &[1, 9, 13],
        76 => &[1, 4, 8, 10],
        77 => &[1],
        78 => &[1, 8, 9],
        79 | 80 => &[1, 4, 7, 20],
        _ => &[],
    }
}

fn read_boosts(field: u64, parts: Parts) -> Result<BelongingFact, Damage> {
    let (tier, boost) = (TierId(parts.word), RuleId(parts.word));
    Ok(match field {
        68 => BelongingFact::TierSent { to: parts.member()?, tier, until: parts.end, note: parts.note },
        69 => BelongingFact::TierSentClosed { sent_by: parts.entry, arrived: has_arrived(parts.cause)? },
        70 => BelongingFact::BoostGiven { boost, register_before: parts.named },
        71 => BelongingFact::BoostBegan { boost, since: parts.at, until: parts.end, reset: parts.count },
        72 => BelongingFact::BoostEnded { boost, at: parts.at },
        other => return Err(unknown("a fact", other)),
    })
}

fn read_clubs(field: u64, parts: Parts) -> Result<BelongingFact, Damage> {
    let club = ClubId(parts.word);
    let Parts { at, end: until, note, actor, cause, fee, several, entry: joined, .. } = parts;
    Ok(match field {
        73 => {
            let (by, takes_place) = (joined_by(cause)?, is_one(several)?);
            BelongingFact::ClubJoined { club, by, since: at, until, takes_place, fee, actor }
        }
        74 => {
            let (cause, frees_place) = (left_for(cause)?, is_one(several)?);
            BelongingFact::ClubLeft { club, cause, at, frees_place, joined }
        }
        75 => BelongingFact::ClubInvited { club, until, actor },
        76 => BelongingFact::InvitationEnded { club, cause: ended_for(cause)?, at, note },
        77 => BelongingFact::ClubAsked { club },
        78 => BelongingFact::ClubDenied { club, reason: note, actor },
        other => return Err(unknown("a fact", other)),
    })
}

fn read_segments(field: u64, parts: Parts) -> Result<BelongingFact, Damage> {
    let Parts { word, at, entry: purchase, window: day, .. } = parts;
    let rests_on = if purchase == Seq::NONE { RestsOn::Day(day) } else { RestsOn::Purchase(purchase) };
    let segment = SegmentId(word);
    Ok(match field {
        79 => BelongingFact::SegmentEntered { segment, rests_on, at },
        80 => BelongingFact::SegmentLeft { segment, rests_on, at },
        other => return Err(unknown("a fact", other)),
    })
}

fn write_fee(pen: &mut Pen<'_>, fee: &FeePaid, from: Moment) {
    pen.maybe(1, fee.wallet.map(|wallet| wallet.0.0.into()));
    lots::write(pen, 2, &fee.lots, from);
    pen.signed(5, fee.amount.0);
    pen.text(8, &fee.reference);
}

/// Reads what was paid for a club.
///
/// # Errors
/// [`Damage`] if the bytes are not that.
pub fn read_fee(wire: Wire<'_>, from: Moment) -> Result<FeePaid, Damage> {
    let mut fee = FeePaid { wallet: None, amount: Points::ZERO, lots: Vec::new(), reference: Text::default() };
    let mut eye = wire.nested()?;
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => fee.wallet = Some(WalletId(read_word(wire)?)),
            2 => fee.lots.push(lots::read(wire, from)?),
            5 => fee.amount = wire.points()?,
            8 => fee.reference = wire.text()?,
            other => return Err(unknown("a fee", other)),
        }
    }
    Ok(fee)
}

const fn has_arrived(number: u64) -> Result<bool, Damage> {
    match number {
        0 => Ok(true),
        1 => Ok(false),
        _ => Err(Damage::new("a tier that was sent ended in an unknown way")),
    }
}

const fn is_one(places: Option<u32>) -> Result<bool, Damage> {
    match places {
        None => Ok(false),
        Some(1) => Ok(true),
        Some(_) => Err(Damage::new("who leaves a club frees one place or none")),
    }
}

const fn joined_number(by: JoinedBy) -> u64 {
    match by {
        JoinedBy::Asking => 0,
        JoinedBy::Invitation => 1,
        JoinedBy::Condition => 2,
        JoinedBy::Approval => 3,
        JoinedBy::Benefit => 4,
        JoinedBy::Renewal => 5,
        JoinedBy::Import => 6,
    }
}

const fn joined_by(number: u64) -> Result<JoinedBy, Damage> {
    Ok(match number {
        0 => JoinedBy::Asking,
        1 => JoinedBy::Invitation,
        2 => JoinedBy::Condition,
        3 => JoinedBy::Approval,
        4 => JoinedBy::Benefit,
        5 => JoinedBy::Renewal,
        6 => JoinedBy::Import,
        _ => return Err(Damage::new("a club was joined in an unknown way")),
    })
}

const fn left_number(cause: LeftCause) -> u64 {
    match cause {
        LeftCause::Left => 0,
        LeftCause::Lapsed => 1,
        LeftCause::Closed => 2,
    }
}

const fn left_for(number: u64) -> Result<LeftCause, Damage> {
    Ok(match number {
        0 => LeftCause::Left,
        1 => LeftCause::Lapsed,
        2 => LeftCause::Closed,
        _ => return Err(Damage::new("a club was left for an unknown cause")),
    })
}

const fn ended_number(cause: InvitationEnd) -> u64 {
    match cause {
        InvitationEnd::Declined => 0,
        InvitationEnd::Revoked => 1,
        InvitationEnd::Expired => 2,
    }
}

const fn ended_for(number: u64) -> Result<InvitationEnd, Damage> {
    Ok(match number {
        0 => InvitationEnd::Declined,
        1 => InvitationEnd::Revoked,
        2 => InvitationEnd::Expired,
        _ => return Err(Damage::new("an invitation ended for an unknown cause")),
    })
}
