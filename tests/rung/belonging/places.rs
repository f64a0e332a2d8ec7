//! Places and quotas under a crowd: never too many, and none is lost.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rung::domain::order::{BelongingOrder, Caller, MemberName, Order, Using, Verb};
use rung::domain::units::{Moment, Points, Text};
use rung::engine::{Denied, Engine};

use super::world::{DAY, PROGRAM, START, Step, World, belonging, name};
use crate::model::cases;

const MEMBERS: u8 = 6;

/// What one of many tasks does next.
#[derive(Clone, Debug)]
enum Move {
    Join(u8),
    Leave(u8),
    /// Time goes on, and the sweeper goes round.
    Sweep(i64),
    Close(u8),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        8 => (0..MEMBERS).prop_map(Move::Join),
        5 => (0..MEMBERS).prop_map(Move::Leave),
        2 => (0..120 * DAY).prop_map(Move::Sweep),
        1 => (0..MEMBERS * 8).prop_map(Move::Close),
    ];
    prop::collection::vec(one, 4..16)
}

fn order(request_id: String, who: u8, verb: Verb) -> Order {
    let (program, request_id, caller) = ("belonging".into(), request_id.into(), Caller::default());
    Order { program, member: MemberName::Id(name(who)), request_id, caller, verb }
}

fn join() -> Verb {
    belonging(BelongingOrder::JoinClub { club: "lounge".into(), paid: Points::ZERO, reference: Text::default() })
}

async fn submit(engine: &Engine, order: Order) -> String {
    match engine.submit(order).await {
        Ok(applied) => format!("{:?}", applied.outcome),
        Err(Denied::Refused(refusal)) => refusal.reason().into(),
        Err(Denied::Failed(failure)) => panic!("{failure}"),
    }
}

async fn run(engine: Engine, task: usize, moves: Vec<Move>) {
    for (nth, step) in moves.into_iter().enumerate() {
        let key = format!("task-{task}-{nth}");
        match step {
            Move::Join(who) => drop(submit(&engine, order(key, who, join())).await),
            Move::Leave(who) => {
                let leave = belonging(BelongingOrder::LeaveClub { club: "lounge".into() });
                drop(submit(&engine, order(key, who, leave)).await);
            }
            Move::Sweep(micros) => {
                // Another task may have moved the clock further.
                drop(engine.advance_clock(Moment(engine.now().0 + micros)));
                engine.settle_due(100).await.unwrap();
            }
            Move::Close(who) if who < MEMBERS => {
                drop(submit(&engine, order(key, who, Verb::Close(Text::default()))).await);
            }
            Move::Close(_) => {}
        }
    }
}

/// Who holds a place, as kept: whoever was not swept out yet holds hers.
async fn inside(world: &World) -> Vec<u8> {
    let mut inside = Vec::new();
    let store = world.store.as_ref().unwrap();
    let number = world.engine().programs().named("belonging").unwrap().number;
    for member in store.members(number, None, 1_000).await.unwrap() {
        if member.belonging().clubs.iter().any(|held| held.has_place) {
            inside.push(member.id.as_bytes()[member.id.len() - 1] - b'0');
        }
    }
    inside
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(25), failure_persistence: None, ..ProptestConfig::default() })]

    /// Two places, six members, eight tasks: never more than two belong, and both places are there in the end.
    #[test]
    fn places_are_never_oversold_nor_lost(tasks in prop::collection::vec(moves(), 8)) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let mut world = World::new(PROGRAM, MEMBERS).await;
            let tasks = tasks.into_iter().enumerate().map(|(task, moves)| tokio::spawn(run(world.engine().clone(), task, moves)));
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
            let inside = inside(&world).await;
            assert!(inside.len() <= 2, "{inside:?}");
            assert_eq!(world.gone("lounge").await, i64::try_from(inside.len()).unwrap());
            // Nobody ever belonged beside two others: the feed says who came and went, in order.
            never_too_many(&world).await;
            world.now = world.engine().now().0;
            for who in &inside {
                world.make(&Step::Leave { who: *who, club: 0 }).await;
            }
            world.sweep().await;
            assert_eq!(world.gone("lounge").await, 0);
            for who in [6, 7, 8] {
                world.enroll(who).await;
            }
            for (who, told) in [(6, "Applied"), (7, "Applied"), (8, "CLUB_FULL")] {
                assert_eq!(world.make(&Step::Join { who, club: 0, pays: false }).await, told);
            }
            world.folds_agree().await;
        });
    }
}

async fn never_too_many(world: &World) {
    use rung::domain::event::{BelongingFact, Fact, Seq};
    let mut inside = BTreeSet::new();
    for entry in world.store.as_ref().unwrap().feed(Seq::NONE, 100_000).await.unwrap() {
        for fact in &entry.facts {
            let Fact::Belonging(fact) = fact else { continue };
            match **fact {
                BelongingFact::ClubJoined { .. } => assert!(inside.insert(entry.member), "joined twice"),
                BelongingFact::ClubLeft { .. } => assert!(inside.remove(&entry.member), "left twice"),
                _ => {}
            }
            assert!(inside.len() <= 2, "three at a time");
        }
    }
}

/// Fifty at once use five: exactly five do.
#[tokio::test]
async fn a_quota_is_never_oversold() {
    let mut world = World::new(PROGRAM, 1).await;
    assert_eq!(world.make(&Step::Grant { who: 0, tier: 2, by: 0, days: Some(100) }).await, "Applied");
    let using = || Using { privilege: "early".into(), uses: 1, companions: 0, begins_at: None, note: Text::default() };
    let uses = (0..50).map(|nth| {
        let engine = world.engine().clone();
        let using = belonging(BelongingOrder::UsePrivilege(using()));
        tokio::spawn(async move { submit(&engine, order(format!("use-{nth}"), 0, using)).await })
    });
    let mut told = Vec::new();
    for used in uses.collect::<Vec<_>>() {
        told.push(used.await.unwrap());
    }
    assert_eq!(told.iter().filter(|told| *told == "Applied").count(), 5, "{told:?}");
    assert_eq!(told.iter().filter(|told| *told == "QUOTA_USED").count(), 45, "{told:?}");
    assert_eq!(world.left(0, "early").await, 0);
}

/// A present takes one use of the giver's, whoever asks how often, and none where it cannot be taken.
#[tokio::test]
async fn a_present_takes_one_use() {
    let mut world = World::new(PROGRAM, 3).await;
    assert_eq!(world.make(&Step::Grant { who: 0, tier: 2, by: 0, days: Some(100) }).await, "Applied");
    let give = || {
        let (to, tier) = (MemberName::Id(name(1)), "silver".into());
        belonging(BelongingOrder::GiveTier { to, tier, note: Text::default() })
    };
    let gifts = (0..20).map(|_| {
        let (engine, give) = (world.engine().clone(), give());
        tokio::spawn(async move { submit(&engine, order("the same".into(), 0, give)).await })
    });
    let mut told = Vec::new();
    for gift in gifts.collect::<Vec<_>>() {
        told.push(gift.await.unwrap());
    }
    assert_eq!(told.iter().filter(|told| *told == "Applied").count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|told| *told == "Replayed").count(), 19, "{told:?}");
    assert_eq!((world.tier(1).await.as_str(), world.left(0, "gift-of-silver").await), ("silver", 1));
    assert_eq!(world.make(&Step::Close { who: 2 }).await, "Applied");
    assert_eq!(world.make(&Step::Give { who: 0, to: 2, tier: 1 }).await, "RECEIVER_NOT_ACTIVE");
    assert_eq!(world.left(0, "gift-of-silver").await, 1);
    assert_eq!(world.engine().now(), Moment(START));
    // A present that arrived is no use to give back.
    assert_eq!(world.make(&Step::Give { who: 0, to: 1, tier: 1 }).await, "Applied");
    assert_eq!(world.make(&Step::Unuse { used: 0 }).await, "USE_OVER");
    assert_eq!(world.make(&Step::Give { who: 0, to: 1, tier: 1 }).await, "QUOTA_USED");
}

/// A membership that was renewed and ended while nobody looked frees its place, whoever else's did so too.
#[tokio::test]
async fn places_of_terms_that_were_renewed_unseen_are_free() {
    let program = PROGRAM.replace("term = \"4mo\"", "term = \"4mo\"\ncapacity = 2");
    let program = program.replace("'nights >= 5 && member.tier != \"member\"'", "'nights >= 5'");
    let mut world = World::new(&program, 4).await;
    for round in 0_u8..2 {
        for who in 0..2 {
            let receipt = round * 10 + who;
            assert_eq!(world.make(&Step::Buy { who, receipt, nights: 5, cents: 0, days_ago: 0 }).await, "Applied");
            assert_eq!(world.make(&Step::Join { who, club: 1, pays: false }).await, "Applied", "round {round}");
        }
        assert_eq!(world.gone("reading").await, 2);
        world.make(&Step::Wait { micros: 700 * DAY }).await;
        world.sweep().await;
        assert!(world.has(0).await.clubs.is_empty() && world.has(1).await.clubs.is_empty());
        assert_eq!(world.gone("reading").await, 0, "round {round}");
    }
    world.folds_agree().await;
}
