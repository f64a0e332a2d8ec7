//! What an order did, for the wire: outcome, entries, member, and for a purchase the grants.

use super::entries::entry_id;
use super::grants::{grants, tier_earned};
use super::member::member;
use crate::domain::event::{Entry, PurchaseRecorded};
use crate::domain::order::Purchase;
use crate::domain::program::{JudgedBy, Program, Rule, Timeline, Value};
use crate::domain::units::Moment;
use crate::engine::{Applied, Outcome};
use crate::pb;

/// What every reply to an order carries.
pub struct Reply {
    /// Done now or before.
    pub outcome: i32,
    /// The entries it made; none for a rehearsal, whose entries were never kept.
    pub entry_ids: Vec<String>,
    /// The member after it.
    pub member: Option<pb::Member>,
}

/// The common part of a reply.
#[must_use]
pub fn reply(applied: &Applied, dry_run: bool) -> Reply {
    Reply {
        outcome: outcome(applied.outcome).into(),
        entry_ids: entry_ids(applied, dry_run),
        member: Some(member(&applied.view)),
    }
}

/// An outcome on the wire.
#[must_use]
pub const fn outcome(outcome: Outcome) -> pb::Outcome {
    match outcome {
        Outcome::Applied => pb::Outcome::Applied,
        Outcome::Replayed => pb::Outcome::Replayed,
    }
}

fn entry_ids(applied: &Applied, dry_run: bool) -> Vec<String> {
    let kept = !dry_run || applied.outcome == Outcome::Replayed;
    if kept { applied.entries.iter().map(|entry| entry_id(entry.seq)).collect() } else { Vec::new() }
}

/// The reply to a recorded purchase (see `receipt.rs`, which writes the same without building it first).
#[must_use]
pub fn recorded(applied: &Applied, dry_run: bool, omit_member: bool) -> pb::RecordPurchaseResponse {
    let timeline = &*applied.view.timeline;
    let found = purchase_of(applied);
    pb::RecordPurchaseResponse {
        outcome: outcome(applied.outcome).into(),
        entry_ids: entry_ids(applied, dry_run),
        member: (!omit_member).then(|| member(&applied.view)),
        grants: found.map(|(_, recorded)| grants(timeline, recorded)).unwrap_or_default(),
        tier_change: found.and_then(|(entry, _)| tier_earned(timeline, entry)),
    }
}

/// The reply to a quote.
#[must_use]
pub fn quoted(applied: &Applied) -> pb::QuotePurchaseResponse {
    let found = purchase_of(applied);
    let recorded = recorded(applied, true, false);
    pb::QuotePurchaseResponse {
        outcome: recorded.outcome,
        grants: recorded.grants,
        tier_change: recorded.tier_change,
        member: recorded.member,
        unapplied_rules: found.map(|(_, made)| unapplied(&applied.view.timeline, made)).unwrap_or_default(),
    }
}

/// The purchase among what was done.
pub(super) fn purchase_of(applied: &Applied) -> Option<(&Entry, &PurchaseRecorded)> {
    applied.entries.iter().find_map(|entry| Some((&**entry, entry.purchase()?)))
}

/// The rules in force for a purchase that granted nothing.
fn unapplied(timeline: &Timeline, recorded: &PurchaseRecorded) -> Vec<pb::UnappliedRule> {
    let granted = |program: &Program, rule: &Rule| {
        recorded.grants.iter().any(|grant| grant.rule == rule.id && grant.program_version == program.version)
    };
    let rules = timeline.rules_at(|program, judged_by| judged_at(program, &recorded.purchase, judged_by));
    rules
        .filter(|(program, rule)| !granted(program, rule))
        .map(|(program, rule)| unapplied_rule(program, rule))
        .collect()
}

fn unapplied_rule(program: &Program, rule: &Rule) -> pb::UnappliedRule {
    pb::UnappliedRule {
        rule: program.text(rule.id.0).to_owned(),
        program_version: super::scalars::count32(program.version),
        when: rule.when.as_ref().map(|condition| condition.written.to_string()).unwrap_or_default(),
        lines: rule.lines.as_ref().map(|condition| condition.written.to_string()).unwrap_or_default(),
    }
}

/// The moment by which a rule judges a purchase; `occurred_at` stands for an attribute that is absent.
fn judged_at(program: &Program, purchase: &Purchase, judged_by: JudgedBy) -> Moment {
    let JudgedBy::Attribute(id) = judged_by else { return purchase.occurred_at };
    let name = program.text(id.0);
    let value = purchase.attributes.iter().find(|(given, _)| &**given == name);
    match value {
        Some((_, Value::Moment(moment))) => *moment,
        _ => purchase.occurred_at,
    }
}
