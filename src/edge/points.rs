//! `PointsService`: quoting, recording and returning purchases, holds, transfers, corrections, imports, and the
//! ledger that says why.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::imports::Importer;
use super::members::{carry_out, list_of, named, ordered};
use super::programs::in_currency;
use super::purchase_stream::{Answers, Item, answer};
use super::services::Single;
use super::trace::caller;
use super::wire::codec::Asking;
use super::wire::entries::{Names, entry, named_in, seq_of};
use super::wire::explain::explanation;
use super::wire::faults::{Faults, Path};
use super::wire::naming;
use super::wire::orders::{Asked, Desk};
use super::wire::page::{Page, page, token};
use super::wire::points_replies::{captured, held, released, transferred};
use super::wire::receipt::Recorded;
use super::wire::replies::{Reply, quoted, reply};
use super::wire::returns::{AskedReturn, return_in, returned};
use crate::domain::event::{Entry, Seq};
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

    /// The ids of everybody these entries name.
    async fn names(&self, entries: &[Arc<Entry>]) -> Result<Names, Status> {
        let keys: Vec<_> = entries.iter().flat_map(|made| named_in(made)).collect();
        Ok(Names(self.engine.member_ids(&keys).await?))
    }

    /// The entry that recorded the purchase from which one of these entries took back.
    async fn bought(&self, program: &str, entries: &[Arc<Entry>]) -> Result<Option<Arc<Entry>>, Status> {
        let Some((_, returned)) = return_in(entries) else { return Ok(None) };
        let (bought, _) = self.engine.entry(program, returned.purchase).await?;
        Ok(Some(bought))
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

    async fn return_purchase(
        &self,
        request: Request<pb::ReturnPurchaseRequest>,
    ) -> Result<Response<pb::ReturnPurchaseResponse>, Status> {
        let caller = caller(&request);
        let desk = Desk { caller: &caller, identify: &self.engine };
        let AskedReturn { asked, currency } = desk.bring_back(request.into_inner())?;
        let (dry_run, program) = (asked.dry_run, asked.order.program.clone());
        in_currency(&self.engine, &program, currency)?;
        let applied = carry_out(&self.engine, asked).await?;
        let bought = self.bought(&program, &applied.entries).await?;
        let purchase = bought.as_ref().and_then(|entry| entry.purchase());
        Ok(Response::new(returned(&applied, purchase, dry_run)))
    }

    async fn confirm_purchase(
        &self,
        request: Request<pb::ConfirmPurchaseRequest>,
    ) -> Result<Response<pb::ConfirmPurchaseResponse>, Status> {
        let (applied, dry_run) = ordered(&self.engine, request, |desk, asked| desk.confirm(asked)).await?;
        let Reply { outcome, entry_ids, member } = reply(&applied, dry_run);
        Ok(Response::new(pb::ConfirmPurchaseResponse { outcome, entry_ids, member }))
    }

    async fn adjust_points(
        &self,
        request: Request<pb::AdjustPointsRequest>,
    ) -> Result<Response<pb::AdjustPointsResponse>, Status> {
        let (applied, dry_run) = ordered(&self.engine, request, |desk, asked| desk.adjust(asked)).await?;
        let Reply { outcome, entry_ids, member } = reply(&applied, dry_run);
        Ok(Response::new(pb::AdjustPointsResponse { outcome, entry_ids, member }))
    }

    async fn transfer_points(
        &self,
        request: Request<pb::TransferPointsRequest>,
    ) -> Result<Response<pb::TransferPointsResponse>, Status> {
        let (applied, dry_run) = ordered(&self.engine, request, |desk, asked| desk.transfer(asked)).await?;
        Ok(Response::new(transferred(&applied, dry_run)))
    }

    async fn hold_points(
        &self,
        request: Request<pb::HoldPointsRequest>,
    ) -> Result<Response<pb::HoldPointsResponse>, Status> {
        let (applied, dry_run) = ordered(&self.engine, request, |desk, asked| desk.hold(asked)).await?;
        Ok(Response::new(held(&applied, dry_run)))
    }

    async fn capture_hold(
        &self,
        request: Request<pb::CaptureHoldRequest>,
    ) -> Result<Response<pb::CaptureHoldResponse>, Status> {
        let (applied, dry_run) = ordered(&self.engine, request, |desk, asked| desk.capture(asked)).await?;
        Ok(Response::new(captured(&applied, dry_run)))
    }

    async fn release_hold(
        &self,
        request: Request<pb::ReleaseHoldRequest>,
    ) -> Result<Response<pb::ReleaseHoldResponse>, Status> {
        let (applied, dry_run) = ordered(&self.engine, request, |desk, asked| desk.release(asked)).await?;
        Ok(Response::new(released(&applied, dry_run)))
    }

    async fn import_members(
        &self,
        request: Request<Streaming<pb::ImportMembersRequest>>,
    ) -> Result<Response<pb::ImportMembersResponse>, Status> {
        let caller = caller(&request);
        let importer = Importer::new(request.into_inner(), self.engine.clone(), caller);
        Ok(Response::new(importer.run(self.closing.clone()).await?))
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
        let names = self.names(&found).await?;
        Ok(Response::new(pb::ListEntriesResponse {
            next_page_token: last.map(|last| token(&last.seq.0.to_be_bytes(), &scope)).unwrap_or_default(),
            entries: found.iter().map(|made| entry(&view.timeline, &names, made)).collect(),
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
        let made = [made];
        let names = self.names(&made).await?;
        let bought = self.bought(&program, &made).await?;
        let purchase = bought.as_ref().and_then(|entry| entry.purchase());
        let [made] = &made;
        Ok(Response::new(pb::ExplainEntryResponse {
            explanation: explanation(&timeline, &names, made, purchase),
            entry: Some(entry(&timeline, &names, made)),
        }))
    }
}
