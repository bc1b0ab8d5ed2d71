//! The month's users: counted by the launcher and by 8x8, on the status page, in the metrics and by the command.

use std::path::Path;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::client::tcp;
use crate::support::gate::{Builder, CHAT, Gate, gate};
use crate::support::launcher::{APP_ID, launcher};
use crate::support::process::gatepost;
use crate::support::raw::{Message, message};
use crate::support::upstream::Upstream;

const ADA: &str = "adaaaaaaaaaaaaaaaaaaaaaaaa";
const BOB: &str = "bobbbbbbbbbbbbbbbbbbbbbbbb";

/// A Mattermost where these two are signed in, their sessions being their ids.
async fn mattermost() -> Upstream {
    Upstream::answering(|request| {
        let asked = format!("{:?} {:?}", request.all("cookie"), request.all("authorization"));
        match [ADA, BOB].into_iter().find(|session| asked.contains(session)) {
            Some(id) => {
                let known = match request.target().contains("/teams") {
                    true => json!([]),
                    false => json!({ "id": id, "username": id[..3], "email": "", "roles": "system_user" }),
                };
                message("HTTP/1.1 200 OK\nContent-Type: application/json", known.to_string())
            }
            None => message("HTTP/1.1 401 Unauthorized\nContent-Type: application/json", "{}"),
        }
    })
    .await
}

fn meetings(mattermost: &Upstream, keys: &str) -> Builder {
    let keys = format!("moderators = \"admins\"\nwebhook_secret = \"the console's word\"\n{keys}");
    let (builder, _) = launcher(CHAT, mattermost, &keys);
    builder.changing(|file| format!("[admin]\nlisten = \"127.0.0.1:0\"\n{file}"))
}

/// What a browser gets that has no cookie but the session's: a new device.
async fn opens(gate: &Gate, session: &str) -> Message {
    let fields = format!("Accept: text/html\nCookie: MMAUTHTOKEN={session}");
    gate.tls(CHAT).await.ask(&format!("GET /jitsi/Room HTTP/1.1\nHost: {CHAT}\n{fields}")).await
}

/// What 8x8 gets that posts this.
async fn posts(gate: &Gate, event: &Value) -> u16 {
    posts_as(gate, "the console's word", &event.to_string()).await
}

async fn posts_as(gate: &Gate, authorization: &str, body: &str) -> u16 {
    posts_with(gate, &format!("Authorization: {authorization}"), body).await
}

async fn posts_with(gate: &Gate, field: &str, body: &str) -> u16 {
    let head = format!(
        "POST /jitsi/-/webhook HTTP/1.1\nHost: {CHAT}\n{field}\n\
         Content-Type: application/json\nContent-Length: {}",
        body.len()
    );
    let mut wire = gate.tls(CHAT).await;
    wire.send_head(&head).await;
    wire.send(body).await;
    wire.answer().await.status()
}

fn usage(key: &str, devices: &[(&str, &str)]) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let data: Vec<Value> =
        devices.iter().map(|(device, person)| json!({ "deviceId": device, "userId": person })).collect();
    json!({
        "idempotencyKey": key, "appId": APP_ID, "eventType": "USAGE", "fqn": format!("{APP_ID}/room"),
        "timestamp": u64::try_from(now.as_millis()).expect("a few digits"), "data": data,
    })
}

async fn admin(gate: &Gate, path: &str) -> String {
    let log = gate.process.stderr();
    let line = log.lines().find(|line| line.contains("scheme=admin")).expect("a line on the admin listener");
    let address = line.split_whitespace().find_map(|word| word.strip_prefix("address=")).expect("an address");
    let mut wire = tcp(address.parse().expect("an address with its port")).await;
    wire.ask(&format!("GET {path} HTTP/1.1\nHost: 127.0.0.1")).await.text()
}

/// `gatepost meetings --json`, of the one launcher.
async fn account(folder: &Path) -> Value {
    let outcome = gatepost(folder, &["meetings", "-c", "gatepost.toml", "--json"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let told: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    told["launchers"][0].clone()
}

#[tokio::test]
async fn the_month_is_on_the_page_in_the_metrics_and_told_by_the_command() {
    let mattermost = mattermost().await;
    let gate = meetings(&mattermost, "monthly_users = 25").run().await;
    for session in [ADA, ADA, BOB] {
        assert_eq!(opens(&gate, session).await.status(), 200);
    }
    let event = usage("e1", &[("x1", ADA), ("x2", BOB)]);
    assert_eq!(posts(&gate, &event).await, 204);
    assert_eq!(posts(&gate, &event).await, 204, "a duplicate is taken, so that it is not posted a third time");

    let metrics = admin(&gate, "/metrics").await;
    for sample in [
        "gatepost_meetings_monthly_users{launcher=\"jaas\",counted=\"people\"} 2",
        "gatepost_meetings_monthly_users{launcher=\"jaas\",counted=\"devices\"} 3",
        "gatepost_meetings_monthly_users{launcher=\"jaas\",counted=\"real\"} 2",
        "gatepost_meetings_budget_users{launcher=\"jaas\"} 25",
        "gatepost_meetings_ledger_up 1",
    ] {
        assert!(metrics.lines().any(|line| line == sample), "no {sample} in {metrics}");
    }
    let page = admin(&gate, "/").await;
    for text in ["Meetings this month", "2 of 25", "2, 1 fewer than here", "administrators of Mattermost", "<svg "] {
        assert!(page.contains(text), "no {text} in {page}");
    }
    assert!(!page.contains("<script") && !page.contains("role=\"alert\""), "{page}");

    let account = account(gate.folder()).await;
    assert_eq!(
        (&account["used"], &account["budget"], &account["counted"]["devices"]),
        (&json!(2), &json!(25), &json!(3))
    );
    assert_eq!(
        account["people"][0],
        json!({ "name": "ada", "guest": false, "devices": 2, "reported": 1, "opened": 2 })
    );
    let text = gatepost(gate.folder(), &["meetings", "-c", "gatepost.toml"]).await;
    assert!(text.stdout.contains("2 of 25 monthly users: 23 left"), "{text:?}");
    let none = gatepost(gate.folder(), &["meetings", "-c", "gatepost.toml", "--launcher", "other"]).await;
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.stderr.contains("there is jaas"), "{none:?}");
    let long_ago = gatepost(gate.folder(), &["meetings", "-c", "gatepost.toml", "--month", "2025-01"]).await;
    assert!(long_ago.stdout.contains("0 of 25 monthly users"), "{long_ago:?}");
}

#[tokio::test]
async fn posts_without_the_secret_of_another_account_or_of_no_sense_count_nothing() {
    let mattermost = mattermost().await;
    let gate = meetings(&mattermost, "").run().await;
    let event = usage("e1", &[("x1", ADA)]);
    for wrong in ["", "the console's wor", "the console's word2", "Basic dGhl", "Bearer"] {
        assert_eq!(posts_as(&gate, wrong, &event.to_string()).await, 403, "{wrong}");
    }
    let mut foreign = event.clone();
    foreign["appId"] = json!("vpaas-magic-cookie-654321");
    assert_eq!(posts(&gate, &foreign).await, 400);
    for nonsense in ["", "{", "[]", "{\"eventType\":\"USAGE\"}"] {
        assert_eq!(posts_as(&gate, "the console's word", nonsense).await, 400, "{nonsense}");
    }
    let too_long = " ".repeat(gatepost::jitsi::webhook::LONGEST + 1);
    assert_eq!(posts_as(&gate, "the console's word", &too_long).await, 413);
    assert_eq!(account(gate.folder()).await["counted"]["real"], Value::Null);
    assert_eq!(posts(&gate, &event).await, 204, "the right one is taken after all of them");
    assert_eq!(account(gate.folder()).await["counted"]["real"], json!(1));
}

#[tokio::test]
async fn a_post_that_is_signed_with_the_endpoints_secret_needs_no_authorization() {
    let mattermost = mattermost().await;
    let gate = meetings(&mattermost, "").run().await;
    let event = usage("e1", &[("x1", ADA)]).to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"the console's word");
    let signature = STANDARD.encode(hmac::sign(&key, format!("1795579200.{event}").as_bytes()));
    let forged = event.replace("x1", "x2");
    let field = format!("X-Jaas-Signature: t=1795579200,v1={signature}");
    assert_eq!(posts_with(&gate, &field, &forged).await, 403);
    assert_eq!(posts_with(&gate, "X-Jaas-Signature: t=1,v1=", &event).await, 403);
    assert_eq!(posts_with(&gate, &field, &event).await, 204);
    assert_eq!(account(gate.folder()).await["counted"]["real"], json!(1));
}

#[tokio::test]
async fn a_device_too_many_is_turned_away_and_kill_9_makes_no_room() {
    let mattermost = mattermost().await;
    let gate = meetings(&mattermost, "monthly_users = 3\nat_limit = \"deny-new\"").run().await;
    for session in [ADA, BOB, BOB] {
        assert_eq!(opens(&gate, session).await.status(), 200);
    }
    assert_eq!(opens(&gate, ADA).await.status(), 403);
    let gate = gate.killed_and_started_again().await;
    assert_eq!(opens(&gate, ADA).await.status(), 403);
    let account = account(gate.folder()).await;
    assert_eq!((&account["counted"]["devices"], &account["counted"]["refused"]), (&json!(3), &json!(2)));
}

#[tokio::test]
async fn a_ledger_that_is_damaged_lets_meetings_go_on_where_the_budget_warns_and_is_shown() {
    let mattermost = mattermost().await;
    let garbage = "no database, and longer than the header of one would be. ".repeat(40);
    let gate = meetings(&mattermost, "monthly_users = 25").with("state/meetings.sqlite", &garbage).run().await;
    assert_eq!(opens(&gate, ADA).await.status(), 200);
    let page = admin(&gate, "/").await;
    assert!(page.contains("role=\"alert\"") && page.contains("is damaged") && page.contains("not known"), "{page}");
    let metrics = admin(&gate, "/metrics").await;
    assert!(metrics.contains("gatepost_meetings_ledger_up 0") && !metrics.contains("counted="), "{metrics}");
    let outcome = gatepost(gate.folder(), &["meetings", "-c", "gatepost.toml"]).await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("is damaged") && outcome.stderr.contains("mv "), "{outcome:?}");
    assert_eq!(std::fs::read_to_string(gate.folder().join("state/meetings.sqlite")).expect("read"), garbage);
}

#[tokio::test]
async fn before_the_first_meeting_there_is_a_month_of_nothing_and_no_file_is_made() {
    let mattermost = mattermost().await;
    let builder = meetings(&mattermost, "").write();
    let outcome = gatepost(builder.folder(), &["meetings", "-c", "gatepost.toml"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("0 devices of 0 people"), "{outcome:?}");
    assert!(!builder.folder().join("state").exists());
}

#[tokio::test]
async fn without_a_launcher_nothing_is_told_of_meetings() {
    let gate = gate("[admin]\nlisten = \"127.0.0.1:0\"\n[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\nrespond = \"x\"").run().await;
    assert!(!admin(&gate, "/").await.contains("Meetings"));
    assert!(!admin(&gate, "/metrics").await.contains("gatepost_meetings"));
}
