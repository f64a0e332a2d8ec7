//! Lists that must be exact although memory is ahead of the snapshot database: members by key, and who is due.
//!
//! Both hold the lock while they read a few rows, so that nothing moves from memory to the database meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::core::{Core, Known};
use super::due_pages::{self, DueRow};
use crate::domain::member::Member;
use crate::domain::order::MemberKey;
use crate::domain::program::ProgramNo;
use crate::domain::units::Moment;
use crate::store::ReadError;
use crate::store::format::member;
use crate::store::format::rows::{Records, breadth, lead};

/// So many due rows are read under one lock.
const DUE_AT_ONCE: usize = 512;

/// What a look at some due rows found.
struct Look {
    valid: Vec<DueRow>,
    /// The last row looked at; none if there are no more.
    last: Option<DueRow>,
}

impl Core {
    /// Members of a program, by key.
    ///
    /// # Errors
    /// If a leaf cannot be read or is damaged.
    pub fn list_members(
        &self,
        program: ProgramNo,
        after: Option<MemberKey>,
        limit: usize,
    ) -> Result<Vec<Arc<Member>>, ReadError> {
        self.alive()?;
        let mut listed = Vec::new();
        let mut at = after.map_or(0, |key| u64::from(lead(&key.0)));
        while at <= u64::from(u32::MAX) && listed.len() < limit {
            let (mut members, next) = self.members_near(program, u32::try_from(at).unwrap_or(u32::MAX))?;
            members.retain(|member| after.is_none_or(|after| member.key > after));
            listed.extend(members);
            at = next;
        }
        listed.truncate(limit);
        Ok(listed)
    }

    /// A program's members in the leaf that covers a lead, and the first lead behind it.
    fn members_near(&self, program: ProgramNo, near: u32) -> Result<(Vec<Arc<Member>>, u64), ReadError> {
        let known = self.known();
        let leaf = self.members.leaf(&self.rows, near)?;
        let leads = u64::from(leaf.start)..u64::from(leaf.start) + breadth(leaf.depth);
        let ward = u8::try_from(leaf.start >> 24).unwrap_or_default();
        let fresh = known.members.unstored(ward, &leads);
        let mut members: BTreeMap<MemberKey, Arc<Member>> =
            fresh.into_iter().map(|member| (member.key, member)).collect();
        for record in Records::of(&leaf.content) {
            let (key, bytes) = record.map_err(|damage| self.rows.damaged(&damage))?;
            let key = MemberKey(key);
            if let Some(whole) = known.members.get(&key).and_then(|slot| slot.form.whole()) {
                members.insert(key, Arc::clone(whole));
            } else if member::program_of(bytes).map_err(|damage| self.rows.damaged(&damage))? == program {
                let member = member::read(bytes, key).map_err(|damage| self.rows.damaged(&damage))?;
                members.insert(key, Arc::new(member));
            }
        }
        members.retain(|_, member| member.program == program);
        Ok((members.into_values().collect(), leads.end))
    }

    /// Who is due at or before `until`, the earliest first.
    ///
    /// # Errors
    /// If a row cannot be read or is damaged.
    pub fn due(&self, until: Moment, limit: usize) -> Result<Vec<DueRow>, ReadError> {
        self.alive()?;
        let ((floor, mark), mut due) = {
            let known = self.known();
            (known.due.floor(), known.due.fresh(until).take(limit).collect::<Vec<_>>())
        };
        let (mut from, mut found, mut outdated) = (floor, 0, true);
        while found < limit {
            let look = self.look(from, until)?;
            found += look.valid.len();
            due.extend(look.valid.iter().copied());
            let Some(last) = look.last else { break };
            from = (last.0, MemberKey(following(last.1.0)));
            outdated = outdated && look.valid.is_empty();
            if outdated {
                self.know().due.raise(from, mark);
            }
        }
        due.sort_unstable();
        due.dedup();
        due.truncate(limit);
        Ok(due)
    }

    fn look(&self, from: DueRow, until: Moment) -> Result<Look, ReadError> {
        let known = self.known();
        let mut rows: Vec<DueRow> = Vec::new();
        due_pages::scan(&self.rows, from, (until, MemberKey([0xff; 16])), |page| {
            rows.extend(page);
            rows.len() < DUE_AT_ONCE
        })?;
        let last = rows.last().copied().filter(|_| rows.len() >= DUE_AT_ONCE);
        let mut valid = Vec::new();
        for row in rows {
            valid.extend(self.has_due(&known, row)?.then_some(row));
        }
        Ok(Look { valid, last })
    }

    /// Whether a row of the database is right. One of a member who is not in memory may be left from a visit of the
    /// keeper's that a crash cut short. Another build may have known of no moment as early as this one does: who is due
    /// before her row says so is due.
    fn has_due(&self, known: &Known, (at, key): DueRow) -> Result<bool, ReadError> {
        let due = match known.members.get(&key) {
            Some(slot) => slot.due(),
            None => self.snapshot(key)?.and_then(|member| member.next_due()),
        };
        Ok(due.is_some_and(|due| due <= at))
    }
}

/// The key after this one.
fn following(key: [u8; 16]) -> [u8; 16] {
    u128::from_be_bytes(key).saturating_add(1).to_be_bytes()
}
