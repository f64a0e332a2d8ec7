//! The limits on what a rule grants, and which campaigns go together.
//!
//! A limit cuts everything a rule grants on a receipt in proportion, so that each line bears its share of it. A grant
//! that was cut, even to nothing, stays in the list and says which limit bit.

use super::earning::Buying;
use super::shares;
use super::windows::fullest;
use crate::domain::event::{Cap, Grant};
use crate::domain::member::Pot;
use crate::domain::program::{Rule, Stacking};
use crate::domain::units::{Overflow, Points};

/// What a rule grants, cut to the tightest of its limits.
pub(super) fn capped(buying: &Buying<'_>, rule: &Rule, mut grants: Vec<Grant>) -> Result<Vec<Grant>, Overflow> {
    let Some((cap, most)) = tightest(buying, rule, &grants)? else { return Ok(grants) };
    let whole = total(&grants)?;
    if whole > most.0 {
        cut(&mut grants, whole, most, cap);
    }
    Ok(grants)
}

fn total(grants: &[Grant]) -> Result<i64, Overflow> {
    grants.iter().try_fold(0_i64, |sum, grant| sum.checked_add(grant.granted.0).ok_or(Overflow))
}

/// The limit that leaves least, and what it leaves.
fn tightest(buying: &Buying<'_>, rule: &Rule, grants: &[Grant]) -> Result<Option<(Cap, Points)>, Overflow> {
    let caps = &rule.caps;
    let receipt = caps.per_receipt.map(|most| (Cap::Receipt, most));
    let member = match (caps.per_member, grants.first()) {
        (Some(cap), Some(grant)) => {
            let window = grant.meters.iter().find(|post| post.meter == cap.meter).map(|post| post.window);
            let had = window.map_or(Points::ZERO, |window| fullest(buying.member, cap.meter, cap.window, window));
            Some((Cap::Member, cap.points.minus(had)?))
        }
        _ => None,
    };
    let budget = match caps.budget {
        Some(budget) => Some((Cap::Budget, budget.minus(buying.gone_of(rule))?)),
        None => None,
    };
    let all = [receipt, member, budget].into_iter().flatten();
    Ok(all.map(|(cap, left)| (cap, left.max(Points::ZERO))).min_by_key(|(_, left)| *left))
}

impl Buying<'_> {
    /// What is gone of a campaign's budget.
    fn gone_of(&self, rule: &Rule) -> Points {
        let pot = Pot::budget_of(self.timeline.newest().text(rule.id.0));
        self.pots.iter().find(|(name, _)| *name == pot).map_or(Points::ZERO, |(_, gone)| *gone)
    }
}

/// Cuts grants that make `whole` together to `most`.
fn cut(grants: &mut [Grant], whole: i64, most: Points, cap: Cap) {
    let (mut so_far, mut given) = (0_i128, 0_i128);
    for grant in grants {
        so_far += i128::from(grant.granted.0);
        let due = (i128::from(most.0) * so_far).div_euclid(i128::from(whole.max(1)));
        let left = Points(i64::try_from(due - given).unwrap_or_default());
        given = due;
        reduce(grant, left, cap);
    }
}

/// Leaves a grant only `points`.
fn reduce(grant: &mut Grant, points: Points, cap: Cap) {
    grant.granted = points;
    grant.cap = Some(cap);
    grant.meters.iter_mut().for_each(|post| post.amount = points);
    grant.meters.retain(|post| post.amount != Points::ZERO);
    let weights: Vec<(u16, i64)> = grant.shares.iter().map(|(line, share)| (*line, share.0)).collect();
    grant.shares = shares::divided(points, &weights);
}

/// Campaigns after their stacking: the ones that lose grant nothing and say so.
pub(super) fn stacked(campaigns: Vec<(&Rule, Vec<Grant>)>) -> Vec<Grant> {
    let worth = |grants: &[Grant]| grants.iter().map(|grant| i128::from(grant.granted.0)).sum::<i128>();
    let worths: Vec<i128> = campaigns.iter().map(|(_, grants)| worth(grants)).collect();
    let granting = || campaigns.iter().map(|(rule, _)| rule.stacking).zip(&worths).enumerate();
    let exclusive = granting().filter_map(|(at, (stacking, worth))| match stacking {
        Stacking::Exclusive(priority) if *worth > 0 => Some((at, priority)),
        _ => None,
    });
    // Among equals the first of the file goes first.
    let exclusive = exclusive.max_by_key(|(at, priority)| (*priority, std::cmp::Reverse(*at))).map(|(at, _)| at);
    let best = granting().filter(|(_, (stacking, _))| *stacking == Stacking::Best);
    let best = best.max_by_key(|(at, (_, worth))| (**worth, std::cmp::Reverse(*at))).map(|(at, _)| at);
    let stays = |at: usize, stacking| match (exclusive, stacking) {
        (Some(winner), _) => at == winner,
        (None, Stacking::Best) => best == Some(at),
        (None, _) => true,
    };
    let keep: Vec<bool> = granting().map(|(at, (stacking, _))| stays(at, stacking)).collect();
    let mut all = Vec::new();
    for ((_, mut grants), keep) in campaigns.into_iter().zip(keep) {
        if !keep {
            // One that another limit has brought to nothing goes on saying so.
            let granting = grants.iter_mut().filter(|grant| grant.granted != Points::ZERO);
            granting.for_each(|grant| reduce(grant, Points::ZERO, Cap::Stacking));
        }
        all.extend(grants);
    }
    all
}
