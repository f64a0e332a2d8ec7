//! The purchases of 23,570 customers over eighteen months: every published or twice-computed figure, to its last digit.

use std::collections::BTreeMap;

use super::concentration::{Portion, Ratio, top_of};
use super::distribution::Distribution;
use super::rfm::{Buyer, Scores, cells, scores};

const MASTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cdnow/CDNOW_master.txt");
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cdnow/CDNOW_sample.txt");

/// One line of either file: who, on which day, for how many cents.
pub(super) struct Row {
    pub who: u32,
    pub date: u32,
    pub day: i64,
    pub cents: i64,
}

fn row(line: &str, sample: bool) -> Row {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [who, date, _, dollars] =
        if sample { [fields[1], fields[2], "", fields[4]] } else { [fields[0], fields[1], "", fields[3]] };
    let (whole, cents) = dollars.split_once('.').unwrap();
    assert_eq!(cents.len(), 2);
    let cents = whole.parse::<i64>().unwrap() * 100 + cents.parse::<i64>().unwrap();
    Row { who: who.parse().unwrap(), date: date.parse().unwrap(), day: day_number(date), cents }
}

/// Days since the end of 1996.
fn day_number(date: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| date[range].parse::<i64>().unwrap();
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    (number(0..4) - 1997) * 365 + before[usize::try_from(number(4..6)).unwrap() - 1] + number(6..8)
}

fn master() -> Vec<Row> {
    let text = std::fs::read_to_string(MASTER).unwrap();
    text.lines().skip(1).map(|line| row(line, false)).collect()
}

pub(super) fn sample() -> Vec<Row> {
    std::fs::read_to_string(SAMPLE).unwrap().lines().map(|line| row(line, true)).collect()
}

fn spread<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<i64> {
    let mut money = BTreeMap::new();
    rows.for_each(|row| *money.entry(row.who).or_insert(0_i64) += row.cents);
    money.into_values().collect()
}

/// Percent with four decimals, as millionths.
fn millionths(share: Option<Ratio>) -> i128 {
    share.unwrap().in_units(1_000_000)
}

struct Expected {
    members: u64,
    amount: i128,
    top: &'static [(u32, u64, i128, i128)],
    fifth: (u64, i128),
    for_most: (u64, i128),
    gini: i128,
    abc: [u64; 3],
}

fn check(amounts: Vec<i64>, expected: &Expected) {
    let mut shuffled = amounts.clone();
    let distribution = Distribution::of(amounts).unwrap();
    assert_eq!((distribution.members(), distribution.amount()), (expected.members, expected.amount));
    for (percent, members, amount, share) in expected.top {
        let top = distribution.top(Portion::percent(*percent));
        assert_eq!((top.members, top.amount, millionths(top.share_of_amount())), (*members, *amount, *share));
        assert_eq!(top_of(&mut shuffled, Portion::percent(*percent)), top);
    }
    let fifth = distribution.top(Portion::percent(20));
    assert_eq!((fifth.members, millionths(fifth.share_of_amount())), expected.fifth);
    let most = distribution.needed_for(Portion::percent(80));
    assert_eq!((most.members, most.share_of_members().unwrap().in_units(10_000)), expected.for_most);
    assert_eq!(millionths(distribution.gini()), expected.gini);
    let abc = distribution.abc(Portion::percent(80), Portion::percent(95));
    assert_eq!([abc.a.members, abc.b.members, abc.c.members], expected.abc);
    assert_eq!(abc.a.amount + abc.b.amount + abc.c.amount, expected.amount);
}

#[test]
fn the_whole_eighteen_months() {
    let amounts = spread(master().iter());
    assert_eq!(Distribution::of(amounts.clone()).unwrap().aside().members, 68);
    let top = &[(1, 236, 39_694_417, 158_758), (10, 2_357, 127_372_895, 509_427), (20, 4_714, 169_464_850, 677_774)];
    let expected = Expected {
        members: 23_570,
        amount: 250_031_563,
        top,
        fifth: (4_714, 677_774),
        for_most: (7_695, 3_265),
        gini: 634_571,
        abc: [7_695, 8_044, 7_831],
    };
    check(amounts, &expected);
}

#[test]
fn the_calendar_year_1997() {
    let rows = master();
    let amounts = spread(rows.iter().filter(|row| row.date < 19_980_101));
    let top = &[(1, 236, 29_351_017, 145_003), (10, 2_357, 97_591_536, 482_133), (20, 4_714, 131_590_974, 650_101)];
    let expected = Expected {
        members: 23_570,
        amount: 202_416_126,
        top,
        fifth: (4_714, 650_101),
        for_most: (8_451, 3_585),
        gini: 604_354,
        abc: [8_451, 8_006, 7_113],
    };
    check(amounts, &expected);
}

#[test]
fn the_sample_of_one_in_ten() {
    let expected = Expected {
        members: 2_357,
        amount: 24_409_194,
        top: &[],
        fifth: (472, 674_550),
        for_most: (777, 3_297),
        gini: 630_917,
        abc: [777, 801, 779],
    };
    check(spread(sample().iter()), &expected);
}

#[test]
fn the_top_fifth_of_one_year_in_the_next_half_year() {
    let rows = master();
    let mut year: BTreeMap<u32, i64> = BTreeMap::new();
    let mut after: BTreeMap<u32, i64> = BTreeMap::new();
    for row in &rows {
        let half = if row.date < 19_980_101 { &mut year } else { &mut after };
        *half.entry(row.who).or_insert(0) += row.cents;
    }
    let top = Distribution::of(year.values().copied().collect()).unwrap().top(Portion::percent(20));
    let mut ranked: Vec<(i64, u32)> = year.iter().map(|(who, cents)| (-cents, *who)).collect();
    ranked.sort_unstable();
    ranked.truncate(usize::try_from(top.members).unwrap());
    assert_eq!(-ranked.last().unwrap().0, top.least);
    let still: Vec<i64> = ranked.iter().filter_map(|(_, who)| after.get(who).copied()).collect();
    assert_eq!(still.len(), 2_515);
    let share = Ratio { part: still.iter().sum::<i64>().into(), whole: after.values().sum::<i64>().into() };
    assert_eq!(share.in_units(1_000_000), 709_531);
    let at_least = |cents: i64| year.values().filter(|spent| **spent >= cents).count();
    assert_eq!((at_least(35_000), at_least(100_000)), (883, 102));
}

#[test]
fn recency_frequency_and_money_on_the_first_of_july_1998() {
    let today = day_number("19980701");
    let mut visits: BTreeMap<u32, (Vec<i64>, i64)> = BTreeMap::new();
    for row in master() {
        let (days, cents) = visits.entry(row.who).or_default();
        days.push(row.day);
        *cents += row.cents;
    }
    let buyer = |(id, (mut days, money)): (u32, (Vec<i64>, i64))| {
        days.sort_unstable();
        days.dedup();
        Buyer { id, days_since: today - days.last().unwrap(), frequency: i64::try_from(days.len()).unwrap(), money }
    };
    let mut buyers: Vec<Buyer<u32>> = visits.into_iter().map(buyer).collect();
    buyers.reverse();
    let scores = scores(&buyers);
    let cells = cells(&buyers, &scores);
    assert_eq!(cells.used(), 84);
    let best = cells.of(Scores { recency: 5, frequency: 5, money: 5 });
    assert_eq!(best.members, 2_509);
    let revenue = cells.iter().map(|(_, cell)| cell.money).sum();
    assert_eq!(Ratio { part: best.money, whole: revenue }.in_units(1_000_000), 447_719);
    assert_eq!(cells.of(Scores { recency: 1, frequency: 1, money: 1 }).members, 1_733);
    for score in 1..=5 {
        let measures: [fn(&Scores) -> u8; 3] = [|of| of.recency, |of| of.frequency, |of| of.money];
        assert!(measures.iter().all(|measure| scores.iter().filter(|of| measure(of) == score).count() == 4_714));
    }
}
