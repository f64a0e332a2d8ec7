//! SIGTERM under load: the server finishes what it took, tells everybody that it goes, and waits for nobody who is mute.

use std::time::Duration;

use rung::pb;
use tokio::net::TcpStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::crash::{hold_against_the_journal, replay};
use super::load::{Load, Notes};
use super::server::{House, file};
use super::till::{Till, reason};

/// Well below what a drain may take: nobody had to be cut off.
const SOON: Duration = Duration::from_secs(5);
const ROUNDS: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_under_load_keeps_every_promise() {
    let mut house = House::open(&["--program", &file("tests/programs/model.toml")]);
    for round in 0..ROUNDS {
        let load = Load::on(&house, &format!("d{round}")).await;
        let held = Held::on(&house).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (status, took) = tokio::task::block_in_place(|| house.terminate());
        assert_eq!(status.code(), Some(0), "{}", house.log());
        assert!(took < SOON, "it took {took:?}");
        held.was_let_go().await;

        let notes = load.end().await;
        house.start();
        let till = house.till().await;
        nothing_is_left_to_do(&till).await;
        every_order_was_answered_or_never_happened(&till, &notes).await;
        replay(&till, &notes.acknowledged()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_who_say_nothing_hold_nobody_beyond_the_drain() {
    let mut house = House::open(&["--drain-seconds", "1"]);
    let calling = TcpStream::connect(house.address()).await.unwrap();
    let scraping = TcpStream::connect(house.operations()).await.unwrap();
    let (status, took) = tokio::task::block_in_place(|| house.terminate());
    assert_eq!(status.code(), Some(0), "{}", house.log());
    assert!(took < SOON, "it took {took:?}");
    drop((calling, scraping));
    house.start();
    nothing_is_left_to_do(&house.till().await).await;
}

/// Calls that would never end by themselves.
struct Held {
    followed: tonic::Streaming<pb::StreamEventsResponse>,
    watched: tonic::Streaming<HealthCheckResponse>,
    streamed: tonic::Streaming<pb::RecordPurchasesResponse>,
    _items: tokio::sync::mpsc::Sender<pb::RecordPurchasesRequest>,
}

impl Held {
    async fn on(house: &House) -> Self {
        let till = house.till().await;
        let (items, sent) = tokio::sync::mpsc::channel(1);
        let mut health = HealthClient::new(till.channel());
        let mut watched = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        Self {
            followed: till.follow("").await.unwrap(),
            watched,
            streamed: till.points().record_purchases(ReceiverStream::new(sent)).await.unwrap().into_inner(),
            _items: items,
        }
    }

    /// Every call was ended by the server, with the reason where there is a place for one.
    async fn was_let_go(mut self) {
        let told = loop {
            match self.followed.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the event stream ended without a word"),
                Err(status) => break status,
            }
        };
        assert_eq!((told.code(), &*reason(&told)), (Code::Unavailable, "DRAINING"));
        let told = self.streamed.message().await.unwrap_err();
        assert_eq!((told.code(), &*reason(&told)), (Code::Unavailable, "DRAINING"));
        let told = self.watched.message().await.unwrap().expect("a last word");
        assert_eq!(told.status(), ServingStatus::NotServing);
        assert!(self.watched.message().await.unwrap().is_none());
    }
}

/// The opening found everything in order and the snapshots up to date.
async fn nothing_is_left_to_do(till: &Till) {
    let store = till.status().await.store.unwrap();
    assert_eq!(store.repairs, Vec::<String>::new());
    assert_eq!((store.checkpoint_entry_id, store.dirty_members), (store.head_entry_id, 0));
}

/// A drain is no crash: an order without a "yes" left no trace.
async fn every_order_was_answered_or_never_happened(till: &Till, notes: &Notes) {
    let books = hold_against_the_journal(till, notes).await;
    let mut unanswered = notes.sent();
    for noted in notes.acknowledged() {
        unanswered.remove(noted.order.receipt());
    }
    let kept: Vec<&String> = unanswered.keys().filter(|receipt| books.receipts.contains_key(*receipt)).collect();
    assert!(kept.is_empty(), "kept without an answer: {kept:?}; {:?}", notes.faults());
}
