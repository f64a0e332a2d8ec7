//! Packed runs: short lists of small numbers as one field's bytes, varint behind varint, nothing in between.
//!
//! | run of | its varints |
//! |---|---|
//! | counts, posts | meter, window (zigzag), amount (zigzag) |
//! | sums | wallet, points (zigzag) |
//! | shares | position, points (zigzag) |
//! | tiers held | tier, since (zigzag), until − since (zigzag, wrapping) |
//! | tiers held somehow | as tiers held, then how it came (`belonging.rs`), the entry that granted it |
//! | uses given | the entry that gave them, how many, until − the moment counted from (zigzag, wrapping) |
//! | options taken | option, how often |
//! | kept of a milestone | of what: 0 choices, 1 an option, 2 uses, 3 a boost; its word (0 for choices), how many |
//! | lines returned | line, thousandths (zigzag), minor units (zigzag) |

use super::Damage;
use super::belonging::{held_by, held_number};
use super::eye::{Wire, day_of, narrow, take_varint, unzigzag};
use super::pen::{Pen, put_varint, zigzag};
use crate::domain::event::{Kept, LineReturned, MeterPost, Seq};
use crate::domain::member::{Held, MeterCount};
use crate::domain::program::{MeterId, OptionId, PrivilegeId, RuleId, TierId, WalletId, Word};
use crate::domain::units::{Moment, Points};

/// Writes a run; an empty one is left out.
pub fn write<T>(pen: &mut Pen<'_>, field: u32, items: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    if !items.is_empty() {
        pen.nested(field, |pen| items.iter().for_each(|item| put(pen.buffer(), item)));
    }
}

/// Reads a run.
///
/// # Errors
/// [`Damage`] if it ends within an item.
pub fn read<T>(wire: Wire<'_>, take: impl Fn(&mut &[u8]) -> Result<T, Damage>) -> Result<Vec<T>, Damage> {
    let mut bytes = wire.bytes()?;
    let mut items = Vec::with_capacity(bytes.len() / 8 + 1);
    while !bytes.is_empty() {
        items.push(take(&mut bytes)?);
    }
    items.shrink_to_fit();
    Ok(items)
}

/// Writes what a meter counts, or counted.
pub fn put_post(out: &mut Vec<u8>, post: &MeterPost) {
    put_varint(out, post.meter.0.0.into());
    put_varint(out, zigzag(post.window.0.into()));
    put_varint(out, zigzag(post.amount.0));
}

/// Reads what a meter counts.
///
/// # Errors
/// [`Damage`] if it is cut short or does not fit, here and below.
pub fn take_post(bytes: &mut &[u8]) -> Result<MeterPost, Damage> {
    let meter = MeterId(take_word(bytes)?);
    Ok(MeterPost { meter, window: day_of(take_varint(bytes)?)?, amount: take_points(bytes)? })
}

/// Writes what a meter counted.
pub fn put_count(out: &mut Vec<u8>, count: &MeterCount) {
    put_post(out, &(*count).into());
}

/// Reads what a meter counted.
pub fn take_count(bytes: &mut &[u8]) -> Result<MeterCount, Damage> {
    take_post(bytes).map(|MeterPost { meter, window, amount }| MeterCount { meter, window, amount })
}

/// Writes points of a wallet.
pub fn put_sum(out: &mut Vec<u8>, (wallet, points): &(WalletId, Points)) {
    put_varint(out, wallet.0.0.into());
    put_varint(out, zigzag(points.0));
}

/// Reads points of a wallet.
pub fn take_sum(bytes: &mut &[u8]) -> Result<(WalletId, Points), Damage> {
    Ok((WalletId(take_word(bytes)?), take_points(bytes)?))
}

/// Writes points at a position.
pub fn put_share(out: &mut Vec<u8>, (position, points): &(u16, Points)) {
    put_varint(out, (*position).into());
    put_varint(out, zigzag(points.0));
}

/// Reads points at a position.
pub fn take_share(bytes: &mut &[u8]) -> Result<(u16, Points), Damage> {
    Ok((narrow(take_varint(bytes)?)?, take_points(bytes)?))
}

/// Writes tiers held: under `earned` if every one of them was plainly earned, as they all once were, else all of
/// them under `otherwise`.
pub fn write_held(pen: &mut Pen<'_>, earned: u32, otherwise: u32, held: &[Held]) {
    if held.iter().all(|held| *held == Held::earned(held.tier, held.since, held.until)) {
        write(pen, earned, held, put_held);
    } else {
        write(pen, otherwise, held, put_held_somehow);
    }
}

/// Writes a tier that was plainly earned.
pub fn put_held(out: &mut Vec<u8>, held: &Held) {
    put_varint(out, held.tier.0.0.into());
    put_varint(out, zigzag(held.since.0));
    put_varint(out, zigzag(held.until.0.wrapping_sub(held.since.0)));
}

/// Reads a tier that was plainly earned.
pub fn take_held(bytes: &mut &[u8]) -> Result<Held, Damage> {
    let tier = TierId(take_word(bytes)?);
    let since = Moment(take_signed(bytes)?);
    Ok(Held::earned(tier, since, Moment(since.0.wrapping_add(take_signed(bytes)?))))
}

/// Writes a tier held, and how it came.
pub fn put_held_somehow(out: &mut Vec<u8>, held: &Held) {
    put_held(out, held);
    put_varint(out, held_number(held.by));
    put_varint(out, held.entry.0);
}

/// Reads a tier held, and how it came.
pub fn take_held_somehow(bytes: &mut &[u8]) -> Result<Held, Damage> {
    let held = take_held(bytes)?;
    Ok(Held { by: held_by(take_varint(bytes)?)?, entry: Seq(take_varint(bytes)?), ..held })
}

/// Writes uses that were given; their end counts from `from`.
pub fn put_given(out: &mut Vec<u8>, (entry, uses, until): &(Seq, u32, Moment), from: Moment) {
    put_varint(out, entry.0);
    put_varint(out, (*uses).into());
    put_varint(out, zigzag(until.0.wrapping_sub(from.0)));
}

/// Reads uses that were given.
pub fn take_given(bytes: &mut &[u8], from: Moment) -> Result<(Seq, u32, Moment), Damage> {
    let (entry, uses) = (Seq(take_varint(bytes)?), narrow(take_varint(bytes)?)?);
    Ok((entry, uses, Moment(from.0.wrapping_add(take_signed(bytes)?))))
}

/// Writes how often an option was taken.
pub fn put_taken(out: &mut Vec<u8>, (option, times): &(OptionId, u32)) {
    put_varint(out, option.0.0.into());
    put_varint(out, (*times).into());
}

/// Reads how often an option was taken.
pub fn take_taken(bytes: &mut &[u8]) -> Result<(OptionId, u32), Damage> {
    Ok((OptionId(take_word(bytes)?), narrow(take_varint(bytes)?)?))
}

/// Writes what was kept of a milestone.
pub fn put_kept(out: &mut Vec<u8>, kept: &Kept) {
    let (of, word) = match kept {
        Kept::Choices(_) => (0, Word(0)),
        Kept::Option(option, _) => (1, option.0),
        Kept::Uses(privilege, _) => (2, privilege.0),
        Kept::Boost(boost, _) => (3, boost.0),
    };
    put_varint(out, of);
    put_varint(out, word.0.into());
    put_varint(out, kept.count().into());
}

/// Reads what was kept of a milestone.
pub fn take_kept(bytes: &mut &[u8]) -> Result<Kept, Damage> {
    let (of, word, count) = (take_varint(bytes)?, take_word(bytes)?, narrow(take_varint(bytes)?)?);
    Ok(match of {
        0 => Kept::Choices(count),
        1 => Kept::Option(OptionId(word), count),
        2 => Kept::Uses(PrivilegeId(word), count),
        3 => Kept::Boost(RuleId(word), count),
        _ => return Err(Damage::new("something unknown was kept of a milestone")),
    })
}

/// Writes what came back of a line.
pub fn put_returned(out: &mut Vec<u8>, returned: &LineReturned) {
    put_varint(out, returned.line.into());
    put_varint(out, zigzag(returned.quantity));
    put_varint(out, zigzag(returned.minor_units));
}

/// Reads what came back of a line.
pub fn take_returned(bytes: &mut &[u8]) -> Result<LineReturned, Damage> {
    let line = narrow(take_varint(bytes)?)?;
    Ok(LineReturned { line, quantity: take_signed(bytes)?, minor_units: take_signed(bytes)? })
}

fn take_word(bytes: &mut &[u8]) -> Result<Word, Damage> {
    narrow(take_varint(bytes)?).map(Word)
}

fn take_points(bytes: &mut &[u8]) -> Result<Points, Damage> {
    take_signed(bytes).map(Points)
}

fn take_signed(bytes: &mut &[u8]) -> Result<i64, Damage> {
    take_varint(bytes).map(unzigzag)
}
