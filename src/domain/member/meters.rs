//! What a member's meters counted, by window.
//!
//! It knows amounts and window keys; which window a moment falls into is the program's business
//! (`decide/windows.rs`).

use smallvec::SmallVec;

use crate::domain::calendar::Day;
use crate::domain::event::MeterPost;
use crate::domain::program::MeterId;
use crate::domain::units::{Overflow, Points};

/// One meter's count in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MeterCount {
    /// The meter.
    pub meter: MeterId,
    /// The first day of the window (see [`MeterPost::window`]).
    pub window: Day,
    /// How much, in the meter's smallest unit.
    pub amount: Points,
}

impl From<MeterCount> for MeterPost {
    fn from(MeterCount { meter, window, amount }: MeterCount) -> Self {
        Self { meter, window, amount }
    }
}

/// All counts of a member, sorted by meter and window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meters(SmallVec<[MeterCount; 2]>);

impl Meters {
    /// Counts from a stored form; they must be sorted (see [`Meters::check`]).
    #[must_use]
    pub fn from_counts(counts: Vec<MeterCount>) -> Self {
        Self(counts.into())
    }

    /// All counts in order.
    #[must_use]
    pub fn counts(&self) -> &[MeterCount] {
        &self.0
    }

    /// The count of one window, 0 if nothing was counted in it.
    #[must_use]
    pub fn in_window(&self, meter: MeterId, window: Day) -> Points {
        match self.find(meter, window) {
            Ok(at) => self.0.get(at).map_or(Points::ZERO, |count| count.amount),
            Err(_) => Points::ZERO,
        }
    }

    /// The counts of one meter whose window keys lie in `from..=to`.
    pub fn between(&self, meter: MeterId, from: Day, to: Day) -> impl Iterator<Item = &MeterCount> {
        self.0.iter().filter(move |c| c.meter == meter && from <= c.window && c.window <= to)
    }

    /// Adds a post to its window.
    ///
    /// # Errors
    /// [`Overflow`] if the window's count leaves its range.
    pub fn count(&mut self, post: MeterPost) -> Result<(), Overflow> {
        match self.find(post.meter, post.window) {
            Ok(at) => {
                let Some(count) = self.0.get_mut(at) else { return Ok(()) };
                count.amount = count.amount.plus(post.amount)?;
                if count.amount == Points::ZERO {
                    self.0.remove(at);
                }
            }
            Err(at) => {
                let count = MeterCount { meter: post.meter, window: post.window, amount: post.amount };
                self.0.insert(at, count);
            }
        }
        Ok(())
    }

    fn find(&self, meter: MeterId, window: Day) -> Result<usize, usize> {
        self.0.binary_search_by_key(&(meter, window), |count| (count.meter, count.window))
    }

    /// Sorted and unique, or what is not.
    ///
    /// # Errors
    /// The broken promise.
    pub fn check(&self) -> Result<(), String> {
        let key = |count: &MeterCount| (count.meter, count.window);
        let sorted = self.0.windows(2).all(|pair| matches!(pair, [a, b] if key(a) < key(b)));
        if sorted { Ok(()) } else { Err("meter counts out of order".into()) }
    }
}
