//! `rung bench`: the load generator behind the README's figures.
//!
//! It starts its own servers on empty folders, each a process of its own, and talks to them over loopback as a
//! till would: the AAdvantage program, receipts of three lines (fare, carrier's fee, tax), every order a fresh
//! receipt of a random member, full replies. Refused or replayed orders fail the run. The generator shares the
//! machine's cores with what it measures, so figures are ratios first: to an empty tonic service called in the
//! same way, and to PostgreSQL doing comparable work.

mod books;
mod callers;
mod duel;
mod figures;
mod house;
mod imports;
mod marathon;
mod orders;
mod pareto;
mod postgres;
mod process;
mod progress;
mod raw;
mod reads;
mod slowing;
mod streams;
mod template;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use tokio::signal::unix::{SignalKind, signal};

use figures::Figures;

/// Measures Rung on this machine and prints one `name: value` a line, ratios first.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Takes under a minute: fewer members, fewer orders, shorter rounds.
    #[arg(long)]
    quick: bool,
    /// Members enrolled before anything is measured [default: 1000000; quick: 100000].
    #[arg(long, value_name = "N")]
    members: Option<u32>,
    /// Orders of the long stream [default: 10000000; quick: 1000000].
    #[arg(long, value_name = "N")]
    orders: Option<u64>,
    /// Interleaved rounds of each comparison [default: 5].
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,
    /// Seconds each contender runs in a round [default: 5; quick: 1].
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Only these parts, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    only: Vec<Part>,
    /// Another rung to take turns with, such as one built from the commit before.
    #[arg(long, value_name = "BINARY")]
    compare: Option<PathBuf>,
    /// Where the temporary folders go; it should be on the disk to be measured [default: the system's].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// More flags for the servers under test, after `--`: `rung bench -- --queue-limit 1000`.
    #[arg(last = true, value_name = "FLAG")]
    flags: Vec<String>,
}

/// A part of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// RecordPurchase, 4 connections with 16 calls in flight each, against an empty tonic service.
    Unary,
    /// RecordPurchases, 4 streams, over many orders.
    Stream,
    /// Opening after a kill at the end of the long stream (which it needs).
    Open,
    /// GetLiability after the long stream (which it needs), while purchases come in; and again after the kill.
    Books,
    /// Unary and stream against PostgreSQL, if it is on this machine.
    Postgres,
    /// ImportMembers, one stream, as many members as are asked for, and the same again.
    Import,
    /// CheckPrivilege and GetStanding, 4 connections with 16 calls in flight each, against an empty tonic service.
    Reads,
    /// GetParetoReport, over everything, over a week, and of one club, tier or store, while purchases stream in.
    Pareto,
    /// RecordPurchase at seven tenths of the load that can be borne, with the analyst and without, in seven rounds.
    Analyst,
}

/// What is to be measured, and how much of it.
#[derive(Clone, Debug)]
struct Plan {
    parts: Vec<Part>,
    members: u32,
    orders: u64,
    rounds: u32,
    span: Duration,
    binary: PathBuf,
    compared: Option<PathBuf>,
    folder: PathBuf,
    flags: Vec<String>,
}

impl Plan {
    fn new(args: Args) -> anyhow::Result<Self> {
        let (members, orders, seconds) = if args.quick { (100_000, 1_000_000, 1) } else { (1_000_000, 10_000_000, 5) };
        let all = [
            Part::Unary,
            Part::Stream,
            Part::Open,
            Part::Books,
            Part::Postgres,
            Part::Import,
            Part::Reads,
            Part::Pareto,
            Part::Analyst,
        ];
        let plan = Self {
            parts: if args.only.is_empty() { all.to_vec() } else { args.only },
            members: args.members.unwrap_or(members),
            orders: args.orders.unwrap_or(orders),
            rounds: args.rounds.unwrap_or(5),
            span: Duration::from_secs(args.seconds.unwrap_or(seconds)),
            binary: std::env::current_exe().context("finding our own binary")?,
            compared: args.compare,
            folder: args.dir.unwrap_or_else(std::env::temp_dir),
            flags: args.flags,
        };
        ensure!((1..=99_999_999).contains(&plan.members), "members must be 1 to 99999999");
        ensure!(plan.orders > 0 && plan.rounds > 0 && !plan.span.is_zero(), "nothing to measure");
        Ok(plan)
    }

    fn does(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let plan = Plan::new(args)?;
    let mut ended = signal(SignalKind::terminate())?;
    let mut figures = Figures::default();
    // Dropping the measure ends its servers and removes its folders; a signal must come to that too.
    let outcome = tokio::select! {
        outcome = measure(&plan, &mut figures) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
        _ = ended.recv() => Err(anyhow!("ended")),
    };
    print!("{figures}");
    outcome.map(|()| ExitCode::SUCCESS)
}

/// What was measured before a part failed is kept.
async fn measure(plan: &Plan, figures: &mut Figures) -> anyhow::Result<()> {
    figures.size("members", f64::from(plan.members));
    figures.text("rounds", format!("{} of {} s", plan.rounds, plan.span.as_secs()));
    figures.text("cores", std::thread::available_parallelism().map_or(0, usize::from).to_string());
    if plan.does(Part::Unary) || plan.does(Part::Postgres) || plan.compared.is_some() {
        duel::run(plan, figures).await?;
    }
    if plan.does(Part::Stream) || plan.does(Part::Open) || plan.does(Part::Books) {
        marathon::run(plan, figures).await?;
    }
    // The long stream and the rounds against PostgreSQL lie minutes apart: of all ratios, this one is of two runs.
    figures.compare("stream_sustained_vs_postgres", "stream_per_second", "postgres_per_second");
    if plan.does(Part::Import) {
        imports::run(plan, figures).await?;
    }
    if plan.does(Part::Reads) {
        reads::run(plan, figures).await?;
    }
    if plan.does(Part::Pareto) {
        pareto::run(plan, figures).await?;
    }
    if plan.does(Part::Analyst) {
        slowing::run(plan, figures).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn plan(line: &[&str]) -> anyhow::Result<Plan> {
        Plan::new(Line::try_parse_from(["bench"].iter().chain(line))?.args)
    }

    #[test]
    fn quick_is_smaller_and_still_everything() {
        let (full, quick) = (plan(&[]).expect("a plan"), plan(&["--quick"]).expect("a plan"));
        assert!(quick.members < full.members && quick.orders < full.orders && quick.span < full.span);
        assert_eq!(quick.parts, full.parts);
    }

    #[test]
    fn parts_and_sizes_can_be_chosen() {
        let plan = plan(&["--only", "unary,open", "--members", "7", "--orders", "9"]).expect("a plan");
        assert!(plan.does(Part::Unary) && plan.does(Part::Open) && !plan.does(Part::Postgres));
        assert_eq!((plan.members, plan.orders), (7, 9));
    }

    #[test]
    fn nothing_to_measure_is_an_error() {
        for line in [["--members", "0"], ["--orders", "0"], ["--seconds", "0"], ["--only", "speed"]] {
            assert!(plan(&line).is_err(), "{line:?}");
        }
    }
}
