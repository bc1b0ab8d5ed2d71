//! 8x8's signature of a post, by the secret that its console shows for each endpoint.
//!
//! `X-Jaas-Signature: t=SECONDS,v1=BASE64` bears an HMAC-SHA-256 of `SECONDS.BODY`
//! (developer.8x8.com/jaas/docs/webhooks-signatures). Unlike the `Authorization`, the secret itself is never sent.
//!
//! Schemes other than `v1` are no signatures. How old one is does not matter here: an event that is sent again counts
//! nothing (see `ledger`), and a clock of ours that is off must not lose events.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The field that bears it.
pub const FIELD: &str = "x-jaas-signature";

/// Signatures of one post that are looked at: two, while 8x8 changes a secret, and some to spare.
const MOST: usize = 8;

/// Whether one of the signatures in `field` is of this body under this secret. Compared in constant time.
pub fn is_signed(field: &[u8], body: &[u8], secret: &[u8]) -> bool {
    let Ok(field) = std::str::from_utf8(field) else { return false };
    let elements = || field.split(',').filter_map(|element| element.trim().split_once('='));
    let Some((_, time)) = elements().find(|(name, _)| *name == "t") else { return false };
    // An empty secret signs nothing: anybody has it.
    if secret.is_empty() || time.is_empty() {
        return false;
    }
    let signed = [time.as_bytes(), b".", body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signatures = elements().filter(|(scheme, _)| *scheme == "v1").take(MOST);
    signatures.filter_map(|(_, text)| STANDARD.decode(text).ok()).any(|tag| hmac::verify(&key, &signed, &tag).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"eventType":"USAGE"}"#;

    fn sign(time: &str, body: &[u8], secret: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        STANDARD.encode(hmac::sign(&key, &[time.as_bytes(), b".", body].concat()))
    }

    #[test]
    fn a_post_is_genuine_under_its_secret_alone_and_unaltered() {
        let good = sign("1632490060", BODY, b"secret");
        let field = format!("t=1632490060,v1={good}");
        assert!(is_signed(field.as_bytes(), BODY, b"secret"));
        assert!(!is_signed(field.as_bytes(), BODY, b"Secret"));
        assert!(!is_signed(field.as_bytes(), br#"{"eventType":"usage"}"#, b"secret"));
        assert!(!is_signed(format!("t=1632490061,v1={good}").as_bytes(), BODY, b"secret"));
        let other = sign("1632490060", BODY, b"older");
        assert!(is_signed(format!("t=1632490060, v1={other}, v1={good}").as_bytes(), BODY, b"secret"), "either holds");
    }

    #[test]
    fn what_is_no_signature_is_none() {
        let good = sign("1", BODY, b"secret");
        let empty = sign("1", BODY, b"");
        assert!(!is_signed(format!("t=1,v1={empty}").as_bytes(), BODY, b""), "an empty secret is anybody's");
        let none = sign("", BODY, b"secret");
        for field in [
            String::new(),
            "t=1".into(),
            format!("v1={good}"),
            format!("t=1,v0={good}"),
            format!("t=1,v1={}", &good[..good.len() - 4]),
            "t=1,v1=".into(),
            "t=1,v1=?".into(),
            format!("t=,v1={none}"),
            format!("t=1{},v1={good}", ",v1=AAAA".repeat(MOST)),
        ] {
            assert!(!is_signed(field.as_bytes(), BODY, b"secret"), "{field}");
        }
        assert!(!is_signed(b"t=1,v1=\xff", BODY, b"secret"));
    }
}
