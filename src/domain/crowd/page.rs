//! The rows of one day of a book: what each purchase and each return adds, column by column.
//!
//! Rows lie in leaves of fixed size and only the last one grows, by little, so that hardly more room is taken than is
//! filled. A row that was added never changes, and a leaf that is full never does: a copy of a book shares its leaves, and
//! whoever writes a book down may go on while it grows. Room: 12 bytes a row, two more where a leaf's purchases name
//! their store and four more where they carry their cost.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::daybook::{Measure, MemberNo, StoreNo, Sums};

/// So many rows lie in a full leaf.
pub(crate) const LEAF: usize = 8_192;

/// The rows of one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page(Vec<Arc<Leaf>>);

impl Page {
    /// Adds a row.
    pub(crate) fn push(&mut self, member: MemberNo, store: StoreNo, sums: Sums) {
        if self.0.last().is_none_or(|leaf| leaf.who.len() == LEAF) {
            push(&mut self.0, Arc::default());
        }
        if let Some(last) = self.0.last_mut() {
            // Whoever holds a copy of the book keeps the leaf as it was.
            Arc::make_mut(last).push(member, store, sums);
        }
    }

    /// How many rows it has.
    pub(crate) fn rows(&self) -> usize {
        let last = self.0.last().map_or(0, |leaf| leaf.who.len());
        self.0.len().saturating_sub(1) * LEAF + last
    }

    /// Its rows, leaf by leaf.
    pub(crate) fn leaves(&self) -> &[Arc<Leaf>] {
        &self.0
    }

    pub(super) fn bytes(&self) -> usize {
        let leaves: usize = self.0.iter().map(|leaf| leaf.bytes()).sum();
        leaves + self.0.capacity() * size_of::<Arc<Leaf>>()
    }
}

/// Up to [`LEAF`] rows of one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// Twice her number, and one more where the row is a purchase.
    who: Vec<u32>,
    /// Empty as long as no row names one.
    stores: Vec<u16>,
    spend: Amounts,
    points: Amounts,
    /// Empty as long as no row knows its cost.
    margin: Amounts,
}

impl Leaf {
    fn push(&mut self, member: MemberNo, store: StoreNo, sums: Sums) {
        let rows = self.who.len();
        if store != StoreNo::NONE && self.stores.is_empty() {
            self.stores = vec![StoreNo::NONE.0; rows];
        }
        if sums.margin.is_some() && self.margin.narrow.is_empty() {
            self.margin.narrow = vec![UNKNOWN; rows];
        }
        if store != StoreNo::NONE || !self.stores.is_empty() {
            push(&mut self.stores, store.0);
        }
        if sums.margin.is_some() || !self.margin.narrow.is_empty() {
            self.margin.push(sums.margin);
        }
        push(&mut self.who, member.0 << 1 | u32::from(sums.bought));
        self.spend.push(Some(sums.spend));
        self.points.push(Some(sums.points));
    }

    /// Whose rows they are, and whether each is a purchase.
    pub(crate) fn who(&self) -> impl ExactSizeIterator<Item = (MemberNo, bool)> + '_ {
        self.who.iter().map(|who| (MemberNo(who >> 1), who & 1 == 1))
    }

    /// The store of a row.
    pub(crate) fn store(&self, row: usize) -> StoreNo {
        StoreNo(self.stores.get(row).copied().unwrap_or(StoreNo::NONE.0))
    }

    /// Whether any of the first `rows` rows knows its cost.
    pub(crate) fn knows_cost(&self, rows: usize) -> bool {
        self.margin.narrow.iter().take(rows).any(|margin| *margin != UNKNOWN)
    }

    /// Whose the rows are, and what they add.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (MemberNo, Sums)> + '_ {
        self.who().zip(self.spend.iter()).zip(self.points.iter()).enumerate().map(
            |(row, (((member, bought), spend), points))| {
                let (spend, points) = (spend.unwrap_or(0), points.unwrap_or(0));
                (member, Sums { spend, margin: self.margin.get(row), bought, points })
            },
        )
    }

    /// A measure of every row, with its member's number; of one store's only, if one is named.
    pub(super) fn each(&self, measure: Measure, store: Option<StoreNo>, add: impl FnMut(usize, i64)) {
        match measure {
            Measure::Spend => self.each_of(store, known(&self.spend), add),
            Measure::Margin => self.each_of(store, known(&self.margin), add),
            Measure::Visits => self.each_of(store, self.who().map(|(_, bought)| i64::from(bought)), add),
            Measure::Points => self.each_of(store, known(&self.points), add),
        }
    }

    fn each_of(&self, store: Option<StoreNo>, amounts: impl Iterator<Item = i64>, mut add: impl FnMut(usize, i64)) {
        let mut add = |who: &u32, amount: i64| add((who >> 1) as usize, amount);
        let rows = self.who.iter().zip(amounts);
        match store {
            None => rows.for_each(|(who, amount)| add(who, amount)),
            Some(only) if self.stores.is_empty() => {
                rows.filter(|_| only == StoreNo::NONE).for_each(|(who, amount)| add(who, amount));
            }
            Some(only) => {
                let inside = rows.zip(&self.stores).filter(|(_, store)| **store == only.0);
                inside.for_each(|((who, amount), _)| add(who, amount));
            }
        }
    }

    fn bytes(&self) -> usize {
        let amounts = self.spend.bytes() + self.points.bytes() + self.margin.bytes();
        self.who.capacity() * 4 + self.stores.capacity() * 2 + amounts + size_of::<Self>() + 2 * size_of::<usize>()
    }
}

/// Stands where nothing is known.
const UNKNOWN: i32 = i32::MIN + 1;
/// Stands where an amount is too wide for its column.
const WIDE: i32 = i32::MIN;

/// Amounts of one row each. Hardly any needs more than 32 bits: those that do lie beside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Amounts {
    narrow: Vec<i32>,
    wide: BTreeMap<u16, i64>,
}

impl Amounts {
    fn push(&mut self, amount: Option<i64>) {
        let narrow = amount.map_or(Some(UNKNOWN), |amount| i32::try_from(amount).ok().filter(|n| *n > UNKNOWN));
        if let (None, Some(amount), Ok(row)) = (narrow, amount, u16::try_from(self.narrow.len())) {
            self.wide.insert(row, amount);
        }
        push(&mut self.narrow, narrow.unwrap_or(WIDE));
    }

    fn get(&self, row: usize) -> Option<i64> {
        self.narrow.get(row).and_then(|narrow| self.read(row, *narrow))
    }

    #[inline]
    fn read(&self, row: usize, narrow: i32) -> Option<i64> {
        if narrow > UNKNOWN { Some(narrow.into()) } else { self.beside(row, narrow) }
    }

    #[cold]
    fn beside(&self, row: usize, narrow: i32) -> Option<i64> {
        let row = u16::try_from(row).ok().filter(|_| narrow == WIDE)?;
        self.wide.get(&row).copied()
    }

    fn iter(&self) -> impl ExactSizeIterator<Item = Option<i64>> + '_ {
        self.narrow.iter().enumerate().map(|(row, narrow)| self.read(row, *narrow))
    }

    fn bytes(&self) -> usize {
        self.narrow.capacity() * 4 + self.wide.len() * 16
    }
}

/// What is known of each row, nothing where nothing is.
fn known(column: &Amounts) -> impl Iterator<Item = i64> + '_ {
    column.iter().map(|amount| amount.unwrap_or(0))
}

/// Adds to a column that makes room for an eighth more when it is full: a vector left alone doubles.
pub(super) fn push<T>(column: &mut Vec<T>, value: T) {
    if column.len() == column.capacity() {
        column.reserve_exact(column.len() / 8 + 4);
    }
    column.push(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_come_back_whatever_their_width() {
        let ends = [i64::MIN, i64::from(i32::MIN) - 1, i32::MIN.into(), UNKNOWN.into(), i64::from(UNKNOWN) + 1];
        let more = [-1, 0, 1, i32::MAX.into(), i64::from(i32::MAX) + 1, i64::MAX];
        let given: Vec<Option<i64>> = ends.into_iter().chain(more).map(Some).chain([None]).collect();
        let mut amounts = Amounts::default();
        given.iter().for_each(|amount| amounts.push(*amount));
        assert_eq!(amounts.iter().collect::<Vec<_>>(), given);
        assert_eq!(amounts.wide.len(), 6, "only what does not fit lies beside");
        assert_eq!(amounts.get(given.len()), None);
    }

    #[test]
    fn a_copy_of_a_page_stays_as_it_was_and_shares_what_is_full() {
        let row = |page: &mut Page, spend| {
            page.push(MemberNo(7), StoreNo::NONE, Sums { spend, bought: true, ..Sums::default() });
        };
        let mut page = Page::default();
        (0..LEAF as i64 + 3).for_each(|spend| row(&mut page, spend));
        let copy = page.clone();
        row(&mut page, 9);
        assert_eq!((copy.rows(), page.rows()), (LEAF + 3, LEAF + 4));
        assert!(Arc::ptr_eq(&copy.leaves()[0], &page.leaves()[0]));
        assert!(!Arc::ptr_eq(&copy.leaves()[1], &page.leaves()[1]));
    }

    #[test]
    fn room_is_taken_for_what_is_there() {
        let mut page = Page::default();
        let plain = Sums { spend: 1_000, bought: true, points: 10, margin: None };
        (0..10 * LEAF).for_each(|_| page.push(MemberNo(1), StoreNo::NONE, plain));
        assert_eq!(page.bytes() / page.rows(), 12);
        (0..10 * LEAF).for_each(|_| page.push(MemberNo(1), StoreNo(3), Sums { margin: Some(4), ..plain }));
        assert_eq!(page.bytes() / page.rows(), 15, "twelve bytes of the first half, eighteen of the second");
        let slack = |rows: usize| {
            let mut page = Page::default();
            (0..rows).for_each(|_| page.push(MemberNo(1), StoreNo::NONE, plain));
            page.bytes() as f64 / (12.0 * rows as f64)
        };
        assert!(slack(3_000) < 1.2 && slack(70_000) < 1.2, "{} {}", slack(3_000), slack(70_000));
    }
}
