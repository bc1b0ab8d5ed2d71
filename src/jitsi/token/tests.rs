use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;

const APP_ID: &str = "vpaas-magic-cookie-123456";
const NOW: u64 = 1_800_000_000;

fn key() -> (KeyPair, String) {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
    let der: Pkcs8V1Der<'_> = pair.as_der().expect("PKCS#8");
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
    (pair, pem)
}

fn signer(pem: &str, lifetime: Duration) -> Signer {
    let key_id = format!("{APP_ID}/aabbcc");
    Signer::from_pem(pem.as_bytes(), "private.pk", APP_ID, &key_id, lifetime, Clock::Fixed(NOW)).expect("a signer")
}

/// Header and payload of a token whose signature holds, verified without the library that made it.
fn opened(token: &Secret<String>, pair: &KeyPair) -> (Value, Value) {
    let (signed, signature) = token.reveal().rsplit_once('.').expect("a signature");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key())
        .verify(signed.as_bytes(), &signature)
        .expect("the signature holds");
    let part = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON");
    let (header, payload) = signed.split_once('.').expect("two parts");
    (part(header), part(payload))
}

fn alice(moderator: bool) -> Bearer {
    Bearer { id: Some("a1".into()), name: "Alice".into(), email: Some("alice@gatepost.test".into()), moderator }
}

#[tokio::test]
async fn r104_a_token_says_what_jaas_demands_and_nothing_else() {
    let (pair, pem) = key();
    let token = signer(&pem, Duration::from_millis(3_600_999)).token("Room%20Name".into(), alice(true)).await;
    let (header, payload) = opened(&token.expect("a token"), &pair);
    assert_eq!(header, json!({"typ": "JWT", "alg": "RS256", "kid": "vpaas-magic-cookie-123456/aabbcc"}));
    assert_eq!(
        payload,
        json!({
            "aud": "jitsi", "iss": "chat", "sub": APP_ID, "room": "Room%20Name",
            "iat": NOW, "nbf": NOW - 60, "exp": NOW + 3600,
            "context": {
                "user": {"id": "a1", "name": "Alice", "email": "alice@gatepost.test", "moderator": "true"},
                "features": {
                    "livestreaming": "false", "recording": "false", "transcription": "false",
                    "inbound-call": "false", "outbound-call": "false",
                    "sip-inbound-call": "false", "sip-outbound-call": "false",
                    "file-upload": "false", "list-visitors": "false",
                },
            },
        })
    );
    assert!(payload["exp"].is_u64(), "a whole number, not a string and not a fraction");
}

#[tokio::test]
async fn r106_moderator_and_features_are_strings_and_what_is_unknown_is_left_out() {
    let (pair, pem) = key();
    let nobody = Bearer { id: None, name: "Type Your Name".into(), email: None, moderator: false };
    let token = signer(&pem, Duration::from_secs(60)).token("*".into(), nobody).await.expect("a token");
    let (_, payload) = opened(&token, &pair);
    assert_eq!(payload["room"], "*");
    assert_eq!(payload["context"]["user"], json!({"name": "Type Your Name", "moderator": "false"}));
    for (name, value) in payload["context"]["features"].as_object().expect("an object") {
        assert!(value.is_string(), "{name}: {value}");
    }
}

#[tokio::test]
async fn neither_signer_nor_token_shows_itself() {
    let (_, pem) = key();
    let signer = signer(&pem, Duration::from_secs(60));
    let token = signer.token("r".into(), alice(false)).await.expect("a token");
    assert_eq!(format!("{token:?}"), "***");
    let shown = format!("{signer:?}");
    assert!(shown.contains("[redacted]"), "{shown}");
}

#[test]
fn signing_leaves_the_workers_thread_free() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().expect("a runtime");
    let (_, pem) = key();
    runtime.block_on(async {
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let occupied = tokio::task::spawn_blocking(move || wait.recv());
        let signer = signer(&pem, Duration::from_secs(60));
        let mut token = std::pin::pin!(signer.token("r".into(), alice(false)));
        // The one blocking thread is taken, so nothing may be signed; this thread goes on all the same.
        tokio::select! {
            biased;
            _ = &mut token => panic!("signed on the worker's own thread"),
            () = tokio::task::yield_now() => {}
        }
        go_on.send(()).expect("the occupant waits");
        occupied.await.expect("no panic").expect("sent");
        token.await.expect("a token");
    });
}
