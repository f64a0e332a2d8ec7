//! Alerts: raising one with what could be offered, taking care of it, passing it on, and ending it.
//!
//! Whether a member fell out of her pattern is not asked here: the order says so.

use super::outlook::{counted_by, next_tier};
use super::story::Story;
use super::{Ground, Outcome, active};
use crate::domain::event::{AlertEnd, AlertFact, AlertRaised, Fact, PurchaseRecorded, RungOffer};
use crate::domain::member::{Member, MemberState};
use crate::domain::order::{AlertOrder, Raising, Refusal};
use crate::domain::program::Program;
use crate::domain::units::{Moment, Points, Text};

/// Decides one.
pub(super) fn decide(ground: &Ground<'_>, member: &Member, order: &AlertOrder) -> Result<Outcome, Refusal> {
    match order {
        AlertOrder::Raise(raising) => Ok(raise(ground, member, *raising)),
        AlertOrder::Acknowledge { alert, actor, note } => {
            let (alert, actor, note) = (*alert, actor.clone(), note.clone());
            acknowledgeable(ground, member, alert)?;
            Ok(vec![Fact::from(AlertFact::Acknowledged { alert, actor, note })].into())
        }
    }
}

/// Raises one, unless there is one already or she is not to be watched.
fn raise(ground: &Ground<'_>, member: &Member, raising: Raising) -> Outcome {
    let program = ground.timeline.at(ground.now);
    let Some(alerts) = program.alerts.as_ref().filter(|_| member.alert.is_none() && active(member).is_ok()) else {
        return Outcome::default();
    };
    let Raising { pattern, margin } = raising;
    // An alert is of its day, however late it is raised: whoever it is passed on to was promised to hear of it in time.
    let since = program.zone.start_of(pattern.day()).max(program.effective_at).min(ground.now);
    let (escalates_at, escalates_to) = match &alerts.escalation {
        Some((after, to)) => (since.plus(*after), to.clone()),
        None => (Moment::NEVER, Text::default()),
    };
    let (owner, offer) = (alerts.owner.clone(), offer(program, member, ground.now));
    let raised = AlertRaised { pattern, margin, owner, escalates_at, escalates_to, offer };
    vec![Fact::from(AlertFact::Raised(raised))].into()
}

/// The next tier up, where meters can reach it by themselves.
fn offer(program: &Program, member: &Member, now: Moment) -> Option<RungOffer> {
    let next = next_tier(program, member, now).ok()??;
    if !next.lacking.attributes.is_empty() {
        return None;
    }
    let today = program.zone.day_of(now);
    let lacking =
        || next.lacking.meters.iter().filter_map(|short| Some((program.meters.get(short.meter)?, short.missing)));
    let end = counted_by(program, member, &next.lacking, today);
    let by = end.map_or(Moment::NEVER, |end| program.zone.start_of(end));
    let missing: Vec<_> = lacking().map(|(meter, missing)| (meter.id, Points(missing))).collect();
    (!missing.is_empty()).then_some(RungOffer { tier: next.tier, missing, by })
}

fn acknowledgeable(ground: &Ground<'_>, member: &Member, alert: crate::domain::event::Seq) -> Result<(), Refusal> {
    let raised = |fact: &Fact| matches!(fact, Fact::Alert(fact) if matches!(**fact, AlertFact::Raised(_)));
    let is_one = ground.subject.is_some_and(|entry| entry.member == ground.key && entry.facts.iter().any(raised));
    if !is_one {
        return Err(Refusal::UnknownAlert);
    }
    if member.state == MemberState::Closed {
        return Err(Refusal::MemberClosed);
    }
    let open = member.alert.as_deref().filter(|open| open.entry == alert);
    match open.map(|open| &open.acknowledged_by) {
        Some(nobody) if nobody.is_empty() => Ok(()),
        taken => Err(Refusal::AlertOver { acknowledged_by: taken.cloned().unwrap_or_default() }),
    }
}

/// That nobody took care of it in time, when that falls due.
pub(super) fn escalated(story: &Story<'_>, _: Moment) -> Option<(Moment, Vec<Fact>)> {
    let open = story.member.alert.as_deref().filter(|open| open.escalates_at < Moment::NEVER)?;
    let (alert, to, at) = (open.entry, open.escalates_to.clone(), open.escalates_at);
    Some((at, vec![Fact::from(AlertFact::Escalated { alert, to, at })]))
}

/// That a purchase ends her alert: bought after the silence it was raised for began, and for as much as it takes.
pub(super) fn ended_by(program: &Program, member: &Member, recorded: &PurchaseRecorded) -> Option<Fact> {
    let open = member.alert.as_deref()?;
    let zone = recorded.purchase.zone.as_ref().unwrap_or(&program.zone);
    let again = zone.day_of(recorded.counted_at) > open.last_day;
    let enough = recorded.purchase.total().is_none_or(|total| total >= open.least_spend);
    let (alert, cause, at) = (open.entry, AlertEnd::Bought, recorded.counted_at);
    (again && enough).then(|| Fact::from(AlertFact::Ended { alert, cause, at }))
}

/// That her alert is over because she closes.
pub(super) fn closed(member: &Member, at: Moment) -> Option<Fact> {
    let alert = member.alert.as_deref()?.entry;
    Some(Fact::from(AlertFact::Ended { alert, cause: AlertEnd::Closed, at }))
}
