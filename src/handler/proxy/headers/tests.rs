use std::cell::Cell;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::uri::Scheme;

use super::*;
use crate::handler::RequestId;
use crate::route::path::PathPrefix;

fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).expect(name);
        map.append(name, HeaderValue::from_str(value).expect(value));
    }
    map
}

fn lines(map: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<String> =
        map.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))).collect();
    lines.sort();
    lines
}

/// What goes upstream of a client's fields.
pub(super) fn sent_on(mut map: HeaderMap, trusted: bool) -> HeaderMap {
    let authority = Authority::parse("chat.example").expect("an authority");
    let prefix = PathPrefix::parse("/").expect("a prefix");
    let time = Cell::new(None);
    let context = Context {
        id: RequestId(1),
        scheme: Scheme::HTTPS,
        authority: &authority,
        local_port: 443,
        peer: "203.0.113.9".parse().expect("an address"),
        client: "203.0.113.9".parse().expect("an address"),
        peer_trusted: trusted,
        prefix: &prefix,
        path: "/",
        rest: "/",
        upstream_time: &time,
    };
    towards_upstream(&mut map, &context);
    map
}

fn upstream(lines_in: &[(&str, &str)], trusted: bool) -> Vec<String> {
    lines(&sent_on(fields(lines_in), trusted))
}

const OURS: [&str; 5] = [
    "x-forwarded-for: 203.0.113.9",
    "x-forwarded-host: chat.example",
    "x-forwarded-port: 443",
    "x-forwarded-proto: https",
    "x-real-ip: 203.0.113.9",
];

#[test]
fn r12_what_a_client_says_of_itself_is_replaced() {
    let forged = [
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-Forwarded-For", "5.6.7.8"),
        ("X-Real-IP", "1.2.3.4"),
        ("Forwarded", "for=1.2.3.4"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Server", "evil"),
        ("X-Forwarded-Prefix", "/evil"),
        ("Mattermost-User-Id", "somebody"),
    ];
    assert_eq!(upstream(&forged, false), OURS);
}

#[test]
fn r14_what_connection_names_comes_out_before_ours_go_in() {
    let nominated = [
        ("Connection", "close, X-Forwarded-For, X-Forwarded-Proto, Host"),
        ("Connection", "X-Secret"),
        ("Host", "chat.example"),
        ("X-Secret", "1"),
        ("Keep-Alive", "timeout=5"),
    ];
    let mut expected = vec!["host: chat.example"];
    expected.extend(OURS);
    assert_eq!(upstream(&nominated, false), expected);
}

#[test]
fn r71_every_hop_by_hop_field_comes_out() {
    let hop = [
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"),
        ("Proxy-Authorization", "Basic eA=="),
        ("Proxy-Connection", "keep-alive"),
        ("TE", "trailers"),
        ("Trailer", "x"),
        ("Transfer-Encoding", "chunked"),
        ("Expect", "100-continue"),
    ];
    assert_eq!(upstream(&hop, false), OURS);
}

#[test]
fn a_trusted_proxys_chain_is_kept_and_appended_to() {
    let chain = [
        ("X-Forwarded-For", "198.51.100.7, 10.0.0.1"),
        ("X-Forwarded-Host", "a.example"),
        ("X-Forwarded-Port", "8443"),
    ];
    assert_eq!(
        upstream(&chain, true),
        [
            "x-forwarded-for: 198.51.100.7, 10.0.0.1, 203.0.113.9",
            "x-forwarded-host: a.example",
            "x-forwarded-port: 8443",
            "x-forwarded-proto: https",
            "x-real-ip: 203.0.113.9",
        ]
    );
}

#[test]
fn r49_cookie_crumbs_become_one_line_in_their_order() {
    let crumbs = [("cookie", "a=1"), ("accept", "*/*"), ("cookie", "b=2"), ("cookie", "c=3")];
    assert!(upstream(&crumbs, false).contains(&"cookie: a=1; b=2; c=3".to_owned()));
    let crumbs = [("cookie", ""), ("cookie", "a=1"), ("cookie", ""), ("cookie", "b=2"), ("cookie", "")];
    assert!(upstream(&crumbs, false).contains(&"cookie: a=1; b=2".to_owned()), "an empty crumb adds nothing");
}

#[test]
fn r62_a_connection_line_that_is_no_text_goes_quietly() {
    let mut map = fields(&[("x", "1")]);
    map.append(header::CONNECTION, HeaderValue::from_bytes(b"\xFF, close").expect("opaque bytes"));
    remove_hop_by_hop(&mut map);
    assert_eq!(lines(&map), ["x: 1"]);
}

#[test]
fn the_client_is_found_from_right_to_left() {
    let peer: IpAddr = "10.0.0.2".parse().expect("an address");
    let trusted = |address: IpAddr| address.to_string().starts_with("10.");
    let client = |lines_in: &[(&str, &str)]| client_behind(&fields(lines_in), peer, trusted).to_string();
    assert_eq!(client(&[("x-forwarded-for", "1.2.3.4, 198.51.100.7, 10.0.0.1")]), "198.51.100.7");
    assert_eq!(client(&[("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", "[2001:db8::1]:443")]), "2001:db8::1");
    assert_eq!(client(&[("x-forwarded-for", "1.2.3.4, unknown, 10.0.0.1")]), "10.0.0.1");
    assert_eq!(client(&[("x-forwarded-for", "1.2.3.4, 198.51.100.7, , 10.0.0.1,")]), "198.51.100.7", "empty elements");
    assert_eq!(client(&[("x-forwarded-for", "1.2.3.4, \"[2001:db8::1]:443\", 10.0.0.1")]), "2001:db8::1", "quotes");
    assert_eq!(client(&[]), "10.0.0.2");
}

#[test]
fn only_a_clear_word_of_the_scheme_counts() {
    assert_eq!(says_https(&fields(&[("x-forwarded-proto", "HTTPS")])), Some(true));
    assert_eq!(says_https(&fields(&[("x-forwarded-proto", "http, https")])), Some(false));
    // Traefik, of a WebSocket's handshake: to redirect that would keep every socket shut.
    assert_eq!(says_https(&fields(&[("x-forwarded-proto", "wss")])), Some(true));
    assert_eq!(says_https(&fields(&[("x-forwarded-proto", "ws")])), Some(false));
    for unclear in ["on", "\"https\"", "", "httpss"] {
        assert_eq!(says_https(&fields(&[("x-forwarded-proto", unclear)])), None, "{unclear}");
    }
}

/// Who believes what we say of a trusted proxy's chain must not believe more of it than we do.
#[test]
fn nothing_left_of_an_unreadable_line_of_the_chain_goes_on() {
    let mut map = fields(&[("X-Forwarded-For", "1.2.3.4")]);
    map.append(X_FORWARDED_FOR, HeaderValue::from_bytes(b"\xff").expect("a value"));
    map.append(X_FORWARDED_FOR, HeaderValue::from_static("10.0.0.1"));
    let sent = sent_on(map, true);
    assert_eq!(sent[X_FORWARDED_FOR], "10.0.0.1, 203.0.113.9");
}
