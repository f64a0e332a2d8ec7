//! The ladder: its base and its tiers, lowest first.

use super::declared::Declared;
use super::head::Head;
use super::sheet::{Node, Table};
use super::terms;
use crate::domain::calendar::{Day, MonthDay};
use crate::domain::program::condition::{Condition, Place};
use crate::domain::program::{Downgrade, Ladder, MeterId, OnChange, Tier, TierId, Trial, Validity, Window, YearCount};

const TIERS_MAX: usize = 32;
const DOWNGRADES: &[(&str, Downgrade)] =
    &[("to_earned", Downgrade::ToEarned), ("one_step", Downgrade::OneStep), ("none", Downgrade::None)];
const ON_CHANGES: &[(&str, OnChange)] = &[("grandfather", OnChange::Grandfather), ("rejudge", OnChange::Rejudge)];

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
        declared.given.borrow_mut().unread |= read.is_none();
        if let Some(read) = read.filter(|read| asks_something_new(&rung, read, &tiers)) {
            tiers.push(read);
        }
        rung.close();
    }
    let downgrade = ladder.find("downgrade").and_then(|node| node.choice(DOWNGRADES)).unwrap_or_default();
    let on_change = ladder.find("on_change").and_then(|node| node.choice(ON_CHANGES)).unwrap_or_default();
    ladder.close();
    Some(Ladder { base, tiers, downgrade, on_change })
}

/// Every part is read before any is missed, so that all flaws are found.
fn tier(rung: &Table<'_>, head: &Head, declared: &mut Declared) -> Option<Tier> {
    let id = rung.need("id").and_then(|node| tier_id(&node, declared));
    let name = declared.name_of(rung, id.map(|id| id.0));
    let rest = Reader { rung, head, declared };
    let qualify = rest.qualify();
    let validity = rung.need("validity").and_then(|node| validity(&node));
    let renew = rest.of_what_ends("renew", validity).and_then(|node| rest.condition(&node));
    let floor = rung.find("floor").and_then(|node| rest.condition(&node));
    let grace = rest.of_what_ends("grace", validity).and_then(|node| terms::span(&node));
    let trial = rung.find("trial").and_then(|node| rest.trial(&node));
    let counts = rung.find("counts").and_then(|node| rest.counts(&node));
    Some(Tier { id: id?, name, qualify: qualify?, renew, floor, validity: validity?, grace, trial, counts })
}

/// One `[[ladder.tier]]` while it is read.
struct Reader<'a> {
    rung: &'a Table<'a>,
    head: &'a Head,
    declared: &'a Declared,
}

impl Reader<'_> {
    fn condition(&self, node: &Node<'_>) -> Option<Condition> {
        terms::possible(node, &self.declared.names(Place::Tier, self.head))
    }

    /// What earns the tier: `Some(None)` where it is only given.
    fn qualify(&self) -> Option<Option<Condition>> {
        let invited = self.rung.find("invited").and_then(|node| node.truth()).unwrap_or(false);
        match (self.rung.find("qualify"), invited) {
            (Some(node), true) => node.refuse("a tier that is `invited` is only given; it asks nothing"),
            (Some(node), false) => self.condition(&node).map(Some),
            (None, true) => Some(None),
            (None, false) => {
                self.rung.flaw("`qualify` is missing; only a tier with `invited = true` has none");
                None
            }
        }
    }

    /// A key that only makes sense where the tier ends.
    fn of_what_ends(&self, key: &'static str, validity: Option<Validity>) -> Option<Node<'_>> {
        let node = self.rung.find(key)?;
        if validity == Some(Validity::Forever) {
            return node.refuse("this tier holds for ever; give it a `validity` that ends");
        }
        Some(node)
    }

    fn trial(&self, node: &Node<'_>) -> Option<Trial> {
        let table = node.table()?;
        let lasts = table.need("lasts").and_then(|node| terms::span(&node));
        let keep = table.need("keep").and_then(|node| self.condition(&node));
        table.close();
        Some(Trial { lasts: lasts?, keep: keep? })
    }

    /// The meter that counts its validities; the word of the hidden one is given later.
    fn counts(&self, node: &Node<'_>) -> Option<YearCount> {
        let id = self.declared.meter_named(node)?;
        self.declared.given.borrow_mut().years.push(id);
        let meter = self.declared.meters.iter().find(|meter| meter.id == id)?;
        if meter.window != Window::Lifetime {
            return node.refuse("validities are counted for ever; the `window` of this meter must be `\"lifetime\"`");
        }
        if meter.decimals != 0 {
            return node.refuse("validities are whole; this meter must have no `decimals`");
        }
        Some(YearCount { meter: id, known: MeterId::default() })
    }
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
    let written = |tier: &Tier| tier.qualify.as_ref().map(|qualify| qualify.written.clone());
    let asked = written(read);
    match below.iter().find(|tier| asked.is_some() && written(tier) == asked) {
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
