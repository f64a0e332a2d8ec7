//! A crowd, written down in parts while it grows, and read back.
//!
//! Each part is a message of columns, each column a message of its own; a column's rows go on where the last column of
//! the same number (and day) ended. Packed numbers are varints one behind the other.
//!
//! | column | is |
//! |---|---|
//! | 1 | what there is: 1 the rules it was folded by, 2 how many members, 3 how many rows |
//! | 2 | keys: 1 bytes, 16 each |
//! | 3 | tiers: 1 packed, 0 none or the tier's word + 1 |
//! | 4 | first purchases: 1 packed, 0 none or the day (zigzag) + 1 |
//! | 5, 6, 7, 8 | spend, margin (once any is known), receipts, points for ever: 1 packed, zigzag |
//! | 9 | stores by number from 1: 1… text |
//! | 10 | a club: 1 its word, 2 packed: its members' numbers in order, each less the one before |
//! | 11 | rows of a day: 1 the day (zigzag), 2 packed: members, each (zigzag) less the one before, 3 packed: stores, 4 packed, zigzag: spend, 5 packed: 1 if it is a purchase, 6 packed, zigzag: points, where any of them knows its cost 7 packed, zigzag: margin and 8 packed: 1 if it is known |
//! | 12 | changes of tier on a day: 1 the day (zigzag), 2 packed: members, each (zigzag) less the one before, 3 packed: 0 none or the tier's word + 1 |
//! | 13 | a segment: as a club |
//! | 14 | who is closed: as a club, of no word |
//! | 15 | an alert: see `crowd_alerts.rs` |
//!
//! Who bought since segments were looked at is not kept: after a start everybody is looked at.
//!
//! A crowd that has a column nobody knows here, or lacks one, is not read but folded anew: so there is nothing to be
//! kept readable but the numbers of the columns. Writing holds no more than what changes from entry to entry, about
//! twenty bytes a member; keys and rows are only ever added to and are read off the crowd as they are written.

use std::collections::BTreeMap;

use super::eye::{Eye, Wire, day_of, narrow, take_varint, unknown, unzigzag};
use super::fact::read_word;
use super::pen::{Pen, put_varint, zigzag};
use super::{Damage, crowd_alerts};
use crate::domain::calendar::Day;
use crate::domain::crowd::alerts::AllAlerts;
use crate::domain::crowd::daybook::{Daybook, MemberNo, NOT_YET, StoreNo, Sums};
use crate::domain::crowd::group::Group;
use crate::domain::crowd::page::{LEAF, Leaf, Page};
use crate::domain::crowd::tags::Tags;
use crate::domain::crowd::tiers::Steps;
use crate::domain::crowd::{Crowd, FOLD};
use crate::domain::order::MemberKey;
use crate::domain::program::{ClubId, SegmentId, TierId, Word};
use crate::domain::units::Text;

const WHOLE: u32 = 1;
const KEYS: u32 = 2;
const TIERS: u32 = 3;
const FIRST: u32 = 4;
const SPEND: u32 = 5;
const MARGIN: u32 = 6;
const RECEIPTS: u32 = 7;
const POINTS: u32 = 8;
const STORES: u32 = 9;
const CLUB: u32 = 10;
const ROWS: u32 = 11;
const STEPS: u32 = 12;
const SEGMENT: u32 = 13;
const CLOSED: u32 = 14;
const ALERT: u32 = 15;

/// So many members or rows are written at once.
const STEP: usize = 32 * 1_024;
/// A part that is longer is closed.
const PART: usize = 256 << 10;

/// A crowd at one moment, being written while it grows.
#[derive(Debug)]
pub struct Draft {
    /// Parts of what may change, written at that moment; the last one first.
    ready: Vec<Vec<u8>>,
    /// The members whose keys are to be written: from, until.
    keys: (usize, usize),
    /// The days whose rows are to be written, and how many; the last one first.
    days: Vec<(Day, usize)>,
    /// How many leaves of the day are written.
    leaf: usize,
}

impl Draft {
    /// The crowd as it is now. A column that is added to it must be written here or in [`Self::next`].
    #[must_use]
    pub fn of(crowd: &Crowd) -> Self {
        let Crowd { daybook, steps, tags, roster, tiers, clubs, stores, alerts } = crowd;
        let AllAlerts { alerts, standing: _, ended: _ } = alerts;
        let Tags { segments, closed, bought: _ } = tags;
        let Daybook { pages, first, spend, margin, visits, points, rows } = daybook;
        let mut sheet = Sheet::default();
        sheet.column(WHOLE, |pen| {
            pen.number(1, FOLD.into());
            pen.number(2, roster.len() as u64);
            pen.number(3, *rows as u64);
        });
        sheet.packed(TIERS, tiers, |tier| tier.map_or(0, |tier| u64::from(tier.0.0) + 1));
        sheet.packed(FIRST, first, |day| if *day < NOT_YET { zigzag(day.0.into()) + 1 } else { 0 });
        for (column, sums) in [(SPEND, spend), (MARGIN, margin), (POINTS, points)] {
            sheet.packed(column, sums, |sum| zigzag(*sum));
        }
        sheet.packed(RECEIPTS, visits, |visits| zigzag((*visits).into()));
        let mut named: Vec<(&Text, &StoreNo)> = stores.iter().collect();
        named.sort_unstable_by_key(|(_, number)| **number);
        for some in named.chunks(STEP / 32) {
            sheet.column(STORES, |pen| some.iter().for_each(|(name, _)| pen.always_bytes(1, name.as_bytes())));
        }
        clubs.iter().for_each(|(club, members)| sheet.group(CLUB, club.0, members.iter()));
        segments.iter().for_each(|(segment, members)| sheet.group(SEGMENT, segment.0, members.iter()));
        sheet.group(CLOSED, Word(0), closed.iter());
        alerts.iter().for_each(|(entry, alert)| sheet.column(ALERT, |pen| crowd_alerts::write(pen, *entry, alert)));
        steps.0.iter().for_each(|(day, steps)| sheet.steps(*day, steps));
        let days = pages.iter().rev().map(|(day, page)| (*day, page.rows()));
        Self { ready: sheet.reversed(), keys: (0, roster.len()), days: days.collect(), leaf: 0 }
    }

    /// How many bytes it holds that are written already.
    #[must_use]
    pub fn held(&self) -> usize {
        self.ready.iter().map(Vec::len).sum()
    }

    /// The next part of it; `crowd` is the same one, grown or not.
    pub fn next(&mut self, crowd: &Crowd) -> Option<Vec<u8>> {
        if let Some(part) = self.ready.pop() {
            return Some(part);
        }
        let mut part = Vec::new();
        let mut pen = Pen::at_end_of(&mut part);
        while pen.buffer().len() < PART {
            if !self.write_keys(&mut pen, crowd) && !self.write_rows(&mut pen, crowd) {
                break;
            }
        }
        (!part.is_empty()).then_some(part)
    }

    fn write_keys(&mut self, pen: &mut Pen<'_>, crowd: &Crowd) -> bool {
        let (from, until) = self.keys;
        let step = (until - from).min(STEP);
        let some = crowd.roster.keys().get(from..from + step).unwrap_or_default();
        self.keys.0 += step;
        if step > 0 {
            pen.nested(KEYS, |pen| pen.bytes(1, &some.iter().flat_map(|key| key.0).collect::<Vec<u8>>()));
        }
        step > 0
    }

    fn write_rows(&mut self, pen: &mut Pen<'_>, crowd: &Crowd) -> bool {
        let Some((day, rows)) = self.days.last().copied() else { return false };
        let written = self.leaf * LEAF;
        let leaf = crowd.daybook.pages.get(&day).and_then(|page| page.leaves().get(self.leaf));
        leaf.into_iter().for_each(|leaf| write_leaf(pen, day, leaf, rows.saturating_sub(written)));
        self.leaf += 1;
        if rows <= written + LEAF {
            self.days.pop();
            self.leaf = 0;
        }
        true
    }
}

/// Its first `rows` rows, if it has more.
fn write_leaf(pen: &mut Pen<'_>, day: Day, leaf: &Leaf, rows: usize) {
    let rows = rows.min(leaf.who().len());
    let sums = || leaf.rows().map(|(_, sums)| sums).take(rows);
    pen.nested(ROWS, |pen| {
        pen.always(1, zigzag(day.0.into()));
        let mut before = 0;
        pack(pen, 2, leaf.who().take(rows), |(member, _)| {
            zigzag(i64::from(member.0) - std::mem::replace(&mut before, member.0.into()))
        });
        pack(pen, 3, 0..rows, |row| leaf.store(row).0.into());
        pack(pen, 4, sums(), |sums| zigzag(sums.spend));
        pack(pen, 5, sums(), |sums| sums.bought.into());
        pack(pen, 6, sums(), |sums| zigzag(sums.points));
        if leaf.knows_cost(rows) {
            pack(pen, 7, sums(), |sums| zigzag(sums.margin.unwrap_or(0)));
            pack(pen, 8, sums(), |sums| sums.margin.is_some().into());
        }
    });
}

fn pack<T>(pen: &mut Pen<'_>, field: u32, values: impl IntoIterator<Item = T>, mut number: impl FnMut(T) -> u64) {
    pen.nested(field, |pen| values.into_iter().for_each(|value| put_varint(pen.buffer(), number(value))));
}

/// Parts being filled.
#[derive(Default)]
struct Sheet(Vec<Vec<u8>>);

impl Sheet {
    fn column(&mut self, column: u32, write: impl FnOnce(&mut Pen<'_>)) {
        if self.0.last().is_none_or(|part| part.len() >= PART) {
            self.0.push(Vec::new());
        }
        if let Some(part) = self.0.last_mut() {
            Pen::at_end_of(part).nested(column, write);
        }
    }

    fn packed<T>(&mut self, column: u32, values: &[T], number: impl Fn(&T) -> u64) {
        for some in values.chunks(STEP) {
            self.column(column, |pen| pack(pen, 1, some, &number));
        }
    }

    /// A club without members is written too: whoever folds keeps it.
    fn group(&mut self, column: u32, word: Word, members: impl Iterator<Item = MemberNo>) {
        let numbers: Vec<u32> = members.map(|member| member.0).collect();
        let mut rest = &numbers[..];
        loop {
            let (some, behind) = rest.split_at(rest.len().min(STEP));
            self.column(column, |pen| {
                pen.always(1, word.0.into());
                let mut before = 0;
                pack(pen, 2, some, |member| u64::from(*member - std::mem::replace(&mut before, *member)));
            });
            rest = behind;
            if rest.is_empty() {
                return;
            }
        }
    }

    /// Changes of tier are in the order in which they came.
    fn steps(&mut self, day: Day, steps: &[(MemberNo, Option<TierId>)]) {
        for some in steps.chunks(STEP) {
            self.column(STEPS, |pen| {
                pen.always(1, zigzag(day.0.into()));
                let mut before = 0;
                pack(pen, 2, some, |(member, _)| {
                    zigzag(i64::from(member.0) - std::mem::replace(&mut before, member.0.into()))
                });
                pack(pen, 3, some, |(_, tier)| tier.map_or(0, |tier| u64::from(tier.0.0) + 1));
            });
        }
    }

    fn reversed(mut self) -> Vec<Vec<u8>> {
        self.0.iter_mut().for_each(Vec::shrink_to_fit);
        self.0.reverse();
        self.0
    }
}

/// A crowd being read, part by part.
#[derive(Debug, Default)]
pub struct Reader {
    crowd: Crowd,
    members: usize,
    rows: usize,
    fold: u32,
}

impl Reader {
    /// Takes the next part.
    ///
    /// # Errors
    /// [`Damage`] if it is none, or was written by another Rung.
    pub fn take(&mut self, part: &[u8]) -> Result<(), Damage> {
        let mut eye = Eye::on(part);
        while let Some((column, wire)) = eye.field()? {
            self.column(column, wire.nested()?)?;
        }
        Ok(())
    }

    fn column(&mut self, column: u64, eye: Eye<'_>) -> Result<(), Damage> {
        let Crowd { daybook, steps, tags, tiers, alerts, .. } = &mut self.crowd;
        match u32::try_from(column).unwrap_or(u32::MAX) {
            WHOLE => self.read_whole(eye),
            KEYS => self.read_keys(eye),
            TIERS => unpack(eye, tiers, tier_of),
            FIRST => unpack(eye, &mut daybook.first, first_of),
            SPEND => unpack(eye, &mut daybook.spend, sum_of),
            MARGIN => unpack(eye, &mut daybook.margin, sum_of),
            RECEIPTS => unpack(eye, &mut daybook.visits, receipts_of),
            POINTS => unpack(eye, &mut daybook.points, sum_of),
            STORES => self.read_stores(eye),
            CLUB => {
                let (word, members) = read_group(eye)?;
                self.crowd.clubs.entry(ClubId(word)).or_default().extend(members);
                Ok(())
            }
            ROWS => read_rows(daybook, eye),
            STEPS => read_steps(steps, eye),
            SEGMENT => {
                let (word, members) = read_group(eye)?;
                tags.segments.entry(SegmentId(word)).or_default().extend(members);
                Ok(())
            }
            ALERT => {
                let (entry, alert) = crowd_alerts::read(eye)?;
                alerts.put(entry, alert);
                Ok(())
            }
            CLOSED => {
                tags.closed.extend(read_group(eye)?.1);
                Ok(())
            }
            _ => Err(unknown("a crowd", column)),
        }
    }

    fn read_whole(&mut self, mut eye: Eye<'_>) -> Result<(), Damage> {
        while let Some((field, wire)) = eye.field()? {
            match field {
                1 => self.fold = wire.narrow()?,
                2 => self.members = wire.narrow()?,
                3 => self.rows = wire.narrow()?,
                other => return Err(unknown("a crowd", other)),
            }
        }
        if self.fold == FOLD {
            return Ok(());
        }
        Err(Damage::told(format!("a crowd was folded by rules {}, this Rung's are {FOLD}", self.fold)))
    }

    fn read_keys(&mut self, mut eye: Eye<'_>) -> Result<(), Damage> {
        let bytes = only(&mut eye)?.bytes()?;
        let (keys, rest) = bytes.as_chunks::<16>();
        if !rest.is_empty() {
            return Err(Damage::new("a key has the wrong length"));
        }
        for key in keys.iter().copied().map(MemberKey) {
            if self.crowd.number(key).is_some() {
                return Err(Damage::new("a key stands twice in a crowd"));
            }
            self.crowd.roster.add(key);
        }
        Ok(())
    }

    fn read_stores(&mut self, mut eye: Eye<'_>) -> Result<(), Damage> {
        while let Some((field, wire)) = eye.field()? {
            if field != 1 {
                return Err(unknown("a crowd's stores", field));
            }
            let number = u16::try_from(self.crowd.stores.len() + 1);
            let number = number.map_err(|_| Damage::new("a crowd has more stores than numbers"))?;
            self.crowd.stores.insert(wire.text()?, StoreNo(number));
        }
        Ok(())
    }

    /// The crowd, when every part was taken.
    ///
    /// # Errors
    /// [`Damage`] if its columns contradict each other.
    pub fn finish(mut self) -> Result<Crowd, Damage> {
        self.crowd.daybook.rows = self.rows;
        let Crowd { daybook, steps, tags, roster, tiers, clubs, stores: _, alerts } = &self.crowd;
        let Tags { segments, closed, bought: _ } = tags;
        let Daybook { pages, first, spend, margin, visits, points, rows } = daybook;
        let members = self.members;
        let lengths = [roster.len(), tiers.len(), first.len(), spend.len(), visits.len(), points.len()];
        let is_known = |member: u32| (member as usize) < members;
        let sound = self.fold == FOLD
            && lengths.iter().all(|length| *length == members)
            && margin.len() == if knows_cost(pages) { members } else { 0 }
            && buyers(pages).all(|member| is_known(member.0))
            && pages.values().map(Page::rows).sum::<usize>() == *rows
            && steps.0.values().flatten().all(|(member, _)| is_known(member.0))
            && clubs.values().flat_map(Group::iter).all(|member| is_known(member.0))
            && alerts.alerts.values().all(|alert| is_known(alert.member.0))
            && segments.values().chain([closed]).flat_map(Group::iter).all(|member| is_known(member.0));
        if sound { Ok(self.crowd) } else { Err(Damage::new("the columns of a crowd contradict each other")) }
    }
}

fn read_group(mut eye: Eye<'_>) -> Result<(Word, impl Iterator<Item = MemberNo>), Damage> {
    let (mut word, mut steps) = (Word(0), Vec::new());
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => word = read_word(wire)?,
            2 => push_all(&mut steps, wire, narrow::<u32>)?,
            other => return Err(unknown("a group of a crowd", other)),
        }
    }
    Ok((word, numbers(steps)))
}

/// Members' numbers of how far each lies behind the one before.
fn numbers(steps: Vec<u32>) -> impl Iterator<Item = MemberNo> {
    let mut before = 0_u32;
    steps.into_iter().map(move |step| {
        before = before.saturating_add(step);
        MemberNo(before)
    })
}

fn read_steps(steps: &mut Steps, mut eye: Eye<'_>) -> Result<(), Damage> {
    let Some((1, day)) = eye.field()? else { return Err(Damage::new("changes of tier on no day")) };
    let day = day_of(day.number()?)?;
    let (mut members, mut tiers) = (Vec::new(), Vec::new());
    while let Some((field, wire)) = eye.field()? {
        match field {
            2 => read_numbers(&mut members, wire)?,
            3 => push_all(&mut tiers, wire, tier_of)?,
            other => return Err(unknown("changes of tier", other)),
        }
    }
    if members.len() != tiers.len() {
        return Err(Damage::new("changes of tier contradict each other"));
    }
    steps.0.entry(day).or_default().extend(members.into_iter().map(MemberNo).zip(tiers));
    Ok(())
}

fn knows_cost(pages: &BTreeMap<Day, Page>) -> bool {
    pages.values().flat_map(|page| page.leaves()).any(|leaf| leaf.knows_cost(LEAF))
}

fn buyers(pages: &BTreeMap<Day, Page>) -> impl Iterator<Item = MemberNo> + '_ {
    pages.values().flat_map(|page| page.leaves()).flat_map(|leaf| leaf.who()).map(|(member, _)| member)
}

fn read_rows(book: &mut Daybook, mut eye: Eye<'_>) -> Result<(), Damage> {
    let Some((1, day)) = eye.field()? else { return Err(Damage::new("rows of no day")) };
    let page = book.pages.entry(day_of(day.number()?)?).or_default();
    let (mut members, mut stores, mut spend, mut points) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut bought, mut margin, mut known) = (Vec::new(), Vec::new(), Vec::new());
    while let Some((field, wire)) = eye.field()? {
        match field {
            2 => read_numbers(&mut members, wire)?,
            3 => push_all(&mut stores, wire, narrow)?,
            4 => push_all(&mut spend, wire, sum_of)?,
            5 => push_all(&mut bought, wire, yes_or_no)?,
            6 => push_all(&mut points, wire, sum_of)?,
            7 => push_all(&mut margin, wire, sum_of)?,
            8 => push_all(&mut known, wire, yes_or_no)?,
            other => return Err(unknown("rows of a crowd", other)),
        }
    }
    let rows = members.len();
    let is_even = [stores.len(), spend.len(), bought.len(), points.len()].iter().all(|length| *length == rows);
    if members.iter().any(|member| *member > MemberNo::MAX.0) {
        return Err(Damage::new("a row of nobody"));
    }
    if !is_even || margin.len() != known.len() || !(margin.is_empty() || margin.len() == rows) {
        return Err(Damage::new("rows of a crowd contradict each other"));
    }
    let margins = margin.into_iter().zip(known).map(|(margin, known): (i64, bool)| known.then_some(margin));
    let margins = margins.chain(std::iter::repeat(None));
    let sums = spend.into_iter().zip(margins).zip(bought).zip(points);
    let sums = sums.map(|(((spend, margin), bought), points)| Sums { spend, margin, bought, points });
    for ((member, store), sums) in members.into_iter().zip(stores).zip(sums) {
        page.push(MemberNo(member), StoreNo(store), sums);
    }
    Ok(())
}

/// Each run of rows begins anew at 0.
fn read_numbers(members: &mut Vec<u32>, wire: Wire<'_>) -> Result<(), Damage> {
    let mut before = 0_i64;
    push_all(members, wire, |step| {
        before = before.wrapping_add(unzigzag(step));
        u32::try_from(before).map_err(|_| Damage::new("a member's number does not fit its field"))
    })
}

/// The one field of a column.
fn only<'a>(eye: &mut Eye<'a>) -> Result<Wire<'a>, Damage> {
    match (eye.field()?, eye.field()?) {
        (Some((1, wire)), None) => Ok(wire),
        _ => Err(Damage::new("a crowd's column has another form")),
    }
}

fn unpack<T>(mut eye: Eye<'_>, into: &mut Vec<T>, read: impl FnMut(u64) -> Result<T, Damage>) -> Result<(), Damage> {
    push_all(into, only(&mut eye)?, read)
}

fn push_all<T>(
    into: &mut Vec<T>,
    wire: Wire<'_>,
    mut read: impl FnMut(u64) -> Result<T, Damage>,
) -> Result<(), Damage> {
    let mut bytes = wire.bytes()?;
    while !bytes.is_empty() {
        into.push(read(take_varint(&mut bytes)?)?);
    }
    Ok(())
}

fn tier_of(n: u64) -> Result<Option<TierId>, Damage> {
    n.checked_sub(1).map(|word| narrow(word).map(|word| TierId(Word(word)))).transpose()
}

fn first_of(n: u64) -> Result<Day, Damage> {
    n.checked_sub(1).map_or(Ok(NOT_YET), day_of)
}

const fn sum_of(n: u64) -> Result<i64, Damage> {
    Ok(unzigzag(n))
}

fn receipts_of(n: u64) -> Result<u32, Damage> {
    u32::try_from(unzigzag(n)).map_err(|_| Damage::new("a number does not fit its field"))
}

fn yes_or_no(n: u64) -> Result<bool, Damage> {
    if n > 1 { Err(Damage::new("neither yes nor no")) } else { Ok(n == 1) }
}
