//! `ImportMembers`: members with what they had elsewhere, as fast as they come, and one answer at the end.
//!
//! It reads ahead like the purchase stream: whatever is ready becomes one batch, and a few batches are in work while
//! it reads on. A full queue makes it wait, so that the transport's flow control reaches the caller.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use prost::Message;
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::errors::{as_message, completed, denied, failed, refused_here};
use super::wire::import::about;
use super::wire::orders::Desk;
use super::wire::scalars::count64;
use crate::domain::order::{Caller, Order, Refusal};
use crate::engine::{Applied, Batch, Denied, Engine, Failure, Outcome};
use crate::pb;

/// The most items of one batch.
const BATCH_MAX: usize = 256;
/// About the most bytes of one batch.
const BATCH_BYTES_MAX: usize = 2 * 1024 * 1024;
/// How many batches may be in work.
const BATCHES_IN_WORK: usize = 4;
/// The most refusals that are told.
const REFUSALS_MAX: usize = 1_000;
/// The most bytes of refusals that are told: callers read answers of 4 MiB.
const REFUSAL_BYTES_MAX: usize = 2 * 1024 * 1024;

type Item = pb::ImportMembersRequest;

/// Where an item stands and whom it is about, for the case that it is refused.
struct Place {
    position: i64,
    member_id: String,
}

/// Brings in a stream of members.
pub struct Importer {
    items: Streaming<Item>,
    engine: Engine,
    caller: Caller,
    position: i64,
    program: String,
    dry_run: bool,
    tally: Tally,
    in_work: VecDeque<(Vec<Place>, Batch)>,
}

/// What was ready to be read: orders with their places, and whether that was all.
#[derive(Default)]
struct Taken {
    orders: Vec<(Place, Result<Order, Refusal>)>,
    bytes: usize,
    end: Option<Result<(), Status>>,
}

impl Importer {
    /// An importer of these items.
    #[must_use]
    pub fn new(items: Streaming<Item>, engine: Engine, caller: Caller) -> Self {
        let (program, tally, in_work) = (String::new(), Tally::default(), VecDeque::new());
        Self { items, engine, caller, position: 0, program, dry_run: false, tally, in_work }
    }

    /// Brings in everything and says what became of it.
    ///
    /// # Errors
    /// The stream broke off, or a failure of ours; what was brought in stays and is a replay when it is sent again.
    pub async fn run(mut self, closing: CancellationToken) -> Result<pb::ImportMembersResponse, Status> {
        loop {
            let taken = tokio::select! {
                biased;
                () = closing.cancelled() => return Err(failed(&Failure::Draining)),
                taken = self.take() => taken,
            };
            let Taken { orders, end, .. } = taken;
            if self.dry_run {
                self.rehearse(orders).await?
            } else {
                self.submit(orders).await?
            }
            if let Some(end) = end {
                while self.finish_one().await? {}
                return end.map(|()| self.tally.answer());
            }
        }
    }

    /// Waits for an item and takes all that are ready behind it.
    async fn take(&mut self) -> Taken {
        let mut taken = Taken::default();
        poll_fn(|cx| {
            while taken.orders.len() < BATCH_MAX && taken.bytes < BATCH_BYTES_MAX && taken.end.is_none() {
                match Pin::new(&mut self.items).poll_next(cx) {
                    Poll::Pending if taken.orders.is_empty() => return Poll::Pending,
                    Poll::Pending => break,
                    Poll::Ready(Some(Ok(item))) => {
                        taken.bytes = taken.bytes.saturating_add(item.encoded_len());
                        taken.orders.push(self.read(item));
                    }
                    Poll::Ready(Some(Err(status))) => taken.end = Some(Err(completed(status))),
                    Poll::Ready(None) => taken.end = Some(Ok(())),
                }
            }
            Poll::Ready(())
        })
        .await;
        taken
    }

    /// The order of an item; the program of the first counts for those that name none, and so does its `dry_run`.
    fn read(&mut self, mut item: Item) -> (Place, Result<Order, Refusal>) {
        let place = Place { position: self.position, member_id: about(&item).to_owned() };
        if self.position == 0 {
            (self.program, self.dry_run) = (item.program.clone(), item.dry_run);
        } else if item.program.is_empty() {
            item.program.clone_from(&self.program);
        }
        self.position = self.position.saturating_add(1);
        let desk = Desk { caller: &self.caller, identify: &self.engine };
        (place, desk.bring_in(item))
    }

    async fn rehearse(&mut self, orders: Vec<(Place, Result<Order, Refusal>)>) -> Result<(), Status> {
        for (place, order) in orders {
            match order {
                Ok(order) => self.tally.add(place, self.engine.rehearse(order).await)?,
                Err(refusal) => self.tally.refuse(place, &refused_here(&refusal)),
            }
        }
        Ok(())
    }

    /// Hands the orders of a batch to the engine; waits for the oldest batch where too many are in work.
    async fn submit(&mut self, orders: Vec<(Place, Result<Order, Refusal>)>) -> Result<(), Status> {
        let mut places = Vec::with_capacity(orders.len());
        let mut sound = Vec::with_capacity(orders.len());
        for (place, order) in orders {
            match order {
                Ok(order) => {
                    places.push(place);
                    sound.push(order);
                }
                Err(refusal) => self.tally.refuse(place, &refused_here(&refusal)),
            }
        }
        if sound.is_empty() {
            return Ok(());
        }
        if self.in_work.len() >= BATCHES_IN_WORK {
            self.finish_one().await?;
        }
        let batch = self.engine.submit_all(sound).await?;
        self.in_work.push_back((places, batch));
        Ok(())
    }

    /// Waits for the oldest batch; false if none is in work.
    async fn finish_one(&mut self) -> Result<bool, Status> {
        let Some((places, batch)) = self.in_work.pop_front() else { return Ok(false) };
        let verdicts = batch.await.map_err(|_| failed(&Failure::Draining))?;
        places.into_iter().zip(verdicts).try_for_each(|(place, verdict)| self.tally.add(place, verdict))?;
        Ok(true)
    }
}

/// What became of the items so far.
#[derive(Default)]
struct Tally {
    applied: usize,
    replayed: usize,
    refused: usize,
    refusals: Vec<pb::ImportRefusal>,
    bytes: usize,
}

impl Tally {
    /// Counts a verdict; a failure of ours ends the import.
    fn add(&mut self, place: Place, verdict: Result<Applied, Denied>) -> Result<(), Status> {
        match verdict.map(|applied| applied.outcome) {
            Ok(Outcome::Applied) => self.applied = self.applied.saturating_add(1),
            Ok(Outcome::Replayed) => self.replayed = self.replayed.saturating_add(1),
            Err(Denied::Failed(failure)) => return Err(failed(&failure)),
            Err(no) => self.refuse(place, &denied(&no)),
        }
        Ok(())
    }

    fn refuse(&mut self, place: Place, status: &Status) {
        self.refused = self.refused.saturating_add(1);
        if self.refusals.len() >= REFUSALS_MAX || self.bytes >= REFUSAL_BYTES_MAX {
            return;
        }
        let Place { position, member_id } = place;
        let refusal = pb::ImportRefusal { position, member_id, error: Some(as_message(status)) };
        self.bytes = self.bytes.saturating_add(refusal.encoded_len());
        self.refusals.push(refusal);
    }

    fn answer(mut self) -> pb::ImportMembersResponse {
        // What the edge refuses is known before what the engine does.
        self.refusals.sort_by_key(|refusal| refusal.position);
        pb::ImportMembersResponse {
            applied: count64(self.applied),
            replayed: count64(self.replayed),
            refused: count64(self.refused),
            refusals: self.refusals,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(position: i64) -> Place {
        Place { position, member_id: format!("m-{position}") }
    }

    #[test]
    fn refusals_are_counted_all_and_told_at_first() {
        let mut tally = Tally::default();
        for position in 0..1_500 {
            tally.add(place(position), Err(Refusal::MemberExists.into())).unwrap();
        }
        let answer = tally.answer();
        assert_eq!((answer.applied, answer.refused, answer.refusals.len()), (0, 1_500, REFUSALS_MAX));
        let last = answer.refusals.last().unwrap();
        assert_eq!((last.position, &*last.member_id), (999, "m-999"));
    }

    #[test]
    fn long_refusals_leave_room_for_the_answer() {
        let mut tally = Tally::default();
        let status = Status::invalid_argument("x".repeat(60_000));
        (0..100).for_each(|position| tally.refuse(place(position), &status));
        let answer = tally.answer();
        assert_eq!(answer.refused, 100);
        assert!(answer.encoded_len() < 3 * 1024 * 1024, "{}", answer.encoded_len());
    }

    #[test]
    fn a_failure_ends_the_import() {
        let mut tally = Tally::default();
        let end = tally.add(place(0), Err(Failure::NoRoom.into())).unwrap_err();
        assert_eq!(end.code(), tonic::Code::Unavailable);
    }
}
