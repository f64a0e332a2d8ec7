//! What may be asked about alerts.

use super::Note;
use crate::domain::event::{MarginClass, Pattern, Seq};
use crate::domain::units::Text;

/// An order about an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertOrder {
    /// Raise one; the engine's own order.
    Raise(Raising),
    /// Take care of one.
    Acknowledge {
        /// The alert.
        alert: Seq,
        /// Who takes care of it.
        actor: Text,
        /// What for.
        note: Note,
    },
}

/// That a watched member fell out of her pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raising {
    /// How.
    pub pattern: Pattern,
    /// What her margin says.
    pub margin: MarginClass,
}
