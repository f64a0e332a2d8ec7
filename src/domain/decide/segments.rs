//! Segments: a member comes into one or goes out of it, and clubs open to her.
//!
//! Who is in a segment is not asked here: the order says so.

use super::story::Story;
use super::{Ground, Outcome, clubs};
use crate::domain::event::{BelongingFact, Fact};
use crate::domain::member::{Member, MemberState, Pot};
use crate::domain::order::Tagging;
use crate::domain::program::{Club, Door, Timeline};
use crate::domain::units::Text;

/// Puts her into a segment or out of it; nothing where she is, or is not, already.
pub(super) fn tag(ground: &Ground<'_>, member: &Member, tagging: Tagging) -> Outcome {
    let Tagging { segment, is_in, rests_on } = tagging;
    let (was_in, at) = (member.belonging().segment(segment).is_some(), ground.now);
    let there = ground.timeline.at(at).segment(segment).is_some() && member.state != MemberState::Closed;
    match (is_in, was_in) {
        (true, false) if there => entered(ground, member, tagging),
        (false, true) => vec![Fact::from(BelongingFact::SegmentLeft { segment, rests_on, at })].into(),
        _ => Outcome::default(),
    }
}

fn entered(ground: &Ground<'_>, member: &Member, tagging: Tagging) -> Outcome {
    let Tagging { segment, rests_on, .. } = tagging;
    let entered = Fact::from(BelongingFact::SegmentEntered { segment, rests_on, at: ground.now });
    let mut story = Story::on(ground, member);
    if story.adopt(entered).is_err() {
        return Outcome::default();
    }
    let mut pots = Vec::new();
    for club in ground.timeline.at(ground.now).clubs.iter().filter(|club| club.segments.contains(&segment)) {
        let opened = clubs::open_to(ground, &story.member, club);
        if opened.facts.into_iter().all(|fact| story.adopt(fact).is_ok()) {
            pots.extend(opened.pots);
        }
    }
    Outcome { facts: story.facts, pots }
}

/// The pots of the clubs that she may come into by this.
pub(super) fn places_wanted(timeline: &Timeline, tagging: &Tagging) -> Vec<Text> {
    let takes_in =
        |club: &&Club| tagging.is_in && club.door == Door::Condition && club.segments.contains(&tagging.segment);
    let mut places = Vec::new();
    for program in timeline.versions() {
        for club in program.clubs.iter().filter(takes_in) {
            let pot = Pot::places_of(program.text(club.id.0));
            if !places.contains(&pot) {
                places.push(pot);
            }
        }
    }
    places
}
