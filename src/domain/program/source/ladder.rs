//! The ladder: its base and its tiers, lowest first.

use super::declared::Declared;
use super::head::Head;
use super::sheet::{Node, Table};
use super::terms;
use crate::domain::calendar::{Day, MonthDay};
use crate::domain::program::condition::Place;
use crate::domain::program::{Ladder, Tier, TierId, Validity};

const TIERS_MAX: usize = 32;

pub(super) fn read(table: &Table<'_>, head: &Head, declared: &mut Declared) -> Option<Ladder> {
    let ladder = table.find("ladder")?.table()?;
    let base = ladder.find("base").map_or(Some("member"), |node| terms::id(&node)).unwrap_or("member");
    let base = TierId(declared.register.add(base));
    declared.tiers.push(base);
    let rungs = ladder.need("tier").map(|node| node.list()).unwrap_or_default();
    if rungs.len() > TIERS_MAX {
        ladder.flaw(format!("a ladder has at most {TIERS_MAX} tiers"));
    }
    let mut tiers: Vec<Tier> = Vec::new();
    for rung in rungs.iter().take(TIERS_MAX).filter_map(Node::table) {
        let read = tier(&rung, head, declared);
        if let Some(read) = read.filter(|read| asks_something_new(&rung, read, &tiers)) {
            tiers.push(read);
        }
        rung.close();
    }
    ladder.close();
    Some(Ladder { base, tiers })
}

fn tier(rung: &Table<'_>, head: &Head, declared: &mut Declared) -> Option<Tier> {
    let id = rung.need("id").and_then(|node| tier_id(&node, declared));
    let name = rung.find("name").and_then(|node| terms::name(&node));
    let qualify = rung.need("qualify").and_then(|node| terms::condition(&node, &declared.names(Place::Tier, head)));
    let validity = rung.need("validity").and_then(|node| validity(&node));
    let id = id?;
    let name = name.unwrap_or_else(|| declared.register.text(id.0).into());
    Some(Tier { id, name, qualify: qualify?, validity: validity? })
}

fn tier_id(node: &Node<'_>, declared: &mut Declared) -> Option<TierId> {
    let written = terms::id(node)?;
    let id = TierId(declared.register.add(written));
    if declared.tiers.contains(&id) {
        return node.refuse(format!("tier `{written}` stands on the ladder twice"));
    }
    declared.tiers.push(id);
    Some(id)
}

/// Two tiers that ask the same can never be told apart.
fn asks_something_new(rung: &Table<'_>, read: &Tier, below: &[Tier]) -> bool {
    match below.iter().find(|tier| tier.qualify.written == read.qualify.written) {
        Some(same) => {
            rung.flaw(format!("`{}` asks the same as `{}` below it", read.name, same.name));
            false
        }
        None => true,
    }
}

fn validity(node: &Node<'_>) -> Option<Validity> {
    if node.value().is_str() {
        return node.choice(&[("forever", Validity::Forever)]);
    }
    let table = node.table()?;
    let validity = match (table.find("through"), table.find("span")) {
        (Some(day), None) => through(&table, &day),
        (None, Some(span)) => terms::span(&span).map(Validity::Span),
        _ => node.refuse(
            "a validity is `\"forever\"`, `{ span = \"12mo\" }` or `{ through = \"03-31\", year_starts = \"03-01\", years_after = 1 }`",
        ),
    };
    table.close();
    validity
}

fn through(table: &Table<'_>, through: &Node<'_>) -> Option<Validity> {
    let day = terms::month_day(through);
    let year_starts = table.need("year_starts").and_then(|node| terms::month_day(&node));
    let years_after = table.need("years_after").and_then(|node| node.integer(0..=10));
    let (day, year_starts, years_after) = (day?, year_starts?, i16::try_from(years_after?).ok()?);
    if ends_too_early(day, year_starts, years_after) {
        return through.refuse("this ends before the qualifying year does; raise `years_after`");
    }
    Some(Validity::Through { year_starts, day, years_after })
}

fn ends_too_early(through: MonthDay, year_starts: MonthDay, years_after: i16) -> bool {
    let last_day = year_starts.in_year(2025).plus_months(12).plus_days(-1);
    let end: Day = through.in_year(last_day.year().saturating_add(years_after));
    end < last_day
}
