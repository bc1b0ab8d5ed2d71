use std::fs;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::*;
use crate::config::model::SecretFrom;
use crate::jitsi::room::Asked;

const APP_ID: &str = "vpaas-magic-cookie-123456";

fn pem() -> String {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
    let der: Pkcs8V1Der<'_> = pair.as_der().expect("PKCS#8");
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()))
}

fn jaas() -> model::Provider {
    model::Provider::Jaas {
        app_id: APP_ID.into(),
        key_id: format!("{APP_ID}/aabbcc"),
        private_key: PemSource::Text(Secret::new(pem())),
        server: "https://8x8.vc".into(),
    }
}

fn jitsi(key: JitsiKey) -> model::Provider {
    model::Provider::Jitsi {
        app_id: "our-app".into(),
        server: "https://meet.site.test:8443".into(),
        subject: "meet.site.test".into(),
        audience: "jitsi".into(),
        key,
    }
}

fn secret(text: &str) -> JitsiKey {
    JitsiKey::Secret(SecretFrom::Text(Secret::new(text.into())))
}

fn public() -> model::Provider {
    model::Provider::Public { server: "https://meet.jit.si".into() }
}

fn meetings(provider: &model::Provider) -> Meetings {
    try_meetings(provider).unwrap_or_else(|error| panic!("{error}"))
}

fn try_meetings(provider: &model::Provider) -> Result<Meetings, ProviderError> {
    Meetings::new(provider, Duration::from_secs(3600), &Features::default(), Clock::System)
}

fn room(path: &str) -> Room {
    match Asked::of(path) {
        Ok(Asked::Room(room)) => room,
        other => panic!("{path}: {other:?}"),
    }
}

fn named(name: &str) -> Bearer {
    Bearer { id: None, name: name.into(), email: None, avatar: None, role: Role::Member, until: None }
}

fn payload(address: &str) -> Value {
    let token = address.split_once("?jwt=").expect("a token").1;
    let payload = token.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

#[tokio::test]
async fn each_provider_has_its_own_address() {
    let (jaas, ours) = (meetings(&jaas()), meetings(&jitsi(secret("a secret that prosody knows, too"))));
    assert_eq!(jaas.origin(), "https://8x8.vc");
    assert_eq!(ours.origin(), "https://meet.site.test:8443");
    let room = room("Weekly%20Call");
    let address =
        async |meetings: &Meetings, rooms| meetings.address(&room, rooms, &named("Bob")).await.expect("signed");

    let link = address(&jaas, model::Rooms::This).await;
    assert!(link.reveal().starts_with("https://8x8.vc/vpaas-magic-cookie-123456/Weekly%20Call?jwt=ey"));
    assert_eq!(payload(link.reveal())["room"], "Weekly%20Call");
    let link = address(&ours, model::Rooms::Any).await;
    assert!(link.reveal().starts_with("https://meet.site.test:8443/Weekly%20Call?jwt=ey"));
    assert_eq!(payload(link.reveal())["room"], "*");
    assert_eq!(payload(link.reveal())["sub"], "meet.site.test");

    let open = meetings(&public());
    let link = address(&open, model::Rooms::This).await;
    assert_eq!(link.reveal(), "https://meet.jit.si/Weekly%20Call#userInfo.displayName=%22Bob%22");
    assert!(open.token(&room, model::Rooms::This, &named("Bob")).await.expect("nothing to sign").is_none());
}

#[tokio::test]
async fn no_name_and_no_room_breaks_out_of_an_address() {
    let names = ["a\"b", "a#Intent;scheme=evil;end", "a&config.x=1", "a\\", "<b>%22", "\r\nx", "名;前", "'"];
    for provider in [jaas(), public(), jitsi(secret("a secret that prosody knows, too"))] {
        let meetings = meetings(&provider);
        for name in names {
            let link = meetings.address(&room("r"), model::Rooms::This, &named(name)).await.expect("an address");
            let (before, after) = link.reveal().split_once("/r").expect("the room");
            assert!(before.starts_with("https://"));
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~%#=?".contains(&b);
            assert!(after.bytes().all(plain), "{after}");
            assert!(after.matches(['#', '?']).count() == 1, "{after}");
            if let Some(value) = after.strip_prefix("#userInfo.displayName=") {
                let text = percent_encoding::percent_decode_str(value).decode_utf8().expect("UTF-8");
                assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), name);
            }
            let Apps { ios, android } = meetings.app_address(&link);
            assert_eq!(ios.reveal().strip_prefix("org.jitsi.meet://"), link.reveal().strip_prefix("https://"));
            let (data, intent) = android.reveal().rsplit_once('#').expect("an intent");
            assert_eq!(intent, "Intent;scheme=org.jitsi.meet;package=org.jitsi.meet;end");
            assert_eq!(data.strip_prefix("intent://"), link.reveal().strip_prefix("https://"));
            assert!(!data.contains(';'), "{data}");
        }
    }
}

#[test]
fn prosody_finds_the_public_key_by_the_hash_of_its_id() {
    // `printf %s gatepost | sha256sum`
    const HASH: &str = "066ec1d7b7f5828db80b4f295a923851979d32fa0d98e2ce2160177994606a9c";
    assert_eq!(public_key_file("gatepost"), format!("<asap_key_server>/{HASH}.pem"));
}

#[test]
fn a_key_that_could_sign_nothing_is_refused_with_what_mends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        path
    };
    let refused = |key: JitsiKey| {
        let error = try_meetings(&jitsi(key)).expect_err("no key");
        (error.to_string(), error.mend())
    };
    let from_file = |path| JitsiKey::Secret(SecretFrom::File(path));

    let (what, mend) = refused(from_file(file("empty", b"\n")));
    assert!(what.ends_with("empty is empty") && mend.contains("as one line"), "{what}: {mend}");
    let (what, _) = refused(from_file(file("binary", &[0xff, 0xfe])));
    assert!(what.starts_with("secret ") && what.ends_with("binary is no text"), "{what}");
    let (what, mend) = refused(from_file(folder.path().join("missing")));
    assert!(what.ends_with("missing: there is no such file") && mend.contains("check the name"), "{what}: {mend}");
    let (what, _) = refused(secret(" "));
    assert_eq!(what, "secret is empty");

    let rsa = |path| JitsiKey::Rsa { private_key: PemSource::File(path), key_id: "k".into() };
    let (what, mend) = refused(rsa(file("jitsi.pk", b"no key")));
    assert!(what.starts_with("private_key ") && mend.contains("asap_key_server"), "{what}: {mend}");
    let model::Provider::Jaas { app_id, key_id, server, .. } = jaas() else { panic!("JaaS") };
    let private_key = PemSource::Text(Secret::new("no key".into()));
    let error = try_meetings(&model::Provider::Jaas { app_id, key_id, private_key, server }).expect_err("no key");
    assert!(error.mend().contains("JaaS console"), "{}", error.mend());
}

#[tokio::test]
async fn of_a_secrets_file_the_lines_end_is_no_part() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("secret");
    fs::write(&path, " a secret with blanks, 32 bytes \r\n").expect("written");
    let meetings = meetings(&jitsi(JitsiKey::Secret(SecretFrom::File(path))));
    let token = meetings.token(&room("r"), model::Rooms::This, &named("Bob")).await.expect("signed").expect("a token");
    let key = jsonwebtoken::DecodingKey::from_secret(b" a secret with blanks, 32 bytes ");
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.set_audience(&["jitsi"]);
    jsonwebtoken::decode::<Value>(token.reveal(), &key, &validation).expect("it holds");
}

#[test]
fn nothing_of_a_key_is_shown() {
    let shown = format!("{:?}", meetings(&jitsi(secret("a secret that prosody knows, too"))));
    assert!(!shown.contains("prosody knows"), "{shown}");
}
