//! `rung report`: asks a running server who a program's best customers are, and writes the answers as one page.
//!
//! The page is for people who would rather look than read: it needs no network, no script and no other file. The same
//! numbers can be had as JSON.

mod asked;
mod charts;
mod days;
mod figures;
mod page;
mod parted;
mod tables;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use jiff::civil::Date;

/// Writes a page about a program's best customers: who they are, how many stay, what they bring.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051")]
    server: String,
    /// The program to report on.
    #[arg(long, value_name = "ID")]
    program: String,
    /// Where to write the page.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Where to write the same numbers as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The first day (YYYY-MM-DD); the first on which anything was bought unless given.
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,
    /// The last day, itself included; today unless given. Points are told as of today all the same.
    #[arg(long, value_name = "DAY")]
    to: Option<Date>,
    /// The day that parts what came before from what came then: the best of the first part are followed into the second,
    /// and tiers are compared. Unless given, a third of the days lie after it.
    #[arg(long, value_name = "DAY")]
    then: Option<Date>,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let channel = super::connection::connect(&args.server).await?;
    let wanted = days::Wanted { from: args.from, to: args.to, then: args.then };
    let report = asked::report(channel, &args.program, wanted).await?;
    write(&args.out, &page::page(&report).into_string())?;
    if let Some(json) = &args.json {
        write(json, &(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    println!("{}", words::headline(&report));
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
