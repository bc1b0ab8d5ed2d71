//! The address that `explain` is asked about, as a client would send it.
//!
//! Blanks and non-ASCII characters are percent-encoded as a browser does it;
//! nothing else is changed, since what is routed is what was sent.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::route::host::Authority;

/// What a browser encodes in a path or query that was typed.
const TYPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');

/// A request as far as its address tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) tls: bool,
    pub(super) authority: Authority,
    /// From its first slash, without the query.
    pub(super) path: String,
    /// With its question mark; empty where there is none.
    pub(super) query: String,
}

impl Asked {
    /// Parses what a person typed; a fragment (`#…`) never leaves a browser and is dropped.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| format!("has no scheme; write https://{}", text.trim_start_matches('/')))?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" | "wss" => true,
            "http" | "ws" => false,
            _ => return Err("is neither an http:// nor an https:// address".into()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?', '\\']).unwrap_or(rest.len()));
        let authority = Authority::parse(authority).map_err(|error| format!("has a host that {error}"))?;
        let target = utf8_percent_encode(target, TYPED).to_string();
        let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { tls, authority, path, query: query.into() })
    }

    /// Path and query.
    pub(super) fn target(&self) -> String {
        format!("{}{}", self.path, self.query)
    }

    pub(super) fn port(&self) -> u16 {
        self.authority.port.unwrap_or(if self.tls { 443 } else { 80 })
    }

    /// The same over https, on the port that redirects name.
    pub(super) fn over_https(&self, port: u16) -> Self {
        let authority = Authority { host: self.authority.host.clone(), port: (port != 443).then_some(port) };
        Self { tls: true, authority, ..self.clone() }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.tls { "https" } else { "http" }, self.authority, self.target())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_a_client_would_send_it() {
        let sent = |text| Asked::parse(text).expect(text).to_string();
        assert_eq!(sent("HTTPS://Site.COM."), "https://site.com/");
        assert_eq!(sent("http://site.com:8080?a=1#x"), "http://site.com:8080/?a=1");
        assert_eq!(sent("https://site.com/Room Name/é"), "https://site.com/Room%20Name/%C3%A9");
        assert_eq!(sent("wss://site.com/a%2Fb/../c"), "https://site.com/a%2Fb/../c");
        assert!(Asked::parse("site.com/x").expect_err("no scheme").ends_with("write https://site.com/x"));
        assert!(Asked::parse("https://a b/").is_err());
        assert!(Asked::parse("ftp://a/").is_err());
    }
}
