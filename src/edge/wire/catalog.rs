//! Rewards and vouchers, for the wire: the catalog with what is left of it, and what proves a redemption.

use super::benefits::benefit;
use super::entries::entry_id;
use super::lots::voucher_id;
use super::points_replies::{find, kept};
use super::programs::window;
use super::replies::{Reply, reply};
use super::scalars::{count32, stamp};
use crate::domain::calendar::Day;
use crate::domain::decide::window_span;
use crate::domain::event::{Fact, LIFETIME, RewardRedeemed, Seq, VoucherIssued};
use crate::domain::member::Member;
use crate::domain::program::{Limit, Program, Reward, TierId};
use crate::domain::units::{Moment, Points};
use crate::engine::{Applied, VoucherView};
use crate::pb;

/// What a reward is shown with.
#[derive(Clone, Copy)]
pub struct Counter<'a> {
    /// The version in force.
    pub program: &'a Program,
    /// The member who looks, if one does.
    pub member: Option<&'a Member>,
    /// Now.
    pub now: Moment,
}

impl Counter<'_> {
    /// A reward of which `gone` are gone.
    #[must_use]
    pub fn reward(self, reward: &Reward, gone: Points) -> pb::Reward {
        let Self { program, member, .. } = self;
        let text = |word| program.text(word).to_owned();
        let price = match member {
            Some(member) => reward.price_on(member.standing.tier()),
            None => reward.price,
        };
        let tier_price = |(tier, price): &(TierId, Points)| pb::TierPrice { tier: text(tier.0), price: price.0 };
        let stock_left = reward.stock.map(|stock| stock.saturating_sub(gone.0).max(0));
        let limit = reward.limit.map(|limit| self.limit(&limit));
        pb::Reward {
            reward: text(reward.id.0),
            name: reward.name.to_string(),
            wallet: text(reward.wallet.0),
            decimals: program.wallet(reward.wallet).map(|wallet| wallet.decimals).unwrap_or_default().into(),
            price: price.map(|price| price.0),
            tier_prices: reward.tier_prices.iter().map(tier_price).collect(),
            stock_left,
            from: stamp(reward.from),
            until: stamp(reward.until),
            tiers: reward.tiers.iter().map(|tier| text(tier.0)).collect(),
            has_voucher: reward.voucher.is_some(),
            clubs: reward.clubs.iter().map(|club| text(club.0)).collect(),
            gives: reward.gives.iter().map(|gives| benefit(program, gives)).collect(),
            offered: price.is_some()
                && self.is_offered(reward)
                && stock_left != Some(0)
                && limit.as_ref().is_none_or(|limit| limit.left != Some(0)),
            limit,
        }
    }

    /// Whether now is a time at which, and the member's tier and clubs such to which, it is offered.
    fn is_offered(self, reward: &Reward) -> bool {
        let tier = self.member.and_then(|member| member.standing.tier()).or_else(|| self.program.base_tier());
        let for_tier =
            reward.tiers.is_empty() || self.member.is_none() || tier.is_some_and(|tier| reward.tiers.contains(&tier));
        let belongs = |member: &Member| reward.clubs.iter().any(|club| member.belonging().club(*club).is_some());
        let for_club = reward.clubs.is_empty() || self.member.is_none_or(belongs);
        for_tier && for_club && reward.from <= self.now && self.now < reward.until
    }

    fn limit(self, limit: &Limit) -> pb::RewardLimit {
        let left = self.member.map(|member| limit.times.saturating_sub(self.counted(limit, member)).max(0));
        pb::RewardLimit { times: limit.times, window: window(limit.window), left }
    }

    /// How many the member has had in the current window.
    fn counted(self, limit: &Limit, member: &Member) -> i64 {
        let day = |moment| self.program.zone.day_of(moment);
        let (first, last) = match window_span(limit.window, day(self.now), day(member.enrolled_at)) {
            Some((first, end)) => (first, end.plus_days(-1)),
            None => (LIFETIME, LIFETIME),
        };
        self.between(limit, member, first, last)
    }

    fn between(self, limit: &Limit, member: &Member, first: Day, last: Day) -> i64 {
        let counts = member.meters.between(limit.meter, first, last);
        counts.fold(0_i64, |sum, count| sum.saturating_add(count.amount.0))
    }
}

/// A voucher found by its code.
#[must_use]
pub fn found(found: &VoucherView, code: &str) -> pb::Voucher {
    let used = |fact: &Fact| matches!(fact, Fact::VoucherUsed { voucher, .. } if *voucher == found.claim);
    let used_at = found.ended.as_ref().filter(|ended| ended.facts.iter().any(used)).map(|ended| ended.recorded_at);
    pb::Voucher {
        code: code.to_owned(),
        voucher_id: voucher_id(found.claim),
        reward: found.view.timeline.newest().text(found.reward.0).to_owned(),
        quantity: count32(found.times),
        member_id: found.view.member.id.to_string(),
        state: state(found, used_at.is_some()).into(),
        issued_at: stamp(found.issued.recorded_at),
        expires_at: stamp(found.expires_at),
        used_at: used_at.and_then(stamp),
        redemption_id: entry_id(found.issued.seq),
    }
}

fn state(found: &VoucherView, used: bool) -> pb::VoucherState {
    let cancelled = |fact: &Fact| match fact {
        Fact::RedemptionCancelled { voucher, .. } => *voucher == Some(found.claim),
        _ => false,
    };
    match &found.ended {
        _ if found.open => pb::VoucherState::Issued,
        _ if used => pb::VoucherState::Used,
        Some(ended) if ended.facts.iter().any(cancelled) => pb::VoucherState::Cancelled,
        // Nothing else ends a voucher, whether or not it is recorded already.
        _ => pb::VoucherState::Expired,
    }
}

fn redeemed_in(applied: &Applied) -> Option<(Seq, &RewardRedeemed)> {
    let (entry, redeemed) = find(applied, |fact| match fact {
        Fact::RewardRedeemed(redeemed) => Some(&**redeemed),
        _ => None,
    })?;
    Some((entry.seq, redeemed))
}

/// The voucher that a redemption issued, unless it was only rehearsed.
#[must_use]
pub fn issued(applied: &Applied, dry_run: bool) -> Option<&VoucherIssued> {
    let made = redeemed_in(applied).filter(|_| kept(applied, dry_run));
    made.and_then(|(_, redeemed)| redeemed.voucher.as_ref())
}

/// The reply to a redemption: of one that is made now with a fresh voucher, of an older one as `earlier` found it.
#[must_use]
pub fn redeemed(
    applied: &Applied,
    dry_run: bool,
    code: &str,
    earlier: Option<&VoucherView>,
) -> pb::RedeemRewardResponse {
    let Reply { outcome, entry_ids, member } = reply(applied, dry_run);
    let made = redeemed_in(applied);
    let id = made.filter(|_| kept(applied, dry_run)).map(|(seq, _)| entry_id(seq)).unwrap_or_default();
    let voucher = match earlier {
        Some(earlier) => Some(found(earlier, code)),
        None => made.and_then(|(_, redeemed)| fresh(applied, redeemed, &id, code)),
    };
    pb::RedeemRewardResponse { outcome, entry_ids, member, redemption_id: id, voucher }
}

/// The voucher of a redemption that was made just now.
fn fresh(applied: &Applied, redeemed: &RewardRedeemed, redemption_id: &str, code: &str) -> Option<pb::Voucher> {
    let issued = redeemed.voucher.as_ref()?;
    let view = &applied.view;
    Some(pb::Voucher {
        code: code.to_owned(),
        voucher_id: voucher_id(issued.claim),
        reward: view.timeline.newest().text(redeemed.reward.0).to_owned(),
        quantity: count32(redeemed.times),
        member_id: view.member.id.to_string(),
        state: pb::VoucherState::Issued.into(),
        issued_at: stamp(view.now),
        expires_at: stamp(issued.expires_at),
        used_at: None,
        redemption_id: redemption_id.to_owned(),
    })
}

/// The reply to the use of a voucher, as it was found afterwards; a rehearsal shows it as it would be.
#[must_use]
pub fn used(applied: &Applied, dry_run: bool, after: &VoucherView, code: &str) -> pb::UseVoucherResponse {
    let Reply { outcome, entry_ids, member } = reply(applied, dry_run);
    let mut voucher = found(after, code);
    if !kept(applied, dry_run) {
        voucher.state = pb::VoucherState::Used.into();
        voucher.used_at = stamp(applied.view.now);
    }
    pb::UseVoucherResponse { outcome, entry_ids, member, voucher: Some(voucher) }
}
