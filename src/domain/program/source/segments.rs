//! Segments: who is to be found again. They name nothing of the program, so they are read before whatever names them.

use super::declared::{Declared, Entry};
use super::rate;
use super::sheet::{Node, Table};
use super::terms;
use crate::domain::calendar::CalendarSpan;
use crate::domain::crowd::daybook::Measure;
use crate::domain::insight::concentration::Portion;
use crate::domain::insight::rhythm::Tolerance;
use crate::domain::insight::stages::Stage;
use crate::domain::program::segment::{CellPattern, Segment, Stages, Who};
use crate::domain::program::{SegmentId, Window};

const SEGMENTS_MAX: usize = 100;
const CELLS_MAX: usize = 125;
/// What says who is in a segment; one of them.
const KINDS: [&str; 5] = ["top_share", "rfm", "slipping", "first_purchase", "stage"];

/// The stages, from the lowest.
pub(super) const STAGES: [(&str, Stage); 5] = [
    ("prospect", Stage::Prospect),
    ("shopper", Stage::Shopper),
    ("customer", Stage::Customer),
    ("client", Stage::Client),
    ("advocate", Stage::Advocate),
];

const MEASURES: &[(&str, Measure)] =
    &[("spend", Measure::Spend), ("margin", Measure::Margin), ("points", Measure::Points), ("visits", Measure::Visits)];

/// Reads `[[segment]]`; conditions, clubs and privileges ask [`Declared`] for their ids.
pub(super) fn read(table: &Table<'_>, declared: &mut Declared, stages: Option<&Stages>) -> Vec<Segment> {
    let mut segments = Vec::new();
    for Entry { table, id } in declared.entries(table, "segment", SEGMENTS_MAX) {
        let id = id.map(SegmentId);
        declared.segments.extend(id);
        let name = declared.name_of(&table, id.map(|id| id.0));
        let who = who(&table, stages);
        segments.extend(id.zip(who).map(|(id, who)| Segment { id, name, who }));
        table.close();
    }
    segments
}

/// Every part is read before any is missed, so that all flaws are found.
fn who(table: &Table<'_>, stages: Option<&Stages>) -> Option<Who> {
    let [top, rfm, slipping, first, stage] = KINDS.map(|key| table.find(key));
    let given = [&top, &rfm, &slipping, &first, &stage].into_iter().flatten().count();
    if given != 1 {
        let kinds = KINDS.map(|key| format!("`{key}`")).join(", ");
        table.flaw(format!("a segment says who is in it by one of {kinds}; here are {given} of them"));
    }
    let window = windowed(table, top.is_some() || rfm.is_some());
    let measure = measured(table, top.is_some());
    let found = [
        top.and_then(|node| share(&node)).zip(window).map(|(share, window)| Who::Top { share, measure, window }),
        rfm.and_then(|node| cells(&node)).zip(window).map(|(cells, window)| Who::Cells { cells, window }),
        slipping.and_then(|node| silence(&node)).map(Who::Slipping),
        first.and_then(|node| first_purchase(&node)).map(Who::FirstPurchase),
        stage.and_then(|node| on_stage(&node, stages)).map(Who::OnStage),
    ];
    found.into_iter().flatten().next().filter(|_| given == 1)
}

/// The window of a ranking, all time if it names none.
fn windowed(table: &Table<'_>, ranks: bool) -> Option<Window> {
    let Some(node) = table.find("window") else { return Some(Window::Lifetime) };
    if !ranks {
        return node.refuse("only `top_share` and `rfm` look at a window");
    }
    match terms::window(&node)? {
        Window::AnniversaryYear => {
            node.refuse("members are compared over the same days; an anniversary year is each member's own")
        }
        window => Some(window),
    }
}

fn measured(table: &Table<'_>, ranks: bool) -> Measure {
    let Some(node) = table.find("measure") else { return Measure::Spend };
    if !ranks {
        node.flaw("only `top_share` ranks by a measure");
    }
    node.choice(MEASURES).unwrap_or(Measure::Spend)
}

/// A share of all customers: above nothing, at most all.
pub(super) fn share(node: &Node<'_>) -> Option<Portion> {
    let share = rate::share(&terms::decimal(node)?).filter(|share| share.numerator > 0);
    let whole = |number: i64| u32::try_from(number).ok();
    let portion = share.and_then(|share| Portion::new(whole(share.numerator)?, whole(share.denominator)?));
    portion.or_else(|| node.refuse("a share of the customers is above 0 and at most all, such as `1%` or `0.01`"))
}

fn cells(node: &Node<'_>) -> Option<Vec<CellPattern>> {
    let written = node.list();
    if written.is_empty() || written.len() > CELLS_MAX {
        return node.refuse(format!("1 to {CELLS_MAX} cells, such as `[\"555\", \"5*4\"]`"));
    }
    let cell = |node: &Node<'_>| {
        CellPattern::parse(node.text()?).or_else(|| {
            node.refuse("a cell is three scores from 1 to 5, or `*` for any: recency, frequency, money, such as `5*1`")
        })
    };
    let cells: Vec<Option<CellPattern>> = written.iter().map(cell).collect();
    cells.into_iter().collect()
}

fn silence(node: &Node<'_>) -> Option<Tolerance> {
    if node.value().is_bool() {
        return yes(node).then(Tolerance::default);
    }
    tolerance(node)
}

/// How far a silence may go: `{ gaps = 3, spreads = 4, slack = "50%" }`.
pub(super) fn tolerance(node: &Node<'_>) -> Option<Tolerance> {
    const PERCENT_MAX: i64 = 1_000;
    let table = node.table()?;
    let usual = Tolerance::default();
    let number = |key, range, usual| match table.find(key).map(|node| node.integer(range)) {
        Some(read) => read.and_then(|read| u32::try_from(read).ok()),
        None => Some(usual),
    };
    let gaps_min = number("gaps", 1..=100, usual.gaps_min);
    let spreads = number("spreads", 0..=100, usual.spreads);
    let slack = |node: Node<'_>| {
        let percent = node.text()?.strip_suffix('%').and_then(|digits| digits.trim_end().parse::<i64>().ok());
        let percent = percent.filter(|percent| (0..=PERCENT_MAX).contains(percent));
        let percent = percent.and_then(|percent| u32::try_from(percent).ok());
        percent.or_else(|| node.refuse(format!("a part of the usual gap in whole percent, 0% to {PERCENT_MAX}%")))
    };
    let slack_percent = table.find("slack").map_or(Some(usual.slack_percent), slack);
    table.close();
    Some(Tolerance { gaps_min: gaps_min?, spreads: spreads?, slack_percent: slack_percent? })
}

fn first_purchase(node: &Node<'_>) -> Option<Option<CalendarSpan>> {
    if node.value().is_bool() {
        return yes(node).then_some(None);
    }
    terms::span(node).map(Some)
}

/// A kind that is only named is there or is left out.
fn yes(node: &Node<'_>) -> bool {
    let yes = node.truth().unwrap_or(false);
    if !yes {
        node.flaw("write `true`, or leave it out");
    }
    yes
}

fn on_stage(node: &Node<'_>, stages: Option<&Stages>) -> Option<Stage> {
    let stage = node.choice(&STAGES)?;
    if stage == Stage::Advocate && stages.is_some_and(|stages| stages.advocates.is_empty()) {
        return node
            .refuse("nobody is an advocate: write who is, such as `advocate = { clubs = [..] }` under `[stages]`");
    }
    Some(stage)
}
