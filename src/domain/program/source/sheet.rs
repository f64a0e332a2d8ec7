//! A TOML text while it is read: tables that tick off the keys asked for, values that know their place, and the
//! flaws found so far. It must not know what a program is.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Flaw;
use crate::domain::program::suggest::did_you_mean;

/// More flaws than anybody mends in one go; what is found beyond them is only counted as "more".
pub(super) const FLAWS_MAX: usize = 100;

/// The text and what is wrong with it.
pub(super) struct Sheet<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
    flaws: RefCell<Vec<(usize, Flaw)>>,
    more: RefCell<bool>,
    /// Whether what can be read and never does anything is passed over.
    lenient: bool,
}

impl<'t> Sheet<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(after_breaks).collect();
        Self { text, line_starts, flaws: RefCell::default(), more: RefCell::new(false), lenient: false }
    }

    /// A sheet that notes only what cannot be read.
    pub(super) fn lenient(text: &'t str) -> Self {
        Self { lenient: true, ..Self::new(text) }
    }

    /// Notes a flaw at a byte of the text.
    pub(super) fn flaw(&self, at: usize, path: &str, message: impl Into<String>) {
        let mut flaws = self.flaws.borrow_mut();
        if flaws.len() >= FLAWS_MAX {
            self.more.replace(true);
            return;
        }
        let (line, column) = self.place(at);
        flaws.push((at, Flaw { line, column, path: path.into(), message: message.into() }));
    }

    fn place(&self, at: usize) -> (u32, u32) {
        let at = self.text.floor_char_boundary(at);
        let row = self.line_starts.partition_point(|start| *start <= at).saturating_sub(1);
        let start = self.line_starts.get(row).copied().unwrap_or(0);
        let column = self.text.get(start..at).map_or(0, |before| before.chars().count());
        let one_based = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
        (one_based(row), one_based(column))
    }

    /// Everything found, in the order of the text.
    pub(super) fn into_flaws(self) -> Vec<Flaw> {
        let mut flaws = self.flaws.into_inner();
        flaws.sort_by_key(|(at, _)| *at);
        let mut flaws: Vec<Flaw> = flaws.into_iter().map(|(_, flaw)| flaw).collect();
        if let (true, Some(last)) = (self.more.into_inner(), flaws.last()) {
            let message = "there are more flaws than are listed here; mend these first".into();
            flaws.push(Flaw { path: String::new(), message, ..*last });
        }
        flaws
    }

    pub(super) fn is_clean(&self) -> bool {
        self.flaws.borrow().is_empty()
    }

    pub(super) fn slice(&self, span: &Range<usize>) -> &'t str {
        self.text.get(span.clone()).unwrap_or_default()
    }
}

/// A value and its place.
#[derive(Clone)]
pub(super) struct Node<'a> {
    pub sheet: &'a Sheet<'a>,
    /// The key it is under, dotted from the top.
    pub path: String,
    /// Where it stands, in bytes of the text.
    pub span: Range<usize>,
    value: &'a DeValue<'a>,
}

impl<'a> Node<'a> {
    pub(super) fn flaw(&self, message: impl Into<String>) {
        self.sheet.flaw(self.span.start, &self.path, message);
    }

    /// Notes that this reads well and can never do anything.
    pub(super) fn doubt(&self, message: impl Into<String>) {
        if !self.sheet.lenient {
            self.flaw(message);
        }
    }

    /// Notes a flaw and has nothing to give.
    pub(super) fn refuse<T>(&self, message: impl Into<String>) -> Option<T> {
        self.flaw(message);
        None
    }

    pub(super) const fn value(&self) -> &'a DeValue<'a> {
        self.value
    }

    /// The text, which must be one.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.as_str().or_else(|| self.wrong("a text"))
    }

    /// `true` or `false`.
    pub(super) fn truth(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.wrong("`true` or `false`"))
    }

    /// A whole number within `range`.
    pub(super) fn integer(&self, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let Some(written) = self.value.as_integer() else { return self.wrong("a whole number") };
        let number = i64::from_str_radix(written.as_str(), written.radix()).ok();
        let (low, high) = (range.start(), range.end());
        number.filter(|number| range.contains(number)).or_else(|| self.refuse(format!("must be {low} to {high}")))
    }

    pub(super) fn table(&self) -> Option<Table<'a>> {
        let Some(entries) = self.value.as_table() else { return self.wrong("a table") };
        Some(Table::new(self.sheet, self.path.clone(), self.span.start, entries))
    }

    /// The elements of an array.
    pub(super) fn list(&self) -> Vec<Self> {
        let Some(array) = self.value.as_array() else { return self.wrong("a list").unwrap_or_default() };
        array.iter().enumerate().map(|(at, element)| self.under(&format!("[{at}]"), element)).collect()
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let written = self.text()?;
        if let Some((_, found)) = choices.iter().find(|(word, _)| *word == written) {
            return Some(*found);
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        let suggestion = did_you_mean(written, choices.iter().map(|(word, _)| word));
        self.refuse(format!("`{written}` is not one of {}{suggestion}", words.join(", ")))
    }

    pub(super) fn wrong<T>(&self, wanted: &str) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "a yes or no",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.refuse(format!("must be {wanted}, not {found}"))
    }

    fn under(&self, suffix: &str, value: &'a Spanned<DeValue<'a>>) -> Self {
        let path = format!("{}{suffix}", self.path);
        Node { sheet: self.sheet, path, span: value.span(), value: value.get_ref() }
    }

    /// Where the letter number `at` of the text (after escapes) stands in the file.
    pub(super) fn place_of(&self, at: usize) -> usize {
        self.span.start + super::letters::offset_of(self.sheet.slice(&self.span), at)
    }
}

/// A table whose keys are known, or free.
pub(super) struct Table<'a> {
    pub sheet: &'a Sheet<'a>,
    pub path: String,
    at: usize,
    entries: &'a DeTable<'a>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    pub(super) fn new(sheet: &'a Sheet<'a>, path: String, at: usize, entries: &'a DeTable<'a>) -> Self {
        Self { sheet, path, at, entries, asked: RefCell::default() }
    }

    /// Notes a flaw of the table as a whole.
    pub(super) fn flaw(&self, message: impl Into<String>) {
        self.sheet.flaw(self.at, &self.path, message);
    }

    /// Notes that the table as a whole reads well and can never do anything.
    pub(super) fn doubt(&self, message: impl Into<String>) {
        if !self.sheet.lenient {
            self.flaw(message);
        }
    }

    /// The value of a key, if it is there.
    pub(super) fn find(&self, key: &'static str) -> Option<Node<'a>> {
        self.asked.borrow_mut().push(key);
        self.entries.get(key).map(|value| self.node(key, value))
    }

    /// Ticks off keys that are read elsewhere.
    pub(super) fn pass(&self, keys: &[&'static str]) {
        self.asked.borrow_mut().extend(keys);
    }

    /// The value of a key, which must be there.
    pub(super) fn need(&self, key: &'static str) -> Option<Node<'a>> {
        let found = self.find(key);
        if found.is_none() {
            self.flaw(format!("`{key}` is missing"));
        }
        found
    }

    fn node(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Node<'a> {
        Node { sheet: self.sheet, path: self.path_of(key), span: value.span(), value: value.get_ref() }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    /// Every key with its place, in the order of the file.
    pub(super) fn entries(&self) -> Vec<(Node<'a>, &'a str, usize)> {
        let entry = |(key, value): (&'a Spanned<std::borrow::Cow<'a, str>>, _)| {
            (self.node(key.get_ref(), value), &**key.get_ref(), key.span().start)
        };
        let mut entries: Vec<_> = self.entries.iter().map(entry).collect();
        entries.sort_by_key(|(_, _, at)| *at);
        entries
    }

    /// Says of every key that nobody asked for that it is unknown.
    pub(super) fn close(self) {
        let asked = self.asked.borrow();
        for (node, key, at) in self.entries().iter().filter(|(_, key, _)| !asked.contains(key)) {
            self.sheet.flaw(*at, &node.path, format!("unknown key `{key}`{}", did_you_mean(key, asked.iter())));
        }
    }
}

/// Where the deepest key of a dotted path stands that is there at all.
pub(super) fn place_of_path(root: &DeTable<'_>, path: &str) -> usize {
    let (mut table, mut at) = (Some(root), 0);
    for part in path.split('.') {
        let Some((key, value)) = table.and_then(|table| table.get_key_value(part)) else { break };
        (at, table) = (key.span().start, value.get_ref().as_table());
    }
    at
}
