//! Recency, frequency and money: each member's three scores from 5, the best fifth, to 1, and the 125 cells they make
//! (Hughes 1994).
//!
//! Exact integers. Must not know what a day or a purchase is: who counts distinct days of purchase as frequency, or
//! receipts, has done so before.

/// What is known of one member who has bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buyer<Id> {
    /// Who she is; breaks ties.
    pub id: Id,
    /// Whole days since her last purchase: the fewer, the better.
    pub days_since: i64,
    /// How often she bought: the more, the better.
    pub frequency: i64,
    /// What she spent, in minor units: the more, the better.
    pub money: i64,
}

/// A member's three scores, each from 1 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scores {
    /// 5: bought most recently.
    pub recency: u8,
    /// 5: bought most often.
    pub frequency: u8,
    /// 5: spent the most.
    pub money: u8,
}

impl Scores {
    /// The cell's place among [`CELLS`], 111 first and 555 last; `None` if a score is not from 1 to 5.
    #[must_use]
    pub fn cell(self) -> Option<usize> {
        [self.recency, self.frequency, self.money].into_iter().try_fold(0_usize, |cell, score| {
            let digit = score.checked_sub(1).filter(|digit| *digit < FIFTHS)?;
            cell.checked_mul(usize::from(FIFTHS))?.checked_add(usize::from(digit))
        })
    }
}

impl std::fmt::Display for Scores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}{}", self.recency, self.frequency, self.money)
    }
}

/// Into how many parts each of the three is cut.
const FIFTHS: u8 = 5;
/// How many cells there are.
pub const CELLS: usize = 125;

/// What one cell holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// How many members.
    pub members: u64,
    /// What they spent, in minor units.
    pub money: i128,
}

/// All cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells([Cell; CELLS]);

impl Cells {
    /// One cell; empty if a score is not from 1 to 5.
    #[must_use]
    pub fn of(&self, scores: Scores) -> Cell {
        scores.cell().and_then(|at| self.0.get(at)).copied().unwrap_or_default()
    }

    /// How many cells hold anyone.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.iter().filter(|cell| cell.members > 0).count()
    }

    /// Every cell with its scores, 111 first and 555 last.
    pub fn iter(&self) -> impl Iterator<Item = (Scores, Cell)> + '_ {
        let digits = || 1..=FIFTHS;
        let threes = digits().flat_map(move |recency| {
            digits().flat_map(move |frequency| digits().map(move |money| Scores { recency, frequency, money }))
        });
        threes.zip(self.0.iter().copied())
    }
}

/// Each member's scores, in the order of `buyers`.
///
/// **The rule.** For each of the three, members are ranked from the worst, rank 0, to the best; those who are equally
/// good lie in ascending order of id, and no two share a rank. The score is `⌊rank · 5 / members⌋ + 1`: fifths differ
/// by one member at most, and equals may be parted by a fifth's border. `O(n log n)`, 40 bytes per member while it
/// runs.
#[must_use]
pub fn scores<Id: Ord>(buyers: &[Buyer<Id>]) -> Vec<Scores> {
    let mut by_id: Vec<(usize, &Buyer<Id>)> = buyers.iter().enumerate().collect();
    by_id.sort_by_key(|(_, buyer)| &buyer.id);
    let recency = fifths(&by_id, |buyer| buyer.days_since.saturating_neg());
    let frequency = fifths(&by_id, |buyer| buyer.frequency);
    let money = fifths(&by_id, |buyer| buyer.money);
    let threes = recency.into_iter().zip(frequency).zip(money);
    threes.map(|((recency, frequency), money)| Scores { recency, frequency, money }).collect()
}

/// Each member's fifth by one measure of goodness. Equals stay in the order of `by_id`.
fn fifths<Id>(by_id: &[(usize, &Buyer<Id>)], goodness: impl Fn(&Buyer<Id>) -> i64) -> Vec<u8> {
    let mut ranked: Vec<(i64, usize)> = by_id.iter().map(|(at, buyer)| (goodness(buyer), *at)).collect();
    ranked.sort_by_key(|(goodness, _)| *goodness);
    let mut fifths = vec![0; ranked.len()];
    for (rank, (_, at)) in ranked.into_iter().enumerate() {
        if let Some(slot) = fifths.get_mut(at) {
            *slot = fifth(rank, by_id.len());
        }
    }
    fifths
}

fn fifth(rank: usize, members: usize) -> u8 {
    let part = rank.saturating_mul(usize::from(FIFTHS)).checked_div(members);
    part.and_then(|part| u8::try_from(part).ok()).unwrap_or(0).saturating_add(1)
}

/// How many members each cell holds and what they spent, from what [`scores`] gave for the same `buyers`.
#[must_use]
pub fn cells<Id>(buyers: &[Buyer<Id>], scores: &[Scores]) -> Cells {
    let mut cells = [Cell::default(); CELLS];
    for (buyer, scores) in buyers.iter().zip(scores) {
        if let Some(cell) = scores.cell().and_then(|at| cells.get_mut(at)) {
            cell.members = cell.members.saturating_add(1);
            cell.money = cell.money.saturating_add(i128::from(buyer.money));
        }
    }
    Cells(cells)
}
