//! Keys and signatures of certificates: what they are, and how far they carry.
//!
//! It reads and classifies; which client takes what is `family`'s part.

use std::fmt;

use serde::Serialize;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_HASH_SHA1, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_RSASSAPSS,
    OID_SIG_ED25519, Oid,
};
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::PublicKey;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

/// Shortest RSA key that every client takes (CA/Browser Forum Baseline Requirements, section 6.1.5), in bits.
pub const RSA_BITS: usize = 2048;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// RSA, with its modulus in bits.
    Rsa(usize),
    /// A curve: its name as NIST or its makers have it, and its size in bits where that is known.
    Curve(&'static str, usize),
    /// Any other, by its object identifier.
    Other(String),
}

/// What is wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeakKey {
    /// RSA with fewer than 1024 bits.
    TinyRsa,
    /// RSA with 1024 to 2047 bits.
    ShortRsa,
    /// A curve with fewer than 224 bits, P-192 say.
    TinyCurve,
    /// P-521, which Chrome and Android do not offer in the handshake. No fault of an issuer's key.
    P521,
    /// Ed25519 and the like: no browser takes it.
    Uncommon,
}

/// How a certificate was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// With SHA-2, or with an algorithm that has its own hash.
    Strong(String),
    /// With SHA-1: forged in practice since 2017.
    Sha1(String),
    /// With MD2, MD4 or MD5: forged in practice since 2008.
    Md(String),
}

impl Key {
    pub(super) fn of(info: &SubjectPublicKeyInfo<'_>) -> Self {
        let algorithm = &info.algorithm.algorithm;
        if let Ok(PublicKey::RSA(rsa)) = info.parsed() {
            return Self::Rsa(bits(rsa.modulus));
        }
        if *algorithm == OID_SIG_ED25519 {
            return Self::Curve("Ed25519", 256);
        }
        if *algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
            let curve = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
            return match curve {
                Some(oid) if oid == OID_EC_P256 => Self::Curve("P-256", 256),
                Some(oid) if oid == OID_NIST_EC_P384 => Self::Curve("P-384", 384),
                Some(oid) if oid == OID_NIST_EC_P521 => Self::Curve("P-521", 521),
                Some(oid) => Self::uncommon_curve(&oid),
                None => Self::Other("EC with a curve of its own".to_owned()),
            };
        }
        match algorithm.to_id_string().as_str() {
            "1.3.101.113" => Self::Curve("Ed448", 456),
            "1.2.840.10040.4.1" => Self::Other("DSA".to_owned()),
            other => Self::Other(other.to_owned()),
        }
    }

    /// Curves that no browser takes: named by ANSI X9.62, SEC 2 and RFC 5639.
    fn uncommon_curve(oid: &Oid<'_>) -> Self {
        match oid.to_id_string().as_str() {
            "1.2.840.10045.3.1.1" => Self::Curve("P-192", 192),
            "1.3.132.0.33" => Self::Curve("P-224", 224),
            "1.3.132.0.10" => Self::Curve("secp256k1", 256),
            "1.3.36.3.3.2.8.1.1.7" => Self::Curve("brainpoolP256r1", 256),
            "1.3.36.3.3.2.8.1.1.11" => Self::Curve("brainpoolP384r1", 384),
            other => Self::Other(format!("EC over {other}")),
        }
    }

    /// What is wrong with it, where it is the leaf's key or an issuer's.
    pub(super) fn weakness(&self, is_leaf: bool) -> Option<WeakKey> {
        match self {
            Self::Rsa(bits) if *bits < 1024 => Some(WeakKey::TinyRsa),
            Self::Rsa(bits) if *bits < RSA_BITS => Some(WeakKey::ShortRsa),
            Self::Rsa(_) | Self::Curve("P-256" | "P-384", _) => None,
            Self::Curve("P-521", _) => is_leaf.then_some(WeakKey::P521),
            Self::Curve(_, bits) if *bits < 224 => Some(WeakKey::TinyCurve),
            Self::Curve(..) | Self::Other(_) => Some(WeakKey::Uncommon),
        }
    }
}

/// The length of a big-endian number without its leading zeros, which DER has for the sign's sake.
fn bits(modulus: &[u8]) -> usize {
    let start = modulus.iter().position(|byte| *byte != 0).unwrap_or(modulus.len());
    let first = modulus.get(start).map_or(0, |byte| byte.leading_zeros() as usize);
    (modulus.len() - start) * 8 - first
}

impl Signature {
    pub(super) fn of(x509: &X509Certificate<'_>) -> Self {
        let algorithm = &x509.signature_algorithm;
        let id = algorithm.algorithm.to_id_string();
        let name = match id.as_str() {
            "1.2.840.113549.1.1.2" => return Self::Md("RSA with MD2".to_owned()),
            "1.2.840.113549.1.1.3" => return Self::Md("RSA with MD4".to_owned()),
            "1.2.840.113549.1.1.4" => return Self::Md("RSA with MD5".to_owned()),
            "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => return Self::Sha1("RSA with SHA-1".to_owned()),
            "1.2.840.10040.4.3" => return Self::Sha1("DSA with SHA-1".to_owned()),
            "1.2.840.10045.4.1" => return Self::Sha1("ECDSA with SHA-1".to_owned()),
            _ if algorithm.algorithm == OID_PKCS1_RSASSAPSS => return Self::pss(algorithm),
            "1.2.840.113549.1.1.11" => "RSA with SHA-256",
            "1.2.840.113549.1.1.12" => "RSA with SHA-384",
            "1.2.840.113549.1.1.13" => "RSA with SHA-512",
            "1.2.840.113549.1.1.14" => "RSA with SHA-224",
            "1.2.840.10045.4.3.1" => "ECDSA with SHA-224",
            "1.2.840.10045.4.3.2" => "ECDSA with SHA-256",
            "1.2.840.10045.4.3.3" => "ECDSA with SHA-384",
            "1.2.840.10045.4.3.4" => "ECDSA with SHA-512",
            "1.3.101.112" => "Ed25519",
            "1.3.101.113" => "Ed448",
            other => other,
        };
        Self::Strong(name.to_owned())
    }

    /// RSASSA-PSS names its hash in the parameters; without them it is SHA-1 (RFC 4055 section 3.1).
    fn pss(algorithm: &AlgorithmIdentifier<'_>) -> Self {
        let parameters = algorithm.parameters.as_ref().and_then(|any| RsaSsaPssParams::try_from(any).ok());
        let sha1 = parameters.is_none_or(|parameters| *parameters.hash_algorithm_oid() == OID_HASH_SHA1);
        if sha1 { Self::Sha1("RSA-PSS with SHA-1".to_owned()) } else { Self::Strong("RSA-PSS".to_owned()) }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA {bits}"),
            Self::Curve(name @ ("Ed25519" | "Ed448"), _) => f.write_str(name),
            Self::Curve(name, _) => write!(f, "EC {name}"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Strong(name) | Self::Sha1(name) | Self::Md(name)) = self;
        f.write_str(name)
    }
}

impl Serialize for Key {
    /// As it is shown: `RSA 2048`, `EC P-256`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Signature {
    /// As it is shown: `RSA with SHA-256`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
