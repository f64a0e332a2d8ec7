use prost_types::Timestamp;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::clubs::Clubs;
use super::members::Members;
use super::points::Points;
use super::privileges::Privileges;
use super::programs::Programs;
use super::tiers::Tiers;
use super::wire::codec::Asking;
use super::wire::receipt::tests::engine;
use super::wire::tests_belonging::AIR;
use crate::domain::units::Moment;
use crate::engine::Engine;
use crate::pb;
use pb::club_service_server::ClubService;
use pb::member_service_server::MemberService;
use pb::privilege_service_server::PrivilegeService;
use pb::program_service_server::ProgramService;
use pb::tier_service_server::TierService;

/// 2026-05-28T20:26:40Z.
const NOW: i64 = 1_780_000_000;

struct House {
    clubs: Clubs,
    members: Members,
    points: Points,
    privileges: Privileges,
    programs: Programs,
    tiers: Tiers,
    engine: Engine,
}

/// A house with the program `air` and the members m-1, m-2 and m-3.
async fn house() -> House {
    let engine = engine().await;
    let house = House {
        clubs: Clubs::new(engine.clone()),
        members: Members::new(engine.clone()),
        points: Points::new(engine.clone(), tokio_util::sync::CancellationToken::new()),
        privileges: Privileges::new(engine.clone()),
        programs: Programs::new(engine.clone()),
        tiers: Tiers::new(engine.clone()),
        engine,
    };
    for member_id in ["m-1", "m-2", "m-3"] {
        let enroll = pb::EnrollMemberRequest {
            program: "air".into(),
            member_id: member_id.into(),
            request_id: member_id.into(),
            ..Default::default()
        };
        house.members.enroll_member(Request::new(enroll)).await.unwrap();
    }
    house
}

fn reason(no: &Status) -> String {
    no.get_details_error_info().unwrap().reason
}

impl House {
    async fn buy(&self, id: &str, member: &str, dollars: i64) {
        self.buy_in("air", id, member, dollars).await;
    }

    async fn buy_in(&self, program: &str, id: &str, member: &str, dollars: i64) {
        let money = Some(pb::Money { currency_code: "USD".into(), minor_units: dollars * 100 });
        let line = pb::PurchaseLine { line_id: "1".into(), amount: money, ..Default::default() };
        let purchase = pb::Purchase {
            receipt: Some(pb::Receipt { source: "till".into(), id: id.into() }),
            kind: "flight".into(),
            occurred_at: Some(Timestamp { seconds: self.engine.now().0 / 1_000_000, nanos: 0 }),
            lines: vec![line],
            ..Default::default()
        };
        let request = pb::RecordPurchaseRequest {
            program: program.into(),
            member_id: member.into(),
            purchase: Some(purchase),
            ..Default::default()
        };
        self.points.record(Request::new(Asking::Message(Box::new(request)))).await.unwrap();
    }

    async fn member(&self, id: &str) -> pb::Member {
        let request = pb::GetMemberRequest { program: "air".into(), member_id: id.into(), ..Default::default() };
        self.members.get_member(Request::new(request)).await.unwrap().into_inner().member.unwrap()
    }

    fn days_pass(&self, days: i64) {
        self.engine.advance_clock(Moment(self.engine.now().0 + days * 86_400_000_000)).unwrap();
    }

    /// By when the next tier must be earned, as it is shown.
    async fn next_by(&self, program: &str, id: &str) -> Option<Timestamp> {
        let request = pb::GetMemberRequest { program: program.into(), member_id: id.into(), ..Default::default() };
        let member = self.members.get_member(Request::new(request)).await.unwrap().into_inner().member.unwrap();
        member.standing.unwrap().next_tier.unwrap().by
    }

    async fn club(&self, id: &str, club: &str) -> pb::Club {
        let request = pb::ListClubsRequest { program: "air".into(), member_id: id.into(), ..Default::default() };
        let clubs = self.clubs.list_clubs(Request::new(request)).await.unwrap().into_inner().clubs;
        clubs.into_iter().find(|found| found.club == club).unwrap()
    }

    async fn join(&self, id: &str, club: &str, paid: i64) -> Result<pb::Member, Status> {
        let amount = Some(pb::Money { currency_code: "USD".into(), minor_units: paid });
        let payment = (paid != 0).then(|| pb::ClubPayment { amount, reference: "card-1".into() });
        let request = pb::JoinClubRequest {
            program: "air".into(),
            member_id: id.into(),
            club: club.into(),
            payment,
            request_id: format!("join-{id}-{club}-{paid}"),
            ..Default::default()
        };
        Ok(self.clubs.join_club(Request::new(request)).await?.into_inner().member.unwrap())
    }

    async fn may(&self, id: &str, privilege: &str, uses: i32) -> pb::CheckPrivilegeResponse {
        let request = pb::CheckPrivilegeRequest {
            program: "air".into(),
            member_id: id.into(),
            privilege: privilege.into(),
            uses,
            ..Default::default()
        };
        self.privileges.check_privilege(Request::new(request)).await.unwrap().into_inner()
    }

    async fn use_it(&self, id: &str, uses: i32, key: &str, dry_run: bool) -> Result<pb::UsePrivilegeResponse, Status> {
        let request = pb::UsePrivilegeRequest {
            program: "air".into(),
            member_id: id.into(),
            privilege: "guest".into(),
            uses,
            request_id: key.into(),
            dry_run,
            ..Default::default()
        };
        Ok(self.privileges.use_privilege(Request::new(request)).await?.into_inner())
    }

    async fn choices(&self, id: &str) -> pb::ListChoicesResponse {
        let request = pb::ListChoicesRequest { program: "air".into(), member_id: id.into(), ..Default::default() };
        self.privileges.list_choices(Request::new(request)).await.unwrap().into_inner()
    }

    async fn grant(&self, request: pb::GrantTierRequest) -> Result<pb::GrantTierResponse, Status> {
        let request =
            pb::GrantTierRequest { program: "air".into(), tier: "gold".into(), reason: "fair".into(), ..request };
        Ok(self.tiers.grant_tier(Request::new(request)).await?.into_inner())
    }

    async fn history(&self, id: &str) -> Vec<pb::StandingChange> {
        let request = pb::ListStandingsRequest { program: "air".into(), member_id: id.into(), ..Default::default() };
        self.tiers.list_standings(Request::new(request)).await.unwrap().into_inner().changes
    }
}

fn by_hand(key: &str) -> pb::GrantTierRequest {
    pb::GrantTierRequest {
        member_id: "m-1".into(),
        kind: pb::TierGrantKind::Manual.into(),
        actor: "e-7".into(),
        request_id: key.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_tier_is_granted_told_and_revoked() {
    let house = house().await;
    let rehearsed = house.grant(pb::GrantTierRequest { dry_run: true, ..by_hand("g") }).await.unwrap();
    assert_eq!((&*rehearsed.grant_id, rehearsed.entry_ids.len()), ("", 0));
    let granted = house.grant(by_hand("g")).await.unwrap();
    assert_eq!(granted.entry_ids, std::slice::from_ref(&granted.grant_id));
    let standing = granted.member.unwrap().standing.unwrap();
    assert_eq!((&*standing.tier, standing.source(), standing.held.len()), ("gold", pb::HeldBy::Manual, 1));
    assert_eq!(standing.held[0].grant_id, granted.grant_id);
    assert_eq!(standing.renewal, None, "it holds as long as it would if it were earned today");
    house.days_pass(1);
    let renewal = house.member("m-1").await.standing.unwrap().renewal.unwrap();
    let told = (&*renewal.condition, renewal.is_met, renewal.at_once, renewal.missing[0].missing);
    assert_eq!(told, ("points >= 1000", false, true, 1_000), "what was only given must be earned like anything");
    assert!(renewal.by.unwrap().seconds < renewal.until.unwrap().seconds, "the year ends before the grant does");
    let again = house.grant(by_hand("g")).await.unwrap();
    assert_eq!((again.outcome(), &again.grant_id), (pb::Outcome::Replayed, &granted.grant_id));
    let revoke = |grant_id: &str, key: &str| pb::RevokeTierGrantRequest {
        program: "air".into(),
        member_id: "m-1".into(),
        grant_id: grant_id.into(),
        reason: "a mistake".into(),
        actor: "e-7".into(),
        request_id: key.into(),
        ..Default::default()
    };
    let no = house.tiers.revoke_tier_grant(Request::new(revoke("x", "r-0"))).await.unwrap_err();
    assert_eq!((no.code(), &*reason(&no)), (Code::NotFound, "UNKNOWN_GRANT"));
    let revoked = house.tiers.revoke_tier_grant(Request::new(revoke(&granted.grant_id, "r"))).await.unwrap();
    assert_eq!(revoked.into_inner().member.unwrap().standing.unwrap().tier, "member");
    let history = house.history("m-1").await;
    let [fell, revoked, rose, held] = &*history else { panic!("{history:#?}") };
    assert_eq!(fell.change.as_ref().unwrap().cause(), pb::TierCause::Revoked);
    assert_eq!(revoked.revoked.as_ref().unwrap().grant_id, granted.grant_id);
    assert_eq!(rose.change.as_ref().unwrap().cause(), pb::TierCause::Granted);
    assert_eq!((&held.entry_id, &*held.held.as_ref().unwrap().reason), (&granted.grant_id, "fair"));
}

#[tokio::test]
async fn a_gift_is_the_givers_and_the_receivers() {
    let house = house().await;
    house.buy("b-1", "m-1", 1_000).await;
    let gift = |giver: &str, dry_run| pb::GrantTierRequest {
        member_id: "m-2".into(),
        kind: pb::TierGrantKind::Gift.into(),
        giver_member_id: giver.into(),
        request_id: "gift".into(),
        dry_run,
        ..Default::default()
    };
    let no = house.grant(gift("m-3", false)).await.unwrap_err();
    assert_eq!(reason(&no), "NOT_ENTITLED");
    let rehearsed = house.grant(gift("m-1", true)).await.unwrap();
    assert_eq!((&*rehearsed.grant_id, rehearsed.received_entry_ids.len()), ("", 0));
    let given = house.grant(gift("m-1", false)).await.unwrap();
    assert_eq!(given.received_entry_ids, std::slice::from_ref(&given.grant_id));
    let receiver = given.member.unwrap();
    let standing = receiver.standing.unwrap();
    assert_eq!((&*receiver.member_id, &*standing.tier, standing.source()), ("m-2", "gold", pb::HeldBy::Gift));
    let again = house.grant(gift("m-1", false)).await.unwrap();
    assert_eq!(
        (again.outcome(), again.grant_id, again.entry_ids),
        (pb::Outcome::Replayed, given.grant_id, given.entry_ids,)
    );
    let history = house.history("m-2").await;
    let held = history.iter().find_map(|change| change.held.as_ref()).unwrap();
    assert_eq!((&*held.from_member_id, held.by()), ("m-1", pb::HeldBy::Gift));
}

#[tokio::test]
async fn a_club_takes_its_fee_and_is_full() {
    let house = house().await;
    let seen = house.club("m-1", "lounge").await;
    assert!(seen.offered && seen.membership.is_none());
    assert_eq!((seen.door(), &*seen.term, seen.places_left), (pb::ClubDoor::Open, "12 months", Some(1)));
    let fee = pb::club_fee::Fee::Money(pb::Money { currency_code: "USD".into(), minor_units: 65_000 });
    assert_eq!(seen.fee.unwrap().fee, Some(fee));
    assert_eq!(reason(&house.join("m-1", "lounge", 0).await.unwrap_err()), "FEE_REQUIRED");
    let member = house.join("m-1", "lounge", 65_000).await.unwrap();
    assert_eq!((&*member.clubs[0].club, member.clubs[0].has_place), ("lounge", true));
    let (full, hers) = (house.club("m-2", "lounge").await, house.club("m-1", "lounge").await);
    assert_eq!((full.offered, &*full.reason, full.places_left), (false, "CLUB_FULL", Some(0)));
    assert!(hers.offered && hers.membership.is_some(), "she goes on");
    let fee = pb::club_fee::Fee::Money(pb::Money { currency_code: "USD".into(), minor_units: 55_000 });
    assert_eq!(hers.fee.unwrap().fee, Some(fee));
    let listed = pb::ListClubMembersRequest { program: "air".into(), club: "lounge".into(), ..Default::default() };
    let listed = house.clubs.list_club_members(Request::new(listed)).await.unwrap().into_inner();
    assert_eq!((listed.members.len(), &*listed.members[0].member_id, &*listed.next_page_token), (1, "m-1", ""));
    let wrong = pb::ClubPayment {
        amount: Some(pb::Money { currency_code: "EUR".into(), minor_units: 1 }),
        reference: "c".into(),
    };
    let wrong = pb::JoinClubRequest {
        program: "air".into(),
        member_id: "m-2".into(),
        club: "lounge".into(),
        payment: Some(wrong),
        request_id: "w".into(),
        ..Default::default()
    };
    assert_eq!(reason(&house.clubs.join_club(Request::new(wrong)).await.unwrap_err()), "WRONG_CURRENCY");
    let leave = pb::LeaveClubRequest {
        program: "air".into(),
        member_id: "m-1".into(),
        club: "lounge".into(),
        request_id: "l".into(),
        ..Default::default()
    };
    house.clubs.leave_club(Request::new(leave)).await.unwrap();
    assert_eq!(house.club("m-2", "lounge").await.places_left, Some(1));
}

#[tokio::test]
async fn doors_are_opened_by_invitation_and_by_answer() {
    let house = house().await;
    assert_eq!(reason(&house.join("m-1", "circle", 0).await.unwrap_err()), "NOT_INVITED");
    let invite = |member: &str| pb::InviteToClubRequest {
        program: "air".into(),
        member_id: member.into(),
        club: "circle".into(),
        actor: "e-7".into(),
        request_id: "i".into(),
        ..Default::default()
    };
    for member in ["m-1", "m-2", "m-3"] {
        let invited = house.clubs.invite_to_club(Request::new(invite(member))).await.unwrap().into_inner();
        assert_eq!(invited.member.unwrap().invitations[0].club, "circle");
    }
    assert!(house.club("m-1", "circle").await.invitation.is_some());
    assert_eq!(house.join("m-1", "circle", 0).await.unwrap().clubs.len(), 1);
    let decline = pb::DeclineInvitationRequest {
        program: "air".into(),
        member_id: "m-2".into(),
        club: "circle".into(),
        request_id: "d".into(),
        ..Default::default()
    };
    let declined = house.clubs.decline_invitation(Request::new(decline)).await.unwrap().into_inner();
    assert!(declined.member.unwrap().invitations.is_empty());
    let revoke = pb::RevokeInvitationRequest {
        program: "air".into(),
        member_id: "m-3".into(),
        club: "circle".into(),
        reason: "a mistake".into(),
        request_id: "r".into(),
        ..Default::default()
    };
    let revoked = house.clubs.revoke_invitation(Request::new(revoke)).await.unwrap().into_inner();
    assert!(revoked.member.unwrap().invitations.is_empty());
    assert_eq!(house.join("m-2", "crew", 0).await.unwrap().asked_clubs, ["crew"]);
    let seen = house.club("m-2", "crew").await;
    assert_eq!((seen.asked, &*seen.reason), (true, "ALREADY_ASKED"));
    let admit = pb::AdmitToClubRequest {
        program: "air".into(),
        member_id: "m-2".into(),
        club: "crew".into(),
        decision: pb::AdmissionDecision::Admit.into(),
        actor: "e-7".into(),
        request_id: "a".into(),
        ..Default::default()
    };
    let admitted = house.clubs.admit_to_club(Request::new(admit)).await.unwrap().into_inner().member.unwrap();
    assert_eq!((admitted.clubs.len(), admitted.asked_clubs.len()), (1, 0));
}

#[tokio::test]
async fn may_she_is_answered_and_never_an_error() {
    let house = house().await;
    let no = house.may("m-1", "wifi", 1).await;
    assert_eq!((no.allowed, &*no.reason), (false, "NOT_ENTITLED"));
    assert!(!no.remedy.is_empty() && !no.message.is_empty());
    house.buy("b-1", "m-1", 1_000).await;
    let yes = house.may("m-1", "wifi", 1).await;
    assert_eq!((yes.allowed, &*yes.reason, &*yes.sources[0].id), (true, "", "gold"));
    let saver = house.may("m-1", "saver", 1).await;
    assert_eq!((&*saver.percent, &*saver.share), ("40", "2/5"));
    let early = house.may("m-1", "early", 1).await;
    assert_eq!((early.opens_before.unwrap().seconds, early.opens_at), (86_400, None));
    let guest = house.may("m-1", "guest", 6).await;
    let quota = guest.quota.unwrap();
    assert_eq!((quota.granted, quota.used, quota.given, quota.left), (2, 0, 3, 5));
    assert_eq!((&*guest.reason, guest.companions, guest.sources.len()), ("QUOTA_USED", 1, 2));
    assert_eq!(quota.window_start.unwrap().seconds, 1_767_225_600);
    let unknown = pb::CheckPrivilegeRequest {
        program: "air".into(),
        member_id: "m-1".into(),
        privilege: "x".into(),
        ..Default::default()
    };
    let no = house.privileges.check_privilege(Request::new(unknown)).await.unwrap_err();
    assert_eq!((no.code(), &*reason(&no)), (Code::NotFound, "UNKNOWN_PRIVILEGE"));
    let listed = pb::ListPrivilegesRequest { program: "air".into(), member_id: "m-1".into(), ..Default::default() };
    let listed = house.privileges.list_privileges(Request::new(listed)).await.unwrap().into_inner().privileges;
    assert_eq!(listed.len(), 5);
    assert_eq!((listed[1].kind(), &*listed[1].window), (pb::PrivilegeKind::Quota, "year from 01-01"));
    assert_eq!(listed[1].state.as_ref().unwrap().quota.unwrap().left, 5);
}

#[tokio::test]
async fn uses_are_counted_and_come_back() {
    let house = house().await;
    house.buy("b-1", "m-1", 1_000).await;
    assert_eq!(house.use_it("m-1", 4, "u", true).await.unwrap().use_id, "");
    let used = house.use_it("m-1", 4, "u", false).await.unwrap();
    assert_eq!(used.entry_ids, std::slice::from_ref(&used.use_id));
    assert_eq!(house.may("m-1", "guest", 1).await.quota.unwrap().left, 1);
    assert_eq!(reason(&house.use_it("m-1", 2, "v", false).await.unwrap_err()), "QUOTA_USED");
    let back = pb::ReturnPrivilegeRequest {
        program: "air".into(),
        use_id: used.use_id.clone(),
        request_id: "back".into(),
        ..Default::default()
    };
    let returned = house.privileges.return_privilege(Request::new(back)).await.unwrap().into_inner();
    assert_eq!(returned.member.unwrap().member_id, "m-1");
    assert_eq!(house.may("m-1", "guest", 1).await.quota.unwrap().left, 5);
}

#[tokio::test]
async fn choices_and_boosts_are_listed_and_made() {
    let house = house().await;
    house.buy("b-1", "m-1", 1_000).await;
    let member = house.member("m-1").await;
    assert_eq!((member.choices.len(), member.boosts.len(), member.allowances.len()), (1, 1, 1));
    assert_eq!((&*member.allowances[0].privilege, member.allowances[0].left), ("guest", 3));
    let pb::ListChoicesResponse { choices, boosts } = house.choices("m-1").await;
    let [choice] = &*choices else { panic!("{choices:#?}") };
    let [lot, more] = &*choice.options else { panic!("{choice:#?}") };
    assert_eq!((&*choice.milestone, &choice.choice_id, choice.left), ("first", &member.choices[0].choice_id, 1));
    assert_eq!((lot.offered, &*lot.gives), (true, &["500 miles".to_owned()][..]));
    assert_eq!((more.offered, &*more.reason, more.cost), (false, "CONDITION_NOT_MET", 1));
    assert_eq!((&*boosts[0].boost, boosts[0].register_before.is_some(), boosts[0].since), ("lift", true, None));
    let choose = |choice_id: &str, key: &str| pb::ChooseBenefitRequest {
        program: "air".into(),
        member_id: "m-1".into(),
        milestone: "first".into(),
        choice_id: choice_id.into(),
        option: "lot".into(),
        request_id: key.into(),
        ..Default::default()
    };
    let chosen = house.privileges.choose_benefit(Request::new(choose(&choice.choice_id, "c"))).await.unwrap();
    assert_eq!(chosen.into_inner().member.unwrap().balances[0].available, 1_500);
    let no = house.privileges.choose_benefit(Request::new(choose("", "c-2"))).await.unwrap_err();
    assert_eq!(reason(&no), "NO_CHOICE");
    let register = pb::RegisterBoostRequest {
        program: "air".into(),
        member_id: "m-1".into(),
        boost: "lift".into(),
        request_id: "b".into(),
        ..Default::default()
    };
    let begun = house.privileges.register_boost(Request::new(register)).await.unwrap().into_inner().member.unwrap();
    assert_eq!((begun.boosts[0].register_before, begun.boosts[0].since.is_some()), (None, true));
    // A week later it is over, and shown nowhere.
    house.days_pass(8);
    assert_eq!(house.choices("m-1").await.boosts, []);
    assert_eq!(house.member("m-1").await.boosts, []);
}

#[tokio::test]
async fn what_is_missing_has_as_long_as_what_is_counted_stays() {
    let house = house().await;
    let rolling = AIR.replace("id = \"air\"", "id = \"roll\"");
    let rolling = rolling.replacen("{ calendar_year = \"01-01\" }", "{ rolling_days = 30 }", 1);
    let apply = pb::ApplyProgramRequest { source: rolling, request_id: "p-3".into(), ..Default::default() };
    house.programs.apply_program(Request::new(apply)).await.unwrap();
    let (program, member_id, request_id) = ("roll".to_owned(), "m-1".to_owned(), "m-1".to_owned());
    let enroll = pb::EnrollMemberRequest { program, member_id, request_id, ..Default::default() };
    house.members.enroll_member(Request::new(enroll)).await.unwrap();
    // Nothing is counted, so nothing drops out.
    assert_eq!(house.next_by("roll", "m-1").await, None);
    house.buy_in("roll", "r-1", "m-1", 400).await;
    house.days_pass(10);
    house.buy_in("roll", "r-2", "m-1", 100).await;
    // 28 May and 29 days more: through 26 June.
    let midnight = |days: i64| Some(Timestamp { seconds: NOW - NOW % 86_400 + days * 86_400, nanos: 0 });
    assert_eq!(house.next_by("roll", "m-1").await, midnight(30));
    house.days_pass(20);
    assert_eq!(house.next_by("roll", "m-1").await, midnight(40));
}

#[tokio::test]
async fn a_dry_run_tells_who_would_move() {
    let house = house().await;
    house.buy("b-1", "m-1", 1_000).await;
    let apply = |source: String, dry_run| pb::ApplyProgramRequest {
        source,
        request_id: "p-2".into(),
        dry_run,
        ..Default::default()
    };
    let stricter =
        AIR.replace("points >= 1000", "points >= 2000").replace("one_step\"", "one_step\"\non_change = \"rejudge\"");
    let told = house.programs.apply_program(Request::new(apply(stricter.clone(), true))).await.unwrap().into_inner();
    assert_eq!(told.members_judged, 3);
    let moves: Vec<_> = told.migration.iter().map(|step| (&*step.from_tier, &*step.to_tier, step.members)).collect();
    assert!(moves.contains(&("member", "member", 2)), "{moves:?}");
    assert_eq!(moves.iter().map(|(.., members)| members).sum::<i64>(), 3);
    assert_eq!(told.entry_ids, [""; 0]);
    let done = house.programs.apply_program(Request::new(apply(stricter.clone(), false))).await.unwrap().into_inner();
    assert_eq!((done.members_judged, done.migration.len(), done.entry_ids.len()), (0, 0, 1));
    let looser = apply(AIR.replace("points >= 1000", "points >= 900"), false);
    let looser = pb::ApplyProgramRequest { request_id: "p-3".into(), ..looser };
    let third = house.programs.apply_program(Request::new(looser)).await.unwrap().into_inner();
    let again = house.programs.apply_program(Request::new(apply(stricter, false))).await.unwrap().into_inner();
    assert_eq!((again.outcome(), &again.entry_ids), (pb::Outcome::Replayed, &done.entry_ids));
    assert_ne!(third.entry_ids, done.entry_ids);
    assert!(!house.engine.status().draining);
}
