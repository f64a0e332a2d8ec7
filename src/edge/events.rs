//! `EventService`: the journal as a feed, from a cursor, without gaps, and then live.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status};
use tracing::Instrument;

use super::errors::{Problem, failed, reason};
use super::wire::cursor::Cursor;
use super::wire::entries::{Names, entry_id, fact, named_in};
use super::wire::faults::{Faults, Path};
use super::wire::scalars::{NAME_MAX, stamp, text};
use crate::domain::event::{Entry, Fact, Seq};
use crate::domain::order::{MemberKey, Refusal};
use crate::domain::program::{ProgramNo, Timeline};
use crate::engine::{Engine, Failure};
use crate::pb;

/// How many entries are read at a time.
const READ_AT_ONCE: usize = 256;
/// How many events may wait for the caller.
const AHEAD: usize = 512;

/// The service.
#[derive(Clone)]
pub struct Events {
    engine: Engine,
    closing: CancellationToken,
}

impl Events {
    /// The service on an engine; its streams end when `closing` is cancelled.
    #[must_use]
    pub const fn new(engine: Engine, closing: CancellationToken) -> Self {
        Self { engine, closing }
    }

    fn program(&self, id: &str) -> Result<Option<ProgramNo>, Status> {
        if id.is_empty() {
            return Ok(None);
        }
        let found = self.engine.programs().named(id).map(|timeline| timeline.number);
        found.map(Some).ok_or_else(|| Refusal::UnknownProgram(id.into()).into())
    }
}

/// Where a stream starts; the caller's cursor must belong to this journal.
pub(super) fn start(engine: &Engine, after: &str, mut faults: Faults) -> Result<Cursor, Status> {
    let status = engine.status().store;
    let cursor =
        if after.is_empty() { Some(Cursor { epoch: status.epoch, ..Cursor::default() }) } else { Cursor::parse(after) };
    if cursor.is_none() {
        faults.at(&Path::Field(&Path::Request, "after"), "is not a cursor of this server");
    }
    let cursor = faults.verdict_on(cursor)?;
    if cursor.epoch == status.epoch && cursor.seq <= status.head {
        return Ok(cursor);
    }
    Err(Problem::new(Code::OutOfRange, reason::CURSOR_OUT_OF_RANGE, "the cursor is not of this journal's history")
        .with("epoch", format!("{:016x}", status.epoch))
        .with("head_entry_id", entry_id(status.head))
        .into())
}

#[tonic::async_trait]
impl pb::event_service_server::EventService for Events {
    type StreamEventsStream = ReceiverStream<Result<pb::StreamEventsResponse, Status>>;

    async fn stream_events(
        &self,
        request: Request<pb::StreamEventsRequest>,
    ) -> Result<Response<Self::StreamEventsStream>, Status> {
        let pb::StreamEventsRequest { program, after } = request.into_inner();
        let mut faults = Faults::default();
        let id = text(program, NAME_MAX, &Path::Field(&Path::Request, "program"), &mut faults);
        let cursor = start(&self.engine, &after, faults)?;
        let program = self.program(&id)?;
        let told = follow(self.engine.clone(), (program, cursor), event, self.closing.clone());
        Ok(Response::new(told))
    }
}

/// A fact of the feed, as it is about to be told.
pub(super) struct Telling<'a> {
    /// Where it stands.
    pub cursor: Cursor,
    /// Its program's versions.
    pub timeline: &'a Timeline,
    /// The members it names.
    pub names: &'a Names,
    /// The entry that carries it.
    pub entry: &'a Entry,
    /// The fact.
    pub fact: &'a Fact,
}

fn event(telling: &Telling<'_>) -> Option<pb::StreamEventsResponse> {
    let Telling { cursor, timeline, names, entry, fact: told } = telling;
    Some(pb::StreamEventsResponse {
        cursor: cursor.text(),
        entry_id: entry_id(entry.seq),
        program: timeline.newest().id.to_string(),
        member_id: names.owner_of(entry),
        recorded_at: stamp(entry.recorded_at),
        fact: Some(fact(timeline, names, entry, told)),
    })
}

/// Tells a caller every fact after a cursor that `shown` shows, and goes on with what happens, until she leaves or
/// `closing` is cancelled.
pub(super) fn follow<T: Send + 'static>(
    engine: Engine,
    (program, cursor): (Option<ProgramNo>, Cursor),
    shown: fn(&Telling<'_>) -> Option<T>,
    closing: CancellationToken,
) -> ReceiverStream<Result<T, Status>> {
    let (events, told) = mpsc::channel(AHEAD);
    let teller = Teller { engine, program, cursor, events, shown };
    tokio::spawn(teller.run(closing).in_current_span());
    ReceiverStream::new(told)
}

/// Follows the feed for one caller.
struct Teller<T> {
    engine: Engine,
    program: Option<ProgramNo>,
    cursor: Cursor,
    events: mpsc::Sender<Result<T, Status>>,
    shown: fn(&Telling<'_>) -> Option<T>,
}

/// Why a teller stops.
enum Stop {
    /// The caller left.
    Left,
    /// Something failed.
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl<T> From<mpsc::error::SendError<T>> for Stop {
    fn from(_: mpsc::error::SendError<T>) -> Self {
        Self::Left
    }
}

impl<T: Send + 'static> Teller<T> {
    async fn run(mut self, closing: CancellationToken) {
        let events = self.events.clone();
        let stop = tokio::select! {
            biased;
            () = events.closed() => Stop::Left,
            () = closing.cancelled() => Stop::Failed(Failure::Draining),
            stop = self.tell() => stop,
        };
        if let Stop::Failed(failure) = stop {
            // A caller who left as well needs no reason.
            let _ = events.try_send(Err(failed(&failure)));
        }
    }

    async fn tell(&mut self) -> Stop {
        let mut head = self.engine.watch_head();
        loop {
            if let Err(stop) = self.tell_what_is_there().await {
                return stop;
            }
            let known = self.cursor.seq;
            if head.wait_for(|head| *head > known).await.is_err() {
                return Stop::Failed(Failure::Draining);
            }
        }
    }

    /// Tells everything up to the head.
    async fn tell_what_is_there(&mut self) -> Result<(), Stop> {
        loop {
            // An entry of which only some facts were dealt with is read again.
            let partly = self.cursor.facts > 0;
            let after = if partly { Seq(self.cursor.seq.0.saturating_sub(1)) } else { self.cursor.seq };
            let entries = self.engine.feed(after, READ_AT_ONCE).await?;
            if entries.is_empty() {
                return Ok(());
            }
            let wanted = |entry: &&Arc<Entry>| self.program.is_none_or(|program| entry.program == program);
            let keys: Vec<MemberKey> = entries.iter().filter(wanted).flat_map(|entry| named_in(entry)).collect();
            let names = Names(self.engine.member_ids(&keys).await?);
            for entry in &entries {
                self.tell_entry(entry, &names).await?;
            }
        }
    }

    async fn tell_entry(&mut self, entry: &Entry, names: &Names) -> Result<(), Stop> {
        let dealt_with = if entry.seq == self.cursor.seq { self.cursor.facts } else { 0 };
        let programs = self.engine.programs();
        let timeline = programs
            .numbered(entry.program)
            .filter(|timeline| self.program.is_none_or(|program| program == timeline.number));
        if let Some(timeline) = timeline {
            let skipped = usize::try_from(dealt_with).unwrap_or(usize::MAX);
            for (position, told) in entry.facts.iter().enumerate().skip(skipped) {
                let last = position.saturating_add(1) == entry.facts.len();
                let facts = if last { 0 } else { u32::try_from(position).unwrap_or(u32::MAX).saturating_add(1) };
                self.cursor = Cursor { seq: entry.seq, facts, ..self.cursor };
                let telling = Telling { cursor: self.cursor, timeline, names, entry, fact: told };
                if let Some(event) = (self.shown)(&telling) {
                    self.events.send(Ok(event)).await?;
                }
            }
        }
        self.cursor = Cursor { seq: entry.seq, facts: 0, ..self.cursor };
        Ok(())
    }
}
