//! Station 2: ClientHello → certificate → handshake, with a deadline.
//!
//! TLS 1.2 and 1.3, ALPN for HTTP/2 and HTTP/1.1, X25519MLKEM768 first, session
//! tickets that every worker can open. No 0-RTT: its requests can be replayed.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::cert::acme::alpn;
use crate::cert::store::Store;
use crate::socket::Socket;

use super::census::{Census, Refusal};
use super::io::ClientIo;

/// `h2` in ALPN (RFC 9113 section 3.1).
const H2: &[u8] = b"h2";

/// What handshakes need: the certificates, and how to speak.
#[derive(Debug)]
pub struct Tls {
    /// Which certificate a name gets.
    pub store: Arc<Store>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// With new keys for session tickets.
    ///
    /// # Errors
    /// Where rustls refuses its own defaults.
    pub fn new(store: Arc<Store>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(store.clone());
        config.alpn_protocols = protocols(&store);
        // Tickets keep all state at the client, so resumption needs nothing that workers share and lock.
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self { store, config: Arc::new(config) })
    }

    /// The same with other certificates. The keys for session tickets stay: a client that verified the certificate of
    /// an hour ago knows who it speaks to, and a renewal must not make every phone shake hands in full at once.
    #[must_use]
    pub fn with(&self, store: Arc<Store>) -> Self {
        let mut config = ServerConfig::clone(&self.config);
        config.cert_resolver = store.clone();
        config.alpn_protocols = protocols(&store);
        Self { store, config: Arc::new(config) }
    }
}

/// By ALPN, what we would rather speak first.
fn protocols(store: &Store) -> Vec<Vec<u8>> {
    let mut protocols = vec![H2.to_vec(), b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    if store.answers_challenges() {
        // Last: whoever offers anything else beside it gets that.
        protocols.push(alpn::PROTOCOL.to_vec());
    }
    protocols
}

/// A connection after its handshake.
#[derive(Debug)]
pub struct Shaken {
    /// Its bytes.
    pub io: ClientIo,
    /// Whether ALPN agreed on HTTP/2.
    pub h2: bool,
    /// The certificate that was presented, by its place in the store.
    pub presented: Option<usize>,
    /// The name that the client asked for.
    pub sni: Option<Box<str>>,
}

/// Shakes hands within this time, or says in the log why not and gives nothing.
pub async fn handshake(tls: &Tls, tcp: Socket, within: Duration, census: &Census) -> Option<Shaken> {
    let acceptor = TlsAcceptor::from(tls.config.clone());
    match timeout(within, acceptor.accept(tcp).into_fallible()).await {
        Ok(Ok(stream)) => {
            let (_, session) = stream.get_ref();
            if session.alpn_protocol() == Some(alpn::PROTOCOL) {
                // RFC 8737 section 3: the validator has seen what it came for, and no data follow.
                say_goodbye(stream).await;
                return None;
            }
            let h2 = session.alpn_protocol() == Some(H2);
            let presented = tls.store.choose(session.server_name());
            let sni = session.server_name().map(Into::into);
            Some(Shaken { io: ClientIo::tls(stream), h2, presented, sni })
        }
        Ok(Err((error, tcp))) => {
            tracing::debug!(%error, "a TLS handshake failed");
            if is_plain_http(&error) {
                say_https(tcp).await;
            }
            None
        }
        Err(_) => {
            tracing::debug!("a TLS handshake took too long");
            census.refuse(Refusal::HandshakeTimeout);
            None
        }
    }
}

/// Ends a connection in order. Best effort: whoever is at the other end is done.
async fn say_goodbye(mut tls: TlsStream<Socket>) {
    timeout(Duration::from_secs(1), tls.shutdown()).await.ok();
}

/// What came was no TLS record: most likely plain HTTP, by somebody who left the `s` out.
fn is_plain_http(error: &std::io::Error) -> bool {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some_and(|error| matches!(error, rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)))
}

/// A word to whoever spoke plain HTTP to an https port. Best effort: it may not be HTTP at all.
async fn say_https(mut tcp: Socket) {
    const WORD: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Length: 48\r\nConnection: close\r\n\r\nThis port speaks https; the address needs its s\n";
    if timeout(Duration::from_secs(1), tcp.write_all(WORD)).await.is_ok() {
        timeout(Duration::from_secs(1), tcp.shutdown()).await.ok();
    }
}
