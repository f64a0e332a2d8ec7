//! Facts about points, rewards, returns and what is scarce, told in words: which lots were taken or given back, with
//! their day and end, and why.

use super::entries::{Names, entry_id};
use super::explain::{ending, lapses_whole, noted};
use super::grants::{decimals, meter_decimals, program_of};
use super::lots::{sum, voucher_id, wallet_decimals};
use crate::domain::calendar::rfc3339;
use crate::domain::event::{
    AddedCause, Fact, LIFETIME, LineReturned, OpeningState, PointsAdded, PointsTaken, PurchaseRecorded,
    PurchaseReturned, TakenCause, VoucherIssued,
};
use crate::domain::lot::{Lot, Origin};
use crate::domain::program::{Timeline, WalletId, Word};
use crate::domain::units::{Moment, Points, Quantity, decimal_text};

/// What facts are told with.
#[derive(Clone, Copy)]
pub struct Teller<'a> {
    /// The program's versions.
    pub timeline: &'a Timeline,
    /// Whoever is named by key.
    pub names: &'a Names,
    /// The purchase that a return took back from, if it is at hand.
    pub returned: Option<&'a PurchaseRecorded>,
}

impl Teller<'_> {
    /// The sentences of a fact; none for those that `explain.rs` tells.
    #[must_use]
    pub fn sentences(self, fact: &Fact) -> Vec<String> {
        let sentence = match fact {
            Fact::PurchaseReturned(returned) => return self.brought_back(returned),
            Fact::OpeningStateSet(state) => return self.opening(state),
            Fact::PointsAdded(added) => self.added(added),
            Fact::PointsTaken(taken) => self.taken(taken),
            Fact::PointsMatured { wallet, at, lots } => {
                let what = self.lots(*wallet, lots);
                format!("From {} on these can be spent: {what}.", rfc3339(*at))
            }
            Fact::PointsAdjusted { wallet, points, reason, actor } => {
                format!("{actor} corrected the balance by {}: {reason}.", self.points(*wallet, *points))
            }
            Fact::PurchaseConfirmed { receipt } => {
                format!("Receipt {} of {} was confirmed.", receipt.id, receipt.source)
            }
            Fact::ExpiryAnnounced { wallet, expires_at, points } => {
                let points = self.points(*wallet, *points);
                format!("It was announced that {points} will be gone on {}.", rfc3339(*expires_at))
            }
            Fact::LotsRedated { wallet, expires_at, .. } => {
                format!("All {} stay{} now.", self.word(wallet.0), ending(*expires_at))
            }
            Fact::LotsKept { wallet, kept: true } => {
                format!("The member's tier keeps her {}: they do not end while she stands there.", self.word(wallet.0))
            }
            Fact::LotsKept { wallet, kept: false } => {
                format!("The member's tier keeps her {} no more.", self.word(wallet.0))
            }
            Fact::ActivityCounted { wallet, lapses_at, .. } => {
                let lapses = rfc3339(*lapses_at);
                format!("The member was active: her {} lapse on {lapses} unless she is again.", self.word(wallet.0))
            }
            Fact::StatementSet { wallet, at } if *at == Moment::NEVER => {
                format!("No day is set on which vouchers are cut from {}.", self.word(wallet.0))
            }
            Fact::StatementSet { wallet, at } => {
                format!("Vouchers are cut from {} next on {}.", self.word(wallet.0), rfc3339(*at))
            }
            Fact::TierWithdrawn { tier, until } => {
                let tier = self.word(tier.0);
                format!("{tier}, which was held{}, was withdrawn: what it rested on came back.", ending(*until))
            }
            Fact::Belonging(fact) => return self.belonging(fact).into_iter().collect(),
            Fact::Alert(fact) => self.alert(fact),
            other => return self.under_way(other).or_else(|| self.rewarded(other)).into_iter().collect(),
        };
        vec![sentence]
    }

    /// Holds and transfers.
    fn under_way(self, fact: &Fact) -> Option<String> {
        Some(match fact {
            Fact::PointsHeld { wallet, until, lots, note } => {
                let what = format!("Set aside until {}: {}", rfc3339(*until), self.lots(*wallet, lots));
                noted(&what, note)
            }
            Fact::HoldCaptured { hold, wallet, lots, rest } => {
                let (spent, rest) = (self.lots(*wallet, lots), self.lots(*wallet, rest));
                format!("Of hold {} were spent: {spent}; flowed back: {rest}.", entry_id(*hold))
            }
            Fact::HoldReleased { hold, wallet, at, lapsed, lots } => {
                let how = if *lapsed { "lapsed" } else { "was released" };
                let (hold, back) = (entry_id(*hold), self.lots(*wallet, lots));
                format!("Hold {hold} {how} on {}; flowed back: {back}.", rfc3339(*at))
            }
            Fact::DebtPaid(paid) => {
                let less = self.points(paid.wallet, paid.written_off);
                let written_off =
                    if paid.written_off == Points::ZERO { String::new() } else { format!("; {less} written off") };
                let paid_with = self.lots(paid.wallet, &paid.lots);
                match paid.revived {
                    Points::ZERO => format!("Debt was paid: {paid_with}{written_off}."),
                    _ => format!("Had been written off, and were taken as they came back: {paid_with}."),
                }
            }
            Fact::EndedReturned { wallet, lots } => {
                format!("Had ended unspent, and were taken back with the goods: {}.", self.lots(*wallet, lots))
            }
            Fact::TransferSent { to, wallet, lots, note } => {
                let to = or_somebody(self.names.of(*to));
                noted(&format!("Sent to {to}: {}", self.lots(*wallet, lots)), note)
            }
            Fact::TransferReceived { from, sent_by } => {
                format!("What {} sent by entry {} arrived.", or_somebody(self.names.of(*from)), entry_id(*sent_by))
            }
            Fact::TransferClosed { sent_by, back } if back.is_empty() => {
                format!("What was sent by entry {} has arrived.", entry_id(*sent_by))
            }
            Fact::TransferClosed { sent_by, back } => {
                let points: Vec<String> = back.iter().map(|lot| lot_in_words(lot, 0, false)).collect();
                format!("What was sent by entry {} came back: {}.", entry_id(*sent_by), points.join(", "))
            }
            _ => return None,
        })
    }

    /// Rewards, vouchers, and what is scarce.
    fn rewarded(self, fact: &Fact) -> Option<String> {
        Some(match fact {
            Fact::RewardRedeemed(redeemed) => {
                let (times, reward) = (redeemed.times, self.word(redeemed.reward.0));
                let paid = self.lots(redeemed.wallet, &redeemed.lots);
                let voucher = redeemed.voucher.as_ref().map(held).unwrap_or_default();
                format!("{times} of {reward} redeemed for: {paid}{voucher}.")
            }
            Fact::RedemptionCancelled { redemption, reason, voucher, .. } => {
                let void = voucher.map(|claim| format!(", its voucher {} is void", voucher_id(claim)));
                let what = format!("Redemption {} was cancelled{}", entry_id(*redemption), void.unwrap_or_default());
                noted(&what, reason)
            }
            Fact::VoucherUsed { voucher, note } => noted(&format!("Voucher {} was used", voucher_id(*voucher)), note),
            Fact::VoucherExpired { voucher, at } => {
                format!("Voucher {} expired unused on {}.", voucher_id(*voucher), rfc3339(*at))
            }
            Fact::VouchersCut(cut) => {
                let (times, reward) = (cut.times, self.word(cut.reward.0));
                let (id, paid) = (voucher_id(cut.voucher.claim), self.lots(cut.wallet, &cut.lots));
                let holds = ending(cut.voucher.expires_at);
                format!("Voucher {id} for {times} of {reward} holds{holds}, cut on {} from: {paid}.", rfc3339(cut.at))
            }
            Fact::PotReserved { pot, amount, member, until, .. } => {
                let member = or_somebody(self.names.of(*member));
                format!("{} of {pot} were set aside for {member} until {}.", amount.0, rfc3339(*until))
            }
            Fact::PotSettled { reservation, used } => {
                format!("Of what entry {} set aside, {} were used.", entry_id(*reservation), used.0)
            }
            Fact::PotReturned { amount, by } => format!("Entry {} gave {} back.", entry_id(*by), amount.0),
            _ => return None,
        })
    }

    pub(super) fn word(&self, word: Word) -> &str {
        self.timeline.newest().text(word)
    }

    /// `1200 miles`.
    fn points(self, wallet: WalletId, points: Points) -> String {
        let decimals = wallet_decimals(self.timeline, wallet);
        format!("{} {}", points.display(decimals), self.word(wallet.0))
    }

    /// `1200 miles (700 of 2026-05-04 until 2028-05-04T05:00:00Z, 500 of 2026-06-01 for ever)`.
    pub(super) fn lots(self, wallet: WalletId, lots: &[Lot]) -> String {
        let decimals = wallet_decimals(self.timeline, wallet);
        let lapses = lapses_whole(self.timeline, wallet);
        let parts: Vec<String> = lots.iter().map(|lot| lot_in_words(lot, decimals, lapses)).collect();
        let total = self.points(wallet, sum(lots));
        if parts.is_empty() { total } else { format!("{total} ({})", parts.join(", ")) }
    }

    fn added(self, added: &PointsAdded) -> String {
        let why = match added.cause {
            AddedCause::Adjustment => "an operator corrected the balance",
            AddedCause::HeadStart => "a head start, which never counts as earned",
            AddedCause::OpeningState => "they were brought in from elsewhere",
            AddedCause::Refund => "what they had been spent on came back",
            AddedCause::Transfer => "another member sent them",
            AddedCause::Benefit => "a milestone, a choice or a reward gave them",
        };
        let repaid = match added.repaid {
            Points::ZERO => String::new(),
            repaid => format!("; {} paid back debt", self.points(added.wallet, repaid)),
        };
        format!("Came in: {}{repaid}: {why}.", self.lots(added.wallet, &added.lots))
    }

    fn taken(self, taken: &PointsTaken) -> String {
        let why = match taken.cause {
            TakenCause::Expired => "their time was over",
            TakenCause::Inactive => "the member was not active for too long",
            TakenCause::Returned => "the goods that earned them came back",
            TakenCause::Adjustment => "an operator corrected the balance",
            TakenCause::MilestoneLost => "the milestone that gave them is no longer reached",
        };
        let rest = |points: Points, what: &str| match points {
            Points::ZERO => String::new(),
            points => format!("; {} {what}", self.points(taken.wallet, points)),
        };
        let (owed, written_off) = (rest(taken.owed, "are owed now"), rest(taken.written_off, "are written off"));
        let (at, gone) = (rfc3339(taken.at), self.lots(taken.wallet, &taken.lots));
        format!("Gone on {at}: {gone}{owed}{written_off}: {why}.")
    }

    fn brought_back(self, returned: &PurchaseReturned) -> Vec<String> {
        let (receipt, what) = (&returned.receipt, &returned.asked);
        let lines: Vec<String> = what.iter().map(|line| self.line(line)).collect();
        let opening = format!(
            "Return {} of {}, number {} for receipt {} of {}, on {}: {}.",
            returned.return_receipt.id,
            returned.return_receipt.source,
            returned.number,
            receipt.id,
            receipt.source,
            rfc3339(returned.occurred_at),
            if lines.is_empty() { "everything that had not come back".to_owned() } else { lines.join(", ") },
        );
        let grants = returned.grants.iter().map(|(grant, points)| self.grant(*grant, *points));
        let meters = returned.meters.iter().filter_map(|post| {
            let newest = self.timeline.newest();
            let meter = newest.meter(post.meter)?;
            Some(format!("{} counts {}.", newest.text(meter.id.0), post.amount.display(meter.decimals)))
        });
        std::iter::once(opening).chain(grants).chain(meters).collect()
    }

    /// A line that came back, by its name if the purchase is at hand.
    fn line(self, line: &LineReturned) -> String {
        let bought = self.returned.and_then(|recorded| recorded.purchase.lines.get(usize::from(line.line)));
        let name = bought.map_or_else(|| format!("at position {}", line.line), |bought| bought.line_id.to_string());
        let currency = self.returned.map(|recorded| recorded.purchase.currency);
        let amount = match (line.minor_units, currency) {
            (0, _) => String::new(),
            (units, Some(currency)) => {
                format!(" less {} {}", decimal_text(units.into(), currency.decimals()), currency.as_str())
            }
            (units, None) => format!(" less {units} minor units"),
        };
        let quantity = if line.quantity == 0 { String::new() } else { format!(" {} of", Quantity(line.quantity)) };
        format!("{quantity} line {name}{amount}").trim_start().to_owned()
    }

    /// What was taken back of a grant, with the rule and version that had made it.
    fn grant(self, position: u16, points: Points) -> String {
        let Some(made) = self.returned.and_then(|recorded| recorded.grants.get(usize::from(position))) else {
            return format!("Of grant {position}, {} smallest units were taken back.", points.0);
        };
        let program = program_of(self.timeline, made);
        let decimals = decimals(program, made);
        let wallet = made.wallet.map_or("points", |wallet| program.text(wallet.0));
        format!(
            "{} (version {}): {} of the {} {wallet} it had granted were taken back.",
            program.text(made.rule.0),
            made.program_version,
            points.display(decimals),
            made.granted.display(decimals),
        )
    }

    fn opening(self, state: &OpeningState) -> Vec<String> {
        let newest = self.timeline.newest();
        let joined = state.enrolled_at.map(|at| format!(", who joined on {}", rfc3339(at))).unwrap_or_default();
        let first = format!("What the member{joined} had elsewhere was brought in.");
        let lots = state.lots.iter().map(|(wallet, lot)| format!("Brought in: {}.", self.lots(*wallet, &[*lot])));
        let debts = state.debts.iter().map(|(wallet, points)| format!("Owed: {}.", self.points(*wallet, *points)));
        let meters = state.meters.iter().filter(|count| newest.meter(count.meter).is_some()).map(|count| {
            let amount = count.amount.display(meter_decimals(newest, count.meter));
            let window = if count.window == LIFETIME { "ever".into() } else { format!("from {}", count.window) };
            format!("{} counts {amount} {window}.", newest.text(count.meter.0))
        });
        let tiers = state.tier.map(|(tier, since)| {
            let since = if since == Moment::BEGINNING { "from the beginning".into() } else { rfc3339(since) };
            format!("The member stands on {} since {since}.", newest.text(tier.0))
        });
        std::iter::once(first).chain(lots).chain(debts).chain(meters).chain(tiers).collect()
    }
}

fn held(voucher: &VoucherIssued) -> String {
    format!("; voucher {} holds{}", voucher_id(voucher.claim), ending(voucher.expires_at))
}

/// Points with their day and end; of a wallet that `lapses` as a whole a lot has no end of its own to tell.
fn lot_in_words(lot: &Lot, decimals: u8, lapses: bool) -> String {
    let terms = &lot.terms;
    let waits = match terms.available_at {
        Moment::BEGINNING => String::new(),
        Moment::NEVER => ", not confirmed yet".into(),
        at => format!(", to be spent from {}", rfc3339(at)),
    };
    let given = if terms.origin == Origin::Given { ", given" } else { "" };
    let ends = if lapses && terms.expires_at == Moment::NEVER { String::new() } else { ending(terms.expires_at) };
    format!("{} of {}{ends}{waits}{given}", lot.points.display(decimals), terms.issued)
}

/// A member's id, or what stands for one who is gone.
#[must_use]
pub fn or_somebody(id: String) -> String {
    if id.is_empty() { "somebody who is not known any more".into() } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Day;
    use crate::domain::lot::Terms;
    use crate::domain::order::MemberKey;
    use crate::edge::wire::facts::tests::{cafe, every_fact};

    #[test]
    fn every_fact_has_its_sentence() {
        let (timeline, names) = (cafe(), Names([(MemberKey([2; 16]), "m-2".into())].into()));
        let teller = Teller { timeline: &timeline, names: &names, returned: None };
        let mut told = Vec::new();
        for fact in every_fact() {
            let sentences = teller.sentences(&fact);
            assert!(!sentences.is_empty(), "{fact:?}");
            told.extend(sentences);
        }
        assert!(told.iter().all(|sentence| sentence.ends_with('.') && !sentence.contains("secret")), "{told:#?}");
        let has = |sentence: &str| assert!(told.iter().any(|other| other == sentence), "{sentence}: {told:#?}");
        let lot = "12.5 of 1970-01-01 until 1970-01-02T00:00:00Z";
        has(&format!("Came in: 12.5 stars ({lot}); 0.5 stars paid back debt: what they had been spent on came back."));
        has(&format!(
            "Gone on 1970-01-01T00:00:00Z: 12.5 stars ({lot}); 0.3 stars are owed now: the goods that earned them came \
             back."
        ));
        has(&format!("Set aside until 1970-01-01T00:01:00Z: 12.5 stars ({lot}): why."));
        has("Return 2 of till, number 1 for receipt 1 of till, on 1970-01-01T00:00:01Z: 1.5 of line at position 0.");
        has("Of grant 0, 125 smallest units were taken back.");
        has("visits counts -2.");
        has("e-7 corrected the balance by -0.5 stars: sorry.");
        has(&format!("Sent to m-2: 12.5 stars ({lot})."));
        has("All stars stay for ever now.");
    }

    #[test]
    fn what_lapses_as_a_whole_is_not_told_to_stay_for_ever() {
        let ever = Lot { points: Points(70), terms: Terms::lasting(Day(0)) };
        assert_eq!(lot_in_words(&ever, 0, false), "70 of 1970-01-01 for ever");
        assert_eq!(lot_in_words(&ever, 0, true), "70 of 1970-01-01");
        let ends = Lot { terms: Terms { expires_at: Moment(0), ..ever.terms }, ..ever };
        assert_eq!(lot_in_words(&ends, 0, true), "70 of 1970-01-01 until 1970-01-01T00:00:00Z");
    }
}
