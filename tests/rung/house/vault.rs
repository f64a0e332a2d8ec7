//! Points that move while the server is killed: what was acknowledged is there once, and the books agree with the
//! balances after every start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rung::pb;
use rung::pb::reward_service_client::RewardServiceClient;
use tonic::{Code, Status};

use super::server::{House, file};
use super::till::Till;

const PROGRAM: &str = "points";
const MEMBERS: u32 = 12;

/// One order and the entries it was acknowledged with.
#[derive(Clone, Debug)]
struct Acknowledged {
    order: Order,
    entry_ids: Vec<String>,
}

/// An order that moves points, as it can be sent again.
#[derive(Clone, Debug)]
enum Order {
    Adjust(pb::AdjustPointsRequest),
    Hold(pb::HoldPointsRequest),
    Capture(pb::CaptureHoldRequest),
    Release(pb::ReleaseHoldRequest),
    Transfer(pb::TransferPointsRequest),
    Redeem(pb::RedeemRewardRequest),
    Buy(pb::RecordPurchaseRequest),
    Return(pb::ReturnPurchaseRequest),
}

impl Order {
    /// Sends it; whether it was done now, and its entries.
    async fn send(self, till: &Till) -> Result<(pb::Outcome, Vec<String>), Status> {
        let mut points = till.points();
        macro_rules! sent {
            ($call:expr) => {{
                let answer = $call.await?.into_inner();
                (answer.outcome(), answer.entry_ids)
            }};
        }
        Ok(match self {
            Self::Adjust(request) => sent!(points.adjust_points(request)),
            Self::Hold(request) => sent!(points.hold_points(request)),
            Self::Capture(request) => sent!(points.capture_hold(request)),
            Self::Release(request) => sent!(points.release_hold(request)),
            Self::Transfer(request) => sent!(points.transfer_points(request)),
            Self::Redeem(request) => sent!(RewardServiceClient::new(till.channel()).redeem_reward(request)),
            Self::Buy(request) => sent!(points.record_purchase(request)),
            Self::Return(request) => sent!(points.return_purchase(request)),
        })
    }
}

fn member(number: u32) -> String {
    format!("v-{}", number % MEMBERS)
}

/// The orders of one customer's visit: she buys, sets points aside, spends or lets go, sends some on, brings some back.
fn visit(number: u32) -> Vec<Order> {
    let (program, member_id) = (PROGRAM.to_owned(), member(number));
    let key = |name: &str| format!("{name}-{number}");
    let receipt = |source: &str| Some(pb::Receipt { source: source.into(), id: number.to_string() });
    let amount = Some(pb::Money { currency_code: "USD".into(), minor_units: 30_000 });
    let line = pb::PurchaseLine {
        line_id: "1".into(),
        category: "food".into(),
        quantity: "3".into(),
        amount,
        ..Default::default()
    };
    let purchase = pb::Purchase {
        receipt: receipt("till"),
        kind: "sale".into(),
        occurred_at: Some(prost_types::Timestamp { seconds: 1_777_910_400, nanos: 0 }),
        lines: vec![line],
        ..Default::default()
    };
    let what = Some(pb::return_line::What::Quantity("1".into()));
    let back = pb::ReturnLine { line_id: "1".into(), what };
    vec![
        Order::Buy(pb::RecordPurchaseRequest {
            program: program.clone(),
            member_id: member_id.clone(),
            purchase: Some(purchase),
            ..Default::default()
        }),
        Order::Hold(pb::HoldPointsRequest {
            program: program.clone(),
            member_id: member_id.clone(),
            wallet: "points".into(),
            amount: 40,
            ttl: Some(prost_types::Duration { seconds: 900, nanos: 0 }),
            request_id: key("hold"),
            ..Default::default()
        }),
        Order::Adjust(pb::AdjustPointsRequest {
            program: program.clone(),
            member_id: member_id.clone(),
            wallet: "coins".into(),
            points: 7,
            reason: "test".into(),
            actor: "desk".into(),
            request_id: key("adjust"),
            ..Default::default()
        }),
        Order::Transfer(pb::TransferPointsRequest {
            program: program.clone(),
            member_id: member_id.clone(),
            to_member_id: member(number + 1),
            wallet: "points".into(),
            points: 25,
            request_id: key("send"),
            ..Default::default()
        }),
        Order::Redeem(pb::RedeemRewardRequest {
            program: program.clone(),
            member_id,
            reward: "mug".into(),
            request_id: key("mug"),
            ..Default::default()
        }),
        Order::Return(pb::ReturnPurchaseRequest {
            program,
            receipt: receipt("till"),
            return_receipt: receipt("back"),
            lines: vec![back],
            ..Default::default()
        }),
    ]
}

/// Visits the server until it goes away; what was acknowledged.
async fn shop(till: Till, numbers: Arc<AtomicU32>) -> Vec<Acknowledged> {
    let mut acknowledged = Vec::new();
    loop {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        for order in visit(number) {
            match order.clone().send(&till).await {
                Ok((_, entry_ids)) => {
                    let hold = entry_ids[0].clone();
                    let is_hold = matches!(order, Order::Hold(_));
                    acknowledged.push(Acknowledged { order, entry_ids });
                    if is_hold && !finish_hold(&till, number, hold, &mut acknowledged).await {
                        return acknowledged;
                    }
                }
                Err(status) if is_gone(&status) => return acknowledged,
                // The mugs are few and the limit is one.
                Err(status) => {
                    assert!(matches!(order, Order::Redeem(_)), "{order:?}: {status:?}");
                    assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
                }
            }
        }
    }
}

/// Captures or releases a hold; false if the server went away.
async fn finish_hold(till: &Till, number: u32, hold: String, acknowledged: &mut Vec<Acknowledged>) -> bool {
    let program = PROGRAM.to_owned();
    let order = match number % 3 {
        0 => Order::Release(pb::ReleaseHoldRequest {
            program,
            hold_id: hold,
            request_id: format!("release-{number}"),
            ..Default::default()
        }),
        1 => Order::Capture(pb::CaptureHoldRequest { program, hold_id: hold, amount: 15, ..Default::default() }),
        _ => return true,
    };
    match order.clone().send(till).await {
        Ok((_, entry_ids)) => {
            acknowledged.push(Acknowledged { order, entry_ids });
            true
        }
        Err(status) => {
            assert!(is_gone(&status), "{status:?}");
            false
        }
    }
}

fn is_gone(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal)
}

/// issued + adjusted - redeemed - expired - returned = what members hold - what they owe.
async fn books_agree(till: &Till) {
    let request = pb::GetLiabilityRequest { program: PROGRAM.into(), wallet: String::new() };
    let rows = till.admin().get_liability(request).await.unwrap().into_inner().rows;
    let mut outstanding: BTreeMap<String, i64> = BTreeMap::new();
    for row in rows {
        assert_eq!(row.outstanding, row.issued + row.adjusted - row.redeemed - row.expired - row.returned);
        *outstanding.entry(row.wallet).or_default() += row.outstanding;
    }
    let mut balances: BTreeMap<String, i64> = BTreeMap::new();
    for balance in till.all_members(PROGRAM).await.iter().flat_map(|member| &member.balances) {
        // Points is below zero by its debt; of the others the debt stands apart, and none has any here.
        let has = balance.available + balance.pending + balance.held;
        *balances.entry(balance.wallet.clone()).or_default() += has;
    }
    outstanding.retain(|_, points| *points != 0);
    balances.retain(|_, points| *points != 0);
    assert_eq!(outstanding, balances);
}

#[tokio::test(flavor = "multi_thread")]
async fn points_that_move_survive_kill_9() {
    let clock = "2026-05-04T16:00:00Z";
    let mut house = House::open(&["--program", &file("tests/programs/points.toml"), "--test-clock", clock]);
    let till = house.till().await;
    for number in 0..MEMBERS {
        till.enroll(PROGRAM, &member(number)).await.unwrap();
    }
    let numbers = Arc::new(AtomicU32::new(0));
    let mut everything: Vec<Acknowledged> = Vec::new();
    for round in 0..8 {
        let mut customers = Vec::new();
        for _ in 0..6 {
            customers.push(tokio::spawn(shop(house.till().await, Arc::clone(&numbers))));
        }
        tokio::time::sleep(Duration::from_millis(60 + 37 * round)).await;
        house.restart();
        for customer in customers {
            everything.extend(customer.await.unwrap());
        }
        books_agree(&house.till().await).await;
    }
    assert!(everything.len() > 200, "only {} orders were acknowledged", everything.len());
    let till = house.till().await;
    for Acknowledged { order, entry_ids } in everything {
        let told = format!("{order:?}");
        let (outcome, again) = order.send(&till).await.unwrap_or_else(|status| panic!("{told}: {status:?}"));
        assert_eq!((outcome, again.first()), (pb::Outcome::Replayed, entry_ids.first()), "{told}");
    }
    books_agree(&till).await;
}
