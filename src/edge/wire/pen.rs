//! Writing protobuf by hand, for the replies that are written by the hundred thousand a second.
//!
//! What it writes are the bytes that prost would write: fields in the order they are asked for, empty values left
//! out, lengths as short as they can be. It must not know what the fields mean.

use std::fmt::Display;
use std::io::Write;

use super::scalars::stamp;
use crate::domain::units::Moment;

/// Writes fields at the end of a buffer.
pub struct Pen<'a>(&'a mut Vec<u8>);

const VARINT: u8 = 0;
const LENGTH: u8 = 2;

impl<'a> Pen<'a> {
    /// A pen at the end of `out`.
    pub const fn at_end_of(out: &'a mut Vec<u8>) -> Self {
        Self(out)
    }

    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n.to_le_bytes()[0] | 0x80);
            n >>= 7;
        }
        self.0.push(n.to_le_bytes()[0]);
    }

    /// The key of a field; the messages written here have none above 15.
    fn key(&mut self, field: u8, kind: u8) {
        self.0.push((field << 3) | kind);
    }

    /// A number (`int32` or `int64`); 0 is left out.
    pub fn number(&mut self, field: u8, n: impl Into<i64>) {
        let n = n.into();
        if n != 0 {
            self.given(field, n);
        }
    }

    /// A number that is there even when it is 0.
    pub fn given(&mut self, field: u8, n: i64) {
        self.key(field, VARINT);
        self.varint(n.cast_unsigned());
    }

    /// A text; an empty one is left out.
    pub fn text(&mut self, field: u8, text: &str) {
        if !text.is_empty() {
            self.bytes(field, text.as_bytes());
        }
    }

    /// Bytes that are there even when they are none: an element, or a message written elsewhere.
    pub fn bytes(&mut self, field: u8, bytes: &[u8]) {
        self.key(field, LENGTH);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Fields that were written elsewhere.
    pub fn written(&mut self, fields: &[u8]) {
        self.0.extend_from_slice(fields);
    }

    /// A value as people read it.
    pub fn shown(&mut self, field: u8, value: impl Display) {
        self.nested(field, |pen| {
            // Writing to memory does not fail.
            let _ = write!(pen.0, "{value}");
        });
    }

    /// A whole number as people read it.
    pub fn digits(&mut self, field: u8, mut n: u64) {
        let mut digits = [b'0'; 20];
        let mut first = digits.len();
        for (at, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b'0' + n.wrapping_rem(10).to_le_bytes()[0];
            (n, first) = (n / 10, at);
            if n == 0 {
                break;
            }
        }
        self.bytes(field, digits.get(first..).unwrap_or_default());
    }

    /// A moment, unless it has no date.
    pub fn moment(&mut self, field: u8, moment: Moment) {
        if let Some(stamp) = stamp(moment) {
            self.nested(field, |pen| {
                pen.number(1, stamp.seconds);
                pen.number(2, stamp.nanos);
            });
        }
    }

    /// A nested message, written in place; its length goes in front of it afterwards.
    pub fn nested(&mut self, field: u8, write: impl FnOnce(&mut Pen<'_>)) {
        self.key(field, LENGTH);
        let length_at = self.0.len();
        self.0.push(0);
        write(&mut Pen(self.0));
        self.close(length_at);
    }

    fn close(&mut self, length_at: usize) {
        let body_at = length_at + 1;
        let length = self.0.len() - body_at;
        if let (Ok(short @ 0..0x80), Some(slot)) = (u8::try_from(length), self.0.get_mut(length_at)) {
            *slot = short;
            return;
        }
        // The length is written behind the body, which then makes room for it.
        let body_end = self.0.len();
        self.varint(length as u64);
        let (mut written, width) = ([0; 10], self.0.len() - body_end);
        for (to, from) in written.iter_mut().zip(self.0.get(body_end..).unwrap_or_default()) {
            *to = *from;
        }
        self.0.truncate(body_end + width - 1);
        self.0.copy_within(body_at..body_end, length_at + width);
        for (to, from) in self.0.iter_mut().skip(length_at).zip(written.iter().take(width)) {
            *to = *from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    #[derive(prost::Message)]
    struct Outer {
        #[prost(bytes = "vec", tag = "1")]
        inner: Vec<u8>,
        #[prost(int64, tag = "2")]
        number: i64,
        #[prost(string, repeated, tag = "3")]
        shown: Vec<String>,
        #[prost(int64, optional, tag = "4")]
        given: Option<i64>,
    }

    #[test]
    fn it_is_protobuf_at_every_length() {
        for length in [1, 127, 128, 129, 16_383, 16_384, 20_000, 2_097_152] {
            let inner: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            for number in [i64::MIN, -1, 0, 1, i64::MAX] {
                let mut ours = Vec::new();
                let mut pen = Pen::at_end_of(&mut ours);
                pen.nested(1, |pen| pen.0.extend_from_slice(&inner));
                pen.number(2, number);
                [0, 9, 10, u64::MAX].into_iter().for_each(|n| pen.digits(3, n));
                pen.shown(3, format_args!("{}/7", -3));
                pen.given(4, number);
                let shown = ["0", "9", "10", "18446744073709551615", "-3/7"].map(String::from).into();
                assert!(
                    Outer { inner: inner.clone(), number, shown, given: Some(number) }.encode_to_vec() == ours,
                    "{length} {number}"
                );
            }
        }
    }
}
