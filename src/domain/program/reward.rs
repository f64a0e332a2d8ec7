//! The catalog: what points buy, for whom, and how often.

use super::{Benefit, ClubId, MeterId, RewardId, TierId, WalletId, Window};
use crate::domain::calendar::CalendarSpan;
use crate::domain::units::{Moment, Points};

/// One thing that points buy.
#[derive(Clone, Debug)]
pub struct Reward {
    /// Its id.
    pub id: RewardId,
    /// A name for people.
    pub name: Box<str>,
    /// The wallet it is paid from.
    pub wallet: WalletId,
    /// Its price in smallest units; a reward that is only cut from balances has none.
    pub price: Option<Points>,
    /// Other prices for members on these tiers.
    pub tier_prices: Vec<(TierId, Points)>,
    /// How many there are for all members together; no end of them if absent.
    pub stock: Option<i64>,
    /// How many one member may have.
    pub limit: Option<Limit>,
    /// Offered from this moment.
    pub from: Moment,
    /// Offered before this moment.
    pub until: Moment,
    /// The tiers it is offered to; all if empty.
    pub tiers: Vec<TierId>,
    /// The clubs whose members it is offered to; everybody if empty.
    pub clubs: Vec<ClubId>,
    /// What it gives at once, each time.
    pub gives: Vec<Benefit>,
    /// Whether a voucher proves it, and how long that keeps: without end if the span is absent.
    pub voucher: Option<Option<CalendarSpan>>,
}

/// How many of a reward one member may have in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many, at least 1.
    pub times: i64,
    /// The window.
    pub window: Window,
    /// The hidden meter that counts them.
    pub meter: MeterId,
}

impl Reward {
    /// The price for a member on `tier`.
    #[must_use]
    pub fn price_on(&self, tier: Option<TierId>) -> Option<Points> {
        let own = self.tier_prices.iter().find(|(id, _)| Some(*id) == tier).map(|(_, price)| *price);
        own.or(self.price)
    }
}
