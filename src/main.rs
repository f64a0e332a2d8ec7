//! The command line: compose the parts, run them, drain them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rung::client::{bench, echo, load, report};
use rung::config::Serve;
use rung::domain::program::{Register, source};
use rung::domain::units::Moment;

mod serve;

/// Messages are many small pieces of memory; this allocator took a quarter of the processor time off a stream, and keeps
/// members who come and go in the least room.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A loyalty and frequency-marketing engine: points, tiers, clubs and privileges over gRPC.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (what `rung` alone does)
    Serve(Serve),
    /// Read program files and print every flaw with file, line and column
    Check {
        /// Program files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Stream a transaction file into a running server
    Load(load::Args),
    /// Write a page about a program's best customers
    Report(report::Args),
    /// Take the figures of the README on this machine
    Bench(bench::Args),
    /// The empty server that `bench` compares against
    #[command(hide = true)]
    BenchEcho,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(flags) => flags.settle().and_then(serve::run),
        Command::Check { files } => Ok(check(&files)),
        Command::Load(args) => block_on(load::run(args)),
        Command::Report(args) => block_on(report::run(args)),
        Command::Bench(args) => block_on(bench::run(args)),
        Command::BenchEcho => block_on(echo::run()),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("rung: {error:#}");
        ExitCode::FAILURE
    })
}

fn block_on(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Runtime::new()?.block_on(work)
}

/// Prints every flaw of every file; fails if there is one.
fn check(files: &[PathBuf]) -> ExitCode {
    let flaws: usize = files.iter().map(|file| check_file(file)).sum();
    if flaws == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn check_file(file: &Path) -> usize {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            println!("{}: cannot be read: {error}", file.display());
            return 1;
        }
    };
    match source::read(&text, 1, Moment::BEGINNING, &Register::default()) {
        Ok(program) => {
            println!("{}: program `{}` is sound", file.display(), program.id);
            0
        }
        Err(flaws) => {
            for flaw in &flaws {
                println!("{}:{flaw}", file.display());
            }
            flaws.len()
        }
    }
}
