//! One certificate of a chain file, read: whom it names, who issued it, when it is valid.
//!
//! It judges nothing, and believes no name where a signature can be checked.

use rustls::pki_types::CertificateDer;
use x509_parser::asn1_rs::{Any, FromDer as _};
use x509_parser::error::X509Error;
use x509_parser::extensions::{AuthorityInfoAccess, ParsedExtension};
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS;
use x509_parser::prelude::{GeneralName, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

use crate::route::host::HostPattern;

use super::pem::Placed;

/// Shortest RSA key whose signatures aws-lc verifies with SHA-2.
const MIN_RSA_BITS: usize = 2048;

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
        format!("{:?}", self.subject_text())
    }

    /// Its issuer, as [`Self::subject`].
    pub(super) fn issuer(&self) -> String {
        format!("{:?}", self.issuer_text())
    }

    /// Its subject as it stands there: the common name, or all of the name where it has none.
    pub(super) fn subject_text(&self) -> String {
        text(self.x509.subject())
    }

    /// Its issuer, as [`Self::subject_text`].
    pub(super) fn issuer_text(&self) -> String {
        text(self.x509.issuer())
    }

    /// All that it says, for who looks closer.
    pub(super) fn x509(&self) -> &X509Certificate<'a> {
        &self.x509
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

    /// Whether this one could have issued `child` by its name and, where both say it, its key identifier (RFC 5280
    /// sections 4.2.1.1 and 4.2.1.2). No signature is looked at.
    pub(super) fn looks_like_issuer_of(&self, child: &Member<'_>) -> bool {
        let wanted = child.x509.iter_extensions().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(identifier) => identifier.key_identifier.as_ref(),
            _ => None,
        });
        let own = self.x509.iter_extensions().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(identifier) => Some(identifier),
            _ => None,
        });
        child.x509.issuer().as_raw() == self.x509.subject().as_raw()
            && match (wanted, own) {
                (Some(wanted), Some(own)) => wanted == own,
                _ => true,
            }
    }

    /// Whether the signature is this key's. What cannot be checked here (P-521, RSA under 2048 bits) passes:
    /// the name has to do, and webpki has the last word on the chain.
    pub(super) fn is_signed_with(&self, key: &SubjectPublicKeyInfo<'_>) -> bool {
        if matches!(key.parsed(), Ok(PublicKey::RSA(rsa)) if rsa.key_size() < MIN_RSA_BITS) {
            return true;
        }
        matches!(self.x509.verify_signature(Some(key)), Ok(()) | Err(X509Error::SignatureUnsupportedAlgorithm))
    }

    /// Whether the signature was checked and is this issuer's; what cannot be checked here does not pass.
    pub(super) fn is_proven_by(&self, issuer: &Member<'_>) -> bool {
        self.x509.issuer().as_raw() == issuer.x509.subject().as_raw()
            && self.x509.verify_signature(Some(issuer.x509.public_key())).is_ok()
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
        self.issuer_addresses().next()
    }

    /// All of them, in the order of the certificate.
    pub(super) fn issuer_addresses(&self) -> impl Iterator<Item = &str> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?=%+,@".contains(c);
        let access = self.x509.extensions().iter().filter_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityInfoAccess(access) => Some(access),
            _ => None,
        });
        let issuers = access
            .flat_map(AuthorityInfoAccess::iter)
            .filter(|entry| entry.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS);
        let addresses = issuers.filter_map(|entry| match &entry.access_location {
            GeneralName::URI(address) => Some(*address),
            _ => None,
        });
        addresses.filter(move |address| address.starts_with("http") && address.chars().all(plain))
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
fn text(name: &X509Name<'_>) -> String {
    match name.iter_common_name().next().and_then(|common| common.as_str().ok()) {
        Some(common) => common.to_owned(),
        None => name.to_string(),
    }
}
