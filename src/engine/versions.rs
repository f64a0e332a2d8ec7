//! Applying a program version: may this text be the next version, and what entry records it.

use std::sync::Arc;

use super::answer::{ApplyProgram, Denied};
use super::programs::Programs;
use crate::domain::event::{Entry, Fact, ProgramApplied, Seq};
use crate::domain::order::{Claim, MemberKey, Refusal};
use crate::domain::program::{Program, Register, Timeline, source};
use crate::domain::units::{Moment, Text};
use crate::store::{ReadError, Store, Wants};

/// What applying a text comes to.
pub(super) enum Judged {
    /// It is the newest version already, or was applied under the same key.
    Known(Arc<Timeline>),
    /// It becomes the next version.
    New {
        /// All programs after it.
        programs: Programs,
        /// Its program after it.
        timeline: Arc<Timeline>,
        /// The entry that records it.
        entry: Arc<Entry>,
    },
}

/// The entry that holds the caller's key within the program that the text names, if it was used before.
pub(super) async fn claimed(
    store: &Arc<dyn Store>,
    programs: &Programs,
    apply: &ApplyProgram,
) -> Result<Option<Arc<Entry>>, ReadError> {
    let named = parse(&apply.source, 1, Moment::BEGINNING, &Register::default());
    let before = named.ok().and_then(|named| programs.named(&named.id)).filter(|_| !apply.request_id.is_empty());
    let Some(before) = before else { return Ok(None) };
    let claim = Claim::version(before.number, &apply.request_id);
    let wants = Wants { claims: vec![claim], ..Wants::default() };
    Ok(store.read(&wants).await?.claims.remove(&claim))
}

/// Judges a program text against what is in force.
pub(super) fn judge(
    programs: &Programs,
    apply: &ApplyProgram,
    claimed: Option<&Entry>,
    now: Moment,
    seq: Seq,
) -> Result<Judged, Denied> {
    let draft = parse(&apply.source, 1, Moment::BEGINNING, &Register::default())?;
    let before = programs.named(&draft.id);
    if let Some(known) = known(programs, before, apply, claimed)? {
        return Ok(Judged::Known(known));
    }
    if let Some(timeline) = before {
        follows(timeline, apply, now)?;
    }
    let newest = before.map(|timeline| timeline.newest());
    let version = newest.map_or(1, |program| program.version + 1);
    let known_words = newest.map(|program| program.register.clone()).unwrap_or_default();
    let effective_at = match newest {
        None => Moment::BEGINNING,
        Some(newest) => apply.effective_at.unwrap_or(now).max(newest.effective_at),
    };
    let program = match newest {
        None => draft,
        Some(newest) => source::read_next(&apply.source, effective_at, newest).map_err(Refusal::ProgramFlawed)?,
    };
    let number = before.map_or_else(|| programs.next_number(), |timeline| timeline.number);
    let words_added = program.register.words().iter().skip(known_words.words().len()).cloned().collect();
    let applied =
        ProgramApplied { id: program.id.clone(), version, effective_at, source: apply.source.clone(), words_added };
    let entry = Arc::new(Entry {
        seq,
        program: number,
        member: MemberKey::NOBODY,
        previous: Seq::NONE,
        recorded_at: now,
        program_version: version,
        request_id: apply.request_id.clone(),
        principal: Text::default(),
        trace_id: Text::default(),
        named_by: None,
        facts: vec![Fact::ProgramApplied(applied)],
    });
    let programs = programs.with_entry(&entry)?;
    let timeline = programs.named(&program.id).cloned().ok_or(Refusal::UnknownProgram((*program.id).into()))?;
    Ok(Judged::New { programs, timeline, entry })
}

/// The timeline, if this text was applied before: under the caller's key, or as the newest version.
fn known(
    programs: &Programs,
    before: Option<&Arc<Timeline>>,
    apply: &ApplyProgram,
    claimed: Option<&Entry>,
) -> Result<Option<Arc<Timeline>>, Refusal> {
    if let Some(entry) = claimed {
        return match before.and_then(|before| difference(before, apply, entry)) {
            Some(field) => Err(Refusal::KeyReused { field: field.into(), entry: entry.seq }),
            None => Ok(before.cloned()),
        };
    }
    let newest = |timeline: &Timeline| programs.source(timeline.number, timeline.newest().version);
    let unchanged = before.filter(|timeline| newest(timeline).is_some_and(|source| **source == *apply.source));
    Ok(unchanged.cloned())
}

/// The first field in which an order differs from the one that made this entry under its key.
fn difference(timeline: &Timeline, apply: &ApplyProgram, entry: &Entry) -> Option<&'static str> {
    let applied = entry.facts.iter().find_map(|fact| match fact {
        Fact::ProgramApplied(applied) => Some(applied),
        _ => None,
    });
    let Some(applied) = applied else { return Some("verb") };
    let before = applied.version.saturating_sub(1);
    // The first version holds from the beginning, whatever was asked; none takes effect before the one it follows.
    let effective_at = timeline
        .version(before)
        .map(|program| program.effective_at)
        .map_or(applied.effective_at, |earliest| apply.effective_at.unwrap_or(entry.recorded_at).max(earliest));
    let fields = [
        ("source", applied.source == apply.source),
        ("effective_at", applied.effective_at == effective_at),
        ("expected_version", apply.expected_version == 0 || apply.expected_version == before),
    ];
    fields.iter().find(|(_, same)| !same).map(|(field, _)| *field)
}

/// Whether a further version may follow now.
fn follows(timeline: &Timeline, apply: &ApplyProgram, now: Moment) -> Result<(), Refusal> {
    let newest = timeline.newest();
    if apply.expected_version != 0 && apply.expected_version != newest.version {
        return Err(Refusal::StaleVersion { expected: apply.expected_version, found: newest.version });
    }
    let earliest = now.max(newest.effective_at);
    match apply.effective_at {
        Some(effective_at) if effective_at < earliest => Err(Refusal::EffectiveInPast { effective_at, earliest }),
        _ => Ok(()),
    }
}

fn parse(text: &str, version: u32, effective_at: Moment, known: &Register) -> Result<Program, Refusal> {
    source::read(text, version, effective_at, known).map_err(Refusal::ProgramFlawed)
}
