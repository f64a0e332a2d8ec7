//! What each part of a file cannot tell by itself: a tier nobody would stand on, campaigns that exclude each other, a
//! privilege or a boost nobody gets, meters and wallets that nothing feeds, a club that lets in its members only.
//!
//! It only says what is certain: a ladder that could be meant is never refused. It must not read values; those are
//! read where they belong, and are found again here by their ids.

use super::declared::Declared;
use super::sheet::{Node, Table};
use crate::domain::program::{
    Basis, Club, Condition, Downgrade, Ladder, Milestone, Privilege, Rule, Stacking, Tier, Word,
};

/// What is looked at together.
pub(super) struct Whole<'a> {
    pub root: &'a Table<'a>,
    pub declared: &'a Declared,
    pub ladder: Option<&'a Ladder>,
    pub rules: &'a [Rule],
    pub privileges: &'a [Privilege],
    pub clubs: &'a [Club],
    pub milestones: &'a [Milestone],
}

/// Says what is not sound.
pub(super) fn check(whole: &Whole<'_>) {
    whole.tiers();
    whole.unfed_tiers();
    whole.unfed_milestones();
    whole.base_points();
    whole.clubs();
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

    /// Meters that nothing counts on, by position.
    fn unfed(&self) -> Vec<usize> {
        let given = self.declared.given.borrow();
        let meters = self.declared.meters.iter().enumerate();
        let known = given.earns && !given.unsure;
        let unfed = meters.filter(|(_, meter)| known && !given.meters.contains(&meter.id));
        unfed.map(|(at, _)| at).collect()
    }

    /// Conditions of tiers that need a meter which nothing counts on.
    fn unfed_tiers(&self) {
        let unfed = self.unfed();
        for tier in self.ladder.into_iter().flat_map(|ladder| &ladder.tiers) {
            let name = self.text(tier.id.0);
            let conditions = [("qualify", &tier.qualify), ("renew", &tier.renew), ("floor", &tier.floor)];
            for (key, condition) in conditions {
                if condition.as_ref().is_some_and(|asks| !asks.never_holds() && asks.never_holds_without(&unfed)) {
                    let meters = self.needed(condition.as_ref(), &unfed);
                    let message = format!("nothing counts on {meters}, so this can never hold");
                    self.at(&["ladder", "tier"], ("id", name), key, &message);
                }
            }
        }
    }

    /// Of meters that nothing counts on, as few as a condition cannot do without.
    fn needed(&self, condition: Option<&Condition>, unfed: &[usize]) -> String {
        let mut needed = unfed.to_vec();
        for at in unfed {
            let others: Vec<usize> = needed.iter().copied().filter(|other| other != at).collect();
            if condition.is_some_and(|condition| condition.never_holds_without(&others)) {
                needed = others;
            }
        }
        let meters = needed.into_iter().filter_map(|at| self.declared.meters.get(at));
        meters.map(|meter| format!("`{}`", self.text(meter.id.0))).collect::<Vec<_>>().join(", ")
    }

    fn unfed_milestones(&self) {
        let unfed = self.unfed();
        for milestone in self.milestones {
            let at = self.declared.meters.iter().position(|meter| meter.id == milestone.meter);
            if at.is_some_and(|at| unfed.contains(&at)) {
                let message = format!("nothing counts on `{}`, so it is never reached", self.text(milestone.meter.0));
                self.at(&["milestone"], ("id", self.text(milestone.id.0)), "meter", &message);
            }
        }
    }

    /// Campaigns on base points where there are none.
    fn base_points(&self) {
        let given = self.declared.given.borrow();
        let known = given.earns && !given.unsure;
        for rule in self.rules.iter().filter(|rule| known && matches!(rule.basis, Basis::BasePoints)) {
            let (has_some, of) = match (rule.wallet, rule.meters.first()) {
                (Some(wallet), _) => (given.wallets.contains(&wallet), wallet.0),
                (None, Some(meter)) => (given.base_meters.contains(meter), meter.0),
                (None, None) => continue,
            };
            if !has_some {
                let message = format!("no `[[earning]]` rule grants on `{}`: it has no base points", self.text(of));
                self.at(&["campaign"], ("campaign", self.text(rule.id.0)), "basis", &message);
            }
        }
    }

    /// Clubs whose condition asks for membership of themselves, so that nobody is ever the first.
    fn clubs(&self) {
        let given = self.declared.given.borrow();
        for club in self.clubs.iter().filter(|club| !given.unsure && !given.clubs.contains(&club.id)) {
            let Some(condition) = &club.condition else { continue };
            if !condition.never_holds() && condition.never_holds_outside(club.id) {
                let message = "only members of this club meet this, so nobody can ever come in";
                self.at(&["club"], ("id", self.text(club.id.0)), "condition", message);
            }
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
