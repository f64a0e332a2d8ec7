//! A campaign's budget under a crowd: never oversold, granted to the last point, and what comes back is there for
//! whoever buys next.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use rung::domain::event::{Cap, Entry, Fact, Grant, Seq};
use rung::domain::order::{Caller, Enrolment, Line, MemberName, Order, Purchase, ReceiptKey, Return, ReturnLine, Verb};
use rung::domain::units::{CurrencyCode, Points, Quantity, Text};
use rung::engine::{Applied, ApplyProgram, Denied, Engine};

use crate::model::cases;
use crate::model::home::{Home, Resident};
use crate::model::reference::YEAR_2025;

const MEMBERS: u8 = 12;
const BUDGET: i64 = 1_000;
/// Everything is sold by the four, so that it can come back in pieces.
const UNITS: i64 = 4;
/// A point a dollar, and as many again while there are any.
const PROGRAM: &str = r#"
id = "crowd"
zone = "Etc/UTC"
currency = "USD"
[wallets.points]
[[earning]]
rule = "base"
basis = "amount"
rate = "1 per 1.00"
rounding = "floor"
wallet = "points"
[[campaign]]
campaign = "double"
basis = "base_points"
rate = "100%"
rounding = "floor"
wallet = "points"
stacking = "add"
budget = 1000
"#;

/// What one customer of many does next.
#[derive(Clone, Debug)]
enum Move {
    /// So many dollars.
    Buy(i64),
    /// Brings back of an earlier purchase; everything left if no units are named.
    Back { nth: usize, units: i64 },
    /// Brings back an earlier purchase and takes something else for so many dollars.
    Swap { nth: usize, dollars: i64 },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        6 => (1..120_i64).prop_map(Move::Buy),
        2 => (any::<usize>(), 0..UNITS).prop_map(|(nth, units)| Move::Back { nth, units }),
        1 => (any::<usize>(), 1..120_i64).prop_map(|(nth, dollars)| Move::Swap { nth, dollars }),
    ];
    prop::collection::vec(one, 2..12)
}

/// An engine with members who have nothing yet.
async fn open(home: &Home) -> Resident {
    let resident = home.open(YEAR_2025).await;
    let (source, request_id) = (PROGRAM.into(), Text::default());
    let apply = ApplyProgram { source, effective_at: None, expected_version: 0, request_id, dry_run: false };
    resident.engine.apply_program(apply).await.unwrap();
    for who in 0..MEMBERS {
        let (identifiers, attributes) = (Vec::new(), Vec::new());
        let enrolment = Enrolment { member_id: name(who), id_given: true, identifiers, attributes };
        submit(&resident.engine, MemberName::Id(name(who)), Verb::Enroll(enrolment)).await.unwrap();
    }
    resident
}

fn name(who: u8) -> Text {
    format!("member-{who}").into()
}

fn key(receipt: &str) -> ReceiptKey {
    ReceiptKey { source: "till".into(), id: receipt.into() }
}

async fn submit(engine: &Engine, member: MemberName, verb: Verb) -> Result<Applied, Denied> {
    let order = Order { program: "crowd".into(), member, request_id: Text::default(), caller: Caller::default(), verb };
    engine.submit(order).await
}

fn purchase(engine: &Engine, receipt: &str, dollars: i64) -> Arc<Purchase> {
    let line = Line {
        line_id: "1".into(),
        sku: Text::default(),
        category: "goods".into(),
        quantity: Quantity(UNITS * 1_000),
        minor_units: dollars * 100,
        attributes: Vec::new(),
    };
    Arc::new(Purchase {
        receipt: key(receipt),
        kind: "sale".into(),
        occurred_at: engine.now(),
        zone: None,
        currency: CurrencyCode::parse("USD").unwrap(),
        lines: vec![line],
        tenders: Vec::new(),
        channel: Text::default(),
        store: Text::default(),
        partner: Text::default(),
        attributes: Vec::new(),
    })
}

/// A point a dollar and what the campaign has left; what it granted.
async fn buy(engine: &Engine, who: u8, receipt: &str, dollars: i64) -> Grant {
    let verb = Verb::RecordPurchase(purchase(engine, receipt, dollars));
    let applied = submit(engine, MemberName::Id(name(who)), verb).await.unwrap();
    campaigned(&applied.entries[0]).expect("a grant, were it of nothing").clone()
}

async fn bring_back(engine: &Engine, receipt: &str, own: &str, units: i64, instead: Option<i64>) -> Option<Applied> {
    let piece = ReturnLine { line_id: "1".into(), quantity: Quantity(units * 1_000), minor_units: 0 };
    let asked = Return {
        receipt: key(receipt),
        return_receipt: key(own),
        occurred_at: None,
        lines: if units > 0 { vec![piece] } else { Vec::new() },
        exchange: instead.map(|dollars| purchase(engine, own, dollars)),
    };
    match submit(engine, MemberName::Receipt(key(receipt)), Verb::ReturnPurchase(Arc::new(asked))).await {
        Ok(applied) => Some(applied),
        Err(Denied::Refused(refusal)) => {
            assert!(["NOTHING_TO_RETURN", "RETURN_EXCEEDS_PURCHASE"].contains(&refusal.reason()), "{refusal:?}");
            None
        }
        Err(Denied::Failed(failure)) => panic!("{failure}"),
    }
}

/// What the campaign granted on the purchase of an entry.
fn campaigned(entry: &Entry) -> Option<&Grant> {
    // Campaigns come after the rules, and there is one of each.
    entry.facts.iter().find_map(|fact| match fact {
        Fact::PurchaseRecorded(recorded) => recorded.grants.get(1),
        _ => None,
    })
}

async fn gone(engine: &Engine) -> i64 {
    engine.pot("crowd", "budget:double").await.unwrap().0
}

/// One customer's moves, one after the other; the receipts of what she bought.
async fn shop(engine: Engine, who: u8, moves: Vec<Move>) -> Vec<String> {
    let mut receipts: Vec<String> = Vec::new();
    for (nth, step) in moves.into_iter().enumerate() {
        let own = format!("{who}-{nth}");
        let earlier = |nth: usize| receipts.get(nth % receipts.len().max(1)).cloned();
        match step {
            Move::Buy(dollars) => {
                buy(&engine, who, &own, dollars).await;
                receipts.push(own);
            }
            Move::Back { nth, units } => {
                let Some(receipt) = earlier(nth) else { continue };
                bring_back(&engine, &receipt, &own, units, None).await;
            }
            Move::Swap { nth, dollars } => {
                let Some(receipt) = earlier(nth) else { continue };
                if bring_back(&engine, &receipt, &own, 0, Some(dollars)).await.is_some() {
                    receipts.push(own);
                }
            }
        }
    }
    receipts
}

/// Goes through the ledger: each purchase was granted all it asked for or all that was left, and says so; each return
/// gave back the share of what came back. What is gone in the end.
async fn audited(store: &dyn rung::store::Store) -> i64 {
    let (mut gone, mut back) = (0, HashMap::new());
    for entry in store.feed(Seq::NONE, 100_000).await.unwrap() {
        for fact in &entry.facts {
            match fact {
                Fact::PurchaseReturned(returned) => {
                    let (granted, so_far): &mut (i64, i64) = back.get_mut(&returned.receipt.id).unwrap();
                    let due = *granted * (returned.so_far[0].quantity / 1_000) / UNITS;
                    let taken = returned.grants.iter().find(|(position, _)| *position == 1);
                    assert_eq!(taken.map_or(0, |(_, points)| points.0), due - *so_far, "{returned:?}");
                    gone -= due - *so_far;
                    *so_far = due;
                }
                Fact::PurchaseRecorded(recorded) => {
                    let grant = &recorded.grants[1];
                    let left = BUDGET - gone;
                    assert_eq!(grant.granted.0, grant.desired.0.min(left), "{left} were left: {grant:?}");
                    assert_eq!(grant.cap, (grant.desired.0 > left).then_some(Cap::Budget));
                    gone += grant.granted.0;
                    back.insert(recorded.purchase.receipt.id.clone(), (grant.granted.0, 0));
                }
                _ => {}
            }
            assert!((0..=BUDGET).contains(&gone), "{gone} are gone after {fact:?}");
        }
    }
    gone
}

/// Twelve at once ask for three times the budget: it is granted to the last point, once cut and then not at all, and
/// stays gone for whoever starts the engine again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_budget_is_granted_to_the_last_point_and_no_further() {
    let home = Home::folder();
    let resident = open(&home).await;
    let shopping = (0..MEMBERS).map(|who| {
        let engine = resident.engine.clone();
        tokio::spawn(async move {
            let mut grants = Vec::new();
            for nth in 0..10 {
                grants.push(buy(&engine, who, &format!("{who}-{nth}"), 20 + nth + i64::from(who)).await);
            }
            grants
        })
    });
    let mut grants = Vec::new();
    for customer in shopping.collect::<Vec<_>>() {
        grants.extend(customer.await.unwrap());
    }
    assert_eq!(grants.iter().map(|grant| grant.granted.0).sum::<i64>(), BUDGET);
    let (whole, cut): (Vec<Grant>, Vec<Grant>) = grants.into_iter().partition(|grant| grant.granted == grant.desired);
    assert!(whole.iter().all(|grant| grant.cap.is_none()), "{whole:?}");
    assert!(cut.iter().all(|grant| grant.cap == Some(Cap::Budget)), "{cut:?}");
    let in_part = cut.iter().filter(|grant| grant.granted > Points::ZERO).count();
    assert!(in_part <= 1 && cut.len() > 50, "{in_part} of {} were cut in part", cut.len());
    resident.leave(false).await;

    let resident = home.open(YEAR_2025).await;
    assert_eq!(gone(&resident.engine).await, BUDGET);
    let late = buy(&resident.engine, 0, "late", 9).await;
    assert_eq!((late.desired, late.granted, late.cap), (Points(9), Points::ZERO, Some(Cap::Budget)));
    resident.leave(true).await;
    assert_eq!(audited(&*home.store()).await, BUDGET);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(25), failure_persistence: None, ..ProptestConfig::default() })]

    /// Some buy while others bring back and swap: at no moment is more gone than there was, whoever is cut is cut by
    /// what was left just then, and once everything is back the whole budget is there again.
    #[test]
    fn what_comes_back_is_there_for_others(customers in prop::collection::vec(moves(), usize::from(MEMBERS))) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        runtime.block_on(async {
            let home = Home::memory();
            let resident = open(&home).await;
            let engine = &resident.engine;
            let customers = (0..).zip(customers).map(|(who, moves)| tokio::spawn(shop(engine.clone(), who, moves)));
            let mut receipts = Vec::new();
            for customer in customers.collect::<Vec<_>>() {
                receipts.extend(customer.await.unwrap());
            }
            assert_eq!(gone(engine).await, audited(&*home.store()).await);
            for receipt in receipts {
                bring_back(engine, &receipt, &format!("{receipt}-back"), 0, None).await;
            }
            assert_eq!(gone(engine).await, 0);
            let last = buy(engine, 0, "last", BUDGET + 1).await;
            assert_eq!((last.granted, last.cap), (Points(BUDGET), Some(Cap::Budget)));
            assert_eq!(audited(&*home.store()).await, BUDGET);
        });
    }
}
