use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256};
use x509_parser::asn1_rs::ToDer as _;

use super::super::testing::{self, Pair};
use super::*;

fn pair() -> Pair {
    testing::leaf(&["site.example"]).self_signed()
}

fn parse(text: &str) -> Result<Pem, PemError> {
    Pem::parse(text.as_bytes(), "bundle.pem")
}

fn count(text: &str) -> usize {
    parse(text).expect("parses").certificates().expect("certificates").len()
}

fn refused(text: &str) -> String {
    match parse(text) {
        Err(error) => error.to_string(),
        Ok(pem) => panic!("taken: {pem:?}"),
    }
}

fn armour(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// An EC key as SEC1: the inner part of its PKCS#8.
fn sec1(key: &KeyPair) -> Vec<u8> {
    let pkcs8 = PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS#8");
    let PrivateKeyDer::Pkcs8(pkcs8) = pkcs8 else { panic!("not PKCS#8") };
    key::inside_pkcs8(pkcs8.secret_pkcs8_der()).expect("an inner key").1
}

#[test]
fn crlf_bom_text_between_and_blank_lines_are_taken() {
    let pem = pair().pem();
    let text = format!("\u{feff}subject=CN a leaf\n\n{pem}\nissuer: nobody\n\u{feff}{pem}\n\n");
    assert_eq!(count(&text), 2);
    assert_eq!(count(&text.replace('\n', "\r\n")), 2);
    assert_eq!(count(&text.replace('\n', "\r")), 2);
    let utf16: Vec<u8> = "\u{feff}".chars().chain(pem.chars()).map(|c| c as u16).flat_map(u16::to_le_bytes).collect();
    assert_eq!(Pem::parse(&utf16, "x").expect("UTF-16").certificates().expect("one").len(), 1);
    let latin1 = [b"Zertifikat f\xfcr uns\n", pem.as_bytes()].concat();
    assert_eq!(Pem::parse(&latin1, "x").expect("Latin-1 comment").certificates().expect("one").len(), 1);
}

#[test]
fn r33_blanks_around_lines_are_taken() {
    let pem = pair().pem();
    let spaced = pem.replace('\n', " \t\n ");
    assert!(spaced.contains("\n M"), "the body has leading blanks");
    assert_eq!(count(&spaced), 1);
    assert_eq!(count(&pem.replace("CERTIFICATE-----\n", "CERTIFICATE-----  \n\n")), 1);
}

#[test]
fn r32_joined_markers_are_two_certificates() {
    let pem = pair().pem();
    let joined = format!("{}{}", pem.trim_end(), pem);
    assert!(joined.contains("-----END CERTIFICATE----------BEGIN CERTIFICATE-----"));
    assert_eq!(count(&joined), 2);
    let key = pair().key_pem();
    let all = parse(&format!("{}{}{}", pem.trim_end(), key.trim_end(), pem)).expect("parses");
    assert_eq!(all.certificates().expect("two").len(), 2);
    all.private_key().expect("a key");
}

#[test]
fn a_block_on_one_line_and_escaped_line_ends_are_taken() {
    let key = pair().key_pem();
    private_key(key.replace('\n', " ").as_bytes(), "JAAS_KEY").expect("on one line");
    private_key(key.trim_end().replace('\n', "\\n").as_bytes(), "JAAS_KEY").expect("with \\n");
}

#[test]
fn a_commented_out_block_is_none() {
    let pem = pair().pem();
    let commented: String = pem.lines().map(|line| format!("# {line}\n")).collect();
    assert_eq!(count(&format!("{commented}{pem}")), 1);
}

#[test]
fn r39_an_unclosed_block_is_named_with_its_line() {
    let pem = pair().pem();
    let cut = &pem[..pem.len() / 2];
    let said = refused(&format!("{pem}{cut}"));
    let line = pem.lines().count() + 1;
    assert!(said.starts_with(&format!("bundle.pem, line {line}: the CERTIFICATE block")), "{said}");
    assert!(said.contains("no END line"), "{said}");
    // The same where another block follows.
    let said = refused(&format!("{cut}\n{pem}"));
    assert!(said.starts_with("bundle.pem, line 1: the CERTIFICATE block"), "{said}");
    // And where the head is lost and not the tail.
    let tail: String = pem.lines().skip(2).map(|line| format!("{line}\n")).collect();
    let said = refused(&format!("{tail}{pem}"));
    assert!(said.contains(&format!("line {}: this is meant as a BEGIN or END", pem.lines().count() - 2)), "{said}");
}

#[test]
fn a_damaged_marker_or_body_is_named_with_its_line() {
    let pem = pair().pem();
    let four = pem.replacen("-----BEGIN CERTIFICATE-----", "----BEGIN CERTIFICATE-----", 1);
    assert!(refused(&four).starts_with("bundle.pem, line 1: this is meant"), "{}", refused(&four));
    let dashes = pem.replacen("-----BEGIN CERTIFICATE-----", "—–BEGIN CERTIFICATE—–", 1);
    assert!(refused(&dashes).starts_with("bundle.pem, line 1: this is meant"));
    let other_end = pem.replace("END CERTIFICATE", "END PRIVATE KEY");
    assert!(refused(&other_end).contains("END PRIVATE KEY closes the CERTIFICATE block that began on line 1"));
    let mut lines: Vec<&str> = pem.lines().collect();
    lines[3] = "…";
    assert!(refused(&lines.join("\n")).starts_with("bundle.pem, line 4: the base64 text has the character '…'"));
    lines[3] = "M";
    assert!(
        refused(&lines.join("\n")).starts_with("bundle.pem, line 1: the CERTIFICATE block that begins here does not")
    );
}

/// Found by the fuzzer: what stood before the next five dashes was the label, a whole key where it stands on one line.
#[test]
fn no_error_takes_a_key_for_a_label() {
    let key = pair().key_pem().lines().filter(|line| !line.starts_with('-')).collect::<String>();
    for text in [
        format!("-----BEGIN PRIVATE KEY---- {key} -----"),
        format!("-----BEGIN PRIVATE KEY---- {key} ----------END PRIVATE KEY-----"),
        format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY---- {key}-----"),
    ] {
        let said = refused(&text);
        assert!(said.contains("this is meant"), "{said}");
        assert!(!said.contains(&key[..20]), "{said}");
    }
}

#[test]
fn r35_ec_parameters_before_a_sec1_key_are_ignored() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384] {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let parameters = armour("EC PARAMETERS", &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22]);
        let text = parameters + &armour("EC PRIVATE KEY", &sec1(&key));
        let found = private_key(text.as_bytes(), "ec.pem").expect("loads");
        assert!(matches!(found, PrivateKeyDer::Sec1(_)));
    }
}

#[test]
fn pkcs1_and_pkcs8_rsa_keys_load_and_give_the_same_pkcs1() {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
    let pkcs8 = key.serialize_pem();
    let rsa = |text: &str| Pem::parse(text.as_bytes(), "private.pk").and_then(|pem| pem.rsa_private_key());
    let from_pkcs8 = rsa(&pkcs8).expect("PKCS#8");
    let pkcs1 = armour("RSA PRIVATE KEY", from_pkcs8.secret_pkcs1_der());
    let from_pkcs1 = rsa(&pkcs1).expect("PKCS#1");
    assert_eq!(from_pkcs8.secret_pkcs1_der(), from_pkcs1.secret_pkcs1_der());
    aws_lc_rs::rsa::KeyPair::from_der(from_pkcs1.secret_pkcs1_der()).expect("aws-lc takes it");
    // The same key in both encodings is one key.
    private_key((pkcs8 + &pkcs1).as_bytes(), "both.pem").expect("one key");
}

#[test]
fn r104_what_is_no_rsa_private_key_is_called_what_it_is() {
    let ec = KeyPair::generate().expect("a key");
    let rsa = |text: &str| Pem::parse(text.as_bytes(), "private.pk").and_then(|pem| pem.rsa_private_key());
    let said = |text: &str| rsa(text).expect_err("refused").to_string();
    assert_eq!(said(&ec.serialize_pem()), "private.pk, line 1: the private key is an EC key, where an RSA key belongs");
    assert_eq!(
        said(&armour("EC PRIVATE KEY", &sec1(&ec))),
        "private.pk, line 1: the private key is an EC key, where an RSA key belongs"
    );
    let ed = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    assert!(said(&ed.serialize_pem()).contains("is an Ed25519 key"));
    assert_eq!(said(&ec.public_key_pem()), "private.pk: holds a public key, where a private key belongs");
    assert_eq!(said(&pair().pem()), "private.pk: holds a certificate, where a private key belongs");
    assert_eq!(
        said(&armour("OPENSSH PRIVATE KEY", b"openssh-key-v1")),
        "private.pk, line 1: the private key is in OpenSSH's form, not in PKCS#1, PKCS#8 or SEC1"
    );
    assert_eq!(said(" \n"), "private.pk: is empty");
    assert_eq!(said("secret"), "private.pk: holds no PEM block of use, where a private key belongs");
}

#[test]
fn an_encrypted_key_is_named_with_the_command_that_mends_it() {
    let new = armour("ENCRYPTED PRIVATE KEY", &[0x30, 0x00]);
    let old = armour("RSA PRIVATE KEY", &[0x30, 0x00]).replacen(
        '\n',
        "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0A1B\n\n",
        1,
    );
    for text in [new, old] {
        let error = private_key(text.as_bytes(), "key.pem").expect_err("encrypted");
        assert!(error.to_string().starts_with("key.pem, line 1: the private key is encrypted"), "{error}");
        assert!(error.mend().expect("a mend").contains("openssl pkey -in key.pem -out key.pem.plain"));
    }
}

#[test]
fn r37_two_different_keys_are_listed_and_the_same_twice_is_one() {
    let (one, other) = (pair().key_pem(), pair().key_pem());
    private_key(format!("{one}{one}").as_bytes(), "x").expect("one key");
    let error = private_key(format!("{one}{other}").as_bytes(), "x").expect_err("two");
    let line = one.lines().count() + 1;
    assert_eq!(error.to_string(), format!("x, line {line}: two different private keys, on lines 1 and {line}"));
}

#[test]
fn a_key_of_no_use_is_said_to_be_so() {
    let text = armour("PRIVATE KEY", &[0x30, 0x03, 0x02, 0x01, 0x00]);
    let error = private_key(text.as_bytes(), "x").expect_err("damaged");
    assert!(matches!(error.fault(), PemFault::UnusableKey));
}

#[test]
fn r45_what_is_no_certificate_is_called_what_it_is() {
    let said =
        |text: &str| parse(text).and_then(|pem| pem.certificates().map(<[_]>::len)).expect_err("none").to_string();
    assert_eq!(said(&pair().key_pem()), "bundle.pem: holds a private key, where a certificate belongs");
    let request = armour("CERTIFICATE REQUEST", &[0x30, 0x00]);
    assert_eq!(said(&request), "bundle.pem: holds a certificate request (CSR), where a certificate belongs");
    assert!(said(&armour("PKCS7", &[0x30, 0x00])).contains("a PKCS#7 container"));
    assert!(said(&armour("TRUSTED CERTIFICATE", &[0x30, 0x00])).contains("OpenSSL alone"));
    assert_eq!(said("\r\n\t "), "bundle.pem: is empty");
}

#[test]
fn der_and_pkcs12_are_recognised() {
    let der = pair().certificate.der().to_vec();
    let error = Pem::parse(&der, "cert.cer").expect_err("DER");
    assert!(matches!(error.fault(), PemFault::Der));
    assert!(error.mend().expect("a mend").contains("openssl x509 -inform der -in cert.cer"));
    let version = 3_u8.to_der_vec().expect("an integer");
    let pfx = [&[0x30, 0x82, 0x01, 0x00][..], &version, &[0x30, 0x82]].concat();
    assert!(matches!(Pem::parse(&pfx, "site.pfx").expect_err("PKCS#12").fault(), PemFault::Pkcs12));
}

#[test]
fn no_text_brings_the_reader_down_and_no_certificate_vanishes() {
    // Cut at every byte: either both certificates are there, or fewer with an error, or the cut is in the clear.
    let pem = pair().pem();
    let whole = format!("{pem}{pem}");
    for cut in 0..whole.len() {
        let Ok(found) = parse(&whole[..cut]) else { continue };
        let complete = whole[..cut].matches("-----END CERTIFICATE-----").count();
        assert_eq!(found.certificates.len(), complete, "cut at {cut}");
    }
}

#[test]
fn a_certificate_in_a_form_that_is_not_read_is_never_missing_without_a_word() {
    for label in ["TRUSTED CERTIFICATE", "PKCS7"] {
        let text = pair().pem() + &armour(label, &[0x30, 0x00]);
        let line = pair().pem().lines().count() + 1;
        let error = parse(&text).expect("blocks").certificates().map(<[_]>::len).expect_err("one is not read");
        assert_eq!(error.line().map(|at| at.abs_diff(line) < 3), Some(true), "{error}");
    }
}
