//! A stream that ends when something else happens first.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_stream::Stream;

/// `stream`, until `end` is ready.
pub struct Until<S, F> {
    stream: Pin<Box<S>>,
    end: Pin<Box<F>>,
}

impl<S, F> Until<S, F> {
    /// A stream that ends with `end` at the latest.
    pub fn new(stream: S, end: F) -> Self {
        Self { stream: Box::pin(stream), end: Box::pin(end) }
    }
}

impl<S: Stream, F: Future<Output = ()>> Stream for Until<S, F> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        // What is ready goes out before the end.
        match self.stream.as_mut().poll_next(cx) {
            Poll::Pending => self.end.as_mut().poll(cx).map(|()| None),
            ready @ Poll::Ready(_) => ready,
        }
    }
}
