//! What each part of a file cannot tell by itself: a tier nobody would stand on, a privilege or a boost nobody gets,
//! clubs that let in their members only. What meters never come to read is `reach.rs`, what rules and campaigns are to
//! each other `together.rs`.
//!
//! It only says what is certain: a ladder that could be meant is never refused. It must not read values; those are
//! read where they belong, and are found again here by their ids.

use super::declared::Declared;
use super::sheet::{Node, Table};
use crate::domain::program::{Club, ClubId, Condition, Downgrade, Ladder, Milestone, Privilege, Rule, Tier, Word};

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
    whole.out_of_reach();
    whole.rules_together();
    whole.clubs();
    whole.privileges();
    whole.worths();
    whole.boosts();
}

impl Whole<'_> {
    pub(super) fn text(&self, word: Word) -> &str {
        self.declared.register.text(word)
    }

    /// Ids, as a message names them.
    pub(super) fn named(&self, words: impl Iterator<Item = Word>) -> String {
        words.map(|word| format!("`{}`", self.text(word))).collect::<Vec<_>>().join(", ")
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

    /// Clubs whose condition asks for membership of themselves, at once or by way of others, so that nobody is ever the
    /// first.
    fn clubs(&self) {
        let shut = self.shut();
        for (club, condition) in &shut {
            let needed = self.needed_clubs(&shut, condition);
            let message = if condition.never_holds_outside(&[club.id]) {
                "only members of this club meet this, so nobody can ever come in".into()
            } else if self.leads_to(&shut, &needed, club.id) {
                let others = self.named(needed.iter().map(|club| club.0));
                format!("only members of {others} meet this, who must belong here first, so nobody can ever come in")
            } else {
                continue;
            };
            self.at(&["club"], ("id", self.text(club.id.0)), "condition", &message);
        }
    }

    /// Clubs into which nobody can come who does not belong to one of them already.
    fn shut(&self) -> Vec<(&Club, &Condition)> {
        let given = self.declared.given.borrow();
        let asking = self.clubs.iter().filter_map(|club| Some((club, club.condition.as_ref()?)));
        let unaided = asking.filter(|(club, asks)| !given.clubs.contains(&club.id) && !asks.never_holds());
        let mut shut: Vec<_> = unaided.filter(|_| !given.unsure).collect();
        loop {
            let ids = ids(&shut);
            shut.retain(|(_, condition)| condition.never_holds_outside(&ids));
            if shut.len() == ids.len() {
                return shut;
            }
        }
    }

    /// Of clubs that are shut, as few as a condition cannot do without.
    fn needed_clubs(&self, shut: &[(&Club, &Condition)], condition: &Condition) -> Vec<ClubId> {
        fewest(ids(shut), |clubs| condition.never_holds_outside(clubs))
    }

    /// Whether those clubs need this one, or others that do.
    fn leads_to(&self, shut: &[(&Club, &Condition)], clubs: &[ClubId], target: ClubId) -> bool {
        let (mut waiting, mut seen) = (clubs.to_vec(), Vec::new());
        while let Some(club) = waiting.pop() {
            if !seen.contains(&club) {
                seen.push(club);
                let conditions = shut.iter().filter(|(other, _)| other.id == club).map(|(_, condition)| condition);
                waiting.extend(conditions.flat_map(|condition| self.needed_clubs(shut, condition)));
            }
        }
        seen.contains(&target)
    }

    /// Whether something gives the tier, or could for all that is known.
    fn is_given(&self, tier: &Tier) -> bool {
        let given = self.declared.given.borrow();
        given.unsure || given.tiers.contains(&tier.id)
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
    pub(super) fn at(&self, lists: &[&'static str], entry: (&'static str, &str), key: &'static str, message: &str) {
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

fn ids(clubs: &[(&Club, &Condition)]) -> Vec<ClubId> {
    clubs.iter().map(|(club, _)| club.id).collect()
}

/// Of what suffices, as few as still do.
pub(super) fn fewest<T: Copy + PartialEq>(all: Vec<T>, suffice: impl Fn(&[T]) -> bool) -> Vec<T> {
    let mut needed = all.clone();
    for one in all {
        let others: Vec<T> = needed.iter().copied().filter(|other| *other != one).collect();
        if suffice(&others) {
            needed = others;
        }
    }
    needed
}
