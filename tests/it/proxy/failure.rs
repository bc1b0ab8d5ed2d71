//! Upstreams that are gone, late or wrong, and what the client is told.

use super::{CHAT, Upstream, ok, proxying, sending};
use crate::support::gate::{Gate, gate};
use crate::support::raw::Message;

async fn get_accepting(gate: &Gate, accept: &str) -> Message {
    gate.tls(CHAT).await.ask(&format!("GET /x HTTP/1.1\nHost: chat.example\nAccept: {accept}")).await
}

#[tokio::test]
async fn an_upstream_that_is_gone_is_502_with_an_id_that_is_in_the_log_too() {
    let gone = Upstream::gone().await;
    let file =
        format!("[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\nproxy = \"http://{gone}\"\n");
    let mut gate = gate(file).run().await;

    let html = get_accepting(&gate, "text/html").await;
    assert_eq!(html.status(), 502);
    assert!(html.field("content-type").is_some_and(|t| t.starts_with("text/html")));
    assert!(!html.text().contains("127.0.0.1"), "a page names no address behind the edge");

    let json = get_accepting(&gate, "application/json").await;
    let body = json.json();
    assert_eq!(body["status_code"], 502);
    let id = body["request_id"].as_str().expect("an id").to_owned();
    let log = gate.process.says(&id).await;
    let line = log.lines().find(|line| line.contains(&id)).expect("its line");
    assert!(line.contains(&gone.to_string()), "the log names the upstream: {line}");

    let text = get_accepting(&gate, "*/*").await;
    assert!(text.field("content-type").is_some_and(|t| t.starts_with("text/plain")));
    assert!(text.text().contains("502"));
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_in_time_is_504() {
    let upstream = Upstream::scripted(|mut connection| async move {
        // Reads on and says nothing.
        while connection.request().await.is_some() {}
    })
    .await;
    let gate = proxying(&upstream, "read_timeout = \"300ms\"").run().await;
    assert_eq!(gate.get("/").await.status(), 504);
    assert_eq!(gate.h2(CHAT).await.ask("GET https://chat.example/").await.status(), 504);
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_is_cut_not_ended() {
    let upstream = Upstream::scripted(|mut connection| async move {
        connection.request().await;
        connection.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
        connection.request().await;
    })
    .await;
    let gate = proxying(&upstream, "read_timeout = \"300ms\"").run().await;
    let mut wire = gate.tls(CHAT).await;
    wire.send_head("GET / HTTP/1.1\nHost: chat.example").await;
    let mut answer = wire.expect_head().await;
    assert!(wire.body(&mut answer).await.is_err());
}

#[tokio::test]
async fn what_is_no_http_is_502() {
    for bytes in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 999999 Far Out\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nBad name: x\r\n\r\n",
        "",
    ] {
        let upstream = Upstream::scripted(move |mut connection| async move {
            connection.request().await;
            connection.wire.send(bytes).await;
        })
        .await;
        let gate = proxying(&upstream, "").run().await;
        assert_eq!(gate.get("/").await.status(), 502, "{bytes:?}");
        assert_eq!(gate.h2(CHAT).await.ask("GET https://chat.example/").await.status(), 502, "h2 {bytes:?}");
    }
}

#[tokio::test]
async fn a_status_and_reason_that_are_rare_pass_through() {
    for (line, status) in
        [("HTTP/1.1 299 Odd", 299), ("HTTP/1.1 418 I'm a teapot", 418), ("HTTP/1.1 599 X", 599), ("HTTP/1.1 200", 200)]
    {
        let upstream = sending(format!("{line}\r\nContent-Length: 1\r\n\r\nx")).await;
        let gate = proxying(&upstream, "").run().await;
        assert_eq!(gate.get("/").await.status(), status, "{line}");
    }
}

#[tokio::test]
async fn one_slow_upstream_holds_up_nobody_else() {
    let upstream = Upstream::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            if request.target() != "/slow" {
                connection.wire.send(ok("quick")).await;
            }
        }
    })
    .await;
    let gate = proxying(&upstream, "").run().await;
    let mut h2 = gate.h2(CHAT).await;
    let slow = h2.begin("GET https://chat.example/slow").await;
    let mut held = gate.tls(CHAT).await;
    held.send_head("GET /slow HTTP/1.1\nHost: chat.example").await;
    for _ in 0..5 {
        assert_eq!(h2.ask("GET https://chat.example/quick").await.text(), "quick");
        assert_eq!(gate.get("/quick").await.text(), "quick");
    }
    drop(slow);
}
