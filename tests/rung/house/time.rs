//! What time does: the sweeper tells of it unasked, and versions judge by the moment a purchase names.

use std::time::Duration;

use rung::pb;
use rung::pb::attribute_value::Value;
use rung::pb::fact::Fact;

use super::server::{House, file};
use super::till::{Order, Till, granted, moment, purchase};

/// The sweeper sleeps until the clock moves; a busy machine may let it wait.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_validity_is_told_without_being_asked_for() {
    let program = file("tests/programs/model.toml");
    let house = House::open(&["--program", &program, "--test-clock", "2025-06-01T12:00:00Z"]);
    let till = house.till().await;
    till.enroll("model", "m-1").await.unwrap();
    let bought = purchase("sale", "r-1", 60_000, "2025-06-01T12:00:00Z");
    till.record(&Order::new("model", "m-1", bought)).await.unwrap();
    let newest = till.journal().await.pop().unwrap();
    let mut events = till.follow(&newest.cursor).await.unwrap();

    till.advance_clock("2025-12-31T23:59:59.999999Z").await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_millis(500), events.message()).await;
    assert!(nothing.is_err(), "{nothing:?} before the validity ended");

    till.advance_clock("2026-01-01T00:00:00Z").await.unwrap();
    let event = tokio::time::timeout(SOON, events.message()).await.expect("an event").unwrap().unwrap();
    let Some(Fact::TierChanged(change)) = event.fact.unwrap().fact else { panic!("another fact") };
    assert_eq!(event.member_id, "m-1");
    assert_eq!((&*change.from, &*change.to), ("silver", "base"));
    assert_eq!(change.cause(), pb::TierCause::ValidityEnded);
    assert_eq!(change.at, Some(moment("2026-01-01T00:00:00Z")));
}

/// A purchase judged: what it was granted, and the version of each grant.
async fn judged(till: &Till, program: &str, wallet: &str, bought: pb::Purchase) -> (i64, Vec<i32>) {
    let recorded = till.record(&Order::new(program, "m-1", bought)).await.unwrap();
    let grants: Vec<_> = recorded.grants.into_iter().filter(|grant| grant.wallet == wallet).collect();
    (granted(&grants, wallet), grants.iter().map(|grant| grant.program_version).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_judged_by_the_version_of_its_moment() {
    let program = file("tests/programs/model.toml");
    let mut house = House::open(&["--program", &program, "--test-clock", "2025-05-01T00:00:00Z"]);
    let source = std::fs::read_to_string(&program).unwrap();
    let till = house.till().await;
    till.enroll("model", "m-1").await.unwrap();
    let second = source.replace("1.5 per 1.00", "3 per 1.00");
    let applied = till.apply(&second, Some("2025-06-01T00:00:00Z")).await.unwrap();
    assert_eq!((applied.version, applied.in_force), (2, false));

    house.kill();
    let mut house = house.with_flags(&["--test-clock", "2025-05-01T00:00:00Z"]);
    house.start();
    let till = house.till().await;
    till.advance_clock("2025-06-02T00:00:00Z").await.unwrap();
    let before = purchase("sale", "before", 1_000, "2025-05-31T23:59:59.999999Z");
    let after = purchase("sale", "after", 1_000, "2025-06-01T00:00:00Z");
    assert_eq!(judged(&till, "model", "points", after).await, (300, vec![2]));
    assert_eq!(
        judged(&till, "model", "points", before).await,
        (150, vec![1]),
        "late, and judged as it would have been"
    );
}

/// A Basic Economy flight of $100 on 1 July, on a ticket of some other day.
fn basic_economy(receipt: &str, ticketed_at: &str) -> pb::Purchase {
    let mut flight = purchase("flight", receipt, 10_000, "2025-07-01T12:00:00Z");
    flight.lines[0].category = "fare".into();
    let attributes = [("basic_economy", Value::Boolean(true)), ("ticketed_at", Value::Moment(moment(ticketed_at)))];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), pb::AttributeValue { value: Some(value) }));
    flight.attributes = attributes.into();
    flight
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_may_judge_by_the_day_of_the_ticket() {
    let program = file("deploy/programs/aadvantage.toml");
    let house = House::open(&["--program", &program, "--test-clock", "2025-05-01T00:00:00Z"]);
    let till = house.till().await;
    till.enroll("aadvantage", "m-1").await.unwrap();
    let second = std::fs::read_to_string(&program).unwrap().replace("2 per 1.00", "3 per 1.00");
    till.apply(&second, Some("2025-06-01T00:00:00Z")).await.unwrap();
    till.advance_clock("2025-07-02T00:00:00Z").await.unwrap();

    for (receipt, ticketed_at, miles, version) in [
        ("a", "2023-02-15T12:00:00-06:00", 500, 1),
        ("b", "2025-05-31T23:59:59.999999Z", 200, 1),
        ("c", "2025-06-01T00:00:00Z", 300, 2),
    ] {
        let judged = judged(&till, "aadvantage", "miles", basic_economy(receipt, ticketed_at)).await;
        assert_eq!(judged, (miles, vec![version]), "ticketed at {ticketed_at}");
    }
}
