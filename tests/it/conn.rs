//! Station 3: one connection, h1 or h2: malformed, oversized, pipelined, kept alive.

use crate::support::gate::{CHAT, Gate, proxying};
use crate::support::raw::{Message, head, message, ok};
use crate::support::upstream::Upstream;

async fn echo_gate() -> (Gate, Upstream) {
    let upstream = Upstream::answering(|request| ok(&request.line)).await;
    (proxying(&upstream, "").run().await, upstream)
}

/// Sends these bytes on a connection of their own and reads the one answer, after which the connection must end.
async fn last_answer(gate: &Gate, bytes: impl AsRef<[u8]>) -> Message {
    let mut wire = gate.tls(CHAT).await;
    wire.send(bytes).await;
    let answer = wire.answer().await;
    wire.closes().await;
    answer
}

#[tokio::test]
async fn a_malformed_request_is_400_and_the_end_of_its_connection() {
    let (gate, upstream) = echo_gate().await;
    for lines in [
        "GARBAGE",
        "GET /",
        "GET / HTTP/1.1",
        "GET / HTTP/1.1\nHost: chat.example\nHost: chat.example",
        "GET / HTTP/1.1\nHost: chat.example\nHost: evil.example",
        "GET / HTTP/1.1\nHost: chat.example, evil.example",
        "GET / HTTP/1.1\nHost: chat example",
        "GET / HTTP/1.1\nHost: user@chat.example",
        "GET / HTTP/1.1\nHost: chat.example:x",
        "GET / HTTP/1.1\nHost: chat.example/path",
        "GET / HTTP/1.1\nHost:",
        "GET / HTTP/1.1\nHost: chat.example\nNo colon here",
        "GET / HTTP/1.1\nHost: chat.example\nBlank : before the colon",
        "GET / HTTP/1.1\nHost: chat.example\nX-Folded: one\n two",
        "GET / HTTP/1.1\nHost: chat.example\nX-Nul: a\0b",
        "GET / HTTP/1.1\nHost: chat.example\nX-Return: a\rb",
        "G@T / HTTP/1.1\nHost: chat.example",
        "GET nowhere HTTP/1.1\nHost: chat.example",
        "GET /a b HTTP/1.1\nHost: chat.example",
        "GET / HTTP/1.9x\nHost: chat.example",
        "GET / FTP/1.1\nHost: chat.example",
    ] {
        let answer = last_answer(&gate, head(lines)).await;
        assert_eq!(answer.status(), 400, "{lines:?}");
    }
    assert_eq!(upstream.lines(), Vec::<String>::new());
    assert_eq!(gate.get("/after").await.text(), "GET /after HTTP/1.1");
}

#[tokio::test]
async fn r60_too_many_fields_or_too_large_a_head_is_431_and_logged() {
    let (mut gate, upstream) = echo_gate().await;
    let many: String = (0..101).map(|n| format!("\nX-{n}: x")).collect();
    let large = "c".repeat(70 * 1024);
    for lines in [
        format!("GET /many HTTP/1.1\nHost: chat.example{many}"),
        format!("GET /large HTTP/1.1\nHost: chat.example\nCookie: {large}"),
        format!("GET /{large} HTTP/1.1\nHost: chat.example"),
    ] {
        let mut wire = gate.tls(CHAT).await;
        wire.send_head(&lines).await;
        let answer = wire.answer().await;
        let expected: &[u16] = if lines.starts_with("GET /ccc") { &[414, 431] } else { &[431] };
        assert!(expected.contains(&answer.status()), "{answer:?}");
        assert_eq!(answer.field("connection"), Some("close"));
    }
    let line = gate.process.prints(" 431 ").await;
    assert!(line.starts_with("127.0.0.1 "), "names the client: {line}");
    assert_eq!(upstream.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn r60_over_http_2_the_other_streams_live() {
    let (gate, upstream) = echo_gate().await;
    let mut h2 = gate.h2(CHAT).await;
    let large = "c".repeat(70 * 1024);
    let outcome = h2.begin(&format!("GET https://chat.example/large\ncookie: {large}")).await.outcome().await;
    // hyper's h2 answers 431 itself; a reset of the stream would tell a client less.
    assert_eq!(outcome.expect("an answer").status(), 431);
    assert_eq!(h2.ask("GET https://chat.example/after").await.status(), 200);
    assert_eq!(upstream.lines(), ["GET /after HTTP/1.1"]);
}

#[tokio::test]
async fn r60_an_upstreams_head_that_is_too_large_is_502() {
    let cookies: String = (0..150).map(|n| format!("\nSet-Cookie: c{n}=1")).collect();
    let upstream = Upstream::answering(move |_| message(&format!("HTTP/1.1 200 OK{cookies}"), "x")).await;
    let gate = proxying(&upstream, "").run().await;
    assert_eq!(gate.get("/").await.status(), 502);
    assert_eq!(gate.h2(CHAT).await.ask("GET https://chat.example/").await.status(), 502);
}

#[tokio::test]
async fn r62_bytes_that_are_not_utf_8_in_connection_end_nothing() {
    let upstream = Upstream::answering(|request| match request.target() {
        "/bad" => {
            b"HTTP/1.1 200 OK\r\nConnection: \xff, close\r\nX-End: \xff\xfe\r\nContent-Length: 2\r\n\r\nhi".to_vec()
        }
        _ => ok("good"),
    })
    .await;
    let gate = proxying(&upstream, "").run().await;

    let mut h2 = gate.h2(CHAT).await;
    let held = h2.begin("POST https://chat.example/held").await;
    let bad = h2.ask("GET https://chat.example/bad").await;
    assert!(matches!(bad.status(), 200 | 502), "{bad:?}");
    assert!(!bad.has("connection"));
    let mut held = held;
    held.up.send_data("x".into(), true).expect("an open stream");
    assert_eq!(held.answer().await.text(), "good", "other streams live");

    // From the client's side too.
    let mut wire = gate.tls(CHAT).await;
    wire.send(b"GET /x HTTP/1.1\r\nHost: chat.example\r\nConnection: \xff\r\n\r\n").await;
    assert!(matches!(wire.answer().await.status(), 200 | 400));
    assert_eq!(gate.get("/after").await.text(), "good");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (gate, _upstream) = echo_gate().await;
    let mut wire = gate.tls(CHAT).await;
    let mut bytes = Vec::new();
    for n in 0..5 {
        bytes.extend(message(&format!("POST /{n} HTTP/1.1\nHost: chat.example"), "body"));
    }
    wire.send(bytes).await;
    for n in 0..5 {
        assert_eq!(wire.answer().await.text(), format!("POST /{n} HTTP/1.1"));
    }
}

#[tokio::test]
async fn a_connection_is_kept_or_closed_as_the_client_asks() {
    let (gate, _upstream) = echo_gate().await;
    let mut kept = gate.tls(CHAT).await;
    for _ in 0..3 {
        assert_eq!(kept.ask("GET / HTTP/1.1\nHost: chat.example").await.status(), 200);
    }
    assert_eq!(last_answer(&gate, head("GET / HTTP/1.1\nHost: chat.example\nConnection: close")).await.status(), 200);
    assert_eq!(last_answer(&gate, head("GET / HTTP/1.0\nHost: chat.example")).await.status(), 200);
}

#[tokio::test]
async fn an_unknown_method_passes_through() {
    let (gate, _upstream) = echo_gate().await;
    let mut wire = gate.tls(CHAT).await;
    for method in ["BREW", "PROPFIND", "X-Y_Z", "get"] {
        let answer = wire.ask(&format!("{method} /pot HTTP/1.1\nHost: chat.example")).await;
        assert_eq!(answer.text(), format!("{method} /pot HTTP/1.1"));
    }
    let over_h2 = gate.h2(CHAT).await.ask("BREW https://chat.example/pot").await;
    assert_eq!(over_h2.text(), "BREW /pot HTTP/1.1");
}

#[tokio::test]
async fn a_plain_connect_is_refused() {
    let (gate, upstream) = echo_gate().await;
    let mut wire = gate.tls(CHAT).await;
    wire.send_head("CONNECT chat.example:443 HTTP/1.1\nHost: chat.example:443").await;
    let answer = wire.answer().await;
    assert!(matches!(answer.status(), 400 | 405), "{answer:?}");
    let over_h2 = gate.h2(CHAT).await.ask("CONNECT chat.example:443").await;
    assert!(matches!(over_h2.status(), 400 | 405), "{over_h2:?}");
    assert_eq!(upstream.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn an_asterisk_target_is_answered_or_refused_and_ends_nothing() {
    let (gate, _upstream) = echo_gate().await;
    let answer = gate.tls(CHAT).await.ask("OPTIONS * HTTP/1.1\nHost: chat.example").await;
    assert!(matches!(answer.status(), 200 | 204 | 400 | 404), "{answer:?}");
    assert_eq!(gate.get("/after").await.status(), 200);
}

#[tokio::test]
async fn what_a_client_leaves_unread_or_unsent_leaks_into_no_other_connection() {
    let (gate, _upstream) = echo_gate().await;
    // A body that never comes whole, then another client on the same worker.
    let mut first = gate.tls(CHAT).await;
    first.send(b"POST /first HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 100\r\n\r\nsecret").await;
    drop(first);
    for n in 0..5 {
        assert_eq!(gate.get(&format!("/{n}")).await.text(), format!("GET /{n} HTTP/1.1"));
    }
}
