//! Clients that ask all the time, some on connections that they keep and some on new ones, and WebSockets that are talked
//! through all along: whoever meets a failure says so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::client::tcp;
use super::gate::CHAT;
use super::raw::Wire;
use super::upstream::{Upstream, switching};

/// Clients at work.
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// So many clients, each of which asks for `path` over plain HTTP and must be answered 200. A client keeps its connection
    /// for `each` requests, or until it is told that it ends.
    pub(crate) fn on(http: SocketAddr, path: &'static str, clients: usize, each: usize) -> Self {
        let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = |_| {
            let (over, answered) = (Arc::clone(&over), Arc::clone(&answered));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    // Not retried: a refused connection attempt is a failure.
                    let mut wire = Wire::new(TcpStream::connect(http).await.expect("a connection"));
                    for _ in 0..each {
                        let answer = wire.ask(&format!("GET {path} HTTP/1.1\nHost: {CHAT}")).await;
                        assert_eq!(answer.status(), 200, "{answer:?}");
                        answered.fetch_add(1, Ordering::Relaxed);
                        if answer.field("connection") == Some("close") || over.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                }
            })
        };
        let clients = (0..clients).map(client).collect();
        Self { over, answered, clients }
    }

    /// How many requests were answered so far.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits until `more` requests were answered.
    pub(crate) async fn goes_on(&self, more: usize) {
        let goal = self.answered() + more;
        super::soon("answers to the load", async {
            while self.answered() < goal {
                assert!(self.clients.iter().all(|client| !client.is_finished()), "a client failed");
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// Ends it; fails where any client met a failure.
    pub(crate) async fn end(self) -> usize {
        self.over.store(true, Ordering::Relaxed);
        for client in self.clients {
            super::soon("the end of a client", client).await.expect("no client met a failure");
        }
        self.answered.load(Ordering::Relaxed)
    }
}

/// Answers every request with the number of its connection, and sends back what comes through a WebSocket.
pub(crate) async fn upstream() -> Upstream {
    Upstream::scripted(|mut connection| async move {
        while let Some(request) = connection.head().await {
            if request.has("upgrade") {
                connection.wire.send(switching(&request)).await;
                // However long a test says nothing through it.
                let (mut reader, mut writer) = tokio::io::split(connection.wire.into_stream());
                tokio::io::copy(&mut reader, &mut writer).await.ok();
                return;
            }
            let number = connection.number.to_string();
            connection.wire.send(super::raw::ok(number)).await;
        }
    })
    .await
}

/// A WebSocket through gatepost, opened at this path.
pub(crate) async fn websocket(http: SocketAddr, path: &str) -> Wire {
    let mut wire = tcp(http).await;
    let answer = wire
        .ask(&format!(
            "GET {path} HTTP/1.1\nHost: {CHAT}\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        ))
        .await;
    assert_eq!(answer.status(), 101, "{answer:?}");
    wire
}

/// What is sent through it comes back.
pub(crate) async fn echoes(tunnel: &mut Wire, text: &str) {
    tunnel.send(text).await;
    assert_eq!(tunnel.exactly(text.len()).await.expect("an echo"), text.as_bytes());
}
