//! Which roots count, and whether a strict client gets from a leaf to one of them.
//!
//! The verdict is webpki's, as rustls asks it: no fetching of what is missing (no
//! AIA), no names, at a given time. It is what Android and iOS see.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, spki_for_anchor};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::member::Member;
use super::pem::{self, PemError};

/// The same algorithms that a rustls client has.
static ALGORITHMS: LazyLock<WebPkiSupportedAlgorithms> =
    LazyLock::new(|| aws_lc_rs::default_provider().signature_verification_algorithms);

/// The roots that a chain is judged by.
#[derive(Debug)]
pub struct Roots {
    anchors: Vec<TrustAnchor<'static>>,
    /// Whether they are those of `trusted_roots`, and not Mozilla's.
    pub(super) private: bool,
}

/// Why a list of roots cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The file.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// One certificate of it.
    #[error("certificate {number} of {path} cannot be a root: {source}")]
    Anchor {
        /// Which, from 1.
        number: usize,
        /// The file.
        path: String,
        /// What webpki said.
        source: webpki::Error,
    },
}

impl RootsError {
    /// What to do about it.
    pub(super) fn mend(&self) -> Option<String> {
        match self {
            Self::Pem(error) => error.mend(),
            Self::Anchor { .. } => Some("name a file with the CA's own certificates, not with a server's".to_owned()),
        }
    }
}

impl Roots {
    /// Mozilla's list as of this build, or the roots of a private CA.
    ///
    /// # Errors
    /// Where the file is not to be had, or a certificate in it is no trust anchor.
    pub fn read(private: Option<&Path>) -> Result<Self, RootsError> {
        let Some(path) = private else {
            return Ok(Self { anchors: webpki_roots::TLS_SERVER_ROOTS.to_vec(), private: false });
        };
        let mut anchors = Vec::new();
        for (index, certificate) in pem::certificates(path)?.iter().enumerate() {
            let anchor = anchor_from_trusted_cert(certificate).map_err(|source| RootsError::Anchor {
                number: index + 1,
                path: path.display().to_string(),
                source,
            })?;
            anchors.push(anchor.to_owned());
        }
        Ok(Self { anchors, private: true })
    }

    /// What these roots are called in a sentence.
    pub(super) fn called(&self) -> &'static str {
        if self.private { "the roots of `trusted_roots`" } else { "Mozilla's roots of this build" }
    }

    /// Whether one of them is this self-signed certificate, by name and key.
    pub(super) fn include(&self, member: &Member<'_>) -> bool {
        self.issuer_key_is(member, |key| key.subject_public_key.data == member.public_key())
    }

    /// Whether one of them signed this certificate itself, with nothing between.
    pub(super) fn signed(&self, member: &Member<'_>) -> bool {
        self.issuer_key_is(member, |key| member.is_signed_with(key))
    }

    /// Whether one of them has the name of this certificate's issuer, whatever its key.
    pub(super) fn have_name_of_issuer(&self, member: &Member<'_>) -> bool {
        self.issuer_key_is(member, |_| true)
    }

    /// Whether the key of a root with the name of this certificate's issuer passes the test.
    fn issuer_key_is(&self, member: &Member<'_>, test: impl Fn(&SubjectPublicKeyInfo<'_>) -> bool) -> bool {
        let issuer = member.issuer_content();
        self.anchors.iter().filter(|anchor| anchor.subject.as_ref() == issuer).any(|anchor| {
            let key = spki_for_anchor(anchor);
            SubjectPublicKeyInfo::from_der(&key).is_ok_and(|(_, key)| test(&key))
        })
    }

    /// Whether a strict client that gets these certificates reaches one of the roots at this time
    /// (seconds since 1970); on success the intermediates on its way, the leaf's issuer first.
    pub(super) fn reached(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        time: u64,
    ) -> Result<Vec<CertificateDer<'static>>, webpki::Error> {
        let leaf = EndEntityCert::try_from(leaf)?;
        let path = leaf.verify_for_usage(
            ALGORITHMS.all,
            &self.anchors,
            others,
            UnixTime::since_unix_epoch(Duration::from_secs(time)),
            KeyUsage::server_auth(),
            None,
            None,
        )?;
        Ok(path.intermediate_certificates().map(|cert| cert.der().into_owned()).collect())
    }
}
