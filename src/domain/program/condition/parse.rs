//! From a condition's text to the CEL parser's tree, within bounds.
//!
//! The text is looked over before the parser sees it: its length, how deep it nests, and that it calls no macro,
//! since those expand into loops. The parser is somebody else's and hungry: it takes about 140 KiB of stack for each
//! pair of brackets in a debug build, more than a server's worker threads have for sixteen of them. So it runs on a
//! thread of its own; should it ever panic there, that is a flaw of the text and not the end of the process.

use cel::common::ast::{IdedExpr, SourceInfo};
use cel::parser::{ParseErrors, Parser};

use super::Objection;
use crate::domain::program::suggest::did_you_mean;

/// The longest condition, in bytes.
pub(super) const LENGTH_MAX: usize = 1_000;
/// How deep brackets may nest, and how many `? :` there may be.
pub(super) const DEPTH_MAX: usize = 16;
/// Three times what the deepest condition was seen to need.
const STACK_BYTES: usize = 16 << 20;
/// CEL's macros, which expand into loops or presence tests.
const MACROS: &[&str] = &["all", "exists", "exists_one", "existsOne", "map", "filter", "has", "transformList", "bind"];

/// A condition as the CEL parser understood it.
pub(super) struct Parsed {
    pub tree: IdedExpr,
    pub places: SourceInfo,
}

pub(super) fn parse(written: &str) -> Result<Parsed, Vec<Objection>> {
    bounded(written).map_err(|objection| vec![objection])?;
    match with_room(|| parser().parse_with_source_info(written)) {
        Some(Ok((tree, places))) => Ok(Parsed { tree, places }),
        Some(Err(errors)) => Err(vec![first(written, &errors)]),
        None => Err(vec![Objection { at: 0, message: UNREADABLE.into() }]),
    }
}

const UNREADABLE: &str = "this cannot be read as a condition";

fn parser() -> Parser {
    Parser::new().max_recursion_depth(64).error_recovery_limit(8)
}

/// What `parse` gives on a stack it cannot exhaust; `None` if it panicked or there was no room for the stack.
fn with_room<T: Send>(parse: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("condition".into()).stack_size(STACK_BYTES);
        thread.spawn_scoped(scope, parse).ok()?.join().ok()
    })
}

/// The first complaint of the parser; those that follow come from its attempts to go on.
fn first(written: &str, errors: &ParseErrors) -> Objection {
    let Some(error) = errors.errors.first() else {
        return Objection { at: 0, message: UNREADABLE.into() };
    };
    let before = usize::try_from(error.pos.0.saturating_sub(1)).unwrap_or(0);
    let column = usize::try_from(error.pos.1.saturating_sub(1)).unwrap_or(0);
    let at: usize = written.split_inclusive('\n').take(before).map(|line| line.chars().count()).sum();
    Objection { at: at + column, message: in_short(written, &error.msg) }
}

/// The parser says which token it could not take and lists all that it would have taken; the token is enough.
fn in_short(written: &str, message: &str) -> String {
    if written.trim().is_empty() {
        return "the condition is empty".into();
    }
    let message = message.split(" expecting ").next().unwrap_or(message);
    let missing = message.strip_prefix("Syntax error: missing '").and_then(|rest| rest.split_once("' at "));
    if let Some((token, _)) = missing {
        return format!("`{token}` is missing here");
    }
    match message.split_once('\'').and_then(|(_, quoted)| quoted.rsplit_once('\'')) {
        Some(("<EOF>", _)) => "the condition ends where something is missing".into(),
        Some((token, _)) if token.trim() == "=" => "`=` is not a comparison; equality is written `==`".into(),
        Some((token, _)) => {
            format!("`{}` was not expected here", token.trim_end_matches("<EOF>").trim().replace(char::is_control, " "))
        }
        None if message == "invalid int literal" => "this number is too large".into(),
        None => UNREADABLE.into(),
    }
}

fn bounded(written: &str) -> Result<(), Objection> {
    if written.len() > LENGTH_MAX {
        return Err(Objection { at: 0, message: format!("a condition has at most {LENGTH_MAX} bytes") });
    }
    let letters: Vec<char> = written.chars().collect();
    Scan { letters: &letters, at: 0, depth: 0, choices: 0 }.whole()
}

/// A walk over the letters that knows strings and comments apart from the rest.
struct Scan<'a> {
    letters: &'a [char],
    at: usize,
    depth: usize,
    choices: usize,
}

impl Scan<'_> {
    fn whole(mut self) -> Result<(), Objection> {
        while let Some(letter) = self.ahead(0) {
            match letter {
                '"' | '\'' => self.skip_text(letter),
                '/' if self.ahead(1) == Some('/') => self.skip_while(|letter| letter != '\n'),
                '(' | '[' => self.open()?,
                ')' | ']' => self.close(),
                '?' => self.choice()?,
                '{' => return Err(objection(self.at, "a condition has no maps and no messages".into())),
                _ if is_word(letter) => self.word()?,
                _ => self.at += 1,
            }
        }
        Ok(())
    }

    fn ahead(&self, by: usize) -> Option<char> {
        self.letters.get(self.at.saturating_add(by)).copied()
    }

    fn skip_while(&mut self, goes_on: impl Fn(char) -> bool) {
        while self.ahead(0).is_some_and(&goes_on) {
            self.at += 1;
        }
    }

    fn open(&mut self) -> Result<(), Objection> {
        (self.at, self.depth) = (self.at + 1, self.depth + 1);
        if self.depth > DEPTH_MAX {
            return Err(objection(self.at - 1, format!("brackets nest deeper than {DEPTH_MAX}")));
        }
        Ok(())
    }

    fn choice(&mut self) -> Result<(), Objection> {
        (self.at, self.choices) = (self.at + 1, self.choices + 1);
        if self.choices > DEPTH_MAX {
            return Err(objection(self.at - 1, format!("there are more than {DEPTH_MAX} `? :`")));
        }
        Ok(())
    }

    fn close(&mut self) {
        (self.at, self.depth) = (self.at + 1, self.depth.saturating_sub(1));
    }

    fn word(&mut self) -> Result<(), Objection> {
        let start = self.at;
        self.skip_while(is_word);
        let word: String = self.letters.get(start..self.at).unwrap_or_default().iter().collect();
        self.skip_while(char::is_whitespace);
        match self.ahead(0) {
            Some('(') if MACROS.contains(&word.as_str()) => Err(objection(start, no_macro(&word))),
            _ => Ok(()),
        }
    }

    fn skip_text(&mut self, quote: char) {
        let raw = matches!(self.at.checked_sub(1).and_then(|left| self.letters.get(left)), Some('r' | 'R'));
        let width = if self.ahead(1) == Some(quote) && self.ahead(2) == Some(quote) { 3 } else { 1 };
        self.at += width;
        while let Some(letter) = self.ahead(0) {
            if letter == quote && (1..width).all(|by| self.ahead(by) == Some(quote)) {
                self.at += width;
                return;
            }
            self.at += if letter == '\\' && !raw { 2 } else { 1 };
        }
    }
}

const fn objection(at: usize, message: String) -> Objection {
    Objection { at, message }
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn no_macro(word: &str) -> String {
    match word {
        "has" => "`has` is not needed: every attribute has a default or is required".into(),
        _ => format!("`{word}` would loop; conditions have no comprehensions"),
    }
}

/// What a function that does not exist was probably meant to be.
pub(super) fn unknown_function(name: &str) -> String {
    const FUNCTIONS: [&str; 4] = ["startsWith", "endsWith", "contains", "timestamp"];
    format!("unknown function `{name}`{}", did_you_mean(name, FUNCTIONS))
}
