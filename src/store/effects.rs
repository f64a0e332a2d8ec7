//! What a group does besides changing members, and whether it may: the conditions every store compares alike.
//!
//! It reads entries and members and knows nothing of where they are kept.

use std::collections::HashMap;
use std::sync::Arc;

use super::hashing::KeyHash;
use super::{CommitError, Group, KeyMap, MemberChange};
use crate::domain::event::{Entry, Fact, Seq};
use crate::domain::member::Member;
use crate::domain::order::{Claim, IdentifierHash, MemberKey};
use crate::domain::units::Moment;

/// A claim made by an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// What is claimed.
    pub claim: Claim,
    /// By whom.
    pub member: MemberKey,
    /// By which entry.
    pub seq: Seq,
}

/// An identifier linked to or unlinked from a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Which identifier.
    pub identifier: IdentifierHash,
    /// Whose.
    pub member: MemberKey,
    /// Linked, or unlinked.
    pub linked: bool,
}

/// Everything a group claims and moves.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Claims, each once: the first entry that made it.
    pub claims: Vec<Claimed>,
    /// Identifiers moved, in order.
    pub moves: Vec<Moved>,
    /// Entries that applied a program.
    pub programs: Vec<Arc<Entry>>,
}

/// A group that contradicts what is stored, or itself.
pub fn conflict(what: impl Into<String>) -> CommitError {
    CommitError::Conflict(what.into())
}

impl Effects {
    /// The effects of `entries`, if they do not contradict each other.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if two members make the same claim.
    pub fn of(entries: &[Arc<Entry>]) -> Result<Self, CommitError> {
        let mut effects = Self { claims: Vec::with_capacity(entries.len()), ..Self::default() };
        let mut seen = HashMap::with_capacity_and_hasher(entries.len(), KeyHash);
        for entry in entries {
            for claim in entry.claims() {
                match seen.insert(claim, entry.member) {
                    None => effects.claims.push(Claimed { claim, member: entry.member, seq: entry.seq }),
                    Some(earlier) if earlier == entry.member => {}
                    Some(_) => return Err(conflict("two members of the group make the same claim")),
                }
            }
            effects.moves.extend(moves(entry));
            if entry.facts.iter().any(|fact| matches!(fact, Fact::ProgramApplied(_))) {
                effects.programs.push(Arc::clone(entry));
            }
        }
        Ok(effects)
    }

    /// Compares every move, in order, against who holds the identifiers now.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if one is linked that another member holds; whatever `holder` fails with.
    pub fn compare_moves<E: From<CommitError>>(
        &self,
        mut holder: impl FnMut(IdentifierHash) -> Result<Option<MemberKey>, E>,
    ) -> Result<(), E> {
        let mut moved: KeyMap<IdentifierHash, Option<MemberKey>> = KeyMap::default();
        for step in &self.moves {
            let now = match moved.get(&step.identifier) {
                Some(now) => *now,
                None => holder(step.identifier)?,
            };
            if step.linked && now.is_some_and(|holder| holder != step.member) {
                return Err(conflict("an identifier belongs to another member").into());
            }
            moved.insert(step.identifier, after(*step, now));
        }
        Ok(())
    }
}

/// Who holds an identifier after a move, if `now` holds it before: only its holder can unlink it.
#[must_use]
pub fn after(step: Moved, now: Option<MemberKey>) -> Option<MemberKey> {
    match (step.linked, now) {
        (true, _) => Some(step.member),
        (false, Some(holder)) if holder != step.member => Some(holder),
        (false, _) => None,
    }
}

/// The identifiers an entry moves, in order.
pub fn moves(entry: &Entry) -> impl Iterator<Item = Moved> + '_ {
    let member = entry.member;
    let moved = move |identifier: IdentifierHash, linked| Moved { identifier, member, linked };
    entry.facts.iter().flat_map(move |fact| {
        let (identifiers, linked) = match fact {
            Fact::MemberEnrolled(enrolled) => (enrolled.identifiers.as_slice(), true),
            Fact::IdentifierLinked(identifier) => (std::slice::from_ref(identifier), true),
            Fact::IdentifierUnlinked(identifier) => (std::slice::from_ref(identifier), false),
            _ => (Default::default(), false),
        };
        identifiers.iter().map(move |identifier| moved(identifier.hash, linked))
    })
}

/// Compares a group's entries against the head of the feed.
///
/// # Errors
/// [`CommitError::Conflict`] if they do not follow it.
pub fn compare_head(group: &Group, head: Seq, recorded_at: Moment) -> Result<(), CommitError> {
    let follows = group.entries.iter().zip(head.0.saturating_add(1)..).all(|(entry, seq)| entry.seq.0 == seq);
    if group.entries.is_empty() || !follows {
        return Err(conflict(format!("the group does not follow entry {}", head.0)));
    }
    if head != Seq::NONE && group.recorded_at < recorded_at {
        return Err(conflict("the group was recorded before the group before it"));
    }
    Ok(())
}

/// A member before a group, or that there was none.
pub type Before = Option<Arc<Member>>;

/// Compares every member's chain of entries in the group against the member before (in the order of the changes) and
/// after it.
///
/// # Errors
/// [`CommitError::Conflict`] if a version, a link of the chain or the number of entries is not as expected.
pub fn compare_chains(group: &Group, before: &[Before]) -> Result<(), CommitError> {
    let nobodys = group.entries.iter().filter(|entry| entry.member == MemberKey::NOBODY).count();
    let mut counted = nobodys as u64;
    for (change, before) in group.members.iter().zip(before) {
        let (version, last) = before.as_ref().map_or((0, Seq::NONE), |member| (member.version, member.last_entry));
        if version != change.expected_version {
            return Err(conflict(format!("a member is at version {version}, not {}", change.expected_version)));
        }
        counted += chain_length(group, change, last)?;
    }
    if counted == group.entries.len() as u64 { Ok(()) } else { Err(conflict("an entry changes no member")) }
}

fn chain_length(group: &Group, change: &MemberChange, last: Seq) -> Result<u64, CommitError> {
    let first = group.entries.first().map_or(Seq::NONE, |entry| entry.seq);
    let (mut at, mut length) = (change.after.last_entry, 0);
    while at >= first && at != Seq::NONE {
        let index = usize::try_from(at.0 - first.0).unwrap_or(usize::MAX);
        match group.entries.get(index) {
            Some(entry) if entry.member == change.after.key && entry.previous < at => at = entry.previous,
            _ => return Err(conflict("a member's newest entry is not hers")),
        }
        length += 1;
    }
    if at != last {
        return Err(conflict(format!("a member's entry follows {}, not {}", at.0, last.0)));
    }
    if change.after.version != change.expected_version.saturating_add(length) || length == 0 {
        return Err(conflict("a member's version does not count her entries"));
    }
    Ok(length)
}
