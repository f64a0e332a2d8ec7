//! The forecasts against the published figures of the CDNOW sample, and against their plain definitions.

use std::collections::BTreeMap;

use super::forecast::bgnbd::{BgNbd, History};
use super::forecast::fitted::{FITTED_MAX, Fitted, Past, REPEATERS_MIN};
use super::forecast::gamma_gamma::{GammaGamma, Spend};
use super::forecast::special::{gauss, gauss_slope, ln_gamma};
use super::tests_cdnow::sample;

const SUMMARY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cdnow/cdnow_customers_summary_with_transactions.csv");
/// As published, rounded.
const PUBLISHED: BgNbd = BgNbd { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 };
/// The last day of the 39 weeks, counted from the end of 1996, and the last of the 78.
const CALIBRATED: i64 = 273;
const HELD_OUT: i64 = 546;

fn summary() -> Vec<(History, Spend)> {
    let text = std::fs::read_to_string(SUMMARY).unwrap();
    let customer = |line: &str| {
        let fields: Vec<f64> = line.split(',').map(|field| field.trim().parse().unwrap()).collect();
        let repeats = format!("{}", fields[1]).parse().unwrap();
        let history = History { repeats, last: fields[2], watched: fields[3] };
        (history, Spend { purchases: repeats, mean: fields[4] })
    };
    text.lines().skip(1).map(customer).collect()
}

fn histories() -> Vec<History> {
    summary().into_iter().map(|(history, _)| history).collect()
}

fn near(value: f64, expected: f64, within: f64) {
    assert!((value - expected).abs() <= within, "{value} is not within {within} of {expected}");
}

#[test]
fn bgnbd_finds_the_likeliest_parameters() {
    let fit = BgNbd::fit(&histories()).unwrap();
    near(fit.model.r, 0.24259, 5e-6);
    near(fit.model.alpha, 4.41353, 5e-6);
    near(fit.model.a, 0.79289, 5e-6);
    near(fit.model.b, 2.42575, 5e-6);
    near(fit.ln_likelihood, -9_582.425_6, 5e-5);
    near(PUBLISHED.ln_likelihood(&histories()), -9_582.426_8, 5e-5);
}

#[test]
fn bgnbd_finds_them_in_days_too() {
    let days = |history: &History| History { last: history.last * 7.0, watched: history.watched * 7.0, ..*history };
    let fit = BgNbd::fit(&histories().iter().map(days).collect::<Vec<_>>()).unwrap();
    near(fit.model.r, 0.24259, 5e-6);
    near(fit.model.alpha, 7.0 * 4.41353, 5e-5);
}

#[test]
fn nothing_can_be_fitted_to_nothing() {
    assert_eq!(BgNbd::fit(&[]), None);
    assert_eq!(GammaGamma::fit(&[]), None);
    assert_eq!(GammaGamma::fit(&[Spend { purchases: 0, mean: 5.0 }, Spend { purchases: 2, mean: 0.0 }]), None);
    let never_back: Vec<History> =
        (1..40_u32).map(|weeks| History { repeats: 0, last: 0.0, watched: weeks.into() }).collect();
    assert_eq!(BgNbd::fit(&never_back), None);
    let never_gone: Vec<History> =
        (1..40_u32).map(|weeks| History { repeats: 30, last: weeks.into(), watched: weeks.into() }).collect();
    assert_eq!(BgNbd::fit(&never_gone), None, "the likeliest drop-out is none at all");
}

#[test]
fn the_first_customer() {
    let first = History { repeats: 2, last: 30.43, watched: 38.86 };
    assert_eq!(histories()[0], first);
    near(PUBLISHED.expected_of_new(39.0).unwrap(), 1.196_723, 5e-7);
    near(PUBLISHED.alive(&first), 0.726_579, 5e-7);
    near(PUBLISHED.expected(&first, 39.0).unwrap(), 1.226_028, 5e-7);
    near(PUBLISHED.expected(&first, 0.0).unwrap(), 0.0, 0.0);
    assert_eq!(PUBLISHED.expected(&first, -1.0), None);
}

/// The formula as it is published, with the series as it is defined.
fn textbook(model: &BgNbd, history: &History, ahead: f64) -> f64 {
    let BgNbd { r, alpha, a, b } = *model;
    let x = f64::from(history.repeats);
    let lived = alpha + history.watched;
    let series = gauss(r + x, b + x, a + b + x - 1.0, ahead / (lived + ahead)).unwrap();
    let while_alive = (a + b + x - 1.0) / (a - 1.0) * (1.0 - (lived / (lived + ahead)).powf(r + x) * series);
    while_alive * model.alive(history)
}

#[test]
fn the_transformed_series_is_the_published_one() {
    for history in histories().iter().step_by(7) {
        for ahead in [0.1, 1.0, 39.0, 400.0] {
            let expected = textbook(&PUBLISHED, history, ahead);
            near(PUBLISHED.expected(history, ahead).unwrap(), expected, 1e-9 * expected.max(1.0));
        }
    }
    let at_one = |a: f64| BgNbd { a, ..PUBLISHED }.expected(&histories()[0], 39.0).unwrap();
    near(at_one(1.0), (at_one(1.0 - 1e-6) + at_one(1.0 + 1e-6)) / 2.0, 1e-10);
    let often = History { repeats: 5_000, last: 38.0, watched: 38.86 };
    near(PUBLISHED.expected(&often, 1.0).unwrap() / PUBLISHED.alive(&often), 5_000.0 / 43.274, 2.0);
}

fn purchases() -> BTreeMap<u32, Vec<(i64, i64)>> {
    let mut purchases: BTreeMap<u32, Vec<(i64, i64)>> = BTreeMap::new();
    sample().into_iter().for_each(|row| purchases.entry(row.who).or_default().push((row.day, row.cents)));
    purchases
}

#[test]
fn histories_come_from_days() {
    let summary = histories();
    for ((_, rows), expected) in purchases().iter().zip(summary) {
        let days: Vec<i64> = rows.iter().map(|(day, _)| *day).collect();
        let history = History::from_days(&days, CALIBRATED, 7).unwrap();
        assert_eq!(history.repeats, expected.repeats);
        near(history.last, expected.last, 0.005_01);
        near(history.watched, expected.watched, 0.005_01);
    }
    assert_eq!(History::from_days(&[], 9, 7), None);
    assert_eq!(History::from_days(&[10], 9, 7), None);
}

/// What came in the next 39 weeks against what was expected, by how often they had come back before.
#[test]
fn the_weeks_that_were_held_out() {
    let actual: Vec<usize> = purchases()
        .values()
        .map(|rows| {
            let mut days: Vec<i64> = rows.iter().map(|(day, _)| *day).filter(|day| *day > CALIBRATED).collect();
            days.sort_unstable();
            days.dedup();
            assert!(days.iter().all(|day| *day <= HELD_OUT));
            days.len()
        })
        .collect();
    assert_eq!(actual.iter().sum::<usize>(), 1_882);
    let histories = histories();
    let expected: Vec<f64> = histories.iter().map(|history| PUBLISHED.expected(history, 39.0).unwrap()).collect();
    near(expected.iter().sum(), 1_653.9, 0.05);
    let published = [
        (1_411, 0.2367, 0.2255),
        (439, 0.6970, 0.5232),
        (214, 1.3925, 1.0442),
        (100, 1.5600, 1.5203),
        (62, 2.5323, 2.1639),
        (38, 2.9474, 2.6539),
        (29, 3.8621, 3.5040),
        (64, 6.3594, 6.1572),
    ];
    for (repeats, (members, came, expect)) in (0_u32..).zip(published) {
        let of_group = |at: &usize| histories[*at].repeats.min(7) == repeats;
        let group: Vec<usize> = (0..histories.len()).filter(of_group).collect();
        assert_eq!(group.len(), members);
        let count = f64::from(u32::try_from(members).unwrap());
        let sum: usize = group.iter().map(|at| actual[*at]).sum();
        near(f64::from(u32::try_from(sum).unwrap()) / count, came, 5e-5);
        near(group.iter().map(|at| expected[*at]).sum::<f64>() / count, expect, 5e-5);
    }
}

#[test]
fn gamma_gamma_finds_the_likeliest_parameters() {
    let spends: Vec<Spend> = summary().into_iter().map(|(_, spend)| spend).collect();
    assert_eq!(spends.iter().filter(|spend| spend.is_telling()).count(), 946);
    let fit = GammaGamma::fit(&spends).unwrap();
    near(fit.model.p, 6.248_802, 5e-7);
    near(fit.model.q, 3.744_588, 5e-7);
    near(fit.model.v, 15.447_748, 5e-7);
    near(fit.ln_likelihood, -4_055.923_2, 5e-5);
    let published = GammaGamma { p: 6.25, q: 3.74, v: 15.44 };
    near(published.ln_likelihood(&spends), -4_055.924_7, 5e-5);
}

#[test]
fn expected_spend_lies_between_hers_and_the_crowds() {
    let model = GammaGamma { p: 6.25, q: 3.74, v: 15.44 };
    let crowd = model.crowd_mean().unwrap();
    near(crowd, 6.25 * 15.44 / 2.74, 1e-12);
    near(model.expected_mean(&Spend { purchases: 2, mean: 22.35 }).unwrap(), 6.25 * (15.44 + 44.7) / 15.24, 1e-12);
    for purchases in 1..50 {
        let spend = model.expected_mean(&Spend { purchases, mean: 100.0 }).unwrap();
        assert!(spend > crowd && spend < 100.0);
    }
    assert_eq!(GammaGamma { q: 0.9, ..model }.crowd_mean(), None);
}

/// ln Γ at 30 places, by reckoning with long decimals.
#[test]
fn ln_gamma_is_exact_to_fourteen_digits() {
    let mut factorial = 0.0;
    for n in 1..170_u32 {
        near(ln_gamma(f64::from(n)), factorial, 1e-14 * factorial.max(1.0));
        factorial += f64::from(n).ln();
    }
    for (x, expected) in LN_GAMMA {
        near(ln_gamma(*x), *expected, 1e-14 * expected.abs().max(1.0));
    }
    assert!(ln_gamma(0.0).is_nan() && ln_gamma(-1.5).is_nan() && ln_gamma(f64::NAN).is_nan());
}

const LN_GAMMA: &[(f64, f64)] = &[
    (1e-09, 20.723265836369194),
    (0.001, 6.907178885383853),
    (0.1, 2.252712651734206),
    (0.24259, 1.3198290596192586),
    (0.5, 0.5723649429247001),
    (0.79289, 0.15897927796318262),
    (1.2, -0.08537409000331583),
    (1.4616, -0.12148629003589732),
    (1.5, -0.12078223763524522),
    (1.9, -0.03898427592308336),
    (2.1, 0.04543773854448518),
    (2.42575, 0.23384158079897974),
    (3.7446, 1.4804343309807273),
    (5.5, 3.9578139676187165),
    (6.2488, 5.217503567671664),
    (9.999, 12.799575780077413),
    (10.0, 12.801827480081469),
    (10.001, 12.804079285251861),
    (15.5, 26.536914491115613),
    (29.24259, 68.70343824392819),
    (100.25, 360.28455963776423),
    (12345.678, 103959.91990554606),
    (1e6, 12815504.569147611),
    (1e9, 19723265827.503716),
];

#[test]
fn gauss_has_its_known_values() {
    for z in [0.0_f64, 0.01, 0.3, 0.5, 0.9, 0.99, 0.999] {
        near(gauss(1.0, 1.0, 2.0, z).unwrap() * z, -(-z).ln_1p(), 1e-13 * -(-z).ln_1p());
        near(gauss(0.3, 1.7, 1.7, z).unwrap(), (1.0 - z).powf(-0.3), 1e-13 * (1.0 - z).powf(-0.3));
        near(gauss(0.5, 0.5, 1.5, z * z).unwrap() * z, z.asin(), 1e-13);
        near(gauss(-2.0, 1.5, 2.5, z).unwrap(), 1.0 - 1.2 * z + 3.0 / 7.0 * z * z, 1e-14);
    }
    near(gauss_slope(1.0, 0.0, 1.0, 0.5).unwrap(), std::f64::consts::LN_2, 1e-15);
    assert_eq!(gauss(1.0, 1.0, 1.0, 1.0), None);
    assert_eq!(gauss(1.0, 1.0, 0.0, 0.5), None);
}

/// What is known of each customer of the sample at the end of the 39 weeks.
fn pasts() -> Vec<Past> {
    let of = |rows: &Vec<(i64, i64)>| {
        let mut rows: Vec<_> = rows.iter().filter(|(day, _)| *day <= CALIBRATED).copied().collect();
        rows.sort_unstable();
        rows.into_iter().fold(Past::default(), |mut past, (day, cents)| {
            past.see(day, true, cents);
            past
        })
    };
    purchases().values().map(of).collect()
}

#[test]
fn what_is_known_of_the_sample_is_the_published_summary() {
    for (past, (history, spend)) in pasts().iter().zip(summary()) {
        assert_eq!(past.history(CALIBRATED), Some(history));
        assert_eq!(past.spend(100).purchases, spend.purchases);
        near(past.spend(100).mean, spend.mean, 1e-9);
    }
}

#[test]
fn both_models_are_fitted_to_the_sample() {
    let pasts = pasts();
    let fitted = Fitted::of(&pasts, CALIBRATED, 100).unwrap();
    assert_eq!((fitted.customers, fitted.repeaters), (2_357, 946));
    near(fitted.visits.model.r, 0.24259, 5e-6);
    near(fitted.visits.ln_likelihood, -9_582.425_6, 5e-5);
    near(fitted.spend.unwrap().model.v, 15.447_748, 5e-7);
    let plainly: Vec<f64> = pasts.iter().map(|past| fitted.forecast(past, 273).unwrap().purchases).collect();
    let worth: f64 = pasts.iter().map(|past| fitted.forecast(past, 273).unwrap().worth().unwrap()).sum();
    let total = fitted.total(&pasts, 273);
    near(total.purchases, plainly.iter().sum(), 1e-8);
    near(total.purchases, 1_653.423, 5e-4);
    near(total.worth.unwrap(), worth, 1e-6);
    near(fitted.of_new(273).unwrap(), 1.195_016, 5e-7);
    let backwards: Vec<Past> = pasts.iter().rev().copied().collect();
    let again = Fitted::of(&backwards, CALIBRATED, 100).unwrap();
    assert_eq!((again, again.total(&backwards, 273)), (fitted, total), "to the last bit, in whatever order they come");
    assert_eq!(fitted.forecast(&Past::default(), 273), None, "nobody's past says nothing");
}

#[test]
fn a_few_who_came_back_say_nothing_about_others() {
    let all = pasts();
    let few = |repeaters: usize| -> Vec<Past> {
        let once = all.iter().filter(|past| !past.is_repeater());
        once.chain(all.iter().filter(|past| past.is_repeater()).take(repeaters)).copied().collect()
    };
    assert_eq!(Fitted::of(&few(REPEATERS_MIN - 1), CALIBRATED, 100), None);
    assert!(Fitted::of(&few(REPEATERS_MIN), CALIBRATED, 100).is_some());
    assert_eq!(Fitted::of(&[], CALIBRATED, 100), None);
}

#[test]
fn a_great_crowd_is_looked_at_evenly() {
    let all: Vec<Past> = pasts().iter().copied().cycle().take(FITTED_MAX * 2 + 17).collect();
    let fitted = Fitted::of(&all, CALIBRATED, 100).unwrap();
    assert_eq!(fitted.customers, FITTED_MAX);
    near(fitted.visits.model.r, 0.24259, 0.005);
}

#[test]
fn purchases_of_a_day_are_one_and_returns_take_off() {
    let mut past = Past::default();
    past.see(10, false, -100);
    past.see(10, true, 500);
    past.see(10, true, 700);
    assert_eq!(past, Past { first: 10, last: 10, days: 1, repeat_spend: 0 });
    past.see(13, true, 900);
    past.see(13, false, -301);
    past.see(20, true, 1);
    assert_eq!(past, Past { first: 10, last: 20, days: 3, repeat_spend: 600 });
    assert_eq!(past.spend(100), Spend { purchases: 2, mean: 3.0 });
    assert_eq!(past.history(20), Some(History { repeats: 2, last: 1.43, watched: 1.43 }));
    assert_eq!((past.history(9), Past::default().history(9)), (None, None));
}

/// Where heights differ by rounding alone, it must not hang on the order of the customers whether there is a summit.
#[test]
fn a_summit_is_found_in_whatever_order_customers_come() {
    let mut pasts = pasts();
    for shift in (0..pasts.len()).step_by(97) {
        pasts.rotate_left(shift);
        let spends: Vec<Spend> = pasts.iter().map(|past| past.spend(100)).collect();
        let fit = GammaGamma::fit(&spends).unwrap();
        near(fit.model.p, 6.248_802_5, 1e-7);
        near(fit.model.v, 15.447_748, 1e-6);
        assert!(fit.steps < 25, "{}", fit.steps);
    }
    pasts.sort_unstable();
    assert!(GammaGamma::fit(&pasts.iter().map(|past| past.spend(100)).collect::<Vec<_>>()).is_some());
}
