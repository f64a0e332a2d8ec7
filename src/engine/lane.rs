//! The lane: the single writer. It takes what is waiting, reads once, decides in turn, commits once, answers all.
//!
//! It runs on a thread of its own, so that a durable write never holds up the threads that talk to callers. All
//! answers of a group, yes and no alike, wait for its commit: a "no" may rest on a neighbour's uncommitted "yes".

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tracing::Span;

use super::answer::{Applied, ApplyProgram, Denied, Failure, Outcome};
use super::clock::Time;
use super::draft::{Draft, Keys};
use super::{Shared, lookups, programs::Programs, versions};
use crate::domain::event::Seq;
use crate::domain::order::{MemberKey, Order};
use crate::domain::program::Timeline;
use crate::domain::units::Moment;
use crate::store::{CommitError, Group, Wants};

/// The most orders decided and committed together.
const GROUP_ORDERS_MAX: usize = 4_096;
/// So many orders are looked at together before they are decided one by one.
const NEAR: usize = 32;
/// How often a group is decided anew after a conflict before its orders fail.
const ATTEMPTS_MAX: usize = 5;

pub(super) type Verdict = Result<Applied, Denied>;
pub(super) type ProgramVerdict = Result<(Outcome, Arc<Timeline>), Denied>;

/// Something for the lane to do.
pub(super) enum Job {
    /// Orders to carry out, answered together and in order.
    Orders { orders: Orders, permit: OwnedSemaphorePermit },
    /// A program version to apply.
    Program { apply: ApplyProgram, reply: oneshot::Sender<ProgramVerdict> },
    /// Members to settle because time passed.
    SettleDue { limit: usize, reply: oneshot::Sender<Result<usize, Failure>> },
    /// These members to settle.
    Settle { keys: Vec<MemberKey>, reply: oneshot::Sender<Result<usize, Failure>> },
}

/// One order of a unary call, or the batch of a stream.
pub(super) enum Orders {
    One { order: Box<Order>, keys: Keys, span: Span, reply: oneshot::Sender<Verdict> },
    Many { orders: Vec<Order>, keys: Vec<Keys>, reply: oneshot::Sender<Vec<Verdict>> },
}

impl Orders {
    fn as_slice(&self) -> &[Order] {
        match self {
            Self::One { order, .. } => std::slice::from_ref(order),
            Self::Many { orders, .. } => orders,
        }
    }

    fn keys(&self) -> &[Keys] {
        match self {
            Self::One { keys, .. } => std::slice::from_ref(keys),
            Self::Many { keys, .. } => keys,
        }
    }

    /// A span for the commit of a traced order, under the span of its call.
    fn commit_span(&self) -> Option<Span> {
        match self {
            Self::One { span, .. } if !span.is_disabled() => Some(tracing::info_span!(parent: span, "commit")),
            _ => None,
        }
    }

    fn answer(self, verdicts: &mut impl Iterator<Item = Verdict>) {
        // A caller who went away does not hear the answer; the order stands all the same.
        match self {
            Self::One { reply, .. } => drop(verdicts.next().map(|verdict| reply.send(verdict))),
            Self::Many { orders, reply, .. } => drop(reply.send(verdicts.take(orders.len()).collect())),
        }
    }
}

pub(super) struct Lane {
    shared: Arc<Shared>,
    jobs: mpsc::UnboundedReceiver<Job>,
    head: Seq,
    recorded_at: Moment,
}

impl Lane {
    pub(super) fn new(shared: Arc<Shared>, jobs: mpsc::UnboundedReceiver<Job>) -> Self {
        let status = shared.store.status();
        let recorded_at = if status.head == Seq::NONE { Moment::BEGINNING } else { status.head_recorded_at };
        Self { shared, jobs, head: status.head, recorded_at }
    }

    /// Works until every sender is gone and the queue is empty.
    pub(super) async fn run(mut self) {
        let mut waiting = Vec::new();
        while self.jobs.recv_many(&mut waiting, GROUP_ORDERS_MAX).await > 0 {
            let mut group = Vec::new();
            let mut size = 0;
            for job in waiting.drain(..) {
                match job {
                    Job::Orders { orders, permit } => {
                        size += orders.as_slice().len();
                        group.push((orders, permit));
                        if size >= GROUP_ORDERS_MAX {
                            self.carry_out(std::mem::take(&mut group)).await;
                            size = 0;
                        }
                    }
                    other => {
                        self.carry_out(std::mem::take(&mut group)).await;
                        size = 0;
                        self.special(other).await;
                    }
                }
            }
            self.carry_out(group).await;
        }
    }

    async fn special(&mut self, job: Job) {
        match job {
            Job::Orders { .. } => {}
            Job::Program { apply, reply } => drop(reply.send(self.apply_program(apply).await)),
            Job::SettleDue { limit, reply } => drop(reply.send(self.settle_due(limit).await)),
            Job::Settle { keys, reply } => drop(reply.send(self.settle_all(keys).await)),
        }
    }

    async fn carry_out(&mut self, group: Vec<(Orders, OwnedSemaphorePermit)>) {
        if group.is_empty() {
            return;
        }
        let orders: Vec<&Order> = group.iter().flat_map(|(orders, _)| orders.as_slice()).collect();
        let count = orders.len();
        let spans: Vec<Span> = group.iter().filter_map(|(orders, _)| orders.commit_span()).collect();
        let started = Instant::now();
        let keys: Vec<Keys> = group.iter().flat_map(|(orders, _)| orders.keys().iter().copied()).collect();
        let verdicts = match self.decide_and_commit(&orders, &keys).await {
            Ok(verdicts) => verdicts,
            Err(failure) => vec![Err(Denied::Failed(failure)); count],
        };
        drop(spans);
        self.shared.figures.group(&verdicts, started.elapsed());
        let mut verdicts = verdicts.into_iter();
        for (orders, permit) in group {
            orders.answer(&mut verdicts);
            drop(permit);
        }
    }

    /// Decides a group on what is stored and commits it; decides anew when what is stored moved underneath.
    async fn decide_and_commit(&mut self, orders: &[&Order], keys: &[Keys]) -> Result<Vec<Verdict>, Failure> {
        for _ in 0..ATTEMPTS_MAX {
            let mut draft = self.draft();
            let keys = lookups::read_for(&mut draft, &self.shared, orders, keys.to_vec()).await?;
            let mut verdicts = Vec::with_capacity(orders.len());
            for (orders, keys) in orders.chunks(NEAR).zip(keys.chunks(NEAR)) {
                draft.bring_near(orders, keys);
                verdicts.extend(orders.iter().zip(keys).map(|(order, keys)| draft.decide(order, *keys)));
            }
            match self.commit(draft.into_group()).await? {
                Committed::Kept => return Ok(verdicts),
                Committed::Stale => {}
            }
        }
        Err(Failure::Store("the same members were changed elsewhere again and again".into()))
    }

    fn draft(&self) -> Draft {
        Draft::new(self.programs(), self.shared.mint.clone(), self.time(), self.head)
    }

    fn programs(&self) -> Arc<Programs> {
        self.shared.programs.load_full()
    }

    /// Our time: never before that of an entry already kept.
    fn time(&self) -> Time {
        self.shared.clock.time().at_least(self.recorded_at)
    }

    fn now(&self) -> Moment {
        self.time().now
    }

    async fn commit(&mut self, group: Option<Group>) -> Result<Committed, Failure> {
        let Some(group) = group else { return Ok(Committed::Kept) };
        let (recorded_at, head) = (group.recorded_at, group.entries.last().map_or(self.head, |entry| entry.seq));
        let fresh = self.shared.analyst.fresh.wants(&group.entries);
        match self.shared.store.commit(group).await {
            Ok(()) => {
                (self.head, self.recorded_at) = (head, recorded_at);
                self.shared.analyst.fresh.add(fresh);
                self.shared.head.send_replace(head);
                Ok(Committed::Kept)
            }
            Err(CommitError::Conflict(_) | CommitError::Unknown(_)) => {
                self.head = self.shared.store.status().head;
                Ok(Committed::Stale)
            }
            Err(CommitError::NoRoom) => Err(Failure::NoRoom),
            Err(CommitError::Broken(why)) => {
                self.shared.broken(&why);
                Err(Failure::Store(why))
            }
        }
    }

    async fn apply_program(&mut self, apply: ApplyProgram) -> ProgramVerdict {
        let programs = self.programs();
        let claimed = versions::claimed(&self.shared.store, &programs, &apply).await?;
        match versions::judge(&programs, &apply, claimed.as_deref(), self.now(), self.head.next())? {
            versions::Judged::Known(timeline) => Ok((Outcome::Replayed, timeline)),
            versions::Judged::New { programs, timeline, entry } => {
                if apply.dry_run {
                    return Ok((Outcome::Applied, timeline));
                }
                let mut draft = self.draft();
                draft.push_program(entry);
                match self.commit(draft.into_group()).await? {
                    Committed::Stale => Err(Failure::Store("the feed moved elsewhere".into()).into()),
                    Committed::Kept => {
                        self.shared.programs.store(Arc::new(programs));
                        Ok((Outcome::Applied, timeline))
                    }
                }
            }
        }
    }

    async fn settle_due(&mut self, limit: usize) -> Result<usize, Failure> {
        if limit == 0 {
            return Ok(0);
        }
        let due = self.shared.store.due(self.time().settles_to, limit).await?;
        self.settle_all(due.into_iter().map(|(_, key)| key).collect()).await
    }

    /// Settles members, as far as anything of them is due; how many were.
    async fn settle_all(&mut self, keys: Vec<MemberKey>) -> Result<usize, Failure> {
        let mut draft = self.draft();
        let wants = Wants { members: keys.clone(), ..Default::default() };
        draft.take(self.shared.store.read(&wants).await?);
        lookups::read_for_cut_off(&mut draft, &self.shared, keys.iter().copied()).await?;
        let mut settled = 0;
        for key in keys {
            let Some(program) = draft.member(key).map(|member| member.program) else { continue };
            let Some(timeline) = self.programs().numbered(program).cloned() else { continue };
            let changed = draft.settle(key, &timeline).and_then(|settled| Ok(settled | draft.finish(key, &timeline)?));
            match changed {
                Ok(changed) => settled += usize::from(changed),
                // One member whose sums leave their range must not keep the others from being settled.
                Err(refusal) => tracing::error!(%refusal, "a member cannot be settled"),
            }
        }
        match self.commit(draft.into_group()).await? {
            Committed::Kept => Ok(settled),
            Committed::Stale => Ok(0),
        }
    }
}

enum Committed {
    Kept,
    Stale,
}
