//! The days that a report looks at: where it is parted, and the moments at which concentration is measured.
//!
//! Windows are half open, as the server has them: from the first day to the day after the last.

use anyhow::{Context, ensure};
use jiff::civil::Date;
use jiff::{ToSpan, Unit};

/// The days that were asked for; the last is included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    pub from: Option<Date>,
    pub to: Option<Date>,
    pub then: Option<Date>,
}

impl Wanted {
    /// The window, as the server is asked for it; empty where it is left open.
    pub fn window(self) -> anyhow::Result<(String, String)> {
        let end = self.to.map(|day| day.tomorrow().context("`--to` is out of range")).transpose()?;
        let shown = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
        Ok((shown(self.from), shown(end)))
    }

    /// The day that parts the window from `from` to before `to`.
    pub fn then(self, from: Date, to: Date) -> anyhow::Result<Date> {
        let then = self.then.map_or_else(|| parted(from, to), Ok)?;
        ensure!(from < then && then < to, "`--then {then}` must lie after {from} and before {to}");
        Ok(then)
    }
}

/// Two thirds into a window: at the beginning of the nearest month if it is longer than three.
fn parted(from: Date, to: Date) -> anyhow::Result<Date> {
    let days = from.until((Unit::Day, to))?.get_days();
    let day = from.checked_add((days * 2 / 3).days())?;
    Ok(if days < 92 { day } else { day.checked_add(15.days())?.first_of_month() })
}

/// A day as the server tells it.
pub fn read(text: &str) -> anyhow::Result<Date> {
    text.parse().with_context(|| format!("the server told `{text}` for a day"))
}

/// The windows over which concentration is measured, one for every month (quarter, year) of a longer (much longer) window:
/// the twelve months before its end. Where they would begin before the window there is none: a month's purchases are spread
/// wider than a year's, so that the two can't be compared.
pub fn twelvemonths(from: Date, to: Date) -> anyhow::Result<Vec<(Date, Date)>> {
    let months = from.until((Unit::Month, to))?.get_months();
    let step = match months {
        ..=24 => 1,
        25..=120 => 3,
        _ => 12,
    };
    let mut ends = Vec::new();
    let mut end = from.first_of_month().checked_add(step.months())?;
    while end < to {
        ends.push(end);
        end = end.checked_add(step.months())?;
    }
    ends.push(to);
    let mut windows = Vec::new();
    for end in ends {
        windows.push((end.checked_sub(12.months())?, end));
    }
    windows.retain(|(start, _)| *start >= from);
    Ok(windows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_window_is_parted_at_a_month_two_thirds_in() {
        let open = Wanted::default();
        assert_eq!(open.then(date(1997, 1, 1), date(1998, 7, 1)).ok(), Some(date(1998, 1, 1)));
        assert_eq!(open.then(date(2026, 5, 1), date(2026, 5, 31)).ok(), Some(date(2026, 5, 21)));
        let wanted = Wanted { then: Some(date(1997, 6, 1)), ..open };
        assert_eq!(wanted.then(date(1997, 1, 1), date(1998, 7, 1)).ok(), Some(date(1997, 6, 1)));
        assert!(wanted.then(date(1997, 6, 1), date(1998, 7, 1)).is_err());
        assert!(open.then(date(2026, 5, 1), date(2026, 5, 2)).is_err(), "one day has no two parts");
    }

    #[test]
    fn concentration_is_measured_over_the_twelve_months_before_each_months_end() {
        let windows = twelvemonths(date(1997, 1, 1), date(1998, 7, 1)).expect("windows");
        assert_eq!(windows.len(), 7);
        assert_eq!(windows.first(), Some(&(date(1997, 1, 1), date(1998, 1, 1))), "no shorter one");
        assert_eq!(windows.last(), Some(&(date(1997, 7, 1), date(1998, 7, 1))));
        let years = |years: i16| twelvemonths(date(2000, 3, 9), date(2000 + years, 3, 9)).expect("windows").len();
        assert_eq!((years(1), years(4), years(20)), (1, 12 + 1, 19 + 1), "and the end itself, on no first of a month");
        assert_eq!(twelvemonths(date(2026, 5, 3), date(2027, 5, 2)).expect("windows"), []);
    }

    #[test]
    fn the_last_day_is_included() {
        let wanted = Wanted { to: Some(date(1998, 6, 30)), ..Wanted::default() };
        assert_eq!(wanted.window().ok(), Some((String::new(), "1998-07-01".to_owned())));
    }
}
