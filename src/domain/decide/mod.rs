//! The clever half of the core: `(member, order, program, now)` → facts or a refusal.
//!
//! Settle first, then one file per verb family. Everything a decision needs is an argument, so the same call
//! answers a purchase, a quote, a dry run and a test. It must never read a clock, wait, log or write.

mod compare;
mod earning;
mod enrolment;
mod fields;
mod ladder;
mod purchase;
mod settle;
mod windows;

use super::event::{Entry, Fact, Seq};
use super::member::{Member, MemberState};
use super::order::{MemberKey, Refusal, Verb};
use super::program::Timeline;
use super::units::Moment;

pub use fields::purchase_faults;
pub use ladder::{NextTier, next_tier};
pub use settle::{settle, settled};
pub use windows::{meter_values, window_span};

/// How far a till's clock may run ahead of ours; such a purchase counts as made now.
pub const CLOCK_SKEW: super::units::Span = super::units::Span::seconds(300);

/// What a decision stands on: everything known about the order's member and keys.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The program's versions.
    pub timeline: &'a Timeline,
    /// The key the order's member has or would have.
    pub key: MemberKey,
    /// The member, if there is one; settled to `now`.
    pub member: Option<&'a Member>,
    /// The entry that holds the order's key, if it was used before.
    pub claimed: Option<&'a Entry>,
    /// Who holds the identifiers an enrolment or link names, by their position in the order.
    pub holders: &'a [Option<Holder<'a>>],
    /// Our clock.
    pub now: Moment,
}

/// A member who holds an identifier.
#[derive(Clone, Copy)]
pub struct Holder<'a> {
    /// Her key.
    pub key: MemberKey,
    /// The entry that enrolled her, where an enrolment asks.
    pub enrolment: Option<&'a Entry>,
}

/// What an order comes to.
#[derive(Debug, PartialEq)]
pub enum Decision {
    /// These facts, as one entry; none if the order changes nothing (a settle with nothing due).
    Apply(Vec<Fact>),
    /// The order was carried out before, by this entry.
    Replay(Seq),
}

/// Decides one order on a settled member.
///
/// # Errors
/// The refusal that comes first in the documented order of precedence.
pub fn decide(ground: &Ground<'_>, verb: &Verb) -> Result<Decision, Refusal> {
    if let Verb::Enroll(enrolment) = verb {
        return enrolment::enroll(ground, enrolment);
    }
    if let (Verb::RecordPurchase(purchase), None) = (verb, ground.claimed) {
        fields::understood(ground, purchase)?;
    }
    let member = ground.member.ok_or(Refusal::UnknownMember)?;
    if let Some(entry) = ground.claimed {
        return compare::replay(ground, entry, verb);
    }
    let facts = match verb {
        Verb::Enroll(_) | Verb::Settle => Vec::new(),
        Verb::RecordPurchase(purchase) => purchase::record(ground, member, purchase)?,
        Verb::Update(update) => {
            let (set, remove) = fields::attributes_update(ground, member, update)?;
            active(member)?;
            vec![Fact::AttributesUpdated { set, remove }]
        }
        Verb::LinkIdentifier(identifier) => enrolment::link(ground, member, identifier)?,
        Verb::UnlinkIdentifier(identifier) => enrolment::unlink(member, identifier)?,
        Verb::Suspend(note) => active(member).map(|()| vec![Fact::MemberSuspended(note.clone())])?,
        Verb::Reinstate(note) => match member.state {
            MemberState::Suspended => vec![Fact::MemberReinstated(note.clone())],
            MemberState::Active => return Err(Refusal::MemberNotSuspended),
            MemberState::Closed => return Err(Refusal::MemberClosed),
        },
        Verb::Close(note) => enrolment::close(ground, member, note)?,
    };
    Ok(Decision::Apply(facts))
}

/// Whether the member may act at all.
const fn active(member: &Member) -> Result<(), Refusal> {
    match member.state {
        MemberState::Active => Ok(()),
        MemberState::Suspended => Err(Refusal::MemberSuspended),
        MemberState::Closed => Err(Refusal::MemberClosed),
    }
}
