//! Folding a stretch of the journal into half of the members: the part of an opening that two threads share.
//!
//! What concerns more than one member (claims, identifiers, due moments, programs) is not done here but gathered.

use std::sync::Arc;

use super::core::Core;
use super::fold::FoldError;
use super::members::Half;
use super::ward::Stored;
use crate::domain::event::{Entry, Fact, Seq};
use crate::domain::member::Member;
use crate::domain::order::{Claim, MemberKey};
use crate::domain::units::Moment;
use crate::store::ReadError;
use crate::store::effects::{Moved, moves};
use crate::store::format::Damage;
use crate::store::format::entry::{Place, member_of};
use crate::store::format::frame::{Frame, FrameHeader, Slot};

/// The due moment the snapshot database has, the one before, and the one after.
pub type Dues = (Option<Moment>, Option<Moment>, Option<Moment>);

/// What folding leaves to be done, in the order of the entries.
#[derive(Default)]
pub struct Harvest {
    /// Claims made.
    pub claims: Vec<(Claim, Seq)>,
    /// Identifiers moved.
    pub moves: Vec<(Seq, Moved)>,
    /// Members who are due at another moment.
    pub dues: Vec<(MemberKey, Dues)>,
    /// Entries that applied a program.
    pub programs: Vec<Arc<Entry>>,
}

/// An entry in its frame.
type Found<'a> = (Place, Slot, &'a [u8]);

/// Every entry of frames that stand one behind the other, the hashes of which were compared before.
///
/// # Errors
/// The first damage, or what `visit` fails with.
pub fn each_entry<E: From<ReadError>>(
    mut frames: &[u8],
    mut visit: impl FnMut(Found<'_>, &FrameHeader) -> Result<(), E>,
) -> Result<(), E> {
    while !frames.is_empty() {
        let frame = Frame::read_unproven(frames).map_err(|damage| ReadError::Damaged(damage.to_string()))?;
        for entry in frame.entries() {
            visit(entry.map_err(|damage| in_frame(&frame.header, &damage))?, &frame.header)?;
        }
        frames = frames.get(frame.header.length as usize..).unwrap_or_default();
    }
    Ok(())
}

/// Damage in a frame, told with its place.
#[must_use]
pub fn in_frame(header: &FrameHeader, damage: &Damage) -> ReadError {
    ReadError::Damaged(format!("the frame of entries {} to {}: {damage}", header.first.0, header.last().0))
}

/// Folds the entries of `half` in these frames, from `from` on.
///
/// # Errors
/// See [`FoldError`].
pub fn reap(core: &Core, half: &mut Half<'_>, frames: &[u8], from: Seq) -> Result<Harvest, FoldError> {
    let mut harvest = Harvest::default();
    each_entry(frames, |(place, slot, bytes), header| {
        let member = member_of(bytes).map_err(|damage| in_frame(header, &damage))?;
        if place.seq >= from && half.holds(&member) {
            let entry = slot.open(bytes, place).map_err(|damage| in_frame(header, &damage))?;
            reap_entry(core, half, entry, &mut harvest)?;
        }
        Ok::<_, FoldError>(())
    })?;
    Ok(harvest)
}

fn reap_entry(core: &Core, half: &mut Half<'_>, entry: Entry, harvest: &mut Harvest) -> Result<(), FoldError> {
    harvest.claims.extend(entry.claims().into_iter().map(|claim| (claim, entry.seq)));
    harvest.moves.extend(moves(&entry).map(|step| (entry.seq, step)));
    if entry.member != MemberKey::NOBODY
        && let Some(dues) = fold_member(core, half, &entry)?
        && dues.1 != dues.2
    {
        harvest.dues.push((entry.member, dues));
    }
    if entry.facts.iter().any(|fact| matches!(fact, Fact::ProgramApplied(_))) {
        harvest.programs.push(Arc::new(entry));
    }
    Ok(())
}

fn fold_member(core: &Core, half: &mut Half<'_>, entry: &Entry) -> Result<Option<Dues>, FoldError> {
    if half.has(&entry.member) {
        return half.amend(&entry.member, |member, stored| fold_into(member, stored, entry).transpose()).transpose();
    }
    let Some(mut member) = core.snapshot(entry.member)? else { return begin_member(half, entry).map(Some) };
    let stored = Stored::of(&member);
    let dues = fold_into(&mut member, stored, entry)?;
    if dues.is_some() {
        half.replace(&member, stored);
    }
    Ok(dues)
}

/// Folds an entry into a member, unless she reflects it.
fn fold_into(member: &mut Arc<Member>, stored: Stored, entry: &Entry) -> Result<Option<Dues>, FoldError> {
    if member.last_entry >= entry.seq {
        return Ok(None);
    }
    if member.last_entry != entry.previous {
        let (last, previous, seq) = (member.last_entry.0, entry.previous.0, entry.seq.0);
        return Err(FoldError::Stale(format!("a member ends at {last}, but her entry {seq} follows {previous}")));
    }
    let before = member.next_due();
    let changed = Arc::make_mut(member);
    apply(changed, entry)?;
    Ok(Some((stored.due, before, changed.next_due())))
}

fn begin_member(half: &mut Half<'_>, entry: &Entry) -> Result<Dues, FoldError> {
    if entry.previous != Seq::NONE {
        let (seq, previous) = (entry.seq.0, entry.previous.0);
        return Err(FoldError::Stale(format!("a member is missing whose entry {seq} follows {previous}")));
    }
    let mut member = Member::default();
    apply(&mut member, entry)?;
    let due = member.next_due();
    half.replace(&Arc::new(member), Stored::default());
    Ok((None, None, due))
}

fn apply(member: &mut Member, entry: &Entry) -> Result<(), ReadError> {
    member.apply_entry(entry).map_err(|error| ReadError::Damaged(format!("entry {}: {error}", entry.seq.0)))
}
