use std::collections::BTreeMap;

use prost::Message;
use prost_types::Timestamp;

use super::naming::Identify;
use super::orders::Desk;
use crate::domain::order::{Caller, Fault, Identifier, IdentifierHash, MemberName, Order, Refusal, Verb};
use crate::domain::program::Value;
use crate::domain::units::{Moment, Quantity};
use crate::pb;

/// Hashes nothing: the kind and value stay readable in the mask.
struct Plain;

impl Identify for Plain {
    fn identify(&self, program: &str, kind: &str, value: &str) -> Identifier {
        let mut hash = [0; 16];
        let text = format!("{program}/{kind}/{}", value.trim());
        text.bytes().enumerate().for_each(|(at, byte)| hash[at % 16] ^= byte.rotate_left(at as u32 / 16));
        Identifier { kind: kind.into(), hash: IdentifierHash(hash), mask: value.into() }
    }
}

pub(super) fn desk<T>(then: impl FnOnce(Desk<'_>) -> T) -> T {
    let caller = Caller { principal: "".into(), trace_id: "t".into() };
    then(Desk { caller: &caller, identify: &Plain })
}

pub(super) fn money(minor_units: i64) -> Option<pb::Money> {
    Some(pb::Money { currency_code: "USD".into(), minor_units })
}

pub(super) fn line(id: &str, minor_units: i64) -> pb::PurchaseLine {
    pb::PurchaseLine {
        line_id: id.into(),
        category: "fare".into(),
        quantity: "1".into(),
        amount: money(minor_units),
        ..Default::default()
    }
}

/// The purchase of the published example, with a discount line and a tender.
fn request() -> pb::RecordPurchaseRequest {
    pb::RecordPurchaseRequest {
        program: "aadvantage".into(),
        member_id: "m-1001".into(),
        purchase: Some(pb::Purchase {
            receipt: Some(pb::Receipt { source: "aa.com".into(), id: "0012345678901".into() }),
            kind: "flight".into(),
            occurred_at: Some(Timestamp { seconds: 1_777_886_999, nanos: 123_456_789 }),
            lines: vec![line("1", 143_600), line("2", 45_800), line("3", -21_234)],
            tenders: vec![pb::Tender { kind: "card".into(), amount: money(168_166), ..Default::default() }],
            time_zone: "America/Chicago".into(),
            attributes: attributes([("nights", integer(2))]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn integer(n: i64) -> pb::AttributeValue {
    pb::AttributeValue { value: Some(pb::attribute_value::Value::Integer(n)) }
}

fn text(text: impl Into<String>) -> pb::AttributeValue {
    pb::AttributeValue { value: Some(pb::attribute_value::Value::Text(text.into())) }
}

fn attributes<const N: usize>(given: [(&str, pb::AttributeValue); N]) -> BTreeMap<String, pb::AttributeValue> {
    given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn record(request: pb::RecordPurchaseRequest) -> Result<Order, Refusal> {
    desk(|desk| desk.record(request)).map(|asked| asked.order)
}

fn faults_of<T>(outcome: Result<T, Refusal>) -> Vec<Fault> {
    match outcome {
        Ok(_) => Vec::new(),
        Err(Refusal::Malformed(faults)) => faults,
        Err(other) => panic!("{other}"),
    }
}

pub(super) fn fields_of<T>(outcome: Result<T, Refusal>) -> Vec<String> {
    faults_of(outcome).into_iter().map(|fault| fault.field).collect()
}

#[test]
fn a_purchase_arrives_whole() {
    let order = record(request()).unwrap();
    assert_eq!(order.member, MemberName::Id("m-1001".into()));
    assert_eq!((&*order.request_id, &*order.caller.trace_id), ("", "t"));
    let Verb::RecordPurchase(purchase) = order.verb else { panic!() };
    assert_eq!(purchase.occurred_at, Moment(1_777_886_999_123_456), "what is finer than a microsecond is cut off");
    assert_eq!(purchase.total(), Some(168_166));
    assert_eq!(purchase.lines[2].quantity, Quantity::ONE);
    assert_eq!(*purchase.attributes, [("nights".into(), Value::Integer(2))]);
    let mut back = super::purchase::reported(&purchase);
    back.occurred_at = request().purchase.unwrap().occurred_at;
    assert_eq!(Some(back), request().purchase);
}

/// One way to spoil a purchase request, and the fields that are named for it.
type Row = (&'static str, fn(&mut pb::RecordPurchaseRequest, &mut pb::Purchase), &'static [&'static str]);

const SPOILT: &[Row] = &[
    ("no program", |r, _| r.program.clear(), &["program"]),
    ("a long program", |r, _| r.program = "p".repeat(65), &["program"]),
    ("nobody", |r, _| r.member_id.clear(), &["member_id"]),
    ("somebody twice", |r, _| r.identifier = card("1"), &["identifier"]),
    ("a member with a space", |r, _| r.member_id = "m 1".into(), &["member_id"]),
    ("a member beyond ASCII", |r, _| r.member_id = "zoë".into(), &["member_id"]),
    ("a long member", |r, _| r.member_id = "m".repeat(129), &["member_id"]),
    ("a long request id", |r, _| r.request_id = "r".repeat(129), &["request_id"]),
    ("no receipt", |_, p| p.receipt = None, &["purchase.receipt"]),
    ("no source", |_, p| receipt(p).source.clear(), &["purchase.receipt.source"]),
    ("a long source", |_, p| receipt(p).source = "s".repeat(65), &["purchase.receipt.source"]),
    ("no number", |_, p| receipt(p).id.clear(), &["purchase.receipt.id"]),
    ("a long number", |_, p| receipt(p).id = "1".repeat(129), &["purchase.receipt.id"]),
    ("no kind", |_, p| p.kind.clear(), &["purchase.kind"]),
    ("no time", |_, p| p.occurred_at = None, &["purchase.occurred_at"]),
    ("year 10000", |_, p| p.occurred_at = at(253_402_300_800, 0), &["purchase.occurred_at"]),
    ("year 0", |_, p| p.occurred_at = at(-62_135_596_801, 0), &["purchase.occurred_at"]),
    ("negative nanos", |_, p| p.occurred_at = at(0, -1), &["purchase.occurred_at"]),
    ("too many nanos", |_, p| p.occurred_at = at(0, 1_000_000_000), &["purchase.occurred_at"]),
    ("no lines", |_, p| p.lines.clear(), &["purchase.lines"]),
    ("501 lines", |_, p| p.lines = (0..501).map(|n| line(&n.to_string(), 1)).collect(), &["purchase.lines"]),
    ("less than nothing", |_, p| p.lines[2] = line("3", -189_401), &["purchase.lines"]),
    ("a line twice", |_, p| p.lines[2].line_id = "1".into(), &["purchase.lines[2].line_id"]),
    ("no line id", |_, p| p.lines[1].line_id.clear(), &["purchase.lines[1].line_id"]),
    ("a long line id", |_, p| p.lines[1].line_id = "1".repeat(65), &["purchase.lines[1].line_id"]),
    ("a long sku", |_, p| p.lines[1].sku = "s".repeat(257), &["purchase.lines[1].sku"]),
    ("a long category", |_, p| p.lines[1].category = "c".repeat(257), &["purchase.lines[1].category"]),
    ("four decimals", |_, p| p.lines[0].quantity = "1.0001".into(), &["purchase.lines[0].quantity"]),
    ("fewer than none", |_, p| p.lines[0].quantity = "-1".into(), &["purchase.lines[0].quantity"]),
    ("no number at all", |_, p| p.lines[0].quantity = "1e3".into(), &["purchase.lines[0].quantity"]),
    ("no amount", |_, p| p.lines[0].amount = None, &["purchase.lines[0].amount"]),
    ("two currencies", |_, p| currency(p, 1, "EUR"), &["purchase.lines[1].amount.currency_code"]),
    ("no currency", |_, p| currency(p, 1, "usd"), &["purchase.lines[1].amount.currency_code"]),
    ("33 tenders", |_, p| p.tenders = vec![p.tenders[0].clone(); 33], &["purchase.tenders"]),
    ("a tender of less", |_, p| p.tenders[0].amount = money(-1), &["purchase.tenders[0].amount"]),
    ("a tender of no kind", |_, p| p.tenders[0].kind.clear(), &["purchase.tenders[0].kind"]),
    ("a word for a hold", |_, p| p.tenders[0].redemption_id = "h-1".into(), &["purchase.tenders[0].redemption_id"]),
    ("a hold at zero", |_, p| p.tenders[0].redemption_id = "07".into(), &["purchase.tenders[0].redemption_id"]),
    ("a long channel", |_, p| p.channel = "c".repeat(257), &["purchase.channel"]),
    ("a long store", |_, p| p.store = "s".repeat(257), &["purchase.store"]),
    ("a long partner", |_, p| p.partner = "p".repeat(257), &["purchase.partner"]),
    ("no such zone", |_, p| p.time_zone = "Mars/Olympus".into(), &["purchase.time_zone"]),
    (
        "65 attributes",
        |_, p| p.attributes = (0..65).map(|n| (n.to_string(), integer(1))).collect(),
        &["purchase.attributes"],
    ),
    ("no value", |_, p| p.attributes = attributes([("x", Default::default())]), &["purchase.attributes[\"x\"]"]),
    (
        "a long value",
        |_, p| p.attributes = attributes([("x", text("v".repeat(257)))]),
        &["purchase.attributes[\"x\"].text"],
    ),
    ("a value without a name", |_, p| p.attributes = attributes([("", integer(1))]), &["purchase.attributes[\"\"]"]),
    (
        "a line's value",
        |_, p| p.lines[1].attributes = attributes([("x", Default::default())]),
        &["purchase.lines[1].attributes[\"x\"]"],
    ),
];

fn receipt(purchase: &mut pb::Purchase) -> &mut pb::Receipt {
    purchase.receipt.as_mut().unwrap()
}

fn currency(purchase: &mut pb::Purchase, line: usize, code: &str) {
    purchase.lines[line].amount.as_mut().unwrap().currency_code = code.into();
}

fn at(seconds: i64, nanos: i32) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos })
}

pub(super) fn card(value: &str) -> Option<pb::Identifier> {
    Some(pb::Identifier { kind: "card".into(), value: value.into() })
}

#[test]
fn every_limit_names_its_field() {
    for (name, spoil, fields) in SPOILT {
        let mut request = request();
        let mut purchase = request.purchase.take().unwrap();
        spoil(&mut request, &mut purchase);
        request.purchase = Some(purchase);
        assert_eq!(fields_of(record(request)), *fields, "{name}");
    }
}

#[test]
fn what_is_at_a_limit_passes() {
    let mut request = request();
    request.member_id = "m".repeat(128);
    request.request_id = "r".repeat(128);
    let purchase = request.purchase.as_mut().unwrap();
    *receipt(purchase) = pb::Receipt { source: "s".repeat(64), id: "1".repeat(128) };
    purchase.channel = "c".repeat(256);
    purchase.lines = (0..500).map(|n| line(&format!("{n:064}"), if n == 0 { 499 } else { -1 })).collect();
    purchase.lines[1].quantity = String::new();
    purchase.attributes = (0..64).map(|n| (format!("{n:064}"), text("v".repeat(256)))).collect();
    purchase.tenders.clear();
    assert_eq!(faults_of(record(request)), []);
}

#[test]
fn all_faults_are_told_at_once() {
    let mut request = request();
    request.program.clear();
    request.member_id.clear();
    let purchase = request.purchase.as_mut().unwrap();
    purchase.occurred_at = None;
    purchase.lines[1].line_id = "1".into();
    purchase.lines[2].amount = None;
    purchase.tenders[0].kind.clear();
    purchase.time_zone = "x".into();
    request.request_id = "r".repeat(129);
    let told: Vec<_> = faults_of(record(request)).into_iter().map(|f| format!("{}: {}", f.field, f.message)).collect();
    let want = [
        "program: is required",
        "member_id: is required (or `identifier`)",
        "purchase.occurred_at: is required",
        "purchase.lines[1].line_id: is the same as that of purchase.lines[0]",
        "purchase.lines[2].amount: is required",
        "purchase.tenders[0].kind: is required",
        "purchase.time_zone: is not an IANA time zone",
        "request_id: has 129 bytes, at most 128 are allowed",
    ];
    assert_eq!(told, want);
}

#[test]
fn a_hostile_request_is_answered_briefly() {
    let mut request = request();
    request.purchase.as_mut().unwrap().lines = vec![pb::PurchaseLine::default(); 500];
    assert_eq!(faults_of(record(request)).len(), 1_000);
}

#[test]
fn a_quote_needs_no_receipt() {
    let mut purchase = request().purchase.unwrap();
    purchase.receipt = None;
    let request = |purchase| pb::QuotePurchaseRequest {
        program: "p".into(),
        identifier: card("7"),
        purchase,
        ..Default::default()
    };
    let order = desk(|desk| desk.quote(request(Some(purchase)))).unwrap();
    let Verb::RecordPurchase(purchase) = order.verb else { panic!() };
    assert_eq!((&*purchase.receipt.source, purchase.receipt.id.len()), ("quote", 36));
    assert_eq!(fields_of(desk(|desk| desk.quote(request(None)))), ["purchase"]);
}

#[test]
fn enrolment_is_read_and_refused_as_a_whole() {
    let request = pb::EnrollMemberRequest {
        program: "p".into(),
        identifiers: vec![card("1A2").unwrap(), pb::Identifier { kind: "mail".into(), value: "a@b".into() }],
        attributes: attributes([("card_holder", text("yes"))]),
        request_id: "en-1".into(),
        dry_run: true,
        ..Default::default()
    };
    let asked = desk(|desk| desk.enroll(request.clone())).unwrap();
    let Verb::Enroll(enrolment) = asked.order.verb else { panic!() };
    assert!(asked.dry_run && !enrolment.id_given);
    assert_eq!(enrolment.member_id.len(), 36, "the server makes an id");
    assert_eq!(asked.order.member, MemberName::Id(enrolment.member_id));
    let spoilt = pb::EnrollMemberRequest {
        member_id: "a b".into(),
        identifiers: vec![
            card("1A2").unwrap(),
            card(" 1A2 ").unwrap(),
            pb::Identifier { kind: "Card".into(), value: " ".into() },
            pb::Identifier { kind: "k".repeat(33), value: "v".repeat(257) },
            card(" - -").unwrap(),
        ],
        request_id: String::new(),
        ..request
    };
    let want = [
        "member_id",
        "identifiers[1]",
        "identifiers[2].kind",
        "identifiers[2].value",
        "identifiers[3].kind",
        "identifiers[3].value",
        "identifiers[4].value",
        "request_id",
    ];
    assert_eq!(fields_of(desk(|desk| desk.enroll(spoilt))), want);
}

#[test]
fn an_update_names_an_attribute_once() {
    let request = pb::UpdateMemberRequest {
        program: "p".into(),
        member_id: "m".into(),
        attributes: attributes([("a", integer(1))]),
        remove_attributes: vec!["b".into(), "a".into(), "b".into(), String::new()],
        request_id: "u".into(),
        ..Default::default()
    };
    let want = ["remove_attributes[1]", "remove_attributes[2]", "remove_attributes[3]"];
    assert_eq!(fields_of(desk(|desk| desk.update(request.clone()))), want);
    let nothing = pb::UpdateMemberRequest { attributes: BTreeMap::new(), remove_attributes: Vec::new(), ..request };
    assert_eq!(fields_of(desk(|desk| desk.update(nothing))), ["attributes"]);
}

#[test]
fn links_name_their_member_apart_from_the_identifier() {
    let link = |member_id: &str, known_by, identifier| {
        let (program, request_id) = ("p".to_owned(), "l".to_owned());
        let member_id = member_id.to_owned();
        let request =
            pb::LinkIdentifierRequest { program, member_id, identifier, known_by, request_id, dry_run: false };
        desk(|desk| desk.link(request)).map(|asked| asked.order)
    };
    let order = link("m", None, card("1")).unwrap();
    assert_eq!(order.member, MemberName::Id("m".into()));
    assert!(matches!(link("", card("2"), card("1")).unwrap().member, MemberName::Identifier(_)));
    assert_eq!(fields_of(link("", None, card("1"))), ["member_id"]);
    assert_eq!(fields_of(link("m", card("2"), card("1"))), ["known_by"]);
    assert_eq!(fields_of(link("m", None, None)), ["identifier.kind", "identifier.value"]);
}

#[test]
fn an_identifier_alone_is_unlinked_from_whoever_has_it() {
    let request = pb::UnlinkIdentifierRequest {
        program: "p".into(),
        identifier: card("1"),
        request_id: "u".into(),
        ..Default::default()
    };
    let order = desk(|desk| desk.unlink(request)).unwrap().order;
    let card = Plain.identify("p", "card", "1");
    assert_eq!(order.member, MemberName::Identifier(card.clone()));
    assert!(matches!(order.verb, Verb::UnlinkIdentifier(unlinked) if unlinked == card));
}

#[test]
fn the_end_of_time_has_no_date() {
    use super::scalars::stamp;
    assert_eq!((stamp(Moment::NEVER), stamp(Moment::BEGINNING)), (None, None));
    assert_eq!(stamp(Moment(-1)), Some(Timestamp { seconds: -1, nanos: 999_999_000 }));
}

/// What the short way makes of bytes; if it makes anything of them, the long way must make the same.
fn short_way(bytes: &[u8]) -> Option<Order> {
    let sale = super::sale::read(bytes)?;
    let message = pb::RecordPurchaseRequest::decode(bytes).expect("the long way reads what the short way read");
    let dry_run = sale.flag;
    let (short, long) = desk(|desk| (desk.sell(sale), desk.record(message)));
    let long = long.expect("the long way finds no fault where the short way found none");
    assert_eq!((&long.order.program, &long.order.member), (&short.program, &short.member));
    assert_eq!((&long.order.request_id, &long.order.caller), (&short.request_id, &short.caller));
    let (Verb::RecordPurchase(one), Verb::RecordPurchase(other)) = (&short.verb, &long.order.verb) else { panic!() };
    assert_eq!(one, other);
    assert_eq!(dry_run, long.dry_run);
    Some(short)
}

/// A request with everything in it that the short way reads.
fn ordinary() -> pb::RecordPurchaseRequest {
    let mut request = request();
    request.request_id = "r-1".into();
    request.dry_run = true;
    let purchase = request.purchase.as_mut().unwrap();
    (purchase.channel, purchase.store, purchase.partner) = ("app".into(), "DFW".into(), "iberia".into());
    purchase.lines[0].sku = "a text longer than the twenty-four bytes kept in place".into();
    purchase.lines[1].quantity = "1.25".into();
    purchase.tenders[0].redemption_id = "4711".into();
    let moment = pb::attribute_value::Value::Moment(Timestamp { seconds: -1, nanos: 5_000 });
    let moment = pb::AttributeValue { value: Some(moment) };
    let yes = pb::AttributeValue { value: Some(pb::attribute_value::Value::Boolean(true)) };
    purchase.lines[2].attributes = attributes([("z", text("")), ("a", integer(-7)), ("m", moment), ("b", yes)]);
    request
}

#[test]
fn an_ordinary_request_goes_the_short_way() {
    for request in [request(), ordinary()] {
        assert!(short_way(&request.encode_to_vec()).is_some());
    }
}

#[test]
fn nothing_at_fault_goes_the_short_way() {
    for (name, spoil, _) in SPOILT {
        let mut request = ordinary();
        let mut purchase = request.purchase.take().unwrap();
        spoil(&mut request, &mut purchase);
        request.purchase = Some(purchase);
        assert!(short_way(&request.encode_to_vec()).is_none(), "{name}");
    }
    let cut = [pb::RecordPurchaseRequest { purchase: None, ..ordinary() }, pb::RecordPurchaseRequest::default()];
    assert!(cut.iter().all(|request| short_way(&request.encode_to_vec()).is_none()));
}

#[test]
fn messages_in_pieces_and_unknown_fields_go_the_long_way() {
    let whole = ordinary().encode_to_vec();
    let piece = pb::Purchase { store: "JFK".into(), ..Default::default() };
    let piece = pb::RecordPurchaseRequest { purchase: Some(piece), ..Default::default() }.encode_to_vec();
    let unknown = [0x78, 0x01];
    let last_wins = [0x0a, 0x01, b'p'];
    assert!(short_way(&[&whole[..], &piece].concat()).is_none());
    assert!(short_way(&[&whole[..], &unknown].concat()).is_none());
    assert_eq!(short_way(&[&whole[..], &last_wins].concat()).unwrap().program, "p");
}

/// Bytes changed, cut out, put in and doubled at random: whatever the short way still reads, it reads as the long
/// way does.
#[test]
fn the_short_way_never_differs_from_the_long_way() {
    let whole = ordinary().encode_to_vec();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut read = 0;
    for _ in 0..200_000 {
        let mut bytes = whole.clone();
        for _ in 0..=draw(2) {
            let at = draw(bytes.len());
            match draw(5) {
                0 => bytes[at] ^= 1 << draw(8),
                1 => bytes[at] = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x0a, 0x22][draw(7)],
                2 => _ = bytes.remove(at),
                3 => bytes.insert(at, [0x00, 0x80, 0x0a, 0x2a][draw(4)]),
                _ => {
                    let piece = bytes[at..(at + draw(12)).min(bytes.len())].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        read += usize::from(short_way(&bytes).is_some());
    }
    assert!(read > 10_000, "most changes touch a text or a number: {read}");
}
