//! `RecordPurchases`: one answer for every item, in order, as fast as they come.
//!
//! A reader takes whatever is ready, hands it to the engine as one batch and goes on reading while batches are in
//! work; the answers are written as their batches come back. An item that cannot be read gets its error in its
//! place. A full queue makes the reader wait, so that the transport's flow control reaches the caller.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::sync::mpsc::{self, error::SendError};
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};
use tracing::Instrument;

use super::errors::{as_message, completed, denied, failed, refused_here};
use super::wire::codec::{Answered, Asking};
use super::wire::orders::Desk;
use super::wire::receipt::Recorded;
use crate::domain::order::{Caller, Order};
use crate::engine::{Applied, Batch, Denied, Engine, Failure};
use crate::pb;

/// The most items of one batch.
const BATCH_MAX: usize = 512;
/// How many batches of one stream may be in work.
const BATCHES_IN_WORK: usize = 8;

/// What an item is when it is not an ordinary sale.
pub type Item = pb::RecordPurchasesRequest;
type Verdict = Result<Applied, Denied>;

/// Where an item's answer comes from.
enum Slot {
    /// The next verdict of the batch.
    Ordered {
        /// Whether the caller does without the member.
        omit_member: bool,
    },
    /// It never became an order.
    Refused(Box<Status>),
}

/// What the reader hands over.
enum Step {
    /// Items read together, and the batch of those that became orders.
    Batch(VecDeque<Slot>, Result<Batch, Failure>),
    /// The end of the stream for a reason.
    End(Box<Status>),
}

/// Answers a stream of purchases.
#[must_use]
pub fn answer(items: Streaming<Asking<Item>>, engine: Engine, caller: Caller, closing: CancellationToken) -> Answers {
    let (steps, handed) = mpsc::channel(BATCHES_IN_WORK);
    let reader = Reader { items, engine, caller, closing, steps };
    tokio::spawn(reader.run().in_current_span());
    Answers { handed, at_work: None, failed: None, ended: false }
}

struct Reader {
    items: Streaming<Asking<Item>>,
    engine: Engine,
    caller: Caller,
    closing: CancellationToken,
    steps: mpsc::Sender<Step>,
}

/// What was ready to be read.
#[derive(Default)]
struct Taken {
    slots: VecDeque<Slot>,
    orders: Vec<Order>,
    end: Option<Result<(), Status>>,
}

impl Reader {
    /// Reads until the caller is done, gone or in trouble, or the server closes. That nobody takes the answers any
    /// more is a reason to stop like any other.
    async fn run(mut self) {
        while let Ok(true) = self.step().await {}
    }

    /// One batch; whether there may be another.
    async fn step(&mut self) -> Result<bool, SendError<()>> {
        // A place for the answers comes first: what is submitted is sure to be answered.
        let place = self.steps.clone().reserve_owned().await?;
        let (closing, steps) = (self.closing.clone(), self.steps.clone());
        let taken = tokio::select! {
            biased;
            () = closing.cancelled() => Taken { end: Some(Err(failed(&Failure::Draining))), ..Taken::default() },
            () = steps.closed() => return Ok(false),
            taken = self.take() => taken,
        };
        let Taken { slots, orders, end } = taken;
        let place = if slots.is_empty() {
            place
        } else {
            let batch = self.engine.submit_all(orders).await;
            place.send(Step::Batch(slots, batch));
            match end {
                None => return Ok(true),
                Some(_) => self.steps.clone().reserve_owned().await?,
            }
        };
        if let Some(Err(status)) = end {
            place.send(Step::End(Box::new(status)));
        }
        Ok(false)
    }

    /// Waits for an item and takes all that are ready behind it.
    async fn take(&mut self) -> Taken {
        let Self { items, engine, caller, .. } = self;
        let desk = Desk { caller, identify: engine };
        let mut taken = Taken::default();
        poll_fn(|cx| {
            while taken.slots.len() < BATCH_MAX && taken.end.is_none() {
                match Pin::new(&mut *items).poll_next(cx) {
                    Poll::Pending if taken.slots.is_empty() => return Poll::Pending,
                    Poll::Pending => break,
                    Poll::Ready(Some(Ok(item))) => taken.add(desk, item),
                    Poll::Ready(Some(Err(status))) => taken.end = Some(Err(completed(status))),
                    Poll::Ready(None) => taken.end = Some(Ok(())),
                }
            }
            Poll::Ready(())
        })
        .await;
        taken
    }
}

impl Taken {
    fn add(&mut self, desk: Desk<'_>, item: Asking<Item>) {
        let (omit_member, order) = match item {
            Asking::Sale(sale) => (sale.flag, Ok(desk.sell(sale))),
            Asking::Message(item) => (item.omit_member, desk.record_item(*item)),
        };
        match order {
            Ok(order) => {
                self.orders.push(order);
                self.slots.push_back(Slot::Ordered { omit_member });
            }
            Err(refusal) => self.slots.push_back(Slot::Refused(Box::new(refused_here(&refusal)))),
        }
    }
}

/// The answers of a stream, in the order of its items.
pub struct Answers {
    handed: mpsc::Receiver<Step>,
    at_work: Option<AtWork>,
    failed: Option<Status>,
    ended: bool,
}

/// A batch whose items are being answered.
struct AtWork {
    slots: VecDeque<Slot>,
    verdicts: Verdicts,
}

/// The verdicts of a batch: awaited, there, or not to be had.
enum Verdicts {
    Awaited(Batch),
    There(std::vec::IntoIter<Verdict>),
    Failed(Failure),
}

impl Stream for Answers {
    type Item = Result<Answered, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            if let Some(at_work) = &mut self.at_work {
                ready!(at_work.verdicts.poll_there(cx));
                if let Some(slot) = at_work.slots.pop_front() {
                    let answered = at_work.verdicts.answer(slot);
                    return Poll::Ready(Some(Ok(self.noting_failure(answered))));
                }
                self.at_work = None;
            }
            match ready!(self.handed.poll_recv(cx)) {
                Some(Step::Batch(slots, batch)) => self.at_work = Some(AtWork::new(slots, batch)),
                Some(Step::End(status)) => return Poll::Ready(Some(Err(self.end(*status)))),
                None => return Poll::Ready(self.close().map(Err)),
            }
        }
    }
}

impl Answers {
    /// The answer to write. After a failure of ours nothing more is read; what was read is still answered.
    fn noting_failure(&mut self, answered: Result<Answered, Status>) -> Answered {
        answered.unwrap_or_else(|status| {
            self.handed.close();
            let error = Answered::Error(as_message(&status));
            self.failed.get_or_insert(status);
            error
        })
    }

    fn end(&mut self, status: Status) -> Status {
        self.ended = true;
        self.failed.take().unwrap_or(status)
    }

    fn close(&mut self) -> Option<Status> {
        self.ended = true;
        self.failed.take()
    }
}

impl AtWork {
    fn new(slots: VecDeque<Slot>, batch: Result<Batch, Failure>) -> Self {
        let verdicts = match batch {
            Ok(batch) => Verdicts::Awaited(batch),
            Err(failure) => Verdicts::Failed(failure),
        };
        Self { slots, verdicts }
    }
}

impl Verdicts {
    fn poll_there(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Awaited(batch) = self {
            *self = match ready!(Pin::new(batch).poll(cx)) {
                Ok(verdicts) => Self::There(verdicts.into_iter()),
                Err(_) => Self::Failed(Failure::Draining),
            };
        }
        Poll::Ready(())
    }

    fn next(&mut self) -> Verdict {
        match self {
            Self::There(verdicts) => verdicts.next().unwrap_or(Err(Failure::Draining.into())),
            Self::Failed(failure) => Err(failure.clone().into()),
            Self::Awaited(_) => Err(Failure::Draining.into()),
        }
    }

    /// The answer to an item; `Err` if it is a failure of ours, which ends the stream.
    fn answer(&mut self, slot: Slot) -> Result<Answered, Status> {
        Ok(match slot {
            Slot::Refused(status) => Answered::Error(as_message(&status)),
            Slot::Ordered { omit_member } => match self.next() {
                Ok(applied) => Answered::Recorded(Recorded { applied, dry_run: false, omit_member }),
                Err(Denied::Failed(failure)) => return Err(failed(&failure)),
                Err(no) => Answered::Error(as_message(&denied(&no))),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::Refusal;
    use crate::edge::errors::reason;
    use tokio::sync::oneshot;
    use tokio_stream::StreamExt;
    use tonic::Code;
    use tonic_types::StatusExt;

    fn answers() -> (mpsc::Sender<Step>, Answers) {
        let (steps, handed) = mpsc::channel(BATCHES_IN_WORK);
        (steps, Answers { handed, at_work: None, failed: None, ended: false })
    }

    fn ordered() -> Slot {
        Slot::Ordered { omit_member: true }
    }

    /// The codes of what is answered, item by item, and how the stream ends.
    async fn told(answers: Answers) -> (Vec<Code>, Option<Status>) {
        let mut codes = Vec::new();
        let mut answers = std::pin::pin!(answers);
        while let Some(answered) = answers.next().await {
            match answered {
                Ok(Answered::Error(status)) => codes.push(Code::from(status.code)),
                Ok(_) => codes.push(Code::Ok),
                Err(status) => {
                    assert!(answers.next().await.is_none(), "nothing comes after the end");
                    return (codes, Some(status));
                }
            }
        }
        (codes, None)
    }

    #[tokio::test]
    async fn a_refused_item_leaves_the_stream_going() {
        let (steps, answers) = answers();
        let (reply, batch) = oneshot::channel();
        let unreadable = Slot::Refused(Box::new(Refusal::Malformed(Vec::new()).into()));
        steps.send(Step::Batch([ordered(), unreadable, ordered()].into(), Ok(batch))).await.ok();
        drop(steps);
        reply.send(vec![Err(Refusal::UnknownMember.into()), Err(Refusal::ReceiptClaimed.into())]).ok();
        let (codes, end) = told(answers).await;
        assert_eq!(codes, [Code::NotFound, Code::InvalidArgument, Code::AlreadyExists]);
        assert!(end.is_none());
    }

    #[tokio::test]
    async fn a_failure_answers_what_was_read_and_ends_the_stream() {
        let (steps, answers) = answers();
        let (reply, batch) = oneshot::channel();
        let (later_reply, later) = oneshot::channel();
        steps.send(Step::Batch([ordered(), ordered()].into(), Ok(batch))).await.ok();
        steps.send(Step::Batch([ordered()].into(), Ok(later))).await.ok();
        steps.send(Step::Batch([ordered()].into(), Err(Failure::Draining))).await.ok();
        reply.send(vec![Err(Failure::NoRoom.into()), Err(Failure::NoRoom.into())]).ok();
        later_reply.send(vec![Err(Refusal::MemberClosed.into())]).ok();
        let (codes, end) = told(answers).await;
        assert_eq!(codes, [Code::Unavailable, Code::Unavailable, Code::FailedPrecondition, Code::Unavailable]);
        let end = end.unwrap();
        assert_eq!(end.get_details_error_info().unwrap().reason, reason::NO_ROOM, "the first trouble is the reason");
        assert!(steps.is_closed(), "nothing more is read");
    }

    #[tokio::test]
    async fn an_engine_that_goes_away_leaves_no_item_unanswered() {
        let (steps, answers) = answers();
        let (reply, batch) = oneshot::channel();
        steps.send(Step::Batch([ordered(), ordered()].into(), Ok(batch))).await.ok();
        drop((reply, steps));
        let (codes, end) = told(answers).await;
        assert_eq!(codes, [Code::Unavailable; 2]);
        assert_eq!(end.unwrap().code(), Code::Unavailable);
    }
}
