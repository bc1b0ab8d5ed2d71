//! A verifier that takes what it is shown, for somebody else to judge.
//!
//! It believes everything, so nothing may ever be sent on a connection that it
//! let through.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use crate::cert::doctor::Proof;
use crate::cert::doctor::strength::{Key, RSA_BITS};

/// Longest RSA key that aws-lc verifies with.
const MAX_RSA_BITS: usize = 8192;

/// What was shown.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) proof: Proof,
}

#[derive(Debug)]
pub(super) struct Capture {
    provider: Arc<CryptoProvider>,
    seen: Mutex<Option<Captured>>,
}

impl Capture {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Self {
        Self { provider, seen: Mutex::new(None) }
    }

    /// What was shown, if anything; once.
    pub(super) fn taken(&self) -> Option<Captured> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(
        &self,
        certificate: &CertificateDer<'_>,
        outcome: &Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        if let Some(captured) = &mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner) {
            captured.proof = match outcome {
                Ok(_) => Proof::Shown,
                // Of a key that aws-lc does not verify with, it says the same.
                Err(Error::InvalidCertificate(CertificateError::BadSignature)) if is_verified_with(certificate) => {
                    Proof::Failed
                }
                // A key or a certificate that rustls cannot use says nothing of whose it is.
                Err(_) => Proof::Unknown,
            };
        }
        Ok(HandshakeSignatureValid::assertion())
    }
}

impl ServerCertVerifier for Capture {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificates = std::iter::once(leaf).chain(others).map(|der| der.clone().into_owned()).collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Captured { certificates, proof: Proof::Unknown });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.note(certificate, &verify_tls12_signature(message, certificate, signature, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.note(certificate, &verify_tls13_signature(message, certificate, signature, algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether signatures of this key can be told from wrong ones here.
fn is_verified_with(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, x509)) = x509_parser::parse_x509_certificate(certificate) else { return false };
    match Key::of(x509.public_key()) {
        Key::Rsa(bits) => (RSA_BITS..=MAX_RSA_BITS).contains(&bits),
        Key::Curve(..) | Key::Other(_) => true,
    }
}
