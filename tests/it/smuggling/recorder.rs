//! An upstream that keeps every byte, and answers each request that came whole with its method and target.
//!
//! It frames strictly: what it does not understand it keeps and leaves unanswered.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::{bytes, text};
use crate::support::soon;

/// A listening recorder; prints as its address.
pub(super) struct Recorder {
    address: SocketAddr,
    /// The address of whoever comes last.
    last: Arc<Mutex<Option<SocketAddr>>>,
    task: JoinHandle<Vec<u8>>,
}

impl Recorder {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let last = Arc::<Mutex<Option<SocketAddr>>>::default();
        let task = tokio::spawn(record(listener, Arc::clone(&last)));
        Self { address, last, task }
    }

    /// Everything that came, connection after connection; whoever sent it has ended.
    pub(super) async fn all(self) -> Vec<u8> {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        *self.last.lock().expect("no panic before") = Some(socket.local_addr().expect("a bound address"));
        // Connections are accepted in the order in which they were made.
        let _last = soon("a connection", socket.connect(self.address)).await.expect("a connection");
        soon("the end of all connections", self.task).await.expect("a record")
    }
}

impl fmt::Display for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

async fn record(listener: TcpListener, last: Arc<Mutex<Option<SocketAddr>>>) -> Vec<u8> {
    let mut connections = Vec::new();
    loop {
        let (stream, from) = listener.accept().await.expect("a connection");
        if *last.lock().expect("no panic before") == Some(from) {
            break;
        }
        connections.push(tokio::spawn(serve(stream)));
    }
    let mut all = Vec::new();
    for connection in connections {
        all.extend(connection.await.expect("a record"));
    }
    all
}

async fn serve(mut stream: TcpStream) -> Vec<u8> {
    let (mut all, mut answered) = (Vec::new(), 0);
    while stream.read_buf(&mut all).await.is_ok_and(|count| count > 0) {
        while let Some(length) = whole(&all[answered..]) {
            let request = text(&all[answered..answered + length]);
            let asked = request.split(" HTTP/1.1¶").next().unwrap_or_default();
            answered += length;
            let size = if asked.starts_with("HEAD ") { 0 } else { asked.len() };
            let answer = format!("HTTP/1.1 200 OK¶Content-Length: {}¶¶{}", asked.len(), &asked[..size]);
            // Whoever does not wait for it has ended, which is read next.
            let _ = stream.write_all(&bytes(&answer)).await;
        }
    }
    without_forwarded(&text(&all))
}

/// How long the request is that begins here, if it is there whole.
fn whole(all: &[u8]) -> Option<usize> {
    let head = all.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = text(&all[..head]);
    let field = |name: &str| {
        let after = text.split(&format!("¶{name}: ")).nth(1)?;
        Some(after[..after.find('¶')?].to_owned())
    };
    let end = match (field("content-length"), field("transfer-encoding")) {
        (None, None) => head,
        (Some(length), None) => head + length.parse::<usize>().ok()?,
        (None, Some(coding)) if coding == "chunked" => end_of_chunks(all, head)?,
        _ => return None,
    };
    (all.len() >= end).then_some(end)
}

fn end_of_chunks(all: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let line = all.get(at..)?.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(&text(&all[at..at + line]), 16).ok()?;
        at += line + 2 + size + 2;
        if size == 0 {
            return Some(at);
        }
    }
}

/// Takes out the fields in which gatepost says who asks and how.
fn without_forwarded(all: &str) -> Vec<u8> {
    let ours = ["x-forwarded-for: 127.0.0.1", "x-real-ip: 127.0.0.1"];
    let theirs = ["x-forwarded-proto: http", "x-forwarded-host: c", "x-forwarded-port: "];
    let kept: Vec<&str> = all
        .split('¶')
        .filter(|line| !ours.contains(line) && !theirs.iter().any(|begin| line.starts_with(begin)))
        .collect();
    bytes(&kept.join("¶"))
}
