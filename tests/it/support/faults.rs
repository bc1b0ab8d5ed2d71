//! Upstreams that do one thing wrong, each by its name: what a broken server, a dying one or a hostile one puts on the wire.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::soon;
use super::upstream::{Connection, Upstream};

/// What a faulty answer looks like to a client behind gatepost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// An error of this status in its place.
    Error(u16),
    /// A head of 200, and a body that is visibly cut.
    Cut,
    /// An answer that is whole.
    Whole(&'static str),
}

/// One fault.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    /// Its path.
    pub(crate) name: &'static str,
    /// What goes on the wire once the request was read.
    wire: Script,
    /// What a client sees of it.
    pub(crate) seen: Seen,
    /// How it is counted.
    pub(crate) kind: Option<&'static str>,
}

#[derive(Clone, Copy)]
enum Script {
    /// These bytes, then the end.
    Ends(&'static str),
    /// These bytes, then silence.
    Stalls(&'static str),
    /// The first, then the second for ever, as fast as it goes.
    Floods(&'static str, &'static str),
    /// The first, then the second now and then, for ever.
    Drips(&'static str, &'static str),
}
use Script::{Drips, Ends, Floods, Stalls};

const fn fault(name: &'static str, wire: Script, seen: Seen, kind: &'static str) -> Fault {
    Fault { name, wire, seen, kind: Some(kind) }
}

const fn harmless(name: &'static str, wire: Script, body: &'static str) -> Fault {
    Fault { name, wire, seen: Seen::Whole(body), kind: None }
}

const BAD: Seen = Seen::Error(502);
const LATE: Seen = Seen::Error(504);

/// All that can be told from the bytes alone; the connection ends politely.
pub(crate) const FAULTS: &[Fault] = &[
    // Before a head.
    fault("closes", Ends(""), BAD, "broken"),
    fault("silent", Stalls(""), LATE, "answer_timeout"),
    // In the middle of a head.
    fault("closes-in-the-status-line", Ends("HTTP/1.1 20"), BAD, "broken"),
    fault("closes-in-the-head", Ends("HTTP/1.1 200 OK\r\nContent-Le"), BAD, "broken"),
    fault("stalls-in-the-head", Stalls("HTTP/1.1 200 OK\r\nContent-Le"), LATE, "answer_timeout"),
    fault("drips-its-head", Drips("HTTP/1.1 200 OK\r\n", "X: y\r\n"), LATE, "answer_timeout"),
    // What is no HTTP.
    fault("ssh", Ends("SSH-2.0-OpenSSH_9.2\r\n"), BAD, "malformed"),
    fault("http-0.9", Ends("<html>hello</html>"), BAD, "malformed"),
    fault("http-2", Stalls("\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0d"), BAD, "malformed"),
    fault("nul", Ends("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), BAD, "malformed"),
    fault("another-version", Ends("HTTP/7.3 200 OK\r\n\r\n"), BAD, "malformed"),
    fault("a-status-of-no-number", Ends("HTTP/1.1 abc OK\r\n\r\n"), BAD, "malformed"),
    fault("a-space-in-a-name", Ends("HTTP/1.1 200 OK\r\nBad name: x\r\n\r\n"), BAD, "malformed"),
    fault("no-colon", Ends("HTTP/1.1 200 OK\r\nnothing\r\n\r\n"), BAD, "malformed"),
    fault("nul-in-a-value", Ends("HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"), BAD, "malformed"),
    fault(
        "two-lengths",
        Ends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
        BAD,
        "malformed",
    ),
    fault("a-negative-length", Ends("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello"), BAD, "malformed"),
    fault("a-huge-length", Ends("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"), BAD, "malformed"),
    // Heads without end.
    fault(
        "endless-fields",
        Floods("HTTP/1.1 200 OK\r\nX: ", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"),
        BAD,
        "head_too_large",
    ),
    fault("countless-fields", Floods("HTTP/1.1 200 OK\r\n", "A: b\r\n"), BAD, "head_too_large"),
    fault("an-endless-reason", Floods("HTTP/1.1 200 ", "really "), BAD, "head_too_large"),
    // Interim answers without end.
    fault("a-storm-of-102", Floods("", "HTTP/1.1 102 Processing\r\n\r\n"), BAD, "head_too_large"),
    fault("a-storm-of-103", Floods("", "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"), BAD, "head_too_large"),
    fault("a-drizzle-of-102", Drips("", "HTTP/1.1 102 Processing\r\n\r\n"), LATE, "answer_timeout"),
    harmless(
        "some-interim-answers",
        Ends(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
             HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ),
        "ok",
    ),
    // What must not be passed on.
    fault(
        "switches-unasked",
        Ends("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
        BAD,
        "wrong",
    ),
    fault(
        "an-unknown-coding",
        Ends("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\nhello"),
        BAD,
        "wrong",
    ),
    // In the middle of a body.
    fault("closes-after-the-head", Ends("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), Seen::Cut, "body_broken"),
    fault("short", Ends("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), Seen::Cut, "body_broken"),
    fault(
        "short-in-chunks",
        Ends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        Seen::Cut,
        "body_broken",
    ),
    fault(
        "short-in-a-chunk",
        Ends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf"),
        Seen::Cut,
        "body_broken",
    ),
    fault(
        "chunks-without-their-last-line",
        Ends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n"),
        Seen::Cut,
        "body_broken",
    ),
    fault(
        "a-chunk-of-no-size",
        Ends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n"),
        Seen::Cut,
        "body_broken",
    ),
    fault(
        "a-chunk-of-another-size",
        Ends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhalf\r\n0\r\n\r\n"),
        Seen::Cut,
        "body_broken",
    ),
    fault(
        "endless-trailers",
        Floods("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n", "X: yyyyyyyyyyyyyyyyyyy\r\n"),
        Seen::Cut,
        "body_broken",
    ),
    fault("stalls", Stalls("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), Seen::Cut, "body_timeout"),
    fault(
        "stalls-in-chunks",
        Stalls("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        Seen::Cut,
        "body_timeout",
    ),
    fault("stalls-without-length", Stalls("HTTP/1.1 200 OK\r\n\r\nhalf"), Seen::Cut, "body_timeout"),
    // Odd, and no fault.
    harmless("long", Stalls("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwhole"), "whol"),
    harmless("until-it-closes", Ends("HTTP/1.1 200 OK\r\n\r\nwhole"), "whole"),
    harmless("http-1.0", Ends("HTTP/1.0 200 OK\r\n\r\nwhole"), "whole"),
];

/// Does to each request what its path names.
pub(crate) async fn faulty() -> Upstream {
    Upstream::scripted(|mut connection| async move {
        let Some(request) = connection.request().await else { return };
        let name = request.target().trim_matches('/');
        let fault = FAULTS.iter().find(|fault| fault.name == name).unwrap_or_else(|| panic!("no fault {name:?}"));
        fault.wire.play(&mut connection).await;
    })
    .await
}

impl Script {
    async fn play(self, connection: &mut Connection) {
        match self {
            Ends(bytes) => {
                connection.wire.send(bytes).await;
            }
            Stalls(bytes) => {
                connection.wire.send(bytes).await;
                connection.wire.rest().await;
            }
            Floods(first, again) => {
                connection.wire.send(first).await;
                let again = again.repeat(64);
                while connection.wire.send(&again).await {}
            }
            Drips(first, again) => {
                connection.wire.send(first).await;
                while connection.wire.send(again).await {
                    tokio::time::sleep(Duration::from_millis(40)).await;
                }
            }
        }
    }
}

/// An address that takes no connection and refuses none: its queue is full, and the kernel drops what comes.
pub(crate) struct BlackHole {
    listener: Socket,
    _waiting: Vec<TcpStream>,
}

impl BlackHole {
    pub(crate) async fn open() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        listener.bind(&any.into()).expect("a free port");
        listener.listen(0).expect("a listener");
        let address = listener.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
        let mut waiting = Vec::new();
        // The queue holds one more than it was told.
        while let Ok(stream) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            waiting.push(stream.expect("a place in the queue"));
            assert!(waiting.len() < 64, "the queue never fills");
        }
        Self { listener, _waiting: waiting }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().ok().and_then(|address| address.as_socket()).expect("an address")
    }
}

/// Has the kernel send a reset when this stream is dropped, whatever was sent or read.
pub(crate) fn resets_on_drop(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("an option");
}

/// Takes connections and says nothing on them.
pub(crate) struct Mute {
    pub(crate) address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Mute {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
            }
        });
        Self { address, task }
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until `holds` does.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    soon(what, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
