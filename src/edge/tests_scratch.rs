//! What was recorded, read from the beginning of the feed and reckoned by the plain definitions: what the service's answers
//! are held to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::tests_segments::ZONE;
use crate::domain::calendar::Day;
use crate::domain::event::{BelongingFact, Entry, Fact, PurchaseReturned, Seq};
use crate::domain::order::{Line, MemberKey};
use crate::domain::program::Value;
use crate::domain::units::{Moment, Text};
use crate::engine::Engine;
use crate::pb;

/// A purchase, or what a return took off it.
pub(super) struct Row {
    member: MemberKey,
    day: Day,
    pub store: Text,
    spend: i64,
    margin: i64,
    points: i64,
    receipts: i64,
}

/// Everything that was recorded, read from its beginning.
#[derive(Default)]
pub(super) struct Scratch {
    pub known: Vec<MemberKey>,
    pub rows: Vec<Row>,
    pub tiers: HashMap<MemberKey, String>,
    /// Since which day who stood where.
    stood: Vec<(MemberKey, Day, String)>,
    today: Day,
    pub crew: BTreeSet<MemberKey>,
}

/// What is left of a line of one unit.
struct Left {
    price: i64,
    cost: Option<i64>,
}

/// Price and margin of what is left of a receipt.
fn worth(lines: &[Left]) -> (i64, i64) {
    let spend = lines.iter().map(|line| line.price).sum();
    (spend, lines.iter().filter_map(|line| Some(line.price - line.cost?)).sum())
}

/// A receipt as it was bought.
fn receipt(entry: &Entry) -> Vec<Left> {
    let lines = &entry.purchase().unwrap().purchase.lines;
    let cost = |value: &Value| if let Value::Integer(cost) = value { Some(*cost) } else { None };
    let left =
        |line: &Line| Left { price: line.minor_units, cost: line.attributes.iter().find_map(|(_, value)| cost(value)) };
    lines.iter().map(left).collect()
}

/// Takes off a receipt what a return asks for.
fn take_off(lines: &mut [Left], returned: &PurchaseReturned) {
    if returned.asked.is_empty() {
        lines.iter_mut().for_each(|line| *line = Left { price: 0, cost: Some(0) });
    }
    for asked in &returned.asked {
        let line = &mut lines[usize::from(asked.line)];
        if asked.quantity > 0 {
            *line = Left { price: 0, cost: Some(0) };
        }
        line.price -= asked.minor_units;
    }
}

fn row(entry: &Entry) -> Row {
    let recorded = entry.purchase().unwrap();
    let zone = recorded.purchase.zone.as_ref().unwrap_or(&ZONE);
    let (spend, margin) = worth(&receipt(entry));
    Row {
        member: entry.member,
        day: zone.day_of(recorded.counted_at),
        store: recorded.purchase.store.clone(),
        spend,
        margin,
        points: recorded.grants.iter().map(|grant| grant.granted.0).sum(),
        receipts: 1,
    }
}

pub(super) async fn scratch(engine: &Engine) -> Scratch {
    let mut scratch = Scratch { today: ZONE.day_of(engine.now()), ..Default::default() };
    let mut receipts: HashMap<Seq, Vec<Left>> = HashMap::new();
    let entries = engine.feed(Seq::NONE, 100_000).await.unwrap();
    let program = engine.programs().named("shop").unwrap().newest().clone();
    let of_pot = |entry: &&Arc<Entry>| {
        entry.facts.iter().any(|fact| matches!(fact, Fact::PotReserved { .. } | Fact::PotSettled { .. }))
    };
    let members = entries.iter().filter(|entry| entry.member != MemberKey::NOBODY && !of_pot(entry));
    for entry in members {
        if !scratch.known.contains(&entry.member) {
            scratch.known.push(entry.member);
        }
        for fact in &entry.facts {
            match fact {
                Fact::PurchaseRecorded(_) => {
                    receipts.insert(entry.seq, receipt(entry));
                    scratch.rows.push(row(entry));
                }
                Fact::PurchaseReturned(returned) => {
                    let bought = entries.iter().find(|bought| bought.seq == returned.purchase).unwrap();
                    let lines = receipts.get_mut(&returned.purchase).unwrap();
                    let (spend, margin) = worth(lines);
                    take_off(lines, returned);
                    let left = worth(lines);
                    let points = -returned.taken.iter().map(|(_, points)| points.0).sum::<i64>();
                    let (spend, margin) = (left.0 - spend, left.1 - margin);
                    scratch.rows.push(Row { spend, margin, points, receipts: 0, ..row(bought) });
                }
                Fact::MemberEnrolled(enrolled) => {
                    scratch.stand(entry.member, entry.recorded_at, program.text(enrolled.base_tier.unwrap().0));
                }
                Fact::TierChanged { to, at, .. } => scratch.stand(entry.member, *at, program.text(to.0)),
                Fact::MemberClosed(_) => {
                    scratch.stood.push((entry.member, ZONE.day_of(entry.recorded_at), String::new()));
                }
                Fact::Belonging(fact) => match **fact {
                    BelongingFact::ClubJoined { .. } => drop(scratch.crew.insert(entry.member)),
                    BelongingFact::ClubLeft { .. } => drop(scratch.crew.remove(&entry.member)),
                    _ => {}
                },
                _ => {}
            }
        }
    }
    scratch
}

/// A window with its days.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub from: Day,
    pub to: Day,
    pub asked: pb::SegmentWindow,
}

impl Scratch {
    fn stand(&mut self, member: MemberKey, at: Moment, tier: &str) {
        self.tiers.insert(member, tier.to_owned());
        self.stood.push((member, ZONE.day_of(at), tier.to_owned()));
    }

    /// Where a member stood at the beginning of a day; nowhere is an empty word.
    fn stood(&self, member: MemberKey, day: Day) -> String {
        let hers = self.stood.iter().filter(|(found, since, _)| *found == member && *since < day);
        hers.max_by_key(|(_, since, _)| *since).map(|(.., tier)| tier.clone()).unwrap_or_default()
    }

    /// How many of those that a question is about moved from where to where.
    pub fn moved(&self, asked: &pb::SegmentWindow, from: Day, to: Day) -> BTreeMap<(String, String), i64> {
        let mut moved = BTreeMap::new();
        let about = |member: &&MemberKey| {
            (asked.tier.is_empty() || self.tiers[member] == asked.tier)
                && (asked.club.is_empty() || self.crew.contains(member))
        };
        for member in self.known.iter().filter(about) {
            let flow = (self.stood(*member, from), self.stood(*member, to));
            if flow != Default::default() {
                *moved.entry(flow).or_default() += 1;
            }
        }
        moved
    }

    pub fn span(&self, asked: &pb::SegmentWindow) -> Span {
        let days = || self.rows.iter().map(|row| row.day);
        let tomorrow = self.today.plus_days(1);
        let end = days().map(|day| day.plus_days(1)).chain([tomorrow]).max().unwrap();
        let begin = days().min().unwrap_or(tomorrow.plus_days(-1));
        let to = Day::parse(&asked.to).unwrap_or(end);
        Span { from: Day::parse(&asked.from).unwrap_or(begin.min(to)), to, asked: asked.clone() }
    }

    pub fn rows(&self, member: MemberKey) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.member == member)
    }

    pub fn amount(&self, span: &Span, member: MemberKey) -> i64 {
        let asked = &span.asked;
        let inside = |row: &&Row| span.from <= row.day && row.day < span.to;
        let there = |row: &&Row| asked.store.is_empty() || asked.store == *row.store;
        let measured = |row: &Row| match asked.measure() {
            pb::Measure::Unspecified | pb::Measure::Spend => row.spend,
            pb::Measure::Margin => row.margin,
            pb::Measure::Points => row.points,
            pb::Measure::Visits => row.receipts,
        };
        self.rows(member).filter(inside).filter(there).map(measured).sum()
    }

    /// The customers in the order in which they became known, and what each brings.
    pub fn customers(&self, span: &Span) -> Vec<(MemberKey, i64)> {
        let asked = &span.asked;
        let there = |row: &Row| asked.store.is_empty() || asked.store == *row.store;
        let had_bought =
            |member: MemberKey| self.rows(member).any(|row| row.receipts > 0 && row.day < span.to && there(row));
        let mut found = self.known.clone();
        found.retain(|member| {
            had_bought(*member)
                && (asked.tier.is_empty() || self.tiers[member] == asked.tier)
                && (asked.club.is_empty() || self.crew.contains(member))
        });
        found.into_iter().map(|member| (member, self.amount(span, member))).collect()
    }

    /// The days on which she bought.
    pub fn days(&self, member: MemberKey) -> BTreeSet<Day> {
        self.rows(member).filter(|row| row.receipts > 0).map(|row| row.day).collect()
    }

    /// Recency, frequency and money of the customers who bought in the window, and what they spent.
    pub fn scores(&self, span: &Span) -> Vec<(MemberKey, [i32; 3], i64)> {
        let spend = pb::SegmentWindow { measure: 1, ..Default::default() };
        let everywhere = Span { asked: spend, ..span.clone() };
        let habits = self.customers(span).into_iter().filter_map(|(member, _)| {
            let days: Vec<Day> = self.days(member).range(span.from..span.to).copied().collect();
            Some((member, [i64::from(days.last()?.0), days.len() as i64, self.amount(&everywhere, member)]))
        });
        let habits: Vec<(MemberKey, [i64; 3])> = habits.collect();
        let score = |at: usize, which: usize| {
            let hers = habits[at].1[which];
            let worse = |(other, (_, theirs)): &(usize, &(MemberKey, [i64; 3]))| {
                theirs[which] < hers || (theirs[which] == hers && *other < at)
            };
            (habits.iter().enumerate().filter(worse).count() * 5 / habits.len()) as i32 + 1
        };
        let scored = |at: usize| (habits[at].0, [score(at, 0), score(at, 1), score(at, 2)], habits[at].1[2]);
        (0..habits.len()).map(scored).collect()
    }
}
