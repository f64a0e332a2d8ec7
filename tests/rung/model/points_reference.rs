//! What should become of points: the rules of `tests/programs/model-points.toml`, written down as naively as possible.
//!
//! Lots are a plain list, and what has happened by a moment is found by looking at all of them. It shares no code with
//! the engine but plain types.

use std::collections::BTreeMap;

use super::reference::{DAY, YEAR_2025, year};

pub const WALLETS: [&str; 5] = ["points", "credit", "coins", "miles", "no such wallet"];
pub const REWARDS: [&str; 3] = ["mug", "ticket", "no such reward"];
pub const CATEGORIES: [&str; 4] = ["goods", "book", "arcade", "flight"];
pub const POINTS: usize = 0;
const CREDIT: usize = 1;
const COINS: usize = 2;
const MILES: usize = 3;
const GOODS: u8 = 0;

/// Lots that can be spent at once are available since ever; those that wait for a word, never.
const EVER: i64 = i64::MIN;
const NEVER: i64 = i64::MAX;

/// A line of a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bit {
    /// By its place in [`CATEGORIES`].
    pub category: u8,
    pub units: i64,
    pub cents: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bought {
    pub receipt: u16,
    pub at: i64,
    pub lines: Vec<Bit>,
}

/// What comes back of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Units(i64),
    Cents(i64),
}

/// Goods that come back: everything left if no lines are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    pub receipt: u16,
    pub own: u16,
    pub lines: Vec<(u8, Part)>,
    /// What is bought instead, under the return's own receipt.
    pub instead: Option<Bought>,
}

impl Back {
    /// The same under another receipt.
    pub fn under(self, own: u16) -> Self {
        let instead = self.instead.map(|bought| Bought { receipt: own, ..bought });
        Self { own, instead, ..self }
    }
}

/// What somebody had elsewhere.
#[derive(Clone, Debug)]
pub struct Brought {
    pub lots: Vec<BroughtLot>,
    /// How long ago she joined.
    pub joined: Option<i64>,
}

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
struct Lot {
    wallet: usize,
    /// The order that made it, by number.
    made_by: u32,
    earned: i64,
    expires: i64,
    available: i64,
    points: i64,
}

#[derive(Clone, Debug, Default)]
struct Person {
    enrolled_at: i64,
    suspended: bool,
    closed: bool,
    lots: Vec<Lot>,
    debt: [i64; 4],
    /// When the miles lapse.
    lapses_at: Option<i64>,
    /// The purchase that alone put that off, and when they would have lapsed without it.
    put_off: Option<(u32, Option<i64>)>,
    /// What ended unspent of late.
    ended: Vec<Lot>,
    /// Number, until when, what.
    holds: Vec<(usize, i64, Vec<Lot>)>,
    /// The redemption and the end of its voucher.
    vouchers: Vec<(usize, i64)>,
}

/// What a purchase earned by one rule, on each line.
#[derive(Clone, Debug)]
struct Earned {
    rule: Rule,
    shares: Vec<(usize, i64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Base,
    Cashback,
    Played,
    Flown,
    Spend,
    Boost,
}

#[derive(Clone, Debug)]
struct Receipt {
    who: u8,
    bought: Bought,
    counted_at: i64,
    made_by: u32,
    earned: Vec<Earned>,
    /// What it brought into each wallet, as it came; the rest paid back debt.
    came: Vec<Lot>,
    /// What has come back of each line: units and cents.
    back: Vec<(i64, i64)>,
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

/// Issued, adjusted, redeemed, expired, returned.
pub type Books = [[i64; 5]; 4];
const ISSUED: usize = 0;
const ADJUSTED: usize = 1;
const REDEEMED: usize = 2;
const EXPIRED: usize = 3;
const RETURNED: usize = 4;

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
            let earned_at = own().map(|lot| now - lot.age.max(0)).max();
            if wallet == MILES && !(over.is_empty() && alive.is_empty()) {
                person.active(earned_at.unwrap_or(now), None);
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

impl Person {
    /// Everything that has happened to her by `now`, in the order in which it did.
    fn settle(&mut self, now: i64, books: &mut Books) {
        self.lots.retain(|lot| lot.points > 0);
        while let Some(at) = self.next_due().filter(|at| *at <= now) {
            self.come_to(at, books);
        }
    }

    fn next_due(&self) -> Option<i64> {
        let lots = self.lots.iter().flat_map(|lot| [lot.expires, lot.available]);
        let holds = self.holds.iter().map(|(_, until, _)| *until);
        let vouchers = self.vouchers.iter().map(|(_, expires)| *expires);
        lots.chain(holds).chain(vouchers).chain(self.lapse()).filter(|at| *at > EVER).min()
    }

    /// When her miles lapse: those she has, and those that are held.
    fn lapse(&self) -> Option<i64> {
        let at = self.lapses_at?;
        let held = self.holds.iter().flat_map(|(_, _, lots)| lots);
        let alive = self.lots.iter().chain(held).any(|lot| lot.wallet == MILES && lot.expires > at);
        alive.then_some(at)
    }

    fn come_to(&mut self, at: i64, books: &mut Books) {
        self.lots.iter_mut().filter(|lot| lot.available <= at).for_each(|lot| lot.available = EVER);
        let lapse = self.lapse() == Some(at);
        if lapse {
            let held = self.holds.iter_mut().flat_map(|(_, _, lots)| lots);
            held.filter(|lot| lot.wallet == MILES).for_each(|lot| lot.expires = at);
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
    fn active(&mut self, at: i64, bought: Option<u32>) {
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
    fn undo(&mut self, made_by: u32, now: i64, books: &mut Books) {
        if let Some((_, before)) = self.put_off.take_if(|(by, _)| *by == made_by) {
            self.lapses_at = before;
            self.settle(now, books);
        }
    }

    /// The lots of a wallet in the order in which they are spent.
    fn in_order(&mut self, wallet: usize) -> Vec<&mut Lot> {
        let mut lots: Vec<&mut Lot> = self.lots.iter_mut().filter(|lot| lot.wallet == wallet).collect();
        lots.sort_by_key(|lot| (lot.expires, lot.earned, lot.made_by));
        lots
    }

    fn spend(&mut self, wallet: usize, points: i64) -> Option<Vec<Lot>> {
        let shown = self.shown(wallet);
        let owed = if is_netted(wallet) { shown.debt } else { 0 };
        if shown.available - owed < points {
            return None;
        }
        Some(first_of(self.in_order(wallet).into_iter().filter(|lot| lot.available == EVER), points))
    }

    /// What comes in, other than by a purchase, pays back debt first, out of what would be spent last.
    fn take_in(&mut self, wallet: usize, mut lots: Vec<Lot>) {
        lots.sort_by_key(|lot| (lot.expires, lot.earned, lot.made_by));
        if is_netted(wallet) {
            let repaid = self.debt[wallet].min(sum(&lots));
            self.debt[wallet] -= repaid;
            _ = first_of(lots.iter_mut().rev(), repaid);
        }
        self.lots.extend(lots);
    }

    /// What flows back from a hold pays what is owed; coins that no hold can bring any more are owed no longer.
    fn flow_back(&mut self, wallet: usize, mut lots: Vec<Lot>, books: &mut Books) {
        lots.sort_by_key(|lot| (lot.expires, lot.earned, lot.made_by));
        self.debt[wallet] -= sum(&first_of(lots.iter_mut().rev(), self.debt[wallet]));
        if wallet == COINS {
            let left = self.debt[COINS].min(self.held(COINS));
            books[COINS][RETURNED] -= self.debt[COINS] - left;
            self.debt[COINS] = left;
        }
        self.lots.extend(lots);
    }

    fn held(&self, wallet: usize) -> i64 {
        let held = self.holds.iter().flat_map(|(_, _, lots)| lots).filter(|lot| lot.wallet == wallet);
        held.map(|lot| lot.points).sum()
    }

    /// Takes of what ended unspent what a purchase had brought; what cannot be told from it stands for it.
    fn ended_of(&mut self, came: &Lot, points: i64) -> i64 {
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
    fn take_back(&mut self, came: &Lot, points: i64) -> i64 {
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

    fn shown(&self, wallet: usize) -> ShownWallet {
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

impl Receipt {
    /// What will have come back of each line, or why it may not.
    fn after(&self, asked: &Back, closed: bool, claimed_by: Option<u8>) -> Result<Vec<(i64, i64)>, &'static str> {
        let mut after = self.back.clone();
        let mut named: Vec<u8> = asked.lines.iter().map(|(line, _)| *line).collect();
        named.sort_unstable();
        named.dedup();
        if named.len() < asked.lines.len() || named.iter().any(|line| usize::from(*line) >= after.len()) {
            return Err("MALFORMED");
        }
        match claimed_by {
            Some(other) if other != self.who => return Err("RECEIPT_CLAIMED"),
            Some(_) => return Err("KEY_REUSED"),
            None if closed => return Err("MEMBER_CLOSED"),
            None => {}
        }
        for (line, part) in &asked.lines {
            let at = usize::from(*line);
            let (bit, (units, cents)) = (self.bought.lines[at], self.back[at]);
            // The price of the units that are left, less what it was lowered by.
            let units_left = bit.units - units;
            let cents_left = (bit.cents.max(0) * units_left / bit.units - cents).max(0);
            match *part {
                Part::Units(asked) if asked > units_left => return Err("RETURN_EXCEEDS_PURCHASE"),
                Part::Cents(asked) if asked > cents_left => return Err("RETURN_EXCEEDS_PURCHASE"),
                Part::Units(asked) => {
                    // What they had been lowered by comes back with them.
                    after[at].1 -= cents * asked / units_left.max(1);
                    after[at].0 += asked;
                }
                Part::Cents(asked) => after[at].1 += asked,
            }
        }
        if asked.lines.is_empty() {
            after.iter_mut().zip(&self.bought.lines).for_each(|(back, bit)| *back = (bit.units, 0));
        }
        if after == self.back { Err("NOTHING_TO_RETURN") } else { Ok(after) }
    }

    /// What has been taken back of every wallet.
    fn taken(&self) -> [i64; 4] {
        std::array::from_fn(|wallet| {
            let earned = self.earned.iter().filter(|earned| earned.rule.wallet() == Some(wallet));
            earned.map(|earned| self.given_back(earned)).sum()
        })
    }

    /// What has come back of what a rule granted: of each line's share as much as came back of the line, rounded down.
    fn given_back(&self, earned: &Earned) -> i64 {
        let back = earned.shares.iter().map(|(line, share)| {
            let (bit, (units, cents)) = (self.bought.lines[*line], self.back[*line]);
            let (price, cents) = (bit.cents.max(1), if earned.rule == Rule::Played { 0 } else { cents });
            let whole = bit.units * price;
            (i128::from(*share) * i128::from((units * price + cents * bit.units).min(whole))) / i128::from(whole)
        });
        i64::try_from(back.sum::<i128>()).unwrap()
    }
}

impl Earned {
    fn points(&self) -> i64 {
        self.shares.iter().map(|(_, share)| share).sum()
    }
}

impl Rule {
    const fn wallet(self) -> Option<usize> {
        match self {
            Self::Base | Self::Boost => Some(POINTS),
            Self::Cashback => Some(CREDIT),
            Self::Played => Some(COINS),
            Self::Flown => Some(MILES),
            Self::Spend => None,
        }
    }
}

/// Whether a balance goes below zero by what is owed.
const fn is_netted(wallet: usize) -> bool {
    matches!(wallet, POINTS | MILES)
}

/// An empty lot of points earned at `at`.
fn lot(wallet: usize, made_by: u32, at: i64, now: i64) -> Lot {
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
fn brought_lot(brought: &BroughtLot, made_by: u32, now: i64) -> Lot {
    let own = lot(brought.wallet, made_by, now - brought.age.max(0), now);
    let available = if own.available == NEVER { EVER } else { own.available };
    Lot { available, expires: brought.ends.map_or(own.expires, |ends| now + ends), points: brought.points, ..own }
}

fn sum(lots: &[Lot]) -> i64 {
    lots.iter().map(|lot| lot.points).sum()
}

/// Takes `points` out of lots in their order, as many as there are.
fn first_of<'a>(lots: impl IntoIterator<Item = &'a mut Lot>, points: i64) -> Vec<Lot> {
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

/// Points divided among lines by their weight; what is rounded off a line falls to a later one.
fn divided(points: i64, weights: Vec<(usize, i64)>) -> Vec<(usize, i64)> {
    let whole: i64 = weights.iter().map(|(_, weight)| weight).sum();
    let up_to = |end: usize| points * weights[..end].iter().map(|(_, weight)| weight).sum::<i64>() / whole.max(1);
    (0..weights.len()).map(|at| (weights[at].0, up_to(at + 1) - up_to(at))).collect()
}

/// What lines earned, cut to `most` together.
fn cut(lines: Vec<(usize, i64)>, most: i64) -> Vec<(usize, i64)> {
    let whole: i64 = lines.iter().map(|(_, points)| points).sum();
    if whole > most { divided(most, lines) } else { lines }
}

/// The start of the day `months` after that of `at`, or of the last one of a month that is shorter.
fn months_after(at: i64, months: i64) -> i64 {
    let today = at.div_euclid(DAY);
    let this = month(today);
    let then = this + months;
    (first_day(then) + today - first_day(this)).min(first_day(then + 1) - 1) * DAY
}

/// How many months after January 2025 a day lies.
fn month(day: i64) -> i64 {
    (0..).find(|month| first_day(month + 1) > day).unwrap()
}

/// The first day of the month that lies so many after January 2025.
fn first_day(month: i64) -> i64 {
    day(2025 + month / 12, month % 12 + 1, 1)
}

/// The number of a day since 1970; 2025 or later.
fn day(year: i64, month: i64, day: i64) -> i64 {
    let leap = |year: i64| i64::from(year % 4 == 0);
    let years: i64 = (2025..year).map(|year| 365 + leap(year)).sum();
    let lengths = [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let months: i64 = lengths.iter().take(usize::try_from(month - 1).unwrap()).sum();
    YEAR_2025 / DAY + years + months + day - 1
}
