//! Recording a purchase: may it count, what does it earn, where does it lift the member to.

use std::sync::Arc;

use super::{CLOCK_SKEW, Ground, active, earning, ladder};
use crate::domain::event::{Fact, Grant, PurchaseRecorded};
use crate::domain::member::Member;
use crate::domain::order::{Purchase, Refusal};
use crate::domain::program::Program;
use crate::domain::units::{Moment, Points};

/// The facts of a new purchase: what was recorded and granted, then what became of the member's tier.
pub(super) fn record(ground: &Ground<'_>, member: &Member, purchase: &Arc<Purchase>) -> Result<Vec<Fact>, Refusal> {
    let counted_at = purchase.occurred_at.min(ground.now);
    let program = ground.timeline.at(counted_at);
    active(member)?;
    acceptable(ground, program, member, purchase)?;
    let tier = program.ladder.as_ref().map(|ladder| member.standing.tier_at(ladder, counted_at));
    let buying = earning::Buying { timeline: ground.timeline, member, purchase, counted_at, tier };
    let grants = earning::grants(&buying).map_err(|_| Refusal::AmountOverflow)?;
    fits(member, &grants)?;
    let mut lifted = ladder::review(ground, member, &grants, counted_at)?;
    let mut facts = Vec::with_capacity(1 + lifted.len());
    facts.push(Fact::PurchaseRecorded(Box::new(PurchaseRecorded {
        purchase: Arc::clone(purchase),
        counted_at,
        tier,
        grants,
    })));
    facts.append(&mut lifted);
    Ok(facts)
}

/// Whether the program's policy lets this purchase count.
fn acceptable(ground: &Ground<'_>, program: &Program, member: &Member, purchase: &Purchase) -> Result<(), Refusal> {
    let (occurred_at, now) = (purchase.occurred_at, ground.now);
    if occurred_at > now.plus(CLOCK_SKEW) {
        return Err(Refusal::OccurredInFuture { occurred_at, now });
    }
    let earliest = earliest_accepted(program, now);
    if occurred_at < earliest {
        return Err(Refusal::TooLate { occurred_at, earliest });
    }
    if occurred_at < member.enrolled_at && !program.credit_before_enrolment {
        return Err(Refusal::BeforeEnrolment { occurred_at, enrolled_at: member.enrolled_at });
    }
    if purchase.currency != program.currency {
        return Err(Refusal::WrongCurrency { expected: program.currency, found: purchase.currency });
    }
    Ok(())
}

/// The start of the day that lies `accept_late` before today, in the program's zone.
fn earliest_accepted(program: &Program, now: Moment) -> Moment {
    program.zone.start_of(program.accept_late.before(program.zone.day_of(now)))
}

/// Whether every balance and meter can hold what is granted.
fn fits(member: &Member, grants: &[Grant]) -> Result<(), Refusal> {
    let mut seen = Vec::new();
    for grant in grants {
        let Some(wallet) = grant.wallet else { continue };
        if !seen.contains(&wallet) {
            seen.push(wallet);
            let into_wallet = grants.iter().filter(|other| other.wallet == Some(wallet));
            let total = into_wallet.map(|other| other.granted);
            sum(member.balance(wallet), total)?;
        }
    }
    Ok(())
}

fn sum(start: Points, mut amounts: impl Iterator<Item = Points>) -> Result<Points, Refusal> {
    amounts.try_fold(start, Points::plus).map_err(|_| Refusal::AmountOverflow)
}
