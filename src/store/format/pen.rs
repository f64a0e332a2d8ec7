//! Writing the protobuf wire into a growing buffer, without building messages first.
//!
//! It knows field numbers and wire types and nothing of what the fields mean. Only two wire types are used:
//! varints and length-delimited bytes.

/// Writes fields to the end of a buffer.
#[derive(Debug)]
pub struct Pen<'a>(&'a mut Vec<u8>);

/// Maps a signed number to an unsigned one so that small magnitudes stay short (protobuf's `sint64`).
#[must_use]
pub const fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)).cast_unsigned()
}

/// Appends a varint.
pub fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n.to_le_bytes()[0] | 0x80);
        n >>= 7;
    }
    out.push(n.to_le_bytes()[0]);
}

impl<'a> Pen<'a> {
    /// A pen at the end of `out`.
    #[must_use]
    pub const fn at_end_of(out: &'a mut Vec<u8>) -> Self {
        Self(out)
    }

    /// The buffer, for packed runs of varints.
    pub const fn buffer(&mut self) -> &mut Vec<u8> {
        self.0
    }

    /// An unsigned number; 0 is left out.
    pub fn number(&mut self, field: u32, n: u64) {
        if n != 0 {
            self.always(field, n);
        }
    }

    /// A signed number; 0 is left out.
    pub fn signed(&mut self, field: u32, n: i64) {
        self.number(field, zigzag(n));
    }

    /// A number that is there even when it is 0, because being there says something.
    pub fn always(&mut self, field: u32, n: u64) {
        put_varint(self.0, u64::from(field) << 3);
        put_varint(self.0, n);
    }

    /// An optional number; absent is left out, 0 is written.
    pub fn maybe(&mut self, field: u32, n: Option<u64>) {
        if let Some(n) = n {
            self.always(field, n);
        }
    }

    /// Bytes; empty ones are left out.
    pub fn bytes(&mut self, field: u32, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.always_bytes(field, bytes);
        }
    }

    /// Text; an empty one is left out.
    pub fn text(&mut self, field: u32, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    /// Bytes that are there even when empty (an element of a list).
    pub fn always_bytes(&mut self, field: u32, bytes: &[u8]) {
        put_varint(self.0, (u64::from(field) << 3) | 2);
        put_varint(self.0, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A nested message, written in place; its length goes in front of it afterwards.
    pub fn nested(&mut self, field: u32, write: impl FnOnce(&mut Pen<'_>)) {
        put_varint(self.0, (u64::from(field) << 3) | 2);
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
        let body_end = self.0.len();
        put_varint(self.0, length as u64);
        let width = self.0.len() - body_end;
        // The length was written behind the body: turn the two around, over the one byte kept free for it.
        if let Some(tail) = self.0.get_mut(length_at..) {
            tail.rotate_right(width);
            tail.copy_within(width + 1.., width);
        }
        self.0.truncate(body_end + width - 1);
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
        #[prost(sint64, tag = "2")]
        signed: i64,
    }

    #[test]
    fn it_is_protobuf_at_every_length() {
        for length in [0, 1, 127, 128, 129, 16_383, 16_384, 20_000] {
            let mut ours = Vec::new();
            let mut pen = Pen::at_end_of(&mut ours);
            pen.nested(1, |pen| pen.buffer().extend((0..length).map(|n| (n % 251) as u8)));
            pen.signed(2, i64::MIN);
            let theirs = Outer::decode(ours.as_slice()).unwrap();
            assert_eq!(theirs.inner, (0..length).map(|n| (n % 251) as u8).collect::<Vec<_>>());
            assert_eq!(theirs.signed, i64::MIN);
            if length > 0 {
                assert_eq!(theirs.encode_to_vec(), ours);
            }
        }
    }
}
