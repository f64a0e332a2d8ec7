//! What every member of a program bought, day by day: the numbers that rankings are made of.
//!
//! The book is a fold of the ledger and nothing else, so it equals what a computation from the beginning would come to.
//! Each purchase is a row of its day, each return a row of the day of its purchase, which takes off. Rows lie by day,
//! not by member, since questions name days: a window is answered by walking its days or, where that is shorter, those
//! outside of it, off what was counted for ever. The book knows numbers of members and stores; whose they are is an index.
//!
//! Room: what `page.rs` says of a row, 24 bytes a member (eight more once a purchase carried its cost), and what the
//! caller's index takes. A copy shares the rows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::page::{Page, push};
use crate::domain::calendar::Day;
use crate::domain::insight::forecast::fitted::Past;

/// A member, by the order in which the book came to know her.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberNo(pub u32);

impl MemberNo {
    /// The highest number that a row has room for.
    pub const MAX: Self = Self(u32::MAX >> 1);
}

/// A store, by the order in which the book came to know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreNo(pub u16);

impl StoreNo {
    /// Bought in no store, or in one beyond the 65,535 that a book tells apart.
    pub const NONE: Self = Self(0);
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Money, in minor units.
    Spend,
    /// Money less cost, in minor units, of purchases that carry their cost.
    Margin,
    /// Receipts; a return is none, and takes none back.
    Visits,
    /// Points earned in the program's first wallet, in smallest units.
    Points,
}

/// What one purchase or return adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Minor units.
    pub spend: i64,
    /// Minor units; absent where the purchase does not carry its cost.
    pub margin: Option<i64>,
    /// Whether it is a purchase: a return is no receipt.
    pub bought: bool,
    /// Smallest units.
    pub points: i64,
}

/// A window of days and what is asked about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first day.
    pub from: Day,
    /// The day after the last.
    pub to: Day,
    /// What is measured.
    pub measure: Measure,
    /// Only what was bought in this store; everything if absent.
    pub store: Option<StoreNo>,
}

/// How recently and how often a member bought in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habit {
    /// The last day on which she bought, if she did.
    pub last: Option<Day>,
    /// On how many different days she bought.
    pub days: u32,
}

/// Stands for the first purchase of somebody who has not bought.
pub(crate) const NOT_YET: Day = Day(i32::MAX);

/// The book of one program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Daybook {
    pub(crate) pages: BTreeMap<Day, Page>,
    /// The day of each member's first purchase, or [`NOT_YET`].
    pub(crate) first: Vec<Day>,
    pub(crate) spend: Vec<i64>,
    /// Empty as long as no purchase carried its cost.
    pub(crate) margin: Vec<i64>,
    pub(crate) visits: Vec<u32>,
    pub(crate) points: Vec<i64>,
    pub(crate) rows: usize,
}

impl Daybook {
    /// How many members it knows.
    #[must_use]
    pub const fn members(&self) -> usize {
        self.first.len()
    }

    /// How many rows it has.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// What it takes in memory, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let pages: usize = self.pages.values().map(Page::bytes).sum();
        let sums = self.spend.capacity() + self.margin.capacity() + self.points.capacity();
        pages + self.first.capacity() * 4 + self.visits.capacity() * 4 + sums * 8
    }

    /// Makes room for one more member; her number is the count of those before her.
    pub fn welcome(&mut self) -> MemberNo {
        let number = MemberNo(u32::try_from(self.first.len()).unwrap_or(u32::MAX));
        push(&mut self.first, NOT_YET);
        push(&mut self.visits, 0);
        push(&mut self.spend, 0);
        push(&mut self.points, 0);
        if !self.margin.is_empty() {
            push(&mut self.margin, 0);
        }
        number
    }

    /// Adds a row: a purchase, or what a return takes off its day.
    pub fn add(&mut self, member: MemberNo, day: Day, store: StoreNo, sums: Sums) {
        let at = member.0 as usize;
        let Some(first) = self.first.get_mut(at) else { return };
        if sums.bought {
            *first = day.min(*first);
        }
        if sums.margin.is_some() && self.margin.is_empty() {
            self.margin = vec![0; self.first.len()];
        }
        if let Some(visits) = self.visits.get_mut(at) {
            *visits = visits.saturating_add(sums.bought.into());
        }
        let margin = sums.margin.unwrap_or(0);
        for (column, part) in
            [(&mut self.spend, sums.spend), (&mut self.margin, margin), (&mut self.points, sums.points)]
        {
            column.iter_mut().skip(at).take(1).for_each(|sum| *sum = sum.saturating_add(part));
        }
        self.pages.entry(day).or_default().push(member, store, sums);
        self.rows += 1;
    }

    /// The first and the last day on which anything was bought.
    #[must_use]
    pub fn days(&self) -> Option<(Day, Day)> {
        let first = self.pages.keys().next()?;
        self.pages.keys().next_back().map(|last| (*first, *last))
    }

    /// The day of a member's first purchase.
    #[must_use]
    pub fn first(&self, member: MemberNo) -> Option<Day> {
        self.first.get(member.0 as usize).copied().filter(|first| *first < NOT_YET)
    }

    /// Each member's sum over the window, by her number; lent where the window holds every row.
    #[must_use]
    pub fn sums(&self, window: Window) -> Cow<'_, [i64]> {
        let Window { from, to, measure, store } = window;
        let inside: usize = self.pages.range(from..to.max(from)).map(|(_, page)| page.rows()).sum();
        if store.is_none() && inside > self.rows / 2 {
            let mut sums = self.for_ever(measure);
            let outside = self.pages.iter().filter(|(day, _)| **day < from || to <= **day);
            if inside < self.rows {
                let less = self.added_up(outside.map(|(_, page)| page), measure, store);
                sums.to_mut().iter_mut().zip(less).for_each(|(sum, less)| *sum = sum.saturating_sub(less));
            }
            return sums;
        }
        self.added_up(self.pages.range(from..to.max(from)).map(|(_, page)| page), measure, store).into()
    }

    /// Each member's sum over some pages. Hardly any sum needs more than 32 bits, and half the room is looked up twice as
    /// fast: only where one does, all are added up anew with 64.
    fn added_up<'a>(
        &self,
        pages: impl Iterator<Item = &'a Page> + Clone,
        measure: Measure,
        store: Option<StoreNo>,
    ) -> Vec<i64> {
        let (mut narrow, mut fits) = (vec![0_i32; self.members()], true);
        let add = |who: usize, amount: i64| {
            let Some(sum) = narrow.get_mut(who) else { return };
            match i32::try_from(i64::from(*sum).saturating_add(amount)) {
                Ok(more) => *sum = more,
                Err(_) => fits = false,
            }
        };
        each_row(pages.clone(), measure, store, add);
        if fits {
            return narrow.into_iter().map(i64::from).collect();
        }
        let mut sums = vec![0_i64; self.members()];
        // A sum that leaves its range stays at its end: the ledger's own sums are checked, these only rank.
        let add = |who: usize, amount: i64| {
            sums.iter_mut().skip(who).take(1).for_each(|sum| *sum = sum.saturating_add(amount));
        };
        each_row(pages, measure, store, add);
        sums
    }

    fn for_ever(&self, measure: Measure) -> Cow<'_, [i64]> {
        match measure {
            Measure::Spend => (&self.spend).into(),
            Measure::Margin if self.margin.is_empty() => vec![0; self.members()].into(),
            Measure::Margin => (&self.margin).into(),
            Measure::Visits => self.visits.iter().map(|visits| i64::from(*visits)).collect(),
            Measure::Points => (&self.points).into(),
        }
    }

    /// Who had bought anything before `day`, by number: the customers of a window that ends there.
    #[must_use]
    pub fn customers_by(&self, day: Day) -> Vec<bool> {
        self.first.iter().map(|first| *first < day && *first < NOT_YET).collect()
    }

    /// How recently and how often each member bought in `from..to`, by her number.
    #[must_use]
    pub fn habits(&self, from: Day, to: Day) -> Vec<Habit> {
        let mut habits = vec![Habit::default(); self.members()];
        for (day, page) in self.pages.range(from..to.max(from)) {
            let bought = page.leaves().iter().flat_map(|leaf| leaf.who()).filter(|(_, bought)| *bought);
            for (member, _) in bought {
                let Some(habit) = habits.get_mut(member.0 as usize) else { continue };
                if habit.last != Some(*day) {
                    (habit.last, habit.days) = (Some(*day), habit.days.saturating_add(1));
                }
            }
        }
        habits
    }

    /// How many rows lie before `day`: as rows are only ever added, as many rows are the same rows.
    #[must_use]
    pub fn rows_before(&self, day: Day) -> usize {
        self.pages.range(..day).map(|(_, page)| page.rows()).sum()
    }

    /// What is known of each member at the beginning of `day`, by her number.
    #[must_use]
    pub fn pasts(&self, day: Day) -> Vec<Past> {
        let mut pasts = vec![Past::default(); self.members()];
        for (day, member, sums) in Self::rows_of(self.pages.range(..day)) {
            let past = pasts.iter_mut().skip(member.0 as usize).take(1);
            past.for_each(|past| past.see(day.0.into(), sums.bought, sums.spend));
        }
        pasts
    }

    /// The same of one member: a walk over the whole book.
    #[must_use]
    pub fn past(&self, member: MemberNo, day: Day) -> Past {
        let mut past = Past::default();
        let hers = Self::rows_of(self.pages.range(..day)).filter(|(_, found, _)| *found == member);
        hers.for_each(|(day, _, sums)| past.see(day.0.into(), sums.bought, sums.spend));
        past
    }

    /// How many receipts a member had in all.
    #[must_use]
    pub fn receipts(&self, member: MemberNo) -> i64 {
        self.visits.get(member.0 as usize).map_or(0, |visits| i64::from(*visits))
    }

    /// Every row, day after day: whose it is, and what it adds.
    pub fn rows_by_day(&self) -> impl Iterator<Item = (Day, MemberNo, Sums)> + '_ {
        Self::rows_of(self.pages.iter())
    }

    fn rows_of<'a>(pages: impl Iterator<Item = (&'a Day, &'a Page)>) -> impl Iterator<Item = (Day, MemberNo, Sums)> {
        pages.flat_map(|(day, page)| {
            let rows = page.leaves().iter().flat_map(|leaf| leaf.rows());
            rows.map(|(member, sums)| (*day, member, sums))
        })
    }

    /// The days on which one member bought, in order: a walk over the whole book.
    #[must_use]
    pub fn purchase_days(&self, member: MemberNo) -> Vec<Day> {
        let bought = |page: &Page| page.leaves().iter().flat_map(|leaf| leaf.who()).any(|row| row == (member, true));
        self.pages.iter().filter(|(_, page)| bought(page)).map(|(day, _)| *day).collect()
    }
}

fn each_row<'a>(
    pages: impl Iterator<Item = &'a Page>,
    measure: Measure,
    store: Option<StoreNo>,
    mut add: impl FnMut(usize, i64),
) {
    pages.flat_map(Page::leaves).for_each(|leaf| leaf.each(measure, store, &mut add));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Row = (u8, i32, u16, i64, Option<i64>, bool);

    fn book(rows: &[Row]) -> Daybook {
        let mut book = Daybook::default();
        (0..6).for_each(|_| {
            book.welcome();
        });
        for (member, day, store, spend, margin, is_return) in rows {
            let sums = Sums { spend: *spend, margin: *margin, bought: !is_return, points: spend / 100 };
            book.add(MemberNo((*member).into()), Day(*day), StoreNo(*store), sums);
        }
        book
    }

    fn row() -> impl Strategy<Value = Row> {
        (
            0_u8..6,
            0_i32..40,
            0_u16..3,
            prop_oneof![20 => -5_000_i64..50_000, 1 => i64::from(i32::MIN) - 9..i64::from(i32::MAX) + 9],
            prop_oneof![Just(None), (-100_i64..9_000).prop_map(Some)],
            any::<bool>(),
        )
    }

    proptest! {
        #[test]
        fn a_window_is_the_sum_of_its_rows(
            rows in prop::collection::vec(row(), 0..120), from in 0_i32..40, length in 0_i32..45, store in 0_u16..4,
        ) {
            let (book, to) = (book(&rows), from + length);
            let inside = |row: &&Row| (from..to).contains(&row.1);
            for member in 0..6 {
                let hers = || rows.iter().filter(inside).filter(|row| row.0 == member);
                let sums = |measure, store| {
                    book.sums(Window { from: Day(from), to: Day(to), measure, store })[usize::from(member)]
                };
                prop_assert_eq!(sums(Measure::Spend, None), hers().map(|row| row.3).sum::<i64>());
                prop_assert_eq!(sums(Measure::Margin, None), hers().filter_map(|row| row.4).sum::<i64>());
                prop_assert_eq!(sums(Measure::Points, None), hers().map(|row| row.3 / 100).sum::<i64>());
                prop_assert_eq!(sums(Measure::Visits, None), hers().filter(|row| !row.5).count() as i64);
                let there = hers().filter(|row| row.2 == store).map(|row| row.3).sum::<i64>();
                prop_assert_eq!(sums(Measure::Spend, Some(StoreNo(store))), there);
                let mut days: Vec<i32> = hers().filter(|row| !row.5).map(|row| row.1).collect();
                days.sort_unstable();
                days.dedup();
                let habit = book.habits(Day(from), Day(to))[usize::from(member)];
                prop_assert_eq!((habit.last, habit.days), (days.last().map(|day| Day(*day)), days.len() as u32));
            }
            let (a, b) = (book.clone(), book);
            prop_assert_eq!(a, b);
        }

        #[test]
        fn a_past_is_what_the_rows_say(rows in prop::collection::vec(row(), 0..120), to in 0_i32..45) {
            let book = book(&rows);
            prop_assert_eq!(book.rows_before(Day(to)), rows.iter().filter(|row| row.1 < to).count());
            let pasts = book.pasts(Day(to));
            for member in 0..6_u8 {
                let hers = || rows.iter().filter(|row| row.0 == member && row.1 < to);
                let mut days: Vec<i64> = hers().filter(|row| !row.5).map(|row| row.1.into()).collect();
                days.sort_unstable();
                days.dedup();
                let (first, last) = (days.first().copied(), days.last().copied());
                let later = hers().filter(|row| first.is_some_and(|first| first < i64::from(row.1)));
                let past = Past {
                    first: first.unwrap_or(0),
                    last: last.unwrap_or(0),
                    days: days.len() as u32,
                    repeat_spend: later.map(|row| row.3).sum(),
                };
                prop_assert_eq!(pasts[usize::from(member)], past);
                prop_assert_eq!(book.past(MemberNo(member.into()), Day(to)), past);
            }
        }
    }

    #[test]
    fn customers_are_those_who_had_bought_by_then() {
        let book = book(&[(1, 5, 0, 100, None, false), (2, 9, 0, 100, None, true), (3, 12, 0, 0, None, false)]);
        let by = |day| book.customers_by(Day(day));
        assert_eq!(by(5), [false; 6]);
        assert_eq!(by(13), [false, true, false, true, false, false]);
        assert_eq!((book.days(), book.purchase_days(MemberNo(1))), (Some((Day(5), Day(12))), vec![Day(5)]));
    }
}
