//! How far a long phase of a bench has come, told now and then on standard error. Knows nothing of what is done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time between two lines; a phase that is shorter has none.
const BETWEEN: Duration = Duration::from_secs(10);

/// A phase of so many steps, counted by everybody who takes part.
#[derive(Clone, Debug)]
pub struct Progress(Arc<Phase>);

#[derive(Debug)]
struct Phase {
    what: String,
    of: u64,
    done: AtomicU64,
    start: Instant,
    told: Mutex<Instant>,
}

impl Progress {
    /// A phase that begins now.
    pub fn new(what: &str, of: u64) -> Self {
        let (start, done) = (Instant::now(), AtomicU64::new(0));
        Self(Arc::new(Phase { what: what.to_owned(), of, done, start, told: Mutex::new(start) }))
    }

    /// So many more steps are done.
    pub fn add(&self, steps: u64) {
        let done = self.0.done.fetch_add(steps, Ordering::Relaxed) + steps;
        // A look at the clock is dear beside a step.
        if done / 1_024 != (done - steps) / 1_024
            && let Some(line) = self.due(done, Instant::now())
        {
            eprintln!("{line}");
        }
    }

    fn due(&self, done: u64, now: Instant) -> Option<String> {
        let Phase { what, of, start, told, .. } = &*self.0;
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(*told) < BETWEEN {
            return None;
        }
        *told = now;
        let seconds = now.saturating_duration_since(*start).as_secs_f64();
        Some(format!("{what}: {done} of {of}, {:.0} a second", done as f64 / seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_every_ten_seconds() {
        let progress = Progress::new("enrolling", 9_000);
        let at = |seconds: u64| progress.0.start + Duration::from_secs(seconds);
        assert_eq!(progress.due(1_000, at(9)), None);
        assert_eq!(progress.due(3_000, at(10)).as_deref(), Some("enrolling: 3000 of 9000, 300 a second"));
        assert_eq!(progress.due(3_100, at(19)), None);
        assert_eq!(progress.due(5_000, at(20)).as_deref(), Some("enrolling: 5000 of 9000, 250 a second"));
    }
}
