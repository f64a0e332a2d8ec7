//! Pages: how many, from where, and the opaque token that leads to the next one.
//!
//! A token carries a position and a digest over it and the question it belongs to, so that a token of another list
//! (or a mistyped one) is a fault and never a wrong page.

use super::faults::{Faults, Path};

const SIZE_DEFAULT: usize = 50;
const SIZE_MAX: usize = 500;

/// What part of a list is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<const N: usize> {
    /// At most so many.
    pub limit: usize,
    /// After this position; `None` from the start.
    pub after: Option<[u8; N]>,
}

/// Reads `page_size` and `page_token` of the list that `scope` identifies.
pub fn page<const N: usize>(size: i32, token: &str, scope: &[&str], faults: &mut Faults) -> Page<N> {
    let limit = match usize::try_from(size) {
        Ok(0) => SIZE_DEFAULT,
        Ok(size) => size.min(SIZE_MAX),
        Err(_) => {
            faults.at(&Path::Field(&Path::Request, "page_size"), "must not be negative");
            SIZE_DEFAULT
        }
    };
    let after = (!token.is_empty()).then(|| position(token, scope)).flatten();
    if after.is_none() && !token.is_empty() {
        faults.at(&Path::Field(&Path::Request, "page_token"), "is not a token of this list");
    }
    Page { limit, after }
}

/// The token that leads to what comes after `position`.
#[must_use]
pub fn token(position: &[u8], scope: &[&str]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
    let bytes = check(position, scope).into_iter().chain(position.iter().copied());
    bytes.flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn position<const N: usize>(token: &str, scope: &[&str]) -> Option<[u8; N]> {
    let bytes = bytes_of_hex(token)?;
    let (given, position) = bytes.split_first_chunk::<4>()?;
    let position: [u8; N] = position.try_into().ok()?;
    (*given == check(&position, scope)).then_some(position)
}

fn check(position: &[u8], scope: &[&str]) -> [u8; 4] {
    let mut hasher = blake3::Hasher::new();
    for part in scope {
        hasher.update(&(part.len() as u64).to_be_bytes()).update(part.as_bytes());
    }
    let mut check = [0; 4];
    hasher.update(position).finalize_xof().fill(&mut check);
    check
}

/// Bytes of lower-case hexadecimal text.
#[must_use]
pub fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::{Fault, Refusal};

    #[test]
    fn a_token_leads_on_in_its_own_list_only() {
        let token = token(&7_u64.to_be_bytes(), &["entries", "p", "m"]);
        let mut faults = Faults::default();
        let read: Page<8> = page(10, &token, &["entries", "p", "m"], &mut faults);
        assert_eq!(read, Page { limit: 10, after: Some(7_u64.to_be_bytes()) });
        let _: Page<8> = page(-1, &token, &["entries", "p", "n"], &mut faults);
        let _: Page<16> = page(0, &token, &["entries", "p", "m"], &mut faults);
        let fault = |field: &str, message: &str| Fault { field: field.into(), message: message.into() };
        let want = vec![
            fault("page_size", "must not be negative"),
            fault("page_token", "is not a token of this list"),
            fault("page_token", "is not a token of this list"),
        ];
        assert_eq!(faults.verdict(()), Err(Refusal::Malformed(want)));
    }

    #[test]
    fn sizes_are_held_in_bounds() {
        let limit = |size| page::<8>(size, "", &[], &mut Faults::default()).limit;
        assert_eq!((limit(0), limit(1), limit(100_000)), (50, 1, 500));
    }
}
