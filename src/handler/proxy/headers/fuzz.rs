//! Fuzzers' door to what becomes of fields on their way through.

use std::cell::Cell;
use std::net::IpAddr;

use crate::config::model::{UpstreamAddress, UpstreamHost};
use crate::fuzzing;
use crate::handler::RequestId;
use crate::handler::proxy::location;
use crate::route::path::PathPrefix;

use super::*;

/// Who sends, and whether that is a trusted proxy.
const PEERS: [(IpAddr, bool); 2] = [
    (IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9)), false),
    (IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 9)), true),
];

/// The head of a request, or that of an answer.
///
/// What goes on is read as itself, has nothing of one hop, and says of the client what we know and no client can forge.
pub fn headers(data: &[u8]) {
    if data.starts_with(b"HTTP/1.") {
        answer(data);
    } else if let Some(request) = fuzzing::head(data) {
        for (peer, peer_trusted) in PEERS {
            towards(request.headers(), peer, peer_trusted);
        }
    }
}

fn is_trusted(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.octets()[0] == 10)
}

fn values(fields: &HeaderMap, name: &HeaderName) -> Vec<HeaderValue> {
    fields.get_all(name).iter().cloned().collect()
}

fn is_ours(name: &HeaderName) -> bool {
    *name == X_REAL_IP || name.as_str().starts_with("x-forwarded-")
}

/// Whether a `Connection` line of these fields takes this field out.
fn is_named(before: &HeaderMap, name: &HeaderName) -> bool {
    let lines = before.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    let mut tokens = lines.flat_map(|line| line.split(',')).map(str::trim);
    *name != header::HOST
        && *name != header::CONTENT_LENGTH
        && tokens.any(|token| token.eq_ignore_ascii_case(name.as_str()))
}

fn towards(before: &HeaderMap, peer: IpAddr, peer_trusted: bool) {
    let authority = Authority::parse("chat.example").expect("an authority");
    let prefix = PathPrefix::parse("/chat").expect("a prefix");
    let client = if peer_trusted { client_behind(before, peer, is_trusted) } else { peer };
    let scheme = match says_https(before) {
        Some(false) if peer_trusted => Scheme::HTTP,
        _ => Scheme::HTTPS,
    };
    let time = Cell::new(None);
    let context = Context {
        id: RequestId(1),
        scheme: scheme.clone(),
        authority: &authority,
        local_port: 443,
        peer,
        client,
        peer_trusted,
        prefix: &prefix,
        path: "/chat/",
        rest: "/",
        upstream_time: &time,
    };
    let mut after = before.clone();
    towards_upstream(&mut after, &context);

    read_again(&after);
    for name in HOP_BY_HOP.iter().chain([&header::TRAILER, &header::EXPECT, &header::FORWARDED, &MATTERMOST_USER_ID]) {
        assert!(!after.contains_key(name), "{name}");
    }
    for name in after.keys().filter(|name| !is_ours(name)) {
        assert!(!is_named(before, name), "{name} was named by Connection");
        if *name != header::COOKIE {
            assert_eq!(values(&after, name), values(before, name), "{name}");
        }
    }
    for name in [header::HOST, header::CONTENT_LENGTH] {
        assert_eq!(values(&after, &name), values(before, &name));
    }
    assert!(values(&after, &header::COOKIE).len() <= 1);

    // What we say of the client is said once, and by us.
    let said = |name: &HeaderName| match &values(&after, name)[..] {
        [one] => one.to_str().expect("ASCII").to_owned(),
        several => panic!("{name}: {several:?}"),
    };
    assert_eq!(said(&X_REAL_IP), client.to_string());
    assert_eq!(said(&X_FORWARDED_PROTO), scheme.as_str());
    let chain = said(&X_FORWARDED_FOR);
    if peer_trusted {
        assert!(chain.ends_with(&peer.to_string()), "{chain}");
    } else {
        assert_eq!(chain, peer.to_string());
        assert_eq!((&*said(&X_FORWARDED_HOST), &*said(&X_FORWARDED_PORT)), ("chat.example", "443"));
    }
    // Whoever trusts us and the same proxies comes to the same client.
    assert_eq!(client_behind(&after, PEERS[1].0, is_trusted), client, "{chain}");
}

/// Written and parsed, these fields are these fields.
fn read_again(fields: &HeaderMap) {
    let bytes = fuzzing::written(fields);
    let mut space = [httparse::EMPTY_HEADER; 128];
    match httparse::parse_headers(&bytes, &mut space) {
        Ok(httparse::Status::Complete((length, read))) => {
            assert_eq!(length, bytes.len());
            assert_eq!(fuzzing::fields(read).as_ref(), Some(fields));
        }
        other => panic!("{other:?} of {fields:?}"),
    }
}

fn answer(data: &[u8]) {
    let mut space = [httparse::EMPTY_HEADER; 100];
    let mut read = httparse::Response::new(&mut space);
    if !read.parse(data).is_ok_and(|status| status.is_complete()) {
        return;
    }
    let Some(fields) = fuzzing::fields(read.headers) else { return };
    let Some(Ok(status)) = read.code.map(StatusCode::from_u16) else { return };
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = fields.clone();
    if settle_framing(&mut response).is_err() {
        return;
    }
    let codings = response.headers().contains_key(header::TRANSFER_ENCODING);
    assert!(!(codings && response.headers().contains_key(header::CONTENT_LENGTH)), "framed in two ways");
    remove_hop_by_hop(response.headers_mut());
    let settled = response.headers().clone();
    for name in HOP_BY_HOP {
        assert!(!settled.contains_key(name));
    }
    for strip in [false, true] {
        let mut after = settled.clone();
        moved(&mut after, strip);
        read_again(&after);
        let once = after.clone();
        if !strip {
            moved(&mut after, strip);
            assert_eq!(after, once, "moved twice");
        }
        for name in settled.keys().filter(|name| !["location", "content-location", "refresh"].contains(&name.as_str()))
        {
            assert_eq!(values(&after, name), values(&settled, name));
        }
    }
}

/// The addresses of an upstream made public.
fn moved(fields: &mut HeaderMap, strip: bool) {
    let upstream = UpstreamAddress {
        tls: false,
        host: crate::route::host::Host::parse("127.0.0.1").expect("a host"),
        port: 8065,
        origin: "http://127.0.0.1:8065".into(),
    };
    let host = UpstreamHost::Fixed(Authority::parse("inner.example").expect("an authority"));
    let authority = Authority::parse("chat.example").expect("an authority");
    let prefix = PathPrefix::parse("/chat").expect("a prefix");
    let context = Context {
        id: RequestId(1),
        scheme: Scheme::HTTPS,
        authority: &authority,
        local_port: 443,
        peer: PEERS[0].0,
        client: PEERS[0].0,
        peer_trusted: false,
        prefix: &prefix,
        path: "/chat/",
        rest: "/",
        upstream_time: &Cell::new(None),
    };
    location::to_public(fields, &[upstream], &host, strip, &context);
}
