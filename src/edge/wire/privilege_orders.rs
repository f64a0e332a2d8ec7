//! Requests about privileges, choices and boosts, as orders and questions of the domain.

use super::faults::{Faults, Path};
use super::naming::{self, Identify};
use super::orders::{Asked, Desk};
use super::points_orders::{named_entry, note};
use super::scalars::{NAME_MAX, moment, required_text};
use crate::domain::decide;
use crate::domain::order::{BelongingOrder, MemberName, Refusal, Using};
use crate::domain::units::Text;
use crate::pb;

/// A privilege that is asked about, of a member.
pub struct Question {
    /// The program.
    pub program: Text,
    /// The member.
    pub member: MemberName,
    /// The privilege's id.
    pub privilege: Text,
    /// What is asked of it.
    pub asked: decide::Asked,
}

/// Reads the question whether a member may.
///
/// # Errors
/// [`Refusal::Malformed`].
pub fn question(request: pb::CheckPrivilegeRequest, identify: &dyn Identify) -> Result<Question, Refusal> {
    let mut faults = Faults::default();
    let program = naming::program(request.program, &mut faults);
    let (id, identifier) = (request.member_id, request.identifier);
    let member = naming::member(&program, id, identifier, "identifier", identify, &mut faults);
    let privilege = named("privilege", request.privilege, &mut faults);
    let uses = count("uses", request.uses, &mut faults).max(1);
    let companions = count("companions", request.companions, &mut faults);
    let begins_at = moment(request.begins_at, &Path::Field(&Path::Request, "begins_at"), &mut faults);
    let asked = decide::Asked { uses, companions, begins_at };
    faults.verdict(Question { program, member, privilege, asked })
}

impl Desk<'_> {
    /// The order to use a privilege.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], as of all orders here.
    pub fn use_privilege(self, request: pb::UsePrivilegeRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let using = Using {
            privilege: named("privilege", request.privilege, &mut faults),
            uses: count("uses", request.uses, &mut faults).max(1),
            companions: count("companions", request.companions, &mut faults),
            begins_at: moment(request.begins_at, &Path::Field(&Path::Request, "begins_at"), &mut faults),
            note: note(request.note, &mut faults),
        };
        let request_id = naming::request_id(request.request_id, &mut faults);
        let order = BelongingOrder::UsePrivilege(using);
        faults.verdict(self.belonging(program, member, request_id, order, request.dry_run))
    }

    /// The order to give a use back.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn return_privilege(self, request: pb::ReturnPrivilegeRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let program = naming::program(request.program, &mut faults);
        let used = named_entry(&request.use_id, "use_id", &mut faults);
        let note = note(request.note, &mut faults);
        let request_id = naming::request_id(request.request_id, &mut faults);
        let (member, order) = (MemberName::Entry(used), BelongingOrder::ReturnPrivilege { used, note });
        faults.verdict(self.belonging(program, member, request_id, order, request.dry_run))
    }

    /// The order to choose what a milestone gives.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn choose(self, request: pb::ChooseBenefitRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let given = !request.choice_id.is_empty();
        let order = BelongingOrder::ChooseBenefit {
            milestone: named("milestone", request.milestone, &mut faults),
            reached: given.then(|| named_entry(&request.choice_id, "choice_id", &mut faults)),
            option: named("option", request.option, &mut faults),
            times: count("times", request.times, &mut faults).max(1),
        };
        let request_id = naming::request_id(request.request_id, &mut faults);
        faults.verdict(self.belonging(program, member, request_id, order, request.dry_run))
    }

    /// The order to begin a boost.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn register_boost(self, request: pb::RegisterBoostRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let order = BelongingOrder::RegisterBoost { boost: named("boost", request.boost, &mut faults) };
        let request_id = naming::request_id(request.request_id, &mut faults);
        faults.verdict(self.belonging(program, member, request_id, order, request.dry_run))
    }
}

fn named(field: &'static str, id: String, faults: &mut Faults) -> Text {
    required_text(id, NAME_MAX, &Path::Field(&Path::Request, field), faults)
}

fn count(field: &'static str, given: i32, faults: &mut Faults) -> u32 {
    u32::try_from(given).unwrap_or_else(|_| {
        faults.at(&Path::Field(&Path::Request, field), "must not be negative");
        0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Seq;
    use crate::domain::order::Verb;
    use crate::domain::units::Moment;
    use crate::edge::wire::tests::{desk, fields_of};

    fn order_of(asked: Asked) -> (MemberName, BelongingOrder) {
        let Verb::Belonging(order) = asked.order.verb else { panic!() };
        (asked.order.member, *order)
    }

    #[test]
    fn nought_uses_are_one() {
        let using = |uses, companions| {
            let request = pb::UsePrivilegeRequest {
                program: "p".into(),
                member_id: "m".into(),
                privilege: "guest-pass".into(),
                uses,
                companions,
                begins_at: Some(prost_types::Timestamp { seconds: 60, nanos: 0 }),
                note: "gate 4".into(),
                request_id: "u".into(),
                ..Default::default()
            };
            desk(|desk| desk.use_privilege(request)).map(order_of)
        };
        let want = |uses, companions| {
            let using = Using {
                privilege: "guest-pass".into(),
                uses,
                companions,
                begins_at: Some(Moment(60_000_000)),
                note: "gate 4".into(),
            };
            (MemberName::Id("m".into()), BelongingOrder::UsePrivilege(using))
        };
        assert_eq!(using(0, 0).unwrap(), want(1, 0));
        assert_eq!(using(3, 2).unwrap(), want(3, 2));
        assert_eq!(fields_of(using(-1, -1)), ["uses", "companions"]);
    }

    #[test]
    fn a_use_comes_back_by_its_entry() {
        let back = |use_id: &str| {
            let request = pb::ReturnPrivilegeRequest {
                program: "p".into(),
                use_id: use_id.into(),
                request_id: "b".into(),
                ..Default::default()
            };
            desk(|desk| desk.return_privilege(request)).map(order_of)
        };
        let note = Text::default();
        let (used, unknown) = (Seq(7), Seq(u64::MAX));
        let order = BelongingOrder::ReturnPrivilege { used, note: note.clone() };
        assert_eq!(back("7").unwrap(), (MemberName::Entry(used), order));
        let order = BelongingOrder::ReturnPrivilege { used: unknown, note };
        assert_eq!(back("x").unwrap(), (MemberName::Entry(unknown), order), "unknown, not faulty");
        assert_eq!(fields_of(back("")), ["use_id"]);
    }

    #[test]
    fn the_oldest_choice_is_meant_if_none_is_named() {
        let chosen = |choice_id: &str, times| {
            let request = pb::ChooseBenefitRequest {
                program: "p".into(),
                member_id: "m".into(),
                milestone: "nights-50".into(),
                choice_id: choice_id.into(),
                option: "upgrades".into(),
                times,
                request_id: "c".into(),
                ..Default::default()
            };
            desk(|desk| desk.choose(request)).map(|asked| order_of(asked).1)
        };
        let want = |reached, times| BelongingOrder::ChooseBenefit {
            milestone: "nights-50".into(),
            reached,
            option: "upgrades".into(),
            times,
        };
        assert_eq!(chosen("", 0).unwrap(), want(None, 1));
        assert_eq!(chosen("12", 2).unwrap(), want(Some(Seq(12)), 2));
        assert_eq!(fields_of(chosen("", -1)), ["times"]);
    }

    #[test]
    fn everything_missing_is_named_at_once() {
        let used = fields_of(desk(|desk| desk.use_privilege(pb::UsePrivilegeRequest::default())));
        assert_eq!(used.join(" "), "program member_id privilege request_id");
        let back = fields_of(desk(|desk| desk.return_privilege(pb::ReturnPrivilegeRequest::default())));
        assert_eq!(back.join(" "), "program use_id request_id");
        let chosen = fields_of(desk(|desk| desk.choose(pb::ChooseBenefitRequest::default())));
        assert_eq!(chosen.join(" "), "program member_id milestone option request_id");
        let begun = fields_of(desk(|desk| desk.register_boost(pb::RegisterBoostRequest::default())));
        assert_eq!(begun.join(" "), "program member_id boost request_id");
        let asked = desk(|desk| question(pb::CheckPrivilegeRequest::default(), desk.identify));
        assert_eq!(fields_of(asked).join(" "), "program member_id privilege");
    }
}
