//! What happened to points, in full: the larger facts about wallets, rewards and returns.

use super::{MeterPost, Seq};
use crate::domain::lot::Lot;
use crate::domain::member::{Held, MeterCount};
use crate::domain::order::{Claim, Line, ReceiptKey};
use crate::domain::program::{RewardId, TierId, WalletId};
use crate::domain::units::{Moment, Points, Text};

/// Points that came into a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointsAdded {
    /// The wallet.
    pub wallet: WalletId,
    /// Why.
    pub cause: AddedCause,
    /// The lots they are in.
    pub lots: Vec<Lot>,
    /// What went into paying back debt instead.
    pub repaid: Points,
}

/// Why points came in, if not by a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddedCause {
    /// An operator corrected the balance.
    Adjustment,
    /// A head start.
    HeadStart,
    /// They were brought in from elsewhere.
    OpeningState,
    /// What they had been spent on came back.
    Refund,
    /// Another member sent them.
    Transfer,
    /// A milestone, a choice or a reward gave them.
    Benefit,
}

/// Points that left a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointsTaken {
    /// The wallet.
    pub wallet: WalletId,
    /// Why.
    pub cause: TakenCause,
    /// When.
    pub at: Moment,
    /// The parts of lots they were in.
    pub lots: Vec<Lot>,
    /// What could not be taken and is owed now.
    pub owed: Points,
    /// What could not be taken and is written off.
    pub written_off: Points,
}

/// Why points left, if not by being spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenCause {
    /// Their time was over.
    Expired,
    /// The member was not active for too long.
    Inactive,
    /// The goods that earned them came back.
    Returned,
    /// An operator corrected the balance.
    Adjustment,
    /// The milestone that gave them is no longer reached.
    MilestoneLost,
}

/// Debt that went down otherwise than by what came in: points that flowed back from a hold or a transfer paid it, or it
/// was brought in beside points that did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebtPaid {
    /// The wallet.
    pub wallet: WalletId,
    /// When.
    pub at: Moment,
    /// The parts of lots that paid.
    pub lots: Vec<Lot>,
    /// What is owed no more although nothing paid it: the program writes debt off, and no hold can bring it any more.
    pub written_off: Points,
    /// How much of what was paid had been written off before: what had been spent when the goods came back came back
    /// itself, and is taken as it would have been then.
    pub revived: Points,
}

/// A reward that was redeemed; the entry is the redemption's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewardRedeemed {
    /// The reward.
    pub reward: RewardId,
    /// How many of it, at least 1.
    pub times: u32,
    /// The wallet it was paid from.
    pub wallet: WalletId,
    /// The parts of lots that paid.
    pub lots: Vec<Lot>,
    /// What the member's count of this reward goes up by, where it is limited.
    pub count: Option<MeterPost>,
    /// The voucher that proves it, if one was issued.
    pub voucher: Option<VoucherIssued>,
}

/// A voucher as it was issued; its code is not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoucherIssued {
    /// The hash its code is found by.
    pub claim: Claim,
    /// What its code is made anew from, with the secret; worth nothing without that.
    pub nonce: Text,
    /// Worthless from this moment; [`Moment::NEVER`] if it keeps.
    pub expires_at: Moment,
}

/// Vouchers cut from a balance in steps; the rest of the balance stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VouchersCut {
    /// The wallet.
    pub wallet: WalletId,
    /// When.
    pub at: Moment,
    /// What the voucher is for.
    pub reward: RewardId,
    /// How many steps it is worth; at least 1.
    pub times: u32,
    /// The parts of lots it was cut from.
    pub lots: Vec<Lot>,
    /// The voucher.
    pub voucher: VoucherIssued,
}

/// Goods that came back.
#[derive(Clone, Debug, PartialEq)]
pub struct PurchaseReturned {
    /// The return's own key.
    pub return_receipt: ReceiptKey,
    /// The purchase's key.
    pub receipt: ReceiptKey,
    /// The entry that recorded the purchase.
    pub purchase: Seq,
    /// 1 for the purchase's first return, then one more each time.
    pub number: u32,
    /// When, as the till says; our clock if it does not.
    pub occurred_at: Moment,
    /// What was asked for; empty for everything that had not come back.
    pub asked: Vec<LineReturned>,
    /// What has come back of each line so far, this return included; lines of which nothing has are left out.
    pub so_far: Vec<LineReturned>,
    /// What this return took back of each grant, by its position.
    pub grants: Vec<(u16, Points)>,
    /// What it took back of each meter, as negative amounts.
    pub meters: Vec<MeterPost>,
    /// Points that had paid and came back, over all returns so far.
    pub refunded_so_far: Points,
    /// When the purchase counted, and the program version that judged it.
    pub bought: (Moment, u32),
    /// The price of what came back now, in minor units.
    pub minor_units: i64,
    /// What it took back of every wallet that the purchase had earned in, nothing included.
    pub taken: Vec<(WalletId, Points)>,
}

/// What came back of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineReturned {
    /// The line's position on the receipt.
    pub line: u16,
    /// Thousandths of its quantity.
    pub quantity: i64,
    /// What the price of the units that are left was lowered by, in minor units (a price adjustment).
    pub minor_units: i64,
}

impl LineReturned {
    /// Which part of its line has come back, at most the whole: its units, and where it goes `by_money` what its price
    /// was lowered by; in lowest terms.
    #[must_use]
    pub fn part_of(&self, bought: &Line, by_money: bool) -> (i128, i128) {
        let (quantity, amount) = (i128::from(bought.quantity.0.max(1)), i128::from(bought.minor_units.max(1)));
        let lowered = if by_money { i128::from(self.minor_units) } else { 0 };
        let whole = quantity * amount;
        let part = (i128::from(self.quantity) * amount + lowered * quantity).min(whole);
        let shared = greatest_common_divisor(part, whole).max(1);
        (part / shared, whole / shared)
    }
}

const fn greatest_common_divisor(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// What a member had before she came to this program's books.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpeningState {
    /// When she joined; our clock if not given.
    pub enrolled_at: Option<Moment>,
    /// Her lots.
    pub lots: Vec<(WalletId, Lot)>,
    /// What she owes.
    pub debts: Vec<(WalletId, Points)>,
    /// What her meters count.
    pub meters: Vec<MeterCount>,
    /// Tiers she holds.
    pub held: Vec<Held>,
    /// The tier she stands on, since when.
    pub tier: Option<(TierId, Moment)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Quantity;

    #[test]
    fn a_line_comes_back_in_any_pieces() {
        let line = Line {
            line_id: Text::from("1"),
            sku: Text::default(),
            category: Text::default(),
            quantity: Quantity(3_000),
            minor_units: 1_000,
            attributes: Vec::new(),
        };
        let back = |quantity, minor_units| {
            let (part, whole) = LineReturned { line: 0, quantity, minor_units }.part_of(&line, true);
            i128::from(100) * part / whole
        };
        assert_eq!([back(1_000, 0), back(2_000, 0), back(3_000, 0)], [33, 66, 100]);
        assert_eq!([back(0, 100), back(1_000, 100), back(3_000, 500)], [10, 43, 100]);
    }
}
