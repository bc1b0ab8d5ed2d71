//! Whether a request came from a page of this host, and where a login may lead back to.
//!
//! It refuses every address that is not plainly a path of this host: browsers read
//! `//evil.example` and `/\evil.example` as another host, and drop tabs and line
//! breaks before they read.

use http::{HeaderMap, header};

/// Whether `Origin` names the host that was asked; whoever sends none is no browser.
///
/// Mattermost's own rule for its WebSocket: `null` is refused.
pub(super) fn is_own(fields: &HeaderMap) -> bool {
    let Some(origin) = fields.get(header::ORIGIN) else { return true };
    let host = fields.get(header::HOST).map(http::HeaderValue::as_bytes);
    let origin = origin.as_bytes();
    let bare = origin.strip_prefix(b"https://").or_else(|| origin.strip_prefix(b"http://"));
    bare.is_some_and(|bare| host.is_some_and(|host| bare.eq_ignore_ascii_case(host)))
}

/// `path` where it is an absolute path of this host, with or without a query.
pub(super) fn own_path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?;
    let plain = |b: u8| b.is_ascii_graphic() && b != b'\\';
    (!rest.starts_with('/') && path.bytes().all(plain)).then_some(path)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn r110_a_login_leads_back_to_own_absolute_paths_alone() {
        for path in ["/", "/jitsi/Room", "/jitsi/Room%20Name?x=1&y=//z"] {
            assert_eq!(own_path(path), Some(path));
        }
        for other in [
            "",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            " //evil.example",
            "https://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "jitsi/Room",
            "/größe",
        ] {
            assert_eq!(own_path(other), None, "{other:?}");
        }
    }

    #[test]
    fn another_sites_page_is_told_apart_by_its_origin() {
        let came = |origin: Option<&'static str>| {
            let mut fields = HeaderMap::new();
            fields.insert(header::HOST, HeaderValue::from_static("chat.localhost:8443"));
            if let Some(origin) = origin {
                fields.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            is_own(&fields)
        };
        assert!(came(None));
        assert!(came(Some("https://chat.localhost:8443")));
        for other in
            ["https://chat.localhost", "https://evil.example", "https://chat.localhost:8443.evil.example", "null", ""]
        {
            assert!(!came(Some(other)), "{other}");
        }
    }
}
