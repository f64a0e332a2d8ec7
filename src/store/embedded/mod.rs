//! The embedded store: a journal that is the truth, and a snapshot database that holds the members.
//!
//! A commit is one frame in the journal: one write, one sync, and the whole group is answered. Members, identifiers,
//! claims and due moments live in memory and are written behind the journal by one thread, the keeper. Opening reads
//! how far the keeper got and folds the entries behind that. Of the members who did not change since, as many stay whole
//! as the cache has room for, others are packed beside them, and the rest are read from their snapshots, on the thread
//! of whoever asks for them and not on the one that decides.
//!
//! | file | is |
//! |---|---|
//! | `opening.rs`, `fold.rs`, `reaper.rs`, `folder.rs` | from a folder to a store |
//! | `journal/`, `files.rs` | the ledger, and the file operations it rests on |
//! | `core.rs` | what is known, behind one lock |
//! | `members.rs`, `ward.rs`, `weight.rs`, `claims.rs`, `bloom.rs`, `due.rs`, `identifiers.rs` | the kinds of it |
//! | `keeper.rs`, `leaves.rs`, `due_pages.rs`, `rows.rs` | the snapshot database: when, how packed, how fenced |
//! | `notes.rs` | what others made of the feed |
//!
//! Limits that are known: a flipped bit in the very last frame cannot be told from a write that was torn by a power
//! cut, unless the snapshots already reflect it. The filters before the claims take two bytes of memory a claim, for
//! ever. Listing the members of a small program among large ones reads past the others.

mod bloom;
mod claims;
mod core;
mod due;
mod due_pages;
pub mod files;
mod fold;
mod folder;
mod identifiers;
mod journal;
mod keeper;
mod leaves;
mod listing;
mod members;
mod notes;
mod opening;
mod options;
mod reaper;
mod rows;
mod ward;
mod weight;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::core::{Core, Holders};
pub use self::journal::Verified;
use self::journal::{Head, Writer};
use self::notes::Notes;
pub use self::opening::OpenError;
pub use self::options::{BatchTiming, CommitTiming, Nobody, Observer, Options};
use super::effects::{Before, Effects, compare_chains, compare_head, conflict};
use super::format::Damage;
use super::format::frame::NO_HASH;
use super::format::notes::NotesHeader;
use super::{Answer, CommitError, Found, Group, ReadError, Status, Store, Wants};
use crate::domain::event::{Entry, Seq};
use crate::domain::member::Member;
use crate::domain::order::MemberKey;
use crate::domain::program::ProgramNo;
use crate::domain::units::Moment;

/// The embedded store.
pub struct Embedded {
    core: Arc<Core>,
    writer: Mutex<Writer>,
    keeper: Option<JoinHandle<()>>,
    notes: Notes,
    repairs: Vec<String>,
    /// The folder stays locked until everything above is gone.
    _folder: folder::Folder,
}

impl Embedded {
    /// Opens the store in `options.dir`, which is made if it does not exist.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(options: Options) -> Result<Arc<Self>, OpenError> {
        opening::open(options)
    }

    /// Reads the whole journal and compares every hash, checksum and link; changes nothing.
    ///
    /// # Errors
    /// The first damage.
    pub fn verify(&self) -> Result<Verified, ReadError> {
        let head = self.core.known().head;
        journal::verify(&self.core.journal, head)
    }

    fn find(&self, wants: &Wants) -> Result<Found, ReadError> {
        self.core.alive()?;
        let mut found = Found::default();
        for hash in &wants.identifiers {
            if let Some(key) = self.core.holder(*hash)? {
                found.identifiers.insert(*hash, key);
            }
        }
        let keys = wants.members.iter().chain(found.identifiers.values()).copied();
        found.members = self.core.find_members(keys)?;
        for claim in &wants.claims {
            if let Some(entry) = self.core.claimed(claim)? {
                found.claims.insert(*claim, entry);
            }
        }
        Ok(found)
    }

    fn commit_now(&self, group: Group) -> Result<(), CommitError> {
        let start = Instant::now();
        self.core.wait_for_keeper();
        let waited = start.elapsed();
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = self.core.broken() {
            return Err(CommitError::Broken(why.to_owned()));
        }
        if writer.is_short() {
            return Err(CommitError::NoRoom);
        }
        let (before, effects, holders) = self.compare(&group)?;
        let compared = start.elapsed();
        let appended = writer.append(group.recorded_at, &group.entries).inspect_err(|error| self.judge(error))?;
        let (durable, entries) = (start.elapsed(), group.entries.len() as u64);
        let head = writer.head();
        self.core.apply(&group, &before, effects, head, &holders);
        drop(writer);
        self.core.options.observer.committed(CommitTiming {
            entries,
            bytes: appended.bytes,
            waited,
            prepared: compared.saturating_sub(waited) + appended.encoded,
            written: appended.written,
            synced: appended.synced,
            applied: start.elapsed().saturating_sub(durable),
        });
        Ok(())
    }

    fn judge(&self, error: &CommitError) {
        if let CommitError::Broken(why) = error {
            self.core.break_down(why);
        }
    }

    /// Compares a group with everything it depends on.
    fn compare(&self, group: &Group) -> Result<(Vec<Before>, Effects, Holders), CommitError> {
        let before = self.core.before(group).map_err(unreadable)?;
        let head = self.core.known().head;
        compare_head(group, head.seq, head.moment)?;
        compare_chains(group, &before)?;
        let mut effects = Effects::of(&group.entries)?;
        let mut holders = Holders::default();
        effects.compare_moves(|hash| {
            let holder = self.core.holder(hash).map_err(unreadable)?;
            holders.insert(hash, holder);
            Ok::<_, CommitError>(holder)
        })?;
        self.compare_claims(&mut effects)?;
        Ok((before, effects, holders))
    }

    /// Refuses claims another member holds, and forgets those the same member makes again: the first entry stays.
    fn compare_claims(&self, effects: &mut Effects) -> Result<(), CommitError> {
        let seen: Vec<_> = {
            let known = self.core.known();
            effects.claims.iter().filter(|made| known.claims.traces(&made.claim).is_some()).copied().collect()
        };
        for made in seen {
            match self.core.claimed(&made.claim).map_err(unreadable)? {
                Some(entry) if entry.member != made.member => {
                    return Err(conflict("a claim was made by another member"));
                }
                Some(_) => effects.claims.retain(|other| other.claim != made.claim),
                None => {}
            }
        }
        Ok(())
    }

    /// What notes that reach up to an entry of this journal begin with.
    fn header_of_notes(&self, reached: Seq) -> Result<NotesHeader, ReadError> {
        self.core.alive()?;
        let head = self.core.known().head.seq;
        let beyond = || ReadError::Damaged(format!("they reach entry {}, the journal ends at {}", reached.0, head.0));
        if reached > head {
            return Err(beyond());
        }
        let frame =
            if reached == Seq::NONE { NO_HASH } else { self.core.journal.hash_at(reached)?.ok_or_else(beyond)? };
        Ok(NotesHeader { epoch: self.core.journal.epoch(), reached, frame })
    }

    fn catch_up(&self) -> Result<(), ReadError> {
        let target = self.core.head.load(Ordering::Relaxed);
        let mut signals = self.core.signals();
        signals.checkpoint = signals.checkpoint.max(target);
        self.core.wake.notify_all();
        while self.core.watermark.load(Ordering::Relaxed) < target && !signals.stop {
            self.core.alive()?;
            if self.core.is_cramped() {
                return Err(ReadError::Unavailable("there is no room for snapshots".into()));
            }
            let waited = self.core.progress.wait_timeout(signals, Duration::from_millis(200));
            signals = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(signals);
        self.core.rows.health().map_err(ReadError::Damaged)
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.core.signals().stop = true;
        self.core.wake.notify_all();
        self.core.progress.notify_all();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

/// A condition that could not be compared: nothing was written, so nothing is unknown.
fn unreadable(error: ReadError) -> CommitError {
    CommitError::Broken(error.to_string())
}

/// Everything here blocks only for as long as the disk does, so a future is done when it is first looked at.
impl Store for Embedded {
    fn read<'a>(&'a self, wants: &'a Wants) -> Answer<'a, Result<Found, ReadError>> {
        Box::pin(async move { self.find(wants) })
    }

    fn member(&self, key: MemberKey) -> Answer<'_, Result<Option<Arc<Member>>, ReadError>> {
        Box::pin(async move {
            self.core.alive()?;
            self.core.find_member(key)
        })
    }

    fn bring_near<'a>(&'a self, members: &'a [MemberKey]) -> Answer<'a, ()> {
        Box::pin(async move { self.core.bring_near(members) })
    }

    fn commit(&self, group: Group) -> Answer<'_, Result<(), CommitError>> {
        Box::pin(async move { self.commit_now(group) })
    }

    fn feed(&self, after: Seq, limit: usize) -> Answer<'_, Result<Vec<Arc<Entry>>, ReadError>> {
        Box::pin(async move {
            self.core.alive()?;
            let head: Head = self.core.known().head;
            self.core.journal.entries(after.next(), head.seq, limit)
        })
    }

    fn entry(&self, seq: Seq) -> Answer<'_, Result<Option<Arc<Entry>>, ReadError>> {
        Box::pin(async move {
            self.core.alive()?;
            let head: Head = self.core.known().head;
            if seq == Seq::NONE || seq > head.seq { Ok(None) } else { self.core.journal.entry(seq) }
        })
    }

    fn due(&self, until: Moment, limit: usize) -> Answer<'_, Result<Vec<(Moment, MemberKey)>, ReadError>> {
        Box::pin(async move { self.core.due(until, limit) })
    }

    fn members(
        &self,
        program: ProgramNo,
        after: Option<MemberKey>,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Member>>, ReadError>> {
        Box::pin(async move { self.core.list_members(program, after, limit) })
    }

    fn programs(&self) -> Answer<'_, Result<Vec<Arc<Entry>>, ReadError>> {
        Box::pin(async move {
            self.core.alive()?;
            Ok(self.core.known().programs.clone())
        })
    }

    fn checkpoint(&self) -> Answer<'_, Result<(), ReadError>> {
        Box::pin(async move { self.catch_up() })
    }

    fn keep_notes<'a>(
        &'a self,
        name: &'a str,
        reached: Seq,
        parts: &'a mut (dyn Iterator<Item = Vec<u8>> + Send),
    ) -> Answer<'a, Result<(), ReadError>> {
        Box::pin(async move { self.notes.keep(name, self.header_of_notes(reached)?, parts) })
    }

    fn notes<'a>(
        &'a self,
        name: &'a str,
        take: &'a mut (dyn FnMut(Vec<u8>) -> Result<(), Damage> + Send),
    ) -> Answer<'a, Result<Option<Seq>, ReadError>> {
        Box::pin(async move { self.notes.read(name, |reached| self.header_of_notes(reached), take) })
    }

    fn remove_notes<'a>(&'a self, name: &'a str) -> Answer<'a, Result<(), ReadError>> {
        Box::pin(async move { self.notes.remove(name) })
    }

    fn status(&self) -> Status {
        let known = self.core.known();
        Status {
            kind: "embedded",
            head: known.head.seq,
            head_recorded_at: known.head.moment,
            checkpoint: Seq(self.core.watermark.load(Ordering::Relaxed)),
            epoch: self.core.journal.epoch(),
            dirty_members: known.members.dirty(),
            cached_members: known.members.count(),
            journal_bytes: self.core.journal.bytes(),
            snapshot_bytes: self.core.rows.bytes(),
            repairs: self.repairs.clone(),
        }
    }
}
