//! Who is due when, where memory and the snapshot database differ.
//!
//! The database has a due row for every member it has a snapshot of; members changed since may be due at another
//! moment. Here are those moments, and how far the database's rows are known to be outdated.

use std::collections::BTreeSet;

use crate::domain::order::MemberKey;
use crate::domain::units::Moment;

/// Moments that differ from the database's.
#[derive(Debug)]
pub struct Due {
    fresh: BTreeSet<(Moment, MemberKey)>,
    /// Every row of the database before this one is outdated: a sweep that settles a million members leaves a million
    /// outdated rows behind it, and must not read them again each time.
    floor: (Moment, MemberKey),
    /// How often a row of the database became right: a floor found before that may be too high.
    righted: u64,
}

const LOWEST: (Moment, MemberKey) = (Moment::BEGINNING, MemberKey::NOBODY);

impl Default for Due {
    fn default() -> Self {
        Self { fresh: BTreeSet::new(), floor: LOWEST, righted: 0 }
    }
}

impl Due {
    /// A member's moment changed, while the database has `stored`.
    pub fn change(&mut self, key: MemberKey, stored: Option<Moment>, before: Option<Moment>, after: Option<Moment>) {
        if before == after {
            return;
        }
        if let Some(at) = before.filter(|_| before != stored) {
            self.fresh.remove(&(at, key));
        }
        match after {
            Some(at) if after == stored => self.right((at, key)),
            Some(at) => _ = self.fresh.insert((at, key)),
            None => {}
        }
    }

    /// The database has `written` for a member now instead of `stored`, and she is due at `now`.
    pub fn kept(&mut self, key: MemberKey, stored: Option<Moment>, written: Option<Moment>, now: Option<Moment>) {
        if let Some(at) = written {
            self.right((at, key));
        }
        match now {
            Some(at) if now == written => _ = self.fresh.remove(&(at, key)),
            Some(at) if now == stored => _ = self.fresh.insert((at, key)),
            _ => {}
        }
    }

    fn right(&mut self, row: (Moment, MemberKey)) {
        self.floor = self.floor.min(row);
        self.righted += 1;
    }

    /// The database's first row that may be right, and a mark for [`Self::raise`].
    #[must_use]
    pub const fn floor(&self) -> ((Moment, MemberKey), u64) {
        (self.floor, self.righted)
    }

    /// Every row of the database before this one was found outdated, since the mark.
    pub fn raise(&mut self, floor: (Moment, MemberKey), mark: u64) {
        if mark == self.righted {
            self.floor = self.floor.max(floor);
        }
    }

    /// Moments up to `until` that the database does not have, the earliest first.
    pub fn fresh(&self, until: Moment) -> impl Iterator<Item = (Moment, MemberKey)> + '_ {
        self.fresh.iter().take_while(move |(at, _)| *at <= until).copied()
    }
}
