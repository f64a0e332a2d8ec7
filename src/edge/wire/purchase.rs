//! A purchase, from the wire to the domain and back.
//!
//! Everything that can be judged without a program is judged here; what the program declares (kinds, attributes)
//! is the domain's to judge.

use std::sync::Arc;

use super::entries::{entry_id, seq_of};
use super::faults::{Faults, Path};
use super::scalars::{
    KEY_MAX, NAME_MAX, TEXT_MAX, amount, attribute_value, attributes, required_moment, required_text, stamp, text,
};
use crate::domain::calendar::Zone;
use crate::domain::event::Seq;
use crate::domain::order::{Line, Purchase, ReceiptKey, Tender};
use crate::domain::units::{CurrencyCode, Quantity, Text};
use crate::pb;

/// The most lines on a receipt.
pub const LINES_MAX: usize = 500;
/// The most means of payment on a receipt.
pub const TENDERS_MAX: usize = 32;
/// The longest name of an issuing system, in bytes.
pub const RECEIPT_SOURCE_MAX: usize = 64;

/// The purchase a till reports; its receipt is its key.
pub fn purchase(given: Option<pb::Purchase>, faults: &mut Faults) -> Option<Arc<Purchase>> {
    let path = Path::Field(&Path::Request, "purchase");
    let Some(given) = given else {
        faults.missing(&path);
        return None;
    };
    read(given, &path, faults).map(Arc::new)
}

/// A purchase to quote: one without a receipt gets a number that no till can have used.
pub fn quoted_purchase(given: Option<pb::Purchase>, faults: &mut Faults) -> Option<Arc<Purchase>> {
    let given = given.map(|mut purchase| {
        purchase
            .receipt
            .get_or_insert_with(|| pb::Receipt { source: "quote".into(), id: uuid::Uuid::now_v7().to_string() });
        purchase
    });
    purchase(given, faults)
}

/// The purchase at `path`.
pub(super) fn read(given: pb::Purchase, path: &Path<'_>, faults: &mut Faults) -> Option<Purchase> {
    let mut currency = None;
    let receipt = receipt(given.receipt, &Path::Field(path, "receipt"), faults);
    let kind = required_text(given.kind, NAME_MAX, &Path::Field(path, "kind"), faults);
    let occurred_at = required_moment(given.occurred_at, &Path::Field(path, "occurred_at"), faults);
    let lines = lines(given.lines, &mut currency, path, faults);
    let tenders = tenders(given.tenders, &mut currency, path, faults);
    let channel = text(given.channel, TEXT_MAX, &Path::Field(path, "channel"), faults);
    let store = text(given.store, TEXT_MAX, &Path::Field(path, "store"), faults);
    let partner = text(given.partner, TEXT_MAX, &Path::Field(path, "partner"), faults);
    let zone = zone(&given.time_zone, &Path::Field(path, "time_zone"), faults);
    let attributes = attributes(given.attributes, path, faults);
    let currency = currency?;
    Some(Purchase { receipt, kind, occurred_at, zone, currency, lines, tenders, channel, store, partner, attributes })
}

/// The receipt at `path`, which must be there.
pub(super) fn receipt(given: Option<pb::Receipt>, path: &Path<'_>, faults: &mut Faults) -> ReceiptKey {
    let Some(given) = given else {
        faults.missing(path);
        return ReceiptKey { source: Text::default(), id: Text::default() };
    };
    ReceiptKey {
        source: required_text(given.source, RECEIPT_SOURCE_MAX, &Path::Field(path, "source"), faults),
        id: required_text(given.id, KEY_MAX, &Path::Field(path, "id"), faults),
    }
}

fn zone(name: &str, path: &Path<'_>, faults: &mut Faults) -> Option<Zone> {
    if name.is_empty() {
        return None;
    }
    let zone = Zone::named(name);
    if zone.is_none() {
        faults.at(path, "is not an IANA time zone");
    }
    zone
}

fn lines(
    given: Vec<pb::PurchaseLine>,
    currency: &mut Option<CurrencyCode>,
    parent: &Path<'_>,
    faults: &mut Faults,
) -> Vec<Line> {
    let path = Path::Field(parent, "lines");
    if !(1..=LINES_MAX).contains(&given.len()) {
        faults.at(&path, format_args!("has {} lines, 1 to {LINES_MAX} are allowed", given.len()));
        return Vec::new();
    }
    let mut read: Vec<Line> = Vec::with_capacity(given.len());
    for (position, value) in given.into_iter().enumerate() {
        let path = Path::Element(parent, "lines", position);
        let line = line(value, currency, &path, faults);
        let twin = read.iter().position(|other| other.line_id == line.line_id);
        if let Some(first) = twin.filter(|_| !line.line_id.is_empty()) {
            let message = format_args!("is the same as that of {}", Path::Element(parent, "lines", first));
            faults.at(&Path::Field(&path, "line_id"), message);
        }
        read.push(line);
    }
    let total = read.iter().fold(0_i128, |sum, line| sum.saturating_add(line.minor_units.into()));
    if total < 0 {
        faults.at(&path, format_args!("add up to {total} minor units, a receipt's total must not be negative"));
    }
    read
}

fn line(given: pb::PurchaseLine, currency: &mut Option<CurrencyCode>, path: &Path<'_>, faults: &mut Faults) -> Line {
    Line {
        line_id: required_text(given.line_id, NAME_MAX, &Path::Field(path, "line_id"), faults),
        sku: text(given.sku, TEXT_MAX, &Path::Field(path, "sku"), faults),
        category: text(given.category, TEXT_MAX, &Path::Field(path, "category"), faults),
        quantity: quantity(&given.quantity, &Path::Field(path, "quantity"), faults),
        minor_units: amount(given.amount, currency, &Path::Field(path, "amount"), faults),
        attributes: attributes(given.attributes, path, faults),
    }
}

pub(super) fn quantity(written: &str, path: &Path<'_>, faults: &mut Faults) -> Quantity {
    if written.is_empty() {
        return Quantity::ONE;
    }
    let read = Quantity::parse(written);
    if read.is_none() {
        faults.at(path, "must be a plain decimal from 0 to 1,000,000,000,000 with at most three decimals");
    }
    read.unwrap_or_default()
}

fn tenders(
    given: Vec<pb::Tender>,
    currency: &mut Option<CurrencyCode>,
    parent: &Path<'_>,
    faults: &mut Faults,
) -> Vec<Tender> {
    if given.len() > TENDERS_MAX {
        let message = format_args!("has {} entries, at most {TENDERS_MAX} are allowed", given.len());
        faults.at(&Path::Field(parent, "tenders"), message);
        return Vec::new();
    }
    let read = given.into_iter().enumerate().map(|(position, value)| {
        let path = Path::Element(parent, "tenders", position);
        let kind = required_text(value.kind, NAME_MAX, &Path::Field(&path, "kind"), faults);
        let minor_units = amount(value.amount, currency, &Path::Field(&path, "amount"), faults);
        if minor_units < 0 {
            faults.at(&Path::Field(&path, "amount"), "must not be negative");
        }
        let redemption = redemption(&value.redemption_id, &Path::Field(&path, "redemption_id"), faults);
        Tender { kind, minor_units, redemption }
    });
    read.collect()
}

/// The hold or redemption that a means of payment names.
fn redemption(id: &str, path: &Path<'_>, faults: &mut Faults) -> Seq {
    let read = redemption_of(id);
    if read.is_none() {
        faults.at(path, "is not the id of a hold or a redemption");
    }
    read.unwrap_or_default()
}

/// The hold or redemption with this id, [`Seq::NONE`] if it is empty.
pub(super) fn redemption_of(id: &str) -> Option<Seq> {
    if id.is_empty() { Some(Seq::NONE) } else { seq_of(id) }
}

/// The purchase as the till reported it.
#[must_use]
pub fn reported(purchase: &Purchase) -> pb::Purchase {
    let named = |attributes: &[(Text, _)]| {
        attributes.iter().map(|(name, value)| (name.to_string(), attribute_value(value))).collect()
    };
    let line = |line: &Line| pb::PurchaseLine {
        line_id: line.line_id.to_string(),
        sku: line.sku.to_string(),
        category: line.category.to_string(),
        quantity: line.quantity.to_string(),
        amount: Some(money(purchase.currency, line.minor_units)),
        attributes: named(&line.attributes),
    };
    let tender = |tender: &Tender| pb::Tender {
        kind: tender.kind.to_string(),
        amount: Some(money(purchase.currency, tender.minor_units)),
        redemption_id: entry_id(tender.redemption),
    };
    pb::Purchase {
        receipt: Some(receipt_of(&purchase.receipt)),
        kind: purchase.kind.to_string(),
        occurred_at: stamp(purchase.occurred_at),
        lines: purchase.lines.iter().map(line).collect(),
        tenders: purchase.tenders.iter().map(tender).collect(),
        channel: purchase.channel.to_string(),
        store: purchase.store.to_string(),
        partner: purchase.partner.to_string(),
        time_zone: purchase.zone.as_ref().map(|zone| zone.name().to_owned()).unwrap_or_default(),
        attributes: named(&purchase.attributes),
    }
}

/// A receipt on the wire.
#[must_use]
pub fn receipt_of(receipt: &ReceiptKey) -> pb::Receipt {
    pb::Receipt { source: receipt.source.to_string(), id: receipt.id.to_string() }
}

fn money(currency: CurrencyCode, minor_units: i64) -> pb::Money {
    pb::Money { currency_code: currency.as_str().to_owned(), minor_units }
}
