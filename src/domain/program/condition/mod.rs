//! Conditions and expressions: CEL text, checked and lowered when the program is loaded into a small typed tree.
//!
//! `parse.rs` bounds the text and hands it to the CEL parser, `names.rs` says what a name means in its place,
//! `lower.rs` checks types, `tree.rs` evaluates, `missing.rs` says what a tier still needs, `never.rs` what can be told
//! of a condition before anybody meets it. After loading, only an overflow of its own arithmetic can keep a condition
//! from being answered. Nothing here knows TOML.

mod lower;
mod missing;
mod names;
mod never;
mod parse;
mod tree;

#[cfg(test)]
mod tests;

use super::Value;
use crate::domain::order::{Line, Purchase};
use crate::domain::units::{Moment, Overflow};
pub use missing::{Lacking, Shortfall};
pub(super) use names::{LINE_WORDS, MEMBER_WORDS, Names, PURCHASE_WORDS, Place};
use tree::{Comparison, Instant, Number, Truth};

/// What a condition may look at; absent parts are never asked for by a condition that was checked for its place.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The version whose condition is evaluated (for the ids of tiers).
    pub program: &'a super::Program,
    /// The purchase.
    pub purchase: Option<&'a Purchase>,
    /// The line.
    pub line: Option<&'a Line>,
    /// The member's attributes.
    pub member: &'a [(super::AttributeId, Value)],
    /// The tier the member holds at the moment that counts.
    pub tier: Option<super::TierId>,
    /// The clubs she belongs to.
    pub clubs: &'a [crate::domain::member::Membership],
    /// The segments she is in.
    pub segments: &'a [crate::domain::member::InSegment],
    /// The value of each meter at the moment that counts, by position in `program.meters`.
    pub meters: &'a [i64],
    /// The moment that counts (`occurred_at`).
    pub at: Moment,
}

/// A yes-or-no condition.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The condition as the program file wrote it.
    pub written: Box<str>,
    truth: Truth,
}

/// A whole-number expression.
#[derive(Clone, Debug)]
pub struct IntegerExpression {
    /// The expression as the program file wrote it.
    pub written: Box<str>,
    number: Number,
    looks_at_line: bool,
}

/// Something wrong with a condition's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Objection {
    /// Where, in characters from the start of the condition.
    pub at: usize,
    /// What, lower case, no full stop.
    pub message: String,
}

impl Condition {
    /// Whether it holds.
    ///
    /// # Errors
    /// [`Overflow`] if its own arithmetic (or the receipt's total) leaves its range; nothing else can go wrong.
    pub fn holds(&self, subject: &Subject<'_>) -> Result<bool, Overflow> {
        self.truth.holds(subject)
    }

    /// What is missing for it to hold, as alternatives: whoever makes up all of one of them has it.
    ///
    /// An empty alternative means that it holds already; no alternatives at all mean that nothing is known to help. Of
    /// meters only `meter >= n`, `meter > n` and what `&&`, `||` and `!` make of them is answered, which is what
    /// thresholds are written in; of any other part that does not hold the member's attributes are named, and one
    /// that looks at none closes its alternative. At most 16 are listed.
    #[must_use]
    pub fn missing(&self, subject: &Subject<'_>) -> Vec<Lacking> {
        missing::alternatives(&self.truth, subject)
    }

    /// Checks and lowers `written`.
    ///
    /// # Errors
    /// Everything wrong with it; one thing where the parser could make nothing of it.
    pub(super) fn read(written: &str, names: &Names<'_>) -> Result<Self, Vec<Objection>> {
        let truth = lower::truth(&parse::parse(written)?, names)?;
        Ok(Self { written: written.trim().into(), truth })
    }

    /// Whether it is known that it can never hold, whatever it looks at.
    pub(super) fn never_holds(&self) -> bool {
        never::never(vec![(&self.truth, true)])
    }

    /// Whether it is known that it never holds of a purchase that occurred in this span.
    pub(super) fn never_holds_between(&self, from: Moment, until: Moment) -> bool {
        Self::never_hold_together(&[self], from, until)
    }

    /// Whether it is known that these never all hold of one purchase that occurred in this span.
    pub(super) fn never_hold_together(conditions: &[&Self], from: Moment, until: Moment) -> bool {
        let after = Truth::Moments(Comparison::AtLeast, Instant::OccurredAt, Instant::Constant(from));
        let before = Truth::Moments(Comparison::Less, Instant::OccurredAt, Instant::Constant(until));
        let asked = conditions.iter().map(|condition| &condition.truth);
        never::never(asked.chain([&after, &before]).map(|part| (part, true)).collect())
    }

    /// Whether it is known that it never holds while these meters, by position in `program.meters`, read so much at most.
    pub(super) fn never_holds_within(&self, most: &[(usize, i64)]) -> bool {
        let bound = |(meter, most): &(usize, i64)| {
            let how = if *most == 0 { Comparison::Equal } else { Comparison::AtMost };
            Truth::Numbers(how, Number::Meter(*meter), Number::Constant(*most))
        };
        let bounds: Vec<Truth> = most.iter().map(bound).collect();
        never::never(bounds.iter().chain([&self.truth]).map(|part| (part, true)).collect())
    }

    /// Whether it is known that it never holds once a meter, by position in `program.meters`, reads so much.
    pub(super) fn never_holds_from(&self, meter: usize, least: i64) -> bool {
        let reached = Truth::Numbers(Comparison::AtLeast, Number::Meter(meter), Number::Constant(least));
        never::never(vec![(&self.truth, true), (&reached, true)])
    }

    /// Whether it is known that it never holds for who belongs to none of `clubs`.
    pub(super) fn never_holds_outside(&self, clubs: &[super::ClubId]) -> bool {
        let belongs: Vec<Truth> = clubs.iter().copied().map(Truth::Club).collect();
        let outside = belongs.iter().map(|club| (club, false));
        never::never(outside.chain([(&self.truth, true)]).collect())
    }

    /// Whether it is known that it never holds where `other` does.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        never::never(vec![(&self.truth, true), (&other.truth, true)])
    }

    /// Whether it is known that `other` holds wherever it does.
    pub(super) fn implies(&self, other: &Self) -> bool {
        never::never(vec![(&self.truth, true), (&other.truth, false)])
    }

    /// This condition, except where `other` holds.
    pub(super) fn except(self, other: &Self) -> Self {
        let written = format!("({}) && !({})", self.written, other.written).into();
        Self { written, truth: Truth::All([self.truth, other.truth.clone().negated()].into()) }
    }

    /// The opposite of this condition.
    pub(super) fn negated(&self) -> Self {
        Self { written: format!("!({})", self.written).into(), truth: self.truth.clone().negated() }
    }
}

impl IntegerExpression {
    /// Its value.
    ///
    /// # Errors
    /// [`Overflow`] if a step leaves 128 bits, the result 64 bits, or the receipt's total its range.
    pub fn value(&self, subject: &Subject<'_>) -> Result<i64, Overflow> {
        i64::try_from(self.number.value(subject)?).map_err(|_| Overflow)
    }

    /// Its value, if it looks at nothing and does not leave its range.
    pub(super) fn constant(&self) -> Option<i128> {
        self.number.constant()
    }

    /// Whether it looks at a line, so that it has to be computed for each.
    pub(super) const fn looks_at_line(&self) -> bool {
        self.looks_at_line
    }

    /// Checks and lowers `written`.
    ///
    /// # Errors
    /// Everything wrong with it; one thing where the parser could make nothing of it.
    pub(super) fn read(written: &str, names: &Names<'_>) -> Result<Self, Vec<Objection>> {
        let (number, looks_at_line) = lower::number(&parse::parse(written)?, names)?;
        Ok(Self { written: written.trim().into(), number, looks_at_line })
    }
}
