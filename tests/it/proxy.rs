//! Station 5, an upstream: what goes up, what comes back, and what happens when either side is slow, rude or gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::support::gate::{CHAT, proxying};
use crate::support::raw::{Message, head, message, ok};
use crate::support::upstream::{Connection, Upstream};

mod address;
mod failure;
mod faults;
mod fields;
mod limits;
mod reuse;
mod room;
mod several;

const GET: &str = "GET / HTTP/1.1\nHost: chat.example";

/// An upstream that sends these bytes, whatever was asked, and keeps the connection.
async fn sending(bytes: impl AsRef<[u8]>) -> Upstream {
    let bytes = bytes.as_ref().to_vec();
    Upstream::answering(move |_| bytes.clone()).await
}

#[tokio::test]
async fn r72_the_target_goes_up_byte_for_byte() {
    let upstream = sending(ok("")).await;
    let gate = proxying(&upstream, "").run().await;
    let targets = [
        "/api/queues/%2F/a%2Fb//c;d?x=%2F&",
        "/?",
        "/a?",
        "/%7Euser/%20/%41",
        "//double//slashes",
        "/a;b=c,d!$&'()*+:@",
        "/?q=a b".replace(' ', "+").leak(),
        "/?x=?/?&y={}|^`",
        "/%e4%f6?%",
        "/.hidden/..",
    ];
    for target in targets {
        gate.tls(CHAT).await.ask(&format!("GET {target} HTTP/1.1\nHost: chat.example")).await;
    }
    let expected: Vec<String> = targets.iter().map(|target| format!("GET {target} HTTP/1.1")).collect();
    assert_eq!(upstream.lines(), expected);
}

#[tokio::test]
async fn r72_over_http_2_too() {
    let upstream = sending(ok("")).await;
    let gate = proxying(&upstream, "").run().await;
    let mut h2 = gate.h2(CHAT).await;
    let targets = ["/api/queues/%2F/a%2Fb//c;d?x=%2F&", "/a?", "/%7Euser/%20/%41"];
    for target in targets {
        h2.ask(&format!("GET https://chat.example{target}")).await;
    }
    let expected: Vec<String> = targets.iter().map(|target| format!("GET {target} HTTP/1.1")).collect();
    assert_eq!(upstream.lines(), expected);
}

#[tokio::test]
async fn r49_cookie_crumbs_go_up_as_one_line_in_their_order() {
    let upstream = sending(ok("")).await;
    let gate = proxying(&upstream, "").run().await;
    let crumbs = "GET https://chat.example/\ncookie: a=1\nx-between: x\ncookie: b=2\naccept: */*\ncookie: c=3";
    gate.h2(CHAT).await.ask(crumbs).await;
    assert_eq!(upstream.request(0).await.field("cookie"), Some("a=1; b=2; c=3"));
}

#[tokio::test]
async fn r53_an_answer_to_head_has_no_body_and_no_invented_length() {
    let upstream = Upstream::answering(|request| match request.target() {
        "/counted" => head("HTTP/1.1 200 OK\nContent-Length: 1234"),
        "/chunked" => head("HTTP/1.1 200 OK\nTransfer-Encoding: chunked"),
        _ => head("HTTP/1.1 200 OK\nX-Is: here"),
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = gate.tls(CHAT).await;
    for (path, length) in [("/", None), ("/counted", Some("1234")), ("/chunked", None), ("/", None)] {
        let answer = wire.ask(&format!("HEAD {path} HTTP/1.1\nHost: chat.example")).await;
        assert_eq!((answer.status(), answer.field("content-length")), (200, length), "{path}");
        let over_h2 = gate.h2(CHAT).await.ask(&format!("HEAD https://chat.example{path}")).await;
        assert_eq!((over_h2.field("content-length"), over_h2.body.len()), (length, 0), "h2 {path}");
    }
    // The connection still stands where it should: the next head is read as one.
    assert_eq!(wire.ask("HEAD / HTTP/1.1\nHost: chat.example").await.field("x-is"), Some("here"));
}

#[tokio::test]
async fn r57_a_client_that_waits_for_100_gets_it_and_expect_goes_up_once_at_most() {
    for upstream_says_100 in [true, false] {
        let upstream = Upstream::scripted(move |mut connection| async move {
            let Some(mut request) = connection.head().await else { return };
            if upstream_says_100 {
                connection.wire.send(head("HTTP/1.1 100 Continue")).await;
            }
            connection.wire.body(&mut request).await.expect("the body comes once 100 was said");
            connection.wire.send(ok(&request.body)).await;
        })
        .await;
        let gate = proxying(&upstream, "").run().await;
        let mut wire = gate.tls(CHAT).await;
        wire.send_head("PUT /f HTTP/1.1\nHost: chat.example\nExpect: 100-continue\nContent-Length: 4").await;
        assert_eq!(wire.expect_head().await.status(), 100, "upstream says 100: {upstream_says_100}");
        wire.send("body").await;
        let answer = wire.answer().await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "body"));
        assert!(upstream.head(0).await.all("expect").len() < 2);

        let mut h2 = gate.h2(CHAT).await;
        let over_h2 = h2.ask_with("PUT https://chat.example/f\nexpect: 100-continue\ncontent-length: 4", "body").await;
        assert_eq!((over_h2.status(), over_h2.text().as_str()), (200, "body"));
    }
}

#[tokio::test]
async fn r57_an_upstream_that_refuses_instead_of_saying_100_is_heard() {
    let upstream = Upstream::scripted(|mut connection| async move {
        connection.head().await;
        connection.wire.send(message("HTTP/1.1 417 Expectation Failed\nConnection: close", "no")).await;
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = gate.tls(CHAT).await;
    wire.send_head("PUT /f HTTP/1.1\nHost: chat.example\nExpect: 100-continue\nContent-Length: 4").await;
    assert_eq!(wire.answer().await.status(), 417);
}

#[tokio::test]
async fn r59_a_client_of_http_1_0_gets_no_chunks() {
    let upstream =
        sending(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n").await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = gate.tls(CHAT).await;
    let answer = wire.ask("GET / HTTP/1.0\nHost: chat.example").await;
    assert!(!answer.has("transfer-encoding"), "{answer:?}");
    assert_eq!(answer.text(), "abcde");
    wire.closes().await;
}

#[tokio::test]
async fn chunks_trailers_and_a_close_as_the_end_pass_through() {
    let upstream = Upstream::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            match request.target() {
                "/chunked" => {
                    let body = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5;ext=1\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n";
                    connection.wire.send(body).await;
                }
                _ => {
                    connection.wire.send(head("HTTP/1.1 200 OK\nX-Until: close")).await;
                    connection.wire.send("all of it").await;
                    return;
                }
            }
        }
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    let chunked = gate.tls(CHAT).await.ask("GET /chunked HTTP/1.1\nHost: chat.example\nTE: trailers").await;
    assert_eq!(chunked.text(), "hello");
    let over_h2 = gate.h2(CHAT).await.ask("GET https://chat.example/chunked\nte: trailers").await;
    assert_eq!(over_h2.text(), "hello");
    assert_eq!(over_h2.trailers, [("x-sum".to_owned(), "5".to_owned())]);
    assert_eq!(gate.get("/close").await.text(), "all of it");
    assert_eq!(gate.h2(CHAT).await.ask("GET https://chat.example/close").await.text(), "all of it");
}

#[tokio::test]
async fn an_upload_in_chunks_goes_up_whole_with_its_trailers() {
    let upstream = Upstream::answering(|request| ok(&request.body)).await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = gate.tls(CHAT).await;
    wire.send_head("POST / HTTP/1.1\nHost: chat.example\nTransfer-Encoding: chunked").await;
    wire.send("5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n").await;
    assert_eq!(wire.answer().await.text(), "hello world");
    // HTTP/2 needs no length either.
    let mut h2 = gate.h2(CHAT).await;
    assert_eq!(h2.ask_with("POST https://chat.example/", "hello world").await.text(), "hello world");
}

#[tokio::test]
async fn an_answer_streams_nothing_waits_for_its_end() {
    let more = Arc::new(Notify::new());
    let told = Arc::clone(&more);
    let upstream = Upstream::scripted(move |mut connection| {
        let told = Arc::clone(&told);
        async move {
            connection.request().await;
            connection.wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
            told.notified().await;
            connection.wire.send("6\r\nsecond\r\n0\r\n\r\n").await;
        }
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = gate.tls(CHAT).await;
    wire.send_head(GET).await;
    wire.expect_head().await;
    assert_eq!(wire.exactly(10).await.expect("the first chunk"), b"5\r\nfirst\r\n");
    more.notify_one();
    assert_eq!(wire.exactly(11).await.expect("the second chunk"), b"6\r\nsecond\r\n");
}

#[tokio::test]
async fn an_upload_streams_nothing_waits_for_its_end() {
    let upstream = Upstream::scripted(|mut connection| async move {
        connection.head().await;
        let first = connection.wire.exactly(5).await.expect("the first half");
        assert_eq!(first, b"first");
        connection.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nfirst").await;
        let second = connection.wire.exactly(6).await.expect("the second half");
        connection.wire.send(second).await;
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = gate.tls(CHAT).await;
    wire.send_head("POST / HTTP/1.1\nHost: chat.example\nContent-Length: 11").await;
    wire.send("first").await;
    wire.expect_head().await;
    assert_eq!(wire.exactly(5).await.expect("the echo of the first half"), b"first");
    wire.send("second").await;
    assert_eq!(wire.exactly(6).await.expect("the echo of the second half"), b"second");
}

#[tokio::test]
async fn a_large_body_comes_whole_both_ways() {
    let upstream = Upstream::answering(|request| ok(&request.body)).await;
    let gate = proxying(&upstream, "").run().await;
    let body: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut wire = gate.tls(CHAT).await;
    let lines = format!("POST / HTTP/1.1\nHost: chat.example\nContent-Length: {}", body.len());
    wire.send_head(&lines).await;
    wire.send(&body).await;
    assert!(wire.answer().await.body == body);
}

#[tokio::test]
async fn a_client_that_goes_away_frees_the_upstream() {
    let gone = Arc::new(Notify::new());
    let told = Arc::clone(&gone);
    let upstream = Upstream::scripted(move |mut connection| {
        let told = Arc::clone(&told);
        async move {
            connection.request().await;
            connection.wire.send(head("HTTP/1.1 200 OK\nContent-Length: 1000000000")).await;
            while connection.wire.send([0; 65536]).await {}
            told.notify_one();
        }
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = gate.tls(CHAT).await;
    wire.send_head(GET).await;
    wire.expect_head().await;
    drop(wire);
    crate::support::soon("the upstream to be let go", gone.notified()).await;
}

#[tokio::test]
async fn a_client_that_goes_away_before_its_answer_frees_the_upstream() {
    let gone = Arc::new(Notify::new());
    let told = Arc::clone(&gone);
    let upstream = Upstream::scripted(move |mut connection| {
        let told = Arc::clone(&told);
        async move {
            connection.request().await;
            // Never answers.
            connection.wire.rest().await;
            told.notify_one();
        }
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = gate.tls(CHAT).await;
    wire.send_head(GET).await;
    upstream.request(0).await;
    drop(wire);
    crate::support::soon("the upstream to be let go", gone.notified()).await;
}

#[tokio::test]
async fn a_client_that_ends_its_side_after_the_request_still_gets_the_whole_answer() {
    const ALL: usize = 8 * 1024 * 1024;
    let finished = Arc::new(Notify::new());
    let waiting = Arc::clone(&finished);
    let upstream = Upstream::scripted(move |mut connection| {
        let waiting = Arc::clone(&waiting);
        async move {
            while connection.request().await.is_some() {
                waiting.notified().await;
                connection.wire.send(ok(vec![b'x'; ALL])).await;
            }
        }
    })
    .await;
    let gate = proxying(&upstream, "").replacing("hosts", "redirect_http = false\nhosts").run().await;
    for request in [head(GET), message("POST / HTTP/1.1\nHost: chat.example", "body")] {
        for mut wire in [gate.plain().await, gate.tls(CHAT).await] {
            wire.send(&request).await;
            wire.finish().await;
            finished.notify_one();
            let answer = wire.answer().await;
            assert_eq!((answer.status(), answer.body.len()), (200, ALL));
            wire.closes().await;
        }
    }
}

#[tokio::test]
async fn interim_answers_do_not_disturb_the_final_one() {
    let upstream = sending([head("HTTP/1.1 103 Early Hints\nLink: </a.css>"), ok("final")].concat()).await;
    let gate = proxying(&upstream, "").run().await;
    for _ in 0..2 {
        assert_eq!(gate.get("/").await.text(), "final");
        assert_eq!(gate.h2(CHAT).await.ask("GET https://chat.example/").await.text(), "final");
    }
}
