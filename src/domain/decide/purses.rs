//! Points on their way into a wallet and out of it: the dates they get, what is owed first, what is spent first.

use super::story::Story;
use crate::domain::event::{
    AddedCause, DebtPaid, Entry, Fact, OpeningState, PointsAdded, Seq, TierCause, VoucherIssued, VouchersCut,
};
use crate::domain::lot::{self, Lot, Origin, Terms};
use crate::domain::member::{Member, MemberState, Purse};
use crate::domain::order::{Claim, MemberKey, Refusal};
use crate::domain::program::{Cut, Debt, Expiry, Program, Reward, TierId, Timeline, Wallet, WalletId};
use crate::domain::units::{Moment, Overflow, Points, Text};
use crate::domain::voucher::Mint;

/// The dates of points earned at `earned_at`.
pub(super) fn terms(program: &Program, wallet: &Wallet, earned_at: Moment, now: Moment) -> Terms {
    let day = program.zone.day_of(earned_at);
    let expires_at = wallet.expiry.end(&program.zone, day);
    let available_at = wallet.pending.end(&program.zone, day);
    Terms {
        expires_at,
        notice_at: notice_ahead(program, wallet, expires_at, now),
        available_at: if available_at <= now { Moment::BEGINNING } else { available_at },
        ..Terms::lasting(day)
    }
}

/// These terms with another end.
pub(super) fn ending(program: &Program, wallet: &Wallet, terms: Terms, expires_at: Moment, now: Moment) -> Terms {
    Terms { expires_at, notice_at: notice_ahead(program, wallet, expires_at, now), ..terms }
}

/// Whether a member on `tier` keeps the wallet's points for as long as she stands there.
fn keeps(wallet: &Wallet, tier: Option<TierId>) -> bool {
    tier.is_some_and(|tier| wallet.keeps.contains(&tier))
}

/// When an end at `expires_at` is announced.
fn notice(program: &Program, wallet: &Wallet, expires_at: Moment) -> Moment {
    match wallet.notice {
        Some(span) if expires_at < Moment::NEVER => program.zone.start_of(span.before(program.zone.day_of(expires_at))),
        _ => Moment::NEVER,
    }
}

/// When an end at `expires_at` is announced that may have passed: what is over is not about to end.
fn notice_ahead(program: &Program, wallet: &Wallet, expires_at: Moment, now: Moment) -> Moment {
    if expires_at <= now { Moment::NEVER } else { notice(program, wallet, expires_at) }
}

/// What comes in after debt is paid back: the rest in points, and what was paid back.
pub(super) fn after_debt(member: &Member, wallet: &Wallet, points: Points, earned: bool) -> (Points, Points) {
    let owed = match wallet.debt {
        Debt::Negative => member.debt(wallet.id),
        Debt::NextEarnings if earned => member.debt(wallet.id),
        Debt::NextEarnings | Debt::WriteOff => Points::ZERO,
    };
    let repaid = owed.0.min(points.0).max(0);
    (Points(points.0.saturating_sub(repaid)), Points(repaid))
}

/// What is owed beside `already` and what is written off of points that are missing. Where the program writes debt off,
/// what is on hold is owed until its hold ends: it may flow back, and then it is there.
pub(super) fn owed(
    program: &Program,
    member: &Member,
    wallet: WalletId,
    already: Points,
    missing: Points,
) -> Result<(Points, Points), Overflow> {
    match policy(program, wallet) {
        Debt::Negative | Debt::NextEarnings => Ok((missing, Points::ZERO)),
        Debt::WriteOff => {
            let may_flow_back = member.held(wallet).minus(already)?;
            let owed = Points(missing.0.min(may_flow_back.0).max(0));
            Ok((owed, missing.minus(owed)?))
        }
    }
}

/// What ended unspent of the points that came with the entry `came`, at most `points`.
pub(super) fn ended(member: &Member, wallet: WalletId, came: &Terms, points: Points) -> Vec<Lot> {
    let ended = member.desk().ended.iter().filter(|ended| ended.wallet == wallet).map(|ended| ended.lot);
    let ended: Vec<Lot> = ended.collect();
    let own = ended.iter().filter(|lot| lot.terms.entry == came.entry);
    let mut own: Vec<&Lot> = own.collect();
    if own.is_empty() {
        // They had been joined to others.
        let joined = lot::find(&ended, &Terms { available_at: Moment::BEGINNING, ..*came });
        own.extend(joined.and_then(|at| ended.get(at)));
    }
    lot::first(own, points)
}

/// What the program does about debt; nobody owes anything in a wallet it has no more.
pub(super) fn policy(program: &Program, wallet: WalletId) -> Debt {
    program.wallet(wallet).map_or(Debt::WriteOff, |wallet| wallet.debt)
}

/// What follows when lots flow back into a wallet: first they pay what is owed, those that would be spent last before
/// others. What ended on the way pays too: had it been there, a return would have taken it.
pub(super) fn flowed_back(story: &Story<'_>, wallet: WalletId, back: &[Lot]) -> Vec<Fact> {
    match debt_paid(story, wallet, back) {
        Ok(Some(paid)) => vec![paid],
        // A sum that leaves its range pays nothing.
        Ok(None) | Err(Overflow) => came_in(story, wallet),
    }
}

fn debt_paid(story: &Story<'_>, wallet: WalletId, back: &[Lot]) -> Result<Option<Fact>, Overflow> {
    let Some(purse) = story.member.purse(wallet).filter(|purse| purse.debt > Points::ZERO) else { return Ok(None) };
    let lots = last_first(purse, back, lot::total(back)?.min(purse.debt));
    let (at, left) = (story.now, purse.debt.minus(lot::total(&lots)?)?);
    let (_, written_off) = owed(story.timeline.at(at), &story.member, wallet, Points::ZERO, left)?;
    let any = !lots.is_empty() || written_off > Points::ZERO;
    Ok(any.then(|| Fact::DebtPaid(Box::new(DebtPaid { wallet, at, lots, written_off, revived: Points::ZERO }))))
}

/// What was written off since `made_by` spent what comes back now: had it been there, it would have been taken. `member`
/// has it back already.
pub(super) fn revived(member: &Member, wallet: WalletId, back: &[Lot], made_by: Seq, now: Moment) -> Option<Fact> {
    let gone = member.desk().written_off_since(wallet, made_by);
    let purse = member.purse(wallet).filter(|_| gone > Points::ZERO)?;
    let points = lot::total(back.iter().filter(|lot| lot.terms.expires_at > now)).ok()?.min(gone);
    let lots = last_first(purse, back, points);
    let revived = lot::total(&lots).ok().filter(|revived| *revived > Points::ZERO)?;
    let (at, written_off) = (now, Points::ZERO);
    Some(Fact::DebtPaid(Box::new(DebtPaid { wallet, at, lots, written_off, revived })))
}

/// Parts of lots that make up `points`: of what came in, pending or not, before what else can be spent, and of what would
/// be spent last before what would be spent first. One that was joined to another as it came is paid out of what is alike.
fn last_first(purse: &Purse, back: &[Lot], points: Points) -> Vec<Lot> {
    let came = |lot: &&Lot| back.iter().any(|came| came.terms.is_same_lot(&lot.terms));
    let (own, others): (Vec<&Lot>, Vec<&Lot>) = purse.lots.iter().rev().partition(came);
    let others = others.into_iter().filter(|lot| lot.terms.is_available());
    lot::first(own.into_iter().chain(others), points)
}

/// What follows when lots and debts are brought in: who has both in one wallet has the difference.
fn brought_in(story: &Story<'_>, state: &OpeningState) -> Vec<Fact> {
    let owing = state.debts.iter().map(|(wallet, _)| *wallet);
    let mut wallets: Vec<WalletId> = state.lots.iter().map(|(wallet, _)| *wallet).chain(owing).collect();
    wallets.sort_unstable();
    wallets.dedup();
    let netted = |wallet: WalletId| {
        let own = state.lots.iter().filter(|(other, _)| *other == wallet).map(|(_, lot)| *lot);
        // What had ended before was there for nobody.
        let alive: Vec<Lot> = own.filter(|lot| lot.terms.expires_at > story.now).collect();
        flowed_back(story, wallet, &alive)
    };
    wallets.into_iter().flat_map(netted).collect()
}

/// Points that come in with these terms, as a fact.
pub(super) fn added(member: &Member, wallet: &Wallet, cause: AddedCause, terms: Terms, points: Points) -> Fact {
    let (rest, repaid) = after_debt(member, wallet, points, false);
    let lots = if rest > Points::ZERO { vec![Lot { terms, points: rest }] } else { Vec::new() };
    Fact::PointsAdded(Box::new(PointsAdded { wallet: wallet.id, cause, lots, repaid }))
}

/// Lots that come back, as a fact; debt is paid back out of those that would be spent last, never out of what has
/// ended.
pub(super) fn came_back(
    member: &Member,
    wallet: &Wallet,
    cause: AddedCause,
    mut lots: Vec<Lot>,
    now: Moment,
) -> Result<Fact, Overflow> {
    lots.sort_unstable_by_key(|lot| lot.terms.spending_order());
    let (ended, alive): (Vec<Lot>, Vec<Lot>) = lots.into_iter().partition(|lot| lot.terms.expires_at <= now);
    let (rest, repaid) = after_debt(member, wallet, lot::total(&alive)?, false);
    let lots = ended.into_iter().chain(lot::first(&alive, rest)).collect();
    Ok(Fact::PointsAdded(Box::new(PointsAdded { wallet: wallet.id, cause, lots, repaid })))
}

/// The parts of lots that pay `points`, in the order of spending.
pub(super) fn spend(member: &Member, wallet: &Wallet, points: Points) -> Result<Vec<Lot>, Refusal> {
    if let Some(book) = wallet.book
        && points.0 % book.0 != 0
    {
        return Err(Refusal::NotWholeBooks { points, book });
    }
    take(member, wallet, points)
}

/// As [`spend`], but not held to whole books.
pub(super) fn take(member: &Member, wallet: &Wallet, points: Points) -> Result<Vec<Lot>, Refusal> {
    let available = spendable(member, wallet);
    if points > available {
        return Err(short(member, wallet, points, available));
    }
    let lots = member.purse(wallet.id).map(|purse| lot::first(purse.available(), points));
    Ok(lots.unwrap_or_default())
}

/// That there are too few points, with those that are there besides.
fn short(member: &Member, wallet: &Wallet, asked: Points, available: Points) -> Refusal {
    let (pending, held) = (member.pending(wallet.id), member.held(wallet.id));
    let matures_at = member.purse(wallet.id).and_then(|purse| {
        let owed = member.available(wallet.id).0.saturating_sub(available.0);
        let lasts = |lot: &&Lot, at| purse.kept || at < lot.terms.expires_at;
        let there = |at: Moment| {
            let lots = purse.lots.iter().filter(|lot| lot.terms.available_at <= at && lasts(lot, at));
            lot::total(lots).is_ok_and(|points| points.0.saturating_sub(owed) >= asked.0)
        };
        let matures = purse.pending().map(|lot| lot.terms.available_at).filter(|at| *at < Moment::NEVER);
        matures.filter(|at| there(*at)).min()
    });
    Refusal::InsufficientPoints { asked, available, pending, held, matures_at }
}

/// What a member can spend: below zero where she owes and the wallet counts debt so.
pub fn spendable(member: &Member, wallet: &Wallet) -> Points {
    let available = member.available(wallet.id);
    match wallet.debt {
        Debt::Negative => Points(available.0.saturating_sub(member.debt(wallet.id).0)),
        Debt::NextEarnings | Debt::WriteOff => available,
    }
}

/// The fact that the member was active at `at`, where that keeps the wallet from lapsing later than it would, or as long
/// as another order alone did.
pub(super) fn activity(program: &Program, member: &Member, wallet: &Wallet, at: Moment, now: Moment) -> Option<Fact> {
    let Expiry::Inactive(span) = wallet.expiry else { return None };
    let lapses_at = program.zone.start_of(span.after(program.zone.day_of(at)));
    let purse = member.purse(wallet.id);
    let (before, by) = purse.map_or((Moment::NEVER, Seq::NONE), |purse| (purse.lapses_at, purse.active_by));
    if before == lapses_at && by != Seq::NONE {
        let notice_at = purse.map_or(Moment::NEVER, |purse| purse.lapse_notice_at);
        return Some(Fact::ActivityCounted { wallet: wallet.id, lapses_at, notice_at, before: None });
    }
    let later = before == Moment::NEVER || lapses_at > before;
    let notice_at = notice_ahead(program, wallet, lapses_at, now);
    later.then_some(Fact::ActivityCounted { wallet: wallet.id, lapses_at, notice_at, before: Some(before) })
}

/// When points lapse that come in otherwise than by an activity, where none has said so yet: they are not gone before they
/// are there, and not there for ever.
pub(super) fn lapse_begun(program: &Program, member: &Member, wallet: &Wallet, now: Moment) -> Option<Fact> {
    let has_no_end = |purse: &Purse| purse.lapses_at <= now || purse.lapses_at == Moment::NEVER;
    if member.purse(wallet.id).is_none_or(has_no_end) { activity(program, member, wallet, now, now) } else { None }
}

/// What an order's activity had put off falls due again, where nothing else has put it off since.
pub(super) fn activity_undone(story: &Story<'_>, by: &Entry) -> Vec<Fact> {
    let undone = |fact: &Fact| {
        let Fact::ActivityCounted { wallet, before: Some(before), .. } = *fact else { return None };
        story.member.purse(wallet).filter(|purse| purse.active_by == by.seq)?;
        let program = story.timeline.at(story.now);
        let notice_at = notice(program, program.wallet(wallet)?, before);
        // What was due before that order was announced before it.
        let notice_at = if notice_at <= by.recorded_at { Moment::NEVER } else { notice_at };
        Some(Fact::ActivityCounted { wallet, lapses_at: before, notice_at, before: None })
    };
    by.facts.iter().filter_map(undone).collect()
}

/// What a fact brings about at once: a change of tier redates lots, points that come in are cut into vouchers, and
/// the first of them set the day of the next statement.
pub(super) fn follows(story: &Story<'_>, fact: &Fact) -> Vec<Fact> {
    match fact {
        Fact::TierChanged { to, at, cause, .. } => redated(story, *to, *at, *cause),
        Fact::PurchaseRecorded(recorded) => {
            let wallets = recorded.lots.iter().map(|(wallet, _)| *wallet);
            wallets.flat_map(|wallet| came_in(story, wallet)).collect()
        }
        Fact::PointsAdded(added) => came_in(story, added.wallet),
        Fact::PointsMatured { wallet, .. } => came_in(story, *wallet),
        Fact::DebtPaid(paid) => came_in(story, paid.wallet),
        Fact::HoldReleased { wallet, lots, .. } | Fact::HoldCaptured { wallet, rest: lots, .. } => {
            flowed_back(story, *wallet, lots)
        }
        Fact::OpeningStateSet(state) => brought_in(story, state),
        _ => Vec::new(),
    }
}

/// Whether [`follows`] can have something to say of facts about this member's points.
pub(super) fn may_follow(program: &Program, member: &Member) -> bool {
    let kept = member.purses.iter().any(|purse| purse.kept);
    kept || program.wallets.iter().any(|wallet| wallet.conversion.is_some() || !wallet.keeps.is_empty())
}

/// A change of tier may keep points that were not kept, or stop keeping them: then their clock starts anew, unless the
/// tier is taken back as if it had never been.
fn redated(story: &Story<'_>, to: TierId, at: Moment, cause: TierCause) -> Vec<Fact> {
    let program = story.timeline.at(at);
    let mut facts = Vec::new();
    for wallet in program.wallets.iter().filter(|wallet| has_points(&story.member, wallet.id)) {
        let kept = keeps(wallet, Some(to));
        if story.member.purse(wallet.id).is_some_and(|purse| purse.kept) == kept {
            continue;
        }
        facts.push(Fact::LotsKept { wallet: wallet.id, kept });
        if !kept && cause != TierCause::Returned {
            facts.push(redated_wallet(program, wallet, at));
        }
    }
    facts
}

fn has_points(member: &Member, wallet: WalletId) -> bool {
    let held = member.desk().holds.iter().any(|hold| hold.wallet == wallet);
    held || member.purse(wallet).is_some_and(|purse| purse.kept || !purse.lots.is_empty())
}

/// The ends of everything in a wallet, as if it had been earned at `at`.
fn redated_wallet(program: &Program, wallet: &Wallet, at: Moment) -> Fact {
    let zone = &program.zone;
    if let Expiry::Inactive(span) = wallet.expiry {
        let lapses_at = zone.start_of(span.after(zone.day_of(at)));
        let notice_at = notice(program, wallet, lapses_at);
        return Fact::ActivityCounted { wallet: wallet.id, lapses_at, notice_at, before: None };
    }
    let terms = terms(program, wallet, at, at);
    Fact::LotsRedated { wallet: wallet.id, expires_at: terms.expires_at, notice_at: terms.notice_at }
}

/// What follows when points come in.
pub(super) fn came_in(story: &Story<'_>, wallet: WalletId) -> Vec<Fact> {
    kept(story, wallet).into_iter().chain(converted(story, wallet)).collect()
}

/// That points are kept from the first of them on, where the member's tier keeps them.
fn kept(story: &Story<'_>, wallet: WalletId) -> Option<Fact> {
    let found = story.timeline.at(story.now).wallet(wallet)?;
    // Of who closed, the program says how long.
    let keeps = keeps(found, story.member.standing.tier()) && story.member.state != MemberState::Closed;
    let kept = story.member.purse(wallet).is_some_and(|purse| purse.kept);
    (keeps && !kept).then_some(Fact::LotsKept { wallet, kept: true })
}

/// What becomes of points that can be spent now: vouchers at once, or on the next of the days.
fn converted(story: &Story<'_>, wallet: WalletId) -> Vec<Fact> {
    let program = story.timeline.at(story.now);
    let Some((wallet, conversion)) = program.wallet(wallet).and_then(|w| Some((w, w.conversion.as_ref()?))) else {
        return Vec::new();
    };
    let at = story.now;
    match (&conversion.cut, story.member.purse(wallet.id)) {
        (Cut::AtOnce, _) => cut(story, program, wallet, at).into_iter().collect(),
        (Cut::On(_), Some(Purse { statement_at, .. })) if *statement_at > at && *statement_at < Moment::NEVER => {
            Vec::new()
        }
        (days, _) => vec![Fact::StatementSet { wallet: wallet.id, at: days.next(&program.zone, at) }],
    }
}

/// The vouchers that whole steps of the balance become; none if there is no whole step.
pub(super) fn cut(story: &Story<'_>, program: &Program, wallet: &Wallet, at: Moment) -> Option<Fact> {
    let conversion = wallet.conversion.as_ref()?;
    let reward = program.reward(conversion.reward)?;
    let member = &*story.member;
    let steps = spendable(member, wallet).0.max(0) / conversion.step.0.max(1);
    let times = u32::try_from(steps).unwrap_or(u32::MAX);
    if times == 0 {
        return None;
    }
    let points = Points(i64::from(times).checked_mul(conversion.step.0)?);
    let lots = lot::first(member.purse(wallet.id)?.available(), points);
    let voucher = cut_voucher(story, program, reward, wallet, at);
    let (wallet, reward) = (wallet.id, reward.id);
    Some(Fact::VouchersCut(Box::new(VouchersCut { wallet, at, reward, times, lots, voucher })))
}

/// When a voucher for a reward, issued at `at`, expires.
pub(super) fn voucher_end(program: &Program, reward: &Reward, at: Moment) -> Moment {
    match reward.voucher.flatten() {
        Some(valid) => program.zone.start_of(valid.after(program.zone.day_of(at)).plus_days(1)),
        None => Moment::NEVER,
    }
}

/// The head starts of a new member, as facts.
pub(super) fn head_starts(program: &Program, member: &Member, now: Moment) -> Vec<Fact> {
    let given = program.wallets.iter().filter(|wallet| wallet.head_start > Points::ZERO);
    let facts = |wallet: &Wallet| {
        let terms = Terms { origin: Origin::Given, ..terms(program, wallet, now, now) };
        let terms = Terms { available_at: Moment::BEGINNING, ..terms };
        let given = added(member, wallet, AddedCause::HeadStart, terms, wallet.head_start);
        [given].into_iter().chain(lapse_begun(program, member, wallet, now))
    };
    given.flat_map(facts).collect()
}

/// The voucher that a cut of `wallet` at `at` issues.
fn cut_voucher(story: &Story<'_>, program: &Program, reward: &Reward, wallet: &Wallet, at: Moment) -> VoucherIssued {
    let (version, place, chapter) = (story.member.version, story.facts.len(), &story.chapter);
    let nonce = format!("cut {} {} {version} {place} {chapter}", wallet.id.0.0, at.0).into();
    issued(story.timeline, story.mint, story.member.key, nonce, voucher_end(program, reward, at))
}

/// A voucher of a member, as it is issued.
pub(super) fn issued(
    timeline: &Timeline,
    mint: &Mint,
    member: MemberKey,
    nonce: Text,
    expires_at: Moment,
) -> VoucherIssued {
    VoucherIssued { claim: Claim::voucher(timeline.number, &mint.code(member, &nonce)), nonce, expires_at }
}
