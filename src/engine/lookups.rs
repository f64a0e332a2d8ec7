//! The read phase of a group: everything its orders may look at, and finding it again in the draft.
//!
//! Most orders name their member by id and are known by one key, and are done after one read. An order that names an
//! entry, a receipt or a voucher needs that entry before it is known whose it is.

use std::sync::Arc;

use super::Shared;
use super::answer::Failure;
use super::draft::{Draft, Keys, sends};
use crate::domain::decide::{Payment, pots_wanted};
use crate::domain::event::{Entry, Seq};
use crate::domain::member::{Member, Pot};
use crate::domain::order::{
    AlertOrder, BelongingOrder, Claim, IdentifierHash, MemberKey, MemberName, Order, Purchase, ReceiptKey, Verb,
};
use crate::domain::program::{ProgramNo, Timeline};
use crate::store::Wants;

/// Reads for a group of orders with these keys. Answers with the keys as they are then known.
pub(super) async fn read_for(
    draft: &mut Draft,
    shared: &Shared,
    orders: &[&Order],
    mut keys: Vec<Keys>,
) -> Result<Vec<Keys>, Failure> {
    let wants = draft.wants(orders.iter().copied().zip(&keys));
    draft.take(shared.store.read(&wants).await?);
    read_places(draft, shared).await?;
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
        more.members.extend(draft.enrolled_before(order, *keys));
    }
    if !more.claims.is_empty() || !more.members.is_empty() {
        draft.take(shared.store.read(&more).await?);
    }
    for (key, seq) in orders.iter().flat_map(|order| draft.enrolments(order)).collect::<Vec<_>>() {
        if let Some(entry) = shared.store.entry(seq).await? {
            draft.take_enrolment(key, entry);
        }
    }
    for (order, keys) in orders.iter().zip(&keys) {
        read_returns(draft, shared, order).await?;
        read_transfer(draft, shared, order, *keys).await?;
    }
    draft.name_redemptions(orders);
    read_payments(draft, shared).await?;
    read_places(draft, shared).await?;
    Ok(keys)
}

/// Whether one read is enough for an order.
fn is_plain(order: &Order) -> bool {
    let by_id = matches!(order.member, MemberName::Id(_));
    match &order.verb {
        Verb::RecordPurchase(purchase) => by_id && purchase.tenders.iter().all(|t| t.redemption == Seq::NONE),
        Verb::Settle => by_id,
        _ => false,
    }
}

/// The purchase an order records, if it does.
fn recorded(verb: &Verb) -> Option<&Arc<Purchase>> {
    match verb {
        Verb::RecordPurchase(purchase) => Some(purchase),
        Verb::ReturnPurchase(asked) => asked.exchange.as_ref(),
        _ => None,
    }
}

/// The holds and redemptions a purchase says it was paid with.
fn payments(purchase: &Purchase) -> impl Iterator<Item = Seq> + '_ {
    purchase.tenders.iter().map(|tender| tender.redemption).filter(|seq| *seq != Seq::NONE)
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
        Verb::Belonging(order) => named.extend(use_named(order)),
        verb => named.extend(recorded(verb).iter().flat_map(|purchase| payments(purchase))),
    }
    named
}

/// The use of a privilege an order about belonging names.
fn use_named(order: &BelongingOrder) -> Option<Seq> {
    match order {
        BelongingOrder::ReturnPrivilege { used, .. } => Some(*used),
        _ => None,
    }
}

/// The other member an order names.
pub(super) fn other_named(verb: &Verb) -> Option<&MemberName> {
    match verb {
        Verb::Transfer(sending) => Some(&sending.to),
        Verb::Belonging(order) => match &**order {
            BelongingOrder::GiveTier { to, .. } => Some(to),
            _ => None,
        },
        _ => None,
    }
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
    let paid_by = purchase.iter().filter_map(|entry| entry.purchase()).flat_map(|recorded| &recorded.paid_by);
    for seq in paid_by.copied().collect::<Vec<_>>() {
        name(draft, shared, seq).await?;
    }
    Ok(())
}

/// Reads what became of a transfer that was sent before.
async fn read_transfer(draft: &mut Draft, shared: &Shared, order: &Order, keys: Keys) -> Result<(), Failure> {
    let sent = keys.claim.filter(|_| sends(&order.verb));
    let Some(arrived) = sent.and_then(|claim| draft.claims.get(&claim)).map(|entry| Claim::transfer(entry.seq)) else {
        return Ok(());
    };
    draft.take(shared.store.read(&Wants { claims: vec![arrived, arrived.end()], ..Wants::default() }).await?);
    Ok(())
}

/// Reads what the holds and redemptions that orders are paid with have come to.
async fn read_payments(draft: &mut Draft, shared: &Shared) -> Result<(), Failure> {
    let named = draft.named.values().filter(|entry| entry.is_hold() || entry.spent().is_some());
    let own = named.filter_map(|entry| if entry.is_hold() { Some(entry.seq) } else { Some(entry.spent()?.0) });
    let claims = own.flat_map(|own| [Claim::capture(own), Claim::paid(own), Claim::cancellation(own)]);
    let wants = Wants { claims: claims.collect(), ..Wants::default() };
    if !wants.claims.is_empty() {
        draft.take(shared.store.read(&wants).await?);
    }
    Ok(())
}

/// Reads what became of the second orders that the members with these keys, or pots, still wait for.
pub(super) async fn read_for_cut_off(
    draft: &mut Draft,
    shared: &Shared,
    keys: impl Iterator<Item = MemberKey>,
) -> Result<(), Failure> {
    let (mut wants, mut cut_off) = (Wants::default(), Vec::new());
    for member in keys.filter_map(|key| draft.member(key)) {
        for sent in &member.desk().transfers {
            wants.members.push(sent.to);
            wants.claims.push(Claim::transfer(sent.entry));
        }
        for sent in &member.belonging().sent {
            wants.members.push(sent.to);
            wants.claims.push(Claim::transfer(sent.entry));
            cut_off.push(sent.entry);
        }
        let reservations = member.pot.iter().flat_map(|pot| &pot.reservations);
        wants.claims.extend(reservations.map(|reserved| reserved.order));
    }
    if !wants.claims.is_empty() {
        draft.take(shared.store.read(&wants).await?);
    }
    for seq in cut_off {
        name(draft, shared, seq).await?;
    }
    read_places(draft, shared).await
}

/// Reads the places of clubs that members of the group leave, by their own order or because their term is over.
pub(super) async fn read_places(draft: &mut Draft, shared: &Shared) -> Result<(), Failure> {
    let members = draft.places_left();
    if !members.is_empty() {
        draft.take(shared.store.read(&Wants { members, ..Wants::default() }).await?);
    }
    Ok(())
}

impl Draft {
    /// The pots of clubs whose members are in the draft: whoever belongs to one may leave it by any order, since her term
    /// may be over.
    fn places_left(&self) -> Vec<MemberKey> {
        let mut pots = Vec::new();
        for member in self.members() {
            let Some(belonging) = &member.belonging else { continue };
            let Some(timeline) = self.programs.numbered(member.program) else { continue };
            let newest = timeline.newest();
            for held in belonging.clubs.iter().filter(|held| held.has_place) {
                pots.push(MemberKey::of_pot(&newest.id, &Pot::places_of(newest.text(held.club.0))));
            }
        }
        pots.retain(|pot| self.member(*pot).is_none());
        pots.sort_unstable();
        pots.dedup();
        pots
    }

    /// Has what issued the vouchers that orders use count as named: what became of it is read with it.
    fn name_redemptions(&mut self, orders: &[&Order]) {
        for order in orders {
            let Verb::UseVoucher { voucher, .. } = &order.verb else { continue };
            if let Some(issued) = self.claims.get(voucher) {
                self.named.insert(issued.seq, Arc::clone(issued));
            }
        }
    }

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
            Verb::ReturnPurchase(asked) => {
                wants.claims.push(Claim::receipt(number, &asked.receipt));
                wants.claims.extend(asked.exchange.iter().map(|_| Claim::receipt(number, &asked.return_receipt)));
            }
            Verb::UseVoucher { voucher, .. } => wants.claims.push(*voucher),
            Verb::CancelRedemption { redemption, .. } => wants.claims.push(Claim::cancellation(*redemption)),
            Verb::Belonging(order) => {
                wants.claims.extend(use_named(order).map(Claim::cancellation));
            }
            _ => {}
        }
        match other_named(&order.verb) {
            Some(MemberName::Identifier(identifier)) => wants.identifiers.push(identifier.hash),
            Some(MemberName::Id(id)) => wants.members.push(MemberKey::of(&order.program, id)),
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
            MemberName::Identifier(identifier) => {
                let before = self.named_before(order, identifier.hash);
                before.or_else(|| self.identifiers.get(&identifier.hash).copied())
            }
            MemberName::Receipt(receipt) => self.purchase(number, receipt).map(|entry| entry.member),
            MemberName::Voucher(voucher) => self.claims.get(voucher).map(|entry| entry.member),
            // The program's own entries are nobody's.
            MemberName::Entry(seq) => {
                let whose = self.entry_of(number, *seq).map(|entry| entry.member);
                whose.filter(|member| *member != MemberKey::NOBODY)
            }
        }
    }

    /// Whose order it was when it was carried out, if it was, and named her by this identifier then as now.
    fn named_before(&self, order: &Order, identifier: IdentifierHash) -> Option<MemberKey> {
        let entry = match &order.verb {
            Verb::RecordPurchase(purchase) => {
                let number = self.programs.named(&order.program)?.number;
                self.purchase(number, &purchase.receipt)
            }
            _ => self.claims.get(&self.claim_by(order)?),
        };
        entry.filter(|entry| entry.member_named_by() == Some(identifier)).map(|entry| entry.member)
    }

    /// The key of an order within the identifier by which it names its member, if it has no other key than that.
    pub(super) fn claim_by(&self, order: &Order) -> Option<Claim> {
        let MemberName::Identifier(identifier) = &order.member else { return None };
        let number = self.programs.named(&order.program)?.number;
        let has_own = matches!(order.verb, Verb::RecordPurchase(_));
        (!has_own && !order.request_id.is_empty())
            .then(|| Claim::request_by(number, identifier.hash, &order.request_id))
    }

    fn purchase(&self, program: ProgramNo, receipt: &ReceiptKey) -> Option<&Arc<Entry>> {
        self.claims.get(&Claim::receipt(program, receipt))
    }

    fn entry_of(&self, program: ProgramNo, seq: Seq) -> Option<&Arc<Entry>> {
        self.named.get(&seq).filter(|entry| entry.program == program)
    }

    /// Who was enrolled under an enrolment's key before: each copy that leaves the id to us brings another one along.
    fn enrolled_before(&self, order: &Order, keys: Keys) -> Option<MemberKey> {
        let enrols = matches!(order.verb, Verb::Enroll(_) | Verb::Import(_));
        let before = keys.claim.filter(|_| enrols).and_then(|claim| self.claims.get(&claim))?;
        Some(before.member).filter(|before| keys.member != Some(*before))
    }

    /// The key of the other member of an order.
    pub(super) fn other_key(&self, order: &Order) -> Option<MemberKey> {
        match other_named(&order.verb)? {
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
            Verb::Alert(order) => match &**order {
                AlertOrder::Acknowledge { alert, .. } => self.entry_of(number, *alert),
                AlertOrder::Raise(_) => None,
            },
            Verb::Belonging(order) => match &**order {
                BelongingOrder::ReturnPrivilege { used, .. } => self.entry_of(number, *used),
                BelongingOrder::CloseTierSent { sent_by, .. } => self.entry_of(number, *sent_by),
                _ => None,
            },
            _ => None,
        };
        found.cloned()
    }

    /// What became of that entry since: the newest return of the purchase, the cancellation of the redemption, the
    /// purchase that the voucher's redemption paid for.
    pub(super) fn latest(&self, timeline: &Timeline, verb: &Verb) -> Option<Arc<Entry>> {
        match verb {
            Verb::ReturnPurchase(asked) => {
                let nth = |nth| self.claims.get(&Claim::return_number(timeline.number, &asked.receipt, nth));
                (1..).map_while(nth).last().cloned()
            }
            Verb::CancelRedemption { redemption, .. } => {
                let ends = [Claim::cancellation(*redemption), Claim::paid(*redemption)];
                ends.iter().find_map(|end| self.claims.get(end)).cloned()
            }
            Verb::UseVoucher { voucher, .. } => self.claims.get(&Claim::paid(self.claims.get(voucher)?.seq)).cloned(),
            Verb::Belonging(order) => self.claims.get(&Claim::cancellation(use_named(order)?)).cloned(),
            _ => None,
        }
    }

    /// The entry that holds the receipt of an exchange.
    pub(super) fn exchanged(&self, timeline: &Timeline, verb: &Verb) -> Option<Arc<Entry>> {
        let Verb::ReturnPurchase(asked) = verb else { return None };
        asked.exchange.as_ref()?;
        self.purchase(timeline.number, &asked.return_receipt).cloned()
    }

    /// The holds and redemptions that pay for the purchase that is recorded, or paid for the one that comes back.
    pub(super) fn paid_by(&self, timeline: &Timeline, subject: Option<&Entry>, verb: &Verb) -> Vec<Payment> {
        let now = recorded(verb).into_iter().flat_map(|purchase| payments(purchase));
        let then = match verb {
            Verb::ReturnPurchase(_) => subject.and_then(Entry::purchase).map(|recorded| recorded.paid_by.as_slice()),
            _ => None,
        };
        let named = now.chain(then.into_iter().flatten().copied());
        named.map(|named| self.payment(timeline.number, named)).collect()
    }

    fn payment(&self, program: ProgramNo, named: Seq) -> Payment {
        let entry = self.entry_of(program, named).cloned();
        let blank = Payment { named, entry, capture: None, is_spent: false };
        let Some(own) = blank.own() else { return blank };
        let capture = self.claims.get(&Claim::capture(own)).cloned();
        let ends = [Claim::paid(own), Claim::cancellation(own)];
        let is_spent = ends.iter().any(|end| self.claims.contains_key(end));
        Payment { capture, is_spent, ..blank }
    }
}
