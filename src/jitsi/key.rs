//! The RSA key that signs meeting tokens: PEM as 8x8's console, `ssh-keygen` and `openssl` write it → a key.
//!
//! It takes PKCS#1 (`RSA PRIVATE KEY`) and PKCS#8 (`PRIVATE KEY`), in whatever shape
//! `cert::pem` reads certificates and their keys. It refuses everything that RS256
//! could not use, and says what the thing is and how to come by the right one.

use aws_lc_rs::rsa::KeyPair;
use thiserror::Error;

use crate::cert::pem::{Pem, PemError, PemFault};

/// Why a text is no key for meeting tokens.
#[derive(Debug, Error)]
#[error("{origin} {what}")]
pub struct KeyError {
    /// The file, or where else the text came from.
    pub origin: String,
    /// What it is or holds instead.
    pub what: What,
}

/// What was found in place of one RSA private key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum What {
    /// No byte, or blanks alone.
    #[error("is empty")]
    Empty,
    /// Binary DER, or a container of it, where its text form belongs.
    #[error("is in a binary form; PEM belongs here, the text between `-----BEGIN` and `-----END`")]
    Binary,
    /// No PEM block that is a key, or that tells what the file is.
    #[error("holds no private key in PEM form (`-----BEGIN PRIVATE KEY-----` or `-----BEGIN RSA PRIVATE KEY-----`)")]
    NoPem,
    /// A public key; signing takes the private one.
    #[error("holds a public key; signing takes the private one")]
    Public,
    /// Certificates and no key.
    #[error("holds a certificate, not a private key")]
    Certificate,
    /// Encrypted with a passphrase.
    #[error("holds a key that is encrypted with a passphrase")]
    Encrypted,
    /// In OpenSSH's own form.
    #[error("holds a key in OpenSSH's own form, which is no PKCS#1 or PKCS#8")]
    OpenSsh,
    /// Elliptic curve or Edwards curve.
    #[error("holds a key that is not RSA; meeting tokens are signed with RS256")]
    NotRsa,
    /// More than one private key, on these lines.
    #[error("holds two different private keys, on lines {0} and {1}; which one is meant cannot be known")]
    Several(usize, usize),
    /// RSA, too short for RS256 (RFC 7518 section 3.3).
    #[error("holds an RSA key of fewer than 2048 bits, which RS256 forbids")]
    TooSmall,
    /// RSA, longer than anyone verifies.
    #[error("holds an RSA key of more than 8192 bits")]
    TooLarge,
    /// Something else, in words.
    #[error("holds {0}, not a private key")]
    Other(String),
    /// Cut off, or altered.
    #[error("holds a private key that is damaged or cut off: {0}")]
    Damaged(String),
}

impl What {
    /// The command or edit that mends it; `None` where another key has to be made.
    pub fn mend(&self) -> Option<&'static str> {
        Some(match self {
            Self::Encrypted => "take the passphrase off in a copy: `openssl pkey -in KEY -out COPY`",
            Self::OpenSsh => "turn a copy into PEM: `ssh-keygen -p -m PEM -N '' -f COPY`",
            Self::Public => "name the private half: the file without `.pub`, or what a console let you download once",
            Self::Binary => "turn a copy into PEM: `openssl pkey -inform der -in KEY -out COPY`",
            Self::Several(..) => "leave one key in the file",
            Self::Damaged(_) => "copy it again, whole, from `-----BEGIN` to `-----END`",
            Self::Empty
            | Self::NoPem
            | Self::Certificate
            | Self::NotRsa
            | Self::TooSmall
            | Self::TooLarge
            | Self::Other(_) => return None,
        })
    }
}

/// Reads the one RSA private key in `text`; `origin` names the text in errors.
///
/// # Errors
/// Says what the text holds instead; see [`What`].
pub fn read(text: &[u8], origin: &str) -> Result<KeyPair, KeyError> {
    let fail = |what| KeyError { origin: origin.into(), what };
    let pem = Pem::parse(text, origin).map_err(|error| fail(What::of(&error)))?;
    let pkcs1 = pem.rsa_private_key().map_err(|error| {
        fail(match error.fault() {
            PemFault::NoKey { .. } if pem.has_public_key() => What::Public,
            PemFault::NoKey { .. } if pem.certificates().is_ok() => What::Certificate,
            PemFault::NoKey { found: Some(found) } => What::Other(found.clone()),
            // OpenSSH's public keys are no PEM.
            PemFault::NoKey { found: None } if text.trim_ascii_start().starts_with(b"ssh-") => What::Public,
            PemFault::NoKey { found: None } => What::NoPem,
            _ => What::of(&error),
        })
    })?;
    KeyPair::from_der(pkcs1.secret_pkcs1_der()).map_err(|error| fail(rejected(&error)))
}

impl What {
    /// What the certificates' reader says of a text, in the words of a key for tokens.
    fn of(error: &PemError) -> Self {
        match (error.fault(), error.line()) {
            (PemFault::Empty, _) => Self::Empty,
            (PemFault::Der | PemFault::Pkcs12, _) => Self::Binary,
            (PemFault::EncryptedKey, _) => Self::Encrypted,
            (PemFault::OpenSshKey, _) => Self::OpenSsh,
            (PemFault::NotRsa(_), _) => Self::NotRsa,
            (PemFault::UnusableKey, _) => Self::Damaged("it is no PKCS#8".to_owned()),
            (&PemFault::TwoKeys(first, second), _) => Self::Several(first, second),
            (fault, Some(line)) => Self::Damaged(format!("line {line}: {fault}")),
            (fault, None) => Self::Damaged(fault.to_string()),
        }
    }
}

/// aws-lc's words for a key that it does not take.
fn rejected(why: &aws_lc_rs::error::KeyRejected) -> What {
    match why.description_() {
        "TooSmall" => What::TooSmall,
        "TooLarge" => What::TooLarge,
        "WrongAlgorithm" => What::NotRsa,
        other => What::Damaged(other.to_owned()),
    }
}

#[cfg(test)]
mod tests;
