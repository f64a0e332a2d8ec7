//! Faults of an order that only the program can see: undeclared attributes, wrong types, unknown kinds.
//!
//! All of them are found at once; where fields lie on the wire is known only by their paths.

use super::Ground;
use crate::domain::member::Member;
use crate::domain::order::{AttributeValue, AttributesUpdate, Fault, Purchase, Refusal};
use crate::domain::program::{Absent, AttributeId, Program, Scope, Value, ValueType, Word};
use crate::domain::units::Text;

/// Everything about a purchase that this version of the program does not understand.
#[must_use]
pub fn purchase_faults(program: &Program, purchase: &Purchase) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !program.kinds.is_empty() && !program.kinds.iter().any(|kind| **kind == *purchase.kind) {
        let message = format!("is none of the program's kinds: {}", program.kinds.join(", "));
        faults.push(Fault { field: "purchase.kind".into(), message });
    }
    attribute_faults(program, Scope::Purchase, &purchase.attributes, "purchase.", &mut faults);
    for (position, line) in purchase.lines.iter().enumerate() {
        if line.attributes.is_empty() && !requires(program, Scope::Line) {
            continue;
        }
        let prefix = format!("purchase.lines[{position}].");
        attribute_faults(program, Scope::Line, &line.attributes, &prefix, &mut faults);
    }
    faults
}

/// Refuses a purchase that the version judging it does not understand.
pub(super) fn understood(ground: &Ground<'_>, purchase: &Purchase) -> Result<(), Refusal> {
    let counted_at = purchase.occurred_at.min(ground.now);
    let mut faults = purchase_faults(ground.timeline.at(counted_at), purchase);
    faults.extend(overpaid(purchase));
    faults.extend(uncountable(purchase));
    refuse(faults)
}

/// Lines whose amounts come to more than can be counted.
fn uncountable(purchase: &Purchase) -> Option<Fault> {
    let message = "come to more smallest units than 64 bits can count".into();
    purchase.total().is_none().then(|| Fault { field: "purchase.lines".into(), message })
}

/// The tender by which more was paid in points than the receipt comes to.
fn overpaid(purchase: &Purchase) -> Option<Fault> {
    let mut left = i128::from(purchase.total()?);
    let points = purchase.tenders.iter().enumerate().filter(|(_, tender)| tender.is_points());
    let beyond = points.into_iter().find(|(_, tender)| {
        left -= i128::from(tender.minor_units);
        left < 0
    });
    let (position, _) = beyond?;
    let message = "makes more points than the receipt's total".into();
    Some(Fault { field: format!("purchase.tenders[{position}].amount"), message })
}

/// The declared form of a new member's attributes, sorted.
pub(super) fn enrolment_attributes(program: &Program, given: &[(Text, Value)]) -> Result<Vec<AttributeValue>, Refusal> {
    let mut faults = Vec::new();
    attribute_faults(program, Scope::Member, given, "", &mut faults);
    refuse(faults)?;
    Ok(declared(program, given))
}

/// The declared form of an attributes update.
pub(super) fn attributes_update(
    ground: &Ground<'_>,
    member: &Member,
    update: &AttributesUpdate,
) -> Result<(Vec<AttributeValue>, Vec<Word>), Refusal> {
    let program = ground.timeline.at(ground.now);
    let mut faults = Vec::new();
    for (name, value) in &update.set {
        faults.extend(value_fault(program, Scope::Member, name, value, ""));
    }
    let mut remove = Vec::new();
    for name in &update.remove {
        match program.register.word(name) {
            Some(word) if member.attributes.iter().any(|(id, _)| id.0 == word) => remove.push(word),
            _ => faults.push(fault("", name, "is not set on the member".into())),
        }
        if let Some(Absent::Required) = program.attribute(Scope::Member, name).map(|a| &a.absent) {
            faults.push(fault("", name, "is required and cannot be removed".into()));
        }
    }
    refuse(faults)?;
    Ok((declared(program, &update.set), remove))
}

fn refuse(faults: Vec<Fault>) -> Result<(), Refusal> {
    if faults.is_empty() { Ok(()) } else { Err(Refusal::Malformed(faults)) }
}

fn declared(program: &Program, given: &[(Text, Value)]) -> Vec<AttributeValue> {
    let known = given.iter().filter_map(|(name, value)| Some((program.register.word(name)?, value.clone())));
    let mut declared: Vec<AttributeValue> = known.map(|(word, value)| (AttributeId(word), value)).collect();
    declared.sort();
    declared
}

fn requires(program: &Program, scope: Scope) -> bool {
    program.attributes.iter().any(|a| a.scope == scope && a.absent == Absent::Required)
}

fn attribute_faults(program: &Program, scope: Scope, given: &[(Text, Value)], prefix: &str, faults: &mut Vec<Fault>) {
    for (name, value) in given {
        faults.extend(value_fault(program, scope, name, value, prefix));
    }
    for attribute in program.attributes.iter().filter(|a| a.scope == scope && a.absent == Absent::Required) {
        let name = program.text(attribute.id.0);
        if !given.iter().any(|(key, _)| &**key == name) {
            faults.push(fault(prefix, name, "is required by the program".into()));
        }
    }
}

fn value_fault(program: &Program, scope: Scope, name: &str, value: &Value, prefix: &str) -> Option<Fault> {
    match program.attribute(scope, name) {
        None => Some(fault(prefix, name, "is not declared by the program".into())),
        Some(attribute) if attribute.value_type != value.value_type() => {
            let message = format!("must be {}", type_name(attribute.value_type));
            Some(fault(prefix, name, message))
        }
        Some(_) => None,
    }
}

const fn type_name(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Integer => "an integer",
        ValueType::Text => "a text",
        ValueType::Bool => "a boolean",
        ValueType::Moment => "a moment",
    }
}

fn fault(prefix: &str, name: &str, message: String) -> Fault {
    Fault { field: format!("{prefix}attributes[\"{name}\"]"), message }
}
