//! Port 80: to https and nowhere else, the challenge ahead of it.

use crate::support::ca::ca;
use crate::support::gate::{Builder, CHAT, Gate, gate};
use crate::support::raw::Message;

const SITES: &str = r#"
    [[site]]
    hosts = ["chat.example", "[::1]"]
    [[site.route]]
    path = "/"
    respond = "chat"

    [[site]]
    hosts = ["www.example", "*.wild.example"]
    [[site.route]]
    path = "/"
    respond = "www"

    [[site]]
    hosts = ["plain.example"]
    redirect_http = false
    [[site.route]]
    path = "/"
    respond = "plain"
"#;

fn two_sites() -> Builder {
    gate(SITES).certificate(&ca().leaf(&[CHAT, "www.example", "*.wild.example", "plain.example"]))
}

async fn ask(gate: &Gate, lines: &str) -> Message {
    gate.plain().await.ask(lines).await
}

#[tokio::test]
async fn r16_the_redirect_drops_the_inbound_port_and_keeps_path_and_query() {
    let gate = two_sites().server("public_https_port = 443").run().await;
    for (host, target, location) in [
        ("chat.example:80", "/a?b=1", "https://chat.example/a?b=1"),
        ("chat.example", "/", "https://chat.example/"),
        ("CHAT.example.", "/a%2Fb//c?", "https://chat.example/a%2Fb//c?"),
        ("[::1]:80", "/x", "https://[::1]/x"),
        ("a.wild.example:8080", "/%0d%0aX: y".replace(' ', "%20").as_str(), "https://a.wild.example/%0d%0aX:%20y"),
    ] {
        let answer = ask(&gate, &format!("GET {target} HTTP/1.1\nHost: {host}")).await;
        assert_eq!((answer.status(), answer.field("location")), (301, Some(location)), "{host}{target}");
    }
}

#[tokio::test]
async fn the_redirect_names_the_public_port_where_it_is_not_443() {
    let gate = two_sites().server("public_https_port = 8443").run().await;
    let answer = ask(&gate, "GET /a HTTP/1.1\nHost: chat.example:8080").await;
    assert_eq!(answer.field("location"), Some("https://chat.example:8443/a"));
}

#[tokio::test]
async fn methods_that_carry_something_are_redirected_with_308() {
    let gate = two_sites().server("public_https_port = 443").run().await;
    for (method, status) in [("GET", 301), ("HEAD", 301), ("POST", 308), ("PUT", 308), ("DELETE", 308), ("BREW", 308)] {
        let answer = ask(&gate, &format!("{method} /a HTTP/1.1\nHost: chat.example\nContent-Length: 0")).await;
        assert_eq!(answer.status(), status, "{method}");
        assert_eq!(answer.field("location"), Some("https://chat.example/a"));
    }
}

#[tokio::test]
async fn only_hosts_that_the_file_names_are_redirected() {
    let gate = two_sites().run().await;
    for host in ["evil.example", "chat.example.evil.example", "127.0.0.1"] {
        let answer = ask(&gate, &format!("GET / HTTP/1.1\nHost: {host}")).await;
        assert_eq!(answer.status(), 404, "{host}");
        assert!(!answer.has("location"));
    }
    assert_eq!(ask(&gate, "GET / HTTP/1.1\nHost: plain.example").await.text(), "plain");
}

#[tokio::test]
async fn a_trusted_proxy_that_says_https_is_not_redirected_and_nobody_else_is_believed() {
    let behind = two_sites().server("trusted_proxies = [\"127.0.0.0/8\"]").run().await;
    let request = "GET / HTTP/1.1\nHost: chat.example\nX-Forwarded-Proto: https\nX-Forwarded-For: 203.0.113.9";
    assert_eq!(ask(&behind, request).await.text(), "chat");
    assert_eq!(ask(&behind, "GET / HTTP/1.1\nHost: chat.example").await.status(), 301);

    let open = two_sites().run().await;
    assert_eq!(ask(&open, request).await.status(), 301);
}

fn with_webroot() -> Builder {
    two_sites()
        .with("webroot/.well-known/acme-challenge/abc_-123", "abc_-123.thumbprint")
        .with("webroot/secret", "not for the web")
        .server("acme_webroot = \"webroot\"")
}

#[tokio::test]
async fn r23_the_challenge_is_answered_ahead_of_the_redirect_for_every_host() {
    let gate = with_webroot().run().await;
    for host in [CHAT, "www.example", "b.wild.example", "plain.example", "chat.example:80"] {
        let token = ask(&gate, &format!("GET /.well-known/acme-challenge/abc_-123 HTTP/1.1\nHost: {host}")).await;
        assert_eq!((token.status(), token.text().as_str()), (200, "abc_-123.thumbprint"), "{host}");
        let unknown = ask(&gate, &format!("GET /.well-known/acme-challenge/unknown HTTP/1.1\nHost: {host}")).await;
        assert_eq!(unknown.status(), 404, "{host}: not a redirect");
    }
    let elsewhere = ask(&gate, "GET /.well-known/acme-challenge/abc_-123 HTTP/1.1\nHost: evil.example").await;
    assert_eq!(elsewhere.status(), 404);
}

#[tokio::test]
async fn r23_an_expired_certificate_does_not_stand_in_the_way() {
    let gate = gate(SITES)
        .with("webroot/.well-known/acme-challenge/t", "t.thumbprint")
        .server("acme_webroot = \"webroot\"")
        .certificate(&ca().expired(&[CHAT]))
        .run()
        .await;
    let answer = ask(&gate, "GET /.well-known/acme-challenge/t HTTP/1.1\nHost: chat.example").await;
    assert_eq!(answer.text(), "t.thumbprint");
}

#[tokio::test]
async fn r26_the_challenge_is_the_same_on_both_ports_whatever_is_said_of_the_scheme() {
    let gate = with_webroot().server("trusted_proxies = [\"127.0.0.1/32\"]").run().await;
    for said in ["", "\nX-Forwarded-Proto: https", "\nX-Forwarded-Proto: http"] {
        let lines = format!("GET /.well-known/acme-challenge/abc_-123 HTTP/1.1\nHost: chat.example{said}");
        assert_eq!(ask(&gate, &lines).await.text(), "abc_-123.thumbprint");
        assert_eq!(gate.tls(CHAT).await.ask(&lines).await.text(), "abc_-123.thumbprint");
    }
    assert_eq!(gate.h2(CHAT).await.ask("GET https://chat.example/.well-known/acme-challenge/none").await.status(), 404);
}

#[tokio::test]
async fn nothing_but_a_token_is_served_from_the_webroot() {
    let gate = with_webroot().run().await;
    for path in [
        "/.well-known/acme-challenge/",
        "/.well-known/acme-challenge/../../secret",
        "/.well-known/acme-challenge/..%2f..%2fsecret",
        "/.well-known/acme-challenge/%2e%2e/%2e%2e/secret",
        "/.well-known/acme-challenge/abc_-123/x",
        "/.well-known/acme-challenge/abc_-123%00",
    ] {
        let answer = ask(&gate, &format!("GET {path} HTTP/1.1\nHost: chat.example")).await;
        assert!(matches!(answer.status(), 301 | 400 | 404), "{path}: {answer:?}");
        assert!(!answer.text().contains("not for the web"), "{path}");
    }
    let secret = gate.get("/secret").await;
    assert_eq!(secret.text(), "chat");
}

#[tokio::test]
async fn what_is_about_the_server_as_a_whole_is_not_redirected() {
    let gate = two_sites().server("public_https_port = 443").run().await;
    let answer = ask(&gate, "OPTIONS * HTTP/1.1\nHost: chat.example").await;
    assert_eq!((answer.status(), answer.field("location")), (204, None));
}
