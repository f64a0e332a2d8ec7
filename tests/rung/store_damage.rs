//! Damaged bytes: what was never acknowledged is cut, everything else is refused; nothing wrong is ever served.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rung::domain::event::Seq;
use rung::store::embedded::{BatchTiming, CommitTiming, Embedded, Observer, Options};
use rung::store::format::frame::{Frame, FrameHeader};
use rung::store::format::segment;
use rung::store::{ReadError, Store, Wants};
use tempfile::TempDir;

use crate::store_crash::{lazy, segments};
use crate::store_laws::{agrees, some_history, tight};
use crate::store_ledger::{Ledger, now};

/// Where each frame of a segment starts, and where the last one ends.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut starts = vec![segment::HEADER];
    while let Ok(header) = FrameHeader::read(&bytes[starts[starts.len() - 1]..]) {
        starts.push(starts[starts.len() - 1] + header.length as usize);
    }
    starts
}

/// A ledger that ends before the frame at `start` of the last segment.
fn ledger_before(ledger: &Ledger, bytes: &[u8], start: usize) -> Ledger {
    let mut before = ledger.clone();
    let first = Frame::read(&bytes[start..]).unwrap().header.first.0;
    before.entries.truncate(first as usize - 1);
    before.clone_committed()
}

pub fn copied(dir: &TempDir) -> TempDir {
    let copy = TempDir::new().unwrap();
    copy_all(dir.path(), copy.path());
    copy
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = {
            let entry = entry.unwrap();
            (entry.path(), entry.file_name())
        };
        if path.is_dir() {
            copy_all(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// A store with a history, closed, whose snapshots know nothing of it.
fn written(steps: u64) -> (TempDir, Ledger) {
    let dir = TempDir::new().unwrap();
    let mut ledger = Ledger::new();
    some_history(&*Embedded::open(lazy(&dir)).unwrap(), &mut ledger, 0, steps);
    (dir, ledger)
}

/// A small generator, so that a failure can be repeated.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[test]
fn a_torn_tail_is_cut_and_told() {
    let (dir, ledger) = written(60);
    let last = segments(&dir).pop().unwrap();
    let good = fs::read(&last).unwrap();
    let starts = frames(&good);
    let (start, end) = (starts[starts.len() - 2], starts[starts.len() - 1]);
    let shorter = ledger_before(&ledger, &good, start);
    let mut dice = Dice(7);
    for round in 0..24 {
        let mut torn = good.clone();
        let expected = match round % 4 {
            // The last write never came to its end.
            0 => {
                torn[start + dice.below(end - start)..].fill(0);
                &shorter
            }
            // Its pages came in the wrong order.
            1 => {
                let page = (end - 1) / 4096 * 4096;
                torn[start..page.max(start + 1)].fill(0);
                &shorter
            }
            // Rubbish behind it.
            2 => {
                torn[end..end + 1 + dice.below(500)].fill(0xa5);
                &ledger
            }
            // A byte of it is wrong: the same as torn.
            _ => {
                torn[start + dice.below(end - start)] ^= 1 << dice.below(8);
                &shorter
            }
        };
        let torn_dir = copied(&dir);
        fs::write(segments(&torn_dir).pop().unwrap(), &torn).unwrap();
        let store = Embedded::open(lazy(&torn_dir)).unwrap();
        assert!(store.status().repairs[0].contains("cut"), "{round}: {:?}", store.status().repairs);
        agrees(&*store, expected);
        drop(store);
        let store = Embedded::open(lazy(&torn_dir)).unwrap();
        assert_eq!(store.status().repairs.len(), 0, "{round}: it is cut once");
        let mut goes_on = expected.clone();
        some_history(&*store, &mut goes_on, 60, 10);
        agrees(&*store, &goes_on);
    }
}

#[test]
fn what_the_snapshots_reflect_is_never_cut() {
    let dir = TempDir::new().unwrap();
    let mut ledger = Ledger::new();
    {
        let store = Embedded::open(lazy(&dir)).unwrap();
        some_history(&*store, &mut ledger, 0, 60);
        now(store.checkpoint()).unwrap();
    }
    let last = segments(&dir).pop().unwrap();
    let mut bytes = fs::read(&last).unwrap();
    let starts = frames(&bytes);
    bytes[starts[starts.len() - 2] + 100] ^= 4;
    fs::write(&last, &bytes).unwrap();
    let refused = Embedded::open(lazy(&dir)).err().unwrap().to_string();
    assert!(refused.contains("segment") && refused.contains("reflect"), "{refused}");
    assert_eq!(fs::read(&last).unwrap(), bytes, "nothing was touched");
}

#[test]
fn a_flipped_bit_is_refused_or_cut_and_never_served() {
    let (dir, ledger) = written(160);
    let all = segments(&dir);
    assert!(all.len() > 2);
    let mut dice = Dice(99);
    for round in 0..120 {
        let which = dice.below(all.len());
        let mut bytes = fs::read(&all[which]).unwrap();
        let at = dice.below(bytes.len());
        bytes[at] ^= 1 << dice.below(8);
        let hurt = copied(&dir);
        fs::write(&segments(&hurt)[which], &bytes).unwrap();
        match Embedded::open(lazy(&hurt)) {
            Err(refused) => assert!(refused.to_string().contains("segment"), "{round}: {refused}"),
            Ok(store) => serves_nothing_wrong(&*store, &ledger),
        }
    }
}

/// Everything that is served is right; the rest is an error.
fn serves_nothing_wrong(store: &dyn Store, ledger: &Ledger) {
    let head = store.status().head.0 as usize;
    let shorter = {
        let mut l = ledger.clone();
        l.entries.truncate(head);
        l.clone_committed()
    };
    for seq in 1..=head {
        match now(store.entry(Seq(seq as u64))) {
            Ok(entry) => assert_eq!(entry.unwrap(), ledger.entries[seq - 1]),
            Err(error) => assert!(matches!(error, ReadError::Damaged(_)), "{error}"),
        }
    }
    let mut after = Seq(0);
    while let Ok(entries) = now(store.feed(after, 64)) {
        let Some(last) = entries.last() else { break };
        assert_eq!(entries, ledger.entries[after.0 as usize..last.seq.0 as usize]);
        after = last.seq;
    }
    for (key, member) in &shorter.members {
        match now(store.read(&Wants { members: vec![*key], ..Wants::default() })) {
            Ok(found) => assert_eq!(found.members.get(key), Some(member)),
            Err(_) => break,
        }
    }
    for entry in &shorter.entries {
        for claim in entry.claims() {
            match now(store.read(&Wants { claims: vec![claim], ..Wants::default() })) {
                Ok(found) => assert!(found.claims[&claim].claims().contains(&claim)),
                Err(_) => return,
            }
        }
    }
}

#[test]
fn verify_finds_every_flipped_bit_of_a_frame() {
    let (dir, _) = written(160);
    let all = segments(&dir);
    let mut dice = Dice(5);
    for _ in 0..30 {
        // Full segments are believed by their footers on opening; their frames are compared when they are read.
        let which = dice.below(all.len() - 1);
        let mut bytes = fs::read(&all[which]).unwrap();
        let end = *frames(&bytes).last().unwrap();
        let at = segment::HEADER + dice.below(end - segment::HEADER);
        bytes[at] ^= 1 << dice.below(8);
        let hurt = copied(&dir);
        {
            // With snapshots up to the head nothing needs to be folded, so it opens.
            let store = Embedded::open(lazy(&hurt)).unwrap();
            now(store.checkpoint()).unwrap();
            store.verify().unwrap();
        }
        fs::write(&segments(&hurt)[which], &bytes).unwrap();
        let store = Embedded::open(lazy(&hurt)).unwrap();
        let damage = store.verify().unwrap_err().to_string();
        assert!(damage.contains(&format!("segment {}", which + 1)), "{damage}");
    }
}

/// A number from the environment: `RUNG_DAMAGE_SEEDS` says how many times to damage the snapshots, `RUNG_DAMAGE_SEED`
/// where to begin.
fn told(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

/// What is in a folder to be hurt: mostly in the snapshots, a little only in the journal.
fn kept_history(store: &dyn Store, ledger: &mut Ledger) {
    some_history(store, ledger, 0, 300);
    now(store.checkpoint()).unwrap();
    some_history(store, ledger, 300, 30);
}

/// Damages the file in which the snapshots lie, where something is written: most of it is room.
fn damage(bytes: &mut Vec<u8>, seed: usize) {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ seed as u64);
    (0..10).for_each(|_| _ = dice.below(2));
    let written: Vec<usize> = (0..bytes.len() / 512).filter(|at| bytes[at * 512..][..512] != [0; 512]).collect();
    let mut place = || written[dice.below(written.len())] * 512 + dice.below(512);
    match seed % 6 {
        0 => bytes.truncate(place()),
        1 => {
            let at = place() / 4096 * 4096;
            let end = bytes.len().min(at + 4096);
            bytes[at..end].fill(0);
        }
        // Nothing of it is left: these at least must be made again, wherever the others happened to hit.
        2 => bytes.fill(0),
        // A page of it in the place of another.
        3 => {
            let [from, to] = [place(), place()].map(|at| at / 4096 * 4096);
            // The file may end within a page.
            let length = 4096.min(bytes.len() - from.max(to));
            bytes.copy_within(from..from + length, to);
        }
        _ => {
            for _ in 0..=seed % 20 {
                let at = place();
                bytes[at] ^= 1 << (seed % 8);
            }
        }
    }
}

/// Opens a folder with damaged snapshots; whether they were made again.
fn opens_whole(hurt: &TempDir, ledger: &Ledger, round: &str) -> bool {
    let remade = match Embedded::open(tight(hurt)) {
        Ok(store) if store.status().repairs.is_empty() => {
            serves_nothing_wrong(&*store, ledger);
            false
        }
        Ok(store) => {
            agrees(&*store, ledger);
            true
        }
        Err(error) => panic!("{round}: the journal is whole, but {error}"),
    };
    // Whatever was found meanwhile, the next opening is whole.
    agrees(&*Embedded::open(tight(hurt)).unwrap(), ledger);
    remade
}

/// A folder as it was before it was opened: it stays if that ends badly, since the snapshot database never lies
/// twice in the same bytes. `RUNG_DAMAGE_DIR` opens it again.
struct Evidence(Option<TempDir>);

impl Drop for Evidence {
    fn drop(&mut self) {
        if let (true, Some(dir)) = (std::thread::panicking(), self.0.take()) {
            eprintln!("RUNG_DAMAGE_DIR={}", dir.keep().display());
        }
    }
}

#[test]
fn damaged_snapshots_are_made_again_and_never_served() {
    let (seeds, first) = (told("RUNG_DAMAGE_SEEDS", 40), told("RUNG_DAMAGE_SEED", 0));
    let (dir, mut ledger) = (TempDir::new().unwrap(), Ledger::new());
    kept_history(&*Embedded::open(tight(&dir)).unwrap(), &mut ledger);
    if let Some(kept) = std::env::var_os("RUNG_DAMAGE_DIR") {
        let hurt = TempDir::new().unwrap();
        copy_all(Path::new(&kept), hurt.path());
        opens_whole(&hurt, &ledger, "the folder that was kept");
        return;
    }
    let (mut remade, mut missed) = (0, 0);
    for seed in first..first + seeds {
        let hurt = copied(&dir);
        let db = hurt.path().join("snapshots/db");
        let mut bytes = fs::read(&db).unwrap();
        damage(&mut bytes, seed);
        fs::write(&db, bytes).unwrap();
        let _evidence = Evidence(Some(copied(&hurt)));
        eprintln!("seed {seed}");
        let was_remade = opens_whole(&hurt, &ledger, &format!("seed {seed}"));
        *(if was_remade { &mut remade } else { &mut missed }) += 1;
    }
    println!("{seeds} seeds from {first}: snapshots made again {remade} times, no row was hit {missed} times");
    assert!(remade > 0 || seeds < 6);
}

/// Copies the snapshots after every batch: a kill might come right then.
struct Copies {
    from: PathBuf,
    to: PathBuf,
    count: AtomicUsize,
}

impl Observer for Copies {
    fn committed(&self, _: CommitTiming) {}

    fn kept(&self, _: BatchTiming) {
        let to = self.to.join(self.count.fetch_add(1, Ordering::Relaxed).to_string());
        copy_all(&self.from, &to);
    }
}

/// Between any two batches of the keeper the server may be killed, in the middle of a ward too.
#[test]
fn what_a_kill_between_two_batches_leaves_opens_whole() {
    let (dir, copies, mut ledger) = (TempDir::new().unwrap(), TempDir::new().unwrap(), Ledger::new());
    let observer = Arc::new(Copies {
        from: dir.path().join("snapshots"),
        to: copies.path().to_owned(),
        count: AtomicUsize::new(0),
    });
    {
        let store =
            Embedded::open(Options { observer: Arc::clone(&observer) as Arc<dyn Observer>, ..lazy(&dir) }).unwrap();
        for round in 0..4 {
            some_history(&*store, &mut ledger, round * 100, 100);
            now(store.checkpoint()).unwrap();
        }
    }
    let count = observer.count.load(Ordering::Relaxed);
    assert!(count > 12, "{count} batches");
    for batch in 0..count {
        let killed = copied(&dir);
        fs::remove_dir_all(killed.path().join("snapshots")).unwrap();
        copy_all(&copies.path().join(batch.to_string()), &killed.path().join("snapshots"));
        let store = Embedded::open(lazy(&killed)).unwrap();
        assert_eq!(store.status().repairs, Vec::<String>::new(), "after batch {batch}");
        agrees(&*store, &ledger);
        // What memory knew is forgotten: the rows alone must say the same.
        now(store.checkpoint()).unwrap();
        drop(store);
        let store = Embedded::open(lazy(&killed)).unwrap();
        assert_eq!(store.status().repairs, Vec::<String>::new(), "after batch {batch}, again");
        agrees(&*store, &ledger);
    }
}

/// The rows of a closed snapshot database, by key.
fn rows_of(dir: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let db = sled::Config::new().path(dir.join("snapshots")).segment_size(512 << 10).open().unwrap();
    db.iter().map(|row| row.unwrap()).map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

/// Changes one row of a closed snapshot database behind the keeper's back.
fn write_row(dir: &Path, key: &[u8], value: Option<&[u8]>) {
    let db = sled::Config::new().path(dir.join("snapshots")).segment_size(512 << 10).open().unwrap();
    value.map_or_else(|| db.remove(key), |value| db.insert(key, value)).unwrap();
    db.flush().unwrap();
}

#[test]
fn a_row_that_is_lost_or_as_it_once_was_is_noticed() {
    let (dir, mut ledger) = (TempDir::new().unwrap(), Ledger::new());
    let store = Embedded::open(tight(&dir)).unwrap();
    some_history(&*store, &mut ledger, 0, 150);
    now(store.checkpoint()).unwrap();
    drop(store);
    let before = rows_of(dir.path());
    kept_history(&*Embedded::open(tight(&dir)).unwrap(), &mut ledger);
    let after = rows_of(dir.path());
    let mut dice = Dice(41);
    let mut tried = BTreeMap::new();
    for kind in *b"micdp" {
        let here: Vec<_> = after.keys().filter(|key| key[0] == kind).collect();
        let outdated: Vec<_> =
            before.iter().filter(|(key, value)| key[0] == kind && after.get(*key) != Some(*value)).collect();
        let mut wrongs = vec![(here[dice.below(here.len())].as_slice(), None, "not")];
        if !outdated.is_empty() {
            let (key, value) = outdated[dice.below(outdated.len())];
            // A row there was once, or the same row with what it once held: its hash is right.
            wrongs.push((key, Some(value.as_slice()), if after.contains_key(key) { "once were" } else { "not" }));
        }
        for (key, value, sentence) in wrongs {
            let hurt = copied(&dir);
            write_row(hurt.path(), key, value);
            let store = Embedded::open(tight(&hurt)).unwrap();
            let repairs = store.status().repairs;
            assert!(
                repairs.iter().any(|told| told.contains("again from the journal") && told.contains(sentence)),
                "{} {key:02x?} {value:02x?}: {repairs:?}",
                kind as char
            );
            agrees(&*store, &ledger);
            *tried.entry((kind as char, value.is_some())).or_insert(0) += 1;
        }
    }
    assert!(tried.len() >= 8, "too little was tried: {tried:?}");
    assert!(Embedded::open(tight(&dir)).unwrap().status().repairs.is_empty(), "what nobody touched is believed");
}

#[test]
fn a_torn_index_of_the_snapshots_does_not_lock_us_out() {
    let dir = TempDir::new().unwrap();
    let mut ledger = Ledger::new();
    for round in 0..2 {
        let store = Embedded::open(tight(&dir)).unwrap();
        some_history(&*store, &mut ledger, round * 200, 200);
        now(store.checkpoint()).unwrap();
    }
    let snapshots = dir.path().join("snapshots");
    let is_index = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("snap.");
    let index = fs::read_dir(&snapshots).unwrap().map(|e| e.unwrap().path()).find(is_index).unwrap();
    fs::write(snapshots.join("snap.0000000000000001.generating"), b"torn").unwrap();
    agrees(&*Embedded::open(tight(&dir)).unwrap(), &ledger);
    let index_now = fs::read_dir(&snapshots).unwrap().map(|e| e.unwrap().path()).find(is_index).unwrap_or(index);
    let bytes = fs::read(&index_now).unwrap();
    fs::write(&index_now, &bytes[..bytes.len() / 2]).unwrap();
    let store = Embedded::open(tight(&dir)).unwrap();
    agrees(&*store, &ledger);
    assert_eq!(store.status().repairs.len(), 1, "{:?}", store.status().repairs);
}
