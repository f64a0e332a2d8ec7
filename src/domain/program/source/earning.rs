//! Earning rules: which lines of which purchases earn what.

use super::declared::Declared;
use super::head::Head;
use super::rate;
use super::sheet::{Node, Table};
use super::terms;
use crate::domain::program::condition::{Condition, Place};
use crate::domain::program::suggest::did_you_mean;
use crate::domain::program::{
    Basis, BonusOf, JudgedBy, MeterId, Per, Rate, Rounds, Rule, RuleId, Scope, TierId, ValueType, WalletId, Word,
};
use crate::domain::units::{Moment, Ratio, Rounding};

const RULES_MAX: usize = 200;

const ROUNDINGS: &[(&str, Rounding)] = &[
    ("floor", Rounding::Floor),
    ("ceil", Rounding::Ceil),
    ("half_up", Rounding::HalfUp),
    ("half_even", Rounding::HalfEven),
];

pub(super) fn read(table: &Table<'_>, head: &Head, declared: &mut Declared) -> Vec<Rule> {
    let excluded = table.find("exclude_lines");
    let excluded = excluded.and_then(|node| terms::condition(&node, &declared.names(Place::Line, head)));
    let Some(node) = table.find("earning") else { return Vec::new() };
    let written = node.list();
    if written.len() > RULES_MAX {
        node.flaw(format!("at most {RULES_MAX} rules"));
    }
    let mut ids = Vec::new();
    let mut rules = Vec::new();
    for entry in written.iter().take(RULES_MAX).filter_map(Node::table) {
        let id = entry.need("rule").and_then(|node| rule_id(&node, &mut ids, declared));
        let rule = Reader { table: &entry, head, declared }.rule(excluded.as_ref());
        rules.extend(id.zip(rule).map(|(id, rule)| Rule { id, ..rule }));
        entry.close();
    }
    rules
}

fn rule_id(node: &Node<'_>, ids: &mut Vec<RuleId>, declared: &mut Declared) -> Option<RuleId> {
    let written = terms::id(node)?;
    let id = RuleId(declared.register.add(written));
    if ids.contains(&id) {
        return node.refuse(format!("there is a rule `{written}` already"));
    }
    ids.push(id);
    Some(id)
}

/// One entry of `[[earning]]` while it is read.
struct Reader<'a> {
    table: &'a Table<'a>,
    head: &'a Head,
    declared: &'a Declared,
}

impl Reader<'_> {
    /// The rule; its id is set by the caller. Every part is read before any is missed, so that all flaws are found.
    fn rule(&self, excluded: Option<&Condition>) -> Option<Rule> {
        let table = self.table;
        let judged_by = table.find("judged_by").map_or(Some(JudgedBy::OccurredAt), |node| self.judged_by(&node));
        let (from, until) = self.dates();
        let when = self.condition("when", Place::Purchase);
        let lines = self.lines(excluded);
        let basis = table.need("basis").and_then(|node| self.basis(&node));
        let (wallet, meters) = (self.wallet(), self.meters());
        let decimals = self.decimals(wallet, &meters);
        let rate = table.need("rate").and_then(|node| self.rate(&node, basis.as_ref()?, decimals?));
        let rounding = table.need("rounding").and_then(|node| node.choice(ROUNDINGS));
        let rounds = self.choice("rounds", Rounds::Result, &[("result", Rounds::Result), ("amount", Rounds::Amount)]);
        let per = self.per(basis.as_ref());
        let bonus = table.find("bonus").map(|node| self.bonus(&node)).unwrap_or_default();
        let bonus_of =
            self.choice("bonus_of", BonusOf::Exact, &[("exact", BonusOf::Exact), ("rounded", BonusOf::Rounded)]);
        let counts_points_tender = table.find("counts_points_tender").and_then(|node| node.truth()).unwrap_or(false);
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
        })
    }

    fn choice<T: Copy>(&self, key: &'static str, default: T, choices: &[(&str, T)]) -> T {
        self.table.find(key).and_then(|node| node.choice(choices)).unwrap_or(default)
    }

    fn condition(&self, key: &'static str, place: Place) -> Option<Condition> {
        self.table.find(key).and_then(|node| terms::condition(&node, &self.declared.names(place, self.head)))
    }

    /// The rule's own choice of lines, without those that earn nothing anywhere.
    fn lines(&self, excluded: Option<&Condition>) -> Option<Condition> {
        match (self.condition("lines", Place::Line), excluded) {
            (Some(lines), Some(excluded)) => Some(lines.except(excluded)),
            (None, Some(excluded)) => Some(excluded.negated()),
            (lines, None) => lines,
        }
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

    fn dates(&self) -> (Moment, Moment) {
        let moment = |node: &Node<'_>| terms::moment(node, self.head.zone.as_ref());
        let (from, until) = (self.table.find("from"), self.table.find("until"));
        let starts = from.as_ref().and_then(moment).unwrap_or(Moment::BEGINNING);
        let ends = until.as_ref().and_then(moment).unwrap_or(Moment::NEVER);
        if let (true, Some(until)) = (starts >= ends, until) {
            until.flaw("a rule ends after it starts");
        }
        (starts, ends)
    }

    fn basis(&self, node: &Node<'_>) -> Option<Basis> {
        let written = node.text()?;
        match written {
            "amount" => return Some(Basis::Amount),
            "quantity" => return Some(Basis::Quantity),
            _ if written.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_') => {
                let suggestion = did_you_mean(written, ["amount", "quantity"]);
                return node.refuse(format!("a basis is `amount`, `quantity` or an expression{suggestion}"));
            }
            _ => {}
        }
        let expression = terms::expression(node, &self.declared.names(Place::Line, self.head))?;
        Some(if expression.looks_at_line() { Basis::Line(expression) } else { Basis::Purchase(expression) })
    }

    fn rate(&self, node: &Node<'_>, basis: &Basis, decimals: u8) -> Option<Rate> {
        let per = match basis {
            Basis::Amount => rate::Per::Money(self.head.currency?.decimals()),
            Basis::Quantity => rate::Per::Quantity,
            Basis::Line(_) | Basis::Purchase(_) => rate::Per::Units,
        };
        rate::rate(node, per, decimals)
    }

    fn per(&self, basis: Option<&Basis>) -> Per {
        let Some(node) = self.table.find("per") else { return Per::Receipt };
        match (node.choice(&[("line", Per::Line), ("receipt", Per::Receipt)]), basis) {
            (Some(Per::Line), Some(Basis::Purchase(_))) => {
                node.flaw("this basis does not look at a line; it counts once per receipt");
                Per::Receipt
            }
            (per, _) => per.unwrap_or(Per::Receipt),
        }
    }

    fn wallet(&self) -> Option<WalletId> {
        let node = self.table.find("wallet")?;
        let name = node.text()?;
        let text = |word: Word| self.declared.register.text(word);
        let known = || self.declared.wallets.iter().map(|wallet| wallet.id);
        known()
            .find(|id| text(id.0) == name)
            .or_else(|| node.refuse(format!("no wallet `{name}`{}", did_you_mean(name, known().map(|id| text(id.0))))))
    }

    fn meters(&self) -> Vec<MeterId> {
        let mut meters = Vec::new();
        for node in self.table.find("meters").map(|node| node.list()).unwrap_or_default() {
            match self.meter(&node) {
                Some(meter) if meters.contains(&meter) => node.flaw("this meter is listed twice"),
                Some(meter) => meters.push(meter),
                None => {}
            }
        }
        meters
    }

    fn meter(&self, node: &Node<'_>) -> Option<MeterId> {
        let name = node.text()?;
        let text = |word: Word| self.declared.register.text(word);
        let known = || self.declared.meters.iter().map(|meter| meter.id);
        known()
            .find(|id| text(id.0) == name)
            .or_else(|| node.refuse(format!("no meter `{name}`{}", did_you_mean(name, known().map(|id| text(id.0))))))
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
                self.table.flaw("a rule needs a `wallet` or `meters`");
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

    fn bonus(&self, node: &Node<'_>) -> Vec<(TierId, Ratio)> {
        let entries = node.table().map(|table| table.entries()).unwrap_or_default();
        let bonus = |(node, tier, at): &(Node<'_>, &str, usize)| {
            let (tier, share) = (self.tier(node, tier, *at), rate::bonus(node));
            tier.zip(share)
        };
        entries.iter().filter_map(bonus).collect()
    }

    fn tier(&self, node: &Node<'_>, name: &str, at: usize) -> Option<TierId> {
        let text = |tier: &TierId| self.declared.register.text(tier.0);
        let found = self.declared.tiers.iter().find(|tier| text(tier) == name);
        if found.is_none() {
            let suggestion = did_you_mean(name, self.declared.tiers.iter().map(text));
            node.sheet.flaw(at, &node.path, format!("the ladder has no tier `{name}`{suggestion}"));
        }
        found.copied()
    }
}
