//! Rules and campaigns side by side: base points that a campaign never meets and rules that count twice are said, and
//! what could be meant is not.

use super::tests::{SMALL, flaws, rule};

/// A rule with `more`, and after it a campaign on its base points with `keys`.
fn on_base(more: &str, keys: &str) -> Vec<String> {
    let terms =
        "basis = \"base_points\"\nrate = \"100%\"\nrounding = \"floor\"\nwallet = \"stars\"\nstacking = \"add\"";
    flaws(&format!("{SMALL}[[campaign]]\ncampaign = \"c\"\n{terms}\n{keys}\n{}\n", rule(more)))
}

#[test]
fn a_campaign_that_never_meets_its_base_points_is_said() {
    let said =
        ["11:9 no `[[earning]]` rule that grants on `stars` ever does so together with this: it has no base points"];
    let dates = |from: &str, until: &str| format!("from = {from}\nuntil = {until}");
    let (may, june) = (dates("2026-05-01", "2026-06-01"), dates("2026-06-01", "2026-07-01"));
    let after = "when = 'purchase.occurred_at >= timestamp(\"2026-06-01T00:00:00Z\")'";
    let (shop, web) = ("when = 'purchase.channel == \"shop\"'", "when = 'purchase.channel == \"web\"'");
    let web_lines = "lines = 'purchase.channel == \"web\" && line.sku != \"x\"'";
    for (more, keys) in
        [(&*may, &*june), (&*june, &*may), (shop, web), (web_lines, shop), (after, &*may), (&*may, after)]
    {
        assert_eq!(on_base(more, keys), said, "{more} {keys}");
    }
    let wide = dates("2026-05-31", "2026-07-01");
    let counted = format!("basis = \"1\"\nrate = \"1\"\n-rate =\n{web_lines}");
    for (more, keys) in [
        (&*may, &*wide),
        (&*may, ""),
        (shop, shop),
        (web, "when = 'purchase.store == \"a\"'"),
        (after, &*june),
        (&*counted, shop),
        (
            shop,
            &format!(
                "{web}\n[[earning]]\nrule = \"s\"\nbasis = \"quantity\"\nrate = \"1\"\nrounding = \"floor\"\nwallet = \"stars\""
            ),
        ),
    ] {
        assert_eq!(on_base(more, keys), [""; 0], "{more} {keys}");
    }
}

#[test]
fn base_points_that_are_judged_by_another_moment_may_be_met() {
    let judged = "[attributes.purchase.ticketed_at]\ntype = \"moment\"\ndefault = \"occurred_at\"\n";
    let terms =
        "basis = \"base_points\"\nrate = \"100%\"\nrounding = \"floor\"\nwallet = \"stars\"\nstacking = \"add\"";
    let campaign = format!("[[campaign]]\ncampaign = \"c\"\n{terms}\nfrom = 2026-06-01\n");
    let ended = rule("judged_by = \"ticketed_at\"\nuntil = 2026-05-01");
    assert_eq!(flaws(&format!("{SMALL}{judged}{campaign}{ended}\n")), [""; 0]);
    let both = campaign.replace("stacking", "judged_by = \"ticketed_at\"\nstacking");
    assert_eq!(flaws(&format!("{SMALL}{judged}{both}{ended}\n")).len(), 1);
}

#[test]
fn a_rule_that_never_grants_is_said_once() {
    assert_eq!(on_base("when = 'false'", "").len(), 1);
    assert_eq!(on_base("", "when = 'false'").len(), 1);
    assert_eq!(
        on_base("when = 'purchase.channel == \"shop\"'\nrounding = \"up\"", "when = 'purchase.channel == \"web\"'")
            .len(),
        1
    );
}

/// Two rules with `both`, the second of them with `more` as well.
fn twice(both: &str, more: &str) -> Vec<String> {
    let with = |id: &str, more: &[&str]| {
        let keys = [&[id, both], more].concat();
        rule(&keys.into_iter().filter(|key| !key.is_empty()).collect::<Vec<_>>().join("\n"))
    };
    flaws(&format!("{SMALL}{}\n{}\n", with("rule = \"r\"", &[]), with("rule = \"s\"", &[more])))
}

#[test]
fn a_rule_that_is_there_twice_is_said() {
    let said =
        |line: u32| [format!("{line}:8 this grants once more what `r` grants; all rules that apply are granted")];
    assert_eq!(twice("", ""), said(16));
    assert_eq!(twice("when = 'purchase.store == \"a\"'", ""), said(17));
    assert_eq!(twice("meters = [\"visits\"]\n-wallet =", ""), said(16));
    let dated = |from: &str, until: &str| format!("from = {from}\nuntil = {until}");
    let staggered = |from: &str, until: &str| {
        let (first, second) = (dated("2026-01-01", "2027-01-01"), dated(from, until));
        flaws(&format!("{SMALL}{}\n{}\n", rule(&first), rule(&format!("rule = \"s\"\n{second}"))))
    };
    assert_eq!(staggered("2026-12-01", "2027-12-01"), said(18));
    assert_eq!(staggered("2027-01-01", "2028-01-01"), [""; 0]);
    // A month within the year may be meant to count double.
    assert_eq!(staggered("2026-05-01", "2026-06-01"), [""; 0]);
}

#[test]
fn rules_that_add_are_not_said() {
    for more in [
        "rate = \"2 per 1.00\"",
        "rounding = \"ceil\"",
        "lines = 'line.category == \"book\"'",
        "when = 'purchase.store == \"a\"'",
        "cap_per_receipt = 5",
        "meters = [\"visits\"]\n-wallet =",
        "per = \"line\"",
        "counts_points_tender = true",
    ] {
        assert_eq!(twice("", more), [""; 0], "{more}");
    }
}
