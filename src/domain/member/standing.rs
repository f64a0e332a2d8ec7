//! Where a member stands on the ladder, and what she held before.
//!
//! Every tier she earned or was granted is a half-open span of validity; at any moment she holds the highest of the spans that
//! cover it. Which tier is higher is the ladder's business, so questions about height take the ladder.

use smallvec::SmallVec;

use crate::domain::event::Seq;
use crate::domain::program::{Ladder, TierId};
use crate::domain::units::Moment;

/// How a tier came to be held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldBy {
    /// It was earned.
    #[default]
    Earned,
    /// It was earned for life.
    Floor,
    /// Its validity ended, and a grace goes on.
    Grace,
    /// A higher tier ended, and this is one step down.
    Landing,
    /// Its validity ended, and the program lets nobody fall.
    Kept,
    /// It matches one held elsewhere.
    Match,
    /// Another member gave it.
    Gift,
    /// An operator granted it.
    Manual,
    /// By invitation.
    Invitation,
    /// A milestone, a choice or a reward gave it.
    Benefit,
}

impl HeldBy {
    /// Whether somebody granted it, who may revoke it.
    #[must_use]
    pub const fn is_granted(self) -> bool {
        matches!(self, Self::Match | Self::Gift | Self::Manual | Self::Invitation | Self::Benefit)
    }

    /// Whether its end is judged: what was earned may be renewed, what is on trial may have been proved.
    #[must_use]
    pub const fn is_judged(self) -> bool {
        !self.is_granted() || matches!(self, Self::Match)
    }
}

/// A tier, and the span over which it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The tier.
    pub tier: TierId,
    /// From this moment.
    pub since: Moment,
    /// Until just before this moment.
    pub until: Moment,
    /// How it came.
    pub by: HeldBy,
    /// The entry that granted it; [`Seq::NONE`] for one that was earned.
    pub entry: Seq,
}

impl Held {
    /// A tier that was earned.
    #[must_use]
    pub const fn earned(tier: TierId, since: Moment, until: Moment) -> Self {
        Self { tier, since, until, by: HeldBy::Earned, entry: Seq::NONE }
    }
}

/// A member's place on the ladder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    tier: Option<TierId>,
    since: Moment,
    held: SmallVec<[Held; 2]>,
}

impl Standing {
    /// A standing on the base of a ladder, if there is one.
    #[must_use]
    pub const fn starting_on(base: Option<TierId>) -> Self {
        Self { tier: base, since: Moment::BEGINNING, held: SmallVec::new_const() }
    }

    /// A standing from its stored form.
    #[must_use]
    pub fn from_parts(tier: Option<TierId>, since: Moment, held: Vec<Held>) -> Self {
        Self { tier, since, held: held.into() }
    }

    /// The tier as last announced; current after settling.
    #[must_use]
    pub const fn tier(&self) -> Option<TierId> {
        self.tier
    }

    /// Since when she stands on [`Self::tier`].
    #[must_use]
    pub const fn since(&self) -> Moment {
        self.since
    }

    /// Every tier earned or granted, in that order.
    #[must_use]
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// The tier in force at `moment`, and until when it cannot fall: the highest span that covers it, the longest
    /// among equals. `None` means the base. A tier that this ladder does not have is nothing to stand on.
    #[must_use]
    pub fn at(&self, ladder: &Ladder, moment: Moment) -> Option<Held> {
        let covers = |held: &&Held| held.since <= moment && moment < held.until && ladder.rank(held.tier).is_some();
        self.held.iter().filter(covers).copied().max_by_key(|held| (ladder.rank(held.tier), held.until))
    }

    /// The tier id in force at `moment`, the base included.
    #[must_use]
    pub fn tier_at(&self, ladder: &Ladder, moment: Moment) -> TierId {
        self.at(ladder, moment).map_or(ladder.base, |held| held.tier)
    }

    /// When the announced tier ends unless something is earned first: the last end of its spans.
    #[must_use]
    pub fn next_change(&self) -> Option<Moment> {
        let spans = self.held.iter().filter(|held| Some(held.tier) == self.tier);
        spans.map(|held| held.until).max().filter(|until| *until < Moment::NEVER)
    }

    /// When time changes something of it: the announced tier ends, or something beneath it that is judged when it does.
    #[must_use]
    pub fn next_end(&self) -> Option<Moment> {
        self.ends().map(|held| held.until).chain(self.next_change()).min()
    }

    /// What was earned, or is on trial, and will be judged when it ends: what nothing earned outlasts. A grant is no
    /// such thing, whatever it gives.
    fn ends(&self) -> impl Iterator<Item = &Held> {
        self.judged().filter(|held| held.until < Moment::NEVER && !self.is_outlasted(held))
    }

    /// What was earned, or is on trial, and may not have been judged: whatever ended before she was last announced
    /// somewhere was judged by then.
    pub fn judged(&self) -> impl Iterator<Item = &Held> {
        self.held.iter().filter(|held| held.by.is_judged() && self.since < held.until)
    }

    /// What ended before `at` and was judged then, and lies bare now that what came of it is gone. It must go too: nothing
    /// is judged twice.
    pub fn laid_bare(&self, at: Moment) -> impl Iterator<Item = &Held> {
        self.ends().filter(move |held| held.until < at)
    }

    fn is_outlasted(&self, held: &Held) -> bool {
        let mut earned = self.held.iter().filter(|other| !other.by.is_granted());
        // No tier that she holds is higher than the announced one.
        earned.any(|other| match other.tier == held.tier {
            true => other.until > held.until,
            false => Some(other.tier) == self.tier && other.until >= held.until,
        })
    }

    pub(super) fn hold(&mut self, held: Held) {
        self.held.push(held);
    }

    pub(super) fn withdraw(&mut self, tier: TierId, until: Moment) {
        let ended = |held: &Held| held.tier == tier && held.until == until;
        // What was granted stays where what was earned goes.
        let earned = self.held.iter().any(|held| ended(held) && !held.by.is_granted());
        self.held.retain(|held| !ended(held) || (earned && held.by.is_granted()));
    }

    pub(super) fn revoke(&mut self, grant: Seq) {
        self.held.retain(|held| held.entry != grant || !held.by.is_granted());
    }

    pub(super) fn change(&mut self, tier: TierId, at: Moment) {
        (self.tier, self.since) = (Some(tier), at);
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match self.held.iter().find(|held| held.since >= held.until) {
            Some(held) => Err(format!("tier {} is held over an empty span", held.tier.0.0)),
            None => Ok(()),
        }
    }
}
