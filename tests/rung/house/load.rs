//! Writers that keep a server busy until it goes away, and write down what it acknowledged.
//!
//! Some call, some stream; all know their members and never use a receipt twice. What was sent and not acknowledged is
//! in the air: the server may have it or not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rung::pb;
use rung::pb::record_purchases_response::Answer;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::server::House;
use super::till::{Order, Till, purchase, wall_clock};

/// The program the writers sell under.
pub const PROGRAM: &str = "model";
/// How many writers call, and how many stream.
const CALLING: usize = 6;
const STREAMING: usize = 2;
/// How many members a writer has when it begins.
const MEMBERS: usize = 5;
/// How many purchases of a stream may wait for their answer.
const AHEAD: usize = 64;

/// An order the server said yes to.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    pub order: Order,
    pub entry_ids: Vec<String>,
    pub grants: Vec<pb::Grant>,
}

/// What the writers wrote down.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Written>>);

#[derive(Default)]
struct Written {
    sent: BTreeMap<String, Order>,
    acknowledged: Vec<Acknowledged>,
    members: Vec<(String, Vec<String>)>,
    faults: Vec<Status>,
}

impl Notes {
    fn lock(&self) -> std::sync::MutexGuard<'_, Written> {
        self.0.lock().unwrap()
    }

    fn send(&self, order: &Order) {
        self.lock().sent.insert(order.receipt().to_owned(), order.clone());
    }

    fn acknowledge(&self, order: Order, response: pb::RecordPurchaseResponse) {
        assert_eq!(response.outcome(), pb::Outcome::Applied, "{order:?} is new");
        let noted = Acknowledged { order, entry_ids: response.entry_ids, grants: response.grants };
        self.lock().acknowledged.push(noted);
    }

    fn enrolled(&self, member: &str, response: pb::EnrollMemberResponse) {
        self.lock().members.push((member.to_owned(), response.entry_ids));
    }

    fn fault(&self, status: Status) {
        self.lock().faults.push(status);
    }

    /// Every acknowledged order, in the order of the acknowledgements.
    pub fn acknowledged(&self) -> Vec<Acknowledged> {
        self.lock().acknowledged.clone()
    }

    /// Every receipt that was sent.
    pub fn sent(&self) -> BTreeMap<String, Order> {
        self.lock().sent.clone()
    }

    /// Every member whose enrolment was acknowledged, and its entries.
    pub fn members(&self) -> Vec<(String, Vec<String>)> {
        self.lock().members.clone()
    }

    /// How calls and streams ended that did not end well.
    pub fn faults(&self) -> Vec<Status> {
        self.lock().faults.clone()
    }
}

/// Writers at work.
pub struct Load {
    pub notes: Notes,
    writers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts writers on a server; `run` keeps their members and receipts apart from those of other runs.
    pub async fn on(house: &House, run: &str) -> Self {
        let notes = Notes::default();
        let mut writers = Vec::new();
        for number in 0..CALLING + STREAMING {
            let writer = Writer {
                till: house.till().await,
                notes: notes.clone(),
                name: format!("{run}-{number}"),
                sold: 0,
                members: Vec::new(),
            };
            let is_calling = number < CALLING;
            writers
                .push(tokio::spawn(async move { if is_calling { writer.call().await } else { writer.flow().await } }));
        }
        Self { notes, writers }
    }

    /// Waits until every writer met the end of its server.
    pub async fn end(self) -> Notes {
        for writer in self.writers {
            writer.await.unwrap();
        }
        self.notes
    }
}

struct Writer {
    till: Till,
    notes: Notes,
    name: String,
    sold: u64,
    members: Vec<String>,
}

impl Writer {
    /// Sells call by call, and enrols somebody now and then, until a call fails.
    async fn call(mut self) {
        let ended = loop {
            if (self.members.len() < MEMBERS || self.sold % 20 == 19)
                && let Err(status) = self.enroll().await
            {
                break status;
            }
            let order = self.sell();
            match self.till.record(&order).await {
                Ok(response) => self.notes.acknowledge(order, response),
                Err(status) => break status,
            }
        };
        self.notes.fault(ended);
    }

    /// Sells through one stream, until it ends.
    async fn flow(mut self) {
        while self.members.len() < MEMBERS {
            if let Err(status) = self.enroll().await {
                return self.notes.fault(status);
            }
        }
        let (items, sent) = mpsc::channel(AHEAD);
        let (matched, mut waiting) = mpsc::channel(AHEAD);
        let (till, notes) = (self.till.clone(), self.notes.clone());
        let seller = tokio::spawn(async move {
            loop {
                let order = self.sell();
                let item = order.item();
                if matched.send(order).await.is_err() || items.send(item).await.is_err() {
                    return;
                }
            }
        });
        let ended = match till.points().record_purchases(ReceiverStream::new(sent)).await {
            Ok(answers) => answered(answers.into_inner(), &mut waiting, &notes).await,
            Err(status) => status,
        };
        drop(waiting);
        seller.await.unwrap();
        notes.fault(ended);
    }

    async fn enroll(&mut self) -> Result<(), Status> {
        let member = format!("{}-{}", self.name, self.members.len());
        self.notes.enrolled(&member, self.till.enroll(PROGRAM, &member).await?);
        self.members.push(member);
        Ok(())
    }

    /// The next order, written down before it is sent.
    fn sell(&mut self) -> Order {
        self.sold += 1;
        let member = &self.members[self.sold as usize % self.members.len()];
        let receipt = format!("{}-{}", self.name, self.sold);
        let cents = (self.sold * 7_919 % 20_000) as i64;
        let order = Order::new(PROGRAM, member, purchase("sale", &receipt, cents, &wall_clock()));
        self.notes.send(&order);
        order
    }
}

/// Matches a stream's answers with its orders until it ends; items that met a closing server may be unavailable.
async fn answered(
    mut answers: tonic::Streaming<pb::RecordPurchasesResponse>,
    waiting: &mut mpsc::Receiver<Order>,
    notes: &Notes,
) -> Status {
    loop {
        match answers.message().await {
            Ok(Some(pb::RecordPurchasesResponse { answer: Some(answer) })) => {
                let order = waiting.recv().await.expect("no answer comes before its order");
                match answer {
                    Answer::Result(response) => notes.acknowledge(order, response),
                    Answer::Error(status) => notes.fault(Status::new(status.code.into(), status.message)),
                }
            }
            Ok(_) => return Status::ok("the stream ended"),
            Err(status) => return status,
        }
    }
}
