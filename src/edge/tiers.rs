//! `TierService`: where members stand, how they came there, and tiers that are granted.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::members::{carry_out, list_of, named, ordered};
use super::trace::caller;
use super::wire::entries::{Names, named_in};
use super::wire::faults::Faults;
use super::wire::member::member as told;
use super::wire::orders::Desk;
use super::wire::page::{Page, page, token};
use super::wire::replies::{Reply, reply};
use super::wire::standing::Stands;
use super::wire::standings::changes;
use super::wire::tier_orders::{AskedGrant, grant_made, received};
use crate::domain::event::{Entry, Seq};
use crate::domain::order::{MemberKey, MemberName};
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

    /// Where a member stands.
    ///
    /// # Errors
    /// The refusal, or a failure.
    pub async fn standing(&self, request: Request<pb::GetStandingRequest>) -> Result<Response<Stands>, Status> {
        let pb::GetStandingRequest { program, member_id, identifier } = request.into_inner();
        let mut faults = Faults::default();
        let (program, name) = named(&self.engine, program, member_id, identifier, &mut faults);
        faults.verdict(())?;
        Ok(Response::new(Stands(self.engine.member(&program, &name).await?)))
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
            let names = self.names(view.member.key, &entries).await?;
            if before.is_none() {
                changes = due(&view);
            }
            let Some(last) = entries.last().filter(|last| last.previous != Seq::NONE) else {
                return Ok(take((&view.timeline, &names), &entries, changes, limit, None));
            };
            let (taken, rest) = take((&view.timeline, &names), &entries, changes, limit, Some(last.seq));
            if taken.len() >= limit {
                return Ok((taken, rest));
            }
            (changes, before) = (taken, rest);
        }
        Ok((changes, before))
    }

    /// The ids of everybody else whom a member's entries name: who gave her a tier, for one.
    async fn names(&self, own: MemberKey, entries: &[Arc<Entry>]) -> Result<Names, Denied> {
        let others = entries.iter().flat_map(|entry| named_in(entry)).filter(|key| *key != own);
        let keys: Vec<MemberKey> = others.collect();
        if keys.is_empty() {
            return Ok(Names::default());
        }
        Ok(Names(self.engine.member_ids(&keys).await?))
    }
}

/// The changes that fell due and are not recorded yet, the newest first: no entry carries them so far.
fn due(view: &View) -> Vec<pb::StandingChange> {
    changes(&view.timeline, &Names::default(), Seq::NONE, &view.due)
}

/// Adds the changes in `entries` until there are `limit`; goes on after the entry it stopped at, or from `rest`.
fn take(
    (timeline, names): (&Timeline, &Names),
    entries: &[Arc<Entry>],
    mut found: Vec<pb::StandingChange>,
    limit: usize,
    rest: Option<Seq>,
) -> (Vec<pb::StandingChange>, Option<Seq>) {
    for entry in entries {
        found.extend(changes(timeline, names, entry.seq, &entry.facts));
        if found.len() >= limit {
            return (found, (entry.previous != Seq::NONE).then_some(entry.seq));
        }
    }
    (found, rest)
}

#[tonic::async_trait]
impl pb::tier_service_server::TierService for Tiers {
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

    async fn grant_tier(
        &self,
        request: Request<pb::GrantTierRequest>,
    ) -> Result<Response<pb::GrantTierResponse>, Status> {
        let caller = caller(&request);
        let desk = Desk { caller: &caller, identify: &self.engine };
        let AskedGrant { asked, receiver } = desk.grant_tier(request.into_inner())?;
        let (dry_run, program) = (asked.dry_run, asked.order.program.clone());
        let applied = carry_out(&self.engine, asked).await?;
        let Reply { outcome, entry_ids, member } = reply(&applied, dry_run);
        let grant_id = grant_made(&applied, dry_run);
        let Some(receiver) = receiver else {
            let received_entry_ids = Vec::new();
            let granted = pb::GrantTierResponse { outcome, entry_ids, member, grant_id, received_entry_ids };
            return Ok(Response::new(granted));
        };
        let received_entry_ids = received(&applied, dry_run);
        let member = Some(told(&self.engine.member(&program, &receiver).await?));
        Ok(Response::new(pb::GrantTierResponse { outcome, entry_ids, member, grant_id, received_entry_ids }))
    }

    async fn revoke_tier_grant(
        &self,
        request: Request<pb::RevokeTierGrantRequest>,
    ) -> Result<Response<pb::RevokeTierGrantResponse>, Status> {
        let (applied, dry_run) = ordered(&self.engine, request, |desk, asked| desk.revoke_grant(asked)).await?;
        let Reply { outcome, entry_ids, member } = reply(&applied, dry_run);
        Ok(Response::new(pb::RevokeTierGrantResponse { outcome, entry_ids, member }))
    }
}
