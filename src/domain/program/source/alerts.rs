//! `[alerts]`: whom the operator watches.

use super::declared::Declared;
use super::segments;
use super::sheet::{Node, Table};
use super::terms;
use crate::domain::insight::rhythm::Tolerance;
use crate::domain::program::Alerts;
use crate::domain::units::{Span, Text};

/// Reads it, once segments are read.
pub(super) fn read(table: &Table<'_>, declared: &Declared) -> Option<Alerts> {
    let table = table.find("alerts")?.table()?;
    let watch = table.need("watch").and_then(|node| declared.segment_named(&node));
    let tolerance = table.find("tolerance").map_or(Some(Tolerance::default()), |node| segments::tolerance(&node));
    let spend_below = table.find("spend_below").map_or(Some(50), |node| percent(&node));
    let high_margin = table.find("high_margin").map_or(Some(30), |node| percent(&node));
    let owner = table.need("owner").and_then(|node| somebody(&node));
    let escalation = escalation(&table);
    table.close();
    Some(Alerts {
        watch: watch?,
        tolerance: tolerance?,
        spend_below_percent: spend_below?,
        high_margin_percent: high_margin?,
        owner: owner?,
        escalation: escalation?,
    })
}

/// Both parts or neither; `None` if they are flawed.
fn escalation(table: &Table<'_>) -> Option<Option<(Span, Text)>> {
    let after = table.find("escalate_after").map(|node| terms::lead(&node));
    let to = table.find("escalate_to").map(|node| somebody(&node));
    match (after, to) {
        (None, None) => Some(None),
        (Some(after), Some(to)) => after.zip(to).map(Some),
        _ => {
            table.flaw("`escalate_after` and `escalate_to` go together");
            None
        }
    }
}

fn percent(node: &Node<'_>) -> Option<u32> {
    let percent = node.text()?.strip_suffix('%').and_then(|digits| digits.trim_end().parse::<u32>().ok());
    percent.filter(|percent| *percent <= 100).or_else(|| node.refuse("whole percent from 0% to 100%, such as `50%`"))
}

/// A person, a desk or a team, as the operator calls it.
fn somebody(node: &Node<'_>) -> Option<Text> {
    terms::name(node).map(|name| (*name).into())
}
