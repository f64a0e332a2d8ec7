//! Bytes that survive: the [`Store`] seam, its laws, and the implementations behind it.
//!
//! The seam is small enough to recite: read many or one member, commit one group, follow the feed, ask what is due, list
//! members, list programs, checkpoint, keep notes and give them back, status. It speaks of members, entries and claims and of no engine below
//! it, so that an embedded journal, plain memory or a PostgreSQL-wire database can stand behind it alike.
//!
//! # The laws
//! - **Atomic**: a commit is all or nothing.
//! - **Durable**: a commit that returned `Ok` survives a power cut.
//! - **Conditional**: every changed member must be at the version the commit expects, every claim and identifier
//!   must be free (or held by the same member), the first sequence must follow the head; else
//!   [`CommitError::Conflict`] and nothing changed.
//! - **Visible**: a read that begins after a commit returned sees it. Never before it is durable.
//! - **Gapless**: the feed's sequence numbers have no holes.
//! - **Due-true**: the due index equals every member's `next_due()`.
//! - **Keyed**: a claim answers with the entry that first made it, for ever.
//! - **Noted**: notes that are given back are whole, and what they were made of is this very feed up to the entry they
//!   reach; else they are not given back. They may be lost at any time: whoever keeps them can make them again.

mod effects;
pub mod embedded;
pub mod format;
pub mod hashing;
pub mod memory;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::domain::event::{Entry, Seq};
use crate::domain::member::Member;
use crate::domain::order::{Claim, IdentifierHash, MemberKey};
use crate::domain::program::ProgramNo;
use crate::domain::units::Moment;

/// A future a store returns: boxed, so that the seam is one object whoever stands behind it.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What one read phase asks for; identifiers are resolved first and the members they name come along.
#[derive(Clone, Debug, Default)]
pub struct Wants {
    /// Members by key.
    pub members: Vec<MemberKey>,
    /// Identifiers whose members are wanted.
    pub identifiers: Vec<IdentifierHash>,
    /// Claims whose entries are wanted.
    pub claims: Vec<Claim>,
}

/// A map by keys that are hashes already.
pub type KeyMap<K, V> = HashMap<K, V, hashing::KeyHash>;

/// What a read phase found; what is absent here does not exist.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Members, those named by identifiers included.
    pub members: KeyMap<MemberKey, Arc<Member>>,
    /// Whose identifier it is.
    pub identifiers: KeyMap<IdentifierHash, MemberKey>,
    /// The entry that made each claim.
    pub claims: KeyMap<Claim, Arc<Entry>>,
}

/// A whole decided group: one durable write.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its moment; not before that of the group before it.
    pub recorded_at: Moment,
    /// The entries in order; their sequence numbers follow the head without a hole. Never empty. The claims made
    /// and the identifiers linked and unlinked are read off them.
    pub entries: Vec<Arc<Entry>>,
    /// Every member they change, each once, as she is after all of them.
    pub members: Vec<MemberChange>,
}

/// One member before and after a group.
#[derive(Clone, Debug)]
pub struct MemberChange {
    /// The version she must have now; 0 if she must not exist.
    pub expected_version: u64,
    /// The member after the group.
    pub after: Arc<Member>,
}

/// Why a group was not committed. In every case nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A version, claim, identifier or sequence was not as expected; read again and decide again.
    #[error("the group conflicts with what is stored: {0}")]
    Conflict(String),
    /// There is no room; nothing was kept, and service resumes when there is room.
    #[error("the store is out of room")]
    NoRoom,
    /// Whether the group was kept is not known (a connection broke at commit); read its claims again.
    #[error("whether the group was kept is unknown: {0}")]
    Unknown(String),
    /// What was written can no longer be trusted; the process must stop and open the store anew.
    #[error("the store cannot be trusted any more: {0}")]
    Broken(String),
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store cannot answer now.
    #[error("the store cannot answer: {0}")]
    Unavailable(String),
    /// Stored bytes do not mean what they should.
    #[error("stored bytes are damaged: {0}")]
    Damaged(String),
}

/// How a store is doing.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// `embedded` or `memory`.
    pub kind: &'static str,
    /// The newest entry.
    pub head: Seq,
    /// When it was recorded.
    pub head_recorded_at: Moment,
    /// Snapshots reflect the feed at least up to here.
    pub checkpoint: Seq,
    /// Identifies this feed's history; changes when a restore takes it back.
    pub epoch: u64,
    /// Members changed since their snapshot was written.
    pub dirty_members: u64,
    /// Members held in memory.
    pub cached_members: u64,
    /// What the journal occupies.
    pub journal_bytes: u64,
    /// What the snapshots occupy.
    pub snapshot_bytes: u64,
    /// Repairs made when the store was opened, in words (a torn tail cut, snapshots rebuilt).
    pub repairs: Vec<String>,
}

/// Where the engine keeps everything; see the laws above.
pub trait Store: Send + Sync + 'static {
    /// Looks up members, identifiers and claims in one phase.
    fn read<'a>(&'a self, wants: &'a Wants) -> Answer<'a, Result<Found, ReadError>>;

    /// One member, as [`Self::read`] would find her: for questions, which come one by one.
    fn member(&self, key: MemberKey) -> Answer<'_, Result<Option<Arc<Member>>, ReadError>> {
        let wants = Wants { members: vec![key], ..Wants::default() };
        Box::pin(async move { Ok(self.read(&wants).await?.members.remove(&key)) })
    }

    /// Brings members near who will be read soon, so that whoever decides on them need not wait for the disk. Whether it
    /// succeeds shows when they are read. A store that has everything near does nothing.
    fn bring_near<'a>(&'a self, _members: &'a [MemberKey]) -> Answer<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Commits a group: durable when it returns.
    fn commit(&self, group: Group) -> Answer<'_, Result<(), CommitError>>;

    /// Entries after `after`, oldest first, at most `limit`; fewer only at the head.
    fn feed(&self, after: Seq, limit: usize) -> Answer<'_, Result<Vec<Arc<Entry>>, ReadError>>;

    /// One entry.
    fn entry(&self, seq: Seq) -> Answer<'_, Result<Option<Arc<Entry>>, ReadError>>;

    /// Members due at or before `until`, the earliest first, at most `limit`.
    fn due(&self, until: Moment, limit: usize) -> Answer<'_, Result<Vec<(Moment, MemberKey)>, ReadError>>;

    /// Members of a program by key, after `after`, at most `limit`.
    fn members(
        &self,
        program: ProgramNo,
        after: Option<MemberKey>,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Member>>, ReadError>>;

    /// Every `ProgramApplied` entry, oldest first.
    fn programs(&self) -> Answer<'_, Result<Vec<Arc<Entry>>, ReadError>>;

    /// Brings the snapshots up to the head, so that the next opening has nothing to fold.
    fn checkpoint(&self) -> Answer<'_, Result<(), ReadError>>;

    /// Keeps notes: what somebody made of the feed up to `reached`, under a name of lower-case letters, digits and
    /// dashes, in the place of what was kept under it. Kept whole or not at all, and durable when it returns. It takes
    /// as long as the parts do and must not be waited for where orders are.
    ///
    /// A part is 1 byte to 8 MiB long. A store that has no place for notes keeps none.
    fn keep_notes<'a>(
        &'a self,
        _name: &'a str,
        _reached: Seq,
        _parts: &'a mut (dyn Iterator<Item = Vec<u8>> + Send),
    ) -> Answer<'a, Result<(), ReadError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Gives `take` the notes of this name, part by part, and answers with the entry they reach; `None` if there are
    /// none. What was taken counts only if this succeeds. What `take` fails with is damage.
    fn notes<'a>(
        &'a self,
        _name: &'a str,
        _take: &'a mut (dyn FnMut(Vec<u8>) -> Result<(), format::Damage> + Send),
    ) -> Answer<'a, Result<Option<Seq>, ReadError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Removes the notes of this name, if there are any: whoever found them of no use does so.
    fn remove_notes<'a>(&'a self, _name: &'a str) -> Answer<'a, Result<(), ReadError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// How the store is doing; cheap, never blocks for long.
    fn status(&self) -> Status;
}
