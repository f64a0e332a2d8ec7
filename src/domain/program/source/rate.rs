//! Rates and bonuses as a program file writes them: `5 per 1.00`, `1 per 10`, `40%`, `1.2`. All exact, no float.

use super::sheet::Node;
use super::terms;
use crate::domain::program::Rate;
use crate::domain::units::{Ratio, parse_decimal};

/// How many decimals a rate may have.
const DECIMALS_MAX: u8 = 9;
const ONE: i128 = 1_000_000_000;

/// What a rate is a rate of.
#[derive(Clone, Copy)]
pub(super) enum Per {
    /// Money, in units of 10^-decimals; `None` where the currency is flawed.
    Money(Option<u8>),
    /// Thousandths of a quantity.
    Quantity,
    /// Units of an attribute.
    Units,
    /// Base points, which are in smallest units already; there is nothing to write after `per`.
    Points,
    /// The basis is flawed: whatever is a rate of something will do.
    Unknown,
}

/// A rate in the receiving wallet's or meter's `decimals`.
pub(super) fn rate(node: &Node<'_>, per: Per, decimals: u8) -> Option<Rate> {
    let written = node.text()?;
    let (points, step) = match written.split_once(" per ") {
        Some((points, step)) => (points.trim(), Some(step.trim())),
        None => (written.trim(), None),
    };
    let Some(step) = step_of(step, per) else { return node.refuse(form(per)) };
    let Some(share) = share(points) else { return node.refuse(form(per)) };
    if share.numerator < 0 {
        return node.refuse("a rate is not negative");
    }
    if share.numerator == 0 {
        node.doubt("a rate of 0 earns nothing");
    }
    let scale = if matches!(per, Per::Points) { 1 } else { 10_i128.pow(decimals.into()) };
    match Ratio::new(i128::from(share.numerator) * scale, share.denominator.into()) {
        Some(points) => Some(Rate { points, step, written: written.into() }),
        None => node.refuse("this rate is too large"),
    }
}

/// How many units of the basis one step is, at least 1.
fn step_of(step: Option<&str>, per: Per) -> Option<i64> {
    let units = match (step, per) {
        (None, Per::Money(_)) => None,
        (None, Per::Quantity) => Some(1_000),
        (None, Per::Units | Per::Points | Per::Unknown) => Some(1),
        (Some(_), Per::Points) => None,
        (Some(step), Per::Unknown | Per::Money(None)) => parse_decimal(step, terms::decimals_written(step)),
        (Some(step), Per::Money(Some(decimals))) => parse_decimal(step, decimals),
        (Some(step), Per::Quantity) => parse_decimal(step, 3),
        (Some(step), Per::Units) => parse_decimal(step, 0),
    };
    units.filter(|units| *units >= 1)
}

fn form(per: Per) -> String {
    match per {
        Per::Money(Some(0)) => "a rate on an amount is points per money, such as `5 per 100`".into(),
        Per::Money(decimals) => {
            let zeros = "0".repeat(decimals.unwrap_or(2).into());
            format!("a rate on an amount is points per money, such as `5 per 1.{zeros}`")
        }
        Per::Quantity => "a rate on a quantity is points per units, such as `1`, `1.5` or `1 per 10`".into(),
        Per::Units => {
            "a rate on an expression is a factor or points per units, such as `1.2`, `50%` or `1 per 10`".into()
        }
        Per::Unknown => "a rate is points per units or a factor, such as `5 per 1.00`, `1.2` or `50%`".into(),
        Per::Points => "a rate on base points is a factor, such as `100%` or `0.5`".into(),
    }
}

/// A share such as a tier bonus: `40%` or `0.4`.
pub(super) fn bonus(node: &Node<'_>) -> Option<Ratio> {
    match share(node.text()?.trim()) {
        Some(share) if share.numerator < 0 => node.refuse("a bonus is not negative"),
        Some(share) => Some(share),
        None => node.refuse("a bonus is a share of the base points, such as `40%` or `0.4`"),
    }
}

/// A share: `40%` or `0.4`.
pub(super) fn share(written: &str) -> Option<Ratio> {
    match written.strip_suffix('%') {
        Some(percent) => Ratio::new(parse_decimal(percent.trim_end(), DECIMALS_MAX)?.into(), ONE * 100),
        None => Ratio::new(parse_decimal(written, DECIMALS_MAX)?.into(), ONE),
    }
}
