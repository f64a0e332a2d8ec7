//! What a member's meters still lack for a condition: the answer to "what does the next tier take?".
//!
//! It reads thresholds (`meter >= n`) out of the tree and knows nothing of windows or ladders.

use super::Subject;
use super::tree::{Comparison, Number, Truth};

/// How far one meter is from a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shortfall {
    /// The meter, by position in `program.meters`.
    pub meter: usize,
    /// What it has to reach, in the meter's smallest unit.
    pub threshold: i64,
    /// What is missing to it, at least 1.
    pub missing: i64,
}

impl Shortfall {
    /// What the meter reads, in its smallest unit.
    #[must_use]
    pub const fn value(&self) -> i64 {
        self.threshold.saturating_sub(self.missing)
    }
}

/// More alternatives than anybody reads; it also bounds the work for a condition that multiplies them.
const ALTERNATIVES_MAX: usize = 16;

type Alternatives = Vec<Vec<Shortfall>>;

pub(super) fn alternatives(truth: &Truth, subject: &Subject<'_>) -> Alternatives {
    if truth.holds(subject) == Ok(true) {
        return vec![Vec::new()];
    }
    match truth {
        Truth::All(parts) => {
            parts.iter().fold(vec![Vec::new()], |so_far, part| both(&so_far, &alternatives(part, subject)))
        }
        Truth::Any(parts) => parts.iter().flat_map(|part| alternatives(part, subject)).take(ALTERNATIVES_MAX).collect(),
        Truth::Numbers(how, Number::Meter(meter), Number::Constant(n)) => {
            shortfall(*how, *meter, *n, subject).map(|short| vec![short]).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn shortfall(how: Comparison, meter: usize, n: i64, subject: &Subject<'_>) -> Option<Shortfall> {
    let threshold = match how {
        Comparison::AtLeast => n,
        Comparison::More => n.checked_add(1)?,
        _ => return None,
    };
    let missing = threshold.checked_sub(subject.meters.get(meter).copied().unwrap_or(0))?;
    Some(Shortfall { meter, threshold, missing })
}

/// Every way to have one of `a` and one of `b`.
fn both(a: &Alternatives, b: &Alternatives) -> Alternatives {
    let pairs = a.iter().flat_map(|one| b.iter().map(move |other| merged(one, other)));
    pairs.take(ALTERNATIVES_MAX).collect()
}

/// Both sets of shortfalls as one; of two thresholds on a meter the higher one counts.
fn merged(a: &[Shortfall], b: &[Shortfall]) -> Vec<Shortfall> {
    let mut all = a.to_vec();
    for short in b {
        match all.iter_mut().find(|known| known.meter == short.meter) {
            Some(known) => *known = (*known).max(*short),
            None => all.push(*short),
        }
    }
    all
}
