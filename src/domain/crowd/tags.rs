//! What the ledger says of segments: who is in which, who closed, and who bought since somebody last looked.
//!
//! A fold like the rest of the crowd. It must not know who ought to be in a segment.

use std::collections::BTreeMap;

use super::daybook::MemberNo;
use super::group::Group;
use crate::domain::calendar::Day;
use crate::domain::event::{BelongingFact, Fact, Seq};
use crate::domain::program::SegmentId;

/// A purchase that may move its member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bought {
    /// Its local day.
    pub day: Day,
    /// Its entry.
    pub entry: Seq,
}

/// Who is in which segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    pub(crate) segments: BTreeMap<SegmentId, Group>,
    pub(crate) closed: Group,
    pub(crate) bought: BTreeMap<MemberNo, Bought>,
}

impl Tags {
    /// Folds a fact of a member.
    pub(super) fn enter(&mut self, member: MemberNo, fact: &Fact) {
        match fact {
            Fact::MemberClosed(_) => {
                self.closed.insert(member);
            }
            Fact::Belonging(fact) => match **fact {
                BelongingFact::SegmentEntered { segment, .. } => {
                    self.segments.entry(segment).or_default().insert(member);
                }
                BelongingFact::SegmentLeft { segment, .. } => {
                    self.segments.entry(segment).or_default().remove(member);
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// Notes that she bought; of several purchases since, the newest day counts.
    pub(super) fn bought(&mut self, member: MemberNo, entry: Seq, day: Day) {
        let bought = Bought { day, entry };
        let noted = self.bought.entry(member).or_insert(bought);
        *noted = bought.max(*noted);
    }

    /// Whether a member is in a segment.
    #[must_use]
    pub fn is_in(&self, member: MemberNo, segment: SegmentId) -> bool {
        self.segments.get(&segment).is_some_and(|members| members.contains(member))
    }

    /// Who is in a segment, by number.
    pub fn of(&self, segment: SegmentId) -> impl Iterator<Item = MemberNo> + '_ {
        self.segments.get(&segment).into_iter().flat_map(Group::iter)
    }

    /// The segments that anybody is in.
    pub fn segments(&self) -> impl Iterator<Item = SegmentId> + '_ {
        self.segments.iter().filter(|(_, members)| !members.is_empty()).map(|(segment, _)| *segment)
    }

    /// Whether a member closed.
    #[must_use]
    pub fn has_closed(&self, member: MemberNo) -> bool {
        self.closed.contains(member)
    }

    /// Whether anybody is noted to have bought.
    #[must_use]
    pub fn is_anybody_noted(&self) -> bool {
        !self.bought.is_empty()
    }

    /// Who bought since this was last asked.
    pub fn take_bought(&mut self) -> BTreeMap<MemberNo, Bought> {
        std::mem::take(&mut self.bought)
    }

    /// What it takes in memory, in bytes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let groups: usize = self.segments.values().chain([&self.closed]).map(Group::bytes).sum();
        groups + self.bought.len() * size_of::<(MemberNo, Bought)>() * 3 / 2
    }
}
