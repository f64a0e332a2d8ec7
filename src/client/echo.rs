//! The yardstick: a tonic service that answers a request with itself and does nothing else.
//!
//! What it reaches is what the wire alone costs; `rung bench` runs it as a process of its own (`rung
//! bench-echo`), so that it shares the cores with the load generator just as a server does.

use std::convert::Infallible;
use std::io::Write;
use std::marker::PhantomData;
use std::process::ExitCode;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_prost::ProstCodec;
use tower::Service;

use crate::pb::{CheckPrivilegeRequest, GetStandingRequest, RecordPurchaseRequest};

/// Echoes RecordPurchase's request.
pub const PURCHASE: &str = "/rung.bench.Echo/Purchase";
/// Echoes CheckPrivilege's request.
pub const CHECK: &str = "/rung.bench.Echo/Check";
/// Echoes GetStanding's request.
pub const STANDING: &str = "/rung.bench.Echo/Standing";

/// Serves the echo until it is killed; prints `listening on ADDR` when it is ready, as the server does.
pub async fn run() -> anyhow::Result<ExitCode> {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?.with_nodelay(Some(true));
    println!("listening on {}", incoming.local_addr()?);
    std::io::stdout().flush()?;
    Server::builder().add_service(Echo).serve_with_incoming(incoming).await?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "rung.bench.Echo";
}

impl Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(async move {
            Ok(match request.uri().path() {
                CHECK => echo::<CheckPrivilegeRequest>(request).await,
                STANDING => echo::<GetStandingRequest>(request).await,
                _ => echo::<RecordPurchaseRequest>(request).await,
            })
        })
    }
}

async fn echo<T: prost::Message + Default + 'static>(request: Request<Body>) -> Response<Body> {
    Grpc::new(ProstCodec::default()).unary(Same(PhantomData::<T>), request).await
}

struct Same<T>(PhantomData<T>);

impl<T: prost::Message + 'static> UnaryService<T> for Same<T> {
    type Response = T;
    type Future = std::future::Ready<Result<tonic::Response<T>, Status>>;

    fn call(&mut self, request: tonic::Request<T>) -> Self::Future {
        std::future::ready(Ok(tonic::Response::new(request.into_inner())))
    }
}
