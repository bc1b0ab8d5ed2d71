//! `Host`: a host name or address as routing knows it, lower-cased once, here.
//!
//! Case, one trailing dot and the port never take part in routing. A name that
//! is not ASCII is refused, not converted: whoever typed it meant something
//! else, or must write its `xn--` form.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// Longest host name that DNS can carry, in bytes, without the trailing dot (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 253;
/// Longest label (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;

/// A host without port: a lower-case name, an IPv4 address, or an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host(Box<str>);

/// Why a text is no host or authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HostError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// A byte above 0x7f.
    #[error("has a character that is not ASCII; write an internationalised name in its xn-- form")]
    NotAscii,
    /// A byte that no host name has.
    #[error("has the character {0:?}, which no host name has")]
    BadCharacter(char),
    /// Longer than DNS allows, or a label that is.
    #[error("is longer than a host name can be (253 characters, 63 between dots)")]
    TooLong,
    /// Two dots in a row, or one at the start.
    #[error("has an empty label")]
    EmptyLabel,
    /// An IPv6 address without brackets, or brackets without an IPv6 address in them.
    #[error("is not an IPv6 address in brackets, like [2001:db8::1]")]
    BadIpv6,
    /// What follows the colon is not 1 to 65535.
    #[error("has a port that is not a number from 1 to 65535")]
    BadPort,
    /// A port where only a name may stand.
    #[error("has a port; write the name alone")]
    UnexpectedPort,
}

impl Host {
    /// Parses a host that has no port. One trailing dot is dropped, letters are lower-cased.
    ///
    /// # Errors
    /// Says what no host name or address has; see [`HostError`].
    pub fn parse(text: &str) -> Result<Self, HostError> {
        let authority = Authority::parse(text)?;
        match authority.port {
            None => Ok(authority.host),
            Some(_) => Err(HostError::UnexpectedPort),
        }
    }

    /// The host as it stands in a URL: an IPv6 address with its brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is an address and not a name.
    pub fn is_address(&self) -> bool {
        self.0.starts_with('[') || self.0.parse::<Ipv4Addr>().is_ok()
    }

    fn parse_bracketed(inside: &str) -> Result<Self, HostError> {
        let address: Ipv6Addr = inside.parse().map_err(|_| HostError::BadIpv6)?;
        Ok(Self(format!("[{address}]").into_boxed_str()))
    }

    fn parse_name(text: &str) -> Result<Self, HostError> {
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() {
            return Err(HostError::Empty);
        }
        if name.len() > MAX_NAME {
            return Err(HostError::TooLong);
        }
        let mut label = 0;
        for byte in name.bytes() {
            match byte {
                b'.' if label == 0 => return Err(HostError::EmptyLabel),
                b'.' => label = 0,
                // The underscore is in no host name by RFC 1123, but people's internal names have it.
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => {
                    label += 1;
                    if label > MAX_LABEL {
                        return Err(HostError::TooLong);
                    }
                }
                other if other.is_ascii() => return Err(HostError::BadCharacter(other as char)),
                _ => return Err(HostError::NotAscii),
            }
        }
        if label == 0 {
            return Err(HostError::EmptyLabel);
        }
        Ok(Self(name.to_ascii_lowercase().into_boxed_str()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A host with the port that the client named, if any (RFC 9110 section 7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The host, as routing knows it.
    pub host: Host,
    /// The port as asked for; `None` where the scheme's own is meant.
    pub port: Option<u16>,
}

impl Authority {
    /// Parses `host`, `host:port`, `[v6]` or `[v6]:port`. Userinfo (`user@`) is refused.
    ///
    /// # Errors
    /// Says what no host name or address has; see [`HostError`].
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if let Some(rest) = text.strip_prefix('[') {
            let (inside, after) = rest.split_once(']').ok_or(HostError::BadIpv6)?;
            let host = Host::parse_bracketed(inside)?;
            let port = match after.strip_prefix(':') {
                Some(digits) => parse_port(digits)?,
                None if after.is_empty() => None,
                None => return Err(HostError::BadIpv6),
            };
            return Ok(Self { host, port });
        }
        match text.split_once(':') {
            None => Ok(Self { host: Host::parse_name(text)?, port: None }),
            Some((_, digits)) if digits.contains(':') => Err(HostError::BadIpv6),
            Some((name, digits)) => Ok(Self { host: Host::parse_name(name)?, port: parse_port(digits)? }),
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            None => write!(f, "{}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
        }
    }
}

/// An empty port means the scheme's own (RFC 3986 section 3.2.3).
fn parse_port(digits: &str) -> Result<Option<u16>, HostError> {
    if digits.is_empty() {
        return Ok(None);
    }
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(HostError::BadPort);
    }
    match digits.parse::<u16>() {
        Ok(0) | Err(_) => Err(HostError::BadPort),
        Ok(port) => Ok(Some(port)),
    }
}

/// What a site or a certificate says it answers for: one host, or every name with one more label.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This host alone.
    Exact(Host),
    /// `*.suffix`: any one label before the suffix (RFC 6125 section 6.4.3).
    Wildcard(Host),
}

impl HostPattern {
    /// The one host that it takes, unless it takes many.
    pub fn exact(&self) -> Option<&Host> {
        match self {
            Self::Exact(host) => Some(host),
            Self::Wildcard(_) => None,
        }
    }

    /// Parses `name`, `*.name` or an address.
    ///
    /// # Errors
    /// As [`Host::parse`]; a `*` anywhere but as the whole first label is a bad character.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        match text.strip_prefix("*.") {
            None => Host::parse(text).map(Self::Exact),
            Some(suffix) => {
                let suffix = Host::parse(suffix)?;
                if suffix.is_address() {
                    return Err(HostError::BadCharacter('*'));
                }
                Ok(Self::Wildcard(suffix))
            }
        }
    }

    /// Whether this pattern takes the host.
    pub fn takes(&self, host: &Host) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Wildcard(suffix) => {
                !host.is_address() && host.as_str().split_once('.').is_some_and(|(_, rest)| rest == suffix.as_str())
            }
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => write!(f, "{host}"),
            Self::Wildcard(suffix) => write!(f, "*.{suffix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(text: &str) -> (String, Option<u16>) {
        let parsed = Authority::parse(text).expect(text);
        (parsed.host.to_string(), parsed.port)
    }

    #[test]
    fn case_port_and_one_trailing_dot_do_not_count() {
        assert_eq!(authority("Site.EXAMPLE.:443"), ("site.example".into(), Some(443)));
        assert_eq!(authority("site.example."), ("site.example".into(), None));
        assert_eq!(authority("site.example:"), ("site.example".into(), None));
        assert_eq!(Host::parse("site.example.."), Err(HostError::EmptyLabel));
    }

    #[test]
    fn ipv6_needs_its_brackets_and_has_one_spelling() {
        assert_eq!(authority("[::1]:8443"), ("[::1]".into(), Some(8443)));
        assert_eq!(authority("[0:0:0:0:0:0:0:1]"), ("[::1]".into(), None));
        assert_eq!(Authority::parse("::1"), Err(HostError::BadIpv6));
        assert_eq!(Authority::parse("[::1"), Err(HostError::BadIpv6));
        assert_eq!(Authority::parse("[::1]x"), Err(HostError::BadIpv6));
    }

    #[test]
    fn what_no_host_has_is_named() {
        assert_eq!(Host::parse(""), Err(HostError::Empty));
        assert_eq!(Host::parse("."), Err(HostError::Empty));
        assert_eq!(Host::parse("8×8.vc"), Err(HostError::NotAscii));
        assert_eq!(Host::parse("a b"), Err(HostError::BadCharacter(' ')));
        assert_eq!(Host::parse("user@host"), Err(HostError::BadCharacter('@')));
        assert_eq!(Host::parse("a..b"), Err(HostError::EmptyLabel));
        assert_eq!(Host::parse(".a"), Err(HostError::EmptyLabel));
        assert_eq!(Host::parse("a:80"), Err(HostError::UnexpectedPort));
        assert_eq!(Authority::parse("a:0"), Err(HostError::BadPort));
        assert_eq!(Authority::parse("a:+80"), Err(HostError::BadPort));
        assert_eq!(Authority::parse("a:70000"), Err(HostError::BadPort));
        assert_eq!(Host::parse(&"a".repeat(64)), Err(HostError::TooLong));
    }

    #[test]
    fn a_wildcard_takes_one_label() {
        let pattern = HostPattern::parse("*.Site.example").expect("a wildcard");
        let takes = |name: &str| pattern.takes(&Host::parse(name).expect(name));
        assert!(takes("a.site.example"));
        assert!(!takes("a.b.site.example"));
        assert!(!takes("site.example"));
        assert!(HostPattern::parse("*").is_err());
        assert!(HostPattern::parse("a.*.b").is_err());
    }
}
