//! The way to a server.

use anyhow::Context;
use tonic::transport::{Channel, Endpoint};

/// Connects to the server at `url` (`http://` may be left out).
pub async fn connect(url: &str) -> anyhow::Result<Channel> {
    let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let endpoint = Endpoint::from_shared(full).with_context(|| format!("`{url}` is no address"))?;
    endpoint.connect().await.with_context(|| format!("connecting to {url}"))
}
