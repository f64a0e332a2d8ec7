//! `AdminService`: how the server is doing, the test clock, and what points stand for.

use tonic::{Request, Response, Status};

use super::wire::entries::entry_id;
use super::wire::faults::{Faults, Path};
use super::wire::liability::liability;
use super::wire::naming;
use super::wire::scalars::{NAME_MAX, count32, count64, required_moment, stamp, text};
use crate::domain::event::Seq;
use crate::domain::order::Refusal;
use crate::engine::{Engine, EngineStatus};
use crate::pb;

/// The service.
#[derive(Clone)]
pub struct Admin {
    engine: Engine,
}

impl Admin {
    /// The service on an engine.
    #[must_use]
    pub const fn new(engine: Engine) -> Self {
        Self { engine }
    }
}

fn store_status(status: EngineStatus) -> pb::StoreStatus {
    let status = status.store;
    let has_entries = status.head != Seq::NONE;
    pb::StoreStatus {
        kind: status.kind.to_owned(),
        head_entry_id: entry_id(status.head),
        head_recorded_at: stamp(status.head_recorded_at).filter(|_| has_entries),
        checkpoint_entry_id: entry_id(status.checkpoint),
        epoch: format!("{:016x}", status.epoch),
        dirty_members: count64(status.dirty_members),
        cached_members: count64(status.cached_members),
        journal_bytes: count64(status.journal_bytes),
        snapshot_bytes: count64(status.snapshot_bytes),
        repairs: status.repairs,
    }
}

#[tonic::async_trait]
impl pb::admin_service_server::AdminService for Admin {
    async fn get_status(
        &self,
        _request: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::GetStatusResponse>, Status> {
        let status = self.engine.status();
        Ok(Response::new(pb::GetStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now: stamp(status.now),
            test_clock: status.test_clock,
            draining: status.draining,
            clock_jumped: status.clock_jumped,
            queued: count64(status.queued),
            queue_limit: count64(status.queue_limit),
            program_count: count32(self.engine.programs().all().len()),
            store: Some(store_status(status)),
        }))
    }

    async fn advance_test_clock(
        &self,
        request: Request<pb::AdvanceTestClockRequest>,
    ) -> Result<Response<pb::AdvanceTestClockResponse>, Status> {
        let mut faults = Faults::default();
        let to = required_moment(request.into_inner().to, &Path::Field(&Path::Request, "to"), &mut faults);
        faults.verdict(())?;
        let now = self.engine.advance_clock(to)?;
        Ok(Response::new(pb::AdvanceTestClockResponse { now: stamp(now) }))
    }

    async fn get_liability(
        &self,
        request: Request<pb::GetLiabilityRequest>,
    ) -> Result<Response<pb::GetLiabilityResponse>, Status> {
        let pb::GetLiabilityRequest { program, wallet } = request.into_inner();
        let mut faults = Faults::default();
        let program = naming::program(program, &mut faults);
        let wallet = text(wallet, NAME_MAX, &Path::Field(&Path::Request, "wallet"), &mut faults);
        faults.verdict(())?;
        let books = self.engine.liability(&program).await?;
        let named = |wallet: &str| books.timeline.newest().wallet_named(wallet).map(|found| found.id);
        let wallet = match &*wallet {
            "" => None,
            name => Some(named(name).ok_or_else(|| Refusal::UnknownWallet(name.into()))?),
        };
        Ok(Response::new(liability(&books, wallet)))
    }
}
