//! What should happen: the rules of `tests/programs/model.toml`, written down as naively as possible.
//!
//! It keeps every purchase and computes everything from the beginning each time it is asked. It shares no code with
//! the engine but plain types.

use std::collections::BTreeMap;

pub const DAY: i64 = 86_400_000_000;
/// 2025-01-01T00:00:00Z in microseconds.
pub const YEAR_2025: i64 = 1_735_689_600_000_000;

/// A purchase of the model: amounts in cents by line, `gift` lines marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bought {
    pub receipt: u8,
    pub at: i64,
    pub lines: Vec<(i64, bool)>,
}

#[derive(Clone, Debug, Default)]
struct Person {
    enrolled_at: i64,
    suspended: bool,
    closed: bool,
    points: i64,
    bought: Vec<Bought>,
    /// (rank, since, until)
    earned: Vec<(usize, i64, i64)>,
}

#[derive(Clone, Debug, Default)]
pub struct Reference {
    people: BTreeMap<u8, Person>,
    receipts: BTreeMap<u8, (u8, Bought)>,
}

/// What a member should show: state, points in tenths, rank and the end of its validity, spend and visits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub state: &'static str,
    pub points: i64,
    pub rank: usize,
    pub until: Option<i64>,
    pub spend: i64,
    pub visits: i64,
}

impl Reference {
    pub fn enroll(&mut self, who: u8, now: i64) -> &'static str {
        if self.people.contains_key(&who) {
            return "MEMBER_EXISTS";
        }
        self.people.insert(who, Person { enrolled_at: now, ..Person::default() });
        "applied"
    }

    pub fn suspend(&mut self, who: u8) -> &'static str {
        match self.people.get_mut(&who) {
            None => "UNKNOWN_MEMBER",
            Some(person) if person.closed => "MEMBER_CLOSED",
            Some(person) if person.suspended => "MEMBER_SUSPENDED",
            Some(person) => {
                person.suspended = true;
                "applied"
            }
        }
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

    pub fn close(&mut self, who: u8) -> &'static str {
        match self.people.get_mut(&who) {
            None => "UNKNOWN_MEMBER",
            Some(person) if person.closed => "MEMBER_CLOSED",
            Some(person) => {
                (person.closed, person.points) = (true, 0);
                "applied"
            }
        }
    }

    pub fn buy(&mut self, who: u8, bought: &Bought, now: i64) -> &'static str {
        let Some(person) = self.people.get_mut(&who) else { return "UNKNOWN_MEMBER" };
        if let Some((owner, first)) = self.receipts.get(&bought.receipt) {
            return match () {
                () if *owner != who => "RECEIPT_CLAIMED",
                () if first != bought => "KEY_REUSED",
                () => "replayed",
            };
        }
        if let Some(no) = person.may_not_buy(bought, now) {
            return no;
        }
        let counted = bought.at.min(now);
        person.points += person.earns(bought, counted);
        person.bought.push(Bought { at: counted, ..bought.clone() });
        person.review(counted, now);
        self.receipts.insert(bought.receipt, (who, bought.clone()));
        "applied"
    }

    pub fn shown(&self, who: u8, now: i64) -> Option<Shown> {
        let person = self.people.get(&who)?;
        let state = match person {
            Person { closed: true, .. } => "closed",
            Person { suspended: true, .. } => "suspended",
            _ => "active",
        };
        let (rank, until) = person.held(now);
        let spend = person.spend(year(now));
        Some(Shown { state, points: person.points, rank, until, spend, visits: person.visits(now / DAY) })
    }
}

impl Person {
    fn may_not_buy(&self, bought: &Bought, now: i64) -> Option<&'static str> {
        let earliest = (now.div_euclid(DAY) - 100) * DAY;
        match () {
            () if self.closed => Some("MEMBER_CLOSED"),
            () if self.suspended => Some("MEMBER_SUSPENDED"),
            () if bought.at > now + 300_000_000 => Some("OCCURRED_IN_FUTURE"),
            () if bought.at < earliest => Some("TOO_LATE"),
            () if bought.at < self.enrolled_at => Some("BEFORE_ENROLMENT"),
            () => None,
        }
    }

    fn earns(&self, bought: &Bought, at: i64) -> i64 {
        let bonus = [0, 25, 50][self.held(at).0];
        let mut sum = 0;
        for (cents, gift) in &bought.lines {
            if !gift {
                // 1.5 points a dollar in tenths of a point: 15 tenths per 100 cents, floored
                let base = (cents * 15).div_euclid(100);
                sum += base + (base * bonus).div_euclid(100);
            }
        }
        sum.max(0)
    }

    fn spend(&self, of: i64) -> i64 {
        let receipts = self.bought.iter().filter(|b| year(b.at) == of);
        receipts.map(|b| b.lines.iter().filter(|(_, gift)| !gift).map(|(cents, _)| cents).sum::<i64>().max(0)).sum()
    }

    fn visits(&self, day: i64) -> i64 {
        let within = |b: &&Bought| (day - 29..=day).contains(&b.at.div_euclid(DAY));
        i64::try_from(self.bought.iter().filter(within).count()).unwrap()
    }

    fn held(&self, at: i64) -> (usize, Option<i64>) {
        let covering = self.earned.iter().filter(|(_, since, until)| *since <= at && at < *until);
        covering.map(|(rank, _, until)| (*rank, Some(*until))).max().unwrap_or((0, None))
    }

    /// Everything the windows around `counted` may have earned, held from now on.
    fn review(&mut self, counted: i64, now: i64) {
        let day = counted.div_euclid(DAY);
        let mut earned: Vec<(usize, i64)> = Vec::new();
        for on in day..=(day + 29).min(now.div_euclid(DAY)) {
            let spend = self.spend(year(on * DAY));
            let counts_here = year(on * DAY) == year(counted);
            if self.visits(on) >= 5 && self.bought.iter().any(|b| b.at.div_euclid(DAY) == on) {
                earned.push((1, year_start(year(on * DAY) + 1)));
            }
            if counts_here && spend >= 50_000 {
                earned.push((1, year_start(year(on * DAY) + 1)));
            }
            if counts_here && spend >= 200_000 {
                earned.push((2, year_start(year(on * DAY) + 2)));
            }
        }
        for (rank, until) in earned {
            if until > now {
                self.earned.push((rank, now, until));
            }
        }
    }
}

/// The calendar year of a moment between 2025 and 2032.
pub fn year(at: i64) -> i64 {
    (2025..2032).rev().find(|year| year_start(*year) <= at).unwrap_or(2024)
}

fn year_start(year: i64) -> i64 {
    let leaps = (2025..year).filter(|y| y % 4 == 0).count();
    YEAR_2025 + ((year - 2025) * 365 + i64::try_from(leaps).unwrap()) * DAY
}
