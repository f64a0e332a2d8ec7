//! The analyst: follows the feed and keeps what every member bought, so that questions about all of them are answered in
//! a moment.
//!
//! Questions run on threads that may block; the feed waits for them, not the lane. Whoever asks hears of everything that
//! was recorded before she asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

use super::Engine;
use super::answer::{Denied, Failure};
use crate::domain::crowd::{Crowd, Setting};
use crate::domain::event::{Entry, Fact, Seq};
use crate::domain::program::{ProgramNo, Segment, Timeline};

/// How many entries are folded under one lock.
const STEP: usize = 4_096;
/// The most entries that wait here to be folded; what comes faster is read back from the store.
const WAITING_MAX: usize = 65_536;

/// The members of each program.
pub(super) type Crowds = BTreeMap<ProgramNo, Crowd>;

/// What the analyst knows, and how far it reaches.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) crowds: RwLock<Crowds>,
    up_to: Mutex<Seq>,
    pub(super) fresh: Fresh,
}

/// The newest entries without a gap, as the lane made them: reading them back would cost more than folding them.
#[derive(Default)]
pub(super) struct Fresh {
    waiting: std::sync::Mutex<Vec<Arc<Entry>>>,
    /// Whether anybody takes what waits.
    followed: AtomicBool,
}

impl Fresh {
    /// Adds what the lane has just committed.
    pub(super) fn add(&self, entries: Vec<Arc<Entry>>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() + entries.len() > WAITING_MAX {
            *waiting = Vec::new();
        }
        waiting.extend(entries);
    }

    /// These entries, to be added once they are committed; nothing if nobody would take them.
    pub(super) fn wants(&self, entries: &[Arc<Entry>]) -> Vec<Arc<Entry>> {
        if self.followed.load(Ordering::Relaxed) { entries.to_vec() } else { Vec::new() }
    }

    /// What waits, if it goes on after `up_to`; what is older was folded.
    fn after(&self, up_to: Seq) -> Vec<Arc<Entry>> {
        self.followed.store(true, Ordering::Relaxed);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let folded = waiting.partition_point(|entry| entry.seq <= up_to);
        waiting.drain(..folded);
        let follows = waiting.first().is_some_and(|first| first.seq == up_to.next());
        if follows { std::mem::take(&mut waiting) } else { Vec::new() }
    }
}

impl Engine {
    /// Asks the analyst about the members of a program, everything recorded by now included.
    ///
    /// # Errors
    /// Unknown program, or the store cannot answer.
    pub async fn ask_analyst<T: Send + 'static>(
        &self,
        program: &str,
        ask: impl FnOnce(&Crowd, &Timeline) -> T + Send + 'static,
    ) -> Result<T, Denied> {
        let timeline = self.timeline(program)?;
        self.analyse().await?;
        let shared = Arc::clone(&self.shared);
        let answered = tokio::task::spawn_blocking(move || {
            let crowds = shared.analyst.crowds.read().unwrap_or_else(PoisonError::into_inner);
            let nobody = Crowd::default();
            ask(crowds.get(&timeline.number).unwrap_or(&nobody), &timeline)
        });
        answered.await.map_err(|error| Denied::Failed(Failure::Store(error.to_string())))
    }

    /// Folds what the analyst has not seen yet.
    ///
    /// # Errors
    /// The store cannot answer.
    pub async fn analyse(&self) -> Result<(), Failure> {
        let mut up_to = self.shared.analyst.up_to.lock().await;
        let head = self.shared.store.status().head;
        while *up_to < head {
            let entries = self.after(*up_to).await?;
            let Some(last) = entries.last() else { break };
            let bought = self.purchases_of(&entries).await?;
            let (engine, reached) = (self.clone(), last.seq);
            // Questions hold the lock for a while.
            let entered = tokio::task::spawn_blocking(move || engine.enter(&entries, &bought)).await;
            entered.map_err(|error| Failure::Store(error.to_string()))?;
            *up_to = reached;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// The entries after `up_to`, some at a time.
    async fn after(&self, up_to: Seq) -> Result<Vec<Arc<Entry>>, Failure> {
        let fresh = self.shared.analyst.fresh.after(up_to);
        if fresh.is_empty() { self.feed(up_to, STEP).await } else { Ok(fresh) }
    }

    /// The entries of the purchases that these entries bring back.
    async fn purchases_of(&self, entries: &[Arc<Entry>]) -> Result<HashMap<Seq, Arc<Entry>>, Failure> {
        let mut bought = HashMap::new();
        for seq in entries.iter().filter_map(|entry| purchase_of(entry)) {
            if let Some(entry) = self.shared.store.entry(seq).await? {
                bought.insert(seq, entry);
            }
        }
        Ok(bought)
    }

    fn enter(&self, entries: &[Arc<Entry>], bought: &HashMap<Seq, Arc<Entry>>) {
        let programs = self.programs();
        for step in entries.chunks(STEP) {
            let mut crowds = self.shared.analyst.crowds.write().unwrap_or_else(PoisonError::into_inner);
            for entry in step {
                let Some(timeline) = programs.numbered(entry.program) else { continue };
                let first = timeline.versions().next();
                let wallet = first.and_then(|program| program.wallets.first()).map(|wallet| wallet.id);
                // Of the versions known then, so that folding anew comes to the same.
                let program = timeline.at(entry.recorded_at);
                let notes_purchases = program.segments.iter().any(Segment::changes_with_purchases);
                let setting = Setting { zone: &program.zone, wallet, notes_purchases };
                let purchase = purchase_of(entry).and_then(|seq| bought.get(&seq));
                crowds.entry(entry.program).or_default().enter(entry, setting, purchase.map(|entry| &**entry));
            }
        }
    }
}

/// The entry of the purchase that an entry brings back.
fn purchase_of(entry: &Entry) -> Option<Seq> {
    entry.facts.iter().find_map(|fact| match fact {
        Fact::PurchaseReturned(returned) => Some(returned.purchase),
        _ => None,
    })
}
