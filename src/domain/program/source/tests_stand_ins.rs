//! All flaws at once: what an amount or a rate rests on may be flawed itself, and hides no flaw of the amount.

use super::tests::{SMALL, flaws, rule};

/// Each way in which what the rule's rate rests on can be flawed, and the flaw that says so.
const RESTS_ON: &[(&str, &str, &str)] = &[
    (r#"currency = "USD""#, r#"curency = "USD""#, "unknown key `curency`"),
    (r#"currency = "USD""#, r#"currency = "usd""#, "a currency is"),
    ("decimals = 1", "decimals = 9", "must be 0 to 4"),
    (r#"wallet = "stars""#, r#"wallet = "star""#, "no wallet"),
    (r#"wallet = "stars""#, "", "needs a `wallet` or `meters`"),
    (r#"basis = "amount""#, r#"basis = "amuont""#, "a basis is"),
    (r#"basis = "amount""#, "", "`basis` is missing"),
    (r#"basis = "amount""#, "basis = 'line.miles'", "miles"),
];

#[test]
fn a_broken_rate_is_said_whatever_else_is_flawed() {
    let sound = SMALL.to_owned() + &rule("");
    for (written, flawed, said) in RESTS_ON {
        assert!(sound.contains(written), "{written}");
        let text = sound.replace(written, flawed);
        let before = flaws(&text);
        assert!(before.iter().any(|flaw| flaw.contains(said)), "{flawed}: {before:?}");
        assert!(!before.iter().any(|flaw| flaw.contains("a rate")), "{flawed}: {before:?}");
        let both = flaws(&text.replace("1 per 1.00", "banana"));
        let rates: Vec<_> = both.iter().filter(|flaw| flaw.contains("a rate")).collect();
        assert_eq!((rates.len(), both.len()), (1, before.len() + 1), "{flawed}: {both:?}");
    }
}

#[test]
fn a_rate_of_something_unknown_may_be_of_anything() {
    let text = |rate: &str| SMALL.to_owned() + &rule("basis = \"amuont\"").replace("1 per 1.00", rate);
    for fine in ["5 per 1.00", "1", "1.5", "1 per 10", "40%", "1 per 0.001"] {
        assert_eq!(flaws(&text(fine)).len(), 1, "{fine}");
    }
    for broken in ["banana", "1 per 0", "1 per 1.00000", "-1", "five per 1", ""] {
        assert_eq!(flaws(&text(broken)).len(), 2, "{broken}");
    }
}

#[test]
fn the_rates_of_a_file_without_a_currency_are_checked() {
    let cdnow = include_str!("../../../../deploy/programs/cdnow.toml");
    let flawed = cdnow.replace("\ncurrency", "\ncurency").replace("1 per 1.00", "banana");
    let found = flaws(&flawed);
    assert_eq!(found.iter().filter(|flaw| flaw.contains("such as `5 per 1.00`")).count(), 5, "{found:#?}");
    assert_eq!(found.len(), 7, "{found:#?}");
}

#[test]
fn broken_amounts_are_said_whatever_they_are_amounts_of() {
    let rest = r#"
[[earning]]
rule = "r"
basis = "amount"
rate = "1 per 1.00"
rounding = "floor"
wallet = "stars"
cap_per_receipt = "many"
cap_per_member = { points = "many", window = "lifetime" }
[[campaign]]
campaign = "c"
basis = "base_points"
rate = "1"
rounding = "floor"
stacking = "add"
wallet = "stars"
budget = "many"
[wallets.more]
head_start = "many"
valuation = { value = "dear", expected = "95%", round_to = "some" }
decimals = 1
[[reward]]
id = "coffee"
wallet = "stars"
price = "many"
[[club]]
id = "friends"
name = "Friends"
door = "open"
fee = { amount = "much" }
[[milestone]]
id = "first"
meter = "visits"
at = "many"
gives = [{ wallet = "stars", points = "many" }]
"#;
    let amounts = |text: &str| {
        let found = flaws(text).into_iter();
        found.filter(|flaw| ["points are", "fee is", "a point is", "of money"].iter().any(|what| flaw.contains(what)))
    };
    let text = SMALL.to_owned() + rest;
    let whole = amounts(&text).count();
    assert_eq!(whole, 10, "{:#?}", flaws(&text));
    let flaw_the = [
        ("currency = \"USD\"", "currency = \"usd\""),
        ("wallet = \"stars\"", "wallet = \"star\""),
        ("[wallets.stars]\ndecimals = 1", "[wallets.stars]\ndecimals = 9"),
        ("[wallets.more]", "[wallets.more]\nname = \"\""),
        ("budget = \"many\"\n[wallets.more]", "budget = \"many\"\n[wallets.more]\nname = 1"),
        ("meter = \"visits\"", "meter = \"visit\""),
        ("decimals = 1\n[[reward]]", "decimals = 9\n[[reward]]"),
    ];
    for (written, flawed) in flaw_the {
        assert!(text.contains(written), "{written}");
        let found: Vec<String> = amounts(&text.replace(written, flawed)).collect();
        assert_eq!(found.len(), whole, "{flawed}: {found:#?}");
    }
}
