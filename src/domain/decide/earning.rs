//! What a purchase earns: every rule that judges it, line by line or per receipt, exactly and then rounded as the
//! rule says.
//!
//! Intermediates are fractions of 128-bit integers; each rounding happens once, where the rule names it.

use smallvec::SmallVec;

use super::caps;
use super::shares::{self, Weights};
use super::windows::{enrolled_on, window_key};
use crate::domain::event::{Grant, MeterPost, Part};
use crate::domain::member::Member;
use crate::domain::order::{Line, Purchase};
use crate::domain::program::condition::Subject;
use crate::domain::program::{Absent, Basis, BonusOf, JudgedBy, Per, Program, Rate, Rounds, Rule, Scope, Stacking};
use crate::domain::program::{MeterId, TierId, Timeline, Value, Window};
use crate::domain::units::{Moment, Overflow, Points, Ratio, Text};

/// A purchase about to earn.
pub(super) struct Buying<'a> {
    pub timeline: &'a Timeline,
    pub member: &'a Member,
    pub purchase: &'a Purchase,
    pub counted_at: Moment,
    pub tier: Option<TierId>,
    /// What is gone of the budgets of campaigns, by pot.
    pub pots: &'a [(Text, Points)],
}

/// An exact amount on its way to being points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Exact {
    numerator: i128,
    denominator: i128,
}

impl Exact {
    const fn whole(n: i128) -> Self {
        Self { numerator: n, denominator: 1 }
    }

    fn times(self, numerator: i64, denominator: i64) -> Result<Self, Overflow> {
        let numerator = self.numerator.checked_mul(numerator.into()).ok_or(Overflow)?;
        let denominator = self.denominator.checked_mul(denominator.into()).ok_or(Overflow)?;
        Ok(Self { numerator, denominator })
    }

    fn ratio(self) -> Result<Ratio, Overflow> {
        Ratio::new(self.numerator, self.denominator).ok_or(Overflow)
    }
}

/// All grants of a purchase, in the order of versions and rules: what earning rules grant, then what campaigns add.
pub(super) fn grants(buying: &Buying<'_>) -> Result<Vec<Grant>, Overflow> {
    let mut all = Vec::with_capacity(2);
    let mut campaigns = Vec::new();
    let moment_of = |program: &Program, judged_by| judged_at(program, buying, judged_by);
    for (program, rule) in buying.timeline.rules_at(moment_of) {
        let is_boosted = || buying.member.belonging().is_boosted(rule.id, buying.counted_at);
        if rule.boost.is_some() && !is_boosted() {
            continue;
        }
        if rule.stacking != Stacking::Rule {
            campaigns.push((program, rule));
            continue;
        }
        let earned = Earning { buying, program, rule, base: &[] }.grants()?;
        all.extend(caps::capped(buying, rule, earned)?);
    }
    let mut added = Vec::new();
    for (program, rule) in campaigns {
        let earned = Earning { buying, program, rule, base: &all }.grants()?;
        added.push((rule, caps::capped(buying, rule, earned)?));
    }
    all.extend(caps::stacked(added));
    Ok(all)
}

/// The moment by which a rule's version and dates are judged.
fn judged_at(program: &Program, buying: &Buying<'_>, judged_by: JudgedBy) -> Moment {
    let JudgedBy::Attribute(id) = judged_by else { return buying.counted_at };
    let name = program.text(id.0);
    let given = buying.purchase.attributes.iter().find(|(key, _)| &**key == name).map(|(_, value)| value);
    let absent = || program.attribute(Scope::Purchase, name).map(|attribute| &attribute.absent);
    match given {
        Some(Value::Moment(moment)) => *moment,
        _ => match absent() {
            Some(Absent::Default(Value::Moment(moment))) => *moment,
            _ => buying.counted_at,
        },
    }
}

/// One rule at work on one purchase.
struct Earning<'a> {
    buying: &'a Buying<'a>,
    program: &'a Program,
    rule: &'a Rule,
    /// What earning rules have granted already, for campaigns that multiply it.
    base: &'a [Grant],
}

impl<'a> Earning<'a> {
    /// What the rule grants; nothing where it chose discounts only and would take points away.
    fn grants(&self) -> Result<Vec<Grant>, Overflow> {
        let subject = self.subject(None);
        if let Some(when) = &self.rule.when
            && !when.holds(&subject)?
        {
            return Ok(Vec::new());
        }
        let granted = match (&self.rule.basis, self.rule.per) {
            (Basis::Purchase(expression), _) => self.per_purchase(expression.value(&subject)?.into()),
            (Basis::BasePoints, _) => self.per_base_points(),
            (_, Per::Receipt) => self.per_receipt(),
            (_, Per::Line) => self.per_line(),
        }?;
        let worth: i128 = granted.iter().map(|grant| i128::from(grant.granted.0)).sum();
        Ok(if worth > 0 { granted } else { Vec::new() })
    }

    fn per_purchase(&self, basis: i128) -> Result<Vec<Grant>, Overflow> {
        self.grant(None, Exact::whole(basis), &shares::by_amount(self.buying.purchase))
    }

    /// A share of the base points that earning rules grant into the same wallet, or onto the same meter.
    fn per_base_points(&self) -> Result<Vec<Grant>, Overflow> {
        let counts = |grant: &&Grant| match (self.rule.wallet, self.rule.meters.first()) {
            (Some(wallet), _) => grant.wallet == Some(wallet),
            (None, Some(meter)) => grant.meters.iter().any(|post| post.meter == *meter),
            (None, None) => false,
        };
        let base = self.base.iter().filter(|grant| grant.part == Part::Base).filter(counts);
        let (mut sum, mut weights) = (0_i128, Weights::new());
        for grant in base {
            sum += i128::from(grant.granted.0);
            let own = grant.line.map(|line| (line, grant.granted));
            for (line, share) in grant.shares.iter().copied().chain(own).filter(|(_, share)| share.0 > 0) {
                match weights.iter_mut().find(|(other, _)| *other == line) {
                    Some((_, weight)) => *weight = weight.checked_add(share.0).ok_or(Overflow)?,
                    None => weights.push((line, share.0)),
                }
            }
        }
        weights.sort_unstable();
        if sum > 0 { self.grant(None, Exact::whole(sum), &weights) } else { Ok(Vec::new()) }
    }

    fn per_receipt(&self) -> Result<Vec<Grant>, Overflow> {
        let (mut sum, mut weights) = (None, Weights::new());
        for (position, line) in (0_u16..).zip(&self.buying.purchase.lines) {
            if let Some(basis) = self.line_basis(line)? {
                sum = Some(sum.unwrap_or(0_i128).checked_add(basis).ok_or(Overflow)?);
                let weight = i64::try_from(basis).map_err(|_| Overflow)?;
                weights.extend((weight > 0).then_some((position, weight)));
            }
        }
        sum.map_or(Ok(Vec::new()), |sum| self.grant(None, Exact::whole(sum), &weights))
    }

    fn per_line(&self) -> Result<Vec<Grant>, Overflow> {
        let mut grants = Vec::new();
        for (position, line) in (0_u16..).zip(&self.buying.purchase.lines) {
            if let Some(basis) = self.line_basis(line)? {
                grants.extend(self.grant(Some(position), Exact::whole(basis), &[])?);
            }
        }
        Ok(grants)
    }

    /// What the rule counts on a line; `None` if it does not choose the line.
    fn line_basis(&self, line: &'a Line) -> Result<Option<i128>, Overflow> {
        let subject = self.subject(Some(line));
        if !self.rule.chooses(&subject)? {
            return Ok(None);
        }
        Ok(Some(match &self.rule.basis {
            Basis::Amount => line.minor_units.into(),
            Basis::Quantity => line.quantity.0.into(),
            Basis::Line(expression) | Basis::Purchase(expression) => expression.value(&subject)?.into(),
            Basis::BasePoints => 0,
        }))
    }

    /// The base grant and the tier's bonus on it.
    fn grant(&self, line: Option<u16>, basis: Exact, weights: &[(u16, i64)]) -> Result<Vec<Grant>, Overflow> {
        let earning = match self.rule.basis {
            // What base points were granted for has been reduced already.
            Basis::BasePoints => basis,
            _ => self.without_points_tender(basis)?,
        };
        let exact = earning.times(self.rule.rate.points.numerator, self.rule.rate.points.denominator)?;
        let exact = exact.times(1, self.rule.rate.step)?;
        let base = match self.rule.rounds {
            Rounds::Result => self.round(exact)?,
            Rounds::Amount => whole_steps(self.rule, &self.rule.rate, earning)?,
        };
        let mut grants = Vec::with_capacity(2);
        grants.extend(self.granted(Part::Base, line, earning, base, weights)?);
        if let Some((tier, share)) = self.bonus() {
            let of = match self.rule.bonus_of {
                BonusOf::Exact => exact,
                BonusOf::Rounded => Exact::whole(base.0.into()),
            };
            let bonus = self.round(of.times(share.numerator, share.denominator)?)?;
            grants.extend(self.granted(Part::TierBonus(tier), line, of, bonus, weights)?);
        }
        Ok(grants)
    }

    fn bonus(&self) -> Option<(TierId, Ratio)> {
        let held = self.buying.tier?;
        self.rule.bonus.iter().find(|(tier, _)| *tier == held).copied()
    }

    fn round(&self, exact: Exact) -> Result<Points, Overflow> {
        let rounded = self.rule.rounding.divide(exact.numerator, exact.denominator);
        i64::try_from(rounded).map(Points).map_err(|_| Overflow)
    }

    /// The share of the basis that was not paid with points.
    fn without_points_tender(&self, basis: Exact) -> Result<Exact, Overflow> {
        let purchase = self.buying.purchase;
        if self.rule.counts_points_tender || purchase.tenders.is_empty() {
            return Ok(basis);
        }
        let points = purchase.tenders.iter().filter(|tender| tender.is_points());
        let paid = points.map(|tender| i128::from(tender.minor_units)).sum::<i128>();
        let total = purchase.total().ok_or(Overflow)?;
        let rest = i64::try_from((i128::from(total) - paid).max(0)).map_err(|_| Overflow)?;
        match paid {
            0 => Ok(basis),
            _ if total <= 0 => Ok(Exact::whole(0)),
            _ => basis.times(rest, total),
        }
    }

    /// A grant of `points`, none where there is nothing to grant.
    fn granted(
        &self,
        part: Part,
        line: Option<u16>,
        basis: Exact,
        points: Points,
        weights: &[(u16, i64)],
    ) -> Result<Option<Grant>, Overflow> {
        if points == Points::ZERO {
            return Ok(None);
        }
        Ok(Some(Grant {
            rule: self.rule.id,
            program_version: self.program.version,
            part,
            line,
            basis: basis.ratio()?,
            wallet: self.rule.wallet,
            desired: points,
            granted: points,
            meters: self.posts(points),
            shares: shares::divided(points, weights),
            cap: None,
        }))
    }

    fn posts(&self, amount: Points) -> SmallVec<[MeterPost; 1]> {
        let (program, buying) = (self.program, self.buying);
        let meters = self.rule.meters.iter().filter_map(|meter| Some((*meter, program.meter(*meter)?.window)));
        let cap = self.rule.caps.per_member.map(|cap| (cap.meter, cap.window));
        let post = |(meter, window)| post(program, buying.member, buying.counted_at, (meter, window), amount);
        meters.chain(cap).map(post).collect()
    }

    fn subject(&self, line: Option<&'a Line>) -> Subject<'a> {
        Subject {
            program: self.program,
            purchase: Some(self.buying.purchase),
            line,
            member: &self.buying.member.attributes,
            tier: self.buying.tier,
            clubs: &self.buying.member.belonging().clubs,
            segments: &self.buying.member.belonging().segments,
            meters: &[],
            at: self.buying.counted_at,
        }
    }
}

/// An amount counted at `at` by a meter with this window.
pub(super) fn post(
    program: &Program,
    member: &Member,
    at: Moment,
    (meter, window): (MeterId, Window),
    amount: Points,
) -> MeterPost {
    let (day, enrolled) = (program.zone.day_of(at), enrolled_on(&program.zone, member));
    MeterPost { meter, window: window_key(window, day, enrolled), amount }
}

/// The points of the whole steps in a basis, the basis rounded as the rule says.
fn whole_steps(rule: &Rule, rate: &Rate, basis: Exact) -> Result<Points, Overflow> {
    let step = basis.times(1, rate.step)?;
    let steps = rule.rounding.divide(step.numerator, step.denominator);
    let points = Exact::whole(steps).times(rate.points.numerator, rate.points.denominator)?;
    i64::try_from(points.numerator.div_euclid(points.denominator)).map(Points).map_err(|_| Overflow)
}
