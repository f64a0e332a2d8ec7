//! The formats of the CDNOW files, blank separated, one purchase a row: `customer date cds dollars` in the master file,
//! `customer sample_id date cds dollars` in the sample, whose own numbering of customers is passed over.
//!
//! Exact duplicates are legitimate repeat purchases there, so a purchase's key is its row number: the receipt
//! is the source and the row, counted without the header. Knows rows and text, no wire.

use std::io::{self, BufRead, Read};

use jiff::civil::Date;

use super::sale::{BadRow, Days, Item, Sale, minor_units, noon};

/// No row of this format is longer; what is, is no row.
const LONGEST: u64 = 4_096;

/// The purchases of a CDNOW file, in its order.
pub struct Cdnow<R> {
    file: R,
    source: String,
    days: Days,
    line: u64,
    row: u64,
    offset: u64,
    ended: bool,
}

impl<R: BufRead> Cdnow<R> {
    /// Reads from `file`; receipts are of this source.
    pub fn new(file: R, source: &str, days: Days) -> Self {
        Self { file, source: source.to_owned(), days, line: 0, row: 0, offset: 0, ended: false }
    }

    fn next_line(&mut self) -> io::Result<Option<String>> {
        if self.ended {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let read = (&mut self.file).take(LONGEST).read_until(b'\n', &mut bytes)?;
        self.line += 1;
        self.offset += read as u64;
        Ok((read > 0).then(|| String::from_utf8_lossy(&bytes).trim().to_owned()))
    }

    /// The sale of this line, `None` if it is the header, blank or outside the days.
    fn sale(&mut self, text: &str) -> Result<Option<Sale>, BadRow> {
        let header = self.line == 1 && text.starts_with(|c: char| c.is_ascii_alphabetic());
        if header || text.is_empty() {
            return Ok(None);
        }
        self.row += 1;
        let row = parse(text).map_err(|message| BadRow { line: self.line, message })?;
        Ok(self.days.contains(row.day).then(|| self.named(row)))
    }

    fn named(&self, row: Row) -> Sale {
        Sale {
            line: self.line,
            rows: 1,
            offset: self.offset,
            member_id: row.customer,
            source: self.source.clone(),
            receipt: self.row.to_string(),
            kind: "sale".to_owned(),
            occurred_at: row.occurred_at,
            channel: String::new(),
            store: String::new(),
            items: vec![Item {
                line_id: "1".to_owned(),
                sku: String::new(),
                category: "cd".to_owned(),
                quantity: row.cds,
                currency: "USD".to_owned(),
                minor_units: row.cents,
            }],
        }
    }
}

impl<R: BufRead> Iterator for Cdnow<R> {
    type Item = Result<Sale, BadRow>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let text = match self.next_line() {
                Ok(text) => text?,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(BadRow { line: self.line + 1, message: error.to_string() }));
                }
            };
            if let Some(sale) = self.sale(&text).transpose() {
                return Some(sale);
            }
        }
    }
}

struct Row {
    customer: String,
    day: Date,
    occurred_at: jiff::Timestamp,
    cds: String,
    cents: i64,
}

fn parse(text: &str) -> Result<Row, String> {
    let cells: Vec<&str> = text.split_ascii_whitespace().collect();
    let (customer, day, cds, dollars) = match *cells.as_slice() {
        [customer, day, cds, dollars] | [customer, _, day, cds, dollars] => (customer, day, cds, dollars),
        _ => return Err(format!("{} columns where there should be four, or five in the sample", cells.len())),
    };
    let day = compact_day(day).ok_or_else(|| format!("`{day}` is no day (YYYYMMDD)"))?;
    let occurred_at = noon(day).ok_or_else(|| format!("{day} is out of range"))?;
    let count: u32 = cds.parse().map_err(|_| format!("`{cds}` is no number of CDs"))?;
    let cents = minor_units(dollars, "USD").ok_or_else(|| format!("`{dollars}` is no amount of dollars"))?;
    Ok(Row { customer: customer.to_owned(), day, occurred_at, cds: count.to_string(), cents })
}

fn compact_day(text: &str) -> Option<Date> {
    let plain = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    let number: u32 = plain.then(|| text.parse().ok()).flatten()?;
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const HEAD: &str = " customer_id  date number_of_cds  dollar_value\r\n";

    fn read(text: &str, days: Days) -> Vec<Result<Sale, BadRow>> {
        Cdnow::new(text.as_bytes(), "cdnow:master", days).collect()
    }

    #[test]
    fn a_row_is_a_purchase() {
        let sales = read(&format!("{HEAD} 00002 19970112  5   77.00\r\n"), Days::default());
        let sale = sales[0].as_ref().expect("a good row");
        assert_eq!((sale.member_id.as_str(), sale.receipt.as_str(), sale.line), ("00002", "1", 2));
        assert_eq!(sale.source, "cdnow:master");
        assert_eq!(sale.occurred_at.to_string(), "1997-01-12T12:00:00Z");
        assert_eq!((sale.items[0].quantity.as_str(), sale.items[0].minor_units), ("5", 7_700));
    }

    #[test]
    fn duplicates_are_two_purchases_and_rows_keep_their_number_under_a_filter() {
        let text =
            format!("{HEAD} 00001 19970101  1   11.77\r\n 00001 19980101  1   11.77\r\n 00001 19980101  1   11.77\r\n");
        let later = Days { from: Some(date(1998, 1, 1)), to: None };
        let ids: Vec<_> = read(&text, later).into_iter().map(|s| s.expect("good").receipt).collect();
        assert_eq!(ids, ["2", "3"]);
    }

    #[test]
    fn bad_rows_are_named_by_line_and_the_rest_goes_on() {
        let text = "00001 19970101 1 11.77\n00001 19971301 1 11.77\nx\n\n00001 19970101 1 1.234\n00001 19970101 -1 1\n00009 19970101 1 1.5";
        let rows = read(text, Days::default());
        let lines: Vec<_> = rows.iter().filter_map(|r| r.as_ref().err().map(|bad| bad.line)).collect();
        assert_eq!(lines, [2, 3, 5, 6]);
        let last = rows.last().expect("rows").as_ref().expect("good");
        assert_eq!((last.member_id.as_str(), last.receipt.as_str(), last.items[0].minor_units), ("00009", "6", 150));
    }

    #[test]
    fn noise_is_bad_rows_not_a_panic() {
        let rows = Cdnow::new(&[0xff_u8, 0xfe, b'\n', b' ', 0, 0x80][..], "x", Days::default());
        assert!(rows.map(|row| row.is_err()).collect::<Vec<_>>().iter().all(|bad| *bad));
    }

    #[test]
    fn the_published_sample_reads_whole_under_the_ids_of_the_master_file() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cdnow/CDNOW_sample.txt");
        let file = std::io::BufReader::new(std::fs::File::open(path).expect("the fixture"));
        let sales: Vec<Sale> =
            Cdnow::new(file, "CDNOW_sample", Days::default()).collect::<Result<_, _>>().expect("good rows");
        assert_eq!(sales.len(), 6_919);
        assert_eq!(sales.iter().map(|sale| sale.items[0].minor_units).sum::<i64>(), 24_409_194);
        let members: std::collections::BTreeSet<&str> = sales.iter().map(|sale| &*sale.member_id).collect();
        assert_eq!((members.len(), members.first().copied()), (2_357, Some("00004")));
    }

    #[test]
    fn the_published_file_reads_whole() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cdnow/CDNOW_master.txt");
        let file = std::io::BufReader::new(std::fs::File::open(path).expect("the fixture"));
        let year = Days { from: Some(date(1997, 1, 1)), to: Some(date(1998, 6, 30)) };
        let sales: Vec<Sale> = Cdnow::new(file, "CDNOW_master", year).collect::<Result<_, _>>().expect("good rows");
        assert_eq!(sales.len(), 69_659);
        assert_eq!(sales.iter().map(|s| s.items[0].minor_units).sum::<i64>(), 250_031_563);
        assert_eq!(sales.last().map(|s| s.offset), Some(1_950_500));
    }
}
