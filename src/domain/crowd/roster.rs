//! Whose numbers the members of a book are: her key by her number, her number by her key.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::daybook::MemberNo;
use super::page::push;
use crate::domain::order::MemberKey;

/// Members by number and by key. The index holds numbers alone, and looks at the keys to compare: five bytes a place.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    keys: Vec<MemberKey>,
    index: HashTable<u32>,
    hasher: RandomState,
}

impl PartialEq for Roster {
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys
    }
}

impl Eq for Roster {}

impl Roster {
    /// How many members there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Her number, if she is known.
    #[must_use]
    pub fn number(&self, key: MemberKey) -> Option<MemberNo> {
        let is_hers = |number: &u32| self.keys.get(*number as usize) == Some(&key);
        self.index.find(self.hasher.hash_one(key), is_hers).copied().map(MemberNo)
    }

    /// Whose number it is.
    #[must_use]
    pub fn key(&self, number: MemberNo) -> Option<MemberKey> {
        self.keys.get(number.0 as usize).copied()
    }

    /// All keys, by number.
    #[must_use]
    pub fn keys(&self) -> &[MemberKey] {
        &self.keys
    }

    /// Adds a member who is not known yet; her number is the count of those before her.
    pub fn add(&mut self, key: MemberKey) {
        let Self { keys, index, hasher } = self;
        let number = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        push(keys, key);
        let hash = |number: &u32| hasher.hash_one(keys.get(*number as usize).copied().unwrap_or_default());
        index.insert_unique(hasher.hash_one(key), number, hash);
    }

    /// What it takes in memory, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.keys.capacity() * size_of::<MemberKey>() + self.index.allocation_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_found_by_key_and_by_number() {
        let key = |n: u32| MemberKey::of("p", &n.to_string());
        let mut roster = Roster::default();
        (0..5_000).for_each(|n| roster.add(key(n)));
        assert!(
            (0..5_000).all(|n| roster.number(key(n)) == Some(MemberNo(n)) && roster.key(MemberNo(n)) == Some(key(n)))
        );
        assert_eq!((roster.number(key(5_000)), roster.key(MemberNo(5_000)), roster.len()), (None, None, 5_000));
    }
}
