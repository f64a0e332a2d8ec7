//! What it takes to know how a whole program's money is spread: Pareto reports while purchases stream in.
//!
//! Purchases of the last four weeks come first, some on every day and of another amount each day. Then one caller asks
//! in turn about everything so far and about a week, as fast as answers come, while today's purchases stream in. Knows
//! what the server says of itself, and nothing of how it knows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use tonic::transport::{Channel, Endpoint};

use super::Plan;
use super::callers::Method;
use super::figures::Figures;
use super::house::House;
use super::orders::Receipts;
use super::raw::{Raw, Shape};
use super::streams::{self, End};
use super::template::{MEMBER, RECEIPT, Template};
use crate::pb::segment_service_client::SegmentServiceClient;
use crate::pb::{
    GetParetoReportRequest, GetParetoReportResponse, Money, Purchase, PurchaseLine, Receipt, RecordPurchasesRequest,
};

/// The program of the bench's servers.
const PROGRAM: &str = "aadvantage";
/// Purchases before anything is measured, for each member.
const EACH: u64 = 2;
/// On so many days.
const DAYS: u64 = 28;
const DAY: Duration = Duration::from_secs(86_400);

type Service = SegmentServiceClient<Channel>;

/// Runs it.
pub async fn run(plan: &Plan, figures: &mut Figures) -> anyhow::Result<()> {
    eprintln!("pareto: enrolling {} members", plan.members);
    let house = House::open(&plan.binary, plan, |_| ()).await?;
    let (address, receipts) = (&*house.server.address, Receipts::default());
    let each_day = End::After((u64::from(plan.members) * EACH).div_ceil(DAYS));
    for ago in (1..=DAYS).rev() {
        streams::run(address, &bought(ago)?, &receipts, plan.members, each_day).await.context("the days before")?;
    }
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
    let mut service = SegmentServiceClient::new(endpoint.connect().await?);
    let (first, everything) = timed(&mut service, whole()).await?;
    figures.size("pareto_first_ms", first.as_secs_f64() * 1e3);
    let week = week(&everything)?;

    let span = plan.span.saturating_mul(plan.rounds);
    eprintln!("pareto: {} s of reports while purchases stream in", span.as_secs());
    let end = Instant::now() + span;
    let today = bought(0)?;
    let streaming = streams::run(address, &today, &receipts, plan.members, End::At(end));
    let (marks, asked) = tokio::join!(streaming, ask(service, week, end));
    let (marks, asked) = (marks?, asked?);
    asked.tell(figures, plan.members);
    figures.size("pareto_stream_per_second", marks.per_second());
    Ok(())
}

/// Purchases of some days ago.
fn bought(days_ago: u64) -> anyhow::Result<Method> {
    let now = std::time::UNIX_EPOCH.elapsed().context("the clock stands before 1970")?;
    let at = now.saturating_sub(DAY.saturating_mul(u32::try_from(days_ago)?));
    let minor_units = 10_000 + i64::try_from(days_ago)? * 1_009;
    let line = PurchaseLine {
        line_id: "1".to_owned(),
        category: "fare".to_owned(),
        amount: Some(Money { currency_code: "USD".to_owned(), minor_units }),
        ..PurchaseLine::default()
    };
    let purchase = Purchase {
        receipt: Some(Receipt { source: "bench".to_owned(), id: RECEIPT.to_owned() }),
        kind: "flight".to_owned(),
        occurred_at: Some(prost_types::Timestamp { seconds: i64::try_from(at.as_secs())?, nanos: 0 }),
        lines: vec![line],
        ..Purchase::default()
    };
    let item = RecordPurchasesRequest {
        program: PROGRAM.to_owned(),
        member_id: format!("m-{MEMBER}"),
        purchase: Some(purchase),
        ..RecordPurchasesRequest::default()
    };
    let template = Arc::new(Template::new(&item)?);
    Ok(Method::new("/rung.v1.PointsService/RecordPurchases", Raw::new(template, Shape::Item)))
}

fn whole() -> GetParetoReportRequest {
    GetParetoReportRequest { program: PROGRAM.to_owned(), ..GetParetoReportRequest::default() }
}

/// The second week of what there is.
fn week(everything: &GetParetoReportResponse) -> anyhow::Result<GetParetoReportRequest> {
    let first: jiff::civil::Date = everything.from.parse().context("the first day")?;
    let day = |days: i64| first.saturating_add(jiff::Span::new().days(days)).to_string();
    Ok(GetParetoReportRequest { from: day(7), to: day(14), ..whole() })
}

async fn timed(
    service: &mut Service,
    request: GetParetoReportRequest,
) -> anyhow::Result<(Duration, GetParetoReportResponse)> {
    let since = Instant::now();
    let report = service.get_pareto_report(request).await?.into_inner();
    Ok((since.elapsed(), report))
}

/// What came of asking.
struct Asked {
    whole: Histogram<u64>,
    week: Histogram<u64>,
    newest: GetParetoReportResponse,
}

/// Asks in turn until the end.
async fn ask(mut service: Service, week: GetParetoReportRequest, end: Instant) -> anyhow::Result<Asked> {
    let latency = || Histogram::new_with_bounds(1, 60_000_000, 3);
    let mut asked = Asked { whole: latency()?, week: latency()?, newest: GetParetoReportResponse::default() };
    while Instant::now() < end {
        let (took, newest) = timed(&mut service, whole()).await?;
        asked.whole.saturating_record(took.as_micros() as u64);
        asked.newest = newest;
        let (took, _) = timed(&mut service, week.clone()).await?;
        asked.week.saturating_record(took.as_micros() as u64);
    }
    Ok(asked)
}

impl Asked {
    fn tell(&self, figures: &mut Figures, members: u32) {
        for (name, latency) in [("whole", &self.whole), ("week", &self.week)] {
            let at = |quantile| latency.value_at_quantile(quantile) as f64 / 1e3;
            figures.size(format!("pareto_{name}_p50_ms"), at(0.50));
            figures.size(format!("pareto_{name}_p99_ms"), at(0.99));
            figures.size(format!("pareto_{name}_reports"), latency.len() as f64);
        }
        figures.size("pareto_customers", self.newest.customers as f64);
        figures.size("analyst_bytes_per_member", self.newest.bytes as f64 / f64::from(members));
    }
}
