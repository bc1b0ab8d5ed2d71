//! Opens one connection to an upstream: name → addresses → TCP → TLS, all within one deadline.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::model::UpstreamAddress;
use crate::error::RequestError;
use crate::socket::Socket;

use super::tls::{Shaking, Trust};
use super::trouble::{CONNECT, is_exhausted};

/// A connection to an upstream.
#[derive(Debug)]
pub enum UpstreamIo {
    /// `http://`.
    Plain(Socket),
    /// `https://`; boxed, since rustls' state is large and most upstreams are plain.
    Tls(Box<TlsStream<Socket>>),
}

impl UpstreamIo {
    /// The socket below.
    pub fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }
}

/// Connects within `limit`, TLS included.
pub(super) async fn connect(
    address: &UpstreamAddress,
    trust: Option<&Trust>,
    limit: Duration,
) -> Result<UpstreamIo, RequestError> {
    let upstream = || address.origin.clone();
    match timeout(limit, open(address, trust)).await {
        Ok(Ok(io)) => Ok(io),
        Ok(Err(source)) if Shaking::is(&source) => Err(RequestError::UpstreamTls { upstream: upstream(), source }),
        Ok(Err(source)) if is_exhausted(&source) => Err(RequestError::Exhausted { upstream: upstream(), source }),
        Ok(Err(source)) => Err(RequestError::Connect { upstream: upstream(), source }),
        Err(_) => Err(RequestError::Timeout { upstream: upstream(), what: CONNECT, limit }),
    }
}

async fn open(address: &UpstreamAddress, trust: Option<&Trust>) -> io::Result<UpstreamIo> {
    let tcp = open_tcp(address).await?;
    // A request's head and a WebSocket's small frames must not wait for an acknowledgement.
    tcp.set_nodelay(true)?;
    let tcp = Socket(tcp);
    match trust {
        None => Ok(UpstreamIo::Plain(tcp)),
        Some(trust) => {
            let connector = TlsConnector::from(trust.client.clone());
            let shaken = connector.connect(trust.name.clone(), tcp).await.map_err(Shaking::tag)?;
            Ok(UpstreamIo::Tls(Box::new(shaken)))
        }
    }
}

async fn open_tcp(address: &UpstreamAddress) -> io::Result<TcpStream> {
    if let Some(ip) = literal(address.host.as_str()) {
        return TcpStream::connect(SocketAddr::new(ip, address.port)).await;
    }
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for candidate in tokio::net::lookup_host((address.host.as_str(), address.port)).await? {
        match TcpStream::connect(candidate).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn literal(host: &str) -> Option<IpAddr> {
    if let Some(inside) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    host.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

impl AsyncRead for UpstreamIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for UpstreamIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
