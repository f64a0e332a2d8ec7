//! The second and third orders of a transfer of points or a gift of a tier: the receiver takes in what was sent, the
//! sender notes what became of it.
//!
//! They stand in the sender's group here. A store that makes them durable one by one may be cut off between them: then
//! the sender is due at once, and the sweeper finishes.

use std::sync::Arc;

use super::answer::Denied;
use super::draft::{Draft, Keys, sends};
use crate::domain::event::{BelongingFact, Entry, Fact};
use crate::domain::member::SentTier;
use crate::domain::order::{Arrival, BelongingOrder, Caller, Claim, MemberKey, MemberName, Order, Refusal, Verb};
use crate::domain::program::Timeline;
use crate::domain::units::Text;

impl Draft {
    /// Carries on after a transfer was sent by `entry`.
    pub(super) fn deliver(
        &mut self,
        timeline: &Timeline,
        order: &Order,
        entry: &Arc<Entry>,
        entries: &mut Vec<Arc<Entry>>,
        beside: &mut Vec<Arc<Entry>>,
    ) -> Result<(), Denied> {
        if !sends(&order.verb) {
            return Ok(());
        }
        for fact in &entry.facts {
            let (arrived, closed) = match fact {
                Fact::TransferSent { to, wallet, lots, .. } => {
                    let lots = lots.clone();
                    let arrival = Arrival { from: entry.member, sent_by: entry.seq, wallet: *wallet, lots };
                    self.arrive(timeline, *to, arrival)?
                }
                Fact::Belonging(fact) => match &**fact {
                    BelongingFact::TierSent { to, tier, until, .. } => {
                        let sent = SentTier { entry: entry.seq, to: *to, tier: *tier, until: *until };
                        self.arrive_tier(timeline, entry.member, sent)?
                    }
                    _ => continue,
                },
                _ => continue,
            };
            beside.extend(arrived);
            entries.extend(closed);
        }
        Ok(())
    }

    /// As [`Self::arrive`], of a tier.
    #[expect(clippy::type_complexity, reason = "two lists of entries: the receiver's and the giver's")]
    fn arrive_tier(
        &mut self,
        timeline: &Timeline,
        from: MemberKey,
        sent: SentTier,
    ) -> Result<(Vec<Arc<Entry>>, Vec<Arc<Entry>>), Denied> {
        let SentTier { entry: sent_by, to, tier, until } = sent;
        let receiving = BelongingOrder::ReceiveTier { from, sent_by, tier, until, note: Text::default() };
        let claim = Some(Claim::transfer(sent_by));
        let received = self.decide(&order(timeline, to, Verb::Belonging(Box::new(receiving))), keys(to, claim));
        let arrived = match received {
            Ok(applied) => Some(applied.entries),
            Err(Denied::Refused(_)) => None,
            Err(failed) => return Err(failed),
        };
        let closing = BelongingOrder::CloseTierSent { sent_by, arrived: arrived.is_some() };
        let closed = self.decide(&order(timeline, from, Verb::Belonging(Box::new(closing))), keys(from, None))?;
        Ok((arrived.unwrap_or_default(), closed.entries))
    }

    /// The receiver's order and the sender's closing one; a receiver who cannot take the points sends them back.
    #[expect(clippy::type_complexity, reason = "two lists of entries: hers and the sender's")]
    fn arrive(
        &mut self,
        timeline: &Timeline,
        to: MemberKey,
        arrival: Arrival,
    ) -> Result<(Vec<Arc<Entry>>, Vec<Arc<Entry>>), Denied> {
        let (from, sent_by) = (arrival.from, arrival.sent_by);
        let claim = Claim::transfer(sent_by);
        let received = self.decide(&order(timeline, to, Verb::Receive(arrival)), keys(to, Some(claim)));
        let arrived = match received {
            Ok(applied) => Some(applied.entries),
            Err(Denied::Refused(_)) => None,
            Err(failed) => return Err(failed),
        };
        let closing = Verb::CloseTransfer { sent_by, arrived: arrived.is_some() };
        let closed = self.decide(&order(timeline, from, closing), keys(from, None))?;
        Ok((arrived.unwrap_or_default(), closed.entries))
    }

    /// Finishes what a crash cut off: transfers under way, reservations whose time ran out.
    pub(super) fn finish(&mut self, key: MemberKey, timeline: &Timeline) -> Result<bool, Refusal> {
        let mut finished = self.finish_pot(key, timeline)?;
        let sent = self.member(key).map(|member| member.belonging().sent.clone()).unwrap_or_default();
        for sent in sent {
            match self.arrive_tier(timeline, key, sent) {
                Ok(_) => finished = true,
                Err(Denied::Refused(refusal)) => return Err(refusal),
                Err(Denied::Failed(_)) => {}
            }
        }
        let transfers = self.member(key).map(|member| member.desk().transfers.clone()).unwrap_or_default();
        for sent in transfers {
            let arrival = Arrival { from: key, sent_by: sent.entry, wallet: sent.wallet, lots: sent.lots };
            match self.arrive(timeline, sent.to, arrival) {
                Ok(_) => finished = true,
                Err(Denied::Refused(refusal)) => return Err(refusal),
                Err(Denied::Failed(_)) => {}
            }
        }
        Ok(finished)
    }
}

fn order(timeline: &Timeline, member: MemberKey, verb: Verb) -> Order {
    Order {
        program: (*timeline.newest().id).into(),
        member: MemberName::Key(member),
        request_id: Text::default(),
        caller: Caller::default(),
        verb,
    }
}

const fn keys(member: MemberKey, claim: Option<Claim>) -> Keys {
    Keys { member: Some(member), claim }
}
