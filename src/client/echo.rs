//! The yardstick: a tonic service that answers RecordPurchase's request with itself and does nothing else.
//!
//! What it reaches is what the wire alone costs; `rung bench` runs it as a process of its own (`rung
//! bench-echo`), so that it shares the cores with the load generator just as a server does.

use std::convert::Infallible;
use std::io::Write;
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

use crate::pb::RecordPurchaseRequest;

/// The one method of the echo.
pub const PATH: &str = "/rung.bench.Echo/Purchase";

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
        Box::pin(async { Ok(Grpc::new(ProstCodec::default()).unary(Purchase, request).await) })
    }
}

struct Purchase;

impl UnaryService<RecordPurchaseRequest> for Purchase {
    type Response = RecordPurchaseRequest;
    type Future = std::future::Ready<Result<tonic::Response<RecordPurchaseRequest>, Status>>;

    fn call(&mut self, request: tonic::Request<RecordPurchaseRequest>) -> Self::Future {
        std::future::ready(Ok(tonic::Response::new(request.into_inner())))
    }
}
