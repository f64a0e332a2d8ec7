//! What became of the rows: the counts, the first refusals, the progress bar, and the words at the end.

use std::fmt;

use indicatif::{ProgressBar, ProgressStyle};
use tonic_types::{FieldViolation, RpcStatusExt, StatusExt};

use crate::pb::record_purchases_response::Answer;
use crate::pb::{Outcome, RecordPurchasesResponse};

use super::sale::BadRow;

/// How many reasons are shown; the rest is only counted.
const SHOWN: usize = 10;

/// The counts of a run, in rows of the file.
#[derive(Debug, Default)]
pub struct Tally {
    /// Recorded now.
    pub applied: u64,
    /// Recorded before.
    pub replayed: u64,
    /// Refused by the server.
    pub refused: u64,
    /// Left out, because they could not be read.
    pub unreadable: u64,
    /// Sent or about to be, and never answered.
    pub unanswered: u64,
    /// Members enrolled now.
    pub enrolled: u64,
    /// Members who could not be enrolled.
    pub not_enrolled: u64,
    /// Why the stream broke off, if it did.
    pub broke_off: Option<String>,
    reasons: Vec<String>,
}

impl Tally {
    /// Of a run that could not begin.
    pub fn broken(why: String) -> Self {
        Self { broke_off: Some(why), ..Self::default() }
    }

    /// Whether every row is in the books now.
    pub const fn is_whole(&self) -> bool {
        self.refused + self.unreadable + self.unanswered + self.not_enrolled == 0 && self.broke_off.is_none()
    }

    /// Counts a row that could not be read.
    pub fn bad_row(&mut self, bad: &BadRow) {
        self.unreadable += 1;
        self.reason(bad.line, &bad.message);
    }

    /// Counts an answer for `rows` rows from `line` on.
    pub fn answer(&mut self, line: u64, rows: u64, answer: RecordPurchasesResponse) {
        match answer.answer {
            Some(Answer::Result(result)) if result.outcome() == Outcome::Replayed => self.replayed += rows,
            Some(Answer::Result(_)) => self.applied += rows,
            Some(Answer::Error(status)) => {
                self.refused += rows;
                let name = status.get_details_error_info().map(|info| info.reason);
                let fields = status.get_details_bad_request().map(|found| found.field_violations).unwrap_or_default();
                self.reason(line, &told(name, &status.message, &fields));
            }
            None => {
                self.refused += rows;
                self.reason(line, "the server gave an empty answer");
            }
        }
    }

    /// Counts a member who could not be enrolled.
    pub fn enrolment_failed(&mut self, line: u64, status: &tonic::Status) {
        self.not_enrolled += 1;
        let name = status.get_details_error_info().map(|info| info.reason);
        let fields = status.get_details_bad_request().map(|found| found.field_violations).unwrap_or_default();
        self.reason(line, &format!("the member was not enrolled: {}", told(name, status.message(), &fields)));
    }

    fn reason(&mut self, line: u64, text: &str) {
        if self.reasons.len() < SHOWN {
            self.reasons.push(format!("line {line}: {text}"));
        }
    }
}

/// A refusal by its name, with the first field that is faulty if one is.
fn told(name: Option<String>, message: &str, fields: &[FieldViolation]) -> String {
    let named = name.map_or_else(|| message.to_owned(), |name| format!("{name}: {message}"));
    match fields.split_first() {
        None => named,
        Some((first, [])) => format!("{named}: {} {}", first.field, first.description),
        Some((first, more)) => format!("{named}: {} {} (and {} more)", first.field, first.description, more.len()),
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "applied: {}\nreplayed: {}\nrefused: {}", self.applied, self.replayed, self.refused)?;
        writeln!(f, "unreadable: {}\nmembers enrolled: {}", self.unreadable, self.enrolled)?;
        if self.unanswered > 0 {
            writeln!(f, "unanswered: {}", self.unanswered)?;
        }
        if let Some(why) = &self.broke_off {
            writeln!(f, "broke off: {why}; run it again, what is recorded stays recorded")?;
        }
        self.reasons.iter().try_for_each(|reason| writeln!(f, "  {reason}"))?;
        let problems = self.refused + self.unreadable + self.not_enrolled;
        match problems.saturating_sub(self.reasons.len() as u64) {
            0 => Ok(()),
            more => writeln!(f, "  … and {more} more"),
        }
    }
}

/// The progress bar over the bytes of the file; it draws nothing where no one looks.
pub fn bar(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {msg}  {eta} left");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_field() {
        let name = || Some("MALFORMED".to_owned());
        let mut fields = Vec::new();
        assert_eq!(told(name(), "a field is faulty", &fields), "MALFORMED: a field is faulty");
        fields.push(FieldViolation::new("purchase.kind", "is none of the program's kinds: flight"));
        let one = "MALFORMED: a field is faulty: purchase.kind is none of the program's kinds: flight";
        assert_eq!(told(name(), "a field is faulty", &fields), one);
        fields.push(FieldViolation::new("purchase.lines[0].sku", "is too long"));
        assert_eq!(told(name(), "a field is faulty", &fields), format!("{one} (and 1 more)"));
    }
}
