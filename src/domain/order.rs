//! What may be asked of Rung, and every way it may say no.
//!
//! An [`Order`] is a command with its member, key, caller and time; a [`Refusal`] is a "no" with a stable name.
//! Nothing here decides anything (that is `decide/`) or knows the wire.

use std::sync::Arc;

use smallvec::SmallVec;

use super::calendar::Zone;
use super::event::Seq;
use super::program::source::Flaw;
use super::program::{AttributeId, ProgramNo, Value};
use super::units::{CurrencyCode, Moment, Quantity, Text};

/// The 16-byte key that leads everything a store keeps of a member: a hash of program id and member id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberKey(pub [u8; 16]);

impl MemberKey {
    /// Belongs to nobody; entries about programs carry it.
    pub const NOBODY: Self = Self([0; 16]);

    /// The key of this member.
    #[must_use]
    pub fn of(program_id: &str, member_id: &str) -> Self {
        Self(Digest::of("rung member v1").text(program_id).text(member_id).half())
    }
}

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
}

impl Purchase {
    /// The sum of all lines in minor units, `None` on overflow.
    #[must_use]
    pub fn total(&self) -> Option<i64> {
        self.lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(line.minor_units))
    }
}

/// A unique key that a commit may claim, hashed; it answers with the entry that claimed it for as long as that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim(pub [u8; 16]);

impl Claim {
    /// A purchase's receipt, within its program.
    #[must_use]
    pub fn receipt(program: ProgramNo, receipt: &ReceiptKey) -> Self {
        let digest = Digest::of("rung receipt v1").bytes(&program.0.to_be_bytes());
        Self(digest.text(&receipt.source).text(&receipt.id).half())
    }

    /// An enrolment's request id, within its program.
    #[must_use]
    pub fn enrolment(program: ProgramNo, request_id: &str) -> Self {
        Self(Digest::of("rung enrolment v1").bytes(&program.0.to_be_bytes()).text(request_id).half())
    }

    /// Any other order's request id, within its member.
    #[must_use]
    pub fn request(member: MemberKey, request_id: &str) -> Self {
        Self(Digest::of("rung request v1").bytes(&member.0).text(request_id).half())
    }
}

/// What is hashed into a key, gathered so that it is hashed in one go: most keys fit one block or two.
struct Digest(SmallVec<[u8; 192]>);

impl Digest {
    fn of(context: &str) -> Self {
        Self(SmallVec::from_slice(context.as_bytes()))
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A text, its length before it, so that no two lists of texts read alike.
    fn text(self, text: &str) -> Self {
        self.bytes(&(text.len() as u64).to_be_bytes()).bytes(text.as_bytes())
    }

    fn half(self) -> [u8; 16] {
        let mut half = [0; 16];
        half.copy_from_slice(blake3::hash(&self.0).as_bytes().first_chunk::<16>().unwrap_or(&[0; 16]));
        half
    }
}

/// One faulty field of an order, with the path the caller knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Such as `purchase.lines[2].amount`.
    pub field: String,
    /// What is wrong with it: lower case, no full stop.
    pub message: String,
}

/// A "no". The variants stand in their order of precedence: of several that apply, the first is answered.
///
/// A refusal leaves no trace on any balance and is not remembered: a retry is decided anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Fields are missing, malformed or contradict each other; all of them are listed.
    #[error("{} faulty", match .0.len() { 1 => "a field is".to_owned(), n => format!("{n} fields are") })]
    Malformed(Vec<Fault>),
    /// The program source has flaws; all of them are listed.
    #[error("the program source has {} flaw(s)", .0.len())]
    ProgramFlawed(Vec<Flaw>),
    /// No program has this id.
    #[error("there is no program `{0}`")]
    UnknownProgram(Text),
    /// The program has no such version.
    #[error("the program has no version {0}")]
    UnknownVersion(u32),
    /// The program has no such entry.
    #[error("the program has no such entry")]
    UnknownEntry,
    /// The program has no such member.
    #[error("the program has no such member")]
    UnknownMember,
    /// The key was used before with other content.
    #[error("the key was used before with another `{field}`")]
    KeyReused {
        /// The first field that differs.
        field: String,
        /// The entry that holds the key.
        entry: Seq,
    },
    /// The receipt belongs to another member.
    #[error("the receipt was claimed by another member")]
    ReceiptClaimed,
    /// The program moved on since the caller read it.
    #[error("the program is at version {found}, not {expected}")]
    StaleVersion {
        /// What the caller expected.
        expected: u32,
        /// What is in force or waiting.
        found: u32,
    },
    /// A version would take effect before now or before the version it follows.
    #[error("a version cannot take effect in the past")]
    EffectiveInPast {
        /// What was asked.
        effective_at: Moment,
        /// The earliest possible.
        earliest: Moment,
    },
    /// The server runs on the real clock.
    #[error("the server was not started with a test clock")]
    NoTestClock,
    /// A clock only moves forwards.
    #[error("a clock only moves forwards")]
    ClockBackwards {
        /// What was asked.
        to: Moment,
        /// Where it stands.
        now: Moment,
    },
    /// Another member has this id.
    #[error("a member with this id exists")]
    MemberExists,
    /// Another member has this identifier.
    #[error("the identifier `{kind}` {mask} belongs to another member")]
    IdentifierClaimed {
        /// Its kind.
        kind: Text,
        /// Its mask.
        mask: Text,
    },
    /// The member has no such identifier.
    #[error("the member has no such identifier")]
    IdentifierNotLinked,
    /// The member has this identifier already.
    #[error("the member has this identifier already")]
    IdentifierAlreadyLinked,
    /// The member is suspended.
    #[error("the member is suspended")]
    MemberSuspended,
    /// The member is not suspended, so there is nothing to reinstate.
    #[error("the member is not suspended")]
    MemberNotSuspended,
    /// The member is closed.
    #[error("the member is closed")]
    MemberClosed,
    /// The purchase lies further ahead of our clock than the five minutes allowed.
    #[error("the purchase lies in the future")]
    OccurredInFuture {
        /// The purchase's moment.
        occurred_at: Moment,
        /// Our clock.
        now: Moment,
    },
    /// The purchase is older than the program accepts.
    #[error("the purchase is older than the program accepts")]
    TooLate {
        /// The purchase's moment.
        occurred_at: Moment,
        /// The earliest moment still accepted.
        earliest: Moment,
    },
    /// The purchase happened before the member enrolled.
    #[error("the purchase happened before the member enrolled")]
    BeforeEnrolment {
        /// The purchase's moment.
        occurred_at: Moment,
        /// The moment of enrolment.
        enrolled_at: Moment,
    },
    /// The purchase is not in the program's currency.
    #[error("the program counts {expected:?}, not {found:?}")]
    WrongCurrency {
        /// The program's.
        expected: CurrencyCode,
        /// The purchase's.
        found: CurrencyCode,
    },
    /// A sum would leave the 64-bit range.
    #[error("the amounts are too large to count")]
    AmountOverflow,
}

impl Refusal {
    /// The stable reason callers branch on, as in `google.rpc.ErrorInfo`.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "MALFORMED",
            Self::ProgramFlawed(_) => "PROGRAM_FLAWED",
            Self::UnknownProgram(_) => "UNKNOWN_PROGRAM",
            Self::UnknownVersion(_) => "UNKNOWN_VERSION",
            Self::UnknownEntry => "UNKNOWN_ENTRY",
            Self::UnknownMember => "UNKNOWN_MEMBER",
            Self::KeyReused { .. } => "KEY_REUSED",
            Self::ReceiptClaimed => "RECEIPT_CLAIMED",
            Self::StaleVersion { .. } => "STALE_VERSION",
            Self::EffectiveInPast { .. } => "EFFECTIVE_IN_PAST",
            Self::NoTestClock => "NO_TEST_CLOCK",
            Self::ClockBackwards { .. } => "CLOCK_BACKWARDS",
            Self::MemberExists => "MEMBER_EXISTS",
            Self::IdentifierClaimed { .. } => "IDENTIFIER_CLAIMED",
            Self::IdentifierNotLinked => "IDENTIFIER_NOT_LINKED",
            Self::IdentifierAlreadyLinked => "IDENTIFIER_ALREADY_LINKED",
            Self::MemberSuspended => "MEMBER_SUSPENDED",
            Self::MemberNotSuspended => "MEMBER_NOT_SUSPENDED",
            Self::MemberClosed => "MEMBER_CLOSED",
            Self::OccurredInFuture { .. } => "OCCURRED_IN_FUTURE",
            Self::TooLate { .. } => "TOO_LATE",
            Self::BeforeEnrolment { .. } => "BEFORE_ENROLMENT",
            Self::WrongCurrency { .. } => "WRONG_CURRENCY",
            Self::AmountOverflow => "AMOUNT_OVERFLOW",
        }
    }
}

/// An attribute with its declared id, as state and facts keep it.
pub type AttributeValue = (AttributeId, Value);
