//! The operations port: `/metrics` in Prometheus form and `/healthz`, plain HTTP, apart from the callers' port.
//!
//! It shows what it is handed and knows neither the engine nor how figures are gathered.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the port shows.
#[derive(Clone)]
pub struct Shown {
    /// All metrics as text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Whether callers are served.
    pub serving: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// Serves until told to stop.
///
/// # Errors
/// The listener fails.
pub async fn serve(listener: TcpListener, shown: Shown, stop: CancellationToken) -> std::io::Result<()> {
    let Shown { metrics, serving } = shown;
    let router = Router::new()
        .route("/metrics", get(move || std::future::ready(text(metrics()))))
        .route("/healthz", get(move || std::future::ready(health(serving()))));
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn text(body: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], body)
}

fn health(serving: bool) -> (StatusCode, &'static str) {
    if serving { (StatusCode::OK, "serving\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not serving\n") }
}
