//! The working state of one group: what was read, and what the orders decided so far have made of it.
//!
//! Each order sees the group's earlier ones as if they were kept already; nothing here is, until the lane has
//! committed the whole draft. A rehearsal makes a draft of one order and throws it away.

use std::collections::HashMap;
use std::sync::Arc;

use super::answer::{Applied, Denied, Outcome, View};
use super::clock::Time;
use super::programs::Programs;
use super::{lookups, pots};
use crate::domain::decide::{self, Decision, Ground, Holder};
use crate::domain::event::{Entry, Fact, NamedBy, Seq};
use crate::domain::member::Member;
use crate::domain::order::{
    AlertOrder, BelongingOrder, Caller, Claim, Identifier, IdentifierHash, MemberKey, MemberName, Order, Refusal, Verb,
};
use crate::domain::program::Timeline;
use crate::domain::units::{Moment, Points, Text};
use crate::domain::voucher::Mint;
use crate::store::{Found, Group, KeyMap, MemberChange, Wants};

/// What is known of one member within the group.
#[derive(Default)]
struct Slot {
    stored_version: u64,
    member: Option<Arc<Member>>,
}

/// The keys of an order: its member's, and the one it is known again by. Computed once, they are hashes.
#[derive(Clone, Copy, Default)]
pub(super) struct Keys {
    pub member: Option<MemberKey>,
    pub claim: Option<Claim>,
}

/// What an entry keeps of its order as it was given; nothing where no order was.
#[derive(Default)]
pub(super) struct Given {
    request_id: Text,
    caller: Caller,
    named_by: Option<Box<NamedBy>>,
}

impl Given {
    fn with(order: &Order) -> Self {
        let hash = |name: &MemberName| match name {
            MemberName::Identifier(identifier) => Some(identifier.hash),
            _ => None,
        };
        let named_by = NamedBy { member: hash(&order.member), other: lookups::other_named(&order.verb).and_then(hash) };
        let named_by = (named_by != NamedBy::default()).then(|| Box::new(named_by));
        Self { request_id: order.request_id.clone(), caller: order.caller.clone(), named_by }
    }
}

/// A group being decided.
pub(super) struct Draft {
    pub programs: Arc<Programs>,
    mint: Mint,
    pub now: Moment,
    settles_to: Moment,
    head: Seq,
    members: KeyMap<MemberKey, Slot>,
    pub claims: KeyMap<Claim, Arc<Entry>>,
    pub identifiers: KeyMap<IdentifierHash, MemberKey>,
    enrolments: KeyMap<MemberKey, Arc<Entry>>,
    /// Entries that orders name by their numbers.
    pub named: HashMap<Seq, Arc<Entry>>,
    entries: Vec<Arc<Entry>>,
    changed: Vec<MemberKey>,
}

impl Keys {
    /// The keys of an order, as far as they can be told before its identifier is looked up. They are hashes, and
    /// computed where the order comes in: the lane has enough to do.
    pub(super) fn of(order: &Order, programs: &Programs) -> Self {
        let Some(timeline) = programs.named(&order.program) else { return Self::default() };
        let member = match &order.member {
            MemberName::Id(id) => Some(MemberKey::of(&order.program, id)),
            MemberName::Key(key) => Some(*key),
            _ => None,
        };
        Self { member, claim: claim_of(timeline, member, order) }
    }
}

impl Draft {
    /// An empty draft on top of what is stored up to `head`.
    pub(super) fn new(programs: Arc<Programs>, mint: Mint, time: Time, head: Seq) -> Self {
        Self {
            programs,
            mint,
            now: time.now,
            settles_to: time.settles_to,
            head,
            members: KeyMap::default(),
            claims: KeyMap::default(),
            identifiers: KeyMap::default(),
            enrolments: KeyMap::default(),
            named: HashMap::new(),
            entries: Vec::new(),
            changed: Vec::new(),
        }
    }

    /// What must be read before orders with these keys can be decided.
    pub(super) fn wants<'a>(&self, orders: impl Iterator<Item = (&'a Order, &'a Keys)>) -> Wants {
        let mut wants = Wants::default();
        for (order, keys) in orders {
            if let MemberName::Identifier(identifier) = &order.member {
                wants.identifiers.push(identifier.hash);
                wants.claims.extend(self.claim_by(order));
            }
            wants.identifiers.extend(named_identifiers(&order.verb).iter().map(|identifier| identifier.hash));
            wants.members.extend(keys.member);
            wants.claims.extend(keys.claim);
            self.also_wanted(order, &mut wants);
        }
        wants
    }

    /// Completes the keys of an order that did not name its member by id, once it is known who that is; the claim
    /// still to be looked up, if that makes one.
    pub(super) fn complete(&self, order: &Order, keys: &mut Keys) -> Option<Claim> {
        if keys.member.is_some() {
            return None;
        }
        keys.member = self.whose(order);
        let timeline = self.programs.named(&order.program)?;
        let before = std::mem::replace(&mut keys.claim, claim_of(timeline, keys.member, order));
        keys.claim.filter(|_| before.is_none())
    }

    /// Who holds the identifiers an enrolment names, with the entries that enrolled them.
    pub(super) fn enrolments(&self, order: &Order) -> Vec<(MemberKey, Seq)> {
        if !matches!(order.verb, Verb::Enroll(_) | Verb::Import(_)) {
            return Vec::new();
        }
        let holders = named_identifiers(&order.verb).iter().filter_map(|i| self.identifiers.get(&i.hash));
        holders.filter_map(|key| Some((*key, self.member(*key)?.enrolled_by))).collect()
    }

    /// Takes in what a read phase found.
    pub(super) fn take(&mut self, found: Found) {
        self.claims.extend(found.claims);
        self.identifiers.extend(found.identifiers);
        for (key, member) in found.members {
            let slot = Slot { stored_version: member.version, member: Some(member) };
            self.members.entry(key).or_insert(slot);
        }
    }

    /// Takes in the entry that enrolled a member.
    pub(super) fn take_enrolment(&mut self, key: MemberKey, entry: Arc<Entry>) {
        self.enrolments.insert(key, entry);
    }

    /// Looks at what orders are about, so that it is in the processor's cache when they are decided: many places that do
    /// not depend on each other are fetched at once, one after the other they would each be waited for.
    pub(super) fn bring_near(&self, orders: &[&Order], keys: &[Keys]) {
        let glance = |order: &Order, keys: &Keys| {
            let lines = match &order.verb {
                Verb::RecordPurchase(purchase) => purchase.lines.first().map_or(0, |line| line.minor_units),
                _ => 0,
            };
            let member = keys.member.and_then(|key| self.member(key));
            member.map_or(lines, |member| lines ^ member.glance())
        };
        let seen = orders.iter().zip(keys).map(|(order, keys)| glance(order, keys)).fold(0, |all, seen| all ^ seen);
        std::hint::black_box(seen);
    }

    /// Decides one order and adds what it did to the draft.
    pub(super) fn decide(&mut self, order: &Order, mut keys: Keys) -> Result<Applied, Denied> {
        let timeline = self.timeline(&order.program)?;
        // A neighbour may have linked the identifier, or made the entry, since.
        self.complete(order, &mut keys);
        let key = keys.member.ok_or_else(|| nobody(order))?;
        let claimed = keys.claim.and_then(|claim| self.claims.get(&claim).cloned());
        // What is due becomes an entry first: what an order names of it goes by that entry's number, and a place that
        // falls free is free for her. A key that was used before changes nothing.
        if claimed.is_none() {
            self.settle(key, &timeline)?;
        }
        match self.judged(order, &timeline, (key, keys.claim), claimed.as_deref())? {
            Decision::Replay(seq) => self.replayed(seq, claimed, order, timeline),
            Decision::Apply(outcome) => self.apply((key, keys.claim), order, outcome, timeline),
        }
    }

    fn judged(
        &self,
        order: &Order,
        timeline: &Timeline,
        (key, claim): (MemberKey, Option<Claim>),
        claimed: Option<&Entry>,
    ) -> Result<Decision, Refusal> {
        let settled = |member| decide::settled(member, timeline, &self.mint, self.settles_to);
        let member = self.member(key).map(|member| settled(member));
        let other = self.other(order).map(|member| settled(member));
        let holders = self.holders(&order.verb);
        let (subject, latest) = (self.subject(timeline, &order.verb), self.latest(timeline, &order.verb));
        let paid_by = self.paid_by(timeline, subject.as_deref(), &order.verb);
        let exchanged = self.exchanged(timeline, &order.verb);
        let pots = self.pots(timeline, &order.verb, subject.as_deref(), claim.unwrap_or_default());
        let ground = Ground {
            timeline,
            key,
            member: member.as_deref(),
            claimed,
            holders: &holders,
            subject: subject.as_deref(),
            latest: latest.as_deref(),
            paid_by: &paid_by,
            exchanged: exchanged.as_deref(),
            other: other.as_deref(),
            pots: &pots,
            mint: &self.mint,
            request_id: &order.request_id,
            now: self.now,
            settles_to: self.settles_to,
        };
        decide::decide(&ground, &order.verb)
    }

    /// What is gone of the pots a decision looks at.
    fn pots(&self, timeline: &Timeline, verb: &Verb, subject: Option<&Entry>, order: Claim) -> Vec<(Text, Points)> {
        let wanted = decide::pots_wanted(timeline, verb, subject);
        let gone = |pot: Text| {
            let gone = self.gone(timeline, &pot, order);
            (pot, gone)
        };
        wanted.into_iter().map(gone).collect()
    }

    /// Settles a member on the draft; true if anything was due.
    pub(super) fn settle(&mut self, key: MemberKey, timeline: &Timeline) -> Result<bool, Refusal> {
        let Some(member) = self.member(key) else { return Ok(false) };
        let due = decide::settle(member, timeline, &self.mint, self.settles_to);
        if due.is_empty() {
            return Ok(false);
        }
        let version = timeline.at(self.now).version;
        let freed = self.places_freed(timeline, key, &due, &mut Vec::new())?;
        self.push(key, timeline, version, Given::default(), due)?;
        self.free(timeline, freed, &mut Vec::new())?;
        Ok(true)
    }

    /// The group to commit, `None` if nothing changed.
    pub(super) fn into_group(self) -> Option<Group> {
        if self.entries.is_empty() {
            return None;
        }
        let Self { now, entries, mut members, changed, .. } = self;
        let changes = changed.into_iter().filter_map(|key| {
            let slot = members.remove(&key)?;
            Some(MemberChange { expected_version: slot.stored_version, after: slot.member? })
        });
        Some(Group { recorded_at: now, members: changes.collect(), entries })
    }

    /// Adds an entry that concerns no member (a program version).
    pub(super) fn push_program(&mut self, entry: Arc<Entry>) {
        self.head = entry.seq;
        self.entries.push(entry);
    }

    fn timeline(&self, program: &str) -> Result<Arc<Timeline>, Refusal> {
        self.programs.named(program).cloned().ok_or_else(|| Refusal::UnknownProgram(program.into()))
    }

    pub(super) fn member(&self, key: MemberKey) -> Option<&Arc<Member>> {
        self.members.get(&key)?.member.as_ref()
    }

    /// The members read so far.
    pub(super) fn members(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.members.values().filter_map(|slot| slot.member.as_ref())
    }

    fn holders(&self, verb: &Verb) -> Vec<Option<Holder<'_>>> {
        let holder = |identifier: &Identifier| {
            let key = *self.identifiers.get(&identifier.hash)?;
            Some(Holder { key, enrolment: self.enrolments.get(&key).map(|entry| &**entry) })
        };
        named_identifiers(verb).iter().map(holder).collect()
    }

    fn replayed(
        &self,
        seq: Seq,
        claimed: Option<Arc<Entry>>,
        order: &Order,
        timeline: Arc<Timeline>,
    ) -> Result<Applied, Denied> {
        let by_identifier = || self.enrolments.values().find(|entry| entry.seq == seq).cloned();
        let entry = claimed.filter(|entry| entry.seq == seq).or_else(by_identifier).ok_or(Refusal::UnknownEntry)?;
        let member = self.member(entry.member).ok_or(Refusal::UnknownMember)?;
        let member = match decide::settled(member, &timeline, &self.mint, self.settles_to) {
            std::borrow::Cow::Borrowed(_) => Arc::clone(member),
            std::borrow::Cow::Owned(settled) => Arc::new(settled),
        };
        let view = View { member, timeline, now: self.now, due: Vec::new() };
        let (mut entries, mut beside) = (vec![Arc::clone(&entry)], Vec::new());
        if sends(&order.verb) {
            let arrived = Claim::transfer(entry.seq);
            beside.extend(self.claims.get(&arrived).cloned());
            entries.extend(self.claims.get(&arrived.end()).cloned());
        }
        Ok(Applied { outcome: Outcome::Replayed, entries, beside, view })
    }

    fn apply(
        &mut self,
        (key, claim): (MemberKey, Option<Claim>),
        order: &Order,
        outcome: decide::Outcome,
        timeline: Arc<Timeline>,
    ) -> Result<Applied, Denied> {
        let (mut entries, mut beside) = (Vec::new(), Vec::new());
        if !outcome.facts.is_empty() {
            let version = judged_by(&timeline, &order.verb, self.now);
            let given = Given::with(order);
            let moves = pots::merged(outcome.pots);
            let reserved = self.reserve(&timeline, key, claim.unwrap_or_default(), &moves, &mut beside)?;
            let freed = self.places_freed(&timeline, key, &outcome.facts, &mut beside)?;
            let entry = self.push(key, &timeline, version, given, outcome.facts)?;
            for claim in claim.into_iter().chain(self.claim_by(order)) {
                self.claims.entry(claim).or_insert_with(|| Arc::clone(&entry));
            }
            self.settle_pots(&timeline, &moves, reserved, &mut beside)?;
            self.free(&timeline, freed, &mut beside)?;
            entries.push(Arc::clone(&entry));
            self.deliver(&timeline, order, &entry, &mut entries, &mut beside)?;
        }
        let member = self.member(key).cloned().ok_or(Refusal::UnknownMember)?;
        let view = View { member, timeline, now: self.now, due: Vec::new() };
        Ok(Applied { outcome: Outcome::Applied, entries, beside, view })
    }

    /// Makes an entry of facts, folds it into the member and lets later orders see it.
    pub(super) fn push(
        &mut self,
        key: MemberKey,
        timeline: &Timeline,
        program_version: u32,
        given: Given,
        facts: Vec<Fact>,
    ) -> Result<Arc<Entry>, Refusal> {
        let slot = self.members.entry(key).or_default();
        let mut after = slot.member.as_deref().cloned().unwrap_or_default();
        let first_change = after.version == slot.stored_version;
        let entry = Arc::new(Entry {
            seq: self.head.next(),
            program: timeline.number,
            member: key,
            previous: after.last_entry,
            recorded_at: self.now,
            program_version,
            request_id: given.request_id,
            principal: given.caller.principal,
            trace_id: given.caller.trace_id,
            named_by: given.named_by,
            facts,
        });
        after.apply_entry(&entry).map_err(|_| Refusal::too_large("counted"))?;
        slot.member = Some(Arc::new(after));
        if first_change {
            self.changed.push(key);
        }
        self.index(&entry);
        self.head = entry.seq;
        self.entries.push(Arc::clone(&entry));
        Ok(entry)
    }

    fn index(&mut self, entry: &Arc<Entry>) {
        for fact in &entry.facts {
            match fact {
                Fact::MemberEnrolled(enrolled) => {
                    let hashes = enrolled.identifiers.iter().map(|identifier| (identifier.hash, entry.member));
                    self.identifiers.extend(hashes);
                    self.enrolments.insert(entry.member, Arc::clone(entry));
                }
                Fact::IdentifierLinked(identifier) => {
                    self.identifiers.insert(identifier.hash, entry.member);
                }
                Fact::IdentifierUnlinked(identifier) => {
                    self.identifiers.remove(&identifier.hash);
                }
                _ => {}
            }
        }
        if names_more(&entry.facts) {
            self.named.insert(entry.seq, Arc::clone(entry));
            for claim in entry.claims() {
                self.claims.entry(claim).or_insert_with(|| Arc::clone(entry));
            }
        }
    }
}

/// Whether later orders may ask for an entry with these facts by something other than its order's key.
fn names_more(facts: &[Fact]) -> bool {
    !facts.iter().all(|fact| match fact {
        Fact::PurchaseRecorded(recorded) => recorded.paid_by.is_empty(),
        Fact::MemberEnrolled(_) | Fact::TierEarned { .. } | Fact::TierChanged { .. } | Fact::ActivityCounted { .. } => {
            true
        }
        _ => false,
    })
}

/// Whether an order sends something to another member, who takes it in by an order of her own.
pub(super) fn sends(verb: &Verb) -> bool {
    let gives = |order: &BelongingOrder| matches!(order, BelongingOrder::GiveTier { .. });
    matches!(verb, Verb::Transfer(_)) || matches!(verb, Verb::Belonging(order) if gives(order))
}

/// What to say where an order names its member by something that leads to nobody.
const fn nobody(order: &Order) -> Refusal {
    match (&order.member, &order.verb) {
        (MemberName::Receipt(_), _) => Refusal::UnknownReceipt,
        (MemberName::Voucher(_), _) => Refusal::UnknownVoucher,
        (MemberName::Entry(_), Verb::CancelRedemption { .. }) => Refusal::UnknownRedemption,
        (MemberName::Entry(_), Verb::Alert(_)) => Refusal::UnknownAlert,
        (MemberName::Entry(_), Verb::Belonging(_)) => Refusal::UnknownUse,
        (MemberName::Entry(_), _) => Refusal::UnknownHold,
        _ => Refusal::UnknownMember,
    }
}

/// The version that judges an order: a purchase's is the one in force when it happened.
fn judged_by(timeline: &Timeline, verb: &Verb, now: Moment) -> u32 {
    let at = match verb {
        Verb::RecordPurchase(purchase) => purchase.occurred_at.min(now),
        _ => now,
    };
    timeline.at(at).version
}

/// The key an order is known again by.
fn claim_of(timeline: &Timeline, member: Option<MemberKey>, order: &Order) -> Option<Claim> {
    if let Verb::Belonging(order) = &order.verb {
        match &**order {
            BelongingOrder::ReceiveTier { sent_by, .. } => return Some(Claim::transfer(*sent_by)),
            BelongingOrder::Tag(tag) => return Some(Claim::segment(member?, tag.segment, tag.is_in, tag.rests_on)),
            _ => {}
        }
    }
    if let Verb::Alert(order) = &order.verb
        && let AlertOrder::Raise(raising) = &**order
    {
        return Some(Claim::alert(member?, raising.pattern.cause, raising.pattern.last_day));
    }
    match &order.verb {
        Verb::RecordPurchase(purchase) => Some(Claim::receipt(timeline.number, &purchase.receipt)),
        Verb::ReturnPurchase(asked) => Some(Claim::return_receipt(timeline.number, &asked.return_receipt)),
        Verb::Capture { hold, .. } => Some(Claim::capture(*hold)),
        Verb::Receive(arrival) => Some(Claim::transfer(arrival.sent_by)),
        Verb::Settle | Verb::CloseTransfer { .. } => None,
        _ if order.request_id.is_empty() => None,
        Verb::Enroll(_) | Verb::Import(_) => Some(Claim::enrolment(timeline.number, &order.request_id)),
        _ => Some(Claim::request(member?, &order.request_id)),
    }
}

/// Identifiers whose holders a decision must know.
fn named_identifiers(verb: &Verb) -> &[Identifier] {
    match verb {
        Verb::Enroll(enrolment) => &enrolment.identifiers,
        Verb::Import(import) => &import.enrolment.identifiers,
        Verb::LinkIdentifier(identifier) => std::slice::from_ref(identifier),
        _ => &[],
    }
}
