//! What an operator does to a balance: corrections, and the confirmation that points wait for.

use super::purchase::{followed, holds_more, too_full};
use super::{Ground, active, overflow, purses, wallet_named};
use crate::domain::event::{AddedCause, Fact, PointsTaken, TakenCause};
use crate::domain::lot::Terms;
use crate::domain::member::{Member, Purse};
use crate::domain::order::{Adjustment, ReceiptKey, Refusal};
use crate::domain::units::{Moment, Points};

/// Corrects a balance: what comes in is as if earned now and can be spent at once, what goes out is spent first.
pub(super) fn adjust(ground: &Ground<'_>, member: &Member, asked: &Adjustment) -> Result<Vec<Fact>, Refusal> {
    let (program, wallet) = wallet_named(ground, &asked.wallet)?;
    active(member)?;
    let Adjustment { points, reason, actor, .. } = asked.clone();
    let moved = if points > Points::ZERO {
        let terms = purses::terms(program, wallet, ground.now, ground.now);
        let terms = Terms { available_at: Moment::BEGINNING, ..terms };
        holds_more(program, member, wallet.id, points)?;
        purses::added(member, wallet, AddedCause::Adjustment, terms, points)
    } else {
        let taken = points.0.checked_neg().ok_or_else(|| too_full(program, wallet.id))?;
        let lots = purses::take(member, wallet, Points(taken))?;
        let (cause, at, none) = (TakenCause::Adjustment, ground.now, Points::ZERO);
        let (wallet, owed, written_off) = (wallet.id, none, none);
        Fact::PointsTaken(Box::new(PointsTaken { wallet, cause, at, lots, owed, written_off }))
    };
    let mut facts = vec![Fact::PointsAdjusted { wallet: wallet.id, points, reason, actor }, moved];
    if points > Points::ZERO {
        facts.extend(purses::lapse_begun(program, member, wallet, ground.now));
    }
    followed(ground, member, facts).map_err(overflow)
}

/// Lets the points of a purchase that waited for it be spent.
pub(super) fn confirm(ground: &Ground<'_>, member: &Member, receipt: &ReceiptKey) -> Result<Vec<Fact>, Refusal> {
    let purchase = ground.subject.filter(|entry| entry.purchase().is_some()).ok_or(Refusal::UnknownReceipt)?;
    active(member)?;
    let matured = |purse: &Purse| {
        let waiting = purse.pending().filter(|lot| lot.terms.available_at == Moment::NEVER);
        let lots: Vec<_> = waiting.filter(|lot| lot.terms.entry == purchase.seq).copied().collect();
        let any = !lots.is_empty();
        any.then_some(Fact::PointsMatured { wallet: purse.wallet, at: ground.now, lots })
    };
    let matured: Vec<Fact> = member.purses.iter().filter_map(matured).collect();
    if matured.is_empty() {
        return Err(Refusal::NothingToConfirm);
    }
    let mut facts = vec![Fact::PurchaseConfirmed { receipt: receipt.clone() }];
    facts.extend(matured);
    followed(ground, member, facts).map_err(overflow)
}
