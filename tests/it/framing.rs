//! Heads whose length can be read in two ways: refused, and never sent on.

use crate::support::gate::{CHAT, Gate, proxying};
use crate::support::raw::{head, ok};
use crate::support::upstream::Upstream;

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: chat.example\r\n\r\n";

async fn gate_and_upstream() -> (Gate, Upstream) {
    let upstream = Upstream::answering(|request| ok(&request.body)).await;
    (proxying(&upstream, "").run().await, upstream)
}

/// Sends this head and a body that hides a request, and gives the status that comes first, if one does.
async fn send(gate: &Gate, fields: &str, body: &str) -> Option<u16> {
    let mut wire = gate.tls(CHAT).await;
    let mut bytes = head(&format!("POST /framed HTTP/1.1\nHost: chat.example{fields}"));
    bytes.extend_from_slice(body.as_bytes());
    wire.send(bytes).await;
    wire.head().await.ok()?.map(|answer| answer.status())
}

async fn assert_refused(gate: &Gate, upstream: &Upstream, fields: &str) {
    for body in [format!("0\r\n\r\n{SMUGGLED}"), format!("hello{SMUGGLED}"), String::new()] {
        assert_eq!(send(gate, fields, &body).await, Some(400), "{fields:?} {body:?}");
    }
    assert_eq!(upstream.lines(), Vec::<String>::new(), "{fields:?} must not go up");
}

#[tokio::test]
async fn r64_a_transfer_encoding_that_is_not_exactly_chunked_is_refused() {
    let (gate, upstream) = gate_and_upstream().await;
    for fields in [
        "\nTransfer-Encoding: xchunked",
        "\nTransfer-Encoding: chunkedx",
        "\nTransfer-Encoding: identity",
        "\nTransfer-Encoding: gzip",
        "\nTransfer-Encoding: chunked, identity",
        "\nTransfer-Encoding: chunked, chunked",
        "\nTransfer-Encoding: gzip, chunked",
        "\nTransfer-Encoding:",
        "\nTransfer-Encoding: \"chunked\"",
        "\nTransfer-Encoding: chunked;q=1",
        "\nTransfer-Encoding: chunked\nTransfer-Encoding: identity",
        "\nTransfer-Encoding: identity\nTransfer-Encoding: chunked",
        "\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked",
        "\nTransfer-Encoding: \u{b}chunked",
        "\nTransfer-Encoding : chunked",
        "\nTransfer_Encoding: chunked\nTransfer-Encoding: x",
    ] {
        assert_refused(&gate, &upstream, fields).await;
        assert_refused(&gate, &upstream, &format!("{fields}\nContent-Length: 5")).await;
    }
}

#[tokio::test]
async fn r64_a_length_beside_chunked_is_refused_or_dropped_and_ends_the_connection() {
    let (gate, upstream) = gate_and_upstream().await;
    for fields in [
        "\nTransfer-Encoding: chunked\t\nContent-Length: 60",
        "\nTransfer-Encoding: chunked\nContent-Length: 60",
        "\nContent-Length: 60\nTransfer-Encoding: chunked",
        "\nContent-Length: 5\nX-Between: x\nTransfer-Encoding:\tchunked ",
        "\nTRANSFER-ENCODING: CHUNKED\nCONTENT-LENGTH: 5",
    ] {
        let so_far = upstream.lines().len();
        let mut wire = gate.tls(CHAT).await;
        wire.send(head(&format!("POST /framed HTTP/1.1\nHost: chat.example{fields}"))).await;
        wire.send(format!("5\r\nhello\r\n0\r\n\r\n{SMUGGLED}")).await;
        let answer = wire.answer().await;
        // RFC 9112 section 6.3: whichever it is, nothing that follows on this connection may be believed.
        wire.closes().await;
        match answer.status() {
            400 => assert_eq!(upstream.lines().len(), so_far, "{fields:?}"),
            200 => {
                let seen = upstream.request(so_far).await;
                assert_eq!((seen.text().as_str(), seen.has("content-length")), ("hello", false), "{seen:?}");
            }
            other => panic!("{fields:?}: {other}"),
        }
        assert!(!upstream.lines().iter().any(|line| line.contains("smuggled")), "{fields:?}");
    }
}

#[tokio::test]
async fn r64_blanks_around_chunked_and_its_case_make_no_difference() {
    let (gate, upstream) = gate_and_upstream().await;
    for fields in ["\nTransfer-Encoding: chunked\t", "\nTransfer-Encoding:\t chunked ", "\ntransfer-encoding: Chunked"]
    {
        assert_eq!(send(&gate, fields, "5\r\nhello\r\n0\r\n\r\n").await, Some(200), "{fields:?}");
        let seen = upstream.request(upstream.lines().len() - 1).await;
        assert_eq!(seen.text(), "hello");
        assert_eq!(usize::from(seen.has("transfer-encoding")) + usize::from(seen.has("content-length")), 1, "{seen:?}");
    }
}

#[tokio::test]
async fn r64_a_client_of_http_1_0_may_not_send_chunks() {
    let (gate, upstream) = gate_and_upstream().await;
    let mut wire = gate.tls(CHAT).await;
    wire.send_head("POST / HTTP/1.0\nHost: chat.example\nTransfer-Encoding: chunked").await;
    wire.send(format!("0\r\n\r\n{SMUGGLED}")).await;
    let answer = wire.answer().await;
    assert_eq!(answer.status(), 400);
    wire.rest().await;
    assert!(!upstream.lines().iter().any(|line| line.contains("smuggled")));
}

#[tokio::test]
async fn r66_a_length_that_is_no_single_number_is_refused() {
    let (gate, upstream) = gate_and_upstream().await;
    for fields in [
        "\nContent-Length: 5\nContent-Length: 6",
        "\nContent-Length: 6\nContent-Length: 5",
        "\nContent-Length: 5, 6",
        "\nContent-Length: +5",
        "\nContent-Length: -5",
        "\nContent-Length: 0x5",
        "\nContent-Length: 5 5",
        "\nContent-Length: 5.0",
        "\nContent-Length: 5e0",
        "\nContent-Length: ",
        "\nContent-Length: five",
        "\nContent-Length: 99999999999999999999999",
        "\nContent-Length: 5;",
        "\nContent-Length: 5,",
        "\nContent-Length: ,5",
    ] {
        assert_refused(&gate, &upstream, fields).await;
    }
}

#[tokio::test]
async fn r66_equal_lengths_are_one_or_refused() {
    let (gate, upstream) = gate_and_upstream().await;
    for fields in ["\nContent-Length: 5\nContent-Length: 5", "\nContent-Length: 5, 5"] {
        match send(&gate, fields, "hello").await {
            Some(400) => {}
            Some(200) => {
                let seen = upstream.request(upstream.lines().len() - 1).await;
                assert_eq!((seen.field("content-length"), seen.text().as_str()), (Some("5"), "hello"));
            }
            other => panic!("{fields:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn broken_chunks_end_the_request_at_the_upstream_too() {
    let (gate, upstream) = gate_and_upstream().await;
    for body in [
        "zz\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "-5\r\nhello",
        "fffffffffffffffff\r\nx",
        "5\nhello\n0\n\n",
    ] {
        let mut wire = gate.tls(CHAT).await;
        wire.send_head("POST /broken HTTP/1.1\nHost: chat.example\nTransfer-Encoding: chunked").await;
        wire.send(body).await;
        wire.send(SMUGGLED).await;
        if let Ok(Some(answer)) = wire.head().await {
            assert_eq!(answer.status(), 400, "{body:?}");
        }
    }
    assert_eq!(gate.get("/after").await.status(), 200);
    assert!(!upstream.lines().iter().any(|line| line.contains("smuggled")), "{:?}", upstream.lines());
}

#[tokio::test]
async fn over_http_2_a_length_that_the_body_does_not_have_is_refused() {
    let (gate, upstream) = gate_and_upstream().await;
    let mut h2 = gate.h2(CHAT).await;
    for length in ["3", "7", "x", "+5"] {
        let mut open = h2.begin(&format!("POST https://chat.example/\ncontent-length: {length}")).await;
        let _ = open.up.send_data("hello".into(), true);
        if let Ok(answer) = open.outcome().await {
            assert_eq!(answer.status(), 400, "content-length: {length}");
        }
    }
    assert_eq!(h2.ask_with("POST https://chat.example/ok\ncontent-length: 5", "hello").await.text(), "hello");
    assert_eq!(upstream.request(0).await.target(), "/ok", "no other came whole");
}

#[tokio::test]
async fn r64_an_answers_length_beside_chunked_is_dropped_towards_every_client() {
    let upstream = Upstream::answering(|request| {
        let fields = match request.target() {
            "/first" => "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "/last" => "Transfer-Encoding: Chunked \r\nContent-Length: 30",
            _ => return b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n".to_vec(),
        };
        format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n5\r\nhello\r\n0\r\n\r\n").into_bytes()
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    for target in ["/first", "/last"] {
        assert_eq!(gate.get(target).await.text(), "hello", "{target}");
        let mut h2 = gate.h2(CHAT).await;
        let over_h2 = h2.ask(&format!("GET https://chat.example{target}")).await;
        assert_eq!((over_h2.text().as_str(), over_h2.has("content-length")), ("hello", false), "{target}");
        assert!(!h2.ask("GET https://chat.example/no-content").await.has("content-length"));
    }
}

#[tokio::test]
async fn r64_an_answer_in_a_coding_that_nobody_undoes_is_502() {
    let upstream = Upstream::scripted(|mut connection| async move {
        let Some(request) = connection.request().await else { return };
        let coding = request.target().trim_start_matches('/').replace('+', ", ");
        connection.wire.send(head(&format!("HTTP/1.1 200 OK\nTransfer-Encoding: {coding}"))).await;
        connection.wire.send("3\r\nabc\r\n0\r\n\r\n").await;
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    for coding in ["gzip", "gzip+chunked", "xchunked", "chunked+chunked"] {
        assert_eq!(gate.get(&format!("/{coding}")).await.status(), 502, "{coding}");
    }
}
