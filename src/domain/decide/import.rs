//! A member and what she had elsewhere: an enrolment with an opening state.

use super::story::Story;
use super::windows::window_key;
use super::{CLOCK_SKEW, Decision, Ground, Outcome, PotMove, clubs, enrolment, milestones, overflow, purses};
use crate::domain::calendar::Day;
use crate::domain::event::{BelongingFact, Entry, Fact, JoinedBy, OpeningState};
use crate::domain::lot::Lot;
use crate::domain::member::{Held, Member, MeterCount};
use crate::domain::order::{Fault, Import, ImportedLot, ImportedMembership, ImportedMeter, ImportedTier, Refusal};
use crate::domain::program::{ClubId, MeterId, Program, TierId, WalletId};
use crate::domain::units::{Moment, Points, Text};

/// A new member with her opening state; known again as an enrolment is, and compared as a whole.
pub(super) fn import(ground: &Ground<'_>, import: &Import) -> Result<Decision, Refusal> {
    let program = ground.timeline.at(ground.now);
    let entering = enrolment::entering(ground, &import.enrolment);
    match entering.map_err(|refusal| of_item(refusal, program, import, ground.now))? {
        Decision::Replay(seq) => {
            // Known by her key, or by what she can be recognised by.
            let by_identifier = ground.holders.iter().flatten().filter_map(|holder| holder.enrolment);
            let first = ground.claimed.into_iter().chain(by_identifier).find(|entry| entry.seq == seq);
            match first.map_or(Some("member".into()), |first| difference(ground, first, import)) {
                None => Ok(Decision::Replay(seq)),
                Some(field) => Err(Refusal::KeyReused { field, entry: seq }),
            }
        }
        Decision::Apply(outcome) => {
            let Brought { state, clubs } = brought(program, import, ground.now)?;
            let (joined, pots) = memberships(ground, program, &clubs)?;
            let activities = activities(program, import, &state, ground.now);
            let newcomer = Member { key: ground.key, ..Member::default() };
            let mut story = Story::on(ground, &newcomer);
            outcome.facts.into_iter().try_for_each(|fact| story.adopt(fact)).map_err(overflow)?;
            let counts = state.meters.clone();
            story.add(Fact::OpeningStateSet(Box::new(state))).map_err(overflow)?;
            joined.into_iter().try_for_each(|fact| story.adopt(fact)).map_err(overflow)?;
            let awaited = story.aside(ground.now, |story| milestones::await_ends(story, &counts));
            story.extend(awaited.map_err(overflow)?).map_err(overflow)?;
            story.extend(activities).map_err(overflow)?;
            story.run_to(ground.settles_to).map_err(overflow)?;
            Ok(Decision::Apply(Outcome { facts: story.facts, pots }))
        }
    }
}

/// A refusal of the enrolment as one of the item: its fields lie where the item has them, and their faults come with
/// those of the state.
fn of_item(refusal: Refusal, program: &Program, import: &Import, now: Moment) -> Refusal {
    match refusal {
        Refusal::Malformed(faults) => {
            let inner = |fault: Fault| Fault { field: format!("member.{}", fault.field), ..fault };
            let mut faults: Vec<Fault> = faults.into_iter().map(inner).collect();
            if let Err(Refusal::Malformed(others)) = brought(program, import, now) {
                faults.extend(others);
            }
            Refusal::Malformed(faults)
        }
        Refusal::KeyReused { field, entry } => Refusal::KeyReused { field: format!("member.{field}"), entry },
        other => other,
    }
}

/// The first field in which the state differs from the one an entry brought in, both read by the version that judged
/// that one.
fn difference(ground: &Ground<'_>, entry: &Entry, import: &Import) -> Option<String> {
    let first = entry.facts.iter().find_map(|fact| match fact {
        Fact::OpeningStateSet(state) => Some(&**state),
        _ => None,
    });
    // She was enrolled, and not brought in.
    let Some(first) = first else { return Some("member".into()) };
    let program = ground.timeline.version(entry.program_version)?;
    match brought(program, import, entry.recorded_at) {
        Ok(asked) if asked.state != *first => {
            Some(format!("member.{}", part_that_differs(first, &asked.state, import)))
        }
        Ok(asked) => (asked.clubs != memberships_of(entry)).then(|| "member.clubs".into()),
        Err(Refusal::Malformed(faults)) => faults.into_iter().next().map(|fault| fault.field),
        Err(_) => Some("member".into()),
    }
}

fn part_that_differs(first: &OpeningState, asked: &OpeningState, import: &Import) -> String {
    if first.enrolled_at != asked.enrolled_at {
        return "enrolled_at".into();
    }
    let (mut lots, mut debts) = (0, 0);
    for (position, lot) in import.lots.iter().enumerate() {
        let (same, next) = match lot.points > Points::ZERO {
            true => (first.lots.get(lots) == asked.lots.get(lots), &mut lots),
            false => (first.debts.get(debts) == asked.debts.get(debts), &mut debts),
        };
        *next += 1;
        if !same {
            return format!("lots[{position}]");
        }
    }
    if (lots, debts) != (first.lots.len(), first.debts.len()) {
        return "lots".into();
    }
    if first.held != asked.held {
        return "tier".into();
    }
    let counted = asked.meters.iter().take(import.meters.len());
    let other = counted.zip(&first.meters).position(|(asked, first)| asked != first);
    other.map_or("meters".into(), |position| format!("meters[{position}]"))
}

/// The memberships an import brought in.
fn memberships_of(entry: &Entry) -> Vec<Belonged> {
    let joined = |fact: &Fact| match fact {
        Fact::Belonging(fact) => match **fact {
            BelongingFact::ClubJoined { club, by: JoinedBy::Import, since, until, .. } => {
                Some(Belonged { club, since, until })
            }
            _ => None,
        },
        _ => None,
    };
    entry.facts.iter().filter_map(joined).collect()
}

/// Memberships as facts, with the places they take where those are counted.
fn memberships(
    ground: &Ground<'_>,
    program: &Program,
    clubs: &[Belonged],
) -> Result<(Vec<Fact>, Vec<PotMove>), Refusal> {
    let (mut facts, mut pots) = (Vec::new(), Vec::new());
    for Belonged { club, since, until } in clubs.iter().copied() {
        let places = match program.club(club) {
            Some(found) => clubs::place(ground, program, found, None)?,
            None => Vec::new(),
        };
        let (by, takes_place, fee, actor) = (JoinedBy::Import, !places.is_empty(), None, Text::default());
        facts.push(Fact::from(BelongingFact::ClubJoined { club, by, since, until, takes_place, fee, actor }));
        pots.extend(places);
    }
    Ok((facts, pots))
}

/// What an import says, as the program knows it.
struct Brought {
    state: OpeningState,
    clubs: Vec<Belonged>,
}

/// Membership of a club that was held elsewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Belonged {
    club: ClubId,
    since: Moment,
    until: Moment,
}

/// What is brought in, as the program knows it; everything it does not understand at once.
fn brought(program: &Program, import: &Import, now: Moment) -> Result<Brought, Refusal> {
    let mut reader = Reader { program, faults: Vec::new(), now };
    let held = import.tier.as_ref().and_then(|tier| reader.tier(tier));
    let enrolled_at = import.enrolled_at.map(|at| reader.past("member.enrolled_at", at));
    let joined = program.zone.day_of(enrolled_at.unwrap_or(now));
    let mut state = OpeningState { enrolled_at, ..OpeningState::default() };
    for (position, lot) in import.lots.iter().enumerate() {
        match reader.lot(position, lot) {
            Some((wallet, lot)) if lot.points > Points::ZERO => state.lots.push((wallet, lot)),
            Some((wallet, lot)) => state.debts.push((wallet, Points(lot.points.0.saturating_neg()))),
            None => {}
        }
    }
    let meters = import.meters.iter().enumerate();
    state.meters = meters.filter_map(|(position, meter)| reader.meter(position, meter, joined)).collect();
    state.meters.extend(milestones::reached_elsewhere(program, &state.meters));
    state.held = held.into_iter().collect();
    state.tier = held.map(|held| (held.tier, held.since));
    let mut clubs: Vec<Belonged> = Vec::with_capacity(import.clubs.len());
    for (position, held) in import.clubs.iter().enumerate() {
        let read = reader.membership(position, held, &clubs);
        clubs.extend(read);
    }
    if reader.faults.is_empty() { Ok(Brought { state, clubs }) } else { Err(Refusal::Malformed(reader.faults)) }
}

struct Reader<'a> {
    program: &'a Program,
    faults: Vec<Fault>,
    now: Moment,
}

impl Reader<'_> {
    fn fault<T>(&mut self, field: String, message: impl Into<String>) -> Option<T> {
        self.faults.push(Fault { field, message: message.into() });
        None
    }

    /// A moment that must have come already; what a clock a little ahead of ours says counts as now.
    fn past(&mut self, field: impl Into<String>, at: Moment) -> Moment {
        if at > self.now.plus(CLOCK_SKEW) {
            self.faults.push(Fault { field: field.into(), message: "must not lie in the future".into() });
        }
        at.min(self.now)
    }

    fn lot(&mut self, position: usize, lot: &ImportedLot) -> Option<(WalletId, Lot)> {
        let earned_at = self.past(format!("member.lots[{position}].earned_at"), lot.earned_at);
        let Some(wallet) = self.program.wallet_named(&lot.wallet) else {
            return self.fault(format!("member.lots[{position}].wallet"), "is no wallet of the program");
        };
        if lot.points == Points::ZERO {
            return self.fault(format!("member.lots[{position}].points"), "must not be 0");
        }
        let mut terms = purses::terms(self.program, wallet, earned_at, self.now);
        if terms.available_at == Moment::NEVER || lot.points < Points::ZERO {
            // There is no purchase here to confirm.
            terms.available_at = Moment::BEGINNING;
        }
        if let Some(expires_at) = lot.expires_at {
            terms = purses::ending(self.program, wallet, terms, expires_at, self.now);
        }
        Some((wallet.id, Lot { terms, points: lot.points }))
    }

    fn meter(&mut self, position: usize, meter: &ImportedMeter, joined: Day) -> Option<MeterCount> {
        let at = self.past(format!("member.meters[{position}].at"), meter.at);
        let word = self.program.register.word(&meter.meter);
        let Some(found) = word.and_then(|word| self.program.meter(MeterId(word))) else {
            return self.fault(format!("member.meters[{position}].meter"), "is no meter of the program");
        };
        let window = window_key(found.window, self.program.zone.day_of(at), joined);
        Some(MeterCount { meter: found.id, window, amount: meter.amount })
    }

    fn tier(&mut self, asked: &ImportedTier) -> Option<Held> {
        let since = self.past("member.tier.since", asked.since);
        let ladder = self.program.ladder.as_ref();
        let tier = self.program.register.word(&asked.tier).map(TierId);
        let found = ladder.zip(tier).filter(|(ladder, tier)| ladder.rank(*tier) > Some(0));
        let Some((_, tier)) = found else {
            return self.fault("member.tier.tier".into(), "is no tier of the program above its base");
        };
        let until = asked.until.unwrap_or(Moment::NEVER);
        if until <= since {
            return self.fault("member.tier.until".into(), "must be after `since`");
        }
        Some(Held::earned(tier, since, until))
    }

    fn membership(&mut self, position: usize, asked: &ImportedMembership, others: &[Belonged]) -> Option<Belonged> {
        let field = |name: &str| format!("member.clubs[{position}].{name}");
        let club = match clubs::named(self.program, &asked.club) {
            Ok(club) if others.iter().any(|other| other.club == club.id) => {
                return self.fault(field("club"), "is listed twice");
            }
            Ok(club) if club.until <= self.now => return self.fault(field("club"), "is over"),
            Ok(club) => club,
            Err(_) => return self.fault(field("club"), "is no club of the program"),
        };
        let since = self.past(field("since"), asked.since);
        let until = asked.until.unwrap_or_else(|| clubs::term_end(self.program, club, since));
        if until <= self.now {
            return self.fault(field("until"), "is over");
        }
        Some(Belonged { club: club.id, since, until })
    }
}

/// The newest of what was earned is the newest activity that is known.
fn activities(program: &Program, import: &Import, state: &OpeningState, now: Moment) -> Vec<Fact> {
    let newcomer = Member::default();
    let newest = |wallet: WalletId| {
        let lots = import.lots.iter().filter(|lot| program.wallet_named(&lot.wallet).is_some_and(|w| w.id == wallet));
        lots.filter(|lot| lot.points > Points::ZERO).map(|lot| lot.earned_at.min(now)).max()
    };
    let mut wallets: Vec<WalletId> = state.lots.iter().map(|(wallet, _)| *wallet).collect();
    wallets.sort_unstable();
    wallets.dedup();
    let activity = |id: WalletId| purses::activity(program, &newcomer, program.wallet(id)?, newest(id)?, now);
    wallets.into_iter().filter_map(activity).collect()
}
