//! The scribe's errand: has what the analyst knows written down, seldom enough to be felt by nobody.
//!
//! A book of millions takes seconds to write and one of thousands no time, so it rests so many times as long as it
//! wrote. It must not know what is written, nor where.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::engine::Engine;

/// It rests so many times as long as it wrote.
const REST: u32 = 600;
/// The shortest and the longest rest.
const RESTS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(3_600));
/// How long to wait where the store could not write.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Runs its errand until told to stop; one that is begun is finished.
pub async fn run(engine: Engine, stop: CancellationToken) {
    let mut rest = RESTS.0;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(rest) => {}
        }
        let since = Instant::now();
        rest = match engine.note_crowds().await {
            Ok(()) => since.elapsed().saturating_mul(REST).clamp(RESTS.0, RESTS.1),
            Err(failure) => {
                tracing::warn!(%failure, "what the analyst knows was not written down");
                AFTER_FAILURE
            }
        };
    }
}
