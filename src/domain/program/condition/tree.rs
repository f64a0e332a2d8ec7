//! The typed tree a condition becomes, and its evaluation: no names left to look up, no text to parse, no
//! allocation. It must not know CEL; `lower.rs` made sure that every question here has an answer.

use std::num::NonZeroI64;

use super::Subject;
use crate::domain::order::{Line, Purchase};
use crate::domain::program::{Absent, AttributeId, ClubId, Scope, SegmentId, Value};
use crate::domain::units::{Moment, Overflow};

/// A yes or no.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Truth {
    Constant(bool),
    All(Box<[Truth]>),
    Any(Box<[Truth]>),
    Not(Box<Truth>),
    Same(Box<Truth>, Box<Truth>),
    Attribute(AttributeRef),
    Club(ClubId),
    Segment(SegmentId),
    Numbers(Comparison, Number, Number),
    NumberIn(Number, Box<[i64]>),
    Texts(Comparison, Text, Text),
    TextIn(Text, Box<[Box<str>]>),
    TextHas(Affix, Text, Text),
    Moments(Comparison, Instant, Instant),
    Choice(Box<(Truth, Truth, Truth)>),
}

/// How two things of one kind compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// Where one text is looked for in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Affix {
    Start,
    End,
    Anywhere,
}

/// A whole number, 128 bits wide while it is computed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Number {
    Constant(i64),
    Total,
    LineAmount,
    LineQuantity,
    Meter(usize),
    Attribute(AttributeRef),
    Negative(Box<Number>),
    Sum(Box<Number>, Box<Number>),
    Difference(Box<Number>, Box<Number>),
    Product(Box<Number>, Box<Number>),
    Quotient(Box<Number>, NonZeroI64),
    Remainder(Box<Number>, NonZeroI64),
    Choice(Box<(Truth, Number, Number)>),
}

/// A text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Text {
    Constant(Box<str>),
    Kind,
    Channel,
    Store,
    Partner,
    Currency,
    LineId,
    Sku,
    Category,
    Tier,
    Attribute(AttributeRef),
}

/// An instant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Instant {
    Constant(Moment),
    OccurredAt,
    Attribute(AttributeRef),
}

/// A declared attribute, with what stands for it where it is absent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AttributeRef {
    pub scope: Scope,
    pub id: AttributeId,
    pub name: Box<str>,
    pub absent: Absent,
}

impl Truth {
    pub(super) fn holds(&self, subject: &Subject<'_>) -> Result<bool, Overflow> {
        match self {
            Self::Constant(truth) => Ok(*truth),
            Self::All(parts) => every(parts, subject, true),
            Self::Any(parts) => every(parts, subject, false).map(|none| !none),
            Self::Not(part) => part.holds(subject).map(|truth| !truth),
            Self::Same(a, b) => Ok(a.holds(subject)? == b.holds(subject)?),
            Self::Attribute(attribute) => Ok(attribute.truth(subject)),
            Self::Club(club) => Ok(belongs(*club, subject)),
            Self::Segment(segment) => Ok(is_in(*segment, subject)),
            Self::Numbers(how, a, b) => Ok(how.of(&a.value(subject)?, &b.value(subject)?)),
            Self::NumberIn(number, list) => number.value(subject).map(|n| list.iter().any(|one| i128::from(*one) == n)),
            Self::Texts(how, a, b) => Ok(how.of(a.text(subject), b.text(subject))),
            Self::TextIn(text, list) => Ok(list.iter().any(|one| **one == *text.text(subject))),
            Self::TextHas(affix, text, part) => Ok(affix.found(text.text(subject), part.text(subject))),
            Self::Moments(how, a, b) => Ok(how.of(&a.moment(subject), &b.moment(subject))),
            Self::Choice(choice) => {
                let (which, yes, no) = &**choice;
                if which.holds(subject)? { yes.holds(subject) } else { no.holds(subject) }
            }
        }
    }

    /// The opposite, pushed down to the comparisons so that thresholds stay readable.
    pub(super) fn negated(self) -> Self {
        match self {
            Self::Constant(truth) => Self::Constant(!truth),
            Self::All(parts) => Self::Any(parts.into_iter().map(Self::negated).collect()),
            Self::Any(parts) => Self::All(parts.into_iter().map(Self::negated).collect()),
            Self::Not(part) => *part,
            Self::Numbers(how, a, b) => Self::Numbers(how.opposite(), a, b),
            Self::Texts(how, a, b) => Self::Texts(how.opposite(), a, b),
            Self::Moments(how, a, b) => Self::Moments(how.opposite(), a, b),
            other => Self::Not(Box::new(other)),
        }
    }
}

/// Whether every part comes out as `wanted`; stops at the first that does not.
fn every(parts: &[Truth], subject: &Subject<'_>, wanted: bool) -> Result<bool, Overflow> {
    for part in parts {
        if part.holds(subject)? != wanted {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the member belongs to a club at the moment that counts.
fn belongs(club: ClubId, subject: &Subject<'_>) -> bool {
    subject.clubs.iter().any(|one| one.club == club && one.since <= subject.at && subject.at < one.until)
}

/// Whether the member was in a segment by the moment that counts. Of a segment she left nothing is known.
fn is_in(segment: SegmentId, subject: &Subject<'_>) -> bool {
    subject.segments.iter().any(|one| one.segment == segment && one.since <= subject.at)
}

impl Comparison {
    pub(super) fn of<T: PartialOrd + ?Sized>(self, a: &T, b: &T) -> bool {
        match self {
            Self::Equal => a == b,
            Self::NotEqual => a != b,
            Self::Less => a < b,
            Self::AtMost => a <= b,
            Self::More => a > b,
            Self::AtLeast => a >= b,
        }
    }

    pub(super) const fn opposite(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::AtLeast,
            Self::AtMost => Self::More,
            Self::More => Self::AtMost,
            Self::AtLeast => Self::Less,
        }
    }

    /// The same comparison with its sides exchanged.
    pub(super) const fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::More,
            Self::AtMost => Self::AtLeast,
            Self::More => Self::Less,
            Self::AtLeast => Self::AtMost,
            same => same,
        }
    }
}

impl Affix {
    pub(super) fn found(self, text: &str, part: &str) -> bool {
        match self {
            Self::Start => text.starts_with(part),
            Self::End => text.ends_with(part),
            Self::Anywhere => text.contains(part),
        }
    }
}

impl Number {
    pub(super) fn value(&self, subject: &Subject<'_>) -> Result<i128, Overflow> {
        match self {
            Self::Constant(number) => Ok((*number).into()),
            Self::Total => total(subject.purchase),
            Self::LineAmount => Ok(subject.line.map_or(0, |line| line.minor_units).into()),
            Self::LineQuantity => Ok(subject.line.map_or(0, |line| line.quantity.0).into()),
            Self::Meter(position) => Ok(subject.meters.get(*position).copied().unwrap_or(0).into()),
            Self::Attribute(attribute) => Ok(attribute.number(subject).into()),
            Self::Negative(a) => a.value(subject)?.checked_neg().ok_or(Overflow),
            Self::Sum(a, b) => a.value(subject)?.checked_add(b.value(subject)?).ok_or(Overflow),
            Self::Difference(a, b) => a.value(subject)?.checked_sub(b.value(subject)?).ok_or(Overflow),
            Self::Product(a, b) => a.value(subject)?.checked_mul(b.value(subject)?).ok_or(Overflow),
            Self::Quotient(a, by) => a.value(subject)?.checked_div(by.get().into()).ok_or(Overflow),
            Self::Remainder(a, by) => a.value(subject)?.checked_rem(by.get().into()).ok_or(Overflow),
            Self::Choice(choice) => {
                let (which, yes, no) = &**choice;
                if which.holds(subject)? { yes.value(subject) } else { no.value(subject) }
            }
        }
    }
}

impl Number {
    /// Its value, if it looks at nothing and does not leave its range.
    pub(super) fn constant(&self) -> Option<i128> {
        match self {
            Self::Constant(number) => Some((*number).into()),
            Self::Negative(a) => a.constant()?.checked_neg(),
            Self::Sum(a, b) => a.constant()?.checked_add(b.constant()?),
            Self::Difference(a, b) => a.constant()?.checked_sub(b.constant()?),
            Self::Product(a, b) => a.constant()?.checked_mul(b.constant()?),
            Self::Quotient(a, by) => a.constant()?.checked_div(by.get().into()),
            Self::Remainder(a, by) => a.constant()?.checked_rem(by.get().into()),
            _ => None,
        }
    }
}

fn total(purchase: Option<&Purchase>) -> Result<i128, Overflow> {
    purchase.map_or(Some(0), Purchase::total).map(i128::from).ok_or(Overflow)
}

impl Text {
    pub(super) fn text<'a>(&'a self, subject: &Subject<'a>) -> &'a str {
        let purchase = |read: fn(&Purchase) -> &str| subject.purchase.map_or("", read);
        let line = |read: fn(&Line) -> &str| subject.line.map_or("", read);
        match self {
            Self::Constant(text) => text,
            Self::Kind => purchase(|purchase| &purchase.kind),
            Self::Channel => purchase(|purchase| &purchase.channel),
            Self::Store => purchase(|purchase| &purchase.store),
            Self::Partner => purchase(|purchase| &purchase.partner),
            Self::Currency => purchase(|purchase| purchase.currency.as_str()),
            Self::LineId => line(|line| &line.line_id),
            Self::Sku => line(|line| &line.sku),
            Self::Category => line(|line| &line.category),
            Self::Tier => subject.tier.or(subject.program.base_tier()).map_or("", |tier| subject.program.text(tier.0)),
            Self::Attribute(attribute) => attribute.text(subject),
        }
    }
}

impl Instant {
    fn moment(&self, subject: &Subject<'_>) -> Moment {
        match self {
            Self::Constant(moment) => *moment,
            Self::OccurredAt => subject.at,
            Self::Attribute(attribute) => attribute.moment(subject),
        }
    }
}

// A required attribute is never absent and a value never of another type: orders are checked for both before
// anything is decided. What these four say otherwise is therefore never seen.
impl AttributeRef {
    fn truth(&self, subject: &Subject<'_>) -> bool {
        matches!(self.found(subject), Some(Value::Bool(true)))
    }

    fn number(&self, subject: &Subject<'_>) -> i64 {
        match self.found(subject) {
            Some(Value::Integer(number)) => *number,
            _ => 0,
        }
    }

    fn text<'a>(&'a self, subject: &Subject<'a>) -> &'a str {
        match self.found(subject) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    fn moment(&self, subject: &Subject<'_>) -> Moment {
        match self.found(subject) {
            Some(Value::Moment(moment)) => *moment,
            _ => subject.at,
        }
    }

    fn found<'a>(&'a self, subject: &Subject<'a>) -> Option<&'a Value> {
        self.carried(subject).or(match &self.absent {
            Absent::Default(value) => Some(value),
            Absent::Required | Absent::OccurredAt => None,
        })
    }

    fn carried<'a>(&self, subject: &Subject<'a>) -> Option<&'a Value> {
        match self.scope {
            Scope::Purchase => named(&subject.purchase?.attributes, &self.name),
            Scope::Line => named(&subject.line?.attributes, &self.name),
            Scope::Member => subject.member.iter().find(|(id, _)| *id == self.id).map(|(_, value)| value),
        }
    }
}

fn named<'a>(attributes: &'a [(crate::domain::units::Text, Value)], name: &str) -> Option<&'a Value> {
    attributes.iter().find(|(id, _)| **id == *name).map(|(_, value)| value)
}
