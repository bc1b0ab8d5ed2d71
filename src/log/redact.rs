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

/// The target, or any URL, without the values of secret parameters; fragments are cut off.
pub fn target(target: &str) -> Cow<'_, str> {
    let whole = target.split('#').next().unwrap_or(target);
    let Some((path, query)) = whole.split_once('?') else { return Cow::Borrowed(whole) };
    if !query.split(['&', ';']).any(is_secret) {
        return Cow::Borrowed(whole);
    }
    let mut out = format!("{path}?");
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

/// The target without any of its query's values: for routes whose every query is somebody's secret.
pub fn without_query(target: &str) -> Cow<'_, str> {
    match target.split_once(['?', '#']) {
        None => Cow::Borrowed(target),
        Some((path, _)) => Cow::Owned(format!("{path}?***")),
    }
}

fn is_secret(pair: &str) -> bool {
    let Some((name, _)) = pair.split_once('=') else { return false };
    let name = percent_decode_str(name).decode_utf8_lossy();
    SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret))
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
        assert_eq!(target("/a?connection_id=7&"), "/a?connection_id=7&");
        assert_eq!(without_query("/jitsi/r?anything"), "/jitsi/r?***");
        assert_eq!(without_query("/jitsi/r"), "/jitsi/r");
    }
}
