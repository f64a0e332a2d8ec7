//! Goods that came back, and what a member brought along: the facts with a form of their own besides purchases.
//!
//! PurchaseReturned:
//!
//! | field | is | absent means |
//! |---|---|---|
//! | 1 text, 2 text | the return's receipt: source, id | empty |
//! | 3 text, 4 text | the purchase's receipt: source, id | 3: as 1; 4: empty |
//! | 5 number | the entry that recorded the purchase | none |
//! | 6 number | which return of the purchase this is | 1 |
//! | 7 sint | occurred_at − the entry's recorded_at (wrapping) | the same |
//! | 8, 9 bytes | lines asked for, lines that came back so far: runs of lines returned (`runs.rs`) | none |
//! | 10 bytes | what was taken back of grants: a run of shares | none |
//! | 11 bytes | what was taken back of meters: a run of posts | none |
//! | 12 sint | points refunded so far | 0 |
//! | 13 sint | when the purchase counted − the entry's recorded_at (wrapping) | the same |
//! | 14 number | the program version that judged the purchase | the entry's |
//! | 15 sint | the price of what came back, in minor units | 0 |
//! | 16 bytes | what was taken back of wallets: a run of sums | none |
//!
//! OpeningStateSet:
//!
//! | field | is | absent means |
//! |---|---|---|
//! | 1 sint | enrolled_at − the entry's recorded_at (wrapping) | not given |
//! | 2… message | lots, each with its wallet (`lots.rs`) | none |
//! | 3 bytes | debts: a run of sums (`runs.rs`) | none |
//! | 4 bytes | what meters count: a run of counts | none |
//! | 5 bytes | tiers, if each was plainly earned: a run of tiers held | see 8 |
//! | 6 number | the tier she stands on | none |
//! | 7 sint | since when, as 1 | recorded_at |
//! | 8 bytes | tiers, if any came otherwise: a run of tiers held somehow | see 5 |

use super::eye::{Eye, unknown};
use super::fact::{distance, read_word};
use super::pen::Pen;
use super::{Damage, lots, runs};
use crate::domain::event::{Entry, OpeningState, PurchaseReturned, Seq};
use crate::domain::order::ReceiptKey;
use crate::domain::program::TierId;
use crate::domain::units::{Points, Text};

/// Writes a return of `entry`.
pub fn write(pen: &mut Pen<'_>, returned: &PurchaseReturned, entry: &Entry) {
    let (own, bought) = (&returned.return_receipt, &returned.receipt);
    pen.text(1, &own.source);
    pen.text(2, &own.id);
    if bought.source != own.source {
        pen.always_bytes(3, bought.source.as_bytes());
    }
    pen.text(4, &bought.id);
    pen.number(5, returned.purchase.0);
    pen.maybe(6, (returned.number != 1).then_some(returned.number.into()));
    pen.signed(7, distance(returned.occurred_at, entry));
    runs::write(pen, 8, &returned.asked, runs::put_returned);
    runs::write(pen, 9, &returned.so_far, runs::put_returned);
    runs::write(pen, 10, &returned.grants, runs::put_share);
    runs::write(pen, 11, &returned.meters, runs::put_post);
    pen.signed(12, returned.refunded_so_far.0);
    let (bought_at, version) = returned.bought;
    pen.signed(13, distance(bought_at, entry));
    pen.maybe(14, (version != entry.program_version).then_some(version.into()));
    pen.signed(15, returned.minor_units);
    runs::write(pen, 16, &returned.taken, runs::put_sum);
}

/// Reads a return of the entry read so far.
///
/// # Errors
/// [`Damage`] if the bytes are none.
pub fn read(mut eye: Eye<'_>, entry: &Entry) -> Result<PurchaseReturned, Damage> {
    let mut returned = blank(entry);
    let mut bought_from = None;
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => returned.return_receipt.source = wire.text()?,
            2 => returned.return_receipt.id = wire.text()?,
            3 => bought_from = Some(wire.text()?),
            4 => returned.receipt.id = wire.text()?,
            5 => returned.purchase = Seq(wire.number()?),
            6 => returned.number = wire.narrow()?,
            7 => returned.occurred_at = wire.moment_from(entry.recorded_at)?,
            8 => returned.asked = runs::read(wire, runs::take_returned)?,
            9 => returned.so_far = runs::read(wire, runs::take_returned)?,
            10 => returned.grants = runs::read(wire, runs::take_share)?,
            11 => returned.meters = runs::read(wire, runs::take_post)?,
            12 => returned.refunded_so_far = wire.points()?,
            13 => returned.bought.0 = wire.moment_from(entry.recorded_at)?,
            14 => returned.bought.1 = wire.narrow()?,
            15 => returned.minor_units = wire.signed()?,
            16 => returned.taken = runs::read(wire, runs::take_sum)?,
            other => return Err(unknown("PurchaseReturned", other)),
        }
    }
    returned.receipt.source = bought_from.unwrap_or_else(|| returned.return_receipt.source.clone());
    Ok(returned)
}

fn blank(entry: &Entry) -> PurchaseReturned {
    let receipt = ReceiptKey { source: Text::default(), id: Text::default() };
    PurchaseReturned {
        return_receipt: receipt.clone(),
        receipt,
        purchase: Seq::NONE,
        number: 1,
        occurred_at: entry.recorded_at,
        asked: Vec::new(),
        so_far: Vec::new(),
        grants: Vec::new(),
        meters: Vec::new(),
        refunded_so_far: Points::ZERO,
        bought: (entry.recorded_at, entry.program_version),
        minor_units: 0,
        taken: Vec::new(),
    }
}

/// Writes what a member of `entry` brought along.
pub fn write_opening(pen: &mut Pen<'_>, state: &OpeningState, entry: &Entry) {
    pen.maybe(1, state.enrolled_at.map(|at| super::pen::zigzag(distance(at, entry))));
    lots::write_sorted(pen, 2, &state.lots, entry.recorded_at);
    runs::write(pen, 3, &state.debts, runs::put_sum);
    runs::write(pen, 4, &state.meters, runs::put_count);
    runs::write_held(pen, 5, 8, &state.held);
    if let Some((tier, since)) = state.tier {
        pen.always(6, tier.0.0.into());
        pen.signed(7, distance(since, entry));
    }
}

/// Reads what a member of the entry read so far brought along.
///
/// # Errors
/// [`Damage`] if the bytes are none.
pub fn read_opening(mut eye: Eye<'_>, entry: &Entry) -> Result<OpeningState, Damage> {
    let (from, mut state) = (entry.recorded_at, OpeningState::default());
    let (mut tier, mut since) = (None, from);
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => state.enrolled_at = Some(wire.moment_from(from)?),
            2 => state.lots.push(lots::read_of_wallet(wire, from)?),
            3 => state.debts = runs::read(wire, runs::take_sum)?,
            4 => state.meters = runs::read(wire, runs::take_count)?,
            5 => state.held = runs::read(wire, runs::take_held)?,
            6 => tier = Some(TierId(read_word(wire)?)),
            7 => since = wire.moment_from(from)?,
            8 => state.held = runs::read(wire, runs::take_held_somehow)?,
            other => return Err(unknown("OpeningStateSet", other)),
        }
    }
    state.tier = tier.map(|tier| (tier, since));
    Ok(state)
}
