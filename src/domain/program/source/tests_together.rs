//! Rules and campaigns side by side: base points that a campaign never meets are said, and those that it could are not.

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
