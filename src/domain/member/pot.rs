//! What is scarce across members: the stock of a reward, the budget of a campaign, the places of a club.
//!
//! A pot is an aggregate of its own, kept where members are kept. An order that takes from it reserves first and
//! settles afterwards, keyed by the reservation, so that a crash in between finishes once.

use crate::domain::event::Seq;
use crate::domain::order::{Claim, MemberKey};
use crate::domain::units::{Moment, Overflow, Points, Text};

/// How long a reservation waits for the order it was made for.
pub const RESERVATION_TTL: crate::domain::units::Span = crate::domain::units::Span::seconds(60);

/// What was taken of something scarce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pot {
    /// Taken for good, what was given back not counted.
    pub taken: Points,
    /// Set aside for orders that have not been carried out yet.
    pub reservations: Vec<Reservation>,
}

/// An amount set aside for one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The entry that made it; its id.
    pub entry: Seq,
    /// How much; negative if the order gives it back.
    pub amount: Points,
    /// Whose order it is for.
    pub member: MemberKey,
    /// The key of that order.
    pub order: Claim,
    /// When it is looked up what became of the order.
    pub until: Moment,
}

impl Pot {
    /// The pot that counts a reward's stock.
    #[must_use]
    pub fn stock_of(reward: &str) -> Text {
        format!("stock:{reward}").into()
    }

    /// The pot that counts a campaign's budget.
    #[must_use]
    pub fn budget_of(rule: &str) -> Text {
        format!("budget:{rule}").into()
    }

    /// The pot that counts a club's places.
    #[must_use]
    pub fn places_of(club: &str) -> Text {
        format!("places:{club}").into()
    }

    /// Taken and set aside together; what is about to come back has not yet.
    ///
    /// # Errors
    /// [`Overflow`] if the sum leaves its range.
    pub fn gone(&self) -> Result<Points, Overflow> {
        let out = self.reservations.iter().filter(|reserved| reserved.amount > Points::ZERO);
        out.map(|reserved| reserved.amount).try_fold(self.taken, Points::plus)
    }

    /// When the first reservation is looked after.
    #[must_use]
    pub fn next_due(&self) -> Moment {
        self.reservations.iter().map(|reserved| reserved.until).min().unwrap_or(Moment::NEVER)
    }

    pub(super) fn settle(&mut self, reservation: Seq, used: Points) -> Result<(), Overflow> {
        self.reservations.retain(|reserved| reserved.entry != reservation);
        self.taken = self.taken.plus(used)?;
        Ok(())
    }
}
