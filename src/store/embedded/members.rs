//! Members in memory: those changed since their snapshot, which must stay, and as many others as the budget allows.
//!
//! It knows how much they weigh and who was looked at lately; it reads and writes nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::event::Seq;
use crate::domain::member::{Held, Member, MeterCount};
use crate::domain::order::{AttributeValue, Identifier, MemberKey};
use crate::domain::program::{Value, WalletId};
use crate::domain::units::{Moment, Points};
use crate::store::format::rows::WARDS;
use crate::store::hashing::KeyHash;

/// So many wards are looked through at most when one member too many comes along; the next one goes on from there.
const VISITS: usize = 8;

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
    dirty: bool,
    used: AtomicBool,
    weight: u32,
}

impl Slot {
    /// Weighs a member who changed; whether she had changed before, and what she weighed.
    fn weigh(&mut self) -> (bool, u64) {
        let before = (self.dirty, u64::from(self.weight));
        self.dirty = true;
        self.weight = weight_of(&self.member);
        before
    }
}

#[derive(Default)]
struct Ward {
    slots: HashMap<MemberKey, Slot, KeyHash>,
    dirty: u64,
    evictions: u64,
}

/// All members in memory.
pub struct Members {
    wards: Vec<Ward>,
    budget: u64,
    weight: u64,
    dirty_weight: u64,
    dirty: u64,
    hand: u8,
}

impl Members {
    /// None yet; at most `budget` bytes of them, unless more are dirty.
    #[must_use]
    pub fn within(budget: u64) -> Self {
        let wards = (0..WARDS).map(|_| Ward::default()).collect();
        Self { wards, budget, weight: 0, dirty_weight: 0, dirty: 0, hand: 0 }
    }

    /// How many members changed since their snapshot.
    #[must_use]
    pub const fn dirty(&self) -> u64 {
        self.dirty
    }

    /// What they weigh, in bytes.
    #[must_use]
    pub const fn dirty_weight(&self) -> u64 {
        self.dirty_weight
    }

    /// How many members are here.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.wards.iter().map(|ward| ward.slots.len() as u64).sum()
    }

    fn ward(&self, key: &MemberKey) -> Option<&Ward> {
        self.wards.get(ward_number(key))
    }

    /// A member, if she is here.
    #[must_use]
    pub fn get(&self, key: &MemberKey) -> Option<&Slot> {
        let slot = self.ward(key)?.slots.get(key)?;
        if !slot.used.load(Ordering::Relaxed) {
            slot.used.store(true, Ordering::Relaxed);
        }
        Some(slot)
    }

    /// How often members of this one's ward were forgotten: if it did not change, a snapshot read meanwhile is no
    /// older than what was forgotten.
    #[must_use]
    pub fn evictions(&self, key: &MemberKey) -> u64 {
        self.ward(key).map_or(0, |ward| ward.evictions)
    }

    /// Puts a changed member in the place of herself; answers with what the snapshot database says of her, which is
    /// `stored` if she is not here.
    pub fn replace(&mut self, member: &Arc<Member>, stored: impl FnOnce() -> Stored) -> Stored {
        let Some(ward) = self.wards.get_mut(ward_number(&member.key)) else { return stored() };
        let Some(slot) = ward.slots.get_mut(&member.key) else {
            let stored = stored();
            self.put(Arc::clone(member), stored, true);
            return stored;
        };
        slot.member = Arc::clone(member);
        let stored = slot.stored;
        let (was_dirty, old) = slot.weigh();
        let new = u64::from(slot.weight);
        ward.dirty += u64::from(!was_dirty);
        self.reweigh(was_dirty, old, new);
        stored
    }

    /// Puts a member as her snapshot has her, unless she is here by now or members were forgotten meanwhile.
    pub fn learn(&mut self, member: Arc<Member>, evictions: u64) {
        let known = self.ward(&member.key);
        if known.is_some_and(|ward| ward.evictions == evictions && !ward.slots.contains_key(&member.key)) {
            let stored = Stored::of(&member);
            self.put(member, stored, false);
            self.evict();
        }
    }

    fn put(&mut self, member: Arc<Member>, stored: Stored, dirty: bool) {
        let weight = weight_of(&member);
        let Some(ward) = self.wards.get_mut(ward_number(&member.key)) else { return };
        let slot = Slot { stored, dirty, used: AtomicBool::new(true), weight, member };
        let before = ward.slots.insert(slot.member.key, slot);
        let (old_weight, was_dirty) = before.map_or((0, false), |slot| (slot.weight, slot.dirty));
        self.weight = self.weight + u64::from(weight) - u64::from(old_weight);
        if was_dirty {
            self.dirty_weight -= u64::from(old_weight);
        }
        if dirty {
            self.dirty_weight += u64::from(weight);
        }
        if dirty && !was_dirty {
            ward.dirty += 1;
            self.dirty += 1;
        }
    }

    /// Lets `fold` change a member in place, unless it answers with `None`; `None` if she is not here.
    pub fn amend<T>(&mut self, key: &MemberKey, fold: impl FnOnce(&mut Arc<Member>, Stored) -> Option<T>) -> Option<T> {
        let ward = self.wards.get_mut(ward_number(key))?;
        let slot = ward.slots.get_mut(key)?;
        let folded = fold(&mut slot.member, slot.stored)?;
        let (was_dirty, old) = slot.weigh();
        let new = u64::from(slot.weight);
        ward.dirty += u64::from(!was_dirty);
        self.reweigh(was_dirty, old, new);
        Some(folded)
    }

    /// A member who is dirty now weighed `old` and weighs `new`.
    const fn reweigh(&mut self, was_dirty: bool, old: u64, new: u64) {
        self.weight = self.weight + new - old;
        if was_dirty {
            self.dirty_weight = self.dirty_weight + new - old;
        } else {
            self.dirty += 1;
            self.dirty_weight += new;
        }
    }

    /// Every changed member of a ward, by key, with what the snapshot database says of her.
    #[must_use]
    pub fn changed(&self, ward: u8) -> Vec<(Arc<Member>, Stored)> {
        let Some(ward) = self.wards.get(usize::from(ward)).filter(|ward| ward.dirty > 0) else { return Vec::new() };
        let dirty = ward.slots.values().filter(|slot| slot.dirty);
        let mut changed: Vec<_> = dirty.map(|slot| (Arc::clone(&slot.member), slot.stored)).collect();
        changed.sort_unstable_by_key(|(member, _)| member.key);
        changed
    }

    /// The snapshot database has these now. Who changed meanwhile stays changed.
    pub fn kept(&mut self, written: &[(Arc<Member>, Stored)]) {
        for (member, _) in written {
            let Some(ward) = self.wards.get_mut(ward_number(&member.key)) else { continue };
            let Some(slot) = ward.slots.get_mut(&member.key) else { continue };
            slot.stored = Stored::of(member);
            if slot.dirty && slot.member.version == member.version {
                slot.dirty = false;
                ward.dirty -= 1;
                self.dirty -= 1;
                self.dirty_weight -= u64::from(slot.weight);
            }
        }
        self.evict();
    }

    /// Changed members of one ward that have no snapshot yet, with keys in a range of leads.
    #[must_use]
    pub fn unstored(&self, ward: u8, leads: std::ops::Range<u64>) -> Vec<Arc<Member>> {
        let Some(ward) = self.wards.get(usize::from(ward)).filter(|ward| ward.dirty > 0) else { return Vec::new() };
        let lead = |slot: &Slot| u64::from(crate::store::format::rows::lead(&slot.member.key.0));
        let missing = ward.slots.values().filter(|slot| !slot.stored.exists && leads.contains(&lead(slot)));
        missing.map(|slot| Arc::clone(&slot.member)).collect()
    }

    /// Forgets members that were not looked at lately, ward by ward, until the rest is within the budget.
    fn evict(&mut self) {
        let mut visits = VISITS;
        while self.weight > self.budget && self.weight > self.dirty_weight && visits > 0 {
            visits -= 1;
            self.hand = self.hand.wrapping_add(1);
            let Some(ward) = self.wards.get_mut(usize::from(self.hand)) else { return };
            let mut freed = 0;
            ward.slots.retain(|_, slot| {
                let stays = slot.dirty || slot.used.swap(false, Ordering::Relaxed);
                freed += if stays { 0 } else { u64::from(slot.weight) };
                stays
            });
            ward.evictions += u64::from(freed > 0);
            self.weight -= freed;
        }
    }
}

fn ward_number(key: &MemberKey) -> usize {
    key.0.first().map_or(0, |first| usize::from(*first))
}

/// About what a member takes in memory: herself, her slot, what she points to, and what the allocator adds.
fn weight_of(member: &Member) -> u32 {
    const BLOCK: usize = 16;
    let list = |count: usize, size: usize| if count == 0 { 0 } else { count * size + BLOCK };
    let identifier = |held: &Identifier| held.kind.len() + held.mask.len() + 2 * BLOCK;
    let attribute = |(_, value): &AttributeValue| match value {
        Value::Text(text) => text.len() + BLOCK,
        _ => 0,
    };
    let weight = size_of::<Member>()
        + 2 * size_of::<Slot>()
        + 2 * BLOCK
        + member.id.len()
        + list(member.identifiers.len(), size_of::<Identifier>())
        + member.identifiers.iter().map(identifier).sum::<usize>()
        + list(member.attributes.len(), size_of::<AttributeValue>())
        + member.attributes.iter().map(attribute).sum::<usize>()
        + list(member.balances.len(), size_of::<(WalletId, Points)>())
        + list(member.meters.counts().len(), size_of::<MeterCount>())
        + list(member.standing.held().len(), size_of::<Held>());
    u32::try_from(weight).unwrap_or(u32::MAX)
}

/// Whether an entry is already in a member as her snapshot has her.
#[must_use]
pub fn reflects(member: &Member, seq: Seq) -> bool {
    member.last_entry >= seq
}
