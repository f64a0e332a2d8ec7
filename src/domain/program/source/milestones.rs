//! Milestones: the thresholds of a meter that give something, and what can be chosen there.

use super::benefits;
use super::declared::{Declared, Entry};
use super::head::Head;
use super::sheet::{Node, Table};
use super::terms;
use crate::domain::program::condition::{Condition, Place};
use crate::domain::program::{
    Choice, ChoiceOption, Judged, Lasts, Meter, MeterId, Milestone, MilestoneId, OptionId, Steps, Window, Word,
};

const MILESTONES_MAX: usize = 200;
const OPTIONS_MAX: usize = 64;
const CHOICES_MAX: i64 = 100;

/// Reads `[[milestone]]`.
pub(super) fn read(table: &Table<'_>, head: &Head, declared: &mut Declared) -> Vec<Milestone> {
    let mut milestones = Vec::new();
    for Entry { table, id } in declared.entries(table, "milestone", MILESTONES_MAX) {
        let options = declared.entries(&table, "option", OPTIONS_MAX);
        let reader = Reader { table: &table, head, declared };
        milestones.extend(reader.milestone(id.map(MilestoneId), options));
        table.close();
    }
    milestones
}

/// What a table of choices says; parts are absent where they are flawed.
struct Terms<'a> {
    choices: Option<i64>,
    within: Option<Lasts>,
    default: Option<Node<'a>>,
}

/// One `[[milestone]]` while it is read.
struct Reader<'a> {
    table: &'a Table<'a>,
    head: &'a Head,
    declared: &'a Declared,
}

impl Reader<'_> {
    /// Every part is read before any is missed, so that all flaws are found.
    fn milestone(&self, id: Option<MilestoneId>, options: Vec<Entry<'_>>) -> Option<Milestone> {
        let table = self.table;
        let name = self.declared.name_of(table, id.map(|id| id.0));
        let meter = table.need("meter").and_then(|node| self.declared.meter_named(&node));
        let meter = self.declared.meters.iter().find(|known| Some(known.id) == meter);
        let steps = self.steps(meter);
        let when = condition(table, self.head, self.declared);
        let judged = table.find("judged").map_or(Some(Judged::AtOnce), |node| judged(&node, meter));
        let gives = benefits::read(table, self.declared);
        let choose = table.find("choose");
        let choice = self.choice(choose.as_ref(), options);
        if choose.is_none() && gives.is_empty() && self.gives_nothing() {
            table.flaw("it gives nothing and offers no choice; add `gives` or `choose`");
        }
        let (meter, reached) = (meter?.id, MeterId::default());
        Some(Milestone { id: id?, name, meter, steps: steps?, when, judged: judged?, gives, choice, reached })
    }

    /// Whether that is what the file says, and not the flaws of what it gives.
    fn gives_nothing(&self) -> bool {
        let node = self.table.find("gives");
        node.is_none_or(|node| node.value().as_array().is_some_and(|list| list.is_empty()))
    }

    fn steps(&self, meter: Option<&Meter>) -> Option<Steps> {
        let decimals = meter.and_then(|meter| self.declared.sound_decimals(meter.id.0, meter.decimals));
        let points = |node: &Node<'_>| terms::points(node, decimals);
        let at = self.table.need("at").and_then(|node| points(&node));
        let every = self.table.find("every").map(|node| points(&node));
        let up_to = self.table.find("up_to");
        let last = up_to.as_ref().map(points);
        if let (Some(at), Some(Some(last)), Some(node)) = (at, last, &up_to)
            && last < at
        {
            node.flaw("this is below `at`, so the milestone could never be reached");
        }
        Some(Steps { at: at?, every: flawless(every)?, up_to: flawless(last)? })
    }

    fn choice(&self, choose: Option<&Node<'_>>, entries: Vec<Entry<'_>>) -> Option<Choice> {
        let terms = choose.and_then(|node| choice_terms(node, self.declared));
        let choices = terms.as_ref().and_then(|terms| terms.choices);
        let known: Vec<Word> = entries.iter().filter_map(|entry| entry.id).collect();
        let mut options = Vec::new();
        for Entry { table, id } in entries {
            if choose.is_none() {
                table.flaw("an option without a choice; say with `choose` how many of them may be taken");
            }
            options.extend(option(&table, id, choices, (self.head, self.declared)));
            table.close();
        }
        let choose = choose?;
        if self.table.find("option").is_none() {
            choose.flaw("there is nothing to choose from; add `[[milestone.option]]`");
        }
        let terms = terms?;
        let default = terms.default.map(|node| self.declared.named(&node, "option", known.iter().copied()));
        let choices = u32::try_from(choices?).ok()?;
        let default = default.flatten().map(OptionId);
        Some(Choice { choices, within: terms.within.unwrap_or(Lasts::Forever), default, options })
    }
}

/// A part that may be left out: `None` if it is there and flawed.
fn flawless<T>(part: Option<Option<T>>) -> Option<Option<T>> {
    part.map_or(Some(None), |part| part.map(Some))
}

fn choice_terms<'a>(node: &Node<'a>, declared: &Declared) -> Option<Terms<'a>> {
    let table = node.table()?;
    let choices = table.need("choices").and_then(|node| node.integer(1..=CHOICES_MAX));
    let (within, default) = (table.find("within"), table.find("default"));
    if let (None, Some(node)) = (&within, &default) {
        node.flaw("what is not chosen has no end to come to; a `default` needs `within`");
    }
    table.close();
    Some(Terms { choices, within: within.and_then(|node| benefits::how_long(&node, declared)), default })
}

fn option(
    table: &Table<'_>,
    id: Option<Word>,
    choices: Option<i64>,
    (head, declared): (&Head, &Declared),
) -> Option<ChoiceOption> {
    let name = declared.name_of(table, id);
    let cost = table.find("cost").map_or(Some(1), |node| cost(&node, choices));
    let limit = table.find("limit").map(|node| node.integer(1..=CHOICES_MAX));
    let when = condition(table, head, declared);
    let gives = benefits::read(table, declared);
    let limit = limit.flatten().and_then(|limit| u32::try_from(limit).ok());
    Some(ChoiceOption { id: OptionId(id?), name, cost: u32::try_from(cost?).ok()?, limit, when, gives })
}

fn cost(node: &Node<'_>, choices: Option<i64>) -> Option<i64> {
    let cost = node.integer(1..=CHOICES_MAX)?;
    match choices {
        Some(choices) if cost > choices => {
            node.refuse(format!("it costs {cost} of {choices} choices, so nobody could ever take it"))
        }
        _ => Some(cost),
    }
}

fn condition(table: &Table<'_>, head: &Head, declared: &Declared) -> Option<Condition> {
    table.find("when").and_then(|node| terms::possible(&node, &declared.names(Place::Member, head)))
}

/// When it is judged; only a year has an end that all members can wait for.
fn judged(node: &Node<'_>, meter: Option<&Meter>) -> Option<Judged> {
    let judged = node.choice(&[("at_once", Judged::AtOnce), ("at_end", Judged::AtEnd)])?;
    let ends = |meter: &Meter| matches!(meter.window, Window::CalendarYear(_) | Window::AnniversaryYear);
    if judged == Judged::AtEnd && meter.is_some_and(|meter| !ends(meter)) {
        return node.refuse("the window of its meter does not end; only those of calendar and anniversary years do");
    }
    Some(judged)
}
