//! The admin listener: what an operator may know, and who may not.

use std::net::SocketAddr;

use crate::support::client::tcp;
use crate::support::gate::{Gate, gate};

const FILE: &str = "[admin]\nlisten = \"127.0.0.1:0\"\n\n[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\n\
    path = \"/\"\nrespond = \"here\"\n";

/// Where the log says that the status page is.
fn admin(gate: &Gate) -> SocketAddr {
    let log = gate.process.stderr();
    let line = log.lines().find(|line| line.contains("scheme=admin")).expect("a line on the admin listener");
    let address = line.split_whitespace().find_map(|word| word.strip_prefix("address=")).expect("an address");
    address.parse().expect("an address with its port")
}

#[tokio::test]
async fn the_certificates_and_their_ends_are_in_the_metrics_and_on_the_page() {
    let gate = gate(FILE).run().await;
    let mut wire = tcp(admin(&gate)).await;
    let metrics = wire.ask("GET /metrics HTTP/1.1\nHost: 127.0.0.1").await;
    assert_eq!(metrics.status(), 200);
    assert!(metrics.field("content-type").is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4")));
    let text = metrics.text();
    let sample = text
        .lines()
        .find(|line| line.starts_with("gatepost_certificate_expiry_timestamp_seconds{"))
        .unwrap_or_else(|| panic!("no sample in {text}"));
    assert!(sample.contains("chat.example"), "{sample}");
    let end: u64 = sample.rsplit(' ').next().expect("a value").parse().expect("whole seconds");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    assert!(end > now, "{sample}");

    let page = wire.ask("GET / HTTP/1.1\nHost: localhost:1").await;
    assert_eq!(page.status(), 200);
    assert!(page.text().contains("chat.example") && page.text().contains(">good<"), "{}", page.text());
    assert_eq!(wire.ask("GET /healthz HTTP/1.1\nHost: [::1]").await.text(), "ok\n");
}

#[tokio::test]
async fn a_name_that_somebody_leads_here_and_other_methods_get_nothing() {
    let gate = gate(FILE).run().await;
    let mut wire = tcp(admin(&gate)).await;
    assert_eq!(wire.ask("GET / HTTP/1.1\nHost: evil.example").await.status(), 421);
    assert_eq!(wire.ask("POST / HTTP/1.1\nHost: 127.0.0.1\nContent-Length: 0").await.status(), 405);
    assert_eq!(wire.ask("GET /else HTTP/1.1\nHost: 127.0.0.1").await.status(), 404);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_and_nothing_starts() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let outcome = gate(FILE.replace("127.0.0.1:0", &address)).refused().await;
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains(&address) && outcome.stderr.contains("[admin]"), "{}", outcome.stderr);
}
