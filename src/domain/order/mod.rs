//! What may be asked of Rung, and every way it may say no.
//!
//! An [`Order`] is a command with its member, key, caller and time; a [`Refusal`] is a "no" with a stable name.
//! Nothing here decides anything (that is `decide/`) or knows the wire.

mod alert;
mod belonging;
mod keys;
mod points;
mod refusal;

use std::sync::Arc;

use super::calendar::Zone;
use super::event::Seq;
use super::program::{AttributeId, Value};
use super::units::{CurrencyCode, Moment, Points, Quantity, Text};
pub use alert::{AlertOrder, Raising};
pub use belonging::{BelongingOrder, Granting, Tagging, Using};
pub use keys::{Claim, MemberKey};
pub use points::{
    Adjustment, Arrival, Holding, Import, ImportedLot, ImportedMembership, ImportedMeter, ImportedTier, Return,
    ReturnLine, Sending,
};
pub use refusal::{Fault, Refusal, Unoffered};

/// The keyed hash of an identifier, made at the edge of the house: the value itself never comes this far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentifierHash(pub [u8; 16]);

/// What a member can be recognised by: a card, a phone, a mail address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    /// `card`, `phone`, `mail`, or a word of the operator's own (1 to 32 of `a-z0-9_-`).
    pub kind: Text,
    /// The keyed hash over program, kind and value.
    pub hash: IdentifierHash,
    /// What may be shown: `…3C4`.
    pub mask: Text,
}

/// How an order names its member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberName {
    /// By the operator's id.
    Id(Text),
    /// By an identifier.
    Identifier(Identifier),
    /// As the one whose purchase this is.
    Receipt(ReceiptKey),
    /// As the one whose entry this is (a hold, a redemption).
    Entry(Seq),
    /// As the one who holds this voucher.
    Voucher(Claim),
    /// By her key, as the engine itself names her.
    Key(MemberKey),
}

/// Who sent an order; recorded, never compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The authenticated principal; empty while the server asks for none.
    pub principal: Text,
    /// The W3C trace id, empty if none came along.
    pub trace_id: Text,
}

/// A command for one member.
#[derive(Clone, Debug)]
pub struct Order {
    /// The program, as the caller named it.
    pub program: Text,
    /// The member, as the caller named her.
    pub member: MemberName,
    /// The caller's key for this order; empty only where the verb has a key of its own (a purchase).
    pub request_id: Text,
    /// Who asks.
    pub caller: Caller,
    /// What is asked.
    pub verb: Verb,
}

/// What can be asked of a member.
#[derive(Clone, Debug)]
pub enum Verb {
    /// Create the member.
    Enroll(Enrolment),
    /// Set or remove attributes.
    Update(AttributesUpdate),
    /// Attach an identifier.
    LinkIdentifier(Identifier),
    /// Detach an identifier.
    UnlinkIdentifier(Identifier),
    /// Stop everything but reads, returns and replays.
    Suspend(Note),
    /// End a suspension.
    Reinstate(Note),
    /// Close for good.
    Close(Note),
    /// Record a purchase.
    RecordPurchase(Arc<Purchase>),
    /// Bring the member up to now; the sweeper's order, keyless and idempotent.
    Settle,
    /// Create the member with what she had elsewhere.
    Import(Box<Import>),
    /// Take back goods.
    ReturnPurchase(Arc<Return>),
    /// Let the points of a purchase that wait for it be spent.
    ConfirmPurchase(ReceiptKey),
    /// Set points aside.
    Hold(Holding),
    /// Spend what a hold set aside.
    Capture {
        /// The hold.
        hold: Seq,
        /// How much of it; all if absent.
        points: Option<Points>,
    },
    /// Let a hold go.
    Release(Seq),
    /// Redeem a reward.
    Redeem {
        /// The reward's id.
        reward: Text,
        /// How many of it, at least 1.
        times: u32,
    },
    /// Take a redemption back.
    CancelRedemption {
        /// The entry that redeemed.
        redemption: Seq,
        /// Why.
        reason: Note,
    },
    /// Use a voucher up.
    UseVoucher {
        /// The hash of its code.
        voucher: Claim,
        /// What for.
        note: Note,
    },
    /// Correct a balance.
    Adjust(Adjustment),
    /// Send points to another member.
    Transfer(Sending),
    /// Take in what another member sent; the engine's own second order of a transfer.
    Receive(Arrival),
    /// Note what became of a transfer; its third.
    CloseTransfer {
        /// The entry that sent it.
        sent_by: Seq,
        /// Whether it arrived; else it comes back.
        arrived: bool,
    },
    /// Something about tiers granted, clubs, privileges, choices or boosts.
    Belonging(Box<BelongingOrder>),
    /// Something about an alert.
    Alert(Box<AlertOrder>),
}

/// A new member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// The id she gets.
    pub member_id: Text,
    /// Whether the caller chose the id (else we made it, and it is not compared on a retry).
    pub id_given: bool,
    /// What she can be recognised by.
    pub identifiers: Vec<Identifier>,
    /// Her declared attributes, by name.
    pub attributes: Vec<(Text, Value)>,
}

/// Attributes to set and to remove, by name.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AttributesUpdate {
    /// New values.
    pub set: Vec<(Text, Value)>,
    /// Names to take away.
    pub remove: Vec<Text>,
}

/// A free text with an order, such as why a member is suspended (at most 256 bytes).
pub type Note = Text;

/// A purchase's natural key: the system that issued the receipt and its number there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReceiptKey {
    /// The issuing system (`aa.com`, `store-17/till-2`), 1 to 64 bytes.
    pub source: Text,
    /// The receipt's number there, 1 to 128 bytes.
    pub id: Text,
}

/// What a till reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Purchase {
    /// The natural key.
    pub receipt: ReceiptKey,
    /// What sort of purchase (`flight`, `sale`), a word of the program's.
    pub kind: Text,
    /// When it happened at the till.
    pub occurred_at: Moment,
    /// The store's zone, if the till gave one; the program's otherwise.
    pub zone: Option<Zone>,
    /// One currency for all amounts.
    pub currency: CurrencyCode,
    /// What was bought, 1 to 500 lines, in the order of the receipt.
    pub lines: Vec<Line>,
    /// How it was paid, if the till says so.
    pub tenders: Vec<Tender>,
    /// `app`, `store`, `web`: free words, empty if not given.
    pub channel: Text,
    /// The store, empty if not given.
    pub store: Text,
    /// The partner, empty if not given.
    pub partner: Text,
    /// Declared attributes, sorted by name.
    pub attributes: Vec<(Text, Value)>,
}

/// One line of a receipt.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Unique within the receipt.
    pub line_id: Text,
    /// The article, empty if not given.
    pub sku: Text,
    /// The category rules choose by, empty if not given.
    pub category: Text,
    /// How many.
    pub quantity: Quantity,
    /// What the whole line cost, in the purchase's currency; negative for a discount.
    pub minor_units: i64,
    /// Declared attributes, sorted by name.
    pub attributes: Vec<(Text, Value)>,
}

/// One means of payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tender {
    /// `card`, `cash`, `points` (the part paid with points earns nothing unless a rule says so), or a word of
    /// the operator's own.
    pub kind: Text,
    /// What was paid this way.
    pub minor_units: i64,
    /// The entry that captured or redeemed the points it was paid with; [`Seq::NONE`] if not given.
    pub redemption: Seq,
}

/// The kind of tender that is points.
const POINTS_TENDER: &str = "points";

impl Tender {
    /// Whether it is points: it says so, or it names the redemption that paid.
    #[must_use]
    pub fn is_points(&self) -> bool {
        &*self.kind == POINTS_TENDER || self.redemption != Seq::NONE
    }
}

impl Purchase {
    /// The sum of all lines in minor units, `None` on overflow.
    #[must_use]
    pub fn total(&self) -> Option<i64> {
        self.lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(line.minor_units))
    }
}

/// An attribute with its declared id, as state and facts keep it.
pub type AttributeValue = (AttributeId, Value);
