//! Too much at once and too little time: calls are turned away with a reason and a pause, streams only wait, and a
//! deadline that passes takes nothing back.

use bytes::Bytes;
use prost::Message;
use rung::pb;
use rung::pb::record_purchases_response::Answer;
use tokio::net::TcpStream;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::server::{House, file};
use super::till::{Order, Till, purchase, reason, wall_clock};

const CALLS: usize = 300;

fn sales(prefix: &str, count: usize) -> Vec<Order> {
    let sale = |number| purchase("sale", &format!("{prefix}-{number}"), 100, &wall_clock());
    (0..count).map(|number| Order::new("model", "m-1", sale(number))).collect()
}

async fn open(flags: &[&str]) -> (House, Till) {
    let program = file("tests/programs/model.toml");
    let house = House::open(&[&["--program", &program], flags].concat());
    let till = house.till().await;
    till.enroll("model", "m-1").await.unwrap();
    (house, till)
}

async fn call_all(till: &Till, orders: Vec<Order>) -> Vec<Result<pb::RecordPurchaseResponse, Status>> {
    let calls = orders.into_iter().map(|order| {
        let till = till.clone();
        tokio::spawn(async move { till.record(&order).await })
    });
    let mut answers = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        answers.push(call.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_turns_calls_away_and_lets_streams_wait() {
    let (_house, till) = open(&["--queue-limit", "1"]).await;
    let (calls, items) = (sales("call", CALLS), sales("item", CALLS));
    let (called, (streamed, end)) = tokio::join!(call_all(&till, calls.clone()), till.stream(&items));

    assert!(end.is_none(), "{end:?}");
    assert_eq!(streamed.len(), CALLS);
    assert!(streamed.iter().all(|answer| matches!(answer, Answer::Result(_))), "a stream never refuses");
    let refused: Vec<_> = called.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!(!refused.is_empty(), "the load was no overload");
    for status in refused {
        assert_eq!((status.code(), &*reason(status)), (Code::ResourceExhausted, "OVERLOADED"));
        assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
        let pushback = status.metadata().get("grpc-retry-pushback-ms").expect("a pushback");
        assert!(pushback.to_str().unwrap().parse::<u32>().unwrap() > 0);
    }
    let kept = called.iter().filter(|answer| answer.is_ok()).count();
    let member = till.member("model", "m-1").await;
    assert_eq!(member.entry_count, (1 + CALLS + kept) as i64, "what was turned away left no trace");
}

/// What a server answered to a call that no client library watched over.
struct RawAnswer {
    code: Code,
    status: Option<Status>,
}

/// One call with a deadline that only the server knows: client libraries would give up themselves.
async fn raw_call(address: &str, path: &str, message: &impl Message, timeout: &str) -> RawAnswer {
    let (mut calls, connection) = h2::client::handshake(TcpStream::connect(address).await.unwrap()).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post(format!("http://{address}/{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", timeout);
    let (response, mut body) = calls.send_request(request.body(()).unwrap(), false).unwrap();
    // A server whose patience is over already has closed the call by now; what it said is read all the same.
    let _ = body.send_data(framed(message), true);
    let (head, mut body) = response.await.unwrap().into_parts();
    while let Some(data) = body.data().await {
        body.flow_control().release_capacity(data.unwrap().len()).unwrap();
    }
    let trailers = body.trailers().await.unwrap().unwrap_or(head.headers);
    let status = Status::from_header_map(&trailers);
    let code = status.as_ref().map_or(Code::Unknown, Status::code);
    RawAnswer { code, status }
}

/// A message as it goes over the wire: not compressed, its length, itself.
fn framed(message: &impl Message) -> Bytes {
    let length = u32::try_from(message.encoded_len()).unwrap();
    let mut bytes = vec![0];
    bytes.extend(length.to_be_bytes());
    message.encode(&mut bytes).unwrap();
    bytes.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_passes_is_said_so() {
    let (house, _) = open(&[]).await;
    // Reading a program takes longer than that, whatever the machine.
    let source = std::fs::read_to_string(file("deploy/programs/aadvantage.toml")).unwrap();
    let apply = pb::ApplyProgramRequest { source, request_id: "a".into(), dry_run: true, ..Default::default() };
    for timeout in ["1n", "500u", "1m"] {
        let answer = raw_call(house.address(), "rung.v1.ProgramService/ApplyProgram", &apply, timeout).await;
        assert_eq!(answer.code, Code::DeadlineExceeded, "{timeout}");
        assert_eq!(reason(&answer.status.unwrap()), "DEADLINE_EXCEEDED");
    }
    let answer = raw_call(house.address(), "rung.v1.ProgramService/ApplyProgram", &apply, "1M").await;
    assert_eq!(answer.code, Code::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_deadline_passed_happens_once_or_never() {
    let (house, till) = open(&[]).await;
    let (orders, mut in_time) = (sales("late", 60), Vec::new());
    for (order, timeout) in orders.iter().zip(["1n", "1m", "3m", "10m"].iter().cycle()) {
        let path = "rung.v1.PointsService/RecordPurchase";
        match raw_call(house.address(), path, &order.single(), timeout).await.code {
            Code::Ok => in_time.push(order.receipt()),
            code => assert_eq!(code, Code::DeadlineExceeded),
        }
    }
    assert!(in_time.len() < orders.len(), "no deadline passed");
    for (answer, order) in call_all(&till, orders.clone()).await.into_iter().zip(&orders) {
        let was_in_time = in_time.contains(&order.receipt());
        assert!(answer.unwrap().outcome() == pb::Outcome::Replayed || !was_in_time, "{}", order.receipt());
    }
    assert_eq!(till.member("model", "m-1").await.entry_count, 1 + orders.len() as i64);
}

/// So many at once that they wait for each other: whoever gives up while hers waits has lost nothing but the answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_given_up_in_the_queue_happens_once_or_never() {
    let (house, till) = open(&[]).await;
    let enrol = |n: usize| pb::EnrollMemberRequest {
        program: "model".into(),
        member_id: format!("late-{n}"),
        request_id: format!("late-{n}"),
        ..Default::default()
    };
    let path = "rung.v1.MemberService/EnrollMember";
    let timeouts = ["1n", "200u", "1m", "2m", "4m", "8m", "16m", "1S"];
    let calls = (0..160).map(|n| {
        let (address, timeout) = (house.address().to_owned(), timeouts[n % timeouts.len()]);
        tokio::spawn(async move { raw_call(&address, path, &enrol(n), timeout).await.code })
    });
    let mut codes = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        codes.push(call.await.unwrap());
    }
    let late = codes.iter().filter(|code| **code == Code::DeadlineExceeded).count();
    assert!(late > 0 && late < codes.len(), "{late} of {} were late", codes.len());
    for (n, code) in codes.into_iter().enumerate() {
        assert!(matches!(code, Code::Ok | Code::DeadlineExceeded), "{code:?}");
        let mut members = till.members();
        let answer = members.enroll_member(enrol(n)).await.unwrap().into_inner();
        assert!(answer.outcome() == pb::Outcome::Replayed || code == Code::DeadlineExceeded, "late-{n}");
        assert_eq!(members.enroll_member(enrol(n)).await.unwrap().into_inner().outcome(), pb::Outcome::Replayed);
        assert_eq!(till.member("model", &format!("late-{n}")).await.entry_count, 1);
    }
}
