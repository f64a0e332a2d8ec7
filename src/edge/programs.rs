//! `ProgramService`: what the operator promises, validated, applied and read.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::members::{list_of, named};
use super::wire::entries::entry_id;
use super::wire::faults::{Faults, Path};
use super::wire::naming;
use super::wire::page::{Page, page, token};
use super::wire::programs::{applied, flaw, program};
use super::wire::scalars::moment;
use crate::domain::order::Refusal;
use crate::domain::program::source::{self, Flaw};
use crate::domain::program::{Program, Register, Timeline};
use crate::domain::units::{CurrencyCode, Moment, Text};
use crate::engine::{ApplyProgram, Denied, Engine, Outcome, View};
use crate::pb;

/// The service.
#[derive(Clone)]
pub struct Programs {
    engine: Engine,
}

impl Programs {
    /// The service on an engine.
    #[must_use]
    pub const fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// The program that a source would become as the next version.
    fn next_version(&self, text: &str) -> Result<Program, Vec<Flaw>> {
        let first = source::read(text, 1, Moment::BEGINNING, &Register::default())?;
        let programs = self.engine.programs();
        let Some(timeline) = programs.named(&first.id) else { return Ok(first) };
        source::read_next(text, self.engine.now(), timeline.newest())
    }

    fn told(&self, timeline: &Timeline, version: &Program) -> pb::Program {
        program(version, timeline.at(self.engine.now()).version == version.version)
    }
}

/// The versions of a program.
pub fn timeline(engine: &Engine, id: Text) -> Result<Arc<Timeline>, Status> {
    let found = engine.programs().named(&id).cloned();
    found.ok_or_else(|| Refusal::UnknownProgram(id).into())
}

/// Whoever looks at a list of what a program has.
pub struct Looker {
    /// The program.
    pub program: Text,
    /// What ties the pages of her list together.
    pub list: String,
    /// The member, if the request names one.
    pub view: Option<Result<View, Denied>>,
}

/// The member who looks, if a request names one.
pub async fn looker(
    engine: &Engine,
    program: String,
    (member_id, identifier): (String, Option<pb::Identifier>),
    faults: &mut Faults,
) -> Looker {
    if member_id.is_empty() && identifier.is_none() {
        return Looker { program: naming::program(program, faults), list: String::new(), view: None };
    }
    let (program, name) = named(engine, program, member_id, identifier, faults);
    let view = engine.member(&program, &name).await;
    Looker { program, list: list_of(&name), view: Some(view) }
}

/// Amounts of money are in the program's currency, as those of purchases are.
pub fn in_currency(engine: &Engine, program: &str, found: Option<CurrencyCode>) -> Result<(), Refusal> {
    let programs = engine.programs();
    let expected = programs.named(program).map(|timeline| timeline.at(engine.now()).currency);
    match (expected, found) {
        (Some(expected), Some(found)) if expected != found => Err(Refusal::WrongCurrency { expected, found }),
        _ => Ok(()),
    }
}

fn source_text(text: String, faults: &mut Faults) -> Text {
    let path = Path::Field(&Path::Request, "source");
    super::wire::scalars::required_text(text, source::SOURCE_BYTES_MAX, &path, faults)
}

fn apply(request: pb::ApplyProgramRequest) -> Result<ApplyProgram, Refusal> {
    let mut faults = Faults::default();
    let source = source_text(request.source, &mut faults);
    let effective_at = moment(request.effective_at, &Path::Field(&Path::Request, "effective_at"), &mut faults);
    let expected_version = u32::try_from(request.expected_version).unwrap_or_else(|_| {
        faults.at(&Path::Field(&Path::Request, "expected_version"), "must not be negative");
        0
    });
    let request_id = naming::request_id(request.request_id, &mut faults);
    let dry_run = request.dry_run;
    faults.verdict(ApplyProgram { source: source.into(), effective_at, expected_version, request_id, dry_run })
}

/// A page over things that stand in a list which only grows at its end.
pub fn positions(asked: &Page<8>, count: usize) -> (std::ops::Range<usize>, Option<[u8; 8]>) {
    let first = asked.after.map_or(0, u64::from_be_bytes);
    let first = usize::try_from(first).unwrap_or(usize::MAX).min(count);
    let end = first.saturating_add(asked.limit).min(count);
    (first..end, (end < count).then(|| (end as u64).to_be_bytes()))
}

#[tonic::async_trait]
impl pb::program_service_server::ProgramService for Programs {
    async fn validate_program(
        &self,
        request: Request<pb::ValidateProgramRequest>,
    ) -> Result<Response<pb::ValidateProgramResponse>, Status> {
        let mut faults = Faults::default();
        let text = source_text(request.into_inner().source, &mut faults);
        faults.verdict(())?;
        Ok(Response::new(match self.next_version(&text) {
            Ok(next) => pb::ValidateProgramResponse { flaws: Vec::new(), program: Some(program(&next, false)) },
            Err(flaws) => pb::ValidateProgramResponse { flaws: flaws.iter().map(flaw).collect(), program: None },
        }))
    }

    async fn apply_program(
        &self,
        request: Request<pb::ApplyProgramRequest>,
    ) -> Result<Response<pb::ApplyProgramResponse>, Status> {
        let apply = apply(request.into_inner())?;
        let (dry_run, key) = (apply.dry_run, apply.request_id.clone());
        let (done, timeline) = self.engine.apply_program(apply).await?;
        let migration = match done {
            Outcome::Applied if dry_run => Some(self.engine.migration(&timeline).await?),
            _ => None,
        };
        let program = self.told(&timeline, timeline.newest());
        let entry = self.engine.programs().entry(timeline.number, timeline.newest().version, &key);
        let told = applied(done, program, migration.as_ref().map(|found| (found, &*timeline)));
        let entry_ids = entry.filter(|_| !dry_run).map(entry_id).into_iter().collect();
        Ok(Response::new(pb::ApplyProgramResponse { entry_ids, ..told }))
    }

    async fn get_program(
        &self,
        request: Request<pb::GetProgramRequest>,
    ) -> Result<Response<pb::GetProgramResponse>, Status> {
        let pb::GetProgramRequest { program, version } = request.into_inner();
        let mut faults = Faults::default();
        let id = naming::program(program, &mut faults);
        let version = u32::try_from(version).unwrap_or_else(|_| {
            faults.at(&Path::Field(&Path::Request, "version"), "must not be negative");
            0
        });
        faults.verdict(())?;
        let timeline = timeline(&self.engine, id)?;
        let found = match version {
            0 => Some(timeline.at(self.engine.now())),
            version => timeline.version(version),
        };
        let found = found.ok_or(Refusal::UnknownVersion(version))?;
        let (source, _) = self.engine.program_source(&found.id, found.version)?;
        let program = pb::Program { source: source.to_string(), ..self.told(&timeline, found) };
        Ok(Response::new(pb::GetProgramResponse { program: Some(program) }))
    }

    async fn list_programs(
        &self,
        request: Request<pb::ListProgramsRequest>,
    ) -> Result<Response<pb::ListProgramsResponse>, Status> {
        let pb::ListProgramsRequest { page_size, page_token } = request.into_inner();
        let mut faults = Faults::default();
        let scope = ["programs"];
        let asked = page(page_size, &page_token, &scope, &mut faults);
        faults.verdict(())?;
        let all = self.engine.programs();
        let (here, next) = positions(&asked, all.all().len());
        let programs = all.all().get(here).unwrap_or_default();
        Ok(Response::new(pb::ListProgramsResponse {
            programs: programs.iter().map(|timeline| self.told(timeline, timeline.newest())).collect(),
            next_page_token: next.map(|position| token(&position, &scope)).unwrap_or_default(),
        }))
    }

    async fn list_program_versions(
        &self,
        request: Request<pb::ListProgramVersionsRequest>,
    ) -> Result<Response<pb::ListProgramVersionsResponse>, Status> {
        let pb::ListProgramVersionsRequest { program, page_size, page_token } = request.into_inner();
        let mut faults = Faults::default();
        let id = naming::program(program, &mut faults);
        let scope = ["versions", &*id];
        let asked: Page<8> = page(page_size, &page_token, &scope, &mut faults);
        faults.verdict(())?;
        let timeline = timeline(&self.engine, id.clone())?;
        // Older than the version the page before ended with, so that a new version shifts nothing.
        let before = asked.after.map_or(u64::MAX, u64::from_be_bytes);
        let older = timeline.versions().rev().filter(|version| u64::from(version.version) < before);
        let versions: Vec<pb::Program> = older.take(asked.limit).map(|found| self.told(&timeline, found)).collect();
        let last = versions.last().filter(|last| last.version > 1);
        let position = last.map(|last| u64::try_from(last.version).unwrap_or_default().to_be_bytes());
        let next_page_token = position.map(|position| token(&position, &scope)).unwrap_or_default();
        Ok(Response::new(pb::ListProgramVersionsResponse { versions, next_page_token }))
    }
}
