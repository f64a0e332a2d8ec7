//! What facts about points, rewards, vouchers and belonging are made of: in all of them a field number means the same.
//!
//! | field | is | absent means |
//! |---|---|---|
//! | 1 number | the wallet; in facts about belonging what each is about: the tier, the meter, the milestone, the club … | 0 |
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
//! | 17 bytes | what a count goes up or back by: a run of one post (`runs.rs`) | none |
//! | 18 text | what the voucher's code is made anew from | empty |
//! | 19 number | the option that was chosen | 0 |
//! | 20 sint | the key of a meter's window: its first day; a day | 0 |
//! | 21 sint | the how-manieth time | 1 |
//! | 22 bytes | what several counts go up by: a run of posts | none |
//! | 23 bytes | uses that were given: a run of them, their ends as 4 | none |
//! | 24 sint | a moment that need not have been named, as 4 | not named |
//! | 25 number | how many choices, companions, or places that are free again | none |
//! | 26 message | what was paid for a club: 1 wallet (absent: money), 2… lots, 5 amount, 8 the payment's reference | nothing |
//! | 27 bytes | what was kept of a milestone: a run of it (`runs.rs`) | nothing |
//! | 28 number | the milestone that gave it | none did |
//!
//! Which of them a fact has stands in `points.rs`, `rewards.rs`, `belonging.rs` and `clubs.rs`; a reader refuses the
//! others.

use super::eye::{Eye, Wire, day_of, unknown};
use super::fact::read_word;
use super::{Damage, clubs, lots, runs};
use crate::domain::calendar::Day;
use crate::domain::event::{Entry, FeePaid, Given, Kept, MeterPost, Seq};
use crate::domain::lot::Lot;
use crate::domain::order::{Claim, MemberKey};
use crate::domain::program::{MilestoneId, Word};
use crate::domain::units::{Moment, Points, Text};

/// What of such a fact has been read.
#[derive(Clone, Debug)]
pub struct Parts {
    /// 1: the wallet, or what else it is about.
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
    /// 19: the option that was chosen.
    pub option: Word,
    /// 20: the key of a window.
    pub window: Day,
    /// 21: the how-manieth time.
    pub number: i64,
    /// 22: what several counts go up by.
    pub posts: Vec<MeterPost>,
    /// 23: uses that were given.
    pub given: Vec<(Seq, u32, Moment)>,
    /// 24: a moment, if it was named.
    pub named: Option<Moment>,
    /// 25: how many choices, companions or places, if any.
    pub several: Option<u32>,
    /// 26: what was paid for a club, if anything.
    pub fee: Option<FeePaid>,
    /// 27: what was kept of a milestone.
    pub kept: Vec<Kept>,
    /// 28: the milestone that gave it, if one did.
    pub milestone: Option<Word>,
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
                return Err(unknown("a fact", field));
            }
            match field {
                2 => parts.lots.push(lots::read(wire, from)?),
                3 => parts.back.push(lots::read(wire, from)?),
                4 => parts.at = wire.moment_from(from)?,
                13 => parts.end = wire.moment_from(from)?,
                14 => parts.notice_at = wire.moment_from(from)?,
                23 => parts.given = runs::read(wire, |bytes| runs::take_given(bytes, from))?,
                24 => parts.named = Some(wire.moment_from(from)?),
                26 => parts.fee = Some(clubs::read_fee(wire, from)?),
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
            19 => self.option = read_word(wire)?,
            20 => self.window = day_of(wire.number()?)?,
            21 => self.number = wire.signed()?,
            22 => self.posts = runs::read(wire, runs::take_post)?,
            25 => self.several = Some(wire.narrow()?),
            28 => self.milestone = Some(read_word(wire)?),
            27 => self.kept = runs::read(wire, runs::take_kept)?,
            other => return Err(unknown("a fact", other)),
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
            option: Word(0),
            window: Day(0),
            number: 1,
            posts: Vec::new(),
            given: Vec::new(),
            named: None,
            several: None,
            fee: None,
            kept: Vec::new(),
            milestone: None,
        }
    }

    /// The milestone that gave it and the window it was reached in, if one did.
    #[must_use]
    pub fn giver(&self) -> Option<Given> {
        self.milestone.map(|milestone| (MilestoneId(milestone), self.window))
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

    /// What the count goes up or back by, of a fact that always has one.
    ///
    /// # Errors
    /// [`Damage`] if it has none.
    pub fn counted(&self) -> Result<MeterPost, Damage> {
        self.count.ok_or(Damage::new("a milestone that counts nothing"))
    }
}
