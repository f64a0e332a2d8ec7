//! A ladder that changes: who would move, and bringing everybody to where the new ladder has them.
//!
//! A member is judged by a new ladder whenever she is looked at; walking through all of them only makes it a fact that
//! followers of the feed can see. It knows nothing of why somebody moves: that is settling's business.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::Engine;
use super::answer::{Denied, Failure};
use super::lane::Job;
use super::scribe::blocking;
use crate::domain::decide;
use crate::domain::member::{Member, MemberState};
use crate::domain::order::MemberKey;
use crate::domain::program::{ProgramNo, TierId, Timeline};
use crate::domain::units::Moment;
use crate::store::format::walked::{self, Walked};

/// Members read together.
const PAGE: usize = 1_024;
/// The name of the note of ladders that were walked.
const WALKED: &str = "ladders-walked";

/// Who would move if a version were applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migration {
    /// How many members there are on each tier before, and where they would stand: also those who would stay.
    pub moves: BTreeMap<(TierId, TierId), u64>,
    /// How many members were judged.
    pub members: u64,
    /// The moment it is told for: when the version takes effect.
    pub at: Moment,
}

impl Engine {
    /// What becomes of all members' standing when the newest version of `after` takes effect; nothing is kept.
    ///
    /// # Errors
    /// The store cannot answer.
    pub async fn migration(&self, after: &Timeline) -> Result<Migration, Denied> {
        let at = after.newest().effective_at.max(self.now());
        let mut migration = Migration { at, ..Migration::default() };
        let Some(before) = self.programs().numbered(after.number).cloned() else { return Ok(migration) };
        let mut last = None;
        loop {
            let page = self.shared.store.members(after.number, last, PAGE).await.map_err(Failure::from)?;
            let Some(newest) = page.last() else { return Ok(migration) };
            last = Some(newest.key);
            for member in page.iter().filter(|member| member.pot.is_none() && member.state != MemberState::Closed) {
                migration.judge(self, member, (&before, after));
            }
            tokio::task::yield_now().await;
        }
    }

    /// Brings the next members of a program, after `last`, to where a ladder that changed at `changed_at` has them.
    /// Answers with the key to go on from; `None` if there are no more.
    ///
    /// # Errors
    /// A failure; nothing of this page was kept.
    pub async fn rejudge(
        &self,
        program: ProgramNo,
        changed_at: Moment,
        last: Option<MemberKey>,
    ) -> Result<Option<MemberKey>, Failure> {
        self.accepting()?;
        let page = self.shared.store.members(program, last, PAGE).await?;
        let next = page.last().map(|member| member.key);
        let behind = page.iter().filter(|member| member.pot.is_none() && member.recorded_at <= changed_at);
        let keys: Vec<MemberKey> = behind.map(|member| member.key).collect();
        if !keys.is_empty() {
            let (reply, answer) = oneshot::channel();
            self.send(Job::Settle { keys, reply })?;
            answer.await.map_err(|_| Failure::Draining)??;
        }
        Ok(next)
    }

    /// The ladders that everybody was brought up to, as far as that was written down; none if the note is of no use.
    pub async fn ladders_walked(&self) -> Walked {
        let shared = Arc::clone(&self.shared);
        let read = move || {
            let mut walked = Walked::new();
            let mut take = |part: Vec<u8>| walked::read(&part).map(|read| walked = read);
            let reached = Handle::current().block_on(shared.store.notes(WALKED, &mut take));
            reached.map(|reached| reached.map(|_| walked).unwrap_or_default())
        };
        match blocking(read).await {
            Ok(Ok(walked)) => walked,
            Ok(Err(why)) => {
                tracing::warn!(%why, "it is not known which ladders were walked: all are walked again");
                Walked::new()
            }
            Err(_) => Walked::new(),
        }
    }

    /// Writes down which ladders everybody was brought up to, so that nobody is looked at again after a start.
    ///
    /// # Errors
    /// The store has no room or fails; they are walked again after the next start then.
    pub async fn note_ladders_walked(&self, walked: &Walked) -> Result<(), Failure> {
        let (shared, part) = (Arc::clone(&self.shared), walked::write(walked));
        let written = blocking(move || {
            let (reached, mut parts) = (shared.store.status().head, std::iter::once(part));
            Handle::current().block_on(shared.store.keep_notes(WALKED, reached, &mut parts))
        });
        Ok(written.await??)
    }

    /// The programs whose ladder has changed by now, and when it did last.
    #[must_use]
    pub fn ladders_changed(&self) -> Vec<(ProgramNo, Moment)> {
        let (programs, now) = (self.programs(), self.now());
        let changed = |timeline: &Arc<Timeline>| {
            let last = timeline.ladder_changes().iter().rev().find(|at| **at <= now)?;
            Some((timeline.number, *last))
        };
        programs.all().iter().filter_map(changed).collect()
    }
}

impl Migration {
    fn judge(&mut self, engine: &Engine, member: &Member, (before, after): (&Timeline, &Timeline)) {
        let on = |timeline: &Timeline| {
            let settled = decide::settled(member, timeline, &engine.shared.mint, self.at);
            let ladder = timeline.at(self.at).ladder.as_ref();
            settled.standing.tier().or(ladder.map(|ladder| ladder.base))
        };
        if let Some((from, to)) = on(before).zip(on(after)) {
            *self.moves.entry((from, to)).or_default() += 1;
        }
        self.members += 1;
    }
}
