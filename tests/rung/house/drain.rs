//! SIGTERM under load: the server finishes what it took, tells everybody that it goes, and waits for nobody who is mute.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;
use rung::pb;
use rung::pb::record_purchases_response::Answer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::crash::{hold_against_the_journal, replay};
use super::load::{Load, Notes};
use super::server::{House, file};
use super::till::{Order, Till, purchase, reason, wall_clock};

/// Well below what a drain may take: nobody had to be cut off.
const SOON: Duration = Duration::from_secs(5);
const ROUNDS: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_under_load_keeps_every_promise() {
    let mut house = House::open(&["--program", &file("tests/programs/model.toml")]);
    for round in 0..ROUNDS {
        let load = Load::on(&house, &format!("d{round}")).await;
        let held = Held::on(&house).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (status, took) = tokio::task::block_in_place(|| house.terminate());
        assert_eq!(status.code(), Some(0), "{}", house.log());
        assert!(took < SOON, "it took {took:?}");
        held.was_let_go().await;

        let notes = load.end().await;
        house.start();
        let till = house.till().await;
        nothing_is_left_to_do(&till).await;
        every_order_was_answered_or_never_happened(&till, &notes).await;
        replay(&till, &notes.acknowledged()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_who_say_nothing_hold_nobody() {
    use tokio::io::AsyncWriteExt as _;
    let mut house = House::open(&["--drain-seconds", "30"]);
    let calling = TcpStream::connect(house.address()).await.unwrap();
    let mut stuttering = TcpStream::connect(house.address()).await.unwrap();
    stuttering.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    let scraping = TcpStream::connect(house.operations()).await.unwrap();
    let (status, took) = tokio::task::block_in_place(|| house.terminate());
    assert_eq!(status.code(), Some(0), "{}", house.log());
    assert!(took < SOON, "it took {took:?}");
    drop((calling, stuttering, scraping));
    house.start();
    nothing_is_left_to_do(&house.till().await).await;
}

/// Who has greeted and then says nothing, not even to a ping, might still be there: she is waited for, and not for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_who_falls_silent_holds_nobody_beyond_the_drain() {
    use tokio::io::AsyncWriteExt as _;
    let mut house = House::open(&["--drain-seconds", "1"]);
    let mut silent = TcpStream::connect(house.address()).await.unwrap();
    silent.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    silent.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    let (status, took) = tokio::task::block_in_place(|| house.terminate());
    assert_eq!(status.code(), Some(0), "{}", house.log());
    assert!(took < SOON, "it took {took:?}");
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_reads_slowly_and_goes_on_sending_reads_every_answer() {
    let mut house = House::open(&["--program", &file("tests/programs/model.toml")]);
    house.till().await.enroll("model", "m-1").await.unwrap();
    let talking = tokio::spawn(talk(house.address().to_owned(), SLOW));
    sleep(Duration::from_millis(500)).await;
    let (status, took) = tokio::task::block_in_place(|| house.terminate());
    assert_eq!(status.code(), Some(0), "{}", house.log());
    assert!(took < SOON, "it took {took:?}");

    let (answers, told) = talking.await.unwrap().expect("everything that was said");
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Result(_))), "{answers:?}");
    assert_eq!((told.code(), &*reason(&told)), (Code::Unavailable, "DRAINING"));
    house.start();
    let member = house.till().await.member("model", "m-1").await;
    assert_eq!(member.entry_count, 1 + answers.len() as i64, "what was carried out was answered");
}

/// A frame a purchase, faster than they are carried out: what is too much waits, as flow control has it. A transport whose
/// windows do not fit takes such a caller for an attacker and hangs up.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_of_many_small_frames_is_no_attacker() {
    let mut house = House::open(&["--program", &file("tests/programs/model.toml")]);
    house.till().await.enroll("model", "m-1").await.unwrap();
    let talking = tokio::spawn(talk(house.address().to_owned(), HASTY));
    sleep(Duration::from_secs(2)).await;
    assert!(!talking.is_finished(), "{:?}", talking.await);
    let (status, _) = tokio::task::block_in_place(|| house.terminate());
    assert_eq!(status.code(), Some(0), "{}", house.log());
    let (answers, told) = talking.await.unwrap().expect("everything that was said");
    assert!(answers.len() > 100, "the haste was none");
    assert_eq!((told.code(), &*reason(&told)), (Code::Unavailable, "DRAINING"));
}

/// Sends purchases as long as the server takes them, whatever it says meanwhile; its answers and its last word.
async fn talk(address: String, pace: Pace) -> Result<(Vec<Answer>, Status), h2::Error> {
    let socket = Slow {
        socket: TcpStream::connect(&address).await.unwrap(),
        looks_away: pace.looks_away,
        pause: Box::pin(sleep(pace.looks_away)),
    };
    let (mut calls, connection) = h2::client::handshake(socket).await?;
    tokio::spawn(connection);
    let request = http::Request::post(format!("http://{address}/rung.v1.PointsService/RecordPurchases"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let (response, mut items) = calls.send_request(request.body(()).unwrap(), false)?;
    drop(calls);
    tokio::spawn(async move {
        for batch in 0.. {
            if items.send_data(together(batch, pace.together), false).is_err() {
                return;
            }
            if batch % pace.breathes_after == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let (mut said, mut body) = (BytesMut::new(), response.await?.into_body());
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        said.put(data);
    }
    let trailers = body.trailers().await?.expect("a status");
    Ok((answers(said.freeze()), Status::from_header_map(&trailers).expect("a status")))
}

/// How a peer talks.
#[derive(Clone, Copy)]
struct Pace {
    /// How many purchases are sent in one frame.
    together: usize,
    /// After how many frames it stops for a moment.
    breathes_after: usize,
    /// How long it looks away between two looks at what was said.
    looks_away: Duration,
}

const SLOW: Pace = Pace { together: 32, breathes_after: 1, looks_away: Duration::from_millis(20) };
const HASTY: Pace = Pace { together: 1, breathes_after: 32, looks_away: Duration::from_millis(1) };

/// A connection of a peer with too little time for reading.
struct Slow {
    socket: TcpStream,
    looks_away: Duration,
    pause: Pin<Box<Sleep>>,
}

impl AsyncRead for Slow {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.pause.as_mut().poll(cx));
        let read = ready!(Pin::new(&mut self.socket).poll_read(cx, into));
        self.pause = Box::pin(sleep(self.looks_away));
        Poll::Ready(read)
    }
}

impl AsyncWrite for Slow {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// Purchases as they go over the wire, many in one piece: each not compressed, its length, itself.
fn together(batch: usize, together: usize) -> Bytes {
    let mut bytes = BytesMut::new();
    for number in 0..together {
        let receipt = format!("r-{batch}-{number}");
        let item = Order::new("model", "m-1", purchase("sale", &receipt, 100, &wall_clock())).item();
        bytes.put_u8(0);
        bytes.put_u32(u32::try_from(item.encoded_len()).unwrap());
        item.encode(&mut bytes).unwrap();
    }
    bytes.into()
}

/// The answers in what came over the wire.
fn answers(mut said: Bytes) -> Vec<Answer> {
    let mut answers = Vec::new();
    while said.has_remaining() {
        assert_eq!(said.get_u8(), 0, "not compressed");
        let length = said.get_u32() as usize;
        answers.extend(pb::RecordPurchasesResponse::decode(said.split_to(length)).unwrap().answer);
    }
    answers
}

/// Calls that would never end by themselves.
struct Held {
    followed: tonic::Streaming<pb::StreamEventsResponse>,
    watched: tonic::Streaming<HealthCheckResponse>,
    streamed: tonic::Streaming<pb::RecordPurchasesResponse>,
    _items: tokio::sync::mpsc::Sender<pb::RecordPurchasesRequest>,
}

impl Held {
    async fn on(house: &House) -> Self {
        let till = house.till().await;
        let (items, sent) = tokio::sync::mpsc::channel(1);
        let mut health = HealthClient::new(till.channel());
        let mut watched = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        Self {
            followed: till.follow("").await.unwrap(),
            watched,
            streamed: till.points().record_purchases(ReceiverStream::new(sent)).await.unwrap().into_inner(),
            _items: items,
        }
    }

    /// Every call was ended by the server, with the reason where there is a place for one.
    async fn was_let_go(mut self) {
        let told = loop {
            match self.followed.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the event stream ended without a word"),
                Err(status) => break status,
            }
        };
        assert_eq!((told.code(), &*reason(&told)), (Code::Unavailable, "DRAINING"));
        let told = self.streamed.message().await.unwrap_err();
        assert_eq!((told.code(), &*reason(&told)), (Code::Unavailable, "DRAINING"));
        let told = self.watched.message().await.unwrap().expect("a last word");
        assert_eq!(told.status(), ServingStatus::NotServing);
        assert!(self.watched.message().await.unwrap().is_none());
    }
}

/// The opening found everything in order and the snapshots up to date.
async fn nothing_is_left_to_do(till: &Till) {
    let store = till.status().await.store.unwrap();
    assert_eq!(store.repairs, Vec::<String>::new());
    assert_eq!((store.checkpoint_entry_id, store.dirty_members), (store.head_entry_id, 0));
}

/// A drain is no crash: an order without a "yes" left no trace.
async fn every_order_was_answered_or_never_happened(till: &Till, notes: &Notes) {
    let books = hold_against_the_journal(till, notes).await;
    let mut unanswered = notes.sent();
    for noted in notes.acknowledged() {
        unanswered.remove(noted.order.receipt());
    }
    let kept: Vec<&String> = unanswered.keys().filter(|receipt| books.receipts.contains_key(*receipt)).collect();
    assert!(kept.is_empty(), "kept without an answer: {kept:?}; {:?}", notes.faults());
}
