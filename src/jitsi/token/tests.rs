use std::time::Duration;

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use super::*;
use crate::jitsi::bearer::Role;
use crate::jitsi::claims::Dialect;
use crate::jitsi::features::{Feature, Features};

const APP_ID: &str = "vpaas-magic-cookie-123456";
const NOW: u64 = 1_800_000_000;
const SECRET: &[u8] = b"a secret that prosody knows, too";

fn rsa() -> (Vec<u8>, Key) {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
    (pair.public_key().as_ref().to_vec(), Key::Rsa(pair, format!("{APP_ID}/aabbcc")))
}

fn jaas(lifetime: u64, features: Features) -> Terms {
    Terms {
        audience: "jitsi".into(),
        issuer: "chat".into(),
        subject: APP_ID.into(),
        lifetime,
        features,
        dialect: Dialect::Jaas,
    }
}

fn jitsi(features: Features) -> Terms {
    Terms {
        audience: "our-jitsi".into(),
        issuer: "our-app".into(),
        subject: "meet.site.test".into(),
        lifetime: 3600,
        features,
        dialect: Dialect::Jitsi,
    }
}

fn signer(key: Key, terms: Terms) -> Signer {
    Signer::new(key, terms, Clock::Fixed(NOW)).expect("a signer")
}

fn shared() -> Key {
    Key::Shared(Box::new(hmac::Key::new(hmac::HMAC_SHA256, SECRET)))
}

/// Header and payload of a token, its signature left to whoever checks it: text that was signed, signature.
fn opened(token: &Secret<String>) -> (Value, Value, String, Vec<u8>) {
    let (signed, signature) = token.reveal().rsplit_once('.').expect("a signature");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let part = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON");
    let (header, payload) = signed.split_once('.').expect("two parts");
    (part(header), part(payload), signed.to_owned(), signature)
}

fn alice(role: Role) -> Bearer {
    Bearer {
        id: Some("a1".into()),
        name: "Alice".into(),
        email: Some("alice@gatepost.test".into()),
        avatar: None,
        role,
        until: None,
    }
}

#[tokio::test]
async fn r104_a_token_says_what_jaas_demands_and_nothing_else() {
    let (public, key) = rsa();
    let signer = signer(key, jaas(3600, Features::default()));
    let token = signer.token("Room%20Name".into(), alice(Role::Moderator)).await.expect("a token");
    let (header, payload, signed, signature) = opened(&token);
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
        .verify(signed.as_bytes(), &signature)
        .expect("the signature holds");
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
    let (_, key) = rsa();
    let nobody =
        Bearer { id: None, name: "Type Your Name".into(), email: None, avatar: None, role: Role::Member, until: None };
    let token = signer(key, jaas(60, Features::default())).token("*".into(), nobody).await.expect("a token");
    let (_, payload, ..) = opened(&token);
    assert_eq!(payload["room"], "*");
    assert_eq!(payload["context"]["user"], json!({"name": "Type Your Name", "moderator": "false"}));
    for (name, value) in payload["context"]["features"].as_object().expect("an object") {
        assert!(value.is_string(), "{name}: {value}");
    }
}

#[tokio::test]
async fn a_role_has_its_own_features_and_no_other() {
    let features = Features {
        moderators: [Feature::Recording, Feature::SendGroupchat].into_iter().collect(),
        members: [Feature::SendGroupchat].into_iter().collect(),
        ..Features::default()
    };
    let (_, key) = rsa();
    let signer = signer(key, jaas(60, features));
    let mut seen = Vec::new();
    for role in [Role::Moderator, Role::Member, Role::Guest] {
        let (_, payload, ..) = opened(&signer.token("r".into(), alice(role)).await.expect("a token"));
        let said = &payload["context"]["features"];
        let on = |name: &str| said[name].as_str().map(str::to_owned).unwrap_or_default();
        seen.push((on("recording"), on("send-groupchat"), on("livestreaming"), on("create-polls")));
    }
    let row = |recording: &str, chat: &str| (recording.into(), chat.into(), "false".into(), String::new());
    assert_eq!(seen, [row("true", "true"), row("false", "true"), row("false", "false")]);
}

#[tokio::test]
async fn a_token_for_ones_own_jitsi_says_who_moderates_in_every_way_that_prosody_reads() {
    let signer = signer(shared(), jitsi(Features::default()));
    let picture = Bearer { avatar: Some("https://site.test/jitsi/-/avatar/x".into()), ..alice(Role::Moderator) };
    let token = signer.token("room1".into(), picture).await.expect("a token");
    let (header, payload, signed, signature) = opened(&token);
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), signed.as_bytes(), &signature).expect("it holds");
    assert_eq!(header, json!({"typ": "JWT", "alg": "HS256"}), "no kid: there is no key to be fetched");
    assert_eq!(
        payload,
        json!({
            "aud": "our-jitsi", "iss": "our-app", "sub": "meet.site.test", "room": "room1",
            "iat": NOW, "nbf": NOW - 60, "exp": NOW + 3600, "moderator": true,
            "context": {"user": {
                "id": "a1", "name": "Alice", "email": "alice@gatepost.test",
                "avatar": "https://site.test/jitsi/-/avatar/x", "affiliation": "owner", "moderator": "true",
            }},
        })
    );

    for role in [Role::Member, Role::Guest] {
        let (_, payload, ..) = opened(&signer.token("room1".into(), alice(role)).await.expect("a token"));
        assert_eq!(payload["moderator"], false);
        assert_eq!(payload["context"]["user"]["affiliation"], "member");
        assert_eq!(payload["context"]["user"]["moderator"], "false");
    }
}

#[tokio::test]
async fn ones_own_jitsi_goes_by_its_own_rule_until_a_feature_is_named() {
    let features = Features { moderators: [Feature::Recording].into_iter().collect(), ..Features::default() };
    for (features, said) in [(Features::default(), false), (features, true)] {
        let token = signer(shared(), jitsi(features)).token("r".into(), alice(Role::Member)).await.expect("a token");
        let (_, payload, ..) = opened(&token);
        assert_eq!(payload["context"]["features"].is_object(), said, "{payload}");
    }
}

#[tokio::test]
async fn no_claim_of_a_person_is_a_number_or_null_and_nobody_is_admin() {
    for (id, email, avatar) in [(None, None, None), (Some("1".to_owned()), Some(String::new()), None)] {
        for terms in [jaas(60, Features::default()), jitsi(Features::default())] {
            let bearer = Bearer { id: id.clone(), email: email.clone(), avatar: avatar.clone(), ..alice(Role::Guest) };
            let (_, payload, ..) = opened(&signer(shared(), terms).token("r".into(), bearer).await.expect("a token"));
            for (name, value) in payload["context"]["user"].as_object().expect("an object") {
                assert!(value.is_string(), "{name}: {value}");
            }
            assert!(!payload.to_string().contains("admin"), "{payload}");
        }
    }
}

#[tokio::test]
async fn a_name_of_any_script_and_with_markup_comes_out_as_it_went_in() {
    for name in ["Ваня \"<b>\" \\ \u{2028}", "名前", "👩‍👩‍👧 & co.", "\u{0}\u{1f}"] {
        let bearer = Bearer { name: name.into(), ..alice(Role::Member) };
        let token = signer(shared(), jitsi(Features::default())).token("r".into(), bearer).await.expect("a token");
        assert_eq!(opened(&token).1["context"]["user"]["name"], name);
        assert!(
            token.reveal().bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)),
            "an address takes it"
        );
    }
}

#[tokio::test]
async fn the_librarys_own_reading_of_a_token_agrees() {
    let validation = |algorithm| {
        let mut validation = jsonwebtoken::Validation::new(algorithm);
        validation.set_audience(&["jitsi", "our-jitsi"]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        validation
    };
    let now = |key, terms| Signer::new(key, terms, Clock::System).expect("a signer");
    let token =
        now(shared(), jitsi(Features::default())).token("r".into(), alice(Role::Member)).await.expect("a token");
    let key = jsonwebtoken::DecodingKey::from_secret(SECRET);
    jsonwebtoken::decode::<Value>(token.reveal(), &key, &validation(jsonwebtoken::Algorithm::HS256)).expect("it holds");
    let (public, key) = rsa();
    let token = now(key, jaas(60, Features::default())).token("r".into(), alice(Role::Member)).await.expect("a token");
    let key = jsonwebtoken::DecodingKey::from_rsa_der(&public);
    jsonwebtoken::decode::<Value>(token.reveal(), &key, &validation(jsonwebtoken::Algorithm::RS256)).expect("it holds");
}

#[tokio::test]
async fn neither_signer_nor_token_shows_itself() {
    let secret = String::from_utf8(SECRET.to_vec()).expect("ASCII");
    for signer in [signer(rsa().1, jaas(60, Features::default())), signer(shared(), jitsi(Features::default()))] {
        let token = signer.token("r".into(), alice(Role::Guest)).await.expect("a token");
        assert_eq!(format!("{token:?}"), "***");
        let shown = format!("{signer:?}");
        assert!(shown.contains("terms") && !shown.contains(&secret) && !shown.contains("Pair"), "{shown}");
    }
}

#[test]
fn signing_leaves_the_workers_thread_free() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().expect("a runtime");
    runtime.block_on(async {
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let occupied = tokio::task::spawn_blocking(move || wait.recv());
        let signer = signer(rsa().1, jaas(60, Features::default()));
        let mut token = std::pin::pin!(signer.token("r".into(), alice(Role::Guest)));
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

#[tokio::test]
async fn a_lifetime_beyond_all_time_does_not_wrap_around() {
    let terms = jaas(Duration::MAX.as_secs(), Features::default());
    let token = signer(shared(), terms).token("r".into(), alice(Role::Guest)).await.expect("a token");
    assert_eq!(opened(&token).1["exp"], u64::MAX);
}

#[tokio::test]
async fn only_the_very_same_person_for_the_very_same_room_is_given_a_token_again() {
    let signer = signer(rsa().1, jaas(3600, Features::default()));
    let of =
        async |room: &str, bearer: Bearer| signer.token(room.into(), bearer).await.expect("a token").reveal().clone();
    let first = of("room1", alice(Role::Member)).await;
    assert_eq!(of("room1", alice(Role::Member)).await, first);
    let others = [
        of("room2", alice(Role::Member)).await,
        of("room1", alice(Role::Moderator)).await,
        of("room1", Bearer { id: Some("a2".into()), ..alice(Role::Member) }).await,
        of("room1", Bearer { id: None, ..alice(Role::Member) }).await,
        of("room1", Bearer { name: "Bob".into(), ..alice(Role::Member) }).await,
        of("room1", Bearer { email: None, ..alice(Role::Member) }).await,
        of("room1", Bearer { avatar: Some("https://a.example/1".into()), ..alice(Role::Member) }).await,
    ];
    for (index, token) in others.iter().enumerate() {
        assert!(*token != first && !others[..index].contains(token), "{index}");
    }
}

#[tokio::test]
async fn a_token_ends_with_the_invitation_that_it_was_given_for_and_goes_to_nobody_else() {
    let signer = signer(shared(), jaas(3600, Features::default()));
    let until = async |until: Option<u64>| {
        let gus = Bearer { id: None, name: "Gus".into(), until, ..alice(Role::Guest) };
        let claims = opened(&signer.token("room1".into(), gus).await.expect("a token")).1;
        (claims["iat"].as_u64(), claims["exp"].as_u64())
    };
    // The same name in the same room, by the form and by two invitations, each asked for twice.
    for _ in 0..2 {
        assert_eq!(until(None).await, (Some(NOW), Some(NOW + 3600)));
        assert_eq!(until(Some(NOW + 5)).await, (Some(NOW), Some(NOW + 5)));
        assert_eq!(until(Some(NOW + 600)).await, (Some(NOW), Some(NOW + 600)));
        assert_eq!(until(Some(NOW + 86400)).await, (Some(NOW), Some(NOW + 3600)), "never longer than others'");
    }
}
