//! The RSA key that signs meeting tokens: PEM as 8x8's console, `ssh-keygen` and `openssl` write it → a key.
//!
//! It takes PKCS#1 (`RSA PRIVATE KEY`) and PKCS#8 (`PRIVATE KEY`), with CRLF, a
//! byte-order mark or text between the blocks. It refuses everything that JaaS could
//! not use, and says what the thing is and how to come by the right one.

use aws_lc_rs::rsa::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::EncodingKey;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;

/// How a key for JaaS is made (developer.8x8.com/jaas/docs/api-keys-generate-add).
const MAKE: &str = "make one with `ssh-keygen -t rsa -b 4096 -m PEM -f jaas.pk`, upload what \
    `openssl rsa -in jaas.pk -pubout` prints in the JaaS console, and set key_id to the id shown there";

/// Why a text is no key for meeting tokens.
#[derive(Debug, Error)]
#[error("{origin} {what}")]
pub struct KeyError {
    /// The file, or where else the text came from.
    pub origin: String,
    /// What it is or holds instead.
    pub what: What,
    /// What the library said of it, where it was asked.
    #[source]
    pub source: Option<jsonwebtoken::errors::Error>,
}

/// What was found in place of one RSA private key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum What {
    /// No PEM block at all.
    #[error("holds no PEM block (`-----BEGIN …`)")]
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
    #[error("holds a key that is not RSA; JaaS takes RS256 alone")]
    NotRsa,
    /// More than one private key.
    #[error("holds {0} private keys; which one is meant cannot be known")]
    Several(usize),
    /// RSA, too short for RS256 (RFC 7518 section 3.3).
    #[error("holds an RSA key of fewer than 2048 bits, which RS256 forbids")]
    TooSmall,
    /// RSA, longer than anyone verifies.
    #[error("holds an RSA key of more than 8192 bits")]
    TooLarge,
    /// A block of another kind.
    #[error("holds a PEM block \"{0}\" and no private key")]
    Other(String),
    /// Cut off, or altered.
    #[error("holds a private key that is damaged or cut off: {0}")]
    Damaged(String),
}

impl What {
    /// The command or edit that mends it.
    pub fn mend(&self) -> &'static str {
        match self {
            Self::Encrypted => "take the passphrase off in a copy: `openssl pkey -in KEY -out jaas.pk`",
            Self::OpenSsh => "turn a copy into PEM: `ssh-keygen -p -m PEM -N '' -f COPY`",
            Self::Public => {
                "name the private half: the file without `.pub`, or what the JaaS console let you download once"
            }
            Self::Several(_) => "leave one key in the file",
            Self::Damaged(_) => "copy it again, whole, from `-----BEGIN` to `-----END`",
            Self::NoPem | Self::Certificate | Self::NotRsa | Self::TooSmall | Self::TooLarge | Self::Other(_) => MAKE,
        }
    }
}

/// Reads the one RSA private key in `pem`; `origin` names the text in errors.
///
/// # Errors
/// Says what the text holds instead; see [`What`].
pub fn read(pem: &[u8], origin: &str) -> Result<EncodingKey, KeyError> {
    let fail = |what| KeyError { origin: origin.into(), what, source: None };
    match private_key(pem).map_err(fail)? {
        PrivateKeyDer::Pkcs1(der) => {
            KeyPair::from_der(der.secret_pkcs1_der()).map_err(|e| fail(rejected(&e)))?;
            Ok(EncodingKey::from_rsa_der(der.secret_pkcs1_der()))
        }
        PrivateKeyDer::Pkcs8(der) => {
            KeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|e| fail(rejected(&e)))?;
            // jsonwebtoken opens PKCS#8 in PEM form alone, and takes no byte-order mark or second block with it.
            let plain = format!(
                "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                STANDARD.encode(der.secret_pkcs8_der())
            );
            EncodingKey::from_rsa_pem(plain.as_bytes()).map_err(|source| KeyError {
                origin: origin.into(),
                what: What::Damaged("its PKCS#8 cannot be opened".into()),
                source: Some(source),
            })
        }
        _ => Err(fail(What::NotRsa)),
    }
}

/// The one private key among the blocks of a PEM text. Names what is there where none is.
fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, What> {
    let pem = pem.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(pem);
    let text = String::from_utf8_lossy(pem);
    let labels: Vec<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----")).collect();
    let has = |label: &str| labels.contains(&label);

    if has("ENCRYPTED PRIVATE KEY")
        || text.lines().any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"))
    {
        return Err(What::Encrypted);
    }
    if has("OPENSSH PRIVATE KEY") {
        return Err(What::OpenSsh);
    }
    match labels.iter().filter(|label| label.ends_with("PRIVATE KEY")).count() {
        0 => Err(instead(&labels, &text)),
        1 => PrivateKeyDer::from_pem_slice(pem).map_err(|e| What::Damaged(e.to_string())),
        several => Err(What::Several(several)),
    }
}

/// What a text without a private key is.
fn instead(labels: &[&str], text: &str) -> What {
    match labels.first() {
        Some(label) if label.ends_with("PUBLIC KEY") => What::Public,
        Some(&"CERTIFICATE") => What::Certificate,
        Some(label) => What::Other((*label).to_owned()),
        None if text.trim_start().starts_with("ssh-") => What::Public,
        None => What::NoPem,
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
