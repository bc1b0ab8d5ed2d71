//! `gatepost token`: what it prints is a token as a meeting server takes it, and says what is wrong where none would.

use std::path::Path;
use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

use crate::support::process::{Outcome, gatepost};
use crate::support::raw::message;
use crate::support::upstream::Upstream;

const APP_ID: &str = "vpaas-magic-cookie-123456";
const SECRET: &str = "a secret that prosody knows, too";

/// A folder with a configuration of these launchers, each on a route of its own.
fn folder(launchers: &str) -> tempfile::TempDir {
    let mut file = "[server]\nhttps = []\n[[site]]\nhosts = [\"chat.example\"]\n".to_owned();
    for line in launchers.lines().filter(|line| line.starts_with("[launcher.")) {
        let name = line.trim_end_matches(']').trim_start_matches("[launcher.");
        file.push_str(&format!("[[site.route]]\npath = \"/{name}\"\nlauncher = \"{name}\"\n"));
    }
    file.push_str(launchers);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("gatepost.toml"), file).expect("a file");
    std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).expect("a file");
    folder
}

fn jaas() -> String {
    format!(
        "[launcher.jaas]\nprovider = \"jaas\"\napp_id = \"{APP_ID}\"\nkey_id = \"{APP_ID}/aabbcc\"\n\
         private_key = \"private.pk\"\nidentity = [\"none\"]\nmoderators = \"everyone\"\n"
    )
}

fn jitsi(server: &str, key: &str) -> String {
    format!(
        "[launcher.ours]\nprovider = \"jitsi\"\napp_id = \"our-app\"\nserver = \"{server}\"\n{key}\n\
         identity = [\"none\"]\nmoderators = \"everyone\"\n"
    )
}

fn put_key(folder: &Path) -> DecodingKey {
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("an RSA key");
    std::fs::write(folder.join("private.pk"), pair.serialize_pem()).expect("a file");
    DecodingKey::from_rsa_pem(pair.public_key_pem().as_bytes()).expect("a public key")
}

/// What a meeting server reads: no leeway, and everything that Jitsi's demands.
fn opened(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Value {
    let mut validation = Validation::new(algorithm);
    validation.leeway = 0;
    validation.validate_nbf = true;
    validation.set_audience(&["jitsi"]);
    validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
    jsonwebtoken::decode::<Value>(token, key, &validation).expect("it holds").claims
}

async fn minted(folder: &Path, arguments: &[&str]) -> Value {
    let all: Vec<&str> = ["token"].into_iter().chain(arguments.iter().copied()).chain(["--json"]).collect();
    let outcome = gatepost(folder, &all).await;
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:?}");
    serde_json::from_str(&outcome.stdout).expect("JSON")
}

fn verdict<'v>(minted: &'v Value, of: &str) -> (&'v str, &'v str) {
    let check = minted["checks"].as_array().expect("checks").iter().find(|check| check["of"] == of).expect(of);
    (check["verdict"].as_str().expect("a verdict"), check["words"].as_str().expect("words"))
}

#[tokio::test]
async fn a_jaas_token_holds_with_the_public_key_and_says_what_was_asked_for() {
    let folder = folder(&format!("{}features = {{ moderators = [\"recording\"] }}\n", jaas()));
    let key = put_key(folder.path());
    let arguments =
        ["Standup", "--name", "Ann \"A\"", "--email", "ann@site.example", "--role", "moderator", "--offline"];
    let token = minted(folder.path(), &[&arguments[..], &["--lifetime", "5m"]].concat()).await;
    let text = token["token"].as_str().expect("a token");
    assert_eq!(token["address"], format!("https://8x8.vc/{APP_ID}/Standup?jwt={text}"));
    let claims = opened(text, &key, Algorithm::RS256);
    assert_eq!((&claims["iss"], &claims["sub"], &claims["room"]), (&json!("chat"), &json!(APP_ID), &json!("Standup")));
    assert_eq!(claims["exp"].as_i64().expect("a time") - claims["iat"].as_i64().expect("a time"), 300);
    assert_eq!(
        claims["context"]["user"],
        json!({"name": "Ann \"A\"", "email": "ann@site.example", "moderator": "true"})
    );
    assert_eq!(claims["context"]["features"]["recording"], "true");
    assert_eq!(claims["context"]["features"]["livestreaming"], "false");
    for of in ["key", "kid", "sub", "room", "exp", "address"] {
        assert_eq!(verdict(&token, of).0, "ok", "{token}");
    }
    assert_eq!(verdict(&token, "clock"), ("not-checked", "--offline"));

    let member = minted(folder.path(), &["Standup", "--offline"]).await;
    let claims = opened(member["token"].as_str().expect("a token"), &key, Algorithm::RS256);
    assert_eq!(claims["context"]["user"]["moderator"], "false", "nobody moderates unasked");
    assert_eq!(claims["context"]["features"]["recording"], "false");
}

#[tokio::test]
async fn a_token_for_ones_own_jitsi_holds_with_the_secret_or_with_the_public_key() {
    let with_secret = folder(&jitsi("https://meet.site.example", "secret = { file = \"secret\" }"));
    let token = minted(with_secret.path(), &["Standup", "--role", "moderator", "--offline"]).await;
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    let claims = opened(token["token"].as_str().expect("a token"), &key, Algorithm::HS256);
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("our-app"), &json!("meet.site.example")));
    assert_eq!(claims["moderator"], true);
    assert_eq!(claims["context"]["user"]["affiliation"], "owner");
    assert_eq!(token["decoded"]["header"], json!({"alg": "HS256", "typ": "JWT"}));

    let with_key = folder(&jitsi("https://meet.site.example", "private_key = \"private.pk\"\nkey_id = \"gatepost\""));
    let key = put_key(with_key.path());
    let token = minted(with_key.path(), &["Standup", "--role", "guest", "--offline"]).await;
    let claims = opened(token["token"].as_str().expect("a token"), &key, Algorithm::RS256);
    assert_eq!(claims["moderator"], false);
    assert_eq!(token["decoded"]["header"]["kid"], "gatepost");
    // `printf %s gatepost | sha256sum`
    let file = "066ec1d7b7f5828db80b4f295a923851979d32fa0d98e2ce2160177994606a9c.pem";
    assert!(verdict(&token, "kid").1.ends_with(file), "{token}");
}

#[tokio::test]
async fn for_people_everything_is_explained_and_the_token_is_on_standard_output_alone() {
    let folder = folder(&jaas());
    put_key(folder.path());
    let outcome = gatepost(folder.path(), &["token", "Weekly Call", "--offline"]).await;
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:?}");
    let address = outcome.stdout.lines().next().expect("a line");
    assert!(address.starts_with(&format!("https://8x8.vc/{APP_ID}/Weekly%20Call?jwt=ey")), "{address}");
    for part in [
        "may enter the room \"Weekly Call\" as a member until ",
        "It cannot be called back.",
        "header.kid",
        "must be what `kid` has before the slash",
        "context.user.moderator    false",
        "ok           kid      it begins with the app id",
    ] {
        assert!(outcome.stdout.contains(part), "{part}: {}", outcome.stdout);
    }
}

#[tokio::test]
async fn public_meetings_take_no_token_and_the_name_goes_along() {
    let folder = folder("[launcher.public]\nprovider = \"public\"\nidentity = [\"none\"]\n");
    let open = minted(folder.path(), &["Standup", "--name", "Ann & co."]).await;
    assert_eq!(open["address"], "https://meet.jit.si/Standup#userInfo.displayName=%22Ann%20%26%20co.%22");
    assert_eq!(open["token"], Value::Null);
}

#[tokio::test]
async fn the_clock_is_compared_with_the_meeting_servers() {
    let at = |ahead: i64| {
        Upstream::answering(move |_| {
            let by = Duration::from_secs(ahead.unsigned_abs());
            let now = SystemTime::now();
            let time = if ahead < 0 { now - by } else { now + by };
            message(&format!("HTTP/1.1 302 Found\nLocation: /elsewhere\nDate: {}", httpdate::fmt_http_date(time)), "")
        })
    };
    let asked = async |upstream: &Upstream| -> Outcome {
        let server = format!("http://127.0.0.1:{}", upstream.port());
        let folder = folder(&jitsi(&server, "secret = { file = \"secret\" }"));
        gatepost(folder.path(), &["token", "Standup"]).await
    };
    let right = at(0).await;
    let outcome = asked(&right).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("ok           clock    it agrees"), "{}", outcome.stdout);
    let lines = right.lines();
    assert_eq!(lines.len(), 1, "no redirect is followed: {lines:?}");
    assert!(!lines[0].contains("jwt"), "no token is sent: {lines:?}");

    let outcome = asked(&at(-600).await).await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.contains("fault        clock") && outcome.stdout.contains("ahead of"), "{}", outcome.stdout);
    let outcome = asked(&at(3 * 3600).await).await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.contains("has expired there already"), "{}", outcome.stdout);

    let nobody = Upstream::gone().await;
    let folder = folder(&jitsi(&format!("http://{nobody}"), "secret = { file = \"secret\" }"));
    let outcome = gatepost(folder.path(), &["token", "Standup"]).await;
    assert_eq!(outcome.code, Some(0), "that it cannot be compared is no fault: {outcome:?}");
    assert!(outcome.stdout.contains("not checked  clock    http://127.0.0.1:"), "{}", outcome.stdout);
}

#[tokio::test]
async fn each_usual_mistake_stops_with_its_words_and_its_mend() {
    let folder = folder(&jaas());
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("an RSA key");
    let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("an EC key");
    for (key, what, mend) in [
        (pair.public_key_pem(), "holds a public key; signing takes the private one", "name the private half"),
        (ec.serialize_pem(), "holds a key that is not RSA", "ssh-keygen -t rsa"),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".into(),
            "passphrase",
            "openssl pkey",
        ),
    ] {
        std::fs::write(folder.path().join("private.pk"), key).expect("a file");
        let outcome = gatepost(folder.path(), &["token", "Standup", "--offline"]).await;
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
        assert!(outcome.stderr.contains(what) && outcome.stderr.contains(mend), "{what}: {}", outcome.stderr);
    }

    let other = jaas().replace(&format!("{APP_ID}/aabbcc"), "vpaas-magic-cookie-9/aabbcc");
    let outcome = gatepost(self::folder(&other).path(), &["token", "Standup", "--offline"]).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("`key_id` belongs to the app \"vpaas-magic-cookie-9\""), "{}", outcome.stderr);
}

#[tokio::test]
async fn a_room_or_launcher_that_is_none_is_refused_before_anything_is_signed() {
    let two = folder(&format!("{}{}", jaas(), jitsi("https://meet.site.example", "secret = { file = \"secret\" }")));
    put_key(two.path());
    for (arguments, words) in [
        (&["token", "a/b"][..], "a room's name is one segment"),
        (&["token", "Standup"], "say which launcher, with --launcher: jaas, ours"),
        (&["token", "Standup", "--launcher", "jass"], "no route has a launcher of the name \"jass\""),
        (&["token", "Standup", "--launcher", "jaas", "--lifetime", "2d"], "a second to a day"),
    ] {
        let outcome = gatepost(two.path(), arguments).await;
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{outcome:?}");
        assert!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
    }
    minted(two.path(), &["Standup", "--launcher", "ours", "--offline"]).await;
}
