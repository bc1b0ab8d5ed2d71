//! Compression of an answer while it is sent.
//!
//! Memory is bounded by each coding's window, whatever the answer's size. The
//! work is done in turns, so that a worker's other connections wait for no more
//! than one of them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use async_compression::{Level, brotli, zstd};
use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

use crate::body::{Body, BodyError};

use super::encoding::Coding;

/// Bytes that are compressed before other connections have their turn: about half a millisecond.
const TURN: usize = 64 * 1024;
/// Bytes of output in one frame: a TLS record.
const FRAME: usize = 16 * 1024;
/// Codings look back this far, as a power of two: 512 KiB. More makes pages no smaller, but costs memory per answer.
const WINDOW: u8 = 19;

/// The same bytes in a coding. The length is not known beforehand.
pub(super) fn compress(body: Body, coding: Coding) -> Body {
    let source = Turns { body, ready: Bytes::new(), turn: TURN };
    // Levels at which all three are about as fast, well above what a client's line carries.
    match coding {
        Coding::Brotli => {
            let params = brotli::EncoderParams::default().quality(Level::Precise(4)).window_size(i32::from(WINDOW));
            Body::stream(Compressed(BrotliEncoder::with_params(source, params)))
        }
        Coding::Zstd => {
            let window = zstd::CParameter::window_log(u32::from(WINDOW));
            Body::stream(Compressed(ZstdEncoder::with_quality_and_params(source, Level::Precise(3), &[window])))
        }
        Coding::Gzip => Body::stream(Compressed(GzipEncoder::with_quality(source, Level::Precise(4)))),
    }
}

/// An encoder's output as a body.
struct Compressed<E>(E);

impl<E: AsyncRead + Unpin> HttpBody for Compressed<E> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut frame = BytesMut::with_capacity(FRAME);
        Poll::Ready(match ready!(poll_read_buf(Pin::new(&mut self.0), cx, &mut frame)) {
            Ok(0) => None,
            Ok(_) => Some(Ok(Frame::data(frame.freeze()))),
            Err(error) => Some(Err(error.into())),
        })
    }
}

/// A body as an encoder reads it: after each turn it lets the worker's other connections go first.
struct Turns {
    body: Body,
    ready: Bytes,
    /// Bytes left in this turn.
    turn: usize,
}

impl AsyncBufRead for Turns {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.turn == 0 {
            this.turn = TURN;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        while this.ready.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                None => return Poll::Ready(Ok(&[])),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                Some(Ok(frame)) => this.ready = frame.into_data().unwrap_or_default(),
            }
        }
        Poll::Ready(Ok(&this.ready[..this.ready.len().min(this.turn)]))
    }

    fn consume(mut self: Pin<&mut Self>, read: usize) {
        self.ready.advance(read);
        self.turn -= read;
    }
}

impl AsyncRead for Turns {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let bytes = ready!(self.as_mut().poll_fill_buf(cx))?;
        let read = bytes.len().min(into.remaining());
        into.put_slice(&bytes[..read]);
        self.consume(read);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
    use http_body_util::BodyExt;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn every_coding_gives_the_same_bytes_back_and_is_smaller() {
        let text: Vec<u8> = (0..100_000u32).flat_map(|line| format!("line {line}\n").into_bytes()).collect();
        for coding in Coding::ALL {
            let sent = compress(Body::full(text.clone()), coding).collect().await.expect("no error").to_bytes();
            assert!(sent.len() < text.len() / 2, "{coding:?} made {} of {}", sent.len(), text.len());
            let mut back = Vec::new();
            match coding {
                Coding::Brotli => BrotliDecoder::new(&sent[..]).read_to_end(&mut back).await,
                Coding::Zstd => ZstdDecoder::new(&sent[..]).read_to_end(&mut back).await,
                Coding::Gzip => GzipDecoder::new(&sent[..]).read_to_end(&mut back).await,
            }
            .expect("what was sent is in the coding");
            assert!(back == text, "{coding:?}");
        }
    }
}
