//! Who ought to be in the segments of a program, against who is: what is to be told to members as orders.
//!
//! Once a day everybody is looked at; between days only those who bought, and only by segments that a purchase changes.
//! Rankings look at windows that ended with yesterday, so nobody moves by what is bought in the course of a day. Who closed
//! keeps her rank there, as in every answer about a window (`ranking.rs`), and is in no segment. Both are
//! pure functions of the crowd: asked again they name what is still different.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Crowd;
use super::daybook::{Measure, MemberNo, Window};
use super::ranking::{Customers, Question};
use super::tags::Bought;
use super::visits::Visits;
use crate::domain::calendar::{CalendarSpan, Day};
use crate::domain::decide::window_span;
use crate::domain::event::RestsOn;
use crate::domain::insight::concentration::Portion;
use crate::domain::insight::rfm::scores;
use crate::domain::insight::rhythm::{Tolerance, rhythm};
use crate::domain::insight::stages::{Stage, bought_so_often, with_others};
use crate::domain::order::Tagging;
use crate::domain::program::{self, CellPattern, Program, Segment, SegmentId, Stages, Who};

/// Visits of everybody are looked at in so many slices, and of so many members at least.
const SLICES: u32 = 8;
const SLICE: u32 = 50_000;

/// What is to be told to whom: segment by segment, and within one by number.
pub type Changes = Vec<(MemberNo, Tagging)>;

/// What the day `today` changes for everybody. Segments that the program no longer has are left.
#[must_use]
pub fn of_day(crowd: &Crowd, program: &Program, today: Day) -> Changes {
    let round = Round { crowd, stages: &program.stages, today };
    let rests_on = RestsOn::Day(today);
    let mut changes = Changes::new();
    for segment in &program.segments {
        round.compare(segment.id, &round.members(&segment.who), rests_on, &mut changes);
    }
    for gone in crowd.tags.segments().filter(|segment| program.segment(*segment).is_none()) {
        round.compare(gone, &[], rests_on, &mut changes);
    }
    changes
}

/// What the newest purchases of some members change for them, at once.
#[must_use]
pub fn of_purchases(crowd: &Crowd, program: &Program, today: Day, bought: &BTreeMap<MemberNo, Bought>) -> Changes {
    let mut changes = Changes::new();
    for segment in program.segments.iter().filter(|segment| segment.changes_with_purchases()) {
        for (member, bought) in bought.iter().filter(|(member, _)| !crowd.tags.has_closed(**member)) {
            let was_in = crowd.tags.is_in(*member, segment.id);
            let is_in = after_purchase(crowd, segment, (*member, *bought), today).unwrap_or(was_in);
            if is_in != was_in {
                let rests_on = RestsOn::Purchase(bought.entry);
                changes.push((*member, Tagging { segment: segment.id, is_in, rests_on }));
            }
        }
    }
    changes
}

/// Whether she is in a segment now that she bought; `None` where only the day can tell.
fn after_purchase(crowd: &Crowd, segment: &Segment, (member, bought): (MemberNo, Bought), today: Day) -> Option<bool> {
    match segment.who {
        Who::FirstPurchase(span) => Some(is_first(crowd, member, span, today)),
        // No rhythm has gaps below a day, so a silence of a day at most is within any.
        Who::Slipping(_) if bought.day.plus_days(1) >= today => Some(false),
        _ => None,
    }
}

/// Whether she bought once and not again, and that not too long ago.
fn is_first(crowd: &Crowd, member: MemberNo, span: Option<CalendarSpan>, today: Day) -> bool {
    let first = crowd.daybook.first(member);
    let is_recent = |first: Day| span.is_none_or(|span| today < span.after(first).plus_days(1));
    crowd.daybook.receipts(member) == 1 && first.is_some_and(is_recent)
}

/// Whether she belongs to a club of those who bring others.
#[must_use]
pub fn brings_others(crowd: &Crowd, stages: &Stages, member: MemberNo) -> bool {
    stages.advocates.iter().any(|club| crowd.belongs(member, *club))
}

/// Everybody, on a day.
struct Round<'a> {
    crowd: &'a Crowd,
    stages: &'a Stages,
    today: Day,
}

impl Round<'_> {
    fn open(&self) -> impl Iterator<Item = MemberNo> + '_ {
        let everybody = (0_u32..).map(MemberNo).take(self.crowd.daybook.members());
        everybody.filter(|member| !self.crowd.tags.has_closed(*member))
    }

    /// Who ought to be in a segment, by number.
    fn members(&self, who: &Who) -> Vec<MemberNo> {
        let mut members = match who {
            Who::Top { share, measure, window } => self.top(*share, *measure, *window),
            Who::Cells { cells, window } => self.in_cells(cells, *window),
            Who::Slipping(tolerance) => self.slipping(tolerance),
            Who::FirstPurchase(span) => {
                self.open().filter(|member| is_first(self.crowd, *member, *span, self.today)).collect()
            }
            Who::OnStage(stage) => self.on_stage(*stage),
        };
        members.retain(|member| !self.crowd.tags.has_closed(*member));
        members.sort_unstable();
        members
    }

    /// The customers of a window that ended with yesterday, by a measure.
    fn customers(&self, measure: Measure, window: program::Window) -> (Customers, Window) {
        let yesterday = self.today.plus_days(-1);
        let from = window_span(window, yesterday, yesterday).map_or(Day(i32::MIN), |(first, _)| first);
        let window = Window { from, to: self.today, measure, store: None };
        let customers = Customers::of(self.crowd, &Question { window, tier: None, club: None });
        (customers, window)
    }

    fn top(&self, share: Portion, measure: Measure, window: program::Window) -> Vec<MemberNo> {
        let (customers, _) = self.customers(measure, window);
        customers.vital(share).into_iter().map(|(member, _)| member).collect()
    }

    fn in_cells(&self, cells: &[CellPattern], window: program::Window) -> Vec<MemberNo> {
        let (customers, Window { from, to, .. }) = self.customers(Measure::Spend, window);
        let buyers = customers.buyers(self.crowd, from, to);
        let scored = buyers.iter().zip(scores(&buyers));
        let inside = scored.filter(|(_, scores)| cells.iter().any(|cell| cell.holds(*scores)));
        inside.map(|(buyer, _)| buyer.id).collect()
    }

    /// Some members at a time: everybody's visits would take as much room as the book.
    fn slipping(&self, tolerance: &Tolerance) -> Vec<MemberNo> {
        let everybody = u32::try_from(self.crowd.daybook.members()).unwrap_or(u32::MAX);
        let some = everybody.div_ceil(SLICES).max(SLICE);
        let mut silent = Vec::new();
        for from in (0..everybody).step_by(some as usize) {
            let slice = MemberNo(from)..MemberNo(from.saturating_add(some));
            silent.extend(self.slipping_of(slice, tolerance));
        }
        silent
    }

    fn slipping_of(&self, slice: Range<MemberNo>, tolerance: &Tolerance) -> Vec<MemberNo> {
        let is_asked = |member: MemberNo| slice.contains(&member) && !self.crowd.tags.has_closed(member);
        let visits = Visits::of(&self.crowd.daybook, is_asked);
        let today = i64::from(self.today.0);
        let is_silent = |member: &MemberNo| {
            let days: Vec<i64> = visits.by(*member).iter().map(|visit| i64::from(visit.day.0)).collect();
            rhythm(&days, today, tolerance).is_some_and(|rhythm| rhythm.silence(today).alarm)
        };
        (slice.start.0..slice.end.0).map(MemberNo).filter(is_silent).collect()
    }

    /// Several purchases on one day count once.
    fn on_stage(&self, wanted: Stage) -> Vec<MemberNo> {
        let (borders, tomorrow) = (&self.stages.borders, self.today.plus_days(1));
        let lately = i32::try_from(borders.client_days).unwrap_or(i32::MAX);
        let all = self.crowd.daybook.habits(Day(i32::MIN), tomorrow);
        let recent = self.crowd.daybook.habits(Day(tomorrow.0.saturating_sub(lately)), tomorrow);
        let stands = |member: &MemberNo| {
            let at = member.0 as usize;
            let days = |habits: &[super::daybook::Habit]| habits.get(at).map_or(0, |habit| habit.days);
            let bought = bought_so_often(days(&all), days(&recent), borders);
            with_others(bought, brings_others(self.crowd, self.stages, *member), borders) == wanted
        };
        self.open().filter(stands).collect()
    }

    /// Names those who ought to be in a segment and are not, then those who are and ought not.
    fn compare(&self, segment: SegmentId, ought: &[MemberNo], rests_on: RestsOn, changes: &mut Changes) {
        let entering = ought.iter().filter(|member| !self.crowd.tags.is_in(**member, segment)).copied();
        let leaving = self.crowd.tags.of(segment).filter(|member| ought.binary_search(member).is_err());
        let moves = entering.map(|member| (member, true)).chain(leaving.map(|member| (member, false)));
        changes.extend(moves.map(|(member, is_in)| (member, Tagging { segment, is_in, rests_on })));
    }
}
