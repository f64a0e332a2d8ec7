//! The read phase of a group: everything its orders may look at, and finding it again in the draft.
//!
//! Most orders name their member by id and are known by one key, and are done after one read. An order that names an
//! entry, a receipt or a voucher needs that entry before it is known whose it is.

use std::sync::Arc;

use super::Shared;
use super::answer::Failure;
use super::draft::{Draft, Keys};
use crate::domain::decide::pots_wanted;
use crate::domain::event::{Entry, Seq};
use crate::domain::member::Member;
use crate::domain::order::{Claim, MemberKey, MemberName, Order, ReceiptKey, Verb};
use crate::domain::program::{ProgramNo, Timeline};
use crate::store::Wants;

/// Reads for a group. Answers with the orders' keys.
pub(super) async fn read_for(draft: &mut Draft, shared: &Shared, orders: &[&Order]) -> Result<Vec<Keys>, Failure> {
    let mut keys: Vec<Keys> = orders.iter().map(|order| draft.keys(order)).collect();
    let wants = draft.wants(orders.iter().copied().zip(&keys));
    draft.take(shared.store.read(&wants).await?);
    if wants.identifiers.is_empty() && orders.iter().all(|order| is_plain(order)) {
        return Ok(keys);
    }
    for seq in orders.iter().flat_map(|order| entries_named(order)) {
        name(draft, shared, seq).await?;
    }
    let mut more = Wants::default();
    for (order, keys) in orders.iter().zip(&mut keys) {
        let known = keys.member;
        more.claims.extend(draft.complete(order, keys));
        more.members.extend(keys.member.filter(|_| known.is_none()));
        more.members.extend(draft.other_key(order));
        more.members.extend(draft.pot_keys(order));
    }
    if !more.claims.is_empty() || !more.members.is_empty() {
        draft.take(shared.store.read(&more).await?);
    }
    for (key, seq) in orders.iter().flat_map(|order| draft.enrolments(order)).collect::<Vec<_>>() {
        if let Some(entry) = shared.store.entry(seq).await? {
            draft.take_enrolment(key, entry);
        }
    }
    for order in orders {
        read_returns(draft, shared, order).await?;
    }
    Ok(keys)
}

/// Whether one read is enough for an order.
const fn is_plain(order: &Order) -> bool {
    matches!(order.member, MemberName::Id(_)) && matches!(order.verb, Verb::RecordPurchase(_) | Verb::Settle)
}

/// The entries an order names by their numbers.
fn entries_named(order: &Order) -> Vec<Seq> {
    let mut named = Vec::new();
    if let MemberName::Entry(seq) = order.member {
        named.push(seq);
    }
    match &order.verb {
        Verb::Capture { hold, .. } | Verb::Release(hold) => named.push(*hold),
        Verb::CancelRedemption { redemption, .. } => named.push(*redemption),
        _ => {}
    }
    named
}

async fn name(draft: &mut Draft, shared: &Shared, seq: Seq) -> Result<(), Failure> {
    if !draft.named.contains_key(&seq)
        && let Some(entry) = shared.store.entry(seq).await?
    {
        draft.named.insert(seq, entry);
    }
    Ok(())
}

/// Reads what a return rests on: the earlier returns of the purchase, and what had paid for it.
async fn read_returns(draft: &mut Draft, shared: &Shared, order: &Order) -> Result<(), Failure> {
    let Verb::ReturnPurchase(asked) = &order.verb else { return Ok(()) };
    let Some(number) = draft.programs.named(&order.program).map(|timeline| timeline.number) else { return Ok(()) };
    let mut first = 1_u32;
    loop {
        let numbers = first..first.saturating_mul(2);
        let claims: Vec<Claim> = numbers.map(|nth| Claim::return_number(number, &asked.receipt, nth)).collect();
        let found = shared.store.read(&Wants { claims: claims.clone(), ..Wants::default() }).await?;
        let all = claims.iter().all(|claim| found.claims.contains_key(claim));
        draft.take(found);
        if !all {
            break;
        }
        first = first.saturating_mul(2);
    }
    let purchase = draft.claims.get(&Claim::receipt(number, &asked.receipt)).cloned();
    for seq in purchase.iter().flat_map(|entry| redemptions(entry)).collect::<Vec<_>>() {
        name(draft, shared, seq).await?;
    }
    Ok(())
}

/// The redemptions that paid for a purchase.
fn redemptions(entry: &Entry) -> impl Iterator<Item = Seq> {
    let tenders = entry.purchase().into_iter().flat_map(|recorded| &recorded.purchase.tenders);
    tenders.map(|tender| tender.redemption).filter(|seq| *seq != Seq::NONE)
}

/// Reads what became of the second orders that the members with these keys, or pots, still wait for.
pub(super) async fn read_for_cut_off(
    draft: &mut Draft,
    shared: &Shared,
    keys: impl Iterator<Item = MemberKey>,
) -> Result<(), Failure> {
    let mut wants = Wants::default();
    for member in keys.filter_map(|key| draft.member(key)) {
        for sent in &member.desk().transfers {
            wants.members.push(sent.to);
            wants.claims.push(Claim::transfer(sent.entry));
        }
        let reservations = member.pot.iter().flat_map(|pot| &pot.reservations);
        wants.claims.extend(reservations.map(|reserved| reserved.order));
    }
    if !wants.claims.is_empty() {
        draft.take(shared.store.read(&wants).await?);
    }
    Ok(())
}

impl Draft {
    /// What an order may look at besides its member and its key.
    pub(super) fn also_wanted(&self, order: &Order, wants: &mut Wants) {
        let Some(timeline) = self.programs.named(&order.program) else { return };
        let number = timeline.number;
        match &order.member {
            MemberName::Receipt(receipt) => wants.claims.push(Claim::receipt(number, receipt)),
            MemberName::Voucher(voucher) => wants.claims.push(*voucher),
            _ => {}
        }
        match &order.verb {
            Verb::RecordPurchase(_) => {}
            Verb::ConfirmPurchase(receipt) => wants.claims.push(Claim::receipt(number, receipt)),
            Verb::ReturnPurchase(asked) => wants.claims.push(Claim::receipt(number, &asked.receipt)),
            Verb::UseVoucher { voucher, .. } => wants.claims.push(*voucher),
            Verb::CancelRedemption { redemption, .. } => wants.claims.push(Claim::cancellation(*redemption)),
            Verb::Transfer(sending) => match &sending.to {
                MemberName::Identifier(identifier) => wants.identifiers.push(identifier.hash),
                MemberName::Id(id) => wants.members.push(MemberKey::of(&order.program, id)),
                _ => {}
            },
            _ => {}
        }
        wants.members.extend(self.pot_keys(order));
    }

    /// The keys of the pots an order may take from or give back to, as far as it is known what it is about.
    fn pot_keys(&self, order: &Order) -> Vec<MemberKey> {
        let Some(timeline) = self.programs.named(&order.program) else { return Vec::new() };
        let subject = self.subject(timeline, &order.verb);
        let pots = pots_wanted(timeline, &order.verb, subject.as_deref());
        pots.iter().map(|pot| MemberKey::of_pot(&order.program, pot)).collect()
    }

    /// Whose order it is, where it does not name her by id.
    pub(super) fn whose(&self, order: &Order) -> Option<MemberKey> {
        let number = self.programs.named(&order.program)?.number;
        match &order.member {
            MemberName::Id(id) => Some(MemberKey::of(&order.program, id)),
            MemberName::Key(key) => Some(*key),
            MemberName::Identifier(identifier) => self.identifiers.get(&identifier.hash).copied(),
            MemberName::Receipt(receipt) => self.purchase(number, receipt).map(|entry| entry.member),
            MemberName::Voucher(voucher) => self.claims.get(voucher).map(|entry| entry.member),
            MemberName::Entry(seq) => self.entry_of(number, *seq).map(|entry| entry.member),
        }
    }

    fn purchase(&self, program: ProgramNo, receipt: &ReceiptKey) -> Option<&Arc<Entry>> {
        self.claims.get(&Claim::receipt(program, receipt))
    }

    fn entry_of(&self, program: ProgramNo, seq: Seq) -> Option<&Arc<Entry>> {
        self.named.get(&seq).filter(|entry| entry.program == program)
    }

    /// The key of the other member of an order.
    pub(super) fn other_key(&self, order: &Order) -> Option<MemberKey> {
        let Verb::Transfer(sending) = &order.verb else { return None };
        match &sending.to {
            MemberName::Id(id) => Some(MemberKey::of(&order.program, id)),
            MemberName::Identifier(identifier) => self.identifiers.get(&identifier.hash).copied(),
            _ => None,
        }
    }

    /// The other member of an order.
    pub(super) fn other(&self, order: &Order) -> Option<&Arc<Member>> {
        self.other_key(order).and_then(|key| self.member(key))
    }

    /// The entry an order is about.
    pub(super) fn subject(&self, timeline: &Timeline, verb: &Verb) -> Option<Arc<Entry>> {
        let number = timeline.number;
        let found = match verb {
            Verb::ReturnPurchase(asked) => self.purchase(number, &asked.receipt),
            Verb::ConfirmPurchase(receipt) => self.purchase(number, receipt),
            Verb::Capture { hold, .. } | Verb::Release(hold) => self.entry_of(number, *hold),
            Verb::CancelRedemption { redemption, .. } => self.entry_of(number, *redemption),
            Verb::UseVoucher { voucher, .. } => self.claims.get(voucher),
            _ => None,
        };
        found.cloned()
    }

    /// What became of that entry since: the newest return of the purchase, the cancellation of the redemption.
    pub(super) fn latest(&self, timeline: &Timeline, verb: &Verb) -> Option<Arc<Entry>> {
        match verb {
            Verb::ReturnPurchase(asked) => {
                let nth = |nth| self.claims.get(&Claim::return_number(timeline.number, &asked.receipt, nth));
                (1..).map_while(nth).last().cloned()
            }
            Verb::CancelRedemption { redemption, .. } => self.claims.get(&Claim::cancellation(*redemption)).cloned(),
            _ => None,
        }
    }

    /// The redemptions that paid for the purchase that comes back.
    pub(super) fn paid_by(&self, purchase: Option<&Entry>, verb: &Verb) -> Vec<Arc<Entry>> {
        match (verb, purchase) {
            (Verb::ReturnPurchase(_), Some(purchase)) => {
                redemptions(purchase).filter_map(|seq| self.named.get(&seq).cloned()).collect()
            }
            _ => Vec::new(),
        }
    }
}
