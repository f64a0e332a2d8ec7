//! `PointsService`: quoting and recording purchases, and the ledger that says why.

use crate::domain::units::Text;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::members::{carry_out, list_of, named};
use super::purchase_stream::{Answers, Item, answer};
use super::purchases::Single;
use super::trace::caller;
use super::wire::codec::Asking;
use super::wire::entries::{entry, seq_of};
use super::wire::explain::explanation;
use super::wire::faults::{Faults, Path};
use super::wire::naming;
use super::wire::orders::{Asked, Desk};
use super::wire::page::{Page, page, token};
use super::wire::receipt::Recorded;
use super::wire::replies::quoted;
use crate::domain::event::Seq;
use crate::domain::order::MemberKey;
use crate::engine::Engine;
use crate::pb;

/// The service.
#[derive(Clone)]
pub struct Points {
    engine: Engine,
    closing: CancellationToken,
}

impl Points {
    /// The service on an engine; its streams end when `closing` is cancelled.
    #[must_use]
    pub const fn new(engine: Engine, closing: CancellationToken) -> Self {
        Self { engine, closing }
    }

    /// Records one purchase, or rehearses it.
    ///
    /// # Errors
    /// The refusal, or a failure.
    pub async fn record(&self, request: Request<Asking<Single>>) -> Result<Response<Recorded>, Status> {
        let caller = caller(&request);
        let desk = Desk { caller: &caller, identify: &self.engine };
        let asked = match request.into_inner() {
            Asking::Sale(sale) => Asked { dry_run: sale.flag, order: desk.sell(sale) },
            Asking::Message(message) => desk.record(*message)?,
        };
        let dry_run = asked.dry_run;
        let applied = carry_out(&self.engine, asked).await?;
        Ok(Response::new(Recorded { applied, dry_run, omit_member: false }))
    }

    /// Records a stream of purchases.
    #[must_use]
    pub fn record_all(&self, request: Request<Streaming<Asking<Item>>>) -> Answers {
        let caller = caller(&request);
        answer(request.into_inner(), self.engine.clone(), caller, self.closing.clone())
    }

    async fn member_id(&self, key: MemberKey) -> Result<Text, Status> {
        let found = self.engine.member_ids(&[key]).await?;
        Ok(found.into_values().next().unwrap_or_default())
    }
}

#[tonic::async_trait]
impl pb::points_service_server::PointsService for Points {
    async fn quote_purchase(
        &self,
        request: Request<pb::QuotePurchaseRequest>,
    ) -> Result<Response<pb::QuotePurchaseResponse>, Status> {
        let caller = caller(&request);
        let desk = Desk { caller: &caller, identify: &self.engine };
        let order = desk.quote(request.into_inner())?;
        let applied = self.engine.rehearse(order).await?;
        Ok(Response::new(quoted(&applied)))
    }

    async fn list_entries(
        &self,
        request: Request<pb::ListEntriesRequest>,
    ) -> Result<Response<pb::ListEntriesResponse>, Status> {
        let pb::ListEntriesRequest { program, member_id, identifier, page_size, page_token } = request.into_inner();
        let mut faults = Faults::default();
        let (program, name) = named(&self.engine, program, member_id, identifier, &mut faults);
        let scope = ["entries", &*program, &list_of(&name)];
        let asked: Page<8> = page(page_size, &page_token, &scope, &mut faults);
        faults.verdict(())?;
        let before = asked.after.map(|position| Seq(u64::from_be_bytes(position)));
        let found = self.engine.history(&program, &name, before, asked.limit).await;
        let (view, found) = found?;
        let last = found.last().filter(|last| last.previous != Seq::NONE);
        Ok(Response::new(pb::ListEntriesResponse {
            next_page_token: last.map(|last| token(&last.seq.0.to_be_bytes(), &scope)).unwrap_or_default(),
            entries: found.iter().map(|made| entry(&view.timeline, &view.member.id, made)).collect(),
        }))
    }

    async fn explain_entry(
        &self,
        request: Request<pb::ExplainEntryRequest>,
    ) -> Result<Response<pb::ExplainEntryResponse>, Status> {
        let pb::ExplainEntryRequest { program, entry_id } = request.into_inner();
        let mut faults = Faults::default();
        let program = naming::program(program, &mut faults);
        if entry_id.is_empty() {
            faults.missing(&Path::Field(&Path::Request, "entry_id"));
        }
        faults.verdict(())?;
        // No entry has the last of all numbers, so an id that cannot be one is as unknown as any other.
        let seq = seq_of(&entry_id).unwrap_or(Seq(u64::MAX));
        let (made, timeline) = self.engine.entry(&program, seq).await?;
        let member_id = self.member_id(made.member).await?;
        Ok(Response::new(pb::ExplainEntryResponse {
            explanation: explanation(&timeline, &made),
            entry: Some(entry(&timeline, &member_id, &made)),
        }))
    }
}
