//! What a milestone, a choice or a reward gives at once, besides points in exchange for points.
//!
//! It knows ids and amounts; how they come to a member is `decide/benefits.rs`.

use super::{ClubId, MeterId, PrivilegeId, RuleId, TierId, WalletId};
use crate::domain::calendar::CalendarSpan;
use crate::domain::units::Points;

/// One thing given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Benefit {
    /// Points, with the terms of points earned now.
    Points(WalletId, Points),
    /// A count on a meter, in the window that holds the moment.
    Count(MeterId, Points),
    /// Uses of a privilege on top of what tiers and clubs give; of one that is not counted, the privilege itself.
    Uses(PrivilegeId, u32, Lasts),
    /// Membership of a club, whatever its door; places are not asked for.
    Membership(ClubId, CalendarSpan),
    /// A tier.
    Tier(TierId, Lasts),
    /// A campaign as a boost.
    Boost(RuleId),
}

/// How long something given can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// This long from the day it was given.
    Span(CalendarSpan),
    /// As long as the tier would, had it been earned; for others: until the validity of the member's tier ends.
    Validity,
    /// Until the window ends: of the milestone's meter, or of the first meter that a boost feeds.
    Window,
    /// For ever.
    Forever,
}
