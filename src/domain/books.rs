//! The books of points: what was issued in each month, what became of it, and how much of the price of those sales is
//! not earned yet (IFRS 15 B39 to B43, ASC 606-10-55-41 to 45).
//!
//! A fold over entries, like a member, and as dumb: facts say which lots they move, lots say when they were issued.
//! Head starts are gifts and stand in no row. A sum that leaves its range stays at the end it left by, for whoever asks to
//! see.

use std::collections::BTreeMap;

use super::calendar::{Day, Zone};
use super::event::{
    AddedCause, BelongingFact, DebtPaid, Entry, Fact, FeePaid, PointsAdded, PointsTaken, PurchaseRecorded,
    PurchaseReturned, TakenCause,
};
use super::lot::{Lot, Origin};
use super::program::{ProgramNo, Timeline, Valuation, WalletId};
use super::units::{Moment, Points, Ratio, Rounding};

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
    /// Sales that issued them, and what they issued, by the program version that judged them.
    pub sales: BTreeMap<u32, Sales>,
}

/// Sales and the points that came with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sales {
    /// The price, in minor units, returns taken off.
    pub minor_units: i64,
    /// The points, returns taken off.
    pub points: Points,
}

/// How the price of a row's sales is split and recognised, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The price of the sales.
    pub sales: i64,
    /// The part allocated to the points; it does not change when estimates do.
    pub allocated: i64,
    /// The part of that recognised as revenue so far.
    pub recognised: i64,
}

impl Split {
    /// Whether every sum has stayed in its range.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        [self.sales, self.allocated, self.recognised].into_iter().all(|sum| !has_left(sum))
    }

    /// The contract liability: allocated and not recognised yet.
    #[must_use]
    pub const fn deferred(&self) -> i64 {
        self.allocated.saturating_sub(self.recognised)
    }
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
        let sold = sales.values().flat_map(|sales| [sales.minor_units, sales.points.0]);
        let points = [issued, adjusted, redeemed, expired, returned, &self.outstanding()].map(|points| points.0);
        points.into_iter().chain(sold).all(|sum| !has_left(sum))
    }

    /// How the price of the row's sales is split: each version's sales by the valuation of that version, recognised by
    /// the share of points redeemed of those that today's expects to be, as far as they still can be.
    #[must_use]
    pub fn split(&self, timeline: &Timeline, wallet: WalletId, now: Moment) -> Split {
        let mut split = Split::default();
        for (version, sales) in &self.sales {
            split.sales = split.sales.saturating_add(sales.minor_units);
            let valuation = timeline.version(*version).and_then(|program| program.wallet(wallet)?.valuation);
            if let Some(valuation) = valuation {
                split.allocated = split.allocated.saturating_add(allocated(sales, &valuation));
            }
        }
        if let Some(valuation) = timeline.at(now).wallet(wallet).and_then(|wallet| wallet.valuation) {
            split.recognised = recognised(split.allocated, self, &valuation);
        }
        split
    }
}

/// The part of the sales that is the points': by relative stand-alone selling prices.
fn allocated(sales: &Sales, valuation: &Valuation) -> i64 {
    let (value, expected) = (valuation.minor_units, valuation.expected);
    // The points' selling price is points x value x expected, as a fraction.
    let price = i128::from(sales.points.0) * i128::from(value.numerator) * i128::from(expected.numerator);
    let under = i128::from(value.denominator) * i128::from(expected.denominator);
    let whole = i128::from(sales.minor_units).saturating_mul(under).saturating_add(price);
    let step = i128::from(valuation.round_to.max(1));
    if whole <= 0 {
        return 0;
    }
    match i128::from(sales.minor_units).checked_mul(price).zip(whole.checked_mul(step)) {
        Some((part, whole)) => saturated(Rounding::HalfUp.divide(part, whole) * step),
        None => i64::MAX,
    }
}

/// What is recognised of it: in proportion to the points redeemed of those that are going to be, which are no more than
/// expected and no more than still can be; everything once nobody has any left.
fn recognised(allocated: i64, row: &Row, valuation: &Valuation) -> i64 {
    let (redeemed, outstanding) = (i128::from(row.redeemed.0), i128::from(row.outstanding().0));
    if outstanding <= 0 {
        return allocated;
    }
    let Ratio { numerator, denominator } = valuation.expected;
    let issued = row.issued.0.saturating_add(row.adjusted.0).saturating_sub(row.returned.0);
    let possible = (redeemed + outstanding) * i128::from(denominator);
    let expected = possible.min(i128::from(issued) * i128::from(numerator));
    if expected <= 0 {
        return 0;
    }
    let part = i128::from(allocated).checked_mul((redeemed * i128::from(denominator)).clamp(0, expected));
    part.map_or(allocated, |part| saturated(Rounding::HalfUp.divide(part, expected)))
}

fn saturated(n: i128) -> i64 {
    i64::try_from(n).unwrap_or(if n < 0 { i64::MIN } else { i64::MAX })
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

    /// Folds an entry of a program whose days are counted in `zone`.
    pub fn enter(&mut self, entry: &Entry, zone: &Zone) {
        let mut page = Page { books: self, entry, zone };
        for fact in &entry.facts {
            page.enter(fact);
        }
    }
}

/// One entry on its way into the books.
struct Page<'a> {
    books: &'a mut Books,
    entry: &'a Entry,
    zone: &'a Zone,
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

    /// The row of the month in which the entry was recorded.
    fn now(&mut self, wallet: WalletId, change: impl FnOnce(&mut Row)) {
        let today = self.zone.day_of(self.entry.recorded_at);
        change(self.row(wallet, today));
    }

    /// Every lot's own row.
    fn each(&mut self, wallet: WalletId, lots: &[Lot], change: impl Fn(&mut Row, Points)) {
        for lot in lots.iter().filter(|lot| lot.terms.origin == Origin::Earned) {
            change(self.row(wallet, lot.terms.issued), lot.points);
        }
    }

    fn bought(&mut self, recorded: &PurchaseRecorded) {
        let day = self.zone.day_of(recorded.counted_at);
        let (version, total) = (self.entry.program_version, recorded.purchase.total().unwrap_or(i64::MAX));
        let mut wallets: Vec<WalletId> = recorded.grants.iter().filter_map(|grant| grant.wallet).collect();
        wallets.sort_unstable();
        wallets.dedup();
        for wallet in wallets {
            let granted = recorded.grants.iter().filter(|grant| grant.wallet == Some(wallet));
            let points = Points(granted.map(|grant| grant.granted.0).fold(0, i64::saturating_add));
            let row = self.row(wallet, day);
            add(&mut row.issued, points);
            let sales = row.sales.entry(version).or_default();
            sales.minor_units = joined(sales.minor_units, total);
            add(&mut sales.points, points);
        }
    }

    fn brought_back(&mut self, returned: &PurchaseReturned) {
        let (bought_at, version) = returned.bought;
        let day = self.zone.day_of(bought_at);
        for (wallet, points) in &returned.taken {
            let sales = self.row(*wallet, day).sales.entry(version).or_default();
            sales.minor_units = joined(sales.minor_units, returned.minor_units.saturating_neg());
            add(&mut sales.points, Points(points.0.saturating_neg()));
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

    /// What pays a debt was counted as gone when it was owed; gifts were never counted as issued, and what is written off
    /// is nobody's debt any more.
    fn debt_paid(&mut self, paid: &DebtPaid) {
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
    use proptest::prelude::*;

    use super::*;

    fn valuation(value: i64, expected: i128, round_to: i64) -> Valuation {
        Valuation { minor_units: Ratio::whole(value), expected: Ratio::new(expected, 100).unwrap(), round_to }
    }

    /// Allocated, then recognised to date for each (redeemed, expected per cent).
    fn told(sales: i64, points: i64, first: Valuation, redeemed: &[(i64, i128)]) -> (i64, Vec<i64>) {
        let allocated = allocated(&Sales { minor_units: sales, points: Points(points) }, &first);
        let to_date = |(redeemed, expected): &(i64, i128)| {
            let row = Row { issued: Points(points), redeemed: Points(*redeemed), ..Row::default() };
            recognised(allocated, &row, &valuation(1, *expected, 1))
        };
        (allocated, redeemed.iter().map(to_date).collect())
    }

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

    #[test]
    fn the_published_examples_come_out() {
        // IFRS 15, example 52: 4,110 in the first year and 3,493 in the second.
        assert_eq!(
            told(100_000, 10_000, valuation(1, 95, 1), &[(4_500, 95), (8_500, 97)]),
            (8_676, vec![4_110, 7_603])
        );
        // KPMG, example 10A, which rounds the allocation to thousands: 4,175 and 3,552.
        let told_2 = told(100_000, 10_000, valuation(1, 97, 1_000), &[(4_500, 97), (8_500, 99)]);
        assert_eq!(told_2, (9_000, vec![4_175, 7_727]));
        // 720,000 of 7,200,000.
        assert_eq!(told(7_200_000, 10_000, valuation(100, 80, 1), &[]).0, 720_000);
    }

    #[test]
    fn points_that_end_leave_nothing_deferred() {
        let recognised = |points: (i64, i64, i64), expected, allocated| {
            let (issued, redeemed, expired) = points;
            let [issued, redeemed, expired] = [issued, redeemed, expired].map(Points);
            let row = Row { issued, redeemed, expired, ..Row::default() };
            super::recognised(allocated, &row, &valuation(100, expected, 1))
        };
        // A sale of 100.00 with ten points of 1.00, all of them expected: 9.09 are theirs, until all have expired.
        assert_eq!(allocated(&Sales { minor_units: 10_000, points: Points(10) }, &valuation(100, 100, 1)), 909);
        assert_eq!([recognised((10, 0, 0), 100, 909), recognised((10, 0, 10), 100, 909)], [0, 909]);
        // Of five that are left two were spent, of ten that were sold: 909 x 2 / 7.
        assert_eq!(recognised((10, 2, 3), 100, 909), 260);
        // AC-1 with a tenth expired where a twentieth was expected to: all 9,000 that could be spent were.
        assert_eq!(recognised((10_000, 4_500, 0), 95, 8_676), 4_110);
        assert_eq!(recognised((10_000, 4_500, 500), 95, 8_676), 4_110, "as many as were expected to");
        assert_eq!(recognised((10_000, 4_500, 1_000), 95, 8_676), 4_338, "4,500 of 9,000 that can be");
        assert_eq!(recognised((10_000, 9_000, 1_000), 95, 8_676), 8_676);
    }

    proptest! {
        /// Whatever becomes of the points of a month's sales, the revenue goes one way unless a sale does.
        #[test]
        fn what_was_recognised_stays_so(
            issued in 1..1_000_i64,
            sales in 0..1_000_000_i64,
            expected in 1..=100_i128,
            steps in proptest::collection::vec((0..3_u8, 1..400_i64), 1..12),
        ) {
            let valuation = valuation(100, expected, 1);
            let mut sales = Sales { minor_units: sales, points: Points(issued) };
            let mut row = Row { issued: Points(issued), ..Row::default() };
            let mut before = 0;
            for (step, points) in steps {
                let points = points.min(row.outstanding().0);
                match step {
                    0 => row.redeemed.0 += points,
                    1 => row.expired.0 += points,
                    _ => {
                        row.returned.0 += points;
                        sales.minor_units -= sales.minor_units * points / sales.points.0.max(1);
                        sales.points.0 -= points;
                    }
                }
                let allocated = allocated(&sales, &valuation);
                let now = recognised(allocated, &row, &valuation);
                prop_assert!((0..=allocated).contains(&now), "deferred is never negative, nor more than there is");
                prop_assert!(now >= before || step == 2, "{before} fell to {now}");
                prop_assert!(row.outstanding() > Points::ZERO || now == allocated, "nobody has any left");
                before = now;
            }
        }
    }
}
