//! The journal: the ledger itself, in segments of frames, and the only truth on the disk.
//!
//! `writer.rs` appends, `recover.rs` opens, `walk.rs` reads it through, `spares.rs` zeroes segments ahead; this
//! file knows which segment holds an entry and reads single ones. Nothing here knows members.

mod recover;
mod spares;
mod verify;
mod walk;
mod writer;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::files::{Disk, Files};
use crate::domain::event::{Entry, Seq};
use crate::store::ReadError;
use crate::store::format::Damage;
use crate::store::format::entry::Place;
use crate::store::format::frame::{self, FrameHeader, Hash, NO_HASH, Slot};
use crate::store::format::segment::{Footer, Signpost};
pub use recover::{Recovered, Reflected, recover};
pub use spares::Spares;
pub use verify::{Verified, verify};
pub use writer::Writer;

/// How many old segments stay open for reading.
const KEPT_OPEN: usize = 64;

/// The end of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The newest entry.
    pub seq: Seq,
    /// When its frame was recorded.
    pub moment: crate::domain::units::Moment,
    /// The hash of its frame.
    pub hash: Hash,
}

impl Head {
    /// The head of an empty journal.
    pub const NONE: Self = Self { seq: Seq::NONE, moment: crate::domain::units::Moment(0), hash: NO_HASH };
}

/// Where each segment starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The segment's number.
    pub number: u64,
    /// Its first entry.
    pub first: Seq,
    /// The file's length.
    pub length: u64,
}

/// A segment open for reading.
pub struct Segment {
    span: Span,
    disk: Arc<dyn Disk>,
    signposts: RwLock<Vec<Signpost>>,
}

/// The journal, for reading; safe from any thread.
pub struct Journal {
    files: Arc<dyn Files>,
    folder: PathBuf,
    epoch: u64,
    spans: RwLock<Vec<Span>>,
    newest: RwLock<Option<Arc<Segment>>>,
    open: Mutex<VecDeque<Arc<Segment>>>,
}

/// The name of a segment's file.
#[must_use]
pub fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:010}.seg"))
}

impl Segment {
    fn place(&self, offset: u64) -> String {
        format!("journal segment {}, offset {offset}", self.span.number)
    }

    fn damaged(&self, offset: u64, damage: &Damage) -> ReadError {
        ReadError::Damaged(format!("{}: {damage}", self.place(offset)))
    }

    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, ReadError> {
        let mut bytes = vec![0; length];
        self.disk.read_at(&mut bytes, offset).map_err(|error| self.unreadable(offset, &error))?;
        Ok(bytes)
    }

    fn unreadable(&self, offset: u64, error: &std::io::Error) -> ReadError {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.damaged(offset, &Damage::new("the file ends too early")),
            _ => ReadError::Unavailable(format!("{}: {error}", self.place(offset))),
        }
    }

    fn header(&self, offset: u64) -> Result<FrameHeader, ReadError> {
        let mut bytes = [0; frame::HEADER];
        self.disk.read_at(&mut bytes, offset).map_err(|error| self.unreadable(offset, &error))?;
        FrameHeader::read(&bytes).map_err(|damage| self.damaged(offset, &damage))
    }

    /// Where to start looking for an entry.
    fn signpost(&self, seq: Seq) -> u64 {
        let entry = u32::try_from(seq.0.saturating_sub(self.span.first.0)).unwrap_or(u32::MAX);
        let posts = self.signposts.read().unwrap_or_else(PoisonError::into_inner);
        let behind = posts.partition_point(|post| post.entry <= entry);
        let post = behind.checked_sub(1).and_then(|at| posts.get(at));
        post.map_or(crate::store::format::segment::HEADER as u64, |post| post.offset.into())
    }

    /// The frame that holds an entry, and where it starts.
    fn find(&self, seq: Seq) -> Result<(u64, FrameHeader), ReadError> {
        let mut offset = self.signpost(seq);
        loop {
            let header = self.header(offset)?;
            if header.first > seq {
                return Err(self.damaged(offset, &Damage::told(format!("entry {} is not where it belongs", seq.0))));
            }
            if seq <= header.last() {
                return Ok((offset, header));
            }
            offset += u64::from(header.length);
        }
    }

    /// `count` entries of one frame, from `from`, which it holds.
    fn entries(
        &self,
        (offset, header): (u64, FrameHeader),
        from: Seq,
        count: usize,
    ) -> Result<Vec<Arc<Entry>>, ReadError> {
        let skipped = usize::try_from(from.0 - header.first.0).unwrap_or(usize::MAX);
        let before = usize::from(skipped > 0);
        let slots_at = offset + (frame::HEADER + (skipped - before) * frame::SLOT) as u64;
        let slots = self.read(slots_at, (count + before) * frame::SLOT)?;
        let mut slots = Slot::all(&slots);
        let start = if before == 1 { slots.next().map_or(0, |slot| slot.end) } else { 0 };
        let slots: Vec<Slot> = slots.collect();
        let end = slots.last().map_or(start, |slot| slot.end);
        if end < start || u64::from(end) > u64::from(header.length) {
            return Err(self.damaged(offset, &Damage::new("a frame's slots contradict each other")));
        }
        let bytes = self.read(offset + header.entries_at() + u64::from(start), (end - start) as usize)?;
        let opened = open_all(&slots, start, &bytes, Place { seq: from, moment: header.moment });
        opened.map_err(|damage| self.damaged(offset, &damage))
    }
}

fn open_all(slots: &[Slot], start: u32, bytes: &[u8], mut place: Place) -> Result<Vec<Arc<Entry>>, Damage> {
    let mut at = 0;
    let mut entries = Vec::with_capacity(slots.len());
    for slot in slots {
        let end = slot.end.checked_sub(start).map_or(0, |end| end as usize);
        let entry = bytes.get(at..end).ok_or(Damage::new("a frame's slots contradict each other"))?;
        entries.push(Arc::new(slot.open(entry, place)?));
        (at, place.seq) = (end, place.seq.next());
    }
    Ok(entries)
}

impl Journal {
    /// Which history this is.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What the segments occupy.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.spans.read().unwrap_or_else(PoisonError::into_inner).iter().map(|span| span.length).sum()
    }

    /// An entry at or before the head.
    ///
    /// # Errors
    /// If it cannot be read or is damaged.
    pub fn entry(&self, seq: Seq) -> Result<Option<Arc<Entry>>, ReadError> {
        let Some(segment) = self.segment_of(seq)? else { return Ok(None) };
        let found = segment.find(seq)?;
        Ok(segment.entries(found, seq, 1)?.pop())
    }

    /// The hash of the frame that holds an entry, at or before the head: what the journal says up to its end.
    ///
    /// # Errors
    /// If it cannot be read or is damaged.
    pub fn hash_at(&self, seq: Seq) -> Result<Option<Hash>, ReadError> {
        let Some(segment) = self.segment_of(seq)? else { return Ok(None) };
        let (offset, header) = segment.find(seq)?;
        let at = offset + u64::from(header.length) - frame::TRAILER as u64;
        let bytes = segment.read(at, frame::TRAILER)?;
        Ok(bytes.try_into().ok())
    }

    /// Entries from `from` to `head`, at most `limit`.
    ///
    /// # Errors
    /// If one cannot be read or is damaged.
    pub fn entries(&self, from: Seq, head: Seq, limit: usize) -> Result<Vec<Arc<Entry>>, ReadError> {
        let mut entries = Vec::with_capacity(limit.min(1024));
        let mut next = from;
        while next <= head && entries.len() < limit {
            let Some(segment) = self.segment_of(next)? else { break };
            let found = segment.find(next)?;
            let held = usize::try_from(found.1.last().0.min(head.0) - next.0 + 1).unwrap_or(usize::MAX);
            let wanted = held.min(limit - entries.len());
            entries.extend(segment.entries(found, next, wanted)?);
            next = Seq(next.0 + wanted as u64);
        }
        Ok(entries)
    }

    fn segment_of(&self, seq: Seq) -> Result<Option<Arc<Segment>>, ReadError> {
        let span = {
            let spans = self.spans.read().unwrap_or_else(PoisonError::into_inner);
            let behind = spans.partition_point(|span| span.first <= seq);
            behind.checked_sub(1).and_then(|at| spans.get(at)).copied()
        };
        span.map(|span| self.segment(span)).transpose()
    }

    fn segment(&self, span: Span) -> Result<Arc<Segment>, ReadError> {
        if let Some(newest) = &*self.newest.read().unwrap_or_else(PoisonError::into_inner)
            && newest.span.number == span.number
        {
            return Ok(Arc::clone(newest));
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|segment| segment.span.number == span.number)
            && let Some(found) = open.remove(at)
        {
            open.push_front(Arc::clone(&found));
            return Ok(found);
        }
        let opened = Arc::new(self.open_sealed(span)?);
        open.push_front(Arc::clone(&opened));
        open.truncate(KEPT_OPEN);
        Ok(opened)
    }

    fn open_sealed(&self, span: Span) -> Result<Segment, ReadError> {
        let path = segment_path(&self.folder, span.number);
        let told = |error: std::io::Error| ReadError::Unavailable(format!("{}: {error}", path.display()));
        let disk = self.files.open(&path).map_err(told)?;
        let room = Footer::room(span.length).min(span.length);
        let mut bytes = vec![0; usize::try_from(room).unwrap_or_default()];
        disk.read_at(&mut bytes, span.length - room).map_err(told)?;
        let segment = Segment { span, disk, signposts: RwLock::default() };
        let footer = Footer::read(&bytes).map_err(|damage| segment.damaged(span.length - room, &damage))?;
        let signposts = RwLock::new(footer.map(|footer| footer.signposts).unwrap_or_default());
        Ok(Segment { signposts, ..segment })
    }
}
