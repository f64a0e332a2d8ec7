//! How the methods that are called most read their requests and write their replies: by hand where that is worth it,
//! else as the generated types do.

use std::marker::PhantomData;

use bytes::{Buf, BufMut};
use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic_prost::ProstDecoder;

use super::pen::Pen;
use super::receipt::Recorded;
use super::sale::{self, Sale};
use super::standing::Stands;

/// A request of either kind, read.
#[derive(Debug)]
pub enum Asking<M> {
    /// An ordinary one.
    Sale(Sale),
    /// Any other, as a message.
    Message(Box<M>),
}

/// One answer of the stream.
#[derive(Debug)]
pub enum Answered {
    /// The purchase was recorded.
    Recorded(Recorded),
    /// It was not, and why.
    Error(tonic_types::pb::Status),
}

/// A reply that writes itself.
pub trait Written: Send + 'static {
    /// Writes its fields.
    fn write(&self, pen: &mut Pen<'_>);
}

impl Written for Recorded {
    fn write(&self, pen: &mut Pen<'_>) {
        Self::write(self, pen);
    }
}

impl Written for Answered {
    fn write(&self, pen: &mut Pen<'_>) {
        match self {
            Self::Recorded(recorded) => pen.nested(1, |pen| recorded.write(pen)),
            Self::Error(status) => pen.bytes(2, &status.encode_to_vec()),
        }
    }
}

impl Written for Stands {
    fn write(&self, pen: &mut Pen<'_>) {
        Self::write(self, pen);
    }
}

/// The codec of a method whose requests `D` reads and that answers with `R`.
#[derive(Clone, Debug)]
pub struct ByHand<D, R> {
    buffers: BufferSettings,
    kinds: PhantomData<fn(D) -> R>,
}

impl<D, R> ByHand<D, R> {
    /// For a method that is sent one message and answers with one.
    #[must_use]
    pub fn single() -> Self {
        Self { buffers: BufferSettings::new(SINGLE_BYTES, SINGLE_BYTES), kinds: PhantomData }
    }

    /// For a method of streams.
    #[must_use]
    pub fn stream() -> Self {
        Self { buffers: BufferSettings::default(), kinds: PhantomData }
    }
}

impl<D, R> Codec for ByHand<D, R>
where
    D: Decoder<Error = Status> + From<BufferSettings> + Send + 'static,
    D::Item: Send + 'static,
    R: Written,
{
    type Encode = R;
    type Decode = D::Item;
    type Encoder = Writer<R>;
    type Decoder = D;

    fn encoder(&mut self) -> Writer<R> {
        Writer { page: Vec::with_capacity(SINGLE_BYTES), buffers: self.buffers, replies: PhantomData }
    }

    fn decoder(&mut self) -> D {
        D::from(self.buffers)
    }
}

/// More than most messages take. The usual buffers of 8 KiB are cold when their turn comes again.
const SINGLE_BYTES: usize = 1024;

/// Writes replies.
#[derive(Debug)]
pub struct Writer<R> {
    /// Where a reply is written before its length is known; used again for the next.
    page: Vec<u8>,
    buffers: BufferSettings,
    replies: PhantomData<fn(R)>,
}

impl<R: Written> Encoder for Writer<R> {
    type Item = R;
    type Error = Status;

    fn encode(&mut self, reply: R, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        self.page.clear();
        reply.write(&mut Pen::at_end_of(&mut self.page));
        to.put_slice(&self.page);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.buffers
    }
}

/// Reads requests by the generated types.
#[derive(Debug)]
pub struct Plain<M>(ProstDecoder<M>);

impl<M> From<BufferSettings> for Plain<M> {
    fn from(buffers: BufferSettings) -> Self {
        Self(ProstDecoder::new(buffers))
    }
}

impl<M: Message + Default> Decoder for Plain<M> {
    type Item = M;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<M>, Status> {
        self.0.decode(from)
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.0.buffer_settings()
    }
}

/// Reads purchases.
#[derive(Debug)]
pub struct Reader<M>(Plain<M>);

impl<M> From<BufferSettings> for Reader<M> {
    fn from(buffers: BufferSettings) -> Self {
        Self(Plain::from(buffers))
    }
}

impl<M: Message + Default> Decoder for Reader<M> {
    type Item = Asking<M>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Asking<M>>, Status> {
        let bytes = from.chunk();
        // A message lies in one piece; if it ever did not, the long way reads it.
        let whole = Some(bytes).filter(|bytes| bytes.len() == from.remaining());
        if let Some(sale) = whole.and_then(sale::read) {
            from.advance(from.remaining());
            return Ok(Some(Asking::Sale(sale)));
        }
        Ok(self.0.decode(from)?.map(|message| Asking::Message(Box::new(message))))
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.0.buffer_settings()
    }
}
