//! The cursor of the event stream: opaque text that carries the journal's epoch, an entry and a fact within it.

use super::page::bytes_of_hex;
use crate::domain::event::Seq;

/// A place in the feed: after this fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The journal's history; another one after a restore.
    pub epoch: u64,
    /// The entry.
    pub seq: Seq,
    /// How many of its facts were dealt with.
    pub facts: u32,
}

impl Cursor {
    /// The cursor as text.
    #[must_use]
    pub fn text(self) -> String {
        format!("{:016x}{:016x}{:08x}", self.epoch, self.seq.0, self.facts)
    }

    /// The cursor of a text; `None` if no server wrote it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = bytes_of_hex(text)?;
        let (epoch, rest) = bytes.split_first_chunk::<8>()?;
        let (seq, facts) = rest.split_first_chunk::<8>()?;
        Some(Self {
            epoch: u64::from_be_bytes(*epoch),
            seq: Seq(u64::from_be_bytes(*seq)),
            facts: u32::from_be_bytes(facts.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back() {
        let cursor = Cursor { epoch: u64::MAX, seq: Seq(17), facts: 2 };
        assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        for bad in ["", "0", "zz", "é", &"0".repeat(38), &"0".repeat(42)] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
