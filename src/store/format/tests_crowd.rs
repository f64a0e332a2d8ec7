//! What is written of a crowd is that crowd, whatever it became meanwhile; anything else is refused.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::crowd::{Draft, Reader};
use super::notes::{END, HEADER, LEAD, Lead, NotesHeader, Seal};
use super::{Damage, pen::Pen};
use crate::domain::calendar::Day;
use crate::domain::crowd::Crowd;
use crate::domain::crowd::alerts::{Alert, Over};
use crate::domain::crowd::daybook::{Daybook, MemberNo, StoreNo, Sums};
use crate::domain::crowd::group::Group;
use crate::domain::event::{AlertCause, AlertEnd, AlertRaised, MarginClass, Pattern, RungOffer, Seq};
use crate::domain::order::MemberKey;
use crate::domain::program::{ClubId, MeterId, SegmentId, TierId, Word};
use crate::domain::units::{Moment, Points};

type Row = (u32, i32, u16, [i64; 3], bool);

fn row() -> impl Strategy<Value = Row> {
    let amount = || prop_oneof![Just(0_i64), -5_000_i64..50_000, any::<i64>()];
    (0_u32..40, -9_i32..9, 0_u16..3, [amount(), amount(), amount()], any::<bool>())
}

fn welcome(crowd: &mut Crowd) {
    let number = crowd.daybook.welcome();
    let key = MemberKey(u128::from(number.0).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    crowd.roster.add(key);
    crowd.tiers.push((!number.0.is_multiple_of(3)).then(|| TierId(Word((number.0 as u16).wrapping_mul(1_000)))));
}

fn add(crowd: &mut Crowd, rows: &[Row]) {
    for (member, day, store, [spend, margin, points], bought) in rows {
        while crowd.daybook.members() <= *member as usize {
            welcome(crowd);
        }
        let sums =
            Sums { spend: *spend, margin: (margin % 3 == 0).then_some(*margin), bought: *bought, points: *points };
        crowd.daybook.add(MemberNo(*member), Day(*day), StoreNo(*store), sums);
        crowd.clubs.entry(ClubId(Word(*store))).or_default().insert(MemberNo(*member));
        crowd.steps.step(MemberNo(*member), Day(*day), bought.then_some(TierId(Word(*store))));
        crowd.tags.segments.entry(SegmentId(Word(*store))).or_default().insert(MemberNo(*member));
        if *bought {
            crowd.tags.closed.insert(MemberNo(*member));
        }
        let entry = crowd.alerts.alerts.len() as u64 + 1;
        crowd.alerts.put(Seq(entry), alert(MemberNo(*member), [*spend, *margin, *points], *bought));
    }
}

fn alert(member: MemberNo, [spend, margin, at]: [i64; 3], is_known: bool) -> Alert {
    let moment = Moment(at / 2);
    let pattern = Pattern {
        cause: if is_known { AlertCause::Spend } else { AlertCause::Silence },
        last_day: Day(7),
        silent_days: spend,
        usual_gap: margin,
        alarm_after: 0,
        usual_spend: spend,
        least_spend: margin,
    };
    let offer = RungOffer { tier: TierId(Word(2)), missing: vec![(MeterId(Word(3)), Points(spend))], by: moment };
    let raised = AlertRaised {
        pattern,
        margin: if is_known { MarginClass::Keep } else { MarginClass::Unknown },
        owner: "ops".into(),
        escalates_at: if is_known { moment } else { Moment::NEVER },
        escalates_to: "lead".into(),
        offer: is_known.then_some(offer),
    };
    let known = |at: Moment| is_known.then_some(at);
    Alert {
        member,
        raised,
        raised_at: moment,
        owner: "lead".into(),
        acknowledged: known(moment).map(|at| ("anna".into(), at)),
        escalated_at: known(Moment(0)),
        ended: (spend % 3 == 0).then_some(Over {
            cause: if is_known { AlertEnd::Closed } else { AlertEnd::Bought },
            at: moment,
            recorded_at: Moment(margin / 3),
        }),
    }
}

fn crowd(rows: &[Row]) -> Crowd {
    let mut crowd = Crowd::default();
    add(&mut crowd, rows);
    crowd.stores = ["north", "south", ""].into_iter().map(Into::into).zip((1..).map(StoreNo)).collect();
    crowd.clubs.insert(ClubId(Word(u16::MAX)), Group::default());
    crowd
}

/// Every part, while the crowd grows by a row between any two.
fn parts(crowd: &mut Crowd, growth: &[Row]) -> Vec<Vec<u8>> {
    let (mut draft, mut growth) = (Draft::of(crowd), growth.iter().cycle());
    let mut parts = Vec::new();
    add(crowd, growth.next().map(std::slice::from_ref).unwrap_or_default());
    while let Some(part) = draft.next(crowd) {
        parts.push(part);
        add(crowd, growth.next().map(std::slice::from_ref).unwrap_or_default());
    }
    parts
}

fn read(parts: &[Vec<u8>]) -> Result<Crowd, Damage> {
    let mut reader = Reader::default();
    parts.iter().try_for_each(|part| reader.take(part))?;
    reader.finish()
}

proptest! {
    #[test]
    fn a_crowd_is_read_as_it_was_when_writing_began(rows in vec(row(), 0..200), growth in vec(row(), 0..9)) {
        let mut crowd = crowd(&rows);
        let before = crowd.clone();
        let parts = parts(&mut crowd, &growth);
        prop_assert!(parts.iter().all(|part| !part.is_empty()));
        prop_assert_eq!(read(&parts).unwrap(), before);
    }

    /// Whatever stands in a part, reading it ends, and ends well or in damage.
    #[test]
    fn bytes_that_are_no_crowd_do_no_harm(bytes in vec(any::<u8>(), 0..200), rows in vec(row(), 1..20), at in any::<prop::sample::Index>()) {
        drop(read(&[bytes]));
        let mut parts = parts(&mut crowd(&rows), &[]);
        let part = &mut parts[0];
        let at = at.index(part.len());
        part[at] ^= 0x41;
        drop(read(&parts));
    }
}

#[test]
fn a_crowd_of_many_parts_is_read_as_it_was() {
    let mut crowd = Crowd::default();
    (0..100_000).for_each(|_| welcome(&mut crowd));
    let mut rows = (0..300_000_u32).map(|n| (n.wrapping_mul(7_919) % 100_000, (n % 3) as i32, (n % 5) as u16, n));
    let buy = |crowd: &mut Crowd, (member, day, store, n): (u32, i32, u16, u32)| {
        let sums = Sums {
            spend: i64::from(n) * 37,
            margin: (day == 1).then_some(i64::from(n % 2)),
            bought: true,
            points: i64::from(n),
        };
        crowd.daybook.add(MemberNo(member), Day(20_000 + day), StoreNo(store), sums);
    };
    rows.by_ref().take(200_000).for_each(|row| buy(&mut crowd, row));
    crowd.clubs.insert(ClubId(Word(3)), (0..70_000).map(MemberNo).collect());
    let before = crowd.clone();
    let mut draft = Draft::of(&crowd);
    let mut parts = Vec::new();
    while let Some(part) = draft.next(&crowd) {
        parts.push(part);
        rows.by_ref().take(1_000).for_each(|row| buy(&mut crowd, row));
        welcome(&mut crowd);
    }
    assert!(parts.len() > 10 && parts.iter().all(|part| part.len() < 2 << 20), "{} parts", parts.len());
    assert_eq!(read(&parts).unwrap(), before);
}

/// The columns of a crowd of three, by number, each alone in a part.
fn columns() -> BTreeMap<u64, Vec<u8>> {
    let mut crowd = crowd(&[(2, 5, 1, [100, 3, 1], true), (1, 6, 0, [200, 0, 2], true)]);
    let mut columns = BTreeMap::<u64, Vec<u8>>::new();
    for part in parts(&mut crowd, &[]) {
        let mut eye = super::eye::Eye::on(&part);
        while let Some((column, wire)) = eye.field().unwrap() {
            let out = columns.entry(column).or_default();
            Pen::at_end_of(out).always_bytes(column as u32, wire.bytes().unwrap());
        }
    }
    columns
}

#[test]
fn a_column_that_is_missing_or_unknown_is_damage() {
    let columns = columns();
    let all: Vec<Vec<u8>> = columns.values().cloned().collect();
    assert_eq!(columns.keys().copied().collect::<Vec<_>>(), (1..=15).collect::<Vec<_>>());
    read(&all).unwrap();
    // Without its stores, clubs, segments, steps or alerts a crowd is another, but a sound one: the seal around the parts is what keeps them.
    for column in [1, 2, 3, 4, 5, 6, 7, 8, 11] {
        let less: Vec<Vec<u8>> =
            columns.iter().filter(|(found, _)| **found != column).map(|(_, c)| c.clone()).collect();
        read(&less).unwrap_err();
    }
    let mut more = all.clone();
    let mut unknown = Vec::new();
    Pen::at_end_of(&mut unknown).always_bytes(16, &[]);
    more.push(unknown);
    assert_eq!(read(&more).unwrap_err(), Damage::new("a crowd has an unknown field 16"));
    let mut other = all;
    other[0].clear();
    Pen::at_end_of(&mut other[0]).nested(1, |pen| pen.number(1, u64::from(crate::domain::crowd::FOLD) + 1));
    assert!(read(&other).unwrap_err().to_string().starts_with("a crowd was folded by rules"));
    assert_eq!(
        read(&parts(&mut Crowd::default(), &[])).unwrap(),
        Crowd { daybook: Daybook::default(), ..Crowd::default() }
    );
    read(&[]).unwrap_err();
}

const HEAD: NotesHeader = NotesHeader { epoch: 7, reached: Seq(99), frame: [3; 32] };

/// Notes as a file has them.
fn file(parts: &[&[u8]]) -> Vec<u8> {
    let header = HEAD.to_bytes("crowd-1");
    let (mut seal, mut out) = (Seal::on(&header), header.to_vec());
    for part in parts {
        out.extend_from_slice(&seal.part(part).unwrap().to_bytes());
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&seal.end());
    out
}

/// Reads a file as the store does.
fn parts_of(bytes: &[u8], name: &str) -> Result<Vec<Vec<u8>>, Damage> {
    let cut = || Damage::new("cut");
    let (header, mut rest) = bytes.split_first_chunk::<HEADER>().ok_or(cut())?;
    assert_eq!(NotesHeader::read(header, name)?, HEAD);
    let (mut seal, mut parts) = (Seal::on(header), Vec::new());
    loop {
        let lead = Lead::read(*rest.first_chunk::<LEAD>().ok_or(cut())?)?;
        if lead.length == 0 {
            let whole = rest.len() == END && rest == seal.end();
            return if whole { Ok(parts) } else { Err(Damage::new("no end")) };
        }
        let part = rest.get(LEAD..LEAD + lead.length as usize).ok_or(cut())?;
        if seal.part(part)? != lead {
            return Err(Damage::new("crc"));
        }
        parts.push(part.to_vec());
        rest = &rest[LEAD + part.len()..];
    }
}

#[test]
fn a_cut_or_a_flipped_bit_anywhere_in_notes_is_damage() {
    let parts: [&[u8]; 3] = [b"first", &[0; 40], b"x"];
    let whole = file(&parts);
    assert_eq!(parts_of(&whole, "crowd-1").unwrap(), parts);
    parts_of(&whole, "crowd-2").unwrap_err();
    for length in 0..whole.len() {
        parts_of(&whole[..length], "crowd-1").unwrap_err();
    }
    for bit in 0..whole.len() * 8 {
        let mut other = whole.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        parts_of(&other, "crowd-1").unwrap_err();
    }
    parts_of(&[&whole[..], &[0]].concat(), "crowd-1").unwrap_err();
    Seal::on(&HEAD.to_bytes("n")).part(&[]).unwrap_err();
}

/// What it takes to write and to read a crowd, printed: `RUNG_MEMBERS=1000000 cargo test --release --lib -- --nocapture
/// measured`.
#[test]
fn a_crowd_measured() {
    let asked = std::env::var("RUNG_MEMBERS").ok().and_then(|members| members.parse().ok());
    for members in [asked.unwrap_or(2_000_u32)] {
        let mut crowd = Crowd::default();
        (0..members).for_each(|_| welcome(&mut crowd));
        let mut dice = 7_u64;
        for row in 0..u64::from(members) * 10 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let member = MemberNo((dice >> 33) as u32 % members);
            let spend = (dice >> 20 & 0xffff) as i64 + 500;
            let sums = Sums { spend, margin: None, bought: true, points: spend / 100 };
            let day = Day(19_700 + (row * 365 / (u64::from(members) * 10)) as i32);
            crowd.daybook.add(member, day, StoreNo((dice >> 50) as u16 % 40), sums);
        }
        let resident = crowd.bytes();
        let since = std::time::Instant::now();
        let mut draft = Draft::of(&crowd);
        let drafted = since.elapsed();
        let ready: usize = draft.held();
        let (mut file, mut seal) = (Vec::new(), Seal::on(&HEAD.to_bytes("n")));
        let mut longest = std::time::Duration::ZERO;
        let since = std::time::Instant::now();
        loop {
            let one = std::time::Instant::now();
            let Some(part) = draft.next(&crowd) else { break };
            longest = longest.max(one.elapsed());
            seal.part(&part).unwrap();
            file.push(part);
        }
        let written = since.elapsed();
        let bytes: usize = file.iter().map(Vec::len).sum();
        let since = std::time::Instant::now();
        let mut seal = Seal::on(&HEAD.to_bytes("n"));
        let mut reader = Reader::default();
        for part in &file {
            seal.part(part).unwrap();
            reader.take(part).unwrap();
        }
        let read = reader.finish().unwrap();
        let took = since.elapsed();
        assert!(read == crowd);
        println!(
            "{members} members, {} rows: {} bytes a member written ({bytes}), {} resident ({}), draft {drafted:?} and \
             {ready} bytes, the longest part {longest:?}, writing {written:?}, reading {took:?}",
            crowd.daybook.rows(),
            bytes / members as usize,
            resident,
            resident / members as usize,
        );
    }
}
