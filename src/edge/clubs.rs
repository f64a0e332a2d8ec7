//! `ClubService`: who may come in, what it costs, and who belongs.

use tonic::{Request, Response, Status};

use super::members::{carry_out, ordered};
use super::programs::{Looker, in_currency, looker, positions};
use super::trace::caller;
use super::wire::club_orders::{AskedJoin, club};
use super::wire::clubs::{Porch, club_member};
use super::wire::faults::Faults;
use super::wire::naming;
use super::wire::orders::{Asked, Desk};
use super::wire::page::{Page, page, token};
use super::wire::replies::{Reply, reply};
use crate::domain::member::Pot;
use crate::domain::order::{MemberKey, Refusal};
use crate::domain::program::{Club, ClubId, Program};
use crate::domain::units::Points;
use crate::engine::{Denied, Engine};
use crate::pb;

/// How many members are looked through at a time, and how many times for one page.
const LOOK_AT: usize = 256;
const LOOKS: usize = 16;

/// The service.
#[derive(Clone)]
pub struct Clubs {
    engine: Engine,
}

impl Clubs {
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

    /// How many places of a club are taken.
    async fn gone(&self, program: &Program, club: &Club) -> Result<Points, Denied> {
        match club.capacity {
            None => Ok(Points::ZERO),
            Some(_) => self.engine.pot(&program.id, &Pot::places_of(program.text(club.id.0))).await,
        }
    }

    /// Members of a club after `after`, and the member to go on from if there may be more.
    async fn belonging(
        &self,
        program: &str,
        club: ClubId,
        mut after: Option<MemberKey>,
        limit: usize,
    ) -> Result<(Vec<pb::ClubMember>, Option<MemberKey>), Denied> {
        let mut members = Vec::new();
        for _ in 0..LOOKS {
            let views = self.engine.members(program, after, LOOK_AT).await?;
            for view in &views {
                after = Some(view.member.key);
                members.extend(club_member(view, club));
                if members.len() >= limit {
                    return Ok((members, after));
                }
            }
            if views.len() < LOOK_AT {
                return Ok((members, None));
            }
        }
        Ok((members, after))
    }
}

#[tonic::async_trait]
impl pb::club_service_server::ClubService for Clubs {
    async fn list_clubs(
        &self,
        request: Request<pb::ListClubsRequest>,
    ) -> Result<Response<pb::ListClubsResponse>, Status> {
        let pb::ListClubsRequest { program, member_id, identifier, page_size, page_token } = request.into_inner();
        let mut faults = Faults::default();
        let Looker { program, list, view } = looker(&self.engine, program, (member_id, identifier), &mut faults).await;
        let scope = ["clubs", &*program, &list];
        let asked: Page<8> = page(page_size, &page_token, &scope, &mut faults);
        faults.verdict(())?;
        let view = view.transpose()?;
        let timeline = super::programs::timeline(&self.engine, program.clone())?;
        let now = view.as_ref().map_or_else(|| self.engine.now(), |view| view.now);
        let in_force = timeline.at(now);
        let porch = Porch { timeline: &timeline, member: view.as_ref().map(|view| &*view.member), now };
        let (here, next) = positions(&asked, in_force.clubs.len());
        let mut clubs = Vec::new();
        for club in in_force.clubs.get(here).unwrap_or_default() {
            clubs.push(porch.club(club, self.gone(in_force, club).await?));
        }
        let next_page_token = next.map(|position| token(&position, &scope)).unwrap_or_default();
        Ok(Response::new(pb::ListClubsResponse { clubs, next_page_token }))
    }

    async fn list_club_members(
        &self,
        request: Request<pb::ListClubMembersRequest>,
    ) -> Result<Response<pb::ListClubMembersResponse>, Status> {
        let pb::ListClubMembersRequest { program, club: name, page_size, page_token } = request.into_inner();
        let mut faults = Faults::default();
        let program = naming::program(program, &mut faults);
        let name = club(name, &mut faults);
        let scope = ["club-members", &*program, &*name];
        let asked: Page<16> = page(page_size, &page_token, &scope, &mut faults);
        faults.verdict(())?;
        let timeline = super::programs::timeline(&self.engine, program.clone())?;
        let newest = timeline.newest();
        let named =
            timeline.versions().flat_map(|version| &version.clubs).find(|club| newest.text(club.id.0) == &*name);
        let club = named.ok_or_else(|| Refusal::UnknownClub(name.clone()))?.id;
        let found = self.belonging(&program, club, asked.after.map(MemberKey), asked.limit).await;
        let (members, rest) = found?;
        let next_page_token = rest.map(|key| token(&key.0, &scope)).unwrap_or_default();
        Ok(Response::new(pb::ListClubMembersResponse { members, next_page_token }))
    }

    async fn join_club(&self, request: Request<pb::JoinClubRequest>) -> Result<Response<pb::JoinClubResponse>, Status> {
        let caller = caller(&request);
        let desk = Desk { caller: &caller, identify: &self.engine };
        let AskedJoin { asked, currency } = desk.join_club(request.into_inner())?;
        in_currency(&self.engine, &asked.order.program, currency)?;
        let dry_run = asked.dry_run;
        let applied = carry_out(&self.engine, asked).await?;
        let Reply { outcome, entry_ids, member } = reply(&applied, dry_run);
        Ok(Response::new(pb::JoinClubResponse { outcome, entry_ids, member }))
    }

    async fn leave_club(
        &self,
        request: Request<pb::LeaveClubRequest>,
    ) -> Result<Response<pb::LeaveClubResponse>, Status> {
        let Reply { outcome, entry_ids, member } = self.order(request, |desk, asked| desk.leave_club(asked)).await?;
        Ok(Response::new(pb::LeaveClubResponse { outcome, entry_ids, member }))
    }

    async fn invite_to_club(
        &self,
        request: Request<pb::InviteToClubRequest>,
    ) -> Result<Response<pb::InviteToClubResponse>, Status> {
        let Reply { outcome, entry_ids, member } =
            self.order(request, |desk, asked| desk.invite_to_club(asked)).await?;
        Ok(Response::new(pb::InviteToClubResponse { outcome, entry_ids, member }))
    }

    async fn decline_invitation(
        &self,
        request: Request<pb::DeclineInvitationRequest>,
    ) -> Result<Response<pb::DeclineInvitationResponse>, Status> {
        let Reply { outcome, entry_ids, member } =
            self.order(request, |desk, asked| desk.decline_invitation(asked)).await?;
        Ok(Response::new(pb::DeclineInvitationResponse { outcome, entry_ids, member }))
    }

    async fn revoke_invitation(
        &self,
        request: Request<pb::RevokeInvitationRequest>,
    ) -> Result<Response<pb::RevokeInvitationResponse>, Status> {
        let Reply { outcome, entry_ids, member } =
            self.order(request, |desk, asked| desk.revoke_invitation(asked)).await?;
        Ok(Response::new(pb::RevokeInvitationResponse { outcome, entry_ids, member }))
    }

    async fn admit_to_club(
        &self,
        request: Request<pb::AdmitToClubRequest>,
    ) -> Result<Response<pb::AdmitToClubResponse>, Status> {
        let Reply { outcome, entry_ids, member } = self.order(request, |desk, asked| desk.admit_to_club(asked)).await?;
        Ok(Response::new(pb::AdmitToClubResponse { outcome, entry_ids, member }))
    }
}
