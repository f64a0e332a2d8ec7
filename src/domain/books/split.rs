//! How the price of a row's sales is split between the goods and the points, and how much of the points' part is revenue
//! by now. Reckoned anew from the row and the program's valuations each time: nothing of it is kept.

use super::{Row, Sales, has_left};
use crate::domain::program::{Timeline, Valuation, WalletId};
use crate::domain::units::{Moment, Points, Ratio, Rounding};

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

impl Row {
    /// How the price of the row's sales is split: each version's sales by the valuations of that version, recognised by
    /// the share of points redeemed of those that today's expects to be, as far as they still can be.
    #[must_use]
    pub fn split(&self, timeline: &Timeline, wallet: WalletId, now: Moment) -> Split {
        let mut split = Split::default();
        for ((version, others), sales) in &self.sales {
            split.sales = split.sales.saturating_add(sales.minor_units);
            let valuation = |wallet| timeline.version(*version).and_then(|program| program.wallet(wallet)?.valuation);
            if let Some(own) = valuation(wallet) {
                let others: Vec<Option<Valuation>> = others.iter().map(|other| valuation(*other)).collect();
                split.allocated = split.allocated.saturating_add(allocated(sales, &own, &others));
            }
        }
        if let Some(valuation) = timeline.at(now).wallet(wallet).and_then(|wallet| wallet.valuation) {
            split.recognised = recognised(split.allocated, self, &valuation);
        }
        split
    }
}

/// The part of the sales that is the points': by relative stand-alone selling prices, of the goods, of these points, and
/// of all others that came with them and are worth something.
fn allocated(sales: &Sales, own: &Valuation, others: &[Option<Valuation>]) -> i64 {
    let others = sales.beside.iter().zip(others).filter_map(|(points, valuation)| Some((*points, (*valuation)?)));
    let others: Vec<(Points, Valuation)> = others.collect();
    share(sales, own, &others).unwrap_or(i64::MAX)
}

/// The same; `None` if it leaves its range.
fn share(sales: &Sales, own: &Valuation, others: &[(Points, Valuation)]) -> Option<i64> {
    let own_price = price(sales.points, own)?;
    let prices: Vec<Ratio> = others.iter().map(|(points, other)| price(*points, other)).collect::<Option<_>>()?;
    // All prices as fractions over one denominator.
    let under = prices.iter().chain([&own_price]).try_fold(1_i128, |under, price| {
        let Ratio { denominator, .. } = Ratio::new(under, price.denominator.into())?;
        under.checked_mul(denominator.into())
    })?;
    let over = |price: &Ratio| i128::from(price.numerator).checked_mul(under / i128::from(price.denominator));
    let points = over(&own_price)?;
    let goods = i128::from(sales.minor_units).checked_mul(under)?;
    let whole = prices.iter().try_fold(goods.checked_add(points)?, |whole, price| whole.checked_add(over(price)?))?;
    let step = i128::from(own.round_to.max(1));
    if whole <= 0 {
        return Some(0);
    }
    let part = i128::from(sales.minor_units).checked_mul(points)?;
    i64::try_from(Rounding::HalfUp.divide(part, whole.checked_mul(step)?).checked_mul(step)?).ok()
}

/// The stand-alone selling price of points: what they are worth, as far as they are expected to be redeemed.
fn price(points: Points, valuation: &Valuation) -> Option<Ratio> {
    let Valuation { minor_units, expected, .. } = valuation;
    let each = i128::from(minor_units.numerator).checked_mul(expected.numerator.into())?;
    let under = i128::from(minor_units.denominator).checked_mul(expected.denominator.into())?;
    Ratio::new(i128::from(points.0).checked_mul(each)?, under)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn valuation(value: i64, expected: i128, round_to: i64) -> Valuation {
        Valuation { minor_units: Ratio::whole(value), expected: Ratio::new(expected, 100).unwrap(), round_to }
    }

    fn sold(minor_units: i64, points: i64) -> Sales {
        Sales { minor_units, points: Points(points), beside: Vec::new() }
    }

    /// Allocated, then recognised to date for each (redeemed, expected per cent).
    fn told(sales: i64, points: i64, first: Valuation, redeemed: &[(i64, i128)]) -> (i64, Vec<i64>) {
        let allocated = allocated(&sold(sales, points), &first, &[]);
        let to_date = |(redeemed, expected): &(i64, i128)| {
            let row = Row { issued: Points(points), redeemed: Points(*redeemed), ..Row::default() };
            recognised(allocated, &row, &valuation(1, *expected, 1))
        };
        (allocated, redeemed.iter().map(to_date).collect())
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

    /// A sale of 100.00 with ten points of 1.00 in each of two wallets: 100 of 120 are the goods', and 10 each wallet's.
    #[test]
    fn all_points_of_a_sale_share_one_price() {
        let (whole, half) = (valuation(100, 100, 1), valuation(100, 50, 1));
        let both = Sales { beside: vec![Points(10)], ..sold(10_000, 10) };
        assert_eq!(allocated(&sold(10_000, 10), &whole, &[]), 909);
        assert_eq!(allocated(&both, &whole, &[Some(whole)]), 833);
        assert_eq!(allocated(&both, &whole, &[None]), 909, "the others are worth nothing");
        assert_eq!(
            [(&half, whole), (&whole, half)].map(|(own, other)| allocated(&both, own, &[Some(other)])),
            [435, 870]
        );
        let all = (Points(i64::MAX - 1), i64::MAX - 1);
        let much = Sales { minor_units: all.1, points: all.0, beside: vec![all.0] };
        assert_eq!(allocated(&much, &valuation(i64::MAX, 99, 1), &[Some(whole)]), i64::MAX, "it has left its range");
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
        assert_eq!(allocated(&sold(10_000, 10), &valuation(100, 100, 1), &[]), 909);
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
            let mut sales = sold(sales, issued);
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
                let allocated = allocated(&sales, &valuation, &[]);
                let now = recognised(allocated, &row, &valuation);
                prop_assert!((0..=allocated).contains(&now), "deferred is never negative, nor more than there is");
                prop_assert!(now >= before || step == 2, "{before} fell to {now}");
                prop_assert!(row.outstanding() > Points::ZERO || now == allocated, "nobody has any left");
                before = now;
            }
        }
    }
}
