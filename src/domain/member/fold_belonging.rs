//! Folding facts about belonging into a member: as dumb as `fold.rs`.

use std::sync::Arc;

use super::belonging::{
    Allowance, AwaitedWindow, Belonging, HeldBoost, InSegment, Invitation, Membership, OpenChoice, SentTier,
};
use super::{Held, Member};
use crate::domain::event::{BelongingFact, FeePaid, Kept, MeterPost, Seq};
use crate::domain::program::{OptionId, PrivilegeId};
use crate::domain::units::{Moment, Overflow};

impl Member {
    /// Folds a fact about belonging of the entry `seq`.
    pub(super) fn apply_belonging(&mut self, fact: &BelongingFact, seq: Seq) -> Result<(), Overflow> {
        match fact {
            BelongingFact::TierHeld { tier, by, since, until, .. } => {
                self.standing.hold(Held { tier: *tier, since: *since, until: *until, by: *by, entry: seq });
            }
            BelongingFact::TierGrantRevoked { grant, .. } => self.standing.revoke(Self::named(*grant, seq)),
            BelongingFact::MetersCounted { posts, .. } => self.count_all(posts)?,
            BelongingFact::MilestoneReached { .. }
            | BelongingFact::MilestoneLost { .. }
            | BelongingFact::BenefitChosen { .. }
            | BelongingFact::ChoiceClosed { .. } => self.milestone(fact, seq)?,
            BelongingFact::UsesGiven { .. }
            | BelongingFact::UsesGone { .. }
            | BelongingFact::PrivilegeUsed { .. }
            | BelongingFact::PrivilegeReturned { .. } => self.privilege(fact, seq)?,
            BelongingFact::SegmentEntered { .. } | BelongingFact::SegmentLeft { .. } => self.segment(fact, seq),
            BelongingFact::ClubJoined { fee: Some(FeePaid { wallet: Some(wallet), lots, .. }), .. } => {
                self.take_all(*wallet, lots, seq)?;
                self.club(fact, seq)?;
            }
            other => self.club(other, seq)?,
        }
        self.tidy_belonging();
        Ok(())
    }

    fn segment(&mut self, fact: &BelongingFact, seq: Seq) {
        match *fact {
            BelongingFact::SegmentEntered { segment, at, .. } => {
                self.belonging_mut().segments.push(InSegment { segment, since: at, entry: seq });
            }
            BelongingFact::SegmentLeft { segment, .. } => {
                self.belonging_mut().segments.retain(|held| held.segment != segment);
            }
            _ => {}
        }
    }

    /// A fact's own entry goes by its number from now on.
    const fn named(named: Seq, seq: Seq) -> Seq {
        if named.0 == Seq::THIS.0 { seq } else { named }
    }

    fn count_all(&mut self, posts: &[MeterPost]) -> Result<(), Overflow> {
        posts.iter().try_for_each(|post| self.meters.count(*post))
    }

    fn milestone(&mut self, fact: &BelongingFact, seq: Seq) -> Result<(), Overflow> {
        match fact {
            BelongingFact::MilestoneReached { milestone, count, choice, had, .. } => {
                self.meters.count(*count)?;
                self.belonging_mut().use_kept(*milestone, count.window, had);
                if let Some((left, until)) = *choice {
                    let (milestone, taken) = (*milestone, had.iter().copied().filter_map(taken).collect());
                    self.belonging_mut().choices.push(OpenChoice { milestone, entry: seq, left, until, taken });
                }
            }
            BelongingFact::MilestoneLost { milestone, count, reached, kept, .. } => {
                self.meters.count(*count)?;
                self.belonging_mut().keep(*milestone, count.window, kept);
                let reached = Self::named(*reached, seq);
                self.end_choice(|choice| choice.milestone == *milestone && choice.entry == reached);
            }
            BelongingFact::ChoiceClosed { milestone, reached, .. } => {
                let reached = Self::named(*reached, seq);
                self.end_choice(|choice| choice.milestone == *milestone && choice.entry == reached);
            }
            BelongingFact::BenefitChosen { milestone, reached, option, times, cost } => {
                let reached = Self::named(*reached, seq);
                let choices = &mut self.belonging_mut().choices;
                let open = |choice: &&mut OpenChoice| choice.milestone == *milestone && choice.entry == reached;
                if let Some(choice) = choices.iter_mut().find(open) {
                    choice.left = choice.left.saturating_sub(*cost);
                    match choice.taken.iter_mut().find(|(taken, _)| taken == option) {
                        Some((_, before)) => *before = before.saturating_add(*times),
                        None => choice.taken.push((*option, *times)),
                    }
                }
                self.end_choice(|choice| choice.left == 0);
            }
            _ => {}
        }
        Ok(())
    }

    fn end_choice(&mut self, ended: impl Fn(&OpenChoice) -> bool) {
        // Only the first of several alike: each was reached by an entry of its own, or one after the other.
        let choices = &mut self.belonging_mut().choices;
        if let Some(at) = choices.iter().position(ended) {
            choices.remove(at);
        }
    }

    fn privilege(&mut self, fact: &BelongingFact, seq: Seq) -> Result<(), Overflow> {
        match fact {
            BelongingFact::UsesGiven { privilege, uses, until, of } => {
                let (privilege, left, until, of) = (*privilege, *uses, *until, *of);
                self.belonging_mut().allowances.push(Allowance { privilege, entry: seq, left, until, of });
            }
            BelongingFact::UsesGone { privilege, given, at, of } => {
                let given = Self::named(*given, seq);
                let hers = |held: &Allowance| of.is_none_or(|of| held.of == Some(of));
                let allowances = &mut self.belonging_mut().allowances;
                let own = |held: &Allowance| held.privilege == *privilege && held.entry == given;
                // Their time is over, or, before that, the newest are taken back.
                if allowances.iter().any(|held| own(held) && held.until <= *at) {
                    allowances.retain(|held| !own(held) || held.until > *at);
                } else if let Some(newest) = allowances.iter().rposition(|held| own(held) && hers(held)) {
                    allowances.remove(newest);
                }
            }
            BelongingFact::PrivilegeUsed { privilege, count, given, .. } => {
                count.iter().try_for_each(|post| self.meters.count(*post))?;
                given
                    .iter()
                    .for_each(|(entry, uses, until)| self.use_up(*privilege, Self::named(*entry, seq), *uses, *until));
            }
            BelongingFact::PrivilegeReturned { privilege, count, given, .. } => {
                count.iter().try_for_each(|post| self.meters.count(*post))?;
                given.iter().for_each(|(entry, uses, until)| {
                    self.give_back(*privilege, Self::named(*entry, seq), *uses, *until)
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn use_up(&mut self, privilege: PrivilegeId, entry: Seq, uses: u32, until: Moment) {
        let mut left = uses;
        for held in &mut self.belonging_mut().allowances {
            if held.privilege == privilege && held.entry == entry && held.until == until {
                let taken = held.left.min(left);
                (held.left, left) = (held.left.saturating_sub(taken), left.saturating_sub(taken));
            }
        }
        self.belonging_mut().allowances.retain(|held| held.left > 0);
    }

    fn give_back(&mut self, privilege: PrivilegeId, entry: Seq, uses: u32, until: Moment) {
        let allowances = &mut self.belonging_mut().allowances;
        let same = |held: &&mut Allowance| held.privilege == privilege && held.entry == entry && held.until == until;
        match allowances.iter_mut().find(same) {
            Some(held) => held.left = held.left.saturating_add(uses),
            None => allowances.push(Allowance { privilege, entry, left: uses, until, of: None }),
        }
    }

    fn club(&mut self, fact: &BelongingFact, seq: Seq) -> Result<(), Overflow> {
        let belonging = self.belonging_mut();
        match fact {
            BelongingFact::ClubJoined { club, takes_place, since, until, .. } => {
                belonging.invitations.retain(|invitation| invitation.club != *club);
                belonging.asked.retain(|asked| asked != club);
                match belonging.clubs.iter_mut().find(|membership| membership.club == *club) {
                    Some(held) => {
                        held.until = *until;
                        held.has_place |= takes_place;
                    }
                    None => {
                        let (club, since, until, has_place) = (*club, *since, *until, *takes_place);
                        let joined = Membership { club, since, until, entry: seq, has_place };
                        belonging.clubs.push(joined);
                    }
                }
            }
            BelongingFact::ClubLeft { club, .. } => belonging.clubs.retain(|membership| membership.club != *club),
            BelongingFact::ClubInvited { club, until, .. } => {
                belonging.asked.retain(|asked| asked != club);
                belonging.invitations.retain(|invitation| invitation.club != *club);
                belonging.invitations.push(Invitation { club: *club, until: *until });
            }
            BelongingFact::InvitationEnded { club, .. } => {
                belonging.invitations.retain(|invitation| invitation.club != *club);
            }
            BelongingFact::ClubAsked { club } => belonging.asked.push(*club),
            BelongingFact::ClubDenied { club, .. } => belonging.asked.retain(|asked| asked != club),
            other => self.boost(other, seq)?,
        }
        Ok(())
    }

    fn boost(&mut self, fact: &BelongingFact, seq: Seq) -> Result<(), Overflow> {
        match fact {
            BelongingFact::BoostGiven { boost, register_before } => {
                let (since, until) = (Moment::NEVER, Moment::NEVER);
                let (boost, register_before, began) = (*boost, *register_before, Seq::NONE);
                let held = HeldBoost { boost, entry: seq, register_before, since, until, began };
                self.belonging_mut().boosts.push(held);
            }
            BelongingFact::BoostBegan { boost, since, until, reset } => {
                reset.iter().try_for_each(|post| self.meters.count(*post))?;
                let waits = |held: &&mut HeldBoost| held.boost == *boost && held.since == Moment::NEVER;
                if let Some(held) = self.belonging_mut().boosts.iter_mut().find(waits) {
                    (held.register_before, held.since, held.until, held.began) = (None, *since, *until, seq);
                }
            }
            BelongingFact::BoostEnded { boost, .. } => {
                let boosts = &mut self.belonging_mut().boosts;
                if let Some(at) = boosts.iter().position(|held| held.boost == *boost && held.since == Moment::NEVER) {
                    boosts.remove(at);
                }
            }
            BelongingFact::TierSent { to, tier, until, .. } => {
                self.belonging_mut().sent.push(SentTier { entry: seq, to: *to, tier: *tier, until: *until });
            }
            BelongingFact::TierSentClosed { sent_by, .. } => {
                let sent_by = Self::named(*sent_by, seq);
                self.belonging_mut().sent.retain(|sent| sent.entry != sent_by);
            }
            BelongingFact::WindowAwaited { meter, window, closes_at } => {
                let awaited = AwaitedWindow { meter: *meter, window: *window, closes_at: *closes_at };
                self.belonging_mut().windows.push(awaited);
            }
            BelongingFact::WindowClosed { meter, window, .. } => {
                let closed = |held: &AwaitedWindow| held.meter == *meter && held.window == *window;
                self.belonging_mut().windows.retain(|held| !closed(held));
            }
            _ => {}
        }
        Ok(())
    }

    fn belonging_mut(&mut self) -> &mut Belonging {
        Arc::make_mut(self.belonging.get_or_insert_default())
    }

    /// Dates what changed, and forgets it where nothing is left.
    fn tidy_belonging(&mut self) {
        // What is shared with the member before was not changed.
        let Some(belonging) = self.belonging.as_mut().and_then(Arc::get_mut) else { return };
        belonging.date();
        if belonging.is_empty() {
            self.belonging = None;
        }
    }
}

/// How often an option was taken, where that is what was kept.
const fn taken(kept: Kept) -> Option<(OptionId, u32)> {
    match kept {
        Kept::Option(option, times) => Some((option, times)),
        _ => None,
    }
}
