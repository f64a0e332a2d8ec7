//! Who stood on which tier and went where, for the wire: counts in the order of the ladder.
//!
//! Translates and nothing else.

use std::collections::BTreeMap;

use super::scalars::count64;
use crate::domain::crowd::tiers::Flows;
use crate::domain::program::{Ladder, TierId, Timeline};
use crate::pb;

/// A tier's place in the ladder: nowhere first, then from the lowest, then those of older versions.
type Place = (usize, Option<TierId>);

/// A report, and where members stood and went.
#[must_use]
pub fn moved(told: pb::GetSegmentReportResponse, flows: &Flows, timeline: &Timeline) -> pb::GetSegmentReportResponse {
    let ladder = timeline.newest().ladder.as_ref();
    let name = |tier: Option<TierId>| tier.map(|tier| timeline.newest().text(tier.0).to_owned()).unwrap_or_default();
    let mut placed: Vec<(Place, Place, u64)> =
        flows.iter().map(|((from, to), members)| (place(ladder, *from), place(ladder, *to), *members)).collect();
    placed.sort_unstable();
    let flow = |((_, from), (_, to), members): &(Place, Place, u64)| pb::TierFlow {
        from_tier: name(*from),
        to_tier: name(*to),
        members: count64(*members),
    };
    let counts = |side: fn(&(Place, Place, u64)) -> Place| {
        let mut counts: BTreeMap<Place, u64> = BTreeMap::new();
        placed.iter().for_each(|flow| *counts.entry(side(flow)).or_default() += flow.2);
        let standing = counts.into_iter().filter(|((_, tier), _)| tier.is_some());
        standing.map(|((_, tier), members)| pb::TierCount { tier: name(tier), members: count64(members) }).collect()
    };
    pb::GetSegmentReportResponse {
        tiers: counts(|flow| flow.0),
        then_tiers: counts(|flow| flow.1),
        tier_flows: placed.iter().map(flow).collect(),
        ..told
    }
}

fn place(ladder: Option<&Ladder>, tier: Option<TierId>) -> Place {
    let rank = |tier| ladder.and_then(|ladder| ladder.rank(tier)).map_or(usize::MAX, |rank| rank.saturating_add(1));
    (tier.map_or(0, rank), tier)
}
