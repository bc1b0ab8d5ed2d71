//! Who asks, by the token that Mattermost's Jitsi plugin signs into its links.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;

const SECRET: &str = "the plugin's app secret";

/// A gate that takes the plugin's word, after Mattermost's.
async fn gate_by(mattermost: &Upstream, identity: &str) -> (Gate, DecodingKey) {
    let keys = format!(
        "identity = {identity}\nplugin_app_id = \"gatepost\"\nplugin_secret = {{ file = \"plugin.secret\" }}\n\
         moderators = \"members\""
    );
    let (builder, public) = meetings(mattermost, &keys);
    (builder.with("plugin.secret", SECRET).run().await, public)
}

/// As the plugin writes it: HS256, a list of one as a string, the meeting's id as the room.
fn signed(room: &str, until: u64, user: &Value) -> String {
    signed_as(r#"{"alg":"HS256","typ":"JWT"}"#, SECRET, room, until, user)
}

fn signed_as(header: &str, secret: &str, room: &str, until: u64, user: &Value) -> String {
    let claims = json!({
        "aud": "gatepost", "exp": until, "iss": "gatepost", "sub": "chat.example",
        "context": {"user": user, "group": ""}, "room": room,
    });
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn bob() -> Value {
    json!({"avatar": "https://chat.example/api/v4/users/b2/image?_=0", "name": "Bob", "email": "bob@gatepost.test", "id": "b2"})
}

/// What the plugin writes before a client had it signed anew.
fn nobody() -> Value {
    json!({"avatar": "", "name": "", "email": "", "id": ""})
}

#[tokio::test]
async fn a_link_that_the_plugin_signed_says_who_asks_without_a_session() {
    let mattermost = mattermost().await;
    let (gate, public) = gate_by(&mattermost, r#"["mattermost", "plugin"]"#).await;
    let token = signed("Town-Square-abcdefghij", now() + 1800, &bob());
    for path in ["/jitsi/town-square-abcdefghij", "/jitsi/Town-Square-abcdefghij/"] {
        let page = ask(&gate, &format!("{path}?jwt={token}"), "").await;
        assert_eq!(page.status(), 200, "{page:?}");
        assert!(!page.text().contains(&token), "the plugin's token goes no further");
        let claims = claims(&meeting(&page), &public);
        let user = &claims["context"]["user"];
        assert_eq!((&user["id"], &user["name"]), (&"b2".into(), &"Bob".into()));
        assert_eq!(user["email"], "bob@gatepost.test");
        assert!(user.get("avatar").is_none(), "a meeting cannot load Mattermost's: {user}");
    }
    assert!(mattermost.lines().is_empty(), "nobody had to be asked");
}

#[tokio::test]
async fn whoever_is_signed_in_enters_as_themselves_by_anybodys_link() {
    let mattermost = mattermost().await;
    let (gate, public) = gate_by(&mattermost, r#"["mattermost", "plugin"]"#).await;
    let token = signed("room1", now() + 1800, &bob());
    let page = ask_signed_in(&gate, &format!("/jitsi/room1?jwt={token}")).await;
    assert_eq!(claims(&meeting(&page), &public)["context"]["user"]["id"], "a1");
}

#[tokio::test]
async fn a_link_that_is_too_old_is_told_with_what_helps() {
    let mattermost = mattermost().await;
    let path = format!("/jitsi/room1?jwt={}", signed("room1", now() - 3600, &bob()));
    for (identity, advice, other) in [
        (r#"["plugin"]"#, "a new meeting must be started", "sign in to Mattermost"),
        (r#"["plugin", "mattermost"]"#, "sign in to Mattermost", "a new meeting must be started"),
    ] {
        let (gate, _) = gate_by(&mattermost, identity).await;
        let page = ask(&gate, &path, "\nSec-Fetch-Mode: navigate").await;
        assert_eq!(page.status(), 401, "{identity}: {page:?}");
        let text = page.text();
        assert!(text.contains("older than its time") && text.contains(advice), "{identity}: {text}");
        assert!(!text.contains(other) && !text.contains("from within Mattermost"), "{identity}: {text}");
    }
}

#[tokio::test]
async fn a_link_that_proves_nothing_gets_no_token() {
    let mattermost = mattermost().await;
    let (gate, _) = gate_by(&mattermost, r#"["plugin"]"#).await;
    let good = signed("room1", now() + 1800, &bob());
    for (what, token) in [
        ("nobody's", signed("room1", now() + 1800, &nobody())),
        ("another room's", signed("room2", now() + 1800, &bob())),
        ("any room's", signed("*", now() + 1800, &bob())),
        ("expired", signed("room1", now() - 3600, &bob())),
        ("by another key", signed_as(r#"{"alg":"HS256"}"#, "another", "room1", now() + 1800, &bob())),
        ("unsigned", signed_as(r#"{"alg":"none"}"#, SECRET, "room1", now() + 1800, &bob())),
        ("cut", good[..good.len() - 1].to_owned()),
        ("twice", format!("{good}&jwt={good}")),
        ("5 KiB", format!("{good}{}", "A".repeat(5 * 1024))),
        ("garbage", "%00%ff%22%3Cscript%3E".into()),
        ("empty", String::new()),
    ] {
        let page = ask(&gate, &format!("/jitsi/room1?jwt={token}"), "").await;
        let all = format!("{page:?}{}", page.text());
        assert!(!all.contains("8x8.vc") && !all.contains("<script>"), "{what}: {all}");
        assert!(page.status() < 500, "{what}: {page:?}");
    }
}
