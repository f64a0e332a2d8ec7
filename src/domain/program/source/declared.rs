//! What a program declares before it promises anything: wallets, meters and attributes, and the register that
//! numbers their ids. A flawed declaration still counts as declared, so that its uses are not reported as well.

use super::head::Head;
use super::sheet::{Node, Table};
use super::{terms, wallets};
use crate::domain::calendar::Zone;
use crate::domain::program::condition::{LINE_WORDS, MEMBER_WORDS, Names, PURCHASE_WORDS, Place};
use crate::domain::program::suggest::did_you_mean;
use crate::domain::program::{
    Absent, Attribute, AttributeId, Meter, MeterId, Register, Scope, TierId, Value, ValueType, Wallet, WalletId,
    Window, Word,
};
use crate::domain::units::Moment;

pub(super) const WALLETS_MAX: usize = 32;
const METERS_MAX: usize = 64;
const ATTRIBUTES_MAX: usize = 64;

/// Everything rules and tiers may refer to.
pub(super) struct Declared {
    pub register: Register,
    pub wallets: Vec<Wallet>,
    pub meters: Vec<Meter>,
    pub attributes: Vec<Attribute>,
    /// The ladder's tiers with the base, once it is read.
    pub tiers: Vec<TierId>,
    unsound_attributes: Vec<(Scope, Word)>,
    unsound_decimals: Vec<Word>,
}

impl Declared {
    pub(super) fn read(table: &Table<'_>, zone: Option<&Zone>, register: Register) -> Self {
        let mut declared = Self {
            register,
            wallets: Vec::new(),
            meters: Vec::new(),
            attributes: Vec::new(),
            tiers: Vec::new(),
            unsound_attributes: Vec::new(),
            unsound_decimals: Vec::new(),
        };
        declared.each(table.find("wallets"), WALLETS_MAX, Self::wallet);
        declared.each(table.find("meters"), METERS_MAX, Self::meter);
        if let Some(scopes) = table.find("attributes").and_then(|node| node.table()) {
            let mut scope = |key, scope| {
                let add = |declared: &mut Self, id: &str, node: &Node<'_>| declared.attribute(scope, id, node, zone);
                declared.each(scopes.find(key), ATTRIBUTES_MAX, add);
            };
            scope("purchase", Scope::Purchase);
            scope("line", Scope::Line);
            scope("member", Scope::Member);
            scopes.close();
        }
        declared
    }

    fn each(&mut self, node: Option<Node<'_>>, max: usize, mut add: impl FnMut(&mut Self, &str, &Node<'_>)) {
        let Some(table) = node.and_then(|node| node.table()) else { return };
        let entries = table.entries();
        if entries.len() > max {
            table.flaw(format!("at most {max} of these"));
        }
        for (node, id, at) in entries.iter().take(max) {
            if let Some(message) = key_flaw(&table.path, id) {
                table.sheet.flaw(*at, &node.path, message);
            }
            add(self, id, node);
        }
    }

    /// Its policies name tiers and rewards and are read after those, and then its table is closed.
    fn wallet(&mut self, id: &str, node: &Node<'_>) {
        let word = self.register.add(id);
        let (name, decimals) = self.name_and_decimals(id, word, node, |_| {});
        self.wallets.push(wallets::plain(WalletId(word), name, decimals));
    }

    fn meter(&mut self, id: &str, node: &Node<'_>) {
        let word = self.register.add(id);
        let mut counts = None;
        let (name, decimals) = self.name_and_decimals(id, word, node, |table| {
            counts = table.need("window").and_then(|node| terms::window(&node));
            table.close();
        });
        self.meters.push(Meter { id: MeterId(word), name, decimals, window: counts.unwrap_or(Window::Lifetime) });
    }

    fn name_and_decimals(
        &mut self,
        id: &str,
        word: Word,
        node: &Node<'_>,
        rest: impl FnOnce(Table<'_>),
    ) -> (Box<str>, u8) {
        let Some(table) = node.table() else {
            self.unsound_decimals.push(word);
            return (id.into(), 0);
        };
        let name = table.find("name").and_then(|node| terms::name(&node)).unwrap_or_else(|| id.into());
        let decimals = table.find("decimals").map_or(Some(0), |node| terms::decimals(&node));
        if decimals.is_none() {
            self.unsound_decimals.push(word);
        }
        rest(table);
        (name, decimals.unwrap_or(0))
    }

    fn attribute(&mut self, scope: Scope, id: &str, node: &Node<'_>, zone: Option<&Zone>) {
        let word = self.register.add(id);
        match node.table().and_then(|table| attribute(table, scope, AttributeId(word), zone)) {
            Some(attribute) => self.attributes.push(attribute),
            None => self.unsound_attributes.push((scope, word)),
        }
    }

    /// The decimals of a wallet or meter, unless their declaration is flawed.
    pub(super) fn sound_decimals(&self, word: Word, decimals: u8) -> Option<u8> {
        (!self.unsound_decimals.contains(&word)).then_some(decimals)
    }

    /// Whether the declaration of an attribute is flawed.
    pub(super) fn is_unsound(&self, scope: Scope, id: &str) -> bool {
        self.register.word(id).is_some_and(|word| self.unsound_attributes.contains(&(scope, word)))
    }

    /// The wallet that a value names.
    pub(super) fn wallet_named(&self, node: &Node<'_>) -> Option<WalletId> {
        self.named(node, "wallet", self.wallets.iter().map(|wallet| wallet.id.0)).map(WalletId)
    }

    /// The meter that a value names.
    pub(super) fn meter_named(&self, node: &Node<'_>) -> Option<MeterId> {
        self.named(node, "meter", self.meters.iter().map(|meter| meter.id.0)).map(MeterId)
    }

    /// The word among `known` that a value names.
    pub(super) fn named(&self, node: &Node<'_>, what: &str, known: impl Iterator<Item = Word>) -> Option<Word> {
        let name = node.text()?;
        let known: Vec<Word> = known.collect();
        let texts = || known.iter().map(|word| self.register.text(*word));
        match self.register.word(name).filter(|word| known.contains(word)) {
            Some(word) => Some(word),
            None => node.refuse(format!("no {what} `{name}`{}", did_you_mean(name, texts()))),
        }
    }

    /// The tiers that a list names.
    pub(super) fn tiers_listed(&self, list: &Node<'_>) -> Vec<TierId> {
        let mut tiers = Vec::new();
        for node in list.list() {
            match node.text().and_then(|name| self.tier(&node, name, node.span.start)) {
                Some(tier) if tiers.contains(&tier) => node.flaw("this tier is listed twice"),
                Some(tier) => tiers.push(tier),
                None => {}
            }
        }
        tiers
    }

    /// A table whose keys are tiers.
    pub(super) fn by_tier<T>(&self, node: &Node<'_>, value: impl Fn(&Node<'_>) -> Option<T>) -> Vec<(TierId, T)> {
        let entries = node.table().map(|table| table.entries()).unwrap_or_default();
        let entry = |(node, tier, at): &(Node<'_>, &str, usize)| {
            let (tier, value) = (self.tier(node, tier, *at), value(node));
            tier.zip(value)
        };
        entries.iter().filter_map(entry).collect()
    }

    fn tier(&self, node: &Node<'_>, name: &str, at: usize) -> Option<TierId> {
        let text = |tier: &TierId| self.register.text(tier.0);
        let found = self.tiers.iter().find(|tier| text(tier) == name);
        if found.is_none() {
            let suggestion = did_you_mean(name, self.tiers.iter().map(text));
            node.sheet.flaw(at, &node.path, format!("the ladder has no tier `{name}`{suggestion}"));
        }
        found.copied()
    }

    /// What a condition in `place` may name.
    pub(super) fn names<'a>(&'a self, place: Place, head: &'a Head) -> Names<'a> {
        Names {
            place,
            register: &self.register,
            attributes: &self.attributes,
            unsound: &self.unsound_attributes,
            meters: &self.meters,
            tiers: &self.tiers,
            kinds: &head.kinds,
            currency: head.currency,
        }
    }
}

/// What is wrong with the id of something declared under `path`.
fn key_flaw(path: &str, id: &str) -> Option<String> {
    let words = match path {
        "wallets" => return terms::id_flaw(id),
        "attributes.purchase" => PURCHASE_WORDS,
        "attributes.line" => LINE_WORDS,
        "attributes.member" => MEMBER_WORDS,
        _ => &[],
    };
    let taken = words.contains(&id).then(|| format!("`{id}` is given without being declared"));
    taken.or_else(|| terms::name_flaw(id))
}

const TYPES: &[(&str, ValueType)] = &[
    ("integer", ValueType::Integer),
    ("text", ValueType::Text),
    ("bool", ValueType::Bool),
    ("moment", ValueType::Moment),
];

fn attribute(table: Table<'_>, scope: Scope, id: AttributeId, zone: Option<&Zone>) -> Option<Attribute> {
    let value_type = table.need("type").and_then(|node| node.choice(TYPES));
    let (default, required) = (table.find("default"), table.find("required"));
    let is_required = required.as_ref().and_then(Node::truth).unwrap_or(false);
    let absent = match (default, is_required) {
        (Some(node), true) => node.refuse("what is required needs no default"),
        (Some(node), false) => value_type.and_then(|value_type| default_of(&node, scope, value_type, zone)),
        (None, true) if scope == Scope::Member => required.and_then(|node| {
            node.refuse("a member's attribute needs a `default`: she may have enrolled before it was declared")
        }),
        (None, true) => Some(Absent::Required),
        (None, false) => {
            table.flaw("`default` is missing, or `required = true`");
            None
        }
    };
    table.close();
    // A flaw in the default alone leaves the type known, so that conditions can still be checked.
    let value_type = value_type?;
    Some(Attribute { id, scope, value_type, absent: absent.unwrap_or(Absent::Required) })
}

fn default_of(node: &Node<'_>, scope: Scope, value_type: ValueType, zone: Option<&Zone>) -> Option<Absent> {
    Some(Absent::Default(match value_type {
        ValueType::Integer => Value::Integer(node.integer(i64::MIN..=i64::MAX)?),
        ValueType::Bool => Value::Bool(node.truth()?),
        ValueType::Text => Value::Text((*text_of_256(node)?).into()),
        ValueType::Moment if node.value().as_str() == Some("occurred_at") => return occurred_at(node, scope),
        ValueType::Moment => Value::Moment(terms::moment(node, zone).unwrap_or(Moment::BEGINNING)),
    }))
}

fn text_of_256(node: &Node<'_>) -> Option<Box<str>> {
    let text = node.text()?;
    if text.len() <= 256 { Some(text.into()) } else { node.refuse("a text has at most 256 bytes") }
}

fn occurred_at(node: &Node<'_>, scope: Scope) -> Option<Absent> {
    match scope {
        Scope::Member => node.refuse("a member did not occur; give a moment"),
        Scope::Purchase | Scope::Line => Some(Absent::OccurredAt),
    }
}
