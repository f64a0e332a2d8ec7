//! The program source: one TOML text, read whole, validated whole, every flaw reported with line and column.
//!
//! (Skeleton.)

use super::{Program, Register};
use crate::domain::units::Moment;

/// One thing wrong with a program source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
    /// The key it is about (`wallets.miles.decimals`), empty for the whole file.
    pub path: String,
    /// What is wrong and what to write instead: lower case, no full stop.
    pub message: String,
}

/// Reads and validates one version.
///
/// `known` is the register of the version before (empty for a first version): ids keep their numbers.
///
/// # Errors
/// Every flaw of the text, in the order of their places.
pub fn read(_text: &str, _version: u32, _effective_at: Moment, _known: &Register) -> Result<Program, Vec<Flaw>> {
    Err(Vec::new())
}

/// What the next version may not change (wallets and meters stay, with their decimals and windows; the currency,
/// zone and base tier stay), as flaws.
#[must_use]
pub fn changes_refused(_before: &Program, _after: &Program) -> Vec<Flaw> {
    Vec::new()
}
