//! What a snapshot says of points, and of what is under way: fields 16 to 20 and 24 of a member (see `member.rs`).
//!
//! Moments and days count from 1970 here, for a snapshot belongs to no entry.

use smallvec::SmallVec;

use super::Damage;
use super::eye::{Wire, unknown};
use super::fact::read_word;
use super::lots::{self, EPOCH, utc_day, write_unless};
use super::pen::Pen;
use crate::domain::event::Seq;
use crate::domain::lot::{Lot, Terms};
use crate::domain::member::{Desk, Ended, Hold, Member, Pot, Purse, Reservation, Transfer, Voucher, WrittenOff};
use crate::domain::order::{Claim, MemberKey};
use crate::domain::program::{RewardId, WalletId};
use crate::domain::units::{Moment, Points, Text};

/// Writes what a member has in wallets and under way.
pub fn write(pen: &mut Pen<'_>, member: &Member) {
    member.purses.iter().for_each(|purse| pen.nested(16, |pen| write_purse(pen, purse)));
    let desk = member.desk();
    desk.holds.iter().for_each(|hold| pen.nested(17, |pen| write_hold(pen, hold)));
    desk.vouchers.iter().for_each(|voucher| pen.nested(18, |pen| write_voucher(pen, voucher)));
    desk.transfers.iter().for_each(|transfer| pen.nested(19, |pen| write_transfer(pen, transfer)));
    for ended in &desk.ended {
        pen.nested(24, |pen| {
            pen.number(1, ended.wallet.0.0.into());
            lots::write(pen, 2, &[ended.lot], EPOCH);
        });
    }
    for gone in &desk.written_off {
        pen.nested(25, |pen| {
            pen.number(1, gone.wallet.0.0.into());
            pen.number(2, gone.entry.0);
            pen.signed(3, gone.points.0);
        });
    }
    if let Some(pot) = &member.pot {
        pen.nested(20, |pen| write_pot(pen, pot));
    }
}

/// Reads the field 16 to 20, 24 or 25 of a member.
///
/// # Errors
/// [`Damage`] if it is none of them, or not what belongs there.
pub fn read(member: &mut Member, field: u64, wire: Wire<'_>) -> Result<(), Damage> {
    match field {
        16 => member.purses.push(read_purse(wire)?),
        17 => desk_of(member).holds.push(read_hold(wire)?),
        18 => desk_of(member).vouchers.push(read_voucher(wire)?),
        19 => desk_of(member).transfers.push(read_transfer(wire)?),
        24 => desk_of(member).ended.push(read_ended(wire)?),
        25 => desk_of(member).written_off.push(read_written_off(wire)?),
        20 => member.pot = Some(Box::new(read_pot(wire)?)),
        other => return Err(unknown("a member", other)),
    }
    Ok(())
}

/// The purses of a member whose snapshot was written before there were lots; a balance below zero was a debt.
#[must_use]
pub fn purses_of(balances: Vec<(WalletId, Points)>, member: &Member) -> SmallVec<[Purse; 1]> {
    let terms = Terms { entry: member.last_entry, ..Terms::lasting(utc_day(member.recorded_at)) };
    let purse = |(wallet, points): (WalletId, Points)| {
        let mut purse = Purse::new(wallet);
        if points > Points::ZERO {
            purse.lots.push(Lot { terms, points });
        } else {
            purse.debt = Points(points.0.saturating_neg());
        }
        purse
    };
    balances.into_iter().filter(|(_, points)| *points != Points::ZERO).map(purse).collect()
}

fn desk_of(member: &mut Member) -> &mut Desk {
    member.desk.get_or_insert_default()
}

fn write_purse(pen: &mut Pen<'_>, purse: &Purse) {
    pen.number(1, purse.wallet.0.0.into());
    lots::write(pen, 2, &purse.lots, EPOCH);
    pen.signed(3, purse.debt.0);
    write_unless(pen, 4, Moment::NEVER, purse.lapses_at, EPOCH);
    write_unless(pen, 5, Moment::NEVER, purse.lapse_notice_at, EPOCH);
    write_unless(pen, 6, Moment::NEVER, purse.statement_at, EPOCH);
    pen.number(7, purse.kept.into());
    pen.number(8, purse.active_by.0);
}

fn read_purse(wire: Wire<'_>) -> Result<Purse, Damage> {
    let mut purse = Purse::new(WalletId::default());
    let mut eye = wire.nested()?;
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => purse.wallet = WalletId(read_word(wire)?),
            2 => purse.lots.push(lots::read(wire, EPOCH)?),
            3 => purse.debt = wire.points()?,
            4 => purse.lapses_at = wire.moment()?,
            5 => purse.lapse_notice_at = wire.moment()?,
            6 => purse.statement_at = wire.moment()?,
            7 => purse.kept = wire.number()? != 0,
            8 => purse.active_by = Seq(wire.number()?),
            other => return Err(unknown("a purse", other)),
        }
    }
    Ok(purse)
}

fn write_hold(pen: &mut Pen<'_>, hold: &Hold) {
    pen.number(1, hold.entry.0);
    pen.number(2, hold.wallet.0.0.into());
    pen.signed(3, hold.until.0);
    lots::write(pen, 4, &hold.lots, EPOCH);
}

fn read_hold(wire: Wire<'_>) -> Result<Hold, Damage> {
    let mut hold = Hold { entry: Seq::NONE, wallet: WalletId::default(), until: EPOCH, lots: Vec::new() };
    let mut eye = wire.nested()?;
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => hold.entry = Seq(wire.number()?),
            2 => hold.wallet = WalletId(read_word(wire)?),
            3 => hold.until = wire.moment()?,
            4 => hold.lots.push(lots::read(wire, EPOCH)?),
            other => return Err(unknown("a hold", other)),
        }
    }
    Ok(hold)
}

fn write_voucher(pen: &mut Pen<'_>, voucher: &Voucher) {
    pen.always_bytes(1, &voucher.claim.0);
    pen.number(2, voucher.entry.0);
    pen.number(3, voucher.reward.0.0.into());
    pen.maybe(4, (voucher.times != 1).then_some(voucher.times.into()));
    write_unless(pen, 5, Moment::NEVER, voucher.expires_at, EPOCH);
    pen.text(6, &voucher.nonce);
}

fn read_voucher(wire: Wire<'_>) -> Result<Voucher, Damage> {
    let (mut claim, mut nonce, mut entry, mut reward) = (None, Text::default(), Seq::NONE, RewardId::default());
    let (mut times, mut expires_at) = (1, Moment::NEVER);
    let mut eye = wire.nested()?;
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => claim = Some(Claim(wire.array()?)),
            2 => entry = Seq(wire.number()?),
            3 => reward = RewardId(read_word(wire)?),
            4 => times = wire.narrow()?,
            5 => expires_at = wire.moment()?,
            6 => nonce = wire.text()?,
            other => return Err(unknown("a voucher", other)),
        }
    }
    let claim = claim.ok_or(Damage::new("a voucher without its hash"))?;
    Ok(Voucher { claim, nonce, entry, reward, times, expires_at })
}

fn write_transfer(pen: &mut Pen<'_>, transfer: &Transfer) {
    pen.number(1, transfer.entry.0);
    pen.always_bytes(2, &transfer.to.0);
    pen.number(3, transfer.wallet.0.0.into());
    lots::write(pen, 4, &transfer.lots, EPOCH);
}

fn read_transfer(wire: Wire<'_>) -> Result<Transfer, Damage> {
    let mut sent = Transfer { entry: Seq::NONE, to: MemberKey::NOBODY, wallet: WalletId::default(), lots: Vec::new() };
    let mut eye = wire.nested()?;
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => sent.entry = Seq(wire.number()?),
            2 => sent.to = MemberKey(wire.array()?),
            3 => sent.wallet = WalletId(read_word(wire)?),
            4 => sent.lots.push(lots::read(wire, EPOCH)?),
            other => return Err(unknown("a transfer", other)),
        }
    }
    Ok(sent)
}

fn read_ended(wire: Wire<'_>) -> Result<Ended, Damage> {
    let (mut wallet, mut lot) = (WalletId::default(), None);
    let mut eye = wire.nested()?;
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => wallet = WalletId(read_word(wire)?),
            2 => lot = Some(lots::read(wire, EPOCH)?),
            other => return Err(unknown("a lot that ended", other)),
        }
    }
    let lot = lot.ok_or(Damage::new("a lot that ended is missing"))?;
    Ok(Ended { wallet, lot })
}

fn read_written_off(wire: Wire<'_>) -> Result<WrittenOff, Damage> {
    let mut gone = WrittenOff { wallet: WalletId::default(), entry: Seq::NONE, points: Points::ZERO };
    let mut eye = wire.nested()?;
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => gone.wallet = WalletId(read_word(wire)?),
            2 => gone.entry = Seq(wire.number()?),
            3 => gone.points = Points(wire.signed()?),
            other => return Err(unknown("what was written off", other)),
        }
    }
    Ok(gone)
}

fn write_pot(pen: &mut Pen<'_>, pot: &Pot) {
    pen.signed(1, pot.taken.0);
    for reserved in &pot.reservations {
        pen.nested(2, |pen| {
            pen.number(1, reserved.entry.0);
            pen.signed(2, reserved.amount.0);
            pen.always_bytes(3, &reserved.member.0);
            pen.always_bytes(4, &reserved.order.0);
            pen.signed(5, reserved.until.0);
        });
    }
}

fn read_pot(wire: Wire<'_>) -> Result<Pot, Damage> {
    let mut pot = Pot::default();
    let mut eye = wire.nested()?;
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => pot.taken = wire.points()?,
            2 => pot.reservations.push(read_reservation(wire)?),
            other => return Err(unknown("a pot", other)),
        }
    }
    Ok(pot)
}

fn read_reservation(wire: Wire<'_>) -> Result<Reservation, Damage> {
    let (mut entry, mut amount, mut until) = (Seq::NONE, Points::ZERO, EPOCH);
    let (mut member, mut order) = (MemberKey::NOBODY, None);
    let mut eye = wire.nested()?;
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => entry = Seq(wire.number()?),
            2 => amount = wire.points()?,
            3 => member = MemberKey(wire.array()?),
            4 => order = Some(Claim(wire.array()?)),
            5 => until = wire.moment()?,
            other => return Err(unknown("a reservation", other)),
        }
    }
    let order = order.ok_or(Damage::new("a reservation without its order"))?;
    Ok(Reservation { entry, amount, member, order, until })
}
