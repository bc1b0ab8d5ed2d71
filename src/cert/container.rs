//! Certificates out of binary files: one in DER, or several in a PKCS#7 container.
//!
//! CAs hand their own certificates out so (RFC 5280 section 4.2.2.1). Of PKCS#7 it
//! takes the certificates and looks at nothing else; it checks no signature of the
//! container, since each certificate has its own.

use rustls::pki_types::CertificateDer;
use x509_parser::asn1_rs::{Any, Class, FromDer, Oid, Tag, oid};

/// The certificates of a binary file; `None` where it is neither of the two.
pub(super) fn certificates(bytes: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    if let Ok(([], _)) = x509_parser::parse_x509_certificate(bytes) {
        return Some(vec![CertificateDer::from(bytes.to_vec())]);
    }
    in_pkcs7(bytes).filter(|found| !found.is_empty())
}

/// ```text
/// ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, content [0] EXPLICIT SignedData }
/// SignedData  ::= SEQUENCE { version INTEGER, digestAlgorithms SET, encapContentInfo SEQUENCE,
///                            certificates [0] IMPLICIT SET OPTIONAL, … }
/// ```
/// (RFC 5652 sections 3 and 5.1)
fn in_pkcs7(bytes: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let (_, info) = Any::from_der(bytes).ok().filter(|(_, any)| any.tag() == Tag::Sequence)?;
    let (content, kind) = Oid::from_der(info.data).ok()?;
    if kind != oid!(1.2.840.113549.1.7.2) {
        return None;
    }
    let (_, explicit) = Any::from_der(content).ok().filter(|(_, any)| is_context_0(any))?;
    let (_, signed) = Any::from_der(explicit.data).ok().filter(|(_, any)| any.tag() == Tag::Sequence)?;
    let mut rest = signed.data;
    while !rest.is_empty() {
        let (after, part) = Any::from_der(rest).ok()?;
        if is_context_0(&part) {
            return members(part.data);
        }
        rest = after;
    }
    None
}

fn is_context_0(any: &Any<'_>) -> bool {
    any.class() == Class::ContextSpecific && any.tag() == Tag(0)
}

/// The plain certificates of the set; other choices in it (RFC 5652 section 10.2.2) have other tags.
fn members(mut set: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let mut found = Vec::new();
    while !set.is_empty() {
        let (after, any) = Any::from_der(set).ok()?;
        if any.tag() == Tag::Sequence {
            let whole = &set[..set.len() - after.len()];
            found.push(CertificateDer::from(whole.to_vec()));
        }
        set = after;
    }
    Some(found)
}

#[cfg(test)]
mod tests;
