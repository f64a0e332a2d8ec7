//! What lies ahead of a member on the ladder: the next tier up, and what keeping her own takes.

use super::ladder::{Review, member_subject};
use super::windows::{counted_before, next_below, readings, readings_of_term};
use crate::domain::calendar::Day;
use crate::domain::member::{Held, HeldBy, Member};
use crate::domain::program::condition::{Lacking, Shortfall};
use crate::domain::program::{Condition, Ladder, Program, Tier, TierId};
use crate::domain::units::{Moment, Overflow, Points};

/// The tier above the one a member stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextTier {
    /// The tier.
    pub tier: TierId,
    /// Position of the tier in the ladder's list.
    pub position: usize,
    /// What the meters read now, by position in `program.meters`.
    pub readings: Vec<i64>,
    /// What she still lacks on the nearest way up; nothing if nothing is known to help.
    pub lacking: Lacking,
}

/// The next tier up that can be earned, for a settled member at `now`, with today's meter readings; `None` at the top
/// or without a ladder.
///
/// # Errors
/// [`Overflow`] if a meter's reading leaves its range.
pub fn next_tier(program: &Program, member: &Member, now: Moment) -> Result<Option<NextTier>, Overflow> {
    let Some(ladder) = &program.ladder else { return Ok(None) };
    let above = ladder.tiers.iter().enumerate().skip(rank(ladder, member));
    let earned = above.filter_map(|(position, tier)| Some((position, tier, tier.qualify.as_ref()?)));
    let Some((position, tier, qualify)) = earned.take(1).next() else { return Ok(None) };
    let readings = readings(program, member, &[], program.zone.day_of(now))?;
    let ways = qualify.missing(&member_subject(program, member, &readings, now));
    Ok(Some(NextTier { tier: tier.id, position, readings, lacking: nearest(ways) }))
}

/// The day before which what is missing must be counted, to go with what is counted today: the first end of a window, or
/// where one rolls the first day without what is counted in it; `None` if there is none.
#[must_use]
pub fn counted_by(program: &Program, member: &Member, lacking: &Lacking, today: Day) -> Option<Day> {
    let meter = |at: usize| program.meters.get(at);
    let missing = lacking.meters.iter().filter_map(|short| counted_before(program, member, meter(short.meter)?, today));
    let met = lacking.met.iter().filter_map(|(at, threshold)| {
        let (meter, most) = (meter(*at)?, Points(threshold.saturating_sub(1)));
        next_below(program, member, (meter.id, meter.window), most, today)
    });
    missing.chain(met).min()
}

/// What keeping a tier takes.
#[derive(Clone, Debug)]
pub struct Renewal<'a> {
    /// The tier.
    pub tier: &'a Tier,
    /// Its end as things stand.
    pub until: Moment,
    /// The end it would have if it were renewed now.
    pub renewed_until: Moment,
    /// The condition that renews it.
    pub condition: &'a Condition,
    /// What she still lacks, of what counts; nothing if nothing is missing, or nothing is known to help.
    pub lacking: Lacking,
    /// Whether it is renewed as soon as something is counted and nothing is missing, and not only when its validity ends.
    pub at_once: bool,
    /// Whether it is renewed as things stand, with nothing more counted.
    pub is_met: bool,
}

/// What keeping her tier takes, for a settled member at `now`; `None` if it never ends, cannot be earned, or is renewed
/// as far as it can be today. `today` is what the meters read today, by position in `program.meters`.
///
/// # Errors
/// [`Overflow`] if a meter's reading leaves its range.
pub fn renewal<'a>(
    program: &'a Program,
    member: &Member,
    now: Moment,
    today: &[i64],
) -> Result<Option<Renewal<'a>>, Overflow> {
    let Some(ladder) = &program.ladder else { return Ok(None) };
    let position = rank(ladder, member).checked_sub(1);
    let Some(tier) = position.and_then(|position| ladder.tiers.get(position)) else { return Ok(None) };
    let Some(held) = foremost(member, tier, now).filter(|held| held.until < Moment::NEVER) else { return Ok(None) };
    let review = Review::of(program, ladder, member, now);
    let at_end = at_end(&review, tier, &held)?;
    if at_end.as_ref().is_some_and(|renewal| renewal.is_met || held.by == HeldBy::Match) {
        return Ok(at_end);
    }
    // What can be counted today comes before what the last day will ask.
    Ok(at_once(&review, tier, &held, today)?.or(at_end))
}

/// The span that is judged of those she holds the tier by: what never ends, what was earned, what is on trial, and then
/// what was granted; the longest among equals.
fn foremost(member: &Member, tier: &Tier, now: Moment) -> Option<Held> {
    let held = member.standing.held().iter().filter(|held| held.tier == tier.id);
    let in_force = held.filter(|held| held.since <= now && now < held.until).copied();
    let by = |held: &Held| (held.until == Moment::NEVER, !held.by.is_granted(), held.by == HeldBy::Match);
    in_force.max_by_key(|held| (by(held), held.until))
}

/// What is asked when her term ends, by what the meters will read then as things stand.
fn at_end<'a>(review: &Review<'_>, tier: &'a Tier, held: &Held) -> Result<Option<Renewal<'a>>, Overflow> {
    let condition = match held.by {
        HeldBy::Match => tier.trial.as_ref().map(|trial| &trial.keep),
        by if by.is_granted() => None,
        _ => tier.asked_at_end(),
    };
    let Some(condition) = condition else { return Ok(None) };
    let renewed_until = tier.validity.renewed_end(&review.program.zone, held.until);
    let read = readings_of_term(review.program, review.member, held)?;
    let (is_met, lacking) = asked(review, condition, &read, held.until)?;
    let renewal = Renewal { tier, until: held.until, renewed_until, condition, lacking, at_once: false, is_met };
    Ok(Some(renewal).filter(|renewal| renewal.renewed_until > held.until))
}

/// What is asked of her as things are counted.
fn at_once<'a>(
    review: &Review<'_>,
    tier: &'a Tier,
    held: &Held,
    today: &[i64],
) -> Result<Option<Renewal<'a>>, Overflow> {
    let Some(condition) = review.condition(tier) else { return Ok(None) };
    let zone = &review.program.zone;
    let renewed_until = tier.validity.end(zone, zone.day_of(review.now));
    let (_, lacking) = asked(review, condition, today, review.now)?;
    // Had what was counted been enough, it would have been renewed: the next thing counted does it.
    let renewal = Renewal { tier, until: held.until, renewed_until, condition, lacking, at_once: true, is_met: false };
    Ok(Some(renewal).filter(|renewal| renewal.renewed_until > held.until))
}

/// Whether a condition holds, and what is missing on the nearest way to it.
fn asked(review: &Review<'_>, condition: &Condition, read: &[i64], at: Moment) -> Result<(bool, Lacking), Overflow> {
    let subject = member_subject(review.program, review.member, read, at);
    Ok((condition.holds(&subject)?, nearest(condition.missing(&subject))))
}

fn rank(ladder: &Ladder, member: &Member) -> usize {
    member.standing.tier().and_then(|tier| ladder.rank(tier)).unwrap_or_default()
}

/// Of several ways up the one that asks least of who she is, and of those the one with the least left to go, each meter
/// measured by its own threshold.
fn nearest(ways: Vec<Lacking>) -> Lacking {
    let millionths = |short: &Shortfall| i128::from(short.missing) * 1_000_000 / i128::from(short.threshold.max(1));
    let left = |way: &Lacking| way.meters.iter().map(millionths).sum::<i128>();
    ways.into_iter().min_by_key(|way| (way.attributes.len(), left(way))).unwrap_or_default()
}
