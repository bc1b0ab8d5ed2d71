//! What a token says of a person: name, address, picture, right to moderate; and how often Mattermost is asked.

use super::*;

const ALICE: &str = r#"{"id":"a1","username":"alice","nickname":"Al","first_name":"Alice","last_name":"Smith",
    "email":"alice@gatepost.test","roles":"system_user","delete_at":0,"last_picture_update":1700000000000}"#;
const PNG: &[u8] = b"\x89PNG\r\n\x1A\n and what follows";
const JSON: &str = "HTTP/1.1 200 OK\nContent-Type: application/json";

/// A Mattermost where everybody is Alice, with these memberships and this picture.
async fn alices(teams: &'static str, picture: &'static [u8]) -> Upstream {
    Upstream::answering(move |request| match request.target() {
        "/api/v4/users/me" => message(JSON, ALICE),
        "/api/v4/users/me/teams/members" => message(JSON, teams),
        target if target.starts_with("/api/v4/users/a1/image") => {
            message("HTTP/1.1 200 OK\nContent-Type: image/png\nSet-Cookie: a=b", picture)
        }
        _ => message("HTTP/1.1 404 Not Found", ""),
    })
    .await
}

/// What the token says of whoever asked.
async fn user(gate: &Gate, public: &DecodingKey) -> Value {
    let page = ask_signed_in(gate, "/jitsi/room1").await;
    claims(&meeting(&page), public)["context"]["user"].clone()
}

#[tokio::test]
async fn the_name_is_by_the_order_told_and_the_address_can_be_left_out() {
    let mattermost = alices("[]", PNG).await;
    for (keys, name, email) in [
        ("", "Al", true),
        ("display_name = [\"full_name\", \"nickname\"]", "Alice Smith", true),
        ("display_name = \"username\"\nsend_email = false", "alice", false),
    ] {
        let (builder, public) = meetings(&mattermost, keys);
        let user = user(&builder.run().await, &public).await;
        assert_eq!(user["name"], name, "{keys}");
        assert_eq!(user.get("email").is_some(), email, "{keys}");
        assert!(user.get("avatar").is_none(), "{keys}");
    }
}

#[tokio::test]
async fn administrators_of_a_team_moderate_where_administrators_do() {
    for (teams, moderator) in [
        (r#"[{"user_id":"a1","roles":"team_user team_admin","delete_at":0,"scheme_admin":true}]"#, "true"),
        (r#"[{"user_id":"a1","roles":"team_user team_admin","delete_at":1,"scheme_admin":true}]"#, "false"),
        (r#"[{"user_id":"a1","roles":"team_user","delete_at":0,"scheme_admin":false}]"#, "false"),
    ] {
        let mattermost = alices(teams, PNG).await;
        let (builder, public) = meetings(&mattermost, "moderators = \"admins\"");
        let user = user(&builder.run().await, &public).await;
        assert_eq!(user["moderator"], moderator, "{teams}");
    }
    // Whether somebody is one cannot be told: that is no "no".
    for teams in ["", "<html>", "{}", r#"[{"user_id":"b2","roles":"team_admin","delete_at":0}]"#] {
        let mattermost = alices(teams, PNG).await;
        let (builder, _) = meetings(&mattermost, "moderators = \"admins\"");
        let page = ask_signed_in(&builder.run().await, "/jitsi/room1").await;
        assert_eq!(page.status(), 502, "{teams}");
        assert!(!page.text().contains("jwt"), "{teams}");
    }
}

#[tokio::test]
async fn mattermost_is_asked_once_for_what_is_opened_in_one_go() {
    let mattermost = alices("[]", PNG).await;
    let (builder, public) = meetings(&mattermost, "");
    let gate = builder.run().await;
    for _ in 0..5 {
        assert_eq!(user(&gate, &public).await["name"], "Al");
    }
    assert_eq!(mattermost.lines(), ["GET /api/v4/users/me HTTP/1.1"]);
    // Another session is another question.
    let other = "\nCookie: MMAUTHTOKEN=aaaaaaaaaaaaaaaaaaaaaaaaaa";
    ask(&gate, "/jitsi/room1", other).await;
    assert_eq!(mattermost.lines().len(), 2);
}

#[tokio::test]
async fn a_picture_is_served_to_the_meeting_under_an_address_that_says_nothing() {
    let mattermost = alices("[]", PNG).await;
    let (builder, public) = meetings(&mattermost, "avatars = true");
    let gate = builder.run().await;
    let user = user(&gate, &public).await;
    let address = user["avatar"].as_str().expect("an address");
    let path = address.strip_prefix("https://chat.example").unwrap_or_else(|| panic!("{address}"));
    assert!(path.starts_with("/jitsi/-/avatar/") && path.split('/').all(|part| part != "a1"), "{path}");
    // As the meeting's page asks for it: with nothing of Mattermost's.
    let picture = ask(&gate, path, "\nOrigin: https://8x8.vc").await;
    assert_eq!((picture.status(), &picture.body[..]), (200, PNG));
    assert_eq!(picture.field("content-type"), Some("image/png"));
    assert_eq!(picture.field("x-content-type-options"), Some("nosniff"));
    assert!(!picture.has("set-cookie"), "{picture:?}");
    let other = format!("{}{}", &path[..path.len() - 1], if path.ends_with('A') { 'B' } else { 'A' });
    assert_eq!(ask(&gate, &other, "").await.status(), 404);
    let lines = mattermost.lines();
    assert_eq!(lines.iter().filter(|line| line.contains("/image")).count(), 1, "{lines:?}");
}

#[tokio::test]
async fn what_is_no_picture_is_left_out_and_the_meeting_opens() {
    for picture in [&b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>"[..], b"<html>", b""] {
        let mattermost = alices("[]", picture).await;
        let (builder, public) = meetings(&mattermost, "avatars = true");
        assert!(user(&builder.run().await, &public).await.get("avatar").is_none());
    }
}
