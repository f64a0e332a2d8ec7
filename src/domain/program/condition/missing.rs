//! What a member still lacks for a condition: the answer to "what does the next tier take?".
//!
//! It reads thresholds (`meter >= n`) out of the tree, and which attributes of hers stand in the way. It knows nothing
//! of windows or ladders.

use super::Subject;
use super::tree::{AttributeRef, Comparison, Instant, Number, Text, Truth};
use crate::domain::program::Scope;

/// How far one meter is from a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shortfall {
    /// The meter, by position in `program.meters`.
    pub meter: usize,
    /// What it has to reach, in the meter's smallest unit.
    pub threshold: i64,
    /// What is missing to it, at least 1.
    pub missing: i64,
}

impl Shortfall {
    /// What the meter reads, in its smallest unit.
    #[must_use]
    pub const fn value(&self) -> i64 {
        self.threshold.saturating_sub(self.missing)
    }
}

/// One way to meet a condition: everything it still takes. Nothing at all where the condition holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// What meters have to count, each once.
    pub meters: Vec<Shortfall>,
    /// Attributes of the member that must be other than they are, each once, in the order of the condition.
    pub attributes: Vec<Box<str>>,
    /// What it takes besides and is there today: meters by position, and what each must not fall below.
    pub met: Vec<(usize, i64)>,
}

/// More alternatives than anybody reads; it also bounds the work for a condition that multiplies them.
const ALTERNATIVES_MAX: usize = 16;

type Alternatives = Vec<Lacking>;

pub(super) fn alternatives(truth: &Truth, subject: &Subject<'_>) -> Alternatives {
    if truth.holds(subject) == Ok(true) {
        let mut met = Vec::new();
        note_met(truth, subject, &mut met);
        return vec![Lacking { met, ..Lacking::default() }];
    }
    match truth {
        Truth::All(parts) => {
            parts.iter().fold(vec![Lacking::default()], |so_far, part| both(&so_far, &alternatives(part, subject)))
        }
        Truth::Any(parts) => parts.iter().flat_map(|part| alternatives(part, subject)).take(ALTERNATIVES_MAX).collect(),
        Truth::Numbers(how, Number::Meter(meter), Number::Constant(n)) => {
            let short = shortfall(*how, *meter, *n, subject);
            short.map(|short| Lacking { meters: vec![short], ..Lacking::default() }).into_iter().collect()
        }
        other => by_attributes(other).into_iter().collect(),
    }
}

/// The thresholds that a part rests on which holds; of several ways the first that does.
fn note_met(truth: &Truth, subject: &Subject<'_>, met: &mut Vec<(usize, i64)>) {
    match truth {
        Truth::All(parts) => parts.iter().for_each(|part| note_met(part, subject, met)),
        Truth::Any(parts) => {
            let first = parts.iter().find(|part| part.holds(subject) == Ok(true));
            first.into_iter().for_each(|part| note_met(part, subject, met));
        }
        Truth::Numbers(how, Number::Meter(meter), Number::Constant(n)) => {
            met.extend(shortfall(*how, *meter, *n, subject).map(|short| (*meter, short.threshold)));
        }
        _ => {}
    }
}

fn shortfall(how: Comparison, meter: usize, n: i64, subject: &Subject<'_>) -> Option<Shortfall> {
    let threshold = match how {
        Comparison::AtLeast => n,
        Comparison::More => n.checked_add(1)?,
        _ => return None,
    };
    let missing = threshold.checked_sub(subject.meters.get(meter).copied().unwrap_or(0))?;
    Some(Shortfall { meter, threshold, missing })
}

/// The attributes that a part looks at which does not hold; `None` if it looks at none, so that nothing can help.
fn by_attributes(part: &Truth) -> Option<Lacking> {
    let mut attributes = Vec::new();
    of_truth(part, &mut attributes);
    (!attributes.is_empty()).then(|| Lacking { attributes, ..Lacking::default() })
}

fn of_truth(truth: &Truth, found: &mut Vec<Box<str>>) {
    match truth {
        Truth::Constant(_) | Truth::Club(_) | Truth::Segment(_) => {}
        Truth::All(parts) | Truth::Any(parts) => parts.iter().for_each(|part| of_truth(part, found)),
        Truth::Not(part) => of_truth(part, found),
        Truth::Same(a, b) => [a, b].into_iter().for_each(|part| of_truth(part, found)),
        Truth::Attribute(attribute) => note(attribute, found),
        Truth::Numbers(_, a, b) => [a, b].into_iter().for_each(|number| of_number(number, found)),
        Truth::NumberIn(number, _) => of_number(number, found),
        Truth::Texts(_, a, b) | Truth::TextHas(_, a, b) => [a, b].into_iter().for_each(|text| of_text(text, found)),
        Truth::TextIn(text, _) => of_text(text, found),
        Truth::Moments(_, a, b) => [a, b].into_iter().for_each(|instant| of_instant(instant, found)),
        Truth::Choice(choice) => {
            [&choice.0, &choice.1, &choice.2].into_iter().for_each(|part| of_truth(part, found));
        }
    }
}

fn of_number(number: &Number, found: &mut Vec<Box<str>>) {
    match number {
        Number::Attribute(attribute) => note(attribute, found),
        Number::Negative(a) | Number::Quotient(a, _) | Number::Remainder(a, _) => of_number(a, found),
        Number::Sum(a, b) | Number::Difference(a, b) | Number::Product(a, b) => {
            [a, b].into_iter().for_each(|part| of_number(part, found));
        }
        Number::Choice(choice) => {
            of_truth(&choice.0, found);
            [&choice.1, &choice.2].into_iter().for_each(|part| of_number(part, found));
        }
        Number::Constant(_) | Number::Total | Number::LineAmount | Number::LineQuantity | Number::Meter(_) => {}
    }
}

fn of_text(text: &Text, found: &mut Vec<Box<str>>) {
    if let Text::Attribute(attribute) = text {
        note(attribute, found);
    }
}

fn of_instant(instant: &Instant, found: &mut Vec<Box<str>>) {
    if let Instant::Attribute(attribute) = instant {
        note(attribute, found);
    }
}

fn note(attribute: &AttributeRef, found: &mut Vec<Box<str>>) {
    if attribute.scope == Scope::Member && !found.contains(&attribute.name) {
        found.push(attribute.name.clone());
    }
}

/// Every way to have one of `a` and one of `b`.
fn both(a: &Alternatives, b: &Alternatives) -> Alternatives {
    let pairs = a.iter().flat_map(|one| b.iter().map(move |other| merged(one, other)));
    pairs.take(ALTERNATIVES_MAX).collect()
}

/// What both take, as one; of two thresholds on a meter the higher one counts.
fn merged(a: &Lacking, b: &Lacking) -> Lacking {
    let mut all = a.clone();
    for short in &b.meters {
        match all.meters.iter_mut().find(|known| known.meter == short.meter) {
            Some(known) => *known = (*known).max(*short),
            None => all.meters.push(*short),
        }
    }
    all.met.extend(&b.met);
    for name in &b.attributes {
        if !all.attributes.contains(name) {
            all.attributes.push(name.clone());
        }
    }
    all
}
