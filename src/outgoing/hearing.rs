//! An upstream that answers early and closes is heard out, though the rest of the request can no longer be sent.
//!
//! hyper gives an exchange up at the first failed write, and with it an answer
//! that has come already: a 413 to an upload would reach nobody. So a failed
//! write is no error here. It stops the sending, and what is read says how the
//! exchange ended: with an answer, or with the break itself.
//!
//! Nor may it talk for ever before its answer begins: hyper limits one head, but
//! not how many interim answers (RFC 9110 section 15.2) come before the real one.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::trouble::TooMuch;

/// Bytes from the request to the end of the answer's head: the largest head, and half as much of interim answers. They
/// are links to be fetched early (103) and words that it is still working (102).
const BEFORE_THE_ANSWER: u64 = 192 * 1024;

/// How many bytes may still be read before the answer's head is whole; shared by a connection and who sends on it.
///
/// Atomic because hyper wants a connection that could move between threads; it never does.
#[derive(Debug, Clone)]
pub(super) struct Allowance(Arc<AtomicU64>);

impl Default for Allowance {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

impl Allowance {
    /// A request is sent.
    pub(super) fn begin(&self) {
        self.0.store(BEFORE_THE_ANSWER, Ordering::Relaxed);
    }

    /// The answer's head is there.
    pub(super) fn lift(&self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
    }

    /// Whether more may be read. The read that used it up may well have brought the head and much of the body.
    fn is_left(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    fn use_up(&self, count: usize) {
        self.0.store(self.0.load(Ordering::Relaxed).saturating_sub(count as u64), Ordering::Relaxed);
    }
}

/// A stream that is read on after a write has failed.
#[derive(Debug)]
pub struct Hearing<S> {
    stream: S,
    /// A write has failed: nothing more is sent.
    deaf: bool,
    allowance: Allowance,
}

impl<S> Hearing<S> {
    /// Around a stream that nothing was written to yet.
    pub(super) fn new(stream: S, allowance: Allowance) -> Self {
        Self { stream, deaf: false, allowance }
    }

    /// The stream itself, whose failed writes are errors again.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// A failed write becomes one that waits for ever; whoever waits is woken by what is read.
    fn heard_out<T>(&mut self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Ready(Err(_)) => {
                self.deaf = true;
                Poll::Pending
            }
            outcome => outcome,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Hearing<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.allowance.is_left() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, TooMuch(BEFORE_THE_ANSWER))));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        this.allowance.use_up(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Hearing<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.deaf {
            return Poll::Pending;
        }
        let outcome = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.heard_out(outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.deaf {
            return Poll::Pending;
        }
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.heard_out(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.deaf {
            return Poll::Pending;
        }
        let outcome = Pin::new(&mut this.stream).poll_flush(cx);
        this.heard_out(outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.deaf {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}
