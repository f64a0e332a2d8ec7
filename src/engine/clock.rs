//! The one file that reads the clock of the operating system.
//!
//! Everything else is handed a [`Moment`]. A test clock moves only when it is told to.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::units::Moment;

/// Where the engine gets its moments from.
#[derive(Debug)]
pub enum Clock {
    /// The operating system's clock.
    System,
    /// A clock that stands until it is advanced.
    Test(AtomicI64),
}

impl Clock {
    /// A test clock standing at `moment`.
    #[must_use]
    pub const fn test(moment: Moment) -> Self {
        Self::Test(AtomicI64::new(moment.0))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Moment {
        match self {
            Self::System => system_now(),
            Self::Test(stands) => Moment(stands.load(Ordering::Acquire)),
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
            Self::System => None,
            Self::Test(stands) => Some(Moment(stands.fetch_max(to.0, Ordering::AcqRel))),
        }
    }
}

fn system_now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
