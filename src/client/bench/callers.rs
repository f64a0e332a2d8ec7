//! Callers: so many connections, so many calls in flight on each, for a while, with a histogram; as fast as answers come,
//! or each in its turn.
//!
//! The same loop calls the server and the echo. Knows no figures' names.

use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use hdrhistogram::Histogram;
use http::uri::PathAndQuery;
use tokio::task::JoinSet;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::orders::{Buyers, Receipts};
use super::progress::Progress;
use super::raw::{Raw, Verdict};
use super::template::Stamp;

/// Connections of the unary measure.
pub const CONNECTIONS: u64 = 4;
/// Calls in flight on each of them.
const CALLS: u64 = 16;
/// The first calls of a run only warm the way.
const WARM_UP: Duration = Duration::from_millis(300);

/// A method that can be called with stamps.
#[derive(Clone, Debug)]
pub struct Method {
    path: PathAndQuery,
    codec: Raw,
}

impl Method {
    /// The method at `path`.
    pub const fn new(path: &'static str, codec: Raw) -> Self {
        Self { path: PathAndQuery::from_static(path), codec }
    }

    /// One call.
    pub async fn call(&self, grpc: &mut Grpc<Channel>, stamp: Stamp) -> Result<Verdict, Status> {
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let answer = grpc.unary(Request::new(stamp), self.path.clone(), self.codec.clone()).await?;
        Ok(answer.into_inner())
    }

    /// One stream.
    pub async fn stream<S>(&self, grpc: &mut Grpc<Channel>, stamps: S) -> anyhow::Result<tonic::Streaming<Verdict>>
    where
        S: tokio_stream::Stream<Item = Stamp> + Send + 'static,
    {
        grpc.ready().await?;
        let answers = grpc.streaming(Request::new(stamps), self.path.clone(), self.codec.clone()).await?;
        Ok(answers.into_inner())
    }
}

/// A new connection.
pub async fn connect(address: &str) -> anyhow::Result<Grpc<Channel>> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
    Ok(Grpc::new(endpoint.connect().await.with_context(|| format!("connecting to {address}"))?))
}

/// What a run brought.
#[derive(Debug)]
pub struct Calls {
    /// Calls answered per second.
    pub per_second: f64,
    /// How long each took, in microseconds.
    pub latency: Histogram<u64>,
}

/// Calls `method` for `span`, as fast as answers come, and fails if any answer was not "applied".
pub async fn run(
    address: &str,
    method: &Method,
    receipts: &Receipts,
    members: u32,
    span: Duration,
) -> anyhow::Result<Calls> {
    run_paced(address, method, receipts, members, (span, None)).await
}

/// As [`run`], but so many calls a second over all callers, if `per_second` is given: each waits for its turn.
pub async fn run_paced(
    address: &str,
    method: &Method,
    receipts: &Receipts,
    members: u32,
    (span, per_second): (Duration, Option<f64>),
) -> anyhow::Result<Calls> {
    let start = Instant::now() + WARM_UP;
    let mut callers = JoinSet::new();
    // Who waits for a turn needs others beside her: a slow answer must not lower the load.
    let calls = if per_second.is_some() { 4 * CALLS } else { CALLS };
    let between = per_second.map(|rate| Duration::from_secs_f64((CONNECTIONS * calls) as f64 / rate));
    for _ in 0..CONNECTIONS {
        let grpc = connect(address).await?;
        for _ in 0..calls {
            let buyers = Buyers::new(receipts.next(), members);
            let (method, receipts) = (method.clone(), receipts.clone());
            let caller = Caller { grpc: grpc.clone(), method, buyers, receipts, between };
            callers.spawn(caller.call_until(start, start + span));
        }
    }
    let mut latency = histogram()?;
    while let Some(caller) = callers.join_next().await {
        latency.add(caller??)?;
    }
    Ok(Calls { per_second: latency.len() as f64 / span.as_secs_f64(), latency })
}

struct Caller {
    grpc: Grpc<Channel>,
    method: Method,
    buyers: Buyers,
    receipts: Receipts,
    /// From the beginning of one call to that of the next, unless the answer takes longer.
    between: Option<Duration>,
}

impl Caller {
    async fn call_until(mut self, start: Instant, end: Instant) -> anyhow::Result<Histogram<u64>> {
        let mut latency = histogram()?;
        let mut turn = self.between.map(tokio::time::interval);
        loop {
            if let Some(turn) = &mut turn {
                turn.tick().await;
            }
            let since = Instant::now();
            let order = self.buyers.order(&self.receipts);
            applied(self.method.call(&mut self.grpc, order).await)?;
            let now = Instant::now();
            if now > end {
                return Ok(latency);
            }
            if since >= start {
                latency.saturating_record(now.duration_since(since).as_micros() as u64);
            }
        }
    }
}

fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 60_000_000, 3)?)
}

/// A bench that counts refusals as work would measure nothing.
fn applied(answer: Result<Verdict, Status>) -> anyhow::Result<()> {
    match answer? {
        Verdict::Applied => Ok(()),
        verdict => Err(anyhow!("an order was not applied: {verdict:?}")),
    }
}

/// Calls `method` once for every member of `0..members`, or every so many of them, untimed, many at a time: enrolling,
/// or joining a club.
pub async fn each(address: &str, method: &Method, (members, every): (u32, u32), what: &str) -> anyhow::Result<()> {
    let tasks = (CONNECTIONS * CALLS * 2) as u32;
    let mut doors = JoinSet::new();
    let mut grpc = connect(address).await?;
    let progress = Progress::new(what, members.div_ceil(every).into());
    for first in 0..tasks {
        if first % 32 == 0 {
            grpc = connect(address).await?;
        }
        let (mut grpc, method, progress) = (grpc.clone(), method.clone(), progress.clone());
        doors.spawn(async move {
            for member in (first.saturating_mul(every)..members).step_by((tasks * every) as usize) {
                enrol_one(&mut grpc, &method, member).await?;
                progress.add(1);
            }
            anyhow::Ok(())
        });
    }
    while let Some(door) = doors.join_next().await {
        door??;
    }
    Ok(())
}

/// Enrolling is not measured, so a full queue is waited for.
async fn enrol_one(grpc: &mut Grpc<Channel>, method: &Method, member: u32) -> anyhow::Result<()> {
    loop {
        match method.call(grpc, Stamp { member, receipt: 0 }).await {
            Err(status) if status.code() == Code::ResourceExhausted => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            answer => return applied(answer),
        }
    }
}
