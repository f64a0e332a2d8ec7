//! Who an order is about and under which key it comes: program, member, identifiers, request id.

use super::faults::{Faults, Path};
use super::scalars::{KEY_MAX, NAME_MAX, TEXT_MAX, required_text, text};
use crate::domain::order::{Identifier, IdentifierHash, MemberName};
use crate::domain::units::Text;
use crate::engine::identifies;
use crate::pb;

/// The longest kind of an identifier, in bytes.
pub const IDENTIFIER_KIND_MAX: usize = 32;
/// The most identifiers a member can enrol with.
pub const IDENTIFIERS_MAX: usize = 16;

/// Turns an identifier's value into its keyed hash and mask; the value goes no further.
pub trait Identify: Sync {
    /// The identifier, known within `program`.
    fn identify(&self, program: &str, kind: &str, value: &str) -> Identifier;
}

impl Identify for crate::engine::Engine {
    fn identify(&self, program: &str, kind: &str, value: &str) -> Identifier {
        Self::identify(self, program, kind, value)
    }
}

/// The program's id.
pub fn program(id: String, faults: &mut Faults) -> Text {
    required_text(id, NAME_MAX, &Path::Field(&Path::Request, "program"), faults)
}

/// The caller's key of an order that has no other key.
pub fn request_id(id: String, faults: &mut Faults) -> Text {
    required_text(id, KEY_MAX, &Path::Field(&Path::Request, "request_id"), faults)
}

/// The caller's key of an order that has a key of its own.
pub fn optional_request_id(id: String, faults: &mut Faults) -> Text {
    text(id, KEY_MAX, &Path::Field(&Path::Request, "request_id"), faults)
}

/// The member, named by her id or by the identifier in the field called `identifier_field`.
pub fn member(
    program: &str,
    member_id: String,
    identifier: Option<pb::Identifier>,
    identifier_field: &'static str,
    identify: &dyn Identify,
    faults: &mut Faults,
) -> MemberName {
    member_in(program, (member_id, identifier), ("member_id", identifier_field), identify, faults)
}

/// A member, named by her id or by an identifier, in the fields with these names.
pub fn member_in(
    program: &str,
    (member_id, identifier): (String, Option<pb::Identifier>),
    (id_field, identifier_field): (&'static str, &'static str),
    identify: &dyn Identify,
    faults: &mut Faults,
) -> MemberName {
    let id_path = Path::Field(&Path::Request, id_field);
    let identifier_path = Path::Field(&Path::Request, identifier_field);
    match identifier {
        None if member_id.is_empty() => {
            faults.at(&id_path, format_args!("is required (or `{identifier_field}`)"));
            MemberName::Id(Text::default())
        }
        None => MemberName::Id(self::member_id(member_id, &id_path, faults)),
        Some(value) => {
            if !member_id.is_empty() {
                faults.at(&identifier_path, format_args!("names the member a second time; give it or `{id_field}`"));
            }
            MemberName::Identifier(self::identifier(program, value, &identifier_path, identify, faults))
        }
    }
}

/// A member id: printable ASCII without spaces, so that it reads the same in every log and on every card.
pub fn member_id(id: String, path: &Path<'_>, faults: &mut Faults) -> Text {
    if !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        faults.at(path, "must be printable ASCII without spaces");
    }
    text(id, KEY_MAX, path, faults)
}

/// Something a member is recognised by.
pub fn identifier(
    program: &str,
    given: pb::Identifier,
    path: &Path<'_>,
    identify: &dyn Identify,
    faults: &mut Faults,
) -> Identifier {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    let kind_fits = (1..=IDENTIFIER_KIND_MAX).contains(&given.kind.len()) && given.kind.bytes().all(word);
    if !kind_fits {
        let message = format_args!("must be 1 to {IDENTIFIER_KIND_MAX} of a-z, 0-9, `_` and `-`");
        faults.at(&Path::Field(path, "kind"), message);
    }
    let value_fits = identifies(&given.kind, &given.value) && given.value.len() <= TEXT_MAX;
    if !value_fits {
        faults.at(
            &Path::Field(path, "value"),
            format_args!("must have 1 to {TEXT_MAX} bytes, not all blank (nor dashes in a card or phone)"),
        );
    }
    if kind_fits && value_fits { identify.identify(program, &given.kind, &given.value) } else { nobody() }
}

/// Stands for an identifier that could not be read; the order it is in is refused.
fn nobody() -> Identifier {
    Identifier { kind: Text::default(), hash: IdentifierHash([0; 16]), mask: Text::default() }
}

/// What a new member can be recognised by, each once.
pub fn identifiers(
    program: &str,
    given: Vec<pb::Identifier>,
    parent: &Path<'_>,
    identify: &dyn Identify,
    faults: &mut Faults,
) -> Vec<Identifier> {
    if given.len() > IDENTIFIERS_MAX {
        let message = format_args!("has {} entries, at most {IDENTIFIERS_MAX} are allowed", given.len());
        faults.at(&Path::Field(parent, "identifiers"), message);
        return Vec::new();
    }
    let mut read: Vec<Identifier> = Vec::with_capacity(given.len());
    for (position, value) in given.into_iter().enumerate() {
        let path = Path::Element(parent, "identifiers", position);
        let found = identifier(program, value, &path, identify, faults);
        match read.iter().position(|other| other.hash == found.hash && !other.kind.is_empty()) {
            Some(first) => faults.at(&path, format_args!("is the same as identifiers[{first}]")),
            None => read.push(found),
        }
    }
    read
}
