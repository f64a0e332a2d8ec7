//! A store that makes a group durable entry by entry, as one on a distributed database will, and is cut off in between:
//! what an order began across members finishes once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rung::domain::event::{Entry, Seq};
use rung::domain::member::HeldBy;
use rung::domain::member::Member;
use rung::domain::order::{
    Adjustment, BelongingOrder, Caller, Enrolment, Granting, MemberKey, MemberName, Order, Purchase, Sending, Verb,
};
use rung::domain::program::ProgramNo;
use rung::domain::units::{Moment, Points, Text};
use rung::engine::clock::Clock;
use rung::engine::{ApplyProgram, Denied, Engine, Options, Outcome, Pseudonyms, QUEUE_LIMIT};
use rung::store::memory::Memory;
use rung::store::{Answer, CommitError, Group, MemberChange, Store, Wants};

use crate::store_through::{Front, Through};

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

impl Front for EntryByEntry {
    const PASSES_NOTES: bool = false;

    fn behind(&self) -> &dyn Store {
        &*self.memory
    }

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
}

struct World {
    store: Arc<Through<EntryByEntry>>,
    engine: Engine,
    requests: u32,
    program: &'static str,
}

impl World {
    async fn new() -> Self {
        let mut world = Self::of("points", include_str!("../programs/points.toml")).await;
        for who in ["ann", "bob", "cy"] {
            let (wallet, points) = ("points".into(), Points(300));
            let adjustment = Adjustment { wallet, points, reason: "asked".into(), actor: "desk".into() };
            world.ask(who, Verb::Adjust(adjustment)).await.unwrap();
        }
        world
    }

    /// Three members of a program.
    async fn of(program: &'static str, source: &str) -> Self {
        let store = Arc::new(Through(EntryByEntry { memory: Memory::new(), breaks_after: AtomicUsize::new(0) }));
        let engine = Self::engine_on(&store).await;
        let apply = ApplyProgram {
            source: source.into(),
            effective_at: None,
            expected_version: 0,
            request_id: Text::default(),
            dry_run: false,
        };
        engine.apply_program(apply).await.unwrap();
        let mut world = Self { store, engine, requests: 0, program };
        for who in ["ann", "bob", "cy"] {
            let enrolment =
                Enrolment { member_id: who.into(), id_given: true, identifiers: Vec::new(), attributes: Vec::new() };
            world.ask(who, Verb::Enroll(enrolment)).await.unwrap();
        }
        world
    }

    async fn engine_on(store: &Arc<Through<EntryByEntry>>) -> Engine {
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
        let (program, request_id, caller) = (self.program.into(), request_id.into(), Caller::default());
        match self.engine.submit(Order { program, member, request_id, caller, verb }).await {
            Ok(applied) => Ok(applied.outcome),
            Err(Denied::Refused(refusal)) => Err(refusal.reason().into()),
            Err(Denied::Failed(failure)) => Err(failure.to_string()),
        }
    }

    fn break_after(&self, entries: usize) {
        self.store.0.breaks_after.store(entries, Ordering::Release);
    }

    async fn points(&self, who: &str) -> i64 {
        let view = self.engine.member(self.program, &MemberName::Id(who.into())).await.unwrap();
        let wallet = view.timeline.newest().wallets[0].id;
        view.member.available(wallet).0
    }

    async fn gone(&self, pot: &str) -> i64 {
        self.engine.pot(self.program, pot).await.unwrap().0
    }

    /// The sweeper, a minute and a bit later.
    async fn later(&self) {
        self.after(61_000_000).await;
    }

    /// The sweeper, so much later; it goes round again where its first round was cut off.
    async fn after(&self, micros: i64) {
        let now = self.engine.now();
        self.engine.advance_clock(Moment(now.0 + micros)).unwrap();
        for _ in 0..2 {
            while self.engine.settle_due(100).await.unwrap() > 0 {}
        }
    }

    /// The server dies with the connection, and another one comes up.
    async fn reopened(self) -> Self {
        let now = self.engine.now();
        let engine = Self::engine_on(&self.store).await;
        engine.advance_clock(now).unwrap();
        Self { engine, ..self }
    }

    async fn tier(&self, who: &str) -> String {
        let view = self.engine.member(self.program, &MemberName::Id(who.into())).await.unwrap();
        let tier = view.member.standing.tier().unwrap();
        view.timeline.newest().text(tier.0).to_owned()
    }

    async fn is_in(&self, who: &str) -> bool {
        let view = self.engine.member(self.program, &MemberName::Id(who.into())).await.unwrap();
        !view.member.belonging().clubs.is_empty()
    }

    async fn gifts_left(&self, who: &str) -> i64 {
        let view = self.engine.member(self.program, &MemberName::Id(who.into())).await.unwrap();
        let program = view.timeline.newest();
        let gift = program.privileges.iter().find(|found| program.text(found.id.0) == "gift-of-silver").unwrap();
        let asked = rung::domain::decide::Asked { uses: 1, ..Default::default() };
        rung::domain::decide::check(program, &view.member, gift, asked, view.now).quota.unwrap().left
    }

    /// Two places are there, as many as were ever counted.
    async fn has_places(&mut self, taken: i64, free: &[&str], full: &str) {
        assert_eq!(self.gone("places:lounge").await, taken);
        for who in free {
            assert_eq!(self.ask(who, join()).await, Ok(Outcome::Applied), "{who}");
        }
        assert_eq!(self.ask(full, join()).await, Err("CLUB_FULL".into()), "{full}");
    }
}

fn belonging(order: BelongingOrder) -> Verb {
    Verb::Belonging(Box::new(order))
}

fn join() -> Verb {
    belonging(BelongingOrder::JoinClub { club: "lounge".into(), paid: Points::ZERO, reference: Text::default() })
}

fn leave() -> Verb {
    belonging(BelongingOrder::LeaveClub { club: "lounge".into() })
}

fn giving() -> Verb {
    let (to, tier) = (MemberName::Id("bob".into()), "silver".into());
    belonging(BelongingOrder::GiveTier { to, tier, note: Text::default() })
}

async fn clubs() -> World {
    World::of("belonging", include_str!("../programs/belonging.toml")).await
}

/// A world in which Ann may give silver away, twice a year.
async fn presents() -> World {
    let mut world = clubs().await;
    let (reason, actor) = ("asked".into(), "desk".into());
    let granting = Granting { tier: "gold".into(), by: HeldBy::Manual, until: None, reason, actor };
    world.ask("ann", belonging(BelongingOrder::GrantTier(granting))).await.unwrap();
    assert_eq!(world.gifts_left("ann").await, 2);
    world
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
        previous: world.store.0.memory.read(&Wants { members: vec![pot], ..Wants::default() }).await.unwrap().members
            [&pot]
            .last_entry,
        recorded_at: Moment(START),
        program_version: 1,
        request_id: Text::default(),
        principal: Text::default(),
        trace_id: Text::default(),
        named_by: None,
        facts: vec![rung::domain::event::Fact::PotReserved {
            pot: "stock:mug".into(),
            amount: Points(1),
            member: MemberKey::of("points", "bob"),
            order: rung::domain::order::Claim([7; 16]),
            until: Moment(START + 60_000_000),
        }],
    };
    let before = world.store.0.memory.read(&Wants { members: vec![pot], ..Wants::default() }).await.unwrap();
    let mut after = (*before.members[&pot]).clone();
    let expected_version = after.version;
    after.apply_entry(&entry).unwrap();
    let change = MemberChange { expected_version, after: Arc::new(after) };
    let group = Group { recorded_at: Moment(START), entries: vec![Arc::new(entry)], members: vec![change] };
    world.store.0.memory.commit(group).await.unwrap();
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

/// A place is reserved, she comes in, the reservation is settled: two entries of the three are not enough, and enough.
#[tokio::test]
async fn a_place_is_taken_once_wherever_it_is_cut_off() {
    for cut in 1..=3 {
        for dies in [false, true] {
            let mut world = clubs().await;
            world.break_after(cut);
            assert!(world.ask_as("j-1".into(), "ann", join()).await.is_ok(), "cut after {cut}");
            if dies {
                world = world.reopened().await;
            }
            assert!(world.is_in("ann").await);
            assert_eq!(world.gone("places:lounge").await, 1, "cut after {cut}");
            world.later().await;
            assert_eq!(world.ask_as("j-1".into(), "ann", join()).await, Ok(Outcome::Replayed));
            world.later().await;
            world.has_places(1, &["bob"], "cy").await;
        }
    }
}

/// She leaves, and her place is given back: cut off in between, the place is not lost, nor given back twice.
#[tokio::test]
async fn a_place_is_given_back_once_wherever_it_is_cut_off() {
    for cut in 1..=3 {
        let mut world = clubs().await;
        assert_eq!(world.ask("ann", join()).await, Ok(Outcome::Applied));
        assert_eq!(world.ask("bob", join()).await, Ok(Outcome::Applied));
        world.break_after(cut);
        assert!(world.ask_as("l-1".into(), "ann", leave()).await.is_ok(), "cut after {cut}");
        let mut world = world.reopened().await;
        world.later().await;
        assert_eq!(world.ask_as("l-1".into(), "ann", leave()).await, Ok(Outcome::Replayed));
        world.later().await;
        assert!(!world.is_in("ann").await);
        world.has_places(1, &["cy"], "ann").await;
    }
}

/// Her term ends, and her place is given back.
#[tokio::test]
async fn a_place_of_a_term_that_ended_is_given_back_once() {
    for cut in 1..=3 {
        let mut world = clubs().await;
        assert_eq!(world.ask("ann", join()).await, Ok(Outcome::Applied));
        world.later().await;
        world.break_after(cut);
        world.after(200 * 86_400_000_000).await;
        world.store.0.breaks_after.store(0, Ordering::Release);
        let mut world = world.reopened().await;
        world.later().await;
        assert!(!world.is_in("ann").await, "cut after {cut}");
        world.has_places(0, &["ann", "bob"], "cy").await;
    }
}

/// She closes, and her place is given back.
#[tokio::test]
async fn a_place_of_somebody_who_closed_is_given_back_once() {
    for cut in 1..=3 {
        let mut world = clubs().await;
        assert_eq!(world.ask("ann", join()).await, Ok(Outcome::Applied));
        assert_eq!(world.ask("bob", join()).await, Ok(Outcome::Applied));
        world.break_after(cut);
        assert!(world.ask("ann", Verb::Close("moved".into())).await.is_ok(), "cut after {cut}");
        let mut world = world.reopened().await;
        world.later().await;
        assert_eq!(world.gone("places:lounge").await, 1, "cut after {cut}");
        assert_eq!(world.ask("cy", join()).await, Ok(Outcome::Applied));
    }
}

/// A redemption that is cancelled gives its stock back.
#[tokio::test]
async fn stock_is_given_back_once_wherever_it_is_cut_off() {
    for cut in 1..=3 {
        let mut world = World::new().await;
        assert_eq!(world.ask("ann", mug()).await, Ok(Outcome::Applied));
        let redemption = redeemed(&world).await;
        world.break_after(cut);
        let cancel = Verb::CancelRedemption { redemption, reason: "asked".into() };
        assert!(world.ask("ann", cancel).await.is_ok(), "cut after {cut}");
        let world = world.reopened().await;
        world.later().await;
        assert_eq!((world.points("ann").await, world.gone("stock:mug").await), (300, 0), "cut after {cut}");
    }
}

async fn redeemed(world: &World) -> Seq {
    let feed = world.store.0.memory.feed(Seq::NONE, 1_000).await.unwrap();
    let is_redemption = |entry: &&Arc<Entry>| entry.spent().is_some();
    feed.iter().find(is_redemption).unwrap().seq
}

/// A tier given away: used and sent, received, noted.
#[tokio::test]
async fn a_present_arrives_once_wherever_it_is_cut_off() {
    for cut in 1..=3 {
        for dies in [false, true] {
            let mut world = presents().await;
            world.break_after(cut);
            assert_eq!(world.ask_as("g-1".into(), "ann", giving()).await, Ok(Outcome::Replayed), "cut after {cut}");
            if dies {
                world = world.reopened().await;
            }
            world.later().await;
            assert_eq!(
                (world.tier("bob").await.as_str(), world.gifts_left("ann").await),
                ("silver", 1),
                "cut after {cut}"
            );
            assert_eq!(world.ask_as("g-1".into(), "ann", giving()).await, Ok(Outcome::Replayed));
            world.later().await;
            assert_eq!(
                (world.tier("bob").await.as_str(), world.gifts_left("ann").await),
                ("silver", 1),
                "cut after {cut}"
            );
            let feed = world.store.0.memory.feed(Seq::NONE, 1_000).await.unwrap();
            let bobs = feed.iter().filter(|entry| entry.member == MemberKey::of("belonging", "bob"));
            assert_eq!(bobs.count(), 2, "enrolled, and received once");
        }
    }
}

/// The receiver closes in between: the use is hers again.
#[tokio::test]
async fn a_present_to_somebody_who_left_gives_its_use_back() {
    let mut world = presents().await;
    world.break_after(1);
    assert_eq!(world.ask_as("g-1".into(), "ann", giving()).await, Ok(Outcome::Replayed));
    assert_eq!(world.gifts_left("ann").await, 1);
    world.ask("bob", Verb::Close("moved".into())).await.unwrap();
    world.later().await;
    assert_eq!(world.gifts_left("ann").await, 2);
    world.later().await;
    assert_eq!(world.gifts_left("ann").await, 2);
}
