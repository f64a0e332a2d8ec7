//! What a program promises about points once they are earned: when they can be spent, when they end, what they are
//! worth.

use super::{RewardId, TierId, WalletId};
use crate::domain::calendar::{CalendarSpan, Day, MonthDay, Zone};
use crate::domain::units::{Moment, Points, Ratio};

/// A points currency that can be spent.
#[derive(Clone, Debug)]
pub struct Wallet {
    /// Its id.
    pub id: WalletId,
    /// A name for people.
    pub name: Box<str>,
    /// 0 to 4; points are kept in units of 10^-decimals.
    pub decimals: u8,
    /// When points end.
    pub expiry: Expiry,
    /// Members on these tiers keep their points for as long as they stand there.
    pub keeps: Vec<TierId>,
    /// When points can be spent.
    pub pending: Pending,
    /// How long ahead their end is announced; not at all if absent.
    pub notice: Option<CalendarSpan>,
    /// What becomes of points that a return cannot take back.
    pub debt: Debt,
    /// How long points stay that come back after their end (`grace`); gone at once if absent.
    pub grace: Option<CalendarSpan>,
    /// What a new member is given, never counted as earned.
    pub head_start: Points,
    /// Points are spent in whole books of this many, if at all.
    pub book: Option<Points>,
    /// Whether members may send them to each other.
    pub transferable: bool,
    /// Vouchers that are cut from the balance by themselves.
    pub conversion: Option<Conversion>,
    /// What a point is worth in the books.
    pub valuation: Option<Valuation>,
}

/// When points end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Never.
    Never,
    /// This long after the day they were earned, or at the end of the month that falls in.
    After {
        /// How long.
        span: CalendarSpan,
        /// Whether they stay to the end of that month.
        end_of_month: bool,
    },
    /// The whole balance, this long after the member's last activity.
    Inactive(CalendarSpan),
    /// With the last day before this day comes again, `years_after` years on.
    Yearly {
        /// The last day.
        through: MonthDay,
        /// How often it passes by first, 0 to 10.
        years_after: i16,
    },
}

impl Expiry {
    /// The first moment at which points earned on `day` are gone, the wallet's lapsing aside.
    #[must_use]
    pub fn end(self, zone: &Zone, day: Day) -> Moment {
        match self {
            Self::Never | Self::Inactive(_) => Moment::NEVER,
            Self::After { span, end_of_month: false } => zone.start_of(span.after(day)),
            Self::After { span, end_of_month: true } => zone.start_of(span.after(day).month_start().plus_months(1)),
            Self::Yearly { through, years_after } => {
                let this_year = through.in_year(day.year());
                let years = years_after.saturating_add(i16::from(this_year < day));
                zone.start_of(through.in_year(day.year().saturating_add(years)).plus_days(1))
            }
        }
    }
}

/// When points can be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// At once.
    No,
    /// This long after the day they were earned.
    For(CalendarSpan),
    /// Once their purchase is confirmed.
    UntilConfirmed,
}

impl Pending {
    /// When points earned on `day` can be spent, [`Moment::BEGINNING`] if at once.
    #[must_use]
    pub fn end(self, zone: &Zone, day: Day) -> Moment {
        match self {
            Self::No => Moment::BEGINNING,
            Self::For(span) => zone.start_of(span.after(day)),
            Self::UntilConfirmed => Moment::NEVER,
        }
    }
}

/// What becomes of points that a return cannot take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Debt {
    /// The balance goes below zero; whatever comes in pays it back first.
    Negative,
    /// They are taken from the next points that are earned, and from nothing else.
    NextEarnings,
    /// They are written off.
    WriteOff,
}

/// Vouchers that are cut from a balance in steps; the rest of the balance stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// How many points one step takes.
    pub step: Points,
    /// What a step becomes.
    pub reward: RewardId,
    /// When.
    pub cut: Cut,
}

/// When vouchers are cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// As soon as a step is full.
    AtOnce,
    /// At the start of these days of the year, in their order.
    On(Vec<MonthDay>),
}

impl Cut {
    /// The first moment after `moment` at which vouchers are cut; [`Moment::NEVER`] if not at dates.
    #[must_use]
    pub fn next(&self, zone: &Zone, moment: Moment) -> Moment {
        let Self::On(days) = self else { return Moment::NEVER };
        let year = zone.day_of(moment).year();
        let starts = |year: i16| days.iter().map(move |day| zone.start_of(day.in_year(year)));
        let later = starts(year).chain(starts(year.saturating_add(1))).filter(|start| *start > moment);
        later.min().unwrap_or(Moment::NEVER)
    }
}

/// What a point is worth in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Valuation {
    /// Minor units of money one smallest unit of the wallet stands for.
    pub minor_units: Ratio,
    /// The share of points expected to be redeemed.
    pub expected: Ratio,
    /// The allocation is rounded to whole multiples of this many minor units, at least 1.
    pub round_to: i64,
}
