//! What the points of a program stand for, month by month, for the wire.

use super::entries::entry_id;
use super::lots::wallet_of;
use crate::domain::books::Row;
use crate::domain::program::{Timeline, WalletId};
use crate::domain::units::decimal_text;
use crate::engine::{Liability, LiabilityRow};
use crate::pb;

/// The months of one wallet, or of all if none is named.
#[must_use]
pub fn liability(books: &Liability, wallet: Option<WalletId>) -> pb::GetLiabilityResponse {
    let rows = books.rows.iter().filter(|row| wallet.is_none_or(|wallet| row.wallet == wallet));
    // A correction may have left a month with nothing in it.
    let rows = rows.filter(|row| row.row != Row::default());
    pb::GetLiabilityResponse {
        rows: rows.map(|row| liability_row(&books.timeline, row)).collect(),
        entry_id: entry_id(books.up_to),
    }
}

fn liability_row(timeline: &Timeline, found: &LiabilityRow) -> pb::LiabilityRow {
    let (wallet, decimals) = wallet_of(timeline, found.wallet);
    let LiabilityRow { row, split, .. } = found;
    pb::LiabilityRow {
        wallet,
        decimals,
        month: month(&found.month.to_string()),
        issued: row.issued.0,
        redeemed: row.redeemed.0,
        expired: row.expired.0,
        returned: row.returned.0,
        outstanding: row.outstanding().0,
        breakage: share(row.expired.0, came_in(row)),
        currency_code: timeline.newest().currency.as_str().to_owned(),
        sales: split.sales,
        allocated: split.allocated,
        recognised: split.recognised,
        deferred: split.deferred(),
        adjusted: row.adjusted.0,
    }
}

/// What was issued, with the corrections where they added to it.
fn came_in(row: &Row) -> i64 {
    row.issued.0.saturating_add(row.adjusted.0.max(0))
}

/// `2026-05` of `2026-05-01`.
fn month(day: &str) -> String {
    day.rsplit_once('-').map_or(day, |(month, _)| month).to_owned()
}

/// The share that `part` is of `whole`, cut after four decimals; empty of nothing.
fn share(part: i64, whole: i64) -> String {
    let parts = i128::from(part).saturating_mul(10_000).checked_div(whole.into());
    parts.filter(|_| whole > 0).map(|parts| decimal_text(parts, 4)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Points;

    #[test]
    fn months_and_shares_read_as_people_write_them() {
        assert_eq!(month("2026-05-01"), "2026-05");
        let row = |issued, adjusted| Row { issued: Points(issued), adjusted: Points(adjusted), ..Row::default() };
        assert_eq!([came_in(&row(8, 50)), came_in(&row(100, -60)), came_in(&row(0, 0))], [58, 100, 0]);
        assert_eq!([share(1, 3), share(0, 7), share(7, 7), share(0, 0)], ["0.3333", "0.0000", "1.0000", ""]);
    }
}
