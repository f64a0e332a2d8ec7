//! `MemberService`: who the members are.

use crate::domain::units::Text;
use tonic::{Request, Response, Status};

use super::trace::caller;
use super::wire::faults::Faults;
use super::wire::member::member;
use super::wire::naming::{self, Identify};
use super::wire::orders::{Asked, Desk};
use super::wire::page::{Page, page, token};
use super::wire::replies::{Reply, reply};
use crate::domain::event::Seq;
use crate::domain::order::{MemberKey, MemberName, Refusal};
use crate::engine::{Applied, Denied, Engine, View};
use crate::pb;

/// The service.
#[derive(Clone)]
pub struct Members {
    engine: Engine,
}

impl Members {
    /// The service on an engine.
    #[must_use]
    pub const fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// Reads an order out of a request, carries it out and answers with the common reply.
    async fn order<T>(
        &self,
        request: Request<T>,
        read: fn(Desk<'_>, T) -> Result<Asked, Refusal>,
    ) -> Result<Reply, Status> {
        let (applied, dry_run) = ordered(&self.engine, request, read).await?;
        Ok(reply(&applied, dry_run))
    }

    /// A member as she is told about alone: with the codes of her vouchers, but for those that only a reading has cut
    /// and nobody could use yet.
    fn told(&self, view: &View) -> pb::Member {
        let mut told = member(view);
        let vouchers = told.vouchers.iter_mut().zip(&view.member.desk().vouchers);
        for (shown, held) in vouchers.filter(|(_, held)| held.entry != Seq::THIS) {
            shown.code = self.engine.voucher_code(view.member.key, &held.nonce).into();
        }
        told
    }
}

/// Reads an order out of a request and carries it out; also says whether it was only rehearsed.
pub async fn ordered<T>(
    engine: &Engine,
    request: Request<T>,
    read: fn(Desk<'_>, T) -> Result<Asked, Refusal>,
) -> Result<(Applied, bool), Status> {
    let caller = caller(&request);
    let desk = Desk { caller: &caller, identify: engine };
    let asked = read(desk, request.into_inner())?;
    let dry_run = asked.dry_run;
    Ok((carry_out(engine, asked).await?, dry_run))
}

/// Submits an order, or rehearses it.
pub async fn carry_out(engine: &Engine, asked: Asked) -> Result<Applied, Denied> {
    if asked.dry_run { engine.rehearse(asked.order).await } else { engine.submit(asked.order).await }
}

/// What ties the pages of a member's list to the way she was named.
#[must_use]
pub fn list_of(name: &MemberName) -> String {
    match name {
        MemberName::Id(id) => id.to_string(),
        MemberName::Identifier(identifier) => format!("{:?}", identifier.hash.0),
        // No list is asked for by anything else.
        other => format!("{other:?}"),
    }
}

/// The program and member that a read names.
pub fn named(
    engine: &dyn Identify,
    program: String,
    member_id: String,
    identifier: Option<pb::Identifier>,
    faults: &mut Faults,
) -> (Text, MemberName) {
    let program = naming::program(program, faults);
    let name = naming::member(&program, member_id, identifier, "identifier", engine, faults);
    (program, name)
}

#[tonic::async_trait]
impl pb::member_service_server::MemberService for Members {
    async fn enroll_member(
        &self,
        request: Request<pb::EnrollMemberRequest>,
    ) -> Result<Response<pb::EnrollMemberResponse>, Status> {
        let Reply { outcome, entry_ids, member } = self.order(request, |desk, asked| desk.enroll(asked)).await?;
        Ok(Response::new(pb::EnrollMemberResponse { outcome, entry_ids, member }))
    }

    async fn update_member(
        &self,
        request: Request<pb::UpdateMemberRequest>,
    ) -> Result<Response<pb::UpdateMemberResponse>, Status> {
        let Reply { outcome, entry_ids, member } = self.order(request, |desk, asked| desk.update(asked)).await?;
        Ok(Response::new(pb::UpdateMemberResponse { outcome, entry_ids, member }))
    }

    async fn link_identifier(
        &self,
        request: Request<pb::LinkIdentifierRequest>,
    ) -> Result<Response<pb::LinkIdentifierResponse>, Status> {
        let Reply { outcome, entry_ids, member } = self.order(request, |desk, asked| desk.link(asked)).await?;
        Ok(Response::new(pb::LinkIdentifierResponse { outcome, entry_ids, member }))
    }

    async fn unlink_identifier(
        &self,
        request: Request<pb::UnlinkIdentifierRequest>,
    ) -> Result<Response<pb::UnlinkIdentifierResponse>, Status> {
        let Reply { outcome, entry_ids, member } = self.order(request, |desk, asked| desk.unlink(asked)).await?;
        Ok(Response::new(pb::UnlinkIdentifierResponse { outcome, entry_ids, member }))
    }

    async fn suspend_member(
        &self,
        request: Request<pb::SuspendMemberRequest>,
    ) -> Result<Response<pb::SuspendMemberResponse>, Status> {
        let Reply { outcome, entry_ids, member } = self.order(request, |desk, asked| desk.suspend(asked)).await?;
        Ok(Response::new(pb::SuspendMemberResponse { outcome, entry_ids, member }))
    }

    async fn reinstate_member(
        &self,
        request: Request<pb::ReinstateMemberRequest>,
    ) -> Result<Response<pb::ReinstateMemberResponse>, Status> {
        let Reply { outcome, entry_ids, member } = self.order(request, |desk, asked| desk.reinstate(asked)).await?;
        Ok(Response::new(pb::ReinstateMemberResponse { outcome, entry_ids, member }))
    }

    async fn close_member(
        &self,
        request: Request<pb::CloseMemberRequest>,
    ) -> Result<Response<pb::CloseMemberResponse>, Status> {
        let Reply { outcome, entry_ids, member } = self.order(request, |desk, asked| desk.close(asked)).await?;
        Ok(Response::new(pb::CloseMemberResponse { outcome, entry_ids, member }))
    }

    async fn get_member(
        &self,
        request: Request<pb::GetMemberRequest>,
    ) -> Result<Response<pb::GetMemberResponse>, Status> {
        let pb::GetMemberRequest { program, member_id, identifier } = request.into_inner();
        let mut faults = Faults::default();
        let (program, name) = named(&self.engine, program, member_id, identifier, &mut faults);
        faults.verdict(())?;
        let view = self.engine.member(&program, &name).await?;
        Ok(Response::new(pb::GetMemberResponse { member: Some(self.told(&view)) }))
    }

    async fn list_members(
        &self,
        request: Request<pb::ListMembersRequest>,
    ) -> Result<Response<pb::ListMembersResponse>, Status> {
        let pb::ListMembersRequest { program, page_size, page_token } = request.into_inner();
        let mut faults = Faults::default();
        let program = naming::program(program, &mut faults);
        let scope = ["members", &*program];
        let asked: Page<16> = page(page_size, &page_token, &scope, &mut faults);
        faults.verdict(())?;
        // One more than asked for tells whether there is a next page.
        let found = self.engine.members(&program, asked.after.map(MemberKey), asked.limit.saturating_add(1)).await;
        let mut found = found?;
        let more = found.len() > asked.limit;
        found.truncate(asked.limit);
        let last = found.last().filter(|_| more);
        Ok(Response::new(pb::ListMembersResponse {
            next_page_token: last.map(|view| token(&view.member.key.0, &scope)).unwrap_or_default(),
            members: found.iter().map(member).collect(),
        }))
    }
}
