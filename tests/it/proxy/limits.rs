//! Bodies that are too large or stop coming.

use super::{CHAT, Upstream, head, message, ok, proxying};
use crate::support::gate::Gate;
use crate::support::raw::{Message, Wire};

const MIB: usize = 1024 * 1024;

async fn counting(keys: &str) -> (Gate, Upstream) {
    let upstream = Upstream::answering(|request| ok(request.body.len().to_string())).await;
    (proxying(&upstream, keys).run().await, upstream)
}

async fn chunked(wire: &mut Wire, size: usize) {
    wire.send_head("POST /chunked HTTP/1.1\nHost: chat.example\nTransfer-Encoding: chunked").await;
    let chunk = [format!("{:x}\r\n", 65536).into_bytes(), vec![b'x'; 65536], b"\r\n".to_vec()].concat();
    for _ in 0..size / 65536 {
        if !wire.send(&chunk).await {
            return;
        }
    }
    wire.send("0\r\n\r\n").await;
}

fn assert_refused(answer: &Message) {
    assert_eq!(answer.status(), 413, "{answer:?}");
    assert_eq!(answer.field("connection"), Some("close"));
    assert!(answer.field("content-type").is_some_and(|t| t.starts_with("text/plain")), "{answer:?}");
}

#[tokio::test]
async fn r78_a_counted_body_over_the_limit_is_413_before_it_is_read() {
    let (mut gate, upstream) = counting("max_body = \"1MiB\"").await;
    let mut wire = gate.tls(CHAT).await;
    wire.send_head(&format!("POST /over HTTP/1.1\nHost: chat.example\nContent-Length: {}", MIB + 1)).await;
    assert_refused(&wire.answer().await);
    gate.process.prints(" 413 ").await;
    // The log names the key.
    gate.process.says("max_body").await;
    assert_eq!(upstream.lines(), Vec::<String>::new());

    let mut h2 = gate.h2(CHAT).await;
    let lines = format!("POST https://chat.example/over\ncontent-length: {}", MIB + 1);
    assert_eq!(h2.begin(&lines).await.answer().await.status(), 413);
}

#[tokio::test]
async fn r78_exactly_the_limit_passes_counted_and_in_chunks() {
    let (gate, _upstream) = counting("max_body = \"1MiB\"").await;
    let mut wire = gate.tls(CHAT).await;
    wire.send(message("POST / HTTP/1.1\nHost: chat.example", vec![b'x'; MIB])).await;
    assert_eq!(wire.answer().await.text(), MIB.to_string());
    chunked(&mut wire, MIB).await;
    assert_eq!(wire.answer().await.text(), MIB.to_string());
    let mut h2 = gate.h2(CHAT).await;
    assert_eq!(h2.ask_with("POST https://chat.example/", vec![b'x'; MIB]).await.text(), MIB.to_string());
}

#[tokio::test]
async fn r78_a_body_in_chunks_is_counted_too() {
    let (gate, _upstream) = counting("max_body = \"1MiB\"").await;
    let mut wire = gate.tls(CHAT).await;
    chunked(&mut wire, 2 * MIB).await;
    assert_refused(&wire.answer().await);
    let mut h2 = gate.h2(CHAT).await;
    assert_eq!(h2.ask_with("POST https://chat.example/", vec![b'x'; 2 * MIB]).await.status(), 413);
    assert_eq!(h2.ask("GET https://chat.example/after").await.status(), 200, "other streams live");
}

#[tokio::test]
async fn r78_the_presets_limit_is_above_mattermosts_own() {
    let (gate, _upstream) = counting("preset = \"mattermost\"").await;
    for (size, status) in [(128 * MIB + 1, 413), (100 * MIB, 0)] {
        let mut wire = gate.tls(CHAT).await;
        wire.send_head(&format!("POST / HTTP/1.1\nHost: chat.example\nContent-Length: {size}")).await;
        if status == 413 {
            assert_eq!(wire.answer().await.status(), status);
        } else {
            // Taken: the body is asked for, not refused.
            assert!(wire.send(vec![0; MIB]).await);
            wire.send(vec![0; MIB]).await;
        }
    }
}

#[tokio::test]
async fn r80_a_client_that_sends_all_before_it_reads_still_gets_its_413() {
    let (gate, _upstream) = counting("").await;
    for body in [11 * MIB, 20 * MIB] {
        let mut wire = gate.tls(CHAT).await;
        wire.send_head(&format!("POST / HTTP/1.1\nHost: chat.example\nContent-Length: {body}")).await;
        for _ in 0..body / 65536 {
            if !wire.send([b'x'; 65536]).await {
                break;
            }
        }
        assert_refused(&wire.answer().await);
    }
}

#[tokio::test]
async fn r80_over_http_2_the_rest_of_a_refused_upload_is_taken_and_not_reset() {
    // curl 7.88 takes the reset, though it says NO_ERROR, for a failure of the 413 before it.
    let (gate, _upstream) = counting("max_body = \"1MiB\"").await;
    let mut h2 = gate.h2(CHAT).await;
    for length in [format!("\ncontent-length: {}", 20 * MIB), String::new()] {
        let mut open = h2.begin(&format!("POST https://chat.example/{length}")).await;
        open.send_all(2 * MIB - 1).await.expect("no reset before the answer");
        assert_eq!(open.head().await.status(), 413);
    }
    let mut refused = h2.begin(&format!("POST https://chat.example/\ncontent-length: {}", 8 * MIB)).await;
    assert_eq!(refused.head().await.status(), 413);
    refused.send_all(8 * MIB).await.expect("no reset after the answer");
}

#[tokio::test]
async fn r76_an_upstreams_early_413_reaches_a_client_that_is_still_sending() {
    let upstream = Upstream::scripted(|mut connection| async move {
        connection.head().await;
        let _ = connection.wire.exactly(65536).await;
        connection.wire.send(message("HTTP/1.1 413 Payload Too Large\nConnection: close", "upstream says no")).await;
    })
    .await;
    let gate = proxying(&upstream, "max_body = \"100MiB\"").run().await;
    let mut wire = gate.tls(CHAT).await;
    wire.send_head(&format!("POST / HTTP/1.1\nHost: chat.example\nContent-Length: {}", 20 * MIB)).await;
    for _ in 0..20 * MIB / 65536 {
        if !wire.send([b'x'; 65536]).await {
            break;
        }
    }
    let answer = wire.answer().await;
    assert_eq!((answer.status(), answer.text().as_str()), (413, "upstream says no"));

    let mut h2 = gate.h2(CHAT).await;
    let over_h2 = h2.ask_with("POST https://chat.example/", vec![b'x'; 20 * MIB]).await;
    assert_eq!((over_h2.status(), over_h2.text().as_str()), (413, "upstream says no"));
}

#[tokio::test]
async fn r77_a_slow_upload_that_moves_is_not_cut_and_one_that_stalls_is_408() {
    let (gate, _upstream) = counting("send_timeout = \"400ms\"").await;
    // Ten bytes with a pause below the limit before each: longer in all than the limit.
    let mut wire = gate.tls(CHAT).await;
    wire.send_head("POST / HTTP/1.1\nHost: chat.example\nContent-Length: 10").await;
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(80));
    for _ in 0..10 {
        pace.tick().await;
        wire.send("x").await;
    }
    assert_eq!(wire.answer().await.text(), "10");

    let mut stalled = gate.tls(CHAT).await;
    stalled.send_head("POST / HTTP/1.1\nHost: chat.example\nContent-Length: 10").await;
    stalled.send("half").await;
    assert_eq!(stalled.answer().await.status(), 408);
    stalled.closes().await;

    let mut h2 = gate.h2(CHAT).await;
    let mut half = h2.begin("POST https://chat.example/").await;
    half.up.send_data("half".into(), false).expect("an open stream");
    assert_eq!(half.answer().await.status(), 408);
}

#[tokio::test]
async fn r82_a_reader_that_stalls_is_let_go_and_its_upstream_with_it_whatever_the_protocol() {
    let (told, mut gone) = tokio::sync::mpsc::unbounded_channel();
    let upstream = Upstream::scripted(move |mut connection| {
        let told = told.clone();
        async move {
            while let Some(request) = connection.request().await {
                if request.target() != "/endless" {
                    connection.wire.send(ok("")).await;
                    continue;
                }
                connection.wire.send(head("HTTP/1.1 200 OK\nX-Until: close")).await;
                while connection.wire.send([0; 16384]).await {}
                told.send(()).expect("a test that waits");
                return;
            }
        }
    })
    .await;
    let gate = proxying(&upstream, "send_timeout = \"500ms\"").run().await;

    let mut wire = gate.tls(CHAT).await;
    wire.send_head("GET /endless HTTP/1.1\nHost: chat.example").await;
    crate::support::soon("HTTP/1 to be given up", gone.recv()).await;

    let mut h2 = gate.h2(CHAT).await;
    let mut endless = h2.begin("GET https://chat.example/endless").await;
    endless.up.send_data(Vec::new().into(), true).expect("the end of an empty body");
    let (_, _never_read) = endless.tunnel().await;
    crate::support::soon("HTTP/2 to be given up", gone.recv()).await;
    assert_eq!(h2.ask("GET https://chat.example/").await.status(), 200, "its connection goes on");
}
