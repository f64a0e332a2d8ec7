//! A ladder that changes: whoever is read, written or walked through comes to the same, as was said before.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rung::domain::order::{AttributesUpdate, MemberName, Verb};
use rung::domain::program::TierId;
use rung::domain::units::{Moment, Text};
use rung::engine::{ApplyProgram, Outcome};

use super::world::{DAY, HOUR, Has, PROGRAM, Step, World, name, step};
use crate::model::cases;
use crate::model::home::walk;

const MIDDLE: &str = "[[ladder.tier]]\nid = \"middle\"\nqualify = 'nights >= 19'\nvalidity = { span = \"9mo\" }\n\n";

/// The next version: thresholds moved, perhaps a tier in the middle.
fn next(moved: i64, has_middle: bool, is_rejudged: bool) -> String {
    let mut program = PROGRAM.replace("capacity = 2", "capacity = 1000");
    program = program.replace("'nights >= 25 || ", &format!("'nights >= {} || ", 25 + moved));
    program = program.replace("qualify = 'nights >= 10'", &format!("qualify = 'nights >= {}'", 10 + moved));
    if has_middle {
        program = program.replace("[[ladder.tier]]\nid = \"gold\"", &format!("{MIDDLE}[[ladder.tier]]\nid = \"gold\""));
    }
    let mode = if is_rejudged { "rejudge" } else { "grandfather" };
    let program = program.replace("on_change = \"grandfather\"", &format!("on_change = \"{mode}\""));
    // Another text even where nothing moves: the same would be no next version.
    format!("{program}\n# The next one.\n")
}

/// Where everybody stands, and how often that would be said.
async fn tiers(world: &World) -> BTreeMap<u8, TierId> {
    let mut tiers = BTreeMap::new();
    for who in 0..3 {
        let view = world.view(who).await;
        if view.member.state != rung::domain::member::MemberState::Closed {
            tiers.insert(who, view.member.standing.tier().unwrap());
        }
    }
    tiers
}

async fn rejudge(world: &World) {
    walk(world.engine()).await;
    world.sweep().await;
}

async fn everybody(world: &World) -> Vec<Has> {
    let mut all = Vec::new();
    for who in 0..3 {
        all.push(world.has(who).await);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(8), failure_persistence: None, max_shrink_iters: 100, ..ProptestConfig::default() })]

    /// Three worlds with one history: in one the sweeper walks, in one everybody is written, in one only read.
    #[test]
    fn a_ladder_changes_alike_for_all(
        before in prop::collection::vec(step(), 10..30),
        (moved, has_middle, is_rejudged) in (-8_i64..9, any::<bool>(), any::<bool>()),
        ahead in prop_oneof![Just(0_i64), HOUR..60 * DAY],
        waits in prop::collection::vec(HOUR..400 * DAY, 1..4),
        after in prop::collection::vec(step(), 0..20),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let program = PROGRAM.replace("capacity = 2", "capacity = 1000");
            let mut worlds = [World::new(&program, 3).await, World::new(&program, 3).await, World::new(&program, 3).await];
            let source = next(moved, has_middle, is_rejudged);
            for world in &mut worlds {
                for step in &before {
                    world.make(step).await;
                }
                world.make(&Step::Wait { micros: 1 }).await;
                let stood = at_change(world, ahead).await;
                let said = foretold(world, &source, ahead).await;
                world.apply(&source, Some(Moment(world.now + ahead))).await;
                world.make(&Step::Wait { micros: ahead }).await;
                let mut moves = BTreeMap::new();
                for (who, to) in tiers(world).await {
                    *moves.entry((stood[&who], to)).or_insert(0) += 1;
                }
                assert_eq!(said, moves, "what was said, and what came");
            }
            for micros in &waits {
                for world in &mut worlds {
                    world.make(&Step::Wait { micros: *micros }).await;
                }
                let [walked, written, read] = &mut worlds;
                rejudge(walked).await;
                for who in 0..3 {
                    let update = Verb::Update(AttributesUpdate::default());
                    drop(written.ask(MemberName::Id(name(who)), update).await);
                }
                let all = everybody(read).await;
                assert_eq!(everybody(walked).await, all, "walked");
                assert_eq!(everybody(written).await, all, "written");
            }
            for step in &after {
                let mut told = Vec::new();
                for world in &mut worlds {
                    told.push(world.make(step).await);
                }
                assert!(told.iter().all(|other| *other == told[0]), "{step:?}: {told:?}");
                let [walked, written, read] = &worlds;
                let all = everybody(read).await;
                assert_eq!(everybody(walked).await, all, "walked, after {step:?}");
                assert_eq!(everybody(written).await, all, "written, after {step:?}");
            }
        });
    }
}

/// Where everybody would stand by the ladder as it is, when another takes effect: read in a world of its own would be
/// too much; the engine that is asked does not know of the other ladder yet, and its clock can only go on.
async fn at_change(world: &World, ahead: i64) -> BTreeMap<u8, TierId> {
    let engine = world.engine();
    let timeline = engine.programs().named("belonging").unwrap().clone();
    let mint = rung::engine::Pseudonyms::new([1; 32]).mint();
    let mut tiers = BTreeMap::new();
    for who in 0..3 {
        let view = world.view(who).await;
        if view.member.state == rung::domain::member::MemberState::Closed {
            continue;
        }
        let settled = rung::domain::decide::settled(&view.member, &timeline, &mint, Moment(world.now + ahead));
        tiers.insert(who, settled.standing.tier().unwrap());
    }
    tiers
}

/// What the engine says of who would move.
async fn foretold(world: &World, source: &str, ahead: i64) -> BTreeMap<(TierId, TierId), u64> {
    let apply = ApplyProgram {
        source: source.into(),
        effective_at: Some(Moment(world.now + ahead)),
        expected_version: 1,
        request_id: Text::default(),
        dry_run: true,
    };
    let (outcome, timeline) = world.engine().apply_program(apply).await.unwrap();
    assert_eq!(outcome, Outcome::Applied);
    world.engine().migration(&timeline).await.unwrap().moves
}
