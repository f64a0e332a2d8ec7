//! `PrivilegeService`: may she, using what she may, choosing what milestones give, and boosts.

use tonic::{Request, Response, Status};

use super::members::{named, ordered};
use super::programs::{Looker, looker, positions};
use super::trace::caller;
use super::wire::faults::Faults;
use super::wire::held::boosts;
use super::wire::orders::{Asked, Desk};
use super::wire::page::{Page, page, token};
use super::wire::privilege_orders::{Question, question};
use super::wire::privileges::{checked, choice, option, privilege, use_made};
use super::wire::replies::{Reply, reply};
use crate::domain::member::OpenChoice;
use crate::domain::order::{BelongingOrder, Caller, MemberName, Order, Refusal, Verb};
use crate::domain::program::{ChoiceOption, Program};
use crate::domain::units::Text;
use crate::engine::{Denied, Engine, View};
use crate::pb;

/// The service.
#[derive(Clone)]
pub struct Privileges {
    engine: Engine,
}

impl Privileges {
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

    /// A choice that can be made; every option is tried, so that what is told is what an order would be told.
    async fn choice(&self, view: &View, open: &OpenChoice, caller: &Caller) -> Result<pb::BenefitChoice, Denied> {
        let program = view.timeline.at(view.now);
        let found = program.milestone(open.milestone).and_then(|milestone| milestone.choice.as_ref());
        let mut options = Vec::new();
        for found in found.into_iter().flat_map(|choice| &choice.options) {
            let no = self.tried(view, program, open, found, caller).await?;
            options.push(option(program, found, no.as_ref()));
        }
        Ok(choice(program, open, options.into_iter()))
    }

    /// Why an option cannot be taken, if it cannot.
    async fn tried(
        &self,
        view: &View,
        program: &Program,
        open: &OpenChoice,
        option: &ChoiceOption,
        caller: &Caller,
    ) -> Result<Option<Refusal>, Denied> {
        let order = BelongingOrder::ChooseBenefit {
            milestone: program.text(open.milestone.0).into(),
            reached: Some(open.entry),
            option: program.text(option.id.0).into(),
            times: 1,
        };
        let rehearsed = self.engine.rehearse(Order {
            program: (*program.id).into(),
            member: MemberName::Key(view.member.key),
            request_id: Text::default(),
            caller: caller.clone(),
            verb: Verb::Belonging(Box::new(order)),
        });
        match rehearsed.await {
            Ok(_) => Ok(None),
            Err(Denied::Refused(no)) => Ok(Some(no)),
            Err(failed) => Err(failed),
        }
    }
}

#[tonic::async_trait]
impl pb::privilege_service_server::PrivilegeService for Privileges {
    async fn list_privileges(
        &self,
        request: Request<pb::ListPrivilegesRequest>,
    ) -> Result<Response<pb::ListPrivilegesResponse>, Status> {
        let pb::ListPrivilegesRequest { program, member_id, identifier, page_size, page_token } = request.into_inner();
        let mut faults = Faults::default();
        let Looker { program, list, view } = looker(&self.engine, program, (member_id, identifier), &mut faults).await;
        let scope = ["privileges", &*program, &list];
        let asked: Page<8> = page(page_size, &page_token, &scope, &mut faults);
        faults.verdict(())?;
        let view = view.transpose()?;
        let timeline = super::programs::timeline(&self.engine, program.clone())?;
        let now = view.as_ref().map_or_else(|| self.engine.now(), |view| view.now);
        let in_force = timeline.at(now);
        let (here, next) = positions(&asked, in_force.privileges.len());
        let member = view.as_ref().map(|view| &*view.member);
        let listed = in_force.privileges.get(here).unwrap_or_default().iter();
        Ok(Response::new(pb::ListPrivilegesResponse {
            privileges: listed.map(|found| privilege(in_force, found, member, now)).collect(),
            next_page_token: next.map(|position| token(&position, &scope)).unwrap_or_default(),
        }))
    }

    async fn check_privilege(
        &self,
        request: Request<pb::CheckPrivilegeRequest>,
    ) -> Result<Response<pb::CheckPrivilegeResponse>, Status> {
        let Question { program, member, privilege, asked } = question(request.into_inner(), &self.engine)?;
        let view = self.engine.member(&program, &member).await?;
        let in_force = view.timeline.at(view.now);
        let found = in_force.privileges.iter().find(|found| in_force.text(found.id.0) == &*privilege);
        let found = found.ok_or(Refusal::UnknownPrivilege(privilege))?;
        Ok(Response::new(checked(in_force, &view.member, found, asked, view.now)))
    }

    async fn use_privilege(
        &self,
        request: Request<pb::UsePrivilegeRequest>,
    ) -> Result<Response<pb::UsePrivilegeResponse>, Status> {
        let (applied, dry_run) = ordered(&self.engine, request, |desk, asked| desk.use_privilege(asked)).await?;
        let Reply { outcome, entry_ids, member } = reply(&applied, dry_run);
        let use_id = use_made(&applied, dry_run);
        Ok(Response::new(pb::UsePrivilegeResponse { outcome, entry_ids, member, use_id }))
    }

    async fn return_privilege(
        &self,
        request: Request<pb::ReturnPrivilegeRequest>,
    ) -> Result<Response<pb::ReturnPrivilegeResponse>, Status> {
        let Reply { outcome, entry_ids, member } =
            self.order(request, |desk, asked| desk.return_privilege(asked)).await?;
        Ok(Response::new(pb::ReturnPrivilegeResponse { outcome, entry_ids, member }))
    }

    async fn list_choices(
        &self,
        request: Request<pb::ListChoicesRequest>,
    ) -> Result<Response<pb::ListChoicesResponse>, Status> {
        let caller = caller(&request);
        let pb::ListChoicesRequest { program, member_id, identifier } = request.into_inner();
        let mut faults = Faults::default();
        let (program, name) = named(&self.engine, program, member_id, identifier, &mut faults);
        faults.verdict(())?;
        let view = self.engine.member(&program, &name).await?;
        let mut choices = Vec::new();
        for open in &view.member.belonging().choices {
            choices.push(self.choice(&view, open, &caller).await?);
        }
        let boosts = boosts(view.timeline.at(view.now), view.member.belonging(), view.now);
        Ok(Response::new(pb::ListChoicesResponse { choices, boosts }))
    }

    async fn choose_benefit(
        &self,
        request: Request<pb::ChooseBenefitRequest>,
    ) -> Result<Response<pb::ChooseBenefitResponse>, Status> {
        let Reply { outcome, entry_ids, member } = self.order(request, |desk, asked| desk.choose(asked)).await?;
        Ok(Response::new(pb::ChooseBenefitResponse { outcome, entry_ids, member }))
    }

    async fn register_boost(
        &self,
        request: Request<pb::RegisterBoostRequest>,
    ) -> Result<Response<pb::RegisterBoostResponse>, Status> {
        let Reply { outcome, entry_ids, member } =
            self.order(request, |desk, asked| desk.register_boost(asked)).await?;
        Ok(Response::new(pb::RegisterBoostResponse { outcome, entry_ids, member }))
    }
}
