use std::collections::HashMap;

use tonic::{Request, Status};
use tonic_types::StatusExt;

use super::members::Members;
use super::points::Points;
use super::rewards::Rewards;
use super::wire::receipt::tests::engine;
use crate::domain::calendar::parse_rfc3339;
use crate::domain::units::Text;
use crate::engine::{ApplyProgram, Engine};
use crate::pb;
use pb::member_service_server::MemberService;
use pb::points_service_server::PointsService;
use pb::reward_service_server::RewardService;

const PERKS: &str = r#"
id = "perks"
name = "Perks"
zone = "Etc/UTC"
currency = "USD"

[wallets.points]
name = "Points"
[wallets.miles]
name = "Miles"
pending = "14d"
[wallets.nights]
name = "Nights"
pending = "until_confirmed"
[wallets.cents]
name = "Cents"
conversion = { step = 100, reward = "voucher", on = ["02-15"] }
[meters.spend]
name = "Spend"
window = "lifetime"

[[earning]]
rule = "miles"
basis = "amount"
rate = "1 per 1.00"
rounding = "floor"
wallet = "miles"
meters = ["spend"]
[[earning]]
rule = "nights"
basis = "amount"
rate = "1 per 1.00"
rounding = "floor"
wallet = "nights"

[ladder]
[[ladder.tier]]
id = "gold"
qualify = "spend >= 100000"
validity = { span = "12mo" }
[[ladder.tier]]
id = "black"
qualify = "spend >= 200000"
validity = { span = "12mo" }

[[club]]
id = "readers"
door = "open"
[[club]]
id = "writers"
door = "open"

[[reward]]
id = "mug"
name = "A mug, twice in seven days"
wallet = "points"
price = 10
limit = { times = 2, window = { rolling_days = 7 } }
[[reward]]
id = "pen"
name = "A pen, once a year"
wallet = "points"
price = 10
limit = { times = 1, window = { calendar_year = "03-01" } }
[[reward]]
id = "ring"
name = "A ring, once"
wallet = "points"
price = 10
limit = { times = 1, window = "lifetime" }
[[reward]]
id = "lounge"
name = "A day in the lounge"
wallet = "points"
price = 10
tiers = ["gold", "black"]
[[reward]]
id = "book"
name = "A book"
wallet = "points"
price = 10
clubs = ["readers", "writers"]
[[reward]]
id = "summer"
name = "A summer"
wallet = "points"
price = 10
from = 2026-06-21
until = 2026-09-01
[[reward]]
id = "flight"
name = "A flight"
wallet = "miles"
price = 50
[[reward]]
id = "stay"
name = "A stay"
wallet = "nights"
price = 50
[[reward]]
id = "voucher"
name = "A voucher"
wallet = "cents"
voucher = { valid = "24mo" }
"#;

struct Desk {
    engine: Engine,
    members: Members,
    points: Points,
    rewards: Rewards,
}

/// Ann with 100 points, at 2026-05-28T20:26:40Z.
async fn desk() -> Desk {
    let engine = engine().await;
    let (effective_at, request_id) = (None, Text::default());
    let apply = ApplyProgram { source: PERKS.into(), effective_at, expected_version: 0, request_id, dry_run: false };
    engine.apply_program(apply).await.unwrap();
    let desk = Desk {
        members: Members::new(engine.clone()),
        points: Points::new(engine.clone(), tokio_util::sync::CancellationToken::new()),
        rewards: Rewards::new(engine.clone()),
        engine,
    };
    let enroll = pb::EnrollMemberRequest {
        program: "perks".into(),
        member_id: "ann".into(),
        request_id: "e".into(),
        ..Default::default()
    };
    desk.members.enroll_member(Request::new(enroll)).await.unwrap();
    desk.adjust(100).await.unwrap();
    desk
}

/// The reason of a "no" and what explains it, the remedy aside; then the remedy.
fn told(no: Result<(), Status>) -> (String, String) {
    let info = no.unwrap_err().get_details_error_info().unwrap();
    let mut metadata: HashMap<String, String> = info.metadata;
    let remedy = metadata.remove("remedy").unwrap_or_default();
    let mut numbers: Vec<String> = metadata.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    numbers.sort();
    (format!("{} {}", info.reason, numbers.join(" ")).trim_end().to_owned(), remedy)
}

impl Desk {
    async fn adjust(&self, points: i64) -> Result<(), Status> {
        let adjust = pb::AdjustPointsRequest {
            program: "perks".into(),
            member_id: "ann".into(),
            wallet: "points".into(),
            points,
            reason: "goodwill".into(),
            actor: "desk-7".into(),
            request_id: format!("a{points}"),
            ..Default::default()
        };
        self.points.adjust_points(Request::new(adjust)).await.map(drop)
    }

    /// Asks before the fact.
    async fn may(&self, reward: &str, quantity: i32) -> Result<(), Status> {
        self.ask(reward, quantity, "", true).await
    }

    async fn redeem(&self, reward: &str, key: &str) {
        self.ask(reward, 1, key, false).await.unwrap();
    }

    async fn ask(&self, reward: &str, quantity: i32, key: &str, dry_run: bool) -> Result<(), Status> {
        let redeem = pb::RedeemRewardRequest {
            program: "perks".into(),
            member_id: "ann".into(),
            reward: reward.into(),
            quantity,
            request_id: format!("{reward}-{key}"),
            dry_run,
            ..Default::default()
        };
        self.rewards.redeem_reward(Request::new(redeem)).await.map(drop)
    }

    fn clock(&self, to: &str) {
        self.engine.advance_clock(parse_rfc3339(to).unwrap()).unwrap();
    }

    async fn buy(&self, dollars: i64) {
        use super::wire::codec::Asking;
        let money = Some(pb::Money { currency_code: "USD".into(), minor_units: dollars * 100 });
        let line = pb::PurchaseLine { line_id: "1".into(), amount: money, ..Default::default() };
        let purchase = pb::Purchase {
            receipt: Some(pb::Receipt { source: "till".into(), id: dollars.to_string() }),
            kind: "sale".into(),
            occurred_at: Some(prost_types::Timestamp { seconds: 1_780_000_000, nanos: 0 }),
            lines: vec![line],
            ..Default::default()
        };
        let request = pb::RecordPurchaseRequest {
            program: "perks".into(),
            member_id: "ann".into(),
            purchase: Some(purchase),
            ..Default::default()
        };
        self.points.record(Request::new(Asking::Message(Box::new(request)))).await.unwrap();
    }
}

#[tokio::test]
async fn who_a_reward_is_for_and_when_is_in_the_no() {
    let desk = desk().await;
    let (no, remedy) = told(desk.may("lounge", 1).await);
    assert_eq!((&*no, &*remedy), ("TIER_REQUIRED tiers=gold,black", "reach one of the reward's tiers"));
    let (no, remedy) = told(desk.may("book", 1).await);
    assert_eq!((&*no, &*remedy), ("NOT_MEMBER clubs=readers,writers", "join one of the reward's clubs"));
    let (no, remedy) = told(desk.may("summer", 1).await);
    assert_eq!(no, "REWARD_NOT_OFFERED opens_at=2026-06-21T00:00:00Z");
    assert!(remedy.starts_with("ask again when"), "{remedy}");
    desk.clock("2026-09-01T00:00:00Z");
    let (no, remedy) = told(desk.may("summer", 1).await);
    let closed = ("REWARD_NOT_OFFERED closed_at=2026-09-01T00:00:00Z", "change the reward's dates in the program");
    assert_eq!((&*no, &*remedy), closed);
    let (no, remedy) = told(desk.may("voucher", 1).await);
    assert_eq!(no, "REWARD_NOT_OFFERED");
    assert!(remedy.starts_with("give the reward a price"), "{remedy}");
}

#[tokio::test]
async fn a_limit_says_when_it_opens_again() {
    let desk = desk().await;
    desk.redeem("pen", "1").await;
    desk.redeem("ring", "1").await;
    desk.redeem("mug", "1").await;
    desk.clock("2026-05-30T10:00:00Z");
    desk.redeem("mug", "2").await;
    let (no, remedy) = told(desk.may("mug", 1).await);
    assert_eq!(no, "REWARD_LIMIT asked=1 left=0 opens_at=2026-06-04T00:00:00Z", "the one of 28 May is gone");
    assert!(remedy.starts_with("wait for the next window"), "{remedy}");
    assert_eq!(told(desk.may("mug", 2).await).0, "REWARD_LIMIT asked=2 left=0 opens_at=2026-06-06T00:00:00Z");
    let (no, remedy) = told(desk.may("mug", 3).await);
    assert_eq!(no, "REWARD_LIMIT asked=3 left=0", "three are never to be had");
    assert!(remedy.starts_with("ask for no more"), "{remedy}");
    assert_eq!(told(desk.may("pen", 1).await).0, "REWARD_LIMIT asked=1 left=0 opens_at=2027-03-01T00:00:00Z");
    assert_eq!(told(desk.may("ring", 1).await).0, "REWARD_LIMIT asked=1 left=0");
    desk.clock("2026-06-03T23:59:59Z");
    assert!(desk.may("mug", 1).await.is_err());
    desk.clock("2026-06-04T00:00:00Z");
    desk.may("mug", 1).await.unwrap();
    desk.clock("2026-06-06T00:00:00Z");
    desk.may("mug", 2).await.unwrap();
}

#[tokio::test]
async fn points_that_are_there_and_cannot_be_spent_are_no_reason_to_earn_more() {
    let desk = desk().await;
    desk.buy(60).await;
    let (no, remedy) = told(desk.may("flight", 1).await);
    let wanted = "INSUFFICIENT_POINTS asked=50 available=0 matures_at=2026-06-11T00:00:00Z missing=50 pending=60";
    assert_eq!(no, wanted);
    assert!(remedy.starts_with("wait until enough points have matured"), "{remedy}");
    let (no, remedy) = told(desk.may("flight", 2).await);
    assert_eq!(no, "INSUFFICIENT_POINTS asked=100 available=0 missing=100 pending=60");
    assert!(remedy.starts_with("earn the points"), "{remedy}");
    let (no, remedy) = told(desk.may("stay", 1).await);
    assert_eq!(no, "INSUFFICIENT_POINTS asked=50 available=0 missing=50 pending=60");
    assert!(remedy.starts_with("confirm purchases"), "{remedy}");
    let hold = pb::HoldPointsRequest {
        program: "perks".into(),
        member_id: "ann".into(),
        wallet: "points".into(),
        amount: 95,
        ttl: Some(prost_types::Duration { seconds: 900, nanos: 0 }),
        request_id: "h".into(),
        ..Default::default()
    };
    desk.points.hold_points(Request::new(hold)).await.unwrap();
    let (no, remedy) = told(desk.may("pen", 1).await);
    assert_eq!(no, "INSUFFICIENT_POINTS asked=10 available=5 held=95 missing=5");
    assert!(remedy.starts_with("release a hold"), "{remedy}");
    desk.clock("2026-06-11T00:00:00Z");
    desk.may("flight", 1).await.unwrap();
}
