//! One history each for what went wrong once, or nearly.

use rung::domain::units::Moment;

use super::world::{DAY, PROGRAM, START, Step, World};

fn buy(receipt: u8, nights: i64, cents: i64) -> Step {
    Step::Buy { who: 0, receipt, nights, cents, days_ago: 0 }
}

fn back(receipt: u8) -> Step {
    Step::GiveBack { receipt, nights: 0, own: receipt }
}

const fn days(days: i64) -> Step {
    Step::Wait { micros: days * DAY }
}

async fn applied(world: &mut World, steps: &[Step]) {
    for step in steps {
        let told = world.make(step).await;
        assert!(told == "Applied" || told == "waited", "{step:?}: {told}");
    }
}

/// The program with other milestones than its own: none of them.
fn without_milestones() -> String {
    let (before, rest) = PROGRAM.split_once("[[milestone]]").unwrap();
    let (_, rewards) = rest.split_once("[[reward]]\nid = \"pass\"").unwrap();
    let none = format!("{before}[[reward]]\nid = \"pass\"{rewards}");
    let (without, boosts) = none.split_once("[[campaign]]\ncampaign = \"double\"").unwrap();
    let (_, ladder) = boosts.split_once("[ladder]").unwrap();
    format!("{without}[ladder]{ladder}").replace("tiers = { platinum = 2 }", "tiers = { silver = 2 }")
}

fn with_milestones(milestones: &str) -> String {
    format!("{}\n{milestones}", without_milestones())
}

/// A fall onto a tier that is judged when a span ends, too.
#[tokio::test]
async fn a_tier_falls_onto_another_that_renews() {
    let mut world = World::new(&without_milestones(), 1).await;
    applied(&mut world, &[buy(1, 50, 300_000), days(200)]).await;
    assert_eq!(world.tier(0).await, "platinum");
    // Renewed in October by the nights of the year, in April no more; then a grace of 45 days, and gold by what was
    // spent until April.
    applied(&mut world, &[days(200)]).await;
    assert_eq!(world.tier(0).await, "platinum");
    applied(&mut world, &[days(60)]).await;
    assert_eq!(world.tier(0).await, "gold");
}

/// A ladder that changes, and a tier that ends later, with nobody looking in between.
#[tokio::test]
async fn a_tier_ends_after_the_ladder_changed() {
    let mut world = World::new(&without_milestones(), 1).await;
    applied(&mut world, &[buy(1, 25, 0), days(1)]).await;
    world.apply(&without_milestones().replace("nights >= 50", "nights >= 51"), Some(Moment(START + 2 * DAY))).await;
    applied(&mut world, &[days(800)]).await;
    assert_eq!(world.tier(0).await, "member");
}

/// The first order after a ladder changed is a purchase that lifts, with more to tell than the purchase.
#[tokio::test]
async fn a_purchase_lifts_after_the_ladder_changed() {
    let mut world = World::new(PROGRAM, 1).await;
    applied(&mut world, &[days(1)]).await;
    world.apply(&PROGRAM.replace("nights >= 50", "nights >= 51"), Some(Moment(START + 2 * DAY))).await;
    applied(&mut world, &[days(300), buy(1, 25, 0)]).await;
    assert_eq!(world.tier(0).await, "gold");
    assert_eq!(world.has(0).await.held.iter().filter(|held| held.0 == "gold").count(), 1);
}

/// A choice that opens and closes while nobody looks gives its default once.
#[tokio::test]
async fn a_default_is_given_once_however_late() {
    let mut world = World::new(PROGRAM, 1).await;
    applied(&mut world, &[buy(1, 8, 0), days(400)]).await;
    // 8 nights: 100 for the first three, 8 for the money; 500 and 90 for the year's end, on 1 January.
    let stars = world.stars(0).await;
    world.sweep().await;
    assert_eq!(world.stars(0).await, stars);
    applied(&mut world, &[days(1)]).await;
    world.sweep().await;
    assert_eq!(world.stars(0).await, stars);
    assert!(world.has(0).await.choices.is_empty());
}

/// What the end of a window gave can be used, and is used up, by whoever comes before the sweeper.
#[tokio::test]
async fn what_settling_gives_is_used_up() {
    let mut world = World::new(PROGRAM, 1).await;
    applied(&mut world, &[buy(1, 8, 0), days(256)]).await;
    assert_eq!(world.left(0, "pass").await, 3);
    applied(&mut world, &[Step::Use { who: 0, privilege: 0, uses: 3, companions: 0 }]).await;
    assert_eq!(world.left(0, "pass").await, 0);
    assert_eq!(world.make(&Step::Use { who: 0, privilege: 0, uses: 1, companions: 0 }).await, "NOT_ENTITLED");
}

/// Points that the end of a window gave can be spent by whoever comes before the sweeper.
#[tokio::test]
async fn what_settling_gives_is_spent() {
    let mut world = World::new(PROGRAM, 1).await;
    applied(&mut world, &[buy(1, 8, 0), days(256)]).await;
    let stars = world.stars(0).await;
    for _ in 0..stars / 30 {
        applied(&mut world, &[Step::Redeem { who: 0, reward: 0 }]).await;
    }
    assert_eq!(world.stars(0).await, stars % 30);
    world.folds_agree().await;
}

/// A choice that the end of a window opened can be made by whoever comes before the sweeper.
#[tokio::test]
async fn what_settling_opens_is_chosen_once() {
    let mut world = World::new(PROGRAM, 1).await;
    applied(&mut world, &[buy(1, 8, 0), days(256)]).await;
    let stars = world.stars(0).await;
    applied(&mut world, &[Step::Choose { who: 0, choice: 4, times: 1 }]).await;
    assert_eq!(world.stars(0).await, stars + 90);
    assert_eq!(world.make(&Step::Choose { who: 0, choice: 4, times: 1 }).await, "NO_CHOICE");
    applied(&mut world, &[days(60)]).await;
    assert_eq!(world.stars(0).await, stars + 90);
}

/// Uses of one privilege that one entry gave for different times end each at its own.
#[tokio::test]
async fn uses_of_one_entry_end_each_at_its_time() {
    let mut world = World::new(PROGRAM, 1).await;
    // First: two for 60 days; every ten: one for a year, one for ever.
    applied(&mut world, &[buy(1, 10, 0)]).await;
    assert_eq!(world.left(0, "breakfast").await, 4);
    applied(&mut world, &[days(100)]).await;
    assert_eq!(world.left(0, "breakfast").await, 2);
    applied(&mut world, &[days(300)]).await;
    assert_eq!(world.left(0, "breakfast").await, 1);
}

/// What a return takes back of uses is what the milestone gave, no more.
#[tokio::test]
async fn a_return_takes_back_the_uses_of_its_own_milestones() {
    let mut world = World::new(PROGRAM, 1).await;
    applied(&mut world, &[buy(1, 20, 0)]).await;
    let had = world.has(0).await;
    applied(&mut world, &[buy(2, 10, 0), back(2)]).await;
    assert_eq!(world.has(0).await, had);
    applied(&mut world, &[buy(3, 20, 0), Step::GiveBack { receipt: 3, nights: 10, own: 9 }]).await;
    assert_eq!(world.left(0, "breakfast").await, 8);
}

/// A membership that was hers before a benefit prolonged it stays hers.
#[tokio::test]
async fn a_return_leaves_a_membership_that_was_there() {
    let milestones =
        "[[milestone]]\nid = \"m\"\nmeter = \"nights\"\nat = 30\ngives = [{ club = \"circle\", lasts = \"2mo\" }]\n";
    let mut world = World::new(&with_milestones(milestones), 1).await;
    let join = Step::Join { who: 0, club: 3, pays: false };
    applied(&mut world, &[join, Step::Admit { who: 0, club: 3, admitted: true }]).await;
    let had = world.has(0).await.clubs;
    applied(&mut world, &[buy(1, 30, 0), back(1)]).await;
    assert_eq!(world.has(0).await.clubs, had);
}

/// A tier earned through what a milestone counts goes with the goods.
#[tokio::test]
async fn a_tier_that_rested_on_a_milestones_count_goes_with_it() {
    let milestones =
        "[[milestone]]\nid = \"m\"\nmeter = \"spend\"\nat = 100\ngives = [{ meter = \"nights\", count = 10 }]\n";
    let mut world = World::new(&with_milestones(milestones), 1).await;
    let had = world.has(0).await;
    applied(&mut world, &[buy(1, 0, 15_000)]).await;
    assert_eq!(world.tier(0).await, "silver");
    applied(&mut world, &[back(1)]).await;
    let mut has = world.has(0).await;
    has.windows.clear();
    assert_eq!(has, had);
}

/// A milestone reached through what another counts goes with the goods.
#[tokio::test]
async fn a_milestone_that_rested_on_anothers_count_goes_with_it() {
    let milestones = "[[milestone]]\nid = \"m\"\nmeter = \"spend\"\nat = 100\ngives = [{ meter = \"nights\", count = 5 }]\n\
        [[milestone]]\nid = \"n\"\nmeter = \"nights\"\nat = 5\ngives = [{ wallet = \"stars\", points = 50 }]\n";
    let mut world = World::new(&with_milestones(milestones), 1).await;
    let had = world.has(0).await;
    applied(&mut world, &[buy(1, 0, 15_000), back(1)]).await;
    let mut has = world.has(0).await;
    has.windows.clear();
    assert_eq!(has, had);
}

/// A tier for life that rested on counted years goes with the year.
#[tokio::test]
async fn a_floor_that_rested_on_years_goes_with_them() {
    let program = without_milestones().replace("years >= 3 || life >= 150", "years >= 1 || life >= 150");
    let mut world = World::new(&program, 1).await;
    let had = world.has(0).await;
    applied(&mut world, &[buy(1, 10, 0)]).await;
    assert_eq!(world.tier(0).await, "gold");
    applied(&mut world, &[back(1)]).await;
    let mut has = world.has(0).await;
    has.windows.clear();
    assert_eq!(has, had);
}

/// A tier for a span that renews otherwise than it is earned goes with the goods that earned it.
#[tokio::test]
async fn a_tier_that_renews_goes_with_the_goods_that_earned_it() {
    let mut world = World::new(&without_milestones(), 1).await;
    let had = world.has(0).await;
    applied(&mut world, &[buy(1, 25, 0)]).await;
    assert_eq!(world.tier(0).await, "gold");
    applied(&mut world, &[back(1)]).await;
    let mut has = world.has(0).await;
    has.windows.clear();
    assert_eq!(has, had);
}

/// A tier that was granted stays when one that was earned, and ends on the same day, goes.
#[tokio::test]
async fn a_grant_stays_when_what_was_earned_goes() {
    let mut world = World::new(&without_milestones(), 1).await;
    applied(&mut world, &[Step::Grant { who: 0, tier: 1, by: 0, days: None }]).await;
    let had = world.has(0).await;
    applied(&mut world, &[buy(1, 10, 0), back(1)]).await;
    let mut has = world.has(0).await;
    has.windows.clear();
    assert_eq!(has, had);
}

/// A milestone is lost with goods, not with a tier that ends.
#[tokio::test]
async fn a_milestone_is_not_lost_by_buying() {
    let mut world = World::new(&PROGRAM.replace("every = 6", "every = 2"), 1).await;
    applied(&mut world, &[Step::Grant { who: 0, tier: 1, by: 0, days: Some(10) }, buy(1, 5, 0), days(20)]).await;
    assert_eq!(world.tier(0).await, "member");
    let stars = world.stars(0).await;
    applied(&mut world, &[buy(2, 2, 0)]).await;
    // 22 of the rules for 20.00, and nothing of the milestone: it is for members on a tier.
    assert_eq!(world.stars(0).await, stars + 22);
}

/// Her own place is free again once her term is over, whether or not anybody swept.
#[tokio::test]
async fn she_comes_back_into_her_own_place() {
    let program = PROGRAM.replace("capacity = 2", "capacity = 1");
    let mut world = World::new(&program, 1).await;
    let join = Step::Join { who: 0, club: 0, pays: false };
    applied(&mut world, &[join.clone(), days(200)]).await;
    assert!(world.has(0).await.clubs.is_empty());
    assert_eq!(world.make(&join).await, "Applied");
    assert_eq!(world.gone("lounge").await, 1);
}

/// Nothing comes to a member who is closed.
#[tokio::test]
async fn nothing_comes_to_the_closed() {
    let mut world = World::new(PROGRAM, 1).await;
    applied(&mut world, &[buy(1, 10, 0), Step::Close { who: 0 }, days(400)]).await;
    world.sweep().await;
    assert_eq!(world.stars(0).await, 0);
}

/// Whoever was let in, and pays, waits no more.
#[tokio::test]
async fn whoever_was_answered_does_not_wait() {
    let program = PROGRAM.replace(
        "id = \"circle\"\ndoor = \"approval\"",
        "id = \"circle\"\ndoor = \"approval\"\nfee = { amount = \"5.00\" }",
    );
    let mut world = World::new(&program, 1).await;
    let join = Step::Join { who: 0, club: 3, pays: false };
    applied(&mut world, &[join, Step::Admit { who: 0, club: 3, admitted: true }]).await;
    assert!(world.has(0).await.asked.is_empty());
}

/// A validity that was renewed when it ended counts as a year, as one that was earned does.
#[tokio::test]
async fn a_renewal_counts_as_a_year() {
    let program = without_milestones().replace("counts = \"years\"\n", "");
    let program = program.replace("trial = {", "counts = \"years\"\ntrial = {").replace("years >= 3 || ", "");
    let mut world = World::new(&program, 1).await;
    applied(&mut world, &[buy(1, 25, 0)]).await;
    assert_eq!(world.reads(0, "years").await, 1);
    applied(&mut world, &[days(300), buy(2, 0, 250_000), days(100)]).await;
    assert_eq!(world.tier(0).await, "gold");
    assert_eq!(world.reads(0, "years").await, 2);
}

/// What was reached where windows roll stays reached when they have rolled on.
#[tokio::test]
async fn a_milestone_where_windows_roll_is_not_lost_by_buying() {
    let milestones = "[[milestone]]\nid = \"m\"\nmeter = \"spend\"\nat = 100\nevery = 100\ngives = [{ privilege = \"early\", uses = 1 }]\n";
    let mut world = World::new(&with_milestones(milestones), 1).await;
    applied(&mut world, &[buy(1, 0, 50_000), days(500)]).await;
    let given = world.has(0).await.allowances;
    assert_eq!(given.values().sum::<u32>(), 5);
    applied(&mut world, &[buy(2, 0, 20_000)]).await;
    assert_eq!(world.has(0).await.allowances, given);
    applied(&mut world, &[back(2)]).await;
    assert_eq!(world.has(0).await.allowances, given);
}
