//! The access log: one line a request, written when its last byte was sent or its tunnel ended.
//!
//! While the log is off a request costs nothing here. While it is on, an
//! [`Entry`] gathers what the line needs and writes it when the last holder lets
//! go: the body on its way to the client, or the tunnel.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{self, HeaderMap};
use http::uri::Scheme;
use http::{Method, Request, StatusCode, Version};
use tokio::time::Instant;

use crate::config::model::LogFormat;
use crate::handler::RequestId;

use super::line;
use super::redact;
use super::writer::Sink;

/// Lines are handed over when they fill this many bytes, or by [`Log::flush`].
const CHUNK: usize = 32 * 1024;

/// Where the access log's lines go, and in which form.
#[derive(Debug, Clone)]
pub struct Out {
    /// Who writes them.
    pub sink: Sink,
    /// Their form.
    pub format: LogFormat,
}

/// The access log as one worker writes it.
#[derive(Debug)]
pub struct Log {
    out: Out,
    lines: RefCell<Vec<u8>>,
}

impl Log {
    /// A log that hands its lines over there.
    pub fn new(out: Out) -> Self {
        Self { out, lines: RefCell::default() }
    }

    /// Whether lines already go there in this form.
    pub fn writes_to(&self, out: &Out) -> bool {
        self.out.format == out.format && self.out.sink.is(&out.sink)
    }

    /// Hands over what has gathered. Called several times a second by the worker.
    pub fn flush(&self) {
        let lines = self.lines.take();
        if !lines.is_empty() {
            self.out.sink.push(lines);
        }
    }

    fn write(&self, entry: &Entry) {
        let mut lines = self.lines.borrow_mut();
        match self.out.format {
            LogFormat::Combined => line::combined(&mut lines, entry),
            LogFormat::Json => line::json(&mut lines, entry),
        }
        let full = lines.len() >= CHUNK;
        drop(lines);
        if full {
            self.flush();
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush();
    }
}

/// What one line says. Written when it is dropped.
#[derive(Debug)]
pub struct Entry {
    log: Rc<Log>,
    begin: Instant,
    pub(super) id: RequestId,
    pub(super) time: SystemTime,
    pub(super) peer: IpAddr,
    pub(super) client: Cell<IpAddr>,
    pub(super) scheme: RefCell<Scheme>,
    /// Whose password came along and was right.
    pub(super) user: RefCell<Option<Arc<str>>>,
    pub(super) host: Option<Box<str>>,
    /// `None` where the head could not be read.
    pub(super) head: Option<Head>,
    pub(super) status: Cell<StatusCode>,
    pub(super) sent: Cell<u64>,
    pub(super) received: Cell<u64>,
    pub(super) upstream_time: Cell<Option<Duration>>,
}

/// What a line says of a request's head.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) target: RefCell<Box<str>>,
    pub(super) version: Version,
    pub(super) referrer: Option<Box<str>>,
    pub(super) agent: Option<Box<str>>,
}

impl Head {
    fn of<B>(request: &Request<B>) -> Self {
        let uri = request.uri();
        let received = uri.path_and_query().map_or_else(|| uri.to_string(), ToString::to_string);
        Self {
            method: request.method().clone(),
            target: RefCell::new(redact::target(&received).into()),
            version: request.version(),
            referrer: text(request.headers(), &header::REFERER).map(|url| redact::target(&url).into()),
            agent: text(request.headers(), &header::USER_AGENT),
        }
    }
}

impl Entry {
    /// Begins a line for a request.
    pub fn begin<B>(log: &Rc<Log>, request: &Request<B>, id: RequestId, peer: IpAddr, scheme: Scheme) -> Rc<Self> {
        let authority = request.uri().authority().map(|authority| authority.as_str().into());
        let host = authority.or_else(|| text(request.headers(), &header::HOST));
        Rc::new(Self::new(log, id, peer, scheme, host, Some(Head::of(request))))
    }

    /// Writes a line for a request whose head could not be read; `host` is what the handshake asked for.
    pub fn refused(log: &Rc<Log>, id: RequestId, peer: IpAddr, scheme: Scheme, host: Option<&str>, status: StatusCode) {
        let entry = Self::new(log, id, peer, scheme, host.map(Into::into), None);
        entry.status.set(status);
    }

    fn new(
        log: &Rc<Log>,
        id: RequestId,
        peer: IpAddr,
        scheme: Scheme,
        host: Option<Box<str>>,
        head: Option<Head>,
    ) -> Self {
        Self {
            log: log.clone(),
            begin: Instant::now(),
            id,
            time: SystemTime::now(),
            peer,
            client: Cell::new(peer),
            scheme: RefCell::new(scheme),
            user: RefCell::default(),
            host,
            head,
            status: Cell::new(StatusCode::OK),
            sent: Cell::new(0),
            received: Cell::new(0),
            upstream_time: Cell::new(None),
        }
    }

    /// Who asks and how, once the fields of trusted proxies have been read.
    pub fn set_client(&self, client: IpAddr, scheme: &Scheme) {
        self.client.set(client);
        self.scheme.borrow_mut().clone_from(scheme);
    }

    /// Whose password came along and was right.
    pub fn set_user(&self, user: Arc<str>) {
        self.user.replace(Some(user));
    }

    /// Takes the query off the line: on this route every query is somebody's secret.
    pub fn hide_query(&self) {
        if let Some(head) = &self.head {
            let hidden = redact::without_query(&head.target.borrow()).into();
            *head.target.borrow_mut() = hidden;
        }
    }

    /// What was answered, and how long the upstream took.
    pub fn set_answer(&self, status: StatusCode, upstream_time: Option<Duration>) {
        self.status.set(status);
        self.upstream_time.set(upstream_time);
    }

    /// Bytes of the body, or of the tunnel, towards the client.
    pub fn count_sent(&self, bytes: u64) {
        self.sent.set(self.sent.get() + bytes);
    }

    /// Bytes of the tunnel from the client.
    pub fn count_received(&self, bytes: u64) {
        self.received.set(self.received.get() + bytes);
    }

    /// From the head's arrival until now.
    pub(super) fn duration(&self) -> Duration {
        self.begin.elapsed()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.log.clone().write(self);
    }
}

/// A field as text, lossily: a log line may hold anything, escaped.
fn text(fields: &HeaderMap, name: &header::HeaderName) -> Option<Box<str>> {
    fields.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into())
}
