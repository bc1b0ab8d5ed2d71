//! Containers, whole and cut off. How CAs send them is in `tests/it/cert_bundle.rs`.

use super::super::testing::chain;
use super::certificates;

/// TLV with a long length.
fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short");
    [&[tag, 0x82][..], &length.to_be_bytes(), content].concat()
}

fn pkcs7(content_type_end: u8, set: &[u8]) -> Vec<u8> {
    let kind = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, content_type_end];
    let inner = [&[0x02, 0x01, 0x01][..], &wrap(0x31, &[]), &wrap(0x30, &[]), &wrap(0xa0, set)].concat();
    wrap(0x30, &[&kind[..], &wrap(0xa0, &wrap(0x30, &inner))].concat())
}

#[test]
fn a_certificate_and_a_container_give_what_is_in_them() {
    let c = chain(&["site.example"]);
    let (leaf, middle) = (c.leaf.certificate.der(), c.middle.certificate.der());
    assert_eq!(certificates(leaf), Some(vec![leaf.clone()]));
    // Attribute certificates ([1] and [2]) stand beside and are passed over.
    let set = [&leaf[..], &wrap(0xa2, b"other"), middle].concat();
    assert_eq!(certificates(&pkcs7(2, &set)), Some(vec![leaf.clone(), middle.clone()]));
}

#[test]
fn what_is_neither_gives_nothing() {
    let c = chain(&["site.example"]);
    let leaf = c.leaf.certificate.der();
    assert_eq!(certificates(b""), None);
    assert_eq!(certificates(b"-----BEGIN CERTIFICATE-----"), None);
    assert_eq!(certificates(&pkcs7(2, &[])), None);
    // envelopedData holds no certificates of ours.
    assert_eq!(certificates(&pkcs7(3, leaf)), None);
    let whole = pkcs7(2, leaf);
    for end in 0..whole.len() {
        assert_eq!(certificates(&whole[..end]), None, "cut at {end}");
    }
}
