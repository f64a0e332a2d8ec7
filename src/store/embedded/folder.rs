//! The data folder: who may use it, what format it has, and the ballast kept in it.
//!
//! | name | is |
//! |---|---|
//! | `LOCK` | held by the one process that uses the folder |
//! | `FORMAT` | the version of everything in it |
//! | `ballast` | room to give back when the disk is full: delete it |
//! | `journal/` | the ledger |
//! | `snapshots/` | made from the ledger; may be deleted while no server runs |
//! | `notes/` | made from the ledger by whoever would rather not make them again; may be deleted while no server runs |
//! | `repairs.log` | what was ever repaired on opening, a line each |

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::OpenError;
use super::rows::suspicion;
use crate::store::format::FORMAT;

/// A folder in use.
pub struct Folder {
    path: PathBuf,
    /// Held for its lock.
    _lock: File,
}

impl Folder {
    /// Takes the folder; makes it, if it does not exist.
    ///
    /// # Errors
    /// If another process has it, it has another format, or the system fails.
    pub fn take(path: &Path) -> Result<Self, OpenError> {
        for folder in ["journal", "notes"] {
            fs::create_dir_all(path.join(folder))?;
        }
        let lock = File::options().create(true).truncate(false).write(true).open(path.join("LOCK"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        folder.agree_on_format()?;
        Ok(folder)
    }

    /// Where the journal is.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Where notes are.
    #[must_use]
    pub fn notes(&self) -> PathBuf {
        self.path.join("notes")
    }

    /// Where the snapshots are.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        self.path.join("snapshots")
    }

    fn agree_on_format(&self) -> Result<(), OpenError> {
        let path = self.path.join("FORMAT");
        match fs::read_to_string(&path) {
            Ok(text) if text.trim() == FORMAT.to_string() => Ok(()),
            Ok(text) => Err(OpenError::Format { found: text.trim().to_owned(), path: self.path.clone() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(self.write_format(&path)?),
            Err(error) => Err(error.into()),
        }
    }

    fn write_format(&self, path: &Path) -> io::Result<()> {
        let draft = path.with_extension("new");
        let mut file = File::create(&draft)?;
        writeln!(file, "{FORMAT}")?;
        file.sync_all()?;
        fs::rename(draft, path)?;
        self.sync()
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    /// Makes sure that there is a ballast of this length, unless the room does not allow it.
    pub fn keep_ballast(&self, length: u64, free: u64, floor: u64) {
        let path = self.path.join("ballast");
        let held = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if held >= length || free < floor.saturating_add(length.saturating_mul(2)) {
            return;
        }
        if let Err(error) = write_ballast(&path, length) {
            tracing::warn!(%error, "there is no ballast");
            let _ = fs::remove_file(path);
        }
    }

    /// Moves snapshots that cannot be used out of the way; those moved earlier are deleted.
    ///
    /// # Errors
    /// If the system fails.
    pub fn set_snapshots_aside(&self) -> io::Result<()> {
        let (from, to) = (self.snapshots(), self.path.join("snapshots.aside"));
        remove_all(&to)?;
        if from.exists() {
            fs::rename(&from, to)?;
        }
        match fs::remove_file(suspicion(&from)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.sync(),
        }
    }

    /// Deletes snapshots moved aside: others were made in their place.
    pub fn drop_aside(&self) {
        let _ = remove_all(&self.path.join("snapshots.aside"));
    }

    /// Why the snapshots are not to be believed, if an earlier process found them damaged.
    #[must_use]
    pub fn suspicion(&self) -> Option<String> {
        fs::read_to_string(suspicion(&self.snapshots())).ok()
    }

    /// Writes repairs down for good.
    ///
    /// # Errors
    /// If the system fails.
    pub fn record(&self, repairs: &[String]) -> io::Result<()> {
        if repairs.is_empty() {
            return Ok(());
        }
        let mut log = File::options().create(true).append(true).open(self.path.join("repairs.log"))?;
        for repair in repairs {
            tracing::warn!(repair, "the store was repaired on opening");
            writeln!(log, "{repair}")?;
        }
        log.sync_all()?;
        self.sync()
    }
}

fn remove_all(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write_ballast(path: &Path, length: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    let block = vec![0x5a_u8; 1 << 20];
    let mut left = length;
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(block.len()).min(block.len());
        file.write_all(block.get(..part).unwrap_or_default())?;
        left -= part as u64;
    }
    file.sync_all()
}
