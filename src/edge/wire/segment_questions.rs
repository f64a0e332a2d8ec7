//! Questions about all members, read: windows of days, measures, filters and shares. Their answers are written in
//! `segments.rs`.
//!
//! Tiers and clubs are looked up in the program, as any version of it has them; whether anything was ever bought in a
//! store is the analyst's to say.

use super::faults::{Faults, Path};
use super::naming;
use super::scalars::{TEXT_MAX, text};
use crate::domain::calendar::Day;
use crate::domain::crowd::Crowd;
use crate::domain::crowd::daybook::{Measure, StoreNo, Window};
use crate::domain::crowd::ranking::Question;
use crate::domain::insight::concentration::Portion;
use crate::domain::program::{ClubId, TierId, Timeline};
use crate::domain::units::Text;
use crate::pb;

/// The most points a Lorenz curve can have besides its beginning.
const LORENZ_MAX: u32 = 1_000;
const LORENZ_DEFAULT: u32 = 20;
/// Shares have at most six decimals.
const SHARE_DECIMALS: usize = 6;
const MILLION: u32 = 1_000_000;

/// A window as it is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The first day; the first of all if absent.
    pub from: Option<Day>,
    /// The day after the last; tomorrow if absent.
    pub to: Option<Day>,
    /// What is counted.
    pub measure: Measure,
    /// Only members on this tier.
    pub tier: Option<TierId>,
    /// Only members of this club.
    pub club: Option<ClubId>,
    /// Only what was bought in this store; everything if empty.
    pub store: Text,
}

impl Asked {
    /// The question that this is on the day before `tomorrow`, of this crowd. Where a store's day is ahead of the
    /// program's, it goes to the end of that day.
    #[must_use]
    pub fn question(&self, crowd: &Crowd, tomorrow: Day) -> Question {
        let (from, to) = self.days(crowd, tomorrow);
        let store = if self.store.is_empty() { None } else { crowd.store(&self.store).or(Some(StoreNo::NONE)) };
        let window = Window { from, to, measure: self.measure, store };
        Question { window, tier: self.tier, club: self.club }
    }

    fn days(&self, crowd: &Crowd, tomorrow: Day) -> (Day, Day) {
        let known = crowd.daybook.days();
        let end = known.map_or(tomorrow, |(_, last)| last.plus_days(1).max(tomorrow));
        let begin = known.map_or_else(|| tomorrow.plus_days(-1), |(first, _)| first);
        match (self.from, self.to) {
            (Some(from), to) => (from, to.unwrap_or_else(|| end.max(from))),
            (None, to) => (begin.min(to.unwrap_or(end)), to.unwrap_or(end)),
        }
    }

    /// What ties the pages of a list to its window.
    #[must_use]
    pub fn scope(&self) -> String {
        let Self { from, to, measure, tier, club, store } = self;
        format!("{from:?} {to:?} {measure:?} {tier:?} {club:?} {store}")
    }
}

/// Reads a window; everything so far if it is absent. Without a program, its words are not looked at.
pub fn window(
    window: Option<pb::SegmentWindow>,
    parent: &Path<'_>,
    timeline: Option<&Timeline>,
    faults: &mut Faults,
) -> Asked {
    let pb::SegmentWindow { from, to, measure, tier, club, store } = window.unwrap_or_default();
    let (from, to) = days((from, to), ("from", "to"), parent, faults);
    Asked {
        from,
        to,
        measure: self::measure(measure, &Path::Field(parent, "measure"), faults),
        tier: self::tier(tier, &Path::Field(parent, "tier"), timeline, faults),
        club: self::club(club, &Path::Field(parent, "club"), timeline, faults),
        store: text(store, TEXT_MAX, &Path::Field(parent, "store"), faults),
    }
}

/// Notes that nothing was ever bought in the store that a window names.
pub fn unknown_store(parent: &Path<'_>, faults: &mut Faults) {
    faults.at(&Path::Field(parent, "store"), "is no store in which anything was bought");
}

/// The first day and the day after the last; the one must lie before the other.
pub fn days(
    (from, to): (String, String),
    (from_field, to_field): (&'static str, &'static str),
    parent: &Path<'_>,
    faults: &mut Faults,
) -> (Option<Day>, Option<Day>) {
    let from = day(&from, &Path::Field(parent, from_field), faults);
    let to_path = Path::Field(parent, to_field);
    let to = day(&to, &to_path, faults);
    if from.zip(to).is_some_and(|(from, to)| to <= from) {
        faults.at(&to_path, format_args!("must lie after `{from_field}`"));
    }
    (from, to)
}

fn day(text: &str, path: &Path<'_>, faults: &mut Faults) -> Option<Day> {
    let read = Day::parse(text).filter(|day| day.to_string() == text);
    if read.is_none() && !text.is_empty() {
        faults.at(path, "must be a day such as `1997-01-01`");
    }
    read
}

fn measure(value: i32, path: &Path<'_>, faults: &mut Faults) -> Measure {
    match pb::Measure::try_from(value) {
        Ok(pb::Measure::Unspecified | pb::Measure::Spend) => Measure::Spend,
        Ok(pb::Measure::Margin) => Measure::Margin,
        Ok(pb::Measure::Points) => Measure::Points,
        Ok(pb::Measure::Visits) => Measure::Visits,
        Err(_) => {
            faults.at(path, "is no measure");
            Measure::Spend
        }
    }
}

fn tier(name: String, path: &Path<'_>, timeline: Option<&Timeline>, faults: &mut Faults) -> Option<TierId> {
    let name = text(name, TEXT_MAX, path, faults);
    let timeline = timeline.filter(|_| !name.is_empty())?;
    let mut ladders = timeline.versions().filter_map(|program| program.ladder.as_ref());
    let known = timeline.newest().register.word(&name).map(TierId);
    let known = known.filter(|tier| {
        ladders.any(|ladder| ladder.base == *tier || ladder.tiers.iter().any(|found| found.id == *tier))
    });
    if known.is_none() {
        faults.at(path, "is no tier of the program");
    }
    known
}

fn club(name: String, path: &Path<'_>, timeline: Option<&Timeline>, faults: &mut Faults) -> Option<ClubId> {
    let name = text(name, TEXT_MAX, path, faults);
    let timeline = timeline.filter(|_| !name.is_empty())?;
    let known = timeline.newest().register.word(&name).map(ClubId);
    let known = known.filter(|club| timeline.versions().any(|program| program.club(*club).is_some()));
    if known.is_none() {
        faults.at(path, "is no club of the program");
    }
    known
}

/// A share of a whole, above nothing; `default` percent if empty.
pub fn share(value: &str, default: u32, field: &'static str, faults: &mut Faults) -> Portion {
    portion(millionths(value, default, field, faults), default)
}

fn portion(millionths: u32, default: u32) -> Portion {
    Portion::new(millionths, MILLION).unwrap_or_else(|| Portion::percent(default))
}

fn millionths(value: &str, default: u32, field: &'static str, faults: &mut Faults) -> u32 {
    let default = default.saturating_mul(MILLION / 100);
    if value.is_empty() {
        return default;
    }
    read_share(value).unwrap_or_else(|| {
        let message = "must be a decimal above 0, at most 1, with up to six decimals, such as `0.20`";
        faults.at(&Path::Field(&Path::Request, field), message);
        default
    })
}

/// A plain decimal above 0 and at most 1, in millionths.
fn read_share(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = whole.len() == 1 && (1..=SHARE_DECIMALS).contains(&decimals.len());
    if !fits || !are_digits(whole) || !are_digits(decimals) {
        return None;
    }
    let units = format!("{whole}{decimals:0<SHARE_DECIMALS$}").parse().ok()?;
    (1..=MILLION).contains(&units).then_some(units)
}

/// How a window's whole is cut up in a report.
#[derive(Clone, Copy, Debug)]
pub struct Cuts {
    /// The best customers by this share.
    pub top: Portion,
    /// The fewest who bring this share.
    pub of_amount: Portion,
    /// Where A ends.
    pub a: Portion,
    /// Where B ends.
    pub b: Portion,
    /// How many steps the Lorenz curve has.
    pub lorenz: u32,
}

/// A question for a Pareto report, but for its faults.
#[must_use]
pub fn pareto(
    request: pb::GetParetoReportRequest,
    timeline: impl FnOnce(&str) -> Option<std::sync::Arc<Timeline>>,
    faults: &mut Faults,
) -> (Text, Asked, Cuts) {
    let program = naming::program(request.program, faults);
    let timeline = timeline(&program);
    let pb::GetParetoReportRequest { from, to, measure, tier, club, store, .. } = request;
    let flat = pb::SegmentWindow { from, to, measure, tier, club, store };
    let asked = window(Some(flat), &Path::Request, timeline.as_deref(), faults);
    let mut share = |value: &str, percent, field| (millionths(value, percent, field, faults), percent);
    let top = share(&request.top_share, 20, "top_share");
    let of_amount = share(&request.of_amount, 80, "of_amount");
    let (a, b) = (share(&request.a_until, 80, "a_until"), share(&request.b_until, 95, "b_until"));
    if b.0 < a.0 {
        faults.at(&Path::Field(&Path::Request, "b_until"), "must not be below `a_until`");
    }
    let lorenz = lorenz(request.lorenz_points, faults);
    let portion = |(millionths, percent)| portion(millionths, percent);
    let cuts = Cuts { top: portion(top), of_amount: portion(of_amount), a: portion(a), b: portion(b), lorenz };
    (program, asked, cuts)
}

fn lorenz(points: i32, faults: &mut Faults) -> u32 {
    match u32::try_from(points) {
        Ok(0) => LORENZ_DEFAULT,
        Ok(points) if points <= LORENZ_MAX => points,
        _ => {
            let message = format_args!("must be 0 to {LORENZ_MAX}");
            faults.at(&Path::Field(&Path::Request, "lorenz_points"), message);
            LORENZ_DEFAULT
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_plain_decimals() {
        for (text, units) in [("0.20", 200_000), ("1", 1_000_000), ("1.0", 1_000_000), ("0.000001", 1)] {
            assert_eq!(read_share(text), Some(units), "{text}");
        }
        for bad in ["", "0", "0.0", "1.000001", "2", "-0.2", ".2", "0.", "0,2", "20%", "0.1234567", "+1", "0.2 "] {
            assert_eq!(read_share(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_window_tells_all_its_faults() {
        let mut faults = Faults::default();
        let given = pb::SegmentWindow { from: "1997-1-1".into(), measure: 9, ..Default::default() };
        window(Some(given), &Path::Field(&Path::Request, "window"), None, &mut faults);
        let backwards = ("1998-01-01".into(), "1998-01-01".into());
        days(backwards, ("then_from", "then_to"), &Path::Request, &mut faults);
        let Err(crate::domain::order::Refusal::Malformed(found)) = faults.verdict(()) else { panic!("no faults") };
        let fields: Vec<&str> = found.iter().map(|fault| &*fault.field).collect();
        assert_eq!(fields, ["window.from", "window.measure", "then_to"]);
    }

    #[test]
    fn an_open_window_is_everything_so_far() {
        let mut faults = Faults::default();
        let asked = window(None, &Path::Request, None, &mut faults);
        let Question { window, .. } = asked.question(&Crowd::default(), Day(8));
        assert_eq!((window.from, window.to, window.measure), (Day(7), Day(8), Measure::Spend));
        let later = Asked { from: Some(Day(20)), ..asked };
        let Question { window, .. } = later.question(&Crowd::default(), Day(8));
        assert_eq!((window.from, window.to), (Day(20), Day(20)));
    }
}
