//! From the rest of a URL's path to a path below the website's root, and back.
//!
//! Nothing here touches the disk. Percent-encoding is decoded once, empty
//! segments are dropped, dot segments are resolved on the text alone. Refused is
//! what would leave the root, what no file name can hold, and names that begin
//! with a dot, but for `/.well-known/`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::route::path::PathPrefix;

/// Where a request points below the root.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// File names with slashes between them, none at either end; empty for the root itself.
    pub(crate) path: Vec<u8>,
    /// Whether a folder was asked for: the path ends in a slash or a dot segment.
    pub(crate) folder: bool,
}

/// Why a path points at nothing that may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `%` without two hexadecimal digits.
    Malformed,
    /// A name that begins with a dot, or a path out of the root: not even the fallback answers it.
    Closed,
    /// A segment that no file name can be.
    NoName,
}

impl Target {
    /// Reads what follows the route's prefix: empty, or from a slash on, unreserved characters decoded.
    pub(crate) fn parse(rest: &str) -> Result<Self, Refusal> {
        let mut path = Vec::with_capacity(rest.len());
        let mut folder = false;
        for segment in rest.strip_prefix('/').unwrap_or(rest).split('/') {
            let start = path.len();
            if start > 0 {
                path.push(b'/');
            }
            let name = path.len();
            decode(segment, &mut path)?;
            folder = match &path[name..] {
                b"" | b"." => {
                    path.truncate(start);
                    true
                }
                b".." => {
                    path.truncate(start);
                    let parent = path.iter().rposition(|&b| b == b'/').unwrap_or(0);
                    if path.is_empty() {
                        return Err(Refusal::Closed);
                    }
                    path.truncate(parent);
                    true
                }
                name if name.iter().any(|b| matches!(b, 0 | b'/' | b'\\')) => return Err(Refusal::NoName),
                _ => false,
            };
        }
        if is_hidden(&path) {
            return Err(Refusal::Closed);
        }
        Ok(Self { path, folder: folder && !rest.is_empty() })
    }
}

/// Whether a path below the root has a name that begins with a dot; `.well-known` at the root does not count (RFC 8615).
pub(super) fn is_hidden(path: &[u8]) -> bool {
    path.split(|&b| b == b'/')
        .enumerate()
        .any(|(depth, name)| name.starts_with(b".") && !(depth == 0 && name == b".well-known"))
}

/// A path that the configuration names below the root; `None` where it would leave it.
///
/// Dots at the front of a name are the operator's own choice here.
pub(super) fn configured(path: &str) -> Option<Vec<u8>> {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop()?;
            }
            name => kept.push(name),
        }
    }
    (!kept.is_empty()).then(|| kept.join("/").into_bytes())
}

/// The path and query to which a folder that was asked for without its slash is redirected.
///
/// Path only, so that scheme, host and port stay the client's; made anew from
/// what was resolved, so that it never begins with two slashes, which a browser
/// would take for another host.
pub(crate) fn folder_location(prefix: &PathPrefix, path: &[u8], query: Option<&str>) -> String {
    let mut location = format!("{}/", prefix.as_str());
    if !path.is_empty() {
        location.extend(percent_encode(path, PATH));
        location.push('/');
    }
    if let Some(query) = query {
        location.push('?');
        location.push_str(query);
    }
    location
}

/// A reference from a folder's page to what is in it (RFC 3986 section 4.2).
pub(super) fn reference(name: &[u8], folder: bool) -> String {
    // Without `./`, what stands before a colon would be read as a scheme.
    let mut reference = String::from(if name.contains(&b':') { "./" } else { "" });
    reference.extend(percent_encode(name, SEGMENT));
    if folder {
        reference.push('/');
    }
    reference
}

/// All that a segment may not hold as it is (RFC 3986 section 3.3, `pchar`).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');
const PATH: &AsciiSet = &SEGMENT.remove(b'/');

/// Decodes one segment onto `out`.
fn decode(segment: &str, out: &mut Vec<u8>) -> Result<(), Refusal> {
    let bytes = segment.as_bytes();
    let mut from = 0;
    while let Some(step) = bytes[from..].iter().position(|&b| b == b'%') {
        let at = from + step;
        out.extend_from_slice(&bytes[from..at]);
        let digit = |at: usize| bytes.get(at).and_then(|&b| (b as char).to_digit(16)).ok_or(Refusal::Malformed);
        let byte = u8::try_from(digit(at + 1)? * 16 + digit(at + 2)?).map_err(|_| Refusal::Malformed)?;
        // Unreserved characters have been decoded before routing. One that turns up now was
        // encoded twice over (`%%32%65`), and routing has seen another path than this one.
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            return Err(Refusal::Malformed);
        }
        out.push(byte);
        from = at + 3;
    }
    out.extend_from_slice(&bytes[from..]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::path::decode_unreserved;

    fn path(rest: &str) -> Result<String, Refusal> {
        Target::parse(&decode_unreserved(rest)).map(|target| {
            let slash = if target.folder { "/" } else { "" };
            format!("{}{slash}", String::from_utf8_lossy(&target.path))
        })
    }

    #[test]
    fn names_are_decoded_once() {
        assert_eq!(path("/a%20b/%E6%97%A5.txt").as_deref(), Ok("a b/日.txt"));
        assert_eq!(path("/50%25.txt").as_deref(), Ok("50%.txt"));
        assert_eq!(path("/%252e%252e/x").as_deref(), Ok("%2e%2e/x"));
        assert_eq!(Target::parse("/%FF").map(|t| t.path), Ok(vec![0xff]));
        for malformed in ["/50%", "/%zz", "/a%2", "/%%32%65/x", "/%+1"] {
            assert_eq!(path(malformed), Err(Refusal::Malformed), "{malformed}");
        }
    }

    #[test]
    fn dots_and_empty_segments_are_resolved_inside_the_root() {
        assert_eq!(path("").as_deref(), Ok(""));
        assert_eq!(path("/").as_deref(), Ok("/"));
        assert_eq!(path("/a//b/./c/").as_deref(), Ok("a/b/c/"));
        assert_eq!(path("/a/b/../c").as_deref(), Ok("a/c"));
        assert_eq!(path("/a/%2e%2e").as_deref(), Ok("/"));
        assert_eq!(path("/a/.").as_deref(), Ok("a/"));
        for leaves in ["/..", "/../a", "/a/../../b", "/%2e%2e/", "/a/..//.."] {
            assert_eq!(path(leaves), Err(Refusal::Closed), "{leaves}");
        }
    }

    #[test]
    fn what_no_name_can_hold_is_refused() {
        for name in ["/a%2Fb", "/..%2fetc", "/a%00", "/a\\b", "/a%5Cb", "/\\google.com", "/%2Fgoogle.com"] {
            assert_eq!(path(name), Err(Refusal::NoName), "{name}");
        }
    }

    #[test]
    fn dot_names_are_closed_but_well_known() {
        for closed in
            ["/.git/config", "/a/.env", "/%2ehtaccess", "/.well-known/.x", "/a/.well-known/x", "/..;/x", "/..."]
        {
            assert_eq!(path(closed), Err(Refusal::Closed), "{closed}");
        }
        assert_eq!(path("/.well-known/security.txt").as_deref(), Ok(".well-known/security.txt"));
        assert_eq!(path("/.git/../a").as_deref(), Ok("a"));
    }

    #[test]
    fn a_configured_path_stays_below_the_root() {
        assert_eq!(configured("/errors/404.html"), Some(b"errors/404.html".to_vec()));
        assert_eq!(configured("./a/../b"), Some(b"b".to_vec()));
        assert_eq!(configured("../b"), None);
        assert_eq!(configured("/"), None);
    }

    #[test]
    fn r93_and_r94_a_location_is_one_path_and_keeps_the_query() {
        let at =
            |prefix: &str, path: &[u8], query| folder_location(&PathPrefix::parse(prefix).expect(prefix), path, query);
        assert_eq!(at("/", b"google.com", None), "/google.com/");
        assert_eq!(at("/", b"a b/\xff", Some("x=1&y=//z")), "/a%20b/%FF/?x=1&y=//z");
        assert_eq!(at("/docs", b"", Some("")), "/docs/?");
        assert_eq!(at("/docs", b"@:!", None), "/docs/@:!/");
    }

    #[test]
    fn r96_references_are_encoded() {
        let file = |name: &str| reference(name.as_bytes(), false);
        assert_eq!(file("a?b#c"), "a%3Fb%23c");
        assert_eq!(file("my:file"), "./my:file");
        assert_eq!(file("<img src=x>.txt"), "%3Cimg%20src=x%3E.txt");
        assert_eq!(file("50%.txt"), "50%25.txt");
        assert_eq!(file("日本.txt"), "%E6%97%A5%E6%9C%AC.txt");
        assert_eq!(reference(b"sub", true), "sub/");
    }
}
