//! What orders about points that were earned did, for the wire: transfers and holds.

use super::entries::entry_id;
use super::lots::{sum, wallet_of};
use super::replies::{Reply, reply};
use super::scalars::stamp;
use crate::domain::event::{Entry, Fact, Seq};
use crate::domain::lot::Lot;
use crate::domain::program::WalletId;
use crate::engine::{Applied, Outcome};
use crate::pb;

/// The reply to a transfer; what it did beside the sender's entries are the receiver's.
#[must_use]
pub fn transferred(applied: &Applied, dry_run: bool) -> pb::TransferPointsResponse {
    let Reply { outcome, entry_ids, member } = reply(applied, dry_run);
    let received = applied.beside.iter().filter(|_| kept(applied, dry_run));
    let received_entry_ids = received.map(|entry| entry_id(entry.seq)).collect();
    pb::TransferPointsResponse { outcome, entry_ids, member, received_entry_ids }
}

/// Whether the entries of an answer are in the journal.
#[must_use]
pub fn kept(applied: &Applied, dry_run: bool) -> bool {
    !dry_run || applied.outcome == Outcome::Replayed
}

/// The first fact among what was done that `pick` takes, with its entry.
pub fn find<'a, T: 'a>(applied: &'a Applied, pick: impl Fn(&'a Fact) -> Option<T>) -> Option<(&'a Entry, T)> {
    applied.entries.iter().find_map(|entry| Some((&**entry, entry.facts.iter().find_map(&pick)?)))
}

/// The reply to a hold.
#[must_use]
pub fn held(applied: &Applied, dry_run: bool) -> pb::HoldPointsResponse {
    let Reply { outcome, entry_ids, member } = reply(applied, dry_run);
    let made = find(applied, |fact| match fact {
        Fact::PointsHeld { wallet, until, lots, .. } => Some((*wallet, *until, lots)),
        _ => None,
    });
    let hold = made.map(|(entry, (wallet, until, lots))| {
        let (wallet, decimals) = wallet_of(&applied.view.timeline, wallet);
        let id = entry_id(if kept(applied, dry_run) { entry.seq } else { Seq::NONE });
        pb::Hold { hold_id: id, wallet, decimals, amount: sum(lots).0, lapses_at: stamp(until) }
    });
    let hold_id = hold.as_ref().map(|hold| hold.hold_id.clone()).unwrap_or_default();
    pb::HoldPointsResponse { outcome, entry_ids, member, hold_id, hold }
}

/// The reply to a capture.
#[must_use]
pub fn captured(applied: &Applied, dry_run: bool) -> pb::CaptureHoldResponse {
    let Reply { outcome, entry_ids, member } = reply(applied, dry_run);
    let made = find(applied, |fact| match fact {
        Fact::HoldCaptured { wallet, lots, rest, .. } => Some((*wallet, lots, rest)),
        _ => None,
    });
    let (wallet, decimals) = made.map(|(_, (wallet, ..))| told_wallet(applied, wallet)).unwrap_or_default();
    pb::CaptureHoldResponse {
        outcome,
        entry_ids,
        member,
        wallet,
        decimals,
        captured: made.map(|(_, (_, spent, _))| points(spent)).unwrap_or_default(),
        returned: made.map(|(_, (_, _, rest))| points(rest)).unwrap_or_default(),
    }
}

/// The reply to a release.
#[must_use]
pub fn released(applied: &Applied, dry_run: bool) -> pb::ReleaseHoldResponse {
    let Reply { outcome, entry_ids, member } = reply(applied, dry_run);
    let made = find(applied, |fact| match fact {
        Fact::HoldReleased { wallet, lots, .. } => Some((*wallet, lots)),
        _ => None,
    });
    let (wallet, decimals) = made.map(|(_, (wallet, _))| told_wallet(applied, wallet)).unwrap_or_default();
    let returned = made.map(|(_, (_, lots))| points(lots)).unwrap_or_default();
    pb::ReleaseHoldResponse { outcome, entry_ids, member, wallet, decimals, returned }
}

fn told_wallet(applied: &Applied, wallet: WalletId) -> (String, i32) {
    wallet_of(&applied.view.timeline, wallet)
}

fn points(lots: &[Lot]) -> i64 {
    sum(lots).0
}
