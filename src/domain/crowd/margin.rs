//! What of a purchase's price is of lines that carry their cost, what it leaves above that cost, and how much of both goes
//! with what comes back.
//!
//! The attribute `cost` is what the whole line cost the seller, in minor units; one below zero says nothing. Discounts
//! without a cost of their own are shared by all goods in proportion to their prices. Units that come back take their
//! part of the cost with them; a price that is lowered leaves the goods, and their cost, where they are. Everything is
//! reckoned of all that has come back so far, so that pieces come to what the whole would. Must not know days or members.

use crate::domain::event::LineReturned;
use crate::domain::order::Line;
use crate::domain::program::Value;

/// The attribute of a line that carries what the goods cost.
pub const COST: &str = "cost";

/// Of lines that carry their cost, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Their price, less their share of discounts.
    pub spend: i64,
    /// That less their cost.
    pub margin: i64,
}

impl Known {
    pub(super) const fn less(self, other: Self) -> Self {
        let (spend, margin) = (self.spend.saturating_sub(other.spend), self.margin.saturating_sub(other.margin));
        Self { spend, margin }
    }
}

/// Of a whole purchase; `None` if no line carries its cost.
pub(super) fn known(lines: &[Line]) -> Option<Known> {
    let costs = costed(lines).map(|(_, _, cost)| cost).reduce(i64::saturating_add)?;
    let spend = narrow(price(lines));
    Some(Known { spend, margin: spend.saturating_sub(costs) })
}

/// Of what has come back of it; nothing if no line carries its cost.
pub(super) fn back(lines: &[Line], so_far: &[LineReturned]) -> Known {
    let (mut worth, mut whole, mut costs) = (0_i128, 0_i128, 0_i128);
    for (position, line, cost) in costed(lines) {
        let amount = i128::from(line.minor_units.max(0));
        whole = whole.saturating_add(amount);
        let Some(returned) = so_far.iter().find(|returned| returned.line == position) else { continue };
        worth = worth.saturating_add(part_of(amount, returned.part_of(line, true)));
        // A line of no units comes back by its price.
        costs = costs.saturating_add(part_of(cost.into(), returned.part_of(line, line.quantity.0 <= 0)));
    }
    let spend = narrow(part_of(price(lines), (worth, whole)));
    Known { spend, margin: spend.saturating_sub(narrow(costs)) }
}

/// Lines with their positions and costs, where they carry one.
fn costed(lines: &[Line]) -> impl Iterator<Item = (u16, &Line, i64)> {
    let numbered = (0_u16..).zip(lines);
    numbered.filter_map(|(position, line)| Some((position, line, cost(line)?)))
}

fn cost(line: &Line) -> Option<i64> {
    line.attributes.iter().find_map(|(name, value)| match value {
        Value::Integer(cost) if &**name == COST && *cost >= 0 => Some(*cost),
        _ => None,
    })
}

/// The price of all lines that carry their cost, and their share of the discounts that carry none, rounded down.
fn price(lines: &[Line]) -> i128 {
    let sum =
        |of: &dyn Fn(&&Line) -> bool| lines.iter().filter(of).map(|line| i128::from(line.minor_units)).sum::<i128>();
    let (costed, goods) = (|line: &&Line| cost(line).is_some(), |line: &&Line| line.minor_units > 0);
    let discounts = sum(&|line| !goods(line) && !costed(line));
    let share = discounts * sum(&|line| goods(line) && costed(line));
    sum(&costed) + share.checked_div_euclid(sum(&goods)).unwrap_or(0)
}

/// A part of an amount, towards zero.
fn part_of(amount: i128, (part, whole): (i128, i128)) -> i128 {
    amount.saturating_mul(part).checked_div(whole).unwrap_or(0)
}

fn narrow(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Quantity;

    /// Lines by units, price and cost.
    fn receipt(lines: &[(i64, i64, Option<i64>)]) -> Vec<Line> {
        let line = |(units, minor_units, cost): &(i64, i64, Option<i64>)| Line {
            line_id: "1".into(),
            sku: "".into(),
            category: "".into(),
            quantity: Quantity(units * 1_000),
            minor_units: *minor_units,
            attributes: cost.iter().map(|cost| (COST.into(), Value::Integer(*cost))).collect(),
        };
        lines.iter().map(line).collect()
    }

    fn margin_left(lines: &[(i64, i64, Option<i64>)], so_far: &[(u16, i64, i64)]) -> Option<i64> {
        let so_far = so_far.iter().map(|(line, units, minor_units)| LineReturned {
            line: *line,
            quantity: units * 1_000,
            minor_units: *minor_units,
        });
        let (lines, so_far) = (receipt(lines), so_far.collect::<Vec<_>>());
        Some(known(&lines)?.less(back(&lines, &so_far)).margin)
    }

    #[test]
    fn what_comes_back_takes_its_own_margin_with_it() {
        let two = [(1, 10_000, Some(9_000)), (1, 10_000, Some(1_000))];
        assert_eq!(margin_left(&two, &[]), Some(10_000));
        assert_eq!(margin_left(&two, &[(0, 1, 0)]), Some(9_000));
        let three_units = [(3, 300, Some(290))];
        assert_eq!(margin_left(&three_units, &[(0, 1, 0)]), Some(6), "100 of 300 less 96 of 290");
        assert_eq!(margin_left(&three_units, &[(0, 3, 0)]), Some(0));
        let uneven = [(1, 100, Some(1)), (1, 101, Some(2)), (1, 102, Some(3))];
        assert_eq!(margin_left(&uneven, &[(0, 1, 0), (1, 1, 0), (2, 1, 0)]), Some(0));
        assert_eq!(margin_left(&[(1, 0, Some(500))], &[]), Some(-500), "a gift");
        assert_eq!(margin_left(&[(1, 0, Some(500))], &[(0, 1, 0)]), Some(0));
    }

    #[test]
    fn a_lowered_price_is_lost_margin() {
        assert_eq!(margin_left(&[(1, 10_000, Some(7_000))], &[(0, 0, 1_000)]), Some(2_000));
        assert_eq!(margin_left(&[(0, 10_000, Some(7_000))], &[(0, 0, 10_000)]), Some(0), "no units: all of it is back");
    }

    #[test]
    fn lines_without_a_cost_say_nothing() {
        let one_of_three = [(1, 10_000, Some(9_000)), (1, 10_000, None), (1, 10_000, None)];
        assert_eq!(margin_left(&one_of_three, &[]), Some(1_000));
        assert_eq!(margin_left(&one_of_three, &[(1, 1, 0)]), Some(1_000));
        assert_eq!(margin_left(&[(1, 5_000, Some(-100))], &[]), None, "nothing costs less than nothing");
        assert_eq!(margin_left(&[(1, 5_000, None)], &[]), None);
        assert_eq!(known(&receipt(&one_of_three)).map(|known| known.spend), Some(10_000));
    }

    #[test]
    fn discounts_are_shared_by_price() {
        let shared = [(1, 10_000, Some(5_000)), (1, 10_000, None), (1, -1_001, None)];
        assert_eq!(margin_left(&shared, &[]), Some(4_499), "half of the discount, rounded down");
        assert_eq!(margin_left(&shared, &[(0, 1, 0)]), Some(0));
        assert_eq!(margin_left(&[(1, 10_000, Some(5_000)), (1, -1_000, None)], &[]), Some(4_000));
    }
}
