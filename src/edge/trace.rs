//! Where a call comes from: the W3C trace context of its headers, its span, and the caller an order records.
//!
//! While nobody listens to spans none is made; the trace id is read in any case, because entries keep it.

use crate::domain::units::Text;
use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::domain::order::Caller;

/// The trace id of a call, 32 lower-case hexadecimal digits.
#[derive(Clone)]
struct TraceId(Text);

/// The span of a call, as a child of the caller's if she sent one.
pub fn span(method: &str, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        "rpc",
        otel.name = method,
        otel.kind = "server",
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = tracing::field::Empty,
    );
    if !span.is_disabled() && headers.contains_key("traceparent") {
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        // Fails only where no exporter is installed, and then nobody misses the parent.
        let _ = span.set_parent(parent);
    }
    span
}

/// Keeps the trace id of the headers with the request, for [`caller`].
pub fn remember(request: &mut http::Request<tonic::body::Body>) {
    if let Some(id) = trace_id(request.headers()) {
        request.extensions_mut().insert(TraceId(id));
    }
}

/// Who sends a request.
#[must_use]
pub fn caller<T>(request: &tonic::Request<T>) -> Caller {
    let trace_id = request.extensions().get::<TraceId>().map(|id| id.0.clone()).unwrap_or_default();
    Caller { principal: Text::default(), trace_id }
}

/// The trace id in `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`, unless it is malformed or all zeros.
fn trace_id(headers: &HeaderMap) -> Option<Text> {
    let parent = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = parent.split('-');
    let version = parts.next().filter(|version| version.len() == 2 && *version != "ff");
    let id = parts.next().filter(|id| id.len() == 32 && id.bytes().any(|digit| digit != b'0'))?;
    let hexadecimal = id.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
    version.filter(|_| hexadecimal).map(|_| id.into())
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_read_or_left_alone() {
        let read = |parent: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", parent.parse().unwrap());
            trace_id(&headers)
        };
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(read(&format!("00-{id}-00f067aa0ba902b7-01")).as_deref(), Some(id));
        let nought = "0".repeat(32);
        for bad in ["", "00", "00-abc-def-01", &format!("ff-{id}-x-01"), &format!("00-{nought}-x-01")] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
