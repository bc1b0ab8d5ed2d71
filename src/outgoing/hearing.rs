//! An upstream that answers early and closes is heard out, though the rest of the request can no longer be sent.
//!
//! hyper gives an exchange up at the first failed write, and with it an answer
//! that has come already: a 413 to an upload would reach nobody. So a failed
//! write is no error here. It stops the sending, and what is read says how the
//! exchange ended: with an answer, or with the break itself.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that is read on after a write has failed.
#[derive(Debug)]
pub struct Hearing<S> {
    stream: S,
    /// A write has failed: nothing more is sent.
    deaf: bool,
}

impl<S> Hearing<S> {
    /// Around a stream that nothing was written to yet.
    pub fn new(stream: S) -> Self {
        Self { stream, deaf: false }
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
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
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
