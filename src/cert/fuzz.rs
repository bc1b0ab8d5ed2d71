//! Fuzzers' doors to certificates and keys: PEM texts, and DER as other hosts hand it out.

use std::sync::LazyLock;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
use rustls::pki_types::CertificateDer;

use crate::route::host::HostPattern;

use super::doctor::{self, Proof, Question, Source};
use super::member::Member;
use super::pem::{Pem, Placed, encode};
use super::roots::Roots;
use super::{container, key};

/// What stands for the base64 of a key in a seed, and the key: made anew by each run, so that no seed has one.
static KEYS: LazyLock<[(&str, String); 2]> = LazyLock::new(|| {
    let made = |algorithm| {
        let key = KeyPair::generate_for(algorithm).expect("random numbers");
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key.serialize_der())
    };
    [("@one@", made(&PKCS_ECDSA_P256_SHA256)), ("@other@", made(&PKCS_ECDSA_P384_SHA384))]
});

static ROOTS: LazyLock<Roots> = LazyLock::new(|| Roots::read(None).expect("Mozilla's"));

const NOW: i64 = 1_790_000_000;

/// A PEM text, with `@one@` and `@other@` in place of two keys.
///
/// What is found stands in the text and is read again as itself; what is wrong is told without a letter of a key.
pub fn pem(data: &[u8]) {
    let text = KEYS.iter().fold(data.to_vec(), |text, (mark, key)| replace(&text, mark.as_bytes(), key.as_bytes()));
    let told = |error: &dyn std::fmt::Display| {
        let told = error.to_string();
        assert!(!KEYS.iter().any(|(_, key)| told.contains(&key[key.len() / 2..])), "{told}");
    };
    let pem = match Pem::parse(&text, "a.pem") {
        Ok(pem) => pem,
        Err(error) => return told(&error),
    };
    match pem.certificates() {
        Ok(found) => {
            let lines = text.len() + 1;
            assert!(found.iter().all(|placed| (1..=lines).contains(&placed.line)));
            assert!(found.is_sorted_by_key(|placed| placed.line));
            let again: String = found.iter().map(|placed| encode::block("CERTIFICATE", &placed.item)).collect();
            let again = Pem::parse(again.as_bytes(), "again").expect("our own");
            let again = again.certificates().expect("our own");
            assert!(found.iter().map(|placed| &placed.item).eq(again.iter().map(|placed| &placed.item)));
            examine(found);
        }
        Err(error) => told(&error),
    }
    match pem.private_key() {
        Ok(found) => {
            assert!(pem.has_key());
            let again = Pem::parse(encode::private_key(&found).as_bytes(), "again").expect("our own");
            assert!(key::same(&again.private_key().expect("our own"), &found));
        }
        Err(error) => told(&error),
    }
    if let Err(error) = pem.rsa_private_key() {
        told(&error);
    }
}

fn replace(text: &[u8], mark: &[u8], by: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        out.extend_from_slice(&rest[..at]);
        // A few times and no more: a text of marks alone would become a hundred times as long.
        if out.len() < 16 * 1024 {
            out.extend_from_slice(by);
        }
        rest = &rest[at + mark.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// A certificate in DER, or a PKCS#7 container of some.
pub fn certificate(data: &[u8]) {
    let Some(found) = container::certificates(data) else { return };
    assert!(!found.is_empty());
    let placed: Vec<_> = found.into_iter().map(|item| Placed { item, line: 0 }).collect();
    examine(&placed);
}

/// Every word on a certificate can be shown, and every name of it is a host's.
fn examine(placed: &[Placed<CertificateDer<'static>>]) {
    for (index, one) in placed.iter().enumerate().take(doctor::MAX_CERTIFICATES) {
        let Some(member) = Member::read(one, index + 1) else { continue };
        for shown in [member.shown(), member.subject(), member.issuer()] {
            assert!(!shown.contains(char::is_control), "{shown:?}");
        }
        let (names, _) = member.names();
        assert!(names.iter().all(|name| HostPattern::parse(&name.to_string()).as_ref() == Ok(name)));
        assert!(
            member.issuer_addresses().all(|address| address.starts_with("http") && !address.contains(['\'', ' ', ';']))
        );
        member.is_valid_at(NOW);
    }
    let question =
        Question { name: None, roots: &ROOTS, roots_file: None, now: NOW, proof: Proof::Unknown, source: Source::Host };
    match doctor::examine(placed, &question) {
        Ok(examination) => {
            assert!(serde_json::to_string(&examination).is_ok());
            for fault in &examination.faults {
                let words = fault.mend.iter().chain([&fault.what]);
                assert!(!words.into_iter().any(|words| words.contains(char::is_control)), "{fault:?}");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
