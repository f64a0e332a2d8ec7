//! One of the 256 groups of members in memory: those changed since their snapshot, and others.
//!
//! It knows how much they weigh and who was looked at lately; what may stay is decided in `members.rs`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::event::Kept;
use crate::domain::lot::Lot;
use crate::domain::member::{
    Allowance, AwaitedWindow, Belonging, HeldBoost, InSegment, Invitation, KeptOf, Membership, OpenAlert, OpenChoice,
    SentTier,
};
use crate::domain::member::{Desk, Held, Hold, Member, MeterCount, Pot, Purse, Reservation, Transfer, Voucher};
use crate::domain::order::{AttributeValue, Identifier, MemberKey};
use crate::domain::program::{ClubId, OptionId, Value};
use crate::domain::units::Moment;
use crate::store::format::rows::lead;
use crate::store::hashing::KeyHash;

/// What the snapshot database says of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Whether it has a snapshot of her.
    pub exists: bool,
    /// The due row it has for her.
    pub due: Option<Moment>,
}

impl Stored {
    /// What it says when it holds this snapshot.
    #[must_use]
    pub fn of(member: &Member) -> Self {
        Self { exists: true, due: member.next_due() }
    }
}

/// A member in memory.
pub struct Slot {
    /// As she is.
    pub member: Arc<Member>,
    /// As the snapshot database has her.
    pub stored: Stored,
    /// When she is due: kept beside her, since whoever goes through many members would wait for each.
    due: Moment,
    dirty: bool,
    used: AtomicBool,
    weight: u32,
}

/// A member who changed since her snapshot.
#[derive(Clone, Debug)]
pub struct Changed {
    /// As she is.
    pub member: Arc<Member>,
    /// Her key.
    pub key: MemberKey,
    /// When she is due.
    pub due: Option<Moment>,
    /// As the snapshot database has her.
    pub stored: Stored,
}

/// When a member who was replaced is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redated {
    /// As the snapshot database has it.
    pub stored: Option<Moment>,
    /// Before.
    pub before: Option<Moment>,
    /// Now.
    pub after: Option<Moment>,
}

/// What members weigh in bytes, and how many of them changed; also by how much that differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub weight: i64,
    /// Those that changed since their snapshot.
    pub dirty_weight: i64,
    /// How many those are.
    pub dirty: i64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.weight += other.weight;
        self.dirty_weight += other.dirty_weight;
        self.dirty += other.dirty;
    }
}

/// A group of members.
#[derive(Default)]
pub struct Ward {
    slots: HashMap<MemberKey, Slot, KeyHash>,
    dirty: u64,
    evictions: u64,
}

impl Slot {
    fn new(member: Arc<Member>, stored: Stored) -> Self {
        let due = stored.due.unwrap_or(Moment::NEVER);
        Self { member, stored, due, dirty: false, used: AtomicBool::new(true), weight: 0 }
    }

    /// When she is due.
    #[must_use]
    pub fn due(&self) -> Option<Moment> {
        Some(self.due).filter(|due| *due < Moment::NEVER)
    }

    /// Weighs and dates a member who changed; by how much that changes the tally.
    fn weigh(&mut self) -> Tally {
        self.due = self.member.next_due().unwrap_or(Moment::NEVER);
        let old = i64::from(self.weight);
        self.weight = weight_of(&self.member);
        let new = i64::from(self.weight);
        let was_dirty = std::mem::replace(&mut self.dirty, true);
        let dirty_weight = if was_dirty { new - old } else { new };
        Tally { weight: new - old, dirty_weight, dirty: i64::from(!was_dirty) }
    }
}

impl Ward {
    /// How many members are here.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.slots.len() as u64
    }

    /// How often members were forgotten.
    #[must_use]
    pub const fn evictions(&self) -> u64 {
        self.evictions
    }

    /// A member, if she is here.
    #[must_use]
    pub fn get(&self, key: &MemberKey) -> Option<&Slot> {
        let slot = self.slots.get(key)?;
        if !slot.used.load(Ordering::Relaxed) {
            slot.used.store(true, Ordering::Relaxed);
        }
        Some(slot)
    }

    /// Puts a changed member in the place of herself; `stored` says what the snapshot database has of her if she is not
    /// here.
    pub fn replace(&mut self, member: &Arc<Member>, stored: impl FnOnce() -> Stored) -> (Redated, Tally) {
        let slot = match self.slots.entry(member.key) {
            Entry::Occupied(held) => {
                let slot = held.into_mut();
                slot.member = Arc::clone(member);
                slot
            }
            // If she is not in memory, nobody has changed her since: she was due as the snapshot database has it.
            Entry::Vacant(place) => place.insert(Slot::new(Arc::clone(member), stored())),
        };
        let before = slot.due();
        let tally = slot.weigh();
        self.dirty = self.dirty.saturating_add_signed(tally.dirty);
        (Redated { stored: slot.stored.due, before, after: slot.due() }, tally)
    }

    /// Lets `fold` change a member in place, unless it answers with `None`; `None` if she is not here.
    pub fn amend<T>(
        &mut self,
        key: &MemberKey,
        fold: impl FnOnce(&mut Arc<Member>, Stored) -> Option<T>,
    ) -> Option<(T, Tally)> {
        let slot = self.slots.get_mut(key)?;
        let folded = fold(&mut slot.member, slot.stored)?;
        let tally = slot.weigh();
        self.dirty = self.dirty.saturating_add_signed(tally.dirty);
        Some((folded, tally))
    }

    /// Puts a member as her snapshot has her, unless she is here by now or members were forgotten since `evictions`.
    pub fn learn(&mut self, member: Arc<Member>, evictions: u64) -> Tally {
        if self.evictions != evictions || self.slots.contains_key(&member.key) {
            return Tally::default();
        }
        let (key, stored, weight) = (member.key, Stored::of(&member), weight_of(&member));
        self.slots.insert(key, Slot { weight, ..Slot::new(member, stored) });
        Tally { weight: weight.into(), ..Tally::default() }
    }

    /// Every changed member, by key.
    #[must_use]
    pub fn changed(&self) -> Vec<Changed> {
        if self.dirty == 0 {
            return Vec::new();
        }
        let dirty = self.slots.iter().filter(|(_, slot)| slot.dirty);
        let changed = |(key, slot): (&MemberKey, &Slot)| Changed {
            member: Arc::clone(&slot.member),
            key: *key,
            due: slot.due(),
            stored: slot.stored,
        };
        let mut changed: Vec<_> = dirty.map(changed).collect();
        changed.sort_unstable_by_key(|changed| changed.key);
        changed
    }

    /// The snapshot database has this member now, who stays changed if she changed meanwhile. Answers with when she is due.
    pub fn kept(&mut self, written: &Changed) -> (Option<Moment>, Tally) {
        let Some(slot) = self.slots.get_mut(&written.key) else { return (None, Tally::default()) };
        slot.stored = Stored { exists: true, due: written.due };
        let due = slot.due();
        if !slot.dirty || !Arc::ptr_eq(&slot.member, &written.member) {
            return (due, Tally::default());
        }
        slot.dirty = false;
        self.dirty -= 1;
        (due, Tally { weight: 0, dirty_weight: -i64::from(slot.weight), dirty: -1 })
    }

    /// Changed members that have no snapshot yet, with keys in a range of leads.
    #[must_use]
    pub fn unstored(&self, leads: &std::ops::Range<u64>) -> Vec<Arc<Member>> {
        if self.dirty == 0 {
            return Vec::new();
        }
        let is_missing = |slot: &&Slot| !slot.stored.exists && leads.contains(&lead(&slot.member.key.0).into());
        self.slots.values().filter(is_missing).map(|slot| Arc::clone(&slot.member)).collect()
    }

    /// Forgets members that did not change and were not looked at since the last time.
    pub fn evict(&mut self) -> Tally {
        let mut freed = 0;
        self.slots.retain(|_, slot| {
            let stays = slot.dirty || slot.used.swap(false, Ordering::Relaxed);
            freed += if stays { 0 } else { i64::from(slot.weight) };
            stays
        });
        self.evictions += u64::from(freed > 0);
        Tally { weight: -freed, ..Tally::default() }
    }
}

/// What the allocator adds to what it is asked for.
const BLOCK: usize = 16;

/// About what a member takes in memory: herself, her slot, what she points to, and what the allocator adds.
fn weight_of(member: &Member) -> u32 {
    let identifier = |held: &Identifier| held.kind.len() + held.mask.len() + 2 * BLOCK;
    let attribute = |(_, value): &AttributeValue| match value {
        Value::Text(text) => text.len() + BLOCK,
        _ => 0,
    };
    let weight = size_of::<Member>()
        + 2 * size_of::<Slot>()
        + 2 * BLOCK
        + member.id.len()
        + list::<Identifier>(member.identifiers.len())
        + member.identifiers.iter().map(identifier).sum::<usize>()
        + list::<AttributeValue>(member.attributes.len())
        + member.attributes.iter().map(attribute).sum::<usize>()
        + list::<MeterCount>(member.meters.counts().len())
        + list::<Held>(member.standing.held().len())
        + purses_weight(member)
        + member.desk.as_deref().map_or(0, desk_weight)
        + member.belonging.as_deref().map_or(0, belonging_weight)
        + member.alert.as_deref().map_or(0, alert_weight)
        + member.pot.as_deref().map_or(0, pot_weight);
    u32::try_from(weight).unwrap_or(u32::MAX)
}

/// A list of so many things outside its owner.
const fn list<T>(count: usize) -> usize {
    if count == 0 { 0 } else { count * size_of::<T>() + BLOCK }
}

/// The first purse lies in the member, and the first lot in its purse: only what spilled out of them counts.
fn purses_weight(member: &Member) -> usize {
    let purses = if member.purses.spilled() { list::<Purse>(member.purses.capacity()) } else { 0 };
    let spilled = member.purses.iter().filter(|purse| purse.lots.spilled());
    purses + spilled.map(|purse| list::<Lot>(purse.lots.capacity())).sum::<usize>()
}

fn desk_weight(desk: &Desk) -> usize {
    let held = desk.holds.iter().map(|hold| list::<Lot>(hold.lots.len()));
    let sent = desk.transfers.iter().map(|sent| list::<Lot>(sent.lots.len()));
    list::<Desk>(1)
        + list::<Hold>(desk.holds.len())
        + list::<Voucher>(desk.vouchers.len())
        + desk.vouchers.iter().map(|voucher| voucher.nonce.len()).sum::<usize>()
        + list::<Transfer>(desk.transfers.len())
        + held.chain(sent).sum::<usize>()
}

fn belonging_weight(held: &Belonging) -> usize {
    let taken = held.choices.iter().map(|choice| list::<(OptionId, u32)>(choice.taken.len()));
    let kept = held.kept.iter().map(|own| list::<Kept>(own.kept.len()));
    list::<Belonging>(1)
        + list::<Membership>(held.clubs.len())
        + list::<InSegment>(held.segments.len())
        + list::<Invitation>(held.invitations.len())
        + list::<ClubId>(held.asked.len())
        + list::<Allowance>(held.allowances.len())
        + list::<OpenChoice>(held.choices.len())
        + taken.sum::<usize>()
        + list::<HeldBoost>(held.boosts.len())
        + list::<SentTier>(held.sent.len())
        + list::<AwaitedWindow>(held.windows.len())
        + list::<KeptOf>(held.kept.len())
        + kept.sum::<usize>()
}

fn alert_weight(open: &OpenAlert) -> usize {
    list::<OpenAlert>(1) + open.owner.len() + open.acknowledged_by.len() + open.escalates_to.len()
}

fn pot_weight(pot: &Pot) -> usize {
    list::<Pot>(1) + list::<Reservation>(pot.reservations.len())
}
