//! Damaged bytes: what was never acknowledged is cut, everything else is refused; nothing wrong is ever served.

use std::fs;
use std::path::Path;

use rung::domain::event::Seq;
use rung::store::embedded::Embedded;
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

#[test]
fn damaged_snapshots_are_made_again_and_never_served() {
    let dir = TempDir::new().unwrap();
    let mut ledger = Ledger::new();
    {
        let store = Embedded::open(tight(&dir)).unwrap();
        some_history(&*store, &mut ledger, 0, 300);
        now(store.checkpoint()).unwrap();
        some_history(&*store, &mut ledger, 300, 30);
    }
    let mut dice = Dice(3);
    let (mut remade, mut unhurt) = (0, 0);
    for round in 0..40 {
        let hurt = copied(&dir);
        let db = hurt.path().join("snapshots/db");
        let mut bytes = fs::read(&db).unwrap();
        match round % 5 {
            0 => bytes.truncate(dice.below(bytes.len())),
            // Nothing of it is left: these at least must be made again, wherever the others happened to hit.
            2 => bytes.fill(0),
            1 => {
                let at = dice.below(bytes.len() / 4096) * 4096;
                bytes[at..at + 4096].fill(0);
            }
            _ => {
                for _ in 0..=round {
                    let at = dice.below(bytes.len());
                    bytes[at] ^= 1 << dice.below(8);
                }
            }
        }
        fs::write(&db, bytes).unwrap();
        match Embedded::open(tight(&hurt)) {
            Ok(store) if store.status().repairs.is_empty() => {
                unhurt += 1;
                serves_nothing_wrong(&*store, &ledger);
            }
            Ok(store) => {
                remade += 1;
                agrees(&*store, &ledger);
            }
            Err(error) => panic!("{round}: the journal is whole, but {error}"),
        }
        // Whatever was found meanwhile, the next opening is whole.
        agrees(&*Embedded::open(tight(&hurt)).unwrap(), &ledger);
    }
    assert!(remade > 0, "{remade} made again, {unhurt} not hurt");
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
