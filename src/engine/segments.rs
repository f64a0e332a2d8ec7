//! Segments and alerts come back as orders: who ought to be in one, as the analyst has it, is told to members who are
//! not, and the other way round.
//!
//! A round looks at a copy of what the analyst knows, which shares the rows, so that neither questions nor the feed wait for
//! it. Everybody is looked at once for each day of the program and each version of it, and once after a start; between that,
//! those who bought. Nothing is kept of it but what the orders make facts: what a crash cut off is found again, since it
//! is still different, and an order that was carried out is a replay.

use std::collections::HashMap;
use std::sync::Arc;

use super::Engine;
use super::answer::{Denied, Failure};
use crate::domain::calendar::Day;
use crate::domain::crowd::daybook::MemberNo;
use crate::domain::crowd::tagging::{self, Changes};
use crate::domain::crowd::watching;
use crate::domain::order::{AlertOrder, BelongingOrder, Caller, MemberKey, MemberName, Order, Tagging, Verb};
use crate::domain::program::{ProgramNo, Timeline};
use crate::domain::units::Text;

/// Orders handed in together.
const BATCH: usize = 1_024;

/// For which version and day everybody of a program was looked at.
#[derive(Clone, Debug, Default)]
pub struct Rounds(HashMap<ProgramNo, (u32, Day)>);

impl Engine {
    /// Puts members into segments and out of them, and raises the alerts of those who are watched. Answers how many
    /// were told.
    ///
    /// # Errors
    /// The engine is draining or its store fails; what was not told yet is found again.
    pub async fn tag(&self, rounds: &mut Rounds) -> Result<usize, Failure> {
        let mut told = 0_usize;
        if self.status().clock_jumped {
            return Ok(told);
        }
        for timeline in self.programs().all() {
            let (now, known) = (self.now(), rounds.0.remove(&timeline.number));
            let program = timeline.at(now);
            let round = (program.version, program.zone.day_of(now));
            let changes = self.changes(timeline, round, known == Some(round)).await?;
            told = told.saturating_add(changes.len());
            self.tell(timeline, changes.into_iter().map(tagged).collect()).await?;
            if known != Some(round) {
                // Who is watched is whom a segment was told to: after that.
                let raised = self.out_of_pattern(timeline, round).await?;
                told = told.saturating_add(raised.len());
                self.tell(timeline, raised).await?;
            }
            rounds.0.insert(timeline.number, round);
        }
        Ok(told)
    }

    /// What is different, for everybody, or for those who bought where everybody `is_done`.
    async fn changes(
        &self,
        timeline: &Arc<Timeline>,
        (version, today): (u32, Day),
        is_done: bool,
    ) -> Result<Changes, Failure> {
        let Some(program) = timeline.version(version).cloned() else { return Ok(Changes::new()) };
        if program.segments.is_empty() && is_done {
            return Ok(Changes::new());
        }
        self.analyse().await?;
        let (shared, number) = (Arc::clone(&self.shared), timeline.number);
        let found = tokio::task::spawn_blocking(move || {
            let bought = shared.analyst.take_bought(number);
            if is_done {
                let folded = shared.analyst.folded();
                let crowd = folded.crowds.get(&number);
                return crowd.map(|crowd| tagging::of_purchases(crowd, &program, today, &bought)).unwrap_or_default();
            }
            let glance = shared.analyst.glance(number);
            tagging::of_day(&glance, &program, today)
        });
        found.await.map_err(|error| Failure::Store(error.to_string()))
    }

    /// Whose alerts are to be raised on a day.
    async fn out_of_pattern(
        &self,
        timeline: &Arc<Timeline>,
        (version, today): (u32, Day),
    ) -> Result<Vec<Told>, Failure> {
        let Some(alerts) = timeline.version(version).and_then(|program| program.alerts.clone()) else {
            return Ok(Vec::new());
        };
        self.analyse().await?;
        let (shared, number) = (Arc::clone(&self.shared), timeline.number);
        let found = tokio::task::spawn_blocking(move || {
            let glance = shared.analyst.glance(number);
            watching::of_day(&glance, &alerts, today)
        });
        let found = found.await.map_err(|error| Failure::Store(error.to_string()))?;
        let raise = |(member, raising)| (member, Verb::Alert(Box::new(AlertOrder::Raise(raising))));
        Ok(found.into_iter().map(raise).collect())
    }

    async fn tell(&self, timeline: &Timeline, told: Vec<Told>) -> Result<(), Failure> {
        let program: Text = (&*timeline.newest().id).into();
        let order = |(key, verb): (MemberKey, &Verb)| Order {
            program: program.clone(),
            member: MemberName::Key(key),
            request_id: Text::default(),
            caller: Caller::default(),
            verb: verb.clone(),
        };
        for some in told.chunks(BATCH) {
            let orders = {
                let folded = self.shared.analyst.folded();
                let crowd = folded.crowds.get(&timeline.number);
                let key = |member: MemberNo| crowd.and_then(|crowd| crowd.key(member));
                some.iter().filter_map(|(member, verb)| Some(order((key(*member)?, verb)))).collect()
            };
            let batch = self.submit_all(orders).await?;
            for answer in batch.await.map_err(|_| Failure::Draining)? {
                match answer {
                    Err(Denied::Failed(failure)) => return Err(failure),
                    // She may have closed since; the next day finds her out of it.
                    Err(Denied::Refused(refusal)) => tracing::debug!(%refusal, "a member was not told"),
                    Ok(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// What a member is told.
type Told = (MemberNo, Verb);

fn tagged((member, tagging): (MemberNo, Tagging)) -> Told {
    (member, Verb::Belonging(Box::new(BelongingOrder::Tag(tagging))))
}
