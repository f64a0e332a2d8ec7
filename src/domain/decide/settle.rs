//! Bringing a member up to now: the one code path for everything that happens because time passes.
//!
//! Points mature, are announced and expire, wallets lapse, holds lapse, vouchers are cut and expire, tiers end. A read
//! settles a copy, a write settles the member, the sweeper settles whoever is due: all three come here, so late and
//! prompt settling give the same member. What falls due at one moment comes in the order of [`DUE`].

use std::borrow::Cow;

use super::alerts::escalated;
use super::enrolment::forfeited;
use super::expiry::belonging_ended;
use super::purses;
use super::standing::{ladder_changed, tier_ended};
use super::story::Story;
use crate::domain::event::{Fact, PointsTaken, TakenCause};
use crate::domain::lot::{self, Lot};
use crate::domain::member::{Hold, Member, MemberState, Purse};
use crate::domain::program::Timeline;
use crate::domain::units::{Moment, Points};
use crate::domain::voucher::Mint;

/// What has become due by `now`, in the order in which it fell due; each judged by the version in force then.
#[must_use]
pub fn settle(member: &Member, timeline: &Timeline, mint: &Mint, now: Moment) -> Vec<Fact> {
    told(member, timeline, mint, now).facts
}

/// The member as she stands at `now`.
#[must_use]
pub fn settled<'a>(member: &'a Member, timeline: &Timeline, mint: &Mint, now: Moment) -> Cow<'a, Member> {
    let due = member.next_due().is_some_and(|due| due <= now);
    if due || timeline.ladder_change(member.recorded_at, now).is_some() {
        return Cow::Owned(told(member, timeline, mint, now).member.into_owned());
    }
    Cow::Borrowed(member)
}

fn told<'a>(member: &'a Member, timeline: &'a Timeline, mint: &'a Mint, now: Moment) -> Story<'a> {
    let mut story = Story::of(timeline, mint, member, now);
    // A sum that leaves its range ends the settling there: what was told so far stands.
    if story.run_to(now).is_err() {
        debug_assert!(false, "settling overflows");
        if story.is_endless() {
            return Story::of(timeline, mint, member, now);
        }
    }
    story
}

/// Something that falls due: when, and the facts of it.
type Due = Option<(Moment, Vec<Fact>)>;

/// Everything that can fall due, in the order in which it comes at one moment.
const DUE: [fn(&Story<'_>, Moment) -> Due; 11] = [
    ladder_changed,
    matured,
    announced,
    expired,
    lapsed,
    hold_lapsed,
    statement,
    voucher_expired,
    belonging_ended,
    tier_ended,
    escalated,
];

/// What falls due first, by `end` at the latest.
pub(super) fn next(story: &Story<'_>, end: Moment) -> Due {
    let due = story.member.next_due().is_some_and(|due| due <= end);
    if !due && story.timeline.ladder_change(story.judged_to, end).is_none() {
        return None;
    }
    let mut first: Due = None;
    for due in DUE {
        let earlier = |found: &(Moment, _)| first.as_ref().is_none_or(|(at, _)| found.0 < *at);
        if let Some(found) = due(story, end).filter(|found| found.0 <= end).filter(earlier) {
            first = Some(found);
        }
    }
    first
}

fn purses<'a>(story: &'a Story<'_>) -> impl Iterator<Item = &'a Purse> {
    story.member.purses.iter().filter(|purse| !purse.lots.is_empty())
}

/// Purses whose points can end.
fn ending<'a>(story: &'a Story<'_>) -> impl Iterator<Item = &'a Purse> {
    purses(story).filter(|purse| !purse.kept)
}

fn matured(story: &Story<'_>, _: Moment) -> Due {
    let pending = purses(story).flat_map(|purse| purse.pending().map(move |lot| (lot.terms.available_at, purse)));
    let (at, purse) = pending.min_by_key(|(at, _)| *at).filter(|(at, _)| *at < Moment::NEVER)?;
    let lots = purse.lots.iter().filter(|lot| lot.terms.available_at == at).copied().collect();
    Some((at, vec![Fact::PointsMatured { wallet: purse.wallet, at, lots }]))
}

/// Announces an end: of the lots that share it, or of the whole wallet.
fn announced(story: &Story<'_>, _: Moment) -> Due {
    let lots = ending(story).flat_map(|purse| {
        let notices = purse.lots.iter().map(|lot| (lot.terms.notice_at, lot.terms.expires_at));
        notices.chain([(purse.lapse_notice_at, purse.lapses_at)]).map(move |notice| (notice, purse))
    });
    let ((at, expires_at), purse) =
        lots.min_by_key(|(notice, _)| *notice).filter(|((at, _), _)| *at < Moment::NEVER)?;
    let whole = purse.lapses_at == expires_at;
    let going = purse.lots.iter().filter(|lot| whole || lot.terms.expires_at == expires_at);
    let points = lot::total(going).unwrap_or_default();
    Some((at, vec![Fact::ExpiryAnnounced { wallet: purse.wallet, expires_at, points }]))
}

fn expired(story: &Story<'_>, _: Moment) -> Due {
    let ends = ending(story).flat_map(|purse| purse.lots.iter().map(move |lot| (lot.terms.expires_at, purse)));
    let (at, purse) = ends.min_by_key(|(at, _)| *at).filter(|(at, _)| *at < Moment::NEVER)?;
    let lots = purse.lots.iter().filter(|lot| lot.terms.expires_at == at).copied().collect();
    // What flows back from a hold after its end is gone when it comes, not before.
    Some((at, vec![gone(purse, TakenCause::Expired, at.max(story.now), lots)]))
}

fn lapsed(story: &Story<'_>, _: Moment) -> Due {
    let member = &story.member;
    let held = |purse: &Purse| member.lapse_of_held(purse) < Moment::NEVER;
    let lapses = |purse: &&Purse| !purse.kept && (!purse.lots.is_empty() || held(purse));
    let purse = member.purses.iter().filter(lapses).min_by_key(|purse| purse.lapses_at)?;
    let at = purse.lapses_at;
    let lots = match member.state {
        // Her grace is over.
        MemberState::Closed => forfeited(purse),
        _ => (!purse.lots.is_empty()).then(|| gone(purse, TakenCause::Inactive, at, purse.lots.to_vec())),
    };
    // What is held is honoured by capture and lapses on release.
    let redated = Fact::LotsRedated { wallet: purse.wallet, expires_at: at, notice_at: Moment::NEVER };
    Some((at, lots.into_iter().chain(held(purse).then_some(redated)).collect()))
}

fn gone(purse: &Purse, cause: TakenCause, at: Moment, lots: Vec<Lot>) -> Fact {
    let (wallet, owed, written_off) = (purse.wallet, Points::ZERO, Points::ZERO);
    Fact::PointsTaken(Box::new(PointsTaken { wallet, cause, at, lots, owed, written_off }))
}

fn hold_lapsed(story: &Story<'_>, _: Moment) -> Due {
    let hold = story.member.desk().holds.iter().min_by_key(|hold| hold.until)?;
    Some((hold.until, vec![released(hold, hold.until, true)]))
}

/// The end of a hold that was not captured.
pub(super) fn released(hold: &Hold, at: Moment, lapsed: bool) -> Fact {
    Fact::HoldReleased { hold: hold.entry, wallet: hold.wallet, at, lapsed, lots: hold.lots.clone() }
}

fn statement(story: &Story<'_>, _: Moment) -> Due {
    let purse = purses(story).min_by_key(|purse| purse.statement_at)?;
    let at = purse.statement_at;
    let program = story.timeline.at(at);
    let wallet = program.wallet(purse.wallet);
    let cut = wallet.and_then(|wallet| purses::cut(story, program, wallet, at));
    let next = wallet.and_then(|wallet| Some(wallet.conversion.as_ref()?.cut.next(&program.zone, at)));
    let set = Fact::StatementSet { wallet: purse.wallet, at: next.unwrap_or(Moment::NEVER) };
    Some((at, cut.into_iter().chain([set]).collect()))
}

fn voucher_expired(story: &Story<'_>, _: Moment) -> Due {
    let voucher = story.member.desk().vouchers.iter().min_by_key(|voucher| voucher.expires_at)?;
    let at = voucher.expires_at;
    Some((at, vec![Fact::VoucherExpired { voucher: voucher.claim, at }]))
}
