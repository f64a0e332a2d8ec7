//! What reads well and can never do anything: that it is said, and that nothing which could be meant is.

use super::tests::{SMALL, flaws, rule, sound};
use super::tests_belonging::flaws_of;
use super::{Moment, Register, recall};

/// Two tiers, `low` below `high`, whose keys are given; `ladder` are keys of the ladder.
fn tiers(ladder: &str, low: &str, high: &str) -> Vec<String> {
    let tier = |id: &str, keys: &str| {
        let validity = if keys.contains("validity") { "" } else { "validity = { span = \"12mo\" }\n" };
        format!("[[ladder.tier]]\nid = \"{id}\"\n{keys}\n{validity}")
    };
    let meter = "[meters.nights]\nwindow = \"anniversary_year\"\n";
    flaws(&format!("{SMALL}{meter}[ladder]\n{ladder}\n{}{}", tier("low", low), tier("high", high)))
}

#[test]
fn a_tier_that_is_never_earned_without_a_higher_one_is_said() {
    let said = "15:11 whoever earns `low` earns `high` above it too; tiers stand lowest first";
    let rows = [
        ("visits >= 10", "visits >= 5"),
        ("visits > 9", "visits >= 10"),
        ("visits >= 10 && nights >= 3", "visits >= 10"),
        ("visits >= 10 && nights >= 3", "nights >= 3 && visits >= 2"),
        ("visits >= 10", "visits >= 10 || nights >= 3"),
        ("visits >= 10 || nights >= 3", "visits >= 9 || nights >= 2"),
        ("visits in [10, 11]", "visits >= 5"),
    ];
    for (low, high) in rows {
        let found = tiers("", &format!("qualify = '{low}'"), &format!("qualify = '{high}'"));
        assert_eq!(found, [said], "{low} below {high}");
    }
}

#[test]
fn a_ladder_that_could_be_meant_is_never_refused() {
    let rows = [
        ("visits >= 10", "visits >= 11"),
        ("visits >= 10", "nights >= 5"),
        ("visits >= 10 || nights >= 9", "visits >= 5"),
        ("visits >= 10", "visits >= 5 && nights >= 1"),
        ("visits + nights >= 10", "visits >= 5"),
    ];
    for (low, high) in rows {
        let found = tiers("", &format!("qualify = '{low}'"), &format!("qualify = '{high}'"));
        assert_eq!(found, [""; 0], "{low} below {high}");
    }
    let (low, high) = ("qualify = 'visits >= 10'", "qualify = 'visits >= 5'");
    // What lasts longer, or is kept otherwise, is stood on when the higher one has ended.
    let ever = format!("{low}\nvalidity = \"forever\"");
    for (ladder, low, high) in [
        ("", &*ever, high),
        ("downgrade = \"one_step\"", low, high),
        ("", &format!("{low}\nrenew = 'visits >= 1'"), high),
        ("", &format!("{low}\nfloor = 'visits >= 1000'"), high),
        ("", &format!("{low}\ngrace = \"30d\""), high),
        ("", low, &format!("{high}\nrenew = 'visits >= 6'")),
        ("", low, "invited = true"),
        ("", "invited = true", "invited = true"),
    ] {
        assert_eq!(tiers(ladder, low, high), [""; 0], "{ladder} {low} {high}");
    }
}

#[test]
fn a_tier_that_something_gives_is_stood_on_without_being_earned() {
    let milestone = "[[milestone]]\nid = \"m\"\nmeter = \"visits\"\nat = 1\ngives = [{ tier = \"low\" }]\n";
    let quota = "[[privilege]]\nid = \"p\"\nkind = { quota = \"lifetime\" }\ntiers = { high = 1 }\n";
    let gift = format!("{quota}gift = {{ tier = \"low\" }}\n");
    let (low, high) = ("qualify = 'visits >= 10'", "qualify = 'visits >= 5'");
    let high = |more: &str| format!("{high}\nvalidity = {{ span = \"12mo\" }}\n{more}");
    assert_eq!(tiers("", low, &high(quota)).len(), 1);
    assert_eq!(tiers("", low, &high(&gift)), [""; 0]);
    assert_eq!(tiers("", low, &high(milestone)), [""; 0]);
}

/// Two exclusive campaigns.
fn exclusive(a: &str, b: &str) -> Vec<String> {
    let campaign = |id: &str, more: &str| {
        let more = format!("campaign = \"{id}\"\nstacking = {{ exclusive = 5 }}\n{more}\n-rule =");
        rule(&more).replace("[[earning]]", "[[campaign]]") + "\n"
    };
    flaws(&format!("{SMALL}{}{}", campaign("a", a), campaign("b", b)))
}

#[test]
fn two_campaigns_that_exclude_each_other_are_said() {
    let said = |line: u32| [format!("{line}:12 `a` is exclusive with the same priority at the same time")];
    assert_eq!(exclusive("", ""), said(19));
    let dates = |from: &str, until: &str| format!("from = {from}\nuntil = {until}");
    let may = dates("2026-05-01", "2026-06-01");
    assert_eq!(exclusive(&may, &dates("2026-05-31", "2026-07-01")), said(20));
    assert_eq!(exclusive(&may, &dates("2026-06-01", "2026-07-01")), [""; 0]);
    let (a, b) = ("when = 'purchase.store == \"a\"'", "when = 'purchase.store in [\"b\", \"c\"]'");
    assert_eq!(exclusive(a, b), [""; 0]);
    assert_eq!(exclusive(a, "when = 'purchase.store in [\"a\", \"c\"]'"), said(19));
    let text = "campaign = \"a\"\nstacking = { exclusive = 5 }\n-rule =";
    let one = rule(text).replace("[[earning]]", "[[campaign]]");
    let two = one.replace("\"a\"", "\"b\"").replace("= 5", "= 6");
    sound(&format!("{SMALL}{one}\n{two}\n"));
}

#[test]
fn what_nobody_gets_is_said() {
    let flag = "[[privilege]]\nid = \"p\"\nkind = \"flag\"";
    let nobody = "1:1 nobody gets `p`: no tier, club, segment, milestone, option or reward gives it";
    assert_eq!(flaws_of(flag), [nobody]);
    assert_eq!(flaws_of(&format!("{flag}\ntiers = []")), [nobody]);
    assert_eq!(flaws_of(&format!("{flag}\nclubs = [\"admirals\"]")), [""; 0]);
    let quota = "[[privilege]]\nid = \"p\"\nkind = { quota = \"lifetime\" }\n";
    assert_eq!(flaws_of(quota), [nobody]);
    let gives = "gives = [{ privilege = \"p\", uses = 1 }]\n";
    let reward = format!("{quota}[[reward]]\nid = \"r\"\nwallet = \"miles\"\nprice = 1\n{gives}");
    assert_eq!(flaws_of(&reward), [""; 0]);
    let milestone = "[[milestone]]\nid = \"m\"\nmeter = \"points\"\nat = 1\n";
    assert_eq!(flaws_of(&format!("{quota}{milestone}{gives}")), [""; 0]);
    let option = format!("{quota}{milestone}choose = {{ choices = 1 }}\n[[milestone.option]]\nid = \"o\"\n{gives}");
    assert_eq!(flaws_of(&option), [""; 0]);
    // What was meant and misspelt, or is part of something flawed, is not said to be missing too.
    assert_eq!(
        flaws_of(&option.replace("privilege = \"p\"", "privilege = \"q\"")),
        ["11:24 no privilege `q`, did you mean `p`?"]
    );
    assert_eq!(flaws_of(&option.replace("at = 1", "at = 0")).len(), 1);
}

#[test]
fn what_is_given_is_worth_something() {
    let percent = "[[privilege]]\nid = \"p\"\nkind = \"percent\"\n";
    let gives = "[[milestone]]\nid = \"m\"\nmeter = \"points\"\nat = 1\ngives = [{ privilege = \"p\" }]\n";
    let flaw = "3:8 something gives `p`; say with `given` what it is worth then";
    assert_eq!(flaws_of(&format!("{percent}{gives}")), [flaw]);
    assert_eq!(flaws_of(&format!("{percent}given = \"10%\"\n{gives}")), [""; 0]);
    let flag = percent.replace("percent", "flag");
    assert_eq!(flaws_of(&format!("{flag}given = true\n{gives}")), ["4:9 a flag is simply had; leave `given` out"]);
}

#[test]
fn conditions_that_never_hold_are_said() {
    let rows: &[(&str, &[&str])] = &[
        ("when = 'false'", &["10:8 this can never hold"]),
        ("when = 'purchase.kind == \"a\" && purchase.kind == \"b\"'", &["10:8 this can never hold"]),
        ("when = 'purchase.total > 10 && purchase.total < 5'", &["10:8 this can never hold"]),
        ("lines = 'line.sku == \"a\" && !line.sku.startsWith(\"a\")'", &["10:9 this can never hold"]),
        (
            "when = 'purchase.store == \"a\"'\nlines = 'purchase.store == \"b\"'",
            &["11:9 no line is ever chosen: this excludes `when` or is excluded by `exclude_lines`"],
        ),
        (
            "when = 'false'\nlines = 'line.amount > 5 && line.amount < 5'",
            &["10:8 this can never hold", "11:9 this can never hold"],
        ),
        ("when = 'purchase.total >= 5 && purchase.total <= 5'\nlines = 'line.amount > 5 || line.amount < 5'", &[]),
    ];
    for (more, want) in rows {
        assert_eq!(flaws(&format!("{SMALL}{}\n", rule(more))), *want, "{more}");
    }
    let excluded = format!("exclude_lines = 'line.sku == \"tax\"'\n{SMALL}{}\n", rule("lines = 'line.sku == \"tax\"'"));
    let said = "11:9 no line is ever chosen: this excludes `when` or is excluded by `exclude_lines`";
    assert_eq!(flaws(&excluded), [said]);
    assert_eq!(
        tiers("", "qualify = 'visits >= 5 && visits < 5'", "qualify = 'visits >= 9'"),
        ["15:11 this can never hold"]
    );
    let club = "[[club]]\nid = \"c\"\ndoor = \"condition\"\n";
    let belongs = "condition = '\"admirals\" in member.clubs && !(\"admirals\" in member.clubs)'";
    assert_eq!(flaws_of(&format!("{club}{belongs}")), ["4:13 this can never hold"]);
    assert_eq!(flaws_of(&format!("{club}condition = 'member.pilot && !member.pilot'")), ["4:13 this can never hold"]);
}

#[test]
fn what_cannot_come_about_by_itself_is_said() {
    let rows: &[(&str, &[&str])] = &[
        ("when = 'purchase.total < 0'", &["10:8 this can never hold"]),
        ("when = 'purchase.total <= 0'", &[]),
        (
            "when = 'purchase.occurred_at >= timestamp(\"2027-01-01T00:00:00Z\")'\nfrom = 2026-05-01\nuntil = 2026-06-01",
            &["10:8 this never holds between `from` and `until`"],
        ),
        (
            "when = 'purchase.occurred_at >= timestamp(\"2026-05-31T00:00:00Z\")'\nfrom = 2026-05-01\nuntil = 2026-06-01",
            &[],
        ),
        ("basis = \"0\"\n-basis =\nrate = \"1\"\n-rate =", &["10:9 a basis of 0 or less earns nothing"]),
        ("basis = \"2 - 3\"\n-basis =\nrate = \"1\"\n-rate =", &["10:9 a basis of 0 or less earns nothing"]),
        ("rate = \"0 per 1.00\"\n-rate =", &["10:8 a rate of 0 earns nothing"]),
    ];
    for (more, want) in rows {
        assert_eq!(flaws(&format!("{SMALL}{}\n", rule(more))), *want, "{more}");
    }
}

#[test]
fn what_nothing_feeds_is_said() {
    let earns = |what: &str| {
        format!("[[earning]]\nrule = \"e\"\nbasis = \"quantity\"\nrate = \"1\"\nrounding = \"floor\"\n{what}\n")
    };
    let flaws_of = |text: &str| flaws_of(&format!("{text}{}", earns("meters = [\"points\"]")));
    let dead = "[meters.dead]\nwindow = \"lifetime\"\n[meters.gone]\nwindow = \"lifetime\"\n";
    let tier = |keys: &str| format!("{dead}[[ladder.tier]]\nid = \"high\"\n{keys}\nvalidity = {{ span = \"12mo\" }}\n");
    let said = |place: &str, meters: &str| [format!("{place} nothing counts on {meters}, so this can never hold")];
    assert_eq!(flaws_of(&tier("qualify = 'dead >= 1 && points >= 1'")), said("7:11", "`dead`"));
    assert_eq!(flaws_of(&tier("qualify = 'dead >= 1 || gone >= 1'")), said("7:11", "`dead`, `gone`"));
    assert_eq!(flaws_of(&tier("qualify = 'dead >= 1 || points >= 9000000'")), [""; 0]);
    assert_eq!(flaws_of(&tier("qualify = 'points >= 9000000'\nfloor = 'gone >= 1'")), said("8:9", "`gone`"));
    let counts = tier("qualify = 'points >= 9000000'\nfloor = 'gone >= 1'\ncounts = \"gone\"");
    assert_eq!(flaws_of(&counts), [""; 0]);
    let milestone =
        "[[milestone]]\nid = \"m\"\nmeter = \"dead\"\nat = 1\ngives = [{ meter = \"points\", count = 1 }]\n";
    assert_eq!(flaws_of(&format!("{dead}{milestone}")), ["7:9 nothing counts on `dead`, so it is never reached"]);
    let other = milestone.replace("dead", "points").replace("\"m\"", "\"n\"");
    let other = other.replace("meter = \"points\", count", "meter = \"dead\", count");
    assert_eq!(flaws_of(&format!("{dead}{milestone}{other}")), [""; 0]);
    let campaign = "[wallets.gems]\n[[campaign]]\ncampaign = \"c\"\nbasis = \"base_points\"\nrate = \"100%\"\n\
                    rounding = \"floor\"\nwallet = \"gems\"\nstacking = \"add\"\n";
    assert_eq!(flaws_of(campaign), ["4:9 no `[[earning]]` rule grants on `gems`: it has no base points"]);
    let earned = campaign.replace("\"gems\"\n", "\"miles\"\n") + &earns("wallet = \"miles\"").replace("\"e\"", "\"f\"");
    assert_eq!(flaws_of(&earned), [""; 0]);
}

#[test]
fn a_club_for_its_own_members_is_said() {
    let club = "[[club]]\nid = \"guild\"\ndoor = \"condition\"\ncondition = '\"guild\" in member.clubs'\n";
    assert_eq!(flaws_of(club), ["4:13 only members of this club meet this, so nobody can ever come in"]);
    assert_eq!(flaws_of(&club.replace("member.clubs'", "member.clubs || points >= 1'")), [""; 0]);
    let given =
        "[[milestone]]\nid = \"m\"\nmeter = \"points\"\nat = 1\ngives = [{ club = \"guild\", lasts = \"1y\" }]\n";
    assert_eq!(flaws_of(&format!("{club}{given}")), [""; 0]);
}

/// A version that was in force stays readable, whatever is said of new ones.
#[test]
fn what_was_applied_once_is_recalled() {
    let text = format!("{SMALL}{}\n[[privilege]]\nid = \"p\"\nkind = \"flag\"\n", rule("when = 'false'"));
    assert_eq!(flaws(&text).len(), 2);
    assert!(recall(&text, 1, Moment::BEGINNING, &Register::default()).is_ok());
    let flawed = recall(&text.replace("kind =", "knd ="), 1, Moment::BEGINNING, &Register::default());
    assert_eq!(flawed.unwrap_err().len(), 2);
}
