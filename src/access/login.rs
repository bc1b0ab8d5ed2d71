//! Which requests try to sign in to Mattermost, or have it send mail to somebody: what `login_limit` counts.
//!
//! By method and path, as Mattermost's own routers have them (`server/channels/api4/user.go`, `…/web/oauth.go`,
//! `…/web/saml.go`, `…/web/magic_link.go`). It is generous in what it takes for a login: Mattermost decodes an encoded
//! slash and lives below a path of its own on some servers, and neither leads around the count.
//!
//! Not counted: the login page itself and its files, signing out, making an account (administrators make them by the
//! hundred, with a session), and what OAuth apps exchange with Mattermost as their provider (many, from one address).

use http::Method;
use percent_encoding::percent_decode_str;

/// Below `/api/v4/users/`, by POST. A name alone stands for whatever is below it, too: `login/switch`, `login/type`,
/// `login/desktop_token`, `login/sso/code-exchange`.
const POSTED: [&str; 4] = ["login", "mfa", "password/reset", "email/verify"];

/// What leads to another provider and back, each attempt a few rows in Mattermost's database.
const STEPS: [&str; 4] = ["login", "mobile_login", "signup", "complete"];

/// Whether a request tries to sign in; `path` has its unreserved characters decoded.
pub fn is_attempt(method: &Method, path: &str) -> bool {
    // Nearly all requests: neither a POST nor anywhere near.
    if *method != Method::POST && !path.contains("login") && !path.contains("oauth") && !path.contains("signup") {
        return false;
    }
    let plain = percent_decode_str(path).decode_utf8_lossy();
    let segments: Vec<&str> = plain.split(['/', '\\']).filter(|segment| !segment.is_empty()).collect();
    match *method {
        Method::POST => is_posted(&segments) || segments.ends_with(&["login", "sso", "saml"]),
        Method::GET | Method::HEAD => leads_away(&segments),
        _ => false,
    }
}

fn is_posted(segments: &[&str]) -> bool {
    let Some(users) = segments.windows(3).position(|three| three == ["api", "v4", "users"]) else { return false };
    let rest = &segments[users + 3..];
    POSTED.iter().any(|name| name.split('/').enumerate().all(|(index, part)| rest.get(index) == Some(&part)))
}

fn leads_away(segments: &[&str]) -> bool {
    match segments {
        [.., "login", "sso", "saml"] | [.., "login", "one_time_link"] => true,
        [.., "oauth", _, step] => STEPS.contains(step),
        [.., "login" | "signup", _, "complete"] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mattermost_takes_for_a_login_is_one() {
        for (method, path) in [
            ("POST", "/api/v4/users/login"),
            ("POST", "/api/v4/users/login/type"),
            ("POST", "/api/v4/users/login/switch"),
            ("POST", "/api/v4/users/login/desktop_token"),
            ("POST", "/api/v4/users/login/sso/code-exchange"),
            ("POST", "/api/v4/users/mfa"),
            ("POST", "/api/v4/users/password/reset"),
            ("POST", "/api/v4/users/password/reset/send"),
            ("POST", "/api/v4/users/email/verify/send"),
            ("POST", "/chat/api/v4/users/login"),
            ("GET", "/login/sso/saml"),
            ("POST", "/login/sso/saml"),
            ("GET", "/login/one_time_link"),
            ("GET", "/oauth/gitlab/login"),
            ("GET", "/oauth/openid/mobile_login"),
            ("HEAD", "/oauth/google/complete"),
            ("GET", "/api/v3/oauth/gitlab/complete"),
            ("GET", "/login/gitlab/complete"),
            // Ways around.
            ("POST", "/api/v4/users%2Flogin"),
            ("POST", "/api%2fv4%2fusers%2flogin"),
            ("POST", "//api//v4/users/login/"),
            ("POST", "/api/v4/users/login%2F"),
        ] {
            assert!(is_attempt(&method.parse().expect("a method"), path), "{method} {path}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for (method, path) in [
            ("GET", "/login"),
            ("GET", "/api/v4/users/login"),
            ("POST", "/api/v4/users/logout"),
            ("POST", "/api/v4/users"),
            ("POST", "/api/v4/users/ids"),
            ("POST", "/api/v4/users/loginx"),
            ("PUT", "/api/v4/users/abc/password"),
            ("PUT", "/api/v4/users/abc/mfa"),
            ("POST", "/api/v4/users/abc/mfa/generate"),
            ("POST", "/api/v4/users/password"),
            ("POST", "/api/v4/posts"),
            ("GET", "/oauth/authorize"),
            ("POST", "/oauth/access_token"),
            ("GET", "/static/login/sso/saml.js"),
            ("GET", "/team/channels/login"),
        ] {
            assert!(!is_attempt(&method.parse().expect("a method"), path), "{method} {path}");
        }
    }
}
