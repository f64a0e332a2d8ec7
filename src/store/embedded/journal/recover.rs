//! Opening a journal: where it ends, and what to do with a tail that a power cut tore.
//!
//! Full segments are believed by their footers; the last one is read through. Behind its last good frame a segment
//! must be zero. If it is not, and no good frame follows, that is a write that was never acknowledged: it is cut, and
//! the cut is told. (A bit that flipped in the very last frame looks the same; but the cut never goes back behind what
//! the snapshots are known to reflect.) Anything else is damage, and nothing is opened.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};

use super::writer::Current;
use super::{Head, Journal, Segment, Span, segment_path};
use crate::domain::event::Seq;
use crate::store::ReadError;
use crate::store::embedded::files::{Disk, Files};
use crate::store::format::Damage;
use crate::store::format::frame::{self, Frame, FrameHeader};
use crate::store::format::segment::{self, Footer, SPACING, SegmentHeader, Signpost};

/// A journal opened, and where its writer goes on.
pub struct Recovered {
    /// For reading.
    pub journal: Arc<Journal>,
    /// The segment to go on in, if the last one is not full.
    pub current: Option<Current>,
    /// Where it ends.
    pub head: Head,
    /// What was repaired, in words.
    pub repairs: Vec<String>,
}

/// What the snapshots say of a journal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reflected {
    /// Of which history.
    pub epoch: u64,
    /// Up to which entry: it must be there, whatever a torn tail looks like.
    pub newest: Seq,
}

/// Opens the journal in `folder`. `epoch` names a new history, if there is none.
///
/// # Errors
/// Damage other than a torn tail, or what the files fail with.
pub fn recover(
    files: &Arc<dyn Files>,
    folder: PathBuf,
    epoch: u64,
    reflected: Reflected,
) -> Result<Recovered, ReadError> {
    let mut found =
        Found { files: Arc::clone(files), folder, head: Head::NONE, repairs: Vec::new(), reflected: Seq::NONE };
    let numbers = found.numbers()?;
    let mut spans = Vec::with_capacity(numbers.len());
    let (mut current, mut known_epoch) = (None, None);
    for (at, number) in numbers.iter().enumerate() {
        let is_last = at + 1 == numbers.len();
        let Some((header, disk, length)) = found.header(*number, is_last)? else { break };
        found.follows(&header, *number, *known_epoch.get_or_insert(header.epoch))?;
        if header.epoch == reflected.epoch {
            found.reflected = reflected.newest;
        }
        let span = Span { number: *number, first: header.first, length };
        spans.push(span);
        current = found.segment(span, disk, is_last)?;
    }
    // Without a single segment any snapshots are of a journal that is gone.
    let expected = if known_epoch.is_none() { reflected.newest } else { found.reflected };
    if found.head.seq < expected {
        let (head, reflected) = (found.head.seq.0, expected.0);
        return Err(ReadError::Damaged(format!("the journal ends at {head}, but the snapshots reflect {reflected}")));
    }
    let newest = current.as_ref().map(|current: &Current| Arc::clone(&current.segment));
    let journal = Journal {
        files: found.files,
        folder: found.folder,
        epoch: known_epoch.unwrap_or(epoch),
        spans: RwLock::new(spans),
        newest: RwLock::new(newest),
        open: Mutex::default(),
    };
    Ok(Recovered { journal: Arc::new(journal), current, head: found.head, repairs: found.repairs })
}

struct Found {
    files: Arc<dyn Files>,
    folder: PathBuf,
    head: Head,
    repairs: Vec<String>,
    reflected: Seq,
}

fn failed(error: &std::io::Error) -> ReadError {
    ReadError::Unavailable(format!("the journal cannot be read: {error}"))
}

fn damaged(number: u64, offset: u64, damage: &Damage) -> ReadError {
    ReadError::Damaged(format!("journal segment {number}, offset {offset}: {damage}"))
}

impl Found {
    /// The numbers of all segments in order. Spares of another life are removed.
    fn numbers(&self) -> Result<Vec<u64>, ReadError> {
        let mut numbers = Vec::new();
        for path in self.files.list(&self.folder).map_err(|error| failed(&error))? {
            let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("seg") => numbers.extend(name.parse::<u64>().ok()),
                _ if name.starts_with("spare") => self.files.remove(&path).map_err(|error| failed(&error))?,
                _ => {}
            }
        }
        numbers.sort_unstable();
        let expected = numbers.first().copied().unwrap_or(1)..;
        match expected.zip(&numbers).find(|(expected, number)| expected != *number) {
            Some((missing, _)) => Err(ReadError::Damaged(format!("journal segment {missing} is missing"))),
            None => Ok(numbers),
        }
    }

    /// A segment's header; `None` if it is the last and nothing in it was ever acknowledged, so that it was removed.
    fn header(&mut self, number: u64, is_last: bool) -> Result<Option<Headed>, ReadError> {
        let path = segment_path(&self.folder, number);
        let disk = self.files.open(&path).map_err(|error| failed(&error))?;
        let length = disk.length().map_err(|error| failed(&error))?;
        let mut bytes = vec![0; segment::HEADER];
        if length >= segment::HEADER as u64 {
            disk.read_at(&mut bytes, 0).map_err(|error| failed(&error))?;
        }
        match SegmentHeader::read(&bytes) {
            Ok(header) => Ok(Some((header, disk, length))),
            Err(_) if is_last && !holds_a_frame(&*disk, 0, length)? => {
                if bytes.iter().any(|byte| *byte != 0) {
                    self.repairs.push(format!("journal segment {number} was removed: its first write was torn"));
                }
                self.files.remove(&path).map_err(|error| failed(&error))?;
                self.files.sync_folder(&self.folder).map_err(|error| failed(&error))?;
                Ok(None)
            }
            Err(damage) => Err(damaged(number, 0, &damage)),
        }
    }

    fn follows(&mut self, header: &SegmentHeader, number: u64, epoch: u64) -> Result<(), ReadError> {
        if self.head == Head::NONE {
            self.head = Head { seq: Seq(header.first.0.saturating_sub(1)), hash: header.previous, ..Head::NONE };
        }
        let follows = header.first == self.head.seq.next() && header.previous == self.head.hash;
        if follows && header.number == number && header.epoch == epoch {
            return Ok(());
        }
        Err(damaged(number, 0, &Damage::new("the segment does not follow the segment before it")))
    }

    fn segment(&mut self, span: Span, disk: Arc<dyn Disk>, is_last: bool) -> Result<Option<Current>, ReadError> {
        let room = Footer::room(span.length).min(span.length);
        let mut bytes = vec![0; usize::try_from(room).unwrap_or_default()];
        disk.read_at(&mut bytes, span.length - room).map_err(|error| failed(&error))?;
        match Footer::read(&bytes) {
            Ok(Some(footer)) => {
                self.head.seq = footer.last;
                self.head.hash = footer.hash;
                if is_last {
                    self.head.moment = last_moment(span, &*disk, &footer)?;
                    let at = span.length - footer.to_bytes().len() as u64;
                    rewrite(&*disk, at, span.length)?;
                }
                Ok(None)
            }
            Ok(None) | Err(_) if is_last => self.tail(span, disk).map(Some),
            Ok(None) => Err(damaged(span.number, span.length, &Damage::new("a full segment has no footer"))),
            Err(damage) => Err(damaged(span.number, span.length, &damage)),
        }
    }

    /// Reads the last segment through and makes sure of its end.
    fn tail(&mut self, span: Span, disk: Arc<dyn Disk>) -> Result<Current, ReadError> {
        let segment = Arc::new(Segment { span, disk, signposts: RwLock::default() });
        let mut current = Current { segment, end: segment::HEADER as u64, posted: 0, scar: 0 };
        let mut last_frame = 0;
        while let Some((frame, moment, hash)) = self.next_frame(span, &*current.segment.disk, current.end)? {
            last_frame = current.end;
            current.note(frame);
            self.head = Head { seq: frame.last(), moment, hash };
        }
        self.cut(span, &*current.segment.disk, current.end)?;
        // What was read may never have reached the disk: a crash can come between the write and the sync.
        rewrite(&*current.segment.disk, 0, segment::HEADER as u64)?;
        rewrite(&*current.segment.disk, last_frame, current.end)?;
        Ok(current)
    }

    fn next_frame(&self, span: Span, disk: &dyn Disk, at: u64) -> Result<Option<Framed>, ReadError> {
        let Some(bytes) = frame_at(disk, at, span.length)? else { return Ok(None) };
        let Ok(frame) = Frame::read(&bytes) else { return Ok(None) };
        if frame.header.previous != self.head.hash || frame.header.first != self.head.seq.next() {
            return Err(damaged(span.number, at, &Damage::new("a frame does not follow the frame before it")));
        }
        Ok(Some((frame.header, frame.header.moment, frame.hash)))
    }

    /// Zeroes everything behind the last good frame, unless a good frame follows.
    fn cut(&mut self, span: Span, disk: &dyn Disk, end: u64) -> Result<(), ReadError> {
        let Some(dirty) = last_dirty(disk, end, span.length)? else { return Ok(()) };
        if holds_a_frame(disk, end + 1, span.length)? {
            return Err(damaged(span.number, end, &Damage::new("a frame is damaged and a good one follows")));
        }
        if self.head.seq < self.reflected {
            return Err(damaged(span.number, end, &Damage::new("a frame the snapshots reflect is damaged")));
        }
        zero(disk, end, dirty)?;
        let after = self.head.seq.0;
        let (number, bytes) = (span.number, dirty - end);
        self.repairs.push(format!(
            "journal segment {number} was cut at offset {end}, after entry {after}: {bytes} bytes of a write that was \
             never acknowledged"
        ));
        Ok(())
    }
}

type Headed = (SegmentHeader, Arc<dyn Disk>, u64);
type Framed = (FrameHeader, crate::domain::units::Moment, frame::Hash);

impl Current {
    /// Counts a frame that was read, as if it had been written.
    fn note(&mut self, header: FrameHeader) {
        if self.posted == 0 || self.end - self.posted >= SPACING {
            self.posted = self.end;
            let entry = u32::try_from(header.first.0 - self.segment.span.first.0).unwrap_or(u32::MAX);
            let post = Signpost { entry, offset: u32::try_from(self.end).unwrap_or(u32::MAX) };
            self.segment.signposts.write().unwrap_or_else(std::sync::PoisonError::into_inner).push(post);
        }
        self.end += u64::from(header.length);
    }
}

fn last_moment(span: Span, disk: &dyn Disk, footer: &Footer) -> Result<crate::domain::units::Moment, ReadError> {
    let mut at = footer.signposts.last().map_or(segment::HEADER as u64, |post| post.offset.into());
    loop {
        let bytes = frame_at(disk, at, span.length)?.unwrap_or_default();
        let header = FrameHeader::read(&bytes).map_err(|damage| damaged(span.number, at, &damage))?;
        if header.last() >= footer.last {
            return Ok(header.moment);
        }
        at += u64::from(header.length);
    }
}

/// The bytes of the frame whose header is at `at`; `None` if there is no header, or it says more than there is.
fn frame_at(disk: &dyn Disk, at: u64, length: u64) -> Result<Option<Vec<u8>>, ReadError> {
    if at + frame::HEADER as u64 > length {
        return Ok(None);
    }
    let mut bytes = vec![0; frame::HEADER];
    disk.read_at(&mut bytes, at).map_err(|error| failed(&error))?;
    let Ok(header) = FrameHeader::read(&bytes) else { return Ok(None) };
    if at + u64::from(header.length) > length {
        return Ok(None);
    }
    bytes.resize(header.length as usize, 0);
    disk.read_at(&mut bytes, at).map_err(|error| failed(&error))?;
    Ok(Some(bytes))
}

const WINDOW: u64 = 1 << 20;

/// Calls `look` with overlapping windows of `from..to`, until it answers.
fn windows<T>(
    disk: &dyn Disk,
    from: u64,
    to: u64,
    mut look: impl FnMut(u64, &[u8]) -> Result<Option<T>, ReadError>,
) -> Result<Option<T>, ReadError> {
    let mut at = from;
    while at < to {
        let mut bytes = vec![0; usize::try_from((to - at).min(WINDOW)).unwrap_or_default()];
        disk.read_at(&mut bytes, at).map_err(|error| failed(&error))?;
        if let Some(found) = look(at, &bytes)? {
            return Ok(Some(found));
        }
        // The next window starts a little before this one's end, so that nothing is cut in two by it.
        at = if at + (bytes.len() as u64) < to { at + bytes.len() as u64 - frame::MAGIC.len() as u64 } else { to };
    }
    Ok(None)
}

/// The end of the last byte that is not zero.
fn last_dirty(disk: &dyn Disk, from: u64, to: u64) -> Result<Option<u64>, ReadError> {
    let mut last = None;
    windows(disk, from, to, |at, bytes| {
        if let Some(index) = bytes.iter().rposition(|byte| *byte != 0) {
            last = Some(at + index as u64 + 1);
        }
        Ok(None::<()>)
    })?;
    Ok(last)
}

/// Whether a good frame starts anywhere in `from..to`.
fn holds_a_frame(disk: &dyn Disk, from: u64, to: u64) -> Result<bool, ReadError> {
    let found = windows(disk, from, to, |at, bytes| {
        for (index, _) in bytes.windows(frame::MAGIC.len()).enumerate().filter(|(_, four)| **four == frame::MAGIC) {
            let whole = frame_at(disk, at + index as u64, to)?;
            if whole.is_some_and(|bytes| Frame::read(&bytes).is_ok()) {
                return Ok(Some(()));
            }
        }
        Ok(None)
    })?;
    Ok(found.is_some())
}

fn zero(disk: &dyn Disk, from: u64, to: u64) -> Result<(), ReadError> {
    let mut at = from;
    while at < to {
        let length = (to - at).min(WINDOW);
        disk.write_at(&vec![0; usize::try_from(length).unwrap_or_default()], at).map_err(|error| failed(&error))?;
        at += length;
    }
    disk.sync().map_err(|error| failed(&error))
}

/// Writes what is there once more, and syncs it.
fn rewrite(disk: &dyn Disk, from: u64, to: u64) -> Result<(), ReadError> {
    let mut bytes = vec![0; usize::try_from(to - from).unwrap_or_default()];
    disk.read_at(&mut bytes, from).map_err(|error| failed(&error))?;
    disk.write_at(&bytes, from).map_err(|error| failed(&error))?;
    disk.sync().map_err(|error| failed(&error))
}
