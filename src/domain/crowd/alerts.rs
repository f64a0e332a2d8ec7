//! Every alert of a program, as the ledger has it: a fold like the rest of the crowd.

use std::collections::BTreeMap;

use super::daybook::MemberNo;
use crate::domain::event::{AlertEnd, AlertFact, AlertRaised, Fact, Seq};
use crate::domain::units::{Moment, Text};

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
    pub ended: Option<(AlertEnd, Moment)>,
}

/// All alerts, by the entries that raised them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllAlerts {
    pub(crate) alerts: BTreeMap<Seq, Alert>,
    pub(crate) standing: BTreeMap<MemberNo, Seq>,
}

impl AllAlerts {
    /// Folds a fact of a member, from the entry `seq` recorded at `at`.
    pub(super) fn enter(&mut self, member: MemberNo, fact: &Fact, (seq, recorded_at): (Seq, Moment)) {
        let Fact::Alert(fact) = fact else { return };
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
                self.change(*alert, |alert| alert.ended = Some((*cause, *at)));
                self.standing.remove(&member);
            }
        }
    }

    /// Puts an alert, as it is.
    pub(crate) fn put(&mut self, entry: Seq, alert: Alert) {
        if alert.ended.is_none() {
            self.standing.insert(alert.member, entry);
        }
        self.alerts.insert(entry, alert);
    }

    fn change(&mut self, alert: Seq, change: impl FnOnce(&mut Alert)) {
        if let Some(alert) = self.alerts.get_mut(&alert) {
            change(alert);
        }
    }

    /// The alert of a member that is not over.
    #[must_use]
    pub fn standing(&self, member: MemberNo) -> Option<Seq> {
        self.standing.get(&member).copied()
    }

    /// One alert.
    #[must_use]
    pub fn get(&self, alert: Seq) -> Option<&Alert> {
        self.alerts.get(&alert)
    }

    /// Those raised after an entry, the oldest first.
    pub fn after(&self, entry: Seq) -> impl Iterator<Item = (Seq, &Alert)> {
        self.alerts.range(entry.next()..).map(|(seq, alert)| (*seq, alert))
    }
}
