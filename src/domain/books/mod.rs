//! The books of points: what was issued in each month, what became of it, and how much of the price of those sales is
//! not earned yet (IFRS 15 B39 to B43, ASC 606-10-55-41 to 45).
//!
//! A fold over entries, like a member: facts say which lots they move, lots say when they were issued. It asks nobody
//! anything: which lines count (`price.rs`) is for the program, and what a return must know of its purchase is handed in.
//! What the money of a row comes to is reckoned when somebody asks (`split.rs`). Head starts are gifts and stand in no row. A sum that leaves its range stays at the end it left by, for whoever asks to
//! see.

mod price;
mod split;

use std::collections::BTreeMap;

use super::calendar::Day;
use super::event::{
    AddedCause, BelongingFact, DebtPaid, Entry, Fact, FeePaid, LineReturned, PointsAdded, PointsTaken,
    PurchaseRecorded, PurchaseReturned, TakenCause,
};
use super::lot::{Lot, Origin};
use super::program::{ProgramNo, Timeline, WalletId};
use super::units::{Moment, Points};
use price::Price;
pub use split::Split;

/// The points of one wallet issued in one month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Earned, or brought in from elsewhere.
    pub issued: Points,
    /// Corrections by an operator, net, and debts that were brought in from elsewhere, below zero.
    pub adjusted: Points,
    /// Spent, what came back not counted.
    pub redeemed: Points,
    /// Expired, lapsed or forfeited: breakage so far.
    pub expired: Points,
    /// Taken back with returned goods.
    pub returned: Points,
    /// Sales that issued them, and what they issued.
    pub sales: BTreeMap<Basket, Sales>,
}

/// The program version that judged sales, and the other wallets in which they earned, in order.
pub type Basket = (u32, Vec<WalletId>);

/// Sales and the points that came with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sales {
    /// The price of what the wallet's rules count, in minor units: what was paid with points and what came back taken off.
    pub minor_units: i64,
    /// The points, returns taken off.
    pub points: Points,
    /// The points of each of the other wallets, returns taken off.
    pub beside: Vec<Points>,
}

/// What an entry brings something back of.
#[derive(Clone, Copy, Debug)]
pub struct Bought<'a> {
    /// The purchase.
    pub purchase: &'a PurchaseRecorded,
    /// What had come back of it before.
    pub before: &'a [LineReturned],
}

/// Where a row stands: its program, its wallet and the first day of the month of issue.
pub type RowKey = (ProgramNo, WalletId, Day);

/// All rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    rows: BTreeMap<RowKey, Row>,
}

impl Row {
    /// Points of the row that somebody still has, or owes where it is below zero.
    #[must_use]
    pub const fn outstanding(&self) -> Points {
        let came = self.issued.0.saturating_add(self.adjusted.0);
        let went = self.redeemed.0.saturating_add(self.expired.0).saturating_add(self.returned.0);
        Points(came.saturating_sub(went))
    }

    /// Whether every sum has stayed in its range.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let Self { issued, adjusted, redeemed, expired, returned, sales } = self;
        let beside = sales.values().flat_map(|sales| &sales.beside).map(|points| points.0);
        let sold = sales.values().flat_map(|sales| [sales.minor_units, sales.points.0]).chain(beside);
        let points = [issued, adjusted, redeemed, expired, returned, &self.outstanding()].map(|points| points.0);
        points.into_iter().chain(sold).all(|sum| !has_left(sum))
    }
}

impl Books {
    /// The rows of a program, by wallet and month.
    pub fn of(&self, program: ProgramNo) -> impl Iterator<Item = (WalletId, Day, &Row)> {
        let rows = self.rows.iter().filter(move |((number, ..), _)| *number == program);
        rows.map(|((_, wallet, month), row)| (*wallet, *month, row))
    }

    /// Every row of every program.
    pub fn all(&self) -> impl Iterator<Item = (RowKey, &Row)> {
        self.rows.iter().map(|(key, row)| (*key, row))
    }

    /// Books of these rows.
    #[must_use]
    pub const fn with(rows: BTreeMap<RowKey, Row>) -> Self {
        Self { rows }
    }

    /// Folds an entry of a program. `bought` is what it brings something back of, if it does.
    pub fn enter(&mut self, entry: &Entry, timeline: &Timeline, bought: Option<Bought<'_>>) {
        let mut page = Page { books: self, entry, timeline, bought };
        for fact in &entry.facts {
            page.enter(fact);
        }
    }
}

/// One entry on its way into the books.
struct Page<'a> {
    books: &'a mut Books,
    entry: &'a Entry,
    timeline: &'a Timeline,
    bought: Option<Bought<'a>>,
}

impl Page<'_> {
    fn enter(&mut self, fact: &Fact) {
        match fact {
            Fact::PurchaseRecorded(recorded) => self.bought(recorded),
            Fact::PurchaseReturned(returned) => self.brought_back(returned),
            Fact::OpeningStateSet(state) => {
                for (wallet, lot) in &state.lots {
                    self.each(*wallet, std::slice::from_ref(lot), |row, points| add(&mut row.issued, points));
                }
                for (wallet, owed) in &state.debts {
                    self.now(*wallet, |row| add(&mut row.adjusted, Points(owed.0.saturating_neg())));
                }
            }
            Fact::PointsAdded(added) => self.added(added),
            Fact::PointsTaken(taken) => self.taken(taken),
            Fact::DebtPaid(paid) => self.debt_paid(paid),
            Fact::EndedReturned { wallet, lots } => self.each(*wallet, lots, |row, points| {
                add(&mut row.expired, Points(points.0.saturating_neg()));
                add(&mut row.returned, points);
            }),
            Fact::PointsForfeited { wallet, lots, .. } => {
                self.each(*wallet, lots, |row, points| add(&mut row.expired, points));
            }
            Fact::RewardRedeemed(redeemed) => self.redeemed(redeemed.wallet, &redeemed.lots),
            Fact::HoldCaptured { wallet, lots, .. } => self.redeemed(*wallet, lots),
            Fact::VouchersCut(cut) => self.redeemed(cut.wallet, &cut.lots),
            Fact::Belonging(fact) => self.belonged(fact),
            _ => {}
        }
    }

    fn row(&mut self, wallet: WalletId, day: Day) -> &mut Row {
        self.books.rows.entry((self.entry.program, wallet, day.month_start())).or_default()
    }

    /// The day of a moment, as the program counts them.
    fn day_of(&self, moment: Moment) -> Day {
        self.timeline.newest().zone.day_of(moment)
    }

    /// The row of the month in which the entry was recorded.
    fn now(&mut self, wallet: WalletId, change: impl FnOnce(&mut Row)) {
        let today = self.day_of(self.entry.recorded_at);
        change(self.row(wallet, today));
    }

    /// Every lot's own row.
    fn each(&mut self, wallet: WalletId, lots: &[Lot], change: impl Fn(&mut Row, Points)) {
        for lot in lots.iter().filter(|lot| lot.terms.origin == Origin::Earned) {
            change(self.row(wallet, lot.terms.issued), lot.points);
        }
    }

    fn bought(&mut self, recorded: &PurchaseRecorded) {
        let day = self.day_of(recorded.counted_at);
        let mut granted: BTreeMap<WalletId, Points> = BTreeMap::new();
        for grant in &recorded.grants {
            if let Some(wallet) = grant.wallet {
                add(granted.entry(wallet).or_default(), grant.granted);
            }
        }
        for (wallet, points) in &granted {
            let price = Price::counted(self.timeline, recorded, *wallet).whole();
            add(&mut self.row(*wallet, day).issued, *points);
            self.sold((*wallet, day), self.entry.program_version, &granted, (price, 1));
        }
    }

    fn brought_back(&mut self, returned: &PurchaseReturned) {
        let (bought_at, version) = returned.bought;
        let day = self.day_of(bought_at);
        let taken: BTreeMap<WalletId, Points> = returned.taken.iter().copied().collect();
        for wallet in taken.keys() {
            let price = self.bought.map_or(returned.minor_units, |Bought { purchase, before }| {
                let price = Price::counted(self.timeline, purchase, *wallet);
                price.back(&returned.so_far).saturating_sub(price.back(before))
            });
            self.sold((*wallet, day), version, &taken, (price, -1));
        }
    }

    /// Adds to the sales of a wallet's month, `sign` times: their price, its own points and those of all others.
    fn sold(
        &mut self,
        (wallet, day): (WalletId, Day),
        version: u32,
        points: &BTreeMap<WalletId, Points>,
        (price, sign): (i64, i64),
    ) {
        let (others, beside): (Vec<WalletId>, Vec<Points>) =
            points.iter().filter(|(other, _)| **other != wallet).unzip();
        let own = points.get(&wallet).copied().unwrap_or_default();
        let sales = self.row(wallet, day).sales.entry((version, others)).or_default();
        let times = |amount: i64| amount.saturating_mul(sign);
        sales.minor_units = joined(sales.minor_units, times(price));
        add(&mut sales.points, Points(times(own.0)));
        sales.beside.resize(beside.len(), Points::ZERO);
        for (sum, points) in sales.beside.iter_mut().zip(beside) {
            add(sum, Points(times(points.0)));
        }
    }

    fn added(&mut self, added: &PointsAdded) {
        let PointsAdded { wallet, cause, lots, repaid } = added;
        match cause {
            AddedCause::Adjustment => {
                self.each(*wallet, lots, |row, points| add(&mut row.adjusted, points));
                self.now(*wallet, |row| add(&mut row.adjusted, *repaid));
            }
            AddedCause::Benefit => {
                self.each(*wallet, lots, |row, points| add(&mut row.issued, points));
                self.now(*wallet, |row| add(&mut row.issued, *repaid));
            }
            AddedCause::OpeningState => self.each(*wallet, lots, |row, points| add(&mut row.issued, points)),
            AddedCause::Refund => {
                self.each(*wallet, lots, |row, points| add(&mut row.redeemed, Points(points.0.saturating_neg())));
                self.now(*wallet, |row| add(&mut row.redeemed, Points(repaid.0.saturating_neg())));
            }
            // What members send each other stays the program's debt; a gift is none.
            AddedCause::Transfer | AddedCause::HeadStart => {}
        }
    }

    fn taken(&mut self, taken: &PointsTaken) {
        let PointsTaken { wallet, cause, lots, owed, .. } = taken;
        match cause {
            TakenCause::Expired | TakenCause::Inactive => {
                self.each(*wallet, lots, |row, points| add(&mut row.expired, points));
            }
            TakenCause::Adjustment => {
                self.each(*wallet, lots, |row, points| add(&mut row.adjusted, Points(points.0.saturating_neg())));
            }
            TakenCause::Returned | TakenCause::MilestoneLost => {
                self.each(*wallet, lots, |row, points| add(&mut row.returned, points));
                self.now(*wallet, |row| add(&mut row.returned, *owed));
            }
        }
    }

    /// What was written off and is taken after all was counted nowhere. What pays a debt was counted as gone when it was
    /// owed; gifts were never counted as issued, and what is written off is nobody's debt any more.
    fn debt_paid(&mut self, paid: &DebtPaid) {
        if paid.revived > Points::ZERO {
            self.each(paid.wallet, &paid.lots, |row, points| add(&mut row.returned, points));
            return;
        }
        let given = paid.lots.iter().filter(|lot| lot.terms.origin == Origin::Given).map(|lot| lot.points.0);
        let less = given.fold(paid.written_off.0, i64::saturating_add).saturating_neg();
        if less != 0 {
            self.now(paid.wallet, |row| add(&mut row.returned, Points(less)));
        }
    }

    /// Points that paid for a club have bought something, as with a reward.
    fn belonged(&mut self, fact: &BelongingFact) {
        if let BelongingFact::ClubJoined { fee: Some(FeePaid { wallet: Some(wallet), lots, .. }), .. } = fact {
            self.redeemed(*wallet, lots);
        }
    }

    fn redeemed(&mut self, wallet: WalletId, lots: &[Lot]) {
        self.each(wallet, lots, |row, points| add(&mut row.redeemed, points));
    }
}

const fn add(sum: &mut Points, points: Points) {
    sum.0 = joined(sum.0, points.0);
}

/// A sum with more on top; one that has left its range never comes back into it.
const fn joined(sum: i64, more: i64) -> i64 {
    if has_left(sum) { sum } else { sum.saturating_add(more) }
}

/// Whether a sum has left its range.
const fn has_left(sum: i64) -> bool {
    sum == i64::MAX || sum == i64::MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_left_its_range_says_so_for_ever() {
        let mut row = Row { issued: Points(i64::MAX - 1), ..Row::default() };
        assert!(row.is_whole());
        add(&mut row.issued, Points(5));
        add(&mut row.issued, Points(-500));
        assert!(!row.is_whole());
        let owed = Row { issued: Points(i64::MIN / 2), returned: Points(i64::MAX - 1), ..Row::default() };
        assert!(!owed.is_whole(), "what is left of it has");
    }
}
