//! What a member has in one wallet: lots in the order in which they are spent, and what she owes.

use smallvec::SmallVec;

use crate::domain::event::Seq;
use crate::domain::lot::{self, Lot};
use crate::domain::program::WalletId;
use crate::domain::units::{Moment, Overflow, Points};

/// One wallet of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purse {
    /// The wallet.
    pub wallet: WalletId,
    /// Her lots in the order of spending, pending ones among them; what is held is not here.
    pub lots: SmallVec<[Lot; 1]>,
    /// What she owes; not negative.
    pub debt: Points,
    /// When the whole wallet lapses unless she is active before; [`Moment::NEVER`] if it does not.
    pub lapses_at: Moment,
    /// When that is announced; [`Moment::NEVER`] if it was, or never will be.
    pub lapse_notice_at: Moment,
    /// The entry whose activity alone set `lapses_at`; [`Seq::NONE`] where others had their part in it.
    pub active_by: Seq,
    /// When vouchers are cut next; [`Moment::NEVER`] if they are not cut at dates.
    pub statement_at: Moment,
    /// Whether her tier keeps them: then nothing ends, and the dates wait for the day it does not.
    pub kept: bool,
}

impl Purse {
    /// An empty purse.
    #[must_use]
    pub const fn new(wallet: WalletId) -> Self {
        Self {
            wallet,
            lots: SmallVec::new_const(),
            debt: Points::ZERO,
            lapses_at: Moment::NEVER,
            lapse_notice_at: Moment::NEVER,
            active_by: Seq::NONE,
            statement_at: Moment::NEVER,
            kept: false,
        }
    }

    /// Whether nothing would be lost if it were not there.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        *self == Self::new(self.wallet)
    }

    /// Lots that can be spent, in the order of spending.
    pub fn available(&self) -> impl Iterator<Item = &Lot> {
        self.lots.iter().filter(|lot| lot.terms.is_available())
    }

    /// Lots that cannot be spent yet.
    pub fn pending(&self) -> impl Iterator<Item = &Lot> {
        self.lots.iter().filter(|lot| !lot.terms.is_available())
    }

    /// The next moment at which time alone changes it.
    #[must_use]
    pub fn next_due(&self) -> Moment {
        if self.lots.is_empty() {
            return Moment::NEVER;
        }
        let matures = self.pending().map(|lot| lot.terms.available_at).min().unwrap_or(Moment::NEVER);
        let due = matures.min(self.statement_at);
        if self.kept {
            return due;
        }
        let ends = self.lots.iter().map(|lot| lot.terms.expires_at.min(lot.terms.notice_at));
        ends.fold(due.min(self.lapses_at).min(self.lapse_notice_at), Moment::min)
    }

    /// Adds a lot.
    pub(super) fn put(&mut self, lot: Lot) -> Result<(), Overflow> {
        lot::put(&mut self.lots, lot)?;
        lot::total(&self.lots).map(|_| ())
    }

    /// Takes a part of a lot.
    pub(super) fn take(&mut self, part: &Lot) -> Result<(), Overflow> {
        lot::take(&mut self.lots, part)
    }

    /// Gives every lot another end.
    pub(super) fn redate(&mut self, expires_at: Moment, notice_at: Moment) -> Result<(), Overflow> {
        for mut lot in std::mem::take(&mut self.lots) {
            (lot.terms.expires_at, lot.terms.notice_at) = (expires_at, notice_at);
            self.put(lot)?;
        }
        Ok(())
    }

    /// Notes that the end of lots, or of the whole wallet, was announced.
    pub(super) fn announced(&mut self, expires_at: Moment) {
        if self.lapses_at == expires_at {
            self.lapse_notice_at = Moment::NEVER;
        }
        for lot in self.lots.iter_mut().filter(|lot| lot.terms.expires_at == expires_at) {
            lot.terms.notice_at = Moment::NEVER;
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let wallet = self.wallet.0.0;
        if let Some(lot) = self.lots.iter().find(|lot| lot.points <= Points::ZERO) {
            return Err(format!("wallet {wallet} has a lot of {}", lot.points.0));
        }
        if self.debt < Points::ZERO {
            return Err(format!("wallet {wallet} has a debt of {}", self.debt.0));
        }
        let in_order = |a: &Lot, b: &Lot| a.terms.spending_order() <= b.terms.spending_order();
        if self.lots.windows(2).any(|pair| matches!(pair, [a, b] if !in_order(a, b))) {
            return Err(format!("the lots of wallet {wallet} are out of order"));
        }
        lot::total(&self.lots).map(|_| ()).map_err(|_| format!("wallet {wallet} holds more than can be counted"))
    }
}
