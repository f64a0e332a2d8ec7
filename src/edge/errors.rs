//! Every "no" and every failure as a `google.rpc.Status`: a code, a stable reason, the numbers that explain it.
//!
//! `ErrorInfo` is always there, with the domain `rung.v1`. The catalogue of reasons is [`Refusal::reason`] plus
//! [`reason`] below. Nothing here decides whether something is refused.

use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::domain::calendar::rfc3339;
use crate::domain::event::Seq;
use crate::domain::order::{Fault, Refusal, Unoffered};
use crate::domain::program::source::Flaw;
use crate::domain::units::{Moment, Points};
use crate::engine::{Denied, Failure, refusals};

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "rung.v1";

/// Reasons that do not come from the domain.
pub mod reason {
    /// The queue is full; nothing was started.
    pub const OVERLOADED: &str = "OVERLOADED";
    /// The server is going down.
    pub const DRAINING: &str = "DRAINING";
    /// The store is out of room; nothing was kept.
    pub const NO_ROOM: &str = "NO_ROOM";
    /// The store cannot answer.
    pub const STORE_UNAVAILABLE: &str = "STORE_UNAVAILABLE";
    /// The caller's deadline passed.
    pub const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";
    /// A cursor of another history, or one that lies ahead.
    pub const CURSOR_OUT_OF_RANGE: &str = "CURSOR_OUT_OF_RANGE";
    /// A message larger than the server reads.
    pub const MESSAGE_TOO_LARGE: &str = "MESSAGE_TOO_LARGE";
    /// A message that is not what the method takes.
    pub const UNREADABLE_MESSAGE: &str = "UNREADABLE_MESSAGE";
    /// No such service or method.
    pub const UNKNOWN_METHOD: &str = "UNKNOWN_METHOD";
    /// A mistake of ours.
    pub const INTERNAL: &str = "INTERNAL";
    /// Something the transport noticed.
    pub const TRANSPORT: &str = "TRANSPORT";
}

/// Details travel in a header, and many clients read no more than 8 KiB of those, of which base64 leaves six.
const DETAIL_BYTES_MAX: usize = 5_000;
/// What the format takes for each violation, in bytes.
const VIOLATION_FRAME: usize = 8;
/// The most violations that are listed; so many have room for their fields, unless names are long.
const LISTED_MAX: usize = 100;
/// When to come back after an overload: a few groups later.
const OVERLOAD_PAUSE: Duration = Duration::from_millis(100);
/// When to come back to a draining server or a troubled store.
const TROUBLE_PAUSE: Duration = Duration::from_secs(1);

/// An error before it is written down.
pub struct Problem {
    code: Code,
    reason: &'static str,
    message: String,
    numbers: Vec<(&'static str, String)>,
    violations: Vec<Violation>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem without further details.
    pub fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, reason, message, numbers: Vec::new(), violations: Vec::new(), retry_after: None }
    }

    /// With a number (or word) that explains it.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.numbers.push((key, value.to_string()));
        self
    }

    /// With a moment, if there is one.
    fn at(self, key: &'static str, moment: Option<Moment>) -> Self {
        match moment {
            Some(moment) => self.with(key, rfc3339(moment)),
            None => self,
        }
    }

    /// With points, if there are any.
    fn some(self, key: &'static str, points: Points) -> Self {
        if points == Points::ZERO { self } else { self.with(key, points.0) }
    }

    /// With what is wrong in a request: every field is named before any is described.
    fn violating(mut self, found: impl ExactSizeIterator<Item = Violation>) -> Self {
        let count = found.len();
        let some: Vec<Violation> = found.take(LISTED_MAX).collect();
        let mut room = DETAIL_BYTES_MAX;
        let mut ahead: usize = some.iter().map(|violation| violation.bytes(&violation.brief)).sum();
        for mut violation in some {
            let (brief, whole) = (violation.bytes(&violation.brief), violation.bytes(&violation.description));
            ahead = ahead.saturating_sub(brief);
            let bytes = if whole.saturating_add(ahead) <= room { whole } else { brief };
            if bytes < whole {
                violation.description = std::mem::take(&mut violation.brief);
            }
            if bytes <= room {
                room = room.saturating_sub(bytes);
                self.violations.push(violation);
            }
        }
        let unlisted = count.saturating_sub(self.violations.len());
        let problem = self.with("faults", count);
        if unlisted > 0 { problem.with("unlisted", unlisted) } else { problem }
    }

    const fn again_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }
}

/// What is wrong with one field.
struct Violation {
    field: String,
    /// What is said of it,
    description: String,
    /// and what where there is no room for that.
    brief: String,
}

impl Violation {
    fn bytes(&self, description: &str) -> usize {
        self.field.len().saturating_add(description.len()).saturating_add(VIOLATION_FRAME)
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        let numbers = problem.numbers.into_iter().map(|(key, value)| (key.to_owned(), value));
        let metadata: std::collections::HashMap<String, String> = numbers.collect();
        let mut details = ErrorDetails::new();
        details.set_error_info(problem.reason, DOMAIN, metadata);
        for Violation { field, description, .. } in problem.violations {
            details.add_bad_request_violation(field, description);
        }
        if let Some(pause) = problem.retry_after {
            details.set_retry_info(Some(pause));
        }
        let mut status = Self::with_error_details(problem.code, problem.message, details);
        if problem.code == Code::ResourceExhausted
            && let Some(pause) = problem.retry_after
        {
            let millis = u64::try_from(pause.as_millis()).unwrap_or_default();
            status.metadata_mut().insert("grpc-retry-pushback-ms", millis.into());
        }
        status
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        refused_here(&refusal)
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        failed(&failure)
    }
}

impl From<Denied> for Status {
    fn from(no: Denied) -> Self {
        denied(&no)
    }
}

/// The status of an answer that is no "yes".
#[must_use]
pub fn denied(denied: &Denied) -> Status {
    match denied {
        Denied::Refused(refusal) => refused(refusal),
        Denied::Failed(failure) => failed(failure),
    }
}

/// The status of a failure.
#[must_use]
pub fn failed(failure: &Failure) -> Status {
    let message = failure.to_string();
    let problem = match failure {
        Failure::Overloaded => {
            Problem::new(Code::ResourceExhausted, reason::OVERLOADED, message).again_after(OVERLOAD_PAUSE)
        }
        Failure::Draining => Problem::new(Code::Unavailable, reason::DRAINING, message).again_after(TROUBLE_PAUSE),
        Failure::NoRoom => Problem::new(Code::Unavailable, reason::NO_ROOM, message).again_after(TROUBLE_PAUSE),
        Failure::Store(_) => {
            Problem::new(Code::Unavailable, reason::STORE_UNAVAILABLE, message).again_after(TROUBLE_PAUSE)
        }
        Failure::DeadlineExceeded => Problem::new(Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED, message),
    };
    problem.into()
}

/// Counts what never reaches the engine, which counts its own under the same name.
static REFUSALS: LazyLock<Counter<u64>> = LazyLock::new(|| refusals(&opentelemetry::global::meter("rung")));

/// The status of a refusal that the edge makes by itself, counted.
#[must_use]
pub fn refused_here(refusal: &Refusal) -> Status {
    REFUSALS.add(1, &[KeyValue::new("reason", refusal.reason())]);
    refused(refusal)
}

/// The status of a refusal.
#[must_use]
pub fn refused(refusal: &Refusal) -> Status {
    let problem = Problem::new(code(refusal), refusal.reason(), refusal.to_string());
    told(problem, refusal).into()
}

/// The code of a refusal: what a caller that knows no reasons may conclude.
const fn code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::Malformed(_) | Refusal::ProgramFlawed(_) => Code::InvalidArgument,
        Refusal::UnknownProgram(_)
        | Refusal::UnknownVersion(_)
        | Refusal::UnknownEntry
        | Refusal::UnknownMember
        | Refusal::UnknownReceipt
        | Refusal::UnknownHold
        | Refusal::UnknownRedemption
        | Refusal::UnknownVoucher
        | Refusal::UnknownReward(_)
        | Refusal::UnknownWallet(_)
        | Refusal::UnknownTier(_)
        | Refusal::UnknownClub(_)
        | Refusal::UnknownPrivilege(_)
        | Refusal::UnknownBenefit(_)
        | Refusal::UnknownGrant
        | Refusal::UnknownUse
        | Refusal::UnknownAlert
        | Refusal::UnknownReceiver => Code::NotFound,
        Refusal::KeyReused { .. }
        | Refusal::ReceiptClaimed
        | Refusal::MemberExists
        | Refusal::IdentifierClaimed { .. }
        | Refusal::IdentifierAlreadyLinked => Code::AlreadyExists,
        Refusal::StaleVersion { .. } => Code::Aborted,
        // Everything else is a state that stands in the way.
        _ => Code::FailedPrecondition,
    }
}

/// The numbers of a refusal.
fn explained(problem: Problem, refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::Malformed(faults) => problem.violating(faults.iter().map(violation)),
        Refusal::ProgramFlawed(flaws) => problem.violating(flaws.iter().map(flaw_violation)),
        Refusal::UnknownProgram(id) => problem.with("program", id),
        Refusal::UnknownVersion(version) => problem.with("version", version),
        Refusal::KeyReused { field, entry } => key_reused(problem, field, *entry),
        Refusal::StaleVersion { expected, found } => problem.with("expected", expected).with("found", found),
        Refusal::EffectiveInPast { effective_at, earliest } => {
            problem.with("effective_at", rfc3339(*effective_at)).with("earliest", rfc3339(*earliest))
        }
        Refusal::ClockBackwards { to, now } => problem.with("to", rfc3339(*to)).with("now", rfc3339(*now)),
        Refusal::IdentifierClaimed { kind, mask } => problem.with("kind", kind).with("mask", mask),
        Refusal::OccurredInFuture { occurred_at, now } => {
            problem.with("occurred_at", rfc3339(*occurred_at)).with("now", rfc3339(*now))
        }
        Refusal::TooLate { occurred_at, earliest } => {
            problem.with("occurred_at", rfc3339(*occurred_at)).with("earliest", rfc3339(*earliest))
        }
        Refusal::BeforeEnrolment { occurred_at, enrolled_at } => {
            problem.with("occurred_at", rfc3339(*occurred_at)).with("enrolled_at", rfc3339(*enrolled_at))
        }
        Refusal::WrongCurrency { expected, found } => {
            problem.with("expected", expected.as_str()).with("found", found.as_str())
        }
        other => counted(problem, other),
    }
}

/// A refusal with its numbers, and with what would change it.
fn told(problem: Problem, refusal: &Refusal) -> Problem {
    let problem = explained(problem, refusal);
    match refusal.remedy() {
        Some(remedy) => problem.with("remedy", remedy),
        None => problem,
    }
}

/// The numbers of a refusal of points, rewards and returns; most others have none.
fn counted(problem: Problem, refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::UnknownReward(id) => problem.with("reward", id),
        Refusal::UnknownWallet(id) => problem.with("wallet", id),
        Refusal::ReturnExceedsPurchase { line_id, asked, left } => {
            problem.with("line_id", line_id).with("asked", asked).with("left", left)
        }
        Refusal::CaptureExceedsHold { asked, held } => problem.with("asked", asked.0).with("held", held.0),
        Refusal::OutOfStock { asked, left } => problem.with("asked", asked).with("left", left),
        Refusal::RewardLimit { asked, left, opens_at } => {
            problem.with("asked", asked).with("left", left).at("opens_at", *opens_at)
        }
        Refusal::RewardNotOffered(why) => match why {
            Unoffered::Until(opens_at) => problem.at("opens_at", Some(*opens_at)),
            Unoffered::Since(closed_at) => problem.at("closed_at", Some(*closed_at)),
            Unoffered::Ever => problem,
        },
        Refusal::TierRequired(tiers) => problem.with("tiers", tiers.join(",")),
        Refusal::AmountOverflow { of } => problem.with("of", of),
        Refusal::NotWholeBooks { points, book } => problem.with("asked", points.0).with("book", book.0),
        Refusal::InsufficientPoints { asked, available, pending, held, matures_at } => {
            let missing = asked.0.saturating_sub(available.0);
            let problem = problem.with("asked", asked.0).with("available", available.0).with("missing", missing);
            problem.some("pending", *pending).some("held", *held).at("matures_at", *matures_at)
        }
        other => belonging(problem, other),
    }
}

/// The numbers of a refusal of tiers, clubs, privileges and choices.
fn belonging(problem: Problem, refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::UnknownTier(id) => problem.with("tier", id),
        Refusal::UnknownClub(id) => problem.with("club", id),
        Refusal::UnknownPrivilege(id) => problem.with("privilege", id),
        Refusal::UnknownBenefit(id) => problem.with("benefit", id),
        Refusal::NotMember { clubs, .. } => problem.with("clubs", clubs.join(",")),
        Refusal::ConditionNotMet(condition) => problem.with("condition", condition),
        Refusal::FeeRequired { fee, paid } => problem.with("fee", fee.0).with("paid", paid.0),
        Refusal::ClubFull(capacity) => problem.with("capacity", capacity),
        Refusal::QuotaUsed { asked, left } => problem.with("asked", asked).with("left", left),
        Refusal::ChoicesUsed { asked, left } => problem.with("asked", asked).with("left", left),
        Refusal::AlertOver { acknowledged_by } if !acknowledged_by.is_empty() => {
            problem.with("acknowledged_by", acknowledged_by)
        }
        Refusal::NotOpenYet { opens_at } => problem.with("opens_at", rfc3339(*opens_at)),
        Refusal::TooManyCompanions { asked, covered } => problem.with("asked", asked).with("covered", covered),
        _ => problem,
    }
}

fn key_reused(problem: Problem, field: &str, entry: Seq) -> Problem {
    problem.with("field", field).with("entry_id", super::wire::entries::entry_id(entry))
}

fn violation(fault: &Fault) -> Violation {
    Violation { field: fault.field.clone(), description: fault.message.clone(), brief: String::new() }
}

fn flaw_violation(flaw: &Flaw) -> Violation {
    let brief = format!("line {}, column {}", flaw.line, flaw.column);
    let about = if flaw.path.is_empty() { String::new() } else { format!("{}: ", flaw.path) };
    Violation { field: "source".into(), description: format!("{brief}: {about}{}", flaw.message), brief }
}

/// The status of one item of a stream, as a message.
#[must_use]
pub fn as_message(status: &Status) -> tonic_types::pb::Status {
    let whole = <tonic_types::pb::Status as prost::Message>::decode(status.details());
    whole.unwrap_or_else(|_| tonic_types::pb::Status {
        code: status.code().into(),
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}

/// A status that the transport made, with the details that all our statuses have and the code that callers expect.
#[must_use]
pub fn completed(status: Status) -> Status {
    if !status.details().is_empty() || status.code() == Code::Ok {
        return status;
    }
    let (code, reason) = match status.code() {
        Code::OutOfRange if status.message().contains("message length too large") => {
            (Code::ResourceExhausted, reason::MESSAGE_TOO_LARGE)
        }
        Code::Internal if status.message().starts_with("failed to decode Protobuf message") => {
            (Code::InvalidArgument, reason::UNREADABLE_MESSAGE)
        }
        Code::Unimplemented if status.message().is_empty() => {
            return Problem::new(Code::Unimplemented, reason::UNKNOWN_METHOD, "there is no such method").into();
        }
        code => (code, reason::TRANSPORT),
    };
    Problem::new(code, reason, status.message()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::CurrencyCode;

    /// Every refusal, its code and its reason: what callers have been promised.
    fn catalogue() -> Vec<(Refusal, Code, &'static str)> {
        let at = Moment(0);
        let usd = CurrencyCode::parse("USD").unwrap();
        let fault = Fault { field: "f".into(), message: "m".into() };
        let flaw = Flaw { line: 1, column: 2, path: String::new(), message: "m".into() };
        vec![
            (Refusal::Malformed(vec![fault]), Code::InvalidArgument, "MALFORMED"),
            (Refusal::ProgramFlawed(vec![flaw]), Code::InvalidArgument, "PROGRAM_FLAWED"),
            (Refusal::UnknownProgram("p".into()), Code::NotFound, "UNKNOWN_PROGRAM"),
            (Refusal::UnknownVersion(7), Code::NotFound, "UNKNOWN_VERSION"),
            (Refusal::UnknownEntry, Code::NotFound, "UNKNOWN_ENTRY"),
            (Refusal::UnknownMember, Code::NotFound, "UNKNOWN_MEMBER"),
            (Refusal::KeyReused { field: "f".into(), entry: Seq(3) }, Code::AlreadyExists, "KEY_REUSED"),
            (Refusal::ReceiptClaimed, Code::AlreadyExists, "RECEIPT_CLAIMED"),
            (Refusal::StaleVersion { expected: 1, found: 2 }, Code::Aborted, "STALE_VERSION"),
            (
                Refusal::EffectiveInPast { effective_at: at, earliest: at },
                Code::FailedPrecondition,
                "EFFECTIVE_IN_PAST",
            ),
            (Refusal::NoTestClock, Code::FailedPrecondition, "NO_TEST_CLOCK"),
            (Refusal::ClockBackwards { to: at, now: at }, Code::FailedPrecondition, "CLOCK_BACKWARDS"),
            (Refusal::MemberExists, Code::AlreadyExists, "MEMBER_EXISTS"),
            (
                Refusal::IdentifierClaimed { kind: "card".into(), mask: "…1".into() },
                Code::AlreadyExists,
                "IDENTIFIER_CLAIMED",
            ),
            (Refusal::IdentifierNotLinked, Code::FailedPrecondition, "IDENTIFIER_NOT_LINKED"),
            (Refusal::IdentifierAlreadyLinked, Code::AlreadyExists, "IDENTIFIER_ALREADY_LINKED"),
            (Refusal::MemberSuspended, Code::FailedPrecondition, "MEMBER_SUSPENDED"),
            (Refusal::MemberNotSuspended, Code::FailedPrecondition, "MEMBER_NOT_SUSPENDED"),
            (Refusal::MemberClosed, Code::FailedPrecondition, "MEMBER_CLOSED"),
            (Refusal::OccurredInFuture { occurred_at: at, now: at }, Code::FailedPrecondition, "OCCURRED_IN_FUTURE"),
            (Refusal::TooLate { occurred_at: at, earliest: at }, Code::FailedPrecondition, "TOO_LATE"),
            (
                Refusal::BeforeEnrolment { occurred_at: at, enrolled_at: at },
                Code::FailedPrecondition,
                "BEFORE_ENROLMENT",
            ),
            (Refusal::WrongCurrency { expected: usd, found: usd }, Code::FailedPrecondition, "WRONG_CURRENCY"),
            (Refusal::AmountOverflow { of: "earned".into() }, Code::FailedPrecondition, "AMOUNT_OVERFLOW"),
        ]
    }

    /// The refusals of returns, holds, rewards and transfers.
    fn later_catalogue() -> Vec<(Refusal, Code, &'static str)> {
        let no = Code::FailedPrecondition;
        let points = crate::domain::units::Points;
        vec![
            (Refusal::UnknownReceipt, Code::NotFound, "UNKNOWN_RECEIPT"),
            (Refusal::UnknownHold, Code::NotFound, "UNKNOWN_HOLD"),
            (Refusal::UnknownRedemption, Code::NotFound, "UNKNOWN_REDEMPTION"),
            (Refusal::UnknownVoucher, Code::NotFound, "UNKNOWN_VOUCHER"),
            (Refusal::UnknownReward("r".into()), Code::NotFound, "UNKNOWN_REWARD"),
            (Refusal::UnknownWallet("w".into()), Code::NotFound, "UNKNOWN_WALLET"),
            (Refusal::UnknownReceiver, Code::NotFound, "UNKNOWN_RECEIVER"),
            (Refusal::ReturnExceedsPurchase { line_id: "1".into(), asked: 2, left: 1 }, no, "RETURN_EXCEEDS_PURCHASE"),
            (Refusal::NothingToReturn, no, "NOTHING_TO_RETURN"),
            (Refusal::NothingToConfirm, no, "NOTHING_TO_CONFIRM"),
            (Refusal::HoldOver, no, "HOLD_OVER"),
            (Refusal::CaptureExceedsHold { asked: points(2), held: points(1) }, no, "CAPTURE_EXCEEDS_HOLD"),
            (Refusal::RewardNotOffered(Unoffered::Ever), no, "REWARD_NOT_OFFERED"),
            (Refusal::TierRequired(vec!["gold".into()]), no, "TIER_REQUIRED"),
            (Refusal::RewardLimit { asked: 2, left: 1, opens_at: None }, no, "REWARD_LIMIT"),
            (Refusal::OutOfStock { asked: 2, left: 1 }, no, "OUT_OF_STOCK"),
            (Refusal::VoucherOver, no, "VOUCHER_OVER"),
            (Refusal::RedemptionOver, no, "REDEMPTION_OVER"),
            (Refusal::RedemptionSpent, no, "REDEMPTION_SPENT"),
            (Refusal::NotWholeBooks { points: points(7), book: points(5) }, no, "NOT_WHOLE_BOOKS"),
            (Refusal::NotTransferable, no, "NOT_TRANSFERABLE"),
            (Refusal::ReceiverNotActive, no, "RECEIVER_NOT_ACTIVE"),
            (short(2, 1, (0, 0), None), no, "INSUFFICIENT_POINTS"),
        ]
    }

    /// The refusals of tiers, clubs, privileges and choices.
    fn belonging_catalogue() -> Vec<(Refusal, Code, &'static str)> {
        let no = Code::FailedPrecondition;
        let points = crate::domain::units::Points;
        vec![
            (Refusal::UnknownTier("t".into()), Code::NotFound, "UNKNOWN_TIER"),
            (Refusal::UnknownClub("c".into()), Code::NotFound, "UNKNOWN_CLUB"),
            (Refusal::UnknownPrivilege("p".into()), Code::NotFound, "UNKNOWN_PRIVILEGE"),
            (Refusal::UnknownBenefit("b".into()), Code::NotFound, "UNKNOWN_BENEFIT"),
            (Refusal::UnknownGrant, Code::NotFound, "UNKNOWN_GRANT"),
            (Refusal::UnknownUse, Code::NotFound, "UNKNOWN_USE"),
            (Refusal::UnknownAlert, Code::NotFound, "UNKNOWN_ALERT"),
            (Refusal::GrantNotOffered, no, "GRANT_NOT_OFFERED"),
            (Refusal::GrantOver, no, "GRANT_OVER"),
            (Refusal::ClubNotOpen, no, "CLUB_NOT_OPEN"),
            (Refusal::AlreadyMember, no, "ALREADY_MEMBER"),
            (Refusal::NotMember { clubs: vec!["c".into()], helps: true }, no, "NOT_MEMBER"),
            (Refusal::NotInvited, no, "NOT_INVITED"),
            (Refusal::AlreadyAsked, no, "ALREADY_ASKED"),
            (Refusal::NotAsked, no, "NOT_ASKED"),
            (Refusal::ConditionNotMet("c".into()), no, "CONDITION_NOT_MET"),
            (Refusal::FeeRequired { fee: points(2), paid: points(1) }, no, "FEE_REQUIRED"),
            (Refusal::ClubFull(1), no, "CLUB_FULL"),
            (Refusal::NotEntitled, no, "NOT_ENTITLED"),
            (Refusal::QuotaUsed { asked: 2, left: 1 }, no, "QUOTA_USED"),
            (Refusal::NotOpenYet { opens_at: Moment(0) }, no, "NOT_OPEN_YET"),
            (Refusal::TooManyCompanions { asked: 2, covered: 1 }, no, "TOO_MANY_COMPANIONS"),
            (Refusal::NotCounted, no, "NOT_COUNTED"),
            (Refusal::OnlyGiven, no, "ONLY_GIVEN"),
            (Refusal::UseOver, no, "USE_OVER"),
            (Refusal::AlertOver { acknowledged_by: "ada".into() }, no, "ALERT_OVER"),
            (Refusal::NoChoice, no, "NO_CHOICE"),
            (Refusal::ChoicesUsed { asked: 2, left: 1 }, no, "CHOICES_USED"),
            (Refusal::NoBoost, no, "NO_BOOST"),
        ]
    }

    fn short(asked: i64, available: i64, (pending, held): (i64, i64), matures_at: Option<Moment>) -> Refusal {
        let [asked, available, pending, held] = [asked, available, pending, held].map(Points);
        Refusal::InsufficientPoints { asked, available, pending, held, matures_at }
    }

    /// What would help is said of every "no" that something would help.
    #[test]
    fn a_remedy_fits_what_is_missing() {
        let remedy = |refusal: Refusal| refusal.remedy().unwrap_or_default();
        assert!(remedy(short(9, 5, (4, 0), Some(Moment(0)))).starts_with("wait until enough points have matured"));
        assert!(remedy(short(9, 5, (4, 0), None)).starts_with("confirm purchases"));
        assert!(remedy(short(9, 5, (0, 4), None)).starts_with("release a hold"));
        assert!(remedy(short(9, 5, (3, 3), None)).starts_with("earn the points"));
        assert!(remedy(Refusal::RewardNotOffered(Unoffered::Ever)).starts_with("give the reward a price"));
        assert!(remedy(Refusal::NotMember { clubs: Vec::new(), helps: false }).is_empty());
        let usd = CurrencyCode::parse("USD").unwrap();
        let helped = [
            Refusal::WrongCurrency { expected: usd, found: usd },
            Refusal::RedemptionOver,
            Refusal::NothingToConfirm,
            Refusal::RewardNotOffered(Unoffered::Until(Moment(0))),
            Refusal::RewardNotOffered(Unoffered::Since(Moment(0))),
            Refusal::RewardLimit { asked: 2, left: 1, opens_at: None },
        ];
        assert!(helped.into_iter().all(|refusal| !remedy(refusal).is_empty()));
    }

    #[test]
    fn every_refusal_has_its_code_and_reason() {
        let all = catalogue().into_iter().chain(later_catalogue()).chain(belonging_catalogue());
        for (refusal, code, reason) in all {
            let status = refused(&refusal);
            let info = status.get_details_error_info().unwrap();
            assert_eq!((status.code(), &*info.reason, &*info.domain), (code, reason, DOMAIN));
            assert_eq!(status.message(), refusal.to_string());
            assert_eq!(as_message(&status).code, i32::from(code), "{reason}");
            assert_eq!(as_message(&status).details.len(), if code == Code::InvalidArgument { 2 } else { 1 });
        }
    }

    #[test]
    fn the_numbers_explain_the_no() {
        let told = |refusal: &Refusal| {
            let info = refused(refusal).get_details_error_info().unwrap();
            let numbers = info.metadata.into_iter().filter(|(key, _)| key != "remedy");
            let mut told: Vec<_> = numbers.map(|(key, value)| format!("{key}={value}")).collect();
            told.sort();
            told.join(" ")
        };
        let at = Moment(1_000_000);
        let reused = Refusal::KeyReused { field: "purchase.lines[0].amount".into(), entry: Seq(42) };
        assert_eq!(told(&reused), "entry_id=42 field=purchase.lines[0].amount");
        assert_eq!(told(&Refusal::StaleVersion { expected: 1, found: 2 }), "expected=1 found=2");
        let missing = short(5_000, 1_200, (0, 0), None);
        assert_eq!(told(&missing), "asked=5000 available=1200 missing=3800");
        let remedy = refused(&missing).get_details_error_info().unwrap().metadata.remove("remedy");
        assert_eq!(remedy.as_deref(), missing.remedy());
        assert_eq!(
            told(&short(9, 5, (4, 0), Some(at))),
            "asked=9 available=5 matures_at=1970-01-01T00:00:01Z missing=4 pending=4"
        );
        assert_eq!(told(&short(9, 5, (0, 4), None)), "asked=9 available=5 held=4 missing=4");
        let used = Refusal::QuotaUsed { asked: 2, left: 1 };
        assert_eq!(told(&used), "asked=2 left=1");
        assert_eq!(told(&Refusal::ClubFull(7)), "capacity=7");
        let limit = |opens_at| Refusal::RewardLimit { asked: 2, left: 1, opens_at };
        assert_eq!(told(&limit(Some(at))), "asked=2 left=1 opens_at=1970-01-01T00:00:01Z");
        assert_eq!(told(&limit(None)), "asked=2 left=1");
        assert_eq!(told(&Refusal::TierRequired(vec!["gold".into(), "jade".into()])), "tiers=gold,jade");
        assert_eq!(told(&Refusal::NotMember { clubs: vec!["a".into(), "b".into()], helps: true }), "clubs=a,b");
        let not_offered = |why| told(&Refusal::RewardNotOffered(why));
        assert_eq!(not_offered(Unoffered::Until(at)), "opens_at=1970-01-01T00:00:01Z");
        assert_eq!(not_offered(Unoffered::Since(at)), "closed_at=1970-01-01T00:00:01Z");
        assert_eq!(not_offered(Unoffered::Ever), "");
        let late = Refusal::TooLate { occurred_at: Moment(0), earliest: Moment(1_000_000) };
        assert_eq!(told(&late), "earliest=1970-01-01T00:00:01Z occurred_at=1970-01-01T00:00:00Z");
    }

    #[test]
    fn failures_say_whether_and_when_to_come_back() {
        let rows = [
            (Failure::Overloaded, Code::ResourceExhausted, reason::OVERLOADED, Some(OVERLOAD_PAUSE)),
            (Failure::Draining, Code::Unavailable, reason::DRAINING, Some(TROUBLE_PAUSE)),
            (Failure::NoRoom, Code::Unavailable, reason::NO_ROOM, Some(TROUBLE_PAUSE)),
            (Failure::Store("x".into()), Code::Unavailable, reason::STORE_UNAVAILABLE, Some(TROUBLE_PAUSE)),
            (Failure::DeadlineExceeded, Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED, None),
        ];
        for (failure, code, reason, pause) in rows {
            let status = failed(&failure);
            assert_eq!((status.code(), &*status.get_details_error_info().unwrap().reason), (code, reason));
            assert_eq!(status.get_details_retry_info().and_then(|retry| retry.retry_delay), pause);
            let pushback = status.metadata().get("grpc-retry-pushback-ms").map(|value| value.to_str().unwrap());
            assert_eq!(pushback, (code == Code::ResourceExhausted).then_some("100"));
        }
    }

    #[test]
    fn details_fit_into_a_header() {
        let message = || "must have 1 to 64 bytes".to_owned();
        let fault = |n: usize| Fault { field: format!("purchase.lines[{n}].line_id"), message: message() };
        let status = refused(&Refusal::Malformed((0..500).map(fault).collect()));
        assert!(status.details().len() < 8_192 * 3 / 4, "{}", status.details().len());
        let numbers = status.get_details_error_info().unwrap().metadata;
        assert_eq!((&*numbers["faults"], &*numbers["unlisted"]), ("500", "400"));
        let listed = status.get_details_bad_request().unwrap().field_violations;
        let named = |at: usize| format!("purchase.lines[{at}].line_id");
        assert!(listed.iter().enumerate().all(|(at, one)| one.field == named(at)) && listed.len() == 100);
        let described = listed.iter().take_while(|one| one.description == message()).count();
        assert!((50..100).contains(&described), "{described}");
        assert!(listed.iter().skip(described).all(|one| one.description.is_empty()));
    }

    /// Of the longest names that a request can have, 30 are listed; of the longest flaws of a program all places.
    #[test]
    fn long_names_come_before_any_description() {
        let long = |n: usize| Fault {
            field: format!("purchase.lines[{n}].attributes[\"{}\"].text", "a".repeat(64)),
            message: "must have 1 to 256 bytes".repeat(4),
        };
        let status = refused(&Refusal::Malformed((0..100).map(long).collect()));
        assert!(status.details().len() < 8_192 * 3 / 4, "{}", status.details().len());
        assert!(status.get_details_bad_request().unwrap().field_violations.len() >= 30);
        let flaw = |line| Flaw { line, column: 3, path: "wallets.miles".into(), message: "is wrong".repeat(20) };
        let status = refused(&Refusal::ProgramFlawed((0..100).map(flaw).collect()));
        assert!(status.details().len() < 8_192 * 3 / 4, "{}", status.details().len());
        let listed = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!((listed.len(), &*listed[99].description), (100, "line 99, column 3"));
        assert!(listed[0].description.starts_with("line 0, column 3: wallets.miles: is wrong"));
        assert!(!status.get_details_error_info().unwrap().metadata.contains_key("unlisted"));
    }
}
