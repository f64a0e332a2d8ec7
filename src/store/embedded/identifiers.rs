//! Whose identifier it is, where memory knows better than the snapshot database.

use std::collections::HashMap;

use crate::domain::order::{IdentifierHash, MemberKey};
use crate::store::format::rows::WARDS;
use crate::store::hashing::KeyHash;

/// Identifiers linked or unlinked since they were written.
pub struct Identifiers {
    wards: Vec<HashMap<IdentifierHash, Holder, KeyHash>>,
    moves: u64,
}

#[derive(Clone, Copy)]
struct Holder {
    member: Option<MemberKey>,
    moved: u64,
}

/// Identifiers of one ward to be written, by hash: whose, and when they moved.
pub type Moves = Vec<(IdentifierHash, Option<MemberKey>, u64)>;

impl Default for Identifiers {
    fn default() -> Self {
        Self { wards: (0..WARDS).map(|_| HashMap::default()).collect(), moves: 0 }
    }
}

impl Identifiers {
    /// Who holds an identifier (or that nobody does); `None` if the database knows.
    #[must_use]
    pub fn get(&self, identifier: &IdentifierHash) -> Option<Option<MemberKey>> {
        self.wards.get(ward_number(identifier))?.get(identifier).map(|holder| holder.member)
    }

    /// An identifier has this holder now.
    pub fn put(&mut self, identifier: IdentifierHash, member: Option<MemberKey>) {
        self.moves += 1;
        let holder = Holder { member, moved: self.moves };
        if let Some(ward) = self.wards.get_mut(ward_number(&identifier)) {
            ward.insert(identifier, holder);
        }
    }

    /// Everything of a ward that the database does not have.
    #[must_use]
    pub fn changed(&self, ward: u8) -> Moves {
        let Some(ward) = self.wards.get(usize::from(ward)) else { return Vec::new() };
        let mut moves: Moves = ward.iter().map(|(hash, holder)| (*hash, holder.member, holder.moved)).collect();
        moves.sort_unstable_by_key(|(hash, _, _)| *hash);
        moves
    }

    /// The database has these now. What moved meanwhile stays here.
    pub fn kept(&mut self, written: &Moves) {
        for (hash, _, moved) in written {
            let Some(ward) = self.wards.get_mut(ward_number(hash)) else { continue };
            if ward.get(hash).is_some_and(|holder| holder.moved == *moved) {
                ward.remove(hash);
            }
        }
    }
}

fn ward_number(identifier: &IdentifierHash) -> usize {
    identifier.0.first().map_or(0, |first| usize::from(*first))
}
