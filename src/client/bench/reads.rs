//! The two questions a till asks most, "where does she stand?" and "may she?", against an empty tonic service that is
//! sent the same request.
//!
//! Rounds are interleaved as in the duel. Before anything is measured every member has bought once, so that there is
//! something to read.

use anyhow::Context;

use super::Plan;
use super::callers::{self, Calls, Method};
use super::figures::{Figures, Samples};
use super::house::House;
use super::orders::{Receipts, Requests};
use super::process::{Scratch, Server};
use super::raw::{Raw, Shape};
use super::streams::End;
use crate::client::echo;

/// What is asked, and what its figures are called.
struct Question {
    name: &'static str,
    ours: Method,
    echo: Method,
    figures: [&'static str; 4],
}

/// Runs all rounds.
pub async fn run(plan: &Plan, figures: &mut Figures) -> anyhow::Result<()> {
    eprintln!("reads: enrolling {} members", plan.members);
    let house = House::open(&plan.binary, plan, |_| ()).await?;
    house.stream(End::After(u64::from(plan.members))).await.context("a purchase each")?;
    let folder = Scratch::new(&plan.folder, "echo")?;
    let echo = Server::start(&plan.binary, &["bench-echo"], &folder.path().join("server.log")).await?;
    let questions = questions()?;
    let mut samples = Samples::default();
    for round in 1..=plan.rounds {
        eprintln!("reads: round {round} of {}", plan.rounds);
        for question in &questions {
            let [echoed, rate, p50, p99] = question.figures;
            samples.add(echoed, calls(plan, &echo, &question.echo).await?.per_second);
            let answered = calls(plan, &house.server, &question.ours).await?;
            samples.add(rate, answered.per_second);
            samples.add(p50, answered.latency.value_at_quantile(0.50) as f64 / 1000.0);
            samples.add(p99, answered.latency.value_at_quantile(0.99) as f64 / 1000.0);
        }
    }
    for question in &questions {
        let [echoed, rate, ..] = question.figures;
        figures.ratio(question.name, samples.ratio(rate, echoed));
        let medians = question.figures.iter().filter_map(|name| Some((*name, samples.median(name)?)));
        medians.for_each(|(name, value)| figures.size(name, value));
    }
    Ok(())
}

fn questions() -> anyhow::Result<[Question; 2]> {
    let requests = Requests::new()?;
    let ours = |path, template| Method::new(path, Raw::new(template, Shape::Read));
    let echo = |path, template| Method::new(path, Raw::new(template, Shape::Echo));
    Ok([
        Question {
            name: "check_privilege_vs_echo",
            ours: ours("/rung.v1.PrivilegeService/CheckPrivilege", requests.check.clone()),
            echo: echo(echo::CHECK, requests.check),
            figures: ["check_echo_per_second", "check_per_second", "check_p50_ms", "check_p99_ms"],
        },
        Question {
            name: "get_standing_vs_echo",
            ours: ours("/rung.v1.TierService/GetStanding", requests.standing.clone()),
            echo: echo(echo::STANDING, requests.standing),
            figures: ["standing_echo_per_second", "standing_per_second", "standing_p50_ms", "standing_p99_ms"],
        },
    ])
}

async fn calls(plan: &Plan, server: &Server, method: &Method) -> anyhow::Result<Calls> {
    callers::run(&server.address, method, &Receipts::default(), plan.members, plan.span).await
}
