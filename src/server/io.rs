//! A client's connection as bytes: plain or TLS, with an end to patience and a decent goodbye.
//!
//! A write that makes no progress for too long fails, so that a client that stops
//! reading holds nothing for ever; nor does one that is gone without a word, of
//! which only the kernel knows as long as it has room for what is written. On closing, what the client is still sending
//! is read and thrown away for a moment: closing a socket with unread bytes makes
//! the kernel send a reset, which can eat the very answer that was just sent.
//! Nor is a client gone that has only said all that it had to say (a half-close):
//! its end is kept back while it still gets its answer, or may be about to.
//! A body that broke off ends with a reset where only the connection's end would
//! tell its own: to a client of HTTP/1.0 the part would look like the whole.
//! In a tunnel it throws nothing away: there an end is one direction's alone.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;

use crate::socket::Socket;
use crate::upload::{LINGER, LINGER_BYTES, LINGER_TIME};

use super::census::{Refusal, Seat};
use super::frames::{Flood, Frames};
use super::gather::Gather;
use super::manners::{Manners, Over};

/// How long a client that has ended its side, and takes nothing, is still believed to wait for its answer.
///
/// A half-close and a client that went away look alike: only writing tells them apart. This is long enough for
/// answers that are on their way, and keeps an upstream busy for nobody no longer than that.
const HALF_CLOSED: Duration = Duration::from_secs(2);

/// A side of a tunnel that acknowledges nothing for so long is gone: Mattermost waits as long for an answer to its ping.
pub const GONE: Duration = Duration::from_secs(100);

/// What a client is told whose head did not come in time (RFC 9110 section 15.5.9).
const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 47\r\nConnection: close\r\n\r\nThe head of this request did not come in time.\n";

/// A client's connection.
#[derive(Debug)]
pub struct ClientIo {
    stream: Stream,
    manners: Manners,
    stalled: Option<Pin<Box<Sleep>>>,
    /// The patience that the kernel was told of.
    told: Duration,
    gather: Gather,
    /// Runs while the client's end is kept back; with the bytes written when it began.
    ended: Option<(Pin<Box<Sleep>>, u64)>,
    goodbye: Goodbye,
    /// HTTP/2's frames, counted.
    frames: Option<Box<Frames>>,
    /// The last write was taken in part: what comes next belongs to it.
    torn: bool,
    /// The place that it takes up as long as it lives, as a tunnel, too.
    _seat: Option<Arc<Seat>>,
}

#[derive(Debug)]
enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

#[derive(Debug)]
enum Goodbye {
    NotYet,
    /// Of a tunnel: what the client still sends is read by whoever moves it.
    OfOneWay,
    Reading {
        deadline: Pin<Box<Sleep>>,
        end: Instant,
        left: usize,
    },
    Said,
}

macro_rules! on_stream {
    ($io:expr, $stream:ident => $call:expr) => {
        match &mut $io.stream {
            Stream::Plain($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            Stream::Tls($stream) => {
                let $stream = Pin::new(&mut **$stream);
                $call
            }
        }
    };
}

impl ClientIo {
    /// A plain connection.
    pub fn plain(tcp: Socket) -> Self {
        Self::new(Stream::Plain(tcp))
    }

    /// A connection after its handshake.
    pub fn tls(tls: TlsStream<Socket>) -> Self {
        Self::new(Stream::Tls(Box::new(tls)))
    }

    fn new(stream: Stream) -> Self {
        Self {
            stream,
            manners: Manners::new(),
            stalled: None,
            told: Duration::ZERO,
            gather: Gather::default(),
            ended: None,
            goodbye: Goodbye::NotYet,
            frames: None,
            torn: false,
            _seat: None,
        }
    }

    /// Takes up this place as long as it lives.
    pub(super) fn sit(&mut self, seat: Arc<Seat>) {
        self._seat = Some(seat);
    }

    /// Counts HTTP/2's frames: so many resets, and so many without content, at once.
    pub(super) fn count_frames(&mut self, resets: u32, frames: u32) {
        self.frames = Some(Box::new(Frames::new(resets, frames)));
    }

    /// Looks at what was read.
    fn heard(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<()> {
        let Some(frames) = &mut self.frames else {
            if !self.manners.answering() {
                self.manners.begin_head();
            }
            return Ok(());
        };
        let Err(flood) = frames.read(bytes, self.manners.written()) else {
            if frames.is_in_head() {
                self.manners.begin_head();
            } else {
                self.manners.end_head();
            }
            self.manners.set_greeted(frames.has_greeted());
            return Ok(());
        };
        let farewell = frames.farewell();
        self.manners.set_met(match flood {
            Flood::Resets => Refusal::Http2Resets,
            Flood::Frames => Refusal::Http2Frames,
        });
        // Not into the middle of another frame. What the socket does not take at once is lost: it is a courtesy.
        if !self.torn {
            self.gather.push(&[IoSlice::new(&farewell)]);
            let _ = self.poll_send(cx);
        }
        let _ = on_stream!(self, stream => stream.poll_shutdown(cx));
        Err(io::Error::other("the client floods this connection with frames"))
    }

    /// Whether nothing is read any more; says so to the client, as far as the socket takes it at once.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(over) = self.manners.over() else { return false };
        // Nothing of an answer is on its way: heads are not waited for before.
        if over == Over::TooSlow {
            let _ = on_stream!(self, stream => stream.poll_write(cx, TOO_SLOW));
            self.manners.end(false);
        }
        let _ = on_stream!(self, stream => stream.poll_shutdown(cx));
        true
    }

    /// A handle on patience and lingering.
    pub fn manners(&self) -> Manners {
        self.manners.clone()
    }

    /// Gathers small writes: for HTTP/2, whose answers come many at a time.
    pub fn gather(&mut self) {
        self.gather.turn_on();
    }

    /// Sends what was held back.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = self.poll_send_all(cx);
        self.gather.set_blocked(sent.is_pending());
        sent
    }

    fn poll_send_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.gather.rest().is_empty() {
            let rest = self.gather.rest();
            let outcome = on_stream!(self, stream => stream.poll_write(cx, rest));
            let count = ready!(self.wrote(cx, outcome))?;
            self.gather.advance(count);
        }
        if self.gather.is_owing() {
            let outcome = on_stream!(self, stream => stream.poll_flush(cx));
            ready!(self.with_patience(cx, outcome))?;
            self.gather.flushed();
        }
        Poll::Ready(Ok(()))
    }

    /// Holds a write back, or sends it where it is large or there is no room.
    fn poll_gather(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let count = bufs.iter().map(|buf| buf.len()).sum();
        if self.gather.passes_by(count) {
            ready!(self.poll_send(cx))?;
            let outcome = on_stream!(self, stream => stream.poll_write_vectored(cx, bufs));
            if let Poll::Ready(Ok(taken)) = outcome {
                self.torn = taken < count;
            }
            return self.wrote(cx, outcome);
        }
        if !self.gather.has_room(count) {
            ready!(self.poll_send(cx))?;
        }
        self.gather.push(bufs);
        self.torn = false;
        Poll::Ready(Ok(count))
    }

    /// Makes it the end of a tunnel, whose writes may make no progress for `patience`.
    pub fn become_tunnel(&mut self, patience: Duration) {
        self.manners.set_patience(patience);
        self.manners.set_answering(false);
        self.goodbye = Goodbye::OfOneWay;
        self.told = patience;
        self.socket().give_up_after(patience.min(GONE));
    }

    fn socket(&self) -> &Socket {
        match &self.stream {
            Stream::Plain(socket) => socket,
            Stream::Tls(tls) => tls.get_ref().0,
        }
    }

    /// Ready once the client's end, which has been read, is to be believed.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let written = self.manners.written();
        // The rest of an answer may still wait for room when nobody makes it any more.
        while self.manners.answering() || self.stalled.is_some() {
            let (timer, before) = self.ended.get_or_insert_with(|| (Box::pin(sleep(HALF_CLOSED)), written));
            ready!(timer.as_mut().poll(cx));
            if *before == written {
                break;
            }
            // It takes its answer: a client that is gone would have reset the connection.
            self.ended = None;
        }
        Poll::Ready(())
    }

    /// The outcome of a write, unless it has made no progress for too long.
    fn with_patience<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let patience = self.manners.patience();
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client took no byte for too long")))
    }

    fn wrote(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = outcome {
            let patience = self.manners.patience();
            if patience != self.told {
                self.told = patience;
                self.socket().give_up_after(patience);
            }
            self.manners.count_written(count);
        }
        self.with_patience(cx, outcome)
    }

    /// Reads past TLS: what comes now is thrown away, so nobody needs to decrypt it.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let tcp = match &mut self.stream {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_mut().0,
        };
        let mut scratch = [0; 8 * 1024];
        let mut buffer = ReadBuf::new(&mut scratch);
        ready!(Pin::new(tcp).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl Drop for ClientIo {
    fn drop(&mut self) {
        if let (Stream::Plain(socket), true) = (&self.stream, self.manners.is_cut()) {
            // Zero has the kernel reset the connection. (TLS ends without its goodbye, which says the same.)
            socket2::SockRef::from(&socket.0).set_linger(Some(Duration::ZERO)).ok();
        }
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // The turn after a flush: whoever else was ready has written by now. What cannot go yet has the task woken.
        if let Poll::Ready(sent) = this.poll_send(cx) {
            sent?;
        }
        if this.is_over(cx) {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let is_tunnel = matches!(this.goodbye, Goodbye::OfOneWay);
        match ready!(on_stream!(this, stream => stream.poll_read(cx, buf))) {
            Ok(()) if buf.filled().len() > before => {
                return Poll::Ready(if is_tunnel { Ok(()) } else { this.heard(cx, &buf.filled()[before..]) });
            }
            Ok(()) => {}
            // TLS whose socket ended without it. HTTP says itself where its messages end, so it is an end as any other.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !is_tunnel => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
        ready!(this.poll_end(cx));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.gather.is_on() {
            return this.poll_gather(cx, &[IoSlice::new(buf)]);
        }
        let outcome = on_stream!(this, stream => stream.poll_write(cx, buf));
        this.wrote(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.gather.is_on() {
            return this.poll_gather(cx, bufs);
        }
        let outcome = on_stream!(this, stream => stream.poll_write_vectored(cx, bufs));
        this.wrote(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(tcp) => tcp.is_write_vectored(),
            Stream::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match (this.gather.is_owing(), this.gather.is_blocked()) {
            (false, _) => {}
            // The socket wakes the task; waking it here, too, would have it turn round and round.
            (true, true) => return this.poll_send(cx),
            // Sent at the task's next turn, which begins by reading.
            (true, false) => {
                cx.waker().wake_by_ref();
                return Poll::Ready(Ok(()));
            }
        }
        let outcome = on_stream!(this, stream => stream.poll_flush(cx));
        this.with_patience(cx, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        loop {
            match &mut this.goodbye {
                Goodbye::NotYet => {
                    let outcome = on_stream!(this, stream => stream.poll_shutdown(cx));
                    ready!(this.with_patience(cx, outcome))?;
                    let more = this.manners.linger() || matches!(this.poll_discard(cx), Poll::Ready(Ok(1..)));
                    this.goodbye = if more {
                        let end = Instant::now() + LINGER_TIME;
                        Goodbye::Reading { deadline: Box::pin(sleep(LINGER)), end, left: LINGER_BYTES }
                    } else {
                        Goodbye::Said
                    };
                }
                Goodbye::OfOneWay => {
                    let outcome = on_stream!(this, stream => stream.poll_shutdown(cx));
                    return this.with_patience(cx, outcome);
                }
                Goodbye::Reading { deadline, left, .. } => {
                    if deadline.as_mut().poll(cx).is_ready() || *left == 0 {
                        this.goodbye = Goodbye::Said;
                        continue;
                    }
                    let read = match ready!(this.poll_discard(cx)) {
                        Ok(read @ 1..) => read,
                        // The end, or a reset: nothing more comes either way.
                        Ok(_) | Err(_) => {
                            this.goodbye = Goodbye::Said;
                            continue;
                        }
                    };
                    if let Goodbye::Reading { deadline, end, left } = &mut this.goodbye {
                        *left = left.saturating_sub(read);
                        deadline.as_mut().reset((Instant::now() + LINGER).min(*end));
                    }
                }
                Goodbye::Said => return Poll::Ready(Ok(())),
            }
        }
    }
}

#[cfg(test)]
mod tests;
