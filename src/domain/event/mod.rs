//! What happened: facts in the past tense, and the [`Entry`] that carries them in the ledger.
//!
//! Facts carry results, never rules, so a member is their plain fold and replay needs no program. They are for
//! ever: a variant may gain fields, never change what a field means. How they are written is `store/format.rs`.

mod alert;
mod belonging;
mod points;

use std::sync::Arc;

use smallvec::SmallVec;

use super::calendar::Day;
use super::lot::Lot;
use super::order::{AttributeValue, Claim, Identifier, IdentifierHash, MemberKey, Note, Purchase, ReceiptKey};
use super::program::{MeterId, ProgramNo, RewardId, RuleId, TierId, WalletId, Word};
use super::units::{Moment, Points, Ratio, Text};
pub use alert::{AlertCause, AlertEnd, AlertFact, AlertRaised, MarginClass, Pattern, RungOffer};
pub use belonging::{BelongingFact, CountCause, FeePaid, Given, InvitationEnd, JoinedBy, Kept, LeftCause, RestsOn};
pub use points::{
    AddedCause, DebtPaid, LineReturned, OpeningState, PointsAdded, PointsTaken, PurchaseReturned, RewardRedeemed,
    TakenCause, VoucherIssued, VouchersCut,
};

/// An entry's place in the feed: 1 for the first, without holes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first entry; also "none" for an entry without a predecessor.
    pub const NONE: Self = Self(0);

    /// The entry that carries the fact in which this stands: it has no number before it is kept.
    pub const THIS: Self = Self(u64::MAX);

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The immutable ledger line: everything one order (or one settling) did to one member.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its place in the feed.
    pub seq: Seq,
    /// The program.
    pub program: ProgramNo,
    /// The member; [`MemberKey::NOBODY`] for a fact about a program.
    pub member: MemberKey,
    /// The member's entry before this one, [`Seq::NONE`] for her first: her history is a chain.
    pub previous: Seq,
    /// Our time; never decreasing along the feed.
    pub recorded_at: Moment,
    /// The program version that judged the order.
    pub program_version: u32,
    /// The caller's key, empty if there was none.
    pub request_id: Text,
    /// Who asked; empty while the server asks for no credentials.
    pub principal: Text,
    /// The W3C trace id of the call, empty if none came along.
    pub trace_id: Text,
    /// The identifiers by which the order named members, if it named any so: a retry means whoever had them then.
    pub named_by: Option<Box<NamedBy>>,
    /// What happened, in order; never empty.
    pub facts: Vec<Fact>,
}

/// The identifiers by which an order named members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamedBy {
    /// Its own member.
    pub member: Option<IdentifierHash>,
    /// The other one: who gets a transfer or a gift.
    pub other: Option<IdentifierHash>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A program version was applied.
    ProgramApplied(ProgramApplied),
    /// A member came to be.
    MemberEnrolled(MemberEnrolled),
    /// Attributes were set or removed.
    AttributesUpdated {
        /// New values.
        set: Vec<AttributeValue>,
        /// Attributes taken away.
        remove: Vec<Word>,
    },
    /// An identifier was attached.
    IdentifierLinked(Identifier),
    /// An identifier was detached.
    IdentifierUnlinked(Identifier),
    /// The member was suspended.
    MemberSuspended(Note),
    /// The suspension ended.
    MemberReinstated(Note),
    /// The member closed for good.
    MemberClosed(Note),
    /// Points were forfeited because the member closed.
    PointsForfeited {
        /// From this wallet.
        wallet: WalletId,
        /// This many (positive).
        points: Points,
        /// The lots they were in.
        lots: Vec<Lot>,
    },
    /// A purchase was recorded and earned this.
    PurchaseRecorded(Box<PurchaseRecorded>),
    /// A tier was earned, to hold over a span.
    TierEarned {
        /// The tier.
        tier: TierId,
        /// From this moment.
        since: Moment,
        /// Until just before this moment.
        until: Moment,
    },
    /// The tier the member stands on changed.
    TierChanged {
        /// Before.
        from: TierId,
        /// After.
        to: TierId,
        /// When it took effect.
        at: Moment,
        /// Why.
        cause: TierCause,
    },
    /// Points came into a wallet.
    PointsAdded(Box<PointsAdded>),
    /// Points left a wallet.
    PointsTaken(Box<PointsTaken>),
    /// Points that were pending can be spent.
    PointsMatured {
        /// The wallet.
        wallet: WalletId,
        /// From this moment.
        at: Moment,
        /// The lots, with the terms they had while they were pending.
        lots: Vec<Lot>,
    },
    /// Points were set aside; the entry is the hold's id.
    PointsHeld {
        /// The wallet.
        wallet: WalletId,
        /// Lapses at this moment.
        until: Moment,
        /// The parts of lots that were set aside.
        lots: Vec<Lot>,
        /// What for, in the caller's words.
        note: Note,
    },
    /// A hold was captured, all or part of it; what was not flows back to its lots.
    HoldCaptured {
        /// The hold.
        hold: Seq,
        /// The wallet.
        wallet: WalletId,
        /// What was spent.
        lots: Vec<Lot>,
        /// What flows back.
        rest: Vec<Lot>,
    },
    /// A hold ended without being captured; its points flow back to their lots.
    HoldReleased {
        /// The hold.
        hold: Seq,
        /// The wallet.
        wallet: WalletId,
        /// When.
        at: Moment,
        /// Whether its time ran out.
        lapsed: bool,
        /// What flows back.
        lots: Vec<Lot>,
    },
    /// Points that flowed back paid what was owed.
    DebtPaid(Box<DebtPaid>),
    /// Points that had ended unspent count as taken back: the goods that earned them came back.
    EndedReturned {
        /// The wallet.
        wallet: WalletId,
        /// The parts of lots, as they ended.
        lots: Vec<Lot>,
    },
    /// A reward was redeemed.
    RewardRedeemed(Box<RewardRedeemed>),
    /// A redemption was cancelled; the points come back by a [`Fact::PointsAdded`] beside this one.
    RedemptionCancelled {
        /// The entry that redeemed.
        redemption: Seq,
        /// Why, in the caller's words.
        reason: Note,
        /// The member's count of this reward goes back by this.
        count: Option<MeterPost>,
        /// The voucher that is void now.
        voucher: Option<Claim>,
    },
    /// A voucher was used.
    VoucherUsed {
        /// The voucher.
        voucher: Claim,
        /// What it was used for, in the caller's words.
        note: Note,
    },
    /// A voucher expired unused.
    VoucherExpired {
        /// The voucher.
        voucher: Claim,
        /// When.
        at: Moment,
    },
    /// Vouchers were cut from a balance.
    VouchersCut(Box<VouchersCut>),
    /// Goods came back, and with them what they had earned.
    PurchaseReturned(Box<PurchaseReturned>),
    /// A purchase whose points waited for it was confirmed.
    PurchaseConfirmed {
        /// The receipt.
        receipt: ReceiptKey,
    },
    /// An operator corrected a balance; the points move by a fact beside this one.
    PointsAdjusted {
        /// The wallet.
        wallet: WalletId,
        /// By how much; negative if taken.
        points: Points,
        /// Why.
        reason: Note,
        /// Who answers for it.
        actor: Text,
    },
    /// Points were sent to another member.
    TransferSent {
        /// Who gets them.
        to: MemberKey,
        /// The wallet.
        wallet: WalletId,
        /// The parts of lots that travel.
        lots: Vec<Lot>,
        /// What for, in the caller's words.
        note: Note,
    },
    /// Points of another member arrived; they come in by a [`Fact::PointsAdded`] beside this one.
    TransferReceived {
        /// Who sent them.
        from: MemberKey,
        /// The entry that sent them.
        sent_by: Seq,
    },
    /// What was sent has arrived, or came back.
    TransferClosed {
        /// The entry that sent it.
        sent_by: Seq,
        /// The lots that came back; none if the transfer arrived.
        back: Vec<Lot>,
    },
    /// The end of points was announced ahead of time.
    ExpiryAnnounced {
        /// The wallet.
        wallet: WalletId,
        /// When they will be gone.
        expires_at: Moment,
        /// How many, as it stands.
        points: Points,
    },
    /// Every lot of a wallet, what is held included, has another end now.
    LotsRedated {
        /// The wallet.
        wallet: WalletId,
        /// The new end.
        expires_at: Moment,
        /// When it is announced.
        notice_at: Moment,
    },
    /// Whether the points of a wallet are kept, as the member's tier has it: while they are, nothing of them ends.
    LotsKept {
        /// The wallet.
        wallet: WalletId,
        /// Kept from now on, or no more.
        kept: bool,
    },
    /// The member was active, which keeps a wallet from lapsing.
    ActivityCounted {
        /// The wallet.
        wallet: WalletId,
        /// When it lapses unless she is active before.
        lapses_at: Moment,
        /// When that is announced.
        notice_at: Moment,
        /// When it would have lapsed without this activity, [`Moment::NEVER`] included: what is bought and brought back is
        /// none. `None` where something else put it off as far.
        before: Option<Moment>,
    },
    /// The day on which vouchers are cut next.
    StatementSet {
        /// The wallet.
        wallet: WalletId,
        /// When.
        at: Moment,
    },
    /// What a member had elsewhere was brought in.
    OpeningStateSet(Box<OpeningState>),
    /// A tier that rested on goods that came back no longer holds.
    TierWithdrawn {
        /// The tier.
        tier: TierId,
        /// The end of the validity that is withdrawn.
        until: Moment,
    },
    /// What happened to tiers held otherwise than by earning, to clubs, privileges, milestones and boosts.
    Belonging(Box<BelongingFact>),
    /// What happened to the alert of a watched member.
    Alert(Box<AlertFact>),
    /// Part of something scarce was set aside for an order.
    PotReserved {
        /// What is scarce, such as `stock:flat-white`.
        pot: Text,
        /// How much; negative if the order gives it back.
        amount: Points,
        /// Whose order it is for.
        member: MemberKey,
        /// The key of that order.
        order: Claim,
        /// When it is looked up what became of it.
        until: Moment,
    },
    /// What became of a reservation.
    PotSettled {
        /// The entry that reserved.
        reservation: Seq,
        /// How much was used; the rest is free again.
        used: Points,
    },
    /// Something scarce that had been used was given back; no longer written, since a crash could come before it.
    PotReturned {
        /// How much.
        amount: Points,
        /// The entry that gives it back.
        by: Seq,
    },
}

/// Why a tier changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TierCause {
    /// The member earned it.
    Earned,
    /// The validity of what she held ended.
    ValidityEnded,
    /// What it rested on was returned.
    Returned,
    /// A tier was granted.
    Granted,
    /// A grant was revoked.
    Revoked,
    /// A program version with another ladder took effect.
    LadderChanged,
}

/// A program version, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramApplied {
    /// The operator's id for the program.
    pub id: Box<str>,
    /// 1, 2, 3, …
    pub version: u32,
    /// In force from here (the first: from the beginning of time).
    pub effective_at: Moment,
    /// The TOML text, whole.
    pub source: Box<str>,
    /// The words this version added to the register, in order.
    pub words_added: Vec<Box<str>>,
}

/// A new member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberEnrolled {
    /// Her id.
    pub member_id: Text,
    /// Whether the caller chose it.
    pub id_given: bool,
    /// What she can be recognised by.
    pub identifiers: Vec<Identifier>,
    /// Her attributes, sorted by id.
    pub attributes: Vec<AttributeValue>,
    /// The base tier she starts on, if the program has a ladder.
    pub base_tier: Option<TierId>,
}

/// A purchase and what it earned.
#[derive(Clone, Debug, PartialEq)]
pub struct PurchaseRecorded {
    /// The purchase, as the till reported it; a repeated receipt is compared against this, field by field.
    pub purchase: Arc<Purchase>,
    /// The moment it counts at: `occurred_at`, or our clock where that was a little ahead.
    pub counted_at: Moment,
    /// The tier the member held then, if the program has a ladder.
    pub tier: Option<TierId>,
    /// What it earned, in the order of the rules.
    pub grants: Vec<Grant>,
    /// The lots that came of it, one for each wallet.
    pub lots: SmallVec<[(WalletId, Lot); 1]>,
    /// What went into paying back debt instead.
    pub repaid: Vec<(WalletId, Points)>,
    /// The holds and redemptions that paid for it, each by its own entry; nothing else can be paid with them.
    pub paid_by: Vec<Seq>,
}

/// Points granted by one rule for one line or receipt, and the meters they fed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The rule.
    pub rule: RuleId,
    /// The program version the rule belongs to.
    pub program_version: u32,
    /// What part of the rule's promise this is.
    pub part: Part,
    /// The line it was granted for (position on the receipt); none when rounded per receipt.
    pub line: Option<u16>,
    /// What was counted: minor units, thousandths or attribute units, before any rounding. For a bonus: base points.
    pub basis: Ratio,
    /// The receiving wallet; none for a rule that only feeds meters.
    pub wallet: Option<WalletId>,
    /// What the rule asked for, in smallest units.
    pub desired: Points,
    /// What was granted, in smallest units.
    pub granted: Points,
    /// Meters that counted it.
    pub meters: SmallVec<[MeterPost; 1]>,
    /// What each line has earned of it, where it was granted for more than one line; fixed here for every return.
    pub shares: SmallVec<[(u16, Points); 2]>,
    /// Which limit made `granted` differ from `desired`.
    pub cap: Option<Cap>,
}

/// A limit that bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// The most per receipt.
    Receipt,
    /// The most per member and window.
    Member,
    /// What was left of the campaign's budget.
    Budget,
    /// Another campaign went first.
    Stacking,
}

/// Base points or a tier's bonus on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The rule's base.
    Base,
    /// The bonus of this tier.
    TierBonus(TierId),
}

/// An amount counted by a meter in one of its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeterPost {
    /// The meter.
    pub meter: MeterId,
    /// The first day of the window it counts in ([`LIFETIME`] for a lifetime, the day itself for rolling days).
    pub window: Day,
    /// How much, in the meter's smallest unit.
    pub amount: Points,
}

/// The window key of a meter that counts for ever.
pub const LIFETIME: Day = Day(0);

impl Entry {
    /// The unique keys this entry claims. A store indexes them and can prove a hit by computing them again.
    #[must_use]
    pub fn claims(&self) -> Vec<Claim> {
        let mut claims = Vec::with_capacity(2);
        let mut by_request = !self.request_id.is_empty();
        for fact in &self.facts {
            by_request &= !self.claim(fact, &mut claims);
        }
        if by_request {
            claims.push(Claim::request(self.member, &self.request_id));
            claims.extend(self.member_named_by().map(|by| Claim::request_by(self.program, by, &self.request_id)));
        }
        claims
    }

    /// The identifier by which the order named its member.
    #[must_use]
    pub fn member_named_by(&self) -> Option<IdentifierHash> {
        self.named_by.as_ref()?.member
    }

    /// The identifier by which the order named the other member.
    #[must_use]
    pub fn other_named_by(&self) -> Option<IdentifierHash> {
        self.named_by.as_ref()?.other
    }

    /// Adds the keys a fact claims; true if one of them is the key its order is known by.
    fn claim(&self, fact: &Fact, claims: &mut Vec<Claim>) -> bool {
        match fact {
            Fact::PurchaseRecorded(recorded) => {
                claims.push(Claim::receipt(self.program, &recorded.purchase.receipt));
                claims.extend(recorded.paid_by.iter().map(|by| Claim::paid(*by)));
            }
            Fact::MemberEnrolled(_) if !self.request_id.is_empty() => {
                claims.push(Claim::enrolment(self.program, &self.request_id));
            }
            Fact::PurchaseReturned(returned) => {
                claims.push(Claim::return_receipt(self.program, &returned.return_receipt));
                claims.push(Claim::return_number(self.program, &returned.receipt, returned.number));
            }
            Fact::ProgramApplied(_) if !self.request_id.is_empty() => {
                claims.push(Claim::version(self.program, &self.request_id));
            }
            Fact::HoldCaptured { hold, .. } => claims.push(Claim::capture(*hold)),
            Fact::Belonging(fact) => return fact.claim(self.member, claims),
            Fact::Alert(fact) => return fact.claim(self.member, claims),
            Fact::TransferReceived { sent_by, .. } => claims.push(Claim::transfer(*sent_by)),
            Fact::TransferClosed { sent_by, .. } => claims.push(Claim::transfer(*sent_by).end()),
            Fact::RewardRedeemed(redeemed) => {
                claims.extend(redeemed.voucher.as_ref().map(|voucher| voucher.claim));
                return false;
            }
            Fact::VouchersCut(cut) => {
                claims.push(cut.voucher.claim);
                return false;
            }
            Fact::VoucherUsed { voucher, .. } => {
                claims.push(voucher.end());
                return false;
            }
            Fact::RedemptionCancelled { redemption, .. } => {
                claims.push(Claim::cancellation(*redemption));
                return false;
            }
            _ => return false,
        }
        true
    }

    /// The voucher this entry issued under a claim: what for, how many of it, until when.
    #[must_use]
    pub fn voucher(&self, claim: Claim) -> Option<(RewardId, u32, Moment)> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::RewardRedeemed(redeemed) => {
                let voucher = redeemed.voucher.as_ref().filter(|voucher| voucher.claim == claim)?;
                Some((redeemed.reward, redeemed.times, voucher.expires_at))
            }
            Fact::VouchersCut(cut) if cut.voucher.claim == claim => {
                Some((cut.reward, cut.times, cut.voucher.expires_at))
            }
            _ => None,
        })
    }

    /// What this entry spent, if it redeemed: the hold's or redemption's own entry, the wallet, the lots.
    #[must_use]
    pub fn spent(&self) -> Option<(Seq, WalletId, &[Lot])> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::HoldCaptured { hold, wallet, lots, .. } => Some((*hold, *wallet, lots.as_slice())),
            Fact::RewardRedeemed(redeemed) => Some((self.seq, redeemed.wallet, redeemed.lots.as_slice())),
            _ => None,
        })
    }

    /// Whether this entry set points aside.
    #[must_use]
    pub fn is_hold(&self) -> bool {
        self.facts.iter().any(|fact| matches!(fact, Fact::PointsHeld { .. }))
    }

    /// The purchase this entry recorded, if it did.
    #[must_use]
    pub fn purchase(&self) -> Option<&PurchaseRecorded> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::PurchaseRecorded(recorded) => Some(&**recorded),
            _ => None,
        })
    }

    /// What this entry took back, if it did.
    #[must_use]
    pub fn returned(&self) -> Option<&PurchaseReturned> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::PurchaseReturned(returned) => Some(&**returned),
            _ => None,
        })
    }
}
