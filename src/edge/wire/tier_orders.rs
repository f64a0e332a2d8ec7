//! Requests to grant a tier and to take a grant back, as orders of the domain; and what became of them.

use super::entries::entry_id;
use super::faults::{Faults, Path};
use super::naming;
use super::orders::{Asked, Desk};
use super::points_orders::{actor, named_entry, reason};
use super::points_replies::kept;
use super::scalars::{NAME_MAX, moment, required_text};
use crate::domain::event::{BelongingFact, Entry, Fact};
use crate::domain::member::HeldBy;
use crate::domain::order::{BelongingOrder, Granting, MemberName, Refusal, Verb};
use crate::domain::units::Text;
use crate::engine::Applied;
use crate::pb;

/// A grant that was asked for; a gift is an order of the giver's, and somebody else gets the tier.
pub struct AskedGrant {
    /// The order.
    pub asked: Asked,
    /// Who gets it, if it is a gift.
    pub receiver: Option<MemberName>,
}

impl Desk<'_> {
    /// The order to grant a tier.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], as of all orders here.
    pub fn grant_tier(self, request: pb::GrantTierRequest) -> Result<AskedGrant, Refusal> {
        if request.kind() == pb::TierGrantKind::Gift { self.give_tier(request) } else { self.grant_by_hand(request) }
    }

    /// The order to take a granted tier back.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn revoke_grant(self, request: pb::RevokeTierGrantRequest) -> Result<Asked, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let order = BelongingOrder::RevokeTierGrant {
            grant: named_entry(&request.grant_id, "grant_id", &mut faults),
            reason: reason(request.reason, &Path::Request, &mut faults),
            actor: actor(request.actor, &Path::Request, &mut faults),
        };
        let request_id = naming::request_id(request.request_id, &mut faults);
        faults.verdict(self.belonging(program, member, request_id, order, request.dry_run))
    }

    fn grant_by_hand(self, request: pb::GrantTierRequest) -> Result<AskedGrant, Refusal> {
        let mut faults = Faults::default();
        let (program, member) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let granting = Granting {
            tier: required_text(request.tier, NAME_MAX, &Path::Field(&Path::Request, "tier"), &mut faults),
            by: granted_by(request.kind, &mut faults),
            until: moment(request.until, &Path::Field(&Path::Request, "until"), &mut faults),
            reason: reason(request.reason, &Path::Request, &mut faults),
            actor: actor(request.actor, &Path::Request, &mut faults),
        };
        for (field, given) in
            [("giver_member_id", !request.giver_member_id.is_empty()), ("giver", request.giver.is_some())]
        {
            if given {
                faults.at(&Path::Field(&Path::Request, field), "is only for a gift");
            }
        }
        let request_id = naming::request_id(request.request_id, &mut faults);
        let order = BelongingOrder::GrantTier(granting);
        let asked = self.belonging(program, member, request_id, order, request.dry_run);
        faults.verdict(AskedGrant { asked, receiver: None })
    }

    fn give_tier(self, request: pb::GrantTierRequest) -> Result<AskedGrant, Refusal> {
        let mut faults = Faults::default();
        let (program, to) =
            self.named(request.program, request.member_id, request.identifier, "identifier", &mut faults);
        let tier = required_text(request.tier, NAME_MAX, &Path::Field(&Path::Request, "tier"), &mut faults);
        if request.until.is_some() {
            faults.at(&Path::Field(&Path::Request, "until"), "is not for a gift, which holds as the privilege says");
        }
        let note = reason(request.reason, &Path::Request, &mut faults);
        if !request.actor.is_empty() {
            faults.at(&Path::Field(&Path::Request, "actor"), "is not for a gift: the giver answers for it");
        }
        let giver = (request.giver_member_id, request.giver);
        let giver = naming::member_in(&program, giver, ("giver_member_id", "giver"), self.identify, &mut faults);
        if giver == to && !matches!(&to, MemberName::Id(id) if id.is_empty()) {
            faults.at(&Path::Field(&Path::Request, "giver_member_id"), "is the receiver");
        }
        let request_id = naming::request_id(request.request_id, &mut faults);
        let order = BelongingOrder::GiveTier { to: to.clone(), tier, note };
        let asked = self.belonging(program, giver, request_id, order, request.dry_run);
        faults.verdict(AskedGrant { asked, receiver: Some(to) })
    }

    pub(super) fn belonging(
        self,
        program: Text,
        member: MemberName,
        request_id: Text,
        order: BelongingOrder,
        dry_run: bool,
    ) -> Asked {
        self.asked(program, member, request_id, Verb::Belonging(Box::new(order)), dry_run)
    }
}

fn granted_by(kind: i32, faults: &mut Faults) -> HeldBy {
    let path = Path::Field(&Path::Request, "kind");
    match pb::TierGrantKind::try_from(kind) {
        Ok(pb::TierGrantKind::Match) => HeldBy::Match,
        Ok(pb::TierGrantKind::Invitation) => HeldBy::Invitation,
        // A gift is read elsewhere.
        Ok(pb::TierGrantKind::Manual | pb::TierGrantKind::Gift) => HeldBy::Manual,
        Ok(pb::TierGrantKind::Unspecified) => {
            faults.missing(&path);
            HeldBy::Manual
        }
        Err(_) => {
            faults.at(&path, "is none of the kinds there are");
            HeldBy::Manual
        }
    }
}

/// The id of the grant that an order made, in the member's own entry or, of a gift, in the receiver's.
#[must_use]
pub fn grant_made(applied: &Applied, dry_run: bool) -> String {
    let mut entries = applied.entries.iter().chain(&applied.beside).filter(|_| kept(applied, dry_run));
    entries.find(|entry| holds_tier(entry)).map(|entry| entry_id(entry.seq)).unwrap_or_default()
}

/// The entries of the receiver of a gift.
#[must_use]
pub fn received(applied: &Applied, dry_run: bool) -> Vec<String> {
    let giver = applied.view.member.key;
    let others = applied.beside.iter().filter(|entry| entry.member != giver && kept(applied, dry_run));
    others.map(|entry| entry_id(entry.seq)).collect()
}

fn holds_tier(entry: &Entry) -> bool {
    let held = |fact: &Fact| match fact {
        Fact::Belonging(fact) => matches!(&**fact, BelongingFact::TierHeld { by, .. } if by.is_granted()),
        _ => false,
    };
    entry.facts.iter().any(held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Seq;
    use crate::edge::wire::tests::{card, desk, fields_of};

    fn grant(kind: pb::TierGrantKind) -> pb::GrantTierRequest {
        pb::GrantTierRequest {
            program: "p".into(),
            member_id: "m".into(),
            tier: "gold".into(),
            kind: kind.into(),
            reason: "won at the fair".into(),
            actor: "e-7".into(),
            request_id: "g".into(),
            ..Default::default()
        }
    }

    fn gift() -> pb::GrantTierRequest {
        let request = grant(pb::TierGrantKind::Gift);
        pb::GrantTierRequest { actor: String::new(), giver_member_id: "g".into(), ..request }
    }

    fn order_of(request: pb::GrantTierRequest) -> (MemberName, BelongingOrder, Option<MemberName>) {
        let AskedGrant { asked, receiver } = desk(|desk| desk.grant_tier(request)).unwrap();
        let Verb::Belonging(order) = asked.order.verb else { panic!() };
        (asked.order.member, *order, receiver)
    }

    fn faults_of(request: pb::GrantTierRequest) -> String {
        fields_of(desk(|desk| desk.grant_tier(request))).join(" ")
    }

    #[test]
    fn a_grant_arrives_whole() {
        let kinds = [
            (pb::TierGrantKind::Match, HeldBy::Match),
            (pb::TierGrantKind::Manual, HeldBy::Manual),
            (pb::TierGrantKind::Invitation, HeldBy::Invitation),
        ];
        for (kind, by) in kinds {
            let until = Some(prost_types::Timestamp { seconds: 60, nanos: 0 });
            let (member, order, receiver) = order_of(pb::GrantTierRequest { until, ..grant(kind) });
            let want = Granting {
                tier: "gold".into(),
                by,
                until: Some(crate::domain::units::Moment(60_000_000)),
                reason: "won at the fair".into(),
                actor: "e-7".into(),
            };
            assert_eq!((member, order), (MemberName::Id("m".into()), BelongingOrder::GrantTier(want)));
            assert_eq!(receiver, None);
        }
    }

    #[test]
    fn a_gift_is_the_givers_order() {
        let (member, order, receiver) = order_of(gift());
        let (to, tier, note) = (MemberName::Id("m".into()), "gold".into(), "won at the fair".into());
        assert_eq!((member, receiver), (MemberName::Id("g".into()), Some(to.clone())));
        assert_eq!(order, BelongingOrder::GiveTier { to, tier, note });
    }

    #[test]
    fn what_does_not_go_with_the_kind_is_named() {
        let giver = card("1");
        assert_eq!(faults_of(pb::GrantTierRequest { giver, ..grant(pb::TierGrantKind::Manual) }), "giver");
        let both = pb::GrantTierRequest { giver_member_id: "g".into(), ..grant(pb::TierGrantKind::Match) };
        assert_eq!(faults_of(both), "giver_member_id");
        let until = Some(prost_types::Timestamp::default());
        assert_eq!(faults_of(pb::GrantTierRequest { until, actor: "e-7".into(), ..gift() }), "until actor");
        assert_eq!(faults_of(pb::GrantTierRequest { giver_member_id: "m".into(), ..gift() }), "giver_member_id");
        assert_eq!(faults_of(pb::GrantTierRequest { kind: 77, ..gift() }), "kind actor giver_member_id");
    }

    #[test]
    fn everything_missing_is_named_at_once() {
        let missing = "program member_id tier kind reason actor request_id";
        assert_eq!(faults_of(pb::GrantTierRequest::default()), missing);
        let gift = pb::GrantTierRequest { kind: pb::TierGrantKind::Gift.into(), ..Default::default() };
        assert_eq!(faults_of(gift), "program member_id tier reason giver_member_id request_id");
        let revoke = fields_of(desk(|desk| desk.revoke_grant(pb::RevokeTierGrantRequest::default())));
        assert_eq!(revoke.join(" "), "program member_id grant_id reason actor request_id");
    }

    #[test]
    fn a_grant_is_revoked_by_its_entry() {
        let request = pb::RevokeTierGrantRequest {
            program: "p".into(),
            member_id: "m".into(),
            grant_id: "12".into(),
            reason: "a mistake".into(),
            actor: "e-7".into(),
            request_id: "r".into(),
            ..Default::default()
        };
        let asked = desk(|desk| desk.revoke_grant(request)).unwrap();
        let Verb::Belonging(order) = asked.order.verb else { panic!() };
        let (reason, actor) = ("a mistake".into(), "e-7".into());
        assert_eq!(*order, BelongingOrder::RevokeTierGrant { grant: Seq(12), reason, actor });
    }
}
