//! Orders about belonging: tiers granted and given, clubs, privileges, choices and boosts.

use super::benefits::{Giving, begin_boost};
use super::privileges::{self, Asked, check};
use super::standing::moved;
use super::story::Story;
use super::{Ground, Outcome, active, clubs, overflow, segments};
use crate::domain::event::{BelongingFact, Fact, InvitationEnd, Seq, TierCause};
use crate::domain::member::{Held, HeldBy, Member, MemberState, OpenChoice};
use crate::domain::order::{BelongingOrder, Granting, MemberKey, Note, Refusal, Using};
use crate::domain::program::{ChoiceOption, Gift, Milestone, PrivilegeKind, Program, Tier, TierId};
use crate::domain::units::{Moment, Text};

/// Decides one.
pub(super) fn decide(ground: &Ground<'_>, member: &Member, order: &BelongingOrder) -> Result<Outcome, Refusal> {
    match order {
        BelongingOrder::JoinClub { club, paid, reference } => {
            let Outcome { facts, pots } = clubs::join(ground, member, club, (*paid, reference))?;
            return Ok(Outcome { facts: followed(ground, member, facts)?, pots });
        }
        BelongingOrder::AdmitToClub { club, admitted, reason, actor } => {
            return clubs::admit(ground, member, club, *admitted, (reason, actor));
        }
        BelongingOrder::LeaveClub { club } => return clubs::leave(ground, member, club),
        BelongingOrder::Tag(tagging) => {
            let Outcome { facts, pots } = segments::tag(ground, member, *tagging);
            return Ok(Outcome { facts: followed(ground, member, facts)?, pots });
        }
        _ => {}
    }
    facts(ground, member, order).map(Outcome::from)
}

fn facts(ground: &Ground<'_>, member: &Member, order: &BelongingOrder) -> Result<Vec<Fact>, Refusal> {
    let facts = match order {
        BelongingOrder::GrantTier(granting) => return grant(ground, member, granting),
        BelongingOrder::RevokeTierGrant { grant, reason, actor } => {
            return revoke(ground, member, *grant, (reason, actor));
        }
        BelongingOrder::GiveTier { to: _, tier, note } => give_tier(ground, member, tier, note)?,
        BelongingOrder::ReceiveTier { from, sent_by, tier, until, note } => {
            return receive_tier(ground, member, (*from, *sent_by), (*tier, *until), note);
        }
        BelongingOrder::CloseTierSent { sent_by, arrived } => close_sent(ground, member, *sent_by, *arrived),
        BelongingOrder::InviteToClub { club, until, actor } => {
            vec![clubs::invite(ground, member, club, *until, actor)?]
        }
        BelongingOrder::DeclineInvitation { club } => {
            vec![clubs::end_invitation(ground, member, club, InvitationEnd::Declined, &Note::default())?]
        }
        BelongingOrder::RevokeInvitation { club, reason } => {
            vec![clubs::end_invitation(ground, member, club, InvitationEnd::Revoked, reason)?]
        }
        BelongingOrder::UsePrivilege(using) => vec![privileges::ask_use(ground, member, using)?],
        BelongingOrder::ReturnPrivilege { used, note } => {
            vec![privileges::give_back(ground, member, *used, note)?]
        }
        BelongingOrder::ChooseBenefit { milestone, reached, option, times } => {
            return choose(ground, member, (milestone, *reached), option, *times);
        }
        BelongingOrder::RegisterBoost { boost } => return register(ground, member, boost),
        BelongingOrder::JoinClub { .. }
        | BelongingOrder::AdmitToClub { .. }
        | BelongingOrder::LeaveClub { .. }
        | BelongingOrder::Tag(_) => Vec::new(),
    };
    followed(ground, member, facts)
}

fn followed(ground: &Ground<'_>, member: &Member, facts: Vec<Fact>) -> Result<Vec<Fact>, Refusal> {
    super::purchase::followed(ground, member, facts).map_err(overflow)
}

/// A tier above the base that an order names.
fn tier_named<'a>(program: &'a Program, name: &str) -> Result<&'a Tier, Refusal> {
    let tiers = program.ladder.iter().flat_map(|ladder| &ladder.tiers);
    let mut named = tiers.filter(|tier| program.text(tier.id.0) == name);
    named.next().ok_or_else(|| Refusal::UnknownTier(name.into()))
}

fn grant(ground: &Ground<'_>, member: &Member, asked: &Granting) -> Result<Vec<Fact>, Refusal> {
    let program = ground.timeline.at(ground.now);
    let tier = tier_named(program, &asked.tier)?;
    active(member)?;
    let today = program.zone.day_of(ground.now);
    let until = match (asked.until, asked.by, &tier.trial) {
        (Some(until), ..) => until,
        (None, HeldBy::Match, Some(trial)) => program.zone.start_of(trial.lasts.after(today)),
        (None, HeldBy::Match, None) => return Err(Refusal::GrantNotOffered),
        (None, ..) => tier.validity.end(&program.zone, today),
    };
    if until <= ground.now {
        return Err(Refusal::GrantOver);
    }
    let held = BelongingFact::TierHeld {
        tier: tier.id,
        by: asked.by,
        since: ground.now,
        until,
        reason: asked.reason.clone(),
        actor: asked.actor.clone(),
        from: None,
    };
    standing_changed(ground, member, Fact::from(held), TierCause::Granted)
}

fn revoke(
    ground: &Ground<'_>,
    member: &Member,
    grant: Seq,
    (reason, actor): (&Note, &Text),
) -> Result<Vec<Fact>, Refusal> {
    let granted = |held: &&Held| held.entry == grant && held.by.is_granted() && ground.now < held.until;
    let held = member.standing.held().iter().find(granted).ok_or(Refusal::UnknownGrant)?;
    if member.state == MemberState::Closed {
        return Err(Refusal::MemberClosed);
    }
    let (tier, reason, actor) = (held.tier, reason.clone(), actor.clone());
    let revoked = Fact::from(BelongingFact::TierGrantRevoked { grant, tier, reason, actor });
    standing_changed(ground, member, revoked, TierCause::Revoked)
}

/// A fact about tiers held, and the change of standing it brings.
fn standing_changed(ground: &Ground<'_>, member: &Member, fact: Fact, cause: TierCause) -> Result<Vec<Fact>, Refusal> {
    let mut story = Story::on(ground, member);
    story.add(fact).map_err(overflow)?;
    let changed = moved(ground.timeline, &story.member, ground.now, cause);
    story.extend(changed).map_err(overflow)?;
    story.run_to(ground.settles_to).map_err(overflow)?;
    Ok(story.facts)
}

/// Uses a privilege that is a present of the tier, and sends it.
fn give_tier(ground: &Ground<'_>, member: &Member, name: &str, note: &Note) -> Result<Vec<Fact>, Refusal> {
    let program = ground.timeline.at(ground.now);
    let tier = tier_named(program, name)?;
    let receiver = ground.other.ok_or(Refusal::UnknownReceiver)?;
    active(member)?;
    if receiver.state != MemberState::Active || receiver.key == member.key {
        return Err(Refusal::ReceiverNotActive);
    }
    let (privilege, gift) = present(ground, member, program, tier.id)?;
    let (privilege, begins_at) = (program.text(privilege.0).into(), None);
    let using = Using { privilege, uses: 1, companions: 0, begins_at, note: note.clone() };
    let used = privileges::use_it(ground, member, &using)?;
    let end = |lasts: crate::domain::calendar::CalendarSpan| {
        program.zone.start_of(lasts.after(program.zone.day_of(ground.now)))
    };
    let until = gift.lasts.map_or(Moment::NEVER, end);
    let (to, tier, note) = (receiver.key, tier.id, note.clone());
    Ok(vec![used, Fact::from(BelongingFact::TierSent { to, tier, until, note })])
}

/// The privilege by which she may give the tier: one with uses left, else the reason of the last that has none.
fn present(
    ground: &Ground<'_>,
    member: &Member,
    program: &Program,
    tier: TierId,
) -> Result<(crate::domain::program::PrivilegeId, Gift), Refusal> {
    let mut refusal = Refusal::GrantNotOffered;
    for privilege in &program.privileges {
        let PrivilegeKind::Quota { gift: Some(gift), .. } = privilege.kind else { continue };
        if gift.tier != tier {
            continue;
        }
        match check(program, member, privilege, Asked { uses: 1, ..Asked::default() }, ground.now).refusal {
            None => return Ok((privilege.id, gift)),
            Some(no) => refusal = no,
        }
    }
    Err(refusal)
}

fn receive_tier(
    ground: &Ground<'_>,
    member: &Member,
    from: (MemberKey, Seq),
    (tier, until): (TierId, Moment),
    note: &Note,
) -> Result<Vec<Fact>, Refusal> {
    if member.state != MemberState::Active {
        return Err(Refusal::ReceiverNotActive);
    }
    let program = ground.timeline.at(ground.now);
    let found = program.ladder.iter().flat_map(|ladder| &ladder.tiers).find(|found| found.id == tier);
    let found = found.ok_or_else(|| Refusal::UnknownTier(program.text(tier.0).into()))?;
    let earned = || found.validity.end(&program.zone, program.zone.day_of(ground.now));
    let until = if until == Moment::NEVER { earned() } else { until };
    let held = BelongingFact::TierHeld {
        tier,
        by: HeldBy::Gift,
        since: ground.now,
        until,
        reason: note.clone(),
        actor: Text::default(),
        from: Some(from),
    };
    standing_changed(ground, member, Fact::from(held), TierCause::Granted)
}

fn close_sent(ground: &Ground<'_>, member: &Member, sent_by: Seq, arrived: bool) -> Vec<Fact> {
    if !member.belonging().sent.iter().any(|sent| sent.entry == sent_by) {
        return Vec::new();
    }
    let closed = Fact::from(BelongingFact::TierSentClosed { sent_by, arrived });
    let back = ground.subject.filter(|_| !arrived).and_then(|used| privileges::returned(used, &Note::default()));
    std::iter::once(closed).chain(back).collect()
}

fn choose(
    ground: &Ground<'_>,
    member: &Member,
    (name, reached): (&str, Option<Seq>),
    option: &str,
    times: u32,
) -> Result<Vec<Fact>, Refusal> {
    let program = ground.timeline.at(ground.now);
    let (milestone, option) = chosen(program, name, option)?;
    active(member)?;
    let is_open = |choice: &&OpenChoice| {
        choice.milestone == milestone.id && reached.is_none_or(|reached| choice.entry == reached)
    };
    let open = member.belonging().choices.iter().find(is_open).ok_or(Refusal::NoChoice)?;
    clubs::meets(program, option.when.as_ref(), member, ground.now)?;
    let cost = affordable(open, option, times)?;
    let mut story = Story::on(ground, member);
    let (meter, milestone, reached, id) = (Some(milestone.meter), milestone.id, open.entry, option.id);
    let chosen = Fact::from(BelongingFact::BenefitChosen { milestone, reached, option: id, times, cost });
    story.adopt(chosen).map_err(overflow)?;
    let giving = Giving { program, times, at: ground.now, meter, of: None };
    giving.give(&mut story, &option.gives).map_err(overflow)?;
    followed(ground, member, story.facts)
}

/// The milestone and the option that an order names.
fn chosen<'a>(program: &'a Program, name: &str, option: &str) -> Result<(&'a Milestone, &'a ChoiceOption), Refusal> {
    let unknown = |name: &str| Refusal::UnknownBenefit(name.into());
    let found = program.milestones.iter().find(|milestone| program.text(milestone.id.0) == name);
    let milestone = found.ok_or_else(|| unknown(name))?;
    let mut options = milestone.choice.iter().flat_map(|choice| &choice.options);
    let found = options.find(|found| program.text(found.id.0) == option);
    Ok((milestone, found.ok_or_else(|| unknown(option))?))
}

/// What taking an option so often costs of a choice.
fn affordable(open: &OpenChoice, option: &ChoiceOption, times: u32) -> Result<u32, Refusal> {
    let cost = option.cost.checked_mul(times).ok_or_else(|| Refusal::too_large("price"))?;
    let taken = open.taken.iter().find(|(id, _)| *id == option.id).map_or(0, |(_, times)| *times);
    let may = option.limit.map_or(u32::MAX, |limit| limit.saturating_sub(taken));
    if times > may {
        return Err(Refusal::ChoicesUsed { asked: times, left: may });
    }
    if cost > open.left {
        return Err(Refusal::ChoicesUsed { asked: cost, left: open.left });
    }
    Ok(cost)
}

fn register(ground: &Ground<'_>, member: &Member, name: &str) -> Result<Vec<Fact>, Refusal> {
    let program = ground.timeline.at(ground.now);
    let boosts = || program.rules.iter().filter(|rule| rule.boost.is_some());
    let rule = boosts().find(|rule| program.text(rule.id.0) == name);
    let boost = rule.ok_or_else(|| Refusal::UnknownBenefit(name.into()))?.id;
    active(member)?;
    if !member.belonging().boosts.iter().any(|held| held.boost == boost && held.register_before.is_some()) {
        return Err(Refusal::NoBoost);
    }
    let mut story = Story::on(ground, member);
    begin_boost(&mut story, program, boost, ground.now).map_err(overflow)?;
    followed(ground, member, story.facts)
}
