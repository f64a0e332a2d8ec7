//! Reading the journal through, frame by frame, every hash compared: for folding and for verifying.

use std::sync::Arc;

use super::{Journal, Segment};
use crate::domain::event::Seq;
use crate::store::ReadError;
use crate::store::format::frame::{self, Frame, FrameHeader, Hash};

/// How much is read at once.
const WINDOW: usize = 1 << 20;

/// A way through the journal from one entry to another.
pub struct Passage<'a> {
    journal: &'a Journal,
    next: Seq,
    last: Seq,
    segment: Option<Arc<Segment>>,
    offset: u64,
    hash: Option<Hash>,
    window: Window,
    proves: bool,
}

#[derive(Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// `length` bytes at `offset`, which lie in the file.
    fn get(&mut self, segment: &Segment, offset: u64, length: usize) -> Result<&[u8], ReadError> {
        let end = offset + length as u64;
        if offset < self.start || end > self.start + self.bytes.len() as u64 {
            let ahead = segment.span.length.saturating_sub(offset).min(WINDOW as u64);
            let size = usize::try_from(ahead).unwrap_or(WINDOW).max(length);
            self.bytes.resize(size, 0);
            self.start = offset;
            let read = segment.disk.read_at(&mut self.bytes, offset);
            read.map_err(|error| segment.unreadable(offset, &error))?;
        }
        let from = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        let cut = || segment.damaged(offset, &crate::store::format::Damage::new("a frame is cut short"));
        self.bytes.get(from..from + length).ok_or_else(cut)
    }
}

impl Journal {
    /// The way from the frame that holds `from` to the one that holds `last`.
    #[must_use]
    pub fn passage(&self, from: Seq, last: Seq) -> Passage<'_> {
        let window = Window::default();
        Passage { journal: self, next: from, last, segment: None, offset: 0, hash: None, window, proves: true }
    }
}

impl Passage<'_> {
    /// Does not compare hashes: for a first look, before another that does.
    #[must_use]
    pub const fn unproven(mut self) -> Self {
        self.proves = false;
        self
    }

    /// Calls `visit` with each frame in order.
    ///
    /// # Errors
    /// The first damage, or what `visit` fails with.
    pub fn each<E: From<ReadError>>(mut self, mut visit: impl FnMut(&Frame<'_>) -> Result<(), E>) -> Result<(), E> {
        while self.next <= self.last {
            let segment = self.advance()?;
            let header = self.header(&segment)?;
            let bytes = self.window.get(&segment, self.offset, header.length as usize)?;
            let frame = if self.proves { Frame::read(bytes) } else { Frame::read_unproven(bytes) };
            let frame = frame.map_err(|damage| segment.damaged(self.offset, &damage))?;
            visit(&frame)?;
            self.hash = Some(frame.hash);
            self.next = header.last().next();
            self.offset += u64::from(header.length);
        }
        Ok(())
    }

    /// Goes on to the segment that holds the next entry.
    fn advance(&mut self) -> Result<Arc<Segment>, ReadError> {
        let missing = || ReadError::Damaged(format!("no journal segment holds entry {}", self.next.0));
        let here = self.journal.segment_of(self.next)?.ok_or_else(missing)?;
        match &self.segment {
            Some(before) if before.span.number == here.span.number => {}
            _ => {
                self.offset = here.find(self.next)?.0;
                self.window = Window::default();
                self.segment = Some(Arc::clone(&here));
            }
        }
        Ok(here)
    }

    fn header(&mut self, segment: &Segment) -> Result<FrameHeader, ReadError> {
        let bytes = self.window.get(segment, self.offset, frame::HEADER)?;
        let header = FrameHeader::read(bytes).map_err(|damage| segment.damaged(self.offset, &damage))?;
        let follows = self.hash.is_none_or(|hash| hash == header.previous && header.first == self.next);
        if follows {
            return Ok(header);
        }
        let broken = crate::store::format::Damage::new("a frame does not follow the frame before it");
        Err(segment.damaged(self.offset, &broken))
    }
}
