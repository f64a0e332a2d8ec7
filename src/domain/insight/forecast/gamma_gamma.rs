//! What a purchase of hers will be worth: the gamma-gamma model (Fader, Hardie and Lee 2005, after Colombo and Jiang
//! 1999).
//!
//! Her purchases vary around a mean of her own as a gamma with shape p; over the crowd the scale varies as gamma(q,
//! v). What is spent and how often are taken as unrelated. Amounts are in any unit, the same everywhere (the published
//! figures are in dollars). Must not know time.

use super::special::ln_gamma;
use super::{Fit, climb};

/// What is known of one customer's spending.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spend {
    /// How many purchases are averaged: x. The published figures count repeat purchases only.
    pub purchases: u32,
    /// What they were worth on average: z̄.
    pub mean: f64,
}

impl Spend {
    /// Whether it says anything: there is a purchase, and it was worth something.
    #[must_use]
    pub fn is_telling(&self) -> bool {
        self.purchases > 0 && self.mean.is_finite() && self.mean > 0.0
    }
}

/// The parameters, all positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GammaGamma {
    /// Shape of one customer's purchases around her mean.
    pub p: f64,
    /// Shape of the scales over the crowd.
    pub q: f64,
    /// Their scale, in units of money.
    pub v: f64,
}

impl GammaGamma {
    /// The log-likelihood of one customer's mean; 0 if her spending is not telling.
    #[must_use]
    pub fn ln_likelihood_of(&self, spend: &Spend) -> f64 {
        if !spend.is_telling() {
            return 0.0;
        }
        let Self { p, q, v } = *self;
        let x = f64::from(spend.purchases);
        let sum = x * spend.mean;
        let shapes = ln_gamma(p * x + q) - ln_gamma(p * x) - ln_gamma(q);
        shapes + q * v.ln() + p * x * sum.ln() - spend.mean.ln() - (p * x + q) * (v + sum).ln()
    }

    /// The log-likelihood of many.
    #[must_use]
    pub fn ln_likelihood(&self, spends: &[Spend]) -> f64 {
        spends.iter().map(|spend| self.ln_likelihood_of(spend)).sum()
    }

    /// What her purchases are worth on average, as far as her own and the crowd's tell: `p·(v + x·z̄)/(p·x + q − 1)`.
    /// The crowd's mean for one without purchases. `None` if that has no mean (q at most 1).
    #[must_use]
    pub fn expected_mean(&self, spend: &Spend) -> Option<f64> {
        let x = if spend.is_telling() { f64::from(spend.purchases) } else { 0.0 };
        let sum = if spend.is_telling() { x * spend.mean } else { 0.0 };
        let weight = self.p * x + self.q - 1.0;
        (weight > 0.0).then(|| self.p * (self.v + sum) / weight)
    }

    /// The crowd's mean: `p·v/(q − 1)`; `None` if it has none (q at most 1).
    #[must_use]
    pub fn crowd_mean(&self) -> Option<f64> {
        self.expected_mean(&Spend { purchases: 0, mean: 0.0 })
    }

    /// The parameters under which the telling ones are likeliest, with their log-likelihood; `None` if there are none.
    #[must_use]
    pub fn fit(spends: &[Spend]) -> Option<Fit<Self>> {
        let telling: Vec<Spend> = spends.iter().copied().filter(Spend::is_telling).collect();
        let count = f64::from(u32::try_from(telling.len()).ok().filter(|count| *count > 0)?);
        let height = |[p, q, v]: [f64; 3]| Self { p, q, v }.ln_likelihood(&telling) / count;
        let start = [1.0, 2.0, telling.iter().map(|spend| spend.mean).sum::<f64>() / count];
        let climb::Summit { at: [p, q, v], steps } = climb::climb(start, height)?;
        let model = Self { p, q, v };
        Some(Fit { model, ln_likelihood: model.ln_likelihood(&telling), steps })
    }
}
