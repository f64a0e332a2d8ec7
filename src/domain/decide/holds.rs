//! Points set aside for a redemption that is not final yet: hold, capture, release.

use super::purchase::followed;
use super::settle::released;
use super::{Ground, active, overflow, purses, wallet_named};
use crate::domain::event::{Fact, Seq};
use crate::domain::lot;
use crate::domain::member::{Hold, Member};
use crate::domain::order::{Holding, Refusal};
use crate::domain::units::Points;

/// Sets points aside; they keep the dates of their lots.
pub(super) fn hold(ground: &Ground<'_>, member: &Member, asked: &Holding) -> Result<Vec<Fact>, Refusal> {
    let (_, wallet) = wallet_named(ground, &asked.wallet)?;
    active(member)?;
    let lots = purses::spend(member, wallet, asked.points)?;
    let until = ground.now.plus(asked.ttl);
    Ok(vec![Fact::PointsHeld { wallet: wallet.id, until, lots, note: asked.note.clone() }])
}

/// Spends what a hold set aside, in the order of its lots; the rest flows back to them, and what has ended meanwhile
/// is gone. Points that ended while they were held are honoured.
pub(super) fn capture(
    ground: &Ground<'_>,
    member: &Member,
    hold: Seq,
    points: Option<Points>,
) -> Result<Vec<Fact>, Refusal> {
    let held = open_hold(ground, member, hold)?;
    let total = held.points();
    let asked = points.unwrap_or(total);
    if asked > total {
        return Err(Refusal::CaptureExceedsHold { asked, held: total });
    }
    let (lots, rest) = (lot::first(&held.lots, asked), lot::after(&held.lots, asked));
    let mut facts = vec![Fact::HoldCaptured { hold, wallet: held.wallet, lots, rest }];
    facts.extend(activity(ground, member, held));
    followed(ground, member, facts).map_err(overflow)
}

/// Redeeming is activity, which keeps a wallet from lapsing.
fn activity(ground: &Ground<'_>, member: &Member, held: &Hold) -> Option<Fact> {
    let program = ground.timeline.at(ground.now);
    purses::activity(program, member, program.wallet(held.wallet)?, ground.now, ground.now)
}

/// Lets a hold go.
pub(super) fn release(ground: &Ground<'_>, member: &Member, hold: Seq) -> Result<Vec<Fact>, Refusal> {
    let held = open_hold(ground, member, hold)?;
    followed(ground, member, vec![released(held, ground.now, false)]).map_err(overflow)
}

fn open_hold<'a>(ground: &Ground<'_>, member: &'a Member, hold: Seq) -> Result<&'a Hold, Refusal> {
    let holds = |entry: &&crate::domain::event::Entry| {
        entry.member == ground.key && entry.facts.iter().any(|fact| matches!(fact, Fact::PointsHeld { .. }))
    };
    ground.subject.filter(holds).ok_or(Refusal::UnknownHold)?;
    active(member)?;
    member.desk().holds.iter().find(|held| held.entry == hold).ok_or(Refusal::HoldOver)
}
