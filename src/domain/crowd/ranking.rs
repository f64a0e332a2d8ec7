//! Who of a crowd is asked about, and how they rank by what they bring in a window.
//!
//! One rule for all questions: the customers of a window are the members who had bought by its end, and of those who
//! bring the same, whoever became known earlier comes first. Whoever brings nothing or less comes last and counts as
//! nothing. Whoever closed since is ranked on with what she brought: the sum stays what was taken in, and what was said of
//! a window does not change because somebody leaves. Must not know who the members are, nor pages.

use std::cmp::Reverse;

use super::Crowd;
use super::daybook::{Measure, MemberNo, Window};
use crate::domain::calendar::Day;
use crate::domain::insight::concentration::{Group, Portion};
use crate::domain::insight::distribution::Distribution;
use crate::domain::insight::rfm::Buyer;
use crate::domain::program::{ClubId, TierId};

/// A window, and whose purchases count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The days, the measure and the store.
    pub window: Window,
    /// Only members on this tier.
    pub tier: Option<TierId>,
    /// Only members of this club.
    pub club: Option<ClubId>,
}

impl Question {
    /// Whether a member is among those that it is about.
    #[must_use]
    pub fn is_about(&self, crowd: &Crowd, member: MemberNo) -> bool {
        self.tier.is_none_or(|tier| crowd.tier(member) == Some(tier))
            && self.club.is_none_or(|club| crowd.belongs(member, club))
    }
}

/// The customers of a window and what each of them brings, in the order in which they became known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customers(Vec<(MemberNo, i64)>);

impl Customers {
    /// Of a question.
    #[must_use]
    pub fn of(crowd: &Crowd, question: &Question) -> Self {
        Self(brought(crowd, question, &crowd.daybook.sums(question.window)).collect())
    }

    /// How what they bring is spread.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        Distribution::of(self.0.iter().map(|(_, amount)| *amount).collect()).unwrap_or_default()
    }

    /// What one of them brings.
    #[must_use]
    pub fn amount(&self, member: MemberNo) -> Option<i64> {
        let at = self.0.binary_search_by_key(&member, |(number, _)| *number).ok()?;
        self.0.get(at).map(|(_, amount)| *amount)
    }

    /// The best `count`, the best first, `O(n + count log count)`.
    #[must_use]
    pub fn best(&self, count: usize) -> Vec<(MemberNo, i64)> {
        let better = |(member, amount): &(MemberNo, i64)| (Reverse((*amount).max(0)), *member);
        let mut best = self.0.clone();
        if count < best.len() {
            best.select_nth_unstable_by_key(count, better);
            best.truncate(count);
        }
        best.sort_unstable_by_key(better);
        best
    }

    /// The rank of one who brings something; `None` for everybody else.
    #[must_use]
    pub fn rank(&self, member: MemberNo) -> Option<u64> {
        let hers = self.amount(member).filter(|amount| *amount > 0)?;
        let before = |(number, amount): &&(MemberNo, i64)| *amount > hers || (*amount == hers && *number < member);
        u64::try_from(self.0.iter().filter(before).count()).ok()?.checked_add(1)
    }

    /// Those of them who bought in the window, in whatever store, as recency, frequency and money look at them on the
    /// day after it.
    #[must_use]
    pub fn buyers(&self, crowd: &Crowd, from: Day, to: Day) -> Vec<Buyer<MemberNo>> {
        let habits = crowd.daybook.habits(from, to);
        let money = crowd.daybook.sums(Window { from, to, measure: Measure::Spend, store: None });
        let buyer = |(id, _): &(MemberNo, i64)| {
            let habit = habits.get(id.0 as usize)?;
            let days_since = i64::from(to.0).saturating_sub(i64::from(habit.last?.0));
            let money = money.get(id.0 as usize).copied()?;
            Some(Buyer { id: *id, days_since, frequency: i64::from(habit.days), money })
        };
        self.0.iter().filter_map(buyer).collect()
    }

    /// The best of them by a share of all, rounded up: those who bring anything.
    #[must_use]
    pub fn vital(&self, portion: Portion) -> Vec<(MemberNo, i64)> {
        let count = self.distribution().top(portion).members;
        let mut best = self.best(usize::try_from(count).unwrap_or(usize::MAX));
        best.truncate(best.partition_point(|(_, amount)| *amount > 0));
        best
    }

    /// Those of them who are marked, as a group.
    fn group(&self, marks: &[bool]) -> Group {
        let hers = self.0.iter().filter(|(member, _)| is_marked(marks, *member)).map(|(_, amount)| (*amount).max(0));
        let all = self.0.iter().map(|(_, amount)| i128::from((*amount).max(0)));
        Group {
            members: count(hers.clone()),
            of_members: count(self.0.iter()),
            amount: hers.clone().map(i128::from).sum(),
            of_amount: all.sum(),
            least: hers.min().unwrap_or(0),
        }
    }
}

/// How what the customers of a question bring is spread, for whoever need not know who they are.
#[must_use]
pub fn spread(crowd: &Crowd, question: &Question) -> Distribution {
    let sums = crowd.daybook.sums(question.window);
    Distribution::gathered(brought(crowd, question, &sums).map(|(_, amount)| amount)).unwrap_or_default()
}

/// The customers of a question and what each brings of these sums of its window, in the order in which they became known.
fn brought(crowd: &Crowd, question: &Question, sums: &[i64]) -> impl Iterator<Item = (MemberNo, i64)> {
    let had_bought = had_bought(crowd, &question.window);
    let numbered = (0_u32..).map(MemberNo).zip(sums.iter().copied()).zip(had_bought);
    let customers = numbered.filter(|((member, _), had_bought)| *had_bought && question.is_about(crowd, *member));
    customers.map(|(brought, _)| brought)
}

fn count(some: impl Iterator) -> u64 {
    u64::try_from(some.count()).unwrap_or(u64::MAX)
}

/// By number, who had bought anything by the end of a window: in its store, if it names one.
fn had_bought(crowd: &Crowd, window: &Window) -> Vec<bool> {
    if window.store.is_none() {
        return crowd.daybook.customers_by(window.to);
    }
    let receipts = Window { from: Day(i32::MIN), measure: Measure::Visits, ..*window };
    crowd.daybook.sums(receipts).iter().map(|receipts| *receipts > 0).collect()
}

/// By number, who is among some.
fn marks(everybody: usize, some: &[(MemberNo, i64)]) -> Vec<bool> {
    let mut marks = vec![false; everybody];
    for (member, _) in some {
        marks.iter_mut().skip(member.0 as usize).take(1).for_each(|mark| *mark = true);
    }
    marks
}

fn is_marked(marks: &[bool], member: MemberNo) -> bool {
    marks.get(member.0 as usize).copied().unwrap_or_default()
}

/// How the best of one window fare in another. Only those who bring anything are among the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The best of the first window.
    pub group: Group,
    /// Those of them who are customers of the other window, there.
    pub then: Group,
    /// The best of the other window.
    pub then_top: Group,
    /// How many of the group bought in the other window.
    pub still_buying: u64,
    /// How many are among the best of both.
    pub stayed: u64,
}

/// Follows the best of `customers` into the window that `then` asks about.
#[must_use]
pub fn follow(crowd: &Crowd, customers: &Customers, then: &Question, portion: Portion) -> Followed {
    let everybody = crowd.daybook.members();
    let later = Customers::of(crowd, then);
    let (first, second) = (marks(everybody, &customers.vital(portion)), marks(everybody, &later.vital(portion)));
    let receipts = crowd.daybook.sums(Window { measure: Measure::Visits, ..then.window });
    let bought = first.iter().zip(receipts.iter()).filter(|(marked, receipts)| **marked && **receipts > 0);
    let both = first.iter().zip(&second).filter(|(before, after)| **before && **after);
    Followed {
        group: customers.group(&first),
        then: later.group(&first),
        then_top: later.group(&second),
        still_buying: count(bought),
        stayed: count(both),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no(number: u32) -> MemberNo {
        MemberNo(number)
    }

    #[test]
    fn equals_rank_as_they_became_known() {
        let customers = Customers(vec![(no(0), 5), (no(2), 9), (no(3), -4), (no(5), 5), (no(6), 0)]);
        let best: Vec<u32> = customers.best(usize::MAX).iter().map(|(member, _)| member.0).collect();
        assert_eq!(best, [2, 0, 5, 3, 6], "nothing and less are alike");
        assert_eq!(customers.best(2), [(no(2), 9), (no(0), 5)]);
        let ranks: Vec<Option<u64>> = (0..7).map(|number| customers.rank(no(number))).collect();
        assert_eq!(ranks, [Some(2), None, Some(1), None, None, Some(3), None]);
        assert_eq!((customers.amount(no(3)), customers.amount(no(4))), (Some(-4), None));
    }
}
