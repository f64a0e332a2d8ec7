//! The ladder: what lifts a member to a tier, how long that holds, and what comes when it ends.
//!
//! Conditions are evaluated elsewhere (`decide/ladder.rs`); nothing here knows a member.

use super::{Condition, MeterId, TierId};
use crate::domain::calendar::{CalendarSpan, Day, MonthDay, Zone};
use crate::domain::units::Moment;

/// The ladder: tiers from the lowest to the highest, above a base that everybody has.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// The tier of a member who has earned none (`member` unless the file says otherwise).
    pub base: TierId,
    /// Tiers above the base, lowest first.
    pub tiers: Vec<Tier>,
    /// Where a member goes when what she held ends and was not earned anew.
    pub downgrade: Downgrade,
    /// What a version with another ladder does to the tiers members hold by the one before.
    pub on_change: OnChange,
}

/// Where a member goes when the validity of her tier ends and it was not earned anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Downgrade {
    /// To the highest tier she earned or holds otherwise.
    #[default]
    ToEarned,
    /// One tier down at most, for as long as that tier holds.
    OneStep,
    /// Nowhere: she keeps it.
    None,
}

/// What becomes of tiers held by the ladder of the version before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnChange {
    /// They hold until their validity ends.
    #[default]
    Grandfather,
    /// They are judged anew at the moment the version takes effect.
    Rejudge,
}

/// One rung.
#[derive(Clone, Debug)]
pub struct Tier {
    /// Its id.
    pub id: TierId,
    /// A name for people.
    pub name: Box<str>,
    /// The condition over meters that earns it; none where it is only given: by invitation, or as a grant.
    pub qualify: Option<Condition>,
    /// The condition that keeps it, where that is another one than earns it. A tier that holds for a span is judged by
    /// it only when the span ends, by what the meters read on its last day; one that holds through a date, as it is
    /// counted.
    pub renew: Option<Condition>,
    /// The condition that gives it for life.
    pub floor: Option<Condition>,
    /// How long it holds once earned.
    pub validity: Validity,
    /// How long it goes on once its validity has ended and it was not earned anew.
    pub grace: Option<CalendarSpan>,
    /// What a matched tier must be proved by.
    pub trial: Option<Trial>,
    /// A meter that counts the validities for which this tier or a higher one was earned.
    pub counts: Option<YearCount>,
}

/// A trial of a matched tier: it holds for a while, and from then as if earned, if by then a condition holds.
#[derive(Clone, Debug)]
pub struct Trial {
    /// How long it holds on trial.
    pub lasts: CalendarSpan,
    /// What the meters must read on the last day of it.
    pub keep: Condition,
}

/// Where the validities of a tier are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct YearCount {
    /// The meter that counts them; its window is a lifetime.
    pub meter: MeterId,
    /// The hidden meter that knows which were counted, by the day on which they end.
    pub known: MeterId,
}

/// How long an earned tier holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Through this day of the year `years_after` the year in which the qualifying year ends.
    Through {
        /// The first day of the qualifying year.
        year_starts: MonthDay,
        /// The last day of validity.
        day: MonthDay,
        /// Years after the year in which the qualifying year ends, 0 to 10.
        years_after: i16,
    },
    /// This long from the day it was earned.
    Span(CalendarSpan),
    /// For ever.
    Forever,
}

impl Validity {
    /// The first moment at which a tier earned on `day` no longer holds.
    #[must_use]
    pub fn end(self, zone: &Zone, day: Day) -> Moment {
        match self {
            Self::Through { year_starts, day: last, years_after } => {
                let start = year_starts.year_start(day);
                let final_day = year_starts.in_year(start.year().saturating_add(1)).plus_days(-1);
                let year = final_day.year().saturating_add(years_after);
                zone.start_of(last.in_year(year).plus_days(1))
            }
            Self::Span(span) => zone.start_of(span.after(day)),
            Self::Forever => Moment::NEVER,
        }
    }

    /// The first moment at which a tier no longer holds that is earned anew as a term of it ends at `at`: a span begins
    /// there, a date counts from the last day of what was judged.
    #[must_use]
    pub fn renewed_end(self, zone: &Zone, at: Moment) -> Moment {
        let day = if matches!(self, Self::Span(_)) { zone.day_of(at) } else { zone.day_of(at.minus_one()) };
        self.end(zone, day)
    }

    /// The first moment at which a tier no longer holds that was kept for one more term as another ended at `at`.
    #[must_use]
    pub fn next_end(self, zone: &Zone, at: Moment) -> Moment {
        let Self::Through { day: last, .. } = self else { return self.renewed_end(zone, at) };
        let day = zone.day_of(at.minus_one());
        let this_year = last.in_year(day.year());
        let end = if this_year > day { this_year } else { last.in_year(day.year().saturating_add(1)) };
        zone.start_of(end.plus_days(1))
    }
}

impl Tier {
    /// The condition that is asked when a term of this tier ends: of one that holds for a span. One that holds through a
    /// date is asked its own as things are counted, and then only.
    #[must_use]
    pub fn asked_at_end(&self) -> Option<&Condition> {
        let is_span = matches!(self.validity, Validity::Span(_));
        self.renew.as_ref().or(self.qualify.as_ref()).filter(|_| is_span)
    }
}

impl Ladder {
    /// 0 for the base, 1 for the lowest tier and so on; `None` for a tier this version does not have.
    #[must_use]
    pub fn rank(&self, tier: TierId) -> Option<usize> {
        if tier == self.base {
            return Some(0);
        }
        self.tiers.iter().position(|t| t.id == tier).map(|index| index + 1)
    }
}
