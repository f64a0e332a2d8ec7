//! Rewards and the vouchers that prove them: redeeming, taking back, using up.

use super::benefits::Giving;
use super::earning::post;
use super::purchase::followed;
use super::story::Story;
use super::windows::{counted, next_below};
use super::{Ground, Outcome, PotMove, active, overflow, purses};
use crate::domain::event::{AddedCause, Entry, Fact, RewardRedeemed, Seq};
use crate::domain::lot::{self, Lot};
use crate::domain::member::{Member, Pot};
use crate::domain::order::{Claim, Note, Refusal, Unoffered};
use crate::domain::program::{ClubId, Program, Reward, RewardId, Wallet, Word};
use crate::domain::units::{Moment, Overflow, Points, Text};

/// What a reward is to a member at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its price for her; none if it is not for sale.
    pub price: Option<Points>,
    /// How many she may still have; no end of them if absent.
    pub left_for_member: Option<i64>,
    /// Why she cannot have it now, her points aside.
    pub refusal: Option<Refusal>,
}

/// What `reward` is to a settled member at `now`; its stock is not looked at.
#[must_use]
pub fn offer(program: &Program, reward: &Reward, member: &Member, now: Moment) -> Offer {
    let tier = member.standing.tier();
    let price = reward.price_on(tier);
    let left_for_member = reward.limit.map(|limit| {
        let asked = post(program, member, now, (limit.meter, limit.window), Points(1));
        limit.times.saturating_sub(counted(member, limit.meter, limit.window, asked.window).0).max(0)
    });
    let for_tier = reward.tiers.is_empty() || tier.is_some_and(|tier| reward.tiers.contains(&tier));
    let belongs = |club: &ClubId| member.belonging().club(*club).is_some_and(|held| now < held.until);
    let for_club = reward.clubs.is_empty() || reward.clubs.iter().any(belongs);
    let refusal = match (unoffered(reward, price, now), left_for_member) {
        (Some(why), _) => Some(Refusal::RewardNotOffered(why)),
        _ if !for_tier => Some(Refusal::TierRequired(names(program, reward.tiers.iter().map(|tier| tier.0)))),
        _ if !for_club => {
            let clubs = names(program, reward.clubs.iter().map(|club| club.0));
            Some(Refusal::NotMember { clubs, helps: true })
        }
        (None, Some(0)) => Some(beyond_limit(program, reward, member, (1, 0), now)),
        (None, _) => None,
    };
    Offer { price, left_for_member, refusal }
}

/// Why a reward is not offered at `now`, if it is not.
fn unoffered(reward: &Reward, price: Option<Points>, now: Moment) -> Option<Unoffered> {
    match price {
        None => Some(Unoffered::Ever),
        _ if reward.until <= now => Some(Unoffered::Since(reward.until)),
        _ if now < reward.from => Some(Unoffered::Until(reward.from)),
        Some(_) => None,
    }
}

fn names(program: &Program, words: impl Iterator<Item = Word>) -> Vec<Text> {
    words.map(|word| program.text(word).into()).collect()
}

/// That more is asked than the reward's limit leaves, and when that will be otherwise.
fn beyond_limit(
    program: &Program,
    reward: &Reward,
    member: &Member,
    (asked, left): (i64, i64),
    now: Moment,
) -> Refusal {
    let within = reward.limit.filter(|limit| asked <= limit.times);
    let opens_at = within.and_then(|limit| {
        let most = Points(limit.times.saturating_sub(asked));
        let day = next_below(program, member, (limit.meter, limit.window), most, program.zone.day_of(now))?;
        Some(program.zone.start_of(day))
    });
    Refusal::RewardLimit { asked, left, opens_at }
}

/// Redeems a reward at once: hold and capture in one order.
pub(super) fn redeem(ground: &Ground<'_>, member: &Member, name: &str, times: u32) -> Result<Outcome, Refusal> {
    let program = ground.timeline.at(ground.now);
    let (reward, wallet) = reward_named(program, name)?;
    active(member)?;
    let price = affordable_terms(ground, program, member, reward, times)?;
    let stock = stock_taken(ground, name, reward, times)?;
    let points = Points(price.0.checked_mul(i64::from(times)).ok_or_else(|| Refusal::too_large("price"))?);
    let lots = purses::spend(member, wallet, points)?;
    let voucher = reward.voucher.map(|_| {
        let expires_at = purses::voucher_end(program, reward, ground.now);
        let nonce = format!("redeem {}", ground.request_id).into();
        purses::issued(ground.timeline, ground.mint, member.key, nonce, expires_at)
    });
    let count = reward
        .limit
        .map(|limit| post(program, member, ground.now, (limit.meter, limit.window), Points(i64::from(times))));
    let redeemed = RewardRedeemed { reward: reward.id, times, wallet: wallet.id, lots, count, voucher };
    let mut facts = vec![Fact::RewardRedeemed(Box::new(redeemed))];
    facts.extend(purses::activity(program, member, wallet, ground.now, ground.now));
    if !reward.gives.is_empty() {
        facts = giving(ground, member, facts, program, (reward, times)).map_err(overflow)?;
    }
    Ok(Outcome { facts, pots: stock.into_iter().collect() })
}

/// Facts of a redemption with what the reward gives at once.
fn giving(
    ground: &Ground<'_>,
    member: &Member,
    facts: Vec<Fact>,
    program: &Program,
    (reward, times): (&Reward, u32),
) -> Result<Vec<Fact>, Overflow> {
    let mut story = Story::on(ground, member);
    facts.into_iter().try_for_each(|fact| story.adopt(fact))?;
    Giving { program, times, at: ground.now, meter: None, of: None }.give(&mut story, &reward.gives)?;
    followed(ground, member, story.facts)
}

fn reward_named<'a>(program: &'a Program, name: &str) -> Result<(&'a Reward, &'a Wallet), Refusal> {
    let reward = program.register.word(name).and_then(|word| program.reward(RewardId(word)));
    let found = reward.and_then(|reward| Some((reward, program.wallet(reward.wallet)?)));
    found.ok_or_else(|| Refusal::UnknownReward(name.into()))
}

/// The price, if the member may have as many.
fn affordable_terms(
    ground: &Ground<'_>,
    program: &Program,
    member: &Member,
    reward: &Reward,
    times: u32,
) -> Result<Points, Refusal> {
    let offer = offer(program, reward, member, ground.now);
    let asked = i64::from(times);
    match (offer.refusal, offer.left_for_member, offer.price) {
        (Some(Refusal::RewardLimit { left, .. }), ..) => {
            Err(beyond_limit(program, reward, member, (asked, left), ground.now))
        }
        (Some(refusal), _, _) => Err(refusal),
        (None, Some(left), _) if left < asked => Err(beyond_limit(program, reward, member, (asked, left), ground.now)),
        (None, _, Some(price)) => Ok(price),
        (None, _, None) => Err(Refusal::RewardNotOffered(Unoffered::Ever)),
    }
}

/// What is taken of the reward's stock, if that has an end.
fn stock_taken(ground: &Ground<'_>, name: &str, reward: &Reward, times: u32) -> Result<Option<PotMove>, Refusal> {
    let Some(stock) = reward.stock else { return Ok(None) };
    let pot = Pot::stock_of(name);
    let gone = ground.pots.iter().find(|(known, _)| *known == pot).map_or(0, |(_, gone)| gone.0);
    let (asked, left) = (i64::from(times), stock.saturating_sub(gone).max(0));
    if asked > left {
        return Err(Refusal::OutOfStock { asked, left });
    }
    Ok(Some(PotMove { pot, amount: Points(asked) }))
}

/// Takes a redemption back: its points return to their lots, its stock and its voucher with them.
pub(super) fn cancel(ground: &Ground<'_>, member: &Member, redemption: Seq, reason: &Note) -> Result<Outcome, Refusal> {
    let redeemed = ground.subject.filter(|entry| entry.member == ground.key).and_then(redeemed_by);
    let redeemed = redeemed.ok_or(Refusal::UnknownRedemption)?;
    active(member)?;
    let voucher = redeemed.voucher.as_ref().map(|voucher| voucher.claim);
    let voucher_open = voucher.is_none_or(|claim| member.desk().vouchers.iter().any(|held| held.claim == claim));
    // What was given at once may have been used; it is not taken back.
    let gave = ground.subject.is_some_and(|entry| gave(ground, entry, redeemed));
    if ground.latest.is_some() || !voucher_open || gave {
        return Err(Refusal::RedemptionOver);
    }
    let count = redeemed.count.map(|mut count| {
        count.amount = Points(count.amount.0.saturating_neg());
        count
    });
    let cancelled = Fact::RedemptionCancelled { redemption, reason: reason.clone(), count, voucher };
    let mut facts = vec![cancelled];
    facts.extend(refund(ground, member, redeemed.wallet, &redeemed.lots, redemption)?);
    let facts = followed(ground, member, facts).map_err(overflow)?;
    Ok(Outcome { facts, pots: stock_back(ground, redeemed).into_iter().collect() })
}

/// Whether the reward gave something at once, by the version that judged the redemption.
fn gave(ground: &Ground<'_>, entry: &Entry, redeemed: &RewardRedeemed) -> bool {
    let program = ground.timeline.version(entry.program_version);
    program.and_then(|program| program.reward(redeemed.reward)).is_some_and(|reward| !reward.gives.is_empty())
}

/// What an entry redeemed.
pub(super) fn redeemed_by(entry: &Entry) -> Option<&RewardRedeemed> {
    entry.facts.iter().find_map(|fact| match fact {
        Fact::RewardRedeemed(redeemed) => Some(&**redeemed),
        _ => None,
    })
}

fn stock_back(ground: &Ground<'_>, redeemed: &RewardRedeemed) -> Option<PotMove> {
    // The version that judged the redemption says whether it took of a stock.
    let program = ground.timeline.version(ground.subject?.program_version)?;
    program.reward(redeemed.reward)?.stock?;
    let pot = Pot::stock_of(program.text(redeemed.reward.0));
    Some(PotMove { pot, amount: Points(-i64::from(redeemed.times)) })
}

/// Points that come back to the lots they were taken from; one that has ended meanwhile gets the program's grace.
pub(super) fn refund(
    ground: &Ground<'_>,
    member: &Member,
    wallet: crate::domain::program::WalletId,
    lots: &[Lot],
    made_by: Seq,
) -> Result<Vec<Fact>, Refusal> {
    let program = ground.timeline.at(ground.now);
    let Some(wallet) = program.wallet(wallet) else { return Ok(Vec::new()) };
    let grace = wallet.grace.map(|span| program.zone.start_of(span.after(program.zone.day_of(ground.now))));
    let back = lots.iter().map(|lot| revived(*lot, made_by, grace, ground.now)).collect::<Vec<_>>();
    if lot::total(&back).map_err(overflow)? == Points::ZERO {
        return Ok(Vec::new());
    }
    let lapsed = member.purse(wallet.id).is_some_and(|purse| purse.lapses_at <= ground.now);
    let reopened = grace.filter(|_| lapsed).map(|lapses_at| Fact::ActivityCounted {
        wallet: wallet.id,
        lapses_at,
        notice_at: Moment::NEVER,
        before: None,
    });
    let added = purses::came_back(member, wallet, AddedCause::Refund, back.clone(), ground.now).map_err(overflow)?;
    let mut after = member.clone();
    after.apply(&added, Seq::THIS).map_err(overflow)?;
    let revived = purses::revived(&after, wallet.id, &back, made_by, ground.now);
    Ok(reopened.into_iter().chain([added]).chain(revived).collect())
}

fn revived(mut lot: Lot, made_by: Seq, grace: Option<Moment>, now: Moment) -> Lot {
    if lot.terms.entry == Seq::THIS {
        lot.terms.entry = made_by;
    }
    if lot.terms.expires_at <= now {
        lot.terms.expires_at = grace.unwrap_or(lot.terms.expires_at);
        lot.terms.notice_at = Moment::NEVER;
    }
    lot
}

/// Uses a voucher up, unless its redemption has paid for a purchase by itself: journals from before that used the voucher
/// up may hold it open.
pub(super) fn use_up(ground: &Ground<'_>, member: &Member, voucher: Claim, note: &Note) -> Result<Vec<Fact>, Refusal> {
    ground.subject.ok_or(Refusal::UnknownVoucher)?;
    active(member)?;
    let is_open = member.desk().vouchers.iter().any(|held| held.claim == voucher);
    match is_open && ground.latest.is_none() {
        true => Ok(vec![Fact::VoucherUsed { voucher, note: note.clone() }]),
        false => Err(Refusal::VoucherOver),
    }
}
