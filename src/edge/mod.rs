//! What the outside may say: `rung.v1` over gRPC, put together here.
//!
//! One file per service; [`wire`] alone translates between messages and the domain; `door.rs` is what every call
//! passes. The edge decides nothing and keeps nothing: it hands orders to the engine and writes down the answers.

mod admin;
mod alerts;
mod clubs;
mod deadline;
mod door;
pub mod errors;
mod events;
mod health;
mod imports;
mod limits;
mod linger;
mod members;
pub mod operations;
mod points;
mod privileges;
mod programs;
mod purchase_stream;
mod rewards;
mod segments;
mod services;
mod tiers;
mod trace;
mod until;
pub mod wire;

use std::time::Duration;

use tokio::net::TcpListener;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::engine::Engine;
use crate::pb;
use door::Door;
pub use health::Readiness;
use limits::MESSAGE_BYTES_MAX;
use linger::Lingering;
use pb::admin_service_server::AdminServiceServer;
use pb::club_service_server::ClubServiceServer;
use pb::event_service_server::EventServiceServer;
use pb::member_service_server::MemberServiceServer;
use pb::points_service_server::PointsServiceServer;
use pb::privilege_service_server::PrivilegeServiceServer;
use pb::program_service_server::ProgramServiceServer;
use pb::reward_service_server::RewardServiceServer;
use pb::segment_service_server::SegmentServiceServer;
use pb::tier_service_server::TierServiceServer;
use services::{Servers, Services};

/// How the edge serves.
#[derive(Clone, Debug)]
pub struct Options {
    /// The longest a single call may take; callers may ask for less.
    pub call_limit: Option<Duration>,
    /// How many calls one connection may have open.
    pub concurrent_streams: u32,
    /// After shutdown was asked for: how long calls are still taken, so that balancers notice first.
    pub notice: Duration,
    /// How long open calls may take to end before they are cut off.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            call_limit: Some(Duration::from_secs(30)),
            concurrent_streams: 256,
            notice: Duration::ZERO,
            drain: Duration::from_secs(10),
        }
    }
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every call was finished.
    Wholly,
    /// Some peer did not let go in time.
    CutOff,
}

/// Why serving failed.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The transport gave up.
    #[error("the transport failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// The descriptors that reflection serves cannot be read.
    #[error("reflection cannot be set up: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// The server before it serves.
pub struct Edge {
    engine: Engine,
    options: Options,
    readiness: Readiness,
}

impl Edge {
    /// An edge on an engine; not ready until it serves.
    pub async fn new(engine: Engine, options: Options) -> Self {
        Self { engine, options, readiness: Readiness::new(&SERVICES).await }
    }

    /// The handle that tells and changes whether the server is ready.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Serves on `listener` until `shutdown` is cancelled and what is open has ended, but not longer than
    /// [`Options::drain`] after that: a mute peer does not hold the server.
    ///
    /// # Errors
    /// The transport failed.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> Result<Drained, ServeError> {
        let closing = CancellationToken::new();
        let (services, routes) = (self.services(&closing), self.routes(&closing)?);
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(KEEPALIVE));
        let going = closing.clone();
        let incoming = incoming.map(move |accepted| accepted.map(|connection| Lingering::new(connection, &going)));
        let mut server = transport(&self.options).layer(Door::new(self.options.call_limit)).layer(services);
        let served =
            server.add_routes(routes).serve_with_incoming_shutdown(incoming, closing.clone().cancelled_owned());
        let mut served = std::pin::pin!(served);
        self.readiness.set(true).await;
        tokio::select! {
            ended = &mut served => return Ok(ended.map(|()| Drained::Wholly)?),
            () = shutdown.cancelled() => {}
        }
        self.readiness.set(false).await;
        tokio::select! {
            ended = &mut served => return Ok(ended.map(|()| Drained::Wholly)?),
            () = tokio::time::sleep(self.options.notice) => {}
        }
        closing.cancel();
        match tokio::time::timeout(self.options.drain, served).await {
            Ok(ended) => Ok(ended.map(|()| Drained::Wholly)?),
            Err(_) => Ok(Drained::CutOff),
        }
    }

    /// Our services.
    fn services(&self, closing: &CancellationToken) -> Services {
        let engine = || self.engine.clone();
        let (points, tiers) = (points::Points::new(engine(), closing.clone()), tiers::Tiers::new(engine()));
        let servers = Servers::default()
            .with(limited!(PointsServiceServer, points.clone()))
            .with(limited!(TierServiceServer, tiers.clone()))
            .with(limited!(MemberServiceServer, members::Members::new(engine())))
            .with(limited!(ClubServiceServer, clubs::Clubs::new(engine())))
            .with(limited!(PrivilegeServiceServer, privileges::Privileges::new(engine())))
            .with(limited!(ProgramServiceServer, programs::Programs::new(engine())))
            .with(limited!(RewardServiceServer, rewards::Rewards::new(engine())))
            .with(limited!(SegmentServiceServer, segments::Segments::new(engine(), closing.clone())))
            .with(limited!(EventServiceServer, events::Events::new(engine(), closing.clone())))
            .with(limited!(AdminServiceServer, admin::Admin::new(engine())));
        Services::new(points, tiers, servers)
    }

    /// The services that are not ours: health and reflection.
    fn routes(&self, closing: &CancellationToken) -> Result<Routes, ServeError> {
        let mut routes = Routes::builder();
        routes
            .add_service(self.readiness.service(closing.clone()))
            .add_service(reflection()?.build_v1()?)
            .add_service(reflection()?.build_v1alpha()?);
        Ok(routes.routes())
    }
}

/// How often a silent peer is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// What health tells about.
const SERVICES: [&str; 10] = [
    <AdminServiceServer<admin::Admin> as NamedService>::NAME,
    <ClubServiceServer<clubs::Clubs> as NamedService>::NAME,
    <EventServiceServer<events::Events> as NamedService>::NAME,
    <MemberServiceServer<members::Members> as NamedService>::NAME,
    <PointsServiceServer<points::Points> as NamedService>::NAME,
    <PrivilegeServiceServer<privileges::Privileges> as NamedService>::NAME,
    <ProgramServiceServer<programs::Programs> as NamedService>::NAME,
    <RewardServiceServer<rewards::Rewards> as NamedService>::NAME,
    <SegmentServiceServer<segments::Segments> as NamedService>::NAME,
    <TierServiceServer<tiers::Tiers> as NamedService>::NAME,
];

/// A server of a service that reads messages of the usual size, packed or not.
macro_rules! limited {
    ($server:ident, $service:expr) => {
        $server::new($service).max_decoding_message_size(MESSAGE_BYTES_MAX).accept_compressed(CompressionEncoding::Gzip)
    };
}
use limited;

/// How much of one call may wait unread, and of all calls of a connection.
///
/// h2 (0.4) hangs up on a peer whose unread small frames cost more than half the connection's window, each 256 bytes less
/// what it carries. The window of a call is so small against that of the connection that flow control stops an honest
/// caller of many small frames long before: several such streams fit on one connection.
const STREAM_WINDOW_BYTES: u32 = 64 * 1_024;
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1_024 * 1_024;

/// The transport. Limits that tonic would leave open are closed here: streams per connection and the two guards
/// against rapid resets. No connection age: with a grace period it would cut calls off (tonic 0.14.9).
fn transport(options: &Options) -> Server {
    Server::builder()
        .max_concurrent_streams(options.concurrent_streams)
        .initial_stream_window_size(Some(STREAM_WINDOW_BYTES))
        .initial_connection_window_size(Some(CONNECTION_WINDOW_BYTES))
        .http2_max_local_error_reset_streams(Some(1_024))
        .http2_max_pending_accept_reset_streams(Some(20))
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
}

/// Reflection over our descriptors, those of health and those of error details.
fn reflection() -> Result<tonic_reflection::server::Builder<'static>, ServeError> {
    Ok(tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET))
}

/// Serves until `shutdown`, as [`Edge::serve`].
///
/// # Errors
/// The transport failed.
pub async fn serve(
    listener: TcpListener,
    engine: Engine,
    options: Options,
    shutdown: CancellationToken,
) -> Result<Drained, ServeError> {
    Edge::new(engine, options).await.serve(listener, shutdown).await
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_refusals;
#[cfg(test)]
mod tests_scratch;
#[cfg(test)]
mod tests_segments;
