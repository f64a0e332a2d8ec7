//! The questions that a report puts to a server, and what it was told, as the report's numbers.

use anyhow::{Context, ensure};
use jiff::Unit;
use jiff::civil::Date;
use tonic::transport::Channel;

use super::days::{Wanted, read, twelvemonths};
use super::figures::{
    Best, Cell, Flow, Forecast, Group, Month, Part, Point, Points, Report, Spread, Standpoint, TierCount, Tiers, Wallet,
};
use super::words::share;
use crate::pb;
use crate::pb::admin_service_client::AdminServiceClient;
use crate::pb::program_service_client::ProgramServiceClient;
use crate::pb::segment_service_client::SegmentServiceClient;

/// How many points the Lorenz curve has.
const LORENZ_POINTS: i32 = 100;
const TOP: &str = "0.20";
const EVERYBODY: &str = "1";

/// Whom is asked, about what.
struct Asking {
    segments: SegmentServiceClient<Channel>,
    program: String,
}

/// Asks everything.
///
/// # Errors
/// The server is not there or refuses; nothing was bought in the window yet; the window cannot be parted.
pub async fn report(channel: Channel, program: &str, wanted: Wanted) -> anyhow::Result<Report> {
    let mut asking = Asking { segments: SegmentServiceClient::new(channel.clone()), program: program.to_owned() };
    let (from, to) = wanted.window()?;
    let whole = asking.pareto(from, to, LORENZ_POINTS).await?;
    ensure!(
        whole.buyers > 0,
        "there is nothing to report: nothing was bought from {} on before {}",
        whole.from,
        whole.to
    );
    let (from, to) = (read(&whole.from)?, read(&whole.to)?);
    let then = wanted.then(from, to)?;
    let parts = asking.segment_report(TOP, (from, then), Some(to)).await?;
    let everybody = asking.segment_report(EVERYBODY, (from, then), Some(to)).await?;
    let end = asking.segment_report(TOP, (from, to), None).await?;
    let (begun, tomorrow) = asking.all_days().await?;
    let about = program_of(channel.clone(), program).await?;
    let last_day = last(to)?;
    let standing = [(&parts, last(then)?, last_day.clone()), (&end, last_day.clone(), "today".to_owned())];
    let standing = standing.into_iter().find(|(told, ..)| !told.tier_flows.is_empty());
    let standing = standing.map(|(told, before, after)| tiers(&about, told, before, after));
    Ok(Report {
        program: about.program.clone(),
        name: about.name.clone(),
        currency: about.currency_code.clone(),
        first_day: from.to_string(),
        last_day: last_day.clone(),
        then_from: then.to_string(),
        asked_on: last(tomorrow)?,
        spread: spread(&whole),
        over_time: asking.over_time(from.max(begun), to).await?,
        best: best(&parts, &everybody, (days(from, then)?, days(then, to)?)),
        tiers: standing.flatten(),
        rfm: end.rfm.iter().map(cell).collect(),
        forecast: end.forecast.map(forecast),
        liability: liability(channel, &about).await?,
    })
}

/// How many days a window has.
fn days(from: Date, to: Date) -> anyhow::Result<i64> {
    Ok(from.until((Unit::Day, to))?.get_days().into())
}

/// The last day of a window that ends before `end`.
fn last(end: Date) -> anyhow::Result<String> {
    Ok(end.yesterday()?.to_string())
}

impl Asking {
    async fn pareto(
        &mut self,
        from: String,
        to: String,
        lorenz_points: i32,
    ) -> anyhow::Result<pb::GetParetoReportResponse> {
        let program = self.program.clone();
        let request = pb::GetParetoReportRequest { program, from, to, lorenz_points, ..Default::default() };
        let answer = self.segments.get_pareto_report(request).await.map_err(said);
        Ok(answer.context("asking how the revenue is spread")?.into_inner())
    }

    /// The first day on which anything was bought, and the server's tomorrow.
    async fn all_days(&mut self) -> anyhow::Result<(Date, Date)> {
        let all = self.pareto(String::new(), String::new(), 1).await?;
        Ok((read(&all.from)?, read(&all.to)?))
    }

    /// About the best of a window, followed up to `then_to`.
    async fn segment_report(
        &mut self,
        top_share: &str,
        (from, to): (Date, Date),
        then_to: Option<Date>,
    ) -> anyhow::Result<pb::GetSegmentReportResponse> {
        let window = pb::SegmentWindow { from: from.to_string(), to: to.to_string(), ..Default::default() };
        let request = pb::GetSegmentReportRequest {
            program: self.program.clone(),
            window: Some(window),
            top_share: top_share.to_owned(),
            then_to: then_to.map(|day| day.to_string()).unwrap_or_default(),
            ..Default::default()
        };
        let answer = self.segments.get_segment_report(request).await.map_err(said);
        Ok(answer.context("asking what became of the best customers")?.into_inner())
    }

    async fn over_time(&mut self, from: Date, to: Date) -> anyhow::Result<Vec<Standpoint>> {
        let mut told = Vec::new();
        for (from, to) in twelvemonths(from, to)? {
            let whole = self.pareto(from.to_string(), to.to_string(), 1).await?;
            if whole.buyers > 0 {
                let best_20 = self.best_buyers(&whole, 20).await?;
                let best_1 = self.best_buyers(&whole, 1).await?;
                told.push(standpoint(&whole, last(to)?, best_20, best_1));
            }
        }
        Ok(told)
    }

    /// What share of a window's revenue the best of those bring who bought in it. The server takes shares of all
    /// customers, to six decimals, and rounds up: exact below a million customers.
    async fn best_buyers(&mut self, whole: &pb::GetParetoReportResponse, percent: i64) -> anyhow::Result<String> {
        let best = (whole.buyers.saturating_mul(percent).saturating_add(99)).div_euclid(100);
        let millionths = best.saturating_mul(1_000_000).checked_div_euclid(whole.customers).unwrap_or(0);
        let request = pb::GetParetoReportRequest {
            program: self.program.clone(),
            from: whole.from.clone(),
            to: whole.to.clone(),
            top_share: format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000),
            lorenz_points: 1,
            ..Default::default()
        };
        let answer = self.segments.get_pareto_report(request).await.map_err(said);
        let asked = answer.context("asking what the best buyers bring")?.into_inner().asked;
        Ok(group(asked.as_ref()).share_of_revenue)
    }
}

/// What a refusal says to somebody at a terminal.
fn said(status: tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("{:?}: {}", status.code(), status.message())
}

async fn program_of(channel: Channel, program: &str) -> anyhow::Result<pb::Program> {
    let request = pb::GetProgramRequest { program: program.to_owned(), ..Default::default() };
    let answer = ProgramServiceClient::new(channel).get_program(request).await.map_err(said);
    answer.context("asking about the program")?.into_inner().program.context("the server told no program")
}

async fn liability(channel: Channel, program: &pb::Program) -> anyhow::Result<Vec<Wallet>> {
    let request = pb::GetLiabilityRequest { program: program.program.clone(), ..Default::default() };
    let answer = AdminServiceClient::new(channel).get_liability(request).await.map_err(said);
    let rows = answer.context("asking what the points stand for")?.into_inner().rows;
    let valued = valued(&program.source)?;
    let wallet = |wallet: &pb::ProgramWallet| {
        let months: Vec<Month> = rows.iter().filter(|row| row.wallet == wallet.wallet).map(month).collect();
        Wallet {
            wallet: wallet.wallet.clone(),
            name: wallet.name.clone(),
            is_valued: valued.contains(&wallet.wallet),
            decimals: usize::try_from(wallet.decimals).unwrap_or(0),
            total: months.iter().fold(Points::default(), |sum, month| sum.plus(month.points)),
            months,
        }
    };
    Ok(program.wallets.iter().map(wallet).collect())
}

/// The wallets of whose points a program says what they are worth.
fn valued(source: &str) -> anyhow::Result<Vec<String>> {
    let program: toml::Table = source.parse().context("the server told a program that is none")?;
    let wallets = program.get("wallets").and_then(toml::Value::as_table);
    let valued = wallets.into_iter().flatten().filter(|(_, wallet)| wallet.get("valuation").is_some());
    Ok(valued.map(|(wallet, _)| wallet.clone()).collect())
}

fn month(row: &pb::LiabilityRow) -> Month {
    let points = Points {
        issued: row.issued,
        adjusted: row.adjusted,
        redeemed: row.redeemed,
        expired: row.expired,
        returned: row.returned,
        outstanding: row.outstanding,
        deferred: row.deferred,
    };
    Month { month: row.month.clone(), points }
}

fn decimal(share: Option<&pb::Share>) -> String {
    share.map(|share| share.decimal.clone()).unwrap_or_default()
}

fn group(group: Option<&pb::CustomerGroup>) -> Group {
    group.map_or_else(Group::default, |group| Group {
        customers: group.members,
        share_of_customers: decimal(group.share_of_members.as_ref()),
        revenue: group.amount,
        share_of_revenue: decimal(group.share_of_amount.as_ref()),
    })
}

fn spread(told: &pb::GetParetoReportResponse) -> Spread {
    let groups = |told: &[pb::CustomerGroup]| told.iter().map(|told| group(Some(told))).collect();
    let point = |point: &pb::LorenzPoint| Point {
        customers: point.members,
        share_of_customers: point.share_of_members.clone(),
        revenue: point.amount,
        share_of_revenue: point.share_of_amount.clone(),
    };
    Spread {
        customers: told.customers,
        buyers: told.buyers,
        revenue: told.amount,
        top: groups(&told.top),
        for_most: group(told.needed.as_ref()),
        gini: told.gini.clone(),
        abc: groups(&told.abc),
        lorenz: told.lorenz.iter().map(point).collect(),
    }
}

fn standpoint(
    told: &pb::GetParetoReportResponse,
    last_day: String,
    share_of_best_20: String,
    share_of_best_1: String,
) -> Standpoint {
    let needed = told.needed.as_ref().map_or(0, |group| group.members);
    Standpoint {
        first_day: told.from.clone(),
        last_day,
        buyers: told.buyers,
        revenue: told.amount,
        share_of_best_1,
        share_of_best_20,
        buyers_for_most: share(needed, told.buyers),
    }
}

/// The best, beside everybody of the same two windows.
fn best(
    told: &pb::GetSegmentReportResponse,
    everybody: &pb::GetSegmentReportResponse,
    (days, then_days): (i64, i64),
) -> Best {
    let (best, all) = (group(told.group.as_ref()), group(everybody.group.as_ref()));
    Best {
        others: all.customers.saturating_sub(best.customers),
        others_still_buying: everybody.still_buying.saturating_sub(told.still_buying),
        before: Part { days, revenue: all.revenue },
        after: Part { days: then_days, revenue: group(everybody.then_top.as_ref()).revenue },
        group: best,
        then: group(told.then.as_ref()),
        still_buying: told.still_buying,
        stayed: told.stayed,
        entered: told.entered,
        left: told.left,
    }
}

fn tiers(
    program: &pb::Program,
    told: &pb::GetSegmentReportResponse,
    before_day: String,
    after_day: String,
) -> Option<Tiers> {
    let on = |counts: &[pb::TierCount], tier: &str| {
        counts.iter().find(|count| count.tier == tier).map_or(0, |count| count.members)
    };
    let count = |tier: &str, name: &str| TierCount {
        tier: tier.to_owned(),
        name: name.to_owned(),
        before: on(&told.tiers, tier),
        after: on(&told.then_tiers, tier),
    };
    let mut counts: Vec<TierCount> = program.tiers.iter().map(|tier| count(&tier.tier, &tier.name)).collect();
    for old in told.tiers.iter().chain(&told.then_tiers) {
        if !counts.iter().any(|known| known.tier == old.tier) {
            counts.push(count(&old.tier, &old.tier));
        }
    }
    let flow =
        |flow: &pb::TierFlow| Flow { from: flow.from_tier.clone(), to: flow.to_tier.clone(), members: flow.members };
    let flows = told.tier_flows.iter().map(flow).collect();
    (!counts.is_empty()).then_some(Tiers { before_day, after_day, counts, flows })
}

fn cell(cell: &pb::RfmCell) -> Cell {
    Cell {
        recency: cell.recency,
        frequency: cell.frequency,
        money: cell.money,
        customers: cell.members,
        revenue: cell.amount,
    }
}

fn forecast(told: pb::CrowdForecast) -> Forecast {
    Forecast {
        horizon_days: told.horizon_days,
        expected_purchases: told.expected_purchases,
        expected_revenue: told.expected_worth,
        expected_of_new: told.expected_of_new,
        customers: told.customers,
        r: told.r,
        alpha: told.alpha,
        a: told.a,
        b: told.b,
        ln_likelihood: told.ln_likelihood,
        repeaters: told.repeaters,
        p: told.p,
        q: told.q,
        v: told.v,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallet_is_valued_if_the_program_says_what_its_points_are_worth() {
        let source = "[wallets.plain]\nname = 'Plain'\n[wallets.stars]\nvaluation = { value = 2, expected = '95%' }\n";
        assert_eq!(valued(source).expect("a program"), ["stars"]);
        assert!(valued("id = 'none'").expect("a program").is_empty() && valued("= 1").is_err());
    }
}
