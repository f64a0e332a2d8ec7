//! Some members of a crowd, by number: those of a club, of a segment, those who closed.
//!
//! A compressed set of bits: asked of everybody in turn it answers in a few nanoseconds, and takes two bytes a member at
//! most where members are few, an eighth of a byte of everybody where they are many.

use roaring::RoaringBitmap;

use super::daybook::MemberNo;

/// Some members.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group(RoaringBitmap);

// Sets of numbers: nothing in them is unequal to itself.
impl Eq for Group {}

impl Group {
    /// Whether a member is among them.
    #[must_use]
    pub fn contains(&self, member: MemberNo) -> bool {
        self.0.contains(member.0)
    }

    /// Takes a member in.
    pub fn insert(&mut self, member: MemberNo) {
        self.0.insert(member.0);
    }

    /// Leaves a member out.
    pub fn remove(&mut self, member: MemberNo) {
        self.0.remove(member.0);
    }

    /// Whether it is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, by number.
    pub fn iter(&self) -> impl Iterator<Item = MemberNo> + '_ {
        self.0.iter().map(MemberNo)
    }

    /// What it takes in memory, in bytes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.serialized_size()
    }
}

impl Extend<MemberNo> for Group {
    fn extend<T: IntoIterator<Item = MemberNo>>(&mut self, members: T) {
        self.0.extend(members.into_iter().map(|member| member.0));
    }
}

impl FromIterator<MemberNo> for Group {
    fn from_iter<T: IntoIterator<Item = MemberNo>>(members: T) -> Self {
        let mut group = Self::default();
        group.extend(members);
        group
    }
}
