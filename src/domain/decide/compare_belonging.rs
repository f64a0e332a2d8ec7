//! The same key again, for orders about belonging: is it the same order?

use super::Ground;
use super::compare::{first_false, same_other};
use crate::domain::event::{BelongingFact, FeePaid, InvitationEnd};
use crate::domain::order::BelongingOrder;
use crate::domain::program::Word;
use crate::domain::units::{Points, Text};

/// Named fields, and whether they are the same.
type Fields = Vec<(&'static str, bool)>;

/// The first field in which an order differs from the fact it made before; `None` if the fact is not what such an order
/// makes first.
pub(super) fn difference(ground: &Ground<'_>, fact: &BelongingFact, order: &BelongingOrder) -> Option<Option<String>> {
    let fields = tiers(ground, fact, order).or_else(|| clubs(ground, fact, order));
    let fields = fields.or_else(|| privileges(ground, fact, order))?;
    Some(first_false(&fields).map(str::to_owned))
}

fn same(ground: &Ground<'_>, word: Word, name: &Text) -> bool {
    ground.timeline.newest().text(word) == name
}

fn tiers(ground: &Ground<'_>, fact: &BelongingFact, order: &BelongingOrder) -> Option<Fields> {
    Some(match (fact, order) {
        (BelongingFact::TierHeld { tier, by, until, reason, actor, .. }, BelongingOrder::GrantTier(asked)) => vec![
            ("tier", same(ground, tier.0, &asked.tier)),
            ("kind", *by == asked.by),
            ("until", asked.until.is_none_or(|asked| asked == *until)),
            ("reason", *reason == asked.reason),
            ("actor", *actor == asked.actor),
        ],
        (
            BelongingFact::TierGrantRevoked { grant, reason, actor, .. },
            BelongingOrder::RevokeTierGrant { grant: asked, reason: why, actor: who },
        ) => vec![("grant_id", grant == asked), ("reason", reason == why), ("actor", actor == who)],
        (
            BelongingFact::TierSent { to, tier, note, .. },
            BelongingOrder::GiveTier { to: asked, tier: name, note: why },
        ) => {
            vec![
                ("member_id", same_other(ground, *to, asked)),
                ("tier", same(ground, tier.0, name)),
                ("reason", note == why),
            ]
        }
        (BelongingFact::TierHeld { from: Some((_, first)), .. }, BelongingOrder::ReceiveTier { sent_by, .. }) => {
            vec![("sent_by", first == sent_by)]
        }
        _ => return None,
    })
}

fn clubs(ground: &Ground<'_>, fact: &BelongingFact, order: &BelongingOrder) -> Option<Fields> {
    let club = |word: Word, name: &Text| ("club", same(ground, word, name));
    Some(match (fact, order) {
        (
            BelongingFact::ClubJoined { club: first, fee, .. },
            BelongingOrder::JoinClub { club: name, paid, reference },
        ) => {
            let money = fee.as_ref().filter(|fee| fee.wallet.is_none());
            let amount = money.map_or(Points::ZERO, |fee| fee.amount);
            let same_reference = money.is_none_or(|FeePaid { reference: first, .. }| first == reference);
            vec![club(first.0, name), ("payment.amount", amount == *paid), ("payment.reference", same_reference)]
        }
        (BelongingFact::ClubAsked { club: first }, BelongingOrder::JoinClub { club: name, paid, .. }) => {
            vec![club(first.0, name), ("payment.amount", *paid == Points::ZERO)]
        }
        (BelongingFact::ClubLeft { club: first, .. }, BelongingOrder::LeaveClub { club: name }) => {
            vec![club(first.0, name)]
        }
        (
            BelongingFact::ClubInvited { club: first, until, actor },
            BelongingOrder::InviteToClub { club: name, until: asked, actor: who },
        ) => vec![club(first.0, name), ("until", asked.is_none_or(|asked| asked == *until)), ("actor", actor == who)],
        (
            BelongingFact::InvitationEnded { club: first, cause: InvitationEnd::Declined, .. },
            BelongingOrder::DeclineInvitation { club: name },
        ) => vec![club(first.0, name)],
        (
            BelongingFact::InvitationEnded { club: first, cause: InvitationEnd::Revoked, note, .. },
            BelongingOrder::RevokeInvitation { club: name, reason },
        ) => vec![club(first.0, name), ("reason", note == reason)],
        (
            BelongingFact::ClubJoined { club: first, actor, .. }
            | BelongingFact::ClubInvited { club: first, actor, .. },
            BelongingOrder::AdmitToClub { club: name, admitted, actor: who, .. },
        ) => vec![club(first.0, name), ("decision", *admitted), ("actor", actor == who)],
        (
            BelongingFact::ClubDenied { club: first, reason, actor },
            BelongingOrder::AdmitToClub { club: name, admitted, reason: why, actor: who },
        ) => vec![club(first.0, name), ("decision", !admitted), ("reason", reason == why), ("actor", actor == who)],
        _ => return None,
    })
}

fn privileges(ground: &Ground<'_>, fact: &BelongingFact, order: &BelongingOrder) -> Option<Fields> {
    Some(match (fact, order) {
        (
            BelongingFact::PrivilegeUsed { privilege, uses, companions, begins_at, note, .. },
            BelongingOrder::UsePrivilege(asked),
        ) => vec![
            ("privilege", same(ground, privilege.0, &asked.privilege)),
            ("uses", *uses == asked.uses),
            ("companions", *companions == asked.companions),
            ("begins_at", *begins_at == asked.begins_at),
            ("note", *note == asked.note),
        ],
        (
            BelongingFact::PrivilegeReturned { used, note, .. },
            BelongingOrder::ReturnPrivilege { used: asked, note: why },
        ) => vec![("use_id", used == asked), ("note", note == why)],
        (
            BelongingFact::BenefitChosen { milestone, reached, option, times, .. },
            BelongingOrder::ChooseBenefit { milestone: name, reached: asked, option: wanted, times: often },
        ) => vec![
            ("milestone", same(ground, milestone.0, name)),
            ("choice_id", asked.is_none_or(|asked| asked == *reached)),
            ("option", same(ground, option.0, wanted)),
            ("times", times == often),
        ],
        (
            BelongingFact::SegmentEntered { segment, rests_on, .. }
            | BelongingFact::SegmentLeft { segment, rests_on, .. },
            BelongingOrder::Tag(asked),
        ) => vec![("segment", *segment == asked.segment), ("rests_on", *rests_on == asked.rests_on)],
        (BelongingFact::BoostBegan { boost, .. }, BelongingOrder::RegisterBoost { boost: name }) => {
            vec![("boost", same(ground, boost.0, name))]
        }
        _ => return None,
    })
}
