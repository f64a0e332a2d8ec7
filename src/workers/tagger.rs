//! The tagger's errand: has the engine tell members which segments they are in, when a day begins, when a program
//! changes and soon after purchases.
//!
//! It knows neither segments nor members.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::engine::segments::Rounds;
use crate::engine::{Engine, Failure};

/// The shortest time between two errands: purchases come by the thousand.
const PAUSE: Duration = Duration::from_millis(200);
/// The longest: a day may begin, or a program version take effect, without anything being recorded.
const LONGEST: Duration = Duration::from_secs(5);

/// Runs its errand until told to stop; what it is stopped in the middle of is found again.
pub async fn run(engine: Engine, stop: CancellationToken) {
    let errands = tell(&engine);
    tokio::select! {
        () = stop.cancelled() => {}
        () = errands => {}
    }
}

async fn tell(engine: &Engine) {
    let (mut head, mut clock) = (engine.watch_head(), engine.watch_clock());
    let mut rounds = Rounds::default();
    loop {
        head.mark_unchanged();
        clock.mark_unchanged();
        match engine.tag(&mut rounds).await {
            Ok(_) => tokio::time::sleep(PAUSE).await,
            Err(Failure::Draining) => return,
            Err(failure) => {
                tracing::warn!(%failure, "members could not be told their segments");
                tokio::time::sleep(LONGEST).await;
            }
        }
        tokio::select! {
            moved = head.changed() => if moved.is_err() { return },
            _ = clock.changed() => {}
            () = tokio::time::sleep(LONGEST) => {}
        }
    }
}
