//! The books, kept as far as somebody has asked: folding the feed from where the last question left it.
//!
//! The fold runs on a thread of its own, so that no call waits behind it, and goes on if whoever asked gives up. What it
//! came to is written down where it was much, so that a question after a start does not begin anew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::runtime::Handle;
use tokio::sync::Mutex;

use super::answer::{Denied, Failure};
use super::brought_back::BroughtBack;
use super::scribe::blocking;
use super::{Engine, Programs, Shared};
use crate::domain::books::{Books, Bought, Row, RowKey, Split};
use crate::domain::calendar::Day;
use crate::domain::event::{Entry, Seq};
use crate::domain::order::Refusal;
use crate::domain::program::{Timeline, WalletId};
use crate::domain::units::Moment;
use crate::store::format::books::{read, write};

/// The name of their note.
const NOTE: &str = "books";
/// They are written down once they know so many entries more than what is written.
const WORTH_NOTING: u64 = 100_000;

/// How many entries are folded between two looks at anything else.
const STEP: usize = 8_192;

/// How many members are settled at a time before the books are looked at.
const SETTLED: usize = 1_024;

/// The books, once somebody has asked.
#[derive(Default)]
pub(super) struct Kept(Arc<Mutex<Option<Known>>>);

/// The books, how far they reach, and how far their note does.
#[derive(Default)]
struct Known {
    books: Books,
    up_to: Seq,
    noted: Seq,
}

/// The points of one wallet issued in one month, and what they are in money.
#[derive(Clone, Debug)]
pub struct LiabilityRow {
    /// The wallet.
    pub wallet: WalletId,
    /// The first day of the month.
    pub month: Day,
    /// The points.
    pub row: Row,
    /// The money.
    pub split: Split,
}

/// The books of a program at a moment.
#[derive(Clone, Debug)]
pub struct Liability {
    /// The program.
    pub timeline: Arc<Timeline>,
    /// The newest entry they know.
    pub up_to: Seq,
    /// The moment whose valuation recognises.
    pub now: Moment,
    /// Every wallet's months, in their order.
    pub rows: Vec<LiabilityRow>,
}

impl Engine {
    /// The books of a program, up to now: whoever is due is settled first, as a read of hers would show. The first
    /// question folds the whole feed, about a second for a million entries; later ones what has come since.
    ///
    /// # Errors
    /// Unknown program, a sum that has left its range, or the store cannot answer.
    pub async fn liability(&self, program: &str) -> Result<Liability, Denied> {
        let timeline = self.timeline(program)?;
        while self.settle_due(SETTLED).await? > 0 {}
        let mut kept = Arc::clone(&self.shared.books.0).lock_owned().await;
        let shared = Arc::clone(&self.shared);
        let work = move || {
            let mut known = kept.take().unwrap_or_else(|| recalled(&shared));
            let caught_up = catch_up(&shared, &mut known);
            let rows = known.books.of(timeline.number).map(|(wallet, month, row)| (wallet, month, row.clone()));
            let (rows, up_to): (Vec<_>, Seq) = (rows.collect(), known.up_to);
            *kept = Some(known);
            caught_up.map(|()| (timeline, rows, up_to))
        };
        let (timeline, rows, up_to) = blocking(work).await??;
        let now = self.now();
        let rows = rows.into_iter().map(|(wallet, month, row)| {
            let split = row.split(&timeline, wallet, now);
            LiabilityRow { wallet, month, row, split }
        });
        let rows: Vec<LiabilityRow> = rows.collect();
        if !rows.iter().all(|row| row.row.is_whole() && row.split.is_whole()) {
            return Err(Refusal::too_large("liability").into());
        }
        Ok(Liability { up_to, now, rows, timeline })
    }
}

/// What is written down of the books; blank ones if that is of no use.
fn recalled(shared: &Shared) -> Known {
    let mut rows: BTreeMap<RowKey, Row> = BTreeMap::new();
    let mut take = |part: Vec<u8>| read(&part).map(|(key, row)| _ = rows.insert(key, row));
    match Handle::current().block_on(shared.store.notes(NOTE, &mut take)) {
        Ok(Some(noted)) => Known { books: Books::with(rows), up_to: noted, noted },
        Ok(None) => Known::default(),
        Err(why) => {
            tracing::warn!(%why, "what was written down of the books is of no use: they begin anew");
            Known::default()
        }
    }
}

fn catch_up(shared: &Shared, known: &mut Known) -> Result<(), Failure> {
    let head = shared.store.status().head;
    while known.up_to < head {
        // The lane waits for everybody who has the engine: a server that goes is not held by a long fold.
        if shared.draining.load(Ordering::Acquire) {
            return Err(Failure::Draining);
        }
        let entries = Handle::current().block_on(shared.store.feed(known.up_to, STEP))?;
        let Some(last) = entries.last() else { break };
        let programs = shared.programs.load();
        for entry in &entries {
            // A fold of a million entries waits for a few of these.
            let brought_back = Handle::current().block_on(BroughtBack::by(&*shared.store, entry))?;
            enter(&mut known.books, &programs, entry, brought_back.as_ref());
        }
        known.up_to = last.seq;
    }
    if known.up_to.0.saturating_sub(known.noted.0) >= WORTH_NOTING {
        let mut parts = known.books.all().map(|(key, row)| write(key, row));
        match Handle::current().block_on(shared.store.keep_notes(NOTE, known.up_to, &mut parts)) {
            Ok(()) => known.noted = known.up_to,
            Err(failure) => tracing::warn!(%failure, "the books were not written down"),
        }
    }
    Ok(())
}

fn enter(books: &mut Books, programs: &Programs, entry: &Entry, brought_back: Option<&BroughtBack>) {
    let bought = brought_back.and_then(|back| Some(Bought { purchase: back.recorded()?, before: back.before() }));
    if let Some(timeline) = programs.numbered(entry.program) {
        books.enter(entry, timeline, bought);
    }
}
