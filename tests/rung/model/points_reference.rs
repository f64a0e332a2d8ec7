//! What should become of points: the rules of `tests/programs/model-points.toml`, written down as naively as possible.
//!
//! Lots are a plain list, and what has happened by a moment is found by looking at all of them. It shares no code with
//! the engine but plain types.

use std::collections::BTreeMap;

use super::points_person::{
    ADJUSTED, COINS, CREDIT, EVER, EXPIRED, ISSUED, Lot, MILES, NEVER, POINTS, Person, REDEEMED, RETURNED, brought_lot,
    day, first_of, lot, sum,
};
pub use super::points_person::{Books, BroughtLot, Lots, ShownWallet};
pub use super::points_receipt::{Back, Bit, Bought, Part};
use super::points_receipt::{Earned, GOODS, Receipt, Rule, cut, divided};
use super::reference::{DAY, year};

pub const WALLETS: [&str; 5] = ["points", "credit", "coins", "miles", "no such wallet"];
pub const REWARDS: [&str; 3] = ["mug", "ticket", "no such reward"];
pub const CATEGORIES: [&str; 4] = ["goods", "book", "arcade", "flight"];

/// What somebody had elsewhere.
#[derive(Clone, Debug)]
pub struct Brought {
    pub lots: Vec<BroughtLot>,
    /// How long ago she joined.
    pub joined: Option<i64>,
}

#[derive(Clone, Debug)]
struct Held {
    who: u8,
    /// How much was captured, and whether that was all.
    captured: Option<(i64, bool)>,
}

#[derive(Clone, Debug)]
struct Redeemed {
    who: u8,
    reward: usize,
    times: i64,
    at: i64,
    lots: Vec<Lot>,
    cancelled: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Reference {
    people: BTreeMap<u8, Person>,
    receipts: BTreeMap<u16, Receipt>,
    returns: BTreeMap<u16, (u8, Back)>,
    holds: Vec<Held>,
    redemptions: Vec<Redeemed>,
    books: Books,
    orders: u32,
}

/// What a member should show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub state: &'static str,
    pub wallets: [ShownWallet; 4],
    /// When the miles lapse, if there are any.
    pub lapses_at: Option<i64>,
    /// The ends of open vouchers.
    pub vouchers: Vec<i64>,
    pub spend: i64,
}

impl Reference {
    pub fn enroll(&mut self, who: u8, now: i64) -> &'static str {
        if self.people.contains_key(&who) {
            return "MEMBER_EXISTS";
        }
        self.people.insert(who, Person { enrolled_at: now, ..Person::default() });
        "applied"
    }

    /// Who has points and debts in one wallet has the difference, of what has not ended; the points that would be spent
    /// last pay first. Her newest points are her newest activity.
    pub fn import(&mut self, who: u8, brought: &Brought, now: i64) -> &'static str {
        let is_future = |age: i64| age < -300_000_000;
        let is_odd = |lot: &BroughtLot| lot.wallet >= 4 || lot.points == 0 || is_future(lot.age);
        match () {
            () if self.people.contains_key(&who) => return "MEMBER_EXISTS",
            () if brought.joined.is_some_and(is_future) || brought.lots.iter().any(is_odd) => return "MALFORMED",
            () => {}
        }
        let enrolled_at = now - brought.joined.unwrap_or_default().max(0);
        let mut person = Person { enrolled_at, ..Person::default() };
        self.orders += 1;
        for wallet in 0..4 {
            let own = || brought.lots.iter().filter(move |lot| lot.wallet == wallet);
            let owed: i64 = own().map(|lot| -lot.points.min(0)).sum();
            let lots = own().filter(|lot| lot.points > 0).map(|lot| brought_lot(lot, self.orders, now));
            let (over, alive): (Vec<Lot>, Vec<Lot>) = lots.partition(|lot| lot.expires <= now);
            self.books[wallet][ISSUED] += sum(&over) + sum(&alive);
            self.books[wallet][ADJUSTED] -= owed;
            person.debt[wallet] = owed;
            // What is owed was not earned.
            let earned_at = own().filter(|lot| lot.points > 0).map(|lot| now - lot.age.max(0)).max();
            if let Some(earned_at) = earned_at.filter(|_| wallet == MILES) {
                person.active(earned_at, None);
            }
            person.lots.extend(over);
            person.flow_back(wallet, alive, &mut self.books);
        }
        person.settle(now, &mut self.books);
        self.people.insert(who, person);
        "applied"
    }

    pub fn suspend(&mut self, who: u8, now: i64) -> &'static str {
        self.order(who, now, |person, _| {
            person.suspended = true;
            "applied"
        })
    }

    pub fn reinstate(&mut self, who: u8) -> &'static str {
        match self.people.get_mut(&who) {
            None => "UNKNOWN_MEMBER",
            Some(person) if person.closed => "MEMBER_CLOSED",
            Some(person) if !person.suspended => "MEMBER_NOT_SUSPENDED",
            Some(person) => {
                person.suspended = false;
                "applied"
            }
        }
    }

    /// Holds are let go, whatever is left is forfeited; what she owes she still owes.
    pub fn close(&mut self, who: u8, now: i64) -> &'static str {
        let Self { people, books, .. } = self;
        let Some(person) = people.get_mut(&who) else { return "UNKNOWN_MEMBER" };
        person.settle(now, books);
        if person.closed {
            return "MEMBER_CLOSED";
        }
        for (_, _, lots) in std::mem::take(&mut person.holds) {
            person.flow_back(lots[0].wallet, lots, books);
        }
        for lot in std::mem::take(&mut person.lots) {
            books[lot.wallet][EXPIRED] += lot.points;
        }
        person.closed = true;
        "applied"
    }

    /// An order of an active member; she is settled before it and after it.
    fn order(
        &mut self,
        who: u8,
        now: i64,
        carry_out: impl FnOnce(&mut Person, &mut Books) -> &'static str,
    ) -> &'static str {
        let Some(person) = self.people.get_mut(&who) else { return "UNKNOWN_MEMBER" };
        person.settle(now, &mut self.books);
        if person.closed {
            return "MEMBER_CLOSED";
        }
        if person.suspended {
            return "MEMBER_SUSPENDED";
        }
        self.orders += 1;
        let told = carry_out(person, &mut self.books);
        person.settle(now, &mut self.books);
        told
    }

    pub fn buy(&mut self, who: u8, bought: &Bought, now: i64) -> &'static str {
        let Some(person) = self.people.get(&who) else { return "UNKNOWN_MEMBER" };
        if let Some(first) = self.receipts.get(&bought.receipt) {
            return match () {
                () if first.who != who => "RECEIPT_CLAIMED",
                () if first.bought != *bought => "KEY_REUSED",
                () => "replayed",
            };
        }
        let (enrolled_at, counted_at) = (person.enrolled_at, bought.at.min(now));
        let earned = self.earned(who, bought, counted_at);
        let mut came = Vec::new();
        let made_by = self.orders + 1;
        let told = self.order(who, now, |person, books| {
            match () {
                () if bought.at > now + 300_000_000 => return "OCCURRED_IN_FUTURE",
                () if bought.at < (now.div_euclid(DAY) - 100) * DAY => return "TOO_LATE",
                () if bought.at < enrolled_at => return "BEFORE_ENROLMENT",
                () => {}
            }
            for (wallet, books) in books.iter_mut().enumerate() {
                let points: i64 = earned.iter().filter(|e| e.rule.wallet() == Some(wallet)).map(Earned::points).sum();
                // What is owed of coins is on hold.
                let repaid = if wallet == COINS { 0 } else { person.debt[wallet].min(points) };
                person.debt[wallet] -= repaid;
                came.push(Lot { points: points - repaid, ..lot(wallet, made_by, counted_at, now) });
                books[ISSUED] += points;
                if wallet == MILES && points > 0 {
                    person.active(counted_at, Some(made_by));
                }
            }
            person.lots.extend(came.iter().cloned());
            "applied"
        });
        if told == "applied" {
            let back = vec![(0, 0); bought.lines.len()];
            let receipt = Receipt { who, bought: bought.clone(), counted_at, made_by, earned, came, back };
            self.receipts.insert(bought.receipt, receipt);
        }
        told
    }

    fn earned(&self, who: u8, bought: &Bought, at: i64) -> Vec<Earned> {
        let mut earned = Vec::new();
        let lines = || bought.lines.iter().enumerate();
        let goods: i64 = lines().filter(|(_, bit)| bit.category == GOODS).map(|(_, bit)| bit.cents).sum();
        let by_cents = |points: i64, category: Option<u8>| {
            let counts = |bit: &Bit| bit.cents > 0 && category.is_none_or(|category| category == bit.category);
            divided(points, lines().filter(|(_, bit)| counts(bit)).map(|(at, bit)| (at, bit.cents)).collect())
        };
        let each = |category: u8, points: fn(&Bit) -> i64| -> Vec<(usize, i64)> {
            let chosen = lines().filter(|(_, bit)| bit.category == category);
            chosen.map(|(at, bit)| (at, points(bit))).collect()
        };
        if goods >= 100 {
            earned.push(Earned { rule: Rule::Base, shares: by_cents(goods / 100, Some(GOODS)) });
        }
        // 2 of 100 in hundredths: a fiftieth of the cents, rounded half up, and all lines together at most 500.
        let cashback = each(1, |bit| (bit.cents + 25) / 50);
        earned.push(Earned { rule: Rule::Cashback, shares: cut(cashback, 500) });
        earned.push(Earned { rule: Rule::Played, shares: each(2, |bit| bit.units * 3) });
        earned.push(Earned { rule: Rule::Flown, shares: each(3, |bit| bit.cents / 100) });
        let total: i64 = bought.lines.iter().map(|bit| bit.cents).sum();
        earned.push(Earned { rule: Rule::Spend, shares: by_cents(total, None) });
        if goods >= 200 && (day(2025, 1, 20) * DAY..day(2026, 2, 10) * DAY).contains(&at) {
            let had = self.boosted(|receipt| receipt.who == who && year(receipt.counted_at) == year(at));
            let left = (250 - had).min(600 - self.boosted(|_| true)).max(0);
            let whole = by_cents(goods / 200, Some(GOODS));
            let shares = if goods / 200 > left { divided(left, whole) } else { whole };
            earned.push(Earned { rule: Rule::Boost, shares });
        }
        earned
    }

    /// What the campaign has cost on these receipts and has not got back.
    fn boosted(&self, of: impl Fn(&Receipt) -> bool) -> i64 {
        let receipts = self.receipts.values().filter(|receipt| of(receipt));
        let boosts = receipts.flat_map(|receipt| {
            receipt.earned.iter().filter(|e| e.rule == Rule::Boost).map(|e| e.points() - receipt.given_back(e))
        });
        boosts.sum()
    }

    /// A return, and the purchase made instead: both or neither.
    pub fn bring_back(&mut self, back: &Back, now: i64) -> &'static str {
        let before = self.clone();
        let told = self.give_back(back, now);
        let Some(instead) = back.instead.as_ref().filter(|_| told == "applied") else { return told };
        let who = self.receipts[&back.receipt].who;
        let told = self.buy(who, instead, now);
        if told != "applied" {
            *self = before;
        }
        told
    }

    fn give_back(&mut self, back: &Back, now: i64) -> &'static str {
        let instead = back.instead.as_ref().and_then(|instead| self.receipts.get(&instead.receipt));
        let claimed_by = instead.map(|first| first.who);
        let Some(receipt) = self.receipts.get_mut(&back.receipt) else { return "UNKNOWN_RECEIPT" };
        if let Some((owner, first)) = self.returns.get(&back.own) {
            return match () {
                () if *owner != receipt.who => "RECEIPT_CLAIMED",
                () if first != back => "KEY_REUSED",
                () => "replayed",
            };
        }
        let Some(person) = self.people.get_mut(&receipt.who) else { return "UNKNOWN_MEMBER" };
        person.settle(now, &mut self.books);
        let after = match receipt.after(back, person.closed, claimed_by) {
            Ok(after) => after,
            Err(no) => return no,
        };
        let before = receipt.taken();
        receipt.back = after;
        let total = receipt.taken();
        for wallet in 0..4 {
            let points = total[wallet] - before[wallet];
            let beyond = |taken: i64| (taken - receipt.came[wallet].points).max(0);
            // Only credit can be there while some is owed; elsewhere what is there goes first.
            let owed_again = if wallet == CREDIT { beyond(total[wallet]) - beyond(before[wallet]) } else { 0 };
            // What ended unspent was counted as expired, and is nobody's debt.
            let had_ended = person.ended_of(&receipt.came[wallet], points - owed_again);
            self.books[wallet][EXPIRED] -= had_ended;
            self.books[wallet][RETURNED] += had_ended;
            let wanted = points - owed_again - had_ended;
            let taken = person.take_back(&receipt.came[wallet], wanted);
            let missing = wanted - taken;
            // Coins that cannot be taken are written off, but for those on hold: they may flow back.
            let on_hold = (person.held(COINS) - person.debt[COINS]).max(0);
            let owed = owed_again + if wallet == COINS { missing.min(on_hold) } else { missing };
            person.debt[wallet] += owed;
            self.books[wallet][RETURNED] += taken + owed;
        }
        if receipt.back.iter().zip(&receipt.bought.lines).all(|((units, _), bit)| *units == bit.units) {
            person.undo(receipt.made_by, now, &mut self.books);
        }
        self.orders += 1;
        self.returns.insert(back.own, (receipt.who, back.clone()));
        "applied"
    }

    pub fn confirm(&mut self, receipt: u16, now: i64) -> &'static str {
        let Some(receipt) = self.receipts.get(&receipt) else { return "UNKNOWN_RECEIPT" };
        let (who, made_by) = (receipt.who, receipt.made_by);
        self.order(who, now, |person, _| {
            let waits = |lot: &&mut Lot| lot.made_by == made_by && lot.available == NEVER && lot.points > 0;
            let waiting: Vec<&mut Lot> = person.lots.iter_mut().filter(waits).collect();
            let any = !waiting.is_empty();
            waiting.into_iter().for_each(|lot| lot.available = EVER);
            if any { "applied" } else { "NOTHING_TO_CONFIRM" }
        })
    }

    pub fn hold(&mut self, who: u8, wallet: usize, points: i64, seconds: i64, now: i64) -> &'static str {
        if self.people.contains_key(&who) && wallet >= 4 {
            return "UNKNOWN_WALLET";
        }
        let number = self.holds.len();
        let told = self.order(who, now, |person, _| match person.spend(wallet, points) {
            None => "INSUFFICIENT_POINTS",
            Some(lots) => {
                person.holds.push((number, now + seconds * 1_000_000, lots));
                "applied"
            }
        });
        if told == "applied" {
            self.holds.push(Held { who, captured: None });
        }
        told
    }

    pub fn capture(&mut self, number: usize, points: Option<i64>, now: i64) -> &'static str {
        let Some(Held { who, captured }) = self.holds.get(number).cloned() else { return "UNKNOWN_HOLD" };
        if let Some((first, all)) = captured {
            let same = points.map_or(all, |points| points == first);
            return if same { "replayed" } else { "KEY_REUSED" };
        }
        let mut captured = None;
        let told = self.order(who, now, |person, books| {
            let Some(at) = person.holds.iter().position(|(other, ..)| *other == number) else { return "HOLD_OVER" };
            let (_, _, lots) = &person.holds[at];
            let (wallet, whole) = (lots[0].wallet, sum(lots));
            let points = points.unwrap_or(whole);
            if points > whole {
                return "CAPTURE_EXCEEDS_HOLD";
            }
            let (_, _, mut lots) = person.holds.remove(at);
            _ = first_of(lots.iter_mut(), points);
            person.flow_back(wallet, lots, books);
            books[wallet][REDEEMED] += points;
            captured = Some((points, points == whole));
            if wallet == MILES {
                person.active(now, None);
            }
            "applied"
        });
        self.holds[number].captured = captured;
        told
    }

    pub fn release(&mut self, number: usize, now: i64) -> &'static str {
        let Some(who) = self.holds.get(number).map(|held| held.who) else { return "UNKNOWN_HOLD" };
        self.order(who, now, |person, books| {
            let Some(at) = person.holds.iter().position(|(other, ..)| *other == number) else { return "HOLD_OVER" };
            let (_, _, lots) = person.holds.remove(at);
            person.flow_back(lots[0].wallet, lots, books);
            "applied"
        })
    }

    pub fn redeem(&mut self, who: u8, reward: usize, times: i64, now: i64) -> &'static str {
        if self.people.contains_key(&who) && reward >= 2 {
            return "UNKNOWN_REWARD";
        }
        let this_year = |redeemed: &Redeemed| redeemed.who == who && year(redeemed.at) == year(now);
        let (had, gone) = (self.mugs(this_year), self.mugs(|_| true));
        let number = self.redemptions.len();
        let mut paid = Vec::new();
        let told = self.order(who, now, |person, books| {
            match reward {
                0 if had + times > 2 => return "REWARD_LIMIT",
                0 if gone + times > 2 => return "OUT_OF_STOCK",
                _ => {}
            }
            let (wallet, price) = [(POINTS, 60), (MILES, 40)][reward];
            let Some(lots) = person.spend(wallet, price * times) else { return "INSUFFICIENT_POINTS" };
            paid = lots;
            books[wallet][REDEEMED] += price * times;
            if reward == 0 {
                person.vouchers.push((number, (now.div_euclid(DAY) + 31) * DAY));
            }
            if wallet == MILES {
                person.active(now, None);
            }
            "applied"
        });
        if told == "applied" {
            self.redemptions.push(Redeemed { who, reward, times, at: now, lots: paid, cancelled: false });
        }
        told
    }

    fn mugs(&self, of: impl Fn(&Redeemed) -> bool) -> i64 {
        let mugs = self.redemptions.iter().filter(|redeemed| redeemed.reward == 0 && !redeemed.cancelled);
        mugs.filter(|redeemed| of(redeemed)).map(|redeemed| redeemed.times).sum()
    }

    pub fn cancel(&mut self, number: usize, now: i64) -> &'static str {
        let Some(redeemed) = self.redemptions.get(number).cloned() else { return "UNKNOWN_REDEMPTION" };
        let told = self.order(redeemed.who, now, |person, books| {
            let open = redeemed.reward != 0 || person.vouchers.iter().any(|(other, _)| *other == number);
            if redeemed.cancelled || !open {
                return "REDEMPTION_OVER";
            }
            person.vouchers.retain(|(other, _)| *other != number);
            let wallet = redeemed.lots[0].wallet;
            let grace = (now.div_euclid(DAY) + if wallet == MILES { 20 } else { 10 }) * DAY;
            if wallet == MILES && person.lapses_at.is_some_and(|lapses_at| lapses_at <= now) {
                person.lapses_at = Some(grace);
            }
            let mut lots = redeemed.lots;
            lots.iter_mut().filter(|lot| lot.expires <= now).for_each(|lot| lot.expires = grace);
            books[wallet][REDEEMED] -= sum(&lots);
            person.take_in(wallet, lots);
            "applied"
        });
        self.redemptions[number].cancelled |= told == "applied";
        told
    }

    pub fn use_up(&mut self, number: usize, now: i64) -> &'static str {
        let known = self.redemptions.get(number).filter(|redeemed| redeemed.reward == 0);
        let Some(who) = known.map(|redeemed| redeemed.who) else { return "UNKNOWN_VOUCHER" };
        self.order(who, now, |person, _| {
            let open = person.vouchers.len();
            person.vouchers.retain(|(other, _)| *other != number);
            if person.vouchers.len() < open { "applied" } else { "VOUCHER_OVER" }
        })
    }

    pub fn adjust(&mut self, who: u8, wallet: usize, points: i64, now: i64) -> &'static str {
        if self.people.contains_key(&who) && wallet >= 4 {
            return "UNKNOWN_WALLET";
        }
        let made_by = self.orders + 1;
        self.order(who, now, |person, books| {
            if points > 0 {
                let lot = Lot { available: EVER, points, ..lot(wallet, made_by, now, now) };
                person.take_in(wallet, vec![lot]);
                // A correction is no activity, but what it brings must not be gone before it is there.
                if wallet == MILES && person.lapses_at.is_none_or(|lapses_at| lapses_at <= now) {
                    person.active(now, None);
                }
            } else if person.spend(wallet, -points).is_none() {
                return "INSUFFICIENT_POINTS";
            }
            books[wallet][ADJUSTED] += points;
            "applied"
        })
    }

    pub fn send(&mut self, who: u8, to: u8, wallet: usize, points: i64, now: i64) -> &'static str {
        if self.people.contains_key(&who) && wallet >= 4 {
            return "UNKNOWN_WALLET";
        }
        if self.people.contains_key(&who) && !self.people.contains_key(&to) {
            return "UNKNOWN_RECEIVER";
        }
        let takes = who != to && self.people.get(&to).is_some_and(|person| !person.closed && !person.suspended);
        let mut sent = Vec::new();
        let told = self.order(who, now, |person, _| {
            match () {
                () if wallet != POINTS => return "NOT_TRANSFERABLE",
                () if !takes => return "RECEIVER_NOT_ACTIVE",
                () => {}
            }
            let Some(lots) = person.spend(wallet, points) else { return "INSUFFICIENT_POINTS" };
            sent = lots;
            "applied"
        });
        if let Some(person) = self.people.get_mut(&to)
            && told == "applied"
        {
            person.settle(now, &mut self.books);
            person.take_in(wallet, sent);
        }
        told
    }

    /// What a member can spend of a wallet, debt aside.
    pub fn available(&mut self, who: u8, wallet: usize, now: i64) -> i64 {
        let shown = self.shown(who, now);
        shown.and_then(|shown| shown.wallets.get(wallet).map(|wallet| wallet.available)).unwrap_or_default()
    }

    /// What is gone of the stock of mugs and of the campaign's budget.
    pub fn pots(&self) -> (i64, i64) {
        (self.mugs(|_| true), self.boosted(|_| true))
    }

    /// The books, everybody settled.
    pub fn books(&mut self, now: i64) -> Books {
        for person in self.people.values_mut() {
            person.settle(now, &mut self.books);
        }
        self.books
    }

    /// Whether somebody has so many lots that the engine may have joined two that are alike: which of them a return
    /// takes from is its own business then.
    pub fn is_crowded(&self) -> bool {
        self.people.values().any(|person| {
            (0..4).any(|wallet| {
                let lots: Vec<&Lot> = person.lots.iter().filter(|lot| lot.wallet == wallet && lot.points > 0).collect();
                let alike = |a: &Lot, b: &Lot| (a.expires, a.available) == (b.expires, b.available);
                let pairs = lots.iter().enumerate().flat_map(|(at, a)| lots[at + 1..].iter().map(move |b| (a, b)));
                lots.len() > 3 && pairs.into_iter().any(|(a, b)| alike(a, b))
            })
        })
    }

    pub fn shown(&mut self, who: u8, now: i64) -> Option<Shown> {
        let person = self.people.get_mut(&who)?;
        person.settle(now, &mut self.books);
        let state = match person {
            Person { closed: true, .. } => "closed",
            Person { suspended: true, .. } => "suspended",
            _ => "active",
        };
        let wallets = std::array::from_fn(|wallet| person.shown(wallet));
        let receipts = self.receipts.values().filter(|r| r.who == who && year(r.counted_at) == year(now));
        let spend = receipts.flat_map(|receipt| {
            receipt.earned.iter().filter(|e| e.rule == Rule::Spend).map(|e| e.points() - receipt.given_back(e))
        });
        let miles = person.lots.iter().any(|lot| lot.wallet == MILES && lot.points > 0);
        let mut vouchers: Vec<i64> = person.vouchers.iter().map(|(_, expires)| *expires).collect();
        vouchers.sort_unstable();
        Some(Shown { state, wallets, lapses_at: person.lapses_at.filter(|_| miles), vouchers, spend: spend.sum() })
    }
}
