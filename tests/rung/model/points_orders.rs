//! The numbers of the reference as orders to the engine, and what the engine shows as the reference does.

use std::sync::Arc;

use rung::domain::decide::meter_values;
use rung::domain::lot::Lot;
use rung::domain::member::MemberState;
use rung::domain::order::{
    Adjustment, Enrolment, Import, ImportedLot, Line, Purchase, ReceiptKey, Return, ReturnLine, Verb,
};
use rung::domain::units::{CurrencyCode, Moment, Points, Quantity, Text};
use rung::engine::View;

use super::name;
use super::points_reference::{
    Back, Bit, Bought, Brought, BroughtLot, CATEGORIES, Lots, Part, Shown, ShownWallet, WALLETS,
};

pub fn adjustment(wallet: usize, points: i64, reason: &str) -> Verb {
    let (wallet, points, reason) = (WALLETS[wallet].into(), Points(points), reason.into());
    Verb::Adjust(Adjustment { wallet, points, reason, actor: "desk".into() })
}

pub fn enrolment(who: u8) -> Enrolment {
    Enrolment { member_id: name(who), id_given: true, identifiers: Vec::new(), attributes: Vec::new() }
}

pub fn importing(who: u8, brought: &Brought, now: i64) -> Import {
    let lot = |lot: &BroughtLot| ImportedLot {
        wallet: WALLETS[lot.wallet].into(),
        points: Points(lot.points),
        earned_at: Moment(now - lot.age),
        expires_at: lot.ends.map(|ends| Moment(now + ends)),
    };
    Import {
        enrolment: enrolment(who),
        enrolled_at: brought.joined.map(|age| Moment(now - age)),
        lots: brought.lots.iter().map(lot).collect(),
        meters: Vec::new(),
        tier: None,
        clubs: Vec::new(),
    }
}

pub fn key(receipt: u16) -> ReceiptKey {
    ReceiptKey { source: "till".into(), id: receipt.to_string().into() }
}

pub fn purchase(bought: &Bought) -> Purchase {
    let line = |(position, bit): (usize, &Bit)| Line {
        line_id: position.to_string().into(),
        sku: Text::default(),
        category: CATEGORIES[usize::from(bit.category)].into(),
        quantity: Quantity(bit.units * 1_000),
        minor_units: bit.cents,
        attributes: Vec::new(),
    };
    Purchase {
        receipt: key(bought.receipt),
        kind: "sale".into(),
        occurred_at: Moment(bought.at),
        zone: None,
        currency: CurrencyCode::parse("USD").unwrap(),
        lines: bought.lines.iter().enumerate().map(line).collect(),
        tenders: Vec::new(),
        channel: Text::default(),
        store: Text::default(),
        partner: Text::default(),
        attributes: Vec::new(),
    }
}

pub fn giving_back(back: &Back) -> Return {
    let line = |(line, part): &(u8, Part)| {
        let (units, minor_units) = match part {
            Part::Units(units) => (*units, 0),
            Part::Cents(cents) => (0, *cents),
        };
        ReturnLine { line_id: line.to_string().into(), quantity: Quantity(units * 1_000), minor_units }
    };
    Return {
        receipt: key(back.receipt),
        return_receipt: key(back.own),
        occurred_at: None,
        lines: back.lines.iter().map(line).collect(),
        exchange: back.instead.as_ref().map(|bought| Arc::new(purchase(bought))),
    }
}

fn by_dates<'a>(lots: impl IntoIterator<Item = &'a Lot>) -> Lots {
    let mut by_dates = Lots::new();
    for lot in lots {
        *by_dates.entry((lot.terms.expires_at.0, lot.terms.available_at.0)).or_default() += lot.points.0;
    }
    by_dates
}

pub fn shown(view: &View) -> Shown {
    let (member, program) = (&view.member, view.timeline.newest());
    member.check().unwrap();
    let wallet = |at: usize| {
        let wallet = program.wallets[at].id;
        let held = member.desk().holds.iter().filter(|hold| hold.wallet == wallet);
        ShownWallet {
            available: member.available(wallet).0,
            pending: member.pending(wallet).0,
            held: member.held(wallet).0,
            debt: member.debt(wallet).0,
            lots: by_dates(member.purse(wallet).iter().flat_map(|purse| &purse.lots)),
            held_lots: by_dates(held.flat_map(|hold| &hold.lots)),
        }
    };
    let miles = member.purse(program.wallets[3].id).filter(|purse| !purse.lots.is_empty());
    let mut vouchers: Vec<i64> = member.desk().vouchers.iter().map(|voucher| voucher.expires_at.0).collect();
    vouchers.sort_unstable();
    Shown {
        state: match member.state {
            MemberState::Active => "active",
            MemberState::Suspended => "suspended",
            MemberState::Closed => "closed",
        },
        wallets: std::array::from_fn(wallet),
        lapses_at: miles.map(|purse| purse.lapses_at.0),
        vouchers,
        spend: meter_values(program, member, view.now).unwrap()[0],
    }
}
