//! Dividing what was granted for a whole receipt among its lines, so that a line that comes back takes its own share
//! with it and all lines together take everything.

use smallvec::SmallVec;

use crate::domain::order::Purchase;
use crate::domain::units::Points;

/// How much each line counts, by its position; lines that count nothing are left out.
pub(super) type Weights = SmallVec<[(u16, i64); 4]>;

/// `total` divided in proportion to the weights: what is rounded off one line falls to a later one.
pub(super) fn divided(total: Points, weights: &[(u16, i64)]) -> SmallVec<[(u16, Points); 2]> {
    let whole: i128 = weights.iter().map(|(_, weight)| i128::from(*weight)).sum();
    let (mut weight_so_far, mut given) = (0_i128, 0_i128);
    let share = |(line, weight): &(u16, i64)| {
        weight_so_far += i128::from(*weight);
        let due = part(total, weight_so_far, whole);
        let share = due - given;
        given = due;
        (*line, Points(i64::try_from(share).unwrap_or_default()))
    };
    weights.iter().map(share).filter(|(_, share)| *share != Points::ZERO).collect()
}

/// `total × part / whole`, rounded down.
fn part(total: Points, part: i128, whole: i128) -> i128 {
    if whole == 0 { 0 } else { (i128::from(total.0) * part).div_euclid(whole) }
}

/// The weights of lines for what does not look at lines: their amounts, else their quantities, else all alike.
pub(super) fn by_amount(purchase: &Purchase) -> Weights {
    let weighed = |weight: fn(&crate::domain::order::Line) -> i64| -> Weights {
        let lines = (0_u16..).zip(&purchase.lines);
        lines.map(|(position, line)| (position, weight(line))).filter(|(_, weight)| *weight > 0).collect()
    };
    let mut weights = weighed(|line| line.minor_units);
    if weights.is_empty() {
        weights = weighed(|line| line.quantity.0);
    }
    if weights.is_empty() { weighed(|_| 1) } else { weights }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_make_up_the_whole() {
        let shares = |total, weights: &[i64]| -> Vec<i64> {
            let weights: Vec<_> = (0_u16..).zip(weights.iter().copied()).collect();
            divided(Points(total), &weights).into_iter().map(|(_, share)| share.0).collect()
        };
        assert_eq!(shares(100, &[1, 1, 1]), [33, 33, 34]);
        assert_eq!(shares(9_470, &[143_600, 45_800]), [7_180, 2_290]);
        assert_eq!(shares(1, &[5, 5]), [1]);
        assert_eq!(shares(7, &[]), [0_i64; 0]);
    }
}
