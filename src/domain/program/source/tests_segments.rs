//! Segments as a file writes them, soundly and wrongly, and what may name them.

use super::tests::sound;
use super::tests_belonging::{AIR, flaws_of};
use crate::domain::crowd::daybook::Measure;
use crate::domain::insight::concentration::Portion;
use crate::domain::insight::rhythm::Tolerance;
use crate::domain::insight::stages::{Borders, Stage};
use crate::domain::program::{CellPattern, Stages, Who, Window};
use crate::domain::units::Span;

const SEGMENT: &str = "[[segment]]\nid = \"some\"\n";

fn who(keys: &str) -> Who {
    sound(&format!("{AIR}{SEGMENT}{keys}\n")).segments[0].who.clone()
}

#[test]
fn a_segment_says_who_is_in_it() {
    let share = |part, of| Portion::new(part, of).unwrap();
    let (measure, window) = (Measure::Spend, Window::Lifetime);
    assert_eq!(who("top_share = \"1%\""), Who::Top { share: share(1, 100), measure, window });
    assert_eq!(who("top_share = 1"), Who::Top { share: share(1, 1), measure, window });
    let (measure, window) = (Measure::Visits, Window::RollingMonths(12));
    let written = "top_share = \"0.005\"\nmeasure = \"visits\"\nwindow = { rolling_months = 12 }";
    assert_eq!(who(written), Who::Top { share: share(1, 200), measure, window });
    let cells = ["555", "5*1"].map(|cell| CellPattern::parse(cell).unwrap()).to_vec();
    let window = Window::RollingDays(90);
    assert_eq!(who("rfm = [\"555\", \"5*1\"]\nwindow = { rolling_days = 90 }"), Who::Cells { cells, window });
    assert_eq!(who("slipping = true"), Who::Slipping(Tolerance::default()));
    let tolerance = Tolerance { gaps_min: 5, spreads: 2, slack_percent: 25 };
    assert_eq!(who("slipping = { gaps = 5, spreads = 2, slack = \"25 %\" }"), Who::Slipping(tolerance));
    assert_eq!(who("first_purchase = true"), Who::FirstPurchase(None));
    assert_eq!(who("stage = \"client\""), Who::OnStage(Stage::Client));
}

const CLUB: &str = "[[club]]\nid = \"ambassadors\"\ndoor = \"open\"\n";

#[test]
fn stages_begin_where_the_file_says() {
    let stages = |text: &str| sound(&format!("{AIR}{CLUB}{text}")).stages;
    assert_eq!(stages(""), Stages::default());
    let written = "[stages]\ncustomer = { purchases = 3 }\nclient = { purchases = 6, within_days = 90 }\n\
                   advocate = { clubs = [\"ambassadors\"], from = \"shopper\" }\n\
                   [[segment]]\nid = \"fans\"\nstage = \"advocate\"\n";
    let found = stages(written);
    let borders =
        Borders { customer_purchases: 3, client_purchases: 6, client_days: 90, advocate_from: Stage::Shopper };
    assert_eq!((found.borders, found.advocates.len()), (borders, 1));
    let from = stages("[stages]\nadvocate = { clubs = [\"ambassadors\"] }\n").borders.advocate_from;
    assert_eq!(from, Stage::Customer);
}

#[test]
fn flaws_of_stages() {
    let rows: &[(&str, &[&str])] = &[
        (
            "customer = { purchases = 1 }\nclient = { purchases = 4, within_days = 0 }",
            &["2:26 must be 2 to 1000", "3:41 must be 1 to 3660"],
        ),
        (
            "customer = { purchases = 5 }\nclient = { purchases = 4, within_days = 3 }",
            &[
                "1:1 a client buys at least as often as a customer: nobody would be a customer",
                "3:10 purchases of one day count once: there are more purchases here than days",
            ],
        ),
        ("advocate = { clubs = [] }", &["2:22 nobody would be an advocate: name the clubs of those who bring others"]),
        ("client = { purchases = 4 }", &["2:10 `within_days` is missing"]),
        (
            "advocate = { clubs = [\"ambasadors\"], from = \"advocate\" }",
            &[
                "2:23 no club `ambasadors`, did you mean `ambassadors`?",
                "2:45 `advocate` is not one of `prospect`, `shopper`, `customer`, `client`",
            ],
        ),
    ];
    for (keys, want) in rows {
        assert_eq!(flaws_of(&format!("[stages]\n{keys}\n{CLUB}")), *want, "{keys}");
    }
    let nobody = "[[segment]]\nid = \"fans\"\nstage = \"advocate\"\n";
    let want = "3:9 nobody is an advocate: write who is, such as `advocate = { clubs = [..] }` under `[stages]`";
    assert_eq!(flaws_of(nobody), [want]);
}

const ONE_OF: &str = "a segment says who is in it by one of `top_share`, `rfm`, `slipping`, `first_purchase`, `stage`";
const SHARE: &str = "a share of the customers is above 0 and at most all, such as `1%` or `0.01`";
const CELL: &str = "a cell is three scores from 1 to 5, or `*` for any: recency, frequency, money, such as `5*1`";

#[test]
fn flaws_of_segments() {
    let rows: &[(&str, &[String])] = &[
        ("", &[format!("1:1 {ONE_OF}; here are 0 of them")]),
        ("stage = \"client\"\nslipping = true", &[format!("1:1 {ONE_OF}; here are 2 of them")]),
        (
            "top_shar = \"1%\"",
            &[
                format!("1:1 {ONE_OF}; here are 0 of them"),
                "3:1 unknown key `top_shar`, did you mean `top_share`?".into(),
            ],
        ),
        ("top_share = \"0%\"", &[format!("3:13 {SHARE}")]),
        ("top_share = \"101%\"", &[format!("3:13 {SHARE}")]),
        ("top_share = \"-0.1\"", &[format!("3:13 {SHARE}")]),
        ("top_share = \"some\"", &[format!("3:13 {SHARE}")]),
        ("top_share = 0.01", &["3:13 must be a whole number or a decimal in quotes, not a number with a point".into()]),
        (
            "top_share = \"1%\"\nmeasure = \"spent\"",
            &["4:11 `spent` is not one of `spend`, `margin`, `points`, `visits`, did you mean `spend`?".into()],
        ),
        (
            "top_share = \"1%\"\nwindow = \"anniversary_year\"",
            &["4:10 members are compared over the same days; an anniversary year is each member's own".into()],
        ),
        ("stage = \"client\"\nwindow = \"lifetime\"", &["4:10 only `top_share` and `rfm` look at a window".into()]),
        ("slipping = true\nmeasure = \"spend\"", &["4:11 only `top_share` ranks by a measure".into()]),
        ("slipping = false", &["3:12 write `true`, or leave it out".into()]),
        (
            "slipping = { gap = 3, slack = \"half\" }",
            &[
                "3:14 unknown key `gap`, did you mean `gaps`?".into(),
                "3:31 a part of the usual gap in whole percent, 0% to 1000%".into(),
            ],
        ),
        ("rfm = []", &["3:7 1 to 125 cells, such as `[\"555\", \"5*4\"]`".into()]),
        ("rfm = [\"556\", \"55\"]", &[format!("3:8 {CELL}"), format!("3:15 {CELL}")]),
        (
            "stage = \"advocate\"",
            &["3:9 nobody is an advocate: write who is, such as `advocate = { clubs = [..] }` under `[stages]`".into()],
        ),
        (
            "stage = \"clint\"",
            &["3:9 `clint` is not one of `prospect`, `shopper`, `customer`, `client`, `advocate`, did you mean `client`?".into()],
        ),
        (
            "stage = \"client\"\n[[segment]]\nid = \"some\"\nstage = \"client\"",
            &["5:6 there is a segment `some` already".into()],
        ),
    ];
    for (keys, want) in rows {
        assert_eq!(flaws_of(&format!("{SEGMENT}{keys}")), *want, "{keys}");
    }
}

#[test]
fn clubs_privileges_and_conditions_name_segments() {
    let segment = format!("{SEGMENT}slipping = true\n");
    let more = |keys: &str| flaws_of(&format!("{segment}{keys}"));
    let club = "[[club]]\nid = \"back\"\n";
    assert_eq!(more(&format!("{club}door = {{ invitation = \"30d\" }}\nsegments = [\"some\"]")), [""; 0]);
    assert_eq!(
        more(&format!("{club}door = {{ invitation = \"30d\" }}\nsegments = [\"sme\"]")),
        ["7:13 no segment `sme`, did you mean `some`?"]
    );
    assert_eq!(
        more(&format!("{club}door = \"open\"\nsegments = [\"some\"]")),
        ["7:12 segments are let in by the doors `{ invitation = … }` and `\"condition\"` only"]
    );
    let condition = |condition: &str| more(&format!("{club}door = \"condition\"\ncondition = '{condition}'"));
    assert_eq!(condition("\"some\" in member.segments"), [""; 0]);
    assert_eq!(condition("\"som\" in member.segments"), ["7:14 no segment `som`, did you mean `some`?"]);
    assert_eq!(
        condition("member.tier in member.segments"),
        ["7:14 only the id of a segment, in quotes, is looked for in `member.segments`"]
    );
    assert_eq!(
        condition("member.segments == \"some\""),
        ["7:14 `member.segments` is a list; write `\"the-segment\" in member.segments`"]
    );
    assert_eq!(
        condition("\"some\" in member.segments && !(\"some\" in member.segments)"),
        ["7:13 this can never hold"]
    );
    let tier = "[[ladder.tier]]\nid = \"diamond\"\nvalidity = { span = \"12mo\" }\n";
    assert_eq!(
        flaws_of(&format!("{tier}qualify = '\"some\" in member.segments'\n{segment}")),
        ["4:12 a tier's condition cannot ask for segments"]
    );
    let privilege = "[[privilege]]\nid = \"call\"\nkind = \"flag\"\n";
    assert_eq!(more(&format!("{privilege}segments = [\"some\"]")), [""; 0]);
    assert_eq!(more(&format!("{privilege}segments = [\"somw\"]")), ["7:13 no segment `somw`, did you mean `some`?"]);
    let nobody = "4:1 nobody gets `call`: no tier, club, segment, milestone, option or reward gives it";
    assert_eq!(more(&format!("{privilege}segments = []")), [nobody]);
}

#[test]
fn alerts_watch_a_segment() {
    let watched =
        |keys: &str| sound(&format!("{AIR}{SEGMENT}slipping = true\n[alerts]\nwatch = \"some\"\n{keys}\n")).alerts;
    let plain = watched("owner = \"desk\"").unwrap();
    assert_eq!((plain.tolerance, plain.spend_below_percent, plain.high_margin_percent), (Tolerance::default(), 50, 30));
    assert_eq!((&*plain.owner, plain.escalation), ("desk", None));
    let all = "owner = \"desk\"\ntolerance = { gaps = 4 }\nspend_below = \"0%\"\nhigh_margin = \"25 %\"
escalate_after = \"36h\"\nescalate_to = \"head\"";
    let all = watched(all).unwrap();
    assert_eq!((all.tolerance.gaps_min, all.spend_below_percent, all.high_margin_percent), (4, 0, 25));
    assert_eq!(all.escalation, Some((Span::seconds(36 * 3_600), "head".into())));
}

#[test]
fn flaws_of_alerts() {
    const PERCENT: &str = "whole percent from 0% to 100%, such as `50%`";
    let flaws = |keys: &str| flaws_of(&format!("{SEGMENT}slipping = true\n[alerts]\n{keys}"));
    assert_eq!(flaws(""), ["4:1 `watch` is missing", "4:1 `owner` is missing"]);
    assert_eq!(
        flaws("watch = \"sum\"\nowner = \"\""),
        ["5:9 no segment `sum`, did you mean `some`?", "6:9 a name has 1 to 200 characters and no control characters",]
    );
    let sound = "watch = \"some\"\nowner = \"desk\"\n";
    let rows: &[(&str, &[&str])] = &[
        ("escalate_after = \"2d\"", &["4:1 `escalate_after` and `escalate_to` go together"]),
        ("escalate_to = \"head\"", &["4:1 `escalate_after` and `escalate_to` go together"]),
        (
            "escalate_after = \"2w\"\nescalate_to = \"head\"",
            &["7:18 not a time ahead; write minutes, hours or at most 3660 days as `30m`, `24h` or `7d`"],
        ),
        ("spend_below = \"101%\"", &["7:15"]),
        ("high_margin = \"0.3\"", &["7:15"]),
        ("tolerance = { gaps = 0 }", &["7:22 must be 1 to 100"]),
        ("wach = 1", &["7:1 unknown key `wach`, did you mean `watch`?"]),
    ];
    for (keys, want) in rows {
        let want: Vec<String> =
            want.iter().map(|flaw| if *flaw == "7:15" { format!("7:15 {PERCENT}") } else { (*flaw).into() }).collect();
        assert_eq!(flaws(&format!("{sound}{keys}")), want, "{keys}");
    }
}
