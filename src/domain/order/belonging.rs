//! What may be asked about a member's belonging: granted tiers, clubs, privileges, choices and boosts.

use super::{MemberKey, MemberName, Note};
use crate::domain::event::{RestsOn, Seq};
use crate::domain::member::HeldBy;
use crate::domain::program::{SegmentId, TierId};
use crate::domain::units::{Moment, Points, Text};

/// An order about belonging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BelongingOrder {
    /// Grant a tier.
    GrantTier(Granting),
    /// Take a granted tier back.
    RevokeTierGrant {
        /// The entry that granted it.
        grant: Seq,
        /// Why.
        reason: Note,
        /// Who answers for it.
        actor: Text,
    },
    /// Give a tier to another member, out of a privilege that is a present.
    GiveTier {
        /// To whom.
        to: MemberName,
        /// The tier's id.
        tier: Text,
        /// What for.
        note: Note,
    },
    /// Take in a tier that another member gave; the engine's own second order of a gift.
    ReceiveTier {
        /// Who gave it.
        from: MemberKey,
        /// The entry that sent it.
        sent_by: Seq,
        /// The tier.
        tier: TierId,
        /// Until just before this moment; [`Moment::NEVER`] for as long as she would have earned it.
        until: Moment,
        /// What for.
        note: Note,
    },
    /// Note what became of a tier that was sent; its third.
    CloseTierSent {
        /// The entry that sent it.
        sent_by: Seq,
        /// Whether it arrived; else its use is given back.
        arrived: bool,
    },
    /// Join a club, ask to be let in, take up an invitation, or go on for another term.
    JoinClub {
        /// The club's id.
        club: Text,
        /// What was paid in money, in minor units of the program's currency; 0 if nothing was.
        paid: Points,
        /// The payment's reference.
        reference: Text,
    },
    /// Leave a club.
    LeaveClub {
        /// The club's id.
        club: Text,
    },
    /// Invite into a club.
    InviteToClub {
        /// The club's id.
        club: Text,
        /// Until when; as the club says, if absent.
        until: Option<Moment>,
        /// Who invites.
        actor: Text,
    },
    /// Decline an invitation.
    DeclineInvitation {
        /// The club's id.
        club: Text,
    },
    /// Take an invitation back.
    RevokeInvitation {
        /// The club's id.
        club: Text,
        /// Why.
        reason: Note,
    },
    /// Answer a member who asked to be let into a club.
    AdmitToClub {
        /// The club's id.
        club: Text,
        /// Whether she is let in.
        admitted: bool,
        /// Why.
        reason: Note,
        /// Who answers for it.
        actor: Text,
    },
    /// Use a privilege.
    UsePrivilege(Using),
    /// Give a use back.
    ReturnPrivilege {
        /// The entry that used it.
        used: Seq,
        /// Why.
        note: Note,
    },
    /// Choose what a milestone gives.
    ChooseBenefit {
        /// The milestone's id.
        milestone: Text,
        /// The entry in which it was reached; the oldest open choice of the milestone, if absent.
        reached: Option<Seq>,
        /// The option's id.
        option: Text,
        /// How often, at least 1.
        times: u32,
    },
    /// Begin a boost.
    RegisterBoost {
        /// The campaign's id.
        boost: Text,
    },
    /// Put her into a segment or out of it; the engine's own order.
    Tag(Tagging),
}

/// That a member is in a segment now, or no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tagging {
    /// The segment.
    pub segment: SegmentId,
    /// Whether she is in it.
    pub is_in: bool,
    /// What that rests on.
    pub rests_on: RestsOn,
}

/// A tier to grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granting {
    /// The tier's id.
    pub tier: Text,
    /// How: a match, an invitation or by hand.
    pub by: HeldBy,
    /// Until just before this moment; as the program says, if absent: a match through its trial, all others as if the
    /// tier had been earned now.
    pub until: Option<Moment>,
    /// Why.
    pub reason: Note,
    /// Who answers for it.
    pub actor: Text,
}

/// A privilege to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Using {
    /// The privilege's id.
    pub privilege: Text,
    /// How many uses, at least 1.
    pub uses: u32,
    /// How many companions it covers.
    pub companions: u32,
    /// When what it is used for begins; opening windows need it.
    pub begins_at: Option<Moment>,
    /// What for.
    pub note: Note,
}
