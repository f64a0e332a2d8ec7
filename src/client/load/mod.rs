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
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
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
    /// The source of receipts that name none. A receipt is known by its source and its number (without one, by its row's),
    /// so a second load is a replay under the same source only: a copy of a file under another name needs the source of
    /// the first load. [default: `csv:` or `cdnow:`, then the file's name without its ending]
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    source: Option<String>,
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
    let days = days(&args)?;
    let target = Target::connect(&args.server, args.program.clone()).await?;
    let (sales, bytes) = open(&args, &target.currency().await?, days)?;
    let tally = pipeline::run(target, sales, tally::bar(bytes)).await;
    print!("{tally}");
    Ok(if tally.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The days asked for, of which there must be one: a load of nothing is a mistake.
fn days(args: &Args) -> anyhow::Result<Days> {
    if let (Some(from), Some(to)) = (args.from, args.to) {
        ensure!(from <= to, "--from {from} is after --to {to}: there is no day to load");
    }
    Ok(Days { from: args.from, to: args.to })
}

fn open(args: &Args, currency: &str, days: Days) -> anyhow::Result<(Sales, u64)> {
    let path = args.file.as_path();
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let bytes = file.metadata().map_or(0, |about| about.len());
    let sales = sales(args.format, BufReader::new(file), (&source(args), currency), days);
    Ok((sales.with_context(|| format!("reading {}", path.display()))?, bytes))
}

fn sales(format: Format, file: BufReader<File>, (source, currency): (&str, &str), days: Days) -> anyhow::Result<Sales> {
    Ok(match format {
        Format::Csv => Box::new(columns::Columns::new(file, source, currency, days)?),
        Format::Cdnow => Box::new(cdnow::Cdnow::new(file, source, days)),
    })
}

/// What receipts that name no source are known by, beside their number: the file's name without its ending, so that a
/// moved file is still the same file, unless another source is named.
fn source(args: &Args) -> String {
    let format = match args.format {
        Format::Csv => "csv",
        Format::Cdnow => "cdnow",
    };
    let stem = || args.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    args.source.clone().unwrap_or_else(|| format!("{format}:{}", stem()))
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

    fn args(url: &str, line: &[&str]) -> Args {
        let fixed = ["load", "--server", url, "--program", "shop"];
        Line::try_parse_from(fixed.iter().chain(line)).expect("a command line").args
    }

    async fn load(url: &str, line: &[&str]) -> tally::Tally {
        let args = args(url, line);
        let target = Target::connect(&args.server, args.program.clone()).await.expect("a connection");
        let currency = target.currency().await.expect("a program");
        let (sales, _) = open(&args, &currency, days(&args).expect("days")).expect("a file");
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
    async fn a_copy_under_another_name_is_a_replay_under_the_source_of_the_first() {
        let stub = Stub::default();
        let url = stub.serve();
        let folder = tempfile::tempdir().expect("a folder");
        let [file, copy] = ["tills.csv", "copy.csv"].map(|name| folder.path().join(name).display().to_string());
        std::fs::write(&file, "member_id,occurred_at,amount\nm-1,2026-05-04,1\nm-1,2026-05-04,1\n").expect("a file");
        std::fs::copy(&file, &copy).expect("a copy");
        let counts = |tally: tally::Tally| (tally.applied, tally.replayed);
        assert_eq!(counts(load(&url, &[&file]).await), (2, 0));
        assert_eq!(counts(load(&url, &["--source", "csv:tills", &copy]).await), (0, 2));
        assert_eq!(counts(load(&url, &[&copy]).await), (2, 0), "another name is another source");
        assert_eq!(counts(load(&url, &["--source", "csv:copy", &file]).await), (0, 2));
    }

    #[test]
    fn a_load_of_no_day_is_refused() {
        let asked = |from, to| days(&args("http://x", &["--from", from, "--to", to, "file"]));
        assert!(asked("1997-01-02", "1997-01-02").is_ok());
        let why = asked("1997-01-03", "1997-01-02").expect_err("a refusal").to_string();
        assert_eq!(why, "--from 1997-01-03 is after --to 1997-01-02: there is no day to load");
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
