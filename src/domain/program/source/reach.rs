//! What meters never come to read, by all that counts on them, and the tiers and milestones that ask for it.
//!
//! It must not know how a rule reckons: only what it names, and what its caps leave.

use super::soundness::{Whole, fewest};
use crate::domain::program::{Condition, Meter, Milestone, Rule, Tier, Window};

/// The most that a meter ever reads.
#[derive(Clone, Copy, PartialEq)]
struct Limit {
    /// Its position in `program.meters`.
    meter: usize,
    most: i64,
    why: Why,
}

#[derive(Clone, Copy, PartialEq)]
enum Why {
    /// Nothing counts on it.
    Unfed,
    /// It counts validities of tiers that all ask for it.
    Itself,
    /// All that counts on it is capped.
    Capped,
}

impl Whole<'_> {
    /// Says which tiers and milestones no meter ever comes to.
    pub(super) fn out_of_reach(&self) {
        let limits = self.limits();
        for tier in self.tiers_read() {
            let conditions = [("qualify", &tier.qualify), ("renew", &tier.renew), ("floor", &tier.floor)];
            for (key, condition) in conditions {
                let Some(why) = condition.as_ref().and_then(|asks| self.never_met(asks, &limits)) else { continue };
                let message = format!("{why}, so this can never hold");
                self.at(&["ladder", "tier"], ("id", self.text(tier.id.0)), key, &message);
            }
        }
        for milestone in self.milestones {
            self.milestone(milestone, &limits);
        }
    }

    fn milestone(&self, milestone: &Milestone, limits: &[Limit]) {
        let Some(meter) = self.declared.meters.iter().position(|meter| meter.id == milestone.meter) else { return };
        let at = milestone.steps.at.0;
        let says = |key, why: &str| {
            let message = format!("{why}, so it is never reached");
            self.at(&["milestone"], ("id", self.text(milestone.id.0)), key, &message);
        };
        if let Some(limit) = limits.iter().find(|limit| limit.meter == meter && limit.most < at) {
            says(if limit.why == Why::Capped { "at" } else { "meter" }, &self.said(&[*limit]));
        }
        let excludes = |when: &Condition| !when.never_holds() && when.never_holds_from(meter, at);
        if milestone.when.as_ref().is_some_and(excludes) {
            says("when", &format!("this never holds where `{}` has come to `at`", self.text(milestone.meter.0)));
        }
    }

    /// Why a condition can never hold, if it is for what meters never read.
    fn never_met(&self, condition: &Condition, limits: &[Limit]) -> Option<String> {
        let never = |limits: &[Limit]| condition.never_holds_within(&bounds(limits));
        let is_so = !condition.never_holds() && never(limits);
        is_so.then(|| self.said(&fewest(limits.to_vec(), never)))
    }

    /// What keeps meters from reading more.
    fn said(&self, limits: &[Limit]) -> String {
        let ids = |limits: &[&Limit]| {
            let meters = limits.iter().filter_map(|limit| self.declared.meters.get(limit.meter));
            self.named(meters.map(|meter| meter.id.0))
        };
        let (unfed, others): (Vec<&Limit>, Vec<&Limit>) = limits.iter().partition(|limit| limit.why == Why::Unfed);
        let nothing = (!unfed.is_empty()).then(|| format!("nothing counts on {}", ids(&unfed)));
        let others = others.into_iter().map(|limit| match limit.why {
            Why::Capped => format!("caps leave {} at most {}", ids(&[limit]), limit.most),
            _ => format!("only tiers that are not earned without {} count on it", ids(&[limit])),
        });
        nothing.into_iter().chain(others).collect::<Vec<_>>().join(" and ")
    }

    /// What no meter ever reads more than; those that say most about it last.
    fn limits(&self) -> Vec<Limit> {
        let given = self.declared.given.borrow();
        if !given.earns || given.unsure {
            return Vec::new();
        }
        let fed =
            |meter: &Meter| [&given.meters, &given.counts, &given.years].iter().any(|fed| fed.contains(&meter.id));
        let meters = || self.declared.meters.iter().enumerate();
        let unfed = meters().filter(|(_, meter)| !fed(meter));
        let unfed: Vec<Limit> = unfed.map(|(meter, _)| Limit { meter, most: 0, why: Why::Unfed }).collect();
        if given.unread {
            return unfed;
        }
        let capped = meters().filter_map(|(at, meter)| Some((at, self.capped(meter)?)));
        let capped: Vec<Limit> = capped.map(|(meter, most)| Limit { meter, most, why: Why::Capped }).collect();
        [self.counted_in_vain(), capped, unfed].concat()
    }

    /// The most that a meter reads on which only capped rules count: none of its windows is longer than theirs.
    fn capped(&self, meter: &Meter) -> Option<i64> {
        let given = self.declared.given.borrow();
        let counted_otherwise =
            meter.rollover.is_some() || [&given.counts, &given.years].iter().any(|other| other.contains(&meter.id));
        if counted_otherwise || !given.meters.contains(&meter.id) {
            return None;
        }
        let mut feeding = self.rules.iter().filter(|rule| rule.meters.contains(&meter.id));
        feeding.try_fold(0_i64, |sum, rule| sum.checked_add(cap_within(rule, meter.window)?))
    }

    /// Meters that count validities, of tiers that are earned by what those meters read only. What else such a tier waits
    /// for is said where that stands.
    fn counted_in_vain(&self) -> Vec<Limit> {
        let given = self.declared.given.borrow();
        let only_years = |meter: &Meter| {
            given.years.contains(&meter.id) && ![&given.meters, &given.counts].iter().any(|fed| fed.contains(&meter.id))
        };
        let years = self.declared.meters.iter().enumerate().filter(|(_, meter)| only_years(meter));
        let mut vain: Vec<Limit> = years.map(|(meter, _)| Limit { meter, most: 0, why: Why::Itself }).collect();
        loop {
            let limits = vain.clone();
            vain.retain(|limit| !self.counts_some(limit.meter, &limits));
            if vain.len() == limits.len() {
                return vain;
            }
        }
    }

    /// Whether one of the tiers whose validities a meter counts can be earned within limits.
    fn counts_some(&self, meter: usize, limits: &[Limit]) -> bool {
        let id = self.declared.meters.get(meter).map(|meter| meter.id);
        let counts = |tier: &Tier| tier.counts.is_some_and(|counts| Some(counts.meter) == id);
        let mut tiers = self.tiers_read().skip_while(|tier| !counts(tier)).peekable();
        tiers.peek().is_none() || tiers.any(|tier| is_earned(tier, limits))
    }

    fn tiers_read(&self) -> impl Iterator<Item = &Tier> {
        self.ladder.into_iter().flat_map(|ladder| &ladder.tiers)
    }
}

fn bounds(limits: &[Limit]) -> Vec<(usize, i64)> {
    limits.iter().map(|limit| (limit.meter, limit.most)).collect()
}

/// Whether a tier can be earned within limits: by what earns it, by what keeps it for who came with it, or on trial. What
/// can never hold was said where it stands.
fn is_earned(tier: &Tier, limits: &[Limit]) -> bool {
    let keep = tier.trial.as_ref().map(|trial| &trial.keep);
    let mut ways = tier.qualify.iter().chain(&tier.renew).chain(keep);
    ways.any(|condition| condition.never_holds() || !condition.never_holds_within(&bounds(limits)))
}

/// The most that a rule counts in a window, if a cap says so. A boost has a cap of its own each time it is given.
fn cap_within(rule: &Rule, window: Window) -> Option<i64> {
    let cap = rule.caps.per_member.filter(|_| rule.boost.is_none())?;
    (cap.window == Window::Lifetime || cap.window == window).then_some(cap.points.0)
}
