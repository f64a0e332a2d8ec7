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
        // The feed may have grown elsewhere, or by a commit whose outcome was unknown.
        let follows = waiting.last().zip(entries.first()).is_none_or(|(last, first)| last.seq.next() == first.seq);
        if !follows || waiting.len() + entries.len() > WAITING_MAX {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::MemberKey;
    use crate::domain::program::ProgramNo;
    use crate::domain::units::{Moment, Text};

    fn entries(seqs: std::ops::Range<u64>) -> Vec<Arc<Entry>> {
        let entry = |seq| Entry {
            seq: Seq(seq),
            program: ProgramNo::default(),
            member: MemberKey::NOBODY,
            previous: Seq::NONE,
            recorded_at: Moment(0),
            program_version: 1,
            request_id: Text::default(),
            principal: Text::default(),
            trace_id: Text::default(),
            named_by: None,
            facts: Vec::new(),
        };
        seqs.map(|seq| Arc::new(entry(seq))).collect()
    }

    fn seqs(fresh: &Fresh, up_to: u64) -> Vec<u64> {
        fresh.after(Seq(up_to)).iter().map(|entry| entry.seq.0).collect()
    }

    #[test]
    fn what_waits_has_no_gap() {
        let fresh = Fresh::default();
        assert!(fresh.wants(&entries(1..3)).is_empty(), "nobody follows yet");
        assert!(seqs(&fresh, 0).is_empty());
        fresh.add(fresh.wants(&entries(1..4)));
        fresh.add(entries(4..6));
        assert_eq!(seqs(&fresh, 2), [3, 4, 5]);
        assert!(seqs(&fresh, 5).is_empty(), "it was taken");
        fresh.add(entries(6..8));
        fresh.add(entries(9..11));
        assert!(seqs(&fresh, 5).is_empty(), "eight was recorded elsewhere: the feed has it");
        assert_eq!(seqs(&fresh, 8), [9, 10]);
    }

    #[test]
    fn what_nobody_takes_does_not_pile_up() {
        let fresh = Fresh::default();
        fresh.add(entries(1..WAITING_MAX as u64 + 1));
        fresh.add(entries(WAITING_MAX as u64 + 1..WAITING_MAX as u64 + 3));
        assert_eq!(seqs(&fresh, WAITING_MAX as u64).len(), 2);
    }
}
