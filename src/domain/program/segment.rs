//! Segments: whom the operator wants to find again, by what they bring and how they buy.
//!
//! A segment only says who; who is in it at a time is worked out elsewhere and comes back to members as orders.

use super::{ClubId, SegmentId, Window};
use crate::domain::calendar::CalendarSpan;
use crate::domain::crowd::daybook::Measure;
use crate::domain::insight::concentration::Portion;
use crate::domain::insight::rfm::Scores;
use crate::domain::insight::rhythm::Tolerance;
use crate::domain::insight::stages::{Borders, Stage};

/// The stages of this house.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// Where one ends and the next begins.
    pub borders: Borders,
    /// Whoever belongs to one of these clubs brings others.
    pub advocates: Vec<ClubId>,
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its id.
    pub id: SegmentId,
    /// A name for people.
    pub name: Box<str>,
    /// Who is in it.
    pub who: Who,
}

/// Who is in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The best customers of a window who bring anything: this share of all its customers, rounded up.
    Top {
        /// The share, above nothing.
        share: Portion,
        /// What they are ranked by.
        measure: Measure,
        /// The window, which ended with yesterday.
        window: Window,
    },
    /// Those of a window's buyers who lie in one of these cells of recency, frequency and money.
    Cells {
        /// The cells.
        cells: Vec<CellPattern>,
        /// The window, which ended with yesterday.
        window: Window,
    },
    /// Those who are silent beyond their own rhythm.
    Slipping(Tolerance),
    /// Those with one purchase and no second one, for so long after the day of it; for ever if absent.
    FirstPurchase(Option<CalendarSpan>),
    /// Those on this stage of the loyalty ladder.
    OnStage(Stage),
}

impl Segment {
    /// Whether a purchase may put her into it or out of it at once; everything else changes with the day.
    #[must_use]
    pub const fn changes_with_purchases(&self) -> bool {
        matches!(self.who, Who::FirstPurchase(_) | Who::Slipping(_))
    }
}

/// Cells of recency, frequency and money: each of the three is a score from 1 to 5, or any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CellPattern(pub [Option<u8>; 3]);

impl CellPattern {
    /// Whether it names the cell of these scores.
    #[must_use]
    pub fn holds(self, scores: Scores) -> bool {
        let hers = [scores.recency, scores.frequency, scores.money];
        self.0.iter().zip(hers).all(|(wanted, score)| wanted.is_none_or(|wanted| wanted == score))
    }

    /// A pattern as it is written: `555`, `5*1`.
    #[must_use]
    pub fn parse(written: &str) -> Option<Self> {
        let score = |letter: char| match letter {
            '*' => Some(None),
            '1'..='5' => letter.to_digit(10).and_then(|digit| u8::try_from(digit).ok()).map(Some),
            _ => None,
        };
        let scores: Option<Vec<Option<u8>>> = written.chars().map(score).collect();
        scores?.try_into().ok().map(Self)
    }
}

impl std::fmt::Display for CellPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|score| match score {
            Some(score) => write!(f, "{score}"),
            None => f.write_str("*"),
        })
    }
}
