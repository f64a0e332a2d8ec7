//! Requests about rewards and vouchers, as orders of the domain.

use super::faults::{Faults, Path};
use super::naming;
use super::orders::{Asked, Desk};
use super::points_orders::{named_entry, note};
use super::scalars::{NAME_MAX, TEXT_MAX, required_text, text};
use crate::domain::order::{Claim, MemberName, Refusal, Verb};
use crate::domain::program::ProgramNo;
use crate::domain::units::Text;
use crate::domain::voucher::normal_code;
use crate::pb;

/// The longest code anybody types, blanks and dashes included, in bytes.
const CODE_MAX: usize = 64;

impl Desk<'_> {
    /// The order to redeem a reward.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], as of all orders here.
    pub fn redeem(self, request: pb::RedeemRewardRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let reward = required_text(request.reward, NAME_MAX, &Path::Field(&Path::Request, "reward"), &mut faults);
        let times = u32::try_from(request.quantity).unwrap_or_else(|_| {
            faults.at(&Path::Field(&Path::Request, "quantity"), "must not be negative");
            0
        });
        let verb = Verb::Redeem { reward, times: times.max(1) };
        let request_id = naming::request_id(request.request_id, &mut faults);
        faults.verdict(self.asked(program, member, request_id, verb, request.dry_run))
    }

    /// The order to take a redemption back.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn cancel(self, request: pb::CancelRedemptionRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let program = naming::program(request.program, &mut faults);
        let redemption = named_entry(&request.redemption_id, "redemption_id", &mut faults);
        let reason = text(request.reason, TEXT_MAX, &Path::Field(&Path::Request, "reason"), &mut faults);
        let verb = Verb::CancelRedemption { redemption, reason };
        let request_id = naming::request_id(request.request_id, &mut faults);
        faults.verdict(self.asked(program, MemberName::Entry(redemption), request_id, verb, request.dry_run))
    }

    /// The order to use a voucher up, and its code; `number` knows the programs' numbers, under which codes are kept.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], or there is no such program.
    pub fn use_voucher(
        self,
        request: pb::UseVoucherRequest,
        number: impl FnOnce(&str) -> Option<ProgramNo>,
    ) -> Result<(Asked, Text), Refusal> {
        let mut faults = Faults::default();
        let program = naming::program(request.program, &mut faults);
        let code = code(request.code, &mut faults);
        let note = note(request.note, &mut faults);
        let request_id = naming::request_id(request.request_id, &mut faults);
        faults.verdict(())?;
        let number = number(&program).ok_or_else(|| Refusal::UnknownProgram(program.clone()))?;
        let voucher = Claim::voucher(number, &code);
        let verb = Verb::UseVoucher { voucher, note };
        Ok((self.asked(program, MemberName::Voucher(voucher), request_id, verb, request.dry_run), code))
    }
}

/// The program and the code that a read names.
///
/// # Errors
/// [`Refusal::Malformed`].
pub fn named_voucher(request: pb::GetVoucherRequest) -> Result<(Text, Text), Refusal> {
    let mut faults = Faults::default();
    let program = naming::program(request.program, &mut faults);
    let code = code(request.code, &mut faults);
    faults.verdict((program, code))
}

/// A code in the form in which it was made.
fn code(typed: String, faults: &mut Faults) -> Text {
    normal_code(&required_text(typed, CODE_MAX, &Path::Field(&Path::Request, "code"), faults))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::wire::tests::{desk, fields_of};

    #[test]
    fn a_code_may_be_typed_in_many_ways() {
        let used = |code: &str| {
            let request = pb::UseVoucherRequest {
                program: "p".into(),
                code: code.into(),
                request_id: "u".into(),
                ..Default::default()
            };
            desk(|desk| desk.use_voucher(request, |program| (program == "p").then_some(ProgramNo(3))))
        };
        let (asked, code) = used("abcd-0o1l 2345-6789").unwrap();
        let claim = Claim::voucher(ProgramNo(3), "ABCD001123456789");
        assert_eq!((&*code, asked.order.member), ("ABCD001123456789", MemberName::Voucher(claim)));
        assert_eq!(fields_of(used("")), ["code"]);
        assert_eq!(fields_of(used(&"0".repeat(65))), ["code"]);
    }

    #[test]
    fn an_unknown_program_has_no_vouchers() {
        let request = pb::UseVoucherRequest {
            program: "q".into(),
            code: "0".into(),
            request_id: "u".into(),
            ..Default::default()
        };
        let no = desk(|desk| desk.use_voucher(request, |_| None)).err();
        assert_eq!(no, Some(Refusal::UnknownProgram("q".into())));
    }

    #[test]
    fn nought_of_a_reward_is_one() {
        let times = |quantity| {
            let request = pb::RedeemRewardRequest {
                program: "p".into(),
                member_id: "m".into(),
                reward: "mug".into(),
                quantity,
                request_id: "r".into(),
                ..Default::default()
            };
            desk(|desk| desk.redeem(request)).map(|asked| match asked.order.verb {
                Verb::Redeem { times, .. } => times,
                _ => panic!(),
            })
        };
        assert_eq!((times(0).unwrap(), times(3).unwrap()), (1, 3));
        assert_eq!(fields_of(times(-1)), ["quantity"]);
    }
}
