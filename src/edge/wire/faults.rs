//! Collecting what is wrong with a request, field by field, so that the caller hears of everything at once.
//!
//! A [`Path`] lives on the stack while a message is read and becomes text only when there is something to say.
//! This file must not know what the fields mean.

use std::fmt;

use crate::domain::order::{Fault, Refusal};

/// The most faults that are counted: the bound on what a hostile request can make us write.
const FAULTS_MAX: usize = 1_000;

/// Where a field lies in a request: `purchase.lines[2].amount`.
#[derive(Clone, Copy)]
pub enum Path<'a> {
    /// The request itself.
    Request,
    /// A field.
    Field(&'a Path<'a>, &'static str),
    /// An element of a repeated field.
    Element(&'a Path<'a>, &'static str, usize),
    /// The value under a key of a map.
    Key(&'a Path<'a>, &'static str, &'a str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => Ok(()),
            Self::Field(parent, name) => write!(f, "{}{name}", Within(parent)),
            Self::Element(parent, name, position) => write!(f, "{}{name}[{position}]", Within(parent)),
            Self::Key(parent, name, key) => write!(f, "{}{name}[{key:?}]", Within(parent)),
        }
    }
}

struct Within<'a>(&'a Path<'a>);

impl fmt::Display for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Path::Request => Ok(()),
            path => write!(f, "{path}."),
        }
    }
}

/// The faults of one request, in the order of its fields.
#[derive(Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Notes what is wrong with the field at `path`: lower case, no full stop.
    pub fn at(&mut self, path: &Path<'_>, message: impl fmt::Display) {
        if self.0.len() < FAULTS_MAX {
            self.0.push(Fault { field: path.to_string(), message: message.to_string() });
        }
    }

    /// Notes a required field that is missing.
    pub fn missing(&mut self, path: &Path<'_>) {
        self.at(path, "is required");
    }

    /// How many faults there are so far.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.0.len()
    }

    /// What was read, unless something was wrong.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] with all faults.
    pub fn verdict<T>(self, read: T) -> Result<T, Refusal> {
        if self.0.is_empty() { Ok(read) } else { Err(Refusal::Malformed(self.0)) }
    }

    /// As [`Self::verdict`], for what can only be there if nothing was wrong.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] with all faults.
    pub fn verdict_on<T>(self, read: Option<T>) -> Result<T, Refusal> {
        match (self.0.is_empty(), read) {
            (true, Some(read)) => Ok(read),
            (_, _) => Err(Refusal::Malformed(self.0)),
        }
    }
}
