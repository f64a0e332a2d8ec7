//! How large messages may be: items of the purchase stream less than single calls, because many are in flight.
//!
//! The transport knows one limit per service, so the stream's method is served by a second, stricter server of the
//! same service.

use std::task::{Context, Poll};

use http::Request;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

/// The largest request of a single call, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// The largest item of a request stream, in bytes.
pub const ITEM_BYTES_MAX: usize = 256 * 1024;

/// Two servers of one service: one for the method at `path`, one for the others.
#[derive(Clone)]
pub struct ByMethod<S> {
    path: &'static str,
    strict: S,
    others: S,
}

impl<S> ByMethod<S> {
    /// `strict` serves the method at `path`, `others` serves the rest.
    pub const fn new(path: &'static str, strict: S, others: S) -> Self {
        Self { path, strict, others }
    }
}

impl<S: NamedService> NamedService for ByMethod<S> {
    const NAME: &'static str = S::NAME;
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for ByMethod<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        match self.strict.poll_ready(cx) {
            Poll::Ready(Ok(())) => self.others.poll_ready(cx),
            other => other,
        }
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        let server = if request.uri().path() == self.path { &mut self.strict } else { &mut self.others };
        server.call(request)
    }
}
