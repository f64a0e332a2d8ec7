//! Clubs, for the wire: what they are to whoever looks, with what is left of their places.

use super::held::membership;
use super::lots::wallet_of;
use super::scalars::stamp;
use crate::domain::decide::{ClubOffer, club_offer};
use crate::domain::member::Member;
use crate::domain::order::Refusal;
use crate::domain::program::{Club, ClubId, Door, Fee, Timeline};
use crate::domain::units::{Moment, Points};
use crate::engine::View;
use crate::pb;

/// What a club is shown with.
#[derive(Clone, Copy)]
pub struct Porch<'a> {
    /// The program's versions.
    pub timeline: &'a Timeline,
    /// The member who looks, if one does.
    pub member: Option<&'a Member>,
    /// Now.
    pub now: Moment,
}

impl Porch<'_> {
    /// A club of which `gone` places are taken.
    #[must_use]
    pub fn club(self, club: &Club, gone: Points) -> pb::Club {
        let program = self.timeline.at(self.now);
        let places_left = club.capacity.map(|capacity| capacity.saturating_sub(gone.0).max(0));
        let offer = self.member.map(|member| club_offer(program, club, member, self.now));
        let no = self.refusal(club, offer.as_ref(), places_left);
        let first = club.fee.as_ref().map(|fee| fee.of(None, false));
        let fee = offer.as_ref().map_or(first, |offer| offer.fee);
        pb::Club {
            club: program.text(club.id.0).to_owned(),
            name: club.name.to_string(),
            door: door(club.door).into(),
            condition: club.condition.as_ref().map(|condition| condition.written.to_string()).unwrap_or_default(),
            term: club.term.map(super::benefits::span).unwrap_or_default(),
            fee: club.fee.as_ref().zip(fee).map(|(terms, amount)| self.fee(terms, amount)),
            capacity: club.capacity,
            places_left,
            from: stamp(club.from),
            until: stamp(club.until),
            offered: no.is_none(),
            reason: no.as_ref().map(|no| no.reason().to_owned()).unwrap_or_default(),
            message: no.as_ref().map(ToString::to_string).unwrap_or_default(),
            remedy: no.as_ref().and_then(Refusal::remedy).unwrap_or_default().to_owned(),
            membership: offer.as_ref().and_then(|offer| Some(membership(program, offer.membership.as_ref()?))),
            invitation: offer.as_ref().and_then(|offer| self.invitation(club.id, offer.invited_until?)),
            asked: offer.is_some_and(|offer| offer.asked),
        }
    }

    /// Why nobody, or not she, can come in or go on.
    fn refusal(self, club: &Club, offer: Option<&ClubOffer>, places_left: Option<i64>) -> Option<Refusal> {
        let closed = (self.now < club.from || club.until <= self.now).then_some(Refusal::ClubNotOpen);
        let no = offer.map_or(closed, |offer| offer.refusal.clone());
        let goes_on = offer.is_some_and(|offer| offer.membership.is_some());
        let full = club.capacity.filter(|_| places_left == Some(0) && !goes_on).map(Refusal::ClubFull);
        no.or(full)
    }

    fn fee(self, fee: &Fee, amount: Points) -> pb::ClubFee {
        let fee = match fee.wallet {
            Some(wallet) => {
                let (wallet, decimals) = wallet_of(self.timeline, wallet);
                pb::club_fee::Fee::Points(pb::WalletPoints { wallet, decimals, points: amount.0 })
            }
            None => {
                let currency_code = self.timeline.at(self.now).currency.as_str().to_owned();
                pb::club_fee::Fee::Money(pb::Money { currency_code, minor_units: amount.0 })
            }
        };
        pb::ClubFee { fee: Some(fee) }
    }

    fn invitation(self, club: ClubId, until: Moment) -> Option<pb::Invitation> {
        let club = self.timeline.newest().text(club.0).to_owned();
        Some(pb::Invitation { club, until: stamp(until) })
    }
}

const fn door(door: Door) -> pb::ClubDoor {
    match door {
        Door::Open => pb::ClubDoor::Open,
        Door::Invitation(_) => pb::ClubDoor::Invitation,
        Door::Condition => pb::ClubDoor::Condition,
        Door::Approval => pb::ClubDoor::Approval,
    }
}

/// Somebody who belongs to a club; `None` for those who don't.
#[must_use]
pub fn club_member(view: &View, club: ClubId) -> Option<pb::ClubMember> {
    let held = view.member.belonging().club(club)?;
    Some(pb::ClubMember {
        member_id: view.member.id.to_string(),
        since: stamp(held.since),
        until: stamp(held.until),
        has_place: held.has_place,
    })
}
