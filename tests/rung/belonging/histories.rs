//! Random histories of belonging: settling early or late comes to the same, the books agree with the balances, what is
//! shown is what is enforced, and what is bought and comes back leaves nothing behind.

use proptest::prelude::*;
use rung::domain::decide::{Asked, check, club_offer, meter_values, renewal, settled};
use rung::domain::event::{Fact, Part, PurchaseRecorded};
use rung::domain::member::{Held, HeldBy, MemberState};
use rung::domain::program::{ClubId, Program};
use rung::domain::units::Moment;
use rung::engine::View;

use super::world::{CLUBS, DAY, HOUR, Has, PROGRAM, QUOTAS, Step, World, moved_to, step};
use crate::model::cases;
use crate::model::home::Home;

/// The program with places enough, so that who comes in does not depend on who has been swept out.
fn roomy(downgrade: &str) -> String {
    let program = PROGRAM.replace("capacity = 2", "capacity = 1000");
    program.replace("downgrade = \"to_earned\"", &format!("downgrade = \"{downgrade}\""))
}

/// The program as it is, or with nothing but its own threshold to keep Gold.
fn with_renew(program: &str, has_renew: bool) -> String {
    if has_renew { program.to_owned() } else { program.replace("renew = 'spend >= 2000'\n", "") }
}

/// Purchases, time and grants by hand.
fn bought_or_granted() -> impl Strategy<Value = Step> {
    let cents = prop_oneof![3 => 0_i64..60_000, 1 => 60_000_i64..700_000];
    let wait = prop_oneof![4 => HOUR..25 * DAY, 3 => 25 * DAY..200 * DAY];
    prop_oneof![
        3 => (any::<u8>(), 0_i64..30, cents)
            .prop_map(|(receipt, nights, cents)| Step::Buy { who: 0, receipt, nights, cents, days_ago: 0 }),
        1 => (1_u8..5, 1_i64..400).prop_map(|(tier, days)| Step::Grant { who: 0, tier, by: 0, days: Some(days) }),
        3 => wait.prop_map(|micros| Step::Wait { micros }),
    ]
}

fn rank(view: &View) -> Option<usize> {
    let ladder = view.timeline.at(view.now).ladder.as_ref().unwrap();
    ladder.rank(view.member.standing.tier().unwrap())
}

const DOWNGRADES: [&str; 3] = ["to_earned", "one_step", "none"];

/// Waits in pieces, settling in between.
async fn wait_in_steps(world: &mut World, micros: i64) {
    for piece in 0..7 {
        let part = if piece == 6 { micros - micros / 7 * 6 } else { micros / 7 };
        world.make(&Step::Wait { micros: part }).await;
        world.sweep().await;
    }
}

/// The tier shown is the highest span in force, told without the engine's help.
fn stands_where_she_should(view: &View) {
    let program = view.timeline.at(view.now);
    let ladder = program.ladder.as_ref().unwrap();
    let in_force = view.member.standing.held().iter().filter(|held| held.since <= view.now && view.now < held.until);
    let rank = |tier| if tier == ladder.base { 0 } else { 1 + ladder.tiers.iter().position(|t| t.id == tier).unwrap() };
    let highest = in_force.map(|held| rank(held.tier)).max().unwrap_or(0);
    assert_eq!(view.member.standing.tier().map(rank), Some(highest), "{:?}", view.member.standing);
}

/// What is shown to keep her tier is what comes: where nothing is missing it goes on with nothing more bought, and where
/// something is, and nothing comes in by itself, it does not.
fn is_kept_as_shown(view: &View) {
    let program = view.timeline.at(view.now);
    let today = meter_values(program, &view.member, view.now).unwrap();
    let Some(shown) = renewal(program, &view.member, view.now, &today).unwrap() else { return };
    assert!(!(shown.at_once && shown.is_met), "what was counted and was enough renewed it: {shown:?}");
    if view.member.state == MemberState::Closed {
        return;
    }
    let mint = rung::engine::Pseudonyms::new([1; 32]).mint();
    let later = settled(&view.member, &view.timeline, &mint, shown.until);
    // What comes in meanwhile may have renewed it before its end, from then on, or given it for life.
    let untouched = later.meters == view.member.meters;
    let goes_on = |by: fn(HeldBy) -> bool, until: Moment| {
        later.standing.held().iter().any(|held| {
            let in_force = held.since <= shown.until && shown.until < held.until;
            held.tier == shown.tier.id && in_force && by(held.by) && held.until >= until
        })
    };
    let kept = goes_on(|by| !by.is_granted(), if untouched { shown.renewed_until } else { shown.until });
    assert!(!shown.is_met || kept, "shown as met: {shown:?}, came: {:?}", later.standing);
    let may_go_on = shown.at_once || shown.is_met || !untouched;
    let renewed = goes_on(|by| by == HeldBy::Earned, shown.renewed_until);
    assert!(may_go_on || !renewed, "shown as not met: {shown:?}, came: {:?}", later.standing);
}

/// No meter of the program counts less than before.
fn counts_no_less(program: &Program, before: &View, after: &View) {
    for meter in &program.meters {
        for count in before.member.meters.counts().iter().filter(|count| count.meter == meter.id) {
            let now = after.member.meters.in_window(count.meter, count.window);
            assert!(now >= count.amount, "{}: {:?} after {:?}", program.text(meter.id.0), now, count);
        }
    }
}

/// What was shown before a purchase is what judged it.
fn judged_as_shown(before: &View, recorded: &PurchaseRecorded, program: &Program) {
    let shown = before.member.standing.tier();
    assert_eq!(recorded.tier, shown);
    let name = program.text(shown.unwrap().0);
    let marks = program.wallet_named("marks").unwrap().id;
    let mark = recorded.grants.iter().find(|grant| grant.wallet == Some(marks)).unwrap();
    assert_eq!(program.text(mark.rule.0), format!("mark-{name}"));
    let bonus = recorded.grants.iter().find_map(|grant| match grant.part {
        Part::TierBonus(tier) => Some(tier),
        Part::Base => None,
    });
    assert_eq!(bonus.is_some(), name != "member" && recorded.purchase.total().unwrap() >= 1_000, "{name}");
    assert!(bonus.is_none_or(|tier| Some(tier) == shown));
}

/// What may be done, as shown before it is asked.
fn shown(view: &View, step: &Step) -> Option<Result<(), &'static str>> {
    let program = view.timeline.at(view.now);
    let refusal = match step {
        Step::Use { privilege, uses, companions, .. } => {
            let name = QUOTAS[usize::from(*privilege)];
            let privilege = program.privileges.iter().find(|found| program.text(found.id.0) == name).unwrap();
            let asked = Asked { uses: *uses, companions: *companions, begins_at: None };
            check(program, &view.member, privilege, asked, view.now).refusal
        }
        Step::Join { club, .. } => {
            let id = ClubId(program.register.word(CLUBS[usize::from(*club)]).unwrap());
            club_offer(program, program.club(id).unwrap(), &view.member, view.now).refusal
        }
        _ => return None,
    };
    Some(refusal.map_or(Ok(()), |refusal| Err(refusal.reason())))
}

/// Whose member a step is about, if it says so by itself.
fn whose(step: &Step) -> Option<u8> {
    match step {
        Step::Buy { who, .. } | Step::Use { who, .. } | Step::Join { who, .. } => Some(*who),
        _ => None,
    }
}

/// Whether it uses a privilege whose uses are presents.
fn is_present(step: &Step) -> bool {
    matches!(step, Step::Use { privilege, .. } if QUOTAS[usize::from(*privilege)].starts_with("gift"))
}

fn may_count_less(step: &Step) -> bool {
    matches!(step, Step::GiveBack { .. })
}

/// Makes a step and holds what was shown before against what came of it.
async fn make_as_shown(world: &mut World, step: &Step) -> String {
    let mut before = Vec::new();
    for who in 0..3 {
        before.push(world.view(who).await);
    }
    let told = world.make(step).await;
    let program = world.program();
    for (who, before) in (0..3).zip(&before) {
        let after = world.view(who).await;
        stands_where_she_should(&after);
        is_kept_as_shown(&after);
        if !may_count_less(step) {
            counts_no_less(&program, before, &after);
        }
    }
    let Some(who) = whose(step) else { return told };
    let before = &before[usize::from(who)];
    match shown(before, step) {
        Some(Ok(())) => {
            let others = ["Applied", "FEE_REQUIRED", "INSUFFICIENT_POINTS", "CLUB_FULL", "ONLY_GIVEN"];
            assert!(others.contains(&&*told), "{told}");
            assert_eq!(told == "ONLY_GIVEN", is_present(step), "{told}");
        }
        Some(Err(reason)) => assert_eq!(told, reason),
        None => {}
    }
    if let (Step::Buy { days_ago, .. }, Some(applied)) = (step, &world.last) {
        let entry = &applied.entries[0];
        if let Some(Fact::PurchaseRecorded(recorded)) =
            entry.facts.first().filter(|_| *days_ago == 0 && told == "Applied")
        {
            judged_as_shown(before, recorded, &program);
            let after = world.tier(who).await;
            let was = before.member.standing.tier().map(|tier| program.text(tier.0).to_owned());
            if was.as_ref() != Some(&after) {
                assert_eq!(moved_to(&program, applied), Some(after), "a promotion is in the reply");
            }
        }
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(25), failure_persistence: None, max_shrink_iters: 300, ..ProptestConfig::default() })]

    /// Settling late, early, in steps or at once gives the same member.
    #[test]
    fn settling_is_the_same_whenever_it_happens(
        downgrade in 0_usize..3,
        steps in prop::collection::vec(step(), 20..60),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let program = roomy(DOWNGRADES[downgrade]);
            let (mut late, mut early) = (World::new(&program, 3).await, World::new(&program, 3).await);
            for step in &steps {
                match step {
                    Step::Wait { micros } => {
                        late.make(step).await;
                        wait_in_steps(&mut early, *micros).await;
                    }
                    _ => assert_eq!(late.make(step).await, early.make(step).await, "{step:?}"),
                }
                for who in 0..3 {
                    assert_eq!(late.has(who).await, early.has(who).await, "member {who} after {step:?}");
                }
            }
            late.sweep().await;
            early.sweep().await;
            for who in 0..3 {
                assert_eq!(late.has(who).await, early.has(who).await, "member {who} at the end");
            }
            late.books_agree(3).await;
            early.books_agree(3).await;
            late.folds_agree().await;
            early.folds_agree().await;
        });
    }

    /// What a read shows of tier, privileges and clubs is what orders find.
    #[test]
    fn what_is_shown_is_what_holds(
        downgrade in 0_usize..3,
        has_renew in any::<bool>(),
        steps in prop::collection::vec((step(), prop::bool::weighted(0.3)), 20..60),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let program = PROGRAM.replace("downgrade = \"to_earned\"", &format!("downgrade = \"{}\"", DOWNGRADES[downgrade]));
            let mut world = World::new(&with_renew(&program, has_renew), 3).await;
            for (step, sweeps) in &steps {
                make_as_shown(&mut world, step).await;
                if *sweeps {
                    world.sweep().await;
                }
            }
            world.nothing_is_chosen_twice().await;
            world.folds_agree().await;
        });
    }

    /// A grant never leaves anybody lower, once it is over, than she would be without it.
    #[test]
    fn a_grant_takes_nothing(
        downgrade in 0_usize..3,
        has_renew in any::<bool>(),
        steps in prop::collection::vec(bought_or_granted(), 20..60),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let program = with_renew(&roomy(DOWNGRADES[downgrade]), has_renew);
            let (mut given, mut plain) = (World::new(&program, 1).await, World::new(&program, 1).await);
            for step in &steps {
                given.make(step).await;
                if !matches!(step, Step::Grant { .. }) {
                    plain.make(step).await;
                }
                let (with, without) = (given.view(0).await, plain.view(0).await);
                let granted = |held: &Held| held.by.is_granted() && with.now < held.until;
                if !with.member.standing.held().iter().any(granted) {
                    assert!(rank(&with) >= rank(&without), "{:?}, without grants {:?}", with.member.standing, without.member.standing);
                }
            }
        });
    }

    /// What is bought and comes back at once leaves nothing behind.
    #[test]
    fn bought_and_brought_back_leaves_nothing(
        before in prop::collection::vec(step(), 0..30),
        (nights, cents, days_ago) in (0_i64..40, 0_i64..600_000, prop_oneof![3 => Just(0_i64), 1 => 0_i64..59]),
        pieces in prop::collection::vec(0_i64..6, 0..4),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            // What must hold besides is judged as things are counted, and may hold now for what was counted before.
            let program = roomy("to_earned").replace("when = 'member.tier != \"member\"'\ngives", "gives");
            // Where windows roll, nobody knows by what has left them a milestone was reached.
            let program = program.replace("meter = \"spend\"\nat = 800\nevery = 900", "meter = \"life\"\nat = 12\nevery = 9");
            let mut world = World::new(&program, 3).await;
            for step in &before {
                // What came late is judged by its own day; later days of a rolling window by what comes after it.
                let step = match step.clone() {
                    Step::Buy { who, receipt, nights, cents, .. } => Step::Buy { who, receipt, nights, cents, days_ago: 0 },
                    step => step,
                };
                world.make(&step).await;
            }
            world.make(&Step::Wait { micros: 1_000_000 }).await;
            world.sweep().await;
            let had = bare(world.has(0).await);
            let buy = Step::Buy { who: 0, receipt: 200, nights, cents, days_ago };
            if world.make(&buy).await != "Applied" {
                return;
            }
            for (own, nights) in (100_u8..).zip(pieces) {
                world.make(&Step::GiveBack { receipt: 200, nights: nights + 1, own: own + 100 }).await;
            }
            let rest = world.make(&Step::GiveBack { receipt: 200, nights: 0, own: 99 }).await;
            assert!(["Applied", "NOTHING_TO_RETURN", "KEY_REUSED"].contains(&&*rest), "{rest}");
            if rest != "KEY_REUSED" {
                assert_eq!(had, bare(world.has(0).await));
            }
        });
    }
}

/// What a window is waited for is no gain.
fn bare(mut has: Has) -> Has {
    has.windows.clear();
    has
}

/// The engine and its store go down and come up again: every member is who she was.
#[test]
fn members_survive_reopening() {
    let config = ProptestConfig {
        cases: cases(12),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in prop::collection::vec((step(), prop::option::weighted(0.1, any::<bool>())), 20..60))| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let mut world = World::at(Home::folder(), PROGRAM, 3).await;
            for (step, reopens) in &steps {
                world.make(step).await;
                let Some(is_orderly) = reopens else { continue };
                let mut before = Vec::new();
                for who in 0..3 {
                    before.push(world.view(who).await.member);
                }
                world.reopen(*is_orderly).await;
                for (who, before) in (0..3).zip(before) {
                    assert_eq!(world.view(who).await.member, before, "member {who} after {step:?}");
                }
            }
        });
    });
}

/// The steps themselves: random histories come to what they are about.
#[test]
fn histories_are_rich() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(step(), 90);
    let (mut applied, mut tiers) =
        (std::collections::BTreeMap::<String, u32>::new(), std::collections::BTreeSet::new());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        for _ in 0..60 {
            let steps = proptest::strategy::ValueTree::current(&strategy.new_tree(&mut runner).unwrap());
            let mut world = World::new(PROGRAM, 3).await;
            for step in &steps {
                let told = world.make(step).await;
                let name = format!("{step:?}").split_whitespace().next().unwrap().to_owned();
                *applied.entry(name).or_default() += u32::from(told == "Applied");
                tiers.insert(world.tier(0).await);
            }
        }
    });
    applied.remove("Wait");
    assert!(applied.values().all(|times| *times > 0), "{applied:?}");
    assert_eq!(tiers.len(), 5, "{tiers:?}");
}
