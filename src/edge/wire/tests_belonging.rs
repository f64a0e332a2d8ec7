//! Belonging on the wire: every fact is told and has its sentence, and a program shows what it promises.

use std::sync::Arc;

use super::entries::{self, Names};
use super::facts::tests::{entry_of, lot};
use super::sentences::Teller;
use super::{programs, standings};
use crate::domain::calendar::Day;
use crate::domain::event::{
    BelongingFact, CountCause, Fact, FeePaid, InvitationEnd, JoinedBy, Kept, LIFETIME, LeftCause, MeterPost, RestsOn,
    Seq, TierCause,
};
use crate::domain::member::HeldBy;
use crate::domain::order::MemberKey;
use crate::domain::program::{
    ClubId, MeterId, MilestoneId, OptionId, PrivilegeId, ProgramNo, Register, RuleId, SegmentId, TierId, Timeline,
    WalletId, Word, source,
};
use crate::domain::units::{Moment, Points};
use crate::pb;

/// A program with one of everything.
pub(in crate::edge) const AIR: &str = r#"
id = "air"
name = "Air"
zone = "UTC"
currency = "USD"
[wallets.miles]
name = "Miles"
expiry = { inactive = "24mo" }
transferable = true
[meters.points]
window = { calendar_year = "01-01" }
[meters.spend]
window = "lifetime"
[ladder]
downgrade = "one_step"
[[ladder.tier]]
id = "gold"
name = "Gold"
qualify = 'points >= 1000'
renew = 'points >= 900'
validity = { span = "12mo" }
grace = "30d"
trial = { lasts = "90d", keep = 'points >= 500' }
[[ladder.tier]]
id = "black"
name = "Black"
invited = true
validity = { span = "12mo" }
[[earning]]
rule = "base"
basis = "amount"
rate = "1 per 1.00"
rounding = "floor"
wallet = "miles"
meters = ["points", "spend"]
[[campaign]]
campaign = "lift"
boost = { lasts = "7d", register_within = "30d" }
cap_per_member = { points = 50, window = "lifetime" }
basis = "amount"
rate = "1 per 1.00"
rounding = "floor"
wallet = "miles"
stacking = "add"
[[club]]
id = "lounge"
name = "Lounge club"
door = "open"
term = "12mo"
fee = { amount = "650.00", by_tier = { gold = "600.00" }, renewal = "550.00" }
capacity = 1
[[club]]
id = "circle"
door = { invitation = "30d" }
[[club]]
id = "crew"
door = "approval"
[[club]]
id = "heavy"
door = "condition"
condition = 'spend >= 1000'
fee = { wallet = "miles", amount = 100 }
[[privilege]]
id = "wifi"
kind = "flag"
tiers = ["gold"]
[[privilege]]
id = "guest"
kind = { quota = { calendar_year = "01-01" } }
tiers = { gold = 2 }
clubs = { circle = 1 }
companions = 1
[[privilege]]
id = "saver"
kind = "percent"
tiers = { gold = "40%" }
[[privilege]]
id = "early"
kind = "opening"
tiers = { gold = "24h" }
[[privilege]]
id = "present"
kind = { quota = "lifetime" }
tiers = { gold = 1 }
gift = { tier = "gold", lasts = "12mo" }
[[milestone]]
id = "first"
meter = "points"
at = 1000
choose = { choices = 1, within = "60d" }
[[milestone.option]]
id = "lot"
name = "Miles"
gives = [{ wallet = "miles", points = 500 }]
[[milestone.option]]
id = "more"
name = "More"
when = 'member.tier == "black"'
gives = [{ boost = "lift" }]
[[milestone]]
id = "second"
meter = "spend"
at = 1000
gives = [{ boost = "lift" }, { privilege = "guest", uses = 3, lasts = "12mo" }]
"#;

fn air() -> Timeline {
    let program = source::read(AIR, 1, Moment::BEGINNING, &Register::default());
    let program = program.unwrap_or_else(|flaws| panic!("{flaws:#?}"));
    Timeline::new(ProgramNo(0), Arc::new(program))
}

/// One of every fact about belonging, about things that the program has.
fn every_fact(timeline: &Timeline) -> Vec<Fact> {
    let facts = of_tiers(timeline).into_iter().chain(of_benefits(timeline)).chain(of_uses(timeline));
    facts.chain(of_clubs(timeline)).map(|fact| Fact::Belonging(Box::new(fact))).collect()
}

const AT: Moment = Moment(0);
const UNTIL: Moment = Moment(86_400_000_000);
const OTHER: MemberKey = MemberKey([2; 16]);
/// A meter that nobody sees.
const HIDDEN: MeterPost = MeterPost { meter: MeterId(Word(60_000)), window: Day(1), amount: Points(1) };

fn word(timeline: &Timeline, text: &str) -> Word {
    timeline.newest().register.word(text).unwrap_or_else(|| panic!("{text}"))
}

fn of_tiers(timeline: &Timeline) -> Vec<BelongingFact> {
    let gold = TierId(word(timeline, "gold"));
    let held = |by: HeldBy, from| BelongingFact::TierHeld {
        tier: gold,
        by,
        since: AT,
        until: UNTIL,
        reason: "fair".into(),
        actor: "e-7".into(),
        from,
    };
    vec![
        held(HeldBy::Manual, None),
        held(HeldBy::Gift, Some((OTHER, Seq(4)))),
        BelongingFact::TierGrantRevoked { grant: Seq::THIS, tier: gold, reason: "".into(), actor: "e-7".into() },
        BelongingFact::TierSent { to: OTHER, tier: gold, until: Moment::NEVER, note: "".into() },
        BelongingFact::TierSentClosed { sent_by: Seq(7), arrived: true },
        BelongingFact::TierSentClosed { sent_by: Seq(7), arrived: false },
    ]
}

fn of_benefits(timeline: &Timeline) -> Vec<BelongingFact> {
    let (points, boost) = (MeterId(word(timeline, "points")), RuleId(word(timeline, "lift")));
    let (milestone, option) = (MilestoneId(word(timeline, "first")), OptionId(word(timeline, "lot")));
    let (at, window) = (AT, Day(1));
    let counted = MeterPost { meter: points, window, amount: Points(25) };
    let guest = PrivilegeId(word(timeline, "guest"));
    let kept = vec![Kept::Choices(1), Kept::Option(option, 2), Kept::Uses(guest, 1), Kept::Boost(boost, 1)];
    vec![
        BelongingFact::MetersCounted { cause: CountCause::Rollover, posts: vec![counted, HIDDEN] },
        BelongingFact::WindowAwaited { meter: points, window, closes_at: UNTIL },
        BelongingFact::WindowClosed { meter: points, window: LIFETIME, at: UNTIL },
        BelongingFact::MilestoneReached {
            milestone,
            count: HIDDEN,
            number: 1,
            at,
            choice: Some((2, UNTIL)),
            had: kept.clone(),
        },
        BelongingFact::MilestoneLost { milestone, count: HIDDEN, number: 1, reached: Seq::NONE, kept },
        BelongingFact::BenefitChosen { milestone, reached: Seq::THIS, option, times: 2, cost: 2 },
        BelongingFact::ChoiceClosed { milestone, reached: Seq(5), at },
        BelongingFact::BoostGiven { boost, register_before: Some(UNTIL) },
        BelongingFact::BoostGiven { boost, register_before: None },
        BelongingFact::BoostBegan { boost, since: at, until: UNTIL, reset: Some(HIDDEN) },
        BelongingFact::BoostEnded { boost, at },
    ]
}

fn of_uses(timeline: &Timeline) -> Vec<BelongingFact> {
    let guest = PrivilegeId(word(timeline, "guest"));
    let given = vec![(Seq(3), 1, UNTIL), (Seq::THIS, 2, Moment::NEVER)];
    vec![
        BelongingFact::UsesGiven { privilege: guest, uses: 3, until: UNTIL, of: None },
        BelongingFact::UsesGone { privilege: guest, given: Seq(3), at: AT, of: None },
        BelongingFact::PrivilegeUsed {
            privilege: guest,
            uses: 4,
            companions: 1,
            count: Some(HIDDEN),
            given: given.clone(),
            begins_at: Some(UNTIL),
            note: "gate 4".into(),
        },
        BelongingFact::PrivilegeReturned {
            used: Seq(6),
            privilege: guest,
            uses: 4,
            count: Some(MeterPost { amount: Points(-1), ..HIDDEN }),
            given,
            note: "why".into(),
        },
    ]
}

fn of_clubs(timeline: &Timeline) -> Vec<BelongingFact> {
    let (club, miles, at) = (ClubId(word(timeline, "lounge")), WalletId(word(timeline, "miles")), AT);
    let fee = FeePaid { wallet: None, amount: Points(65_000), lots: Vec::new(), reference: "card-1".into() };
    let in_miles = FeePaid { wallet: Some(miles), amount: Points(125), lots: vec![lot(125)], reference: "".into() };
    let joined = |by, fee| BelongingFact::ClubJoined {
        club,
        by,
        since: at,
        until: Moment::NEVER,
        takes_place: true,
        fee,
        actor: "e-7".into(),
    };
    vec![
        joined(JoinedBy::Asking, Some(fee)),
        joined(JoinedBy::Approval, Some(in_miles)),
        BelongingFact::ClubLeft { club, cause: LeftCause::Lapsed, at, frees_place: true, joined: Seq(8) },
        BelongingFact::ClubInvited { club, until: Moment::NEVER, actor: "e-7".into() },
        BelongingFact::InvitationEnded { club, cause: InvitationEnd::Revoked, at, note: "oops".into() },
        BelongingFact::ClubAsked { club },
        BelongingFact::ClubDenied { club, reason: "full".into(), actor: "e-7".into() },
        BelongingFact::SegmentEntered {
            segment: SegmentId(club.0),
            rests_on: RestsOn::Day(Day(20_500)),
            at: Moment(0),
        },
        BelongingFact::SegmentLeft { segment: SegmentId(club.0), rests_on: RestsOn::Purchase(Seq(7)), at: Moment(0) },
    ]
}

fn names() -> Names {
    Names([(MemberKey([2; 16]), "m-2".into())].into())
}

#[test]
fn every_fact_is_told() {
    let timeline = air();
    let entry = entry_of(every_fact(&timeline));
    let told = entries::entry(&timeline, &names(), &entry);
    assert!(told.facts.iter().all(|fact| fact.fact.is_some()), "{told:#?}");
    let text = format!("{told:?}");
    assert!(!text.contains("\"?\"") && !text.contains("18446744073709551615"), "{told:#?}");
    let fact = |at: usize| told.facts[at].fact.clone().unwrap();
    let pb::fact::Fact::TierHeld(gift) = fact(1) else { panic!() };
    assert_eq!((&*gift.from_member_id, &*gift.sent_by_entry_id, gift.by()), ("m-2", "4", pb::HeldBy::Gift));
    let pb::fact::Fact::TierGrantRevoked(revoked) = fact(2) else { panic!() };
    assert_eq!(revoked.grant_id, "9", "what stands for this entry is its number");
    let pb::fact::Fact::MetersCounted(counted) = fact(6) else { panic!() };
    let meters: Vec<_> = counted.meters.iter().map(|count| (&*count.meter, &*count.window, count.amount)).collect();
    assert_eq!(meters, [("points", "1970-01-02", 25)], "meters of limits stay hidden");
    let pb::fact::Fact::PrivilegeReturned(returned) = fact(20) else { panic!() };
    assert_eq!((returned.counted, returned.given.len()), (1, 2));
    let pb::fact::Fact::ClubJoined(joined) = fact(21) else { panic!() };
    let fee = joined.fee.unwrap();
    assert_eq!((&*fee.currency_code, &*fee.wallet, fee.amount, &*fee.reference), ("USD", "", 65_000, "card-1"));
    let pb::fact::Fact::ClubJoined(joined) = fact(22) else { panic!() };
    let fee = joined.fee.unwrap();
    assert_eq!((&*fee.currency_code, &*fee.wallet, fee.amount, fee.lots.len()), ("", "miles", 125, 1));
}

#[test]
fn whoever_gave_or_gets_a_tier_is_named() {
    let timeline = air();
    let entry = entry_of(every_fact(&timeline));
    let named: Vec<_> = entries::named_in(&entry).collect();
    assert_eq!(named.iter().filter(|key| **key == MemberKey([2; 16])).count(), 2);
}

#[test]
fn every_fact_has_its_sentence() {
    let (timeline, names) = (air(), names());
    let teller = Teller { timeline: &timeline, names: &names, returned: None };
    let told: Vec<String> = every_fact(&timeline).iter().flat_map(|fact| teller.sentences(fact)).collect();
    assert_eq!(told.len(), every_fact(&timeline).len(), "{told:#?}");
    let sound = |sentence: &String| sentence.ends_with('.') && !sentence.contains('?') && !sentence.contains("  ");
    assert!(told.iter().all(sound), "{told:#?}");
    let has = |sentence: &str| assert!(told.iter().any(|other| other == sentence), "{sentence}: {told:#?}");
    has("gold is held from 1970-01-01T00:00:00Z until 1970-01-02T00:00:00Z: it was granted by e-7: fair.");
    has("4 uses of guest with 1 companion for what begins on 1970-01-02T00:00:00Z, 3 of them from what was given on \
         top: gate 4.");
    has("Member of lounge since 1970-01-01T00:00:00Z for ever: she asked by e-7, for 650.00 USD (payment card-1).");
    has("points counts 25: rolled over from the window before.");
    has("Milestone first was reached on 1970-01-01T00:00:00Z, time 1 of the window from 1970-01-02; 2 choices to be \
         made until 1970-01-02T00:00:00Z; not given again: 1 choice, 2 of lot, 1 use of guest, 1 of lift.");
    has(
        "Milestone first, time 1 of the window from 1970-01-02, is no longer reached: goods came back; what stays, and is \
         not given again: 1 choice, 2 of lot, 1 use of guest, 1 of lift.",
    );
}

#[test]
fn standings_tell_what_she_holds_and_moves_only_once() {
    let timeline = air();
    let gold = TierId(timeline.newest().register.word("gold").unwrap());
    let base = timeline.newest().base_tier().unwrap();
    let (at, until) = (Moment(0), Moment::NEVER);
    let earned = Fact::TierEarned { tier: gold, since: at, until };
    let moved = Fact::TierChanged { from: base, to: gold, at, cause: TierCause::Earned };
    let told = |facts: &[Fact]| standings::changes(&timeline, &names(), Seq(9), facts);
    let [both] = &*told(&[earned.clone(), moved.clone()]) else { panic!() };
    assert!(both.change.is_some() && both.earned.is_none(), "the move says what lifted her");
    let [renewed] = &*told(&[earned]) else { panic!() };
    assert_eq!((renewed.earned.as_ref().unwrap().tier.as_str(), &*renewed.entry_id), ("gold", "9"));
    let facts = every_fact(&timeline);
    let [revoked, gift, manual] = &*told(facts.get(..3).unwrap()) else { panic!() };
    assert_eq!(revoked.revoked.as_ref().unwrap().grant_id, "9");
    assert_eq!(gift.held.as_ref().unwrap().from_member_id, "m-2");
    assert_eq!(manual.held.as_ref().unwrap().actor, "e-7");
    assert_eq!(told(&[Fact::TierWithdrawn { tier: gold, until }, moved]).len(), 1);
}

#[test]
fn a_program_shows_what_it_promises() {
    let timeline = air();
    let told = programs::program(timeline.newest(), true);
    assert_eq!((&*told.downgrade, &*told.on_change), ("one_step", "grandfather"));
    let [_, gold, black] = &*told.tiers else { panic!() };
    let ends = (&*gold.validity, &*gold.grace, &*gold.trial, &*gold.trial_keep, &*gold.renew);
    assert_eq!(ends, ("12 months", "30 days", "90 days", "points >= 500", "points >= 900"));
    assert_eq!((gold.invited, black.invited), (false, true));
    assert_eq!(told.wallets[0].policies[0], "all end after 24 months without activity");
    let [base, lift] = &*told.rules else { panic!() };
    assert!(!base.is_campaign && lift.is_campaign);
    let boost = "only as a boost: once registered for within 30 days, for 7 days";
    assert_eq!(lift.terms, ["on top of everything else", boost, "at most 50 per member in lifetime"]);
    let lounge = &told.clubs[0];
    let terms = ["a term of 12 months", "a fee of 650.00 USD", "gold: a fee of 600.00 USD", "550.00 USD to go on"];
    assert_eq!(
        (&*lounge.door, &lounge.terms[..4], &*lounge.terms[4]),
        ("open", &terms.map(String::from)[..], "1 place")
    );
    let guest = &told.privileges[1];
    assert_eq!((&*guest.kind, guest.companions), ("quota per year from 01-01", 1));
    assert_eq!(guest.given_by, ["gold: 2 uses", "club circle: 1 use"]);
    assert_eq!(told.privileges[4].gift_tier, "gold");
    let first = &told.milestones[0];
    assert_eq!((&*first.steps, first.choices), ("at 1000", 1));
    let options = [
        "lot (costs 1 choice): 500 miles",
        "more (costs 1 choice, if member.tier == \"black\"): boost lift",
        "can be chosen for 60 days",
    ];
    assert_eq!(first.options, options);
    assert_eq!(told.milestones[1].gives, ["boost lift", "3 uses of guest for 12 months"]);
}
