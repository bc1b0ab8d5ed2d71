//! The ways into a meeting and back to it: the login, the page that waits for it, a host of the launcher's own.

use super::*;

#[tokio::test]
async fn a_browser_is_shown_the_way_to_the_login_and_a_program_sent_there() {
    let mattermost = mattermost().await;
    let (builder, _) = meetings(&mattermost, "");
    let gate = builder.run().await;
    let page = ask(&gate, "/jitsi/Room%20Name", "\nSec-Fetch-Mode: navigate").await;
    assert_eq!(page.status(), 401, "{page:?}");
    assert_eq!(page.field("www-authenticate"), Some("Bearer realm=\"Mattermost\""));
    assert!(!page.has("location") && !page.has("set-cookie"), "{page:?}");
    let text = page.text();
    for address in ["\"/login\"", "\"/jitsi/Room%20Name\"", "/jitsi/-/session"] {
        assert!(text.contains(address), "{address}: {text}");
    }
    assert!(!text.contains("8x8.vc"));
    let sent = ask(&gate, "/jitsi/Room%20Name", "").await;
    assert_eq!(sent.status(), 302);
    assert_eq!(sent.field("location"), Some("/login?redirect_to=%2Fjitsi%2FRoom%2520Name"));
}

#[tokio::test]
async fn the_page_that_waits_learns_when_somebody_has_signed_in() {
    let mattermost = mattermost().await;
    let (builder, _) = meetings(&mattermost, "");
    let gate = builder.run().await;
    let nobody = ask(&gate, "/jitsi/-/session", "").await;
    assert_eq!((nobody.status(), nobody.text().as_str()), (401, ""));
    assert_eq!(nobody.field("cache-control"), Some("no-store"));
    let wrong = ask(&gate, "/jitsi/-/session", "\nCookie: MMAUTHTOKEN=wrong; MMUSERID=a1").await;
    assert_eq!(wrong.status(), 401);
    let somebody = ask_signed_in(&gate, "/jitsi/-/session").await;
    assert_eq!((somebody.status(), somebody.text().as_str()), (204, ""));
}

#[tokio::test]
async fn a_launcher_has_its_own_host_and_a_mattermost_below_a_path_its_own_login() {
    let mattermost = mattermost_below("/mm").await;
    let (builder, _) = meetings(
        &mattermost,
        "identity = [\"plugin\", \"mattermost\"]\nguests = \"join\"\nplugin_app_id = \"a\"\nplugin_secret = \"b\"",
    );
    let gate = builder
        .replacing("path = \"/\"", "path = \"/mm/\"")
        .replacing("path = \"/jitsi/\"", "path = \"/\"")
        .run()
        .await;
    let page = ask(&gate, "/room1", "\nSec-Fetch-Mode: navigate").await;
    assert_eq!(page.status(), 401, "{page:?}");
    for address in ["\"/mm/login\"", "\"/room1\"", "\"/-/guest/room1\"", "/-/session"] {
        assert!(page.text().contains(address), "{address}: {}", page.text());
    }
    let form = ask(&gate, "/-/guest/room1", "").await;
    assert!(form.text().contains("action=\"/-/guest/room1\""), "{}", form.text());
    assert!(form.field("set-cookie").is_some_and(|cookie| cookie.contains("; Path=/; ")), "{form:?}");
    assert_eq!(
        meeting(&ask_signed_in(&gate, "/room1/").await).split('?').next(),
        Some(&*format!("https://8x8.vc/{APP_ID}/room1"))
    );
    for path in ["/favicon.ico", "/robots.txt", "/-/", "/-/other"] {
        assert_eq!(ask_signed_in(&gate, path).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn a_mattermost_below_a_path_is_asked_below_it_however_it_is_named() {
    let mattermost = mattermost_below("/chat").await;
    let keys = "moderators = \"admins\"\navatars = true";
    let asked_at = format!("{keys}\nmattermost = \"http://{mattermost}\"");
    let told = format!("{asked_at}\nmattermost_url = \"https://chat.example/chat/\"");
    // By its route, by its address beside its route, by the path of its address for browsers alone.
    for (keys, preset) in [(keys, true), (&*asked_at, true), (&*told, false)] {
        let (builder, public) = meetings(&mattermost, keys);
        let builder = builder.replacing("path = \"/\"", "path = \"/chat/\"");
        let builder = builder.replacing("path = \"/jitsi/\"", "path = \"/chat/jitsi/\"");
        let builder = if preset { builder } else { builder.replacing("preset = \"mattermost\"", "") };
        let page = ask_signed_in(&builder.run().await, "/chat/jitsi/room1").await;
        assert_eq!(page.status(), 200, "{page:?}");
        let claims = claims(&meeting(&page), &public);
        let user = &claims["context"]["user"];
        assert_eq!((&user["id"], &user["moderator"]), (&"a1".into(), &"true".into()));
        assert!(user["avatar"].as_str().is_some_and(|it| it.contains("/chat/jitsi/-/avatar/")), "{user}");
    }
    let asked = mattermost.lines();
    assert!(asked.iter().all(|line| line.starts_with("GET /chat/api/v4/users/")), "{asked:?}");
}

#[tokio::test]
async fn where_the_route_strips_its_path_mattermost_is_asked_as_browsers_requests_arrive() {
    let mattermost = mattermost().await;
    let builder = meetings(&mattermost, "").0.replacing("path = \"/\"", "path = \"/chat/\"\nstrip_prefix = true");
    assert_eq!(ask_signed_in(&builder.run().await, "/jitsi/room1").await.status(), 200);
    assert_eq!(mattermost.lines(), ["GET /api/v4/users/me HTTP/1.1"]);
}

#[tokio::test]
async fn where_no_login_helps_the_page_says_to_open_the_link_from_mattermost() {
    let mattermost = mattermost().await;
    let keys = "identity = [\"plugin\"]\nplugin_app_id = \"a\"\nplugin_secret = \"b\"";
    let (builder, _) = meetings(&mattermost, keys);
    let gate = builder.run().await;
    for fields in ["", "\nSec-Fetch-Mode: navigate", &format!("\nCookie: MMAUTHTOKEN={SESSION}")] {
        let page = ask(&gate, "/jitsi/room1", fields).await;
        assert_eq!(page.status(), 401, "{fields}: {page:?}");
        assert!(!page.text().contains("/login") && !page.text().contains("8x8.vc"), "{}", page.text());
    }
}

#[tokio::test]
async fn mattermost_gone_is_said_on_a_page_and_in_json_and_opens_nothing() {
    let gone = mattermost().await;
    let (builder, _) = meetings(&gone, "guests = \"join\"");
    drop(gone);
    let gate = builder.run().await;
    let page = ask_signed_in(&gate, "/jitsi/room1").await;
    assert_eq!(page.status(), 502, "{page:?}");
    assert!(page.text().contains("Mattermost does not answer") && page.text().contains("href=\"/jitsi/room1\""));
    assert!(!page.text().contains("8x8.vc") && !page.has("set-cookie"));
    let fields = format!("\nCookie: MMAUTHTOKEN={SESSION}");
    let json = gate
        .tls(CHAT)
        .await
        .ask(&format!("GET /jitsi/room1 HTTP/1.1\nHost: {CHAT}\nAccept: application/json{fields}"))
        .await;
    assert_eq!((json.status(), json.json()["status_code"].as_u64()), (502, Some(502)));
    let log = gate.stop().await;
    assert_eq!(log.stderr.matches("status=502").count(), 2, "{}", log.stderr);
    assert!(log.stderr.contains("cannot connect to upstream"), "the cause is in the log: {}", log.stderr);
}
