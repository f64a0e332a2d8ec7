//! A request encoded once, of which only the digits of member, receipt and store are written anew for each order.
//!
//! The load generator shares its cores with what it measures, so a request must cost it a copy and no more. Knows
//! bytes; which message they are is its maker's affair.

use anyhow::{bail, ensure};
use bytes::{BufMut, Bytes};
use prost::Message;

/// Stands for the member's eight digits when a template is made.
pub const MEMBER: &str = "<member>";
/// Stands for the receipt's thirteen digits (an airline ticket has as many) when a template is made.
pub const RECEIPT: &str = "<the-receipt>";
/// Stands for the seven digits of the store, one of [`STORES`], when a template is made.
pub const STORE: &str = "<store>";
/// So many stores are told apart: which of them follows from the receipt.
pub const STORES: u64 = 40;

/// What is new about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The member's number.
    pub member: u32,
    /// The receipt's number.
    pub receipt: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Member,
    Receipt,
    Store,
}

/// The encoded request, cut where digits go.
#[derive(Clone, Debug)]
pub struct Template {
    pieces: Vec<(Bytes, Slot)>,
    tail: Bytes,
    length: usize,
}

impl Template {
    /// Cuts the message at its placeholders; each may occur more than once and the member's must.
    pub fn new(message: &impl Message) -> anyhow::Result<Self> {
        let mut rest = Bytes::from(message.encode_to_vec());
        let length = rest.len();
        let mut pieces = Vec::new();
        while let Some((at, slot)) = first_slot(&rest) {
            let piece = rest.split_to(at);
            let placeholder = rest.split_to(slot.width());
            ensure!(placeholder.len() == slot.width(), "a placeholder is cut off");
            pieces.push((piece, slot));
        }
        if !pieces.iter().any(|(_, slot)| *slot == Slot::Member) {
            bail!("a template needs a place for its member");
        }
        Ok(Self { pieces, tail: rest, length })
    }

    /// How many bytes each request has.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Writes the request of this order.
    pub fn write(&self, stamp: Stamp, to: &mut impl BufMut) {
        for (piece, slot) in &self.pieces {
            to.put_slice(piece);
            match slot {
                Slot::Member => to.put_slice(&digits::<8>(stamp.member.into())),
                Slot::Receipt => to.put_slice(&digits::<13>(stamp.receipt)),
                Slot::Store => to.put_slice(&digits::<7>(stamp.receipt % STORES)),
            }
        }
        to.put_slice(&self.tail);
    }
}

impl Slot {
    const fn width(self) -> usize {
        match self {
            Self::Member => MEMBER.len(),
            Self::Receipt => RECEIPT.len(),
            Self::Store => STORE.len(),
        }
    }
}

fn first_slot(bytes: &[u8]) -> Option<(usize, Slot)> {
    let found =
        |mark: &str, slot| bytes.windows(mark.len()).position(|window| window == mark.as_bytes()).map(|at| (at, slot));
    let all = [found(MEMBER, Slot::Member), found(RECEIPT, Slot::Receipt), found(STORE, Slot::Store)];
    all.into_iter().flatten().min_by_key(|(at, _)| *at)
}

/// The last `N` decimal digits of a number.
fn digits<const N: usize>(mut number: u64) -> [u8; N] {
    let mut text = [b'0'; N];
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::{Purchase, Receipt, RecordPurchaseRequest};

    fn request(member: &str, receipt: &str) -> RecordPurchaseRequest {
        RecordPurchaseRequest {
            program: "aadvantage".to_owned(),
            member_id: format!("m-{member}"),
            purchase: Some(Purchase {
                receipt: Some(Receipt { source: "bench".to_owned(), id: format!("r-{receipt}") }),
                kind: "flight".to_owned(),
                ..Purchase::default()
            }),
            ..RecordPurchaseRequest::default()
        }
    }

    #[test]
    fn what_is_written_is_what_prost_would_have_encoded() {
        let template = Template::new(&request(MEMBER, RECEIPT)).expect("a template");
        let mut bytes = Vec::new();
        template.write(Stamp { member: 42, receipt: 9_876_543_210_123 }, &mut bytes);
        assert_eq!(bytes, request("00000042", "9876543210123").encode_to_vec());
        assert_eq!(bytes.len(), template.length());
    }

    #[test]
    fn a_template_without_a_member_is_none() {
        assert!(Template::new(&request("m", RECEIPT)).is_err());
    }

    #[test]
    fn placeholders_are_as_wide_as_their_digits() {
        assert_eq!((MEMBER.len(), RECEIPT.len(), STORE.len()), (8, 13, 7));
    }
}
