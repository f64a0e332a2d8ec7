//! What a day's round takes where there are many members: `RUNG_MEMBERS=1000000 cargo test --release --lib -- --nocapture
//! a_round_measured`.

use std::time::{Duration, Instant};

use super::Crowd;
use super::daybook::{Daybook, MemberNo, StoreNo, Sums};
use super::tagging;
use super::watching;
use crate::domain::calendar::Day;
use crate::domain::event::Seq;
use crate::domain::insight::rhythm::{Tolerance, rhythm};
use crate::domain::program::source::read;
use crate::domain::program::{Program, Register, SegmentId};
use crate::domain::units::Moment;

const YEAR: u64 = 365;
const FIRST: i32 = 20_000;

/// So many members, each with so many purchases on any days of a year.
fn crowd(members: u32, each: u64) -> Crowd {
    let (mut book, mut dice) = (Daybook::default(), 7_u64);
    (0..members).for_each(|_| {
        book.welcome();
    });
    let rows = u64::from(members) * each;
    for row in 0..rows {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let spend = (dice >> 20 & 0xffff) as i64 + 500;
        let sums = Sums { spend, margin: None, bought: true, points: spend / 100 };
        let day = Day(FIRST + (row * YEAR / rows) as i32);
        book.add(MemberNo((dice >> 33) as u32 % members), day, StoreNo::NONE, sums);
    }
    Crowd { daybook: book, ..Crowd::default() }
}

fn program(source: &str) -> Program {
    read(source, 1, Moment::BEGINNING, &Register::default()).unwrap()
}

/// Does what the orders would do.
fn carry_out(crowd: &mut Crowd, changes: &tagging::Changes) {
    for (member, tagging) in changes {
        let segment = crowd.tags.segments.entry(tagging.segment).or_default();
        if tagging.is_in { segment.insert(*member) } else { segment.remove(*member) }
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let since = Instant::now();
    let done = work();
    (done, since.elapsed())
}

#[test]
fn a_round_measured() {
    let asked = std::env::var("RUNG_MEMBERS").ok().and_then(|members| members.parse().ok());
    let members: u32 = asked.unwrap_or(110_000);
    let mut crowd = crowd(members, if asked.is_some() { 10 } else { 4 });
    let segments = program(include_str!("../../../tests/programs/segments.toml"));
    for day in 0..3 {
        let today = Day(FIRST + YEAR as i32 + day);
        let (glance, held) = timed(|| crowd.glance());
        let (changes, took) = timed(|| tagging::of_day(&glance, &segments, today));
        println!("day {day}: {members} members, held {held:?}, looked {took:?}, {} to be told", changes.len());
        drop(glance);
        carry_out(&mut crowd, &changes);
        let again = tagging::of_day(&crowd.glance(), &segments, today);
        assert!(again.is_empty(), "what was told is not told again");
    }
    // However everybody is cut into slices, nobody is lost between them.
    let slipping = SegmentId(segments.register.word("slipping").unwrap());
    let (today, step) = (i64::from(FIRST) + YEAR as i64 + 2, members.div_ceil(97));
    for member in (0..members).step_by(step as usize).map(MemberNo) {
        let days: Vec<i64> = crowd.daybook.purchase_days(member).iter().map(|day| day.0.into()).collect();
        let is_silent = rhythm(&days, today, &Tolerance::default()).is_some_and(|found| found.silence(today).alarm);
        assert_eq!(crowd.tags.is_in(member, slipping), is_silent, "{member:?}");
    }
    let alerts = program(include_str!("../../../tests/programs/alerts.toml")).alerts.unwrap();
    let watched = crowd.tags.segments.get(&slipping).cloned().unwrap_or_default();
    crowd.tags.segments.insert(alerts.watch, watched);
    let (glance, held) = timed(|| crowd.glance());
    let (raised, took) = timed(|| watching::of_day(&glance, &alerts, Day(FIRST + YEAR as i32 + 2)));
    println!("alerts: held {held:?}, looked {took:?}, {} to be raised", raised.len());
    assert!(!raised.is_empty() && crowd.alerts.after(Seq::NONE, Moment::BEGINNING).next().is_none());
}
