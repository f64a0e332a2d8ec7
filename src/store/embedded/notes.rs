//! Notes in files of their own: written beside the journal, never in its way, and believed only if they are whole and of
//! this history.
//!
//! A file is written under another name, synced bit by bit so that commits wait behind little, and renamed when it is
//! whole. It takes no room that orders would need: writing ends where less would be left than the floor below which
//! commits are refused, and two segments. Must not know what stands in the parts.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::files::{Disk, Files, is_no_room};
use super::options::Options;
use crate::domain::event::Seq;
use crate::store::ReadError;
use crate::store::format::Damage;
use crate::store::format::notes::{END, LEAD, Lead, NotesHeader, Seal};

/// So much is written at once.
const WRITE: usize = 1 << 20;
/// So much is written between two syncs.
const SYNC: u64 = 8 << 20;

/// The folder of notes.
pub struct Notes {
    files: Arc<dyn Files>,
    folder: PathBuf,
    /// So much room is left to others.
    room: u64,
    writing: Mutex<()>,
}

impl Notes {
    /// Notes in `folder`, which exists. What a write that was broken off left there is removed.
    #[must_use]
    pub fn new(options: &Options, folder: PathBuf) -> Self {
        let room = options.free_floor_bytes.saturating_add(options.segment_bytes.saturating_mul(2));
        let notes = Self { files: Arc::clone(&options.files), folder, room, writing: Mutex::default() };
        let left = notes.files.list(&notes.folder).unwrap_or_default();
        left.iter().filter(|path| path.extension().is_some_and(|extension| extension == DRAFT)).for_each(|path| {
            let _ = notes.files.remove(path);
        });
        notes
    }

    /// Writes notes in the place of those of this name.
    ///
    /// # Errors
    /// If the system fails or there is no room; what was kept before is kept on.
    pub fn keep(
        &self,
        name: &str,
        header: NotesHeader,
        parts: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), ReadError> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.path(name)?;
        let draft = path.with_extension(DRAFT);
        let written = self.write(name, &draft, header, parts);
        let kept = written.and_then(|()| {
            self.files.rename(&draft, &path).map_err(failed)?;
            self.files.sync_folder(&self.folder).map_err(failed)
        });
        if kept.is_err() {
            let _ = self.files.remove(&draft);
        }
        kept
    }

    fn write(
        &self,
        name: &str,
        draft: &std::path::Path,
        header: NotesHeader,
        parts: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), ReadError> {
        self.has_room()?;
        let disk = self.files.create(draft).map_err(failed)?;
        let header = header.to_bytes(name);
        let (mut seal, mut file) = (Seal::on(&header), File { disk, buffer: header.to_vec(), at: 0, synced: 0 });
        for part in parts {
            let lead = seal.part(&part).map_err(damaged)?;
            file.buffer.extend_from_slice(&lead.to_bytes());
            file.buffer.extend_from_slice(&part);
            if file.buffer.len() >= WRITE {
                self.has_room()?;
                file.flush().map_err(failed)?;
            }
        }
        file.buffer.extend_from_slice(&seal.end());
        file.flush().and_then(|()| file.disk.sync()).map_err(failed)
    }

    fn has_room(&self) -> Result<(), ReadError> {
        let free = self.files.free(&self.folder).unwrap_or(u64::MAX);
        if free < self.room { Err(ReadError::Unavailable("there is no room for notes".into())) } else { Ok(()) }
    }

    /// Reads the notes of this name, if there are any; `of_history` tells what their header must be if they reach so far.
    ///
    /// # Errors
    /// If they are not whole or not of this history, or cannot be read.
    pub fn read(
        &self,
        name: &str,
        of_history: impl FnOnce(Seq) -> Result<NotesHeader, ReadError>,
        take: &mut dyn FnMut(Vec<u8>) -> Result<(), Damage>,
    ) -> Result<Option<Seq>, ReadError> {
        let disk = match self.files.open(&self.path(name)?) {
            Ok(disk) => disk,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut pages = Pages { length: disk.length().map_err(failed)?, disk, at: 0 };
        let bytes = pages.next()?;
        let header = NotesHeader::read(&bytes, name).map_err(damaged)?;
        if of_history(header.reached)? != header {
            return Err(damaged(Damage::new("they belong to another history")));
        }
        let mut seal = Seal::on(&bytes);
        while let Some(part) = pages.part(&mut seal)? {
            take(part).map_err(damaged)?;
        }
        pages.end(seal)?;
        Ok(Some(header.reached))
    }

    /// Removes the notes of this name, if there are any. They may come back with a power cut, and are of no use then either.
    ///
    /// # Errors
    /// If the system fails.
    pub fn remove(&self, name: &str) -> Result<(), ReadError> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        match self.files.remove(&self.path(name)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf, ReadError> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || !name.bytes().all(is_plain) {
            return Err(ReadError::Unavailable(format!("notes cannot be named `{name}`")));
        }
        Ok(self.folder.join(name).with_extension("notes"))
    }
}

/// What a file that is being written is called.
const DRAFT: &str = "new";

/// A file being written from its start.
struct File {
    disk: Arc<dyn Disk>,
    buffer: Vec<u8>,
    at: u64,
    synced: u64,
}

impl File {
    fn flush(&mut self) -> io::Result<()> {
        self.disk.write_at(&self.buffer, self.at)?;
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        if self.at - self.synced >= SYNC {
            self.disk.sync()?;
            self.synced = self.at;
        }
        Ok(())
    }
}

/// A file being read from its start.
struct Pages {
    disk: Arc<dyn Disk>,
    at: u64,
    length: u64,
}

impl Pages {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ReadError> {
        let end = self.at.saturating_add(bytes.len() as u64);
        if end > self.length {
            return Err(damaged(Damage::new("they are cut short")));
        }
        self.disk.read_at(bytes, self.at).map_err(failed)?;
        self.at = end;
        Ok(())
    }

    fn next<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// The next part; `None` where the end begins.
    fn part(&mut self, seal: &mut Seal) -> Result<Option<Vec<u8>>, ReadError> {
        let lead = Lead::read(self.next::<LEAD>()?).map_err(damaged)?;
        if lead.length == 0 {
            self.at -= LEAD as u64;
            return Ok(None);
        }
        if u64::from(lead.length) > self.length - self.at {
            return Err(damaged(Damage::new("they are cut short")));
        }
        let mut part = vec![0; lead.length as usize];
        self.fill(&mut part)?;
        if seal.part(&part).map_err(damaged)? == lead {
            return Ok(Some(part));
        }
        Err(damaged(Damage::new("a part of them does not have its checksum")))
    }

    fn end(&mut self, seal: Seal) -> Result<(), ReadError> {
        let is_whole = self.next::<END>()? == seal.end() && self.at == self.length;
        if is_whole { Ok(()) } else { Err(damaged(Damage::new("they do not end as they should"))) }
    }
}

fn failed(error: io::Error) -> ReadError {
    let why = if is_no_room(&error) { "there is no room for notes".into() } else { format!("notes: {error}") };
    ReadError::Unavailable(why)
}

fn damaged(damage: Damage) -> ReadError {
    ReadError::Damaged(format!("notes: {damage}"))
}
