//! A connection that is closed so that its peer can read all we said.
//!
//! Whoever closes a socket over bytes that were not read, or still come, resets it: a peer in the middle of sending
//! finds its next write failing and gives up the answers that it has not read yet. So we say that we are done and
//! read on, into nothing, until the peer is done too. A peer who has not even greeted us when we go has nothing to
//! finish and is not waited for at all. What the bytes mean and why the connection ends is not known here.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

/// How long a peer may take to read the rest and close.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much is thrown away at a time.
const GULP: usize = 4 << 10;
/// How many bytes a greeting has: the preface with which every HTTP/2 client begins.
const GREETING: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// A connection whose shutdown waits for the peer's.
pub struct Lingering<C> {
    connection: C,
    /// Until when the peer is listened to, once we are done ourselves.
    patience: Option<Pin<Box<Sleep>>>,
    /// That we go, as long as the peer has not greeted us.
    going: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    heard: usize,
    is_cut: bool,
}

impl<C> Lingering<C> {
    /// Lets a connection linger at its end; it ends at once if its peer is still mute when `going` is cancelled.
    pub fn new(connection: C, going: &CancellationToken) -> Self {
        let going = Some(Box::pin(going.clone().cancelled_owned()));
        Self { connection, patience: None, going, heard: 0, is_cut: false }
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
        let Some(going) = &mut self.going else { return Pin::new(&mut self.connection).poll_read(cx, into) };
        let gone = going.as_mut().poll(cx);
        let before = into.filled().len();
        match Pin::new(&mut self.connection).poll_read(cx, into) {
            Poll::Pending if gone.is_ready() => {
                self.is_cut = true;
                Poll::Ready(Ok(()))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(read) => {
                self.heard += into.filled().len().saturating_sub(before);
                if self.heard >= GREETING {
                    self.going = None;
                }
                Poll::Ready(read)
            }
        }
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
        if self.is_cut {
            return Poll::Ready(Ok(()));
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
        let mut ours = Lingering::new(ours, &CancellationToken::new());
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

    /// How long a server that goes waits for a peer who has said this much.
    async fn left_with(said: &[u8]) -> Option<Duration> {
        let (ours, mut theirs) = duplex(64);
        let going = CancellationToken::new();
        let mut ours = Lingering::new(ours, &going);
        theirs.write_all(said).await.unwrap();
        let since = Instant::now();
        let reading = async {
            while ours.read(&mut [0; 8]).await.unwrap() > 0 {}
            ours.shutdown().await.unwrap();
        };
        let leaving = async {
            sleep(PATIENCE).await;
            going.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = reading => Some(since.elapsed()),
            () = leaving => None,
            () = sleep(3 * PATIENCE) => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_who_never_greets_is_left_at_once() {
        assert_eq!(left_with(b"").await, Some(PATIENCE));
        assert_eq!(left_with(&[b'P'; GREETING - 1]).await, Some(PATIENCE));
        // Who has greeted may have calls open: how they end is the transport's business.
        assert_eq!(left_with(&[b'P'; GREETING]).await, None);
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
