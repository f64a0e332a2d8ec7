//! Numbers as people read them: thousands apart, money with its currency, shares in per cent.

use super::figures::Report;

/// `23,570`.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut apart = String::with_capacity(digits.len() * 4 / 3 + 1);
    if number < 0 {
        apart.push('−');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}

/// Units of 10^-`decimals` as `2,500,315.63`.
pub fn decimal(units: i64, decimals: usize) -> String {
    let Some(scale) = u32::try_from(decimals).ok().and_then(|decimals| 10_u64.checked_pow(decimals)) else {
        return count(units);
    };
    let (whole, rest) = (units.unsigned_abs() / scale.max(1), units.unsigned_abs() % scale.max(1));
    let sign = if units < 0 { "−" } else { "" };
    let whole = count(i64::try_from(whole).unwrap_or(i64::MAX));
    if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest:0decimals$}") }
}

/// Minor units as `2,500,315.63 USD`.
pub fn money(minor_units: i64, currency: &str) -> String {
    let decimals = super::super::load::decimals(currency);
    format!("{} {currency}", decimal(minor_units, decimals))
}

/// Minor units in whole major ones: `2,500,316`.
pub fn in_majors(minor_units: i64, currency: &str) -> String {
    let scale =
        u32::try_from(super::super::load::decimals(currency)).map_or(1, |decimals| 10_i64.saturating_pow(decimals));
    let whole = minor_units.saturating_add(scale / 2).div_euclid(scale);
    count(whole)
}

/// An estimate such as `1653.423258` as `1,653`.
pub fn rounded(estimate: &str) -> String {
    estimate.parse::<f64>().map_or_else(|_| "–".to_owned(), |estimate| count(to_count(estimate)))
}

#[expect(clippy::cast_possible_truncation, reason = "a float's cast stays at the ends of the range")]
const fn to_count(estimate: f64) -> i64 {
    estimate.round() as i64
}

/// A share such as `0.677774` in per cent; 0 if it is none.
pub fn in_percent(share: &str) -> f64 {
    share.parse::<f64>().unwrap_or(0.0) * 100.0
}

/// `67.8%`, or a dash if there is no share.
pub fn percent(share: &str) -> String {
    share.parse::<f64>().map_or_else(|_| "–".to_owned(), |share| format!("{:.1}%", share * 100.0))
}

/// The same, with every decimal that the server told.
pub fn percent_exactly(share: &str) -> String {
    share.parse::<f64>().map_or_else(|_| "–".to_owned(), |share| format!("{:.4}%", share * 100.0))
}

/// `0.635` of `0.634571`.
pub fn coefficient(exactly: &str) -> String {
    exactly.parse::<f64>().map_or_else(|_| "–".to_owned(), |exactly| format!("{exactly:.3}"))
}

/// What part is of a whole, as the server tells shares; empty if there is no whole.
pub fn share(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return String::new();
    }
    let units = (i128::from(part) * 2_000_000 + i128::from(whole)).div_euclid(2 * i128::from(whole));
    format!("{}.{:06}", units.div_euclid(1_000_000), units.rem_euclid(1_000_000))
}

/// The report in one sentence.
pub fn headline(report: &Report) -> String {
    let best = report.spread.top.last().map(|group| percent(&group.share_of_revenue)).unwrap_or_default();
    format!(
        "{}: the best 20% of {} customers brought {best} of {} from {} to {}",
        report.name,
        count(report.spread.customers),
        money(report.spread.revenue, &report.currency),
        report.first_day,
        report.last_day,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_set_apart() {
        assert_eq!(
            [0, 7, 999, 1_000, 23_570, -1_234_567].map(count),
            ["0", "7", "999", "1,000", "23,570", "−1,234,567"]
        );
        assert_eq!(count(i64::MIN), "−9,223,372,036,854,775,808");
        assert_eq!(decimal(250_031_563, 2), "2,500,315.63");
        assert_eq!(
            (decimal(-5, 2), decimal(1_250, 0), decimal(7, 3)),
            ("−0.05".into(), "1,250".into(), "0.007".into())
        );
        assert_eq!((money(1_177, "USD"), money(1_177, "JPY")), ("11.77 USD".into(), "1,177 JPY".into()));
    }

    #[test]
    fn shares_and_estimates_are_rounded() {
        assert_eq!(
            (percent("0.677774"), percent_exactly("0.677774"), percent("")),
            ("67.8%".into(), "67.7774%".into(), "–".into())
        );
        assert_eq!((in_majors(250_031_563, "USD"), in_majors(7, "JPY")), ("2,500,316".into(), "7".into()));
        assert_eq!((rounded("1653.5"), rounded("")), ("1,654".into(), "–".into()));
        assert_eq!((coefficient("0.634571"), coefficient("")), ("0.635".into(), "–".into()));
        assert_eq!((share(169_464_850, 250_031_563), share(1, 0)), ("0.677774".into(), String::new()));
    }
}
