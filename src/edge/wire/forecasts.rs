//! What may be expected of members, for the wire: estimates as decimal texts.
//!
//! Translates and nothing else. Must not know how estimates come about; nothing that is written here is ever read back as
//! points or money.

use super::faults::{Faults, Path};
use super::scalars::{count32, count64};
use crate::domain::calendar::Day;
use crate::domain::insight::forecast::fitted::{Fitted, Forecast, Total};
use crate::pb;

const HORIZON_DEFAULT: u32 = 365;
const HORIZON_MAX: u32 = 3_650;

/// Reads how many days ahead a forecast looks.
pub fn horizon(days: i32, faults: &mut Faults) -> u32 {
    match u32::try_from(days) {
        Ok(0) => HORIZON_DEFAULT,
        Ok(days) if days <= HORIZON_MAX => days,
        _ => {
            let message = format_args!("must be 0 to {HORIZON_MAX}");
            faults.at(&Path::Field(&Path::Request, "horizon_days"), message);
            HORIZON_DEFAULT
        }
    }
}

/// An estimate to six decimals.
fn decimal(estimate: f64) -> String {
    format!("{estimate:.6}")
}

fn decimal_if_any(estimate: Option<f64>) -> String {
    estimate.map(decimal).unwrap_or_default()
}

/// What may be expected of one member.
#[must_use]
pub fn forecast(forecast: &Forecast, horizon: u32, currency: &str) -> pb::Forecast {
    pb::Forecast {
        horizon_days: count32(horizon),
        probability_alive: decimal(forecast.alive),
        expected_purchases: decimal(forecast.purchases),
        expected_spend_per_purchase: decimal_if_any(forecast.spend),
        expected_worth: decimal_if_any(forecast.worth()),
        currency_code: currency.to_owned(),
    }
}

/// What may be expected of all customers.
#[must_use]
pub fn of_crowd(fitted: &Fitted, total: &Total, horizon: u32, currency: &str) -> pb::CrowdForecast {
    let (visits, spend) = (fitted.visits.model, fitted.spend.map(|fit| fit.model));
    pb::CrowdForecast {
        until: i32::try_from(fitted.until).map(|day| Day(day).to_string()).unwrap_or_default(),
        horizon_days: count32(horizon),
        customers: count64(fitted.customers),
        r: decimal(visits.r),
        alpha: decimal(visits.alpha),
        a: decimal(visits.a),
        b: decimal(visits.b),
        ln_likelihood: decimal(fitted.visits.ln_likelihood),
        repeaters: count64(fitted.repeaters),
        p: decimal_if_any(spend.map(|model| model.p)),
        q: decimal_if_any(spend.map(|model| model.q)),
        v: decimal_if_any(spend.map(|model| model.v)),
        expected_of_new: decimal_if_any(fitted.of_new(horizon)),
        expected_purchases: decimal(total.purchases),
        expected_worth: decimal_if_any(total.worth),
        currency_code: currency.to_owned(),
    }
}
