//! Clubs: groups with a door of their own.

use super::{ClubId, Condition, SegmentId, TierId, WalletId};
use crate::domain::calendar::CalendarSpan;
use crate::domain::units::{Moment, Points};

/// A club.
#[derive(Clone, Debug)]
pub struct Club {
    /// Its id.
    pub id: ClubId,
    /// A name for people.
    pub name: Box<str>,
    /// Who may come in.
    pub door: Door,
    /// A condition over meters, tier and attributes that whoever comes in must meet, by whatever door; anew with every
    /// term. (The only question of [`Door::Condition`].)
    pub condition: Option<Condition>,
    /// Whoever enters one of these segments is invited at once, or, where the door is a condition that she meets, comes in.
    pub segments: Vec<SegmentId>,
    /// How long a membership lasts; without end if absent.
    pub term: Option<CalendarSpan>,
    /// What a term costs; a member who pays again while she belongs goes on for another term.
    pub fee: Option<Fee>,
    /// How many may belong at once; no end of them if absent.
    pub capacity: Option<i64>,
    /// People come in from this moment.
    pub from: Moment,
    /// People come in before this moment.
    pub until: Moment,
}

/// Who may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Whoever asks.
    Open,
    /// Whoever was invited; how long an invitation stands unless it says otherwise.
    Invitation(CalendarSpan),
    /// Whoever meets the condition and asks.
    Condition,
    /// Whoever asks and is then let in by somebody who may.
    Approval,
}

/// What a term of a club costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fee {
    /// Points of this wallet; money in the program's currency if absent.
    pub wallet: Option<WalletId>,
    /// Minor units of money, or points in smallest units.
    pub amount: Points,
    /// Other fees for members on these tiers.
    pub by_tier: Vec<(TierId, Points)>,
    /// What a member pays to go on, where that is less or more; others pay the fee.
    pub renewal: Option<Points>,
}

impl Fee {
    /// What a member on `tier` pays, for the first term or another one.
    #[must_use]
    pub fn of(&self, tier: Option<TierId>, renews: bool) -> Points {
        let own = self.by_tier.iter().find(|(id, _)| Some(*id) == tier).map(|(_, amount)| *amount);
        own.or(self.renewal.filter(|_| renews)).unwrap_or(self.amount)
    }
}
