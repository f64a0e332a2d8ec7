//! The alerts of `SegmentService`: listing them, taking care of one, and following what happens to them.
//!
//! Lists are put to the analyst, the stream is the feed of `EventService` with nothing but alerts in it.

use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use super::errors::failed;
use super::events::{Telling, follow, start};
use super::members::ordered;
use super::wire::alerts::{alert, alert_state};
use super::wire::entries::{Names, entry_id, fact};
use super::wire::faults::{Faults, Path};
use super::wire::naming;
use super::wire::page::{Page, page, token};
use super::wire::replies::{Reply, reply};
use super::wire::scalars::{KEY_MAX, stamp, text};
use crate::domain::event::{AlertFact, Fact, Seq};
use crate::domain::order::{MemberKey, Refusal};
use crate::engine::Engine;
use crate::pb;

/// What a follower hears.
pub(super) type Told = ReceiverStream<Result<pb::StreamAlertsResponse, Status>>;

/// The alerts of a program.
pub(super) async fn list(engine: &Engine, request: pb::ListAlertsRequest) -> Result<pb::ListAlertsResponse, Status> {
    let pb::ListAlertsRequest { program, states, owner, page_size, page_token } = request;
    let mut faults = Faults::default();
    let program = naming::program(program, &mut faults);
    let wanted = states_of(&states, &mut faults);
    let owner = text(owner, KEY_MAX, &Path::Field(&Path::Request, "owner"), &mut faults);
    let filter = format!("{states:?}");
    let scope = ["alerts", &*program, &filter, &owner];
    let asked: Page<8> = page(page_size, &page_token, &scope, &mut faults);
    faults.verdict(())?;
    let after = Seq(asked.after.map_or(0, u64::from_be_bytes));
    let limit = asked.limit;
    let (hers, now) = (owner.clone(), engine.now());
    let found = engine.ask_analyst(&program, move |crowd, _| {
        let state = |found: pb::AlertState| match wanted.as_slice() {
            [] => found != pb::AlertState::Ended,
            some => some.contains(&found),
        };
        let all = crowd.alerts.after(after, now).filter(|(_, one)| state(alert_state(one)));
        let all = all.filter(|(_, one)| hers.is_empty() || one.owner == hers);
        let known = all.filter_map(|(id, one)| Some((id, crowd.key(one.member)?, one.clone())));
        known.take(limit.saturating_add(1)).collect::<Vec<_>>()
    });
    let found = found.await?;
    let keys: Vec<MemberKey> = found.iter().map(|(_, key, _)| *key).collect();
    let names = Names(engine.member_ids(&keys).await.map_err(|failure| failed(&failure))?);
    let timeline = super::programs::timeline(engine, program.clone())?;
    let shown = found.iter().take(limit);
    let last = shown.clone().next_back().filter(|_| found.len() > limit);
    Ok(pb::ListAlertsResponse {
        next_page_token: last.map(|(id, ..)| token(&id.0.to_be_bytes(), &scope)).unwrap_or_default(),
        alerts: shown.map(|(id, key, one)| alert(&timeline, &names, (*id, *key), one)).collect(),
    })
}

fn states_of(states: &[i32], faults: &mut Faults) -> Vec<pb::AlertState> {
    let mut wanted = Vec::new();
    for (position, state) in states.iter().enumerate() {
        match pb::AlertState::try_from(*state) {
            Ok(state) if state != pb::AlertState::Unspecified => wanted.push(state),
            _ => {
                faults.at(&Path::Element(&Path::Request, "states", position), "is none of the states there are");
            }
        }
    }
    wanted
}

/// Takes care of an alert.
pub(super) async fn acknowledge(
    engine: &Engine,
    request: Request<pb::AcknowledgeAlertRequest>,
) -> Result<pb::AcknowledgeAlertResponse, Status> {
    let (applied, dry_run) = ordered(engine, request, |desk, asked| desk.acknowledge_alert(asked)).await?;
    let Reply { outcome, entry_ids, member } = reply(&applied, dry_run);
    Ok(pb::AcknowledgeAlertResponse { outcome, entry_ids, member })
}

/// Follows what happens to the alerts of a program.
pub(super) fn stream(
    engine: &Engine,
    request: pb::StreamAlertsRequest,
    closing: CancellationToken,
) -> Result<Told, Status> {
    let pb::StreamAlertsRequest { program, after } = request;
    let mut faults = Faults::default();
    let id = naming::program(program, &mut faults);
    let cursor = start(engine, &after, faults)?;
    let found = engine.programs().named(&id).map(|timeline| timeline.number);
    let number = found.ok_or_else(|| Refusal::UnknownProgram(id.clone()))?;
    Ok(follow(engine.clone(), (Some(number), cursor), change, closing))
}

/// What happened to an alert, if that is what a fact tells.
fn change(telling: &Telling<'_>) -> Option<pb::StreamAlertsResponse> {
    let Telling { cursor, timeline, names, entry, fact: told } = telling;
    let Fact::Alert(found) = told else { return None };
    let alert = match &**found {
        AlertFact::Raised(_) => entry.seq,
        AlertFact::Acknowledged { alert, .. } | AlertFact::Escalated { alert, .. } | AlertFact::Ended { alert, .. } => {
            *alert
        }
    };
    Some(pb::StreamAlertsResponse {
        cursor: cursor.text(),
        alert_id: entry_id(alert),
        member_id: names.owner_of(entry),
        recorded_at: stamp(entry.recorded_at),
        fact: Some(fact(timeline, names, entry, told)),
    })
}
