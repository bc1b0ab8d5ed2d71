//! Whose session came with a request: the token alone, for Mattermost to say whose it is.
//!
//! It looks where Mattermost looks, in Mattermost's order (`server/channels/app/authentication.go`,
//! `ParseAuthTokenFromRequest`): a page of the launcher and a page of Mattermost never
//! speak for two people at once.
//!
//! It believes nothing that a client can write: `MMUSERID` is not looked at, and neither is
//! `access_token` in an address, which lands in histories and logs.

use http::{HeaderMap, header};

use crate::secret::Secret;

/// Mattermost's session cookie.
const COOKIE: &[u8] = b"MMAUTHTOKEN";

/// Mattermost cuts a session token at 50 characters before it looks it up; its own have 26.
const LONGEST: usize = 50;

/// The session that came with a request, in Mattermost's own order: the cookie, then `Authorization`.
///
/// `None` too where it is longer than a session or has a character that none has. A cookie that is no session
/// hides what `Authorization` says, as it does at Mattermost.
pub fn session(fields: &HeaderMap) -> Option<Secret<String>> {
    let found = cookie(fields).or_else(|| authorization(fields))?;
    let plain = !found.is_empty() && found.len() <= LONGEST && found.iter().all(u8::is_ascii_alphanumeric);
    let text = plain.then(|| std::str::from_utf8(found).ok()).flatten()?;
    Some(Secret::new(text.to_owned()))
}

/// The first cookie of the name, as Mattermost takes it; HTTP/2 sends cookies in several fields (RFC 9113 section 8.2.3).
fn cookie(fields: &HeaderMap) -> Option<&[u8]> {
    fields
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|field| field.as_bytes().split(|&b| b == b';'))
        .find_map(|crumb| crumb.trim_ascii().strip_prefix(COOKIE)?.strip_prefix(b"="))
}

/// `Bearer x` or `token x`, in any case.
fn authorization(fields: &HeaderMap) -> Option<&[u8]> {
    let field = fields.get(header::AUTHORIZATION)?.as_bytes();
    let space = field.iter().position(|&b| b == b' ')?;
    let (scheme, token) = (&field[..space], field[space..].trim_ascii());
    (scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"token")).then_some(token)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const SESSION: &str = "ybndrfg8ejkmcpqxot1uwisza3";

    fn found(lines: &[(&'static str, &'static str)]) -> Option<String> {
        let fields: HeaderMap = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        session(&fields).map(|session| session.reveal().clone())
    }

    #[test]
    fn the_session_is_found_wherever_a_client_puts_it() {
        let cookie = "MMAUTHTOKEN=ybndrfg8ejkmcpqxot1uwisza3";
        for lines in [
            &[("cookie", cookie)][..],
            &[("cookie", "MMUSERID=u; MMAUTHTOKEN=ybndrfg8ejkmcpqxot1uwisza3; MMCSRF=c")],
            &[("cookie", "MMUSERID=u;MMAUTHTOKEN=ybndrfg8ejkmcpqxot1uwisza3")],
            // HTTP/2 sends crumbs.
            &[("cookie", "MMUSERID=u"), ("cookie", cookie), ("cookie", "MMCSRF=c")],
            &[("authorization", "Bearer ybndrfg8ejkmcpqxot1uwisza3")],
            &[("authorization", "BEARER  ybndrfg8ejkmcpqxot1uwisza3")],
            &[("authorization", "token ybndrfg8ejkmcpqxot1uwisza3")],
            // Mattermost takes the cookie first, and the first of two.
            &[("authorization", "Bearer other"), ("cookie", cookie)],
            &[("cookie", "MMAUTHTOKEN=ybndrfg8ejkmcpqxot1uwisza3; MMAUTHTOKEN=other")],
            &[("cookie", cookie), ("cookie", "MMAUTHTOKEN=other")],
        ] {
            assert_eq!(found(lines).as_deref(), Some(SESSION), "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_session_is_none() {
        for lines in [
            &[][..],
            &[("cookie", "MMUSERID=ybndrfg8ejkmcpqxot1uwisza3")],
            &[("cookie", "XMMAUTHTOKEN=ybndrfg8ejkmcpqxot1uwisza3")],
            &[("cookie", "mmauthtoken=ybndrfg8ejkmcpqxot1uwisza3")],
            &[("cookie", "MMAUTHTOKEN=")],
            &[("cookie", "MMAUTHTOKEN")],
            &[("cookie", "MMAUTHTOKEN=a b")],
            &[("cookie", "MMAUTHTOKEN=a,Bearer")],
            &[("cookie", "MMAUTHTOKEN=123456789012345678901234567890123456789012345678901")],
            &[("authorization", "Basic ybndrfg8ejkmcpqxot1uwisza3")],
            &[("authorization", "ybndrfg8ejkmcpqxot1uwisza3")],
            // Mattermost does not fall back on what stands beside a bad cookie either.
            &[("cookie", "MMAUTHTOKEN=a b"), ("authorization", "Bearer ybndrfg8ejkmcpqxot1uwisza3")],
            &[("cookie", "MMAUTHTOKEN="), ("cookie", "MMAUTHTOKEN=ybndrfg8ejkmcpqxot1uwisza3")],
        ] {
            assert_eq!(found(lines), None, "{lines:?}");
        }
    }
}
