//! Points that move while the server is killed: what was acknowledged is there once, and the books agree with the
//! balances after every start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rung::pb;
use rung::pb::fact::Fact;
use rung::pb::reward_service_client::RewardServiceClient;
use tokio::task::JoinHandle;

use super::server::House;
use super::till::Till;
use super::visit::{Acknowledged, MEMBERS, Order, PROGRAM, Visit, imported, member};

/// Few enough to run out while some are brought back.
const MUGS: i64 = 40;

/// The program with a few mugs more, of which one may have many.
fn program() -> String {
    let source = include_str!("../../programs/points.toml");
    let more = source.replace("stock = 2\nlimit = { times = 1,", &format!("stock = {MUGS}\nlimit = {{ times = 900,"));
    assert_ne!(source, more);
    more
}

/// Visits the server until it goes away; what was acknowledged.
async fn shop(till: Till, numbers: Arc<AtomicU32>) -> Vec<Acknowledged> {
    let mut acknowledged = Vec::new();
    loop {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        if !(Visit { till: &till, number, acknowledged: &mut acknowledged }).run().await {
            return acknowledged;
        }
    }
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

/// What the journal says was done, each as often as it says so.
#[derive(Default)]
struct Done {
    entries: BTreeSet<String>,
    marks: BTreeMap<String, u32>,
    redeemed: i64,
    cancelled: i64,
}

impl Done {
    fn of(journal: &[pb::StreamEventsResponse]) -> Self {
        let mut done = Self::default();
        for event in journal {
            done.entries.insert(event.entry_id.clone());
            let fact = event.fact.as_ref().unwrap().fact.as_ref().unwrap();
            match fact {
                Fact::RewardRedeemed(redeemed) => done.redeemed += i64::from(redeemed.quantity),
                Fact::RedemptionCancelled(_) => done.cancelled += 1,
                _ => {}
            }
            if let Some(mark) = mark(event, fact) {
                *done.marks.entry(mark).or_default() += 1;
            }
        }
        done
    }
}

/// What a fact is of, in the words of [`Order::mark`].
fn mark(event: &pb::StreamEventsResponse, fact: &Fact) -> Option<String> {
    let id = |receipt: &Option<pb::Receipt>| receipt.clone().unwrap_or_default().id;
    Some(match fact {
        Fact::PointsAdjusted(adjusted) => format!("adjusted {}", adjusted.reason),
        Fact::PointsHeld(held) => format!("held {}", held.note),
        Fact::HoldCaptured(captured) => format!("captured {}", captured.hold_id),
        Fact::TransferSent(sent) => format!("sent {}", sent.note),
        Fact::TransferReceived(received) => format!("received {}", received.sent_by_entry_id),
        Fact::RedemptionCancelled(cancelled) => format!("cancelled {}", cancelled.reason),
        Fact::VoucherUsed(used) => format!("used {}", used.note),
        Fact::PurchaseRecorded(recorded) => format!("bought {}", id(&recorded.purchase.clone().unwrap().receipt)),
        Fact::PurchaseReturned(returned) => format!("returned {}", id(&returned.return_receipt)),
        Fact::OpeningStateSet(_) => format!("brought in {}", event.member_id),
        _ => return None,
    })
}

/// Whatever was acknowledged is in the journal, and nothing is there twice; what was sent has arrived, what was bought
/// instead was bought, and as many mugs are gone as were had and not brought back.
async fn all_there_once(till: &Till, everything: &[Acknowledged]) {
    let done = Done::of(&till.journal().await);
    let twice: Vec<_> = done.marks.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    for Acknowledged { order, answer } in everything {
        let mut marks: Vec<String> = order.mark().into_iter().collect();
        match order {
            Order::Transfer(_) => marks.push(format!("received {}", answer.entry_ids[0])),
            Order::Return(request) if request.exchange.is_some() => {
                marks.push(format!("bought {}", request.return_receipt.as_ref().unwrap().id));
            }
            _ => {}
        }
        assert!(marks.iter().all(|mark| done.marks.contains_key(mark)), "{order:?} was acknowledged");
        assert!(answer.entry_ids.iter().all(|entry| done.entries.contains(entry)), "{order:?}: {answer:?}");
    }
    let request = pb::ListRewardsRequest { program: PROGRAM.into(), ..Default::default() };
    let rewards = RewardServiceClient::new(till.channel()).list_rewards(request).await.unwrap().into_inner().rewards;
    let mug = rewards.into_iter().find(|reward| reward.reward == "mug").unwrap();
    assert_eq!(mug.stock_left, Some(MUGS - done.redeemed + done.cancelled));
}

/// Sends everything again: all of it is known, under the entries of the first time.
async fn all_known(till: &Till, everything: Vec<Acknowledged>) {
    for Acknowledged { order, answer } in everything {
        let told = format!("{order:?}");
        let again = order.send(till).await.unwrap_or_else(|status| panic!("{told}: {status:?}"));
        assert_eq!(
            (again.outcome, again.entry_ids.first()),
            (pb::Outcome::Replayed, answer.entry_ids.first()),
            "{told}"
        );
    }
}

/// Who was brought in has what she brought and is not over.
async fn newcomers_have_theirs(till: &Till, everything: &[Acknowledged]) {
    let members = till.all_members(PROGRAM).await;
    let members: BTreeMap<&str, &pb::Member> = members.iter().map(|member| (&*member.member_id, member)).collect();
    for Acknowledged { order, .. } in everything {
        let Order::Import(request) = order else { continue };
        let state = imported(request);
        let has = members[&*state.member_id].balances.iter().find(|balance| balance.wallet == "points").unwrap();
        assert_eq!(has.available, state.lots[0].points, "{state:?}");
    }
}

/// Whether there was enough of everything.
fn enough_of_each(everything: &[Acknowledged]) {
    let count = |is: fn(&Order) -> bool| everything.iter().filter(|noted| is(&noted.order)).count();
    assert!(everything.len() > 200, "only {} orders were acknowledged", everything.len());
    let counts = [
        count(|order| matches!(order, Order::Adjust(_))),
        count(|order| matches!(order, Order::Transfer(_))),
        count(|order| matches!(order, Order::Cancel(_))),
        count(|order| matches!(order, Order::Use(_))),
        count(|order| matches!(order, Order::Return(request) if request.exchange.is_some())),
        count(|order| matches!(order, Order::Import(_))),
    ];
    assert!(counts.iter().all(|count| *count > 3), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn points_that_move_survive_kill_9() {
    let clock = "2026-05-04T16:00:00Z";
    let folder = tempfile::TempDir::new().unwrap();
    let source = folder.path().join("points.toml");
    std::fs::write(&source, program()).unwrap();
    let mut house = House::open(&["--program", source.to_str().unwrap(), "--test-clock", clock]);
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
        let begun = numbers.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(60 + 37 * round)).await;
        // On a busy machine that is too short for anything.
        while numbers.load(Ordering::Relaxed) < begun + 12 && !customers.iter().all(JoinHandle::is_finished) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        house.restart();
        for customer in customers {
            everything.extend(customer.await.unwrap());
        }
        books_agree(&house.till().await).await;
    }
    enough_of_each(&everything);
    let till = house.till().await;
    all_there_once(&till, &everything).await;
    newcomers_have_theirs(&till, &everything).await;
    all_known(&till, everything.clone()).await;
    all_there_once(&till, &everything).await;
    books_agree(&till).await;
}
