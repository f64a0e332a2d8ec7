//! Proving a journal: every frame of every segment, every entry's checksum, the chain of hashes. It cuts nothing.

use super::{Head, Journal};
use crate::domain::event::Seq;
use crate::store::ReadError;

/// What was proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Frames read.
    pub frames: u64,
    /// Entries read.
    pub entries: u64,
    /// Bytes of frames.
    pub bytes: u64,
}

/// Reads the whole journal.
///
/// # Errors
/// The first damage.
pub fn verify(journal: &Journal, head: Head) -> Result<Verified, ReadError> {
    let mut verified = Verified::default();
    let first = journal.first();
    journal.passage(first, head.seq).each(|frame| {
        for entry in frame.entries() {
            let told = |damage| ReadError::Damaged(format!("{damage}"));
            let (place, slot, bytes) = entry.map_err(told)?;
            slot.open(bytes, place).map_err(told)?;
            verified.entries += 1;
        }
        verified.frames += 1;
        verified.bytes += u64::from(frame.header.length);
        Ok::<_, ReadError>(())
    })?;
    Ok(verified)
}

impl Journal {
    /// The first entry there is.
    #[must_use]
    pub fn first(&self) -> Seq {
        let spans = self.spans.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        spans.first().map_or(Seq(1), |span| span.first)
    }
}
