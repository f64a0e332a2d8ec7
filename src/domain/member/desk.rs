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
}

impl Desk {
    /// Whether nothing is under way.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.holds.is_empty() && self.vouchers.is_empty() && self.transfers.is_empty() && self.ended.is_empty()
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
