//! What a member takes in memory, as estimated. It must not know who stays there.

use super::ward::Slot;
use crate::domain::event::Kept;
use crate::domain::lot::Lot;
use crate::domain::member::{
    Allowance, AwaitedWindow, Belonging, Desk, Ended, Held, HeldBoost, Hold, InSegment, Invitation, KeptOf, Member,
    Membership, MeterCount, OpenAlert, OpenChoice, Pot, Purse, Reservation, SentTier, Transfer, Voucher, WrittenOff,
};
use crate::domain::order::{AttributeValue, Identifier};
use crate::domain::program::{ClubId, OptionId, Value};

/// What the allocator adds to what it is asked for.
const BLOCK: usize = 16;

/// About what a member takes who is packed into so many bytes, with her slot.
pub fn packed_weight(bytes: usize) -> u32 {
    u32::try_from(2 * size_of::<Slot>() + 2 * BLOCK + bytes).unwrap_or(u32::MAX)
}

/// About what a member takes: herself, her slot, what she points to, and what the allocator adds.
pub fn weight_of(member: &Member) -> u32 {
    let identifier = |held: &Identifier| held.kind.len() + held.mask.len() + 2 * BLOCK;
    let attribute = |(_, value): &AttributeValue| match value {
        Value::Text(text) => text.len() + BLOCK,
        _ => 0,
    };
    let weight = size_of::<Member>()
        + 2 * size_of::<Slot>()
        + 2 * BLOCK
        + member.id.len()
        + list::<Identifier>(member.identifiers.len())
        + member.identifiers.iter().map(identifier).sum::<usize>()
        + list::<AttributeValue>(member.attributes.len())
        + member.attributes.iter().map(attribute).sum::<usize>()
        + list::<MeterCount>(member.meters.counts().len())
        + list::<Held>(member.standing.held().len())
        + purses_weight(member)
        + member.desk.as_deref().map_or(0, desk_weight)
        + member.belonging.as_deref().map_or(0, belonging_weight)
        + member.alert.as_deref().map_or(0, alert_weight)
        + member.pot.as_deref().map_or(0, pot_weight);
    u32::try_from(weight).unwrap_or(u32::MAX)
}

/// A list of so many things outside its owner.
const fn list<T>(count: usize) -> usize {
    if count == 0 { 0 } else { count * size_of::<T>() + BLOCK }
}

/// The first purse lies in the member, and the first lot in its purse: only what spilled out of them counts.
fn purses_weight(member: &Member) -> usize {
    let purses = if member.purses.spilled() { list::<Purse>(member.purses.capacity()) } else { 0 };
    let spilled = member.purses.iter().filter(|purse| purse.lots.spilled());
    purses + spilled.map(|purse| list::<Lot>(purse.lots.capacity())).sum::<usize>()
}

fn desk_weight(desk: &Desk) -> usize {
    let held = desk.holds.iter().map(|hold| list::<Lot>(hold.lots.len()));
    let sent = desk.transfers.iter().map(|sent| list::<Lot>(sent.lots.len()));
    list::<Desk>(1)
        + list::<Hold>(desk.holds.len())
        + list::<Voucher>(desk.vouchers.len())
        + desk.vouchers.iter().map(|voucher| voucher.nonce.len()).sum::<usize>()
        + list::<Transfer>(desk.transfers.len())
        + list::<Ended>(desk.ended.len())
        + list::<WrittenOff>(desk.written_off.len())
        + held.chain(sent).sum::<usize>()
}

fn belonging_weight(held: &Belonging) -> usize {
    let taken = held.choices.iter().map(|choice| list::<(OptionId, u32)>(choice.taken.len()));
    let kept = held.kept.iter().map(|own| list::<Kept>(own.kept.len()));
    list::<Belonging>(1)
        + list::<Membership>(held.clubs.len())
        + list::<InSegment>(held.segments.len())
        + list::<Invitation>(held.invitations.len())
        + list::<ClubId>(held.asked.len())
        + list::<Allowance>(held.allowances.len())
        + list::<OpenChoice>(held.choices.len())
        + taken.sum::<usize>()
        + list::<HeldBoost>(held.boosts.len())
        + list::<SentTier>(held.sent.len())
        + list::<AwaitedWindow>(held.windows.len())
        + list::<KeptOf>(held.kept.len())
        + kept.sum::<usize>()
}

fn alert_weight(open: &OpenAlert) -> usize {
    list::<OpenAlert>(1) + open.owner.len() + open.acknowledged_by.len() + open.escalates_to.len()
}

fn pot_weight(pot: &Pot) -> usize {
    list::<Pot>(1) + list::<Reservation>(pot.reservations.len())
}
