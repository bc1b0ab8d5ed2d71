//! Station 5, tunnels: WebSocket over HTTP/1.1 and over HTTP/2, and what must not become one.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

use crate::support::client::Tls;
use crate::support::gate::{CHAT, Gate, gate, proxying};
use crate::support::raw::{Message, Wire, head, message, ok};
use crate::support::soon;
use crate::support::upstream::{Connection, Upstream, switching};

/// The handshake of RFC 6455 section 1.3, as a browser sends it.
const UPGRADE: &str = "GET /api/v4/websocket?connection_id=&sequence_number=0 HTTP/1.1\nHost: chat.example\n\
    Origin: https://chat.example\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

const EXTENDED: &str = "CONNECT https://chat.example/api/v4/websocket?connection_id=\norigin: https://chat.example\n\
    sec-websocket-version: 13";

/// Accepts any upgrade and sends back every byte.
async fn byte_echo() -> Upstream {
    Upstream::scripted(|mut connection| async move {
        let Some(request) = connection.head().await else { return };
        connection.wire.send(switching(&request)).await;
        echo(connection).await;
    })
    .await
}

async fn echo(mut connection: Connection) {
    while let Ok(byte) = connection.wire.exactly(1).await {
        if !connection.wire.send(byte).await {
            return;
        }
    }
}

/// A tunnel through this gate.
async fn tunnel(gate: &Gate) -> Wire {
    let mut wire = gate.tls(CHAT).await;
    let answer = wire.ask(UPGRADE).await;
    assert_eq!(answer.status(), 101, "{answer:?}");
    wire
}

async fn assert_echoes(wire: &mut Wire, text: &str) {
    wire.send(text).await;
    assert_eq!(wire.exactly(text.len()).await.expect("an echo"), text.as_bytes());
}

#[tokio::test]
async fn r1_r4_r5_one_proxy_rule_carries_the_upgrade_with_host_origin_and_target_unchanged() {
    let upstream = byte_echo().await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = tunnel(&gate).await;
    assert_echoes(&mut wire, "ping").await;
    let seen = upstream.head(0).await;
    assert_eq!(seen.target(), "/api/v4/websocket?connection_id=&sequence_number=0");
    assert_eq!(seen.field("host"), Some(CHAT));
    assert_eq!(seen.field("origin"), Some("https://chat.example"));
    assert_eq!(seen.field("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_eq!(seen.field("sec-websocket-version"), Some("13"));
    assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
}

#[tokio::test]
async fn r1_the_port_in_host_goes_up() {
    let upstream = byte_echo().await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = gate.tls(CHAT).await;
    wire.send_head(&UPGRADE.replace("Host: chat.example", "Host: chat.example:8443")).await;
    assert_eq!(wire.expect_head().await.status(), 101);
    assert_eq!(upstream.head(0).await.field("host"), Some("chat.example:8443"));
}

#[tokio::test]
async fn r4_a_route_for_the_socket_alone_gets_the_whole_target() {
    let upstream = byte_echo().await;
    let file = format!(
        "[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/api/v4/websocket\"\nproxy = \"http://{upstream}\"\n"
    );
    let gate = gate(file).run().await;
    tunnel(&gate).await;
    assert_eq!(upstream.head(0).await.target(), "/api/v4/websocket?connection_id=&sequence_number=0");
}

#[tokio::test]
async fn r2_the_upgrade_fields_are_rebuilt_from_a_real_upgrade_and_from_nothing_else() {
    let upstream = Upstream::scripted(|mut connection| async move {
        while let Some(request) = connection.head().await {
            if request.has("upgrade") {
                connection.wire.send(switching(&request)).await;
                return echo(connection).await;
            }
            connection.wire.send(ok("no upgrade")).await;
        }
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    for said in ["keep-alive, Upgrade", "upgrade", "Upgrade,keep-alive", "keep-alive\nConnection: UPGRADE"] {
        let mut wire = gate.tls(CHAT).await;
        wire.send_head(&UPGRADE.replace("Connection: Upgrade", &format!("Connection: {said}"))).await;
        assert_eq!(wire.expect_head().await.status(), 101, "Connection: {said}");
        let seen = upstream.head(upstream.lines().len() - 1).await;
        assert!(seen.field("connection").is_some_and(|c| c.eq_ignore_ascii_case("upgrade")), "{seen:?}");
        assert!(seen.field("upgrade").is_some_and(|u| u.eq_ignore_ascii_case("websocket")), "{seen:?}");
    }
    for lines in [
        "GET / HTTP/1.1\nHost: chat.example".to_owned(),
        // Upgrade without Connection is none (RFC 9110 section 7.8), nor is Connection without Upgrade.
        UPGRADE.replace("Connection: Upgrade\n", ""),
        UPGRADE.replace("Upgrade: websocket\n", ""),
        UPGRADE.replace(" HTTP/1.1", " HTTP/1.0"),
    ] {
        let answer = gate.tls(CHAT).await.ask(&lines).await;
        assert_eq!(answer.text(), "no upgrade", "{lines}");
        let seen = upstream.head(upstream.lines().len() - 1).await;
        assert!(!seen.has("upgrade"), "{seen:?}");
        assert!(seen.field("connection").is_none_or(|c| !c.to_ascii_lowercase().contains("upgrade")), "{seen:?}");
    }
}

#[tokio::test]
async fn r71_hop_by_hop_fields_do_not_pass_on_the_upgrade_path_either() {
    let upstream = byte_echo().await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = gate.tls(CHAT).await;
    wire.send_head(&UPGRADE.replace(
        "Connection: Upgrade",
        "Connection: Upgrade, X-Secret\nX-Secret: 1\nProxy-Authorization: Basic eA==\nKeep-Alive: timeout=5\nTE: gzip",
    ))
    .await;
    assert_eq!(wire.expect_head().await.status(), 101);
    let seen = upstream.head(0).await;
    for name in ["x-secret", "proxy-authorization", "keep-alive", "te"] {
        assert!(!seen.has(name), "{name} in {seen:?}");
    }
}

#[tokio::test]
async fn r69_h2c_is_dropped_and_the_request_goes_on_without_it() {
    let upstream = Upstream::answering(|_| ok("plain")).await;
    let gate = proxying(&upstream, "").run().await;
    for lines in [
        "GET / HTTP/1.1\nHost: chat.example\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\n\
         Connection: Upgrade, HTTP2-Settings",
        "GET / HTTP/1.1\nHost: chat.example\nUpgrade: h2c, websocket2\nHTTP2-Settings: AAMAAABk\nConnection: Upgrade",
        "GET / HTTP/1.1\nHost: chat.example\nUpgrade: TLS/1.0\nConnection: Upgrade",
    ] {
        assert_eq!(gate.tls(CHAT).await.ask(lines).await.text(), "plain");
        let seen = upstream.request(upstream.lines().len() - 1).await;
        assert!(!seen.has("upgrade") && !seen.has("http2-settings"), "{seen:?}");
    }
}

#[tokio::test]
async fn r69_a_101_that_was_not_asked_for_is_502() {
    let upstream = Upstream::scripted(|mut connection| async move {
        while let Some(request) = connection.head().await {
            let protocol = if request.has("upgrade") { "h2c" } else { "websocket" };
            connection
                .wire
                .send(head(&format!("HTTP/1.1 101 Switching Protocols\nUpgrade: {protocol}\nConnection: Upgrade")))
                .await;
        }
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    assert_eq!(gate.get("/").await.status(), 502, "no upgrade was asked for");
    assert_eq!(gate.h2(CHAT).await.ask("GET https://chat.example/").await.status(), 502);
    assert_eq!(gate.tls(CHAT).await.ask(UPGRADE).await.status(), 502, "another protocol was asked for");
}

#[tokio::test]
async fn r84_bytes_that_come_with_the_101_are_not_lost_in_either_direction() {
    let upstream = Upstream::scripted(|mut connection| async move {
        let Some(request) = connection.head().await else { return };
        // One write: the head and the first frame.
        connection.wire.send([switching(&request), b"\x81\x05hello".to_vec()].concat()).await;
        echo(connection).await;
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = tunnel(&gate).await;
    assert_eq!(wire.exactly(7).await.expect("the first frame"), b"\x81\x05hello");
    assert_echoes(&mut wire, "more").await;

    // A client that does not wait for the 101.
    let mut eager = gate.tls(CHAT).await;
    eager.send([head(UPGRADE), b"early".to_vec()].concat()).await;
    assert_eq!(eager.expect_head().await.status(), 101);
    assert_eq!(eager.exactly(7).await.expect("the first frame"), b"\x81\x05hello");
    assert_eq!(eager.exactly(5).await.expect("the echo of what came early"), b"early");

    let mut h2 = gate.h2(CHAT).await;
    assert_eq!(h2.ask("GET https://elsewhere.example/").await.status(), 421);
    let (answer, mut stream) = h2.connect("websocket", EXTENDED).await.tunnel().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(stream.exactly(7).await, b"\x81\x05hello");
}

#[tokio::test]
async fn r86_an_upstream_that_answers_at_once_tears_no_tunnel_down() {
    let upstream = byte_echo().await;
    let gate = proxying(&upstream, "").run().await;
    for n in 0..200 {
        let mut wire = tunnel(&gate).await;
        assert_echoes(&mut wire, &format!("tunnel {n}")).await;
    }
}

#[tokio::test]
async fn r8_r88_a_tunnel_is_exempt_from_the_time_limits_of_requests() {
    let upstream = Upstream::scripted(|mut connection| async move {
        let Some(mut request) = connection.head().await else { return };
        if request.has("upgrade") {
            connection.wire.send(switching(&request)).await;
            return echo(connection).await;
        }
        let _ = connection.wire.body(&mut request).await;
    })
    .await;
    let keys = "read_timeout = \"200ms\"\nsend_timeout = \"200ms\"\nupgrade_idle_timeout = \"60s\"";
    let gate = proxying(&upstream, keys).run().await;
    let mut tunnels = [tunnel(&gate).await, tunnel(&gate).await];
    // Silence, while a request that is subject to the limits runs into them three times over.
    for _ in 0..3 {
        let mut stalled = gate.tls(CHAT).await;
        stalled.send_head("POST / HTTP/1.1\nHost: chat.example\nContent-Length: 10").await;
        assert!(matches!(stalled.answer().await.status(), 408 | 504));
    }
    for wire in &mut tunnels {
        assert_echoes(wire, "still here").await;
    }
}

#[tokio::test]
async fn a_tunnel_with_no_byte_either_way_ends_in_its_time() {
    let upstream = byte_echo().await;
    let gate = proxying(&upstream, "upgrade_idle_timeout = \"300ms\"").run().await;
    tunnel(&gate).await.closes().await;
    let mut h2 = gate.h2(CHAT).await;
    h2.ask("GET https://elsewhere.example/").await;
    let (_, mut stream) = h2.connect("websocket", EXTENDED).await.tunnel().await;
    stream.ends().await;
}

#[tokio::test]
async fn r89_the_wait_for_101_has_the_limit_of_an_answer() {
    let upstream = Upstream::scripted(|mut connection| async move {
        connection.head().await;
        connection.head().await;
    })
    .await;
    let gate = proxying(&upstream, "read_timeout = \"300ms\"").run().await;
    assert_eq!(gate.tls(CHAT).await.ask(UPGRADE).await.status(), 504);
    let mut h2 = gate.h2(CHAT).await;
    h2.ask("GET https://elsewhere.example/").await;
    assert_eq!(h2.connect("websocket", EXTENDED).await.answer().await.status(), 504);
}

#[tokio::test]
async fn an_upstream_that_is_gone_is_502_for_an_upgrade_too() {
    let gone = Upstream::gone().await;
    let gate = gate(format!(
        "[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\nproxy = \"http://{gone}\"\n"
    ))
    .run()
    .await;
    assert_eq!(gate.tls(CHAT).await.ask(UPGRADE).await.status(), 502);
}

#[tokio::test]
async fn another_answer_than_101_is_passed_through_whole_and_the_connection_goes_on() {
    let upstream = Upstream::answering(|request| match request.has("upgrade") {
        true => message("HTTP/1.1 403 Forbidden\nX-Why: origin", "websocket: request origin not allowed"),
        false => ok("ordinary"),
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = gate.tls(CHAT).await;
    let answer = wire.ask(UPGRADE).await;
    assert_eq!((answer.status(), answer.field("x-why")), (403, Some("origin")));
    assert_eq!(answer.text(), "websocket: request origin not allowed");
    assert_eq!(wire.ask("GET / HTTP/1.1\nHost: chat.example").await.text(), "ordinary");

    let mut h2 = gate.h2(CHAT).await;
    h2.ask("GET https://chat.example/").await;
    let over_h2 = h2.connect("websocket", EXTENDED).await.answer().await;
    assert_eq!((over_h2.status(), over_h2.text().as_str()), (403, "websocket: request origin not allowed"));
}

#[tokio::test]
async fn either_sides_end_reaches_the_other_after_the_last_byte() {
    let upstream = Upstream::scripted(|mut connection| async move {
        let Some(request) = connection.head().await else { return };
        connection.wire.send(switching(&request)).await;
        match request.target() {
            // Ends first, with a last word.
            "/ends" => {
                connection.wire.send("last word").await;
            }
            // Reads to the client's end, then says how much came.
            _ => {
                let all = connection.wire.rest().await;
                connection.wire.send(all.len().to_string()).await;
            }
        }
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    let at = |path: &str| UPGRADE.replace("/api/v4/websocket?connection_id=&sequence_number=0", path);

    let mut wire = gate.tls(CHAT).await;
    assert_eq!(wire.ask(&at("/ends")).await.status(), 101);
    assert_eq!(wire.rest().await, b"last word");

    let mut wire = gate.tls(CHAT).await;
    assert_eq!(wire.ask(&at("/counts")).await.status(), 101);
    wire.send(vec![b'x'; 100_000]).await;
    wire.finish().await;
    assert_eq!(wire.rest().await, b"100000", "half-close: the answer still comes");

    let mut h2 = gate.h2(CHAT).await;
    h2.ask("GET https://elsewhere.example/").await;
    let (_, mut stream) =
        h2.connect("websocket", "CONNECT https://chat.example/counts\nsec-websocket-version: 13").await.tunnel().await;
    stream.send(vec![b'x'; 10_000]);
    stream.finish();
    assert_eq!(stream.exactly(5).await, b"10000");
    stream.ends().await;
}

#[tokio::test]
async fn what_the_client_still_sends_after_the_upstream_ended_its_side_all_arrives() {
    const ALL: usize = 24 * 1024 * 1024;
    let (counted, mut count) = tokio::sync::mpsc::unbounded_channel();
    let upstream = Upstream::scripted(move |mut connection| {
        let counted = counted.clone();
        async move {
            let Some(request) = connection.head().await else { return };
            connection.wire.send(switching(&request)).await;
            // More is on its way than all buffers hold when this side ends.
            let begin = connection.wire.exactly(1024 * 1024).await.expect("the beginning").len();
            connection.wire.finish().await;
            counted.send(begin + connection.wire.rest().await.len()).expect("a test that waits");
        }
    })
    .await;
    let gate = proxying(&upstream, "").replacing("hosts", "redirect_http = false\nhosts").run().await;
    for mut wire in [gate.plain().await, gate.tls(CHAT).await] {
        assert_eq!(wire.ask(UPGRADE).await.status(), 101);
        assert!(wire.send(vec![b'x'; ALL]).await);
        wire.finish().await;
        assert_eq!(soon("the upstream to read all", count.recv()).await, Some(ALL));
    }
}

#[tokio::test]
async fn a_client_that_vanishes_frees_the_upstream() {
    let ended = std::sync::Arc::new(tokio::sync::Notify::new());
    let told = std::sync::Arc::clone(&ended);
    let upstream = Upstream::scripted(move |mut connection| {
        let told = std::sync::Arc::clone(&told);
        async move {
            let Some(request) = connection.head().await else { return };
            connection.wire.send(switching(&request)).await;
            connection.wire.rest().await;
            told.notify_one();
        }
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    drop(tunnel(&gate).await);
    soon("the upstream's side to end", ended.notified()).await;
}

#[tokio::test]
async fn messages_of_every_kind_and_size_come_back_through_a_real_websocket() {
    let upstream = Upstream::websocket_echo().await;
    let gate = proxying(&upstream, "preset = \"mattermost\"").run().await;
    let stream = Tls::new().connect(gate.https[0], CHAT).await.expect("a handshake").into_stream();
    let (mut socket, response) =
        soon("an upgrade", tokio_tungstenite::client_async("wss://chat.example/api/v4/websocket", stream))
            .await
            .expect("a WebSocket");
    assert_eq!(response.status(), 101);
    for frame in [
        Frame::text("{\"action\":\"ping\",\"seq\":1}"),
        Frame::text("ünïcødé"),
        Frame::text(""),
        Frame::binary(vec![7; 1 << 20]),
        Frame::binary(vec![0; 126]),
    ] {
        socket.send(frame.clone()).await.expect("room to send");
        let back = soon("an echo", socket.next()).await.expect("a frame").expect("a good one");
        assert!(back == frame, "{} bytes came back", back.len());
    }
    let close = CloseFrame { code: CloseCode::Library(4000), reason: "no answer".into() };
    socket.close(Some(close.clone())).await.expect("room to send");
    let back = soon("the close", socket.next()).await.expect("a frame").expect("a good one");
    assert_eq!(back, Frame::Close(Some(close)));
}

#[tokio::test]
async fn r92_extended_connect_becomes_an_upgrade_with_a_key_of_its_own() {
    let upstream = byte_echo().await;
    let gate = proxying(&upstream, "").run().await;
    let mut h2 = gate.h2(CHAT).await;
    h2.ask("GET https://elsewhere.example/").await;
    assert!(h2.takes_extended_connect(), "SETTINGS_ENABLE_CONNECT_PROTOCOL is sent");

    let (answer, mut stream) = h2.connect("websocket", EXTENDED).await.tunnel().await;
    assert_eq!(answer.status(), 200);
    for name in ["upgrade", "connection", "sec-websocket-accept"] {
        assert!(!answer.has(name), "{name} in {answer:?}");
    }
    stream.send("over one stream");
    assert_eq!(stream.exactly(15).await, b"over one stream");

    let seen = upstream.head(0).await;
    assert_eq!(seen.line, "GET /api/v4/websocket?connection_id= HTTP/1.1");
    assert_eq!(seen.field("host"), Some(CHAT));
    assert_eq!(seen.field("origin"), Some("https://chat.example"));
    assert!(seen.field("upgrade").is_some_and(|u| u.eq_ignore_ascii_case("websocket")));
    assert!(seen.field("connection").is_some_and(|c| c.eq_ignore_ascii_case("upgrade")));
    assert_eq!(seen.field("sec-websocket-version"), Some("13"));
    let key = seen.field("sec-websocket-key").expect("a key");
    assert_eq!(key.len(), 24, "16 bytes in base64: {key}");
    assert!(!seen.has("content-length") && !seen.has("transfer-encoding"), "{seen:?}");

    let (_, mut second) = h2.connect("websocket", EXTENDED).await.tunnel().await;
    second.send("beside it");
    assert_eq!(second.exactly(9).await, b"beside it");
    assert_ne!(upstream.head(1).await.field("sec-websocket-key"), Some(key), "each has its own");
}

#[tokio::test]
async fn r92_an_accept_that_does_not_fit_the_key_is_502() {
    let upstream = Upstream::scripted(|mut connection| async move {
        connection.head().await;
        let answer = "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        connection.wire.send(head(answer)).await;
        connection.wire.rest().await;
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    let mut h2 = gate.h2(CHAT).await;
    h2.ask("GET https://elsewhere.example/").await;
    assert_eq!(h2.connect("websocket", EXTENDED).await.answer().await.status(), 502);
}

#[tokio::test]
async fn r92_extended_connect_to_what_proxies_nothing_or_for_another_protocol_is_refused() {
    let upstream = byte_echo().await;
    let file = format!(
        "[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\nproxy = \"http://{upstream}\"\n\
         [[site.route]]\npath = \"/fixed\"\nrespond = \"x\"\n"
    );
    let gate = gate(file).run().await;
    let mut h2 = gate.h2(CHAT).await;
    h2.ask("GET https://elsewhere.example/").await;
    let fixed =
        h2.connect("websocket", "CONNECT https://chat.example/fixed\nsec-websocket-version: 13").await.answer().await;
    assert!(matches!(fixed.status(), 400..=499 | 501), "{fixed:?}");
    let other = h2.connect("connect-udp", "CONNECT https://chat.example/").await.answer().await;
    assert!(matches!(other.status(), 400..=499 | 501), "{other:?}");
    let elsewhere =
        h2.connect("websocket", "CONNECT https://evil.example/\nsec-websocket-version: 13").await.answer().await;
    assert_eq!(elsewhere.status(), 421);
    assert_eq!(upstream.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn r91_a_stop_lets_tunnels_go_on_for_the_drain_and_then_ends_them() {
    let upstream = byte_echo().await;
    let mut gate = proxying(&upstream, "").server("drain = \"1s\"").run().await;
    let mut tunnels = [tunnel(&gate).await, tunnel(&gate).await, tunnel(&gate).await];
    // A connection kept alive, on which an upgrade is asked for while stopping.
    let mut kept = gate.tls(CHAT).await;
    assert_eq!(kept.ask("GET /first HTTP/1.1\nHost: evil.example").await.status(), 421);
    gate.process.terminate();
    gate.process.says("draining").await;
    for wire in &mut tunnels {
        assert_echoes(wire, "going on").await;
    }
    kept.send_head(UPGRADE).await;
    if let Ok(Some(answer)) = kept.head().await {
        assert_eq!(answer.status(), 503, "{answer:?}");
        assert!(answer.has("retry-after"));
    }
    for wire in &mut tunnels {
        wire.rest().await;
    }
    let outcome = gate.process.outcome().await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

#[tokio::test]
async fn an_upgrade_with_a_body_is_no_tunnel_for_it() {
    let upstream =
        Upstream::answering(|request: &Message| ok(format!("{} {}", request.has("upgrade"), request.text()))).await;
    let gate = proxying(&upstream, "").run().await;
    let mut wire = gate.tls(CHAT).await;
    wire.send(message(&UPGRADE.replace("GET ", "POST "), "body")).await;
    let answer = wire.answer().await;
    assert!(answer.status() == 400 || answer.text().ends_with(" body"), "{answer:?}");
}
