//! What a member has under way: points held for redemptions, vouchers not used yet, transfers not arrived yet.
//!
//! Most members have nothing here, so it is kept apart from what every member has.

use crate::domain::event::Seq;
use crate::domain::lot::{self, Lot};
use crate::domain::order::{Claim, MemberKey};
use crate::domain::program::{RewardId, WalletId};
use crate::domain::units::{Moment, Overflow, Points, Text};

/// Points set aside for a redemption that is not final yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The entry that made it; its id.
    pub entry: Seq,
    /// The wallet.
    pub wallet: WalletId,
    /// Lapses at this moment.
    pub until: Moment,
    /// The parts of lots it holds, in the order of spending; they keep their own dates.
    pub lots: Vec<Lot>,
}

impl Hold {
    /// How many points it holds.
    #[must_use]
    pub fn points(&self) -> Points {
        lot::total(&self.lots).unwrap_or_default()
    }
}

/// A voucher that was issued and not used yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voucher {
    /// The hash its code is found by.
    pub claim: Claim,
    /// What its code is made anew from, with the secret.
    pub nonce: Text,
    /// The entry that issued it.
    pub entry: Seq,
    /// What it is for.
    pub reward: RewardId,
    /// How many of it, at least 1.
    pub times: u32,
    /// Worthless from this moment; [`Moment::NEVER`] if it keeps.
    pub expires_at: Moment,
}

/// Points sent to another member that she has not got yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The entry that sent them.
    pub entry: Seq,
    /// Who gets them.
    pub to: MemberKey,
    /// The wallet.
    pub wallet: WalletId,
    /// The parts of lots that travel; they keep their dates.
    pub lots: Vec<Lot>,
}

/// How many of the lots that ended unspent are remembered, the newest: what is older is returned no more as a rule, and
/// becomes a debt if it is. Few, for a member is copied and kept with every order of hers.
pub const ENDED_KEPT: usize = 32;

/// What ended unspent of a lot: if the goods that earned it come back, nobody owes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The wallet.
    pub wallet: WalletId,
    /// The lot, as it ended.
    pub lot: Lot,
}

/// What a return could not take and the program wrote off: if what had been spent comes back, it is taken then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenOff {
    /// The wallet.
    pub wallet: WalletId,
    /// The entry that wrote it off.
    pub entry: Seq,
    /// How much of it may still be taken.
    pub points: Points,
}

/// Everything a member has under way, each list in the order of its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desk {
    /// Points set aside.
    pub holds: Vec<Hold>,
    /// Vouchers not used yet.
    pub vouchers: Vec<Voucher>,
    /// Transfers not arrived yet.
    pub transfers: Vec<Transfer>,
    /// What ended unspent of late, the oldest first; at most [`ENDED_KEPT`].
    pub ended: Vec<Ended>,
    /// What was written off of late, the oldest first; at most [`ENDED_KEPT`].
    pub written_off: Vec<WrittenOff>,
}

impl Desk {
    /// Whether nothing is under way.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let is_over = self.holds.is_empty() && self.vouchers.is_empty() && self.transfers.is_empty();
        is_over && self.ended.is_empty() && self.written_off.is_empty()
    }

    /// What of a wallet has been written off since the entry `made_by`, that entry included.
    #[must_use]
    pub fn written_off_since(&self, wallet: WalletId, made_by: Seq) -> Points {
        let since = self.written_off.iter().filter(|gone| gone.wallet == wallet && gone.entry >= made_by);
        Points(since.map(|gone| gone.points.0).fold(0, i64::saturating_add))
    }

    /// Remembers what is written off.
    pub(super) fn write_off(&mut self, gone: WrittenOff) {
        if gone.points <= Points::ZERO {
            return;
        }
        if self.written_off.len() >= ENDED_KEPT {
            self.written_off.remove(0);
        }
        self.written_off.push(gone);
    }

    /// Forgets so much of what was written off, the newest first: what came back had been spent before all of that.
    pub(super) fn revive(&mut self, wallet: WalletId, points: Points) {
        let mut left = points.0;
        for gone in self.written_off.iter_mut().rev().filter(|gone| gone.wallet == wallet) {
            let part = gone.points.0.min(left);
            (gone.points, left) = (Points(gone.points.0 - part), left - part);
        }
        self.written_off.retain(|gone| gone.points > Points::ZERO);
    }

    /// Remembers what ended unspent.
    pub(super) fn remember(&mut self, wallet: WalletId, lot: Lot) -> Result<(), Overflow> {
        let same = |held: &&mut Ended| held.wallet == wallet && held.lot.terms.is_same_lot(&lot.terms);
        if let Some(held) = self.ended.iter_mut().find(same) {
            held.lot.points = held.lot.points.plus(lot.points)?;
            return Ok(());
        }
        if self.ended.len() >= ENDED_KEPT {
            self.ended.remove(0);
        }
        self.ended.push(Ended { wallet, lot });
        Ok(())
    }

    /// Forgets what ended and was taken back since.
    pub(super) fn forget(&mut self, wallet: WalletId, lot: &Lot) {
        let same = |held: &&mut Ended| held.wallet == wallet && held.lot.terms.is_same_lot(&lot.terms);
        if let Some(held) = self.ended.iter_mut().find(same) {
            held.lot.points = Points(held.lot.points.0.saturating_sub(lot.points.0));
        }
        self.ended.retain(|held| held.lot.points > Points::ZERO);
    }

    /// The next moment at which time, or a crash's clearing up, changes it.
    #[must_use]
    pub fn next_due(&self) -> Moment {
        let holds = self.holds.iter().map(|hold| hold.until);
        let vouchers = self.vouchers.iter().map(|voucher| voucher.expires_at);
        // A transfer is over in the commit that sent it; one that is still here was cut off and is due at once.
        let transfers = self.transfers.iter().map(|_| Moment(0));
        holds.chain(vouchers).chain(transfers).min().unwrap_or(Moment::NEVER)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match self.holds.iter().find(|hold| hold.lots.iter().any(|lot| lot.points <= Points::ZERO)) {
            Some(hold) => Err(format!("hold {} holds an empty lot", hold.entry.0)),
            None => Ok(()),
        }
    }
}
