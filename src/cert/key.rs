//! Private keys: what they sign with, whether two are the same, and RSA keys laid bare.
//!
//! It reads no file and says nothing of where a key came from; `pem` does.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer};
use rustls::sign::SigningKey;
use x509_parser::asn1_rs::{FromDer as _, Integer, OctetString, Oid, Sequence};
use x509_parser::oid_registry::{OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519};
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

/// The key as TLS uses it; `None` where it is damaged or of a kind that TLS does not have here.
pub(super) fn signing(key: &PrivateKeyDer<'static>) -> Option<Arc<dyn SigningKey>> {
    sign::any_supported_type(key).ok()
}

/// Whether two keys are one, possibly in two encodings: by their public halves.
pub(super) fn same(one: &PrivateKeyDer<'static>, other: &PrivateKeyDer<'static>) -> bool {
    if one.secret_der() == other.secret_der() {
        return true;
    }
    let (Some(one), Some(other)) = (signing(one), signing(other)) else { return false };
    matches!((one.public_key(), other.public_key()), (Some(one), Some(other)) if one == other)
}

/// An RSA key as PKCS#1; otherwise the name of what it is, `None` where it is no key at all.
pub(super) fn rsa(key: &PrivateKeyDer<'static>) -> Result<PrivatePkcs1KeyDer<'static>, Option<&'static str>> {
    let pkcs8 = match key {
        PrivateKeyDer::Pkcs1(pkcs1) => return Ok(pkcs1.clone_key()),
        PrivateKeyDer::Pkcs8(pkcs8) => pkcs8,
        _ => return Err(Some("an EC key")),
    };
    let (algorithm, inner) = inside_pkcs8(pkcs8.secret_pkcs8_der()).ok_or(None)?;
    if algorithm == OID_PKCS1_RSAENCRYPTION {
        Ok(PrivatePkcs1KeyDer::from(inner))
    } else if algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
        Err(Some("an EC key"))
    } else if algorithm == OID_SIG_ED25519 {
        Err(Some("an Ed25519 key"))
    } else {
        Err(Some("of another kind"))
    }
}

/// `PrivateKeyInfo ::= SEQUENCE { version, privateKeyAlgorithm, privateKey OCTET STRING, ... }` (RFC 5958 section 2).
pub(super) fn inside_pkcs8(der: &[u8]) -> Option<(Oid<'static>, Vec<u8>)> {
    let (_, outer) = Sequence::from_der(der).ok()?;
    let (rest, _version) = Integer::from_der(&outer.content).ok()?;
    let (rest, algorithm) = AlgorithmIdentifier::from_der(rest).ok()?;
    let (_, inner) = OctetString::from_der(rest).ok()?;
    Some((algorithm.algorithm.to_owned(), inner.as_cow().to_vec()))
}

/// The bits of a key's public half.
pub(super) fn public_key(key: &dyn SigningKey) -> Option<Vec<u8>> {
    let der = key.public_key()?;
    let (_, parsed) = SubjectPublicKeyInfo::from_der(&der).ok()?;
    Some(parsed.subject_public_key.data.to_vec())
}
