//! The embedded store alone, under purchases: how fast, how large, how soon open again.
//!
//! `store_bench DIR ENTRIES MEMBERS GROUP` writes; `store_bench DIR open` only opens and reports.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench that cannot go on says so by panicking"
)]

#[global_allocator]
static HEAP: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rung::domain::calendar::{Day, Zone};
use rung::domain::event::{Entry, Fact, Grant, MemberEnrolled, MeterPost, Part, PurchaseRecorded, Seq};
use rung::domain::lot::{Lot, Terms};
use rung::domain::member::Member;
use rung::domain::order::{Claim, Line, MemberKey, Purchase, ReceiptKey};
use rung::domain::program::{MeterId, ProgramNo, RuleId, TierId, WalletId, Word};
use rung::domain::units::{CurrencyCode, Moment, Points, Quantity, Ratio};
use rung::store::embedded::{BatchTiming, CommitTiming, Embedded, Observer, Options};
use rung::store::{Group, MemberChange, Store, Wants};

#[derive(Default)]
struct Watch(Mutex<Sums>);

#[derive(Default)]
struct Sums {
    commits: Vec<u32>,
    waited: Duration,
    prepared: Duration,
    written: Duration,
    synced: Duration,
    applied: Duration,
    bytes: u64,
    rows: u64,
    row_bytes: u64,
    keeping: Duration,
    batches: u64,
}

impl Observer for Watch {
    fn committed(&self, t: CommitTiming) {
        let mut sums = self.0.lock().unwrap();
        sums.commits.push((t.waited + t.prepared + t.written + t.synced + t.applied).as_micros() as u32);
        sums.waited += t.waited;
        sums.prepared += t.prepared;
        sums.written += t.written;
        sums.synced += t.synced;
        sums.applied += t.applied;
        sums.bytes += t.bytes;
    }
    fn kept(&self, t: BatchTiming) {
        let mut sums = self.0.lock().unwrap();
        sums.rows += t.rows;
        sums.row_bytes += t.bytes;
        sums.keeping += t.took;
        sums.batches += 1;
    }
}

fn cpu(task: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/self/{task}stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn threads() -> HashMap<String, f64> {
    let mut all = HashMap::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let id = task.file_name().into_string().unwrap();
        let name = std::fs::read_to_string(format!("/proc/self/task/{id}/comm")).unwrap_or_default();
        *all.entry(name.trim().to_owned()).or_insert(0.0) += cpu(&format!("task/{id}/"));
    }
    all
}

fn rss() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4 / 1024
}

fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("later"),
    }
}

fn purchase(number: u64, clock: i64, zone: &Zone) -> PurchaseRecorded {
    let line = |n: u64, minor_units| Line {
        line_id: n.to_string().into(),
        sku: format!("sku-{}", (number + n * 37) % 1000).into(),
        category: "coffee".into(),
        quantity: Quantity::ONE,
        minor_units,
        attributes: Vec::new(),
    };
    let grant = |part, n: i64| Grant {
        rule: RuleId(Word(6)),
        program_version: 1,
        part,
        line: None,
        basis: Ratio::whole(n * 100),
        wallet: Some(WalletId(Word(1))),
        desired: Points(n),
        granted: Points(n),
        meters: vec![MeterPost { meter: MeterId(Word(2)), window: Day(20_454), amount: Points(n) }].into(),
        shares: vec![(0, Points(n / 4)), (1, Points(n - n / 4))].into(),
        cap: None,
    };
    PurchaseRecorded {
        purchase: std::sync::Arc::new(Purchase {
            receipt: ReceiptKey { source: "store-17/till-2".into(), id: format!("2025-12-17-{number}").into() },
            kind: "sale".into(),
            occurred_at: Moment(clock - 1_500_000),
            zone: Some(zone.clone()),
            currency: CurrencyCode::parse("USD").unwrap(),
            lines: vec![line(1, 450), line(2, 1_250), line(3, 275)],
            tenders: Vec::new(),
            channel: "store".into(),
            store: "store-17".into(),
            partner: "".into(),
            attributes: Vec::new(),
        }),
        counted_at: Moment(clock - 1_500_000),
        tier: Some(TierId(Word(3))),
        grants: vec![grant(Part::Base, 16), grant(Part::TierBonus(TierId(Word(4))), 4)],
        lots: vec![(WalletId(Word(1)), Lot { terms: Terms::lasting(Day(20_454)), points: Points(20) })].into(),
        repaid: Vec::new(),
        paid_by: Vec::new(),
    }
}

struct Bench {
    store: Arc<Embedded>,
    head: u64,
    clock: i64,
    made: Duration,
    read: Duration,
}

impl Bench {
    /// One group: reads its members and claims, then commits, as an engine would.
    fn group(&mut self, orders: Vec<(MemberKey, Vec<Fact>, Option<Claim>)>) {
        let start = Instant::now();
        let wants = Wants {
            members: orders.iter().map(|o| o.0).collect(),
            claims: orders.iter().filter_map(|o| o.2).collect(),
            ..Wants::default()
        };
        let found = now(self.store.read(&wants)).unwrap();
        assert!(found.claims.is_empty());
        self.read += start.elapsed();
        let start = Instant::now();
        let mut drafts: HashMap<MemberKey, (u64, Member)> = HashMap::with_capacity(orders.len());
        let mut entries = Vec::with_capacity(orders.len());
        for (key, facts, _) in orders {
            let (_, draft) = drafts.entry(key).or_insert_with(|| match found.members.get(&key) {
                Some(member) => (member.version, (**member).clone()),
                None => (0, Member::default()),
            });
            self.head += 1;
            let entry = Entry {
                seq: Seq(self.head),
                program: ProgramNo(0),
                member: key,
                previous: draft.last_entry,
                recorded_at: Moment(self.clock),
                program_version: 1,
                request_id: "".into(),
                principal: "".into(),
                trace_id: "".into(),
                named_by: None,
                facts,
            };
            draft.apply_entry(&entry).unwrap();
            entries.push(Arc::new(entry));
        }
        let members = drafts
            .into_values()
            .map(|(expected_version, m)| MemberChange { expected_version, after: Arc::new(m) })
            .collect();
        let group = Group { recorded_at: Moment(self.clock), entries, members };
        drop(found);
        self.clock += 1000;
        self.made += start.elapsed();
        now(self.store.commit(group)).unwrap();
    }
}

fn main() {
    tracing_subscriber::fmt().with_env_filter("rung=debug").without_time().init();
    let args: Vec<String> = std::env::args().collect();
    let dir = &args[1];
    let watch = Arc::new(Watch::default());
    let mut options = Options { observer: watch.clone(), idle: Duration::from_secs(1 << 20), ..Options::new(dir) };
    if let Ok(n) = std::env::var("ROUND") {
        options.round_entries = n.parse().unwrap();
    }
    if let Ok(n) = std::env::var("CACHE_MB") {
        options.cache_bytes = n.parse::<u64>().unwrap() << 20;
    }
    let start = Instant::now();
    let store = Embedded::open(options).unwrap();
    println!("open {:.2}s rss {} MB {:?}", start.elapsed().as_secs_f64(), rss(), store.status());
    if args[2] == "open" {
        println!("threads {:?}", threads());
        let start = Instant::now();
        println!("verify {:?} {:.2}s", store.verify().unwrap(), start.elapsed().as_secs_f64());
        std::process::exit(0);
    }
    if args[2] == "check" {
        let head = store.status().head;
        let mut folded: HashMap<MemberKey, Member> = HashMap::new();
        let mut at = Seq(0);
        while at < head {
            let more = now(store.feed(at, 10_000)).unwrap();
            for e in &more {
                folded.entry(e.member).or_default().apply_entry(e).unwrap();
            }
            at = more.last().unwrap().seq;
        }
        let (mut n, mut after) = (0, None);
        loop {
            let more = now(store.members(ProgramNo(0), after, 1000)).unwrap();
            for m in &more {
                assert_eq!(**m, folded[&m.key]);
                n += 1;
            }
            match more.last() {
                Some(m) => after = Some(m.key),
                None => break,
            }
        }
        assert_eq!(n, folded.len());
        println!("fold(journal) = member for all {n}");
        std::process::exit(0);
    }
    let [total, members, size]: [u64; 3] = std::array::from_fn(|i| args[i + 2].parse().unwrap());
    let head = store.status().head.0;
    let mut bench = Bench {
        store: store.clone(),
        head,
        clock: store.status().head_recorded_at.0.max(1_766_000_000_000_000) + 1,
        made: Duration::ZERO,
        read: Duration::ZERO,
    };
    let keys: Vec<MemberKey> = (0..members).map(|n| MemberKey::of("cafe", &format!("member-{n}"))).collect();
    let zone = Zone::named("America/Chicago").unwrap();
    if head == 0 {
        let start = Instant::now();
        for first in (0..members).step_by(2048) {
            let orders = (first..(first + 2048).min(members)).map(|n| {
                let enrolled = MemberEnrolled {
                    member_id: format!("member-{n}").into(),
                    id_given: true,
                    identifiers: vec![],
                    attributes: vec![],
                    base_tier: Some(TierId(Word(3))),
                };
                (keys[n as usize], vec![Fact::MemberEnrolled(enrolled)], None)
            });
            let orders = orders.collect();
            bench.group(orders);
        }
        println!("enrolled {members} in {:.2}s rss {} MB", start.elapsed().as_secs_f64(), rss());
    }
    *watch.0.lock().unwrap() = Sums::default();
    let mut random = 0x9e37_79b9_u64 ^ head;
    let (mut start, mut done, all) = (Instant::now(), 0_u64, Instant::now());
    (bench.made, bench.read) = Default::default();
    let mut before = threads();
    while done < total {
        let made = Instant::now();
        let orders: Vec<_> = (0..size.min(total - done))
            .map(|n| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let recorded = purchase(head + done + n, bench.clock, &zone);
                let claim = Claim::receipt(ProgramNo(0), &recorded.purchase.receipt);
                (keys[(random % members) as usize], vec![Fact::PurchaseRecorded(Box::new(recorded))], Some(claim))
            })
            .collect();
        bench.made += made.elapsed();
        done += orders.len() as u64;
        bench.group(orders);
        if done % 1_000_000 < size || done == total {
            let spent = start.elapsed().as_secs_f64();
            let n = if done % 1_000_000 < size { 1_000_000 } else { done % 1_000_000 } as f64;
            let mut sums = std::mem::take(&mut *watch.0.lock().unwrap());
            sums.commits.sort_unstable();
            let p = |q: f64| sums.commits[((sums.commits.len() - 1) as f64 * q) as usize];
            let per = |d: Duration| d.as_secs_f64() * 1e6 / n;
            let status = store.status();
            println!(
                "{:>4.1}M: {:>7.0}/s | per order us: make {:.2} read {:.2} prepare {:.2} write {:.2} sync {:.2} apply {:.2} wait {:.2} | commit p50 {} p99 {} max {} | lag {} dirty {} cached {} rss {} | kept {} rows {} batches {:.1} MB {:.2}s",
                done as f64 / 1e6,
                n / spent,
                per(bench.made),
                per(bench.read),
                per(sums.prepared),
                per(sums.written),
                per(sums.synced),
                per(sums.applied),
                per(sums.waited),
                p(0.5),
                p(0.99),
                p(1.0),
                status.head.0 - status.checkpoint.0,
                status.dirty_members,
                status.cached_members,
                rss(),
                sums.rows,
                sums.batches,
                sums.row_bytes as f64 / 1e6,
                sums.keeping.as_secs_f64()
            );
            let after = threads();
            let mut used: Vec<_> = after
                .iter()
                .map(|(k, v)| (k.clone(), v - before.get(k).unwrap_or(&0.0)))
                .filter(|x| x.1 > 0.005)
                .collect();
            used.sort_by(|a, b| b.1.total_cmp(&a.1));
            println!(
                "      cpu us/order {:?}",
                used.iter().map(|(k, v)| format!("{k} {:.2}", v * 1e6 / n)).collect::<Vec<_>>()
            );
            before = after;
            (bench.made, bench.read) = Default::default();
            start = Instant::now();
        }
    }
    let status = store.status();
    println!(
        "total {:.0}/s; journal {} MB = {:.0} B/entry, snapshots {} MB",
        total as f64 / all.elapsed().as_secs_f64(),
        status.journal_bytes >> 20,
        status.journal_bytes as f64 / status.head.0 as f64,
        status.snapshot_bytes >> 20
    );
    // As after kill -9: nothing is closed.
    std::process::exit(9);
}
