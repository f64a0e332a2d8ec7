//! The formats on one sheet: everything Rung writes to disk, byte by byte.
//!
//! Records (entries, member snapshots) are protobuf messages, written and read by hand: straight into the frame,
//! without building a copy first, and any protobuf tool can list their fields. Frames and segments, which wrap
//! them in the journal, are fixed little-endian layouts. The rows of the snapshot database are in `rows.rs`.
//!
//! | file | what it lays out |
//! |---|---|
//! | `pen.rs`, `eye.rs` | the protobuf wire: writing, and reading without trust |
//! | `entry.rs`, `fact.rs` | the ledger line |
//! | `purchase.rs`, `returned.rs`, `points.rs`, `rewards.rs`, `belonging.rs`, `clubs.rs` | its facts, so far as they are large or many |
//! | `lots.rs`, `parts.rs`, `runs.rs` | what facts and members are made of |
//! | `member.rs`, `desk.rs`, `ties.rs` | a member's snapshot |
//! | `frame.rs`, `segment.rs` | the journal around the entries |
//! | `rows.rs` | the snapshot database's keys and values |
//! | `notes.rs`, `crowd.rs`, `crowd_alerts.rs`, `books.rs`, `walked.rs` | what was made of the feed and is kept to not be made again |
//!
//! Rules that keep old files readable:
//! - A field number is for ever; a new meaning gets a new number. Absent means the default named beside it.
//! - A reader refuses a field it does not know: a ledger half understood is a ledger misread. A folder written by
//!   a newer Rung is recognised by its `FORMAT` file before any record is read.
//! - Golden files under `tests/golden/` hold each form; a test fails when one drifts.
//!
//! Nothing here opens a file or knows what a group, a cache or a lock is.

pub mod alerts;
pub mod belonging;
pub mod books;
pub mod clubs;
pub mod crowd;
pub mod crowd_alerts;
pub mod desk;
pub mod entry;
pub mod eye;
pub mod fact;
pub mod frame;
pub mod lots;
pub mod member;
pub mod notes;
pub mod parts;
pub mod pen;
pub mod points;
pub mod purchase;
pub mod returned;
pub mod rewards;
pub mod rows;
pub mod runs;
pub mod segment;
pub mod ties;
pub mod walked;

#[cfg(test)]
mod tests_crowd;

use std::borrow::Cow;

/// The version of everything below; the number in the folder's `FORMAT` file and in every segment.
pub const FORMAT: u16 = 1;

/// Stored bytes do not mean what they should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Damage(Cow<'static, str>);

impl Damage {
    /// Damage described by a fixed text.
    #[must_use]
    pub const fn new(what: &'static str) -> Self {
        Self(Cow::Borrowed(what))
    }

    /// Damage described by a text made for the case.
    #[must_use]
    pub const fn told(what: String) -> Self {
        Self(Cow::Owned(what))
    }
}

/// The first eight bytes of the BLAKE3 hash of `parts`, as a number: enough to notice damage, not to prove origin.
#[must_use]
pub fn check_of(parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}
