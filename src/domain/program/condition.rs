//! Conditions: CEL text, type-checked and lowered when the program is loaded into a small typed tree.
//!
//! (Skeleton: the tree and its evaluation come with the program source.)

use super::Value;
use crate::domain::order::{Line, Purchase};
use crate::domain::units::{Moment, Overflow};

/// What a condition may look at; absent parts are never asked for by a condition that was checked for its place.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The version whose condition is evaluated (for attribute defaults).
    pub program: &'a super::Program,
    /// The purchase.
    pub purchase: Option<&'a Purchase>,
    /// The line.
    pub line: Option<&'a Line>,
    /// The member's attributes.
    pub member: &'a [(super::AttributeId, Value)],
    /// The tier the member holds at the moment that counts.
    pub tier: Option<super::TierId>,
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
}

/// A whole-number expression.
#[derive(Clone, Debug)]
pub struct IntegerExpression {
    /// The expression as the program file wrote it.
    pub written: Box<str>,
}

impl Condition {
    /// Whether it holds. Only an overflow of its own arithmetic can keep it from being answered.
    pub fn holds(&self, _subject: &Subject<'_>) -> Result<bool, Overflow> {
        Err(Overflow)
    }
}

impl IntegerExpression {
    /// Its value.
    pub fn value(&self, _subject: &Subject<'_>) -> Result<i64, Overflow> {
        Err(Overflow)
    }
}
