//! A stand-in for trying the client; the real command line replaces it.

use clap::Parser;
use rung::client::{bench, echo, load};
use std::process::ExitCode;

#[derive(clap::Parser)]
enum Command {
    Load(load::Args),
    Bench(bench::Args),
    #[command(hide = true)]
    BenchEcho,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    match Command::parse() {
        Command::Load(args) => load::run(args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::BenchEcho => echo::run().await,
    }
}
