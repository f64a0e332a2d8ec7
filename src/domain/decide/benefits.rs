//! How what a milestone, a choice or a reward gives comes to a member, and how it is taken back.

use super::clubs::left;
use super::earning::post;
use super::had;
use super::ladder::held_fact;
use super::milestones;
use super::purses;
use super::standing::moved;
use super::story::Story;
use super::windows::{enrolled_on, window_span};
use crate::domain::calendar::CalendarSpan;
use crate::domain::event::{
    AddedCause, BelongingFact, CountCause, Fact, Given, JoinedBy, LIFETIME, LeftCause, MeterPost, PointsTaken,
    TakenCause, TierCause,
};
use crate::domain::lot::{self, Lot, Terms};
use crate::domain::member::{HeldBy, Member};
use crate::domain::order::Note;
use crate::domain::program::{Benefit, ClubId, Lasts, MeterId, PrivilegeId, Program, RuleId, TierId, WalletId};
use crate::domain::units::{Moment, Overflow, Points, Text};

/// Who gives: the program's version, how often, and the moment it counts at.
#[derive(Clone, Copy)]
pub(super) struct Giving<'a> {
    pub program: &'a Program,
    pub times: u32,
    pub at: Moment,
    /// The meter of the milestone that gives, whose window something may last.
    pub meter: Option<MeterId>,
    /// That milestone, where it gives by itself.
    pub of: Option<Given>,
}

impl Giving<'_> {
    /// Gives all of `benefits`.
    pub(super) fn give(&self, story: &mut Story<'_>, benefits: &[Benefit]) -> Result<(), Overflow> {
        benefits.iter().try_for_each(|benefit| self.give_one(story, *benefit))
    }

    fn give_one(&self, story: &mut Story<'_>, benefit: Benefit) -> Result<(), Overflow> {
        match benefit {
            Benefit::Points(wallet, points) => self.points(story, wallet, self.many(points)?),
            Benefit::Count(meter, amount) => self.count(story, meter, self.many(amount)?),
            Benefit::Uses(privilege, uses, lasts) => {
                let (uses, until) = (uses.saturating_mul(self.times), self.end(story, lasts));
                story.adopt(Fact::from(BelongingFact::UsesGiven { privilege, uses, until, of: self.of }))
            }
            Benefit::Membership(club, span) => self.membership(story, club, span),
            Benefit::Tier(tier, lasts) => self.tier(story, tier, lasts),
            Benefit::Boost(rule) => self.boost(story, rule),
        }
    }

    fn many(&self, points: Points) -> Result<Points, Overflow> {
        points.0.checked_mul(i64::from(self.times)).map(Points).ok_or(Overflow)
    }

    fn points(&self, story: &mut Story<'_>, wallet: WalletId, points: Points) -> Result<(), Overflow> {
        let Some(wallet) = self.program.wallet(wallet) else { return Ok(()) };
        let mut terms = purses::terms(self.program, wallet, story.now, story.now);
        let confirmable = story.facts.iter().any(|fact| matches!(fact, Fact::PurchaseRecorded(_)));
        if terms.available_at == Moment::NEVER && !confirmable {
            // No purchase gave them that could be confirmed.
            terms.available_at = Moment::BEGINNING;
        }
        let added = purses::added(&story.member, wallet, AddedCause::Benefit, terms, points);
        let lapse = purses::lapse_begun(self.program, &story.member, wallet, story.now);
        [added].into_iter().chain(lapse).try_for_each(|fact| story.adopt(fact))
    }

    fn count(&self, story: &mut Story<'_>, meter: MeterId, amount: Points) -> Result<(), Overflow> {
        let Some(found) = self.program.meter(meter) else { return Ok(()) };
        let post = post(self.program, &story.member, self.at, (meter, found.window), amount);
        count(story, CountCause::Benefit, vec![post], self.at)
    }

    /// Until when something given lasts.
    fn end(&self, story: &Story<'_>, lasts: Lasts) -> Moment {
        end(self.program, &story.member, lasts, self.meter, (self.at, story.now))
    }

    fn after(&self, from: Moment, span: CalendarSpan) -> Moment {
        self.program.zone.start_of(span.after(self.program.zone.day_of(from)))
    }

    fn membership(&self, story: &mut Story<'_>, club: ClubId, span: CalendarSpan) -> Result<(), Overflow> {
        for _ in 0..self.times {
            let held = story.member.belonging().club(club).copied();
            let since = held.map_or(story.now, |held| held.since);
            let endless = held.is_some_and(|held| held.until == Moment::NEVER);
            let until =
                if endless { Moment::NEVER } else { self.after(held.map_or(story.now, |held| held.until), span) };
            let (by, takes_place, fee, actor) = (JoinedBy::Benefit, false, None, Text::default());
            story.adopt(Fact::from(BelongingFact::ClubJoined { club, by, since, until, takes_place, fee, actor }))?;
        }
        Ok(())
    }

    fn tier(&self, story: &mut Story<'_>, tier: TierId, lasts: Lasts) -> Result<(), Overflow> {
        let found = self.program.ladder.iter().flat_map(|ladder| &ladder.tiers).find(|found| found.id == tier);
        let until = match (lasts, found) {
            (Lasts::Validity, Some(tier)) => tier.validity.end(&self.program.zone, self.program.zone.day_of(story.now)),
            (lasts, _) => self.end(story, lasts),
        };
        story.adopt(held_fact(tier, HeldBy::Benefit, story.now, until))?;
        let changed = moved(story.timeline, &story.member, story.now, TierCause::Granted);
        changed.into_iter().try_for_each(|fact| story.adopt(fact))
    }

    fn boost(&self, story: &mut Story<'_>, boost: RuleId) -> Result<(), Overflow> {
        let Some(given) = self.program.rule(boost).and_then(|rule| rule.boost) else { return Ok(()) };
        let through = |within: CalendarSpan| {
            let zone = &self.program.zone;
            zone.start_of(within.after(zone.day_of(story.now)).plus_days(1))
        };
        let register_before = given.register_within.map(through);
        story.adopt(Fact::from(BelongingFact::BoostGiven { boost, register_before }))?;
        match register_before {
            Some(_) => Ok(()),
            None => begin_boost(story, self.program, boost, self.at),
        }
    }
}

/// Until when something lasts that is given to a member now, for what counted at `at`.
pub(super) fn end(
    program: &Program,
    member: &Member,
    lasts: Lasts,
    meter: Option<MeterId>,
    (at, now): (Moment, Moment),
) -> Moment {
    let zone = &program.zone;
    match lasts {
        Lasts::Span(span) => zone.start_of(span.after(zone.day_of(now))),
        Lasts::Validity => {
            let held = program.ladder.as_ref().and_then(|ladder| member.standing.at(ladder, now));
            held.map_or(Moment::NEVER, |held| held.until)
        }
        Lasts::Window => {
            let window = meter.and_then(|meter| program.meter(meter)).map(|meter| meter.window);
            let enrolled = enrolled_on(zone, member);
            let span = window.and_then(|window| window_span(window, zone.day_of(at), enrolled));
            span.map_or(Moment::NEVER, |(_, end)| zone.start_of(end))
        }
        Lasts::Forever => Moment::NEVER,
    }
}

/// Begins a boost that waits.
pub(super) fn begin_boost(
    story: &mut Story<'_>,
    program: &Program,
    boost: RuleId,
    since: Moment,
) -> Result<(), Overflow> {
    let Some(rule) = program.rule(boost) else { return Ok(()) };
    let Some(given) = rule.boost else { return Ok(()) };
    let until = end(program, &story.member, given.lasts, rule.meters.first().copied(), (since, since));
    let reset = rule.caps.per_member.and_then(|cap| {
        let had = story.member.meters.in_window(cap.meter, LIFETIME);
        let less = MeterPost { meter: cap.meter, window: LIFETIME, amount: Points(had.0.saturating_neg()) };
        (had != Points::ZERO).then_some(less)
    });
    story.adopt(Fact::from(BelongingFact::BoostBegan { boost, since, until, reset }))
}

/// Counts something that was not bought, with everything that follows from it.
pub(super) fn count(
    story: &mut Story<'_>,
    cause: CountCause,
    posts: Vec<MeterPost>,
    at: Moment,
) -> Result<(), Overflow> {
    story.adopt(Fact::from(BelongingFact::MetersCounted { cause, posts: posts.clone() }))?;
    milestones::follow(story, &posts, at)
}

/// Takes back what a milestone had given, as far as it is still there.
pub(super) fn take_back(
    story: &mut Story<'_>,
    program: &Program,
    benefits: &[Benefit],
    of: Given,
    at: Moment,
) -> Result<(), Overflow> {
    for benefit in benefits.iter().rev() {
        match *benefit {
            Benefit::Points(wallet, points) => take_points(story, program, wallet, points)?,
            Benefit::Count(meter, amount) => {
                let Some(found) = program.meter(meter) else { continue };
                let less = Points(amount.0.saturating_neg());
                let post = post(program, &story.member, at, (meter, found.window), less);
                count(story, CountCause::Benefit, vec![post], at)?;
            }
            Benefit::Uses(privilege, ..) => take_uses(story, privilege, of)?,
            Benefit::Membership(club, span) => take_membership(story, program, club, span)?,
            Benefit::Tier(tier, _) => take_tier(story, tier)?,
            Benefit::Boost(boost) => {
                if had::waiting(story.member.belonging(), boost) > 0 {
                    story.adopt(Fact::from(BelongingFact::BoostEnded { boost, at: story.now }))?;
                }
            }
        }
    }
    Ok(())
}

/// Takes a span of membership back; what was there before it stays.
fn take_membership(story: &mut Story<'_>, program: &Program, club: ClubId, span: CalendarSpan) -> Result<(), Overflow> {
    let held = story.member.belonging().club(club).copied().filter(|held| held.until < Moment::NEVER);
    let Some(held) = held else { return Ok(()) };
    let until = program.zone.start_of(span.before(program.zone.day_of(held.until)));
    if until <= held.since || until <= story.now {
        return story.adopt(left(&held, LeftCause::Lapsed, story.now));
    }
    let (by, since, takes_place, fee, actor) = (JoinedBy::Benefit, held.since, false, None, Text::default());
    story.adopt(Fact::from(BelongingFact::ClubJoined { club, by, since, until, takes_place, fee, actor }))
}

fn take_points(story: &mut Story<'_>, program: &Program, wallet: WalletId, points: Points) -> Result<(), Overflow> {
    let came = came_with_purchase(story, program, wallet);
    // What ended unspent is nobody's debt.
    let ended = came.map(|came| purses::ended(&story.member, wallet, &came, points)).unwrap_or_default();
    let points = points.minus(lot::total(&ended)?)?;
    if !ended.is_empty() {
        story.adopt(Fact::EndedReturned { wallet, lots: ended })?;
    }
    if points <= Points::ZERO {
        return Ok(());
    }
    let lots = lots_given(story, came, wallet, points);
    let missing = points.minus(lot::total(&lots)?)?;
    let (owed, written_off) = purses::owed(program, &story.member, wallet, story.member.debt(wallet), missing)?;
    let (cause, at) = (TakenCause::MilestoneLost, story.now);
    story.adopt(Fact::PointsTaken(Box::new(PointsTaken { wallet, cause, at, lots, owed, written_off })))
}

/// The terms of points that came with the purchase whose goods come back.
fn came_with_purchase(story: &Story<'_>, program: &Program, wallet: WalletId) -> Option<Terms> {
    let entry = story.returned?;
    let terms = purses::terms(program, program.wallet(wallet)?, entry.recorded_at, entry.recorded_at);
    Some(Terms { entry: entry.seq, ..terms })
}

/// Parts of lots that make up `points`: those that came with the purchase whose goods come back, then those that end last,
/// so that nobody changes points that end soon for others by buying and returning.
fn lots_given(story: &Story<'_>, came: Option<Terms>, wallet: WalletId, points: Points) -> Vec<Lot> {
    let Some(purse) = story.member.purse(wallet) else { return Vec::new() };
    // They were joined to others, as they came or after they had matured.
    let joined = came.and_then(|came| {
        let matured = Terms { available_at: Moment::BEGINNING, ..came };
        lot::find(&purse.lots, &came).or_else(|| lot::find(&purse.lots, &matured))
    });
    let came_with = |lot: &Lot| story.returned.is_some_and(|entry| entry.seq == lot.terms.entry);
    let newest_first = purse.lots.iter().enumerate().rev();
    let (own, others): (Vec<_>, Vec<_>) = newest_first.partition(|(at, lot)| came_with(lot) || Some(*at) == joined);
    lot::first(own.into_iter().chain(others).map(|(_, lot)| lot), points)
}

/// Takes the newest uses of a privilege that a milestone gave, as far as they were not used.
fn take_uses(story: &mut Story<'_>, privilege: PrivilegeId, of: Given) -> Result<(), Overflow> {
    let newest = had::unused(story.member.belonging(), privilege, of).next();
    let gone = newest.map(|held| BelongingFact::UsesGone { privilege, given: held.entry, at: story.now, of: Some(of) });
    gone.into_iter().try_for_each(|gone| story.adopt(Fact::from(gone)))
}

fn take_tier(story: &mut Story<'_>, tier: TierId) -> Result<(), Overflow> {
    let given = story.member.standing.held().iter().rev().find(|held| held.tier == tier && held.by == HeldBy::Benefit);
    let Some(grant) = given.map(|held| held.entry) else { return Ok(()) };
    let (reason, actor) = (Note::from("returned"), Text::default());
    story.adopt(Fact::from(BelongingFact::TierGrantRevoked { grant, tier, reason, actor }))?;
    let changed = moved(story.timeline, &story.member, story.now, TierCause::Returned);
    changed.into_iter().try_for_each(|fact| story.adopt(fact))
}
