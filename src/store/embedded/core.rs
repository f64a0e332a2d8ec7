//! What the embedded store knows, and the one lock around it.
//!
//! Commits, the keeper, an opening and all readers meet here. The lock is held for lookups and for taking over what a
//! commit decided; never while the journal or the snapshot database is written.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use super::claims::{Claims, Traces};
use super::due::Due;
use super::identifiers::Identifiers;
use super::journal::{Head, Journal};
use super::leaves::Shelf;
use super::members::Members;
use super::options::Options;
use super::rows::Rows;
use super::ward::{Form, Stored};
use crate::domain::event::{Entry, Seq};
use crate::domain::member::Member;
use crate::domain::order::{Claim, IdentifierHash, MemberKey};
use crate::store::effects::{Before, Effects, after};
use crate::store::format::{Damage, member};
use crate::store::{Group, KeyMap, ReadError};

/// Everything but the journal's writer.
pub struct Core {
    pub(super) options: Options,
    pub(super) journal: Arc<Journal>,
    pub(super) rows: Rows,
    pub(super) members: Shelf,
    pub(super) identifiers: Shelf,
    pub(super) known: RwLock<Known>,
    /// Up to where every ward is known to be in the snapshot database.
    pub(super) watermark: AtomicU64,
    pub(super) head: AtomicU64,
    pub(super) dirty_weight: AtomicU64,
    pub(super) signals: Mutex<Signals>,
    pub(super) wake: Condvar,
    pub(super) progress: Condvar,
    broken: OnceLock<String>,
}

/// What is asked of the keeper.
#[derive(Debug, Default)]
pub struct Signals {
    /// To end.
    pub stop: bool,
    /// To bring the snapshots up to here.
    pub checkpoint: u64,
    /// Somebody waits for room.
    pub pressed: bool,
}

/// What is behind the lock.
pub struct Known {
    /// The newest entry that is visible.
    pub head: Head,
    /// Members in memory.
    pub members: Members,
    /// Identifiers moved since they were written.
    pub identifiers: Identifiers,
    /// All claims.
    pub claims: Claims,
    /// Due moments that differ from the snapshot database's.
    pub due: Due,
    /// Every entry that applied a program.
    pub programs: Vec<Arc<Entry>>,
    /// Those of them without a row.
    pub unkept_programs: Vec<Seq>,
}

impl Core {
    /// A core that knows nothing yet but its claims and programs.
    #[must_use]
    pub fn new(options: Options, journal: Arc<Journal>, rows: Rows, shelves: [Shelf; 2], known: Known) -> Self {
        let [members, identifiers] = shelves;
        Self {
            options,
            journal,
            rows,
            members,
            identifiers,
            known: RwLock::new(known),
            watermark: AtomicU64::new(0),
            head: AtomicU64::new(0),
            dirty_weight: AtomicU64::new(0),
            signals: Mutex::default(),
            wake: Condvar::new(),
            progress: Condvar::new(),
            broken: OnceLock::new(),
        }
    }

    pub(super) fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn know(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn signals(&self) -> MutexGuard<'_, Signals> {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on every call fails.
    pub fn break_down(&self, why: &str) {
        if self.broken.set(why.to_owned()).is_ok() {
            tracing::error!(why, "the store stops: it cannot be trusted any more");
        }
        drop(self.signals());
        self.progress.notify_all();
        self.wake.notify_all();
    }

    /// Why the store broke down, if it did.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.get().map(String::as_str)
    }

    /// That the store did not break down.
    ///
    /// # Errors
    /// If it did.
    pub fn alive(&self) -> Result<(), ReadError> {
        self.broken().map_or(Ok(()), |why| Err(ReadError::Unavailable(why.to_owned())))
    }

    /// Whether so little room is left that the keeper waits: a snapshot database that meets a full disk cannot be used
    /// any more, and commits are refused long before.
    #[must_use]
    pub fn is_cramped(&self) -> bool {
        let floor = self.options.free_floor_bytes / 4;
        floor > 0 && self.options.files.free(&self.options.dir).is_ok_and(|free| free < floor)
    }

    /// How many entries the snapshots are behind.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.head.load(Ordering::Relaxed).saturating_sub(self.watermark.load(Ordering::Relaxed))
    }

    /// Waits while the snapshots are too far behind and the keeper can do something about it.
    pub fn wait_for_keeper(&self) {
        let behind = || {
            let heavy = self.dirty_weight.load(Ordering::Relaxed) > self.options.dirty_bytes;
            self.broken().is_none() && (heavy || self.lag() > self.options.lag_entries)
        };
        if !behind() {
            return;
        }
        let mut signals = self.signals();
        while behind() && !signals.stop && !self.is_cramped() {
            signals.pressed = true;
            self.wake.notify_all();
            let waited = self.progress.wait_timeout(signals, Duration::from_millis(100));
            signals = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A member as her snapshot has her.
    ///
    /// # Errors
    /// If it cannot be read or is damaged.
    pub fn snapshot(&self, key: MemberKey) -> Result<Option<Arc<Member>>, ReadError> {
        let found = self.members.find(&self.rows, &key.0, |bytes| member::read(bytes, key))?;
        Ok(found.map(Arc::new))
    }

    /// Members by key, from memory or their snapshots.
    ///
    /// # Errors
    /// If a snapshot cannot be read or is damaged.
    pub fn find_members(&self, keys: impl Iterator<Item = MemberKey>) -> Result<FoundMembers, ReadError> {
        let (mut found, mut missing, mut packed) = (FoundMembers::default(), Vec::new(), Vec::new());
        {
            let known = self.known();
            for key in keys {
                match known.members.get(&key).map(|slot| &slot.form) {
                    Some(Form::Whole(member)) => _ = found.insert(key, Arc::clone(member)),
                    Some(form) => packed.push((key, form.clone())),
                    None => missing.push((key, known.members.evictions(&key))),
                }
            }
        }
        self.unpack(packed, &mut found)?;
        let mut learned = Vec::new();
        for (key, evictions) in missing {
            if let Some(member) = self.snapshot(key)? {
                found.insert(key, Arc::clone(&member));
                learned.push((member, evictions));
            }
        }
        if !learned.is_empty() {
            let mut known = self.know();
            learned.into_iter().for_each(|(member, evictions)| known.members.learn(member, evictions));
        }
        Ok(found)
    }

    /// Unpacks members, outside the lock, and keeps them so.
    fn unpack(&self, packed: Vec<(MemberKey, Form)>, found: &mut FoundMembers) -> Result<(), ReadError> {
        let mut unpacked = Vec::with_capacity(packed.len());
        for (key, form) in packed {
            match form.unpacked(key) {
                Some(member) => {
                    found.insert(key, Arc::clone(&member));
                    unpacked.push((member, form));
                }
                // Her snapshot says the same.
                None => found.extend(self.snapshot(key)?.map(|member| (key, member))),
            }
        }
        if !unpacked.is_empty() {
            let mut known = self.know();
            unpacked.into_iter().for_each(|(member, form)| known.members.unpack(member, &form));
        }
        Ok(())
    }

    /// Brings members into memory who are not there, or are packed; what cannot be read now is told when it is needed.
    pub fn bring_near(&self, keys: &[MemberKey]) {
        let far: Vec<MemberKey> = {
            let known = self.known();
            let is_near = |key: &&MemberKey| known.members.get(key).is_some_and(|slot| slot.form.whole().is_some());
            keys.iter().filter(|key| !is_near(key)).copied().collect()
        };
        if !far.is_empty() {
            drop(self.find_members(far.into_iter()));
        }
    }

    /// One member, from memory or her snapshot.
    ///
    /// # Errors
    /// If the snapshot cannot be read or is damaged.
    pub fn find_member(&self, key: MemberKey) -> Result<Option<Arc<Member>>, ReadError> {
        let held = self.known().members.get(&key).and_then(|slot| slot.form.whole().cloned());
        match held {
            Some(member) => Ok(Some(member)),
            None => Ok(self.find_members(std::iter::once(key))?.remove(&key)),
        }
    }

    /// The members a group changes, as they are.
    ///
    /// # Errors
    /// If a snapshot cannot be read or is damaged.
    pub fn before(&self, group: &Group) -> Result<Vec<Before>, ReadError> {
        let mut before: Vec<Before> = {
            let known = self.known();
            let held = |key| known.members.get(key).and_then(|slot| slot.form.whole().cloned());
            group.members.iter().map(|change| held(&change.after.key)).collect()
        };
        for (slot, change) in before.iter_mut().zip(&group.members).filter(|(slot, _)| slot.is_none()) {
            *slot = self.find_member(change.after.key)?;
        }
        Ok(before)
    }

    /// Who holds an identifier.
    ///
    /// # Errors
    /// If the row cannot be read or is damaged.
    pub fn holder(&self, identifier: IdentifierHash) -> Result<Option<MemberKey>, ReadError> {
        let moved = self.known().identifiers.get(&identifier);
        moved.map_or_else(|| self.stored_holder(identifier), Ok)
    }

    /// Who holds an identifier, as the snapshot database has it.
    ///
    /// # Errors
    /// If the row cannot be read or is damaged.
    pub fn stored_holder(&self, identifier: IdentifierHash) -> Result<Option<MemberKey>, ReadError> {
        let read =
            |bytes: &[u8]| bytes.try_into().map(MemberKey).map_err(|_| Damage::new("an identifier's row is short"));
        self.identifiers.find(&self.rows, &identifier.0, read)
    }

    /// The first entry that made a claim, if any did.
    ///
    /// # Errors
    /// If a page or an entry cannot be read or is damaged.
    pub fn claimed(&self, claim: &Claim) -> Result<Option<Arc<Entry>>, ReadError> {
        let traces = self.known().claims.traces(claim);
        traces.map_or(Ok(None), |traces| self.prove(claim, &traces, Seq(u64::MAX)))
    }

    /// Of the entries that may have made a claim up to `last`, the first that did.
    ///
    /// # Errors
    /// If a page or an entry cannot be read or is damaged.
    pub fn prove(&self, claim: &Claim, traces: &Traces, last: Seq) -> Result<Option<Arc<Entry>>, ReadError> {
        for seq in traces.entries(&self.rows, claim)?.into_iter().take_while(|seq| *seq <= last) {
            let entry = self.journal.entry(seq)?;
            if let Some(entry) = entry.filter(|entry| entry.claims().contains(claim)) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Takes over a group that is durable.
    pub fn apply(&self, group: &Group, before: &[Before], effects: Effects, head: Head, holders: &Holders) {
        let mut known = self.know();
        for (change, before) in group.members.iter().zip(before) {
            known.change(&change.after, before.as_deref());
        }
        effects.claims.iter().for_each(|made| known.claims.insert(&made.claim, made.seq));
        for step in effects.moves {
            let now = known.identifiers.get(&step.identifier);
            let now = now.unwrap_or_else(|| holders.get(&step.identifier).copied().flatten());
            known.identifiers.put(step.identifier, after(step, now));
        }
        known.unkept_programs.extend(effects.programs.iter().map(|entry| entry.seq));
        known.programs.extend(effects.programs);
        known.head = head;
        self.publish(&known);
    }

    /// Shows the gauges what is known now.
    pub fn publish(&self, known: &Known) {
        self.head.store(known.head.seq.0, Ordering::Relaxed);
        self.dirty_weight.store(known.members.dirty_weight(), Ordering::Relaxed);
    }
}

/// Members by key.
pub type FoundMembers = KeyMap<MemberKey, Arc<Member>>;
/// Who held identifiers before a group.
pub type Holders = KeyMap<IdentifierHash, Option<MemberKey>>;

impl Known {
    fn change(&mut self, after: &Arc<Member>, before: Option<&Member>) {
        let redated = self.members.replace(after, || before.map_or_else(Stored::default, Stored::of));
        redated.iter().for_each(|due| self.due.change(after.key, due.stored, due.before, due.after));
    }
}
