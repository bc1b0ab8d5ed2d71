//! Fields on their way up and down: hop-by-hop ones end here, the others pass as they are.

use super::{CHAT, GET, Upstream, head, message, ok, proxying, sending};

#[tokio::test]
async fn r71_connection_level_fields_and_what_connection_names_do_not_go_up() {
    let upstream = sending(ok("")).await;
    let gate = proxying(&upstream, "").run().await;
    gate.tls(CHAT)
        .await
        .ask(
            "GET / HTTP/1.1\nHost: chat.example\nConnection: X-Secret, keep-alive\nConnection: x-other\nX-Secret: 1\n\
             X-Other: 2\nKeep-Alive: timeout=5\nProxy-Connection: keep-alive\nProxy-Authorization: Basic eA==\n\
             TE: gzip\nTrailer: X\nUpgrade: h2c\nX-Kept: yes",
        )
        .await;
    let seen = upstream.request(0).await;
    for name in [
        "x-secret",
        "x-other",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "trailer",
        "upgrade",
        "transfer-encoding",
    ] {
        assert!(!seen.has(name), "{name} in {seen:?}");
    }
    assert!(seen.field("te").is_none_or(|te| te == "trailers"), "{seen:?}");
    assert!(seen.field("connection").is_none_or(|c| c.eq_ignore_ascii_case("keep-alive")), "{seen:?}");
    assert_eq!(seen.field("x-kept"), Some("yes"));
}

#[tokio::test]
async fn r63_connection_level_fields_do_not_come_down_and_never_over_http_2() {
    let upstream = sending(message(
        "HTTP/1.1 200 OK\nKeep-Alive: timeout=5\nProxy-Connection: x\nConnection: close, X-Hop\nX-Hop: 1\nUpgrade: h2c\n\
         Proxy-Authenticate: Basic\nX-Kept: yes",
        "body",
    ))
    .await;
    let gate = proxying(&upstream, "").run().await;
    let h1 = gate.tls(CHAT).await.ask(GET).await;
    let h2 = gate.h2(CHAT).await.ask("GET https://chat.example/").await;
    for answer in [&h1, &h2] {
        assert_eq!((answer.status(), answer.text().as_str()), (200, "body"));
        for name in ["keep-alive", "proxy-connection", "x-hop", "upgrade", "transfer-encoding"] {
            assert!(!answer.has(name), "{name} in {answer:?}");
        }
        assert_eq!(answer.field("x-kept"), Some("yes"));
    }
    assert!(!h2.has("connection"));
    assert!(h1.field("connection").is_none_or(|c| c != "close"), "the upstream's wish is not the client's");
}

#[tokio::test]
async fn fields_that_repeat_pass_in_their_order() {
    let upstream =
        sending(message("HTTP/1.1 200 OK\nSet-Cookie: a=1, x\nSet-Cookie: b=2\nX-Empty:\nSet-Cookie: c=3", "")).await;
    let gate = proxying(&upstream, "").run().await;
    let answer = gate.tls(CHAT).await.ask("GET / HTTP/1.1\nHost: chat.example\nX-A: 1\nX-B: 2\nX-A: 3").await;
    assert_eq!(answer.all("set-cookie"), ["a=1, x", "b=2", "c=3"]);
    assert_eq!(answer.field("x-empty"), Some(""));
    assert_eq!(upstream.request(0).await.all("x-a"), ["1", "3"]);
}

#[tokio::test]
async fn what_the_upstream_says_of_itself_is_neither_doubled_nor_added_to() {
    let upstream = sending(message(
        "HTTP/1.1 200 Fine\nServer: Mattermost\nDate: Thu, 01 Jan 1970 00:00:00 GMT\nX-Content-Type-Options: nosniff\n\
         Content-Security-Policy: frame-ancestors 'self'",
        "",
    ))
    .await;
    let gate = proxying(&upstream, "").run().await;
    let answer = gate.tls(CHAT).await.ask(GET).await;
    for name in ["server", "date", "x-content-type-options", "content-security-policy"] {
        assert_eq!(answer.all(name).len(), 1, "{name} in {answer:?}");
    }
    assert_eq!(answer.field("date"), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
}

#[tokio::test]
async fn the_routes_own_fields_are_set_and_removed_on_both_ways() {
    let upstream = sending(message("HTTP/1.1 200 OK\nServer: secret/1.0\nX-Frame-Options: DENY", "")).await;
    let keys = r#"
        request_headers = { X-Edge = "gatepost", Accept-Encoding = "" }
        response_headers = { Server = "", X-Frame-Options = "SAMEORIGIN" }
    "#;
    let gate = proxying(&upstream, keys).run().await;
    let answer =
        gate.tls(CHAT).await.ask("GET / HTTP/1.1\nHost: chat.example\nX-Edge: mine\nAccept-Encoding: gzip").await;
    assert!(!answer.has("server"));
    assert_eq!(answer.field("x-frame-options"), Some("SAMEORIGIN"));
    let seen = upstream.request(0).await;
    assert_eq!(seen.field("x-edge"), Some("gatepost"));
    assert!(!seen.has("accept-encoding"));
}

#[tokio::test]
async fn hsts_is_said_over_https_and_once() {
    let upstream = Upstream::answering(|_| head("HTTP/1.1 204 No Content\nStrict-Transport-Security: max-age=1")).await;
    let file = format!(
        "[[site]]\nhosts = [\"chat.example\"]\nhsts = \"365d\"\n[[site.route]]\npath = \"/\"\nproxy = \"http://{upstream}\"\n\
         [[site.route]]\npath = \"/own\"\nrespond = \"x\"\n"
    );
    let gate = crate::support::gate::gate(file).run().await;
    for path in ["/", "/own"] {
        let answer = gate.get(path).await;
        assert_eq!(answer.all("strict-transport-security").len(), 1, "{answer:?}");
    }
    assert_eq!(gate.get("/own").await.field("strict-transport-security"), Some("max-age=31536000"));
    let plain = gate.plain().await.ask(GET).await;
    assert!(!plain.has("strict-transport-security"), "RFC 6797 section 7.2: not over plain HTTP");
}
