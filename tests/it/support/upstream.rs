//! What stands behind gatepost: polite, or slow, rude, early or gone, as a test's script has it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::faults::resets_on_drop;
use super::raw::{Message, Stream, Wire, head};
use super::soon;

/// A listening upstream; prints as its address.
pub(crate) struct Upstream {
    address: SocketAddr,
    seen: watch::Receiver<Seen>,
    task: JoinHandle<()>,
}

/// What an upstream saw so far.
#[derive(Clone, Debug, Default)]
struct Seen {
    connections: usize,
    /// Of whole requests and broken ones alike.
    heads: Vec<Message>,
    /// Of requests whose body came whole.
    requests: Vec<Message>,
}

/// One connection to an upstream; what it reads is recorded.
pub(crate) struct Connection {
    pub(crate) wire: Wire,
    /// 0 for the first.
    pub(crate) number: usize,
    record: Arc<watch::Sender<Seen>>,
}

impl Upstream {
    /// Keeps connections alive and answers each whole request with these bytes.
    pub(crate) async fn answering<F, B>(answer: F) -> Self
    where
        F: Fn(&Message) -> B + Send + Sync + 'static,
        B: AsRef<[u8]> + Send + Sync + 'static,
    {
        let answer = Arc::new(answer);
        Self::scripted(move |mut connection| {
            let answer = Arc::clone(&answer);
            async move {
                while let Some(request) = connection.request().await {
                    let bytes = answer(&request);
                    connection.wire.send(bytes).await;
                }
            }
        })
        .await
    }

    /// Plays `script` on every connection; the connection closes where the script ends.
    pub(crate) async fn scripted<F, S>(script: F) -> Self
    where
        F: Fn(Connection) -> S + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        Self::over(script, |stream| async { Ok(stream) }).await
    }

    /// The same, but that a connection ends with a reset where the script does.
    pub(crate) async fn resetting<F, S>(script: F) -> Self
    where
        F: Fn(Connection) -> S + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        Self::over(script, |stream| async {
            resets_on_drop(&stream);
            Ok(stream)
        })
        .await
    }

    /// The same behind TLS.
    pub(crate) async fn scripted_tls<F, S>(config: Arc<rustls::ServerConfig>, script: F) -> Self
    where
        F: Fn(Connection) -> S + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let acceptor = tokio_rustls::TlsAcceptor::from(config);
        Self::over(script, move |stream| acceptor.accept(stream)).await
    }

    /// A WebSocket that sends back what it is sent.
    pub(crate) async fn websocket_echo() -> Self {
        Self::scripted(|mut connection| async move {
            let Some(request) = connection.head().await else { return };
            connection.wire.send(switching(&request)).await;
            let mut socket = WebSocketStream::from_raw_socket(connection.wire.into_stream(), Role::Server, None).await;
            while let Some(Ok(message)) = socket.next().await {
                // A close is answered by the library itself.
                if !message.is_close() && socket.send(message).await.is_err() {
                    break;
                }
            }
        })
        .await
    }

    async fn over<F, S, T, H, O>(script: F, shake: H) -> Self
    where
        F: Fn(Connection) -> S + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
        T: Future<Output = std::io::Result<O>> + Send + 'static,
        H: Fn(TcpStream) -> T + Send + Sync + 'static,
        O: Stream + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let (record, seen) = watch::channel(Seen::default());
        let (record, script) = (Arc::new(record), Arc::new(script));
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                let _ = stream.set_nodelay(true);
                let (record, script, shaking) = (Arc::clone(&record), Arc::clone(&script), shake(stream));
                connections.spawn(async move {
                    record.send_modify(|seen| seen.connections += 1);
                    if let Ok(stream) = shaking.await {
                        script(Connection { wire: Wire::new(stream), number, record }).await;
                    }
                });
            }
        });
        Self { address, seen, task }
    }

    /// An address at which nothing listens any more.
    pub(crate) async fn gone() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listener.local_addr().expect("a bound address")
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Waits for the `n`th whole request, counted from 0.
    pub(crate) async fn request(&self, n: usize) -> Message {
        self.until(|seen| seen.requests.len() > n).await.requests[n].clone()
    }

    /// Waits for the `n`th head, counted from 0, whether its body came or not.
    pub(crate) async fn head(&self, n: usize) -> Message {
        self.until(|seen| seen.heads.len() > n).await.heads[n].clone()
    }

    /// The request lines that came so far, of whole and broken requests.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen.borrow().heads.iter().map(|head| head.line.clone()).collect()
    }

    /// How many connections were made so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen.borrow().connections
    }

    async fn until(&self, reached: impl FnMut(&Seen) -> bool) -> Seen {
        let mut seen = self.seen.clone();
        soon("a request at the upstream", seen.wait_for(reached)).await.expect("the upstream runs").clone()
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    /// Reads a whole request; `None` where the connection ended instead.
    pub(crate) async fn request(&mut self) -> Option<Message> {
        let mut request = self.head().await?;
        self.wire.body(&mut request).await.ok()?;
        self.record.send_modify(|seen| seen.requests.push(request.clone()));
        Some(request)
    }

    /// Reads a head alone.
    pub(crate) async fn head(&mut self) -> Option<Message> {
        let head = self.wire.head().await.ok()??;
        self.record.send_modify(|seen| seen.heads.push(head.clone()));
        Some(head)
    }
}

/// The 101 that accepts this upgrade (RFC 6455 section 4.2.2).
pub(crate) fn switching(request: &Message) -> Vec<u8> {
    let accept = derive_accept_key(request.field("sec-websocket-key").unwrap_or_default().as_bytes());
    head(&format!(
        "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: {accept}"
    ))
}
