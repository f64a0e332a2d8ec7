//! A ladder that changed is walked once: who was brought up to it is written down, and not looked at again after a start.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rung::domain::order::{Caller, Enrolment, MemberName, Order, Verb};
use rung::domain::units::{Moment, Text};
use rung::engine::clock::Clock;
use rung::engine::{ApplyProgram, Engine, LaneThread, Options, Pseudonyms, QUEUE_LIMIT};
use rung::store::Store;
use rung::store::embedded::Embedded;
use rung::workers::sweeper;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::store_laws::tight;
use crate::store_through::{Front, Through};

const START: i64 = 1_777_910_400_000_000;

/// A store that counts how often it is asked for a page of members.
struct Counted {
    store: Arc<Embedded>,
    pages: AtomicUsize,
}

impl Front for Counted {
    fn behind(&self) -> &dyn Store {
        &*self.store
    }

    fn page(&self) {
        self.pages.fetch_add(1, Ordering::Relaxed);
    }
}

async fn open(dir: &TempDir) -> (Engine, LaneThread, Arc<Through<Counted>>) {
    let store = Arc::new(Through(Counted { store: Embedded::open(tight(dir)).unwrap(), pages: AtomicUsize::new(0) }));
    let options = Options {
        store: Arc::clone(&store) as Arc<dyn Store>,
        clock: Clock::test(Moment(START)),
        pseudonyms: Pseudonyms::new([1; 32]),
        queue_limit: QUEUE_LIMIT,
    };
    let (engine, lane) = Engine::start(options).await.unwrap();
    (engine, lane, store)
}

async fn apply(engine: &Engine, source: String) {
    let (source, request_id) = (source.as_str().into(), Text::default());
    let apply = ApplyProgram { source, effective_at: None, expected_version: 0, request_id, dry_run: false };
    engine.apply_program(apply).await.unwrap();
}

/// Sweeps for a while; how many pages of members that took.
async fn swept(engine: &Engine, store: &Counted) -> usize {
    let (before, stop) = (store.pages.load(Ordering::Relaxed), CancellationToken::new());
    let sweeping = tokio::spawn(sweeper::run(engine.clone(), stop.clone()));
    tokio::time::sleep(Duration::from_millis(600)).await;
    stop.cancel();
    sweeping.await.unwrap();
    store.pages.load(Ordering::Relaxed) - before
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_ladder_is_walked_once_whatever_is_restarted() {
    let dir = TempDir::new().unwrap();
    let source = include_str!("../programs/belonging.toml");
    let (engine, lane, store) = open(&dir).await;
    apply(&engine, source.to_owned()).await;
    let enrolment =
        Enrolment { member_id: "ann".into(), id_given: true, identifiers: Vec::new(), attributes: Vec::new() };
    let (member, verb) = (MemberName::Id("ann".into()), Verb::Enroll(enrolment));
    let order = Order { program: "belonging".into(), member, request_id: "e".into(), caller: Caller::default(), verb };
    engine.submit(order).await.unwrap();
    assert_eq!(swept(&engine, &store.0).await, 0, "a ladder that never changed is not walked");
    engine.advance_clock(Moment(START + 1_000_000)).unwrap();
    apply(&engine, source.replacen("nights >= 10", "nights >= 11", 1)).await;
    assert!(swept(&engine, &store.0).await > 0);
    assert_eq!(engine.ladders_walked().await.into_iter().collect::<Vec<_>>(), engine.ladders_changed());
    drop((engine, store));
    lane.join().unwrap();

    let (engine, lane, store) = open(&dir).await;
    engine.advance_clock(Moment(START + 2_000_000)).unwrap();
    assert_eq!(swept(&engine, &store.0).await, 0, "it was walked before");
    apply(&engine, source.replacen("nights >= 10", "nights >= 12", 1)).await;
    assert!(swept(&engine, &store.0).await > 0, "another change is walked");
    drop((engine, store));
    lane.join().unwrap();
}
