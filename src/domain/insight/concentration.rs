//! How far money is concentrated on few members: Pareto shares, their reverse, Lorenz curve, Gini coefficient, ABC.
//!
//! Shares are measured, never assumed. All of it is exact: integers in, ratios of integers out; rounding happens where
//! a ratio is printed. Who counts and what counts is the rule of [`Distribution`]. Must not know who the members are:
//! where a cut falls among equal amounts, which of the equals are in is the caller's to say; the figures are the same.

use super::distribution::Distribution;

/// A portion asked for, between nothing and all: 20 % is `Portion::percent(20)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion {
    part: u32,
    of: u32,
}

impl Portion {
    /// `part` out of `of`; `None` unless it lies between nothing and all.
    #[must_use]
    pub const fn new(part: u32, of: u32) -> Option<Self> {
        if of == 0 || part > of { None } else { Some(Self { part, of }) }
    }

    /// So many hundredths; more than a hundred are a hundred.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        Self { part: if percent > 100 { 100 } else { percent }, of: 100 }
    }

    /// In millionths, half up.
    #[must_use]
    pub fn millionths(self) -> i128 {
        Ratio { part: self.part.into(), whole: self.of.into() }.in_units(1_000_000)
    }

    /// This portion of `whole`, rounded up; `whole` is not negative and below 2⁹⁵.
    const fn ceil_of(self, whole: i128) -> i128 {
        let of = self.of as i128;
        let raised = whole.saturating_mul(self.part as i128).saturating_add(of.saturating_sub(1));
        match raised.checked_div(of) {
            Some(portion) => portion,
            None => 0,
        }
    }

    /// This portion of so many members, rounded up: the top fifth of eleven are three.
    fn members_of(self, members: u64) -> u64 {
        u64::try_from(self.ceil_of(i128::from(members))).unwrap_or(members).min(members)
    }
}

/// A measured ratio, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    /// The part, not negative.
    pub part: i128,
    /// The whole, positive.
    pub whole: i128,
}

impl Ratio {
    /// `None` if there is no whole to have a part of.
    const fn new(part: i128, whole: i128) -> Option<Self> {
        if whole > 0 && part >= 0 { Some(Self { part, whole }) } else { None }
    }

    /// In units of one over `scale`, half up: `in_units(1_000_000)` gives millionths. Exact while the whole is below
    /// 2⁹⁴; above it, off by at most one unit.
    #[must_use]
    pub fn in_units(self, scale: u32) -> i128 {
        let shift = 34_u32.saturating_sub(self.whole.leading_zeros());
        let (part, whole) = (self.part >> shift, (self.whole >> shift).max(1));
        let doubled = part.saturating_mul(i128::from(scale)).saturating_mul(2).saturating_add(whole);
        doubled.checked_div(whole.saturating_mul(2)).unwrap_or(0)
    }
}

/// Some of the members, taken from the top, and what they bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// How many they are.
    pub members: u64,
    /// Out of how many.
    pub of_members: u64,
    /// What they bring.
    pub amount: i128,
    /// Out of which sum.
    pub of_amount: i128,
    /// The smallest amount among them, nothing where that is not positive. Of the members who have exactly this amount,
    /// some may be in the group and some not.
    pub least: i64,
}

impl Group {
    /// Their share of the members; `None` without members.
    #[must_use]
    pub fn share_of_members(&self) -> Option<Ratio> {
        Ratio::new(i128::from(self.members), i128::from(self.of_members))
    }

    /// Their share of the money; `None` without money.
    #[must_use]
    pub const fn share_of_amount(&self) -> Option<Ratio> {
        Ratio::new(self.amount, self.of_amount)
    }
}

/// The members in three classes by what they bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abc {
    /// Those who bring the most.
    pub a: Group,
    /// Those after them.
    pub b: Group,
    /// Everyone else, those who bring nothing among them.
    pub c: Group,
}

/// A point of the Lorenz curve: the poorest members and what they bring together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LorenzPoint {
    /// So many members, from the poorest up; the abscissa is their share of all.
    pub members: u64,
    /// What they bring; the ordinate is its share of all.
    pub amount: i128,
}

impl Distribution {
    /// The Pareto share (Pareto 1896, Juran's "vital few"): what the top portion of the members brings. The number of
    /// members is rounded up.
    #[must_use]
    pub fn top(&self, portion: Portion) -> Group {
        self.group(0, portion.members_of(self.members()))
    }

    /// The reverse: the fewest members who bring at least this portion of the money.
    #[must_use]
    pub fn needed_for(&self, portion: Portion) -> Group {
        self.group(0, self.fewest_for(portion))
    }

    /// ABC classes over the members in descending order of amount: a member is A while the share of the money *before*
    /// her is below `a`, B while it is below `b`, and C from there on. So the member who crosses a line is above it.
    /// A `b` below `a` leaves B empty.
    #[must_use]
    pub fn abc(&self, a: Portion, b: Portion) -> Abc {
        let first = self.fewest_for(a);
        let second = self.fewest_for(b).max(first);
        Abc { a: self.group(0, first), b: self.group(first, second), c: self.group(second, self.members()) }
    }

    /// The Lorenz curve (Lorenz 1905) at `steps + 1` points, from (0, 0) to (all, all): point `i` is that of the
    /// poorest `⌊i · members / steps⌋` members. It never falls and its slope never falls. At least one step.
    #[must_use]
    pub fn lorenz(&self, steps: u32) -> Vec<LorenzPoint> {
        let steps = steps.max(1);
        let count = |step: u32| {
            let members = u128::from(self.members()).saturating_mul(u128::from(step));
            members.checked_div(u128::from(steps)).and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
        };
        let counts: Vec<u64> = (0..=steps).map(count).collect();
        let unranked = self.aside().members;
        let amounts = self.ranked().smallest(counts.iter().map(|count| count.saturating_sub(unranked)));
        counts.into_iter().zip(amounts).map(|(members, amount)| LorenzPoint { members, amount }).collect()
    }

    /// The Gini coefficient (Gini 1912) of the members at hand: `2·Σ i·xᵢ / (n·Σx) − (n + 1) / n` with amounts `x` in
    /// ascending order and ranks `i` from one. 0 where all bring the same, `1 − 1/n` where one brings everything;
    /// `None` without money.
    #[must_use]
    pub fn gini(&self) -> Option<Ratio> {
        let members = i128::from(self.members());
        Ratio::new(self.gini_part(), members.saturating_mul(self.amount()))
    }

    /// The Gini coefficient as the estimate for a crowd of which these members are a sample: times `n / (n − 1)`, so
    /// that it reaches 1. `None` without money or with one member.
    #[must_use]
    pub fn gini_unbiased(&self) -> Option<Ratio> {
        let others = i128::from(self.members()).saturating_sub(1);
        Ratio::new(self.gini_part(), others.saturating_mul(self.amount()))
    }

    /// `Σ (2·i − n − 1)·xᵢ`: who has nothing comes first in rank and adds nothing.
    fn gini_part(&self) -> i128 {
        let lifted = i128::from(self.aside().members).saturating_mul(self.amount());
        let ranked = self.ranked().ranked().saturating_add(lifted);
        let all = i128::from(self.members()).saturating_add(1).saturating_mul(self.amount());
        ranked.saturating_sub(all.saturating_sub(ranked))
    }

    /// The smallest number of top members who bring at least this portion: all but the most whose sum is left over.
    fn fewest_for(&self, portion: Portion) -> u64 {
        let spare = self.amount().saturating_sub(portion.ceil_of(self.amount()));
        self.ranked().members().saturating_sub(self.ranked().within(spare))
    }

    /// The members from rank `from` to rank `to`, counted from the top.
    fn group(&self, from: u64, to: u64) -> Group {
        let ranked = self.ranked();
        let left = |rank: u64| ranked.members().saturating_sub(rank);
        let sums = ranked.smallest([left(to), left(from)]);
        let (below, upto) = (sums.first().copied().unwrap_or(0), sums.last().copied().unwrap_or(0));
        let least = if to > from && to <= ranked.members() { ranked.at(left(to)) } else { None };
        Group {
            members: to.saturating_sub(from),
            of_members: self.members(),
            amount: upto.saturating_sub(below),
            of_amount: self.amount(),
            least: least.unwrap_or(0),
        }
    }
}

/// The Pareto share of amounts that nobody keeps, without sorting them: `O(n)`, in place; their order changes. The same
/// answer as [`Distribution::top`].
#[must_use]
pub fn top_of(amounts: &mut [i64], portion: Portion) -> Group {
    let of_members = u64::try_from(amounts.len()).unwrap_or(u64::MAX);
    let money = |some: &[i64]| some.iter().filter(|amount| **amount > 0).map(|amount| i128::from(*amount)).sum();
    let of_amount = money(amounts);
    let members = portion.members_of(of_members);
    let mut group = Group { members, of_members, amount: 0, of_amount, least: 0 };
    let last = usize::try_from(members).ok().and_then(|members| members.checked_sub(1));
    if let Some(last) = last.filter(|last| *last < amounts.len()) {
        let (top, least, _) = amounts.select_nth_unstable_by(last, |a, b| b.cmp(a));
        group.least = (*least).max(0);
        group.amount = i128::from(group.least).saturating_add(money(top));
    }
    group
}
