//! A member's own purchase rhythm: every how many days she comes, and when her silence falls out of it.
//!
//! Exact integers, in days, from her own history alone: somebody who comes every week is missed after a fortnight,
//! somebody who comes every half year is not. Must not know clocks or other members.

/// What it takes to speak of a rhythm, and of falling out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// The fewest gaps between visits that make a rhythm; at least one.
    pub gaps_min: u32,
    /// How many spreads beyond the usual gap are still in rhythm,
    pub spreads: u32,
    /// and at least this part of the usual gap, in percent, rounded up: nobody comes to the day for ever.
    pub slack_percent: u32,
}

impl Default for Tolerance {
    /// Three gaps; four spreads, half a gap at least. With gaps that vary as in a normal distribution, a spread is
    /// about two thirds of a standard deviation.
    fn default() -> Self {
        Self { gaps_min: 3, spreads: 4, slack_percent: 50 }
    }
}

/// Every how many days she comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// Her last visit.
    pub last: i64,
    /// How many gaps it was read from.
    pub gaps: u32,
    /// Her usual gap in days: the median, so that one long absence changes little.
    pub usual: i64,
    /// How far her gaps lie from the usual one, in days: the median of the absolute deviations (Hampel 1974).
    pub spread: i64,
    /// A silence of more days than this falls out of her rhythm.
    pub alarm_after: i64,
}

/// How long she has been silent, against her rhythm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Days since her last visit; 0 on its day and before.
    pub days: i64,
    /// Days until the alarm goes off: it does on the day after they have passed. 0 where it has.
    pub days_left: i64,
    /// Whether this falls out of her rhythm.
    pub alarm: bool,
}

/// Her rhythm as of day `today`; `None` with too few gaps. `purchases` are days in any order; several on one day are
/// one visit; those after today do not count. Of an even number of gaps the median is the middle of the two in the
/// middle, rounded up, in her favour.
#[must_use]
pub fn rhythm(purchases: &[i64], today: i64, tolerance: &Tolerance) -> Option<Rhythm> {
    let mut days: Vec<i64> = purchases.iter().copied().filter(|day| *day <= today).collect();
    days.sort_unstable();
    days.dedup();
    let gaps: Vec<i64> = days.iter().zip(days.iter().skip(1)).map(|(a, b)| b.saturating_sub(*a)).collect();
    let count = u32::try_from(gaps.len()).ok().filter(|count| *count >= tolerance.gaps_min.max(1))?;
    let last = days.last().copied()?;
    let deviations = |usual: i64| gaps.iter().map(|gap| gap.saturating_sub(usual).saturating_abs()).collect();
    let usual = median(gaps.clone())?;
    let spread = median(deviations(usual))?;
    Some(Rhythm { last, gaps: count, usual, spread, alarm_after: alarm_after(usual, spread, tolerance) })
}

fn alarm_after(usual: i64, spread: i64, tolerance: &Tolerance) -> i64 {
    let spreads = spread.saturating_mul(i64::from(tolerance.spreads));
    let percent = usual.saturating_mul(i64::from(tolerance.slack_percent));
    let slack = percent.saturating_add(99).checked_div(100).unwrap_or(0);
    usual.saturating_add(spreads.max(slack))
}

/// The middle one, or the middle of the middle two, rounded up; values are not negative.
fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    let upper = values.len() >> 1;
    let lower = values.len().checked_sub(1)? >> 1;
    let (lower, upper) = (*values.get(lower)?, *values.get(upper)?);
    let apart = upper.saturating_sub(lower);
    Some(upper.saturating_sub(apart >> 1))
}

impl Rhythm {
    /// How long she has been silent on day `today`.
    #[must_use]
    pub fn silence(&self, today: i64) -> Silence {
        let days = today.saturating_sub(self.last).max(0);
        let days_left = self.alarm_after.saturating_sub(days).max(0);
        Silence { days, days_left, alarm: days > self.alarm_after }
    }
}
