//! A purchase and what it earned: the bulk of every journal, so the form is compact.
//!
//! | field | is | absent means |
//! |---|---|---|
//! | 1 text, 2 text | receipt source, receipt id | empty |
//! | 3 text | kind | empty |
//! | 4 sint | occurred_at − the entry's recorded_at (wrapping) | the same |
//! | 5 text | the zone's name | none given |
//! | 6 bytes | currency, three letters | never |
//! | 7… message | lines: 1 id, 2 sku, 3 category, 4 quantity − 1000 thousandths (sint, wrapping), 5 minor units (sint), 6… attributes | |
//! | 8… message | tenders: 1 kind, 2 minor units (sint), 3 redemption (absent: none) | |
//! | 9, 10, 11 text | channel, store, partner | empty |
//! | 12… message | attributes: 1 name, then the value as in `fact.rs` | |
//! | 13 sint | counted_at − occurred_at (wrapping) | the same |
//! | 14 number | the tier held | none |
//! | 15… message | grants, below | |
//! | 16… message | lots, each with its wallet (`lots.rs`) | as the grants say, below |
//! | 17 number | 1: no lots came of it, whatever the grants say | see 16 |
//! | 18 bytes | what went into paying back debt: a run of sums (`runs.rs`) | none |
//! | 19… number | the holds and redemptions that paid | none |
//!
//! A grant: 1 rule, 2 program version (absent: the entry's), 3 tier whose bonus it is (absent: base), 4 line (absent:
//! the receipt), 5 basis numerator (sint), 6 basis denominator (absent: 1), 7 wallet (absent: none), 8 desired (sint),
//! 9 granted (sint; absent: as desired), 10 meter posts: a run of posts, 11 shares of lines: a run of shares,
//! 12 the limit that bit: 1 per receipt, 2 per member, 3 budget, 4 stacking (absent: none).
//!
//! Lots that are just what the grants say are not written: one for each wallet, in the order of the grants, with the
//! sum of what was granted, which lasts and was issued on the UTC day of counted_at. So a purchase of the days before
//! there were lots, which has none, reads as if it had been recorded with them.

use smallvec::SmallVec;

use super::eye::{Eye, Wire, unknown};
use super::fact::{distance, read_value, read_word, write_value};
use super::pen::{Pen, zigzag};
use super::{Damage, lots, runs};
use crate::domain::calendar::Zone;
use crate::domain::event::{Cap, Entry, Grant, Part, PurchaseRecorded, Seq};
use crate::domain::lot::{Lot, Terms};
use crate::domain::order::{Line, Purchase, ReceiptKey, Tender};
use crate::domain::program::{RuleId, TierId, Value, WalletId};
use crate::domain::units::{CurrencyCode, Moment, Points, Quantity, Ratio, Text};

/// The lots of a purchase.
type Lots = SmallVec<[(WalletId, Lot); 1]>;

/// Writes a recorded purchase of `entry`.
pub fn write(pen: &mut Pen<'_>, recorded: &PurchaseRecorded, entry: &Entry) {
    let purchase = &recorded.purchase;
    pen.text(1, &purchase.receipt.source);
    pen.text(2, &purchase.receipt.id);
    pen.text(3, &purchase.kind);
    pen.signed(4, distance(purchase.occurred_at, entry));
    pen.text(5, purchase.zone.as_ref().map_or("", |zone| zone.name()));
    pen.text(6, purchase.currency.as_str());
    purchase.lines.iter().for_each(|line| pen.nested(7, |pen| write_line(pen, line)));
    purchase.tenders.iter().for_each(|tender| pen.nested(8, |pen| write_tender(pen, tender)));
    pen.text(9, &purchase.channel);
    pen.text(10, &purchase.store);
    pen.text(11, &purchase.partner);
    write_named(pen, 12, &purchase.attributes);
    pen.signed(13, recorded.counted_at.0.wrapping_sub(purchase.occurred_at.0));
    pen.maybe(14, recorded.tier.map(|tier| tier.0.0.into()));
    recorded.grants.iter().for_each(|grant| pen.nested(15, |pen| write_grant(pen, grant, entry)));
    write_lots(pen, recorded, entry);
    runs::write(pen, 18, &recorded.repaid, runs::put_sum);
    recorded.paid_by.iter().for_each(|seq| pen.always(19, seq.0));
}

/// Reads a recorded purchase of the entry read so far.
///
/// # Errors
/// [`Damage`] if the bytes are none.
pub fn read(mut eye: Eye<'_>, entry: &Entry) -> Result<PurchaseRecorded, Damage> {
    let mut draft = Draft { zone: None, currency: None, ..Draft::default() };
    let (mut occurred_at, mut counted_from_occurred) = (entry.recorded_at, 0);
    while let Some((field, wire)) = eye.field()? {
        match field {
            4 => occurred_at = wire.moment_from(entry.recorded_at)?,
            13 => counted_from_occurred = wire.signed()?,
            14 => draft.tier = Some(TierId(read_word(wire)?)),
            15 => draft.grants.push(read_grant(wire.nested()?, entry)?),
            16 => draft.lots.get_or_insert_default().push(lots::read_of_wallet(wire, entry.recorded_at)?),
            other => draft.read(other, wire)?,
        }
    }
    let counted_at = Moment(occurred_at.0.wrapping_add(counted_from_occurred));
    let lots = draft.lots.take().or_else(|| lots_of(&draft.grants, counted_at));
    let lots = lots.ok_or(Damage::new("a purchase whose grants cannot be summed"))?;
    let purchase = Purchase {
        receipt: ReceiptKey { source: draft.source, id: draft.id },
        kind: draft.kind,
        occurred_at,
        zone: draft.zone,
        currency: draft.currency.ok_or(Damage::new("a purchase without a currency"))?,
        lines: draft.lines,
        tenders: draft.tenders,
        channel: draft.channel,
        store: draft.store,
        partner: draft.partner,
        attributes: draft.attributes,
    };
    let Draft { tier, grants, repaid, paid_by, .. } = draft;
    Ok(PurchaseRecorded { purchase: purchase.into(), counted_at, tier, grants, lots, repaid, paid_by })
}

/// What of a purchase has been read so far.
#[derive(Default)]
struct Draft {
    source: Text,
    id: Text,
    kind: Text,
    zone: Option<Zone>,
    currency: Option<CurrencyCode>,
    lines: Vec<Line>,
    tenders: Vec<Tender>,
    channel: Text,
    store: Text,
    partner: Text,
    attributes: Vec<(Text, Value)>,
    tier: Option<TierId>,
    grants: Vec<Grant>,
    lots: Option<Lots>,
    repaid: Vec<(WalletId, Points)>,
    paid_by: Vec<Seq>,
}

impl Draft {
    fn read(&mut self, field: u64, wire: Wire<'_>) -> Result<(), Damage> {
        match field {
            1 => self.source = wire.text()?,
            2 => self.id = wire.text()?,
            3 => self.kind = wire.text()?,
            5 => self.zone = Some(wire.zone()?),
            6 => self.currency = Some(read_currency(wire)?),
            7 => self.lines.push(read_line(wire.nested()?)?),
            8 => self.tenders.push(read_tender(wire.nested()?)?),
            9 => self.channel = wire.text()?,
            10 => self.store = wire.text()?,
            11 => self.partner = wire.text()?,
            12 => self.attributes.push(read_named(wire.nested()?)?),
            17 => self.lots = read_none(wire)?,
            18 => self.repaid = runs::read(wire, runs::take_sum)?,
            19 => self.paid_by.push(Seq(wire.number()?)),
            other => return Err(unknown("a purchase", other)),
        }
        Ok(())
    }
}

/// Writes the lots, unless they are just what the grants say.
fn write_lots(pen: &mut Pen<'_>, recorded: &PurchaseRecorded, entry: &Entry) {
    if lots_of(&recorded.grants, recorded.counted_at).as_ref() == Some(&recorded.lots) {
        return;
    }
    pen.number(17, recorded.lots.is_empty().into());
    lots::write_sorted(pen, 16, &recorded.lots, entry.recorded_at);
}

/// The lots that grants make where nothing is said of them; `None` if they cannot be summed.
fn lots_of(grants: &[Grant], counted_at: Moment) -> Option<Lots> {
    let mut lots = Lots::new();
    for (wallet, granted) in grants.iter().filter_map(|grant| Some((grant.wallet?, grant.granted))) {
        match lots.iter_mut().find(|(held, _)| *held == wallet) {
            Some((_, lot)) => lot.points = lot.points.plus(granted).ok()?,
            None => lots.push((wallet, Lot { terms: Terms::lasting(lots::utc_day(counted_at)), points: granted })),
        }
    }
    // A lot holds something: a wallet for which discounts ate up the rest got none.
    lots.retain(|(_, lot)| lot.points > Points::ZERO);
    Some(lots)
}

fn read_none(wire: Wire<'_>) -> Result<Option<Lots>, Damage> {
    match wire.number()? {
        1 => Ok(Some(Lots::new())),
        _ => Err(Damage::new("a purchase whose lots are unknown")),
    }
}

fn read_currency(wire: Wire<'_>) -> Result<CurrencyCode, Damage> {
    CurrencyCode::parse(wire.str()?).ok_or(Damage::new("a currency that is none"))
}

fn write_line(pen: &mut Pen<'_>, line: &Line) {
    pen.text(1, &line.line_id);
    pen.text(2, &line.sku);
    pen.text(3, &line.category);
    pen.signed(4, line.quantity.0.wrapping_sub(Quantity::ONE.0));
    pen.signed(5, line.minor_units);
    write_named(pen, 6, &line.attributes);
}

fn read_line(mut eye: Eye<'_>) -> Result<Line, Damage> {
    let mut line = Line {
        line_id: Text::default(),
        sku: Text::default(),
        category: Text::default(),
        quantity: Quantity::ONE,
        minor_units: 0,
        attributes: Vec::new(),
    };
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => line.line_id = wire.text()?,
            2 => line.sku = wire.text()?,
            3 => line.category = wire.text()?,
            4 => line.quantity = Quantity(wire.signed()?.wrapping_add(Quantity::ONE.0)),
            5 => line.minor_units = wire.signed()?,
            6 => line.attributes.push(read_named(wire.nested()?)?),
            other => return Err(unknown("a line", other)),
        }
    }
    Ok(line)
}

fn write_tender(pen: &mut Pen<'_>, tender: &Tender) {
    pen.text(1, &tender.kind);
    pen.signed(2, tender.minor_units);
    pen.number(3, tender.redemption.0);
}

fn read_tender(mut eye: Eye<'_>) -> Result<Tender, Damage> {
    let mut tender = Tender { kind: Text::default(), minor_units: 0, redemption: Seq::NONE };
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => tender.kind = wire.text()?,
            2 => tender.minor_units = wire.signed()?,
            3 => tender.redemption = Seq(wire.number()?),
            other => return Err(unknown("a tender", other)),
        }
    }
    Ok(tender)
}

fn write_named(pen: &mut Pen<'_>, field: u32, attributes: &[(Text, Value)]) {
    for (name, value) in attributes {
        pen.nested(field, |pen| {
            pen.text(1, name);
            write_value(pen, value);
        });
    }
}

fn read_named(mut eye: Eye<'_>) -> Result<(Text, Value), Damage> {
    let (mut name, mut value) = (Text::default(), None);
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => name = wire.text()?,
            other => value = Some(read_value(other, wire)?),
        }
    }
    Ok((name, value.ok_or(Damage::new("an attribute without a value"))?))
}

fn write_grant(pen: &mut Pen<'_>, grant: &Grant, entry: &Entry) {
    pen.number(1, grant.rule.0.0.into());
    let other_version = (grant.program_version != entry.program_version).then_some(grant.program_version);
    pen.maybe(2, other_version.map(u64::from));
    match grant.part {
        Part::Base => {}
        Part::TierBonus(tier) => pen.always(3, tier.0.0.into()),
    }
    pen.maybe(4, grant.line.map(u64::from));
    pen.signed(5, grant.basis.numerator);
    let fraction = (grant.basis.denominator != 1).then(|| zigzag(grant.basis.denominator));
    pen.maybe(6, fraction);
    pen.maybe(7, grant.wallet.map(|wallet| wallet.0.0.into()));
    pen.signed(8, grant.desired.0);
    pen.maybe(9, (grant.granted != grant.desired).then(|| zigzag(grant.granted.0)));
    runs::write(pen, 10, &grant.meters, runs::put_post);
    runs::write(pen, 11, &grant.shares, runs::put_share);
    pen.maybe(12, grant.cap.map(cap_number));
}

fn read_grant(mut eye: Eye<'_>, entry: &Entry) -> Result<Grant, Damage> {
    let mut granted = None;
    let mut grant = Grant {
        rule: RuleId::default(),
        program_version: entry.program_version,
        part: Part::Base,
        line: None,
        basis: Ratio::whole(0),
        wallet: None,
        desired: Points::ZERO,
        granted: Points::ZERO,
        meters: SmallVec::new(),
        shares: SmallVec::new(),
        cap: None,
    };
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => grant.rule = RuleId(read_word(wire)?),
            2 => grant.program_version = wire.narrow()?,
            3 => grant.part = Part::TierBonus(TierId(read_word(wire)?)),
            4 => grant.line = Some(wire.narrow()?),
            5 => grant.basis.numerator = wire.signed()?,
            6 => grant.basis.denominator = wire.signed()?,
            7 => grant.wallet = Some(WalletId(read_word(wire)?)),
            8 => grant.desired = wire.points()?,
            9 => granted = Some(wire.points()?),
            10 => grant.meters = runs::read(wire, runs::take_post)?.into(),
            11 => grant.shares = runs::read(wire, runs::take_share)?.into(),
            12 => grant.cap = Some(read_cap(wire)?),
            other => return Err(unknown("a grant", other)),
        }
    }
    grant.granted = granted.unwrap_or(grant.desired);
    Ok(grant)
}

const fn cap_number(cap: Cap) -> u64 {
    match cap {
        Cap::Receipt => 1,
        Cap::Member => 2,
        Cap::Budget => 3,
        Cap::Stacking => 4,
    }
}

fn read_cap(wire: Wire<'_>) -> Result<Cap, Damage> {
    match wire.number()? {
        1 => Ok(Cap::Receipt),
        2 => Ok(Cap::Member),
        3 => Ok(Cap::Budget),
        4 => Ok(Cap::Stacking),
        _ => Err(Damage::new("an unknown limit bit")),
    }
}
