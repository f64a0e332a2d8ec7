//! Milestones: thresholds that give something, once, again and again, or a choice of things.

use super::{Benefit, Condition, Lasts, MeterId, MilestoneId, OptionId};
use crate::domain::units::Points;

/// A milestone.
#[derive(Clone, Debug)]
pub struct Milestone {
    /// Its id.
    pub id: MilestoneId,
    /// A name for people.
    pub name: Box<str>,
    /// The meter whose windows it belongs to: it can be reached anew in each.
    pub meter: MeterId,
    /// How often, by what the meter reads.
    pub steps: Steps,
    /// What else must hold, over meters, tier and attributes.
    pub when: Option<Condition>,
    /// When it is judged.
    pub judged: Judged,
    /// What reaching it gives at once, every time.
    pub gives: Vec<Benefit>,
    /// What the member may choose from, every time.
    pub choice: Option<Choice>,
    /// The hidden meter that counts how often it was reached, by window.
    pub reached: MeterId,
}

/// How often a milestone is reached by what its meter reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Once at this reading.
    pub at: Points,
    /// Once more for each of these beyond it.
    pub every: Option<Points>,
    /// Readings beyond this one don't count.
    pub up_to: Option<Points>,
}

impl Steps {
    /// How often a reading reaches it.
    #[must_use]
    pub fn count(self, reading: Points) -> i64 {
        let reading = self.up_to.map_or(reading, |up_to| reading.min(up_to));
        match (reading.0.checked_sub(self.at.0), self.every) {
            (Some(beyond @ 0..), Some(every)) if every > Points::ZERO => {
                beyond.checked_div(every.0).unwrap_or(0).saturating_add(1)
            }
            (Some(0..), _) => 1,
            _ => 0,
        }
    }
}

/// When a milestone is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// As it is counted.
    AtOnce,
    /// When the meter's window ends, by what was counted in it.
    AtEnd,
}

/// What a member may choose from.
#[derive(Clone, Debug)]
pub struct Choice {
    /// How many choices she has; options cost one or more of them.
    pub choices: u32,
    /// How long she may wait.
    pub within: Lasts,
    /// What she gets for choices she has not made by then.
    pub default: Option<OptionId>,
    /// The options.
    pub options: Vec<ChoiceOption>,
}

/// One option.
#[derive(Clone, Debug)]
pub struct ChoiceOption {
    /// Its id.
    pub id: OptionId,
    /// A name for people.
    pub name: Box<str>,
    /// How many choices it costs, at least 1.
    pub cost: u32,
    /// How often it may be taken of one choice.
    pub limit: Option<u32>,
    /// Who may take it, over meters, tier and attributes.
    pub when: Option<Condition>,
    /// What it gives.
    pub gives: Vec<Benefit>,
}
