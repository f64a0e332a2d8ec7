//! A frame: one committed group in the journal, written by one write and made durable by one sync.
//!
//! All numbers little-endian.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | `RNGF` |
//! | 4 | 4 | length of the whole frame |
//! | 8 | 8 | sequence number of its first entry |
//! | 16 | 4 | number of entries |
//! | 20 | 4 | zero |
//! | 24 | 8 | moment, microseconds |
//! | 32 | 32 | hash of the frame before it |
//! | 64 | 8 | check over the 64 bytes so far |
//! | 72 | 8 each | a slot per entry: where it ends (from the end of the slots), CRC-32 of it |
//! | | | the entries (`entry.rs`) |
//! | last 32 | 32 | BLAKE3 hash of everything before it: this frame's hash |
//!
//! The hashes chain all frames from the first; the slots let one old entry be read and checked without the rest.

use std::sync::Arc;

use super::entry::{self, Place};
use super::{Damage, check_of};
use crate::domain::event::{Entry, Seq};
use crate::domain::units::Moment;

/// The hash of a frame.
pub type Hash = [u8; 32];

/// Stands before the first frame.
pub const NO_HASH: Hash = [0; 32];

/// The header's length.
pub const HEADER: usize = 72;
/// A slot's length.
pub const SLOT: usize = 8;
/// The hash's length.
pub const TRAILER: usize = 32;
/// What a header starts with.
pub const MAGIC: [u8; 4] = *b"RNGF";
/// The longest frame; a group that would be longer is refused.
pub const LENGTH_MAX: usize = 1 << 30;

/// What a frame says of itself before its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Length of the whole frame.
    pub length: u32,
    /// Its first entry.
    pub first: Seq,
    /// How many entries.
    pub count: u32,
    /// When it was recorded.
    pub moment: Moment,
    /// The hash of the frame before it.
    pub previous: Hash,
}

impl FrameHeader {
    /// Its last entry.
    #[must_use]
    pub const fn last(&self) -> Seq {
        Seq(self.first.0.wrapping_add(self.count as u64).wrapping_sub(1))
    }

    /// Where the entries start, from the start of the frame.
    #[must_use]
    pub const fn entries_at(&self) -> u64 {
        HEADER as u64 + self.count as u64 * SLOT as u64
    }

    /// Whether the slots and the hash fit its length.
    const fn is_sound(&self) -> bool {
        self.count > 0 && self.entries_at() + TRAILER as u64 <= self.length as u64
    }

    fn to_bytes(self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        let fields: [&[u8]; 7] = [
            &MAGIC,
            &self.length.to_le_bytes(),
            &self.first.0.to_le_bytes(),
            &self.count.to_le_bytes(),
            &[0; 4],
            &self.moment.0.to_le_bytes(),
            &self.previous,
        ];
        lay(&mut out, &fields);
        let check = check_of(&fields).to_le_bytes();
        if let Some(place) = out.last_chunk_mut::<8>() {
            *place = check;
        }
        out
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`Damage`] if the bytes are none.
    pub fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let header = bytes.first_chunk::<HEADER>().ok_or(Damage::new("a frame's header is cut short"))?;
        let (body, check) = header.split_last_chunk::<8>().ok_or(Damage::new("a frame's header is cut short"))?;
        if !body.starts_with(&MAGIC) || u64::from_le_bytes(*check) != check_of(&[body]) {
            return Err(Damage::new("there is no frame's header"));
        }
        let mut rest = body.get(4..).unwrap_or_default();
        let (length, first, count) = (u32::from_le_bytes(take(&mut rest)?), take(&mut rest)?, take(&mut rest)?);
        let _zero: [u8; 4] = take(&mut rest)?;
        let (moment, previous) = (take(&mut rest)?, take(&mut rest)?);
        let header = Self {
            length,
            first: Seq(u64::from_le_bytes(first)),
            count: u32::from_le_bytes(count),
            moment: Moment(i64::from_le_bytes(moment)),
            previous,
        };
        if header.is_sound() { Ok(header) } else { Err(Damage::new("a frame's header contradicts itself")) }
    }
}

/// One slot: where an entry ends, and its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where the entry ends, from the end of the slots.
    pub end: u32,
    /// CRC-32 of its bytes.
    pub crc: u32,
}

impl Slot {
    /// Reads the slots in `bytes`.
    pub fn all(bytes: &[u8]) -> impl Iterator<Item = Self> + '_ {
        bytes.chunks_exact(SLOT).filter_map(|slot| {
            let (end, crc) = slot.split_first_chunk::<4>()?;
            Some(Self { end: u32::from_le_bytes(*end), crc: u32::from_le_bytes(crc.try_into().ok()?) })
        })
    }

    /// Reads the entry this slot belongs to.
    ///
    /// # Errors
    /// [`Damage`] if the bytes are not what was written.
    pub fn open(self, bytes: &[u8], place: Place) -> Result<Entry, Damage> {
        if crc32fast::hash(bytes) != self.crc {
            return Err(Damage::told(format!("entry {} does not have its checksum", place.seq.0)));
        }
        entry::read(bytes, place)
    }
}

/// Writes a whole frame into `out` (which is emptied first) and answers with its hash.
///
/// # Errors
/// [`Damage`] if it would be longer than [`LENGTH_MAX`].
pub fn write(out: &mut Vec<u8>, moment: Moment, previous: Hash, entries: &[Arc<Entry>]) -> Result<Hash, Damage> {
    let slots_end = HEADER + entries.len() * SLOT;
    out.clear();
    out.resize(slots_end, 0);
    for (at, line) in entries.iter().enumerate() {
        let start = out.len();
        entry::write(out, line, moment);
        let slot = slot_bytes(out, slots_end, start)?;
        if let Some(place) = out.get_mut(HEADER + at * SLOT..).and_then(|rest| rest.first_chunk_mut()) {
            *place = slot;
        }
    }
    let first = entries.first().map_or(Seq::NONE, |line| line.seq);
    let length = u32::try_from(out.len() + TRAILER).unwrap_or(u32::MAX);
    let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    let header = FrameHeader { length, first, count, moment, previous };
    if let Some(place) = out.first_chunk_mut() {
        *place = header.to_bytes();
    }
    let hash = *blake3::hash(out).as_bytes();
    out.extend_from_slice(&hash);
    Ok(hash)
}

fn slot_bytes(out: &[u8], slots_end: usize, start: usize) -> Result<[u8; SLOT], Damage> {
    let end = out.len() - slots_end;
    if end > LENGTH_MAX {
        return Err(Damage::new("a group is longer than a frame may be"));
    }
    let crc = crc32fast::hash(out.get(start..).unwrap_or_default());
    let mut slot = [0; SLOT];
    lay(&mut slot, &[&u32::try_from(end).unwrap_or(u32::MAX).to_le_bytes(), &crc.to_le_bytes()]);
    Ok(slot)
}

/// A frame whose hash was compared.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its header.
    pub header: FrameHeader,
    /// Its hash.
    pub hash: Hash,
    /// All of it.
    pub bytes: &'a [u8],
    slots: &'a [u8],
    entries: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads the frame at the start of `bytes` and compares its hash.
    ///
    /// # Errors
    /// [`Damage`] if it is cut short or not what was written.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Damage> {
        let frame = Self::read_unproven(bytes)?;
        let body = bytes.get(..frame.header.length as usize - TRAILER).unwrap_or_default();
        if *blake3::hash(body).as_bytes() != frame.hash {
            return Err(Damage::new("a frame does not have its hash"));
        }
        Ok(frame)
    }

    /// Reads the frame at the start of `bytes` without comparing its hash, for a first look.
    ///
    /// # Errors
    /// [`Damage`] if it is cut short.
    pub fn read_unproven(bytes: &'a [u8]) -> Result<Self, Damage> {
        let header = FrameHeader::read(bytes)?;
        let cut = Damage::new("a frame is cut short");
        let whole = bytes.get(..header.length as usize).ok_or(cut.clone())?;
        let (body, hash) = whole.split_last_chunk::<TRAILER>().ok_or(cut.clone())?;
        let (_, rest) = body.split_at_checked(HEADER).ok_or(cut.clone())?;
        let (slots, entries) = rest.split_at_checked(header.count as usize * SLOT).ok_or(cut)?;
        Ok(Self { header, hash: *hash, bytes: whole, slots, entries })
    }

    /// Every entry's place, slot and bytes, in order.
    pub fn entries(&self) -> impl Iterator<Item = Result<(Place, Slot, &'a [u8]), Damage>> + use<'a> {
        let (entries, moment) = (self.entries, self.header.moment);
        let mut start = 0_usize;
        (self.header.first.0..).zip(Slot::all(self.slots)).map(move |(seq, slot)| {
            let end = slot.end as usize;
            let bytes = entries.get(start..end).ok_or(Damage::new("a frame's slots contradict each other"))?;
            start = end;
            Ok((Place { seq: Seq(seq), moment }, slot, bytes))
        })
    }
}

/// Lays `parts` one behind the other into `out`.
pub(super) fn lay(out: &mut [u8], parts: &[&[u8]]) {
    let mut rest = out;
    for part in parts {
        let Some((place, behind)) = rest.split_at_mut_checked(part.len()) else { return };
        place.copy_from_slice(part);
        rest = behind;
    }
}

/// Takes `N` bytes off the front.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Damage> {
    let (taken, behind) = rest.split_first_chunk::<N>().ok_or(Damage::new("a fixed field is cut short"))?;
    *rest = behind;
    Ok(*taken)
}
