//! The reply to a recorded purchase, written from the engine's answer straight into bytes.
//!
//! The same reply as [`replies::recorded`](super::replies::recorded) builds of generated types, which a quote is
//! still made of; building those and then writing them took a quarter of the processor time of a stream. The test
//! below holds the two together.

use super::grants::{basis, cap, decimals, program_of, rounding, rule_of, share, tier_earned};
use super::held::belonging;
use super::lots::{Funds, hold, voucher};
use super::member::{Outlook, masked, named_attributes, state};
use super::pen::Pen;
use super::replies::{outcome, purchase_of};
use super::scalars::{count32, count64};
use super::standing::{reading, standing};
use crate::domain::event::{Grant, MeterPost, Part};
use crate::domain::member::Member;
use crate::domain::order::Line;
use crate::domain::program::{Program, Timeline, Wallet};
use crate::engine::{Applied, Outcome, View};
use crate::pb;
use prost::Message;

/// A purchase that was recorded, and how much the caller wants to hear of it.
#[derive(Debug)]
pub struct Recorded {
    /// What the engine answered.
    pub applied: Applied,
    /// Nothing was kept.
    pub dry_run: bool,
    /// The caller does without the member.
    pub omit_member: bool,
}

impl Recorded {
    /// Writes it as a `RecordPurchaseResponse`.
    pub fn write(&self, pen: &mut Pen<'_>) {
        let Self { applied, dry_run, omit_member } = self;
        let timeline = &*applied.view.timeline;
        let found = purchase_of(applied);
        pen.number(1, outcome(applied.outcome) as i32);
        if !dry_run || applied.outcome == Outcome::Replayed {
            applied.entries.iter().for_each(|entry| pen.digits(2, entry.seq.0));
        }
        if !omit_member {
            pen.nested(3, |pen| member(pen, &applied.view));
        }
        let Some((entry, recorded)) = found else { return };
        for made in &recorded.grants {
            pen.nested(4, |pen| grant(pen, timeline, &recorded.purchase.lines, made));
        }
        if let Some(change) = tier_earned(timeline, entry) {
            pen.bytes(5, &change.encode_to_vec());
        }
    }
}

fn member(pen: &mut Pen<'_>, view: &View) {
    let (member, outlook) = (&*view.member, Outlook::of(view));
    pen.text(1, &outlook.program.id);
    pen.text(2, &member.id);
    pen.number(3, state(member.state) as i32);
    member.identifiers.iter().for_each(|held| pen.bytes(4, &masked(held).encode_to_vec()));
    if !member.attributes.is_empty() {
        attributes(pen, view);
    }
    for wallet in &outlook.program.wallets {
        pen.nested(6, |pen| balance(pen, outlook.program, member, wallet));
    }
    for (meter, value) in outlook.program.meters.iter().zip(&outlook.readings) {
        pen.nested(7, |pen| reading(pen, &outlook, meter, *value));
    }
    if let Some(ladder) = &outlook.program.ladder {
        pen.nested(8, |pen| standing(pen, &outlook, ladder));
    }
    pen.moment(9, member.enrolled_at);
    pen.number(10, count64(member.version));
    let desk = member.desk();
    desk.holds.iter().for_each(|held| pen.bytes(11, &hold(&view.timeline, held).encode_to_vec()));
    desk.vouchers.iter().for_each(|held| pen.bytes(12, &voucher(&view.timeline, member, held).encode_to_vec()));
    // What she belongs to comes last, and few members belong to anything.
    if let Some(more) = belonging(outlook.program, member.belonging(), outlook.now) {
        pen.written(&more.encode_to_vec());
    }
}

fn balance(pen: &mut Pen<'_>, program: &Program, member: &Member, wallet: &Wallet) {
    let funds = Funds::of(member, wallet);
    pen.text(1, program.text(wallet.id.0));
    pen.number(2, wallet.decimals);
    pen.number(3, funds.shown);
    pen.number(4, funds.pending.0);
    pen.number(5, funds.held.0);
    pen.number(6, funds.debt.0);
    for (at, points) in funds.ends {
        pen.nested(7, |pen| {
            pen.moment(1, at);
            pen.number(2, points);
        });
    }
    if let Some(books) = funds.books {
        pen.given(8, books);
    }
}

/// Few members have any, so they go the way of generated types.
fn attributes(pen: &mut Pen<'_>, view: &View) {
    let attributes = named_attributes(view);
    for entry in attributes {
        let entry = pb::Member { attributes: [entry].into(), ..pb::Member::default() };
        pen.written(&entry.encode_to_vec());
    }
}

fn grant(pen: &mut Pen<'_>, timeline: &Timeline, lines: &[Line], made: &Grant) {
    let program = program_of(timeline, made);
    let rule = rule_of(program, made);
    pen.text(1, program.text(made.rule.0));
    pen.number(2, count32(made.program_version));
    match made.part {
        Part::Base => pen.number(3, pb::GrantPart::Base as i32),
        Part::TierBonus(tier) => {
            pen.number(3, pb::GrantPart::Bonus as i32);
            pen.text(4, program.text(tier.0));
        }
    }
    if let Some(line) = made.line.and_then(|position| lines.get(usize::from(position))) {
        pen.text(5, &line.line_id);
    }
    pen.shown(6, basis(rule, made));
    match (rule, made.part) {
        (None, _) => {}
        (Some(rule), Part::Base) => pen.text(7, &rule.rate.written),
        (Some(rule), Part::TierBonus(tier)) => share(rule, tier).into_iter().for_each(|share| pen.shown(7, share)),
    }
    pen.number(8, rule.map_or(pb::Rounding::Unspecified, |rule| rounding(rule.rounding)) as i32);
    pen.number(9, made.desired.0);
    pen.number(10, made.granted.0);
    if let Some(wallet) = made.wallet {
        pen.text(11, program.text(wallet.0));
    }
    pen.number(12, decimals(program, made));
    made.meters.iter().for_each(|post| meter_post(pen, program, post));
    pen.number(14, made.cap.map_or(pb::GrantCap::Unspecified, cap) as i32);
    for (position, points) in &made.shares {
        let Some(line) = lines.get(usize::from(*position)) else { continue };
        pen.nested(15, |pen| {
            pen.text(1, &line.line_id);
            pen.number(2, points.0);
        });
    }
}

fn meter_post(pen: &mut Pen<'_>, program: &Program, post: &MeterPost) {
    let Some(meter) = program.meter(post.meter) else { return };
    pen.nested(13, |pen| {
        pen.text(1, program.text(meter.id.0));
        pen.number(2, meter.decimals);
        pen.number(3, post.amount.0);
    });
}

#[cfg(test)]
pub(in crate::edge) mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::domain::member::HeldBy;
    use crate::domain::order::*;
    use crate::domain::program::Value;
    use crate::domain::units::{CurrencyCode, Moment, Points, Quantity, Span, Text};
    use crate::edge::wire::member;
    use crate::edge::wire::replies::recorded;
    use crate::edge::wire::standing::Stands;
    use crate::edge::wire::tests_belonging::AIR;
    use crate::engine::clock::Clock;
    use crate::engine::{ApplyProgram, Engine, Options, Pseudonyms};
    use crate::store::memory::Memory;

    /// Microseconds of a day in 2026.
    const NOW: i64 = 1_780_000_000_000_000;
    const DAY: i64 = 86_400_000_000;
    const PROGRAMS: [(&str, &str); 4] = [
        ("aadvantage", include_str!("../../../deploy/programs/aadvantage.toml")),
        ("small", SMALL),
        ("points", include_str!("../../../tests/programs/points.toml")),
        ("air", AIR),
    ];

    /// Without a ladder, with attributes of members and points that are spent in books.
    const SMALL: &str = r#"
        id = "small"
        name = "Small"
        zone = "UTC"
        currency = "USD"
        credit_before_enrolment = true
        [wallets.books]
        name = "Books"
        book = 10
        [attributes.member]
        z = { type = "integer", default = 0 }
        a = { type = "text", default = "" }
    "#;

    /// An engine at the end of May 2026 with those programs.
    pub(in crate::edge) async fn engine() -> Engine {
        let (store, clock) = (Arc::new(Memory::default()), Clock::test(Moment(NOW)));
        let options = Options { store, clock, pseudonyms: Pseudonyms::new([7; 32]), queue_limit: 100 };
        let (engine, _) = Engine::start(options).await.unwrap();
        for (_, source) in PROGRAMS {
            let (effective_at, request_id) = (None, Text::default());
            let apply =
                ApplyProgram { source: source.into(), effective_at, expected_version: 0, request_id, dry_run: false };
            engine.apply_program(apply).await.unwrap();
        }
        engine
    }

    fn order(program: &str, member: &str, verb: Verb) -> Order {
        let (program, request_id) = (program.into(), format!("{member}-e").into());
        Order { program, member: MemberName::Id(member.into()), request_id, caller: Caller::default(), verb }
    }

    fn purchase(program: &str, number: i64) -> Verb {
        let line = |category: &str, minor_units| Line {
            line_id: category.into(),
            sku: Text::default(),
            category: category.into(),
            quantity: Quantity::ONE,
            minor_units,
            attributes: Vec::new(),
        };
        let amount = [0, 1, 777, 143_600, 9_999_999, 100_000_000_000][number.unsigned_abs() as usize % 6];
        Verb::RecordPurchase(Arc::new(Purchase {
            receipt: ReceiptKey { source: "till".into(), id: format!("{program}-{number}").into() },
            kind: ["flight", "card", "partner"][number.unsigned_abs() as usize % 3].into(),
            occurred_at: Moment(NOW - number * DAY),
            zone: None,
            currency: CurrencyCode::parse("USD").unwrap(),
            lines: vec![line("fare", amount), line("carrier_fee", 45_800), line("tax", 21_234)],
            tenders: Vec::new(),
            channel: Text::default(),
            store: Text::default(),
            partner: if number % 5 == 0 { "iberia".into() } else { Text::default() },
            attributes: Vec::new(),
        }))
    }

    fn same(applied: &Applied) {
        same_standing(&applied.view);
        for (dry_run, omit_member) in [(false, false), (false, true), (true, false)] {
            let built = recorded(applied, dry_run, omit_member).encode_to_vec();
            let mut written = Vec::new();
            let reply = Recorded { applied: applied.clone(), dry_run, omit_member };
            reply.write(&mut Pen::at_end_of(&mut written));
            let decoded = pb::RecordPurchaseResponse::decode(written.as_slice());
            assert!(built == written, "{:#?}\n{decoded:#?}", recorded(applied, dry_run, omit_member));
        }
    }

    /// The reply to GetStanding, of the member the generated types make.
    fn same_standing(view: &View) {
        let pb::Member { standing, meters, .. } = member::member(view);
        let built = pb::GetStandingResponse { standing, meters }.encode_to_vec();
        let mut written = Vec::new();
        Stands(view.clone()).write(&mut Pen::at_end_of(&mut written));
        let decoded = pb::GetStandingResponse::decode(written.as_slice());
        assert!(built == written, "{:#?}\n{decoded:#?}", member::member(view));
    }

    #[tokio::test]
    async fn what_is_written_is_what_the_generated_types_write() {
        let engine = engine().await;
        let mut changes = 0;
        for (program, member) in PROGRAMS.iter().take(2).flat_map(|(program, _)| [(*program, "m-1"), (*program, "m-2")])
        {
            let identifiers = ["1", "22"].map(|card| engine.identify(program, "card", card)).to_vec();
            let identifiers = if member == "m-1" { identifiers } else { Vec::new() };
            let attributes = match program {
                "small" => vec![("a".into(), Value::Text("x".into())), ("z".into(), Value::Integer(-1))],
                _ => Vec::new(),
            };
            let enrolment = Enrolment { member_id: member.into(), id_given: true, identifiers, attributes };
            same(&engine.submit(order(program, member, Verb::Enroll(enrolment))).await.unwrap());
            for number in 0..24 {
                let number = if member == "m-1" { number } else { 100 + number };
                let asked = order(program, member, purchase(program, number));
                let applied = engine.submit(asked.clone()).await.unwrap();
                same(&applied);
                changes += usize::from(recorded(&applied, false, false).tier_change.is_some());
                same(&engine.submit(asked).await.unwrap());
            }
        }
        assert!(changes > 1, "somebody climbed");
    }

    /// What the replies of a test held, each once.
    #[derive(Default)]
    struct Seen(BTreeSet<String>);

    impl Seen {
        fn note(&mut self, what: impl std::fmt::Display, seen: bool) {
            if seen {
                self.0.insert(what.to_string());
            }
        }

        fn look(&mut self, applied: &Applied) {
            let reply = recorded(applied, false, false);
            let member = reply.member.unwrap();
            self.note("a hold", !member.holds.is_empty());
            self.note("two holds", member.holds.len() == 2);
            self.note("a voucher", !member.vouchers.is_empty());
            for balance in member.balances {
                self.note("pending", balance.pending > 0);
                self.note("held", balance.held > 0);
                self.note("a debt beside points", balance.debt > 0 && balance.available >= 0);
                self.note("a debt below zero", balance.debt > 0 && balance.available < 0);
                self.note(format_args!("{} ends", balance.next_expiries.len()), true);
                balance.books.into_iter().for_each(|books| self.note(format_args!("{books} books"), true));
            }
            let made = purchase_of(applied).map(|(_, recorded)| &*recorded.grants).unwrap_or_default();
            for (made, told) in made.iter().zip(reply.grants) {
                self.note(told.cap().as_str_name(), true);
                self.note("shares", !told.shares.is_empty());
                self.note("a meter that is told", !told.meters.is_empty());
                self.note("a meter that is not told", told.meters.len() < made.meters.len());
            }
        }
    }

    /// Asks in the program `points` for m-1, and looks at the reply.
    async fn ask(engine: &Engine, seen: &mut Seen, key: &str, verb: Verb) {
        let asked = Order { request_id: key.into(), ..order("points", "m-1", verb) };
        let applied = engine.submit(asked).await.unwrap_or_else(|no| panic!("{key}: {no:?}"));
        same(&applied);
        seen.look(&applied);
    }

    fn bought(id: &str, (store, channel): (&str, &str), lines: &[(&str, i64)]) -> Verb {
        let Verb::RecordPurchase(purchase) = purchase("points", 0) else { unreachable!() };
        let line = |(category, minor_units): &(&str, i64)| Line {
            line_id: (*category).into(),
            category: (*category).into(),
            minor_units: *minor_units,
            ..purchase.lines[0].clone()
        };
        Verb::RecordPurchase(Arc::new(Purchase {
            receipt: ReceiptKey { source: "till".into(), id: id.into() },
            kind: "sale".into(),
            lines: lines.iter().map(line).collect(),
            store: store.into(),
            channel: channel.into(),
            partner: Text::default(),
            ..(*purchase).clone()
        }))
    }

    /// A member with points of seven ends, owing in two wallets.
    fn import() -> Verb {
        let lot = |wallet: &str, points, end: Option<i64>| ImportedLot {
            wallet: wallet.into(),
            points: Points(points),
            earned_at: Moment(NOW - 2 * DAY),
            expires_at: end.map(|days| Moment(NOW + days * DAY)),
        };
        let ends = [9, 3, 40, 7, 100, 5, 3, 200].map(|days| lot("miles", days, Some(days)));
        let owed = [lot("points", -60, None), lot("credit", -1_000_000, None)];
        Verb::Import(Box::new(Import {
            enrolment: Enrolment {
                member_id: "m-1".into(),
                id_given: true,
                identifiers: Vec::new(),
                attributes: Vec::new(),
            },
            enrolled_at: None,
            lots: ends.into_iter().chain(owed).collect(),
            meters: Vec::new(),
            tier: None,
            clubs: Vec::new(),
        }))
    }

    #[tokio::test]
    async fn so_are_lots_holds_vouchers_debts_and_limits() {
        let (engine, mut seen) = (engine().await, Seen::default());
        let (here, new) = (("", ""), ("new", ""));
        let hold = |points| {
            Verb::Hold(Holding {
                wallet: "points".into(),
                points: Points(points),
                ttl: Span(DAY),
                note: Text::default(),
            })
        };
        let all: [(&str, Verb); 14] = [
            ("m-1-e", import()),
            ("b-1", bought("b-1", here, &[("food", 3_000)])),
            ("b-2", bought("b-2", here, &[("coffee", 4_567), ("food", 25_001)])),
            ("b-3", bought("b-3", here, &[("coffee", 2_000)])),
            ("b-4", bought("b-4", here, &[("book", 40_000), ("arcade", 500), ("flight", 12_345)])),
            ("h-1", hold(25)),
            ("h-2", hold(30)),
            ("b-5", bought("b-5", new, &[("food", 20_000)])),
            ("v-1", Verb::Redeem { reward: "mug".into(), times: 1 }),
            ("b-6", bought("b-6", new, &[("food", 20_000), ("book", 100)])),
            ("b-7", bought("b-7", ("new", "vip"), &[("coffee", 1_000), ("food", 99)])),
            ("b-8", bought("b-8", ("tesco", ""), &[("food", 30_000_000)])),
            ("b-9", bought("b-9", here, &[("food", 10_000), ("coffee", 10_000), ("flight", 7)])),
            ("s", Verb::Settle),
        ];
        for (key, verb) in all {
            ask(&engine, &mut seen, key, verb.clone()).await;
            if key.starts_with('b') {
                ask(&engine, &mut seen, key, verb).await;
            }
        }
        let expected = [
            "a hold",
            "two holds",
            "a voucher",
            "pending",
            "held",
            "a debt beside points",
            "a debt below zero",
            "0 ends",
            "1 ends",
            "5 ends",
            "GRANT_CAP_UNSPECIFIED",
            "GRANT_CAP_RECEIPT",
            "GRANT_CAP_MEMBER",
            "GRANT_CAP_BUDGET",
            "GRANT_CAP_STACKING",
            "shares",
            "a meter that is told",
            "a meter that is not told",
        ];
        let lacking: Vec<_> = expected.into_iter().filter(|what| !seen.0.contains(*what)).collect();
        assert!(lacking.is_empty(), "{lacking:?} of {:?}", seen.0);
    }

    /// Everything that a member can belong to and be given, one after the other, each followed by a purchase.
    fn belonging() -> Vec<(&'static str, BelongingOrder)> {
        let (reason, actor): (Text, Text) = ("fair".into(), "e-7".into());
        let grant = |tier: &str, by| {
            let (reason, actor) = (reason.clone(), actor.clone());
            BelongingOrder::GrantTier(Granting { tier: tier.into(), by, until: None, reason, actor })
        };
        let invite = |club: &str| BelongingOrder::InviteToClub { club: club.into(), until: None, actor: actor.clone() };
        let join = |club: &str, paid| BelongingOrder::JoinClub {
            club: club.into(),
            paid: Points(paid),
            reference: Text::default(),
        };
        vec![
            ("match", grant("gold", HeldBy::Match)),
            ("circle", invite("circle")),
            ("lounge", join("lounge", 60_000)),
            ("crew", join("crew", 0)),
            ("boost", BelongingOrder::RegisterBoost { boost: "lift".into() }),
            ("invited", grant("black", HeldBy::Invitation)),
        ]
    }

    #[tokio::test]
    async fn so_is_what_a_member_belongs_to() {
        let engine = engine().await;
        let enrolment =
            Enrolment { member_id: "m-4".into(), id_given: true, identifiers: Vec::new(), attributes: Vec::new() };
        let ask = |key: &str, verb| {
            let asked = Order { request_id: key.into(), ..order("air", "m-4", verb) };
            let engine = engine.clone();
            async move { engine.submit(asked).await.unwrap_or_else(|no| panic!("{no:?}")) }
        };
        same(&ask("e", Verb::Enroll(enrolment)).await);
        let mut seen = Seen::default();
        for (key, asked) in belonging() {
            same(&ask(key, Verb::Belonging(Box::new(asked))).await);
            for (kind, amount) in [("small", 1_000), ("large", 60_000)] {
                let receipt = format!("{key}-{kind}");
                let applied = ask(&receipt, bought(&receipt, ("", ""), &[("fare", amount)])).await;
                same(&applied);
                let member = recorded(&applied, false, false).member.unwrap();
                let standing = member.standing.unwrap();
                standing.held.iter().for_each(|held| seen.note(held.source().as_str_name(), true));
                seen.note(format_args!("stands by {}", standing.source().as_str_name()), true);
                seen.note("a grant's id", standing.held.iter().any(|held| !held.grant_id.is_empty()));
                standing.renewal.iter().for_each(|renewal| {
                    seen.note(format_args!("renewal met {} at once {}", renewal.is_met, renewal.at_once), true);
                    seen.note("missing for renewal", !renewal.missing.is_empty());
                });
                let lists = [member.clubs.len(), member.invitations.len(), member.choices.len(), member.boosts.len()];
                let all = lists.iter().all(|length| *length > 0) && !member.allowances.is_empty();
                seen.note("all lists at once", all && !member.asked_clubs.is_empty());
            }
        }
        let expected = [
            "HELD_BY_MATCH",
            "HELD_BY_INVITATION",
            "stands by HELD_BY_MATCH",
            "stands by HELD_BY_INVITATION",
            "a grant's id",
            "renewal met false at once false",
            "missing for renewal",
            "all lists at once",
        ];
        let lacking: Vec<_> = expected.into_iter().filter(|what| !seen.0.contains(*what)).collect();
        assert!(lacking.is_empty(), "{lacking:?} of {:?}", seen.0);
    }

    #[tokio::test]
    async fn books_are_told_even_when_there_are_none() {
        let (engine, mut seen) = (engine().await, Seen::default());
        let enrolment =
            Enrolment { member_id: "m-3".into(), id_given: true, identifiers: Vec::new(), attributes: Vec::new() };
        let adjustment =
            Adjustment { wallet: "books".into(), points: Points(25), reason: "a gift".into(), actor: "e-1".into() };
        for (key, verb) in [("e", Verb::Enroll(enrolment)), ("a", Verb::Adjust(adjustment))] {
            let asked = Order { request_id: key.into(), ..order("small", "m-3", verb) };
            let applied = engine.submit(asked).await.unwrap();
            same(&applied);
            seen.look(&applied);
        }
        assert!(["0 books", "2 books"].iter().all(|what| seen.0.contains(*what)), "{:?}", seen.0);
    }
}
