//! A cookie by which a client keeps its upstream.
//!
//! Its value is a keyed hash of the upstream's address: it names one of those that
//! the route has, and tells nobody else which address that is. It stays the same
//! across reloads, restarts and other orders of the list, since the key is the
//! installation's. Who changes it is given to another upstream, and no more.

use std::fmt::Write;

use aws_lc_rs::hmac;
use http::header::{self, HeaderMap, HeaderValue};

use crate::config::model::UpstreamAddress;

/// Of the hash: enough that no two of a route's upstreams share it.
const BYTES: usize = 8;

/// The cookie of one route.
#[derive(Debug)]
pub struct Sticky {
    name: String,
    /// What names each upstream, in their order.
    marks: Vec<String>,
    /// What follows name and mark.
    attributes: String,
}

impl Sticky {
    /// The cookie `name` of the route below `path`.
    pub fn new(name: &str, path: &str, upstreams: &[UpstreamAddress], key: &hmac::Key) -> Self {
        let marks = upstreams.iter().map(|upstream| mark(&upstream.origin, key)).collect();
        // What a cookie's path cannot say it is not asked to: then all of the host's requests bring it.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        let path = if path.starts_with('/') && path.bytes().all(is_plain) { path } else { "/" };
        Self { name: name.to_owned(), marks, attributes: format!("Path={path}; HttpOnly; SameSite=Lax") }
    }

    /// Which upstream a request's cookies name.
    pub(super) fn named(&self, fields: &HeaderMap) -> Option<usize> {
        fields
            .get_all(header::COOKIE)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| {
                let pair = pair.trim_ascii();
                pair.strip_prefix(self.name.as_bytes())?.strip_prefix(b"=")
            })
            .find_map(|value| self.marks.iter().position(|mark| mark.as_bytes() == value))
    }

    /// The `Set-Cookie` that names this one; `secure` where the client came by https.
    pub(super) fn naming(&self, upstream: usize, secure: bool) -> Option<HeaderValue> {
        let mark = self.marks.get(upstream)?;
        let secure = if secure { "; Secure" } else { "" };
        // A token, hexadecimal digits and a plain path: always valid.
        HeaderValue::try_from(format!("{}={mark}; {}{secure}", self.name, self.attributes)).ok()
    }
}

fn mark(origin: &str, key: &hmac::Key) -> String {
    hmac::sign(key, origin.as_bytes()).as_ref()[..BYTES].iter().fold(String::new(), |mut mark, byte| {
        // Writing to a string cannot fail.
        write!(mark, "{byte:02x}").ok();
        mark
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::host::Host;

    fn address(port: u16) -> UpstreamAddress {
        let host = Host::parse("10.0.0.5").expect("an address");
        UpstreamAddress { tls: false, host, port, origin: format!("http://10.0.0.5:{port}") }
    }

    fn sticky(ports: &[u16], key: &[u8]) -> Sticky {
        let upstreams: Vec<_> = ports.iter().copied().map(address).collect();
        Sticky::new("node", "/app", &upstreams, &hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    fn cookies(lines: &[&str]) -> HeaderMap {
        let line = |line: &&str| (header::COOKIE, HeaderValue::from_str(line).expect("a value"));
        lines.iter().map(line).collect()
    }

    #[test]
    fn what_is_set_is_known_again_in_another_order_of_the_upstreams() {
        let set = sticky(&[1, 2], b"key").naming(1, true).expect("a cookie");
        let set = set.to_str().expect("text");
        let (pair, attributes) = set.split_once("; ").expect("attributes");
        assert_eq!(attributes, "Path=/app; HttpOnly; SameSite=Lax; Secure");
        assert!(!pair.contains("10.0.0.5"));
        for lines in [vec![pair], vec!["a=b", &format!("x=y; {pair};z")], vec![&format!("node=old; {pair}")]] {
            assert_eq!(sticky(&[2, 1], b"key").named(&cookies(&lines)), Some(0), "{lines:?}");
        }
        assert_eq!(sticky(&[2, 1], b"another").named(&cookies(&[pair])), None);
        assert_eq!(sticky(&[3, 1], b"key").named(&cookies(&[pair])), None);
        assert_eq!(sticky(&[2, 1], b"key").named(&cookies(&[&format!("no{pair}"), "node", "node="])), None);
    }

    #[test]
    fn over_plain_http_it_is_not_secure_and_an_odd_path_is_the_whole_host() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        let set = Sticky::new("node", "/a;b", &[address(1)], &key).naming(0, false).expect("a cookie");
        assert!(set.to_str().expect("text").ends_with("; Path=/; HttpOnly; SameSite=Lax"));
    }
}
