//! What a member belongs to and what that gave her: clubs, segments, invitations, uses, choices, boosts, and tiers on
//! their way.
//!
//! Most members have nothing here, so it is kept apart from what every member has.

use crate::domain::calendar::Day;
use crate::domain::event::{Given, Kept, Seq};
use crate::domain::order::MemberKey;
use crate::domain::program::{ClubId, MeterId, MilestoneId, OptionId, PrivilegeId, RuleId, SegmentId, TierId};
use crate::domain::units::Moment;

/// Membership of a club.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The club.
    pub club: ClubId,
    /// Since when without a break.
    pub since: Moment,
    /// Until just before this moment.
    pub until: Moment,
    /// The entry that let her in.
    pub entry: Seq,
    /// Whether she takes one of the club's places: who was given her membership does not.
    pub has_place: bool,
}

/// That a member is in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InSegment {
    /// The segment.
    pub segment: SegmentId,
    /// Since when without a break.
    pub since: Moment,
    /// The entry that put her into it.
    pub entry: Seq,
}

/// An invitation into a club.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The club.
    pub club: ClubId,
    /// Until just before this moment.
    pub until: Moment,
}

/// Uses of a privilege on top of what tiers and clubs give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The privilege.
    pub privilege: PrivilegeId,
    /// The entry that gave them.
    pub entry: Seq,
    /// How many are left.
    pub left: u32,
    /// Until just before this moment.
    pub until: Moment,
    /// The milestone that gave them, where one did by itself.
    pub of: Option<Given>,
}

/// A choice that can still be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenChoice {
    /// The milestone.
    pub milestone: MilestoneId,
    /// The entry in which it was reached.
    pub entry: Seq,
    /// How many choices are left.
    pub left: u32,
    /// Until just before this moment.
    pub until: Moment,
    /// What was chosen so far, and how often.
    pub taken: Vec<(OptionId, u32)>,
}

/// A boost that can be registered for, or that began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldBoost {
    /// The campaign.
    pub boost: RuleId,
    /// The entry that gave it.
    pub entry: Seq,
    /// Must be registered for before this moment; absent once it began.
    pub register_before: Option<Moment>,
    /// From this moment; [`Moment::NEVER`] until it is registered for.
    pub since: Moment,
    /// Until just before this moment.
    pub until: Moment,
    /// The entry in which it began; none until then.
    pub began: Seq,
}

/// What a member has kept of a milestone that was taken back: she does not get it again for the same window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptOf {
    /// The milestone.
    pub milestone: MilestoneId,
    /// The key of the window it was reached in.
    pub window: Day,
    /// What, each once.
    pub kept: Vec<Kept>,
}

/// A tier on its way to another member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentTier {
    /// The entry that sent it.
    pub entry: Seq,
    /// Who gets it.
    pub to: MemberKey,
    /// The tier.
    pub tier: TierId,
    /// Until just before this moment; [`Moment::NEVER`] for as long as the receiver would have earned it.
    pub until: Moment,
}

/// A window whose end is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwaitedWindow {
    /// The meter.
    pub meter: MeterId,
    /// The window's key.
    pub window: Day,
    /// When it ends.
    pub closes_at: Moment,
}

/// Everything of that, each list in the order of its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Belonging {
    /// Clubs she belongs to.
    pub clubs: Vec<Membership>,
    /// Segments she is in.
    pub segments: Vec<InSegment>,
    /// Clubs she is invited into.
    pub invitations: Vec<Invitation>,
    /// Clubs she asked to be let into.
    pub asked: Vec<ClubId>,
    /// Uses she was given.
    pub allowances: Vec<Allowance>,
    /// Choices she can still make.
    pub choices: Vec<OpenChoice>,
    /// Boosts.
    pub boosts: Vec<HeldBoost>,
    /// Tiers on their way to others.
    pub sent: Vec<SentTier>,
    /// Windows whose end is waited for.
    pub windows: Vec<AwaitedWindow>,
    /// What stayed with her of milestones that were taken back.
    pub kept: Vec<KeptOf>,
    /// When the first of all this ends, as [`Belonging::date`] found it: asked with every order, changed by few.
    pub ends_at: Option<Moment>,
}

impl Belonging {
    /// Nothing of it.
    pub(super) const NOTHING: &'static Self = &Self {
        clubs: Vec::new(),
        segments: Vec::new(),
        invitations: Vec::new(),
        asked: Vec::new(),
        allowances: Vec::new(),
        choices: Vec::new(),
        boosts: Vec::new(),
        sent: Vec::new(),
        windows: Vec::new(),
        kept: Vec::new(),
        ends_at: None,
    };

    /// Whether there is nothing of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == Self::NOTHING
    }

    /// Her membership of a club.
    #[must_use]
    pub fn club(&self, club: ClubId) -> Option<&Membership> {
        self.clubs.iter().find(|membership| membership.club == club)
    }

    /// That she is in a segment, if she is.
    #[must_use]
    pub fn segment(&self, segment: SegmentId) -> Option<&InSegment> {
        self.segments.iter().find(|held| held.segment == segment)
    }

    /// What she has kept of a milestone in one of its windows.
    #[must_use]
    pub fn kept_of(&self, milestone: MilestoneId, window: Day) -> &[Kept] {
        let own = self.kept.iter().find(|own| (own.milestone, own.window) == (milestone, window));
        own.map_or(&[], |own| &own.kept)
    }

    /// Keeps this of a milestone from now on.
    pub(super) fn keep(&mut self, milestone: MilestoneId, window: Day, more: &[Kept]) {
        for more in more.iter().filter(|more| more.count() > 0) {
            let own = self.kept.iter_mut().find(|own| (own.milestone, own.window) == (milestone, window));
            match own {
                Some(own) => match own.kept.iter_mut().find(|kept| kept.is_like(*more)) {
                    Some(kept) => *kept = kept.of(kept.count().saturating_add(more.count())),
                    None => own.kept.push(*more),
                },
                None => self.kept.push(KeptOf { milestone, window, kept: vec![*more] }),
            }
        }
    }

    /// Does not keep this of a milestone any longer: it counts as given anew.
    pub(super) fn use_kept(&mut self, milestone: MilestoneId, window: Day, had: &[Kept]) {
        for own in self.kept.iter_mut().filter(|own| (own.milestone, own.window) == (milestone, window)) {
            for kept in &mut own.kept {
                let less = had.iter().filter(|had| had.is_like(*kept)).map(|had| had.count());
                *kept = kept.of(kept.count().saturating_sub(less.fold(0, u32::saturating_add)));
            }
            own.kept.retain(|kept| kept.count() > 0);
        }
        self.kept.retain(|own| !own.kept.is_empty());
    }

    /// Whether a boost grants at `at`.
    #[must_use]
    pub fn is_boosted(&self, boost: RuleId, at: Moment) -> bool {
        self.boosts.iter().any(|held| held.boost == boost && held.since <= at && at < held.until)
    }

    /// The next moment at which time, or a crash's clearing up, changes it.
    #[must_use]
    pub fn next_due(&self) -> Moment {
        self.ends_at.unwrap_or(Moment::NEVER)
    }

    /// Works out anew when the first of it ends; whoever changes the lists owes this.
    pub fn date(&mut self) {
        self.ends_at = self.first_end();
    }

    fn first_end(&self) -> Option<Moment> {
        let clubs = self.clubs.iter().map(|membership| membership.until);
        let invitations = self.invitations.iter().map(|invitation| invitation.until);
        let allowances = self.allowances.iter().map(|allowance| allowance.until);
        let choices = self.choices.iter().map(|choice| choice.until);
        let boosts = self.boosts.iter().filter_map(|boost| boost.register_before);
        // A tier is over there in the commit that sent it; one that is still here was cut off and is due at once.
        let sent = self.sent.iter().map(|_| Moment(0));
        let windows = self.windows.iter().map(|window| window.closes_at);
        let ends = clubs.chain(invitations).chain(allowances).chain(choices);
        ends.chain(boosts).chain(sent).chain(windows).min()
    }

    /// What must always hold.
    ///
    /// # Errors
    /// The broken promise.
    pub fn check(&self) -> Result<(), String> {
        if self.ends_at == self.first_end() { Ok(()) } else { Err("what she belongs to is misdated".into()) }
    }
}
