//! The alert of a watched member that is not over.

use crate::domain::calendar::Day;
use crate::domain::event::Seq;
use crate::domain::units::{Moment, Text};

/// An alert that is not over; a member has one at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAlert {
    /// The entry that raised it; its id.
    pub entry: Seq,
    /// The last day on which she had bought.
    pub last_day: Day,
    /// A purchase of at least so much ends it, in minor units.
    pub least_spend: i64,
    /// Whose it is now.
    pub owner: Text,
    /// Who takes care of it; empty as long as nobody does.
    pub acknowledged_by: Text,
    /// It is passed on at this moment; [`Moment::NEVER`] if never, or no more.
    pub escalates_at: Moment,
    /// To whom.
    pub escalates_to: Text,
    /// Whether it was passed on.
    pub is_escalated: bool,
}
