use proptest::prelude::*;

use super::*;
use crate::domain::calendar::{CalendarSpan, parse_rfc3339};
use crate::domain::program::{Basis, JudgedBy, OnClose, Validity, Window, Word};
use crate::domain::units::{Ratio, Rounding};

const AADVANTAGE: &str = include_str!("../../../../deploy/programs/aadvantage.toml");
const CDNOW: &str = include_str!("../../../../deploy/programs/cdnow.toml");

pub(super) fn first_version(text: &str) -> Result<Program, Vec<Flaw>> {
    read(text, 1, Moment::BEGINNING, &Register::default())
}

pub(super) fn flaws(text: &str) -> Vec<String> {
    first_version(text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

pub(super) fn sound(text: &str) -> Program {
    first_version(text).unwrap_or_else(|flaws| panic!("{flaws:#?}"))
}

/// A small sound program; line 1 holds the head, so that what is added starts on line 9.
pub(super) const SMALL: &str = r#"id = "cafe"
zone = "UTC"
currency = "USD"
[wallets.stars]
decimals = 1
[meters.visits]
window = "lifetime"

"#;

/// A sound rule, on one line, with `{}` to put things into.
pub(super) fn rule(more: &str) -> String {
    let keys = [
        ("rule", r#"rule = "r""#),
        ("basis", r#"basis = "amount""#),
        ("rate", r#"rate = "1 per 1.00""#),
        ("rounding", r#"rounding = "floor""#),
        ("wallet", r#"wallet = "stars""#),
    ];
    let absent =
        |key: &str| !more.split('\n').any(|line| line.trim_start_matches('-').starts_with(&format!("{key} =")));
    let kept = keys.iter().filter(|(key, _)| absent(key)).map(|(_, line)| *line);
    let more = more.split('\n').filter(|line| !line.starts_with('-'));
    let lines: Vec<&str> = std::iter::once("[[earning]]").chain(more).chain(kept).collect();
    lines.join("\n")
}

#[test]
fn the_sample_programs_are_sound() {
    let aadvantage = sound(AADVANTAGE);
    assert_eq!(aadvantage.rules.len(), 14);
    assert_eq!(aadvantage.kinds.len(), 4);
    let ladder = aadvantage.ladder.as_ref().unwrap();
    let tiers: Vec<&str> = ladder.tiers.iter().map(|tier| aadvantage.text(tier.id.0)).collect();
    assert_eq!(tiers, ["gold", "platinum", "platinum-pro", "executive-platinum", "concierge-key"]);
    assert_eq!(aadvantage.text(ladder.base.0), "member");
    let cdnow = sound(CDNOW);
    assert_eq!(
        cdnow.wallets.iter().map(|w| cdnow.text(w.id.0)).collect::<Vec<_>>(),
        ["floor", "half-up", "half-even", "ceil"]
    );
    assert_eq!(cdnow.rules[4].rate.points, Ratio::whole(100));
    assert_eq!(cdnow.rules[4].rate.step, 100);
}

#[test]
fn ids_are_numbered_in_the_order_of_the_file_and_keep_their_numbers() {
    let words = ["stars", "visits", "r"].map(Box::<str>::from);
    let text = SMALL.to_owned() + &rule("");
    assert_eq!(sound(&text).register.words(), &words);
    let known = Register::of(["visits", "gone"].map(Box::<str>::from));
    let next = read(&text, 2, Moment(5), &known).unwrap();
    assert_eq!(next.register.word("visits"), Some(Word(0)));
    assert_eq!(next.register.word("stars"), Some(Word(2)));
    assert_eq!((next.version, next.effective_at), (2, Moment(5)));
}

#[test]
fn points_of_who_closes_are_kept_for_a_while_or_not() {
    let on_close = |written: &str| format!("on_close = {written}\n{SMALL}");
    assert_eq!(sound(&on_close("{ keep = \"90d\" }")).on_close, OnClose::KeepFor(CalendarSpan::Days(90)));
    assert_eq!(sound(&on_close("\"keep\"")).on_close, OnClose::Keep);
    assert_eq!(sound(SMALL).on_close, OnClose::Forfeit);
    assert_eq!(
        flaws(&on_close("90")),
        ["1:12 points of who closes are `\"forfeit\"`, `\"keep\"` or `{ keep = \"90d\" }`"]
    );
    assert_eq!(flaws(&on_close("{ keep = \"soon\" }")).len(), 1);
}

#[test]
fn every_flaw_of_the_head_is_found_with_its_place() {
    let text = r#"
id = "Café"
name = ""
zone = "America/Chicaco"
currency = "usd"
accept_late = "4 weeks"
credit_before_enrolment = "yes"
on_close = "forfiet"
kinds = ["flight", "flight", 7]
walets = {}
"#;
    assert_eq!(
        flaws(text),
        [
            "2:6 an id is 1 to 64 of `a-z`, `0-9`, `_` and `-`",
            "3:8 a name has 1 to 200 characters and no control characters",
            "4:8 no time zone `America/Chicaco`, did you mean `America/Chicago`?; zones are IANA names such as `America/Chicago`",
            "5:12 a currency is an ISO 4217 code of three capital letters, such as `USD`",
            "6:15 not a span; write days, months or years as `400d`, `6mo` or `2y`",
            "7:27 must be `true` or `false`, not a text",
            "8:12 `forfiet` is not one of `forfeit`, `keep`, did you mean `forfeit`?",
            "9:20 `flight` is listed twice",
            "9:30 must be a text, not a whole number",
            "10:1 unknown key `walets`, did you mean `wallets`?",
        ]
    );
    assert_eq!(flaws(""), ["1:1 `id` is missing", "1:1 `zone` is missing", "1:1 `currency` is missing"]);
}

#[test]
fn syntax_errors_are_placed_and_more_than_one_is_found() {
    let found = flaws("id = \nzone = \"UTC\"\ncurrency = [\n");
    assert!(found.len() >= 2, "{found:?}");
    assert!(found[0].starts_with("1:") && found[1].starts_with("3:") || found[1].starts_with("4:"), "{found:?}");
    let twice = flaws("id = \"a\"\nid = \"b\"\n");
    assert_eq!(twice, ["2:1 duplicate key"]);
}

#[test]
fn flaws_of_declarations_and_rules() {
    let rows: &[(&str, &[&str])] = &[
        ("[wallets.Miles]\nname = \"x\"", &["9:10 an id is 1 to 64 of `a-z`, `0-9`, `_` and `-`"]),
        ("[wallets.miles]\ndecimals = 5", &["10:12 must be 0 to 4"]),
        ("[wallets.miles]\ndecimal = 2", &["10:1 unknown key `decimal`, did you mean `decimals`?"]),
        (
            "[meters.loyalty-points]\nwindow = \"lifetime\"",
            &["9:9 conditions use this as a name: 1 to 64 of `a-z`, `0-9` and `_`, not starting with a digit"],
        ),
        ("[meters.in]\nwindow = \"lifetime\"", &["9:9 `in` means something else in conditions"]),
        ("[meters.m]", &["9:1 `window` is missing"]),
        (
            "[meters.m]\nwindow = \"lifetim\"",
            &["10:10 `lifetim` is not one of `lifetime`, `anniversary_year`, did you mean `lifetime`?"],
        ),
        (
            "[meters.m]\nwindow = { calendar_year = \"02-30\" }",
            &["10:28 not a day of the year; write month and day as `03-01`"],
        ),
        ("[meters.m]\nwindow = { rolling_days = 0 }", &["10:27 must be 1 to 3660"]),
        (
            "[attributes.purchase]\nkind = { type = \"text\", default = \"\" }",
            &["10:1 `kind` is given without being declared"],
        ),
        (
            "[attributes.purchase]\na = { type = \"txt\", default = \"\" }",
            &["10:14 `txt` is not one of `integer`, `text`, `bool`, `moment`, did you mean `text`?"],
        ),
        ("[attributes.purchase]\na = { type = \"text\" }", &["10:5 `default` is missing, or `required = true`"]),
        (
            "[attributes.line]\na = { type = \"integer\", default = \"1\" }",
            &["10:35 must be a whole number, not a text"],
        ),
        (
            "[attributes.line]\na = { type = \"integer\", default = 1, required = true }",
            &["10:35 what is required needs no default"],
        ),
        (
            "[attributes.member]\na = { type = \"bool\", required = true }",
            &["10:33 a member's attribute needs a `default`: she may have enrolled before it was declared"],
        ),
        (
            "[attributes.member]\na = { type = \"moment\", default = \"occurred_at\" }",
            &["10:34 a member did not occur; give a moment"],
        ),
        ("[attributes.store]\na = { type = \"bool\", default = true }", &["9:13 unknown key `store`"]),
        ("[ladder]", &["9:1 `tier` is missing"]),
        ("[earning]", &["9:1 must be a list, not a table"]),
    ];
    for (text, want) in rows {
        assert_eq!(flaws(&format!("{SMALL}{text}\n")), *want, "{text}");
    }
}

#[test]
fn flaws_of_rules() {
    let rows: &[(&str, &[&str])] = &[
        ("rate = \"5\"", &["10:8 a rate on an amount is points per money, such as `5 per 1.00`"]),
        ("rate = \"5 per 1.001\"", &["10:8 a rate on an amount is points per money, such as `5 per 1.00`"]),
        ("rate = \"5 per 0\"", &["10:8 a rate on an amount is points per money, such as `5 per 1.00`"]),
        ("rate = \"-5 per 1.00\"", &["10:8 a rate is not negative"]),
        ("rate = \"9000000000 per 1.00\"", &[]),
        ("rate = \"9300000000 per 1.00\"", &["10:8 a rate on an amount is points per money, such as `5 per 1.00`"]),
        (
            "basis = \"quantity\"\nrate = \"x\"",
            &["11:8 a rate on a quantity is points per units, such as `1`, `1.5` or `1 per 10`"],
        ),
        ("basis = \"amuont\"", &["10:9 a basis is `amount`, `quantity` or an expression, did you mean `amount`?"]),
        ("basis = 'line.amount +'", &["10:23 the condition ends where something is missing"]),
        ("basis = 'line.amount == 1'\nrate = \"1\"", &["10:10 this is a yes or no, where a whole number is needed"]),
        ("rounding = \"up\"", &["10:12 `up` is not one of `floor`, `ceil`, `half_up`, `half_even`"]),
        ("wallet = \"star\"", &["10:10 no wallet `star`, did you mean `stars`?"]),
        ("meters = [\"visit\"]", &["10:11 no meter `visit`, did you mean `visits`?"]),
        ("meters = [\"visits\"]", &["9:1 `stars` has 1 decimals and `visits` has 0; they must agree"]),
        ("-wallet =", &["9:1 a rule needs a `wallet` or `meters`"]),
        ("-rounding =", &["9:1 `rounding` is missing"]),
        ("from = 2026-01-02\nuntil = 2026-01-02", &["11:9 a rule ends after it starts"]),
        (
            "from = \"soon\"",
            &["10:8 not a moment; write `2025-12-17T00:00:00-06:00`, or `2025-12-17` for the start of that day"],
        ),
        ("judged_by = \"ticketed_at\"", &["10:13 purchases have no attribute `ticketed_at`"]),
        ("bonus = { gold = \"40%\" }", &["10:11 the ladder has no tier `gold`"]),
        (
            "when = 'line.amount > 1'",
            &["10:9 `when` judges the whole purchase and cannot see a `line`; use `lines` for that"],
        ),
        (
            "when = \"purchase.kind == \\\"a\\\" && purchase.totl > 1\"",
            &[
                "10:35 `purchase` has no `totl`, did you mean `total`?; attributes are declared under `[attributes.purchase]`",
            ],
        ),
        (
            "when = '''\ntrue &&\n  purchase.totl > 1'''",
            &[
                "12:3 `purchase` has no `totl`, did you mean `total`?; attributes are declared under `[attributes.purchase]`",
            ],
        ),
        (
            "basis = '5'\nrate = \"1\"\nper = \"line\"",
            &["12:7 this basis does not look at a line; it counts once per receipt"],
        ),
        ("wihout = 1", &["10:1 unknown key `wihout`"]),
    ];
    for (more, want) in rows {
        assert_eq!(flaws(&format!("{SMALL}{}\n", rule(more))), *want, "{more}");
    }
    let twice = format!("{SMALL}{}\n{}\n", rule(""), rule(""));
    assert_eq!(flaws(&twice), ["18:8 there is a rule `r` already"]);
}

#[test]
fn flaws_of_the_ladder() {
    let tier = |id: &str, qualify: &str, validity: &str| {
        format!("[[ladder.tier]]\nid = \"{id}\"\nqualify = '{qualify}'\nvalidity = {validity}\n")
    };
    let rows: &[(String, &[&str])] = &[
        (
            tier("gold", "visits >= 10", "\"for ever\""),
            &["12:12 `for ever` is not one of `forever`, did you mean `forever`?"],
        ),
        (tier("gold", "visit >= 10", "\"forever\""), &["11:12 unknown name `visit`, did you mean `visits`?"]),
        (tier("member", "visits >= 10", "\"forever\""), &["10:6 tier `member` stands on the ladder twice"]),
        (
            tier("gold", "visits >= 10", "\"forever\"") + &tier("better", "visits >= 10", "\"forever\""),
            &["13:1 `better` asks the same as `gold` below it"],
        ),
        (
            tier("gold", "visits >= 10", "{ span = \"0mo\" }"),
            &["12:21 not a span; write days, months or years as `400d`, `6mo` or `2y`"],
        ),
        (tier("gold", "visits >= 10", "{ through = \"03-31\", years_after = 1 }"), &["12:12 `year_starts` is missing"]),
        (
            tier("gold", "visits >= 10", "{ through = \"01-31\", year_starts = \"03-01\", years_after = 0 }"),
            &["12:24 this ends before the qualifying year does; raise `years_after`"],
        ),
        (
            tier("gold", "visits >= 10", "{ through = \"03-31\", year_starts = \"03-01\", years_after = 11 }"),
            &["12:70 must be 0 to 10"],
        ),
    ];
    for (text, want) in rows {
        assert_eq!(flaws(&format!("{SMALL}{text}")), *want, "{text}");
    }
}

#[test]
fn a_flawed_declaration_is_not_reported_again_where_it_is_used() {
    let text = r#"id = "a"
zone = "Nowhere"
currency = "dollars"
[wallets.w]
decimals = 9
[meters.m]
window = "lifetime"
[attributes.purchase]
at = { type = "moments", default = "occurred_at" }
[[earning]]
rule = "r"
judged_by = "at"
from = 2026-01-01
when = 'purchase.at > timestamp("2026-01-01T00:00:00Z") && purchase.currency == "USD"'
basis = "amount"
rate = "1 per 1.00"
rounding = "floor"
wallet = "w"
meters = ["m"]
"#;
    let places: Vec<String> = flaws(text).iter().map(|flaw| flaw.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(places, ["2:8", "3:12", "5:12", "9:15"]);
}

#[test]
fn counts_and_lengths_are_bounded() {
    let cap = |n: u32| format!("rule = \"r{n}\"\ncap_per_receipt = {}", n + 1);
    let rules: String = (0..201).map(|n| rule(&cap(n)) + "\n").collect();
    assert_eq!(flaws(&format!("{SMALL}{rules}")), ["9:1 at most 200 rules"]);
    let wallets: String = (0..33).map(|n| format!("[wallets.w{n}]\n")).collect();
    let found = flaws(&format!("id = \"a\"\nzone = \"UTC\"\ncurrency = \"USD\"\n{wallets}"));
    assert!(matches!(found.as_slice(), [only] if only.ends_with("at most 32 of these")), "{found:?}");
    let long = "#".repeat(SOURCE_BYTES_MAX + 1);
    assert_eq!(flaws(&long), ["1:1 a program source has at most 262144 bytes"]);
    let unknown: String = (0..500).map(|n| format!("k{n} = 1\n")).collect();
    let found = flaws(&unknown);
    assert_eq!(found.len(), sheet::FLAWS_MAX + 1);
    assert!(found[sheet::FLAWS_MAX].ends_with("there are more flaws than are listed here; mend these first"));
}

#[test]
fn rates_are_exact_in_smallest_units() {
    let rows = [
        ("amount", "1.2 per 1.00", Ratio::whole(12), 100),
        ("amount", "5 per 1", Ratio::whole(50), 100),
        ("amount", "1 per 0.10", Ratio::whole(10), 10),
        ("quantity", "1", Ratio::whole(10), 1_000),
        ("quantity", "1 per 10", Ratio::whole(10), 10_000),
        ("quantity", "0.125 per 0.5", Ratio { numerator: 5, denominator: 4 }, 500),
        ("line.amount * 2", "50%", Ratio::whole(5), 1),
        ("line.amount * 2", "33.3 %", Ratio { numerator: 333, denominator: 100 }, 1),
        ("line.amount * 2", "1 per 100", Ratio::whole(10), 100),
    ];
    for (basis, rate, points, step) in rows {
        let program = sound(&format!("{SMALL}{}", rule(&format!("basis = \"{basis}\"\nrate = \"{rate}\""))));
        let read = &program.rules[0].rate;
        assert_eq!((read.points, read.step, &*read.written), (points, step, rate), "{basis} {rate}");
    }
}

#[test]
fn the_basis_says_where_it_is_counted() {
    let basis = |written: &str| {
        let text = format!("{SMALL}[attributes.purchase]\nn = {{ type = \"integer\", default = 0 }}\n");
        sound(&(text + &rule(&format!("basis = '{written}'\nrate = \"1\"")))).rules[0].basis.clone()
    };
    assert!(matches!(basis("purchase.n * 2"), Basis::Purchase(_)));
    assert!(matches!(basis("purchase.n * line.quantity"), Basis::Line(_)));
    assert!(matches!(basis("1"), Basis::Purchase(_)));
}

#[test]
fn days_start_in_the_programs_zone() {
    let aadvantage = sound(AADVANTAGE);
    let rule = |id: &str| aadvantage.rules.iter().find(|rule| aadvantage.text(rule.id.0) == id).unwrap();
    assert_eq!(rule("basic-economy-full").until, parse_rfc3339("2023-03-01T06:00:00Z").unwrap());
    assert_eq!(rule("basic-economy-reduced").until, parse_rfc3339("2025-12-17T06:00:00Z").unwrap());
    assert_eq!(rule("flight").until, Moment::NEVER);
    assert!(matches!(rule("basic-economy-full").judged_by, JudgedBy::Attribute(_)));
}

#[test]
fn gold_of_may_2025_holds_through_march_2027() {
    let aadvantage = sound(AADVANTAGE);
    let gold = &aadvantage.ladder.as_ref().unwrap().tiers[0];
    assert!(matches!(gold.validity, Validity::Through { .. }));
    let day = crate::domain::calendar::Day::parse("2025-05-15").unwrap();
    assert_eq!(gold.validity.end(&aadvantage.zone, day), parse_rfc3339("2027-04-01T05:00:00Z").unwrap());
    assert!(matches!(aadvantage.meters[0].window, Window::CalendarYear(start) if start.to_string() == "03-01"));
    assert_eq!(aadvantage.rules[0].rounding, Rounding::HalfUp);
}

#[test]
fn lines_excluded_everywhere_are_excluded_from_each_rule() {
    let excluded = format!(
        "exclude_lines = 'line.category == \"tax\"'\n{SMALL}{}\n{}",
        rule(""),
        rule("rule = \"s\"\nlines = 'line.amount > 0'")
    );
    let program = sound(&excluded);
    let written: Vec<&str> = program.rules.iter().map(|rule| &*rule.lines.as_ref().unwrap().written).collect();
    assert_eq!(written, [r#"!(line.category == "tax")"#, r#"(line.amount > 0) && !(line.category == "tax")"#]);
    assert_eq!(flaws(&format!("exclude_lines = 'line.categry == \"tax\"'\n{SMALL}")).len(), 1);
}

#[test]
fn what_a_next_version_may_not_change() {
    let before = sound(AADVANTAGE);
    let next = |from: &str, to: &str| {
        assert!(AADVANTAGE.contains(from), "{from}");
        let text = AADVANTAGE.replace(from, to);
        read_next(&text, Moment(1), &before)
            .map(|program| program.version)
            .map_err(|flaws| flaws.iter().map(|flaw| format!("{} {}", flaw.path, flaw.message)).collect::<Vec<_>>())
    };
    assert_eq!(next("40000", "45000"), Ok(2));
    let rows = [
        (r#"id = "aadvantage""#, r#"id = "other""#, "id must stay `aadvantage`, as in version 1"),
        ("America/Chicago", "America/New_York", "zone must stay `America/Chicago`, as in version 1"),
        (r#"currency = "USD""#, r#"currency = "EUR""#, "currency must stay `USD`, as in version 1"),
        (r#"base = "member""#, r#"base = "blue""#, "ladder.base must stay `member`, as in version 1"),
        (
            r#"calendar_year = "03-01""#,
            r#"calendar_year = "01-01""#,
            "meters.loyalty_points.window the window of meter `loyalty_points` must stay as it is",
        ),
        (
            r#"multiplier = { type = "integer", default = 1 }"#,
            "",
            "attributes.line.multiplier attribute `line.multiplier` must stay: rules of earlier versions ask for it",
        ),
    ];
    for (from, to, want) in rows {
        // A rule that used what went away is a flaw of its own, found first.
        let found = next(from, &to.replace("line.multiplier", "1")).unwrap_err();
        let gone = from.starts_with("multiplier");
        assert!(found.contains(&want.to_owned()) || gone, "{found:?}");
    }
    let small = sound(&format!("{SMALL}[attributes.line]\na = {{ type = \"bool\", default = true }}\n"));
    let after = sound(
        "id = \"cafe\"\nzone = \"UTC\"\ncurrency = \"USD\"\n[wallets.stars]\ndecimals = 2\n[attributes.line]\na = { type = \"text\", default = \"\" }",
    );
    let found: Vec<String> = changes_refused(&small, &after).into_iter().map(|flaw| flaw.path).collect();
    assert_eq!(found, ["wallets.stars.decimals", "meters.visits", "attributes.line.a.type"]);
    assert_eq!(changes_refused(&before, &before), []);
}

#[test]
fn refused_changes_are_shown_where_they_were_made() {
    let before = sound(&format!("{SMALL}[wallets.gone]\n"));
    let text = SMALL.replace("decimals = 1", "decimals = 2");
    let flaws = read_next(&text, Moment(1), &before).unwrap_err();
    let shown: Vec<String> = flaws.iter().map(|flaw| format!("{}:{} {}", flaw.line, flaw.column, flaw.path)).collect();
    assert_eq!(shown, ["4:2 wallets.gone", "5:1 wallets.stars.decimals"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_break_the_reading(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = first_version(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_mixture_of_toml_breaks_the_reading(parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..40)) {
        let _ = first_version(&parts.concat());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_mutation_of_a_sound_program_breaks_the_reading(
        program in proptest::sample::select(PROGRAMS),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..12, "\\PC{0,4}"), 1..5),
    ) {
        let mut letters: Vec<char> = program.chars().collect();
        for (at, length, put) in cuts {
            let at = at.index(letters.len());
            let end = (at + length).min(letters.len());
            letters.splice(at..end, put.chars());
        }
        let text: String = letters.into_iter().collect();
        if let Err(flaws) = first_version(&text) {
            prop_assert!(!flaws.is_empty());
            let lines = u32::try_from(text.split('\n').count()).unwrap();
            for flaw in flaws {
                prop_assert!((1..=lines).contains(&flaw.line) && flaw.column >= 1, "{flaw:?}");
            }
        }
    }
}

const PROGRAMS: &[&str] = &[
    AADVANTAGE,
    include_str!("../../../../tests/programs/starbucks-2026.toml"),
    include_str!("../../../../tests/programs/punchcard-head-start.toml"),
    include_str!("../../../../tests/programs/ifrs-ac2.toml"),
    include_str!("../../../../deploy/programs/greenstamps.toml"),
];

const PARTS: &[&str] = &[
    "[[campaign]]\n",
    "[[reward]]\n",
    "[[club]]\n",
    "[[privilege]]\n",
    "[[milestone]]\n",
    "[[milestone.option]]\n",
    "gives",
    "door",
    "quota",
    "choose",
    "expiry",
    "price",
    "stacking",
    "id",
    "zone",
    "kinds",
    "[wallets.",
    "[[earning]]\n",
    "[ladder]\n",
    "[[ladder.tier]]\n",
    "]\n",
    " = ",
    "\"",
    "'''",
    "1",
    "-1",
    "9223372036854775808",
    "1.5",
    "true",
    "2026-01-01",
    "2026-01-01T00:00:00",
    "{",
    "}",
    "[",
    ",",
    "\n",
    "rule",
    "basis",
    "rate",
    "\"1 per 1.00\"",
    "\"amount\"",
    "meters",
    "window",
    "bonus",
    ".",
    "[attributes.line]\n",
    "a",
    "#",
    "\\u00e4",
    "\"\"\"",
    "\r\n",
    "\u{feff}",
];
