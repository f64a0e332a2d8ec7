//! The members of one program as the analyst knows them: what they bought, where they stand, what they belong to.
//!
//! A fold of the program's entries, in their order. It asks nobody anything: what a return must know of its purchase is
//! handed in.

pub mod alerts;
pub mod daybook;
pub mod group;
pub mod margin;
pub(crate) mod page;
pub mod ranking;
pub mod roster;
pub mod tagging;
pub mod tags;
#[cfg(test)]
mod tests_rounds;
pub mod tiers;
pub mod visits;
pub mod watching;

use std::collections::{BTreeMap, HashMap};

use crate::domain::calendar::{Day, Zone};
use crate::domain::event::{BelongingFact, Entry, Fact, LineReturned, PurchaseRecorded, PurchaseReturned};
use crate::domain::order::MemberKey;
use crate::domain::program::{ClubId, TierId, WalletId};
use crate::domain::units::{Moment, Text};
use alerts::AllAlerts;
use daybook::{Daybook, MemberNo, StoreNo, Sums};
use group::Group;
use margin::Known;
use page::push;
use roster::Roster;
use tags::Tags;
use tiers::Steps;

/// The number of the rules by which entries become a crowd. Whoever changes what the same entries come to raises it:
/// crowds that were written down under another number are folded anew.
pub const FOLD: u32 = 4;

/// What the crowd must know of its program.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// Where days begin, unless a purchase says otherwise.
    pub zone: &'a Zone,
    /// The wallet whose points are counted: the first one of the program's first version.
    pub wallet: Option<WalletId>,
    /// Whether it is noted who bought, since a segment changes with purchases.
    pub notes_purchases: bool,
}

/// What an entry brings something back of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bought<'a> {
    /// The entry of the purchase.
    pub purchase: Option<&'a Entry>,
    /// What had come back of it before.
    pub before: &'a [LineReturned],
}

/// The members of one program. Its parts are open to the format that writes them down and to nobody else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crowd {
    /// What they bought.
    pub daybook: Daybook,
    /// Where they stood when.
    pub steps: Steps,
    /// What the ledger says of segments.
    pub tags: Tags,
    /// What the ledger says of alerts.
    pub alerts: AllAlerts,
    pub(crate) roster: Roster,
    pub(crate) tiers: Vec<Option<TierId>>,
    pub(crate) clubs: BTreeMap<ClubId, Group>,
    pub(crate) stores: HashMap<Text, StoreNo>,
}

impl Crowd {
    /// Her number, if she is known.
    #[must_use]
    pub fn number(&self, key: MemberKey) -> Option<MemberNo> {
        self.roster.number(key)
    }

    /// Whose number it is.
    #[must_use]
    pub fn key(&self, number: MemberNo) -> Option<MemberKey> {
        self.roster.key(number)
    }

    /// The tier she stands on.
    #[must_use]
    pub fn tier(&self, number: MemberNo) -> Option<TierId> {
        self.tiers.get(number.0 as usize).copied().flatten()
    }

    /// Whether she belongs to a club.
    #[must_use]
    pub fn belongs(&self, number: MemberNo, club: ClubId) -> bool {
        self.clubs.get(&club).is_some_and(|members| members.contains(number))
    }

    /// The number of a store in which something was bought.
    #[must_use]
    pub fn store(&self, name: &str) -> Option<StoreNo> {
        self.stores.get(name).copied()
    }

    /// What a day's round looks at: what was bought, who is in what, whose alerts stand; nobody's key or tier. Rows
    /// are shared, so that it takes as long as copying 24 bytes a member, and the crowd may grow while it is looked at.
    #[must_use]
    pub fn glance(&self) -> Self {
        let (daybook, tags, alerts) = (self.daybook.clone(), self.tags.clone(), self.alerts.glance());
        Self { daybook, tags, alerts, clubs: self.clubs.clone(), ..Self::default() }
    }

    /// What it takes in memory, in bytes, about: all of its parts, what an allocator rounds up aside.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let Self { daybook, steps, tags, alerts, roster, tiers, clubs, stores } = self;
        let clubs: usize = clubs.values().map(Group::bytes).sum();
        let stores: usize = stores.keys().map(|name| name.len() + 2 * size_of::<(Text, StoreNo)>()).sum();
        let members = roster.bytes() + tiers.capacity() * size_of::<Option<TierId>>();
        daybook.bytes() + members + steps.bytes() + tags.bytes() + alerts.bytes() + clubs + stores
    }

    /// Folds an entry of the program. `bought` is what it brings something back of, if it does.
    pub fn enter(&mut self, entry: &Entry, setting: Setting<'_>, bought: Bought<'_>) {
        if entry.member == MemberKey::NOBODY || entry.facts.iter().any(is_of_pot) {
            return;
        }
        let member = self.welcome(entry.member);
        for fact in &entry.facts {
            self.tags.enter(member, fact);
            self.alerts.enter(member, fact, (entry.seq, entry.recorded_at));
            match fact {
                Fact::PurchaseRecorded(recorded) => {
                    self.bought(member, recorded, setting);
                    if setting.notes_purchases {
                        self.tags.bought(member, entry.seq, day(recorded, setting));
                    }
                }
                Fact::PurchaseReturned(returned) => self.brought_back(member, returned, setting, bought),
                Fact::MemberEnrolled(enrolled) => {
                    let day = setting.zone.day_of(joined_at(entry));
                    self.stand(member, enrolled.base_tier, day);
                }
                Fact::TierChanged { to, at, .. } => self.stand(member, Some(*to), setting.zone.day_of(*at)),
                Fact::OpeningStateSet(state) => {
                    if let Some((tier, since)) = state.tier {
                        let day = setting.zone.day_of(since.max(joined_at(entry)));
                        self.stand(member, Some(tier), day);
                    }
                }
                Fact::MemberClosed(_) => self.steps.step(member, setting.zone.day_of(entry.recorded_at), None),
                Fact::Belonging(fact) => self.belong(member, fact),
                _ => {}
            }
        }
    }

    fn welcome(&mut self, key: MemberKey) -> MemberNo {
        if let Some(known) = self.number(key) {
            return known;
        }
        let number = self.daybook.welcome();
        self.roster.add(key);
        push(&mut self.tiers, None);
        number
    }

    fn stand(&mut self, member: MemberNo, tier: Option<TierId>, day: Day) {
        self.steps.step(member, day, tier);
        self.tiers.iter_mut().skip(member.0 as usize).take(1).for_each(|known| *known = tier);
    }

    fn belong(&mut self, member: MemberNo, fact: &BelongingFact) {
        match fact {
            BelongingFact::ClubJoined { club, .. } => {
                self.clubs.entry(*club).or_default().insert(member);
            }
            BelongingFact::ClubLeft { club, .. } => {
                self.clubs.entry(*club).or_default().remove(member);
            }
            _ => {}
        }
    }

    fn bought(&mut self, member: MemberNo, recorded: &PurchaseRecorded, setting: Setting<'_>) {
        let purchase = &recorded.purchase;
        let grants = recorded.grants.iter().filter(|grant| grant.wallet.is_some() && grant.wallet == setting.wallet);
        let points = grants.map(|grant| grant.granted.0).fold(0, i64::saturating_add);
        let spend = purchase.total().unwrap_or(i64::MAX);
        let sums = Sums { spend, margin: None, bought: true, points };
        let store = self.store_no(&purchase.store);
        self.add(member, (day(recorded, setting), store), sums, margin::known(&purchase.lines));
    }

    fn brought_back(
        &mut self,
        member: MemberNo,
        returned: &PurchaseReturned,
        setting: Setting<'_>,
        bought: Bought<'_>,
    ) {
        let taken = returned.taken.iter().filter(|(wallet, _)| Some(*wallet) == setting.wallet);
        let points = taken.map(|(_, points)| points.0).fold(0, i64::saturating_add);
        let recorded = bought.purchase.and_then(Entry::purchase);
        let known = recorded.and_then(|recorded| {
            let lines = &recorded.purchase.lines;
            margin::known(lines)?;
            let back = |so_far: &[LineReturned]| margin::back(lines, so_far);
            Some(back(bought.before).less(back(&returned.so_far)))
        });
        let day = recorded.map_or_else(|| setting.zone.day_of(returned.bought.0), |recorded| day(recorded, setting));
        let store = recorded.map_or(StoreNo::NONE, |recorded| self.store_no(&recorded.purchase.store));
        let (spend, points) = (returned.minor_units.saturating_neg(), points.saturating_neg());
        self.add(member, (day, store), Sums { spend, margin: None, bought: false, points }, known);
    }

    /// Adds what a purchase or return comes to. Where only a part of it knows its cost, the rest is a row of its own, so
    /// that a row's margin is always of its whole spend.
    fn add(&mut self, member: MemberNo, (day, store): (Day, StoreNo), sums: Sums, known: Option<Known>) {
        let Some(Known { spend, margin }) = known else {
            self.daybook.add(member, day, store, sums);
            return;
        };
        self.daybook.add(member, day, store, Sums { spend, margin: Some(margin), ..sums });
        let rest = sums.spend.saturating_sub(spend);
        if rest != 0 {
            self.daybook.add(member, day, store, Sums { spend: rest, ..Sums::default() });
        }
    }

    fn store_no(&mut self, name: &Text) -> StoreNo {
        if name.is_empty() {
            return StoreNo::NONE;
        }
        let next = u16::try_from(self.stores.len() + 1).ok().map(StoreNo);
        match (self.stores.get(name), next) {
            (Some(known), _) => *known,
            (None, Some(next)) => {
                self.stores.insert(name.clone(), next);
                next
            }
            (None, None) => StoreNo::NONE,
        }
    }
}

/// When somebody who came with this entry became a member.
fn joined_at(entry: &Entry) -> Moment {
    let opening = entry.facts.iter().find_map(|fact| match fact {
        Fact::OpeningStateSet(state) => state.enrolled_at,
        _ => None,
    });
    opening.unwrap_or(entry.recorded_at)
}

fn is_of_pot(fact: &Fact) -> bool {
    matches!(fact, Fact::PotReserved { .. } | Fact::PotSettled { .. } | Fact::PotReturned { .. })
}

/// The local day of a purchase: the store's, or the program's.
fn day(recorded: &PurchaseRecorded, setting: Setting<'_>) -> Day {
    recorded.purchase.zone.as_ref().unwrap_or(setting.zone).day_of(recorded.counted_at)
}
