//! Random orders against a naive reference: same verdicts, same members, at every step.

pub mod home;
mod points;
mod points_happenings;
mod points_orders;
mod points_person;
mod points_receipt;
mod points_reference;
pub mod reference;

use std::sync::Arc;

use home::{Home, Resident};
use proptest::prelude::*;
use reference::{Bought, DAY, Reference, Shown, YEAR_2025};
use rung::domain::decide::meter_values;
use rung::domain::member::MemberState;
use rung::domain::order::{Caller, Enrolment, Line, MemberName, Order, Purchase, ReceiptKey, Verb};
use rung::domain::units::{CurrencyCode, Moment, Quantity, Text};
use rung::engine::{Applied, ApplyProgram, Denied, Engine, Outcome, View};

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Happening {
    Enroll(u8),
    Suspend(u8),
    Reinstate(u8),
    Close(u8),
    Buy(u8, Bought),
    /// The clock moves on by this many microseconds.
    Wait(i64),
    /// Whoever is due is settled by the sweeper.
    Sweep,
    /// The engine and its store go down, with or without a checkpoint, and come up again.
    Reopen(bool),
}

fn who() -> impl Strategy<Value = u8> {
    0_u8..4
}

/// Lines whose sum is not negative; the reference clamps what a rule earns, the edge refuses negative totals.
fn lines() -> impl Strategy<Value = Vec<(i64, bool)>> {
    let line = (prop_oneof![9 => 0_i64..90_000, 1 => -5_000_i64..0], prop::bool::weighted(0.2));
    prop::collection::vec(line, 1..4).prop_map(|mut lines| {
        let total: i64 = lines.iter().map(|(cents, _)| cents).sum();
        if let Some(first) = lines.first_mut()
            && total < 0
        {
            first.0 -= total;
        }
        lines
    })
}

/// How long before now a purchase happened: mostly fresh, sometimes late, too late or ahead.
fn age() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => 0_i64..DAY,
        3 => 0_i64..95 * DAY,
        1 => 95 * DAY..130 * DAY,
        1 => -400_000_000_i64..0,
    ]
}

/// A happening whose purchase is dated relative to the moment it will happen at.
fn happening() -> impl Strategy<Value = (Happening, i64)> {
    prop_oneof![
        2 => who().prop_map(|who| (Happening::Enroll(who), 0)),
        1 => who().prop_map(|who| (Happening::Suspend(who), 0)),
        1 => who().prop_map(|who| (Happening::Reinstate(who), 0)),
        1 => prop::bool::weighted(0.2).prop_flat_map(|_| who()).prop_map(|who| (Happening::Close(who), 0)),
        24 => (who(), any::<u8>(), lines(), age())
            .prop_map(|(who, receipt, lines, age)| (Happening::Buy(who, Bought { receipt, at: 0, lines }), age)),
        4 => (0_i64..60 * DAY).prop_map(|span| (Happening::Wait(span), 0)),
        1 => Just((Happening::Sweep, 0)),
        2 => any::<bool>().prop_map(|is_orderly| (Happening::Reopen(is_orderly), 0)),
    ]
}

pub fn happenings(most: usize) -> impl Strategy<Value = Vec<Happening>> {
    prop::collection::vec(happening(), 1..most).prop_map(|drawn| {
        let mut now = YEAR_2025;
        let mut seen: Vec<Bought> = Vec::new();
        let dated = drawn.into_iter().map(|(happening, age)| match happening {
            Happening::Wait(span) => {
                now += span;
                Happening::Wait(span)
            }
            Happening::Buy(who, bought) => {
                // Every fourth receipt number comes again, half of them with the same content.
                let again = seen.iter().find(|b| b.receipt == bought.receipt && age % 2 == 0).cloned();
                let bought = again.unwrap_or(Bought { at: now - age, ..bought });
                seen.push(bought.clone());
                Happening::Buy(who, bought)
            }
            other => other,
        });
        dated.collect()
    })
}

/// The engine under test, with the reference beside it.
pub struct Pair {
    home: Home,
    resident: Option<Resident>,
    reference: Reference,
    now: i64,
    requests: u32,
}

impl Pair {
    pub async fn at(home: Home) -> Self {
        let resident = home.open(YEAR_2025).await;
        let apply = ApplyProgram {
            source: include_str!("../../programs/model.toml").into(),
            effective_at: None,
            expected_version: 0,
            request_id: Text::default(),
            dry_run: false,
        };
        resident.engine.apply_program(apply).await.unwrap();
        Self { home, resident: Some(resident), reference: Reference::default(), now: YEAR_2025, requests: 0 }
    }

    fn engine(&self) -> &Engine {
        &self.resident.as_ref().expect("somebody at home").engine
    }

    /// Memory has nothing to open again.
    async fn reopen(&mut self, is_orderly: bool) {
        if matches!(self.home, Home::Memory(_)) {
            return;
        }
        self.resident.take().expect("somebody at home").leave(is_orderly).await;
        self.resident = Some(self.home.open(self.now).await);
    }

    /// Takes the engine down and looks at what it leaves behind.
    pub async fn end(mut self) {
        self.reopen(false).await;
        self.compare().await;
        self.resident.take().expect("somebody at home").leave(true).await;
        self.home.verify();
    }

    /// Makes one thing happen on both sides and compares the verdicts.
    pub async fn make(&mut self, happening: &Happening) {
        let now = self.now;
        match happening {
            Happening::Wait(span) => {
                self.now += span;
                self.engine().advance_clock(Moment(self.now)).unwrap();
            }
            Happening::Reopen(is_orderly) => self.reopen(*is_orderly).await,
            Happening::Sweep => drop(self.engine().settle_due(100).await.unwrap()),
            Happening::Enroll(who) => {
                let enrolment = Enrolment {
                    member_id: name(*who),
                    id_given: true,
                    identifiers: Vec::new(),
                    attributes: Vec::new(),
                };
                let expected = self.reference.enroll(*who, now);
                self.same(*who, Verb::Enroll(enrolment), expected).await;
            }
            Happening::Suspend(who) => {
                let expected = self.reference.suspend(*who);
                self.same(*who, Verb::Suspend("asked".into()), expected).await;
            }
            Happening::Reinstate(who) => {
                let expected = self.reference.reinstate(*who);
                self.same(*who, Verb::Reinstate("asked".into()), expected).await;
            }
            Happening::Close(who) => {
                let expected = self.reference.close(*who);
                self.same(*who, Verb::Close("asked".into()), expected).await;
            }
            Happening::Buy(who, bought) => {
                let expected = self.reference.buy(*who, bought, now);
                self.same(*who, Verb::RecordPurchase(Arc::new(purchase(bought))), expected).await;
            }
        }
    }

    async fn same(&mut self, who: u8, verb: Verb, expected: &str) {
        self.requests += 1;
        let order = Order {
            program: "model".into(),
            member: MemberName::Id(name(who)),
            request_id: format!("r-{}", self.requests).into(),
            caller: Caller::default(),
            verb,
        };
        let rehearsed = told(&self.engine().rehearse(order.clone()).await);
        let verdict = self.engine().submit(order).await;
        assert_eq!(told(&verdict), expected);
        assert_eq!(rehearsed, expected, "a dry run says what the order will say");
    }

    /// Compares every member on both sides.
    pub async fn compare(&self) {
        for who in 0..4 {
            let view = self.engine().member("model", &MemberName::Id(name(who))).await.ok();
            assert_eq!(view.as_ref().map(shown), self.reference.shown(who, self.now), "member {who}");
        }
    }
}

fn name(who: u8) -> Text {
    format!("member-{who}").into()
}

pub fn purchase(bought: &Bought) -> Purchase {
    let line = |(position, (cents, gift)): (usize, &(i64, bool))| Line {
        line_id: position.to_string().into(),
        sku: Text::default(),
        category: if *gift { "gift" } else { "goods" }.into(),
        quantity: Quantity::ONE,
        minor_units: *cents,
        attributes: Vec::new(),
    };
    Purchase {
        receipt: ReceiptKey { source: "till".into(), id: bought.receipt.to_string().into() },
        kind: "sale".into(),
        occurred_at: Moment(bought.at),
        zone: None,
        currency: CurrencyCode::parse("USD").unwrap(),
        lines: bought.lines.iter().enumerate().map(line).collect(),
        tenders: Vec::new(),
        channel: Text::default(),
        store: Text::default(),
        partner: Text::default(),
        attributes: Vec::new(),
    }
}

fn told(verdict: &Result<Applied, Denied>) -> String {
    match verdict {
        Ok(applied) if applied.outcome == Outcome::Applied => "applied".into(),
        Ok(_) => "replayed".into(),
        Err(Denied::Refused(refusal)) => refusal.reason().into(),
        Err(Denied::Failed(failure)) => panic!("{failure}"),
    }
}

fn shown(view: &View) -> Shown {
    let (member, program) = (&view.member, view.timeline.newest());
    member.check().unwrap();
    let ladder = program.ladder.as_ref().unwrap();
    let held = member.standing.at(ladder, view.now);
    let tier = member.standing.tier().unwrap();
    assert_eq!(tier, member.standing.tier_at(ladder, view.now), "the standing shown is the standing enforced");
    let meters = meter_values(program, member, view.now).unwrap();
    Shown {
        state: match member.state {
            MemberState::Active => "active",
            MemberState::Suspended => "suspended",
            MemberState::Closed => "closed",
        },
        points: member.available(program.wallets[0].id).0,
        rank: ladder.rank(tier).unwrap(),
        until: held.map(|held| held.until.0),
        spend: meters[0],
        visits: meters[1],
    }
}

/// How many random histories a run tries; `RUNG_CASES` asks for more.
pub fn cases(usual: u32) -> u32 {
    std::env::var("RUNG_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Lets random histories happen, each in a home of its own.
fn histories(usual_cases: u32, home: fn() -> Home) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig { cases: cases(usual_cases), failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(happenings in happenings(80))| {
        runtime.block_on(async {
            let mut pair = Pair::at(home()).await;
            for happening in &happenings {
                pair.make(happening).await;
                pair.compare().await;
            }
            pair.end().await;
        });
    });
}

#[test]
fn the_engine_agrees_with_the_reference() {
    histories(200, Home::memory);
}

#[test]
fn the_engine_agrees_with_the_reference_on_a_folder_that_is_opened_again_and_again() {
    histories(25, Home::folder);
}
