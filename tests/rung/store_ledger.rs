//! A ledger for store tests: makes groups a store must take, and remembers what it must then say.
//!
//! It stands in for the engine: it decides nothing, it only numbers, chains and folds.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rung::domain::calendar::Day;
use rung::domain::calendar::Zone;
use rung::domain::event::{
    Entry, Fact, Grant, MemberEnrolled, MeterPost, Part, ProgramApplied, PurchaseRecorded, Seq, TierCause,
};
use rung::domain::lot::{Lot, Terms};
use rung::domain::member::Member;
use rung::domain::order::{Identifier, IdentifierHash, Line, MemberKey, Purchase, ReceiptKey};
use rung::domain::program::{MeterId, ProgramNo, RuleId, TierId, Value, WalletId, Word};
use rung::domain::units::{CurrencyCode, Moment, Points, Quantity, Ratio};
use rung::store::{Group, MemberChange, Store};

/// The answer of a future that never waits.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a store answered later"),
    }
}

/// Everything that was committed, and the group being made.
#[derive(Clone, Default)]
pub struct Ledger {
    pub entries: Vec<Arc<Entry>>,
    pub members: BTreeMap<MemberKey, Arc<Member>>,
    pub clock: i64,
    group: Vec<Arc<Entry>>,
    before: BTreeMap<MemberKey, u64>,
}

pub fn key(n: u64) -> MemberKey {
    MemberKey::of("cafe", &format!("member-{n}"))
}

pub fn card(n: u64) -> Identifier {
    let mut hash = [0; 16];
    hash.copy_from_slice(&blake3::hash(&n.to_le_bytes()).as_bytes()[..16]);
    Identifier { kind: "card".into(), hash: IdentifierHash(hash), mask: format!("…{n:03}").into() }
}

impl Ledger {
    /// A ledger whose first group can be made.
    pub fn new() -> Self {
        Self { clock: 1_764_000_000_000_000, ..Self::default() }
    }

    pub fn head(&self) -> Seq {
        Seq((self.entries.len() + self.group.len()) as u64)
    }

    /// Adds an entry to the group.
    pub fn add(&mut self, member: MemberKey, request_id: &str, facts: Vec<Fact>) -> Seq {
        let held = self.members.get(&member);
        let seq = self.head().next();
        let entry = Entry {
            seq,
            program: ProgramNo(1),
            member,
            previous: held.map_or(Seq::NONE, |member| member.last_entry),
            recorded_at: Moment(self.clock),
            program_version: 1,
            request_id: request_id.into(),
            principal: "till".into(),
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
            named_by: None,
            facts,
        };
        if member != MemberKey::NOBODY {
            self.before.entry(member).or_insert(held.map_or(0, |member| member.version));
            let mut after = held.map_or_else(Member::default, |member| (**member).clone());
            after.apply_entry(&entry).unwrap();
            self.members.insert(member, Arc::new(after));
        }
        self.group.push(Arc::new(entry));
        seq
    }

    pub fn program(&mut self, version: u32) -> Seq {
        let applied = ProgramApplied {
            id: "cafe".into(),
            version,
            effective_at: if version == 1 { Moment::BEGINNING } else { Moment(self.clock) },
            source: "[program]\nid = \"cafe\"\n".into(),
            words_added: vec!["stars".into(), "".into()],
        };
        self.add(MemberKey::NOBODY, &format!("apply-{version}"), vec![Fact::ProgramApplied(applied)])
    }

    pub fn enroll(&mut self, n: u64) -> Seq {
        let enrolled = MemberEnrolled {
            member_id: format!("member-{n}").into(),
            id_given: true,
            identifiers: vec![card(n)],
            attributes: vec![(rung::domain::program::AttributeId(Word(9)), Value::Bool(true))],
            base_tier: Some(TierId(Word(3))),
        };
        self.add(key(n), &format!("enroll-{n}"), vec![Fact::MemberEnrolled(enrolled)])
    }

    pub fn purchase(&mut self, n: u64, receipt: u64) -> Seq {
        let recorded = purchase(receipt, self.clock);
        self.add(key(n), "", vec![Fact::PurchaseRecorded(Box::new(recorded))])
    }

    /// The member earns a tier that ends `days` from now, which makes her due then.
    pub fn tier(&mut self, n: u64, days: i64) -> Seq {
        let (tier, at) = (TierId(Word(4)), Moment(self.clock));
        let until = Moment(self.clock + days * 86_400_000_000);
        let facts = vec![
            Fact::TierEarned { tier, since: at, until },
            Fact::TierChanged { from: TierId(Word(3)), to: tier, at, cause: TierCause::Earned },
        ];
        self.add(key(n), "", facts)
    }

    pub fn link(&mut self, n: u64, card_number: u64) -> Seq {
        self.add(key(n), "", vec![Fact::IdentifierLinked(card(card_number))])
    }

    pub fn unlink(&mut self, n: u64, card_number: u64) -> Seq {
        self.add(key(n), "", vec![Fact::IdentifierUnlinked(card(card_number))])
    }

    pub fn close(&mut self, n: u64) -> Seq {
        self.add(key(n), "", vec![Fact::MemberClosed("asked to".into())])
    }

    /// The group made so far; the next one begins.
    pub fn take(&mut self) -> Group {
        let before = std::mem::take(&mut self.before);
        let change =
            |(key, expected_version)| MemberChange { expected_version, after: Arc::clone(&self.members[&key]) };
        let members = before.into_iter().map(change).collect();
        let entries = std::mem::take(&mut self.group);
        self.entries.extend(entries.iter().cloned());
        let group = Group { recorded_at: Moment(self.clock), entries, members };
        self.clock += 1_000;
        group
    }

    pub fn commit(&mut self, store: &dyn Store) {
        now(store.commit(self.take())).unwrap();
    }

    /// This ledger without the group being made.
    pub fn clone_committed(&self) -> Self {
        let mut fresh = Self { clock: self.clock, entries: self.entries.clone(), ..Self::default() };
        fresh.members = folded(&fresh.entries);
        fresh
    }
}

/// Every member these entries make.
pub fn folded(entries: &[Arc<Entry>]) -> BTreeMap<MemberKey, Arc<Member>> {
    let mut members: BTreeMap<MemberKey, Arc<Member>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.member != MemberKey::NOBODY) {
        Arc::make_mut(members.entry(entry.member).or_default()).apply_entry(entry).unwrap();
    }
    members
}

pub fn receipt(n: u64) -> ReceiptKey {
    ReceiptKey { source: "store-17/till-2".into(), id: format!("r-{n}").into() }
}

pub fn purchase(number: u64, clock: i64) -> PurchaseRecorded {
    let line = |n: u64, minor_units| Line {
        line_id: n.to_string().into(),
        sku: format!("sku-{}", n * 37 % 1000).into(),
        category: "coffee".into(),
        quantity: Quantity::ONE,
        minor_units,
        attributes: Vec::new(),
    };
    let grant = |part, n: i64| Grant {
        rule: RuleId(Word(6)),
        program_version: 1,
        part,
        line: None,
        basis: Ratio::whole(n * 100),
        wallet: Some(WalletId(Word(1))),
        desired: Points(n),
        granted: Points(n),
        meters: vec![MeterPost { meter: MeterId(Word(2)), window: Day(20_454), amount: Points(n) }].into(),
        shares: vec![(0, Points(n / 4)), (1, Points(n - n / 4))].into(),
        cap: None,
    };
    PurchaseRecorded {
        purchase: std::sync::Arc::new(Purchase {
            receipt: receipt(number),
            kind: "sale".into(),
            occurred_at: Moment(clock - 1_500_000),
            zone: Zone::named("America/Chicago"),
            currency: CurrencyCode::parse("USD").unwrap(),
            lines: vec![line(1, 450), line(2, 1_250), line(3, -100)],
            tenders: Vec::new(),
            channel: "store".into(),
            store: "store-17".into(),
            partner: "".into(),
            attributes: Vec::new(),
        }),
        counted_at: Moment(clock - 1_500_000),
        tier: Some(TierId(Word(3))),
        grants: vec![grant(Part::Base, 16), grant(Part::TierBonus(TierId(Word(4))), 4)],
        lots: vec![(WalletId(Word(1)), Lot { terms: Terms::lasting(Day(20_454)), points: Points(20) })].into(),
        repaid: Vec::new(),
        paid_by: Vec::new(),
    }
}
