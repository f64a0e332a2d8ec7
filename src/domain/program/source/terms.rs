//! The small forms a program file is made of: ids, names, decimals, days, moments, spans and conditions.

use std::borrow::Cow;

use toml::de::DeValue;

use super::sheet::{Node, Table};
use crate::domain::calendar::{CalendarSpan, Day, MonthDay, Zone, parse_rfc3339};
use crate::domain::program::Window;
use crate::domain::program::condition::{Condition, IntegerExpression, Names, Objection};
use crate::domain::units::{Moment, Points, Span, parse_decimal};

/// Words of the condition language that cannot name anything.
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "line",
    "loop",
    "member",
    "namespace",
    "null",
    "package",
    "purchase",
    "return",
    "timestamp",
    "true",
    "var",
    "void",
    "while",
];

/// What is wrong with an id of a program, wallet, tier, rule or kind.
pub(super) fn id_flaw(id: &str) -> Option<String> {
    let plain = id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    let sound = plain && (1..=64).contains(&id.len());
    (!sound).then(|| "an id is 1 to 64 of `a-z`, `0-9`, `_` and `-`".into())
}

/// What is wrong with an id that conditions use as a name.
pub(super) fn name_flaw(id: &str) -> Option<String> {
    let plain = id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let sound = plain && (1..=64).contains(&id.len()) && !id.starts_with(|first: char| first.is_ascii_digit());
    if !sound {
        return Some(
            "conditions use this as a name: 1 to 64 of `a-z`, `0-9` and `_`, not starting with a digit".into(),
        );
    }
    RESERVED.contains(&id).then(|| format!("`{id}` means something else in conditions"))
}

/// An id written as a value.
pub(super) fn id<'a>(node: &Node<'a>) -> Option<&'a str> {
    let id = node.text()?;
    match id_flaw(id) {
        Some(message) => node.refuse(message),
        None => Some(id),
    }
}

/// A name for people: 1 to 200 characters, no control characters.
pub(super) fn name(node: &Node<'_>) -> Option<Box<str>> {
    let name = node.text()?;
    let sound = !name.trim().is_empty() && name.chars().count() <= 200 && !name.chars().any(char::is_control);
    if sound { Some(name.into()) } else { node.refuse("a name has 1 to 200 characters and no control characters") }
}

/// The most decimals that a wallet, a meter or a currency has.
const DECIMALS_MAX: u8 = 4;

pub(super) fn decimals(node: &Node<'_>) -> Option<u8> {
    node.integer(0..=DECIMALS_MAX.into()).and_then(|decimals| u8::try_from(decimals).ok())
}

pub(super) fn span(node: &Node<'_>) -> Option<CalendarSpan> {
    CalendarSpan::parse(node.text()?)
        .or_else(|| node.refuse("not a span; write days, months or years as `400d`, `6mo` or `2y`"))
}

/// How long before something else: minutes, hours or days, since it is counted from a moment and not from a day.
pub(super) fn lead(node: &Node<'_>) -> Option<Span> {
    const DAYS_MAX: i64 = 3_660;
    let written = node.text()?;
    let (number, unit) = written.split_at(written.find(|c: char| !c.is_ascii_digit()).unwrap_or(written.len()));
    let seconds = match unit {
        "m" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        _ => None,
    };
    let seconds = seconds.zip(number.parse::<i64>().ok()).and_then(|(one, number)| number.checked_mul(one));
    let sound = seconds.filter(|seconds| (1..=DAYS_MAX * 86_400).contains(seconds));
    sound.map(Span::seconds).or_else(|| {
        node.refuse(format!(
            "not a time ahead; write minutes, hours or at most {DAYS_MAX} days as `30m`, `24h` or `7d`"
        ))
    })
}

pub(super) fn month_day(node: &Node<'_>) -> Option<MonthDay> {
    MonthDay::parse(node.text()?).or_else(|| node.refuse("not a day of the year; write month and day as `03-01`"))
}

/// A moment with its offset, or a day, which stands for its first moment in the program's zone.
///
/// Without a zone (it is flawed, which was said) a day gives nothing and is not reported.
pub(super) fn moment(node: &Node<'_>, zone: Option<&Zone>) -> Option<Moment> {
    let written = match node.value() {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
        _ => return node.wrong("a moment"),
    };
    if let Some(moment) = parse_rfc3339(&written) {
        return Some(moment);
    }
    match day(&written) {
        Some(day) => zone.map(|zone| zone.start_of(day)),
        None => {
            node.refuse("not a moment; write `2025-12-17T00:00:00-06:00`, or `2025-12-17` for the start of that day")
        }
    }
}

fn day(written: &str) -> Option<Day> {
    if written.len() == 10 { Day::parse(written) } else { None }
}

/// The span in which something is counted.
pub(super) fn window(node: &Node<'_>) -> Option<Window> {
    if node.value().is_str() {
        return node.choice(&[("lifetime", Window::Lifetime), ("anniversary_year", Window::AnniversaryYear)]);
    }
    let table = node.table()?;
    let (year, days, months) = (table.find("calendar_year"), table.find("rolling_days"), table.find("rolling_months"));
    let window = match (year, days, months) {
        (Some(year), None, None) => month_day(&year).map(Window::CalendarYear),
        (None, Some(days), None) => {
            days.integer(1..=3_660).and_then(|n| i32::try_from(n).ok()).map(Window::RollingDays)
        }
        (None, None, Some(months)) => {
            months.integer(1..=120).and_then(|n| i32::try_from(n).ok()).map(Window::RollingMonths)
        }
        _ => node.refuse(
            "a window is `\"lifetime\"`, `\"anniversary_year\"`, `{ calendar_year = \"03-01\" }`, `{ rolling_days = 365 }` or `{ rolling_months = 12 }`",
        ),
    };
    table.close();
    window
}

/// When something starts (the beginning of time if it does not say) and ends (never).
pub(super) fn dates(table: &Table<'_>, zone: Option<&Zone>, what: &str) -> (Moment, Moment) {
    let (from, until) = (table.find("from"), table.find("until"));
    let starts = from.and_then(|node| moment(&node, zone)).unwrap_or(Moment::BEGINNING);
    let ends = until.as_ref().and_then(|node| moment(node, zone)).unwrap_or(Moment::NEVER);
    if let (true, Some(until)) = (starts >= ends, until) {
        until.flaw(format!("{what} ends after it starts"));
    }
    (starts, ends)
}

/// Points in units of 10^-`decimals`, more than none. Where those are flawed themselves, the form is checked all the same,
/// so that every flaw is said at once, and there are none.
pub(super) fn points(node: &Node<'_>, decimals: Option<u8>) -> Option<Points> {
    let written = decimal(node)?;
    let units = parse_decimal(&written, decimals.unwrap_or_else(|| decimals_written(&written)));
    match (units.filter(|units| *units > 0), decimals) {
        (Some(units), decimals) => decimals.map(|_| Points(units)),
        (None, Some(0)) => node.refuse("points are a whole number above 0, such as `150`"),
        (None, Some(most)) => {
            node.refuse(format!("points are a number above 0 with at most {most} decimals, such as `150`"))
        }
        (None, None) => node.refuse("points are a number above 0, such as `150`"),
    }
}

/// As many decimals as a text has, up to as many as there are anywhere: a stand-in for those that are not known.
pub(super) fn decimals_written(text: &str) -> u8 {
    let fraction = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    u8::try_from(fraction).unwrap_or(u8::MAX).min(DECIMALS_MAX)
}

/// A decimal as it is written: a text or a whole number.
pub(super) fn decimal<'a>(node: &Node<'a>) -> Option<Cow<'a, str>> {
    match node.value() {
        DeValue::String(text) => Some(Cow::Borrowed(text)),
        DeValue::Integer(_) => node.integer(i64::MIN..=i64::MAX).map(|number| Cow::Owned(number.to_string())),
        _ => node.wrong("a whole number or a decimal in quotes"),
    }
}

/// A condition, with its objections placed.
pub(super) fn condition(node: &Node<'_>, names: &Names<'_>) -> Option<Condition> {
    placed(node, Condition::read(node.text()?, names))
}

/// A condition that has to hold at times for what it stands on to be of any use.
pub(super) fn possible(node: &Node<'_>, names: &Names<'_>) -> Option<Condition> {
    let condition = condition(node, names)?;
    if condition.never_holds() {
        node.doubt("this can never hold");
    }
    Some(condition)
}

/// A whole-number expression, with its objections placed.
pub(super) fn expression(node: &Node<'_>, names: &Names<'_>) -> Option<IntegerExpression> {
    placed(node, IntegerExpression::read(node.text()?, names))
}

fn placed<T>(node: &Node<'_>, read: Result<T, Vec<Objection>>) -> Option<T> {
    read.map_err(|objections| {
        for objection in objections {
            node.sheet.flaw(node.place_of(objection.at), &node.path, objection.message);
        }
    })
    .ok()
}

/// A message of somebody else's as ours are: one line, lower case, no full stop.
pub(super) fn one_line(message: &str) -> String {
    let joined = message.split_whitespace().collect::<Vec<_>>().join(" ");
    joined.trim_end_matches('.').to_owned()
}
