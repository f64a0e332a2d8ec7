//! Folding the journal behind the snapshots into memory, on opening.
//!
//! A snapshot says which entry it reflects, so folding an entry twice does nothing. The way is gone twice: first to
//! learn which members it touches, whose snapshots are then read in key order, then to fold. One thread reads and
//! compares hashes, two decode and fold, each for half of the members (`reaper.rs`). A member whose chain does not
//! continue from her snapshot shows that the snapshots are not what was written: they are made again. Who is not
//! touched shows nothing of the kind, so every row is called over and compared with the almanac's rolls.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use super::claims::{Claims, print_of, ward_of};
use super::core::{Core, Known};
use super::journal::Head;
use super::leaves::Whole;
use super::members::Half;
use super::reaper::{Harvest, in_frame, reap};
use super::rows::Rows;
use crate::domain::event::Seq;
use crate::domain::order::{Claim, MemberKey};
use crate::store::ReadError;
use crate::store::effects::{Moved, after};
use crate::store::format::entry::{self, Place};
use crate::store::format::member;
use crate::store::format::rows::{Almanac, KINDS, Records, Roll};
use crate::store::hashing::KeyHash;

/// Frames of about so many bytes are folded at once.
const SHEAF: usize = 4 << 20;

/// Why folding stopped.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The snapshots contradict the journal.
    #[error("the snapshots do not continue into the journal: {0}")]
    Stale(String),
    /// Rows are missing, or are as they once were.
    #[error("the snapshots are not what was written: {0}")]
    Lost(String),
    /// Something could not be read, or is damaged.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Frames whose hashes were compared, and the head they lead to.
struct Sheaf {
    frames: Vec<u8>,
    head: Head,
}

/// Folds everything the almanac does not vouch for, up to `head`.
///
/// # Errors
/// See [`FoldError`].
pub fn fold(core: &Core, almanac: &Almanac, head: Head) -> Result<(), FoldError> {
    let from = Seq(almanac.lowest()).next();
    let start = Instant::now();
    // The keeper writes nothing before something is folded, so the rows are still those the almanac speaks of.
    let claims = std::thread::scope(|scope| {
        let claims = scope.spawn(|| {
            let rows = call_over(&core.rows, almanac, [b'i', b'd', b'p']);
            Claims::load(&core.rows).map(|claims| (claims, rows))
        });
        let members = preload(core, almanac, from, head.seq);
        let ((claims, pages), rows) = claims.join().unwrap_or_else(|_| Err(panicked()))?;
        rows?;
        compare_roll(almanac, b'm', members?)?;
        compare_roll(almanac, b'c', pages)?;
        Ok::<_, FoldError>(claims)
    })?;
    core.know().claims = claims;
    let loaded = start.elapsed();
    if from <= head.seq {
        let (sender, receiver) = sync_channel(2);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| read(core, from, head.seq, sender));
            let folded = fold_all(core, almanac, from, receiver);
            let read = reader.join().unwrap_or_else(|_| Err(panicked()));
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

/// Reads every row of these kinds, and compares them with the almanac's rolls.
fn call_over(rows: &Rows, almanac: &Almanac, kinds: [u8; 3]) -> Result<(), FoldError> {
    kinds.into_iter().try_for_each(|kind| compare_roll(almanac, kind, rows.roll_of(kind, |_, _| Ok(()))?))
}

fn compare_roll(almanac: &Almanac, kind: u8, found: Roll) -> Result<(), FoldError> {
    let on_roll = KINDS.iter().zip(&almanac.rolls).find(|((letter, _), _)| *letter == kind);
    match on_roll {
        Some(((_, name), roll)) if *roll != found && roll.rows == found.rows => {
            Err(FoldError::Lost(format!("of {} {name} some are as they once were", found.rows)))
        }
        Some(((_, name), roll)) if *roll != found => {
            Err(FoldError::Lost(format!("there are {} {name}, not {}", found.rows, roll.rows)))
        }
        _ => Ok(()),
    }
}

fn panicked() -> ReadError {
    ReadError::Unavailable("a thread that read the journal panicked".into())
}

fn read(core: &Core, from: Seq, last: Seq, sender: SyncSender<Sheaf>) -> Result<(), ReadError> {
    let mut sheaf = Sheaf { frames: Vec::with_capacity(SHEAF), head: Head::NONE };
    core.journal.passage(from, last).each(|frame| {
        sheaf.frames.extend_from_slice(frame.bytes);
        sheaf.head = Head { seq: frame.header.last(), moment: frame.header.moment, hash: frame.hash };
        if sheaf.frames.len() >= SHEAF {
            let next = Sheaf { frames: Vec::with_capacity(SHEAF + SHEAF / 4), head: sheaf.head };
            // If nobody listens, the reason is told at the other end.
            let _ = sender.send(std::mem::replace(&mut sheaf, next));
        }
        Ok::<_, ReadError>(())
    })?;
    let _ = sender.send(sheaf);
    Ok(())
}

fn fold_all(core: &Core, almanac: &Almanac, from: Seq, receiver: Receiver<Sheaf>) -> Result<(), FoldError> {
    for sheaf in receiver {
        {
            let mut known = core.know();
            let folding = |low: &mut Half<'_>, high: &mut Half<'_>| {
                std::thread::scope(|scope| {
                    let other = scope.spawn(|| reap(core, high, &sheaf.frames, from));
                    let mine = reap(core, low, &sheaf.frames, from);
                    let other = other.join().unwrap_or_else(|_| Err(panicked().into()));
                    Ok::<_, FoldError>([mine?, other?])
                })
            };
            let harvests = known.members.halved(folding)?;
            gather(core, &mut known, almanac, harvests)?;
            known.head = sheaf.head;
            core.publish(&known);
        }
        core.wait_for_keeper();
        core.alive()?;
    }
    Ok(())
}

/// Does what the two halves left. No claim is made in both: it belongs to one member.
fn gather(core: &Core, known: &mut Known, almanac: &Almanac, harvests: [Harvest; 2]) -> Result<(), ReadError> {
    let mut moved = Vec::new();
    for harvest in harvests {
        for (claim, seq) in harvest.claims {
            fold_claim(core, known, almanac, &claim, seq)?;
        }
        for (member, (stored, before, after)) in harvest.dues {
            known.due.change(member, stored, before, after);
        }
        moved.extend(harvest.moves);
        let newest = known.programs.last().map_or(Seq::NONE, |newest| newest.seq);
        let programs: Vec<_> = harvest.programs.into_iter().filter(|entry| entry.seq > newest).collect();
        known.unkept_programs.extend(programs.iter().map(|entry| entry.seq));
        known.programs.extend(programs);
    }
    moved.sort_by_key(|(seq, _)| *seq);
    moved.into_iter().try_for_each(|(seq, step)| fold_move(core, known, almanac, step, seq))
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

fn fold_claim(core: &Core, known: &mut Known, almanac: &Almanac, claim: &Claim, seq: Seq) -> Result<(), ReadError> {
    if is_kept(almanac, ward_of(print_of(claim)), seq) {
        return Ok(());
    }
    // Seen already: on a page, if the keeper was interrupted in this ward; or made before by the same member.
    if let Some(traces) = known.claims.traces(claim)
        && core.prove(claim, &traces, seq)?.is_some()
    {
        return Ok(());
    }
    known.claims.insert(claim, seq);
    Ok(())
}

fn is_kept(almanac: &Almanac, ward: u8, seq: Seq) -> bool {
    almanac.watermarks.get(usize::from(ward)).is_some_and(|mark| seq.0 <= *mark)
}

/// Reads all rows of members in the order in which they lie, and takes in the snapshots of those that will be folded
/// into; answers with the roll of the rows.
fn preload(core: &Core, almanac: &Almanac, from: Seq, last: Seq) -> Result<Roll, ReadError> {
    let touched = if from <= last { touched(core, almanac, from, last)? } else { HashSet::default() };
    let mut leaf = Whole::default();
    core.rows.roll_of(b'm', |key, payload| {
        if touched.is_empty() {
            return Ok(());
        }
        match leaf.take(key, payload).map_err(|damage| core.rows.damaged(&damage))? {
            true => learn_all(core, &touched, &leaf.content),
            false => Ok(()),
        }
    })
}

/// The members whose snapshots some entry is not reflected in.
fn touched(core: &Core, almanac: &Almanac, from: Seq, last: Seq) -> Result<HashSet<MemberKey, KeyHash>, ReadError> {
    let mut touched: HashSet<MemberKey, KeyHash> = HashSet::default();
    core.journal.passage(from, last).unproven().each(|frame| {
        for entry in frame.entries() {
            let (Place { seq, .. }, _, bytes) = entry.map_err(|damage| in_frame(&frame.header, &damage))?;
            let key = entry::member_of(bytes).map_err(|damage| in_frame(&frame.header, &damage))?;
            if !is_kept(almanac, key.0.first().copied().unwrap_or_default(), seq) {
                touched.insert(key);
            }
        }
        Ok::<_, ReadError>(())
    })?;
    Ok(touched)
}

fn learn_all(core: &Core, touched: &HashSet<MemberKey, KeyHash>, content: &[u8]) -> Result<(), ReadError> {
    let mut known = core.know();
    for record in Records::of(content) {
        let (key, bytes) = record.map_err(|damage| core.rows.damaged(&damage))?;
        let key = MemberKey(key);
        if touched.contains(&key) {
            let member = member::read(bytes, key).map_err(|damage| core.rows.damaged(&damage))?;
            let evictions = known.members.evictions(&key);
            known.members.learn(Arc::new(member), evictions);
        }
    }
    Ok(())
}
