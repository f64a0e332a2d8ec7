//! Forecasts kept: what was fitted to the crowd of a program as of a day, until more is known of the days before it.
//!
//! The histories are copied while the analyst's lock is held; fitting happens after that, on a thread that may block, once
//! however many ask. Must not know how models are fitted, nor what is asked of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Engine;
use super::answer::{Denied, Failure};
use crate::domain::calendar::Day;
use crate::domain::insight::forecast::fitted::{Fitted, Past, Total};
use crate::domain::program::ProgramNo;

/// How many programs and days are kept at most.
const KEPT_MAX: usize = 64;
/// How many horizons are kept of each.
const HORIZONS_MAX: usize = 16;

/// How new the parameters must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Everything that is known counts.
    Current,
    /// Up to one in a hundred purchases may have come since they were fitted.
    Recent,
}

impl Age {
    /// Whether what was fitted to `then` rows will do for `now` rows.
    const fn accepts(self, then: usize, now: usize) -> bool {
        match self {
            Self::Current => then == now,
            Self::Recent => now.saturating_sub(then).saturating_mul(100) <= now,
        }
    }
}

/// What was fitted.
#[derive(Default)]
pub(super) struct Kept(Mutex<BTreeMap<(ProgramNo, Day), Slot>>);

/// Whoever holds it fits; the others wait and find it done.
type Slot = Arc<tokio::sync::Mutex<Option<Found>>>;

/// What was fitted to so many rows, and what was asked of it.
#[derive(Clone)]
struct Found {
    rows: usize,
    fitted: Option<Fitted>,
    totals: BTreeMap<u32, Total>,
}

impl Kept {
    fn slot(&self, program: ProgramNo, day: Day) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= KEPT_MAX && !slots.contains_key(&(program, day)) {
            slots.pop_first();
        }
        Arc::clone(slots.entry((program, day)).or_default())
    }
}

impl Engine {
    /// The models fitted to the customers of a program as of the beginning of `day`; `None` if too few came back to tell.
    ///
    /// # Errors
    /// Unknown program, or the store cannot answer.
    pub async fn fitted(&self, program: &str, day: Day, age: Age) -> Result<Option<Fitted>, Denied> {
        let slot = self.shared.forecasts.slot(self.timeline(program)?.number, day);
        let mut held = slot.lock().await;
        let rows = self.ask_analyst(program, move |crowd, _| crowd.daybook.rows_before(day)).await?;
        if let Some(found) = held.as_ref().filter(|found| age.accepts(found.rows, rows)) {
            return Ok(found.fitted);
        }
        let (rows, pasts, minor) = self.pasts(program, day).await?;
        let fitted = off_lane(move || Fitted::of(&pasts, before(day), minor)).await?;
        *held = Some(Found { rows, fitted, totals: BTreeMap::new() });
        Ok(fitted)
    }

    /// The same, current, with what may be expected of all customers together in the `horizon` days from `day` on.
    ///
    /// # Errors
    /// Unknown program, or the store cannot answer.
    pub async fn expected(&self, program: &str, day: Day, horizon: u32) -> Result<Option<(Fitted, Total)>, Denied> {
        let Some(fitted) = self.fitted(program, day, Age::Current).await? else { return Ok(None) };
        let slot = self.shared.forecasts.slot(self.timeline(program)?.number, day);
        let mut held = slot.lock().await;
        if let Some(total) = held.as_ref().and_then(|found| found.totals.get(&horizon)) {
            return Ok(Some((fitted, *total)));
        }
        let (rows, pasts, _) = self.pasts(program, day).await?;
        let total = off_lane(move || fitted.total(&pasts, horizon)).await?;
        if let Some(found) = held.as_mut().filter(|found| found.rows == rows && found.fitted == Some(fitted)) {
            while found.totals.len() >= HORIZONS_MAX {
                found.totals.pop_first();
            }
            found.totals.insert(horizon, total);
        }
        Ok(Some((fitted, total)))
    }

    /// What is known of everybody at the beginning of `day`, from how many rows, and the minor units of a major one.
    async fn pasts(&self, program: &str, day: Day) -> Result<(usize, Vec<Past>, u32), Denied> {
        let now = self.now();
        self.ask_analyst(program, move |crowd, timeline| {
            let minor = 10_u32.saturating_pow(timeline.at(now).currency.decimals().into());
            (crowd.daybook.rows_before(day), crowd.daybook.pasts(day), minor)
        })
        .await
    }
}

/// The day before, as the models count days.
fn before(day: Day) -> i64 {
    i64::from(day.0).saturating_sub(1)
}

async fn off_lane<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Denied> {
    let worked = tokio::task::spawn_blocking(work).await;
    worked.map_err(|error| Denied::Failed(Failure::Store(error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_means_one_in_a_hundred() {
        assert!(Age::Recent.accepts(990, 1_000) && !Age::Recent.accepts(989, 1_000));
        assert!(Age::Recent.accepts(0, 0) && !Age::Recent.accepts(0, 1));
        assert!(Age::Current.accepts(7, 7) && !Age::Current.accepts(7, 8));
    }

    #[test]
    fn the_oldest_days_are_forgotten_first() {
        let kept = Kept::default();
        let days = |from: usize, to: usize| (from..to).map(|day| Day(i32::try_from(day).unwrap()));
        days(0, KEPT_MAX + 5).for_each(|day| drop(kept.slot(ProgramNo(1), day)));
        let slots = kept.0.lock().unwrap();
        assert_eq!(slots.keys().map(|(_, day)| *day).collect::<Vec<_>>(), days(5, KEPT_MAX + 5).collect::<Vec<_>>());
    }
}
