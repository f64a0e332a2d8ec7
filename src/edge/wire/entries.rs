//! Ledger entries and their facts, for the wire.

use std::collections::BTreeMap;

use super::grants::{grants, tier_change};
use super::member::masked;
use super::purchase::reported;
use super::scalars::{attribute_value, count32, count64, stamp};
use crate::domain::event::{Entry, Fact, MemberEnrolled, PurchaseRecorded, Seq};
use crate::domain::order::{AttributeValue, Note};
use crate::domain::program::{Register, Timeline};
use crate::pb;
use pb::fact::Fact as Wire;

/// An entry's id on the wire; empty for none.
#[must_use]
pub fn entry_id(seq: Seq) -> String {
    if seq == Seq::NONE { String::new() } else { seq.0.to_string() }
}

/// The entry with this id, if an id can look like that.
#[must_use]
pub fn seq_of(entry_id: &str) -> Option<Seq> {
    let canonical = !entry_id.starts_with(['0', '+']);
    entry_id.parse().ok().filter(|_| canonical).map(Seq)
}

/// An entry with all its facts.
#[must_use]
pub fn entry(timeline: &Timeline, member_id: &str, entry: &Entry) -> pb::Entry {
    let occurred_at = entry.purchase().map_or(entry.recorded_at, |recorded| recorded.purchase.occurred_at);
    pb::Entry {
        entry_id: entry_id(entry.seq),
        seq: count64(entry.seq.0),
        program: timeline.newest().id.to_string(),
        member_id: member_id.to_owned(),
        recorded_at: stamp(entry.recorded_at),
        occurred_at: stamp(occurred_at),
        program_version: count32(entry.program_version),
        request_id: entry.request_id.to_string(),
        facts: entry.facts.iter().map(|told| fact(timeline, entry, told)).collect(),
        trace_id: entry.trace_id.to_string(),
    }
}

/// One fact of an entry.
#[must_use]
pub fn fact(timeline: &Timeline, entry: &Entry, fact: &Fact) -> pb::Fact {
    let register = &timeline.newest().register;
    let text = |word| register.text(word).to_owned();
    let told = match fact {
        Fact::ProgramApplied(applied) => Wire::ProgramApplied(pb::ProgramApplied {
            program: applied.id.to_string(),
            version: count32(applied.version),
            effective_at: stamp(applied.effective_at),
        }),
        Fact::MemberEnrolled(enrolled) => Wire::MemberEnrolled(member_enrolled(register, enrolled)),
        Fact::AttributesUpdated { set, remove } => Wire::AttributesUpdated(pb::AttributesUpdated {
            set: named(register, set),
            removed: remove.iter().copied().map(text).collect(),
        }),
        Fact::IdentifierLinked(identifier) => Wire::IdentifierLinked(masked(identifier)),
        Fact::IdentifierUnlinked(identifier) => Wire::IdentifierUnlinked(masked(identifier)),
        Fact::MemberSuspended(note) => Wire::MemberSuspended(noted(note)),
        Fact::MemberReinstated(note) => Wire::MemberReinstated(noted(note)),
        Fact::MemberClosed(note) => Wire::MemberClosed(noted(note)),
        Fact::PointsForfeited { wallet, points } => Wire::PointsForfeited(pb::PointsForfeited {
            wallet: text(wallet.0),
            decimals: timeline.newest().wallet(*wallet).map(|w| w.decimals).unwrap_or_default().into(),
            points: points.0,
        }),
        Fact::PurchaseRecorded(recorded) => Wire::PurchaseRecorded(purchase_recorded(timeline, recorded)),
        Fact::TierEarned { tier, since, until } => {
            Wire::TierEarned(pb::TierEarned { tier: text(tier.0), since: stamp(*since), until: stamp(*until) })
        }
        Fact::TierChanged { .. } => Wire::TierChanged(tier_change(timeline, &entry.facts, fact).unwrap_or_default()),
    };
    pb::Fact { fact: Some(told) }
}

fn member_enrolled(register: &Register, enrolled: &MemberEnrolled) -> pb::MemberEnrolled {
    pb::MemberEnrolled {
        member_id: enrolled.member_id.to_string(),
        identifiers: enrolled.identifiers.iter().map(masked).collect(),
        attributes: named(register, &enrolled.attributes),
    }
}

fn named(register: &Register, attributes: &[AttributeValue]) -> BTreeMap<String, pb::AttributeValue> {
    attributes.iter().map(|(id, value)| (register.text(id.0).to_owned(), attribute_value(value))).collect()
}

fn noted(note: &Note) -> pb::StateNote {
    pb::StateNote { note: note.to_string() }
}

fn purchase_recorded(timeline: &Timeline, recorded: &PurchaseRecorded) -> pb::PurchaseRecorded {
    let register = &timeline.newest().register;
    pb::PurchaseRecorded {
        purchase: Some(reported(&recorded.purchase)),
        counted_at: stamp(recorded.counted_at),
        tier: recorded.tier.map(|tier| register.text(tier.0).to_owned()).unwrap_or_default(),
        grants: grants(timeline, recorded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_id_comes_back_in_one_form_only() {
        assert_eq!(seq_of(&entry_id(Seq(1042))), Some(Seq(1042)));
        for bad in ["", "0", "01", "+1", "-1", "x", "99999999999999999999"] {
            assert_eq!(seq_of(bad), None, "{bad}");
        }
    }
}
