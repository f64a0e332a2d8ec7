//! What every call passes on its way in and out, whatever it asks: trace, deadline, panic, details of errors, count.
//!
//! One layer and one future for all of it, so that a call pays for a single allocation. It looks at headers only and
//! must not know any message.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{HeaderMap, Request, Response};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::Instrument;

use super::errors::{Problem, completed, reason};
use super::{deadline, trace};

/// The method that answers a whole stream of requests at its end.
const REQUEST_STREAM: &str = "/rung.v1.PointsService/ImportMembers";

/// The layer around all services.
#[derive(Clone)]
pub struct Door {
    seconds: Arc<Histogram<f64>>,
    limit: Option<Duration>,
}

impl Door {
    /// A door that cuts calls off after `limit`.
    #[must_use]
    pub fn new(limit: Option<Duration>) -> Self {
        let seconds = opentelemetry::global::meter("rung")
            .f64_histogram("rpc.server.call.duration")
            .with_unit("s")
            .with_description("How long calls took; of streams, until their first answer could be given.")
            .with_boundaries(vec![0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0])
            .build();
        Self { seconds: Arc::new(seconds), limit }
    }

    fn count(&self, method: String, code: Code, since: Instant) {
        // A made-up method must not become a label of its own.
        let method = if code == Code::Unimplemented { "_OTHER".to_owned() } else { method };
        let labels = [
            KeyValue::new("rpc.system.name", "grpc"),
            KeyValue::new("rpc.method", method),
            KeyValue::new("rpc.response.status_code", code_name(code)),
        ];
        self.seconds.record(since.elapsed().as_secs_f64(), &labels);
    }
}

impl<S> Layer<S> for Door {
    type Service = Behind<S>;

    fn layer(&self, inner: S) -> Behind<S> {
        Behind { inner, door: self.clone() }
    }
}

/// The services behind the door.
#[derive(Clone)]
pub struct Behind<S> {
    inner: S,
    door: Door,
}

impl<S> Service<Request<Body>> for Behind<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let door = self.door.clone();
        let since = Instant::now();
        let method = request.uri().path().trim_start_matches('/').to_owned();
        let span = trace::span(&method, request.headers());
        trace::remember(&mut request);
        // A stream of requests answers when the caller is done with it, so only the caller may cut it off.
        let limit = door.limit.filter(|_| request.uri().path() != REQUEST_STREAM);
        let deadline = deadline::of(request.headers(), limit);
        let answering = span.in_scope(|| catch_unwind(AssertUnwindSafe(|| self.inner.call(request))));
        let answer = async move {
            let answer = match answering {
                Ok(answering) => deadline::within(deadline, since.into(), caught(answering)).await,
                Err(panic) => Ok(Err(panic)),
            };
            let response = match answer {
                Ok(Ok(response)) => finished(response?),
                Ok(Err(panic)) => panicked(&method, &*panic).into_http(),
                Err(late) => late.into_http(),
            };
            let code = code_of(response.headers());
            tracing::Span::current().record("rpc.response.status_code", code_name(code));
            door.count(method, code, since);
            Ok(response)
        };
        Box::pin(answer.instrument(span))
    }
}

/// The outcome of a future, or what it panicked with.
async fn caught<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// The status of a mistake of ours; what it was is for the log and not for the caller.
fn panicked(method: &str, panic: &(dyn Any + Send)) -> Status {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(method, panic = text.unwrap_or("no text"), "a call panicked");
    Problem::new(Code::Internal, reason::INTERNAL, "the server made a mistake").into()
}

/// The response, with details if it is an error that the transport made.
fn finished(mut response: Response<Body>) -> Response<Body> {
    if code_of(response.headers()) == Code::Ok || response.headers().contains_key("grpc-status-details-bin") {
        return response;
    }
    if let Some(status) = Status::from_header_map(response.headers()) {
        // A status that cannot be written leaves the response as it was.
        let _ = completed(status).add_header(response.headers_mut());
    }
    response
}

/// The code in the headers; an answer without one goes well so far.
fn code_of(headers: &HeaderMap) -> Code {
    headers.get("grpc-status").map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}

const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::StatusExt;
    use tower::ServiceExt;

    type Respond = fn() -> Response<Body>;

    async fn status_of(respond: Respond) -> Status {
        let inner =
            tower::service_fn(move |_: Request<Body>| async move { Ok::<_, std::convert::Infallible>(respond()) });
        let request = Request::builder().uri("/a.B/C").body(Body::empty()).unwrap();
        let response = Door::new(None).layer(inner).oneshot(request).await.unwrap();
        Status::from_header_map(response.headers()).unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error_that_tells_nothing() {
        let status = status_of(|| panic!("secret")).await;
        assert_eq!(status.code(), Code::Internal);
        assert_eq!(status.get_details_error_info().unwrap().reason, "INTERNAL");
        assert!(!status.message().contains("secret"));
    }

    #[tokio::test]
    async fn nor_does_one_before_there_is_an_answer_to_wait_for() {
        let inner =
            tower::service_fn(|_: Request<Body>| -> std::future::Ready<Result<Response<Body>, std::io::Error>> {
                panic!("secret")
            });
        let response = Door::new(None).layer(inner).oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(Status::from_header_map(response.headers()).unwrap().code(), Code::Internal);
    }

    #[tokio::test]
    async fn errors_of_the_transport_get_details() {
        let too_large = "Error, decoded message length too large: found 9 bytes, the limit is: 8 bytes";
        let rows: [(Respond, Code, &str); 3] = [
            (|| Status::unimplemented("").into_http(), Code::Unimplemented, "UNKNOWN_METHOD"),
            (
                || Status::internal("failed to decode Protobuf message: x").into_http(),
                Code::InvalidArgument,
                "UNREADABLE_MESSAGE",
            ),
            (|| Status::aborted("x").into_http(), Code::Aborted, "TRANSPORT"),
        ];
        for (respond, code, reason) in rows {
            let status = status_of(respond).await;
            let info = status.get_details_error_info().unwrap();
            assert_eq!((status.code(), &*info.reason, &*info.domain), (code, reason, "rung.v1"));
        }
        assert_eq!(completed(Status::out_of_range(too_large)).code(), Code::ResourceExhausted);
    }
}
