//! Facts about what members belong to, told in words: tiers granted and given, clubs, privileges, milestones, boosts.

use super::belonging::window_key;
use super::benefits::many;
use super::entries::entry_id;
use super::explain::{ending, noted};
use super::grants::meter_decimals;
use super::sentences::{Teller, or_somebody};
use crate::domain::calendar::rfc3339;
use crate::domain::event::{
    BelongingFact, CountCause, FeePaid, InvitationEnd, JoinedBy, Kept, LeftCause, MeterPost, RestsOn, Seq,
};
use crate::domain::member::HeldBy;
use crate::domain::units::{Moment, decimal_text};

impl Teller<'_> {
    /// The sentence of a fact about belonging.
    #[must_use]
    pub fn belonging(self, fact: &BelongingFact) -> Option<String> {
        let told = self.of_tiers(fact).or_else(|| self.of_milestones(fact)).or_else(|| self.of_uses(fact));
        told.or_else(|| self.of_boosts(fact))
            .or_else(|| self.of_clubs(fact))
            .or_else(|| self.of_windows(fact))
            .or_else(|| self.of_segments(fact))
    }

    fn of_tiers(self, fact: &BelongingFact) -> Option<String> {
        Some(match fact {
            BelongingFact::TierHeld { tier, by, since, until, reason, actor, from } => {
                let from = from.map(|(giver, _)| format!(" by {}", or_somebody(self.names.of(giver))));
                let by = format!("{}{}{}", came(*by), from.unwrap_or_default(), answered(actor));
                let what = format!("{} is held from {}{}: {by}", self.word(tier.0), rfc3339(*since), ending(*until));
                noted(&what, reason)
            }
            BelongingFact::TierGrantRevoked { grant, tier, reason, actor } => {
                let (tier, by) = (self.word(tier.0), answered(actor));
                noted(&format!("The grant{} of {tier} was revoked{by}", by_entry(*grant)), reason)
            }
            BelongingFact::TierSent { to, tier, until, note } => {
                let holds = if *until == Moment::NEVER { String::new() } else { ending(*until) };
                noted(&format!("{}{holds} was given to {}", self.word(tier.0), or_somebody(self.names.of(*to))), note)
            }
            BelongingFact::TierSentClosed { sent_by, arrived: true } => {
                format!("The tier that was sent{} has arrived.", by_entry(*sent_by))
            }
            BelongingFact::TierSentClosed { sent_by, arrived: false } => {
                format!("The tier that was sent{} came back: it could not be taken in.", by_entry(*sent_by))
            }
            _ => return None,
        })
    }

    fn of_milestones(self, fact: &BelongingFact) -> Option<String> {
        Some(match fact {
            BelongingFact::MilestoneReached { milestone, count, number, at, choice, had } => {
                let (name, window) = (self.word(milestone.0), of_window(count));
                let choice = choice.map(|(choices, until)| {
                    format!("; {} to be made{}", many(choices.into(), "choice"), ending(until))
                });
                let at = rfc3339(*at);
                let had = self.of_kept("; not given again", had);
                format!(
                    "Milestone {name} was reached on {at}, time {number}{window}{}{had}.",
                    choice.unwrap_or_default()
                )
            }
            BelongingFact::MilestoneLost { milestone, count, number, kept, .. } => {
                let (name, window) = (self.word(milestone.0), of_window(count));
                let stays = self.of_kept("; what stays, and is not given again", kept);
                format!("Milestone {name}, time {number}{window}, is no longer reached: goods came back{stays}.")
            }
            BelongingFact::BenefitChosen { milestone, option, times, cost, .. } => {
                let (name, option) = (self.word(milestone.0), self.word(option.0));
                format!("Of milestone {name}, {times} of {option} chosen for {}.", many((*cost).into(), "choice"))
            }
            BelongingFact::ChoiceClosed { milestone, at, .. } => {
                format!("The choice of milestone {} ended on {}.", self.word(milestone.0), rfc3339(*at))
            }
            _ => return None,
        })
    }

    /// What was kept of a milestone, behind these words.
    fn of_kept(self, words: &str, kept: &[Kept]) -> String {
        let told = kept.iter().map(|kept| match kept {
            Kept::Choices(count) => many((*count).into(), "choice"),
            Kept::Option(option, count) => format!("{count} of {}", self.word(option.0)),
            Kept::Uses(privilege, count) => format!("{} of {}", many((*count).into(), "use"), self.word(privilege.0)),
            Kept::Boost(boost, count) => format!("{count} of {}", self.word(boost.0)),
        });
        let told: Vec<String> = told.collect();
        if told.is_empty() { String::new() } else { format!("{words}: {}", told.join(", ")) }
    }

    fn of_uses(self, fact: &BelongingFact) -> Option<String> {
        let uses = |uses: u32| many(uses.into(), "use");
        Some(match fact {
            BelongingFact::UsesGiven { privilege, uses: n, until, .. } => {
                format!("{} of {} were given, to be had{}.", uses(*n), self.word(privilege.0), ending(*until))
            }
            BelongingFact::UsesGone { privilege, given, at, .. } => {
                let (privilege, at) = (self.word(privilege.0), rfc3339(*at));
                format!("What was left of {privilege}, given{}, is gone on {at}.", by_entry(*given))
            }
            BelongingFact::PrivilegeUsed { privilege, uses: n, companions, given, begins_at, note, .. } => {
                let with = (*companions > 0).then(|| format!(" with {}", many((*companions).into(), "companion")));
                let begins = begins_at.map(|at| format!(" for what begins on {}", rfc3339(at)));
                let (with, begins) = (with.unwrap_or_default(), begins.unwrap_or_default());
                let what = format!("{} of {}{with}{begins}{}", uses(*n), self.word(privilege.0), of_given(given));
                noted(&what, note)
            }
            BelongingFact::PrivilegeReturned { used, privilege, uses: n, note, .. } => {
                let what = format!("{} of {}, made{}, came back", uses(*n), self.word(privilege.0), by_entry(*used));
                noted(&what, note)
            }
            _ => return None,
        })
    }

    fn of_boosts(self, fact: &BelongingFact) -> Option<String> {
        Some(match fact {
            BelongingFact::BoostGiven { boost, register_before: Some(before) } => {
                format!("Boost {} was given, to be registered for before {}.", self.word(boost.0), rfc3339(*before))
            }
            BelongingFact::BoostGiven { boost, register_before: None } => {
                format!("Boost {} was given.", self.word(boost.0))
            }
            BelongingFact::BoostBegan { boost, since, until, .. } => {
                format!("Boost {} grants from {}{}.", self.word(boost.0), rfc3339(*since), ending(*until))
            }
            BelongingFact::BoostEnded { boost, at } => {
                format!("Boost {} ended on {}.", self.word(boost.0), rfc3339(*at))
            }
            _ => return None,
        })
    }

    fn of_clubs(self, fact: &BelongingFact) -> Option<String> {
        Some(match fact {
            BelongingFact::ClubJoined { club, by, since, until, fee, actor, .. } => {
                let fee = fee.as_ref().map(|fee| self.paid(fee)).unwrap_or_default();
                let (club, since, ends) = (self.word(club.0), rfc3339(*since), ending(*until));
                format!("Member of {club} since {since}{ends}: {}{}{fee}.", came_in(*by), answered(actor))
            }
            BelongingFact::ClubLeft { club, cause, at, .. } => {
                let why = match cause {
                    LeftCause::Left => "she left",
                    LeftCause::Lapsed => "the term ended",
                    LeftCause::Closed => "the member closed",
                };
                format!("No longer a member of {} from {}: {why}.", self.word(club.0), rfc3339(*at))
            }
            BelongingFact::ClubInvited { club, until, actor } => {
                format!("Invited into {}{}{}.", self.word(club.0), ending(*until), answered(actor))
            }
            BelongingFact::InvitationEnded { club, cause, at, note } => {
                let how = match cause {
                    InvitationEnd::Declined => "was declined",
                    InvitationEnd::Revoked => "was taken back",
                    InvitationEnd::Expired => "ran out",
                };
                noted(&format!("The invitation into {} {how} on {}", self.word(club.0), rfc3339(*at)), note)
            }
            BelongingFact::ClubAsked { club } => format!("Asked to be let into {}.", self.word(club.0)),
            BelongingFact::ClubDenied { club, reason, actor } => {
                noted(&format!("Not let into {}{}", self.word(club.0), answered(actor)), reason)
            }
            _ => return None,
        })
    }

    fn of_segments(self, fact: &BelongingFact) -> Option<String> {
        let rests = |rests_on: &RestsOn| match rests_on {
            RestsOn::Day(day) => format!("by what was bought before {day}"),
            RestsOn::Purchase(purchase) => format!("by the purchase of entry {}", entry_id(*purchase)),
        };
        Some(match fact {
            BelongingFact::SegmentEntered { segment, rests_on, at } => {
                format!("In segment {} since {}, {}.", self.word(segment.0), rfc3339(*at), rests(rests_on))
            }
            BelongingFact::SegmentLeft { segment, rests_on, at } => {
                format!("No longer in segment {} from {}, {}.", self.word(segment.0), rfc3339(*at), rests(rests_on))
            }
            _ => return None,
        })
    }

    fn of_windows(self, fact: &BelongingFact) -> Option<String> {
        Some(match fact {
            BelongingFact::MetersCounted { cause, posts } => {
                let why = match cause {
                    CountCause::Rollover => "rolled over from the window before",
                    CountCause::TierYear => "another validity of a tier",
                    CountCause::Benefit => "a milestone, a choice or a reward gave it",
                };
                let counted: Vec<String> = posts.iter().filter_map(|post| self.counted(post)).collect();
                format!("{}: {why}.", if counted.is_empty() { "Counted".into() } else { counted.join(", ") })
            }
            BelongingFact::WindowAwaited { meter, closes_at, .. } => {
                format!("What {} counts is judged when its window ends on {}.", self.word(meter.0), rfc3339(*closes_at))
            }
            BelongingFact::WindowClosed { meter, at, .. } => {
                format!("The window of {} ended on {}.", self.word(meter.0), rfc3339(*at))
            }
            _ => return None,
        })
    }

    /// `nights counts 5`; nothing for a meter that is nobody's business.
    fn counted(self, post: &MeterPost) -> Option<String> {
        let newest = self.timeline.newest();
        let meter = newest.meter(post.meter)?;
        let amount = post.amount.display(meter_decimals(newest, post.meter));
        Some(format!("{} counts {amount}", newest.text(meter.id.0)))
    }

    fn paid(self, fee: &FeePaid) -> String {
        if let Some(wallet) = fee.wallet {
            return format!(", for {}", self.lots(wallet, &fee.lots));
        }
        let currency = self.timeline.newest().currency;
        let amount = decimal_text(fee.amount.0.into(), currency.decimals());
        let by = if fee.reference.is_empty() { String::new() } else { format!(" (payment {})", fee.reference) };
        format!(", for {amount} {}{by}", currency.as_str())
    }
}

const fn came(by: HeldBy) -> &'static str {
    match by {
        HeldBy::Earned => "it was earned",
        HeldBy::Floor => "it was earned for life",
        HeldBy::Grace => "a grace goes on after its validity",
        HeldBy::Landing => "one step down from a higher tier",
        HeldBy::Kept => "the program lets nobody fall",
        HeldBy::Match => "it matches one held elsewhere, granted",
        HeldBy::Gift => "it was given",
        HeldBy::Manual => "it was granted",
        HeldBy::Invitation => "by invitation",
        HeldBy::Benefit => "a milestone, a choice or a reward gave it",
    }
}

const fn came_in(by: JoinedBy) -> &'static str {
    match by {
        JoinedBy::Asking => "she asked",
        JoinedBy::Invitation => "she was invited",
        JoinedBy::Condition => "she meets the condition",
        JoinedBy::Approval => "she was let in",
        JoinedBy::Benefit => "a milestone, a choice or a reward gave it",
        JoinedBy::Renewal => "for another term",
        JoinedBy::Import => "she belonged already when she was brought in",
    }
}

fn answered(actor: &str) -> String {
    if actor.is_empty() { String::new() } else { format!(" by {actor}") }
}

/// ` by entry 7`; nothing where it is this one.
fn by_entry(entry: Seq) -> String {
    if entry == Seq::THIS || entry == Seq::NONE { String::new() } else { format!(" by entry {}", entry_id(entry)) }
}

/// ` of the window from 2026-03-01`; nothing for a lifetime.
fn of_window(count: &MeterPost) -> String {
    let window = window_key(count.window);
    if window.is_empty() { window } else { format!(" of the window from {window}") }
}

fn of_given(given: &[(Seq, u32, Moment)]) -> String {
    let given = given.iter().fold(0_i64, |sum, (_, uses, _)| sum.saturating_add((*uses).into()));
    if given == 0 { String::new() } else { format!(", {given} of them from what was given on top") }
}
