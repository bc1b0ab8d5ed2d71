//! Answers that an upstream frames in two ways: what the client gets is honest, and nobody gets the rest of it.

use super::{Wrong, bytes, certificate, host, site};
use crate::support::client::Tls;
use crate::support::gate::{Gate, gate};
use crate::support::raw::ok;
use crate::support::upstream::Upstream;

/// Whether the next request may go on the same connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It may, or on another.
    Any,
    /// It must not.
    New,
}
use Next::{Any, New};

/// Name; method; what the upstream sends, after which a last `✂` closes; what the client gets, where `cut` is an answer that
/// does not look whole, or none; what becomes of the connection.
type Row = (&'static str, &'static str, &'static str, &'static str, Next);

pub(super) const ROWS: &[Row] = &[
    ("plain", "GET", "HTTP/1.1 200 OK¶Content-Length: 5¶¶hello", "200 hello", Any),
    ("chunked", "GET", "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶", "200 hello", Any),
    ("CL.TE", "GET", "HTTP/1.1 200 OK¶Content-Length: 3¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶", "200 hello", New),
    ("TE.CL", "GET", "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶Content-Length: 30¶¶5¶hello¶0¶¶", "200 hello", New),
    ("twice the same length", "GET", "HTTP/1.1 200 OK¶Content-Length: 5¶Content-Length: 5¶¶hello", "200 hello", New),
    ("a list of the same length", "GET", "HTTP/1.1 200 OK¶Content-Length: 5, 5¶¶hello", "200 hello", New),
    ("two lengths that differ", "GET", "HTTP/1.1 200 OK¶Content-Length: 5¶Content-Length: 3¶¶hello", "502", New),
    ("a list that differs", "GET", "HTTP/1.1 200 OK¶Content-Length: 5, 3¶¶hello", "502", New),
    ("zeros before a length", "GET", "HTTP/1.1 200 OK¶Content-Length: 0005¶¶hello", "200 hello", New),
    ("a length with a plus", "GET", "HTTP/1.1 200 OK¶Content-Length: +5¶¶hello", "502", New),
    ("a hexadecimal length", "GET", "HTTP/1.1 200 OK¶Content-Length: 0x5¶¶hello", "502", New),
    ("an empty length", "GET", "HTTP/1.1 200 OK¶Content-Length:¶¶hello", "502", New),
    ("5 modulo 2^64", "GET", "HTTP/1.1 200 OK¶Content-Length: 18446744073709551621¶¶hello", "502", New),
    ("a length longer than the body", "GET", "HTTP/1.1 200 OK¶Content-Length: 50¶¶hello✂", "cut", New),
    ("a length shorter than the body", "GET", "HTTP/1.1 200 OK¶Content-Length: 3¶¶hello", "200 hel", New),
    ("no length and no end", "GET", "HTTP/1.1 200 OK¶¶hello✂", "200 hello", New),
    ("HTTP/1.0", "GET", "HTTP/1.0 200 OK¶¶hello✂", "200 hello", New),
    ("HTTP/1.0, chunked", "GET", "HTTP/1.0 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶", "502", New),
    ("HTTP/0.9", "GET", "hello✂", "502", New),
    ("HTTP/2", "GET", "HTTP/2 200¶Content-Length: 5¶¶hello", "502", New),
    ("identity", "GET", "HTTP/1.1 200 OK¶Transfer-Encoding: identity¶Content-Length: 3¶¶hello✂", "200 hello", New),
    ("gzip and then chunked", "GET", "HTTP/1.1 200 OK¶Transfer-Encoding: gzip, chunked¶¶5¶hello¶0¶¶", "502", New),
    (
        "chunked twice",
        "GET",
        "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶",
        "502",
        New,
    ),
    (
        "xchunked beside a length",
        "GET",
        "HTTP/1.1 200 OK¶Transfer-Encoding: xchunked¶Content-Length: 5¶¶hello",
        "502",
        New,
    ),
    ("a blank before the colon", "GET", "HTTP/1.1 200 OK¶Content-Length : 5¶¶hello", "502", New),
    ("a folded coding", "GET", "HTTP/1.1 200 OK¶Transfer-Encoding:¶ chunked¶¶5¶hello¶0¶¶", "502", New),
    ("a NUL in a value", "GET", "HTTP/1.1 200 OK¶A: b\0¶Content-Length: 5¶¶hello", "502", New),
    ("a bare CR in a value", "GET", "HTTP/1.1 200 OK¶A: b\rContent-Length: 3¶Content-Length: 5¶¶hello", "502", New),
    ("lines that a bare LF ends", "GET", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "200 hello", Any),
    ("a size that a bare LF ends", "GET", "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5\nhello¶0¶¶", "cut", New),
    ("an odd size", "GET", "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶+5¶hello¶0¶¶", "cut", New),
    (
        "a size too large for a number",
        "GET",
        "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶10000000000000005¶hello¶0¶¶",
        "cut",
        New,
    ),
    ("a chunk that is too short", "GET", "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶8¶hello¶0¶¶✂", "cut", New),
    ("no last chunk", "GET", "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶✂", "cut", New),
    (
        "trailers of framing",
        "GET",
        "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶Trailer: Content-Length, A¶¶5¶hello¶0¶Content-Length: 3¶A: b¶¶",
        "200 hello",
        Any,
    ),
    (
        "trailers of the connection",
        "GET",
        "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶Trailer: Connection, A¶¶5¶hello¶0¶Connection: close¶Upgrade: x¶Transfer-Encoding: y¶A: b¶¶",
        "200 hello",
        Any,
    ),
    ("bytes behind the body", "GET", "HTTP/1.1 200 OK¶Content-Length: 5¶¶helloGARBAGE", "200 hello", New),
    (
        "an answer behind the answer",
        "GET",
        "HTTP/1.1 200 OK¶Content-Length: 5¶¶helloHTTP/1.1 200 OK¶Content-Length: 4¶¶evil",
        "200 hello",
        New,
    ),
    (
        "an answer behind the last chunk",
        "GET",
        "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶HTTP/1.1 200 OK¶Content-Length: 4¶¶evil",
        "200 hello",
        New,
    ),
    (
        "an answer behind an empty one",
        "GET",
        "HTTP/1.1 200 OK¶Content-Length: 0¶¶HTTP/1.1 200 OK¶Content-Length: 4¶¶evil",
        "200",
        New,
    ),
    ("204 with a body", "GET", "HTTP/1.1 204 No Content¶Content-Length: 5¶¶hello", "204", New),
    ("204 with a length", "GET", "HTTP/1.1 204 No Content¶Content-Length: 5¶¶", "204", New),
    ("204 with a length of nothing", "GET", "HTTP/1.1 204 No Content¶Content-Length: 0¶¶", "204", Any),
    ("204 in chunks", "GET", "HTTP/1.1 204 No Content¶Transfer-Encoding: chunked¶¶0¶¶", "204", New),
    ("204 that announces chunks", "GET", "HTTP/1.1 204 No Content¶Transfer-Encoding: chunked¶¶", "204", New),
    (
        "204 with an answer for a body",
        "GET",
        "HTTP/1.1 204 No Content¶Content-Length: 42¶¶HTTP/1.1 200 OK¶Content-Length: 4¶¶evil",
        "204",
        New,
    ),
    ("r55 304 with a body", "GET", "HTTP/1.1 304 Not Modified¶Content-Length: 5¶¶hello", "304", New),
    ("205 with a body", "GET", "HTTP/1.1 205 Reset Content¶Content-Length: 5¶¶hello", "205 hello", Any),
    ("HEAD with a body", "HEAD", "HTTP/1.1 200 OK¶Content-Length: 5¶¶hello", "200", New),
    (
        "HEAD with an answer for a body",
        "HEAD",
        "HTTP/1.1 200 OK¶Content-Length: 42¶¶HTTP/1.1 200 OK¶Content-Length: 4¶¶evil",
        "200",
        New,
    ),
    (
        "100 and then the answer",
        "GET",
        "HTTP/1.1 100 Continue¶¶HTTP/1.1 200 OK¶Content-Length: 5¶¶hello",
        "200 hello",
        Any,
    ),
    (
        "103 with a body",
        "GET",
        "HTTP/1.1 103 Early Hints¶Content-Length: 5¶¶helloHTTP/1.1 200 OK¶Content-Length: 5¶¶hello",
        "502",
        New,
    ),
    (
        "103 in chunks",
        "GET",
        "HTTP/1.1 103 Early Hints¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶HTTP/1.1 200 OK¶Content-Length: 5¶¶hello",
        "502",
        New,
    ),
    (
        "101 that nobody asked for",
        "GET",
        "HTTP/1.1 101 Switching Protocols¶Upgrade: websocket¶Connection: Upgrade¶¶hello",
        "502",
        New,
    ),
    ("a status of two digits", "GET", "HTTP/1.1 20 OK¶Content-Length: 5¶¶hello", "502", New),
    ("a status of four digits", "GET", "HTTP/1.1 2000 OK¶Content-Length: 5¶¶hello", "502", New),
    ("a status below all", "GET", "HTTP/1.1 099 OK¶Content-Length: 5¶¶hello", "502", New),
    ("Connection: close", "GET", "HTTP/1.1 200 OK¶Connection: close¶Content-Length: 5¶¶hello", "200 hello", New),
    (
        "Connection that would take the length out",
        "GET",
        "HTTP/1.1 200 OK¶Connection: content-length¶Content-Length: 5¶¶hello",
        "200 hello",
        Any,
    ),
];

async fn gate_with_answers() -> (Gate, Vec<Upstream>) {
    let (mut upstreams, mut sites) = (Vec::new(), String::new());
    for (number, (_, _, sends, _, _)) in ROWS.iter().enumerate() {
        let upstream = Upstream::scripted(move |mut connection| async move {
            while let Some(request) = connection.request().await {
                if request.target() == "/second" {
                    connection.wire.send(ok(format!("on {}", connection.number))).await;
                    continue;
                }
                connection.wire.send(bytes(sends.trim_end_matches('✂'))).await;
                if sends.ends_with('✂') {
                    return;
                }
            }
        })
        .await;
        sites += &site(number, &upstream.to_string());
        upstreams.push(upstream);
    }
    (gate(sites).certificate(&certificate(ROWS.len())).run().await, upstreams)
}

#[tokio::test]
async fn an_answer_that_could_be_read_in_two_ways_leaves_nothing_to_the_next() {
    let ((gate, _upstreams), mut wrong) = (gate_with_answers().await, Wrong::default());
    for (number, (name, method, _, gets, next)) in ROWS.iter().enumerate() {
        let lines = |method, target| format!("{method} {target} HTTP/1.1\nHost: {}", host(number));
        let mut wire = gate.plain().await;
        wire.send_head(&lines(*method, "/first")).await;
        let got = match wire.head().await {
            Ok(Some(mut answer)) => {
                let whole = *method == "HEAD" || wire.body(&mut answer).await.is_ok();
                // Fails where there are two.
                let _ = (answer.field("content-length"), answer.field("transfer-encoding"));
                assert!(!(answer.has("content-length") && answer.has("transfer-encoding")), "{name}: {answer:?}");
                let body = if answer.status() == 502 { String::new() } else { answer.text() };
                if whole { format!("{} {body}", answer.status()).trim_end().to_owned() } else { "cut".to_owned() }
            }
            _ => "cut".to_owned(),
        };
        wrong.unless(got == *gets, || format!("{name}: the client gets {got}"));
        let second = gate.plain().await.ask(&lines("GET", "/second")).await;
        wrong.unless(second.text().starts_with("on "), || format!("{name}: the next one gets {second:?}"));
        wrong.unless(*next == Any || second.text() != "on 0", || format!("{name}: its connection goes on"));
    }
    wrong.none();
}

#[tokio::test]
async fn over_http_2_such_answers_are_the_same() {
    let ((gate, _upstreams), mut wrong) = (gate_with_answers().await, Wrong::default());
    for (number, (name, method, _, gets, _)) in ROWS.iter().enumerate() {
        let secured = Tls::new().offering(&["h2"]).connect(gate.https[0], &host(number)).await.expect("TLS");
        let mut h2 = crate::support::h2::H2::over(secured).await;
        let url = |target| format!("https://{}{target}", host(number));
        let first = h2.begin_and_end(&format!("{method} {}", url("/first"))).await.outcome().await;
        let got = match first {
            Ok(answer) => {
                assert!(answer.trailers.iter().all(|(name, _)| name == "a"), "{name}: {:?}", answer.trailers);
                let body = if answer.status() == 502 { String::new() } else { answer.text() };
                format!("{} {body}", answer.status()).trim_end().to_owned()
            }
            Err(_) => "cut".to_owned(),
        };
        wrong.unless(got == *gets, || format!("{name}: the client gets {got}"));
        let second = h2.ask(&format!("GET {}", url("/second"))).await;
        wrong.unless(second.text().starts_with("on "), || format!("{name}: the next one gets {second:?}"));
    }
    wrong.none();
}
