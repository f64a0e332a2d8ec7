//! Which of the watched members fall out of their own pattern: what is to be told to them as orders.
//!
//! **Silence.** Her usual gap is the median of the gaps between days on which she bought; she is silent once more days
//! have passed than the tolerance allows ([`rhythm`]), so it is known on the first day after. **Spend.** Her usual day is
//! the median of what the days before the last three brought, three at least; she spends out of her pattern once each of
//! the last three brought less than a part of that. Silence is told where both hold. All of it from her own history alone.

use super::Crowd;
use super::daybook::MemberNo;
use super::visits::{Visit, Visits};
use crate::domain::calendar::Day;
use crate::domain::event::{AlertCause, MarginClass, Pattern};
use crate::domain::insight::rhythm::rhythm;
use crate::domain::order::Raising;
use crate::domain::program::Alerts;

/// How many of the last days on which she bought are held against those before, and how many those are at least.
const RECENT: usize = 3;

/// Who falls out of her pattern on the day `today`, by number; those who have an alert already are left out.
#[must_use]
pub fn of_day(crowd: &Crowd, alerts: &Alerts, today: Day) -> Vec<(MemberNo, Raising)> {
    let is_watched = |member: MemberNo| {
        crowd.tags.is_in(member, alerts.watch)
            && !crowd.tags.has_closed(member)
            && crowd.alerts.standing(member).is_none()
    };
    let visits = Visits::of(&crowd.daybook, is_watched);
    let watched = crowd.tags.of(alerts.watch).filter(|member| is_watched(*member));
    let raised = watched.filter_map(|member| {
        let pattern = out_of_pattern(visits.by(member), alerts, today)?;
        Some((member, Raising { pattern, margin: margin_class(visits.by(member), alerts) }))
    });
    raised.collect()
}

fn out_of_pattern(visits: &[Visit], alerts: &Alerts, today: Day) -> Option<Pattern> {
    // As the day begins; where it is looked at later, who bought on it or since is not missed any more.
    let last_day = visits.last().filter(|last| last.day < today)?.day;
    let blank = Pattern {
        cause: AlertCause::Silence,
        last_day,
        silent_days: i64::from(today.0).saturating_sub(last_day.0.into()).max(0),
        usual_gap: 0,
        alarm_after: 0,
        usual_spend: 0,
        least_spend: 0,
    };
    silent(visits, alerts, today, blank).or_else(|| spends_less(visits, alerts, blank))
}

fn silent(visits: &[Visit], alerts: &Alerts, today: Day, blank: Pattern) -> Option<Pattern> {
    let days: Vec<i64> = visits.iter().map(|visit| i64::from(visit.day.0)).collect();
    let found = rhythm(&days, today.0.into(), &alerts.tolerance)?;
    let (usual_gap, alarm_after) = (found.usual, found.alarm_after);
    found.silence(today.0.into()).alarm.then_some(Pattern { usual_gap, alarm_after, ..blank })
}

fn spends_less(visits: &[Visit], alerts: &Alerts, blank: Pattern) -> Option<Pattern> {
    let (before, recent) = visits.split_at_checked(visits.len().checked_sub(RECENT)?)?;
    let usual_spend = usual(before).filter(|_| before.len() >= RECENT && alerts.spend_below_percent > 0)?;
    let part = i128::from(usual_spend).checked_mul(alerts.spend_below_percent.into())?;
    // Rounded up: less than the exact part is less than this.
    let least_spend = i64::try_from(part.checked_add(99)?.checked_div(100)?).ok()?;
    let less = recent.iter().all(|visit| visit.spend < least_spend);
    less.then_some(Pattern { cause: AlertCause::Spend, usual_spend, least_spend, ..blank })
}

/// The median of what days brought, the lower one of two.
fn usual(visits: &[Visit]) -> Option<i64> {
    let mut spend: Vec<i64> = visits.iter().map(|visit| visit.spend).collect();
    spend.sort_unstable();
    spend.get(spend.len().checked_sub(1)? >> 1).copied()
}

/// What her margin says, of all that carried its cost; unknown where nothing did, or nothing was spent on it. A
/// margin of zero is known: there is nothing to be had of her.
fn margin_class(visits: &[Visit], alerts: &Alerts) -> MarginClass {
    let known = || visits.iter().filter(|visit| visit.knows_cost);
    let sum = |of: fn(&Visit) -> i64| known().map(|visit| i128::from(of(visit))).sum::<i128>();
    let (spend, margin) = (sum(|visit| visit.known_spend), sum(|visit| visit.margin));
    let high = spend.saturating_mul(alerts.high_margin_percent.into());
    match margin {
        _ if spend <= 0 => MarginClass::Unknown,
        ..=0 => MarginClass::Change,
        margin if margin.saturating_mul(100) >= high => MarginClass::Keep,
        _ => MarginClass::Grow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::insight::rhythm::Tolerance;
    use crate::domain::program::SegmentId;

    fn alerts() -> Alerts {
        Alerts {
            watch: SegmentId::default(),
            tolerance: Tolerance::default(),
            spend_below_percent: 50,
            high_margin_percent: 30,
            owner: "ada".into(),
            escalation: None,
        }
    }

    fn visits(days: &[(i32, i64, i64)]) -> Vec<Visit> {
        days.iter()
            .map(|(day, spend, margin)| Visit {
                day: Day(*day),
                spend: *spend,
                margin: *margin,
                known_spend: if *margin == 0 { 0 } else { *spend },
                knows_cost: *margin != 0,
            })
            .collect()
    }

    #[test]
    fn silence_is_known_on_the_first_day_beyond_her_rhythm() {
        let weekly = visits(&[(0, 100, 0), (7, 100, 0), (14, 100, 0), (21, 100, 0)]);
        let on = |day| out_of_pattern(&weekly, &alerts(), Day(day));
        // Seven days, and half of that rounded up: eleven days of silence are within her rhythm.
        assert_eq!(on(32), None);
        let pattern = on(33).unwrap();
        assert_eq!((pattern.cause, pattern.last_day, pattern.silent_days), (AlertCause::Silence, Day(21), 12));
        assert_eq!((pattern.usual_gap, pattern.alarm_after, pattern.least_spend), (7, 11, 0));
        assert_eq!(out_of_pattern(&weekly[..3], &alerts(), Day(400)), None, "two gaps are no rhythm");
        assert_eq!(out_of_pattern(&[], &alerts(), Day(400)), None);
    }

    #[test]
    fn spend_falls_out_of_her_pattern_by_three_small_days_in_a_row() {
        let rows = [(0, 1_001, 0), (7, 900, 0), (14, 5_000, 0), (21, 500, 0), (28, 499, 0), (35, 10, 0)];
        let on = |rows: &[(i32, i64, i64)]| out_of_pattern(&visits(rows), &alerts(), Day(36));
        let pattern = on(&rows).unwrap();
        assert_eq!((pattern.cause, pattern.usual_spend, pattern.least_spend), (AlertCause::Spend, 1_001, 501));
        assert_eq!(on(&[rows[0], rows[1], rows[2], (21, 501, 0), rows[4], rows[5]]), None, "not below half");
        assert_eq!(on(&rows[1..]), None, "two days before are no pattern");
        assert_eq!(out_of_pattern(&visits(&rows), &alerts(), Day(35)), None, "the day is not over");
        let unwatched = Alerts { spend_below_percent: 0, ..alerts() };
        assert_eq!(out_of_pattern(&visits(&rows), &unwatched, Day(36)), None);
    }

    #[test]
    fn her_margin_says_keep_grow_or_change() {
        let class = |rows: &[(i64, Option<i64>)]| {
            let visit = |(spend, margin): &(i64, Option<i64>)| {
                let known_spend = margin.map_or(0, |_| *spend);
                let (margin, knows_cost) = (margin.unwrap_or(0), margin.is_some());
                Visit { day: Day(0), spend: *spend, margin, known_spend, knows_cost }
            };
            margin_class(&rows.iter().map(visit).collect::<Vec<_>>(), &alerts())
        };
        assert_eq!(class(&[(1_000, Some(300))]), MarginClass::Keep);
        assert_eq!(class(&[(1_000, Some(299))]), MarginClass::Grow);
        assert_eq!(class(&[(1_000, Some(100)), (1_000, Some(-100))]), MarginClass::Change);
        assert_eq!(class(&[(1_000, Some(0)), (500, Some(0))]), MarginClass::Change, "it costs what she pays");
        assert_eq!(class(&[(1_000, None)]), MarginClass::Unknown);
        assert_eq!(class(&[(9_000, None), (1_000, Some(300))]), MarginClass::Keep, "of what is known");
        assert_eq!(class(&[(0, Some(5))]), MarginClass::Unknown);
    }
}
