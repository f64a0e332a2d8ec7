//! What a program declares before it promises anything: wallets, meters and attributes, the register that numbers ids,
//! and what other parts may refer to by them. A flawed declaration still counts as declared, so that its uses are not
//! reported as well.

use std::cell::RefCell;

use super::benefits::Given;
use super::head::Head;
use super::sheet::{Node, Table};
use super::{terms, wallets};
use crate::domain::calendar::Zone;
use crate::domain::program::condition::{LINE_WORDS, MEMBER_WORDS, Names, PURCHASE_WORDS, Place};
use crate::domain::program::suggest::did_you_mean;
use crate::domain::program::{
    Absent, Attribute, AttributeId, ClubId, Meter, MeterId, PrivilegeId, Register, RuleId, Scope, SegmentId, TierId,
    Value, ValueType, Wallet, WalletId, Window, Word,
};
use crate::domain::units::Moment;

pub(super) const WALLETS_MAX: usize = 32;
const METERS_MAX: usize = 64;
const ATTRIBUTES_MAX: usize = 64;

/// One of a list of tables, and its id unless that is flawed.
pub(super) struct Entry<'a> {
    pub table: Table<'a>,
    pub id: Option<Word>,
}

/// Everything rules and tiers may refer to.
pub(super) struct Declared {
    pub register: Register,
    pub wallets: Vec<Wallet>,
    pub meters: Vec<Meter>,
    pub attributes: Vec<Attribute>,
    /// The ladder's tiers with the base, once it is read.
    pub tiers: Vec<TierId>,
    /// Clubs, whose ids are known before rules are read.
    pub clubs: Vec<ClubId>,
    /// Segments, which are read before whatever names them.
    pub segments: Vec<SegmentId>,
    /// Campaigns, once they are read, and whether each is a boost.
    pub campaigns: Vec<(RuleId, bool)>,
    /// Privileges, once they are read, and whether uses of them are counted, which is not known of a flawed one.
    pub privileges: Vec<(PrivilegeId, Option<bool>)>,
    /// What is given somewhere.
    pub given: RefCell<Given>,
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
            clubs: Vec::new(),
            segments: Vec::new(),
            campaigns: Vec::new(),
            privileges: Vec::new(),
            given: RefCell::default(),
            unsound_attributes: Vec::new(),
            unsound_decimals: Vec::new(),
        };
        declared.each(table.find("wallets"), WALLETS_MAX, Self::wallet);
        let has_ladder = table.find("ladder").is_some();
        let meter = |declared: &mut Self, id: &str, node: &Node<'_>| declared.meter(id, node, has_ladder);
        declared.each(table.find("meters"), METERS_MAX, meter);
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

    fn meter(&mut self, id: &str, node: &Node<'_>, has_ladder: bool) {
        let word = self.register.add(id);
        let (mut counts, mut rolls) = (None, false);
        let (name, decimals) = self.name_and_decimals(id, word, node, |table| {
            counts = table.need("window").and_then(|node| terms::window(&node));
            rolls = table.find("rollover").is_some_and(|node| rollover(&node, counts, has_ladder));
            table.close();
        });
        // The word of the hidden meter is given later.
        let rollover = rolls.then(MeterId::default);
        self.meters.push(Meter {
            id: MeterId(word),
            name,
            decimals,
            window: counts.unwrap_or(Window::Lifetime),
            rollover,
        });
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

    /// The club that a value names.
    pub(super) fn club_named(&self, node: &Node<'_>) -> Option<ClubId> {
        self.named(node, "club", self.clubs.iter().map(|club| club.0)).map(ClubId)
    }

    /// The segment that a value names.
    pub(super) fn segment_named(&self, node: &Node<'_>) -> Option<SegmentId> {
        self.named(node, "segment", self.segments.iter().map(|segment| segment.0)).map(SegmentId)
    }

    /// The privilege that a value names, and whether uses of it are counted.
    pub(super) fn privilege_named(&self, node: &Node<'_>) -> Option<(PrivilegeId, Option<bool>)> {
        let word = self.named(node, "privilege", self.privileges.iter().map(|(id, _)| id.0))?;
        self.privileges.iter().find(|(id, _)| id.0 == word).copied()
    }

    /// The campaign that a value names and that is a boost.
    pub(super) fn boost_named(&self, node: &Node<'_>) -> Option<RuleId> {
        let word = self.named(node, "campaign", self.campaigns.iter().map(|(id, _)| id.0))?;
        let (id, is_boost) = self.campaigns.iter().find(|(id, _)| id.0 == word).copied()?;
        if !is_boost {
            return node.refuse(format!("campaign `{}` is no boost; give it a `boost`", self.register.text(word)));
        }
        Some(id)
    }

    /// The tier that a value names, which must be one that not everybody has.
    pub(super) fn tier_given(&self, node: &Node<'_>) -> Option<TierId> {
        let name = node.text()?;
        let tier = self.tier(node, name, node.span.start)?;
        if self.tiers.first() == Some(&tier) {
            return node.refuse(format!("everybody has `{name}`; there is nothing to give"));
        }
        Some(tier)
    }

    /// The tables of a list, each with an id of its own.
    pub(super) fn entries<'a>(&mut self, table: &Table<'a>, what: &'static str, max: usize) -> Vec<Entry<'a>> {
        let Some(node) = table.find(what) else { return Vec::new() };
        let written = node.list();
        if written.len() > max {
            node.flaw(format!("at most {max} {what}s"));
        }
        let mut known = Vec::new();
        let mut entry = |table: Table<'a>| {
            let id = table.need("id").and_then(|node| self.new_id(&node, what, &mut known));
            Entry { table, id }
        };
        written.iter().take(max).filter_map(Node::table).map(&mut entry).collect()
    }

    fn new_id(&mut self, node: &Node<'_>, what: &str, known: &mut Vec<Word>) -> Option<Word> {
        let written = terms::id(node)?;
        let id = self.register.add(written);
        if known.contains(&id) {
            let article = if what.starts_with('o') { "an" } else { "a" };
            return node.refuse(format!("there is {article} {what} `{written}` already"));
        }
        known.push(id);
        Some(id)
    }

    /// The name for people, which is the id unless another is given.
    pub(super) fn name_of(&self, table: &Table<'_>, id: Option<Word>) -> Box<str> {
        let name = table.find("name").and_then(|node| terms::name(&node));
        name.unwrap_or_else(|| id.map_or("", |id| self.register.text(id)).into())
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
        listed(list, "tier", |node, name| self.tier(node, name, node.span.start))
    }

    /// The clubs that a list names.
    pub(super) fn clubs_listed(&self, list: &Node<'_>) -> Vec<ClubId> {
        listed(list, "club", |node, _| self.club_named(node))
    }

    /// The segments that a list names.
    pub(super) fn segments_listed(&self, list: &Node<'_>) -> Vec<SegmentId> {
        listed(list, "segment", |node, _| self.segment_named(node))
    }

    /// A table whose keys are tiers.
    pub(super) fn by_tier<T>(&self, node: &Node<'_>, value: impl Fn(&Node<'_>) -> Option<T>) -> Vec<(TierId, T)> {
        keyed(node, |node, name, at| self.tier(node, name, at), value)
    }

    /// A table whose keys are clubs.
    pub(super) fn by_club<T>(&self, node: &Node<'_>, value: impl Fn(&Node<'_>) -> Option<T>) -> Vec<(ClubId, T)> {
        keyed(node, |node, name, at| self.club(node, name, at), value)
    }

    /// A table whose keys are segments.
    pub(super) fn by_segment<T>(&self, node: &Node<'_>, value: impl Fn(&Node<'_>) -> Option<T>) -> Vec<(SegmentId, T)> {
        keyed(node, |node, name, at| self.segment(node, name, at), value)
    }

    fn tier(&self, node: &Node<'_>, name: &str, at: usize) -> Option<TierId> {
        let word = self.among(&self.tiers, |tier| tier.0, name);
        word.map_err(|suggestion| {
            node.sheet.flaw(at, &node.path, format!("the ladder has no tier `{name}`{suggestion}"));
        })
        .ok()
    }

    fn club(&self, node: &Node<'_>, name: &str, at: usize) -> Option<ClubId> {
        let word = self.among(&self.clubs, |club| club.0, name);
        word.map_err(|suggestion| node.sheet.flaw(at, &node.path, format!("no club `{name}`{suggestion}"))).ok()
    }

    fn segment(&self, node: &Node<'_>, name: &str, at: usize) -> Option<SegmentId> {
        let word = self.among(&self.segments, |segment| segment.0, name);
        word.map_err(|suggestion| node.sheet.flaw(at, &node.path, format!("no segment `{name}`{suggestion}"))).ok()
    }

    /// The one called `name`, or what could have been meant.
    fn among<T: Copy>(&self, known: &[T], word: impl Fn(&T) -> Word, name: &str) -> Result<T, String> {
        let text = |one: &T| self.register.text(word(one));
        let found = known.iter().find(|one| text(one) == name);
        found.copied().ok_or_else(|| did_you_mean(name, known.iter().map(text)))
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
            clubs: &self.clubs,
            segments: &self.segments,
            kinds: &head.kinds,
            currency: head.currency,
        }
    }
}

/// What a list names, each once.
fn listed<T: PartialEq>(list: &Node<'_>, what: &str, find: impl Fn(&Node<'_>, &str) -> Option<T>) -> Vec<T> {
    let mut found = Vec::new();
    for node in list.list() {
        match node.text().and_then(|name| find(&node, name)) {
            Some(one) if found.contains(&one) => node.flaw(format!("this {what} is listed twice")),
            Some(one) => found.push(one),
            None => {}
        }
    }
    found
}

/// A table whose keys name something.
fn keyed<K, T>(
    node: &Node<'_>,
    find: impl Fn(&Node<'_>, &str, usize) -> Option<K>,
    value: impl Fn(&Node<'_>) -> Option<T>,
) -> Vec<(K, T)> {
    let entries = node.table().map(|table| table.entries()).unwrap_or_default();
    let entry = |(node, name, at): &(Node<'_>, &str, usize)| {
        let (key, value) = (find(node, name, *at), value(node));
        key.zip(value)
    };
    entries.iter().filter_map(entry).collect()
}

/// Whether what a meter counted beyond a tier's threshold rolls over; says so where it cannot.
fn rollover(node: &Node<'_>, window: Option<Window>, has_ladder: bool) -> bool {
    let rolls = node.truth().unwrap_or(false);
    let ends = window.is_none_or(|window| matches!(window, Window::CalendarYear(_) | Window::AnniversaryYear));
    if rolls && !ends {
        node.flaw("only a calendar or anniversary year ends and is followed by another to roll over into");
    }
    if rolls && !has_ladder {
        node.flaw("what rolls over is beyond the threshold of a tier, and there is no `[ladder]`");
    }
    rolls
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
