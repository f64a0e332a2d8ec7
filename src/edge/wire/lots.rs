//! Lots, points of wallets and what is under way with them, for the wire.

use super::entries::entry_id;
use super::held::recorded_id;
use super::scalars::{count32, stamp};
use crate::domain::event::{Entry, Seq};
use crate::domain::lot::{self, Lot, Origin};
use crate::domain::member::{Hold, Member, Voucher};
use crate::domain::order::Claim;
use crate::domain::program::{Debt, Program, Timeline, Wallet, WalletId};
use crate::domain::units::{Moment, Points};
use crate::pb;

/// How many moments at which points end are told.
const EXPIRIES_MAX: usize = 5;

/// The decimals of a wallet, which a later version may have given up.
#[must_use]
pub fn wallet_decimals(timeline: &Timeline, wallet: WalletId) -> u8 {
    let found = timeline.versions().rev().find_map(|program| program.wallet(wallet));
    found.map(|wallet| wallet.decimals).unwrap_or_default()
}

/// A wallet's id and decimals on the wire.
#[must_use]
pub fn wallet_of(timeline: &Timeline, wallet: WalletId) -> (String, i32) {
    (timeline.newest().text(wallet.0).to_owned(), wallet_decimals(timeline, wallet).into())
}

/// Lots of an entry; those it makes are its own.
#[must_use]
pub fn lots(entry: &Entry, lots: &[Lot]) -> Vec<pb::LotPart> {
    lots.iter().map(|lot| lot_part(entry.seq, lot)).collect()
}

/// A lot; one that the entry makes belongs to `own`.
#[must_use]
pub fn lot_part(own: Seq, lot: &Lot) -> pb::LotPart {
    let terms = &lot.terms;
    pb::LotPart {
        points: lot.points.0,
        issued: terms.issued.to_string(),
        available_at: stamp(terms.available_at),
        expires_at: stamp(terms.expires_at),
        entry_id: entry_id(if terms.entry == Seq::THIS { own } else { terms.entry }),
        given: terms.origin == Origin::Given,
        unconfirmed: terms.available_at == Moment::NEVER,
    }
}

/// A lot of an entry with its wallet.
#[must_use]
pub fn wallet_lot(timeline: &Timeline, entry: &Entry, wallet: WalletId, lot: &Lot) -> pb::WalletLot {
    let (wallet, decimals) = wallet_of(timeline, wallet);
    pb::WalletLot { wallet, decimals, lot: Some(lot_part(entry.seq, lot)) }
}

/// Points with their wallet.
#[must_use]
pub fn wallet_points(timeline: &Timeline, (wallet, points): (WalletId, Points)) -> pb::WalletPoints {
    let (wallet, decimals) = wallet_of(timeline, wallet);
    pb::WalletPoints { wallet, decimals, points: points.0 }
}

/// The sum of lots; what decided them has made sure that there is one.
#[must_use]
pub fn sum(lots: &[Lot]) -> Points {
    lot::total(lots).unwrap_or_default()
}

/// What a member has in every wallet of a program.
#[must_use]
pub fn balances(program: &Program, member: &Member) -> Vec<pb::Balance> {
    program.wallets.iter().map(|wallet| balance(program, member, wallet)).collect()
}

fn balance(program: &Program, member: &Member, wallet: &Wallet) -> pb::Balance {
    let funds = Funds::of(member, wallet);
    let expiry = |(at, points)| pb::Expiry { at: stamp(at), points };
    pb::Balance {
        wallet: program.text(wallet.id.0).to_owned(),
        decimals: wallet.decimals.into(),
        available: funds.shown,
        pending: funds.pending.0,
        held: funds.held.0,
        debt: funds.debt.0,
        next_expiries: funds.ends.into_iter().map(expiry).collect(),
        books: funds.books,
    }
}

/// What a member has in one wallet.
pub struct Funds {
    /// What she can spend; less what she owes where the wallet lets it go below zero.
    pub shown: i64,
    /// What she cannot spend yet.
    pub pending: Points,
    /// What is set aside.
    pub held: Points,
    /// What she owes.
    pub debt: Points,
    /// The first moments at which points end, and how many.
    pub ends: Vec<(Moment, i64)>,
    /// How many whole books she can spend, if the wallet has books.
    pub books: Option<i64>,
}

impl Funds {
    /// What `member` has in `wallet`.
    #[must_use]
    pub fn of(member: &Member, wallet: &Wallet) -> Self {
        let (available, debt) = (member.available(wallet.id), member.debt(wallet.id));
        let whole_books = |book: Points| available.0.checked_div(book.0).unwrap_or_default();
        Self {
            shown: if wallet.debt == Debt::Negative { available.0.saturating_sub(debt.0) } else { available.0 },
            pending: member.pending(wallet.id),
            held: member.held(wallet.id),
            debt,
            ends: next_ends(member, wallet),
            books: wallet.book.map(whole_books),
        }
    }
}

/// The first moments at which points of a wallet end; none while the member's tier keeps them.
fn next_ends(member: &Member, wallet: &Wallet) -> Vec<(Moment, i64)> {
    let Some(purse) = member.purse(wallet.id).filter(|purse| !purse.kept) else { return Vec::new() };
    let mut ends: Vec<(Moment, i64)> = Vec::new();
    for lot in &purse.lots {
        let end = lot.terms.expires_at.min(purse.lapses_at);
        match ends.iter_mut().find(|(at, _)| *at == end) {
            Some((_, points)) => *points = points.saturating_add(lot.points.0),
            None => ends.push((end, lot.points.0)),
        }
    }
    ends.retain(|(at, _)| stamp(*at).is_some());
    ends.sort_unstable();
    ends.truncate(EXPIRIES_MAX);
    ends
}

/// A hold as the member has it.
#[must_use]
pub fn hold(timeline: &Timeline, hold: &Hold) -> pb::Hold {
    let (wallet, decimals) = wallet_of(timeline, hold.wallet);
    pb::Hold { hold_id: entry_id(hold.entry), wallet, decimals, amount: hold.points().0, lapses_at: stamp(hold.until) }
}

/// A voucher as the member has it, without its code.
#[must_use]
pub fn voucher(timeline: &Timeline, member: &Member, voucher: &Voucher) -> pb::Voucher {
    pb::Voucher {
        voucher_id: voucher_id(voucher.claim),
        reward: timeline.newest().text(voucher.reward.0).to_owned(),
        quantity: count32(voucher.times),
        member_id: member.id.to_string(),
        state: pb::VoucherState::Issued.into(),
        expires_at: stamp(voucher.expires_at),
        redemption_id: recorded_id(voucher.entry),
        ..pb::Voucher::default()
    }
}

/// What tells vouchers apart: the hash their codes are found by, from which no code can be made.
#[must_use]
pub fn voucher_id(claim: Claim) -> String {
    format!("{:032x}", u128::from_be_bytes(claim.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::member::Purse;
    use crate::domain::program::{RewardId, Word};
    use crate::edge::wire::facts::tests::{cafe, lot};

    fn balance_of(change: impl Fn(&mut Wallet, &mut Purse)) -> pb::Balance {
        let mut program = (**cafe().newest()).clone();
        let mut member = Member::default();
        let mut purse = Purse::new(WalletId(Word(0)));
        change(program.wallets.first_mut().unwrap(), &mut purse);
        member.purses.push(purse);
        balances(&program, &member).pop().unwrap()
    }

    #[test]
    fn a_voucher_that_only_a_reading_has_cut_has_no_redemption_yet() {
        let shown = |entry| {
            let (claim, reward) = (Claim([7; 16]), RewardId(Word(0)));
            let held = Voucher { claim, nonce: "n".into(), entry, reward, times: 1, expires_at: Moment::NEVER };
            voucher(&cafe(), &Member::default(), &held).redemption_id
        };
        assert_eq!([shown(Seq::THIS), shown(Seq(12))], ["", "12"]);
    }

    #[test]
    fn a_debt_shows_below_zero_where_the_wallet_lets_it() {
        let owed = |debt: Debt| {
            let shown = balance_of(|wallet, purse| {
                (wallet.debt, purse.debt) = (debt, Points(500));
                purse.lots.push(lot(125));
            });
            (shown.available, shown.debt)
        };
        assert_eq!(owed(Debt::Negative), (-375, 500));
        assert_eq!(owed(Debt::NextEarnings), (125, 500));
    }

    #[test]
    fn what_ends_next_is_told_by_moment() {
        let shown = balance_of(|wallet, purse| {
            wallet.book = Some(Points(50));
            let later = |mut lot: Lot, end: Moment| {
                lot.terms.expires_at = end;
                lot
            };
            purse.lots.extend([
                lot(25),
                lot(100),
                later(lot(7), Moment(172_800_000_000)),
                later(lot(9), Moment::NEVER),
            ]);
        });
        let ends: Vec<_> = shown.next_expiries.iter().map(|end| (end.at.unwrap().seconds, end.points)).collect();
        assert_eq!(ends, [(86_400, 125), (172_800, 7)]);
        assert_eq!((shown.available, shown.books), (141, Some(2)));
    }

    #[test]
    fn a_wallet_that_lapses_takes_everything_with_it() {
        let shown = balance_of(|_, purse| {
            purse.lapses_at = Moment(1_000_000);
            purse.lots.extend([lot(25), lot(100)]);
        });
        let ends: Vec<_> = shown.next_expiries.iter().map(|end| (end.at.unwrap().seconds, end.points)).collect();
        assert_eq!(ends, [(1, 125)]);
    }
}
