//! A connection that is closed so that its peer can read all we said.
//!
//! Whoever closes a socket over bytes that were not read, or still come, resets it: a peer in the middle of sending
//! finds its next write failing and gives up the answers that it has not read yet. So we say that we are done and
//! read on, into nothing, until the peer is done too. What the bytes mean and why the connection ends is not known
//! here.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tonic::transport::server::Connected;

/// How long a peer may take to read the rest and close.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much is thrown away at a time.
const GULP: usize = 4 << 10;

/// A connection whose shutdown waits for the peer's.
pub struct Lingering<C> {
    connection: C,
    /// Until when the peer is listened to, once we are done ourselves.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<C> Lingering<C> {
    /// Lets a connection linger at its end.
    pub fn new(connection: C) -> Self {
        Self { connection, patience: None }
    }
}

impl<C: AsyncRead + Unpin> Lingering<C> {
    /// Reads into nothing until the peer has nothing more to say; one that is gone has nothing more either.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut nothing = [0; GULP];
        loop {
            let mut gulp = ReadBuf::new(&mut nothing);
            let read = ready!(Pin::new(&mut self.connection).poll_read(cx, &mut gulp));
            if read.is_err() || gulp.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Lingering<C> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_read(cx, into)
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<C> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.patience.is_none() {
            ready!(Pin::new(&mut self.connection).poll_shutdown(cx))?;
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        if patience.as_mut().poll(cx).is_pending() {
            ready!(self.poll_silence(cx));
        }
        Poll::Ready(Ok(()))
    }
}

impl<C: Connected> Connected for Lingering<C> {
    type ConnectInfo = C::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.connection.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;

    /// What a peer still reads of a connection that is being closed, and how long closing it took.
    async fn closed(peer: impl AsyncFnOnce(DuplexStream) -> Vec<u8>) -> (Vec<u8>, Duration) {
        let (ours, theirs) = duplex(16);
        let mut ours = Lingering::new(ours);
        ours.write_all(b"an answer").await.unwrap();
        let closing = async {
            let since = Instant::now();
            ours.shutdown().await.unwrap();
            drop(ours);
            since.elapsed()
        };
        tokio::join!(peer(theirs), closing)
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_still_sending_reads_everything() {
        let (read, took) = closed(async |mut peer| {
            peer.write_all(&[7; 3 * GULP]).await.unwrap();
            sleep(PATIENCE / 2).await;
            peer.write_all(&[7; 3 * GULP]).await.unwrap();
            let mut read = Vec::new();
            peer.read_to_end(&mut read).await.unwrap();
            read
        })
        .await;
        assert_eq!((&*read, took), (&b"an answer"[..], PATIENCE / 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_closes_is_not_waited_for_long() {
        let (_, took) = closed(async |peer| {
            sleep(3 * PATIENCE).await;
            drop(peer);
            Vec::new()
        })
        .await;
        assert_eq!(took, PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_stops_is_not_waited_for_long() {
        let (_, took) = closed(async |mut peer| {
            while peer.write_all(&[7; GULP]).await.is_ok() {
                sleep(PATIENCE / 10).await;
            }
            Vec::new()
        })
        .await;
        assert_eq!(took, PATIENCE);
    }
}
