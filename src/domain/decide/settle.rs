//! Bringing a member up to now: the one code path for everything that happens because time passes.
//!
//! Today that is the end of a tier's validity. A read settles a copy, a write settles the member, the sweeper
//! settles whoever is due: all three come here, so late and prompt settling give the same member.

use std::borrow::Cow;

use crate::domain::event::{Fact, TierCause};
use crate::domain::member::Member;
use crate::domain::program::Timeline;
use crate::domain::units::Moment;

/// What has become due by `now`, in the order in which it fell due; each judged by the version in force then.
#[must_use]
pub fn settle(member: &Member, timeline: &Timeline, now: Moment) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut draft = Cow::Borrowed(member);
    while let Some(fact) = next_fact(&draft, timeline, now) {
        if draft.to_mut().apply(&fact).is_err() {
            break;
        }
        facts.push(fact);
    }
    facts
}

/// The member as she stands at `now`.
#[must_use]
pub fn settled<'a>(member: &'a Member, timeline: &Timeline, now: Moment) -> Cow<'a, Member> {
    let mut view = Cow::Borrowed(member);
    while let Some(fact) = next_fact(&view, timeline, now) {
        if view.to_mut().apply(&fact).is_err() {
            break;
        }
    }
    view
}

fn next_fact(member: &Member, timeline: &Timeline, now: Moment) -> Option<Fact> {
    let at = member.standing.next_change().filter(|at| *at <= now)?;
    let ladder = timeline.at(at).ladder.as_ref()?;
    let from = member.standing.tier()?;
    let to = member.standing.tier_at(ladder, at);
    (to != from).then_some(Fact::TierChanged { from, to, at, cause: TierCause::ValidityEnded })
}
