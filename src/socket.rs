//! A TCP stream of ours, accepted or opened.
//!
//! The kernel charges more for a vectored write than for a plain one, and what
//! hyper and rustls write by the vector is most often one piece: a head without a
//! body, a TLS record. Such a piece goes out plainly. Nothing else is changed.
//!
//! Whatever fits into the kernel's buffer is written, whether anybody is there to
//! take it or not; so that is for the kernel to notice, if it is told how soon.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A TCP stream whose vectored writes of a single piece are plain ones.
#[derive(Debug)]
pub struct Socket(pub TcpStream);

impl Socket {
    /// Has the kernel end the connection once what was written has waited for so long, without the other side having
    /// acknowledged any of it or having room for it (RFC 5482; to the millisecond, and at the next retransmission).
    ///
    /// Else it tries for a quarter of an hour. A connection on which nothing waits is not looked at.
    pub fn give_up_after(&self, silence: Duration) {
        SockRef::from(&self.0).set_tcp_user_timeout(Some(silence)).ok();
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let tcp = Pin::new(&mut self.get_mut().0);
        match bufs {
            [piece] => tcp.poll_write(cx, piece),
            pieces => tcp.poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn one_piece_and_several_arrive_in_order() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let near = TcpStream::connect(listener.local_addr().expect("its address")).await.expect("connected");
        let (mut far, _) = listener.accept().await.expect("accepted");
        let mut socket = Socket(near);
        assert_eq!(socket.write_vectored(&[IoSlice::new(b"one, ")]).await.expect("room"), 5);
        let several = [IoSlice::new(b"two, "), IoSlice::new(b""), IoSlice::new(b"three")];
        assert_eq!(socket.write_vectored(&several).await.expect("room"), 10);
        assert_eq!(socket.write_vectored(&[]).await.expect("nothing to do"), 0);
        socket.shutdown().await.expect("an end");
        let mut seen = String::new();
        far.read_to_string(&mut seen).await.expect("text");
        assert_eq!(seen, "one, two, three");
    }
}
