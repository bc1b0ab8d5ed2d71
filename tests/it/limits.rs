//! `[limits]`: what one client, and all together, may take; who goes beyond is told so, and nobody else suffers.

mod clients;
mod floods;
mod scarcity;
mod times;

use std::net::SocketAddr;

use crate::support::client::tcp;
use crate::support::gate::{Builder, CHAT, Gate, gate};
use crate::support::soon;
use crate::support::upstream::{Upstream, switching};

/// A site with a fixed answer at `/`, and what `upstream` says under `/up/`; the limits, and the admin listener.
fn limited(limits: &str, upstream: Option<&Upstream>) -> Builder {
    let up = upstream.map(|upstream| format!("[[site.route]]\npath = \"/up/\"\nproxy = \"http://{upstream}\"\n"));
    gate(format!(
        "[limits]\n{limits}\n[admin]\nlisten = \"127.0.0.1:0\"\n[[site]]\nhosts = [\"{CHAT}\"]\nredirect_http = false\n\
         [[site.route]]\npath = \"/\"\nrespond = \"here\"\n{}",
        up.unwrap_or_default()
    ))
}

const GET: &str = "GET / HTTP/1.1\nHost: chat.example";
const HELD: &str = "GET /up/held HTTP/1.1\nHost: chat.example";
const UPGRADE: &str = "GET /up/websocket HTTP/1.1\nHost: chat.example\nUpgrade: websocket\nConnection: Upgrade\n\
    Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

/// Takes every request and answers none, but for upgrades, whose bytes it sends back.
async fn holding() -> Upstream {
    Upstream::scripted(|mut connection| async move {
        while let Some(request) = connection.head().await {
            if request.has("upgrade") {
                connection.wire.send(switching(&request)).await;
                while let Ok(byte) = connection.wire.exactly(1).await {
                    connection.wire.send(byte).await;
                }
                return;
            }
        }
    })
    .await
}

/// Where the log says that the status page is.
fn admin(gate: &Gate) -> SocketAddr {
    let log = gate.process.stderr();
    let line = log.lines().find(|line| line.contains("scheme=admin")).expect("a line on the admin listener");
    let address = line.split_whitespace().find_map(|word| word.strip_prefix("address=")).expect("an address");
    address.parse().expect("an address with its port")
}

/// A sample of the metrics.
async fn sample(gate: &Gate, name: &str) -> u64 {
    let metrics = tcp(admin(gate)).await.ask("GET /metrics HTTP/1.1\nHost: 127.0.0.1").await.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().expect("a number")
}

/// A sample's value once it stays the same.
async fn settled(gate: &Gate, name: &str) -> u64 {
    soon(&format!("{name} to stay the same"), async {
        let (mut last, mut times) = (sample(gate, name).await, 0);
        while times < 10 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            let now = sample(gate, name).await;
            times = if now == last { times + 1 } else { 0 };
            last = now;
        }
        last
    })
    .await
}

/// Waits until this limit was met so many times: it is counted just after the client sees the end.
async fn until_refused(gate: &Gate, limit: &str, times: u64) {
    until_sample(gate, &format!("gatepost_refused_total{{limit=\"{limit}\"}}"), times).await;
}

/// Waits until a sample has this value.
async fn until_sample(gate: &Gate, name: &str, value: u64) {
    soon(&format!("{name} {value}"), async {
        while sample(gate, name).await != value {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}
