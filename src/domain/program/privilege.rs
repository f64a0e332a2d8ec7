//! Privileges: what belonging gives and nobody else gets.

use super::{ClubId, MeterId, PrivilegeId, SegmentId, TierId, Window};
use crate::domain::calendar::CalendarSpan;
use crate::domain::units::{Ratio, Span};

/// A privilege.
#[derive(Clone, Debug)]
pub struct Privilege {
    /// Its id.
    pub id: PrivilegeId,
    /// A name for people.
    pub name: Box<str>,
    /// What sort.
    pub kind: PrivilegeKind,
    /// What a tier gives; a tier without an entry gives what the next lower one that has one does.
    pub by_tier: Vec<(TierId, Worth)>,
    /// What a club gives.
    pub by_club: Vec<(ClubId, Worth)>,
    /// What a segment gives.
    pub by_segment: Vec<(SegmentId, Worth)>,
    /// What it is worth to whom it is given by a milestone, a choice or a reward, where uses are not counted.
    pub given: Option<Worth>,
    /// How many companions it covers.
    pub companions: u32,
}

/// What sort of privilege.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivilegeKind {
    /// She has it or not.
    Flag,
    /// So many uses in a window; what tier, clubs, segments and milestones give is added up.
    Quota {
        /// The window in which what tiers and clubs give refills.
        window: Window,
        /// The hidden meter that counts uses.
        used: MeterId,
        /// What a use gives to another member, if it is a present.
        gift: Option<Gift>,
    },
    /// A share; of several the highest.
    Percent,
    /// A code; of several the one of the tier, then of the first club.
    Code,
    /// Open from so long before something begins; of several the longest.
    Opening,
}

/// A tier to give away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gift {
    /// The tier.
    pub tier: TierId,
    /// How long it holds; as if it had been earned, if absent.
    pub lasts: Option<CalendarSpan>,
}

/// What a privilege is worth to whom it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worth {
    /// Simply had.
    Had,
    /// So many uses.
    Uses(u32),
    /// A share.
    Share(Ratio),
    /// A code.
    Code(Box<str>),
    /// So long before.
    Before(Span),
}

impl Privilege {
    /// Whether uses are counted.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        matches!(self.kind, PrivilegeKind::Quota { .. })
    }
}
