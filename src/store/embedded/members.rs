//! Members in memory: those changed since their snapshot, who must stay, and as many others as the budget allows.
//!
//! Whoever was not looked at lately is packed where the budget is too small for all, and forgotten only where those
//! packed take half of it: reading a snapshot takes ten times as long as unpacking one. It reads and writes nothing; the
//! groups are in `ward.rs`.

use std::sync::Arc;

use super::ward::{Changed, Form, Redated, Slot, Stored, Tally, Ward};
use crate::domain::member::Member;
use crate::domain::order::MemberKey;
use crate::domain::units::Moment;
use crate::store::format::rows::WARDS;

/// So many wards are looked through at most when one member too many comes along; the next one goes on from there.
const VISITS: usize = 8;
/// The keeper tidies up; who brings members in does so only when this part of the budget is exceeded as well.
const SLACK: i64 = 64;

/// All members in memory.
pub struct Members {
    wards: Vec<Ward>,
    budget: i64,
    tally: Tally,
    hand: u8,
}

/// Half of the wards, for one of two threads that fold.
pub struct Half<'a> {
    wards: &'a mut [Ward],
    first: usize,
    tally: Tally,
}

impl Members {
    /// None yet; at most `budget` bytes of them, unless more are dirty.
    #[must_use]
    pub fn within(budget: u64) -> Self {
        let wards = (0..WARDS).map(|_| Ward::default()).collect();
        Self { wards, budget: i64::try_from(budget).unwrap_or(i64::MAX), tally: Tally::default(), hand: 0 }
    }

    /// How many members changed since their snapshot.
    #[must_use]
    pub const fn dirty(&self) -> u64 {
        self.tally.dirty.unsigned_abs()
    }

    /// What they weigh, in bytes.
    #[must_use]
    pub const fn dirty_weight(&self) -> u64 {
        self.tally.dirty_weight.unsigned_abs()
    }

    /// How many members are here.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.wards.iter().map(Ward::count).sum()
    }

    fn ward(&self, key: &MemberKey) -> Option<&Ward> {
        self.wards.get(ward_number(key))
    }

    /// A member, if she is here.
    #[must_use]
    pub fn get(&self, key: &MemberKey) -> Option<&Slot> {
        self.ward(key)?.get(key)
    }

    /// How often members of this one's ward were forgotten: if it did not change, a snapshot read meanwhile is no
    /// older than what was forgotten.
    #[must_use]
    pub fn evictions(&self, key: &MemberKey) -> u64 {
        self.ward(key).map_or(0, Ward::evictions)
    }

    /// As [`Ward::replace`].
    pub fn replace(&mut self, member: &Arc<Member>, stored: impl FnOnce() -> Stored) -> Option<Redated> {
        let (redated, tally) = self.wards.get_mut(ward_number(&member.key))?.replace(member, stored);
        self.tally += tally;
        Some(redated)
    }

    /// Puts a member as her snapshot has her, unless she is here by now or members were forgotten meanwhile.
    pub fn learn(&mut self, member: Arc<Member>, evictions: u64) {
        let Some(ward) = self.wards.get_mut(ward_number(&member.key)) else { return };
        self.tally += ward.learn(member, evictions);
        self.tidy_beyond(self.budget / SLACK);
    }

    /// As [`Ward::unpack`].
    pub fn unpack(&mut self, member: Arc<Member>, found: &Form) {
        let Some(ward) = self.wards.get_mut(ward_number(&member.key)) else { return };
        self.tally += ward.unpack(member, found);
        self.tidy_beyond(self.budget / SLACK);
    }

    /// Every changed member of a ward, by key.
    #[must_use]
    pub fn changed(&self, ward: u8) -> Vec<Changed> {
        self.wards.get(usize::from(ward)).map(Ward::changed).unwrap_or_default()
    }

    /// As [`Ward::kept`].
    pub fn kept(&mut self, written: &Changed) -> Option<Moment> {
        let (due, tally) = self.wards.get_mut(ward_number(&written.key))?.kept(written);
        self.tally += tally;
        due
    }

    /// Changed members of one ward that have no snapshot yet, with keys in a range of leads.
    #[must_use]
    pub fn unstored(&self, ward: u8, leads: &std::ops::Range<u64>) -> Vec<Arc<Member>> {
        self.wards.get(usize::from(ward)).map(|ward| ward.unstored(leads)).unwrap_or_default()
    }

    /// Packs and forgets members that were not looked at lately, ward by ward, until the rest is within the budget.
    pub fn tidy(&mut self) {
        self.tidy_beyond(0);
    }

    fn tidy_beyond(&mut self, slack: i64) {
        let mut visits = VISITS;
        while self.tally.weight > self.budget + slack && self.tally.weight > self.tally.dirty_weight && visits > 0 {
            visits -= 1;
            self.hand = self.hand.wrapping_add(1);
            let forgets = self.tally.packed_weight > self.budget / 2;
            if let Some(ward) = self.wards.get_mut(usize::from(self.hand)) {
                self.tally += ward.tidy(forgets);
            }
        }
    }

    /// Lets two threads change members, each those of its half; `work` gets both.
    pub fn halved<T>(&mut self, work: impl FnOnce(&mut Half<'_>, &mut Half<'_>) -> T) -> T {
        let middle = self.wards.len() / 2;
        let (low, high) = self.wards.split_at_mut_checked(middle).unwrap_or_default();
        let mut low = Half { wards: low, first: 0, tally: Tally::default() };
        let mut high = Half { wards: high, first: middle, tally: Tally::default() };
        let done = work(&mut low, &mut high);
        let (low, high) = (low.tally, high.tally);
        self.tally += low;
        self.tally += high;
        done
    }
}

impl Half<'_> {
    fn ward(&mut self, key: &MemberKey) -> Option<&mut Ward> {
        self.wards.get_mut(ward_number(key).checked_sub(self.first)?)
    }

    /// Whether a member belongs to this half.
    #[must_use]
    pub fn holds(&self, key: &MemberKey) -> bool {
        ward_number(key).checked_sub(self.first).is_some_and(|at| at < self.wards.len())
    }

    /// As [`Ward::holds_whole`].
    pub fn has(&mut self, key: &MemberKey) -> bool {
        let Some((is_here, tally)) = self.ward(key).map(|ward| ward.holds_whole(key)) else { return false };
        self.tally += tally;
        is_here
    }

    /// As [`Members::replace`].
    pub fn replace(&mut self, member: &Arc<Member>, stored: Stored) {
        if let Some((_, tally)) = self.ward(&member.key).map(|ward| ward.replace(member, || stored)) {
            self.tally += tally;
        }
    }

    /// As [`Ward::amend`].
    pub fn amend<T>(&mut self, key: &MemberKey, fold: impl FnOnce(&mut Arc<Member>, Stored) -> Option<T>) -> Option<T> {
        let (folded, tally) = self.ward(key)?.amend(key, fold)?;
        self.tally += tally;
        Some(folded)
    }
}

fn ward_number(key: &MemberKey) -> usize {
    key.0.first().map_or(0, |first| usize::from(*first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Seq;

    fn member(n: u8, version: u64) -> Arc<Member> {
        let id = format!("member-{n}").as_str().into();
        Arc::new(Member { key: MemberKey([n; 16]), id, version, last_entry: Seq(version), ..Member::default() })
    }

    /// What all members weigh, counted anew.
    fn recounted(members: &Members) -> Tally {
        let mut tally = Tally::default();
        members.wards.iter().for_each(|ward| tally += ward.recounted());
        tally
    }

    fn keep_all(members: &mut Members) {
        for ward in 0..=u8::MAX {
            for changed in members.changed(ward) {
                members.kept(&changed);
            }
        }
    }

    fn is_packed(members: &Members, n: u8) -> Option<bool> {
        members.get(&MemberKey([n; 16])).map(|slot| slot.form.whole().is_none())
    }

    /// Goes round often enough for whoever was looked at to be looked past.
    fn go_round(members: &mut Members) {
        (0..2 * WARDS / VISITS + 2).for_each(|_| members.tidy());
    }

    #[test]
    fn who_changed_stays_whole_and_the_others_are_packed_and_come_back_as_they_were() {
        let whole = {
            let mut members = Members::within(u64::MAX);
            members.replace(&member(1, 1), Stored::default);
            recounted(&members).weight
        };
        // Room for three who are whole, and a little.
        let mut members = Members::within(u64::try_from(3 * whole + whole / 2).unwrap());
        for n in 0..4 {
            members.replace(&member(n, 1), Stored::default);
        }
        go_round(&mut members);
        assert!((0..4).all(|n| is_packed(&members, n) == Some(false)), "all of them changed");
        keep_all(&mut members);
        go_round(&mut members);
        let packed: Vec<u8> = (0..4).filter(|n| is_packed(&members, *n) == Some(true)).collect();
        assert!(!packed.is_empty(), "{:?}", members.tally);
        assert_eq!(members.count(), 4);
        assert_eq!(members.tally, recounted(&members));
        for n in packed {
            let form = members.get(&MemberKey([n; 16])).unwrap().form.clone();
            let unpacked = form.unpacked(MemberKey([n; 16])).unwrap();
            assert_eq!(unpacked, member(n, 1));
            members.unpack(unpacked, &form);
            assert_eq!(is_packed(&members, n), Some(false));
            assert_eq!(members.tally, recounted(&members));
        }
    }

    #[test]
    fn where_those_packed_take_half_of_the_room_they_are_forgotten() {
        let mut members = Members::within(2_000);
        for n in 0..200 {
            members.replace(&member(n, 1), Stored::default);
            keep_all(&mut members);
            go_round(&mut members);
            assert_eq!(members.tally, recounted(&members));
        }
        assert!(members.tally.weight <= 2_000, "{:?}", members.tally);
        assert!(members.count() < 200 && members.count() > 1);
        let gone = MemberKey([0; 16]);
        assert!(members.get(&gone).is_none() && members.evictions(&gone) > 0);
    }

    #[test]
    fn who_changed_meanwhile_is_not_put_back() {
        let whole = {
            let mut members = Members::within(u64::MAX);
            members.replace(&member(7, 1), Stored::default);
            recounted(&members).weight
        };
        // Too little for her whole, enough for her packed.
        let mut members = Members::within(u64::try_from(whole - 1).unwrap());
        members.replace(&member(7, 1), Stored::default);
        keep_all(&mut members);
        go_round(&mut members);
        assert_eq!(is_packed(&members, 7), Some(true));
        let form = members.get(&MemberKey([7; 16])).unwrap().form.clone();
        let evictions = members.evictions(&MemberKey([7; 16]));
        members.replace(&member(7, 2), || panic!("she is here"));
        members.unpack(member(7, 1), &form);
        members.learn(member(7, 1), evictions);
        assert_eq!(members.get(&MemberKey([7; 16])).unwrap().form.whole().unwrap().version, 2);
        assert_eq!(members.tally, recounted(&members));
    }
}
