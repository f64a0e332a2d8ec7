//! `rung load`: streams a transaction file into a running server, enrolling members as it goes.
//!
//! A purchase's key is its receipt, an enrolment's is its member, so a run can be broken off and started again:
//! what is there already is replayed and applies nothing. Memory is bounded by the window of rows in flight
//! (and one short text per member).

mod cdnow;
mod columns;
mod pipeline;
mod sale;
mod tally;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use jiff::civil::Date;

pub use sale::decimals;

use pipeline::Target;
use sale::{BadRow, Days, Sale};

/// Streams a transaction file into a running server, enrolling members as it goes.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051")]
    server: String,
    /// The program to load into.
    #[arg(long, value_name = "ID")]
    program: String,
    /// How the file is written: `csv` (a header names the columns; the lines of a receipt follow one another) or
    /// `cdnow` (customer, day, CDs, dollars; in the sample, the customer's number there comes second). Members are
    /// enrolled now: a program counts what they bought before only with `credit_before_enrolment = true`.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// The first day to load (YYYY-MM-DD); rows before it are passed over.
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,
    /// The last day to load, itself included.
    #[arg(long, value_name = "DAY")]
    to: Option<Date>,
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// How a transaction file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A header row names the columns: `member_id`, `occurred_at`, `amount` and, if there are any,
    /// `receipt_source`, `receipt_id`, `line_id`, `currency` (the program's, if missing), `kind`, `quantity`,
    /// `category`, `sku`, `channel`, `store`.
    Csv,
    /// The CDNOW master file's and the sample's.
    Cdnow,
}

/// The sales of a file, whatever its format.
type Sales = Box<dyn Iterator<Item = Result<Sale, BadRow>> + Send>;

/// Runs the command; the exit code is 1 if any row was left out, refused or not answered.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let target = Target::connect(&args.server, args.program.clone()).await?;
    let (sales, bytes) = open(&args, &target.currency().await?)?;
    let tally = pipeline::run(target, sales, tally::bar(bytes)).await;
    print!("{tally}");
    Ok(if tally.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn open(args: &Args, currency: &str) -> anyhow::Result<(Sales, u64)> {
    let path = args.file.as_path();
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let bytes = file.metadata().map_or(0, |about| about.len());
    let days = Days { from: args.from, to: args.to };
    let sales = sales(args.format, BufReader::new(file), (&stem(path), currency), days);
    Ok((sales.with_context(|| format!("reading {}", path.display()))?, bytes))
}

fn sales(format: Format, file: BufReader<File>, (stem, currency): (&str, &str), days: Days) -> anyhow::Result<Sales> {
    Ok(match format {
        Format::Csv => Box::new(columns::Columns::new(file, stem, currency, days)?),
        Format::Cdnow => Box::new(cdnow::Cdnow::new(file, stem, days)),
    })
}

/// The file's name without its ending: part of the receipts' key, so a moved file is still the same file.
fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::stub::Stub;
    use clap::Parser;

    const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cdnow/CDNOW_master.txt");

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    async fn load(url: &str, line: &[&str]) -> tally::Tally {
        let fixed = ["load", "--server", url, "--program", "shop"];
        let args = Line::try_parse_from(fixed.iter().chain(line)).expect("a command line").args;
        let target = Target::connect(&args.server, args.program.clone()).await.expect("a connection");
        let currency = target.currency().await.expect("a program");
        let (sales, _) = open(&args, &currency).expect("a file");
        pipeline::run(target, sales, indicatif::ProgressBar::hidden()).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_second_run_applies_nothing() {
        let stub = Stub::default();
        let url = stub.serve();
        let line = ["--format", "cdnow", "--from", "1997-01-01", "--to", "1997-01-05", FIXTURE];
        let first = load(&url, &line).await;
        assert!(first.is_whole() && first.applied > 1_000 && first.replayed == 0, "{first}");
        let second = load(&url, &line).await;
        assert_eq!((second.applied, second.replayed, second.enrolled), (0, first.applied, 0));
        assert_eq!(stub.books(|books| books.members.len() as u64), first.enrolled);
        assert_eq!(stub.books(|books| books.purchases.len() as u64), first.applied);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_stream_that_breaks_off_can_be_taken_up_again() {
        let stub = Stub::default();
        let url = stub.serve();
        let line = ["--format", "cdnow", "--to", "1997-01-02", FIXTURE];
        stub.books(|books| books.breaks_after = Some(100));
        let broken = load(&url, &line).await;
        assert_eq!((broken.applied, broken.is_whole()), (100, false));
        assert!(broken.to_string().contains("the store is in trouble"), "{broken}");
        stub.books(|books| books.breaks_after = None);
        let whole = load(&url, &line).await;
        assert!(whole.is_whole() && whole.replayed == 100 && whole.applied > 0, "{whole}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn refusals_and_bad_rows_are_told_by_line() {
        let stub = Stub::default();
        let url = stub.serve();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tills.csv");
        let rows = "member_id,receipt_id,occurred_at,amount\nm-1,R1,2026-05-04,1\nm-1,R2,soon,1\nm-2,R1,2026-05-04,1\n";
        std::fs::write(&file, rows).expect("a file");
        let tally = load(&url, &[&file.display().to_string()]).await;
        assert_eq!((tally.applied, tally.refused, tally.unreadable, tally.is_whole()), (1, 1, 1, false));
        let told = tally.to_string();
        assert!(told.contains("line 3: `soon` is neither a day nor an instant"), "{told}");
        assert!(told.contains("line 4: KEY_REUSED: the receipt was used before"), "{told}");
    }
}
