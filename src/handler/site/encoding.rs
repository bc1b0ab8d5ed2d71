//! Which content codings a client takes, and which it likes best (RFC 9110 section 12.5.3).
//!
//! What cannot be read in `Accept-Encoding` is passed over: it costs bytes, never an answer.

use http::{HeaderMap, header};

/// A coding that gatepost can serve, the one that makes files smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Coding {
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
    /// RFC 1952.
    Gzip,
}

impl Coding {
    /// All, best first.
    pub(super) const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// Its name in `Content-Encoding`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// What the name of a compressed sibling ends in.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
        }
    }
}

/// What one client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepted {
    /// By `Coding::ALL`, in thousandths; 0 is refused.
    quality: [u16; 3],
    /// The same for no coding at all.
    identity: u16,
}

impl Accepted {
    /// Reads every `Accept-Encoding` line.
    pub(super) fn of(fields: &HeaderMap) -> Self {
        let (mut named, mut identity, mut any) = ([None; 3], None, None);
        for line in fields.get_all(header::ACCEPT_ENCODING) {
            for item in line.to_str().unwrap_or("").split(',') {
                let (name, quality) = read(item);
                let slot = match name {
                    "*" => &mut any,
                    name if name.eq_ignore_ascii_case("identity") => &mut identity,
                    name if name.eq_ignore_ascii_case("br") => &mut named[0],
                    name if name.eq_ignore_ascii_case("zstd") => &mut named[1],
                    name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => &mut named[2],
                    _ => continue,
                };
                *slot = Some(quality);
            }
        }
        Self {
            quality: named.map(|quality| quality.or(any).unwrap_or(0)),
            // Without a word on it, identity is taken, after whatever was named (RFC 9110 section 12.5.3).
            identity: identity.unwrap_or(if any == Some(0) { 0 } else { 1 }),
        }
    }

    /// The codings that are liked at least as well as none, best first.
    pub(super) fn codings(self) -> impl Iterator<Item = Coding> {
        let mut order = Coding::ALL;
        let quality = move |coding: Coding| self.quality[coding as usize];
        order.sort_by_key(|&coding| std::cmp::Reverse(quality(coding)));
        order.into_iter().filter(move |&coding| quality(coding) > 0 && quality(coding) >= self.identity)
    }

    /// Whether a file may be sent as it is.
    pub(super) fn takes_identity(self) -> bool {
        self.identity > 0
    }
}

/// One item: its name and its quality in thousandths (RFC 9110 section 12.4.2); an unreadable quality refuses.
fn read(item: &str) -> (&str, u16) {
    let Some((name, parameter)) = item.split_once(';') else { return (item.trim(), 1000) };
    let quality = match parameter.trim().split_once('=') {
        Some((q, value)) if q.trim().eq_ignore_ascii_case("q") => value.trim().parse::<f32>().unwrap_or(0.0),
        _ => 0.0,
    };
    // The cast saturates, and makes 0 of what is no number.
    (name.trim(), (quality.clamp(0.0, 1.0) * 1000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn accepted(line: &str) -> Accepted {
        let mut fields = HeaderMap::new();
        fields.insert(header::ACCEPT_ENCODING, HeaderValue::from_str(line).expect(line));
        Accepted::of(&fields)
    }

    fn order(line: &str) -> Vec<&'static str> {
        accepted(line).codings().map(Coding::name).collect()
    }

    #[test]
    fn the_best_liked_coding_comes_first() {
        assert_eq!(order("gzip, deflate, br, zstd"), ["br", "zstd", "gzip"]);
        assert_eq!(order("gzip;q=1.0, br;q=0.5"), ["gzip", "br"]);
        assert_eq!(order("GZIP ; Q=0.8"), ["gzip"]);
        assert_eq!(order("x-gzip"), ["gzip"]);
        assert_eq!(order("*"), ["br", "zstd", "gzip"]);
        assert_eq!(order("br;q=0, *"), ["zstd", "gzip"]);
        assert_eq!(order("gzip;q=0.001"), ["gzip"]);
    }

    #[test]
    fn nothing_is_coded_for_who_does_not_ask() {
        assert!(Accepted::of(&HeaderMap::new()).codings().next().is_none());
        for line in ["", "deflate", "gzip;q=0", "identity", "gzip;q=x", "*;q=0", "gzip;level=9", "gzip;q=0.5, identity"]
        {
            assert!(order(line).is_empty(), "{line}");
        }
    }

    #[test]
    fn identity_is_taken_until_it_is_refused() {
        assert!(accepted("gzip").takes_identity());
        assert!(accepted("*;q=0, identity").takes_identity());
        assert!(!accepted("gzip, identity;q=0").takes_identity());
        assert!(!accepted("gzip, *;q=0").takes_identity());
    }
}
