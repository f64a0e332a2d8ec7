//! Both models fitted to what is known of a crowd, and what they say of one member and of all.
//!
//! Everything is reckoned as the published figures of the CDNOW sample are: purchases of one day are one; time is weeks
//! of seven days, to two decimals; what a purchase is worth is the mean over the days on which she came back (the first
//! purchase tells nothing about later ones), to a whole minor unit. Must not know clocks, zones or members.

use super::Fit;
use super::bgnbd::{BgNbd, History};
use super::gamma_gamma::{GammaGamma, Spend};

/// The most customers a fit looks at, evenly chosen; the parameters of more would hardly differ.
pub const FITTED_MAX: usize = 25_000;
/// The fewest customers who came back that say anything about others.
pub const REPEATERS_MIN: usize = 10;
const WEEK: i64 = 7;

/// What is known of one customer at the end of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Past {
    /// The day of her first purchase.
    pub first: i64,
    /// The day of her last one.
    pub last: i64,
    /// On how many days she bought; none of this says anything if on none.
    pub days: u32,
    /// What she spent on the days after the first, in minor units; what came back is taken off.
    pub repeat_spend: i64,
}

impl Past {
    /// Learns of a purchase, or of what a return took off one, on `day`; days come in order.
    pub const fn see(&mut self, day: i64, is_purchase: bool, spend: i64) {
        if is_purchase && self.days == 0 {
            (self.first, self.last, self.days) = (day, day, 1);
        } else if is_purchase && self.last != day {
            (self.last, self.days) = (day, self.days.saturating_add(1));
        }
        if self.days > 0 && self.first < day {
            self.repeat_spend = self.repeat_spend.saturating_add(spend);
        }
    }

    /// Whether she came back after her first day.
    #[must_use]
    pub const fn is_repeater(&self) -> bool {
        self.days > 1
    }

    /// Her visits in weeks, watched up to and including day `until`; `None` if she had not bought by then.
    #[must_use]
    pub fn history(&self, until: i64) -> Option<History> {
        let repeats = self.days.checked_sub(1)?;
        Some(History { repeats, last: weeks(self.last, self.first)?, watched: weeks(until, self.first)? })
    }

    /// What her repeat purchases were worth, in major units of which each has `minor` minor ones.
    #[must_use]
    pub fn spend(&self, minor: u32) -> Spend {
        let purchases = self.days.saturating_sub(1);
        let (twice, sum) = (i64::from(purchases).saturating_mul(2), self.repeat_spend.saturating_mul(2));
        let mean = sum.saturating_add(purchases.into()).checked_div_euclid(twice).unwrap_or(0);
        Spend { purchases, mean: float(mean) / f64::from(minor.max(1)) }
    }
}

/// From one day to another, in weeks to two decimals; `None` if that is backwards.
fn weeks(to: i64, from: i64) -> Option<f64> {
    let days = to.checked_sub(from).filter(|days| *days >= 0)?;
    let hundredths = days.checked_mul(200)?.checked_add(WEEK)?.checked_div(2 * WEEK)?;
    Some(float(hundredths) / 100.0)
}

/// Exact up to 2⁵³.
const fn float(count: i64) -> f64 {
    count as f64
}

/// What may be expected of one member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// The probability that she is still a customer.
    pub alive: f64,
    /// How many purchases to expect over the horizon.
    pub purchases: f64,
    /// What one of them is worth, in major units; `None` if too few came back with money to tell.
    pub spend: Option<f64>,
}

impl Forecast {
    /// What she may be expected to spend over the horizon, in major units.
    #[must_use]
    pub fn worth(&self) -> Option<f64> {
        self.spend.map(|spend| spend * self.purchases)
    }
}

/// What may be expected of all customers together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Total {
    /// How many purchases.
    pub purchases: f64,
    /// What they are worth, in major units; `None` if there is no telling.
    pub worth: Option<f64>,
}

/// Both models, fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fitted {
    /// The last day that was looked at.
    pub until: i64,
    /// How many minor units a major one has.
    pub minor: u32,
    /// When they come and whether they still do.
    pub visits: Fit<BgNbd>,
    /// How many customers that was fitted to.
    pub customers: usize,
    /// What they spend; `None` if there is no telling.
    pub spend: Option<Fit<GammaGamma>>,
    /// How many customers that was fitted to: those who came back and spent anything.
    pub repeaters: usize,
}

impl Fitted {
    /// Fits both to the customers among `pasts` as of day `until`. `None` where fewer than [`REPEATERS_MIN`] came back,
    /// or no parameters are the likeliest.
    #[must_use]
    pub fn of(pasts: &[Past], until: i64, minor: u32) -> Option<Self> {
        let customers: Vec<&Past> = pasts.iter().filter(|past| past.days > 0).collect();
        let mut chosen = evenly(&customers, FITTED_MAX);
        // Sums of floats depend on their order; what is known of a crowd does not.
        chosen.sort_unstable();
        if chosen.iter().filter(|past| past.is_repeater()).count() < REPEATERS_MIN {
            return None;
        }
        let histories: Vec<History> = chosen.iter().filter_map(|past| past.history(until)).collect();
        let spends: Vec<Spend> = chosen.iter().map(|past| past.spend(minor)).filter(Spend::is_telling).collect();
        let spend = if spends.len() < REPEATERS_MIN { None } else { GammaGamma::fit(&spends) };
        let visits = BgNbd::fit(&histories)?;
        Some(Self { until, minor, visits, customers: histories.len(), spend, repeaters: spends.len() })
    }

    /// What to expect of a customer in the next `days`; `None` if she has not bought, or there is no telling.
    #[must_use]
    pub fn forecast(&self, past: &Past, days: u32) -> Option<Forecast> {
        let history = past.history(self.until)?;
        let purchases = self.visits.model.expected(&history, horizon(days))?;
        Some(Forecast { alive: self.visits.model.alive(&history), purchases, spend: self.spend_of(past) })
    }

    fn spend_of(&self, past: &Past) -> Option<f64> {
        self.spend.and_then(|fit| fit.model.expected_mean(&past.spend(self.minor)))
    }

    /// How many repeat purchases to expect of somebody new in the `days` after her first purchase.
    #[must_use]
    pub fn of_new(&self, days: u32) -> Option<f64> {
        self.visits.model.expected_of_new(horizon(days))
    }

    /// What to expect of all customers among `pasts` in the next `days`; of whom there is no telling adds nothing. In
    /// whatever order they come, the sums are the same.
    #[must_use]
    pub fn total(&self, pasts: &[Past], days: u32) -> Total {
        let mut sorted = pasts.to_vec();
        sorted.sort_unstable();
        let mut total = Total { purchases: 0.0, worth: self.spend.map(|_| 0.0) };
        for alike in sorted.chunk_by(|a, b| (a.first, a.last, a.days) == (b.first, b.last, b.days)) {
            let Some(purchases) = alike.first().and_then(|past| self.purchases(past, days)) else { continue };
            for past in alike {
                total.purchases += purchases;
                total.worth = total.worth.zip(self.spend_of(past)).map(|(worth, spend)| worth + spend * purchases);
            }
        }
        total
    }

    fn purchases(&self, past: &Past, days: u32) -> Option<f64> {
        self.visits.model.expected(&past.history(self.until)?, horizon(days))
    }
}

/// Days as the weeks of the models.
fn horizon(days: u32) -> f64 {
    f64::from(days) / float(WEEK)
}

/// At most `most` of them, spread over all.
fn evenly<'a>(all: &[&'a Past], most: usize) -> Vec<&'a Past> {
    let step = |at: usize| at.saturating_mul(most).checked_div(all.len());
    let chosen = all.iter().enumerate().filter(|(at, _)| all.len() <= most || step(*at) != step(at.saturating_add(1)));
    chosen.map(|(_, past)| *past).collect()
}
