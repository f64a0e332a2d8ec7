//! Written forms of what members belong to: its facts, and its part of a snapshot.

use proptest::sample::select;
use rung::domain::event::{
    BelongingFact, CountCause, FeePaid, Given, InvitationEnd, JoinedBy, Kept, LeftCause, RestsOn,
};
use rung::domain::member::{
    Allowance, AwaitedWindow, Belonging, HeldBoost, HeldBy, InSegment, Invitation, KeptOf, Membership, OpenChoice,
    SentTier,
};
use rung::domain::program::{ClubId, MilestoneId, OptionId, PrivilegeId, SegmentId};

use super::*;

const TIER: TierId = TierId(Word(4));
const MILESTONE: MilestoneId = MilestoneId(Word(20));
const PRIVILEGE: PrivilegeId = PrivilegeId(Word(21));
const BOOST: RuleId = RuleId(Word(22));
const CLUB: ClubId = ClubId(Word(300));

fn once() -> MeterPost {
    MeterPost { meter: MeterId(Word(13)), window: TODAY, amount: Points(1) }
}

/// Facts about belonging, each under the name of its golden file.
pub(super) fn facts() -> Vec<(&'static str, Fact)> {
    let all = [tiers(), milestones(), privileges(), boosts(), clubs()].concat();
    all.into_iter().map(|(name, fact)| (name, Fact::Belonging(Box::new(fact)))).chain([brought_along()]).collect()
}

fn tiers() -> Vec<(&'static str, BelongingFact)> {
    let (reason, actor, meter) = (Text::from("a new partner"), Text::from("ada"), MeterId(Word(2)));
    let held = |by, until, from| {
        let (reason, actor) = (Text::from("a new partner"), Text::from("ada"));
        BelongingFact::TierHeld { tier: TIER, by, since: later(0), until, reason, actor, from }
    };
    let posts = vec![once(), MeterPost { meter, window: Day(TODAY.0 - 90), amount: Points(-40) }];
    vec![
        ("55-tier-held", held(HeldBy::Manual, later(365), None)),
        ("55-tier-held-for-ever", held(HeldBy::Floor, Moment::NEVER, None)),
        ("55-tier-held-as-a-gift", held(HeldBy::Gift, later(90), Some((key(2), Seq(8))))),
        ("56-tier-grant-revoked", BelongingFact::TierGrantRevoked { grant: Seq(8), tier: TIER, reason, actor }),
        ("57-meters-counted", BelongingFact::MetersCounted { cause: CountCause::TierYear, posts }),
        ("58-window-awaited", BelongingFact::WindowAwaited { meter, window: TODAY, closes_at: later(60) }),
        ("59-window-closed", BelongingFact::WindowClosed { meter, window: TODAY, at: later(0) }),
    ]
}

fn milestones() -> Vec<(&'static str, BelongingFact)> {
    let (milestone, reached, count) = (MILESTONE, Seq(8), once());
    let lost = MeterPost { amount: Points(-1), ..count };
    let at_number = |number, choice| {
        let (at, had) = (later(-1), Vec::new());
        BelongingFact::MilestoneReached { milestone, count, number, at, choice, had }
    };
    let kept =
        vec![Kept::Choices(2), Kept::Option(OptionId(Word(23)), 1), Kept::Uses(PRIVILEGE, 3), Kept::Boost(BOOST, 1)];
    let had = BelongingFact::MilestoneReached {
        milestone,
        count,
        number: 1,
        at: later(-1),
        choice: Some((1, later(120))),
        had: kept.clone(),
    };
    let (option, times, cost) = (OptionId(Word(23)), 2, 3);
    vec![
        ("60-milestone-reached", at_number(1, None)),
        ("60-milestone-reached-to-choose", at_number(3, Some((2, later(120))))),
        ("60-milestone-reached-to-choose-ever", at_number(1, Some((0, Moment::NEVER)))),
        ("60-milestone-reached-again", had),
        (
            "61-milestone-lost",
            BelongingFact::MilestoneLost { milestone, count: lost, number: 3, reached, kept: Vec::new() },
        ),
        (
            "61-milestone-lost-some-kept",
            BelongingFact::MilestoneLost { milestone, count: lost, number: 1, reached: Seq::NONE, kept },
        ),
        ("62-benefit-chosen", BelongingFact::BenefitChosen { milestone, reached, option, times, cost }),
        ("63-choice-closed", BelongingFact::ChoiceClosed { milestone, reached, at: later(0) }),
    ]
}

fn privileges() -> Vec<(&'static str, BelongingFact)> {
    let (privilege, note) = (PRIVILEGE, Text::from("gate 12"));
    let given = vec![(Seq(7), 2, later(30)), (Seq(8), 1, Moment::NEVER)];
    let used = BelongingFact::PrivilegeUsed {
        privilege,
        uses: 4,
        companions: 2,
        count: Some(once()),
        given: given.clone(),
        begins_at: Some(later(3)),
        note: note.clone(),
    };
    let plainly = BelongingFact::PrivilegeUsed {
        privilege,
        uses: 1,
        companions: 0,
        count: None,
        given: Vec::new(),
        begins_at: None,
        note: Text::default(),
    };
    let (uses, count, back) = (3, MeterPost { amount: Points(-1), ..once() }, Seq(9));
    let returned = BelongingFact::PrivilegeReturned { used: back, privilege, uses, count: Some(count), given, note };
    vec![
        ("64-uses-given", BelongingFact::UsesGiven { privilege, uses: 5, until: later(365), of: None }),
        ("64-uses-given-for-ever", BelongingFact::UsesGiven { privilege, uses: 1, until: Moment::NEVER, of: None }),
        (
            "64-uses-given-by-a-milestone",
            BelongingFact::UsesGiven { privilege, uses: 1, until: Moment::NEVER, of: Some((MILESTONE, TODAY)) },
        ),
        ("65-uses-gone", BelongingFact::UsesGone { privilege, given: Seq(7), at: later(0), of: None }),
        (
            "65-uses-taken-back",
            BelongingFact::UsesGone { privilege, given: Seq(7), at: later(0), of: Some((MILESTONE, TODAY)) },
        ),
        ("66-privilege-used", used),
        ("66-privilege-used-plainly", plainly),
        ("67-privilege-returned", returned),
    ]
}

fn boosts() -> Vec<(&'static str, BelongingFact)> {
    let (to, tier, boost, note) = (key(2), TIER, BOOST, Text::from("for you"));
    let reset = Some(MeterPost { amount: Points(-900), ..once() });
    let (sent_by, never) = (Seq(8), Moment::NEVER);
    vec![
        ("68-tier-sent", BelongingFact::TierSent { to, tier, until: later(90), note: note.clone() }),
        ("68-tier-sent-as-earned", BelongingFact::TierSent { to, tier, until: never, note }),
        ("69-tier-arrived", BelongingFact::TierSentClosed { sent_by, arrived: true }),
        ("69-tier-came-back", BelongingFact::TierSentClosed { sent_by, arrived: false }),
        ("70-boost-given", BelongingFact::BoostGiven { boost, register_before: Some(later(10)) }),
        ("70-boost-given-at-once", BelongingFact::BoostGiven { boost, register_before: None }),
        ("71-boost-began", BelongingFact::BoostBegan { boost, since: later(0), until: later(30), reset }),
        ("71-boost-began-for-ever", BelongingFact::BoostBegan { boost, since: later(0), until: never, reset: None }),
        ("72-boost-ended", BelongingFact::BoostEnded { boost, at: later(0) }),
    ]
}

fn clubs() -> Vec<(&'static str, BelongingFact)> {
    let (club, at, note, actor) = (CLUB, later(0), Text::from("full"), Text::from("ada"));
    let joined = |by, until, fee: Option<FeePaid>| {
        let takes_place = fee.is_some();
        BelongingFact::ClubJoined { club, by, since: at, until, takes_place, fee, actor: "ada".into() }
    };
    let wallet = Some(WalletId(Word(1)));
    let points = FeePaid { wallet, amount: Points(1_520), lots: two_lots(), reference: Text::default() };
    let money = FeePaid { wallet: None, amount: Points(4_900), lots: Vec::new(), reference: "card 17".into() };
    let left = |cause, frees_place| BelongingFact::ClubLeft { club, cause, at, frees_place, joined: Seq(40) };
    let (cause, reason) = (InvitationEnd::Revoked, note.clone());
    let segment = SegmentId(Word(302));
    vec![
        ("73-club-joined", joined(JoinedBy::Condition, Moment::NEVER, None)),
        ("73-club-joined-elsewhere", joined(JoinedBy::Import, later(30), None)),
        ("73-club-joined-for-points", joined(JoinedBy::Asking, later(365), Some(points))),
        ("73-club-joined-for-money", joined(JoinedBy::Renewal, later(730), Some(money))),
        ("74-club-left", left(LeftCause::Lapsed, true)),
        ("74-club-left-and-no-place-free", left(LeftCause::Left, false)),
        ("75-club-invited", BelongingFact::ClubInvited { club, until: later(14), actor: actor.clone() }),
        ("76-invitation-ended", BelongingFact::InvitationEnded { club, cause, at, note }),
        ("77-club-asked", BelongingFact::ClubAsked { club }),
        ("78-club-denied", BelongingFact::ClubDenied { club, reason, actor }),
        ("79-segment-entered", BelongingFact::SegmentEntered { segment, rests_on: RestsOn::Day(TODAY), at }),
        ("80-segment-left", BelongingFact::SegmentLeft { segment, rests_on: RestsOn::Purchase(Seq(40)), at }),
    ]
}

/// A state brought along in which not every tier was plainly earned.
fn brought_along() -> (&'static str, Fact) {
    let state = OpeningState { held: held_each_way(), tier: Some((TIER, later(-30))), ..OpeningState::default() };
    ("49-opening-state-held-somehow", Fact::OpeningStateSet(Box::new(state)))
}

fn held_each_way() -> Vec<Held> {
    let earned = Held::earned(TIER, later(-30), later(335));
    let for_life = Held { until: Moment::NEVER, by: HeldBy::Floor, entry: Seq(3), ..earned };
    vec![earned, for_life, Held { tier: TierId(Word(5)), by: HeldBy::Match, entry: Seq(7), ..earned }]
}

/// A member with something of everything there is to belong to.
fn whole() -> Belonging {
    let (never, until) = (Moment::NEVER, later(90));
    let member = Membership { club: CLUB, since: later(-400), until: later(330), entry: Seq(5), has_place: true };
    let choice = OpenChoice { milestone: MILESTONE, entry: Seq(8), left: 2, until, taken: Vec::new() };
    let taken = vec![(OptionId(Word(23)), 2), (OptionId(Word(24)), 1)];
    let (boost, entry, register_before, began) = (BOOST, Seq(6), Some(until), Seq::NONE);
    let waiting = HeldBoost { boost, entry, register_before, since: never, until: never, began };
    let begun = HeldBoost { register_before: None, since: later(-1), until: later(29), entry: Seq(7), ..waiting };
    let sent = SentTier { entry: Seq(9), to: key(2), tier: TIER, until };
    let mut whole = Belonging {
        segments: Vec::new(),
        clubs: vec![member, Membership { club: ClubId(Word(301)), until: never, has_place: false, ..member }],
        invitations: vec![Invitation { club: ClubId(Word(302)), until }],
        asked: vec![ClubId(Word(303)), ClubId(Word(0))],
        allowances: vec![Allowance { privilege: PRIVILEGE, entry: Seq(7), left: 3, until, of: None }],
        choices: vec![choice.clone(), OpenChoice { left: 1, until: never, taken, ..choice }],
        boosts: vec![waiting, begun],
        sent: vec![sent, SentTier { until: never, ..sent }],
        windows: vec![AwaitedWindow { meter: MeterId(Word(2)), window: TODAY, closes_at: later(60) }],
        kept: Vec::new(),
        ends_at: None,
    };
    whole.date();
    whole
}

fn a_member_of_clubs() -> Member {
    let mut member = (*everything().members[&key(1)]).clone();
    member.belonging = Some(Arc::new(whole()));
    member.standing = Standing::from_parts(Some(TIER), later(-30), held_each_way());
    member
}

#[test]
fn golden_member_who_belongs() {
    let (whole, mut bytes) = (a_member_of_clubs(), Vec::new());
    member::write(&mut bytes, &whole);
    golden("member-belonging", &bytes);
    assert_eq!(member::read(&bytes, key(1)), Ok(whole));
}

#[test]
fn golden_member_who_kept_what_was_taken_back() {
    let mut member = a_member_of_clubs();
    let mut belonging = whole();
    belonging.boosts.iter_mut().for_each(|held| held.began = Seq(11));
    belonging.allowances.iter_mut().for_each(|held| held.of = Some((MILESTONE, TODAY)));
    let kept = |milestone, window, kept| KeptOf { milestone, window, kept };
    belonging.kept = vec![
        kept(MILESTONE, TODAY, vec![Kept::Choices(2), Kept::Option(OptionId(Word(23)), 1)]),
        kept(MilestoneId(Word(0)), Day(0), vec![Kept::Uses(PRIVILEGE, 3), Kept::Boost(BOOST, 1)]),
    ];
    member.belonging = Some(Arc::new(belonging));
    let mut bytes = Vec::new();
    member::write(&mut bytes, &member);
    golden("member-kept", &bytes);
    assert_eq!(member::read(&bytes, key(1)), Ok(member));
}

/// Fields and numbers that stand beside no kind of belonging are refused: they would be misread.
#[test]
fn what_no_fact_about_belonging_has_is_refused() {
    let line = written(Vec::new());
    for (name, fact) in facts() {
        let (number, body) = body_of(&fact);
        assert!(name.starts_with(&format!("{number}-")), "{name} stands under {number}");
        assert_eq!(stored::read(number, &body, &line), Ok(fact), "{name}");
        for part in 29..64_u8 {
            let more = [body.as_slice(), &key_of(part.into()), &[1]].concat();
            assert!(stored::read(number, &more, &line).is_err(), "{name} with {part}");
        }
    }
    for part in 2..64 {
        assert!(stored::read(77, &[key_of(part), vec![1]].concat(), &line).is_err(), "77 with {part}");
    }
    for number in 87..100 {
        assert!(stored::read(number, &[], &line).is_err(), "{number}");
    }
}

/// An absent default and one that was never written are told apart where that says something.
#[test]
fn half_a_fact_about_belonging_is_refused() {
    let line = written(Vec::new());
    let refused = |number, body: &[u8]| stored::read(number, body, &line).is_err();
    assert!(refused(55, &[7 << 3, 9]), "a giver's entry without the giver");
    assert!(refused(60, &[1 << 3, 9]), "a milestone without what it counts");
    assert!(refused(61, &[1 << 3, 9]), "a milestone without what it counts");
    assert!(refused(68, &[1 << 3, 9]), "a tier sent to nobody");
    for (number, first_unknown) in [(55, 10), (57, 3), (69, 2), (73, 7), (74, 3), (76, 3)] {
        assert!(!refused(number, &[10 << 3, first_unknown - 1]), "{number} knows {first_unknown} causes");
        assert!(refused(number, &[10 << 3, first_unknown]), "{number} has no cause {first_unknown}");
    }
}

/// Whatever is read from damaged bytes is something that can be written.
#[test]
fn damaged_belonging_is_refused_or_another_one() {
    let place = Place { seq: Seq(10), moment: NOW };
    for (name, fact) in facts() {
        let mut bytes = Vec::new();
        entry::write(&mut bytes, &written(vec![fact]), NOW);
        for damaged in damaged(&bytes) {
            if let Ok(line) = entry::read(&damaged, place) {
                let mut again = Vec::new();
                entry::write(&mut again, &line, NOW);
                assert_eq!(entry::read(&again, place), Ok(line), "{name}");
            }
        }
    }
    let mut bytes = Vec::new();
    member::write(&mut bytes, &a_member_of_clubs());
    for damaged in damaged(&bytes) {
        if let Ok(read) = member::read(&damaged, key(1)) {
            let mut again = Vec::new();
            member::write(&mut again, &read);
            assert_eq!(member::read(&again, key(1)), Ok(read));
        }
    }
}

/// Each byte in turn with another bit of it wrong, cut out, or put in twice.
fn damaged(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len()).flat_map(move |at| {
        let flipped = (0..8).map(move |bit| {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << bit;
            flipped
        });
        let without = [&bytes[..at], &bytes[at + 1..]].concat();
        let twice = [&bytes[..=at], &bytes[at..]].concat();
        flipped.chain([without, twice, bytes[..at].to_vec()])
    })
}

fn key_of(field: u32) -> Vec<u8> {
    let mut key = Vec::new();
    rung::store::format::pen::put_varint(&mut key, u64::from(field) << 3);
    key
}

/// A fact's number and its bytes.
fn body_of(fact: &Fact) -> (u64, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut pen = rung::store::format::pen::Pen::at_end_of(&mut bytes);
    stored::write(&mut pen, fact, &written(Vec::new()));
    let mut eye = rung::store::format::eye::Eye::on(&bytes);
    let (number, wire) = eye.field().unwrap().unwrap();
    assert_eq!(eye.field(), Ok(None));
    (number, wire.bytes().unwrap().to_vec())
}

pub(super) fn held() -> impl Strategy<Value = Held> {
    let earned = (word(), moment(), moment()).prop_map(|(tier, since, until)| Held::earned(TierId(tier), since, until));
    let earned = earned.boxed();
    let somehow = (earned.clone(), held_by(), seq()).prop_map(|(held, by, entry)| Held { by, entry, ..held });
    prop_oneof![3 => earned, 1 => somehow]
}

fn held_by() -> impl Strategy<Value = HeldBy> {
    use HeldBy as By;
    let plain = [By::Earned, By::Floor, By::Grace, By::Landing, By::Kept];
    let granted = [By::Match, By::Gift, By::Manual, By::Invitation, By::Benefit];
    select([plain, granted].concat())
}

/// In boxes, for the generators of all facts together do not fit a test's stack.
pub(super) fn fact() -> BoxedStrategy<Fact> {
    let facts = [tier_fact().boxed(), milestone_fact().boxed(), privilege_fact().boxed()];
    let more = [boost_fact().boxed(), club_fact().boxed()];
    let facts = proptest::strategy::Union::new(facts.into_iter().chain(more));
    facts.prop_map(|fact| Fact::Belonging(Box::new(fact))).boxed()
}

fn other() -> impl Strategy<Value = MemberKey> {
    any::<[u8; 16]>().prop_map(MemberKey)
}

/// A moment, or that there is none.
fn end() -> impl Strategy<Value = Moment> {
    prop_oneof![Just(Moment::NEVER), moment()]
}

fn tier_fact() -> impl Strategy<Value = BelongingFact> {
    let tier = || word().prop_map(TierId);
    let window = || (word().prop_map(MeterId), day());
    let causes = select(vec![CountCause::Rollover, CountCause::TierYear, CountCause::Benefit]);
    let held = ((tier(), held_by(), moment(), end()), (text(), text(), option::of((other(), seq()))));
    prop_oneof![
        held.prop_map(|((tier, by, since, until), (reason, actor, from))| {
            BelongingFact::TierHeld { tier, by, since, until, reason, actor, from }
        }),
        (seq(), tier(), text(), text()).prop_map(|(grant, tier, reason, actor)| {
            BelongingFact::TierGrantRevoked { grant, tier, reason, actor }
        }),
        (causes, vec(post(), 0..4)).prop_map(|(cause, posts)| BelongingFact::MetersCounted { cause, posts }),
        (window(), end()).prop_map(|((meter, window), closes_at)| BelongingFact::WindowAwaited {
            meter,
            window,
            closes_at
        }),
        (window(), moment()).prop_map(|((meter, window), at)| BelongingFact::WindowClosed { meter, window, at }),
    ]
}

fn milestone_fact() -> impl Strategy<Value = BelongingFact> {
    let milestone = || word().prop_map(MilestoneId);
    let choice = option::of((any::<u32>(), end()));
    let chosen = (milestone(), seq(), word().prop_map(OptionId), any::<u32>(), any::<u32>());
    prop_oneof![
        (milestone(), post(), number(), moment(), choice, kept()).prop_map(|parts| {
            let (milestone, count, number, at, choice, had) = parts;
            BelongingFact::MilestoneReached { milestone, count, number, at, choice, had }
        }),
        (milestone(), post(), number(), seq(), kept()).prop_map(|(milestone, count, number, reached, kept)| {
            BelongingFact::MilestoneLost { milestone, count, number, reached, kept }
        }),
        chosen.prop_map(|(milestone, reached, option, times, cost)| {
            BelongingFact::BenefitChosen { milestone, reached, option, times, cost }
        }),
        (milestone(), seq(), moment()).prop_map(|(milestone, reached, at)| BelongingFact::ChoiceClosed {
            milestone,
            reached,
            at
        }),
    ]
}

fn giver() -> impl Strategy<Value = Option<Given>> {
    option::of((word().prop_map(MilestoneId), day()))
}

fn kept() -> impl Strategy<Value = Vec<Kept>> {
    let one = (0_u8..4, word(), any::<u32>()).prop_map(|(of, word, count)| match of {
        0 => Kept::Choices(count),
        1 => Kept::Option(OptionId(word), count),
        2 => Kept::Uses(PrivilegeId(word), count),
        _ => Kept::Boost(RuleId(word), count),
    });
    vec(one, 0..3)
}

fn privilege_fact() -> impl Strategy<Value = BelongingFact> {
    let privilege = || word().prop_map(PrivilegeId);
    let from = || (option::of(post()), vec((seq(), any::<u32>(), end()), 0..3));
    let used = (privilege(), any::<u32>(), any::<u32>(), from(), option::of(end()), text());
    let returned = (seq(), privilege(), any::<u32>(), from(), text());
    prop_oneof![
        (privilege(), any::<u32>(), end(), giver()).prop_map(|(privilege, uses, until, of)| BelongingFact::UsesGiven {
            of,
            privilege,
            uses,
            until
        }),
        (privilege(), seq(), moment(), giver()).prop_map(|(privilege, given, at, of)| BelongingFact::UsesGone {
            of,
            privilege,
            given,
            at
        }),
        used.prop_map(|(privilege, uses, companions, (count, given), begins_at, note)| {
            BelongingFact::PrivilegeUsed { privilege, uses, companions, count, given, begins_at, note }
        }),
        returned.prop_map(|(used, privilege, uses, (count, given), note)| {
            BelongingFact::PrivilegeReturned { used, privilege, uses, count, given, note }
        }),
    ]
}

fn boost_fact() -> impl Strategy<Value = BelongingFact> {
    let boost = || word().prop_map(RuleId);
    prop_oneof![
        (other(), word(), end(), text()).prop_map(|(to, tier, until, note)| {
            let tier = TierId(tier);
            BelongingFact::TierSent { to, tier, until, note }
        }),
        (seq(), any::<bool>()).prop_map(|(sent_by, arrived)| BelongingFact::TierSentClosed { sent_by, arrived }),
        (boost(), option::of(end()))
            .prop_map(|(boost, register_before)| BelongingFact::BoostGiven { boost, register_before }),
        (boost(), moment(), end(), option::of(post()))
            .prop_map(|(boost, since, until, reset)| BelongingFact::BoostBegan { boost, since, until, reset }),
        (boost(), moment()).prop_map(|(boost, at)| BelongingFact::BoostEnded { boost, at }),
    ]
}

fn club_fact() -> impl Strategy<Value = BelongingFact> {
    use {InvitationEnd as End, JoinedBy as By, LeftCause as Left};
    let club = || word().prop_map(ClubId);
    let by =
        select(vec![By::Asking, By::Invitation, By::Condition, By::Approval, By::Benefit, By::Renewal, By::Import]);
    let left = select(vec![Left::Left, Left::Lapsed, Left::Closed]);
    let ended = select(vec![End::Declined, End::Revoked, End::Expired]);
    let joined = (club(), by, moment(), end(), any::<bool>(), option::of(fee()), text());
    prop_oneof![
        joined.prop_map(|(club, by, since, until, takes_place, fee, actor)| {
            BelongingFact::ClubJoined { club, by, since, until, takes_place, fee, actor }
        }),
        (club(), left, moment(), any::<bool>(), any::<u64>()).prop_map(|(club, cause, at, frees_place, joined)| {
            BelongingFact::ClubLeft { club, cause, at, frees_place, joined: Seq(joined) }
        }),
        (club(), end(), text()).prop_map(|(club, until, actor)| BelongingFact::ClubInvited { club, until, actor }),
        (club(), ended, moment(), text()).prop_map(|(club, cause, at, note)| BelongingFact::InvitationEnded {
            club,
            cause,
            at,
            note
        }),
        club().prop_map(|club| BelongingFact::ClubAsked { club }),
        (word(), rests_on(), moment(), any::<bool>()).prop_map(|(segment, rests_on, at, is_in)| {
            let segment = SegmentId(segment);
            match is_in {
                true => BelongingFact::SegmentEntered { segment, rests_on, at },
                false => BelongingFact::SegmentLeft { segment, rests_on, at },
            }
        }),
        (club(), text(), text()).prop_map(|(club, reason, actor)| BelongingFact::ClubDenied { club, reason, actor }),
    ]
}

/// No purchase is by the entry that is none.
fn rests_on() -> impl Strategy<Value = RestsOn> {
    prop_oneof![day().prop_map(RestsOn::Day), (1..=u64::MAX).prop_map(|seq| RestsOn::Purchase(Seq(seq)))]
}

fn fee() -> impl Strategy<Value = FeePaid> {
    let parts = (option::of(wallet()), points(), lots(), text());
    parts.prop_map(|(wallet, amount, lots, reference)| FeePaid { wallet, amount, lots, reference })
}

fn membership() -> impl Strategy<Value = Membership> {
    let parts = (word(), moment(), end(), seq(), any::<bool>());
    parts.prop_map(|(club, since, until, entry, has_place)| Membership {
        club: ClubId(club),
        since,
        until,
        entry,
        has_place,
    })
}

fn choice() -> impl Strategy<Value = OpenChoice> {
    let taken = vec((word().prop_map(OptionId), any::<u32>()), 0..3);
    (word(), seq(), any::<u32>(), end(), taken).prop_map(|(milestone, entry, left, until, taken)| OpenChoice {
        milestone: MilestoneId(milestone),
        entry,
        left,
        until,
        taken,
    })
}

fn boost() -> impl Strategy<Value = HeldBoost> {
    let parts = (word(), seq(), option::of(end()), end(), end(), seq());
    parts.prop_map(|(boost, entry, register_before, since, until, began)| HeldBoost {
        boost: RuleId(boost),
        entry,
        register_before,
        since,
        until,
        began,
    })
}

prop_compose! {
    pub(super) fn belonging()(
        clubs in vec(membership(), 0..3), invitations in vec((word(), end()), 0..3), asked in vec(word(), 0..3),
        allowances in vec((word(), seq(), any::<u32>(), end(), giver()), 0..3), choices in vec(choice(), 0..3),
        boosts in vec(boost(), 0..3), sent in vec((seq(), other(), word(), end()), 0..3),
        awaited in vec((word(), day(), end()), 0..3), segments in vec((word(), end(), seq()), 0..3),
        milestones in vec((word(), day(), kept()), 0..3),
    ) -> Belonging {
        let invitation = |(club, until)| Invitation { club: ClubId(club), until };
        let allowance = |(word, entry, left, until, of)| Allowance { privilege: PrivilegeId(word), entry, left, until, of };
        let sending = |(entry, to, tier, until)| SentTier { entry, to, tier: TierId(tier), until };
        let window = |(meter, window, closes_at)| AwaitedWindow { meter: MeterId(meter), window, closes_at };
        let kept_of = |(word, window, kept)| KeptOf { milestone: MilestoneId(word), window, kept };
        let in_segment = |(segment, since, entry)| InSegment { segment: SegmentId(segment), since, entry };
        let mut belonging = Belonging {
            clubs, choices, boosts,
            segments: segments.into_iter().map(in_segment).collect(),
            invitations: invitations.into_iter().map(invitation).collect(),
            asked: asked.into_iter().map(ClubId).collect(),
            allowances: allowances.into_iter().map(allowance).collect(),
            sent: sent.into_iter().map(sending).collect(),
            windows: awaited.into_iter().map(window).collect(),
            kept: milestones.into_iter().map(kept_of).collect(),
            ends_at: None,
        };
        belonging.date();
        belonging
    }
}
