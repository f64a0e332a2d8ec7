//! How amounts are spread over members, kept current: [`Distribution`]. What is read from it is in `concentration.rs`.
//!
//! Exact integers. It holds amounts, not members: who had which amount is the caller's to know. Must not know what
//! the amounts are of.

use super::runs::Runs;

/// The most members a distribution holds, so that every sum of ranks times amounts stays inside 127 bits.
pub const MEMBERS_MAX: u64 = (u32::MAX as u64) - 1;
/// So many amounts are sorted at once: just under 8 MiB where all of them are wide, from where on allocators give memory
/// back at once, and a report would wait for fresh pages each time.
const PART: usize = 1_000_000;

/// Members with nothing or less, whose amounts no ranking counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aside {
    /// Members with an amount of zero or below.
    pub members: u64,
    /// What those amounts sum to: zero or below.
    pub amount: i128,
}

/// The amounts of any number of members, in minor units of one currency.
///
/// **The rule for nothing and less.** Whoever was put in counts as a member. Money is the sum of the positive amounts:
/// an amount of zero or below counts as nothing, for what was paid back to one is no part of what others brought, and
/// shares of a whole made smaller by it would exceed it. How many such members there are, and what their amounts sum
/// to, is told by [`Distribution::aside`]. Who wants shares among buyers only puts in buyers only.
///
/// **Cost.** One entry of 16 bytes per *distinct* amount, in blocks with room to grow: 22 bytes per distinct amount
/// when built at once, about 33 after long random change, nothing more for equal amounts. Building sorts by radix:
/// `O(n)`, with as much room again while it does. With `d` distinct amounts, one change is `O(log d)` to find and moves
/// at most 4 KiB; a question walks the sums of `d / 192` blocks and looks inside one, except Gini's, which walks all `d`
/// entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    ranked: Runs,
    aside: Runs,
}

/// A change that cannot be made; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unchanged {
    /// No member has the amount that was to go.
    NotThere,
    /// There are [`MEMBERS_MAX`] members already.
    Full,
}

impl std::fmt::Display for Unchanged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotThere => "no member has this amount",
            Self::Full => "the distribution holds no more members",
        })
    }
}

impl std::error::Error for Unchanged {}

impl Distribution {
    /// From one amount per member, in any order; `None` with more than [`MEMBERS_MAX`].
    #[must_use]
    pub fn of(amounts: Vec<i64>) -> Option<Self> {
        Self::gathered(amounts.into_iter())
    }

    /// As [`Self::of`], of amounts that nobody holds together.
    #[must_use]
    pub fn gathered(amounts: impl Iterator<Item = i64>) -> Option<Self> {
        Self::in_parts(amounts, PART)
    }

    /// Sorted in parts of so many, which are merged with their neighbours: no amount is moved more than a few times.
    pub(super) fn in_parts(amounts: impl Iterator<Item = i64>, part: usize) -> Option<Self> {
        let (mut parts, mut nothing) = (Vec::<Self>::new(), 0_u64);
        let mut some = Unsorted::with_room(amounts.size_hint().1.unwrap_or(part).min(part));
        // Most members bring nothing in a short window: there is nothing about them to be sorted.
        let mut amounts = amounts.filter(|amount| {
            nothing = nothing.saturating_add(u64::from(*amount == 0));
            *amount != 0
        });
        loop {
            amounts.by_ref().take(part).for_each(|amount| some.put(amount));
            if some.is_empty() {
                break;
            }
            parts.push(some.sorted());
        }
        while parts.len() > 1 {
            let pairs = parts.chunks(2).map(|pair| match pair {
                [one, other] => one.merged(other),
                _ => pair.first().cloned(),
            });
            parts = pairs.collect::<Option<_>>()?;
        }
        let Self { ranked, aside } = parts.pop().unwrap_or_default();
        let all = Self { ranked, aside: aside.merged(&Runs::of_equal(0, nothing)) };
        Some(all).filter(|all| all.members() <= MEMBERS_MAX)
    }

    /// Both together, in one pass over both; `None` with more than [`MEMBERS_MAX`].
    #[must_use]
    pub fn merged(&self, other: &Self) -> Option<Self> {
        let members = self.members().checked_add(other.members())?;
        let merged = || Self { ranked: self.ranked.merged(&other.ranked), aside: self.aside.merged(&other.aside) };
        (members <= MEMBERS_MAX).then(merged)
    }

    fn side(&mut self, amount: i64) -> &mut Runs {
        if amount > 0 { &mut self.ranked } else { &mut self.aside }
    }

    /// One more member, with this amount.
    ///
    /// # Errors
    /// [`Unchanged::Full`].
    pub fn add(&mut self, amount: i64) -> Result<(), Unchanged> {
        if self.members() >= MEMBERS_MAX {
            return Err(Unchanged::Full);
        }
        self.side(amount).add(amount);
        Ok(())
    }

    /// A member with this amount goes.
    ///
    /// # Errors
    /// [`Unchanged::NotThere`].
    pub fn remove(&mut self, amount: i64) -> Result<(), Unchanged> {
        if self.side(amount).remove(amount) { Ok(()) } else { Err(Unchanged::NotThere) }
    }

    /// A member's amount becomes another.
    ///
    /// # Errors
    /// [`Unchanged::NotThere`].
    pub fn change(&mut self, old: i64, new: i64) -> Result<(), Unchanged> {
        self.remove(old)?;
        self.side(new).add(new);
        Ok(())
    }

    /// Everyone who was put in.
    #[must_use]
    pub const fn members(&self) -> u64 {
        self.ranked.members().saturating_add(self.aside.members())
    }

    /// The money: the sum of the positive amounts.
    #[must_use]
    pub const fn amount(&self) -> i128 {
        self.ranked.sum()
    }

    /// Who has nothing or less.
    #[must_use]
    pub const fn aside(&self) -> Aside {
        Aside { members: self.aside.members(), amount: self.aside.sum() }
    }

    /// The memory it holds, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.ranked.bytes().saturating_add(self.aside.bytes())
    }

    /// The positive amounts.
    pub(super) const fn ranked(&self) -> &Runs {
        &self.ranked
    }
}

/// Amounts that are to be sorted. Hardly any needs more than 32 bits, and those are sorted in half the time.
struct Unsorted {
    narrow: Vec<u32>,
    others: Vec<i64>,
}

impl Unsorted {
    fn with_room(amounts: usize) -> Self {
        Self { narrow: Vec::with_capacity(amounts), others: Vec::new() }
    }

    fn put(&mut self, amount: i64) {
        match u32::try_from(amount) {
            Ok(amount) if amount > 0 => self.narrow.push(amount),
            _ => self.others.push(amount),
        }
    }

    const fn is_empty(&self) -> bool {
        self.narrow.is_empty() && self.others.is_empty()
    }

    /// All of them in their order; none is left.
    fn sorted(&mut self) -> Distribution {
        radsort::sort(&mut self.narrow);
        radsort::sort(&mut self.others);
        let (aside, wide) = self.others.split_at(self.others.partition_point(|amount| *amount <= 0));
        let mut ranked = Runs::of_sorted(&self.narrow);
        if !wide.is_empty() {
            ranked = ranked.merged(&Runs::of_sorted(wide));
        }
        let sorted = Distribution { ranked, aside: Runs::of_sorted(aside) };
        self.narrow.clear();
        self.others.clear();
        sorted
    }
}
