//! The sweeper: settles members who are due, so that followers of the event stream hear of what time did.
//!
//! It adds nothing a read would not have shown. It sleeps until the next due moment, or until the clock is moved.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::program::ProgramNo;
use crate::domain::units::Moment;
use crate::engine::{Engine, Failure};

/// The most members settled in one group.
const BATCH: usize = 1_024;
/// The longest sleep: a member may become due earlier than what was next when we looked.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// Sweeps until told to stop.
pub async fn run(engine: Engine, stop: CancellationToken) {
    let mut clock_moved = engine.watch_clock();
    let mut walked = engine.ladders_walked().await;
    while !stop.is_cancelled() {
        let pause = match sweep(&engine, &mut walked).await {
            Ok(pause) => pause,
            Err(Failure::Draining) => return,
            Err(failure) => {
                tracing::warn!(%failure, "the sweeper could not settle");
                LONGEST_SLEEP
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock_moved.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// The ladders that everybody was brought up to, by the moment of their last change.
type Walked = BTreeMap<ProgramNo, Moment>;

async fn sweep(engine: &Engine, walked: &mut Walked) -> Result<Duration, Failure> {
    if !engine.status().clock_jumped {
        walk(engine, walked).await?;
    }
    tick(engine).await
}

/// Brings everybody to where a ladder that changed has them, and writes down that it did: what is not written down is
/// walked again after the next start, which changes nobody who was seen.
async fn walk(engine: &Engine, walked: &mut Walked) -> Result<(), Failure> {
    for (program, changed_at) in engine.ladders_changed() {
        if walked.get(&program).is_some_and(|known| *known >= changed_at) {
            continue;
        }
        let mut last = None;
        while let Some(next) = engine.rejudge(program, changed_at, last).await? {
            last = Some(next);
        }
        walked.insert(program, changed_at);
        if let Err(failure) = engine.note_ladders_walked(walked).await {
            tracing::warn!(%failure, "it was not written down that a ladder was walked");
        }
    }
    Ok(())
}

/// Settles everyone who is due, and says how long to sleep.
///
/// # Errors
/// The engine is draining or its store fails.
pub async fn tick(engine: &Engine) -> Result<Duration, Failure> {
    if engine.status().clock_jumped {
        tracing::warn!("the system's clock has jumped by more than an hour; nothing is settled until a restart");
    }
    while engine.settle_due(BATCH).await? > 0 {}
    let next = engine.next_due().await?;
    Ok(next.map_or(LONGEST_SLEEP, |due| until(due, engine.now())))
}

fn until(due: Moment, now: Moment) -> Duration {
    let micros = u64::try_from(due.0.saturating_sub(now.0)).unwrap_or_default();
    // A due member who could not be settled must not keep us spinning.
    Duration::from_micros(micros).clamp(Duration::from_millis(100), LONGEST_SLEEP)
}
