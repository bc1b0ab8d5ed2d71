//! Station 3: one connection, HTTP/1.1 or HTTP/2, from its bytes to its requests.
//!
//! Sets the limits that hold whatever is asked for: size and time of a head,
//! streams, silence. Malformed heads get 400, oversized ones 431, from hyper.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io::Write;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use http::StatusCode;
use http::uri::Scheme;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::cert::store::Store;
use crate::config::model::Limits;
use crate::error::RequestError;
use crate::log::access::Entry;
use crate::socket::Socket;

use super::answer::{OpenRequest, answer};
use super::census::{Refusal, Seat};
use super::guard::{Guard, Watch};
use super::io::ClientIo;
use super::listen::Speaks;
use super::manners::Manners;
use super::owed::Account;
use super::silence::{self, Silence};
use super::streams::{Streams, Taking};
use super::tls;
use super::worker::Worker;

/// Room for a body in flight at most, per stream and per connection: an upload at 100 ms round trip fills 80 Mbit/s.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// HTTP/2's own window of a connection, which cannot be made smaller (RFC 9113 section 6.9.2).
const LEAST_WINDOW: u32 = 64 * 1024;

/// What is kept at most, and at least, of an answer that a client does not take, per stream.
const SEND_BUFFER: u32 = 256 * 1024;
const LEAST_SEND_BUFFER: u32 = 16 * 1024;

/// What HTTP/1 reads ahead of a body, and holds of an answer, per connection: larger than any head.
const BUFFER: usize = 128 * 1024;

/// The same as long as there are no more than [`FEW`] clients' connections: the more at once, the fewer turns a large
/// transfer takes.
const ROOMY_BUFFER: usize = 400 * 1024;

/// With both buffers of each full these hold 50 MiB.
const FEW: usize = 64;

/// Fields that hyper has room for on its stack; for another number it allocates with each head.
const USUAL_FIELDS: usize = 100;

/// How long a connection beyond the limits waits for a place before it is told that there is none.
const WAIT_FOR_PLACE: Duration = Duration::from_millis(600);
/// How often it looks.
const LOOK_FOR_PLACE: Duration = Duration::from_millis(50);

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
    /// The place that it takes up.
    pub seat: Arc<Seat>,
}

/// Whether a connection is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// It stays.
    Stays,
    /// At once, unless it is in use.
    IfIdle,
    /// When what is open is done.
    InOrder,
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
    /// What the guard of its bytes is told, and tells, on HTTP/1.
    pub watch: Watch,
    /// Requests that are being answered.
    pub open: Cell<usize>,
    /// When the last one ended.
    pub last: Cell<Instant>,
    /// Requests that were made so far.
    pub asked: Cell<usize>,
    /// What holds for it, from its beginning on.
    pub limits: Arc<Limits>,
    /// Its place among all clients.
    pub seat: Arc<Seat>,
    /// Whether it is to end.
    pub(super) away: Cell<Away>,
    /// Its place among its worker's connections.
    pub(super) place: Cell<usize>,
    waker: RefCell<Option<Waker>>,
    /// Of the stream that hyper is about to spawn, on HTTP/2.
    pub(super) newest: RefCell<Option<Rc<Taking>>>,
}

impl Connection {
    /// Whether nothing is asked of it.
    pub(super) fn is_idle(&self) -> bool {
        self.open.get() == 0 && self.manners.head_since().is_none()
    }

    /// Whether no more requests are to come after this one.
    pub(super) fn is_worn(&self) -> bool {
        self.asked.get() >= self.limits.requests_per_connection.get()
    }

    /// Has it end.
    pub(super) fn send_away(&self, away: Away) {
        self.away.set(away);
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Makes sure of its place among all clients; one that has none waits a moment for idle ones to go.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) async fn admit(&self) -> Result<(), RequestError> {
        if !self.seat.is_waiting() {
            return Ok(());
        }
        let end = Instant::now() + WAIT_FOR_PLACE;
        loop {
            // Another request of the same connection may have found one.
            let Err(refusal) = (if self.seat.is_waiting() { self.seat.take_place() } else { Ok(()) }) else {
                return Ok(());
            };
            if refusal != Refusal::Connections || Instant::now() >= end {
                self.seat.turned_away(refusal, self.peer);
                return Err(RequestError::Full);
            }
            self.worker.census.crowd();
            tokio::time::sleep(LOOK_FOR_PLACE).await;
        }
    }

    /// Notes who is to be woken when it is sent away: its task stays the same.
    async fn note_task(&self) {
        poll_fn(|cx| {
            self.waker.replace(Some(cx.waker().clone()));
            Poll::Ready(())
        })
        .await;
    }
}

/// Closes a connection for which there is no place, not even to wait.
///
/// Plain HTTP is told why, as far as the socket takes it at once; for TLS a handshake would have to be calculated.
pub fn turn_away(tcp: TcpStream, speaks: Speaks) {
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Length: 50\r\nRetry-After: 10\r\nConnection: close\r\n\r\n\
        This server has as many visitors as it can take.\r\n";
    if speaks == Speaks::Http
        && let Ok(mut tcp) = tcp.into_std()
    {
        // Best effort: whoever is refused may not listen either.
        tcp.write_all(FULL).ok();
        tcp.shutdown(Shutdown::Write).ok();
    }
}

/// Serves one connection to its end.
pub async fn serve(worker: Rc<Worker>, arrival: Arrival) {
    // Answers are written whole; waiting for more to send would only delay them.
    arrival.tcp.set_nodelay(true).ok();
    let peer = arrival.peer.ip().to_canonical();
    let (limits, tls) = {
        let view = worker.view();
        (view.snapshot.limits.clone(), view.tls.clone())
    };
    let (mut io, h2, presented, sni) = match arrival.speaks {
        Speaks::Http => (ClientIo::plain(Socket(arrival.tcp)), false, None, None),
        Speaks::Https => {
            let shaken = tls::handshake(&tls, Socket(arrival.tcp), limits.handshake_timeout, &worker.census).await;
            let Some(shaken) = shaken else { return };
            (shaken.io, shaken.h2, shaken.presented.map(|index| (tls.store.clone(), index)), shaken.sni)
        }
    };
    drop(tls);
    io.sit(arrival.seat.clone());
    let manners = io.manners();
    manners.set_patience(limits.send_timeout);
    let connection = Rc::new(Connection {
        peer,
        local_port: arrival.local_port,
        scheme: if arrival.speaks == Speaks::Https { Scheme::HTTPS } else { Scheme::HTTP },
        presented,
        sni,
        manners,
        watch: Watch::default(),
        open: Cell::new(0),
        last: Cell::new(Instant::now()),
        asked: Cell::new(0),
        limits,
        seat: arrival.seat,
        away: Cell::new(Away::Stays),
        place: Cell::new(0),
        waker: RefCell::default(),
        newest: RefCell::default(),
        worker,
    });
    let _stay = connection.worker.crowd.join(&connection);
    connection.note_task().await;
    let outcome = if h2 { serve_h2(&connection, io).await } else { serve_h1(&connection, io).await };
    if let Some(why) = connection.watch.refused() {
        let host = connection.sni.as_deref().unwrap_or("-");
        tracing::debug!(client = %peer, host, "refused a request: {why}");
    }
    if let Err(error) = outcome {
        report(&connection, &error);
    }
}

async fn serve_h1(connection: &Rc<Connection>, io: ClientIo) -> hyper::Result<()> {
    let limits = &connection.limits;
    let on_request = connection.clone();
    let service = service_fn(move |request| {
        let open = OpenRequest::new(&on_request);
        async move { Ok::<_, Infallible>(answer(open, request).await) }
    });
    let head_size = limits.head_size as usize;
    let buffer = if connection.worker.census.connections() <= FEW { ROOMY_BUFFER } else { BUFFER };
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(None::<Duration>)
        .max_header_size(head_size)
        .max_buf_size(buffer.max(2 * head_size));
    if limits.head_fields != USUAL_FIELDS {
        builder.max_headers(limits.head_fields);
    }
    let guarded = Guard::new(io, connection.watch.clone());
    let mut serving = pin!(builder.serve_connection(TokioIo::new(guarded), service).with_upgrades());
    let mut finish = pin!(connection.worker.ending.patience_over());
    let mut silence = pin!(silence::of(connection, limits.idle_timeout, false));
    let why = tokio::select! {
        biased;
        outcome = serving.as_mut() => return outcome,
        () = finish.as_mut() => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                outcome = serving.as_mut() => return outcome,
                why = silence.as_mut() => why,
            }
        }
        why = silence.as_mut() => why,
    };
    if why == Silence::Head {
        connection.manners.set_met(Refusal::HeadTimeout);
        refused(connection, StatusCode::REQUEST_TIMEOUT);
    }
    // hyper takes it for the client's end, and ends the connection in order.
    connection.manners.end(why == Silence::Head);
    serving.await
}

async fn serve_h2(connection: &Rc<Connection>, mut io: ClientIo) -> hyper::Result<()> {
    let limits = &connection.limits;
    io.gather();
    io.count_frames(limits.http2_resets, limits.http2_frames);
    let on_request = connection.clone();
    let worker = &connection.worker;
    let account = Account::new(worker.owed.clone(), limits.body_memory / 2 / worker.census.workers());
    let service = service_fn(move |request| {
        let open = OpenRequest::of_stream(&on_request, &account);
        // In a box from the start: hyper moves it through several hands, and it is large.
        Box::pin(async move { Ok::<_, Infallible>(answer(open, request).await) })
    });
    let room = Room::of(limits.body_memory, connection.worker.census.connections());
    let mut serving = pin!(
        http2::Builder::new(Streams(connection.clone()))
            .timer(TokioTimer::new())
            .enable_connect_protocol()
            .max_concurrent_streams(limits.http2_streams)
            .initial_stream_window_size(room.stream_window)
            .initial_connection_window_size(room.connection_window)
            .max_send_buf_size(room.send_buffer as usize)
            .max_header_list_size(limits.head_size)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_WITHIN)
            .serve_connection(TokioIo::new(io), service)
    );
    let mut finish = pin!(connection.worker.ending.told());
    let why = {
        let mut silence = pin!(silence::of(connection, limits.http2_idle_timeout, false));
        tokio::select! {
            biased;
            outcome = serving.as_mut() => return outcome,
            () = finish.as_mut() => Silence::Asked,
            why = silence.as_mut() => why,
        }
    };
    if why != Silence::Head {
        serving.as_mut().graceful_shutdown();
        let silence = pin!(silence::of(connection, limits.http2_idle_timeout, true));
        tokio::select! {
            biased;
            outcome = serving.as_mut() => return outcome,
            why = silence => if why != Silence::Head { return Ok(()) },
        }
    }
    connection.manners.set_met(Refusal::HeadTimeout);
    connection.worker.census.refuse(Refusal::HeadTimeout);
    Ok(())
}

/// What a connection of HTTP/2 may hold of bodies, in bytes.
#[derive(Debug, PartialEq, Eq)]
struct Room {
    stream_window: u32,
    connection_window: u32,
    send_buffer: u32,
}

impl Room {
    /// A share of the memory that all have, smaller the more there are; never less than the protocol needs.
    fn of(memory: u64, connections: usize) -> Self {
        // Half for what comes, half for what goes.
        let share = u32::try_from(memory / 2 / (connections.max(1) as u64)).unwrap_or(u32::MAX);
        let connection_window = share.clamp(LEAST_WINDOW, CONNECTION_WINDOW);
        Self {
            stream_window: connection_window.min(STREAM_WINDOW),
            connection_window,
            // A client that takes nothing of several answers at once is rare.
            send_buffer: (share / 4).clamp(LEAST_SEND_BUFFER, SEND_BUFFER),
        }
    }
}

/// What went wrong with a connection, at the level that an operator wants to hear it.
fn report(connection: &Connection, error: &hyper::Error) {
    let client = connection.peer;
    let host = connection.sni.as_deref().unwrap_or("-");
    let census = &connection.worker.census;
    if let Some(refusal) = connection.manners.met() {
        census.refuse(refusal);
        tracing::debug!(%client, host, limit = refusal.key(), "cut a connection off that went beyond a limit");
    } else if error.is_parse_too_large() {
        let (size, fields) = (connection.limits.head_size, connection.limits.head_fields);
        tracing::info!(%client, host, "refused a request head of more than {size} bytes or {fields} fields");
        census.refuse(Refusal::HeadSize);
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
    if let Some(log) = &connection.worker.log() {
        let (id, _) = connection.worker.next_request();
        let (scheme, host) = (connection.scheme.clone(), connection.sni.as_deref());
        Entry::refused(log, id, connection.peer, scheme, host, status);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_clients_there_are_the_less_each_may_hold() {
        let memory = 256 << 20;
        let full = Room { stream_window: 1 << 20, connection_window: 4 << 20, send_buffer: 256 << 10 };
        assert_eq!(Room::of(memory, 0), full);
        assert_eq!(Room::of(memory, 32), full);
        for connections in [100, 500, 1000, 2000] {
            let room = Room::of(memory, connections);
            assert!(u64::from(room.connection_window) * connections as u64 <= memory / 2, "{room:?}");
        }
        let least = Room { stream_window: 64 << 10, connection_window: 64 << 10, send_buffer: 16 << 10 };
        assert_eq!(Room::of(memory, 1_000_000), least);
    }
}
