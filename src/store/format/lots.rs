//! Lots of points: in facts, where their dates count from the entry, and in snapshots, where they count from 1970.
//!
//! | field | is | absent means |
//! |---|---|---|
//! | 1 sint | points | 0 |
//! | 2 sint | issued − the UTC day of the moment counted from, in days | that day |
//! | 3 sint | expires_at, from the moment counted from (wrapping) | never |
//! | 4 sint | available_at, as 3 | spendable |
//! | 5 sint | notice_at, as 3 | never |
//! | 6 number | the entry that made it | the entry it stands in |
//! | 7 number | origin: 0 earned, 1 given | earned |
//! | 8 number | the wallet, where lots of several stand together | 0 |
//! | 9 number | 1: available_at is never, until it is confirmed | see 4 |
//!
//! So points that are earned today, can be spent and never expire cost their number and little else.

use super::Damage;
use super::eye::{Wire, unknown};
use super::pen::{Pen, zigzag};
use crate::domain::calendar::Day;
use crate::domain::event::Seq;
use crate::domain::lot::{Lot, Origin, Terms};
use crate::domain::program::{WalletId, Word};
use crate::domain::units::{Moment, Points};

/// What the dates in a snapshot count from.
pub const EPOCH: Moment = Moment(0);

/// The day on which a moment falls in UTC.
#[must_use]
pub fn utc_day(moment: Moment) -> Day {
    const DAY: i64 = 86_400_000_000;
    // Every moment's day fits: the whole range of moments is 214 million days.
    Day(i32::try_from(moment.0.div_euclid(DAY)).unwrap_or_default())
}

/// Writes lots under `field`, one by one.
pub fn write(pen: &mut Pen<'_>, field: u32, lots: &[Lot], from: Moment) {
    lots.iter().for_each(|lot| pen.nested(field, |pen| write_lot(pen, lot, from)));
}

/// Writes lots of several wallets under `field`, one by one.
pub fn write_sorted(pen: &mut Pen<'_>, field: u32, lots: &[(WalletId, Lot)], from: Moment) {
    for (wallet, lot) in lots {
        pen.nested(field, |pen| {
            write_lot(pen, lot, from);
            pen.number(8, wallet.0.0.into());
        });
    }
}

/// Writes a moment that as a rule is `usual`, which is left out.
pub fn write_unless(pen: &mut Pen<'_>, field: u32, usual: Moment, moment: Moment, from: Moment) {
    pen.maybe(field, (moment != usual).then(|| zigzag(moment.0.wrapping_sub(from.0))));
}

/// Reads one lot.
///
/// # Errors
/// [`Damage`] if the bytes are none, or it belongs to a wallet of its own.
pub fn read(wire: Wire<'_>, from: Moment) -> Result<Lot, Damage> {
    match read_of_wallet(wire, from)? {
        (WalletId(Word(0)), lot) => Ok(lot),
        _ => Err(Damage::new("a lot that names its wallet once more")),
    }
}

/// Reads one lot of several wallets'.
///
/// # Errors
/// [`Damage`] if the bytes are none.
pub fn read_of_wallet(wire: Wire<'_>, from: Moment) -> Result<(WalletId, Lot), Damage> {
    let (mut wallet, mut points, mut terms) = (WalletId::default(), Points::ZERO, Terms::lasting(utc_day(from)));
    let mut eye = wire.nested()?;
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => points = wire.points()?,
            2 => terms.issued = read_issued(wire, from)?,
            3 => terms.expires_at = wire.moment_from(from)?,
            4 => terms.available_at = wire.moment_from(from)?,
            5 => terms.notice_at = wire.moment_from(from)?,
            6 => terms.entry = Seq(wire.number()?),
            7 => terms.origin = read_origin(wire)?,
            8 => wallet = WalletId(Word(wire.narrow()?)),
            9 => terms.available_at = read_waiting(wire)?,
            other => return Err(unknown("a lot", other)),
        }
    }
    Ok((wallet, Lot { terms, points }))
}

fn write_lot(pen: &mut Pen<'_>, Lot { terms, points }: &Lot, from: Moment) {
    pen.signed(1, points.0);
    pen.signed(2, i64::from(terms.issued.0) - i64::from(utc_day(from).0));
    write_unless(pen, 3, Moment::NEVER, terms.expires_at, from);
    match terms.available_at {
        Moment::NEVER => pen.always(9, 1),
        other => write_unless(pen, 4, Moment::BEGINNING, other, from),
    }
    write_unless(pen, 5, Moment::NEVER, terms.notice_at, from);
    pen.maybe(6, (terms.entry != Seq::THIS).then_some(terms.entry.0));
    pen.number(7, u64::from(terms.origin == Origin::Given));
}

fn read_issued(wire: Wire<'_>, from: Moment) -> Result<Day, Damage> {
    let day = i64::from(utc_day(from).0).checked_add(wire.signed()?);
    let day = day.and_then(|day| i32::try_from(day).ok());
    day.map(Day).ok_or(Damage::new("a day does not fit its field"))
}

fn read_origin(wire: Wire<'_>) -> Result<Origin, Damage> {
    match wire.number()? {
        0 => Ok(Origin::Earned),
        1 => Ok(Origin::Given),
        _ => Err(Damage::new("points of an unknown origin")),
    }
}

fn read_waiting(wire: Wire<'_>) -> Result<Moment, Damage> {
    match wire.number()? {
        1 => Ok(Moment::NEVER),
        _ => Err(Damage::new("points that wait for something unknown")),
    }
}
