//! What a snapshot says of what a member belongs to and what that gave her: field 21 of a member (see `member.rs`).
//!
//! | field | is | its parts |
//! |---|---|---|
//! | 1… message | clubs | 1 club, 2 entry, 3 until, 4 since, 10 |
//! | 2… message | invitations | 1 club, 3 until |
//! | 3… message | clubs asked to be let into | 1 club |
//! | 4… message | allowances | 1 privilege, 2 entry, 3 until, 5 left; if a milestone gave them: 8 window, 13 milestone |
//! | 5… message | choices | 1 milestone, 2 entry, 3 until, 5 left, 9 taken |
//! | 6… message | boosts | 1 campaign, 2 entry, 3 until, 4 since, 6 register_before, 11 began |
//! | 7… message | tiers sent | 1 tier, 2 entry, 3 until, 7 to |
//! | 8… message | windows awaited | 1 meter, 3 closes_at, 8 window |
//! | 9… message | segments she is in | 1 segment, 2 entry, 4 since |
//! | 10… message | kept of milestones | 1 milestone, 8 window, 12 kept |
//!
//! In all of these a part means the same; a reader refuses those that are not named there:
//!
//! | part | is | absent means |
//! |---|---|---|
//! | 1 number | the word | 0 |
//! | 2 number | the entry it came of | none |
//! | 3 sint | until when | never |
//! | 4 sint | since when | never: it has not begun |
//! | 5 number | how many are left | 0 |
//! | 6 sint | before when | at no time |
//! | 7 bytes | another member's key | refused |
//! | 8 sint | the key of a window: its first day | 0 |
//! | 9 bytes | a run of options taken (`runs.rs`) | none |
//! | 10 number | 1: she takes none of the club's places | takes one |
//! | 11 number | the entry in which it began | none |
//! | 12 bytes | a run of what was kept (`runs.rs`) | nothing |
//! | 13 number | the milestone that gave it | none did |
//!
//! Moments and days count from 1970 here, for a snapshot belongs to no entry.

use super::eye::{Wire, day_of, unknown};
use super::fact::read_word;
use super::lots::{EPOCH, write_unless};
use super::pen::{Pen, zigzag};
use super::{Damage, runs};
use crate::domain::calendar::Day;
use crate::domain::event::{Kept, Seq};
use crate::domain::member::{
    Allowance, AwaitedWindow, Belonging, HeldBoost, InSegment, Invitation, KeptOf, Membership, OpenChoice, SentTier,
};
use crate::domain::order::MemberKey;
use crate::domain::program::{ClubId, MeterId, MilestoneId, OptionId, PrivilegeId, RuleId, SegmentId, TierId, Word};
use crate::domain::units::Moment;

/// What of one of these has been read, or is to be written.
#[derive(Clone, Debug)]
struct Tie {
    word: Word,
    entry: Seq,
    until: Moment,
    since: Moment,
    left: u32,
    before: Option<Moment>,
    to: Option<MemberKey>,
    window: Day,
    taken: Vec<(OptionId, u32)>,
    has_place: bool,
    began: Seq,
    kept: Vec<Kept>,
    milestone: Option<Word>,
}

impl Tie {
    const BLANK: Self = Self {
        word: Word(0),
        entry: Seq::NONE,
        until: Moment::NEVER,
        since: Moment::NEVER,
        left: 0,
        before: None,
        to: None,
        window: Day(0),
        taken: Vec::new(),
        has_place: true,
        began: Seq::NONE,
        kept: Vec::new(),
        milestone: None,
    };
}

/// Writes what a member belongs to.
pub fn write(pen: &mut Pen<'_>, belonging: &Belonging) {
    let mut put = |field, tie: Tie| pen.nested(field, |pen| write_tie(pen, &tie));
    for &Membership { club: ClubId(word), since, until, entry, has_place } in &belonging.clubs {
        put(1, Tie { word, entry, until, since, has_place, ..Tie::BLANK });
    }
    for &Invitation { club: ClubId(word), until } in &belonging.invitations {
        put(2, Tie { word, until, ..Tie::BLANK });
    }
    for &ClubId(word) in &belonging.asked {
        put(3, Tie { word, ..Tie::BLANK });
    }
    for &Allowance { privilege: PrivilegeId(word), entry, left, until, of } in &belonging.allowances {
        let (milestone, window) = of.map_or((None, Day(0)), |(milestone, window)| (Some(milestone.0), window));
        put(4, Tie { word, entry, until, left, milestone, window, ..Tie::BLANK });
    }
    for OpenChoice { milestone: MilestoneId(word), entry, left, until, taken } in &belonging.choices {
        let (word, entry, until, left, taken) = (*word, *entry, *until, *left, taken.clone());
        put(5, Tie { word, entry, until, left, taken, ..Tie::BLANK });
    }
    for &HeldBoost { boost: RuleId(word), entry, register_before: before, since, until, began } in &belonging.boosts {
        put(6, Tie { word, entry, until, since, before, began, ..Tie::BLANK });
    }
    for &SentTier { entry, to, tier: TierId(word), until } in &belonging.sent {
        put(7, Tie { word, entry, until, to: Some(to), ..Tie::BLANK });
    }
    for &AwaitedWindow { meter: MeterId(word), window, closes_at: until } in &belonging.windows {
        put(8, Tie { word, until, window, ..Tie::BLANK });
    }
    for &InSegment { segment: SegmentId(word), since, entry } in &belonging.segments {
        put(9, Tie { word, entry, since, ..Tie::BLANK });
    }
    for KeptOf { milestone: MilestoneId(word), window, kept } in &belonging.kept {
        let (word, window, kept) = (*word, *window, kept.clone());
        put(10, Tie { word, window, kept, ..Tie::BLANK });
    }
}

/// Reads what a member belongs to.
///
/// # Errors
/// [`Damage`] if the bytes are not that.
pub fn read(wire: Wire<'_>) -> Result<Belonging, Damage> {
    let mut belonging = Belonging::default();
    let mut eye = wire.nested()?;
    while let Some((field, wire)) = eye.field()? {
        let tie = read_tie(wire, known(field))?;
        let Tie { word, entry, until, since, left, before, to, window, taken, has_place, began, kept, milestone } = tie;
        match field {
            1 => belonging.clubs.push(Membership { club: ClubId(word), since, until, entry, has_place }),
            2 => belonging.invitations.push(Invitation { club: ClubId(word), until }),
            3 => belonging.asked.push(ClubId(word)),
            4 => {
                let (privilege, of) = (PrivilegeId(word), milestone.map(|milestone| (MilestoneId(milestone), window)));
                belonging.allowances.push(Allowance { privilege, entry, left, until, of });
            }
            5 => belonging.choices.push(OpenChoice { milestone: MilestoneId(word), entry, left, until, taken }),
            6 => {
                let boost = RuleId(word);
                belonging.boosts.push(HeldBoost { boost, entry, register_before: before, since, until, began });
            }
            7 => {
                let to = to.ok_or(Damage::new("a tier sent to nobody"))?;
                belonging.sent.push(SentTier { entry, to, tier: TierId(word), until });
            }
            8 => belonging.windows.push(AwaitedWindow { meter: MeterId(word), window, closes_at: until }),
            9 => belonging.segments.push(InSegment { segment: SegmentId(word), since, entry }),
            10 => belonging.kept.push(KeptOf { milestone: MilestoneId(word), window, kept }),
            other => return Err(unknown("what a member belongs to", other)),
        }
    }
    belonging.date();
    Ok(belonging)
}

/// The parts of what stands under `field`, as the table above has them.
const fn known(field: u64) -> &'static [u64] {
    match field {
        1 => &[1, 2, 3, 4, 10],
        2 => &[1, 3],
        3 => &[1],
        4 => &[1, 2, 3, 5, 8, 13],
        5 => &[1, 2, 3, 5, 9],
        6 => &[1, 2, 3, 4, 6, 11],
        7 => &[1, 2, 3, 7],
        8 => &[1, 3, 8],
        9 => &[1, 2, 4],
        10 => &[1, 8, 12],
        _ => &[],
    }
}

fn write_tie(pen: &mut Pen<'_>, tie: &Tie) {
    pen.number(1, tie.word.0.into());
    pen.number(2, tie.entry.0);
    write_unless(pen, 3, Moment::NEVER, tie.until, EPOCH);
    write_unless(pen, 4, Moment::NEVER, tie.since, EPOCH);
    pen.number(5, tie.left.into());
    pen.maybe(6, tie.before.map(|moment| zigzag(moment.0)));
    pen.bytes(7, tie.to.as_ref().map_or(&[], |to| &to.0));
    pen.signed(8, tie.window.0.into());
    runs::write(pen, 9, &tie.taken, runs::put_taken);
    pen.number(10, (!tie.has_place).into());
    pen.number(11, tie.began.0);
    runs::write(pen, 12, &tie.kept, runs::put_kept);
    pen.maybe(13, tie.milestone.map(|milestone| milestone.0.into()));
}

fn read_tie(wire: Wire<'_>, known: &[u64]) -> Result<Tie, Damage> {
    let mut tie = Tie::BLANK;
    let mut eye = wire.nested()?;
    while let Some((field, wire)) = eye.field()? {
        if !known.contains(&field) {
            return Err(unknown("what a member belongs to", field));
        }
        match field {
            1 => tie.word = read_word(wire)?,
            2 => tie.entry = Seq(wire.number()?),
            3 => tie.until = wire.moment()?,
            4 => tie.since = wire.moment()?,
            5 => tie.left = wire.narrow()?,
            6 => tie.before = Some(wire.moment()?),
            7 => tie.to = Some(MemberKey(wire.array()?)),
            8 => tie.window = day_of(wire.number()?)?,
            9 => tie.taken = runs::read(wire, runs::take_taken)?,
            10 => tie.has_place = wire.number()? == 0,
            11 => tie.began = Seq(wire.number()?),
            12 => tie.kept = runs::read(wire, runs::take_kept)?,
            13 => tie.milestone = Some(read_word(wire)?),
            other => return Err(unknown("what a member belongs to", other)),
        }
    }
    Ok(tie)
}
