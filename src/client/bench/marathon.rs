//! The long run: members, then orders by stream, then a kill, then opening again. What it holds in memory and on
//! disk is looked at on the way.

use anyhow::{Context, ensure};

use super::Plan;
use super::figures::Figures;
use super::house::House;
use super::process::Resident;
use super::raw::Verdict;
use super::streams::{End, Marks};

const MIB: f64 = 1024.0 * 1024.0;

/// Runs it; `reopen` asks for the kill at the end.
pub async fn run(plan: &Plan, reopen: bool) -> anyhow::Result<Figures> {
    let mut empty = None;
    eprintln!("stream: enrolling {} members", plan.members);
    let mut house =
        House::open(&plan.binary, &plan.folder, plan.members, |server| empty = server.resident().ok()).await?;
    let empty = empty.context("the memory of the empty server")?;
    let enrolled = house.server.resident()?;
    ensure!(house.witness().await? == Verdict::Applied, "the first order was not applied");

    eprintln!("stream: {} orders", plan.orders);
    let (disk, cpu) = (house.occupied(), house.server.cpu_seconds()?);
    let marks = house.stream(End::After(plan.orders)).await?;
    let cpu = house.server.cpu_seconds()? - cpu;
    let mut figures = speed(&marks, cpu);
    memory(&mut figures, plan, [empty, enrolled, house.server.resident()?]);
    let written = house.occupied().saturating_sub(disk);
    figures.size("disk_bytes_per_order", written as f64 / plan.orders as f64);

    if reopen {
        eprintln!("open: killing the server and opening it again");
        house.reopen().await?;
        figures.size("open_after_kill_seconds", house.server.opening.as_secs_f64());
        figures.size("resident_mib_after_opening", house.server.resident()?.now as f64 / MIB);
    }
    Ok(figures)
}

fn speed(marks: &Marks, cpu: f64) -> Figures {
    let mut figures = Figures::default();
    let tenths = marks.tenths();
    let (first, second) = (tenths.first().copied(), tenths.get(1).copied());
    figures.ratio("stream_last_tenth_vs_second", tenths.last().copied(), second);
    figures.size("stream_orders", marks.orders() as f64);
    figures.size("stream_per_second_over_first_tenth", first.unwrap_or_default());
    figures.size("stream_per_second", marks.per_second());
    figures.size("stream_server_cpu_us_per_order", cpu * 1e6 / marks.orders() as f64);
    figures
}

fn memory(figures: &mut Figures, plan: &Plan, [empty, enrolled, full]: [Resident; 3]) {
    let per_member = enrolled.now.saturating_sub(empty.now) as f64 / f64::from(plan.members);
    figures.size("resident_bytes_per_enrolled_member", per_member);
    figures.size("resident_mib_empty", empty.now as f64 / MIB);
    figures.size("resident_mib_after_orders", full.now as f64 / MIB);
    figures.size("resident_mib_peak", full.peak as f64 / MIB);
}
