//! The comparisons: every contender runs for a while, in turn, round after round, and the medians are compared.
//!
//! Interleaved, because a machine's mood changes from minute to minute; the order is turned round each time,
//! because the one who goes first should not always be the same. Only one contender works at a time.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;

use super::callers::{self, Calls, Method};
use super::figures::{Figures, Samples};
use super::house::House;
use super::orders::{Receipts, Requests};
use super::postgres::Postgres;
use super::process::{Scratch, Server};
use super::raw::{Raw, Shape};
use super::streams::End;
use super::{Part, Plan};
use crate::client::echo;

/// Who can take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contender {
    Echo,
    Unary,
    Stream,
    Postgres,
    ComparedUnary,
    ComparedStream,
}

/// Runs all rounds of the parts that are asked for.
pub async fn run(plan: &Plan, figures: &mut Figures) -> anyhow::Result<()> {
    let mut ring = Ring::set_up(plan, figures).await?;
    let contenders = ring.contenders();
    let mut samples = Samples::default();
    for round in 1..=plan.rounds {
        eprintln!("duel: round {round} of {}", plan.rounds);
        let turn: Vec<Contender> =
            if round % 2 == 1 { contenders.clone() } else { contenders.iter().rev().copied().collect() };
        for contender in turn {
            ring.run(plan, contender, &mut samples).await?;
        }
    }
    report(&samples, figures);
    Ok(())
}

/// All servers of the duel; idle but for the one whose turn it is.
struct Ring {
    echo: Option<Echo>,
    ours: House,
    compared: Option<House>,
    postgres: Option<Postgres>,
}

impl Ring {
    async fn set_up(plan: &Plan, figures: &mut Figures) -> anyhow::Result<Self> {
        eprintln!("duel: enrolling {} members", plan.members);
        let ours = House::open(&plan.binary, plan, |_| ()).await?;
        let compared = match &plan.compared {
            Some(binary) => Some(House::open(binary, plan, |_| ()).await?),
            None => None,
        };
        let echo = if plan.does(Part::Unary) { Some(Echo::start(plan).await?) } else { None };
        let postgres = if plan.does(Part::Postgres) { rival(plan, figures).await? } else { None };
        Ok(Self { echo, ours, compared, postgres })
    }

    fn contenders(&self) -> Vec<Contender> {
        let mut contenders = vec![Contender::Unary];
        if self.echo.is_some() {
            contenders.insert(0, Contender::Echo);
        }
        if self.postgres.is_some() {
            contenders.extend([Contender::Postgres, Contender::Stream]);
        }
        if self.compared.is_some() {
            contenders.retain(|contender| *contender != Contender::Stream);
            contenders.insert(0, Contender::Stream);
            contenders.extend([Contender::ComparedUnary, Contender::ComparedStream]);
        }
        contenders
    }

    async fn run(&mut self, plan: &Plan, contender: Contender, samples: &mut Samples) -> anyhow::Result<()> {
        match contender {
            Contender::Echo => {
                let echo = self.echo.as_ref().context("the echo")?;
                let names = ["echo_per_second", "echo_p50_ms", "echo_p99_ms"];
                sample(samples, names, &echo.calls(plan).await?);
            }
            Contender::Unary => unary(plan, &self.ours, samples).await?,
            Contender::Stream => samples.add("stream_burst_per_second", burst(plan, &self.ours).await?),
            Contender::Postgres => self.purchase(plan, samples).await?,
            Contender::ComparedUnary => {
                let calls = self.compared.as_ref().context("the other binary")?.calls(plan.span).await?;
                samples.add("compared_unary_per_second", calls.per_second);
            }
            Contender::ComparedStream => {
                let compared = self.compared.as_ref().context("the other binary")?;
                samples.add("compared_stream_burst_per_second", burst(plan, compared).await?);
            }
        }
        Ok(())
    }

    /// pgbench waits on a thread of its own, so that an interrupt is still heard.
    async fn purchase(&mut self, plan: &Plan, samples: &mut Samples) -> anyhow::Result<()> {
        let (mut postgres, span) = (self.postgres.take().context("PostgreSQL")?, plan.span);
        let run = move || (postgres.purchases_per_second(span), postgres);
        let (rate, postgres) = tokio::task::spawn_blocking(run).await?;
        self.postgres = Some(postgres);
        samples.add("postgres_per_second", rate?);
        Ok(())
    }
}

async fn rival(plan: &Plan, figures: &mut Figures) -> anyhow::Result<Option<Postgres>> {
    eprintln!("duel: starting PostgreSQL with {} members", plan.members);
    let (folder, members) = (plan.folder.clone(), plan.members);
    let postgres = tokio::task::spawn_blocking(move || Postgres::start(&folder, members)).await??;
    match &postgres {
        Some(postgres) => figures.text("postgres_version", postgres.version()?),
        None => figures.text("postgres_version", "not on this machine"),
    }
    Ok(postgres)
}

async fn unary(plan: &Plan, house: &House, samples: &mut Samples) -> anyhow::Result<()> {
    let before = house.server.cpu_seconds()?;
    let calls = house.calls(plan.span).await?;
    let cpu = house.server.cpu_seconds()? - before;
    sample(samples, ["unary_per_second", "unary_p50_ms", "unary_p99_ms"], &calls);
    samples.add("unary_server_cpu_us_per_call", cpu * 1e6 / calls.latency.len() as f64);
    Ok(())
}

fn sample(samples: &mut Samples, [rate, p50, p99]: [&'static str; 3], calls: &Calls) {
    samples.add(rate, calls.per_second);
    samples.add(p50, calls.latency.value_at_quantile(0.50) as f64 / 1000.0);
    samples.add(p99, calls.latency.value_at_quantile(0.99) as f64 / 1000.0);
}

async fn burst(plan: &Plan, house: &House) -> anyhow::Result<f64> {
    Ok(house.stream(End::At(Instant::now() + plan.span)).await?.per_second())
}

fn report(samples: &Samples, figures: &mut Figures) {
    let ratios = [
        ("unary_vs_echo", "unary_per_second", "echo_per_second"),
        ("unary_vs_postgres", "unary_per_second", "postgres_per_second"),
        ("stream_vs_postgres", "stream_burst_per_second", "postgres_per_second"),
        ("unary_vs_compared", "unary_per_second", "compared_unary_per_second"),
        ("stream_vs_compared", "stream_burst_per_second", "compared_stream_burst_per_second"),
    ];
    for (name, of, to) in ratios {
        figures.ratio(name, samples.ratio(of, to));
    }
    let sizes = [
        "unary_per_second",
        "unary_p50_ms",
        "unary_p99_ms",
        "unary_server_cpu_us_per_call",
        "echo_per_second",
        "echo_p50_ms",
        "echo_p99_ms",
        "stream_burst_per_second",
        "postgres_per_second",
        "compared_unary_per_second",
        "compared_stream_burst_per_second",
    ];
    for name in sizes {
        samples.median(name).into_iter().for_each(|value| figures.size(name, value));
    }
}

/// The yardstick's process.
struct Echo {
    server: Server,
    method: Method,
    receipts: Receipts,
    _folder: Scratch,
}

impl Echo {
    async fn start(plan: &Plan) -> anyhow::Result<Self> {
        let folder = Scratch::new(&plan.folder, "echo")?;
        let server = Server::start(&plan.binary, &["bench-echo"], &log(folder.path())).await?;
        let method = Method::new(echo::PURCHASE, Raw::new(Requests::new()?.unary, Shape::Echo));
        Ok(Self { server, method, receipts: Receipts::default(), _folder: folder })
    }

    async fn calls(&self, plan: &Plan) -> anyhow::Result<Calls> {
        callers::run(&self.server.address, &self.method, &self.receipts, plan.members, plan.span).await
    }
}

fn log(folder: &Path) -> std::path::PathBuf {
    folder.join("server.log")
}
