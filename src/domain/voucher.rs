//! Codes that prove a reward: unguessable, and made anew from a secret whenever they are asked for.
//!
//! The journal keeps a hash of each code and never the code, so whoever holds only the journal holds no voucher.

use super::order::MemberKey;
use super::units::Text;

/// Letters and digits that are not taken for each other: Crockford's 32.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 80 bits.
const LETTERS: usize = 16;

/// The secret that codes are made under.
#[derive(Clone)]
pub struct Mint([u8; 32]);

impl Mint {
    /// A mint under this secret.
    #[must_use]
    pub const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The code of a member's voucher, the same for the same nonce for ever.
    #[must_use]
    pub fn code(&self, member: MemberKey, nonce: &str) -> Text {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(b"rung voucher code v1").update(&member.0).update(nonce.as_bytes());
        let mut bytes = [0; LETTERS];
        hasher.finalize_xof().fill(&mut bytes);
        bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32))).map(|letter| char::from(*letter)).collect()
    }
}

/// A code as it was typed: blanks and dashes do not matter, nor does case, and letters that are never used stand for
/// the digits they look like.
#[must_use]
pub fn normal_code(typed: &str) -> Text {
    let plain = typed.chars().filter(|letter| !matches!(letter, ' ' | '-'));
    let upper = plain.map(|letter| match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    });
    upper.collect()
}
