//! What counting comes to on the ladder: tiers earned, for a while or for life, and tiers lost with goods that came back.
//!
//! What becomes of a tier when its time is over, or the ladder changes, is `standing.rs`.

use super::Ground;
use super::standing::{bare_withdrawn, moved};
use super::windows::{first_day, readings};
use crate::domain::calendar::Day;
use crate::domain::event::{BelongingFact, CountCause, Entry, Fact, Grant, LIFETIME, MeterPost, Seq, TierCause};
use crate::domain::member::{Held, HeldBy, Member};
use crate::domain::order::{MemberKey, Refusal};
use crate::domain::program::condition::Subject;
use crate::domain::program::{
    Condition, Ladder, OnReturn, Program, Tier, TierId, Timeline, Validity, Window, YearCount,
};
use crate::domain::units::{Moment, Overflow, Points, Text};

/// The facts that follow from newly counted grants: tiers earned, and the change of standing.
pub(super) fn review(
    ground: &Ground<'_>,
    member: &Member,
    grants: &[Grant],
    counted_at: Moment,
) -> Result<Vec<Fact>, Refusal> {
    let posts: Vec<MeterPost> = grants.iter().flat_map(|grant| grant.meters.iter().copied()).collect();
    if posts.is_empty() {
        return Ok(Vec::new());
    }
    counted(ground.timeline, member, &posts, counted_at, ground.now).map_err(super::overflow)
}

/// As [`review`], of `posts` that are not folded into the member yet (none if all of them are).
pub(super) fn counted(
    timeline: &Timeline,
    member: &Member,
    posts: &[MeterPost],
    counted_at: Moment,
    now: Moment,
) -> Result<Vec<Fact>, Overflow> {
    let program = timeline.at(counted_at);
    let Some(ladder) = &program.ladder else { return Ok(Vec::new()) };
    let review = Review { posts, ..Review::of(program, ladder, member, now) };
    let day = program.zone.day_of(counted_at);
    let earned = review.earned(day)?;
    let (mut facts, floor) = review.facts_of(&earned, day)?;
    facts.extend(lifted(timeline, member, earned.iter().map(|held| held.tier).chain(floor), now));
    Ok(facts)
}

/// The facts that follow from who a member is now and was not before: tiers whose conditions hold `after` and did not.
pub(super) fn completed(
    timeline: &Timeline,
    before: &Member,
    after: &Member,
    now: Moment,
) -> Result<Vec<Fact>, Overflow> {
    let program = timeline.at(now);
    let Some(ladder) = &program.ladder else { return Ok(Vec::new()) };
    let day = program.zone.day_of(now);
    let (was, is) = (Review::of(program, ladder, before, now), Review::of(program, ladder, after, now));
    let (had, had_for_life) = (was.earned(day)?, was.floor(day, &[])?);
    let mut earned = is.earned(day)?;
    earned.retain(|held| !had.iter().any(|other| other.tier == held.tier));
    let (mut facts, mut floor) = is.facts_of(&earned, day)?;
    if floor.is_some() && floor == had_for_life {
        facts.pop();
        floor = None;
    }
    facts.extend(lifted(timeline, after, earned.iter().map(|held| held.tier).chain(floor), now));
    Ok(facts)
}

/// The facts that follow from what a return took off the meters: tiers that rested on it go, as far as the program
/// says so, and what the rest still earns takes their place. `days` lie in the windows that count less now.
pub(super) fn withdrawn(
    ground: &Ground<'_>,
    before: &Member,
    after: &Member,
    days: &[Day],
    (bought, counted_at): (&Entry, Moment),
) -> Result<Vec<Fact>, Overflow> {
    let program = ground.timeline.at(counted_at);
    let Some(ladder) = program.ladder.as_ref().filter(|_| program.on_return == OnReturn::Withdraw) else {
        return Ok(Vec::new());
    };
    let mut lost =
        lost(&Review::of(program, ladder, before, ground.now), &Review::of(program, ladder, after, ground.now), days)?;
    lost.retain(|held| may_rest_on(bought, held));
    let (mut after, mut facts) = (after.clone(), Vec::new());
    for held in &lost {
        facts.extend(taken_away(&mut after, held)?);
    }
    facts.extend(bare_withdrawn(&mut after, ground.now)?);
    if !lost.is_empty() {
        for day in days {
            let review = Review { stood_before: bought.recorded_at, ..Review::of(program, ladder, &after, ground.now) };
            for held in review.earned(*day)? {
                let fact = earned_fact(&held);
                after.apply(&fact, Seq::THIS)?;
                facts.push(fact);
            }
        }
    }
    let fewer = Review::of(program, ladder, &after, ground.now).years_lost(&lost);
    if !fewer.is_empty() {
        let fewer = count_years(fewer);
        after.apply(&fewer, Seq::THIS)?;
        facts.push(fewer);
    }
    for held in lost_floors(
        &Review::of(program, ladder, before, ground.now),
        &Review::of(program, ladder, &after, ground.now),
        days,
    )? {
        if may_rest_on(bought, &held) {
            facts.extend(taken_away(&mut after, &held)?);
        }
    }
    facts.extend(moved(ground.timeline, &after, ground.now, TierCause::Returned));
    Ok(facts)
}

/// What she held before a purchase was recorded cannot rest on it, unless its own entry gave it for an earlier day.
fn may_rest_on(bought: &Entry, held: &Held) -> bool {
    let gave = |fact: &Fact| match fact {
        Fact::TierEarned { tier, since, until } => (*tier, *since, *until) == (held.tier, held.since, held.until),
        _ => false,
    };
    held.since >= bought.recorded_at || bought.facts.iter().any(gave)
}

/// Takes one span away; others of the same tier and end, which a fact cannot tell from it, are held anew.
fn taken_away(member: &mut Member, lost: &Held) -> Result<Vec<Fact>, Overflow> {
    let alike = |held: &&Held| (held.tier, held.until) == (lost.tier, lost.until) && !held.by.is_granted();
    let others: Vec<Held> = member.standing.held().iter().filter(alike).filter(|held| *held != lost).copied().collect();
    let mut facts = vec![Fact::TierWithdrawn { tier: lost.tier, until: lost.until }];
    facts.extend(others.iter().map(|held| match held.by {
        HeldBy::Earned => earned_fact(held),
        by => held_fact(held.tier, by, held.since, held.until),
    }));
    facts.iter().try_for_each(|fact| member.apply(fact, Seq::THIS))?;
    Ok(facts)
}

/// The spans that a member earned by readings that no longer earn them.
fn lost(before: &Review<'_>, after: &Review<'_>, days: &[Day]) -> Result<Vec<Held>, Overflow> {
    let mut lost = Vec::new();
    for held in before.member.standing.held().iter().filter(|held| held.by == HeldBy::Earned) {
        let Some(tier) = before.ladder.tiers.iter().find(|tier| tier.id == held.tier) else { continue };
        let Some(condition) = before.had_asked(tier, held) else { continue };
        let earns = |review: &Review<'_>| -> Result<bool, Overflow> {
            for day in days {
                let readings = review.readings_touched(*day)?;
                if review.ends_by(tier, condition, &readings)?.contains(&held.until) {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        if earns(before)? && !earns(after)? {
            lost.push(*held);
        }
    }
    Ok(lost)
}

/// The tiers held for life by readings that no longer give them.
fn lost_floors(before: &Review<'_>, after: &Review<'_>, days: &[Day]) -> Result<Vec<Held>, Overflow> {
    let mut lost = Vec::new();
    for held in before.member.standing.held().iter().filter(|held| held.by == HeldBy::Floor) {
        let Some(tier) = before.ladder.tiers.iter().find(|tier| tier.id == held.tier) else { continue };
        let gives = |review: &Review<'_>| -> Result<bool, Overflow> {
            for day in days {
                if review.is_floor(tier, &review.readings_touched(*day)?)? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        if gives(before)? && !gives(after)? {
            lost.push(*held);
        }
    }
    Ok(lost)
}

/// The change of standing that newly held tiers bring.
pub(super) fn lifted(
    timeline: &Timeline,
    member: &Member,
    tiers: impl Iterator<Item = TierId>,
    now: Moment,
) -> Option<Fact> {
    let ladder = timeline.at(now).ladder.as_ref()?;
    let from = member.standing.tier().unwrap_or(ladder.base);
    let best = tiers.max_by_key(|tier| ladder.rank(*tier))?;
    let higher = ladder.rank(best) > ladder.rank(from);
    higher.then_some(Fact::TierChanged { from, to: best, at: now, cause: TierCause::Earned })
}

/// A tier earned, as a fact.
pub(super) const fn earned_fact(held: &Held) -> Fact {
    Fact::TierEarned { tier: held.tier, since: held.since, until: held.until }
}

/// A tier held otherwise, as a fact; without anybody who answers for it.
pub(super) fn held_fact(tier: TierId, by: HeldBy, since: Moment, until: Moment) -> Fact {
    let (reason, actor, from) = (Text::default(), Text::default(), None::<(MemberKey, Seq)>);
    Fact::from(BelongingFact::TierHeld { tier, by, since, until, reason, actor, from })
}

fn count_years(posts: Vec<MeterPost>) -> Fact {
    Fact::from(BelongingFact::MetersCounted { cause: CountCause::TierYear, posts })
}

/// A member judged by a ladder.
pub(super) struct Review<'a> {
    pub program: &'a Program,
    pub ladder: &'a Ladder,
    pub member: &'a Member,
    /// Counted, but not folded into the member yet.
    pub posts: &'a [MeterPost],
    pub now: Moment,
    /// Who stood on a tier before this moment keeps it by what keeps it; others earn it.
    pub stood_before: Moment,
}

impl<'a> Review<'a> {
    pub(super) const fn of(program: &'a Program, ladder: &'a Ladder, member: &'a Member, now: Moment) -> Self {
        Self { program, ladder, member, posts: &[], now, stood_before: Moment::NEVER }
    }
}

impl Review<'_> {
    /// The tiers newly earned by what was counted on `day`, the highest first.
    pub(super) fn earned(&self, day: Day) -> Result<Vec<Held>, Overflow> {
        let readings = self.readings_touched(day)?;
        let mut earned: Vec<Held> = Vec::new();
        for tier in self.ladder.tiers.iter().rev() {
            if let Some(until) = self.ends(tier, &readings)?.into_iter().max() {
                let held = Held::earned(tier.id, self.now, until);
                let standing = self.member.standing.held();
                if until > self.now && !standing.iter().chain(&earned).any(|other| self.covers(other, &held)) {
                    earned.push(held);
                }
            }
        }
        Ok(earned)
    }

    /// Tiers earned, as facts, with the years that they count as and the tier for life that those give.
    pub(super) fn facts_of(&self, earned: &[Held], day: Day) -> Result<(Vec<Fact>, Option<TierId>), Overflow> {
        let mut facts: Vec<Fact> = earned.iter().map(earned_fact).collect();
        let years = self.years(earned);
        let floor = self.floor(day, &years)?;
        facts.extend((!years.is_empty()).then(|| count_years(years)));
        facts.extend(floor.map(|tier| held_fact(tier, HeldBy::Floor, self.now, Moment::NEVER)));
        Ok((facts, floor))
    }

    /// What earns a tier for this member as things are counted: who earned it already keeps it by its own condition, if it
    /// has one; if it holds for a span, that is asked only when the span ends.
    pub(super) fn condition<'t>(&self, tier: &'t Tier) -> Option<&'t Condition> {
        let rank = self.ladder.rank(tier.id);
        let in_force = |held: &Held| held.since <= self.now && self.now < held.until;
        let earned = |held: &&Held| !held.by.is_granted() && in_force(held) && held.since < self.stood_before;
        let mut earned = self.member.standing.held().iter().filter(earned);
        let holds = tier.renew.is_some() && earned.any(|held| self.ladder.rank(held.tier) >= rank);
        match (&tier.renew, tier.validity) {
            (Some(_), Validity::Span(_)) if holds => None,
            (Some(renew), _) if holds => Some(renew),
            _ => tier.qualify.as_ref(),
        }
    }

    /// What had to be met for a tier that was earned: who stood there already met what keeps it.
    fn had_asked<'t>(&self, tier: &'t Tier, earned: &Held) -> Option<&'t Condition> {
        let rank = self.ladder.rank(tier.id);
        let stood = |held: &Held| {
            let in_force = held.since < earned.since && earned.since < held.until;
            in_force && !held.by.is_granted() && self.ladder.rank(held.tier) >= rank
        };
        match (&tier.renew, tier.validity) {
            (None, _) => tier.qualify.as_ref(),
            (Some(renew), validity) => match (self.member.standing.held().iter().any(stood), validity) {
                (false, _) => tier.qualify.as_ref(),
                (true, Validity::Span(_)) => None,
                (true, _) => Some(renew),
            },
        }
    }

    /// The ends of the validities that these readings earn.
    fn ends(&self, tier: &Tier, readings: &[(Day, Vec<i64>)]) -> Result<Vec<Moment>, Overflow> {
        match self.condition(tier) {
            Some(condition) => self.ends_by(tier, condition, readings),
            None => Ok(Vec::new()),
        }
    }

    fn ends_by(
        &self,
        tier: &Tier,
        condition: &Condition,
        readings: &[(Day, Vec<i64>)],
    ) -> Result<Vec<Moment>, Overflow> {
        let mut ends = Vec::new();
        for (day, meters) in readings {
            if condition.holds(&self.subject(meters))? {
                ends.push(tier.validity.end(&self.program.zone, *day));
            }
        }
        Ok(ends)
    }

    fn is_floor(&self, tier: &Tier, readings: &[(Day, Vec<i64>)]) -> Result<bool, Overflow> {
        let Some(floor) = &tier.floor else { return Ok(false) };
        for (_, meters) in readings {
            if floor.holds(&self.subject(meters))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The highest tier newly earned for life on `day`, with `years` counted as well.
    fn floor(&self, day: Day, years: &[MeterPost]) -> Result<Option<TierId>, Overflow> {
        if self.ladder.tiers.iter().all(|tier| tier.floor.is_none()) {
            return Ok(None);
        }
        let posts: Vec<MeterPost> = self.posts.iter().chain(years).copied().collect();
        let review = Review { posts: &posts, ..*self };
        let readings = review.readings_touched(day)?;
        let floors = self.member.standing.held().iter().filter(|held| held.by == HeldBy::Floor);
        let known = floors.filter_map(|held| self.ladder.rank(held.tier)).max().unwrap_or(0);
        for (rank, tier) in self.ladder.tiers.iter().enumerate().rev() {
            if rank + 1 > known && review.is_floor(tier, &readings)? {
                return Ok(Some(tier.id));
            }
        }
        Ok(None)
    }

    /// What meters count of validities that were earned for the first time.
    fn years(&self, earned: &[Held]) -> Vec<MeterPost> {
        let mut posts: Vec<MeterPost> = Vec::new();
        for (held, count) in earned.iter().flat_map(|held| self.counts_of(held)) {
            let known = self.known(&count, held);
            let begins_now = |post: &MeterPost| *post == known || (self.is_span(held) && post.meter == known.meter);
            if !self.is_counted(&known, held) && !posts.iter().any(begins_now) {
                posts.extend([known, MeterPost { meter: count.meter, window: LIFETIME, amount: Points(1) }]);
            }
        }
        posts
    }

    /// What meters count less of validities that were lost and are not held otherwise.
    fn years_lost(&self, lost: &[Held]) -> Vec<MeterPost> {
        let mut posts: Vec<MeterPost> = Vec::new();
        for (held, count) in lost.iter().flat_map(|held| self.counts_of(held)) {
            let known = self.known(&count, held);
            let earned = self.member.standing.held().iter().filter(|other| !other.by.is_granted());
            let mut others = earned.filter(|other| self.counts_of(other).iter().any(|(_, other)| *other == count));
            let still = others.find(|other| other.until == held.until || self.stands_in(other, held, &known));
            let instead = still.map(|other| self.known(&count, other));
            let less = MeterPost { amount: Points(-1), ..known };
            if !self.knows(&known) || instead == Some(known) || posts.contains(&less) {
                continue;
            }
            posts.extend([
                less,
                instead.unwrap_or(MeterPost { meter: count.meter, window: LIFETIME, amount: Points(-1) }),
            ]);
        }
        posts
    }

    /// The counts that a validity goes into: that of its tier, and of those below.
    fn counts_of<'h>(&self, held: &'h Held) -> Vec<(&'h Held, YearCount)> {
        let rank = self.ladder.rank(held.tier).unwrap_or(0);
        let below = self.ladder.tiers.iter().take(rank);
        below.filter_map(|tier| Some((held, tier.counts?))).collect()
    }

    fn knows(&self, known: &MeterPost) -> bool {
        self.member.meters.in_window(known.meter, known.window) > Points::ZERO
    }

    /// Whether a validity was counted: one that holds through a date with that date, one that holds for a span with any
    /// that it begins in. The end of a span moves with every day on which it is earned, and it is one validity still.
    fn is_counted(&self, known: &MeterPost, held: &Held) -> bool {
        if !self.is_span(held) {
            return self.knows(known);
        }
        let begins = self.program.zone.day_of(held.since);
        let mut later = self.member.meters.between(known.meter, begins.plus_days(1), Day(i32::MAX));
        self.knows(known) || later.any(|count| count.amount > Points::ZERO)
    }

    /// Whether another span, not counted since it began in one that was lost, is what should have been counted.
    fn stands_in(&self, other: &Held, lost: &Held, known: &MeterPost) -> bool {
        let begins_in = other.until > lost.since && other.since < lost.until;
        let end = self.program.zone.day_of(other.until);
        let both = other.by == HeldBy::Earned && self.is_span(other) && self.is_span(lost);
        both && begins_in && !self.knows(&MeterPost { window: end, ..*known })
    }

    fn is_span(&self, held: &Held) -> bool {
        let tier = self.ladder.tiers.iter().find(|tier| tier.id == held.tier);
        tier.is_some_and(|tier| matches!(tier.validity, Validity::Span(_)))
    }

    fn known(&self, count: &YearCount, held: &Held) -> MeterPost {
        let window = if held.until == Moment::NEVER { LIFETIME } else { self.program.zone.day_of(held.until) };
        MeterPost { meter: count.known, window, amount: Points(1) }
    }

    /// What the meters read on each day whose windows hold `day`: that day, and for rolling windows the later days
    /// on which something was counted already (a late fact may complete a window that ends after it).
    pub(super) fn readings_touched(&self, day: Day) -> Result<Vec<(Day, Vec<i64>)>, Overflow> {
        let mut days = vec![day];
        for meter in &self.program.meters {
            if matches!(meter.window, Window::RollingDays(_) | Window::RollingMonths(_)) {
                let later = self.member.meters.between(meter.id, day.plus_days(1), Day(i32::MAX));
                let holds = |last: &Day| first_day(meter.window, *last) <= day;
                days.extend(later.map(|count| count.window).filter(holds));
            }
        }
        days.sort_unstable();
        days.dedup();
        let today = self.program.zone.day_of(self.now);
        let past = days.into_iter().filter(|day| *day <= today);
        past.map(|day| Ok((day, readings(self.program, self.member, self.posts, day)?))).collect()
    }

    /// Whether `other` already gives everything `held` would.
    fn covers(&self, other: &Held, held: &Held) -> bool {
        let rank = |held: &Held| self.ladder.rank(held.tier);
        // What was granted may be revoked, and does not stand in for what was earned.
        let lasts = !other.by.is_granted();
        lasts && rank(other) >= rank(held) && other.until >= held.until && other.since <= held.since
    }

    pub(super) fn subject<'a>(&'a self, meters: &'a [i64]) -> Subject<'a> {
        member_subject(self.program, self.member, meters, self.now)
    }
}

/// A member as conditions see her.
pub(super) fn member_subject<'a>(
    program: &'a Program,
    member: &'a Member,
    meters: &'a [i64],
    at: Moment,
) -> Subject<'a> {
    Subject {
        program,
        purchase: None,
        line: None,
        member: &member.attributes,
        tier: member.standing.tier(),
        clubs: &member.belonging().clubs,
        segments: &member.belonging().segments,
        meters,
        at,
    }
}
