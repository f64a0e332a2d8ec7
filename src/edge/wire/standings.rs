//! How a member moved on the ladder and what she held there, for the wire: one change for each fact that says so.

use super::belonging::{tier_grant_revoked, tier_held};
use super::entries::{Names, entry_id};
use super::grants::tier_change;
use super::scalars::stamp;
use crate::domain::event::{Fact, Seq};
use crate::domain::program::{TierId, Timeline};
use crate::pb;

/// The changes that the facts of the entry `own` tell, the newest first; [`Seq::NONE`] for facts that are due and in no
/// entry yet. What lifted or dropped her is told by the move itself, unless somebody granted or revoked it.
#[must_use]
pub fn changes(timeline: &Timeline, names: &Names, own: Seq, facts: &[Fact]) -> Vec<pb::StandingChange> {
    let blank = || pb::StandingChange { entry_id: entry_id(own), ..pb::StandingChange::default() };
    let told = facts.iter().rev().filter_map(|fact| {
        Some(match fact {
            Fact::TierChanged { .. } => pb::StandingChange { change: tier_change(timeline, facts, fact), ..blank() },
            Fact::TierEarned { tier, since, until } if !moved(facts) => {
                let (tier, since, until) = (text(timeline, *tier), stamp(*since), stamp(*until));
                pb::StandingChange { earned: Some(pb::TierEarned { tier, since, until }), ..blank() }
            }
            Fact::TierWithdrawn { tier, until } if !moved(facts) => {
                let (tier, until) = (text(timeline, *tier), stamp(*until));
                pb::StandingChange { withdrawn: Some(pb::TierWithdrawn { tier, until }), ..blank() }
            }
            Fact::Belonging(fact) => {
                let (held, revoked) = (tier_held(timeline, names, fact), tier_grant_revoked(timeline, own, fact));
                if held.is_none() && revoked.is_none() {
                    return None;
                }
                pb::StandingChange { held, revoked, ..blank() }
            }
            _ => return None,
        })
    });
    told.collect()
}

fn moved(facts: &[Fact]) -> bool {
    facts.iter().any(|fact| matches!(fact, Fact::TierChanged { .. }))
}

fn text(timeline: &Timeline, tier: TierId) -> String {
    timeline.newest().text(tier.0).to_owned()
}
