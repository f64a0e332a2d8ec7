//! The tables AAdvantage publishes, worked out from the sample program's rules by a few lines of arithmetic of their
//! own. It shows that the file says what was published; how the engine grants is tested where it decides.

use super::{Register, read};
use crate::domain::calendar::parse_rfc3339;
use crate::domain::order::{Line, Purchase, ReceiptKey};
use crate::domain::program::condition::Subject;
use crate::domain::program::{Basis, BonusOf, JudgedBy, Per, Program, Rounds, Rule, TierId, Value};
use crate::domain::units::{CurrencyCode, Moment, Quantity, Ratio};

const AADVANTAGE: &str = include_str!("../../../../deploy/programs/aadvantage.toml");
const TIERS: [&str; 5] = ["member", "gold", "platinum", "platinum-pro", "executive-platinum"];

fn aadvantage() -> Program {
    read(AADVANTAGE, 1, Moment::BEGINNING, &Register::default()).unwrap()
}

fn line(category: &str, minor_units: i64) -> Line {
    let (line_id, sku) = (category.into(), "".into());
    Line { line_id, sku, category: category.into(), quantity: Quantity::ONE, minor_units, attributes: Vec::new() }
}

fn flight(lines: Vec<Line>) -> Purchase {
    Purchase {
        receipt: ReceiptKey { source: "aa.com".into(), id: "1".into() },
        kind: "flight".into(),
        occurred_at: parse_rfc3339("2026-05-04T09:30:00Z").unwrap(),
        zone: None,
        currency: CurrencyCode::parse("USD").unwrap(),
        lines,
        tenders: Vec::new(),
        channel: "".into(),
        store: "".into(),
        partner: "".into(),
        attributes: Vec::new(),
    }
}

fn with(mut purchase: Purchase, attributes: &[(&str, Value)]) -> Purchase {
    purchase.attributes.extend(attributes.iter().map(|(name, value)| ((*name).into(), value.clone())));
    purchase
}

/// Miles and loyalty points of a purchase for a member on `tier`.
fn earned(program: &Program, purchase: &Purchase, tier: &str) -> (i128, i128) {
    let tier = TierId(program.register.word(tier).unwrap());
    let subject = Subject {
        program,
        purchase: Some(purchase),
        line: None,
        member: &[],
        tier: Some(tier),
        clubs: &[],
        segments: &[],
        meters: &[],
        at: purchase.occurred_at,
    };
    let (mut miles, mut points) = (0, 0);
    let loyalty_points = program.meters[0].id;
    // A boost is only had by whom it was given.
    for rule in program.rules.iter().filter(|rule| rule.boost.is_none() && applies(rule, program, &subject)) {
        let granted = granted(rule, purchase, &subject, tier);
        miles += if rule.wallet.is_some() { granted } else { 0 };
        points += if rule.meters.contains(&loyalty_points) { granted } else { 0 };
    }
    (miles, points)
}

fn applies(rule: &Rule, program: &Program, subject: &Subject<'_>) -> bool {
    let purchase = subject.purchase.unwrap();
    let judged_at = match rule.judged_by {
        JudgedBy::OccurredAt => purchase.occurred_at,
        JudgedBy::Attribute(id) => {
            let found = purchase.attributes.iter().find(|(name, _)| **name == *program.text(id.0));
            found.map_or(purchase.occurred_at, |(_, value)| match value {
                Value::Moment(moment) => *moment,
                other => panic!("{other:?}"),
            })
        }
    };
    let when = rule.when.as_ref().is_none_or(|when| when.holds(subject).unwrap());
    when && rule.from <= judged_at && judged_at < rule.until
}

fn granted(rule: &Rule, purchase: &Purchase, subject: &Subject<'_>, tier: TierId) -> i128 {
    assert_eq!((rule.rounds, rule.bonus_of), (Rounds::Result, BonusOf::Exact));
    let bases: Vec<i128> = match &rule.basis {
        Basis::Purchase(expression) => vec![expression.value(subject).unwrap().into()],
        _ => purchase.lines.iter().filter_map(|line| on_line(rule, line, subject)).collect(),
    };
    let portions = if rule.per == Per::Line { bases } else { vec![bases.iter().sum()] };
    let bonus = rule.bonus.iter().find(|(id, _)| *id == tier).map(|(_, share)| *share);
    portions
        .iter()
        .map(|basis| part(rule, *basis, Ratio::ONE) + bonus.map_or(0, |share| part(rule, *basis, share)))
        .sum()
}

fn on_line(rule: &Rule, line: &Line, subject: &Subject<'_>) -> Option<i128> {
    let subject = Subject { line: Some(line), ..*subject };
    let chosen = rule.lines.as_ref().is_none_or(|lines| lines.holds(&subject).unwrap());
    let basis = match &rule.basis {
        Basis::Amount => line.minor_units,
        Basis::Quantity => line.quantity.0,
        Basis::Line(expression) | Basis::Purchase(expression) => expression.value(&subject).unwrap(),
        Basis::BasePoints => panic!("{}", rule.rate.written),
    };
    chosen.then_some(basis.into())
}

fn part(rule: &Rule, basis: i128, share: Ratio) -> i128 {
    let above = basis * i128::from(rule.rate.points.numerator) * i128::from(share.numerator);
    let below = i128::from(rule.rate.step) * i128::from(rule.rate.points.denominator) * i128::from(share.denominator);
    rule.rounding.divide(above, below)
}

fn by_tier(purchase: &Purchase) -> [i128; 5] {
    let program = aadvantage();
    TIERS.map(|tier| {
        let (miles, points) = earned(&program, purchase, tier);
        assert_eq!(miles, points, "every flown mile is a loyalty point");
        miles
    })
}

#[test]
fn dallas_to_london_earns_what_the_published_table_says() {
    let bought = flight(vec![line("fare", 143_600), line("carrier_fee", 45_800), line("tax", 21_234)]);
    assert_eq!(by_tier(&bought), [9_470, 13_258, 15_152, 17_046, 20_834]);
    assert_eq!(by_tier(&flight(vec![line("fare", 25_000)])), [1_250, 1_750, 2_000, 2_250, 2_750]);
}

#[test]
fn the_posting_of_2025_is_reproduced() {
    // 214 base and 129 bonus at 60 %.
    assert_eq!(by_tier(&flight(vec![line("fare", 4_285)]))[2], 343);
}

#[test]
fn basic_economy_goes_by_the_moment_of_ticketing() {
    let rows = [
        ("2023-02-28T23:59:59-06:00", [500, 700, 800, 900, 1_100]),
        ("2023-03-01T00:00:00-06:00", [200; 5]),
        ("2025-12-16T23:59:00-06:00", [200; 5]),
        ("2025-12-17T00:00:00-06:00", [0; 5]),
    ];
    for (ticketed_at, want) in rows {
        let ticketed_at = Value::Moment(parse_rfc3339(ticketed_at).unwrap());
        let attributes = [("basic_economy", Value::Bool(true)), ("ticketed_at", ticketed_at)];
        assert_eq!(by_tier(&with(flight(vec![line("fare", 10_000)]), &attributes)), want);
    }
}

#[test]
fn only_preferred_bookings_earn_since_may_2024() {
    let booked = |ticketed_at: &str| {
        let ticketed_at = Value::Moment(parse_rfc3339(ticketed_at).unwrap());
        let attributes = [("preferred_booking", Value::Bool(false)), ("ticketed_at", ticketed_at)];
        by_tier(&with(flight(vec![line("fare", 10_000)]), &attributes))[0]
    };
    assert_eq!(booked("2024-04-30T23:59:59-05:00"), 500);
    assert_eq!(booked("2024-05-01T00:00:00-05:00"), 0);
}

fn segment(attributes: &[(&str, Value)]) -> Line {
    let mut segment = line("segment", 0);
    segment.attributes = attributes.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    segment
}

#[test]
fn partner_airlines_earn_by_distance() {
    let flown = segment(&[
        ("distance", Value::Integer(1_000)),
        ("base_percent", Value::Integer(50)),
        ("cabin_percent", Value::Integer(25)),
    ]);
    let mut partner = flight(vec![flown]);
    partner.partner = "qatar".into();
    assert_eq!(by_tier(&partner)[..2], [750, 950]);
    partner.partner = "iberia".into();
    assert_eq!(by_tier(&partner)[0], 0, "by money since 18 October 2023");
    partner.occurred_at = parse_rfc3339("2023-10-17T23:59:59-05:00").unwrap();
    assert_eq!(by_tier(&partner)[1], 950);
    partner.occurred_at = parse_rfc3339("2023-10-18T00:00:00-05:00").unwrap();
    partner.lines = vec![line("fare", 25_000)];
    assert_eq!(by_tier(&partner), [1_250, 1_750, 2_000, 2_250, 2_750]);
}

#[test]
fn special_fares_earn_by_booking_code() {
    let rows = [
        ("F", 2_000),
        ("D", 1_750),
        ("R", 1_500),
        ("I", 1_000),
        ("K", 1_000),
        ("L", 750),
        ("N", 500),
        ("O", 250),
        ("B", 250),
        ("Z", 0),
    ];
    for (code, want) in rows {
        let flown = segment(&[("distance", Value::Integer(1_000)), ("booking_code", Value::Text(code.into()))]);
        let special = with(flight(vec![flown, line("fare", 90_000)]), &[("special_fare", Value::Bool(true))]);
        assert_eq!(by_tier(&special)[0], want, "{code}");
    }
}

#[test]
fn cards_count_dollars_and_bought_miles_count_nothing() {
    let program = aadvantage();
    let mut card = flight(vec![line("restaurant", 10_000)]);
    card.kind = "card".into();
    card.lines[0].attributes = vec![("multiplier".into(), Value::Integer(3))];
    assert_eq!(earned(&program, &card, "gold"), (300, 100));
    let mut bought = flight(vec![line("miles", 9_999)]);
    (bought.kind, bought.lines[0].quantity) = ("miles_purchase".into(), Quantity(5_000_000));
    assert_eq!(earned(&program, &bought, "gold"), (5_000, 0));
    let mut hotel = with(flight(vec![line("room", 40_000)]), &[("base_miles", Value::Integer(1_000))]);
    hotel.kind = "partner".into();
    assert_eq!(earned(&program, &hotel, "gold"), (1_000, 1_000));
}
