//! Where a member stands and what her meters read, written from a view straight into bytes: alone, and in the reply to
//! a recorded purchase.
//!
//! The same bytes as those of the generated types that `member.rs` builds; the tests beside `receipt.rs` hold the two
//! together.

use super::belonging::held_by;
use super::held::grant_id;
use super::member::{Outlook, tier_name};
use super::pen::Pen;
use crate::domain::decide::Renewal;
use crate::domain::member::Held;
use crate::domain::program::condition::Shortfall;
use crate::domain::program::{Ladder, Meter, Program};
use crate::engine::View;
use crate::pb;

/// A member of whom is told where she stands.
#[derive(Debug)]
pub struct Stands(pub View);

impl Stands {
    /// Writes it as a `GetStandingResponse`.
    pub fn write(&self, pen: &mut Pen<'_>) {
        let outlook = Outlook::of(&self.0);
        if let Some(ladder) = &outlook.program.ladder {
            pen.nested(1, |pen| standing(pen, &outlook, ladder));
        }
        for (meter, value) in outlook.program.meters.iter().zip(&outlook.readings) {
            pen.nested(2, |pen| reading(pen, &outlook, meter, *value));
        }
    }
}

/// What a meter reads.
pub fn reading(pen: &mut Pen<'_>, outlook: &Outlook<'_>, meter: &Meter, value: i64) {
    pen.text(1, outlook.program.text(meter.id.0));
    pen.number(2, meter.decimals);
    pen.number(3, value);
    if let Some((first, end)) = outlook.span_of(meter) {
        pen.moment(4, outlook.program.zone.start_of(first));
        pen.moment(5, outlook.program.zone.start_of(end));
    }
}

/// Where she stands.
pub fn standing(pen: &mut Pen<'_>, outlook: &Outlook<'_>, ladder: &Ladder) {
    let standing = &outlook.member.standing;
    let tier = standing.tier().unwrap_or(ladder.base);
    pen.text(1, outlook.program.text(tier.0));
    pen.text(2, tier_name(outlook.program, ladder, tier));
    pen.moment(3, outlook.since());
    if let Some(end) = standing.next_change() {
        pen.moment(4, end);
    }
    next_tier(pen, outlook, ladder);
    if let Some(found) = &outlook.renewal {
        pen.nested(6, |pen| renewal(pen, outlook, found));
    }
    outlook.held().for_each(|held| pen.nested(7, |pen| held_tier(pen, outlook.program, held)));
    pen.number(8, outlook.source(ladder).map_or(pb::HeldBy::Unspecified, held_by) as i32);
}

fn next_tier(pen: &mut Pen<'_>, outlook: &Outlook<'_>, ladder: &Ladder) {
    let next = outlook.next.as_ref().and_then(|next| Some((next, ladder.tiers.get(next.position)?)));
    let Some((next, tier)) = next else { return };
    pen.nested(5, |pen| {
        pen.text(1, outlook.program.text(tier.id.0));
        pen.text(2, &tier.name);
        pen.text(3, tier.qualify.as_ref().map_or("", |qualify| &qualify.written));
        next.lacking.meters.iter().for_each(|short| missing(pen, outlook, short));
        if let Some(day) = outlook.deadline(&next.lacking) {
            pen.moment(5, outlook.program.zone.start_of(day));
        }
        next.lacking.attributes.iter().for_each(|name| pen.text(6, name));
    });
}

fn renewal(pen: &mut Pen<'_>, outlook: &Outlook<'_>, found: &Renewal<'_>) {
    pen.text(1, &found.condition.written);
    pen.moment(2, found.until);
    pen.moment(3, found.renewed_until);
    found.lacking.meters.iter().for_each(|short| missing(pen, outlook, short));
    pen.moment(5, outlook.renewed_by(found));
    pen.number(6, found.is_met);
    pen.number(7, found.at_once);
    found.lacking.attributes.iter().for_each(|name| pen.text(8, name));
}

fn held_tier(pen: &mut Pen<'_>, program: &Program, held: &Held) {
    pen.text(1, program.text(held.tier.0));
    pen.moment(2, held.since);
    pen.moment(3, held.until);
    pen.number(4, held_by(held.by) as i32);
    pen.text(5, &grant_id(held));
}

fn missing(pen: &mut Pen<'_>, outlook: &Outlook<'_>, short: &Shortfall) {
    let Some(meter) = outlook.program.meters.get(short.meter) else { return };
    pen.nested(4, |pen| {
        pen.text(1, outlook.program.text(meter.id.0));
        pen.number(2, meter.decimals);
        pen.number(3, short.value());
        pen.number(4, short.missing);
    });
}
