//! Reviewing a member's place on the ladder: moving up at once, and what the next tier still asks.

use super::Ground;
use super::windows::readings;
use crate::domain::calendar::Day;
use crate::domain::event::{Fact, Grant, MeterPost, Seq, TierCause};
use crate::domain::member::{Held, Member};
use crate::domain::order::Refusal;
use crate::domain::program::condition::{Shortfall, Subject};
use crate::domain::program::{Ladder, OnReturn, Program, Tier, TierId, Window};
use crate::domain::units::{Moment, Overflow};

/// The facts that follow from newly counted grants: tiers earned, and the change of standing.
pub(super) fn review(
    ground: &Ground<'_>,
    member: &Member,
    grants: &[Grant],
    counted_at: Moment,
) -> Result<Vec<Fact>, Refusal> {
    let program = ground.timeline.at(counted_at);
    let posts: Vec<MeterPost> = grants.iter().flat_map(|grant| grant.meters.iter().copied()).collect();
    let Some(ladder) = &program.ladder else { return Ok(Vec::new()) };
    if posts.is_empty() {
        return Ok(Vec::new());
    }
    let review = Review { program, ladder, member, posts: &posts, now: ground.now };
    let earned = review.earned(program.zone.day_of(counted_at)).map_err(|_| Refusal::AmountOverflow)?;
    Ok(announce(ground, member, earned))
}

/// The facts that follow from what a return takes off the meters: tiers that rested on it go, as far as the program
/// says so, and what the rest still earns takes their place.
pub(super) fn withdrawn(
    ground: &Ground<'_>,
    member: &Member,
    posts: &[MeterPost],
    (counted_at, recorded_at): (Moment, Moment),
) -> Result<Vec<Fact>, Refusal> {
    let program = ground.timeline.at(counted_at);
    let Some(ladder) = program.ladder.as_ref().filter(|_| program.on_return == OnReturn::Withdraw) else {
        return Ok(Vec::new());
    };
    if posts.is_empty() {
        return Ok(Vec::new());
    }
    let day = program.zone.day_of(counted_at);
    let review = |member, posts| Review { program, ladder, member, posts, now: ground.now };
    let mut lost = lost(&review(member, &[]), &review(member, posts), day).map_err(|_| Refusal::AmountOverflow)?;
    // What she held before the purchase was recorded cannot rest on it.
    lost.retain(|held| held.since >= recorded_at);
    if lost.is_empty() {
        return Ok(Vec::new());
    }
    let mut facts: Vec<Fact> =
        lost.iter().map(|held| Fact::TierWithdrawn { tier: held.tier, until: held.until }).collect();
    let mut after = member.clone();
    for fact in &facts {
        after.apply(fact, Seq::THIS).map_err(|_| Refusal::AmountOverflow)?;
    }
    let earned = review(&after, posts).earned(day).map_err(|_| Refusal::AmountOverflow)?;
    for held in &earned {
        let fact = earned_fact(held);
        after.apply(&fact, Seq::THIS).map_err(|_| Refusal::AmountOverflow)?;
        facts.push(fact);
    }
    facts.extend(fallen(ground, &after));
    Ok(facts)
}

/// The spans that a member holds by readings that no longer earn them.
fn lost(before: &Review<'_>, after: &Review<'_>, day: Day) -> Result<Vec<Held>, Overflow> {
    let (readings_before, readings_after) = (before.readings_touched(day)?, after.readings_touched(day)?);
    let mut lost: Vec<Held> = Vec::new();
    for tier in &before.ladder.tiers {
        let ended = before.ends(tier, &readings_before)?;
        let still = after.ends(tier, &readings_after)?;
        let gone = |held: &&Held| held.tier == tier.id && ended.contains(&held.until) && !still.contains(&held.until);
        lost.extend(before.member.standing.held().iter().filter(gone));
    }
    Ok(lost)
}

/// The change of standing of a member who lost what she stood on.
fn fallen(ground: &Ground<'_>, member: &Member) -> Option<Fact> {
    let ladder = ground.timeline.at(ground.now).ladder.as_ref()?;
    let from = member.standing.tier().unwrap_or(ladder.base);
    let to = member.standing.tier_at(ladder, ground.now);
    (from != to).then_some(Fact::TierChanged { from, to, at: ground.now, cause: TierCause::Returned })
}

/// Earned tiers as facts, with the change of standing they bring.
fn announce(ground: &Ground<'_>, member: &Member, earned: Vec<Held>) -> Vec<Fact> {
    let Some(ladder) = &ground.timeline.at(ground.now).ladder else { return Vec::new() };
    let from = member.standing.tier().unwrap_or(ladder.base);
    let best = earned.iter().map(|held| held.tier).max_by_key(|tier| ladder.rank(*tier));
    let lifted = best.filter(|tier| ladder.rank(*tier) > ladder.rank(from));
    let mut facts: Vec<Fact> = earned.iter().map(earned_fact).collect();
    facts.extend(lifted.map(|to| Fact::TierChanged { from, to, at: ground.now, cause: TierCause::Earned }));
    facts
}

const fn earned_fact(held: &Held) -> Fact {
    Fact::TierEarned { tier: held.tier, since: held.since, until: held.until }
}

struct Review<'a> {
    program: &'a Program,
    ladder: &'a Ladder,
    member: &'a Member,
    posts: &'a [MeterPost],
    now: Moment,
}

impl Review<'_> {
    /// The tiers newly earned by what was counted on `day`, the highest first.
    fn earned(&self, day: Day) -> Result<Vec<Held>, Overflow> {
        let readings = self.readings_touched(day)?;
        let mut earned: Vec<Held> = Vec::new();
        for tier in self.ladder.tiers.iter().rev() {
            if let Some(until) = self.validity(tier, &readings)? {
                let held = Held { tier: tier.id, since: self.now, until };
                let standing = self.member.standing.held();
                if until > self.now && !standing.iter().chain(&earned).any(|other| self.covers(other, &held)) {
                    earned.push(held);
                }
            }
        }
        Ok(earned)
    }

    /// The ends of the validities that these readings earn.
    fn ends(&self, tier: &Tier, readings: &[(Day, Vec<i64>)]) -> Result<Vec<Moment>, Overflow> {
        let mut ends = Vec::new();
        for (day, meters) in readings {
            if tier.qualify.holds(&self.subject(meters))? {
                ends.push(tier.validity.end(&self.program.zone, *day));
            }
        }
        Ok(ends)
    }

    /// Until when `tier` holds by these readings; `None` if none of them earns it.
    fn validity(&self, tier: &Tier, readings: &[(Day, Vec<i64>)]) -> Result<Option<Moment>, Overflow> {
        let mut until = None;
        for (day, meters) in readings {
            if tier.qualify.holds(&self.subject(meters))? {
                until = until.max(Some(tier.validity.end(&self.program.zone, *day)));
            }
        }
        Ok(until)
    }

    /// What the meters read on each day whose windows hold `day`: that day, and for rolling windows the later days
    /// on which something was counted already (a late fact may complete a window that ends after it).
    fn readings_touched(&self, day: Day) -> Result<Vec<(Day, Vec<i64>)>, Overflow> {
        let mut days = vec![day];
        for meter in &self.program.meters {
            if let Window::RollingDays(length) = meter.window {
                let last = day.plus_days(length - 1);
                days.extend(self.member.meters.between(meter.id, day.plus_days(1), last).map(|count| count.window));
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
        rank(other) >= rank(held) && other.until >= held.until && other.since <= held.since
    }

    fn subject<'a>(&'a self, meters: &'a [i64]) -> Subject<'a> {
        member_subject(self.program, self.member, meters, self.now)
    }
}

fn member_subject<'a>(program: &'a Program, member: &'a Member, meters: &'a [i64], at: Moment) -> Subject<'a> {
    Subject {
        program,
        purchase: None,
        line: None,
        member: &member.attributes,
        tier: member.standing.tier(),
        meters,
        at,
    }
}

/// The tier above the one a member stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextTier {
    /// The tier.
    pub tier: TierId,
    /// Position of the tier in the ladder's list.
    pub position: usize,
    /// What the meters read now, by position in `program.meters`.
    pub readings: Vec<i64>,
    /// What they still lack on the nearest way up; empty if no meter can help.
    pub missing: Vec<Shortfall>,
}

/// The next tier up for a settled member at `now`, with today's meter readings; `None` at the top or without a
/// ladder.
///
/// # Errors
/// [`Overflow`] if a meter's reading leaves its range.
pub fn next_tier(program: &Program, member: &Member, now: Moment) -> Result<Option<NextTier>, Overflow> {
    let Some(ladder) = &program.ladder else { return Ok(None) };
    let rank = member.standing.tier().and_then(|tier| ladder.rank(tier)).unwrap_or_default();
    let Some(tier) = ladder.tiers.get(rank) else { return Ok(None) };
    let readings = readings(program, member, &[], program.zone.day_of(now))?;
    let ways = tier.qualify.missing(&member_subject(program, member, &readings, now));
    Ok(Some(NextTier { tier: tier.id, position: rank, readings, missing: nearest(ways) }))
}

/// Of several ways up the one with the least left to go, each meter measured by its own threshold.
fn nearest(ways: Vec<Vec<Shortfall>>) -> Vec<Shortfall> {
    let millionths = |short: &Shortfall| i128::from(short.missing) * 1_000_000 / i128::from(short.threshold.max(1));
    ways.into_iter().min_by_key(|way| way.iter().map(millionths).sum::<i128>()).unwrap_or_default()
}
