//! Clients that say exactly what they are told: TCP, and TLS that trusts the test's root alone and fetches nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, HandshakeKind, ProtocolVersion, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ca::ca;
use super::raw::Wire;
use super::soon;

/// A TCP connection.
pub(crate) async fn tcp(address: SocketAddr) -> Wire {
    Wire::new(stream(address).await)
}

/// The same, bare.
pub(crate) async fn stream(address: SocketAddr) -> TcpStream {
    let stream = soon("a connection", TcpStream::connect(address)).await.expect("a connection");
    stream.set_nodelay(true).expect("an option");
    stream
}

/// How a TLS client behaves. Connections of one `Tls` share its sessions.
pub(crate) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts the test's root, offers TLS 1.2 and 1.3, and HTTP/1.1.
    pub(crate) fn new() -> Self {
        Self::speaking(rustls::ALL_VERSIONS)
    }

    /// The same with these versions alone.
    pub(crate) fn speaking(versions: &[&'static SupportedProtocolVersion]) -> Self {
        Self::made_of(rustls::crypto::aws_lc_rs::default_provider(), versions)
    }

    /// The same with this cryptography.
    pub(crate) fn made_of(provider: CryptoProvider, versions: &[&'static SupportedProtocolVersion]) -> Self {
        Self::trusting_these([ca().root_der()], provider, versions)
    }

    /// Trusts the roots in this PEM file alone.
    pub(crate) fn trusting(file: &Path) -> Self {
        let roots = CertificateDer::pem_file_iter(file).expect("a file");
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        Self::trusting_these(roots.map(|root| root.expect("a certificate")), provider, rustls::ALL_VERSIONS)
    }

    fn trusting_these(
        trusted: impl IntoIterator<Item = CertificateDer<'static>>,
        provider: CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        for root in trusted {
            roots.add(root).expect("a root");
        }
        let mut config = ClientConfig::builder_with_provider(provider.into())
            .with_protocol_versions(versions)
            .expect("versions that the provider has")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(Arc::new(config))
    }

    /// Offers these protocols by ALPN.
    pub(crate) fn offering(self, protocols: &[&str]) -> Self {
        self.with(|config| config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect())
    }

    /// Sends no server name.
    pub(crate) fn naming_none(self) -> Self {
        self.with(|config| config.enable_sni = false)
    }

    /// Takes whatever certificate is presented, so that a test can look at it.
    pub(crate) fn taking_any(self) -> Self {
        self.with(|config| config.dangerous().set_certificate_verifier(Arc::new(TakesAny)))
    }

    /// Shakes hands, asking for `name`.
    pub(crate) async fn connect(&self, address: SocketAddr, name: &str) -> std::io::Result<Secured> {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let stream = stream(address).await;
        soon("a handshake", TlsConnector::from(Arc::clone(&self.0)).connect(name, stream)).await.map(Secured)
    }

    fn with(self, change: impl FnOnce(&mut ClientConfig)) -> Self {
        let mut config = Arc::unwrap_or_clone(self.0);
        change(&mut config);
        Self(Arc::new(config))
    }
}

/// What a server answers first to a ClientHello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstRecord {
    /// It goes on with the handshake.
    ServerHello,
    /// It refuses, and says so.
    Alert,
}

/// Sends a ClientHello whose server name is this text, legal or not, and reads what comes back first.
pub(crate) async fn hello_naming(address: SocketAddr, name: &str) -> FirstRecord {
    // rustls makes a hello with a legal name of the same length; the text takes its place.
    let legal = "x".repeat(name.len());
    let server = ServerName::try_from(legal.clone()).expect("a legal name");
    let mut hello = Vec::new();
    rustls::ClientConnection::new(Tls::new().0, server)
        .and_then(|mut client| client.write_tls(&mut hello).map_err(|e| rustls::Error::General(e.to_string())))
        .expect("a ClientHello");
    let at = hello.windows(legal.len()).position(|window| window == legal.as_bytes()).expect("the name in the hello");
    hello[at..at + name.len()].copy_from_slice(name.as_bytes());

    let mut wire = tcp(address).await;
    wire.send(hello).await;
    let record = wire.exactly(6).await.expect("a record");
    match (record[0], record[5]) {
        (0x16, 0x02) => FirstRecord::ServerHello,
        (0x15, _) => FirstRecord::Alert,
        other => panic!("neither ServerHello nor alert: {other:?}"),
    }
}

/// A connection after its handshake.
pub(crate) struct Secured(TlsStream<TcpStream>);

impl Secured {
    /// The protocol chosen by ALPN.
    pub(crate) fn protocol(&self) -> Option<String> {
        self.0.get_ref().1.alpn_protocol().map(|p| String::from_utf8_lossy(p).into_owned())
    }

    /// The version chosen.
    pub(crate) fn version(&self) -> ProtocolVersion {
        self.0.get_ref().1.protocol_version().expect("a version after the handshake")
    }

    /// The key exchange group chosen.
    pub(crate) fn group(&self) -> String {
        let group = self.0.get_ref().1.negotiated_key_exchange_group().expect("a group after the handshake");
        format!("{:?}", group.name())
    }

    /// Whether an earlier session was taken up.
    pub(crate) fn resumed(&self) -> bool {
        self.0.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// What the server presented, in its order.
    pub(crate) fn presented(&self) -> Vec<CertificateDer<'static>> {
        let chain = self.0.get_ref().1.peer_certificates().expect("certificates after the handshake");
        chain.iter().cloned().map(CertificateDer::into_owned).collect()
    }

    /// The connection as bytes.
    pub(crate) fn wire(self) -> Wire {
        Wire::new(self.0)
    }

    /// The stream itself.
    pub(crate) fn into_stream(self) -> TlsStream<TcpStream> {
        self.0
    }
}

#[derive(Debug)]
struct TakesAny;

impl ServerCertVerifier for TakesAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
