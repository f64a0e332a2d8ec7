//! `rung serve`: compose the parts, say where they listen, run until told to stop, drain.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::{Counter, Histogram};

use anyhow::{Context as _, bail};
use rung::config::{Settings, StoreKind};
use rung::edge::{self, operations};
use rung::engine::clock::Clock;
use rung::engine::figures::SECONDS;
use rung::engine::{ApplyProgram, Denied, Engine, LaneThread, Options, Pseudonyms};
use rung::store::Store;
use rung::store::embedded::{self, Embedded};
use rung::store::memory::Memory;
use rung::telemetry::{self, Telemetry};
use rung::workers::{analyst, scribe, sweeper, tagger};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

mod folder;

/// The program an empty folder gets when none is named.
const SAMPLE: &str = include_str!("../deploy/programs/aadvantage.toml");
/// Members changed since their snapshot may always take this much, in bytes: with less, a tiny `--cache-mib` would make
/// every commit wait for the keeper.
const CHANGED_BYTES_MIN: u64 = 64 << 20;
/// How long the operations port may take to end, after the callers' port did.
const OPERATIONS_GRACE: Duration = Duration::from_secs(1);

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// Anything that keeps the server from starting, in words for the operator.
pub fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(settings));
    // What is still running by now was given its time; going, it lets go of the engine, for which the lane waits.
    runtime.shutdown_timeout(Duration::from_millis(200));
    let (code, lane) = served?;
    if lane.join().is_err() {
        tracing::error!("the lane did not end well");
    }
    Ok(code)
}

async fn serve(settings: Settings) -> anyhow::Result<(ExitCode, LaneThread)> {
    let telemetry = telemetry::start(settings.log_format)?;
    let signals = Signals::listen()?;
    let Ground { store, clock, key } = ground(&settings)?;
    let options = Options { store, clock, pseudonyms: Pseudonyms::new(key), queue_limit: settings.queue_limit };
    let (engine, lane) = Engine::start(options).await?;
    engine.observe();
    apply_programs(&engine, &settings).await?;

    let listener = TcpListener::bind(settings.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", settings.listen))?;
    let stop = CancellationToken::new();
    let sweeping = tokio::spawn(sweeper::run(engine.clone(), stop.clone()));
    let analysing = settings.analyst.then(|| analysing(&engine, &stop));
    let showing = operations(&settings, &engine, &telemetry, stop.clone()).await?;
    let address = listener.local_addr()?;
    let edge_options = edge::Options { drain: settings.drain, ..edge::Options::default() };
    let serving = tokio::spawn(edge::serve(listener, engine.clone(), edge_options, stop.clone()));
    println!("listening on {address}");

    let code = wait_for_the_end(&engine, signals).await;
    stop.cancel();
    serving.await??;
    sweeping.await?;
    if let Some(analysing) = analysing {
        analysing.await?;
    }
    if let Some(showing) = showing {
        // A peer who never asks for anything does not hold us.
        let _ = tokio::time::timeout(OPERATIONS_GRACE, showing).await;
    }
    finish(&engine).await;
    telemetry.shutdown();
    Ok((code, lane))
}

/// The analyst, and what rests on it.
fn analysing(engine: &Engine, stop: &CancellationToken) -> JoinHandle<()> {
    let (engine, stop) = (engine.clone(), stop.clone());
    tokio::spawn(async move {
        let folding = analyst::run(engine.clone(), stop.clone());
        let noting = scribe::run(engine.clone(), stop.clone());
        tokio::join!(folding, noting, tagger::run(engine, stop));
    })
}

/// What an engine rests on.
struct Ground {
    store: Arc<dyn Store>,
    clock: Clock,
    key: [u8; 32],
}

fn ground(settings: &Settings) -> anyhow::Result<Ground> {
    match settings.store {
        // A trial ends with its process: what is in the folder is not its own, and it leaves nothing there.
        StoreKind::Memory => Ok(Ground {
            store: Arc::new(Memory::default()),
            clock: settings.test_clock.map_or_else(Clock::system, Clock::test),
            key: settings.identifier_key.as_deref().map_or_else(|| Ok(folder::fresh_key()), folder::read_key)?,
        }),
        StoreKind::Embedded => {
            let data = &settings.data;
            std::fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
            let store = open_store(settings)?;
            let status = store.status();
            let clock = folder::clock(settings, &status)?;
            Ok(Ground { clock, key: folder::identifier_key(settings, &status)?, store })
        }
    }
}

fn open_store(settings: &Settings) -> anyhow::Result<Arc<dyn Store>> {
    let mut options = embedded::Options::new(&settings.data);
    options.cache_bytes = settings.cache_bytes;
    options.dirty_bytes = settings.cache_bytes.max(CHANGED_BYTES_MIN);
    options.observer = Arc::new(DiskFigures::new());
    let store = Embedded::open(options)?;
    Ok(store)
}

/// What the embedded store tells of its writes, as metrics.
struct DiskFigures {
    commit: Histogram<f64>,
    sync: Histogram<f64>,
    snapshots: Histogram<f64>,
    bytes: Counter<u64>,
}

impl DiskFigures {
    fn new() -> Self {
        let meter = opentelemetry::global::meter("rung");
        let seconds = |name, description| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(description);
            histogram.with_boundaries(SECONDS.to_vec()).build()
        };
        Self {
            commit: seconds("rung.store.commit.duration", "A group's way through the store, waiting included."),
            sync: seconds("rung.store.sync.duration", "Writing a frame and its fdatasync."),
            snapshots: seconds("rung.store.snapshot.duration", "A batch of snapshots and its fdatasync."),
            bytes: meter.u64_counter("rung.store.journal.written").with_unit("By").build(),
        }
    }
}

impl embedded::Observer for DiskFigures {
    fn committed(&self, timing: embedded::CommitTiming) {
        let whole = timing.waited + timing.prepared + timing.written + timing.synced + timing.applied;
        self.commit.record(whole.as_secs_f64(), &[]);
        self.sync.record((timing.written + timing.synced).as_secs_f64(), &[]);
        self.bytes.add(timing.bytes, &[]);
    }

    fn kept(&self, timing: embedded::BatchTiming) {
        self.snapshots.record(timing.took.as_secs_f64(), &[]);
    }
}

async fn apply_programs(engine: &Engine, settings: &Settings) -> anyhow::Result<()> {
    for path in &settings.programs {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        apply(engine, &path.display().to_string(), &text).await?;
    }
    if engine.programs().all().is_empty() {
        apply(engine, "the AAdvantage sample", SAMPLE).await?;
    }
    Ok(())
}

async fn apply(engine: &Engine, name: &str, text: &str) -> anyhow::Result<()> {
    let apply = ApplyProgram {
        source: text.into(),
        effective_at: None,
        expected_version: 0,
        request_id: rung::domain::units::Text::default(),
        dry_run: false,
    };
    match engine.apply_program(apply).await {
        Ok((outcome, timeline)) => {
            let newest = timeline.newest();
            tracing::info!(program = &*newest.id, version = newest.version, ?outcome, "serving {name}");
            Ok(())
        }
        Err(Denied::Refused(rung::domain::order::Refusal::ProgramFlawed(flaws))) => {
            for flaw in &flaws {
                eprintln!("{name}:{flaw}");
            }
            bail!("{name} has {} flaw(s)", flaws.len())
        }
        Err(denied) => bail!("{name} cannot be applied: {denied}"),
    }
}

type Showing = tokio::task::JoinHandle<std::io::Result<()>>;

/// The operations port; its default address may be taken by another server of this machine, one asked for may not.
async fn operations(
    settings: &Settings,
    engine: &Engine,
    telemetry: &Telemetry,
    stop: CancellationToken,
) -> anyhow::Result<Option<Showing>> {
    let (address, asked_for) = settings.operations;
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) if !asked_for => {
            tracing::warn!(%address, %error, "no operations port");
            return Ok(None);
        }
        Err(error) => return Err(error).context(format!("cannot listen on {address} for operations")),
    };
    tracing::info!(address = %listener.local_addr()?, "operations port");
    let (registry, engine) = (telemetry.registry().clone(), engine.clone());
    let shown = operations::Shown {
        metrics: Arc::new(move || Telemetry::prometheus(&registry)),
        serving: Arc::new(move || !engine.status().draining),
    };
    Ok(Some(tokio::spawn(operations::serve(listener, shown, stop))))
}

/// The signals that end a server. Heard from before anybody can know that it is there: whoever reads the address may
/// send one at once, and one that comes while the store is opening is kept until the server can drain.
struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }
}

/// Waits for a signal, or for the store to break; the exit code says which.
async fn wait_for_the_end(engine: &Engine, mut signals: Signals) -> ExitCode {
    let mut broken = engine.watch_broken();
    tokio::select! {
        _ = signals.term.recv() => tracing::info!("SIGTERM: draining"),
        _ = signals.int.recv() => tracing::info!("SIGINT: draining"),
        Ok(why) = broken.wait_for(Option::is_some) => {
            tracing::error!(why = why.as_deref().unwrap_or_default(), "the store cannot be trusted: stopping");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Lets the lane finish what is queued, brings the snapshots up to the head and the analyst's notes up to what it knows.
async fn finish(engine: &Engine) {
    engine.drain();
    engine.idle().await;
    if let Err(failure) = engine.checkpoint().await {
        tracing::warn!(%failure, head = engine.status().store.head.0, "no checkpoint; the next opening folds the journal");
    }
    if let Err(failure) = engine.note_crowds().await {
        tracing::warn!(%failure, "no notes; the analyst goes on from older ones");
    }
}
