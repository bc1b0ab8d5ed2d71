//! Fuzzers' doors to who people are: what Mattermost answers, what its plugin signs.

use std::sync::LazyLock;

use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::uri::Scheme;
use http::{Response, StatusCode};
use serde_json::Value;

use crate::clock::Clock;
use crate::jitsi::room::Room;
use crate::route::host::Authority;
use crate::secret::Secret;

use super::mattermost::{self, Asking, Front};
use super::plugin::Plugin;
use super::{Person, avatar};

/// Mattermost's two answers: each a line of its status and a line of its body.
///
/// Whoever is let in has an id and a name that can be shown; a fault is no person. Any bytes are a picture or none.
pub fn mattermost(data: &[u8]) {
    let kind = avatar::kind(data);
    assert!(kind.is_none_or(|kind| kind.starts_with("image/") && !kind.contains("svg")));
    let mut lines = data.split(|&byte| byte == b'\n');
    let mut answer = || {
        let status = std::str::from_utf8(lines.next()?).ok()?.parse::<u16>().ok()?;
        let mut response = Response::new(Bytes::copy_from_slice(lines.next()?));
        *response.status_mut() = StatusCode::from_u16(status).ok()?;
        Some(response)
    };
    let Some(user) = answer() else { return };
    let teams = answer().unwrap_or_else(|| Response::new(Bytes::from_static(b"null")));
    let authority = Authority::parse("chat.example").expect("an authority");
    let front = Front { below: "", authority: &authority, scheme: &Scheme::HTTPS, client: [203, 0, 113, 9].into() };
    let session = Secret::new("ybndrfg8ejkmcpqxot1uwisza3".to_owned());
    for team_admins in [false, true] {
        let asking = Asking { team_admins, ..Asking::default() };
        let send = async |request: http::Request<()>| {
            let about_teams = request.uri().path().ends_with("/members");
            assert!(team_admins || !about_teams);
            Ok(if about_teams { teams.clone() } else { user.clone() })
        };
        let asked = mattermost::ask(&session, front, &asking, send).now_or_never().expect("it waits for nothing");
        if let Ok(Some(person)) = asked {
            assert_eq!(user.status(), StatusCode::OK);
            check(&person);
            assert!(person.username.as_ref().is_some_and(|name| !name.is_empty()));
        }
    }
}

fn check(person: &Person) {
    assert!((1..=64).contains(&person.id.len()) && person.id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert!(!person.name.is_empty() && person.name.trim() == person.name, "{:?}", person.name);
    assert!(!person.name.contains(|c: char| c.is_control() || ('\u{202A}'..='\u{202E}').contains(&c)));
    assert!(person.email.as_ref().is_none_or(|email| email.contains('@') && !email.contains(char::is_whitespace)));
}

/// Made anew by each run: no seed is signed with it.
static SECRET: LazyLock<[u8; 32]> = LazyLock::new(random);
static IDLE: LazyLock<[u8; 32]> = LazyLock::new(random);

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).expect("random numbers");
    bytes
}

const NOW: u64 = 1_790_000_000;
const APP_ID: &str = "gatepost";

/// Lines: a token's header, its claims, and the room asked for.
///
/// A token proves something where the plugin signed it by HS256 and it says what the plugin says, and nowhere else.
pub fn plugin(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let (header, claims) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let Ok(room) = Room::named(lines.next().unwrap_or("Standup")) else { return };
    let secret = Secret::new(URL_SAFE_NO_PAD.encode(*SECRET));
    let plugin = Plugin::new(APP_ID, &secret, Clock::Fixed(NOW));
    // Nothing is ever signed by this.
    let idle = Plugin::new(APP_ID, &Secret::new(URL_SAFE_NO_PAD.encode(*IDLE)), Clock::Fixed(NOW));
    assert!(idle.verify(text, &room).is_err());
    assert!(idle.verify(header, &room).is_err());

    let said = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signed = |secret: &[u8]| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), said.as_bytes());
        format!("{said}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    for forged in [format!("{said}."), said.clone(), signed(b""), signed(b"another")] {
        assert!(plugin.verify(&forged, &room).is_err(), "{forged}");
    }
    let token = signed(secret.reveal().as_bytes());
    let nobodys = Plugin::new(APP_ID, &Secret::new(String::new()), Clock::Fixed(NOW));
    for token in [&token, &signed(b"")] {
        assert!(nobodys.verify(token, &room).is_err(), "an empty secret");
    }
    let Ok(proof) = plugin.verify(&token, &room) else { return };
    let header: Value = serde_json::from_str(header).expect("JSON");
    assert_eq!(header["alg"], "HS256");
    let claims: Value = serde_json::from_str(claims).expect("JSON");
    assert_eq!(claims["iss"], APP_ID);
    assert!(claims["aud"] == APP_ID || claims["aud"].as_array().is_some_and(|all| all.contains(&APP_ID.into())));
    assert!(claims["exp"].as_u64().is_some_and(|until| until > NOW - 60));
    assert!(claims["context"]["user"]["moderator"].is_null() && claims["context"]["features"].is_null());
    assert!(claims["room"].is_string());
    if let Some(person) = proof.person {
        check(&person);
        assert!(!person.admin && !person.guest && person.username.is_none());
    }
}
