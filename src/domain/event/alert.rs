//! What happened to a watched member's alert: raised when she falls out of her own pattern, taken up by somebody, passed
//! on when nobody did, and over when she buys again.

use super::{Fact, Note, Seq};
use crate::domain::calendar::Day;
use crate::domain::order::{Claim, MemberKey};
use crate::domain::program::{MeterId, TierId};
use crate::domain::units::{Moment, Points, Text};

/// One thing that happened to an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertFact {
    /// An alert was raised; the entry is its id.
    Raised(AlertRaised),
    /// Somebody takes care of it.
    Acknowledged {
        /// The alert.
        alert: Seq,
        /// Who.
        actor: Text,
        /// What for, in the caller's words.
        note: Note,
    },
    /// Nobody took care of it in time, and it is somebody else's now.
    Escalated {
        /// The alert.
        alert: Seq,
        /// Whose.
        to: Text,
        /// When.
        at: Moment,
    },
    /// It is over.
    Ended {
        /// The alert.
        alert: Seq,
        /// Why.
        cause: AlertEnd,
        /// When.
        at: Moment,
    },
}

/// An alert as it was raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRaised {
    /// What fell out of her pattern.
    pub pattern: Pattern,
    /// What her margin says to do.
    pub margin: MarginClass,
    /// Whose it is.
    pub owner: Text,
    /// It is passed on at this moment unless somebody takes care of it; [`Moment::NEVER`] if never.
    pub escalates_at: Moment,
    /// To whom.
    pub escalates_to: Text,
    /// What could be offered to her: the next rung, if there is one.
    pub offer: Option<RungOffer>,
}

/// How a member falls out of her own pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// What it is.
    pub cause: AlertCause,
    /// The last day on which she bought.
    pub last_day: Day,
    /// For how many days she has been silent.
    pub silent_days: i64,
    /// Her usual gap between visits, in days; 0 where it is not known.
    pub usual_gap: i64,
    /// A silence of more days falls out of her rhythm; 0 where that is not known.
    pub alarm_after: i64,
    /// What she usually spends on a day on which she buys, in minor units; 0 where it is not known.
    pub usual_spend: i64,
    /// A purchase of at least so much, in minor units, ends it.
    pub least_spend: i64,
}

impl Pattern {
    /// The day on which that was known.
    #[must_use]
    pub fn day(&self) -> Day {
        let days = i32::try_from(self.silent_days).unwrap_or(i32::MAX);
        Day(self.last_day.0.saturating_add(days))
    }
}

/// What fell out of her pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertCause {
    /// She is silent beyond her rhythm.
    Silence,
    /// She spends much less than she used to.
    Spend,
}

/// What a member's margin says: whom it is worth to keep as she is, whom to have buy more, and whom otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MarginClass {
    /// Nothing is known of what her purchases cost.
    #[default]
    Unknown,
    /// High: keep her.
    Keep,
    /// Low: have her grow.
    Grow,
    /// None: change what she costs.
    Change,
}

/// The next tier up, as something to offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RungOffer {
    /// The tier.
    pub tier: TierId,
    /// What her meters lack for it.
    pub missing: Vec<(MeterId, Points)>,
    /// By when that must be counted to go with what is counted now; [`Moment::NEVER`] if there is time.
    pub by: Moment,
}

/// Why an alert is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertEnd {
    /// She bought again.
    Bought,
    /// She closed.
    Closed,
}

impl From<AlertFact> for Fact {
    fn from(fact: AlertFact) -> Self {
        Self::Alert(Box::new(fact))
    }
}

impl AlertFact {
    /// Adds the keys it claims; true if one of them is the key its order is known by.
    pub(super) fn claim(&self, member: MemberKey, claims: &mut Vec<Claim>) -> bool {
        match self {
            Self::Raised(AlertRaised { pattern, .. }) => {
                claims.push(Claim::alert(member, pattern.cause, pattern.last_day));
                true
            }
            _ => false,
        }
    }
}
