//! One certificate of a chain file, read: whom it names, who issued it, when it is valid.
//!
//! It judges nothing, and believes no name where a signature can be checked.

use rustls::pki_types::CertificateDer;
use x509_parser::asn1_rs::{Any, FromDer as _};
use x509_parser::error::X509Error;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS;
use x509_parser::prelude::{GeneralName, X509Certificate};
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

use crate::route::host::HostPattern;

use super::pem::Placed;

/// A certificate of the file with its place there.
#[derive(Debug)]
pub(super) struct Member<'a> {
    /// As it stands in the file, byte for byte.
    pub(super) der: &'a CertificateDer<'static>,
    x509: X509Certificate<'a>,
    /// Which one of the file, from 1.
    pub(super) number: usize,
    /// Line of its BEGIN, from 1.
    pub(super) line: usize,
}

/// Whether one certificate signed another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    /// Name and signature fit.
    Yes,
    /// The name fits and the signature does not: another key of the same CA.
    NameAlone,
    /// Neither fits.
    No,
}

impl<'a> Member<'a> {
    /// Reads the DER; `None` where it is no X.509 certificate or something follows it.
    pub(super) fn read(placed: &'a Placed<CertificateDer<'static>>, number: usize) -> Option<Self> {
        match x509_parser::parse_x509_certificate(&placed.item) {
            Ok(([], x509)) => Some(Self { der: &placed.item, x509, number, line: placed.line }),
            _ => None,
        }
    }

    /// How a person finds it in the file.
    pub(super) fn shown(&self) -> String {
        format!("certificate {} (line {}, {})", self.number, self.line, self.subject())
    }

    /// Its subject in quotes, anything that could move a terminal's cursor escaped.
    pub(super) fn subject(&self) -> String {
        shown_name(self.x509.subject())
    }

    /// Its issuer, as [`Self::subject`].
    pub(super) fn issuer(&self) -> String {
        shown_name(self.x509.issuer())
    }

    /// Whether it is one that signs others (RFC 5280 section 4.2.1.9).
    pub(super) fn is_ca(&self) -> bool {
        self.x509.is_ca()
    }

    /// Whether it signed itself: a root, or a leaf that needs none.
    pub(super) fn is_self_signed(&self) -> bool {
        self.signed_by(self) == Signed::Yes
    }

    /// Whether `issuer` signed this one.
    pub(super) fn signed_by(&self, issuer: &Member<'_>) -> Signed {
        if self.x509.issuer().as_raw() != issuer.x509.subject().as_raw() {
            return Signed::No;
        }
        if self.is_signed_with(issuer.x509.public_key()) { Signed::Yes } else { Signed::NameAlone }
    }

    /// Whether the signature is this key's. An algorithm that cannot be checked here (P-521, say) passes:
    /// the name has to do, and webpki has the last word on the chain.
    pub(super) fn is_signed_with(&self, key: &SubjectPublicKeyInfo<'_>) -> bool {
        matches!(self.x509.verify_signature(Some(key)), Ok(()) | Err(X509Error::SignatureUnsupportedAlgorithm))
    }

    /// Its issuer's Name as trust anchors have it: the DER without the outer tag and length.
    pub(super) fn issuer_content(&self) -> &[u8] {
        Any::from_der(self.x509.issuer().as_raw()).map_or(&[], |(_, name)| name.data)
    }

    /// The bits of its public key, which an encoding's freedom does not touch.
    pub(super) fn public_key(&self) -> &[u8] {
        &self.x509.public_key().subject_public_key.data
    }

    /// First second of its validity, since 1970.
    pub(super) fn not_before(&self) -> i64 {
        self.x509.validity().not_before.timestamp()
    }

    /// Last second of its validity, since 1970.
    pub(super) fn not_after(&self) -> i64 {
        self.x509.validity().not_after.timestamp()
    }

    /// Whether it is valid at this second.
    pub(super) fn is_valid_at(&self, now: i64) -> bool {
        self.not_before() <= now && now <= self.not_after()
    }

    /// Where its issuer's certificate can be had (caIssuers, RFC 5280 section 4.2.2.1). Never fetched here.
    ///
    /// An address with characters that a shell might act upon is left out: it is shown within commands.
    pub(super) fn issuer_address(&self) -> Option<&str> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?=%+,@".contains(c);
        self.x509.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityInfoAccess(access) => {
                access.iter().find_map(|entry| match (&entry.access_method, &entry.access_location) {
                    (method, GeneralName::URI(address)) if *method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS => {
                        (address.starts_with("http") && address.chars().all(plain)).then_some(*address)
                    }
                    _ => None,
                })
            }
            _ => None,
        })
    }

    /// The names that it bears, from the subject alternative names alone (RFC 6125 section 6.4.4), and the
    /// entries among them that no client could ask for.
    ///
    /// The common name does not count: no browser has looked at it since 2017.
    pub(super) fn names(&self) -> (Vec<HostPattern>, Vec<String>) {
        let mut names = Vec::new();
        let mut unusable = Vec::new();
        let Ok(Some(extension)) = self.x509.subject_alternative_name() else { return (names, unusable) };
        for entry in &extension.value.general_names {
            let text = match entry {
                GeneralName::DNSName(name) => (*name).to_owned(),
                GeneralName::IPAddress(octets) => match address(octets) {
                    Some(text) => text,
                    None => format!("an address of {} bytes", octets.len()),
                },
                // E-mail addresses, URIs and the like name no host.
                _ => continue,
            };
            match HostPattern::parse(&text) {
                Ok(name) if names.contains(&name) => {}
                Ok(name) => names.push(name),
                Err(_) => unusable.push(text),
            }
        }
        (names, unusable)
    }
}

/// An address as `HostPattern` writes it.
fn address(octets: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return Some(std::net::Ipv4Addr::from(v4).to_string());
    }
    let v6 = <[u8; 16]>::try_from(octets).ok()?;
    Some(format!("[{}]", std::net::Ipv6Addr::from(v6)))
}

/// The common name, or all of the name where it has none.
fn shown_name(name: &X509Name<'_>) -> String {
    match name.iter_common_name().next().and_then(|common| common.as_str().ok()) {
        Some(common) => format!("{common:?}"),
        None => format!("{:?}", name.to_string()),
    }
}
