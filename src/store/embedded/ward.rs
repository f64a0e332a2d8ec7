//! One of the 256 groups of members in memory: those changed since their snapshot, and others, who may be packed.
//!
//! It knows how much they weigh and who was looked at lately; what may stay, and how, is decided in `members.rs`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::weight::{packed_weight, weight_of};
use crate::domain::member::Member;
use crate::domain::order::MemberKey;
use crate::domain::units::Moment;
use crate::store::format::member;
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

/// How a member lies in memory.
#[derive(Clone, Debug)]
pub enum Form {
    /// As she is.
    Whole(Arc<Member>),
    /// As the bytes of her snapshot, a third as long: who changed since then is never packed.
    Packed(Arc<[u8]>),
}

impl Form {
    /// The member, if she is not packed.
    #[must_use]
    pub const fn whole(&self) -> Option<&Arc<Member>> {
        match self {
            Self::Whole(member) => Some(member),
            Self::Packed(_) => None,
        }
    }

    /// The member; `None` if her bytes cannot be read, which only broken memory can bring about.
    #[must_use]
    pub fn unpacked(&self, key: MemberKey) -> Option<Arc<Member>> {
        match self {
            Self::Whole(member) => Some(Arc::clone(member)),
            Self::Packed(bytes) => member::read(bytes, key).ok().map(Arc::new),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Packed(own), Self::Packed(other)) => Arc::ptr_eq(own, other),
            (Self::Whole(own), Self::Whole(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }
}

/// A member in memory.
pub struct Slot {
    /// As she is.
    pub form: Form,
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
    /// Those that are packed.
    pub packed_weight: i64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.weight += other.weight;
        self.dirty_weight += other.dirty_weight;
        self.dirty += other.dirty;
        self.packed_weight += other.packed_weight;
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
        Self { form: Form::Whole(member), stored, due, dirty: false, used: AtomicBool::new(true), weight: 0 }
    }

    /// When she is due.
    #[must_use]
    pub fn due(&self) -> Option<Moment> {
        Some(self.due).filter(|due| *due < Moment::NEVER)
    }

    /// Puts a member who changed; by how much that changes the tally.
    fn change(&mut self, member: Arc<Member>) -> Tally {
        self.due = member.next_due().unwrap_or(Moment::NEVER);
        let tally = self.put(Form::Whole(Arc::clone(&member)), weight_of(&member));
        let was_dirty = std::mem::replace(&mut self.dirty, true);
        let dirty_weight = if was_dirty { tally.weight } else { self.weight.into() };
        Tally { dirty_weight, dirty: i64::from(!was_dirty), ..tally }
    }

    /// Puts her in another form; by how much that changes the tally.
    fn put(&mut self, form: Form, weight: u32) -> Tally {
        let packed = |slot: &Self| if slot.form.whole().is_none() { i64::from(slot.weight) } else { 0 };
        let (weight_before, packed_before) = (i64::from(self.weight), packed(self));
        (self.form, self.weight) = (form, weight);
        let (weight, packed_weight) = (i64::from(self.weight) - weight_before, packed(self) - packed_before);
        Tally { weight, packed_weight, ..Tally::default() }
    }

    /// Packs a member who did not change.
    fn pack(&mut self, scratch: &mut Vec<u8>) -> Tally {
        let Form::Whole(member) = &self.form else { return Tally::default() };
        scratch.clear();
        member::write(scratch, member);
        self.put(Form::Packed(Arc::from(scratch.as_slice())), packed_weight(scratch.len()))
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
            Entry::Occupied(held) => held.into_mut(),
            // If she is not in memory, nobody has changed her since: she was due as the snapshot database has it.
            Entry::Vacant(place) => place.insert(Slot::new(Arc::clone(member), stored())),
        };
        let before = slot.due();
        let tally = slot.change(Arc::clone(member));
        self.dirty = self.dirty.saturating_add_signed(tally.dirty);
        (Redated { stored: slot.stored.due, before, after: slot.due() }, tally)
    }

    /// Whether a member is here, and not packed from now on.
    pub fn holds_whole(&mut self, key: &MemberKey) -> (bool, Tally) {
        let Some(slot) = self.slots.get_mut(key) else { return (false, Tally::default()) };
        if slot.form.whole().is_some() {
            return (true, Tally::default());
        }
        match slot.form.unpacked(*key) {
            Some(member) => {
                let weight = weight_of(&member);
                (true, slot.put(Form::Whole(member), weight))
            }
            None => (false, self.forget(key)),
        }
    }

    fn forget(&mut self, key: &MemberKey) -> Tally {
        self.evictions += 1;
        let weight = self.slots.remove(key).map_or(0, |slot| i64::from(slot.weight));
        Tally { weight: -weight, packed_weight: -weight, ..Tally::default() }
    }

    /// Lets `fold` change a member in place, unless it answers with `None`; `None` if she is not here whole.
    pub fn amend<T>(
        &mut self,
        key: &MemberKey,
        fold: impl FnOnce(&mut Arc<Member>, Stored) -> Option<T>,
    ) -> Option<(T, Tally)> {
        let slot = self.slots.get_mut(key)?;
        let Form::Whole(member) = &mut slot.form else { return None };
        let folded = fold(member, slot.stored)?;
        let member = Arc::clone(member);
        let tally = slot.change(member);
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

    /// Puts a member whole who was found packed, unless she changed meanwhile.
    pub fn unpack(&mut self, member: Arc<Member>, found: &Form) -> Tally {
        match self.slots.get_mut(&member.key) {
            Some(slot) if slot.form.is_same(found) => {
                let weight = weight_of(&member);
                slot.put(Form::Whole(member), weight)
            }
            _ => Tally::default(),
        }
    }

    /// Every changed member, by key.
    #[must_use]
    pub fn changed(&self) -> Vec<Changed> {
        if self.dirty == 0 {
            return Vec::new();
        }
        let dirty = self.slots.iter().filter(|(_, slot)| slot.dirty);
        let changed = |(key, slot): (&MemberKey, &Slot)| {
            let member = Arc::clone(slot.form.whole()?);
            Some(Changed { member, key: *key, due: slot.due(), stored: slot.stored })
        };
        let mut changed: Vec<_> = dirty.filter_map(changed).collect();
        changed.sort_unstable_by_key(|changed| changed.key);
        changed
    }

    /// The snapshot database has this member now, who stays changed if she changed meanwhile. Answers with when she is due.
    pub fn kept(&mut self, written: &Changed) -> (Option<Moment>, Tally) {
        let Some(slot) = self.slots.get_mut(&written.key) else { return (None, Tally::default()) };
        slot.stored = Stored { exists: true, due: written.due };
        let due = slot.due();
        let is_same = slot.form.whole().is_some_and(|member| Arc::ptr_eq(member, &written.member));
        if !slot.dirty || !is_same {
            return (due, Tally::default());
        }
        slot.dirty = false;
        self.dirty -= 1;
        (due, Tally { dirty_weight: -i64::from(slot.weight), dirty: -1, ..Tally::default() })
    }

    /// Changed members that have no snapshot yet, with keys in a range of leads.
    #[must_use]
    pub fn unstored(&self, leads: &std::ops::Range<u64>) -> Vec<Arc<Member>> {
        if self.dirty == 0 {
            return Vec::new();
        }
        let missing = self.slots.values().filter(|slot| !slot.stored.exists).filter_map(|slot| slot.form.whole());
        missing.filter(|member| leads.contains(&lead(&member.key.0).into())).map(Arc::clone).collect()
    }

    /// What they weigh, counted anew.
    #[cfg(test)]
    pub fn recounted(&self) -> Tally {
        let mut tally = Tally::default();
        for slot in self.slots.values() {
            let weight = match &slot.form {
                Form::Whole(member) => i64::from(weight_of(member)),
                Form::Packed(bytes) => i64::from(packed_weight(bytes.len())),
            };
            let packed_weight = if slot.form.whole().is_none() { weight } else { 0 };
            let (dirty_weight, dirty) = if slot.dirty { (weight, 1) } else { (0, 0) };
            tally += Tally { weight, dirty_weight, dirty, packed_weight };
        }
        tally
    }

    /// Packs members that did not change and were not looked at since the last time; forgets those that are packed
    /// already, if `forgets`.
    pub fn tidy(&mut self, forgets: bool) -> Tally {
        let (mut tally, mut scratch, mut forgotten) = (Tally::default(), Vec::new(), 0);
        self.slots.retain(|_, slot| {
            if slot.dirty || slot.used.swap(false, Ordering::Relaxed) {
                return true;
            }
            let goes = forgets && slot.form.whole().is_none();
            if goes {
                forgotten += i64::from(slot.weight);
            } else {
                tally += slot.pack(&mut scratch);
            }
            !goes
        });
        self.evictions += u64::from(forgotten > 0);
        tally += Tally { weight: -forgotten, packed_weight: -forgotten, ..Tally::default() };
        tally
    }
}
