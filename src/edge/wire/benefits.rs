//! What is given, and how long it lasts, in words for people who read a catalog or a program.
//!
//! Nothing here is read back by a machine; amounts that a caller computes with stand in fields of their own.

use crate::domain::calendar::CalendarSpan;
use crate::domain::program::{Benefit, Lasts, Program, Worth};
use crate::domain::units::{Ratio, Span, decimal_text};

/// One thing given: `500 miles`, `2 uses of lounge-pass for 12 months`.
#[must_use]
pub fn benefit(program: &Program, benefit: &Benefit) -> String {
    match *benefit {
        Benefit::Points(wallet, points) => {
            let decimals = program.wallet(wallet).map_or(0, |wallet| wallet.decimals);
            format!("{} {}", points.display(decimals), program.text(wallet.0))
        }
        Benefit::Count(meter, amount) => {
            let decimals = program.meter(meter).map_or(0, |meter| meter.decimals);
            format!("{} counted by {}", amount.display(decimals), program.text(meter.0))
        }
        Benefit::Uses(privilege, uses, how_long) => {
            format!("{} of {}{}", many(uses.into(), "use"), program.text(privilege.0), lasts(how_long))
        }
        Benefit::Membership(club, term) => format!("membership of {} for {}", program.text(club.0), span(term)),
        Benefit::Tier(tier, how_long) => format!("tier {}{}", program.text(tier.0), lasts(how_long)),
        Benefit::Boost(rule) => format!("boost {}", program.text(rule.0)),
    }
}

/// How long something lasts, with a blank before it.
#[must_use]
pub fn lasts(lasts: Lasts) -> String {
    match lasts {
        Lasts::Span(how_long) => format!(" for {}", span(how_long)),
        Lasts::Validity => " for the validity of the tier".into(),
        Lasts::Window => " until the window ends".into(),
        Lasts::Forever => " for ever".into(),
    }
}

/// A span of days or months: `12 months`.
#[must_use]
pub fn span(span: CalendarSpan) -> String {
    match span {
        CalendarSpan::Days(days) => many(days.into(), "day"),
        CalendarSpan::Months(months) => many(months.into(), "month"),
    }
}

/// What a privilege is worth: `yes`, `4 uses`, `40%`, a code, `24 hours before`.
#[must_use]
pub fn worth(worth: &Worth) -> String {
    match worth {
        Worth::Had => "yes".into(),
        Worth::Uses(uses) => many((*uses).into(), "use"),
        Worth::Share(share) => format!("{}%", percent(*share)),
        Worth::Code(code) => code.to_string(),
        Worth::Before(before) => format!("{} before", lead(*before)),
    }
}

/// A share in percent with up to four decimals: `40`, `33.3333`.
#[must_use]
pub fn percent(share: Ratio) -> String {
    let (above, below) = (i128::from(share.numerator) * 1_000_000, i128::from(share.denominator.max(1)));
    // To the nearest, a half up; shares are not negative.
    let millionths = (above * 2 + below).div_euclid(below * 2);
    decimal_text(millionths, 4).trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A time ahead of something, in the largest unit that is whole.
fn lead(lead: Span) -> String {
    const MINUTE: i64 = 60_000_000;
    let units = [(1_440 * MINUTE, "day"), (60 * MINUTE, "hour"), (MINUTE, "minute")];
    let whole = units.into_iter().find(|(unit, _)| lead.0.checked_rem(*unit) == Some(0));
    match whole {
        Some((unit, name)) => many(lead.0.checked_div(unit).unwrap_or_default(), name),
        None => many(lead.0.checked_div(1_000_000).unwrap_or_default(), "second"),
    }
}

/// `1 use`, `2 uses`.
#[must_use]
pub fn many(n: i64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_told_in_percent() {
        let told = |n, d| percent(Ratio::new(n, d).unwrap());
        assert_eq!([told(2, 5), told(1, 3), told(2, 3), told(1, 1)], ["40", "33.3333", "66.6667", "100"]);
        assert_eq!([told(1, 1_000), told(1, 2_000_000), told(125, 1_000)], ["0.1", "0.0001", "12.5"]);
    }

    #[test]
    fn times_are_told_in_the_largest_whole_unit() {
        let before = |seconds| worth(&Worth::Before(Span::seconds(seconds)));
        assert_eq!(before(86_400), "1 day before");
        assert_eq!(before(36 * 3_600), "36 hours before");
        assert_eq!(before(1_800), "30 minutes before");
        assert_eq!(span(CalendarSpan::Months(24)), "24 months");
        assert_eq!(span(CalendarSpan::Days(1)), "1 day");
    }
}
