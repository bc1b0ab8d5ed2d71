//! How many: connections, tunnels, requests, fields and bytes of a head.

use super::*;
use crate::support::raw::{Message, head, message, ok};

fn assert_full(answer: &Message) {
    assert_eq!(answer.status(), 503, "{answer:?}");
    assert_eq!(answer.field("retry-after"), Some("10"));
}

#[tokio::test]
async fn when_all_connections_are_in_use_others_get_503_and_retry_after() {
    let upstream = holding().await;
    let gate = limited("connections = 2", Some(&upstream)).run().await;
    let mut held = [gate.plain().await, gate.tls(CHAT).await];
    for wire in &mut held {
        wire.send_head(HELD).await;
    }
    upstream.head(2 - 1).await;

    let mut plain = gate.plain().await;
    let answer = plain.ask(GET).await;
    assert_full(&answer);
    assert_eq!(answer.field("connection"), Some("close"));
    plain.closes().await;
    assert_full(&gate.get("/").await);
    assert_full(&gate.h2(CHAT).await.ask("GET https://chat.example/").await);
    until_refused(&gate, "connections", 3).await;
    assert_eq!(sample(&gate, "gatepost_connections").await, 2);

    let [first, _second] = held;
    drop(first);
    until_sample(&gate, "gatepost_connections", 1).await;
    assert_eq!(gate.get("/").await.text(), "here");
}

#[tokio::test]
async fn an_idle_connection_goes_when_there_is_no_place_for_another() {
    let upstream = holding().await;
    let gate = limited("connections = 3", Some(&upstream)).run().await;
    let (mut old, mut busy, mut young) = (gate.tls(CHAT).await, gate.tls(CHAT).await, gate.plain().await);
    assert_eq!(old.ask(GET).await.text(), "here");
    busy.send_head(HELD).await;
    upstream.head(1 - 1).await;
    assert_eq!(young.ask(GET).await.text(), "here");
    assert_eq!(gate.get("/").await.text(), "here", "there is a place again");
    old.closes().await;
    // In use, so it stays: only its own client ends it.
    assert!(sample(&gate, "gatepost_connections").await >= 1);
    assert_eq!(upstream.lines().len(), 1);
}

#[tokio::test]
async fn one_address_has_a_limit_of_its_own_and_a_reload_changes_it() {
    let gate = limited("connections_per_address = 2", None).run().await;
    let mut held = [gate.plain().await, gate.tls(CHAT).await];
    for wire in &mut held {
        assert_eq!(wire.ask(GET).await.text(), "here");
    }
    assert_full(&gate.plain().await.ask(GET).await);
    assert_full(&gate.get("/").await);
    until_refused(&gate, "connections_per_address", 2).await;

    let file = gate.folder().join("gatepost.toml");
    let text = std::fs::read_to_string(&file).expect("the file");
    std::fs::write(&file, text.replace("connections_per_address = 2", "connections_per_address = 3")).expect("written");
    let mut gate = gate;
    gate.process.hangup();
    gate.process.says("reloaded").await;
    assert_eq!(gate.get("/").await.text(), "here");
    for wire in &mut held {
        assert_eq!(wire.ask(GET).await.text(), "here", "who is in stays in");
    }
}

#[tokio::test]
async fn loopback_speaks_for_many_unless_the_file_says_otherwise() {
    let gate = limited("connections = 5000", None).run().await;
    let mut held = Vec::new();
    for _ in 0..600 {
        held.push(gate.plain().await);
    }
    assert_eq!(held.last_mut().expect("many").ask(GET).await.text(), "here");
}

#[tokio::test]
async fn tunnels_have_limits_in_all_and_per_address() {
    for (limits, key) in [("tunnels = 2", "tunnels"), ("tunnels_per_address = 2", "tunnels_per_address")] {
        let upstream = holding().await;
        let gate = limited(limits, Some(&upstream)).run().await;
        let mut open = [gate.tls(CHAT).await, gate.plain().await];
        for wire in &mut open {
            assert_eq!(wire.ask(UPGRADE).await.status(), 101);
        }
        assert_full(&gate.tls(CHAT).await.ask(UPGRADE).await);
        let mut h2 = gate.h2(CHAT).await;
        assert_eq!(h2.ask("GET https://chat.example/").await.text(), "here");
        let one_more = h2.connect("websocket", "CONNECT https://chat.example/up/websocket").await;
        assert_full(&one_more.answer().await);
        until_refused(&gate, key, 2).await;
        assert_eq!(sample(&gate, "gatepost_tunnels").await, 2);
        // Requests have nothing to do with it, and open tunnels go on.
        assert_eq!(gate.get("/").await.text(), "here");
        let [mut first, second] = open;
        first.send(b"x").await;
        assert_eq!(first.exactly(1).await.expect("an echo"), b"x");
        drop(second);
        until_sample(&gate, "gatepost_tunnels", 1).await;
        assert_eq!(gate.tls(CHAT).await.ask(UPGRADE).await.status(), 101);
    }
}

#[tokio::test]
async fn a_connection_ends_in_order_after_so_many_requests() {
    let upstream = Upstream::answering(|request| match request.target() {
        "/up/slow" => message("HTTP/1.1 200 OK", "x".repeat(100_000)),
        target => ok(target),
    })
    .await;
    let gate = limited("requests_per_connection = 3", Some(&upstream)).run().await;
    let mut wire = gate.tls(CHAT).await;
    for last in [false, false, true] {
        let answer = wire.ask("GET /up/x HTTP/1.1\nHost: chat.example").await;
        assert_eq!((answer.status(), answer.field("connection")), (200, last.then_some("close")));
    }
    wire.closes().await;

    let mut h2 = gate.h2(CHAT).await;
    // Still sending when the last one is asked for.
    let mut open = h2.begin("POST https://chat.example/up/slow").await;
    for _ in 0..2 {
        assert_eq!(h2.ask("GET https://chat.example/up/x").await.status(), 200);
    }
    open.send_all(50_000).await.expect("the stream is open to its end");
    assert_eq!(open.answer().await.body.len(), 100_000);
    h2.ends().await;
}

#[tokio::test]
async fn a_head_has_a_largest_size_and_number_of_fields() {
    let gate = limited("head_size = \"8KiB\"\nhead_fields = 20", None).run().await;
    let large = format!("{GET}\nCookie: {}", "c".repeat(8 * 1024));
    let fitting = format!("{GET}\nCookie: {}", "c".repeat(7 * 1024));
    let fields = |count: usize| (0..count).map(|n| format!("\nX-{n}: 1")).collect::<String>();
    for (lines, status) in [
        (large.clone(), 431),
        (fitting, 200),
        (format!("{GET}{}", fields(20)), 431),
        (format!("{GET}{}", fields(18)), 200),
    ] {
        let mut wire = gate.tls(CHAT).await;
        wire.send(head(&lines)).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status(), status, "{answer:?}");
        assert_eq!(answer.field("connection"), (status == 431).then_some("close"));
    }
    until_refused(&gate, "head_size", 2).await;
    let mut h2 = gate.h2(CHAT).await;
    let lines = |rest: &str| format!("GET https://chat.example/{}", rest.to_lowercase());
    assert_eq!(h2.ask(&lines(&fields(21))).await.status(), 431);
    assert_eq!(h2.ask(&lines(&fields(15))).await.status(), 200);
    until_refused(&gate, "head_fields", 1).await;
}
