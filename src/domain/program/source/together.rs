//! What rules and campaigns are to each other: base points that never come together with the campaign on them,
//! campaigns that exclude each other, and rules that say the same twice.
//!
//! It must not know what any of them grants, only whether they can on the same purchase.

use super::soundness::Whole;
use crate::domain::program::{Basis, Condition, JudgedBy, Rule, RuleId, Stacking};
use crate::domain::units::Moment;

impl Whole<'_> {
    /// Says which of them do not go together.
    pub(super) fn rules_together(&self) {
        self.base_points();
        self.exclusive_campaigns();
        self.doubled_rules();
    }

    /// Campaigns on base points where there are none.
    fn base_points(&self) {
        let given = self.declared.given.borrow();
        let known = given.earns && !given.unsure;
        for rule in self.rules.iter().filter(|rule| known && matches!(rule.basis, Basis::BasePoints)) {
            let (has_some, of) = match (rule.wallet, rule.meters.first()) {
                (Some(wallet), _) => (given.wallets.contains(&wallet), wallet.0),
                (None, Some(meter)) => (given.base_meters.contains(meter), meter.0),
                (None, None) => continue,
            };
            let of = self.text(of);
            let message = match has_some {
                false => format!("no `[[earning]]` rule grants on `{of}`: it has no base points"),
                true if !given.unread && self.meets_no_base(rule) => {
                    format!(
                        "no `[[earning]]` rule that grants on `{of}` ever does so together with this: it has no base points"
                    )
                }
                true => continue,
            };
            self.at(&["campaign"], ("campaign", self.text(rule.id.0)), "basis", &message);
        }
    }

    /// Whether nothing that grants what a campaign multiplies can grant on a purchase on which the campaign does.
    fn meets_no_base(&self, campaign: &Rule) -> bool {
        let earning = self.rules.iter().filter(|rule| rule.stacking == Stacking::Rule);
        let mut base = earning.filter(|rule| match campaign.wallet {
            Some(_) => rule.wallet == campaign.wallet,
            None => campaign.meters.first().is_some_and(|meter| rule.meters.contains(meter)),
        });
        // What grants nothing by itself was said where it stands.
        grants(campaign) && base.all(|rule| grants(rule) && !may_meet(campaign, rule))
    }

    /// Of two campaigns that exclude each other, the priority says which grants.
    fn exclusive_campaigns(&self) {
        for (at, rule) in self.rules.iter().enumerate() {
            let mut before = self.rules.iter().take(at);
            if let Some(rival) = before.find(|other| are_rivals(other, rule)) {
                let (id, rival) = (self.text(rule.id.0), self.text(rival.id.0));
                let message = format!("`{rival}` is exclusive with the same priority at the same time");
                self.at(&["campaign"], ("campaign", id), "stacking", &message);
            }
        }
    }

    /// Rules that say in every word what another says: all rules that apply grant, so it counts twice.
    fn doubled_rules(&self) {
        let earning: Vec<(&Rule, String)> =
            self.rules.iter().filter(|rule| rule.stacking == Stacking::Rule).map(|rule| (rule, words(rule))).collect();
        for (at, (rule, said)) in earning.iter().enumerate() {
            let mut before = earning.iter().take(at);
            if let Some((first, _)) = before.find(|(other, before)| before == said && run_alike(other, rule)) {
                let (id, first) = (self.text(rule.id.0), self.text(first.id.0));
                let message = format!("this grants once more what `{first}` grants; all rules that apply are granted");
                self.at(&["earning"], ("rule", id), "rule", &message);
            }
        }
    }
}

/// Whether a rule can grant at all, by its dates and what it asks.
fn grants(rule: &Rule) -> bool {
    let (from, until) = span(rule);
    rule.from < rule.until && !Condition::never_hold_together(&asked(rule), from, until)
}

/// Whether both can grant on the same purchase.
fn may_meet(a: &Rule, b: &Rule) -> bool {
    let ((a_from, a_until), (b_from, b_until)) = (span(a), span(b));
    let conditions = [asked(a), asked(b)].concat();
    overlap(a, b) && !Condition::never_hold_together(&conditions, a_from.max(b_from), a_until.min(b_until))
}

/// What a rule asks of a purchase and a line of it. Where no line is looked at, none has to be chosen.
fn asked(rule: &Rule) -> Vec<&Condition> {
    let lines = rule.lines.as_ref().filter(|_| !matches!(rule.basis, Basis::Purchase(_)));
    rule.when.iter().chain(lines).collect()
}

/// When what a rule grants on has occurred; that is not known of one that is judged by another moment.
fn span(rule: &Rule) -> (Moment, Moment) {
    match rule.judged_by {
        JudgedBy::OccurredAt => (rule.from, rule.until),
        JudgedBy::Attribute(_) => (Moment::BEGINNING, Moment::NEVER),
    }
}

/// Whether both run at some time. Dates of different moments say nothing about each other.
fn overlap(a: &Rule, b: &Rule) -> bool {
    a.judged_by != b.judged_by || (a.from < b.until && b.from < a.until)
}

/// Whether both could be the one that grants alone on the same purchase.
fn are_rivals(a: &Rule, b: &Rule) -> bool {
    let same = matches!(a.stacking, Stacking::Exclusive(_)) && a.stacking == b.stacking;
    let never_meet = a.when.as_ref().zip(b.when.as_ref()).is_some_and(|(a, b)| a.excludes(b));
    same && overlap(a, b) && !never_meet
}

/// All that a rule says but its id and its dates.
fn words(rule: &Rule) -> String {
    let mut meters = rule.meters.clone();
    meters.sort_unstable();
    let (from, until) = (Moment::BEGINNING, Moment::NEVER);
    format!("{:?}", Rule { id: RuleId::default(), from, until, meters, ..rule.clone() })
}

/// Whether both run over the same time, or one into the time of the next. One that runs within the time of another
/// may be meant to double it for a while.
fn run_alike(a: &Rule, b: &Rule) -> bool {
    let within = |inner: &Rule, outer: &Rule| outer.from <= inner.from && inner.until <= outer.until;
    overlap(a, b) && within(a, b) == within(b, a)
}
