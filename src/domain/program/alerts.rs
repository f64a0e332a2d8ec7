//! Whom the operator watches, and who hears of it when one of them falls out of her own pattern.

use super::SegmentId;
use crate::domain::insight::rhythm::Tolerance;
use crate::domain::units::{Span, Text};

/// What is watched, and whose alerts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerts {
    /// Whoever is in this segment.
    pub watch: SegmentId,
    /// How long a silence may be.
    pub tolerance: Tolerance,
    /// Spend is out of her pattern on days that bring less than this part of her usual one, in percent; 0: it is not watched.
    pub spend_below_percent: u32,
    /// A margin of at least this part of her spend is high, in percent.
    pub high_margin_percent: u32,
    /// Whose they are at first.
    pub owner: Text,
    /// How long somebody has to take care of one, and whose it is then; they stay the owner's if absent.
    pub escalation: Option<(Span, Text)>,
}
