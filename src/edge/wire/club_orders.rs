//! Requests about clubs, as orders of the domain.

use super::faults::{Faults, Path};
use super::naming;
use super::orders::{Asked, Desk};
use super::points_orders::{actor, reason};
use super::scalars::{KEY_MAX, NAME_MAX, TEXT_MAX, amount, moment, required_text, text};
use crate::domain::order::{BelongingOrder, MemberName, Note, Refusal};
use crate::domain::units::{CurrencyCode, Points, Text};
use crate::pb;

/// The order to join a club, and the currency of what was paid.
pub struct AskedJoin {
    /// The order.
    pub asked: Asked,
    /// The currency, if something was paid.
    pub currency: Option<CurrencyCode>,
}

impl Desk<'_> {
    /// The order to join a club.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], as of all orders here.
    pub fn join_club(self, request: pb::JoinClubRequest) -> Result<AskedJoin, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let club = club(request.club, &mut faults);
        let mut currency = None;
        let (paid, reference) = payment(request.payment, &mut currency, &mut faults);
        let request_id = naming::request_id(request.request_id, &mut faults);
        let order = BelongingOrder::JoinClub { club, paid, reference };
        let asked = self.belonging(program, member, request_id, order, request.dry_run);
        faults.verdict(AskedJoin { asked, currency })
    }

    /// The order to leave a club.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn leave_club(self, request: pb::LeaveClubRequest) -> Result<Asked, Refusal> {
        let pb::LeaveClubRequest { program, member_id, identifier, club, request_id, dry_run } = request;
        let order = |club| BelongingOrder::LeaveClub { club };
        self.about_club((program, member_id, identifier), club, request_id, dry_run, order)
    }

    /// The order to decline an invitation.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn decline_invitation(self, request: pb::DeclineInvitationRequest) -> Result<Asked, Refusal> {
        let pb::DeclineInvitationRequest { program, member_id, identifier, club, request_id, dry_run } = request;
        let order = |club| BelongingOrder::DeclineInvitation { club };
        self.about_club((program, member_id, identifier), club, request_id, dry_run, order)
    }

    /// The order to invite into a club.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn invite_to_club(self, request: pb::InviteToClubRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let order = BelongingOrder::InviteToClub {
            club: club(request.club, &mut faults),
            until: moment(request.until, &Path::Field(&Path::Request, "until"), &mut faults),
            actor: actor(request.actor, &Path::Request, &mut faults),
        };
        let request_id = naming::request_id(request.request_id, &mut faults);
        faults.verdict(self.belonging(program, member, request_id, order, request.dry_run))
    }

    /// The order to take an invitation back.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn revoke_invitation(self, request: pb::RevokeInvitationRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let order = BelongingOrder::RevokeInvitation {
            club: club(request.club, &mut faults),
            reason: reason(request.reason, &Path::Request, &mut faults),
        };
        let request_id = naming::request_id(request.request_id, &mut faults);
        faults.verdict(self.belonging(program, member, request_id, order, request.dry_run))
    }

    /// The order that answers a member who asked to be let in.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn admit_to_club(self, request: pb::AdmitToClubRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let club = club(request.club, &mut faults);
        let admitted = admitted(request.decision, &mut faults);
        let reason = why(request.reason, admitted, &mut faults);
        let actor = actor(request.actor, &Path::Request, &mut faults);
        let request_id = naming::request_id(request.request_id, &mut faults);
        let order = BelongingOrder::AdmitToClub { club, admitted, reason, actor };
        faults.verdict(self.belonging(program, member, request_id, order, request.dry_run))
    }

    fn about_club(
        self,
        (program, member_id, identifier): (String, String, Option<pb::Identifier>),
        name: String,
        request_id: String,
        dry_run: bool,
        order: impl FnOnce(Text) -> BelongingOrder,
    ) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let (program, member): (Text, MemberName) =
            self.named(program, member_id, identifier, "identifier", &mut faults);
        let club = club(name, &mut faults);
        let request_id = naming::request_id(request_id, &mut faults);
        faults.verdict(self.belonging(program, member, request_id, order(club), dry_run))
    }
}

/// The club that a required field names.
pub fn club(id: String, faults: &mut Faults) -> Text {
    required_text(id, NAME_MAX, &Path::Field(&Path::Request, "club"), faults)
}

fn payment(given: Option<pb::ClubPayment>, currency: &mut Option<CurrencyCode>, faults: &mut Faults) -> (Points, Text) {
    let Some(given) = given else { return (Points::ZERO, Text::default()) };
    let path = Path::Field(&Path::Request, "payment");
    let amount_path = Path::Field(&path, "amount");
    let paid = amount(given.amount, currency, &amount_path, faults);
    if paid < 0 {
        faults.at(&amount_path, "must not be negative");
    }
    (Points(paid), required_text(given.reference, KEY_MAX, &Path::Field(&path, "reference"), faults))
}

fn admitted(decision: i32, faults: &mut Faults) -> bool {
    let path = Path::Field(&Path::Request, "decision");
    match pb::AdmissionDecision::try_from(decision) {
        Ok(pb::AdmissionDecision::Admit) => return true,
        Ok(pb::AdmissionDecision::Deny) => {}
        Ok(pb::AdmissionDecision::Unspecified) => faults.missing(&path),
        Err(_) => faults.at(&path, "is none of the decisions there are"),
    }
    false
}

/// Why, which a member who is let in need not be told.
fn why(given: String, admitted: bool, faults: &mut Faults) -> Note {
    if admitted {
        return text(given, TEXT_MAX, &Path::Field(&Path::Request, "reason"), faults);
    }
    reason(given, &Path::Request, faults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::Verb;
    use crate::edge::wire::tests::{desk, fields_of, money};

    fn order_of(asked: Asked) -> BelongingOrder {
        let Verb::Belonging(order) = asked.order.verb else { panic!() };
        *order
    }

    fn join(payment: Option<pb::ClubPayment>) -> Result<AskedJoin, Refusal> {
        let request = pb::JoinClubRequest {
            program: "p".into(),
            member_id: "m".into(),
            club: "lounge".into(),
            payment,
            request_id: "j".into(),
            ..Default::default()
        };
        desk(|desk| desk.join_club(request))
    }

    #[test]
    fn a_fee_comes_with_its_reference() {
        let paid = |minor_units, reference: &str| {
            Some(pb::ClubPayment { amount: money(minor_units), reference: reference.into() })
        };
        let AskedJoin { asked, currency } = join(paid(65_000, "card-1")).unwrap();
        let (club, paid_for, reference) = ("lounge".into(), Points(65_000), "card-1".into());
        assert_eq!(order_of(asked), BelongingOrder::JoinClub { club, paid: paid_for, reference });
        assert_eq!(currency, CurrencyCode::parse("USD"));
        let AskedJoin { asked, currency } = join(None).unwrap();
        let (club, nothing, reference) = ("lounge".into(), Points::ZERO, Text::default());
        assert_eq!(order_of(asked), BelongingOrder::JoinClub { club, paid: nothing, reference });
        assert_eq!(currency, None);
        assert_eq!(fields_of(join(paid(-1, ""))), ["payment.amount", "payment.reference"]);
        assert_eq!(fields_of(join(Some(pb::ClubPayment::default()))), ["payment.amount", "payment.reference"]);
    }

    #[test]
    fn an_answer_is_yes_or_no_and_a_no_has_a_reason() {
        let admit = |decision: i32, reason: &str| {
            let request = pb::AdmitToClubRequest {
                program: "p".into(),
                member_id: "m".into(),
                club: "lounge".into(),
                decision,
                reason: reason.into(),
                actor: "e-7".into(),
                request_id: "a".into(),
                ..Default::default()
            };
            desk(|desk| desk.admit_to_club(request)).map(order_of)
        };
        let answer = |admitted, reason: &str| BelongingOrder::AdmitToClub {
            club: "lounge".into(),
            admitted,
            reason: reason.into(),
            actor: "e-7".into(),
        };
        assert_eq!(admit(1, "").unwrap(), answer(true, ""));
        assert_eq!(admit(2, "full of friends").unwrap(), answer(false, "full of friends"));
        assert_eq!(fields_of(admit(2, "")), ["reason"]);
        assert_eq!(fields_of(admit(0, "x")), ["decision"]);
        assert_eq!(fields_of(admit(9, "x")), ["decision"]);
    }

    #[test]
    fn everything_missing_is_named_at_once() {
        let required = |outcome: Result<Asked, Refusal>| fields_of(outcome).join(" ");
        let joined = fields_of(desk(|desk| desk.join_club(pb::JoinClubRequest::default())));
        assert_eq!(joined.join(" "), "program member_id club request_id");
        let left = required(desk(|desk| desk.leave_club(pb::LeaveClubRequest::default())));
        assert_eq!(left, "program member_id club request_id");
        let declined = required(desk(|desk| desk.decline_invitation(pb::DeclineInvitationRequest::default())));
        assert_eq!(declined, "program member_id club request_id");
        let invited = required(desk(|desk| desk.invite_to_club(pb::InviteToClubRequest::default())));
        assert_eq!(invited, "program member_id club actor request_id");
        let revoked = required(desk(|desk| desk.revoke_invitation(pb::RevokeInvitationRequest::default())));
        assert_eq!(revoked, "program member_id club reason request_id");
        let admitted = required(desk(|desk| desk.admit_to_club(pb::AdmitToClubRequest::default())));
        assert_eq!(admitted, "program member_id club decision reason actor request_id");
    }
}
