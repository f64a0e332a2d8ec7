//! The one place where the pure core meets what is durable.
//!
//! Callers hand in orders and get answers that would survive a power cut; one lane decides and commits them in
//! groups. Reads look at what is kept and settle a copy to now. The engine knows the domain and the store's seam,
//! never the wire, and no engine below the seam.

mod analyst;
mod answer;
mod books;
mod brought_back;
pub mod clock;
mod draft;
pub mod figures;
mod forecasts;
mod fresh;
mod lane;
mod lookups;
mod migration;
mod pots;
mod programs;
mod pseudonym;
mod scribe;
pub mod segments;
mod transfers;
mod versions;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, TryAcquireError, mpsc, oneshot, watch};

use crate::domain::decide;
use crate::domain::event::{Entry, Seq};
use crate::domain::member::Member;
use crate::domain::order::{Claim, Identifier, MemberKey, MemberName, Order, Refusal, Verb};
use crate::domain::program::{ProgramNo, Timeline};
use crate::domain::units::{Moment, Points, Text};
use crate::domain::voucher::{Mint, normal_code};
use crate::store::{Store, Wants};
pub use answer::{AnalystStatus, Applied, ApplyProgram, Denied, EngineStatus, Failure, Outcome, View, VoucherView};
pub use books::{Liability, LiabilityRow};
use clock::Clock;
use draft::Keys;
pub use figures::refusals;
pub use forecasts::Age;
use lane::{Job, Lane, Orders};
pub use migration::Migration;
pub use programs::Programs;
pub use pseudonym::{Pseudonyms, identifies};

/// What the engine is composed of.
pub struct Options {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Where moments come from.
    pub clock: Clock,
    /// The secret identifiers are hashed under.
    pub pseudonyms: Pseudonyms,
    /// How many orders may wait or be in work, 1 to 4,000,000.
    pub queue_limit: usize,
}

/// How many orders wait unless told otherwise: enough to fill several groups, little enough to be answered within
/// a second.
pub const QUEUE_LIMIT: usize = 65_536;

struct Shared {
    store: Arc<dyn Store>,
    clock: Clock,
    pseudonyms: Pseudonyms,
    mint: Mint,
    books: books::Kept,
    analyst: analyst::Kept,
    forecasts: forecasts::Kept,
    programs: ArcSwap<Programs>,
    /// Of the programs that were there at the start, when the newest entry was recorded: somebody was there then.
    left: HashMap<ProgramNo, Moment>,
    head: watch::Sender<Seq>,
    clock_moved: watch::Sender<Moment>,
    broken: watch::Sender<Option<String>>,
    figures: figures::Figures,
    draining: AtomicBool,
    room: Arc<Semaphore>,
    queue_limit: usize,
}

impl Shared {
    fn status(&self) -> EngineStatus {
        EngineStatus {
            store: self.store.status(),
            analyst: self.analyst.status(),
            queued: self.queue_limit.saturating_sub(self.room.available_permits()),
            queue_limit: self.queue_limit,
            test_clock: self.clock.is_test(),
            now: self.clock.now(),
            clock_jumped: self.clock.time().has_jumped,
            draining: self.draining.load(Ordering::Acquire),
        }
    }

    fn broken(&self, why: &str) {
        self.draining.store(true, Ordering::Release);
        self.broken.send_replace(Some(why.to_owned()));
    }
}

/// The orders of one stream batch, being decided; answered together, in order.
pub type Batch = oneshot::Receiver<Vec<Result<Applied, Denied>>>;

/// The engine: cheap to clone, shared by every caller.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    jobs: mpsc::UnboundedSender<Job>,
}

/// The lane's thread; ends when every [`Engine`] is dropped.
pub type LaneThread = std::thread::JoinHandle<()>;

impl Engine {
    /// Starts the engine on a store: reads the programs and starts the lane.
    ///
    /// # Errors
    /// The store cannot be read, a stored program cannot be understood, or no thread can be started.
    pub async fn start(options: Options) -> anyhow::Result<(Self, LaneThread)> {
        let programs = stored_programs(&*options.store).await?;
        let (jobs, waiting) = mpsc::unbounded_channel();
        let head = options.store.status().head;
        let newest = options.store.entry(head).await?.map(|entry| entry.recorded_at);
        let left =
            newest.into_iter().flat_map(|at| programs.all().iter().map(move |known| (known.number, at))).collect();
        let shared = Arc::new(Shared {
            left,
            store: options.store,
            clock_moved: watch::Sender::new(options.clock.now()),
            clock: options.clock,
            mint: options.pseudonyms.mint(),
            books: books::Kept::default(),
            analyst: analyst::Kept::default(),
            forecasts: forecasts::Kept::default(),
            pseudonyms: options.pseudonyms,
            programs: ArcSwap::from_pointee(programs),
            head: watch::Sender::new(head),
            broken: watch::Sender::new(None),
            figures: figures::Figures::new(&opentelemetry::global::meter("rung")),
            draining: AtomicBool::new(false),
            room: Arc::new(Semaphore::new(options.queue_limit)),
            queue_limit: options.queue_limit,
        });
        let lane = Lane::new(Arc::clone(&shared), waiting);
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let thread = std::thread::Builder::new().name("lane".into()).spawn(move || runtime.block_on(lane.run()))?;
        Ok((Self { shared, jobs }, thread))
    }

    /// Carries out one order; durable when it returns.
    ///
    /// # Errors
    /// The refusal, or a failure; a full queue is [`Failure::Overloaded`] and nothing was started.
    pub async fn submit(&self, order: Order) -> Result<Applied, Denied> {
        self.accepting()?;
        let permit = match Arc::clone(&self.shared.room).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::NoPermits) => return Err(Failure::Overloaded.into()),
            Err(TryAcquireError::Closed) => return Err(Failure::Draining.into()),
        };
        let (reply, answer) = oneshot::channel();
        let keys = Keys::of(&order, &self.shared.programs.load());
        if let Some(member) = met(&order, &keys) {
            self.shared.store.bring_near(&[member]).await;
        }
        let orders = Orders::One { order: Box::new(order), keys, span: tracing::Span::current(), reply };
        self.send(Job::Orders { orders, permit })?;
        answer.await.map_err(|_| Denied::Failed(Failure::Draining))?
    }

    /// Queues orders of a stream, in order, waiting for room; answers come together, in order.
    ///
    /// # Errors
    /// [`Failure::Draining`].
    pub async fn submit_all(&self, orders: Vec<Order>) -> Result<Batch, Failure> {
        self.accepting()?;
        let wanted = orders.len().min(self.shared.queue_limit);
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.shared.room).acquire_many_owned(wanted).await.map_err(|_| Failure::Draining)?;
        let (reply, answer) = oneshot::channel();
        let programs = self.programs();
        let keys: Vec<Keys> = orders.iter().map(|order| Keys::of(order, &programs)).collect();
        let members: Vec<MemberKey> = orders.iter().zip(&keys).filter_map(|(order, keys)| met(order, keys)).collect();
        self.shared.store.bring_near(&members).await;
        self.send(Job::Orders { orders: Orders::Many { orders, keys, reply }, permit })?;
        Ok(answer)
    }

    /// The same path as [`Self::submit`], nothing kept (`dry_run`, quotes).
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn rehearse(&self, order: Order) -> Result<Applied, Denied> {
        let programs = self.shared.programs.load_full();
        let status = self.shared.store.status();
        let (mint, time) = (self.shared.mint.clone(), self.shared.clock.time().at_least(status.head_recorded_at));
        let mut draft = draft::Draft::new(programs, mint, time, status.head);
        let keys = vec![Keys::of(&order, &self.programs())];
        let keys = lookups::read_for(&mut draft, &self.shared, &[&order], keys).await?;
        draft.decide(&order, keys.first().copied().unwrap_or_default())
    }

    /// One member, settled to now.
    ///
    /// # Errors
    /// Unknown program or member, or the store cannot answer.
    pub async fn member(&self, program: &str, name: &MemberName) -> Result<View, Denied> {
        let timeline = self.timeline(program)?;
        let found = match name {
            MemberName::Id(id) => self.shared.store.member(MemberKey::of(program, id)).await?,
            MemberName::Key(key) => self.shared.store.member(*key).await?,
            MemberName::Identifier(identifier) => self.holder(identifier).await?,
            // Only orders name their member by what they are about.
            MemberName::Receipt(_) | MemberName::Entry(_) | MemberName::Voucher(_) => None,
        };
        Ok(self.view(found.ok_or(Refusal::UnknownMember)?, timeline))
    }

    /// Whose identifier it is.
    async fn holder(&self, identifier: &Identifier) -> Result<Option<Arc<Member>>, Failure> {
        let wants = Wants { identifiers: vec![identifier.hash], ..Wants::default() };
        Ok(self.shared.store.read(&wants).await?.members.into_values().next())
    }

    /// The ids of members, by key; a key nobody has is absent.
    ///
    /// # Errors
    /// The store cannot answer.
    pub async fn member_ids(&self, keys: &[MemberKey]) -> Result<HashMap<MemberKey, Text>, Failure> {
        let members = keys.iter().copied().filter(|key| *key != MemberKey::NOBODY).collect();
        let found = self.shared.store.read(&Wants { members, ..Wants::default() }).await?;
        Ok(found.members.into_iter().map(|(key, member)| (key, member.id.clone())).collect())
    }

    /// Members of a program in the order of their keys, after `after`, at most `limit`.
    ///
    /// # Errors
    /// Unknown program, or the store cannot answer.
    pub async fn members(&self, program: &str, after: Option<MemberKey>, limit: usize) -> Result<Vec<View>, Denied> {
        let timeline = self.timeline(program)?;
        let (mut after, mut views) = (after, Vec::new());
        loop {
            let wanted = limit.saturating_sub(views.len());
            let found = self.shared.store.members(timeline.number, after, wanted).await?;
            let last = found.len() < wanted;
            after = found.last().map(|member| member.key).or(after);
            // What is scarce across members lies among them and is none.
            let members = found.into_iter().filter(|member| member.pot.is_none());
            views.extend(members.map(|member| self.view(member, Arc::clone(&timeline))));
            if last || views.len() >= limit {
                return Ok(views);
            }
        }
    }

    /// A voucher, by its code as it was typed.
    ///
    /// # Errors
    /// Unknown program or voucher, or the store cannot answer.
    pub async fn voucher(&self, program: &str, code: &str) -> Result<VoucherView, Denied> {
        let timeline = self.timeline(program)?;
        let claim = Claim::voucher(timeline.number, &normal_code(code));
        let claims = vec![claim, claim.end()];
        let mut found = self.shared.store.read(&Wants { claims, ..Wants::default() }).await?;
        let issued = found.claims.remove(&claim).ok_or(Refusal::UnknownVoucher)?;
        let (reward, times, expires_at) = issued.voucher(claim).ok_or(Refusal::UnknownVoucher)?;
        let mut ended = found.claims.remove(&claim.end());
        if ended.is_none() {
            let cancelled = Claim::cancellation(issued.seq);
            let wants = Wants { claims: vec![cancelled], ..Wants::default() };
            ended = self.shared.store.read(&wants).await?.claims.remove(&cancelled);
        }
        let view = self.member(program, &MemberName::Key(issued.member)).await?;
        let open = view.member.desk().vouchers.iter().any(|held| held.claim == claim);
        Ok(VoucherView { view, issued, ended, reward, times, expires_at, claim, open })
    }

    /// The code of a member's voucher.
    #[must_use]
    pub fn voucher_code(&self, member: MemberKey, nonce: &str) -> Text {
        self.shared.mint.code(member, nonce)
    }

    /// What is gone of something scarce: what was taken and what is set aside.
    ///
    /// # Errors
    /// Unknown program, or the store cannot answer.
    pub async fn pot(&self, program: &str, pot: &str) -> Result<Points, Denied> {
        self.timeline(program)?;
        let key = MemberKey::of_pot(program, pot);
        let found = self.shared.store.member(key).await?;
        let pot = found.as_ref().and_then(|member| member.pot.as_ref());
        Ok(pot.and_then(|pot| pot.gone().ok()).unwrap_or_default())
    }

    /// A member's entries, newest first, before `before` (`None`: from the newest), at most `limit`.
    ///
    /// # Errors
    /// Unknown program or member, or the store cannot answer.
    pub async fn history(
        &self,
        program: &str,
        name: &MemberName,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<(View, Vec<Arc<Entry>>), Denied> {
        let view = self.member(program, name).await?;
        let mut at = view.member.last_entry;
        let mut entries = Vec::new();
        if let Some(before) = before {
            at = self.previous_of(&view.member, before).await?;
        }
        while at != Seq::NONE && entries.len() < limit {
            let entry = self.shared.store.entry(at).await?.ok_or(Refusal::UnknownEntry)?;
            at = entry.previous;
            entries.push(entry);
        }
        Ok((view, entries))
    }

    async fn previous_of(&self, member: &Member, before: Seq) -> Result<Seq, Denied> {
        let entry = self.shared.store.entry(before).await?.filter(|entry| entry.member == member.key);
        Ok(entry.ok_or(Refusal::UnknownEntry)?.previous)
    }

    /// One entry of a program.
    ///
    /// # Errors
    /// Unknown program or entry, or the store cannot answer.
    pub async fn entry(&self, program: &str, seq: Seq) -> Result<(Arc<Entry>, Arc<Timeline>), Denied> {
        let timeline = self.timeline(program)?;
        let entry = self.shared.store.entry(seq).await?.filter(|entry| entry.program == timeline.number);
        Ok((entry.ok_or(Refusal::UnknownEntry)?, timeline))
    }

    /// Entries of all programs after `after`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// The store cannot answer.
    pub async fn feed(&self, after: Seq, limit: usize) -> Result<Vec<Arc<Entry>>, Failure> {
        Ok(self.shared.store.feed(after, limit).await?)
    }

    /// Tells whenever the head of the feed moves.
    #[must_use]
    pub fn watch_head(&self) -> watch::Receiver<Seq> {
        self.shared.head.subscribe()
    }

    /// Tells whenever the test clock is moved.
    #[must_use]
    pub fn watch_clock(&self) -> watch::Receiver<Moment> {
        self.shared.clock_moved.subscribe()
    }

    /// Tells when the store cannot be trusted any more and the process must stop.
    #[must_use]
    pub fn watch_broken(&self) -> watch::Receiver<Option<String>> {
        self.shared.broken.subscribe()
    }

    /// Applies a program version. Answers with its timeline, and whether it was applied now or known (under its key,
    /// or as the text in force), which counts as replayed.
    ///
    /// # Errors
    /// Flaws, a stale version, an effective time in the past, or a failure.
    pub async fn apply_program(&self, apply: ApplyProgram) -> Result<(Outcome, Arc<Timeline>), Denied> {
        self.accepting()?;
        let (reply, answer) = oneshot::channel();
        self.send(Job::Program { apply, reply })?;
        answer.await.map_err(|_| Denied::Failed(Failure::Draining))?
    }

    /// Settles members who are due, at most `limit`; how many were.
    ///
    /// # Errors
    /// A failure; nothing was kept.
    pub async fn settle_due(&self, limit: usize) -> Result<usize, Failure> {
        self.accepting()?;
        let (reply, answer) = oneshot::channel();
        self.send(Job::SettleDue { limit, reply })?;
        answer.await.map_err(|_| Failure::Draining)?
    }

    /// When the next member is due, if any is.
    ///
    /// # Errors
    /// The store cannot answer.
    pub async fn next_due(&self) -> Result<Option<Moment>, Failure> {
        let due = self.shared.store.due(Moment::NEVER, 1).await?;
        Ok(due.first().map(|(moment, _)| *moment))
    }

    /// The TOML text of a version; the newest if `version` is 0.
    ///
    /// # Errors
    /// Unknown program or version.
    pub fn program_source(&self, program: &str, version: u32) -> Result<(Arc<str>, Arc<Timeline>), Denied> {
        let programs = self.programs();
        let timeline = self.timeline(program)?;
        let wanted = if version == 0 { timeline.newest().version } else { version };
        let source = programs.source(timeline.number, wanted).cloned().ok_or(Refusal::UnknownVersion(version))?;
        Ok((source, timeline))
    }

    /// All programs now.
    #[must_use]
    pub fn programs(&self) -> Arc<Programs> {
        self.shared.programs.load_full()
    }

    /// The keyed hash and mask of an identifier; the only place its value is looked at.
    #[must_use]
    pub fn identify(&self, program: &str, kind: &str, value: &str) -> Identifier {
        self.shared.pseudonyms.identifier(program, kind, value)
    }

    /// The engine's clock.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.shared.clock.now()
    }

    /// Moves the test clock forwards.
    ///
    /// # Errors
    /// The server runs on the real clock, or the clock would go back.
    pub fn advance_clock(&self, to: Moment) -> Result<Moment, Denied> {
        let now = self.shared.clock.advance(to).ok_or(Refusal::NoTestClock)?;
        if now > to {
            return Err(Refusal::ClockBackwards { to, now }.into());
        }
        self.shared.clock_moved.send_replace(to);
        Ok(to)
    }

    /// Stops taking orders; those already queued are finished.
    pub fn drain(&self) {
        self.shared.draining.store(true, Ordering::Release);
        self.shared.room.close();
    }

    /// Waits until everything queued is answered; nothing new must come in (see [`Self::drain`]).
    pub async fn idle(&self) {
        let (reply, done) = oneshot::channel();
        if self.send(Job::SettleDue { limit: 0, reply }).is_ok() {
            drop(done.await);
        }
    }

    /// Registers the gauges that are read off the engine's state.
    pub fn observe(&self) {
        let engine = Arc::downgrade(&self.shared);
        figures::observe(&opentelemetry::global::meter("rung"), move || engine.upgrade().map(|shared| shared.status()));
    }

    /// Brings the store's snapshots up to the head.
    ///
    /// # Errors
    /// The store cannot write.
    pub async fn checkpoint(&self) -> Result<(), Failure> {
        Ok(self.shared.store.checkpoint().await?)
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> EngineStatus {
        self.shared.status()
    }

    fn accepting(&self) -> Result<(), Failure> {
        if self.shared.draining.load(Ordering::Acquire) { Err(Failure::Draining) } else { Ok(()) }
    }

    fn send(&self, job: Job) -> Result<(), Failure> {
        self.jobs.send(job).map_err(|_| Failure::Draining)
    }

    fn timeline(&self, program: &str) -> Result<Arc<Timeline>, Refusal> {
        self.shared.programs.load().named(program).cloned().ok_or_else(|| Refusal::UnknownProgram(program.into()))
    }

    fn view(&self, member: Arc<Member>, timeline: Arc<Timeline>) -> View {
        let time = self.shared.clock.time().at_least(member.recorded_at);
        let (mint, end) = (&self.shared.mint, time.settles_to);
        let due = decide::settle(&member, &timeline, mint, end);
        let member =
            if due.is_empty() { member } else { Arc::new(decide::settled(&member, &timeline, mint, end).into_owned()) };
        View { member, timeline, now: time.now, due }
    }
}

async fn stored_programs(store: &dyn Store) -> anyhow::Result<Programs> {
    let mut programs = Programs::default();
    for entry in store.programs().await? {
        programs = programs.with_entry(&entry).map_err(|refusal| {
            anyhow::anyhow!("entry {} holds a program that cannot be read: {refusal}", entry.seq.0)
        })?;
    }
    Ok(programs)
}

/// Whom an order meets who is there already, as far as its keys tell.
fn met(order: &Order, keys: &Keys) -> Option<MemberKey> {
    let enrols = matches!(order.verb, Verb::Enroll(_) | Verb::Import(_));
    keys.member.filter(|_| !enrols)
}
