//! Laws of a head's way through, tried on whatever proptest thinks of.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::tests::sent_on;
use super::*;

/// A field as a parser hands it over: no blanks round its value.
fn field() -> impl Strategy<Value = (HeaderName, HeaderValue)> {
    let name = prop_oneof![
        3 => select(vec![
            "connection", "keep-alive", "te", "transfer-encoding", "upgrade", "host", "content-length", "cookie",
            "x-forwarded-for", "x-forwarded-proto", "x-forwarded-foo", "x-real-ip", "forwarded", "expect", "accept",
        ])
        .prop_map(str::to_owned),
        1 => "[a-z0-9!#$%&'*+.^_`|~-]{1,12}",
    ];
    let value = prop_oneof![
        2 => vec(select(vec!["close", "keep-alive", "accept", "x-real-ip", "Host", "content-length", "te", "", "=", "ü"]), 0..4)
            .prop_map(|tokens| tokens.join(", ").into_bytes()),
        1 => vec(prop_oneof![Just(b'\t'), b' '..=b'~', 0x80..=0xff_u8], 0..20),
    ];
    (name, value).prop_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a token");
        (name, HeaderValue::from_bytes(value.trim_ascii()).expect("no control character"))
    })
}

fn head(fields: &[(HeaderName, HeaderValue)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(name, value.clone());
    }
    map
}

/// The head as it stands on the wire.
fn written(fields: &HeaderMap) -> Vec<u8> {
    let mut bytes = b"GET / HTTP/1.1\r\n".to_vec();
    for (name, value) in fields {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes
}

proptest! {
    #[test]
    fn a_rewritten_head_is_read_as_itself(fields in vec(field(), 0..12), trusted: bool) {
        let fields = sent_on(head(&fields), trusted);
        let bytes = written(&fields);
        let mut space = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut space);
        prop_assert_eq!(request.parse(&bytes), Ok(httparse::Status::Complete(bytes.len())));
        let read: Vec<(HeaderName, HeaderValue)> = request
            .headers
            .iter()
            .map(|field| {
                let name = HeaderName::from_bytes(field.name.as_bytes()).expect("a token");
                (name, HeaderValue::from_bytes(field.value).expect("a value"))
            })
            .collect();
        prop_assert_eq!(head(&read), fields);
    }

    #[test]
    fn nothing_of_one_hop_goes_on_and_all_else_does(fields in vec(field(), 0..12)) {
        let before = head(&fields);
        let mut after = before.clone();
        remove_hop_by_hop(&mut after);
        let named: Vec<String> = before
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|token| token.trim().to_ascii_lowercase())
            .filter(|token| token != "host" && token != "content-length")
            .collect();
        for name in before.keys() {
            let of_one_hop = HOP_BY_HOP.contains(name) || named.iter().any(|token| token == name.as_str());
            let values = |map: &HeaderMap| map.get_all(name).iter().cloned().collect::<Vec<_>>();
            prop_assert_eq!(values(&after), if of_one_hop { vec![] } else { values(&before) }, "{}", name);
        }
        let once = after.clone();
        remove_hop_by_hop(&mut after);
        prop_assert_eq!(after, once);
    }

    #[test]
    fn what_a_client_says_of_itself_is_never_believed(fields in vec(field(), 0..12)) {
        let fields = sent_on(head(&fields), false);
        let one = |name: &'static str| {
            let values: Vec<_> = fields.get_all(name).iter().map(|value| value.as_bytes().to_vec()).collect();
            (values.len() == 1).then(|| values.concat())
        };
        prop_assert_eq!(one("x-forwarded-for"), Some(b"203.0.113.9".to_vec()));
        prop_assert_eq!(one("x-real-ip"), Some(b"203.0.113.9".to_vec()));
        prop_assert_eq!(one("x-forwarded-proto"), Some(b"https".to_vec()));
        prop_assert_eq!(one("x-forwarded-host"), Some(b"chat.example".to_vec()));
        prop_assert_eq!(one("x-forwarded-port"), Some(b"443".to_vec()));
        let ours = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"];
        for name in fields.keys().map(HeaderName::as_str).filter(|name| name.starts_with("x-forwarded-")) {
            prop_assert!(ours.contains(&name), "{name}");
        }
        prop_assert!(!fields.contains_key(header::FORWARDED));
    }
}
