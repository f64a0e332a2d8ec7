//! `AdminService`: how the server is doing, and the test clock.

use tonic::{Request, Response, Status};

use super::wire::entries::entry_id;
use super::wire::faults::{Faults, Path};
use super::wire::scalars::{count32, count64, required_moment, stamp};
use crate::domain::event::Seq;
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
}
