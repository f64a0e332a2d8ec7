//! Ledger entries and their facts, for the wire.

use std::collections::{BTreeMap, HashMap};

use super::facts;
use super::grants::{grants, tier_change};
use super::lots::{lots, wallet_lot, wallet_of, wallet_points};
use super::member::masked;
use super::purchase::reported;
use super::scalars::{attribute_value, count32, count64, stamp};
use crate::domain::event::{BelongingFact, Entry, Fact, MemberEnrolled, PurchaseRecorded, Seq};
use crate::domain::order::{AttributeValue, MemberKey, Note};
use crate::domain::program::{Register, Timeline};
use crate::domain::units::{Moment, Text};
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

/// The ids of members, by their keys; whoever is not known has none.
#[derive(Default)]
pub struct Names(pub HashMap<MemberKey, Text>);

impl Names {
    /// The id of the member with this key; empty if she is not known.
    #[must_use]
    pub fn of(&self, key: MemberKey) -> String {
        self.0.get(&key).map(ToString::to_string).unwrap_or_default()
    }

    /// The id of the member an entry belongs to; empty if it belongs to none.
    #[must_use]
    pub fn owner_of(&self, entry: &Entry) -> String {
        if is_of_pot(entry) { String::new() } else { self.of(entry.member) }
    }
}

/// Everybody an entry names by key.
pub fn named_in(entry: &Entry) -> impl Iterator<Item = MemberKey> {
    let others = entry.facts.iter().filter_map(|fact| match fact {
        Fact::TransferSent { to, .. } => Some(*to),
        Fact::TransferReceived { from, .. } => Some(*from),
        Fact::PotReserved { member, .. } => Some(*member),
        Fact::Belonging(fact) => other_in(fact),
        _ => None,
    });
    std::iter::once(entry.member).chain(others)
}

/// Who gave the tier, or gets it, of which a fact tells.
fn other_in(fact: &BelongingFact) -> Option<MemberKey> {
    match fact {
        BelongingFact::TierHeld { from, .. } => from.map(|(giver, _)| giver),
        BelongingFact::TierSent { to, .. } => Some(*to),
        _ => None,
    }
}

/// Whether an entry is about something scarce and not about a member.
fn is_of_pot(entry: &Entry) -> bool {
    let of_pot =
        |fact: &Fact| matches!(fact, Fact::PotReserved { .. } | Fact::PotSettled { .. } | Fact::PotReturned { .. });
    entry.facts.iter().any(of_pot)
}

fn occurred_at(entry: &Entry) -> Moment {
    let told = entry.facts.iter().find_map(|fact| match fact {
        Fact::PurchaseRecorded(recorded) => Some(recorded.purchase.occurred_at),
        Fact::PurchaseReturned(returned) => Some(returned.occurred_at),
        _ => None,
    });
    told.unwrap_or(entry.recorded_at)
}

/// An entry with all its facts.
#[must_use]
pub fn entry(timeline: &Timeline, names: &Names, entry: &Entry) -> pb::Entry {
    pb::Entry {
        entry_id: entry_id(entry.seq),
        seq: count64(entry.seq.0),
        program: timeline.newest().id.to_string(),
        member_id: names.owner_of(entry),
        recorded_at: stamp(entry.recorded_at),
        occurred_at: stamp(occurred_at(entry)),
        program_version: count32(entry.program_version),
        request_id: entry.request_id.to_string(),
        facts: entry.facts.iter().map(|told| fact(timeline, names, entry, told)).collect(),
        trace_id: entry.trace_id.to_string(),
    }
}

/// One fact of an entry.
#[must_use]
pub fn fact(timeline: &Timeline, names: &Names, entry: &Entry, fact: &Fact) -> pb::Fact {
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
        Fact::PointsForfeited { wallet, points, lots: from } => {
            let (wallet, decimals) = wallet_of(timeline, *wallet);
            Wire::PointsForfeited(pb::PointsForfeited { wallet, decimals, points: points.0, lots: lots(entry, from) })
        }
        Fact::PurchaseRecorded(recorded) => Wire::PurchaseRecorded(purchase_recorded(timeline, entry, recorded)),
        Fact::TierEarned { tier, since, until } => {
            Wire::TierEarned(pb::TierEarned { tier: text(tier.0), since: stamp(*since), until: stamp(*until) })
        }
        Fact::TierChanged { .. } => Wire::TierChanged(tier_change(timeline, &entry.facts, fact).unwrap_or_default()),
        other => return pb::Fact { fact: facts::Page { timeline, names, entry }.told(other) },
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

fn purchase_recorded(timeline: &Timeline, entry: &Entry, recorded: &PurchaseRecorded) -> pb::PurchaseRecorded {
    let register = &timeline.newest().register;
    pb::PurchaseRecorded {
        purchase: Some(reported(&recorded.purchase)),
        counted_at: stamp(recorded.counted_at),
        tier: recorded.tier.map(|tier| register.text(tier.0).to_owned()).unwrap_or_default(),
        grants: grants(timeline, recorded),
        lots: recorded.lots.iter().map(|(wallet, lot)| wallet_lot(timeline, entry, *wallet, lot)).collect(),
        repaid: recorded.repaid.iter().map(|repaid| wallet_points(timeline, *repaid)).collect(),
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
