//! A store in front of another, which answers for everything it does not do differently.

use std::sync::Arc;

use rung::domain::event::{Entry, Seq};
use rung::domain::member::Member;
use rung::domain::order::MemberKey;
use rung::domain::program::ProgramNo;
use rung::domain::units::Moment;
use rung::store::format::Damage;
use rung::store::{Answer, CommitError, Found, Group, ReadError, Status, Store, Wants};

/// What a store in front does differently from the one behind it.
pub trait Front: Send + Sync + 'static {
    /// Whether notes reach the store behind.
    const PASSES_NOTES: bool = true;

    /// The store behind.
    fn behind(&self) -> &dyn Store;

    fn commit(&self, group: Group) -> Answer<'_, Result<(), CommitError>> {
        self.behind().commit(group)
    }

    /// What a question for so many entries is asked for instead.
    fn entries_asked(&self, limit: usize) -> usize {
        limit
    }

    /// A page of members is about to be read.
    fn page(&self) {}
}

/// The store that a front makes.
pub struct Through<F>(pub F);

impl<F: Front> Store for Through<F> {
    fn read<'a>(&'a self, wants: &'a Wants) -> Answer<'a, Result<Found, ReadError>> {
        self.0.behind().read(wants)
    }

    fn member(&self, key: MemberKey) -> Answer<'_, Result<Option<Arc<Member>>, ReadError>> {
        self.0.behind().member(key)
    }

    fn bring_near<'a>(&'a self, members: &'a [MemberKey]) -> Answer<'a, ()> {
        self.0.behind().bring_near(members)
    }

    fn commit(&self, group: Group) -> Answer<'_, Result<(), CommitError>> {
        self.0.commit(group)
    }

    fn feed(&self, after: Seq, limit: usize) -> Answer<'_, Result<Vec<Arc<Entry>>, ReadError>> {
        self.0.behind().feed(after, self.0.entries_asked(limit))
    }

    fn entry(&self, seq: Seq) -> Answer<'_, Result<Option<Arc<Entry>>, ReadError>> {
        self.0.behind().entry(seq)
    }

    fn due(&self, until: Moment, limit: usize) -> Answer<'_, Result<Vec<(Moment, MemberKey)>, ReadError>> {
        self.0.behind().due(until, limit)
    }

    fn members(
        &self,
        program: ProgramNo,
        after: Option<MemberKey>,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Member>>, ReadError>> {
        self.0.page();
        self.0.behind().members(program, after, limit)
    }

    fn programs(&self) -> Answer<'_, Result<Vec<Arc<Entry>>, ReadError>> {
        self.0.behind().programs()
    }

    fn checkpoint(&self) -> Answer<'_, Result<(), ReadError>> {
        self.0.behind().checkpoint()
    }

    fn keep_notes<'a>(
        &'a self,
        name: &'a str,
        reached: Seq,
        parts: &'a mut (dyn Iterator<Item = Vec<u8>> + Send),
    ) -> Answer<'a, Result<(), ReadError>> {
        match F::PASSES_NOTES {
            true => self.0.behind().keep_notes(name, reached, parts),
            false => Box::pin(std::future::ready(Ok(()))),
        }
    }

    fn notes<'a>(
        &'a self,
        name: &'a str,
        take: &'a mut (dyn FnMut(Vec<u8>) -> Result<(), Damage> + Send),
    ) -> Answer<'a, Result<Option<Seq>, ReadError>> {
        match F::PASSES_NOTES {
            true => self.0.behind().notes(name, take),
            false => Box::pin(std::future::ready(Ok(None))),
        }
    }

    fn remove_notes<'a>(&'a self, name: &'a str) -> Answer<'a, Result<(), ReadError>> {
        self.0.behind().remove_notes(name)
    }

    fn status(&self) -> Status {
        self.0.behind().status()
    }
}
