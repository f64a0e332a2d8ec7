//! Folding the journal behind the snapshots into memory, on opening.
//!
//! A snapshot says which entry it reflects, so folding an entry twice does nothing. The way is gone twice: first to
//! learn which members it touches, whose snapshots are then read in key order, then to fold. Reading and decoding have
//! a thread of their own. A member whose chain does not continue from her snapshot shows that the snapshots are not
//! what was written: they are made again.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use super::claims::{Claims, print_of, ward_of};
use super::core::{Core, Known};
use super::journal::Head;
use super::members::{Stored, reflects};
use crate::domain::event::{Entry, Fact, Seq};
use crate::domain::member::Member;
use crate::domain::order::{Claim, MemberKey};
use crate::domain::units::Moment;
use crate::store::ReadError;
use crate::store::effects::{Moved, after, moves};
use crate::store::format::Damage;
use crate::store::format::entry::{self, Place};
use crate::store::format::frame::{Frame, Slot};
use crate::store::format::member;
use crate::store::format::rows::{Almanac, Records, breadth, lead};
use crate::store::hashing::KeyHash;

/// So many entries are handed over at once.
const HANDFUL: usize = 2_048;

/// Why folding stopped.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The snapshots contradict the journal.
    #[error("the snapshots do not continue into the journal: {0}")]
    Stale(String),
    /// Something could not be read, or is damaged.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Entries decoded, and the head they lead to.
struct Handful {
    entries: Vec<(Entry, Vec<Claim>)>,
    head: Head,
}

/// Folds everything the almanac does not vouch for, up to `head`.
///
/// # Errors
/// See [`FoldError`].
pub fn fold(core: &Core, almanac: &Almanac, head: Head) -> Result<(), FoldError> {
    let from = Seq(almanac.lowest()).next();
    let start = Instant::now();
    let claims = std::thread::scope(|scope| {
        let claims = scope.spawn(|| Claims::load(&core.rows));
        let preloaded = if from <= head.seq { preload(core, almanac, from, head.seq) } else { Ok(()) };
        let claims = claims.join().unwrap_or_else(|_| Err(ReadError::Unavailable("the reader panicked".into())));
        preloaded.and(claims)
    })?;
    core.know().claims = claims;
    let loaded = start.elapsed();
    if from <= head.seq {
        let (sender, receiver) = sync_channel(4);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| read(core, from, head.seq, &sender_of(sender)));
            let folded = fold_all(core, almanac, receiver);
            let read = reader.join().unwrap_or_else(|_| Err(ReadError::Unavailable("the reader panicked".into())));
            folded.and_then(|()| Ok(read?))
        })?;
    }
    let mut known = core.know();
    known.head = head;
    core.publish(&known);
    let entries = head.seq.next().0.saturating_sub(from.0);
    tracing::info!(entries, ?loaded, folded = ?start.elapsed().saturating_sub(loaded), "the journal is folded");
    Ok(())
}

fn sender_of(sender: SyncSender<Handful>) -> impl Fn(Handful) -> Result<(), Gone> {
    move |handful| sender.send(handful).map_err(|_| Gone)
}

/// Nobody listens any more: folding failed.
struct Gone;

fn read(core: &Core, from: Seq, last: Seq, send: &impl Fn(Handful) -> Result<(), Gone>) -> Result<(), ReadError> {
    let mut handful = Handful { entries: Vec::with_capacity(HANDFUL), head: Head::NONE };
    core.journal.passage(from, last).each(|frame| {
        for entry in frame.entries() {
            let (place, slot, bytes) = entry.map_err(|damage| in_frame(frame, &damage))?;
            if place.seq < from {
                continue;
            }
            let entry = slot.open(bytes, place).map_err(|damage| in_frame(frame, &damage))?;
            let claims = entry.claims();
            handful.entries.push((entry, claims));
        }
        handful.head = Head { seq: frame.header.last(), moment: frame.header.moment, hash: frame.hash };
        if handful.entries.len() >= HANDFUL {
            let full = std::mem::replace(&mut handful.entries, Vec::with_capacity(HANDFUL));
            // If nobody listens, the reason is told at the other end.
            let _ = send(Handful { entries: full, head: handful.head });
        }
        Ok::<_, ReadError>(())
    })?;
    let _ = send(handful);
    Ok(())
}

fn in_frame(frame: &Frame<'_>, damage: &Damage) -> ReadError {
    ReadError::Damaged(format!("the frame of entries {} to {}: {damage}", frame.header.first.0, frame.header.last().0))
}

fn fold_all(core: &Core, almanac: &Almanac, receiver: Receiver<Handful>) -> Result<(), FoldError> {
    for handful in receiver {
        {
            let mut known = core.know();
            for (entry, claims) in handful.entries {
                fold_entry(core, &mut known, almanac, entry, &claims)?;
            }
            if handful.head != Head::NONE {
                known.head = handful.head;
            }
            core.publish(&known);
        }
        core.wait_for_keeper();
        core.alive()?;
    }
    Ok(())
}

fn fold_entry(
    core: &Core,
    known: &mut Known,
    almanac: &Almanac,
    entry: Entry,
    claims: &[Claim],
) -> Result<(), FoldError> {
    if entry.member != MemberKey::NOBODY {
        fold_member(core, known, &entry)?;
    }
    for step in moves(&entry) {
        fold_move(core, known, almanac, step, entry.seq)?;
    }
    for claim in claims {
        fold_claim(core, known, almanac, &entry, claim)?;
    }
    let applies = entry.facts.iter().any(|fact| matches!(fact, Fact::ProgramApplied(_)));
    if applies && known.programs.last().is_none_or(|newest| newest.seq < entry.seq) {
        known.unkept_programs.push(entry.seq);
        known.programs.push(Arc::new(entry));
    }
    Ok(())
}

fn fold_member(core: &Core, known: &mut Known, entry: &Entry) -> Result<(), FoldError> {
    let dues = if known.members.get(&entry.member).is_some() {
        known.members.amend(&entry.member, |member, stored| fold_into(member, stored, entry).transpose()).transpose()?
    } else {
        fold_snapshot(core, known, entry)?
    };
    if let Some((stored, before, after)) = dues {
        known.due.change(entry.member, stored, before, after);
    }
    Ok(())
}

/// Folds an entry into a member who is not in memory.
fn fold_snapshot(core: &Core, known: &mut Known, entry: &Entry) -> Result<Option<Dues>, FoldError> {
    let Some(mut member) = core.snapshot(entry.member)? else { return begin_member(known, entry).map(Some) };
    let stored = Stored::of(&member);
    let dues = fold_into(&mut member, stored, entry)?;
    if dues.is_some() {
        known.members.replace(&member, || stored);
    }
    Ok(dues)
}

/// The due moment the snapshot database has, the one before, and the one after.
type Dues = (Option<Moment>, Option<Moment>, Option<Moment>);

/// Folds an entry into a member, unless she reflects it.
fn fold_into(member: &mut Arc<Member>, stored: Stored, entry: &Entry) -> Result<Option<Dues>, FoldError> {
    if reflects(member, entry.seq) {
        return Ok(None);
    }
    if member.last_entry != entry.previous {
        let (last, previous, seq) = (member.last_entry.0, entry.previous.0, entry.seq.0);
        return Err(FoldError::Stale(format!("a member ends at {last}, but her entry {seq} follows {previous}")));
    }
    let before = member.next_due();
    let changed = Arc::make_mut(member);
    changed.apply_entry(entry).map_err(|error| ReadError::Damaged(format!("entry {}: {error}", entry.seq.0)))?;
    Ok(Some((stored.due, before, changed.next_due())))
}

fn begin_member(known: &mut Known, entry: &Entry) -> Result<Dues, FoldError> {
    if entry.previous != Seq::NONE {
        let (seq, previous) = (entry.seq.0, entry.previous.0);
        return Err(FoldError::Stale(format!("a member is missing whose entry {seq} follows {previous}")));
    }
    let mut member = Member::default();
    member.apply_entry(entry).map_err(|error| ReadError::Damaged(format!("entry {}: {error}", entry.seq.0)))?;
    let due = member.next_due();
    known.members.replace(&Arc::new(member), Stored::default);
    Ok((None, None, due))
}

fn fold_move(core: &Core, known: &mut Known, almanac: &Almanac, step: Moved, seq: Seq) -> Result<(), ReadError> {
    if is_kept(almanac, step.identifier.0.first().copied().unwrap_or_default(), seq) {
        return Ok(());
    }
    let now = match known.identifiers.get(&step.identifier) {
        Some(now) => now,
        None => core.stored_holder(step.identifier)?,
    };
    known.identifiers.put(step.identifier, after(step, now));
    Ok(())
}

fn fold_claim(
    core: &Core,
    known: &mut Known,
    almanac: &Almanac,
    entry: &Entry,
    claim: &Claim,
) -> Result<(), ReadError> {
    if is_kept(almanac, ward_of(print_of(claim)), entry.seq) {
        return Ok(());
    }
    // Seen already: on a page, if the keeper was interrupted in this ward; or made before by the same member.
    if let Some(traces) = known.claims.traces(claim)
        && core.prove(claim, &traces, entry.seq)?.is_some()
    {
        return Ok(());
    }
    known.claims.insert(claim, entry.seq);
    Ok(())
}

fn is_kept(almanac: &Almanac, ward: u8, seq: Seq) -> bool {
    almanac.watermarks.get(usize::from(ward)).is_some_and(|mark| seq.0 <= *mark)
}

/// Reads the snapshots of all members that will be folded into, in the order in which they lie.
fn preload(core: &Core, almanac: &Almanac, from: Seq, last: Seq) -> Result<(), ReadError> {
    let mut touched: HashSet<MemberKey, KeyHash> = HashSet::default();
    core.journal.passage(from, last).unproven().each(|frame| {
        for entry in frame.entries() {
            let (Place { seq, .. }, _, bytes): (_, Slot, _) = entry.map_err(|damage| in_frame(frame, &damage))?;
            let key = entry::member_of(bytes).map_err(|damage| in_frame(frame, &damage))?;
            if !is_kept(almanac, key.0.first().copied().unwrap_or_default(), seq) {
                touched.insert(key);
            }
        }
        Ok::<_, ReadError>(())
    })?;
    let mut touched: Vec<MemberKey> = touched.into_iter().collect();
    touched.sort_unstable();
    learn_all(core, &touched)
}

fn learn_all(core: &Core, mut keys: &[MemberKey]) -> Result<(), ReadError> {
    while let Some(first) = keys.first() {
        let leaf = core.members.leaf(&core.rows, lead(&first.0))?;
        let end = u64::from(leaf.start) + breadth(leaf.depth);
        let here = keys.partition_point(|key| u64::from(lead(&key.0)) < end).max(1);
        let (wanted, rest) = keys.split_at_checked(here).unwrap_or_default();
        keys = rest;
        let mut known = core.know();
        for record in Records::of(&leaf.content) {
            let (key, bytes) = record.map_err(|damage| core.rows.damaged(&damage))?;
            let key = MemberKey(key);
            if wanted.binary_search(&key).is_ok() {
                let member = member::read(bytes, key).map_err(|damage| core.rows.damaged(&damage))?;
                let evictions = known.members.evictions(&key);
                known.members.learn(Arc::new(member), evictions);
            }
        }
    }
    Ok(())
}
