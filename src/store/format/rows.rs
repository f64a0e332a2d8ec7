//! The snapshot database's keys and values. All of it is derived from the journal and can be made again.
//!
//! Everything hashed (members, identifiers, claims) belongs to one of 256 *wards*, by the first byte of its hash.
//!
//! | key | value |
//! |---|---|
//! | `a` | the almanac: up to where each ward reflects the journal (below) |
//! | `m`, 4 bytes start, 2 bytes part | a leaf of members: records by member key (`member.rs`) |
//! | `i`, 4 bytes start, 2 bytes part | a leaf of identifiers: records by identifier hash, the member key |
//! | `c`, 1 byte generation, 4 bytes bucket, 4 bytes ordinal | a page of claims: 14 bytes each, 8 of the claim, 6 of the sequence number |
//! | `d`, 8 bytes moment, 16 bytes lowest member key | a page of who is due then: tag 1, then member keys in order, all of one ward |
//! | `p`, 8 bytes sequence number | nothing: that entry applied a program |
//!
//! Numbers in keys are big-endian, so that their order is the order of the rows; a moment has its sign bit turned
//! over for the same reason. Every value ends in 8 bytes of hash over key and value.
//!
//! A leaf holds the records whose keys share their first 8 + depth bits; `start` is those bits, padded with zeros.
//! Its first part says: tag 1, depth, number of parts (2 bytes); then come the records, cut into parts without
//! regard to where one ends: 16 bytes key, varint length, bytes. A leaf that splits writes its upper half first and
//! itself, deeper, last: a reader that comes by the old depth learns the new one from the lower half.
//!
//! The almanac: tag 1, then varints: the journal's epoch; the newest sequence any row may reflect; the lowest
//! watermark; for each ward its watermark minus the lowest; then for each ward a byte of depth, for `m` and for `i`;
//! then the rolls of `m`, `i`, `c`, `d` and `p`: how many rows there are, and 8 bytes, the sum of their hashes.

use super::eye::{take_bytes, take_varint};
use super::pen::put_varint;
use super::{Damage, check_of};
use crate::domain::event::Seq;
use crate::domain::order::MemberKey;
use crate::domain::units::Moment;

/// The number of wards.
pub const WARDS: usize = 256;
/// The longest value, hash included: longer ones would some day leave the database's log for files it never syncs.
pub const VALUE_MAX: usize = 4096;
/// What a value can hold besides its hash.
pub const PAYLOAD_MAX: usize = VALUE_MAX - 8;
/// A leaf goes no deeper: `start` has no more bits.
pub const DEPTH_MAX: u8 = 24;
/// A leaf's first part starts with this many bytes of its own.
pub const LEAF_HEAD: usize = 4;
/// A claim's length on its page.
pub const CLAIM: usize = 14;
/// How many claims a page holds.
pub const CLAIMS_MAX: usize = (PAYLOAD_MAX - 1) / CLAIM;

/// The most members on a page of due ones.
pub const DUE_MAX: usize = (PAYLOAD_MAX - 1) / 16;
/// The key of the almanac.
pub const ALMANAC: &[u8] = b"a";

/// The kinds of rows that are on a roll, by the first byte of their keys, and what they are called.
pub const KINDS: [(u8, &str); 5] = [
    (b'm', "rows of members"),
    (b'i', "rows of identifiers"),
    (b'c', "pages of claims"),
    (b'd', "pages of due members"),
    (b'p', "rows of programs"),
];

const TAG: u8 = 1;
/// The form of the almanac, and with it of the snapshots it vouches for: those of form 1 knew balances and no lots,
/// those of form 2 had no rolls and a row for everybody who was due, so they are set aside and made anew from the journal.
const ALMANAC_TAG: u8 = 3;

/// A value with its hash behind it.
#[must_use]
pub fn sealed(key: &[u8], mut payload: Vec<u8>) -> Vec<u8> {
    let check = check_of(&[key, &payload]);
    payload.extend_from_slice(&check.to_le_bytes());
    payload
}

/// The payload of a value, if its hash is right.
///
/// # Errors
/// [`Damage`] if it is not.
pub fn unsealed<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], Damage> {
    match value.split_last_chunk::<8>() {
        Some((payload, check)) if check_of(&[key, payload]) == u64::from_le_bytes(*check) => Ok(payload),
        _ => Err(Damage::told(format!("the row {} does not have its checksum", Hex(key)))),
    }
}

/// The hash a value ends in.
#[must_use]
pub fn check_at_end(value: &[u8]) -> u64 {
    value.last_chunk::<8>().map_or(0, |check| u64::from_le_bytes(*check))
}

/// Every row of a kind, in two numbers: a row that is lost, or as it once was, makes them differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roll {
    /// How many rows.
    pub rows: u64,
    /// The sum of their hashes, wrapped: the order in which rows come and go does not matter.
    pub sum: u64,
}

impl Roll {
    /// A row with this hash was put.
    pub const fn enter(&mut self, check: u64) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(check);
    }

    /// A row with this hash was taken away.
    pub const fn strike(&mut self, check: u64) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(check);
    }
}

struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The first bits of a key, as leaves are cut by them.
#[must_use]
pub fn lead(key: &[u8; 16]) -> u32 {
    key.first_chunk::<4>().map_or(0, |first| u32::from_be_bytes(*first))
}

/// How many leads a leaf of this depth covers; as 64 bits, for the shallowest at the end of the range.
#[must_use]
pub const fn breadth(depth: u8) -> u64 {
    1 << (24 - if depth > DEPTH_MAX { DEPTH_MAX } else { depth })
}

/// Where the leaf of this depth starts that covers `lead`.
#[must_use]
pub fn leaf_start(lead: u32, depth: u8) -> u32 {
    let within = u32::try_from(breadth(depth) - 1).unwrap_or(u32::MAX);
    lead & !within
}

/// The key of a leaf's part.
#[must_use]
pub fn leaf_key(letter: u8, start: u32, part: u16) -> [u8; 7] {
    let mut key = [letter, 0, 0, 0, 0, 0, 0];
    super::frame::lay(&mut key, &[&[letter], &start.to_be_bytes(), &part.to_be_bytes()]);
    key
}

/// Reads a leaf's key back: where it starts, and which part it is.
///
/// # Errors
/// [`Damage`] if it is no leaf's key.
pub fn leaf_place(key: &[u8]) -> Result<(u32, u16), Damage> {
    let wrong = Damage::new("a leaf has a wrong key");
    let (start, part) = key.get(1..).and_then(|rest| rest.split_first_chunk::<4>()).ok_or(wrong.clone())?;
    Ok((u32::from_be_bytes(*start), u16::from_be_bytes(part.try_into().map_err(|_| wrong)?)))
}

/// What a leaf's first part says before its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafHead {
    /// How many bits beyond the ward's 8 its keys share.
    pub depth: u8,
    /// How many rows it is written in.
    pub parts: u16,
}

impl LeafHead {
    /// As it is written.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; LEAF_HEAD] {
        let [low, high] = self.parts.to_le_bytes();
        [TAG, self.depth, low, high]
    }

    /// Takes a head off the front of a first part.
    ///
    /// # Errors
    /// [`Damage`] if there is none.
    pub fn read(payload: &[u8]) -> Result<(Self, &[u8]), Damage> {
        match payload.split_first_chunk::<LEAF_HEAD>() {
            Some((&[TAG, depth @ 0..=DEPTH_MAX, low, high], records)) => {
                Ok((Self { depth, parts: u16::from_le_bytes([low, high]) }, records))
            }
            _ => Err(Damage::new("a leaf does not start like one")),
        }
    }
}

/// Appends a record to a leaf.
pub fn put_record(out: &mut Vec<u8>, key: &[u8; 16], bytes: &[u8]) {
    out.extend_from_slice(key);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// The records of a leaf, by key.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a>(&'a [u8]);

impl<'a> Records<'a> {
    /// The records in a leaf's content.
    #[must_use]
    pub const fn of(content: &'a [u8]) -> Self {
        Self(content)
    }

    fn take(&mut self) -> Result<([u8; 16], &'a [u8]), Damage> {
        let (key, rest) = self.0.split_first_chunk::<16>().ok_or(Damage::new("a leaf's record is cut short"))?;
        self.0 = rest;
        let length = take_varint(&mut self.0)?;
        Ok((*key, take_bytes(&mut self.0, length)?))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<([u8; 16], &'a [u8]), Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.0.is_empty()).then(|| self.take().inspect_err(|_| self.0 = &[]))
    }
}

/// The key of a page of claims.
#[must_use]
pub fn claims_key(generation: u8, bucket: u32, ordinal: u32) -> [u8; 10] {
    let mut key = [0; 10];
    super::frame::lay(&mut key, &[b"c", &[generation], &bucket.to_be_bytes(), &ordinal.to_be_bytes()]);
    key
}

/// Reads a page's key back: generation, bucket, ordinal.
///
/// # Errors
/// [`Damage`] if it is no page's key.
pub fn claims_place(key: &[u8]) -> Result<(u8, u32, u32), Damage> {
    let wrong = Damage::new("a page of claims has a wrong key");
    let Some((&[b'c', generation], rest)) = key.split_first_chunk::<2>() else { return Err(wrong) };
    let (bucket, ordinal) = rest.split_first_chunk::<4>().ok_or(wrong.clone())?;
    let ordinal = ordinal.try_into().map_err(|_| wrong)?;
    Ok((generation, u32::from_be_bytes(*bucket), u32::from_be_bytes(ordinal)))
}

/// Writes a page of claims.
pub fn claims_page(claims: impl IntoIterator<Item = (u64, Seq)>) -> Vec<u8> {
    let mut page = Vec::with_capacity(PAYLOAD_MAX);
    page.push(TAG);
    for (print, seq) in claims {
        page.extend_from_slice(&print.to_be_bytes());
        page.extend_from_slice(seq.0.to_be_bytes().get(2..).unwrap_or_default());
    }
    page
}

/// Reads a page of claims.
///
/// # Errors
/// [`Damage`] if it is none.
pub fn claims_of(page: &[u8]) -> Result<impl Iterator<Item = (u64, Seq)> + '_, Damage> {
    match page.split_first() {
        Some((&TAG, claims)) if claims.len().is_multiple_of(CLAIM) => Ok(claims.chunks_exact(CLAIM).filter_map(claim)),
        _ => Err(Damage::new("a page of claims does not start like one")),
    }
}

fn claim(bytes: &[u8]) -> Option<(u64, Seq)> {
    let (print, seq) = bytes.split_first_chunk::<8>()?;
    let mut wide = [0; 8];
    super::frame::lay(&mut wide, &[&[0; 2], seq]);
    Some((u64::from_be_bytes(*print), Seq(u64::from_be_bytes(wide))))
}

/// The key of a page of due members: the moment, and the lowest member key it may hold.
#[must_use]
pub fn due_key(moment: Moment, member: MemberKey) -> [u8; 25] {
    let mut key = [0; 25];
    let moment = moment.0.cast_unsigned() ^ (1 << 63);
    super::frame::lay(&mut key, &[b"d", &moment.to_be_bytes(), &member.0]);
    key
}

/// Reads the key of a page of due members back: the moment, and the lowest key it may hold.
///
/// # Errors
/// [`Damage`] if it is none.
pub fn due_of(key: &[u8]) -> Result<(Moment, MemberKey), Damage> {
    let wrong = Damage::new("a page of due members has a wrong key");
    let (moment, member) = key.get(1..).and_then(|rest| rest.split_first_chunk::<8>()).ok_or(wrong.clone())?;
    let moment = u64::from_be_bytes(*moment) ^ (1 << 63);
    Ok((Moment(moment.cast_signed()), MemberKey(member.try_into().map_err(|_| wrong)?)))
}

/// The payload of a page of due members, who are at most [`DUE_MAX`] and in order.
#[must_use]
pub fn due_page(members: &[MemberKey]) -> Vec<u8> {
    debug_assert!(members.len() <= DUE_MAX, "a page of due members is too long");
    std::iter::once(TAG).chain(members.iter().flat_map(|member| member.0)).collect()
}

/// The members of a page.
///
/// # Errors
/// [`Damage`] if it is none.
pub fn due_members(payload: &[u8]) -> Result<impl Iterator<Item = MemberKey> + '_, Damage> {
    let members = payload.split_first().filter(|(tag, _)| **tag == TAG).map(|(_, members)| members.as_chunks::<16>());
    match members {
        Some((members, [])) => Ok(members.iter().map(|key| MemberKey(*key))),
        _ => Err(Damage::new("a page of due members is none")),
    }
}

/// The key of a program's row.
#[must_use]
pub fn program_key(seq: Seq) -> [u8; 9] {
    let mut key = [0; 9];
    super::frame::lay(&mut key, &[b"p", &seq.0.to_be_bytes()]);
    key
}

/// Reads a program's key back.
///
/// # Errors
/// [`Damage`] if it is none.
pub fn program_of(key: &[u8]) -> Result<Seq, Damage> {
    let bytes = key.get(1..).and_then(|rest| rest.try_into().ok());
    bytes.map(|bytes| Seq(u64::from_be_bytes(bytes))).ok_or(Damage::new("a program's row has a wrong key"))
}

/// Up to where the rows reflect the journal, and how deep the leaves are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Almanac {
    /// The journal's epoch.
    pub epoch: u64,
    /// The newest sequence any row may reflect.
    pub newest: Seq,
    /// What each ward reflects for certain.
    pub watermarks: [u64; WARDS],
    /// The least depth of each ward's leaves of members.
    pub members: [u8; WARDS],
    /// The least depth of each ward's leaves of identifiers.
    pub identifiers: [u8; WARDS],
    /// The rows there are, in the order of [`KINDS`].
    pub rolls: [Roll; KINDS.len()],
}

impl Almanac {
    /// An almanac of nothing.
    #[must_use]
    pub const fn blank(epoch: u64) -> Self {
        Self {
            epoch,
            newest: Seq::NONE,
            watermarks: [0; WARDS],
            members: [0; WARDS],
            identifiers: [0; WARDS],
            rolls: [Roll { rows: 0, sum: 0 }; KINDS.len()],
        }
    }

    /// The roll a row belongs on, by its key; none for the almanac's own.
    pub fn roll(&mut self, key: &[u8]) -> Option<&mut Roll> {
        let letter = key.first()?;
        let mut rolls = KINDS.iter().zip(&mut self.rolls);
        rolls.find(|((kind, _), _)| kind == letter).map(|(_, roll)| roll)
    }

    /// What every ward reflects for certain.
    #[must_use]
    pub fn lowest(&self) -> u64 {
        self.watermarks.iter().copied().min().unwrap_or_default()
    }

    /// As it is written.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![ALMANAC_TAG];
        let lowest = self.lowest();
        [self.epoch, self.newest.0, lowest].into_iter().for_each(|n| put_varint(&mut out, n));
        self.watermarks.iter().for_each(|mark| put_varint(&mut out, mark - lowest));
        out.extend_from_slice(&self.members);
        out.extend_from_slice(&self.identifiers);
        for roll in &self.rolls {
            put_varint(&mut out, roll.rows);
            out.extend_from_slice(&roll.sum.to_le_bytes());
        }
        out
    }

    /// Reads an almanac.
    ///
    /// # Errors
    /// [`Damage`] if the bytes are none.
    pub fn read(payload: &[u8]) -> Result<Self, Damage> {
        let Some((&ALMANAC_TAG, mut rest)) = payload.split_first() else {
            return Err(Damage::new("the almanac does not start like one"));
        };
        let mut almanac = Self::blank(take_varint(&mut rest)?);
        almanac.newest = Seq(take_varint(&mut rest)?);
        let lowest = take_varint(&mut rest)?;
        for mark in &mut almanac.watermarks {
            *mark = lowest.saturating_add(take_varint(&mut rest)?);
        }
        almanac.members = super::frame::take(&mut rest)?;
        almanac.identifiers = super::frame::take(&mut rest)?;
        for roll in &mut almanac.rolls {
            *roll = Roll { rows: take_varint(&mut rest)?, sum: u64::from_le_bytes(super::frame::take(&mut rest)?) };
        }
        Ok(almanac)
    }
}
