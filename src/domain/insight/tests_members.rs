//! Members one by one: scores against counting, stages at their borders, rhythms and their alarms.

use proptest::prelude::*;

use super::rfm::{Buyer, Scores, cells, scores};
use super::rhythm::{Silence, Tolerance, rhythm};
use super::stages::{Borders, Stage, headcount, stage};

fn buyers() -> impl Strategy<Value = Vec<Buyer<u32>>> {
    let one = (0_i64..30, 1_i64..6, 0_i64..2_000);
    prop::collection::vec(one, 0..120).prop_flat_map(|all| {
        let buyer =
            |(id, (days_since, frequency, money)): (u32, (i64, i64, i64))| Buyer { id, days_since, frequency, money };
        Just((0..).zip(all).map(buyer).collect::<Vec<_>>()).prop_shuffle()
    })
}

/// One plus five times the number of those who are worse, cut into fifths.
fn naive(buyers: &[Buyer<u32>], worse: impl Fn(&Buyer<u32>) -> bool) -> u8 {
    let rank = buyers.iter().filter(|other| worse(other)).count();
    u8::try_from(rank * 5 / buyers.len()).unwrap() + 1
}

proptest! {
    #[test]
    fn scores_count_those_who_are_worse(buyers in buyers()) {
        for (her, scores) in buyers.iter().zip(scores(&buyers)) {
            let recency = naive(&buyers, |o| (-o.days_since, o.id) < (-her.days_since, her.id));
            let frequency = naive(&buyers, |o| (o.frequency, o.id) < (her.frequency, her.id));
            let money = naive(&buyers, |o| (o.money, o.id) < (her.money, her.id));
            prop_assert_eq!(scores, Scores { recency, frequency, money });
        }
    }

    #[test]
    fn fifths_are_even_and_cells_hold_everyone(buyers in buyers()) {
        let scores = scores(&buyers);
        let measures: [fn(&Scores) -> u8; 3] = [|of| of.recency, |of| of.frequency, |of| of.money];
        for measure in measures {
            let sizes: Vec<usize> = (1..=5).map(|fifth| scores.iter().filter(|of| measure(of) == fifth).count()).collect();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        }
        let cells = cells(&buyers, &scores);
        let (mut members, mut money) = (0, 0);
        for (scores_of_cell, cell) in cells.iter() {
            prop_assert_eq!(cells.of(scores_of_cell), cell);
            prop_assert_eq!(cell.members, scores.iter().filter(|of| **of == scores_of_cell).count() as u64);
            members += cell.members;
            money += cell.money;
        }
        prop_assert_eq!(members, buyers.len() as u64);
        prop_assert_eq!(money, buyers.iter().map(|buyer| i128::from(buyer.money)).sum::<i128>());
    }

    #[test]
    fn a_member_never_falls_by_buying(
        mut days in prop::collection::vec(0_i64..800, 0..9), next in 0_i64..=800, others in any::<bool>(),
    ) {
        let borders = Borders::default();
        let before = stage(&days, others, 800, &borders);
        days.push(next);
        prop_assert!(stage(&days, others, 800, &borders) >= before);
        prop_assert!(stage(&days, true, 800, &borders) >= stage(&days, others, 800, &borders));
    }

    #[test]
    fn rhythms_do_not_know_order_or_receipts(days in prop::collection::vec(0_i64..400, 0..30), today in 0_i64..500) {
        let measure = Tolerance::default();
        let mut mixed = days.clone();
        mixed.reverse();
        mixed.extend(days.iter().copied().take(3));
        let found = rhythm(&days, today, &measure);
        prop_assert_eq!(found, rhythm(&mixed, today, &measure));
        if let Some(found) = found {
            prop_assert!(found.usual >= 1 && found.alarm_after > found.usual && found.last <= today);
            let silence = found.silence(today);
            prop_assert_eq!(silence.alarm, today > found.last + found.alarm_after);
            prop_assert_eq!(silence.days + silence.days_left, silence.days.max(found.alarm_after));
        }
    }
}

#[test]
fn cells_have_names_and_places() {
    let scores = Scores { recency: 5, frequency: 1, money: 3 };
    assert_eq!((scores.to_string(), scores.cell()), ("513".to_owned(), Some(102)));
    assert_eq!(Scores { recency: 0, ..scores }.cell(), None);
    assert_eq!(Scores { money: 6, ..scores }.cell(), None);
    let one = [Buyer { id: "only", days_since: 1, frequency: 1, money: 1 }];
    assert_eq!(super::rfm::scores(&one), [Scores { recency: 1, frequency: 1, money: 1 }]);
}

#[test]
fn the_ladder_has_its_borders() {
    let borders = Borders { client_purchases: 3, client_days: 90, ..Borders::default() };
    let at = |days: &[i64], others| stage(days, others == 1, 100, &borders);
    assert_eq!(at(&[], 0), Stage::Prospect);
    assert_eq!(at(&[101], 0), Stage::Prospect);
    assert_eq!(at(&[100], 0), Stage::Shopper);
    assert_eq!(at(&[100, 3], 0), Stage::Customer);
    assert_eq!(at(&[10, 50, 100], 0), Stage::Customer, "the tenth day is the ninety-first from today");
    assert_eq!(at(&[11, 50, 100], 0), Stage::Client);
    assert_eq!(at(&[11, 50, 100], 1), Stage::Advocate);
    assert_eq!(at(&[100], 1), Stage::Shopper, "she has to come back first");
    let open = Borders { advocate_from: Stage::Prospect, ..borders };
    assert_eq!((stage(&[], false, 100, &open), stage(&[], true, 100, &open)), (Stage::Prospect, Stage::Advocate));
    let counts = headcount([Stage::Client, Stage::Shopper, Stage::Client]);
    assert_eq!(counts.map(|(_, count)| count), [0, 1, 0, 2, 0]);
}

#[test]
fn a_weekly_customer_is_missed_soon() {
    let weekly = rhythm(&[0, 7, 14, 21, 28], 28, &Tolerance::default()).unwrap();
    assert_eq!((weekly.last, weekly.gaps, weekly.usual, weekly.spread, weekly.alarm_after), (28, 4, 7, 0, 11));
    assert_eq!(weekly.silence(28), Silence { days: 0, days_left: 11, alarm: false });
    assert_eq!(weekly.silence(39), Silence { days: 11, days_left: 0, alarm: false });
    assert_eq!(weekly.silence(40), Silence { days: 12, days_left: 0, alarm: true });
}

#[test]
fn an_unsteady_customer_gets_more_time() {
    // Gaps of 4, 10, 16 and 30: the usual one is 13, the deviations 9, 3, 3 and 17.
    let measure = Tolerance { gaps_min: 4, spreads: 3, slack_percent: 50 };
    let found = rhythm(&[60, 30, 14, 4, 0], 60, &measure).unwrap();
    assert_eq!((found.usual, found.spread, found.alarm_after), (13, 6, 31));
    assert_eq!(rhythm(&[30, 14, 4, 0, 70], 60, &measure), None, "only three gaps by today");
    assert_eq!(rhythm(&[5], 60, &Tolerance { gaps_min: 0, ..measure }), None);
    let halves = rhythm(&[0, 2, 7], 60, &Tolerance { gaps_min: 2, ..measure }).unwrap();
    assert_eq!((halves.usual, halves.spread), (4, 2), "rounded up in her favour");
}
