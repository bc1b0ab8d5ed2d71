//! PEM files as people have them: which certificates and keys a text holds, and on which lines.
//!
//! It refuses, with file and line, what another reader would drop silently: a
//! truncated block, an encrypted key, two different keys, a key or a certificate
//! that is something else.
//!
//! The one file that uses `rustls-pemfile`. That crate is archived in favour of
//! `rustls-pki-types` (RUSTSEC-2025-0134: unmaintained, no known hole) and is kept
//! because the project's user asked for it by name and it is a thin wrapper.
//! Leaving it is a change to `decode` below and to nothing else.

mod blocks;
pub(super) mod encode;
mod error;

use std::path::Path;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer};
use rustls_pemfile::Item;

use self::blocks::Block;
pub use self::error::{PemError, PemFault};
use super::container;
use super::key;
use super::read;

/// Something found in a PEM text, with the line where its block begins.
#[derive(Debug)]
pub struct Placed<T> {
    /// The thing.
    pub item: T,
    /// Line of its BEGIN, from 1; 0 where it came from no text.
    pub line: usize,
}

/// What a PEM text holds.
#[derive(Debug)]
pub struct Pem {
    origin: String,
    /// In the order of the text, doubles and all.
    certificates: Vec<Placed<CertificateDer<'static>>>,
    keys: Vec<Placed<PrivateKeyDer<'static>>>,
    /// Neither, yet worth a word where the other is sought.
    others: Vec<Placed<Other>>,
}

/// A block that serves nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Other {
    EncryptedKey,
    OpenSshKey,
    PublicKey,
    Request,
    TrustedCertificate,
    Pkcs7,
}

enum Decoded {
    Certificate(CertificateDer<'static>),
    Key(PrivateKeyDer<'static>),
    Other(Other),
    /// `EC PARAMETERS`, `DH PARAMETERS`, `X509 CRL` and whatever else stands about.
    Nothing,
}

impl Pem {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it is not to be had, or a block in it is damaged.
    pub fn read(path: &Path) -> Result<Self, PemError> {
        let origin = path.display().to_string();
        let bytes = read::read(path).map_err(|error| PemError::whole(&origin, error.into()))?;
        Self::parse(&bytes, &origin)
    }

    /// Reads a file that may be binary, too: a DER certificate, or a PKCS#7 container of them. For commands that put
    /// files right; what is served stays text, as other programs want it.
    ///
    /// # Errors
    /// As [`Pem::read`].
    pub fn read_any(path: &Path) -> Result<Self, PemError> {
        let origin = path.display().to_string();
        let bytes = read::read(path).map_err(|error| PemError::whole(&origin, error.into()))?;
        match container::certificates(&bytes) {
            Some(found) => {
                let certificates = found.into_iter().map(|item| Placed { item, line: 0 }).collect();
                Ok(Self { origin, certificates, keys: Vec::new(), others: Vec::new() })
            }
            None => Self::parse(&bytes, &origin),
        }
    }

    /// Reads a text; `origin` is what errors call it: a file, or the name of an environment variable.
    ///
    /// # Errors
    /// Where a block is damaged, or this is no text at all.
    pub fn parse(bytes: &[u8], origin: &str) -> Result<Self, PemError> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(PemError::whole(origin, PemFault::Empty));
        }
        if let Some(fault) = binary(bytes) {
            return Err(PemError::whole(origin, fault));
        }
        let located = |(line, fault)| PemError::at(origin, line, fault);
        let mut pem =
            Self { origin: origin.to_owned(), certificates: Vec::new(), keys: Vec::new(), others: Vec::new() };
        for block in blocks::blocks(bytes).map_err(located)? {
            let line = block.line;
            match decode(&block).map_err(|fault| PemError::at(origin, line, fault))? {
                Decoded::Certificate(item) => pem.certificates.push(Placed { item, line }),
                Decoded::Key(item) => pem.keys.push(Placed { item, line }),
                Decoded::Other(item) => pem.others.push(Placed { item, line }),
                Decoded::Nothing => {}
            }
        }
        Ok(pem)
    }

    /// The certificates, in the order of the text, doubles and all; never none.
    ///
    /// # Errors
    /// Where there is none: says what is there. Also where one is in a form that is not read: it would be
    /// missing without a word.
    pub fn certificates(&self) -> Result<&[Placed<CertificateDer<'static>>], PemError> {
        let unread = self.others.iter().find_map(|other| match other.item {
            Other::TrustedCertificate => Some((other.line, PemFault::TrustedCertificate)),
            Other::Pkcs7 => Some((other.line, PemFault::Pkcs7)),
            _ => None,
        });
        match unread {
            Some((line, fault)) => Err(PemError::at(&self.origin, line, fault)),
            None if self.certificates.is_empty() => {
                Err(PemError::whole(&self.origin, PemFault::NoCertificate { found: self.summary() }))
            }
            None => Ok(&self.certificates),
        }
    }

    /// Whether there is a private key, usable or not.
    pub fn has_key(&self) -> bool {
        let unusable = |other: &Placed<Other>| matches!(other.item, Other::EncryptedKey | Other::OpenSshKey);
        !self.keys.is_empty() || self.others.iter().any(unusable)
    }

    /// The one private key. The same key twice counts once, in whatever encoding.
    ///
    /// # Errors
    /// Where there is none, or two that differ, or one that cannot be used.
    pub fn private_key(&self) -> Result<PrivateKeyDer<'static>, PemError> {
        let found = self.one()?;
        match key::signing(&found.item) {
            Some(_) => Ok(found.item.clone_key()),
            None => Err(PemError::at(&self.origin, found.line, PemFault::UnusableKey)),
        }
    }

    /// The one RSA private key, as PKCS#1 (RFC 8017 appendix A.1.2) whatever it came as. Its numbers are not checked.
    ///
    /// # Errors
    /// Where there is none, or two that differ, or one of another kind than RSA.
    pub fn rsa_private_key(&self) -> Result<PrivatePkcs1KeyDer<'static>, PemError> {
        let found = self.one()?;
        key::rsa(&found.item).map_err(|kind| {
            PemError::at(&self.origin, found.line, kind.map_or(PemFault::UnusableKey, PemFault::NotRsa))
        })
    }

    fn one(&self) -> Result<&Placed<PrivateKeyDer<'static>>, PemError> {
        let Some((first, rest)) = self.keys.split_first() else {
            return Err(self.no_key());
        };
        match rest.iter().find(|other| !key::same(&first.item, &other.item)) {
            Some(other) => Err(PemError::at(&self.origin, other.line, PemFault::TwoKeys(first.line, other.line))),
            None => Ok(first),
        }
    }

    /// Whether there is a public key.
    pub fn has_public_key(&self) -> bool {
        self.has(Other::PublicKey)
    }

    fn has(&self, kind: Other) -> bool {
        self.others.iter().any(|other| other.item == kind)
    }

    fn no_key(&self) -> PemError {
        let unusable = self.others.iter().find_map(|other| match other.item {
            Other::EncryptedKey => Some((other.line, PemFault::EncryptedKey)),
            Other::OpenSshKey => Some((other.line, PemFault::OpenSshKey)),
            _ => None,
        });
        match unusable {
            Some((line, fault)) => PemError::at(&self.origin, line, fault),
            None => PemError::whole(&self.origin, PemFault::NoKey { found: self.summary() }),
        }
    }

    /// What is there, in words: `2 certificates and a public key`; `None` where nothing of use is.
    fn summary(&self) -> Option<String> {
        let mut parts = Vec::new();
        match self.certificates.len() {
            0 => {}
            1 => parts.push("a certificate".to_owned()),
            many => parts.push(format!("{many} certificates")),
        }
        if self.has_key() {
            parts.push("a private key".to_owned());
        }
        if self.has(Other::PublicKey) {
            parts.push("a public key".to_owned());
        }
        if self.has(Other::Request) {
            parts.push("a certificate request (CSR)".to_owned());
        }
        (!parts.is_empty()).then(|| parts.join(" and "))
    }
}

/// All certificates of a file, such as a list of roots.
///
/// # Errors
/// Where the file is not to be had, is damaged, or holds no certificate.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let pem = Pem::read(path)?;
    pem.certificates()?;
    Ok(pem.certificates.into_iter().map(|placed| placed.item).collect())
}

/// The one private key of a text; `origin` is what errors call it.
///
/// # Errors
/// As [`Pem::parse`] and [`Pem::private_key`].
pub fn private_key(bytes: &[u8], origin: &str) -> Result<PrivateKeyDer<'static>, PemError> {
    Pem::parse(bytes, origin)?.private_key()
}

/// What a binary file is, where it is one of those that belong here after conversion.
fn binary(bytes: &[u8]) -> Option<PemFault> {
    let rest = match bytes {
        // A SEQUENCE longer than 127 bytes; no text begins so, since 0x81 to 0x84 begin no UTF-8 character.
        [0x30, 0x80..=0x84, rest @ ..] => rest,
        // A shorter one, such as an EC key, fills the file to the last byte.
        [0x30, length @ ..0x80, rest @ ..] if usize::from(*length) == rest.len() => rest,
        _ => return None,
    };
    // PFX ::= SEQUENCE { version INTEGER {v3(3)}, ... } (RFC 7292 section 4), after up to four bytes of length.
    let version_three = rest.windows(3).take(5).any(|window| window == [0x02, 0x01, 0x03]);
    Some(if version_three { PemFault::Pkcs12 } else { PemFault::Der })
}

/// Turns one block into what it holds.
fn decode(block: &Block) -> Result<Decoded, PemFault> {
    let label = match block.label.as_str() {
        _ if block.encrypted => return Ok(Decoded::Other(Other::EncryptedKey)),
        "ENCRYPTED PRIVATE KEY" => return Ok(Decoded::Other(Other::EncryptedKey)),
        "OPENSSH PRIVATE KEY" => return Ok(Decoded::Other(Other::OpenSshKey)),
        "PUBLIC KEY" | "RSA PUBLIC KEY" => return Ok(Decoded::Other(Other::PublicKey)),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => return Ok(Decoded::Other(Other::Request)),
        "TRUSTED CERTIFICATE" => return Ok(Decoded::Other(Other::TrustedCertificate)),
        "PKCS7" | "CMS" => return Ok(Decoded::Other(Other::Pkcs7)),
        // The oldest name of the same thing.
        "CERTIFICATE" | "X509 CERTIFICATE" => "CERTIFICATE",
        "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => block.label.as_str(),
        _ => return Ok(Decoded::Nothing),
    };
    let clean = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", block.body);
    let item = match rustls_pemfile::read_one_from_slice(clean.as_bytes()) {
        Ok(Some((item, _))) => item,
        Ok(None) | Err(_) => return Err(PemFault::BadBlock { label: block.label.clone() }),
    };
    Ok(match item {
        Item::X509Certificate(certificate) => Decoded::Certificate(certificate),
        Item::Pkcs1Key(key) => Decoded::Key(key.into()),
        Item::Pkcs8Key(key) => Decoded::Key(key.into()),
        Item::Sec1Key(key) => Decoded::Key(key.into()),
        _ => Decoded::Nothing,
    })
}

#[cfg(test)]
mod tests;
