//! The analyst's errand: tells the engine to fold what was recorded, so that a question finds little left to fold.
//!
//! It adds nothing that a question would not fold itself. It must not know what is folded, nor what is asked.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::engine::Engine;

/// The shortest time between two errands: purchases come by the thousand.
const PAUSE: Duration = Duration::from_millis(200);
/// How long to wait where the store could not answer.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Runs its errand whenever something was recorded, until told to stop.
pub async fn run(engine: Engine, stop: CancellationToken) {
    let followed = follow(&engine);
    tokio::select! {
        () = stop.cancelled() => {}
        () = followed => {}
    }
}

/// Follows the head for ever. What it is stopped in the middle of is folded by whoever asks next.
async fn follow(engine: &Engine) {
    let mut head = engine.watch_head();
    loop {
        head.mark_unchanged();
        let pause = match engine.analyse().await {
            Ok(()) => PAUSE,
            Err(failure) => {
                tracing::warn!(%failure, "the analyst could not read the feed");
                head.mark_changed();
                AFTER_FAILURE
            }
        };
        tokio::time::sleep(pause).await;
        if head.changed().await.is_err() {
            return;
        }
    }
}
