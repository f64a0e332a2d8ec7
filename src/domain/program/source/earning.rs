//! Earning rules and campaigns: which lines of which purchases earn what. What only campaigns say, and caps, is read
//! in `campaign.rs`.

use super::campaign;
use super::declared::Declared;
use super::head::Head;
use super::rate;
use super::sheet::{Node, Table};
use super::terms;
use crate::domain::program::condition::{Condition, Place};
use crate::domain::program::suggest::did_you_mean;
use crate::domain::program::{
    Basis, BonusOf, JudgedBy, MeterId, Per, Rate, Rounds, Rule, RuleId, Scope, ValueType, WalletId, Word,
};
use crate::domain::units::{CurrencyCode, Moment, Rounding};

const RULES_MAX: usize = 200;

const ROUNDINGS: &[(&str, Rounding)] = &[
    ("floor", Rounding::Floor),
    ("ceil", Rounding::Ceil),
    ("half_up", Rounding::HalfUp),
    ("half_even", Rounding::HalfEven),
];

/// The two lists that hold rules.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `[[earning]]`.
    Rule,
    /// `[[campaign]]`.
    Campaign,
}

impl Kind {
    /// The key of the list, the key of an id in it, and what an entry is called.
    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Rule => ("earning", "rule", "rule"),
            Self::Campaign => ("campaign", "campaign", "campaign"),
        }
    }
}

/// All earning rules, then all campaigns: the order of their grants and of their words.
pub(super) fn read(table: &Table<'_>, head: &Head, declared: &mut Declared) -> Vec<Rule> {
    let excluded = table.find("exclude_lines");
    let excluded = excluded.and_then(|node| terms::condition(&node, &declared.names(Place::Line, head)));
    let (mut ids, mut rules) = (Vec::new(), Vec::new());
    for kind in [Kind::Rule, Kind::Campaign] {
        let (list, key, what) = kind.words();
        let Some(node) = table.find(list) else { continue };
        let written = node.list();
        if written.len() > RULES_MAX {
            node.flaw(format!("at most {RULES_MAX} {what}s"));
        }
        for entry in written.iter().take(RULES_MAX).filter_map(Node::table) {
            let id = entry.need(key).and_then(|node| rule_id(&node, &mut ids, declared));
            if let (Kind::Campaign, Some(id)) = (kind, id) {
                declared.campaigns.push((id, entry.find("boost").is_some()));
            }
            let rule = Reader { table: &entry, head, declared, kind }.rule(excluded.as_ref());
            declared.given.borrow_mut().unread |= id.is_none() || rule.is_none();
            rules.extend(id.zip(rule).map(|(id, rule)| Rule { id, ..rule }));
            entry.close();
        }
    }
    rules
}

fn rule_id(node: &Node<'_>, ids: &mut Vec<(RuleId, &'static str)>, declared: &mut Declared) -> Option<RuleId> {
    let what = if node.path.ends_with("campaign") { "campaign" } else { "rule" };
    let written = terms::id(node)?;
    let id = RuleId(declared.register.add(written));
    if let Some((_, known)) = ids.iter().find(|(known, _)| *known == id) {
        return node.refuse(format!("there is a {known} `{written}` already"));
    }
    ids.push((id, what));
    Some(id)
}

/// One entry of `[[earning]]` or `[[campaign]]` while it is read.
struct Reader<'a> {
    table: &'a Table<'a>,
    head: &'a Head,
    declared: &'a Declared,
    kind: Kind,
}

impl Reader<'_> {
    /// The rule; its id is set by the caller. Every part is read before any is missed, so that all flaws are found.
    fn rule(&self, excluded: Option<&Condition>) -> Option<Rule> {
        let table = self.table;
        let judged_by = table.find("judged_by").map_or(Some(JudgedBy::OccurredAt), |node| self.judged_by(&node));
        let (_, _, what) = self.kind.words();
        let (from, until) = terms::dates(table, self.head.zone.as_ref(), &format!("a {what}"));
        let when = self.condition("when", Place::Purchase);
        let basis = table.need("basis").and_then(|node| self.basis(&node));
        let lines = self.lines(excluded, basis.as_ref());
        self.some_line(when.as_ref(), lines.as_ref());
        if judged_by == Some(JudgedBy::OccurredAt) {
            self.some_day([("when", &when), ("lines", &lines)], (from, until));
        }
        let (wallet, meters) = (self.wallet(), self.meters());
        self.feeds(wallet, &meters);
        let decimals = self.decimals(wallet, &meters);
        let rate = table.need("rate").and_then(|node| self.rate(&node, basis.as_ref(), decimals));
        let rounding = table.need("rounding").and_then(|node| node.choice(ROUNDINGS));
        let rounds = self.choice("rounds", Rounds::Result, &[("result", Rounds::Result), ("amount", Rounds::Amount)]);
        let per = self.per(basis.as_ref());
        let bonus = table.find("bonus").map(|node| self.declared.by_tier(&node, rate::bonus)).unwrap_or_default();
        let bonus_of =
            self.choice("bonus_of", BonusOf::Exact, &[("exact", BonusOf::Exact), ("rounded", BonusOf::Rounded)]);
        let counts_points_tender = table.find("counts_points_tender").and_then(|node| node.truth()).unwrap_or(false);
        let boost = campaign::boost(table, self.kind);
        let stacking = campaign::stacking(table, self.kind);
        let caps = campaign::caps(table, self.kind, decimals);
        Some(Rule {
            id: RuleId::default(),
            judged_by: judged_by?,
            from,
            until,
            when,
            lines,
            basis: basis?,
            rate: rate?,
            rounding: rounding?,
            rounds,
            per,
            wallet,
            meters,
            bonus,
            bonus_of,
            counts_points_tender,
            boost,
            stacking: stacking?,
            caps,
        })
    }

    /// Notes what the rule feeds, so that `soundness.rs` can tell what nothing does.
    fn feeds(&self, wallet: Option<WalletId>, meters: &[MeterId]) {
        let mut given = self.declared.given.borrow_mut();
        let listed = self.table.find("meters").map(|node| (node.value().is_array(), node.list().len()));
        let unread = listed.is_some_and(|(is_list, length)| !is_list || length != meters.len());
        given.unsure |= unread || (wallet.is_none() && self.table.find("wallet").is_some());
        given.meters.extend(meters);
        if self.kind == Kind::Rule {
            given.earns = true;
            given.wallets.extend(wallet);
            given.base_meters.extend(meters);
        }
    }

    fn choice<T: Copy>(&self, key: &'static str, default: T, choices: &[(&str, T)]) -> T {
        self.table.find(key).and_then(|node| node.choice(choices)).unwrap_or(default)
    }

    fn condition(&self, key: &'static str, place: Place) -> Option<Condition> {
        self.table.find(key).and_then(|node| terms::possible(&node, &self.declared.names(place, self.head)))
    }

    /// The rule's own choice of lines, without those that earn nothing anywhere.
    fn lines(&self, excluded: Option<&Condition>, basis: Option<&Basis>) -> Option<Condition> {
        if let Some(Basis::BasePoints) = basis {
            let node = self.table.find("lines")?;
            return node.refuse("base points are those of the whole receipt; there are no lines to choose");
        }
        match (self.condition("lines", Place::Line), excluded) {
            (Some(lines), Some(excluded)) => Some(lines.except(excluded)),
            (None, Some(excluded)) => Some(excluded.negated()),
            (lines, None) => lines,
        }
    }

    /// Each condition may hold while all of them never do.
    fn some_line(&self, when: Option<&Condition>, lines: Option<&Condition>) {
        let (Some(lines), Some(node)) = (lines, self.table.find("lines")) else { return };
        let when_holds = when.is_none_or(|when| !when.never_holds());
        let excluded = lines.never_holds() || when.is_some_and(|when| when.excludes(lines));
        if when_holds && excluded && !self.is_flagged(&node) {
            node.doubt("no line is ever chosen: this excludes `when` or is excluded by `exclude_lines`");
        }
    }

    /// Each condition may hold on some day, and not on one on which the rule does.
    fn some_day(&self, conditions: [(&'static str, &Option<Condition>); 2], (from, until): (Moment, Moment)) {
        for (key, condition) in conditions {
            let Some((condition, node)) = condition.as_ref().zip(self.table.find(key)) else { continue };
            if from < until && !condition.never_holds() && condition.never_holds_between(from, until) {
                node.doubt("this never holds between `from` and `until`");
            }
        }
    }

    /// Whether the condition by itself can never hold, which was said.
    fn is_flagged(&self, node: &Node<'_>) -> bool {
        let names = self.declared.names(Place::Line, self.head);
        let own = node.value().as_str().and_then(|written| Condition::read(written, &names).ok());
        own.is_none_or(|own| own.never_holds())
    }

    fn judged_by(&self, node: &Node<'_>) -> Option<JudgedBy> {
        let name = node.text()?;
        if name == "occurred_at" {
            return Some(JudgedBy::OccurredAt);
        }
        let moments = || self.declared.attributes.iter().filter(|a| a.scope == Scope::Purchase);
        let text = |word: Word| self.declared.register.text(word);
        match moments().find(|a| text(a.id.0) == name) {
            Some(attribute) if attribute.value_type == ValueType::Moment => Some(JudgedBy::Attribute(attribute.id)),
            Some(_) => node.refuse(format!("`purchase.{name}` is not a moment")),
            None if self.declared.is_unsound(Scope::Purchase, name) => None,
            None => {
                let known = moments().map(|a| text(a.id.0)).chain(["occurred_at"]);
                node.refuse(format!("purchases have no attribute `{name}`{}", did_you_mean(name, known)))
            }
        }
    }

    fn basis(&self, node: &Node<'_>) -> Option<Basis> {
        let written = node.text()?;
        match (written, self.kind) {
            ("amount", _) => return Some(Basis::Amount),
            ("quantity", _) => return Some(Basis::Quantity),
            ("base_points", Kind::Campaign) => return Some(Basis::BasePoints),
            ("base_points", Kind::Rule) => return node.refuse("only a campaign counts `base_points`"),
            _ if written.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_') => return self.no_basis(node, written),
            _ => {}
        }
        let expression = terms::expression(node, &self.declared.names(Place::Line, self.head))?;
        if expression.constant().is_some_and(|basis| basis <= 0) {
            node.doubt("a basis of 0 or less earns nothing");
        }
        Some(if expression.looks_at_line() { Basis::Line(expression) } else { Basis::Purchase(expression) })
    }

    fn no_basis<T>(&self, node: &Node<'_>, written: &str) -> Option<T> {
        let (words, listed): (&[&str], _) = match self.kind {
            Kind::Rule => (&["amount", "quantity"], "`amount`, `quantity`"),
            Kind::Campaign => (&["amount", "quantity", "base_points"], "`amount`, `quantity`, `base_points`"),
        };
        node.refuse(format!("a basis is {listed} or an expression{}", did_you_mean(written, words)))
    }

    /// The rate. Its form is checked even if what it is a rate of is flawed itself, so that every flaw is said at once.
    fn rate(&self, node: &Node<'_>, basis: Option<&Basis>, decimals: Option<u8>) -> Option<Rate> {
        let per = match basis {
            Some(Basis::Amount) => rate::Per::Money(self.head.currency.map(CurrencyCode::decimals)),
            Some(Basis::Quantity) => rate::Per::Quantity,
            Some(Basis::Line(_) | Basis::Purchase(_)) => rate::Per::Units,
            Some(Basis::BasePoints) => rate::Per::Points,
            None => rate::Per::Unknown,
        };
        let is_known = decimals.is_some() && !matches!(per, rate::Per::Unknown | rate::Per::Money(None));
        rate::rate(node, per, decimals.unwrap_or(0)).filter(|_| is_known)
    }

    fn per(&self, basis: Option<&Basis>) -> Per {
        let Some(node) = self.table.find("per") else { return Per::Receipt };
        match (node.choice(&[("line", Per::Line), ("receipt", Per::Receipt)]), basis) {
            (Some(Per::Line), Some(Basis::Purchase(_) | Basis::BasePoints)) => {
                node.flaw("this basis does not look at a line; it counts once per receipt");
                Per::Receipt
            }
            (per, _) => per.unwrap_or(Per::Receipt),
        }
    }

    fn wallet(&self) -> Option<WalletId> {
        self.table.find("wallet").and_then(|node| self.declared.wallet_named(&node))
    }

    fn meters(&self) -> Vec<MeterId> {
        let mut meters = Vec::new();
        for node in self.table.find("meters").map(|node| node.list()).unwrap_or_default() {
            match self.declared.meter_named(&node) {
                Some(meter) if meters.contains(&meter) => node.flaw("this meter is listed twice"),
                Some(meter) => meters.push(meter),
                None => {}
            }
        }
        meters
    }

    /// The decimals in which the rule grants: those of its wallet and meters, which must agree, since meters count
    /// what was granted.
    fn decimals(&self, wallet: Option<WalletId>, meters: &[MeterId]) -> Option<u8> {
        let declared = self.declared;
        let wallets = declared.wallets.iter().filter(|w| Some(w.id) == wallet).map(|w| (w.id.0, w.decimals));
        let counting = declared.meters.iter().filter(|m| meters.contains(&m.id)).map(|m| (m.id.0, m.decimals));
        let mut found = wallets.chain(counting);
        let Some((first, decimals)) = found.next() else {
            if self.table.find("wallet").is_none() && self.table.find("meters").is_none() {
                self.table.flaw(format!("a {} needs a `wallet` or `meters`", self.kind.words().2));
            }
            return None;
        };
        let decimals = declared.sound_decimals(first, decimals)?;
        for (word, other) in found.filter_map(|(word, other)| Some((word, declared.sound_decimals(word, other)?))) {
            if other != decimals {
                let (a, b) = (declared.register.text(first), declared.register.text(word));
                self.table.flaw(format!("`{a}` has {decimals} decimals and `{b}` has {other}; they must agree"));
            }
        }
        Some(decimals)
    }
}
