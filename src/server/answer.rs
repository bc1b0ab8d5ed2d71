//! One request on its road: asked → site → route → handler → answer.
//!
//! Errors become answers here and are reported here, once. A panic in a handler
//! is a 500 for that request alone.

use std::cell::Cell;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::Scheme;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::access::Rules;
use crate::access::fields::Fields;
use crate::body::{Body, BodyError};
use crate::error::{Fault, RequestError, Wanted};
use crate::handler::{Context, Handler, Means, RequestId, challenge, proxy::headers, redirect};
use crate::log::access::Entry;
use crate::log::redact;
use crate::log::seldom::Seldom;
use crate::route::table::{By, Routed};
use crate::upload::{Leftover, Upload};

use super::asked::Asked;
use super::census::Refusal;
use super::conn::{Away, Connection};
use super::owed::Account;
use super::snapshot::{Route, Site, Snapshot};
use super::streams::Taking;

/// An answer's body on its way out: counted for the log, whose line is written when it is dropped.
pub(super) struct Outgoing {
    body: Body,
    entry: Option<Rc<Entry>>,
    open: OpenRequest,
    /// Whether nothing but the end of the connection may tell the body's (HTTP/1.0).
    ends_with_connection: bool,
    _answering: Option<oneshot::Sender<()>>,
}

/// Counts a request of its connection as long as its answer is on its way.
///
/// Made as soon as the request is there, not when it is first worked on: its connection may see the client's end
/// in between.
pub(super) struct OpenRequest {
    connection: Rc<Connection>,
    stream: Option<Stream>,
}

/// What an answer over HTTP/2 tells of its way out.
struct Stream {
    taking: Rc<Taking>,
    account: Arc<Account>,
}

impl OpenRequest {
    /// One more on HTTP/1.
    pub(super) fn new(connection: &Rc<Connection>) -> Self {
        connection.manners.set_answering(true);
        Self::counted(connection, None)
    }

    /// One more on HTTP/2; its stream is spawned next.
    pub(super) fn of_stream(connection: &Rc<Connection>, account: &Arc<Account>) -> Self {
        let taking = Rc::<Taking>::default();
        connection.newest.replace(Some(taking.clone()));
        Self::counted(connection, Some(Stream { taking, account: account.clone() }))
    }

    fn counted(connection: &Rc<Connection>, stream: Option<Stream>) -> Self {
        connection.open.set(connection.open.get() + 1);
        connection.asked.set(connection.asked.get() + 1);
        Self { connection: connection.clone(), stream }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.connection.open.set(self.connection.open.get() - 1);
        self.connection.last.set(Instant::now());
        self.connection.manners.set_answering(false);
        // Of no use on HTTP/2, but cheaper than asking.
        self.connection.watch.answered();
    }
}

/// Answers a request, whatever happens.
pub(super) async fn answer(open: OpenRequest, request: Request<Incoming>) -> Response<Outgoing> {
    let connection = &open.connection;
    let worker = &connection.worker;
    let (id, turn) = worker.next_request();
    let entry = worker.log().map(|log| Entry::begin(&log, &request, id, connection.peer, connection.scheme.clone()));
    // While a body is still coming, closing must not reset the connection under the answer.
    connection.manners.set_linger(!request.body().is_end_stream());
    let wanted = Wanted::of(request.headers());
    let is_head = request.method() == Method::HEAD;
    let is_h2 = request.version() == Version::HTTP_2;
    let ends_with_connection = request.version() < Version::HTTP_11;
    let (upstream_time, dress) = (Cell::new(None), Cell::new(None));
    // The request is handed to its handler whole, so what routing and errors need of it is kept apart.
    let told = Told::of(&request);
    let road =
        Road { connection, told: &told, id, turn, entry: entry.as_ref(), upstream_time: &upstream_time, dress: &dress };
    let (request, leftover) = uploading(request);
    let outcome = {
        let road = pin!(road.go(request));
        unwinding(road).await
    };
    let mut response = match outcome {
        Ok(response) => response,
        Err(error) => {
            report(&error, id, connection, &told);
            error.respond(wanted, id)
        }
    };
    if let Some(dress) = dress.take() {
        dress.apply(&mut response);
    }
    if is_head {
        withhold_body(&mut response);
    }
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        connection.watch.switched();
    }
    let is_ending = !is_h2 && worker.ending.has_begun();
    if is_ending || connection.seat.is_waiting() || connection.is_worn() {
        end_after(&mut response, connection, is_h2);
    }
    if let Some(entry) = &entry {
        entry.set_answer(response.status(), upstream_time.get());
    }
    // Its window may be shut from the beginning, and then no part of the body is ever asked for.
    if let Some(stream) = open.stream.as_ref().filter(|_| !response.body().is_end_stream()) {
        stream.taking.handed_over();
    }
    let answering = leftover.map(|leftover| {
        let (answering, answered) = oneshot::channel();
        tokio::task::spawn_local(leftover.discard(answered));
        answering
    });
    response.map(|body| Outgoing { body, entry, open, ends_with_connection, _answering: answering })
}

/// Has the connection end in order after this answer.
fn end_after(response: &mut Response<Body>, connection: &Connection, is_h2: bool) {
    if is_h2 {
        connection.send_away(Away::InOrder);
    } else if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// The request with its body as handlers take it, and the hold on what may be left of it.
fn uploading(request: Request<Incoming>) -> (Request<Upload>, Option<Leftover>) {
    // On HTTP/1 the connection itself lingers.
    if request.version() != Version::HTTP_2 || request.body().is_end_stream() {
        return (request.map(Upload::new), None);
    }
    let (head, incoming) = request.into_parts();
    let (upload, leftover) = Upload::shared(incoming);
    (Request::from_parts(head, upload), Some(leftover))
}

/// What is kept of a request's head once its handler has it.
struct Told {
    method: Method,
    uri: http::Uri,
    host: Option<HeaderValue>,
}

impl Told {
    fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            host: request.headers().get(header::HOST).cloned(),
        }
    }
}

/// What a request meets on its road.
struct Road<'r> {
    connection: &'r Rc<Connection>,
    told: &'r Told,
    id: RequestId,
    turn: u64,
    entry: Option<&'r Rc<Entry>>,
    upstream_time: &'r Cell<Option<std::time::Duration>>,
    dress: &'r Cell<Option<Dress>>,
}

/// What an answer gets from its site, whether it is the handler's or an error.
struct Dress {
    hsts: Option<HeaderValue>,
    fields: Option<Arc<Fields>>,
}

impl Dress {
    fn apply(self, response: &mut Response<Body>) {
        if let Some(hsts) = self.hsts {
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, hsts);
        }
        if let Some(fields) = self.fields {
            fields.apply(response);
        }
    }
}

impl Road<'_> {
    async fn go(&self, mut request: Request<Upload>) -> Result<Response<Body>, RequestError> {
        let connection = self.connection;
        connection.admit().await?;
        let most = connection.limits.head_fields;
        if request.headers().len() > most {
            connection.worker.census.refuse(Refusal::HeadFields);
            return Err(RequestError::TooManyFields(most));
        }
        let view = connection.worker.view();
        let snapshot = &*view.snapshot;
        let who = Who::of(connection, snapshot, request.headers());
        if let Some(entry) = self.entry {
            entry.set_client(who.client, &who.scheme);
        }
        let asked = Asked::parse(&request, &self.told.uri)?;
        let site = match self.site(snapshot, &asked, &who).await? {
            ControlFlow::Break(answer) => return Ok(answer),
            ControlFlow::Continue(site) => site,
        };
        let path = &*asked.path;
        if path == "*" {
            return Ok(options());
        }
        let found = site.routes.find(path);
        self.dress(site, if let Routed::To(_, _, route) = &found { route.rules.as_deref() } else { None }, &who.scheme);
        let (prefix, rest, route) = match found {
            Routed::To(prefix, rest, route) => (prefix, rest, route),
            Routed::Nowhere => return Err(RequestError::NotFound),
            Routed::Unclear => return Err(RequestError::Bad("its path could be read in two ways")),
        };
        if site.walled && leads_around(site, route, path) {
            return Err(RequestError::Bad("its path could be read in two ways"));
        }
        if let Some(rules) = &route.rules {
            self.admit(rules, &mut request, path, who.client).await?;
        }
        let handler = &route.handler;
        self.prepare(handler);
        let context = Context {
            id: self.id,
            scheme: who.scheme,
            authority: &asked.authority,
            local_port: connection.local_port,
            peer: connection.peer,
            client: who.client,
            peer_trusted: who.peer_trusted,
            prefix,
            path,
            rest,
            upstream_time: self.upstream_time,
        };
        let means =
            Means { pools: &view.pools, turn: self.turn, tunnels: &connection.worker.tunnels, entry: self.entry };
        match site.near.reply(handler, &request, &context) {
            Some(response) => Ok(response),
            None => handler.reply(request, &context, means).await,
        }
    }

    /// Holds the request against the rules of its route.
    async fn admit(
        &self,
        rules: &Rules,
        request: &mut Request<Upload>,
        path: &str,
        client: std::net::IpAddr,
    ) -> Result<(), RequestError> {
        match rules.admit(request, path, client).await {
            Ok(user) => {
                if let (Some(entry), Some(user)) = (self.entry, user) {
                    entry.set_user(user);
                }
                Ok(())
            }
            Err(refusal) => {
                refusal.count();
                Err(refusal.into())
            }
        }
    }

    /// Keeps what the answer gets from its site.
    fn dress(&self, site: &Site, rules: Option<&Rules>, scheme: &Scheme) {
        let hsts = site.hsts.as_ref().filter(|_| *scheme == Scheme::HTTPS);
        let fields = rules.and_then(|rules| rules.fields.as_ref());
        if hsts.is_some() || fields.is_some() {
            self.dress.set(Some(Dress { hsts: hsts.cloned(), fields: fields.cloned() }));
        }
    }

    /// The site that answers, or an answer that comes ahead of all sites.
    async fn site<'s>(
        &self,
        snapshot: &'s Snapshot,
        asked: &Asked<'_>,
        who: &Who,
    ) -> Result<ControlFlow<Response<Body>, &'s Site>, RequestError> {
        let host = &asked.authority.host;
        let is_plain = self.connection.scheme == Scheme::HTTP;
        let Some((site, by)) = snapshot.table.find(host) else {
            return Err(if is_plain { RequestError::UnknownHost } else { RequestError::Misdirected });
        };
        if !snapshot.challenges.is_empty()
            && by != By::Default
            && let Some(token) = challenge::token(&asked.path)
        {
            return challenge::reply(&snapshot.challenges, token, &self.told.method).await.map(ControlFlow::Break);
        }
        if let Some((store, index)) = &self.connection.presented
            && !store.may_answer(*index, host)
        {
            return Err(RequestError::Misdirected);
        }
        if is_plain
            && site.redirect_http
            && who.scheme != Scheme::HTTPS
            && let Some(port) = snapshot.https_port
        {
            // About the server as a whole, so there is nothing to lead to.
            if asked.path == "*" {
                return Ok(ControlFlow::Break(options()));
            }
            // A name that only the default site took is the client's own invention: no address is made of it.
            if by == By::Default {
                return Err(RequestError::UnknownHost);
            }
            let received = self.told.uri.path_and_query().map_or("/", |received| received.as_str());
            return redirect::to_https(&self.told.method, host, port, received).map(ControlFlow::Break);
        }
        Ok(ControlFlow::Continue(site))
    }

    fn prepare(&self, handler: &Handler) {
        let patience = handler.patience().unwrap_or(self.connection.limits.send_timeout);
        self.connection.manners.set_patience(patience);
        if let Some(entry) = self.entry
            && handler.has_secret_queries()
        {
            entry.hide_query();
        }
    }
}

/// Whether a careless upstream would take the path to be behind a wall that this route has not.
fn leads_around(site: &Site, route: &Route, path: &str) -> bool {
    let Some(other) = site.routes.find_lax(path).filter(|other| !std::ptr::eq(*other, route)) else { return false };
    other.rules.as_ref().is_some_and(|rules| rules.wall_off(route.rules.as_deref()))
}

/// Who asks, and how, behind the proxies that are trusted.
struct Who {
    client: std::net::IpAddr,
    scheme: Scheme,
    peer_trusted: bool,
}

impl Who {
    fn of(connection: &Connection, snapshot: &Snapshot, fields: &HeaderMap) -> Self {
        let (peer, scheme) = (connection.peer, connection.scheme.clone());
        if !snapshot.trusts(peer) {
            return Self { client: peer, scheme, peer_trusted: false };
        }
        let client = headers::client_behind(fields, peer, |address| snapshot.trusts(address));
        let scheme = match headers::says_https(fields) {
            Some(true) => Scheme::HTTPS,
            Some(false) => Scheme::HTTP,
            None => scheme,
        };
        Self { client, scheme, peer_trusted: true }
    }
}

/// `OPTIONS *` asks about the server as a whole (RFC 9110 section 9.3.7).
fn options() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// An answer to HEAD says how long its body would be, and has none (RFC 9110 section 9.3.2).
fn withhold_body(response: &mut Response<Body>) {
    if let Body::Full(Some(bytes)) = response.body() {
        let length = HeaderValue::from(bytes.len());
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length);
    }
    if !matches!(response.body(), Body::Upstream(_)) {
        *response.body_mut() = Body::Empty;
    }
}

/// Runs a handler; a panic in it becomes an error of this request.
async fn unwinding(
    mut road: Pin<&mut impl Future<Output = Result<Response<Body>, RequestError>>>,
) -> Result<Response<Body>, RequestError> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| road.as_mut().poll(cx))) {
        Ok(outcome) => outcome,
        // The panic hook has printed where; the request's line says which.
        Err(_) => Poll::Ready(Err(RequestError::Internal("a handler panicked".into()))),
    })
    .await
}

/// Requests for which an upstream has no room.
static FULL: Seldom = Seldom::new();

/// One line in the program log; what a client did wrong is of interest to nobody but whoever looks for it.
fn report(error: &RequestError, id: RequestId, connection: &Connection, told: &Told) {
    let (fault, status, _) = error.judge();
    let client = connection.peer;
    let host = told.uri.authority().map(http::uri::Authority::as_str).or_else(|| told.host.as_ref()?.to_str().ok());
    let (method, path, host, status) =
        (&told.method, redact::target(told.uri.path()), host.unwrap_or("-"), status.as_u16());
    let causes = Causes(error.plain());
    match fault {
        // Whoever set the limit may want to know whom it hits.
        Fault::Client if matches!(error, RequestError::BodyTooLarge(_)) => {
            tracing::info!(%id, status, %client, host, %method, %path, "{causes}");
        }
        Fault::Client => tracing::debug!(%id, status, %client, host, %method, %path, "{causes}"),
        Fault::Upstream => tracing::warn!(%id, status, %client, host, %method, %path, "{causes}"),
        // Whoever fills an upstream must not fill the log, too. Each is counted under `/metrics`.
        Fault::Us if matches!(error, RequestError::UpstreamFull { .. } | RequestError::Exhausted { .. }) => {
            if let Some(times) = FULL.happens() {
                tracing::error!(times, %id, status, %client, host, %method, %path, "{causes}");
            }
        }
        Fault::Us => tracing::error!(%id, status, %client, host, %method, %path, "{causes}"),
    }
}

/// An error with its causes, as one line.
struct Causes<'e>(&'e dyn std::error::Error);

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(stream) = &this.open.stream {
            ready!(stream.account.poll_room(cx));
            stream.taking.asked_for();
        }
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        if let (Some(Err(_)), true) = (&frame, this.ends_with_connection) {
            this.open.connection.manners.set_cut();
        }
        if let (Some(entry), Some(Ok(frame))) = (&this.entry, &frame)
            && let Some(data) = frame.data_ref()
        {
            entry.count_sent(data.len() as u64);
        }
        Poll::Ready(match (frame, &this.open.stream) {
            (Some(Ok(frame)), Some(stream)) => {
                stream.taking.handed_over();
                Some(Ok(frame.map_data(|data| stream.account.count(data))))
            }
            (frame, _) => frame,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_handler_is_a_500_of_that_request_alone() {
        let outcome = unwinding(pin!(async { panic!("on purpose") })).await;
        let error = outcome.err().expect("an error");
        assert_eq!(error.judge(), (Fault::Us, StatusCode::INTERNAL_SERVER_ERROR, false));
        let answer = error.respond(Wanted::Text, RequestId(7));
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(unwinding(pin!(async { Ok(options()) })).await.is_ok(), "and the next one is answered");
    }
}
