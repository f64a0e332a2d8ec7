//! The one file that reads the clock of the operating system.
//!
//! Everything else is handed a [`Moment`]. A test clock moves only when it is told to. The system's clock is watched
//! against the machine's own steady count: where it jumps, nothing is settled beyond what that count says, so that a
//! bad clock cannot expire everything. The operator's word that the clock is right is a restart.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::units::{Moment, Span};

/// How far the system's clock may move against the steady count before it is not believed.
const JUMP: Span = Span::seconds(3_600);

/// Where the engine gets its moments from.
#[derive(Debug)]
pub enum Clock {
    /// The operating system's clock, and where it stood when the engine started.
    System(Started),
    /// A clock that stands until it is advanced.
    Test(AtomicI64),
}

/// Two clocks at one moment.
#[derive(Debug)]
pub struct Started {
    system: Moment,
    steady: Instant,
}

/// A moment, and up to where what falls due may be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Now.
    pub now: Moment,
    /// As `now`, unless the clock has jumped.
    pub settles_to: Moment,
}

impl Time {
    /// Whether the clock has jumped.
    #[must_use]
    pub fn has_jumped(&self) -> bool {
        self.settles_to != self.now
    }

    /// Not before `earliest`.
    #[must_use]
    pub fn at_least(self, earliest: Moment) -> Self {
        let now = self.now.max(earliest);
        Self { now, settles_to: if self.has_jumped() { self.settles_to } else { now } }
    }

    /// The time by a clock that shows `now` while the steady count says `steady`.
    fn believed(now: Moment, steady: Moment) -> Self {
        let ahead = now.0.saturating_sub(steady.0).saturating_abs();
        Self { now, settles_to: if ahead > JUMP.0 { steady.min(now) } else { now } }
    }
}

impl Clock {
    /// The operating system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::System(Started { system: system_now(), steady: Instant::now() })
    }

    /// A test clock standing at `moment`.
    #[must_use]
    pub const fn test(moment: Moment) -> Self {
        Self::Test(AtomicI64::new(moment.0))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Moment {
        match self {
            Self::System(_) => system_now(),
            Self::Test(stands) => Moment(stands.load(Ordering::Acquire)),
        }
    }

    /// Now, and up to where what falls due may be settled.
    #[must_use]
    pub fn time(&self) -> Time {
        let now = self.now();
        match self {
            Self::System(started) => {
                let elapsed = i64::try_from(started.steady.elapsed().as_micros()).unwrap_or(i64::MAX);
                Time::believed(now, started.system.plus(Span(elapsed)))
            }
            Self::Test(_) => Time { now, settles_to: now },
        }
    }

    /// Whether it is a test clock.
    #[must_use]
    pub const fn is_test(&self) -> bool {
        matches!(self, Self::Test(_))
    }

    /// Moves a test clock forwards; the moment where it stands already if that is later. `None` on the system clock.
    #[must_use]
    pub fn advance(&self, to: Moment) -> Option<Moment> {
        match self {
            Self::System(_) => None,
            Self::Test(stands) => Some(Moment(stands.fetch_max(to.0, Ordering::AcqRel))),
        }
    }
}

fn system_now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumps_settles_nothing() {
        let steady = Moment(1_000_000_000_000);
        let shows = |seconds| Time::believed(steady.plus(Span::seconds(seconds)), steady);
        for small in [-3_600, -1, 0, 1, 3_600] {
            assert!(!shows(small).has_jumped(), "{small}");
        }
        assert_eq!(shows(3_601).settles_to, steady);
        assert_eq!(shows(86_400 * 365).settles_to, steady);
        assert_eq!(shows(-3_601).at_least(steady).settles_to, shows(-3_601).now);
    }
}
