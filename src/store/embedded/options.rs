//! What can be set about an embedded store, and what watches it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::files::{Files, System};

/// How an embedded store is laid out and paced.
#[derive(Clone)]
pub struct Options {
    /// The data folder; made if it does not exist.
    pub dir: PathBuf,
    /// Length of a journal segment. Existing segments keep theirs.
    pub segment_bytes: u64,
    /// Members kept in memory, changed and unchanged together, in bytes (as estimated).
    pub cache_bytes: u64,
    /// Commits wait while members changed since their snapshot take more than this, in bytes (as estimated).
    pub dirty_bytes: u64,
    /// The keeper goes round once in so many entries: the more, the more orders share a snapshot, and the longer
    /// an opening folds.
    pub round_entries: u64,
    /// Commits wait while the snapshots are more entries behind than this. An opening folds about a million
    /// entries a second.
    pub lag_entries: u64,
    /// After this long without a commit the keeper catches up.
    pub idle: Duration,
    /// What the snapshot database may cache, in bytes.
    pub snapshot_cache_bytes: u64,
    /// How long the snapshot database may take to open before it is set aside and rebuilt.
    pub snapshot_patience: Duration,
    /// A file of this length is kept to be deleted by the operator when the disk is full.
    pub ballast_bytes: u64,
    /// Below this much room commits are refused.
    pub free_floor_bytes: u64,
    /// Where the journal's files are.
    pub files: Arc<dyn Files>,
    /// Who is told of commits and snapshots.
    pub observer: Arc<dyn Observer>,
}

impl Options {
    /// The defaults, for this folder.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            segment_bytes: 64 << 20,
            cache_bytes: 1_024 << 20,
            dirty_bytes: 1_024 << 20,
            round_entries: 1_250_000,
            lag_entries: 5_000_000,
            idle: Duration::from_secs(2),
            snapshot_cache_bytes: 64 << 20,
            snapshot_patience: Duration::from_secs(60),
            ballast_bytes: 64 << 20,
            free_floor_bytes: 512 << 20,
            files: Arc::new(System),
            observer: Arc::new(Nobody),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// What a commit took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitTiming {
    /// How many entries it held.
    pub entries: u64,
    /// How many bytes its frame has.
    pub bytes: u64,
    /// Waiting for the snapshots to catch up.
    pub waited: Duration,
    /// Comparing and encoding.
    pub prepared: Duration,
    /// Writing to the journal.
    pub written: Duration,
    /// Until the disk had it.
    pub synced: Duration,
    /// Making it visible.
    pub applied: Duration,
}

/// What a batch of snapshots took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchTiming {
    /// How many rows it held.
    pub rows: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// From handing it over until the disk had it.
    pub took: Duration,
}

/// Is told of commits and snapshots as they happen, on the thread that makes them: it must be quick.
pub trait Observer: Send + Sync + 'static {
    /// A group became durable.
    fn committed(&self, _timing: CommitTiming) {}
    /// A batch of snapshots became durable.
    fn kept(&self, _timing: BatchTiming) {}
}

/// An observer that does not look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Observer for Nobody {}
