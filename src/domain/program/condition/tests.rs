//! What conditions may say, what they come to, and every way in which one is refused.

use std::hint::black_box;

use super::parse::{DEPTH_MAX, LENGTH_MAX};
use super::*;
use crate::domain::calendar::parse_rfc3339;
use crate::domain::order::ReceiptKey;
use crate::domain::program::{Program, Register, source};
use crate::domain::units::{CurrencyCode, Quantity};
use proptest::prelude::*;

const PROGRAM: &str = r#"
id = "hotel"
zone = "UTC"
currency = "USD"
kinds = ["stay", "sale"]
[meters.nights]
window = "lifetime"
[meters.stays]
window = "lifetime"
[meters.spend]
decimals = 2
window = "lifetime"
[attributes.purchase]
booked_at = { type = "moment", default = "occurred_at" }
brand = { type = "text", default = "house" }
group = { type = "bool", default = false }
[attributes.line]
weight = { type = "integer", default = 7 }
gift = { type = "bool", default = true }
[attributes.member]
children = { type = "integer", default = 2 }
born_at = { type = "moment", default = 1990-01-01 }
[ladder]
[[ladder.tier]]
id = "gold"
qualify = 'nights >= 10'
validity = "forever"
[[ladder.tier]]
id = "diamond"
qualify = '(nights >= 80 || stays >= 40) && spend >= 1800000'
validity = "forever"
"#;

/// The clubs of that program.
const CLUBS_TEXT: &str = "[[club]]\nid = \"admirals\"\ndoor = \"open\"\n[[club]]\nid = \"pilots\"\ndoor = \"open\"\n";

fn program() -> Program {
    source::read(&[PROGRAM, CLUBS_TEXT].concat(), 1, Moment::BEGINNING, &Register::default()).unwrap()
}

fn names(program: &Program, place: Place) -> Names<'_> {
    Names {
        place,
        register: &program.register,
        attributes: &program.attributes,
        unsound: &[],
        meters: &program.meters,
        // The base, then gold and diamond.
        tiers: TIERS.get_or_init(|| {
            let ladder = program.ladder.as_ref().unwrap();
            std::iter::once(ladder.base).chain(ladder.tiers.iter().map(|tier| tier.id)).collect()
        }),
        segments: SEGMENTS.get_or_init(|| program.segments.iter().map(|segment| segment.id).collect()),
        clubs: CLUBS.get_or_init(|| program.clubs.iter().map(|club| club.id).collect()),
        kinds: &program.kinds,
        currency: Some(program.currency),
    }
}

static CLUBS: std::sync::OnceLock<Vec<crate::domain::program::ClubId>> = std::sync::OnceLock::new();
static SEGMENTS: std::sync::OnceLock<Vec<crate::domain::program::SegmentId>> = std::sync::OnceLock::new();
static TIERS: std::sync::OnceLock<Vec<crate::domain::program::TierId>> = std::sync::OnceLock::new();

fn line() -> Line {
    Line {
        line_id: "1".into(),
        sku: "Zürich-77".into(),
        category: "room".into(),
        quantity: Quantity(2_500),
        minor_units: 12_345,
        attributes: vec![("gift".into(), Value::Bool(false))],
    }
}

fn purchase() -> Purchase {
    Purchase {
        receipt: ReceiptKey { source: "pms".into(), id: "1".into() },
        kind: "stay".into(),
        occurred_at: parse_rfc3339("2026-05-04T09:30:00Z").unwrap(),
        zone: None,
        currency: CurrencyCode::parse("USD").unwrap(),
        lines: vec![line(), Line { minor_units: -345, ..line() }],
        tenders: Vec::new(),
        channel: "app".into(),
        store: "".into(),
        partner: "".into(),
        attributes: vec![("group".into(), Value::Bool(true))],
    }
}

struct Scene {
    program: Program,
    purchase: Purchase,
    line: Line,
    member: Vec<(crate::domain::program::AttributeId, Value)>,
}

impl Scene {
    fn new() -> Self {
        let program = program();
        let born = program.attribute(crate::domain::program::Scope::Member, "born_at").unwrap().id;
        let member = vec![(born, Value::Moment(parse_rfc3339("2001-01-01T00:00:00Z").unwrap()))];
        Self { program, purchase: purchase(), line: line(), member }
    }

    fn subject<'a>(&'a self, meters: &'a [i64]) -> Subject<'a> {
        Subject {
            program: &self.program,
            purchase: Some(&self.purchase),
            line: Some(&self.line),
            member: &self.member,
            tier: None,
            clubs: &[],
            segments: &[],
            meters,
            at: self.purchase.occurred_at,
        }
    }

    fn tier(&self, id: &str) -> crate::domain::program::TierId {
        crate::domain::program::TierId(self.program.register.word(id).unwrap())
    }
}

fn objections(written: &str, place: Place) -> Vec<(usize, String)> {
    let program = program();
    let read = Condition::read(written, &names(&program, place));
    read.err().unwrap_or_default().into_iter().map(|objection| (objection.at, objection.message)).collect()
}

#[test]
fn conditions_are_answered() {
    let scene = Scene::new();
    let rows = [
        ("true", true),
        ("!true || false", false),
        (r#"purchase.kind == "stay""#, true),
        (r#"purchase.kind != "stay""#, false),
        (r#"purchase.channel in ["web", "app"]"#, true),
        (r#"!(purchase.channel in ["web", "app"])"#, false),
        (r#"purchase.store == "" && purchase.currency == "USD""#, true),
        ("purchase.total == 12000", true),
        ("purchase.total < 12000 || purchase.total > 12000", false),
        ("12000 <= purchase.total", true),
        ("12001 <= purchase.total", false),
        ("line.amount >= 12345 && line.amount <= 12345", true),
        ("line.quantity == 2500", true),
        ("line.weight == 7", true),
        ("line.gift", false),
        ("line.gift == false", true),
        ("line.gift != purchase.group", true),
        ("purchase.group && !line.gift", true),
        (r#"purchase.brand == "house""#, true),
        (r#"line.sku.startsWith("Zür")"#, true),
        (r#"line.sku.endsWith("78")"#, false),
        (r#"line.sku.contains("ich-")"#, true),
        (r#"member.tier == "member""#, true),
        (r#"member.tier in ["gold", "diamond"]"#, false),
        ("member.children * 2 + 1 == 5", true),
        ("member.children - 3 == -1", true),
        ("-member.children == -2", true),
        ("line.weight / 2 == 3 && line.weight % 4 == 3", true),
        ("-7 / 2 == -3", true),
        ("member.children in [1, 2, 3]", true),
        ("member.children in [1, 3]", false),
        ("purchase.booked_at == purchase.occurred_at", true),
        (r#"purchase.booked_at < timestamp("2026-05-04T09:30:00Z")"#, false),
        (r#"purchase.booked_at >= timestamp("2026-05-04T04:30:00-05:00")"#, true),
        (r#"member.born_at > timestamp("2000-01-01T00:00:00Z")"#, true),
        ("(line.amount > 0 ? 1 : 2) == 1", true),
        ("line.gift ? true : line.amount == 12345", true),
        ("!(line.gift ? true : line.amount == 12345)", false),
        ("line.amount > 0 // a comment\n && true", true),
    ];
    for (written, want) in rows {
        let condition = Condition::read(written, &names(&scene.program, Place::Line));
        let condition = condition.unwrap_or_else(|objections| panic!("{written}: {objections:?}"));
        assert_eq!(condition.holds(&scene.subject(&[])), Ok(want), "{written}");
        assert_eq!(condition.negated().holds(&scene.subject(&[])), Ok(!want), "not {written}");
    }
}

#[test]
fn a_tier_held_is_seen_by_its_id() {
    let scene = Scene::new();
    let gold = Condition::read(r#"member.tier == "gold""#, &names(&scene.program, Place::Purchase)).unwrap();
    let holds = |tier| gold.holds(&Subject { tier, ..scene.subject(&[]) });
    assert_eq!(holds(Some(scene.tier("gold"))), Ok(true));
    assert_eq!(holds(Some(scene.tier("diamond"))), Ok(false));
}

#[test]
fn numbers_are_exact_and_never_wrap() {
    let mut scene = Scene::new();
    scene.line.minor_units = i64::MAX;
    let value = |written: &str| {
        let expression = IntegerExpression::read(written, &names(&scene.program, Place::Line)).unwrap();
        expression.value(&scene.subject(&[]))
    };
    assert_eq!(value("line.amount"), Ok(i64::MAX));
    assert_eq!(value("line.amount * 100 / 100"), Ok(i64::MAX), "128 bits in between");
    assert_eq!(value("line.amount + 1"), Err(Overflow));
    assert_eq!(value("line.amount * line.amount * line.amount"), Err(Overflow));
    assert_eq!(value("-9223372036854775808"), Ok(i64::MIN));
    scene.purchase.lines = vec![scene.line.clone(), scene.line.clone()];
    let total = Condition::read("purchase.total > 0", &names(&scene.program, Place::Line)).unwrap();
    assert_eq!(total.holds(&scene.subject(&[])), Err(Overflow));
}

#[test]
fn what_is_missing_is_said_as_alternatives() {
    let scene = Scene::new();
    let short = |meter, threshold, missing| Shortfall { meter, threshold, missing };
    type Row = (&'static str, [i64; 3], Vec<Vec<Shortfall>>);
    let rows: [Row; 8] = [
        ("nights >= 10", [10, 0, 0], vec![vec![]]),
        ("nights >= 10", [4, 0, 0], vec![vec![short(0, 10, 6)]]),
        ("10 < nights", [4, 0, 0], vec![vec![short(0, 11, 7)]]),
        ("!(nights < 10)", [4, 0, 0], vec![vec![short(0, 10, 6)]]),
        (
            "(nights >= 80 || stays >= 40) && spend >= 1800000",
            [79, 39, 1_799_900],
            vec![vec![short(0, 80, 1), short(2, 1_800_000, 100)], vec![short(1, 40, 1), short(2, 1_800_000, 100)]],
        ),
        ("(nights >= 80 || stays >= 40) && spend >= 1800000", [80, 0, 1_799_900], vec![vec![short(2, 1_800_000, 100)]]),
        ("nights >= 10 && nights >= 20", [4, 0, 0], vec![vec![short(0, 20, 16)]]),
        ("nights + stays >= 10", [4, 0, 0], vec![]),
    ];
    for (written, meters, want) in rows {
        let condition = Condition::read(written, &names(&scene.program, Place::Tier)).unwrap();
        let missing: Vec<_> = condition.missing(&scene.subject(&meters)).into_iter().map(|way| way.meters).collect();
        assert_eq!(missing, want, "{written} {meters:?}");
    }
    let rests =
        Condition::read("(nights >= 80 || stays >= 40) && spend >= 9", &names(&scene.program, Place::Tier)).unwrap();
    let met = |meters: [i64; 3]| rests.missing(&scene.subject(&meters)).into_iter().flat_map(|way| way.met).collect();
    let all: [Vec<_>; 3] = [met([80, 0, 8]), met([0, 41, 9]), met([79, 39, 9])];
    assert_eq!(all, [vec![(0, 80)], vec![(1, 40), (2, 9)], vec![(2, 9), (2, 9)]], "what is there must stay");
    let many = vec!["(nights >= 1 || stays >= 1)"; 30].join("&&");
    let many = Condition::read(&many, &names(&scene.program, Place::Tier)).unwrap();
    assert!(many.missing(&scene.subject(&[0, 0, 0])).len() <= 16);
}

#[test]
fn attributes_that_stand_in_the_way_are_named() {
    let scene = Scene::new();
    type Row = (&'static str, Vec<(Vec<i64>, Vec<&'static str>)>);
    let rows: [Row; 6] = [
        ("nights >= 10 && member.children == 9", vec![(vec![6], vec!["children"])]),
        ("member.children == 9 && nights >= 10 && member.children > 8", vec![(vec![6], vec!["children"])]),
        ("nights >= 10 || member.children == 9", vec![(vec![6], vec![]), (vec![], vec!["children"])]),
        ("nights >= 10 && member.children * 2 + nights < 4", vec![(vec![6], vec!["children"])]),
        ("nights >= 10 && !(member.children != 9)", vec![(vec![6], vec!["children"])]),
        ("nights < 4", vec![]),
    ];
    for (written, want) in rows {
        let condition = Condition::read(written, &names(&scene.program, Place::Tier)).unwrap();
        let found = condition.missing(&scene.subject(&[4, 0, 0]));
        let meters = |way: &Lacking| way.meters.iter().map(|short| short.missing).collect::<Vec<_>>();
        let found: Vec<(Vec<i64>, Vec<&str>)> =
            found.iter().map(|way| (meters(way), way.attributes.iter().map(|name| &**name).collect())).collect();
        assert_eq!(found, want, "{written}");
    }
}

#[test]
fn what_cannot_be_a_condition_is_objected_to_where_it_stands() {
    let rows: &[(&str, usize, &str)] = &[
        ("", 0, "the condition is empty"),
        ("purchase.total", 0, "this is a whole number, where a yes or no is needed"),
        (
            "true && purchase.totl > 1",
            8,
            "`purchase` has no `totl`, did you mean `total`?; attributes are declared under `[attributes.purchase]`",
        ),
        ("purchse.total > 1", 0, "unknown name `purchse`, did you mean `purchase`?"),
        ("purchase.brand == 7", 0, "a text cannot be compared with a whole number"),
        (r#"purchase.kind == "staj""#, 17, "`kinds` does not list `staj`, did you mean `stay`?"),
        (r#""staj" != purchase.kind"#, 0, "`kinds` does not list `staj`, did you mean `stay`?"),
        (r#"purchase.kind in ["stay", "sael"]"#, 26, "`kinds` does not list `sael`, did you mean `sale`?"),
        (r#"member.tier == "gould""#, 15, "the ladder has no tier `gould`, did you mean `gold`?"),
        (r#"purchase.currency == "EUR""#, 21, "the program's currency is `USD`, never `EUR`"),
        ("line.amount > 1.5", 14, "only whole numbers are counted, in smallest units"),
        ("line.amount > 1u", 14, "whole numbers are written without `u`"),
        ("line.amount / line.weight > 1", 14, "only a constant other than 0 can divide"),
        ("line.amount % 0 > 1", 14, "only a constant other than 0 can divide"),
        ("line.amount > 9223372036854775807 + 1", 14, "this number is too large"),
        ("[1].exists(x, x > 0)", 4, "`exists` would loop; conditions have no comprehensions"),
        ("has(purchase.kind)", 0, "`has` is not needed: every attribute has a default or is required"),
        ("purchase.kind in {\"a\": 1}", 17, "a condition has no maps and no messages"),
        ("purchase.kind in []", 17, "nothing is in an empty list"),
        ("purchase.kind in [purchase.brand]", 18, "the list after `in` holds constants only"),
        ("purchase.kind in purchase.brand", 17, "`in` takes a list of constants, such as `[\"a\", \"b\"]`"),
        ("line.gift < true", 0, "yes and no have no order"),
        ("purchase.brand.startWith(\"a\")", 0, "unknown function `startWith`, did you mean `startsWith`?"),
        ("matches(purchase.brand, \"a\")", 0, "unknown function `matches`"),
        ("purchase.booked_at > timestamp(\"yesterday\")", 31, "not a moment; write it as `2026-05-04T09:30:00Z`"),
        ("purchase.booked_at > timestamp(purchase.brand)", 31, "`timestamp` takes a constant text"),
        ("purchase.a.b == 1", 0, "names have two parts, such as `purchase.total`"),
        ("purchase == 1", 0, "`purchase` is no value; write `purchase.` and a name"),
        ("nights >= 1", 0, "`nights` is a meter; conditions on purchases see no meters"),
        (
            "\"äö\" == purchase.brnd",
            8,
            "`purchase` has no `brnd`, did you mean `brand`?; attributes are declared under `[attributes.purchase]`",
        ),
        ("true ? 1 : \"a\"", 11, "`? :` chooses between a whole number and a text"),
        (
            "true &&\n purchase.totl > 1",
            9,
            "`purchase` has no `totl`, did you mean `total`?; attributes are declared under `[attributes.purchase]`",
        ),
    ];
    for (written, at, message) in rows {
        assert_eq!(objections(written, Place::Line), [(*at, (*message).to_owned())], "{written}");
    }
    let both = objections("purchase.totl > 1 || line.amont > 1", Place::Line);
    assert_eq!(both.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 21], "all at once");
}

#[test]
fn each_place_sees_its_own() {
    let seen = |written: &str, place| objections(written, place).into_iter().map(|(_, message)| message).next();
    assert_eq!(seen("line.amount > 1", Place::Line), None);
    assert!(seen("line.amount > 1", Place::Purchase).unwrap().contains("use `lines`"));
    assert_eq!(seen("nights >= 1 && member.children == 1", Place::Tier), None);
    assert!(seen("purchase.total > 1", Place::Tier).unwrap().starts_with("a tier's condition sees meters"));
    assert!(seen("member.tier == \"gold\"", Place::Tier).unwrap().contains("cannot ask for the tier"));
    assert_eq!(seen("nigths >= 1", Place::Tier).unwrap(), "unknown name `nigths`, did you mean `nights`?");
}

#[test]
fn what_is_asked_of_a_member_sees_meters_and_all_of_her() {
    let scene = Scene::new();
    let rows = [
        ("nights >= 5 && stays < 3", true),
        (r#"member.tier == "gold" && member.children == 2"#, true),
        (r#""admirals" in member.clubs"#, true),
        (r#"!("pilots" in member.clubs) || nights > 7"#, true),
        (r#""pilots" in member.clubs"#, false),
    ];
    let at = scene.purchase.occurred_at;
    let belongs = |name: &str, since: i64, until: i64| crate::domain::member::Membership {
        club: crate::domain::program::ClubId(scene.program.register.word(name).unwrap()),
        since: Moment(at.0 + since),
        until: Moment(at.0 + until),
        entry: crate::domain::event::Seq::THIS,
        has_place: false,
    };
    let clubs = [belongs("pilots", -9, 0), belongs("admirals", 0, 1), belongs("pilots", 1, 9)];
    for (written, want) in rows {
        let condition = Condition::read(written, &names(&scene.program, Place::Member));
        let condition = condition.unwrap_or_else(|objections| panic!("{written}: {objections:?}"));
        let tier = Some(scene.tier("gold"));
        let subject = Subject { purchase: None, line: None, tier, clubs: &clubs, ..scene.subject(&[5, 2, 0]) };
        assert_eq!(condition.holds(&subject), Ok(want), "{written}");
        assert_eq!(condition.negated().holds(&subject), Ok(!want), "not {written}");
    }
}

#[test]
fn clubs_are_asked_for_by_their_ids() {
    let rows = [
        (r#""admiral" in member.clubs"#, Place::Purchase, 0, "no club `admiral`, did you mean `admirals`?"),
        (r#"true && "chess" in member.clubs"#, Place::Member, 8, "no club `chess`"),
        (r#""admirals" in member.clubs"#, Place::Tier, 0, "a tier's condition cannot ask for clubs"),
        (
            "member.tier in member.clubs",
            Place::Line,
            0,
            "only the id of a club, in quotes, is looked for in `member.clubs`",
        ),
        (
            r#"member.clubs == "admirals""#,
            Place::Member,
            0,
            "`member.clubs` is a list; write `\"the-club\" in member.clubs`",
        ),
        ("purchase.total > 1", Place::Member, 0, "what is asked of a member sees meters and `member`, not `purchase`"),
        ("nigths > 1", Place::Member, 0, "unknown name `nigths`, did you mean `nights`?"),
        ("member.club > 1", Place::Member, 0, MEMBER_CLUB),
    ];
    for (written, place, at, message) in rows {
        assert_eq!(objections(written, place), [(at, message.to_owned())], "{written}");
    }
    assert_eq!(objections(r#""admirals" in member.clubs"#, Place::Line), []);
}

const MEMBER_CLUB: &str =
    "`member` has no `club`, did you mean `clubs`?; attributes are declared under `[attributes.member]`";

#[test]
fn what_can_never_hold_is_known_and_what_could_is_not_refused() {
    let program = program();
    let read = |written: &str| Condition::read(written, &names(&program, Place::Line)).unwrap();
    let never = [
        "false",
        "1 > 2",
        "!true || (false && line.gift)",
        r#"purchase.kind == "stay" && purchase.kind == "sale""#,
        r#"purchase.kind == "stay" && purchase.kind != "stay""#,
        r#"purchase.kind in ["stay", "sale"] && !(purchase.kind in ["sale", "stay"])"#,
        r#""a" == purchase.store && "b" == purchase.store"#,
        r#"line.sku == "ab" && !line.sku.contains("b")"#,
        "purchase.total > 10 && purchase.total < 5",
        "purchase.total > 10 && (purchase.total < 5 || purchase.total == 7)",
        "purchase.total >= 5 && purchase.total <= 5 && purchase.total != 5",
        "line.weight * 2 > 4 && line.weight * 2 < 4",
        "member.children in [1, 2] && member.children > 2",
        "line.gift && !line.gift",
        "line.gift == true && line.gift == false",
        "line.gift ? false : line.gift",
        r#""pilots" in member.clubs && !("pilots" in member.clubs)"#,
        r#"member.tier == "gold" && member.tier in ["member", "diamond"]"#,
        r#"purchase.occurred_at < timestamp("2026-01-01T00:00:00Z") && purchase.occurred_at > timestamp("2027-01-01T00:00:00Z")"#,
    ];
    for written in never {
        assert!(read(written).never_holds(), "{written}");
    }
    let at_times = [
        "true",
        r#"purchase.kind == "stay" || purchase.kind == "sale""#,
        r#"purchase.kind == "stay" && purchase.store == "sale""#,
        r#"purchase.store < "b" && purchase.store > "a""#,
        "purchase.total > 5 && purchase.total < 10",
        "purchase.total > 10 && line.amount < 5",
        "line.weight * 2 > 4 && line.weight < 2",
        "line.gift || !line.gift",
        r#""pilots" in member.clubs && !("admirals" in member.clubs)"#,
        r#"line.sku.startsWith("a") && line.sku.startsWith("b")"#,
    ];
    for written in at_times {
        assert!(!read(written).never_holds(), "{written}");
    }
    let many = vec![r#"(line.sku == "a" || line.sku == "b")"#; 25].join("&&");
    assert!(!read(&many).never_holds(), "what takes too long to tell is possible");
    assert!(read("line.weight > 3").implies(&read("line.weight >= 2")));
    assert!(!read("line.weight > 1").implies(&read("line.weight >= 3")));
    assert!(read("line.weight > 3").excludes(&read("line.weight in [1, 2]")));
}

#[test]
fn syntax_errors_are_placed() {
    let rows = [
        ("true &&", 7, "the condition ends where something is missing"),
        ("(true", 5, "`)` is missing here"),
        ("purchase.kind = \"a\"", 14, "`=` is not a comparison; equality is written `==`"),
        ("\"äöü\" = 1", 6, "`=` is not a comparison; equality is written `==`"),
        ("true\n&& )", 8, "`)` was not expected here"),
        ("true true", 5, "`true` was not expected here"),
        ("1 => 2", 2, "`=>` was not expected here"),
        ("a & b", 2, "`&` was not expected here"),
        ("'abc", 0, "`'abc` was not expected here"),
        ("9223372036854775808 > 1", 0, "this number is too large"),
    ];
    for (written, at, message) in rows {
        assert_eq!(objections(written, Place::Line), [(at, message.to_owned())], "{written}");
    }
}

#[test]
fn conditions_are_bounded() {
    let long = "true||".repeat(LENGTH_MAX / 6 + 1) + "true";
    assert_eq!(objections(&long, Place::Line), [(0, "a condition has at most 1000 bytes".to_owned())]);
    let nested = |depth: usize| "(".repeat(depth) + "true" + &")".repeat(depth);
    assert_eq!(objections(&nested(DEPTH_MAX), Place::Line), []);
    assert_eq!(objections(&nested(DEPTH_MAX + 1), Place::Line).len(), 1);
}

/// The deepest trees that fit the length, on a stack as small as a worker thread's.
#[test]
fn the_longest_chains_fit_a_small_stack() {
    let chains = [
        "1".to_owned() + &"+1".repeat(490) + " == 491",
        "line.amount".to_owned() + &"+line.amount".repeat(80) + " > 0",
        "true".to_owned() + &"==true".repeat(160),
        "!".repeat(900) + "true",
        "true ? true : ".repeat(16) + "true",
        "(true ? true : ".repeat(16) + "true" + &")".repeat(16),
        "((((((((((((((((true))))))))))))))))".to_owned(),
        "[".repeat(16) + "1" + &"]".repeat(16),
        "f(".repeat(16) + "1" + &")".repeat(16),
        "a".to_owned() + &".b".repeat(490),
        "true".to_owned() + &"&&true".repeat(160),
        "1".to_owned() + &" in 1".repeat(190),
    ];
    let read = move || {
        let scene = Scene::new();
        for chain in &chains {
            assert!(chain.len() <= LENGTH_MAX, "{}", chain.len());
            if let Ok(condition) = Condition::read(chain, &names(&scene.program, Place::Line)) {
                let _ = black_box(condition.never_holds());
                let _ = black_box(condition.holds(&scene.subject(&[])));
            }
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(read).unwrap().join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_breaks_the_reading(written in "\\PC{0,80}") {
        let _ = objections(&written, Place::Line);
    }

    #[test]
    fn no_mixture_of_condition_words_breaks_the_reading(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..30),
    ) {
        let written = words.concat();
        let scene = Scene::new();
        if let Ok(condition) = Condition::read(&written, &names(&scene.program, Place::Line)) {
            let holds = condition.holds(&scene.subject(&[])) == Ok(true);
            prop_assert!(!(holds && condition.never_holds()), "{written}");
        }
    }

    #[test]
    fn sums_agree_with_wide_arithmetic(a in any::<i64>(), b in -1_000_i64..1_000, c in 1_i64..50) {
        let mut scene = Scene::new();
        scene.line.minor_units = a;
        let written = format!("(line.amount + {b}) * {c} - line.amount % {c}");
        let expression = IntegerExpression::read(&written, &names(&scene.program, Place::Line)).unwrap();
        let (a, b, c) = (i128::from(a), i128::from(b), i128::from(c));
        let want = i64::try_from((a + b) * c - a % c).map_err(|_| Overflow);
        prop_assert_eq!(expression.value(&scene.subject(&[])), want);
    }
}

const WORDS: &[&str] = &[
    "purchase",
    ".",
    "kind",
    "line",
    "amount",
    "total",
    "==",
    "!=",
    "<",
    ">=",
    "&&",
    "||",
    "!",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "\"a\"",
    "'",
    "\"",
    "1",
    "-",
    "0",
    "9223372036854775808",
    "+",
    "*",
    "/",
    "%",
    " in ",
    "?",
    ":",
    "true",
    " ",
    "\n",
    "timestamp",
    "has",
    "startsWith",
    "//",
    "1.5",
    "1u",
    "b'x'",
    "null",
    "`",
    "\\",
    "ä",
    "r\"",
    "member.tier",
    "member.clubs",
    "\"admirals\"",
    "in",
    "if",
];
