//! A member's snapshot: a cache of the fold of her entries, with the sequence number it reflects.
//!
//! | field | is | absent means |
//! |---|---|---|
//! | 1 number | program number | 0 |
//! | 2 text | her id | empty |
//! | 3 number | version | 0 |
//! | 4 number | her newest entry: what the snapshot reflects | 0 |
//! | 5 number | state: 0 active, 1 suspended, 2 closed | active |
//! | 6 sint | enrolled_at | 0 |
//! | 7 sint | recorded_at − enrolled_at (wrapping) | the same |
//! | 8… message | identifiers (`fact.rs`) | |
//! | 9… message | attributes (`fact.rs`) | |
//! | 10 bytes | no longer written: balances from the days before there were lots, a run of sums (`runs.rs`) | none |
//! | 11 bytes | meters: a run of counts (`runs.rs`) | none |
//! | 12 number | the announced tier | none |
//! | 13 sint | since when | 0 |
//! | 14 bytes | tiers held, if each was plainly earned: a run of them (`runs.rs`) | see 22 |
//! | 15 number | the entry that enrolled her | 0 |
//! | 16… message | purses: 1 wallet, 2… lots (`lots.rs`), 3 debt (sint), 4 lapses_at (sint), 5 lapse_notice_at (sint), 6 statement_at (sint); 4 to 6 absent: never; 7 whether its points are kept, 8 the entry whose activity set 4 | |
//! | 17… message | holds: 1 entry, 2 wallet, 3 until (sint), 4… lots | |
//! | 18… message | vouchers: 1 claim, 2 entry, 3 reward, 4 times (absent: 1), 5 expires_at (sint; absent: never), 6 text: the nonce | |
//! | 19… message | transfers: 1 entry, 2 to, 3 wallet, 4… lots | |
//! | 20 message | pot: 1 taken (sint), 2… reservations: 1 entry, 2 amount (sint), 3 member, 4 order, 5 until (sint) | no pot |
//! | 21 message | what she belongs to and what that gave her (`ties.rs`) | nothing |
//! | 22 bytes | tiers held, if any came otherwise: a run of tiers held somehow (`runs.rs`) | see 14 |
//! | 23 message | her alert that is not over (`alerts.rs`) | none |
//! | 24… message | what ended unspent of late, the oldest first: 1 wallet, 2 lot | none is remembered |
//! | 25… message | what was written off of late, the oldest first: 1 wallet, 2 entry, 3 points | none is remembered |
//!
//! A balance under 10 reads as a purse with one lasting lot, made by the entry that the snapshot reflects on the UTC
//! day of that: so it goes before everything that is earned later, and is nobody else's.
//!
//! Her key is not part of it: it is the key it is kept under.

use std::sync::Arc;

use super::eye::{Eye, Wire, unknown};
use super::fact::{read_attribute, read_identifier, read_word, write_attribute, write_identifier};
use super::pen::Pen;
use super::{Damage, alerts, desk, runs, ties};
use crate::domain::event::Seq;
use crate::domain::member::{Member, MemberState, Meters, Standing};
use crate::domain::order::MemberKey;
use crate::domain::program::{ProgramNo, TierId};
use crate::domain::units::Moment;

/// Writes a snapshot.
pub fn write(out: &mut Vec<u8>, member: &Member) {
    let mut pen = Pen::at_end_of(out);
    pen.number(1, member.program.0.into());
    pen.text(2, &member.id);
    pen.number(3, member.version);
    pen.number(4, member.last_entry.0);
    pen.number(5, state_number(member.state));
    pen.signed(6, member.enrolled_at.0);
    pen.signed(7, member.recorded_at.0.wrapping_sub(member.enrolled_at.0));
    member.identifiers.iter().for_each(|identifier| write_identifier(&mut pen, 8, identifier));
    member.attributes.iter().for_each(|value| write_attribute(&mut pen, 9, value));
    runs::write(&mut pen, 11, member.meters.counts(), runs::put_count);
    pen.maybe(12, member.standing.tier().map(|tier| tier.0.0.into()));
    pen.signed(13, member.standing.since().0);
    runs::write_held(&mut pen, 14, 22, member.standing.held());
    pen.number(15, member.enrolled_by.0);
    desk::write(&mut pen, member);
    if let Some(belonging) = &member.belonging {
        pen.nested(21, |pen| ties::write(pen, belonging));
    }
    if let Some(alert) = &member.alert {
        pen.nested(23, |pen| alerts::write_open(pen, alert));
    }
}

/// Reads the snapshot of the member with this key.
///
/// # Errors
/// [`Damage`] if the bytes are none.
pub fn read(bytes: &[u8], key: MemberKey) -> Result<Member, Damage> {
    let mut member = Member { key, ..Member::default() };
    let (mut tier, mut since, mut held, mut recorded_from_enrolled) = (None, Moment(0), Vec::new(), 0);
    let mut balances = Vec::new();
    let mut eye = Eye::on(bytes);
    while let Some((field, wire)) = eye.field()? {
        match field {
            7 => recorded_from_enrolled = wire.signed()?,
            10 => balances = runs::read(wire, runs::take_sum)?,
            12 => tier = Some(TierId(read_word(wire)?)),
            13 => since = wire.moment()?,
            14 => held = runs::read(wire, runs::take_held)?,
            16..=20 | 24 | 25 => desk::read(&mut member, field, wire)?,
            21 => member.belonging = Some(Arc::new(ties::read(wire)?)),
            23 => member.alert = Some(Box::new(alerts::read_open(wire)?)),
            22 => held = runs::read(wire, runs::take_held_somehow)?,
            other => read_field(&mut member, other, wire)?,
        }
    }
    member.recorded_at = Moment(member.enrolled_at.0.wrapping_add(recorded_from_enrolled));
    member.standing = Standing::from_parts(tier, since, held);
    if !balances.is_empty() {
        member.purses = desk::purses_of(balances, &member);
    }
    Ok(member)
}

/// Reads no more than which program a snapshot belongs to.
///
/// # Errors
/// [`Damage`] if the bytes are no snapshot.
pub fn program_of(bytes: &[u8]) -> Result<ProgramNo, Damage> {
    match Eye::on(bytes).field()? {
        Some((1, wire)) => wire.narrow().map(ProgramNo),
        _ => Ok(ProgramNo(0)),
    }
}

fn read_field(member: &mut Member, field: u64, wire: Wire<'_>) -> Result<(), Damage> {
    match field {
        1 => member.program = ProgramNo(wire.narrow()?),
        2 => member.id = wire.text()?,
        3 => member.version = wire.number()?,
        4 => member.last_entry = Seq(wire.number()?),
        5 => member.state = read_state(wire)?,
        6 => member.enrolled_at = wire.moment()?,
        8 => member.identifiers.push(read_identifier(wire.nested()?)?),
        9 => member.attributes.push(read_attribute(wire.nested()?)?),
        11 => member.meters = Meters::from_counts(runs::read(wire, runs::take_count)?),
        15 => member.enrolled_by = Seq(wire.number()?),
        other => return Err(unknown("a member", other)),
    }
    Ok(())
}

const fn state_number(state: MemberState) -> u64 {
    match state {
        MemberState::Active => 0,
        MemberState::Suspended => 1,
        MemberState::Closed => 2,
    }
}

fn read_state(wire: Wire<'_>) -> Result<MemberState, Damage> {
    match wire.number()? {
        0 => Ok(MemberState::Active),
        1 => Ok(MemberState::Suspended),
        2 => Ok(MemberState::Closed),
        _ => Err(Damage::new("a member in an unknown state")),
    }
}
