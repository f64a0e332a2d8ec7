//! The long run: members, then orders by stream, then the books, then a kill, then opening again. What it holds in memory and on
//! disk is looked at on the way.

use anyhow::{Context, ensure};

use super::figures::Figures;
use super::house::House;
use super::process::{Resident, own_cpu_seconds};
use super::raw::Verdict;
use super::streams::{End, Marks};
use super::{Part, Plan, books};

const MIB: f64 = 1024.0 * 1024.0;

/// Runs it.
pub async fn run(plan: &Plan, figures: &mut Figures) -> anyhow::Result<()> {
    let mut empty = None;
    eprintln!("stream: enrolling {} members", plan.members);
    let mut house = House::open(&plan.binary, plan, |server| empty = server.resident().ok()).await?;
    let empty = empty.context("the memory of the empty server")?;
    let enrolled = house.server.resident()?;
    ensure!(house.witness().await? == Verdict::Applied, "the first order was not applied");

    eprintln!("stream: {} orders", plan.orders);
    let (disk, before) = (house.occupied(), cpu(&house)?);
    let marks = house.stream(End::After(plan.orders)).await?;
    speed(figures, &marks);
    effort(figures, marks.orders(), before, cpu(&house)?);
    memory(figures, plan, [empty, enrolled, house.server.resident()?]);
    let written = house.occupied().saturating_sub(disk);
    figures.size("disk_bytes_per_order", written as f64 / plan.orders as f64);

    if plan.does(Part::Books) {
        books::while_purchases_come(&house, figures).await?;
    }
    if plan.does(Part::Open) {
        eprintln!("open: killing the server and opening it again");
        house.reopen().await?;
        figures.size("open_after_kill_seconds", house.server.opening.as_secs_f64());
        figures.size("resident_mib_after_opening", house.server.resident()?.now as f64 / MIB);
        if plan.does(Part::Books) {
            figures.size("books_after_opening_ms", books::asked(&house).await?.as_secs_f64() * 1e3);
        }
    }
    Ok(())
}

fn speed(figures: &mut Figures, marks: &Marks) {
    let tenths = marks.tenths();
    let (first, second, last) = (tenths.first().copied(), tenths.get(1), tenths.last());
    figures.ratio("stream_last_tenth_vs_second", last.zip(second).map(|(last, second)| last / second));
    figures.size("stream_orders", marks.orders() as f64);
    figures.size("stream_per_second_over_first_tenth", first.unwrap_or_default());
    figures.size("stream_per_second", marks.per_second());
}

/// The processor time used so far, in seconds: the server's and our own.
fn cpu(house: &House) -> anyhow::Result<[f64; 2]> {
    Ok([house.server.cpu_seconds()?, own_cpu_seconds()?])
}

/// What an order cost either side, in microseconds of a core: on two cores, theirs and ours add up.
fn effort(figures: &mut Figures, orders: u64, before: [f64; 2], after: [f64; 2]) {
    let each = |after: f64, before: f64| (after - before) * 1e6 / orders as f64;
    let ([server, ours], [server_before, ours_before]) = (after, before);
    figures.size("stream_server_cpu_us_per_order", each(server, server_before));
    figures.size("stream_generator_cpu_us_per_order", each(ours, ours_before));
}

fn memory(figures: &mut Figures, plan: &Plan, [empty, enrolled, full]: [Resident; 3]) {
    let per_member = |taken: Resident| taken.now.saturating_sub(empty.now) as f64 / f64::from(plan.members);
    figures.size("resident_bytes_per_enrolled_member", per_member(enrolled));
    figures.size("resident_bytes_per_member_after_orders", per_member(full));
    figures.size("resident_mib_empty", empty.now as f64 / MIB);
    figures.size("resident_mib_after_orders", full.now as f64 / MIB);
    figures.size("resident_mib_peak", full.peak as f64 / MIB);
}
