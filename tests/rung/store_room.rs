//! No room, and disks that fail.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rung::store::embedded::{Embedded, Options};
use rung::store::{CommitError, Store};
use tempfile::TempDir;

use crate::store_crash::lazy;
use crate::store_faults::Faulty;
use crate::store_laws::{agrees, some_history, tight};
use crate::store_ledger::{Ledger, now};

fn wait_until(mut done: impl FnMut() -> bool) {
    for _ in 0..200 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("waited in vain");
}

#[test]
fn without_room_a_commit_keeps_nothing_and_service_resumes() {
    let dir = TempDir::new().unwrap();
    let (files, faults) = Faulty::new();
    let options = || Options { files: files.clone(), ..lazy(&dir) };
    let mut ledger = Ledger::new();
    let store = Embedded::open(options()).unwrap();
    some_history(&*store, &mut ledger, 0, 40);
    for room in [0, 1, 71, 100, 5_000, 70_000] {
        *faults.room.lock().unwrap() = Some(room);
        let mut refused = 0;
        for n in 0..4_000_u64 {
            ledger.purchase(n % 40, 9_000_000 + room * 10_000 + n);
            let kept = ledger.clone();
            match now(store.commit(ledger.take())) {
                Ok(()) => assert_eq!(refused, 0, "room does not come back by itself"),
                Err(CommitError::NoRoom) => {
                    ledger = kept.clone_committed();
                    refused += 1;
                }
                Err(error) => panic!("{error}"),
            }
            if refused > 3 {
                break;
            }
        }
        assert!(refused > 3, "{room} bytes were never used up");
        *faults.room.lock().unwrap() = None;
        wait_until(|| {
            let mut next = ledger.clone();
            next.purchase(1, 19_000_000 + room);
            let done = now(store.commit(next.take())).is_ok();
            if done {
                ledger = next;
            }
            done
        });
        agrees(&*store, &ledger);
        store.verify().unwrap();
    }
    drop(store);
    let store = Embedded::open(options()).unwrap();
    assert_eq!(store.status().repairs, Vec::<String>::new(), "nothing was left behind");
    agrees(&*store, &ledger);
}

#[test]
fn below_the_floor_commits_are_refused_and_reads_are_not() {
    let dir = TempDir::new().unwrap();
    let (files, faults) = Faulty::new();
    let store = Embedded::open(Options { files, free_floor_bytes: 1 << 20, ..tight(&dir) }).unwrap();
    let mut ledger = Ledger::new();
    some_history(&*store, &mut ledger, 0, 30);
    faults.free.store(1_000, Ordering::Relaxed);
    let refuses = || {
        let mut next = ledger.clone();
        next.purchase(1, 77_000_000);
        matches!(now(store.commit(next.take())), Err(CommitError::NoRoom))
    };
    // Until the room is looked at, the first commits may still be taken: they are the same one, in vain.
    faults.free.store(1_000, Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(1_200));
    assert!(refuses());
    agrees(&*store, &ledger);
    faults.free.store(1 << 30, Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(1_200));
    assert!(!refuses());
}

#[test]
fn after_a_failed_sync_nothing_is_answered_any_more() {
    let dir = TempDir::new().unwrap();
    let (files, faults) = Faulty::new();
    let mut ledger = Ledger::new();
    let store = Embedded::open(Options { files, ..lazy(&dir) }).unwrap();
    some_history(&*store, &mut ledger, 0, 30);
    let before = ledger.clone();
    faults.sync_fails.store(true, Ordering::Relaxed);
    ledger.purchase(1, 66_000_000);
    assert!(matches!(now(store.commit(ledger.take())), Err(CommitError::Broken(_))));
    faults.sync_fails.store(false, Ordering::Relaxed);
    let mut next = before.clone();
    next.purchase(2, 66_000_001);
    assert!(matches!(now(store.commit(next.take())), Err(CommitError::Broken(_))), "for ever");
    assert!(now(store.feed(rung::domain::event::Seq(0), 1)).is_err());
    assert!(now(store.checkpoint()).is_err());
    drop(store);
    // Whether the group is there is not known; both are right, and what is there is synced again before it is served.
    let store = Embedded::open(lazy(&dir)).unwrap();
    let found = store.status().head.0;
    if found == before.entries.len() as u64 {
        agrees(&*store, &before);
    } else {
        agrees(&*store, &ledger);
    }
}

#[test]
fn the_snapshots_are_never_further_behind_than_allowed() {
    let dir = TempDir::new().unwrap();
    let store = Embedded::open(Options { lag_entries: 500, round_entries: 1 << 40, ..tight(&dir) }).unwrap();
    let mut ledger = Ledger::new();
    for round in 0..20 {
        some_history(&*store, &mut ledger, round * 60, 60);
        let status = store.status();
        assert!(status.head.0 - status.checkpoint.0 <= 500 + 20, "{status:?}");
    }
    agrees(&*store, &ledger);
}

#[test]
fn without_room_the_keeper_waits() {
    let dir = TempDir::new().unwrap();
    let (files, faults) = Faulty::new();
    let store = Embedded::open(Options { files, free_floor_bytes: 1 << 20, ..lazy(&dir) }).unwrap();
    let mut ledger = Ledger::new();
    some_history(&*store, &mut ledger, 0, 30);
    faults.free.store(1_000, Ordering::Relaxed);
    assert!(now(store.checkpoint()).is_err());
    assert_eq!(store.status().checkpoint.0, 0);
    agrees(&*store, &ledger);
    faults.free.store(u64::MAX, Ordering::Relaxed);
    now(store.checkpoint()).unwrap();
    agrees(&*store, &ledger);
}

/// On a small disk of its own, filled to the last byte. Needs the right to mount.
#[test]
#[ignore = "mounts a tmpfs; run as root with --ignored"]
fn on_a_full_disk_nothing_is_lost() {
    let dir = TempDir::new().unwrap();
    let mount = |args: &[&str]| std::process::Command::new(args[0]).args(&args[1..]).status().unwrap().success();
    let path = dir.path().to_str().unwrap();
    assert!(mount(&["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", path]));
    let options = || Options {
        segment_bytes: 1 << 20,
        free_floor_bytes: 2 << 20,
        ballast_bytes: 3 << 20,
        round_entries: 512,
        cache_bytes: 64 << 10,
        ..Options::new(dir.path())
    };
    let mut ledger = Ledger::new();
    {
        let store = Embedded::open(options()).unwrap();
        some_history(&*store, &mut ledger, 0, 40);
        let mut refused = 0;
        for n in 0..200_000_u64 {
            ledger.purchase(n % 40, 30_000_000 + n);
            if n % 16 != 15 {
                continue;
            }
            let kept = ledger.clone();
            match now(store.commit(ledger.take())) {
                Ok(()) => {}
                Err(CommitError::NoRoom) => {
                    ledger = kept.clone_committed();
                    refused += 1;
                }
                Err(error) => panic!("{error}"),
            }
            if refused > 20 {
                break;
            }
        }
        assert!(refused > 20, "the disk never was full");
        agrees(&*store, &ledger);
        store.verify().unwrap();
        // Everything that is left goes to somebody else.
        let rest = std::fs::File::create(dir.path().join("rest")).unwrap();
        let mut at = 0;
        while std::os::unix::fs::FileExt::write_all_at(&rest, &[1; 4096], at).is_ok() {
            at += 4096;
        }
        agrees(&*store, &ledger);
        ledger.purchase(1, 9_000_000);
        let kept = ledger.clone();
        assert!(now(store.commit(ledger.take())).is_err());
        ledger = kept.clone_committed();
        agrees(&*store, &ledger);
    }
    let refused = Embedded::open(options()).err().unwrap().to_string();
    assert!(refused.contains("delete its `ballast`"), "{refused}");
    // The operator deletes the ballast, and later makes room.
    std::fs::remove_file(dir.path().join("ballast")).unwrap();
    let store =
        Embedded::open(Options { ballast_bytes: 0, segment_bytes: 256 << 10, free_floor_bytes: 0, ..options() });
    {
        let store = store.unwrap();
        assert_eq!(store.status().repairs, Vec::<String>::new());
        agrees(&*store, &ledger);
    }
    std::fs::remove_file(dir.path().join("rest")).unwrap();
    {
        let store = Embedded::open(Options { free_floor_bytes: 0, ..options() }).unwrap();
        agrees(&*store, &ledger);
        some_history(&*store, &mut ledger, 40, 10);
        agrees(&*store, &ledger);
    }
    assert!(mount(&["umount", path]));
}
