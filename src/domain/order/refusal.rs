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

/// Why a reward is not offered at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unoffered {
    /// It will be, from this moment.
    Until(Moment),
    /// It was, before this moment.
    Since(Moment),
    /// It is never for sale: vouchers for it are cut from balances.
    Ever,
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
    /// The ladder has no such tier above its base.
    #[error("there is no tier `{0}` above the base")]
    UnknownTier(Text),
    /// The program has no such club.
    #[error("there is no club `{0}`")]
    UnknownClub(Text),
    /// The program has no such privilege.
    #[error("there is no privilege `{0}`")]
    UnknownPrivilege(Text),
    /// The program has no such milestone, option or boost.
    #[error("there is no milestone, option or boost `{0}`")]
    UnknownBenefit(Text),
    /// The member has no such grant.
    #[error("the member has no such grant")]
    UnknownGrant,
    /// No use of a privilege has this id.
    #[error("there is no such use of a privilege")]
    UnknownUse,
    /// There is no such alert.
    #[error("there is no such alert")]
    UnknownAlert,
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
    RewardNotOffered(Unoffered),
    /// The reward is for members on these tiers.
    #[error("the reward is not for the member's tier")]
    TierRequired(Vec<Text>),
    /// The member has had as many of the reward as she may.
    #[error("the member may have {left} more of the reward, not {asked}")]
    RewardLimit {
        /// How many were asked.
        asked: i64,
        /// How many she may still have.
        left: i64,
        /// When she may have as many as she asked for; none if that time never comes.
        opens_at: Option<Moment>,
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
    /// The tier cannot be granted this way: the ladder has no trial for a match, or nothing lets her give it.
    #[error("the tier cannot be granted this way")]
    GrantNotOffered,
    /// A grant would end before now.
    #[error("a grant cannot end before now")]
    GrantOver,
    /// The club takes nobody in at this moment.
    #[error("the club takes nobody in now")]
    ClubNotOpen,
    /// The member belongs to the club already, and its term is not one to be paid again.
    #[error("the member belongs to the club already")]
    AlreadyMember,
    /// The member does not belong to the club, or to none of those whose members a reward is for.
    #[error("the member does not belong to the club")]
    NotMember {
        /// The clubs; one is enough.
        clubs: Vec<Text>,
        /// Whether belonging would help: not where she leaves.
        helps: bool,
    },
    /// The club is for those who are invited.
    #[error("the club is for those who are invited")]
    NotInvited,
    /// The member has asked to be let in already, and waits for an answer.
    #[error("the member has asked to be let in already")]
    AlreadyAsked,
    /// The member has not asked to be let in.
    #[error("the member has not asked to be let in")]
    NotAsked,
    /// The member does not meet the condition of the club, the option or the trial.
    #[error("the member does not meet the condition `{0}`")]
    ConditionNotMet(Text),
    /// What was paid is not the fee.
    #[error("the fee is {}, not {}", .fee.0, .paid.0)]
    FeeRequired {
        /// The fee, in minor units.
        fee: Points,
        /// What was paid.
        paid: Points,
    },
    /// The club is full.
    #[error("the club is full: it has {0} places")]
    ClubFull(i64),
    /// Neither the member's tier nor a club nor anything given to her has the privilege.
    #[error("the member does not have the privilege")]
    NotEntitled,
    /// Too few uses of the privilege are left.
    #[error("{left} uses are left, not {asked}")]
    QuotaUsed {
        /// How many were asked.
        asked: u32,
        /// How many are left.
        left: i64,
    },
    /// The privilege opens later, and not yet.
    #[error("the privilege is not open yet")]
    NotOpenYet {
        /// When it opens.
        opens_at: Moment,
    },
    /// The privilege covers fewer companions.
    #[error("the privilege covers {covered} companions, not {asked}")]
    TooManyCompanions {
        /// How many were asked.
        asked: u32,
        /// How many it covers.
        covered: u32,
    },
    /// Nothing of the privilege is counted, so there is nothing to use.
    #[error("nothing of the privilege is counted")]
    NotCounted,
    /// A use of the privilege is a present: it is used by giving it to somebody.
    #[error("a use of the privilege is a present to somebody")]
    OnlyGiven,
    /// The use was given back already, or its gift has arrived.
    #[error("the use is over")]
    UseOver,
    /// Somebody takes care of the alert already, or it is over.
    #[error("somebody takes care of the alert already, or it is over")]
    AlertOver {
        /// Who takes care of it; empty where it is over.
        acknowledged_by: Text,
    },
    /// The member has no such choice to make: not reached, made already, or too late.
    #[error("the member has no such choice to make")]
    NoChoice,
    /// The option costs more choices than are left, or was taken as often as it may be.
    #[error("{left} choices are left, not {asked}")]
    ChoicesUsed {
        /// How many the option costs.
        asked: u32,
        /// How many are left for it.
        left: u32,
    },
    /// The member has no such boost to begin: not given, begun already, or too late.
    #[error("the member has no such boost to begin")]
    NoBoost,
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
        /// What is there besides and cannot be spent yet.
        pending: Points,
        /// What is there besides and set aside.
        held: Points,
        /// When enough of it can be spent, if time alone does it.
        matures_at: Option<Moment>,
    },
    /// A sum would leave the 64-bit range.
    #[error("the amounts are too large to count: {of} would leave the range")]
    AmountOverflow {
        /// What would: `earned`, a wallet as `wallets.NAME`, `price`, `liability`, or `counted` for a member's counts.
        of: Text,
    },
}

impl Refusal {
    /// A sum that leaves its range, and what it is of.
    pub(crate) fn too_large(of: &str) -> Self {
        Self::AmountOverflow { of: of.into() }
    }

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
            Self::RewardNotOffered(_) => "REWARD_NOT_OFFERED",
            Self::TierRequired(_) => "TIER_REQUIRED",
            Self::RewardLimit { .. } => "REWARD_LIMIT",
            Self::OutOfStock { .. } => "OUT_OF_STOCK",
            Self::VoucherOver => "VOUCHER_OVER",
            Self::RedemptionOver => "REDEMPTION_OVER",
            Self::RedemptionSpent => "REDEMPTION_SPENT",
            Self::NotWholeBooks { .. } => "NOT_WHOLE_BOOKS",
            Self::NotTransferable => "NOT_TRANSFERABLE",
            Self::ReceiverNotActive => "RECEIVER_NOT_ACTIVE",
            Self::InsufficientPoints { .. } => "INSUFFICIENT_POINTS",
            Self::AmountOverflow { .. } => "AMOUNT_OVERFLOW",
            other => other.reason_of_belonging(),
        }
    }

    /// The reasons of tiers, clubs, privileges and choices. (A test holds that no refusal is forgotten.)
    const fn reason_of_belonging(&self) -> &'static str {
        match self {
            Self::UnknownTier(_) => "UNKNOWN_TIER",
            Self::UnknownClub(_) => "UNKNOWN_CLUB",
            Self::UnknownPrivilege(_) => "UNKNOWN_PRIVILEGE",
            Self::UnknownBenefit(_) => "UNKNOWN_BENEFIT",
            Self::UnknownGrant => "UNKNOWN_GRANT",
            Self::UnknownUse => "UNKNOWN_USE",
            Self::UnknownAlert => "UNKNOWN_ALERT",
            Self::GrantNotOffered => "GRANT_NOT_OFFERED",
            Self::GrantOver => "GRANT_OVER",
            Self::ClubNotOpen => "CLUB_NOT_OPEN",
            Self::AlreadyMember => "ALREADY_MEMBER",
            Self::NotMember { .. } => "NOT_MEMBER",
            Self::NotInvited => "NOT_INVITED",
            Self::AlreadyAsked => "ALREADY_ASKED",
            Self::NotAsked => "NOT_ASKED",
            Self::ConditionNotMet(_) => "CONDITION_NOT_MET",
            Self::FeeRequired { .. } => "FEE_REQUIRED",
            Self::ClubFull(_) => "CLUB_FULL",
            Self::NotEntitled => "NOT_ENTITLED",
            Self::QuotaUsed { .. } => "QUOTA_USED",
            Self::NotOpenYet { .. } => "NOT_OPEN_YET",
            Self::TooManyCompanions { .. } => "TOO_MANY_COMPANIONS",
            Self::NotCounted => "NOT_COUNTED",
            Self::OnlyGiven => "ONLY_GIVEN",
            Self::UseOver => "USE_OVER",
            Self::AlertOver { .. } => "ALERT_OVER",
            Self::NoChoice => "NO_CHOICE",
            Self::ChoicesUsed { .. } => "CHOICES_USED",
            Self::NoBoost => "NO_BOOST",
            _ => "REFUSED",
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
            Self::RewardNotOffered(why) => why.remedy(),
            Self::TierRequired(_) => "reach one of the reward's tiers",
            Self::RewardLimit { opens_at: Some(_), .. } => {
                "wait for the next window of the reward's limit, or ask for no more than is left"
            }
            Self::RewardLimit { opens_at: None, .. } => {
                "ask for no more than is left, or raise the reward's limit in the program"
            }
            Self::OutOfStock { .. } => "raise the reward's stock in the program, or ask for no more than is left",
            Self::InsufficientPoints { asked, available, pending, held, matures_at } => {
                missing_points(*asked, *available, (*pending, *held), matures_at.is_some())
            }
            Self::GrantNotOffered => "give the tier a `trial`, or her a privilege that is a gift of it, in the program",
            Self::GrantOver => "name an end that lies ahead",
            Self::ClubNotOpen => "ask while the club takes people in, or change its dates in the program",
            Self::NotInvited => "invite the member",
            Self::NotMember { helps: true, .. } => "join one of the reward's clubs",
            Self::ConditionNotMet(_) => "meet the condition",
            Self::FeeRequired { .. } => "pay the fee",
            Self::ClubFull(_) => "raise the club's capacity in the program, or wait until somebody leaves",
            Self::NotEntitled => "reach a tier or join a club that has the privilege",
            Self::QuotaUsed { .. } => "wait for the next window of the quota, or ask for no more than is left",
            Self::NotOpenYet { .. } => "ask again when it opens",
            Self::TooManyCompanions { .. } => "ask for no more companions than it covers",
            Self::OnlyGiven => "grant the tier to another member, as a gift of this one",
            Self::ChoicesUsed { .. } => "choose an option that costs no more than is left",
            Self::NotWholeBooks { .. } => "ask for a multiple of the book",
            Self::NotTransferable => "set `transferable` for the wallet in the program",
            Self::ReceiverNotActive => "send to another member who is active",
            Self::WrongCurrency { .. } => "name amounts in the program's currency",
            Self::NothingToConfirm => "confirm a purchase whose points are pending until then",
            Self::RedemptionOver => "correct the balance if the points are to come back all the same",
            Self::RedemptionSpent => "pay with a redemption of its own",
            _ => return None,
        })
    }
}

impl Unoffered {
    const fn remedy(&self) -> &'static str {
        match self {
            Self::Until(_) => "ask again when the reward is offered, or change its dates in the program",
            Self::Since(_) => "change the reward's dates in the program",
            Self::Ever => "give the reward a price in the program: vouchers for it are only cut from balances",
        }
    }
}

/// What would make up for points that are missing.
const fn missing_points(
    asked: Points,
    available: Points,
    (pending, held): (Points, Points),
    matures: bool,
) -> &'static str {
    let missing = asked.0.saturating_sub(available.0);
    if matures {
        "wait until enough points have matured, or ask for no more than is available"
    } else if missing <= held.0 {
        "release a hold, or ask for no more than is available"
    } else if missing <= pending.0 {
        "confirm purchases whose points wait for it, or ask for no more than is available"
    } else {
        "earn the points that are missing, or ask for no more than is available"
    }
}
