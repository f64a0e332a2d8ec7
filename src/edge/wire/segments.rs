//! What is known of all members, for the wire: shares, groups, the Lorenz curve, segments, rhythms.
//!
//! Translates and nothing else; what is asked is read in `segment_questions.rs`.

use super::scalars::{count32, count64};
use super::segment_questions::Cuts;
use crate::domain::calendar::Day;
use crate::domain::crowd::daybook::{Measure, Window};
use crate::domain::crowd::ranking::Followed;
use crate::domain::insight::concentration::{Group, LorenzPoint, Portion, Ratio};
use crate::domain::insight::distribution::Distribution;
use crate::domain::insight::rfm::{Cells, Scores};
use crate::domain::insight::rhythm::Rhythm;
use crate::domain::insight::stages::Stage;
use crate::domain::program::Program;
use crate::pb;

const MILLION: u32 = 1_000_000;
/// The shares of the customers that every report tells about, in percent.
const TOP: [u32; 4] = [1, 5, 10, 20];

/// A ratio to six decimals, rounded half up.
fn decimal(ratio: Ratio) -> String {
    let (million, units) = (i128::from(MILLION), ratio.in_units(MILLION));
    format!("{}.{:06}", units.div_euclid(million), units.rem_euclid(million))
}

/// A sum on the wire; one beyond its range stays at its end.
#[must_use]
pub fn sum(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
}

fn share_of(ratio: Ratio) -> pb::Share {
    pb::Share { decimal: decimal(ratio), part: sum(ratio.part), whole: sum(ratio.whole) }
}

/// The share that `part` is of `whole`.
#[must_use]
pub fn share(part: i128, whole: i128) -> Option<pb::Share> {
    (whole > 0 && part >= 0).then(|| share_of(Ratio { part, whole }))
}

/// A group of customers.
#[must_use]
pub fn group(group: &Group) -> pb::CustomerGroup {
    pb::CustomerGroup {
        members: count64(group.members),
        share_of_members: group.share_of_members().map(share_of),
        amount: sum(group.amount),
        share_of_amount: group.share_of_amount().map(share_of),
    }
}

/// A measure.
#[must_use]
pub const fn measure(measure: Measure) -> pb::Measure {
    match measure {
        Measure::Spend => pb::Measure::Spend,
        Measure::Margin => pb::Measure::Margin,
        Measure::Points => pb::Measure::Points,
        Measure::Visits => pb::Measure::Visits,
    }
}

/// The currency of what is counted, where that is money.
fn currency(program: &Program, counted: Measure) -> String {
    match counted {
        Measure::Spend | Measure::Margin => program.currency.as_str().to_owned(),
        Measure::Points | Measure::Visits => String::new(),
    }
}

/// How a window's whole is spread.
#[must_use]
pub fn pareto(
    program: &Program,
    window: &Window,
    distribution: &Distribution,
    cuts: &Cuts,
) -> pb::GetParetoReportResponse {
    let (aside, members) = (distribution.aside(), distribution.members());
    let abc = distribution.abc(cuts.a, cuts.b);
    let top = TOP.map(|percent| group(&distribution.top(Portion::percent(percent))));
    let lorenz = distribution.lorenz(cuts.lorenz);
    pb::GetParetoReportResponse {
        from: window.from.to_string(),
        to: window.to.to_string(),
        measure: measure(window.measure).into(),
        customers: count64(members),
        buyers: count64(members.saturating_sub(aside.members)),
        amount: sum(distribution.amount()),
        aside_members: count64(aside.members),
        aside_amount: sum(aside.amount),
        asked: Some(group(&distribution.top(cuts.top))),
        top: top.into(),
        needed: Some(group(&distribution.needed_for(cuts.of_amount))),
        lorenz: lorenz.iter().map(|point| lorenz_point(point, distribution)).collect(),
        gini: distribution.gini().map(decimal).unwrap_or_default(),
        gini_unbiased: distribution.gini_unbiased().map(decimal).unwrap_or_default(),
        abc: [abc.a, abc.b, abc.c].iter().map(group).collect(),
        currency_code: currency(program, window.measure),
        took_us: 0,
        bytes: 0,
    }
}

fn lorenz_point(point: &LorenzPoint, distribution: &Distribution) -> pb::LorenzPoint {
    let share = |part, whole| share(part, whole).map(|share| share.decimal).unwrap_or_default();
    pb::LorenzPoint {
        members: count64(point.members),
        amount: sum(point.amount),
        share_of_members: share(point.members.into(), distribution.members().into()),
        share_of_amount: share(point.amount, distribution.amount()),
    }
}

/// How the best of one window fare in another.
#[must_use]
pub fn followed(followed: &Followed, cells: &Cells) -> pb::GetSegmentReportResponse {
    let Followed { stayed, .. } = *followed;
    pb::GetSegmentReportResponse {
        group: Some(group(&followed.group)),
        still_buying: count64(followed.still_buying),
        then: Some(group(&followed.then)),
        then_top: Some(group(&followed.then_top)),
        stayed: count64(stayed),
        entered: count64(followed.then_top.members.saturating_sub(stayed)),
        left: count64(followed.group.members.saturating_sub(stayed)),
        rfm: rfm(cells),
        ..Default::default()
    }
}

fn rfm(cells: &Cells) -> Vec<pb::RfmCell> {
    let whole = cells.iter().map(|(_, cell)| cell.money).sum();
    let used = cells.iter().filter(|(_, cell)| cell.members > 0);
    let told = used.map(|(scores, cell)| pb::RfmCell {
        recency: scores.recency.into(),
        frequency: scores.frequency.into(),
        money: scores.money.into(),
        members: count64(cell.members),
        amount: sum(cell.money),
        share_of_amount: share(cell.money, whole),
    });
    told.collect()
}

/// What is known of one member among all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    /// What she brings.
    pub amount: i64,
    /// Her rank, if she brings anything.
    pub rank: Option<u64>,
    /// Her recency, frequency and money, if she bought.
    pub scores: Option<Scores>,
    /// How far she has come, as of the last day.
    pub stage: Option<Stage>,
    /// Her rhythm as of the last day.
    pub rhythm: Option<Rhythm>,
}

/// What segments one member is in, as of `today`.
#[must_use]
pub fn place(place: &Place, distribution: &Distribution, today: Day) -> pb::GetMemberSegmentsResponse {
    let share = place.rank.and_then(|_| share(place.amount.into(), distribution.amount()));
    let score = |of: fn(Scores) -> u8| place.scores.map_or(0, |scores| count32(of(scores)));
    pb::GetMemberSegmentsResponse {
        amount: place.amount,
        rank: place.rank.map(count64).unwrap_or_default(),
        customers: count64(distribution.members()),
        share,
        abc: place.rank.map(|rank| abc(rank, distribution)).unwrap_or_default().to_owned(),
        recency: score(|scores| scores.recency),
        frequency: score(|scores| scores.frequency),
        money: score(|scores| scores.money),
        stage: place.stage.map_or(pb::Stage::Unspecified, stage).into(),
        rhythm: place.rhythm.map(|found| rhythm(&found, today)),
        ..Default::default()
    }
}

/// The class of a rank, at 80 and 95 per cent.
fn abc(rank: u64, distribution: &Distribution) -> &'static str {
    let classes = distribution.abc(Portion::percent(80), Portion::percent(95));
    match rank {
        rank if rank <= classes.a.members => "A",
        rank if rank <= classes.a.members.saturating_add(classes.b.members) => "B",
        _ => "C",
    }
}

const fn stage(stage: Stage) -> pb::Stage {
    match stage {
        Stage::Prospect => pb::Stage::Prospect,
        Stage::Shopper => pb::Stage::Shopper,
        Stage::Customer => pb::Stage::Customer,
        Stage::Client => pb::Stage::Client,
        Stage::Advocate => pb::Stage::Advocate,
    }
}

fn rhythm(rhythm: &Rhythm, today: Day) -> pb::Rhythm {
    let silence = rhythm.silence(today.0.into());
    pb::Rhythm {
        last_day: i32::try_from(rhythm.last).map(|day| Day(day).to_string()).unwrap_or_default(),
        usual_gap_days: rhythm.usual,
        spread_days: rhythm.spread,
        alarm_after_days: rhythm.alarm_after,
        silent_days: silence.days,
        is_silent: silence.alarm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_six_decimals_rounded_half_up() {
        let decimal = |part, whole| share(part, whole).map(|share| share.decimal);
        assert_eq!(decimal(169_464_850, 250_031_563).as_deref(), Some("0.677774"));
        assert_eq!(decimal(1, 2_000_000).as_deref(), Some("0.000001"));
        assert_eq!((decimal(7, 7).as_deref(), decimal(0, 3).as_deref()), (Some("1.000000"), Some("0.000000")));
        assert_eq!((decimal(0, 0), decimal(-1, 5)), (None, None));
    }
}
