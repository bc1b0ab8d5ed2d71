//! What the upstream is told about the client: by whom it can be believed, and that nobody forges it.

use crate::support::gate::{CHAT, Gate, proxying};
use crate::support::raw::{Message, ok};
use crate::support::upstream::Upstream;

async fn behind(server: &str) -> (Gate, Upstream) {
    let upstream = Upstream::answering(|_| ok("")).await;
    let gate = proxying(&upstream, "").server(server).run().await;
    (gate, upstream)
}

/// What the upstream sees of a GET with these fields.
async fn seen(gate: &Gate, upstream: &Upstream, fields: &str) -> Message {
    let so_far = upstream.lines().len();
    let answer = gate.tls(CHAT).await.ask(&format!("GET / HTTP/1.1\nHost: chat.example{fields}")).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    upstream.request(so_far).await
}

const FORGED: &str = "\nX-Forwarded-For: 1.2.3.4\nX-Real-IP: 1.2.3.4\nForwarded: for=1.2.3.4;host=evil.example\
    \nX-Forwarded-Proto: http\nX-Forwarded-Host: evil.example\nX-Forwarded-Port: 1\nX-Forwarded-Server: evil.example\
    \nX-Forwarded-Prefix: /evil\nX-Forwarded-User: admin";

fn assert_plain_truth(seen: &Message, gate: &Gate) {
    assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.field("x-real-ip"), Some("127.0.0.1"));
    assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.field("x-forwarded-host"), Some(CHAT));
    let port = seen.field("x-forwarded-port").expect("a port");
    assert!(port == "443" || port == gate.https[0].port().to_string(), "{port}");
    assert!(!seen.has("forwarded"));
    let text = format!("{seen:?}");
    assert!(!text.contains("evil") && !text.contains("1.2.3.4") && !text.contains("admin"), "{text}");
}

#[tokio::test]
async fn r10_over_tls_the_upstream_is_told_https_once() {
    let (gate, upstream) = behind("").await;
    assert_plain_truth(&seen(&gate, &upstream, "").await, &gate);
    assert_plain_truth(&seen(&gate, &upstream, "\nX-Forwarded-Proto: http").await, &gate);
}

#[tokio::test]
async fn r10_over_plain_http_the_upstream_is_told_http() {
    let upstream = Upstream::answering(|_| ok("")).await;
    let file = format!(
        "[[site]]\nhosts = [\"chat.example\"]\nredirect_http = false\n\
         [[site.route]]\npath = \"/\"\nproxy = \"http://{upstream}\"\n"
    );
    let gate = crate::support::gate::gate(file).run().await;
    gate.plain().await.ask("GET / HTTP/1.1\nHost: chat.example\nX-Forwarded-Proto: https").await;
    assert_eq!(upstream.request(0).await.field("x-forwarded-proto"), Some("http"));
}

#[tokio::test]
async fn r12_what_an_untrusted_client_says_of_itself_is_dropped() {
    let (gate, upstream) = behind("").await;
    assert_plain_truth(&seen(&gate, &upstream, FORGED).await, &gate);
    assert_plain_truth(&seen(&gate, &upstream, &FORGED.to_lowercase()).await, &gate);
    // Twice, and over HTTP/2.
    assert_plain_truth(&seen(&gate, &upstream, &format!("{FORGED}{FORGED}")).await, &gate);
    let so_far = upstream.lines().len();
    gate.h2(CHAT).await.ask(&format!("GET https://chat.example/{}", FORGED.to_lowercase())).await;
    assert_plain_truth(&upstream.request(so_far).await, &gate);
}

#[tokio::test]
async fn r12_a_trusted_peers_chain_is_appended_to_and_read_from_the_right() {
    let (gate, upstream) = behind("trusted_proxies = [\"127.0.0.1/32\", \"10.0.0.0/8\"]").await;
    let seen = seen(
        &gate,
        &upstream,
        "\nX-Forwarded-For: 1.2.3.4, 203.0.113.9, 10.0.0.7\nX-Forwarded-Proto: https\nX-Real-IP: 1.2.3.4",
    )
    .await;
    assert_eq!(seen.field("x-forwarded-for"), Some("1.2.3.4, 203.0.113.9, 10.0.0.7, 127.0.0.1"));
    assert_eq!(seen.field("x-real-ip"), Some("203.0.113.9"), "the first from the right that is not trusted");
    assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
}

#[tokio::test]
async fn r12_a_trusted_peers_chain_in_several_lines_is_one() {
    let (gate, upstream) = behind("trusted_proxies = [\"127.0.0.1/32\"]").await;
    let seen = seen(&gate, &upstream, "\nX-Forwarded-For: 1.2.3.4\nX-Forwarded-For: 203.0.113.9").await;
    assert_eq!(seen.all("x-forwarded-for").join(", "), "1.2.3.4, 203.0.113.9, 127.0.0.1");
    assert_eq!(seen.field("x-real-ip"), Some("203.0.113.9"));
}

#[tokio::test]
async fn r10_a_trusted_peers_scheme_is_kept() {
    let upstream = Upstream::answering(|_| ok("")).await;
    let gate = proxying(&upstream, "").server("trusted_proxies = [\"127.0.0.1/32\"]").run().await;
    gate.plain()
        .await
        .ask("GET / HTTP/1.1\nHost: chat.example\nX-Forwarded-Proto: https\nX-Forwarded-For: 203.0.113.9")
        .await;
    let seen = upstream.request(0).await;
    assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.field("x-real-ip"), Some("203.0.113.9"));
}

#[tokio::test]
async fn r14_naming_a_managed_field_in_connection_does_not_take_it_away() {
    let (gate, upstream) = behind("").await;
    for named in
        ["close, X-Forwarded-For, X-Forwarded-Proto, Host", "x-real-ip, X-Forwarded-Host, x-forwarded-port, host, TE"]
    {
        let seen = seen(&gate, &upstream, &format!("{FORGED}\nConnection: {named}")).await;
        assert_plain_truth(&seen, &gate);
        assert_eq!(seen.field("host"), Some(CHAT));
    }
}

#[tokio::test]
async fn r1_the_port_that_the_client_named_stays_in_host() {
    let (gate, upstream) = behind("").await;
    gate.tls(CHAT).await.ask("GET / HTTP/1.1\nHost: chat.example:8443").await;
    assert_eq!(upstream.request(0).await.field("host"), Some("chat.example:8443"));
}

#[tokio::test]
async fn r1_r19_host_goes_up_as_the_client_wrote_it() {
    let (gate, upstream) = behind("").await;
    for (n, host) in ["Chat.Example", "chat.example.", "CHAT.example.:443"].into_iter().enumerate() {
        gate.tls(CHAT).await.ask(&format!("GET / HTTP/1.1\nHost: {host}")).await;
        assert_eq!(upstream.request(2 * n).await.all("host"), [host]);
        gate.h2(CHAT).await.ask(&format!("GET https://{host}/")).await;
        assert_eq!(upstream.request(2 * n + 1).await.all("host"), [host], "over HTTP/2");
    }
}
