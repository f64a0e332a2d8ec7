//! Segments and alerts, from outside: the best are invited, whoever falls silent is noticed, and what a crash cuts off is
//! made up for, once.

use std::time::Duration;

use rung::pb;
use rung::pb::fact::Fact;
use tonic::Code;

use super::server::{House, file};
use super::till::{Order, Till, purchase, refusal};

/// Members are told within a second or so; a busy machine may let them wait.
const SOON: Duration = Duration::from_secs(20);

/// What is added to `tests/programs/alerts.toml`.
const CLUB: &str = r#"
[[segment]]
id = "top-1-percent"
top_share = "1%"
window = { rolling_months = 12 }

[[club]]
id = "one-percent"
door = { invitation = "30d" }
segments = ["top-1-percent"]
"#;

const START: &str = "2026-01-05T15:00:00Z";

async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let asked = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(SOON, asked).await.unwrap_or_else(|_| panic!("no {what}"))
}

async fn buys(till: &Till, member: &str, receipt: &str, cents: i64, at: &str) {
    till.record(&Order::new("alerts", member, purchase("sale", receipt, cents, at))).await.unwrap();
}

/// Ann and bob buy four times, every week; ann spends more.
async fn a_month(till: &Till) {
    for member in ["ann", "bob", "cy"] {
        till.enroll("alerts", member).await.unwrap();
    }
    for (week, day) in ["05", "12", "19", "26"].into_iter().enumerate() {
        let at = format!("2026-01-{day}T15:00:00Z");
        till.advance_clock(&at).await.unwrap();
        buys(till, "ann", &format!("a-{week}"), 20_000, &at).await;
        buys(till, "bob", &format!("b-{week}"), 10_000, &at).await;
    }
    buys(till, "cy", "c-1", 1_000, "2026-01-26T15:00:00Z").await;
}

async fn follow(till: &Till, after: &str) -> tonic::Streaming<pb::StreamAlertsResponse> {
    let request = pb::StreamAlertsRequest { program: "alerts".into(), after: after.into() };
    till.segments().stream_alerts(request).await.unwrap().into_inner()
}

async fn next(alerts: &mut tonic::Streaming<pb::StreamAlertsResponse>) -> (pb::StreamAlertsResponse, Fact) {
    let told = tokio::time::timeout(SOON, alerts.message()).await.expect("an alert").unwrap().unwrap();
    let fact = told.fact.clone().unwrap().fact.unwrap();
    (told, fact)
}

async fn listed(till: &Till, states: &[pb::AlertState], owner: &str) -> Vec<pb::Alert> {
    let (mut alerts, mut page_token) = (Vec::new(), String::new());
    loop {
        let states = states.iter().map(|state| (*state).into()).collect();
        let (program, owner) = ("alerts".into(), owner.into());
        let request = pb::ListAlertsRequest { program, states, owner, page_size: 1, page_token };
        let page = till.segments().list_alerts(request).await.unwrap().into_inner();
        assert!(page.alerts.len() <= 1);
        alerts.extend(page.alerts);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return alerts;
        }
    }
}

fn acknowledges(alert_id: &str, actor: &str) -> pb::AcknowledgeAlertRequest {
    pb::AcknowledgeAlertRequest {
        program: "alerts".into(),
        alert_id: alert_id.into(),
        actor: actor.into(),
        note: "calls her".into(),
        request_id: "ack-1".into(),
        dry_run: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_are_invited_once_and_silence_is_noticed_within_a_day() {
    let program = file("tests/programs/alerts.toml");
    let mut house = House::open(&["--program", &program, "--test-clock", START]);
    let till = house.till().await;
    let source = std::fs::read_to_string(&program).unwrap() + CLUB;
    till.apply(&source, None).await.unwrap();
    a_month(&till).await;
    let invited = || async {
        let member = till.member("alerts", "ann").await;
        let segment = member.segments.iter().any(|held| held.segment == "top-1-percent");
        member.invitations.into_iter().find(|held| segment && held.club == "one-percent")
    };
    assert!(until("invitation", invited).await.until.is_some());
    assert!(till.member("alerts", "bob").await.invitations.is_empty());

    // After a crash everybody is looked at again, and nobody is told twice.
    house.kill();
    let mut house = house.with_flags(&["--test-clock", START]);
    house.start();
    let till = house.till().await;
    let watched = || async {
        let member = till.member("alerts", "bob").await;
        member.segments.into_iter().find(|held| held.segment == "regulars")
    };
    until("tag", watched).await;
    let request =
        pb::GetMemberSegmentsRequest { program: "alerts".into(), member_id: "ann".into(), ..Default::default() };
    let hers = till.segments().get_member_segments(request).await.unwrap().into_inner();
    assert_eq!(hers.segments.len(), 2, "{:?}", hers.segments);

    silence(&till).await;
    let facts = till.journal().await.into_iter().filter_map(|event| Some((event.member_id, event.fact?.fact?)));
    let facts: Vec<(String, Fact)> = facts.filter(|(member, _)| member == "ann").collect();
    let count = |wanted: fn(&Fact) -> bool| facts.iter().filter(|(_, fact)| wanted(fact)).count();
    assert_eq!(count(|fact| matches!(fact, Fact::SegmentEntered(_))), 2);
    assert_eq!(count(|fact| matches!(fact, Fact::ClubInvited(_))), 1);
    assert_eq!(count(|fact| matches!(fact, Fact::AlertRaised(_))), 1);

    // What was due while nobody was there comes when somebody is.
    let alerts = listed(&till, &[], "").await;
    let cursor = follow_to(&till, 3).await;
    house.kill();
    house.start();
    let till = house.till().await;
    escalation(&till, &alerts, &cursor).await;
}

/// The cursor of the `count`th thing that happened to alerts.
async fn follow_to(till: &Till, count: usize) -> String {
    let mut alerts = follow(till, "").await;
    let mut cursor = String::new();
    for _ in 0..count {
        cursor = next(&mut alerts).await.0.cursor;
    }
    cursor
}

/// Both come every week; on the twelfth day, as it begins in New York, both are missed, and one of them is taken care of.
async fn silence(till: &Till) {
    till.advance_clock("2026-02-07T04:59:59Z").await.unwrap();
    let mut alerts = follow(till, "").await;
    let early = tokio::time::timeout(Duration::from_millis(800), alerts.message()).await;
    assert!(early.is_err(), "{early:?}");
    till.advance_clock("2026-02-07T05:00:00Z").await.unwrap();
    let (first, fact) = next(&mut alerts).await;
    let Fact::AlertRaised(raised) = fact else { panic!("{fact:?}") };
    assert_eq!((&*first.member_id, raised.cause(), raised.silent_days), ("ann", pb::AlertCause::Silence, 12));
    assert_eq!((&*raised.last_day, raised.usual_gap_days, raised.alarm_after_days), ("2026-01-26", 7, 11));
    assert_eq!((&*raised.owner, raised.margin()), ("key accounts", pb::MarginClass::Unspecified));
    assert_eq!(raised.offer.unwrap().text, "200.00 spend_year more before 2027-01-01 reaches Gold");
    let (second, _) = next(&mut alerts).await;
    assert_eq!(second.member_id, "bob");

    let acknowledge =
        |request| async { till.segments().acknowledge_alert(request).await.map(tonic::Response::into_inner) };
    let done = acknowledge(acknowledges(&first.alert_id, "ada")).await.unwrap();
    assert_eq!(done.outcome(), pb::Outcome::Applied);
    let again = acknowledge(acknowledges(&first.alert_id, "ada")).await.unwrap();
    assert_eq!((again.outcome(), again.entry_ids), (pb::Outcome::Replayed, done.entry_ids));
    let unknown = refusal(acknowledge(acknowledges("999999", "ada")).await);
    assert_eq!(unknown, (Code::NotFound, "UNKNOWN_ALERT".into()));
    let over = pb::AcknowledgeAlertRequest { request_id: "ack-2".into(), ..acknowledges(&first.alert_id, "eve") };
    assert_eq!(refusal(acknowledge(over).await), (Code::FailedPrecondition, "ALERT_OVER".into()));
    assert!(matches!(next(&mut alerts).await.1, Fact::AlertAcknowledged(_)));
}

async fn escalation(till: &Till, before: &[pb::Alert], cursor: &str) {
    let members = |alerts: &[pb::Alert]| alerts.iter().map(|alert| alert.member_id.clone()).collect::<Vec<_>>();
    assert_eq!(members(before), ["ann", "bob"]);
    let mut alerts = follow(till, cursor).await;
    till.advance_clock("2026-02-09T05:00:00Z").await.unwrap();
    let (told, fact) = next(&mut alerts).await;
    let Fact::AlertEscalated(escalated) = fact else { panic!("{fact:?}") };
    assert_eq!((&*told.member_id, &*told.alert_id, &*escalated.to), ("bob", &*before[1].alert_id, "head of stores"));
    assert_eq!(members(&listed(till, &[pb::AlertState::Acknowledged], "").await), ["ann"]);
    assert_eq!(members(&listed(till, &[pb::AlertState::Escalated], "").await), ["bob"]);
    assert_eq!(members(&listed(till, &[pb::AlertState::Open], "").await), [""; 0]);
    assert_eq!(members(&listed(till, &[], "head of stores").await), ["bob"]);

    buys(till, "ann", "a-9", 100, "2026-02-09T05:00:00Z").await;
    let (told, fact) = next(&mut alerts).await;
    let Fact::AlertEnded(ended) = fact else { panic!("{fact:?}") };
    assert_eq!((&*told.member_id, ended.cause()), ("ann", pb::AlertEnd::Bought));
    assert_eq!(members(&listed(till, &[], "").await), ["bob"]);
    assert_eq!(members(&listed(till, &[pb::AlertState::Ended], "").await), ["ann"]);
}

/// A server that was down for two weeks: whoever fell silent meanwhile is missed on the day on which she would have been.
#[tokio::test(flavor = "multi_thread")]
async fn days_that_no_server_saw_are_made_up_for() {
    let program = file("tests/programs/alerts.toml");
    let mut house = House::open(&["--program", &program, "--test-clock", START]);
    a_month(&house.till().await).await;
    house.kill();
    let mut house = house.with_flags(&["--test-clock", "2026-02-11T15:00:00Z"]);
    house.start();
    let till = house.till().await;
    // 2026-02-09T05:00:00Z: two days after the twelfth day of silence began in New York.
    let in_time = 1770613200;
    let mut alerts = follow(&till, "").await;
    for member in ["ann", "bob"] {
        let (told, fact) = next(&mut alerts).await;
        let Fact::AlertRaised(raised) = fact else { panic!("{fact:?}") };
        assert_eq!((&*told.member_id, &*raised.last_day, raised.silent_days), (member, "2026-01-26", 12));
        assert_eq!(raised.escalates_at.unwrap().seconds, in_time);
    }
    let passed_on = || async {
        let passed_on = listed(&till, &[pb::AlertState::Escalated], "head of stores").await;
        (passed_on.len() == 2).then_some(passed_on)
    };
    let passed_on = until("escalation", passed_on).await;
    assert!(passed_on.iter().all(|alert| alert.escalated_at.unwrap().seconds == in_time), "{passed_on:?}");
}
