//! Taking from what is scarce across members, and giving back: reserved before the order that takes it, settled after.
//!
//! The three entries stand in one group here. A store that makes them durable one by one may be cut off between them:
//! then the reservation's time runs out, and it is looked up what became of the order.

use std::sync::Arc;

use super::draft::{Draft, Given};
use crate::domain::decide::PotMove;
use crate::domain::event::{BelongingFact, Entry, Fact, Seq};
use crate::domain::member::{Pot, RESERVATION_TTL, Reservation};
use crate::domain::order::{Claim, MemberKey, Refusal};
use crate::domain::program::Timeline;
use crate::domain::units::Points;

/// The moves of an order, each pot once.
pub(super) fn merged(moves: Vec<PotMove>) -> Vec<PotMove> {
    let mut merged: Vec<PotMove> = Vec::with_capacity(moves.len());
    for step in moves {
        match merged.iter_mut().find(|other| other.pot == step.pot) {
            Some(other) => other.amount = Points(other.amount.0.saturating_add(step.amount.0)),
            None => merged.push(step),
        }
    }
    merged
}

impl Draft {
    /// Reserves what an order is about to take or to give back. Answers with the reservations, in the order of the moves.
    pub(super) fn reserve(
        &mut self,
        timeline: &Timeline,
        member: MemberKey,
        order: Claim,
        moves: &[PotMove],
        beside: &mut Vec<Arc<Entry>>,
    ) -> Result<Vec<Seq>, Refusal> {
        let mut reserved = Vec::with_capacity(moves.len());
        for PotMove { pot, amount } in moves.iter().filter(|step| step.amount != Points::ZERO) {
            match self.reserved_before(timeline, pot, order) {
                // The order was cut off after it had reserved, and is decided anew.
                Some(before) if before.amount == *amount && before.member == member => {
                    reserved.push(before.entry);
                    continue;
                }
                Some(before) => {
                    let (reservation, used) = (before.entry, Points::ZERO);
                    beside.push(self.push_pot(timeline, pot, Fact::PotSettled { reservation, used })?);
                }
                None => {}
            }
            let until = self.now.plus(RESERVATION_TTL);
            let fact = Fact::PotReserved { pot: pot.clone(), amount: *amount, member, order, until };
            let entry = self.push_pot(timeline, pot, fact)?;
            reserved.push(entry.seq);
            beside.push(entry);
        }
        Ok(reserved)
    }

    /// What an order has set aside already.
    fn reserved_before(&self, timeline: &Timeline, pot: &str, order: Claim) -> Option<Reservation> {
        let key = MemberKey::of_pot(&timeline.newest().id, pot);
        let pot = self.member(key)?.pot.as_ref()?;
        pot.reservations.iter().find(|reserved| reserved.order == order).copied()
    }

    /// What is gone of a pot for an order: what others have set aside counts, what it has set aside itself does not.
    pub(super) fn gone(&self, timeline: &Timeline, pot: &str, order: Claim) -> Points {
        let key = MemberKey::of_pot(&timeline.newest().id, pot);
        let gone = self.member(key).and_then(|member| member.pot.as_ref()?.gone().ok()).unwrap_or_default();
        let own = self.reserved_before(timeline, pot, order).map_or(Points::ZERO, |reserved| reserved.amount);
        Points(gone.0.saturating_sub(own.0.max(0)))
    }

    /// Settles the reservations of an order that was carried out.
    pub(super) fn settle_pots(
        &mut self,
        timeline: &Timeline,
        moves: &[PotMove],
        reserved: Vec<Seq>,
        beside: &mut Vec<Arc<Entry>>,
    ) -> Result<(), Refusal> {
        let moved = moves.iter().filter(|step| step.amount != Points::ZERO);
        for (PotMove { pot, amount }, reservation) in moved.zip(reserved) {
            beside.push(self.push_pot(timeline, pot, Fact::PotSettled { reservation, used: *amount })?);
        }
        Ok(())
    }

    /// Sets the places aside that these facts free, each under the key that the end of the membership claims.
    pub(super) fn places_freed(
        &mut self,
        timeline: &Timeline,
        member: MemberKey,
        facts: &[Fact],
        beside: &mut Vec<Arc<Entry>>,
    ) -> Result<Vec<(PotMove, Seq)>, Refusal> {
        let mut freed = Vec::new();
        for fact in facts {
            let Fact::Belonging(fact) = fact else { continue };
            let BelongingFact::ClubLeft { club, frees_place: true, joined, .. } = **fact else { continue };
            let pot = Pot::places_of(timeline.newest().text(club.0));
            let moves = [PotMove { pot, amount: Points(-1) }];
            let reserved = self.reserve(timeline, member, Claim::left(joined, club), &moves, beside)?;
            freed.extend(moves.into_iter().zip(reserved));
        }
        Ok(freed)
    }

    /// Frees places that were set aside for that.
    pub(super) fn free(
        &mut self,
        timeline: &Timeline,
        freed: Vec<(PotMove, Seq)>,
        beside: &mut Vec<Arc<Entry>>,
    ) -> Result<(), Refusal> {
        let (moves, reserved): (Vec<PotMove>, Vec<Seq>) = freed.into_iter().unzip();
        self.settle_pots(timeline, &moves, reserved, beside)
    }

    /// Looks after reservations whose time ran out: used if their order was carried out, free again if not.
    pub(super) fn finish_pot(&mut self, key: MemberKey, timeline: &Timeline) -> Result<bool, Refusal> {
        let Some(pot) = self.member(key).and_then(|member| member.pot.clone()) else { return Ok(false) };
        let now = self.now;
        let mut finished = false;
        for reserved in pot.reservations.iter().filter(|reserved| reserved.until <= now) {
            let done = self.claims.get(&reserved.order).is_some_and(|entry| entry.member == reserved.member);
            let used = if done { reserved.amount } else { Points::ZERO };
            self.push_of(key, timeline, Fact::PotSettled { reservation: reserved.entry, used })?;
            finished = true;
        }
        Ok(finished)
    }

    fn push_pot(&mut self, timeline: &Timeline, pot: &str, fact: Fact) -> Result<Arc<Entry>, Refusal> {
        self.push_of(MemberKey::of_pot(&timeline.newest().id, pot), timeline, fact)
    }

    fn push_of(&mut self, key: MemberKey, timeline: &Timeline, fact: Fact) -> Result<Arc<Entry>, Refusal> {
        let version = timeline.at(self.now).version;
        self.push(key, timeline, version, Given::default(), vec![fact])
    }
}
