//! Distributions against sorting everything: kept current, built at once, merged, and every answer.

use proptest::prelude::*;

use super::concentration::{Portion, Ratio, top_of};
use super::distribution::{Distribution, Unchanged};

/// Amounts with many ties, nothings, debts and a few giants.
fn amounts(most: usize) -> impl Strategy<Value = Vec<i64>> {
    let ends = prop_oneof![Just(i64::MAX), Just(i64::MIN)];
    let amount = prop_oneof![3 => -3_i64..6, 4 => 1_i64..5_000, 1 => 1_i64..1_000_000_000, 1 => ends];
    prop::collection::vec(amount, 0..most)
}

fn portion() -> impl Strategy<Value = Portion> {
    (1_u32..1_000).prop_flat_map(|of| (0..=of).prop_map(move |part| Portion::new(part, of).unwrap()))
}

fn of(amounts: &[i64]) -> Distribution {
    Distribution::of(amounts.to_vec()).unwrap()
}

/// What counts of each, in descending order.
fn counted(amounts: &[i64]) -> Vec<i128> {
    let mut counted: Vec<i128> = amounts.iter().map(|amount| i128::from(*amount).max(0)).collect();
    counted.sort_unstable_by(|a, b| b.cmp(a));
    counted
}

fn naive_fewest(counted: &[i128], part: i128, of: i128) -> usize {
    let whole: i128 = counted.iter().sum();
    (0..=counted.len()).find(|count| counted[..*count].iter().sum::<i128>() * of >= whole * part).unwrap()
}

proptest! {
    #[test]
    fn sorted_in_parts_is_sorted_at_once(amounts in amounts(400), part in 1_usize..90) {
        prop_assert_eq!(Distribution::in_parts(amounts.iter().copied(), part), Some(of(&amounts)));
    }

    #[test]
    fn top_shares_are_those_of_a_full_sort(amounts in amounts(400), of_all in 1_u32..1_000, part in 0_u32..1_000) {
        let portion = Portion::new(part.min(of_all), of_all).unwrap();
        let counted = counted(&amounts);
        let count = (amounts.len() * part.min(of_all) as usize).div_ceil(of_all as usize);
        let top = of(&amounts).top(portion);
        prop_assert_eq!(top.members, count as u64);
        prop_assert_eq!(top.amount, counted[..count].iter().sum::<i128>());
        prop_assert_eq!(top.of_amount, counted.iter().sum::<i128>());
        prop_assert_eq!(i128::from(top.least), count.checked_sub(1).map_or(0, |last| counted[last]));
        prop_assert_eq!(top_of(&mut amounts.clone(), portion), top);
    }

    #[test]
    fn the_fewest_are_those_of_a_full_sort(amounts in amounts(300), part in 0_u32..=100) {
        let distribution = of(&amounts);
        let needed = distribution.needed_for(Portion::percent(part));
        let counted = counted(&amounts);
        prop_assert_eq!(needed.members, naive_fewest(&counted, part.into(), 100) as u64);
        prop_assert_eq!(needed.amount, counted.iter().take(needed.members as usize).sum::<i128>());
    }

    #[test]
    fn classes_go_by_the_share_before_her(amounts in amounts(300), a in 0_u32..=100, b in 0_u32..=100) {
        let counted = counted(&amounts);
        let whole: i128 = counted.iter().sum();
        let mut classes = [(0_u64, 0_i128); 3];
        let mut before = 0;
        for amount in &counted {
            let below = |percent: u32| before * 100 < whole * i128::from(percent);
            let class = if below(a) { 0 } else if below(b) { 1 } else { 2 };
            classes[class].0 += 1;
            classes[class].1 += amount;
            before += amount;
        }
        let abc = of(&amounts).abc(Portion::percent(a), Portion::percent(b));
        prop_assert_eq!([abc.a, abc.b, abc.c].map(|group| (group.members, group.amount)), classes);
    }

    #[test]
    fn the_lorenz_curve_starts_at_nothing_ends_at_all_and_bends_upwards(amounts in amounts(400), steps in 1_u32..60) {
        let distribution = of(&amounts);
        let curve = distribution.lorenz(steps);
        let mut ascending = counted(&amounts);
        ascending.reverse();
        prop_assert_eq!(curve.len(), steps as usize + 1);
        prop_assert_eq!((curve[0].members, curve[0].amount), (0, 0));
        let end = curve[steps as usize];
        prop_assert_eq!((end.members, end.amount), (distribution.members(), distribution.amount()));
        for point in &curve {
            prop_assert_eq!(point.amount, ascending[..point.members as usize].iter().sum::<i128>());
        }
        for three in curve.windows(3) {
            let rise = |i: usize| three[i + 1].amount - three[i].amount;
            let run = |i: usize| i128::from(three[i + 1].members - three[i].members);
            prop_assert!(rise(0) >= 0 && rise(0) * run(1) <= rise(1) * run(0));
        }
    }

    #[test]
    fn gini_is_half_the_mean_difference_over_the_mean(amounts in prop::collection::vec(-3_i64..2_000, 0..200)) {
        let counted = counted(&amounts);
        let (n, whole) = (counted.len() as i128, counted.iter().sum::<i128>());
        let apart: i128 = counted.iter().flat_map(|a| counted.iter().map(move |b| (a - b).abs())).sum();
        let distribution = of(&amounts);
        let Some(gini) = distribution.gini() else {
            prop_assert_eq!(whole, 0);
            return Ok(());
        };
        prop_assert_eq!((gini.part * 2, gini.whole), (apart * gini.whole / (n * whole), n * whole));
        prop_assert_eq!(gini.part * 2 * n * whole, apart * gini.whole);
        let unbiased = distribution.gini_unbiased();
        prop_assert_eq!(unbiased, (n > 1).then_some(Ratio { part: gini.part, whole: (n - 1) * whole }));
    }

    #[test]
    fn shares_grow_with_the_portion(amounts in amounts(200), a in portion(), b in portion()) {
        let distribution = of(&amounts);
        let (a, b) = (distribution.top(a), distribution.top(b));
        prop_assert!((a.members <= b.members) == (a.amount <= b.amount) || a.amount == b.amount);
    }
}

/// A change: an amount comes, or one of those that are there goes or becomes another.
#[derive(Clone, Debug)]
enum Edit {
    Add(i64),
    Remove(prop::sample::Index),
    Another(prop::sample::Index, i64),
    Missing(i64),
}

fn changes(most: usize, amount: impl Strategy<Value = i64> + Clone) -> impl Strategy<Value = Vec<Edit>> {
    let change = prop_oneof![
        3 => amount.clone().prop_map(Edit::Add),
        2 => any::<prop::sample::Index>().prop_map(Edit::Remove),
        2 => (any::<prop::sample::Index>(), amount.clone()).prop_map(|(at, new)| Edit::Another(at, new)),
        1 => amount.prop_map(Edit::Missing),
    ];
    prop::collection::vec(change, 0..most)
}

fn run(start: &[i64], changes: Vec<Edit>) -> (Distribution, Vec<i64>) {
    let mut held = start.to_vec();
    let mut kept = of(start);
    for change in changes {
        match change {
            Edit::Add(amount) => {
                kept.add(amount).unwrap();
                held.push(amount);
            }
            Edit::Remove(at) if !held.is_empty() => kept.remove(held.swap_remove(at.index(held.len()))).unwrap(),
            Edit::Another(at, new) if !held.is_empty() => {
                let at = at.index(held.len());
                kept.change(std::mem::replace(&mut held[at], new), new).unwrap();
            }
            Edit::Missing(amount) if !held.contains(&amount) => {
                assert_eq!(kept.remove(amount), Err(Unchanged::NotThere));
                assert_eq!(kept.change(amount, 1), Err(Unchanged::NotThere));
            }
            _ => {}
        }
    }
    (kept, held)
}

/// The same amounts, and the same answers to everything that rests on the sums kept along.
fn assert_alike(kept: &Distribution, held: &[i64]) {
    let built = of(held);
    assert_eq!(*kept, built);
    assert_eq!((kept.members(), kept.amount(), kept.aside()), (built.members(), built.amount(), built.aside()));
    assert_eq!(kept.lorenz(37), built.lorenz(37));
    assert_eq!(kept.gini(), built.gini());
    for percent in [0, 1, 10, 20, 50, 80, 95, 100] {
        let portion = Portion::percent(percent);
        assert_eq!(kept.top(portion), built.top(portion));
        assert_eq!(kept.needed_for(portion), built.needed_for(portion));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn kept_current_is_built_anew(start in amounts(700), changes in changes(700, -5_i64..3_000)) {
        let (kept, held) = run(&start, changes);
        assert_alike(&kept, &held);
    }

    #[test]
    fn merged_is_built_from_both(a in amounts(900), b in amounts(900)) {
        let merged = of(&a).merged(&of(&b)).unwrap();
        assert_alike(&merged, &[a, b].concat());
    }
}

#[test]
fn blocks_are_cut_and_joined_on_the_way_up_and_down() {
    let mut kept = Distribution::default();
    let mut held: Vec<i64> = (0..5_000_i64).map(|i| (i * 7_919) % 5_003 - 20).collect();
    held.iter().for_each(|amount| kept.add(*amount).unwrap());
    assert_alike(&kept, &held);
    while let Some(amount) = held.pop() {
        kept.remove(amount).unwrap();
        if held.len().is_multiple_of(611) {
            assert_alike(&kept, &held);
        }
    }
    assert_eq!(kept, Distribution::default());
    assert!(kept.bytes() < 10_000);
}

#[test]
fn who_has_nothing_counts_as_a_member_and_brings_nothing() {
    let distribution = of(&[0, -500, 300, 100, 0]);
    assert_eq!((distribution.members(), distribution.amount()), (5, 400));
    assert_eq!((distribution.aside().members, distribution.aside().amount), (3, -500));
    let top = distribution.top(Portion::percent(20));
    assert_eq!((top.members, top.amount, top.least), (1, 300, 300));
    assert_eq!(distribution.top(Portion::percent(100)).share_of_amount().unwrap().in_units(100), 100);
    assert_eq!(distribution.needed_for(Portion::percent(100)).members, 2);
}

#[test]
fn without_members_or_money_there_are_no_shares() {
    for amounts in [&[][..], &[0, -1]] {
        let distribution = of(amounts);
        let top = distribution.top(Portion::percent(20));
        assert_eq!(top.share_of_amount(), None);
        assert_eq!((distribution.gini(), distribution.gini_unbiased()), (None, None));
        let abc = distribution.abc(Portion::percent(80), Portion::percent(95));
        assert_eq!((abc.a.members, abc.b.members, abc.c.members), (0, 0, amounts.len() as u64));
        assert_eq!(distribution.lorenz(0).len(), 2);
    }
    assert_eq!(of(&[]).top(Portion::percent(20)).share_of_members(), None);
}

#[test]
fn gini_at_its_ends() {
    assert_eq!(of(&[7; 40]).gini().unwrap().part, 0);
    let one_has_all = of(&[0, 0, 0, 9]);
    assert_eq!(one_has_all.gini().unwrap().in_units(100), 75);
    assert_eq!(one_has_all.gini_unbiased().unwrap().in_units(100), 100);
    assert_eq!(of(&[9]).gini_unbiased(), None);
}

#[test]
fn the_largest_amounts_stay_exact() {
    let distribution = of(&[i64::MAX; 1_000]);
    let fifth = distribution.top(Portion::percent(20));
    assert_eq!(fifth.amount, 200 * i128::from(i64::MAX));
    assert_eq!(fifth.share_of_amount().unwrap().in_units(1_000_000), 200_000);
    assert_eq!(distribution.gini().unwrap().part, 0);
    let huge = Ratio { part: i128::MAX / 3, whole: i128::MAX };
    assert_eq!(huge.in_units(1_000_000), 333_333);
    assert_eq!(Ratio { part: i128::MAX, whole: i128::MAX }.in_units(u32::MAX), i128::from(u32::MAX));
}

#[test]
fn a_portion_lies_between_nothing_and_all() {
    assert_eq!((Portion::new(1, 0), Portion::new(3, 2)), (None, None));
    assert_eq!(Portion::percent(250), Portion::percent(100));
    assert_eq!(of(&[1; 11]).top(Portion::percent(20)).members, 3);
    assert_eq!(of(&[1; 9]).top(Portion::new(1, 3).unwrap()).members, 3);
}
