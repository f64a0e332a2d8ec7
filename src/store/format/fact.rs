//! The facts of an entry, each a message under its own field number.
//!
//! | field | fact | its fields |
//! |---|---|---|
//! | 16 | ProgramApplied | 1 id, 2 version, 3 effective_at (sint), 4 source, 5… words added |
//! | 17 | MemberEnrolled | 1 member id, 2 id given, 3… identifiers, 4… attributes, 5 base tier |
//! | 18 | AttributesUpdated | 1… set, 2… remove |
//! | 19 / 20 | IdentifierLinked / Unlinked | the identifier: 1 kind, 2 hash, 3 mask |
//! | 21 / 22 / 23 | MemberSuspended / Reinstated / Closed | 1 note |
//! | 24 | PointsForfeited | 1 wallet, 2 points (sint), 3… lots (`lots.rs`) |
//! | 25 | PurchaseRecorded | `purchase.rs` |
//! | 26 | TierEarned | 1 tier, 2 since, 3 until (sint, each from recorded_at, wrapping) |
//! | 27 | TierChanged | 1 from, 2 to, 3 at (as above), 4 cause: 0 earned, 1 validity ended, 2 returned, 3 granted, 4 revoked, 5 the ladder changed |
//! | 28 … 33, 41 … 48, 50, 54 | what moves points and what dates them | `points.rs` |
//! | 34 … 38, 40, 51 … 53 | rewards, vouchers, what is scarce | `rewards.rs` |
//! | 39 / 49 | PurchaseReturned / OpeningStateSet | `returned.rs` |
//! | 55 … 67 | tiers held otherwise than by earning, windows, milestones, privileges | `belonging.rs` |
//! | 68 … 80 | tiers sent, boosts, clubs, segments | `clubs.rs` |
//! | 81 … 84 | alerts | `alerts.rs` |
//! | 85, 86 | debt that was paid, points that ended and were taken back | `points.rs` |
//!
//! An attribute value is a message: 1 id (its word), then one of 2 integer (sint), 3 text, 4 yes/no, 5 moment
//! (sint). "…" marks a list.

use super::eye::{Eye, Wire, unknown};
use super::pen::{Pen, zigzag};
use super::{Damage, alerts, belonging, clubs, lots, points, purchase, returned, rewards};
use crate::domain::event::{Entry, Fact, MemberEnrolled, ProgramApplied, TierCause};
use crate::domain::order::{AttributeValue, Identifier, IdentifierHash};
use crate::domain::program::{AttributeId, TierId, Value, WalletId, Word};
use crate::domain::units::{Moment, Points, Text};

/// Writes a fact of `entry`.
pub fn write(pen: &mut Pen<'_>, fact: &Fact, entry: &Entry) {
    match fact {
        Fact::ProgramApplied(applied) => pen.nested(16, |pen| write_program(pen, applied)),
        Fact::MemberEnrolled(enrolled) => pen.nested(17, |pen| write_enrolled(pen, enrolled)),
        Fact::AttributesUpdated { set, remove } => pen.nested(18, |pen| {
            set.iter().for_each(|value| write_attribute(pen, 1, value));
            remove.iter().for_each(|word| pen.always(2, word.0.into()));
        }),
        Fact::IdentifierLinked(identifier) => write_identifier(pen, 19, identifier),
        Fact::IdentifierUnlinked(identifier) => write_identifier(pen, 20, identifier),
        Fact::MemberSuspended(note) => pen.nested(21, |pen| pen.text(1, note)),
        Fact::MemberReinstated(note) => pen.nested(22, |pen| pen.text(1, note)),
        Fact::MemberClosed(note) => pen.nested(23, |pen| pen.text(1, note)),
        Fact::PointsForfeited { wallet, points, lots } => pen.nested(24, |pen| {
            pen.number(1, wallet.0.0.into());
            pen.signed(2, points.0);
            lots::write(pen, 3, lots, entry.recorded_at);
        }),
        Fact::PurchaseRecorded(recorded) => pen.nested(25, |pen| purchase::write(pen, recorded, entry)),
        Fact::TierEarned { tier, since, until } => pen.nested(26, |pen| {
            pen.number(1, tier.0.0.into());
            pen.signed(2, distance(*since, entry));
            pen.signed(3, distance(*until, entry));
        }),
        Fact::TierChanged { from, to, at, cause } => pen.nested(27, |pen| {
            pen.number(1, from.0.0.into());
            pen.number(2, to.0.0.into());
            pen.signed(3, distance(*at, entry));
            pen.number(4, cause_number(*cause));
        }),
        Fact::PurchaseReturned(returned) => pen.nested(39, |pen| returned::write(pen, returned, entry)),
        Fact::OpeningStateSet(state) => pen.nested(49, |pen| returned::write_opening(pen, state, entry)),
        Fact::PointsAdded(_)
        | Fact::PointsTaken(_)
        | Fact::PointsMatured { .. }
        | Fact::PointsHeld { .. }
        | Fact::HoldCaptured { .. }
        | Fact::HoldReleased { .. }
        | Fact::DebtPaid(_)
        | Fact::EndedReturned { .. }
        | Fact::TransferSent { .. }
        | Fact::TransferReceived { .. }
        | Fact::TransferClosed { .. } => points::write_moves(pen, fact, entry),
        Fact::PointsAdjusted { .. }
        | Fact::ExpiryAnnounced { .. }
        | Fact::LotsRedated { .. }
        | Fact::LotsKept { .. }
        | Fact::ActivityCounted { .. }
        | Fact::StatementSet { .. }
        | Fact::TierWithdrawn { .. } => points::write_dates(pen, fact, entry),
        Fact::RewardRedeemed(_)
        | Fact::RedemptionCancelled { .. }
        | Fact::VoucherUsed { .. }
        | Fact::VoucherExpired { .. }
        | Fact::VouchersCut(_)
        | Fact::PurchaseConfirmed { .. }
        | Fact::PotReserved { .. }
        | Fact::PotSettled { .. }
        | Fact::PotReturned { .. } => rewards::write(pen, fact, entry),
        Fact::Belonging(fact) => belonging::write(pen, fact, entry),
        Fact::Alert(fact) => alerts::write(pen, fact, entry),
    }
}

/// Reads the fact under `field`, of the entry read so far.
///
/// # Errors
/// [`Damage`] if the bytes are not that fact.
pub fn read(field: u64, bytes: &[u8], entry: &Entry) -> Result<Fact, Damage> {
    let eye = Eye::on(bytes);
    match field {
        16 => read_program(eye).map(Fact::ProgramApplied),
        17 => read_enrolled(eye).map(Fact::MemberEnrolled),
        18 => read_updated(eye),
        19 => read_identifier(eye).map(Fact::IdentifierLinked),
        20 => read_identifier(eye).map(Fact::IdentifierUnlinked),
        21 => read_note(eye).map(Fact::MemberSuspended),
        22 => read_note(eye).map(Fact::MemberReinstated),
        23 => read_note(eye).map(Fact::MemberClosed),
        24 => read_forfeited(eye, entry.recorded_at),
        25 => purchase::read(eye, entry).map(|recorded| Fact::PurchaseRecorded(Box::new(recorded))),
        26 => read_earned(eye, entry.recorded_at),
        27 => read_changed(eye, entry.recorded_at),
        39 => returned::read(eye, entry).map(|returned| Fact::PurchaseReturned(Box::new(returned))),
        49 => returned::read_opening(eye, entry).map(|state| Fact::OpeningStateSet(Box::new(state))),
        28..=33 | 41..=48 | 50 | 54 | 85 | 86 => points::read(field, eye, entry),
        34..=38 | 40 | 51..=53 => rewards::read(field, eye, entry),
        55..=67 => belonging::read(field, eye, entry).map(|fact| Fact::Belonging(Box::new(fact))),
        68..=80 => clubs::read(field, eye, entry).map(|fact| Fact::Belonging(Box::new(fact))),
        81..=84 => alerts::read(field, eye, entry).map(|fact| Fact::Alert(Box::new(fact))),
        other => Err(unknown("a fact", other)),
    }
}

/// A moment as its distance from the entry's, which is shorter.
#[must_use]
pub const fn distance(moment: Moment, entry: &Entry) -> i64 {
    moment.0.wrapping_sub(entry.recorded_at.0)
}

fn write_program(pen: &mut Pen<'_>, applied: &ProgramApplied) {
    pen.text(1, &applied.id);
    pen.number(2, applied.version.into());
    pen.signed(3, applied.effective_at.0);
    pen.text(4, &applied.source);
    applied.words_added.iter().for_each(|word| pen.always_bytes(5, word.as_bytes()));
}

fn read_program(mut eye: Eye<'_>) -> Result<ProgramApplied, Damage> {
    let mut applied = ProgramApplied {
        id: Box::default(),
        version: 0,
        effective_at: Moment(0),
        source: Box::default(),
        words_added: Vec::new(),
    };
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => applied.id = wire.text()?.into(),
            2 => applied.version = wire.narrow()?,
            3 => applied.effective_at = wire.moment()?,
            4 => applied.source = wire.text()?.into(),
            5 => applied.words_added.push(wire.text()?.into()),
            other => return Err(unknown("ProgramApplied", other)),
        }
    }
    Ok(applied)
}

fn write_enrolled(pen: &mut Pen<'_>, enrolled: &MemberEnrolled) {
    pen.text(1, &enrolled.member_id);
    pen.number(2, enrolled.id_given.into());
    enrolled.identifiers.iter().for_each(|identifier| write_identifier(pen, 3, identifier));
    enrolled.attributes.iter().for_each(|value| write_attribute(pen, 4, value));
    pen.maybe(5, enrolled.base_tier.map(|tier| tier.0.0.into()));
}

fn read_enrolled(mut eye: Eye<'_>) -> Result<MemberEnrolled, Damage> {
    let mut enrolled = MemberEnrolled {
        member_id: Text::default(),
        id_given: false,
        identifiers: Vec::new(),
        attributes: Vec::new(),
        base_tier: None,
    };
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => enrolled.member_id = wire.text()?,
            2 => enrolled.id_given = wire.number()? != 0,
            3 => enrolled.identifiers.push(read_identifier(wire.nested()?)?),
            4 => enrolled.attributes.push(read_attribute(wire.nested()?)?),
            5 => enrolled.base_tier = Some(TierId(read_word(wire)?)),
            other => return Err(unknown("MemberEnrolled", other)),
        }
    }
    Ok(enrolled)
}

fn read_updated(mut eye: Eye<'_>) -> Result<Fact, Damage> {
    let (mut set, mut remove) = (Vec::new(), Vec::new());
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => set.push(read_attribute(wire.nested()?)?),
            2 => remove.push(read_word(wire)?),
            other => return Err(unknown("AttributesUpdated", other)),
        }
    }
    Ok(Fact::AttributesUpdated { set, remove })
}

fn read_note(mut eye: Eye<'_>) -> Result<Text, Damage> {
    let mut note = Text::default();
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => note = wire.text()?,
            other => return Err(unknown("a note", other)),
        }
    }
    Ok(note)
}

fn read_forfeited(mut eye: Eye<'_>, from: Moment) -> Result<Fact, Damage> {
    let (mut wallet, mut points, mut lots) = (WalletId::default(), Points::ZERO, Vec::new());
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => wallet = WalletId(read_word(wire)?),
            2 => points = wire.points()?,
            3 => lots.push(lots::read(wire, from)?),
            other => return Err(unknown("PointsForfeited", other)),
        }
    }
    Ok(Fact::PointsForfeited { wallet, points, lots })
}

fn read_earned(mut eye: Eye<'_>, from: Moment) -> Result<Fact, Damage> {
    let (mut tier, mut since, mut until) = (TierId::default(), from, from);
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => tier = TierId(read_word(wire)?),
            2 => since = wire.moment_from(from)?,
            3 => until = wire.moment_from(from)?,
            other => return Err(unknown("TierEarned", other)),
        }
    }
    Ok(Fact::TierEarned { tier, since, until })
}

fn read_changed(mut eye: Eye<'_>, moment: Moment) -> Result<Fact, Damage> {
    let (mut from, mut to, mut at, mut cause) = (TierId::default(), TierId::default(), moment, TierCause::Earned);
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => from = TierId(read_word(wire)?),
            2 => to = TierId(read_word(wire)?),
            3 => at = wire.moment_from(moment)?,
            4 => cause = read_cause(wire)?,
            other => return Err(unknown("TierChanged", other)),
        }
    }
    Ok(Fact::TierChanged { from, to, at, cause })
}

const fn cause_number(cause: TierCause) -> u64 {
    match cause {
        TierCause::Earned => 0,
        TierCause::ValidityEnded => 1,
        TierCause::Returned => 2,
        TierCause::Granted => 3,
        TierCause::Revoked => 4,
        TierCause::LadderChanged => 5,
    }
}

fn read_cause(wire: Wire<'_>) -> Result<TierCause, Damage> {
    match wire.number()? {
        0 => Ok(TierCause::Earned),
        1 => Ok(TierCause::ValidityEnded),
        2 => Ok(TierCause::Returned),
        3 => Ok(TierCause::Granted),
        4 => Ok(TierCause::Revoked),
        5 => Ok(TierCause::LadderChanged),
        _ => Err(Damage::new("a tier changed for an unknown cause")),
    }
}

/// Reads a word of a program's register.
///
/// # Errors
/// [`Damage`] if it does not fit.
pub fn read_word(wire: Wire<'_>) -> Result<Word, Damage> {
    wire.narrow().map(Word)
}

/// Writes an identifier under `field`.
pub fn write_identifier(pen: &mut Pen<'_>, field: u32, identifier: &Identifier) {
    pen.nested(field, |pen| {
        pen.text(1, &identifier.kind);
        pen.always_bytes(2, &identifier.hash.0);
        pen.text(3, &identifier.mask);
    });
}

/// Reads an identifier.
///
/// # Errors
/// [`Damage`] if the bytes are none.
pub fn read_identifier(mut eye: Eye<'_>) -> Result<Identifier, Damage> {
    let (mut kind, mut hash, mut mask) = (Text::default(), None, Text::default());
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => kind = wire.text()?,
            2 => hash = Some(IdentifierHash(wire.array()?)),
            3 => mask = wire.text()?,
            other => return Err(unknown("an identifier", other)),
        }
    }
    Ok(Identifier { kind, hash: hash.ok_or(Damage::new("an identifier without a hash"))?, mask })
}

/// Writes an attribute value under `field`.
pub fn write_attribute(pen: &mut Pen<'_>, field: u32, (id, value): &AttributeValue) {
    pen.nested(field, |pen| {
        pen.number(1, id.0.0.into());
        write_value(pen, value);
    });
}

/// Reads an attribute value.
///
/// # Errors
/// [`Damage`] if the bytes are none.
pub fn read_attribute(mut eye: Eye<'_>) -> Result<AttributeValue, Damage> {
    let (mut id, mut value) = (AttributeId::default(), None);
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => id = AttributeId(read_word(wire)?),
            other => value = Some(read_value(other, wire)?),
        }
    }
    Ok((id, value.ok_or(Damage::new("an attribute without a value"))?))
}

/// Writes a value under the field of its type, 2 to 5.
pub fn write_value(pen: &mut Pen<'_>, value: &Value) {
    match value {
        Value::Integer(n) => pen.always(2, zigzag(*n)),
        Value::Text(text) => pen.always_bytes(3, text.as_bytes()),
        Value::Bool(yes) => pen.always(4, (*yes).into()),
        Value::Moment(moment) => pen.always(5, zigzag(moment.0)),
    }
}

/// Reads a value from the field of its type.
///
/// # Errors
/// [`Damage`] if there is no such type.
pub fn read_value(field: u64, wire: Wire<'_>) -> Result<Value, Damage> {
    match field {
        2 => wire.signed().map(Value::Integer),
        3 => wire.text().map(Value::Text),
        4 => Ok(Value::Bool(wire.number()? != 0)),
        5 => wire.moment().map(Value::Moment),
        other => Err(unknown("a value", other)),
    }
}
