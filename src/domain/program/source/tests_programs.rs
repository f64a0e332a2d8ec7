//! The sample programs of shops and books, read: what they are there to show is what they say.

use super::tests::sound;
use super::{Program, changes_refused};
use crate::domain::calendar::{CalendarSpan, Day, rfc3339};
use crate::domain::program::{Basis, Conversion, Cut, Expiry, Rounds};
use crate::domain::units::{Points, Ratio};

macro_rules! program {
    ($file:literal) => {
        sound(include_str!(concat!("../../../../", $file)))
    };
}

fn ends(program: &Program, day: &str) -> String {
    rfc3339(program.wallets[0].expiry.end(&program.zone, Day::parse(day).unwrap()))
}

/// What the examples of the reference name and do not declare.
const UNDECLARED: &str = r#"
[meters.stays]
window = "lifetime"
[meters.spend]
window = "lifetime"
[[ladder.tier]]
id = "reserve"
qualify = "nights >= 100"
validity = { span = "12mo" }
[[reward]]
id = "voucher-150"
wallet = "stars"
voucher = true
"#;

#[test]
fn the_examples_of_the_reference_are_sound() {
    let reference = include_str!("../../../../deploy/programs/README.md");
    let fenced = reference.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let head = "id = \"cafe\"\nzone = \"UTC\"\ncurrency = \"USD\"\n";
    let program = sound(&(head.to_owned() + &fenced.collect::<Vec<_>>().join("\n") + UNDECLARED));
    assert_eq!((program.wallets.len(), program.rules.len(), program.rewards.len()), (1, 2, 3));
    assert_eq!((program.clubs.len(), program.privileges.len(), program.milestones.len()), (4, 6, 1));
    assert_eq!((program.segments.len(), program.stages.advocates.len()), (6, 1));
    assert_eq!(program.alerts.map(|alerts| alerts.owner), Some("key accounts".into()));
}

#[test]
fn miles_are_lost_after_24_months_without_activity() {
    let program = program!("deploy/programs/aadvantage.toml");
    assert_eq!(program.wallets[0].expiry, Expiry::Inactive(CalendarSpan::Months(24)));
    assert_eq!(program.wallets[0].notice, Some(CalendarSpan::Days(60)));
    assert!(program.rewards.is_empty());
}

#[test]
fn stars_end_six_months_after_the_month_they_were_earned_in() {
    let old = program!("tests/programs/starbucks-2020.toml");
    let new = program!("tests/programs/starbucks-2026.toml");
    for program in [&old, &new] {
        assert_eq!(ends(program, "2026-01-01"), "2026-08-01T07:00:00Z");
        assert_eq!(ends(program, "2026-01-31"), "2026-08-01T07:00:00Z");
        assert_eq!(ends(program, "2025-08-31"), "2026-03-01T08:00:00Z");
    }
    let rates: Vec<_> = old.rules.iter().map(|rule| (rule.rate.points, rule.rate.step)).collect();
    assert_eq!(rates, [(Ratio::whole(100), 100), (Ratio::whole(200), 100)]);
}

#[test]
fn green_gold_and_reserve() {
    let program = program!("tests/programs/starbucks-2026.toml");
    let text = |word| program.text(word);
    assert_eq!(program.base_tier().map(|tier| text(tier.0)), Some("green"));
    let keeps: Vec<_> = program.wallets[0].keeps.iter().map(|tier| text(tier.0)).collect();
    assert_eq!(keeps, ["gold", "reserve"]);
    let bonus: Vec<_> = program.rules[0].bonus.iter().map(|(tier, share)| (text(tier.0), share.to_string())).collect();
    assert_eq!(bonus, [("gold", "1/5".to_owned()), ("reserve", "7/10".to_owned())]);
    let prices: Vec<_> = program.rewards.iter().filter_map(|reward| reward.price).map(|price| price.0).collect();
    assert_eq!(prices, [2_500, 6_000, 10_000, 20_000, 30_000, 40_000]);
}

#[test]
fn stamps_are_whole_dimes_and_spent_in_books() {
    let program = program!("deploy/programs/greenstamps.toml");
    let (rule, stamps) = (&program.rules[0], &program.wallets[0]);
    assert_eq!((rule.rate.points, rule.rate.step, rule.rounds), (Ratio::ONE, 10, Rounds::Amount));
    assert_eq!((stamps.book, stamps.expiry), (Some(Points(1_200)), Expiry::Never));
    assert!(program.rewards.iter().all(|reward| reward.price.is_some_and(|price| price.0 % 1_200 == 0)));
}

#[test]
fn punch_cards_are_cut_at_once() {
    let rows = [
        (program!("tests/programs/punchcard-every-tenth.toml"), 10, 0),
        (program!("tests/programs/punchcard-nine-then-free.toml"), 9, 0),
        (program!("tests/programs/punchcard-head-start.toml"), 10, 2),
    ];
    for (program, step, head_start) in rows {
        let (punches, reward) = (&program.wallets[0], &program.rewards[0]);
        let conversion = Conversion { step: Points(step), reward: reward.id, cut: Cut::AtOnce };
        assert_eq!((&punches.conversion, punches.head_start), (&Some(conversion), Points(head_start)));
        assert_eq!((reward.price, reward.voucher), (None, Some(None)));
        assert!(matches!(program.rules[0].basis, Basis::Quantity));
        assert_eq!((program.rules[0].rate.points, program.rules[0].rate.step), (Ratio::ONE, 1_000));
    }
}

#[test]
fn points_are_worth_what_the_books_say() {
    let rows = [
        (program!("tests/programs/ifrs-ac1.toml"), 10, 1, (19, 20), 1),
        (program!("tests/programs/ifrs-ac2.toml"), 10, 1, (97, 100), 1_000),
        (program!("tests/programs/ifrs-ac4.toml"), 720, 100, (4, 5), 1),
    ];
    for (program, step, value, (numerator, denominator), round_to) in rows {
        let valuation = program.wallets[0].valuation.unwrap();
        assert_eq!((program.rules[0].rate.points, program.rules[0].rate.step), (Ratio::ONE, step));
        assert_eq!(valuation.minor_units, Ratio::whole(value));
        assert_eq!((valuation.expected, valuation.round_to), (Ratio { numerator, denominator }, round_to));
    }
}

#[test]
fn a_next_version_may_drop_rewards_and_change_every_policy_but_the_decimals() {
    let text = include_str!("../../../../tests/programs/punchcard-nine-then-free.toml");
    let before = sound(text);
    let (head, _) = text.split_once("[wallets.punches.conversion]").unwrap();
    let after = sound(&format!("{head}expiry = {{ after = \"1y\" }}\n"));
    assert_eq!(changes_refused(&before, &after), []);
    let after = sound(&format!("{head}decimals = 1\n"));
    let refused: Vec<String> = changes_refused(&before, &after).into_iter().map(|flaw| flaw.path).collect();
    assert_eq!(refused, ["wallets.punches.decimals"]);
}
