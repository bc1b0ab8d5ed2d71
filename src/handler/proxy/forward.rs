//! One request to an upstream and its answer back.
//!
//! Bodies stream both ways; nothing waits for the end of one. A request is sent
//! a second time only where no byte of it went out, or where it has no body, its
//! method is idempotent and the connection was a used one.

use std::rc::Rc;

use http::header::{self, HeaderMap, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::time::{Instant, timeout_at};

use crate::body::Body;
use crate::config::model::{self, UpstreamHost};
use crate::error::RequestError;
use crate::handler::Context;
use crate::log::access::Entry;
use crate::outgoing::{CloneHead, Lease, Progress, RequestBody, SendFailure, Upstream, UpstreamBody};
use crate::upload::Upload;

use super::tunnel::{Open, Tunnels};
use super::upgrade::{self, Wish};
use super::{headers, location, switch};

/// What the proxy needs of the worker that it runs on.
#[derive(Debug)]
pub struct Means<'w> {
    /// The route's upstreams, as this worker knows them.
    pub upstreams: &'w [Rc<Upstream>],
    /// Which of them is asked first.
    pub turn: usize,
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
    let (request, progress) = towards_upstream(proxy, request, context, switching.as_ref());
    let begin = Instant::now();
    let exchange = Exchange { proxy, means: &means, progress: progress.as_deref() };
    let (response, lease) = exchange.run(request).await?;
    context.upstream_time.set(Some(begin.elapsed()));
    towards_client(proxy, response, lease, context, switching, &means)
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

/// The sending, with its deadline and its one repetition.
struct Exchange<'e> {
    proxy: &'e model::Proxy,
    means: &'e Means<'e>,
    progress: Option<&'e Progress>,
}

impl Exchange<'_> {
    async fn run(&self, request: Request<RequestBody>) -> Result<(Response<Incoming>, Lease), RequestError> {
        let repeatable = self.progress.is_none() && is_idempotent(request.method());
        let mut lease = self.lease(repeatable).await?;
        let again = (repeatable && lease.is_reused()).then(|| request.clone_head());
        let failure = match self.send(&mut lease, request).await? {
            Ok(response) => return Ok((response, lease)),
            Err(failure) => failure,
        };
        // What the body broke off with counts first: it is why the sending failed.
        let Some(request) = failure.unsent.or(again).filter(|_| !self.has_failed()) else {
            return Err(self.blame(&lease, failure.error));
        };
        let mut lease = Box::pin(lease.upstream().fresh()).await?;
        match self.send(&mut lease, request).await? {
            Ok(response) => Ok((response, lease)),
            Err(failure) => Err(self.blame(&lease, failure.error)),
        }
    }

    /// A connection to the first upstream that takes one, beginning with the one whose turn it is.
    async fn lease(&self, repeatable: bool) -> Result<Lease, RequestError> {
        let upstreams = self.means.upstreams;
        let mut last = RequestError::Internal("a proxy route without upstream".into());
        for step in 0..upstreams.len() {
            match upstreams[(self.means.turn + step) % upstreams.len()].lease(repeatable).await {
                Ok(lease) => return Ok(lease),
                Err(error) => last = error,
            }
        }
        Err(last)
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
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let wrong = |what| RequestError::WrongAnswer { upstream: lease.upstream().address().origin.clone(), what };
        let Some(switching) = switching else { return Err(wrong("it switched protocols without being asked")) };
        switching.wish.judge(response.headers()).map_err(wrong)?;
        let upstream = hyper::upgrade::on(&mut response);
        headers::remove_hop_by_hop(response.headers_mut());
        switching.wish.answer(response.headers_mut());
        let tunnel =
            switch::Tunnel { open: switching.open, idle: proxy.upgrade_idle_timeout, entry: means.entry.cloned() };
        tunnel.spawn(switching.client, upstream);
        let mut response = response.map(|_| Body::Empty);
        headers::apply(response.headers_mut(), &proxy.response_headers);
        if matches!(switching.wish, Wish::Connect(_)) {
            *response.status_mut() = StatusCode::OK;
        }
        return Ok(response);
    }
    let framing = headers::settle_framing(&mut response)
        .map_err(|what| RequestError::WrongAnswer { upstream: lease.upstream().address().origin.clone(), what })?;
    if framing == headers::Framing::Doubtful {
        lease.retire();
    }
    // To HTTP/2's extended CONNECT any 2xx would mean that the tunnel is open (RFC 8441 section 5).
    if response.status().is_success() && matches!(switching, Some(Switching { wish: Wish::Connect(_), .. })) {
        let upstream = lease.upstream().address().origin.clone();
        return Err(RequestError::WrongAnswer { upstream, what: "it did not switch to WebSocket" });
    }
    let fields = response.headers_mut();
    headers::remove_hop_by_hop(fields);
    location::to_public(fields, &proxy.upstreams, &proxy.host, proxy.strip_prefix, context);
    headers::apply(fields, &proxy.response_headers);
    // What version the upstream speaks is between it and us.
    *response.version_mut() = Version::HTTP_11;
    Ok(response.map(|incoming| Body::Upstream(UpstreamBody::new(incoming, lease, proxy.read_timeout))))
}
