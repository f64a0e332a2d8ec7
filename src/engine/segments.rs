//! Segments and alerts come back as orders: who ought to be in one, as the analyst has it, is told to members who are
//! not, and the other way round.
//!
//! A round looks at a copy of what the analyst knows, which shares the rows, so that neither questions nor the feed wait for
//! it. Everybody is looked at once for each day of the program and each version of it; between that, those who bought.
//! Days that went by while nobody was there, a month of them at most, are made up for in their order, so that whoever would
//! have come into a segment or raised an alert does: a late round says what a prompt one would have said, as far as it
//! is known by now. Nothing is kept of it but what the orders make facts. After a start rounds begin with the day of
//! the newest entry: what a crash cut off is found again, since it is still different, and days on which nobody was told
//! anything come to nothing again.

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

/// How many days that nobody looked at are made up for at most.
const MISSED_MAX: i32 = 31;

/// For which version and day everybody of a program was looked at last.
#[derive(Clone, Debug, Default)]
pub struct Rounds(HashMap<ProgramNo, (u32, Day)>);

impl Rounds {
    /// The days on which everybody is to be looked at, the oldest first: none where that was done for this version and
    /// day. `left` is the day on which somebody was there before this start.
    fn due(&self, program: ProgramNo, left: Option<Day>, (version, today): (u32, Day)) -> Vec<Day> {
        let first = match self.0.get(&program) {
            Some((done, day)) if *day >= today && *done == version => return Vec::new(),
            Some((_, day)) => day.plus_days(1),
            None => left.unwrap_or(today),
        };
        let earliest = today.plus_days(-MISSED_MAX);
        (first.min(today).max(earliest).0..=today.0).map(Day).collect()
    }

    /// Everybody is to be looked at on `day`, unless it ends well.
    fn begin(&mut self, program: ProgramNo, day: Day) {
        self.0.insert(program, (0, day.plus_days(-1)));
    }
}

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
            told = told.saturating_add(self.tag_program(timeline, rounds).await?);
        }
        Ok(told)
    }

    async fn tag_program(&self, timeline: &Arc<Timeline>, rounds: &mut Rounds) -> Result<usize, Failure> {
        let (number, now) = (timeline.number, self.now());
        let program = timeline.at(now);
        let (zone, today) = (&program.zone, program.zone.day_of(now));
        let left = self.shared.left.get(&number).map(|left| zone.day_of(*left));
        let days = rounds.due(number, left, (program.version, today));
        let mut told = 0_usize;
        if days.is_empty() {
            rounds.begin(number, today);
            told = self.tag_some(timeline, (program.version, today), true).await?;
            rounds.0.insert(number, (program.version, today));
        }
        for day in days {
            rounds.begin(number, day);
            // The version that the day ended with, as it was looked at last.
            let version = timeline.at(now.min(zone.start_of(day.plus_days(1)).minus_one())).version;
            told = told.saturating_add(self.tag_some(timeline, (version, day), false).await?);
            told = told.saturating_add(self.raise(timeline, (version, day)).await?);
            rounds.0.insert(number, (version, day));
        }
        Ok(told)
    }

    async fn tag_some(&self, timeline: &Arc<Timeline>, round: (u32, Day), is_done: bool) -> Result<usize, Failure> {
        let changes = self.changes(timeline, round, is_done).await?;
        let told = changes.len();
        self.tell(timeline, changes.into_iter().map(tagged).collect()).await?;
        Ok(told)
    }

    /// Who is watched is whom a segment was told to: after that.
    async fn raise(&self, timeline: &Arc<Timeline>, round: (u32, Day)) -> Result<usize, Failure> {
        let raised = self.out_of_pattern(timeline, round).await?;
        let told = raised.len();
        self.tell(timeline, raised).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_looked_at_once_and_missed_ones_in_their_order() {
        let (one, mut rounds) = (ProgramNo(1), Rounds::default());
        let due = |rounds: &Rounds, left: Option<i32>, version, today| -> Vec<i32> {
            let days = rounds.due(one, left.map(Day), (version, Day(today)));
            days.into_iter().map(|day| day.0).collect()
        };
        assert_eq!(due(&rounds, None, 1, 50), [50], "a program that is new");
        assert_eq!(due(&rounds, Some(47), 1, 50), [47, 48, 49, 50], "after a start");
        assert_eq!(due(&rounds, Some(53), 1, 50), [50], "the clock was set back");
        assert_eq!(due(&rounds, Some(-900), 1, 50), (19..=50).collect::<Vec<_>>(), "a month at most");
        rounds.0.insert(one, (1, Day(50)));
        assert!(due(&rounds, Some(47), 1, 50).is_empty() && due(&rounds, None, 1, 49).is_empty());
        assert_eq!(due(&rounds, None, 2, 50), [50], "another version");
        assert_eq!(due(&rounds, Some(47), 1, 53), [51, 52, 53]);
        rounds.begin(one, Day(52));
        assert_eq!(due(&rounds, None, 1, 53), [52, 53], "it did not end well");
    }
}
