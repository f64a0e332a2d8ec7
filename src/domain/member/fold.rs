//! Folding facts into a member: dumb on purpose, since facts carry results.
//!
//! A lot that a fact makes belongs to the fact's entry; while that is still being decided it has no number, and
//! [`Seq::THIS`] stands for it.

use super::desk::{Hold, Transfer, Voucher, WrittenOff};
use super::pot::Reservation;
use super::{Desk, Held, Member, MemberState, OpenAlert, Purse, Standing};
use crate::domain::event::{AlertFact, PurchaseReturned, Seq, TakenCause, VoucherIssued};
use crate::domain::event::{Entry, Fact, OpeningState, PointsAdded, PointsTaken, PurchaseRecorded, RewardRedeemed};
use crate::domain::lot::{self, Lot};
use crate::domain::order::Claim;
use crate::domain::program::{RewardId, WalletId};
use crate::domain::units::{Moment, Overflow, Points, Text};

impl Member {
    /// Folds a whole entry.
    ///
    /// # Errors
    /// [`Overflow`] if a sum leaves its range; `decide` never lets such a fact come to be.
    pub fn apply_entry(&mut self, entry: &Entry) -> Result<(), Overflow> {
        if self.version == 0 {
            (self.program, self.key) = (entry.program, entry.member);
            (self.enrolled_at, self.enrolled_by) = (entry.recorded_at, entry.seq);
        }
        for fact in &entry.facts {
            self.apply(fact, entry.seq)?;
        }
        self.version = self.version.saturating_add(1);
        (self.last_entry, self.recorded_at) = (entry.seq, entry.recorded_at);
        Ok(())
    }

    /// Folds one fact of the entry `seq` ([`Seq::THIS`] while it has no number yet).
    ///
    /// # Errors
    /// [`Overflow`] if a sum leaves its range.
    pub fn apply(&mut self, fact: &Fact, seq: Seq) -> Result<(), Overflow> {
        match fact {
            Fact::ProgramApplied(_)
            | Fact::PurchaseConfirmed { .. }
            | Fact::PointsAdjusted { .. }
            | Fact::TransferReceived { .. } => {}
            Fact::MemberEnrolled(enrolled) => {
                self.id.clone_from(&enrolled.member_id);
                self.identifiers.clone_from(&enrolled.identifiers);
                self.attributes.clone_from(&enrolled.attributes);
                self.standing = Standing::starting_on(enrolled.base_tier);
            }
            Fact::AttributesUpdated { set, remove } => {
                self.attributes.retain(|(id, _)| !remove.contains(&id.0) && set.iter().all(|(new, _)| new != id));
                self.attributes.extend(set.iter().cloned());
                self.attributes.sort();
            }
            Fact::IdentifierLinked(identifier) => {
                self.identifiers.push(identifier.clone());
                self.identifiers.sort();
            }
            Fact::IdentifierUnlinked(identifier) => self.identifiers.retain(|held| held.hash != identifier.hash),
            Fact::MemberSuspended(_) => self.state = MemberState::Suspended,
            Fact::MemberReinstated(_) => self.state = MemberState::Active,
            Fact::MemberClosed(_) => self.state = MemberState::Closed,
            Fact::TierEarned { tier, since, until } => {
                self.standing.hold(Held::earned(*tier, *since, *until));
            }
            Fact::TierChanged { to, at, .. } => self.standing.change(*to, *at),
            Fact::TierWithdrawn { tier, until } => self.standing.withdraw(*tier, *until),
            Fact::PurchaseRecorded(recorded) => self.bought(recorded, seq)?,
            Fact::PurchaseReturned(returned) => self.brought_back(returned)?,
            Fact::OpeningStateSet(state) => self.open_with(state, seq)?,
            Fact::Belonging(fact) => self.apply_belonging(fact, seq)?,
            Fact::Alert(fact) => self.apply_alert(fact, seq),
            other => self.apply_points(other, seq)?,
        }
        Ok(())
    }

    fn apply_alert(&mut self, fact: &AlertFact, seq: Seq) {
        match fact {
            AlertFact::Raised(raised) => {
                self.alert = Some(Box::new(OpenAlert {
                    entry: seq,
                    last_day: raised.pattern.last_day,
                    least_spend: raised.pattern.least_spend,
                    owner: raised.owner.clone(),
                    acknowledged_by: Text::default(),
                    escalates_at: raised.escalates_at,
                    escalates_to: raised.escalates_to.clone(),
                    is_escalated: false,
                }));
            }
            AlertFact::Acknowledged { actor, .. } => {
                if let Some(open) = &mut self.alert {
                    (open.acknowledged_by, open.escalates_at) = (actor.clone(), Moment::NEVER);
                }
            }
            AlertFact::Escalated { to, .. } => {
                if let Some(open) = &mut self.alert {
                    (open.owner, open.escalates_at, open.is_escalated) = (to.clone(), Moment::NEVER, true);
                }
            }
            AlertFact::Ended { .. } => self.alert = None,
        }
    }

    fn apply_points(&mut self, fact: &Fact, seq: Seq) -> Result<(), Overflow> {
        match fact {
            Fact::PointsAdded(added) => self.added(added, seq)?,
            Fact::PointsTaken(taken) => self.taken(taken, seq)?,
            Fact::DebtPaid(paid) => {
                self.take_all(paid.wallet, &paid.lots, seq)?;
                let less = lot::total(&paid.lots)?.plus(paid.written_off)?.minus(paid.revived)?;
                self.repay(paid.wallet, less)?;
                let desk = self.desk_mut();
                desk.revive(paid.wallet, paid.revived);
                desk.write_off(WrittenOff { wallet: paid.wallet, entry: seq, points: paid.written_off });
                self.clear_desk();
            }
            Fact::PointsForfeited { wallet, .. } => self.change(*wallet, |purse| {
                purse.lots.clear();
                Ok(())
            })?,
            Fact::PointsMatured { wallet, lots, .. } => self.mature(*wallet, lots, seq)?,
            Fact::LotsRedated { wallet, expires_at, notice_at } => self.redate(*wallet, *expires_at, *notice_at)?,
            Fact::LotsKept { wallet, kept } => self.change(*wallet, |purse| {
                purse.kept = *kept;
                Ok(())
            })?,
            Fact::ActivityCounted { wallet, lapses_at, notice_at, before } => self.change(*wallet, |purse| {
                (purse.lapses_at, purse.lapse_notice_at) = (*lapses_at, *notice_at);
                purse.active_by = before.map_or(Seq::NONE, |_| seq);
                Ok(())
            })?,
            Fact::ExpiryAnnounced { wallet, expires_at, .. } => self.change(*wallet, |purse| {
                purse.announced(*expires_at);
                Ok(())
            })?,
            Fact::StatementSet { wallet, at } => self.change(*wallet, |purse| {
                purse.statement_at = *at;
                Ok(())
            })?,
            Fact::VouchersCut(cut) => {
                self.take_all(cut.wallet, &cut.lots, seq)?;
                self.issue(cut.reward, cut.times, &cut.voucher, seq);
            }
            Fact::RewardRedeemed(redeemed) => self.redeemed(redeemed, seq)?,
            Fact::RedemptionCancelled { count, voucher, .. } => {
                count.iter().try_for_each(|post| self.meters.count(*post))?;
                voucher.iter().for_each(|voucher| self.end_voucher(*voucher));
            }
            Fact::VoucherUsed { voucher, .. } | Fact::VoucherExpired { voucher, .. } => self.end_voucher(*voucher),
            other => self.apply_under_way(other, seq)?,
        }
        Ok(())
    }

    fn apply_under_way(&mut self, fact: &Fact, seq: Seq) -> Result<(), Overflow> {
        match fact {
            Fact::PointsHeld { wallet, until, lots, .. } => {
                self.take_all(*wallet, lots, seq)?;
                let lots = lots.iter().map(|lot| own(*lot, seq)).collect();
                self.desk_mut().holds.push(Hold { entry: seq, wallet: *wallet, until: *until, lots });
            }
            Fact::HoldCaptured { hold, wallet, rest: back, .. } => self.end_hold(*hold, *wallet, back, seq)?,
            Fact::HoldReleased { hold, wallet, lots: back, .. } => self.end_hold(*hold, *wallet, back, seq)?,
            Fact::EndedReturned { wallet, lots } => {
                let desk = self.desk_mut();
                lots.iter().for_each(|lot| desk.forget(*wallet, lot));
                self.clear_desk();
            }
            Fact::TransferSent { to, wallet, lots, .. } => {
                self.take_all(*wallet, lots, seq)?;
                let lots = lots.iter().map(|lot| own(*lot, seq)).collect();
                let sent = Transfer { entry: seq, to: *to, wallet: *wallet, lots };
                self.desk_mut().transfers.push(sent);
            }
            Fact::TransferClosed { sent_by, back } => {
                let wallet = self.desk().transfers.iter().find(|sent| sent.entry == *sent_by).map(|sent| sent.wallet);
                self.desk_mut().transfers.retain(|sent| sent.entry != *sent_by);
                self.clear_desk();
                wallet.into_iter().try_for_each(|wallet| self.put_all(wallet, back, seq))?;
            }
            Fact::PotReserved { pot, amount, member, order, until } => {
                self.id.clone_from(pot);
                let reserved =
                    Reservation { entry: seq, amount: *amount, member: *member, order: *order, until: *until };
                self.pot.get_or_insert_default().reservations.push(reserved);
            }
            Fact::PotSettled { reservation, used } => {
                self.pot.get_or_insert_default().settle(*reservation, *used)?;
            }
            Fact::PotReturned { amount, .. } => {
                let pot = self.pot.get_or_insert_default();
                pot.taken = pot.taken.minus(*amount)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn bought(&mut self, recorded: &PurchaseRecorded, seq: Seq) -> Result<(), Overflow> {
        for (wallet, lot) in &recorded.lots {
            self.change(*wallet, |purse| purse.put(own(*lot, seq)))?;
        }
        for (wallet, points) in &recorded.repaid {
            self.repay(*wallet, *points)?;
        }
        recorded.grants.iter().flat_map(|grant| &grant.meters).try_for_each(|post| self.meters.count(*post))
    }

    fn brought_back(&mut self, returned: &PurchaseReturned) -> Result<(), Overflow> {
        returned.meters.iter().try_for_each(|post| self.meters.count(*post))
    }

    fn open_with(&mut self, state: &OpeningState, seq: Seq) -> Result<(), Overflow> {
        if let Some(enrolled_at) = state.enrolled_at {
            self.enrolled_at = enrolled_at;
        }
        for (wallet, lot) in &state.lots {
            self.change(*wallet, |purse| purse.put(own(*lot, seq)))?;
        }
        for (wallet, points) in &state.debts {
            self.change(*wallet, |purse| {
                purse.debt = purse.debt.plus(*points)?;
                Ok(())
            })?;
        }
        state.meters.iter().try_for_each(|count| self.meters.count((*count).into()))?;
        state.held.iter().for_each(|held| self.standing.hold(*held));
        if let Some((tier, since)) = state.tier {
            self.standing.change(tier, since);
        }
        Ok(())
    }

    fn added(&mut self, added: &PointsAdded, seq: Seq) -> Result<(), Overflow> {
        self.put_all(added.wallet, &added.lots, seq)?;
        self.repay(added.wallet, added.repaid)
    }

    fn taken(&mut self, taken: &PointsTaken, seq: Seq) -> Result<(), Overflow> {
        self.take_all(taken.wallet, &taken.lots, seq)?;
        if matches!(taken.cause, TakenCause::Expired | TakenCause::Inactive) {
            let desk = self.desk_mut();
            taken.lots.iter().try_for_each(|lot| desk.remember(taken.wallet, own(*lot, seq)))?;
            self.clear_desk();
        }
        if taken.written_off > Points::ZERO {
            self.desk_mut().write_off(WrittenOff { wallet: taken.wallet, entry: seq, points: taken.written_off });
        }
        self.change(taken.wallet, |purse| {
            purse.debt = purse.debt.plus(taken.owed)?;
            Ok(())
        })
    }

    fn repay(&mut self, wallet: WalletId, points: Points) -> Result<(), Overflow> {
        self.change(wallet, |purse| {
            purse.debt = purse.debt.minus(points)?;
            Ok(())
        })
    }

    fn mature(&mut self, wallet: WalletId, lots: &[Lot], seq: Seq) -> Result<(), Overflow> {
        self.take_all(wallet, lots, seq)?;
        let matured = lots.iter().map(|lot| {
            let mut matured = *lot;
            matured.terms.available_at = Moment::BEGINNING;
            matured
        });
        self.put_all(wallet, &matured.collect::<Vec<_>>(), seq)
    }

    fn redate(&mut self, wallet: WalletId, expires_at: Moment, notice_at: Moment) -> Result<(), Overflow> {
        if let Some(desk) = &mut self.desk {
            for lot in desk.holds.iter_mut().filter(|hold| hold.wallet == wallet).flat_map(|hold| &mut hold.lots) {
                (lot.terms.expires_at, lot.terms.notice_at) = (expires_at, notice_at);
            }
        }
        self.change(wallet, |purse| purse.redate(expires_at, notice_at))
    }

    fn redeemed(&mut self, redeemed: &RewardRedeemed, seq: Seq) -> Result<(), Overflow> {
        self.take_all(redeemed.wallet, &redeemed.lots, seq)?;
        redeemed.count.iter().try_for_each(|post| self.meters.count(*post))?;
        if let Some(voucher) = &redeemed.voucher {
            self.issue(redeemed.reward, redeemed.times, voucher, seq);
        }
        Ok(())
    }

    fn issue(&mut self, reward: RewardId, times: u32, issued: &VoucherIssued, seq: Seq) {
        let VoucherIssued { claim, nonce, expires_at } = issued.clone();
        self.desk_mut().vouchers.push(Voucher { claim, nonce, entry: seq, reward, times, expires_at });
    }

    fn end_voucher(&mut self, voucher: Claim) {
        self.desk_mut().vouchers.retain(|held| held.claim != voucher);
        self.clear_desk();
    }

    fn end_hold(&mut self, hold: Seq, wallet: WalletId, back: &[Lot], seq: Seq) -> Result<(), Overflow> {
        self.desk_mut().holds.retain(|held| held.entry != hold);
        self.clear_desk();
        self.put_all(wallet, back, seq)
    }

    fn put_all(&mut self, wallet: WalletId, lots: &[Lot], seq: Seq) -> Result<(), Overflow> {
        self.change(wallet, |purse| lots.iter().try_for_each(|lot| purse.put(own(*lot, seq))))
    }

    pub(super) fn take_all(&mut self, wallet: WalletId, lots: &[Lot], seq: Seq) -> Result<(), Overflow> {
        self.change(wallet, |purse| lots.iter().try_for_each(|lot| purse.take(&own(*lot, seq))))
    }

    /// Changes a purse, which is made if there is none and dropped if nothing is left in it.
    fn change(
        &mut self,
        wallet: WalletId,
        change: impl FnOnce(&mut Purse) -> Result<(), Overflow>,
    ) -> Result<(), Overflow> {
        let at = match self.purses.binary_search_by_key(&wallet, |purse| purse.wallet) {
            Ok(at) => at,
            Err(at) => {
                self.purses.insert(at, Purse::new(wallet));
                at
            }
        };
        let Some(purse) = self.purses.get_mut(at) else { return Ok(()) };
        change(purse)?;
        if purse.is_blank() {
            self.purses.remove(at);
        }
        Ok(())
    }

    fn desk_mut(&mut self) -> &mut Desk {
        self.desk.get_or_insert_default()
    }

    fn clear_desk(&mut self) {
        if self.desk.as_ref().is_some_and(|desk| desk.is_empty()) {
            self.desk = None;
        }
    }
}

/// A lot that the entry itself made carries its number from now on.
const fn own(mut lot: Lot, seq: Seq) -> Lot {
    if lot.terms.entry.0 == Seq::THIS.0 {
        lot.terms.entry = seq;
    }
    lot
}
