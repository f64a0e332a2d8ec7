//! A full disk: the server says so, keeps what it acknowledged, and goes on by itself when there is room again.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rung::pb::record_purchases_response::Answer;
use tempfile::TempDir;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::crash::{hold_against_the_journal, replay};
use super::load::{Load, PROGRAM};
use super::server::{House, file};
use super::till::{Order, Till, purchase, reason, wall_clock};

/// Room for the server's files and for the 512 MiB below which it takes nothing in.
const DISK: &str = "size=1000m";
/// The room is looked at twice a second; a busy machine may take longer.
const SOON: Duration = Duration::from_secs(20);

/// A small disk of its own.
struct Disk(TempDir);

impl Disk {
    /// Mounts one; `None` where that is not allowed.
    fn mount() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "rung-test"]).arg(folder.path()).output();
        match mounted {
            Ok(told) if told.status.success() => Some(Self(folder)),
            told => {
                eprintln!("skipped: no disk can be mounted here: {told:?}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file that leaves so many MiB of room.
    fn fill(&self, left: u64) -> PathBuf {
        let path = self.path().join("filler");
        let (mut filler, block) = (File::create(&path).unwrap(), vec![1; 1 << 20]);
        while self.room() > left << 20 && filler.write_all(&block).is_ok() {}
        path
    }

    fn room(&self) -> u64 {
        let about = rustix::fs::statvfs(self.path()).unwrap();
        about.f_bavail * about.f_frsize
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// Sells until the server says no.
async fn sell_until_refused(till: &Till, member: &str) -> Status {
    let since = Instant::now();
    for number in 0.. {
        let bought = purchase("sale", &format!("full-{number}"), 100, &wall_clock());
        if let Err(status) = till.record(&Order::new(PROGRAM, member, bought)).await {
            return status;
        }
        assert!(since.elapsed() < SOON, "the disk is full and {number} orders were taken");
    }
    unreachable!("numbers do not end")
}

/// Sends an order until the server takes it.
async fn sell_until_taken(till: &Till, order: &Order) -> Duration {
    let since = Instant::now();
    while let Err(status) = till.record(order).await {
        assert_eq!(reason(&status), "NO_ROOM");
        assert!(since.elapsed() < SOON, "there is room and no order is taken: {status:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    since.elapsed()
}

/// A server on a small disk, and writers at work on it.
async fn open(disk: &Disk) -> (House, Load) {
    let mut house = House::closed(&disk.path().join("data"), &["--program", &file("tests/programs/model.toml")]);
    house.start();
    let load = Load::on(&house, "f").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    (house, load)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_nothing_is_taken_in_and_nothing_is_lost() {
    let Some(disk) = Disk::mount() else { return };
    let (mut house, load) = open(&disk).await;
    let filler = disk.fill(200);
    let notes = load.end().await;
    for status in notes.faults() {
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "the store is out of room"));
    }

    let till = house.till().await;
    let status = sell_until_refused(&till, &notes.members()[0].0).await;
    assert_eq!((status.code(), &*reason(&status)), (Code::Unavailable, "NO_ROOM"));
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    let late = Order::new(PROGRAM, &notes.members()[0].0, purchase("sale", "late", 100, &wall_clock()));
    let (answers, end) = till.stream(std::slice::from_ref(&late)).await;
    assert!(matches!(&answers[..], [Answer::Error(status)] if status.code == Code::Unavailable as i32), "{answers:?}");
    assert_eq!(end.map(|status| reason(&status)), Some("NO_ROOM".into()));
    hold_against_the_journal(&till, &notes).await;

    house.restart();
    let till = house.till().await;
    hold_against_the_journal(&till, &notes).await;
    replay(&till, &notes.acknowledged()).await;
    assert_eq!(reason(&till.record(&late).await.unwrap_err()), "NO_ROOM", "opened without room");

    std::fs::remove_file(filler).unwrap();
    let took = sell_until_taken(&till, &late).await;
    eprintln!("taken again {took:?} after there was room");
    hold_against_the_journal(&till, &notes).await;
    let (status, _) = tokio::task::block_in_place(|| house.terminate());
    assert_eq!(status.code(), Some(0), "{}", house.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_a_single_byte_costs_nothing_that_was_acknowledged() {
    let Some(disk) = Disk::mount() else { return };
    let (mut house, load) = open(&disk).await;
    let filler = disk.fill(0);
    let notes = load.end().await;
    assert!(!notes.acknowledged().is_empty());
    house.kill();

    match house.try_start() {
        Ok(()) => drop(hold_against_the_journal(&house.till().await, &notes).await),
        Err(why) => assert!(why.contains("no room") || why.contains("No space left on device"), "{why}"),
    }
    house.kill();
    std::fs::remove_file(filler).unwrap();
    house.start();
    let till = house.till().await;
    hold_against_the_journal(&till, &notes).await;
    replay(&till, &notes.acknowledged()).await;
}
