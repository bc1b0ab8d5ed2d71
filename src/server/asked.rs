//! What a request asks for: host and path, from a head that says one thing.
//!
//! Refuses, before any route is looked at, every head that two readers could
//! understand differently: two hosts, hosts that contradict one another, a
//! transfer coding that is not exactly `chunked`, and from HTTP/2 what would mean
//! something else on its way down to HTTP/1.1.

use std::borrow::Cow;

use http::header::{self, HeaderMap};
use http::uri::Scheme;
use http::{Method, Request, Uri, Version};
use hyper::ext::Protocol;

use crate::error::RequestError;
use crate::route::host::Authority;
use crate::route::path::decode_unreserved;

use super::guard::is_plain_length;

/// Methods that anything here may take; for `Allow` on those that nothing takes.
const USUAL: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Asked<'u> {
    /// Host and port as the client named them.
    pub(super) authority: Authority,
    /// The path with unreserved characters decoded once; `*` for `OPTIONS *`.
    pub(super) path: Cow<'u, str>,
}

impl<'u> Asked<'u> {
    /// Reads host and path out of a request's head; `uri` is its target, held apart so that the request can move on.
    ///
    /// # Errors
    /// [`RequestError::Bad`] for a head that is not clear, [`RequestError::MethodNotAllowed`] for
    /// `TRACE` (it would echo cookies, RFC 9110 section 9.3.8) and for a `CONNECT` to anywhere.
    pub(super) fn parse<B>(request: &Request<B>, uri: &'u Uri) -> Result<Self, RequestError> {
        let is_tunnel = request.extensions().get::<Protocol>().is_some();
        if request.method() == Method::TRACE || (request.method() == Method::CONNECT && !is_tunnel) {
            return Err(RequestError::MethodNotAllowed(USUAL));
        }
        if request.version() == Version::HTTP_2 {
            check_downgrade(request.headers())?;
        } else {
            check_transfer_coding(request.headers())?;
        }
        let authority = authority(request)?;
        let path = uri.path();
        let is_about_the_server = path == "*" && request.method() == Method::OPTIONS;
        if !path.starts_with('/') && !is_about_the_server {
            return Err(RequestError::Bad("its target is no path"));
        }
        Ok(Self { authority, path: decode_unreserved(path) })
    }
}

/// RFC 9112 section 6.1: whatever is not exactly `chunked`, an intermediary and its upstream may frame differently.
fn check_transfer_coding(fields: &HeaderMap) -> Result<(), RequestError> {
    let mut lines = fields.get_all(header::TRANSFER_ENCODING).iter();
    let Some(line) = lines.next() else { return Ok(()) };
    let exact = line.to_str().is_ok_and(|line| line.trim().eq_ignore_ascii_case("chunked"));
    if exact && lines.next().is_none() {
        Ok(())
    } else {
        Err(RequestError::Bad("its Transfer-Encoding is not \"chunked\""))
    }
}

/// What HTTP/2 frames by itself and HTTP/1.1 would frame by (RFC 9113 sections 8.1.1 and 8.2.1).
///
/// On HTTP/1.1 the guard sees to it, ahead of hyper. That a length fits its DATA, and that no connection's field is there, h2
/// has seen to.
fn check_downgrade(fields: &HeaderMap) -> Result<(), RequestError> {
    for (name, value) in fields {
        if let [b' ' | b'\t', ..] | [.., b' ' | b'\t'] = value.as_bytes() {
            return Err(RequestError::Bad("the value of a field begins or ends with a blank"));
        }
        // To CGI and its like they are the fields with a hyphen.
        if matches!(name.as_str(), "content_length" | "transfer_encoding") {
            return Err(RequestError::Bad("a field says Content_Length or Transfer_Encoding, with an underscore"));
        }
    }
    let mut lengths = fields.get_all(header::CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (_, Some(_)) => Err(RequestError::Bad("it has more than one Content-Length")),
        (Some(length), None) if !is_plain_length(length.as_bytes()) => {
            Err(RequestError::Bad("its Content-Length is not a plain number"))
        }
        _ => Ok(()),
    }
}

/// `Host`, or HTTP/2's `:authority`, or that of an absolute-form target; where there are two they must agree.
fn authority<B>(request: &Request<B>) -> Result<Authority, RequestError> {
    let mut lines = request.headers().get_all(header::HOST).iter();
    let field = match (lines.next(), lines.next()) {
        (Some(_), Some(_)) => return Err(RequestError::Bad("it has more than one Host")),
        (Some(line), None) => {
            let text = line.to_str().map_err(|_| RequestError::Bad("its Host is no host"))?;
            Some(Authority::parse(text).map_err(|_| RequestError::Bad("its Host is no host"))?)
        }
        (None, _) => None,
    };
    let target = match request.uri().authority() {
        None => None,
        Some(text) => Some(
            Authority::parse(text.as_str()).map_err(|_| RequestError::Bad("the authority of its target is no host"))?,
        ),
    };
    match (target, field) {
        (Some(target), Some(field)) if agree(&target, &field, request.uri().scheme()) => Ok(target),
        (Some(_), Some(_)) => Err(RequestError::Bad("its Host contradicts its target")),
        // HTTP/1.1 must have a Host whatever its target (RFC 9112 section 3.2).
        (Some(_), None) if request.version() == Version::HTTP_11 => Err(RequestError::Bad("it has no Host")),
        (Some(one), None) | (None, Some(one)) => Ok(one),
        (None, None) => Err(RequestError::Bad("it has no Host")),
    }
}

/// Whether two authorities are one: same host, and same port when the scheme's own is filled in.
fn agree(target: &Authority, field: &Authority, scheme: Option<&Scheme>) -> bool {
    let own = scheme.map(|scheme| if *scheme == Scheme::HTTPS { 443 } else { 80 });
    let same_port = target.port.or(own) == field.port.or(own);
    target.host == field.host && same_port
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(version: Version, target: &str, hosts: &[&str]) -> Result<String, RequestError> {
        let mut builder = Request::builder().version(version).uri(target);
        for host in hosts {
            builder = builder.header("host", *host);
        }
        let request = builder.body(()).expect("a request");
        Asked::parse(&request, request.uri()).map(|asked| format!("{} {}", asked.authority, asked.path))
    }

    #[test]
    fn r68_an_absolute_target_and_its_host_must_agree() {
        let h1 = Version::HTTP_11;
        assert_eq!(asked(h1, "http://chat.example/x", &["CHAT.example"]).expect("agreed"), "chat.example /x");
        assert_eq!(asked(h1, "http://chat.example:80/x", &["chat.example"]).expect("agreed"), "chat.example:80 /x");
        assert!(asked(h1, "http://chat.example/x", &["evil.example"]).is_err());
        assert!(asked(h1, "http://user@chat.example/x", &["chat.example"]).is_err());
        assert!(asked(h1, "http://chat.example/x", &[]).is_err());
    }

    #[test]
    fn r51_r52_http2_has_authority_or_host_or_both_the_same() {
        let h2 = Version::HTTP_2;
        assert_eq!(asked(h2, "https://a.example/x", &[]).expect("authority"), "a.example /x");
        assert_eq!(asked(h2, "/x", &["a.example"]).expect("host"), "a.example /x");
        assert_eq!(asked(h2, "https://a.example/x", &["a.example"]).expect("both"), "a.example /x");
        assert!(asked(h2, "https://a.example/x", &["b.example"]).is_err());
        assert!(asked(h2, "/x", &[]).is_err());
    }

    #[test]
    fn two_hosts_or_a_host_that_is_none_are_refused() {
        let h1 = Version::HTTP_11;
        assert!(asked(h1, "/", &["a.example", "a.example"]).is_err());
        for host in ["::1", "a b", "", "a.example:x", "a.example,b.example", "a/b"] {
            assert!(asked(h1, "/", &[host]).is_err(), "{host}");
        }
        assert_eq!(asked(h1, "/%7Ea%2Fb", &["[::1]:8443"]).expect("a host"), "[::1]:8443 /~a%2Fb");
    }

    #[test]
    fn r64_a_transfer_coding_is_chunked_and_nothing_else() {
        for (lines, fine) in [
            (&["chunked"][..], true),
            (&["Chunked\t"], true),
            (&["gzip, chunked"], false),
            (&["chunked", "chunked"], false),
            (&["xchunked"], false),
            (&["chunked, identity"], false),
        ] {
            let mut fields = HeaderMap::new();
            for line in lines {
                fields.append(header::TRANSFER_ENCODING, line.parse().expect("a value"));
            }
            assert_eq!(check_transfer_coding(&fields).is_ok(), fine, "{lines:?}");
        }
    }
}
