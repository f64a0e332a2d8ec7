//! Facts about what members belong to, for the wire: tiers granted and given, clubs, privileges, milestones, boosts.
//!
//! Translates and nothing else; what the facts mean for a member is her fold's business.

use super::entries::{Names, entry_id};
use super::facts::Page;
use super::grants::meter_decimals;
use super::lots::{lots, wallet_of};
use super::scalars::{count32, stamp};
use crate::domain::calendar::Day;
use crate::domain::event::{
    BelongingFact, CountCause, FeePaid, InvitationEnd, JoinedBy, Kept, LIFETIME, LeftCause, MeterPost, RestsOn, Seq,
};
use crate::domain::member::HeldBy;
use crate::domain::program::{ClubId, MeterId, Timeline, Word};
use crate::domain::units::Moment;
use crate::pb;
use pb::fact::Fact as Wire;

impl Page<'_> {
    /// A fact about belonging.
    #[must_use]
    pub fn belonging(self, fact: &BelongingFact) -> Option<Wire> {
        let told = self.of_tiers(fact).or_else(|| self.given(fact)).or_else(|| self.uses(fact));
        told.or_else(|| self.of_clubs(fact)).or_else(|| self.of_segments(fact)).or_else(|| self.counted(fact))
    }

    /// Tiers that are held otherwise than by having been earned, and tiers on their way.
    fn of_tiers(self, fact: &BelongingFact) -> Option<Wire> {
        let (timeline, own) = (self.timeline, self.entry.seq);
        Some(match fact {
            BelongingFact::TierSent { to, tier, until, note } => Wire::TierSent(pb::TierSent {
                to_member_id: self.names.of(*to),
                tier: text(timeline, tier.0),
                until: stamp(*until),
                note: note.to_string(),
            }),
            BelongingFact::TierSentClosed { sent_by, arrived } => {
                Wire::TierSentClosed(pb::TierSentClosed { sent_by_entry_id: own_id(own, *sent_by), arrived: *arrived })
            }
            other => {
                let held = tier_held(timeline, self.names, other).map(Wire::TierHeld);
                return held.or_else(|| tier_grant_revoked(timeline, own, other).map(Wire::TierGrantRevoked));
            }
        })
    }

    /// What meters counted that was not bought, and windows that are waited for.
    fn counted(self, fact: &BelongingFact) -> Option<Wire> {
        let meter = |meter: &MeterId| text(self.timeline, meter.0);
        Some(match fact {
            BelongingFact::MetersCounted { cause, posts } => {
                Wire::MetersCounted(pb::MetersCounted { cause: count_cause(*cause).into(), meters: self.counts(posts) })
            }
            BelongingFact::WindowAwaited { meter: id, window, closes_at } => Wire::WindowAwaited(pb::WindowAwaited {
                meter: meter(id),
                window: window_key(*window),
                closes_at: stamp(*closes_at),
            }),
            BelongingFact::WindowClosed { meter: id, window, at } => {
                Wire::WindowClosed(pb::WindowClosed { meter: meter(id), window: window_key(*window), at: stamp(*at) })
            }
            _ => return None,
        })
    }

    /// What milestones and choices give, privileges and boosts.
    fn given(self, fact: &BelongingFact) -> Option<Wire> {
        let (timeline, own) = (self.timeline, self.entry.seq);
        Some(match fact {
            BelongingFact::MilestoneReached { milestone, count, number, at, choice, had } => {
                Wire::MilestoneReached(pb::MilestoneReached {
                    milestone: text(timeline, milestone.0),
                    number: *number,
                    window: window_key(count.window),
                    at: stamp(*at),
                    choices: count32(choice.map(|(choices, _)| choices).unwrap_or_default()),
                    choose_before: choice.and_then(|(_, until)| stamp(until)),
                    had: had.iter().map(|had| kept(timeline, *had)).collect(),
                })
            }
            BelongingFact::MilestoneLost { milestone, count, number, reached, kept: stays } => {
                Wire::MilestoneLost(pb::MilestoneLost {
                    milestone: text(timeline, milestone.0),
                    number: *number,
                    window: window_key(count.window),
                    reached_entry_id: own_id(own, *reached),
                    kept: stays.iter().map(|stays| kept(timeline, *stays)).collect(),
                })
            }
            BelongingFact::BenefitChosen { milestone, reached, option, times, cost } => {
                Wire::BenefitChosen(pb::BenefitChosen {
                    milestone: text(timeline, milestone.0),
                    choice_id: own_id(own, *reached),
                    option: text(timeline, option.0),
                    times: count32(*times),
                    cost: count32(*cost),
                })
            }
            BelongingFact::ChoiceClosed { milestone, reached, at } => Wire::ChoiceClosed(pb::ChoiceClosed {
                milestone: text(timeline, milestone.0),
                choice_id: own_id(own, *reached),
                at: stamp(*at),
            }),
            BelongingFact::BoostGiven { boost, register_before } => Wire::BoostGiven(pb::BoostGiven {
                boost: text(timeline, boost.0),
                register_before: register_before.and_then(stamp),
            }),
            BelongingFact::BoostBegan { boost, since, until, .. } => Wire::BoostBegan(pb::BoostBegan {
                boost: text(timeline, boost.0),
                since: stamp(*since),
                until: stamp(*until),
            }),
            BelongingFact::BoostEnded { boost, at } => {
                Wire::BoostEnded(pb::BoostEnded { boost: text(timeline, boost.0), at: stamp(*at) })
            }
            other => return self.uses(other),
        })
    }

    /// Uses of privileges.
    fn uses(self, fact: &BelongingFact) -> Option<Wire> {
        let (timeline, own) = (self.timeline, self.entry.seq);
        let given = |given: &[(Seq, u32, Moment)]| given.iter().map(|given| given_uses(own, *given)).collect();
        let counted = |post: &Option<MeterPost>| post.map(|post| post.amount).unwrap_or_default();
        Some(match fact {
            BelongingFact::UsesGiven { privilege, uses, until, .. } => Wire::UsesGiven(pb::UsesGiven {
                privilege: text(timeline, privilege.0),
                uses: count32(*uses),
                until: stamp(*until),
            }),
            BelongingFact::UsesGone { privilege, given, at, .. } => Wire::UsesGone(pb::UsesGone {
                privilege: text(timeline, privilege.0),
                given_entry_id: own_id(own, *given),
                at: stamp(*at),
            }),
            BelongingFact::PrivilegeUsed { privilege, uses, companions, count, given: of, begins_at, note } => {
                Wire::PrivilegeUsed(pb::PrivilegeUsed {
                    privilege: text(timeline, privilege.0),
                    uses: count32(*uses),
                    companions: count32(*companions),
                    counted: counted(count).0,
                    given: given(of),
                    begins_at: begins_at.and_then(stamp),
                    note: note.to_string(),
                })
            }
            BelongingFact::PrivilegeReturned { used, privilege, uses, count, given: to, note } => {
                Wire::PrivilegeReturned(pb::PrivilegeReturned {
                    use_id: own_id(own, *used),
                    privilege: text(timeline, privilege.0),
                    uses: count32(*uses),
                    counted: counted(count).0.saturating_neg(),
                    given: given(to),
                    note: note.to_string(),
                })
            }
            _ => return None,
        })
    }

    /// Clubs.
    fn of_clubs(self, fact: &BelongingFact) -> Option<Wire> {
        let club = |club: &ClubId| text(self.timeline, club.0);
        Some(match fact {
            BelongingFact::ClubJoined { club: id, by, since, until, fee, actor, takes_place } => {
                Wire::ClubJoined(pb::ClubJoined {
                    club: club(id),
                    by: joined_by(*by).into(),
                    since: stamp(*since),
                    until: stamp(*until),
                    fee: fee.as_ref().map(|fee| self.fee_paid(fee)),
                    actor: actor.to_string(),
                    takes_place: *takes_place,
                })
            }
            BelongingFact::ClubLeft { club: id, cause, at, frees_place, joined } => Wire::ClubLeft(pb::ClubLeft {
                club: club(id),
                cause: left_cause(*cause).into(),
                at: stamp(*at),
                frees_place: *frees_place,
                joined_entry_id: own_id(self.entry.seq, *joined),
            }),
            BelongingFact::ClubInvited { club: id, until, actor } => {
                Wire::ClubInvited(pb::ClubInvited { club: club(id), until: stamp(*until), actor: actor.to_string() })
            }
            BelongingFact::InvitationEnded { club: id, cause, at, note } => {
                Wire::InvitationEnded(pb::InvitationEnded {
                    club: club(id),
                    cause: invitation_end(*cause).into(),
                    at: stamp(*at),
                    note: note.to_string(),
                })
            }
            BelongingFact::ClubAsked { club: id } => Wire::ClubAsked(pb::ClubAsked { club: club(id) }),
            BelongingFact::ClubDenied { club: id, reason, actor } => Wire::ClubDenied(pb::ClubDenied {
                club: club(id),
                reason: reason.to_string(),
                actor: actor.to_string(),
            }),
            _ => return None,
        })
    }

    /// Segments.
    fn of_segments(self, fact: &BelongingFact) -> Option<Wire> {
        let (BelongingFact::SegmentEntered { segment, rests_on, at }
        | BelongingFact::SegmentLeft { segment, rests_on, at }) = fact
        else {
            return None;
        };
        let (segment, at) = (text(self.timeline, segment.0), stamp(*at));
        let (day, purchase_entry_id) = match rests_on {
            RestsOn::Day(day) => (day.to_string(), String::new()),
            RestsOn::Purchase(purchase) => (String::new(), entry_id(*purchase)),
        };
        Some(match fact {
            BelongingFact::SegmentEntered { .. } => {
                Wire::SegmentEntered(pb::SegmentEntered { segment, at, day, purchase_entry_id })
            }
            _ => Wire::SegmentLeft(pb::SegmentLeft { segment, at, day, purchase_entry_id }),
        })
    }

    /// What meters counted; those that only count towards a limit are nobody's business.
    fn counts(self, posts: &[MeterPost]) -> Vec<pb::MeterCount> {
        let newest = self.timeline.newest();
        let told = posts.iter().filter(|post| newest.meter(post.meter).is_some());
        let count = |post: &MeterPost| pb::MeterCount {
            meter: text(self.timeline, post.meter.0),
            decimals: meter_decimals(newest, post.meter).into(),
            window: window_key(post.window),
            amount: post.amount.0,
        };
        told.map(count).collect()
    }

    fn fee_paid(self, fee: &FeePaid) -> pb::FeePaid {
        let money = self.timeline.at(self.entry.recorded_at).currency;
        let (wallet, decimals) = fee.wallet.map(|wallet| wallet_of(self.timeline, wallet)).unwrap_or_default();
        pb::FeePaid {
            currency_code: if fee.wallet.is_none() { money.as_str().to_owned() } else { String::new() },
            wallet,
            decimals,
            amount: fee.amount.0,
            lots: lots(self.entry, &fee.lots),
            reference: fee.reference.to_string(),
        }
    }
}

/// A tier held otherwise than by having been earned, if that is what a fact tells.
#[must_use]
pub fn tier_held(timeline: &Timeline, names: &Names, fact: &BelongingFact) -> Option<pb::TierHeld> {
    let BelongingFact::TierHeld { tier, by, since, until, reason, actor, from } = fact else { return None };
    Some(pb::TierHeld {
        tier: text(timeline, tier.0),
        by: held_by(*by).into(),
        since: stamp(*since),
        until: stamp(*until),
        reason: reason.to_string(),
        actor: actor.to_string(),
        from_member_id: from.map(|(giver, _)| names.of(giver)).unwrap_or_default(),
        sent_by_entry_id: from.map(|(_, sent_by)| entry_id(sent_by)).unwrap_or_default(),
    })
}

/// A grant that was revoked, if that is what a fact of the entry `own` tells.
#[must_use]
pub fn tier_grant_revoked(timeline: &Timeline, own: Seq, fact: &BelongingFact) -> Option<pb::TierGrantRevoked> {
    let BelongingFact::TierGrantRevoked { grant, tier, reason, actor } = fact else { return None };
    Some(pb::TierGrantRevoked {
        grant_id: own_id(own, *grant),
        tier: text(timeline, tier.0),
        reason: reason.to_string(),
        actor: actor.to_string(),
    })
}

/// The id of an entry that a fact of the entry `own` names.
#[must_use]
pub fn own_id(own: Seq, named: Seq) -> String {
    entry_id(if named == Seq::THIS { own } else { named })
}

/// How a tier came to be held, on the wire.
#[must_use]
pub const fn held_by(by: HeldBy) -> pb::HeldBy {
    match by {
        HeldBy::Earned => pb::HeldBy::Earned,
        HeldBy::Floor => pb::HeldBy::Floor,
        HeldBy::Grace => pb::HeldBy::Grace,
        HeldBy::Landing => pb::HeldBy::Landing,
        HeldBy::Kept => pb::HeldBy::Kept,
        HeldBy::Match => pb::HeldBy::Match,
        HeldBy::Gift => pb::HeldBy::Gift,
        HeldBy::Manual => pb::HeldBy::Manual,
        HeldBy::Invitation => pb::HeldBy::Invitation,
        HeldBy::Benefit => pb::HeldBy::Benefit,
    }
}

const fn count_cause(cause: CountCause) -> pb::CountCause {
    match cause {
        CountCause::Rollover => pb::CountCause::Rollover,
        CountCause::TierYear => pb::CountCause::TierYear,
        CountCause::Benefit => pb::CountCause::Benefit,
    }
}

const fn joined_by(by: JoinedBy) -> pb::JoinedBy {
    match by {
        JoinedBy::Asking => pb::JoinedBy::Asking,
        JoinedBy::Invitation => pb::JoinedBy::Invitation,
        JoinedBy::Condition => pb::JoinedBy::Condition,
        JoinedBy::Approval => pb::JoinedBy::Approval,
        JoinedBy::Benefit => pb::JoinedBy::Benefit,
        JoinedBy::Renewal => pb::JoinedBy::Renewal,
        JoinedBy::Import => pb::JoinedBy::Import,
    }
}

const fn left_cause(cause: LeftCause) -> pb::LeftCause {
    match cause {
        LeftCause::Left => pb::LeftCause::Left,
        LeftCause::Lapsed => pb::LeftCause::Lapsed,
        LeftCause::Closed => pb::LeftCause::Closed,
    }
}

const fn invitation_end(cause: InvitationEnd) -> pb::InvitationEnd {
    match cause {
        InvitationEnd::Declined => pb::InvitationEnd::Declined,
        InvitationEnd::Revoked => pb::InvitationEnd::Revoked,
        InvitationEnd::Expired => pb::InvitationEnd::Expired,
    }
}

fn kept(timeline: &Timeline, kept: Kept) -> pb::KeptBenefit {
    use pb::kept_benefit::What;
    let what = match kept {
        Kept::Choices(_) => None,
        Kept::Option(option, _) => Some(What::Option(text(timeline, option.0))),
        Kept::Uses(privilege, _) => Some(What::Privilege(text(timeline, privilege.0))),
        Kept::Boost(boost, _) => Some(What::Boost(text(timeline, boost.0))),
    };
    pb::KeptBenefit { what, count: count32(kept.count()) }
}

fn given_uses(own: Seq, (given, uses, until): (Seq, u32, Moment)) -> pb::GivenUses {
    pb::GivenUses { given_entry_id: own_id(own, given), uses: count32(uses), until: stamp(until) }
}

/// The first day of a window; empty for a lifetime.
#[must_use]
pub fn window_key(window: Day) -> String {
    if window == LIFETIME { String::new() } else { window.to_string() }
}

fn text(timeline: &Timeline, word: Word) -> String {
    timeline.newest().text(word).to_owned()
}
