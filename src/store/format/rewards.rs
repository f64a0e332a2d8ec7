//! Facts about rewards, vouchers, confirmations and what is scarce; the numbers after each name its parts (`parts.rs`).
//!
//! | field | fact | its parts |
//! |---|---|---|
//! | 34 | RewardRedeemed | 1 wallet, 2… lots, 15 reward, 16 times, 17 count; if a voucher was issued: 11, 13 expires_at, 18 |
//! | 35 | RedemptionCancelled | 7 redemption, 8 reason, 11 voucher, 17 count |
//! | 36 | VoucherUsed | 8 note, 11 voucher |
//! | 37 | VoucherExpired | 4 at, 11 voucher |
//! | 38 | VouchersCut | 1 wallet, 2… lots, 4 at, 11 voucher, 13 expires_at, 15 reward, 16 times, 18 |
//! | 40 | PurchaseConfirmed | 8 receipt id, 9 receipt source |
//! | 51 | PotReserved | 4 until, 5 amount, 9 pot, 11 order, 12 member |
//! | 52 | PotSettled | 5 used, 7 reservation |
//! | 53 | PotReturned | 5 amount, 7 by |

use super::eye::{Eye, unknown};
use super::fact::distance;
use super::lots::write_unless;
use super::parts::Parts;
use super::pen::Pen;
use super::points::write_lots;
use super::{Damage, runs};
use crate::domain::event::{Entry, Fact, MeterPost, RewardRedeemed, VoucherIssued, VouchersCut};
use crate::domain::order::ReceiptKey;
use crate::domain::program::{RewardId, WalletId};
use crate::domain::units::Moment;

/// Writes a fact of `entry`.
pub fn write(pen: &mut Pen<'_>, fact: &Fact, entry: &Entry) {
    match fact {
        Fact::RewardRedeemed(redeemed) => pen.nested(34, |pen| write_redeemed(pen, redeemed, entry)),
        Fact::RedemptionCancelled { redemption, reason, count, voucher } => pen.nested(35, |pen| {
            pen.number(7, redemption.0);
            pen.text(8, reason);
            pen.bytes(11, voucher.as_ref().map_or(&[], |voucher| &voucher.0));
            write_count(pen, *count);
        }),
        Fact::VoucherUsed { voucher, note } => pen.nested(36, |pen| {
            pen.text(8, note);
            pen.always_bytes(11, &voucher.0);
        }),
        Fact::VoucherExpired { voucher, at } => pen.nested(37, |pen| {
            pen.signed(4, distance(*at, entry));
            pen.always_bytes(11, &voucher.0);
        }),
        Fact::VouchersCut(cut) => pen.nested(38, |pen| write_cut(pen, cut, entry)),
        Fact::PurchaseConfirmed { receipt } => pen.nested(40, |pen| {
            pen.text(8, &receipt.id);
            pen.text(9, &receipt.source);
        }),
        Fact::PotReserved { pot, amount, member, order, until } => pen.nested(51, |pen| {
            pen.signed(4, distance(*until, entry));
            pen.signed(5, amount.0);
            pen.text(9, pot);
            pen.always_bytes(11, &order.0);
            pen.always_bytes(12, &member.0);
        }),
        Fact::PotSettled { reservation, used } => pen.nested(52, |pen| {
            pen.signed(5, used.0);
            pen.number(7, reservation.0);
        }),
        Fact::PotReturned { amount, by } => pen.nested(53, |pen| {
            pen.signed(5, amount.0);
            pen.number(7, by.0);
        }),
        // The others are written by their own files: `fact.rs` names them all.
        _ => {}
    }
}

/// Reads the fact under `field`, of the entry read so far.
///
/// # Errors
/// [`Damage`] if the bytes are not that fact.
pub fn read(field: u64, eye: Eye<'_>, entry: &Entry) -> Result<Fact, Damage> {
    let parts = Parts::read(eye, entry, known(field))?;
    Ok(match field {
        34 => Fact::RewardRedeemed(Box::new(read_redeemed(parts))),
        35 => read_cancelled(parts),
        36 => Fact::VoucherUsed { voucher: parts.claim()?, note: parts.note },
        37 => Fact::VoucherExpired { voucher: parts.claim()?, at: parts.at },
        38 => Fact::VouchersCut(Box::new(read_cut(parts)?)),
        40 => Fact::PurchaseConfirmed { receipt: ReceiptKey { source: parts.actor, id: parts.note } },
        51 => read_reserved(parts)?,
        52 => Fact::PotSettled { reservation: parts.entry, used: parts.points },
        53 => Fact::PotReturned { amount: parts.points, by: parts.entry },
        other => return Err(unknown("a fact", other)),
    })
}

/// The parts of the fact under `field`, as the table above has them.
const fn known(field: u64) -> &'static [u64] {
    match field {
        34 => &[1, 2, 11, 13, 15, 16, 17, 18],
        35 => &[7, 8, 11, 17],
        36 => &[8, 11],
        37 => &[4, 11],
        38 => &[1, 2, 4, 11, 13, 15, 16, 18],
        40 => &[8, 9],
        51 => &[4, 5, 9, 11, 12],
        52 | 53 => &[5, 7],
        _ => &[],
    }
}

fn write_redeemed(pen: &mut Pen<'_>, redeemed: &RewardRedeemed, entry: &Entry) {
    write_lots(pen, redeemed.wallet, &redeemed.lots, entry);
    if let Some(voucher) = &redeemed.voucher {
        write_issued(pen, voucher, entry);
    }
    write_times(pen, redeemed.reward, redeemed.times);
    write_count(pen, redeemed.count);
}

fn read_redeemed(parts: Parts) -> RewardRedeemed {
    let (nonce, expires_at) = (parts.nonce, parts.end);
    RewardRedeemed {
        reward: RewardId(parts.reward),
        times: parts.times,
        wallet: WalletId(parts.word),
        lots: parts.lots,
        count: parts.count,
        voucher: parts.voucher.map(|claim| VoucherIssued { claim, nonce, expires_at }),
    }
}

fn read_cancelled(parts: Parts) -> Fact {
    let Parts { entry: redemption, note: reason, count, voucher, .. } = parts;
    Fact::RedemptionCancelled { redemption, reason, count, voucher }
}

fn write_cut(pen: &mut Pen<'_>, cut: &VouchersCut, entry: &Entry) {
    write_lots(pen, cut.wallet, &cut.lots, entry);
    pen.signed(4, distance(cut.at, entry));
    write_issued(pen, &cut.voucher, entry);
    write_times(pen, cut.reward, cut.times);
}

fn read_cut(parts: Parts) -> Result<VouchersCut, Damage> {
    Ok(VouchersCut {
        wallet: WalletId(parts.word),
        at: parts.at,
        reward: RewardId(parts.reward),
        times: parts.times,
        voucher: VoucherIssued { claim: parts.claim()?, nonce: parts.nonce, expires_at: parts.end },
        lots: parts.lots,
    })
}

fn read_reserved(parts: Parts) -> Result<Fact, Damage> {
    let (member, order) = (parts.member()?, parts.claim()?);
    Ok(Fact::PotReserved { pot: parts.actor, amount: parts.points, member, order, until: parts.at })
}

fn write_issued(pen: &mut Pen<'_>, voucher: &VoucherIssued, entry: &Entry) {
    pen.always_bytes(11, &voucher.claim.0);
    write_unless(pen, 13, Moment::NEVER, voucher.expires_at, entry.recorded_at);
    pen.text(18, &voucher.nonce);
}

fn write_times(pen: &mut Pen<'_>, reward: RewardId, times: u32) {
    pen.number(15, reward.0.0.into());
    pen.maybe(16, (times != 1).then_some(times.into()));
}

/// Writes what a count goes up or back by.
pub fn write_count(pen: &mut Pen<'_>, count: Option<MeterPost>) {
    runs::write(pen, 17, count.as_slice(), runs::put_post);
}
