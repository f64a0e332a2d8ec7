//! Reading the protobuf wire without trusting it: every length is checked, every surprise is [`Damage`].
//!
//! It knows wire types and nothing of what the fields mean; it borrows, so that skipping costs nothing.

use super::Damage;
use crate::domain::calendar::{Day, Zone};
use crate::domain::units::{Moment, Points, Text};

/// What stands in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire<'a> {
    /// A varint.
    Number(u64),
    /// Length-delimited bytes.
    Bytes(&'a [u8]),
}

/// A message's fields, in the order they were written.
#[derive(Clone, Copy, Debug)]
pub struct Eye<'a>(&'a [u8]);

/// The opposite of [`super::pen::zigzag`].
#[must_use]
pub const fn unzigzag(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ (n & 1).cast_signed().wrapping_neg()
}

/// Takes a varint off the front of `bytes`.
///
/// # Errors
/// [`Damage`] if it is cut short or longer than 64 bits.
#[inline]
pub fn take_varint(bytes: &mut &[u8]) -> Result<u64, Damage> {
    if let Some((&first @ 0..0x80, rest)) = bytes.split_first() {
        *bytes = rest;
        return Ok(first.into());
    }
    take_long_varint(bytes)
}

fn take_long_varint(bytes: &mut &[u8]) -> Result<u64, Damage> {
    let mut n = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(Damage::new("a number is cut short"))?;
        *bytes = rest;
        if shift == 63 && byte > 1 {
            break;
        }
        n |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(n);
        }
    }
    Err(Damage::new("a number is longer than 64 bits"))
}

/// Takes `length` bytes off the front of `bytes`.
///
/// # Errors
/// [`Damage`] if there are fewer.
pub fn take_bytes<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], Damage> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Damage::new("a field is cut short"))?;
    *bytes = rest;
    Ok(taken)
}

impl<'a> Eye<'a> {
    /// The fields of the message in `bytes`.
    #[must_use]
    pub const fn on(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next field's number and content, `None` at the end.
    ///
    /// # Errors
    /// [`Damage`] if it is cut short or of a wire type never written.
    #[inline]
    pub fn field(&mut self) -> Result<Option<(u64, Wire<'a>)>, Damage> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = take_varint(&mut self.0)?;
        let wire = match key & 7 {
            0 => Wire::Number(take_varint(&mut self.0)?),
            2 => {
                let length = take_varint(&mut self.0)?;
                Wire::Bytes(take_bytes(&mut self.0, length)?)
            }
            _ => return Err(Damage::new("a field has a wire type that is never written")),
        };
        Ok(Some((key >> 3, wire)))
    }
}

impl<'a> Wire<'a> {
    /// The number.
    ///
    /// # Errors
    /// [`Damage`] if it is none, here and below.
    pub const fn number(self) -> Result<u64, Damage> {
        match self {
            Self::Number(n) => Ok(n),
            Self::Bytes(_) => Err(Damage::new("bytes where a number belongs")),
        }
    }

    /// The number, if it fits a narrower type.
    pub fn narrow<T: TryFrom<u64>>(self) -> Result<T, Damage> {
        narrow(self.number()?)
    }

    /// The signed number.
    pub fn signed(self) -> Result<i64, Damage> {
        self.number().map(unzigzag)
    }

    /// The moment.
    pub fn moment(self) -> Result<Moment, Damage> {
        self.signed().map(Moment)
    }

    /// The moment, written as its distance from `from`.
    pub fn moment_from(self, from: Moment) -> Result<Moment, Damage> {
        self.signed().map(|distance| Moment(from.0.wrapping_add(distance)))
    }

    /// The points.
    pub fn points(self) -> Result<Points, Damage> {
        self.signed().map(Points)
    }

    /// The bytes.
    pub const fn bytes(self) -> Result<&'a [u8], Damage> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => Err(Damage::new("a number where bytes belong")),
        }
    }

    /// Exactly `N` bytes.
    pub fn array<const N: usize>(self) -> Result<[u8; N], Damage> {
        self.bytes()?.try_into().map_err(|_| Damage::new("a key has the wrong length"))
    }

    /// The text.
    pub fn text(self) -> Result<Text, Damage> {
        self.str().map(Text::from)
    }

    /// The text, borrowed.
    pub fn str(self) -> Result<&'a str, Damage> {
        str::from_utf8(self.bytes()?).map_err(|_| Damage::new("a text is not UTF-8"))
    }

    /// The nested message.
    pub fn nested(self) -> Result<Eye<'a>, Damage> {
        self.bytes().map(Eye::on)
    }

    /// The time zone of this name.
    pub fn zone(self) -> Result<Zone, Damage> {
        zone_named(self.str()?).ok_or(Damage::new("a time zone nobody knows"))
    }
}

/// `n` as a narrower type.
///
/// # Errors
/// [`Damage`] if it does not fit.
pub fn narrow<T: TryFrom<u64>>(n: u64) -> Result<T, Damage> {
    T::try_from(n).map_err(|_| Damage::new("a number does not fit its field"))
}

/// A day from its zigzag form.
///
/// # Errors
/// [`Damage`] if it does not fit.
pub fn day_of(n: u64) -> Result<Day, Damage> {
    i32::try_from(unzigzag(n)).map(Day).map_err(|_| Damage::new("a day does not fit its field"))
}

/// A field number that is never written where it was found.
#[must_use]
pub fn unknown(what: &str, field: u64) -> Damage {
    Damage::told(format!("{what} has an unknown field {field}"))
}

/// Looking a zone up in the database costs more than all the rest of a purchase, and stores share few zones.
fn zone_named(name: &str) -> Option<Zone> {
    use std::cell::RefCell;
    const KEPT: usize = 64;
    thread_local!(static ZONES: RefCell<Vec<(Text, Zone)>> = const { RefCell::new(Vec::new()) });
    ZONES.with_borrow_mut(|kept| {
        if let Some((_, zone)) = kept.iter().find(|(known, _)| &**known == name) {
            return Some(zone.clone());
        }
        let zone = Zone::named(name)?;
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.push((name.into(), zone.clone()));
        Some(zone)
    })
}
