//! What the analyst costs a till: the same calls to a server with the analyst and to one without, in turn, at seven tenths
//! of what the slower of the two can do.
//!
//! Rounds are interleaved as in the duel.

use anyhow::ensure;

use super::Plan;
use super::figures::{Figures, Samples};
use super::house::House;

/// Rounds, however many others take.
const ROUNDS: u32 = 7;
/// Of what the slower server answers as fast as it can.
const LOAD: f64 = 0.7;

/// Runs all rounds.
pub async fn run(plan: &Plan, figures: &mut Figures) -> anyhow::Result<()> {
    eprintln!("analyst: enrolling {} members twice", plan.members);
    let with = House::open(&plan.binary, plan, |_| ()).await?;
    let flags = plan.flags.iter().cloned().chain(["--no-analyst".to_owned()]).collect();
    let without = House::open(&plan.binary, &Plan { flags, ..plan.clone() }, |_| ()).await?;
    let able = [with.calls(plan.span).await?.per_second, without.calls(plan.span).await?.per_second];
    let load = able.into_iter().fold(f64::INFINITY, f64::min) * LOAD;
    let mut samples = Samples::default();
    for round in 1..=ROUNDS {
        eprintln!("analyst: round {round} of {ROUNDS}, {load:.0} calls a second");
        let mut turns = [(&with, WITH), (&without, WITHOUT)];
        if round % 2 == 0 {
            turns.reverse();
        }
        for (house, names) in turns {
            sample(plan, house, load, names, &mut samples).await?;
        }
    }
    let [rates, p50s, p99s, cpus] = [0, 1, 2, 3].map(|at| (WITH.get(at), WITHOUT.get(at)));
    let ratio = |(with, without): (Option<&&'static str>, Option<&&'static str>)| samples.ratio(with?, without?);
    figures.ratio("analyst_rate_vs_without", ratio(rates));
    figures.ratio("analyst_p50_vs_without", ratio(p50s));
    figures.ratio("analyst_p99_vs_without", ratio(p99s));
    figures.ratio("analyst_server_cpu_vs_without", ratio(cpus));
    for name in WITH.iter().chain(&WITHOUT) {
        samples.median(name).into_iter().for_each(|value| figures.size(*name, value));
    }
    Ok(())
}

const WITH: [&str; 4] = ["analyst_per_second", "analyst_p50_ms", "analyst_p99_ms", "analyst_server_cpu_us_per_call"];
const WITHOUT: [&str; 4] =
    ["no_analyst_per_second", "no_analyst_p50_ms", "no_analyst_p99_ms", "no_analyst_server_cpu_us_per_call"];

async fn sample(
    plan: &Plan,
    house: &House,
    load: f64,
    [rate, p50, p99, cpu]: [&'static str; 4],
    samples: &mut Samples,
) -> anyhow::Result<()> {
    let before = house.server.cpu_seconds()?;
    let calls = house.calls_at(load, plan.span).await?;
    let used = house.server.cpu_seconds()? - before;
    ensure!(!calls.latency.is_empty(), "no call was answered");
    samples.add(rate, calls.per_second);
    samples.add(p50, calls.latency.value_at_quantile(0.50) as f64 / 1000.0);
    samples.add(p99, calls.latency.value_at_quantile(0.99) as f64 / 1000.0);
    samples.add(cpu, used * 1e6 / calls.latency.len() as f64);
    Ok(())
}
