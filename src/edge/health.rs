//! Readiness, told through `grpc.health.v1` and to whoever holds the handle.
//!
//! Not serving until somebody says ready; watchers are let go when the server closes, so that a probe that watches
//! does not hold the drain.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::{HealthReporter, HealthService};

use super::until::Until;

/// Whether the server can be sent calls; cheap to clone.
#[derive(Clone)]
pub struct Readiness {
    reporter: HealthReporter,
    services: Arc<[&'static str]>,
    ready: Arc<AtomicBool>,
}

impl Readiness {
    /// Not ready, for the server as a whole and for each of `services`.
    pub async fn new(services: &[&'static str]) -> Self {
        let whole = std::iter::once("");
        let services = whole.chain(services.iter().copied()).collect();
        let readiness = Self { reporter: HealthReporter::new(), services, ready: Arc::default() };
        readiness.set(false).await;
        readiness
    }

    /// Says whether calls may be sent.
    pub async fn set(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in &*self.services {
            self.reporter.set_service_status(service, status).await;
        }
    }

    /// Whether calls may be sent.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    pub(super) fn service(&self, closing: CancellationToken) -> HealthServer<Probed> {
        let told = HealthService::from_health_reporter(self.reporter.clone());
        HealthServer::new(Probed { told, closing })
    }
}

/// The health service, whose watchers leave when the server closes.
pub struct Probed {
    told: HealthService,
    closing: CancellationToken,
}

#[tonic::async_trait]
impl Health for Probed {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        self.told.check(request).await
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let watched = self.told.watch(request).await?;
        let closing = self.closing.clone();
        Ok(watched.map(|stream| -> Self::WatchStream { Box::pin(Until::new(stream, closing.cancelled_owned())) }))
    }
}
