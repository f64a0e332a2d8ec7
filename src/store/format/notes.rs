//! Notes: a file of what somebody made of the feed up to an entry, and would rather not make again.
//!
//! All numbers little-endian. The header, at the start:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `RUNGNOTE` |
//! | 2, 6 | format version, zero |
//! | 8 | the journal's epoch: which history this is |
//! | 8 | sequence number of the newest entry they reflect |
//! | 32 | hash of the frame that holds it: what that history says up to there |
//! | 8 | check over the 64 bytes before and the notes' name |
//!
//! Then the parts, each behind a lead:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | the part's length, never 0 |
//! | 4 | CRC-32 of the part |
//!
//! And the end, with which the file ends:
//!
//! | bytes | what |
//! |---|---|
//! | 4, 4 | zero, the number of parts |
//! | 32 | BLAKE3 hash of everything before it |
//!
//! What stands in the parts is their writer's: `crowd.rs`, `books.rs`, `walked.rs`.

use super::frame::{Hash, lay, take};
use super::{Damage, check_of};
use crate::domain::event::Seq;

/// The version of notes: others are not read, but made again.
pub const VERSION: u16 = 1;
/// The header's length.
pub const HEADER: usize = 72;
/// A lead's length.
pub const LEAD: usize = 8;
/// The end's length.
pub const END: usize = 40;
/// The longest part.
pub const PART_MAX: usize = 8 << 20;

const MAGIC: [u8; 8] = *b"RUNGNOTE";

/// The start of notes: of which history they are, and how far they reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotesHeader {
    /// Which history.
    pub epoch: u64,
    /// The newest entry they reflect.
    pub reached: Seq,
    /// The hash of the frame that holds it.
    pub frame: Hash,
}

impl NotesHeader {
    /// The header as it is written before the notes of this name.
    #[must_use]
    pub fn to_bytes(self, name: &str) -> [u8; HEADER] {
        let (version, epoch, reached) = (VERSION.to_le_bytes(), self.epoch.to_le_bytes(), self.reached.0.to_le_bytes());
        let fields: [&[u8]; 7] = [&MAGIC, &version, &[0; 6], &epoch, &reached, &self.frame, name.as_bytes()];
        let check = check_of(&fields).to_le_bytes();
        let mut out = [0; HEADER];
        let [magic, version, zero, epoch, reached, frame, _] = fields;
        lay(&mut out, &[magic, version, zero, epoch, reached, frame, &check]);
        out
    }

    /// Reads the header of the notes of this name.
    ///
    /// # Errors
    /// [`Damage`] if the bytes are none.
    pub fn read(bytes: &[u8; HEADER], name: &str) -> Result<Self, Damage> {
        let mut rest = bytes.strip_prefix(&MAGIC).ok_or(Damage::new("there is no header of notes"))?;
        let version = u16::from_le_bytes(take(&mut rest)?);
        if version != VERSION {
            return Err(Damage::told(format!("notes have version {version}, this Rung reads {VERSION}")));
        }
        let _zero: [u8; 6] = take(&mut rest)?;
        let (epoch, reached, frame) = (take(&mut rest)?, take(&mut rest)?, take(&mut rest)?);
        let header = Self { epoch: u64::from_le_bytes(epoch), reached: Seq(u64::from_le_bytes(reached)), frame };
        if header.to_bytes(name) != *bytes {
            return Err(Damage::new("the header of notes does not have its checksum"));
        }
        Ok(header)
    }
}

/// What stands before a part, or begins the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead {
    /// The part's length in bytes; 0 at the end.
    pub length: u32,
    /// CRC-32 of the part; at the end, how many parts there are.
    pub check: u32,
}

impl Lead {
    /// As it is written.
    #[must_use]
    pub fn to_bytes(self) -> [u8; LEAD] {
        let mut out = [0; LEAD];
        lay(&mut out, &[&self.length.to_le_bytes(), &self.check.to_le_bytes()]);
        out
    }

    /// Reads a lead.
    ///
    /// # Errors
    /// [`Damage`] if no part is that long.
    pub fn read(bytes: [u8; LEAD]) -> Result<Self, Damage> {
        let mut rest = &bytes[..];
        let lead = Self { length: u32::from_le_bytes(take(&mut rest)?), check: u32::from_le_bytes(take(&mut rest)?) };
        if lead.length as usize > PART_MAX { Err(Damage::new("a part of notes is too long")) } else { Ok(lead) }
    }
}

/// Follows what is written or read from the header on, so that the end can vouch for it.
#[derive(Clone, Debug)]
pub struct Seal {
    hasher: blake3::Hasher,
    parts: u32,
}

impl Seal {
    /// Over a header.
    #[must_use]
    pub fn on(header: &[u8; HEADER]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(header);
        Self { hasher, parts: 0 }
    }

    /// Takes the next part in; the lead that stands before it.
    ///
    /// # Errors
    /// [`Damage`] if it is empty or too long.
    pub fn part(&mut self, part: &[u8]) -> Result<Lead, Damage> {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        if part.is_empty() || part.len() > PART_MAX {
            return Err(Damage::told(format!("no part of notes has {length} bytes")));
        }
        let lead = Lead { length, check: crc32fast::hash(part) };
        self.hasher.update(&lead.to_bytes());
        self.hasher.update(part);
        self.parts = self.parts.saturating_add(1);
        Ok(lead)
    }

    /// The end behind the last part.
    #[must_use]
    pub fn end(mut self) -> [u8; END] {
        let lead = Lead { length: 0, check: self.parts }.to_bytes();
        self.hasher.update(&lead);
        let mut out = [0; END];
        lay(&mut out, &[&lead, self.hasher.finalize().as_bytes()]);
        out
    }
}
