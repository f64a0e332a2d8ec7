//! The facts of one decision so far, and the member they make: what one fact brings about depends on those before it.

use std::borrow::Cow;

use super::{Ground, purses};
use crate::domain::event::{Entry, Fact, Seq};
use crate::domain::member::Member;
use crate::domain::program::Timeline;
use crate::domain::units::{Moment, Overflow, Text};
use crate::domain::voucher::Mint;

/// More than anything that is due can come to: a member who comes to it would never be settled, and nobody served.
const STEPS_MAX: u32 = 50_000;

/// Facts in the making.
pub(super) struct Story<'a> {
    /// The program's versions.
    pub timeline: &'a Timeline,
    /// The member as the facts so far make her.
    pub member: Cow<'a, Member>,
    /// The facts so far.
    pub facts: Vec<Fact>,
    /// The moment the story has come to.
    pub now: Moment,
    /// What codes are made under.
    pub mint: &'a Mint,
    /// Tells this story from others of the same member at the same moment: the order's key, empty for settling.
    pub chapter: Text,
    /// How deep one count has led to another.
    pub depth: u8,
    /// Ladders that took effect before this moment have judged her.
    pub judged_to: Moment,
    /// How much has fallen due so far.
    pub steps: u32,
    /// The purchase whose goods come back, if any do.
    pub returned: Option<&'a Entry>,
}

impl<'a> Story<'a> {
    /// A story that begins at `now`.
    pub(super) fn of(timeline: &'a Timeline, mint: &'a Mint, member: &'a Member, now: Moment) -> Self {
        Self {
            timeline,
            member: Cow::Borrowed(member),
            facts: Vec::new(),
            now,
            mint,
            chapter: Text::default(),
            depth: 0,
            judged_to: member.recorded_at,
            steps: 0,
            returned: None,
        }
    }

    /// The story of an order on this ground.
    pub(super) fn on(ground: &Ground<'a>, member: &'a Member) -> Self {
        let story = Self::of(ground.timeline, ground.mint, member, ground.now);
        // The member of an order was settled before.
        Self { chapter: ground.request_id.into(), judged_to: ground.settles_to.plus_one(), ..story }
    }

    /// Adds a fact, and what follows from it at once.
    pub(super) fn add(&mut self, fact: Fact) -> Result<(), Overflow> {
        self.member.to_mut().apply(&fact, Seq::THIS)?;
        let follows = purses::follows(self, &fact);
        self.facts.push(fact);
        follows.into_iter().try_for_each(|fact| self.add(fact))
    }

    /// Adds a fact whose consequences are among the facts that come after it.
    pub(super) fn adopt(&mut self, fact: Fact) -> Result<(), Overflow> {
        self.member.to_mut().apply(&fact, Seq::THIS)?;
        self.facts.push(fact);
        Ok(())
    }

    /// The facts of a story told beside this one, as of `at`, each with its consequences among those after it.
    pub(super) fn aside(
        &self,
        at: Moment,
        tell: impl FnOnce(&mut Story<'_>) -> Result<(), Overflow>,
    ) -> Result<Vec<Fact>, Overflow> {
        let mut aside = Story::of(self.timeline, self.mint, &self.member, at);
        (aside.chapter, aside.returned) = (self.chapter.clone(), self.returned);
        tell(&mut aside)?;
        Ok(aside.facts)
    }

    /// Adds facts in their order.
    pub(super) fn extend(&mut self, facts: impl IntoIterator<Item = Fact>) -> Result<(), Overflow> {
        facts.into_iter().try_for_each(|fact| self.add(fact))
    }

    /// Whether more fell due than can be: a mistake of ours, of which nothing is kept.
    pub(super) const fn is_endless(&self) -> bool {
        self.steps > STEPS_MAX
    }

    /// Adds whatever falls due by `end`.
    pub(super) fn run_to(&mut self, end: Moment) -> Result<(), Overflow> {
        let now = std::mem::replace(&mut self.now, Moment::BEGINNING);
        while let Some((due, facts)) = super::settle::next(self, end) {
            self.steps = self.steps.saturating_add(1);
            if self.steps > STEPS_MAX {
                return Err(Overflow);
            }
            self.now = self.now.max(due);
            // At one moment a ladder that changes comes first: it has judged her by now, or has nothing to say.
            self.judged_to = self.judged_to.max(due.plus_one());
            self.extend(facts)?;
        }
        self.now = now.max(end);
        Ok(())
    }
}
