//! Grants and tier changes, for the wire: every number with the rule, rate and rounding that made it.

use super::scalars::{count32, stamp};
use crate::domain::event::{BelongingFact, Cap, Entry, Fact, Grant, MeterPost, Part, PurchaseRecorded, TierCause};
use crate::domain::order::Line;
use crate::domain::program::{Basis, MeterId, Program, Rule, TierId, Timeline};
use crate::domain::units::{Moment, Points, Ratio, Rounding};
use crate::pb;

/// The grants of a recorded purchase, in the order of the rules.
#[must_use]
pub fn grants(timeline: &Timeline, recorded: &PurchaseRecorded) -> Vec<pb::Grant> {
    recorded.grants.iter().map(|made| grant(timeline, &recorded.purchase.lines, made)).collect()
}

/// A grant for these lines of a receipt.
#[must_use]
pub fn grant(timeline: &Timeline, lines: &[Line], made: &Grant) -> pb::Grant {
    let program = program_of(timeline, made);
    let rule = rule_of(program, made);
    let line = made.line.and_then(|position| lines.get(usize::from(position)));
    pb::Grant {
        rule: program.text(made.rule.0).to_owned(),
        program_version: count32(made.program_version),
        part: match made.part {
            Part::Base => pb::GrantPart::Base.into(),
            Part::TierBonus(_) => pb::GrantPart::Bonus.into(),
        },
        tier: match made.part {
            Part::Base => String::new(),
            Part::TierBonus(tier) => program.text(tier.0).to_owned(),
        },
        line_id: line.map(|line| line.line_id.to_string()).unwrap_or_default(),
        basis: basis(rule, made).to_string(),
        rate: rate(rule, made),
        rounding: rule.map_or(pb::Rounding::Unspecified, |rule| rounding(rule.rounding)).into(),
        desired: made.desired.0,
        granted: made.granted.0,
        wallet: made.wallet.map(|wallet| program.text(wallet.0).to_owned()).unwrap_or_default(),
        decimals: decimals(program, made).into(),
        meters: meter_posts(program, &made.meters),
        cap: made.cap.map_or(pb::GrantCap::Unspecified, cap).into(),
        shares: made.shares.iter().filter_map(|share| grant_share(lines, *share)).collect(),
    }
}

/// A limit on the wire.
#[must_use]
pub const fn cap(cap: Cap) -> pb::GrantCap {
    match cap {
        Cap::Receipt => pb::GrantCap::Receipt,
        Cap::Member => pb::GrantCap::Member,
        Cap::Budget => pb::GrantCap::Budget,
        Cap::Stacking => pb::GrantCap::Stacking,
    }
}

fn grant_share(lines: &[Line], (position, points): (u16, Points)) -> Option<pb::GrantShare> {
    let line = lines.get(usize::from(position))?;
    Some(pb::GrantShare { line_id: line.line_id.to_string(), points: points.0 })
}

/// The version a grant was made under.
#[must_use]
pub fn program_of<'a>(timeline: &'a Timeline, made: &Grant) -> &'a Program {
    timeline.version(made.program_version).unwrap_or_else(|| timeline.newest())
}

/// The rule a grant was made by.
#[must_use]
pub fn rule_of<'a>(program: &'a Program, made: &Grant) -> Option<&'a Rule> {
    program.rules.iter().find(|rule| rule.id == made.rule)
}

/// What was counted, in units people count in: a quantity is kept in thousandths and told in wholes.
#[must_use]
pub fn basis(rule: Option<&Rule>, made: &Grant) -> Ratio {
    let thousandths = matches!(rule.map(|rule| &rule.basis), Some(Basis::Quantity)) && made.part == Part::Base;
    let scale = if thousandths { 1_000 } else { 1 };
    Ratio::new(made.basis.numerator.into(), i128::from(made.basis.denominator) * scale).unwrap_or(made.basis)
}

/// The rate of a base as the program file writes it, or the share of the base that a bonus is.
#[must_use]
pub fn rate(rule: Option<&Rule>, made: &Grant) -> String {
    let Some(rule) = rule else { return String::new() };
    match made.part {
        Part::Base => rule.rate.written.to_string(),
        Part::TierBonus(tier) => share(rule, tier).map(|share| share.to_string()).unwrap_or_default(),
    }
}

/// The share of the base that a tier's bonus is.
#[must_use]
pub fn share(rule: &Rule, tier: TierId) -> Option<Ratio> {
    rule.bonus.iter().find(|(id, _)| *id == tier).map(|(_, share)| *share)
}

/// The decimals of what was granted: the wallet's, or those of the meter if there is no wallet.
#[must_use]
pub fn decimals(program: &Program, made: &Grant) -> u8 {
    let wallet = made.wallet.and_then(|id| program.wallet(id)).map(|wallet| wallet.decimals);
    let declared = made.meters.iter().find(|post| program.meter(post.meter).is_some());
    wallet.or_else(|| declared.map(|post| meter_decimals(program, post.meter))).unwrap_or_default()
}

/// The decimals of a meter.
#[must_use]
pub fn meter_decimals(program: &Program, meter: MeterId) -> u8 {
    program.meter(meter).map(|meter| meter.decimals).unwrap_or_default()
}

/// Amounts counted by meters; those that only count towards a limit are nobody's business.
#[must_use]
pub fn meter_posts(program: &Program, posts: &[MeterPost]) -> Vec<pb::MeterPost> {
    let told = |post: &MeterPost| {
        let meter = program.meter(post.meter)?;
        Some(pb::MeterPost {
            meter: program.text(meter.id.0).to_owned(),
            decimals: meter.decimals.into(),
            amount: post.amount.0,
        })
    };
    posts.iter().filter_map(told).collect()
}

/// A rounding on the wire.
#[must_use]
pub const fn rounding(rounding: Rounding) -> pb::Rounding {
    match rounding {
        Rounding::Floor => pb::Rounding::Floor,
        Rounding::Ceil => pb::Rounding::Ceil,
        Rounding::HalfUp => pb::Rounding::HalfUp,
        Rounding::HalfEven => pb::Rounding::HalfEven,
    }
}

/// The tier change that an order brought by what it earned or took back, if it did.
#[must_use]
pub fn tier_earned(timeline: &Timeline, entry: &Entry) -> Option<pb::TierChange> {
    let brought =
        |fact: &&Fact| matches!(fact, Fact::TierChanged { cause: TierCause::Earned | TierCause::Returned, .. });
    let fact = entry.facts.iter().rev().find(brought)?;
    tier_change(timeline, &entry.facts, fact)
}

/// The tier change that a fact tells, with the end of the validity that was earned or granted in the facts `beside` it.
#[must_use]
pub fn tier_change(timeline: &Timeline, beside: &[Fact], fact: &Fact) -> Option<pb::TierChange> {
    let Fact::TierChanged { from, to, at, cause } = fact else { return None };
    let register = &timeline.newest().register;
    Some(pb::TierChange {
        from: register.text(from.0).to_owned(),
        to: register.text(to.0).to_owned(),
        at: stamp(*at),
        cause: match cause {
            TierCause::Earned => pb::TierCause::Earned.into(),
            TierCause::ValidityEnded => pb::TierCause::ValidityEnded.into(),
            TierCause::Returned => pb::TierCause::Returned.into(),
            TierCause::Granted => pb::TierCause::Granted.into(),
            TierCause::Revoked => pb::TierCause::Revoked.into(),
            TierCause::LadderChanged => pb::TierCause::LadderChanged.into(),
        },
        valid_until: held_until(beside, *to).and_then(stamp),
    })
}

fn held_until(beside: &[Fact], changed_to: TierId) -> Option<Moment> {
    let ends = beside.iter().filter_map(|fact| match fact {
        Fact::TierEarned { tier, until, .. } if *tier == changed_to => Some(*until),
        Fact::Belonging(fact) => match &**fact {
            BelongingFact::TierHeld { tier, until, .. } if *tier == changed_to => Some(*until),
            _ => None,
        },
        _ => None,
    });
    ends.max()
}
