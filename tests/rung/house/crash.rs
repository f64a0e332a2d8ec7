//! The server is killed under load, again and again: what was acknowledged is there once, and nothing is half there.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use rung::pb;
use rung::pb::record_purchases_response::Answer;

use super::books::Books;
use super::load::{Acknowledged, Load, Notes, PROGRAM};
use super::server::{House, file};
use super::till::{Order, Till};

/// How often it is killed; `RUNG_ROUNDS` asks for more.
fn rounds() -> u64 {
    std::env::var("RUNG_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20)
}

/// A moment in the life of a server: while members enrol, while the first segment is written, or well into it.
fn some_moment(round: u64) -> Duration {
    Duration::from_millis(20 + RandomState::new().hash_one(round) % 350)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9() {
    let mut house = House::open(&["--program", &file("tests/programs/model.toml")]);
    let (mut everything, mut follower) = (Vec::new(), Follower::default());
    for round in 0..rounds() {
        let following = tokio::spawn(follower.follow(house.till().await));
        let load = Load::on(&house, &format!("k{round}")).await;
        tokio::time::sleep(some_moment(round)).await;
        house.restart();
        let notes = load.end().await;
        let till = house.till().await;
        hold_against_the_journal(&till, &notes).await;
        replay(&till, &notes.acknowledged()).await;
        everything.extend(notes.acknowledged());
        follower = following.await.unwrap();
    }
    eprintln!("{} orders were acknowledged in {} rounds", everything.len(), rounds());
    assert!(everything.len() > 100, "the load was no load");
    let till = house.till().await;
    replay(&till, &everything).await;
    let followed = follower.events;
    assert!(followed.len() > 100, "the follower saw nothing");
    assert_eq!(till.journal().await[..followed.len()], followed, "what was told live is the journal, without a gap");
}

/// Follows the journal through every life of the server, from where the life before left it.
#[derive(Default)]
struct Follower {
    events: Vec<pb::StreamEventsResponse>,
}

impl Follower {
    /// Follows until the server goes away.
    async fn follow(mut self, till: Till) -> Self {
        let after = self.events.last().map(|event| event.cursor.clone()).unwrap_or_default();
        // The kill may come before the answer does.
        let Ok(mut stream) = till.follow(&after).await else { return self };
        while let Ok(Some(event)) = stream.message().await {
            self.events.push(event);
        }
        self
    }
}

/// The journal is whole, agrees with every member, and holds every acknowledged order under the entry it was given.
pub async fn hold_against_the_journal(till: &Till, notes: &Notes) -> Books {
    let journal = till.journal().await;
    let books = Books::fold(&journal);
    books.agree(&till.all_members(PROGRAM).await);
    for Acknowledged { order, entry_ids, .. } in notes.acknowledged() {
        let kept = books.receipts.get(order.receipt());
        let expected = Some((entry_ids[0].clone(), order.member.clone()));
        assert_eq!(kept, expected.as_ref(), "{} was acknowledged", order.receipt());
    }
    for (member, _) in notes.members() {
        assert!(books.members.contains_key(&member), "the enrolment of {member} was acknowledged");
    }
    let sent = notes.sent();
    for (receipt, (_, member)) in &books.receipts {
        if let Some(order) = sent.get(receipt) {
            assert_eq!(member, &order.member, "{receipt} is hers who bought");
        }
    }
    books
}

/// Sends what was acknowledged again: every order is known, with the entries and grants of the first time.
pub async fn replay(till: &Till, acknowledged: &[Acknowledged]) {
    let orders: Vec<Order> = acknowledged.iter().map(|noted| noted.order.clone()).collect();
    let (answers, end) = till.stream(&orders).await;
    assert!(end.is_none(), "{end:?}");
    assert_eq!(answers.len(), orders.len());
    for (answer, first) in answers.into_iter().zip(acknowledged) {
        let Answer::Result(again) = answer else { panic!("{answer:?} to {first:?}") };
        assert_eq!(again.outcome(), pb::Outcome::Replayed, "{first:?}");
        assert_eq!((&again.entry_ids, &again.grants), (&first.entry_ids, &first.grants));
    }
}
