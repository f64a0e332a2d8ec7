//! The newest entries, handed from the lane to the analyst as they are. It must not know what they come to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::event::{Entry, Seq};

/// The most entries that wait here to be folded; what comes faster is read back from the store.
const WAITING_MAX: usize = 65_536;

/// The newest entries without a gap: reading them back would cost more than folding them.
#[derive(Default)]
pub(super) struct Fresh {
    waiting: Mutex<Vec<Arc<Entry>>>,
    /// Whether anybody takes what waits.
    followed: AtomicBool,
}

impl Fresh {
    /// Adds what the lane has just committed.
    pub(super) fn add(&self, entries: Vec<Arc<Entry>>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() + entries.len() > WAITING_MAX {
            *waiting = Vec::new();
        }
        waiting.extend(entries);
    }

    /// These entries, to be added once they are committed; nothing if nobody would take them.
    pub(super) fn wants(&self, entries: &[Arc<Entry>]) -> Vec<Arc<Entry>> {
        if self.followed.load(Ordering::Relaxed) { entries.to_vec() } else { Vec::new() }
    }

    /// What waits, if it goes on after `up_to`; what is older was folded.
    pub(super) fn after(&self, up_to: Seq) -> Vec<Arc<Entry>> {
        self.followed.store(true, Ordering::Relaxed);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let folded = waiting.partition_point(|entry| entry.seq <= up_to);
        waiting.drain(..folded);
        let follows = waiting.first().is_some_and(|first| first.seq == up_to.next());
        if follows { std::mem::take(&mut waiting) } else { Vec::new() }
    }
}
