//! The written forms do not drift: golden files, and a round trip for everything that can be written.
//!
//! With `UPDATE_GOLDEN=1` the golden files are written anew; that is only right for a new format version.

mod alerts;
mod belonging;
mod crowd;

use std::path::PathBuf;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use rung::domain::calendar::{Day, Zone};
use rung::domain::event::{
    AddedCause, Cap, DebtPaid, Entry, Fact, Grant, LineReturned, MemberEnrolled, MeterPost, NamedBy, OpeningState,
    Part, PointsAdded, PointsTaken, ProgramApplied, PurchaseRecorded, PurchaseReturned, RewardRedeemed, Seq,
    TakenCause, TierCause, VoucherIssued, VouchersCut,
};
use rung::domain::lot::{Lot, Origin, Terms};
use rung::domain::member::{
    Desk, Ended, Held, Hold, Member, MemberState, MeterCount, Meters, Pot, Purse, Reservation, Standing, Transfer,
    Voucher, WrittenOff,
};
use rung::domain::order::{
    AttributeValue, Claim, Identifier, IdentifierHash, Line, MemberKey, Purchase, ReceiptKey, Tender,
};
use rung::domain::program::{AttributeId, MeterId, ProgramNo, RewardId, RuleId, TierId, Value, WalletId, Word};
use rung::domain::units::{CurrencyCode, Moment, Points, Quantity, Ratio, Text};
use rung::store::format::entry::{self, Place};
use rung::store::format::frame::{self, Frame, NO_HASH};
use rung::store::format::rows::{
    Almanac, LeafHead, Records, Roll, claims_of, claims_page, due_key, due_members, due_of, due_page, put_record,
    sealed, unsealed,
};
use rung::store::format::segment::{Footer, SegmentHeader, Signpost};
use rung::store::format::{fact as stored, member, rows};

use crate::store_ledger::{Ledger, key, receipt};

/// When everything here was recorded.
const NOW: Moment = Moment(1_764_000_000_000_000);
const TODAY: Day = Day(20_416);
const DAYS: i64 = 86_400_000_000;

fn golden_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.hex"))
}

/// What an older Rung wrote, and this one must read.
fn written_before(name: &str) -> Vec<u8> {
    let hex: String = std::fs::read_to_string(golden_path(name)).unwrap().split_whitespace().collect();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn golden(name: &str, written: &[u8]) {
    let path = golden_path(name);
    let hex: Vec<String> =
        written.chunks(32).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
    let hex = hex.join("\n") + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &hex).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(hex, kept, "the written form of `{name}` drifted: files written before can no longer be read");
}

/// A purchase with nothing that was not there before points had dates.
fn purchase(number: u64) -> PurchaseRecorded {
    let mut recorded = crate::store_ledger::purchase(number, NOW.0);
    for grant in &mut recorded.grants {
        (grant.shares, grant.cap) = (Vec::new().into(), None);
    }
    let lot = Lot { terms: Terms::lasting(TODAY), points: Points(20) };
    (recorded.lots, recorded.repaid) = (vec![(WalletId(Word(1)), lot)].into(), Vec::new());
    recorded
}

/// A ledger with every fact there was before points had dates.
fn everything() -> Ledger {
    let mut ledger = Ledger::new();
    ledger.program(1);
    ledger.enroll(1);
    ledger.add(key(1), "", vec![Fact::PurchaseRecorded(Box::new(purchase(42)))]);
    ledger.tier(1, 400);
    ledger.link(1, 2);
    ledger.unlink(1, 2);
    let attribute = |n| AttributeId(Word(n));
    let set = vec![
        (attribute(1), Value::Integer(-5)),
        (attribute(2), Value::Text("gold card".into())),
        (attribute(3), Value::Moment(Moment::BEGINNING)),
    ];
    ledger.add(key(1), "update-1", vec![Fact::AttributesUpdated { set, remove: vec![Word(9)] }]);
    ledger.add(key(1), "suspend-1", vec![Fact::MemberSuspended("a stolen card".into())]);
    ledger.add(key(1), "reinstate-1", vec![Fact::MemberReinstated("found".into())]);
    let forfeited = Fact::PointsForfeited { wallet: WalletId(Word(1)), points: Points(20), lots: Vec::new() };
    ledger.add(key(1), "close-1", vec![forfeited, Fact::MemberClosed("asked to".into())]);
    ledger.take();
    ledger
}

#[test]
fn golden_entries() {
    for line in everything().entries {
        let mut bytes = Vec::new();
        entry::write(&mut bytes, &line, line.recorded_at);
        golden(&format!("entry-{:02}", line.seq.0), &bytes);
        assert_eq!(entry::read(&bytes, Place { seq: line.seq, moment: line.recorded_at }).unwrap(), *line);
    }
}

fn later(days: i64) -> Moment {
    Moment(NOW.0 + days * DAYS)
}

/// Points earned today that last, and points with all the dates there are.
fn two_lots() -> Vec<Lot> {
    let lasting = Lot { terms: Terms::lasting(TODAY), points: Points(20) };
    let terms = Terms {
        expires_at: later(365),
        issued: Day(TODAY.0 - 3),
        entry: Seq(7),
        available_at: later(14),
        notice_at: later(335),
        origin: Origin::Given,
    };
    vec![lasting, Lot { terms, points: Points(1_500) }]
}

fn until_confirmed() -> Lot {
    let terms = Terms { available_at: Moment::NEVER, entry: Seq(9), ..Terms::lasting(TODAY) };
    Lot { terms, points: Points(3) }
}

/// Facts that move points, each under the name of its golden file.
fn moves() -> Vec<(&'static str, Fact)> {
    let (wallet, lots, note) = (WalletId(Word(1)), two_lots(), Text::from("a latte"));
    let added = PointsAdded { wallet, cause: AddedCause::Refund, lots: lots.clone(), repaid: Points(5) };
    let (cause, lost) = (TakenCause::Returned, vec![until_confirmed()]);
    let taken = PointsTaken { wallet, cause, at: later(0), lots: lost, owed: Points(40), written_off: Points(2) };
    let (hold, other) = (Seq(8), key(2));
    let paid = DebtPaid { wallet, at: later(0), lots: lots.clone(), written_off: Points(7), revived: Points::ZERO };
    let revived = DebtPaid { revived: Points(9), written_off: Points::ZERO, ..paid.clone() };
    vec![
        ("24-forfeited", Fact::PointsForfeited { wallet, points: Points(1_520), lots: lots.clone() }),
        ("28-added", Fact::PointsAdded(Box::new(added))),
        ("29-taken", Fact::PointsTaken(Box::new(taken))),
        ("30-matured", Fact::PointsMatured { wallet, at: later(-1), lots: lots.clone() }),
        ("31-held", Fact::PointsHeld { wallet, until: later(1), lots: lots.clone(), note: note.clone() }),
        ("32-captured", Fact::HoldCaptured { hold, wallet, lots: lots.clone(), rest: vec![until_confirmed()] }),
        ("33-released", Fact::HoldReleased { hold, wallet, at: later(0), lapsed: true, lots: lots.clone() }),
        ("85-debt-paid", Fact::DebtPaid(Box::new(paid))),
        ("85-debt-revived", Fact::DebtPaid(Box::new(revived))),
        ("86-ended-returned", Fact::EndedReturned { wallet, lots: lots.clone() }),
        ("42-sent", Fact::TransferSent { to: other, wallet, lots: lots.clone(), note }),
        ("43-received", Fact::TransferReceived { from: other, sent_by: Seq(8) }),
        ("44-closed", Fact::TransferClosed { sent_by: Seq(8), back: lots }),
    ]
}

/// Facts that date points, or explain a move.
fn dates() -> Vec<(&'static str, Fact)> {
    let (wallet, points) = (WalletId(Word(1)), Points(-70));
    let (reason, actor) = ("counted twice".into(), "ada".into());
    let (never, notice_at) = (Moment::NEVER, later(335));
    vec![
        ("41-adjusted", Fact::PointsAdjusted { wallet, points, reason, actor }),
        ("45-announced", Fact::ExpiryAnnounced { wallet, expires_at: later(30), points: Points(90) }),
        ("46-redated", Fact::LotsRedated { wallet, expires_at: later(365), notice_at }),
        ("54-kept", Fact::LotsKept { wallet, kept: true }),
        ("54-kept-no-more", Fact::LotsKept { wallet, kept: false }),
        ("46-redated-for-ever", Fact::LotsRedated { wallet, expires_at: never, notice_at: never }),
        ("47-active", Fact::ActivityCounted { wallet, lapses_at: later(365), notice_at, before: None }),
        (
            "47-active-before",
            Fact::ActivityCounted { wallet, lapses_at: later(365), notice_at, before: Some(later(30)) },
        ),
        (
            "47-first-active",
            Fact::ActivityCounted { wallet, lapses_at: later(365), notice_at, before: Some(Moment::NEVER) },
        ),
        ("48-statement", Fact::StatementSet { wallet, at: later(30) }),
        ("50-withdrawn", Fact::TierWithdrawn { tier: TierId(Word(4)), until: later(400) }),
    ]
}

/// Facts about rewards, vouchers and what is scarce.
fn rewards() -> Vec<(&'static str, Fact)> {
    let (reward, wallet, voucher, note) = (RewardId(Word(12)), WalletId(Word(1)), Claim([7; 16]), Text::from("till 2"));
    let count = MeterPost { meter: MeterId(Word(13)), window: TODAY, amount: Points(2) };
    let issued = |expires_at| VoucherIssued { claim: voucher, nonce: "redeem r-1".into(), expires_at };
    let redeemed = RewardRedeemed {
        reward,
        times: 2,
        wallet,
        lots: two_lots(),
        count: Some(count),
        voucher: Some(issued(later(90))),
    };
    let plain = RewardRedeemed { times: 1, count: None, voucher: None, ..redeemed.clone() };
    let cut = VouchersCut { wallet, at: later(0), reward, times: 3, lots: two_lots(), voucher: issued(Moment::NEVER) };
    let (redemption, reason) = (Seq(8), Text::from("sold out"));
    let (pot, amount) = (Text::from("stock:flat-white"), Points(2));
    vec![
        ("34-redeemed", Fact::RewardRedeemed(Box::new(redeemed))),
        ("34-redeemed-plainly", Fact::RewardRedeemed(Box::new(plain))),
        ("35-cancelled", Fact::RedemptionCancelled { redemption, reason, count: Some(count), voucher: Some(voucher) }),
        ("36-used", Fact::VoucherUsed { voucher, note }),
        ("37-expired", Fact::VoucherExpired { voucher, at: later(0) }),
        ("38-cut", Fact::VouchersCut(Box::new(cut))),
        ("40-confirmed", Fact::PurchaseConfirmed { receipt: receipt(42) }),
        ("51-reserved", Fact::PotReserved { pot, amount, member: key(1), order: Claim([8; 16]), until: later(1) }),
        ("52-settled", Fact::PotSettled { reservation: Seq(8), used: Points(1) }),
        ("53-given-back", Fact::PotReturned { amount, by: Seq(9) }),
    ]
}

/// Purchases, what came back of one, and what a member brought along.
fn bought() -> Vec<(&'static str, Fact)> {
    let lines = |line| vec![LineReturned { line, quantity: 1_000, minor_units: -5 }];
    let returned = PurchaseReturned {
        return_receipt: receipt(43),
        receipt: receipt(42),
        purchase: Seq(3),
        number: 2,
        occurred_at: later(-1),
        asked: lines(0),
        so_far: lines(2),
        grants: vec![(0, Points(4)), (1, Points(1))],
        meters: vec![MeterPost { meter: MeterId(Word(2)), window: TODAY, amount: Points(-5) }],
        refunded_so_far: Points(30),
        bought: (later(-5), 1),
        minor_units: 450,
        taken: vec![(WalletId(Word(1)), Points(5))],
    };
    let wallet = WalletId(Word(1));
    let state = OpeningState {
        enrolled_at: Some(later(-900)),
        lots: two_lots().into_iter().map(|lot| (wallet, lot)).collect(),
        debts: vec![(WalletId(Word(5)), Points(8))],
        meters: vec![MeterCount { meter: MeterId(Word(2)), window: TODAY, amount: Points(400) }],
        held: vec![Held::earned(TierId(Word(4)), later(-30), later(335))],
        tier: Some((TierId(Word(4)), later(-30))),
    };
    let mut dated = purchase(44);
    Arc::make_mut(&mut dated.purchase).tenders =
        vec![Tender { kind: "points".into(), minor_units: 300, redemption: Seq(8) }];
    (dated.grants[0].shares, dated.grants[0].cap) = (vec![(0, Points(10)), (1, Points(6))].into(), Some(Cap::Member));
    dated.lots = vec![(wallet, two_lots()[1])].into();
    dated.repaid = vec![(wallet, Points(5))];
    let mut repaid = purchase(45);
    (repaid.lots, repaid.repaid) = (Vec::new().into(), vec![(wallet, Points(20))]);
    repaid.paid_by = vec![Seq(7), Seq(9)];
    vec![
        ("25-purchase-dated", Fact::PurchaseRecorded(Box::new(dated))),
        ("25-purchase-repaid", Fact::PurchaseRecorded(Box::new(repaid))),
        ("39-returned", Fact::PurchaseReturned(Box::new(returned))),
        ("49-opening-state", Fact::OpeningStateSet(Box::new(state))),
    ]
}

#[test]
fn golden_names() {
    let by = |n: u8| Some(IdentifierHash([n; 16]));
    let named_by = Some(Box::new(NamedBy { member: by(3), other: by(4) }));
    let line = Entry { named_by, ..written(vec![Fact::MemberSuspended("asked".into())]) };
    let mut bytes = Vec::new();
    entry::write(&mut bytes, &line, NOW);
    golden("entry-named-by-identifiers", &bytes);
    assert_eq!(entry::read(&bytes, Place { seq: line.seq, moment: NOW }), Ok(line));
}

/// An entry with these facts.
fn written(facts: Vec<Fact>) -> Entry {
    Entry {
        seq: Seq(10),
        program: ProgramNo(1),
        member: key(1),
        previous: Seq(9),
        recorded_at: NOW,
        program_version: 1,
        request_id: "r-1".into(),
        principal: "till".into(),
        trace_id: Text::default(),
        named_by: None,
        facts,
    }
}

#[test]
fn golden_facts() {
    for (name, fact) in [moves(), dates(), rewards(), bought(), belonging::facts(), alerts::facts()].concat() {
        let line = written(vec![fact]);
        let mut bytes = Vec::new();
        entry::write(&mut bytes, &line, NOW);
        golden(&format!("fact-{name}"), &bytes);
        assert_eq!(entry::read(&bytes, Place { seq: line.seq, moment: NOW }), Ok(line), "{name}");
    }
}

/// A purchase as it was written before there were lots reads as one that brought lasting points.
#[test]
fn a_purchase_from_before_lots_brings_them() {
    let line = entry::read(&written_before("entry-03"), Place { seq: Seq(3), moment: NOW }).unwrap();
    let lot = Lot { terms: Terms::lasting(TODAY), points: Points(20) };
    assert_eq!(line.purchase().unwrap().lots.as_slice(), [(WalletId(Word(1)), lot)]);
    assert_eq!(line, *everything().entries[2]);
}

/// The usual lot costs nothing at all, one with dates little.
#[test]
fn lots_of_a_purchase_are_short() {
    let length = |recorded: PurchaseRecorded| {
        let mut line = (*everything().entries[2]).clone();
        line.facts = vec![Fact::PurchaseRecorded(Box::new(recorded))];
        let mut bytes = Vec::new();
        entry::write(&mut bytes, &line, line.recorded_at);
        bytes.len()
    };
    let usual = purchase(42);
    let mut evening = usual.clone();
    evening.lots[0].1.terms.issued = Day(TODAY.0 - 1);
    let mut dated = usual.clone();
    dated.lots[0].1.terms.expires_at = later(365);
    assert_eq!(length(usual.clone()), written_before("entry-03").len());
    assert_eq!(length(evening) - length(usual.clone()), 9);
    assert_eq!(length(dated) - length(usual), 15);
}

#[test]
fn golden_member() {
    let ledger = everything();
    let mut bytes = Vec::new();
    member::write(&mut bytes, &ledger.members[&key(1)]);
    golden("member-closed", &bytes);
    assert_eq!(member::read(&bytes, key(1)).unwrap(), *ledger.members[&key(1)]);
}

/// A snapshot from before there were lots: a balance is one lot, older than all that come after it.
#[test]
fn a_member_from_before_lots_has_them() {
    let mut expected = (*everything().members[&key(1)]).clone();
    // Hers ran out when she closed.
    assert_eq!(member::read(&written_before("member"), key(1)).as_ref(), Ok(&expected));
    let terms = Terms { entry: expected.last_entry, ..Terms::lasting(TODAY) };
    let mut purse = Purse::new(WalletId(Word(1)));
    purse.lots.push(Lot { terms, points: Points(20) });
    let owing = Purse { debt: Points(3), ..Purse::new(WalletId(Word(5))) };
    expected.purses = vec![purse, owing].into();
    // Field 10, a run of 6 bytes: 20 points in wallet 1, −3 in wallet 5, none in wallet 6.
    let balances = [10 << 3 | 2, 6, 1, 40, 5, 5, 6, 0];
    let before = [written_before("member").as_slice(), &balances].concat();
    assert_eq!(member::read(&before, key(1)), Ok(expected));
}

#[test]
fn golden_member_with_everything() {
    let wallet = WalletId(Word(1));
    let purse = Purse {
        wallet,
        lots: two_lots().into(),
        debt: Points(6),
        lapses_at: later(365),
        lapse_notice_at: later(335),
        statement_at: later(30),
        active_by: Seq::NONE,
        kept: true,
    };
    let voucher = Voucher {
        claim: Claim([7; 16]),
        nonce: "redeem r-1".into(),
        entry: Seq(8),
        reward: RewardId(Word(12)),
        times: 2,
        expires_at: later(90),
    };
    let desk = Desk {
        holds: vec![Hold { entry: Seq(6), wallet, until: later(1), lots: two_lots() }],
        vouchers: vec![voucher],
        transfers: vec![Transfer { entry: Seq(9), to: key(2), wallet, lots: vec![until_confirmed()] }],
        ended: Vec::new(),
        written_off: Vec::new(),
    };
    let reserved =
        Reservation { entry: Seq(4), amount: Points(2), member: key(3), order: Claim([8; 16]), until: later(1) };
    let mut whole = (*everything().members[&key(1)]).clone();
    whole.purses = vec![purse, Purse { debt: Points(3), ..Purse::new(WalletId(Word(5))) }].into();
    whole.desk = Some(Box::new(desk));
    whole.pot = Some(Box::new(Pot { taken: Points(11), reservations: vec![reserved] }));
    let mut bytes = Vec::new();
    member::write(&mut bytes, &whole);
    golden("member-purses", &bytes);
    assert_eq!(member::read(&bytes, key(1)).as_ref(), Ok(&whole));
    // What ended, and what was written off, is remembered beside it.
    let ended = two_lots().into_iter().map(|lot| Ended { wallet, lot }).collect();
    whole.desk = Some(Box::new(Desk { ended, ..*whole.desk.unwrap_or_default() }));
    let mut bytes = Vec::new();
    member::write(&mut bytes, &whole);
    golden("member-ended", &bytes);
    assert_eq!(member::read(&bytes, key(1)).as_ref(), Ok(&whole));
    if let Some(purse) = whole.purses.first_mut() {
        purse.active_by = Seq(78);
    }
    let written_off = vec![WrittenOff { wallet, entry: Seq(77), points: Points(12) }];
    whole.desk = Some(Box::new(Desk { written_off, ..*whole.desk.unwrap_or_default() }));
    let mut bytes = Vec::new();
    member::write(&mut bytes, &whole);
    golden("member-written-off", &bytes);
    assert_eq!(member::read(&bytes, key(1)), Ok(whole));
}

#[test]
fn golden_journal() {
    let ledger = everything();
    let mut bytes = Vec::new();
    let hash = frame::write(&mut bytes, Moment(ledger.clock), NO_HASH, &ledger.entries).unwrap();
    golden("frame", &bytes);
    let header = SegmentHeader { number: 3, first: Seq(11), epoch: 0x0123_4567_89ab_cdef, previous: hash };
    golden("segment-header", &header.to_bytes());
    let signposts = vec![Signpost { entry: 0, offset: 80 }, Signpost { entry: 70, offset: 20_000 }];
    golden("segment-footer", &Footer { signposts, last: Seq(90), end: 30_000, hash }.to_bytes());
}

#[test]
fn golden_rows() {
    let mut almanac = Almanac::blank(77);
    almanac.newest = Seq(1_000_000);
    almanac.watermarks = std::array::from_fn(|ward| 900_000 + ward as u64 * 100);
    almanac.members[7] = 4;
    almanac.rolls[3] = Roll { rows: 300, sum: u64::MAX - 1 };
    golden("row-almanac-3", &sealed(rows::ALMANAC, almanac.to_bytes()));
    assert_eq!(Almanac::read(&almanac.to_bytes()), Ok(almanac));
    // What vouches for rows without a roll is not believed: they are made again.
    let of_form_2 = written_before("row-almanac");
    assert!(Almanac::read(unsealed(rows::ALMANAC, &of_form_2).unwrap()).is_err());
    let mut leaf = LeafHead { depth: 4, parts: 1 }.to_bytes().to_vec();
    put_record(&mut leaf, &[7; 16], b"record");
    golden("row-leaf", &sealed(&rows::leaf_key(b'm', 0x0700_0000, 0), leaf));
    golden(
        "row-claims",
        &sealed(&rows::claims_key(1, 2, 3), claims_page([(1 << 60, Seq(5)), (3 << 60, Seq(1 << 40))])),
    );
    let due = due_key(Moment(-1), key(1));
    golden("row-due", &[&due[..], &sealed(&due, due_page(&[key(1), key(2)]))].concat());
}

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![Just(String::new()), "[a-z0-9-]{1,20}", ".{0,40}", "[0-9a-f]{32}"].prop_map(Text::from)
}

fn moment() -> impl Strategy<Value = Moment> {
    prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), any::<i64>(), 1_700_000_000_000_000..1_800_000_000_000_000_i64]
        .prop_map(Moment)
}

fn word() -> impl Strategy<Value = Word> {
    any::<u16>().prop_map(Word)
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![-10..10_i64, any::<i64>(), Just(i64::MIN), Just(1_000)]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        number().prop_map(Value::Integer),
        text().prop_map(Value::Text),
        any::<bool>().prop_map(Value::Bool),
        moment().prop_map(Value::Moment),
    ]
}

fn attribute() -> impl Strategy<Value = AttributeValue> {
    (word().prop_map(AttributeId), value())
}

fn identifier() -> impl Strategy<Value = Identifier> {
    (text(), any::<[u8; 16]>(), text()).prop_map(|(kind, hash, mask)| Identifier {
        kind,
        hash: IdentifierHash(hash),
        mask,
    })
}

fn line() -> impl Strategy<Value = Line> {
    (text(), text(), text(), number(), number(), vec((text(), value()), 0..3)).prop_map(
        |(line_id, sku, category, quantity, minor_units, attributes)| Line {
            line_id,
            sku,
            category,
            quantity: Quantity(quantity),
            minor_units,
            attributes,
        },
    )
}

fn wallet() -> impl Strategy<Value = WalletId> {
    word().prop_map(WalletId)
}

fn points() -> impl Strategy<Value = Points> {
    number().prop_map(Points)
}

fn seq() -> impl Strategy<Value = Seq> {
    prop_oneof![Just(Seq::NONE), Just(Seq::THIS), (1..1_000_u64).prop_map(Seq), any::<u64>().prop_map(Seq)]
}

fn claim() -> impl Strategy<Value = Claim> {
    any::<[u8; 16]>().prop_map(Claim)
}

fn day() -> impl Strategy<Value = Day> {
    prop_oneof![20_000..22_000_i32, any::<i32>()].prop_map(Day)
}

prop_compose! {
    fn lot()(
        expires_at in moment(), issued in day(), entry in seq(), available_at in moment(), notice_at in moment(),
        given in any::<bool>(), points in points(),
    ) -> Lot {
        let origin = if given { Origin::Given } else { Origin::Earned };
        Lot { terms: Terms { expires_at, issued, entry, available_at, notice_at, origin }, points }
    }
}

fn lots() -> impl Strategy<Value = Vec<Lot>> {
    vec(
        prop_oneof![lot(), (day(), points()).prop_map(|(day, points)| Lot { terms: Terms::lasting(day), points })],
        0..4,
    )
}

fn post() -> impl Strategy<Value = MeterPost> {
    let parts = (word(), any::<i32>(), number());
    parts.prop_map(|(meter, window, amount)| MeterPost {
        meter: MeterId(meter),
        window: Day(window),
        amount: Points(amount),
    })
}

fn count() -> impl Strategy<Value = MeterCount> {
    post().prop_map(|MeterPost { meter, window, amount }| MeterCount { meter, window, amount })
}

fn issued() -> impl Strategy<Value = VoucherIssued> {
    (claim(), text(), moment()).prop_map(|(claim, nonce, expires_at)| VoucherIssued { claim, nonce, expires_at })
}

fn receipt_key() -> impl Strategy<Value = ReceiptKey> {
    (text(), text()).prop_map(|(source, id)| ReceiptKey { source, id })
}

fn grant() -> impl Strategy<Value = Grant> {
    let part = prop_oneof![Just(Part::Base), word().prop_map(|tier| Part::TierBonus(TierId(tier)))];
    let cap = option::of(prop_oneof![Just(Cap::Receipt), Just(Cap::Member), Just(Cap::Budget), Just(Cap::Stacking)]);
    let limits = (vec((any::<u16>(), points()), 0..4), cap);
    let basis = (number(), 1..i64::MAX).prop_map(|(numerator, denominator)| Ratio { numerator, denominator });
    let basis = prop_oneof![basis, number().prop_map(Ratio::whole)];
    let points = (number(), option::of(number()));
    let head = (word(), any::<u32>(), part, option::of(any::<u16>()), basis);
    (head, option::of(word()), points, vec(post(), 0..4), limits).prop_map(
        |((rule, program_version, part, line, basis), wallet, (desired, granted), meters, (shares, cap))| Grant {
            rule: RuleId(rule),
            program_version,
            part,
            line,
            basis,
            wallet: wallet.map(WalletId),
            desired: Points(desired),
            granted: Points(granted.unwrap_or(desired)),
            meters: meters.into(),
            shares: shares.into(),
            cap,
        },
    )
}

fn recorded() -> impl Strategy<Value = PurchaseRecorded> {
    let zone = option::of(prop_oneof![Just("America/Chicago"), Just("UTC"), Just("Asia/Kathmandu")]);
    let tender =
        (text(), number(), seq()).prop_map(|(kind, minor_units, redemption)| Tender { kind, minor_units, redemption });
    let head = (text(), text(), text(), moment(), zone, "[A-Z]{3}");
    let body = (vec(line(), 0..4), vec(tender, 0..3), text(), text(), text(), vec((text(), value()), 0..3));
    let points = (option::of(vec((wallet(), lot()), 0..3)), vec((wallet(), points()), 0..3), vec(seq(), 0..3));
    let rest = (moment(), option::of(word()), vec(grant(), 0..4), points);
    (head, body, rest).prop_map(|(head, body, (counted_at, tier, grants, (lots, repaid, paid_by)))| {
        let lots = lots.unwrap_or_else(|| usual_lots(&grants, counted_at)).into();
        let (source, id, kind, occurred_at, zone, currency) = head;
        let (lines, tenders, channel, store, partner, attributes) = body;
        let purchase = Purchase {
            receipt: ReceiptKey { source, id },
            kind,
            occurred_at,
            zone: zone.map(|name| Zone::named(name).unwrap()),
            currency: CurrencyCode::parse(&currency).unwrap(),
            lines,
            tenders,
            channel,
            store,
            partner,
            attributes,
        };
        PurchaseRecorded {
            purchase: purchase.into(),
            counted_at,
            tier: tier.map(TierId),
            grants,
            lots,
            repaid,
            paid_by,
        }
    })
}

/// The lots that need not be written.
fn usual_lots(grants: &[Grant], counted_at: Moment) -> Vec<(WalletId, Lot)> {
    let terms = Terms::lasting(Day(i32::try_from(counted_at.0.div_euclid(DAYS)).unwrap()));
    let mut lots: Vec<(WalletId, Lot)> = Vec::new();
    for (wallet, points) in grants.iter().filter_map(|grant| Some((grant.wallet?, grant.granted))) {
        match lots.iter_mut().find(|(held, _)| *held == wallet) {
            Some((_, lot)) => lot.points = Points(lot.points.0.saturating_add(points.0)),
            None => lots.push((wallet, Lot { terms, points })),
        }
    }
    lots
}

fn program() -> impl Strategy<Value = Fact> {
    (text(), any::<u32>(), moment(), text(), vec(text(), 0..4)).prop_map(
        |(id, version, effective_at, source, words_added)| {
            Fact::ProgramApplied(ProgramApplied {
                id: id.as_str().into(),
                version,
                effective_at,
                source: source.as_str().into(),
                words_added: words_added.iter().map(|word| word.as_str().into()).collect(),
            })
        },
    )
}

fn enrolled() -> impl Strategy<Value = Fact> {
    (text(), any::<bool>(), vec(identifier(), 0..3), vec(attribute(), 0..3), option::of(word())).prop_map(
        |(member_id, id_given, identifiers, attributes, tier)| {
            let base_tier = tier.map(TierId);
            Fact::MemberEnrolled(MemberEnrolled { member_id, id_given, identifiers, attributes, base_tier })
        },
    )
}

fn fact() -> impl Strategy<Value = Fact> {
    use TierCause as Cause;
    let earned = (word(), moment(), moment());
    let causes = [Cause::Earned, Cause::ValidityEnded, Cause::Returned, Cause::Granted, Cause::Revoked];
    let causes = [causes.as_slice(), &[Cause::LadderChanged]].concat();
    let changed = (word(), word(), moment(), proptest::sample::select(causes));
    prop_oneof![
        // Of these there are as many kinds as of all others.
        belonging::fact(),
        belonging::fact(),
        belonging::fact(),
        belonging::fact(),
        alerts::fact(),
        move_fact(),
        hold_fact(),
        date_fact(),
        reward_fact(),
        pot_fact(),
        returned(),
        opening_state(),
        program(),
        enrolled(),
        (vec(attribute(), 0..3), vec(word(), 0..3)).prop_map(|(set, remove)| Fact::AttributesUpdated { set, remove }),
        identifier().prop_map(Fact::IdentifierLinked),
        identifier().prop_map(Fact::IdentifierUnlinked),
        text().prop_map(Fact::MemberSuspended),
        text().prop_map(Fact::MemberReinstated),
        text().prop_map(Fact::MemberClosed),
        (wallet(), points(), lots()).prop_map(|(wallet, points, lots)| Fact::PointsForfeited { wallet, points, lots }),
        recorded().prop_map(|recorded| Fact::PurchaseRecorded(Box::new(recorded))),
        earned.prop_map(|(tier, since, until)| Fact::TierEarned { tier: TierId(tier), since, until }),
        changed.prop_map(|(from, to, at, cause)| Fact::TierChanged { from: TierId(from), to: TierId(to), at, cause }),
    ]
}

fn move_fact() -> impl Strategy<Value = Fact> {
    use {AddedCause as Added, TakenCause as Taken};
    let added = [Added::Adjustment, Added::HeadStart, Added::OpeningState, Added::Refund, Added::Transfer];
    let added = [added.as_slice(), &[Added::Benefit]].concat();
    let taken = [Taken::Expired, Taken::Inactive, Taken::Returned, Taken::Adjustment, Taken::MilestoneLost];
    let (added, taken) = (proptest::sample::select(added), proptest::sample::select(taken.to_vec()));
    let member = || any::<[u8; 16]>().prop_map(MemberKey);
    prop_oneof![
        (wallet(), added, lots(), points()).prop_map(|(wallet, cause, lots, repaid)| {
            Fact::PointsAdded(Box::new(PointsAdded { wallet, cause, lots, repaid }))
        }),
        (wallet(), taken, moment(), lots(), points(), points()).prop_map(
            |(wallet, cause, at, lots, owed, written_off)| {
                Fact::PointsTaken(Box::new(PointsTaken { wallet, cause, at, lots, owed, written_off }))
            }
        ),
        (wallet(), moment(), lots()).prop_map(|(wallet, at, lots)| Fact::PointsMatured { wallet, at, lots }),
        (wallet(), moment(), lots(), points(), points()).prop_map(|(wallet, at, lots, written_off, revived)| {
            Fact::DebtPaid(Box::new(DebtPaid { wallet, at, lots, written_off, revived }))
        }),
        (member(), wallet(), lots(), text()).prop_map(|(to, wallet, lots, note)| Fact::TransferSent {
            to,
            wallet,
            lots,
            note
        }),
        (wallet(), lots()).prop_map(|(wallet, lots)| Fact::EndedReturned { wallet, lots }),
        (member(), seq()).prop_map(|(from, sent_by)| Fact::TransferReceived { from, sent_by }),
        (seq(), lots()).prop_map(|(sent_by, back)| Fact::TransferClosed { sent_by, back }),
    ]
}

fn hold_fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        (wallet(), moment(), lots(), text()).prop_map(|(wallet, until, lots, note)| Fact::PointsHeld {
            wallet,
            until,
            lots,
            note
        }),
        (seq(), wallet(), lots(), lots()).prop_map(|(hold, wallet, lots, rest)| Fact::HoldCaptured {
            hold,
            wallet,
            lots,
            rest
        }),
        (seq(), wallet(), moment(), any::<bool>(), lots())
            .prop_map(|(hold, wallet, at, lapsed, lots)| { Fact::HoldReleased { hold, wallet, at, lapsed, lots } }),
    ]
}

fn date_fact() -> impl Strategy<Value = Fact> {
    let ends = || (wallet(), moment(), moment());
    prop_oneof![
        (wallet(), points(), text(), text()).prop_map(|(wallet, points, reason, actor)| Fact::PointsAdjusted {
            wallet,
            points,
            reason,
            actor
        }),
        (wallet(), moment(), points()).prop_map(|(wallet, expires_at, points)| Fact::ExpiryAnnounced {
            wallet,
            expires_at,
            points
        }),
        ends().prop_map(|(wallet, expires_at, notice_at)| Fact::LotsRedated { wallet, expires_at, notice_at }),
        (wallet(), any::<bool>()).prop_map(|(wallet, kept)| Fact::LotsKept { wallet, kept }),
        (ends(), option::of(moment())).prop_map(|((wallet, lapses_at, notice_at), before)| Fact::ActivityCounted {
            wallet,
            lapses_at,
            notice_at,
            before
        }),
        (wallet(), moment()).prop_map(|(wallet, at)| Fact::StatementSet { wallet, at }),
        (word(), moment()).prop_map(|(tier, until)| Fact::TierWithdrawn { tier: TierId(tier), until }),
    ]
}

fn reward_fact() -> impl Strategy<Value = Fact> {
    let reward = || (word().prop_map(RewardId), any::<u32>(), wallet(), lots());
    prop_oneof![
        (reward(), option::of(post()), option::of(issued())).prop_map(|(paid, count, voucher)| {
            let (reward, times, wallet, lots) = paid;
            Fact::RewardRedeemed(Box::new(RewardRedeemed { reward, times, wallet, lots, count, voucher }))
        }),
        (reward(), moment(), issued()).prop_map(|((reward, times, wallet, lots), at, voucher)| {
            Fact::VouchersCut(Box::new(VouchersCut { wallet, at, reward, times, lots, voucher }))
        }),
        (seq(), text(), option::of(post()), option::of(claim())).prop_map(|(redemption, reason, count, voucher)| {
            Fact::RedemptionCancelled { redemption, reason, count, voucher }
        }),
        (claim(), text()).prop_map(|(voucher, note)| Fact::VoucherUsed { voucher, note }),
        (claim(), moment()).prop_map(|(voucher, at)| Fact::VoucherExpired { voucher, at }),
        receipt_key().prop_map(|receipt| Fact::PurchaseConfirmed { receipt }),
    ]
}

fn pot_fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        (text(), reservation()).prop_map(|(pot, reserved)| {
            let Reservation { amount, member, order, until, .. } = reserved;
            Fact::PotReserved { pot, amount, member, order, until }
        }),
        (seq(), points()).prop_map(|(reservation, used)| Fact::PotSettled { reservation, used }),
        (points(), seq()).prop_map(|(amount, by)| Fact::PotReturned { amount, by }),
    ]
}

fn reservation() -> impl Strategy<Value = Reservation> {
    (seq(), points(), any::<[u8; 16]>(), claim(), moment()).prop_map(|(entry, amount, member, order, until)| {
        Reservation { entry, amount, member: MemberKey(member), order, until }
    })
}

prop_compose! {
    fn returned()(
        keys in (receipt_key(), receipt_key(), any::<bool>()), purchase in seq(), number in any::<u32>(),
        occurred_at in moment(), lines in vec((any::<u16>(), number(), number()), 0..6), split in 0..6_usize,
        grants in vec((any::<u16>(), points()), 0..4), meters in vec(post(), 0..3), refunded_so_far in points(),
        bought in (moment(), any::<u32>()), minor_units in number(), taken in vec((wallet(), points()), 0..3),
    ) -> Fact {
        let (return_receipt, mut receipt, same_till) = keys;
        if same_till {
            receipt.source.clone_from(&return_receipt.source);
        }
        let line = |(line, quantity, minor_units)| LineReturned { line, quantity, minor_units };
        let mut asked: Vec<LineReturned> = lines.into_iter().map(line).collect();
        let so_far = asked.split_off(split.min(asked.len()));
        Fact::PurchaseReturned(Box::new(PurchaseReturned {
            return_receipt, receipt, purchase, number, occurred_at, asked, so_far, grants, meters, refunded_so_far,
            bought, minor_units, taken,
        }))
    }
}

prop_compose! {
    fn opening_state()(
        enrolled_at in option::of(moment()), lots in vec((wallet(), lot()), 0..4),
        debts in vec((wallet(), points()), 0..3), meters in vec(count(), 0..3), held in vec(belonging::held(), 0..3),
        tier in option::of((word(), moment())),
    ) -> Fact {
        let tier = tier.map(|(tier, since)| (TierId(tier), since));
        Fact::OpeningStateSet(Box::new(OpeningState { enrolled_at, lots, debts, meters, held, tier }))
    }
}

prop_compose! {
    fn an_entry()(
        seq in 1..u64::MAX, program in any::<u16>(), member in any::<[u8; 16]>(), previous in any::<u64>(),
        recorded_at in moment(), program_version in any::<u32>(), request_id in text(), principal in text(),
        trace_id in text(), named_by in option::of((option::of(any::<[u8; 16]>()), option::of(any::<[u8; 16]>()))), facts in vec(fact(), 0..4),
    ) -> Entry {
        let hashes = |(member, other): (Option<[u8; 16]>, Option<[u8; 16]>)| NamedBy {
            member: member.map(IdentifierHash),
            other: other.map(IdentifierHash),
        };
        let named_by = named_by.map(hashes).filter(|by| *by != NamedBy::default()).map(Box::new);
        Entry {
            seq: Seq(seq), program: ProgramNo(program), member: MemberKey(member), previous: Seq(previous), recorded_at,
            program_version, request_id, principal, trace_id, named_by, facts,
        }
    }
}

prop_compose! {
    fn purse()(
        wallet in wallet(), lots in lots(), debt in points(), lapses_at in moment(), lapse_notice_at in moment(),
        statement_at in moment(),
    ) -> Purse {
        Purse {
            wallet,
            lots: lots.into(),
            debt,
            lapses_at,
            lapse_notice_at,
            active_by: Seq(statement_at.0.unsigned_abs()),
            statement_at,
            kept: debt == Points::ZERO,
        }
    }
}

fn desk() -> impl Strategy<Value = Desk> {
    let hold = (seq(), wallet(), moment(), lots());
    let hold = hold.prop_map(|(entry, wallet, until, lots)| Hold { entry, wallet, until, lots });
    let voucher = (issued(), seq(), word(), any::<u32>()).prop_map(|(issued, entry, reward, times)| {
        let VoucherIssued { claim, nonce, expires_at } = issued;
        Voucher { claim, nonce, entry, reward: RewardId(reward), times, expires_at }
    });
    let transfer = (seq(), any::<[u8; 16]>(), wallet(), lots());
    let transfer = transfer.prop_map(|(entry, to, wallet, lots)| Transfer { entry, to: MemberKey(to), wallet, lots });
    let ended = (wallet(), lots())
        .prop_map(|(wallet, lots)| Ended { wallet, lot: lots.first().copied().unwrap_or(until_confirmed()) });
    let gone = (wallet(), any::<u64>(), points());
    let gone = gone.prop_map(|(wallet, entry, points)| WrittenOff { wallet, entry: Seq(entry), points });
    let lists = (vec(hold, 0..3), vec(voucher, 0..3), vec(transfer, 0..3), vec(ended, 0..3), vec(gone, 0..3));
    lists.prop_map(|(holds, vouchers, transfers, ended, written_off)| Desk {
        holds,
        vouchers,
        transfers,
        ended,
        written_off,
    })
}

fn pot() -> impl Strategy<Value = Pot> {
    (points(), vec(reservation(), 0..3)).prop_map(|(taken, reservations)| Pot { taken, reservations })
}

prop_compose! {
    fn a_member()(
        program in any::<u16>(), id in text(), version in any::<u64>(), last in any::<u64>(), state in 0..3_u8,
        times in (moment(), moment(), moment()), identifiers in vec(identifier(), 0..3),
        attributes in vec(attribute(), 0..3), purses in vec(purse(), 0..4),
        counts in vec(count(), 0..4), tier in option::of(word()), held in vec(belonging::held(), 0..3),
        enrolled_by in any::<u64>(), apart in (desk(), option::of(pot()), option::of(belonging::belonging().boxed()), option::of(alerts::open())),
    ) -> Member {
        let (desk, pot, belonging, alert) = apart;
        Member {
            program: ProgramNo(program), id, version, last_entry: Seq(last),
            state: [MemberState::Active, MemberState::Suspended, MemberState::Closed][usize::from(state)],
            enrolled_at: times.0, recorded_at: times.1, identifiers, attributes,
            purses: purses.into(),
            desk: (!desk.is_empty()).then(|| Box::new(desk)),
            belonging: belonging.map(Arc::new),
            alert: alert.map(Box::new),
            pot: pot.map(Box::new),
            meters: Meters::from_counts(counts),
            standing: Standing::from_parts(tier.map(TierId), times.2, held),
            enrolled_by: Seq(enrolled_by),
            ..Member::default()
        }
    }
}

proptest! {
    #[test]
    fn an_entry_comes_back_as_it_was(line in an_entry(), moment in moment()) {
        let mut bytes = Vec::new();
        entry::write(&mut bytes, &line, moment);
        let place = Place { seq: line.seq, moment };
        prop_assert_eq!(entry::read(&bytes, place), Ok(line.clone()));
        prop_assert_eq!(entry::member_of(&bytes), Ok(line.member));
        // Cut short anywhere, it is an error or another entry, never a panic.
        for end in 0..bytes.len() {
            prop_assert_ne!(entry::read(&bytes[..end], place).ok(), Some(line.clone()));
        }
    }

    #[test]
    fn a_member_comes_back_as_she_was(before in a_member()) {
        let mut bytes = Vec::new();
        member::write(&mut bytes, &before);
        prop_assert_eq!(member::read(&bytes, before.key), Ok(before.clone()));
        prop_assert_eq!(member::program_of(&bytes), Ok(before.program));
    }

    #[test]
    fn damage_never_makes_a_reader_panic(
        line in an_entry(), before in a_member(), at in any::<prop::sample::Index>(), wrong in 1..=u8::MAX,
    ) {
        let (mut entry, mut snapshot) = (Vec::new(), Vec::new());
        entry::write(&mut entry, &line, line.recorded_at);
        member::write(&mut snapshot, &before);
        for bytes in [&mut entry, &mut snapshot].into_iter().filter(|bytes| !bytes.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] ^= wrong;
        }
        let place = Place { seq: line.seq, moment: line.recorded_at };
        let _ = (entry::read(&entry, place), member::read(&snapshot, before.key));
    }

    #[test]
    fn a_frame_comes_back_as_it_was(lines in vec(an_entry(), 1..6), first in 1..u64::MAX / 2, moment in moment()) {
        let lines: Vec<Arc<Entry>> =
            (first..).zip(lines).map(|(seq, line)| Arc::new(Entry { seq: Seq(seq), ..line })).collect();
        let mut bytes = Vec::new();
        let hash = frame::write(&mut bytes, moment, [7; 32], &lines).unwrap();
        let frame = Frame::read(&bytes).unwrap();
        prop_assert_eq!((frame.hash, frame.header.previous, frame.header.moment), (hash, [7; 32], moment));
        let read: Result<Vec<_>, _> =
            frame.entries().map(|entry| entry.and_then(|(place, slot, bytes)| slot.open(bytes, place))).collect();
        prop_assert_eq!(read.unwrap(), lines.iter().map(|line| (**line).clone()).collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in vec(any::<u8>(), 0..300)) {
        let place = Place { seq: Seq(1), moment: Moment(0) };
        let _ = (entry::read(&bytes, place), member::read(&bytes, MemberKey::NOBODY), Frame::read(&bytes).is_ok());
        let line = written(Vec::new());
        let _ = (16..90).filter(|field| stored::read(*field, &bytes, &line).is_ok()).count();
        let _ = (Almanac::read(&bytes), LeafHead::read(&bytes).is_ok(), Records::of(&bytes).count());
        let _ = (due_members(&bytes).map(Iterator::count), due_of(&bytes));
        let _ = (claims_of(&bytes).map(Iterator::count), Footer::read(&bytes), SegmentHeader::read(&bytes));
    }

    #[test]
    fn due_rows_lie_in_the_order_of_time(a in (any::<i64>(), any::<[u8; 16]>()), b in (any::<i64>(), any::<[u8; 16]>())) {
        let [a, b] = [a, b].map(|(at, member)| (Moment(at), MemberKey(member)));
        prop_assert_eq!(due_key(a.0, a.1).cmp(&due_key(b.0, b.1)), a.cmp(&b));
        prop_assert_eq!(due_of(&due_key(a.0, a.1)), Ok(a));
    }

    #[test]
    fn claims_come_back_from_their_page(claims in vec((any::<u64>(), 0..1_u64 << 48), 0..290)) {
        let claims: Vec<_> = claims.into_iter().map(|(print, seq)| (print, Seq(seq))).collect();
        let page = claims_page(claims.iter().copied());
        prop_assert_eq!(claims_of(&page).unwrap().collect::<Vec<_>>(), claims);
    }
}
