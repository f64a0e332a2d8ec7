//! `[stages]`: where the stages of the loyalty ladder begin, and who brings others.

use super::declared::Declared;
use super::segments::STAGES;
use super::sheet::{Node, Table};
use crate::domain::insight::stages::{Borders, Stage};
use crate::domain::program::Stages;

const PURCHASES_MAX: i64 = 1_000;
/// Ten years.
const DAYS_MAX: i64 = 3_660;

/// Reads it, once clubs are known; what is not said is as usual. `None` if it is flawed.
pub(super) fn read(table: &Table<'_>, declared: &Declared) -> Option<Stages> {
    let Some(node) = table.find("stages") else { return Some(Stages::default()) };
    let table = node.table()?;
    let usual = Borders::default();
    let customer = table.find("customer").map_or(Some(usual.customer_purchases), |node| customer(&node));
    let client = table.find("client");
    let (purchases, days) = match &client {
        Some(node) => client_of(node),
        None => (Some(usual.client_purchases), Some(usual.client_days)),
    };
    if customer.zip(purchases).is_some_and(|(customer, client)| client < customer) {
        table.flaw("a client buys at least as often as a customer: nobody would be a customer");
    }
    let (advocates, from) = match table.find("advocate") {
        Some(node) => advocate(&node, declared)?,
        None => (Vec::new(), usual.advocate_from),
    };
    table.close();
    let borders = Borders {
        customer_purchases: customer?,
        client_purchases: purchases?,
        client_days: days?,
        advocate_from: from,
    };
    Some(Stages { borders, advocates })
}

/// `{ purchases = 2 }`.
fn customer(node: &Node<'_>) -> Option<u32> {
    let table = node.table()?;
    let purchases = table.need("purchases").and_then(|node| number(&node, 2..=PURCHASES_MAX));
    table.close();
    purchases
}

/// `{ purchases = 3, within_days = 365 }`.
fn client_of(node: &Node<'_>) -> (Option<u32>, Option<u32>) {
    let Some(table) = node.table() else { return (None, None) };
    let purchases = table.need("purchases").and_then(|node| number(&node, 2..=PURCHASES_MAX));
    let days = table.need("within_days").and_then(|node| number(&node, 1..=DAYS_MAX));
    if purchases.zip(days).is_some_and(|(purchases, days)| purchases > days) {
        table.flaw("purchases of one day count once: there are more purchases here than days");
    }
    table.close();
    (purchases, days)
}

/// `{ clubs = ["ambassadors"], from = "customer" }`.
fn advocate(node: &Node<'_>, declared: &Declared) -> Option<(Vec<crate::domain::program::ClubId>, Stage)> {
    let table = node.table()?;
    let clubs = table.need("clubs").map(|node| (declared.clubs_listed(&node), node));
    if let Some((clubs, node)) = &clubs
        && clubs.is_empty()
        && node.list().is_empty()
    {
        node.flaw("nobody would be an advocate: name the clubs of those who bring others");
    }
    let from = table.find("from").map_or(Some(Stage::Customer), |node| node.choice(&STAGES[..4]));
    table.close();
    Some((clubs?.0, from?))
}

fn number(node: &Node<'_>, range: std::ops::RangeInclusive<i64>) -> Option<u32> {
    node.integer(range).and_then(|number| u32::try_from(number).ok())
}
