//! The small values of the wire and their limits: texts, moments, money, attributes.
//!
//! Reading takes ownership, so that a text travels from the socket into the order without being copied. Every
//! reader returns something in any case and notes its faults; the request is refused in the end.

use std::collections::BTreeMap;

use prost_types::Timestamp;

use super::faults::{Faults, Path};
use crate::domain::program::Value;
use crate::domain::units::{CurrencyCode, Moment, Text};
use crate::pb;

/// The longest free text (sku, category, channel, store, partner, note, value of an attribute), in bytes.
pub const TEXT_MAX: usize = 256;
/// The longest short name (line id, kind of a purchase or tender, name of an attribute), in bytes.
pub const NAME_MAX: usize = 64;
/// The longest member id, request id and receipt number, in bytes.
pub const KEY_MAX: usize = 128;
/// The most attributes one thing can carry.
pub const ATTRIBUTES_MAX: usize = 64;

/// A text that may be empty.
pub fn text(value: String, max: usize, path: &Path<'_>, faults: &mut Faults) -> Text {
    if value.len() > max {
        faults.at(path, format_args!("has {} bytes, at most {max} are allowed", value.len()));
    }
    value.into()
}

/// A text that must not be empty.
pub fn required_text(value: String, max: usize, path: &Path<'_>, faults: &mut Faults) -> Text {
    if value.is_empty() {
        faults.missing(path);
    }
    text(value, max, path, faults)
}

/// A moment that must be there; what is finer than a microsecond is cut off.
pub fn required_moment(value: Option<Timestamp>, path: &Path<'_>, faults: &mut Faults) -> Moment {
    if value.is_none() {
        faults.missing(path);
    }
    moment(value, path, faults).unwrap_or_default()
}

/// A moment that may be absent.
pub fn moment(value: Option<Timestamp>, path: &Path<'_>, faults: &mut Faults) -> Option<Moment> {
    let read = moment_of(value.as_ref()?);
    if read.is_none() {
        faults.at(path, "lies outside the years 1 to 9999, or its nanos outside 0 to 999,999,999");
    }
    read
}

/// 0001-01-01T00:00:00Z and the last second of 9999, the range of a protobuf timestamp.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// The moment of a stamp, if it is one.
#[must_use]
pub fn moment_of(stamp: &Timestamp) -> Option<Moment> {
    let nanos = u32::try_from(stamp.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    let micros = SECONDS.contains(&stamp.seconds).then_some(stamp.seconds)?.checked_mul(1_000_000)?;
    micros.checked_add(i64::from(nanos / 1_000)).map(Moment)
}

/// A moment on the wire; `None` for the beginning and the end of time, which have no date.
#[must_use]
pub fn stamp(moment: Moment) -> Option<Timestamp> {
    let seconds = moment.0.div_euclid(1_000_000);
    let nanos = i32::try_from(moment.0.rem_euclid(1_000_000)).ok()?.checked_mul(1_000)?;
    SECONDS.contains(&seconds).then_some(Timestamp { seconds, nanos })
}

/// The amount of money at `path`, which must be in the currency of the amounts before it.
pub fn amount(
    value: Option<pb::Money>,
    currency: &mut Option<CurrencyCode>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> i64 {
    let Some(money) = value else {
        faults.missing(path);
        return 0;
    };
    let code_path = Path::Field(path, "currency_code");
    match (CurrencyCode::parse(&money.currency_code), *currency) {
        (None, _) => faults.at(&code_path, "must be an ISO 4217 code, three upper-case letters"),
        (Some(code), None) => *currency = Some(code),
        (Some(code), Some(first)) if code != first => {
            faults.at(&code_path, format_args!("must be {first:?} like the amounts before it, not {code:?}"));
        }
        _ => {}
    }
    money.minor_units
}

/// Attributes by name; they come sorted.
pub fn attributes(
    values: BTreeMap<String, pb::AttributeValue>,
    parent: &Path<'_>,
    faults: &mut Faults,
) -> Vec<(Text, Value)> {
    if values.len() > ATTRIBUTES_MAX {
        let message = format_args!("has {} entries, at most {ATTRIBUTES_MAX} are allowed", values.len());
        faults.at(&Path::Field(parent, "attributes"), message);
        return Vec::new();
    }
    let read = values.into_iter().filter_map(|(name, value)| {
        let found = attribute(value, &Path::Key(parent, "attributes", &name), faults)?;
        if name.is_empty() || name.len() > NAME_MAX {
            let message = format_args!("is under a name that does not have 1 to {NAME_MAX} bytes");
            faults.at(&Path::Key(parent, "attributes", &name), message);
        }
        Some((name.into(), found))
    });
    read.collect()
}

fn attribute(value: pb::AttributeValue, path: &Path<'_>, faults: &mut Faults) -> Option<Value> {
    use pb::attribute_value::Value as Wire;
    match value.value {
        None => {
            faults.at(path, "has no value");
            None
        }
        Some(Wire::Integer(number)) => Some(Value::Integer(number)),
        Some(Wire::Boolean(yes)) => Some(Value::Bool(yes)),
        Some(Wire::Text(value)) => Some(Value::Text(text(value, TEXT_MAX, &Path::Field(path, "text"), faults))),
        Some(Wire::Moment(value)) => moment(Some(value), &Path::Field(path, "moment"), faults).map(Value::Moment),
    }
}

/// An attribute's value on the wire.
#[must_use]
pub fn attribute_value(value: &Value) -> pb::AttributeValue {
    use pb::attribute_value::Value as Wire;
    let value = match value {
        Value::Integer(number) => Some(Wire::Integer(*number)),
        Value::Text(text) => Some(Wire::Text(text.to_string())),
        Value::Bool(yes) => Some(Wire::Boolean(*yes)),
        Value::Moment(moment) => stamp(*moment).map(Wire::Moment),
    };
    pb::AttributeValue { value }
}

/// A version on the wire, where counts are `int32`.
#[must_use]
pub fn count32(n: impl TryInto<i32>) -> i32 {
    n.try_into().unwrap_or(i32::MAX)
}

/// A count on the wire, where counts are `int64`.
#[must_use]
pub fn count64(n: impl TryInto<i64>) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}
