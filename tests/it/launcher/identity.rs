//! Who asks: sessions good and bad, and a Mattermost that answers as it should not.

use super::*;

/// `users/me` of one who is called by a number, as the real server writes it.
fn user(number: usize, more: &str) -> String {
    format!(
        r#"{{"id":"id{number}","create_at":1,"update_at":1,"delete_at":0,"username":"user{number}","auth_data":"",
        "auth_service":"","email":"user{number}@gatepost.test","nickname":"User {number}","first_name":"","last_name":"",
        "position":"","roles":"system_user","notify_props":{{"email":"true"}},"last_picture_update":1,"locale":"en",
        "timezone":{{"useAutomaticTimezone":"true"}}{more}}}"#
    )
}

/// A Mattermost that gives this for an answer, whatever it is asked.
async fn saying(head: &'static str, body: impl Into<Vec<u8>>) -> Upstream {
    let answer = message(head, body.into());
    Upstream::answering(move |_| answer.clone()).await
}

/// Nothing of a meeting is in it, and nothing of Mattermost's cookies.
fn assert_no_token(page: &Message) {
    let all = format!("{page:?}{}", page.text());
    assert!(!all.contains("jwt") && !all.contains("8x8.vc"), "{all}");
    assert!(!page.has("set-cookie"), "{page:?}");
    assert!(page.field("cache-control").is_some_and(|c| c.contains("no-store")), "{page:?}");
}

#[tokio::test]
async fn no_answer_of_mattermost_but_a_users_makes_a_token() {
    const JSON: &str = "HTTP/1.1 200 OK\nContent-Type: application/json\nSet-Cookie: MMAUTHTOKEN=x";
    let large = format!("{{\"padding\":\"{}\",{}", "x".repeat(10 * 1024 * 1024), &user(1, "")[1..]);
    for (what, mattermost) in [
        ("HTML", saying("HTTP/1.1 200 OK\nContent-Type: text/html", "<!doctype html><title>Mattermost</title>").await),
        ("nothing", saying(JSON, "").await),
        ("null", saying(JSON, "null").await),
        ("a list", saying(JSON, format!("[{}]", user(1, ""))).await),
        ("half of it", saying(JSON, &user(1, "")[..200]).await),
        ("a number for an id", saying(JSON, r#"{"id":1,"username":"user1"}"#).await),
        ("a path for an id", saying(JSON, r#"{"id":"../x","username":"user1"}"#).await),
        ("text for a time", saying(JSON, user(1, "").replace("\"delete_at\":0", "\"delete_at\":\"0\"")).await),
        ("no UTF-8", saying(JSON, b"{\"id\":\"a\xFF\",\"username\":\"a\"}".to_vec()).await),
        ("10 MB", saying(JSON, large).await),
        ("201", saying("HTTP/1.1 201 Created\nContent-Type: application/json", user(1, "")).await),
        ("429", saying("HTTP/1.1 429 Too Many Requests\nRetry-After: 1", user(1, "")).await),
        ("500", saying("HTTP/1.1 500 Oops\nContent-Type: application/json", user(1, "")).await),
        (
            "no HTTP",
            Upstream::scripted(|mut connection| async move {
                connection.head().await;
                connection.wire.send("SSH-2.0-OpenSSH_9.9\r\n").await;
            })
            .await,
        ),
        (
            "silence",
            Upstream::scripted(|mut connection| async move {
                connection.head().await;
            })
            .await,
        ),
    ] {
        let (builder, _) = meetings(&mattermost, "");
        let gate = builder.run().await;
        let page = ask_signed_in(&gate, "/jitsi/room1").await;
        assert_eq!(page.status(), 502, "{what}: {page:?}");
        assert_no_token(&page);
        assert!(!page.text().contains(&mattermost.to_string()), "{what}: nothing of what is behind the edge");
    }
}

#[tokio::test]
async fn a_redirect_of_mattermosts_is_not_followed() {
    let elsewhere = saying("HTTP/1.1 200 OK\nContent-Type: application/json", user(1, "")).await;
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let away = message(&format!("HTTP/1.1 {status}\nLocation: http://{elsewhere}/api/v4/users/me"), user(2, ""));
        let mattermost = Upstream::answering(move |_| away.clone()).await;
        let (builder, _) = meetings(&mattermost, "");
        let page = ask_signed_in(&builder.run().await, "/jitsi/room1").await;
        assert_eq!(page.status(), 502, "{status}: {page:?}");
        assert_no_token(&page);
        assert_eq!(mattermost.lines().len(), 1, "asked once");
    }
    assert_eq!(elsewhere.connections(), 0, "and the session went nowhere else");
}

#[tokio::test]
async fn a_mattermost_that_does_not_answer_is_given_up() {
    // Byte by byte, so that something always comes and nothing ever ends.
    let mattermost = Upstream::scripted(|mut connection| async move {
        connection.head().await;
        connection
            .wire
            .send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
            .await;
        while connection.wire.send(" ").await {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    })
    .await;
    let (builder, _) = meetings(&mattermost, "");
    let page = ask_signed_in(&builder.run().await, "/jitsi/room1").await;
    assert_eq!(page.status(), 504, "{page:?}");
    assert_no_token(&page);
}

#[tokio::test]
async fn the_deactivated_and_bots_are_nobody() {
    const JSON: &str = "HTTP/1.1 200 OK\nContent-Type: application/json";
    let bot = user(1, r#","is_bot":true,"bot_description":"alerts""#);
    let gone = user(2, "").replace("\"delete_at\":0", "\"delete_at\":1700000000000");
    for nobody in [bot, gone] {
        let mattermost = saying(JSON, nobody).await;
        let (builder, _) = meetings(&mattermost, "");
        let page = ask_signed_in(&builder.run().await, "/jitsi/room1").await;
        assert_no_token(&page);
        assert!(page.text().contains("/login"), "{page:?}");
    }
}

/// A Mattermost that knows sessions of 26 letters that end in a number: `session0000…7` is `User 7`'s.
async fn full_of_people() -> Upstream {
    Upstream::answering(|request| {
        let bearer = request.field("authorization").and_then(|value| value.strip_prefix("Bearer session"));
        match bearer.filter(|number| number.len() == 19).and_then(|number| number.parse::<usize>().ok()) {
            Some(number) => message("HTTP/1.1 200 OK\nContent-Type: application/json", user(number, "")),
            None => message(
                "HTTP/1.1 401 Unauthorized\nContent-Type: application/json\nSet-Cookie: MMAUTHTOKEN=; Max-Age=0",
                r#"{"id":"api.context.session_expired.app_error","status_code":401}"#,
            ),
        }
    })
    .await
}

fn session(number: usize) -> String {
    format!("session{number:019}")
}

/// What the token calls whoever got this page.
fn called(page: &Message, public: &DecodingKey) -> String {
    let claims = claims(&meeting(page), public);
    claims["context"]["user"]["name"].as_str().expect("a name").to_owned()
}

#[tokio::test]
async fn the_session_counts_that_mattermost_itself_would_take() {
    let mattermost = full_of_people().await;
    let (builder, public) = meetings(&mattermost, "");
    let gate = builder.run().await;
    let (one, two) = (session(1), session(2));
    for (fields, name) in [
        (format!("\nCookie: MMAUTHTOKEN={one}; MMAUTHTOKEN={two}"), "User 1"),
        (format!("\nCookie: MMAUTHTOKEN={two}\nCookie: MMAUTHTOKEN={one}"), "User 2"),
        (format!("\nAuthorization: Bearer {two}\nCookie: MMAUTHTOKEN={one}"), "User 1"),
        (format!("\nAuthorization: Bearer {two}"), "User 2"),
        (format!("\nCookie: MMUSERID=id2; MMAUTHTOKEN={one}; MMCSRF=x"), "User 1"),
    ] {
        let page = ask(&gate, "/jitsi/room1", &fields).await;
        assert_eq!(called(&page, &public), name, "{fields}");
    }
    // HTTP/2 sends cookies one by one.
    let mut h2 = gate.h2(CHAT).await;
    let crumbs = format!("cookie: MMUSERID=id2\ncookie: MMAUTHTOKEN={one}\ncookie: MMCSRF=x");
    let page = h2.ask(&format!("GET https://chat.example/jitsi/room1\naccept: text/html\n{crumbs}")).await;
    assert_eq!(called(&page, &public), "User 1");
    // Mattermost is told the session and nothing else of the request.
    for line in 0..mattermost.lines().len() {
        let asked = mattermost.request(line).await;
        assert!(!asked.has("cookie") && asked.all("authorization").len() == 1, "{asked:?}");
    }
}

#[tokio::test]
async fn forged_expired_and_oversized_sessions_get_no_token() {
    let mattermost = full_of_people().await;
    let (builder, _) = meetings(&mattermost, "");
    let gate = builder.run().await;
    let one = session(1);
    for (what, fields) in [
        ("none", String::new()),
        ("expired", "\nCookie: MMAUTHTOKEN=ybndrfg8ejkmcpqxot1uwisza3".into()),
        ("forged id", "\nCookie: MMUSERID=id1; MMCSRF=x".into()),
        ("a little longer", format!("\nCookie: MMAUTHTOKEN={one}1")),
        ("much longer", format!("\nCookie: MMAUTHTOKEN={}", "1".repeat(6000))),
        ("other case", format!("\nCookie: mmauthtoken={one}")),
        ("quoted", format!("\nCookie: MMAUTHTOKEN=\"{one}\"")),
        ("more fields in it", format!("\nCookie: MMAUTHTOKEN={one}%0d%0aX-Forwarded-For: 127.0.0.1")),
        ("other scheme", format!("\nAuthorization: Basic {one}")),
        ("beside a bad cookie", format!("\nCookie: MMAUTHTOKEN=x\nAuthorization: Bearer {one}")),
        ("under Mattermost's own name for it", "\nMattermost-User-Id: id1".into()),
    ] {
        let page = ask(&gate, "/jitsi/room1", &fields).await;
        assert_no_token(&page);
        assert!(page.text().contains("/login"), "{what}: {page:?}");
    }
    let page = ask(&gate, &format!("/jitsi/room1?access_token={one}"), "").await;
    assert_no_token(&page);
}

#[tokio::test]
async fn many_people_at_once_each_get_their_own_name() {
    let mattermost = full_of_people().await;
    let (builder, public) = meetings(&mattermost, "");
    let gate = builder.run().await;
    let asking = (0..60).map(|n| {
        let gate = &gate;
        async move {
            let fields = format!("\nCookie: MMAUTHTOKEN={}", session(n % 20));
            (n % 20, ask(gate, &format!("/jitsi/room{n}"), &fields).await)
        }
    });
    for (number, page) in futures_util::future::join_all(asking).await {
        assert_eq!(called(&page, &public), format!("User {number}"));
    }
}
