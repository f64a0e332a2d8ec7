//! The clever half of the core: `(member, order, program, now)` → facts or a refusal.
//!
//! Settle first, then one file per verb family. Everything a decision needs is an argument, so the same call
//! answers a purchase, a quote, a dry run and a test. It must never read a clock, wait, log or write.

mod adjust;
mod alerts;
mod belonging;
mod benefits;
mod caps;
mod clubs;
mod compare;
mod compare_belonging;
mod earning;
mod enrolment;
mod expiry;
mod fields;
mod had;
mod holds;
mod import;
mod ladder;
mod milestones;
mod outlook;
mod privileges;
mod purchase;
mod purses;
mod returns;
mod rewards;
mod segments;
mod settle;
mod shares;
mod standing;
mod story;
mod transfer;
mod windows;

use std::sync::Arc;

use super::event::{Entry, Fact, Seq};
use super::member::{Member, MemberState, Pot};
use super::order::{BelongingOrder, MemberKey, Refusal, Verb};
use super::program::{Program, Timeline, Wallet};
use super::units::{Moment, Overflow, Points, Text};
use super::voucher::Mint;

pub use clubs::{ClubOffer, club_offer};
pub use fields::purchase_faults;
pub use outlook::{NextTier, Renewal, counted_by, next_tier, renewal};
pub use privileges::{Asked, Checked, QuotaReading, Source, check};
pub use purses::spendable;
pub use rewards::{Offer, offer};
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
    /// The entry the order is about: the purchase that comes back, the hold, the redemption, the voucher's issue.
    pub subject: Option<&'a Entry>,
    /// What became of that since: the purchase's newest return, the entry that ended the voucher or redemption.
    pub latest: Option<&'a Entry>,
    /// The holds and redemptions that paid for the purchase that is recorded or comes back, and their captures.
    pub paid_by: &'a [Payment],
    /// The entry that holds the receipt of an exchange.
    pub exchanged: Option<&'a Entry>,
    /// The other member of the order: who gets a transfer; settled to `now`.
    pub other: Option<&'a Member>,
    /// What is gone of the pots that [`pots_wanted`] names.
    pub pots: &'a [(Text, Points)],
    /// What codes are made under.
    pub mint: &'a Mint,
    /// The order's own key, as its caller gave it.
    pub request_id: &'a str,
    /// Our clock.
    pub now: Moment,
    /// Up to where what falls due is settled: as `now`, unless our clock cannot be trusted.
    pub settles_to: Moment,
}

/// A member who holds an identifier.
#[derive(Clone, Copy)]
pub struct Holder<'a> {
    /// Her key.
    pub key: MemberKey,
    /// The entry that enrolled her, where an enrolment asks.
    pub enrolment: Option<&'a Entry>,
}

/// A hold or redemption that pays for a purchase.
#[derive(Clone, Debug)]
pub struct Payment {
    /// As the tender names it.
    pub named: Seq,
    /// That entry, if there is one.
    pub entry: Option<Arc<Entry>>,
    /// The capture, where the entry is a hold.
    pub capture: Option<Arc<Entry>>,
    /// Whether another purchase was paid with it, or it was cancelled.
    pub is_spent: bool,
}

impl Payment {
    /// The entry that is its own: the hold's, or the redemption's.
    #[must_use]
    pub fn own(&self) -> Option<Seq> {
        let entry = self.entry.as_ref()?;
        if entry.is_hold() { Some(entry.seq) } else { entry.spent().map(|(own, ..)| own) }
    }

    /// What it spent, once it did.
    #[must_use]
    pub fn spent(&self) -> Option<(Seq, super::program::WalletId, &[super::lot::Lot])> {
        self.capture.as_ref().or(self.entry.as_ref())?.spent()
    }
}

/// What an order comes to.
#[derive(Debug, PartialEq)]
pub enum Decision {
    /// These facts, as one entry; none if the order changes nothing (a settle with nothing due).
    Apply(Outcome),
    /// The order was carried out before, by this entry.
    Replay(Seq),
}

/// What an order does.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// To the member.
    pub facts: Vec<Fact>,
    /// To what is scarce across members.
    pub pots: Vec<PotMove>,
}

/// An amount taken out of a pot; negative if it is given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PotMove {
    /// The pot.
    pub pot: Text,
    /// How much.
    pub amount: Points,
}

impl From<Vec<Fact>> for Outcome {
    fn from(facts: Vec<Fact>) -> Self {
        Self { facts, pots: Vec::new() }
    }
}

/// The pots a decision on this order, about this entry, must know.
#[must_use]
pub fn pots_wanted(timeline: &Timeline, verb: &Verb, subject: Option<&Entry>) -> Vec<Text> {
    match verb {
        Verb::RecordPurchase(_) | Verb::ReturnPurchase(_) => {
            let budgets = timeline.versions().flat_map(|program| {
                let rules = program.rules.iter().filter(|rule| rule.caps.budget.is_some());
                rules.map(|rule| Pot::budget_of(program.text(rule.id.0)))
            });
            budgets.collect()
        }
        Verb::Redeem { reward, .. } => vec![Pot::stock_of(reward)],
        Verb::Import(import) => import.clubs.iter().map(|held| Pot::places_of(&held.club)).collect(),
        Verb::Belonging(order) => match &**order {
            BelongingOrder::JoinClub { club, .. } | BelongingOrder::AdmitToClub { club, .. } => {
                vec![Pot::places_of(club)]
            }
            BelongingOrder::Tag(tagging) => segments::places_wanted(timeline, tagging),
            _ => Vec::new(),
        },
        Verb::CancelRedemption { .. } => {
            let redeemed = subject.and_then(rewards::redeemed_by);
            redeemed.map(|redeemed| Pot::stock_of(timeline.newest().text(redeemed.reward.0))).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Decides one order on a settled member.
///
/// # Errors
/// The refusal that comes first in the documented order of precedence.
pub fn decide(ground: &Ground<'_>, verb: &Verb) -> Result<Decision, Refusal> {
    match verb {
        Verb::Enroll(enrolment) => return enrolment::enroll(ground, enrolment),
        Verb::Import(import) => return import::import(ground, import),
        Verb::RecordPurchase(purchase) if ground.claimed.is_none() => fields::understood(ground, purchase)?,
        _ => {}
    }
    let member = ground.member.ok_or(Refusal::UnknownMember)?;
    match ground.claimed {
        Some(entry) => compare::replay(ground, entry, verb),
        None => outcome(ground, member, verb).map(Decision::Apply),
    }
}

fn outcome(ground: &Ground<'_>, member: &Member, verb: &Verb) -> Result<Outcome, Refusal> {
    Ok(match verb {
        Verb::Enroll(_) | Verb::Import(_) | Verb::Settle => Outcome::default(),
        Verb::RecordPurchase(purchase) => purchase::record(ground, member, purchase)?,
        Verb::Update(update) => enrolment::update(ground, member, update)?.into(),
        Verb::LinkIdentifier(identifier) => enrolment::link(ground, member, identifier)?.into(),
        Verb::UnlinkIdentifier(identifier) => enrolment::unlink(member, identifier)?.into(),
        Verb::Suspend(note) => active(member).map(|()| vec![Fact::MemberSuspended(note.clone())])?.into(),
        Verb::Reinstate(note) => match member.state {
            MemberState::Suspended => vec![Fact::MemberReinstated(note.clone())].into(),
            MemberState::Active => return Err(Refusal::MemberNotSuspended),
            MemberState::Closed => return Err(Refusal::MemberClosed),
        },
        Verb::Close(note) => enrolment::close(ground, member, note)?.into(),
        Verb::ReturnPurchase(asked) => returns::take_back(ground, member, asked)?,
        Verb::ConfirmPurchase(receipt) => adjust::confirm(ground, member, receipt)?.into(),
        Verb::Hold(holding) => holds::hold(ground, member, holding)?.into(),
        Verb::Capture { hold, points } => holds::capture(ground, member, *hold, *points)?.into(),
        Verb::Release(hold) => holds::release(ground, member, *hold)?.into(),
        Verb::Redeem { reward, times } => rewards::redeem(ground, member, reward, *times)?,
        Verb::CancelRedemption { redemption, reason } => rewards::cancel(ground, member, *redemption, reason)?,
        Verb::UseVoucher { voucher, note } => rewards::use_up(ground, member, *voucher, note)?.into(),
        Verb::Adjust(adjustment) => adjust::adjust(ground, member, adjustment)?.into(),
        Verb::Transfer(sending) => transfer::send(ground, member, sending)?.into(),
        Verb::Receive(arrival) => transfer::receive(ground, member, arrival)?.into(),
        Verb::Belonging(order) => belonging::decide(ground, member, order)?,
        Verb::Alert(order) => alerts::decide(ground, member, order)?,
        Verb::CloseTransfer { sent_by, arrived } => transfer::close(ground, member, *sent_by, *arrived)?.into(),
    })
}

/// The wallet an order names, by the version in force now.
fn wallet_named<'a>(ground: &Ground<'a>, name: &str) -> Result<(&'a Program, &'a Wallet), Refusal> {
    let program = ground.timeline.at(ground.now);
    let wallet = program.wallet_named(name).ok_or_else(|| Refusal::UnknownWallet(name.into()))?;
    Ok((program, wallet))
}

/// A sum that leaves its range, as the refusal it is.
fn overflow(_: Overflow) -> Refusal {
    Refusal::too_large("counted")
}

/// Whether the member may act at all.
const fn active(member: &Member) -> Result<(), Refusal> {
    match member.state {
        MemberState::Active => Ok(()),
        MemberState::Suspended => Err(Refusal::MemberSuspended),
        MemberState::Closed => Err(Refusal::MemberClosed),
    }
}
