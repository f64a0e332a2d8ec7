//! The books, as their note has them: a part for every row. Made from the entries, and made anew if it is of no use.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | tag 2: the number of the rules by which entries become rows. Whoever changes what the same entries come to raises it, and books written down under another are folded anew |
//! | 2, 2, 4 | program, wallet, the first day of the month, little-endian as all that follows |
//! | 5 x 8 | issued, adjusted, redeemed, expired, returned |
//! | 4, 8, 8, 2 | for each basket: the version that judged, the price, the points, how many other wallets |
//! | 2, 8 | for each of those: the wallet, its points |

use super::Damage;
use super::frame::take;
use crate::domain::books::{Row, RowKey, Sales};
use crate::domain::calendar::Day;
use crate::domain::program::{ProgramNo, WalletId, Word};
use crate::domain::units::Points;

const TAG: u8 = 2;

/// Writes a row.
#[must_use]
pub fn write((program, wallet, month): RowKey, row: &Row) -> Vec<u8> {
    let mut part = vec![TAG];
    part.extend_from_slice(&program.0.to_le_bytes());
    part.extend_from_slice(&wallet.0.0.to_le_bytes());
    part.extend_from_slice(&month.0.to_le_bytes());
    for points in [row.issued, row.adjusted, row.redeemed, row.expired, row.returned] {
        part.extend_from_slice(&points.0.to_le_bytes());
    }
    for ((version, others), sales) in &row.sales {
        part.extend_from_slice(&version.to_le_bytes());
        part.extend_from_slice(&sales.minor_units.to_le_bytes());
        part.extend_from_slice(&sales.points.0.to_le_bytes());
        // A program has fewer words than that, and each wallet is there once.
        part.extend_from_slice(&u16::try_from(others.len()).unwrap_or(u16::MAX).to_le_bytes());
        for (other, points) in others.iter().zip(&sales.beside) {
            part.extend_from_slice(&other.0.0.to_le_bytes());
            part.extend_from_slice(&points.0.to_le_bytes());
        }
    }
    part
}

/// Reads a row.
///
/// # Errors
/// [`Damage`] if the bytes are none.
pub fn read(part: &[u8]) -> Result<(RowKey, Row), Damage> {
    let Some((&TAG, mut rest)) = part.split_first() else { return Err(Damage::new("no row of the books")) };
    let rest = &mut rest;
    let program = ProgramNo(u16::from_le_bytes(take(rest)?));
    let wallet = WalletId(Word(u16::from_le_bytes(take(rest)?)));
    let month = Day(i32::from_le_bytes(take(rest)?));
    let mut row = Row::default();
    for points in [&mut row.issued, &mut row.adjusted, &mut row.redeemed, &mut row.expired, &mut row.returned] {
        *points = Points(i64::from_le_bytes(take(rest)?));
    }
    while !rest.is_empty() {
        let version = u32::from_le_bytes(take(rest)?);
        let minor_units = i64::from_le_bytes(take(rest)?);
        let points = Points(i64::from_le_bytes(take(rest)?));
        let (mut others, mut beside) = (Vec::new(), Vec::new());
        for _ in 0..u16::from_le_bytes(take(rest)?) {
            others.push(WalletId(Word(u16::from_le_bytes(take(rest)?))));
            beside.push(Points(i64::from_le_bytes(take(rest)?)));
        }
        row.sales.insert((version, others), Sales { minor_units, points, beside });
    }
    Ok(((program, wallet, month), row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let key = (ProgramNo(3), WalletId(Word(7)), Day(-20_000));
        let [issued, adjusted, redeemed, expired, returned] = [i64::MAX, -1, 0, 5, i64::MIN].map(Points);
        let others = [3, u16::MAX].map(|word| WalletId(Word(word))).to_vec();
        let both = Sales { minor_units: -9, points: Points(4), beside: vec![Points(i64::MIN), Points(7)] };
        let sales = [((1, others), both), ((u32::MAX, Vec::new()), Sales::default())].into();
        let row = Row { issued, adjusted, redeemed, expired, returned, sales };
        let written = write(key, &row);
        assert_eq!(read(&written), Ok((key, row)));
        for cut in [0, 1, 8, 40, 70, 90, written.len() - 1] {
            assert!(read(&written[..cut]).is_err(), "{cut}");
        }
        let of_other_rules = [&[TAG - 1], &written[1..]].concat();
        assert!(read(&of_other_rules).is_err(), "books of other rules are folded anew");
    }
}
