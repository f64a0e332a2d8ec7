//! Power cuts, replayed from real system calls.
//!
//! A writer runs under `strace`; its calls say what was written, when, and which syncs had come back. A cut is a
//! moment in that list: what a completed sync covers is on the disk, and of every other 4 KiB page any state it ever
//! had since. Names in the journal's folder hold from the folder's sync on. The store must open on what is left, with
//! everything it had acknowledged, and agree with a ledger of what it holds.
//!
//! `RUNG_POWER_CUTS` says how many cuts to make. Without `strace` the test does nothing but say so, unless that is set.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rung::store::embedded::{Embedded, Options};
use rung::store::{Store, format};
use tempfile::TempDir;

use crate::store_damage::Dice;
use crate::store_laws::{agrees, tight};
use crate::store_ledger::Ledger;

const PAGE: u64 = 4096;
const CALLS: &str = "openat,write,pwrite64,fdatasync,fsync,ftruncate,rename,unlink,unlinkat";

fn busy(dir: &TempDir) -> Options {
    Options { round_entries: 128, idle: std::time::Duration::from_millis(50), ..tight(dir) }
}

/// The same history every time, a group at a time; `committed` is told the head after each.
fn history(ledger: &mut Ledger, mut commit: impl FnMut(&mut Ledger)) {
    ledger.program(1);
    commit(ledger);
    let mut dice = Dice(11);
    for n in 0..240 {
        ledger.enroll(n);
        for other in 0..=dice.below(5) as u64 {
            ledger.purchase(dice.below(n as usize + 1) as u64, 1_000 * n + other);
        }
        if n % 5 == 0 {
            ledger.tier(dice.below(n as usize + 1) as u64, dice.below(300) as i64 + 1);
        }
        commit(ledger);
    }
}

/// Not a test: what runs under `strace`.
#[test]
#[ignore = "runs under strace, started by the test below"]
fn writer() {
    let Some(dir) = std::env::var_os("RUNG_POWER_DIR").map(PathBuf::from) else { return };
    let mut acknowledged = fs::File::create(dir.join("acknowledged")).unwrap();
    let home = TempDir::new().unwrap();
    let store = Embedded::open(Options { dir: dir.join("data"), ..busy(&home) }).unwrap();
    history(&mut Ledger::new(), |ledger| {
        ledger.commit(&*store);
        acknowledged.write_all(format!("{}\n", ledger.entries.len()).as_bytes()).unwrap();
        // The keeper must have its turn, or there is nothing in its database to cut.
        std::thread::sleep(std::time::Duration::from_millis(3));
    });
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let dir = TempDir::new().unwrap();
    let asked = std::env::var("RUNG_POWER_CUTS").ok();
    let Some(trace) = traced(dir.path()) else {
        assert!(asked.is_none(), "strace is not here, and power cuts were asked for");
        eprintln!("strace is not here: no power was cut");
        return;
    };
    let calls = parse(&trace, dir.path());
    let begin = calls.iter().position(|call| matches!(call, Call::Acknowledged(_))).expect("nothing was acknowledged");
    let cuts: usize = asked.map_or(40, |cuts| cuts.parse().expect("RUNG_POWER_CUTS is a number"));
    let seed = std::env::var("RUNG_POWER_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(2_025);
    let mut whole = Ledger::new();
    history(&mut whole, |ledger| _ = ledger.take());
    let (mut tails, mut remade) = (0, 0);
    for number in 0..cuts {
        let mut dice = Dice(seed + 7_919 * number as u64);
        (0..10).for_each(|_| _ = dice.below(2));
        let mut at = begin + dice.below(calls.len() - begin);
        if number % 2 == 0 {
            // Right behind a write, where the most is in doubt.
            at += calls[at..].iter().position(|call| matches!(call, Call::Write { .. })).map_or(0, |n| n + 1);
        }
        let left = TempDir::new().unwrap();
        let acknowledged = replay(&calls[..at], left.path(), &mut dice);
        let store = Embedded::open(busy(&left)).unwrap_or_else(|error| panic!("cut {number} at call {at}: {error}"));
        let status = store.status();
        assert!(
            status.head.0 >= acknowledged,
            "cut {number} at call {at}: {acknowledged} were acknowledged, {status:?}"
        );
        let mut expected = whole.clone();
        expected.entries.truncate(status.head.0 as usize);
        agrees(&*store, &expected.clone_committed());
        status.repairs.iter().for_each(|repair| println!("cut {number} at call {at} of {}: {repair}", calls.len()));
        tails += usize::from(status.repairs.iter().any(|repair| repair.contains("cut")));
        remade += usize::from(status.repairs.iter().any(|repair| repair.contains("again")));
    }
    println!(
        "{cuts} cuts over {} calls: all acknowledged entries kept; {tails} torn tails cut, {remade} times the snapshots were made again",
        calls.len()
    );
}

fn traced(dir: &Path) -> Option<String> {
    let trace = dir.join("trace");
    let status = Command::new("strace")
        .args(["-f", "-y", "-xx", "-s", "2000000", "-e"])
        .arg(format!("trace={CALLS}"))
        .arg("-o")
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["store_power::writer", "--exact", "--ignored", "--test-threads=1"])
        .env("RUNG_POWER_DIR", dir)
        .stdout(Stdio::null())
        .status()
        .ok()?;
    assert!(status.success(), "the writer failed");
    fs::read_to_string(trace).ok()
}

/// One system call, or the half of one.
#[derive(Debug)]
enum Call {
    Create(PathBuf),
    Write {
        file: PathBuf,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    Resize {
        file: PathBuf,
        length: u64,
    },
    /// A sync that began; it covers what was written before.
    SyncBegan {
        thread: u32,
        file: PathBuf,
    },
    /// … and came back.
    Synced {
        thread: u32,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove(PathBuf),
    Acknowledged(u64),
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |b: u8| (b as char).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks_exact(4).map(|four| digit(four[2]) << 4 | digit(four[3])).collect()
}

/// The quoted arguments of a call, decoded.
fn quoted(args: &str) -> Vec<Vec<u8>> {
    args.split('"').skip(1).step_by(2).map(unhex).collect()
}

/// The path `strace -y` shows for the descriptor an argument list begins with.
fn descriptor(args: &str) -> Option<PathBuf> {
    let (_, rest) = args.split_once('<')?;
    let (path, _) = rest.split_once('>')?;
    let bytes = if path.starts_with("\\x") { unhex(path) } else { path.as_bytes().to_vec() };
    Some(PathBuf::from(String::from_utf8(bytes).unwrap()))
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

fn parse(trace: &str, dir: &Path) -> Vec<Call> {
    let data = dir.join("data");
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let thread: u32 = thread.parse().unwrap();
        let call = call.trim_start();
        if call.starts_with("<... fdatasync resumed") || call.starts_with("<... fsync resumed") {
            calls.push(Call::Synced { thread });
            continue;
        }
        let Some((name, args)) = call.split_once('(') else { continue };
        parse_call(name, args, thread, dir, &data, &mut calls);
    }
    calls
}

fn parse_call(name: &str, args: &str, thread: u32, dir: &Path, data: &Path, calls: &mut Vec<Call>) {
    let within = |path: &Path| path.strip_prefix(data).ok().map(Path::to_owned);
    let last_number = |args: &str| {
        let list = args.split(") = ").next().unwrap_or(args).split(" <unfinished").next().unwrap_or(args);
        list.rsplit(", ").next().and_then(|number| number.trim_end_matches(')').parse::<u64>().ok())
    };
    match name {
        "openat" if args.contains("O_CREAT") => {
            let path = quoted(args).first().and_then(|bytes| within(&path_of(bytes)));
            calls.extend(path.map(Call::Create));
        }
        "write" | "pwrite64" => {
            let Some(path) = descriptor(args) else { return };
            let bytes = quoted(args).into_iter().next().unwrap_or_default();
            if path == dir.join("acknowledged") {
                let text = String::from_utf8(bytes).unwrap();
                calls.push(Call::Acknowledged(text.trim().parse().unwrap()));
            } else if let Some(file) = within(&path) {
                let at = (name == "pwrite64").then(|| last_number(args).unwrap());
                calls.push(Call::Write { file, at, bytes });
            }
        }
        "fdatasync" | "fsync" => {
            let Some(file) = descriptor(args).and_then(|path| within(&path)) else { return };
            calls.push(Call::SyncBegan { thread, file });
            if !args.contains("<unfinished") {
                calls.push(Call::Synced { thread });
            }
        }
        "ftruncate" => {
            let Some(file) = descriptor(args).and_then(|path| within(&path)) else { return };
            calls.push(Call::Resize { file, length: last_number(args).unwrap() });
        }
        "rename" => {
            let names = quoted(args);
            if let (Some(from), Some(to)) = (within(&path_of(&names[0])), within(&path_of(&names[1]))) {
                calls.push(Call::Rename { from, to });
            }
        }
        "unlink" | "unlinkat" => {
            calls.extend(quoted(args).first().and_then(|bytes| within(&path_of(bytes))).map(Call::Remove));
        }
        _ => {}
    }
}

/// A file as the disk may have it: what is certain, and what was written since.
#[derive(Clone, Default)]
struct Sheet {
    certain: Vec<u8>,
    /// Since the last sync, in order.
    pending: Vec<(u64, Vec<u8>)>,
    appended: u64,
}

impl Sheet {
    fn put(bytes: &mut Vec<u8>, at: u64, new: &[u8]) {
        let end = at as usize + new.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[at as usize..end].copy_from_slice(new);
    }

    /// What a cut leaves: each page as it was after any of the writes it got since the last sync.
    fn left(&self, dice: &mut Dice) -> Vec<u8> {
        let mut left = self.certain.clone();
        let mut kept: BTreeMap<u64, usize> = BTreeMap::new();
        let touches =
            |(at, bytes): &(u64, Vec<u8>), page: u64| *at < (page + 1) * PAGE && *at + bytes.len() as u64 > page * PAGE;
        for (at, bytes) in &self.pending {
            for page in at / PAGE..=(at + bytes.len() as u64).saturating_sub(1) / PAGE {
                kept.entry(page).or_insert_with(|| {
                    let writes = self.pending.iter().filter(|write| touches(write, page)).count();
                    dice.below(writes + 1)
                });
            }
        }
        for (page, keep) in kept {
            for (at, bytes) in self.pending.iter().filter(|write| touches(write, page)).take(keep) {
                let from = (page * PAGE).max(*at);
                let to = ((page + 1) * PAGE).min(at + bytes.len() as u64);
                Self::put(&mut left, from, &bytes[(from - at) as usize..(to - at) as usize]);
            }
        }
        left
    }
}

/// Puts down what a cut after these calls leaves; answers with the newest entry acknowledged.
fn replay(calls: &[Call], to: &Path, dice: &mut Dice) -> u64 {
    let mut sheets: Vec<Sheet> = Vec::new();
    let mut names: BTreeMap<PathBuf, usize> = BTreeMap::new();
    // The journal folder's names as its last sync left them, and the changes since.
    let (mut certain_names, mut renames): (BTreeMap<PathBuf, usize>, Vec<BTreeMap<PathBuf, usize>>) =
        Default::default();
    let mut syncs: BTreeMap<u32, (PathBuf, usize)> = BTreeMap::new();
    let mut acknowledged = 0;
    for call in calls {
        match call {
            Call::Create(path) => {
                if !names.contains_key(path) {
                    sheets.push(Sheet::default());
                    names.insert(path.clone(), sheets.len() - 1);
                    renames.push(names.clone());
                }
            }
            Call::Write { file, at, bytes } => {
                let Some(sheet) = names.get(file).map(|n| &mut sheets[*n]) else { continue };
                let at = at.unwrap_or(sheet.appended);
                sheet.appended = at + bytes.len() as u64;
                sheet.pending.push((at, bytes.clone()));
            }
            Call::Resize { file, length } => {
                let Some(sheet) = names.get(file).map(|n| &mut sheets[*n]) else { continue };
                sheet.certain.resize(*length as usize, 0);
                sheet.appended = 0;
            }
            Call::SyncBegan { thread, file } => {
                let pending = names.get(file).map_or(0, |n| sheets[*n].pending.len());
                syncs.insert(*thread, (file.clone(), pending));
            }
            Call::Synced { thread } => {
                let Some((file, covered)) = syncs.remove(thread) else { continue };
                if file == Path::new("journal") {
                    (certain_names, renames) = (names.clone(), Vec::new());
                } else if let Some(sheet) = names.get(&file).map(|n| &mut sheets[*n]) {
                    for (at, bytes) in sheet.pending.drain(..covered.min(sheet.pending.len())) {
                        Sheet::put(&mut sheet.certain, at, &bytes);
                    }
                }
            }
            Call::Rename { from, to } => {
                if let Some(sheet) = names.remove(from) {
                    names.insert(to.clone(), sheet);
                    renames.push(names.clone());
                }
            }
            Call::Remove(path) => {
                names.remove(path);
                renames.push(names.clone());
            }
            Call::Acknowledged(head) => acknowledged = *head,
        }
    }
    renames.insert(0, certain_names);
    let journal = &renames[dice.below(renames.len())];
    let is_journal = |path: &Path| path.starts_with("journal");
    let journal = journal.iter().filter(|(path, _)| is_journal(path));
    for (path, sheet) in names.iter().filter(|(path, _)| !is_journal(path)).chain(journal) {
        let path = to.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, sheets[*sheet].left(dice)).unwrap();
    }
    fs::create_dir_all(to.join("journal")).unwrap();
    acknowledged
}

#[test]
fn the_replay_keeps_what_was_synced_and_doubts_the_rest() {
    let file = PathBuf::from("journal/x");
    let write = |at, byte| Call::Write { file: file.clone(), at: Some(at), bytes: vec![byte; 4096] };
    let calls = [
        Call::Create(file.clone()),
        write(0, 1),
        Call::SyncBegan { thread: 1, file: file.clone() },
        write(4096, 2),
        Call::Synced { thread: 1 },
        Call::SyncBegan { thread: 1, file: "journal".into() },
        Call::Synced { thread: 1 },
        Call::Acknowledged(9),
    ];
    let mut lengths = Vec::new();
    for seed in 1..40 {
        let dir = TempDir::new().unwrap();
        assert_eq!(replay(&calls, dir.path(), &mut Dice(seed * 77_777)), 9);
        let left = fs::read(dir.path().join(&file)).unwrap();
        assert_eq!(left[..4096], [1; 4096]);
        lengths.push(left.len());
    }
    assert!(lengths.contains(&4096) && lengths.contains(&8192));
    assert_eq!(format::FORMAT, 1);
}
