//! The same key again: is it the same order, or another one under a used key?
//!
//! All fields of the order are compared, in the order in which they are documented; caller and tracing are not.

use super::{Decision, Ground, compare_belonging, fields};
use crate::domain::event::{AlertFact, Entry, Fact, MemberEnrolled, PurchaseReturned};
use crate::domain::lot;
use crate::domain::order::{
    AlertOrder, Enrolment, Line, MemberKey, MemberName, Purchase, Refusal, Return, Tender, Verb,
};
use crate::domain::program::{Program, Value};

/// The decision on an order whose key `entry` holds.
pub(super) fn replay(ground: &Ground<'_>, entry: &Entry, verb: &Verb) -> Result<Decision, Refusal> {
    if entry.member != ground.key {
        return Err(Refusal::ReceiptClaimed);
    }
    match difference(ground, entry, verb) {
        None => Ok(Decision::Replay(entry.seq)),
        Some(field) => Err(Refusal::KeyReused { field, entry: entry.seq }),
    }
}

/// The decision on an enrolment whose key `entry` holds.
pub(super) fn enrolment(program: &Program, entry: &Entry, asked: &Enrolment) -> Result<Decision, Refusal> {
    let first = entry.facts.iter().find_map(|fact| match fact {
        Fact::MemberEnrolled(enrolled) => Some(enrolled),
        _ => None,
    });
    match first.map_or(Some("verb"), |first| enrolment_difference(program, first, asked)) {
        None => Ok(Decision::Replay(entry.seq)),
        Some(field) => Err(Refusal::KeyReused { field: field.into(), entry: entry.seq }),
    }
}

fn enrolment_difference(program: &Program, first: &MemberEnrolled, asked: &Enrolment) -> Option<&'static str> {
    let same_id = first.id_given == asked.id_given && (!asked.id_given || first.member_id == asked.member_id);
    let mut identifiers: Vec<_> = asked.identifiers.iter().map(|identifier| identifier.hash).collect();
    let mut held: Vec<_> = first.identifiers.iter().map(|identifier| identifier.hash).collect();
    identifiers.sort_unstable();
    held.sort_unstable();
    let attributes = fields::enrolment_attributes(program, &asked.attributes);
    let fields = [
        ("member_id", same_id),
        ("identifiers", identifiers == held),
        ("attributes", attributes.is_ok_and(|attributes| attributes == first.attributes)),
    ];
    first_false(&fields)
}

/// The first field in which an order differs from the facts its key made before; `verb` if it asked for something
/// else altogether.
fn difference(ground: &Ground<'_>, entry: &Entry, verb: &Verb) -> Option<String> {
    for fact in &entry.facts {
        let here = match (fact, verb) {
            (Fact::PurchaseRecorded(first), Verb::RecordPurchase(asked)) => purchase(&first.purchase, asked),
            (Fact::AttributesUpdated { set, remove }, Verb::Update(update)) => {
                let same = updates_same(ground, set, remove, update);
                (!same).then(|| "attributes".into())
            }
            (Fact::IdentifierLinked(first), Verb::LinkIdentifier(asked))
            | (Fact::IdentifierUnlinked(first), Verb::UnlinkIdentifier(asked)) => {
                (first.hash != asked.hash).then(|| "identifier".into())
            }
            (Fact::MemberSuspended(first), Verb::Suspend(asked))
            | (Fact::MemberReinstated(first), Verb::Reinstate(asked))
            | (Fact::MemberClosed(first), Verb::Close(asked)) => (first != asked).then(|| "note".into()),
            (Fact::Belonging(fact), Verb::Belonging(order)) => match compare_belonging::difference(ground, fact, order)
            {
                Some(here) => here,
                None => continue,
            },
            (Fact::Alert(fact), Verb::Alert(order)) => match alert(fact, order) {
                Some(here) => here,
                None => continue,
            },
            _ => match points(ground, fact, verb) {
                Some(here) => here,
                None => continue,
            },
        };
        // A return may bring a purchase of its own, which its verb has compared.
        return here;
    }
    Some("verb".to_owned())
}

/// The first field in which an order about an alert differs from the fact it made before; `None` if the fact is not what
/// such an order makes. What is raised is known by its key alone: the day goes on while the silence does.
fn alert(fact: &AlertFact, order: &AlertOrder) -> Option<Option<String>> {
    let fields: Vec<(&'static str, bool)> = match (fact, order) {
        (AlertFact::Raised(_), AlertOrder::Raise(_)) => Vec::new(),
        (
            AlertFact::Acknowledged { alert, actor, note },
            AlertOrder::Acknowledge { alert: asked, actor: who, note: why },
        ) => vec![("alert_id", alert == asked), ("actor", actor == who), ("note", note == why)],
        _ => return None,
    };
    Some(first_false(&fields).map(str::to_owned))
}

/// The first field in which an order about points differs from the fact it made before; `None` if the fact is not what
/// such an order makes first.
fn points(ground: &Ground<'_>, fact: &Fact, verb: &Verb) -> Option<Option<String>> {
    let text = |word: crate::domain::program::Word| ground.timeline.newest().text(word);
    let fields: Vec<(&'static str, bool)> = match (fact, verb) {
        (Fact::PurchaseReturned(first), Verb::ReturnPurchase(asked)) => return Some(returned(ground, first, asked)),
        (Fact::PurchaseConfirmed { receipt }, Verb::ConfirmPurchase(asked)) => vec![("receipt", receipt == asked)],
        (Fact::PointsHeld { wallet, lots, note, until }, Verb::Hold(asked)) => {
            let claimed_at = ground.claimed.map_or(ground.now, |entry| entry.recorded_at);
            vec![
                ("wallet", text(wallet.0) == asked.wallet),
                ("amount", lot::total(lots) == Ok(asked.points)),
                ("ttl", *until == claimed_at.plus(asked.ttl)),
                ("note", *note == asked.note),
            ]
        }
        (Fact::HoldCaptured { hold, lots, rest, .. }, Verb::Capture { hold: asked, points }) => {
            let amount = points.map_or(rest.is_empty(), |points| lot::total(lots) == Ok(points));
            vec![("hold_id", hold == asked), ("amount", amount)]
        }
        (Fact::HoldReleased { hold, .. }, Verb::Release(asked)) => vec![("hold_id", hold == asked)],
        (Fact::RewardRedeemed(first), Verb::Redeem { reward, times }) => {
            vec![("reward", text(first.reward.0) == reward), ("quantity", first.times == *times)]
        }
        (
            Fact::RedemptionCancelled { redemption, reason, .. },
            Verb::CancelRedemption { redemption: asked, reason: why },
        ) => {
            vec![("redemption_id", redemption == asked), ("reason", reason == why)]
        }
        (Fact::VoucherUsed { voucher, note }, Verb::UseVoucher { voucher: asked, note: why }) => {
            vec![("code", voucher == asked), ("note", note == why)]
        }
        (Fact::PointsAdjusted { wallet, points, reason, actor }, Verb::Adjust(asked)) => vec![
            ("wallet", text(wallet.0) == asked.wallet),
            ("points", *points == asked.points),
            ("reason", *reason == asked.reason),
            ("actor", *actor == asked.actor),
        ],
        (Fact::TransferSent { to, wallet, lots, note }, Verb::Transfer(asked)) => vec![
            ("to_member_id", same_other(ground, *to, &asked.to)),
            ("wallet", text(wallet.0) == asked.wallet),
            ("points", lot::total(lots) == Ok(asked.points)),
            ("note", *note == asked.note),
        ],
        (Fact::TransferReceived { sent_by, .. }, Verb::Receive(asked)) => vec![("sent_by", *sent_by == asked.sent_by)],
        _ => return None,
    };
    Some(first_false(&fields).map(str::to_owned))
}

/// Whether an order names the member who was its other one: by what it named her by then, or as who she is.
pub(super) fn same_other(ground: &Ground<'_>, other: MemberKey, asked: &MemberName) -> bool {
    let named_by = ground.claimed.and_then(Entry::other_named_by);
    match asked {
        MemberName::Key(key) => *key == other,
        MemberName::Identifier(identifier) if named_by == Some(identifier.hash) => true,
        _ => ground.other.is_some_and(|found| found.key == other),
    }
}

/// The first field in which two returns under one return receipt differ.
fn returned(ground: &Ground<'_>, first: &PurchaseReturned, asked: &Return) -> Option<String> {
    if first.receipt != asked.receipt {
        return Some("receipt".into());
    }
    let recorded_at = ground.claimed.map_or(ground.now, |entry| entry.recorded_at);
    if asked.occurred_at.unwrap_or(recorded_at) != first.occurred_at {
        return Some("occurred_at".into());
    }
    let bought = ground.subject.and_then(Entry::purchase).map(|recorded| &*recorded.purchase);
    let line_id = |line: u16| bought.and_then(|bought| bought.lines.get(usize::from(line))).map(|line| &line.line_id);
    let pairs = first.asked.iter().zip(&asked.lines).enumerate();
    let differs = pairs.filter_map(|(at, (a, b))| {
        let fields = [
            ("line_id", line_id(a.line) == Some(&b.line_id)),
            ("quantity", a.quantity == b.quantity.0),
            ("amount", a.minor_units == b.minor_units),
        ];
        Some(format!("lines[{at}].{}", first_false(&fields)?))
    });
    let lines = (first.asked.len() != asked.lines.len()).then(|| "lines".to_owned());
    lines.or_else(|| differs.take(1).next()).or_else(|| exchanged(ground, asked))
}

fn exchanged(ground: &Ground<'_>, asked: &Return) -> Option<String> {
    let first = ground.claimed.and_then(Entry::purchase).map(|recorded| &recorded.purchase);
    match (first, &asked.exchange) {
        (None, None) => None,
        (Some(first), Some(asked)) => purchase(first, asked).map(|field| field.replacen("purchase", "exchange", 1)),
        _ => Some("exchange".into()),
    }
}

fn updates_same(
    ground: &Ground<'_>,
    set: &[crate::domain::order::AttributeValue],
    remove: &[crate::domain::program::Word],
    asked: &crate::domain::order::AttributesUpdate,
) -> bool {
    let register = &ground.timeline.newest().register;
    let mut named: Vec<(&str, &Value)> = set.iter().map(|(id, value)| (register.text(id.0), value)).collect();
    let mut wanted: Vec<(&str, &Value)> = asked.set.iter().map(|(name, value)| (&**name, value)).collect();
    named.sort_unstable();
    wanted.sort_unstable();
    let mut removed: Vec<&str> = remove.iter().map(|word| register.text(*word)).collect();
    let mut unwanted: Vec<&str> = asked.remove.iter().map(|name| &**name).collect();
    removed.sort_unstable();
    unwanted.sort_unstable();
    named == wanted && removed == unwanted
}

/// The first field in which two purchases under one receipt differ.
fn purchase(first: &Purchase, asked: &Purchase) -> Option<String> {
    let head = [
        ("purchase.kind", first.kind == asked.kind),
        ("purchase.occurred_at", first.occurred_at == asked.occurred_at),
        ("purchase.time_zone", first.zone == asked.zone),
        ("purchase.lines[0].amount.currency_code", first.currency == asked.currency),
        ("purchase.lines", first.lines.len() == asked.lines.len()),
    ];
    let tail = [
        ("purchase.tenders", first.tenders.len() == asked.tenders.len()),
        ("purchase.channel", first.channel == asked.channel),
        ("purchase.store", first.store == asked.store),
        ("purchase.partner", first.partner == asked.partner),
        ("purchase.attributes", first.attributes == asked.attributes),
    ];
    first_false(&head)
        .map(str::to_owned)
        .or_else(|| numbered("lines", &first.lines, &asked.lines, line))
        .or_else(|| numbered("tenders", &first.tenders, &asked.tenders, tender))
        .or_else(|| first_false(&tail).map(str::to_owned))
}

fn numbered<T>(
    name: &str,
    first: &[T],
    asked: &[T],
    differs: impl Fn(&T, &T) -> Option<&'static str>,
) -> Option<String> {
    let pairs = first.iter().zip(asked).enumerate();
    pairs.filter_map(|(at, (a, b))| Some(format!("purchase.{name}[{at}].{}", differs(a, b)?))).next()
}

fn line(first: &Line, asked: &Line) -> Option<&'static str> {
    first_false(&[
        ("line_id", first.line_id == asked.line_id),
        ("sku", first.sku == asked.sku),
        ("category", first.category == asked.category),
        ("quantity", first.quantity == asked.quantity),
        ("amount", first.minor_units == asked.minor_units),
        ("attributes", first.attributes == asked.attributes),
    ])
}

fn tender(first: &Tender, asked: &Tender) -> Option<&'static str> {
    first_false(&[
        ("kind", first.kind == asked.kind),
        ("amount", first.minor_units == asked.minor_units),
        ("redemption_id", first.redemption == asked.redemption),
    ])
}

pub(super) fn first_false(fields: &[(&'static str, bool)]) -> Option<&'static str> {
    fields.iter().find(|(_, same)| !same).map(|(field, _)| *field)
}
