//! Which version of a program judges which moment.

use std::sync::Arc;

use super::{JudgedBy, Program, ProgramNo};
use crate::domain::units::Moment;

/// All versions of one program by effective time; never empty.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// The program's number in the journal.
    pub number: ProgramNo,
    first: Arc<Program>,
    later: Vec<Arc<Program>>,
    ladder_changes: Vec<Moment>,
}

impl Timeline {
    /// A timeline of one version, which holds from the beginning of time.
    #[must_use]
    pub const fn new(number: ProgramNo, first: Arc<Program>) -> Self {
        Self { number, first, later: Vec::new(), ladder_changes: Vec::new() }
    }

    /// This timeline with one more version; the caller has checked that it takes effect after the others.
    #[must_use]
    pub fn with(&self, next: Arc<Program>) -> Self {
        let mut longer = self.clone();
        if !same_ladder(self.newest(), &next) {
            longer.ladder_changes.push(next.effective_at);
        }
        longer.later.push(next);
        longer
    }

    /// The first moment from `from` until `until`, both included, at which another ladder takes effect. (An entry may have
    /// been recorded at the very moment of a change, before it or after.)
    #[must_use]
    pub fn ladder_change(&self, from: Moment, until: Moment) -> Option<Moment> {
        self.ladder_changes.iter().copied().find(|at| from <= *at && *at <= until)
    }

    /// Every moment at which another ladder takes effect.
    #[must_use]
    pub fn ladder_changes(&self) -> &[Moment] {
        &self.ladder_changes
    }

    /// The version in force at `moment`.
    #[must_use]
    pub fn at(&self, moment: Moment) -> &Arc<Program> {
        self.later.iter().rev().find(|program| program.effective_at <= moment).unwrap_or(&self.first)
    }

    /// The newest version, whether or not it is in force yet; it holds the longest register.
    #[must_use]
    pub fn newest(&self) -> &Arc<Program> {
        self.later.last().unwrap_or(&self.first)
    }

    /// All versions, the first one first.
    pub fn versions(&self) -> impl DoubleEndedIterator<Item = &Arc<Program>> {
        std::iter::once(&self.first).chain(&self.later)
    }

    /// The version with this number.
    #[must_use]
    pub fn version(&self, version: u32) -> Option<&Arc<Program>> {
        self.versions().find(|program| program.version == version)
    }

    /// Every rule that may judge a purchase, with its version: a rule counts when its own version is the one in
    /// force at the moment the rule is judged by.
    pub fn rules_at<'a>(
        &'a self,
        moment_of: impl Fn(&'a Program, JudgedBy) -> Moment + 'a,
    ) -> impl Iterator<Item = (&'a Arc<Program>, &'a super::Rule)> {
        self.versions().flat_map(|program| program.rules.iter().map(move |rule| (program, rule))).filter(
            move |(program, rule)| {
                let moment = moment_of(program, rule.judged_by);
                self.at(moment).version == program.version && rule.from <= moment && moment < rule.until
            },
        )
    }
}

/// Whether two versions judge members alike: what they say of tiers, and of the meters that tiers look at.
fn same_ladder(before: &Program, next: &Program) -> bool {
    let said = |program: &Program| format!("{:?} {:?}", program.ladder, program.meters);
    said(before) == said(next)
}
