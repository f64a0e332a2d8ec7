//! What happened: facts in the past tense, and the [`Entry`] that carries them in the ledger.
//!
//! Facts carry results, never rules, so a member is their plain fold and replay needs no program. They are for
//! ever: a variant may gain fields, never change what a field means. How they are written is `store/format.rs`.

use std::sync::Arc;

use smallvec::SmallVec;

use super::calendar::Day;
use super::order::{AttributeValue, Claim, Identifier, MemberKey, Note, Purchase};
use super::program::{MeterId, ProgramNo, RuleId, TierId, WalletId, Word};
use super::units::{Moment, Points, Ratio, Text};

/// An entry's place in the feed: 1 for the first, without holes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first entry; also "none" for an entry without a predecessor.
    pub const NONE: Self = Self(0);

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
    /// What happened, in order; never empty.
    pub facts: Vec<Fact>,
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
}

/// Why a tier changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TierCause {
    /// The member earned it.
    Earned,
    /// The validity of what she held ended.
    ValidityEnded,
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
        let mut request_scope = (!self.request_id.is_empty()).then_some(Claim::request as fn(_, &str) -> _);
        for fact in &self.facts {
            match fact {
                Fact::PurchaseRecorded(recorded) => {
                    claims.push(Claim::receipt(self.program, &recorded.purchase.receipt));
                    request_scope = None;
                }
                Fact::MemberEnrolled(_) if !self.request_id.is_empty() => {
                    claims.push(Claim::enrolment(self.program, &self.request_id));
                    request_scope = None;
                }
                _ => {}
            }
        }
        claims.extend(request_scope.map(|claim| claim(self.member, &self.request_id)));
        claims
    }

    /// The purchase this entry recorded, if it did.
    #[must_use]
    pub fn purchase(&self) -> Option<&PurchaseRecorded> {
        self.facts.iter().find_map(|fact| match fact {
            Fact::PurchaseRecorded(recorded) => Some(&**recorded),
            _ => None,
        })
    }
}
