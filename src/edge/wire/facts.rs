//! Facts about points, rewards, returns and what is scarce, for the wire.
//!
//! What they share with the entry they are in (whose names, which program) is their [`Page`].

use super::entries::{Names, entry_id};
use super::grants::{meter_decimals, meter_posts};
use super::held::held_tier;
use super::lots::{lots, voucher_id, wallet_lot, wallet_of, wallet_points};
use super::purchase::receipt_of;
use super::scalars::{count32, stamp};
use crate::domain::event::{
    AddedCause, Entry, Fact, LIFETIME, LineReturned, OpeningState, PointsAdded, PointsTaken, PurchaseReturned,
    RewardRedeemed, TakenCause, VouchersCut,
};
use crate::domain::member::MeterCount;
use crate::domain::program::{Timeline, WalletId};
use crate::domain::units::{Points, Quantity};
use crate::pb;
use pb::fact::Fact as Wire;

/// What a fact is told with.
#[derive(Clone, Copy)]
pub struct Page<'a> {
    /// The program's versions.
    pub timeline: &'a Timeline,
    /// Whoever is named by key.
    pub names: &'a Names,
    /// The entry the fact is in.
    pub entry: &'a Entry,
}

impl Page<'_> {
    /// A fact; `None` for those that `entries.rs` tells.
    #[must_use]
    pub fn told(self, fact: &Fact) -> Option<Wire> {
        Some(match fact {
            Fact::PointsAdded(added) => Wire::PointsAdded(self.added(added)),
            Fact::PointsTaken(taken) => Wire::PointsTaken(self.taken(taken)),
            Fact::PointsMatured { wallet, at, lots: matured } => {
                let (wallet, decimals) = self.wallet(*wallet);
                let lots = lots(self.entry, matured);
                Wire::PointsMatured(pb::PointsMatured { wallet, decimals, at: stamp(*at), lots })
            }
            Fact::PointsAdjusted { wallet, points, reason, actor } => {
                let (wallet, decimals) = self.wallet(*wallet);
                let (reason, actor) = (reason.to_string(), actor.to_string());
                Wire::PointsAdjusted(pb::PointsAdjusted { wallet, decimals, points: points.0, reason, actor })
            }
            Fact::ExpiryAnnounced { wallet, expires_at, points } => {
                let (wallet, decimals) = self.wallet(*wallet);
                let expires_at = stamp(*expires_at);
                Wire::ExpiryAnnounced(pb::ExpiryAnnounced { wallet, decimals, expires_at, points: points.0 })
            }
            Fact::LotsRedated { wallet, expires_at, notice_at } => Wire::LotsRedated(pb::LotsRedated {
                wallet: self.wallet(*wallet).0,
                expires_at: stamp(*expires_at),
                notice_at: stamp(*notice_at),
            }),
            Fact::LotsKept { wallet, kept } => {
                Wire::LotsKept(pb::LotsKept { wallet: self.wallet(*wallet).0, kept: *kept })
            }
            Fact::ActivityCounted { wallet, lapses_at, notice_at, .. } => Wire::ActivityCounted(pb::ActivityCounted {
                wallet: self.wallet(*wallet).0,
                lapses_at: stamp(*lapses_at),
                notice_at: stamp(*notice_at),
            }),
            Fact::StatementSet { wallet, at } => {
                Wire::StatementSet(pb::StatementSet { wallet: self.wallet(*wallet).0, at: stamp(*at) })
            }
            Fact::PurchaseReturned(returned) => Wire::PurchaseReturned(self.returned(returned)),
            Fact::PurchaseConfirmed { receipt } => {
                Wire::PurchaseConfirmed(pb::PurchaseConfirmed { receipt: Some(receipt_of(receipt)) })
            }
            Fact::OpeningStateSet(state) => Wire::OpeningStateSet(self.opening(state)),
            Fact::TierWithdrawn { tier, until } => {
                Wire::TierWithdrawn(pb::TierWithdrawn { tier: self.text(tier.0), until: stamp(*until) })
            }
            Fact::Belonging(fact) => return self.belonging(fact),
            Fact::Alert(fact) => self.alert(fact),
            other => return self.under_way(other).or_else(|| self.rewarded(other)).or_else(|| self.scarce(other)),
        })
    }

    /// Holds and transfers.
    fn under_way(self, fact: &Fact) -> Option<Wire> {
        Some(match fact {
            Fact::PointsHeld { wallet, until, lots: held, note } => {
                let (wallet, decimals) = self.wallet(*wallet);
                let (lots, note) = (lots(self.entry, held), note.to_string());
                Wire::PointsHeld(pb::PointsHeld { wallet, decimals, lapses_at: stamp(*until), lots, note })
            }
            Fact::HoldCaptured { hold, wallet, lots: spent, rest } => {
                let (wallet, decimals) = self.wallet(*wallet);
                let (lots, rest) = (lots(self.entry, spent), lots(self.entry, rest));
                Wire::HoldCaptured(pb::HoldCaptured { hold_id: entry_id(*hold), wallet, decimals, lots, rest })
            }
            Fact::HoldReleased { hold, wallet, at, lapsed, lots: back } => {
                let (wallet, decimals) = self.wallet(*wallet);
                let (hold_id, at, lots) = (entry_id(*hold), stamp(*at), lots(self.entry, back));
                Wire::HoldReleased(pb::HoldReleased { hold_id, wallet, decimals, at, lapsed: *lapsed, lots })
            }
            Fact::DebtPaid(paid) => {
                let (wallet, decimals) = self.wallet(paid.wallet);
                let (at, lots) = (stamp(paid.at), lots(self.entry, &paid.lots));
                let (written_off, revived) = (paid.written_off.0, paid.revived.0);
                Wire::DebtPaid(pb::DebtPaid { wallet, decimals, at, lots, written_off, revived })
            }
            Fact::EndedReturned { wallet, lots: ended } => {
                let (wallet, decimals) = self.wallet(*wallet);
                Wire::EndedReturned(pb::EndedReturned { wallet, decimals, lots: lots(self.entry, ended) })
            }
            Fact::TransferSent { to, wallet, lots: sent, note } => {
                let (wallet, decimals) = self.wallet(*wallet);
                let (to_member_id, note) = (self.names.of(*to), note.to_string());
                let lots = lots(self.entry, sent);
                Wire::TransferSent(pb::TransferSent { to_member_id, wallet, decimals, lots, note })
            }
            Fact::TransferReceived { from, sent_by } => Wire::TransferReceived(pb::TransferReceived {
                from_member_id: self.names.of(*from),
                sent_by_entry_id: entry_id(*sent_by),
            }),
            Fact::TransferClosed { sent_by, back } => Wire::TransferClosed(pb::TransferClosed {
                sent_by_entry_id: entry_id(*sent_by),
                arrived: back.is_empty(),
                back: lots(self.entry, back),
            }),
            _ => return None,
        })
    }

    /// Rewards and vouchers.
    fn rewarded(self, fact: &Fact) -> Option<Wire> {
        Some(match fact {
            Fact::RewardRedeemed(redeemed) => Wire::RewardRedeemed(self.redeemed(redeemed)),
            Fact::RedemptionCancelled { redemption, reason, voucher, .. } => {
                Wire::RedemptionCancelled(pb::RedemptionCancelled {
                    redemption_id: entry_id(*redemption),
                    reason: reason.to_string(),
                    voucher_id: voucher.map(voucher_id).unwrap_or_default(),
                })
            }
            Fact::VoucherUsed { voucher, note } => {
                Wire::VoucherUsed(pb::VoucherUsed { voucher_id: voucher_id(*voucher), note: note.to_string() })
            }
            Fact::VoucherExpired { voucher, at } => {
                Wire::VoucherExpired(pb::VoucherExpired { voucher_id: voucher_id(*voucher), at: stamp(*at) })
            }
            Fact::VouchersCut(cut) => Wire::VouchersCut(self.cut(cut)),
            _ => return None,
        })
    }

    /// Stocks and budgets.
    fn scarce(self, fact: &Fact) -> Option<Wire> {
        Some(match fact {
            Fact::PotReserved { pot, amount, member, until, .. } => Wire::PotReserved(pb::PotReserved {
                pot: pot.to_string(),
                amount: amount.0,
                member_id: self.names.of(*member),
                until: stamp(*until),
            }),
            Fact::PotSettled { reservation, used } => {
                Wire::PotSettled(pb::PotSettled { reservation_entry_id: entry_id(*reservation), used: used.0 })
            }
            Fact::PotReturned { amount, by } => {
                Wire::PotReturned(pb::PotReturned { amount: amount.0, by_entry_id: entry_id(*by) })
            }
            _ => return None,
        })
    }

    fn text(self, word: crate::domain::program::Word) -> String {
        self.timeline.newest().text(word).to_owned()
    }

    fn wallet(self, wallet: WalletId) -> (String, i32) {
        wallet_of(self.timeline, wallet)
    }

    fn added(self, added: &PointsAdded) -> pb::PointsAdded {
        let (wallet, decimals) = self.wallet(added.wallet);
        let cause = match added.cause {
            AddedCause::Adjustment => pb::PointsAddedCause::Adjustment,
            AddedCause::HeadStart => pb::PointsAddedCause::HeadStart,
            AddedCause::OpeningState => pb::PointsAddedCause::OpeningState,
            AddedCause::Refund => pb::PointsAddedCause::Refund,
            AddedCause::Transfer => pb::PointsAddedCause::Transfer,
            AddedCause::Benefit => pb::PointsAddedCause::Benefit,
        };
        let lots = lots(self.entry, &added.lots);
        pb::PointsAdded { wallet, decimals, cause: cause.into(), lots, repaid: added.repaid.0 }
    }

    fn taken(self, taken: &PointsTaken) -> pb::PointsTaken {
        let (wallet, decimals) = self.wallet(taken.wallet);
        let cause = match taken.cause {
            TakenCause::Expired => pb::PointsTakenCause::Expired,
            TakenCause::Inactive => pb::PointsTakenCause::Inactive,
            TakenCause::Returned => pb::PointsTakenCause::Returned,
            TakenCause::Adjustment => pb::PointsTakenCause::Adjustment,
            TakenCause::MilestoneLost => pb::PointsTakenCause::MilestoneLost,
        };
        pb::PointsTaken {
            wallet,
            decimals,
            cause: cause.into(),
            at: stamp(taken.at),
            lots: lots(self.entry, &taken.lots),
            owed: taken.owed.0,
            written_off: taken.written_off.0,
        }
    }

    fn redeemed(self, redeemed: &RewardRedeemed) -> pb::RewardRedeemed {
        let (wallet, decimals) = self.wallet(redeemed.wallet);
        pb::RewardRedeemed {
            reward: self.text(redeemed.reward.0),
            quantity: count32(redeemed.times),
            wallet,
            decimals,
            lots: lots(self.entry, &redeemed.lots),
            voucher_id: redeemed.voucher.as_ref().map(|issued| voucher_id(issued.claim)).unwrap_or_default(),
            voucher_expires_at: redeemed.voucher.as_ref().and_then(|issued| stamp(issued.expires_at)),
        }
    }

    fn cut(self, cut: &VouchersCut) -> pb::VouchersCut {
        let (wallet, decimals) = self.wallet(cut.wallet);
        pb::VouchersCut {
            wallet,
            decimals,
            at: stamp(cut.at),
            reward: self.text(cut.reward.0),
            quantity: count32(cut.times),
            lots: lots(self.entry, &cut.lots),
            voucher_id: voucher_id(cut.voucher.claim),
            voucher_expires_at: stamp(cut.voucher.expires_at),
        }
    }

    fn returned(self, returned: &PurchaseReturned) -> pb::PurchaseReturned {
        let taken = |(grant, points): &(u16, Points)| pb::GrantTaken { grant: (*grant).into(), points: points.0 };
        pb::PurchaseReturned {
            return_receipt: Some(receipt_of(&returned.return_receipt)),
            receipt: Some(receipt_of(&returned.receipt)),
            purchase_entry_id: entry_id(returned.purchase),
            number: count32(returned.number),
            occurred_at: stamp(returned.occurred_at),
            lines: returned.asked.iter().map(line_returned).collect(),
            so_far: returned.so_far.iter().map(line_returned).collect(),
            grants: returned.grants.iter().map(taken).collect(),
            meters: meter_posts(self.timeline.newest(), &returned.meters),
            refunded_so_far: returned.refunded_so_far.0,
            minor_units: returned.minor_units,
        }
    }

    fn opening(self, state: &OpeningState) -> pb::OpeningStateSet {
        let lot = |(wallet, lot): &(WalletId, _)| wallet_lot(self.timeline, self.entry, *wallet, lot);
        pb::OpeningStateSet {
            enrolled_at: state.enrolled_at.and_then(stamp),
            lots: state.lots.iter().map(lot).collect(),
            debts: state.debts.iter().map(|debt| wallet_points(self.timeline, *debt)).collect(),
            meters: state.meters.iter().map(|count| self.meter_count(count)).collect(),
            held: state.held.iter().map(|held| held_tier(self.timeline.newest(), held)).collect(),
            tier: state.tier.map(|(tier, _)| self.text(tier.0)).unwrap_or_default(),
            tier_since: state.tier.and_then(|(_, since)| stamp(since)),
        }
    }

    fn meter_count(self, count: &MeterCount) -> pb::MeterCount {
        pb::MeterCount {
            meter: self.text(count.meter.0),
            decimals: meter_decimals(self.timeline.newest(), count.meter).into(),
            window: if count.window == LIFETIME { String::new() } else { count.window.to_string() },
            amount: count.amount.0,
        }
    }
}

fn line_returned(line: &LineReturned) -> pb::LineReturned {
    pb::LineReturned {
        line: line.line.into(),
        quantity: Quantity(line.quantity).to_string(),
        minor_units: line.minor_units,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::calendar::Day;
    use crate::domain::event::{DebtPaid, MeterPost, Seq, VoucherIssued};
    use crate::domain::lot::{Lot, Terms};
    use crate::domain::member::Held;
    use crate::domain::order::{Claim, MemberKey, ReceiptKey};
    use crate::domain::program::{MeterId, ProgramNo, Register, RewardId, TierId, Word, source};
    use crate::domain::units::Moment;
    use std::sync::Arc;

    const CAFE: &str = r#"id = "cafe"
zone = "UTC"
currency = "USD"
[wallets.stars]
decimals = 1
[meters.visits]
window = "lifetime"
[[earning]]
rule = "r"
basis = "amount"
rate = "1 per 1.00"
rounding = "floor"
wallet = "stars"
"#;

    pub(in crate::edge::wire) fn cafe() -> Timeline {
        let program = source::read(CAFE, 1, Moment::BEGINNING, &Register::default()).unwrap();
        Timeline::new(ProgramNo(0), Arc::new(program))
    }

    pub(in crate::edge::wire) fn entry_of(facts: Vec<Fact>) -> Entry {
        Entry {
            seq: Seq(9),
            program: ProgramNo(0),
            member: MemberKey([1; 16]),
            previous: Seq::NONE,
            recorded_at: Moment(0),
            program_version: 1,
            request_id: "".into(),
            principal: "".into(),
            trace_id: "".into(),
            named_by: None,
            facts,
        }
    }

    const STARS: WalletId = WalletId(Word(0));

    pub(in crate::edge::wire) fn lot(points: i64) -> Lot {
        let terms = Terms { expires_at: Moment(86_400_000_000), ..Terms::lasting(Day(0)) };
        Lot { terms, points: Points(points) }
    }

    fn receipt(id: &str) -> ReceiptKey {
        ReceiptKey { source: "till".into(), id: id.into() }
    }

    fn voucher() -> VoucherIssued {
        VoucherIssued { claim: Claim([7; 16]), nonce: "secret".into(), expires_at: Moment::NEVER }
    }

    /// One of every fact that moves points, with the lots of 1970-01-01.
    pub(in crate::edge::wire) fn every_fact() -> Vec<Fact> {
        let (wallet, at, lots, note) = (STARS, Moment(0), vec![lot(125)], "why".into());
        let other = MemberKey([2; 16]);
        let (reward, tier, claim) = (RewardId(Word(2)), TierId(Word(2)), Claim([7; 16]));
        let post = MeterPost { meter: MeterId(Word(1)), window: LIFETIME, amount: Points(-2) };
        let hidden = MeterPost { meter: MeterId(Word(0)), ..post };
        let line = LineReturned { line: 0, quantity: 1_500, minor_units: 0 };
        let added = PointsAdded { wallet, cause: AddedCause::Refund, lots: lots.clone(), repaid: Points(5) };
        let taken = PointsTaken {
            wallet,
            cause: TakenCause::Returned,
            at,
            lots: lots.clone(),
            owed: Points(3),
            written_off: Points::ZERO,
        };
        let redeemed = RewardRedeemed {
            reward,
            times: 2,
            wallet,
            lots: lots.clone(),
            count: Some(hidden),
            voucher: Some(voucher()),
        };
        let cut = VouchersCut { wallet, at, reward, times: 1, lots: lots.clone(), voucher: voucher() };
        let returned = PurchaseReturned {
            return_receipt: receipt("2"),
            receipt: receipt("1"),
            purchase: Seq(4),
            number: 1,
            occurred_at: Moment(1_000_000),
            asked: vec![line],
            so_far: vec![line],
            grants: vec![(0, Points(125))],
            meters: vec![post, hidden],
            refunded_so_far: Points::ZERO,
            taken: Vec::new(),
            bought: (at, 1),
            minor_units: 300,
        };
        let state = OpeningState {
            lots: vec![(wallet, lot(10))],
            debts: vec![(wallet, Points(1))],
            meters: vec![MeterCount { meter: MeterId(Word(1)), window: LIFETIME, amount: Points(4) }],
            held: vec![Held::earned(tier, at, Moment::NEVER)],
            tier: Some((tier, at)),
            ..OpeningState::default()
        };
        let (hold, until) = (Seq(3), Moment(60_000_000));
        vec![
            Fact::PointsAdded(Box::new(added)),
            Fact::PointsTaken(Box::new(taken)),
            Fact::PointsMatured { wallet, at, lots: lots.clone() },
            Fact::PointsHeld { wallet, until, lots: lots.clone(), note },
            Fact::HoldCaptured { hold, wallet, lots: lots.clone(), rest: Vec::new() },
            Fact::HoldReleased { hold, wallet, at, lapsed: true, lots: lots.clone() },
            Fact::RewardRedeemed(Box::new(redeemed)),
            Fact::RedemptionCancelled { redemption: hold, reason: "".into(), count: None, voucher: Some(claim) },
            Fact::VoucherUsed { voucher: claim, note: "".into() },
            Fact::VoucherExpired { voucher: claim, at },
            Fact::VouchersCut(Box::new(cut)),
            Fact::PurchaseReturned(Box::new(returned)),
            Fact::PurchaseConfirmed { receipt: receipt("1") },
            Fact::PointsAdjusted { wallet, points: Points(-5), reason: "sorry".into(), actor: "e-7".into() },
            Fact::TransferSent { to: other, wallet, lots: lots.clone(), note: "".into() },
            Fact::TransferReceived { from: other, sent_by: hold },
            Fact::TransferClosed { sent_by: hold, back: Vec::new() },
            Fact::ExpiryAnnounced { wallet, expires_at: until, points: Points(125) },
            Fact::LotsRedated { wallet, expires_at: Moment::NEVER, notice_at: Moment::NEVER },
            Fact::ActivityCounted { wallet, lapses_at: until, notice_at: Moment::NEVER, before: None },
            Fact::StatementSet { wallet, at: Moment::NEVER },
            Fact::OpeningStateSet(Box::new(state)),
            Fact::TierWithdrawn { tier, until },
            Fact::PotReserved { pot: "stock:mug".into(), amount: Points(1), member: other, order: claim, until },
            Fact::PotSettled { reservation: hold, used: Points(1) },
            Fact::PotReturned { amount: Points(1), by: hold },
            Fact::DebtPaid(Box::new(DebtPaid {
                wallet,
                at,
                lots: lots.clone(),
                written_off: Points(1),
                revived: Points::ZERO,
            })),
            Fact::EndedReturned { wallet, lots },
        ]
    }

    #[test]
    fn every_fact_is_told_and_no_secret_with_it() {
        let (timeline, names) = (cafe(), Names([(MemberKey([2; 16]), "m-2".into())].into()));
        let entry = entry_of(every_fact());
        let told = super::super::entries::entry(&timeline, &names, &entry);
        assert_eq!(told.facts.len(), 28);
        assert!(told.facts.iter().all(|fact| fact.fact.is_some()), "{told:#?}");
        assert!(!format!("{told:?}").contains("secret"), "what a code is made from goes nowhere");
        assert_eq!(told.member_id, "", "the entry of a pot belongs to no member");
        assert_eq!(told.occurred_at.unwrap().seconds, 1, "a return happens when the till says");
    }

    #[test]
    fn a_lot_that_an_entry_makes_is_its_own_and_meters_of_limits_stay_hidden() {
        let (timeline, names) = (cafe(), Names::default());
        let entry = entry_of(every_fact());
        let page = Page { timeline: &timeline, names: &names, entry: &entry };
        let Some(Wire::PointsAdded(added)) = page.told(&entry.facts[0]) else { panic!() };
        let part = added.lots.first().unwrap();
        assert_eq!((&*part.entry_id, &*part.issued, part.points, added.decimals), ("9", "1970-01-01", 125, 1));
        assert_eq!((part.available_at, part.expires_at.unwrap().seconds, part.unconfirmed), (None, 86_400, false));
        let Some(Wire::PurchaseReturned(returned)) = page.told(&entry.facts[11]) else { panic!() };
        let meters: Vec<_> = returned.meters.iter().map(|post| (&*post.meter, post.amount)).collect();
        assert_eq!(meters, [("visits", -2)]);
        assert_eq!(returned.lines.first().unwrap().quantity, "1.5");
    }
}
