//! A purchase request read straight from its bytes, for the requests that come by the hundred thousand a second.
//!
//! Only what is ordinary is read here: known fields, each message once, nothing at fault, the member by her id.
//! Everything else is `None` and goes the long way through the generated types, which knows what to make of unknown
//! fields, of messages in pieces and of bytes that are no message, and which names every fault. So this reader need
//! not say why, only never say yes where the long way would say something else; the tests hold the two together.

use std::sync::Arc;

use super::purchase::{LINES_MAX, RECEIPT_SOURCE_MAX, TENDERS_MAX, redemption_of};
use super::scalars::{ATTRIBUTES_MAX, KEY_MAX, NAME_MAX, TEXT_MAX, moment_of};
use crate::domain::calendar::Zone;
use crate::domain::order::{Line, Purchase, ReceiptKey, Tender};
use crate::domain::program::Value;
use crate::domain::units::{CurrencyCode, Moment, Quantity, Text};

/// What a `RecordPurchaseRequest` or an item of `RecordPurchasesRequest` asks for.
#[derive(Debug)]
pub struct Sale {
    /// The program.
    pub program: Text,
    /// The member's id.
    pub member_id: Text,
    /// The caller's key, if there is one.
    pub request_id: Text,
    /// What was bought.
    pub purchase: Arc<Purchase>,
    /// The last field: `dry_run` of a single request, `omit_member` of an item.
    pub flag: bool,
}

/// A field as it stands in the bytes.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The rest of a message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first()?;
        if *first < 0x80 {
            self.0 = rest;
            return Some(u64::from(*first));
        }
        let mut n = 0;
        for (at, byte) in self.0.iter().enumerate().take(9) {
            n |= u64::from(byte & 0x7f) << (at * 7);
            if *byte < 0x80 {
                self.0 = self.0.get(at + 1..)?;
                return Some(n);
            }
        }
        // The tenth byte holds one bit; more would not be a number of 64.
        let (last, rest) = self.0.get(9..)?.split_first()?;
        self.0 = rest;
        (*last == 1).then_some(n | 1 << 63)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// The next field with its number. The messages read here have none above 15, so a key is one byte.
    fn next(&mut self) -> Option<(u8, Field<'a>)> {
        let (key, rest) = self.0.split_first()?;
        self.0 = rest;
        let field = match key & 7 {
            0 => Field::Number(self.varint()?),
            2 => Field::Bytes(self.bytes()?),
            _ => return None,
        };
        (*key < 0x80).then_some((key >> 3, field))
    }

    /// Hands every field to `take`, which says whether it knows it.
    fn all(mut self, mut take: impl FnMut(u8, Field<'a>) -> Option<()>) -> Option<()> {
        while !self.0.is_empty() {
            let (number, field) = self.next()?;
            take(number, field)?;
        }
        Some(())
    }
}

impl<'a> Field<'a> {
    fn number(self) -> Option<u64> {
        match self {
            Self::Number(n) => Some(n),
            Self::Bytes(_) => None,
        }
    }

    fn signed(self) -> Option<i64> {
        self.number().map(u64::cast_signed)
    }

    fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Number(_) => None,
        }
    }

    fn str(self, max: usize) -> Option<&'a str> {
        let bytes = self.bytes().filter(|bytes| bytes.len() <= max)?;
        std::str::from_utf8(bytes).ok()
    }

    fn text(self, max: usize) -> Option<Text> {
        self.str(max).map(Text::from)
    }

    fn message(self) -> Option<Fields<'a>> {
        self.bytes().map(Fields)
    }
}

/// Puts a value where none is yet: a message that comes in two pieces is for the long way.
fn once<T>(place: &mut Option<T>, value: Option<T>) -> Option<()> {
    match place.replace(value?) {
        None => Some(()),
        Some(_) => None,
    }
}

fn put<T>(place: &mut T, value: Option<T>) -> Option<()> {
    *place = value?;
    Some(())
}

fn given(text: Text) -> Option<Text> {
    Some(text).filter(|text| !text.is_empty())
}

/// Reads a request.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Sale> {
    let [mut program, mut member_id, mut request_id] = [const { Text::const_new("") }; 3];
    let (mut purchase, mut flag) = (None, false);
    Fields(bytes).all(|number, field| match number {
        1 => put(&mut program, field.text(NAME_MAX)),
        2 => put(&mut member_id, field.text(KEY_MAX)),
        4 => once(&mut purchase, read_purchase(field.message()?)),
        5 => put(&mut request_id, field.text(KEY_MAX)),
        6 => put(&mut flag, field.number().map(|n| n != 0)),
        _ => None,
    })?;
    let member_id = given(member_id).filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic()))?;
    Some(Sale { program: given(program)?, member_id, request_id, purchase: Arc::new(purchase?), flag })
}

fn read_purchase(fields: Fields<'_>) -> Option<Purchase> {
    let (mut receipt, mut occurred_at, mut zone) = (None, None, "");
    let (mut lines, mut tenders) = (Bill::new(LINES_MAX), Bill::new(TENDERS_MAX));
    let [mut kind, mut channel, mut store, mut partner] = [const { Text::const_new("") }; 4];
    let mut attributes = Vec::new();
    fields.all(|number, field| match number {
        1 => once(&mut receipt, read_receipt(field.message()?)),
        2 => put(&mut kind, field.text(NAME_MAX)),
        3 => once(&mut occurred_at, read_moment(field.message()?)),
        4 => lines.add(read_line(field.message()?)?),
        5 => tenders.add(read_tender(field.message()?)?),
        6 => put(&mut channel, field.text(TEXT_MAX)),
        7 => put(&mut store, field.text(TEXT_MAX)),
        8 => put(&mut partner, field.text(TEXT_MAX)),
        9 => put(&mut zone, field.str(TEXT_MAX)),
        10 => add_attribute(&mut attributes, field.message()?),
        _ => None,
    })?;
    let currency = lines.currency.filter(|currency| tenders.currency.is_none_or(|other| other == *currency))?;
    let lines = sound(lines.items)?;
    let zone = if zone.is_empty() { None } else { Some(Zone::named(zone)?) };
    let (receipt, kind, occurred_at) = (receipt?, given(kind)?, occurred_at?);
    let (tenders, attributes) = (tenders.items, sorted(attributes)?);
    Some(Purchase { receipt, kind, occurred_at, zone, currency, lines, tenders, channel, store, partner, attributes })
}

/// Lines or tenders, and the one currency they are in.
struct Bill<T> {
    items: Vec<T>,
    currency: Option<CurrencyCode>,
    max: usize,
}

impl<T> Bill<T> {
    const fn new(max: usize) -> Self {
        Self { items: Vec::new(), currency: None, max }
    }

    fn add(&mut self, (item, currency): (T, CurrencyCode)) -> Option<()> {
        if self.items.len() >= self.max || *self.currency.get_or_insert(currency) != currency {
            return None;
        }
        self.items.push(item);
        Some(())
    }
}

/// Lines with ids of their own that do not add up to less than nothing.
fn sound(lines: Vec<Line>) -> Option<Vec<Line>> {
    let twice = |(at, line): (usize, &Line)| lines.iter().take(at).any(|other| other.line_id == line.line_id);
    let total = lines.iter().fold(0_i128, |sum, line| sum.saturating_add(line.minor_units.into()));
    (total >= 0 && !lines.iter().enumerate().any(twice)).then_some(lines)
}

fn read_receipt(fields: Fields<'_>) -> Option<ReceiptKey> {
    let [mut source, mut id] = [const { Text::const_new("") }; 2];
    fields.all(|number, field| match number {
        1 => put(&mut source, field.text(RECEIPT_SOURCE_MAX)),
        2 => put(&mut id, field.text(KEY_MAX)),
        _ => None,
    })?;
    Some(ReceiptKey { source: given(source)?, id: given(id)? })
}

fn read_moment(fields: Fields<'_>) -> Option<Moment> {
    let (mut seconds, mut nanos) = (0, 0);
    fields.all(|number, field| match number {
        1 => put(&mut seconds, field.signed()),
        2 => put(&mut nanos, field.number().and_then(|n| i32::try_from(n).ok())),
        _ => None,
    })?;
    moment_of(&prost_types::Timestamp { seconds, nanos })
}

fn read_line(fields: Fields<'_>) -> Option<(Line, CurrencyCode)> {
    let [mut line_id, mut sku, mut category] = [const { Text::const_new("") }; 3];
    let (mut quantity, mut amount, mut attributes) = ("", None, Vec::new());
    fields.all(|number, field| match number {
        1 => put(&mut line_id, field.text(NAME_MAX)),
        2 => put(&mut sku, field.text(TEXT_MAX)),
        3 => put(&mut category, field.text(TEXT_MAX)),
        4 => put(&mut quantity, field.str(usize::MAX)),
        5 => once(&mut amount, read_money(field.message()?)),
        6 => add_attribute(&mut attributes, field.message()?),
        _ => None,
    })?;
    let quantity = if quantity.is_empty() { Quantity::ONE } else { Quantity::parse(quantity)? };
    let ((currency, minor_units), attributes) = (amount?, sorted(attributes)?);
    Some((Line { line_id: given(line_id)?, sku, category, quantity, minor_units, attributes }, currency))
}

fn read_tender(fields: Fields<'_>) -> Option<(Tender, CurrencyCode)> {
    let (mut kind, mut amount, mut redemption) = (Text::default(), None, "");
    fields.all(|number, field| match number {
        1 => put(&mut kind, field.text(NAME_MAX)),
        2 => once(&mut amount, read_money(field.message()?)),
        3 => put(&mut redemption, field.str(usize::MAX)),
        _ => None,
    })?;
    let (currency, minor_units) = amount.filter(|(_, minor_units)| *minor_units >= 0)?;
    Some((Tender { kind: given(kind)?, minor_units, redemption: redemption_of(redemption)? }, currency))
}

fn read_money(fields: Fields<'_>) -> Option<(CurrencyCode, i64)> {
    let (mut code, mut minor_units) = ("", 0);
    fields.all(|number, field| match number {
        1 => put(&mut code, field.str(usize::MAX)),
        2 => put(&mut minor_units, field.signed()),
        _ => None,
    })?;
    Some((CurrencyCode::parse(code)?, minor_units))
}

fn add_attribute(attributes: &mut Vec<(Text, Value)>, fields: Fields<'_>) -> Option<()> {
    let (mut name, mut value) = (Text::default(), None);
    fields.all(|number, field| match number {
        1 => put(&mut name, field.text(NAME_MAX)),
        2 => once(&mut value, read_value(field.message()?)),
        _ => None,
    })?;
    attributes.push((given(name)?, value?));
    (attributes.len() <= ATTRIBUTES_MAX).then_some(())
}

fn read_value(fields: Fields<'_>) -> Option<Value> {
    let mut value = None;
    fields.all(|number, field| {
        let read = match number {
            1 => field.signed().map(Value::Integer),
            2 => field.text(TEXT_MAX).map(Value::Text),
            3 => field.number().map(|n| Value::Bool(n != 0)),
            4 => read_moment(field.message()?).map(Value::Moment),
            _ => None,
        };
        once(&mut value, read)
    })?;
    value
}

/// Attributes by name, each once.
fn sorted(mut attributes: Vec<(Text, Value)>) -> Option<Vec<(Text, Value)>> {
    attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
    let twice = attributes.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a == b));
    (!twice).then_some(attributes)
}
