//! An alert of a crowd: as it was raised, and what became of it.
//!
//! Fields: 1 its entry, 2 its member's number, 3 when that was recorded, 4 as it was raised, 5 owner, 6 who takes care of
//! it, 7 since when, 8 when it was passed on, 9 why it was over + 1, 10 since when, 11 when that was recorded. Moments are sint from 1970.

use super::Damage;
use super::alerts::{read_raised, write_raised};
use super::eye::{Eye, unknown};
use super::pen::Pen;
use crate::domain::crowd::alerts::{Alert, Over};
use crate::domain::crowd::daybook::MemberNo;
use crate::domain::event::{AlertEnd, Seq};
use crate::domain::units::{Moment, Text};

/// Writes one.
pub fn write(pen: &mut Pen<'_>, entry: Seq, alert: &Alert) {
    let Alert { member, raised, raised_at, owner, acknowledged, escalated_at, ended } = alert;
    pen.number(1, entry.0);
    pen.number(2, member.0.into());
    pen.signed(3, raised_at.0);
    pen.nested(4, |pen| write_raised(pen, raised, *raised_at));
    pen.text(5, owner);
    if let Some((actor, at)) = acknowledged {
        pen.text(6, actor);
        pen.always(7, super::pen::zigzag(at.0));
    }
    pen.maybe(8, escalated_at.map(|at| super::pen::zigzag(at.0)));
    if let Some(Over { cause, at, recorded_at }) = ended {
        pen.number(9, if *cause == AlertEnd::Closed { 2 } else { 1 });
        pen.always(10, super::pen::zigzag(at.0));
        pen.always(11, super::pen::zigzag(recorded_at.0));
    }
}

/// Reads one.
///
/// # Errors
/// [`Damage`] if the bytes are not that.
pub fn read(mut eye: Eye<'_>) -> Result<(Seq, Alert), Damage> {
    let (mut entry, mut member, mut raised_at, mut raised) = (Seq::NONE, MemberNo(0), Moment(0), None);
    let (mut owner, mut actor, mut escalated_at, mut cause) = (Text::default(), Text::default(), None, None);
    let (mut acknowledged_at, mut ended_at, mut recorded_at) = (None, Moment(0), Moment(0));
    while let Some((field, wire)) = eye.field()? {
        match field {
            1 => entry = Seq(wire.number()?),
            2 => member = MemberNo(wire.narrow()?),
            3 => raised_at = Moment(wire.signed()?),
            4 => raised = Some(read_raised(wire.nested()?, raised_at)?),
            5 => owner = wire.text()?,
            6 => actor = wire.text()?,
            7 => acknowledged_at = Some(wire.moment()?),
            8 => escalated_at = Some(wire.moment()?),
            9 => cause = Some(if wire.number()? == 2 { AlertEnd::Closed } else { AlertEnd::Bought }),
            10 => ended_at = wire.moment()?,
            11 => recorded_at = wire.moment()?,
            other => return Err(unknown("an alert of a crowd", other)),
        }
    }
    let raised = raised.ok_or(Damage::new("an alert that was never raised"))?;
    let acknowledged = acknowledged_at.map(|at| (actor, at));
    let ended = cause.map(|cause| Over { cause, at: ended_at, recorded_at });
    Ok((entry, Alert { member, raised, raised_at, owner, acknowledged, escalated_at, ended }))
}
