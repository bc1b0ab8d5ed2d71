//! Station 1: sockets.

use std::net::TcpListener;

use crate::support::client::{self, Tls};
use crate::support::gate::{CHAT, gate, proxying};
use crate::support::raw::ok;
use crate::support::upstream::Upstream;

const RESPOND: &str = r#"
    [[site]]
    hosts = ["chat.example"]
    redirect_http = false

    [[site.route]]
    path = "/"
    respond = "here"
"#;

#[tokio::test]
async fn every_address_answers() {
    let gate = gate(RESPOND).listening(2, 3).run().await;
    assert_eq!((gate.http.len(), gate.https.len()), (2, 3));
    for &address in &gate.http {
        let answer = client::tcp(address).await.ask("GET / HTTP/1.1\nHost: chat.example").await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "here"));
    }
    for &address in &gate.https {
        let mut wire = Tls::new().connect(address, CHAT).await.expect("a handshake").wire();
        assert_eq!(wire.ask("GET / HTTP/1.1\nHost: chat.example").await.text(), "here");
    }
}

#[tokio::test]
async fn an_ipv6_address_answers() {
    let gate = gate(RESPOND)
        .listening_as_told()
        .server("http = [\"[::1]:0\"]\nhttps = [\"[::1]:0\", \"127.0.0.1:0\"]")
        .run()
        .await;
    assert!(gate.http[0].is_ipv6() && gate.https.iter().any(std::net::SocketAddr::is_ipv6));
    assert_eq!(gate.plain().await.ask("GET / HTTP/1.1\nHost: chat.example").await.text(), "here");
    for &address in &gate.https {
        let mut wire = Tls::new().connect(address, CHAT).await.expect("a handshake").wire();
        assert_eq!(wire.ask("GET / HTTP/1.1\nHost: chat.example").await.text(), "here");
    }
}

#[tokio::test]
async fn either_kind_of_listener_can_be_turned_off() {
    let without_https = gate(RESPOND.replace("redirect_http = false", "")).listening(1, 0).run().await;
    let answer = without_https.plain().await.ask("GET / HTTP/1.1\nHost: chat.example").await;
    assert_eq!(answer.text(), "here", "without https nothing redirects to it");

    let without_http = gate(RESPOND).listening(0, 1).run().await;
    assert_eq!(without_http.get("/").await.text(), "here");
}

#[tokio::test]
async fn an_address_in_use_stops_the_start_and_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("a bound address");
    let outcome = gate(RESPOND)
        .listening_as_told()
        .server(&format!("http = [\"{address}\"]\nhttps = [\"127.0.0.1:0\"]"))
        .refused()
        .await;
    outcome.assert_refused();
    assert!(outcome.stderr.contains(&address.to_string()), "{}", outcome.stderr);
}

#[tokio::test]
async fn all_workers_serve_and_clients_that_go_away_end_none() {
    let upstream = Upstream::answering(|request| ok(request.target())).await;
    let gate = proxying(&upstream, "").server("workers = 3").run().await;
    let mut held = Vec::new();
    for n in 0..48 {
        // In the middle of a handshake, of a head, of an answer.
        drop(client::tcp(gate.https[0]).await);
        client::tcp(gate.https[0]).await.send([0x16, 0x03, 0x01]).await;
        gate.tls(CHAT).await.send("GET / HT").await;
        gate.tls(CHAT).await.send_head("GET /gone HTTP/1.1\nHost: chat.example").await;
        let mut wire = gate.tls(CHAT).await;
        assert_eq!(wire.ask(&format!("GET /{n} HTTP/1.1\nHost: chat.example")).await.text(), format!("/{n}"));
        held.push(wire);
    }
    for mut wire in held {
        assert_eq!(wire.ask("GET /again HTTP/1.1\nHost: chat.example").await.text(), "/again");
    }
}
