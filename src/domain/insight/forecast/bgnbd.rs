//! Who is still a customer and how often she will come: the BG/NBD model (Fader, Hardie and Lee 2005, "Counting Your
//! Customers the Easy Way").
//!
//! While she is a customer she comes at random at a rate of her own; after each visit she drops out with a probability
//! of her own. Rates vary over the crowd as gamma(r, α), drop-out as beta(a, b). Must not know money; the unit of time
//! is the caller's, the same everywhere (the published figures are in weeks).

use super::special::{gauss_slope, ln_gamma};
use super::{Fit, climb};

/// What is known of one customer; no number is negative, and `last` is at most `watched`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct History {
    /// How often she came back after her first purchase: x.
    pub repeats: u32,
    /// When she last did, counted from her first purchase, 0 if she never did: `t_x`.
    pub last: f64,
    /// How long she has been watched, counted from her first purchase: T.
    pub watched: f64,
}

impl History {
    /// From the days of her purchases up to and including day `until`, in any order; several on one day are one visit.
    /// `None` without any. Time is counted in units of `days_per_unit` days, at least one: 7 for weeks.
    #[must_use]
    pub fn from_days(purchases: &[i64], until: i64, days_per_unit: u32) -> Option<Self> {
        let mut days: Vec<i64> = purchases.iter().copied().filter(|day| *day <= until).collect();
        days.sort_unstable();
        days.dedup();
        let (first, last) = (*days.first()?, *days.last()?);
        let repeats = u32::try_from(days.len().checked_sub(1)?).ok()?;
        let units =
            |day: i64| Some(f64::from(i32::try_from(day.checked_sub(first)?).ok()?) / f64::from(days_per_unit.max(1)));
        Some(Self { repeats, last: units(last)?, watched: units(until)? })
    }

    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let by_last = || self.last.total_cmp(&other.last);
        self.repeats.cmp(&other.repeats).then_with(by_last).then_with(|| self.watched.total_cmp(&other.watched))
    }
}

/// The parameters, all positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BgNbd {
    /// Shape of the rates over the crowd.
    pub r: f64,
    /// Their scale, in units of time.
    pub alpha: f64,
    /// First parameter of the drop-out probabilities.
    pub a: f64,
    /// Their second parameter.
    pub b: f64,
}

impl BgNbd {
    /// The log-likelihood of one history.
    #[must_use]
    pub fn ln_likelihood_of(&self, history: &History) -> f64 {
        let Self { r, alpha, a, b } = *self;
        let x = f64::from(history.repeats);
        let rate = ln_gamma(r + x) - ln_gamma(r) + r * alpha.ln();
        let stays = ln_gamma(a + b) + ln_gamma(b + x) - ln_gamma(b) - ln_gamma(a + b + x);
        let alive = -(r + x) * (alpha + history.watched).ln();
        rate + stays + alive + self.ln_odds_gone(history).map_or(0.0, ln_one_plus_exp)
    }

    /// The log-likelihood of many.
    #[must_use]
    pub fn ln_likelihood(&self, histories: &[History]) -> f64 {
        histories.iter().map(|history| self.ln_likelihood_of(history)).sum()
    }

    /// The logarithm of the odds that she is gone: a/(b + x − 1) · ((α + T)/(α + tₓ))^(r + x). `None` if she never came
    /// back: nobody drops out before the first repeat.
    fn ln_odds_gone(&self, history: &History) -> Option<f64> {
        let x = f64::from(history.repeats);
        let waited = (self.alpha + history.watched).ln() - (self.alpha + history.last).ln();
        (history.repeats > 0).then(|| self.a.ln() - (self.b + x - 1.0).ln() + (self.r + x) * waited)
    }

    /// The probability that she is still a customer. 1 for one who never came back.
    #[must_use]
    pub fn alive(&self, history: &History) -> f64 {
        self.ln_odds_gone(history).map_or(1.0, |odds| 1.0 / (1.0 + odds.exp()))
    }

    /// How many purchases to expect of her in the next `ahead` units of time; `None` where the series does not
    /// converge.
    #[must_use]
    pub fn expected(&self, history: &History, ahead: f64) -> Option<f64> {
        let while_alive = self.expected_while_alive(f64::from(history.repeats), self.alpha + history.watched, ahead)?;
        Some(while_alive * self.alive(history))
    }

    /// `E[X(t)]`: how many repeat purchases to expect of somebody in the `ahead` units of time after her first.
    #[must_use]
    pub fn expected_of_new(&self, ahead: f64) -> Option<f64> {
        self.expected_while_alive(0.0, self.alpha, ahead)
    }

    /// Published as `c/(a − 1) · (1 − ((α + T)/(α + T + t))^(r + x) · ₂F₁(r + x, b + x; c; z))` with c = a + b + x − 1
    /// and z = t/(α + T + t). Euler's transformation turns the power and ₂F₁ into
    /// `(1 − z)^(a − 1) · ₂F₁(c − r − x, a − 1; c; z)`, which neither overflows with many repeats nor grows near z = 1;
    /// with `a − 1` divided out, a = 1 is no exception.
    fn expected_while_alive(&self, x: f64, lived: f64, ahead: f64) -> Option<f64> {
        if ahead.is_nan() || ahead < 0.0 {
            return None;
        }
        let c = self.a + self.b + x - 1.0;
        let z = ahead / (lived + ahead);
        let (less, ln_rest) = (self.a - 1.0, -(ahead / lived).ln_1p());
        let power = if less == 0.0 { -ln_rest } else { -(less * ln_rest).exp_m1() / less };
        let slope = gauss_slope(c - self.r - x, less, c, z)?;
        Some(c * (power - (less * ln_rest).exp() * slope)).filter(|count| count.is_finite())
    }

    /// The parameters under which the histories are likeliest, with their log-likelihood; `None` if there are none, as
    /// where nobody came back or nobody seems to be gone. Equal histories are reckoned once; some hundred passes over
    /// the rest: a sample of some ten thousand is plenty.
    #[must_use]
    pub fn fit(histories: &[History]) -> Option<Fit<Self>> {
        if histories.iter().all(|history| history.repeats == 0) {
            return None;
        }
        let mut sorted = histories.to_vec();
        sorted.sort_unstable_by(History::order);
        let alike = sorted.chunk_by(|a, b| a.order(b).is_eq());
        let weighed: Vec<(History, f64)> =
            alike.filter_map(|some| Some((*some.first()?, f64::from(u32::try_from(some.len()).ok()?)))).collect();
        let count = f64::from(u32::try_from(histories.len()).ok()?);
        let mean = |[r, alpha, a, b]: [f64; 4]| {
            let model = Self { r, alpha, a, b };
            weighed.iter().map(|(history, weight)| weight * model.ln_likelihood_of(history)).sum::<f64>() / count
        };
        let start = [1.0, mean_watched(histories, count), 1.0, 1.0];
        let climb::Summit { at: [r, alpha, a, b], steps } = climb::climb(start, mean)?;
        let model = Self { r, alpha, a, b };
        Some(Fit { model, ln_likelihood: model.ln_likelihood(histories), steps })
    }
}

/// A scale of time to start from, so that the unit does not matter.
fn mean_watched(histories: &[History], count: f64) -> f64 {
    (histories.iter().map(|history| history.watched).sum::<f64>() / count).max(f64::MIN_POSITIVE)
}

/// ln(1 + eˣ) without overflow.
fn ln_one_plus_exp(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
