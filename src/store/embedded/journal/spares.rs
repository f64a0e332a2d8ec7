//! Segments zeroed ahead, so that a commit's sync has nothing to allocate.
//!
//! A sync onto a file whose blocks are already written costs half of one onto blocks merely reserved, and a small
//! part of one that extends the file. A thread keeps one zeroed file ready; it also watches the room on the disk.
//! It knows nothing of frames.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::store::embedded::files::{Disk, Files, is_no_room};

/// How much is zeroed between two syncs: small enough that a commit's own sync does not queue behind much.
const CHUNK: usize = 1 << 20;
/// How often the room is looked at.
const WATCH: Duration = Duration::from_millis(500);

/// A zeroed file.
pub struct Spare {
    /// Where it is.
    pub path: PathBuf,
    /// Open.
    pub disk: Arc<dyn Disk>,
    /// How long it is.
    pub length: u64,
}

/// Why there is no spare.
#[derive(Debug)]
pub enum NoSpare {
    /// There is no room for one.
    NoRoom,
    /// Something else is wrong.
    Failed(io::Error),
}

/// Keeps one spare ready.
pub struct Spares {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
}

struct Shared {
    files: Arc<dyn Files>,
    folder: PathBuf,
    length: u64,
    floor: u64,
    slot: Mutex<Slot>,
    changed: Condvar,
    short: AtomicBool,
    made: AtomicU64,
}

#[derive(Default)]
struct Slot {
    ready: Option<Spare>,
    failed: Option<NoSpare>,
    stopping: bool,
}

impl Spares {
    /// Starts keeping spares of `length` bytes in `folder`, as long as `floor` bytes of room are left.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(files: Arc<dyn Files>, folder: &Path, length: u64, floor: u64) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            files,
            folder: folder.to_owned(),
            length,
            floor,
            slot: Mutex::default(),
            changed: Condvar::new(),
            short: AtomicBool::new(false),
            made: AtomicU64::new(0),
        });
        shared.watch();
        let worker = std::thread::Builder::new().name("rung-spares".into()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.work()
        })?;
        Ok(Self { shared, worker: Some(worker) })
    }

    /// Whether less room is left than the floor.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.shared.short.load(Ordering::Relaxed)
    }

    /// A zeroed file of at least `length` bytes; waits for it.
    ///
    /// # Errors
    /// [`NoSpare`] if none can be made now.
    pub fn take(&self, length: u64) -> Result<Spare, NoSpare> {
        if length > self.shared.length {
            return self.shared.zeroed(length).map_err(NoSpare::of);
        }
        let mut slot = self.shared.lock();
        loop {
            if let Some(spare) = slot.ready.take() {
                self.shared.changed.notify_all();
                return Ok(spare);
            }
            if let Some(failed) = slot.failed.take() {
                self.shared.changed.notify_all();
                return Err(failed);
            }
            slot = self.shared.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.changed.notify_all();
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

impl NoSpare {
    fn of(error: io::Error) -> Self {
        if is_no_room(&error) { Self::NoRoom } else { Self::Failed(error) }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while !self.lock().stopping {
            self.watch();
            let wanted = self.lock().ready.is_none();
            if wanted {
                self.fill();
            }
            self.rest();
        }
    }

    fn fill(&self) {
        let made = self.zeroed(self.length);
        let mut slot = self.lock();
        match made {
            Ok(spare) => (slot.ready, slot.failed) = (Some(spare), None),
            Err(error) => slot.failed = Some(NoSpare::of(error)),
        }
        drop(slot);
        self.changed.notify_all();
    }

    /// Waits until a spare is taken, or a moment.
    fn rest(&self) {
        let slot = self.lock();
        if slot.stopping || (slot.ready.is_none() && slot.failed.is_none()) {
            return;
        }
        drop(self.changed.wait_timeout(slot, WATCH));
    }

    fn watch(&self) {
        let free = self.files.free(&self.folder).unwrap_or(u64::MAX);
        self.short.store(free < self.floor, Ordering::Relaxed);
    }

    /// Every spare has a name of its own: one that was taken keeps it until it is renamed.
    fn zeroed(&self, length: u64) -> io::Result<Spare> {
        let path = self.folder.join(format!("spare-{}.zero", self.made.fetch_add(1, Ordering::Relaxed)));
        let made = self.write_zeros(&path, length);
        if made.is_err() {
            let _ = self.files.remove(&path);
        }
        made
    }

    fn write_zeros(&self, path: &Path, length: u64) -> io::Result<Spare> {
        let disk = self.files.create(path)?;
        let zeros = vec![0; CHUNK];
        let mut at = 0;
        while at < length && !self.lock().stopping {
            let rest = usize::try_from(length - at).unwrap_or(CHUNK).min(CHUNK);
            disk.write_at(zeros.get(..rest).unwrap_or_default(), at)?;
            disk.sync()?;
            at += rest as u64;
        }
        Ok(Spare { path: path.to_owned(), disk, length })
    }
}
