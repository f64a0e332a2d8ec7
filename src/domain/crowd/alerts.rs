//! The alerts of a program, as the ledger has them: a fold like the rest of the crowd.
//!
//! All that are not over are kept, and those that are for [`KEPT`] after that was recorded: long enough to look back
//! over a season, and bounded by how many alerts a season brings. What is older is forgotten when the next thing happens
//! to any alert, so that the same entries always leave the same alerts; whoever asks sees none of it earlier
//! ([`AllAlerts::after`]). The ledger has them for ever.

use std::collections::{BTreeMap, BTreeSet};

use super::daybook::MemberNo;
use crate::domain::event::{AlertEnd, AlertFact, AlertRaised, Fact, Seq};
use crate::domain::units::{Moment, Span, Text};

/// For how long an alert is kept after it was over.
pub const KEPT: Span = Span::seconds(92 * 86_400);

/// An alert, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Whose silence it is about.
    pub member: MemberNo,
    /// As it was raised.
    pub raised: AlertRaised,
    /// When that was recorded.
    pub raised_at: Moment,
    /// Whose it is now.
    pub owner: Text,
    /// Who takes care of it, and since when.
    pub acknowledged: Option<(Text, Moment)>,
    /// When it was passed on.
    pub escalated_at: Option<Moment>,
    /// Why and when it was over.
    pub ended: Option<Over>,
}

/// That an alert is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// Why.
    pub cause: AlertEnd,
    /// Since when.
    pub at: Moment,
    /// When that was recorded.
    pub recorded_at: Moment,
}

impl Over {
    /// Whether it is over for so long that it is forgotten.
    const fn is_old(&self, now: Moment) -> bool {
        self.recorded_at.plus(KEPT).0 <= now.0
    }
}

impl Alert {
    fn bytes(&self) -> usize {
        let offer = self.raised.offer.as_ref().map_or(0, |offer| size_of_val(offer.missing.as_slice()));
        let actor = self.acknowledged.as_ref().map_or(0, |(actor, _)| actor.len());
        let texts = self.raised.owner.len() + self.raised.escalates_to.len() + self.owner.len() + actor;
        size_of::<(Seq, Self)>() * 3 / 2 + offer + texts
    }
}

/// The alerts, by the entries that raised them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllAlerts {
    pub(crate) alerts: BTreeMap<Seq, Alert>,
    pub(crate) standing: BTreeMap<MemberNo, Seq>,
    /// Those that are over, the one that was so first recorded first.
    pub(crate) ended: BTreeSet<(Moment, Seq)>,
}

impl AllAlerts {
    /// Folds a fact of a member, from the entry `seq` recorded at `at`.
    pub(super) fn enter(&mut self, member: MemberNo, fact: &Fact, (seq, recorded_at): (Seq, Moment)) {
        let Fact::Alert(fact) = fact else { return };
        self.forget(recorded_at);
        match &**fact {
            AlertFact::Raised(raised) => {
                let (raised, owner, raised_at) = (raised.clone(), raised.owner.clone(), recorded_at);
                let (acknowledged, escalated_at, ended) = (None, None, None);
                self.put(seq, Alert { member, raised, raised_at, owner, acknowledged, escalated_at, ended });
            }
            AlertFact::Acknowledged { alert, actor, .. } => {
                self.change(*alert, |alert| alert.acknowledged = Some((actor.clone(), recorded_at)));
            }
            AlertFact::Escalated { alert, to, at } => {
                self.change(*alert, |alert| (alert.escalated_at, alert.owner) = (Some(*at), to.clone()));
            }
            AlertFact::Ended { alert, cause, at } => {
                self.standing.remove(&member);
                if let Some(found) = self.alerts.get_mut(alert) {
                    found.ended = Some(Over { cause: *cause, at: *at, recorded_at });
                    self.ended.insert((recorded_at, *alert));
                }
            }
        }
    }

    /// Puts an alert, as it is.
    pub(crate) fn put(&mut self, entry: Seq, alert: Alert) {
        match alert.ended {
            None => {
                self.standing.insert(alert.member, entry);
            }
            Some(over) => {
                self.ended.insert((over.recorded_at, entry));
            }
        }
        self.alerts.insert(entry, alert);
    }

    /// Forgets what was over for long enough at `now`.
    fn forget(&mut self, now: Moment) {
        while let Some((recorded_at, alert)) = self.ended.first().copied()
            && recorded_at.plus(KEPT) <= now
        {
            self.ended.pop_first();
            self.alerts.remove(&alert);
        }
    }

    fn change(&mut self, alert: Seq, change: impl FnOnce(&mut Alert)) {
        if let Some(alert) = self.alerts.get_mut(&alert) {
            change(alert);
        }
    }

    /// Whose alerts stand, without what they say.
    pub(super) fn glance(&self) -> Self {
        Self { standing: self.standing.clone(), ..Self::default() }
    }

    /// The alert of a member that is not over.
    #[must_use]
    pub fn standing(&self, member: MemberNo) -> Option<Seq> {
        self.standing.get(&member).copied()
    }

    /// Those raised after an entry and not too old at `now`, the oldest first.
    pub fn after(&self, entry: Seq, now: Moment) -> impl Iterator<Item = (Seq, &Alert)> {
        let found = self.alerts.range(entry.next()..).map(|(seq, alert)| (*seq, alert));
        found.filter(move |(_, alert)| alert.ended.is_none_or(|over| !over.is_old(now)))
    }

    /// What it takes in memory, in bytes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let alerts: usize = self.alerts.values().map(Alert::bytes).sum();
        // Nodes of a tree are two thirds full, about.
        alerts + (self.standing.len() + self.ended.len()) * size_of::<(MemberNo, Seq)>() * 3 / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Day;
    use crate::domain::event::{AlertCause, MarginClass, Pattern};

    fn raised() -> Fact {
        let (cause, last_day) = (AlertCause::Silence, Day(0));
        let pattern =
            Pattern { cause, last_day, silent_days: 12, usual_gap: 7, alarm_after: 11, usual_spend: 0, least_spend: 0 };
        Fact::from(AlertFact::Raised(AlertRaised {
            pattern,
            margin: MarginClass::Unknown,
            owner: "ada".into(),
            escalates_at: Moment::NEVER,
            escalates_to: "".into(),
            offer: None,
        }))
    }

    fn ended(alert: u64) -> Fact {
        // What was bought long ago and is reported now: when it was recorded counts.
        Fact::from(AlertFact::Ended { alert: Seq(alert), cause: AlertEnd::Bought, at: Moment(0) })
    }

    fn day(day: i64) -> Moment {
        Moment(0).plus(Span::seconds(day * 86_400))
    }

    fn seqs(all: &AllAlerts, now: Moment) -> Vec<u64> {
        all.after(Seq::NONE, now).map(|(seq, _)| seq.0).collect()
    }

    #[test]
    fn what_is_over_is_kept_for_a_season_and_then_forgotten() {
        let mut all = AllAlerts::default();
        for member in 0..3 {
            all.enter(MemberNo(member), &raised(), (Seq(u64::from(member) + 1), day(100)));
        }
        all.enter(MemberNo(0), &ended(1), (Seq(4), day(110)));
        all.enter(MemberNo(1), &ended(2), (Seq(5), day(111)));
        assert_eq!(seqs(&all, day(201)), [1, 2, 3]);
        assert_eq!(seqs(&all, day(202)), [2, 3], "nobody is told of it, though it is there yet");
        assert_eq!((all.alerts.len(), all.ended.len()), (3, 2));
        // One that stands is kept however old it is.
        all.enter(MemberNo(0), &raised(), (Seq(6), day(5_000)));
        assert_eq!((seqs(&all, day(5_000)), all.alerts.len(), all.ended.len()), (vec![3, 6], 2, 0));
        assert_eq!((all.standing(MemberNo(1)), all.standing(MemberNo(2))), (None, Some(Seq(3))));
    }

    #[test]
    fn however_many_are_raised_only_a_season_of_them_is_kept() {
        let mut all = AllAlerts::default();
        for n in 0..5_000 {
            let (seq, now) = (u64::from(n) * 2 + 1, day(n.into()));
            all.enter(MemberNo(n % 7), &raised(), (Seq(seq), now));
            all.enter(MemberNo(n % 7), &ended(seq), (Seq(seq + 1), now));
        }
        assert_eq!((all.alerts.len(), all.ended.len()), (92, 92));
    }
}
