//! tls-alpn-01 (RFC 8737): the certificate that a CA's validator is shown, and only it.
//!
//! Whoever orders writes it to a file; whoever serves reads it when a client offers
//! `acme-tls/1` and nothing else, as a validator does (section 3). No other
//! handshake pays for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;

use crate::cert::{key, pem::Pem};
use crate::route::host::Host;

/// The protocol's name in ALPN (RFC 8737 section 6.2).
pub const PROTOCOL: &[u8] = b"acme-tls/1";

/// Whether a ClientHello that offers these protocols is a validator's.
pub fn is_asked<'a>(mut offered: impl Iterator<Item = &'a [u8]>) -> bool {
    offered.next() == Some(PROTOCOL) && offered.next().is_none()
}

/// What to show a validator that asks for this name; `None` where no such question is open.
pub fn answer_for(folder: &Path, name: &str) -> Option<Arc<CertifiedKey>> {
    // It becomes the name of a file, and rustls has only looked at its letters.
    let host = Host::parse(name).ok()?;
    let pem = Pem::read(&file(folder, host.as_str())).ok()?;
    let chain: Vec<CertificateDer<'static>> =
        pem.certificates().ok()?.iter().map(|placed| placed.item.clone()).collect();
    let key = key::signing(&pem.private_key().ok()?)?;
    Some(Arc::new(CertifiedKey::new(chain, key)))
}

/// The file of a name.
pub(in super::super) fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.pem"))
}

/// A self-signed certificate that bears the name alone and the digest of the key authorisation (section 3), with its
/// key, as PEM.
pub(in super::super) fn answer(name: &str, digest: &[u8]) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    Ok(params.self_signed(&key)?.pem() + &key.serialize_pem())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validators_hello_is_told_from_a_browsers() {
        let asked = |offered: &[&'static [u8]]| is_asked(offered.iter().copied());
        assert!(asked(&[b"acme-tls/1"]));
        assert!(!asked(&[b"h2", b"http/1.1"]));
        assert!(!asked(&[b"acme-tls/1", b"h2"]), "a browser that offers it besides is a browser");
        assert!(!asked(&[]));
    }

    #[test]
    fn the_answer_bears_the_name_and_the_digest_critically() {
        let folder = tempfile::tempdir().expect("a folder");
        let digest: Vec<u8> = (0..32).collect();
        let text = answer("site.example", &digest).expect("made");
        std::fs::write(file(folder.path(), "site.example"), text).expect("written");
        let shown = answer_for(folder.path(), "site.example").expect("an answer");
        let (_, x509) = x509_parser::parse_x509_certificate(&shown.cert[0]).expect("a certificate");
        let extension = x509.extensions().iter().find(|e| e.oid.to_id_string() == "1.3.6.1.5.5.7.1.31").expect("there");
        assert!(extension.critical);
        assert_eq!(extension.value, [&[0x04, 0x20], &digest[..]].concat());
        let names = x509.subject_alternative_name().expect("one").expect("there").value.general_names.len();
        assert_eq!(names, 1);
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = answer("x.example", &[0; 32]).expect("made");
        std::fs::write(folder.path().join("x.pem"), &text).expect("written");
        let below = folder.path().join("below");
        std::fs::create_dir(&below).expect("made");
        for name in ["../x", "..%2fx", "", ".", "a/../../x"] {
            assert!(answer_for(&below, name).is_none(), "{name}");
        }
    }
}
