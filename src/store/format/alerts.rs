//! Facts about alerts, and what a snapshot says of the one that is not over.
//!
//! | field | fact | its fields |
//! |---|---|---|
//! | 81 | AlertRaised | 1 cause: 0 silence, 1 spend, 2 last day (sint), 3 silent days (sint), 4 usual gap (sint), 5 alarm after (sint), 6 usual spend (sint), 7 least spend (sint), 8 margin: 0 unknown, 1 keep, 2 grow, 3 change, 9 owner, 10 escalates_at (sint from recorded_at; absent: never), 11 escalates_to, 12 offer: 1 tier, 2 by (as 10), 3… missing: 1 meter, 2 how much (sint) |
//! | 82 | AlertAcknowledged | 1 alert, 2 actor, 3 note |
//! | 83 | AlertEscalated | 1 alert, 2 to, 3 at (sint from recorded_at) |
//! | 84 | AlertEnded | 1 alert, 2 cause: 0 she bought again, 1 she closed, 3 at (as above) |
//!
//! In a snapshot (field 23 of a member): 1 entry, 2 last day (sint), 3 least spend (sint), 4 owner, 5 acknowledged by, 6
//! escalates_at (sint from 1970; absent: never), 7 escalates_to, 8 whether it was passed on. "…" marks a list.

use super::Damage;
use super::eye::{Eye, Wire, day_of, unknown};
use super::fact::{distance, read_word};
use super::lots::{EPOCH, write_unless};
use super::pen::Pen;
use crate::domain::calendar::Day;
use crate::domain::event::{AlertCause, AlertEnd, AlertFact, AlertRaised, Entry, MarginClass, Pattern, RungOffer, Seq};
use crate::domain::member::OpenAlert;
use crate::domain::program::{MeterId, TierId};
use crate::domain::units::{Moment, Points, Text};

/// Writes a fact of `entry`.
pub fn write(pen: &mut Pen<'_>, fact: &AlertFact, entry: &Entry) {
    match fact {
        AlertFact::Raised(raised) => pen.nested(81, |pen| write_raised(pen, raised, entry.recorded_at)),
        AlertFact::Acknowledged { alert, actor, note } => pen.nested(82, |pen| {
            pen.number(1, alert.0);
            pen.text(2, actor);
            pen.text(3, note);
        }),
        AlertFact::Escalated { alert, to, at } => pen.nested(83, |pen| {
            pen.number(1, alert.0);
            pen.text(2, to);
            pen.signed(3, distance(*at, entry));
        }),
        AlertFact::Ended { alert, cause, at } => pen.nested(84, |pen| {
            pen.number(1, alert.0);
            pen.number(2, u64::from(*cause == AlertEnd::Closed));
            pen.signed(3, distance(*at, entry));
        }),
    }
}

/// Writes an alert as it was raised; its moments lie from `from`.
pub fn write_raised(pen: &mut Pen<'_>, raised: &AlertRaised, from: Moment) {
    let Pattern { cause, last_day, silent_days, usual_gap, alarm_after, usual_spend, least_spend } = raised.pattern;
    pen.number(1, u64::from(cause == AlertCause::Spend));
    pen.signed(2, last_day.0.into());
    pen.signed(3, silent_days);
    pen.signed(4, usual_gap);
    pen.signed(5, alarm_after);
    pen.signed(6, usual_spend);
    pen.signed(7, least_spend);
    pen.number(8, margin_number(raised.margin));
    pen.text(9, &raised.owner);
    write_unless(pen, 10, Moment::NEVER, raised.escalates_at, from);
    pen.text(11, &raised.escalates_to);
    let Some(offer) = &raised.offer else { return };
    pen.nested(12, |pen| {
        pen.number(1, offer.tier.0.0.into());
        write_unless(pen, 2, Moment::NEVER, offer.by, from);
        for (meter, missing) in &offer.missing {
            pen.nested(3, |pen| {
                pen.number(1, meter.0.0.into());
                pen.signed(2, missing.0);
            });
        }
    });
}

/// Reads the fact under `field`, of the entry read so far.
///
/// # Errors
/// [`Damage`] if the bytes are not that fact.
pub fn read(field: u64, eye: Eye<'_>, entry: &Entry) -> Result<AlertFact, Damage> {
    match field {
        81 => read_raised(eye, entry.recorded_at).map(AlertFact::Raised),
        82..=84 => read_change(field, eye, entry),
        other => Err(unknown("a fact", other)),
    }
}

fn read_change(fact: u64, mut eye: Eye<'_>, entry: &Entry) -> Result<AlertFact, Damage> {
    let (mut alert, mut who, mut note, mut cause) = (Seq::NONE, Text::default(), Text::default(), AlertEnd::Bought);
    let mut at = entry.recorded_at;
    while let Some((field, wire)) = eye.field()? {
        match (field, fact) {
            (1, _) => alert = Seq(wire.number()?),
            (2, 84) => cause = ended_for(wire.number()?)?,
            (2, _) => who = wire.text()?,
            (3, 82) => note = wire.text()?,
            (3, _) => at = wire.moment_from(entry.recorded_at)?,
            (other, _) => return Err(unknown("a fact about an alert", other)),
        }
    }
    Ok(match fact {
        82 => AlertFact::Acknowledged { alert, actor: who, note },
        83 => AlertFact::Escalated { alert, to: who, at },
        _ => AlertFact::Ended { alert, cause, at },
    })
}

/// Reads an alert as it was raised; its moments lie from `from`.
///
/// # Errors
/// [`Damage`] if the bytes are not that.
pub fn read_raised(mut eye: Eye<'_>, from: Moment) -> Result<AlertRaised, Damage> {
    let mut raised = AlertRaised {
        pattern: Pattern {
            cause: AlertCause::Silence,
            last_day: Day(0),
            silent_days: 0,
            usual_gap: 0,
            alarm_after: 0,
            usual_spend: 0,
            least_spend: 0,
        },
        margin: MarginClass::Unknown,
        owner: Text::default(),
        escalates_at: Moment::NEVER,
        escalates_to: Text::default(),
        offer: None,
    };
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => raised.pattern.cause = caused_by(wire.number()?)?,
            2 => raised.pattern.last_day = day_of(wire.number()?)?,
            3 => raised.pattern.silent_days = wire.signed()?,
            4 => raised.pattern.usual_gap = wire.signed()?,
            5 => raised.pattern.alarm_after = wire.signed()?,
            6 => raised.pattern.usual_spend = wire.signed()?,
            7 => raised.pattern.least_spend = wire.signed()?,
            8 => raised.margin = margin_of(wire.number()?)?,
            9 => raised.owner = wire.text()?,
            10 => raised.escalates_at = wire.moment_from(from)?,
            11 => raised.escalates_to = wire.text()?,
            12 => raised.offer = Some(read_offer(wire, from)?),
            other => return Err(unknown("an alert", other)),
        }
    }
    Ok(raised)
}

fn read_offer(wire: Wire<'_>, from: Moment) -> Result<RungOffer, Damage> {
    let mut offer = RungOffer { tier: TierId::default(), missing: Vec::new(), by: Moment::NEVER };
    let mut eye = wire.nested()?;
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => offer.tier = TierId(read_word(wire)?),
            2 => offer.by = wire.moment_from(from)?,
            3 => offer.missing.push(read_missing(wire)?),
            other => return Err(unknown("an offer", other)),
        }
    }
    Ok(offer)
}

fn read_missing(wire: Wire<'_>) -> Result<(MeterId, Points), Damage> {
    let mut missing = (MeterId::default(), Points::ZERO);
    let mut eye = wire.nested()?;
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => missing.0 = MeterId(read_word(wire)?),
            2 => missing.1 = wire.points()?,
            other => return Err(unknown("an offer", other)),
        }
    }
    Ok(missing)
}

/// Writes the alert of a member that is not over.
pub fn write_open(pen: &mut Pen<'_>, open: &OpenAlert) {
    pen.number(1, open.entry.0);
    pen.signed(2, open.last_day.0.into());
    pen.signed(3, open.least_spend);
    pen.text(4, &open.owner);
    pen.text(5, &open.acknowledged_by);
    write_unless(pen, 6, Moment::NEVER, open.escalates_at, EPOCH);
    pen.text(7, &open.escalates_to);
    pen.number(8, open.is_escalated.into());
}

/// Reads it.
///
/// # Errors
/// [`Damage`] if the bytes are not that.
pub fn read_open(wire: Wire<'_>) -> Result<OpenAlert, Damage> {
    let mut open = OpenAlert {
        entry: Seq::NONE,
        last_day: Day(0),
        least_spend: 0,
        owner: Text::default(),
        acknowledged_by: Text::default(),
        escalates_at: Moment::NEVER,
        escalates_to: Text::default(),
        is_escalated: false,
    };
    let mut eye = wire.nested()?;
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => open.entry = Seq(wire.number()?),
            2 => open.last_day = day_of(wire.number()?)?,
            3 => open.least_spend = wire.signed()?,
            4 => open.owner = wire.text()?,
            5 => open.acknowledged_by = wire.text()?,
            6 => open.escalates_at = wire.moment()?,
            7 => open.escalates_to = wire.text()?,
            8 => open.is_escalated = wire.number()? == 1,
            other => return Err(unknown("an alert", other)),
        }
    }
    Ok(open)
}

const fn margin_number(margin: MarginClass) -> u64 {
    match margin {
        MarginClass::Unknown => 0,
        MarginClass::Keep => 1,
        MarginClass::Grow => 2,
        MarginClass::Change => 3,
    }
}

const fn margin_of(number: u64) -> Result<MarginClass, Damage> {
    Ok(match number {
        0 => MarginClass::Unknown,
        1 => MarginClass::Keep,
        2 => MarginClass::Grow,
        3 => MarginClass::Change,
        _ => return Err(Damage::new("a margin of an unknown class")),
    })
}

const fn caused_by(number: u64) -> Result<AlertCause, Damage> {
    match number {
        0 => Ok(AlertCause::Silence),
        1 => Ok(AlertCause::Spend),
        _ => Err(Damage::new("an alert of an unknown cause")),
    }
}

const fn ended_for(number: u64) -> Result<AlertEnd, Damage> {
    match number {
        0 => Ok(AlertEnd::Bought),
        1 => Ok(AlertEnd::Closed),
        _ => Err(Damage::new("an alert ended for an unknown cause")),
    }
}
