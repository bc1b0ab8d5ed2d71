//! Station 3: one connection, HTTP/1.1 or HTTP/2, from its bytes to its requests.
//!
//! Sets the limits that hold whatever is asked for: size and time of a head,
//! streams, silence. Malformed heads get 400, oversized ones 431, from hyper.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::uri::Scheme;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::cert::store::Store;
use crate::log::access::Entry;
use crate::socket::Socket;

use super::answer::{OpenRequest, answer};
use super::io::{ClientIo, Manners};
use super::listen::Speaks;
use super::streams::{Streams, Taking};
use super::tls;
use super::worker::Worker;

/// Largest head of a request in bytes; the largest that clients send are cookies, which browsers cap at 4 KiB each.
const MAX_HEAD: usize = 64 * 1024;

/// Fields of a head; hyper's own limit for HTTP/1 too.
const MAX_FIELDS: usize = 100;

/// From the end of one answer to the end of the next head on HTTP/1, so it is also how long an idle connection is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(60);

/// An HTTP/2 connection without a stream is told to go after this long.
const IDLE: Duration = Duration::from_secs(180);

/// Streams that a client may have open on one connection (RFC 9113 section 6.5.2 advises no less than 100).
const MAX_STREAMS: u32 = 128;

/// Room for a body in flight per stream and per connection: an upload at 100 ms round trip fills 80 Mbit/s.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// What is kept of an answer that a client does not take, per stream.
const SEND_BUFFER: usize = 256 * 1024;

/// A ping on a connection with open streams, and how long its answer may take: finds peers that are gone.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_WITHIN: Duration = Duration::from_secs(20);

/// A connection as it was accepted.
#[derive(Debug)]
pub struct Arrival {
    /// Its socket.
    pub tcp: TcpStream,
    /// The address at its other end.
    pub peer: SocketAddr,
    /// The port that it came in on.
    pub local_port: u16,
    /// What is spoken there.
    pub speaks: Speaks,
}

/// What every request on one connection has in common.
#[derive(Debug)]
pub struct Connection {
    /// The worker that serves it.
    pub worker: Rc<Worker>,
    /// The address at its other end, IPv4 where it is IPv4 in IPv6's clothes.
    pub peer: IpAddr,
    /// The port that it came in on.
    pub local_port: u16,
    /// `http` or `https`.
    pub scheme: Scheme,
    /// The certificates that the handshake chose from, and which of them it presented.
    pub presented: Option<(Arc<Store>, usize)>,
    /// The name that the handshake asked for.
    pub sni: Option<Box<str>>,
    /// Patience and lingering of its bytes.
    pub manners: Manners,
    /// Requests that are being answered.
    pub open: Cell<usize>,
    /// When the last one ended.
    pub last: Cell<Instant>,
    /// Of the stream that hyper is about to spawn, on HTTP/2.
    pub(super) newest: RefCell<Option<Rc<Taking>>>,
}

/// Serves one connection to its end.
pub async fn serve(worker: Rc<Worker>, arrival: Arrival) {
    // Answers are written whole; waiting for more to send would only delay them.
    arrival.tcp.set_nodelay(true).ok();
    let peer = arrival.peer.ip().to_canonical();
    let (io, h2, presented, sni) = match arrival.speaks {
        Speaks::Http => (ClientIo::plain(Socket(arrival.tcp)), false, None, None),
        Speaks::Https => {
            let tls = worker.view().tls.clone();
            let Some(shaken) = tls::handshake(&tls, Socket(arrival.tcp)).await else { return };
            (shaken.io, shaken.h2, shaken.presented.map(|index| (tls.store.clone(), index)), shaken.sni)
        }
    };
    let connection = Rc::new(Connection {
        peer,
        local_port: arrival.local_port,
        scheme: if arrival.speaks == Speaks::Https { Scheme::HTTPS } else { Scheme::HTTP },
        presented,
        sni,
        manners: io.manners(),
        open: Cell::new(0),
        last: Cell::new(Instant::now()),
        newest: RefCell::default(),
        worker,
    });
    let outcome = if h2 { serve_h2(&connection, io).await } else { serve_h1(&connection, io).await };
    if let Err(error) = outcome {
        report(&connection, &error);
    }
}

async fn serve_h1(connection: &Rc<Connection>, io: ClientIo) -> hyper::Result<()> {
    let on_request = connection.clone();
    let service = service_fn(move |request| {
        let open = OpenRequest::new(&on_request);
        async move { Ok::<_, Infallible>(answer(open, request).await) }
    });
    let mut serving = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_header_size(MAX_HEAD)
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades()
    );
    let mut finish = pin!(connection.worker.finish.cancelled());
    tokio::select! {
        biased;
        outcome = serving.as_mut() => return outcome,
        () = finish.as_mut() => serving.as_mut().graceful_shutdown(),
    }
    serving.await
}

async fn serve_h2(connection: &Rc<Connection>, mut io: ClientIo) -> hyper::Result<()> {
    io.gather();
    let on_request = connection.clone();
    let service = service_fn(move |request| {
        let open = OpenRequest::of_stream(&on_request);
        // In a box from the start: hyper moves it through several hands, and it is large.
        Box::pin(async move { Ok::<_, Infallible>(answer(open, request).await) })
    });
    let mut serving = pin!(
        http2::Builder::new(Streams(connection.clone()))
            .timer(TokioTimer::new())
            .enable_connect_protocol()
            .max_concurrent_streams(MAX_STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_WITHIN)
            .serve_connection(TokioIo::new(io), service)
    );
    let mut finish = pin!(connection.worker.finish.cancelled());
    let mut idle = pin!(idle(connection));
    tokio::select! {
        biased;
        outcome = serving.as_mut() => return outcome,
        () = finish.as_mut() => {}
        () = idle.as_mut() => {}
    }
    serving.as_mut().graceful_shutdown();
    serving.await
}

/// Ends when no request was open for [`IDLE`].
async fn idle(connection: &Connection) {
    loop {
        tokio::time::sleep_until(connection.last.get() + IDLE).await;
        if connection.open.get() > 0 {
            connection.last.set(Instant::now());
        } else if connection.last.get().elapsed() >= IDLE {
            return;
        }
    }
}

/// What went wrong with a connection, at the level that an operator wants to hear it.
fn report(connection: &Connection, error: &hyper::Error) {
    let client = connection.peer;
    let host = connection.sni.as_deref().unwrap_or("-");
    if error.is_parse_too_large() {
        tracing::info!(%client, host, "refused a request head of more than {MAX_HEAD} bytes or {MAX_FIELDS} fields");
        refused(connection, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    } else if error.is_parse() {
        tracing::debug!(%client, host, %error, "refused a malformed request");
        refused(connection, StatusCode::BAD_REQUEST);
    } else {
        tracing::debug!(%client, host, %error, "a connection broke off");
    }
}

/// The access log's line for a request that hyper refused, since no handler saw it.
fn refused(connection: &Connection, status: StatusCode) {
    if let Some(log) = &connection.worker.log {
        let (id, _) = connection.worker.next_request();
        let (scheme, host) = (connection.scheme.clone(), connection.sni.as_deref());
        Entry::refused(log, id, connection.peer, scheme, host, status);
    }
}
