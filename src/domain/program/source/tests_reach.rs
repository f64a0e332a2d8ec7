//! What no member ever comes to: tiers and milestones beyond what meters read, clubs that wait for each other. That each
//! is said, and nothing that could be meant.

use super::tests_belonging::flaws_of;

fn earns(rule: &str, keys: &str) -> String {
    let terms = "basis = \"quantity\"\nrate = \"1\"\nrounding = \"floor\"\n";
    format!("[[earning]]\nrule = \"{rule}\"\n{terms}{keys}\n")
}

/// A tier above those of the program, on line 1.
fn tier(id: &str, keys: &str) -> String {
    format!("[[ladder.tier]]\nid = \"{id}\"\nvalidity = {{ span = \"12mo\" }}\n{keys}\n")
}

fn milestone(keys: &str) -> String {
    format!("[[milestone]]\nid = \"m\"\nmeter = \"points\"\n{keys}\ngives = [{{ wallet = \"miles\", points = 1 }}]\n")
}

#[test]
fn a_milestone_that_its_condition_excludes_is_said() {
    let said = ["5:8 this never holds where `points` has come to `at`, so it is never reached"];
    for when in ["points < 20", "points == 20", "points < 30 && member.pilot", "!(points >= 30)"] {
        assert_eq!(flaws_of(&milestone(&format!("at = 30\nwhen = '{when}'"))), said, "{when}");
    }
    for when in ["points < 31", "points < 20 || member.pilot", "years < 20", "points - years < 20", "points >= 40"] {
        assert_eq!(flaws_of(&milestone(&format!("at = 30\nwhen = '{when}'"))), [""; 0], "{when}");
    }
    let never = milestone("at = 30\nwhen = 'points < 20 && points > 20'");
    assert_eq!(flaws_of(&never), ["5:8 this can never hold"]);
}

/// A tier and a milestone on a meter that these rules count on.
fn capped(rules: &[(&str, &str)], qualify: &str, at: u32) -> Vec<String> {
    let declared = "[meters.rides]\nwindow = { calendar_year = \"01-01\" }\n";
    let rules: String =
        rules.iter().map(|(id, keys)| earns(id, &format!("meters = [\"rides\", \"points\"]\n{keys}"))).collect();
    let asks = format!("{}{}", tier("high", &format!("qualify = '{qualify}'")), milestone(&format!("at = {at}")));
    flaws_of(&format!("{}{declared}{rules}", asks.replace("meter = \"points\"", "meter = \"rides\"")))
}

#[test]
fn what_caps_keep_out_of_reach_is_said() {
    let cap = |window: &str| format!("cap_per_member = {{ points = 50, window = {window} }}");
    let (ever, yearly, monthly) =
        (cap("\"lifetime\""), cap("{ calendar_year = \"01-01\" }"), cap("{ rolling_months = 1 }"));
    let tier = "4:11 caps leave `rides` at most 100, so this can never hold";
    let milestone = "8:6 caps leave `rides` at most 100, so it is never reached";
    let both = [("a", &*ever), ("b", &*yearly)];
    assert_eq!(capped(&both, "rides >= 101", 101), [tier, milestone]);
    assert_eq!(capped(&both, "rides >= 100 || points >= 90000", 100), [""; 0]);
    assert_eq!(capped(&[("a", &ever), ("b", &monthly)], "rides >= 101", 101), [""; 0]);
    assert_eq!(capped(&[("a", &ever), ("b", "")], "rides >= 101", 101), [""; 0]);
    assert_eq!(capped(&[("a", &ever), ("b", "cap_per_receipt = 1")], "rides >= 101", 101), [""; 0]);
    // What else counts is not known of a rule that is flawed.
    assert_eq!(capped(&[("a", &ever), ("b", "per = \"basket\"\njudged_by = \"x\"")], "rides >= 101", 101).len(), 2);
    // A milestone, or another year, counts beyond the caps.
    let more = "[[milestone]]\nid = \"n\"\nmeter = \"points\"\nat = 1\ngives = [{ meter = \"rides\", count = 1 }]\n";
    assert_eq!(capped(&[("a", &ever), ("b", &format!("{yearly}\n{more}"))], "rides >= 101", 101), [""; 0]);
}

/// Tiers `third` and `fourth` with these keys, and a rule that counts on `points`.
fn years(third: &str, fourth: &str) -> Vec<String> {
    let feeds = earns("e", "meters = [\"points\"]");
    flaws_of(&format!("{}{}{feeds}", tier("third", third), tier("fourth", fourth)))
}

#[test]
fn a_tier_that_only_its_own_years_earn_is_said() {
    let own = "qualify = 'years >= 3 && points >= 10'\ncounts = \"years\"";
    let other = "qualify = 'years >= 5'";
    let said = "only tiers that are not earned without `years` count on it, so this can never hold";
    assert_eq!(years(own, other), [format!("4:11 {said}"), format!("9:11 {said}")]);
    assert_eq!(years(own, "invited = true"), [format!("4:11 {said}")]);
    assert_eq!(years("qualify = 'years >= 3'", &format!("{other}\ncounts = \"years\"")).len(), 2);
    // A floor may ask for them where the tier is earned otherwise; so may what a higher one or another way counts.
    for (third, fourth) in [
        ("qualify = 'points >= 90000'\nfloor = 'years >= 3'\ncounts = \"years\"", other),
        (own, "qualify = 'points >= 90000'"),
        ("qualify = 'years >= 3 || points >= 90000'\ncounts = \"years\"", other),
        (&format!("{own}\nrenew = 'points >= 5'"), other),
        (&format!("{own}\ntrial = {{ lasts = \"90d\", keep = 'points >= 5' }}"), other),
    ] {
        assert_eq!(years(third, fourth), [""; 0], "{third} {fourth}");
    }
    let given = milestone("at = 1").replace("{ wallet = \"miles\", points = 1 }", "{ meter = \"years\", count = 1 }");
    assert_eq!(years(own, &format!("{other}\n{given}")), [""; 0]);
    // What keeps a tier that counts from being earned is said there, and not once more of what it counts.
    assert_eq!(years("qualify = 'points > 5 && points < 5'\ncounts = \"years\"", other), ["4:11 this can never hold"]);
    let dead = format!("{other}\n[meters.dead]\nwindow = \"lifetime\"");
    assert_eq!(years("qualify = 'dead >= 1'\ncounts = \"years\"", &dead).len(), 1);
    // A tier that is flawed itself may be earned by anything.
    let flawed = years(own, "qualify = 'years >= 5 && pints >= 3'");
    assert_eq!(flawed, ["9:26 unknown name `pints`, did you mean `points`?"]);
}

/// Clubs whose doors are these conditions, each on the fourth of its lines.
fn clubs(conditions: &[(&str, &str)]) -> String {
    let club =
        |(id, asks): &(&str, &str)| format!("[[club]]\nid = \"{id}\"\ndoor = \"condition\"\ncondition = '{asks}'\n");
    conditions.iter().map(club).collect()
}

#[test]
fn clubs_that_wait_for_each_other_are_said() {
    let (in_a, in_b, in_c) = ("\"a\" in member.clubs", "\"b\" in member.clubs", "\"c\" in member.clubs");
    let said = |line: u32, other: &str| {
        format!("{line}:13 only members of {other} meet this, who must belong here first, so nobody can ever come in")
    };
    assert_eq!(flaws_of(&clubs(&[("a", in_b), ("b", in_a)])), [said(4, "`b`"), said(8, "`a`")]);
    let ring = clubs(&[("a", in_b), ("b", &format!("{in_c} && points >= 3")), ("c", in_a)]);
    assert_eq!(flaws_of(&ring), [said(4, "`b`"), said(8, "`c`"), said(12, "`a`")]);
    let either = format!("{in_b} || {in_c}");
    let fork = clubs(&[("a", &either), ("b", in_a), ("c", in_a)]);
    assert_eq!(flaws_of(&fork), [said(4, "`b`, `c`"), said(8, "`a`"), said(12, "`a`")]);
    // Whoever waits for such clubs, and is not waited for, comes in once they are mended.
    assert_eq!(flaws_of(&clubs(&[("a", in_b), ("b", in_a), ("c", in_a)])).len(), 2);
    let own = "only members of this club meet this, so nobody can ever come in";
    assert_eq!(flaws_of(&clubs(&[("a", in_a), ("b", in_a)])), [format!("4:13 {own}")]);
}

#[test]
fn clubs_that_somebody_comes_into_are_not_said() {
    let (in_a, in_b) = ("\"a\" in member.clubs", "\"b\" in member.clubs");
    let pair = clubs(&[("a", in_b), ("b", in_a)]);
    for fine in [
        clubs(&[("a", in_b), ("b", &format!("{in_a} || points >= 3"))]),
        clubs(&[("a", in_b), ("b", &format!("!({in_a})"))]),
        clubs(&[("a", in_b), ("b", "points >= 1")]),
        format!("{}[[club]]\nid = \"b\"\ndoor = \"open\"\n", clubs(&[("a", in_b)])),
        pair.clone()
            + &milestone("at = 1").replace("{ wallet = \"miles\", points = 1 }", "{ club = \"a\", lasts = \"1y\" }"),
    ] {
        assert_eq!(flaws_of(&fine), [""; 0], "{fine}");
    }
    let invited = pair.replace("\"condition\"\n", "{ invitation = \"30d\" }\n");
    assert_eq!(flaws_of(&invited).len(), 2, "whoever is invited must meet the condition too");
}
