//! The quantities loyalty is counted in: points, currencies, quantities, exact ratios and moments.
//!
//! Integers only, every operation checked: an overflow is an error the caller turns into a refusal, never a
//! wrap. This file must not know programs, members or calendars (days and zones live in `calendar.rs`).

use std::fmt;

/// Short text, kept in place up to 24 bytes: receipts, lines and members are mostly made of such.
pub use compact_str::CompactString as Text;

/// A sum left the 64-bit range; the caller refuses the order with `AMOUNT_OVERFLOW`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the amount leaves the 64-bit range")]
pub struct Overflow;

/// An instant in microseconds since 1970-01-01T00:00Z, leap seconds ignored.
///
/// `Moment::BEGINNING` stands for "from the beginning of time" (a program's first version).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl Moment {
    /// Before every fact.
    pub const BEGINNING: Self = Self(i64::MIN);
    /// After every fact.
    pub const NEVER: Self = Self(i64::MAX);

    /// The moment just after this one.
    #[must_use]
    pub const fn plus_one(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The moment just before this one.
    #[must_use]
    pub const fn minus_one(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// This moment moved by `span` (may be negative), held at the ends of the range.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// A length of time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

impl Span {
    /// `n` whole seconds.
    #[must_use]
    pub const fn seconds(n: i64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }
}

/// Points in a wallet's or meter's smallest unit (`decimals` 0 to 4 says how small).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Points(pub i64);

impl Points {
    /// The opposite amount, held at the ends of the range.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// No points.
    pub const ZERO: Self = Self(0);

    /// The sum, or [`Overflow`].
    pub const fn plus(self, other: Self) -> Result<Self, Overflow> {
        match self.0.checked_add(other.0) {
            Some(sum) => Ok(Self(sum)),
            None => Err(Overflow),
        }
    }

    /// The difference, or [`Overflow`].
    pub const fn minus(self, other: Self) -> Result<Self, Overflow> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Ok(Self(difference)),
            None => Err(Overflow),
        }
    }

    /// The points as people read them: `1250` with two decimals is `12.50`.
    #[must_use]
    pub fn display(self, decimals: u8) -> String {
        decimal_text(self.0.into(), decimals)
    }
}

/// An ISO 4217 code: three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CurrencyCode([u8; 3]);

impl CurrencyCode {
    /// The code, if the text is three upper-case ASCII letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 3] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_uppercase).then_some(Self(bytes))
    }

    /// The three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// How many decimals the currency's minor unit has, from ISO 4217 (2 unless listed otherwise).
    #[must_use]
    pub const fn decimals(self) -> u8 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX"
            | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            b"CLF" | b"UYW" => 4,
            _ => 2,
        }
    }
}

impl fmt::Debug for CurrencyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many of a thing, in thousandths: `Quantity(1500)` is one and a half.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(pub i64);

impl Quantity {
    /// One whole unit.
    pub const ONE: Self = Self(1_000);

    /// Reads a decimal such as `3`, `0.5` or `1.250`; at most three decimals, not negative, not above 1e12.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let thousandths = parse_decimal(text, 3)?;
        (0..=1_000_000_000_000_000).contains(&thousandths).then_some(Self(thousandths))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = decimal_text(self.0.into(), 3);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// An exact fraction; the denominator is positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ratio {
    /// Above the line.
    pub numerator: i64,
    /// Below the line, at least 1.
    pub denominator: i64,
}

impl Ratio {
    /// One.
    pub const ONE: Self = Self { numerator: 1, denominator: 1 };

    /// `n / 1`.
    #[must_use]
    pub const fn whole(n: i64) -> Self {
        Self { numerator: n, denominator: 1 }
    }

    /// `numerator / denominator` in lowest terms, `None` unless the denominator is positive and both fit.
    #[must_use]
    pub fn new(numerator: i128, denominator: i128) -> Option<Self> {
        if denominator <= 0 {
            return None;
        }
        let shared = gcd(numerator.unsigned_abs(), denominator.unsigned_abs());
        let shared = i128::try_from(shared).ok()?;
        Some(Self {
            numerator: i64::try_from(numerator / shared).ok()?,
            denominator: i64::try_from(denominator / shared).ok()?,
        })
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator {
            1 => write!(f, "{}", self.numerator),
            d => write!(f, "{}/{d}", self.numerator),
        }
    }
}

const fn gcd(a: u128, b: u128) -> u128 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    if a == 0 { 1 } else { a }
}

/// How an exact result becomes whole units; every rule names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Towards minus infinity.
    Floor,
    /// Towards plus infinity.
    Ceil,
    /// To the nearest; a half goes away from zero.
    HalfUp,
    /// To the nearest; a half goes to the even neighbour.
    HalfEven,
}

impl Rounding {
    /// The name a program file uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Ceil => "ceil",
            Self::HalfUp => "half_up",
            Self::HalfEven => "half_even",
        }
    }

    /// `numerator / denominator` as a whole number; the denominator must be positive.
    #[must_use]
    pub const fn divide(self, numerator: i128, denominator: i128) -> i128 {
        let (floor, rest) = (numerator.div_euclid(denominator), numerator.rem_euclid(denominator));
        let up = match self {
            Self::Floor => false,
            Self::Ceil => rest > 0,
            Self::HalfUp => {
                let twice = rest.saturating_mul(2);
                twice > denominator || (twice == denominator && numerator > 0)
            }
            Self::HalfEven => {
                let twice = rest.saturating_mul(2);
                twice > denominator || (twice == denominator && floor % 2 != 0)
            }
        };
        if up { floor + 1 } else { floor }
    }
}

/// Reads a plain decimal into units of 10^-`decimals`; `None` if it has more decimals, a sign other than a
/// leading `-`, an exponent, or does not fit.
#[must_use]
pub fn parse_decimal(text: &str, decimals: u8) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let point_without_digits = digits.contains('.') && fraction.is_empty();
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || point_without_digits || fraction.len() > decimals.into() || !plain(whole) || !plain(fraction)
    {
        return None;
    }
    let mut value: i64 = 0;
    let padding = usize::from(decimals).saturating_sub(fraction.len());
    for digit in whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', padding)) {
        value = value.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
    }
    if negative { value.checked_neg() } else { Some(value) }
}

/// Writes units of 10^-`decimals` as a plain decimal.
#[must_use]
pub fn decimal_text(units: i128, decimals: u8) -> String {
    if decimals == 0 {
        return units.to_string();
    }
    let scale = 10_u128.pow(decimals.into());
    let (sign, magnitude) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
    format!("{sign}{}.{:0width$}", magnitude / scale, magnitude % scale, width = usize::from(decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_names_do_what_they_say() {
        let halves = [-5, -3, -1, 0, 1, 3, 5];
        let rows = [
            (Rounding::Floor, [-3, -2, -1, 0, 0, 1, 2]),
            (Rounding::Ceil, [-2, -1, 0, 0, 1, 2, 3]),
            (Rounding::HalfUp, [-3, -2, -1, 0, 1, 2, 3]),
            (Rounding::HalfEven, [-2, -2, 0, 0, 0, 2, 2]),
        ];
        for (rounding, want) in rows {
            let got = halves.map(|n| rounding.divide(n, 2));
            assert_eq!(got, want, "{rounding:?}");
        }
    }

    #[test]
    fn decimals_read_and_write() {
        assert_eq!(parse_decimal("12.5", 2), Some(1250));
        assert_eq!(parse_decimal("-0.05", 2), Some(-5));
        for bad in ["", ".", "1.", ".5", "1e3", "+1", "1.234", "--1", "99999999999999999999"] {
            assert_eq!(parse_decimal(bad, 2), None, "{bad}");
        }
        assert_eq!(decimal_text(-5, 2), "-0.05");
        assert_eq!(Quantity(1500).to_string(), "1.5");
        assert_eq!(Quantity(10_000).to_string(), "10");
    }
}
