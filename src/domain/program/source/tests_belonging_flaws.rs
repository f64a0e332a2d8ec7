//! What a file promises beyond points, written wrongly: each flaw with its place, which is the line and column within what
//! is added to a sound program.

use super::tests::{SMALL, flaws, rule};
use super::tests_belonging::{AIR, flaws_of};

fn refused(what: &str, rows: &[(&str, &[&str])]) {
    for (keys, want) in rows {
        assert_eq!(flaws_of(&format!("{what}\n{keys}")), *want, "{keys}");
    }
}

const TIERS_FLAWS: &[(&str, &[&str])] = &[
    ("", &["1:1 `qualify` is missing; only a tier with `invited = true` has none"]),
    (
        "invited = 1",
        &[
            "1:1 `qualify` is missing; only a tier with `invited = true` has none",
            "4:11 must be `true` or `false`, not a whole number",
        ],
    ),
    ("invited = true\nqualify = 'points >= 100000'", &["5:11 a tier that is `invited` is only given; it asks nothing"]),
    ("invited = true\nrenw = 'points >= 1'", &["5:1 unknown key `renw`, did you mean `renew`?"]),
    ("invited = true\nrenew = 'point >= 1'", &["5:10 unknown name `point`, did you mean `points`?"]),
    ("invited = true\nfloor = 'false'", &["5:9 this can never hold"]),
    ("invited = true\ngrace = \"1w\"", &["5:9 not a span; write days, months or years as `400d`, `6mo` or `2y`"]),
    ("invited = true\ntrial = { lasts = \"90d\" }", &["5:9 `keep` is missing"]),
    ("invited = true\ntrial = { keep = 'points > 1' }", &["5:9 `lasts` is missing"]),
    (
        "invited = true\ntrial = { last = \"90d\", lasts = \"90d\", keep = 'points > 1' }",
        &["5:11 unknown key `last`, did you mean `lasts`?"],
    ),
    ("invited = true\ncounts = \"yers\"", &["5:10 no meter `yers`, did you mean `years`?"]),
    (
        "invited = true\ncounts = \"points\"",
        &["5:10 validities are counted for ever; the `window` of this meter must be `\"lifetime\"`"],
    ),
    ("invited = true\ncounts = \"spend\"", &["5:10 validities are whole; this meter must have no `decimals`"]),
    ("invited = true\nrenew = '\"admirals\" in member.clubs'", &["5:10 a tier's condition cannot ask for clubs"]),
];

#[test]
fn flaws_of_tiers() {
    let tier = "[[ladder.tier]]\nid = \"diamond\"\nvalidity = { span = \"12mo\" }";
    refused(tier, TIERS_FLAWS);
    let ever = "[[ladder.tier]]\nid = \"diamond\"\nvalidity = \"forever\"\ninvited = true";
    let ends = "this tier holds for ever; give it a `validity` that ends";
    assert_eq!(flaws_of(&format!("{ever}\ngrace = \"3d\"")), [format!("5:9 {ends}")]);
    assert_eq!(flaws_of(&format!("{ever}\nrenew = 'points > 1'")), [format!("5:9 {ends}")]);
}

#[test]
fn flaws_of_ladders_and_of_meters_that_roll_over() {
    let ladder = |keys: &str| flaws(&AIR.replace("[ladder]\n", &format!("[ladder]\n{keys}\n")));
    assert_eq!(
        ladder("downgrade = \"one-step\""),
        ["16:13 `one-step` is not one of `to_earned`, `one_step`, `none`, did you mean `one_step`?"]
    );
    assert_eq!(ladder("on_change = \"keep\""), ["16:13 `keep` is not one of `grandfather`, `rejudge`"]);
    assert_eq!(ladder("on_chang = \"rejudge\""), ["16:1 unknown key `on_chang`, did you mean `on_change`?"]);
    let year = "only a calendar or anniversary year ends and is followed by another to roll over into";
    let meter = |keys: &str| flaws_of(&format!("[meters.m]\n{keys}"));
    assert_eq!(meter("window = \"lifetime\"\nrollover = true"), [format!("3:12 {year}")]);
    assert_eq!(meter("window = { rolling_months = 12 }\nrollover = true"), [format!("3:12 {year}")]);
    assert_eq!(
        meter("window = \"anniversary_year\"\nrollover = 1"),
        ["3:12 must be `true` or `false`, not a whole number"]
    );
    assert_eq!(meter("window = \"anniversary_year\"\nrollover = true"), [""; 0]);
    assert_eq!(meter("window = { rolling_months = 121 }"), ["2:29 must be 1 to 120"]);
    let no_ladder = format!("{SMALL}[meters.m]\nwindow = \"anniversary_year\"\nrollover = true\n");
    let beyond = "11:12 what rolls over is beyond the threshold of a tier, and there is no `[ladder]`";
    assert_eq!(flaws(&no_ladder), [beyond]);
}

const CLUBS_FLAWS: &[(&str, &[&str])] = &[
    ("", &["1:1 `door` is missing"]),
    ("door = 1", &["3:8 a door is `\"open\"`, `\"condition\"`, `\"approval\"` or `{ invitation = \"30d\" }`"]),
    ("door = \"opn\"", &["3:8 `opn` is not one of `open`, `condition`, `approval`, did you mean `open`?"]),
    ("door = { invitation = \"soon\" }", &["3:23 not a span; write days, months or years as `400d`, `6mo` or `2y`"]),
    ("door = { invite = \"30d\" }", &["3:8 `invitation` is missing", "3:10 unknown key `invite`"]),
    ("door = \"condition\"", &["1:1 `condition` is missing; it is what this door asks"]),
    (
        "door = \"open\"\ncondition = 'purchase.total > 1'",
        &["4:14 what is asked of a member sees meters and `member`, not `purchase`"],
    ),
    (
        "door = \"open\"\ncondition = '\"admiral\" in member.clubs'",
        &["4:14 no club `admiral`, did you mean `admirals`?"],
    ),
    ("door = \"open\"\nterms = \"12mo\"", &["4:1 unknown key `terms`, did you mean `term`?"]),
    ("door = \"open\"\ncapacity = 0", &["4:12 must be 1 to 1000000000"]),
    ("door = \"open\"\nfrom = 2027-01-01\nuntil = 2026-01-01", &["5:9 a club ends after it starts"]),
    (
        "door = \"open\"\nfee = { amount = \"8.505\" }",
        &["4:18 a fee is money above 0 with at most 2 decimals, such as `850`"],
    ),
    ("door = \"open\"\nfee = { amount = 0 }", &["4:18 a fee is money above 0 with at most 2 decimals, such as `850`"]),
    (
        "door = \"open\"\nfee = { renewal = 5, amount = 5 }",
        &["4:19 without a `term` a fee is paid once; give the club one or leave `renewal` out"],
    ),
    (
        "door = \"open\"\nfee = { by_tier = { gld = -1 } }",
        &[
            "4:7 `amount` is missing",
            "4:21 the ladder has no tier `gld`, did you mean `gold`?",
            "4:27 a fee is money of 0 or more with at most 2 decimals, such as `850`",
        ],
    ),
    ("door = \"open\"\nfee = { wallet = \"mils\", amount = 5 }", &["4:18 no wallet `mils`, did you mean `miles`?"]),
    (
        "door = \"open\"\nfee = { wallet = \"miles\", amount = \"0.01\" }",
        &["4:36 a fee is points above 0 with at most 1 decimals, such as `850`"],
    ),
    ("door = \"open\"\nfee = { amunt = 5, amount = 5 }", &["4:9 unknown key `amunt`, did you mean `amount`?"]),
];

#[test]
fn flaws_of_clubs() {
    for (keys, want) in CLUBS_FLAWS {
        assert_eq!(flaws_of(&format!("[[club]]\nid = \"c\"\n{keys}")), *want, "{keys}");
    }
    assert_eq!(flaws_of("[[club]]\nid = \"admirals\"\ndoor = \"open\""), ["2:6 there is a club `admirals` already"]);
    assert_eq!(flaws_of("[[club]]\ndoor = \"open\""), ["1:1 `id` is missing"]);
    let books = AIR.replace("decimals = 1\n", "decimals = 1\nbook = 10\n")
        + "[[club]]\nid = \"c\"\ndoor = \"open\"\nfee = { wallet = \"miles\", amount = 15 }\n";
    let found = flaws(&books);
    assert!(matches!(found.as_slice(), [one] if one.ends_with("whole books of 10.0; this must be a multiple of that")));
}

const PRIVILEGES_FLAWS: &[(&str, &[&str])] = &[
    ("tiers = [\"gold\"]", &["1:1 `kind` is missing"]),
    (
        "kind = \"flg\"\ntiers = [\"gold\"]",
        &["3:8 `flg` is not one of `flag`, `percent`, `code`, `opening`, did you mean `flag`?"],
    ),
    (
        "kind = 1\ntiers = [\"gold\"]",
        &["3:8 a kind is `\"flag\"`, `\"percent\"`, `\"code\"`, `\"opening\"` or `{ quota = \"lifetime\" }`"],
    ),
    (
        "kind = { quta = \"lifetime\" }\ntiers = { gold = 1 }",
        &["3:8 `quota` is missing", "3:10 unknown key `quta`, did you mean `quota`?"],
    ),
    (
        "kind = { quota = \"lifetim\" }\ntiers = { gold = 1 }",
        &["3:18 `lifetim` is not one of `lifetime`, `anniversary_year`, did you mean `lifetime`?"],
    ),
    (
        "kind = \"flag\"\ntiers = [\"gld\", \"gold\", \"gold\"]",
        &["4:10 the ladder has no tier `gld`, did you mean `gold`?", "4:25 this tier is listed twice"],
    ),
    ("kind = \"flag\"\ntiers = { gold = 1 }", &["4:9 must be a list, not a table"]),
    (
        "kind = \"flag\"\nclubs = [\"admiral\", \"admirals\", \"admirals\"]",
        &["4:10 no club `admiral`, did you mean `admirals`?", "4:33 this club is listed twice"],
    ),
    (
        "kind = \"percent\"\ntiers = { gold = \"0%\" }\nclubs = { admiral = \"101%\" }",
        &[
            "4:18 a share is above 0 and at most 100 %, such as `40%`",
            "5:11 no club `admiral`, did you mean `admirals`?",
            "5:21 a share is above 0 and at most 100 %, such as `40%`",
        ],
    ),
    ("kind = \"code\"\ntiers = { gold = \" \" }", &["4:18 a code has 1 to 64 characters and no control characters"]),
    ("kind = \"code\"\ntiers = { gold = 7 }", &["4:18 must be a text, not a whole number"]),
    (
        "kind = \"opening\"\ntiers = { gold = \"1mo\" }",
        &["4:18 not a time ahead; write minutes, hours or at most 3660 days as `30m`, `24h` or `7d`"],
    ),
    (
        "kind = \"opening\"\ntiers = { gold = \"99999999999999999999d\" }",
        &["4:18 not a time ahead; write minutes, hours or at most 3660 days as `30m`, `24h` or `7d`"],
    ),
    ("kind = { quota = \"lifetime\" }\ntiers = { gold = 0 }", &["4:18 must be 1 to 1000000"]),
    ("kind = \"flag\"\ntiers = [\"gold\"]\ncompanions = 101", &["5:14 must be 0 to 100"]),
    (
        "kind = \"flag\"\ntiers = [\"gold\"]\ncompanion = 1",
        &["5:1 unknown key `companion`, did you mean `companions`?"],
    ),
    (
        "kind = \"flag\"\ntiers = [\"gold\"]\ngift = { tier = \"gold\" }",
        &["5:8 only uses can be a present; a `gift` needs `kind = { quota = … }`"],
    ),
    (
        "kind = { quota = \"lifetime\" }\ntiers = { gold = 1 }\ngift = { lasts = \"1w\" }",
        &["5:8 `tier` is missing", "5:18 not a span; write days, months or years as `400d`, `6mo` or `2y`"],
    ),
    (
        "kind = { quota = \"lifetime\" }\ntiers = { gold = 1 }\ngift = { tier = \"member\", last = 1 }",
        &["5:17 everybody has `member`; there is nothing to give", "5:27 unknown key `last`, did you mean `lasts`?"],
    ),
];

#[test]
fn flaws_of_privileges() {
    refused("[[privilege]]\nid = \"p\"", PRIVILEGES_FLAWS);
    assert_eq!(
        flaws_of("[[privilege]]\nid = \"wifi\"\nkind = \"flag\"\ntiers = [\"gold\"]"),
        ["2:6 there is a privilege `wifi` already"]
    );
}

const MILESTONES_FLAWS: &[(&str, &[&str])] = &[
    ("at = 1\ngives = [{ boost = \"lift\" }]", &["1:1 `meter` is missing"]),
    ("meter = \"points\"\ngives = [{ boost = \"lift\" }]", &["1:1 `at` is missing"]),
    ("meter = \"point\"\nat = 1\ngives = [{ boost = \"lift\" }]", &["3:9 no meter `point`, did you mean `points`?"]),
    (
        "meter = \"points\"\nat = \"1.5\"\nevery = 0\ngives = [{ boost = \"lift\" }]",
        &[
            "4:6 points are a whole number above 0, such as `150`",
            "5:9 points are a whole number above 0, such as `150`",
        ],
    ),
    (
        "meter = \"points\"\nat = 10\nevery = 1\nup_to = 9\ngives = [{ boost = \"lift\" }]",
        &["6:9 this is below `at`, so the milestone could never be reached"],
    ),
    (
        "meter = \"points\"\nat = 10\nevry = 1\ngives = [{ boost = \"lift\" }]",
        &["5:1 unknown key `evry`, did you mean `every`?"],
    ),
    (
        "meter = \"points\"\nat = 10\nwhen = 'line.amount > 1'\ngives = [{ boost = \"lift\" }]",
        &["5:9 what is asked of a member sees meters and `member`, not `line`"],
    ),
    (
        "meter = \"points\"\nat = 10\njudged = \"at_ends\"\ngives = [{ boost = \"lift\" }]",
        &["5:10 `at_ends` is not one of `at_once`, `at_end`, did you mean `at_end`?"],
    ),
    (
        "meter = \"spend\"\nat = 10\njudged = \"at_end\"\ngives = [{ boost = \"lift\" }]",
        &["5:10 the window of its meter does not end; only those of calendar and anniversary years do"],
    ),
    ("meter = \"points\"\nat = 10", &["1:1 it gives nothing and offers no choice; add `gives` or `choose`"]),
    (
        "meter = \"points\"\nat = 10\ngives = []",
        &["1:1 it gives nothing and offers no choice; add `gives` or `choose`"],
    ),
    (
        "meter = \"points\"\nat = 10\nchoose = { choices = 1 }",
        &["5:10 there is nothing to choose from; add `[[milestone.option]]`"],
    ),
    (
        "meter = \"points\"\nat = 10\nchoose = { choices = 1, default = \"a\", withn = \"1d\" }\n[[milestone.option]]\nid = \"a\"",
        &[
            "5:35 what is not chosen has no end to come to; a `default` needs `within`",
            "5:40 unknown key `withn`, did you mean `within`?",
        ],
    ),
    (
        "meter = \"points\"\nat = 10\ngives = [{ boost = \"lift\" }]\n[[milestone.option]]\nid = \"a\"",
        &["6:1 an option without a choice; say with `choose` how many of them may be taken"],
    ),
];

const NO_DEFAULT: &str = "5:50 no option `mils`, did you mean `miles`?";
const OPTION_FLAWS: &[(&str, &[&str])] = &[
    ("", &[NO_DEFAULT]),
    ("cost = 3", &[NO_DEFAULT, "8:8 it costs 3 of 2 choices, so nobody could ever take it"]),
    ("costs = 1", &[NO_DEFAULT, "8:1 unknown key `costs`, did you mean `cost`?"]),
    ("limit = 0", &[NO_DEFAULT, "8:9 must be 1 to 100"]),
    ("when = 'member.tier == \"gld\"'", &[NO_DEFAULT, "8:24 the ladder has no tier `gld`, did you mean `gold`?"]),
    ("[[milestone.option]]\nid = \"miles\"", &[NO_DEFAULT, "9:6 there is an option `miles` already"]),
];

#[test]
fn flaws_of_milestones() {
    for (keys, want) in MILESTONES_FLAWS {
        assert_eq!(flaws_of(&format!("[[milestone]]\nid = \"m\"\n{keys}")), *want, "{keys}");
    }
    let choice = "[[milestone]]\nid = \"m\"\nmeter = \"points\"\nat = 1\nchoose = { choices = 2, within = \"1d\", default = \"mils\" }\n[[milestone.option]]\nid = \"miles\"";
    refused(choice, OPTION_FLAWS);
    assert_eq!(
        flaws_of("[[milestone]]\nid = \"first\"\nmeter = \"points\"\nat = 1\ngives = [{ boost = \"lift\" }]"),
        ["2:6 there is a milestone `first` already"]
    );
}

const BENEFITS_FLAWS: &[(&str, &[&str])] = &[
    (
        "{ walet = \"miles\", points = 5 }",
        &[
            "5:10 a benefit is one of `{ wallet, points }`, `{ meter, count }`, `{ privilege, uses }`, `{ club, lasts }`, `{ tier }` and `{ boost }`",
            "5:12 unknown key `walet`, did you mean `wallet`?",
        ],
    ),
    (
        "{ wallet = \"miles\", points = 5, tier = \"gold\" }",
        &[
            "5:10 a benefit is one of `{ wallet, points }`, `{ meter, count }`, `{ privilege, uses }`, `{ club, lasts }`, `{ tier }` and `{ boost }`",
        ],
    ),
    ("7", &["5:10 must be a table, not a whole number"]),
    ("{ wallet = \"mile\", points = 5 }", &["5:21 no wallet `mile`, did you mean `miles`?"]),
    ("{ wallet = \"miles\" }", &["5:10 `points` is missing"]),
    (
        "{ wallet = \"miles\", points = \"0.05\" }",
        &["5:39 points are a number above 0 with at most 1 decimals, such as `150`"],
    ),
    ("{ wallet = \"miles\", points = 5, lasts = \"1y\" }", &["5:42 unknown key `lasts`"]),
    ("{ meter = \"spent\", count = 5 }", &["5:20 no meter `spent`, did you mean `spend`?"]),
    ("{ meter = \"points\", count = -5 }", &["5:38 points are a whole number above 0, such as `150`"]),
    ("{ privilege = \"loung\", uses = 1 }", &["5:24 no privilege `loung`, did you mean `lounge`?"]),
    ("{ privilege = \"wifi\", uses = 1 }", &["5:39 no uses of this privilege are counted; leave `uses` out"]),
    ("{ privilege = \"lounge\", uses = 0 }", &["5:41 must be 1 to 1000000"]),
    (
        "{ privilege = \"lounge\", uses = 1, lasts = \"for ever\" }",
        &["5:52 `for ever` is not one of `validity`, `window`, `forever`, did you mean `forever`?"],
    ),
    (
        "{ privilege = \"lounge\", uses = 1, lasts = \"12m\" }",
        &["5:52 not a span; write days, months or years as `400d`, `6mo` or `2y`"],
    ),
    ("{ club = \"admirals\" }", &["5:10 `lasts` is missing"]),
    (
        "{ club = \"admiral\", lasts = \"forever\" }",
        &[
            "5:19 no club `admiral`, did you mean `admirals`?",
            "5:38 not a span; write days, months or years as `400d`, `6mo` or `2y`",
        ],
    ),
    ("{ tier = \"gld\" }", &["5:19 the ladder has no tier `gld`, did you mean `gold`?"]),
    ("{ tier = \"member\" }", &["5:19 everybody has `member`; there is nothing to give"]),
    ("{ boost = \"lifts\" }", &["5:20 no campaign `lifts`, did you mean `lift`?"]),
];

#[test]
fn flaws_of_benefits() {
    for (item, want) in BENEFITS_FLAWS {
        let milestone = format!("[[milestone]]\nid = \"m\"\nmeter = \"points\"\nat = 1\ngives = [{item}]");
        assert_eq!(flaws_of(&milestone), *want, "{item}");
    }
    let not_a_boost = rule("-rule =").replace("[[earning]]", "[[campaign]]\ncampaign = \"c\"\nstacking = \"add\"");
    let milestone = "[[milestone]]\nid = \"m\"\nmeter = \"visits\"\nat = 1\ngives = [{ boost = \"c\" }]\n";
    let found = flaws(&format!("{SMALL}{milestone}{not_a_boost}\n"));
    assert_eq!(found, ["13:20 campaign `c` is no boost; give it a `boost`"]);
    let no_ladder = "[[privilege]]\nid = \"p\"\nkind = { quota = \"lifetime\" }\n[[milestone]]\nid = \"m\"\nmeter = \"visits\"\nat = 1\ngives = [{ privilege = \"p\", uses = 1, lasts = \"validity\" }]\n";
    let found = flaws(&format!("{SMALL}{no_ladder}"));
    assert_eq!(found, ["16:47 there is no `[ladder]`, so no validity either; write a span or `forever`"]);
}

const BOOST_FLAWS: &[(&str, &[&str])] = &[
    ("boost = { last = \"6mo\" }", &["8:9 `lasts` is missing", "8:11 unknown key `last`, did you mean `lasts`?"]),
    ("boost = \"6mo\"", &["8:9 must be a table, not a text"]),
    ("boost = { lasts = \"6mo\" }", &["8:9 nobody gets this boost: no milestone, option or reward gives it"]),
    (
        "cap_per_member = { points = 5, window = \"anniversary_year\" }\nboost = { lasts = \"6mo\" }",
        &[
            "8:41 a boost counts from when it begins; its window is `\"lifetime\"`",
            "9:9 nobody gets this boost: no milestone, option or reward gives it",
        ],
    ),
    ("when = '\"admiral\" in member.clubs'", &["8:9 no club `admiral`, did you mean `admirals`?"]),
];

const REWARD_FLAWS: &[(&str, &[&str])] = &[
    ("clubs = [\"admiral\"]", &["5:10 no club `admiral`, did you mean `admirals`?"]),
    ("club = [\"admirals\"]", &["5:1 unknown key `club`, did you mean `clubs`?"]),
    ("gives = { boost = \"lift\" }", &["5:9 must be a list, not a table"]),
    ("gives = [{ boost = \"left\" }]", &["5:20 no campaign `left`, did you mean `lift`?"]),
];

#[test]
fn flaws_of_boosts_and_of_rewards_for_clubs() {
    let campaign = "[[campaign]]\ncampaign = \"c\"\nbasis = \"amount\"\nrate = \"1 per 1.00\"\nrounding = \"floor\"\nwallet = \"miles\"\nstacking = \"add\"";
    refused(campaign, BOOST_FLAWS);
    let reward = "[[reward]]\nid = \"r\"\nwallet = \"miles\"\nprice = 5";
    refused(reward, REWARD_FLAWS);
    let rule = flaws_of(&rule("boost = { lasts = \"6mo\" }\nmeters = [\"points\"]\n-wallet ="));
    assert_eq!(rule, ["2:1 unknown key `boost`"]);
}
