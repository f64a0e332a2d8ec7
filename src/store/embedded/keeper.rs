//! The keeper: one thread that writes members, identifiers, claims and due moments behind the journal.
//!
//! It goes round the 256 wards, slowly: the longer the wait, the more orders share one snapshot. A ward that was
//! visited reflects every entry up to the head at that moment; the lowest such mark is from where an opening folds.
//! It is the only writer of the snapshot database.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::claims::Pages;
use super::core::Core;
use super::due_pages;
use super::identifiers::Moves;
use super::leaves::{Change, LeafRows};
use super::options::BatchTiming;
use super::rows::{Batch, ROWS_MAX};
use super::ward::Changed;
use crate::domain::event::Seq;
use crate::store::ReadError;
use crate::store::format::member;
use crate::store::format::rows::{ALMANAC, Almanac, WARDS, program_key};

/// How often the keeper looks whether there is something to do.
const LOOK: Duration = Duration::from_millis(100);
/// Watermarks of so many wards are not kept waiting for a fuller batch.
const WARDS_WAITING: usize = 16;

/// The keeper's own state.
pub struct Keeper {
    core: Arc<Core>,
    almanac: Almanac,
    ward: u8,
    /// The ward is visited when the head gets here.
    next_at: u64,
    batch: Batch,
    /// Where members are written before they are laid into leaves.
    snapshots: Vec<u8>,
    visited: Vec<Visit>,
    seen: (u64, Instant),
}

/// A ward whose rows are in the batch, or already written.
struct Visit {
    ward: u8,
    head: Seq,
    members: Vec<Changed>,
    moves: Moves,
    pages: Pages,
    programs: Vec<Seq>,
    /// New depths of the ward's leaves: of members, of identifiers.
    deeper: [Option<u8>; 2],
}

/// Why the keeper works.
enum Work {
    Visit,
    CatchUp(u64),
    Stop,
}

impl Keeper {
    /// A keeper that goes on where the almanac says; it begins when the head gets to `from`.
    #[must_use]
    pub fn new(core: Arc<Core>, almanac: Almanac, from: u64) -> Self {
        let lowest = almanac.lowest();
        let ward = almanac.watermarks.iter().position(|mark| *mark == lowest).unwrap_or_default();
        core.watermark.store(lowest, Ordering::Relaxed);
        Self {
            core,
            almanac,
            ward: u8::try_from(ward).unwrap_or_default(),
            next_at: from,
            batch: Batch::default(),
            snapshots: Vec::new(),
            visited: Vec::new(),
            seen: (0, Instant::now()),
        }
    }

    /// Works until it is told to stop, or fails.
    pub fn run(mut self) {
        loop {
            let done = match self.wait() {
                Work::Stop => return,
                Work::Visit => self.visit_next(),
                Work::CatchUp(target) => self.catch_up(target),
            };
            if let Err(error) = done {
                self.core.break_down(&error.to_string());
                return;
            }
        }
    }

    fn wait(&mut self) -> Work {
        let core = Arc::clone(&self.core);
        let mut signals = core.signals();
        loop {
            let head = self.core.head.load(Ordering::Relaxed);
            if signals.stop || self.core.broken().is_some() {
                return Work::Stop;
            }
            if self.core.is_cramped() {
                signals = self.core.wake.wait_timeout(signals, LOOK).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            if signals.checkpoint > self.almanac.lowest() {
                return Work::CatchUp(signals.checkpoint);
            }
            if head >= self.next_at || std::mem::take(&mut signals.pressed) || self.is_pressed() {
                return Work::Visit;
            }
            if self.is_idle(head) {
                return Work::CatchUp(head);
            }
            let waited = self.core.wake.wait_timeout(signals, LOOK);
            signals = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn is_pressed(&self) -> bool {
        let options = &self.core.options;
        let heavy = self.core.dirty_weight.load(Ordering::Relaxed) > options.dirty_bytes / 4 * 3;
        heavy || self.core.lag() > options.lag_entries / 4 * 3
    }

    /// Whether nothing was committed for a while that is not in the snapshots.
    fn is_idle(&mut self, head: u64) -> bool {
        if self.seen.0 != head {
            self.seen = (head, Instant::now());
        }
        head > self.almanac.lowest() && self.seen.1.elapsed() >= self.core.options.idle
    }

    fn visit_next(&mut self) -> Result<(), ReadError> {
        self.next_at =
            self.next_at.max(self.almanac.lowest()) + (self.core.options.round_entries / WARDS as u64).max(1);
        self.visit()?;
        if self.visited.len() >= WARDS_WAITING || self.batch.count() >= ROWS_MAX / 2 {
            self.flush()?;
        }
        Ok(())
    }

    /// Goes round until everything up to `target` is written.
    fn catch_up(&mut self, target: u64) -> Result<(), ReadError> {
        // No ward is visited twice for one batch: what the first visit found would count twice.
        self.flush()?;
        for _ in 0..WARDS {
            if self.almanac.lowest() >= target || self.core.signals().stop {
                break;
            }
            self.visit()?;
        }
        self.flush()
    }

    fn visit(&mut self) -> Result<(), ReadError> {
        let core = Arc::clone(&self.core);
        let ward = self.ward;
        self.ward = ward.wrapping_add(1);
        let (mut visit, ends) = {
            let known = core.known();
            let pages = known.claims.pages(ward);
            let ends = pages.ends(&known.claims);
            let (members, moves) = (known.members.changed(ward), known.identifiers.changed(ward));
            let programs = known.unkept_programs.clone();
            (Visit { ward, head: known.head.seq, members, moves, pages, programs, deeper: [None; 2] }, ends)
        };
        // Where a crash comes in between, somebody is named as due who is not, which is seen; not the other way round.
        self.write_due(visit.dues(true))?;
        visit.deeper = [self.write_members(&visit)?, self.write_identifiers(&visit)?];
        let ended = visit.dues(false);
        if !ended.is_empty() {
            // Pages are read as they were written last.
            self.flush()?;
            self.write_due(ended)?;
        }
        visit.pages.write(&core.rows, &ends, |key, page| self.put(1, |batch| batch.put(key, page)))?;
        visit.programs.iter().try_for_each(|seq| self.put(1, |batch| batch.put(&program_key(*seq), Vec::new())))?;
        self.visited.push(visit);
        Ok(())
    }

    fn write_members(&mut self, visit: &Visit) -> Result<Option<u8>, ReadError> {
        let core = Arc::clone(&self.core);
        let mut snapshots = std::mem::take(&mut self.snapshots);
        snapshots.clear();
        let mut ends = Vec::with_capacity(visit.members.len());
        for changed in &visit.members {
            member::write(&mut snapshots, &changed.member);
            ends.push((changed.key, snapshots.len()));
        }
        let mut start = 0;
        let changes = ends.iter().map(|(key, end)| {
            let bytes = snapshots.get(start..*end).unwrap_or_default();
            start = *end;
            (key.0, Some(bytes))
        });
        let changes: Vec<Change<'_>> = changes.collect();
        let deeper = core.members.rewrite(&core.rows, visit.ward, &changes, |leaf| self.put_leaf(leaf))?;
        self.snapshots = snapshots;
        Ok(deeper)
    }

    /// Changes pages of due members.
    fn write_due(&mut self, changes: Vec<due_pages::Change>) -> Result<(), ReadError> {
        let core = Arc::clone(&self.core);
        let mut left = changes.as_slice();
        while let Some((pages, rest)) = due_pages::rewritten(&core.rows, left)? {
            let is_cut = pages.is_cut;
            self.put(pages.count(), |batch| pages.put_into(batch))?;
            if is_cut {
                self.flush()?;
            }
            left = rest;
        }
        Ok(())
    }

    fn write_identifiers(&mut self, visit: &Visit) -> Result<Option<u8>, ReadError> {
        let core = Arc::clone(&self.core);
        let change = |(hash, member, _): &'_ (crate::domain::order::IdentifierHash, Option<_>, u64)| {
            (hash.0, member.map(|member: crate::domain::order::MemberKey| member.0))
        };
        let held: Vec<_> = visit.moves.iter().map(change).collect();
        let changes: Vec<Change<'_>> =
            held.iter().map(|(hash, member)| (*hash, member.as_ref().map(|m| &m[..]))).collect();
        core.identifiers.rewrite(&core.rows, visit.ward, &changes, |leaf| self.put_leaf(leaf))
    }

    fn put_leaf(&mut self, leaf: LeafRows) -> Result<(), ReadError> {
        self.put(leaf.count(), |batch| leaf.put_into(batch))
    }

    /// Adds rows that belong together; writes the batch first if they would make it too large.
    fn put(&mut self, count: usize, add: impl FnOnce(&mut Batch)) -> Result<(), ReadError> {
        // One row is kept free for the almanac.
        if self.batch.count() > 0 && self.batch.count() + count >= ROWS_MAX {
            self.flush()?;
        }
        add(&mut self.batch);
        Ok(())
    }

    /// Writes the batch, and with it how far the wards in it are.
    fn flush(&mut self) -> Result<(), ReadError> {
        if self.batch.count() == 0 && self.visited.is_empty() {
            return Ok(());
        }
        let visited = std::mem::take(&mut self.visited);
        visited.iter().for_each(|visit| visit.note(&mut self.almanac));
        self.almanac.newest = Seq(self.core.head.load(Ordering::Relaxed)).max(self.almanac.newest);
        self.core.rows.keep_rolls(&self.batch, &mut self.almanac)?;
        self.batch.put(ALMANAC, self.almanac.to_bytes());
        self.write()?;
        self.publish(&visited);
        Ok(())
    }

    fn write(&mut self) -> Result<(), ReadError> {
        let batch = std::mem::take(&mut self.batch);
        let (rows, bytes, start) = (batch.count() as u64, batch.bytes() as u64, Instant::now());
        self.core.rows.write(batch)?;
        self.core.options.observer.kept(BatchTiming { rows, bytes, took: start.elapsed() });
        Ok(())
    }

    fn publish(&self, visited: &[Visit]) {
        for visit in visited {
            visit.deepen(&self.core);
            let mut known = self.core.know();
            known.kept(visit);
            self.core.publish(&known);
        }
        self.core.watermark.store(self.almanac.lowest(), Ordering::Relaxed);
        drop(self.core.signals());
        self.core.progress.notify_all();
    }
}

impl Visit {
    /// Who is due at a moment that the snapshot database does not have, or no more at one it has; in order.
    fn dues(&self, is_due: bool) -> Vec<due_pages::Change> {
        let moved = self.members.iter().filter(|changed| changed.due != changed.stored.due);
        let moment = |changed: &Changed| if is_due { changed.due } else { changed.stored.due };
        let rows = moved.filter_map(|changed| Some((moment(changed)?, changed.key)));
        let mut changes: Vec<_> = rows.map(|row| due_pages::Change { row, is_due }).collect();
        changes.sort_unstable();
        changes
    }

    /// Writes down how far the ward is.
    fn note(&self, almanac: &mut Almanac) {
        let ward = usize::from(self.ward);
        // While an opening folds, a ward can already be ahead of the head.
        almanac.watermarks.get_mut(ward).iter_mut().for_each(|mark| **mark = self.head.0.max(**mark));
        let [members, identifiers] = self.deeper;
        for (depths, deeper) in [(&mut almanac.members, members), (&mut almanac.identifiers, identifiers)] {
            if let (Some(depth), Some(deeper)) = (depths.get_mut(ward), deeper) {
                *depth = deeper;
            }
        }
    }

    fn deepen(&self, core: &Core) {
        let [members, identifiers] = self.deeper;
        members.iter().for_each(|depth| core.members.deepen(self.ward, *depth));
        identifiers.iter().for_each(|depth| core.identifiers.deepen(self.ward, *depth));
    }
}

impl super::core::Known {
    /// The snapshot database has what was visited.
    fn kept(&mut self, visit: &Visit) {
        for written in &visit.members {
            let now = self.members.kept(written);
            self.due.kept(written.key, written.stored.due, written.due, now);
        }
        self.members.tidy();
        self.identifiers.kept(&visit.moves);
        self.claims.kept(&visit.pages);
        self.unkept_programs.retain(|seq| !visit.programs.contains(seq));
    }
}
