//! The written forms do not drift: golden files, and a round trip for everything that can be written.
//!
//! With `UPDATE_GOLDEN=1` the golden files are written anew; that is only right for a new format version.

use std::path::PathBuf;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use rung::domain::calendar::{Day, Zone};
use rung::domain::event::{
    Entry, Fact, Grant, MemberEnrolled, MeterPost, Part, ProgramApplied, PurchaseRecorded, Seq, TierCause,
};
use rung::domain::member::{Held, Member, MemberState, MeterCount, Meters, Standing};
use rung::domain::order::{AttributeValue, Identifier, IdentifierHash, Line, MemberKey, Purchase, ReceiptKey, Tender};
use rung::domain::program::{AttributeId, MeterId, ProgramNo, RuleId, TierId, Value, WalletId, Word};
use rung::domain::units::{CurrencyCode, Moment, Points, Quantity, Ratio, Text};
use rung::store::format::entry::{self, Place};
use rung::store::format::frame::{self, Frame, NO_HASH};
use rung::store::format::rows::{
    Almanac, LeafHead, Records, claims_of, claims_page, due_key, due_of, put_record, sealed,
};
use rung::store::format::segment::{Footer, SegmentHeader, Signpost};
use rung::store::format::{member, rows};

use crate::store_ledger::{Ledger, key};

fn golden(name: &str, written: &[u8]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.hex"));
    let hex: Vec<String> =
        written.chunks(32).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
    let hex = hex.join("\n") + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &hex).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(hex, kept, "the written form of `{name}` drifted: files written before can no longer be read");
}

/// A ledger with every fact there is.
fn everything() -> Ledger {
    let mut ledger = Ledger::new();
    ledger.program(1);
    ledger.enroll(1);
    ledger.purchase(1, 42);
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
    let forfeited = Fact::PointsForfeited { wallet: WalletId(Word(1)), points: Points(20) };
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

#[test]
fn golden_member() {
    let ledger = everything();
    let mut bytes = Vec::new();
    member::write(&mut bytes, &ledger.members[&key(1)]);
    golden("member", &bytes);
    assert_eq!(member::read(&bytes, key(1)).unwrap(), *ledger.members[&key(1)]);
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
    golden("row-almanac", &sealed(rows::ALMANAC, almanac.to_bytes()));
    let mut leaf = LeafHead { depth: 4, parts: 1 }.to_bytes().to_vec();
    put_record(&mut leaf, &[7; 16], b"record");
    golden("row-leaf", &sealed(&rows::leaf_key(b'm', 0x0700_0000, 0), leaf));
    golden(
        "row-claims",
        &sealed(&rows::claims_key(1, 2, 3), claims_page([(1 << 60, Seq(5)), (3 << 60, Seq(1 << 40))])),
    );
    golden("row-due", &due_key(Moment(-1), key(1)));
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

fn grant() -> impl Strategy<Value = Grant> {
    let part = prop_oneof![Just(Part::Base), word().prop_map(|tier| Part::TierBonus(TierId(tier)))];
    let post = (word(), any::<i32>(), number()).prop_map(|(meter, window, amount)| MeterPost {
        meter: MeterId(meter),
        window: Day(window),
        amount: Points(amount),
    });
    let basis = (number(), 1..i64::MAX).prop_map(|(numerator, denominator)| Ratio { numerator, denominator });
    let basis = prop_oneof![basis, number().prop_map(Ratio::whole)];
    let points = (number(), option::of(number()));
    (word(), any::<u32>(), part, option::of(any::<u16>()), basis, option::of(word()), points, vec(post, 0..4)).prop_map(
        |(rule, program_version, part, line, basis, wallet, (desired, granted), meters)| Grant {
            rule: RuleId(rule),
            program_version,
            part,
            line,
            basis,
            wallet: wallet.map(WalletId),
            desired: Points(desired),
            granted: Points(granted.unwrap_or(desired)),
            meters: meters.into(),
        },
    )
}

fn recorded() -> impl Strategy<Value = PurchaseRecorded> {
    let zone = option::of(prop_oneof![Just("America/Chicago"), Just("UTC"), Just("Asia/Kathmandu")]);
    let tender = (text(), number()).prop_map(|(kind, minor_units)| Tender { kind, minor_units });
    let head = (text(), text(), text(), moment(), zone, "[A-Z]{3}");
    let body = (vec(line(), 0..4), vec(tender, 0..3), text(), text(), text(), vec((text(), value()), 0..3));
    (head, body, moment(), option::of(word()), vec(grant(), 0..4)).prop_map(|(head, body, counted_at, tier, grants)| {
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
        PurchaseRecorded { purchase: purchase.into(), counted_at, tier: tier.map(TierId), grants }
    })
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
    let earned = (word(), moment(), moment());
    let changed = (word(), word(), moment(), any::<bool>());
    prop_oneof![
        program(),
        enrolled(),
        (vec(attribute(), 0..3), vec(word(), 0..3)).prop_map(|(set, remove)| Fact::AttributesUpdated { set, remove }),
        identifier().prop_map(Fact::IdentifierLinked),
        identifier().prop_map(Fact::IdentifierUnlinked),
        text().prop_map(Fact::MemberSuspended),
        text().prop_map(Fact::MemberReinstated),
        text().prop_map(Fact::MemberClosed),
        (word(), number())
            .prop_map(|(wallet, points)| Fact::PointsForfeited { wallet: WalletId(wallet), points: Points(points) }),
        recorded().prop_map(|recorded| Fact::PurchaseRecorded(Box::new(recorded))),
        earned.prop_map(|(tier, since, until)| Fact::TierEarned { tier: TierId(tier), since, until }),
        changed.prop_map(|(from, to, at, ended)| Fact::TierChanged {
            from: TierId(from),
            to: TierId(to),
            at,
            cause: if ended { TierCause::ValidityEnded } else { TierCause::Earned },
        }),
    ]
}

prop_compose! {
    fn an_entry()(
        seq in 1..u64::MAX, program in any::<u16>(), member in any::<[u8; 16]>(), previous in any::<u64>(),
        recorded_at in moment(), program_version in any::<u32>(), request_id in text(), principal in text(),
        trace_id in text(), facts in vec(fact(), 0..4),
    ) -> Entry {
        Entry {
            seq: Seq(seq), program: ProgramNo(program), member: MemberKey(member), previous: Seq(previous), recorded_at,
            program_version, request_id, principal, trace_id, facts,
        }
    }
}

prop_compose! {
    fn a_member()(
        program in any::<u16>(), id in text(), version in any::<u64>(), last in any::<u64>(), state in 0..3_u8,
        times in (moment(), moment(), moment()), identifiers in vec(identifier(), 0..3),
        attributes in vec(attribute(), 0..3), balances in vec((word(), number()), 0..4),
        counts in vec((word(), any::<i32>(), number()), 0..4), tier in option::of(word()),
        held in vec((word(), moment(), moment()), 0..3), enrolled_by in any::<u64>(),
    ) -> Member {
        let count = |(meter, window, amount)| MeterCount {
            meter: MeterId(meter), window: Day(window), amount: Points(amount),
        };
        let held = held.into_iter().map(|(tier, since, until)| Held { tier: TierId(tier), since, until });
        Member {
            program: ProgramNo(program), id, version, last_entry: Seq(last),
            state: [MemberState::Active, MemberState::Suspended, MemberState::Closed][usize::from(state)],
            enrolled_at: times.0, recorded_at: times.1, identifiers, attributes,
            balances: balances.into_iter().map(|(wallet, points)| (WalletId(wallet), Points(points))).collect(),
            meters: Meters::from_counts(counts.into_iter().map(count).collect()),
            standing: Standing::from_parts(tier.map(TierId), times.2, held.collect()),
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
        let _ = (Almanac::read(&bytes), LeafHead::read(&bytes).is_ok(), Records::of(&bytes).count());
        let _ = (claims_of(&bytes).map(Iterator::count), due_of(&bytes), Footer::read(&bytes), SegmentHeader::read(&bytes));
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
