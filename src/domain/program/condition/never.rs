//! What can be told of conditions without a member or a purchase: that they can never hold, or never together, or
//! that one holds wherever another does.
//!
//! A condition is taken apart into ways in which it could hold, each a list of claims (`purchase.kind == "a"`,
//! `nights >= 10`); a way is impossible if what it claims of one thing leaves no value for it. What is not understood
//! is taken to be possible, so that nothing sound is ever refused. It must not know where conditions stand.

use super::tree::{Affix, AttributeRef, Comparison, Instant, Number, Text, Truth};
use crate::domain::program::{ClubId, SegmentId};

/// Steps after which a condition is taken to be possible; it bounds the work for one that multiplies its ways.
const STEPS_MAX: u32 = 1_000;

/// A part of a condition and what it has to come out as.
type Part<'a> = (&'a Truth, bool);

/// Whether these parts can never all come out as wanted.
pub(super) fn never(parts: Vec<Part<'_>>) -> bool {
    let mut steps = STEPS_MAX;
    !possible(parts, Vec::new(), &mut steps)
}

fn possible<'a>(mut pending: Vec<Part<'a>>, mut claims: Vec<Claim<'a>>, steps: &mut u32) -> bool {
    while let Some(part) = pending.pop() {
        let Some(left) = steps.checked_sub(1) else { return true };
        *steps = left;
        match taken_apart(part) {
            Ways::Known(true) => {}
            Ways::Known(false) => return false,
            Ways::Every(parts) => pending.extend(parts),
            Ways::Either(ways) => {
                let mut with = |way: Vec<Part<'a>>| possible([pending.clone(), way].concat(), claims.clone(), steps);
                return ways.into_iter().any(&mut with);
            }
            Ways::Claim(claim) => claims.extend(claim),
        }
    }
    claims.iter().all(|claim| has_a_value(claim, &claims))
}

/// How a part can come out as wanted.
enum Ways<'a> {
    Known(bool),
    Every(Vec<Part<'a>>),
    Either(Vec<Vec<Part<'a>>>),
    Claim(Option<Claim<'a>>),
}

fn taken_apart((truth, wanted): Part<'_>) -> Ways<'_> {
    match (truth, wanted) {
        (Truth::Constant(truth), _) => Ways::Known(*truth == wanted),
        (Truth::Not(part), _) => Ways::Every(vec![(part, !wanted)]),
        (Truth::All(parts), true) | (Truth::Any(parts), false) => {
            Ways::Every(parts.iter().map(|p| (p, wanted)).collect())
        }
        (Truth::All(parts), false) | (Truth::Any(parts), true) => {
            Ways::Either(parts.iter().map(|part| vec![(part, wanted)]).collect())
        }
        (Truth::Same(a, b), _) => Ways::Either(vec![vec![(a, true), (b, wanted)], vec![(a, false), (b, !wanted)]]),
        (Truth::Choice(choice), _) => {
            let (which, yes, no) = &**choice;
            Ways::Either(vec![vec![(which, true), (yes, wanted)], vec![(which, false), (no, wanted)]])
        }
        _ => Ways::Claim(claim(truth, wanted)),
    }
}

/// Something said of one thing.
#[derive(Clone, Copy)]
struct Claim<'a> {
    about: About<'a>,
    test: Test<'a>,
    wanted: bool,
}

/// What a claim is about.
#[derive(Clone, Copy, PartialEq)]
enum About<'a> {
    Number(&'a Number),
    Text(&'a Text),
    Moment(&'a Instant),
    Attribute(&'a AttributeRef),
    Club(ClubId),
    Segment(SegmentId),
}

/// What it is asked.
#[derive(Clone, Copy)]
enum Test<'a> {
    Holds,
    Number(Comparison, i128),
    NumberIn(&'a [i64]),
    Text(Comparison, &'a str),
    TextIn(&'a [Box<str>]),
    TextHas(Affix, &'a str),
}

/// A value that a thing could have.
#[derive(Clone, Copy)]
enum Candidate<'a> {
    Truth(bool),
    Number(i128),
    Text(&'a str),
}

fn claim(truth: &Truth, wanted: bool) -> Option<Claim<'_>> {
    let (about, test) = match truth {
        Truth::Attribute(attribute) => (About::Attribute(attribute), Test::Holds),
        Truth::Club(club) => (About::Club(*club), Test::Holds),
        Truth::Segment(segment) => (About::Segment(*segment), Test::Holds),
        Truth::Numbers(how, number, Number::Constant(n)) => (About::Number(number), Test::Number(*how, (*n).into())),
        Truth::NumberIn(number, list) => (About::Number(number), Test::NumberIn(list)),
        Truth::Texts(how, text, Text::Constant(constant)) => (About::Text(text), Test::Text(*how, constant)),
        Truth::Texts(how, Text::Constant(constant), text) => (About::Text(text), Test::Text(how.mirrored(), constant)),
        Truth::TextIn(text, list) => (About::Text(text), Test::TextIn(list)),
        Truth::TextHas(affix, text, Text::Constant(part)) => (About::Text(text), Test::TextHas(*affix, part)),
        Truth::Moments(how, moment, Instant::Constant(n)) => (About::Moment(moment), Test::Number(*how, n.0.into())),
        Truth::Moments(how, Instant::Constant(n), moment) => {
            (About::Moment(moment), Test::Number(how.mirrored(), n.0.into()))
        }
        _ => return None,
    };
    Some(Claim { about, test, wanted })
}

/// Whether what is claimed of one thing leaves a value for it.
fn has_a_value(claim: &Claim<'_>, claims: &[Claim<'_>]) -> bool {
    let same: Vec<&Claim<'_>> = claims.iter().filter(|other| other.about == claim.about).collect();
    let (low, high) = same.iter().fold((least(claim.about), i128::MAX), |range, claim| narrowed(range, claim));
    let listed = constant(claim.about).or_else(|| same.iter().find_map(|claim| candidates(claim)));
    let listed = listed.or_else(|| (low == high).then(|| vec![Candidate::Number(low)]));
    match listed {
        Some(listed) => listed.iter().any(|candidate| same.iter().all(|claim| claim.allows(*candidate))),
        None => low <= high,
    }
}

/// What a number never lies below: receipts come to nothing at least, and of everything bought there is some.
const fn least(about: About<'_>) -> i128 {
    match about {
        About::Number(Number::Total | Number::LineQuantity) => 0,
        _ => i128::MIN,
    }
}

/// The one value of a constant.
fn constant(about: About<'_>) -> Option<Vec<Candidate<'_>>> {
    Some(vec![match about {
        About::Number(Number::Constant(n)) => Candidate::Number((*n).into()),
        About::Text(Text::Constant(text)) => Candidate::Text(text),
        About::Moment(Instant::Constant(moment)) => Candidate::Number(moment.0.into()),
        _ => return None,
    }])
}

/// The values that a claim leaves, if they can be listed.
fn candidates<'a>(claim: &Claim<'a>) -> Option<Vec<Candidate<'a>>> {
    let equal = |how| how == if claim.wanted { Comparison::Equal } else { Comparison::NotEqual };
    Some(match claim.test {
        Test::Holds => vec![Candidate::Truth(claim.wanted)],
        Test::Number(how, n) if equal(how) => vec![Candidate::Number(n)],
        Test::NumberIn(list) if claim.wanted => list.iter().map(|n| Candidate::Number((*n).into())).collect(),
        Test::Text(how, text) if equal(how) => vec![Candidate::Text(text)],
        Test::TextIn(list) if claim.wanted => list.iter().map(|text| Candidate::Text(text)).collect(),
        _ => return None,
    })
}

/// The part of a range that a claim leaves.
fn narrowed((low, high): (i128, i128), claim: &Claim<'_>) -> (i128, i128) {
    let Test::Number(how, n) = claim.test else { return (low, high) };
    match if claim.wanted { how } else { how.opposite() } {
        Comparison::Equal => (low.max(n), high.min(n)),
        Comparison::NotEqual => (low, high),
        Comparison::Less => (low, high.min(n - 1)),
        Comparison::AtMost => (low, high.min(n)),
        Comparison::More => (low.max(n + 1), high),
        Comparison::AtLeast => (low.max(n), high),
    }
}

impl Claim<'_> {
    fn allows(&self, candidate: Candidate<'_>) -> bool {
        let answer = match (self.test, candidate) {
            (Test::Holds, Candidate::Truth(truth)) => truth,
            (Test::Number(how, n), Candidate::Number(value)) => how.of(&value, &n),
            (Test::NumberIn(list), Candidate::Number(value)) => list.iter().any(|one| i128::from(*one) == value),
            (Test::Text(how, text), Candidate::Text(value)) => how.of(value, text),
            (Test::TextIn(list), Candidate::Text(value)) => list.iter().any(|one| **one == *value),
            (Test::TextHas(affix, part), Candidate::Text(value)) => affix.found(value, part),
            // Things are asked what fits their type; anything else is taken to be possible.
            _ => self.wanted,
        };
        answer == self.wanted
    }
}
