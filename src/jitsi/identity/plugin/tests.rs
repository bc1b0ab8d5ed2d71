use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use super::*;

const APP_ID: &str = "gatepost";
const SECRET: &str = "the plugin's app secret";
const NOW: u64 = 1_800_000_000;

fn plugin() -> Plugin {
    Plugin::new(APP_ID, &Secret::new(SECRET.to_owned()), Clock::Fixed(NOW))
}

fn room(name: &str) -> Room {
    match Asked::of(name) {
        Ok(Asked::Room(room)) => room,
        other => panic!("{name} is no room: {other:?}"),
    }
}

/// As the plugin writes it once a client had it signed anew, `changes` apart; null takes a claim away.
fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "aud": APP_ID,
        "exp": NOW + 1800,
        "iss": APP_ID,
        "sub": "meet.site.example",
        "context": {
            "user": {
                "avatar": "https://chat.example/api/v4/users/a1/image?_=1700000000000",
                "name": "Alice Smith",
                "email": "alice@gatepost.test",
                "id": "ybndrfg8ejkmcpqxot1uwisza3"
            },
            "group": ""
        },
        "room": "town-square-abcdefghij"
    });
    let Value::Object(changes) = changes else { panic!("an object") };
    for (key, value) in changes {
        match value {
            Value::Null => drop(claims.as_object_mut().expect("an object").remove(&key)),
            value => claims[key] = value,
        }
    }
    claims
}

fn signed(claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET.as_bytes()))
        .expect("a token")
}

/// The same with a header of any kind, and with the secret's HMAC of any hash.
fn signed_by_hand(header: &str, claims: &str, algorithm: hmac::Algorithm, secret: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn judged(changes: Value) -> Result<Proof, PluginFault> {
    plugin().verify(&signed(&claims(changes)), &room("town-square-abcdefghij"))
}

#[test]
fn a_token_with_a_user_proves_who_asks() {
    let alice = Person {
        id: "ybndrfg8ejkmcpqxot1uwisza3".into(),
        name: "Alice Smith".into(),
        email: Some("alice@gatepost.test".into()),
        username: None,
        guest: false,
        admin: false,
        picture: None,
    };
    assert_eq!(judged(json!({})), Ok(Proof { person: Some(alice) }));
}

#[test]
fn a_token_without_a_usable_user_proves_the_room_alone() {
    for context in [
        Value::Null,
        json!({}),
        json!([]),
        json!("user"),
        json!({"user": null}),
        json!({"user": {}}),
        json!({"user": "ybndrfg8ejkmcpqxot1uwisza3"}),
        // As the plugin writes it when the meeting starts.
        json!({"user": {"avatar": "", "name": "", "email": "", "id": ""}, "group": ""}),
        json!({"user": {"name": "Alice"}}),
        json!({"user": {"id": "a1"}}),
        json!({"user": {"id": "a1", "name": ""}}),
        json!({"user": {"id": "a1", "name": " \u{200B}"}}),
        json!({"user": {"id": "", "name": "Alice"}}),
        json!({"user": {"id": null, "name": "Alice"}}),
        json!({"user": {"id": 7, "name": "Alice"}}),
        json!({"user": {"id": "a1", "name": 7}}),
        json!({"user": {"id": "a1", "name": null}}),
        json!({"user": {"id": ["a1"], "name": "Alice"}}),
        json!({"user": {"id": "../a", "name": "Alice"}}),
        json!({"user": {"id": "a\u{0}1", "name": "Alice"}}),
        json!({"user": {"id": "a".repeat(65), "name": "Alice"}}),
    ] {
        assert_eq!(judged(json!({"context": context})), Ok(Proof { person: None }), "{context}");
    }
}

#[test]
fn what_the_user_is_called_is_cleaned_and_never_interpreted() {
    for (given, name) in [
        ("<b>Alice</b> \"A\"", "<b>Alice</b> \"A\"".to_owned()),
        ("A\r\nl\u{7}ice\u{202E}", "Alice".into()),
        ("李雷", "李雷".into()),
        (&"n".repeat(500), "n".repeat(name::LONGEST)),
    ] {
        let context = json!({"user": {"id": "a1", "name": given, "email": "<script>"}});
        let person = judged(json!({"context": context})).expect("a proof").person.expect("a person");
        assert_eq!((person.name, person.email), (name, None));
    }
    // Mattermost's privacy settings keep the address back, and the names but for the user name.
    let context = json!({"user": {"id": "a1", "name": "alice", "email": "", "avatar": ""}});
    let person = judged(json!({"context": context})).expect("a proof").person.expect("a person");
    assert_eq!((person.name.as_str(), person.email), ("alice", None));
}

#[test]
fn the_audience_is_a_string_or_a_list_with_the_app_id_in_it() {
    for aud in [json!(APP_ID), json!([APP_ID]), json!(["jitsi", APP_ID]), json!([APP_ID, 7])] {
        assert!(judged(json!({"aud": aud})).is_ok(), "{aud}");
    }
    for aud in [
        Value::Null,
        json!(""),
        json!("*"),
        json!("jitsi"),
        json!("Gatepost"),
        json!([]),
        json!(["jitsi"]),
        json!([[APP_ID]]),
        json!(7),
        json!({APP_ID: APP_ID}),
    ] {
        assert_eq!(judged(json!({"aud": aud})), Err(PluginFault::Audience), "{aud}");
    }
}

#[test]
fn the_issuer_is_the_app_id() {
    for iss in [Value::Null, json!(""), json!("GATEPOST"), json!("chat"), json!([APP_ID]), json!(1), json!("*")] {
        assert_eq!(judged(json!({"iss": iss})), Err(PluginFault::Issuer), "{iss}");
    }
}

#[test]
fn a_token_holds_until_it_expires_and_a_minute_for_clocks_that_nobody_tends() {
    for (exp, outcome) in [
        (json!(NOW + 1), Ok(())),
        (json!(NOW), Ok(())),
        (json!(NOW - 59), Ok(())),
        (json!(NOW - 60), Err(PluginFault::Expired)),
        (json!(NOW - 3600), Err(PluginFault::Expired)),
        (json!(0), Err(PluginFault::Expired)),
        (json!(u64::MAX), Ok(())),
        (Value::Null, Err(PluginFault::NoExpiry)),
        (json!((NOW + 1800).to_string()), Err(PluginFault::NoExpiry)),
        (json!(-1), Err(PluginFault::NoExpiry)),
        (json!(1.9e9), Err(PluginFault::NoExpiry)),
        (json!(1e300), Err(PluginFault::NoExpiry)),
        // What the library cannot even pass over.
        (json!([NOW + 1800]), Err(PluginFault::Malformed)),
        (json!(true), Err(PluginFault::NoExpiry)),
    ] {
        assert_eq!(judged(json!({"exp": exp})).map(|_| ()), outcome, "{exp}");
    }
    for (nbf, outcome) in [
        (json!(NOW - 10), Ok(())),
        (json!(NOW + 60), Ok(())),
        (json!(NOW + 61), Err(PluginFault::NotYet)),
        (json!(u64::MAX), Err(PluginFault::NotYet)),
        (json!("0"), Err(PluginFault::NotYet)),
        (json!(-1), Err(PluginFault::NotYet)),
    ] {
        assert_eq!(judged(json!({"nbf": nbf})).map(|_| ()), outcome, "{nbf}");
    }
}

#[test]
fn the_room_is_the_one_that_was_asked_for_and_never_any() {
    for (named, asked) in [
        ("town-square-abcdefghij", "town-square-abcdefghij"),
        ("Town-Square-Abcdefghij", "town-square-abcdefghij"),
        ("CrazyPandasDanceWildly", "crazypandasdancewildly"),
        ("1b4e28ba-2fa1-11d2-883f-0016d3cca427", "1B4E28BA-2FA1-11D2-883F-0016D3CCA427"),
        ("al.ice-abcdefghijabcdefghij", "al.ice-abcdefghijabcdefghij"),
        // The plugin writes names as they are, Jitsi percent-encoded.
        ("Room Name", "Room%20Name"),
        ("Room%20Name", "Room Name"),
        ("Überraschung", "%C3%9Cberraschung"),
        ("%C3%BCberraschung", "ÜBERRASCHUNG"),
    ] {
        let token = signed(&claims(json!({"room": named})));
        assert!(plugin().verify(&token, &room(asked)).is_ok(), "{named} {asked}");
    }
    for named in [
        Value::Null,
        json!(""),
        json!("*"),
        json!("**"),
        json!(".*"),
        json!("%2A"),
        json!("other"),
        json!("town-square-abcdefghi"),
        json!("town-square-abcdefghijk"),
        json!("town-square-abcdefghij/other"),
        json!("vpaas-magic-cookie-1/town-square-abcdefghij"),
        json!("town-square-abcdefghij\u{0}"),
        json!("external_api.js"),
        json!("-"),
        json!(["town-square-abcdefghij"]),
        json!(7),
        json!(true),
    ] {
        assert_eq!(judged(json!({"room": named})), Err(PluginFault::Room), "{named}");
    }
}

#[test]
fn a_meetings_own_token_is_no_token_of_the_plugin_even_by_the_same_secret() {
    let user = json!({"id": "a1", "name": "Mallory"});
    for context in [
        json!({"user": user, "features": {}}),
        json!({"user": {"id": "a1", "name": "Mallory", "moderator": "false"}}),
        json!({"user": {"id": "a1", "name": "Mallory", "moderator": true}}),
        json!({"user": {"id": "a1", "name": "Mallory", "affiliation": "member"}}),
    ] {
        assert_eq!(judged(json!({"context": context})), Err(PluginFault::Meeting), "{context}");
    }
}

#[test]
fn the_algorithm_is_hs256_whatever_the_token_says() {
    let body = claims(json!({})).to_string();
    let secret = SECRET.as_bytes();
    let room = room("town-square-abcdefghij");
    let control = signed_by_hand(r#"{"alg":"HS256","typ":"JWT"}"#, &body, hmac::HMAC_SHA256, secret);
    assert!(plugin().verify(&control, &room).is_ok());
    let without_typ = signed_by_hand(r#"{"alg":"HS256"}"#, &body, hmac::HMAC_SHA256, secret);
    assert!(plugin().verify(&without_typ, &room).is_ok());
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":""}"#,
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"HS384"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"HS512","alg":"HS256"}"#,
        r#"{"alg":"HS256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        "[]",
        "7",
        "",
    ] {
        // Signed well, by the hash that HS256 has and by that of HS512: the header alone is what is wrong.
        for algorithm in [hmac::HMAC_SHA256, hmac::HMAC_SHA512] {
            let token = signed_by_hand(header, &body, algorithm, secret);
            assert_eq!(plugin().verify(&token, &room), Err(PluginFault::Header), "{header}");
        }
    }
    // "none" with nothing for a signature.
    let (unsigned, _) = signed_by_hand(r#"{"alg":"none"}"#, &body, hmac::HMAC_SHA256, secret)
        .rsplit_once('.')
        .map(|(message, signature)| (format!("{message}."), signature.to_owned()))
        .expect("three parts");
    assert_eq!(plugin().verify(&unsigned, &room), Err(PluginFault::Header));
    // HS512 under a header that says HS256.
    let long = signed_by_hand(r#"{"alg":"HS256"}"#, &body, hmac::HMAC_SHA512, secret);
    assert_eq!(plugin().verify(&long, &room), Err(PluginFault::Signature));
}

#[test]
fn another_key_an_altered_token_or_an_empty_secret_prove_nothing() {
    let room = room("town-square-abcdefghij");
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let body = claims(json!({})).to_string();
    for secret in [&b"another secret"[..], b"", b"the plugin's app secret ", b"The plugin's app secret"] {
        let token = signed_by_hand(header, &body, hmac::HMAC_SHA256, secret);
        assert_eq!(plugin().verify(&token, &room), Err(PluginFault::Signature));
    }
    let open = Plugin::new(APP_ID, &Secret::new(String::new()), Clock::Fixed(NOW));
    let token = signed_by_hand(header, &body, hmac::HMAC_SHA256, b"");
    assert_eq!(open.verify(&token, &room), Err(PluginFault::Signature));
    // Somebody else's name, under the old signature.
    let token = signed(&claims(json!({})));
    let mut parts: Vec<&str> = token.split('.').collect();
    let other = URL_SAFE_NO_PAD.encode(body.replace("Alice", "Admin"));
    parts[1] = &other;
    assert_eq!(plugin().verify(&parts.join("."), &room), Err(PluginFault::Signature));
}

#[test]
fn no_token_outlives_the_change_of_a_single_letter() {
    let token = signed(&claims(json!({})));
    let room = room("town-square-abcdefghij");
    assert!(plugin().verify(&token, &room).is_ok());
    for at in 0..token.len() {
        for letter in [b'A', b'B', b'-', b'.', b'=', b'~'] {
            let mut altered = token.clone().into_bytes();
            altered[at] = letter;
            let altered = String::from_utf8(altered).expect("ASCII");
            assert!(altered == token || plugin().verify(&altered, &room).is_err(), "{at} {altered}");
        }
        assert!(plugin().verify(&token[..at], &room).is_err(), "cut at {at}");
    }
}

#[test]
fn what_is_no_token_is_refused_and_what_is_too_long_is_not_looked_at() {
    let room = room("town-square-abcdefghij");
    let token = signed(&claims(json!({})));
    let (message, _) = token.rsplit_once('.').expect("three parts");
    for garbage in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "null",
        "{}",
        message,
        &format!("{token}."),
        &format!("{token}.x"),
        &format!("{token}="),
        &format!(" {token}"),
        &format!("{token}\n"),
        &token.replace('.', "%2E"),
        "\u{1F600}.\u{1F600}.\u{1F600}",
    ] {
        assert!(plugin().verify(garbage, &room).is_err(), "{garbage:?}");
    }
    let header = r#"{"alg":"HS256"}"#;
    for body in ["", "null", "[]", "7", "\"\"", "{", "{\"iss\":\"gatepost\",\"iss\":\"gatepost\"}", "\u{FEFF}{}"] {
        let token = signed_by_hand(header, body, hmac::HMAC_SHA256, SECRET.as_bytes());
        assert_eq!(plugin().verify(&token, &room), Err(PluginFault::Malformed), "{body}");
    }
    let deep = format!("{{\"context\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
    let token = signed_by_hand(header, &deep, hmac::HMAC_SHA256, SECRET.as_bytes());
    assert_eq!(plugin().verify(&token, &room), Err(PluginFault::Malformed));
    let long = signed(&claims(json!({"padding": "x".repeat(5 * 1024)})));
    assert!(long.len() > LONGEST);
    assert_eq!(plugin().verify(&long, &room), Err(PluginFault::TooLong));
    // The longest that Mattermost's own limits allow.
    let names = "\u{1F600}".repeat(name::LONGEST);
    let user = json!({"id": "y".repeat(26), "name": names, "email": "e".repeat(126) + "@e", "avatar": "a".repeat(200)});
    let longest = signed(&claims(json!({"context": {"user": user, "group": ""}})));
    assert!(plugin().verify(&longest, &room).is_ok(), "{}", longest.len());
}

#[test]
fn faults_say_nothing_of_the_secret() {
    let said = format!("{:?} {}", plugin(), PluginFault::Signature);
    assert!(!said.contains(SECRET) && !said.contains("app secret"), "{said}");
}

#[test]
fn the_token_is_found_in_a_query_where_there_is_one() {
    for (query, token) in [
        ("jwt=a.b.c", Some("a.b.c")),
        ("x=1&jwt=a.b.c&y=2", Some("a.b.c")),
        ("jwt=a%2Eb%2Ec", Some("a.b.c")),
        ("jwt=", None),
        ("jwt", None),
        ("", None),
        ("JWT=a.b.c", None),
        ("xjwt=a.b.c", None),
        // Which of two is meant, nobody can tell.
        ("jwt=a.b.c&jwt=d.e.f", None),
    ] {
        assert_eq!(in_query(query).as_deref(), token, "{query}");
    }
}
