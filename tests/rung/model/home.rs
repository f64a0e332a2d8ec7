//! Where a history is kept, so that the engine on it can be taken down and put up again.

use std::sync::Arc;
use std::thread::JoinHandle;

use rung::domain::units::Moment;
use rung::engine::clock::Clock;
use rung::engine::{Engine, Options, Pseudonyms, QUEUE_LIMIT};
use rung::store::Store;
use rung::store::embedded::{self, Embedded};
use rung::store::memory::Memory;
use tempfile::TempDir;

use crate::store_laws::tight;

/// What survives an engine.
pub enum Home {
    Memory(Arc<Memory>),
    Folder(TempDir),
}

/// An engine on a home, and the thread that must have ended before the home is opened again.
pub struct Resident {
    pub engine: Engine,
    lane: JoinHandle<()>,
}

impl Home {
    pub fn memory() -> Self {
        Self::Memory(Memory::new())
    }

    pub fn folder() -> Self {
        Self::Folder(TempDir::new().unwrap())
    }

    pub fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(memory) => Arc::clone(memory) as Arc<dyn Store>,
            Self::Folder(dir) => Embedded::open(small(dir)).unwrap(),
        }
    }

    /// Opens the home at this moment.
    pub async fn open(&self, now: i64) -> Resident {
        let store = self.store();
        let options = Options {
            store,
            clock: Clock::test(Moment(now)),
            pseudonyms: Pseudonyms::new([1; 32]),
            queue_limit: QUEUE_LIMIT,
        };
        let (engine, lane) = Engine::start(options).await.unwrap();
        Resident { engine, lane }
    }

    /// Reads the whole journal and compares every hash; nobody may be at home.
    pub fn verify(&self) {
        if let Self::Folder(dir) = self {
            Embedded::open(small(dir)).unwrap().verify().unwrap();
        }
    }
}

impl Resident {
    /// Takes the engine down, with the snapshots brought up to the head or not.
    pub async fn leave(self, is_orderly: bool) {
        if is_orderly {
            self.engine.checkpoint().await.unwrap();
        }
        drop(self.engine);
        self.lane.join().unwrap();
    }
}

/// So small that a short history has several segments and many rounds of the keeper.
fn small(dir: &TempDir) -> embedded::Options {
    embedded::Options { segment_bytes: 16 << 10, round_entries: 8, ..tight(dir) }
}

/// Brings everybody to where ladders that changed have them, as the sweeper does first.
pub async fn walk(engine: &Engine) {
    for (program, changed_at) in engine.ladders_changed() {
        let mut last = None;
        while let Some(next) = engine.rejudge(program, changed_at, last).await.unwrap() {
            last = Some(next);
        }
    }
}
