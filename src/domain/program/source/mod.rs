//! The program source: one TOML text, read whole, validated whole, every flaw reported with line and column.
//!
//! `sheet.rs` is the text while it is read, `head.rs`, `declared.rs`, `ladder.rs`, `earning.rs`, `campaign.rs`,
//! `rate.rs`, `wallets.rs`, `stages.rs`, `segments.rs`, `alerts.rs`, `clubs.rs`, `privileges.rs`, `milestones.rs` and `rewards.rs` read its parts, `terms.rs` and
//! `benefits.rs` the small forms they share; `soundness.rs`, with `reach.rs` and `together.rs`, asks what no part can
//! tell by itself, and `changes.rs` says what a next version may not change. Nothing here knows members or how a program is stored.

mod alerts;
mod benefits;
mod campaign;
mod changes;
mod clubs;
mod declared;
mod earning;
mod head;
mod ladder;
mod letters;
mod milestones;
mod privileges;
#[cfg(test)]
mod published;
mod rate;
mod reach;
mod rewards;
mod segments;
mod sheet;
mod soundness;
mod stages;
mod terms;
mod together;
mod wallets;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_belonging;
#[cfg(test)]
mod tests_belonging_flaws;
#[cfg(test)]
mod tests_programs;
#[cfg(test)]
mod tests_promises;
#[cfg(test)]
mod tests_reach;
#[cfg(test)]
mod tests_segments;
#[cfg(test)]
mod tests_soundness;
#[cfg(test)]
mod tests_stand_ins;
#[cfg(test)]
mod tests_together;

use toml::de::DeTable;

use super::{ClubId, MeterId, PrivilegeKind, Program, Register, Word};
use crate::domain::units::Moment;
pub use changes::changes_refused;
use declared::Declared;
use sheet::{Sheet, Table};
use soundness::Whole;

/// The longest program source, in bytes.
pub const SOURCE_BYTES_MAX: usize = 256 * 1024;

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

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} {}", self.line, self.column, self.message)
    }
}

/// Reads and validates one version.
///
/// `known` is the register of the version before (empty for a first version): ids keep their numbers, and new ones
/// are added in a fixed order (wallets, meters, attributes, tiers, clubs, segments, rules, campaigns, rewards, privileges,
/// milestones with their options, each in the order of the file; then hidden meters, which are no ids: they hold a `:`).
///
/// # Errors
/// Every flaw of the text (the first hundred), in the order of their places.
pub fn read(text: &str, version: u32, effective_at: Moment, known: &Register) -> Result<Program, Vec<Flaw>> {
    read_on(Sheet::new(text), text, version, effective_at, known)
}

/// Reads a version that was applied once: as [`read`], without the flaws of what can be read and never does anything,
/// since what counted as such may have been less when it was applied.
///
/// # Errors
/// Every other flaw, in the order of their places.
pub fn recall(text: &str, version: u32, effective_at: Moment, known: &Register) -> Result<Program, Vec<Flaw>> {
    read_on(Sheet::lenient(text), text, version, effective_at, known)
}

fn read_on(
    sheet: Sheet<'_>,
    text: &str,
    version: u32,
    effective_at: Moment,
    known: &Register,
) -> Result<Program, Vec<Flaw>> {
    let program = parsed(&sheet, text).and_then(|root| whole(&sheet, root.get_ref(), known));
    match program {
        Some(program) if sheet.is_clean() => Ok(Program { version, effective_at, ..program }),
        _ => Err(sheet.into_flaws()),
    }
}

/// Reads the version that follows `before`: [`read`] and [`changes_refused`] in one, with places for the latter.
///
/// # Errors
/// Every flaw, in the order of their places.
pub fn read_next(text: &str, effective_at: Moment, before: &Program) -> Result<Program, Vec<Flaw>> {
    let program = read(text, before.version.saturating_add(1), effective_at, &before.register)?;
    let sheet = Sheet::new(text);
    let root = DeTable::parse(text).ok();
    for flaw in changes_refused(before, &program) {
        let at = root.as_ref().map_or(0, |root| sheet::place_of_path(root.get_ref(), &flaw.path));
        sheet.flaw(at, &flaw.path, flaw.message);
    }
    if sheet.is_clean() { Ok(program) } else { Err(sheet.into_flaws()) }
}

fn parsed<'t>(sheet: &Sheet<'t>, text: &'t str) -> Option<toml::Spanned<DeTable<'t>>> {
    if text.len() > SOURCE_BYTES_MAX {
        sheet.flaw(0, "", format!("a program source has at most {SOURCE_BYTES_MAX} bytes"));
        return None;
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        sheet.flaw(error.span().map_or(0, |span| span.start), "", terms::one_line(error.message()));
    }
    errors.is_empty().then_some(root)
}

fn whole(sheet: &Sheet<'_>, root: &DeTable<'_>, known: &Register) -> Option<Program> {
    let table = Table::new(sheet, String::new(), 0, root);
    let head = head::read(&table);
    let mut declared = Declared::read(&table, head.zone.as_ref(), known.clone());
    let ladder = ladder::read(&table, &head, &mut declared);
    let club_entries = declared.entries(&table, "club", clubs::CLUBS_MAX);
    declared.clubs = club_entries.iter().filter_map(|entry| entry.id.map(ClubId)).collect();
    let stages = stages::read(&table, &declared);
    let segments = segments::read(&table, &mut declared, stages.as_ref());
    let alerts = alerts::read(&table, &declared);
    let rules = earning::read(&table, &head, &mut declared);
    let cuttings = wallets::read(&table, &head, &mut declared);
    let reward_entries = declared.entries(&table, "reward", rewards::REWARDS_MAX);
    let clubs = clubs::read(club_entries, &head, &declared);
    let privileges = privileges::read(&table, &mut declared);
    let milestones = milestones::read(&table, &head, &mut declared);
    let rewards = rewards::read(reward_entries, &head, &mut declared, cuttings);
    let (rules_read, ladder_read) = (rules.as_slice(), ladder.as_ref());
    let whole = Whole {
        root: &table,
        declared: &declared,
        ladder: ladder_read,
        rules: rules_read,
        privileges: &privileges,
        clubs: &clubs,
        milestones: &milestones,
    };
    soundness::check(&whole);
    table.close();
    let mut program = Program {
        id: head.id?,
        name: head.name?,
        version: 0,
        effective_at: Moment::BEGINNING,
        zone: head.zone?,
        currency: head.currency?,
        accept_late: head.accept_late,
        credit_before_enrolment: head.credit_before_enrolment,
        on_close: head.on_close,
        kinds: head.kinds,
        wallets: declared.wallets,
        meters: declared.meters,
        attributes: declared.attributes,
        rules,
        ladder,
        on_return: head.on_return,
        rewards,
        clubs,
        segments,
        stages: stages.unwrap_or_default(),
        alerts,
        privileges,
        milestones,
        register: declared.register,
    };
    hide(&mut program);
    if program.register.words().len() > Register::WORDS_MAX {
        sheet.flaw(0, "", format!("a program uses at most {} ids over its life", Register::WORDS_MAX));
    }
    Some(program)
}

/// Gives words to the meters that nobody declared: each counts for one rule, reward, meter, tier, privilege or milestone.
fn hide(program: &mut Program) {
    let register = &mut program.register;
    let mut hidden = |what: &str, of: Word| {
        let text = format!("{what}:{}", register.text(of));
        MeterId(register.add(&text))
    };
    for rule in &mut program.rules {
        if let Some(cap) = &mut rule.caps.per_member {
            cap.meter = hidden("cap", rule.id.0);
        }
    }
    for reward in &mut program.rewards {
        if let Some(limit) = &mut reward.limit {
            limit.meter = hidden("limit", reward.id.0);
        }
    }
    for meter in &mut program.meters {
        meter.rollover = meter.rollover.map(|_| hidden("rolled", meter.id.0));
    }
    for tier in program.ladder.iter_mut().flat_map(|ladder| &mut ladder.tiers) {
        if let Some(counts) = &mut tier.counts {
            counts.known = hidden("years", tier.id.0);
        }
    }
    for privilege in &mut program.privileges {
        if let PrivilegeKind::Quota { used, .. } = &mut privilege.kind {
            *used = hidden("used", privilege.id.0);
        }
    }
    for milestone in &mut program.milestones {
        milestone.reached = hidden("milestone", milestone.id.0);
    }
}
