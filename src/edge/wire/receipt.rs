//! The reply to a recorded purchase, written from the engine's answer straight into bytes.
//!
//! The same reply as [`replies::recorded`](super::replies::recorded) builds of generated types, which a quote is
//! still made of; building those and then writing them took a quarter of the processor time of a stream. The test
//! below holds the two together.

use super::grants::{basis, decimals, meter_decimals, program_of, rounding, rule_of, share, tier_earned};
use super::member::{Outlook, masked, named_attributes, state, tier_name};
use super::pen::Pen;
use super::replies::{outcome, purchase_of};
use super::scalars::{count32, count64};
use crate::domain::event::{Grant, MeterPost, Part};
use crate::domain::order::Line;
use crate::domain::program::condition::Shortfall;
use crate::domain::program::{Ladder, Meter, Program, Timeline};
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
        pen.nested(6, |pen| {
            pen.text(1, outlook.program.text(wallet.id.0));
            pen.number(2, wallet.decimals);
            pen.number(3, member.balance(wallet.id).0);
        });
    }
    for (meter, value) in outlook.program.meters.iter().zip(&outlook.readings) {
        pen.nested(7, |pen| reading(pen, &outlook, meter, *value));
    }
    if let Some(ladder) = &outlook.program.ladder {
        pen.nested(8, |pen| standing(pen, &outlook, ladder));
    }
    pen.moment(9, member.enrolled_at);
    pen.number(10, count64(member.version));
}

/// Few members have any, so they go the way of generated types.
fn attributes(pen: &mut Pen<'_>, view: &View) {
    let attributes = named_attributes(view);
    for entry in attributes {
        let entry = pb::Member { attributes: [entry].into(), ..pb::Member::default() };
        pen.written(&entry.encode_to_vec());
    }
}

fn reading(pen: &mut Pen<'_>, outlook: &Outlook<'_>, meter: &Meter, value: i64) {
    pen.text(1, outlook.program.text(meter.id.0));
    pen.number(2, meter.decimals);
    pen.number(3, value);
    if let Some((first, end)) = outlook.span_of(meter) {
        pen.moment(4, outlook.program.zone.start_of(first));
        pen.moment(5, outlook.program.zone.start_of(end));
    }
}

fn standing(pen: &mut Pen<'_>, outlook: &Outlook<'_>, ladder: &Ladder) {
    let standing = &outlook.member.standing;
    let tier = standing.tier().unwrap_or(ladder.base);
    pen.text(1, outlook.program.text(tier.0));
    pen.text(2, tier_name(outlook.program, ladder, tier));
    pen.moment(3, outlook.since());
    if let Some(end) = standing.next_change() {
        pen.moment(4, end);
    }
    let next = outlook.next.as_ref().and_then(|next| Some((next, ladder.tiers.get(next.position)?)));
    let Some((next, tier)) = next else { return };
    pen.nested(5, |pen| {
        pen.text(1, outlook.program.text(tier.id.0));
        pen.text(2, &tier.name);
        pen.text(3, &tier.qualify.written);
        next.missing.iter().for_each(|short| missing(pen, outlook, short));
        if let Some(day) = outlook.deadline(next) {
            pen.moment(5, outlook.program.zone.start_of(day));
        }
    });
}

fn missing(pen: &mut Pen<'_>, outlook: &Outlook<'_>, short: &Shortfall) {
    let Some(meter) = outlook.program.meters.get(short.meter) else { return };
    pen.nested(4, |pen| {
        pen.text(1, outlook.program.text(meter.id.0));
        pen.number(2, meter.decimals);
        pen.number(3, outlook.readings.get(short.meter).copied().unwrap_or_default());
        pen.number(4, short.missing);
    });
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
}

fn meter_post(pen: &mut Pen<'_>, program: &Program, post: &MeterPost) {
    pen.nested(13, |pen| {
        pen.text(1, program.text(post.meter.0));
        pen.number(2, meter_decimals(program, post.meter));
        pen.number(3, post.amount.0);
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::order::*;
    use crate::domain::program::Value;
    use crate::domain::units::{CurrencyCode, Moment, Quantity, Text};
    use crate::edge::wire::replies::recorded;
    use crate::engine::clock::Clock;
    use crate::engine::{ApplyProgram, Engine, Options, Pseudonyms};
    use crate::store::memory::Memory;

    /// Microseconds of a day in 2026.
    const NOW: i64 = 1_780_000_000_000_000;
    const PROGRAMS: [(&str, &str); 2] =
        [("aadvantage", include_str!("../../../deploy/programs/aadvantage.toml")), ("small", SMALL)];

    /// Without a ladder, with attributes of members.
    const SMALL: &str = r#"
        id = "small"
        name = "Small"
        zone = "UTC"
        currency = "USD"
        credit_before_enrolment = true
        [attributes.member]
        z = { type = "integer", default = 0 }
        a = { type = "text", default = "" }
    "#;

    async fn engine() -> Engine {
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
            occurred_at: Moment(NOW - number * 86_400_000_000),
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
        for (dry_run, omit_member) in [(false, false), (false, true), (true, false)] {
            let built = recorded(applied, dry_run, omit_member).encode_to_vec();
            let mut written = Vec::new();
            let reply = Recorded { applied: applied.clone(), dry_run, omit_member };
            reply.write(&mut Pen::at_end_of(&mut written));
            let decoded = pb::RecordPurchaseResponse::decode(written.as_slice());
            assert!(built == written, "{:#?}\n{decoded:#?}", recorded(applied, dry_run, omit_member));
        }
    }

    #[tokio::test]
    async fn what_is_written_is_what_the_generated_types_write() {
        let engine = engine().await;
        let mut changes = 0;
        for (program, member) in PROGRAMS.iter().flat_map(|(program, _)| [(*program, "m-1"), (*program, "m-2")]) {
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
}
