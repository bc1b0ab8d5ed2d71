//! Fuzzers' doors to what a client sends: a request's head, HTTP/2's frames.

use http::uri::PathAndQuery;
use http::{Method, Response, StatusCode, Uri, header};

use crate::body::Body;
use crate::config::model::{Redirect, RedirectTarget};
use crate::fuzzing;
use crate::handler::redirect;
use crate::jitsi::device::Device;
use crate::jitsi::identity::{plugin, session};
use crate::route::host::{Authority, Host};
use crate::route::path::decode_unreserved;

use super::asked::Asked;
use super::frames::Frames;

/// The head of a request of HTTP/1.
///
/// It asks for one host and one path or for nothing; of its cookies and its query nothing is taken that could not be
/// ours or Mattermost's.
pub fn request(data: &[u8]) {
    let Some(request) = fuzzing::head(data) else { return };
    let fields = request.headers();
    if let Ok(asked) = Asked::parse(&request, request.uri()) {
        let lines: Vec<_> = fields.get_all(header::HOST).iter().collect();
        assert!(lines.len() <= 1, "two hosts");
        assert!(asked.path.starts_with('/') || asked.path == "*", "{}", asked.path);
        assert_eq!(decode_unreserved(&asked.path), asked.path, "decoded twice");
        let codings: Vec<_> = fields.get_all(header::TRANSFER_ENCODING).iter().collect();
        assert!(codings.iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked")) && codings.len() <= 1);
        // Whoever goes by the field alone comes to the same host.
        let field = lines.first().and_then(|line| line.to_str().ok()).map(Authority::parse);
        if let Some(field) = field {
            assert_eq!(field.map(|field| field.host).as_ref(), Ok(&asked.authority.host));
        }
        if asked.path != "*" {
            redirects(&asked.authority.host, request.uri());
        }
    }
    if let Some(session) = session(fields) {
        let session = session.reveal();
        assert!(!session.is_empty() && session.len() <= 50 && session.bytes().all(|b| b.is_ascii_alphanumeric()));
    }
    let device = Device::of(fields).expect("random numbers");
    assert_eq!(device.id().len(), 22);
    assert!(device.id().bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
    // A route's prefix is ASCII.
    if request.uri().path().is_ascii() {
        let cookie = device.cookie(request.uri().path(), true);
        let text = cookie.to_str().expect("ASCII");
        assert_eq!(text.matches(';').count(), 5, "{text}");
    }
    if let Some(token) = request.uri().query().and_then(plugin::in_query) {
        assert!(!token.is_empty());
    }
}

/// Whatever was asked for, a redirect leads to whom the configuration or routing named.
fn redirects(host: &Host, uri: &Uri) {
    let received = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let location = |response: Response<Body>| response.headers()[header::LOCATION].to_str().ok().map(str::to_owned);
    if let Ok(to_https) = redirect::to_https(&Method::GET, host, 8443, received) {
        let location = location(to_https).unwrap_or_default();
        let behind = location.strip_prefix(&format!("https://{host}:8443"));
        assert!(behind.is_some_and(|behind| behind.starts_with(['/', '?'])), "{location}");
    }
    for (begin, target) in [
        ("https://site.example", RedirectTarget::Origin("https://site.example".into())),
        ("/", RedirectTarget::Template("/".into(), "".into())),
        ("https://site.example/a/", RedirectTarget::Template("https://site.example/a/".into(), "".into())),
    ] {
        let is_origin = matches!(target, RedirectTarget::Origin(_));
        let Ok(response) = redirect::reply(&Redirect { target, status: StatusCode::FOUND }, received) else { continue };
        let location = location(response).unwrap_or_default();
        let behind = location.strip_prefix(begin).expect("it begins as the configuration says");
        assert_eq!(behind.starts_with(['/', '\\']), is_origin && received.starts_with('/'), "{location}");
        assert!(!is_origin || behind.starts_with(['/', '?']), "{location}");
    }
}

/// All that a client sends on one connection of HTTP/2, its preface included.
///
/// However reads cut it, the frames are the same; they are those that stand there.
pub fn frames(stream: &[u8]) {
    let counted = |step: usize| {
        // So many that no clock takes part.
        let mut frames = Frames::new(u32::MAX, u32::MAX);
        for piece in stream.chunks(step) {
            assert_eq!(frames.read(piece, 0), Ok(()));
        }
        (frames.has_greeted(), frames.is_in_head(), frames.farewell())
    };
    let whole = counted(stream.len().max(1));
    assert_eq!(counted(1), whole);
    assert_eq!(counted(stream.len() % 61 + 1), whole);

    let (mut in_head, mut last_stream) = (false, 0);
    let mut rest = stream.get(24..).unwrap_or_default();
    while let Some((&[a, b, c, kind, flags, s, t, u, v], after)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        if kind == 0x1 {
            last_stream = last_stream.max(u32::from_be_bytes([s & 0x7f, t, u, v]));
        }
        if matches!(kind, 0x1 | 0x9) {
            in_head = flags & 0x4 == 0 || after.len() < length;
        }
        rest = after.get(length..).unwrap_or_default();
    }
    let [farewell @ .., _, _, _, _] = whole.2;
    assert_eq!((whole.0, whole.1), (stream.len() >= 24, in_head));
    assert_eq!(farewell[9..], u32::to_be_bytes(last_stream));
}
