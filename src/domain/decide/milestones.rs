//! Milestones and windows that end: what counting gives besides points, at once or when its window is over.
//!
//! Everything here works on what has been counted already and adds the difference between what should have been given
//! and what was, so that it may be asked any number of times.

use super::benefits::{Giving, count, end, take_back};
use super::had;
use super::ladder;
use super::ladder::member_subject;
use super::story::Story;
use super::windows::{enrolled_on, readings, window_key, window_span};
use crate::domain::calendar::Day;
use crate::domain::event::{BelongingFact, CountCause, Fact, LIFETIME, MeterPost, Seq};
use crate::domain::member::{Member, MeterCount};
use crate::domain::program::condition::Subject;
use crate::domain::program::{Judged, Lasts, Meter, MeterId, Milestone, Program, TierId, Window};
use crate::domain::units::{Moment, Overflow, Points};

/// How deep one count may lead to another, as where a milestone counts on a meter that has milestones itself.
const DEPTH_MAX: u8 = 8;
/// How often a milestone can be reached by one count; a program that gives more at once is mistaken.
const TIMES_MAX: i64 = 10_000;

/// Whether counting `posts` at `at` may come to more than tiers; they are not folded into the member yet.
pub(super) fn concern(
    program: &Program,
    member: &Member,
    posts: &[MeterPost],
    (at, lifted): (Moment, bool),
) -> Result<bool, Overflow> {
    if program.milestones.is_empty() && program.meters.iter().all(|meter| meter.rollover.is_none()) {
        return Ok(false);
    }
    let day = program.zone.day_of(at);
    let waits = |meter: &Meter| awaits(program, meter.id) && !is_awaited(program, member, meter, day);
    let mut touched = program.meters.iter().filter(|meter| touches(posts, meter.id));
    if touched.any(waits) {
        return Ok(true);
    }
    let read = readings(program, member, posts, day)?;
    let subject = member_subject(program, member, &read, at);
    for milestone in program.milestones.iter().filter(|milestone| may_move(milestone, posts)) {
        let window = window_of(program, member, milestone.meter, day);
        let reached = member.meters.in_window(milestone.reached, window).0;
        // A change of tier in the same entry may make a condition hold.
        let holds = lifted || milestone.when.as_ref().map_or(Ok(true), |when| when.holds(&subject))?;
        if holds && reaches(program, milestone, &read, 0) > reached {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether counting this may bring a milestone nearer that is judged as it is counted: its condition may look at any
/// meter.
fn may_move(milestone: &Milestone, posts: &[MeterPost]) -> bool {
    let looks = milestone.when.is_some() && !posts.is_empty();
    milestone.judged == Judged::AtOnce && (looks || touches(posts, milestone.meter))
}

fn touches(posts: &[MeterPost], meter: MeterId) -> bool {
    posts.iter().any(|post| post.meter == meter)
}

/// How often a reading reaches a milestone, its condition aside.
fn reaches(program: &Program, milestone: &Milestone, read: &[i64], more: i64) -> i64 {
    let position = program.meters.iter().position(|meter| meter.id == milestone.meter);
    let reading = position.and_then(|position| read.get(position)).copied().unwrap_or(0);
    milestone.steps.count(Points(reading.saturating_add(more))).min(TIMES_MAX)
}

/// Everything that follows from a count that is folded in already: tiers, milestones, windows to wait for.
pub(super) fn follow(story: &mut Story<'_>, posts: &[MeterPost], at: Moment) -> Result<(), Overflow> {
    if story.depth >= DEPTH_MAX {
        return Ok(());
    }
    story.depth += 1;
    let tiers = ladder::counted(story.timeline, &story.member, &[], at, story.now)?;
    tiers.into_iter().try_for_each(|fact| story.adopt(fact))?;
    reached(story, posts, at)?;
    story.depth -= 1;
    Ok(())
}

/// The milestones that a count reaches or no longer reaches, and the windows it makes us wait for.
pub(super) fn reached(story: &mut Story<'_>, posts: &[MeterPost], at: Moment) -> Result<(), Overflow> {
    let timeline = story.timeline;
    let program = timeline.at(at);
    let day = program.zone.day_of(at);
    let returned = posts.iter().any(|post| post.amount < Points::ZERO);
    for milestone in program.milestones.iter().filter(|milestone| may_move(milestone, posts)) {
        let tier = story.member.standing.tier();
        let count = if returned { Count::Less(posts) } else { Count::More };
        judge(story, program, milestone, (day, at), (tier, count))?;
    }
    for meter in program.meters.iter().filter(|meter| touches(posts, meter.id) && awaits(program, meter.id)) {
        await_end(story, program, meter, day, returned)?;
    }
    Ok(())
}

/// The window of a meter that holds `day`: for ever, where windows roll.
fn window_of(program: &Program, member: &Member, meter: MeterId, day: Day) -> Day {
    match program.meter(meter).map(|meter| meter.window) {
        Some(window @ (Window::CalendarYear(_) | Window::AnniversaryYear)) => {
            window_key(window, day, enrolled_on(&program.zone, member))
        }
        _ => LIFETIME,
    }
}

/// What becomes of a count.
#[derive(Clone, Copy)]
enum Count<'a> {
    /// It goes on: nothing is lost.
    More,
    /// This came back, which is folded in already: nothing is reached.
    Less(&'a [MeterPost]),
    /// This came back after its window was over.
    Over,
}

impl Count<'_> {
    /// How much of a meter came back.
    fn less(self, meter: MeterId) -> i64 {
        let Self::Less(posts) = self else { return 0 };
        let own = posts.iter().filter(|post| post.meter == meter).map(|post| post.amount.0);
        own.fold(0, i64::saturating_add).saturating_neg().max(0)
    }
}

fn rolls(program: &Program, milestone: &Milestone) -> bool {
    let window = program.meter(milestone.meter).map(|meter| meter.window);
    matches!(window, Some(Window::RollingDays(_) | Window::RollingMonths(_)))
}

/// Whether a milestone's condition holds by what was counted, and by that and what came back.
fn holds(
    program: &Program,
    member: &Member,
    milestone: &Milestone,
    (day, at): (Day, Moment),
    (tier, counted): (Option<TierId>, Count<'_>),
) -> Result<(bool, bool), Overflow> {
    let Some(when) = &milestone.when else { return Ok((true, true)) };
    let back: Vec<MeterPost> = match counted {
        Count::Less(posts) => posts.iter().map(|post| MeterPost { amount: post.amount.negated(), ..*post }).collect(),
        Count::More | Count::Over => Vec::new(),
    };
    let holds = |posts: &[MeterPost]| {
        let read = readings(program, member, posts, day)?;
        when.holds(&Subject { tier, ..member_subject(program, member, &read, at) })
    };
    Ok((holds(&[])?, holds(&back)?))
}

/// Brings a milestone to where the readings of `day` have it.
fn judge(
    story: &mut Story<'_>,
    program: &Program,
    milestone: &Milestone,
    (day, at): (Day, Moment),
    (tier, counted): (Option<TierId>, Count<'_>),
) -> Result<(), Overflow> {
    let window = window_of(program, &story.member, milestone.meter, day);
    let read = readings(program, &story.member, &[], day)?;
    let (holds, held) = holds(program, &story.member, milestone, (day, at), (tier, counted))?;
    let before = story.member.meters.in_window(milestone.reached, window).0;
    let reached = reaches(program, milestone, &read, 0);
    let target = match counted {
        Count::More if holds => reached.max(before),
        Count::More => before,
        // What came back is what had made its condition hold.
        Count::Less(_) if held && !holds => 0,
        // Where windows roll, it may have been reached by what has left them since.
        Count::Less(_)
            if rolls(program, milestone)
                && reaches(program, milestone, &read, counted.less(milestone.meter)) < before =>
        {
            before
        }
        Count::Less(_) => reached.min(before),
        Count::Over if holds => reached,
        Count::Over => reached.min(before),
    };
    for number in before.saturating_add(1)..=target {
        reach(story, program, milestone, window, (number, at))?;
    }
    for number in (target.saturating_add(1)..=before).rev() {
        lose(story, program, milestone, window, (number, at))?;
    }
    Ok(())
}

fn reach(
    story: &mut Story<'_>,
    program: &Program,
    milestone: &Milestone,
    window: Day,
    (number, at): (i64, Moment),
) -> Result<(), Overflow> {
    let due = had::due(&story.member, milestone, window);
    let choice = milestone.choice.as_ref().filter(|_| due.choices > 0).map(|choice| {
        let until = end(program, &story.member, choice.within, Some(milestone.meter), (at, story.now));
        // A span runs through its last day.
        let through = |moment: Moment| program.zone.start_of(program.zone.day_of(moment).plus_days(1));
        (due.choices, if matches!(choice.within, Lasts::Span(_)) { through(until) } else { until })
    });
    let count = MeterPost { meter: milestone.reached, window, amount: Points(1) };
    let milestone_id = milestone.id;
    let reached = BelongingFact::MilestoneReached { milestone: milestone_id, count, number, at, choice, had: due.had };
    story.adopt(Fact::from(reached))?;
    let of = Some((milestone_id, window));
    Giving { program, times: 1, at, meter: Some(milestone.meter), of }.give(story, &due.gives)
}

/// Takes a milestone back; what was chosen, used or begun of it stays, and is not given for the same window again.
fn lose(
    story: &mut Story<'_>,
    program: &Program,
    milestone: &Milestone,
    window: Day,
    (number, at): (i64, Moment),
) -> Result<(), Overflow> {
    let open = story.member.belonging().choices.iter().rev().find(|choice| choice.milestone == milestone.id);
    let reached = open.map_or(Seq::NONE, |choice| choice.entry);
    let count = MeterPost { meter: milestone.reached, window, amount: Points(-1) };
    let kept = had::kept(story.member.belonging(), milestone, window, open);
    let milestone_id = milestone.id;
    story.adopt(Fact::from(BelongingFact::MilestoneLost { milestone: milestone_id, count, number, reached, kept }))?;
    take_back(story, program, &milestone.gives, (milestone_id, window), at)
}

/// Whether something is judged when a window of this meter ends.
fn awaits(program: &Program, meter: MeterId) -> bool {
    let rolls = program.meter(meter).is_some_and(|meter| meter.rollover.is_some());
    let judged = |milestone: &Milestone| milestone.meter == meter && milestone.judged == Judged::AtEnd;
    rolls || program.milestones.iter().any(judged)
}

fn is_awaited(program: &Program, member: &Member, meter: &Meter, day: Day) -> bool {
    let window = window_of(program, member, meter.id, day);
    member.belonging().windows.iter().any(|held| held.meter == meter.id && held.window == window)
}

/// What milestones count as reached already by a member who comes with these counts: what they give she had elsewhere.
pub(super) fn reached_elsewhere(program: &Program, counts: &[MeterCount]) -> Vec<MeterCount> {
    let mut reached: Vec<MeterCount> = Vec::new();
    for milestone in program.milestones.iter().filter(|milestone| milestone.judged == Judged::AtOnce) {
        for count in counts.iter().filter(|count| count.meter == milestone.meter) {
            let window = if rolls(program, milestone) { LIFETIME } else { count.window };
            let times = Points(milestone.steps.count(count.amount).min(TIMES_MAX));
            let known = reached.iter_mut().find(|known| (known.meter, known.window) == (milestone.reached, window));
            match known {
                Some(known) => known.amount = known.amount.max(times),
                None if times > Points::ZERO => {
                    reached.push(MeterCount { meter: milestone.reached, window, amount: times });
                }
                None => {}
            }
        }
    }
    reached
}

/// Waits for the ends of the windows that a new member comes with counts in, as far as they lie ahead.
pub(super) fn await_ends(story: &mut Story<'_>, counts: &[MeterCount]) -> Result<(), Overflow> {
    let timeline = story.timeline;
    let program = timeline.at(story.now);
    let enrolled = enrolled_on(&program.zone, &story.member);
    for count in counts {
        let Some(meter) = program.meter(count.meter).filter(|meter| awaits(program, meter.id)) else { continue };
        let span = window_span(meter.window, count.window, enrolled);
        if span.is_some_and(|(_, end)| program.zone.start_of(end) > story.now) {
            await_end(story, program, meter, count.window, false)?;
        }
    }
    Ok(())
}

/// Waits for the end of the window that holds `day`; if that is over, what it comes to is done now.
fn await_end(
    story: &mut Story<'_>,
    program: &Program,
    meter: &Meter,
    day: Day,
    returned: bool,
) -> Result<(), Overflow> {
    if is_awaited(program, &story.member, meter, day) {
        return Ok(());
    }
    let enrolled = enrolled_on(&program.zone, &story.member);
    let Some((_, end)) = window_span(meter.window, day, enrolled) else { return Ok(()) };
    let (window, closes_at) = (window_of(program, &story.member, meter.id, day), program.zone.start_of(end));
    if closes_at <= story.now {
        return close(story, meter.id, day, closes_at, returned);
    }
    story.adopt(Fact::from(BelongingFact::WindowAwaited { meter: meter.id, window, closes_at }))
}

/// What the end of the window of `meter` that holds `day` comes to, judged by the version in force when it ended. What
/// comes late adds to it; only what was returned takes from it.
pub(super) fn close(
    story: &mut Story<'_>,
    meter: MeterId,
    day: Day,
    closes_at: Moment,
    returned: bool,
) -> Result<(), Overflow> {
    let timeline = story.timeline;
    let program = timeline.at(closes_at.minus_one());
    let last = program.zone.day_of(closes_at.minus_one());
    let tier = program.ladder.as_ref().map(|ladder| story.member.standing.tier_at(ladder, closes_at.minus_one()));
    for milestone in program.milestones.iter().filter(|milestone| milestone.meter == meter) {
        if milestone.judged == Judged::AtEnd {
            let count = if returned { Count::Over } else { Count::More };
            judge(story, program, milestone, (last, closes_at.minus_one()), (tier, count))?;
        }
    }
    roll_over(story, program, meter, (day, last), (closes_at, returned))
}

/// Carries into the next window what this one counted beyond the threshold of the tier it reached: never what was
/// carried into it itself.
fn roll_over(
    story: &mut Story<'_>,
    program: &Program,
    meter: MeterId,
    (day, last): (Day, Day),
    (closes_at, returned): (Moment, bool),
) -> Result<(), Overflow> {
    let Some(found) = program.meter(meter) else { return Ok(()) };
    let Some(hidden) = found.rollover else { return Ok(()) };
    let enrolled = enrolled_on(&program.zone, &story.member);
    let window = window_key(found.window, day, enrolled);
    let next = window_key(found.window, last.plus_days(1), enrolled);
    let counted = story.member.meters.in_window(meter, window).0;
    let carried = story.member.meters.in_window(hidden, window).0;
    let target = match threshold(program, &story.member, meter, last, closes_at)? {
        Some(threshold) => counted.saturating_sub(threshold).min(counted.saturating_sub(carried)).max(0),
        None => 0,
    };
    let more = target.saturating_sub(story.member.meters.in_window(hidden, next).0);
    if more == 0 || (more < 0 && !returned) {
        return Ok(());
    }
    let amount = Points(more);
    let posts = [meter, hidden].map(|meter| MeterPost { meter, window: next, amount });
    count(story, CountCause::Rollover, posts.to_vec(), closes_at)
}

/// What the highest tier that the window reached asks of the meter; `None` if it reached none.
fn threshold(
    program: &Program,
    member: &Member,
    meter: MeterId,
    last: Day,
    at: Moment,
) -> Result<Option<i64>, Overflow> {
    let Some(ladder) = &program.ladder else { return Ok(None) };
    let read = readings(program, member, &[], last)?;
    let position = program.meters.iter().position(|found| found.id == meter);
    let nothing = vec![0; read.len()];
    for qualify in ladder.tiers.iter().rev().filter_map(|tier| tier.qualify.as_ref()) {
        if qualify.holds(&member_subject(program, member, &read, at))? {
            let ways = qualify.missing(&member_subject(program, member, &nothing, at));
            let counted = ways.iter().filter(|way| way.attributes.is_empty()).flat_map(|way| &way.meters);
            let asked = counted.filter(|short| Some(short.meter) == position);
            return Ok(Some(asked.map(|short| short.threshold).min().unwrap_or(i64::MAX)));
        }
    }
    Ok(None)
}
