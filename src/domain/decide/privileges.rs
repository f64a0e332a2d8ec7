//! "May she?": what a privilege is worth to a member, and using it.

use super::earning::post;
use super::windows::{counted, window_span};
use super::{Ground, active, windows};
use crate::domain::calendar::Day;
use crate::domain::event::{BelongingFact, Entry, Fact, MeterPost, Seq};
use crate::domain::member::{Allowance, Member, Membership};
use crate::domain::order::{Note, Refusal, Using};
use crate::domain::program::{ClubId, MeterId, Privilege, PrivilegeKind, Program, SegmentId, TierId, Window, Worth};
use crate::domain::units::{Moment, Points, Ratio, Span};

/// What is asked of a privilege.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// How many uses; 1 or more.
    pub uses: u32,
    /// How many companions.
    pub companions: u32,
    /// When what it is for begins.
    pub begins_at: Option<Moment>,
}

/// Who gives a privilege.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The member's tier.
    Tier(TierId),
    /// A club.
    Club(ClubId),
    /// A segment.
    Segment(SegmentId),
    /// Something that was given to her: a milestone, a choice, a reward.
    Given,
}

/// What a quota comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaReading {
    /// Uses that tiers, clubs and segments give in the window.
    pub granted: i64,
    /// Uses made in the window.
    pub used: i64,
    /// Uses given on top that are left.
    pub given: i64,
    /// Uses left in all.
    pub left: i64,
    /// The window, from its first day to the day after its last; none for a lifetime.
    pub window: Option<(Day, Day)>,
}

/// What a privilege is to a member at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked<'a> {
    /// Who gives it, and what.
    pub sources: Vec<(Source, &'a Worth)>,
    /// Its share, where it is one.
    pub share: Option<Ratio>,
    /// Its code, where it is one.
    pub code: Option<&'a str>,
    /// How long before something begins it opens, where it does.
    pub opens_before: Option<Span>,
    /// When it opens for what was asked about.
    pub opens_at: Option<Moment>,
    /// Its quota, where uses are counted.
    pub quota: Option<QuotaReading>,
    /// Why she may not.
    pub refusal: Option<Refusal>,
}

/// What `privilege` is to a settled member at `now`.
#[must_use]
pub fn check<'a>(
    program: &'a Program,
    member: &Member,
    privilege: &'a Privilege,
    asked: Asked,
    now: Moment,
) -> Checked<'a> {
    let sources = sources(program, member, privilege, now);
    let worths = || sources.iter().map(|(_, worth)| *worth);
    let mut checked = Checked {
        share: worths().filter_map(share).max_by(|a, b| compare(*a, *b)),
        code: worths().find_map(code),
        opens_before: worths().filter_map(before).max(),
        quota: quota(program, member, privilege, &sources, now),
        ..Checked::default()
    };
    checked.opens_at =
        checked.opens_before.zip(asked.begins_at).map(|(span, at)| at.plus(Span(span.0.saturating_neg())));
    let given = checked.quota.is_some_and(|quota| quota.given > 0);
    checked.sources = sources;
    checked.refusal = refusal(member, privilege, &checked, given, asked, now);
    checked
}

fn refusal(
    member: &Member,
    privilege: &Privilege,
    checked: &Checked<'_>,
    given: bool,
    asked: Asked,
    now: Moment,
) -> Option<Refusal> {
    if let Err(refusal) = active(member) {
        return Some(refusal);
    }
    if checked.sources.is_empty() && !given {
        return Some(Refusal::NotEntitled);
    }
    if asked.companions > privilege.companions {
        let (asked, covered) = (asked.companions, privilege.companions);
        return Some(Refusal::TooManyCompanions { asked, covered });
    }
    match (checked.opens_at, checked.quota) {
        (Some(opens_at), _) if now < opens_at => Some(Refusal::NotOpenYet { opens_at }),
        (_, Some(quota)) if i64::from(asked.uses) > quota.left => {
            Some(Refusal::QuotaUsed { asked: asked.uses, left: quota.left })
        }
        _ => None,
    }
}

/// Who gives it: the highest tier up to the member's that names it, every club she belongs to and every segment she is in.
fn sources<'a>(program: &Program, member: &Member, privilege: &'a Privilege, now: Moment) -> Vec<(Source, &'a Worth)> {
    let rank = |tier| program.ladder.as_ref().and_then(|ladder| ladder.rank(tier));
    let own = program.ladder.as_ref().map(|ladder| member.standing.tier().unwrap_or(ladder.base)).and_then(rank);
    let up_to_hers = privilege.by_tier.iter().filter(|(tier, _)| rank(*tier).is_some() && rank(*tier) <= own);
    let by_tier = up_to_hers.max_by_key(|(tier, _)| rank(*tier)).map(|(tier, worth)| (Source::Tier(*tier), worth));
    let belongs = |club| member.belonging().club(club).is_some_and(|membership| is_on(membership, now));
    let by_club = privilege.by_club.iter().filter(|(club, _)| belongs(*club));
    let given = privilege.given.iter().filter(|_| !privilege.is_counted());
    let given = given.filter(|_| allowances(member, privilege, now).next().is_some());
    let by_club = by_club.map(|(club, worth)| (Source::Club(*club), worth));
    let is_in = |segment| member.belonging().segment(segment).is_some();
    let by_segment = privilege.by_segment.iter().filter(|(segment, _)| is_in(*segment));
    let by_segment = by_segment.map(|(segment, worth)| (Source::Segment(*segment), worth));
    by_tier.into_iter().chain(by_club).chain(by_segment).chain(given.map(|worth| (Source::Given, worth))).collect()
}

fn is_on(membership: &Membership, now: Moment) -> bool {
    membership.since <= now && now < membership.until
}

const fn share(worth: &Worth) -> Option<Ratio> {
    match worth {
        Worth::Share(share) => Some(*share),
        _ => None,
    }
}

fn code(worth: &Worth) -> Option<&str> {
    match worth {
        Worth::Code(code) => Some(code),
        _ => None,
    }
}

const fn before(worth: &Worth) -> Option<Span> {
    match worth {
        Worth::Before(span) => Some(*span),
        _ => None,
    }
}

/// Which of two shares is more.
fn compare(a: Ratio, b: Ratio) -> std::cmp::Ordering {
    let product = |n: i64, d: i64| i128::from(n) * i128::from(d);
    product(a.numerator, b.denominator).cmp(&product(b.numerator, a.denominator))
}

fn quota(
    program: &Program,
    member: &Member,
    privilege: &Privilege,
    sources: &[(Source, &Worth)],
    now: Moment,
) -> Option<QuotaReading> {
    let PrivilegeKind::Quota { window, used: meter, .. } = privilege.kind else { return None };
    let uses = sources.iter().map(|(_, worth)| if let Worth::Uses(uses) = worth { i64::from(*uses) } else { 0 });
    let granted = uses.fold(0, i64::saturating_add);
    let post = post(program, member, now, (meter, window), Points(1));
    let used = counted(member, meter, window, post.window).0;
    let given = allowances(member, privilege, now).map(|held| i64::from(held.left)).fold(0, i64::saturating_add);
    let left = granted.saturating_sub(used).max(0).saturating_add(given);
    let day = program.zone.day_of(now);
    let window = window_span(window, day, windows::enrolled_on(&program.zone, member));
    Some(QuotaReading { granted, used, given, left, window })
}

fn allowances<'m>(
    member: &'m Member,
    privilege: &Privilege,
    now: Moment,
) -> impl Iterator<Item = &'m Allowance> + use<'m> {
    let id = privilege.id;
    member.belonging().allowances.iter().filter(move |held| held.privilege == id && now < held.until)
}

/// The privilege an order names.
pub(super) fn named<'a>(program: &'a Program, name: &str) -> Result<&'a Privilege, Refusal> {
    let found = program.privileges.iter().find(|privilege| program.text(privilege.id.0) == name);
    found.ok_or_else(|| Refusal::UnknownPrivilege(name.into()))
}

/// Uses a privilege as its member asks to; one whose uses are presents she gives away instead.
pub(super) fn ask_use(ground: &Ground<'_>, member: &Member, asked: &Using) -> Result<Fact, Refusal> {
    let used = use_it(ground, member, asked)?;
    match named(ground.timeline.at(ground.now), &asked.privilege)?.kind {
        PrivilegeKind::Quota { gift: Some(_), .. } => Err(Refusal::OnlyGiven),
        _ => Ok(used),
    }
}

/// Uses a privilege.
pub(super) fn use_it(ground: &Ground<'_>, member: &Member, asked: &Using) -> Result<Fact, Refusal> {
    let program = ground.timeline.at(ground.now);
    let privilege = named(program, &asked.privilege)?;
    let PrivilegeKind::Quota { window, used, .. } = privilege.kind else { return Err(Refusal::NotCounted) };
    let Using { uses, companions, begins_at, .. } = *asked;
    let checked = check(program, member, privilege, Asked { uses, companions, begins_at }, ground.now);
    match checked.refusal {
        Some(refusal) => Err(refusal),
        None => {
            let quota = checked.quota.unwrap_or_default();
            let (count, given) = taken(ground, member, privilege, (used, window), quota, uses);
            Ok(Fact::from(BelongingFact::PrivilegeUsed {
                privilege: privilege.id,
                uses,
                companions,
                count,
                given,
                begins_at,
                note: asked.note.clone(),
            }))
        }
    }
}

type Given = Vec<(Seq, u32, Moment)>;

/// What uses are taken of: what was given and ends before the window does, then the window's own, then the rest.
fn taken(
    ground: &Ground<'_>,
    member: &Member,
    privilege: &Privilege,
    (meter, window): (MeterId, Window),
    quota: QuotaReading,
    uses: u32,
) -> (Option<MeterPost>, Given) {
    let program = ground.timeline.at(ground.now);
    let closes = quota.window.map_or(Moment::NEVER, |(_, end)| program.zone.start_of(end));
    let mut held: Vec<&Allowance> = allowances(member, privilege, ground.now).collect();
    held.sort_by_key(|held| held.until);
    let (sooner, later): (Vec<&Allowance>, Vec<&Allowance>) = held.into_iter().partition(|held| held.until <= closes);
    let mut left = uses;
    let mut given = Given::new();
    take_given(&mut left, &mut given, &sooner);
    let own = quota.granted.saturating_sub(quota.used).clamp(0, i64::from(left));
    left = left.saturating_sub(u32::try_from(own).unwrap_or(u32::MAX));
    take_given(&mut left, &mut given, &later);
    let count = (own > 0).then(|| post(program, member, ground.now, (meter, window), Points(own)));
    (count, given)
}

fn take_given(left: &mut u32, given: &mut Given, held: &[&Allowance]) {
    for held in held {
        let taken = held.left.min(*left);
        *left = left.saturating_sub(taken);
        given.extend((taken > 0).then_some((held.entry, taken, held.until)));
    }
}

/// Gives a use back that was made by the entry the order is about.
pub(super) fn give_back(ground: &Ground<'_>, member: &Member, used: Seq, note: &Note) -> Result<Fact, Refusal> {
    let entry = ground.subject.filter(|entry| entry.member == ground.key && entry.seq == used);
    let fact = entry.and_then(|entry| returned(entry, note)).ok_or(Refusal::UnknownUse)?;
    active(member)?;
    // A present that has arrived is somebody else's.
    let was_gift = entry.is_some_and(|entry| sent_tier(entry).is_some());
    if ground.latest.is_some() || was_gift {
        return Err(Refusal::UseOver);
    }
    Ok(fact)
}

/// What gives back the use that an entry made.
pub(super) fn returned(entry: &Entry, note: &Note) -> Option<Fact> {
    entry.facts.iter().find_map(|fact| {
        let Fact::Belonging(fact) = fact else { return None };
        let BelongingFact::PrivilegeUsed { privilege, uses, count, given, .. } = &**fact else { return None };
        let less = |post: &MeterPost| MeterPost { amount: Points(post.amount.0.saturating_neg()), ..*post };
        Some(Fact::from(BelongingFact::PrivilegeReturned {
            used: entry.seq,
            privilege: *privilege,
            uses: *uses,
            count: count.as_ref().map(less),
            given: given.clone(),
            note: note.clone(),
        }))
    })
}

fn sent_tier(entry: &Entry) -> Option<()> {
    let sent = |fact: &Fact| matches!(fact, Fact::Belonging(fact) if matches!(**fact, BelongingFact::TierSent { .. }));
    entry.facts.iter().any(sent).then_some(())
}
