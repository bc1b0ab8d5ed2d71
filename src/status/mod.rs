//! The admin listener: what an operator, or a monitoring system, may know of a running gatepost.
//!
//! `/` is a page for a person, `/metrics` for Prometheus, `/healthz` for whoever
//! only wants to know whether it is there. They tell of certificates and their ends,
//! of the month's meetings, and of how the upstreams fare.
//!
//! It changes nothing, shows no secret, and answers to an address or `localhost`
//! alone: a website that leads its own name to this machine reads nothing.

mod meetings;
mod metrics;
mod page;
mod plot;
mod upstreams;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cert::live::Live;
use crate::clock::Clock;
use crate::outgoing::Standings;
use crate::route::host::Authority;
use crate::server::census::Census;

pub use meetings::Meetings;

/// From the connection to the end of a request's head, and as long between two requests.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// Connections at once: a person's browser and a few scrapers.
const MAX_CONNECTIONS: usize = 32;

/// What is told of.
#[derive(Debug)]
pub struct Subject {
    /// The certificates that are served.
    pub live: Arc<Live>,
    /// The month's users of each launcher.
    pub meetings: Arc<Meetings>,
    /// Who is connected.
    pub census: Arc<Census>,
    /// How the upstreams are.
    pub standings: Arc<Standings>,
    /// What day it is.
    pub clock: Clock,
}

/// Answers on the socket that is there, with the address as the configuration has it, and on the one that comes after
/// it, for as long as it is polled.
pub async fn serve(mut sockets: watch::Receiver<Option<(SocketAddr, Arc<std::net::TcpListener>)>>, subject: Subject) {
    let subject = Arc::new(subject);
    let mut connections = JoinSet::new();
    loop {
        let socket = sockets.borrow_and_update().as_ref().map(|(_, socket)| socket.try_clone());
        let accepting = async {
            match socket.map(|socket| TcpListener::from_std(socket?)) {
                Some(Ok(listener)) => accept(&listener, &mut connections, &subject).await,
                Some(Err(error)) => tracing::error!(%error, "the status page cannot be served"),
                None => {}
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = accepting => {}
            changed = sockets.changed() => if changed.is_err() { return },
        }
    }
}

/// Never ends by itself.
async fn accept(listener: &TcpListener, connections: &mut JoinSet<()>, subject: &Arc<Subject>) {
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= MAX_CONNECTIONS {
            connections.join_next().await;
            continue;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(answer(stream, subject.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection to the status page for the moment");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn answer(stream: TcpStream, subject: Arc<Subject>) {
    let service = service_fn(move |request| {
        let subject = subject.clone();
        async move { Ok::<_, Infallible>(reply(&request, &subject).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = serving.await {
        tracing::debug!(%error, "a connection to the status page broke off");
    }
}

async fn reply<B>(request: &Request<B>, subject: &Subject) -> Response<Full<Bytes>> {
    if !is_ours(request) {
        return text(StatusCode::MISDIRECTED_REQUEST, "Ask for this page by its address or as localhost.\n".into());
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD alone.\n".into());
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let now = i64::try_from(subject.clock.unix_seconds()).unwrap_or(i64::MAX);
    match request.uri().path() {
        "/" => page::reply(&subject.live.all(), &subject.meetings.tell().await, &subject.standings.tell(), now),
        "/metrics" => {
            let (meetings, upstreams) = (subject.meetings.tell().await, subject.standings.tell());
            let text = metrics::text(&subject.live.all(), &meetings, &upstreams, &subject.census);
            typed(StatusCode::OK, metrics::CONTENT_TYPE, text)
        }
        "/healthz" => text(StatusCode::OK, "ok\n".into()),
        _ => text(StatusCode::NOT_FOUND, "Here are /, /metrics and /healthz.\n".into()),
    }
}

/// Whether it is asked for by an address or as `localhost`, and not by a name that somebody leads here.
fn is_ours<B>(request: &Request<B>) -> bool {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    host.and_then(|host| Authority::parse(host).ok())
        .is_some_and(|authority| authority.host.is_address() || authority.host.as_str() == "localhost")
}

fn text(status: StatusCode, words: String) -> Response<Full<Bytes>> {
    typed(status, "text/plain; charset=utf-8", words)
}

fn typed(status: StatusCode, content_type: &'static str, words: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(words));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
