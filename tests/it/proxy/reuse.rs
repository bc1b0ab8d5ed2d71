//! Connections to the upstream: kept, checked, thrown away when what came over them cannot be told apart.

use std::time::Duration;

use super::{Arc, AtomicUsize, CHAT, GET, Message, Ordering, Upstream, head, message, ok, proxying, sending};

#[tokio::test]
async fn a_connection_to_the_upstream_is_used_again() {
    let upstream = sending(ok("x")).await;
    let gate = proxying(&upstream, "").run().await;
    for _ in 0..5 {
        assert_eq!(gate.get("/").await.status(), 200);
    }
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn r55_bytes_after_a_head_that_ends_the_message_poison_the_connection() {
    for (kind, poisoned) in [
        ("304", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\nhello"),
        ("204", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"),
        ("counted", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"),
    ] {
        let upstream = Upstream::answering(move |request| match request.target() {
            "/poisoned" => poisoned.as_bytes().to_vec(),
            _ => ok("clean"),
        })
        .await;
        let gate = proxying(&upstream, "").run().await;
        let mut wire = gate.tls(CHAT).await;
        let first = wire.ask("GET /poisoned HTTP/1.1\nHost: chat.example\nIf-None-Match: \"x\"").await;
        assert!(first.status() != 502 && first.body.is_empty(), "{kind}: {first:?}");
        let second = wire.ask("GET /second HTTP/1.1\nHost: chat.example").await;
        assert_eq!(second.text(), "clean", "{kind}");
        assert_eq!(upstream.connections(), 2, "{kind}: the first is not used again");
    }
}

#[tokio::test]
async fn r55_a_body_after_the_answer_to_head_is_nobodys_answer() {
    let upstream = Upstream::answering(|request| match request.line.starts_with("HEAD") {
        true => message("HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"),
        false => ok("clean"),
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = gate.tls(CHAT).await;
    assert_eq!(wire.ask("HEAD / HTTP/1.1\nHost: chat.example").await.status(), 200);
    assert_eq!(wire.ask(GET).await.text(), "clean");
}

/// Answers each request on a connection of its own that it closes after the answer without saying so before.
async fn closing(count: &Arc<AtomicUsize>) -> Upstream {
    let count = Arc::clone(count);
    Upstream::scripted(move |mut connection| {
        let count = Arc::clone(&count);
        async move {
            if connection.request().await.is_some() {
                count.fetch_add(1, Ordering::Relaxed);
                connection.wire.send(ok("x")).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn r74_an_upstream_that_closes_after_each_answer_makes_no_502_and_no_post_twice() {
    let count = Arc::new(AtomicUsize::new(0));
    let upstream = closing(&count).await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = gate.tls(CHAT).await;
    for n in 1..=200 {
        wire.send(message("POST / HTTP/1.1\nHost: chat.example", format!("post {n}"))).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status(), 200, "post {n}");
        assert_eq!(count.load(Ordering::Relaxed), n, "each is counted once");
    }
}

#[tokio::test]
async fn r74_a_get_that_met_a_connection_just_closed_is_sent_again_and_a_post_is_not() {
    // The first connection answers once and dies on its second request, after it has read it.
    let upstream = Upstream::scripted(|mut connection| async move {
        if connection.request().await.is_some() {
            connection.wire.send(ok("x")).await;
        }
        if connection.number == 0 {
            connection.request().await;
            return;
        }
        while connection.request().await.is_some() {
            connection.wire.send(ok("again")).await;
        }
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    assert_eq!(gate.get("/first").await.status(), 200);
    assert_eq!(gate.get("/second").await.status(), 200, "safe to send again");
    let sent = upstream.lines().iter().filter(|line| line.contains("/second")).count();
    assert_eq!(sent, 2);

    let rude = Upstream::scripted(|mut connection| async move {
        while connection.request().await.is_some_and(|request| request.target() != "/once") {
            connection.wire.send(ok("x")).await;
        }
    })
    .await;
    let gate = proxying(&rude, "").run().await;
    assert_eq!(gate.get("/first").await.status(), 200);
    let mut wire = gate.tls(CHAT).await;
    wire.send(message("POST /once HTTP/1.1\nHost: chat.example", "x")).await;
    assert_eq!(wire.answer().await.status(), 502, "it may have been taken: the client decides");
    assert_eq!(rude.lines().iter().filter(|line| line.contains("/once")).count(), 1);
}

/// Answers posts, and lets each connection go once it was idle for this long; the client asks again at that very moment.
const KEPT_FOR: Duration = Duration::from_millis(50);

#[tokio::test]
async fn r74_posts_that_come_just_as_the_upstream_lets_its_connections_go_all_arrive_once() {
    let upstream = Upstream::scripted(|mut connection| async move {
        while let Ok(Some(_)) = tokio::time::timeout(KEPT_FOR, connection.request()).await {
            connection.wire.send(ok("x")).await;
        }
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = gate.tls(CHAT).await;
    for n in 1..=60 {
        wire.send(message(&format!("POST /{n} HTTP/1.1\nHost: chat.example"), "x")).await;
        assert_eq!(wire.answer().await.status(), 200, "post {n}");
        tokio::time::sleep(KEPT_FOR).await;
    }
    let expected: Vec<String> = (1..=60).map(|n| format!("POST /{n} HTTP/1.1")).collect();
    assert_eq!(upstream.lines(), expected, "each is counted once");
}

#[tokio::test]
async fn a_connection_whose_answer_broke_off_is_not_used_again_and_the_client_sees_the_break() {
    let upstream = Upstream::scripted(|mut connection| async move {
        let Some(request) = connection.request().await else { return };
        match request.target() {
            "/counted" => {
                connection.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
            }
            "/chunked" => {
                connection.wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
            }
            _ => {
                connection.wire.send(ok("whole")).await;
            }
        }
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    for path in ["/counted", "/chunked"] {
        let mut wire = gate.tls(CHAT).await;
        wire.send_head(&format!("GET {path} HTTP/1.1\nHost: chat.example")).await;
        let mut answer: Message = wire.expect_head().await;
        assert!(wire.body(&mut answer).await.is_err(), "{path}: a short body must not look whole");
        let over_h2 = gate.h2(CHAT).await.begin(&format!("GET https://chat.example{path}")).await;
        assert!(over_h2.outcome().await.is_err(), "h2 {path}");
        assert_eq!(gate.get("/whole").await.text(), "whole");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_its_time() {
    let closed = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&closed);
    let upstream = Upstream::scripted(move |mut connection| {
        let told = Arc::clone(&told);
        async move {
            while connection.request().await.is_some() {
                connection.wire.send(head("HTTP/1.1 204 No Content")).await;
            }
            told.notify_one();
        }
    })
    .await;
    let gate = proxying(&upstream, "pool_idle_timeout = \"300ms\"").run().await;
    assert_eq!(gate.get("/").await.status(), 204);
    crate::support::soon("the idle connection to be closed", closed.notified()).await;
}
