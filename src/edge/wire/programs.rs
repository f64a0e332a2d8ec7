//! Programs and their flaws, for the wire.

use super::grants::rounding;
use super::member::tier_name;
use super::scalars::{count32, stamp};
use crate::domain::program::source::Flaw;
use crate::domain::program::{Absent, Attribute, Ladder, Meter, Program, Rule, Scope, ValueType, Wallet, Window};
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
    }
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
    }
}

fn meter(program: &Program, meter: &Meter) -> pb::ProgramMeter {
    pb::ProgramMeter {
        meter: program.text(meter.id.0).to_owned(),
        name: meter.name.to_string(),
        decimals: meter.decimals.into(),
        window: window(meter.window),
    }
}

/// A window in words.
#[must_use]
pub fn window(window: Window) -> String {
    match window {
        Window::CalendarYear(start) => format!("year from {start}"),
        Window::AnniversaryYear => "anniversary year".into(),
        Window::RollingDays(days) => format!("{days} rolling days"),
        Window::Lifetime => "lifetime".into(),
    }
}

fn tiers(program: &Program, ladder: &Ladder) -> Vec<pb::ProgramTier> {
    let base = pb::ProgramTier {
        tier: program.text(ladder.base.0).to_owned(),
        name: tier_name(program, ladder, ladder.base).to_owned(),
        qualify: String::new(),
    };
    let above = ladder.tiers.iter().map(|tier| pb::ProgramTier {
        tier: program.text(tier.id.0).to_owned(),
        name: tier.name.to_string(),
        qualify: tier.qualify.written.to_string(),
    });
    std::iter::once(base).chain(above).collect()
}

fn rule(program: &Program, rule: &Rule) -> pb::ProgramRule {
    pb::ProgramRule {
        rule: program.text(rule.id.0).to_owned(),
        when: rule.when.as_ref().map(|condition| condition.written.to_string()).unwrap_or_default(),
        lines: rule.lines.as_ref().map(|condition| condition.written.to_string()).unwrap_or_default(),
        rate: rule.rate.written.to_string(),
        rounding: rounding(rule.rounding).into(),
        wallet: rule.wallet.map(|wallet| program.text(wallet.0).to_owned()).unwrap_or_default(),
        meters: rule.meters.iter().map(|meter| program.text(meter.0).to_owned()).collect(),
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
