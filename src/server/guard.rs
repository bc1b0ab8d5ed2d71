//! The bytes of an HTTP/1 connection on their way to hyper, looked at once more: one message, one framing.
//!
//! hyper forgives, and hides that it did: a `Content-Length` after `Transfer-Encoding` or a second equal one, bare LF for
//! CRLF, blanks and controls around the sizes of chunks, a fragment in the target. Any of these is what another program
//! reads differently, and what request smuggling is made of (RFC 9112 sections 6.3 and 11.2). So a [`Judge`] follows the
//! connection, head by head and body by body, and knows where each begins.
//!
//! What it refuses, hyper never gets: in its place come a few bytes that hyper refuses in every state, so that 400, the end
//! of the connection and the line in the access log are those of any malformed request, after the answers to what came
//! before. What hyper refuses by itself (a blank before the colon, obs-fold, a control in a value) is left to it.
//!
//! It changes nothing, and forwards nothing that it does not understand.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

mod chunks;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod head;
mod judge;
#[cfg(test)]
mod tests;

pub use head::{Why, is_plain_length};
pub use judge::{Judge, Verdict};

/// What hyper refuses wherever it stands: CR may end many a thing, but never before NUL; the end of a head makes it look.
///
/// NUL alone would not do: in a chunk's extension hyper takes it.
const POISON: &[u8] = b"\r\0\r\n\r\n";

/// A connection whose bytes are judged as they are read.
#[derive(Debug)]
pub struct Guard<S> {
    stream: S,
    judge: Judge,
    watch: Watch,
    /// Read from the connection, not yet given on.
    held: BytesMut,
    /// What is left of the refusal, once there is one.
    poison: Option<&'static [u8]>,
}

/// What guard and requests of one connection tell each other.
///
/// Atomic because hyper wants a connection that could move between threads; it never does.
#[derive(Debug, Clone, Default)]
pub struct Watch(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// A [`Why`], or 0.
    refused: AtomicU8,
    answered: AtomicU64,
    switched: AtomicBool,
    waits: AtomicBool,
    waker: AtomicWaker,
}

impl Watch {
    /// One more request was answered to its end.
    pub fn answered(&self) {
        let shared = &*self.0;
        // Nobody else writes it.
        shared.answered.store(shared.answered.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        if shared.waits.load(Ordering::Relaxed) {
            shared.waker.wake();
        }
    }

    /// The request that is being answered switches protocols: what follows it is no HTTP.
    pub fn switched(&self) {
        self.0.switched.store(true, Ordering::Relaxed);
    }

    /// Why the connection was refused, if it was.
    pub fn refused(&self) -> Option<Why> {
        Why::of(self.0.refused.load(Ordering::Relaxed))
    }

    /// Whether the last of this many requests has been answered, and has not switched protocols.
    fn goes_on_after(&self, heads: u64) -> bool {
        self.0.answered.load(Ordering::Relaxed) == heads && !self.0.switched.load(Ordering::Relaxed)
    }
}

impl<S> Guard<S> {
    /// Around a connection of which nothing was read yet.
    pub fn new(stream: S, watch: Watch) -> Self {
        Self { stream, judge: Judge::default(), watch, held: BytesMut::new(), poison: None }
    }

    /// The connection itself, and what was read from it and not given on.
    pub fn into_parts(self) -> (S, Bytes) {
        (self.stream, self.held.freeze())
    }

    /// Puts as much of the refusal into `buf` as there is room for; nothing, which is an end, when it has all been put.
    fn refuse(&mut self, rest: &'static [u8], buf: &mut ReadBuf<'_>) {
        let (now, later) = rest.split_at(rest.len().min(buf.remaining()));
        buf.put_slice(now);
        self.poison = Some(later);
    }

    /// Judges what is in `buf` from `before` on, and takes out what must not be given on.
    fn look(&mut self, before: usize, buf: &mut ReadBuf<'_>) {
        match self.judge.judge(&buf.filled()[before..]) {
            Verdict::Pass => {}
            Verdict::Refuse(at, why) => {
                buf.set_filled(before + at);
                self.watch.0.refused.store(why as u8, Ordering::Relaxed);
                self.held = BytesMut::new();
                self.refuse(POISON, buf);
            }
            Verdict::Hold(at) => {
                let at = before + at;
                let mut held = BytesMut::from(&buf.filled()[at..]);
                held.unsplit(std::mem::take(&mut self.held));
                self.held = held;
                buf.set_filled(at);
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Guard<S> {
    /// Waits for the answer to a request that would switch protocols; what comes meanwhile may be no HTTP.
    ///
    /// It reads once, so that a client that goes away is noticed. Ready where its end came, or the answer.
    fn poll_answer(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<Answer>> {
        let shared = &*self.watch.0;
        shared.waits.store(true, Ordering::Relaxed);
        shared.waker.register(cx.waker());
        if self.watch.goes_on_after(self.judge.heads()) {
            shared.waits.store(false, Ordering::Relaxed);
            self.judge.go_on();
            return Poll::Ready(Ok(Answer::Given));
        }
        if self.held.is_empty() {
            let before = buf.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
            if buf.filled().len() == before {
                return Poll::Ready(Ok(Answer::Never));
            }
            self.held.extend_from_slice(&buf.filled()[before..]);
            buf.set_filled(before);
        }
        Poll::Pending
    }
}

/// How waiting for an answer ended.
enum Answer {
    Given,
    Never,
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(rest) = this.poison {
            this.refuse(rest, buf);
            return Poll::Ready(Ok(()));
        }
        if this.judge.waits()
            && let Answer::Never = ready!(this.poll_answer(cx, buf))?
        {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        if this.held.is_empty() {
            ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        } else {
            let now = this.held.len().min(buf.remaining());
            buf.put_slice(&this.held[..now]);
            this.held.advance(now);
        }
        this.look(before, buf);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
