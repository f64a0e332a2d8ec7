//! On which days members bought, and what they brought then: every member's own history beside the others'.
//!
//! Read off the daybook in one go, since that lies by day: 24 bytes a visit while it is looked at.

use super::daybook::{Daybook, MemberNo};
use crate::domain::calendar::Day;

/// A day on which a member bought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Visit {
    /// The day.
    pub day: Day,
    /// What she spent on it, less what was brought back of it, in minor units.
    pub spend: i64,
    /// Her margin of it, in minor units: of what carries its cost.
    pub margin: i64,
    /// What of that spend carries its cost.
    pub known_spend: i64,
    /// Whether anything of it does.
    pub knows_cost: bool,
}

/// A day's rows: whose, how much spend, how much margin.
type Rows = (Day, Vec<(MemberNo, i64, Option<i64>)>);

/// The visits of some members.
#[derive(Clone, Debug, Default)]
pub struct Visits {
    /// Where each member's begin; one more at the end.
    starts: Vec<usize>,
    visits: Vec<Visit>,
}

impl Visits {
    /// Of those whom `wanted` names, all of their visits: two walks over the book.
    #[must_use]
    pub fn of(book: &Daybook, wanted: impl Fn(MemberNo) -> bool) -> Self {
        let members: Vec<bool> = (0_u32..).take(book.members()).map(|number| wanted(MemberNo(number))).collect();
        let asked = |member: MemberNo| members.get(member.0 as usize).copied().unwrap_or(false);
        let mut starts = vec![0_usize; book.members().saturating_add(1)];
        let mut last = vec![None; book.members()];
        for (day, member, _) in book.rows_by_day().filter(|(_, member, sums)| sums.bought && asked(*member)) {
            let next = (member.0 as usize).saturating_add(1);
            if let (Some(last), Some(count)) = (last.get_mut(member.0 as usize), starts.get_mut(next))
                && last.replace(day) != Some(day)
            {
                *count = count.saturating_add(1);
            }
        }
        let mut sum = 0_usize;
        for start in &mut starts {
            sum = sum.saturating_add(*start);
            *start = sum;
        }
        let mut filled = Self { visits: vec![Visit::default(); sum], starts };
        filled.fill(book, asked);
        filled
    }

    fn fill(&mut self, book: &Daybook, asked: impl Fn(MemberNo) -> bool) {
        let mut next = self.starts.clone();
        // A return may lie before its purchase in a day's page: what it takes off waits for the day to begin.
        let mut pending: Option<Rows> = None;
        for (day, member, sums) in book.rows_by_day().filter(|(_, member, _)| asked(*member)) {
            if pending.as_ref().is_none_or(|(known, _)| *known != day) {
                self.settle(pending.take(), &next);
                pending = Some((day, Vec::new()));
            }
            if sums.bought {
                self.begin(&mut next, member, day);
            }
            if let Some((_, rows)) = &mut pending {
                rows.push((member, sums.spend, sums.margin));
            }
        }
        self.settle(pending, &next);
    }

    /// Makes room for a visit on a day, unless it is there.
    fn begin(&mut self, next: &mut [usize], member: MemberNo, day: Day) {
        let at = member.0 as usize;
        let first = self.starts.get(at).copied().unwrap_or(0);
        let Some(next) = next.get_mut(at) else { return };
        let before = next.checked_sub(1).filter(|before| *before >= first).and_then(|before| self.visits.get(before));
        if before.is_some_and(|visit| visit.day == day) {
            return;
        }
        if let Some(visit) = self.visits.get_mut(*next) {
            visit.day = day;
            *next = next.saturating_add(1);
        }
    }

    /// Adds a day's rows to its visits; what was brought back of a day without any stays out.
    fn settle(&mut self, rows: Option<Rows>, next: &[usize]) {
        let Some((day, rows)) = rows else { return };
        for (member, spend, margin) in rows {
            let newest = next.get(member.0 as usize).and_then(|next| next.checked_sub(1));
            let first = self.starts.get(member.0 as usize).copied().unwrap_or(0);
            let visit = newest.filter(|at| *at >= first).and_then(|at| self.visits.get_mut(at));
            if let Some(visit) = visit.filter(|visit| visit.day == day) {
                visit.spend = visit.spend.saturating_add(spend);
                visit.margin = visit.margin.saturating_add(margin.unwrap_or(0));
                visit.known_spend = visit.known_spend.saturating_add(margin.map_or(0, |_| spend));
                visit.knows_cost |= margin.is_some();
            }
        }
    }

    /// One member's, in the order of their days.
    #[must_use]
    pub fn by(&self, member: MemberNo) -> &[Visit] {
        let at = member.0 as usize;
        let ends = self.starts.get(at).copied().zip(self.starts.get(at.saturating_add(1)).copied());
        ends.and_then(|(from, to)| self.visits.get(from..to)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::crowd::daybook::{StoreNo, Sums};

    fn row(book: &mut Daybook, member: u32, day: i32, spend: i64, bought: bool) {
        let margin = (spend % 100 != 50).then_some(spend / 10);
        book.add(MemberNo(member), Day(day), StoreNo::NONE, Sums { spend, margin, bought, points: 0 });
    }

    #[test]
    fn a_members_visits_are_her_days_with_what_they_brought() {
        let mut book = Daybook::default();
        (0..3).for_each(|_| {
            book.welcome();
        });
        row(&mut book, 2, 9, 700, true);
        row(&mut book, 0, 5, 100, true);
        row(&mut book, 0, 5, 50, true);
        row(&mut book, 2, 5, 30, true);
        row(&mut book, 0, 9, -20, false);
        row(&mut book, 2, 9, -200, false);
        row(&mut book, 0, 12, 50, true);
        let visits = Visits::of(&book, |_| true);
        let visit = |day, spend, known_spend| Visit {
            day: Day(day),
            spend,
            margin: known_spend / 10,
            known_spend,
            knows_cost: known_spend != 0,
        };
        assert_eq!(visits.by(MemberNo(0)), [visit(5, 150, 100), visit(12, 50, 0)]);
        assert_eq!(visits.by(MemberNo(1)), []);
        assert_eq!(visits.by(MemberNo(2)), [visit(5, 30, 30), visit(9, 500, 500)]);
        assert_eq!(visits.by(MemberNo(7)), []);
        let only = Visits::of(&book, |member| member == MemberNo(2));
        assert_eq!((only.by(MemberNo(0)).len(), only.by(MemberNo(2)).len()), (0, 2));
    }
}
