//! The month's users: counted by browser, kept over a kill, told by 8x8, and what happens when they are used up.

use super::*;
use crate::support::process::gatepost;

const WEBHOOK: &str = "a-secret-that-8x8-was-told";

/// One browser of who is signed in: it keeps the launcher's cookie.
#[derive(Default)]
struct Browser {
    cookie: Option<String>,
}

impl Browser {
    async fn open(&mut self, gate: &Gate) -> Message {
        let cookie = self.cookie.as_ref().map(|cookie| format!("; {cookie}")).unwrap_or_default();
        let page = ask(gate, "/jitsi/room1", &format!("\nCookie: MMAUTHTOKEN={SESSION}{cookie}")).await;
        if let Some(set) = page.field("set-cookie") {
            self.cookie = set.split(';').next().map(str::to_owned);
        }
        page
    }
}

fn is_meeting(page: &Message) -> bool {
    page.text().contains("https://8x8.vc/")
}

async fn post(gate: &Gate, authorization: &str, body: &str) -> Message {
    let mut wire = gate.tls(CHAT).await;
    let head = format!(
        "POST /jitsi/-/webhook HTTP/1.1\nHost: chat.example\nContent-Type: application/json\n\
         Authorization: {authorization}"
    );
    wire.send(message(&head, body)).await;
    wire.answer().await
}

/// What 8x8 posts when these devices were counted.
fn usage(key: &str, app_id: &str, devices: &[&str]) -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
    let data: Vec<_> = devices.iter().map(|device| serde_json::json!({ "deviceId": device, "userId": "a1" })).collect();
    serde_json::json!({
        "idempotencyKey": key, "customerId": "c", "appId": app_id, "eventType": "USAGE", "sessionId": "s",
        "timestamp": u64::try_from(since.as_millis()).expect("a timestamp"), "fqn": format!("{app_id}/room1"), "data": data,
    })
    .to_string()
}

#[tokio::test]
async fn a_picture_in_a_post_that_is_none_uses_up_nobody() {
    let mattermost = mattermost().await;
    let (builder, _) = meetings(&mattermost, "monthly_users = 1\nat_limit = \"deny-new\"");
    let gate = builder.run().await;
    for how in [
        "no-cors\nSec-Fetch-Dest: image",
        "cors\nSec-Fetch-Dest: image",
        "no-cors\nSec-Fetch-Dest: empty",
        "navigate\nSec-Fetch-Dest: iframe",
    ] {
        let fields = format!("\nCookie: MMAUTHTOKEN={SESSION}\nSec-Fetch-Mode: {how}");
        let page = ask(&gate, "/jitsi/room1", &fields).await;
        assert_eq!(page.status(), 403, "{how}: {page:?}");
        assert!(!is_meeting(&page) && !page.has("set-cookie"), "{how}: {page:?}");
    }
    let fields = format!("\nCookie: MMAUTHTOKEN={SESSION}\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: document");
    assert!(is_meeting(&ask(&gate, "/jitsi/room1", &fields).await));
}

#[tokio::test]
async fn where_it_only_warns_everybody_gets_in_and_a_moderator_is_told() {
    let mattermost = mattermost().await;
    let (builder, _) = meetings(&mattermost, "monthly_users = 2\nat_limit = \"warn\"");
    let gate = builder.run().await;
    let mut said = Vec::new();
    for _ in 0..3 {
        let page = Browser::default().open(&gate).await;
        assert!(is_meeting(&page), "{page:?}");
        said.push(page.text().contains("class=\"notice\""));
    }
    assert_eq!(said, [false, true, true], "at two of two it is near, then over");
}

#[tokio::test]
async fn where_new_ones_are_denied_known_browsers_always_get_in() {
    let mattermost = mattermost().await;
    let (builder, _) = meetings(&mattermost, "monthly_users = 2\nat_limit = \"deny-new\"");
    let gate = builder.run().await;
    let (mut first, mut second, mut third) = (Browser::default(), Browser::default(), Browser::default());
    assert!(is_meeting(&first.open(&gate).await) && is_meeting(&second.open(&gate).await));
    for _ in 0..2 {
        let page = third.open(&gate).await;
        assert_eq!(page.status(), 403, "{page:?}");
        assert!(!page.text().contains("8x8.vc") && page.text().contains('2'), "{}", page.text());
    }
    assert!(is_meeting(&first.open(&gate).await) && is_meeting(&second.open(&gate).await));
    // Looking, as link previews and prefetches do, counts nobody.
    for fields in ["\nSec-Purpose: prefetch", "\nPurpose: prefetch"] {
        let page = ask_signed_in_with(&gate, fields).await;
        assert_eq!((page.status(), page.text().as_str()), (503, ""), "{fields}: else the browser would show it later");
    }
}

async fn ask_signed_in_with(gate: &Gate, fields: &str) -> Message {
    ask(gate, "/jitsi/room1", &format!("\nCookie: MMAUTHTOKEN={SESSION}{fields}")).await
}

#[tokio::test]
async fn many_at_once_do_not_share_the_last_place() {
    let mattermost = mattermost().await;
    let (builder, _) = meetings(&mattermost, "monthly_users = 5\nat_limit = \"deny-new\"");
    let gate = builder.server("workers = 2").run().await;
    let opening = (0..20).map(|_| async { is_meeting(&Browser::default().open(&gate).await) });
    let let_in = futures_util::future::join_all(opening).await.into_iter().filter(|let_in| *let_in).count();
    assert_eq!(let_in, 5);
}

#[tokio::test]
async fn who_comes_too_late_is_led_to_the_other_launcher() {
    let mattermost = mattermost().await;
    let (builder, public) = meetings(&mattermost, "monthly_users = 1\nat_limit = \"fallback:spare\"");
    let builder = builder.replacing(
        "[launcher.jaas]",
        r#"[launcher.spare]
        provider = "jaas"
        app_id = "vpaas-magic-cookie-spare"
        key_id = "vpaas-magic-cookie-spare/aabbcc"
        private_key = "private.pk"
        moderators = []
        send_email = false

        [launcher.jaas]"#,
    );
    let gate = builder.run().await;
    let (mut first, mut second) = (Browser::default(), Browser::default());
    assert!(meeting(&first.open(&gate).await).starts_with(&format!("https://8x8.vc/{APP_ID}/room1")));
    let page = second.open(&gate).await;
    assert!(meeting(&page).starts_with("https://8x8.vc/vpaas-magic-cookie-spare/room1"), "{}", page.text());
    let user = &claims(&meeting(&page), &public)["context"]["user"];
    assert!(user["id"] == "a1" && user.get("email").is_none(), "its rules hold: {user}");
    assert!(page.text().contains("spare") && page.text().contains("class=\"notice\""), "it is said: {}", page.text());
    assert!(meeting(&first.open(&gate).await).starts_with(&format!("https://8x8.vc/{APP_ID}/room1")));
}

#[tokio::test]
async fn what_was_counted_outlives_a_kill() {
    let mattermost = mattermost().await;
    let (builder, _) = meetings(&mattermost, "monthly_users = 3\nat_limit = \"deny-new\"");
    let gate = builder.run().await;
    let mut known = Browser::default();
    for browser in [&mut known, &mut Browser::default(), &mut Browser::default()] {
        assert!(is_meeting(&browser.open(&gate).await));
    }
    let gate = gate.killed_and_started_again().await;
    assert_eq!(Browser::default().open(&gate).await.status(), 403);
    assert!(is_meeting(&known.open(&gate).await));
    let told = gatepost(gate.folder(), &["meetings", "-c", "gatepost.toml", "--json"]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(!told.stdout.contains("a1\""), "ids are kept hashed: {}", told.stdout);
}

#[tokio::test]
async fn what_8x8_posts_is_the_count() {
    let mattermost = mattermost().await;
    let keys = format!("monthly_users = 2\nat_limit = \"deny-new\"\nwebhook_secret = \"{WEBHOOK}\"");
    let (builder, _) = meetings(&mattermost, &keys);
    let gate = builder.run().await;
    let both = usage("k1", APP_ID, &["device-1", "device-2"]);
    for (authorization, status) in [("", 403), ("wrong", 403), ("Bearer wrong", 403), (WEBHOOK, 204)] {
        assert_eq!(post(&gate, authorization, &both).await.status(), status, "{authorization}");
    }
    // The two are used up, though no browser has been here.
    assert_eq!(Browser::default().open(&gate).await.status(), 403);
    // Posted again, of another app, or no event at all, it changes nothing.
    assert_eq!(post(&gate, &format!("Bearer {WEBHOOK}"), &both).await.status(), 204);
    assert_eq!(post(&gate, WEBHOOK, &usage("k2", "vpaas-magic-cookie-other", &["device-3"])).await.status(), 400);
    for odd in ["", "{}", "[]", "null", "{\"eventType\":\"USAGE\"}"] {
        assert_eq!(post(&gate, WEBHOOK, odd).await.status(), 400, "{odd}");
    }
    assert_eq!(post(&gate, WEBHOOK, &"x".repeat(300 * 1024)).await.status(), 413);
    let told = gatepost(gate.folder(), &["meetings", "-c", "gatepost.toml", "--json"]).await;
    assert!(told.stdout.contains("\"real\": 2"), "{told:?}");
    assert_eq!(ask(&gate, "/jitsi/-/webhook", "").await.status(), 405);
    let log = gate.stop().await;
    assert!(!(log.stdout + &log.stderr).contains(WEBHOOK));
}

#[tokio::test]
async fn without_a_secret_nobody_writes_into_the_count() {
    let mattermost = mattermost().await;
    let (builder, _) = meetings(&mattermost, "");
    let gate = builder.run().await;
    for authorization in ["", "x", "Bearer "] {
        assert_eq!(post(&gate, authorization, &usage("k1", APP_ID, &["d"])).await.status(), 404);
    }
}

#[tokio::test]
async fn a_ledger_that_cannot_be_used_stops_meetings_only_where_the_budget_does() {
    let mattermost = mattermost().await;
    for (keys, status) in [("monthly_users = 25", 200), ("monthly_users = 25\nat_limit = \"deny-new\"", 503), ("", 200)]
    {
        let (builder, _) = meetings(&mattermost, keys);
        let gate =
            builder.with("state/meetings.sqlite", "this is no database, and was one once".repeat(100)).run().await;
        let page = Browser::default().open(&gate).await;
        assert_eq!(page.status(), status, "{keys}: {page:?}");
        let log = gate.stop().await;
        assert!(log.stderr.contains("meetings.sqlite is damaged"), "{keys}: {}", log.stderr);
    }
}
