//! The two methods that record purchases, served with a codec of their own (`wire/codec.rs`).
//!
//! Nearly all calls are theirs, and generated types cost them more than deciding did. The methods are the same as
//! before on the wire; every other method of the service goes on to the generated server.

use std::convert::Infallible;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, NamedService, StreamingService, UnaryService};
use tonic::{Status, Streaming};
use tower::Service;

use super::limits::{ITEM_BYTES_MAX, MESSAGE_BYTES_MAX};
use super::points::Points;
use super::purchase_stream::{Answers, Item};
use super::wire::codec::{Answered, Asking, ByHand};
use super::wire::receipt::Recorded;
use crate::pb;

/// What a single request is when it is not an ordinary sale.
pub type Single = pb::RecordPurchaseRequest;

/// `PointsService`: the two methods, and the generated server for the others.
#[derive(Clone)]
pub struct Purchases<S> {
    points: Points,
    others: S,
}

impl<S> Purchases<S> {
    /// The two methods on `points`, the rest on `others`.
    pub const fn new(points: Points, others: S) -> Self {
        Self { points, others }
    }
}

impl<S: NamedService> NamedService for Purchases<S> {
    const NAME: &'static str = S::NAME;
}

type Served = BoxFuture<Response<Body>, Infallible>;

impl<S> Service<Request<Body>> for Purchases<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Served>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Served;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.others.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Served {
        let points = self.points.clone();
        match request.uri().path() {
            "/rung.v1.PointsService/RecordPurchase" => {
                Box::pin(async move { Ok(grpc(MESSAGE_BYTES_MAX).unary(One(points), request).await) })
            }
            "/rung.v1.PointsService/RecordPurchases" => {
                Box::pin(async move { Ok(grpc(ITEM_BYTES_MAX).streaming(Many(points), request).await) })
            }
            _ => self.others.call(request),
        }
    }
}

/// Items of a stream are held smaller than single requests, because many are in flight.
fn grpc<M, R>(limit: usize) -> Grpc<ByHand<M, R>>
where
    ByHand<M, R>: tonic::codec::Codec,
{
    Grpc::new(ByHand::default()).max_decoding_message_size(limit).accept_compressed(CompressionEncoding::Gzip)
}

struct One(Points);

impl UnaryService<Asking<Single>> for One {
    type Response = Recorded;
    type Future = BoxFuture<tonic::Response<Recorded>, Status>;

    fn call(&mut self, request: tonic::Request<Asking<Single>>) -> Self::Future {
        let points = self.0.clone();
        Box::pin(async move { points.record(request).await })
    }
}

struct Many(Points);

impl StreamingService<Asking<Item>> for Many {
    type Response = Answered;
    type ResponseStream = Answers;
    type Future = std::future::Ready<Result<tonic::Response<Answers>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<Asking<Item>>>) -> Self::Future {
        std::future::ready(Ok(tonic::Response::new(self.0.record_all(request))))
    }
}
