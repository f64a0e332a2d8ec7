//! Days, zones and the spans that are counted in them.
//!
//! The one place that knows time zones (through `jiff`, with its bundled IANA database, so that the same
//! source gives the same days on every machine). It must not read a clock: moments come in as arguments.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::units::Moment;

/// A civil day, as days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// Reads `YYYY-MM-DD`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<Date>().ok().map(Self::of)
    }

    fn of(date: Date) -> Self {
        Self(days_before_year(date.year()) + i32::from(date.day_of_year()) - 1)
    }

    fn date(self) -> Date {
        let epoch = Date::constant(1970, 1, 1);
        let span = jiff::Span::new().try_days(self.0).unwrap_or_default();
        epoch.saturating_add(span)
    }

    /// The calendar year this day lies in.
    #[must_use]
    pub fn year(self) -> i16 {
        // 400 years have 146,097 days; the guess is at most one year off.
        let guess = 1970 + (i64::from(self.0) * 400).div_euclid(146_097);
        let guess = i16::try_from(guess).unwrap_or(i16::MAX - 1);
        match () {
            () if self.0 < days_before_year(guess) => guess - 1,
            () if self.0 >= days_before_year(guess + 1) => guess + 1,
            () => guess,
        }
    }

    /// The day `n` days on (back, if negative).
    #[must_use]
    pub const fn plus_days(self, n: i32) -> Self {
        Self(self.0.saturating_add(n))
    }

    /// The first day of its month.
    #[must_use]
    pub const fn month_start(self) -> Self {
        self.plus_days(1 - self.civil().2)
    }

    /// Its year, month (1 to 12) and day of the month, by arithmetic: every purchase asks. Counted in eras of 400 years
    /// that begin on 1 March, so that the leap day is the last of its year.
    const fn civil(self) -> (i32, i32, i32) {
        let days = self.0 as i64 + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        (year as i32, month as i32, day as i32)
    }

    /// The day with this year, month (1 to 12) and day of the month.
    const fn of_civil(year: i32, month: i32, day: i32) -> Self {
        let year = year as i64 - if month <= 2 { 1 } else { 0 };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let from_march = (month as i64 + 9) % 12;
        let of_year = (153 * from_march + 2) / 5 + day as i64 - 1;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        Self((era * 146_097 + of_era - 719_468) as i32)
    }

    /// The same day `n` months on; the last of the month where it would not exist (31 January + 1 = 28 February).
    #[must_use]
    pub fn plus_months(self, n: i32) -> Self {
        let (year, month, day) = self.civil();
        let months = (i64::from(year) * 12 + i64::from(month) - 1).saturating_add(i64::from(n));
        // As far as days of four-digit years go, which is further than any program looks.
        let months = months.clamp(-9_999 * 12, 9_999 * 12 + 11);
        let year = i32::try_from(months.div_euclid(12)).unwrap_or_default();
        let month = i32::try_from(months.rem_euclid(12)).unwrap_or_default() + 1;
        let next = if month == 12 { Self::of_civil(year + 1, 1, 1) } else { Self::of_civil(year, month + 1, 1) };
        let first = Self::of_civil(year, month, 1);
        first.plus_days(day.min(next.0 - first.0) - 1)
    }
}

/// Days from 1970-01-01 to 1 January of `year`, by the Gregorian rule of leap years.
fn days_before_year(year: i16) -> i32 {
    let before = i32::from(year) - 1;
    let leaps = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    // Up to 1 January 1970 there were 719,162 days since 1 January of year 1.
    before * 365 + leaps - 719_162
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.date())
    }
}

/// A month and day that comes every year, such as 1 March. 29 February counts as 28 in common years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthDay {
    /// 1 to 12.
    pub month: i8,
    /// 1 to 31.
    pub day: i8,
}

impl MonthDay {
    /// Reads `MM-DD`; `None` if no year has that day.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (month, day) = text.split_once('-')?;
        let found = Self { month: two_digits(month)?, day: two_digits(day)? };
        Date::new(2000, found.month, found.day).ok().map(|_| found)
    }

    /// This day in `year`.
    #[must_use]
    pub fn in_year(self, year: i16) -> Day {
        let date = Date::new(year, self.month, self.day).or_else(|_| Date::new(year, self.month, 28));
        Day::of(date.unwrap_or(Date::MAX))
    }

    /// The first day of the year that starts here and holds `day`.
    #[must_use]
    pub fn year_start(self, day: Day) -> Day {
        let this_year = self.in_year(day.year());
        if this_year <= day { this_year } else { self.in_year(day.year().saturating_sub(1)) }
    }
}

impl std::fmt::Display for MonthDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

fn two_digits(text: &str) -> Option<i8> {
    if text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// An IANA time zone.
#[derive(Clone, Debug)]
pub struct Zone {
    zone: TimeZone,
    /// The first moments of the days from 1970 to 2100, computed when first asked: every purchase asks for days.
    midnights: Arc<OnceLock<Box<[Moment]>>>,
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.zone == other.zone
    }
}

impl Eq for Zone {}

/// The first day after those whose midnights are kept: 2100-01-01.
const MIDNIGHTS_END: i32 = 47_482;

impl Zone {
    fn of(zone: TimeZone) -> Self {
        Self { zone, midnights: Arc::default() }
    }

    /// The zone called `name` (`America/Chicago`), from the bundled database. Every zone is made once and shared, since its
    /// midnights take a while to compute and room to keep.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        static KNOWN: Mutex<BTreeMap<String, Zone>> = Mutex::new(BTreeMap::new());
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        // Under its own name, however it was written: so there are never more than the database has.
        let own = zone.iana_name().unwrap_or_default().to_owned();
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        Some(known.entry(own).or_insert_with(|| Self::of(zone)).clone())
    }

    /// The IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The local day on which `moment` falls here.
    #[must_use]
    pub fn day_of(&self, moment: Moment) -> Day {
        self.known_day(moment).unwrap_or_else(|| self.computed_day(moment))
    }

    /// The first moment of `day` here (after the gap, where a change of clock skips midnight).
    #[must_use]
    pub fn start_of(&self, day: Day) -> Moment {
        let known = usize::try_from(day.0).ok().and_then(|at| self.midnights().get(at).copied());
        known.unwrap_or_else(|| self.computed_start(day))
    }

    fn midnights(&self) -> &[Moment] {
        self.midnights.get_or_init(|| (0..MIDNIGHTS_END).map(|day| self.computed_start(Day(day))).collect())
    }

    /// The day of a moment between the kept midnights: its day in UTC, or a neighbour.
    fn known_day(&self, moment: Moment) -> Option<Day> {
        let midnights = self.midnights();
        let guess = usize::try_from(moment.0.div_euclid(86_400_000_000)).ok()?;
        let near = midnights.get(guess.checked_sub(1)?..guess.checked_add(3)?)?;
        let within = near.partition_point(|midnight| *midnight <= moment);
        let day = (guess - 1).checked_add(within.checked_sub(1)?)?;
        i32::try_from(day).ok().filter(|_| within < near.len()).map(Day)
    }

    fn computed_day(&self, moment: Moment) -> Day {
        let clamped = moment.0.clamp(-377_705_023_201_000_000, 253_402_207_200_000_000);
        let stamp = jiff::Timestamp::from_microsecond(clamped).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let seconds = stamp.as_second().saturating_add(self.zone.to_offset(stamp).seconds().into());
        Day(i32::try_from(seconds.div_euclid(86_400)).unwrap_or_default())
    }

    fn computed_start(&self, day: Day) -> Moment {
        let midnight = day.date().to_datetime(jiff::civil::Time::midnight());
        match self.zone.to_ambiguous_timestamp(midnight).compatible() {
            Ok(stamp) => Moment(stamp.as_microsecond()),
            Err(_) => Moment::NEVER,
        }
    }
}

/// A length counted in days or months, as a program file writes it: `400d`, `6mo`, `2y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarSpan {
    /// Local days.
    Days(i32),
    /// Calendar months (a year is twelve).
    Months(i32),
}

impl CalendarSpan {
    /// Reads `400d`, `6mo` or `2y`; `None` unless positive.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
        let number: i32 = number.parse().ok().filter(|n| (1..=100_000).contains(n))?;
        match unit {
            "d" => Some(Self::Days(number)),
            "mo" => Some(Self::Months(number)),
            "y" => number.checked_mul(12).map(Self::Months),
            _ => None,
        }
    }

    /// `day` moved on by this span.
    #[must_use]
    pub fn after(self, day: Day) -> Day {
        match self {
            Self::Days(n) => day.plus_days(n),
            Self::Months(n) => day.plus_months(n),
        }
    }

    /// `day` moved back by this span.
    #[must_use]
    pub fn before(self, day: Day) -> Day {
        match self {
            Self::Days(n) => day.plus_days(n.saturating_neg()),
            Self::Months(n) => day.plus_months(n.saturating_neg()),
        }
    }
}

/// A moment as RFC 3339 text in UTC.
#[must_use]
pub fn rfc3339(moment: Moment) -> String {
    match jiff::Timestamp::from_microsecond(moment.0) {
        Ok(stamp) => stamp.to_string(),
        Err(_) if moment == Moment::BEGINNING => "the beginning of time".into(),
        Err(_) => "never".into(),
    }
}

/// Reads RFC 3339 text (`2026-05-04T09:30:00Z`, `…-06:00`).
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<Moment> {
    text.parse::<jiff::Timestamp>().ok().map(|stamp| Moment(stamp.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_that_starts_in_march_knows_leap_years() {
        let march = MonthDay::parse("03-01").unwrap();
        let start = |text| march.year_start(Day::parse(text).unwrap()).to_string();
        assert_eq!(start("2024-02-29"), "2023-03-01");
        assert_eq!(start("2024-03-01"), "2024-03-01");
        let leap = MonthDay::parse("02-29").unwrap();
        assert_eq!(leap.in_year(2025).to_string(), "2025-02-28");
    }

    #[test]
    fn days_are_local() {
        let chicago = Zone::named("America/Chicago").unwrap();
        let just_before = parse_rfc3339("2025-12-17T05:59:59.999999Z").unwrap();
        assert_eq!(chicago.day_of(just_before).to_string(), "2025-12-16");
        assert_eq!(chicago.day_of(Moment(just_before.0 + 1)).to_string(), "2025-12-17");
        assert_eq!(rfc3339(chicago.start_of(Day::parse("2027-04-01").unwrap())), "2027-04-01T05:00:00Z");
        assert_eq!(Day::parse("1969-12-31").unwrap(), Day(-1));
        assert_eq!(Day::parse("1600-02-29").unwrap().to_string(), "1600-02-29");
    }

    #[test]
    fn kept_days_are_the_computed_ones() {
        for name in ["America/Chicago", "Europe/Berlin", "Asia/Kolkata", "Pacific/Apia", "America/Sao_Paulo", "Etc/UTC"]
        {
            let zone = Zone::named(name).unwrap();
            for step in 0..3_000_i64 {
                let moment = Moment(86_400_000_000 + step * 1_298_813_000_017);
                assert_eq!(zone.day_of(moment), zone.computed_day(moment), "{name} {}", rfc3339(moment));
                let day = zone.day_of(moment);
                assert!(zone.start_of(day) <= moment && moment < zone.start_of(day.plus_days(1)), "{name} {day}");
            }
        }
    }

    #[test]
    fn years_are_those_of_the_calendar() {
        for day in (-800_000..800_000).step_by(13) {
            assert_eq!(Day(day).year(), Day(day).date().year(), "{day}");
            assert_eq!(Day::of(Day(day).date()), Day(day));
        }
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        for day in (-700_000..700_000).step_by(37).map(Day) {
            let date = day.date();
            assert_eq!(day.month_start(), Day::of(date.first_of_month()), "{day}");
            for months in [-25, -12, -1, 0, 1, 6, 11, 12, 24, 400] {
                let there = date.saturating_add(jiff::Span::new().months(months));
                assert_eq!(day.plus_months(months), Day::of(there), "{day} {months}");
            }
        }
    }

    #[test]
    fn spans_read() {
        assert_eq!(CalendarSpan::parse("400d"), Some(CalendarSpan::Days(400)));
        assert_eq!(CalendarSpan::parse("2y"), Some(CalendarSpan::Months(24)));
        for bad in ["", "d", "0d", "4w", "-1d", "1.5y"] {
            assert_eq!(CalendarSpan::parse(bad), None, "{bad}");
        }
    }
}
