//! What one member has of points, and what time and orders make of it.

use std::collections::BTreeMap;

use super::reference::{DAY, YEAR_2025};

pub const POINTS: usize = 0;
pub const CREDIT: usize = 1;
pub const COINS: usize = 2;
pub const MILES: usize = 3;
/// Lots that can be spent at once are available since ever; those that wait for a word, never.
pub const EVER: i64 = i64::MIN;
pub const NEVER: i64 = i64::MAX;

/// Points that were earned so long ago, a debt if they are negative.
#[derive(Clone, Copy, Debug)]
pub struct BroughtLot {
    pub wallet: usize,
    pub points: i64,
    pub age: i64,
    /// When they end, from now on, if it is not as the program says.
    pub ends: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct Lot {
    pub wallet: usize,
    /// The order that made it, by number.
    pub made_by: u32,
    pub earned: i64,
    pub expires: i64,
    pub available: i64,
    pub points: i64,
}

#[derive(Clone, Debug, Default)]
pub struct Person {
    pub enrolled_at: i64,
    pub suspended: bool,
    pub closed: bool,
    pub lots: Vec<Lot>,
    pub debt: [i64; 4],
    /// When the miles lapse.
    pub lapses_at: Option<i64>,
    /// The purchase that alone put that off, and when they would have lapsed without it.
    pub put_off: Option<(u32, Option<i64>)>,
    /// What ended unspent of late.
    pub ended: Vec<Lot>,
    /// Number, until when, what.
    pub holds: Vec<(usize, i64, Vec<Lot>)>,
    /// The redemption and the end of its voucher.
    pub vouchers: Vec<(usize, i64)>,
}

/// Issued, adjusted, redeemed, expired, returned.
pub type Books = [[i64; 5]; 4];
pub const ISSUED: usize = 0;
pub const ADJUSTED: usize = 1;
pub const REDEEMED: usize = 2;
pub const EXPIRED: usize = 3;
pub const RETURNED: usize = 4;

/// Points by the moment they end and the moment they can be spent.
pub type Lots = BTreeMap<(i64, i64), i64>;

/// What a member should show in one wallet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownWallet {
    pub available: i64,
    pub pending: i64,
    pub held: i64,
    pub debt: i64,
    pub lots: Lots,
    pub held_lots: Lots,
}

impl Person {
    /// Everything that has happened to her by `now`, in the order in which it did.
    pub fn settle(&mut self, now: i64, books: &mut Books) {
        self.lots.retain(|lot| lot.points > 0);
        while let Some(at) = self.next_due().filter(|at| *at <= now) {
            self.come_to(at, books);
        }
    }

    pub fn next_due(&self) -> Option<i64> {
        let lots = self.lots.iter().flat_map(|lot| [lot.expires, lot.available]);
        let holds = self.holds.iter().map(|(_, until, _)| *until);
        let vouchers = self.vouchers.iter().map(|(_, expires)| *expires);
        lots.chain(holds).chain(vouchers).chain(self.lapse()).filter(|at| *at > EVER).min()
    }

    /// When her miles lapse: those she has, and those that are held.
    pub fn lapse(&self) -> Option<i64> {
        let at = self.lapses_at?;
        let held = self.holds.iter().flat_map(|(_, _, lots)| lots);
        let alive = self.lots.iter().chain(held).any(|lot| lot.wallet == MILES && lot.expires > at);
        alive.then_some(at)
    }

    pub fn come_to(&mut self, at: i64, books: &mut Books) {
        self.lots.iter_mut().filter(|lot| lot.available <= at).for_each(|lot| lot.available = EVER);
        let lapse = self.lapse() == Some(at);
        if lapse {
            let held = self.holds.iter_mut().flat_map(|(_, _, lots)| lots).filter(|lot| lot.wallet == MILES);
            let held: Vec<&mut Lot> = held.collect();
            // What lapsed while it was held stays so, whatever a late purchase puts off.
            if held.iter().any(|lot| lot.expires > at) {
                held.into_iter().for_each(|lot| lot.expires = at);
            }
        }
        for lot in self.lots.extract_if(.., |lot| lot.expires <= at || (lapse && lot.wallet == MILES)) {
            books[lot.wallet][EXPIRED] += lot.points;
            let same = |held: &&mut Lot| (held.made_by, held.expires) == (lot.made_by, lot.expires);
            match self.ended.iter_mut().filter(|held| held.wallet == lot.wallet).find(same) {
                Some(held) => held.points += lot.points,
                None => self.ended.push(lot),
            }
        }
        let forgotten = self.ended.len().saturating_sub(32);
        self.ended.drain(..forgotten);
        while let Some(over) = self.holds.iter().position(|(_, until, _)| *until <= at) {
            let (_, _, lots) = self.holds.remove(over);
            self.flow_back(lots[0].wallet, lots, books);
        }
        self.vouchers.retain(|(_, expires)| *expires > at);
    }

    /// She did something with her miles.
    pub fn active(&mut self, at: i64, bought: Option<u32>) {
        let lapses_at = months_after(at, 2);
        match self.lapses_at {
            Some(before) if before > lapses_at => {}
            Some(before) if before == lapses_at => self.put_off = None,
            before => {
                self.put_off = bought.map(|made_by| (made_by, before));
                self.lapses_at = Some(lapses_at);
            }
        }
    }

    /// What she did was brought back: her miles lapse when they would have.
    pub fn undo(&mut self, made_by: u32, now: i64, books: &mut Books) {
        if let Some((_, before)) = self.put_off.take_if(|(by, _)| *by == made_by) {
            self.lapses_at = before;
            self.settle(now, books);
        }
    }

    /// The lots of a wallet in the order in which they are spent.
    pub fn in_order(&mut self, wallet: usize) -> Vec<&mut Lot> {
        let mut lots: Vec<&mut Lot> = self.lots.iter_mut().filter(|lot| lot.wallet == wallet).collect();
        lots.sort_by_key(|lot| (lot.expires, lot.earned, lot.made_by));
        lots
    }

    pub fn spend(&mut self, wallet: usize, points: i64) -> Option<Vec<Lot>> {
        let shown = self.shown(wallet);
        let owed = if is_netted(wallet) { shown.debt } else { 0 };
        if shown.available - owed < points {
            return None;
        }
        Some(first_of(self.in_order(wallet).into_iter().filter(|lot| lot.available == EVER), points))
    }

    /// What comes in, other than by a purchase, pays back debt first, out of what would be spent last.
    pub fn take_in(&mut self, wallet: usize, mut lots: Vec<Lot>) {
        lots.sort_by_key(|lot| (lot.expires, lot.earned, lot.made_by));
        if is_netted(wallet) {
            let repaid = self.debt[wallet].min(sum(&lots));
            self.debt[wallet] -= repaid;
            _ = first_of(lots.iter_mut().rev(), repaid);
        }
        self.lots.extend(lots);
    }

    /// What flows back from a hold pays what is owed; coins that no hold can bring any more are owed no longer.
    pub fn flow_back(&mut self, wallet: usize, mut lots: Vec<Lot>, books: &mut Books) {
        lots.sort_by_key(|lot| (lot.expires, lot.earned, lot.made_by));
        self.debt[wallet] -= sum(&first_of(lots.iter_mut().rev(), self.debt[wallet]));
        if wallet == COINS {
            let left = self.debt[COINS].min(self.held(COINS));
            books[COINS][RETURNED] -= self.debt[COINS] - left;
            self.debt[COINS] = left;
        }
        self.lots.extend(lots);
    }

    pub fn held(&self, wallet: usize) -> i64 {
        let held = self.holds.iter().flat_map(|(_, _, lots)| lots).filter(|lot| lot.wallet == wallet);
        held.map(|lot| lot.points).sum()
    }

    /// Takes of what ended unspent what a purchase had brought; what cannot be told from it stands for it.
    pub fn ended_of(&mut self, came: &Lot, points: i64) -> i64 {
        let of_wallet = |lot: &&mut Lot| lot.wallet == came.wallet && lot.points > 0;
        let own = self.ended.iter().any(|lot| lot.wallet == came.wallet && lot.made_by == came.made_by);
        let mut there: Vec<&mut Lot> = self.ended.iter_mut().filter(of_wallet).collect();
        if own {
            there.retain(|lot| lot.made_by == came.made_by);
        } else {
            there.retain(|lot| lot.expires == came.expires && month(lot.earned) == month(came.earned));
            there.truncate(1);
        }
        let taken = if came.points > 0 { sum(&first_of(there, points)) } else { 0 };
        self.ended.retain(|lot| lot.points > 0);
        taken
    }

    /// Takes what a purchase had brought: out of its own lot, then out of what would be spent first. Where its own lot
    /// is gone, one that cannot be told from it stands for it: of the same month, with the same dates.
    pub fn take_back(&mut self, came: &Lot, points: i64) -> i64 {
        let lots = self.in_order(came.wallet);
        let alike = |available: i64| {
            let same = |lot: &&mut Lot| (lot.expires, lot.available) == (came.expires, available);
            let month = |lot: &&mut Lot| month(lot.earned) == month(came.earned);
            lots.iter().position(|lot| same(lot) && month(lot) && available < NEVER && came.points > 0)
        };
        let own = lots.iter().position(|lot| lot.made_by == came.made_by);
        let own = own.or_else(|| alike(came.available)).or_else(|| alike(EVER));
        // The pieces of a lot that were held and came back are one with the rest of it.
        let whole = |lot: &Lot| (lot.made_by, lot.expires, lot.available);
        let own = own.map(|at| whole(lots[at]));
        let (own, others): (Vec<_>, Vec<_>) = lots.into_iter().partition(|lot| own == Some(whole(lot)));
        let (ready, pending): (Vec<_>, Vec<_>) = others.into_iter().partition(|lot| lot.available == EVER);
        sum(&first_of(own.into_iter().chain(ready).chain(pending), points))
    }

    pub fn shown(&self, wallet: usize) -> ShownWallet {
        let mut shown = ShownWallet { debt: self.debt[wallet], ..ShownWallet::default() };
        for lot in self.lots.iter().filter(|lot| lot.wallet == wallet && lot.points > 0) {
            *if lot.available == EVER { &mut shown.available } else { &mut shown.pending } += lot.points;
            *shown.lots.entry((lot.expires, lot.available)).or_default() += lot.points;
        }
        for lot in self.holds.iter().flat_map(|(_, _, lots)| lots).filter(|lot| lot.wallet == wallet) {
            shown.held += lot.points;
            *shown.held_lots.entry((lot.expires, lot.available)).or_default() += lot.points;
        }
        shown
    }
}

/// Whether a balance goes below zero by what is owed.
pub const fn is_netted(wallet: usize) -> bool {
    matches!(wallet, POINTS | MILES)
}

/// An empty lot of points earned at `at`.
pub fn lot(wallet: usize, made_by: u32, at: i64, now: i64) -> Lot {
    let earned = at.div_euclid(DAY);
    let available = match wallet {
        CREDIT if (earned + 14) * DAY > now => (earned + 14) * DAY,
        COINS => NEVER,
        _ => EVER,
    };
    let expires = if wallet == POINTS { months_after(at, 3) } else { NEVER };
    Lot { wallet, made_by, earned, expires, available, points: 0 }
}

/// A lot as it was brought in; there is no purchase to confirm.
pub fn brought_lot(brought: &BroughtLot, made_by: u32, now: i64) -> Lot {
    let own = lot(brought.wallet, made_by, now - brought.age.max(0), now);
    let available = if own.available == NEVER { EVER } else { own.available };
    Lot { available, expires: brought.ends.map_or(own.expires, |ends| now + ends), points: brought.points, ..own }
}

pub fn sum(lots: &[Lot]) -> i64 {
    lots.iter().map(|lot| lot.points).sum()
}

/// Takes `points` out of lots in their order, as many as there are.
pub fn first_of<'a>(lots: impl IntoIterator<Item = &'a mut Lot>, points: i64) -> Vec<Lot> {
    let (mut left, mut taken) = (points, Vec::new());
    for lot in lots {
        let part = lot.points.min(left);
        if part > 0 {
            (lot.points, left) = (lot.points - part, left - part);
            taken.push(Lot { points: part, ..lot.clone() });
        }
    }
    taken
}

/// The start of the day `months` after that of `at`, or of the last one of a month that is shorter.
pub fn months_after(at: i64, months: i64) -> i64 {
    let today = at.div_euclid(DAY);
    let this = month(today);
    let then = this + months;
    (first_day(then) + today - first_day(this)).min(first_day(then + 1) - 1) * DAY
}

/// How many months after January 2025 a day lies.
pub fn month(day: i64) -> i64 {
    (0..).find(|month| first_day(month + 1) > day).unwrap()
}

/// The first day of the month that lies so many after January 2025.
pub fn first_day(month: i64) -> i64 {
    day(2025 + month / 12, month % 12 + 1, 1)
}

/// The number of a day since 1970; 2025 or later.
pub fn day(year: i64, month: i64, day: i64) -> i64 {
    let leap = |year: i64| i64::from(year % 4 == 0);
    let years: i64 = (2025..year).map(|year| 365 + leap(year)).sum();
    let lengths = [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let months: i64 = lengths.iter().take(usize::try_from(month - 1).unwrap()).sum();
    YEAR_2025 / DAY + years + months + day - 1
}
