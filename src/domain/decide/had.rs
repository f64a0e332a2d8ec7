//! What stays with a member of a milestone that is taken back, and is not given to her again: a purchase that is made and
//! returned over and over must not bring the same thing over and over.
//!
//! Over everything that is reached and lost of one milestone in one window, what she still has of it, what she has had and
//! what is due to her stay in step, however often she goes up and down.

use std::borrow::Cow;

use crate::domain::calendar::Day;
use crate::domain::event::{Given, Kept};
use crate::domain::member::{Allowance, Belonging, Member, OpenChoice};
use crate::domain::program::{Benefit, Milestone, PrivilegeId, RuleId};

/// What a milestone gives when it is reached, without what the member has kept of it.
pub(super) struct Due<'a> {
    /// What is given at once.
    pub gives: Cow<'a, [Benefit]>,
    /// How many choices.
    pub choices: u32,
    /// What she has kept and does not get.
    pub had: Vec<Kept>,
}

/// What is due to a member who reaches a milestone in `window`.
pub(super) fn due<'a>(member: &Member, milestone: &'a Milestone, window: Day) -> Due<'a> {
    let choices = milestone.choice.as_ref().map_or(0, |choice| choice.choices);
    let kept = member.belonging().kept_of(milestone.id, window);
    if kept.is_empty() {
        return Due { gives: Cow::Borrowed(&milestone.gives), choices, had: Vec::new() };
    }
    let mut netting = Netting { left: kept.to_vec(), had: Vec::new() };
    let choices = netting.rest(Kept::Choices(choices));
    let gives = milestone.gives.iter().filter_map(|benefit| netting.less(*benefit)).collect();
    if choices > 0 {
        // What may be chosen only so often has been chosen.
        netting.had.extend(kept.iter().filter(|kept| matches!(kept, Kept::Option(..))));
    }
    Due { gives: Cow::Owned(gives), choices, had: netting.had }
}

/// What was kept against what is to be given.
struct Netting {
    left: Vec<Kept>,
    had: Vec<Kept>,
}

impl Netting {
    /// How many of what is wanted she has not had.
    fn rest(&mut self, wanted: Kept) -> u32 {
        let Some(kept) = self.left.iter_mut().find(|kept| kept.is_like(wanted)) else { return wanted.count() };
        let had = kept.count().min(wanted.count());
        *kept = kept.of(kept.count().saturating_sub(had));
        self.had.extend((had > 0).then_some(wanted.of(had)));
        wanted.count().saturating_sub(had)
    }

    /// What is left of a benefit to be given, if anything.
    fn less(&mut self, benefit: Benefit) -> Option<Benefit> {
        match benefit {
            Benefit::Uses(privilege, uses, lasts) => {
                let rest = self.rest(Kept::Uses(privilege, uses));
                (rest > 0).then_some(Benefit::Uses(privilege, rest, lasts))
            }
            Benefit::Boost(boost) => (self.rest(Kept::Boost(boost, 1)) > 0).then_some(benefit),
            // These are taken back whole.
            other => Some(other),
        }
    }
}

/// What a member keeps of a milestone of `window` whose newest choice is `open`, once what is still there of it has been
/// taken back.
pub(super) fn kept(belonging: &Belonging, milestone: &Milestone, window: Day, open: Option<&OpenChoice>) -> Vec<Kept> {
    let choices = milestone.choice.as_ref().map_or(0, |choice| choice.choices);
    let made = choices.saturating_sub(open.map_or(0, |open| open.left));
    let options = open.into_iter().flat_map(|open| &open.taken).map(|(option, times)| Kept::Option(*option, *times));
    let mut kept: Vec<Kept> = std::iter::once(Kept::Choices(made)).chain(options).collect();
    for (at, benefit) in milestone.gives.iter().enumerate() {
        let alike = milestone.gives.iter().take(at).filter(|other| is_alike(**other, *benefit)).count();
        kept.extend(match *benefit {
            Benefit::Uses(privilege, uses, _) => {
                let unused =
                    unused(belonging, privilege, (milestone.id, window)).nth(alike).map_or(0, |held| held.left);
                Some(Kept::Uses(privilege, uses.saturating_sub(unused)))
            }
            Benefit::Boost(boost) => Some(Kept::Boost(boost, u32::from(waiting(belonging, boost) <= alike))),
            _ => None,
        });
    }
    kept.retain(|kept| kept.count() > 0);
    kept
}

fn is_alike(one: Benefit, other: Benefit) -> bool {
    match (one, other) {
        (Benefit::Uses(one, ..), Benefit::Uses(other, ..)) => one == other,
        (Benefit::Boost(one), Benefit::Boost(other)) => one == other,
        _ => false,
    }
}

/// What is left of the uses of a privilege that a milestone gave, the newest first.
pub(super) fn unused(belonging: &Belonging, privilege: PrivilegeId, of: Given) -> impl Iterator<Item = &Allowance> {
    let own = move |held: &&Allowance| held.privilege == privilege && held.of == Some(of);
    belonging.allowances.iter().rev().filter(own)
}

/// How many boosts of a kind wait to be registered for.
pub(super) fn waiting(belonging: &Belonging, boost: RuleId) -> usize {
    let waits = belonging.boosts.iter().filter(|held| held.boost == boost && held.register_before.is_some());
    waits.count()
}
