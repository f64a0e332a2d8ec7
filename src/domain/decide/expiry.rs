//! What time ends of a member's belonging: terms of clubs, invitations, uses, choices, boosts, and windows waited for.

use super::benefits::Giving;
use super::clubs::{left, meets, term_end};
use super::milestones;
use super::story::Story;
use crate::domain::event::{BelongingFact, Fact, InvitationEnd, JoinedBy, LeftCause};
use crate::domain::member::{AwaitedWindow, MemberState, Membership, OpenChoice};
use crate::domain::order::Note;
use crate::domain::program::Program;
use crate::domain::units::{Moment, Overflow, Text};

/// What ends first, and the facts of it.
pub(super) fn belonging_ended(story: &Story<'_>, _: Moment) -> Option<(Moment, Vec<Fact>)> {
    let belonging = story.member.belonging.as_ref()?;
    let mut first: Option<(Moment, Vec<Fact>)> = None;
    let mut offer = |at: Moment, facts: &dyn Fn() -> Vec<Fact>| {
        if at < first.as_ref().map_or(Moment::NEVER, |(first, _)| *first) {
            first = Some((at, facts()));
        }
    };
    // Windows end before terms do: what they give may be a term.
    for window in &belonging.windows {
        offer(window.closes_at, &|| closed(story, *window));
    }
    for choice in &belonging.choices {
        offer(choice.until, &|| unchosen(story, choice));
    }
    for held in &belonging.clubs {
        offer(held.until, &|| vec![term_ended(story, held)]);
    }
    for invitation in &belonging.invitations {
        let (club, at) = (invitation.club, invitation.until);
        let (cause, note) = (InvitationEnd::Expired, Note::default());
        offer(at, &|| vec![Fact::from(BelongingFact::InvitationEnded { club, cause, at, note: note.clone() })]);
    }
    for held in &belonging.allowances {
        let (privilege, given, at) = (held.privilege, held.entry, held.until);
        offer(at, &|| vec![Fact::from(BelongingFact::UsesGone { privilege, given, at, of: None })]);
    }
    for held in &belonging.boosts {
        let (boost, at) = (held.boost, held.register_before.unwrap_or(Moment::NEVER));
        offer(at, &|| vec![Fact::from(BelongingFact::BoostEnded { boost, at })]);
    }
    first
}

/// A term that ends: who meets the club's condition still, and has nothing to pay, goes on.
fn term_ended(story: &Story<'_>, held: &Membership) -> Fact {
    let program = story.timeline.at(held.until);
    match renewed(story, program, held) {
        Some(renewed) => Fact::from(renewed),
        None => left(held, LeftCause::Lapsed, held.until),
    }
}

fn renewed(story: &Story<'_>, program: &Program, held: &Membership) -> Option<BelongingFact> {
    let club = program.club(held.club).filter(|club| club.fee.is_none())?;
    meets(program, Some(club.condition.as_ref()?), &story.member, held.until.minus_one()).ok()?;
    let until = term_end(program, club, held.until);
    let (club, by, since, fee, actor) = (held.club, JoinedBy::Renewal, held.since, None, Text::default());
    let takes_place = false;
    (until > held.until).then_some(BelongingFact::ClubJoined { club, by, since, until, takes_place, fee, actor })
}

/// A choice whose time is over: what is left of it goes into the default, if there is one.
fn unchosen(story: &Story<'_>, choice: &OpenChoice) -> Vec<Fact> {
    aside(story, choice.until, |story| by_default(story, choice))
}

fn by_default(story: &mut Story<'_>, choice: &OpenChoice) -> Result<(), Overflow> {
    let timeline = story.timeline;
    let program = timeline.at(choice.until);
    let (milestone, reached, at) = (choice.milestone, choice.entry, choice.until);
    let offered = program.milestone(milestone).and_then(|milestone| milestone.choice.as_ref());
    let offered = offered.filter(|_| story.member.state != MemberState::Closed);
    let default = offered.and_then(|offered| offered.options.iter().find(|option| Some(option.id) == offered.default));
    let mut left = choice.left;
    if let Some(option) = default {
        let taken = choice.taken.iter().find(|(id, _)| *id == option.id).map_or(0, |(_, times)| *times);
        let may = option.limit.map_or(u32::MAX, |limit| limit.saturating_sub(taken));
        let times = (choice.left / option.cost.max(1)).min(may);
        if times > 0 {
            let cost = times.saturating_mul(option.cost);
            left = left.saturating_sub(cost);
            story.adopt(Fact::from(BelongingFact::BenefitChosen {
                milestone,
                reached,
                option: option.id,
                times,
                cost,
            }))?;
            let meter = program.milestone(milestone).map(|milestone| milestone.meter);
            Giving { program, times, at, meter, of: None }.give(story, &option.gives)?;
        }
    }
    if left > 0 {
        story.adopt(Fact::from(BelongingFact::ChoiceClosed { milestone, reached, at }))?;
    }
    Ok(())
}

/// A window that ends.
fn closed(story: &Story<'_>, window: AwaitedWindow) -> Vec<Fact> {
    aside(story, window.closes_at, |story| {
        let AwaitedWindow { meter, window, closes_at } = window;
        story.adopt(Fact::from(BelongingFact::WindowClosed { meter, window, at: closes_at }))?;
        if story.member.state == MemberState::Closed {
            return Ok(());
        }
        milestones::close(story, meter, window, closes_at, false)
    })
}

/// Where a sum leaves its range, what ends comes to nothing more than ending.
fn aside(story: &Story<'_>, at: Moment, tell: impl FnOnce(&mut Story<'_>) -> Result<(), Overflow>) -> Vec<Fact> {
    let told = story.aside(at, tell);
    debug_assert!(told.is_ok(), "an end overflows");
    told.unwrap_or_default()
}
