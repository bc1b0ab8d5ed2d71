//! How many connections an upstream gets, and how many requests may wait for one.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{CHAT, GET, Upstream, ok, proxying};
use crate::support::faults::until;
use crate::support::gate::Gate;
use crate::support::raw::message;
use crate::support::upstream::switching;

/// Answers `/held…` once it has a permit, and all else at once.
async fn holding(permits: &Arc<Semaphore>) -> Upstream {
    let permits = Arc::clone(permits);
    Upstream::scripted(move |mut connection| {
        let permits = Arc::clone(&permits);
        async move {
            while let Some(request) = connection.request().await {
                if request.has("upgrade") {
                    connection.wire.send(switching(&request)).await;
                    connection.wire.rest().await;
                    return;
                }
                if request.target().starts_with("/held") {
                    permits.acquire().await.expect("an open semaphore").forget();
                }
                connection.wire.send(ok("x")).await;
            }
        }
    })
    .await
}

async fn run(upstream: &Upstream, keys: &str) -> Gate {
    proxying(upstream, keys).changing(|file| format!("[admin]\nlisten = \"127.0.0.1:0\"\n{file}")).run().await
}

async fn value(gate: &Gate, name: &str) -> u64 {
    gate.metrics(name, "route=").await[0].1
}

async fn waits(gate: &Gate, count: u64) {
    until("requests to wait", async || value(gate, "gatepost_upstream_waiting_requests").await == count).await;
}

#[tokio::test]
async fn what_comes_beyond_connections_and_waiting_is_503_and_the_rest_is_answered_in_turn() {
    let permits = Arc::new(Semaphore::new(0));
    let upstream = holding(&permits).await;
    let gate = run(&upstream, "max_connections = 2\nmax_waiting = 2\nconnect_timeout = \"60s\"").await;

    let mut held = Vec::new();
    for number in 0..4 {
        let mut wire = gate.tls(CHAT).await;
        wire.send_head(&format!("GET /held/{number} HTTP/1.1\nHost: {CHAT}")).await;
        held.push(wire);
        if number < 2 {
            upstream.head(number).await;
        } else {
            waits(&gate, number as u64 - 1).await;
        }
    }
    assert_eq!(value(&gate, "gatepost_upstream_connections").await, 2);

    let refused = gate.get("/more").await;
    assert_eq!((refused.status(), refused.field("retry-after")), (503, Some("5")));
    let over_h2 = gate.h2(CHAT).await.ask(&format!("GET https://{CHAT}/more")).await;
    assert_eq!((over_h2.status(), over_h2.field("retry-after")), (503, Some("5")));
    let full = gate.metrics("gatepost_upstream_failures_total", "kind=\"full\"").await;
    assert_eq!(full[0].1, 2);

    permits.add_permits(4);
    for mut wire in held {
        assert_eq!(wire.answer().await.status(), 200);
    }
    assert_eq!(upstream.connections(), 2, "who waited got a connection that was there");
    assert_eq!(gate.get("/more").await.status(), 200);
    assert_eq!(value(&gate, "gatepost_upstream_waiting_requests").await, 0);
}

#[tokio::test]
async fn who_waits_in_vain_is_told_so_and_who_goes_away_leaves_no_trace() {
    let permits = Arc::new(Semaphore::new(0));
    let upstream = holding(&permits).await;
    let gate = run(&upstream, "max_connections = 1\nconnect_timeout = \"300ms\"").await;
    let mut held = gate.tls(CHAT).await;
    held.send_head(&format!("GET /held HTTP/1.1\nHost: {CHAT}")).await;
    upstream.head(0).await;
    assert_eq!(gate.get("/x").await.status(), 503, "nothing got free in time");
    permits.add_permits(1);
    assert_eq!(held.answer().await.status(), 200);
    assert_eq!(gate.get("/x").await.status(), 200);
    assert_eq!(upstream.lines().len(), 2, "what waited in vain never went up");

    let upstream = holding(&permits).await;
    let gate = run(&upstream, "max_connections = 1\nconnect_timeout = \"60s\"").await;
    let mut held = gate.tls(CHAT).await;
    held.send_head(&format!("GET /held HTTP/1.1\nHost: {CHAT}")).await;
    upstream.head(0).await;
    let mut h2 = gate.h2(CHAT).await;
    let open = h2.begin(&format!("GET https://{CHAT}/x")).await;
    waits(&gate, 1).await;
    drop(open);
    waits(&gate, 0).await;

    permits.add_permits(1);
    assert_eq!(held.answer().await.status(), 200);
    assert_eq!(gate.get("/x").await.status(), 200);
    assert_eq!(upstream.lines().len(), 2, "nor did what was taken back");
}

#[tokio::test]
async fn a_post_that_waits_goes_up_once_and_a_tunnel_holds_no_place() {
    let permits = Arc::new(Semaphore::new(0));
    let upstream = holding(&permits).await;
    let gate = run(&upstream, "max_connections = 1\nconnect_timeout = \"60s\"").await;
    let mut tunnel = gate.tls(CHAT).await;
    let upgrade = "GET /ws HTTP/1.1\nHost: chat.example\nUpgrade: websocket\nConnection: Upgrade\n\
        Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    assert_eq!(tunnel.ask(upgrade).await.status(), 101);
    assert_eq!(gate.tls(CHAT).await.ask(GET).await.status(), 200, "the tunnel is not in its way");

    let mut held = gate.tls(CHAT).await;
    held.send_head(&format!("GET /held HTTP/1.1\nHost: {CHAT}")).await;
    upstream.head(2).await;
    let mut post = gate.tls(CHAT).await;
    post.send(message(&format!("POST /post HTTP/1.1\nHost: {CHAT}"), "once")).await;
    waits(&gate, 1).await;
    permits.add_permits(1);
    assert_eq!(held.answer().await.status(), 200);
    assert_eq!(post.answer().await.status(), 200);
    assert_eq!(upstream.lines().iter().filter(|line| line.starts_with("POST")).count(), 1);
}

#[tokio::test]
async fn a_crowd_of_many_workers_is_served_by_few_connections() {
    let upstream = Upstream::answering(|_| ok("x")).await;
    let gate = proxying(&upstream, "max_connections = 2\nmax_waiting = 100\nconnect_timeout = \"60s\"")
        .server("workers = 4")
        .run()
        .await;
    let mut crowd = Vec::new();
    for _ in 0..40 {
        let mut wire = gate.tls(CHAT).await;
        wire.send_head(GET).await;
        crowd.push(wire);
    }
    for mut wire in crowd {
        assert_eq!(wire.answer().await.status(), 200);
    }
}
