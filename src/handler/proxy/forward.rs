//! One request to an upstream and its answer back.
//!
//! Bodies stream both ways; nothing waits for the end of one. A request is sent
//! a second time only where no byte of it went out, or where it has no body, its
//! method is idempotent and the upstream broke off before it answered: on a new
//! connection where the first was a used one, then to another upstream. One that
//! is merely late is not given up for another, which would have the work twice.

use std::rc::Rc;

use http::header::{self, HeaderMap, HeaderValue};
use http::uri::{PathAndQuery, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::time::{Instant, timeout_at};

use crate::body::Body;
use crate::config::model::{self, UpstreamHost};
use crate::error::RequestError;
use crate::handler::Context;
use crate::log::access::Entry;
use crate::outgoing::{CloneHead, Lease, Progress, RequestBody, SendFailure, Trouble, Upstream, UpstreamBody};
use crate::upload::Upload;

use super::choose::Choice;
use super::sticky::Sticky;
use super::tunnel::{Open, Tunnels};
use super::upgrade::{self, Wish};
use super::{headers, location, switch};

/// Upstreams that one request may be sent to: an outage that all share is not to be met with many times the requests.
const MOST_SENT: usize = 3;

/// What the proxy needs of the worker that it runs on.
#[derive(Debug)]
pub struct Means<'w> {
    /// The route's upstreams, as this worker knows them.
    pub upstreams: &'w [Rc<Upstream>],
    /// The cookie by which a client keeps one of them.
    pub sticky: Option<&'w Sticky>,
    /// The request's number on the worker.
    pub turn: u64,
    /// The worker's tunnels.
    pub tunnels: &'w Rc<Tunnels>,
    /// The request's line in the access log; a tunnel holds it until its end.
    pub entry: Option<&'w Rc<Entry>>,
}

/// Forwards a request and gives the upstream's answer.
///
/// # Errors
/// Whatever kept the answer away, see [`RequestError`].
pub async fn forward(
    proxy: &model::Proxy,
    mut request: Request<Upload>,
    context: &Context<'_>,
    means: Means<'_>,
) -> Result<Response<Body>, RequestError> {
    if content_length(request.headers()).is_some_and(|length| length > proxy.max_body) {
        return Err(RequestError::BodyTooLarge(proxy.max_body));
    }
    let switching = match upgrade::wish(&request, &proxy.upgrades) {
        Some(wish) => Some(Switching {
            wish,
            open: means.tunnels.open(context.client)?,
            client: hyper::upgrade::on(&mut request),
        }),
        None if request.method() == Method::CONNECT => return Err(RequestError::MethodNotAllowed("GET, HEAD, POST")),
        None => None,
    };
    let stuck = means.sticky.and_then(|sticky| sticky.named(request.headers()));
    let (request, progress) = towards_upstream(proxy, request, context, switching.as_ref());
    let begin = Instant::now();
    let repeatable = progress.is_none() && is_idempotent(request.method());
    let exchange = Exchange { proxy, means: &means, progress: progress.as_deref(), repeatable };
    let (response, lease) = exchange.run(request, stuck).await?;
    context.upstream_time.set(Some(begin.elapsed()));
    let cookie = means.sticky.and_then(|sticky| keep(sticky, &means, &lease, stuck, context));
    let mut response = towards_client(proxy, response, lease, context, switching, &means)?;
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The cookie that is due where another upstream answered than the one that the client's names.
fn keep(
    sticky: &Sticky,
    means: &Means<'_>,
    lease: &Lease,
    stuck: Option<usize>,
    context: &Context<'_>,
) -> Option<HeaderValue> {
    let answered = means.upstreams.iter().position(|upstream| Rc::ptr_eq(upstream, lease.upstream()))?;
    (stuck != Some(answered)).then(|| sticky.naming(answered, context.scheme == Scheme::HTTPS)).flatten()
}

/// A request that wishes to switch protocols.
struct Switching {
    wish: Wish,
    open: Open,
    client: OnUpgrade,
}

fn content_length(fields: &HeaderMap) -> Option<u64> {
    fields.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn towards_upstream(
    proxy: &model::Proxy,
    request: Request<Upload>,
    context: &Context<'_>,
    switching: Option<&Switching>,
) -> (Request<RequestBody>, Option<Rc<Progress>>) {
    let (mut parts, incoming) = request.into_parts();
    headers::towards_upstream(&mut parts.headers, context);
    match &proxy.host {
        UpstreamHost::Preserve => headers::keep_host(&mut parts.headers, parts.uri.authority()),
        UpstreamHost::Fixed(name) => headers::set_host(&mut parts.headers, name),
    }
    parts.uri = target(proxy, &parts.uri, context);
    parts.version = Version::HTTP_11;
    let (body, progress) = match switching {
        Some(switching) => {
            parts.method = Method::GET;
            parts.headers.remove(header::CONTENT_LENGTH);
            switching.wish.ask(&mut parts.headers);
            (RequestBody::empty(), None)
        }
        None => RequestBody::of_client(incoming, proxy.max_body, proxy.send_timeout),
    };
    if progress.is_some() && !parts.headers.contains_key(header::CONTENT_LENGTH) {
        // Said here, since hyper would leave out a GET's body.
        parts.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    headers::apply(&mut parts.headers, &proxy.request_headers);
    let mut request = Request::new(body);
    *request.method_mut() = parts.method;
    *request.uri_mut() = parts.uri;
    *request.headers_mut() = parts.headers;
    (request, progress)
}

/// The target in origin-form, byte for byte as received but for a stripped prefix.
fn target(proxy: &model::Proxy, uri: &Uri, context: &Context<'_>) -> Uri {
    let Some(received) = uri.path_and_query() else { return Uri::from_static("/") };
    if !proxy.strip_prefix {
        return Uri::from(received.clone());
    }
    let rest = context.prefix.strip_received(received.as_str());
    let rest = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    // A part of a valid target, from a slash on, is one.
    PathAndQuery::try_from(rest).map_or_else(|_| Uri::from_static("/"), Uri::from)
}

/// The sending, with its deadline and its repetitions.
struct Exchange<'e> {
    proxy: &'e model::Proxy,
    means: &'e Means<'e>,
    progress: Option<&'e Progress>,
    /// Whether the whole of it can be sent a second time without harm.
    repeatable: bool,
}

/// A request that an upstream did not answer.
struct Lost {
    error: RequestError,
    /// What may be sent elsewhere.
    request: Option<Request<RequestBody>>,
}

impl Exchange<'_> {
    /// Sends to one upstream after the other until one answers, as far as that is safe.
    async fn run(
        &self,
        mut request: Request<RequestBody>,
        stuck: Option<usize>,
    ) -> Result<(Response<Incoming>, Lease), RequestError> {
        let mut choice = Choice::new(self.means.upstreams, self.proxy.balance, self.means.turn, stuck);
        let mut sent = 0;
        loop {
            let (upstream, lease) = self.lease(&mut choice).await?;
            sent += 1;
            let elsewhere = choice.is_left() && sent < MOST_SENT;
            let lost = match self.attempt(lease, request, elsewhere).await {
                Ok(answer) => {
                    if self.proxy.ejection.is_some() {
                        upstream.standing().went_well();
                    }
                    return Ok(answer);
                }
                Err(lost) => lost,
            };
            self.note(upstream, &lost.error);
            let Some(again) = lost.request.filter(|_| elsewhere) else { return Err(lost.error) };
            upstream.standing().note_retry();
            request = again;
        }
    }

    /// A connection to the first upstream that takes one, beginning with the one whose turn it is.
    async fn lease<'u>(&'u self, choice: &mut Choice<'u>) -> Result<(&'u Rc<Upstream>, Lease), RequestError> {
        let mut last = RequestError::Internal("a proxy route without upstream".into());
        while let Some(upstream) = choice.next() {
            match upstream.lease(self.repeatable).await {
                Ok(lease) => return Ok((upstream, lease)),
                Err(error) => {
                    self.note(upstream, &error);
                    // Full ones come last: there is no other.
                    if matches!(error, RequestError::UpstreamFull { .. }) {
                        return Err(error);
                    }
                    last = error;
                }
            }
        }
        Err(last)
    }

    /// Sends on this connection; where that was closed in the meantime, once more on a new one.
    async fn attempt(
        &self,
        mut lease: Lease,
        mut request: Request<RequestBody>,
        elsewhere: bool,
    ) -> Result<(Response<Incoming>, Lease), Lost> {
        let mut first = true;
        loop {
            let again = (self.repeatable && (elsewhere || lease.is_reused())).then(|| request.clone_head());
            let failure = match self.send(&mut lease, request).await {
                Ok(Ok(response)) => return Ok((response, lease)),
                Ok(Err(failure)) => failure,
                Err(error) => return Err(Lost { error, request: None }),
            };
            let is_stale = first && (failure.reused || failure.unsent.is_some());
            // What the body broke off with counts first: it is why the sending failed.
            let left = failure.unsent.or(again).filter(|_| !self.has_failed());
            match left {
                Some(left) if is_stale => match Box::pin(lease.upstream().fresh()).await {
                    Ok(fresh) => (lease, request, first) = (fresh, left, false),
                    Err(error) => return Err(Lost { error, request: Some(left) }),
                },
                request => return Err(Lost { error: self.blame(&lease, failure.error), request }),
            }
        }
    }

    /// Counts what an upstream is to blame for.
    fn note(&self, upstream: &Upstream, error: &RequestError) {
        if let Some(trouble) = Trouble::of(error) {
            upstream.standing().failed(trouble, self.proxy.ejection.as_ref());
        }
    }

    /// Sends, and waits for the head: `read_timeout` from the last byte that we passed on.
    ///
    /// While it is the client that everybody waits for, its own deadline runs and ours does not.
    async fn send(
        &self,
        lease: &mut Lease,
        request: Request<RequestBody>,
    ) -> Result<Result<Response<Incoming>, SendFailure>, RequestError> {
        let limit = self.proxy.read_timeout;
        let upstream = lease.upstream().clone();
        let mut sending = std::pin::pin!(lease.send(request));
        let mut deadline = Instant::now() + limit;
        loop {
            if let Ok(outcome) = timeout_at(deadline, sending.as_mut()).await {
                return Ok(outcome);
            }
            let now = Instant::now();
            deadline = match self.progress {
                Some(progress) if progress.waits_for_client() => now + limit,
                Some(progress) => progress.last() + limit,
                None => now,
            };
            if deadline <= now {
                let upstream = upstream.address().origin.clone();
                return Err(RequestError::Timeout { upstream, what: "answer", limit });
            }
        }
    }

    fn has_failed(&self) -> bool {
        self.progress.is_some_and(Progress::has_failed)
    }

    fn blame(&self, lease: &Lease, error: hyper::Error) -> RequestError {
        if let Some(failure) = self.progress.and_then(Progress::take_failure) {
            return failure.into();
        }
        RequestError::Broken { upstream: lease.upstream().address().origin.clone(), source: error }
    }
}

/// RFC 9110 section 9.2.2.
fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

fn towards_client(
    proxy: &model::Proxy,
    mut response: Response<Incoming>,
    lease: Lease,
    context: &Context<'_>,
    switching: Option<Switching>,
    means: &Means<'_>,
) -> Result<Response<Body>, RequestError> {
    let wrong = |what| {
        let upstream = lease.upstream();
        upstream.standing().note(Trouble::Wrong);
        RequestError::WrongAnswer { upstream: upstream.address().origin.clone(), what }
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let Some(switching) = switching else { return Err(wrong("it switched protocols without being asked")) };
        switching.wish.judge(response.headers()).map_err(wrong)?;
        let upstream = hyper::upgrade::on(&mut response);
        headers::remove_hop_by_hop(response.headers_mut());
        switching.wish.answer(response.headers_mut());
        let (host, upstream_address) = (context.authority.host.clone(), lease.upstream().address().clone());
        let led = switching.open.led(host, context.path, upstream_address);
        let tunnel = switch::Tunnel {
            led,
            counted: lease.upstream().count_tunnel(),
            idle: proxy.upgrade_idle_timeout,
            entry: means.entry.cloned(),
        };
        tunnel.spawn(switching.client, upstream);
        let mut response = response.map(|_| Body::Empty);
        headers::apply(response.headers_mut(), &proxy.response_headers);
        if matches!(switching.wish, Wish::Connect(_)) {
            *response.status_mut() = StatusCode::OK;
        }
        return Ok(response);
    }
    if headers::settle_framing(&mut response).map_err(wrong)? == headers::Framing::Doubtful {
        lease.retire();
    }
    // To HTTP/2's extended CONNECT any 2xx would mean that the tunnel is open (RFC 8441 section 5).
    if response.status().is_success() && matches!(switching, Some(Switching { wish: Wish::Connect(_), .. })) {
        return Err(wrong("it did not switch to WebSocket"));
    }
    let fields = response.headers_mut();
    headers::remove_hop_by_hop(fields);
    location::to_public(fields, &proxy.upstreams, &proxy.host, proxy.strip_prefix, context);
    headers::apply(fields, &proxy.response_headers);
    // What version the upstream speaks is between it and us.
    *response.version_mut() = Version::HTTP_11;
    Ok(response.map(|incoming| Body::Upstream(UpstreamBody::new(incoming, lease, proxy.read_timeout))))
}
