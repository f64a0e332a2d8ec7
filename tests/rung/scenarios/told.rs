//! What came of a command, in the words of the scenario texts.

use std::fmt::Write as _;

use rung::domain::calendar::rfc3339;
use rung::domain::decide::{meter_values, spendable};
use rung::domain::event::{AddedCause, Cap, Fact, Grant, Part, TakenCause};
use rung::domain::lot::{Lot, Origin};
use rung::domain::member::MemberState;
use rung::domain::order::Refusal;
use rung::domain::program::{Program, WalletId};
use rung::domain::units::{Moment, Points};
use rung::engine::{Applied, Denied, Liability, Outcome, View};

pub fn refused(denied: &Denied) -> String {
    match denied {
        Denied::Refused(Refusal::Malformed(faults)) => {
            let faults: Vec<String> = faults.iter().map(|f| format!("MALFORMED {} {}", f.field, f.message)).collect();
            faults.join("\n")
        }
        Denied::Refused(refusal @ Refusal::KeyReused { field, .. }) => format!("{} {field}", refusal.reason()),
        Denied::Refused(refusal) => refusal.reason().to_owned(),
        Denied::Failed(failure) => format!("failed: {failure}"),
    }
}

pub fn told(verdict: Result<Applied, Denied>) -> String {
    let applied = match verdict {
        Ok(applied) => applied,
        Err(denied) => return refused(&denied),
    };
    let program = applied.view.timeline.newest();
    let mut out = String::from(if applied.outcome == Outcome::Applied { "applied" } else { "replayed" });
    for fact in applied.entries.iter().flat_map(|entry| &entry.facts) {
        out.push('\n');
        out.push_str(&fact_told(program, fact));
    }
    out
}

/// Whether a fact is about what is scarce, and not about anybody.
pub fn is_of_pot(fact: &Fact) -> bool {
    matches!(fact, Fact::PotReserved { .. } | Fact::PotSettled { .. })
}

/// One fact in words.
pub fn fact_told(program: &Program, fact: &Fact) -> String {
    match fact {
        Fact::PurchaseRecorded(recorded) => {
            let mut told: Vec<String> = recorded.grants.iter().map(|grant| grant_told(program, grant)).collect();
            if told.is_empty() {
                told.push("earns nothing".into());
            }
            told.extend(
                recorded
                    .repaid
                    .iter()
                    .map(|(wallet, points)| format!("pays back {}", points_told(program, *wallet, *points))),
            );
            told.join("\n")
        }
        Fact::TierEarned { tier, until, .. } => format!("earned {} until {}", program.text(tier.0), rfc3339(*until)),
        Fact::TierChanged { from, to, .. } => format!("moves {} to {}", program.text(from.0), program.text(to.0)),
        Fact::TierWithdrawn { tier, until } => format!("loses {} until {}", program.text(tier.0), rfc3339(*until)),
        Fact::PointsForfeited { wallet, points, .. } => format!("forfeits {} {}", points.0, program.text(wallet.0)),
        Fact::MemberEnrolled(enrolled) => format!("enrolled {}", enrolled.member_id),
        Fact::AttributesUpdated { set, .. } => format!("{} attribute(s) set", set.len()),
        Fact::IdentifierLinked(identifier) => format!("linked {} {}", identifier.kind, identifier.mask),
        Fact::IdentifierUnlinked(identifier) => format!("unlinked {} {}", identifier.kind, identifier.mask),
        Fact::MemberSuspended(_) => "suspended".into(),
        Fact::MemberReinstated(_) => "reinstated".into(),
        Fact::MemberClosed(_) => "closed".into(),
        Fact::ProgramApplied(applied) => format!("program {}", applied.version),
        other => points_fact_told(program, other),
    }
}

fn points_fact_told(program: &Program, fact: &Fact) -> String {
    let lots = |wallet: &WalletId, lots: &[Lot]| lots_told(program, *wallet, lots);
    match fact {
        Fact::PointsAdded(added) => {
            let why = match added.cause {
                AddedCause::Adjustment => "adjusted",
                AddedCause::HeadStart => "head start",
                AddedCause::OpeningState => "brought in",
                AddedCause::Refund => "comes back",
                AddedCause::Transfer => "received",
                AddedCause::Benefit => "given",
            };
            let repaid =
                if added.repaid == Points::ZERO { String::new() } else { format!(", pays back {}", added.repaid.0) };
            format!("{why}: {}{repaid}", lots(&added.wallet, &added.lots))
        }
        Fact::PointsTaken(taken) => {
            let why = match taken.cause {
                TakenCause::Expired => "expires",
                TakenCause::Inactive => "lapses",
                TakenCause::Returned => "taken back",
                TakenCause::Adjustment => "adjusted away",
                TakenCause::MilestoneLost => "given back",
            };
            let mut told = format!("{why}: {}", lots(&taken.wallet, &taken.lots));
            if taken.owed > Points::ZERO {
                write!(told, ", owes {}", points_told(program, taken.wallet, taken.owed)).unwrap();
            }
            if taken.written_off > Points::ZERO {
                write!(told, ", writes off {}", points_told(program, taken.wallet, taken.written_off)).unwrap();
            }
            told
        }
        Fact::PointsMatured { wallet, lots: matured, .. } => format!("can spend: {}", lots(wallet, matured)),
        Fact::PointsHeld { wallet, until, lots: held, .. } => {
            format!("holds until {}: {}", rfc3339(*until), lots(wallet, held))
        }
        Fact::HoldCaptured { wallet, lots: spent, rest, .. } => {
            format!("spends: {}; back: {}", lots(wallet, spent), lots(wallet, rest))
        }
        Fact::HoldReleased { wallet, lots: back, lapsed, .. } => {
            format!("{}: {}", if *lapsed { "hold lapses" } else { "lets go" }, lots(wallet, back))
        }
        Fact::EndedReturned { wallet, lots: ended } => format!("had ended: {}", lots(wallet, ended)),
        Fact::DebtPaid(paid) => {
            let what = if paid.revived > Points::ZERO { "pays what was written off" } else { "pays debt" };
            let mut told = format!("{what}: {}", lots(&paid.wallet, &paid.lots));
            if paid.written_off > Points::ZERO {
                write!(told, ", writes off {}", points_told(program, paid.wallet, paid.written_off)).unwrap();
            }
            told
        }
        Fact::RewardRedeemed(redeemed) => {
            let voucher = if redeemed.voucher.is_some() { " with a voucher" } else { "" };
            let reward = program.text(redeemed.reward.0);
            format!("redeems {} {reward}{voucher}: {}", redeemed.times, lots(&redeemed.wallet, &redeemed.lots))
        }
        Fact::RedemptionCancelled { .. } => "redemption cancelled".into(),
        Fact::VoucherUsed { .. } => "voucher used".into(),
        Fact::VoucherExpired { .. } => "voucher expires".into(),
        Fact::VouchersCut(cut) => {
            format!("cuts {} {}: {}", cut.times, program.text(cut.reward.0), lots(&cut.wallet, &cut.lots))
        }
        Fact::PurchaseReturned(returned) => format!("return {} of {}", returned.number, returned.receipt.id),
        Fact::PurchaseConfirmed { receipt } => format!("confirmed {}", receipt.id),
        Fact::PointsAdjusted { reason, actor, .. } => format!("adjusted for {reason} by {actor}"),
        Fact::TransferSent { wallet, lots: sent, .. } => format!("sends: {}", lots(wallet, sent)),
        Fact::TransferReceived { .. } => "receives".into(),
        Fact::TransferClosed { back, .. } => (if back.is_empty() { "arrived" } else { "came back" }).into(),
        Fact::ExpiryAnnounced { wallet, expires_at, points } => {
            format!("announces: {} end at {}", points_told(program, *wallet, *points), rfc3339(*expires_at))
        }
        Fact::LotsRedated { wallet, expires_at, .. } => {
            format!("all {} end at {}", program.text(wallet.0), rfc3339(*expires_at))
        }
        Fact::LotsKept { wallet, kept } => {
            format!("{} are {}", program.text(wallet.0), if *kept { "kept" } else { "kept no more" })
        }
        Fact::ActivityCounted { wallet, lapses_at, .. } => {
            format!("{} lapse at {}", program.text(wallet.0), rfc3339(*lapses_at))
        }
        Fact::StatementSet { wallet, at } => {
            format!("next statement of {} at {}", program.text(wallet.0), rfc3339(*at))
        }
        Fact::OpeningStateSet(state) => {
            let mut told: Vec<String> = state.lots.iter().map(|(wallet, lot)| lots(wallet, &[*lot])).collect();
            told.extend(
                state.debts.iter().map(|(wallet, points)| format!("owes {}", points_told(program, *wallet, *points))),
            );
            told.extend(state.meters.iter().map(|count| format!("{} {}", count.amount.0, program.text(count.meter.0))));
            told.extend(
                state.held.iter().map(|held| format!("{} until {}", program.text(held.tier.0), rfc3339(held.until))),
            );
            format!("brings: {}", told.join(", "))
        }
        Fact::Belonging(fact) => super::belonging::told(program, fact),
        Fact::Alert(fact) => super::alerts::told(program, fact),
        other => format!("{other:?}"),
    }
}

fn points_told(program: &Program, wallet: WalletId, points: Points) -> String {
    let decimals = program.wallet(wallet).map_or(0, |wallet| wallet.decimals);
    format!("{} {}", points.display(decimals), program.text(wallet.0))
}

fn lots_told(program: &Program, wallet: WalletId, lots: &[Lot]) -> String {
    if lots.is_empty() {
        return "nothing".into();
    }
    let told = lots.iter().map(|lot| {
        let mut told = format!("{} of {}", points_told(program, wallet, lot.points), lot.terms.issued);
        if lot.terms.origin == Origin::Given {
            told.push_str(" as a gift");
        }
        if lot.terms.expires_at < Moment::NEVER {
            write!(told, " until {}", rfc3339(lot.terms.expires_at)).unwrap();
        }
        match lot.terms.available_at {
            Moment::BEGINNING => {}
            Moment::NEVER => told.push_str(", waits for confirmation"),
            at => write!(told, ", pending until {}", rfc3339(at)).unwrap(),
        }
        told
    });
    told.collect::<Vec<_>>().join(" + ")
}

fn grant_told(program: &Program, grant: &Grant) -> String {
    let part = match grant.part {
        Part::Base => String::new(),
        Part::TierBonus(tier) => format!(" bonus {}", program.text(tier.0)),
    };
    let line = grant.line.map(|line| format!(" line {}", line + 1)).unwrap_or_default();
    let cap = match grant.cap {
        None => String::new(),
        Some(cap) => {
            let cap = match cap {
                Cap::Receipt => "cap per receipt",
                Cap::Member => "cap per member",
                Cap::Budget => "budget",
                Cap::Stacking => "stacking",
            };
            format!(" ({} desired, {cap})", grant.desired.0)
        }
    };
    let mut into: Vec<&str> = grant.wallet.iter().map(|wallet| program.text(wallet.0)).collect();
    let declared = grant.meters.iter().filter(|post| program.meter(post.meter).is_some());
    into.extend(declared.map(|post| program.text(post.meter.0)));
    format!("{:+} {} by {}{part}{line}{cap}", grant.granted.0, into.join(" and "), program.text(grant.rule.0))
}

pub fn shown(view: &View) -> String {
    let (member, program) = (&view.member, view.timeline.newest());
    member.check().unwrap();
    let state = match member.state {
        MemberState::Active => "active",
        MemberState::Suspended => "suspended",
        MemberState::Closed => "closed",
    };
    let mut out = state.to_owned();
    if let (Some(tier), Some(ladder)) = (member.standing.tier(), &program.ladder) {
        write!(out, ", {}", program.text(tier.0)).unwrap();
        if let Some(held) = member.standing.at(ladder, view.now) {
            write!(out, " until {}", rfc3339(held.until)).unwrap();
        }
    }
    for wallet in &program.wallets {
        let told = |points: Points| points.display(wallet.decimals);
        let Some(purse) = member.purse(wallet.id) else {
            if member.held(wallet.id) > Points::ZERO {
                write!(out, "\nwallet {} 0, held {}", program.text(wallet.id.0), told(member.held(wallet.id))).unwrap();
            }
            continue;
        };
        write!(out, "\nwallet {} {}", program.text(wallet.id.0), told(spendable(member, wallet))).unwrap();
        let parts = [("pending", member.pending(wallet.id)), ("held", member.held(wallet.id)), ("debt", purse.debt)];
        for (name, points) in parts.into_iter().filter(|(_, points)| *points != Points::ZERO) {
            write!(out, ", {name} {}", told(points)).unwrap();
        }
        for lot in purse.lots.iter().filter(|lot| lot.terms.expires_at < Moment::NEVER) {
            write!(out, "\n  {}", lots_told(program, wallet.id, &[*lot])).unwrap();
        }
        if purse.kept {
            out.push_str("\n  kept");
        }
        if purse.lapses_at < Moment::NEVER && !purse.lots.is_empty() {
            write!(out, "\n  lapse at {}", rfc3339(purse.lapses_at)).unwrap();
        }
    }
    for voucher in &member.desk().vouchers {
        let ends = if voucher.expires_at < Moment::NEVER {
            format!(" until {}", rfc3339(voucher.expires_at))
        } else {
            String::new()
        };
        write!(out, "\nvoucher for {} {}{ends}", voucher.times, program.text(voucher.reward.0)).unwrap();
    }
    let values = meter_values(program, member, view.now).unwrap();
    for (meter, value) in program.meters.iter().zip(values) {
        write!(
            out,
            "\nmeter {} {}",
            program.text(meter.id.0),
            rung::domain::units::Points(value).display(meter.decimals)
        )
        .unwrap();
    }
    for identifier in &member.identifiers {
        write!(out, "\n{} {}", identifier.kind, identifier.mask).unwrap();
    }
    out
}

/// The books, one month of one wallet a line.
pub fn books(books: &Liability) -> String {
    let program = books.timeline.newest();
    let row = |found: &rung::engine::LiabilityRow| {
        let (row, split) = (&found.row, &found.split);
        format!(
            "{} {}: issued {}, adjusted {}, redeemed {}, expired {}, returned {}, outstanding {}; sales {}, allocated {}, recognised {}, deferred {}",
            program.text(found.wallet.0),
            found.month,
            row.issued.0,
            row.adjusted.0,
            row.redeemed.0,
            row.expired.0,
            row.returned.0,
            row.outstanding().0,
            split.sales,
            split.allocated,
            split.recognised,
            split.deferred(),
        )
    };
    books.rows.iter().map(row).collect::<Vec<_>>().join("\n")
}
