//! Whom we believe when we speak TLS to an upstream.
//!
//! Verification is by the configured roots, or Mozilla's, with SNI. Turning it
//! off takes `upstream_verify = false`, which `check` and the start say loudly.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use thiserror::Error;

use crate::cert::pem;
use crate::config::model::{UpstreamAddress, UpstreamVerify};
use crate::route::host::Host;

/// How to speak TLS to one upstream.
#[derive(Debug, Clone)]
pub struct Trust {
    /// ALPN `http/1.1`, the roots, or none at all.
    pub client: Arc<ClientConfig>,
    /// For SNI and verification.
    pub name: ServerName<'static>,
    /// Who is believed, to be held against another.
    believed: Believed,
}

/// Who is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Believed {
    Anyone,
    /// Whom Mozilla believes.
    Mozilla,
    /// The roots of a file, as it was read.
    These(Arc<[CertificateDer<'static>]>),
}

/// Why TLS to an upstream cannot even be tried.
#[derive(Debug, Error)]
pub enum TrustError {
    /// `upstream_roots` cannot be read.
    #[error("upstream_roots cannot be used: {0}")]
    Roots(#[source] pem::PemError),
    /// A certificate in `upstream_roots` is no trust anchor.
    #[error("a certificate in upstream_roots {path} cannot be a root")]
    BadRoot {
        /// Which.
        path: PathBuf,
        /// What rustls said.
        #[source]
        source: rustls::Error,
    },
    /// The name is none that a certificate can bear.
    #[error("{0} is no name that a certificate can bear")]
    Name(Host),
    /// rustls refused its own defaults.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

impl TrustError {
    /// The command or edit that mends it.
    pub fn mend(&self) -> Option<String> {
        match self {
            Self::Roots(error) => error.mend(),
            Self::BadRoot { .. } => Some("name a file with the CA's own certificates, not with a server's".into()),
            Self::Name(_) => Some("write the name that the upstream's certificate bears: upstream_name = \"…\"".into()),
            Self::Tls(_) => None,
        }
    }
}

impl Trust {
    /// Reads the roots and settles the name for one upstream.
    ///
    /// # Errors
    /// Where the roots cannot be read or the name is none; see [`TrustError`].
    pub fn new(address: &UpstreamAddress, verify: &UpstreamVerify) -> Result<Self, TrustError> {
        let host = verify.name.as_ref().unwrap_or(&address.host);
        let bare = host.as_str().trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare).map_err(|_| TrustError::Name(host.clone()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(TrustError::Tls)?;
        let (mut client, believed) = if verify.on {
            let (roots, believed) = roots(verify)?;
            (builder.with_root_certificates(roots).with_no_client_auth(), believed)
        } else {
            let anyone = Arc::new(Anyone(provider));
            (builder.dangerous().with_custom_certificate_verifier(anyone).with_no_client_auth(), Believed::Anyone)
        };
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { client: Arc::new(client), name, believed })
    }

    /// Whether both ask for the same name and believe the same, whatever the file of the roots is called.
    pub fn is_as(&self, other: &Self) -> bool {
        self.name == other.name && self.believed == other.believed
    }
}

fn roots(verify: &UpstreamVerify) -> Result<(RootCertStore, Believed), TrustError> {
    let mut store = RootCertStore::empty();
    let Some(path) = &verify.roots else {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok((store, Believed::Mozilla));
    };
    let certificates = pem::certificates(path).map_err(TrustError::Roots)?;
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|source| TrustError::BadRoot { path: path.clone(), source })?;
    }
    Ok((store, Believed::These(certificates.into())))
}

/// What went wrong once TCP stood: the certificate, the protocol, or an upstream that hung up over it.
#[derive(Debug, Error)]
#[error(transparent)]
pub(super) struct Shaking(io::Error);

impl Shaking {
    /// Marks an error of the handshake as one.
    pub(super) fn tag(error: io::Error) -> io::Error {
        io::Error::new(error.kind(), Self(error))
    }

    /// Whether it is so marked.
    pub(super) fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

/// Believes any certificate; the signatures of the handshake are still checked.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
