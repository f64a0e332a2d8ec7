//! Appending to the journal: one write and one sync a group.
//!
//! A write that finds no room is undone and may be tried again; a sync that fails may have lost what it was asked to
//! keep, so nothing is written after it. It trusts its caller for the order of the entries.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::spares::{NoSpare, Spare, Spares};
use super::{Head, Journal, Segment, Span, segment_path};
use crate::domain::event::{Entry, Seq};
use crate::domain::units::Moment;
use crate::store::CommitError;
use crate::store::embedded::files::is_no_room;
use crate::store::format::frame;
use crate::store::format::segment::{self, Footer, SPACING, SegmentHeader, Signpost};

/// A frame that reached the disk.
#[derive(Clone, Copy, Debug)]
pub struct Appended {
    /// Its length.
    pub bytes: u64,
    /// Encoding it.
    pub encoded: Duration,
    /// Writing it.
    pub written: Duration,
    /// Syncing it.
    pub synced: Duration,
}

/// The one writer of a journal.
pub struct Writer {
    journal: Arc<Journal>,
    spares: Spares,
    current: Option<Current>,
    head: Head,
    buffer: Vec<u8>,
    broken: Option<String>,
}

/// The segment being written.
pub struct Current {
    pub(super) segment: Arc<Segment>,
    /// Where the next frame goes.
    pub(super) end: u64,
    /// Where the newest signpost stands; 0 for none.
    pub(super) posted: u64,
    /// Up to where a failed write may have left bytes.
    pub(super) scar: u64,
}

impl Writer {
    /// A writer at the end of what was recovered.
    #[must_use]
    pub const fn new(journal: Arc<Journal>, spares: Spares, current: Option<Current>, head: Head) -> Self {
        Self { journal, spares, current, head, buffer: Vec::new(), broken: None }
    }

    /// The end of the journal.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Whether less room is left than the floor.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.spares.is_short()
    }

    /// Appends a group: durable when it returns.
    ///
    /// # Errors
    /// [`CommitError::NoRoom`] if there is none, and nothing was kept; [`CommitError::Broken`] if what was kept is
    /// not known, from then on for ever.
    pub fn append(&mut self, moment: Moment, entries: &[Arc<Entry>]) -> Result<Appended, CommitError> {
        if let Some(why) = &self.broken {
            return Err(CommitError::Broken(why.clone()));
        }
        let appended = self.try_append(moment, entries);
        if let Err(CommitError::Broken(why)) = &appended {
            self.broken = Some(why.clone());
        }
        appended
    }

    fn try_append(&mut self, moment: Moment, entries: &[Arc<Entry>]) -> Result<Appended, CommitError> {
        let start = Instant::now();
        let hash = frame::write(&mut self.buffer, moment, self.head.hash, entries)
            .map_err(|damage| CommitError::Conflict(damage.to_string()))?;
        let encoded = start.elapsed();
        self.make_place()?;
        let Some(current) = &mut self.current else { return Err(CommitError::NoRoom) };
        current.write(&self.buffer).map_err(|error| failed_write(&error))?;
        let written = start.elapsed();
        current.segment.disk.sync().map_err(|error| failed_sync(&error))?;
        let synced = start.elapsed();
        current.advance(self.head.seq.next(), self.buffer.len() as u64);
        self.head = Head { seq: entries.last().map_or(self.head.seq, |entry| entry.seq), moment, hash };
        let bytes = self.buffer.len() as u64;
        Ok(Appended { bytes, encoded, written: written - encoded, synced: synced - written })
    }

    /// Goes on to a new segment if the frame does not fit into this one.
    fn make_place(&mut self) -> Result<(), CommitError> {
        let length = self.buffer.len() as u64;
        if self.current.as_ref().is_some_and(|current| current.fits(length)) {
            return Ok(());
        }
        let spare = self.spares.take(needed(length)).map_err(|none| match none {
            NoSpare::NoRoom => CommitError::NoRoom,
            NoSpare::Failed(error) => failed_write(&error),
        })?;
        if let Some(full) = &self.current {
            full.seal(&self.head)?;
        }
        // A sealed segment takes no more frames, whatever becomes of the next one.
        self.current = None;
        self.current = Some(self.adopt(&spare)?);
        Ok(())
    }

    fn adopt(&self, spare: &Spare) -> Result<Current, CommitError> {
        let number = self.journal.next_number();
        let (files, folder) = (&self.journal.files, &self.journal.folder);
        files.rename(&spare.path, &segment_path(folder, number)).map_err(|error| failed_write(&error))?;
        files.sync_folder(folder).map_err(|error| failed_sync(&error))?;
        let first = self.head.seq.next();
        let header = SegmentHeader { number, first, epoch: self.journal.epoch, previous: self.head.hash };
        spare.disk.write_at(&header.to_bytes(), 0).map_err(|error| failed_write(&error))?;
        let span = Span { number, first, length: spare.length };
        let segment = Arc::new(Segment { span, disk: Arc::clone(&spare.disk), signposts: RwLock::default() });
        self.journal.admit(&segment);
        Ok(Current { segment, end: segment::HEADER as u64, posted: 0, scar: 0 })
    }
}

/// What a segment needs to hold one frame of this length and its own header and footer.
fn needed(length: u64) -> u64 {
    let framed = length + segment::HEADER as u64;
    (framed + Footer::room(framed * 2)).next_multiple_of(4096)
}

impl Journal {
    fn next_number(&self) -> u64 {
        let spans = self.spans.read().unwrap_or_else(PoisonError::into_inner);
        spans.last().map_or(1, |span| span.number + 1)
    }

    fn admit(&self, segment: &Arc<Segment>) {
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(segment));
        self.spans.write().unwrap_or_else(PoisonError::into_inner).push(segment.span);
    }
}

impl Current {
    fn fits(&self, length: u64) -> bool {
        let whole = self.segment.span.length;
        self.end + length + Footer::room(whole) <= whole
    }

    /// Writes a frame, and zeros over what a failed write left behind it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.end + bytes.len() as u64;
        let left_over = usize::try_from(self.scar.saturating_sub(end)).unwrap_or_default();
        let written = self.segment.disk.write_at(bytes, self.end);
        let written = written.and_then(|()| match left_over {
            0 => Ok(()),
            _ => self.segment.disk.write_at(&vec![0; left_over], end),
        });
        match written {
            Ok(()) => self.scar = 0,
            Err(_) => {
                self.scar = self.scar.max(end);
                let length = usize::try_from(self.scar - self.end).unwrap_or_default();
                if self.segment.disk.write_at(&vec![0; length], self.end).is_ok() {
                    self.scar = 0;
                }
            }
        }
        written
    }

    fn advance(&mut self, first: Seq, length: u64) {
        if self.posted == 0 || self.end - self.posted >= SPACING {
            self.posted = self.end;
            let entry = u32::try_from(first.0 - self.segment.span.first.0).unwrap_or(u32::MAX);
            let post = Signpost { entry, offset: u32::try_from(self.end).unwrap_or(u32::MAX) };
            self.segment.signposts.write().unwrap_or_else(PoisonError::into_inner).push(post);
        }
        self.end += length;
    }

    fn seal(&self, head: &Head) -> Result<(), CommitError> {
        let signposts = self.segment.signposts.read().unwrap_or_else(PoisonError::into_inner).clone();
        let footer = Footer { signposts, last: head.seq, end: self.end, hash: head.hash }.to_bytes();
        let at = self.segment.span.length - footer.len() as u64;
        self.segment.disk.write_at(&footer, at).map_err(|error| failed_write(&error))?;
        self.segment.disk.sync().map_err(|error| failed_sync(&error))
    }
}

fn failed_write(error: &io::Error) -> CommitError {
    if is_no_room(error) { CommitError::NoRoom } else { failed_sync(error) }
}

fn failed_sync(error: &io::Error) -> CommitError {
    CommitError::Broken(format!("the journal could not be written: {error}"))
}
