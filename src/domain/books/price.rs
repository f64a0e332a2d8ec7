//! The price the books split: what was paid in money for the lines that a wallet's rules count.
//!
//! Which lines those are is for the rules that granted, by their own conditions; what a rule granted for says so too,
//! where a condition looks at more of the member than an entry knows. What points paid for was sold before, with the sale
//! that issued them.

use crate::domain::event::{Grant, LineReturned, PurchaseRecorded};
use crate::domain::order::{Line, Purchase};
use crate::domain::program::condition::Subject;
use crate::domain::program::{Basis, Program, Timeline, WalletId};
use crate::domain::units::Rounding;

/// The price of a purchase, as far as it counts in one wallet.
pub(super) struct Price<'a> {
    purchase: &'a Purchase,
    lines: Vec<(u16, &'a Line)>,
}

impl<'a> Price<'a> {
    /// Of the lines that count in a wallet.
    pub(super) fn counted(timeline: &Timeline, recorded: &'a PurchaseRecorded, wallet: WalletId) -> Self {
        let grants: Vec<&Grant> = recorded.grants.iter().filter(|grant| grant.wallet == Some(wallet)).collect();
        let lines = (0_u16..).zip(&recorded.purchase.lines);
        let counts = |(position, line): &(u16, &Line)| {
            grants.iter().any(|grant| has_earned(grant, *position) || chooses(timeline, recorded, grant, line))
        };
        Self { purchase: &recorded.purchase, lines: lines.filter(counts).collect() }
    }

    /// All of it, in minor units.
    pub(super) fn whole(&self) -> i64 {
        let counted: i128 = self.lines.iter().map(|(_, line)| i128::from(line.minor_units)).sum();
        let total: i128 = self.purchase.lines.iter().map(|line| i128::from(line.minor_units)).sum();
        let points = self.purchase.tenders.iter().filter(|tender| tender.is_points());
        let paid: i128 = points.map(|tender| i128::from(tender.minor_units)).sum();
        let in_money = match (total - paid).max(0) {
            rest if total > 0 => counted.checked_mul(rest).map_or(counted, |part| Rounding::HalfUp.divide(part, total)),
            _ => counted,
        };
        i64::try_from(in_money.max(0)).unwrap_or(i64::MAX)
    }

    /// The part that goes with what has come back, in proportion to the prices of the goods: discounts are shared.
    pub(super) fn back(&self, so_far: &[LineReturned]) -> i64 {
        let (mut back, mut goods) = (0_i128, 0_i128);
        for (position, line) in self.lines.iter().filter(|(_, line)| line.minor_units > 0) {
            goods += i128::from(line.minor_units);
            let returned = so_far.iter().find(|returned| returned.line == *position);
            back += returned.map_or(0, |returned| worth(line, *returned));
        }
        let part = i128::from(self.whole()).checked_mul(back).and_then(|part| part.checked_div(goods));
        part.and_then(|part| i64::try_from(part).ok()).unwrap_or(0)
    }
}

/// What of a line's price has come back: its units, and what it was lowered by.
fn worth(line: &Line, returned: LineReturned) -> i128 {
    let (part, of) = returned.part_of(line, true);
    i128::from(line.minor_units).saturating_mul(part) / of
}

/// Whether something was granted for the line.
fn has_earned(grant: &Grant, position: u16) -> bool {
    grant.line == Some(position) || grant.shares.iter().any(|(line, _)| *line == position)
}

/// Whether the rule that granted counts the line, whatever it came to.
fn chooses(timeline: &Timeline, recorded: &PurchaseRecorded, grant: &Grant, line: &Line) -> bool {
    let Some(program) = timeline.version(grant.program_version) else { return true };
    let Some(rule) = program.rule(grant.rule) else { return true };
    // Base points count what the rules counted that granted them.
    let counts_lines = !matches!(rule.basis, Basis::BasePoints);
    counts_lines && rule.chooses(&subject(program, recorded, line)).unwrap_or(true)
}

/// What a purchase's own entry knows of it.
fn subject<'a>(program: &'a Program, recorded: &'a PurchaseRecorded, line: &'a Line) -> Subject<'a> {
    Subject {
        program,
        purchase: Some(&recorded.purchase),
        line: Some(line),
        member: &[],
        tier: recorded.tier,
        clubs: &[],
        segments: &[],
        meters: &[],
        at: recorded.counted_at,
    }
}
