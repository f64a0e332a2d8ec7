//! What a transaction file says, whatever its format: a [`Sale`] per receipt, or a [`BadRow`] with its line.
//!
//! Nothing here knows the wire or a file format. Money is read into minor units without a float; a row that
//! cannot be read exactly is a bad row, never a guess.

use jiff::Timestamp;
use jiff::civil::Date;

/// One receipt of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Sale {
    /// The line of the file its first row stands on.
    pub line: u64,
    /// How many rows of the file make it up.
    pub rows: u64,
    /// How many bytes of the file had been read when it was complete: the progress bar's measure.
    pub offset: u64,
    /// Whose purchase it is.
    pub member_id: String,
    /// The system that issued the receipt.
    pub source: String,
    /// The receipt's number there.
    pub receipt: String,
    /// What sort of purchase.
    pub kind: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// `app`, `store`, `web`; empty if the file does not say.
    pub channel: String,
    /// The store; empty if the file does not say.
    pub store: String,
    /// What was bought.
    pub items: Vec<Item>,
}

/// One line of a receipt.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its number on the receipt.
    pub line_id: String,
    /// The article; empty if the file does not say.
    pub sku: String,
    /// The category; empty if the file does not say.
    pub category: String,
    /// How many, as a decimal.
    pub quantity: String,
    /// An ISO 4217 code.
    pub currency: String,
    /// What the line cost.
    pub minor_units: i64,
}

/// A row that is left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The line of the file.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

/// The days a run is limited to, both ends included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Days {
    /// The first day.
    pub from: Option<Date>,
    /// The last day.
    pub to: Option<Date>,
}

impl Days {
    /// Whether this day is among them.
    pub fn contains(self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }
}

/// The moment a purchase gets whose file knows only its day: noon in UTC, which is that same day almost everywhere.
pub fn noon(day: Date) -> Option<Timestamp> {
    let noon = day.at(12, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(noon.timestamp())
}

/// Reads `11.77` into 1177 for a currency of two decimals; `None` if it is no decimal or has more of them.
pub fn minor_units(text: &str, currency: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let decimals = decimals(currency);
    let plain = !whole.is_empty() && [whole, fraction].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    if !plain || fraction.len() > decimals {
        return None;
    }
    let size: i64 = format!("{whole}{fraction:0<decimals$}").parse().ok()?;
    Some(if negative { -size } else { size })
}

/// ISO 4217's decimals where they are not two. A copy: the other side of the wire leans on nothing of the house.
pub fn decimals(currency: &str) -> usize {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn both_ends_of_the_days_are_included() {
        let year = Days { from: Some(date(1997, 1, 1)), to: Some(date(1997, 12, 31)) };
        assert!(year.contains(date(1997, 1, 1)) && year.contains(date(1997, 12, 31)));
        assert!(!year.contains(date(1996, 12, 31)) && !year.contains(date(1998, 1, 1)));
        assert!(Days::default().contains(date(1, 1, 1)));
    }

    #[test]
    fn money_is_read_exactly_or_not_at_all() {
        assert_eq!(minor_units("11.77", "USD"), Some(1_177));
        assert_eq!(minor_units("11.7", "USD"), Some(1_170));
        assert_eq!(minor_units("-3", "EUR"), Some(-300));
        assert_eq!(minor_units("1500", "JPY"), Some(1_500));
        assert_eq!(minor_units("1.5", "JPY"), None);
        assert_eq!(minor_units("0.125", "BHD"), Some(125));
        for bad in ["", ".", ".5", "1.234", "+1", "1e3", "--1", "1,5", "99999999999999999999", "½"] {
            assert_eq!(minor_units(bad, "USD"), None, "{bad}");
        }
    }

    #[test]
    fn a_day_becomes_its_noon() {
        assert_eq!(noon(date(1997, 1, 1)).map(|t| t.to_string()).as_deref(), Some("1997-01-01T12:00:00Z"));
    }
}
