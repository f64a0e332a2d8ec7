//! Turning what identifies a person into a keyed hash and a mask, on the way in; and the secrets made from the same key.
//!
//! The value itself goes no further than this file: not into an order, a log or the journal. The key lives outside
//! the journal, so whoever holds only the journal cannot find a person in it.

use crate::domain::order::{Identifier, IdentifierHash};
use crate::domain::voucher::Mint;

/// The secret under which identifiers are hashed.
#[derive(Clone)]
pub struct Pseudonyms {
    key: [u8; 32],
}

impl Pseudonyms {
    /// Pseudonyms under this secret.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The mint of voucher codes, under a secret of its own made from this one.
    #[must_use]
    pub fn mint(&self) -> Mint {
        Mint::new(blake3::derive_key("rung voucher mint v1", &self.key))
    }

    /// The identifier as the engine knows it; the same card in two programs has two unrelated hashes.
    #[must_use]
    pub fn identifier(&self, program: &str, kind: &str, value: &str) -> Identifier {
        let value = normal_form(kind, value);
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in [program, kind, &value] {
            hasher.update(&(part.len() as u64).to_be_bytes()).update(part.as_bytes());
        }
        let mut hash = [0; 16];
        hasher.finalize_xof().fill(&mut hash);
        Identifier { kind: kind.into(), hash: IdentifierHash(hash), mask: mask(&value).into() }
    }
}

/// Whether a value says anything, once it is in the form in which it is compared.
#[must_use]
pub fn identifies(kind: &str, value: &str) -> bool {
    !normal_form(kind, value).is_empty()
}

/// Mail addresses are compared without case, phones and cards without the blanks and dashes people put in.
fn normal_form(kind: &str, value: &str) -> String {
    let value = value.trim();
    match kind {
        "mail" | "email" => value.to_lowercase(),
        "phone" | "card" => value.chars().filter(|c| !matches!(c, ' ' | '-')).collect(),
        _ => value.to_owned(),
    }
}

/// The last three characters of a value of seven or more; of a shorter one, at most a third of it.
fn mask(value: &str) -> String {
    let count = value.chars().count();
    let shown = if count >= 7 { 3 } else { count / 3 };
    let tail: String = value.chars().skip(count - shown).collect();
    format!("…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_known_again_and_not_shown() {
        let pseudonyms = Pseudonyms::new([7; 32]);
        let card = pseudonyms.identifier("aadvantage", "card", "1A2B3C4");
        assert_eq!(&*card.mask, "…3C4");
        assert_eq!(card, pseudonyms.identifier("aadvantage", "card", " 1A2-B3C4 "));
        assert_ne!(card.hash, pseudonyms.identifier("hilton", "card", "1A2B3C4").hash);
        assert_ne!(card.hash, Pseudonyms::new([8; 32]).identifier("aadvantage", "card", "1A2B3C4").hash);
        assert_eq!(&*pseudonyms.identifier("p", "mail", "Ann@Example.org").mask, "…org");
        assert_eq!(&*pseudonyms.identifier("p", "pin", "42").mask, "…");
    }
}
