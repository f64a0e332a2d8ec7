//! A codec that writes requests from a [`Template`] and reads of an answer only whether it says "applied".
//!
//! Everything else of the answer is skipped unread: the generator measures the server, not prost.

use std::sync::Arc;

use bytes::Buf;
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use super::template::{Stamp, Template};

/// What an answer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Done now (of the echo: came back).
    Applied,
    /// Done before.
    Replayed,
    /// Anything else, in words.
    Refused(String),
}

/// Where the outcome stands in the answer.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// At the beginning: EnrollMember's and RecordPurchase's answer.
    Unary,
    /// Inside its first field: an item of RecordPurchases.
    Item,
    /// Nowhere: the echo.
    Echo,
    /// Nowhere: a read answers or fails.
    Read,
}

/// The codec of one method.
#[derive(Clone, Debug)]
pub struct Raw {
    template: Arc<Template>,
    shape: Shape,
}

impl Raw {
    /// Requests from this template, answers of this shape.
    pub const fn new(template: Arc<Template>, shape: Shape) -> Self {
        Self { template, shape }
    }
}

impl Codec for Raw {
    type Encode = Stamp;
    type Decode = Verdict;
    type Encoder = Stamper;
    type Decoder = Reader;

    fn encoder(&mut self) -> Stamper {
        Stamper(Arc::clone(&self.template))
    }

    fn decoder(&mut self) -> Reader {
        Reader(self.shape)
    }
}

/// Writes requests.
#[derive(Debug)]
pub struct Stamper(Arc<Template>);

impl Encoder for Stamper {
    type Item = Stamp;
    type Error = Status;

    fn encode(&mut self, stamp: Stamp, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.reserve(self.0.length());
        self.0.write(stamp, to);
        Ok(())
    }
}

/// Reads answers.
#[derive(Debug)]
pub struct Reader(Shape);

impl Decoder for Reader {
    type Item = Verdict;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Verdict>, Status> {
        let verdict = verdict(self.0, from.chunk());
        from.advance(from.remaining());
        Ok(Some(verdict))
    }
}

fn verdict(shape: Shape, answer: &[u8]) -> Verdict {
    match (shape, answer) {
        (Shape::Echo, _) | (Shape::Read, [_, ..]) | (Shape::Unary, [0x08, 1, ..]) => Verdict::Applied,
        (Shape::Unary, [0x08, 2, ..]) => Verdict::Replayed,
        (Shape::Read, []) => Verdict::Refused("an empty answer".to_owned()),
        (Shape::Unary, _) => Verdict::Refused("an answer without an outcome".to_owned()),
        (Shape::Item, [0x0a, rest @ ..]) => verdict(Shape::Unary, after_length(rest)),
        (Shape::Item, [0x12, rest @ ..]) => Verdict::Refused(status(after_length(rest))),
        (Shape::Item, _) => Verdict::Refused("an empty answer".to_owned()),
    }
}

/// Skips the varint in front of a nested message.
fn after_length(bytes: &[u8]) -> &[u8] {
    let length = bytes.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    bytes.get(length..).unwrap_or_default()
}

fn status(bytes: &[u8]) -> String {
    tonic_types::pb::Status::decode(bytes).map_or_else(|error| error.to_string(), |status| status.message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::record_purchases_response::Answer;
    use crate::pb::{Member, Outcome, RecordPurchaseResponse, RecordPurchasesResponse};

    fn result(outcome: Outcome) -> RecordPurchaseResponse {
        let member = Some(Member { member_id: "m".repeat(200), ..Member::default() });
        RecordPurchaseResponse { outcome: outcome.into(), member, ..RecordPurchaseResponse::default() }
    }

    fn item(answer: Option<Answer>) -> Verdict {
        verdict(Shape::Item, &RecordPurchasesResponse { answer }.encode_to_vec())
    }

    #[test]
    fn outcomes_are_read_from_the_first_bytes() {
        assert_eq!(verdict(Shape::Unary, &result(Outcome::Applied).encode_to_vec()), Verdict::Applied);
        assert_eq!(verdict(Shape::Unary, &result(Outcome::Replayed).encode_to_vec()), Verdict::Replayed);
        assert_eq!(item(Some(Answer::Result(result(Outcome::Applied)))), Verdict::Applied);
        assert_eq!(item(Some(Answer::Result(result(Outcome::Replayed)))), Verdict::Replayed);
    }

    #[test]
    fn errors_are_told_in_words() {
        let status = tonic_types::pb::Status { code: 9, message: "no".repeat(90), details: vec![] };
        assert_eq!(item(Some(Answer::Error(status))), Verdict::Refused("no".repeat(90)));
        assert!(matches!(item(None), Verdict::Refused(_)));
        assert!(matches!(verdict(Shape::Item, &[0x0a, 0xff]), Verdict::Refused(_)));
    }
}
