//! What a purchase earns: every rule that judges it, line by line or per receipt, exactly and then rounded as the
//! rule says.
//!
//! Intermediates are fractions of 128-bit integers; each rounding happens once, where the rule names it.

use super::windows::{enrolled_on, window_key};
use crate::domain::event::{Grant, MeterPost, Part};
use crate::domain::member::Member;
use crate::domain::order::{Line, Purchase};
use crate::domain::program::condition::Subject;
use crate::domain::program::{Absent, Basis, BonusOf, JudgedBy, Per, Program, Rate, Rounds, Rule, Scope};
use crate::domain::program::{MeterId, TierId, Timeline, Value};
use crate::domain::units::{Moment, Overflow, Points, Ratio};

/// The kind of tender that is points, not money.
pub const POINTS_TENDER: &str = "points";

/// A purchase about to earn.
pub(super) struct Buying<'a> {
    pub timeline: &'a Timeline,
    pub member: &'a Member,
    pub purchase: &'a Purchase,
    pub counted_at: Moment,
    pub tier: Option<TierId>,
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

/// All grants of a purchase, in the order of versions and rules.
pub(super) fn grants(buying: &Buying<'_>) -> Result<Vec<Grant>, Overflow> {
    let mut all = Vec::with_capacity(2);
    let moment_of = |program: &Program, judged_by| judged_at(program, buying, judged_by);
    for (program, rule) in buying.timeline.rules_at(moment_of) {
        let earned = Earning { buying, program, rule }.grants()?;
        let worth: i128 = earned.iter().map(|grant| i128::from(grant.granted.0)).sum();
        // A rule that chose discounts only would take points away; it earns nothing instead.
        if worth > 0 {
            all.extend(earned);
        }
    }
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
}

impl<'a> Earning<'a> {
    fn grants(&self) -> Result<Vec<Grant>, Overflow> {
        let subject = self.subject(None);
        if let Some(when) = &self.rule.when
            && !when.holds(&subject)?
        {
            return Ok(Vec::new());
        }
        match (&self.rule.basis, self.rule.per) {
            (Basis::Purchase(expression), _) => {
                let basis = Exact::whole(expression.value(&subject)?.into());
                self.grant(None, basis)
            }
            (_, Per::Receipt) => self.per_receipt(),
            (_, Per::Line) => self.per_line(),
        }
    }

    fn per_receipt(&self) -> Result<Vec<Grant>, Overflow> {
        let mut sum: Option<i128> = None;
        for line in &self.buying.purchase.lines {
            if let Some(basis) = self.line_basis(line)? {
                sum = Some(sum.unwrap_or_default().checked_add(basis).ok_or(Overflow)?);
            }
        }
        sum.map_or(Ok(Vec::new()), |sum| self.grant(None, Exact::whole(sum)))
    }

    fn per_line(&self) -> Result<Vec<Grant>, Overflow> {
        let mut grants = Vec::new();
        for (position, line) in self.buying.purchase.lines.iter().enumerate() {
            if let Some(basis) = self.line_basis(line)? {
                let position = u16::try_from(position).map_err(|_| Overflow)?;
                grants.extend(self.grant(Some(position), Exact::whole(basis))?);
            }
        }
        Ok(grants)
    }

    /// What the rule counts on a line; `None` if it does not choose the line.
    fn line_basis(&self, line: &'a Line) -> Result<Option<i128>, Overflow> {
        let subject = self.subject(Some(line));
        if let Some(lines) = &self.rule.lines
            && !lines.holds(&subject)?
        {
            return Ok(None);
        }
        Ok(Some(match &self.rule.basis {
            Basis::Amount => line.minor_units.into(),
            Basis::Quantity => line.quantity.0.into(),
            Basis::Line(expression) | Basis::Purchase(expression) => expression.value(&subject)?.into(),
        }))
    }

    /// The base grant and the tier's bonus on it.
    fn grant(&self, line: Option<u16>, basis: Exact) -> Result<Vec<Grant>, Overflow> {
        let earning = self.without_points_tender(basis)?;
        let exact = earning.times(self.rule.rate.points.numerator, self.rule.rate.points.denominator)?;
        let exact = exact.times(1, self.rule.rate.step)?;
        let base = match self.rule.rounds {
            Rounds::Result => self.round(exact)?,
            Rounds::Amount => whole_steps(self.rule, &self.rule.rate, earning)?,
        };
        let mut grants = Vec::with_capacity(2);
        grants.extend(self.granted(Part::Base, line, earning, base)?);
        if let Some((tier, share)) = self.bonus() {
            let of = match self.rule.bonus_of {
                BonusOf::Exact => exact,
                BonusOf::Rounded => Exact::whole(base.0.into()),
            };
            let bonus = self.round(of.times(share.numerator, share.denominator)?)?;
            grants.extend(self.granted(Part::TierBonus(tier), line, of, bonus)?);
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
        let points = purchase.tenders.iter().filter(|tender| &*tender.kind == POINTS_TENDER);
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
    fn granted(&self, part: Part, line: Option<u16>, basis: Exact, points: Points) -> Result<Option<Grant>, Overflow> {
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
            meters: self.rule.meters.iter().filter_map(|meter| self.post(*meter, points)).collect(),
        }))
    }

    fn post(&self, meter: MeterId, amount: Points) -> Option<MeterPost> {
        let window = self.program.meter(meter)?.window;
        let day = self.program.zone.day_of(self.buying.counted_at);
        let enrolled = enrolled_on(&self.program.zone, self.buying.member);
        Some(MeterPost { meter, window: window_key(window, day, enrolled), amount })
    }

    fn subject(&self, line: Option<&'a Line>) -> Subject<'a> {
        Subject {
            program: self.program,
            purchase: Some(self.buying.purchase),
            line,
            member: &self.buying.member.attributes,
            tier: self.buying.tier,
            meters: &[],
            at: self.buying.counted_at,
        }
    }
}

/// The points of the whole steps in a basis, the basis rounded as the rule says.
fn whole_steps(rule: &Rule, rate: &Rate, basis: Exact) -> Result<Points, Overflow> {
    let step = basis.times(1, rate.step)?;
    let steps = rule.rounding.divide(step.numerator, step.denominator);
    let points = Exact::whole(steps).times(rate.points.numerator, rate.points.denominator)?;
    i64::try_from(points.numerator.div_euclid(points.denominator)).map(Points).map_err(|_| Overflow)
}
