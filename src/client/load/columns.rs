//! The csv format: a header that names the columns, then a row per line of a receipt.
//!
//! | column | must | means |
//! |---|---|---|
//! | `member_id` | yes | whose purchase it is; kept as text |
//! | `occurred_at` | yes | RFC 3339, or a day (`2026-05-04`), which counts as its noon in UTC |
//! | `amount` | yes | what the line cost, as a decimal: `143.60`; negative for a discount |
//! | `receipt_source` | | the issuing system; the load's own source if the column or cell is missing |
//! | `receipt_id` | | the receipt's number; the row's own number (without the header) if missing |
//! | `line_id` | | the line's number on the receipt; 1, 2, 3 … if missing |
//! | `currency` | | ISO 4217; the program's currency if missing |
//! | `kind` | | what sort of purchase; `sale` if missing |
//! | `quantity` | | a decimal; `1` if missing |
//! | `category`, `sku`, `channel`, `store` | | as they are; nothing if missing |
//!
//! Rows that follow one another with the same member and the same given receipt are lines of one purchase; it is
//! left out whole if one of them is bad, because a receipt can be recorded only once. Other columns are an error:
//! a misspelt name must not pass for a missing one. Knows rows and text, no wire.

use std::io::Read;

use anyhow::{Context, bail};
use csv::StringRecord;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::sale::{BadRow, Days, Item, Sale, minor_units, noon};

const MUST: [&str; 3] = ["member_id", "occurred_at", "amount"];
const MAY: [&str; 10] =
    ["receipt_source", "receipt_id", "line_id", "currency", "kind", "quantity", "category", "sku", "channel", "store"];

/// The purchases of a csv file, in its order.
pub struct Columns<R> {
    file: csv::Reader<R>,
    header: Vec<String>,
    source: String,
    currency: String,
    days: Days,
    row: u64,
    offset: u64,
    ahead: Option<Row>,
    bad: Vec<BadRow>,
    ended: bool,
}

impl<R: Read> Columns<R> {
    /// Reads the header of `file`; receipts without a source are of this one, amounts without a currency of that.
    pub fn new(file: R, source: &str, currency: &str, days: Days) -> anyhow::Result<Self> {
        let mut file = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file);
        let header: Vec<String> = file.headers().context("reading the header row")?.iter().map(str::to_owned).collect();
        check(&header)?;
        let (source, currency) = (source.to_owned(), currency.to_owned());
        Ok(Self { file, header, source, currency, days, row: 0, offset: 0, ahead: None, bad: Vec::new(), ended: false })
    }

    /// The next row; its faults are in its contents, so that they count against its receipt.
    fn next_row(&mut self) -> Option<Row> {
        let mut record = StringRecord::new();
        loop {
            let line = self.file.position().line();
            match self.file.read_record(&mut record) {
                Ok(true) => break,
                Ok(false) => return None,
                Err(error) => self.unreadable(line, &error)?,
            }
        }
        self.row += 1;
        Some(self.row_of(&record))
    }

    /// Notes a row that is no text; `None` if the file itself cannot be read any further.
    fn unreadable(&mut self, line: u64, error: &csv::Error) -> Option<()> {
        self.row += 1;
        self.ended |= error.is_io_error();
        self.bad.push(BadRow { line, message: error.to_string() });
        (!self.ended).then_some(())
    }

    fn row_of(&mut self, record: &StringRecord) -> Row {
        let offset_before = self.offset;
        self.offset = self.file.position().byte().max(offset_before);
        let cells = Cells { header: &self.header, record };
        let given = cells.get("receipt_id");
        Row {
            line: record.position().map_or(0, csv::Position::line),
            offset: self.offset,
            key: Key {
                member_id: cells.or("member_id", ""),
                source: cells.or("receipt_source", &self.source),
                receipt: given.map_or_else(|| self.row.to_string(), str::to_owned),
                given: given.is_some(),
            },
            contents: cells.contents(&self.currency),
        }
    }

    /// The rows of the next receipt, in the file's order.
    fn next_receipt(&mut self) -> Option<(Row, Vec<Row>)> {
        let first = self.ahead.take().or_else(|| self.next_row())?;
        let mut more = Vec::new();
        while let Some(row) = self.next_row() {
            if row.key != first.key || !first.key.given {
                self.ahead = Some(row);
                break;
            }
            more.push(row);
        }
        Some((first, more))
    }

    /// The sale of a receipt, `None` if it is bad (noted) or outside the days.
    fn sale(&mut self, first: Row, more: Vec<Row>) -> Option<Sale> {
        let rows = 1 + more.len() as u64;
        let (line, mut offset) = (first.line, first.offset);
        let bad_before = self.bad.len();
        let head = self.note(line, first.contents);
        let mut contents = Vec::from_iter(head);
        for row in more {
            offset = row.offset;
            contents.extend(self.note(row.line, row.contents));
        }
        let same = contents.windows(2).all(|pair| matches!(pair, [a, b] if a.head == b.head));
        if !same {
            self.bad
                .push(BadRow { line, message: "the rows of this receipt differ in more than their line".to_owned() });
        }
        if self.bad.len() > bad_before {
            return None;
        }
        let head = contents.first()?.head.clone();
        self.days.contains(head.day).then(|| sale(first.key, head, contents, (line, rows, offset)))
    }

    fn note(&mut self, line: u64, contents: Result<Contents, String>) -> Option<Contents> {
        contents.map_err(|message| self.bad.push(BadRow { line, message })).ok()
    }
}

impl<R: Read> Iterator for Columns<R> {
    type Item = Result<Sale, BadRow>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if !self.bad.is_empty() {
                return Some(Err(self.bad.remove(0)));
            }
            if self.ended && self.ahead.is_none() {
                return None;
            }
            let Some((first, more)) = self.next_receipt() else {
                self.ended = true;
                continue;
            };
            if let Some(sale) = self.sale(first, more) {
                return Some(Ok(sale));
            }
        }
    }
}

fn check(header: &[String]) -> anyhow::Result<()> {
    for must in MUST {
        if !header.iter().any(|name| name == must) {
            bail!("the header has no column `{must}`");
        }
    }
    for (place, name) in header.iter().enumerate() {
        if !MUST.contains(&name.as_str()) && !MAY.contains(&name.as_str()) {
            bail!("no column is called `{name}`; there are: {}, {}", MUST.join(", "), MAY.join(", "));
        }
        if header.iter().take(place).any(|earlier| earlier == name) {
            bail!("the column `{name}` stands in the header twice");
        }
    }
    Ok(())
}

/// A row as far as it could be read.
struct Row {
    line: u64,
    offset: u64,
    key: Key,
    contents: Result<Contents, String>,
}

#[derive(PartialEq, Eq)]
struct Key {
    member_id: String,
    source: String,
    receipt: String,
    given: bool,
}

struct Contents {
    head: Head,
    item: Item,
}

/// What all rows of a receipt must agree in.
#[derive(Clone, PartialEq)]
struct Head {
    day: Date,
    occurred_at: Timestamp,
    kind: String,
    channel: String,
    store: String,
}

/// A record under its header.
struct Cells<'a> {
    header: &'a [String],
    record: &'a StringRecord,
}

impl<'a> Cells<'a> {
    fn get(&self, column: &str) -> Option<&'a str> {
        let place = self.header.iter().position(|name| name == column)?;
        self.record.get(place).filter(|cell| !cell.is_empty())
    }

    fn or(&self, column: &str, otherwise: &str) -> String {
        self.get(column).unwrap_or(otherwise).to_owned()
    }

    fn must(&self, column: &str) -> Result<&'a str, String> {
        self.get(column).ok_or_else(|| format!("`{column}` is missing"))
    }

    fn contents(&self, currency: &str) -> Result<Contents, String> {
        let (wide, width) = (self.record.len(), self.header.len());
        if wide != width {
            return Err(format!("{wide} columns where the header has {width}"));
        }
        self.must("member_id")?;
        Ok(Contents { head: self.head()?, item: self.item(currency)? })
    }

    fn head(&self) -> Result<Head, String> {
        let text = self.must("occurred_at")?;
        let (day, occurred_at) = moment(text).ok_or_else(|| format!("`{text}` is neither a day nor an instant"))?;
        let [channel, store] = ["channel", "store"].map(|column| self.or(column, ""));
        Ok(Head { day, occurred_at, kind: self.or("kind", "sale"), channel, store })
    }

    fn item(&self, currency: &str) -> Result<Item, String> {
        let (amount, currency) = (self.must("amount")?, self.or("currency", currency));
        let minor_units =
            minor_units(amount, &currency).ok_or_else(|| format!("`{amount}` is no amount of {currency}"))?;
        let [line_id, sku, category] = ["line_id", "sku", "category"].map(|column| self.or(column, ""));
        Ok(Item { line_id, sku, category, quantity: self.or("quantity", "1"), currency, minor_units })
    }
}

/// The instant, and the day it falls on in UTC.
fn moment(text: &str) -> Option<(Date, Timestamp)> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some((instant.to_zoned(TimeZone::UTC).date(), instant));
    }
    let day = text.parse::<Date>().ok()?;
    Some((day, noon(day)?))
}

fn sale(key: Key, head: Head, contents: Vec<Contents>, (line, rows, offset): (u64, u64, u64)) -> Sale {
    Sale {
        line,
        rows,
        offset,
        member_id: key.member_id,
        source: key.source,
        receipt: key.receipt,
        kind: head.kind,
        occurred_at: head.occurred_at,
        channel: head.channel,
        store: head.store,
        items: (1_u32..).zip(contents).map(|(number, row)| numbered(row.item, number)).collect(),
    }
}

fn numbered(mut item: Item, number: u32) -> Item {
    if item.line_id.is_empty() {
        item.line_id = number.to_string();
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<Sale, BadRow>> {
        Columns::new(text.as_bytes(), "csv:till", "USD", Days::default()).expect("a good header").collect()
    }

    fn bad_lines(rows: &[Result<Sale, BadRow>]) -> Vec<u64> {
        rows.iter().filter_map(|row| row.as_ref().err()).map(|bad| bad.line).collect()
    }

    #[test]
    fn the_least_a_row_can_say() {
        let rows = read("member_id,occurred_at,amount\nm-1,2026-05-04,12.50\nm-1,2026-05-04,12.50\n");
        let sales: Vec<Sale> = rows.into_iter().collect::<Result<_, _>>().expect("good rows");
        assert_eq!(sales.iter().map(|s| s.receipt.as_str()).collect::<Vec<_>>(), ["1", "2"]);
        let first = &sales[0];
        assert_eq!((first.source.as_str(), first.kind.as_str(), first.line), ("csv:till", "sale", 2));
        assert_eq!(first.occurred_at.to_string(), "2026-05-04T12:00:00Z");
        assert_eq!((first.items[0].minor_units, first.items[0].line_id.as_str()), (1_250, "1"));
    }

    #[test]
    fn an_amount_without_a_currency_is_of_the_programs() {
        let text = "member_id,occurred_at,amount,currency\nm-1,2026-05-04,1500,\nm-1,2026-05-04,15.00,USD\n";
        let rows = Columns::new(text.as_bytes(), "till", "JPY", Days::default()).expect("a good header");
        let sales: Vec<Sale> = rows.collect::<Result<_, _>>().expect("good rows");
        let items = sales.iter().map(|sale| (sale.items[0].currency.as_str(), sale.items[0].minor_units));
        assert_eq!(items.collect::<Vec<_>>(), [("JPY", 1_500), ("USD", 1_500)]);
    }

    #[test]
    fn rows_of_one_receipt_are_its_lines() {
        let rows = read(
            "receipt_id,member_id,occurred_at,amount,category,currency\n\
             R1,m-1,2026-05-04T09:30:00Z,1436.00,fare,USD\nR1,m-1,2026-05-04T09:30:00Z,458,carrier_fee,USD\n\
             R2,m-1,2026-05-05T09:30:00+02:00,1500,fare,JPY\n",
        );
        let sales: Vec<Sale> = rows.into_iter().collect::<Result<_, _>>().expect("good rows");
        assert_eq!(sales.iter().map(|s| (s.rows, s.items.len())).collect::<Vec<_>>(), [(2, 2), (1, 1)]);
        assert_eq!(sales[0].items[1].line_id, "2");
        assert_eq!(sales[1].occurred_at.to_string(), "2026-05-05T07:30:00Z");
        assert_eq!(sales[1].items[0].minor_units, 1_500);
    }

    #[test]
    fn a_bad_row_takes_its_receipt_along_and_no_other() {
        let rows = read(
            "member_id,receipt_id,occurred_at,amount\n\
             m-1,R1,2026-05-04,1\nm-1,R1,2026-05-04,oops\nm-1,R1,2026-05-04,3\n\
             m-2,R2,2026-05-04,2\nm-3,R3,never,2\n,R4,2026-05-04,2\nm-5,R5,2026-05-04\nm-6,R6,2026-05-04,6\n",
        );
        assert_eq!(bad_lines(&rows), [3, 6, 7, 8]);
        let good: Vec<_> = rows.iter().filter_map(|r| r.as_ref().ok()).map(|s| s.receipt.as_str()).collect();
        assert_eq!(good, ["R2", "R6"]);
    }

    #[test]
    fn rows_of_a_receipt_must_agree() {
        let rows = read("member_id,receipt_id,occurred_at,amount\nm-1,R1,2026-05-04,1\nm-1,R1,2026-05-05,1\n");
        assert_eq!(bad_lines(&rows), [2]);
    }

    #[test]
    fn a_header_is_checked() {
        let error =
            |text: &str| Columns::new(text.as_bytes(), "x", "USD", Days::default()).err().map(|e| e.to_string());
        assert_eq!(error("member_id,amount\n").as_deref(), Some("the header has no column `occurred_at`"));
        assert!(error("member_id,amount,occurred_at,catgory\n").is_some_and(|e| e.contains("`catgory`")));
        assert!(error("member_id,amount,occurred_at,amount\n").is_some_and(|e| e.contains("twice")));
        assert!(error("").is_some());
    }

    #[test]
    fn noise_is_bad_rows_not_a_panic() {
        let mut text = b"member_id,occurred_at,amount\n".to_vec();
        text.extend([0xff, b',', 0xfe, b'\n', b'"', b',', b'\n', 0]);
        let rows: Vec<_> = Columns::new(text.as_slice(), "x", "USD", Days::default()).expect("header").collect();
        assert!(rows.iter().all(Result::is_err) && !rows.is_empty());
    }
}
