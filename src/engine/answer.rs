//! What the engine answers: an order applied, a member viewed, a "no" or a failure.

use std::sync::Arc;

use crate::domain::event::{Entry, Fact, Seq};
use crate::domain::member::Member;
use crate::domain::order::{Claim, Refusal};
use crate::domain::program::{RewardId, Timeline};
use crate::domain::units::{Moment, Text};
use crate::store::{ReadError, Status};

/// Whether an order did something or had been done before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done now.
    Applied,
    /// Done before under the same key.
    Replayed,
}

/// The answer to an order: what it did, and the member after it.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Done now or before.
    pub outcome: Outcome,
    /// The entries it made; of a replay those of the first time, of a rehearsal those it would make (their sequence
    /// numbers mean nothing then).
    pub entries: Vec<Arc<Entry>>,
    /// What it did to others: the receiver of a transfer, what is scarce across members.
    pub beside: Vec<Arc<Entry>>,
    /// The member, settled to now.
    pub view: View,
}

/// A voucher, found by its code.
#[derive(Clone, Debug)]
pub struct VoucherView {
    /// Whose it is.
    pub view: View,
    /// The entry that issued it.
    pub issued: Arc<Entry>,
    /// The entry that used or cancelled it, if one did.
    pub ended: Option<Arc<Entry>>,
    /// What it is for.
    pub reward: RewardId,
    /// How many of it.
    pub times: u32,
    /// Worthless from this moment.
    pub expires_at: Moment,
    /// The hash its code is found by.
    pub claim: Claim,
    /// Whether it can be used.
    pub open: bool,
}

/// A member as she stands now: settled, so that a read shows what the next write will do.
#[derive(Clone, Debug)]
pub struct View {
    /// The member, settled.
    pub member: Arc<Member>,
    /// Her program.
    pub timeline: Arc<Timeline>,
    /// The moment she is settled to.
    pub now: Moment,
    /// What fell due since her newest entry and is not recorded yet; the next write will.
    pub due: Vec<Fact>,
}

/// Why an order was not carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Denied {
    /// A "no".
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A failure; nothing was kept unless it says unknown.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A failure of ours, not a "no".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The queue is full; nothing was started.
    #[error("the server is overloaded")]
    Overloaded,
    /// The server is draining.
    #[error("the server is draining")]
    Draining,
    /// The store is out of room; nothing was kept.
    #[error("the store is out of room")]
    NoRoom,
    /// The store cannot answer.
    #[error("the store cannot answer: {0}")]
    Store(String),
    /// The deadline passed before the order was decided; nothing was kept.
    #[error("the deadline passed before the order was decided")]
    DeadlineExceeded,
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<ReadError> for Denied {
    fn from(error: ReadError) -> Self {
        Self::Failed(error.into())
    }
}

/// A new program version to apply.
#[derive(Clone, Debug)]
pub struct ApplyProgram {
    /// The TOML text.
    pub source: Box<str>,
    /// When it takes effect; now if absent. A first version holds from the beginning of time.
    pub effective_at: Option<Moment>,
    /// The newest version the caller knows; 0 to not compare.
    pub expected_version: u32,
    /// The caller's key.
    pub request_id: Text,
    /// Check only.
    pub dry_run: bool,
}

/// How the analyst is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnalystStatus {
    /// Everything up to this entry is folded.
    pub reached: Seq,
    /// Everything up to this entry is in its notes: what a start goes on from.
    pub noted: Seq,
    /// How many entries were folded since the start.
    pub entries: u64,
}

/// How the engine is doing.
#[derive(Clone, Debug)]
pub struct EngineStatus {
    /// The store's own report.
    pub store: Status,
    /// How the analyst is doing.
    pub analyst: AnalystStatus,
    /// Orders waiting.
    pub queued: usize,
    /// How many may wait.
    pub queue_limit: usize,
    /// Whether the clock is a test clock.
    pub test_clock: bool,
    /// The engine's clock.
    pub now: Moment,
    /// Whether the system's clock has jumped by more than an hour, so that nothing is settled until a restart.
    pub clock_jumped: bool,
    /// Whether the engine is draining.
    pub draining: bool,
}
