//! Exactly once: copies at the same moment, copies of other members, copies after a suspension, whole queues again.

use std::sync::Arc;

use rung::pb;
use rung::pb::record_purchases_response::Answer;
use tokio::sync::Barrier;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::server::{House, file};
use super::till::{Order, Till, granted, purchase, reason, refusal, wall_clock};

const COPIES: usize = 10;
const CONNECTIONS: usize = 5;
/// Simultaneity is a matter of luck: so many receipts get their chance.
const RECEIPTS: usize = 20;

type Recorded = Result<pb::RecordPurchaseResponse, Status>;

fn open() -> House {
    House::open(&["--program", &file("tests/programs/model.toml")])
}

/// A sale of this moment.
fn sale(member: &str, receipt: &str, cents: i64) -> Order {
    Order::new("model", member, purchase("sale", receipt, cents, &wall_clock()))
}

async fn tills(house: &House) -> Vec<Till> {
    let mut tills = Vec::new();
    for _ in 0..CONNECTIONS {
        tills.push(house.till().await);
    }
    tills
}

/// Sends every order at the same moment, over several connections.
async fn at_once(tills: &[Till], orders: Vec<Order>) -> Vec<Recorded> {
    let gate = Arc::new(Barrier::new(orders.len()));
    let calls = orders.into_iter().zip(tills.iter().cycle()).map(|(order, till)| {
        let (till, gate) = (till.clone(), Arc::clone(&gate));
        tokio::spawn(async move {
            gate.wait().await;
            till.record(&order).await
        })
    });
    let mut answers = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        answers.push(call.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_copies_at_once_are_one_purchase() {
    let house = open();
    let tills = tills(&house).await;
    tills[0].enroll("model", "m-1").await.unwrap();
    for number in 0..RECEIPTS {
        let order = sale("m-1", &format!("r-{number}"), 1_000);
        let answers: Vec<_> = at_once(&tills, vec![order; COPIES]).await.into_iter().map(Result::unwrap).collect();
        let applied = answers.iter().filter(|answer| answer.outcome() == pb::Outcome::Applied).count();
        let replayed = answers.iter().filter(|answer| answer.outcome() == pb::Outcome::Replayed).count();
        assert_eq!((applied, replayed), (1, COPIES - 1));
        assert_eq!(answers[0].entry_ids.len(), 1);
        for answer in &answers {
            assert_eq!((&answer.entry_ids, &answer.grants), (&answers[0].entry_ids, &answers[0].grants));
        }
    }
    let member = tills[0].member("model", "m-1").await;
    assert_eq!(member.entry_count, 1 + RECEIPTS as i64);
    assert_eq!(member.meters[0].value, RECEIPTS as i64 * 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_sent_for_ten_members_belongs_to_one() {
    let house = open();
    let tills = tills(&house).await;
    let members: Vec<String> = (0..COPIES).map(|number| format!("m-{number}")).collect();
    for member in &members {
        tills[0].enroll("model", member).await.unwrap();
    }
    for number in 0..RECEIPTS {
        let order = sale("", &format!("r-{number}"), 1_000);
        let orders = members.iter().map(|member| Order { member: member.clone(), ..order.clone() }).collect();
        let (kept, refused): (Vec<_>, Vec<_>) = at_once(&tills, orders).await.into_iter().partition(Result::is_ok);
        assert_eq!((kept.len(), refused.len()), (1, COPIES - 1));
        for answer in refused {
            assert_eq!(refusal(answer), (Code::AlreadyExists, "RECEIPT_CLAIMED".into()));
        }
    }
    let listed = tills[0].all_members("model").await;
    assert_eq!(listed.iter().map(|member| member.meters[0].value).sum::<i64>(), RECEIPTS as i64 * 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_members_purchases_are_still_replayed() {
    let house = open();
    let till = house.till().await;
    till.enroll("model", "m-1").await.unwrap();
    let order = sale("m-1", "r-1", 60_000);
    let first = till.record(&order).await.unwrap();
    assert_eq!(first.tier_change.as_ref().unwrap().to, "silver");
    till.suspend("model", "m-1").await.unwrap();

    let again = till.record(&order).await.unwrap();
    assert_eq!(again.outcome(), pb::Outcome::Replayed);
    assert_eq!(
        (&again.entry_ids, &again.grants, &again.tier_change),
        (&first.entry_ids, &first.grants, &first.tier_change)
    );
    assert_eq!(again.member.unwrap().state(), pb::MemberState::Suspended, "the member is shown as she is today");
    let fresh = till.record(&sale("m-1", "r-2", 100)).await;
    assert_eq!(refusal(fresh), (Code::FailedPrecondition, "MEMBER_SUSPENDED".into()));
    let other = till.record(&sale("m-1", "r-1", 60_001)).await;
    assert_eq!(refusal(other), (Code::AlreadyExists, "KEY_REUSED".into()));
}

/// An enrolment that leaves the member's id to the server.
fn newcomer(request_id: &str) -> pb::EnrollMemberRequest {
    pb::EnrollMemberRequest { program: "model".into(), request_id: request_id.into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_copies_of_an_enrolment_that_leaves_the_id_to_us_are_one_member() {
    let house = open();
    let tills = tills(&house).await;
    for number in 0..RECEIPTS {
        let gate = Arc::new(Barrier::new(COPIES));
        let calls = tills.iter().cycle().take(COPIES).map(|till| {
            let (till, gate) = (till.clone(), Arc::clone(&gate));
            tokio::spawn(async move {
                gate.wait().await;
                till.members().enroll_member(newcomer(&format!("n-{number}"))).await.unwrap().into_inner()
            })
        });
        let mut answers = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            answers.push(call.await.unwrap());
        }
        answers.push(tills[0].members().enroll_member(newcomer(&format!("n-{number}"))).await.unwrap().into_inner());
        let applied = answers.iter().filter(|answer| answer.outcome() == pb::Outcome::Applied).count();
        assert_eq!(applied, 1);
        for answer in &answers {
            assert_eq!((&answer.entry_ids, &answer.member), (&answers[0].entry_ids, &answers[0].member));
        }
    }
    assert_eq!(tills[0].all_members("model").await.len(), RECEIPTS);
    let other = pb::EnrollMemberRequest { member_id: "m-1".into(), ..newcomer("n-0") };
    assert_eq!(refusal(tills[0].members().enroll_member(other).await), (Code::AlreadyExists, "KEY_REUSED".into()));
}

/// The results of a stream that must answer every item.
async fn streamed(till: &Till, queue: &[Order]) -> Vec<pb::RecordPurchaseResponse> {
    let (answers, end) = till.stream(queue).await;
    assert!(end.is_none(), "{end:?}");
    let results = answers.into_iter().map(|answer| match answer {
        Answer::Result(result) => result,
        Answer::Error(status) => panic!("{status:?}"),
    });
    results.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offline_queue_can_be_sent_again_as_a_whole() {
    let house = open();
    let till = house.till().await;
    let members: Vec<String> = (0..7).map(|number| format!("m-{number}")).collect();
    for member in &members {
        till.enroll("model", member).await.unwrap();
    }
    let whose = members.iter().cycle();
    let queue: Vec<Order> =
        whose.zip(0..300).map(|(member, number)| sale(member, &format!("r-{number}"), 100 * number)).collect();
    for order in &queue[..50] {
        till.record(order).await.unwrap();
    }

    let first = streamed(&till, &queue).await;
    let outcomes: Vec<_> = first.iter().map(pb::RecordPurchaseResponse::outcome).collect();
    assert!(outcomes[..50].iter().all(|outcome| *outcome == pb::Outcome::Replayed));
    assert!(outcomes[50..].iter().all(|outcome| *outcome == pb::Outcome::Applied));
    let before = till.all_members("model").await;

    let second = streamed(&till, &queue).await;
    for (again, first) in second.iter().zip(&first) {
        assert_eq!(again.outcome(), pb::Outcome::Replayed);
        assert_eq!((&again.entry_ids, &again.grants), (&first.entry_ids, &first.grants));
    }
    assert_eq!(till.all_members("model").await, before);
    let points: i64 = first.iter().map(|result| granted(&result.grants, "points")).sum();
    assert_eq!(before.iter().map(|member| member.balances[0].available).sum::<i64>(), points);
}

/// The field that a refusal of a used key names.
fn differing<T: std::fmt::Debug>(answer: Result<T, Status>) -> String {
    let status = answer.expect_err("a refusal");
    assert_eq!((status.code(), reason(&status)), (Code::AlreadyExists, "KEY_REUSED".into()));
    status.get_details_error_info().unwrap().metadata["field"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_key_names_a_field_that_the_request_has() {
    let house = open();
    let till = house.till().await;
    till.enroll("model", "m-1").await.unwrap();
    let (program, member_id) = (String::from("model"), String::from("m-1"));
    for note in ["first", "second"] {
        let (program, member_id, note) = (program.clone(), member_id.clone(), note.to_owned());
        let request_id = "suspend".to_owned();
        let request = pb::SuspendMemberRequest { program, member_id, note, request_id, ..Default::default() };
        let answer = till.members().suspend_member(request.clone()).await;
        match &*request.note {
            "first" => assert_eq!(answer.unwrap().into_inner().outcome(), pb::Outcome::Applied),
            _ => assert_eq!(differing(answer), "note"),
        }
    }
    let request_id = "suspend".to_owned();
    let other = pb::ReinstateMemberRequest { program, member_id, request_id, ..Default::default() };
    assert_eq!(differing(till.members().reinstate_member(other).await), "verb");
}
