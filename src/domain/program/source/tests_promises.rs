//! What a file promises beyond earning (wallets' policies, caps, campaigns, rewards): that each key reads into its
//! value, and that each wrong one is said.

use super::tests::{SMALL, flaws, rule, sound};
use super::{Program, Register, read};
use crate::domain::calendar::{CalendarSpan, MonthDay, parse_rfc3339};
use crate::domain::program::{
    Basis, Caps, Conversion, Cut, Debt, Expiry, Limit, MemberCap, MeterId, OnReturn, Pending, RewardId, Stacking,
    Valuation, Window, Word,
};
use crate::domain::units::{Moment, Points, Ratio};

/// The head, and a wallet of one decimal whose keys start on line 6.
const WALLET: &str = "id = \"cafe\"\nzone = \"UTC\"\ncurrency = \"USD\"\n[wallets.stars]\ndecimals = 1\n";
/// A ladder and a reward with a voucher, of 19 lines.
const REST: &str = r#"
[meters.visits]
window = "lifetime"
[[earning]]
rule = "r"
basis = "amount"
rate = "1 per 1.00"
rounding = "floor"
wallet = "stars"
[ladder]
[[ladder.tier]]
id = "gold"
qualify = "visits != 10"
validity = "forever"
[[reward]]
id = "coffee"
wallet = "stars"
voucher = true
price = 15
"#;

fn wallet(keys: &str) -> String {
    format!("{WALLET}{keys}{REST}")
}

fn day(text: &str) -> MonthDay {
    MonthDay::parse(text).unwrap()
}

/// The sound campaign `c`, on one table, with more keys in front.
fn campaign(more: &str) -> String {
    let absent = |key: &str| !more.lines().any(|line| line.starts_with(key));
    let keys = [("campaign", "campaign = \"c\""), ("stacking", "stacking = \"add\"")];
    let keys: Vec<_> = keys.iter().filter(|(key, _)| absent(key)).map(|(_, line)| *line).collect();
    rule(&format!("{more}\n-rule =")).replace("[[earning]]", "[[campaign]]") + "\n" + &keys.join("\n")
}

fn words(program: &Program) -> Vec<&str> {
    program.register.words().iter().map(|word| &**word).collect()
}

#[test]
fn what_is_not_said_has_the_least_surprising_meaning() {
    let program = sound(&wallet(""));
    let stars = &program.wallets[0];
    assert_eq!((stars.expiry, stars.pending, stars.debt), (Expiry::Never, Pending::No, Debt::Negative));
    assert_eq!((stars.notice, stars.grace, stars.book, stars.transferable), (None, None, None, false));
    assert_eq!((stars.head_start, stars.keeps.len()), (Points::ZERO, 0));
    assert_eq!((&stars.conversion, stars.valuation), (&None, None));
    assert_eq!(program.on_return, OnReturn::Withdraw);
    assert_eq!((program.rules[0].stacking, program.rules[0].caps), (Stacking::Rule, Caps::default()));
    let coffee = &program.rewards[0];
    assert_eq!((&*coffee.name, coffee.price, coffee.stock, coffee.limit), ("coffee", Some(Points(150)), None, None));
    assert_eq!((coffee.from, coffee.until, coffee.tiers.len()), (Moment::BEGINNING, Moment::NEVER, 0));
    assert_eq!(coffee.voucher, Some(None));
}

#[test]
fn expiries_read() {
    let months = CalendarSpan::Months;
    let rows = [
        ("\"never\"", Expiry::Never),
        ("{ after = \"6mo\" }", Expiry::After { span: months(6), end_of_month: false }),
        ("{ after = \"6mo\", end_of_month = true }", Expiry::After { span: months(6), end_of_month: true }),
        ("{ inactive = \"24mo\" }", Expiry::Inactive(months(24))),
        ("{ yearly = \"12-31\" }", Expiry::Yearly { through: day("12-31"), years_after: 0 }),
        ("{ yearly = \"03-31\", years_after = 2 }", Expiry::Yearly { through: day("03-31"), years_after: 2 }),
    ];
    for (written, want) in rows {
        assert_eq!(sound(&wallet(&format!("expiry = {written}"))).wallets[0].expiry, want, "{written}");
    }
}

#[test]
fn policies_of_a_wallet_read() {
    let keys = r#"expiry = { after = "1y" }
keeps = ["gold", "member"]
pending = "14d"
notice = "30d"
debt = "next_earnings"
grace = "10d"
head_start = "2.5"
book = 5
transferable = true
conversion = { step = "7.5e", reward = "coffee", on = ["05-15", "02-15"] }
valuation = { value = "0.0125", expected = "95%", round_to = "1.00" }
"#;
    let program = sound(&wallet(&keys.replace("7.5e", "10")));
    let stars = &program.wallets[0];
    let keeps: Vec<&str> = stars.keeps.iter().map(|tier| program.text(tier.0)).collect();
    assert_eq!(keeps, ["gold", "member"]);
    assert_eq!((stars.pending, stars.debt), (Pending::For(CalendarSpan::Days(14)), Debt::NextEarnings));
    assert_eq!((stars.notice, stars.grace), (Some(CalendarSpan::Days(30)), Some(CalendarSpan::Days(10))));
    assert_eq!((stars.head_start, stars.book, stars.transferable), (Points(25), Some(Points(50)), true));
    let reward = RewardId(program.register.word("coffee").unwrap());
    let cut = Cut::On(vec![day("02-15"), day("05-15")]);
    assert_eq!(stars.conversion, Some(Conversion { step: Points(100), reward, cut }));
    // 1.25 cents a point, so 0.125 cents a tenth of one.
    let minor_units = Ratio { numerator: 1, denominator: 8 };
    let expected = Ratio { numerator: 19, denominator: 20 };
    assert_eq!(stars.valuation, Some(Valuation { minor_units, expected, round_to: 100 }));
    let confirmed = sound(&wallet("pending = \"until_confirmed\"\ndebt = \"write_off\""));
    assert_eq!((confirmed.wallets[0].pending, confirmed.wallets[0].debt), (Pending::UntilConfirmed, Debt::WriteOff));
    let at_once =
        sound(&wallet("valuation = { value = 2, expected = \"1\" }\nconversion = { step = 1, reward = \"coffee\" }"));
    assert_eq!(at_once.wallets[0].conversion.as_ref().unwrap().cut, Cut::AtOnce);
    assert_eq!(
        at_once.wallets[0].valuation,
        Some(Valuation { minor_units: Ratio::whole(20), expected: Ratio::ONE, round_to: 1 })
    );
}

#[test]
fn flaws_of_expiries() {
    let rows: &[(&str, &[&str])] = &[
        ("expiry = \"nevr\"", &["6:10 `nevr` is not one of `never`, did you mean `never`?"]),
        ("expiry = 5", &["6:10 must be a table, not a whole number"]),
        (
            "expiry = {}",
            &[
                "6:10 an expiry is `\"never\"`, `{ after = \"6mo\" }`, `{ inactive = \"24mo\" }` or `{ yearly = \"12-31\" }`",
            ],
        ),
        (
            "expiry = { after = \"6mo\", inactive = \"2y\" }",
            &[
                "6:10 an expiry is `\"never\"`, `{ after = \"6mo\" }`, `{ inactive = \"24mo\" }` or `{ yearly = \"12-31\" }`",
            ],
        ),
        ("expiry = { after = \"6m\" }", &["6:20 not a span; write days, months or years as `400d`, `6mo` or `2y`"]),
        ("expiry = { after = \"6mo\", end_of_month = 1 }", &["6:42 must be `true` or `false`, not a whole number"]),
        ("expiry = { inactive = \"6mo\", end_of_month = true }", &["6:30 unknown key `end_of_month`"]),
        ("expiry = { yearly = \"13-01\" }", &["6:21 not a day of the year; write month and day as `03-01`"]),
        ("expiry = { yearly = \"12-31\", years_after = 11 }", &["6:44 must be 0 to 10"]),
        (
            "expiry = { yearly = \"12-31\", year_after = 1 }",
            &["6:30 unknown key `year_after`, did you mean `years_after`?"],
        ),
        ("notice = \"30d\"", &["6:10 the points of this wallet never end; give it an `expiry`"]),
        ("keeps = [\"gold\"]", &["6:9 the points of this wallet never end; give it an `expiry`"]),
        ("grace = \"3d\"", &["6:9 the points of this wallet never end; give it an `expiry`"]),
        ("expiry = \"never\"\nnotice = \"30d\"", &["7:10 the points of this wallet never end; give it an `expiry`"]),
        ("expiry = 1\nnotice = \"30d\"", &["6:10 must be a table, not a whole number"]),
        (
            "expiry = { inactive = \"1y\" }\nkeeps = [\"gld\"]",
            &["7:10 the ladder has no tier `gld`, did you mean `gold`?"],
        ),
        ("expiry = { inactive = \"1y\" }\nkeeps = [\"gold\", \"gold\"]", &["7:18 this tier is listed twice"]),
        ("expiry = { inactive = \"1y\" }\nkeeps = \"gold\"", &["7:9 must be a list, not a text"]),
    ];
    for (keys, want) in rows {
        assert_eq!(flaws(&wallet(keys)), *want, "{keys}");
    }
}

#[test]
fn flaws_of_policies() {
    let rows: &[(&str, &[&str])] = &[
        ("expriy = \"never\"", &["6:1 unknown key `expriy`, did you mean `expiry`?"]),
        ("pending = \"14\"", &["6:11 not a span; write days, months or years as `400d`, `6mo` or `2y`"]),
        (
            "pending = \"until_confirmd\"",
            &["6:11 `until_confirmd` is not one of `until_confirmed`, did you mean `until_confirmed`?"],
        ),
        ("pending = true", &["6:11 must be a text, not a yes or no"]),
        (
            "debt = \"negativ\"",
            &["6:8 `negativ` is not one of `negative`, `next_earnings`, `write_off`, did you mean `negative`?"],
        ),
        ("head_start = 0", &["6:14 points are a number above 0 with at most 1 decimals, such as `150`"]),
        ("head_start = \"0.25\"", &["6:14 points are a number above 0 with at most 1 decimals, such as `150`"]),
        ("head_start = 0.5", &["6:14 must be a whole number or a decimal in quotes, not a number with a point"]),
        ("book = -1", &["6:8 points are a number above 0 with at most 1 decimals, such as `150`"]),
        ("book = 9223372036854775807", &["6:8 points are a number above 0 with at most 1 decimals, such as `150`"]),
        ("transferable = \"yes\"", &["6:16 must be `true` or `false`, not a text"]),
        ("book = 10", &["24:9 `stars` is spent in whole books of 10.0; this must be a multiple of that"]),
    ];
    for (keys, want) in rows {
        assert_eq!(flaws(&wallet(keys)), *want, "{keys}");
    }
    let no_decimals = wallet("book = \"1.5\"").replace("decimals = 1\n", "decimals = 0\n");
    assert_eq!(flaws(&no_decimals), ["6:8 points are a whole number above 0, such as `150`"]);
    let unsound = wallet("book = \"1.5555\"").replace("decimals = 1\n", "decimals = 9\n");
    assert_eq!(flaws(&unsound), ["5:12 must be 0 to 4"]);
    let on_return = format!("on_return = \"keeps\"\n{}", wallet(""));
    assert_eq!(flaws(&on_return), ["1:13 `keeps` is not one of `withdraw`, `keep`, did you mean `keep`?"]);
    assert_eq!(sound(&on_return.replace("keeps", "keep")).on_return, OnReturn::Keep);
}

#[test]
fn flaws_of_conversions() {
    let rows: &[(&str, &[&str])] = &[
        ("{ step = 5 }", &["6:14 `reward` is missing"]),
        ("{ reward = \"coffee\" }", &["6:14 `step` is missing"]),
        (
            "{ step = \"x\", reward = \"coffee\" }",
            &["6:23 points are a number above 0 with at most 1 decimals, such as `150`"],
        ),
        ("{ step = 5, reward = \"cofee\" }", &["6:35 no reward `cofee`, did you mean `coffee`?"]),
        ("{ step = 5, reward = 7 }", &["6:35 must be a text, not a whole number"]),
        ("{ step = 5, reward = \"coffee\", on = [] }", &["6:50 no day at all; leave `on` out to cut at once"]),
        ("{ step = 5, reward = \"coffee\", on = \"05-15\" }", &["6:50 must be a list, not a text"]),
        (
            "{ step = 5, reward = \"coffee\", on = [\"05-15\", \"5-15\", \"05-15\"] }",
            &["6:60 not a day of the year; write month and day as `03-01`", "6:68 this day is listed twice"],
        ),
        ("{ steps = 5, step = 5, reward = \"coffee\" }", &["6:16 unknown key `steps`, did you mean `step`?"]),
        ("\"coffee\"", &["6:14 must be a table, not a text"]),
    ];
    for (written, want) in rows {
        assert_eq!(flaws(&wallet(&format!("conversion = {written}"))), *want, "{written}");
    }
    let text = wallet("conversion = { step = 5, reward = \"coffee\" }");
    assert_eq!(sound(&text.replace("price = 15\n", "")).rewards[0].price, None);
    let no_voucher = "6:35 this reward has no voucher, and a conversion cuts nothing else";
    assert_eq!(flaws(&text.replace("voucher = true\n", "")), [no_voucher]);
    assert_eq!(flaws(&text.replace("voucher = true\n", "voucher = false\n")), [no_voucher]);
    let other = text.replace("wallet = \"stars\"\nvoucher", "wallet = \"other\"\nvoucher") + "[wallets.other]\n";
    assert_eq!(flaws(&other), ["6:35 this reward belongs to wallet `other`"]);
    let book = wallet("book = 5\nconversion = { step = 7, reward = \"coffee\" }");
    assert_eq!(flaws(&book), ["7:23 `stars` is spent in whole books of 5.0; this must be a multiple of that"]);
    let tier_prices = text.replace("price = 15\n", "tier_prices = { gold = 5 }\n");
    assert_eq!(flaws(&tier_prices), ["24:15 prices by tier stand in for a `price`, and there is none"]);
}

#[test]
fn flaws_of_valuations() {
    let value = "the value of a point is money above 0 with at most 9 decimals, such as `0.01`";
    let expected = "the share expected to be redeemed is above 0 and at most 100 %, such as `95%`";
    let rows = [
        ("{ expected = \"95%\" }", vec!["6:13 `value` is missing".to_owned()]),
        ("{ value = \"0.01\" }", vec!["6:13 `expected` is missing".into()]),
        ("{ value = \"0\", expected = \"0%\" }", vec![format!("6:23 {value}"), format!("6:39 {expected}")]),
        ("{ value = \"-1\", expected = \"100.1%\" }", vec![format!("6:23 {value}"), format!("6:40 {expected}")]),
        ("{ value = \"0.0000000001\", expected = \"95%\" }", vec![format!("6:23 {value}")]),
        ("{ value = \"1\", expected = \"95 percent\" }", vec![format!("6:39 {expected}")]),
        (
            "{ value = \"1\", expected = \"95%\", round_to = \"0.001\" }",
            vec!["6:57 an amount of money above 0 with at most 2 decimals, such as `1`".into()],
        ),
        (
            "{ value = 1, expected = \"95%\", rounds_to = 1 }",
            vec!["6:44 unknown key `rounds_to`, did you mean `round_to`?".into()],
        ),
    ];
    for (written, want) in rows {
        assert_eq!(flaws(&wallet(&format!("valuation = {written}"))), want, "{written}");
    }
}

#[test]
fn campaigns_and_caps_read() {
    let text = format!(
        "{SMALL}{}\n{}\n{}\n",
        campaign("stacking = { exclusive = 10 }\nbudget = 1000000\ncap_per_receipt = \"12.5\""),
        campaign("campaign = \"d\"\nbasis = \"base_points\"\nrate = \"50%\"\nstacking = \"best\""),
        rule("cap_per_member = { points = 1250, window = { calendar_year = \"01-01\" } }\nmeters = []"),
    );
    let program = sound(&text);
    let ids: Vec<&str> = program.rules.iter().map(|rule| program.text(rule.id.0)).collect();
    assert_eq!(ids, ["r", "c", "d"], "campaigns come after all earning rules");
    assert_eq!(words(&program), ["stars", "visits", "r", "c", "d", "cap:r"]);
    let [earning, exclusive, doubled] = &program.rules[..] else { panic!("{ids:?}") };
    assert_eq!((earning.stacking, exclusive.stacking), (Stacking::Rule, Stacking::Exclusive(10)));
    let cap = MemberCap { points: Points(12_500), window: Window::CalendarYear(day("01-01")), meter: MeterId(Word(5)) };
    assert_eq!(earning.caps, Caps { per_member: Some(cap), ..Caps::default() });
    assert_eq!((exclusive.caps.per_receipt, exclusive.caps.budget), (Some(Points(125)), Some(Points(10_000_000))));
    assert!(matches!(doubled.basis, Basis::BasePoints));
    assert_eq!((doubled.rate.points, doubled.rate.step), (Ratio { numerator: 1, denominator: 2 }, 1));
    assert_eq!(doubled.stacking, Stacking::Best);
    let excluded = sound(&format!("exclude_lines = 'line.amount < 0'\n{text}"));
    assert!(excluded.rules[1].lines.is_some() && excluded.rules[2].lines.is_none());
}

#[test]
fn rates_on_base_points_are_factors() {
    for (rate, points) in [("100%", Ratio::ONE), ("1", Ratio::ONE), ("0.5", Ratio { numerator: 1, denominator: 2 })] {
        let program = sound(&format!("{SMALL}{}", campaign(&format!("basis = \"base_points\"\nrate = \"{rate}\""))));
        assert_eq!((program.rules[0].rate.points, program.rules[0].rate.step), (points, 1), "{rate}");
    }
    let per = format!("{SMALL}{}", campaign("basis = \"base_points\"\nrate = \"1 per 1\""));
    assert_eq!(flaws(&per), ["11:8 a rate on base points is a factor, such as `100%` or `0.5`"]);
}

#[test]
fn flaws_of_campaigns() {
    let rows: &[(&str, &[&str])] = &[
        ("stacking = \"ad\"", &["10:12 `ad` is not one of `add`, `best`, did you mean `add`?"]),
        ("stacking = 5", &["10:12 a stacking is `\"add\"`, `\"best\"` or `{ exclusive = 10 }`"]),
        ("stacking = { exclusive = -1 }", &["10:26 must be 0 to 1000000"]),
        (
            "stacking = { exclusiv = 1 }",
            &["10:12 `exclusive` is missing", "10:14 unknown key `exclusiv`, did you mean `exclusive`?"],
        ),
        ("budget = 0", &["10:10 points are a number above 0 with at most 1 decimals, such as `150`"]),
        (
            "-wallet =\nmeters = [\"visits\"]\nbudget = 5",
            &["11:10 a budget is spent in a wallet; without a `wallet` there is nothing to spend"],
        ),
        ("-wallet =", &["9:1 a campaign needs a `wallet` or `meters`"]),
        ("from = 2026-01-02\nuntil = 2026-01-01", &["11:9 a campaign ends after it starts"]),
        ("campaign = \"r\"", &["10:12 there is a rule `r` already"]),
        (
            "basis = \"base_point\"",
            &["10:9 a basis is `amount`, `quantity`, `base_points` or an expression, did you mean `base_points`?"],
        ),
        (
            "basis = \"base_points\"\nrate = \"1\"\nper = \"line\"",
            &["12:7 this basis does not look at a line; it counts once per receipt"],
        ),
        (
            "basis = \"base_points\"\nrate = \"1\"\nlines = 'line.amount > 0'",
            &["12:9 base points are those of the whole receipt; there are no lines to choose"],
        ),
        ("rule = \"x\"", &["10:1 unknown key `rule`, did you mean `rate`?"]),
    ];
    let after = rule("");
    for (more, want) in rows {
        assert_eq!(flaws(&format!("{SMALL}{}\n{after}\n", campaign(more))), *want, "{more}");
    }
    let none = campaign("").replace("\nstacking = \"add\"", "");
    assert_eq!(flaws(&format!("{SMALL}{none}")), ["9:1 `stacking` is missing"]);
    let twice = format!("{SMALL}{}\n{}\n", campaign(""), campaign(""));
    assert_eq!(flaws(&twice), ["23:12 there is a campaign `c` already"]);
    let many: String = (0..201).map(|n| campaign(&format!("campaign = \"c{n}\"")) + "\n").collect();
    assert_eq!(flaws(&format!("{SMALL}{many}")), ["9:1 at most 200 campaigns"]);
}

#[test]
fn flaws_of_caps_and_what_rules_have_not() {
    let rows: &[(&str, &[&str])] = &[
        ("cap_per_receipt = \"0.55\"", &["10:19 points are a number above 0 with at most 1 decimals, such as `150`"]),
        ("cap_per_reciept = 1", &["10:1 unknown key `cap_per_reciept`, did you mean `cap_per_receipt`?"]),
        ("cap_per_member = 5", &["10:18 must be a table, not a whole number"]),
        ("cap_per_member = { points = 5 }", &["10:18 `window` is missing"]),
        ("cap_per_member = { window = \"lifetime\" }", &["10:18 `points` is missing"]),
        (
            "cap_per_member = { points = 5, window = \"week\" }",
            &["10:41 `week` is not one of `lifetime`, `anniversary_year`"],
        ),
        ("cap_per_member = { points = 5, window = \"lifetime\", per = 1 }", &["10:53 unknown key `per`"]),
        ("stacking = \"add\"", &["10:1 unknown key `stacking`"]),
        ("budget = 5", &["10:1 unknown key `budget`"]),
        ("basis = \"base_points\"", &["10:9 only a campaign counts `base_points`"]),
        ("wallet = \"star\"\ncap_per_receipt = \"0.55\"", &["10:10 no wallet `star`, did you mean `stars`?"]),
    ];
    for (more, want) in rows {
        assert_eq!(flaws(&format!("{SMALL}{}\n", rule(more))), *want, "{more}");
    }
}

/// The sound wallet and ladder with a second reward, whose keys start on line 27.
fn reward(keys: &str) -> String {
    format!("{}[[reward]]\nid = \"cake\"\n{keys}\n", wallet(""))
}

#[test]
fn rewards_read() {
    let text = reward(
        r#"name = "A piece of cake"
wallet = "stars"
price = "30.5"
tier_prices = { gold = 20 }
stock = 100
limit = { times = 2, window = { rolling_days = 30 } }
from = 2026-01-01
until = 2027-01-01
tiers = ["gold", "member"]
voucher = { valid = "30d" }"#,
    );
    let program = sound(&text);
    assert_eq!(words(&program), ["stars", "visits", "member", "gold", "r", "coffee", "cake", "limit:cake"]);
    let cake = &program.rewards[1];
    assert_eq!((&*cake.name, cake.wallet), ("A piece of cake", program.wallets[0].id));
    assert_eq!((program.text(cake.id.0), cake.price, cake.stock), ("cake", Some(Points(305)), Some(100)));
    let tiers: Vec<_> = cake.tiers.iter().map(|tier| program.text(tier.0)).collect();
    assert_eq!((tiers, cake.price_on(Some(cake.tiers[0]))), (vec!["gold", "member"], Some(Points(200))));
    let meter = MeterId(program.register.word("limit:cake").unwrap());
    assert_eq!(cake.limit, Some(Limit { times: 2, window: Window::RollingDays(30), meter }));
    assert_eq!(Some(cake.from), parse_rfc3339("2026-01-01T00:00:00Z"));
    assert_eq!(Some(cake.until), parse_rfc3339("2027-01-01T00:00:00Z"));
    assert_eq!(cake.voucher, Some(Some(CalendarSpan::Days(30))));
}

#[test]
fn flaws_of_rewards() {
    let rows: &[(&str, &[&str])] = &[
        ("-wallet", &["25:1 `wallet` is missing"]),
        ("wallet = \"star\"", &["27:10 no wallet `star`, did you mean `stars`?"]),
        ("-price", &["25:1 `price` is missing; only a reward that a conversion cuts has none"]),
        ("price = 0", &["27:9 points are a number above 0 with at most 1 decimals, such as `150`"]),
        ("price = 1.5", &["27:9 must be a whole number or a decimal in quotes, not a number with a point"]),
        (
            "tier_prices = { gld = 1, gold = \"x\" }",
            &[
                "27:17 the ladder has no tier `gld`, did you mean `gold`?",
                "27:33 points are a number above 0 with at most 1 decimals, such as `150`",
            ],
        ),
        ("stock = -1", &["27:9 must be 0 to 1000000000"]),
        ("limit = 2", &["27:9 must be a table, not a whole number"]),
        ("limit = { times = 0 }", &["27:9 `window` is missing", "27:19 must be 1 to 1000000000"]),
        (
            "limit = { times = 1, window = \"lifetim\" }",
            &["27:31 `lifetim` is not one of `lifetime`, `anniversary_year`, did you mean `lifetime`?"],
        ),
        ("from = 2027-01-01\nuntil = 2026-01-01", &["28:9 an offer ends after it starts"]),
        ("tiers = [\"gould\"]", &["27:10 the ladder has no tier `gould`, did you mean `gold`?"]),
        ("voucher = \"yes\"", &["27:11 a voucher is `true` or `{ valid = \"30d\" }`"]),
        ("voucher = { valid = \"soon\" }", &["27:21 not a span; write days, months or years as `400d`, `6mo` or `2y`"]),
        ("prise = 5", &["27:1 unknown key `prise`, did you mean `price`?"]),
    ];
    for (keys, want) in rows {
        let absent = |key: &str| !keys.lines().any(|line| line.trim_start_matches('-').starts_with(key));
        let rest = [("wallet", "wallet = \"stars\""), ("price", "price = 5")];
        let rest: Vec<_> = rest.iter().filter(|(key, _)| absent(key)).map(|(_, line)| *line).collect();
        let keys: Vec<_> = keys.lines().filter(|line| !line.starts_with('-')).chain(rest).collect();
        assert_eq!(flaws(&reward(&keys.join("\n"))), *want, "{keys:?}");
    }
    let twice = reward("wallet = \"stars\"\nprice = 5").replace("\"cake\"", "\"coffee\"");
    assert_eq!(flaws(&twice), ["26:6 there is a reward `coffee` already"]);
    let unnamed = wallet("").replace("id = \"coffee\"\n", "");
    assert_eq!(flaws(&unnamed), ["20:1 `id` is missing"]);
    assert_eq!(flaws(&format!("{SMALL}[reward]\n")), ["9:1 must be a list, not a table"]);
    let many: String =
        (0..501).map(|n| format!("[[reward]]\nid = \"r{n}\"\nwallet = \"stars\"\nprice = 1\n")).collect();
    assert_eq!(flaws(&format!("{SMALL}{many}")), ["9:1 at most 500 rewards"]);
}

#[test]
fn new_words_come_after_those_of_earlier_versions_and_hidden_ones_last() {
    let limited = reward("wallet = \"stars\"\nprice = 5\nlimit = { times = 1, window = \"lifetime\" }");
    let capped = limited
        .replace("rule = \"r\"", "rule = \"r\"\ncap_per_member = { points = 5, window = \"lifetime\" }")
        + &campaign("cap_per_member = { points = 5, window = \"lifetime\" }");
    let all = ["stars", "visits", "member", "gold", "r", "c", "coffee", "cake", "cap:r", "cap:c", "limit:cake"];
    assert_eq!(words(&sound(&capped)), all);
    let before = sound(&wallet(""));
    let next = read(&capped, 2, Moment(1), &before.register).unwrap();
    let kept = words(&before).len();
    assert_eq!(words(&next)[..kept], words(&before));
    assert_eq!(words(&next)[kept..], ["c", "cake", "cap:r", "cap:c", "limit:cake"]);
    let again = read(&capped, 1, Moment(1), &Register::of(next.register.words().iter().cloned())).unwrap();
    assert_eq!(again.register, next.register);
}
