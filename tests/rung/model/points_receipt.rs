//! A purchase, what it earned, and what has come back of it.

use super::points_person::{COINS, CREDIT, Lot, MILES, POINTS};

pub const GOODS: u8 = 0;

/// A line of a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bit {
    /// By its place among the categories.
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

/// What a purchase earned by one rule, on each line.
#[derive(Clone, Debug)]
pub struct Earned {
    pub rule: Rule,
    pub shares: Vec<(usize, i64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Base,
    Cashback,
    Played,
    Flown,
    Spend,
    Boost,
}

#[derive(Clone, Debug)]
pub struct Receipt {
    pub who: u8,
    pub bought: Bought,
    pub counted_at: i64,
    pub made_by: u32,
    pub earned: Vec<Earned>,
    /// What it brought into each wallet, as it came; the rest paid back debt.
    pub came: Vec<Lot>,
    /// What has come back of each line: units and cents.
    pub back: Vec<(i64, i64)>,
}

impl Receipt {
    /// What will have come back of each line, or why it may not.
    pub fn after(&self, asked: &Back, closed: bool, claimed_by: Option<u8>) -> Result<Vec<(i64, i64)>, &'static str> {
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
    pub fn taken(&self) -> [i64; 4] {
        std::array::from_fn(|wallet| {
            let earned = self.earned.iter().filter(|earned| earned.rule.wallet() == Some(wallet));
            earned.map(|earned| self.given_back(earned)).sum()
        })
    }

    /// What has come back of what a rule granted: of each line's share as much as came back of the line, rounded down.
    pub fn given_back(&self, earned: &Earned) -> i64 {
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
    pub fn points(&self) -> i64 {
        self.shares.iter().map(|(_, share)| share).sum()
    }
}

impl Rule {
    pub const fn wallet(self) -> Option<usize> {
        match self {
            Self::Base | Self::Boost => Some(POINTS),
            Self::Cashback => Some(CREDIT),
            Self::Played => Some(COINS),
            Self::Flown => Some(MILES),
            Self::Spend => None,
        }
    }
}

/// Points divided among lines by their weight; what is rounded off a line falls to a later one.
pub fn divided(points: i64, weights: Vec<(usize, i64)>) -> Vec<(usize, i64)> {
    let whole: i64 = weights.iter().map(|(_, weight)| weight).sum();
    let up_to = |end: usize| points * weights[..end].iter().map(|(_, weight)| weight).sum::<i64>() / whole.max(1);
    (0..weights.len()).map(|at| (weights[at].0, up_to(at + 1) - up_to(at))).collect()
}

/// What lines earned, cut to `most` together.
pub fn cut(lines: Vec<(usize, i64)>, most: i64) -> Vec<(usize, i64)> {
    let whole: i64 = lines.iter().map(|(_, points)| points).sum();
    if whole > most { divided(most, lines) } else { lines }
}
