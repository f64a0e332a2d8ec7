//! Faults as a backend: files that run out of room or fail to sync.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rung::store::embedded::files::{Disk, Files, System};

/// What goes wrong.
#[derive(Default)]
pub struct Faults {
    /// Bytes that may still be written before the disk is full; none means no limit.
    pub room: Mutex<Option<u64>>,
    /// Whether syncs fail.
    pub sync_fails: AtomicBool,
    /// How much room the disk claims to have.
    pub free: AtomicU64,
}

/// The system's files, with faults.
pub struct Faulty(pub Arc<Faults>);

struct FaultyDisk {
    disk: Arc<dyn Disk>,
    faults: Arc<Faults>,
}

impl Faulty {
    pub fn new() -> (Arc<Self>, Arc<Faults>) {
        let faults = Arc::new(Faults { free: AtomicU64::new(u64::MAX), ..Faults::default() });
        (Arc::new(Self(Arc::clone(&faults))), faults)
    }

    fn wrap(&self, disk: Arc<dyn Disk>) -> Arc<dyn Disk> {
        Arc::new(FaultyDisk { disk, faults: Arc::clone(&self.0) })
    }
}

fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

impl Files for Faulty {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn Disk>> {
        Ok(self.wrap(System.open(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn Disk>> {
        if *self.0.room.lock().unwrap() == Some(0) {
            return Err(full());
        }
        Ok(self.wrap(System.create(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        System.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        System.remove(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        System.list(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        System.sync_folder(folder)
    }

    fn free(&self, _: &Path) -> io::Result<u64> {
        Ok(self.0.free.load(Ordering::Relaxed))
    }
}

impl Disk for FaultyDisk {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.read_at(bytes, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut room = self.faults.room.lock().unwrap();
        let Some(left) = *room else {
            return self.disk.write_at(bytes, offset);
        };
        let fits = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        *room = Some(left - fits as u64);
        self.disk.write_at(&bytes[..fits], offset)?;
        if fits < bytes.len() { Err(full()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        if self.faults.sync_fails.load(Ordering::Relaxed) {
            return Err(io::Error::other("the disk is gone"));
        }
        self.disk.sync()
    }

    fn length(&self) -> io::Result<u64> {
        self.disk.length()
    }
}
