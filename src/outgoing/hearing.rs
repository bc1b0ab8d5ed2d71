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
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::trouble::TooMuch;

/// Bytes from the request to the end of the answer's head: the largest head, and half as much of interim answers. They
/// are links to be fetched early (103) and words that it is still working (102).
const BEFORE_THE_ANSWER: u64 = 192 * 1024;

/// What a connection and who sends on it know of each other.
///
/// Atomic because hyper wants a connection that could move between threads; it never does.
#[derive(Debug, Clone)]
pub(super) struct Bond(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// How many bytes may still be read before the answer's head is whole.
    left: AtomicU64,
    /// A write has failed: nothing more is sent.
    deaf: AtomicBool,
    /// Nobody waits for an answer any more.
    let_go: AtomicBool,
}

impl Default for Bond {
    fn default() -> Self {
        Self(Arc::new(Shared {
            left: AtomicU64::new(u64::MAX),
            deaf: AtomicBool::new(false),
            let_go: AtomicBool::new(false),
        }))
    }
}

impl Bond {
    /// A request is sent.
    pub(super) fn begin(&self) {
        self.0.left.store(BEFORE_THE_ANSWER, Ordering::Relaxed);
    }

    /// The answer's head is there.
    pub(super) fn answered(&self) {
        self.0.left.store(u64::MAX, Ordering::Relaxed);
    }

    /// Nobody waits for an answer any more: a write that fails is an error again.
    pub(super) fn let_go(&self) {
        self.0.let_go.store(true, Ordering::Relaxed);
    }

    /// Whether nothing more can be sent.
    pub(super) fn is_deaf(&self) -> bool {
        self.0.deaf.load(Ordering::Relaxed)
    }

    /// Whether more may be read. The read that used it up may well have brought the head and much of the body.
    fn is_left(&self) -> bool {
        self.0.left.load(Ordering::Relaxed) > 0
    }

    fn use_up(&self, count: usize) {
        let left = &self.0.left;
        left.store(left.load(Ordering::Relaxed).saturating_sub(count as u64), Ordering::Relaxed);
    }
}

/// A stream that is read on after a write has failed.
#[derive(Debug)]
pub struct Hearing<S> {
    stream: S,
    bond: Bond,
}

impl<S> Hearing<S> {
    /// Around a stream that nothing was written to yet.
    pub(super) fn new(stream: S, bond: Bond) -> Self {
        Self { stream, bond }
    }

    /// The stream itself, whose failed writes are errors again.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// A failed write becomes one that waits for ever; whoever waits is woken by what is read, or lets go.
    fn heard_out<T>(&mut self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Ready(Err(_)) if !self.bond.0.let_go.load(Ordering::Relaxed) => {
                self.bond.0.deaf.store(true, Ordering::Relaxed);
                Poll::Pending
            }
            outcome => outcome,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Hearing<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.bond.is_left() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, TooMuch(BEFORE_THE_ANSWER))));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        this.bond.use_up(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Hearing<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.bond.is_deaf() {
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
        if this.bond.is_deaf() {
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
        if this.bond.is_deaf() {
            return Poll::Pending;
        }
        let outcome = Pin::new(&mut this.stream).poll_flush(cx);
        this.heard_out(outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.bond.is_deaf() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}
