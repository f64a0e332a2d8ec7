//! The working state of one group: what was read, and what the orders decided so far have made of it.
//!
//! Each order sees the group's earlier ones as if they were kept already; nothing here is, until the lane has
//! committed the whole draft. A rehearsal makes a draft of one order and throws it away.

use std::collections::HashMap;
use std::sync::Arc;

use super::answer::{Applied, Denied, Outcome, View};
use super::programs::Programs;
use crate::domain::decide::{self, Decision, Ground, Holder};
use crate::domain::event::{Entry, Fact, Seq};
use crate::domain::member::Member;
use crate::domain::order::{Caller, Claim, Identifier, IdentifierHash, MemberKey, MemberName, Order, Refusal, Verb};
use crate::domain::program::Timeline;
use crate::domain::units::Moment;
use crate::store::{Found, Group, MemberChange, Wants};

/// What is known of one member within the group.
#[derive(Default)]
struct Slot {
    stored_version: u64,
    member: Option<Arc<Member>>,
}

/// A group being decided.
pub(super) struct Draft {
    programs: Arc<Programs>,
    now: Moment,
    head: Seq,
    members: HashMap<MemberKey, Slot>,
    claims: HashMap<Claim, Arc<Entry>>,
    identifiers: HashMap<IdentifierHash, MemberKey>,
    enrolments: HashMap<MemberKey, Arc<Entry>>,
    entries: Vec<Arc<Entry>>,
    changed: Vec<MemberKey>,
}

impl Draft {
    /// An empty draft on top of what is stored up to `head`.
    pub(super) fn new(programs: Arc<Programs>, now: Moment, head: Seq) -> Self {
        Self {
            programs,
            now,
            head,
            members: HashMap::default(),
            claims: HashMap::default(),
            identifiers: HashMap::default(),
            enrolments: HashMap::default(),
            entries: Vec::new(),
            changed: Vec::new(),
        }
    }

    /// What must be read before `orders` can be decided, as far as it can be told yet.
    pub(super) fn wants<'a>(&self, orders: impl Iterator<Item = &'a Order>) -> Wants {
        let mut wants = Wants::default();
        for order in orders {
            let Some(timeline) = self.programs.named(&order.program) else { continue };
            let key = match &order.member {
                MemberName::Id(id) => Some(MemberKey::of(&order.program, id)),
                MemberName::Identifier(identifier) => {
                    wants.identifiers.push(identifier.hash);
                    None
                }
            };
            wants.members.extend(key);
            wants.identifiers.extend(named_identifiers(&order.verb).iter().map(|identifier| identifier.hash));
            wants.claims.extend(claim_of(timeline, key, order));
        }
        wants
    }

    /// What must be read once the first phase has told whose identifiers were named: the keys of orders that came
    /// by identifier, and the entries that enrolled the holders of identifiers an enrolment names.
    pub(super) fn second_wants<'a>(&self, orders: impl Iterator<Item = &'a Order>) -> (Wants, Vec<(MemberKey, Seq)>) {
        let mut wants = Wants::default();
        let mut enrolments = Vec::new();
        for order in orders {
            let Some(timeline) = self.programs.named(&order.program) else { continue };
            if let MemberName::Identifier(identifier) = &order.member {
                let key = self.identifiers.get(&identifier.hash).copied();
                wants.claims.extend(key.and_then(|key| claim_of(timeline, Some(key), order)));
            }
            if let Verb::Enroll(enrolment) = &order.verb {
                let holders = enrolment.identifiers.iter().filter_map(|i| self.identifiers.get(&i.hash));
                enrolments.extend(holders.filter_map(|key| Some((*key, self.member(*key)?.enrolled_by))));
            }
        }
        (wants, enrolments)
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

    /// Takes in a member who was not named by an order but is due.
    pub(super) fn take_member(&mut self, member: Arc<Member>) {
        let slot = Slot { stored_version: member.version, member: Some(Arc::clone(&member)) };
        self.members.entry(member.key).or_insert(slot);
    }

    /// Decides one order and adds what it did to the draft.
    pub(super) fn decide(&mut self, order: &Order) -> Result<Applied, Denied> {
        let timeline = self.timeline(&order.program)?;
        let key = self.key_of(order)?;
        let claimed = claim_of(&timeline, Some(key), order).and_then(|claim| self.claims.get(&claim).cloned());
        let stored = self.member(key).cloned();
        let view = stored.as_ref().map(|member| decide::settled(member, &timeline, self.now));
        let holders = self.holders(&order.verb);
        let ground = Ground {
            timeline: &timeline,
            key,
            member: view.as_deref(),
            claimed: claimed.as_deref(),
            holders: &holders,
            now: self.now,
        };
        match decide::decide(&ground, &order.verb)? {
            Decision::Replay(seq) => self.replayed(seq, claimed, timeline),
            Decision::Apply(facts) => {
                drop(holders);
                self.settle(key, &timeline)?;
                self.apply(key, order, facts, timeline)
            }
        }
    }

    /// Settles a member on the draft; true if anything was due.
    pub(super) fn settle(&mut self, key: MemberKey, timeline: &Timeline) -> Result<bool, Refusal> {
        let Some(member) = self.member(key) else { return Ok(false) };
        let due = decide::settle(member, timeline, self.now);
        if due.is_empty() {
            return Ok(false);
        }
        let version = timeline.at(self.now).version;
        let blank = (Box::default(), Caller::default());
        self.push(key, timeline, version, blank, due)?;
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

    fn member(&self, key: MemberKey) -> Option<&Arc<Member>> {
        self.members.get(&key)?.member.as_ref()
    }

    fn key_of(&self, order: &Order) -> Result<MemberKey, Refusal> {
        match &order.member {
            MemberName::Id(id) => Ok(MemberKey::of(&order.program, id)),
            MemberName::Identifier(identifier) => {
                self.identifiers.get(&identifier.hash).copied().ok_or(Refusal::UnknownMember)
            }
        }
    }

    fn holders(&self, verb: &Verb) -> Vec<Option<Holder<'_>>> {
        let holder = |identifier: &Identifier| {
            let key = *self.identifiers.get(&identifier.hash)?;
            Some(Holder { key, enrolment: self.enrolments.get(&key).map(|entry| &**entry) })
        };
        named_identifiers(verb).iter().map(holder).collect()
    }

    fn replayed(&self, seq: Seq, claimed: Option<Arc<Entry>>, timeline: Arc<Timeline>) -> Result<Applied, Denied> {
        let by_identifier = || self.enrolments.values().find(|entry| entry.seq == seq).cloned();
        let entry = claimed.filter(|entry| entry.seq == seq).or_else(by_identifier).ok_or(Refusal::UnknownEntry)?;
        let member = self.member(entry.member).ok_or(Refusal::UnknownMember)?;
        let member = match decide::settled(member, &timeline, self.now) {
            std::borrow::Cow::Borrowed(_) => Arc::clone(member),
            std::borrow::Cow::Owned(settled) => Arc::new(settled),
        };
        let view = View { member, timeline, now: self.now };
        Ok(Applied { outcome: Outcome::Replayed, entries: vec![entry], view })
    }

    fn apply(
        &mut self,
        key: MemberKey,
        order: &Order,
        facts: Vec<Fact>,
        timeline: Arc<Timeline>,
    ) -> Result<Applied, Denied> {
        let mut entries = Vec::new();
        if !facts.is_empty() {
            let version = judged_by(&timeline, &order.verb, self.now);
            let given = (order.request_id.clone(), order.caller.clone());
            entries.push(self.push(key, &timeline, version, given, facts)?);
        }
        let member = self.member(key).cloned().ok_or(Refusal::UnknownMember)?;
        let view = View { member, timeline, now: self.now };
        Ok(Applied { outcome: Outcome::Applied, entries, view })
    }

    /// Makes an entry of facts, folds it into the member and lets later orders see it.
    fn push(
        &mut self,
        key: MemberKey,
        timeline: &Timeline,
        program_version: u32,
        (request_id, caller): (Box<str>, Caller),
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
            request_id,
            principal: caller.principal,
            trace_id: caller.trace_id,
            facts,
        });
        after.apply_entry(&entry).map_err(|_| Refusal::AmountOverflow)?;
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
        for claim in entry.claims() {
            self.claims.entry(claim).or_insert_with(|| Arc::clone(entry));
        }
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
    match &order.verb {
        Verb::RecordPurchase(purchase) => Some(Claim::receipt(timeline.number, &purchase.receipt)),
        Verb::Settle => None,
        _ if order.request_id.is_empty() => None,
        Verb::Enroll(_) => Some(Claim::enrolment(timeline.number, &order.request_id)),
        _ => Some(Claim::request(member?, &order.request_id)),
    }
}

/// Identifiers whose holders a decision must know.
fn named_identifiers(verb: &Verb) -> &[Identifier] {
    match verb {
        Verb::Enroll(enrolment) => &enrolment.identifiers,
        Verb::LinkIdentifier(identifier) => std::slice::from_ref(identifier),
        _ => &[],
    }
}
