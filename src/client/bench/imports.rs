//! Bringing an operator's members in: ImportMembers over one stream into an empty server, and the same file again.
//!
//! Every member has a card, three lots of other days, two counts and, one in eight, a tier.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use prost_types::Timestamp;
use tokio_stream::StreamExt;

use super::Plan;
use super::figures::Figures;
use super::house;
use super::process::Scratch;
use crate::pb;
use crate::pb::points_service_client::PointsServiceClient;

const DAY: i64 = 86_400;

/// Runs it.
pub async fn run(plan: &Plan, figures: &mut Figures) -> anyhow::Result<()> {
    let folder = Scratch::new(&plan.folder, "import")?;
    let server = house::serve(&plan.binary, folder.path(), &plan.flags).await?;
    eprintln!("import: {} members", plan.members);
    let (seconds, first) = import(&server.address, plan.members).await?;
    ensure!(first.applied == i64::from(plan.members), "the import refused or knew members: {first:?}");
    eprintln!("import: the same again");
    let (again_seconds, again) = import(&server.address, plan.members).await?;
    ensure!(again.replayed == i64::from(plan.members), "the second import was no replay: {again:?}");
    figures.size("import_members_per_second", f64::from(plan.members) / seconds.as_secs_f64());
    figures.size("import_seconds", seconds.as_secs_f64());
    figures.size("import_again_seconds", again_seconds.as_secs_f64());
    figures.size("import_resident_mib", server.resident()?.now as f64 / (1024.0 * 1024.0));
    Ok(())
}

async fn import(address: &str, members: u32) -> anyhow::Result<(Duration, pb::ImportMembersResponse)> {
    let mut client = PointsServiceClient::connect(format!("http://{address}")).await?;
    let today = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock")?.as_secs().cast_signed() / DAY;
    let items = tokio_stream::iter(0..members).map(move |number| item(number, today));
    let since = Instant::now();
    let answer = client.import_members(items).await?.into_inner();
    Ok((since.elapsed(), answer))
}

fn item(number: u32, today: i64) -> pb::ImportMembersRequest {
    let ago = |days: i64| Some(Timestamp { seconds: (today - days) * DAY, nanos: 0 });
    let spread = i64::from(number % 300);
    let lot = |days: i64, points: i64| pb::OpeningLot {
        wallet: "miles".into(),
        points,
        earned_at: ago(days + spread),
        expires_at: None,
    };
    let meter = |days: i64, amount: i64| pb::OpeningMeter { meter: "loyalty_points".into(), at: ago(days), amount };
    let tier = number.is_multiple_of(8).then(|| pb::OpeningTier {
        tier: "gold".into(),
        since: ago(200),
        until: ago(-200),
    });
    let member = pb::OpeningState {
        member_id: format!("member-{number:08}"),
        identifiers: vec![pb::Identifier { kind: "card".into(), value: format!("card-{number:08}") }],
        enrolled_at: ago(1_000),
        lots: vec![lot(20, 1_250), lot(120, 4_000), lot(220, 700)],
        meters: vec![meter(400, 9_000), meter(2, 1_250)],
        tier,
        ..Default::default()
    };
    pb::ImportMembersRequest {
        program: "aadvantage".into(),
        item: Some(pb::import_members_request::Item::Member(member)),
        ..Default::default()
    }
}
