//! What it takes to know how a whole program's money is spread: Pareto reports while purchases stream in.
//!
//! One member in ten joins a club, then come purchases of the last four weeks, some on every day, of another amount each
//! day and in forty stores. Then one caller asks in turn about everything so far, about a week, and about everything of
//! those on the base tier (everybody, nearly), of the club and of one store, as fast as answers come, while today's
//! purchases stream in. Knows what the server says of itself, and nothing of how it knows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use tonic::transport::{Channel, Endpoint};

use super::Plan;
use super::callers::{self, Method};
use super::figures::Figures;
use super::house::House;
use super::orders::Receipts;
use super::progress::Progress;
use super::raw::{Raw, Shape};
use super::streams::{self, End};
use super::template::{MEMBER, RECEIPT, STORE, Template};
use crate::pb::segment_service_client::SegmentServiceClient;
use crate::pb::{
    ClubPayment, GetParetoReportRequest, GetParetoReportResponse, JoinClubRequest, Money, Purchase, PurchaseLine,
    Receipt, RecordPurchasesRequest,
};

/// The program of the bench's servers.
const PROGRAM: &str = "aadvantage";
/// A club of it, what a term there costs in cents, and one in how many members belongs to it here.
const CLUB: (&str, i64, u32) = ("admirals-club", 45_000, 10);
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
    eprintln!("pareto: one in {} joins a club", CLUB.2);
    callers::each(address, &joining()?, (plan.members, CLUB.2), "joined").await?;
    stream_days_before(address, &receipts, plan.members).await?;
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
    let mut service = SegmentServiceClient::new(endpoint.connect().await?);
    eprintln!("pareto: the first report");
    let (first, everything) = timed(&mut service, whole()).await?;
    figures.size("pareto_first_ms", first.as_secs_f64() * 1e3);

    let span = plan.span.saturating_mul(plan.rounds);
    eprintln!("pareto: {} s of reports while purchases stream in", span.as_secs());
    let end = Instant::now() + span;
    let today = bought(0)?;
    let streaming = streams::run(address, &today, &receipts, plan.members, End::At(end));
    let (marks, asked) = tokio::join!(streaming, ask(service, questions(&everything)?, end));
    let (marks, asked) = (marks?, asked?);
    asked.iter().try_for_each(|question| question.tell(figures))?;
    let newest = asked.first().map(|whole| whole.newest.clone()).unwrap_or_default();
    figures.size("pareto_customers", newest.customers as f64);
    figures.size("analyst_bytes_per_member", newest.bytes as f64 / f64::from(plan.members));
    figures.size("pareto_stream_per_second", marks.per_second());
    figures.size("pareto_resident_mib", house.server.resident()?.now as f64 / (1024.0 * 1024.0));
    Ok(())
}

/// Purchases of every day of the last four weeks but today's.
async fn stream_days_before(address: &str, receipts: &Receipts, members: u32) -> anyhow::Result<()> {
    let each_day = (u64::from(members) * EACH).div_ceil(DAYS);
    eprintln!("pareto: {} purchases of the {DAYS} days before", each_day * DAYS);
    let progress = Progress::new("bought", each_day * DAYS);
    for ago in (1..=DAYS).rev() {
        let (bought, end) = (bought(ago)?, End::After(each_day));
        let marks = streams::run(address, &bought, receipts, members, end).await.context("the days before")?;
        progress.add(marks.orders());
    }
    Ok(())
}

/// Joining the club.
fn joining() -> anyhow::Result<Method> {
    let (club, minor_units, _) = CLUB;
    let amount = Some(Money { currency_code: "USD".to_owned(), minor_units });
    let request = JoinClubRequest {
        program: PROGRAM.to_owned(),
        member_id: format!("m-{MEMBER}"),
        club: club.to_owned(),
        payment: Some(ClubPayment { amount, reference: format!("fee-{MEMBER}") }),
        request_id: format!("join-{MEMBER}"),
        ..JoinClubRequest::default()
    };
    let template = Arc::new(Template::new(&request)?);
    Ok(Method::new("/rung.v1.ClubService/JoinClub", Raw::new(template, Shape::Unary)))
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
        store: STORE.to_owned(),
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

/// What is asked, by the name of its figures: everything first.
fn questions(everything: &GetParetoReportResponse) -> anyhow::Result<Vec<Asked>> {
    let first: jiff::civil::Date = everything.from.parse().context("the first day")?;
    let day = |days: i64| first.saturating_add(jiff::Span::new().days(days)).to_string();
    let questions = [
        ("whole", whole()),
        ("week", GetParetoReportRequest { from: day(7), to: day(14), ..whole() }),
        ("tier", GetParetoReportRequest { tier: "member".to_owned(), ..whole() }),
        ("club", GetParetoReportRequest { club: CLUB.0.to_owned(), ..whole() }),
        ("store", GetParetoReportRequest { store: "0000007".to_owned(), ..whole() }),
    ];
    questions.into_iter().map(|(name, request)| Asked::new(name, request)).collect()
}

async fn timed(
    service: &mut Service,
    request: GetParetoReportRequest,
) -> anyhow::Result<(Duration, GetParetoReportResponse)> {
    let since = Instant::now();
    let report = service.get_pareto_report(request).await?.into_inner();
    Ok((since.elapsed(), report))
}

/// A question, and what came of asking it.
struct Asked {
    name: &'static str,
    request: GetParetoReportRequest,
    latency: Histogram<u64>,
    newest: GetParetoReportResponse,
}

/// Asks in turn until the end.
async fn ask(mut service: Service, mut asked: Vec<Asked>, end: Instant) -> anyhow::Result<Vec<Asked>> {
    while Instant::now() < end {
        for question in &mut asked {
            let (took, newest) = timed(&mut service, question.request.clone()).await?;
            question.latency.saturating_record(took.as_micros() as u64);
            question.newest = newest;
        }
    }
    Ok(asked)
}

impl Asked {
    fn new(name: &'static str, request: GetParetoReportRequest) -> anyhow::Result<Self> {
        let latency = Histogram::new_with_bounds(1, 60_000_000, 3)?;
        Ok(Self { name, request, latency, newest: GetParetoReportResponse::default() })
    }

    /// A report about nobody would be quick and mean nothing.
    fn tell(&self, figures: &mut Figures) -> anyhow::Result<()> {
        let Self { name, latency, newest, .. } = self;
        ensure!(newest.customers > 0, "the report of {name} is about nobody");
        let at = |quantile| latency.value_at_quantile(quantile) as f64 / 1e3;
        figures.size(format!("pareto_{name}_p50_ms"), at(0.50));
        figures.size(format!("pareto_{name}_p99_ms"), at(0.99));
        figures.size(format!("pareto_{name}_reports"), latency.len() as f64);
        Ok(())
    }
}
