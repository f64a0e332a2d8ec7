//! Applying a version again: the key is the program's own, and every field of the order is compared.

use rung::domain::event::Seq;
use rung::domain::units::{Moment, Span};
use rung::engine::clock::Clock;
use rung::engine::{ApplyProgram, Denied, Engine, Options, Outcome, Pseudonyms, QUEUE_LIMIT};
use rung::store::memory::Memory;

const START: Moment = Moment(1_777_910_400_000_000);

async fn open() -> Engine {
    let (store, clock, pseudonyms) = (Memory::new(), Clock::test(START), Pseudonyms::new([1; 32]));
    Engine::start(Options { store, clock, pseudonyms, queue_limit: QUEUE_LIMIT }).await.unwrap().0
}

fn source(program: &str, name: &str) -> Box<str> {
    format!("id = \"{program}\"\nname = \"{name}\"\nzone = \"UTC\"\ncurrency = \"EUR\"\n").into()
}

fn asked(source: Box<str>, request_id: &str) -> ApplyProgram {
    ApplyProgram { source, effective_at: None, expected_version: 0, request_id: request_id.into(), dry_run: false }
}

/// What came of it: the outcome and the newest version, or the reason with the field it names.
async fn apply(engine: &Engine, asked: ApplyProgram) -> Result<(Outcome, u32), String> {
    match engine.apply_program(asked).await {
        Ok((outcome, timeline)) => Ok((outcome, timeline.newest().version)),
        Err(Denied::Refused(refusal)) => Err(format!("{}: {refusal}", refusal.reason())),
        Err(Denied::Failed(failure)) => panic!("{failure}"),
    }
}

#[tokio::test]
async fn a_key_is_the_programs_own() {
    let engine = open().await;
    for program in ["bean", "tram"] {
        assert_eq!(apply(&engine, asked(source(program, "One"), "ap-1")).await, Ok((Outcome::Applied, 1)));
    }
    for program in ["bean", "tram"] {
        assert_eq!(apply(&engine, asked(source(program, "Two"), "ap-2")).await, Ok((Outcome::Applied, 2)));
        assert_eq!(apply(&engine, asked(source(program, "One"), "ap-1")).await, Ok((Outcome::Replayed, 2)));
    }
    assert_eq!(engine.status().store.head, Seq(4));
}

#[tokio::test]
async fn every_field_is_compared() {
    let engine = open().await;
    apply(&engine, asked(source("bean", "One"), "ap-1")).await.unwrap();
    let later = |hours: i64| Some(START.plus(Span::seconds(hours * 3_600)));
    let second = ApplyProgram { effective_at: later(5), expected_version: 1, ..asked(source("bean", "Two"), "ap-2") };
    assert_eq!(apply(&engine, second.clone()).await, Ok((Outcome::Applied, 2)));
    assert_eq!(apply(&engine, second.clone()).await, Ok((Outcome::Replayed, 2)));
    let differs = async |asked: ApplyProgram, field: &str| {
        let told = apply(&engine, asked).await.unwrap_err();
        assert_eq!(told, format!("KEY_REUSED: the key was used before with another `{field}`"));
    };
    differs(ApplyProgram { source: source("bean", "Three"), ..second.clone() }, "source").await;
    differs(ApplyProgram { effective_at: later(6), ..second.clone() }, "effective_at").await;
    differs(ApplyProgram { effective_at: None, ..second.clone() }, "effective_at").await;
    differs(ApplyProgram { expected_version: 2, ..second }, "expected_version").await;
}
