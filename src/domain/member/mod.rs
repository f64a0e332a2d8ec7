//! What one person holds in one program: the fold of her facts.
//!
//! [`Member::apply`] (`fold.rs`) is dumb on purpose: facts carry results, so folding needs no program and no clock,
//! and [`Member::check`] says what must always hold. Deciding is elsewhere (`decide/`).

mod alert;
mod belonging;
mod desk;
mod fold;
mod fold_belonging;
mod meters;
mod pot;
mod purse;
mod standing;

use std::sync::Arc;

use smallvec::SmallVec;

use super::event::Seq;
use super::lot;
use super::order::{AttributeValue, Identifier, MemberKey};
use super::program::{ProgramNo, WalletId};
use super::units::{Moment, Points, Text};
pub use alert::OpenAlert;
pub use belonging::{
    Allowance, AwaitedWindow, Belonging, HeldBoost, InSegment, Invitation, KeptOf, Membership, OpenChoice, SentTier,
};
pub use desk::{Desk, ENDED_KEPT, Ended, Hold, Transfer, Voucher, WrittenOff};
pub use meters::{MeterCount, Meters};
pub use pot::{Pot, RESERVATION_TTL, Reservation};
pub use purse::Purse;
pub use standing::{Held, HeldBy, Standing};

/// Whether a member may act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemberState {
    /// May do everything.
    #[default]
    Active,
    /// Nothing but reads, returns and replays.
    Suspended,
    /// Gone for good; reads only.
    Closed,
}

/// One member of one program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    /// Her program.
    pub program: ProgramNo,
    /// Her key in every store.
    pub key: MemberKey,
    /// Her id, as the operator knows her.
    pub id: Text,
    /// Entries folded so far; what a conditional commit compares.
    pub version: u64,
    /// The entry that enrolled her, the beginning of her chain.
    pub enrolled_by: Seq,
    /// Her newest entry, the end of her chain.
    pub last_entry: Seq,
    /// Whether she may act.
    pub state: MemberState,
    /// When she enrolled (our clock).
    pub enrolled_at: Moment,
    /// Our clock at her newest entry.
    pub recorded_at: Moment,
    /// What she can be recognised by, sorted.
    pub identifiers: Vec<Identifier>,
    /// Her attributes, sorted by id.
    pub attributes: Vec<AttributeValue>,
    /// What she has in each wallet, sorted by wallet; a wallet with nothing in it is absent.
    pub purses: SmallVec<[Purse; 1]>,
    /// What she has under way; absent if nothing.
    pub desk: Option<Box<Desk>>,
    /// What she belongs to and what that gave her; absent if nothing. Few orders change it, so it is shared with the
    /// member before.
    pub belonging: Option<Arc<Belonging>>,
    /// The alert that she gave cause for and that is not over.
    pub alert: Option<Box<OpenAlert>>,
    /// What this is if it is no member: something scarce.
    pub pot: Option<Box<Pot>>,
    /// What her meters counted.
    pub meters: Meters,
    /// Where she stands on the ladder.
    pub standing: Standing,
}

impl Member {
    /// What she has in a wallet, if anything.
    #[must_use]
    pub fn purse(&self, wallet: WalletId) -> Option<&Purse> {
        self.purses.iter().find(|purse| purse.wallet == wallet)
    }

    /// What she has under way.
    #[must_use]
    pub fn desk(&self) -> &Desk {
        const NOTHING: &Desk = &Desk {
            holds: Vec::new(),
            vouchers: Vec::new(),
            transfers: Vec::new(),
            ended: Vec::new(),
            written_off: Vec::new(),
        };
        self.desk.as_deref().unwrap_or(NOTHING)
    }

    /// What she belongs to and what that gave her.
    #[must_use]
    pub fn belonging(&self) -> &Belonging {
        self.belonging.as_deref().unwrap_or(Belonging::NOTHING)
    }

    /// Points she can spend now.
    #[must_use]
    pub fn available(&self, wallet: WalletId) -> Points {
        self.purse(wallet).and_then(|purse| lot::total(purse.available()).ok()).unwrap_or_default()
    }

    /// Points she cannot spend yet.
    #[must_use]
    pub fn pending(&self, wallet: WalletId) -> Points {
        self.purse(wallet).and_then(|purse| lot::total(purse.pending()).ok()).unwrap_or_default()
    }

    /// Points set aside.
    #[must_use]
    pub fn held(&self, wallet: WalletId) -> Points {
        let holds = self.desk().holds.iter().filter(|hold| hold.wallet == wallet);
        lot::total(holds.flat_map(|hold| &hold.lots)).unwrap_or_default()
    }

    /// Points she owes.
    #[must_use]
    pub fn debt(&self, wallet: WalletId) -> Points {
        self.purse(wallet).map_or(Points::ZERO, |purse| purse.debt)
    }

    /// The next moment at which time alone changes her; what the due index holds.
    #[must_use]
    pub fn next_due(&self) -> Option<Moment> {
        let standing = self.standing.next_end().unwrap_or(Moment::NEVER);
        let due = |purse: &Purse| purse.next_due().min(self.lapse_of_held(purse));
        let purses = self.purses.iter().map(due).min().unwrap_or(Moment::NEVER);
        let desk = self.desk.as_ref().map_or(Moment::NEVER, |desk| desk.next_due());
        let belonging = self.belonging.as_ref().map_or(Moment::NEVER, |belonging| belonging.next_due());
        let pot = self.pot.as_ref().map_or(Moment::NEVER, |pot| pot.next_due());
        let alert = self.alert.as_ref().map_or(Moment::NEVER, |alert| alert.escalates_at);
        Some(standing.min(purses).min(desk).min(belonging).min(pot).min(alert)).filter(|due| *due < Moment::NEVER)
    }

    /// When the points of a purse lapse that are held and have not ended before; [`Moment::NEVER`] if none are.
    #[must_use]
    pub fn lapse_of_held(&self, purse: &Purse) -> Moment {
        let held = self.desk().holds.iter().filter(|hold| hold.wallet == purse.wallet).flat_map(|hold| &hold.lots);
        let mut alive = held.filter(|lot| !purse.kept && lot.terms.expires_at > purse.lapses_at);
        alive.next().map_or(Moment::NEVER, |_| purse.lapses_at)
    }

    /// Something of everything she points to.
    #[must_use]
    pub fn glance(&self) -> i64 {
        let counted = self.meters.counts().iter().step_by(3).fold(0, |all, count| all ^ count.amount.0);
        let held = self.standing.held().first().map_or(0, |held| held.until.0);
        let lots = self.purses.first().and_then(|purse| purse.lots.first()).map_or(0, |lot| lot.points.0);
        counted ^ held ^ lots ^ self.belonging().next_due().0
    }

    /// What must hold of every member after every entry; the first thing that does not, in words.
    ///
    /// # Errors
    /// The broken promise.
    pub fn check(&self) -> Result<(), String> {
        if self.id.is_empty() || self.version == 0 {
            return Err("a member without enrolment".into());
        }
        if self.purses.windows(2).any(|pair| matches!(pair, [a, b] if a.wallet >= b.wallet)) {
            return Err("wallets out of order".into());
        }
        self.purses.iter().try_for_each(Purse::check)?;
        self.desk().check()?;
        self.belonging().check()?;
        self.meters.check()?;
        self.standing.check()
    }
}
