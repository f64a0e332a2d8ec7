//! Programs and their flaws, for the wire.

use super::benefits::span;
use super::grants::rounding;
use super::member::tier_name;
use super::promises;
use super::replies::outcome;
use super::scalars::{count32, count64, stamp};
use crate::domain::program::source::Flaw;
use crate::domain::program::{
    Absent, Attribute, Condition, Downgrade, Ladder, Meter, OnChange, Program, Rule, Scope, Stacking, Tier, TierId,
    Timeline, ValueType, Wallet, Window,
};
use crate::engine::{Migration, Outcome};
use crate::pb;

/// A version of a program, without its source.
#[must_use]
pub fn program(program: &Program, in_force: bool) -> pb::Program {
    pb::Program {
        program: program.id.to_string(),
        name: program.name.to_string(),
        version: count32(program.version),
        effective_at: stamp(program.effective_at),
        time_zone: program.zone.name().to_owned(),
        currency_code: program.currency.as_str().to_owned(),
        wallets: program.wallets.iter().map(|found| wallet(program, found)).collect(),
        meters: program.meters.iter().map(|found| meter(program, found)).collect(),
        tiers: program.ladder.as_ref().map(|ladder| tiers(program, ladder)).unwrap_or_default(),
        rules: program.rules.iter().map(|found| rule(program, found)).collect(),
        attributes: program.attributes.iter().map(|found| attribute(program, found)).collect(),
        source: String::new(),
        in_force,
        downgrade: program.ladder.as_ref().map(|ladder| downgrade(ladder.downgrade).to_owned()).unwrap_or_default(),
        on_change: program.ladder.as_ref().map(|ladder| on_change(ladder.on_change).to_owned()).unwrap_or_default(),
        rewards: program.rewards.iter().map(|found| promises::reward(program, found)).collect(),
        clubs: program.clubs.iter().map(|found| promises::club(program, found)).collect(),
        privileges: program.privileges.iter().map(|found| promises::privilege(program, found)).collect(),
        segments: program.segments.iter().map(|found| promises::segment(program, found)).collect(),
        milestones: program.milestones.iter().map(|found| promises::milestone(program, found)).collect(),
    }
}

/// The reply to a version that was applied; a dry run of a later version also tells what it would do to members.
#[must_use]
pub fn applied(
    done: Outcome,
    program: pb::Program,
    migration: Option<(&Migration, &Timeline)>,
) -> pb::ApplyProgramResponse {
    let moves = migration.map(|(migration, after)| tier_moves(migration, after)).unwrap_or_default();
    let members_judged = migration.map(|(migration, _)| count64(migration.members)).unwrap_or_default();
    let (outcome, program) = (outcome(done).into(), Some(program));
    pb::ApplyProgramResponse { outcome, program, migration: moves, members_judged, entry_ids: Vec::new() }
}

fn tier_moves(migration: &Migration, after: &Timeline) -> Vec<pb::TierMove> {
    let text = |tier: TierId| after.newest().text(tier.0).to_owned();
    let told = migration.moves.iter().map(|((from, to), members)| pb::TierMove {
        from_tier: text(*from),
        to_tier: text(*to),
        members: count64(*members),
    });
    told.collect()
}

/// A flaw of a program source.
#[must_use]
pub fn flaw(flaw: &Flaw) -> pb::Flaw {
    pb::Flaw {
        line: count32(flaw.line),
        column: count32(flaw.column),
        path: flaw.path.clone(),
        message: flaw.message.clone(),
    }
}

fn wallet(program: &Program, wallet: &Wallet) -> pb::ProgramWallet {
    pb::ProgramWallet {
        wallet: program.text(wallet.id.0).to_owned(),
        name: wallet.name.to_string(),
        decimals: wallet.decimals.into(),
        policies: promises::policies(program, wallet),
    }
}

fn meter(program: &Program, meter: &Meter) -> pb::ProgramMeter {
    pb::ProgramMeter {
        meter: program.text(meter.id.0).to_owned(),
        name: meter.name.to_string(),
        decimals: meter.decimals.into(),
        window: window(meter.window),
        rolls_over: meter.rollover.is_some(),
    }
}

/// A window in words.
#[must_use]
pub fn window(window: Window) -> String {
    match window {
        Window::CalendarYear(start) => format!("year from {start}"),
        Window::AnniversaryYear => "anniversary year".into(),
        Window::RollingDays(days) => format!("{days} rolling days"),
        Window::RollingMonths(months) => format!("{months} rolling months"),
        Window::Lifetime => "lifetime".into(),
    }
}

fn tiers(program: &Program, ladder: &Ladder) -> Vec<pb::ProgramTier> {
    let base = pb::ProgramTier {
        tier: program.text(ladder.base.0).to_owned(),
        name: tier_name(program, ladder, ladder.base).to_owned(),
        ..pb::ProgramTier::default()
    };
    std::iter::once(base).chain(ladder.tiers.iter().map(|found| tier(program, found))).collect()
}

fn tier(program: &Program, tier: &Tier) -> pb::ProgramTier {
    pb::ProgramTier {
        tier: program.text(tier.id.0).to_owned(),
        name: tier.name.to_string(),
        qualify: written(tier.qualify.as_ref()),
        renew: written(tier.renew.as_ref()),
        floor: written(tier.floor.as_ref()),
        validity: promises::validity(tier.validity),
        grace: tier.grace.map(span).unwrap_or_default(),
        trial: tier.trial.as_ref().map(|trial| span(trial.lasts)).unwrap_or_default(),
        trial_keep: written(tier.trial.as_ref().map(|trial| &trial.keep)),
        invited: tier.qualify.is_none(),
        years_counted_by: tier.counts.map(|count| program.text(count.meter.0).to_owned()).unwrap_or_default(),
    }
}

fn written(condition: Option<&Condition>) -> String {
    condition.map(|condition| condition.written.to_string()).unwrap_or_default()
}

const fn downgrade(downgrade: Downgrade) -> &'static str {
    match downgrade {
        Downgrade::ToEarned => "to_earned",
        Downgrade::OneStep => "one_step",
        Downgrade::None => "none",
    }
}

const fn on_change(on_change: OnChange) -> &'static str {
    match on_change {
        OnChange::Grandfather => "grandfather",
        OnChange::Rejudge => "rejudge",
    }
}

fn rule(program: &Program, rule: &Rule) -> pb::ProgramRule {
    pb::ProgramRule {
        rule: program.text(rule.id.0).to_owned(),
        when: written(rule.when.as_ref()),
        lines: written(rule.lines.as_ref()),
        rate: rule.rate.written.to_string(),
        rounding: rounding(rule.rounding).into(),
        wallet: rule.wallet.map(|wallet| program.text(wallet.0).to_owned()).unwrap_or_default(),
        meters: rule.meters.iter().map(|meter| program.text(meter.0).to_owned()).collect(),
        is_campaign: rule.stacking != Stacking::Rule,
        from: stamp(rule.from),
        until: stamp(rule.until),
        terms: promises::rule_terms(program, rule),
    }
}

fn attribute(program: &Program, attribute: &Attribute) -> pb::ProgramAttribute {
    let scope = match attribute.scope {
        Scope::Purchase => pb::AttributeScope::Purchase,
        Scope::Line => pb::AttributeScope::Line,
        Scope::Member => pb::AttributeScope::Member,
    };
    let value_type = match attribute.value_type {
        ValueType::Integer => pb::AttributeType::Integer,
        ValueType::Text => pb::AttributeType::Text,
        ValueType::Bool => pb::AttributeType::Boolean,
        ValueType::Moment => pb::AttributeType::Moment,
    };
    pb::ProgramAttribute {
        name: program.text(attribute.id.0).to_owned(),
        scope: scope.into(),
        r#type: value_type.into(),
        required: attribute.absent == Absent::Required,
    }
}
