//! The scribe: writes down what the analyst knows, so that after a start it goes on from there.
//!
//! Each program's crowd is a note of the store's, written while the crowd grows. A note that is missing, damaged, of
//! another history or of another Rung means folding from the program's first entry: it may cost time, never a right
//! answer. One that was found to be of no use is removed. Must not know how a crowd is written, nor where.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use tokio::runtime::Handle;

use super::answer::Failure;
use super::{Engine, Shared};
use crate::domain::crowd::Crowd;
use crate::domain::event::Seq;
use crate::domain::program::ProgramNo;
use crate::store::ReadError;
use crate::store::format::crowd::{Draft, Reader};

/// A crowd as its note has it, and the entry it reaches.
type Recalled = (Seq, Crowd);

/// The name of a crowd's note.
fn name(program: ProgramNo) -> String {
    format!("crowd-{}", program.0)
}

impl Engine {
    /// Reads the notes, unless that was done. The caller has the turn, so that nothing is folded meanwhile.
    ///
    /// # Errors
    /// The store cannot answer.
    pub(super) async fn recall(&self) -> Result<(), Failure> {
        if self.shared.analyst.folded().recalled.is_some() {
            return Ok(());
        }
        let mut begun = BTreeMap::new();
        for entry in self.shared.store.programs().await? {
            begun.entry(entry.program).or_insert(entry.seq);
        }
        let (shared, programs) = (Arc::clone(&self.shared), begun.clone());
        let read =
            move || programs.keys().filter_map(|program| Some((*program, shared.read_note(*program)?))).collect();
        let recalled: BTreeMap<ProgramNo, Recalled> = blocking(read).await?;
        self.shared.take_up(&begun, recalled);
        Ok(())
    }

    /// Writes down what the analyst knows by now, if that is more than what is written. Takes a while and holds nobody.
    ///
    /// # Errors
    /// The store has no room or fails; what was written before stays.
    pub async fn note_crowds(&self) -> Result<(), Failure> {
        let status = self.shared.analyst.status();
        if status.reached <= status.noted {
            return Ok(());
        }
        let programs: Vec<ProgramNo> = self.programs().all().iter().map(|timeline| timeline.number).collect();
        let shared = Arc::clone(&self.shared);
        let written = blocking(move || programs.into_iter().map(|program| write_note(&shared, program)).collect());
        let notes: Vec<Seq> = written.await.and_then(|notes: Result<_, ReadError>| Ok(notes?))?;
        let lowest = notes.iter().map(|reached| reached.0).min().unwrap_or_default();
        self.shared.analyst.tally.noted.fetch_max(lowest, Ordering::Relaxed);
        Ok(())
    }
}

impl Shared {
    fn read_note(&self, program: ProgramNo) -> Option<Recalled> {
        let mut reader = Reader::default();
        let mut take = |part: Vec<u8>| reader.take(&part);
        let reached = Handle::current().block_on(self.store.notes(&name(program), &mut take));
        let recalled = reached.and_then(|reached| match reached {
            Some(reached) => Ok(Some((reached, reader.finish().map_err(|d| ReadError::Damaged(d.to_string()))?))),
            None => Ok(None),
        });
        match recalled {
            Ok(None) => None,
            Ok(Some((reached, crowd))) => {
                tracing::info!(program = program.0, entry = reached.0, "the analyst goes on from its notes");
                Some((reached, crowd))
            }
            Err(why) => {
                tracing::warn!(program = program.0, %why, "the analyst's notes are of no use: it begins anew");
                // What could not be read may be readable tomorrow; what is damaged, foreign or of another Rung will not be.
                if matches!(why, ReadError::Damaged(_)) {
                    let removed = Handle::current().block_on(self.store.remove_notes(&name(program)));
                    removed.unwrap_or_else(|why| tracing::warn!(program = program.0, %why, "they stay where they are"));
                }
                None
            }
        }
    }

    /// Begins with what was recalled; a program without begins at its first version.
    fn take_up(&self, begun: &BTreeMap<ProgramNo, Seq>, recalled: BTreeMap<ProgramNo, Recalled>) {
        let reached =
            |(program, begun): (&ProgramNo, &Seq)| recalled.get(program).map_or(*begun, |(reached, _)| *reached);
        let lowest = begun.iter().map(reached).min().unwrap_or_default();
        let mut folded = self.analyst.folded.write().unwrap_or_else(PoisonError::into_inner);
        folded.reached = lowest;
        folded.recalled = Some(recalled.iter().map(|(program, (reached, _))| (*program, *reached)).collect());
        folded.crowds = recalled.into_iter().map(|(program, (_, crowd))| (program, crowd)).collect();
        self.analyst.tally.reached.store(lowest.0, Ordering::Relaxed);
        self.analyst.tally.noted.store(lowest.0, Ordering::Relaxed);
    }
}

/// Writes the crowd of a program down as it is now; up to which entry that is.
fn write_note(shared: &Arc<Shared>, program: ProgramNo) -> Result<Seq, ReadError> {
    let (reached, draft) = {
        let folded = shared.analyst.folded();
        let nobody = Crowd::default();
        (folded.reached(program), Draft::of(folded.crowds.get(&program).unwrap_or(&nobody)))
    };
    let mut dictation = Dictation { shared: Arc::clone(shared), program, draft };
    Handle::current().block_on(shared.store.keep_notes(&name(program), reached, &mut dictation))?;
    Ok(reached)
}

/// The parts of a note. Between any two of them the crowd may grow.
struct Dictation {
    shared: Arc<Shared>,
    program: ProgramNo,
    draft: Draft,
}

impl Iterator for Dictation {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let (folded, nobody) = (self.shared.analyst.folded(), Crowd::default());
        self.draft.next(folded.crowds.get(&self.program).unwrap_or(&nobody))
    }
}

pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::Store(error.to_string()))
}
