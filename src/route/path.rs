//! Paths as routing sees them: prefixes on segment borders, unreserved characters decoded once.
//!
//! Nothing here changes what is sent on. It refuses only one thing: a path that
//! dot segments or backslashes would turn into another route's path.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

/// A route's path, matched on segment borders: `/jitsi/` takes `/jitsi`, `/jitsi/` and `/jitsi/x`, never `/jitsix`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathPrefix(Box<str>);

/// Why a text is no path prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PathError {
    /// The first character is not `/`.
    #[error("does not start with \"/\"")]
    NoSlash,
    /// `?` or `#`: routes look at the path alone.
    #[error("has a {0:?}; routes look at the path alone")]
    NotPath(char),
    /// A blank or a control character, which no request target has.
    #[error("has a blank or control character; write it percent-encoded, like %20")]
    Blank,
    /// `.` or `..` as a segment, or a backslash, or two slashes in a row: no client's path would match it.
    #[error("has a \".\" or \"..\" segment, a backslash or an empty segment; write the path that is meant")]
    Unclear,
    /// `%` without two hexadecimal digits.
    #[error("has a \"%\" that is not followed by two hexadecimal digits")]
    BadEscape,
}

impl PathPrefix {
    /// Parses a route's `path`. A trailing slash makes no difference.
    ///
    /// # Errors
    /// Says why no request could match it; see [`PathError`].
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if !text.starts_with('/') {
            return Err(PathError::NoSlash);
        }
        if let Some(c) = text.chars().find(|c| matches!(c, '?' | '#')) {
            return Err(PathError::NotPath(c));
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(PathError::Blank);
        }
        if has_bad_escape(text) {
            return Err(PathError::BadEscape);
        }
        let normal = decode_unreserved(text);
        if normal.contains("//") || resolve_dots(&normal).is_some() {
            return Err(PathError::Unclear);
        }
        Ok(Self(normal.strip_suffix('/').unwrap_or(&normal).into()))
    }

    /// What follows this prefix in a path, beginning with `/` or empty; `None` where the prefix does not match.
    pub fn strip<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(&*self.0)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    /// Length in bytes, by which the longest prefix wins; 0 for `/`.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this is `/`, which takes every path.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The prefix without a trailing slash; empty for `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same prefix on a target as received: the bytes after the segments that this prefix has.
    ///
    /// `target` is path and query as the client sent them. It matches [`PathPrefix::strip`]
    /// of the normalised path, but keeps the client's spelling of the rest.
    pub fn strip_received<'t>(&self, target: &'t str) -> &'t str {
        let segments = self.0.bytes().filter(|&b| b == b'/').count();
        let path_end = target.find('?').unwrap_or(target.len());
        let cut = target[..path_end].match_indices('/').nth(segments).map_or(path_end, |(at, _)| at);
        &target[cut..]
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

/// The path of a request as routing compares it: unreserved characters decoded once, all other escapes in
/// capitals (RFC 3986 sections 6.2.2.1 and 6.2.2.2), and escapes, too, for what some clients send raw beyond ASCII.
///
/// A path with a malformed escape stays as it is: decoding `%%32%65` would make an escape that nobody wrote.
pub fn decode_unreserved(path: &str) -> Cow<'_, str> {
    if (path.is_ascii() && !path.contains('%')) || has_bad_escape(path) {
        return Cow::Borrowed(path);
    }
    let bytes = path.as_bytes();
    let mut out = String::with_capacity(path.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = bytes.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(hex_byte);
        at += if escaped.is_some() { 3 } else { 1 };
        match escaped {
            None if byte.is_ascii() => out.push(byte as char),
            Some(plain) if plain.is_ascii_alphanumeric() || matches!(plain, b'-' | b'.' | b'_' | b'~') => {
                out.push(plain as char);
            }
            Some(other) => escape(other, &mut out),
            None => escape(byte, &mut out),
        }
    }
    Cow::Owned(out)
}

fn escape(byte: u8, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend(['%', DIGITS[usize::from(byte >> 4)] as char, DIGITS[usize::from(byte & 15)] as char]);
}

/// The path as a careless reader might take it: separators decoded, backslashes turned, dot segments resolved.
///
/// `None` where no dot segment and no backslash takes part, so that no reader comes to another path.
pub fn resolve_dots(path: &str) -> Option<String> {
    // Fast path: nothing here can be a dot segment or a backslash.
    if !path.contains("/.") && !path.contains(['%', '\\']) {
        return None;
    }
    let decoded = decode_where(path, |b| b.is_ascii_graphic());
    let mut unclear = decoded.contains('\\');
    let turned = decoded.replace('\\', "/");
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_open = false;
    for segment in turned.split('/').skip(1) {
        // `..;x` is a dot segment to servers that cut path parameters off.
        let bare = segment.split(';').next().unwrap_or(segment);
        ends_open = matches!(bare, "." | "..");
        match bare {
            "." => unclear = true,
            ".." => {
                unclear = true;
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    unclear.then(|| {
        let mut resolved = format!("/{}", kept.join("/"));
        if ends_open && !resolved.ends_with('/') {
            resolved.push('/');
        }
        resolved
    })
}

fn decode_where(path: &str, wanted: impl Fn(u8) -> bool) -> Cow<'_, str> {
    let bytes = path.as_bytes();
    let mut out = String::with_capacity(path.len());
    let mut from = 0;
    let mut at = 0;
    while let Some(step) = path[at..].find('%') {
        at += step;
        match bytes.get(at + 1..at + 3).and_then(hex_byte) {
            Some(byte) if byte.is_ascii() && wanted(byte) => {
                out.push_str(&path[from..at]);
                out.push(byte as char);
                at += 3;
                from = at;
            }
            _ => at += 1,
        }
    }
    if from == 0 {
        return Cow::Borrowed(path);
    }
    out.push_str(&path[from..]);
    Cow::Owned(out)
}

fn has_bad_escape(path: &str) -> bool {
    path.match_indices('%').any(|(at, _)| path.as_bytes().get(at + 1..at + 3).and_then(hex_byte).is_none())
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let high = (digits[0] as char).to_digit(16)?;
    let low = (digits[1] as char).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> PathPrefix {
        PathPrefix::parse(text).expect(text)
    }

    #[test]
    fn a_prefix_ends_on_a_segment_border() {
        for spelled in ["/jitsi", "/jitsi/"] {
            let jitsi = prefix(spelled);
            assert_eq!(jitsi.strip("/jitsi"), Some(""));
            assert_eq!(jitsi.strip("/jitsi/"), Some("/"));
            assert_eq!(jitsi.strip("/jitsi/Room%20Name"), Some("/Room%20Name"));
            assert_eq!(jitsi.strip("/jitsix"), None);
            assert_eq!(jitsi.strip("/Jitsi"), None);
        }
        assert_eq!(prefix("/").strip("/anything"), Some("/anything"));
    }

    #[test]
    fn what_no_request_could_match_is_refused() {
        assert_eq!(PathPrefix::parse("jitsi"), Err(PathError::NoSlash));
        assert_eq!(PathPrefix::parse("/a?b"), Err(PathError::NotPath('?')));
        assert_eq!(PathPrefix::parse("/a b"), Err(PathError::Blank));
        assert_eq!(PathPrefix::parse("/a/../b"), Err(PathError::Unclear));
        assert_eq!(PathPrefix::parse("/a//b"), Err(PathError::Unclear));
        assert_eq!(PathPrefix::parse("/a\\b"), Err(PathError::Unclear));
        assert_eq!(PathPrefix::parse("/50%"), Err(PathError::BadEscape));
    }

    #[test]
    fn only_unreserved_characters_are_decoded() {
        assert_eq!(decode_unreserved("/%6aitsi/%7Ex"), "/jitsi/~x");
        assert_eq!(decode_unreserved("/a%2Fb%20c"), "/a%2Fb%20c");
        assert_eq!(decode_unreserved("/%%32%65/%7Ex"), "/%%32%65/%7Ex");
        assert_eq!(prefix("/größe").as_str(), "/gr%C3%B6%C3%9Fe");
        // What is one path in every spelling is one path to routing.
        for spelled in ["/größe", "/gr%C3%B6%C3%9Fe", "/gr%c3%b6%c3%9fe", "/%67r%c3%B6ße"] {
            assert_eq!(decode_unreserved(spelled), "/gr%C3%B6%C3%9Fe", "{spelled}");
        }
        assert_eq!(decode_unreserved("/a%2fb"), "/a%2Fb");
    }

    #[test]
    fn dot_segments_are_seen_in_every_spelling() {
        for path in
            ["/a/../b", "/a/%2e%2E/b", "/a/..%2fb", "/a%2f..%2fb", "/a\\..\\b", "/a/%2e./b", "/a%5c../b", "/a/..;x=1/b"]
        {
            assert_eq!(resolve_dots(path).as_deref(), Some("/b"), "{path}");
        }
        assert_eq!(resolve_dots("/a/."), Some("/a/".into()));
        assert_eq!(resolve_dots("/../.."), Some("/".into()));
        for clear in ["/a/.hidden", "/a..b/c...", "/a%2Fb//c;d", "/%252e%252e/x", "/a/b%00"] {
            assert_eq!(resolve_dots(clear), None, "{clear}");
        }
    }

    #[test]
    fn the_received_spelling_of_the_rest_is_kept() {
        assert_eq!(prefix("/jitsi").strip_received("/%6aitsi/a%2Fb?x=/"), "/a%2Fb?x=/");
        assert_eq!(prefix("/jitsi").strip_received("/jitsi?x"), "?x");
        assert_eq!(prefix("/").strip_received("/a/b"), "/a/b");
        assert_eq!(prefix("/a/b").strip_received("/a/b/c"), "/c");
    }
}
