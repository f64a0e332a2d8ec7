//! Notes are given back as they were kept, in the history they were made of, or not at all.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use rung::domain::event::Seq;
use rung::store::embedded::{Embedded, Options};
use rung::store::format::notes::HEADER;
use rung::store::memory::Memory;
use rung::store::{ReadError, Store};
use tempfile::TempDir;

use crate::store_crash::lazy;
use crate::store_damage::{Dice, copied};
use crate::store_faults::Faulty;
use crate::store_laws::{agrees, some_history, tight};
use crate::store_ledger::{Ledger, now};

type Given = Result<Option<(Seq, Vec<Vec<u8>>)>, ReadError>;

fn keep(store: &dyn Store, name: &str, reached: u64, parts: &[Vec<u8>]) -> Result<(), ReadError> {
    now(store.keep_notes(name, Seq(reached), &mut parts.iter().cloned()))
}

fn given(store: &dyn Store, name: &str) -> Given {
    let mut parts = Vec::new();
    let mut take = |part| {
        parts.push(part);
        Ok(())
    };
    let reached = now(store.notes(name, &mut take))?;
    Ok(reached.map(|reached| (reached, parts)))
}

fn parts(dice: &mut Dice, count: usize, longest: usize) -> Vec<Vec<u8>> {
    let mut part = |_| (0..=dice.below(longest)).map(|_| dice.below(256) as u8).collect();
    (0..count).map(&mut part).collect()
}

fn file(dir: &TempDir, name: &str) -> PathBuf {
    dir.path().join("notes").join(format!("{name}.notes"))
}

#[test]
fn notes_are_given_back_as_they_were_kept_or_not_at_all() {
    let dir = TempDir::new().unwrap();
    let embedded = Embedded::open(tight(&dir)).unwrap();
    for store in [&*embedded as &dyn Store, &*Memory::new()] {
        let (mut ledger, mut dice) = (Ledger::new(), Dice(7));
        let forgets = store.status().kind == "memory";
        let expect = |name: &str, reached: u64, parts: &[Vec<u8>]| match given(store, name).unwrap() {
            None => assert!(forgets),
            given => assert_eq!(given, Some((Seq(reached), parts.to_vec()))),
        };
        assert_eq!(given(store, "none").unwrap(), None);
        keep(store, "empty", 0, &[]).unwrap();
        expect("empty", 0, &[]);
        some_history(store, &mut ledger, 0, 90);
        let head = ledger.entries.len() as u64;
        let (first, second) = (parts(&mut dice, 5, 4_000), parts(&mut dice, 3, 90_000));
        keep(store, "crowd-1", 7, &first).unwrap();
        keep(store, "crowd-2", head, &second).unwrap();
        expect("crowd-1", 7, &first);
        expect("crowd-2", head, &second);
        some_history(store, &mut ledger, 90, 60);
        keep(store, "crowd-1", head, &second).unwrap();
        expect("crowd-1", head, &second);
        expect("crowd-2", head, &second);
        agrees(store, &ledger);
    }
}

#[test]
fn what_no_store_should_keep_is_not_kept() {
    let dir = TempDir::new().unwrap();
    let store = Embedded::open(tight(&dir)).unwrap();
    let mut ledger = Ledger::new();
    some_history(&*store, &mut ledger, 0, 20);
    let head = ledger.entries.len() as u64;
    keep(&*store, "crowd", head, &[vec![1]]).unwrap();
    for name in ["", "Crowd", "../crowd", "a.b", "a/b"] {
        keep(&*store, name, 1, &[vec![1]]).unwrap_err();
        given(&*store, name).unwrap_err();
    }
    keep(&*store, "crowd", head + 1, &[vec![1]]).unwrap_err();
    keep(&*store, "crowd", 1, &[vec![1], vec![]]).unwrap_err();
    keep(&*store, "crowd", 1, &[vec![0; (8 << 20) + 1]]).unwrap_err();
    assert_eq!(given(&*store, "crowd").unwrap(), Some((Seq(head), vec![vec![1]])), "what was kept before stays");
    let names: Vec<_> = fs::read_dir(dir.path().join("notes")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["crowd.notes"], "nothing is left behind");
}

#[test]
fn notes_survive_a_restart_at_every_position() {
    let dir = TempDir::new().unwrap();
    let (mut ledger, mut dice) = (Ledger::new(), Dice(11));
    for round in 0..6_u64 {
        let store = Embedded::open(tight(&dir)).unwrap();
        some_history(&*store, &mut ledger, round * 40, 40);
        let head = ledger.entries.len();
        let kept: Vec<(String, u64, Vec<Vec<u8>>)> =
            (0..8).map(|n| (format!("n-{n}"), dice.below(head + 1) as u64, parts(&mut dice, 4, 300))).collect();
        kept.iter().for_each(|(name, reached, parts)| keep(&*store, name, *reached, parts).unwrap());
        drop(store);
        fs::write(dir.path().join("notes/n-0.new"), b"broken off").unwrap();
        let store = Embedded::open(tight(&dir)).unwrap();
        for (name, reached, parts) in kept {
            assert_eq!(given(&*store, &name).unwrap(), Some((Seq(reached), parts)));
        }
        assert!(!dir.path().join("notes/n-0.new").exists());
    }
}

#[test]
fn notes_of_another_history_are_not_given_back() {
    let dir = TempDir::new().unwrap();
    let mut ledger = Ledger::new();
    some_history(&*Embedded::open(lazy(&dir)).unwrap(), &mut ledger, 0, 40);
    let (backup, early) = (copied(&dir), ledger.entries.len() as u64);
    let mut other = ledger.clone();

    let store = Embedded::open(lazy(&dir)).unwrap();
    keep(&*store, "early", early, &[vec![1]]).unwrap();
    some_history(&*store, &mut ledger, 40, 40);
    let late = ledger.entries.len() as u64;
    keep(&*store, "late", late, &[vec![2]]).unwrap();
    keep(&*store, "next", early + 1, &[vec![3]]).unwrap();
    drop(store);

    // The backup is put back, and everything made since is lost.
    for name in ["early", "late", "next"] {
        fs::copy(file(&dir, name), file(&backup, name)).unwrap();
    }
    let store = Embedded::open(lazy(&backup)).unwrap();
    assert_eq!(given(&*store, "early").unwrap(), Some((Seq(early), vec![vec![1]])), "up to there it is the same");
    for name in ["late", "next"] {
        assert!(matches!(given(&*store, name), Err(ReadError::Damaged(_))), "{name} reaches beyond the end");
    }
    // Life goes on, elsewhere.
    other.tier(3, 77);
    other.commit(&*store);
    some_history(&*store, &mut other, 40, 60);
    assert!(other.entries.len() as u64 > late);
    assert_eq!(given(&*store, "early").unwrap(), Some((Seq(early), vec![vec![1]])));
    for name in ["late", "next"] {
        assert!(matches!(given(&*store, name), Err(ReadError::Damaged(_))), "{name} tells of another life");
    }

    // Another journal with the same entries is another history too.
    let twin = TempDir::new().unwrap();
    let store = Embedded::open(lazy(&twin)).unwrap();
    some_history(&*store, &mut Ledger::new(), 0, 80);
    for name in ["early", "late", "next"] {
        fs::copy(file(&dir, name), file(&twin, name)).unwrap();
        assert!(matches!(given(&*store, name), Err(ReadError::Damaged(_))), "{name} is of another journal");
    }
}

#[test]
fn damaged_notes_are_never_given_back() {
    let dir = TempDir::new().unwrap();
    let store = Embedded::open(tight(&dir)).unwrap();
    let (mut ledger, mut dice) = (Ledger::new(), Dice(3));
    some_history(&*store, &mut ledger, 0, 20);
    let kept = parts(&mut dice, 3, 60);
    keep(&*store, "crowd", 20, &kept).unwrap();
    let path = file(&dir, "crowd");
    let good = fs::read(&path).unwrap();
    for length in 0..good.len() {
        fs::write(&path, &good[..length]).unwrap();
        assert!(matches!(given(&*store, "crowd"), Err(ReadError::Damaged(_))), "cut at {length}");
    }
    for bit in 0..good.len() * 8 {
        let mut other = good.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &other).unwrap();
        assert!(matches!(given(&*store, "crowd"), Err(ReadError::Damaged(_))), "bit {bit} flipped");
    }
    fs::write(&path, [&good[..], &[0]].concat()).unwrap();
    assert!(matches!(given(&*store, "crowd"), Err(ReadError::Damaged(_))), "more than there was");
    fs::write(&path, [&good[..HEADER], &good[..]].concat()).unwrap();
    assert!(matches!(given(&*store, "crowd"), Err(ReadError::Damaged(_))));
    fs::write(file(&dir, "another"), &good).unwrap();
    assert!(matches!(given(&*store, "another"), Err(ReadError::Damaged(_))), "under another name");
    fs::write(&path, &good).unwrap();
    assert_eq!(given(&*store, "crowd").unwrap(), Some((Seq(20), kept)));
    now(store.remove_notes("crowd")).unwrap();
    assert!(!path.exists() && given(&*store, "crowd").unwrap().is_none());
    now(store.remove_notes("crowd")).unwrap();
}

/// Notes are broken off where there is no room or the disk fails; what was kept stays, and orders are not harmed.
#[test]
fn notes_take_no_room_that_orders_need() {
    let dir = TempDir::new().unwrap();
    let (files, faults) = Faulty::new();
    let options = Options { files, free_floor_bytes: 1 << 20, ..tight(&dir) };
    let needed = options.free_floor_bytes + 2 * options.segment_bytes;
    let store = Embedded::open(options).unwrap();
    let mut ledger = Ledger::new();
    some_history(&*store, &mut ledger, 0, 40);
    let head = ledger.entries.len() as u64;
    let small = vec![vec![5; 100]];
    keep(&*store, "crowd", 9, &small).unwrap();
    let stays = || {
        assert_eq!(given(&*store, "crowd").unwrap(), Some((Seq(9), small.clone())));
        assert_eq!(fs::read_dir(dir.path().join("notes")).unwrap().count(), 1, "nothing is left behind");
    };

    faults.free.store(needed - 1, Ordering::Relaxed);
    assert!(matches!(keep(&*store, "crowd", head, &[vec![6; 100]]), Err(ReadError::Unavailable(_))));
    stays();
    // It becomes less while they are written.
    faults.free.store(u64::MAX, Ordering::Relaxed);
    let mut large = (0..40_u8).map(|n| {
        if n == 20 {
            faults.free.store(needed - 1, Ordering::Relaxed);
        }
        vec![n; 256 << 10]
    });
    let written = now(store.keep_notes("crowd", Seq(head), &mut large));
    assert!(matches!(written, Err(ReadError::Unavailable(_))));
    assert!(large.len() > 10, "writing went on: {} parts were left", large.len());
    stays();
    some_history(&*store, &mut ledger, 40, 20);
    faults.free.store(u64::MAX, Ordering::Relaxed);

    for room in [0, 50, 300, 1 << 20] {
        *faults.room.lock().unwrap() = Some(room);
        assert!(matches!(keep(&*store, "crowd", head, &vec![vec![7; 500_000]; 4]), Err(ReadError::Unavailable(_))));
        *faults.room.lock().unwrap() = None;
        stays();
    }
    faults.sync_fails.store(true, Ordering::Relaxed);
    assert!(matches!(keep(&*store, "crowd", head, &[vec![8; 100]]), Err(ReadError::Unavailable(_))));
    faults.sync_fails.store(false, Ordering::Relaxed);
    stays();
    some_history(&*store, &mut ledger, 60, 20);
    keep(&*store, "crowd", head, &[vec![9]]).unwrap();
    assert_eq!(given(&*store, "crowd").unwrap(), Some((Seq(head), vec![vec![9]])));
    agrees(&*store, &ledger);
}
