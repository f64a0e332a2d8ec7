//! What each part of a file cannot tell by itself: a tier nobody would stand on, campaigns that exclude each other, a
//! privilege or a boost nobody gets.
//!
//! It only says what is certain: a ladder that could be meant is never refused. It must not read values; those are
//! read where they belong, and are found again here by their ids.

use super::declared::Declared;
use super::sheet::{Node, Table};
use crate::domain::program::{Downgrade, Ladder, Privilege, Rule, Stacking, Tier, Word};

/// What is looked at together.
pub(super) struct Whole<'a> {
    pub root: &'a Table<'a>,
    pub declared: &'a Declared,
    pub ladder: Option<&'a Ladder>,
    pub rules: &'a [Rule],
    pub privileges: &'a [Privilege],
}

/// Says what is not sound.
pub(super) fn check(whole: &Whole<'_>) {
    whole.tiers();
    whole.exclusive_campaigns();
    whole.privileges();
    whole.worths();
    whole.boosts();
}

impl Whole<'_> {
    fn text(&self, word: Word) -> &str {
        self.declared.register.text(word)
    }

    /// Tiers whose condition never holds without that of a higher one: whoever earns them stands higher already.
    fn tiers(&self) {
        let Some(ladder) = self.ladder.filter(|ladder| ladder.downgrade != Downgrade::OneStep) else { return };
        for (at, tier) in ladder.tiers.iter().enumerate().filter(|(_, tier)| !self.is_given(tier)) {
            let higher = ladder.tiers.iter().skip(at.saturating_add(1)).find(|higher| is_hidden_by(tier, higher));
            let Some(higher) = higher else { continue };
            let (name, above) = (self.text(tier.id.0), self.text(higher.id.0));
            let message = format!("whoever earns `{name}` earns `{above}` above it too; tiers stand lowest first");
            self.at(&["ladder", "tier"], ("id", name), "qualify", &message);
        }
    }

    /// Whether something gives the tier, or could for all that is known.
    fn is_given(&self, tier: &Tier) -> bool {
        let given = self.declared.given.borrow();
        given.unsure || given.tiers.contains(&tier.id)
    }

    /// Of two campaigns that exclude each other, the priority says which grants.
    fn exclusive_campaigns(&self) {
        for (at, rule) in self.rules.iter().enumerate() {
            let mut before = self.rules.iter().take(at);
            if let Some(rival) = before.find(|other| are_rivals(other, rule)) {
                let (id, rival) = (self.text(rule.id.0), self.text(rival.id.0));
                let message = format!("`{rival}` is exclusive with the same priority at the same time");
                self.at(&["campaign"], ("campaign", id), "stacking", &message);
            }
        }
    }

    fn privileges(&self) {
        let given = self.declared.given.borrow();
        for privilege in self.privileges.iter().filter(|one| !given.unsure && !given.privileges.contains(&one.id)) {
            let id = self.text(privilege.id.0);
            let Some(table) = self.entry(&["privilege"], ("id", id)) else { continue };
            // What a flawed list was to give is not known.
            let says_nobody = |key| table.find(key).is_none_or(|node| is_empty(&node));
            if ["tiers", "clubs", "segments"].into_iter().all(says_nobody) {
                table
                    .doubt(format!("nobody gets `{id}`: no tier, club, segment, milestone, option or reward gives it"));
            }
        }
    }

    /// What is given must be worth something.
    fn worths(&self) {
        let given = self.declared.given.borrow();
        let worthless =
            |one: &&Privilege| !one.is_counted() && one.given.is_none() && given.privileges.contains(&one.id);
        for privilege in self.privileges.iter().filter(worthless) {
            let id = self.text(privilege.id.0);
            let message = format!("something gives `{id}`; say with `given` what it is worth then");
            self.at(&["privilege"], ("id", id), "kind", &message);
        }
    }

    fn boosts(&self) {
        let given = self.declared.given.borrow();
        let nobodys = |rule: &&Rule| rule.boost.is_some() && !given.unsure && !given.boosts.contains(&rule.id);
        for rule in self.rules.iter().filter(nobodys) {
            let message = "nobody gets this boost: no milestone, option or reward gives it";
            self.at(&["campaign"], ("campaign", self.text(rule.id.0)), "boost", message);
        }
    }

    /// Says it at a key of the entry with this id.
    fn at(&self, lists: &[&'static str], entry: (&'static str, &str), key: &'static str, message: &str) {
        let Some(table) = self.entry(lists, entry) else { return };
        match table.find(key) {
            Some(node) => node.doubt(message),
            None => table.doubt(message),
        }
    }

    fn entry(&self, lists: &[&'static str], (key, id): (&'static str, &str)) -> Option<Table<'_>> {
        let (list, tables) = lists.split_last()?;
        let within = tables.first().map(|name| self.root.find(name)?.table());
        let list = match &within {
            Some(table) => table.as_ref()?.find(list)?,
            None => self.root.find(list)?,
        };
        let has_id = |table: &Table<'_>| table.find(key).is_some_and(|node| node.value().as_str() == Some(id));
        list.list().iter().filter_map(Node::table).find(has_id)
    }
}

fn is_empty(node: &Node<'_>) -> bool {
    let list = node.value().as_array().map(|list| list.is_empty());
    list.or_else(|| node.value().as_table().map(|table| table.is_empty())).unwrap_or(false)
}

/// Whether `tier` is never held without `higher`: both are earned together, and end together.
fn is_hidden_by(tier: &Tier, higher: &Tier) -> bool {
    let (Some(asks), Some(above)) = (&tier.qualify, &higher.qualify) else { return false };
    let is_held_otherwise =
        tier.renew.is_some() || tier.floor.is_some() || tier.trial.is_some() || tier.grace.is_some();
    let ends_together = tier.validity == higher.validity && higher.renew.is_none();
    // What can never hold was said where it stands.
    ends_together && !is_held_otherwise && !asks.never_holds() && asks.implies(above)
}

/// Whether both could be the one that grants alone on the same purchase.
fn are_rivals(a: &Rule, b: &Rule) -> bool {
    let same = matches!(a.stacking, Stacking::Exclusive(_)) && a.stacking == b.stacking;
    // Dates of different moments say nothing about each other.
    let overlap = a.judged_by != b.judged_by || (a.from < b.until && b.from < a.until);
    let never_meet = a.when.as_ref().zip(b.when.as_ref()).is_some_and(|(a, b)| a.excludes(b));
    same && overlap && !never_meet
}
