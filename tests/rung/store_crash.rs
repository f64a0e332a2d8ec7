//! What an embedded store is after it was opened again, however it ended.

use std::fs;

use rung::domain::event::Seq;
use rung::store::Store;
use rung::store::embedded::{Embedded, OpenError, Options};
use tempfile::TempDir;

use crate::store_laws::{agrees, some_history, tight};
use crate::store_ledger::{Ledger, now};

/// A store whose keeper only works when it is asked to.
pub fn lazy(dir: &TempDir) -> Options {
    Options {
        round_entries: 1 << 40,
        lag_entries: 1 << 40,
        dirty_bytes: 1 << 40,
        idle: std::time::Duration::from_secs(1 << 20),
        ..tight(dir)
    }
}

#[test]
fn opening_again_finds_everything() {
    let dir = TempDir::new().unwrap();
    let mut ledger = Ledger::new();
    for round in 0..6 {
        let store = Embedded::open(tight(&dir)).unwrap();
        assert_eq!(store.status().repairs, Vec::<String>::new());
        agrees(&*store, &ledger);
        some_history(&*store, &mut ledger, round * 200, 200);
        if round % 3 == 2 {
            now(store.checkpoint()).unwrap();
        }
        agrees(&*store, &ledger);
        store.verify().unwrap();
    }
}

#[test]
fn opening_folds_what_the_keeper_never_wrote() {
    let dir = TempDir::new().unwrap();
    let mut ledger = Ledger::new();
    some_history(&*Embedded::open(lazy(&dir)).unwrap(), &mut ledger, 0, 300);
    for round in 1..4 {
        let store = Embedded::open(lazy(&dir)).unwrap();
        assert_eq!(store.status().repairs, Vec::<String>::new());
        agrees(&*store, &ledger);
        if round == 2 {
            now(store.checkpoint()).unwrap();
        }
        some_history(&*store, &mut ledger, round * 300, 100);
    }
    let store = Embedded::open(lazy(&dir)).unwrap();
    agrees(&*store, &ledger);
    let status = store.status();
    assert!(status.checkpoint < status.head && status.checkpoint > Seq(0), "{status:?}");
}

#[test]
fn lost_snapshots_are_made_again() {
    let dir = TempDir::new().unwrap();
    let mut ledger = Ledger::new();
    {
        let store = Embedded::open(tight(&dir)).unwrap();
        some_history(&*store, &mut ledger, 0, 400);
        now(store.checkpoint()).unwrap();
    }
    fs::remove_dir_all(dir.path().join("snapshots")).unwrap();
    {
        let store = Embedded::open(tight(&dir)).unwrap();
        agrees(&*store, &ledger);
        assert!(store.status().repairs[0].contains("missing"), "{:?}", store.status().repairs);
    }
    assert!(fs::read_to_string(dir.path().join("repairs.log")).unwrap().contains("missing"));
    let store = Embedded::open(tight(&dir)).unwrap();
    agrees(&*store, &ledger);
    assert_eq!(store.status().repairs, Vec::<String>::new());
}

#[test]
fn snapshots_of_another_journal_are_made_again() {
    let (ours, theirs) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (mut ledger, mut other) = (Ledger::new(), Ledger::new());
    some_history(&*Embedded::open(tight(&ours)).unwrap(), &mut ledger, 0, 50);
    {
        let store = Embedded::open(tight(&theirs)).unwrap();
        some_history(&*store, &mut other, 100, 400);
        now(store.checkpoint()).unwrap();
    }
    fs::remove_dir_all(ours.path().join("snapshots")).unwrap();
    fs::rename(theirs.path().join("snapshots"), ours.path().join("snapshots")).unwrap();
    let store = Embedded::open(tight(&ours)).unwrap();
    agrees(&*store, &ledger);
    assert!(store.status().repairs[0].contains("another journal"));
}

#[test]
fn a_journal_that_lost_what_the_snapshots_reflect_is_refused() {
    let dir = TempDir::new().unwrap();
    let mut ledger = Ledger::new();
    {
        let store = Embedded::open(tight(&dir)).unwrap();
        some_history(&*store, &mut ledger, 0, 400);
        now(store.checkpoint()).unwrap();
    }
    let segments = segments(&dir);
    fs::rename(segments.last().unwrap(), dir.path().join("kept")).unwrap();
    let refused = Embedded::open(tight(&dir)).err().unwrap().to_string();
    assert!(refused.contains("the snapshots reflect"), "{refused}");
    fs::rename(dir.path().join("kept"), segments.last().unwrap()).unwrap();
    fs::rename(&segments[1], dir.path().join("kept")).unwrap();
    let refused = Embedded::open(tight(&dir)).err().unwrap().to_string();
    assert!(refused.contains("segment 2 is missing"), "{refused}");
    fs::rename(dir.path().join("kept"), &segments[1]).unwrap();
    for segment in &segments {
        fs::rename(segment, segment.with_extension("away")).unwrap();
    }
    let refused = Embedded::open(tight(&dir)).err().unwrap().to_string();
    assert!(refused.contains("the snapshots reflect"), "{refused}");
    for segment in &segments {
        fs::rename(segment.with_extension("away"), segment).unwrap();
    }
    agrees(&*Embedded::open(tight(&dir)).unwrap(), &ledger);
}

#[test]
fn a_folder_has_one_user_and_one_format() {
    let dir = TempDir::new().unwrap();
    let store = Embedded::open(tight(&dir)).unwrap();
    assert!(matches!(Embedded::open(tight(&dir)).err(), Some(OpenError::InUse(_))));
    drop(store);
    fs::write(dir.path().join("FORMAT"), "2\n").unwrap();
    assert!(matches!(Embedded::open(tight(&dir)).err(), Some(OpenError::Format { .. })));
    fs::write(dir.path().join("FORMAT"), "1\n").unwrap();
    Embedded::open(tight(&dir)).unwrap();
}

#[test]
fn a_group_may_be_longer_than_a_segment() {
    let dir = TempDir::new().unwrap();
    let mut ledger = Ledger::new();
    {
        let store = Embedded::open(tight(&dir)).unwrap();
        some_history(&*store, &mut ledger, 0, 50);
        for n in 0..2_000 {
            ledger.purchase(n % 50, 50_000_000 + n);
        }
        ledger.commit(&*store);
        some_history(&*store, &mut ledger, 50, 50);
        agrees(&*store, &ledger);
    }
    let store = Embedded::open(tight(&dir)).unwrap();
    agrees(&*store, &ledger);
    store.verify().unwrap();
}

#[test]
fn a_member_may_outgrow_her_row() {
    let dir = TempDir::new().unwrap();
    let mut ledger = Ledger::new();
    {
        let store = Embedded::open(tight(&dir)).unwrap();
        some_history(&*store, &mut ledger, 0, 40);
        for n in 0..3_000 {
            ledger.link(7, 5_000_000 + n);
        }
        ledger.commit(&*store);
        now(store.checkpoint()).unwrap();
        agrees(&*store, &ledger);
        for n in 0..2_990 {
            ledger.unlink(7, 5_000_000 + n);
        }
        ledger.commit(&*store);
        now(store.checkpoint()).unwrap();
        agrees(&*store, &ledger);
    }
    assert_eq!(fs::read_dir(dir.path().join("snapshots/blobs")).unwrap().count(), 0);
    agrees(&*Embedded::open(tight(&dir)).unwrap(), &ledger);
}

/// The journal's segments in order.
pub fn segments(dir: &TempDir) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(dir.path().join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "seg")).collect();
    segments.sort();
    segments
}
