//! Requests about points that were earned, as orders of the domain: returns, confirmations, corrections, transfers,
//! holds.

use prost_types::Duration;

use super::entries::seq_of;
use super::faults::{Faults, Path};
use super::naming;
use super::orders::{Asked, Desk};
use super::purchase::receipt;
use super::scalars::{KEY_MAX, NAME_MAX, TEXT_MAX, required_text, text};
use crate::domain::event::Seq;
use crate::domain::order::{Adjustment, Holding, MemberName, Note, Refusal, Sending, Verb};
use crate::domain::units::{Points, Span, Text};
use crate::pb;

/// The longest a hold may last.
const HOLD_DAYS_MAX: i64 = 400;

impl Desk<'_> {
    /// The order to confirm a purchase.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], as of all orders here.
    pub fn confirm(self, request: pb::ConfirmPurchaseRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let program = naming::program(request.program, &mut faults);
        let receipt = receipt(request.receipt, &Path::Field(&Path::Request, "receipt"), &mut faults);
        let request_id = naming::request_id(request.request_id, &mut faults);
        let member = MemberName::Receipt(receipt.clone());
        let verb = Verb::ConfirmPurchase(receipt);
        faults.verdict(self.asked(program, member, request_id, verb, request.dry_run))
    }

    /// The order to correct a balance.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn adjust(self, request: pb::AdjustPointsRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let verb = Verb::Adjust(Adjustment {
            wallet: wallet(request.wallet, &Path::Request, &mut faults),
            points: some_points(request.points, &Path::Field(&Path::Request, "points"), &mut faults),
            reason: reason(request.reason, &Path::Request, &mut faults),
            actor: actor(request.actor, &Path::Request, &mut faults),
        });
        let request_id = naming::request_id(request.request_id, &mut faults);
        faults.verdict(self.asked(program, member, request_id, verb, request.dry_run))
    }

    /// The order to send points.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn transfer(self, request: pb::TransferPointsRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let receiver = (request.to_member_id, request.to_identifier);
        let fields = ("to_member_id", "to_identifier");
        let to = naming::member_in(&program, receiver, fields, self.identify, &mut faults);
        if to == member && !matches!(&to, MemberName::Id(id) if id.is_empty()) {
            faults.at(&Path::Field(&Path::Request, "to_member_id"), "is the sender");
        }
        let verb = Verb::Transfer(Sending {
            to,
            wallet: wallet(request.wallet, &Path::Request, &mut faults),
            points: positive(request.points, &Path::Field(&Path::Request, "points"), &mut faults),
            note: note(request.note, &mut faults),
        });
        let request_id = naming::request_id(request.request_id, &mut faults);
        faults.verdict(self.asked(program, member, request_id, verb, request.dry_run))
    }

    /// The order to set points aside.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn hold(self, request: pb::HoldPointsRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let verb = Verb::Hold(Holding {
            wallet: wallet(request.wallet, &Path::Request, &mut faults),
            points: positive(request.amount, &Path::Field(&Path::Request, "amount"), &mut faults),
            ttl: ttl(request.ttl, &Path::Field(&Path::Request, "ttl"), &mut faults),
            note: note(request.note, &mut faults),
        });
        let request_id = naming::request_id(request.request_id, &mut faults);
        faults.verdict(self.asked(program, member, request_id, verb, request.dry_run))
    }

    /// The order to spend what a hold set aside.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn capture(self, request: pb::CaptureHoldRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let program = naming::program(request.program, &mut faults);
        let hold = named_entry(&request.hold_id, "hold_id", &mut faults);
        if request.amount < 0 {
            faults.at(&Path::Field(&Path::Request, "amount"), "must not be negative");
        }
        let points = (request.amount != 0).then_some(Points(request.amount));
        let request_id = naming::optional_request_id(request.request_id, &mut faults);
        let verb = Verb::Capture { hold, points };
        faults.verdict(self.asked(program, MemberName::Entry(hold), request_id, verb, request.dry_run))
    }

    /// The order to let a hold go.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn release(self, request: pb::ReleaseHoldRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let program = naming::program(request.program, &mut faults);
        let hold = named_entry(&request.hold_id, "hold_id", &mut faults);
        let request_id = naming::request_id(request.request_id, &mut faults);
        let verb = Verb::Release(hold);
        faults.verdict(self.asked(program, MemberName::Entry(hold), request_id, verb, request.dry_run))
    }
}

/// The entry that a required field names. An id that cannot be one is as unknown as any other, and no entry has the
/// last of all numbers.
pub fn named_entry(id: &str, field: &'static str, faults: &mut Faults) -> Seq {
    if id.is_empty() {
        faults.missing(&Path::Field(&Path::Request, field));
    }
    seq_of(id).unwrap_or(Seq(u64::MAX))
}

/// The wallet in the field `wallet` of `parent`.
pub fn wallet(id: String, parent: &Path<'_>, faults: &mut Faults) -> Text {
    required_text(id, NAME_MAX, &Path::Field(parent, "wallet"), faults)
}

/// Why, for the ledger.
pub fn reason(given: String, parent: &Path<'_>, faults: &mut Faults) -> Note {
    required_text(given, TEXT_MAX, &Path::Field(parent, "reason"), faults)
}

/// Who answers for it.
pub fn actor(given: String, parent: &Path<'_>, faults: &mut Faults) -> Text {
    required_text(given, KEY_MAX, &Path::Field(parent, "actor"), faults)
}

/// A free text with an order.
pub fn note(given: String, faults: &mut Faults) -> Note {
    text(given, TEXT_MAX, &Path::Field(&Path::Request, "note"), faults)
}

/// Points that come or go.
pub fn some_points(points: i64, path: &Path<'_>, faults: &mut Faults) -> Points {
    if points == 0 {
        faults.at(path, "must not be 0");
    }
    Points(points)
}

fn positive(points: i64, path: &Path<'_>, faults: &mut Faults) -> Points {
    if points <= 0 {
        faults.at(path, "must be above 0");
    }
    Points(points)
}

/// A length of time; what is finer than a microsecond is cut off.
fn ttl(given: Option<Duration>, path: &Path<'_>, faults: &mut Faults) -> Span {
    let Some(given) = given else {
        faults.missing(path);
        return Span::default();
    };
    let seconds = Span::seconds(given.seconds).0;
    let span = Span(seconds.saturating_add(i64::from(given.nanos / 1_000)));
    let longest = Span::seconds(HOLD_DAYS_MAX * 86_400);
    if !(Span::seconds(1).0..=longest.0).contains(&span.0) {
        faults.at(path, format_args!("must be 1 second to {HOLD_DAYS_MAX} days"));
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::wire::tests::{card, desk, fields_of};

    fn hold() -> pb::HoldPointsRequest {
        pb::HoldPointsRequest {
            program: "p".into(),
            member_id: "m".into(),
            wallet: "miles".into(),
            amount: 5_000,
            ttl: Some(Duration { seconds: 900, nanos: 0 }),
            request_id: "h".into(),
            ..Default::default()
        }
    }

    #[test]
    fn a_hold_arrives_whole() {
        let asked = desk(|desk| desk.hold(hold())).unwrap();
        let Verb::Hold(holding) = asked.order.verb else { panic!() };
        let want =
            Holding { wallet: "miles".into(), points: Points(5_000), ttl: Span::seconds(900), note: Text::default() };
        assert_eq!(holding, want);
        assert_eq!((asked.order.member, &*asked.order.request_id), (MemberName::Id("m".into()), "h"));
    }

    #[test]
    fn a_hold_lasts_a_second_to_400_days() {
        let fits = |seconds: i64, nanos: i32| {
            let request = pb::HoldPointsRequest { ttl: Some(Duration { seconds, nanos }), ..hold() };
            desk(|desk| desk.hold(request)).is_ok()
        };
        assert!(fits(1, 0) && fits(400 * 86_400, 0));
        assert!(!fits(0, 999_999_999) && !fits(400 * 86_400, 1_000) && !fits(-1, 0) && !fits(i64::MAX, 0));
        assert_eq!(fields_of(desk(|desk| desk.hold(pb::HoldPointsRequest { ttl: None, ..hold() }))), ["ttl"]);
    }

    #[test]
    fn everything_missing_is_named_at_once() {
        let required = |outcome| fields_of(outcome).join(" ");
        assert_eq!(
            required(desk(|desk| desk.hold(pb::HoldPointsRequest::default()))),
            "program member_id wallet amount ttl request_id"
        );
        assert_eq!(
            required(desk(|desk| desk.adjust(pb::AdjustPointsRequest::default()))),
            "program member_id wallet points reason actor request_id"
        );
        assert_eq!(
            required(desk(|desk| desk.transfer(pb::TransferPointsRequest::default()))),
            "program member_id to_member_id wallet points request_id"
        );
        assert_eq!(required(desk(|desk| desk.capture(pb::CaptureHoldRequest::default()))), "program hold_id");
        assert_eq!(
            required(desk(|desk| desk.release(pb::ReleaseHoldRequest::default()))),
            "program hold_id request_id"
        );
        assert_eq!(
            required(desk(|desk| desk.confirm(pb::ConfirmPurchaseRequest::default()))),
            "program receipt request_id"
        );
    }

    #[test]
    fn a_capture_is_known_by_its_hold() {
        let capture = |hold_id: &str, amount| {
            let request =
                pb::CaptureHoldRequest { program: "p".into(), hold_id: hold_id.into(), amount, ..Default::default() };
            desk(|desk| desk.capture(request)).map(|asked| (asked.order.member, asked.order.verb))
        };
        let (member, verb) = capture("7", 0).unwrap();
        assert_eq!(member, MemberName::Entry(Seq(7)));
        assert!(matches!(verb, Verb::Capture { hold: Seq(7), points: None }));
        assert!(matches!(capture("7", 3).unwrap().1, Verb::Capture { points: Some(Points(3)), .. }));
        assert!(matches!(capture("x", 0).unwrap().1, Verb::Capture { hold: Seq(u64::MAX), .. }), "unknown, not faulty");
        assert_eq!(fields_of(capture("7", -1)), ["amount"]);
    }

    #[test]
    fn nobody_sends_to_herself() {
        let transfer = |to_member_id: &str, to_identifier| {
            let request = pb::TransferPointsRequest {
                program: "p".into(),
                member_id: "m".into(),
                to_member_id: to_member_id.into(),
                to_identifier,
                wallet: "miles".into(),
                points: 1,
                request_id: "t".into(),
                ..Default::default()
            };
            fields_of(desk(|desk| desk.transfer(request)))
        };
        assert_eq!(transfer("n", None), [""; 0]);
        assert_eq!(transfer("", card("1")), [""; 0]);
        assert_eq!(transfer("m", None), ["to_member_id"]);
        assert_eq!(transfer("n", card("1")), ["to_identifier"]);
    }
}
