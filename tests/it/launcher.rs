//! Station 5, meetings: the page and its token as a browser gets them, and as JaaS reads them.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rcgen::KeyPair;
use serde_json::Value;

use crate::support::gate::{Builder, CHAT, Gate};
use crate::support::launcher::{APP_ID, launcher, rsa};
use crate::support::raw::{Message, message};
use crate::support::upstream::Upstream;

mod budget;
mod guests;
mod identity;
mod people;
mod plugin;
mod providers;
mod ways;

const SESSION: &str = "ybndrfg8ejkmcpqxot1uwisza3";

/// A gate with Mattermost at `/` and the launcher at `/jitsi/`, and the public half of its key.
fn meetings(mattermost: &Upstream, keys: &str) -> (Builder, DecodingKey) {
    let (builder, key) = launcher(CHAT, mattermost, keys);
    (builder, DecodingKey::from_rsa_pem(key.public_key_pem().as_bytes()).expect("a public key"))
}

/// A Mattermost that knows one session.
async fn mattermost() -> Upstream {
    Upstream::answering(|request| {
        let known = request.all("cookie").iter().any(|c| c.contains(SESSION))
            || request.field("authorization").is_some_and(|a| a.contains(SESSION));
        match (request.target().starts_with("/api/v4/users/me"), known) {
            (true, true) => message(
                "HTTP/1.1 200 OK\nContent-Type: application/json",
                r#"{"id":"a1","username":"alice","nickname":"Alice \"A\" <b>","email":"alice@site.example","roles":"system_user"}"#,
            ),
            (true, false) => message(
                "HTTP/1.1 401 Unauthorized\nContent-Type: application/json\nSet-Cookie: MMAUTHTOKEN=; Max-Age=0",
                r#"{"id":"api.context.session_expired.app_error","status_code":401}"#,
            ),
            _ => message("HTTP/1.1 200 OK", "Mattermost"),
        }
    })
    .await
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("a clock after 1970").as_secs()
}

/// The same with a SiteURL that has this path: whatever is asked outside it is led into it, as the real one does.
async fn mattermost_below(path: &'static str) -> Upstream {
    Upstream::answering(move |request| {
        let Some(inside) = request.target().strip_prefix(path) else {
            return message(&format!("HTTP/1.1 302 Found\nLocation: {path}{}", request.target()), "");
        };
        match (inside, request.field("authorization").is_some_and(|a| a.contains(SESSION))) {
            ("/api/v4/users/me", true) => message(
                "HTTP/1.1 200 OK\nContent-Type: application/json",
                r#"{"id":"a1","username":"alice","roles":"system_user","last_picture_update":1}"#,
            ),
            ("/api/v4/users/me/teams/members", true) => message(
                "HTTP/1.1 200 OK\nContent-Type: application/json",
                r#"[{"user_id":"a1","roles":"team_admin","delete_at":0}]"#,
            ),
            ("/api/v4/users/a1/image?_=1", true) => {
                message("HTTP/1.1 200 OK\nContent-Type: image/png", b"\x89PNG\r\n\x1A\n0000")
            }
            (api, _) if api.starts_with("/api/") => message("HTTP/1.1 401 Unauthorized", "{}"),
            _ => message("HTTP/1.1 200 OK", "Mattermost"),
        }
    })
    .await
}

async fn ask(gate: &Gate, path: &str, fields: &str) -> Message {
    gate.tls(CHAT).await.ask(&format!("GET {path} HTTP/1.1\nHost: chat.example\nAccept: text/html{fields}")).await
}

async fn ask_signed_in(gate: &Gate, path: &str) -> Message {
    ask(gate, path, &format!("\nCookie: MMUSERID=a1; MMAUTHTOKEN={SESSION}")).await
}

/// The meeting's address on a page.
fn meeting(page: &Message) -> String {
    let text = page.text();
    let at = text.find("https://8x8.vc/").unwrap_or_else(|| panic!("no meeting in {page:?}"));
    text[at..].split(['"', '\'', '<', ' ']).next().expect("an end").to_owned()
}

fn claims(address: &str, public: &DecodingKey) -> Value {
    let token = address.split("jwt=").nth(1).and_then(|rest| rest.split(['#', '&']).next()).expect("a token");
    let mut demanded = Validation::new(Algorithm::RS256);
    demanded.set_audience(&["jitsi"]);
    demanded.set_issuer(&["chat"]);
    demanded.validate_nbf = true;
    demanded.leeway = 0;
    let header = jsonwebtoken::decode_header(token).expect("a header");
    let app_id = address.split('/').nth(3).expect("an app id");
    assert_eq!((header.typ.as_deref(), header.kid), (Some("JWT"), Some(format!("{app_id}/aabbcc"))));
    jsonwebtoken::decode::<Value>(token, public, &demanded).expect("a token that holds").claims
}

#[tokio::test]
async fn r104_r106_who_is_signed_in_gets_a_page_whose_token_is_as_jaas_demands() {
    let mattermost = mattermost().await;
    let (builder, public) = meetings(&mattermost, "");
    let gate = builder.run().await;
    for path in ["/jitsi/room1", "/jitsi/room1/"] {
        let page = ask_signed_in(&gate, path).await;
        assert_eq!(page.status(), 200, "{page:?}");
        let address = meeting(&page);
        assert!(address.starts_with(&format!("https://8x8.vc/{APP_ID}/room1?jwt=")), "{address}");
        let claims = claims(&address, &public);
        assert_eq!(claims["sub"], APP_ID);
        assert_eq!(claims["room"], "room1");
        assert!(claims["aud"].is_string() && claims["exp"].is_u64(), "{claims}");
        assert!(claims["context"]["features"].is_object());
        let user = &claims["context"]["user"];
        assert_eq!((&user["moderator"], &user["name"]), (&"true".into(), &"Alice \"A\" <b>".into()));
        assert!(user.as_object().expect("an object").values().all(Value::is_string), "{user}");
    }
    // What Mattermost was asked, and with what.
    let asked = mattermost.request(0).await;
    assert_eq!(asked.target(), "/api/v4/users/me");
    assert!(!format!("{asked:?}").contains("MMUSERID"), "only the session is sent on: {asked:?}");
}

#[tokio::test]
async fn r110_nobody_signed_in_is_led_to_the_login_and_gets_no_token() {
    let mattermost = mattermost().await;
    let (builder, _) = meetings(&mattermost, "");
    let gate = builder.run().await;
    for fields in ["", "\nCookie: MMAUTHTOKEN=wrong", "\nCookie: MMUSERID=a1"] {
        let page = ask(&gate, "/jitsi/room1?redirect_to=//evil.example", fields).await;
        let all = format!("{page:?}{}", page.text());
        assert!(!all.contains("jwt") && !all.contains("8x8.vc") && !all.contains("evil"), "{all}");
        assert!(all.contains("/login?redirect_to="), "{all}");
        assert!(!page.has("set-cookie"), "Mattermost's cookies stay with Mattermost");
    }
}

#[tokio::test]
async fn where_mattermost_cannot_be_asked_there_is_no_token() {
    let (builder, _) = meetings(&Upstream::answering(|_| message("HTTP/1.1 500 Oops", "")).await, "");
    let page = ask_signed_in(&builder.run().await, "/jitsi/room1").await;
    assert_eq!(page.status(), 502);
    assert!(!page.text().contains("jwt"));
}

#[tokio::test]
async fn r108_the_page_opens_a_window_by_link_and_is_kept_by_nobody() {
    let (builder, _) = meetings(&mattermost().await, "identity = [\"none\"]");
    let gate = builder.run().await;
    let page = ask(&gate, "/jitsi/room1", "").await;
    let text = page.text();
    let anchor = text.split("<a ").find(|part| part.contains("https://8x8.vc/")).expect("a link that needs no script");
    let anchor = anchor.split('>').next().expect("its end");
    assert!(anchor.contains("target=\"_blank\"") && anchor.contains("noopener"), "{anchor}");
    assert!(!text.contains("<iframe"));
    assert!(page.field("cache-control").is_some_and(|c| c.contains("no-store")));
    assert_eq!(page.field("referrer-policy"), Some("no-referrer"));
    let policy = page.field("content-security-policy").expect("a policy");
    assert!(policy.contains("'nonce-") && !policy.contains("unsafe"), "{policy}");
    let again = ask(&gate, "/jitsi/room1", "").await;
    assert_ne!(again.field("content-security-policy"), Some(policy), "a nonce is used once");
}

#[tokio::test]
async fn script_in_a_room_name_comes_out_inert() {
    let (builder, _) = meetings(&mattermost().await, "identity = [\"none\"]");
    let gate = builder.run().await;
    for room in [
        "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "x%22);alert(1);//",
        "%3C/script%3E%3Cscript%3Ealert(1)",
        "'-alert(1)-'",
        "x%0d%0aSet-Cookie:%20a=b",
    ] {
        let page = ask(&gate, &format!("/jitsi/{room}"), "").await;
        let text = page.text();
        assert!(
            !text.contains("<script>alert") && !text.contains("\");alert") && !text.contains("'-alert"),
            "{room}: {text}"
        );
        assert!(!page.all("set-cookie").iter().any(|cookie| cookie.contains("a=b")), "{room}");
    }
}

#[tokio::test]
async fn jitsis_library_is_an_empty_script_with_one_slash_or_two() {
    let (builder, _) = meetings(&mattermost().await, "");
    let gate = builder.run().await;
    for path in ["/jitsi/external_api.js", "/jitsi//external_api.js"] {
        let answer = ask(&gate, path, "").await;
        assert_eq!(answer.status(), 200);
        assert!(answer.field("content-type").is_some_and(|t| t.contains("javascript")), "{answer:?}");
        assert!(!answer.text().contains('<'), "{answer:?}");
    }
}

#[tokio::test]
async fn without_a_room_the_page_waits_for_one_and_redirect_mode_makes_one() {
    let mattermost = mattermost().await;
    let (builder, _) = meetings(&mattermost, "");
    let gate = builder.run().await;
    for path in ["/jitsi", "/jitsi/"] {
        let page = ask(&gate, path, "").await;
        assert_eq!(page.status(), 200);
        assert!(page.text().contains("room"), "{page:?}");
    }
    let (builder, public) = meetings(&mattermost, "identity = [\"none\"]\nmode = \"redirect\"");
    let gate = builder.run().await;
    let named = ask(&gate, "/jitsi/room1", "").await;
    assert_eq!(named.status(), 302);
    assert_eq!(claims(named.field("location").expect("where to"), &public)["room"], "room1");
    let one = ask(&gate, "/jitsi/", "").await;
    let two = ask(&gate, "/jitsi/", "").await;
    assert_eq!(one.status(), 302);
    assert_ne!(
        claims(one.field("location").expect("where to"), &public)["room"],
        claims(two.field("location").expect("where to"), &public)["room"]
    );
}

#[tokio::test]
async fn r104_keys_that_could_sign_no_token_stop_the_start() {
    let mattermost = mattermost().await;
    let elliptic = KeyPair::generate().expect("an EC key");
    let public = rsa().public_key_pem();
    for (what, pem) in [("an EC key", elliptic.serialize_pem()), ("a public key", public), ("no key", String::new())] {
        let (builder, _) = meetings(&mattermost, "");
        let outcome = builder.with("private.pk", pem).refused().await;
        outcome.assert_refused();
        assert!(outcome.stderr.contains("private.pk"), "{what}: {}", outcome.stderr);
    }
    let (builder, _) = meetings(&mattermost, "");
    let outcome = builder.replacing(&format!("{APP_ID}/aabbcc"), "other/aabbcc").refused().await;
    outcome.assert_refused();
    assert!(outcome.stderr.contains("key_id"), "{}", outcome.stderr);
}

#[tokio::test]
async fn r104_a_pkcs_1_key_signs_as_well() {
    let mattermost = mattermost().await;
    let (builder, public) = meetings(&mattermost, "identity = [\"none\"]");
    let pkcs8 = std::fs::read_to_string(builder.folder().join("private.pk")).expect("the key");
    let gate = builder.with("private.pk", pkcs1(&pkcs8)).run().await;
    assert_eq!(claims(&meeting(&ask(&gate, "/jitsi/room1", "").await), &public)["room"], "room1");
}

/// The RSAPrivateKey inside a PKCS#8 PEM, as `ssh-keygen -m PEM` writes it.
fn pkcs1(pkcs8: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let body: String = pkcs8.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body).expect("base64");
    // The last element of PrivateKeyInfo is an octet string of two length bytes that holds the key (RFC 5208).
    let at =
        der.windows(4).position(|w| w[0] == 0x04 && w[1] == 0x82 && usize::from(w[2]) << 8 | usize::from(w[3]) > 1000);
    let inner = STANDARD.encode(&der[at.expect("the octet string") + 4..]);
    let lines: Vec<&str> = inner.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).expect("ASCII")).collect();
    format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", lines.join("\n"))
}

#[tokio::test]
async fn an_address_one_letter_off_is_answered_with_what_was_meant() {
    let mattermost = mattermost().await;
    let (builder, _) = meetings(&mattermost, "");
    let gate = builder.run().await;
    let page = ask(&gate, "/jist/Room%20Name?a=b", "\nSec-Fetch-Mode: navigate").await;
    assert_eq!(page.status(), 404, "{page:?}");
    assert!(page.text().contains("href=\"/jitsi/Room%20Name?a=b\""), "{}", page.text());
    assert!(page.field("content-security-policy").is_some_and(|policy| policy.contains("frame-ancestors 'none'")));
    // What may be Mattermost's own, or is no page that somebody asks for, goes there.
    for (path, fields) in [("/jist/channels/town-square", ""), ("/jist", ""), ("/jist/Room", "\nSec-Fetch-Mode: cors")]
    {
        assert_eq!(ask(&gate, path, fields).await.text(), "Mattermost", "{path}");
    }
    let (builder, _) = meetings(&mattermost, "near_misses = false");
    assert_eq!(ask(&builder.run().await, "/jist/Room", "").await.text(), "Mattermost");
}
