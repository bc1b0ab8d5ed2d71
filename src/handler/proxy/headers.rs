//! Fields on their way through an intermediary, as small pure functions.
//!
//! Towards the upstream: hop-by-hop fields and whatever `Connection` names come
//! out first, then what gatepost itself says goes in, so that no client can have
//! our fields taken out or forge them. Towards the client: the same removal, and
//! addresses of the upstream become the public one.

use std::net::IpAddr;

use http::header::{self, Entry, HeaderMap, HeaderName, HeaderValue};
use http::uri::Scheme;
use http::{Response, StatusCode};

use crate::handler::Context;
use crate::route::host::Authority;
use crate::server::guard::is_plain_length;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const MATTERMOST_USER_ID: HeaderName = HeaderName::from_static("mattermost-user-id");

/// Fields that hold for one connection alone (RFC 9110 section 7.6.1, RFC 9112 appendix C.2.2, RFC 7540 section 3.2.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HTTP2_SETTINGS,
];

/// Takes out hop-by-hop fields and every field that a `Connection` line names.
///
/// A `Connection` value that is not ASCII text names nothing and goes with the field.
pub fn remove_hop_by_hop(fields: &mut HeaderMap) {
    if fields.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = fields
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|token| HeaderName::from_bytes(token.trim().as_bytes()).ok())
            // `Connection: host` or `: content-length` is an attack, not a hop's wish.
            .filter(|name| !matches!(*name, header::HOST | header::CONTENT_LENGTH))
            .collect();
        for name in named {
            fields.remove(name);
        }
    }
    for name in HOP_BY_HOP {
        fields.remove(name);
    }
}

/// How sure it is where an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Everybody would read it alike.
    Plain,
    /// The upstream may have meant another end: no further answer on its connection is to be believed.
    Doubtful,
}

/// Leaves an answer one length, the one by which its body was read.
///
/// `chunked` overrides a `Content-Length` beside it, which would cut the body on its further way or break HTTP/2
/// (RFC 9112 section 6.3); 204 has no length (RFC 9110 section 8.6); equal lengths are one.
///
/// # Errors
/// What is wrong: a coding that would have to be undone and that nobody undoes here.
pub fn settle_framing<B>(response: &mut Response<B>) -> Result<Framing, &'static str> {
    let is_204 = response.status() == StatusCode::NO_CONTENT;
    let fields = response.headers_mut();
    let mut codings = fields.get_all(header::TRANSFER_ENCODING).iter();
    let coding = codings.next().map(HeaderValue::as_bytes).map(<[u8]>::trim_ascii);
    // RFC 2616 had `identity`, which means none.
    let known =
        coding.is_none_or(|coding| coding.eq_ignore_ascii_case(b"chunked") || coding.eq_ignore_ascii_case(b"identity"));
    if !known || codings.next().is_some() {
        return Err("its Transfer-Encoding is not \"chunked\"");
    }
    let is_coded = coding.is_some();
    let mut lengths = fields.get_all(header::CONTENT_LENGTH).iter();
    let (length, second) = (lengths.next().map(HeaderValue::as_bytes), lengths.next());
    let is_plain = second.is_none() && length.is_none_or(is_plain_length);
    // A body where none may be, or two ways to its end.
    let is_doubtful = !is_plain
        || (is_coded && length.is_some())
        || (is_204 && (is_coded || length.is_some_and(|length| length != b"0")));
    if is_coded || is_204 {
        fields.remove(header::CONTENT_LENGTH);
    } else if !is_plain {
        match one_length(fields) {
            Some(length) => fields.insert(header::CONTENT_LENGTH, HeaderValue::from(length)),
            // Only where there is no body, as in an answer to HEAD: hyper refuses it elsewhere.
            None => fields.remove(header::CONTENT_LENGTH),
        };
    }
    Ok(if is_doubtful { Framing::Doubtful } else { Framing::Plain })
}

/// The length that all elements of all lines say.
fn one_length(fields: &HeaderMap) -> Option<u64> {
    let mut all = None;
    for line in fields.get_all(header::CONTENT_LENGTH) {
        for element in line.to_str().ok()?.split(',').map(str::trim) {
            // Parsing alone would take a plus.
            let length = element.bytes().all(|byte| byte.is_ascii_digit()).then(|| element.parse::<u64>().ok())??;
            if all.replace(length).is_some_and(|before| before != length) {
                return None;
            }
        }
    }
    all
}

/// Makes a client's fields into the ones that go upstream; `Host` is the matter of [`keep_host`] and [`set_host`].
///
/// - Hop-by-hop fields, `Trailer`, `Expect` (we answer it ourselves) and `Forwarded` come out.
/// - What a client says of `X-Forwarded-*` and `X-Real-IP` is replaced; where the
///   peer is a trusted proxy its chain is kept and appended to.
/// - HTTP/2's cookie crumbs become one line (RFC 9113 section 8.2.3).
pub fn towards_upstream(fields: &mut HeaderMap, context: &Context<'_>) {
    remove_hop_by_hop(fields);
    fields.remove(header::TRAILER);
    fields.remove(header::EXPECT);
    fields.remove(header::FORWARDED);
    // Set by Mattermost itself towards its plugins; from outside it can only be a forgery.
    fields.remove(MATTERMOST_USER_ID);
    join_cookies(fields);
    set_forwarded(fields, context);
}

fn join_cookies(fields: &mut HeaderMap) {
    let Entry::Occupied(mut cookie) = fields.entry(header::COOKIE) else { return };
    let mut crumbs = cookie.iter();
    if crumbs.next().is_some() && crumbs.next().is_none() {
        return;
    }
    let mut joined = Vec::new();
    // An empty one would leave a blank at the value's edge, which is no part of a value (RFC 9110 section 5.5).
    for crumb in cookie.iter().filter(|crumb| !crumb.is_empty()) {
        if !joined.is_empty() {
            joined.extend_from_slice(b"; ");
        }
        joined.extend_from_slice(crumb.as_bytes());
    }
    // Joined from values that were valid, with a separator that is: always valid.
    if let Ok(value) = HeaderValue::from_bytes(&joined) {
        cookie.insert(value);
    }
}

fn set_forwarded(fields: &mut HeaderMap, context: &Context<'_>) {
    let told = if context.peer_trusted { Told::take(fields) } else { Told::default() };
    remove_x_forwarded(fields);
    let peer = context.peer;
    let chain = match told.chain {
        Some(before) => text_value(&format!("{before}, {peer}")),
        None => address_value(peer),
    };
    fields.insert(X_FORWARDED_FOR, chain);
    fields.insert(X_REAL_IP, address_value(context.client));
    fields.insert(X_FORWARDED_PROTO, scheme_value(&context.scheme));
    let host = told.host.unwrap_or_else(|| text_value(&context.authority.to_string()));
    fields.insert(X_FORWARDED_HOST, host);
    let port = told.port.unwrap_or_else(|| HeaderValue::from(public_port(context)));
    fields.insert(X_FORWARDED_PORT, port);
}

/// The port that the client asked for: the one in `Host`, else the scheme's own.
fn public_port(context: &Context<'_>) -> u16 {
    context.authority.port.unwrap_or(if context.scheme == Scheme::HTTPS { 443 } else { 80 })
}

/// What a trusted proxy said of the client.
#[derive(Default)]
struct Told {
    chain: Option<String>,
    host: Option<HeaderValue>,
    port: Option<HeaderValue>,
}

impl Told {
    fn take(fields: &mut HeaderMap) -> Self {
        // As [`client_behind`] reads it: what lies left of a line that cannot be read is not to be believed.
        let readable = fields.get_all(X_FORWARDED_FOR).iter().rev().map_while(|value| value.to_str().ok());
        let mut lines: Vec<&str> = readable.collect();
        lines.reverse();
        let chain = (!lines.is_empty()).then(|| lines.join(", "));
        Self { chain, host: fields.remove(X_FORWARDED_HOST), port: fields.remove(X_FORWARDED_PORT) }
    }
}

/// Takes out every `X-Forwarded-…` and `X-Real-IP`, also those that we do not set.
fn remove_x_forwarded(fields: &mut HeaderMap) {
    fields.remove(X_REAL_IP);
    let named: Vec<HeaderName> =
        fields.keys().filter(|name| name.as_str().starts_with("x-forwarded-")).cloned().collect();
    for name in named {
        fields.remove(name);
    }
}

fn scheme_value(scheme: &Scheme) -> HeaderValue {
    HeaderValue::from_static(if *scheme == Scheme::HTTPS { "https" } else { "http" })
}

fn address_value(address: IpAddr) -> HeaderValue {
    text_value(&address.to_string())
}

/// Addresses, authorities and joined field values are visible ASCII, so this never falls back.
fn text_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

/// Lets the client's `Host` go upstream as it was written, case, trailing dot and port included.
///
/// Mattermost compares it with `Origin`, which the browser spells the same way. The authority of HTTP/2 or of an
/// absolute target stands in its place where there is one (RFC 9112 section 3.2.2).
pub fn keep_host(fields: &mut HeaderMap, of_target: Option<&http::uri::Authority>) {
    if let Some(authority) = of_target {
        fields.insert(header::HOST, text_value(authority.as_str()));
    }
}

/// Sets the one `Host` that goes upstream.
pub fn set_host(fields: &mut HeaderMap, authority: &Authority) {
    fields.insert(header::HOST, text_value(&authority.to_string()));
}

/// Sets or removes the fields that the route names.
pub fn apply(fields: &mut HeaderMap, wanted: &[(HeaderName, Option<HeaderValue>)]) {
    for (name, value) in wanted {
        match value {
            Some(value) => fields.insert(name, value.clone()),
            None => fields.remove(name),
        };
    }
}

/// The client's address behind trusted proxies: the chain read right to left, first address that is not trusted.
///
/// A chain that cannot be read ends the reading: what lies left of it is not to be believed.
pub fn client_behind(fields: &HeaderMap, peer: IpAddr, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut client = peer;
    for line in fields.get_all(X_FORWARDED_FOR).iter().rev() {
        // Empty elements of a list count for nothing (RFC 9110 section 5.6.1.2).
        for element in line.to_str().unwrap_or("?").rsplit(',').filter(|element| !element.trim().is_empty()) {
            let Some(address) = forwarded_address(element) else { return client };
            client = address;
            if !trusted(address) {
                return client;
            }
        }
    }
    client
}

/// One element of `X-Forwarded-For`, as proxies write it: a bare address, or with a port, or in quotes as `Forwarded` has it.
fn forwarded_address(element: &str) -> Option<IpAddr> {
    let element = element.trim().trim_matches('"');
    element
        .parse::<IpAddr>()
        .or_else(|_| element.parse::<std::net::SocketAddr>().map(|address| address.ip()))
        .or_else(|_| element.trim_matches(['[', ']']).parse::<IpAddr>())
        .ok()
        .map(|address| address.to_canonical())
}

/// Whether a trusted proxy says that the client came by https.
pub fn says_https(fields: &HeaderMap) -> Option<bool> {
    let value = fields.get(X_FORWARDED_PROTO)?.to_str().ok()?;
    // A chain of proxies may have made a list of it; the first is the client's own.
    match value.split(',').next().map(str::trim) {
        // Traefik says `wss` of a WebSocket's handshake.
        Some(first) if first.eq_ignore_ascii_case("https") || first.eq_ignore_ascii_case("wss") => Some(true),
        Some(first) if first.eq_ignore_ascii_case("http") || first.eq_ignore_ascii_case("ws") => Some(false),
        _ => None,
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
