//! The ledger line, as the journal keeps it.
//!
//! Its sequence number and, as a rule, its moment are its frame's and are not written again: an entry is read
//! within the [`Place`] where it stands.
//!
//! | field | is | absent means |
//! |---|---|---|
//! | 1 bytes | member key | nobody |
//! | 2 number | sequence − previous (wrapping) | no previous entry |
//! | 3 sint | recorded_at − the frame's moment (wrapping) | the same |
//! | 4 number | program number | 0 |
//! | 5 number | program version | 0 |
//! | 6 text | request id | empty |
//! | 7 text | principal | empty |
//! | 8 text | trace id | empty |
//! | 9 bytes | trace id of 32 lower-case hex digits, as 16 bytes | see 8 |
//! | 10 bytes | the identifier by which the order named its member, hashed | it named her otherwise |
//! | 11 bytes | … and the other member: who gets a transfer or a gift | the same |
//! | 16 … 54 message | one fact each, in order (`fact.rs`) | |

use super::Damage;
use super::eye::{Eye, unknown};
use super::fact;
use super::pen::Pen;
use crate::domain::event::{Entry, Seq};
use crate::domain::order::{IdentifierHash, MemberKey};
use crate::domain::program::ProgramNo;
use crate::domain::units::{Moment, Text};

/// Where an entry stands: what its frame says for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its sequence number.
    pub seq: Seq,
    /// The moment of its frame.
    pub moment: Moment,
}

/// Writes an entry that stands in a frame of this moment.
pub fn write(out: &mut Vec<u8>, entry: &Entry, moment: Moment) {
    let mut pen = Pen::at_end_of(out);
    if entry.member != MemberKey::NOBODY {
        pen.bytes(1, &entry.member.0);
    }
    if entry.previous != Seq::NONE {
        pen.always(2, entry.seq.0.wrapping_sub(entry.previous.0));
    }
    pen.signed(3, entry.recorded_at.0.wrapping_sub(moment.0));
    pen.number(4, entry.program.0.into());
    pen.number(5, entry.program_version.into());
    pen.text(6, &entry.request_id);
    pen.text(7, &entry.principal);
    match packed_hex(&entry.trace_id) {
        Some(packed) => pen.bytes(9, &packed),
        None => pen.text(8, &entry.trace_id),
    }
    let named_by = entry.named_by.as_deref().copied().unwrap_or_default();
    named_by.member.iter().for_each(|identifier| pen.bytes(10, &identifier.0));
    named_by.other.iter().for_each(|identifier| pen.bytes(11, &identifier.0));
    for held in &entry.facts {
        fact::write(&mut pen, held, entry);
    }
}

/// Reads the entry at `place`.
///
/// # Errors
/// [`Damage`] if the bytes are not an entry.
pub fn read(bytes: &[u8], place: Place) -> Result<Entry, Damage> {
    let mut entry = blank(place);
    let mut eye = Eye::on(bytes);
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => entry.member = MemberKey(wire.array()?),
            2 => entry.previous = Seq(place.seq.0.wrapping_sub(wire.number()?)),
            3 => entry.recorded_at = wire.moment_from(place.moment)?,
            4 => entry.program = ProgramNo(wire.narrow()?),
            5 => entry.program_version = wire.narrow()?,
            6 => entry.request_id = wire.text()?,
            7 => entry.principal = wire.text()?,
            8 => entry.trace_id = wire.text()?,
            9 => entry.trace_id = unpacked_hex(wire.array()?),
            10 => entry.named_by.get_or_insert_default().member = Some(IdentifierHash(wire.array()?)),
            11 => entry.named_by.get_or_insert_default().other = Some(IdentifierHash(wire.array()?)),
            16..=86 => {
                let held = fact::read(field, wire.bytes()?, &entry)?;
                entry.facts.push(held);
            }
            other => return Err(unknown("an entry", other)),
        }
    }
    Ok(entry)
}

/// Reads no more than whose entry it is.
///
/// # Errors
/// [`Damage`] if the bytes are not an entry.
pub fn member_of(bytes: &[u8]) -> Result<MemberKey, Damage> {
    match Eye::on(bytes).field()? {
        Some((1, wire)) => wire.array().map(MemberKey),
        _ => Ok(MemberKey::NOBODY),
    }
}

fn blank(place: Place) -> Entry {
    Entry {
        seq: place.seq,
        program: ProgramNo(0),
        member: MemberKey::NOBODY,
        previous: Seq::NONE,
        recorded_at: place.moment,
        program_version: 0,
        request_id: Text::default(),
        principal: Text::default(),
        trace_id: Text::default(),
        named_by: None,
        facts: Vec::with_capacity(1),
    }
}

fn packed_hex(text: &str) -> Option<[u8; 16]> {
    let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
    let mut packed = [0; 16];
    for (byte, pair) in packed.iter_mut().zip(digits.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = (hex_value(high)? << 4) | hex_value(low)?;
    }
    Some(packed)
}

const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn unpacked_hex(packed: [u8; 16]) -> Text {
    use std::fmt::Write;
    let mut text = String::with_capacity(32);
    for byte in packed {
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}
