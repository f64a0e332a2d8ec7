//! What lies ahead of a member on the ladder: the next tier up, and what keeping her own takes.

use super::ladder::member_subject;
use super::windows::{readings, readings_since};
use crate::domain::member::{HeldBy, Member};
use crate::domain::program::condition::{Lacking, Shortfall};
use crate::domain::program::{Condition, Ladder, Program, Tier, TierId, Validity};
use crate::domain::units::{Moment, Overflow};

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
    /// Whether it is renewed as soon as nothing is missing, and not only when its validity ends.
    pub at_once: bool,
    /// Whether the condition holds as things stand.
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
    let held = member.standing.at(ladder, now).filter(|held| held.until < Moment::NEVER);
    let condition = match held.map(|held| held.by) {
        Some(HeldBy::Match) => tier.trial.as_ref().map(|trial| &trial.keep),
        Some(_) => tier.renew.as_ref().or(tier.qualify.as_ref()),
        None => None,
    };
    let Some((held, condition)) = held.zip(condition) else { return Ok(None) };
    let at_end = held.by == HeldBy::Match || (tier.renew.is_some() && matches!(tier.validity, Validity::Span(_)));
    let renewed_until = match at_end {
        true => tier.validity.renewed_end(&program.zone, held.until),
        false => tier.validity.end(&program.zone, program.zone.day_of(now)),
    };
    if renewed_until <= held.until {
        return Ok(None);
    }
    let at_end_read = match at_end {
        true => readings_since(program, member, program.zone.day_of(held.until.minus_one()), held.since)?,
        false => Vec::new(),
    };
    let subject = member_subject(program, member, if at_end { &at_end_read } else { today }, now);
    let (is_met, ways) = (condition.holds(&subject)?, condition.missing(&subject));
    let (until, lacking, at_once) = (held.until, nearest(ways), !at_end);
    Ok(Some(Renewal { tier, until, renewed_until, condition, lacking, at_once, is_met }))
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
