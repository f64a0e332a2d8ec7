//! Amounts in ascending order, kept current: how many there are, what they sum to, and where in the order a cut falls.
//!
//! A tree of height two. Equal amounts are one [`Run`]; runs lie in order in blocks of at most [`RUNS_MAX`]; each block
//! keeps its sums, so that a question walks the blocks' sums and looks inside one block only. The shape rests on the
//! number of runs alone, never on how amounts are spread. Must not know what the amounts mean.

/// The most runs in a block; a full one is cut in two.
const RUNS_MAX: usize = 256;
/// How many runs a block has when it is built at once: room for later ones.
const RUNS_BUILT: usize = 192;
/// A block with fewer runs is joined with its neighbour where both fit into [`RUNS_BUILT`].
const RUNS_MIN: usize = 64;

/// Equal amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The amount each of them has.
    pub amount: i64,
    /// How many have it, at least one.
    pub members: u64,
}

impl Run {
    fn sum(self) -> i128 {
        i128::from(self.amount).saturating_mul(i128::from(self.members))
    }

    /// Σ rank · amount over this run, where `below` ranks lie under it:
    /// `amount · members · (2 · below + members + 1) / 2`.
    fn ranked(self, below: u64) -> i128 {
        let (below, members) = (i128::from(below), i128::from(self.members));
        let ends = below.saturating_mul(2).saturating_add(members).saturating_add(1);
        let ranks = members.saturating_mul(ends) >> 1;
        ranks.saturating_mul(i128::from(self.amount))
    }
}

/// Neighbouring runs and their sums.
#[derive(Clone, Debug)]
struct Block {
    runs: Vec<Run>,
    largest: i64,
    members: u64,
    sum: i128,
}

impl Block {
    fn of(runs: &[Run]) -> Self {
        let mut kept = Vec::with_capacity(RUNS_MAX.max(runs.len()));
        kept.extend_from_slice(runs);
        let mut block = Self { runs: kept, largest: 0, members: 0, sum: 0 };
        block.recount();
        block
    }

    fn recount(&mut self) {
        self.members = self.runs.iter().fold(0, |members, run| run.members.saturating_add(members));
        self.sum = self.runs.iter().fold(0, |sum, run| run.sum().saturating_add(sum));
        self.largest = self.runs.last().map_or(0, |run| run.amount);
    }

    fn add(&mut self, amount: i64) {
        let at = self.runs.partition_point(|held| held.amount < amount);
        match self.runs.get_mut(at) {
            Some(held) if held.amount == amount => held.members = held.members.saturating_add(1),
            _ => self.runs.insert(at, Run { amount, members: 1 }),
        }
        self.members = self.members.saturating_add(1);
        self.sum = self.sum.saturating_add(i128::from(amount));
        self.largest = self.largest.max(amount);
    }

    fn remove(&mut self, amount: i64) -> bool {
        let at = self.runs.partition_point(|held| held.amount < amount);
        let Some(held) = self.runs.get_mut(at).filter(|held| held.amount == amount) else { return false };
        held.members = held.members.saturating_sub(1);
        if held.members == 0 {
            self.runs.remove(at);
        }
        self.members = self.members.saturating_sub(1);
        self.sum = self.sum.saturating_sub(i128::from(amount));
        self.largest = self.runs.last().map_or(0, |run| run.amount);
        true
    }

    /// The sum of the `members` smallest amounts.
    fn smallest(&self, members: u64) -> i128 {
        let (mut left, mut sum) = (members, 0_i128);
        for run in &self.runs {
            let taken = Run { members: run.members.min(left), ..*run };
            sum = sum.saturating_add(taken.sum());
            left = left.saturating_sub(taken.members);
            if left == 0 {
                break;
            }
        }
        sum
    }

    /// The amount with `below` amounts before it in the order.
    fn at(&self, below: u64) -> Option<i64> {
        let mut left = below;
        for run in &self.runs {
            if left < run.members {
                return Some(run.amount);
            }
            left = left.saturating_sub(run.members);
        }
        None
    }

    /// How many of the smallest amounts sum to at most `limit`; amounts are positive.
    fn within(&self, limit: i128) -> u64 {
        let (mut left, mut members) = (limit, 0_u64);
        for run in &self.runs {
            let fit = left.checked_div(i128::from(run.amount)).unwrap_or(0).min(i128::from(run.members));
            let taken = Run { members: u64::try_from(fit).unwrap_or(0), ..*run };
            left = left.saturating_sub(taken.sum());
            members = members.saturating_add(taken.members);
            if taken.members < run.members {
                break;
            }
        }
        members
    }
}

/// A multiset of amounts in ascending order.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    blocks: Vec<Block>,
    members: u64,
    sum: i128,
}

impl PartialEq for Runs {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Runs {}

impl Runs {
    /// From amounts in ascending order.
    pub fn of_sorted<T: Copy + Into<i64> + PartialEq>(amounts: &[T]) -> Self {
        let run = |equal: &[T]| {
            let members = u64::try_from(equal.len()).ok()?;
            equal.first().map(|amount| Run { amount: (*amount).into(), members })
        };
        Self::of_runs(amounts.chunk_by(|a, b| a == b).filter_map(run))
    }

    /// So many amounts, all the same.
    pub fn of_equal(amount: i64, members: u64) -> Self {
        Self::of_runs((members > 0).then_some(Run { amount, members }).into_iter())
    }

    /// From runs in ascending order, no two alike.
    fn of_runs(runs: impl Iterator<Item = Run>) -> Self {
        let mut built = Self::default();
        let mut next = Vec::with_capacity(RUNS_BUILT);
        for run in runs {
            next.push(run);
            if next.len() == RUNS_BUILT {
                built.close(&mut next);
            }
        }
        built.close(&mut next);
        built
    }

    fn close(&mut self, runs: &mut Vec<Run>) {
        if !runs.is_empty() {
            let block = Block::of(runs);
            self.members = self.members.saturating_add(block.members);
            self.sum = self.sum.saturating_add(block.sum);
            self.blocks.push(block);
            runs.clear();
        }
    }

    pub const fn members(&self) -> u64 {
        self.members
    }

    pub const fn sum(&self) -> i128 {
        self.sum
    }

    pub fn iter(&self) -> impl Iterator<Item = Run> + '_ {
        self.blocks.iter().flat_map(|block| block.runs.iter().copied())
    }

    /// Both together.
    pub fn merged(&self, other: &Self) -> Self {
        let (mut ours, mut theirs) = (self.iter().peekable(), other.iter().peekable());
        Self::of_runs(std::iter::from_fn(move || match (ours.peek().copied(), theirs.peek().copied()) {
            (Some(a), Some(b)) if a.amount == b.amount => {
                ours.next();
                theirs.next().map(|run| Run { members: run.members.saturating_add(a.members), ..run })
            }
            (Some(a), Some(b)) if a.amount < b.amount => ours.next(),
            (_, Some(_)) => theirs.next(),
            _ => ours.next(),
        }))
    }

    /// The block that holds `amount` or would.
    fn home(&self, amount: i64) -> usize {
        let at = self.blocks.partition_point(|block| block.largest < amount);
        at.min(self.blocks.len().saturating_sub(1))
    }

    pub fn add(&mut self, amount: i64) {
        let at = self.home(amount);
        match self.blocks.get_mut(at) {
            Some(block) => block.add(amount),
            None => self.blocks.push(Block::of(&[Run { amount, members: 1 }])),
        }
        self.members = self.members.saturating_add(1);
        self.sum = self.sum.saturating_add(i128::from(amount));
        self.cut(at);
    }

    /// Takes one such amount out; no if there is none.
    pub fn remove(&mut self, amount: i64) -> bool {
        let at = self.home(amount);
        let found = self.blocks.get_mut(at).is_some_and(|block| block.remove(amount));
        if found {
            self.members = self.members.saturating_sub(1);
            self.sum = self.sum.saturating_sub(i128::from(amount));
            self.join(at);
        }
        found
    }

    /// Cuts a full block in two.
    fn cut(&mut self, at: usize) {
        let Some(block) = self.blocks.get_mut(at).filter(|block| block.runs.len() >= RUNS_MAX) else { return };
        let upper = block.runs.split_off(RUNS_MAX >> 1);
        block.recount();
        self.blocks.insert(at.saturating_add(1), Block::of(&upper));
    }

    /// Drops an empty block; joins a small one with the next where both fit into one.
    fn join(&mut self, at: usize) {
        let length = |at: usize| self.blocks.get(at).map(|block| block.runs.len());
        let (Some(own), next) = (length(at), length(at.saturating_add(1))) else { return };
        if own == 0 {
            self.blocks.remove(at);
        } else if own < RUNS_MIN && next.is_some_and(|next| own.saturating_add(next) <= RUNS_BUILT) {
            let upper = self.blocks.remove(at.saturating_add(1));
            if let Some(block) = self.blocks.get_mut(at) {
                block.runs.extend(upper.runs);
                block.recount();
            }
        }
    }

    /// For each of `counts`, in ascending order: the sum of so many smallest amounts. One walk answers them all.
    pub fn smallest(&self, counts: impl IntoIterator<Item = u64>) -> Vec<i128> {
        let mut blocks = self.blocks.iter().peekable();
        let (mut members, mut sum) = (0_u64, 0_i128);
        let until = |count: u64| {
            while let Some(block) = blocks.next_if(|block| members.saturating_add(block.members) <= count) {
                members = members.saturating_add(block.members);
                sum = sum.saturating_add(block.sum);
            }
            let inside = blocks.peek().map_or(0, |block| block.smallest(count.saturating_sub(members)));
            sum.saturating_add(inside)
        };
        counts.into_iter().map(until).collect()
    }

    /// The amount with `below` amounts before it in the order.
    pub fn at(&self, below: u64) -> Option<i64> {
        let mut left = below;
        for block in &self.blocks {
            if left < block.members {
                return block.at(left);
            }
            left = left.saturating_sub(block.members);
        }
        None
    }

    /// The greatest number of smallest amounts that sum to at most `limit`; amounts are positive.
    pub fn within(&self, limit: i128) -> u64 {
        let (mut left, mut members) = (limit, 0_u64);
        for block in &self.blocks {
            if block.sum > left {
                return members.saturating_add(block.within(left));
            }
            left = left.saturating_sub(block.sum);
            members = members.saturating_add(block.members);
        }
        members
    }

    /// Σ rank · amount, ranks counted from one at the smallest amount. Walks every run.
    pub fn ranked(&self) -> i128 {
        let mut below = 0_u64;
        self.iter().fold(0_i128, |ranked, run| {
            let sum = run.ranked(below).saturating_add(ranked);
            below = below.saturating_add(run.members);
            sum
        })
    }

    /// Bytes held, for what the structure costs.
    pub fn bytes(&self) -> usize {
        let blocks = self.blocks.capacity().saturating_mul(size_of::<Block>());
        self.blocks
            .iter()
            .fold(blocks, |bytes, block| bytes.saturating_add(block.runs.capacity().saturating_mul(size_of::<Run>())))
    }
}
