//! Points from one member to another: the sender's order, the receiver's, and what became of it.
//!
//! The second order is keyed by the first's entry and the third by what the second came to, so that a crash in between
//! finishes once.

use super::purchase::{followed, holds_more};
use super::story::Story;
use super::{Ground, active, overflow, purses, wallet_named};
use crate::domain::event::{AddedCause, Fact, Seq};
use crate::domain::member::{Member, MemberState};
use crate::domain::order::{Arrival, Refusal, Sending};

/// Takes points from the sender; they travel with the dates of their lots.
pub(super) fn send(ground: &Ground<'_>, member: &Member, asked: &Sending) -> Result<Vec<Fact>, Refusal> {
    let (program, wallet) = wallet_named(ground, &asked.wallet)?;
    let receiver = ground.other.ok_or(Refusal::UnknownReceiver)?;
    active(member)?;
    if !wallet.transferable {
        return Err(Refusal::NotTransferable);
    }
    if receiver.state != MemberState::Active || receiver.key == member.key {
        return Err(Refusal::ReceiverNotActive);
    }
    let lots = purses::take(member, wallet, asked.points)?;
    holds_more(program, receiver, wallet.id, asked.points)?;
    let (to, note) = (receiver.key, asked.note.clone());
    let mut facts = vec![Fact::TransferSent { to, wallet: wallet.id, lots, note }];
    facts.extend(purses::activity(program, member, wallet, ground.now, ground.now));
    Ok(facts)
}

/// Takes in what another member sent.
pub(super) fn receive(ground: &Ground<'_>, member: &Member, arrival: &Arrival) -> Result<Vec<Fact>, Refusal> {
    if member.state != MemberState::Active {
        return Err(Refusal::ReceiverNotActive);
    }
    let program = ground.timeline.at(ground.now);
    let wallet = program.wallet(arrival.wallet).ok_or_else(|| Refusal::UnknownWallet("".into()))?;
    let arrived = Fact::TransferReceived { from: arrival.from, sent_by: arrival.sent_by };
    let added = purses::came_back(member, wallet, AddedCause::Transfer, arrival.lots.clone(), ground.now);
    let added = added.map_err(overflow)?;
    let mut facts = vec![arrived, added];
    facts.extend(purses::activity(program, member, wallet, ground.now, ground.now));
    followed(ground, member, facts).map_err(overflow)
}

/// Notes what became of a transfer: it arrived, or its lots come back.
pub(super) fn close(ground: &Ground<'_>, member: &Member, sent_by: Seq, arrived: bool) -> Result<Vec<Fact>, Refusal> {
    let Some(sent) = member.desk().transfers.iter().find(|sent| sent.entry == sent_by) else { return Ok(Vec::new()) };
    let back = if arrived { Vec::new() } else { sent.lots.clone() };
    let mut story = Story::on(ground, member);
    story.adopt(Fact::TransferClosed { sent_by, back: back.clone() }).map_err(overflow)?;
    if !arrived {
        let follows = purses::flowed_back(&story, sent.wallet, &back);
        story.extend(follows).map_err(overflow)?;
    }
    story.run_to(ground.settles_to).map_err(overflow)?;
    Ok(story.facts)
}
