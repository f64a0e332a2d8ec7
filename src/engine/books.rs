//! The books, kept as far as somebody has asked: folding the feed from where the last question left it.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::answer::{Denied, Failure};
use super::{Engine, Programs};
use crate::domain::books::{Books, Row, Split};
use crate::domain::calendar::Day;
use crate::domain::event::Seq;
use crate::domain::program::{Timeline, WalletId};
use crate::domain::units::Moment;

/// How many entries are folded between two looks at anything else.
const STEP: usize = 8_192;

/// The books and how far they reach.
#[derive(Default)]
pub(super) struct Kept(Mutex<(Books, Seq)>);

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
    /// The books of a program, up to the newest entry. The first question after a start folds the whole feed, about a
    /// second for a million entries; later ones what has come since.
    ///
    /// # Errors
    /// Unknown program, or the store cannot answer.
    pub async fn liability(&self, program: &str) -> Result<Liability, Denied> {
        let timeline = self.timeline(program)?;
        let mut kept = self.shared.books.0.lock().await;
        let (books, up_to) = &mut *kept;
        self.catch_up(books, up_to).await?;
        let now = self.now();
        let row = |(wallet, month, row): (WalletId, Day, &Row)| LiabilityRow {
            wallet,
            month,
            row: row.clone(),
            split: row.split(&timeline, wallet, now),
        };
        let rows = books.of(timeline.number).map(row).collect();
        Ok(Liability { up_to: *up_to, now, rows, timeline })
    }

    async fn catch_up(&self, books: &mut Books, up_to: &mut Seq) -> Result<(), Failure> {
        let head = self.shared.store.status().head;
        while *up_to < head {
            let entries = self.feed(*up_to, STEP).await?;
            let Some(last) = entries.last() else { return Ok(()) };
            let programs = self.programs();
            for entry in &entries {
                enter(books, &programs, entry);
            }
            *up_to = last.seq;
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

fn enter(books: &mut Books, programs: &Programs, entry: &crate::domain::event::Entry) {
    if let Some(timeline) = programs.numbered(entry.program) {
        books.enter(entry, &timeline.newest().zone);
    }
}
