//! Which ladders everybody was brought up to, as its note has it: one part.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | tag 1 |
//! | varint, 8 bytes little-endian | for each program its number, and the moment at which its ladder had changed |

use std::collections::BTreeMap;

use super::Damage;
use super::eye::take_varint;
use super::frame::take;
use super::pen::put_varint;
use crate::domain::program::ProgramNo;
use crate::domain::units::Moment;

/// The ladders that everybody was brought up to, by the moment of their last change.
pub type Walked = BTreeMap<ProgramNo, Moment>;

const TAG: u8 = 1;

/// Writes the only part.
#[must_use]
pub fn write(walked: &Walked) -> Vec<u8> {
    let mut part = vec![TAG];
    for (program, changed_at) in walked {
        put_varint(&mut part, program.0.into());
        part.extend_from_slice(&changed_at.0.to_le_bytes());
    }
    part
}

/// Reads the only part.
///
/// # Errors
/// [`Damage`] if the bytes are none.
pub fn read(part: &[u8]) -> Result<Walked, Damage> {
    let Some((&TAG, mut rest)) = part.split_first() else { return Err(Damage::new("no note of ladders walked")) };
    let mut walked = Walked::new();
    while !rest.is_empty() {
        let number =
            u16::try_from(take_varint(&mut rest)?).map_err(|_| Damage::new("a program's number is too large"))?;
        walked.insert(ProgramNo(number), Moment(i64::from_le_bytes(take(&mut rest)?)));
    }
    Ok(walked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let walked = Walked::from([(ProgramNo(0), Moment(-5)), (ProgramNo(700), Moment::NEVER)]);
        assert_eq!(read(&write(&walked)), Ok(walked.clone()));
        assert_eq!(read(&write(&Walked::new())), Ok(Walked::new()));
        let written = write(&walked);
        assert!(read(&written[..written.len() - 1]).is_err() && read(&[]).is_err() && read(&[9]).is_err());
    }
}
