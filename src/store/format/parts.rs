//! What facts about points, rewards and vouchers are made of: in all of them the same field number means the same.
//!
//! | field | is | absent means |
//! |---|---|---|
//! | 1 number | the wallet (of a tier withdrawn: the tier) | 0 |
//! | 2… message | lots (`lots.rs`) | none |
//! | 3… message | lots that flow back | none |
//! | 4 sint | when, or until when − the entry's recorded_at (wrapping) | the same |
//! | 5 sint | points, or an amount | 0 |
//! | 6 sint | points written off | 0 |
//! | 7 number | another entry | none |
//! | 8 text | a note, a reason; the receipt's id | empty |
//! | 9 text | who answers for it; what is scarce; the receipt's source | empty |
//! | 10 number | the cause | 0 |
//! | 11 bytes | the voucher, or the order's key | none |
//! | 12 bytes | another member's key | none |
//! | 13 sint | an end that as a rule never comes, as 4 | never |
//! | 14 sint | when that is announced, as 4 | never |
//! | 15 number | the reward | 0 |
//! | 16 number | how many | 1 |
//! | 17 bytes | what the count of a reward goes up or back by: a run of one post (`runs.rs`) | none |
//! | 18 text | what the voucher's code is made anew from | empty |
//!
//! Which of them a fact has stands in `points.rs` and `rewards.rs`; a reader refuses the others.

use super::eye::{Eye, Wire, unknown};
use super::fact::read_word;
use super::{Damage, lots, runs};
use crate::domain::event::{Entry, MeterPost, Seq};
use crate::domain::lot::Lot;
use crate::domain::order::{Claim, MemberKey};
use crate::domain::program::Word;
use crate::domain::units::{Moment, Points, Text};

/// What of such a fact has been read.
#[derive(Clone, Debug)]
pub struct Parts {
    /// 1: the wallet.
    pub word: Word,
    /// 2: lots.
    pub lots: Vec<Lot>,
    /// 3: lots that flow back.
    pub back: Vec<Lot>,
    /// 4: when.
    pub at: Moment,
    /// 5: points.
    pub points: Points,
    /// 6: points written off.
    pub written_off: Points,
    /// 7: another entry.
    pub entry: Seq,
    /// 8: a note.
    pub note: Text,
    /// 9: who answers for it.
    pub actor: Text,
    /// 10: the cause.
    pub cause: u64,
    /// 13: an end.
    pub end: Moment,
    /// 14: when that is announced.
    pub notice_at: Moment,
    /// 15: the reward.
    pub reward: Word,
    /// 16: how many.
    pub times: u32,
    /// 11: the voucher, if there is one.
    pub voucher: Option<Claim>,
    /// 12: another member, if there is one.
    pub other: Option<MemberKey>,
    /// 17: what a count goes up or back by.
    pub count: Option<MeterPost>,
    /// 18: what the voucher's code is made anew from.
    pub nonce: Text,
}

impl Parts {
    /// Reads a fact of the entry read so far that has `known` fields.
    ///
    /// # Errors
    /// [`Damage`] if it has others, or what stands in them does not belong there.
    pub fn read(mut eye: Eye<'_>, entry: &Entry, known: &[u64]) -> Result<Self, Damage> {
        let from = entry.recorded_at;
        let mut parts = Self::blank(from);
        while let Some((field, wire)) = eye.field()? {
            if !known.contains(&field) {
                return Err(unknown("a fact about points", field));
            }
            match field {
                2 => parts.lots.push(lots::read(wire, from)?),
                3 => parts.back.push(lots::read(wire, from)?),
                4 => parts.at = wire.moment_from(from)?,
                13 => parts.end = wire.moment_from(from)?,
                14 => parts.notice_at = wire.moment_from(from)?,
                other => parts.read_plain(other, wire)?,
            }
        }
        Ok(parts)
    }

    fn read_plain(&mut self, field: u64, wire: Wire<'_>) -> Result<(), Damage> {
        match field {
            1 => self.word = read_word(wire)?,
            5 => self.points = wire.points()?,
            6 => self.written_off = wire.points()?,
            7 => self.entry = Seq(wire.number()?),
            8 => self.note = wire.text()?,
            9 => self.actor = wire.text()?,
            10 => self.cause = wire.number()?,
            11 => self.voucher = Some(Claim(wire.array()?)),
            12 => self.other = Some(MemberKey(wire.array()?)),
            15 => self.reward = read_word(wire)?,
            16 => self.times = wire.narrow()?,
            17 => self.count = runs::read(wire, runs::take_post)?.pop(),
            18 => self.nonce = wire.text()?,
            other => return Err(unknown("a fact about points", other)),
        }
        Ok(())
    }

    const fn blank(from: Moment) -> Self {
        Self {
            word: Word(0),
            lots: Vec::new(),
            back: Vec::new(),
            at: from,
            points: Points::ZERO,
            written_off: Points::ZERO,
            entry: Seq::NONE,
            note: Text::const_new(""),
            actor: Text::const_new(""),
            cause: 0,
            end: Moment::NEVER,
            notice_at: Moment::NEVER,
            reward: Word(0),
            times: 1,
            voucher: None,
            other: None,
            count: None,
            nonce: Text::const_new(""),
        }
    }

    /// The voucher, or the order's key, of a fact that has one.
    ///
    /// # Errors
    /// [`Damage`] if it has none.
    pub fn claim(&self) -> Result<Claim, Damage> {
        self.voucher.ok_or(Damage::new("a fact about a voucher without one"))
    }

    /// The other member of a fact that has one.
    ///
    /// # Errors
    /// [`Damage`] if it has none.
    pub fn member(&self) -> Result<MemberKey, Damage> {
        self.other.ok_or(Damage::new("a fact about another member without one"))
    }
}
