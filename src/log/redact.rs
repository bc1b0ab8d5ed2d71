//! Targets as they may be written down: values of telling query parameters become `***`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Query parameters that carry a secret, in lower case: meeting tokens, sessions, OAuth, password resets.
const SECRET: [&str; 14] = [
    "jwt",
    "token",
    "access_token",
    "id_token",
    "refresh_token",
    "code",
    "state",
    "secret",
    "password",
    "key",
    "api_key",
    "session",
    "sig",
    "signature",
];

/// Segments behind a launcher's `-` that are followed by a secret (`crate::handler::launcher`).
const CAPABILITIES: [&str; 2] = ["invite", "avatar"];

/// The target, or any URL, without the values of secret parameters and without JSON Web Tokens; fragments are cut off.
pub fn target(target: &str) -> Cow<'_, str> {
    match without_secrets(target) {
        Cow::Borrowed(shown) => without_tokens(shown),
        Cow::Owned(shown) => Cow::Owned(without_tokens(&shown).into_owned()),
    }
}

/// A text without whatever looks like a JSON Web Token, wherever it stands: a link whose `?` was encoded on the way has
/// its token in the path.
fn without_tokens(text: &str) -> Cow<'_, str> {
    /// What base64url makes of `{"`, with which every header begins.
    const BEGINS: &str = "eyJ";
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGINS) {
        let (before, token) = rest.split_at(at);
        let end =
            token.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_')).unwrap_or(token.len());
        let is_token = token[..end].matches('.').count() >= 2;
        out.push_str(before);
        out.push_str(if is_token { "***" } else { &token[..end] });
        rest = &token[end..];
    }
    match rest.len() == text.len() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(out + rest),
    }
}

fn without_secrets(target: &str) -> Cow<'_, str> {
    let whole = target.split('#').next().unwrap_or(target);
    let (path, query) = match whole.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (whole, None),
    };
    let shown = without_capability(path);
    let query = match query.filter(|query| query.split(['&', ';']).any(is_secret)) {
        Some(query) => query,
        None => {
            return match shown {
                Cow::Borrowed(_) => Cow::Borrowed(whole),
                Cow::Owned(shown) => Cow::Owned(shown + &whole[path.len()..]),
            };
        }
    };
    let mut out = format!("{shown}?");
    let mut rest = query;
    loop {
        let end = rest.find(['&', ';']).unwrap_or(rest.len());
        let pair = &rest[..end];
        match pair.split_once('=') {
            Some((name, _)) if is_secret(pair) => {
                out.push_str(name);
                out.push_str("=***");
            }
            _ => out.push_str(pair),
        }
        if end == rest.len() {
            return Cow::Owned(out);
        }
        out.push_str(&rest[end..=end]);
        rest = &rest[end + 1..];
    }
}

/// A path without what stands behind a launcher's `-/invite/` and `-/avatar/`: whoever knows it may use it, also where
/// it was asked for in a spelling that leads nowhere.
fn without_capability(path: &str) -> Cow<'_, str> {
    let (mut begin, mut after_dash) = (0, false);
    while let Some((length, slash)) = next_slash(&path[begin..]) {
        let name = percent_decode_str(&path[begin..begin + length]).decode_utf8_lossy();
        begin += length + slash;
        // Slashes in a row are somebody's slip; what follows them is as secret.
        if name.is_empty() {
            continue;
        }
        let is_capability = || CAPABILITIES.iter().any(|capability| capability.eq_ignore_ascii_case(&name));
        if after_dash && begin < path.len() && is_capability() {
            return Cow::Owned(format!("{}***", &path[..begin]));
        }
        after_dash = name == "-";
    }
    Cow::Borrowed(path)
}

/// Where the next slash stands, and its length: one as it is, three where it is percent-encoded.
fn next_slash(path: &str) -> Option<(usize, usize)> {
    path.as_bytes().iter().enumerate().find_map(|(at, byte)| match byte {
        b'/' => Some((at, 1)),
        b'%' if path.get(at + 1..at + 3).is_some_and(|hex| hex.eq_ignore_ascii_case("2f")) => Some((at, 3)),
        _ => None,
    })
}

/// The target without any of its query's values: for routes whose every query is somebody's secret.
pub fn without_query(target: &str) -> Cow<'_, str> {
    match target.split_once(['?', '#']) {
        None => Cow::Borrowed(target),
        Some((path, _)) => Cow::Owned(format!("{path}?***")),
    }
}

fn is_secret(pair: &str) -> bool {
    let Some((name, value)) = pair.split_once('=') else { return false };
    if has_secret_name(name) {
        return true;
    }
    let value = percent_decode_str(value).decode_utf8_lossy();
    let is_token = value.starts_with("eyJ") && value.matches('.').count() >= 2;
    // An address on the way to somewhere, `redirect_to=%2Fjitsi%2FRoom%3Fjwt%3D…`: one step deep, as people send them.
    let nested = || value.split_once('?').map_or("", |(_, query)| query);
    is_token
        || nested()
            .split(['&', ';', '#'])
            .filter_map(|pair| pair.split_once('='))
            .any(|(name, _)| has_secret_name(name))
}

/// `jwt`, and whatever ends so: `client_secret`, `X-Amz-Signature`, `https://chat.example/?jwt`.
fn has_secret_name(name: &str) -> bool {
    let name = percent_decode_str(name).decode_utf8_lossy().to_ascii_lowercase();
    SECRET
        .iter()
        .any(|secret| name.strip_suffix(secret).is_some_and(|rest| rest.is_empty() || rest.ends_with(['_', '-', '?'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_values_are_gone_and_the_rest_stays() {
        assert_eq!(target("/a?x=1&jwt=ey.J.x&y=2"), "/a?x=1&jwt=***&y=2");
        assert_eq!(target("/a?%6Awt=ey;JWT=ey"), "/a?%6Awt=***;JWT=***");
        assert_eq!(target("https://8x8.vc/r?jwt=ey#jwt=ey"), "https://8x8.vc/r?jwt=***");
        assert_eq!(target("/a#access_token=1"), "/a");
        assert_eq!(
            target("/a?client_secret=s&X-Amz-Signature=s&monkey=1"),
            "/a?client_secret=***&X-Amz-Signature=***&monkey=1"
        );
        assert_eq!(target("/login?redirect_to=%2Fjitsi%2FR%3Fjwt%3Dey&x=1"), "/login?redirect_to=***&x=1");
        assert_eq!(target("/login?redirect_to=%2Fjitsi%2FR%3Fa%3Db"), "/login?redirect_to=%2Fjitsi%2FR%3Fa%3Db");
        assert_eq!(target("/a?other=eyJhbGciOiJ9.eyJhIjoxfQ.c2ln"), "/a?other=***");
        assert_eq!(target("/a?connection_id=7&"), "/a?connection_id=7&");
        // Found by the fuzzer: an address that is the whole query has a query of its own.
        assert_eq!(target("/go?https://chat.example/?code=s&x=1"), "/go?https://chat.example/?code=***&x=1");
        const JWT: &str = "eyJhbGciOiJ9.eyJhIjoxfQ.c2-n_";
        for (before, after) in [
            ("/jitsi/Room%3Fjwt=", ""),
            ("/jitsi/Room;jwt=", "/x?y=1"),
            ("/jitsi/", "/"),
            ("/a?", "&b=c"),
            ("/a?next=%252Fjitsi%252FRoom%253Fjwt%253D", ""),
            ("/login?redirect_to=/jitsi/Room%23jwt=", "&x=1"),
            ("https://chat.example/jitsi/Room%3Fjwt=", ""),
        ] {
            let shown = target(&format!("{before}{JWT}{after}")).into_owned();
            assert_eq!(shown, format!("{before}***{after}"));
        }
        assert_eq!(target("/keyJ/eyJ.a/eyJhIjoxfQ?x=eyJ"), "/keyJ/eyJ.a/eyJhIjoxfQ?x=eyJ");
        for (path, shown) in [
            ("/jitsi/-/invite/AAAA", "/jitsi/-/invite/***"),
            ("/jitsi/-/invite%2FAAAA", "/jitsi/-/invite%2F***"),
            ("/jitsi%2f-%2f%2FInvite/AAAA", "/jitsi%2f-%2f%2FInvite/***"),
            ("/jitsi/-/INVITE/AAAA", "/jitsi/-/INVITE/***"),
            ("/jitsi/-/invite%2", "/jitsi/-/invite%2"),
            ("/jitsi/-/invite/AAAA/?x=1", "/jitsi/-/invite/***?x=1"),
            ("/-/avatar/AAAA?jwt=1", "/-/avatar/***?jwt=***"),
            ("/-//invite/AAAA", "/-//invite/***"),
            ("/%2D/%69nvite/AAAA/x", "/%2D/%69nvite/***"),
            ("https://chat.example/jitsi/-/invite/AAAA#x", "https://chat.example/jitsi/-/invite/***"),
            ("/-/invite/", "/-/invite/"),
            ("/group/-/issues/7", "/group/-/issues/7"),
            ("/invite/AAAA", "/invite/AAAA"),
            ("/-/guest/room1", "/-/guest/room1"),
        ] {
            assert_eq!(target(path), shown);
        }
        assert_eq!(without_query("/jitsi/r?anything"), "/jitsi/r?***");
        assert_eq!(without_query("/jitsi/r"), "/jitsi/r");
    }
}
