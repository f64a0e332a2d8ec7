//! From the CEL parser's tree to ours: every name resolved, every type checked, everything CEL has and conditions
//! do not have refused. All objections are collected; it must not evaluate anything but constants.

use std::num::NonZeroI64;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators};

use super::Objection;
use super::names::{Names, Typed};
use super::parse::{Parsed, unknown_function};
use super::tree::{Affix, Comparison, Instant, Number, Text, Truth};
use crate::domain::calendar::parse_rfc3339;

pub(super) fn truth(parsed: &Parsed, names: &Names<'_>) -> Result<Truth, Vec<Objection>> {
    let mut lowering = Lowering::new(parsed, names);
    let truth = lowering.truth(&parsed.tree);
    lowering.done(truth)
}

/// The expression, and whether it looks at a line.
pub(super) fn number(parsed: &Parsed, names: &Names<'_>) -> Result<(Number, bool), Vec<Objection>> {
    let mut lowering = Lowering::new(parsed, names);
    let number = lowering.number(&parsed.tree).map(|number| (number, lowering.looks_at_line));
    lowering.done(number)
}

struct Lowering<'a> {
    parsed: &'a Parsed,
    names: &'a Names<'a>,
    objections: Vec<Objection>,
    looks_at_line: bool,
}

impl<'a> Lowering<'a> {
    const fn new(parsed: &'a Parsed, names: &'a Names<'a>) -> Self {
        Self { parsed, names, objections: Vec::new(), looks_at_line: false }
    }

    /// What was lowered, unless something was objected to (an empty list: only to flaws reported elsewhere).
    fn done<T>(self, lowered: Option<T>) -> Result<T, Vec<Objection>> {
        match lowered {
            Some(lowered) if self.objections.is_empty() => Ok(lowered),
            _ => Err(self.objections),
        }
    }

    fn object<T>(&mut self, to: &IdedExpr, message: impl Into<String>) -> Option<T> {
        let source = &self.parsed.places.source;
        let before = source.get(..source.floor_char_boundary(self.start_of(to))).unwrap_or_default();
        let objection = Objection { at: before.chars().count(), message: message.into() };
        if !self.objections.contains(&objection) {
            self.objections.push(objection);
        }
        None
    }

    /// The byte at which an expression begins: the parser marks the operator, the dot or the bracket of one that has parts.
    fn start_of(&self, expression: &IdedExpr) -> usize {
        let marked = self.parsed.places.offset_for(expression.id).map_or(0, |(start, _)| start as usize);
        match &expression.expr {
            Expr::Select(select) => self.start_of(&select.operand),
            Expr::Call(CallExpr { target: Some(target), .. }) => self.start_of(target),
            Expr::Call(CallExpr { func_name, args, .. }) => match args.first() {
                Some(first) if !is_name(func_name) => self.start_of(first).min(marked),
                _ => marked.saturating_sub(func_name.len()),
            },
            _ => marked,
        }
    }

    fn truth(&mut self, expression: &IdedExpr) -> Option<Truth> {
        match self.typed(expression)? {
            Typed::Truth(truth) => Some(truth),
            other => self.object(expression, format!("this is {}, where a yes or no is needed", other.kind())),
        }
    }

    fn number(&mut self, expression: &IdedExpr) -> Option<Number> {
        match self.typed(expression)? {
            Typed::Number(number) => Some(number),
            other => self.object(expression, format!("this is {}, where a whole number is needed", other.kind())),
        }
    }

    fn text(&mut self, expression: &IdedExpr) -> Option<Text> {
        match self.typed(expression)? {
            Typed::Text(text) => Some(text),
            other => self.object(expression, format!("this is {}, where a text is needed", other.kind())),
        }
    }

    fn typed(&mut self, expression: &IdedExpr) -> Option<Typed> {
        match &expression.expr {
            Expr::Ident(name) => {
                let found = self.names.bare(name);
                self.resolved(expression, found)
            }
            Expr::Select(select) => self.select(expression, select),
            Expr::Literal(literal) => self.literal(expression, literal),
            Expr::Call(call) => self.call(expression, call),
            Expr::List(_) => self.object(expression, "a list can only stand after `in`"),
            _ => self.object(expression, "this is not part of a condition"),
        }
    }

    fn resolved(&mut self, at: &IdedExpr, found: Result<Typed, Option<String>>) -> Option<Typed> {
        match found {
            Ok(typed) => Some(typed),
            Err(Some(message)) => self.object(at, message),
            Err(None) => None,
        }
    }

    fn select(&mut self, expression: &IdedExpr, select: &SelectExpr) -> Option<Typed> {
        match &select.operand.expr {
            Expr::Ident(root) if !select.test => {
                self.looks_at_line |= root == "line";
                let found = self.names.field(root, &select.field);
                self.resolved(expression, found)
            }
            _ => self.object(expression, "names have two parts, such as `purchase.total`"),
        }
    }

    fn literal(&mut self, expression: &IdedExpr, literal: &LiteralValue) -> Option<Typed> {
        match literal {
            LiteralValue::Boolean(truth) => Some(Typed::Truth(Truth::Constant(*truth.inner()))),
            LiteralValue::Int(number) => Some(Typed::Number(Number::Constant(*number.inner()))),
            LiteralValue::String(text) => Some(Typed::Text(Text::Constant(text.inner().into()))),
            LiteralValue::Double(_) => self.object(expression, "only whole numbers are counted, in smallest units"),
            LiteralValue::UInt(_) => self.object(expression, "whole numbers are written without `u`"),
            LiteralValue::Bytes(_) | LiteralValue::Null => self.object(expression, "this is not part of a condition"),
        }
    }

    fn call(&mut self, expression: &IdedExpr, call: &CallExpr) -> Option<Typed> {
        match (call.func_name.as_str(), &call.target, call.args.as_slice()) {
            (operators::LOGICAL_AND, None, [a, b]) => self.both(a, b).map(Typed::Truth),
            (operators::LOGICAL_OR, None, [a, b]) => self.either(a, b).map(Typed::Truth),
            (operators::LOGICAL_NOT, None, [a]) => self.truth(a).map(|truth| Typed::Truth(truth.negated())),
            (operators::NEGATE, None, [a]) => self.number(a).map(|a| Typed::Number(negative(a))),
            (operators::CONDITIONAL, None, [which, yes, no]) => self.choice(which, yes, no),
            (operators::IN, None, [a, list]) => self.among(a, list).map(Typed::Truth),
            ("timestamp", None, [text]) => self.timestamp(text),
            ("startsWith", Some(text), [part]) => self.has(Affix::Start, text, part),
            ("endsWith", Some(text), [part]) => self.has(Affix::End, text, part),
            ("contains", Some(text), [part]) => self.has(Affix::Anywhere, text, part),
            (name, None, [a, b]) if !is_name(name) => self.binary(expression, name, a, b),
            (name, ..) if is_name(name) => self.object(expression, unknown_function(name)),
            _ => self.object(expression, "this is not part of a condition"),
        }
    }

    fn both(&mut self, a: &IdedExpr, b: &IdedExpr) -> Option<Truth> {
        let (a, b) = (self.truth(a), self.truth(b));
        let mut parts = Vec::new();
        for part in [a?, b?] {
            match part {
                Truth::All(inner) => parts.extend(inner),
                other => parts.push(other),
            }
        }
        Some(Truth::All(parts.into()))
    }

    fn either(&mut self, a: &IdedExpr, b: &IdedExpr) -> Option<Truth> {
        let (a, b) = (self.truth(a), self.truth(b));
        let mut parts = Vec::new();
        for part in [a?, b?] {
            match part {
                Truth::Any(inner) => parts.extend(inner),
                other => parts.push(other),
            }
        }
        Some(Truth::Any(parts.into()))
    }

    fn choice(&mut self, which: &IdedExpr, yes: &IdedExpr, no: &IdedExpr) -> Option<Typed> {
        let (whether, a, b) = (self.truth(which), self.typed(yes), self.typed(no));
        match (whether?, a?, b?) {
            (whether, Typed::Number(a), Typed::Number(b)) => {
                Some(Typed::Number(Number::Choice(Box::new((whether, a, b)))))
            }
            (whether, Typed::Truth(a), Typed::Truth(b)) => Some(Typed::Truth(Truth::Choice(Box::new((whether, a, b))))),
            (_, a, b) if a.kind() == b.kind() => {
                self.object(yes, format!("`? :` chooses numbers or yes and no, not {}", a.kind()))
            }
            (_, a, b) => self.object(no, format!("`? :` chooses between {} and {}", a.kind(), b.kind())),
        }
    }

    fn has(&mut self, affix: Affix, text: &IdedExpr, part: &IdedExpr) -> Option<Typed> {
        let (text, part) = (self.text(text), self.text(part));
        Some(Typed::Truth(Truth::TextHas(affix, text?, part?)))
    }

    fn timestamp(&mut self, argument: &IdedExpr) -> Option<Typed> {
        let Expr::Literal(LiteralValue::String(text)) = &argument.expr else {
            return self.object(argument, "`timestamp` takes a constant text");
        };
        match parse_rfc3339(text.inner()) {
            Some(moment) => Some(Typed::Moment(Instant::Constant(moment))),
            None => self.object(argument, "not a moment; write it as `2026-05-04T09:30:00Z`"),
        }
    }

    fn binary(&mut self, expression: &IdedExpr, operator: &str, a: &IdedExpr, b: &IdedExpr) -> Option<Typed> {
        if let Some(how) = comparison(operator) {
            return self.compared(how, a, b).map(Typed::Truth);
        }
        let number = match operator {
            operators::DIVIDE | operators::MODULO => self.divided(operator, a, b)?,
            operators::ADD | operators::SUBSTRACT | operators::MULTIPLY => self.reckoned(expression, operator, a, b)?,
            _ => return self.object(expression, "this is not part of a condition"),
        };
        Some(Typed::Number(number))
    }

    fn divided(&mut self, operator: &str, a: &IdedExpr, b: &IdedExpr) -> Option<Number> {
        let (a, by) = (self.number(a), self.number(b));
        let by = match by? {
            Number::Constant(by) => NonZeroI64::new(by),
            _ => None,
        };
        match (by, operator) {
            (None, _) => self.object(b, "only a constant other than 0 can divide"),
            (Some(by), operators::DIVIDE) => Some(Number::Quotient(Box::new(a?), by)),
            (Some(by), _) => Some(Number::Remainder(Box::new(a?), by)),
        }
    }

    fn reckoned(&mut self, whole: &IdedExpr, operator: &str, a: &IdedExpr, b: &IdedExpr) -> Option<Number> {
        let (a, b) = (self.number(a), self.number(b));
        let (a, b) = (a?, b?);
        if let (Number::Constant(a), Number::Constant(b)) = (&a, &b) {
            let folded = match operator {
                operators::ADD => a.checked_add(*b),
                operators::SUBSTRACT => a.checked_sub(*b),
                _ => a.checked_mul(*b),
            };
            return folded.map(Number::Constant).or_else(|| self.object(whole, "this number is too large"));
        }
        let (a, b) = (Box::new(a), Box::new(b));
        Some(match operator {
            operators::ADD => Number::Sum(a, b),
            operators::SUBSTRACT => Number::Difference(a, b),
            _ => Number::Product(a, b),
        })
    }

    fn compared(&mut self, how: Comparison, left: &IdedExpr, right: &IdedExpr) -> Option<Truth> {
        let (a, b) = (self.typed(left), self.typed(right));
        match (a?, b?) {
            (Typed::Number(a @ Number::Constant(_)), Typed::Number(b)) => Some(Truth::Numbers(how.mirrored(), b, a)),
            (Typed::Number(a), Typed::Number(b)) => Some(Truth::Numbers(how, a, b)),
            (Typed::Moment(a), Typed::Moment(b)) => Some(Truth::Moments(how, a, b)),
            (Typed::Text(a), Typed::Text(b)) => {
                self.can_match(&a, &b, right)?;
                self.can_match(&b, &a, left)?;
                Some(Truth::Texts(how, a, b))
            }
            (Typed::Truth(a), Typed::Truth(b)) => match how {
                Comparison::Equal => Some(Truth::Same(Box::new(a), Box::new(b))),
                Comparison::NotEqual => Some(Truth::Not(Box::new(Truth::Same(Box::new(a), Box::new(b))))),
                _ => self.object(left, "yes and no have no order"),
            },
            (a, b) => self.object(left, format!("{} cannot be compared with {}", a.kind(), b.kind())),
        }
    }

    fn can_match(&mut self, text: &Text, constant: &Text, at: &IdedExpr) -> Option<()> {
        let Text::Constant(written) = constant else { return Some(()) };
        match self.names.never(text, written) {
            Some(message) => self.object(at, message),
            None => Some(()),
        }
    }

    /// Whether a member belongs to a club, or is in a segment: the only lists that are not written out.
    fn in_hers(&mut self, one: &IdedExpr, list: Hers) -> Option<Truth> {
        let (what, name) = list.named();
        let Expr::Literal(LiteralValue::String(id)) = &one.expr else {
            return self.object(one, format!("only the id of a {what}, in quotes, is looked for in `member.{name}`"));
        };
        let found = match list {
            Hers::Clubs => self.names.club(id.inner()).map(Truth::Club),
            Hers::Segments => self.names.segment(id.inner()).map(Truth::Segment),
        };
        match found {
            Ok(truth) => Some(truth),
            Err(message) => self.object(one, message),
        }
    }

    fn among(&mut self, one: &IdedExpr, list: &IdedExpr) -> Option<Truth> {
        if let Some(list) = hers(list) {
            return self.in_hers(one, list);
        }
        let typed = self.typed(one);
        let Expr::List(list_of) = &list.expr else {
            return self.object(list, "`in` takes a list of constants, such as `[\"a\", \"b\"]`");
        };
        if list_of.elements.is_empty() {
            return self.object(list, "nothing is in an empty list");
        }
        match typed? {
            Typed::Text(text) => {
                let texts = list_of.elements.iter().map(|element| self.constant_text(&text, element));
                let texts: Vec<_> = texts.collect();
                Some(Truth::TextIn(text, texts.into_iter().collect::<Option<_>>()?))
            }
            Typed::Number(number) => {
                let numbers: Vec<_> = list_of.elements.iter().map(|element| self.constant_number(element)).collect();
                Some(Truth::NumberIn(number, numbers.into_iter().collect::<Option<_>>()?))
            }
            other => self.object(one, format!("`in` looks for texts or numbers, not {}", other.kind())),
        }
    }

    fn constant_text(&mut self, text: &Text, element: &IdedExpr) -> Option<Box<str>> {
        let constant = self.text(element)?;
        self.can_match(text, &constant, element)?;
        match constant {
            Text::Constant(constant) => Some(constant),
            _ => self.object(element, "the list after `in` holds constants only"),
        }
    }

    fn constant_number(&mut self, element: &IdedExpr) -> Option<i64> {
        match self.number(element)? {
            Number::Constant(number) => Some(number),
            _ => self.object(element, "the list after `in` holds constants only"),
        }
    }
}

/// A list that comes with the member.
#[derive(Clone, Copy)]
enum Hers {
    Clubs,
    Segments,
}

impl Hers {
    /// What it lists, and its own name.
    const fn named(self) -> (&'static str, &'static str) {
        match self {
            Self::Clubs => ("club", "clubs"),
            Self::Segments => ("segment", "segments"),
        }
    }
}

/// Which list of the member's this is: `member.clubs` or `member.segments`.
fn hers(expression: &IdedExpr) -> Option<Hers> {
    let Expr::Select(select) = &expression.expr else { return None };
    let is_member = matches!(&select.operand.expr, Expr::Ident(root) if root == "member");
    match select.field.as_str() {
        "clubs" if is_member && !select.test => Some(Hers::Clubs),
        "segments" if is_member && !select.test => Some(Hers::Segments),
        _ => None,
    }
}

fn negative(number: Number) -> Number {
    match number {
        Number::Constant(n) if n != i64::MIN => Number::Constant(n.saturating_neg()),
        other => Number::Negative(Box::new(other)),
    }
}

fn comparison(operator: &str) -> Option<Comparison> {
    Some(match operator {
        operators::EQUALS => Comparison::Equal,
        operators::NOT_EQUALS => Comparison::NotEqual,
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::AtMost,
        operators::GREATER => Comparison::More,
        operators::GREATER_EQUALS => Comparison::AtLeast,
        _ => return None,
    })
}

/// Whether a called thing is a function with a name, and not an operator.
fn is_name(called: &str) -> bool {
    called.starts_with(|letter: char| letter.is_ascii_alphabetic())
}
