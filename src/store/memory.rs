//! A store in plain memory: the laws at their shortest, for tests, rehearsals and demonstrations.
//!
//! It is durable for as long as the process lives, and no longer. It knows no file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::effects::{Before, Effects, after, compare_chains, compare_head, conflict};
use super::{Answer, CommitError, Found, Group, ReadError, Status, Store, Wants};
use crate::domain::event::{Entry, Seq};
use crate::domain::member::Member;
use crate::domain::order::{Claim, IdentifierHash, MemberKey};
use crate::domain::program::ProgramNo;
use crate::domain::units::Moment;

/// Everything, in memory.
#[derive(Debug, Default)]
pub struct Memory(RwLock<Kept>);

#[derive(Debug, Default)]
struct Kept {
    entries: Vec<Arc<Entry>>,
    recorded_at: Moment,
    members: BTreeMap<MemberKey, Arc<Member>>,
    identifiers: HashMap<IdentifierHash, MemberKey>,
    claims: HashMap<Claim, Seq>,
    due: BTreeSet<(Moment, MemberKey)>,
    programs: Vec<Arc<Entry>>,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn kept(&self) -> RwLockReadGuard<'_, Kept> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self) -> RwLockWriteGuard<'_, Kept> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> Answer<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Store for Memory {
    fn read<'a>(&'a self, wants: &'a Wants) -> Answer<'a, Result<Found, ReadError>> {
        ready(Ok(self.kept().read(wants)))
    }

    fn commit(&self, group: Group) -> Answer<'_, Result<(), CommitError>> {
        ready(self.keep().commit(group))
    }

    fn feed(&self, after: Seq, limit: usize) -> Answer<'_, Result<Vec<Arc<Entry>>, ReadError>> {
        let skipped = usize::try_from(after.0).unwrap_or(usize::MAX);
        ready(Ok(self.kept().entries.iter().skip(skipped).take(limit).cloned().collect()))
    }

    fn entry(&self, seq: Seq) -> Answer<'_, Result<Option<Arc<Entry>>, ReadError>> {
        ready(Ok(self.kept().entry(seq)))
    }

    fn due(&self, until: Moment, limit: usize) -> Answer<'_, Result<Vec<(Moment, MemberKey)>, ReadError>> {
        let kept = self.kept();
        ready(Ok(kept.due.iter().take_while(|(at, _)| *at <= until).take(limit).copied().collect()))
    }

    fn members(
        &self,
        program: ProgramNo,
        after: Option<MemberKey>,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Member>>, ReadError>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let kept = self.kept();
        let behind = kept.members.range((after.map_or(Unbounded, Excluded), Unbounded));
        ready(Ok(behind.map(|(_, member)| member).filter(|m| m.program == program).take(limit).cloned().collect()))
    }

    fn programs(&self) -> Answer<'_, Result<Vec<Arc<Entry>>, ReadError>> {
        ready(Ok(self.kept().programs.clone()))
    }

    fn checkpoint(&self) -> Answer<'_, Result<(), ReadError>> {
        ready(Ok(()))
    }

    fn status(&self) -> Status {
        let kept = self.kept();
        let head = kept.head();
        Status {
            kind: "memory",
            head,
            head_recorded_at: kept.recorded_at,
            checkpoint: head,
            cached_members: kept.members.len() as u64,
            ..Status::default()
        }
    }
}

impl Kept {
    fn head(&self) -> Seq {
        Seq(self.entries.len() as u64)
    }

    fn entry(&self, seq: Seq) -> Option<Arc<Entry>> {
        let index = usize::try_from(seq.0.checked_sub(1)?).ok()?;
        self.entries.get(index).cloned()
    }

    fn read(&self, wants: &Wants) -> Found {
        let mut found = Found::default();
        for hash in &wants.identifiers {
            if let Some(key) = self.identifiers.get(hash) {
                found.identifiers.insert(*hash, *key);
            }
        }
        for key in wants.members.iter().chain(found.identifiers.values()) {
            if let Some(member) = self.members.get(key) {
                found.members.insert(*key, Arc::clone(member));
            }
        }
        for claim in &wants.claims {
            if let Some(entry) = self.claims.get(claim).and_then(|seq| self.entry(*seq)) {
                found.claims.insert(*claim, entry);
            }
        }
        found
    }

    fn commit(&mut self, group: Group) -> Result<(), CommitError> {
        compare_head(&group, self.head(), self.recorded_at)?;
        compare_chains(&group, &self.before(&group))?;
        let mut effects = Effects::of(&group.entries)?;
        effects.compare_moves(|hash| Ok::<_, CommitError>(self.identifiers.get(&hash).copied()))?;
        self.compare_claims(&mut effects)?;
        self.apply(group, effects);
        Ok(())
    }

    fn before(&self, group: &Group) -> Vec<Before> {
        group.members.iter().map(|change| self.members.get(&change.after.key).cloned()).collect()
    }

    /// Refuses claims another member holds, and forgets those the same member makes again: the first entry stays.
    fn compare_claims(&self, effects: &mut Effects) -> Result<(), CommitError> {
        let holder = |claim| self.claims.get(claim).and_then(|seq| self.entry(*seq)).map(|entry| entry.member);
        if effects.claims.iter().any(|made| holder(&made.claim).is_some_and(|member| member != made.member)) {
            return Err(conflict("a claim was made by another member"));
        }
        effects.claims.retain(|made| !self.claims.contains_key(&made.claim));
        Ok(())
    }

    fn apply(&mut self, group: Group, effects: Effects) {
        self.claims.extend(effects.claims.iter().map(|made| (made.claim, made.seq)));
        for step in effects.moves {
            match after(step, self.identifiers.get(&step.identifier).copied()) {
                Some(holder) => self.identifiers.insert(step.identifier, holder),
                None => self.identifiers.remove(&step.identifier),
            };
        }
        self.programs.extend(effects.programs);
        for change in group.members {
            self.replace(change.after);
        }
        self.entries.extend(group.entries);
        self.recorded_at = group.recorded_at;
    }

    fn replace(&mut self, member: Arc<Member>) {
        if let Some(before) = self.members.get(&member.key).and_then(|before| before.next_due()) {
            self.due.remove(&(before, member.key));
        }
        self.due.extend(member.next_due().map(|at| (at, member.key)));
        self.members.insert(member.key, member);
    }
}
