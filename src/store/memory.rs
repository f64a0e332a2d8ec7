//! The store that forgets: everything in memory, under the same laws, for trials and tests.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Answer, CommitError, Found, Group, ReadError, Status, Store, Wants};
use crate::domain::event::{Entry, Fact, Seq};
use crate::domain::member::Member;
use crate::domain::order::{Claim, IdentifierHash, MemberKey};
use crate::domain::program::ProgramNo;
use crate::domain::units::Moment;

/// Everything in memory.
#[derive(Default)]
pub struct Memory {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    entries: Vec<Arc<Entry>>,
    members: BTreeMap<MemberKey, Arc<Member>>,
    claims: HashMap<Claim, usize>,
    identifiers: HashMap<IdentifierHash, MemberKey>,
    recorded_at: Moment,
}

impl Memory {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Kept {
    fn commit(&mut self, group: Group) -> Result<(), CommitError> {
        self.fits(&group)?;
        for entry in group.entries {
            for claim in entry.claims() {
                self.claims.insert(claim, self.entries.len());
            }
            for fact in &entry.facts {
                self.index(entry.member, fact);
            }
            self.entries.push(entry);
        }
        self.recorded_at = group.recorded_at;
        self.members.extend(group.members.into_iter().map(|change| (change.after.key, change.after)));
        Ok(())
    }

    fn fits(&self, group: &Group) -> Result<(), CommitError> {
        let mut next = Seq(self.entries.len() as u64).next();
        for entry in &group.entries {
            if entry.seq != next {
                return Err(CommitError::Conflict(format!("entry {} does not follow the head", entry.seq.0)));
            }
            if entry.claims().iter().any(|claim| self.claims.contains_key(claim)) {
                return Err(CommitError::Conflict("a claim is taken".into()));
            }
            next = next.next();
        }
        for change in &group.members {
            let version = self.members.get(&change.after.key).map_or(0, |member| member.version);
            if version != change.expected_version {
                return Err(CommitError::Conflict(format!("a member is at version {version}")));
            }
        }
        Ok(())
    }

    fn index(&mut self, member: MemberKey, fact: &Fact) {
        match fact {
            Fact::MemberEnrolled(enrolled) => {
                self.identifiers.extend(enrolled.identifiers.iter().map(|identifier| (identifier.hash, member)));
            }
            Fact::IdentifierLinked(identifier) => {
                self.identifiers.insert(identifier.hash, member);
            }
            Fact::IdentifierUnlinked(identifier) => {
                self.identifiers.remove(&identifier.hash);
            }
            _ => {}
        }
    }

    fn read(&self, wants: &Wants) -> Found {
        let mut found = Found::default();
        for hash in &wants.identifiers {
            found.identifiers.extend(self.identifiers.get(hash).map(|key| (*hash, *key)));
        }
        for key in wants.members.iter().chain(found.identifiers.values()) {
            found.members.extend(self.members.get(key).map(|member| (*key, Arc::clone(member))));
        }
        for claim in &wants.claims {
            let entry = self.claims.get(claim).and_then(|at| self.entries.get(*at));
            found.claims.extend(entry.map(|entry| (*claim, Arc::clone(entry))));
        }
        found
    }
}

impl Store for Memory {
    fn read<'a>(&'a self, wants: &'a Wants) -> Answer<'a, Result<Found, ReadError>> {
        Box::pin(async move { Ok(self.kept().read(wants)) })
    }

    fn commit(&self, group: Group) -> Answer<'_, Result<(), CommitError>> {
        Box::pin(async move { self.kept().commit(group) })
    }

    fn feed(&self, after: Seq, limit: usize) -> Answer<'_, Result<Vec<Arc<Entry>>, ReadError>> {
        Box::pin(async move {
            let skip = usize::try_from(after.0).unwrap_or(usize::MAX);
            Ok(self.kept().entries.iter().skip(skip).take(limit).cloned().collect())
        })
    }

    fn entry(&self, seq: Seq) -> Answer<'_, Result<Option<Arc<Entry>>, ReadError>> {
        Box::pin(async move {
            let at = usize::try_from(seq.0).unwrap_or(usize::MAX).checked_sub(1);
            Ok(at.and_then(|at| self.kept().entries.get(at).cloned()))
        })
    }

    fn due(&self, until: Moment, limit: usize) -> Answer<'_, Result<Vec<(Moment, MemberKey)>, ReadError>> {
        Box::pin(async move {
            let kept = self.kept();
            let all = kept.members.values().filter_map(|member| Some((member.next_due()?, member.key)));
            let mut due: Vec<_> = all.filter(|(moment, _)| *moment <= until).collect();
            due.sort_unstable();
            due.truncate(limit);
            Ok(due)
        })
    }

    fn members(
        &self,
        program: ProgramNo,
        after: Option<MemberKey>,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Member>>, ReadError>> {
        Box::pin(async move {
            let kept = self.kept();
            let members = kept.members.values().filter(|member| member.program == program);
            Ok(members.filter(|member| Some(member.key) > after).take(limit).cloned().collect())
        })
    }

    fn programs(&self) -> Answer<'_, Result<Vec<Arc<Entry>>, ReadError>> {
        Box::pin(async move {
            let kept = self.kept();
            let programs = kept.entries.iter().filter(|entry| entry.member == MemberKey::NOBODY);
            Ok(programs.cloned().collect())
        })
    }

    fn checkpoint(&self) -> Answer<'_, Result<(), ReadError>> {
        Box::pin(async { Ok(()) })
    }

    fn status(&self) -> Status {
        let kept = self.kept();
        let head = Seq(kept.entries.len() as u64);
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
