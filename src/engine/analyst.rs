//! The analyst: follows the feed and keeps what every member bought, so that questions about all of them are answered in
//! a moment.
//!
//! Questions run on threads that may block; the feed waits for them, not the lane. Whoever asks hears of everything that
//! was recorded before she asked. After a start the scribe's notes (`scribe.rs`) are where folding goes on.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::Mutex;

use super::Engine;
use super::answer::{AnalystStatus, Denied, Failure};
use super::brought_back::BroughtBack;
use super::fresh::Fresh;
use super::programs::Programs;
use crate::domain::crowd::daybook::MemberNo;
use crate::domain::crowd::tags::Bought;
use crate::domain::crowd::{self, Crowd, Setting};
use crate::domain::event::{Entry, Seq};
use crate::domain::program::{ProgramNo, Segment, Timeline};

/// How many entries are folded under one lock.
const STEP: usize = 4_096;

/// The members of each program.
pub(super) type Crowds = BTreeMap<ProgramNo, Crowd>;

/// What the analyst knows.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) folded: RwLock<Folded>,
    /// Whose turn it is to read the feed.
    turn: Mutex<()>,
    pub(super) tally: Tally,
    pub(super) fresh: Fresh,
}

/// The crowds, and how far they reach: changed together, since whoever folds may be given up in the middle of it, and
/// the next one must neither fold an entry again nor miss one.
#[derive(Default)]
pub(super) struct Folded {
    pub(super) crowds: Crowds,
    /// Everything up to here is folded.
    pub(super) reached: Seq,
    /// How much further a crowd reached when it was read from notes; `None` before they were looked at.
    pub(super) recalled: Option<BTreeMap<ProgramNo, Seq>>,
}

/// What is shown of the analyst, to be read without waiting for it.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) reached: AtomicU64,
    pub(super) noted: AtomicU64,
    entries: AtomicU64,
}

impl Kept {
    pub(super) fn folded(&self) -> RwLockReadGuard<'_, Folded> {
        self.folded.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who bought since this was last asked. Whoever folds is held only if somebody did.
    pub(super) fn take_bought(&self, program: ProgramNo) -> BTreeMap<MemberNo, Bought> {
        let is_noted = self.folded().crowds.get(&program).is_some_and(|crowd| crowd.tags.is_anybody_noted());
        if !is_noted {
            return BTreeMap::new();
        }
        let mut folded = self.folded.write().unwrap_or_else(PoisonError::into_inner);
        folded.crowds.get_mut(&program).map(|crowd| crowd.tags.take_bought()).unwrap_or_default()
    }

    /// What a day's round looks at.
    pub(super) fn glance(&self, program: ProgramNo) -> Crowd {
        self.folded().crowds.get(&program).map(Crowd::glance).unwrap_or_default()
    }

    pub(super) fn status(&self) -> AnalystStatus {
        let Tally { reached, noted, entries } = &self.tally;
        AnalystStatus {
            reached: Seq(reached.load(Ordering::Relaxed)),
            noted: Seq(noted.load(Ordering::Relaxed)),
            entries: entries.load(Ordering::Relaxed),
        }
    }
}

impl Folded {
    /// Up to where the crowd of a program is folded.
    pub(super) fn reached(&self, program: ProgramNo) -> Seq {
        let recalled = self.recalled.as_ref().and_then(|recalled| recalled.get(&program));
        recalled.map_or(self.reached, |recalled| self.reached.max(*recalled))
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
            let nobody = Crowd::default();
            ask(shared.analyst.folded().crowds.get(&timeline.number).unwrap_or(&nobody), &timeline)
        });
        answered.await.map_err(|error| Denied::Failed(Failure::Store(error.to_string())))
    }

    /// Folds what the analyst has not seen yet.
    ///
    /// # Errors
    /// The store cannot answer.
    pub async fn analyse(&self) -> Result<(), Failure> {
        let _turn = self.shared.analyst.turn.lock().await;
        self.recall().await?;
        let head = self.shared.store.status().head;
        let mut reached = self.shared.analyst.folded().reached;
        while reached < head {
            let entries = self.after(reached).await?;
            if entries.is_empty() {
                break;
            }
            let bought = self.bought_before(&entries).await?;
            let engine = self.clone();
            // Questions hold the lock for a while.
            let entered = tokio::task::spawn_blocking(move || engine.enter(&entries, &bought)).await;
            reached = entered.map_err(|error| Failure::Store(error.to_string()))?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// The entries after `up_to`, some at a time.
    async fn after(&self, up_to: Seq) -> Result<Vec<Arc<Entry>>, Failure> {
        let fresh = self.shared.analyst.fresh.after(up_to);
        if fresh.is_empty() { self.feed(up_to, STEP).await } else { Ok(fresh) }
    }

    /// What these entries bring something back of, by their numbers.
    async fn bought_before(&self, entries: &[Arc<Entry>]) -> Result<HashMap<Seq, BroughtBack>, Failure> {
        let mut bought = HashMap::new();
        for entry in entries {
            let brought_back = BroughtBack::by(&*self.shared.store, entry).await?;
            bought.extend(brought_back.map(|brought_back| (entry.seq, brought_back)));
        }
        Ok(bought)
    }

    /// Folds those of the entries that were not folded yet; up to where everything is now.
    fn enter(&self, entries: &[Arc<Entry>], bought: &HashMap<Seq, BroughtBack>) -> Seq {
        let (programs, mut reached) = (self.programs(), Seq::NONE);
        for step in entries.chunks(STEP) {
            let mut folded = self.shared.analyst.folded.write().unwrap_or_else(PoisonError::into_inner);
            step.iter().for_each(|entry| self.enter_one(&mut folded, &programs, (entry, bought)));
            reached = folded.reached;
            self.shared.analyst.tally.reached.store(reached.0, Ordering::Relaxed);
        }
        reached
    }

    fn enter_one(
        &self,
        folded: &mut Folded,
        programs: &Programs,
        (entry, bought): (&Entry, &HashMap<Seq, BroughtBack>),
    ) {
        let reached = folded.reached(entry.program);
        folded.reached = entry.seq.max(folded.reached);
        let Some(timeline) = programs.numbered(entry.program).filter(|_| reached < entry.seq) else { return };
        // A program's zone is that of its first version for ever, so that folding anew comes to the same.
        let Some(first) = timeline.versions().next() else { return };
        let in_force = timeline.at(entry.recorded_at);
        let notes_purchases = in_force.segments.iter().any(Segment::changes_with_purchases);
        let wallet = first.wallets.first().map(|wallet| wallet.id);
        let setting = Setting { zone: &first.zone, wallet, notes_purchases };
        let bought = bought.get(&entry.seq).map_or_else(crowd::Bought::default, |back| crowd::Bought {
            purchase: back.purchase.as_deref(),
            before: back.before(),
        });
        folded.crowds.entry(entry.program).or_default().enter(entry, setting, bought);
        self.shared.analyst.tally.entries.fetch_add(1, Ordering::Relaxed);
    }
}
