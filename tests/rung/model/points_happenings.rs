//! What can happen to points, as it is drawn for the model test: mostly what makes sense, and some of what does not.

use proptest::prelude::*;

use super::points_reference::{Bit, Brought, BroughtLot, Part};
use super::reference::DAY;

pub const MEMBERS: u8 = 6;

/// One thing that happens. Members, receipts, holds and redemptions go by small numbers; numbers that nothing has yet
/// are asked for as well.
#[derive(Clone, Debug)]
pub enum Happening {
    Enroll(u8),
    Suspend(u8),
    Reinstate(u8),
    Close(u8),
    /// So long ago. Luck says whether the receipt is a new one.
    Buy {
        who: u8,
        lines: Vec<Bit>,
        age: i64,
        luck: u16,
    },
    /// Luck says whether the return has a receipt of its own. What is bought instead is so old.
    GiveBack {
        lines: Vec<(u8, Part)>,
        nth: u8,
        luck: u16,
        instead: Option<(Vec<Bit>, i64)>,
    },
    Import(u8, Brought),
    Confirm(u8),
    Hold {
        who: u8,
        wallet: usize,
        points: i64,
        seconds: i64,
    },
    Capture {
        hold: u8,
        points: Option<i64>,
    },
    Release(u8),
    Redeem {
        who: u8,
        reward: usize,
        times: u32,
    },
    Cancel(u8),
    Use(u8),
    Adjust {
        who: u8,
        wallet: usize,
        points: i64,
    },
    Send {
        who: u8,
        to: u8,
        wallet: usize,
        points: i64,
    },
    /// An order that was carried out comes once more.
    Again(u8),
    /// Another order comes under the key of one that was carried out.
    Reuse(u8),
    Wait(i64),
    Sweep,
    Reopen(bool),
}

fn who() -> impl Strategy<Value = u8> {
    prop_oneof![16 => Just(0_u8), 12 => Just(1_u8), 8 => Just(2_u8), 5 => 3..MEMBERS]
}

/// Somebody who may be there already, more often not.
fn newcomer() -> impl Strategy<Value = u8> {
    prop_oneof![1 => who(), 6 => 3..MEMBERS]
}

/// What somebody had elsewhere: lots of all ages, some over, some pending, some with an end of their own; debts; and now
/// and then something that nobody can have.
fn brought() -> impl Strategy<Value = Brought> {
    let points = prop_oneof![6 => 1..200_i64, 3 => -90..0_i64];
    let ends = prop::option::weighted(0.2, -30 * DAY..60 * DAY);
    let lot = (old_wallet(), points, long_ago(), ends).prop_map(|(wallet, points, age, ends)| BroughtLot {
        wallet,
        points,
        age,
        // What waits, or never ends, is not given an end here.
        ends: ends.filter(|_| matches!(wallet, 0 | 3)),
    });
    let odd = prop_oneof![
        Just(BroughtLot { wallet: 0, points: 0, age: 0, ends: None }),
        Just(BroughtLot { wallet: 4, points: 5, age: 0, ends: None }),
        Just(BroughtLot { wallet: 0, points: 5, age: -400_000_000, ends: None }),
    ];
    let lots = prop::collection::vec(lot, 0..5);
    (lots, prop::option::weighted(0.06, odd), prop::option::of(long_ago())).prop_map(|(mut lots, odd, joined)| {
        lots.extend(odd);
        Brought { lots, joined }
    })
}

fn old_wallet() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0_usize), 3 => Just(3_usize), 2 => Just(1_usize), 2 => Just(2_usize)]
}

fn long_ago() -> impl Strategy<Value = i64> {
    prop_oneof![2 => 0..5 * DAY, 4 => 0..60 * DAY, 2 => 0..200 * DAY, 1 => -200_000_000..0_i64]
}

fn wallet() -> impl Strategy<Value = usize> {
    prop_oneof![10 => Just(0_usize), 6 => Just(3_usize), 3 => Just(1_usize), 3 => Just(2_usize), 1 => Just(4_usize)]
}

/// Lines whose sum is not negative: the edge refuses others.
fn lines() -> impl Strategy<Value = Vec<Bit>> {
    let line = prop_oneof![
        10 => (0..4_u8, 1..5_i64, 0..20_000_i64),
        2 => (0..4_u8, 1..5_i64, 0..300_i64),
        1 => (Just(0_u8), Just(1_i64), -3_000..0_i64),
    ];
    let bit = line.prop_map(|(category, units, cents)| Bit { category, units, cents });
    prop::collection::vec(bit, 1..5).prop_map(|mut lines| {
        let total: i64 = lines.iter().map(|bit| bit.cents).sum();
        lines[0].cents -= total.min(0);
        lines
    })
}

/// How long before now a purchase happened: mostly fresh, sometimes late, too late or ahead.
fn age() -> impl Strategy<Value = i64> {
    prop_oneof![
        24 => 0..3_600_000_000_i64,
        6 => 0..99 * DAY,
        1 => 99 * DAY..120 * DAY,
        1 => -400_000_000_i64..0,
    ]
}

/// What comes back: everything left, or units and money of a few lines.
fn parts() -> impl Strategy<Value = Vec<(u8, Part)>> {
    let part = prop_oneof![
        4 => Just(Part::Units(1)),
        2 => (1..5_i64).prop_map(Part::Units),
        2 => (1..4_000_i64).prop_map(Part::Cents),
    ];
    let line = (prop_oneof![6 => Just(0_u8), 3 => Just(1_u8), 1 => 2..4_u8], part);
    prop_oneof![2 => Just(Vec::new()), 5 => prop::collection::vec(line, 1..3)]
}

fn happening() -> impl Strategy<Value = Happening> {
    let nth = any::<u8>;
    let times = || prop_oneof![6 => Just(1_u32), 1 => 1..4_u32];
    prop_oneof![
        1 => who().prop_map(Happening::Enroll),
        1 => who().prop_map(Happening::Suspend),
        3 => who().prop_map(Happening::Reinstate),
        1 => (prop_oneof![3 => Just(3_u8), 1 => who()]).prop_map(Happening::Close),
        28 => (who(), lines(), age(), any::<u16>())
            .prop_map(|(who, lines, age, luck)| Happening::Buy { who, lines, age, luck }),
        16 => (parts(), nth(), any::<u16>(), prop::option::weighted(0.3, (lines(), age())))
            .prop_map(|(lines, nth, luck, instead)| Happening::GiveBack { lines, nth, luck, instead }),
        4 => (newcomer(), brought()).prop_map(|(who, brought)| Happening::Import(who, brought)),
        5 => nth().prop_map(Happening::Confirm),
        9 => (who(), wallet(), amount(), prop_oneof![1..100_000_i64, 1..6_000_000_i64])
            .prop_map(|(who, wallet, points, seconds)| Happening::Hold { who, wallet, points, seconds }),
        6 => (nth(), prop::option::of(1..80_i64)).prop_map(|(hold, points)| Happening::Capture { hold, points }),
        3 => nth().prop_map(Happening::Release),
        8 => (who(), prop_oneof![6 => 0..2_usize, 1 => Just(2_usize)], times())
            .prop_map(|(who, reward, times)| Happening::Redeem { who, reward, times }),
        4 => nth().prop_map(Happening::Cancel),
        3 => nth().prop_map(Happening::Use),
        6 => (who(), wallet(), prop_oneof![1..200_i64, -100..0_i64])
            .prop_map(|(who, wallet, points)| Happening::Adjust { who, wallet, points }),
        7 => (who(), prop_oneof![9 => who(), 1 => Just(MEMBERS)], prop_oneof![9 => Just(0_usize), 1 => wallet()], amount())
            .prop_map(|(who, to, wallet, points)| Happening::Send { who, to, wallet, points }),
        3 => nth().prop_map(Happening::Again),
        1 => nth().prop_map(Happening::Reuse),
        12 => prop_oneof![2 => 0..DAY, 4 => 0..12 * DAY, 3 => 0..45 * DAY].prop_map(Happening::Wait),
        1 => Just(Happening::Sweep),
        2 => any::<bool>().prop_map(Happening::Reopen),
    ]
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 1..60_i64, 1 => 60..250_i64, 1 => Just(0_i64)]
}

/// Histories of a few members who have been there for some weeks.
pub fn happenings(most: usize) -> impl Strategy<Value = Vec<Happening>> {
    let given = |(wallet, points)| move |who| Happening::Adjust { who, wallet, points };
    let enrolled = (0..3).map(Happening::Enroll).chain([Happening::Wait(60 * DAY)]);
    let enrolled = enrolled.chain((0..3).map(given((0, 150)))).chain((0..3).map(given((3, 90))));
    let enrolled: Vec<Happening> = enrolled.collect();
    prop::collection::vec(happening(), 1..most).prop_map(move |then| enrolled.iter().cloned().chain(then).collect())
}
