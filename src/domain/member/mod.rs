//! What one person holds in one program: the fold of her facts.
//!
//! [`Member::apply`] is dumb on purpose: facts carry results, so folding needs no program and no clock, and
//! [`Member::check`] says what must always hold. Deciding is elsewhere (`decide/`).

mod meters;
mod standing;

use smallvec::SmallVec;

use super::event::{Entry, Fact, Seq};
use super::order::{AttributeValue, Identifier, MemberKey};
use super::program::{ProgramNo, WalletId};
use super::units::{Moment, Overflow, Points, Text};
pub use meters::{MeterCount, Meters};
pub use standing::{Held, Standing};

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
    /// Points by wallet, sorted by wallet; a wallet she never earned in is absent.
    pub balances: SmallVec<[(WalletId, Points); 2]>,
    /// What her meters counted.
    pub meters: Meters,
    /// Where she stands on the ladder.
    pub standing: Standing,
}

impl Member {
    /// Available points in a wallet.
    #[must_use]
    pub fn balance(&self, wallet: WalletId) -> Points {
        self.balances.iter().find(|(id, _)| *id == wallet).map_or(Points::ZERO, |(_, points)| *points)
    }

    /// The next moment at which time alone changes her (a tier's validity ends); what the due index holds.
    #[must_use]
    pub fn next_due(&self) -> Option<Moment> {
        self.standing.next_change()
    }

    /// Folds a whole entry.
    ///
    /// # Errors
    /// [`Overflow`] if a sum leaves its range; `decide` never lets such a fact come to be.
    pub fn apply_entry(&mut self, entry: &Entry) -> Result<(), Overflow> {
        if self.version == 0 {
            (self.program, self.key) = (entry.program, entry.member);
            (self.enrolled_at, self.enrolled_by) = (entry.recorded_at, entry.seq);
        }
        for fact in &entry.facts {
            self.apply(fact)?;
        }
        self.version = self.version.saturating_add(1);
        (self.last_entry, self.recorded_at) = (entry.seq, entry.recorded_at);
        Ok(())
    }

    /// Folds one fact.
    ///
    /// # Errors
    /// [`Overflow`] if a sum leaves its range.
    pub fn apply(&mut self, fact: &Fact) -> Result<(), Overflow> {
        match fact {
            Fact::ProgramApplied(_) => {}
            Fact::MemberEnrolled(enrolled) => {
                self.id.clone_from(&enrolled.member_id);
                self.identifiers.clone_from(&enrolled.identifiers);
                self.attributes.clone_from(&enrolled.attributes);
                self.standing = Standing::starting_on(enrolled.base_tier);
            }
            Fact::AttributesUpdated { set, remove } => {
                self.attributes.retain(|(id, _)| !remove.contains(&id.0) && set.iter().all(|(new, _)| new != id));
                self.attributes.extend(set.iter().cloned());
                self.attributes.sort();
            }
            Fact::IdentifierLinked(identifier) => {
                self.identifiers.push(identifier.clone());
                self.identifiers.sort();
            }
            Fact::IdentifierUnlinked(identifier) => self.identifiers.retain(|held| held.hash != identifier.hash),
            Fact::MemberSuspended(_) => self.state = MemberState::Suspended,
            Fact::MemberReinstated(_) => self.state = MemberState::Active,
            Fact::MemberClosed(_) => self.state = MemberState::Closed,
            Fact::PointsForfeited { wallet, points } => self.add(*wallet, Points(points.0.saturating_neg()))?,
            Fact::PurchaseRecorded(recorded) => {
                for grant in &recorded.grants {
                    if let Some(wallet) = grant.wallet {
                        self.add(wallet, grant.granted)?;
                    }
                    for post in &grant.meters {
                        self.meters.count(*post)?;
                    }
                }
            }
            Fact::TierEarned { tier, since, until } => {
                self.standing.hold(Held { tier: *tier, since: *since, until: *until });
            }
            Fact::TierChanged { to, at, .. } => self.standing.change(*to, *at),
        }
        Ok(())
    }

    fn add(&mut self, wallet: WalletId, points: Points) -> Result<(), Overflow> {
        match self.balances.binary_search_by_key(&wallet, |(id, _)| *id) {
            Ok(at) => {
                if let Some((_, held)) = self.balances.get_mut(at) {
                    *held = held.plus(points)?;
                }
            }
            Err(at) => self.balances.insert(at, (wallet, points)),
        }
        Ok(())
    }

    /// What must hold of every member after every entry; the first thing that does not, in words.
    ///
    /// # Errors
    /// The broken promise.
    pub fn check(&self) -> Result<(), String> {
        if self.id.is_empty() || self.version == 0 {
            return Err("a member without enrolment".into());
        }
        if let Some((wallet, points)) = self.balances.iter().find(|(_, points)| points.0 < 0) {
            return Err(format!("wallet {} is at {}", wallet.0.0, points.0));
        }
        if self.balances.windows(2).any(|pair| matches!(pair, [a, b] if a.0 >= b.0)) {
            return Err("wallets out of order".into());
        }
        self.meters.check()?;
        self.standing.check()
    }
}
