//! Points with dates: the [`Lot`], and how lots lie in the order in which they are spent.
//!
//! A lot's dates are results: what the program promised when the points were earned. Nothing here knows programs,
//! members or clocks.

use super::calendar::Day;
use super::event::Seq;
use super::units::{Moment, Overflow, Points};

/// How many lots of one wallet are kept apart before those alike are joined: few, for a member is copied and kept with
/// every order of hers. What each entry brought is in the ledger.
pub const LOTS_APART: usize = 4;

/// Where points come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Earned, adjusted, imported or received.
    #[default]
    Earned,
    /// A head start: a gift that never counts as earned.
    Given,
}

/// What points earned together have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Terms {
    /// Gone from this moment; [`Moment::NEVER`] if they stay.
    pub expires_at: Moment,
    /// The local day on which they were earned.
    pub issued: Day,
    /// The entry that made them; [`Seq::THIS`] in the fact that makes them.
    pub entry: Seq,
    /// Spendable from this moment: [`Moment::BEGINNING`] once they are, [`Moment::NEVER`] until confirmed.
    pub available_at: Moment,
    /// When their end is announced; [`Moment::NEVER`] if it was, or never will be.
    pub notice_at: Moment,
    /// Where they come from.
    pub origin: Origin,
}

/// Points earned together: a member's lot, or the part of one that a fact moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lot {
    /// Their dates; the order of spending is theirs: what expires first goes first, among equals what was earned
    /// first.
    pub terms: Terms,
    /// How many, positive.
    pub points: Points,
}

impl Terms {
    /// Points earned on `issued` that can be spent at once and never expire.
    #[must_use]
    pub const fn lasting(issued: Day) -> Self {
        Self {
            expires_at: Moment::NEVER,
            issued,
            entry: Seq::THIS,
            available_at: Moment::BEGINNING,
            notice_at: Moment::NEVER,
            origin: Origin::Earned,
        }
    }

    /// Whether the points can be spent.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.available_at == Moment::BEGINNING
    }

    /// Whether lots with these terms are one lot: the same entry made them, and they share their fate.
    #[must_use]
    pub fn is_same_lot(&self, other: &Self) -> bool {
        self.entry == other.entry && self.shares_fate(other) && self.issued == other.issued
    }

    /// The order of spending: what expires first goes first, among equals what was earned first.
    #[must_use]
    pub const fn spending_order(&self) -> (Moment, Day, Seq, Moment, Origin) {
        (self.expires_at, self.issued, self.entry, self.available_at, self.origin)
    }

    fn shares_fate(&self, other: &Self) -> bool {
        (self.expires_at, self.available_at, self.origin) == (other.expires_at, other.available_at, other.origin)
    }

    /// Whether lots with these terms may be joined: they share their fate and the month of issue, and neither waits
    /// for a confirmation that is its own.
    fn is_alike(&self, other: &Self) -> bool {
        let same_month = self.issued.month_start() == other.issued.month_start();
        self.shares_fate(other) && same_month && self.available_at != Moment::NEVER
    }
}

/// The sum of lots.
///
/// # Errors
/// [`Overflow`] if it leaves its range.
pub fn total<'a>(lots: impl IntoIterator<Item = &'a Lot>) -> Result<Points, Overflow> {
    lots.into_iter().try_fold(Points::ZERO, |sum, lot| sum.plus(lot.points))
}

/// Adds a lot to lots kept in the order of spending; joins two that are alike where there are many.
///
/// # Errors
/// [`Overflow`] if a lot leaves its range.
pub fn put<A: smallvec::Array<Item = Lot>>(lots: &mut smallvec::SmallVec<A>, lot: Lot) -> Result<(), Overflow> {
    if lot.points == Points::ZERO {
        return Ok(());
    }
    if let Some(same) = lots.iter_mut().find(|held| held.terms.is_same_lot(&lot.terms)) {
        same.points = same.points.plus(lot.points)?;
        same.terms.notice_at = same.terms.notice_at.min(lot.terms.notice_at);
        return Ok(());
    }
    let at = lots.partition_point(|held| held.terms.spending_order() < lot.terms.spending_order());
    lots.insert(at, lot);
    if lots.len() > LOTS_APART { join(lots) } else { Ok(()) }
}

/// Joins the first two neighbours that share their fate and their month of issue, so that a member's lots stay few
/// however often she comes. The joined lot carries the older day and entry.
fn join<A: smallvec::Array<Item = Lot>>(lots: &mut smallvec::SmallVec<A>) -> Result<(), Overflow> {
    let alike = lots.windows(2).position(|pair| matches!(pair, [a, b] if a.terms.is_alike(&b.terms)));
    let Some(at) = alike else { return Ok(()) };
    let later = lots.remove(at + 1);
    if let Some(earlier) = lots.get_mut(at) {
        earlier.points = earlier.points.plus(later.points)?;
        earlier.terms.notice_at = earlier.terms.notice_at.min(later.terms.notice_at);
    }
    Ok(())
}

/// Takes the part out of the lot with its terms, or of the lot that one was joined into; a lot that is empty goes.
///
/// # Errors
/// [`Overflow`] if there is no such lot or it holds less: `decide` never lets such a fact come to be.
pub fn take<A: smallvec::Array<Item = Lot>>(lots: &mut smallvec::SmallVec<A>, part: &Lot) -> Result<(), Overflow> {
    let at = find(lots, &part.terms).ok_or(Overflow)?;
    let held = lots.get_mut(at).ok_or(Overflow)?;
    held.points = held.points.minus(part.points)?;
    match held.points.0 {
        0 => _ = lots.remove(at),
        i64::MIN..0 => return Err(Overflow),
        _ => {}
    }
    Ok(())
}

/// Where the lot with these terms lies, or the one it was joined into.
#[must_use]
pub fn find(lots: &[Lot], terms: &Terms) -> Option<usize> {
    let same = lots.iter().position(|held| held.terms.is_same_lot(terms));
    same.or_else(|| lots.iter().position(|held| held.terms.is_alike(terms)))
}

/// The parts that make up `points`, taken from `lots` in their order; what they do not hold is left out.
#[must_use]
pub fn first<'a>(lots: impl IntoIterator<Item = &'a Lot>, points: Points) -> Vec<Lot> {
    let mut left = points.0;
    let mut parts = Vec::new();
    for lot in lots {
        let part = lot.points.0.min(left);
        if part > 0 {
            parts.push(Lot { terms: lot.terms, points: Points(part) });
            left -= part;
        }
    }
    parts
}

/// What is left of `lots` after [`first`] took `points`.
#[must_use]
pub fn after(lots: &[Lot], points: Points) -> Vec<Lot> {
    let mut left = points.0;
    let mut rest = Vec::new();
    for lot in lots {
        let taken = lot.points.0.min(left);
        left -= taken;
        if taken < lot.points.0 {
            rest.push(Lot { terms: lot.terms, points: Points(lot.points.0 - taken) });
        }
    }
    rest
}
