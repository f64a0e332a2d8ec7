//! Who stood on which tier at the end of which day, and how members moved between two such days.
//!
//! Only changes are kept, by the day on which they took effect: eight bytes each. A member who is closed stands on none. Must
//! not know what tiers are worth, nor the order they are in.

use std::collections::BTreeMap;

use super::Crowd;
use super::daybook::MemberNo;
use super::page::push;
use super::ranking::Question;
use crate::domain::calendar::Day;
use crate::domain::program::TierId;

/// Every change of every member's tier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps(pub(crate) BTreeMap<Day, Vec<(MemberNo, Option<TierId>)>>);

impl Steps {
    /// A member stands on `tier` from `day` on, or on none. Changes of one member come in their order.
    pub fn step(&mut self, member: MemberNo, day: Day, tier: Option<TierId>) {
        push(self.0.entry(day).or_default(), (member, tier));
    }

    /// Where each of so many members stood at the beginning of `day`, by her number.
    #[must_use]
    pub fn before(&self, day: Day, members: usize) -> Vec<Option<TierId>> {
        let mut stood = vec![None; members];
        for (member, tier) in self.0.range(..day).flat_map(|(_, steps)| steps) {
            stood.iter_mut().skip(member.0 as usize).take(1).for_each(|stands| *stands = *tier);
        }
        stood
    }

    /// What it takes in memory, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.values().map(|steps| steps.capacity() * size_of::<(MemberNo, Option<TierId>)>()).sum()
    }
}

/// How many members moved from where to where, or stayed.
pub type Flows = BTreeMap<(Option<TierId>, Option<TierId>), u64>;

/// Where the members that a question is about, bought they or not, stood at the end of its window, and at the end of
/// another; those who stood on no tier at either are left out.
#[must_use]
pub fn flows(crowd: &Crowd, question: &Question, then: Day) -> Flows {
    let everybody = crowd.daybook.members();
    let (before, after) = (crowd.steps.before(question.window.to, everybody), crowd.steps.before(then, everybody));
    let mut flows = Flows::new();
    for (number, moved) in (0_u32..).map(MemberNo).zip(before.into_iter().zip(after)) {
        if moved != (None, None) && question.is_about(crowd, number) {
            *flows.entry(moved).or_default() += 1;
        }
    }
    flows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::program::Word;

    #[test]
    fn the_last_change_before_a_day_counts() {
        let (base, gold) = (Some(TierId(Word(1))), Some(TierId(Word(2))));
        let mut steps = Steps::default();
        for (member, day, tier) in [(0, 3, base), (1, 3, base), (0, 5, gold), (0, 5, base), (1, 6, gold), (1, 9, None)]
        {
            steps.step(MemberNo(member), Day(day), tier);
        }
        assert_eq!(steps.before(Day(3), 3), [None, None, None]);
        assert_eq!(steps.before(Day(6), 3), [base, base, None], "up and down on one day");
        assert_eq!(steps.before(Day(9), 3), [base, gold, None]);
        assert_eq!(steps.before(Day(10), 3), [base, None, None]);
    }
}
