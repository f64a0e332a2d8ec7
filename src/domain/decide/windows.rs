//! Which window of a meter a day falls into, and what a meter reads at a moment.

use crate::domain::calendar::{Day, Zone};
use crate::domain::event::{LIFETIME, MeterPost};
use crate::domain::member::{Held, HeldBy, Member};
use crate::domain::program::{Meter, MeterId, Program, Window};
use crate::domain::units::{Moment, Overflow, Points};

/// The key of the window of `meter` that holds `day`, for a member who enrolled on `enrolled`.
pub(super) fn window_key(window: Window, day: Day, enrolled: Day) -> Day {
    match window {
        Window::CalendarYear(start) => start.year_start(day),
        Window::AnniversaryYear => anniversary(day, enrolled),
        Window::RollingDays(_) | Window::RollingMonths(_) => day,
        Window::Lifetime => LIFETIME,
    }
}

fn anniversary(day: Day, enrolled: Day) -> Day {
    let years = i32::from(day.year()) - i32::from(enrolled.year());
    let this_year = enrolled.plus_months(years.saturating_mul(12));
    if this_year <= day { this_year } else { enrolled.plus_months((years - 1).saturating_mul(12)) }
}

/// The first day of a rolling window that ends with `day`.
pub(super) fn first_day(window: Window, day: Day) -> Day {
    match window {
        Window::RollingDays(days) => day.plus_days(1 - days),
        Window::RollingMonths(months) => day.plus_days(1).plus_months(-months),
        _ => day,
    }
}

/// The first day of the window that holds `day` and the first day after it; `None` for a lifetime.
#[must_use]
pub fn window_span(window: Window, day: Day, enrolled: Day) -> Option<(Day, Day)> {
    let key = window_key(window, day, enrolled);
    match window {
        Window::CalendarYear(start) => Some((key, start.in_year(key.year().saturating_add(1)))),
        Window::AnniversaryYear => Some((key, key.plus_months(12))),
        Window::RollingDays(_) | Window::RollingMonths(_) => Some((first_day(window, day), day.plus_days(1))),
        Window::Lifetime => None,
    }
}

/// The day before which more must be counted to go with what a meter has counted by `today`: the end of the window, or
/// where it rolls the first day without something that is counted now; `None` if there is none.
pub(super) fn counted_before(program: &Program, member: &Member, meter: &Meter, today: Day) -> Option<Day> {
    let (first, end) = window_span(meter.window, today, enrolled_on(&program.zone, member))?;
    if !matches!(meter.window, Window::RollingDays(_) | Window::RollingMonths(_)) {
        return Some(end);
    }
    let counts = member.meters.between(meter.id, first, today);
    let counted = counts.filter(|count| count.amount > Points::ZERO).map(|count| count.window).min();
    counted.map(|day| first_without(meter.window, day))
}

/// What every meter of the program reads at `at`, by position in `program.meters`.
///
/// # Errors
/// [`Overflow`] if a rolling sum leaves its range.
pub fn meter_values(program: &Program, member: &Member, at: Moment) -> Result<Vec<i64>, Overflow> {
    readings(program, member, &[], program.zone.day_of(at))
}

/// As [`meter_values`], with `posts` counted on top.
pub(super) fn readings(
    program: &Program,
    member: &Member,
    posts: &[MeterPost],
    day: Day,
) -> Result<Vec<i64>, Overflow> {
    let enrolled = enrolled_on(&program.zone, member);
    let reading = |meter| reading(meter, member, posts, (day, None), enrolled);
    program.meters.iter().map(|meter| reading(meter).map(|points| points.0)).collect()
}

/// What every meter reads on the last day of a term. What earned it does not renew it too: a rolling window that begins
/// with the day on which the term was earned leaves that day out. A term that follows another was earned on no day of
/// its own, and a grace belongs to the term before it.
pub(super) fn readings_of_term(program: &Program, member: &Member, term: &Held) -> Result<Vec<i64>, Overflow> {
    let enrolled = enrolled_on(&program.zone, member);
    let day = program.zone.day_of(term.until.minus_one());
    let earned = earned_on(program, member, term);
    let reading = |meter| reading(meter, member, &[], (day, earned), enrolled);
    program.meters.iter().map(|meter| reading(meter).map(|points| points.0)).collect()
}

fn earned_on(program: &Program, member: &Member, term: &Held) -> Option<Day> {
    let held = member.standing.held();
    let mut first = term;
    while first.by == HeldBy::Grace {
        let before = |other: &&Held| other.tier == first.tier && other.until == first.since && !other.by.is_granted();
        first = held.iter().find(before)?;
    }
    let follows = held.iter().any(|other| other.until == first.since);
    (!follows).then(|| program.zone.day_of(first.since))
}

/// Whether the window that begins with `first` ends with `last`.
fn spans(window: Window, first: Day, last: Day) -> bool {
    let end = match window {
        Window::RollingDays(days) => first.plus_days(days),
        Window::RollingMonths(months) => first.plus_months(months),
        _ => return false,
    };
    end == last.plus_days(1)
}

/// What a meter reads on `day`; where its window rolls and begins with the day `left_out`, without that.
fn reading(
    meter: &Meter,
    member: &Member,
    posts: &[MeterPost],
    (day, left_out): (Day, Option<Day>),
    enrolled: Day,
) -> Result<Points, Overflow> {
    let last = window_key(meter.window, day, enrolled);
    let left_out = left_out.filter(|earned| spans(meter.window, *earned, day));
    let first = match meter.window {
        Window::RollingDays(_) | Window::RollingMonths(_) => {
            left_out.map_or(first_day(meter.window, day), |earned| earned.plus_days(1))
        }
        _ => last,
    };
    let stored = match meter.window {
        Window::RollingDays(_) | Window::RollingMonths(_) => {
            sum(member.meters.between(meter.id, first, last).map(|count| count.amount))?
        }
        _ => member.meters.in_window(meter.id, last),
    };
    let counted = |post: &&MeterPost| post.meter == meter.id && first <= post.window && post.window <= last;
    stored.plus(sum(posts.iter().filter(counted).map(|post| post.amount))?)
}

/// What a member's meter has counted up to the window `last`.
pub(super) fn counted(member: &Member, meter: MeterId, window: Window, last: Day) -> Points {
    if !matches!(window, Window::RollingDays(_) | Window::RollingMonths(_)) {
        return member.meters.in_window(meter, last);
    }
    let counts = member.meters.between(meter, first_day(window, last), last);
    sum(counts.map(|count| count.amount)).unwrap_or(Points(i64::MAX))
}

/// The first day after `day` on which a meter has counted no more than `most`, if nothing is added to it.
pub(super) fn next_below(
    program: &Program,
    member: &Member,
    (meter, window): (MeterId, Window),
    most: Points,
    day: Day,
) -> Option<Day> {
    let after = match window {
        // What was counted on a day is gone from the first day whose window begins after it.
        Window::RollingDays(_) | Window::RollingMonths(_) => {
            let counts = member.meters.between(meter, first_day(window, day), day);
            let days: Vec<Day> = counts.map(|count| count.window).collect();
            days.into_iter()
                .map(|counted| first_without(window, counted))
                .find(|day| counted_from(member, meter, first_day(window, *day)) <= most)
        }
        _ => window_span(window, day, enrolled_on(&program.zone, member)).map(|(_, end)| end),
    };
    after.filter(|after| *after > day)
}

/// The first day whose rolling window leaves out what was counted on `counted`.
fn first_without(window: Window, counted: Day) -> Day {
    let near = match window {
        Window::RollingMonths(months) => counted.plus_months(months),
        Window::RollingDays(days) => counted.plus_days(days),
        _ => counted,
    };
    // Months are of different lengths: it may be a day or a few later.
    (0..=4).map(|more| near.plus_days(more)).find(|day| first_day(window, *day) > counted).unwrap_or(near)
}

fn counted_from(member: &Member, meter: MeterId, first: Day) -> Points {
    let counts = member.meters.between(meter, first, Day(i32::MAX));
    sum(counts.map(|count| count.amount)).unwrap_or(Points(i64::MAX))
}

/// The most that a meter has counted in any window that holds `day`: what comes late may lie before what was counted.
pub(super) fn fullest(member: &Member, meter: MeterId, window: Window, day: Day) -> Points {
    let so_far = counted(member, meter, window, day);
    if !matches!(window, Window::RollingDays(_) | Window::RollingMonths(_)) {
        return so_far;
    }
    let later = member.meters.between(meter, day.plus_days(1), Day(i32::MAX)).map(|count| count.window);
    let holding = later.filter(|last| first_day(window, *last) <= day);
    holding.map(|last| counted(member, meter, window, last)).fold(so_far, Points::max)
}

fn sum(amounts: impl Iterator<Item = Points>) -> Result<Points, Overflow> {
    let mut total = Points::ZERO;
    for amount in amounts {
        total = total.plus(amount)?;
    }
    Ok(total)
}

/// The local day of a member's enrolment.
pub(super) fn enrolled_on(zone: &Zone, member: &Member) -> Day {
    zone.day_of(member.enrolled_at)
}
