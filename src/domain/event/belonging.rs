//! What happened to a member's belonging: tiers held otherwise than by earning, clubs, privileges, milestones, boosts.

use super::{Fact, MeterPost, Note, Seq};
use crate::domain::calendar::Day;
use crate::domain::lot::Lot;
use crate::domain::member::HeldBy;
use crate::domain::order::{Claim, MemberKey};
use crate::domain::program::{
    ClubId, MeterId, MilestoneId, OptionId, PrivilegeId, RuleId, SegmentId, TierId, WalletId,
};
use crate::domain::units::{Moment, Points, Text};

/// One thing that happened to a member's belonging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BelongingFact {
    /// A tier is held otherwise than by having been earned; the entry is the grant's id.
    TierHeld {
        /// The tier.
        tier: TierId,
        /// How it came.
        by: HeldBy,
        /// From this moment.
        since: Moment,
        /// Until just before this moment.
        until: Moment,
        /// Why, in the caller's words.
        reason: Note,
        /// Who answers for it.
        actor: Text,
        /// Who gave it: the other member, and her entry.
        from: Option<(MemberKey, Seq)>,
    },
    /// A granted tier was revoked.
    TierGrantRevoked {
        /// The entry that granted it.
        grant: Seq,
        /// The tier.
        tier: TierId,
        /// Why, in the caller's words.
        reason: Note,
        /// Who answers for it.
        actor: Text,
    },
    /// Meters counted something that was not bought.
    MetersCounted {
        /// Why.
        cause: CountCause,
        /// What.
        posts: Vec<MeterPost>,
    },
    /// The end of a window is waited for, since something is judged by it then.
    WindowAwaited {
        /// The meter.
        meter: MeterId,
        /// The key of the window.
        window: Day,
        /// When it ends.
        closes_at: Moment,
    },
    /// A window that was waited for has ended.
    WindowClosed {
        /// The meter.
        meter: MeterId,
        /// The key of the window.
        window: Day,
        /// When it ended.
        at: Moment,
    },
    /// A milestone was reached.
    MilestoneReached {
        /// The milestone.
        milestone: MilestoneId,
        /// What its hidden meter counts, by the window it was reached in.
        count: MeterPost,
        /// The how-manieth time in that window, from 1.
        number: i64,
        /// When.
        at: Moment,
        /// What the member may choose: how many choices, and until when.
        choice: Option<(u32, Moment)>,
        /// What she had kept of it, and does not get again.
        had: Vec<Kept>,
    },
    /// A milestone is no longer reached, since goods came back.
    MilestoneLost {
        /// The milestone.
        milestone: MilestoneId,
        /// What its hidden meter counts less.
        count: MeterPost,
        /// The how-manieth time it was.
        number: i64,
        /// The entry in which it had been reached.
        reached: Seq,
        /// What of it stays with her.
        kept: Vec<Kept>,
    },
    /// A choice was made; what it gives is in the facts beside this one.
    BenefitChosen {
        /// The milestone.
        milestone: MilestoneId,
        /// The entry in which it was reached.
        reached: Seq,
        /// The option.
        option: OptionId,
        /// How often it was taken, at least 1.
        times: u32,
        /// How many choices that cost.
        cost: u32,
    },
    /// A choice can no longer be made: its time is over.
    ChoiceClosed {
        /// The milestone.
        milestone: MilestoneId,
        /// The entry in which it was reached.
        reached: Seq,
        /// When.
        at: Moment,
    },
    /// Uses of a privilege were given on top of what tiers and clubs give.
    UsesGiven {
        /// The privilege.
        privilege: PrivilegeId,
        /// How many.
        uses: u32,
        /// Until just before this moment.
        until: Moment,
        /// The milestone that gave them, where one did by itself.
        of: Option<Given>,
    },
    /// Uses of a privilege that were given are gone unused.
    UsesGone {
        /// The privilege.
        privilege: PrivilegeId,
        /// The entry that gave them.
        given: Seq,
        /// When.
        at: Moment,
        /// The milestone that takes them back: the newest it gave in that entry. Their time is over if absent.
        of: Option<Given>,
    },
    /// A privilege was used; the entry is the use's id.
    PrivilegeUsed {
        /// The privilege.
        privilege: PrivilegeId,
        /// How many uses.
        uses: u32,
        /// How many companions it covered.
        companions: u32,
        /// What its quota's hidden meter counts.
        count: Option<MeterPost>,
        /// What was taken of uses that were given: the entry that gave them, how many, until when they hold.
        given: Vec<(Seq, u32, Moment)>,
        /// When what it is used for begins, if the caller said so.
        begins_at: Option<Moment>,
        /// What for, in the caller's words.
        note: Note,
    },
    /// A use of a privilege was given back.
    PrivilegeReturned {
        /// The entry that used it.
        used: Seq,
        /// The privilege.
        privilege: PrivilegeId,
        /// How many uses.
        uses: u32,
        /// What its quota's hidden meter counts less.
        count: Option<MeterPost>,
        /// What goes back to uses that were given, as in the use.
        given: Vec<(Seq, u32, Moment)>,
        /// Why, in the caller's words.
        note: Note,
    },
    /// A tier was sent to another member.
    TierSent {
        /// Who gets it.
        to: MemberKey,
        /// The tier.
        tier: TierId,
        /// Until just before this moment; [`Moment::NEVER`] for as long as the receiver would have earned it.
        until: Moment,
        /// What for, in the caller's words.
        note: Note,
    },
    /// A tier that was sent has arrived, or came back: then the use is given back beside this.
    TierSentClosed {
        /// The entry that sent it.
        sent_by: Seq,
        /// Whether it arrived.
        arrived: bool,
    },
    /// A campaign was given as a boost.
    BoostGiven {
        /// The campaign.
        boost: RuleId,
        /// It must be registered for before this moment; it began at once if absent.
        register_before: Option<Moment>,
    },
    /// A boost began.
    BoostBegan {
        /// The campaign.
        boost: RuleId,
        /// From this moment.
        since: Moment,
        /// Until just before this moment.
        until: Moment,
        /// What was granted under an earlier boost of this kind no longer counts towards its cap.
        reset: Option<MeterPost>,
    },
    /// A boost is no longer to be had: nobody registered in time, or what had given it came back.
    BoostEnded {
        /// The campaign.
        boost: RuleId,
        /// When.
        at: Moment,
    },
    /// A member joined a club, or goes on for another term.
    ClubJoined {
        /// The club.
        club: ClubId,
        /// How she came in.
        by: JoinedBy,
        /// From this moment.
        since: Moment,
        /// Until just before this moment.
        until: Moment,
        /// Whether she takes one of the club's places from now on.
        takes_place: bool,
        /// What she paid.
        fee: Option<FeePaid>,
        /// Who let her in.
        actor: Text,
    },
    /// A member no longer belongs to a club.
    ClubLeft {
        /// The club.
        club: ClubId,
        /// Why.
        cause: LeftCause,
        /// When.
        at: Moment,
        /// Whether a place of the club is free again.
        frees_place: bool,
        /// The newest entry that had let her in or on.
        joined: Seq,
    },
    /// A member was invited into a club.
    ClubInvited {
        /// The club.
        club: ClubId,
        /// Until just before this moment.
        until: Moment,
        /// Who invited.
        actor: Text,
    },
    /// An invitation is over without having been taken up.
    InvitationEnded {
        /// The club.
        club: ClubId,
        /// Why.
        cause: InvitationEnd,
        /// When.
        at: Moment,
        /// Why, in the caller's words.
        note: Note,
    },
    /// A member asked to be let into a club.
    ClubAsked {
        /// The club.
        club: ClubId,
    },
    /// A member was not let into a club she had asked for.
    ClubDenied {
        /// The club.
        club: ClubId,
        /// Why, in the caller's words.
        reason: Note,
        /// Who answers for it.
        actor: Text,
    },
    /// A member came into a segment.
    SegmentEntered {
        /// The segment.
        segment: SegmentId,
        /// What it rests on.
        rests_on: RestsOn,
        /// When.
        at: Moment,
    },
    /// A member is no longer in a segment.
    SegmentLeft {
        /// The segment.
        segment: SegmentId,
        /// What it rests on.
        rests_on: RestsOn,
        /// When.
        at: Moment,
    },
}

/// A milestone that gave something, and the key of the window it was reached in.
pub type Given = (MilestoneId, Day);

/// Something of a milestone that stays with a member when it is taken back, since she has had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// So many choices, which were made or whose time was over.
    Choices(u32),
    /// An option that was taken so often, while more could be chosen.
    Option(OptionId, u32),
    /// So many uses of a privilege, which were made or whose time was over.
    Uses(PrivilegeId, u32),
    /// A boost that so often began, or was not begun in time.
    Boost(RuleId, u32),
}

impl Kept {
    /// How many.
    #[must_use]
    pub const fn count(self) -> u32 {
        match self {
            Self::Choices(count) | Self::Option(_, count) | Self::Uses(_, count) | Self::Boost(_, count) => count,
        }
    }

    /// So many of the same.
    #[must_use]
    pub const fn of(self, count: u32) -> Self {
        match self {
            Self::Choices(_) => Self::Choices(count),
            Self::Option(option, _) => Self::Option(option, count),
            Self::Uses(privilege, _) => Self::Uses(privilege, count),
            Self::Boost(boost, _) => Self::Boost(boost, count),
        }
    }

    /// Whether two are of the same, however many.
    #[must_use]
    pub fn is_like(self, other: Self) -> bool {
        self.of(0) == other.of(0)
    }
}

/// What puts a member into a segment or out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestsOn {
    /// Everything that was bought before this day.
    Day(Day),
    /// Her own purchase, by its entry.
    Purchase(Seq),
}

impl From<BelongingFact> for Fact {
    fn from(fact: BelongingFact) -> Self {
        Self::Belonging(Box::new(fact))
    }
}

impl BelongingFact {
    /// Adds the keys it claims; true if one of them is the key its order is known by.
    pub(super) fn claim(&self, member: MemberKey, claims: &mut Vec<Claim>) -> bool {
        match self {
            Self::TierHeld { from: Some((_, sent_by)), .. } => claims.push(Claim::transfer(*sent_by)),
            Self::TierSentClosed { sent_by, .. } => claims.push(Claim::transfer(*sent_by).end()),
            Self::SegmentEntered { segment, rests_on, .. } => {
                claims.push(Claim::segment(member, *segment, true, *rests_on));
            }
            Self::SegmentLeft { segment, rests_on, .. } => {
                claims.push(Claim::segment(member, *segment, false, *rests_on));
            }
            Self::ClubLeft { club, frees_place: true, joined, .. } => {
                claims.push(Claim::left(*joined, *club));
                return false;
            }
            Self::PrivilegeReturned { used, .. } => {
                claims.push(Claim::cancellation(*used));
                return false;
            }
            _ => return false,
        }
        true
    }
}

/// Why meters counted something that was not bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountCause {
    /// What the window before counted beyond its tier's threshold.
    Rollover,
    /// Another validity of a tier.
    TierYear,
    /// A milestone, a choice or a reward gave it.
    Benefit,
}

/// How a member came into a club.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinedBy {
    /// She asked.
    Asking,
    /// She took up an invitation.
    Invitation,
    /// She met its condition.
    Condition,
    /// She was let in.
    Approval,
    /// Something gave it to her.
    Benefit,
    /// Her term ended and she met the condition still.
    Renewal,
    /// She belonged before she came to this program's books.
    Import,
}

/// Why a member no longer belongs to a club.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftCause {
    /// She left.
    Left,
    /// Her term ended.
    Lapsed,
    /// She closed.
    Closed,
}

/// Why an invitation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitationEnd {
    /// She declined.
    Declined,
    /// It was taken back.
    Revoked,
    /// Its time ran out.
    Expired,
}

/// What a term of a club cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeePaid {
    /// The wallet it was paid from; money if absent.
    pub wallet: Option<WalletId>,
    /// Points, or minor units of money.
    pub amount: Points,
    /// The parts of lots that paid.
    pub lots: Vec<Lot>,
    /// The payment's reference, if it was money.
    pub reference: Text,
}
