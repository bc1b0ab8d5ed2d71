//! Switching protocols: which request may, and what the two heads say.
//!
//! HTTP/1.1's `Upgrade` (RFC 9110 section 7.8) goes upstream rebuilt from a real
//! one. HTTP/2's extended CONNECT (RFC 8441) is translated to it. Anything else
//! that wants to upgrade goes on as an ordinary request.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Version};
use hyper::ext::Protocol;

/// What a server appends to a key before hashing it (RFC 6455 section 1.3).
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// How a client asks for another protocol on its connection or stream.
#[derive(Debug)]
pub(super) enum Wish {
    /// `Upgrade` on HTTP/1.1: the protocol as it wrote it.
    Upgrade(HeaderValue),
    /// Extended CONNECT on HTTP/2, for WebSocket; the key that we ask the upstream with.
    Connect(String),
}

/// What a request wishes, where the route allows it.
///
/// Look before hop-by-hop fields are taken out.
pub(super) fn wish<B>(request: &Request<B>, allowed: &[String]) -> Option<Wish> {
    let is_allowed = |protocol: &str| allowed.iter().any(|name| name.eq_ignore_ascii_case(protocol));
    if request.method() == Method::CONNECT {
        let protocol = request.extensions().get::<Protocol>()?;
        return (protocol.as_str() == "websocket" && is_allowed("websocket")).then(|| Wish::Connect(new_key()));
    }
    if request.version() != Version::HTTP_11 || !names_upgrade(request.headers()) || carries_something(request) {
        return None;
    }
    let value = request.headers().get(header::UPGRADE)?;
    // A list offers a choice that an intermediary cannot make; only a single protocol is taken.
    let protocol = value.to_str().ok()?.trim();
    is_allowed(protocol).then(|| Wish::Upgrade(value.clone()))
}

/// Whether this is more than the bodiless GET that an upgrade goes up as (RFC 6455 section 4.1): such a request goes on without it.
fn carries_something<B>(request: &Request<B>) -> bool {
    let fields = request.headers();
    let length = fields.get(header::CONTENT_LENGTH).map(HeaderValue::as_bytes);
    request.method() != Method::GET
        || fields.contains_key(header::TRANSFER_ENCODING)
        || length.is_some_and(|length| length != b"0")
}

/// Whether a `Connection` line has the token `upgrade`, as Firefox's `keep-alive, Upgrade` has.
fn names_upgrade(fields: &HeaderMap) -> bool {
    fields
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
}

impl Wish {
    /// Puts the two fields of an upgrade, and for extended CONNECT the key, into the head that goes upstream.
    pub(super) fn ask(&self, fields: &mut HeaderMap) {
        fields.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        match self {
            Self::Upgrade(protocol) => {
                fields.insert(header::UPGRADE, protocol.clone());
            }
            Self::Connect(key) => {
                fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                // Base64 is visible ASCII.
                if let Ok(key) = HeaderValue::from_str(key) {
                    fields.insert(header::SEC_WEBSOCKET_KEY, key);
                }
            }
        }
    }

    /// Why an upstream's 101 must not be passed on, if it must not.
    pub(super) fn judge(&self, fields: &HeaderMap) -> Result<(), &'static str> {
        let switched = fields.get(header::UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or("");
        match self {
            Self::Upgrade(asked)
                if asked.to_str().is_ok_and(|asked| asked.trim().eq_ignore_ascii_case(switched.trim())) =>
            {
                Ok(())
            }
            Self::Connect(key) if switched.trim().eq_ignore_ascii_case("websocket") => {
                let proof = fields.get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
                if proof == Some(accept(key).as_bytes()) {
                    Ok(())
                } else {
                    Err("its Sec-WebSocket-Accept does not fit")
                }
            }
            _ => Err("it switched to a protocol that was not asked for"),
        }
    }

    /// Makes the upstream's fields into those of the answer to the client.
    pub(super) fn answer(&self, fields: &mut HeaderMap) {
        match self {
            Self::Upgrade(protocol) => {
                fields.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
                fields.insert(header::UPGRADE, protocol.clone());
            }
            // Neither field has a meaning on HTTP/2 (RFC 8441 section 5).
            Self::Connect(_) => {
                fields.remove(header::SEC_WEBSOCKET_ACCEPT);
            }
        }
    }
}

/// 16 bytes by chance, in base64 (RFC 6455 section 4.1).
fn new_key() -> String {
    let mut nonce = [0; 16];
    // Without the system's generator the key is a constant; it proves nothing but that the peer speaks WebSocket.
    getrandom::fill(&mut nonce).ok();
    STANDARD.encode(nonce)
}

/// `Sec-WebSocket-Accept` for a key (RFC 6455 section 4.2.2).
fn accept(key: &str) -> String {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &[key.as_bytes(), ACCEPT_GUID].concat());
    STANDARD.encode(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lines: &[(&'static str, &'static str)]) -> Request<()> {
        let mut request = Request::new(());
        for (name, value) in lines {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        request
    }

    fn websocket() -> [String; 1] {
        ["websocket".to_owned()]
    }

    #[test]
    fn r2_firefoxs_connection_line_is_understood() {
        let asked = request(&[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")]);
        assert!(matches!(wish(&asked, &websocket()), Some(Wish::Upgrade(_))));
    }

    #[test]
    fn r69_what_the_route_does_not_allow_is_no_wish() {
        for upgrade in ["h2c", "websocket, h2c", ""] {
            let asked = request(&[("connection", "Upgrade"), ("upgrade", upgrade)]);
            assert!(wish(&asked, &websocket()).is_none(), "{upgrade}");
        }
        assert!(wish(&request(&[("upgrade", "websocket")]), &websocket()).is_none());
    }

    #[test]
    fn the_accept_of_rfc_6455_section_1_3_comes_out() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_wrong_accept_is_not_believed() {
        let wish = Wish::Connect("dGhlIHNhbXBsZSBub25jZQ==".into());
        let mut fields = request(&[("upgrade", "websocket")]).into_parts().0.headers;
        assert!(wish.judge(&fields).is_err());
        fields.insert(header::SEC_WEBSOCKET_ACCEPT, HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert!(wish.judge(&fields).is_ok());
    }
}
