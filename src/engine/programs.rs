//! All programs at one moment: an immutable snapshot that orders are decided against.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::event::{Entry, Fact, ProgramApplied, Seq};
use crate::domain::order::Refusal;
use crate::domain::program::{Program, ProgramNo, Register, Timeline, source};
use crate::domain::units::Text;

/// All programs at one moment.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    timelines: Vec<Arc<Timeline>>,
    by_id: HashMap<Box<str>, ProgramNo>,
    sources: HashMap<(ProgramNo, u32), Arc<str>>,
    entries: Vec<Applied>,
}

/// An entry that made a version.
#[derive(Clone, Debug)]
struct Applied {
    program: ProgramNo,
    version: u32,
    entry: Seq,
    request_id: Text,
}

impl Programs {
    /// The program with this id.
    #[must_use]
    pub fn named(&self, id: &str) -> Option<&Arc<Timeline>> {
        self.numbered(*self.by_id.get(id)?)
    }

    /// The program with this number.
    #[must_use]
    pub fn numbered(&self, number: ProgramNo) -> Option<&Arc<Timeline>> {
        self.timelines.get(usize::from(number.0))
    }

    /// All of them, in the order of their first version.
    #[must_use]
    pub fn all(&self) -> &[Arc<Timeline>] {
        &self.timelines
    }

    /// The text a version was read from.
    #[must_use]
    pub fn source(&self, number: ProgramNo, version: u32) -> Option<&Arc<str>> {
        self.sources.get(&(number, version))
    }

    /// The entry that answers an order to apply a version: the one made under its key, or else the one of the version.
    #[must_use]
    pub fn entry(&self, number: ProgramNo, version: u32, request_id: &str) -> Option<Seq> {
        let own = || self.entries.iter().filter(|applied| applied.program == number);
        let keyed = own().find(|applied| !request_id.is_empty() && applied.request_id == request_id);
        keyed.or_else(|| own().find(|applied| applied.version == version)).map(|applied| applied.entry)
    }

    /// The number the next new program gets.
    #[must_use]
    pub fn next_number(&self) -> ProgramNo {
        ProgramNo(u16::try_from(self.timelines.len()).unwrap_or(u16::MAX))
    }

    /// This snapshot with one more version of one program.
    ///
    /// # Errors
    /// The flaws of a source that was applied once and can no longer be read.
    pub fn with_entry(&self, entry: &Entry) -> Result<Self, Refusal> {
        let mut next = self.clone();
        for fact in &entry.facts {
            if let Fact::ProgramApplied(applied) = fact {
                let known = next.known_words(&applied.id);
                let program = read(applied, &known)?;
                next.sources.insert((entry.program, applied.version), applied.source.clone().into());
                next.entries.push(Applied {
                    program: entry.program,
                    version: applied.version,
                    entry: entry.seq,
                    request_id: entry.request_id.clone(),
                });
                next.add(Arc::new(program));
            }
        }
        Ok(next)
    }

    fn known_words(&self, id: &str) -> Register {
        self.named(id).map(|timeline| timeline.newest().register.clone()).unwrap_or_default()
    }

    fn add(&mut self, program: Arc<Program>) {
        match self.by_id.get(&program.id) {
            Some(number) => {
                if let Some(timeline) = self.timelines.get_mut(usize::from(number.0)) {
                    *timeline = Arc::new(timeline.with(program));
                }
            }
            None => {
                let number = self.next_number();
                self.by_id.insert(program.id.clone(), number);
                self.timelines.push(Arc::new(Timeline::new(number, program)));
            }
        }
    }
}

/// A version as its fact tells it: the words it added come first, so that ids keep the numbers they were given.
fn read(applied: &ProgramApplied, known: &Register) -> Result<Program, Refusal> {
    let words = known.words().iter().chain(&applied.words_added).cloned();
    source::recall(&applied.source, applied.version, applied.effective_at, &Register::of(words))
        .map_err(Refusal::ProgramFlawed)
}
