//! What may be asked about points that are there already: returns, holds, corrections, transfers, imports.

use std::sync::Arc;

use super::{Enrolment, MemberKey, MemberName, Note, Purchase, ReceiptKey};
use crate::domain::event::Seq;
use crate::domain::lot::Lot;
use crate::domain::program::WalletId;
use crate::domain::units::{Moment, Points, Quantity, Span, Text};

/// A member and what she had elsewhere, wallets, meters and tiers by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// Who she is.
    pub enrolment: Enrolment,
    /// When she joined, if it is known.
    pub enrolled_at: Option<Moment>,
    /// Points as they were earned.
    pub lots: Vec<ImportedLot>,
    /// What meters counted.
    pub meters: Vec<ImportedMeter>,
    /// The tier she stands on: its id, since when, until when.
    pub tier: Option<ImportedTier>,
    /// The clubs she belongs to.
    pub clubs: Vec<ImportedMembership>,
}

/// Points as they were earned elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedLot {
    /// The wallet's id.
    pub wallet: Text,
    /// How many, positive; negative for a debt.
    pub points: Points,
    /// When they were earned.
    pub earned_at: Moment,
    /// When they end; as the program says of points earned then, if absent.
    pub expires_at: Option<Moment>,
}

/// What a meter counted elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedMeter {
    /// The meter's id.
    pub meter: Text,
    /// A moment in the window it counted in.
    pub at: Moment,
    /// How much.
    pub amount: Points,
}

/// A tier held elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedTier {
    /// The tier's id.
    pub tier: Text,
    /// Since when.
    pub since: Moment,
    /// Until when; without end if absent.
    pub until: Option<Moment>,
}

/// Membership of a club, held elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedMembership {
    /// The club's id.
    pub club: Text,
    /// Since when.
    pub since: Moment,
    /// Until when; as the club's term has it from then, if absent.
    pub until: Option<Moment>,
}

/// Goods that come back.
#[derive(Clone, Debug, PartialEq)]
pub struct Return {
    /// The receipt they were bought on.
    pub receipt: ReceiptKey,
    /// The return's own key.
    pub return_receipt: ReceiptKey,
    /// When, if the till says so.
    pub occurred_at: Option<Moment>,
    /// What comes back; everything that has not yet, if empty.
    pub lines: Vec<ReturnLine>,
    /// What is bought instead, on the return's receipt.
    pub exchange: Option<Arc<Purchase>>,
}

/// What comes back of one line: units, or an amount (a price adjustment).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnLine {
    /// The line, as the purchase named it.
    pub line_id: Text,
    /// How many units.
    pub quantity: Quantity,
    /// How much money, in minor units, instead of units.
    pub minor_units: i64,
}

/// Points to set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The wallet's id.
    pub wallet: Text,
    /// How many, positive.
    pub points: Points,
    /// How long.
    pub ttl: Span,
    /// What for.
    pub note: Note,
}

/// A correction of a balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// The wallet's id.
    pub wallet: Text,
    /// By how much; negative to take.
    pub points: Points,
    /// Why.
    pub reason: Note,
    /// Who answers for it.
    pub actor: Text,
}

/// Points to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// To whom.
    pub to: MemberName,
    /// The wallet's id.
    pub wallet: Text,
    /// How many, positive.
    pub points: Points,
    /// What for.
    pub note: Note,
}

/// Points on their way from another member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Who sent them.
    pub from: MemberKey,
    /// The entry that sent them.
    pub sent_by: Seq,
    /// The wallet.
    pub wallet: WalletId,
    /// The lots.
    pub lots: Vec<Lot>,
}
