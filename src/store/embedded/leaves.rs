//! Many small records in few rows: a row of the snapshot database costs about the same whether it holds one member
//! or a dozen, and a sweep in key order changes most of a dozen neighbours anyway.
//!
//! A shelf is one kind of record, by hashed 16-byte key. A ward's leaves all have the same depth; when they grow full
//! the keeper splits all of them in one visit. It knows rows and bytes, not what a record says.

use std::sync::atomic::{AtomicU8, Ordering};

use super::rows::{Batch, Row, Rows};
use crate::store::ReadError;
use crate::store::format::Damage;
use crate::store::format::rows::{
    DEPTH_MAX, LEAF_HEAD, LeafHead, PAYLOAD_MAX, Records, WARDS, breadth, lead, leaf_key, leaf_place, leaf_start,
    put_record,
};

/// Leaves that hold more than this on average are split.
const FULL: usize = 2_600;
/// A single leaf longer than this makes its ward split, whatever the average.
const OVERGROWN: usize = 12_288;
/// … but only if it holds so many records: splitting does not help against a single long one.
const CROWD: usize = 16;
/// So many leaves make an average worth looking at.
const SAMPLE: usize = 8;
/// What a split aims at.
const AIM: usize = 1_900;

/// One kind of record.
pub struct Shelf {
    letter: u8,
    depths: Vec<AtomicU8>,
}

/// A leaf as it was read, or as it will be written.
pub struct Leaf {
    /// The first lead it covers.
    pub start: u32,
    /// How deep it is.
    pub depth: u8,
    /// Its records.
    pub content: Vec<u8>,
    /// In how many rows it stands now; 0 if it does not.
    parts: u16,
}

/// A record to be kept or, without bytes, taken away.
pub type Change<'a> = ([u8; 16], Option<&'a [u8]>);

impl Shelf {
    /// A shelf, as deep as the almanac says.
    #[must_use]
    pub fn new(letter: u8, depths: &[u8; WARDS]) -> Self {
        Self { letter, depths: depths.iter().map(|depth| AtomicU8::new(*depth)).collect() }
    }

    fn depth(&self, lead: u32) -> u8 {
        self.depths.get((lead >> 24) as usize).map_or(0, |depth| depth.load(Ordering::Relaxed))
    }

    /// A ward's leaves are this deep now: all of them are written.
    pub fn deepen(&self, ward: u8, depth: u8) {
        if let Some(known) = self.depths.get(usize::from(ward)) {
            known.store(depth, Ordering::Relaxed);
        }
    }

    /// Finds a record and lets `read` make something of its bytes.
    ///
    /// # Errors
    /// If its leaf cannot be read or is damaged.
    pub fn find<T>(
        &self,
        rows: &Rows,
        key: &[u8; 16],
        read: impl Fn(&[u8]) -> Result<T, Damage>,
    ) -> Result<Option<T>, ReadError> {
        let leaf = self.leaf(rows, lead(key))?;
        for record in Records::of(&leaf.content) {
            let (held, bytes) = record.map_err(|damage| rows.damaged(&damage))?;
            if held == *key {
                return read(bytes).map(Some).map_err(|damage| rows.damaged(&damage));
            }
        }
        Ok(None)
    }

    /// The leaf that covers a lead; an empty one if there is none.
    ///
    /// # Errors
    /// If it cannot be read or is damaged.
    pub fn leaf(&self, rows: &Rows, lead: u32) -> Result<Leaf, ReadError> {
        let mut depth = self.depth(lead);
        loop {
            let start = leaf_start(lead, depth);
            let Some(row) = rows.get(&leaf_key(self.letter, start, 0))? else {
                return Ok(Leaf { start, depth, content: Vec::new(), parts: 0 });
            };
            let (head, _) = LeafHead::read(row.payload()).map_err(|damage| rows.damaged(&damage))?;
            // A leaf that was split since says so in its lower half, which starts where it did.
            if head.depth <= depth || leaf_start(lead, head.depth) == start {
                return self.whole(rows, start, head, &row);
            }
            depth = head.depth;
        }
    }

    fn whole(&self, rows: &Rows, start: u32, head: LeafHead, first: &Row) -> Result<Leaf, ReadError> {
        let mut content = first.payload().get(LEAF_HEAD..).unwrap_or_default().to_vec();
        for part in 1..head.parts {
            let missing = || rows.damaged(&Damage::new("a part of a leaf is missing"));
            let row = rows.get(&leaf_key(self.letter, start, part))?.ok_or_else(missing)?;
            content.extend_from_slice(row.payload());
        }
        Ok(Leaf { start, depth: head.depth, content, parts: head.parts })
    }

    /// Writes changes, sorted by key and all of one ward. `emit` takes the rows of one leaf at a time, each of
    /// which must be written together, and in this order. If the leaves were split, the answer is their new depth:
    /// [`Self::deepen`] must hear of it once all are written.
    ///
    /// # Errors
    /// If a leaf cannot be read or is damaged; or what `emit` fails with.
    pub fn rewrite(
        &self,
        rows: &Rows,
        ward: u8,
        changes: &[Change<'_>],
        mut emit: impl FnMut(LeafRows) -> Result<(), ReadError>,
    ) -> Result<Option<u8>, ReadError> {
        let mut leaves = self.merged(rows, changes)?;
        let deeper = deeper(&leaves);
        if let Some(depth) = deeper {
            self.add_untouched(rows, ward, &mut leaves)?;
            for leaf in leaves {
                split(rows, leaf, depth)?.into_iter().rev().try_for_each(|leaf| emit(self.rows_of(&leaf)))?;
            }
            return Ok(deeper);
        }
        leaves.iter().try_for_each(|leaf| emit(self.rows_of(leaf)))?;
        Ok(None)
    }

    fn merged(&self, rows: &Rows, mut changes: &[Change<'_>]) -> Result<Vec<Leaf>, ReadError> {
        let mut leaves = Vec::new();
        while let Some((key, _)) = changes.first() {
            let leaf = self.leaf(rows, lead(key))?;
            let end = u64::from(leaf.start) + breadth(leaf.depth);
            let here = changes.partition_point(|(key, _)| u64::from(lead(key)) < end);
            let (mine, rest) = changes.split_at_checked(here.max(1)).unwrap_or_default();
            leaves.push(merge(leaf, mine).map_err(|damage| rows.damaged(&damage))?);
            changes = rest;
        }
        Ok(leaves)
    }

    /// Adds the ward's other leaves, in order.
    fn add_untouched(&self, rows: &Rows, ward: u8, leaves: &mut Vec<Leaf>) -> Result<(), ReadError> {
        let (mut all, mut touched) = (Vec::new(), std::mem::take(leaves).into_iter().peekable());
        let mut at = u64::from(ward) << 24;
        while at < (u64::from(ward) + 1) << 24 {
            let here = u32::try_from(at).unwrap_or(u32::MAX);
            let leaf = match touched.next_if(|leaf| leaf.start == here) {
                Some(leaf) => leaf,
                None => self.leaf(rows, here)?,
            };
            at += breadth(leaf.depth);
            all.push(leaf);
        }
        *leaves = all;
        Ok(())
    }

    fn rows_of(&self, leaf: &Leaf) -> LeafRows {
        let mut rest = leaf.content.as_slice();
        let mut payloads = Vec::with_capacity(1);
        let mut room = PAYLOAD_MAX - LEAF_HEAD;
        while payloads.is_empty() || !rest.is_empty() {
            let (part, behind) = rest.split_at_checked(room.min(rest.len())).unwrap_or_default();
            payloads.push(part.to_vec());
            (rest, room) = (behind, PAYLOAD_MAX);
        }
        let parts = u16::try_from(payloads.len()).unwrap_or(u16::MAX);
        if let Some(first) = payloads.first_mut() {
            let head = LeafHead { depth: leaf.depth, parts }.to_bytes();
            first.splice(..0, head);
        }
        LeafRows { letter: self.letter, start: leaf.start, payloads, before: leaf.parts }
    }
}

/// Leaves as they are put together from rows that are read one after the other.
#[derive(Default)]
pub struct Whole {
    /// The records of the leaf that is whole, or becomes it.
    pub content: Vec<u8>,
    start: u32,
    /// How many of its rows are still to come.
    missing: u16,
    /// The first lead that no leaf read so far covers.
    covered: u64,
}

impl Whole {
    /// Takes the next row; true if a leaf is whole by it.
    ///
    /// # Errors
    /// [`Damage`] if it is no row of a leaf.
    pub fn take(&mut self, key: &[u8], payload: &[u8]) -> Result<bool, Damage> {
        let (start, part) = leaf_place(key)?;
        if part > 0 {
            if start != self.start || self.missing == 0 {
                return Ok(false);
            }
            self.content.extend_from_slice(payload);
            self.missing -= 1;
            return Ok(self.missing == 0);
        }
        self.missing = 0;
        // The upper half of a leaf whose split was cut off: the leaf itself, which came before, still says everything.
        if u64::from(start) < self.covered {
            return Ok(false);
        }
        let (head, records) = LeafHead::read(payload)?;
        (self.start, self.missing) = (start, head.parts.saturating_sub(1));
        self.covered = u64::from(start) + breadth(head.depth);
        self.content.clear();
        self.content.extend_from_slice(records);
        Ok(self.missing == 0)
    }
}

/// The rows of one leaf, to be written together.
pub struct LeafRows {
    letter: u8,
    start: u32,
    payloads: Vec<Vec<u8>>,
    before: u16,
}

impl LeafRows {
    /// How many rows are put or taken away.
    #[must_use]
    pub fn count(&self) -> usize {
        self.payloads.len().max(self.before.into())
    }

    /// Adds them to a batch.
    pub fn put_into(self, batch: &mut Batch) {
        let mut part = 0;
        for payload in self.payloads {
            batch.put(&leaf_key(self.letter, self.start, part), payload);
            part = part.saturating_add(1);
        }
        for gone in part..self.before {
            batch.remove(&leaf_key(self.letter, self.start, gone));
        }
    }
}

/// The depth a ward's leaves should have, if it is not theirs.
fn deeper(leaves: &[Leaf]) -> Option<u8> {
    let depth = leaves.iter().map(|leaf| leaf.depth).max()?;
    let uneven = leaves.iter().any(|leaf| leaf.depth != depth);
    let doublings = crowding(leaves)?.div_ceil(AIM).max(1).ilog2();
    let wanted = depth.saturating_add(u8::try_from(doublings).unwrap_or(u8::MAX)).min(DEPTH_MAX);
    (wanted > depth || uneven).then_some(wanted)
}

/// How full the leaves are, in bytes, if that is too full; else as full as they should be.
fn crowding(leaves: &[Leaf]) -> Option<usize> {
    // The touched leaves are a sample: few of them say little, unless one is very long and not by a single record.
    if leaves.len() >= SAMPLE {
        let total: usize = leaves.iter().map(|leaf| leaf.content.len()).sum();
        let average = total.checked_div(leaves.len())?;
        return Some(if average > FULL { average.max(2 * AIM) } else { AIM });
    }
    let longest = leaves.iter().max_by_key(|leaf| leaf.content.len())?;
    let crowded = longest.content.len() > OVERGROWN && Records::of(&longest.content).count() >= CROWD;
    Some(if crowded { longest.content.len() } else { AIM })
}

fn merge(leaf: Leaf, changes: &[Change<'_>]) -> Result<Leaf, Damage> {
    let added: usize = changes.iter().map(|(_, bytes)| bytes.map_or(0, |bytes| bytes.len() + 19)).sum();
    let mut content = Vec::with_capacity(leaf.content.len() + added);
    let mut changes = changes.iter().peekable();
    for record in Records::of(&leaf.content) {
        let (key, old) = record?;
        while let Some((new, bytes)) = changes.next_if(|(new, _)| *new < key) {
            put(&mut content, new, *bytes);
        }
        match changes.next_if(|(new, _)| *new == key) {
            Some((_, bytes)) => put(&mut content, &key, *bytes),
            None => put_record(&mut content, &key, old),
        }
    }
    changes.for_each(|(key, bytes)| put(&mut content, key, *bytes));
    Ok(Leaf { content, ..leaf })
}

fn put(content: &mut Vec<u8>, key: &[u8; 16], bytes: Option<&[u8]>) {
    if let Some(bytes) = bytes {
        put_record(content, key, bytes);
    }
}

/// Cuts a leaf into leaves of this depth, in order; the first starts where it did and replaces its rows.
fn split(rows: &Rows, leaf: Leaf, depth: u8) -> Result<Vec<Leaf>, ReadError> {
    if leaf.depth >= depth {
        return Ok(vec![leaf]);
    }
    let end = u64::from(leaf.start) + breadth(leaf.depth);
    let step = usize::try_from(breadth(depth)).unwrap_or(usize::MAX);
    let starts = (u64::from(leaf.start)..end).step_by(step);
    let blank = |start: u64| Leaf { start: u32::try_from(start).unwrap_or(u32::MAX), depth, content: vec![], parts: 0 };
    let mut leaves: Vec<Leaf> = starts.map(blank).collect();
    for record in Records::of(&leaf.content) {
        let (key, bytes) = record.map_err(|damage| rows.damaged(&damage))?;
        let at = (lead(&key) - leaf.start) as usize / step;
        if let Some(half) = leaves.get_mut(at) {
            put_record(&mut half.content, &key, bytes);
        }
    }
    if let Some(first) = leaves.first_mut() {
        first.parts = leaf.parts;
    }
    Ok(leaves)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::rows::ROWS_MAX;
    use std::collections::BTreeMap;
    use std::time::Duration;

    type Shadow = BTreeMap<[u8; 16], Vec<u8>>;

    /// A key of ward 9.
    fn key(n: u64) -> [u8; 16] {
        let mut key: [u8; 16] = blake3::hash(&n.to_le_bytes()).as_bytes()[..16].try_into().unwrap();
        key[0] = 9;
        key
    }

    fn write(shelf: &Shelf, rows: &Rows, changes: &Shadow, gone: &[[u8; 16]], limit: usize) -> Option<u8> {
        let mut all: Vec<Change<'_>> = changes.iter().map(|(key, bytes)| (*key, Some(bytes.as_slice()))).collect();
        all.extend(gone.iter().map(|key| (*key, None)));
        all.sort_by_key(|(key, _)| *key);
        let mut batch = Batch::default();
        let mut written = 0;
        let deeper = shelf
            .rewrite(rows, 9, &all, |leaf| {
                if batch.count() + leaf.count() > ROWS_MAX {
                    rows.write(std::mem::take(&mut batch))?;
                    written += 1;
                }
                if written < limit {
                    leaf.put_into(&mut batch);
                }
                Ok(())
            })
            .unwrap();
        rows.write(batch).unwrap();
        deeper
    }

    fn agrees(shelf: &Shelf, rows: &Rows, shadow: &Shadow) {
        for (key, bytes) in shadow {
            assert_eq!(shelf.find(rows, key, |held| Ok(held.to_vec())).unwrap().as_ref(), Some(bytes));
        }
        let (mut at, mut listed) = (9_u64 << 24, 0);
        while at < 10 << 24 {
            let leaf = shelf.leaf(rows, at as u32).unwrap();
            listed += Records::of(&leaf.content).count();
            at += breadth(leaf.depth);
        }
        assert_eq!(listed, shadow.len());
        let (mut whole, mut read) = (Whole::default(), Shadow::new());
        let put_together = rows.roll_of(b'm', |key, payload| {
            if whole.take(key, payload).unwrap() {
                let records = Records::of(&whole.content).map(|record| record.unwrap());
                read.extend(records.map(|(key, bytes)| (key, bytes.to_vec())));
            }
            Ok(())
        });
        put_together.unwrap();
        assert!(read == *shadow, "row by row it is the same");
    }

    #[test]
    fn a_ward_splits_as_it_grows_and_every_record_stays_findable() {
        let dir = tempfile::TempDir::new().unwrap();
        let (rows, _) = Rows::open(dir.path(), 1 << 20, Duration::from_secs(10)).unwrap();
        let shelf = Shelf::new(b'm', &[0; WARDS]);
        let mut shadow = Shadow::new();
        let (mut depths, mut n) = (vec![0], 0);
        for round in 0..12_u64 {
            // One huge record among many small ones, and some of them taken away again.
            let mut changes: Shadow =
                (n..n + 40 * round * round).map(|n| (key(n), vec![n as u8; 40 + n as usize % 300])).collect();
            changes.insert(key(3), vec![7; 20_000 + round as usize]);
            n += 40 * round * round;
            let gone: Vec<_> = shadow.keys().copied().step_by(11).filter(|key| !changes.contains_key(key)).collect();
            if let Some(depth) = write(&shelf, &rows, &changes, &gone, usize::MAX) {
                shelf.deepen(9, depth);
                depths.push(depth);
            }
            gone.iter().for_each(|key| _ = shadow.remove(key));
            shadow.extend(changes);
            agrees(&shelf, &rows, &shadow);
        }
        assert!(depths.len() > 2 && depths.is_sorted(), "{depths:?}");
        // Who does not know how deep the leaves are learns it on the way.
        agrees(&Shelf::new(b'm', &[0; WARDS]), &rows, &shadow);
    }

    #[test]
    fn a_split_that_was_interrupted_hides_nothing() {
        for limit in 0..6 {
            let dir = tempfile::TempDir::new().unwrap();
            let (rows, _) = Rows::open(dir.path(), 1 << 20, Duration::from_secs(10)).unwrap();
            let shelf = Shelf::new(b'm', &[0; WARDS]);
            let before: Shadow = (0..60).map(|n| (key(n), vec![1; 100])).collect();
            assert_eq!(write(&shelf, &rows, &before, &[], usize::MAX), None);
            let more: Shadow = (0..4_000).map(|n| (key(n), vec![2; 300])).collect();
            assert!(write(&shelf, &rows, &more, &[], limit).is_some());
            // The watermark did not move: every record is as it was before, or as it was to become.
            for (key, bytes) in &before {
                let held = shelf.find(&rows, key, |held| Ok(held.to_vec())).unwrap();
                assert!(held.as_ref() == Some(bytes) || held.as_ref() == more.get(key), "a record is gone");
            }
            // The next visit makes it whole.
            if let Some(depth) = write(&shelf, &rows, &more, &[], usize::MAX) {
                shelf.deepen(9, depth);
            }
            agrees(&shelf, &rows, &more);
        }
    }
}
