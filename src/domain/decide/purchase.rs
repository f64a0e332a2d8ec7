//! Recording a purchase: may it count, what does it earn, where does it lift the member to.

use std::sync::Arc;

use smallvec::SmallVec;

use super::story::Story;
use super::{CLOCK_SKEW, Ground, Outcome, PotMove, active, alerts, earning, ladder, milestones, overflow, purses};
use crate::domain::event::{Fact, Grant, MeterPost, PurchaseRecorded, Seq};
use crate::domain::lot::{self, Lot};
use crate::domain::member::{Member, Pot, Voucher};
use crate::domain::order::{Fault, Note, Purchase, Refusal};
use crate::domain::program::{Program, Timeline, Wallet, WalletId};
use crate::domain::units::{Moment, Overflow, Points};

/// The facts of a new purchase: what was recorded and granted, then what became of the member's tier.
pub(super) fn record(ground: &Ground<'_>, member: &Member, purchase: &Arc<Purchase>) -> Result<Outcome, Refusal> {
    let counted_at = purchase.occurred_at.min(ground.now);
    let program = ground.timeline.at(counted_at);
    let paid_by = paid_by(ground, purchase)?;
    active(member)?;
    acceptable(ground, program, member, purchase)?;
    unspent(ground, &paid_by)?;
    let recorded = recorded(ground, member, purchase, counted_at).map_err(|_| Refusal::too_large("earned"))?;
    let recorded = PurchaseRecorded { paid_by, ..recorded };
    fits(program, member, &recorded)?;
    let pots = budgets_used(ground, &recorded.grants);
    let mut after = ladder::review(ground, member, &recorded.grants, counted_at)?;
    after.extend(activities(ground, member, &recorded, counted_at));
    after.extend(vouchers_used(member, &recorded.paid_by));
    after.extend(alerts::ended_by(program, member, &recorded));
    let posts: Vec<MeterPost> = recorded.grants.iter().flat_map(|grant| grant.meters.iter().copied()).collect();
    let lifted = after.iter().any(|fact| matches!(fact, Fact::TierChanged { .. }));
    let reaches = milestones::concern(program, member, &posts, (counted_at, lifted)).map_err(overflow)?;
    let settles = settles_at_once(member, &recorded, &after, ground.now);
    let follows = purses::may_follow(ground.timeline.at(ground.now), member);
    let mut facts = Vec::with_capacity(1 + after.len());
    facts.push(Fact::PurchaseRecorded(Box::new(recorded)));
    facts.append(&mut after);
    if reaches {
        facts = reached(ground, member, facts, (&posts, counted_at), !follows).map_err(overflow)?;
    }
    if follows || (settles && !reaches) {
        facts = followed(ground, member, facts).map_err(overflow)?;
    }
    Ok(Outcome { facts, pots })
}

/// Facts with the milestones that their counts reach, and what falls due with them where nothing else follows: that
/// spares telling the story again.
fn reached(
    ground: &Ground<'_>,
    member: &Member,
    facts: Vec<Fact>,
    (posts, counted_at): (&[MeterPost], Moment),
    is_whole: bool,
) -> Result<Vec<Fact>, Overflow> {
    let mut story = Story::on(ground, member);
    facts.into_iter().try_for_each(|fact| story.adopt(fact))?;
    milestones::reached(&mut story, posts, counted_at)?;
    if is_whole {
        story.run_to(ground.settles_to)?;
    }
    Ok(story.facts)
}

/// The captured holds and the redemptions a purchase is paid with: the member's own, each for one purchase. What a hold
/// sets aside is not spent yet, and could not come back with the goods.
fn paid_by(ground: &Ground<'_>, purchase: &Purchase) -> Result<Vec<Seq>, Refusal> {
    let (mut faults, mut own) = (Vec::new(), Vec::new());
    for (position, tender) in purchase.tenders.iter().enumerate().filter(|(_, t)| t.redemption != Seq::NONE) {
        let payment = ground.paid_by.iter().find(|payment| payment.named == tender.redemption);
        let hers = payment.filter(|payment| payment.entry.as_ref().is_some_and(|entry| entry.member == ground.key));
        let is_spent = hers.is_some_and(|payment| payment.spent().is_some());
        match hers.and_then(super::Payment::own) {
            Some(seq) if own.contains(&seq) => faults.push(tender_fault(position, "is named twice")),
            Some(seq) if is_spent => own.push(seq),
            Some(_) => faults.push(tender_fault(position, "is a hold that was not captured")),
            None => faults.push(tender_fault(position, "is no hold or redemption of the member")),
        }
    }
    if faults.is_empty() { Ok(own) } else { Err(Refusal::Malformed(faults)) }
}

/// Whether nothing else was paid with these, and none was cancelled.
fn unspent(ground: &Ground<'_>, paid_by: &[Seq]) -> Result<(), Refusal> {
    let spent = |own: &Seq| ground.paid_by.iter().any(|payment| payment.own() == Some(*own) && payment.is_spent);
    if paid_by.iter().any(spent) { Err(Refusal::RedemptionSpent) } else { Ok(()) }
}

/// The vouchers of what the purchase is paid with: they have bought it, and nothing else can be had for them.
fn vouchers_used<'a>(member: &'a Member, paid_by: &'a [Seq]) -> impl Iterator<Item = Fact> + 'a {
    let open = |own: &Seq| member.desk().vouchers.iter().find(|held| held.entry == *own);
    let used = |held: &Voucher| Fact::VoucherUsed { voucher: held.claim, note: Note::default() };
    paid_by.iter().filter_map(open).map(used)
}

fn tender_fault(position: usize, message: &str) -> Fault {
    Fault { field: format!("purchase.tenders[{position}].redemption_id"), message: message.into() }
}

/// The purchase with its grants and the lots they come in.
fn recorded(
    ground: &Ground<'_>,
    member: &Member,
    purchase: &Arc<Purchase>,
    counted_at: Moment,
) -> Result<PurchaseRecorded, Overflow> {
    let program = ground.timeline.at(counted_at);
    let tier = program.ladder.as_ref().map(|ladder| member.standing.tier_at(ladder, counted_at));
    let Ground { timeline, pots, .. } = *ground;
    let grants = earning::grants(&earning::Buying { timeline, member, purchase, counted_at, tier, pots })?;
    let (mut lots, mut repaid) = (SmallVec::new(), Vec::new());
    for wallet in wallets_of(&grants) {
        let earned = granted_to(wallet, &grants)?;
        let (rest, paid_back) = match program.wallet(wallet).or_else(|| timeline.newest().wallet(wallet)) {
            Some(wallet) => {
                let (rest, repaid) = purses::after_debt(member, wallet, earned, true);
                let terms = purses::terms(program, wallet, counted_at, ground.now);
                (Lot { terms, points: rest }, repaid)
            }
            None => continue,
        };
        if rest.points > Points::ZERO {
            lots.push((wallet, rest));
        }
        if paid_back > Points::ZERO {
            repaid.push((wallet, paid_back));
        }
    }
    Ok(PurchaseRecorded { purchase: Arc::clone(purchase), counted_at, tier, grants, lots, repaid, paid_by: Vec::new() })
}

fn wallets_of(grants: &[Grant]) -> SmallVec<[WalletId; 2]> {
    let mut wallets = SmallVec::new();
    for wallet in grants.iter().filter_map(|grant| grant.wallet) {
        if !wallets.contains(&wallet) {
            wallets.push(wallet);
        }
    }
    wallets
}

fn granted_to(wallet: WalletId, grants: &[Grant]) -> Result<Points, Overflow> {
    let into = grants.iter().filter(|grant| grant.wallet == Some(wallet));
    into.map(|grant| grant.granted).try_fold(Points::ZERO, Points::plus)
}

/// Whether something about these lots is due at once: a late fact may bring points that are over already.
fn settles_at_once(member: &Member, recorded: &PurchaseRecorded, after: &[Fact], now: Moment) -> bool {
    let lapses = |wallet| member.purse(wallet).is_some_and(|purse| purse.lapses_at.min(purse.lapse_notice_at) <= now);
    let over =
        |(wallet, lot): &(WalletId, Lot)| lot.terms.expires_at.min(lot.terms.notice_at) <= now || lapses(*wallet);
    let late = |fact: &Fact| match fact {
        Fact::ActivityCounted { lapses_at, notice_at, .. } => (*lapses_at).min(*notice_at) <= now,
        _ => false,
    };
    recorded.lots.iter().any(over) || after.iter().any(late)
}

/// Facts with everything that follows from them by now.
pub(super) fn followed(ground: &Ground<'_>, member: &Member, facts: Vec<Fact>) -> Result<Vec<Fact>, Overflow> {
    let mut story = Story::on(ground, member);
    story.extend(facts)?;
    story.run_to(ground.settles_to)?;
    Ok(story.facts)
}

/// That a purchase keeps wallets from lapsing.
fn activities(ground: &Ground<'_>, member: &Member, recorded: &PurchaseRecorded, at: Moment) -> Vec<Fact> {
    let program = ground.timeline.at(ground.now);
    let active = |wallet: &&Wallet| recorded.grants.iter().any(|grant| grant.wallet == Some(wallet.id));
    let wallets = program.wallets.iter().filter(active);
    wallets.filter_map(|wallet| purses::activity(program, member, wallet, at, ground.now)).collect()
}

/// What grants take from the budgets of campaigns.
fn budgets_used(ground: &Ground<'_>, grants: &[Grant]) -> Vec<PotMove> {
    let mut moves: Vec<PotMove> = Vec::new();
    for grant in grants.iter().filter(|grant| grant.granted != Points::ZERO) {
        moves.extend(budget_move(ground.timeline, grant, grant.granted));
    }
    moves
}

/// The move of a campaign's budget by a grant, if it has one.
pub(super) fn budget_move(timeline: &Timeline, grant: &Grant, amount: Points) -> Option<PotMove> {
    let program = timeline.version(grant.program_version)?;
    let rule = program.rules.iter().find(|rule| rule.id == grant.rule)?;
    rule.caps.budget?;
    Some(PotMove { pot: Pot::budget_of(program.text(rule.id.0)), amount })
}

/// Whether the program's policy lets this purchase count.
fn acceptable(ground: &Ground<'_>, program: &Program, member: &Member, purchase: &Purchase) -> Result<(), Refusal> {
    let (occurred_at, now) = (purchase.occurred_at, ground.now);
    if occurred_at > now.plus(CLOCK_SKEW) {
        return Err(Refusal::OccurredInFuture { occurred_at, now });
    }
    let earliest = earliest_accepted(program, now);
    if occurred_at < earliest {
        return Err(Refusal::TooLate { occurred_at, earliest });
    }
    if occurred_at < member.enrolled_at && !program.credit_before_enrolment {
        return Err(Refusal::BeforeEnrolment { occurred_at, enrolled_at: member.enrolled_at });
    }
    if purchase.currency != program.currency {
        return Err(Refusal::WrongCurrency { expected: program.currency, found: purchase.currency });
    }
    Ok(())
}

/// The start of the day that lies `accept_late` before today, in the program's zone.
fn earliest_accepted(program: &Program, now: Moment) -> Moment {
    program.zone.start_of(program.accept_late.before(program.zone.day_of(now)))
}

/// A wallet that cannot hold what comes in.
pub(super) fn too_full(program: &Program, wallet: WalletId) -> Refusal {
    Refusal::too_large(&format!("wallets.{}", program.text(wallet.0)))
}

/// Whether every wallet can hold what comes in.
fn fits(program: &Program, member: &Member, recorded: &PurchaseRecorded) -> Result<(), Refusal> {
    recorded.lots.iter().try_for_each(|(wallet, lot)| holds_more(program, member, *wallet, lot.points))
}

/// Whether a wallet can hold so much more.
pub(super) fn holds_more(program: &Program, member: &Member, wallet: WalletId, more: Points) -> Result<(), Refusal> {
    let held = member.purse(wallet).map_or(Ok(Points::ZERO), |purse| lot::total(&purse.lots));
    held.and_then(|held| held.plus(more)).map_err(|_| too_full(program, wallet)).map(|_| ())
}
