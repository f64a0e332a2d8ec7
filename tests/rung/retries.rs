//! Retries of orders that named a member by a card she has lost since, or that somebody else has now: the answer is the
//! first one, and it is about the member the order was for.

use std::sync::Arc;

use rung::domain::event::Seq;
use rung::domain::member::HeldBy;
use rung::domain::order::{
    Adjustment, AttributesUpdate, BelongingOrder, Caller, Enrolment, Granting, Holding, Import, ImportedMembership,
    Line, MemberName, Order, Purchase, ReceiptKey, Sending, Verb,
};
use rung::domain::units::{Moment, Points, Quantity, Span, Text};
use rung::engine::clock::Clock;
use rung::engine::{ApplyProgram, Denied, Engine, Options, Outcome, Pseudonyms, QUEUE_LIMIT, View};
use rung::store::memory::Memory;

const START: i64 = 1_777_910_400_000_000;

struct Counter {
    engine: Engine,
    program: &'static str,
}

/// An order's name, and how it is made.
type Asked = (&'static str, fn(&Counter) -> Verb);
type Answer = Result<(Outcome, Vec<Seq>, Text), String>;

impl Counter {
    /// Ann and Bob have a card each, Cy and Dee have none; everybody has 300 points, if the program knows points.
    async fn new(program: &'static str, source: &str) -> Self {
        let options = Options {
            store: Memory::new(),
            clock: Clock::test(Moment(START)),
            pseudonyms: Pseudonyms::new([1; 32]),
            queue_limit: QUEUE_LIMIT,
        };
        let engine = Engine::start(options).await.unwrap().0;
        let (request_id, source) = (Text::default(), source.into());
        let apply = ApplyProgram { source, effective_at: None, expected_version: 0, request_id, dry_run: false };
        engine.apply_program(apply).await.unwrap();
        let counter = Self { engine, program };
        for (who, card) in [("ann", Some("a-1")), ("bob", Some("b-1")), ("cy", None), ("dee", None)] {
            let identifiers = card.into_iter().map(|card| counter.engine.identify(program, "card", card)).collect();
            let enrolment = Enrolment { member_id: who.into(), id_given: true, identifiers, attributes: Vec::new() };
            counter.ask(&format!("enroll {who}"), id(who), Verb::Enroll(enrolment)).await.unwrap();
            let adjustment = adjusting(300);
            let _ = counter.ask("welcome", id(who), adjustment).await;
        }
        counter
    }

    fn card(&self, card: &str) -> MemberName {
        MemberName::Identifier(self.engine.identify(self.program, "card", card))
    }

    async fn ask(&self, request_id: &str, member: MemberName, verb: Verb) -> Answer {
        let order = Order {
            program: self.program.into(),
            member,
            request_id: request_id.into(),
            caller: Caller::default(),
            verb,
        };
        match self.engine.submit(order).await {
            Ok(applied) => {
                let entries = applied.entries.iter().map(|entry| entry.seq).collect();
                Ok((applied.outcome, entries, applied.view.member.id.clone()))
            }
            Err(Denied::Refused(refusal)) => Err(refusal.reason().into()),
            Err(Denied::Failed(failure)) => Err(failure.to_string()),
        }
    }

    async fn moves(&self, card: &str, from: &str, to: Option<&str>) {
        let identifier = || self.engine.identify(self.program, "card", card);
        self.ask(&format!("unlink {card} {from}"), id(from), Verb::UnlinkIdentifier(identifier())).await.unwrap();
        if let Some(to) = to {
            self.ask(&format!("link {card} {to}"), id(to), Verb::LinkIdentifier(identifier())).await.unwrap();
        }
    }

    async fn view(&self, who: &str) -> View {
        self.engine.member(self.program, &id(who)).await.unwrap()
    }
}

fn id(who: &str) -> MemberName {
    MemberName::Id(who.into())
}

fn adjusting(points: i64) -> Verb {
    let (wallet, points) = ("points".into(), Points(points));
    Verb::Adjust(Adjustment { wallet, points, reason: "asked".into(), actor: "desk".into() })
}

fn bought(counter: &Counter) -> Verb {
    Verb::RecordPurchase(Arc::new(Purchase {
        receipt: ReceiptKey { source: "till".into(), id: "r-1".into() },
        kind: "sale".into(),
        occurred_at: Moment(START),
        zone: None,
        currency: counter.engine.programs().named(counter.program).unwrap().newest().currency,
        lines: vec![Line {
            line_id: "1".into(),
            sku: Text::default(),
            category: "food".into(),
            quantity: Quantity(1_000),
            minor_units: 1_000,
            attributes: Vec::new(),
        }],
        tenders: Vec::new(),
        channel: Text::default(),
        store: Text::default(),
        partner: Text::default(),
        attributes: Vec::new(),
    }))
}

/// Every kind of order that may name its member by a card, with the card unlinked since, then in another's hands: the
/// first answer again, and the other's state as it was.
#[tokio::test]
async fn an_order_by_a_card_that_moved_since_is_answered_as_the_first_time() {
    let source = include_str!("../programs/points.toml");
    let verbs: [Asked; 10] = [
        ("purchase", bought),
        ("adjust", |_| adjusting(7)),
        ("transfer", |_| {
            let (to, wallet) = (id("cy"), "points".into());
            Verb::Transfer(Sending { to, wallet, points: Points(50), note: Text::default() })
        }),
        ("redeem", |_| Verb::Redeem { reward: "mug".into(), times: 1 }),
        ("hold", |_| {
            let (wallet, ttl) = ("points".into(), Span::seconds(900));
            Verb::Hold(Holding { wallet, points: Points(20), ttl, note: Text::default() })
        }),
        ("suspend", |_| Verb::Suspend("lost".into())),
        ("close", |_| Verb::Close("moved".into())),
        ("link", |counter| Verb::LinkIdentifier(counter.engine.identify("points", "card", "a-2"))),
        ("unlink", |counter| Verb::UnlinkIdentifier(counter.engine.identify("points", "card", "a-1"))),
        ("settle nothing", |_| Verb::Update(AttributesUpdate { set: Vec::new(), remove: Vec::new() })),
    ];
    for (name, verb) in verbs {
        let counter = Counter::new("points", source).await;
        let card = counter.card("a-1");
        let first = counter.ask("x", card.clone(), verb(&counter)).await;
        let Ok((Outcome::Applied, entries, who)) = first else { panic!("{name}: {first:?}") };
        assert_eq!(who, "ann");
        let retried = Ok((Outcome::Replayed, entries, who));
        assert_eq!(counter.ask("x", card.clone(), verb(&counter)).await, retried, "{name}: at once");
        if name == "suspend" {
            counter.ask("again", id("ann"), Verb::Reinstate("found".into())).await.unwrap();
        }
        if name == "unlink" {
            counter
                .ask("to dee", id("dee"), Verb::LinkIdentifier(counter.engine.identify("points", "card", "a-1")))
                .await
                .unwrap();
        } else if name != "close" {
            counter.moves("a-1", "ann", None).await;
            assert_eq!(counter.ask("x", card.clone(), verb(&counter)).await, retried, "{name}: unlinked since");
            counter.moves("b-1", "bob", None).await;
            let identifier = counter.engine.identify("points", "card", "a-1");
            counter.ask("to dee", id("dee"), Verb::LinkIdentifier(identifier)).await.unwrap();
        }
        let before = counter.view("dee").await.member;
        assert_eq!(counter.ask("x", card.clone(), verb(&counter)).await, retried, "{name}: another's since");
        assert_eq!(counter.view("dee").await.member, before, "{name}");
        // What is asked under a new key is asked of whoever has the card.
        if name == "adjust" {
            let (_, _, who) = counter.ask("y", card, verb(&counter)).await.unwrap();
            assert_eq!(who, "dee");
        }
    }
}

/// Somebody else's receipt is not shown to a card that never bought it.
#[tokio::test]
async fn a_receipt_is_replayed_to_the_card_that_bought_it_and_to_no_other() {
    let counter = Counter::new("points", include_str!("../programs/points.toml")).await;
    counter.ask("", counter.card("a-1"), bought(&counter)).await.unwrap();
    counter.moves("a-1", "ann", None).await;
    counter.moves("b-1", "bob", None).await;
    let by = async |card: &str| counter.ask("", counter.card(card), bought(&counter)).await;
    assert_eq!(by("a-1").await.map(|(outcome, ..)| outcome), Ok(Outcome::Replayed));
    assert_eq!(by("b-1").await, Err("UNKNOWN_MEMBER".into()));
    assert_eq!(by("c-9").await, Err("UNKNOWN_MEMBER".into()));
    assert_eq!(counter.ask("", id("bob"), bought(&counter)).await, Err("RECEIPT_CLAIMED".into()));
}

/// Who gets a transfer or a gift was named by a card: the retry means whoever had it then.
#[tokio::test]
async fn a_receiver_named_by_a_card_that_moved_since_is_the_one_who_had_it() {
    let counter = Counter::new("points", include_str!("../programs/points.toml")).await;
    let to = |name: MemberName| {
        Verb::Transfer(Sending { to: name, wallet: "points".into(), points: Points(50), note: Text::default() })
    };
    let (_, entries, _) = counter.ask("t", id("ann"), to(counter.card("b-1"))).await.unwrap();
    let retried = Ok((Outcome::Replayed, entries, "ann".into()));
    assert_eq!(counter.ask("t", id("ann"), to(id("bob"))).await, retried, "bob by his id is still bob");
    counter.moves("b-1", "bob", None).await;
    assert_eq!(counter.ask("t", id("ann"), to(counter.card("b-1"))).await, retried);
    counter
        .ask("to cy", id("cy"), Verb::LinkIdentifier(counter.engine.identify("points", "card", "b-1")))
        .await
        .unwrap();
    assert_eq!(counter.ask("t", id("ann"), to(counter.card("b-1"))).await, retried);
    let other = counter.ask("t", id("ann"), to(id("cy"))).await;
    assert_eq!(other, Err("KEY_REUSED".into()), "cy never got them");
}

#[tokio::test]
async fn a_gift_to_a_card_that_moved_since_was_for_the_one_who_had_it() {
    let counter = Counter::new("belonging", include_str!("../programs/belonging.toml")).await;
    let granting =
        Granting { tier: "gold".into(), by: HeldBy::Manual, until: None, reason: "asked".into(), actor: "desk".into() };
    counter.ask("g", id("ann"), Verb::Belonging(Box::new(BelongingOrder::GrantTier(granting)))).await.unwrap();
    let giving = || {
        let (to, tier) = (counter.card("b-1"), "silver".into());
        Verb::Belonging(Box::new(BelongingOrder::GiveTier { to, tier, note: Text::default() }))
    };
    let (_, entries, _) = counter.ask("t", counter.card("a-1"), giving()).await.unwrap();
    counter.moves("b-1", "bob", Some("cy")).await;
    counter.moves("a-1", "ann", Some("dee")).await;
    assert_eq!(counter.ask("t", counter.card("a-1"), giving()).await, Ok((Outcome::Replayed, entries, "ann".into())));
}

/// An import is known again by everything it brought, the clubs among it.
#[tokio::test]
async fn an_import_with_clubs_is_known_again() {
    let counter = Counter::new("belonging", include_str!("../programs/belonging.toml")).await;
    let import = |until: i64| {
        let enrolment =
            Enrolment { member_id: "eve".into(), id_given: true, identifiers: Vec::new(), attributes: Vec::new() };
        let (since, until) = (Moment(START - 86_400_000_000), Some(Moment(START + until)));
        let clubs = vec![ImportedMembership { club: "lounge".into(), since, until }];
        let (lots, meters) = (Vec::new(), Vec::new());
        Verb::Import(Box::new(Import { enrolment, enrolled_at: None, lots, meters, tier: None, clubs }))
    };
    let (outcome, entries, _) = counter.ask("i", id("eve"), import(5_000_000)).await.unwrap();
    assert_eq!(outcome, Outcome::Applied);
    assert_eq!(counter.view("eve").await.member.belonging().clubs.len(), 1);
    assert_eq!(counter.engine.pot("belonging", "places:lounge").await.unwrap(), Points(1));
    let replayed = Ok((Outcome::Replayed, entries, "eve".into()));
    assert_eq!(counter.ask("i", id("eve"), import(5_000_000)).await, replayed);
    assert_eq!(counter.ask("i", id("eve"), import(6_000_000)).await, Err("KEY_REUSED".into()));
    // Known by her clubs as they were brought in, whatever became of them.
    counter.engine.advance_clock(Moment(START + 10_000_000)).unwrap();
    while counter.engine.settle_due(10).await.unwrap() > 0 {}
    assert_eq!(counter.ask("i", id("eve"), import(5_000_000)).await, replayed);
    assert_eq!(counter.engine.pot("belonging", "places:lounge").await.unwrap(), Points::ZERO);
}
