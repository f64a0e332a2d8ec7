//! What a campaign says beyond an earning rule, how it stacks and what it may cost, and the caps of both.

use super::earning::Kind;
use super::sheet::{Node, Table};
use super::terms;
use crate::domain::program::{Boost, Caps, Lasts, MemberCap, MeterId, Stacking, Window};

const PRIORITY_MAX: i64 = 1_000_000;

pub(super) fn stacking(table: &Table<'_>, kind: Kind) -> Option<Stacking> {
    match kind {
        Kind::Rule => Some(Stacking::Rule),
        Kind::Campaign => table.need("stacking").and_then(|node| campaign_stacking(&node)),
    }
}

fn campaign_stacking(node: &Node<'_>) -> Option<Stacking> {
    if node.value().is_str() {
        return node.choice(&[("add", Stacking::Add), ("best", Stacking::Best)]);
    }
    let Some(entries) = node.value().as_table().and_then(|_| node.table()) else {
        return node.refuse("a stacking is `\"add\"`, `\"best\"` or `{ exclusive = 10 }`");
    };
    let priority = entries.need("exclusive").and_then(|node| node.integer(0..=PRIORITY_MAX));
    entries.close();
    priority.map(Stacking::Exclusive)
}

/// How a campaign is had, if only some members have it. Whether anything gives it is asked in `soundness.rs`.
pub(super) fn boost(table: &Table<'_>, kind: Kind) -> Option<Boost> {
    if kind == Kind::Rule {
        return None;
    }
    let boost = table.find("boost")?.table()?;
    let lasts = boost.need("lasts").and_then(|node| boost_lasts(&node));
    let register_within = boost.find("register_within").and_then(|node| terms::span(&node));
    boost.close();
    let cap = table.find("cap_per_member").filter(|node| node.value().is_table()).and_then(|node| node.table());
    if let Some(node) = cap.and_then(|cap| cap.find("window"))
        && terms::window(&node).is_some_and(|window| window != Window::Lifetime)
    {
        node.flaw("a boost counts from when it begins; its window is `\"lifetime\"`");
    }
    lasts.map(|lasts| Boost { lasts, register_within })
}

/// A boost lasts a span, or as long as the window of the first meter it feeds.
fn boost_lasts(node: &Node<'_>) -> Option<Lasts> {
    match node.text()? {
        "window" => Some(Lasts::Window),
        _ => terms::span(node).map(Lasts::Span),
    }
}

/// The caps, in `decimals` (`None` where those are flawed). The words of hidden meters are given later.
pub(super) fn caps(table: &Table<'_>, kind: Kind, decimals: Option<u8>) -> Caps {
    let points = |node: Node<'_>| terms::points(&node, decimals);
    Caps {
        per_receipt: table.find("cap_per_receipt").and_then(points),
        per_member: table.find("cap_per_member").and_then(|node| member_cap(&node, decimals)),
        budget: budget(table, kind).and_then(points),
    }
}

fn member_cap(node: &Node<'_>, decimals: Option<u8>) -> Option<MemberCap> {
    let table = node.table()?;
    let points = table.need("points").and_then(|node| terms::points(&node, decimals));
    let window = table.need("window").and_then(|node| terms::window(&node));
    table.close();
    Some(MemberCap { points: points?, window: window?, meter: MeterId::default() })
}

/// A campaign's budget; it is counted in a wallet, since that is where points cost something.
fn budget<'a>(table: &Table<'a>, kind: Kind) -> Option<Node<'a>> {
    if kind == Kind::Rule {
        return None;
    }
    let node = table.find("budget")?;
    match table.find("wallet") {
        Some(_) => Some(node),
        None => node.refuse("a budget is spent in a wallet; without a `wallet` there is nothing to spend"),
    }
}
