//! Opening an embedded store: folder, snapshots, journal, fold, keeper; and what to do when the snapshots are lost.
//!
//! The journal is never touched beyond a torn tail. The snapshots can always be made again, so whatever is wrong with
//! them is answered by setting them aside and folding the journal from its start.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::Embedded;
use super::claims::Claims;
use super::core::{Core, Known};
use super::due::Due;
use super::fold::{FoldError, fold};
use super::folder::Folder;
use super::identifiers::Identifiers;
use super::journal::{Head, Recovered, Reflected, Spares, Writer, recover};
use super::keeper::Keeper;
use super::leaves::Shelf;
use super::members::Members;
use super::notes::Notes;
use super::options::Options;
use super::rows::{Batch, Rows};
use crate::domain::event::{Entry, Seq};
use crate::store::ReadError;
use crate::store::format::rows::{ALMANAC, Almanac, program_of};
use crate::store::hashing::random;

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the folder.
    #[error("the data folder {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The folder was written by another version.
    #[error("the data folder {} has format {found}, this Rung reads {}", path.display(), crate::store::format::FORMAT)]
    Format {
        /// What its `FORMAT` file says.
        found: String,
        /// The folder.
        path: PathBuf,
    },
    /// The snapshot database writes while it opens; on a full disk it would fail, and look damaged.
    #[error("there is no room to open the data folder {}: delete its `ballast`, or make room", .0.display())]
    NoRoom(PathBuf),
    /// Stored bytes are damaged or cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The operating system refused something.
    #[error(transparent)]
    System(#[from] std::io::Error),
}

/// What the snapshot database may write before it is open.
const ROOM_TO_OPEN: u64 = 2 << 20;

/// The snapshot database, opened, and what it says of itself.
struct Snapshots {
    rows: Rows,
    /// None if it is new.
    almanac: Option<Almanac>,
    /// Whether the ones before them were set aside.
    remade: bool,
}

/// Opens the store.
///
/// # Errors
/// See [`OpenError`]; nothing was changed then, but for a torn tail cut and snapshots set aside.
pub fn open(options: Options) -> Result<Arc<Embedded>, OpenError> {
    let start = Instant::now();
    let folder = Folder::take(&options.dir)?;
    let free = options.files.free(&options.dir).unwrap_or(u64::MAX);
    if free < ROOM_TO_OPEN {
        return Err(OpenError::NoRoom(options.dir.clone()));
    }
    folder.keep_ballast(options.ballast_bytes, free, options.free_floor_bytes);
    let mut repairs = Vec::new();
    let mut snapshots = open_snapshots(&folder, &options, &mut repairs)?;
    tracing::debug!(took = ?start.elapsed(), "the snapshot database is open");
    let recovered = recover(&options.files, folder.journal(), random(), reflected(&snapshots))?;
    let Recovered { journal, current, head, repairs: cuts } = recovered;
    repairs.extend(cuts);
    tracing::debug!(took = ?start.elapsed(), "the journal is open");
    let is_foreign = |almanac: &Almanac| almanac.epoch != journal.epoch();
    if snapshots.almanac.is_none() && !snapshots.remade && head.seq != Seq::NONE {
        repairs.push("the snapshots were missing and were made again from the journal".into());
    }
    if snapshots.almanac.as_ref().is_some_and(is_foreign) {
        drop(snapshots);
        snapshots = remake(&folder, &options, &mut repairs, "they belong to another journal")?;
    }
    folder.record(&repairs)?;
    let spares =
        Spares::start(Arc::clone(&options.files), &folder.journal(), options.segment_bytes, options.free_floor_bytes)?;
    let opened = gather(&options, &journal, snapshots, head);
    let (core, keeper) = match opened {
        Ok(opened) => opened,
        Err(why) => {
            let mut remade = Vec::new();
            let snapshots = remake(&folder, &options, &mut remade, &why.to_string())?;
            folder.record(&remade)?;
            repairs.extend(remade);
            gather(&options, &journal, snapshots, head).map_err(told)?
        }
    };
    folder.drop_aside();
    let notes = Notes::new(&options, folder.notes());
    let writer = Mutex::new(Writer::new(journal, spares, current, head));
    Ok(Arc::new(Embedded { core, writer, keeper: Some(keeper), notes, repairs, _folder: folder }))
}

fn told(error: FoldError) -> OpenError {
    match error {
        FoldError::Stale(why) | FoldError::Lost(why) => {
            OpenError::Read(ReadError::Damaged(format!("the journal contradicts itself: {why}")))
        }
        FoldError::Read(error) => OpenError::Read(error),
    }
}

fn reflected(snapshots: &Snapshots) -> Reflected {
    let almanac = snapshots.almanac.as_ref();
    almanac.map_or_else(Reflected::default, |almanac| Reflected { epoch: almanac.epoch, newest: almanac.newest })
}

fn open_snapshots(folder: &Folder, options: &Options, repairs: &mut Vec<String>) -> Result<Snapshots, OpenError> {
    if let Some(why) = folder.suspicion() {
        return remake(folder, options, repairs, &why);
    }
    match try_snapshots(folder, options, repairs) {
        Ok(snapshots) => Ok(snapshots),
        Err(why) => remake(folder, options, repairs, &why),
    }
}

fn try_snapshots(folder: &Folder, options: &Options, repairs: &mut Vec<String>) -> Result<Snapshots, String> {
    let (rows, healed) = Rows::open(&folder.snapshots(), options.snapshot_cache_bytes, options.snapshot_patience)?;
    repairs.extend(healed);
    let almanac = rows.get(ALMANAC).map_err(|error| error.to_string())?;
    let almanac = almanac.map(|row| Almanac::read(row.payload())).transpose().map_err(|damage| damage.to_string())?;
    if almanac.is_none() && !rows.is_empty().map_err(|error| error.to_string())? {
        return Err("they do not say how far they are".into());
    }
    Ok(Snapshots { rows, almanac, remade: false })
}

fn remake(folder: &Folder, options: &Options, repairs: &mut Vec<String>, why: &str) -> Result<Snapshots, OpenError> {
    folder.set_snapshots_aside()?;
    let told = |why| OpenError::Read(ReadError::Unavailable(format!("new snapshots cannot be made: {why}")));
    let snapshots = Snapshots { remade: true, ..try_snapshots(folder, options, repairs).map_err(told)? };
    repairs.push(format!("the snapshots were made again from the journal: {why}"));
    Ok(snapshots)
}

type Gathered = (Arc<Core>, std::thread::JoinHandle<()>);

/// Reads the snapshots, folds the journal behind them, and starts the keeper, which may be needed for room.
fn gather(
    options: &Options,
    journal: &Arc<super::journal::Journal>,
    snapshots: Snapshots,
    head: Head,
) -> Result<Gathered, FoldError> {
    let Snapshots { rows, almanac, .. } = snapshots;
    let almanac = match almanac {
        Some(almanac) => almanac,
        None => begin_almanac(&rows, journal.epoch())?,
    };
    let known = Known {
        head: Head { seq: Seq(almanac.lowest()), ..Head::NONE },
        members: Members::within(options.cache_bytes),
        identifiers: Identifiers::default(),
        claims: Claims::default(),
        due: Due::default(),
        programs: programs(&rows, journal)?,
        unkept_programs: Vec::new(),
    };
    let shelves = [Shelf::new(b'm', &almanac.members), Shelf::new(b'i', &almanac.identifiers)];
    let core = Arc::new(Core::new(options.clone(), Arc::clone(journal), rows, shelves, known));
    core.publish(&core.known());
    let keeper = Keeper::new(Arc::clone(&core), almanac.clone(), head.seq.0);
    let keeper = std::thread::Builder::new().name("rung-keeper".into()).spawn(move || keeper.run());
    let keeper = keeper.map_err(|error| ReadError::Unavailable(error.to_string()))?;
    if let Err(error) = fold(&core, &almanac, head) {
        core.signals().stop = true;
        core.wake.notify_all();
        let _ = keeper.join();
        return Err(error);
    }
    Ok((core, keeper))
}

/// New snapshots say so, so that they are not taken for lost ones.
fn begin_almanac(rows: &Rows, epoch: u64) -> Result<Almanac, ReadError> {
    let almanac = Almanac::blank(epoch);
    let mut batch = Batch::default();
    batch.put(ALMANAC, almanac.to_bytes());
    rows.write(batch)?;
    Ok(almanac)
}

fn programs(rows: &Rows, journal: &super::journal::Journal) -> Result<Vec<Arc<Entry>>, ReadError> {
    let mut applied = Vec::new();
    rows.scan(b"p", b"q", |key, _| {
        applied.push(program_of(key).map_err(|damage| rows.damaged(&damage))?);
        Ok(true)
    })?;
    let missing = |seq: Seq| ReadError::Damaged(format!("entry {} is missing", seq.0));
    applied.into_iter().map(|seq| journal.entry(seq)?.ok_or_else(|| missing(seq))).collect()
}
