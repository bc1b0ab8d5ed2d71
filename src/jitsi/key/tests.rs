use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::EncodingKey;
use rcgen::PKCS_ECDSA_P256_SHA256;

use super::*;

/// A fresh RSA key: PKCS#8 and PKCS#1 in DER.
fn rsa() -> (Vec<u8>, Vec<u8>) {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().expect("PKCS#8");
    let pem = block("PRIVATE KEY", pkcs8.as_ref());
    let pkcs1 = EncodingKey::from_rsa_pem(pem.as_bytes()).expect("PKCS#1 inside").as_bytes().to_vec();
    (pkcs8.as_ref().to_vec(), pkcs1)
}

fn public(der: &[u8]) -> Vec<u8> {
    KeyPair::from_der(der).expect("an RSA key").public_key().as_ref().to_vec()
}

fn block(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).expect("base64")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn refused(pem: &str) -> What {
    let error = read(pem.as_bytes(), "private.pk").expect_err("no key for tokens");
    assert!(error.to_string().starts_with("private.pk "), "{error}");
    error.what
}

#[test]
fn r104_pkcs8_and_pkcs1_are_read_as_people_have_them() {
    let (pkcs8, pkcs1) = rsa();
    for (label, der) in [("PRIVATE KEY", &pkcs8), ("RSA PRIVATE KEY", &pkcs1)] {
        let plain = block(label, der);
        for pem in [
            plain.clone(),
            plain.replace('\n', "\r\n"),
            format!("\u{FEFF}{plain}"),
            format!("Bag Attributes: none\n{plain}\n# from the console\n"),
            format!("{}{plain}", block("CERTIFICATE", b"any")),
            plain.replace('\n', "\n  "),
            plain.replace("-----\n", "-----  \n"),
            plain.replace('\n', "\n\n"),
            format!("{plain}{plain}"),
            format!("{}{plain}", plain.trim_end()),
        ] {
            let key = read(pem.as_bytes(), "private.pk").unwrap_or_else(|e| panic!("{e}\n{label}"));
            assert_eq!(key.public_key().as_ref(), public(&pkcs1), "{label}");
        }
    }
}

#[test]
fn r104_what_could_sign_no_token_is_named() {
    let (pkcs8, pkcs1) = rsa();
    let good = block("PRIVATE KEY", &pkcs8);
    let ec = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("an EC key");

    assert_eq!(refused(&ec.serialize_pem()), What::NotRsa);
    assert_eq!(refused(&block("EC PRIVATE KEY", b"any")), What::NotRsa);
    assert_eq!(refused(&ec.public_key_pem()), What::Public);
    assert_eq!(refused(&block("RSA PUBLIC KEY", b"any")), What::Public);
    assert_eq!(refused("ssh-rsa AAAAB3NzaC1yc2E= someone\n"), What::Public);
    assert_eq!(refused(&block("CERTIFICATE", b"any")), What::Certificate);
    assert_eq!(refused(&block("ENCRYPTED PRIVATE KEY", b"any")), What::Encrypted);
    let traditional = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    assert_eq!(refused(traditional), What::Encrypted);
    assert_eq!(refused(&block("OPENSSH PRIVATE KEY", b"any")), What::OpenSsh);
    let lines = good.lines().count();
    assert_eq!(refused(&format!("{good}{}", ec.serialize_pem())), What::Several(1, lines + 1));
    assert_eq!(refused(&block("CERTIFICATE REQUEST", b"any")), What::Other("a certificate request (CSR)".into()));
    assert_eq!(refused(&block("DH PARAMETERS", b"any")), What::NoPem);
    assert_eq!(refused(""), What::Empty);
    assert_eq!(refused(" \r\n"), What::Empty);
    assert_eq!(refused("{\"key\": 1}"), What::NoPem);

    assert!(matches!(refused(&good[..good.len() / 2]), What::Damaged(_)));
    assert!(matches!(refused(&block("RSA PRIVATE KEY", &pkcs1[..500])), What::Damaged(_)));
    assert!(matches!(refused(&block("PRIVATE KEY", &pkcs1)), What::Damaged(_)));
}

#[test]
fn a_binary_key_is_named_for_what_it_is() {
    let (pkcs8, pkcs1) = rsa();
    let ec = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("an EC key").serialize_der();
    for der in [pkcs8, pkcs1, ec] {
        let error = read(&der, "private.pk").expect_err("no text");
        assert_eq!(error.what, What::Binary);
        assert!(error.what.mend().is_some_and(|mend| mend.contains("-inform der")));
    }
}

#[test]
fn a_key_that_is_cut_off_is_told_by_its_line() {
    let (pkcs8, _) = rsa();
    let pem = format!("from the console\n{}", block("PRIVATE KEY", &pkcs8));
    let error = read(&pem.as_bytes()[..400], "private.pk").expect_err("cut off");
    assert!(error.to_string().contains("line 2: "), "{error}");
    assert!(!error.to_string().contains('['), "no bytes in numbers: {error}");
}

#[test]
fn no_error_shows_any_of_the_key() {
    let (pkcs8, _) = rsa();
    let pem = block("PRIVATE KEY", &pkcs8);
    let error = read(&pem.as_bytes()[..pem.len() / 2], "private.pk").expect_err("cut off");
    let shown = format!("{error} {error:?}");
    for line in pem.lines().filter(|l| !l.starts_with("-----")) {
        assert!(!shown.contains(line), "{shown}");
    }
}
