//! Streams of purchases: several at once, each with a bounded window of orders that wait for their answer.
//!
//! Notes when each slice of the orders was answered, so that the beginning of a long run can be compared with its
//! end. Knows no figures' names.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};
use tokio::task::JoinSet;
use tokio_stream::Stream;

use super::callers::{CONNECTIONS, Method, connect};
use super::orders::{Buyers, Receipts};
use super::raw::Verdict;
use super::template::Stamp;

/// Orders that may wait for their answer on one stream.
const WINDOW: u64 = 4_096;
/// Answers are counted in lots: less talk between the streams.
const LOT: u64 = 256;

/// When a run ends: after so many orders, or at a moment.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// After so many orders over all streams.
    After(u64),
    /// At this moment.
    At(Instant),
}

/// Runs streams, one a connection, until the end; fails if any answer was not "applied".
pub async fn run(
    address: &str,
    method: &Method,
    receipts: &Receipts,
    members: u32,
    end: End,
) -> anyhow::Result<Arc<Marks>> {
    let marks = Arc::new(Marks::new(end));
    let mut streams = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut grpc = connect(address).await?;
        let window = Arc::new(Window::default());
        let buyers = Buyers::new(receipts.next(), members);
        let orders =
            Orders { buyers, receipts: receipts.clone(), marks: Arc::clone(&marks), window: Arc::clone(&window) };
        let (method, marks) = (method.clone(), Arc::clone(&marks));
        streams.spawn(async move {
            let mut answers = method.stream(&mut grpc, orders).await?;
            count(&mut answers, &window, &marks).await
        });
    }
    while let Some(stream) = streams.join_next().await {
        stream??;
    }
    Ok(marks)
}

/// Reads the answers of one stream to its end.
async fn count(answers: &mut tonic::Streaming<Verdict>, window: &Window, marks: &Marks) -> anyhow::Result<()> {
    let mut lot = 0;
    while let Some(verdict) = answers.message().await? {
        if verdict != Verdict::Applied {
            return Err(anyhow!("an order was not applied: {verdict:?}"));
        }
        window.answered();
        lot += 1;
        if lot == LOT {
            marks.answered(lot);
            lot = 0;
        }
    }
    marks.answered(lot);
    let waiting = window.waiting();
    ensure!(waiting == 0, "a stream ended with {waiting} orders unanswered");
    Ok(())
}

/// How many orders of one stream wait for their answer, and who wants to know when there is room.
#[derive(Debug, Default)]
struct Window {
    sent: AtomicU64,
    answered: AtomicU64,
    sender: Mutex<Option<Waker>>,
}

impl Window {
    fn waiting(&self) -> u64 {
        self.sent.load(Ordering::Acquire).saturating_sub(self.answered.load(Ordering::Acquire))
    }

    /// Takes a place, or remembers whom to wake.
    fn poll_place(&self, context: &Context<'_>) -> Poll<()> {
        if self.waiting() >= WINDOW {
            *self.sender() = Some(context.waker().clone());
            // An answer may have come between the look and the note.
            if self.waiting() >= WINDOW {
                return Poll::Pending;
            }
        }
        self.sent.fetch_add(1, Ordering::AcqRel);
        Poll::Ready(())
    }

    /// Gives a place back; the sender is woken when half of them are free, not for each.
    fn answered(&self) {
        self.answered.fetch_add(1, Ordering::AcqRel);
        if self.waiting() <= WINDOW / 2
            && let Some(sender) = self.sender().take()
        {
            sender.wake();
        }
    }

    fn sender(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The orders of one stream.
struct Orders {
    buyers: Buyers,
    receipts: Receipts,
    marks: Arc<Marks>,
    window: Arc<Window>,
}

impl Stream for Orders {
    type Item = Stamp;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Stamp>> {
        let this = self.get_mut();
        std::task::ready!(this.window.poll_place(context));
        if this.marks.another() {
            return Poll::Ready(Some(this.buyers.order(&this.receipts)));
        }
        this.window.sent.fetch_sub(1, Ordering::AcqRel);
        Poll::Ready(None)
    }
}

/// How far a run has come.
#[derive(Debug)]
pub struct Marks {
    end: End,
    start: Instant,
    given: AtomicU64,
    answered: AtomicU64,
    slice: u64,
    slices: Mutex<Vec<Duration>>,
    last: Mutex<Duration>,
}

impl Marks {
    fn new(end: End) -> Self {
        let slice = if let End::After(orders) = end { (orders / 10).max(1) } else { u64::MAX };
        Self {
            end,
            start: Instant::now(),
            given: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            slice,
            slices: Mutex::default(),
            last: Mutex::default(),
        }
    }

    /// Whether another order is to be sent.
    fn another(&self) -> bool {
        match self.end {
            End::After(orders) => self.given.fetch_add(1, Ordering::Relaxed) < orders,
            End::At(moment) => Instant::now() < moment,
        }
    }

    fn answered(&self, lot: u64) {
        let before = self.answered.fetch_add(lot, Ordering::AcqRel);
        let passed = (before + lot) / self.slice - before / self.slice;
        let now = self.start.elapsed();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = now;
        for _ in 0..passed {
            self.slices.lock().unwrap_or_else(PoisonError::into_inner).push(now);
        }
    }

    /// Orders answered.
    pub fn orders(&self) -> u64 {
        self.answered.load(Ordering::Acquire)
    }

    /// Orders answered per second, over the whole run.
    pub fn per_second(&self) -> f64 {
        let span = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.orders() as f64 / span.as_secs_f64()
    }

    /// Orders answered per second in each tenth of the run.
    pub fn tenths(&self) -> Vec<f64> {
        let ends = self.slices.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let starts = std::iter::once(Duration::ZERO).chain(ends.iter().copied());
        let spans = ends.iter().zip(starts).map(|(end, start)| end.saturating_sub(start));
        spans.map(|span| self.slice as f64 / span.as_secs_f64()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_window_waits_until_half_of_it_is_free() {
        let window = Window::default();
        let context = Context::from_waker(Waker::noop());
        for _ in 0..WINDOW {
            assert!(window.poll_place(&context).is_ready());
        }
        assert!(window.poll_place(&context).is_pending());
        (0..WINDOW / 2 - 1).for_each(|_| window.answered());
        assert!(window.sender().is_some());
        window.answered();
        assert!(window.sender().is_none() && window.poll_place(&context).is_ready());
    }

    #[test]
    fn tenths_are_marked_as_they_pass() {
        let marks = Marks::new(End::After(100));
        (0..100).for_each(|_| assert!(marks.another()));
        assert!(!marks.another());
        marks.answered(25);
        marks.answered(75);
        assert_eq!((marks.tenths().len(), marks.orders()), (10, 100));
    }
}
