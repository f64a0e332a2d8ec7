//! Goods that come back, line by line: what they had earned goes, what had paid for them comes.
//!
//! Everything is computed from what was recorded with the purchase. What has come back of a line is counted from the
//! beginning each time and rounded once, so that a return in any number of pieces takes back the same as one.

use super::purchase::{budget_move, record};
use super::rewards::refund;
use super::story::Story;
use super::windows::{enrolled_on, window_key};
use super::{CLOCK_SKEW, Ground, Outcome, PotMove, ladder, milestones, overflow, purses, shares};
use crate::domain::calendar::Day;
use crate::domain::event::{
    BelongingFact, Entry, Fact, Grant, LIFETIME, LineReturned, MeterPost, Part, PointsTaken, PurchaseRecorded,
};
use crate::domain::event::{PurchaseReturned, TakenCause};
use crate::domain::lot::{self, Lot, Terms};
use crate::domain::member::{HeldBoost, Member, MemberState};
use crate::domain::order::{Fault, Line, Purchase, Refusal, Return};
use crate::domain::program::{Basis, Debt, Timeline, WalletId};
use crate::domain::units::{Moment, Overflow, Points, Text};

/// The facts of a return, and of the purchase made instead where there is one.
pub(super) fn take_back(ground: &Ground<'_>, member: &Member, asked: &Return) -> Result<Outcome, Refusal> {
    let bought = Bought::of(ground)?;
    bought.lines_named(asked)?;
    exchange_is_new(ground, asked)?;
    if member.state == MemberState::Closed {
        return Err(Refusal::MemberClosed);
    }
    in_time(ground, bought.recorded, asked)?;
    let after = bought.after(asked)?;
    let taken = bought.taken(&after).map_err(overflow)?;
    let paid_back = bought.paid_back(ground, &after).map_err(overflow)?;
    let mut story = Story { returned: Some(bought.entry), ..Story::on(ground, member) };
    let returned = bought.fact(ground, asked, &after, &taken, &paid_back).map_err(overflow)?;
    story.add(Fact::PurchaseReturned(Box::new(returned))).map_err(overflow)?;
    refund_all(ground, &mut story, &paid_back)?;
    for (wallet, points, total) in &taken.wallets {
        bought.uncut(ground, &mut story, *wallet, *points)?;
        let fact = bought.take(ground, &story.member, *wallet, *points, *total).map_err(overflow)?;
        story.extend(fact).map_err(overflow)?;
    }
    let came_back =
        paid_back.now.iter().map(|(wallet, ..)| wallet).chain(taken.wallets.iter().map(|(wallet, ..)| wallet));
    for wallet in came_back {
        let follows = purses::came_in(&story, *wallet);
        story.extend(follows).map_err(overflow)?;
    }
    if bought.is_undone(&after) {
        let undone = purses::activity_undone(&story, bought.entry);
        story.extend(undone).map_err(overflow)?;
    }
    let counted_at = bought.recorded.counted_at;
    let lost = story.aside(ground.now, |story| milestones::reached(story, &taken.meters, counted_at));
    let lost = lost.map_err(overflow)?;
    let days = days_counted(ground, member, counted_at, &taken.meters, &lost);
    story.extend(lost).map_err(overflow)?;
    if !taken.meters.is_empty() {
        let withdrawn =
            ladder::withdrawn(ground, member, &story.member, &days, (bought.entry, counted_at)).map_err(overflow)?;
        story.extend(withdrawn).map_err(overflow)?;
    }
    story.run_to(ground.settles_to).map_err(overflow)?;
    exchanged(ground, asked, story, taken.pots)
}

/// A day in each window that counts less now: the purchase's own, and of windows that do not hold it the first.
fn days_counted(
    ground: &Ground<'_>,
    member: &Member,
    counted_at: Moment,
    posts: &[MeterPost],
    lost: &[Fact],
) -> Vec<Day> {
    let program = ground.timeline.at(counted_at);
    let (day, enrolled) = (program.zone.day_of(counted_at), enrolled_on(&program.zone, member));
    let is_elsewhere = |post: &&MeterPost| {
        let meter = program.meter(post.meter).filter(|_| post.window != LIFETIME);
        meter.is_some_and(|meter| window_key(meter.window, day, enrolled) != post.window)
    };
    let beside = lost.iter().filter_map(|fact| match fact {
        Fact::Belonging(fact) => match &**fact {
            BelongingFact::MetersCounted { posts, .. } => Some(posts),
            _ => None,
        },
        _ => None,
    });
    let all = posts.iter().chain(beside.flatten());
    let mut days: Vec<Day> = all.filter(is_elsewhere).map(|post| post.window).collect();
    days.push(day);
    days.sort_unstable();
    days.dedup();
    days
}

/// Goods come back after they were bought, and not in the future.
fn in_time(ground: &Ground<'_>, recorded: &PurchaseRecorded, asked: &Return) -> Result<(), Refusal> {
    let (Some(occurred_at), now) = (asked.occurred_at, ground.now) else { return Ok(()) };
    if occurred_at < recorded.purchase.occurred_at {
        let message = "is before the purchase".into();
        return Err(Refusal::Malformed(vec![Fault { field: "occurred_at".into(), message }]));
    }
    if occurred_at > now.plus(CLOCK_SKEW) {
        return Err(Refusal::OccurredInFuture { occurred_at, now });
    }
    Ok(())
}

/// Points that had paid come back before anything is taken; what they could become by themselves waits until it is.
fn refund_all(ground: &Ground<'_>, story: &mut Story<'_>, paid_back: &PaidBack) -> Result<(), Refusal> {
    for (wallet, lots, made_by) in &paid_back.now {
        let facts = refund(ground, &story.member, *wallet, lots, *made_by)?;
        facts.into_iter().try_for_each(|fact| story.adopt(fact)).map_err(overflow)?;
    }
    Ok(())
}

/// The receipt of an exchange is a purchase's, and used once.
fn exchange_is_new(ground: &Ground<'_>, asked: &Return) -> Result<(), Refusal> {
    match (ground.exchanged, &asked.exchange) {
        (Some(entry), Some(_)) if entry.member != ground.key => Err(Refusal::ReceiptClaimed),
        (Some(entry), Some(_)) => Err(Refusal::KeyReused { field: "return_receipt".into(), entry: entry.seq }),
        _ => Ok(()),
    }
}

/// The return with the purchase made instead.
fn exchanged(
    ground: &Ground<'_>,
    asked: &Return,
    story: Story<'_>,
    mut pots: Vec<PotMove>,
) -> Result<Outcome, Refusal> {
    let (member, mut facts) = (story.member.into_owned(), story.facts);
    if let Some(purchase) = &asked.exchange {
        super::fields::understood(ground, purchase).map_err(of_exchange)?;
        let request_id = format!("{} exchange", ground.request_id);
        let left = given_back(ground.pots, &pots);
        let ground = Ground { member: Some(&member), request_id: &request_id, pots: &left, ..*ground };
        let bought = record(&ground, &member, purchase).map_err(of_exchange)?;
        pots.extend(bought.pots);
        facts.extend(bought.facts);
    }
    Ok(Outcome { facts, pots })
}

/// What is gone of budgets once the return has given its part back: what is bought instead may take it, since both are
/// one order and move a budget by their difference.
fn given_back(gone: &[(Text, Points)], moves: &[PotMove]) -> Vec<(Text, Points)> {
    let after = |(pot, gone): &(Text, Points)| {
        let moved = moves.iter().filter(|step| step.pot == *pot).map(|step| step.amount.0);
        (pot.clone(), Points(moved.fold(gone.0, i64::saturating_add)))
    };
    gone.iter().map(after).collect()
}

/// A refusal of the purchase made instead: its fields are named as the order has them.
fn of_exchange(refusal: Refusal) -> Refusal {
    let Refusal::Malformed(mut faults) = refusal else { return refusal };
    for fault in &mut faults {
        fault.field = fault.field.replacen("purchase", "exchange", 1);
    }
    Refusal::Malformed(faults)
}

/// The purchase that comes back, and how much of it has already.
struct Bought<'a> {
    timeline: &'a Timeline,
    entry: &'a Entry,
    recorded: &'a PurchaseRecorded,
    returns: u32,
    before: &'a [LineReturned],
    refunded: Points,
    boosts: &'a [HeldBoost],
}

/// What this return takes back.
struct Taken {
    grants: Vec<(u16, Points)>,
    /// By wallet: how much now, and how much over all returns.
    wallets: Vec<(WalletId, Points, Points)>,
    meters: Vec<MeterPost>,
    pots: Vec<PotMove>,
}

/// Points that had paid: by wallet the lots that come back now, with the entry that had taken them.
struct PaidBack {
    now: Vec<(WalletId, Vec<Lot>, crate::domain::event::Seq)>,
    so_far: Points,
}

impl<'a> Bought<'a> {
    fn of(ground: &Ground<'a>) -> Result<Self, Refusal> {
        let entry = ground.subject.filter(|entry| entry.member == ground.key).ok_or(Refusal::UnknownReceipt)?;
        let recorded = entry.purchase().ok_or(Refusal::UnknownReceipt)?;
        let latest = ground.latest.and_then(Entry::returned);
        Ok(Self {
            timeline: ground.timeline,
            entry,
            recorded,
            returns: latest.map_or(0, |returned| returned.number),
            before: latest.map_or(&[], |returned| &returned.so_far),
            refunded: latest.map_or(Points::ZERO, |returned| returned.refunded_so_far),
            boosts: ground.member.map_or(&[], |member| &member.belonging().boosts),
        })
    }

    fn purchase(&self) -> &'a Purchase {
        &self.recorded.purchase
    }

    /// What will have come back once this return has.
    fn after(&self, asked: &Return) -> Result<Vec<LineReturned>, Refusal> {
        let mut after = self.before.to_vec();
        let now = if asked.lines.is_empty() { self.everything_left() } else { self.lines_asked(asked)? };
        for back in now {
            match after.iter_mut().find(|other| other.line == back.line) {
                Some(so_far) => {
                    let went = self.lowered_of(*so_far, back.quantity);
                    so_far.quantity = so_far.quantity.saturating_add(back.quantity);
                    so_far.minor_units = so_far.minor_units.saturating_add(back.minor_units).saturating_sub(went);
                }
                None => after.push(back),
            }
        }
        after.sort_unstable_by_key(|back| back.line);
        if after == self.before { Err(Refusal::NothingToReturn) } else { Ok(after) }
    }

    /// What the price of so many units had been lowered by: it comes back with them.
    fn lowered_of(&self, so_far: LineReturned, quantity: i64) -> i64 {
        let bought = self.purchase().lines.get(usize::from(so_far.line));
        let left = bought.map_or(0, |bought| bought.quantity.0.saturating_sub(so_far.quantity)).max(1);
        let went = i128::from(so_far.minor_units) * i128::from(quantity) / i128::from(left);
        i64::try_from(went).unwrap_or(so_far.minor_units)
    }

    /// Whether all of it has come back.
    fn is_undone(&self, after: &[LineReturned]) -> bool {
        Bought { before: after, ..*self }.everything_left().is_empty()
    }

    fn so_far(&self, line: u16) -> LineReturned {
        let known = self.before.iter().find(|back| back.line == line);
        known.copied().unwrap_or(LineReturned { line, ..LineReturned::default() })
    }

    fn everything_left(&self) -> Vec<LineReturned> {
        let lines = (0_u16..).zip(&self.purchase().lines);
        let left = lines.map(|(line, bought)| {
            let left = left_of(bought, self.so_far(line));
            // Units stand for their price; a line of no units has only that.
            LineReturned { minor_units: if bought.quantity.0 > 0 { 0 } else { left.minor_units }, ..left }
        });
        left.filter(|left| left.quantity > 0 || left.minor_units > 0).collect()
    }

    /// The lines asked for, not more than is left of each.
    fn lines_asked(&self, asked: &Return) -> Result<Vec<LineReturned>, Refusal> {
        let lines = self.lines_named(asked)?;
        lines.iter().try_for_each(|line| self.is_left(*line))?;
        Ok(lines)
    }

    /// The lines asked for, each once and known; all faults at once.
    fn lines_named(&self, asked: &Return) -> Result<Vec<LineReturned>, Refusal> {
        let mut faults = Vec::new();
        let mut lines: Vec<LineReturned> = Vec::new();
        for (position, line) in asked.lines.iter().enumerate() {
            let found = (0_u16..).zip(&self.purchase().lines).find(|(_, bought)| bought.line_id == line.line_id);
            let message = match found {
                None => "is not on the receipt",
                Some((at, _)) if lines.iter().any(|other| other.line == at) => "is listed twice",
                Some((line_no, _)) => {
                    let (quantity, minor_units) = (line.quantity.0, line.minor_units);
                    lines.push(LineReturned { line: line_no, quantity, minor_units });
                    continue;
                }
            };
            faults.push(Fault { field: format!("lines[{position}].line_id"), message: message.into() });
        }
        if faults.is_empty() { Ok(lines) } else { Err(Refusal::Malformed(faults)) }
    }

    fn is_left(&self, back: LineReturned) -> Result<(), Refusal> {
        let Some(bought) = self.purchase().lines.get(usize::from(back.line)) else { return Ok(()) };
        let left = left_of(bought, self.so_far(back.line));
        let exceeds = |asked, left| Refusal::ReturnExceedsPurchase { line_id: bought.line_id.clone(), asked, left };
        match back {
            LineReturned { quantity, .. } if quantity > left.quantity => Err(exceeds(quantity, left.quantity)),
            LineReturned { minor_units, .. } if minor_units > left.minor_units => {
                Err(exceeds(minor_units, left.minor_units))
            }
            _ => Ok(()),
        }
    }

    /// What this return takes back of every grant, and with it of wallets, meters and budgets.
    fn taken(&self, after: &[LineReturned]) -> Result<Taken, Overflow> {
        let mut taken = Taken { grants: Vec::new(), wallets: Vec::new(), meters: Vec::new(), pots: Vec::new() };
        for (position, grant) in (0_u16..).zip(&self.recorded.grants) {
            let (before, total) = (self.back_of(grant, self.before)?, self.back_of(grant, after)?);
            let now = Points(total.checked_sub(before).ok_or(Overflow)?);
            if let Some(wallet) = grant.wallet {
                taken.of_wallet(wallet, now, Points(total))?;
            }
            if now != Points::ZERO {
                taken.of_grant(self, position, grant, now)?;
            }
        }
        Ok(taken)
    }

    /// What has come back of a grant.
    fn back_of(&self, grant: &Grant, so_far: &[LineReturned]) -> Result<i64, Overflow> {
        let by_money = self.counts_money(grant);
        self.shares(grant).into_iter().try_fold(0_i64, |sum, (line, share)| {
            sum.checked_add(self.back(line, share, so_far, by_money)?).ok_or(Overflow)
        })
    }

    /// What each line has earned of a grant. A discount that took points away reduced what the other lines earned by
    /// the same rule, so that goods that come back never take more than they brought.
    fn shares(&self, grant: &Grant) -> Vec<(u16, Points)> {
        let Some(line) = grant.line else {
            // Journals from before there were shares have none.
            let shares = match grant.shares.is_empty() {
                true => shares::divided(grant.granted, &shares::by_amount(self.purchase())),
                false => grant.shares.clone(),
            };
            return shares.to_vec();
        };
        let family = |other: &&Grant| {
            let bonus = |part: Part| matches!(part, Part::TierBonus(_));
            let same_rule = (other.rule, other.program_version) == (grant.rule, grant.program_version);
            same_rule && bonus(other.part) == bonus(grant.part)
        };
        let family: Vec<&Grant> = self.recorded.grants.iter().filter(family).collect();
        if family.iter().all(|other| other.granted >= Points::ZERO) {
            return vec![(line, grant.granted)];
        }
        let positive = family.iter().filter(|other| other.granted > Points::ZERO);
        let weights: Vec<(u16, i64)> = positive.filter_map(|other| Some((other.line?, other.granted.0))).collect();
        let total = family.iter().map(|other| other.granted.0).fold(0_i64, i64::saturating_add);
        let divided = shares::divided(Points(total), &weights);
        divided.into_iter().filter(|(other, _)| *other == line && grant.granted > Points::ZERO).collect()
    }

    /// Whether a post counted towards the cap of a boost that has begun anew since: the earlier count is gone.
    fn is_counted_anew(&self, grant: &Grant, post: &MeterPost) -> bool {
        let anew = self.boosts.iter().any(|held| held.boost == grant.rule && self.entry.seq < held.began);
        let rule = || self.timeline.version(grant.program_version)?.rule(grant.rule);
        anew && rule().and_then(|rule| rule.caps.per_member).is_some_and(|cap| cap.meter == post.meter)
    }

    /// Whether a price adjustment takes back of this grant: not where things were counted.
    fn counts_money(&self, grant: &Grant) -> bool {
        let program = self.timeline.version(grant.program_version);
        let rule = program.and_then(|program| program.rules.iter().find(|rule| rule.id == grant.rule));
        rule.is_none_or(|rule| !matches!(rule.basis, Basis::Quantity))
    }

    /// What has come back of a line's share, rounded down; all of it once the whole line has.
    fn back(&self, line: u16, share: Points, so_far: &[LineReturned], by_money: bool) -> Result<i64, Overflow> {
        let returned = so_far.iter().find(|back| back.line == line);
        let bought = self.purchase().lines.get(usize::from(line));
        let Some((returned, bought)) = returned.zip(bought) else { return Ok(0) };
        let (part, whole) = returned.part_of(bought, by_money);
        let back = i128::from(share.0).checked_mul(part).ok_or(Overflow)?.div_euclid(whole);
        i64::try_from(back).map_err(|_| Overflow)
    }

    /// Takes points out of a wallet: of the purchase's own lot, then of what would be spent first; what had paid back
    /// debt is owed again, and what is not there becomes debt as the program says.
    fn take(
        &self,
        ground: &Ground<'_>,
        member: &Member,
        wallet: WalletId,
        points: Points,
        total: Points,
    ) -> Result<Vec<Fact>, Overflow> {
        if points <= Points::ZERO {
            return Ok(Vec::new());
        }
        let earned = self.recorded.lots.iter().find(|(id, _)| *id == wallet).map(|(_, lot)| *lot);
        let in_lot = earned.map_or(Points::ZERO, |lot| lot.points);
        let before = total.minus(points)?;
        let beyond = |so_far: Points| so_far.0.saturating_sub(in_lot.0).max(0);
        let program = ground.timeline.at(ground.now);
        let owed_again = match purses::policy(program, wallet) {
            // Who owes has nothing, and who has something owes nothing: it is taken first.
            Debt::Negative => Points::ZERO,
            Debt::NextEarnings | Debt::WriteOff => Points(beyond(total) - beyond(before)),
        };
        let wanted = points.minus(owed_again)?;
        // What ended unspent is nobody's debt.
        let came = earned.map(|lot| Terms { entry: self.entry.seq, ..lot.terms });
        let ended = came.map(|came| purses::ended(member, wallet, &came, wanted)).unwrap_or_default();
        let wanted = wanted.minus(lot::total(&ended)?)?;
        let ended = (!ended.is_empty()).then_some(Fact::EndedReturned { wallet, lots: ended });
        let lots = member.purse(wallet).map(|purse| self.parts(&purse.lots, earned, wanted)).unwrap_or_default();
        let missing = wanted.minus(lot::total(&lots)?)?;
        let already = member.debt(wallet).plus(owed_again)?;
        let (owed, written_off) = purses::owed(program, member, wallet, already, missing)?;
        let owed = owed.plus(owed_again)?;
        let (cause, at) = (TakenCause::Returned, ground.now);
        let taken = Fact::PointsTaken(Box::new(PointsTaken { wallet, cause, at, lots, owed, written_off }));
        let any = ended.is_none() || owed_again.plus(wanted)? > Points::ZERO;
        Ok(ended.into_iter().chain(any.then_some(taken)).collect())
    }

    /// Takes vouchers back that the purchase's own points were cut into at once, as far as they are needed and nobody
    /// has used them: what is bought and comes back leaves nothing behind.
    fn uncut(
        &self,
        ground: &Ground<'_>,
        story: &mut Story<'_>,
        wallet: WalletId,
        points: Points,
    ) -> Result<(), Refusal> {
        for fact in &self.entry.facts {
            let Fact::VouchersCut(cut) = fact else { continue };
            let there = story.member.purse(wallet).map_or(Ok(Points::ZERO), |purse| lot::total(&purse.lots));
            let is_open = story.member.desk().vouchers.iter().any(|held| held.claim == cut.voucher.claim);
            if cut.wallet != wallet || !is_open || there.map_err(overflow)? >= points {
                continue;
            }
            let (redemption, voucher) = (self.entry.seq, Some(cut.voucher.claim));
            let cancelled = Fact::RedemptionCancelled { redemption, reason: "returned".into(), count: None, voucher };
            story.adopt(cancelled).map_err(overflow)?;
            let facts = refund(ground, &story.member, wallet, &cut.lots, self.entry.seq)?;
            facts.into_iter().try_for_each(|fact| story.adopt(fact)).map_err(overflow)?;
        }
        Ok(())
    }

    /// Parts of lots that make up `points`: the purchase's own lot first.
    fn parts(&self, lots: &[Lot], earned: Option<Lot>, points: Points) -> Vec<Lot> {
        let own = lots.iter().position(|lot| lot.terms.entry == self.entry.seq).or_else(|| {
            // It was joined to another, as it came or after it had matured.
            let came = Terms { entry: self.entry.seq, ..earned?.terms };
            let matured = Terms { available_at: Moment::BEGINNING, ..came };
            lot::find(lots, &came).or_else(|| lot::find(lots, &matured))
        });
        let (own, others): (Vec<_>, Vec<_>) = lots.iter().enumerate().partition(|(at, _)| Some(*at) == own);
        let (ready, pending): (Vec<_>, Vec<_>) = others.into_iter().partition(|(_, lot)| lot.terms.is_available());
        lot::first(own.into_iter().chain(ready).chain(pending).map(|(_, lot)| lot), points)
    }

    /// Points that had paid for what has come back, in proportion to its price.
    fn paid_back(&self, ground: &Ground<'_>, after: &[LineReturned]) -> Result<PaidBack, Overflow> {
        let (before, whole) = self.worth(self.before)?;
        let (total, _) = self.worth(after)?;
        let mut paid = PaidBack { now: Vec::new(), so_far: self.refunded };
        for own in &self.recorded.paid_by {
            let payment = ground.paid_by.iter().find(|payment| payment.own() == Some(*own));
            let Some((_, wallet, lots)) = payment.and_then(|payment| payment.spent()) else { continue };
            let spent = i128::from(lot::total(lots)?.0);
            let due = |worth: i128| {
                let due = spent.checked_mul(worth).ok_or(Overflow)? / whole;
                i64::try_from(due).map(Points).map_err(|_| Overflow)
            };
            let now = due(total)?.minus(due(before)?)?;
            let backwards: Vec<Lot> = lots.iter().rev().copied().collect();
            let parts = lot::first(&lot::after(&backwards, due(before)?), now);
            paid.so_far = paid.so_far.plus(now)?;
            paid.now.push((wallet, parts, *own));
        }
        Ok(paid)
    }

    /// The price of what has come back, and of the whole receipt (at least 1), discounts left aside.
    fn worth(&self, so_far: &[LineReturned]) -> Result<(i128, i128), Overflow> {
        let lines = (0_u16..).zip(&self.purchase().lines);
        let positive = lines.filter(|(_, line)| line.minor_units > 0);
        let (mut back, mut whole) = (0_i128, 0_i128);
        for (position, line) in positive {
            whole += i128::from(line.minor_units);
            if let Some(returned) = so_far.iter().find(|back| back.line == position) {
                let (part, of) = returned.part_of(line, true);
                back += i128::from(line.minor_units).checked_mul(part).ok_or(Overflow)? / of;
            }
        }
        Ok((back, whole.max(1)))
    }

    /// The price of what has come back, discounts shared by all of it.
    fn price(&self, so_far: &[LineReturned]) -> Result<i64, Overflow> {
        let (back, whole) = self.worth(so_far)?;
        let total = i128::from(self.purchase().total().ok_or(Overflow)?);
        i64::try_from(total.checked_mul(back).ok_or(Overflow)? / whole).map_err(|_| Overflow)
    }

    fn fact(
        &self,
        ground: &Ground<'_>,
        asked: &Return,
        after: &[LineReturned],
        taken: &Taken,
        paid_back: &PaidBack,
    ) -> Result<PurchaseReturned, Overflow> {
        Ok(PurchaseReturned {
            return_receipt: asked.return_receipt.clone(),
            receipt: asked.receipt.clone(),
            purchase: self.entry.seq,
            number: self.returns.saturating_add(1),
            occurred_at: asked.occurred_at.unwrap_or(ground.now),
            asked: self.lines_asked(asked).unwrap_or_default(),
            so_far: after.to_vec(),
            grants: taken.grants.clone(),
            meters: taken.meters.clone(),
            refunded_so_far: paid_back.so_far,
            bought: (self.recorded.counted_at, self.entry.program_version),
            minor_units: self.price(after)?.saturating_sub(self.price(self.before)?),
            taken: taken.wallets.iter().map(|(wallet, now, _)| (*wallet, *now)).collect(),
        })
    }
}

impl Taken {
    fn of_wallet(&mut self, wallet: WalletId, now: Points, total: Points) -> Result<(), Overflow> {
        match self.wallets.iter_mut().find(|(id, ..)| *id == wallet) {
            Some((_, sum, so_far)) => (*sum, *so_far) = (sum.plus(now)?, so_far.plus(total)?),
            None => self.wallets.push((wallet, now, total)),
        }
        Ok(())
    }

    fn of_grant(&mut self, bought: &Bought<'_>, position: u16, grant: &Grant, now: Points) -> Result<(), Overflow> {
        self.grants.push((position, now));
        let less = Points(now.0.checked_neg().ok_or(Overflow)?);
        self.pots.extend(budget_move(bought.timeline, grant, less));
        for post in grant.meters.iter().filter(|post| !bought.is_counted_anew(grant, post)) {
            let same = |other: &&mut MeterPost| (other.meter, other.window) == (post.meter, post.window);
            match self.meters.iter_mut().find(same) {
                Some(other) => other.amount = other.amount.plus(less)?,
                None => self.meters.push(MeterPost { amount: less, ..*post }),
            }
        }
        Ok(())
    }
}

/// What is left of a line: units, and the price of those units as far as it was not lowered.
fn left_of(bought: &Line, so_far: LineReturned) -> LineReturned {
    let quantity = bought.quantity.0.saturating_sub(so_far.quantity);
    let price = match bought.quantity.0 {
        0 => i128::from(bought.minor_units),
        whole => i128::from(bought.minor_units) * i128::from(quantity) / i128::from(whole),
    };
    let price = i64::try_from(price.max(0)).unwrap_or(i64::MAX);
    LineReturned { line: so_far.line, quantity, minor_units: price.saturating_sub(so_far.minor_units).max(0) }
}
