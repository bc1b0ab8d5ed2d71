//! How long: a handshake, a head, silence between requests, an answer that nobody takes.

use super::*;
use crate::support::frames::{CONTINUATION, Frames, HEADERS, NO_ERROR, frame, get};

#[tokio::test]
async fn a_handshake_has_its_time() {
    let gate = limited("handshake_timeout = \"300ms\"", None).run().await;
    tcp(gate.https[0]).await.closes().await;
    let mut half = tcp(gate.https[0]).await;
    half.send([0x16, 0x03, 0x01]).await;
    half.closes().await;
    until_refused(&gate, "handshake_timeout", 2).await;
    assert_eq!(gate.get("/").await.text(), "here");
}

#[tokio::test]
async fn a_head_has_its_time_however_its_bytes_trickle() {
    let mut gate = limited("head_timeout = \"600ms\"\nidle_timeout = \"30s\"", None).run().await;
    for tls in [false, true] {
        let mut wire = if tls { gate.tls(CHAT).await } else { gate.plain().await };
        assert_eq!(wire.ask(GET).await.text(), "here");
        // A byte at a time, each well within any time between two bytes.
        for byte in "GET / HTTP/1.1\r\nHost: chat.example\r\nX-Slow: ".bytes().chain(std::iter::repeat_n(b'x', 300)) {
            wire.send([byte]).await;
            tokio::time::sleep(std::time::Duration::from_millis(15)).await;
        }
        let answer = wire.answer().await;
        assert_eq!((answer.status(), answer.field("connection")), (408, Some("close")), "{answer:?}");
    }
    gate.process.prints(" 408 ").await;
    until_refused(&gate, "head_timeout", 2).await;
    // Whoever asks for nothing at all is let go without a word.
    gate.plain().await.closes().await;
    gate.tls(CHAT).await.closes().await;
}

#[tokio::test]
async fn an_idle_connection_has_its_time() {
    let gate = limited("idle_timeout = \"400ms\"\nhttp2_idle_timeout = \"400ms\"", None).run().await;
    let mut wire = gate.tls(CHAT).await;
    for _ in 0..5 {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        assert_eq!(wire.ask(GET).await.text(), "here", "each request begins it anew");
    }
    wire.closes().await;
    let mut frames = Frames::over(&gate, &[]).await;
    frames.send(frame(HEADERS, 0x5, 1, &get("/"))).await;
    frames.until(HEADERS, 1).await;
    assert_eq!(frames.end().await, Some(NO_ERROR), "GOAWAY in order");
}

#[tokio::test]
async fn an_idle_time_does_not_run_while_an_answer_is_waited_for() {
    let upstream = holding().await;
    let gate = limited("idle_timeout = \"200ms\"\nhttp2_idle_timeout = \"200ms\"", Some(&upstream)).run().await;
    let mut tunnel = gate.tls(CHAT).await;
    assert_eq!(tunnel.ask(UPGRADE).await.status(), 101);
    let mut held = gate.tls(CHAT).await;
    held.send_head(HELD).await;
    let mut h2 = gate.h2(CHAT).await;
    let _open = h2.begin("POST https://chat.example/up/held").await;
    upstream.head(3 - 1).await;
    tokio::time::sleep(std::time::Duration::from_millis(800)).await;
    assert_eq!(sample(&gate, "gatepost_connections").await, 3);
    tunnel.send(b"x").await;
    assert_eq!(tunnel.exactly(1).await.expect("an echo"), b"x");
    assert_eq!(h2.ask("GET https://chat.example/").await.text(), "here");
}

#[tokio::test]
async fn http_2_has_the_same_times() {
    let gate = limited("head_timeout = \"500ms\"", None).run().await;
    // No preface.
    assert_eq!(Frames::silent(&gate).await.next().await.map(|frame| frame.kind), Some(4), "our settings");
    let mut silent = Frames::silent(&gate).await;
    assert_eq!(silent.end().await, None);
    // A head whose end never comes, while another stream of the connection lives.
    let mut frames = Frames::over(&gate, &[]).await;
    frames.send(frame(HEADERS, 0x1, 1, &get("/")[..4])).await;
    frames.send(frame(CONTINUATION, 0, 1, &[])).await;
    assert_eq!(frames.end().await, None);
    // A frame that is announced and comes byte by byte.
    let mut frames = Frames::over(&gate, &[]).await;
    frames.send(&frame(HEADERS, 0x5, 1, &get("/"))[..12]).await;
    frames.end().await;
    until_refused(&gate, "head_timeout", 2).await;
    assert_eq!(gate.h2(CHAT).await.ask("GET https://chat.example/").await.text(), "here");
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    let gate = gate(format!(
        "[limits]\nsend_timeout = \"400ms\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[[site]]\nhosts = [\"{CHAT}\"]\n\
         redirect_http = false\n[[site.route]]\npath = \"/\"\nroot = \"www\"\n"
    ))
    .with("www/large", vec![b'x'; 16 << 20])
    .run()
    .await;
    let lines = "GET /large HTTP/1.1\nHost: chat.example";
    let (mut plain, mut tls, mut h2) = (gate.plain().await, gate.tls(CHAT).await, Frames::over(&gate, &[]).await);
    plain.send_head(lines).await;
    tls.send_head(lines).await;
    h2.send(frame(HEADERS, 0x5, 1, &get("/large"))).await;
    until_sample(&gate, "gatepost_connections", 1).await;
    // HTTP/2's connection lives: its stream alone stood still.
    h2.until(3, 1).await;
}
