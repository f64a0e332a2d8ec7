//! Who is due when, as the snapshot database has it: many members on a page, since most are due at the same few moments
//! (the starts of days) and a row costs about the same whether it names one of them or two hundred.
//!
//! A page holds members of one ward, from the key it is named by up to the next page of the moment and ward; one that
//! grows full is cut into several. It knows rows and keys, not why somebody is due.

use std::collections::BTreeSet;

use super::rows::{Batch, Rows};
use crate::domain::order::MemberKey;
use crate::domain::units::Moment;
use crate::store::ReadError;
use crate::store::format::rows::{DUE_MAX, due_key, due_members, due_of, due_page};

/// So many members a page is given when it is cut, so that the next of them find room.
const AIM: usize = 192;
/// So many changes of one page are carried out together: its rows fit into a batch.
const TOGETHER: usize = 16_000;

/// A member and a moment; pages, and members on them, come in this order.
pub type DueRow = (Moment, MemberKey);

/// That somebody is due at a moment, or no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Who, and when.
    pub row: DueRow,
    /// Whether she is.
    pub is_due: bool,
}

/// A page as it will be, in rows that must be written together.
pub struct Pages {
    rows: Vec<([u8; 25], Vec<u8>)>,
    /// Whether changes of this very page are left: they must not be looked at before these are written.
    pub is_cut: bool,
}

impl Pages {
    /// How many rows are put or taken away.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// Adds them to a batch.
    pub fn put_into(self, batch: &mut Batch) {
        for (key, page) in self.rows {
            if page.is_empty() { batch.remove(&key) } else { batch.put(&key, page) }
        }
    }
}

/// A page as it was read.
struct Page {
    start: DueRow,
    /// The first member of the moment that is on another page.
    end: Option<MemberKey>,
    members: BTreeSet<MemberKey>,
}

/// Carries out the first of these changes, which are of one ward and in order, and all others of its page; answers
/// with what to write and which changes are left.
///
/// # Errors
/// If a page cannot be read or is damaged.
pub fn rewritten<'a>(rows: &Rows, changes: &'a [Change]) -> Result<Option<(Pages, &'a [Change])>, ReadError> {
    let Some(first) = changes.first() else { return Ok(None) };
    let mut page = Page::around(rows, first.row)?;
    let here = changes.partition_point(|change| page.covers(change.row));
    let (mine, rest) = changes.split_at_checked(here.clamp(1, TOGETHER)).unwrap_or_default();
    for change in mine {
        if change.is_due {
            page.members.insert(change.row.1)
        } else {
            page.members.remove(&change.row.1)
        };
    }
    Ok(Some((Pages { rows: page.cut(), is_cut: here > TOGETHER }, rest)))
}

/// Visits who is due from `from` until before `to`, page by page, until `visit` has enough.
///
/// # Errors
/// If a page cannot be read or is damaged.
pub fn scan(
    rows: &Rows,
    from: DueRow,
    to: DueRow,
    mut visit: impl FnMut(&mut dyn Iterator<Item = DueRow>) -> bool,
) -> Result<(), ReadError> {
    let start = rows.last(&ward_start(from), &due_key(from.0, from.1))?.map(|(key, _)| key.to_vec());
    let start = start.unwrap_or_else(|| due_key(from.0, from.1).to_vec());
    rows.scan(&start, &due_key(to.0, to.1), |key, page| {
        let told = |damage| rows.damaged(&damage);
        let (moment, _) = due_of(key).map_err(told)?;
        let members = due_members(page).map_err(told)?.map(|member| (moment, member));
        Ok(visit(&mut members.filter(|row| *row >= from)))
    })
}

impl Page {
    /// The page that has, or would have, this row; an empty one if there is none.
    fn around(rows: &Rows, row: DueRow) -> Result<Self, ReadError> {
        let told = |damage| rows.damaged(&damage);
        let (floor, ceiling) = (ward_start(row), due_key(row.0, ward_end(row.1)));
        let (key, members) = match rows.last(&floor, &due_key(row.0, row.1))? {
            Some((key, page)) => (key.to_vec(), due_members(page.payload()).map_err(told)?.collect()),
            None => (floor.to_vec(), BTreeSet::new()),
        };
        let next = rows.next_key(&key, &ceiling)?;
        let end = next.map(|next| due_of(&next)).transpose().map_err(told)?.map(|(_, member)| member);
        Ok(Self { start: due_of(&key).map_err(told)?, end, members })
    }

    fn covers(&self, row: DueRow) -> bool {
        row.0 == self.start.0 && self.end.is_none_or(|end| row.1 < end)
    }

    /// Its rows; one without a page is to be taken away.
    fn cut(self) -> Vec<([u8; 25], Vec<u8>)> {
        let members: Vec<MemberKey> = self.members.into_iter().collect();
        let many = if members.len() > DUE_MAX { members.len().div_ceil(members.len().div_ceil(AIM)) } else { DUE_MAX };
        let (moment, lowest) = self.start;
        let mut rows: Vec<_> = members
            .chunks(many)
            .map(|chunk| (chunk.first(), due_page(chunk)))
            .map(|(first, page)| (due_key(moment, first.copied().unwrap_or(lowest)), page))
            .collect();
        match rows.first_mut() {
            // The first goes on by its name, whoever its first member is.
            Some((key, _)) => *key = due_key(moment, lowest),
            None => rows.push((due_key(moment, lowest), Vec::new())),
        }
        rows
    }
}

/// The first key a page of this row's moment and ward can have.
fn ward_start((moment, member): DueRow) -> [u8; 25] {
    let mut lowest = [0; 16];
    lowest.iter_mut().zip(member.0).take(1).for_each(|(first, ward)| *first = ward);
    due_key(moment, MemberKey(lowest))
}

/// The last key of a member's ward.
fn ward_end(member: MemberKey) -> MemberKey {
    let mut highest = [0xff; 16];
    highest.iter_mut().zip(member.0).take(1).for_each(|(first, ward)| *first = ward);
    MemberKey(highest)
}

#[cfg(test)]
mod tests {
    use super::super::rows::ROWS_MAX;
    use super::*;
    use std::time::Duration;

    fn key(n: u64) -> MemberKey {
        let mut key: [u8; 16] = blake3::hash(&n.to_le_bytes()).as_bytes()[..16].try_into().unwrap();
        key[0] = u8::from(n.is_multiple_of(3)) * 200;
        MemberKey(key)
    }

    fn write(rows: &Rows, changes: &[Change]) {
        for ward in [0, 200] {
            let mut hers: Vec<Change> = changes.iter().filter(|change| change.row.1.0[0] == ward).copied().collect();
            hers.sort_unstable();
            let mut left = hers.as_slice();
            while let Some((pages, rest)) = rewritten(rows, left).unwrap() {
                assert!(pages.count() < ROWS_MAX, "{} rows do not fit into a batch", pages.count());
                let mut batch = Batch::default();
                pages.put_into(&mut batch);
                rows.write(batch).unwrap();
                left = rest;
            }
        }
    }

    #[test]
    fn more_changes_of_one_page_than_fit_into_a_batch_are_carried_out_in_turn() {
        let dir = tempfile::tempdir().unwrap();
        let (rows, _) = Rows::open(&dir.path().join("rows"), 8 << 20, Duration::from_secs(60)).unwrap();
        let due = |n: u64, is_due| Change { row: (Moment(86_400), MemberKey(u128::from(n).to_be_bytes())), is_due };
        let many = 2 * TOGETHER as u64 + 700;
        let all: Vec<Change> = (0..many).map(|n| due(n, true)).collect();
        let (first, rest) = rewritten(&rows, &all).unwrap().unwrap();
        assert_eq!((first.is_cut, rest.len()), (true, all.len() - TOGETHER));
        write(&rows, &all);
        let (from, to) = ((Moment(0), MemberKey([0; 16])), (Moment(i64::MAX), MemberKey([0xff; 16])));
        assert_eq!(read(&rows, from, to), all.iter().map(|change| change.row).collect::<Vec<_>>());
        write(&rows, &(0..many).map(|n| due(n, false)).collect::<Vec<_>>());
        assert_eq!(read(&rows, from, to), []);
        assert!(rows.is_empty().unwrap(), "pages of nobody are taken away");
    }

    fn read(rows: &Rows, from: DueRow, to: DueRow) -> Vec<DueRow> {
        let mut found = Vec::new();
        scan(rows, from, to, |page| {
            found.extend(page);
            true
        })
        .unwrap();
        found
    }

    #[test]
    fn pages_hold_what_was_put_and_not_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let (rows, _) = Rows::open(&dir.path().join("rows"), 8 << 20, Duration::from_secs(60)).unwrap();
        let mut shadow = BTreeSet::new();
        for round in 0..24_u64 {
            let changes: Vec<Change> = (0..900)
                .map(|n| {
                    let n = blake3::hash(&(round * 10_000 + n).to_le_bytes()).as_bytes()[0..8].try_into().unwrap();
                    let n = u64::from_le_bytes(n);
                    // Rounds of many, then rounds of few.
                    let is_due = n % 16 < if round < 12 { 13 } else { 3 };
                    Change { row: (Moment((n >> 8) as i64 % 4 * 86_400), key((n >> 20) % 3_000)), is_due }
                })
                .collect();
            let mut last = std::collections::BTreeMap::new();
            last.extend(changes.iter().map(|change| (change.row, change.is_due)));
            let changes: Vec<Change> = last.into_iter().map(|(row, is_due)| Change { row, is_due }).collect();
            write(&rows, &changes);
            for change in &changes {
                if change.is_due {
                    shadow.insert(change.row)
                } else {
                    shadow.remove(&change.row)
                };
            }
            let (from, to) = ((Moment(0), MemberKey([0; 16])), (Moment(i64::MAX), MemberKey([0xff; 16])));
            assert_eq!(read(&rows, from, to), shadow.iter().copied().collect::<Vec<_>>());
            let (from, to) = ((Moment(86_400), key(round)), (Moment(3 * 86_400), MemberKey([0; 16])));
            let part: Vec<_> = shadow.range(from..).copied().filter(|row| row.0 < to.0).collect();
            assert_eq!(read(&rows, from, to), part);
        }
        let mut pages = 0;
        rows.scan(b"d", b"e", |_, _| {
            pages += 1;
            Ok(true)
        })
        .unwrap();
        assert!(pages < shadow.len() / 10, "{pages} pages for {}", shadow.len());
    }
}
