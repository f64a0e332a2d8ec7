//! What a file promises beyond points (tiers that are given, clubs, privileges, milestones, boosts): that each key reads
//! into its value. Each wrong one is said in `tests_belonging_flaws.rs`.

use super::tests::{SMALL, first_version, rule, sound};
use super::{Program, Register, read};
use crate::domain::calendar::{CalendarSpan, parse_rfc3339};
use crate::domain::program::{
    Benefit, Boost, Door, Downgrade, Fee, Gift, Judged, Lasts, MeterId, OnChange, OptionId, PrivilegeKind, Steps,
    TierId, Window, Word, Worth, YearCount,
};
use crate::domain::units::{Moment, Points, Ratio, Span};

/// A sound program with one of each; what is added to it stands at its end.
pub(super) const AIR: &str = r#"id = "air"
zone = "UTC"
currency = "USD"
[wallets.miles]
decimals = 1
[meters.points]
window = { calendar_year = "03-01" }
[meters.years]
window = "lifetime"
[meters.spend]
decimals = 2
window = "lifetime"
[attributes.member]
pilot = { type = "bool", default = false }
[ladder]
[[ladder.tier]]
id = "gold"
qualify = 'points >= 40000'
validity = "forever"
[[ladder.tier]]
id = "platinum"
qualify = 'points >= 75000'
validity = { span = "12mo" }
[[club]]
id = "admirals"
door = "open"
[[privilege]]
id = "lounge"
kind = { quota = { calendar_year = "03-01" } }
tiers = { gold = 2 }
[[privilege]]
id = "wifi"
kind = "flag"
tiers = ["member"]
[[campaign]]
campaign = "lift"
boost = { lasts = "6mo" }
basis = "amount"
rate = "1 per 1.00"
rounding = "floor"
wallet = "miles"
stacking = "add"
[[milestone]]
id = "first"
meter = "points"
at = 10
gives = [{ boost = "lift" }]
"#;

fn air(more: &str) -> Program {
    sound(&format!("{AIR}{more}\n"))
}

/// The flaws of what is added, with its own lines.
pub(super) fn flaws_of(more: &str) -> Vec<String> {
    let before = u32::try_from(AIR.lines().count()).unwrap();
    let found = first_version(&format!("{AIR}{more}\n")).err().unwrap_or_default();
    let line = |line: u32| i64::from(line) - i64::from(before);
    found.iter().map(|flaw| format!("{}:{} {}", line(flaw.line), flaw.column, flaw.message)).collect()
}

fn word(program: &Program, text: &str) -> Word {
    program.register.word(text).unwrap_or_else(|| panic!("no word `{text}`"))
}

fn days(n: i32) -> CalendarSpan {
    CalendarSpan::Days(n)
}

fn months(n: i32) -> CalendarSpan {
    CalendarSpan::Months(n)
}

#[test]
fn what_a_ladder_says_of_tiers_reads() {
    let text = AIR.replace("[ladder]\n", "[ladder]\ndowngrade = \"one_step\"\non_change = \"rejudge\"\n")
        + r#"
[[ladder.tier]]
id = "diamond"
qualify = 'points >= 100000'
renew = 'points >= 90000'
floor = 'spend >= 100000000'
validity = { span = "12mo" }
grace = "30d"
trial = { lasts = "90d", keep = 'points >= 25000' }
counts = "years"
[[ladder.tier]]
id = "concierge"
invited = true
validity = { span = "12mo" }
"#;
    let program = sound(&text.replace(
        "window = { calendar_year = \"03-01\" }\n[meters.years]",
        "window = { calendar_year = \"03-01\" }\nrollover = true\n[meters.years]",
    ));
    let ladder = program.ladder.as_ref().unwrap();
    assert_eq!((ladder.downgrade, ladder.on_change), (Downgrade::OneStep, OnChange::Rejudge));
    let [gold, _, diamond, concierge] = ladder.tiers.as_slice() else { panic!("{ladder:?}") };
    let written = |condition: &Option<crate::domain::program::Condition>| {
        condition.as_ref().map(|condition| condition.written.to_string())
    };
    assert_eq!(written(&diamond.renew).as_deref(), Some("points >= 90000"));
    assert_eq!(written(&diamond.floor).as_deref(), Some("spend >= 100000000"));
    let trial = diamond.trial.as_ref().unwrap();
    assert_eq!((diamond.grace, trial.lasts, &*trial.keep.written), (Some(days(30)), days(90), "points >= 25000"));
    let (meter, known) = (program.meters[1].id, MeterId(word(&program, "years:diamond")));
    assert_eq!(diamond.counts, Some(YearCount { meter, known }));
    assert!(concierge.qualify.is_none());
    assert!(gold.renew.is_none() && gold.floor.is_none() && gold.grace.is_none() && gold.trial.is_none());
    assert_eq!(program.meters[0].rollover, Some(MeterId(word(&program, "rolled:points"))));
    let plain = air("");
    let ladder = plain.ladder.as_ref().unwrap();
    assert_eq!((ladder.downgrade, ladder.on_change), (Downgrade::ToEarned, OnChange::Grandfather));
    assert_eq!((plain.meters[0].rollover, ladder.tiers[0].counts), (None, None));
}

#[test]
fn clubs_read() {
    let program = air(r#"[[club]]
id = "chairmans"
name = "Chairman's Club"
door = "condition"
condition = 'points >= 100 && member.tier == "gold" && !("admirals" in member.clubs) && member.pilot'
term = "12mo"
fee = { amount = "850.00", by_tier = { gold = "800.00", platinum = 0 }, renewal = "750.50" }
capacity = 500
from = 2026-01-01
until = 2027-01-01
[[club]]
id = "by-miles"
door = { invitation = "30d" }
fee = { wallet = "miles", amount = "10.5" }
[[club]]
id = "asked"
door = "approval""#);
    let [admirals, chairmans, by_miles, asked] = program.clubs.as_slice() else { panic!("{:?}", program.clubs) };
    assert_eq!((&*admirals.name, admirals.door, &admirals.fee), ("admirals", Door::Open, &None));
    assert_eq!((admirals.term, admirals.capacity, admirals.until), (None, None, Moment::NEVER));
    assert!(admirals.condition.is_none());
    assert_eq!(
        (&*chairmans.name, chairmans.door, chairmans.term),
        ("Chairman's Club", Door::Condition, Some(months(12)))
    );
    let tier = |id| TierId(word(&program, id));
    let by_tier = vec![(tier("gold"), Points(80_000)), (tier("platinum"), Points(0))];
    let fee = Fee { wallet: None, amount: Points(85_000), by_tier, renewal: Some(Points(75_050)) };
    assert_eq!((&chairmans.fee, chairmans.capacity), (&Some(fee), Some(500)));
    assert_eq!(Some(chairmans.from), parse_rfc3339("2026-01-01T00:00:00Z"));
    assert!(chairmans.condition.as_ref().unwrap().written.starts_with("points >= 100"));
    assert_eq!(by_miles.door, Door::Invitation(days(30)));
    let fee = Fee { wallet: Some(program.wallets[0].id), amount: Points(105), by_tier: Vec::new(), renewal: None };
    assert_eq!((&by_miles.fee, asked.door), (&Some(fee), Door::Approval));
}

#[test]
fn privileges_read() {
    let program = air(r#"[[privilege]]
id = "bonus"
name = "Award discount"
kind = "percent"
tiers = { gold = "40%", platinum = "0.6" }
clubs = { admirals = "100%" }
companions = 2
[[privilege]]
id = "bags"
kind = "code"
tiers = { gold = "2 PC" }
[[privilege]]
id = "early"
kind = "opening"
tiers = { gold = "24h", platinum = "2d" }
clubs = { admirals = "90m" }
[[privilege]]
id = "door"
kind = "flag"
clubs = ["admirals"]
[[privilege]]
id = "present"
kind = { quota = "lifetime" }
clubs = { admirals = 1 }
gift = { tier = "gold", lasts = "12mo" }
[[privilege]]
id = "match"
kind = { quota = { rolling_months = 12 } }
tiers = { platinum = 1 }
gift = { tier = "gold" }"#);
    let [lounge, wifi, bonus, bags, early, door, present, matched] = program.privileges.as_slice() else {
        panic!("{:?}", program.privileges)
    };
    let (gold, platinum) = (TierId(word(&program, "gold")), TierId(word(&program, "platinum")));
    let (member, admirals) = (TierId(word(&program, "member")), program.clubs[0].id);
    assert!(matches!(lounge.kind, PrivilegeKind::Quota { window: Window::CalendarYear(_), gift: None, .. }));
    assert_eq!(lounge.by_tier, [(gold, Worth::Uses(2))]);
    assert_eq!((wifi.kind, &wifi.by_tier[..], wifi.companions), (PrivilegeKind::Flag, &[(member, Worth::Had)][..], 0));
    let share = |numerator, denominator| Worth::Share(Ratio { numerator, denominator });
    assert_eq!((&*bonus.name, bonus.companions), ("Award discount", 2));
    assert_eq!(bonus.by_tier, [(gold, share(2, 5)), (platinum, share(3, 5))]);
    assert_eq!(bonus.by_club, [(admirals, share(1, 1))]);
    assert_eq!(bags.by_tier, [(gold, Worth::Code("2 PC".into()))]);
    let hours = |n: i64| Worth::Before(Span::seconds(n * 3_600));
    assert_eq!(early.by_tier, [(gold, hours(24)), (platinum, hours(48))]);
    assert_eq!(early.by_club, [(admirals, Worth::Before(Span::seconds(5_400)))]);
    assert_eq!(door.by_club, [(admirals, Worth::Had)]);
    let used = MeterId(word(&program, "used:present"));
    let gift = Some(Gift { tier: gold, lasts: Some(months(12)) });
    assert_eq!(present.kind, PrivilegeKind::Quota { window: Window::Lifetime, used, gift });
    let used = MeterId(word(&program, "used:match"));
    let gift = Some(Gift { tier: gold, lasts: None });
    assert_eq!(matched.kind, PrivilegeKind::Quota { window: Window::RollingMonths(12), used, gift });
}

#[test]
fn milestones_read() {
    let program = air(r#"[[milestone]]
id = "m"
name = "Every 25,000"
meter = "spend"
at = "250.50"
every = 250
up_to = 1000
when = 'member.tier == "gold" && "admirals" in member.clubs && spend > 1'
gives = [{ wallet = "miles", points = "25.5" }, { meter = "points", count = 250 }]
choose = { choices = 2, within = "60d", default = "miles" }
[[milestone.option]]
id = "miles"
name = "Miles"
gives = [{ wallet = "miles", points = 20000 }]
[[milestone.option]]
id = "upgrade"
cost = 2
limit = 1
when = 'member.pilot'
gives = [{ privilege = "lounge", uses = 2, lasts = "validity" }, { privilege = "lounge", uses = 1 }]
[[milestone.option]]
id = "status"
gives = [
    { club = "admirals", lasts = "12mo" },
    { tier = "gold" },
    { tier = "gold", lasts = "12mo" },
    { tier = "gold", lasts = "forever" },
    { boost = "lift" },
]
[[milestone]]
id = "yearly"
meter = "points"
at = 5
judged = "at_end"
choose = { choices = 1 }
[[milestone.option]]
id = "miles""#);
    let [first, every, yearly] = program.milestones.as_slice() else { panic!("{:?}", program.milestones) };
    let boost = program.rules[0].id;
    assert_eq!((&*first.name, first.judged, &first.gives[..]), ("first", Judged::AtOnce, &[Benefit::Boost(boost)][..]));
    assert_eq!(first.steps, Steps { at: Points(10), every: None, up_to: None });
    assert_eq!(first.reached, MeterId(word(&program, "milestone:first")));
    let steps = Steps { at: Points(25_050), every: Some(Points(25_000)), up_to: Some(Points(100_000)) };
    assert_eq!((&*every.name, every.meter, every.steps), ("Every 25,000", program.meters[2].id, steps));
    assert!(every.when.is_some());
    let (miles, points) = (program.wallets[0].id, program.meters[0].id);
    assert_eq!(every.gives, [Benefit::Points(miles, Points(255)), Benefit::Count(points, Points(250))]);
    let choice = every.choice.as_ref().unwrap();
    let option = |id| OptionId(word(&program, id));
    assert_eq!((choice.choices, choice.within, choice.default), (2, Lasts::Span(days(60)), Some(option("miles"))));
    let [one, two, three] = choice.options.as_slice() else { panic!("{choice:?}") };
    assert_eq!((one.id, &*one.name, one.cost, one.limit), (option("miles"), "Miles", 1, None));
    assert_eq!((two.id, &*two.name, two.cost, two.limit), (option("upgrade"), "upgrade", 2, Some(1)));
    assert!(one.when.is_none() && two.when.is_some());
    let lounge = program.privileges[0].id;
    let uses = [Benefit::Uses(lounge, 2, Lasts::Validity), Benefit::Uses(lounge, 1, Lasts::Forever)];
    assert_eq!(two.gives, uses);
    let gold = TierId(word(&program, "gold"));
    let status = [
        Benefit::Membership(program.clubs[0].id, months(12)),
        Benefit::Tier(gold, Lasts::Validity),
        Benefit::Tier(gold, Lasts::Span(months(12))),
        Benefit::Tier(gold, Lasts::Forever),
        Benefit::Boost(boost),
    ];
    assert_eq!(three.gives, status);
    assert_eq!((yearly.judged, yearly.gives.len()), (Judged::AtEnd, 0));
    assert_eq!(yearly.choice.as_ref().unwrap().options[0].id, option("miles"));
}

#[test]
fn boosts_and_rewards_for_clubs_read() {
    let program = air(r#"[[reward]]
id = "pass"
wallet = "miles"
price = 5
clubs = ["admirals"]
gives = [{ club = "admirals", lasts = "30d" }, { boost = "week" }]
[[campaign]]
campaign = "week"
boost = { lasts = "7d", register_within = "30d" }
cap_per_member = { points = 5, window = "lifetime" }
when = '!("admirals" in member.clubs)'
basis = "amount"
rate = "1 per 1.00"
rounding = "floor"
wallet = "miles"
stacking = "best""#);
    let [lift, week] = program.rules.as_slice() else { panic!("{:?}", program.rules) };
    assert_eq!(lift.boost, Some(Boost { lasts: Lasts::Span(months(6)), register_within: None }));
    assert_eq!(week.boost, Some(Boost { lasts: Lasts::Span(days(7)), register_within: Some(days(30)) }));
    let admirals = program.clubs[0].id;
    let [pass] = program.rewards.as_slice() else { panic!("{:?}", program.rewards) };
    assert_eq!(pass.clubs, [admirals]);
    assert_eq!(pass.gives, [Benefit::Membership(admirals, days(30)), Benefit::Boost(week.id)]);
}

#[test]
fn words_of_programs_without_belonging_stay_and_new_ones_come_in_a_fixed_order() {
    let program =
        air("[[reward]]\nid = \"pass\"\nwallet = \"miles\"\nprice = 5\nlimit = { times = 1, window = \"lifetime\" }");
    let words: Vec<&str> = program.register.words().iter().map(|word| &**word).collect();
    let declared = ["miles", "points", "years", "spend", "pilot", "member", "gold", "platinum"];
    let listed = ["admirals", "lift", "pass", "lounge", "wifi", "first"];
    let hidden = ["limit:pass", "used:lounge", "milestone:first"];
    assert_eq!(words, [&declared[..], &listed[..], &hidden[..]].concat());
    let before = sound(&(SMALL.to_owned() + &rule("")));
    let more = SMALL.to_owned() + &rule("") + "\n[[club]]\nid = \"c\"\ndoor = \"open\"\n";
    let next = read(&more, 2, Moment(1), &before.register).unwrap();
    assert_eq!(next.register.words(), ["stars", "visits", "r", "c"].map(Box::<str>::from));
    let again = read(&more, 1, Moment(1), &Register::of(next.register.words().iter().cloned())).unwrap();
    assert_eq!(again.register, next.register);
}

#[test]
fn what_is_not_counted_is_given_too() {
    let given = |privilege: &str, gives: &str| {
        let milestone = "[[milestone]]\nid = \"m\"\nmeter = \"points\"\nat = 5\n";
        let program = air(&format!("[[privilege]]\nid = \"p\"\n{privilege}\n{milestone}gives = [{gives}]"));
        let privilege = program.privileges.iter().find(|found| program.text(found.id.0) == "p").unwrap();
        let milestone = program.milestones.iter().find(|found| program.text(found.id.0) == "m").unwrap();
        (privilege.given.clone(), milestone.gives.clone(), privilege.id)
    };
    let (worth, gives, id) = given("kind = \"flag\"", "{ privilege = \"p\", lasts = \"window\" }");
    assert_eq!((worth, &gives[..]), (Some(Worth::Had), &[Benefit::Uses(id, 1, Lasts::Window)][..]));
    let (worth, gives, id) = given("kind = \"code\"\ngiven = \"AVIS\"", "{ privilege = \"p\", lasts = \"validity\" }");
    assert_eq!((worth, &gives[..]), (Some(Worth::Code("AVIS".into())), &[Benefit::Uses(id, 1, Lasts::Validity)][..]));
}
