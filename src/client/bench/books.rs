//! What the books of a long journal take, and what they cost a till: GetLiability while purchases come in.
//!
//! Purchases are called at a load that leaves room, once with nobody asking and once while the first question folds
//! everything. Knows nothing of how the server keeps its books.

use std::time::{Duration, Instant};

use tonic::Code;
use tonic::transport::Endpoint;

use super::figures::Figures;
use super::house::House;
use crate::pb::GetLiabilityRequest;
use crate::pb::admin_service_client::AdminServiceClient;

/// Purchases a second meanwhile.
const PER_SECOND: f64 = 4_000.0;
/// How long they are called.
const SPAN: Duration = Duration::from_secs(8);
/// How often the question is asked again where the server's own limit cuts it off.
const ATTEMPTS: usize = 20;

/// Asks for the books for the first time while purchases come in, and again.
pub async fn while_purchases_come(house: &House, figures: &mut Figures) -> anyhow::Result<()> {
    eprintln!("books: purchases, with nobody asking and with the first question");
    let alone = house.calls_at(PER_SECOND, SPAN).await?;
    let (asked, beside) = tokio::join!(asked(house), house.calls_at(PER_SECOND, SPAN));
    let (asked, beside) = (asked?, beside?);
    figures.size("books_first_seconds", asked.as_secs_f64());
    for (name, calls) in [("alone", alone), ("beside", beside)] {
        for (quantile, at) in [("p50", 0.50), ("p99", 0.99), ("max", 1.0)] {
            let micros = calls.latency.value_at_quantile(at) as f64;
            figures.size(format!("books_till_{name}_{quantile}_ms"), micros / 1e3);
        }
    }
    figures.size("books_again_ms", self::asked(house).await?.as_secs_f64() * 1e3);
    Ok(())
}

/// How long it takes until the books are told.
pub async fn asked(house: &House) -> anyhow::Result<Duration> {
    let endpoint = Endpoint::from_shared(format!("http://{}", house.server.address))?.tcp_nodelay(true);
    let mut service = AdminServiceClient::new(endpoint.connect().await?);
    let since = Instant::now();
    for _ in 0..ATTEMPTS {
        let request = GetLiabilityRequest { program: "aadvantage".to_owned(), ..GetLiabilityRequest::default() };
        match service.get_liability(request).await {
            Ok(_) => return Ok(since.elapsed()),
            Err(status) if status.code() == Code::DeadlineExceeded => {}
            Err(status) => return Err(status.into()),
        }
    }
    anyhow::bail!("the books were not told within {} s", since.elapsed().as_secs())
}
