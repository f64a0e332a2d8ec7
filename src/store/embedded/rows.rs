//! The snapshot database, fenced in: sled 0.34.7, used only in the ways in which it was seen to keep its word.
//!
//! - sled's `flush` starts the disk writing but does not wait for it. Every batch is followed by a sync of our own,
//!   on a handle kept open, and that sync is the judge: its failure ends all use.
//! - There is never more than one batch between two syncs: segments freed by one batch are reused by the next, and a
//!   power cut between them would lose both.
//! - A batch holds few rows ([`ROWS_MAX`]): all its pages stay in memory until it is done.
//! - Values stay within a page of 4 KiB: far larger ones would leave the log for files that sled never syncs.
//! - sled syncs neither the file with its settings nor the names of its files: that is done on opening.
//! - One thread writes, nothing calls sled's asynchronous flush, transactions or online checksum.
//! - sled may panic where it finds its own log damaged; here that becomes an error.
//!
//! Whatever is in here can be made again from the journal. This file knows rows, not what they mean.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use crate::store::ReadError;
use crate::store::format::Damage;
use crate::store::format::rows::{Almanac, Roll, VALUE_MAX, check_at_end, sealed, unsealed};

/// The most rows of one batch.
pub const ROWS_MAX: usize = 200;

/// sled's own segment: smaller ones were slower, and it can never be changed.
const SEGMENT: usize = 512 << 10;

/// The rows of the snapshot database.
pub struct Rows {
    db: sled::Db,
    /// sled's log, held open only to be synced.
    log: File,
    folder: PathBuf,
    distrust: OnceLock<String>,
}

/// A row whose hash was compared.
pub struct Row(sled::IVec);

impl Row {
    /// The value without its hash.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.0.split_last_chunk::<8>().map_or(&[], |(payload, _)| payload)
    }
}

/// Rows to be written together.
#[derive(Default)]
pub struct Batch {
    rows: sled::Batch,
    /// The hash each row will end in; none if it is taken away.
    checks: HashMap<Vec<u8>, Option<u64>>,
    count: usize,
    bytes: usize,
}

impl Batch {
    /// Puts a row; its hash is added here.
    pub fn put(&mut self, key: &[u8], payload: Vec<u8>) {
        let value = sealed(key, payload);
        debug_assert!(value.len() <= VALUE_MAX, "a value outgrew its row");
        self.count += 1;
        self.bytes += key.len() + value.len();
        self.checks.insert(key.to_vec(), Some(check_at_end(&value)));
        self.rows.insert(key, value);
    }

    /// Takes a row away.
    pub fn remove(&mut self, key: &[u8]) {
        self.count += 1;
        self.bytes += key.len();
        self.checks.insert(key.to_vec(), None);
        self.rows.remove(key);
    }

    /// How many rows.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// How many bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// How sled says that its lock is held.
const LOCKED: &str = "could not acquire lock";
/// How long to wait before it is tried again.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

impl Rows {
    /// Opens the database in `folder`, within `patience`.
    ///
    /// # Errors
    /// In words, if it cannot be opened in time; a repair of its snapshots was then already tried.
    pub fn open(folder: &Path, cache: u64, patience: Duration) -> Result<(Self, Vec<String>), String> {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        remove_unfinished(folder).map_err(|error| error.to_string())?;
        let mut repairs = Vec::new();
        let db = match open_unlocked(folder, cache, patience) {
            Ok(db) => db,
            Err(why) => {
                if !set_snapshots_aside(folder).map_err(|error| error.to_string())? {
                    return Err(why);
                }
                let db = open_unlocked(folder, cache, patience)?;
                repairs.push(format!("the snapshot database was opened without its own index ({why})"));
                db
            }
        };
        let log = File::options().read(true).write(true).open(folder.join("db")).map_err(|error| error.to_string())?;
        let rows = Self { db, log, folder: folder.to_owned(), distrust: OnceLock::new() };
        sync_all(folder).map_err(|error| error.to_string())?;
        rows.health()?;
        Ok((rows, repairs))
    }

    /// The row of this key.
    ///
    /// # Errors
    /// If it cannot be read, or is not what was written.
    pub fn get(&self, key: &[u8]) -> Result<Option<Row>, ReadError> {
        let found = self.guarded(|| self.db.get(key))?;
        found.map(|value| self.checked(key, value)).transpose()
    }

    /// The rows from `from` to before `to`, in order, until `visit` has enough.
    ///
    /// # Errors
    /// If one cannot be read, or is not what was written; or what `visit` fails with.
    pub fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        self.each(from, to, |key, row| visit(key, row.payload()))
    }

    fn each(
        &self,
        from: &[u8],
        to: &[u8],
        mut visit: impl FnMut(&[u8], Row) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        if from >= to {
            return Ok(());
        }
        let mut range = self.guarded(|| Ok(self.db.range(from..to)))?;
        while let Some((key, value)) = self.guarded(|| range.next().transpose())? {
            let row = self.checked(&key, value)?;
            if !visit(&key, row)? {
                break;
            }
        }
        Ok(())
    }

    /// The last row from `from` to `to`, both included: its key and itself.
    ///
    /// # Errors
    /// If it cannot be read, or is not what was written.
    pub fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(sled::IVec, Row)>, ReadError> {
        let last = self.guarded(|| self.db.range(from..=to).next_back().transpose())?;
        last.map(|(key, value)| self.checked(&key, value).map(|row| (key, row))).transpose()
    }

    /// The key of the first row behind `after` and before `to`.
    ///
    /// # Errors
    /// If that cannot be read.
    pub fn next_key(&self, after: &[u8], to: &[u8]) -> Result<Option<sled::IVec>, ReadError> {
        let behind = (Bound::Excluded(after), Bound::Excluded(to));
        self.guarded(|| self.db.range::<&[u8], _>(behind).keys().next().transpose())
    }

    /// Visits every row whose key begins with `kind`, in order, and answers with the roll they make.
    ///
    /// # Errors
    /// If one cannot be read, or is not what was written; or what `visit` fails with.
    pub fn roll_of(
        &self,
        kind: u8,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), ReadError>,
    ) -> Result<Roll, ReadError> {
        let mut roll = Roll::default();
        self.each(&[kind], &[kind.saturating_add(1)], |key, row| {
            roll.enter(check_at_end(&row.0));
            visit(key, row.payload()).map(|()| true)
        })?;
        Ok(roll)
    }

    /// Enters in the almanac's rolls what this batch will put, and strikes what it replaces.
    ///
    /// # Errors
    /// If what is there now cannot be read.
    pub fn keep_rolls(&self, batch: &Batch, almanac: &mut Almanac) -> Result<(), ReadError> {
        for (key, check) in &batch.checks {
            let Some(roll) = almanac.roll(key) else { continue };
            let replaced = self.guarded(|| self.db.get(key))?;
            replaced.iter().for_each(|value| roll.strike(check_at_end(value)));
            check.iter().for_each(|check| roll.enter(*check));
        }
        Ok(())
    }

    /// Writes a batch: durable when it returns.
    ///
    /// # Errors
    /// If it may not be; the database must not be used any more.
    pub fn write(&self, batch: Batch) -> Result<(), ReadError> {
        self.guarded(|| self.db.apply_batch(batch.rows))?;
        self.guarded(|| self.db.flush())?;
        self.sync().map_err(|error| self.give_up(&format!("it could not be synced: {error}")))
    }

    /// Whether there is no row at all.
    ///
    /// # Errors
    /// If that cannot be read.
    pub fn is_empty(&self) -> Result<bool, ReadError> {
        self.guarded(|| Ok(self.db.is_empty()))
    }

    /// What the database occupies.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.log.metadata().map_or(0, |metadata| metadata.len())
    }

    /// That nothing has left the log for files that are never synced.
    ///
    /// # Errors
    /// In words, if something has.
    pub fn health(&self) -> Result<(), String> {
        let blobs = std::fs::read_dir(self.folder.join("blobs")).map_or(0, Iterator::count);
        if blobs == 0 { Ok(()) } else { Err(format!("{blobs} values of the snapshot database have left its log")) }
    }

    fn sync(&self) -> std::io::Result<()> {
        self.log.sync_data()
    }

    fn checked(&self, key: &[u8], value: sled::IVec) -> Result<Row, ReadError> {
        match unsealed(key, &value) {
            Ok(_) => Ok(Row(value)),
            Err(damage) => Err(self.distrust(&damage.to_string())),
        }
    }

    fn guarded<T>(&self, call: impl FnOnce() -> sled::Result<T>) -> Result<T, ReadError> {
        if let Some(why) = self.distrust.get() {
            return Err(ReadError::Damaged(why.clone()));
        }
        match catch_unwind(AssertUnwindSafe(call)) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(sled::Error::Io(error))) => Err(self.give_up(&error.to_string())),
            Ok(Err(error)) => Err(self.distrust(&error.to_string())),
            Err(_) => Err(self.distrust("sled panicked")),
        }
    }

    /// From now on nothing is believed: not by this process, and not by the next, which makes the rows again.
    fn distrust(&self, why: &str) -> ReadError {
        tracing::error!(why, "the snapshot database is damaged and is made again at the next start");
        let _ = std::fs::write(suspicion(&self.folder), why);
        ReadError::Damaged(self.distrust.get_or_init(|| format!("the snapshot database: {why}")).clone())
    }

    /// From now on nothing is believed by this process; the next one finds what was synced.
    fn give_up(&self, why: &str) -> ReadError {
        tracing::error!(why, "the snapshot database cannot be used any more");
        ReadError::Unavailable(self.distrust.get_or_init(|| format!("the snapshot database: {why}")).clone())
    }

    /// Reports damage found in what a row says.
    pub fn damaged(&self, damage: &Damage) -> ReadError {
        self.distrust(&damage.to_string())
    }
}

/// The file that says that the rows of `folder` are to be made again.
#[must_use]
pub fn suspicion(folder: &Path) -> PathBuf {
    folder.with_extension("distrusted")
}

/// sled does not sync the file with its own settings, nor the names of its files: without either it does not open.
fn sync_all(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        // sled may be removing an index it has just replaced.
        if let (true, Ok(file)) = (path.is_file(), File::open(&path)) {
            file.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()?;
    folder.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// A snapshot of sled's own index that was being written when the power went makes every later opening fail.
fn remove_unfinished(folder: &Path) -> std::io::Result<()> {
    own_snapshots(folder)?
        .filter(|path| path.extension().is_some_and(|extension| extension == "generating"))
        .try_for_each(std::fs::remove_file)
}

/// Moves sled's snapshots of its own index out of its sight; whether there were any.
fn set_snapshots_aside(folder: &Path) -> std::io::Result<bool> {
    let mut any = false;
    for path in own_snapshots(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().replace("snap.", "aside.");
        std::fs::rename(&path, folder.join(name))?;
        any = true;
    }
    Ok(any)
}

fn own_snapshots(folder: &Path) -> std::io::Result<impl Iterator<Item = PathBuf>> {
    let found: Vec<_> = std::fs::read_dir(folder)?.collect::<std::io::Result<_>>()?;
    let is_one = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap."));
    Ok(found.into_iter().map(|entry| entry.path()).filter(is_one))
}

/// Opens the database once whoever held it last has let go. The data folder is ours alone, so a lock that is still
/// held is our own, of a database that is being closed: it is waited for and never taken for damage.
fn open_unlocked(folder: &Path, cache: u64, patience: Duration) -> Result<sled::Db, String> {
    let mut waited = Duration::ZERO;
    loop {
        match open_within(folder, cache, patience) {
            Err(why) if why.contains(LOCKED) && waited < patience => {
                std::thread::sleep(LOCK_PAUSE);
                waited += LOCK_PAUSE;
            }
            opened => return opened,
        }
    }
}

/// sled can loop or panic over a damaged log, so it is opened on a thread of its own that may be given up.
fn open_within(folder: &Path, cache: u64, patience: Duration) -> Result<sled::Db, String> {
    let config = sled::Config::new()
        .path(folder)
        .cache_capacity(cache)
        .segment_size(SEGMENT)
        .use_compression(false)
        .flush_every_ms(Some(500));
    let (sender, receiver) = std::sync::mpsc::channel();
    let opening = move || {
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        let told = opened.unwrap_or_else(|_| Err(sled::Error::Unsupported("sled panicked".into())));
        let _ = sender.send(told.map_err(|error| error.to_string()));
    };
    std::thread::Builder::new().name("rung-snapshots".into()).spawn(opening).map_err(|error| error.to_string())?;
    match receiver.recv_timeout(patience) {
        Ok(opened) => opened,
        Err(_) => Err(format!("it did not open within {} s", patience.as_secs())),
    }
}
