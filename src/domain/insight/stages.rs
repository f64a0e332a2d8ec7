//! The loyalty ladder: prospect, shopper, customer, client, advocate (M. and N. Raphel 1995).
//!
//! The five words are the field's; where one ends and the next begins is each house's own, so the borders are data
//! ([`Borders`]). Exact integers. Must not know tiers: a tier is promised and earned, a stage is only observed.

/// How far a member has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Known, and has not bought yet.
    Prospect,
    /// Has bought.
    Shopper,
    /// Has come back.
    Customer,
    /// Buys regularly.
    Client,
    /// Brings others.
    Advocate,
}

impl Stage {
    /// From the lowest.
    pub const ALL: [Self; 5] = [Self::Prospect, Self::Shopper, Self::Customer, Self::Client, Self::Advocate];
}

/// Where the stages begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Borders {
    /// How many purchases, whenever they were, make a customer.
    pub customer_purchases: u32,
    /// How many purchases make a client,
    pub client_purchases: u32,
    /// within so many days, today being the last of them. A client who falls silent is a customer again.
    pub client_days: u32,
    /// Whoever brings others is an advocate if she has come at least this far herself.
    pub advocate_from: Stage,
}

impl Default for Borders {
    /// The second purchase makes a customer, three within a year a client; an advocate must have come back.
    fn default() -> Self {
        Self { customer_purchases: 2, client_purchases: 3, client_days: 365, advocate_from: Stage::Customer }
    }
}

/// A member's stage on day `today`. `purchases` are the days of her purchases in any order, one for each; those after
/// today do not count. Whether two receipts of one day are two purchases, and who brings others, is the caller's to say.
#[must_use]
pub fn stage(purchases: &[i64], brings_others: bool, today: i64, borders: &Borders) -> Stage {
    with_others(bought(purchases, today, borders), brings_others, borders)
}

/// The stage of somebody whose own purchases brought her to `bought`.
#[must_use]
pub fn with_others(bought: Stage, brings_others: bool, borders: &Borders) -> Stage {
    if brings_others && bought >= borders.advocate_from { Stage::Advocate } else { bought }
}

/// How far her own purchases brought her.
fn bought(purchases: &[i64], today: i64, borders: &Borders) -> Stage {
    let before = today.saturating_sub(i64::from(borders.client_days));
    let count = |after: i64| purchases.iter().filter(|day| **day > after && **day <= today).count();
    let all = purchases.iter().filter(|day| **day <= today).count();
    let narrow = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    bought_so_often(narrow(all), narrow(count(before)), borders)
}

/// The stage of whoever brings nobody, by how often she bought in all, and within the span in which a client is made.
#[must_use]
pub fn bought_so_often(all: u32, lately: u32, borders: &Borders) -> Stage {
    if all == 0 {
        Stage::Prospect
    } else if lately >= borders.client_purchases.max(1) {
        Stage::Client
    } else if all >= borders.customer_purchases.max(1) {
        Stage::Customer
    } else {
        Stage::Shopper
    }
}

/// How many members stand on each stage, from the lowest.
#[must_use]
pub fn headcount(stages: impl IntoIterator<Item = Stage>) -> [(Stage, u64); 5] {
    let mut counts = Stage::ALL.map(|stage| (stage, 0_u64));
    for stage in stages {
        if let Some((_, count)) = counts.iter_mut().find(|(named, _)| *named == stage) {
            *count = count.saturating_add(1);
        }
    }
    counts
}
