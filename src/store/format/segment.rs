//! A segment: a file of the journal, zeroed ahead, holding frames one behind the other.
//!
//! All numbers little-endian. The header, at the start:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `RUNGJRNL` |
//! | 2, 6 | format version, zero |
//! | 8 | the segment's number, from 1 |
//! | 8 | sequence number of its first entry |
//! | 8 | the journal's epoch: which history this is |
//! | 32 | hash of the last frame before it |
//! | 8 | check over the 72 bytes before |
//!
//! Behind the last frame a segment is zero. One that is full ends in a footer, so that opening need not read it:
//! signposts (4 bytes sequence − first, 4 bytes offset of a frame), then the trailer at the very end:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `RUNGFOOT` |
//! | 4, 4 | number of signposts, zero |
//! | 8 | sequence number of its last entry |
//! | 8 | where its frames end |
//! | 32 | hash of its last frame |
//! | 8 | check over the signposts and the 64 bytes before |

use super::frame::{Hash, lay, take};
use super::{Damage, FORMAT, check_of};
use crate::domain::event::Seq;

/// The header's length.
pub const HEADER: usize = 80;
/// The trailer's length.
pub const TRAILER: usize = 72;
/// A signpost's length.
pub const SIGNPOST: usize = 8;
/// Signposts stand at least this far apart.
pub const SPACING: u64 = 16 * 1024;

const MAGIC: [u8; 8] = *b"RUNGJRNL";
const FOOT: [u8; 8] = *b"RUNGFOOT";

/// The start of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The segment's number, from 1.
    pub number: u64,
    /// Its first entry.
    pub first: Seq,
    /// Which history this is.
    pub epoch: u64,
    /// The hash of the last frame before it.
    pub previous: Hash,
}

impl SegmentHeader {
    /// The header as it is written.
    #[must_use]
    pub fn to_bytes(self) -> [u8; HEADER] {
        let fields: [&[u8]; 7] = [
            &MAGIC,
            &FORMAT.to_le_bytes(),
            &[0; 6],
            &self.number.to_le_bytes(),
            &self.first.0.to_le_bytes(),
            &self.epoch.to_le_bytes(),
            &self.previous,
        ];
        let mut out = [0; HEADER];
        lay(&mut out, &fields);
        if let Some(place) = out.last_chunk_mut::<8>() {
            *place = check_of(&fields).to_le_bytes();
        }
        out
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`Damage`] if the bytes are none.
    pub fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let missing = Damage::new("there is no segment's header");
        let whole = bytes.first_chunk::<HEADER>().ok_or(missing.clone())?;
        let (body, check) = whole.split_last_chunk::<8>().ok_or(missing.clone())?;
        if !body.starts_with(&MAGIC) {
            return Err(missing);
        }
        let mut rest = body.get(8..).unwrap_or_default();
        let format = u16::from_le_bytes(take(&mut rest)?);
        if format != FORMAT {
            return Err(Damage::told(format!("a segment has format {format}, this Rung reads {FORMAT}")));
        }
        if u64::from_le_bytes(*check) != check_of(&[body]) {
            return Err(Damage::new("a segment's header does not have its checksum"));
        }
        let _zero: [u8; 6] = take(&mut rest)?;
        Ok(Self {
            number: u64::from_le_bytes(take(&mut rest)?),
            first: Seq(u64::from_le_bytes(take(&mut rest)?)),
            epoch: u64::from_le_bytes(take(&mut rest)?),
            previous: take(&mut rest)?,
        })
    }
}

/// Where a frame starts that holds a sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signpost {
    /// The frame's first entry, counted from the segment's first.
    pub entry: u32,
    /// Where the frame starts in the file.
    pub offset: u32,
}

/// The end of a full segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    /// Signposts in order.
    pub signposts: Vec<Signpost>,
    /// Its last entry.
    pub last: Seq,
    /// Where its frames end.
    pub end: u64,
    /// The hash of its last frame.
    pub hash: Hash,
}

impl Footer {
    /// The room a segment of `length` bytes keeps free for its footer.
    #[must_use]
    pub const fn room(length: u64) -> u64 {
        (length / SPACING + 1) * SIGNPOST as u64 + TRAILER as u64
    }

    /// The footer as it is written; it ends where the file ends.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.signposts.len() * SIGNPOST + TRAILER);
        for post in &self.signposts {
            out.extend_from_slice(&post.entry.to_le_bytes());
            out.extend_from_slice(&post.offset.to_le_bytes());
        }
        out.extend_from_slice(&FOOT);
        out.extend_from_slice(&u32::try_from(self.signposts.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.last.0.to_le_bytes());
        out.extend_from_slice(&self.end.to_le_bytes());
        out.extend_from_slice(&self.hash);
        let check = check_of(&[&out]);
        out.extend_from_slice(&check.to_le_bytes());
        out
    }

    /// Reads the footer from the last bytes of a segment (all of [`Footer::room`], or less if it is short);
    /// `None` if there is none because the segment never became full.
    ///
    /// # Errors
    /// [`Damage`] if there is one that is not what was written.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, Damage> {
        let short = Damage::new("a segment's footer is cut short");
        let (before, trailer) = bytes.split_last_chunk::<TRAILER>().ok_or(short.clone())?;
        if trailer == &[0; TRAILER] {
            return Ok(None);
        }
        let mut rest = trailer.strip_prefix(&FOOT).ok_or(Damage::new("a segment's footer is not one"))?;
        let count = u32::from_le_bytes(take(&mut rest)?) as usize;
        let posts_at = before.len().checked_sub(count.saturating_mul(SIGNPOST)).ok_or(short)?;
        let posts = before.get(posts_at..).unwrap_or_default();
        let _zero: [u8; 4] = take(&mut rest)?;
        let (last, end, hash) = (take(&mut rest)?, take(&mut rest)?, take(&mut rest)?);
        let checked = trailer.get(..TRAILER - 8).unwrap_or_default();
        if u64::from_le_bytes(take(&mut rest)?) != check_of(&[posts, checked]) {
            return Err(Damage::new("a segment's footer does not have its checksum"));
        }
        let signposts = posts.chunks_exact(SIGNPOST).filter_map(signpost).collect();
        Ok(Some(Self { signposts, last: Seq(u64::from_le_bytes(last)), end: u64::from_le_bytes(end), hash }))
    }
}

fn signpost(bytes: &[u8]) -> Option<Signpost> {
    let (entry, offset) = bytes.split_first_chunk::<4>()?;
    Some(Signpost { entry: u32::from_le_bytes(*entry), offset: u32::from_le_bytes(offset.try_into().ok()?) })
}
