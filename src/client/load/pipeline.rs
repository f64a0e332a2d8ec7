//! From a file's sales to the server's answers: read, enrol, send and match, four steps joined by bounded queues.
//!
//! Members are enrolled one after the other, in the order in which the file first names them; a purchase is sent only when
//! its member is there, and purchases go out in the file's order over one stream, whose answers come back in that order.
//! Knows no file format.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context;
use indicatif::ProgressBar;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::client::connection::connect;
use crate::pb::member_service_client::MemberServiceClient;
use crate::pb::points_service_client::PointsServiceClient;
use crate::pb::program_service_client::ProgramServiceClient;
use crate::pb::{
    EnrollMemberRequest, GetProgramRequest, Money, Outcome, Purchase, PurchaseLine, Receipt, RecordPurchasesRequest,
    RecordPurchasesResponse,
};

use super::Sales;
use super::sale::{BadRow, Item, Sale};
use super::tally::Tally;

/// Rows that may be under way between the file and the stream.
const WINDOW: usize = 512;
/// Purchases that may wait for their answer.
const IN_FLIGHT: usize = 4_096;
/// How often an enrolment that met a full queue is tried again.
const TRIES: u32 = 8;

/// Where the file goes.
#[derive(Clone)]
pub struct Target {
    members: MemberServiceClient<Channel>,
    points: PointsServiceClient<Channel>,
    programs: ProgramServiceClient<Channel>,
    program: String,
}

impl Target {
    /// Connects to the server at `url` (`http://` may be left out).
    pub async fn connect(url: &str, program: String) -> anyhow::Result<Self> {
        let channel = connect(url).await?;
        let members = MemberServiceClient::new(channel.clone());
        let points = PointsServiceClient::new(channel.clone());
        Ok(Self { members, points, programs: ProgramServiceClient::new(channel), program })
    }

    /// The currency of the program as it is now.
    pub async fn currency(&self) -> anyhow::Result<String> {
        let request = GetProgramRequest { program: self.program.clone(), version: 0 };
        let found = self.programs.clone().get_program(request).await;
        let found = found.map_err(|status| anyhow::anyhow!(said(&status)))?.into_inner();
        found.program.map(|program| program.currency_code).context("the server did not say what the program is")
    }

    /// Enrols a member; whether that made her, `false` if she was there before.
    async fn enrol(mut self, member_id: String) -> Result<bool, Status> {
        let request = EnrollMemberRequest {
            request_id: request_id(&member_id),
            member_id,
            program: self.program,
            ..EnrollMemberRequest::default()
        };
        let mut wait = Duration::from_millis(10);
        for _ in 1..TRIES {
            match self.members.enroll_member(request.clone()).await {
                Err(status) if status.code() == Code::ResourceExhausted => tokio::time::sleep(wait).await,
                answer => return enrolled(answer.map(|answer| answer.into_inner().outcome())),
            }
            wait *= 2;
        }
        enrolled(self.members.enroll_member(request).await.map(|answer| answer.into_inner().outcome()))
    }
}

/// An enrolment's key: the same member gets the same one in every run, so enrolling again is a replay. Ids that
/// leave no room for the prefix are their own key.
fn request_id(member_id: &str) -> String {
    if member_id.len() > 120 { member_id.to_owned() } else { format!("load-{member_id}") }
}

/// A member who came in by another door is as welcome.
fn enrolled(answer: Result<Outcome, Status>) -> Result<bool, Status> {
    match answer {
        Err(status) if status.code() == Code::AlreadyExists => Ok(false),
        answer => answer.map(|outcome| outcome == Outcome::Applied),
    }
}

/// A row on its way to the stream.
enum Step {
    Bad(BadRow),
    Sale { sale: Sale, enrolled: Option<Result<bool, Status>> },
}

/// What the answering end knows of what went before it, in the stream's order.
enum Sent {
    Bad(BadRow),
    Enrolled { line: u64, outcome: Result<bool, Status> },
    Sale { line: u64, rows: u64, offset: u64 },
}

/// Runs the whole file.
pub async fn run(target: Target, sales: Sales, bar: ProgressBar) -> Tally {
    let (to_enrol, rows) = channel(WINDOW);
    let (to_send, steps) = channel(WINDOW);
    let (to_match, sent) = channel(IN_FLIGHT);
    let (to_stream, requests) = channel(WINDOW);
    let mut points = target.points.clone();
    let program = target.program.clone();
    tokio::task::spawn_blocking(move || read(sales, &to_enrol));
    tokio::spawn(enrol(target, rows, to_send));
    tokio::spawn(send(program, steps, to_match, to_stream));
    match points.record_purchases(ReceiverStream::new(requests)).await {
        Ok(answers) => matched(sent, answers.into_inner(), &bar).await,
        Err(status) => Tally::broken(said(&status)),
    }
}

fn read(sales: Sales, to_enrol: &Sender<Result<Sale, BadRow>>) {
    for sale in sales {
        if to_enrol.blocking_send(sale).is_err() {
            return;
        }
    }
}

/// Enrols every member who is met for the first time, one after the other: among equals whoever became known earlier
/// ranks first, and that is to be the order of the file each time.
async fn enrol(target: Target, mut rows: Receiver<Result<Sale, BadRow>>, to_send: Sender<Step>) {
    let mut met = HashSet::new();
    while let Some(row) = rows.recv().await {
        let step = match row {
            Err(bad) => Step::Bad(bad),
            Ok(sale) => {
                let is_new = met.insert(sale.member_id.clone().into_boxed_str());
                let enrolled = match is_new {
                    true => Some(target.clone().enrol(sale.member_id.clone()).await),
                    false => None,
                };
                Step::Sale { sale, enrolled }
            }
        };
        if to_send.send(step).await.is_err() {
            return;
        }
    }
}

/// Sends each purchase once its member is there. One whose enrolment failed is sent too: the server says why not.
async fn send(
    program: String,
    mut steps: Receiver<Step>,
    to_match: Sender<Sent>,
    to_stream: Sender<RecordPurchasesRequest>,
) {
    while let Some(step) = steps.recv().await {
        if forward(&program, step, &to_match, &to_stream).await.is_none() {
            return;
        }
    }
}

/// `None` if nobody listens any more.
async fn forward(
    program: &str,
    step: Step,
    to_match: &Sender<Sent>,
    to_stream: &Sender<RecordPurchasesRequest>,
) -> Option<()> {
    let (sale, enrolled) = match step {
        Step::Bad(bad) => return to_match.send(Sent::Bad(bad)).await.ok(),
        Step::Sale { sale, enrolled } => (sale, enrolled),
    };
    if let Some(outcome) = enrolled {
        to_match.send(Sent::Enrolled { line: sale.line, outcome }).await.ok()?;
    }
    to_match.send(Sent::Sale { line: sale.line, rows: sale.rows, offset: sale.offset }).await.ok()?;
    to_stream.send(request(program, sale)).await.ok()
}

fn request(program: &str, sale: Sale) -> RecordPurchasesRequest {
    RecordPurchasesRequest {
        program: program.to_owned(),
        member_id: sale.member_id,
        purchase: Some(Purchase {
            receipt: Some(Receipt { source: sale.source, id: sale.receipt }),
            kind: sale.kind,
            occurred_at: Some(timestamp(sale.occurred_at)),
            lines: sale.items.into_iter().map(line).collect(),
            channel: sale.channel,
            store: sale.store,
            ..Purchase::default()
        }),
        omit_member: true,
        ..RecordPurchasesRequest::default()
    }
}

fn line(item: Item) -> PurchaseLine {
    PurchaseLine {
        line_id: item.line_id,
        sku: item.sku,
        category: item.category,
        quantity: item.quantity,
        amount: Some(Money { currency_code: item.currency, minor_units: item.minor_units }),
        ..PurchaseLine::default()
    }
}

/// On the wire, nanoseconds count forwards from the second, before 1970 too.
fn timestamp(at: jiff::Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = (at.as_second(), at.subsec_nanosecond());
    let (seconds, nanos) = if nanos < 0 { (seconds - 1, nanos + 1_000_000_000) } else { (seconds, nanos) };
    prost_types::Timestamp { seconds, nanos }
}

/// Matches the answers with what was sent, in order, until either ends.
async fn matched(
    mut sent: Receiver<Sent>,
    mut answers: Streaming<RecordPurchasesResponse>,
    bar: &ProgressBar,
) -> Tally {
    let mut tally = Tally::default();
    while let Some(next) = sent.recv().await {
        match next {
            Sent::Bad(bad) => tally.bad_row(&bad),
            Sent::Enrolled { outcome: Ok(made), .. } => tally.enrolled += u64::from(made),
            Sent::Enrolled { line, outcome: Err(status) } => tally.enrolment_failed(line, &status),
            Sent::Sale { line, rows, offset } => match answers.message().await {
                Ok(Some(answer)) => {
                    tally.answer(line, rows, answer);
                    show(bar, offset, &tally);
                }
                end => {
                    tally.broke_off =
                        Some(end.err().map_or_else(|| "the stream ended".to_owned(), |status| said(&status)));
                    tally.unanswered = rows + waiting(&mut sent);
                    break;
                }
            },
        }
    }
    bar.finish_and_clear();
    tally
}

fn said(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}

/// The rows that were sent and will not be answered.
fn waiting(sent: &mut Receiver<Sent>) -> u64 {
    let mut rows = 0;
    while let Ok(next) = sent.try_recv() {
        rows += if let Sent::Sale { rows, .. } = next { rows } else { 0 };
    }
    rows
}

fn show(bar: &ProgressBar, offset: u64, tally: &Tally) {
    let rows = tally.applied + tally.replayed + tally.refused;
    if rows.is_multiple_of(256) {
        bar.set_message(format!("{rows} rows"));
        bar.set_position(offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enrolment_has_the_same_key_in_every_run() {
        assert_eq!(request_id("00001"), "load-00001");
        assert_eq!(request_id(&"x".repeat(128)).len(), 128);
    }

    #[test]
    fn instants_before_the_epoch_count_forwards_too() {
        let at: jiff::Timestamp = "1969-12-31T23:59:59.25Z".parse().expect("an instant");
        assert_eq!(timestamp(at), prost_types::Timestamp { seconds: -1, nanos: 250_000_000 });
    }

    #[test]
    fn a_member_from_another_door_is_no_failure() {
        assert!(matches!(enrolled(Err(Status::already_exists("MEMBER_EXISTS"))), Ok(false)));
        assert!(matches!(enrolled(Ok(Outcome::Replayed)), Ok(false)));
        assert!(enrolled(Err(Status::not_found("UNKNOWN_PROGRAM"))).is_err());
    }
}
