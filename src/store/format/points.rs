//! Facts that move points, and those that date them; the numbers after each name its parts (`parts.rs`).
//!
//! | field | fact | its parts |
//! |---|---|---|
//! | 28 | PointsAdded | 1 wallet, 2… lots, 5 repaid, 10 cause: 0 adjustment, 1 head start, 2 opening state, 3 refund, 4 transfer, 5 benefit |
//! | 29 | PointsTaken | 1 wallet, 2… lots, 4 at, 5 owed, 6 written off, 10 cause: 0 expired, 1 inactive, 2 returned, 3 adjustment, 4 milestone lost |
//! | 30 | PointsMatured | 1 wallet, 2… lots, 4 at |
//! | 31 | PointsHeld | 1 wallet, 2… lots, 4 until, 8 note |
//! | 32 | HoldCaptured | 1 wallet, 2… lots, 3… rest, 7 hold |
//! | 33 | HoldReleased | 1 wallet, 2… lots, 4 at, 7 hold, 10 cause: 0 let go, 1 lapsed |
//! | 41 | PointsAdjusted | 1 wallet, 5 points, 8 reason, 9 actor |
//! | 42 | TransferSent | 1 wallet, 2… lots, 8 note, 12 to |
//! | 43 | TransferReceived | 7 sent by, 12 from |
//! | 44 | TransferClosed | 2… lots that came back, 7 sent by |
//! | 45 | ExpiryAnnounced | 1 wallet, 5 points, 13 expires_at |
//! | 46 | LotsRedated | 1 wallet, 13 expires_at, 14 notice_at |
//! | 47 | ActivityCounted | 1 wallet, 13 lapses_at, 14 notice_at, 24 before (the end that never comes included) |
//! | 48 | StatementSet | 1 wallet, 13 at |
//! | 54 | LotsKept | 1 wallet, 10 cause: 0 kept from now on, 1 no more |
//! | 50 | TierWithdrawn | 1 tier, 13 until |
//! | 86 | EndedReturned | 1 wallet, 2… lots |
//! | 85 | DebtPaid | 1 wallet, 2… lots, 4 at, 5 revived, 6 written off |

use super::eye::{Eye, unknown};
use super::fact::distance;
use super::lots::write_unless;
use super::parts::Parts;
use super::pen::{Pen, zigzag};
use super::{Damage, lots};
use crate::domain::event::{AddedCause, DebtPaid, Entry, Fact, PointsAdded, PointsTaken, TakenCause};
use crate::domain::lot::Lot;
use crate::domain::program::{TierId, WalletId};
use crate::domain::units::Moment;

/// Writes a fact of `entry` that moves points.
pub fn write_moves(pen: &mut Pen<'_>, fact: &Fact, entry: &Entry) {
    match fact {
        Fact::PointsAdded(added) => pen.nested(28, |pen| {
            write_lots(pen, added.wallet, &added.lots, entry);
            pen.signed(5, added.repaid.0);
            pen.number(10, added_number(added.cause));
        }),
        Fact::PointsTaken(taken) => pen.nested(29, |pen| write_taken(pen, taken, entry)),
        Fact::PointsMatured { wallet, at, lots } => pen.nested(30, |pen| {
            write_lots(pen, *wallet, lots, entry);
            pen.signed(4, distance(*at, entry));
        }),
        Fact::PointsHeld { wallet, until, lots, note } => pen.nested(31, |pen| {
            write_lots(pen, *wallet, lots, entry);
            pen.signed(4, distance(*until, entry));
            pen.text(8, note);
        }),
        Fact::HoldCaptured { hold, wallet, lots, rest } => pen.nested(32, |pen| {
            write_lots(pen, *wallet, lots, entry);
            lots::write(pen, 3, rest, entry.recorded_at);
            pen.number(7, hold.0);
        }),
        Fact::HoldReleased { hold, wallet, at, lapsed, lots } => pen.nested(33, |pen| {
            write_lots(pen, *wallet, lots, entry);
            pen.signed(4, distance(*at, entry));
            pen.number(7, hold.0);
            pen.number(10, (*lapsed).into());
        }),
        Fact::DebtPaid(paid) => pen.nested(85, |pen| {
            write_lots(pen, paid.wallet, &paid.lots, entry);
            pen.signed(4, distance(paid.at, entry));
            pen.signed(5, paid.revived.0);
            pen.signed(6, paid.written_off.0);
        }),
        Fact::EndedReturned { wallet, lots } => pen.nested(86, |pen| write_lots(pen, *wallet, lots, entry)),
        Fact::TransferSent { to, wallet, lots, note } => pen.nested(42, |pen| {
            write_lots(pen, *wallet, lots, entry);
            pen.text(8, note);
            pen.always_bytes(12, &to.0);
        }),
        Fact::TransferReceived { from, sent_by } => pen.nested(43, |pen| {
            pen.number(7, sent_by.0);
            pen.always_bytes(12, &from.0);
        }),
        Fact::TransferClosed { sent_by, back } => pen.nested(44, |pen| {
            lots::write(pen, 2, back, entry.recorded_at);
            pen.number(7, sent_by.0);
        }),
        // The others are written by their own files: `fact.rs` names them all.
        _ => {}
    }
}

/// Writes a fact of `entry` that dates points, or explains a move beside it.
pub fn write_dates(pen: &mut Pen<'_>, fact: &Fact, entry: &Entry) {
    let end = |pen: &mut Pen<'_>, field, moment| write_unless(pen, field, Moment::NEVER, moment, entry.recorded_at);
    match fact {
        Fact::PointsAdjusted { wallet, points, reason, actor } => pen.nested(41, |pen| {
            pen.number(1, wallet.0.0.into());
            pen.signed(5, points.0);
            pen.text(8, reason);
            pen.text(9, actor);
        }),
        Fact::ExpiryAnnounced { wallet, expires_at, points } => pen.nested(45, |pen| {
            pen.number(1, wallet.0.0.into());
            pen.signed(5, points.0);
            end(pen, 13, *expires_at);
        }),
        Fact::LotsRedated { wallet, expires_at, notice_at } => pen.nested(46, |pen| {
            pen.number(1, wallet.0.0.into());
            end(pen, 13, *expires_at);
            end(pen, 14, *notice_at);
        }),
        Fact::LotsKept { wallet, kept } => pen.nested(54, |pen| {
            pen.number(1, wallet.0.0.into());
            pen.number(10, u64::from(!kept));
        }),
        Fact::ActivityCounted { wallet, lapses_at, notice_at, before } => pen.nested(47, |pen| {
            pen.number(1, wallet.0.0.into());
            end(pen, 13, *lapses_at);
            end(pen, 14, *notice_at);
            pen.maybe(24, before.map(|before| zigzag(distance(before, entry))));
        }),
        Fact::StatementSet { wallet, at } => pen.nested(48, |pen| {
            pen.number(1, wallet.0.0.into());
            end(pen, 13, *at);
        }),
        Fact::TierWithdrawn { tier, until } => pen.nested(50, |pen| {
            pen.number(1, tier.0.0.into());
            end(pen, 13, *until);
        }),
        // As above.
        _ => {}
    }
}

/// Reads the fact under `field`, of the entry read so far.
///
/// # Errors
/// [`Damage`] if the bytes are not that fact.
pub fn read(field: u64, eye: Eye<'_>, entry: &Entry) -> Result<Fact, Damage> {
    let parts = Parts::read(eye, entry, known(field))?;
    let wallet = WalletId(parts.word);
    Ok(match field {
        28 => Fact::PointsAdded(Box::new(read_added(parts)?)),
        29 => Fact::PointsTaken(Box::new(read_taken(parts)?)),
        30 => Fact::PointsMatured { wallet, at: parts.at, lots: parts.lots },
        31 => Fact::PointsHeld { wallet, until: parts.at, lots: parts.lots, note: parts.note },
        32 => Fact::HoldCaptured { hold: parts.entry, wallet, lots: parts.lots, rest: parts.back },
        33 => read_released(parts),
        41 => Fact::PointsAdjusted { wallet, points: parts.points, reason: parts.note, actor: parts.actor },
        42 => Fact::TransferSent { to: parts.member()?, wallet, lots: parts.lots, note: parts.note },
        43 => Fact::TransferReceived { from: parts.member()?, sent_by: parts.entry },
        44 => Fact::TransferClosed { sent_by: parts.entry, back: parts.lots },
        45 => Fact::ExpiryAnnounced { wallet, expires_at: parts.end, points: parts.points },
        46 => Fact::LotsRedated { wallet, expires_at: parts.end, notice_at: parts.notice_at },
        47 => {
            let Parts { end: lapses_at, notice_at, named: before, .. } = parts;
            Fact::ActivityCounted { wallet, lapses_at, notice_at, before }
        }
        48 => Fact::StatementSet { wallet, at: parts.end },
        54 => Fact::LotsKept { wallet, kept: parts.cause == 0 },
        85 => {
            let Parts { at, lots, written_off, points: revived, .. } = parts;
            Fact::DebtPaid(Box::new(DebtPaid { wallet, at, lots, written_off, revived }))
        }
        50 => Fact::TierWithdrawn { tier: TierId(parts.word), until: parts.end },
        86 => Fact::EndedReturned { wallet, lots: parts.lots },
        other => return Err(unknown("a fact", other)),
    })
}

/// The parts of the fact under `field`, as the table above has them.
const fn known(field: u64) -> &'static [u64] {
    match field {
        28 => &[1, 2, 5, 10],
        29 => &[1, 2, 4, 5, 6, 10],
        30 => &[1, 2, 4],
        31 => &[1, 2, 4, 8],
        32 => &[1, 2, 3, 7],
        33 => &[1, 2, 4, 7, 10],
        41 => &[1, 5, 8, 9],
        42 => &[1, 2, 8, 12],
        43 => &[7, 12],
        44 => &[2, 7],
        45 => &[1, 5, 13],
        46 => &[1, 13, 14],
        47 => &[1, 13, 14, 24],
        48 | 50 => &[1, 13],
        54 => &[1, 10],
        85 => &[1, 2, 4, 5, 6],
        86 => &[1, 2],
        _ => &[],
    }
}

/// Writes the wallet and the lots of a fact.
pub fn write_lots(pen: &mut Pen<'_>, wallet: WalletId, lots: &[Lot], entry: &Entry) {
    pen.number(1, wallet.0.0.into());
    lots::write(pen, 2, lots, entry.recorded_at);
}

fn write_taken(pen: &mut Pen<'_>, taken: &PointsTaken, entry: &Entry) {
    write_lots(pen, taken.wallet, &taken.lots, entry);
    pen.signed(4, distance(taken.at, entry));
    pen.signed(5, taken.owed.0);
    pen.signed(6, taken.written_off.0);
    pen.number(10, taken_number(taken.cause));
}

fn read_released(parts: Parts) -> Fact {
    let Parts { entry: hold, word, at, cause, lots, .. } = parts;
    Fact::HoldReleased { hold, wallet: WalletId(word), at, lapsed: cause != 0, lots }
}

fn read_added(parts: Parts) -> Result<PointsAdded, Damage> {
    let cause = match parts.cause {
        0 => AddedCause::Adjustment,
        1 => AddedCause::HeadStart,
        2 => AddedCause::OpeningState,
        3 => AddedCause::Refund,
        4 => AddedCause::Transfer,
        5 => AddedCause::Benefit,
        _ => return Err(Damage::new("points came in for an unknown cause")),
    };
    Ok(PointsAdded { wallet: WalletId(parts.word), cause, lots: parts.lots, repaid: parts.points })
}

fn read_taken(parts: Parts) -> Result<PointsTaken, Damage> {
    let cause = match parts.cause {
        0 => TakenCause::Expired,
        1 => TakenCause::Inactive,
        2 => TakenCause::Returned,
        3 => TakenCause::Adjustment,
        4 => TakenCause::MilestoneLost,
        _ => return Err(Damage::new("points were taken for an unknown cause")),
    };
    let Parts { word, at, lots, points: owed, written_off, .. } = parts;
    Ok(PointsTaken { wallet: WalletId(word), cause, at, lots, owed, written_off })
}

const fn added_number(cause: AddedCause) -> u64 {
    match cause {
        AddedCause::Adjustment => 0,
        AddedCause::HeadStart => 1,
        AddedCause::OpeningState => 2,
        AddedCause::Refund => 3,
        AddedCause::Transfer => 4,
        AddedCause::Benefit => 5,
    }
}

const fn taken_number(cause: TakenCause) -> u64 {
    match cause {
        TakenCause::Expired => 0,
        TakenCause::Inactive => 1,
        TakenCause::Returned => 2,
        TakenCause::Adjustment => 3,
        TakenCause::MilestoneLost => 4,
    }
}
