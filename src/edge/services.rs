//! Which service a call goes to, by the path it names: the methods with a codec of their own (`wire/codec.rs`), then
//! the generated servers.
//!
//! The router of the transport is left with what is not ours. It would wrap the body of every request and of every
//! answer twice more and note what no service asks for, which costs a read more than looking her up does.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::body::Body;
use tonic::codec::{Codec, CompressionEncoding};
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::service::Routes;
use tonic::{Status, Streaming};
use tower::{Layer, Service, service_fn};

use super::limits::{ITEM_BYTES_MAX, MESSAGE_BYTES_MAX};
use super::points::Points;
use super::purchase_stream::{Answers, Item};
use super::tiers::Tiers;
use super::wire::codec::{Answered, Asking, ByHand, Plain, Reader};
use crate::pb;

/// What a single purchase is when it is not an ordinary sale.
pub type Single = pb::RecordPurchaseRequest;

type Served = BoxFuture<Response<Body>, Infallible>;

/// The services of `rung.v1`; as a layer it leaves other calls to the routes below it.
#[derive(Clone)]
pub struct Services(Arc<Kept>);

struct Kept {
    points: Points,
    tiers: Tiers,
    servers: Servers,
}

/// A generated server: cheap to clone and always ready.
trait Generated: Send + Sync {
    fn serve(&self, request: Request<Body>) -> Served;
}

impl<S> Generated for S
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Served> + Clone + Send + Sync,
{
    fn serve(&self, request: Request<Body>) -> Served {
        self.clone().call(request)
    }
}

/// The generated servers, before they serve.
#[derive(Default)]
pub struct Servers(Vec<(&'static str, Box<dyn Generated>)>);

impl Servers {
    /// These and one more.
    #[must_use]
    pub fn with<S>(mut self, server: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Served>,
        S: NamedService + Clone + Send + Sync + 'static,
    {
        self.0.push((S::NAME, Box::new(server)));
        self
    }
}

impl Services {
    /// The methods of `points` and `tiers` that have codecs of their own, and `servers` for all others.
    #[must_use]
    pub fn new(points: Points, tiers: Tiers, servers: Servers) -> Self {
        Self(Arc::new(Kept { points, tiers, servers }))
    }

    fn serve(&self, routes: &mut Routes, request: Request<Body>) -> Served {
        match request.uri().path() {
            "/rung.v1.PointsService/RecordPurchase" => self.record(request),
            "/rung.v1.PointsService/RecordPurchases" => self.record_all(request),
            "/rung.v1.TierService/GetStanding" => self.standing(request),
            path => match self.named(path) {
                Some(server) => server.serve(request),
                None => Box::pin(routes.call(request)),
            },
        }
    }

    fn named(&self, path: &str) -> Option<&dyn Generated> {
        let (name, _) = path.strip_prefix('/')?.split_once('/')?;
        self.0.servers.0.iter().find(|(own, _)| *own == name).map(|(_, server)| &**server)
    }

    fn record(&self, request: Request<Body>) -> Served {
        let kept = Arc::clone(&self.0);
        Box::pin(async move {
            let record = service_fn(|asked| kept.points.record(asked));
            Ok(grpc(ByHand::<Reader<Single>, _>::single(), MESSAGE_BYTES_MAX).unary(record, request).await)
        })
    }

    fn record_all(&self, request: Request<Body>) -> Served {
        let many = Many(self.0.points.clone());
        Box::pin(
            async move { Ok(grpc(ByHand::<Reader<Item>, _>::stream(), ITEM_BYTES_MAX).streaming(many, request).await) },
        )
    }

    fn standing(&self, request: Request<Body>) -> Served {
        let kept = Arc::clone(&self.0);
        Box::pin(async move {
            let standing = service_fn(|asked| kept.tiers.standing(asked));
            Ok(grpc(ByHand::<Plain<pb::GetStandingRequest>, _>::single(), MESSAGE_BYTES_MAX)
                .unary(standing, request)
                .await)
        })
    }
}

/// Items of a stream are held smaller than single requests, because many are in flight.
fn grpc<C: Codec>(codec: C, limit: usize) -> Grpc<C> {
    Grpc::new(codec).max_decoding_message_size(limit).accept_compressed(CompressionEncoding::Gzip)
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

impl Layer<Routes> for Services {
    type Service = AllServices;

    fn layer(&self, routes: Routes) -> AllServices {
        AllServices { ours: self.clone(), routes }
    }
}

/// The services of `rung.v1` and everything else.
#[derive(Clone)]
pub struct AllServices {
    ours: Services,
    routes: Routes,
}

impl Service<Request<Body>> for AllServices {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Served;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.routes, cx)
    }

    fn call(&mut self, request: Request<Body>) -> Served {
        self.ours.serve(&mut self.routes, request)
    }
}
