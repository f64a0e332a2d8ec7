//! `RewardService`: the catalog, redeeming, and vouchers.

use tonic::{Request, Response, Status};

use super::members::{carry_out, ordered};
use super::programs::{Looker, looker, positions};
use super::trace::caller;
use super::wire::catalog::{Counter, found, issued, redeemed, used};
use super::wire::faults::Faults;
use super::wire::orders::Desk;
use super::wire::page::{Page, page, token};
use super::wire::replies::{Reply, reply};
use super::wire::reward_orders::named_voucher;
use crate::domain::event::VoucherIssued;
use crate::domain::member::Pot;
use crate::domain::program::{Program, Reward};
use crate::domain::units::{Points, Text};
use crate::engine::{Applied, Denied, Engine, Outcome};
use crate::pb;

/// The service.
#[derive(Clone)]
pub struct Rewards {
    engine: Engine,
}

impl Rewards {
    /// The service on an engine.
    #[must_use]
    pub const fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// How many of a reward are gone.
    async fn gone(&self, program: &Program, reward: &Reward) -> Result<Points, Denied> {
        match reward.stock {
            None => Ok(Points::ZERO),
            Some(_) => self.engine.pot(&program.id, &Pot::stock_of(program.text(reward.id.0))).await,
        }
    }

    /// The code of the voucher that a redemption issued; empty if it has none that can be told.
    fn code(&self, applied: &Applied, dry_run: bool) -> Text {
        let code = |issued: &VoucherIssued| self.engine.voucher_code(applied.view.member.key, &issued.nonce);
        issued(applied, dry_run).map(code).unwrap_or_default()
    }
}

#[tonic::async_trait]
impl pb::reward_service_server::RewardService for Rewards {
    async fn list_rewards(
        &self,
        request: Request<pb::ListRewardsRequest>,
    ) -> Result<Response<pb::ListRewardsResponse>, Status> {
        let pb::ListRewardsRequest { program, member_id, identifier, page_size, page_token } = request.into_inner();
        let mut faults = Faults::default();
        let Looker { program, list, view } = looker(&self.engine, program, (member_id, identifier), &mut faults).await;
        let scope = ["rewards", &*program, &list];
        let asked: Page<8> = page(page_size, &page_token, &scope, &mut faults);
        faults.verdict(())?;
        let view = view.transpose()?;
        let timeline = super::programs::timeline(&self.engine, program.clone())?;
        let now = view.as_ref().map_or_else(|| self.engine.now(), |view| view.now);
        let in_force = timeline.at(now);
        let counter = Counter { program: in_force, member: view.as_ref().map(|view| &*view.member), now };
        let (here, next) = positions(&asked, in_force.rewards.len());
        let mut rewards = Vec::new();
        for reward in in_force.rewards.get(here).unwrap_or_default() {
            let gone = self.gone(in_force, reward).await?;
            rewards.push(counter.reward(reward, gone));
        }
        let next_page_token = next.map(|position| token(&position, &scope)).unwrap_or_default();
        Ok(Response::new(pb::ListRewardsResponse { rewards, next_page_token }))
    }

    async fn redeem_reward(
        &self,
        request: Request<pb::RedeemRewardRequest>,
    ) -> Result<Response<pb::RedeemRewardResponse>, Status> {
        let program = request.get_ref().program.clone();
        let (applied, dry_run) = ordered(&self.engine, request, |desk, asked| desk.redeem(asked)).await?;
        let code = self.code(&applied, dry_run);
        // What became of the voucher of a redemption that is answered again is not in its entry.
        let earlier = match applied.outcome {
            Outcome::Replayed if !code.is_empty() => Some(self.engine.voucher(&program, &code).await?),
            _ => None,
        };
        Ok(Response::new(redeemed(&applied, dry_run, &code, earlier.as_ref())))
    }

    async fn cancel_redemption(
        &self,
        request: Request<pb::CancelRedemptionRequest>,
    ) -> Result<Response<pb::CancelRedemptionResponse>, Status> {
        let (applied, dry_run) = ordered(&self.engine, request, |desk, asked| desk.cancel(asked)).await?;
        let Reply { outcome, entry_ids, member } = reply(&applied, dry_run);
        Ok(Response::new(pb::CancelRedemptionResponse { outcome, entry_ids, member }))
    }

    async fn get_voucher(
        &self,
        request: Request<pb::GetVoucherRequest>,
    ) -> Result<Response<pb::GetVoucherResponse>, Status> {
        let (program, code) = named_voucher(request.into_inner())?;
        let voucher = self.engine.voucher(&program, &code).await?;
        Ok(Response::new(pb::GetVoucherResponse { voucher: Some(found(&voucher, &code)) }))
    }

    async fn use_voucher(
        &self,
        request: Request<pb::UseVoucherRequest>,
    ) -> Result<Response<pb::UseVoucherResponse>, Status> {
        let caller = caller(&request);
        let desk = Desk { caller: &caller, identify: &self.engine };
        let programs = self.engine.programs();
        let number = |program: &str| programs.named(program).map(|timeline| timeline.number);
        let (asked, code) = desk.use_voucher(request.into_inner(), number)?;
        let (dry_run, program) = (asked.dry_run, asked.order.program.clone());
        let applied = carry_out(&self.engine, asked).await?;
        let after = self.engine.voucher(&program, &code).await?;
        Ok(Response::new(used(&applied, dry_run, &after, &code)))
    }
}
