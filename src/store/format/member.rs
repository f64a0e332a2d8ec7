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
//! | 10 bytes | balances: a run of varints wallet, points (zigzag) | none |
//! | 11 bytes | meters: a run of varints meter, window (zigzag), amount (zigzag) | none |
//! | 12 number | the announced tier | none |
//! | 13 sint | since when | 0 |
//! | 14 bytes | tiers held: a run of varints tier, since (zigzag), until − since (zigzag, wrapping) | none |
//! | 15 number | the entry that enrolled her | 0 |
//!
//! Her key is not part of it: it is the key it is kept under.

use super::Damage;
use super::eye::{Eye, Wire, day_of, narrow, take_varint, unknown, unzigzag};
use super::fact::{read_attribute, read_identifier, read_word, write_attribute, write_identifier};
use super::pen::{Pen, put_varint, zigzag};
use crate::domain::event::Seq;
use crate::domain::member::{Held, Member, MemberState, MeterCount, Meters, Standing};
use crate::domain::order::MemberKey;
use crate::domain::program::{MeterId, ProgramNo, TierId, WalletId, Word};
use crate::domain::units::{Moment, Points};

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
    run(&mut pen, 10, &member.balances, write_balance);
    run(&mut pen, 11, member.meters.counts(), write_count);
    pen.maybe(12, member.standing.tier().map(|tier| tier.0.0.into()));
    pen.signed(13, member.standing.since().0);
    run(&mut pen, 14, member.standing.held(), write_held);
    pen.number(15, member.enrolled_by.0);
}

/// Reads the snapshot of the member with this key.
///
/// # Errors
/// [`Damage`] if the bytes are none.
pub fn read(bytes: &[u8], key: MemberKey) -> Result<Member, Damage> {
    let mut member = Member { key, ..Member::default() };
    let (mut tier, mut since, mut held, mut recorded_from_enrolled) = (None, Moment(0), Vec::new(), 0);
    let mut eye = Eye::on(bytes);
    while let Some((field, wire)) = eye.field()? {
        match field {
            7 => recorded_from_enrolled = wire.signed()?,
            12 => tier = Some(TierId(read_word(wire)?)),
            13 => since = wire.moment()?,
            14 => held = read_run(wire, read_held)?,
            other => read_field(&mut member, other, wire)?,
        }
    }
    member.recorded_at = Moment(member.enrolled_at.0.wrapping_add(recorded_from_enrolled));
    member.standing = Standing::from_parts(tier, since, held);
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
        10 => member.balances = read_run(wire, read_balance)?.into(),
        11 => member.meters = Meters::from_counts(read_run(wire, read_count)?),
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

fn run<T>(pen: &mut Pen<'_>, field: u32, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    if !items.is_empty() {
        pen.nested(field, |pen| items.iter().for_each(|item| write(pen.buffer(), item)));
    }
}

fn read_run<T>(wire: Wire<'_>, read: impl Fn(&mut &[u8]) -> Result<T, Damage>) -> Result<Vec<T>, Damage> {
    let mut bytes = wire.bytes()?;
    let mut items = Vec::with_capacity(bytes.len() / 8 + 1);
    while !bytes.is_empty() {
        items.push(read(&mut bytes)?);
    }
    items.shrink_to_fit();
    Ok(items)
}

fn write_balance(out: &mut Vec<u8>, (wallet, points): &(WalletId, Points)) {
    put_varint(out, wallet.0.0.into());
    put_varint(out, zigzag(points.0));
}

fn read_balance(bytes: &mut &[u8]) -> Result<(WalletId, Points), Damage> {
    Ok((WalletId(take_word(bytes)?), Points(take_signed(bytes)?)))
}

fn write_count(out: &mut Vec<u8>, count: &MeterCount) {
    put_varint(out, count.meter.0.0.into());
    put_varint(out, zigzag(count.window.0.into()));
    put_varint(out, zigzag(count.amount.0));
}

fn read_count(bytes: &mut &[u8]) -> Result<MeterCount, Damage> {
    let meter = MeterId(take_word(bytes)?);
    Ok(MeterCount { meter, window: day_of(take_varint(bytes)?)?, amount: Points(take_signed(bytes)?) })
}

fn write_held(out: &mut Vec<u8>, held: &Held) {
    put_varint(out, held.tier.0.0.into());
    put_varint(out, zigzag(held.since.0));
    put_varint(out, zigzag(held.until.0.wrapping_sub(held.since.0)));
}

fn read_held(bytes: &mut &[u8]) -> Result<Held, Damage> {
    let tier = TierId(take_word(bytes)?);
    let since = Moment(take_signed(bytes)?);
    Ok(Held { tier, since, until: Moment(since.0.wrapping_add(take_signed(bytes)?)) })
}

fn take_word(bytes: &mut &[u8]) -> Result<Word, Damage> {
    narrow(take_varint(bytes)?).map(Word)
}

fn take_signed(bytes: &mut &[u8]) -> Result<i64, Damage> {
    take_varint(bytes).map(unzigzag)
}
