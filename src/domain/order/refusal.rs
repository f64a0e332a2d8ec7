//! Every way Rung may say no, in the order of precedence.

use crate::domain::event::Seq;
use crate::domain::program::source::Flaw;
use crate::domain::units::{CurrencyCode, Moment, Points, Text};

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
    /// No purchase has this receipt.
    #[error("no purchase has this receipt")]
    UnknownReceipt,
    /// No hold has this id.
    #[error("there is no such hold")]
    UnknownHold,
    /// No redemption has this id.
    #[error("there is no such redemption")]
    UnknownRedemption,
    /// No voucher has this code.
    #[error("there is no such voucher")]
    UnknownVoucher,
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
    /// The program has no such reward.
    #[error("there is no reward `{0}`")]
    UnknownReward(Text),
    /// The program has no such wallet.
    #[error("there is no wallet `{0}`")]
    UnknownWallet(Text),
    /// The receiver is not known.
    #[error("the program has no such receiver")]
    UnknownReceiver,
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
    /// The goods were not bought on that receipt, or have come back already.
    #[error("line `{line_id}` has {left} left to come back, not {asked}")]
    ReturnExceedsPurchase {
        /// The line.
        line_id: Text,
        /// What was asked: thousandths of a quantity, or minor units.
        asked: i64,
        /// What is left of it.
        left: i64,
    },
    /// Nothing of the purchase is left to come back.
    #[error("everything on the receipt has come back")]
    NothingToReturn,
    /// The purchase does not wait for a confirmation.
    #[error("nothing of the purchase waits for a confirmation")]
    NothingToConfirm,
    /// The hold was captured, released or has lapsed.
    #[error("the hold is over")]
    HoldOver,
    /// More is captured than is held.
    #[error("the hold holds {}, not {}", .held.0, .asked.0)]
    CaptureExceedsHold {
        /// What was asked, in smallest units.
        asked: Points,
        /// What is held.
        held: Points,
    },
    /// The reward cannot be had at this moment.
    #[error("the reward is not offered now")]
    RewardNotOffered,
    /// The reward is for members on other tiers.
    #[error("the reward is not for the member's tier")]
    TierRequired,
    /// The member has had as many of the reward as she may.
    #[error("the member may have {left} more of the reward, not {asked}")]
    RewardLimit {
        /// How many were asked.
        asked: i64,
        /// How many she may still have.
        left: i64,
    },
    /// Too few of the reward are left.
    #[error("{left} of the reward are left, not {asked}")]
    OutOfStock {
        /// How many were asked.
        asked: i64,
        /// How many are left.
        left: i64,
    },
    /// The voucher was used, cancelled or has expired.
    #[error("the voucher is over")]
    VoucherOver,
    /// The redemption was cancelled, or what it bought was used.
    #[error("the redemption cannot be cancelled any more")]
    RedemptionOver,
    /// The redemption paid for another purchase already, or was cancelled.
    #[error("the redemption paid for another purchase already, or was cancelled")]
    RedemptionSpent,
    /// Points of this wallet are only spent in whole books.
    #[error("{} is no whole number of books of {}", .points.0, .book.0)]
    NotWholeBooks {
        /// What was asked, in smallest units.
        points: Points,
        /// The book.
        book: Points,
    },
    /// Points of this wallet cannot be sent.
    #[error("the points of this wallet cannot be sent")]
    NotTransferable,
    /// The receiver cannot take points.
    #[error("the receiver cannot take points")]
    ReceiverNotActive,
    /// There are too few points.
    #[error("{} points can be spent, not {}", .available.0, .asked.0)]
    InsufficientPoints {
        /// What was asked, in smallest units.
        asked: Points,
        /// What can be spent.
        available: Points,
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
            Self::UnknownReceipt => "UNKNOWN_RECEIPT",
            Self::UnknownHold => "UNKNOWN_HOLD",
            Self::UnknownRedemption => "UNKNOWN_REDEMPTION",
            Self::UnknownVoucher => "UNKNOWN_VOUCHER",
            Self::UnknownReward(_) => "UNKNOWN_REWARD",
            Self::UnknownWallet(_) => "UNKNOWN_WALLET",
            Self::UnknownReceiver => "UNKNOWN_RECEIVER",
            Self::ReturnExceedsPurchase { .. } => "RETURN_EXCEEDS_PURCHASE",
            Self::NothingToReturn => "NOTHING_TO_RETURN",
            Self::NothingToConfirm => "NOTHING_TO_CONFIRM",
            Self::HoldOver => "HOLD_OVER",
            Self::CaptureExceedsHold { .. } => "CAPTURE_EXCEEDS_HOLD",
            Self::RewardNotOffered => "REWARD_NOT_OFFERED",
            Self::TierRequired => "TIER_REQUIRED",
            Self::RewardLimit { .. } => "REWARD_LIMIT",
            Self::OutOfStock { .. } => "OUT_OF_STOCK",
            Self::VoucherOver => "VOUCHER_OVER",
            Self::RedemptionOver => "REDEMPTION_OVER",
            Self::RedemptionSpent => "REDEMPTION_SPENT",
            Self::NotWholeBooks { .. } => "NOT_WHOLE_BOOKS",
            Self::NotTransferable => "NOT_TRANSFERABLE",
            Self::ReceiverNotActive => "RECEIVER_NOT_ACTIVE",
            Self::InsufficientPoints { .. } => "INSUFFICIENT_POINTS",
            Self::AmountOverflow => "AMOUNT_OVERFLOW",
        }
    }
}

impl Refusal {
    /// What would change the answer, for whoever asked before the fact: lower case, no full stop. The numbers are in
    /// the refusal's fields. None where the order itself is wrong, or nothing would.
    #[must_use]
    pub const fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::MemberSuspended => "reinstate the member",
            Self::BeforeEnrolment { .. } => "set `credit_before_enrolment` in the program",
            Self::TooLate { .. } => "raise `accept_late` in the program",
            Self::OccurredInFuture { .. } => "set the till's clock, or wait until then",
            Self::ReturnExceedsPurchase { .. } => "ask for no more than what is left",
            Self::CaptureExceedsHold { .. } => "capture no more than is held, and hold the rest anew",
            Self::HoldOver => "hold the points anew",
            Self::RewardNotOffered => "ask while the reward is offered, or change its dates in the program",
            Self::TierRequired => "reach one of the reward's tiers",
            Self::RewardLimit { .. } => {
                "wait for the next window of the reward's limit, or ask for no more than is left"
            }
            Self::OutOfStock { .. } => "raise the reward's stock in the program, or ask for no more than is left",
            Self::InsufficientPoints { .. } => "earn the points that are missing, or ask for no more than is available",
            Self::NotWholeBooks { .. } => "ask for a multiple of the book",
            Self::NotTransferable => "set `transferable` for the wallet in the program",
            Self::ReceiverNotActive => "send to another member who is active",
            Self::RedemptionSpent => "pay with a redemption of its own",
            _ => return None,
        })
    }
}
