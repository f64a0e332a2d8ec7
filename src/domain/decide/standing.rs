//! What time does to a member's standing: renewals, graces, soft landings, falls, and a ladder that changes.

use super::ladder::{Review, held_fact, lifted, member_subject};
use super::story::Story;
use super::windows::{readings, readings_of_term};
use crate::domain::calendar::Day;
use crate::domain::event::{Fact, Seq, TierCause};
use crate::domain::member::{Held, HeldBy, Member};
use crate::domain::program::{Condition, Downgrade, Ladder, OnChange, Program, Tier, TierId, Timeline};
use crate::domain::units::{Moment, Overflow};

/// The change of standing of a member who holds other tiers at `now` than she was last announced on.
pub(super) fn moved(timeline: &Timeline, member: &Member, now: Moment, cause: TierCause) -> Option<Fact> {
    let ladder = timeline.at(now).ladder.as_ref()?;
    let from = member.standing.tier().unwrap_or(ladder.base);
    let to = member.standing.tier_at(ladder, now);
    (from != to).then_some(Fact::TierChanged { from, to, at: now, cause })
}

/// What happens when something ends that she earned or that is on trial, on the tier she stands on or beneath it, and when
/// the last span of the tier she stands on does.
pub(super) fn tier_ended(story: &Story<'_>, end: Moment) -> Option<(Moment, Vec<Fact>)> {
    let at = story.member.standing.next_end().filter(|at| *at <= end)?;
    let from = story.member.standing.tier()?;
    let program = story.timeline.at(at);
    let Some(ladder) = program.ladder.as_ref() else {
        return Some((at, over(&story.member, at).collect()));
    };
    for tier in ended(ladder, &story.member, at) {
        let ending = Ending { timeline: story.timeline, program, ladder, member: &story.member, from: tier, at };
        // A sum that leaves its range renews nothing.
        let instead = ending.instead().unwrap_or_default();
        if !instead.is_empty() {
            return Some((at, instead));
        }
    }
    let to = story.member.standing.tier_at(ladder, at);
    let facts = if to == from {
        over(&story.member, at).collect()
    } else {
        vec![Fact::TierChanged { from, to, at, cause: TierCause::ValidityEnded }]
    };
    Some((at, facts))
}

/// A span that ends without changing anything must still be over, and what it had outlasted with it.
fn over(member: &Member, at: Moment) -> impl Iterator<Item = Fact> {
    let standing = &member.standing;
    let announced = standing.tier().filter(|_| standing.next_change() == Some(at));
    let judged = standing.judged().filter(|held| held.until <= at).map(|held| (held.until, held.tier));
    let mut spans: Vec<(Moment, TierId)> = judged.chain(announced.map(|tier| (at, tier))).collect();
    spans.sort_unstable();
    spans.dedup();
    spans.into_iter().map(|(until, tier)| Fact::TierWithdrawn { tier, until })
}

/// The tiers whose terms end at `at` and that nothing earned holds on, the highest first. A grant may hold them: it
/// takes nothing of what was earned.
fn ended(ladder: &Ladder, member: &Member, at: Moment) -> Vec<TierId> {
    let has = earned_rank(ladder, member, at);
    let ended = |tier: &TierId| {
        member.standing.held().iter().any(|held| held.tier == *tier && held.until == at && held.by.is_judged())
    };
    ladder.tiers.iter().skip(has).rev().map(|tier| tier.id).filter(ended).collect()
}

/// The rank of the highest tier that she holds at `at` and nobody granted.
fn earned_rank(ladder: &Ladder, member: &Member, at: Moment) -> usize {
    let held = member.standing.held().iter().filter(|held| held.since <= at && at < held.until);
    let earned = held.filter(|held| !held.by.is_granted());
    earned.filter_map(|held| ladder.rank(held.tier)).max().unwrap_or(0)
}

/// A tier whose time is over.
struct Ending<'a> {
    timeline: &'a Timeline,
    program: &'a Program,
    ladder: &'a Ladder,
    member: &'a Member,
    from: TierId,
    at: Moment,
}

impl Ending<'_> {
    /// What she holds from now on instead; nothing if nothing keeps her from falling.
    fn instead(&self) -> Result<Vec<Fact>, Overflow> {
        let spans = self.member.standing.held().iter().filter(|held| held.tier == self.from && held.until == self.at);
        let ended: Vec<&Held> = spans.collect();
        let earned = ended.iter().find(|held| !held.by.is_granted());
        let matched = ended.iter().find(|held| held.by == HeldBy::Match);
        let mut anew = earned.map_or(Ok(None), |held| self.renewed(held))?;
        if let (None, Some(held)) = (anew, matched) {
            anew = self.proved(held)?;
        }
        if let Some(anew) = anew {
            let Self { timeline, program, ladder, member, at, .. } = *self;
            let (mut facts, floor) = Review::of(program, ladder, member, at).facts_of(&[anew], self.last_day())?;
            facts.extend(lifted(timeline, member, floor.into_iter(), at));
            return Ok(facts);
        }
        let had_grace = ended.iter().any(|held| held.by == HeldBy::Grace);
        let kept = earned.and_then(|_| self.grace().filter(|_| !had_grace).or_else(|| self.kept()));
        Ok(kept.into_iter().collect())
    }

    /// The last day of what ends.
    fn last_day(&self) -> Day {
        self.program.zone.day_of(self.at.minus_one())
    }

    /// The highest tier up to hers that is judged when a span ends and is earned by what was counted in it; none if she
    /// earned as high a one already.
    fn renewed(&self, term: &Held) -> Result<Option<Held>, Overflow> {
        let rank = self.ladder.rank(self.from).unwrap_or(0);
        let has = earned_rank(self.ladder, self.member, self.at);
        let tiers = self.ladder.tiers.iter().take(rank).skip(has).rev();
        for tier in tiers {
            if self.holds(tier.asked_at_end(), term)? {
                return Ok(self.anew(tier));
            }
        }
        Ok(None)
    }

    /// Her tier as earned, if she has proved it on trial.
    fn proved(&self, term: &Held) -> Result<Option<Held>, Overflow> {
        let Some(tier) = self.tier() else { return Ok(None) };
        let proved = self.holds(tier.trial.as_ref().map(|trial| &trial.keep), term)?;
        Ok(if proved { self.anew(tier) } else { None })
    }

    /// Whether a condition holds by what the meters read on the last day of a term.
    fn holds(&self, condition: Option<&Condition>, term: &Held) -> Result<bool, Overflow> {
        let Some(condition) = condition else { return Ok(false) };
        let read = readings_of_term(self.program, self.member, term)?;
        condition.holds(&member_subject(self.program, self.member, &read, self.at))
    }

    fn anew(&self, tier: &Tier) -> Option<Held> {
        let until = tier.validity.renewed_end(&self.program.zone, self.at);
        (until > self.at).then_some(Held::earned(tier.id, self.at, until))
    }

    fn tier(&self) -> Option<&Tier> {
        self.ladder.tiers.iter().find(|tier| tier.id == self.from)
    }

    /// Her tier goes on for its grace.
    fn grace(&self) -> Option<Fact> {
        let grace = self.tier()?.grace?;
        let until = self.program.zone.start_of(grace.after(self.program.zone.day_of(self.at)));
        Some(held_fact(self.from, HeldBy::Grace, self.at, until))
    }

    /// What the ladder leaves her.
    fn kept(&self) -> Option<Fact> {
        match self.ladder.downgrade {
            Downgrade::ToEarned => None,
            Downgrade::None => Some(held_fact(self.from, HeldBy::Kept, self.at, Moment::NEVER)),
            Downgrade::OneStep => {
                let rank = self.ladder.rank(self.from)?;
                let below = self.ladder.tiers.get(rank.checked_sub(2)?)?;
                let has = earned_rank(self.ladder, self.member, self.at);
                let until = below.validity.next_end(&self.program.zone, self.at);
                let lower = has < rank.saturating_sub(1) && until > self.at;
                lower.then(|| held_fact(below.id, HeldBy::Landing, self.at, until))
            }
        }
    }
}

/// What another ladder, in force from a moment on, does to a member who was last seen before it.
pub(super) fn ladder_changed(story: &Story<'_>, end: Moment) -> Option<(Moment, Vec<Fact>)> {
    if story.member.version == 0 || story.member.pot.is_some() {
        return None;
    }
    // What happened since a change may undo what it gave; that is not judged again.
    let mut from = story.judged_to;
    while let Some(at) = story.timeline.ladder_change(from, end) {
        let facts = rejudged(story, at).unwrap_or_default();
        if !facts.is_empty() {
            return Some((at, facts));
        }
        from = at.plus_one();
    }
    None
}

/// A member judged by the ladder that takes effect at `at`: whoever meets it now has it; what she held before holds on,
/// or must be met as well. Windows that closed under another ladder are not judged again.
fn rejudged(story: &Story<'_>, at: Moment) -> Result<Vec<Fact>, Overflow> {
    let program = story.timeline.at(at);
    let Some(ladder) = &program.ladder else { return Ok(Vec::new()) };
    let mut member = story.member.clone().into_owned();
    let unmet = match ladder.on_change {
        OnChange::Rejudge => unmet(&Review::of(program, ladder, &member, at))?,
        OnChange::Grandfather => Vec::new(),
    };
    // What earned a tier once earns by this ladder what that is worth now, from when it did.
    let mut moments: Vec<Moment> = unmet.iter().map(|held| held.since).chain([at]).collect();
    moments.sort_unstable();
    moments.dedup();
    let lose = |held: &Held| Fact::TierWithdrawn { tier: held.tier, until: held.until };
    let mut facts: Vec<Fact> = unmet.iter().map(lose).collect();
    // What is withdrawn stands in the way of nothing lower.
    facts.iter().try_for_each(|fact| member.apply(fact, Seq::THIS))?;
    facts.extend(bare_withdrawn(&mut member, at)?);
    for since in moments {
        let (review, day) = (Review::of(program, ladder, &member, at), program.zone.day_of(since));
        let earned: Vec<Held> = review.earned(day)?.into_iter().map(|held| Held { since, ..held }).collect();
        let (earned, _) = review.facts_of(&earned, day)?;
        earned.iter().try_for_each(|fact| member.apply(fact, Seq::THIS))?;
        facts.extend(earned);
    }
    facts.extend(moved(story.timeline, &member, at, TierCause::LadderChanged));
    Ok(facts)
}

/// Withdraws what a withdrawal has laid bare.
pub(super) fn bare_withdrawn(member: &mut Member, at: Moment) -> Result<Vec<Fact>, Overflow> {
    let bare = member.standing.laid_bare(at).map(|held| (held.until, held.tier));
    let mut bare: Vec<(Moment, TierId)> = bare.collect();
    bare.sort_unstable();
    bare.dedup();
    let facts: Vec<Fact> = bare.into_iter().map(|(until, tier)| Fact::TierWithdrawn { tier, until }).collect();
    facts.iter().try_for_each(|fact| member.apply(fact, Seq::THIS))?;
    Ok(facts)
}

/// The earned spans in force whose tier is not earned by what the meters read today, or read when it was earned.
fn unmet(review: &Review<'_>) -> Result<Vec<Held>, Overflow> {
    let mut unmet = Vec::new();
    let zone = &review.program.zone;
    let today = zone.day_of(review.now);
    for held in review.member.standing.held() {
        let in_force = held.since <= review.now && review.now < held.until;
        let Some(tier) = review.ladder.tiers.iter().find(|tier| tier.id == held.tier) else { continue };
        if !in_force || !matches!(held.by, HeldBy::Earned | HeldBy::Grace | HeldBy::Landing) {
            continue;
        }
        let mut met = false;
        for day in [zone.day_of(held.since), today] {
            let meters = readings(review.program, review.member, &[], day)?;
            let conditions = tier.qualify.iter().chain(&tier.renew);
            for condition in conditions {
                met |= condition.holds(&review.subject(&meters))?;
            }
        }
        if !met {
            unmet.push(*held);
        }
    }
    Ok(unmet)
}
