//! What is classified and judged without a client to ask; the chain set is in `tests/it/cert_inspect.rs`.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::family::{Family, Outcome};
use super::fault::Kind;
use super::strength::{Key, WeakKey};
use super::*;
use crate::cert::testing::{NOW, ca, chain, leaf};

/// The examination of a PEM text by one root.
fn examined(text: &str, root: &str, name: Option<&str>) -> Result<Examination, NoChain> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("root.pem");
    std::fs::write(&file, root).expect("written");
    let roots = Roots::read(Some(&file)).expect("roots");
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes()).map(|one| one.expect("a certificate"));
    let presented: Vec<_> = certificates.zip(1..).map(|(item, line)| Placed { item, line }).collect();
    let question = Question {
        name: name.map(|name| Host::parse(name).expect("a host")),
        roots: &roots,
        roots_file: Some(&file),
        now: NOW.cast_signed(),
        proof: Proof::Unknown,
        source: Source::File(Path::new("my chain.pem")),
    };
    examine(&presented, &question)
}

#[test]
fn a_right_chain_is_good_and_its_parts_are_told() {
    let c = chain(&["site.example", "*.site.example"]);
    let found = examined(&(c.leaf.pem() + &c.middle.pem()), &c.root.pem(), Some("www.site.example")).expect("a chain");
    assert!(found.is_good() && found.faults.is_empty(), "{:?}", found.faults);
    assert!(found.verdicts.iter().all(|verdict| verdict.verdict == Outcome::Trusts && verdict.why.is_empty()));
    let leaf = found.leaf().expect("a leaf");
    assert_eq!(leaf.names, ["site.example", "*.site.example"]);
    assert_eq!((leaf.subject.as_str(), leaf.issuer.as_str()), ("a leaf", "Middle"));
    assert_eq!((leaf.days_left, leaf.signed_by.as_slice(), leaf.reaches_root), (80, &[2][..], false));
    assert_eq!(leaf.validity(), "2026-09-11 to 2026-12-10, 80 days left");
    assert_eq!((found.facts[1].role, found.facts[1].reaches_root), (Role::Intermediate, true));
    assert_eq!(found.facts[1].key, Key::Curve("P-256", 256));
}

#[test]
fn what_is_no_chain_is_no_verdict() {
    let root = ca("Root").self_signed();
    let middle = ca("Middle").by(&root);
    assert_eq!(examined("", &root.pem(), None).err(), Some(NoChain::Empty));
    assert_eq!(examined(&(middle.pem() + &root.pem()), &root.pem(), None).err(), Some(NoChain::NoLeaf(2)));
    let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    assert_eq!(examined(&(middle.pem() + broken), &root.pem(), None).err(), Some(NoChain::Damaged(2)));
}

#[test]
fn each_mend_of_a_file_is_a_command_that_a_shell_takes() {
    let c = chain(&["site.example"]);
    let bare = leaf(&["site.example"]).issuer_at("http://ca.example/middle.der").by(&c.middle);
    let found = examined(&bare.pem(), &c.root.pem(), None).expect("a chain");
    assert_eq!(found.faults.len(), 1);
    assert_eq!(found.faults[0].kind, Kind::MissingIntermediate { fetchable: true, public: false });
    assert!(found.faults[0].what.contains("\"Middle\" is missing") && found.faults[0].what.contains("ca.example"));
    let mend = found.faults[0].mend.as_deref().expect("a mend");
    assert!(mend.starts_with("gatepost cert bundle combined.pem --cert 'my chain.pem' --fetch --roots "), "{mend}");
}

#[test]
fn an_address_in_https_is_told_and_not_promised_to_be_fetched() {
    let c = chain(&["site.example"]);
    let bare = leaf(&["site.example"]).issuer_at("https://ca.example/middle.der").by(&c.middle);
    let found = examined(&bare.pem(), &c.root.pem(), None).expect("a chain");
    assert_eq!(found.faults[0].kind, Kind::MissingIntermediate { fetchable: false, public: false });
    assert!(!found.faults[0].mend.as_deref().expect("a mend").contains("--fetch"));
}

#[test]
fn the_worst_of_several_faults_decides_and_lesser_ones_are_not_given_as_the_reason() {
    let c = chain(&["site.example"]);
    let long = leaf(&["site.example"]).days(-10, 1000).by(&c.middle);
    let text = long.pem() + &c.middle.pem();
    let found = examined(&text, &c.root.pem(), Some("other.example")).expect("a chain");
    let ios = found.verdicts.iter().find(|verdict| verdict.family == Family::Ios).expect("iOS");
    assert_eq!((ios.verdict, ios.why.len()), (Outcome::Refuses, 2), "both refuse there");
    let java = found.verdicts.iter().find(|verdict| verdict.family == Family::Java).expect("Java");
    assert_eq!(
        (java.verdict, java.why.as_slice()),
        (Outcome::Refuses, &["the certificate does not bear the name"][..])
    );
}

/// `SubjectPublicKeyInfo` of this algorithm, curve and key.
fn key(algorithm: &[u8], parameters: &[u8], bits: &[u8]) -> Key {
    let wrap = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).expect("short");
        [&[tag, 0x82][..], &length.to_be_bytes(), content].concat()
    };
    let identifier = wrap(0x30, &[&wrap(0x06, algorithm)[..], parameters].concat());
    let der = wrap(0x30, &[identifier, wrap(0x03, &[&[0][..], bits].concat())].concat());
    let (_, info) = SubjectPublicKeyInfo::from_der(&der).expect("a key");
    Key::of(&info)
}

#[test]
fn keys_are_told_apart_by_kind_and_length() {
    // RSAPublicKey of this many bytes of modulus, with the zero that DER puts before a set first bit.
    let rsa = |bytes: u16, first: u8| {
        let sign = u16::from(first >= 0x80);
        let mut modulus = vec![0; usize::from(sign)];
        modulus.push(first);
        modulus.resize(usize::from(bytes + sign), 1);
        let length = (bytes + sign).to_be_bytes();
        let inner = [&[0x02, 0x82][..], &length, &modulus, &[0x02, 0x03, 1, 0, 1]].concat();
        let outer = u16::try_from(inner.len()).expect("short").to_be_bytes();
        let der = [&[0x30, 0x82][..], &outer, &inner].concat();
        key(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01], &[0x05, 0x00], &der)
    };
    let curve = |oid: &[u8]| {
        let parameter = [&[0x06, u8::try_from(oid.len()).expect("short")][..], oid].concat();
        key(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01], &parameter, &[4; 49])
    };
    for (key, shown, weakness) in [
        (rsa(256, 0x80), "RSA 2048", None),
        (rsa(256, 0x40), "RSA 2047", Some(WeakKey::ShortRsa)),
        (rsa(128, 0x80), "RSA 1024", Some(WeakKey::ShortRsa)),
        (rsa(64, 0x80), "RSA 512", Some(WeakKey::TinyRsa)),
        (curve(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x01]), "EC P-192", Some(WeakKey::TinyCurve)),
        (curve(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]), "EC P-256", None),
        (curve(&[0x2b, 0x81, 0x04, 0x00, 0x22]), "EC P-384", None),
        (curve(&[0x2b, 0x81, 0x04, 0x00, 0x23]), "EC P-521", Some(WeakKey::P521)),
        (curve(&[0x2b, 0x81, 0x04, 0x00, 0x0a]), "EC secp256k1", Some(WeakKey::Uncommon)),
        (key(&[0x2b, 0x65, 0x70], &[], &[7; 32]), "Ed25519", Some(WeakKey::Uncommon)),
    ] {
        assert_eq!((key.to_string().as_str(), key.weakness(true)), (shown, weakness));
    }
    assert_eq!(Key::Curve("P-521", 521).weakness(false), None, "an issuer's P-521 is no fault");
}

#[test]
fn a_script_never_sees_two_kinds_of_one_name_but_the_two_weak_signatures() {
    let kinds = [
        Kind::MissingIntermediate { fetchable: true, public: true },
        Kind::UnknownRoot,
        Kind::SelfSigned { trusted: true },
        Kind::LeafNotFirst,
        Kind::WrongOrder,
        Kind::LedAstray,
        Kind::ExpiredLeaf,
        Kind::ExpiredIntermediate,
        Kind::ExpiredCrossSign,
        Kind::NotYetValid,
        Kind::EndsSoon,
        Kind::EndsVerySoon,
        Kind::NameNotCovered,
        Kind::NoName,
        Kind::WeakKey(WeakKey::ShortRsa),
        Kind::Sha1,
        Kind::WrongPurpose,
        Kind::NoPurpose,
        Kind::CaAsLeaf,
        Kind::TooLong { private_too: true },
        Kind::KeyMismatch,
        Kind::BadKey,
        Kind::KeyExposed,
        Kind::TooMany,
        Kind::NeedlessRoot,
        Kind::Duplicate,
        Kind::Unneeded,
        Kind::WrongIssuer,
        Kind::Refused,
        Kind::OldTls,
        Kind::NoTls12,
        Kind::NoTls13,
        Kind::OtherForTls12,
        Kind::HandshakeFails,
    ];
    let names: std::collections::BTreeSet<&str> = kinds.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), kinds.len());
    assert_eq!(Kind::Sha1.name(), Kind::Md5.name());
}
