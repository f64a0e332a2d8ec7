//! A store that makes a group durable entry by entry, as one on a distributed database will, and is cut off in between:
//! what an order began across members finishes once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rung::domain::event::{Entry, Seq};
use rung::domain::member::Member;
use rung::domain::order::{Adjustment, Caller, Enrolment, MemberKey, MemberName, Order, Purchase, Sending, Verb};
use rung::domain::program::ProgramNo;
use rung::domain::units::{Moment, Points, Text};
use rung::engine::clock::Clock;
use rung::engine::{ApplyProgram, Denied, Engine, Options, Outcome, Pseudonyms, QUEUE_LIMIT};
use rung::store::memory::Memory;
use rung::store::{Answer, CommitError, Found, Group, MemberChange, ReadError, Status, Store, Wants};

const START: i64 = 1_777_910_400_000_000;

/// Memory behind a connection that breaks after so many entries of a group; 0 if it holds.
struct EntryByEntry {
    memory: Arc<Memory>,
    breaks_after: AtomicUsize,
}

impl EntryByEntry {
    /// Commits entries one by one, each with the members it changes as they are after it.
    async fn keep(&self, group: &Group, count: usize) -> Result<(), CommitError> {
        let wants = Wants { members: group.members.iter().map(|m| m.after.key).collect(), ..Wants::default() };
        let found = self.memory.read(&wants).await.unwrap().members;
        let mut members: BTreeMap<MemberKey, Member> = found.into_iter().map(|(key, m)| (key, (*m).clone())).collect();
        for entry in group.entries.iter().take(count) {
            let changes = Self::change(&mut members, entry).into_iter().collect();
            let group = Group { recorded_at: group.recorded_at, entries: vec![Arc::clone(entry)], members: changes };
            self.memory.commit(group).await?;
        }
        Ok(())
    }

    fn change(members: &mut BTreeMap<MemberKey, Member>, entry: &Entry) -> Option<MemberChange> {
        if entry.member == MemberKey::NOBODY {
            return None;
        }
        let member = members.entry(entry.member).or_default();
        let expected_version = member.version;
        member.apply_entry(entry).unwrap();
        Some(MemberChange { expected_version, after: Arc::new(member.clone()) })
    }
}

impl Store for EntryByEntry {
    fn commit(&self, group: Group) -> Answer<'_, Result<(), CommitError>> {
        Box::pin(async move {
            match self.breaks_after.swap(0, Ordering::AcqRel) {
                0 => self.keep(&group, usize::MAX).await,
                count => {
                    self.keep(&group, count).await?;
                    Err(CommitError::Unknown("the connection broke".into()))
                }
            }
        })
    }

    fn read<'a>(&'a self, wants: &'a Wants) -> Answer<'a, Result<Found, ReadError>> {
        self.memory.read(wants)
    }

    fn feed(&self, after: Seq, limit: usize) -> Answer<'_, Result<Vec<Arc<Entry>>, ReadError>> {
        self.memory.feed(after, limit)
    }

    fn entry(&self, seq: Seq) -> Answer<'_, Result<Option<Arc<Entry>>, ReadError>> {
        self.memory.entry(seq)
    }

    fn due(&self, until: Moment, limit: usize) -> Answer<'_, Result<Vec<(Moment, MemberKey)>, ReadError>> {
        self.memory.due(until, limit)
    }

    fn members(
        &self,
        program: ProgramNo,
        after: Option<MemberKey>,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Member>>, ReadError>> {
        self.memory.members(program, after, limit)
    }

    fn programs(&self) -> Answer<'_, Result<Vec<Arc<Entry>>, ReadError>> {
        self.memory.programs()
    }

    fn checkpoint(&self) -> Answer<'_, Result<(), ReadError>> {
        self.memory.checkpoint()
    }

    fn status(&self) -> Status {
        self.memory.status()
    }
}

struct World {
    store: Arc<EntryByEntry>,
    engine: Engine,
    requests: u32,
}

impl World {
    async fn new() -> Self {
        let store = Arc::new(EntryByEntry { memory: Memory::new(), breaks_after: AtomicUsize::new(0) });
        let engine = Self::engine_on(&store).await;
        let apply = ApplyProgram {
            source: include_str!("../programs/points.toml").into(),
            effective_at: None,
            expected_version: 0,
            request_id: Text::default(),
            dry_run: false,
        };
        engine.apply_program(apply).await.unwrap();
        let mut world = Self { store, engine, requests: 0 };
        for who in ["ann", "bob", "cy"] {
            let enrolment =
                Enrolment { member_id: who.into(), id_given: true, identifiers: Vec::new(), attributes: Vec::new() };
            world.ask(who, Verb::Enroll(enrolment)).await.unwrap();
            let (wallet, points) = ("points".into(), Points(300));
            let adjustment = Adjustment { wallet, points, reason: "asked".into(), actor: "desk".into() };
            world.ask(who, Verb::Adjust(adjustment)).await.unwrap();
        }
        world
    }

    async fn engine_on(store: &Arc<EntryByEntry>) -> Engine {
        let options = Options {
            store: Arc::clone(store) as Arc<dyn Store>,
            clock: Clock::test(Moment(START)),
            pseudonyms: Pseudonyms::new([1; 32]),
            queue_limit: QUEUE_LIMIT,
        };
        Engine::start(options).await.unwrap().0
    }

    async fn ask(&mut self, who: &str, verb: Verb) -> Result<Outcome, String> {
        self.requests += 1;
        self.ask_as(format!("r-{}", self.requests), who, verb).await
    }

    async fn ask_as(&self, request_id: String, who: &str, verb: Verb) -> Result<Outcome, String> {
        let member = MemberName::Id(who.into());
        let (program, request_id, caller) = ("points".into(), request_id.into(), Caller::default());
        match self.engine.submit(Order { program, member, request_id, caller, verb }).await {
            Ok(applied) => Ok(applied.outcome),
            Err(Denied::Refused(refusal)) => Err(refusal.reason().into()),
            Err(Denied::Failed(failure)) => Err(failure.to_string()),
        }
    }

    fn break_after(&self, entries: usize) {
        self.store.breaks_after.store(entries, Ordering::Release);
    }

    async fn points(&self, who: &str) -> i64 {
        let view = self.engine.member("points", &MemberName::Id(who.into())).await.unwrap();
        let wallet = view.timeline.newest().wallets[0].id;
        view.member.available(wallet).0
    }

    async fn gone(&self, pot: &str) -> i64 {
        self.engine.pot("points", pot).await.unwrap().0
    }

    /// The sweeper, a minute and a bit later.
    async fn later(&self) {
        let now = self.engine.now();
        self.engine.advance_clock(Moment(now.0 + 61_000_000)).unwrap();
        while self.engine.settle_due(100).await.unwrap() > 0 {}
    }
}

fn mug() -> Verb {
    Verb::Redeem { reward: "mug".into(), times: 1 }
}

fn sending() -> Verb {
    let (to, wallet) = (MemberName::Id("bob".into()), "points".into());
    Verb::Transfer(Sending { to, wallet, points: Points(50), note: Text::default() })
}

#[tokio::test]
async fn a_redemption_takes_its_stock_once_wherever_it_is_cut_off() {
    for cut in 1..=3 {
        let mut world = World::new().await;
        world.break_after(cut);
        assert!(world.ask("ann", mug()).await.is_ok(), "cut after {cut}");
        assert_eq!((world.points("ann").await, world.gone("stock:mug").await), (200, 1), "cut after {cut}");
        world.later().await;
        assert_eq!((world.points("ann").await, world.gone("stock:mug").await), (200, 1), "cut after {cut}");
        assert_eq!(world.ask("bob", mug()).await, Ok(Outcome::Applied));
        assert_eq!(world.ask("cy", mug()).await, Err("OUT_OF_STOCK".into()));
        world.later().await;
        assert_eq!(world.gone("stock:mug").await, 2);
    }
}

/// The server dies with the connection: nobody decides the order anew.
#[tokio::test]
async fn a_reservation_nobody_used_is_free_again_after_its_time() {
    let mut world = World::new().await;
    world.break_after(1);
    let reserving = world.ask("ann", mug()).await;
    assert_eq!(reserving, Ok(Outcome::Applied));
    // Another engine on the same store, which has only seen the reservation of an order that never came.
    let pot = MemberKey::of_pot("points", "stock:mug");
    let entry = Entry {
        seq: world.store.status().head.next(),
        program: ProgramNo(0),
        member: pot,
        previous: world.store.memory.read(&Wants { members: vec![pot], ..Wants::default() }).await.unwrap().members
            [&pot]
            .last_entry,
        recorded_at: Moment(START),
        program_version: 1,
        request_id: Text::default(),
        principal: Text::default(),
        trace_id: Text::default(),
        facts: vec![rung::domain::event::Fact::PotReserved {
            pot: "stock:mug".into(),
            amount: Points(1),
            member: MemberKey::of("points", "bob"),
            order: rung::domain::order::Claim([7; 16]),
            until: Moment(START + 60_000_000),
        }],
    };
    let before = world.store.memory.read(&Wants { members: vec![pot], ..Wants::default() }).await.unwrap();
    let mut after = (*before.members[&pot]).clone();
    let expected_version = after.version;
    after.apply_entry(&entry).unwrap();
    let change = MemberChange { expected_version, after: Arc::new(after) };
    let group = Group { recorded_at: Moment(START), entries: vec![Arc::new(entry)], members: vec![change] };
    world.store.memory.commit(group).await.unwrap();
    let world = World { engine: World::engine_on(&world.store).await, ..world };
    assert_eq!(world.gone("stock:mug").await, 2);
    assert_eq!(world.ask_as("late".into(), "cy", mug()).await, Err("OUT_OF_STOCK".into()));
    world.later().await;
    assert_eq!(world.gone("stock:mug").await, 1);
    assert_eq!(world.ask_as("later".into(), "cy", mug()).await, Ok(Outcome::Applied));
}

#[tokio::test]
async fn a_transfer_arrives_once_wherever_it_is_cut_off() {
    for cut in 1..=3 {
        let world = World::new().await;
        world.break_after(cut);
        let first = world.ask_as("t-1".into(), "ann", sending()).await;
        assert_eq!(first, Ok(Outcome::Replayed), "cut after {cut}");
        world.later().await;
        assert_eq!((world.points("ann").await, world.points("bob").await), (250, 350), "cut after {cut}");
        assert_eq!(world.ask_as("t-1".into(), "ann", sending()).await, Ok(Outcome::Replayed));
        world.later().await;
        assert_eq!((world.points("ann").await, world.points("bob").await), (250, 350), "cut after {cut}");
    }
}

/// The receiver closes in between: the points come back to the lots they were taken from.
#[tokio::test]
async fn a_transfer_to_somebody_who_left_comes_back() {
    let mut world = World::new().await;
    world.break_after(1);
    assert_eq!(world.ask_as("t-1".into(), "ann", sending()).await, Ok(Outcome::Replayed));
    assert_eq!(world.points("ann").await, 250);
    world.ask("bob", Verb::Close("moved".into())).await.unwrap();
    world.later().await;
    assert_eq!(world.points("ann").await, 300);
}

/// A budget is never oversold, and a purchase that was cut off uses it once.
#[tokio::test]
async fn a_budget_is_used_once_wherever_a_purchase_is_cut_off() {
    for cut in 1..=3 {
        let mut world = World::new().await;
        world.break_after(cut);
        let outcome = world.ask("ann", Verb::RecordPurchase(Arc::new(in_the_new_store()))).await;
        assert!(outcome.is_ok(), "cut after {cut}: {outcome:?}");
        world.later().await;
        assert_eq!((world.points("ann").await, world.gone("budget:opening").await), (500, 100), "cut after {cut}");
    }
}

fn in_the_new_store() -> Purchase {
    let bought = crate::model::reference::Bought { receipt: 1, at: START, lines: vec![(10_000, false)] };
    Purchase { store: "new".into(), ..crate::model::purchase(&bought) }
}
