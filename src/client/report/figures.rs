//! The numbers of a report, as the page shows them and as JSON has them: what the server said, by the names of the page.
//!
//! Money is minor units, points are smallest units, shares and estimates are decimal texts, as on the wire. `last_day` and
//! the like are included in their spans.

use serde::Serialize;

/// All of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub program: String,
    pub name: String,
    pub currency: String,
    pub first_day: String,
    pub last_day: String,
    /// The first day of the later part.
    pub then_from: String,
    /// The day on which the server was asked, by its clock: points are told as they stand on it.
    pub asked_on: String,
    pub spread: Spread,
    /// Over whole twelve months; empty before there are any.
    pub over_time: Vec<Standpoint>,
    pub best: Best,
    /// Absent if nobody stands on a tier.
    pub tiers: Option<Tiers>,
    pub rfm: Vec<Cell>,
    /// Absent if too few came back to tell.
    pub forecast: Option<Forecast>,
    pub liability: Vec<Wallet>,
}

/// Some customers and what they bring.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Group {
    pub customers: i64,
    pub share_of_customers: String,
    pub revenue: i64,
    pub share_of_revenue: String,
}

/// How the revenue is spread over the customers.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Spread {
    pub customers: i64,
    pub buyers: i64,
    pub revenue: i64,
    /// The best 1, 5, 10 and 20 per cent.
    pub top: Vec<Group>,
    /// The fewest who bring 80 per cent.
    pub for_most: Group,
    pub gini: String,
    /// A, B and C at 80 and 95 per cent.
    pub abc: Vec<Group>,
    /// The smallest customers first.
    pub lorenz: Vec<Point>,
}

/// A point of the Lorenz curve.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Point {
    pub customers: i64,
    pub share_of_customers: String,
    pub revenue: i64,
    pub share_of_revenue: String,
}

/// How concentrated revenue was over some days, on those who bought in them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Standpoint {
    pub first_day: String,
    pub last_day: String,
    pub buyers: i64,
    pub revenue: i64,
    pub share_of_best_1: String,
    pub share_of_best_20: String,
    /// What share of the buyers brings 80 per cent.
    pub buyers_for_most: String,
}

/// What became of the best 20 per cent of the first part in the second.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Best {
    pub group: Group,
    pub then: Group,
    pub still_buying: i64,
    pub stayed: i64,
    pub entered: i64,
    pub left: i64,
    /// Those of the first part who brought anything and are not among its best.
    pub others: i64,
    /// How many of them bought in the second.
    pub others_still_buying: i64,
    pub before: Part,
    pub after: Part,
}

/// A part of the days, and what all customers brought in it.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Part {
    pub days: i64,
    pub revenue: i64,
}

/// Who stood on which tier at the ends of both parts.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tiers {
    pub before_day: String,
    /// `today` where nobody was a member by the last day: a past that was loaded later.
    pub after_day: String,
    /// From the base upwards.
    pub counts: Vec<TierCount>,
    pub flows: Vec<Flow>,
}

/// A tier and how many stood on it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TierCount {
    pub tier: String,
    pub name: String,
    pub before: i64,
    pub after: i64,
}

/// Members who went from one tier to another, or stayed; an empty tier is none: no member yet, or closed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Flow {
    pub from: String,
    pub to: String,
    pub members: i64,
}

/// A cell of recency, frequency and money.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cell {
    pub recency: i32,
    pub frequency: i32,
    pub money: i32,
    pub customers: i64,
    pub revenue: i64,
}

/// What may be expected of all customers after the last day.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Forecast {
    pub horizon_days: i32,
    pub expected_purchases: String,
    pub expected_revenue: String,
    pub expected_of_new: String,
    pub customers: i64,
    pub r: String,
    pub alpha: String,
    pub a: String,
    pub b: String,
    pub ln_likelihood: String,
    pub repeaters: i64,
    pub p: String,
    pub q: String,
    pub v: String,
}

/// A wallet's points by the month in which they were issued.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Wallet {
    pub wallet: String,
    pub name: String,
    pub decimals: usize,
    /// Whether the program says what a point is worth, without which no revenue is deferred.
    pub is_valued: bool,
    pub total: Points,
    pub months: Vec<Month>,
}

/// The points of one month.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Month {
    pub month: String,
    #[serde(flatten)]
    pub points: Points,
}

/// What became of points, and the revenue that is deferred for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Points {
    pub issued: i64,
    pub adjusted: i64,
    pub redeemed: i64,
    pub expired: i64,
    pub returned: i64,
    pub outstanding: i64,
    pub deferred: i64,
}

impl Points {
    /// Both together.
    pub const fn plus(self, other: Self) -> Self {
        Self {
            issued: self.issued.saturating_add(other.issued),
            adjusted: self.adjusted.saturating_add(other.adjusted),
            redeemed: self.redeemed.saturating_add(other.redeemed),
            expired: self.expired.saturating_add(other.expired),
            returned: self.returned.saturating_add(other.returned),
            outstanding: self.outstanding.saturating_add(other.outstanding),
            deferred: self.deferred.saturating_add(other.deferred),
        }
    }
}
