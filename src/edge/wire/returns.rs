//! A return: its request as an order of the domain, and the reply to it.

use std::sync::Arc;

use super::faults::{Faults, Path};
use super::grants::{grant, grants, tier_earned};
use super::lots::{sum, wallet_of};
use super::naming;
use super::orders::{Asked, Desk};
use super::purchase::{self, LINES_MAX, quantity, receipt};
use super::replies::{Reply, purchase_of, reply};
use super::scalars::{NAME_MAX, amount, moment, required_text};
use crate::domain::event::{AddedCause, Entry, Fact, PurchaseRecorded, PurchaseReturned, TakenCause};
use crate::domain::order::{MemberName, Purchase, Refusal, Return, ReturnLine, Verb};
use crate::domain::program::{Timeline, WalletId};
use crate::domain::units::{CurrencyCode, Points, Quantity};
use crate::engine::Applied;
use crate::pb;
use pb::return_line::What;

/// The order to take goods back, and the currency it speaks of amounts in, if it does.
pub struct AskedReturn {
    /// The order.
    pub asked: Asked,
    /// The currency of the amounts that come back.
    pub currency: Option<CurrencyCode>,
}

impl Desk<'_> {
    /// The order to take goods back.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn bring_back(self, request: pb::ReturnPurchaseRequest) -> Result<AskedReturn, Refusal> {
        let mut faults = Faults::default();
        let field = |name| Path::Field(&Path::Request, name);
        let program = naming::program(request.program, &mut faults);
        let bought = receipt(request.receipt, &field("receipt"), &mut faults);
        let exchange = exchange(request.exchange, request.return_receipt.as_ref(), request.occurred_at, &mut faults);
        let return_receipt = receipt(request.return_receipt, &field("return_receipt"), &mut faults);
        let mut currency = None;
        let lines = lines(request.lines, &mut currency, &mut faults);
        let occurred_at = moment(request.occurred_at, &field("occurred_at"), &mut faults);
        let request_id = naming::optional_request_id(request.request_id, &mut faults);
        let member = MemberName::Receipt(bought.clone());
        let returned = Return { receipt: bought, return_receipt, occurred_at, lines, exchange };
        let verb = Verb::ReturnPurchase(Arc::new(returned));
        let asked = self.asked(program, member, request_id, verb, request.dry_run);
        faults.verdict(AskedReturn { asked, currency })
    }
}

fn lines(given: Vec<pb::ReturnLine>, currency: &mut Option<CurrencyCode>, faults: &mut Faults) -> Vec<ReturnLine> {
    if given.len() > LINES_MAX {
        let message = format_args!("has {} lines, at most {LINES_MAX} are allowed", given.len());
        faults.at(&Path::Field(&Path::Request, "lines"), message);
        return Vec::new();
    }
    let mut read: Vec<ReturnLine> = Vec::with_capacity(given.len());
    for (position, value) in given.into_iter().enumerate() {
        let path = Path::Element(&Path::Request, "lines", position);
        let line = line(value, currency, &path, faults);
        let twin = read.iter().position(|other| other.line_id == line.line_id);
        if let Some(first) = twin.filter(|_| !line.line_id.is_empty()) {
            faults.at(&Path::Field(&path, "line_id"), format_args!("is the same as that of lines[{first}]"));
        }
        read.push(line);
    }
    read
}

fn line(
    given: pb::ReturnLine,
    currency: &mut Option<CurrencyCode>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> ReturnLine {
    let line_id = required_text(given.line_id, NAME_MAX, &Path::Field(path, "line_id"), faults);
    let (units, money) = (Path::Field(path, "quantity"), Path::Field(path, "amount"));
    let (quantity, minor_units) = match given.what {
        None => {
            faults.at(&units, "is required (or `amount`)");
            (Quantity::default(), 0)
        }
        Some(What::Quantity(written)) => {
            let read = quantity(&written, &units, faults);
            if read == Quantity::default() {
                faults.at(&units, "must be above 0");
            }
            (read, 0)
        }
        Some(What::Amount(given)) => {
            let minor_units = amount(Some(given), currency, &money, faults);
            if minor_units <= 0 {
                faults.at(&money, "must be above 0");
            }
            (Quantity::default(), minor_units)
        }
    };
    ReturnLine { line_id, quantity, minor_units }
}

/// What is bought instead, on the return's receipt and at its moment unless it says when.
fn exchange(
    given: Option<pb::Purchase>,
    return_receipt: Option<&pb::Receipt>,
    returned_at: Option<prost_types::Timestamp>,
    faults: &mut Faults,
) -> Option<Arc<Purchase>> {
    let mut given = given?;
    let path = Path::Field(&Path::Request, "exchange");
    match (&given.receipt, return_receipt) {
        (Some(own), Some(of_return)) if own != of_return => {
            faults.at(&Path::Field(&path, "receipt"), "must be the return's own receipt, or left out");
        }
        _ => given.receipt = return_receipt.cloned(),
    }
    given.occurred_at = given.occurred_at.or(returned_at);
    purchase::read(given, &path, faults).map(Arc::new)
}

/// The return among what was done.
#[must_use]
pub fn return_in<'a>(entries: impl IntoIterator<Item = &'a Arc<Entry>>) -> Option<(&'a Entry, &'a PurchaseReturned)> {
    entries.into_iter().find_map(|entry| {
        let returned = entry.facts.iter().find_map(|fact| match fact {
            Fact::PurchaseReturned(returned) => Some(&**returned),
            _ => None,
        });
        Some((&**entry, returned?))
    })
}

/// The reply to a return from the purchase that `bought` is.
#[must_use]
pub fn returned(applied: &Applied, bought: Option<&PurchaseRecorded>, dry_run: bool) -> pb::ReturnPurchaseResponse {
    let Reply { outcome, entry_ids, member } = reply(applied, dry_run);
    let timeline = &*applied.view.timeline;
    let found = return_in(&applied.entries);
    let taken = |returned| bought.map(|bought| taken_back(timeline, bought, returned)).unwrap_or_default();
    pb::ReturnPurchaseResponse {
        outcome,
        entry_ids,
        member,
        grants: found.map(|(_, returned)| taken(returned)).unwrap_or_default(),
        points: found.map(|(entry, _)| returned_points(timeline, entry)).unwrap_or_default(),
        tier_change: found.and_then(|(entry, _)| tier_earned(timeline, entry)),
        exchange_grants: purchase_of(applied).map(|(_, made)| grants(timeline, made)).unwrap_or_default(),
    }
}

/// What was taken back of each grant of the purchase.
fn taken_back(timeline: &Timeline, bought: &PurchaseRecorded, returned: &PurchaseReturned) -> Vec<pb::GrantReturned> {
    let told = returned.grants.iter().filter_map(|(position, points)| {
        let made = bought.grants.get(usize::from(*position))?;
        Some(pb::GrantReturned { grant: Some(grant(timeline, &bought.purchase.lines, made)), taken_back: points.0 })
    });
    told.collect()
}

/// What a return did to each wallet, in the order in which it did.
fn returned_points(timeline: &Timeline, entry: &Entry) -> Vec<pb::ReturnedPoints> {
    let mut told: Vec<(WalletId, pb::ReturnedPoints)> = Vec::new();
    for fact in &entry.facts {
        let (wallet, [taken, owed, written_off, refunded]) = match fact {
            Fact::PointsTaken(taken) if taken.cause == TakenCause::Returned => {
                (taken.wallet, [sum(&taken.lots), taken.owed, taken.written_off, Points::ZERO])
            }
            Fact::PointsAdded(added) if added.cause == AddedCause::Refund => {
                let refunded = sum(&added.lots).plus(added.repaid).unwrap_or_default();
                (added.wallet, [Points::ZERO, Points::ZERO, Points::ZERO, refunded])
            }
            _ => continue,
        };
        if !told.iter().any(|(known, _)| *known == wallet) {
            let (id, decimals) = wallet_of(timeline, wallet);
            told.push((wallet, pb::ReturnedPoints { wallet: id, decimals, ..pb::ReturnedPoints::default() }));
        }
        if let Some((_, points)) = told.iter_mut().find(|(known, _)| *known == wallet) {
            points.taken = points.taken.saturating_add(taken.0);
            points.owed = points.owed.saturating_add(owed.0);
            points.written_off = points.written_off.saturating_add(written_off.0);
            points.refunded = points.refunded.saturating_add(refunded.0);
        }
    }
    told.into_iter().map(|(_, points)| points).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::wire::tests::{desk, fields_of, line as bought_line, money};
    use prost_types::Timestamp;

    fn receipt(id: &str) -> Option<pb::Receipt> {
        Some(pb::Receipt { source: "till".into(), id: id.into() })
    }

    fn back(line_id: &str, what: What) -> pb::ReturnLine {
        pb::ReturnLine { line_id: line_id.into(), what: Some(what) }
    }

    fn request(lines: Vec<pb::ReturnLine>, exchange: Option<pb::Purchase>) -> pb::ReturnPurchaseRequest {
        pb::ReturnPurchaseRequest {
            program: "p".into(),
            receipt: receipt("1"),
            return_receipt: receipt("2"),
            occurred_at: Some(Timestamp { seconds: 7, nanos: 0 }),
            lines,
            exchange,
            ..Default::default()
        }
    }

    fn read(request: pb::ReturnPurchaseRequest) -> Result<(AskedReturn, Arc<Return>), Refusal> {
        desk(|desk| desk.bring_back(request)).map(|read| {
            let Verb::ReturnPurchase(returned) = read.asked.order.verb.clone() else { panic!() };
            (read, returned)
        })
    }

    #[test]
    fn a_return_arrives_whole() {
        let lines = vec![back("1", What::Quantity("1.5".into())), back("2", What::Amount(money(300).unwrap()))];
        let (read, returned) = read(request(lines, None)).unwrap();
        assert_eq!(read.currency, CurrencyCode::parse("USD"));
        assert_eq!(read.asked.order.member, MemberName::Receipt(returned.receipt.clone()));
        let read: Vec<_> =
            returned.lines.iter().map(|line| (&*line.line_id, line.quantity.0, line.minor_units)).collect();
        assert_eq!(read, [("1", 1_500, 0), ("2", 0, 300)]);
    }

    #[test]
    fn an_exchange_is_on_the_returns_receipt_and_at_its_moment() {
        let exchange = pb::Purchase { kind: "sale".into(), lines: vec![bought_line("1", 500)], ..Default::default() };
        let (_, returned) = read(request(Vec::new(), Some(exchange.clone()))).unwrap();
        let bought = returned.exchange.as_ref().unwrap();
        assert_eq!((&bought.receipt, Some(bought.occurred_at)), (&returned.return_receipt, returned.occurred_at));
        let same = pb::Purchase { receipt: receipt("2"), ..exchange.clone() };
        assert!(read(request(Vec::new(), Some(same))).is_ok());
        let other = pb::Purchase { receipt: receipt("3"), ..exchange };
        assert_eq!(fields_of(read(request(Vec::new(), Some(other)))), ["exchange.receipt"]);
    }

    #[test]
    fn what_comes_back_is_something() {
        let euros = pb::Money { currency_code: "EUR".into(), minor_units: 1 };
        let rows: [(Vec<pb::ReturnLine>, &[&str]); 5] = [
            (vec![back("1", What::Quantity("0".into()))], &["lines[0].quantity"]),
            (vec![back("1", What::Amount(money(0).unwrap()))], &["lines[0].amount"]),
            (vec![pb::ReturnLine { line_id: "1".into(), what: None }], &["lines[0].quantity"]),
            (vec![back("1", What::Quantity("1".into())), back("1", What::Quantity("1".into()))], &["lines[1].line_id"]),
            (
                vec![back("1", What::Amount(money(1).unwrap())), back("2", What::Amount(euros))],
                &["lines[1].amount.currency_code"],
            ),
        ];
        for (lines, fields) in rows {
            assert_eq!(fields_of(read(request(lines, None))), fields);
        }
        let nothing = fields_of(read(pb::ReturnPurchaseRequest::default()));
        assert_eq!(nothing, ["program", "receipt", "return_receipt"]);
    }
}
