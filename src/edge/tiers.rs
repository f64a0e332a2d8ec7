//! `TierService`: where members stand, and how they came there.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::members::{list_of, named};
use super::wire::entries::entry_id;
use super::wire::faults::Faults;
use super::wire::grants::tier_change;
use super::wire::member::standing;
use super::wire::page::{Page, page, token};
use crate::domain::event::{Entry, Seq};
use crate::domain::order::MemberName;
use crate::domain::program::Timeline;
use crate::engine::{Denied, Engine, View};
use crate::pb;

/// How many entries are looked through at a time, and how many times for one page.
const LOOK_AT: usize = 256;
const LOOKS: usize = 16;

/// The service.
#[derive(Clone)]
pub struct Tiers {
    engine: Engine,
}

impl Tiers {
    /// The service on an engine.
    #[must_use]
    pub const fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// The changes of standing in a member's entries before `before`, and the entry to go on from if there are more.
    async fn changes(
        &self,
        program: &str,
        name: &MemberName,
        mut before: Option<Seq>,
        limit: usize,
    ) -> Result<(Vec<pb::StandingChange>, Option<Seq>), Denied> {
        let mut changes = Vec::new();
        for _ in 0..LOOKS {
            let (view, entries) = self.engine.history(program, name, before, LOOK_AT).await?;
            if before.is_none() {
                changes = due(&view);
            }
            let Some(last) = entries.last().filter(|last| last.previous != Seq::NONE) else {
                return Ok(take(&view.timeline, &entries, changes, limit, None));
            };
            let (taken, rest) = take(&view.timeline, &entries, changes, limit, Some(last.seq));
            if taken.len() >= limit {
                return Ok((taken, rest));
            }
            (changes, before) = (taken, rest);
        }
        Ok((changes, before))
    }
}

/// The changes that fell due and are not recorded yet, the newest first: no entry carries them so far.
fn due(view: &View) -> Vec<pb::StandingChange> {
    let changes = view.due.iter().rev().filter_map(|fact| tier_change(&view.timeline, &view.due, fact));
    changes.map(|change| pb::StandingChange { change: Some(change), entry_id: String::new() }).collect()
}

/// Adds the changes in `entries` until there are `limit`; goes on after the entry it stopped at, or from `rest`.
fn take(
    timeline: &Timeline,
    entries: &[Arc<Entry>],
    mut changes: Vec<pb::StandingChange>,
    limit: usize,
    rest: Option<Seq>,
) -> (Vec<pb::StandingChange>, Option<Seq>) {
    for entry in entries {
        let facts = entry.facts.iter().rev().filter_map(|fact| tier_change(timeline, &entry.facts, fact));
        changes.extend(facts.map(|change| pb::StandingChange { change: Some(change), entry_id: entry_id(entry.seq) }));
        if changes.len() >= limit {
            return (changes, (entry.previous != Seq::NONE).then_some(entry.seq));
        }
    }
    (changes, rest)
}

#[tonic::async_trait]
impl pb::tier_service_server::TierService for Tiers {
    async fn get_standing(
        &self,
        request: Request<pb::GetStandingRequest>,
    ) -> Result<Response<pb::GetStandingResponse>, Status> {
        let pb::GetStandingRequest { program, member_id, identifier } = request.into_inner();
        let mut faults = Faults::default();
        let (program, name) = named(&self.engine, program, member_id, identifier, &mut faults);
        faults.verdict(())?;
        let view = self.engine.member(&program, &name).await?;
        let (standing, meters) = standing(&view);
        Ok(Response::new(pb::GetStandingResponse { standing, meters }))
    }

    async fn list_standings(
        &self,
        request: Request<pb::ListStandingsRequest>,
    ) -> Result<Response<pb::ListStandingsResponse>, Status> {
        let pb::ListStandingsRequest { program, member_id, identifier, page_size, page_token } = request.into_inner();
        let mut faults = Faults::default();
        let (program, name) = named(&self.engine, program, member_id, identifier, &mut faults);
        let scope = ["standings", &*program, &list_of(&name)];
        let asked: Page<8> = page(page_size, &page_token, &scope, &mut faults);
        faults.verdict(())?;
        let before = asked.after.map(|position| Seq(u64::from_be_bytes(position)));
        let found = self.changes(&program, &name, before, asked.limit).await;
        let (changes, rest) = found?;
        let next_page_token = rest.map(|seq| token(&seq.0.to_be_bytes(), &scope)).unwrap_or_default();
        Ok(Response::new(pb::ListStandingsResponse { changes, next_page_token }))
    }
}
