//! The one place where the pure core meets what is durable.
//!
//! (Skeleton: the shape the edge speaks to.)

use std::sync::Arc;

use crate::domain::event::{Entry, Seq};
use crate::domain::member::Member;
use crate::domain::order::{Identifier, MemberKey, MemberName, Order, Refusal};
use crate::domain::program::{ProgramNo, Timeline};
use crate::domain::units::Moment;
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
    /// The entries it made (of a replay: that the first one made). Empty for a rehearsal.
    pub entries: Vec<Arc<Entry>>,
    /// For a rehearsal: the entries it would have made.
    pub rehearsed: bool,
    /// The member, settled to now.
    pub view: View,
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
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// A "no".
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A failure; nothing was kept unless it says unknown.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A failure of ours, not a "no".
#[derive(Clone, Debug, thiserror::Error)]
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
    pub request_id: Box<str>,
    /// Check only.
    pub dry_run: bool,
}

/// All programs at one moment.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    timelines: Vec<Arc<Timeline>>,
}

impl Programs {
    /// The program with this id.
    #[must_use]
    pub fn named(&self, id: &str) -> Option<&Arc<Timeline>> {
        self.timelines.iter().find(|timeline| &*timeline.newest().id == id)
    }

    /// The program with this number.
    #[must_use]
    pub fn numbered(&self, number: ProgramNo) -> Option<&Arc<Timeline>> {
        self.timelines.get(usize::from(number.0))
    }

    /// All of them, in the order of their first version.
    #[must_use]
    pub fn all(&self) -> &[Arc<Timeline>] {
        &self.timelines
    }
}

/// How the engine is doing.
#[derive(Clone, Debug)]
pub struct EngineStatus {
    /// The store's own report.
    pub store: Status,
    /// Orders waiting.
    pub queued: usize,
    /// How many may wait.
    pub queue_limit: usize,
    /// Whether the clock is a test clock.
    pub test_clock: bool,
    /// The engine's clock.
    pub now: Moment,
    /// Whether the engine is draining.
    pub draining: bool,
}

/// The orders of one stream batch, being decided.
pub type Batch = tokio::sync::oneshot::Receiver<Vec<Result<Applied, Denied>>>;

/// The engine: cheap to clone, shared by every caller.
#[derive(Clone)]
pub struct Engine {}

impl Engine {
    /// Carries out one order; durable when it returns. A full queue is [`Failure::Overloaded`].
    pub async fn submit(&self, _order: Order) -> Result<Applied, Denied> {
        Err(Failure::Draining.into())
    }

    /// Queues orders of a stream, in order, waiting for room; answers come together, in order.
    pub async fn submit_all(&self, _orders: Vec<Order>) -> Result<Batch, Failure> {
        Err(Failure::Draining)
    }

    /// The same path as [`Self::submit`], nothing kept (`dry_run`, quotes).
    pub async fn rehearse(&self, _order: Order) -> Result<Applied, Denied> {
        Err(Failure::Draining.into())
    }

    /// One member, settled to now.
    pub async fn member(&self, _program: &str, _name: &MemberName) -> Result<View, Denied> {
        Err(Failure::Draining.into())
    }

    /// Members of a program in the order of their keys, after `after`.
    pub async fn members(&self, _program: &str, _after: Option<MemberKey>, _limit: usize) -> Result<Vec<View>, Denied> {
        Err(Failure::Draining.into())
    }

    /// A member's entries, newest first, before `before` (`None`: from the newest).
    pub async fn history(
        &self,
        _program: &str,
        _name: &MemberName,
        _before: Option<Seq>,
        _limit: usize,
    ) -> Result<(View, Vec<Arc<Entry>>), Denied> {
        Err(Failure::Draining.into())
    }

    /// One entry of a program.
    pub async fn entry(&self, _program: &str, _seq: Seq) -> Result<(Arc<Entry>, Arc<Timeline>), Denied> {
        Err(Failure::Draining.into())
    }

    /// Entries of all programs after `after`, oldest first.
    pub async fn feed(&self, _after: Seq, _limit: usize) -> Result<Vec<Arc<Entry>>, Failure> {
        Err(Failure::Draining)
    }

    /// Tells whenever the head of the feed moves.
    pub fn watch_head(&self) -> tokio::sync::watch::Receiver<Seq> {
        tokio::sync::watch::channel(Seq::NONE).1
    }

    /// Applies a program version. Answers with the timeline after it and whether it was applied, replayed or (the
    /// same text as the newest version) unchanged, which counts as replayed.
    pub async fn apply_program(&self, _apply: ApplyProgram) -> Result<(Outcome, Arc<Timeline>), Denied> {
        Err(Failure::Draining.into())
    }

    /// The TOML text of a version.
    pub async fn program_source(&self, _program: &str, _version: u32) -> Result<Box<str>, Denied> {
        Err(Failure::Draining.into())
    }

    /// All programs now.
    pub fn programs(&self) -> Arc<Programs> {
        Arc::default()
    }

    /// The keyed hash and mask of an identifier; the only place its value is looked at.
    pub fn identify(&self, _program: &str, _kind: &str, _value: &str) -> Identifier {
        Identifier { kind: "".into(), hash: crate::domain::order::IdentifierHash([0; 16]), mask: "".into() }
    }

    /// The engine's clock.
    pub fn now(&self) -> Moment {
        Moment(0)
    }

    /// Moves the test clock.
    pub async fn advance_clock(&self, _to: Moment) -> Result<Moment, Denied> {
        Err(Failure::Draining.into())
    }

    /// How it is doing.
    pub fn status(&self) -> EngineStatus {
        EngineStatus {
            store: Status::default(),
            queued: 0,
            queue_limit: 0,
            test_clock: false,
            now: Moment(0),
            draining: true,
        }
    }
}
