//! What the analyst knows equals a fold from the beginning: after any restart, with notes of any age or none, whoever
//! is given up in the middle, and whatever version of the program is in force by then.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rung::domain::calendar::Zone;
use rung::domain::crowd::Crowd;
use rung::domain::order::{
    BelongingOrder, Caller, Enrolment, Line, MemberName, Order, Purchase, ReceiptKey, Return, ReturnLine, Verb,
};
use rung::domain::program::Value;
use rung::domain::units::{CurrencyCode, Moment, Points, Quantity, Text};
use rung::engine::clock::Clock;
use rung::engine::{ApplyProgram, Engine, LaneThread, Options, Pseudonyms};
use rung::store::Store;
use rung::store::embedded::Embedded;
use rung::store::memory::Memory;
use tempfile::TempDir;

use crate::store_crash::lazy;
use crate::store_through::{Front, Through};

/// 2026-05-04T16:00:00Z.
const START: i64 = 1_777_910_400_000_000;
const HOUR: i64 = 3_600_000_000;
const PROGRAMS: [&str; 2] = ["one", "two"];

fn program(id: &str, name: u32) -> String {
    format!(
        r#"
id = "{id}"
name = "Shop {name}"
zone = "Europe/Berlin"
currency = "EUR"
accept_late = "10y"
credit_before_enrolment = true
[wallets.points]
name = "Points"
[meters.spend]
window = "lifetime"
[attributes.line]
cost = {{ type = "integer", default = 0 }}
[[earning]]
rule = "base"
basis = "amount"
rate = "1 per 1.00"
rounding = "floor"
wallet = "points"
meters = ["spend"]
[ladder]
[[ladder.tier]]
id = "gold"
qualify = 'spend >= 40000'
validity = {{ span = "12mo" }}
[[club]]
id = "crew"
door = "open"
"#
    )
}

/// A store that forgets notes.
struct Forgetful(Arc<dyn Store>);

impl Front for Forgetful {
    const PASSES_NOTES: bool = false;

    fn behind(&self) -> &dyn Store {
        &*self.0
    }

    fn entries_asked(&self, limit: usize) -> usize {
        // Not in the steps in which the other one folds.
        limit.min(97)
    }
}

async fn start(store: Arc<dyn Store>, now: Moment) -> (Engine, LaneThread) {
    let (clock, pseudonyms) = (Clock::test(now), Pseudonyms::new([1; 32]));
    Engine::start(Options { store, clock, pseudonyms, queue_limit: 100_000 }).await.unwrap()
}

async fn crowds(engine: &Engine) -> BTreeMap<&'static str, Crowd> {
    let mut crowds = BTreeMap::new();
    for id in PROGRAMS {
        if engine.programs().named(id).is_some() {
            crowds.insert(id, engine.ask_analyst(id, |crowd, _| crowd.clone()).await.unwrap());
        }
    }
    crowds
}

/// What folding from the beginning comes to.
async fn from_scratch(store: &Arc<dyn Store>, now: Moment) -> BTreeMap<&'static str, Crowd> {
    let (engine, lane) = start(Arc::new(Through(Forgetful(Arc::clone(store)))), now).await;
    let crowds = crowds(&engine).await;
    drop(engine);
    lane.join().unwrap();
    crowds
}

async fn apply(engine: &Engine, source: String) {
    let source = source.into();
    let (effective_at, request_id) = (None, Text::default());
    let apply = ApplyProgram { source, effective_at, expected_version: 0, request_id, dry_run: false };
    engine.apply_program(apply).await.unwrap();
}

fn order(program: &str, member: MemberName, request_id: String, verb: Verb) -> Order {
    Order { program: program.into(), member, request_id: request_id.into(), caller: Caller::default(), verb }
}

fn enrolment(program: &str, member: u32) -> Order {
    let member_id: Text = format!("m-{member}").into();
    let (identifiers, attributes) = (Vec::new(), Vec::new());
    let enrolment = Enrolment { member_id: member_id.clone(), id_given: true, identifiers, attributes };
    order(program, MemberName::Id(member_id), format!("en-{member}"), Verb::Enroll(enrolment))
}

fn receipt(id: String) -> ReceiptKey {
    ReceiptKey { source: "till".into(), id: id.into() }
}

fn purchase(program: &str, member: u32, number: u32, at: Moment) -> Order {
    let minor_units = i64::from(number % 7) * 3_333;
    let line = Line {
        line_id: "1".into(),
        sku: Text::default(),
        category: Text::default(),
        quantity: Quantity::ONE,
        minor_units,
        attributes: if number.is_multiple_of(3) { vec![("cost".into(), Value::Integer(900))] } else { Vec::new() },
    };
    let purchase = Purchase {
        receipt: receipt(number.to_string()),
        kind: "sale".into(),
        occurred_at: at,
        zone: number.is_multiple_of(11).then(|| Zone::named("Pacific/Auckland").unwrap()),
        currency: CurrencyCode::parse("EUR").unwrap(),
        lines: vec![line],
        tenders: Vec::new(),
        channel: Text::default(),
        store: ["", "north", "south"][number as usize % 3].into(),
        partner: Text::default(),
        attributes: Vec::new(),
    };
    let verb = Verb::RecordPurchase(Arc::new(purchase));
    order(program, MemberName::Id(format!("m-{member}").into()), String::new(), verb)
}

fn bring_back(program: &str, number: u32, minor_units: i64, step: u32) -> Order {
    let line = ReturnLine { line_id: "1".into(), quantity: Quantity::default(), minor_units };
    let bought = receipt(number.to_string());
    let back = Return {
        receipt: bought.clone(),
        return_receipt: receipt(format!("back-{step}")),
        occurred_at: None,
        lines: if minor_units > 0 { vec![line] } else { Vec::new() },
        exchange: None,
    };
    order(program, MemberName::Receipt(bought), String::new(), Verb::ReturnPurchase(Arc::new(back)))
}

/// A folder, a store on it, and an engine at work.
struct House {
    dir: TempDir,
    store: Arc<dyn Store>,
    engine: Engine,
    lane: LaneThread,
    now: Moment,
}

impl House {
    async fn open() -> Self {
        let dir = TempDir::new().unwrap();
        let store: Arc<dyn Store> = Embedded::open(lazy(&dir)).unwrap();
        let now = Moment(START);
        let (engine, lane) = start(Arc::clone(&store), now).await;
        Self { dir, store, engine, lane, now }
    }

    /// Nothing is written down on the way out: as if it had been killed.
    async fn reopened(self) -> Self {
        let Self { dir, store, engine, lane, now } = self;
        drop(engine);
        lane.join().unwrap();
        drop(store);
        let store: Arc<dyn Store> = Embedded::open(lazy(&dir)).unwrap();
        let (engine, lane) = start(Arc::clone(&store), now).await;
        Self { dir, store, engine, lane, now }
    }

    fn note(&self, number: u32) -> PathBuf {
        self.dir.path().join(format!("notes/crowd-{}.notes", number % 2))
    }

    fn later(&mut self, micros: i64) {
        self.now = Moment(self.now.0 + micros);
        self.engine.advance_clock(self.now).unwrap();
    }

    async fn check(&self) {
        assert_eq!(crowds(&self.engine).await, from_scratch(&self.store, self.now).await);
    }
}

/// What happens next; numbers choose by remainder.
#[derive(Clone, Copy, Debug)]
enum Step {
    Enroll(u32),
    Buy(u32, u32),
    Return(u32, u32),
    Join(u32),
    Wait(u32),
    Version(u32),
    Ask,
    Note,
    Reopen,
    Damage(u32, u32),
    Lose(u32),
    /// An older note is put back.
    Older(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0_u32..1_000_000;
    prop_oneof![
        4 => number.clone().prop_map(Step::Enroll),
        12 => (number.clone(), number.clone()).prop_map(|(member, hours)| Step::Buy(member, hours)),
        5 => (number.clone(), number.clone()).prop_map(|(receipt, part)| Step::Return(receipt, part)),
        1 => number.clone().prop_map(Step::Join),
        2 => number.clone().prop_map(Step::Wait),
        1 => number.clone().prop_map(Step::Version),
        1 => Just(Step::Ask),
        3 => Just(Step::Note),
        3 => Just(Step::Reopen),
        1 => (number.clone(), number.clone()).prop_map(|(which, at)| Step::Damage(which, at)),
        1 => number.clone().prop_map(Step::Lose),
        1 => number.prop_map(Step::Older),
    ]
}

async fn live(steps: &[Step]) {
    let mut house = House::open().await;
    apply(&house.engine, program("one", 0)).await;
    let mut older = None;
    for (at, step) in (0_u32..).zip(steps) {
        let id = PROGRAMS[at as usize % house.engine.programs().all().len()];
        match *step {
            Step::Enroll(member) => drop(house.engine.submit(enrolment(id, member % 9)).await),
            Step::Buy(member, hours) => {
                let occurred_at = Moment(house.now.0 - i64::from(hours % 2_000) * HOUR);
                drop(house.engine.submit(purchase(id, member % 9, at, occurred_at)).await);
            }
            Step::Return(number, part) => {
                let back = bring_back(id, number % (at + 1), i64::from(part % 3) * 1_000, at);
                drop(house.engine.submit(back).await);
            }
            Step::Join(member) => {
                let join =
                    BelongingOrder::JoinClub { club: "crew".into(), paid: Points(0), reference: Text::default() };
                let name = MemberName::Id(format!("m-{}", member % 9).into());
                let verb = Verb::Belonging(Box::new(join));
                drop(house.engine.submit(order(id, name, format!("join-{at}"), verb)).await);
            }
            Step::Wait(hours) => house.later(i64::from(hours % 90) * HOUR),
            // Under a clock that stands: what was before and what is after were recorded at one moment.
            Step::Version(which) => apply(&house.engine, program(PROGRAMS[which as usize % 2], at)).await,
            Step::Ask => house.check().await,
            Step::Note => {
                house.engine.analyse().await.unwrap();
                house.engine.note_crowds().await.unwrap();
            }
            Step::Reopen => {
                house = house.reopened().await;
                house.check().await;
            }
            Step::Damage(which, at) => {
                if let Ok(mut bytes) = fs::read(house.note(which)) {
                    let at = at as usize % bytes.len();
                    bytes[at] ^= 0x10;
                    fs::write(house.note(which), bytes).unwrap();
                }
            }
            Step::Lose(which) => drop(fs::remove_file(house.note(which))),
            Step::Older(which) => match older.take() {
                Some((path, bytes)) => fs::write::<PathBuf, Vec<u8>>(path, bytes).unwrap(),
                None => older = fs::read(house.note(which)).ok().map(|bytes| (house.note(which), bytes)),
            },
        }
    }
    house = house.reopened().await;
    house.check().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn kept_and_reopened_is_folded_from_the_beginning(steps in proptest::collection::vec(step(), 1..90)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(live(&steps));
    }
}

#[tokio::test]
async fn after_a_restart_only_what_is_not_in_the_notes_is_folded() {
    let mut house = House::open().await;
    for id in PROGRAMS {
        apply(&house.engine, program(id, 0)).await;
    }
    // The second program has no members, which must not cost the first one its notes.
    for number in 0..500 {
        house.engine.submit(enrolment("one", number)).await.unwrap();
        house.engine.submit(purchase("one", number, number, house.now)).await.unwrap();
    }
    house.check().await;
    // Folding begins behind the first version of the first program.
    let recorded = house.store.status().head.0 - 1;
    assert_eq!(house.engine.status().analyst.entries, recorded, "everything was folded once");
    house.engine.note_crowds().await.unwrap();
    for number in 500..507 {
        house.engine.submit(purchase("one", 3, number, house.now)).await.unwrap();
    }
    let before = crowds(&house.engine).await;
    house = house.reopened().await;
    assert_eq!(crowds(&house.engine).await, before);
    assert_eq!(house.engine.status().analyst.entries, 7, "after a restart");
    house.check().await;

    // With a note damaged, only its program is folded anew.
    house.engine.note_crowds().await.unwrap();
    let mut bytes = fs::read(house.note(1)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(house.note(1), bytes).unwrap();
    house = house.reopened().await;
    assert_eq!(crowds(&house.engine).await, before);
    assert_eq!(house.engine.status().analyst.entries, 0, "program two has no entries but its version");
    assert!(house.note(0).exists() && !house.note(1).exists(), "what is of no use is removed");
    fs::write(house.note(0), b"").unwrap();
    house = house.reopened().await;
    assert_eq!(crowds(&house.engine).await, before);
    assert!(house.engine.status().analyst.entries > 1_000, "program one is folded anew");
}

/// Whoever asks may go away while the feed is folded for her.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_in_the_middle_is_folded_once() {
    let store: Arc<dyn Store> = Memory::new();
    let (engine, _lane) = start(Arc::clone(&store), Moment(START)).await;
    apply(&engine, program("one", 0)).await;
    for from in (0..9_000).step_by(1_000) {
        let orders: Vec<Order> = (from..from + 1_000)
            .flat_map(|n| [enrolment("one", n), purchase("one", n / 2, n, Moment(START))])
            .collect();
        let answers = engine.submit_all(orders).await.unwrap().await.unwrap();
        assert!(answers.iter().all(Result::is_ok));
    }
    let whole = from_scratch(&store, Moment(START)).await;
    let mut given_up = 0;
    for micros in (0..12_000).step_by(400) {
        let (engine, _lane) = start(Arc::clone(&store), Moment(START)).await;
        for _ in 0..4 {
            let told = tokio::time::timeout(Duration::from_micros(micros), engine.analyse()).await;
            given_up += u32::from(told.is_err());
        }
        assert_eq!(crowds(&engine).await, whole, "given up after {micros} µs");
        assert_eq!(engine.status().analyst.entries, store.status().head.0 - 1);
    }
    assert!(given_up > 20, "only {given_up} were given up");
}
