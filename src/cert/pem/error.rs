//! Why a PEM text does not give what it should: where, what, and what to do about it.
//!
//! It shows nothing of the text but a character that base64 does not have: the rest may be a key.

use std::fmt;

use thiserror::Error;

use crate::cert::read::ReadError;

/// Why a PEM text does not give what it should: where, and what is wrong there.
#[derive(Debug)]
pub struct PemError {
    origin: String,
    line: Option<usize>,
    fault: PemFault,
}

/// What is wrong with a PEM text.
#[derive(Debug, Error)]
pub enum PemFault {
    /// The file is not to be had.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// No byte, or blanks alone.
    #[error("is empty")]
    Empty,
    /// Binary DER where its text form belongs.
    #[error("is DER, the binary form, where PEM belongs")]
    Der,
    /// A PKCS#12 container (`.p12`, `.pfx`).
    #[error("is a PKCS#12 container, not PEM")]
    Pkcs12,
    /// A BEGIN without its END.
    #[error("the {label} block that begins here has no END line: the file is cut off, or a line is lost")]
    Unclosed {
        /// What the block is.
        label: String,
    },
    /// An END of another kind than the BEGIN.
    #[error("END {end} closes the {begin} block that began on line {line}")]
    WrongEnd {
        /// What began.
        begin: String,
        /// Where.
        line: usize,
        /// What ended.
        end: String,
    },
    /// A marker that is none.
    #[error("this is meant as a BEGIN or END line, but has not five hyphens on both sides, or no block to end")]
    BrokenMarker,
    /// A character that base64 does not have.
    #[error("the base64 text has the character {character:?}")]
    BadBase64 {
        /// Which.
        character: char,
    },
    /// Base64 characters that do not decode.
    #[error("the {label} block that begins here does not decode: characters are lost or doubled")]
    BadBlock {
        /// What the block is.
        label: String,
    },
    /// A certificate was sought.
    #[error("holds {}, where a certificate belongs", said(found))]
    NoCertificate {
        /// What is there in its place, if anything of use.
        found: Option<String>,
    },
    /// `openssl x509 -trustout`: other programs cannot read it.
    #[error("a TRUSTED CERTIFICATE block, which OpenSSL alone reads")]
    TrustedCertificate,
    /// A PKCS#7 container of certificates.
    #[error("a PKCS#7 container, where a CERTIFICATE block belongs")]
    Pkcs7,
    /// A private key was sought.
    #[error("holds {}, where a private key belongs", said(found))]
    NoKey {
        /// What is there in its place, if anything of use.
        found: Option<String>,
    },
    /// The key needs a passphrase.
    #[error("the private key is encrypted, and nobody is there at a start to type its passphrase")]
    EncryptedKey,
    /// The key is in OpenSSH's own form.
    #[error("the private key is in OpenSSH's form, not in PKCS#1, PKCS#8 or SEC1")]
    OpenSshKey,
    /// Which of them is meant?
    #[error("two different private keys, on lines {0} and {1}")]
    TwoKeys(usize, usize),
    /// No algorithm that TLS has here.
    #[error(
        "the private key cannot be used: it is damaged, or neither RSA (2048 to 8192 bits) nor ECDSA (P-256, P-384, P-521) nor Ed25519"
    )]
    UnusableKey,
    /// An RSA key was sought.
    #[error("the private key is {0}, where an RSA key belongs")]
    NotRsa(&'static str),
}

fn said(found: &Option<String>) -> &str {
    found.as_deref().unwrap_or("no PEM block of use")
}

impl PemError {
    pub(super) fn at(origin: &str, line: usize, fault: PemFault) -> Self {
        Self { origin: origin.to_owned(), line: Some(line), fault }
    }

    pub(super) fn whole(origin: &str, fault: PemFault) -> Self {
        Self { origin: origin.to_owned(), line: None, fault }
    }

    /// What is wrong, for who decides by it.
    pub fn fault(&self) -> &PemFault {
        &self.fault
    }

    /// Line of the text, from 1; `None` where the whole is meant.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// Whether there is no such file, as before the first issue of a certificate.
    pub fn is_missing(&self) -> bool {
        matches!(self.fault, PemFault::Read(ReadError::Missing(_)))
    }

    /// What to do about it: a command or an edit.
    pub fn mend(&self) -> Option<String> {
        let origin = &self.origin;
        match &self.fault {
            PemFault::Read(error) => error.mend(origin),
            PemFault::Der => Some(format!(
                "turn it into PEM: openssl x509 -inform der -in {origin} -out {origin}.pem (a key: openssl pkey -inform der in place of x509)"
            )),
            PemFault::Pkcs12 => Some(format!("take it apart: openssl pkcs12 -in {origin} -noenc -out {origin}.pem")),
            PemFault::Unclosed { .. } | PemFault::BadBlock { .. } | PemFault::BadBase64 { .. } => {
                Some("copy the file anew from where it was issued".to_owned())
            }
            PemFault::WrongEnd { .. } | PemFault::BrokenMarker => {
                Some("each block is -----BEGIN X-----, its base64 lines, -----END X-----: mend this line".to_owned())
            }
            PemFault::TrustedCertificate => {
                Some(format!("turn it into a plain one: openssl x509 -in {origin} -out {origin}.plain"))
            }
            PemFault::Pkcs7 => {
                Some(format!("take it apart: openssl pkcs7 -in {origin} -print_certs -out {origin}.pem"))
            }
            PemFault::EncryptedKey => Some(format!(
                "take the passphrase off once, and keep the result to yourself: (umask 077; openssl pkey -in {origin} -out {origin}.plain)"
            )),
            PemFault::OpenSshKey => Some(format!("turn a copy of it into PEM: ssh-keygen -p -N '' -m PEM -f {origin}")),
            PemFault::TwoKeys(..) => Some("leave the key of this certificate alone in the file".to_owned()),
            PemFault::NoCertificate { .. } => Some(
                "name the file that holds the certificate and its intermediates, such as certbot's fullchain.pem"
                    .to_owned(),
            ),
            PemFault::NoKey { .. } => {
                Some("name the file that holds the private key, such as certbot's privkey.pem".to_owned())
            }
            PemFault::Empty => Some("copy the file anew from where it was issued, or name another".to_owned()),
            PemFault::UnusableKey => Some(format!(
                "see what `openssl pkey -noout -text -in {origin}` says of it; if it is of another kind, have a certificate issued for a new key"
            )),
            PemFault::NotRsa(_) => None,
        }
    }
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, line {line}: {}", self.origin, self.fault),
            None => write!(f, "{}: {}", self.origin, self.fault),
        }
    }
}

impl std::error::Error for PemError {
    /// The system's error; the fault itself is in the sentence already.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.fault.source()
    }
}
