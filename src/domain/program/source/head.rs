//! The keys at the top of a program file: what holds for the whole program.

use super::sheet::{Node, Table};
use super::terms;
use crate::domain::calendar::{CalendarSpan, Zone};
use crate::domain::program::suggest::did_you_mean;
use crate::domain::program::{OnClose, OnReturn};
use crate::domain::units::CurrencyCode;

/// The most kinds of purchases.
const KINDS_MAX: usize = 64;

/// What the top keys say; `None` where they are flawed.
pub(super) struct Head {
    pub id: Option<Box<str>>,
    pub name: Option<Box<str>>,
    pub zone: Option<Zone>,
    pub currency: Option<CurrencyCode>,
    pub accept_late: CalendarSpan,
    pub credit_before_enrolment: bool,
    pub on_close: OnClose,
    pub on_return: OnReturn,
    pub kinds: Vec<Box<str>>,
}

pub(super) fn read(table: &Table<'_>) -> Head {
    let id: Option<Box<str>> = table.need("id").and_then(|node| terms::id(&node).map(Into::into));
    let name = match table.find("name") {
        Some(node) => terms::name(&node),
        None => id.clone(),
    };
    let on_return = |node: Node<'_>| node.choice(&[("withdraw", OnReturn::Withdraw), ("keep", OnReturn::Keep)]);
    Head {
        id,
        name,
        zone: table.need("zone").and_then(|node| zone(&node)),
        currency: table.need("currency").and_then(|node| currency(&node)),
        accept_late: table.find("accept_late").and_then(|node| terms::span(&node)).unwrap_or(CalendarSpan::Days(400)),
        credit_before_enrolment: table.find("credit_before_enrolment").and_then(|n| n.truth()).unwrap_or(false),
        on_close: table.find("on_close").and_then(|node| on_close(&node)).unwrap_or(OnClose::Forfeit),
        on_return: table.find("on_return").and_then(on_return).unwrap_or(OnReturn::Withdraw),
        kinds: table.find("kinds").map(|node| kinds(&node)).unwrap_or_default(),
    }
}

fn on_close(node: &Node<'_>) -> Option<OnClose> {
    if node.value().is_str() {
        return node.choice(&[("forfeit", OnClose::Forfeit), ("keep", OnClose::Keep)]);
    }
    let Some(table) = node.value().as_table().and_then(|_| node.table()) else {
        return node.refuse("points of who closes are `\"forfeit\"`, `\"keep\"` or `{ keep = \"90d\" }`");
    };
    let span = table.need("keep").and_then(|node| terms::span(&node));
    table.close();
    span.map(OnClose::KeepFor)
}

fn zone(node: &Node<'_>) -> Option<Zone> {
    let name = node.text()?;
    Zone::named(name).or_else(|| {
        let suggestion = did_you_mean(name, jiff::tz::TimeZoneDatabase::bundled().available().map(|n| n.to_string()));
        node.refuse(format!("no time zone `{name}`{suggestion}; zones are IANA names such as `America/Chicago`"))
    })
}

fn currency(node: &Node<'_>) -> Option<CurrencyCode> {
    CurrencyCode::parse(node.text()?)
        .or_else(|| node.refuse("a currency is an ISO 4217 code of three capital letters, such as `USD`"))
}

fn kinds(node: &Node<'_>) -> Vec<Box<str>> {
    let mut kinds: Vec<Box<str>> = Vec::new();
    let written = node.list();
    if written.len() > KINDS_MAX {
        node.flaw(format!("at most {KINDS_MAX} kinds"));
    }
    for node in written.iter().take(KINDS_MAX) {
        match terms::id(node) {
            Some(kind) if kinds.iter().any(|known| **known == *kind) => node.flaw(format!("`{kind}` is listed twice")),
            Some(kind) => kinds.push(kind.into()),
            None => {}
        }
    }
    kinds
}
