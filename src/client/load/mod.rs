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
    /// How the file is written: `csv` (a header names the columns) or `cdnow` (customer, day, CDs, dollars).
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
    /// `receipt_source`, `receipt_id`, `line_id`, `currency`, `kind`, `quantity`, `category`, `sku`, `channel`,
    /// `store`.
    Csv,
    /// The CDNOW master file's.
    Cdnow,
}

/// The sales of a file, whatever its format.
type Sales = Box<dyn Iterator<Item = Result<Sale, BadRow>> + Send>;

/// Runs the command; the exit code is 1 if any row was left out, refused or not answered.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (sales, bytes) = open(&args)?;
    let target = Target::connect(&args.server, args.program).await?;
    let tally = pipeline::run(target, sales, tally::bar(bytes)).await;
    print!("{tally}");
    Ok(if tally.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn open(args: &Args) -> anyhow::Result<(Sales, u64)> {
    let path = args.file.as_path();
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let bytes = file.metadata().map_or(0, |about| about.len());
    let days = Days { from: args.from, to: args.to };
    let sales = sales(args.format, BufReader::new(file), &stem(path), days);
    Ok((sales.with_context(|| format!("reading {}", path.display()))?, bytes))
}

fn sales(format: Format, file: BufReader<File>, stem: &str, days: Days) -> anyhow::Result<Sales> {
    Ok(match format {
        Format::Csv => Box::new(columns::Columns::new(file, stem, days)?),
        Format::Cdnow => Box::new(cdnow::Cdnow::new(file, stem, days)),
    })
}

/// The file's name without its ending: part of the receipts' key, so a moved file is still the same file.
fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}
