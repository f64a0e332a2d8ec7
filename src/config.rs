//! File, environment and flags, read once into the options of each part. Only `main` sees this file.
//!
//! A flag wins over its `RUNG_…` variable, which wins over the key in `--config`, which wins over the default.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::domain::calendar;
use crate::domain::units::Moment;
use crate::telemetry::LogFormat;

/// Flags of `rung serve`; all optional, so that the file can fill in what they leave open.
#[derive(Clone, Debug, Default, clap::Args, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Serve {
    /// Folder that holds everything the server keeps [default: ./data]
    #[arg(long, env = "RUNG_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address to serve gRPC on; port 0 picks one [default: 127.0.0.1:50051]
    #[arg(long, env = "RUNG_LISTEN", value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Address to serve /metrics and /healthz on [default: 127.0.0.1:50052, left out if taken]
    #[arg(long, env = "RUNG_OPERATIONS", value_name = "ADDR")]
    operations: Option<SocketAddr>,
    /// Program file to serve; repeatable. A changed file becomes a new version. Without any, an empty folder gets
    /// the AAdvantage sample
    #[arg(long, env = "RUNG_PROGRAM", value_name = "FILE", value_delimiter = ',')]
    #[serde(default)]
    program: Vec<PathBuf>,
    /// Where to keep things: `embedded` in the data folder, or `memory` for a trial that ends with the process
    /// [default: embedded]
    #[arg(long, env = "RUNG_STORE", value_enum)]
    store: Option<StoreKind>,
    /// Start with a clock that stands here and moves only by AdminService.AdvanceTestClock (RFC 3339)
    #[arg(long, env = "RUNG_TEST_CLOCK", value_name = "MOMENT")]
    test_clock: Option<String>,
    /// File with the secret that identifiers are hashed under (64 hex digits); an empty data folder gets one of its own.
    /// Back it up, apart from the data: a folder with entries is opened with no other
    #[arg(long, env = "RUNG_IDENTIFIER_KEY", value_name = "FILE")]
    identifier_key: Option<PathBuf>,
    /// Orders that may wait before callers are told to come back [default: 65536]
    #[arg(long, env = "RUNG_QUEUE_LIMIT", value_name = "N")]
    queue_limit: Option<usize>,
    /// Memory for members, in MiB: those at rest are packed, then left on disk, where there is no room; orders wait for
    /// the snapshots while those who changed take more [default: 1024]
    #[arg(long, env = "RUNG_CACHE_MIB", value_name = "MIB")]
    cache_mib: Option<u64>,
    /// Seconds to finish what is in flight after SIGTERM [default: 20]
    #[arg(long, env = "RUNG_DRAIN_SECONDS", value_name = "S")]
    drain_seconds: Option<u64>,
    /// How log lines look [default: text]
    #[arg(long, env = "RUNG_LOG_FORMAT", value_enum)]
    log_format: Option<LogFormat>,
    /// Fold nothing ahead of questions about all members, and let no segment or alert act: for the bench
    #[arg(long, hide = true)]
    #[serde(skip)]
    no_analyst: bool,
    /// TOML file with any of these flags as keys
    #[arg(long, env = "RUNG_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
}

/// What stands behind the store seam.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// The journal and its snapshots in the data folder.
    Embedded,
    /// Nothing survives the process.
    Memory,
}

/// Everything `rung serve` needs, settled.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data folder.
    pub data: PathBuf,
    /// The gRPC address.
    pub listen: SocketAddr,
    /// The operations address, and whether it was asked for.
    pub operations: (SocketAddr, bool),
    /// Program files.
    pub programs: Vec<PathBuf>,
    /// What stands behind the seam.
    pub store: StoreKind,
    /// Where a test clock starts.
    pub test_clock: Option<Moment>,
    /// The secret's file, if it was named.
    pub identifier_key: Option<PathBuf>,
    /// Orders that may wait.
    pub queue_limit: usize,
    /// Memory for members, in bytes.
    pub cache_bytes: u64,
    /// How long a drain may take.
    pub drain: Duration,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Whether the analyst works ahead, and what rests on it.
    pub analyst: bool,
}

impl Serve {
    /// Settles flags, environment, file and defaults.
    ///
    /// # Errors
    /// The file cannot be read, or a value makes no sense.
    pub fn settle(self) -> anyhow::Result<Settings> {
        let file = self.config.as_deref().map(read_file).transpose()?.unwrap_or_default();
        let given = self.over(file);
        let test_clock = given.test_clock.as_deref().map(moment).transpose()?;
        let queue_limit = given.queue_limit.unwrap_or(crate::engine::QUEUE_LIMIT);
        anyhow::ensure!((1..=4_000_000).contains(&queue_limit), "queue-limit must be 1 to 4000000");
        Ok(Settings {
            data: given.data.unwrap_or_else(|| "data".into()),
            listen: given.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 50_051))),
            operations: (
                given.operations.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 50_052))),
                given.operations.is_some(),
            ),
            programs: given.program,
            store: given.store.unwrap_or(StoreKind::Embedded),
            test_clock,
            identifier_key: given.identifier_key,
            queue_limit,
            cache_bytes: given.cache_mib.unwrap_or(1024).saturating_mul(1 << 20),
            drain: Duration::from_secs(given.drain_seconds.unwrap_or(20)),
            log_format: given.log_format.unwrap_or_default(),
            analyst: !given.no_analyst,
        })
    }

    fn over(self, file: Self) -> Self {
        Self {
            data: self.data.or(file.data),
            listen: self.listen.or(file.listen),
            operations: self.operations.or(file.operations),
            program: if self.program.is_empty() { file.program } else { self.program },
            store: self.store.or(file.store),
            test_clock: self.test_clock.or(file.test_clock),
            identifier_key: self.identifier_key.or(file.identifier_key),
            queue_limit: self.queue_limit.or(file.queue_limit),
            cache_mib: self.cache_mib.or(file.cache_mib),
            drain_seconds: self.drain_seconds.or(file.drain_seconds),
            log_format: self.log_format.or(file.log_format),
            no_analyst: self.no_analyst,
            config: None,
        }
    }
}

fn read_file(path: &Path) -> anyhow::Result<Serve> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))
}

fn moment(text: &str) -> anyhow::Result<Moment> {
    calendar::parse_rfc3339(text).with_context(|| format!("`{text}` is not a moment such as 2025-05-15T00:00:00Z"))
}
