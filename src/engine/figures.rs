//! What the engine counts about itself: orders by outcome, refusals by reason, group sizes, commit times.
//!
//! Counted once per group, so that counting costs the orders nothing.

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

use super::answer::{Denied, EngineStatus, Outcome};
use super::lane::Verdict;

/// The engine's instruments.
pub(super) struct Figures {
    orders: Counter<u64>,
    refusals: Counter<u64>,
    group_size: Histogram<u64>,
    group_seconds: Histogram<f64>,
}

/// Counts refusals by reason: the engine's own, and those of whoever refuses before it is asked.
#[must_use]
pub fn refusals(meter: &Meter) -> Counter<u64> {
    meter.u64_counter("rung.refusals").with_description("What was refused, by reason.").build()
}

impl Figures {
    pub(super) fn new(meter: &Meter) -> Self {
        Self {
            orders: meter.u64_counter("rung.orders").with_description("Orders answered, by outcome.").build(),
            refusals: refusals(meter),
            group_size: meter
                .u64_histogram("rung.group.size")
                .with_description("Orders decided and committed together.")
                .with_boundaries(vec![1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0])
                .build(),
            group_seconds: meter
                .f64_histogram("rung.group.duration")
                .with_unit("s")
                .with_description("From taking a group to its durable commit.")
                .with_boundaries(SECONDS.to_vec())
                .build(),
        }
    }

    /// Counts one answered group.
    pub(super) fn group(&self, verdicts: &[Verdict], took: Duration) {
        let mut outcomes: HashMap<&'static str, u64> = HashMap::new();
        let mut reasons: HashMap<&'static str, u64> = HashMap::new();
        for verdict in verdicts {
            *outcomes.entry(outcome(verdict)).or_default() += 1;
            if let Err(Denied::Refused(refusal)) = verdict {
                *reasons.entry(refusal.reason()).or_default() += 1;
            }
        }
        for (name, count) in outcomes {
            self.orders.add(count, &[KeyValue::new("outcome", name)]);
        }
        for (name, count) in reasons {
            self.refusals.add(count, &[KeyValue::new("reason", name)]);
        }
        self.group_size.record(verdicts.len() as u64, &[]);
        self.group_seconds.record(took.as_secs_f64(), &[]);
    }
}

type Read = dyn Fn(&EngineStatus) -> u64 + Send + Sync;

/// Registers the gauges that are read off the engine's state whenever somebody looks.
pub(super) fn observe(meter: &Meter, status: impl Fn() -> Option<EngineStatus> + Send + Sync + Clone + 'static) {
    let gauges: [(&'static str, &'static str, Box<Read>); 11] = [
        ("rung.queue.depth", "Orders waiting or in work.", Box::new(|s| s.queued as u64)),
        ("rung.queue.limit", "Orders that may wait.", Box::new(|s| s.queue_limit as u64)),
        ("rung.store.head", "Newest entry of the journal.", Box::new(|s| s.store.head.0)),
        ("rung.store.checkpoint.lag", "Entries not yet in the snapshots.", Box::new(lag)),
        ("rung.store.dirty.members", "Members changed since their snapshot.", Box::new(|s| s.store.dirty_members)),
        ("rung.store.cached.members", "Members held in memory.", Box::new(|s| s.store.cached_members)),
        ("rung.store.journal.bytes", "What the journal occupies.", Box::new(|s| s.store.journal_bytes)),
        ("rung.analyst.head", "Newest entry the analyst folded.", Box::new(|s| s.analyst.reached.0)),
        ("rung.analyst.noted", "Newest entry in the analyst's notes.", Box::new(|s| s.analyst.noted.0)),
        ("rung.analyst.folded", "Entries the analyst folded since the start.", Box::new(|s| s.analyst.entries)),
        ("rung.store.snapshot.bytes", "What the snapshots occupy.", Box::new(|s| s.store.snapshot_bytes)),
    ];
    for (name, description, read) in gauges {
        let status = status.clone();
        let observed = meter.u64_observable_gauge(name).with_description(description);
        observed.with_callback(move |gauge| status().iter().for_each(|s| gauge.observe(read(s), &[]))).build();
    }
}

const fn lag(status: &EngineStatus) -> u64 {
    status.store.head.0.saturating_sub(status.store.checkpoint.0)
}

/// Bounds that tell a fast disk from a slow one.
pub const SECONDS: [f64; 12] = [0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0];

const fn outcome(verdict: &Verdict) -> &'static str {
    match verdict {
        Ok(applied) => match applied.outcome {
            Outcome::Applied => "applied",
            Outcome::Replayed => "replayed",
        },
        Err(Denied::Refused(_)) => "refused",
        Err(Denied::Failed(_)) => "failed",
    }
}
