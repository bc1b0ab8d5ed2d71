//! One upstream as one worker sees it: its idle connections, last in first out.
//!
//! The most recently used connection is the one least likely to have been closed
//! by the other side, and the rest age out by themselves.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use crate::config::model::{Proxy, UpstreamAddress};
use crate::error::RequestError;

use super::body::RequestBody;
use super::connect::connect;
use super::hearing::Hearing;
use super::tls::Trust;

/// Idle connections kept per upstream and worker: more than a busy house ever has open at once.
const MAX_IDLE: usize = 256;

/// Largest head of a response, in bytes. Mattermost's and Node's are well under it.
const MAX_HEAD: usize = 128 * 1024;

/// How long ago a connection may have been used at most to get a request that cannot be sent a second time.
///
/// The upstream may be closing an idle connection at the very moment that a request goes out on it, and nobody
/// can tell afterwards whether it was taken. No server lets a connection go this soon, and a busy one is used
/// again sooner.
const JUST_USED: Duration = Duration::from_millis(10);

/// One address, with the connections that this worker holds to it.
#[derive(Debug)]
pub struct Upstream {
    address: UpstreamAddress,
    trust: Option<Trust>,
    connect_timeout: Duration,
    idle_timeout: Duration,
    idle: RefCell<Vec<Idle>>,
    /// Whether it was seen to keep idle connections open. One that closes them behind its answers without a word
    /// gets no request on a used connection that cannot be sent a second time.
    keeps_open: Cell<bool>,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<RequestBody>,
    since: Instant,
}

/// A connection in use; given back when its answer has been read.
#[derive(Debug)]
pub struct Lease {
    upstream: Rc<Upstream>,
    sender: SendRequest<RequestBody>,
    reused: bool,
    retired: Cell<bool>,
}

/// A request that brought no answer.
#[derive(Debug)]
pub struct SendFailure {
    /// What hyper said.
    pub error: hyper::Error,
    /// The request, where not a byte of it was sent.
    pub unsent: Option<Request<RequestBody>>,
    /// Whether the connection had served before, so that the upstream may just have closed it.
    pub reused: bool,
}

impl Upstream {
    /// An upstream without connections yet.
    pub fn new(address: UpstreamAddress, trust: Option<Trust>, proxy: &Proxy) -> Rc<Self> {
        Self::with_times(address, trust, proxy.connect_timeout, proxy.pool_idle_timeout)
    }

    /// The same for what is no proxy route: how long connecting may take, and how long a connection is kept unused.
    pub fn with_times(
        address: UpstreamAddress,
        trust: Option<Trust>,
        connect_timeout: Duration,
        idle_timeout: Duration,
    ) -> Rc<Self> {
        Rc::new(Self {
            address,
            trust,
            connect_timeout,
            idle_timeout,
            idle: RefCell::default(),
            keeps_open: Cell::new(false),
        })
    }

    /// Its address as configured.
    pub fn address(&self) -> &UpstreamAddress {
        &self.address
    }

    /// An idle connection if there is one, else a new one.
    ///
    /// What is not `repeatable`, so that it must not meet a connection that is just being closed, gets one that was
    /// in use until now or a new one.
    ///
    /// # Errors
    /// [`RequestError::Connect`], [`RequestError::UpstreamTls`] or [`RequestError::Timeout`].
    pub async fn lease(self: &Rc<Self>, repeatable: bool) -> Result<Lease, RequestError> {
        match self.take_idle(repeatable) {
            Some(sender) => Ok(Lease { upstream: self.clone(), sender, reused: true, retired: Cell::new(false) }),
            // Boxed, since most requests never need it and all would be as large as it is.
            None => Box::pin(self.fresh()).await,
        }
    }

    /// A new connection.
    ///
    /// # Errors
    /// As [`Upstream::lease`].
    pub async fn fresh(self: &Rc<Self>) -> Result<Lease, RequestError> {
        let io = connect(&self.address, self.trust.as_ref(), self.connect_timeout).await?;
        let (sender, connection) = http1::Builder::new()
            .max_header_size(MAX_HEAD)
            .handshake(TokioIo::new(Hearing::new(io)))
            .await
            .map_err(|source| RequestError::Broken { upstream: self.address.origin.clone(), source })?;
        // Its errors reach whoever waits for an answer on it; nobody else needs them.
        tokio::task::spawn_local(async move { connection.with_upgrades().await.ok() });
        Ok(Lease { upstream: self.clone(), sender, reused: false, retired: Cell::new(false) })
    }

    /// Asks something small of ours and reads the whole answer, at most `max_body` bytes, within `limit`.
    ///
    /// # Errors
    /// Whatever kept the answer away; too large a body is [`RequestError::WrongAnswer`].
    pub async fn fetch(
        self: &Rc<Self>,
        request: Request<()>,
        max_body: usize,
        limit: Duration,
    ) -> Result<Response<Bytes>, RequestError> {
        let upstream = || self.address.origin.clone();
        let exchange = async {
            let (response, lease) = self.ask(request).await?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, max_body).collect().await.map_err(|_| RequestError::WrongAnswer {
                upstream: upstream(),
                what: "its answer is too large or broke off",
            })?;
            lease.give_back();
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        match tokio::time::timeout(limit, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(RequestError::Timeout { upstream: upstream(), what: "answer", limit }),
        }
    }

    /// Drops idle connections that are too old or closed, and learns from them whether the upstream keeps any open.
    ///
    /// Called now and then by the worker.
    pub fn sweep(&self) {
        let now = Instant::now();
        self.idle.borrow_mut().retain(|idle| {
            let (closed, age) = (idle.sender.is_closed(), now.duration_since(idle.since));
            if closed {
                self.keeps_open.set(false);
            } else if age >= JUST_USED {
                self.keeps_open.set(true);
            }
            !closed && age < self.idle_timeout
        });
    }

    /// A bodiless request of ours, tried a second time on a new connection where the first was a stale one.
    async fn ask(self: &Rc<Self>, request: Request<()>) -> Result<(Response<Incoming>, Lease), RequestError> {
        let request = request.map(|()| RequestBody::empty());
        let again = request.clone_head();
        let mut lease = self.lease(true).await?;
        let failure = match lease.send(request).await {
            Ok(response) => return Ok((response, lease)),
            Err(failure) if !failure.reused => failure,
            Err(_) => {
                lease = self.fresh().await?;
                match lease.send(again).await {
                    Ok(response) => return Ok((response, lease)),
                    Err(failure) => failure,
                }
            }
        };
        Err(RequestError::Broken { upstream: self.address.origin.clone(), source: failure.error })
    }

    fn take_idle(&self, repeatable: bool) -> Option<SendRequest<RequestBody>> {
        let now = Instant::now();
        let mut idle = self.idle.borrow_mut();
        if !repeatable && !self.keeps_open.get() {
            return None;
        }
        let mut at = idle.len();
        while at > 0 {
            at -= 1;
            let candidate = &idle[at];
            let age = now.duration_since(candidate.since);
            if candidate.sender.is_closed() || age >= self.idle_timeout {
                idle.remove(at);
            } else if !repeatable && age >= JUST_USED {
                // Those further down are older still. The new connection will be put on top, so the oldest makes room.
                idle.remove(0);
                break;
            } else if candidate.sender.is_ready() {
                return Some(idle.remove(at).sender);
            }
            // Not ready: its last exchange is just being put away; the next one down will do.
        }
        None
    }
}

impl Lease {
    /// Sends a request and waits for the answer's head; deadlines are the caller's.
    ///
    /// # Errors
    /// The failure, with the request where not a byte of it was sent.
    pub async fn send(&mut self, request: Request<RequestBody>) -> Result<Response<Incoming>, SendFailure> {
        let reused = self.reused;
        self.sender.try_send_request(request).await.map_err(|mut failure| {
            let unsent = failure.take_message();
            SendFailure { error: failure.into_error(), unsent, reused }
        })
    }

    /// Whether the connection has served before, so that the upstream may just be closing it.
    pub fn is_reused(&self) -> bool {
        self.reused
    }

    /// The address that it leads to.
    pub fn upstream(&self) -> &Rc<Upstream> {
        &self.upstream
    }

    /// Lets the connection end with this answer, since it is not sure where that ends.
    pub fn retire(&self) {
        self.retired.set(true);
    }

    /// Puts the connection back for reuse, unless it is closed or retired or there are enough.
    pub fn give_back(self) {
        if self.retired.get() || self.sender.is_closed() {
            return;
        }
        let mut idle = self.upstream.idle.borrow_mut();
        if idle.len() < MAX_IDLE {
            idle.push(Idle { sender: self.sender, since: Instant::now() });
        }
    }
}

/// Copies a request that has no body.
pub trait CloneHead {
    /// The same head; the body is empty.
    fn clone_head(&self) -> Self;
}

impl CloneHead for Request<RequestBody> {
    fn clone_head(&self) -> Self {
        let mut copy = Request::new(RequestBody::empty());
        copy.method_mut().clone_from(self.method());
        copy.uri_mut().clone_from(self.uri());
        copy.headers_mut().clone_from(self.headers());
        copy
    }
}
