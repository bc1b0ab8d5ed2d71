//! Header fields that tell browsers to be careful: `security_headers` of a site.
//!
//! What an answer says already stays, unless told otherwise: Mattermost sets all four itself, the launcher's pages have
//! stricter ones. A `Content-Security-Policy` is never taken away or changed: where it has no `frame-ancestors`, ours
//! goes beside it as a policy of its own, and browsers keep to both (CSP level 3, section 8.1).

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::config::model::{Frames, SecurityHeaders};

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Fields for the answers of one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    set: Vec<(HeaderName, HeaderValue)>,
    frames: Option<Frames>,
    /// Whether they take the place of what an upstream says.
    replace: bool,
}

impl Fields {
    /// The fields of a site, but for those that a route sets or removes by its own `response_headers`.
    pub fn new(
        wanted: &SecurityHeaders,
        of_route: &[(HeaderName, Option<HeaderValue>)],
        is_proxy: bool,
    ) -> Option<Self> {
        let own = |name: &HeaderName| of_route.iter().any(|(other, _)| other == name);
        let set: Vec<_> = [
            (header::X_CONTENT_TYPE_OPTIONS, wanted.nosniff.then(|| HeaderValue::from_static("nosniff"))),
            (header::REFERRER_POLICY, wanted.referrer.clone()),
            (PERMISSIONS_POLICY, wanted.permissions.clone()),
        ]
        .into_iter()
        .filter(|(name, _)| !own(name))
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        let frames =
            wanted.frames.clone().filter(|_| !own(&header::X_FRAME_OPTIONS) && !own(&header::CONTENT_SECURITY_POLICY));
        let fields = Self { set, frames, replace: wanted.replace && is_proxy };
        (!fields.set.is_empty() || fields.frames.is_some()).then_some(fields)
    }

    /// Adds them to an answer.
    pub fn apply<B>(&self, response: &mut Response<B>) {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return;
        }
        let fields = response.headers_mut();
        for (name, value) in &self.set {
            if self.replace || !fields.contains_key(name) {
                fields.insert(name, value.clone());
            }
        }
        if let Some(frames) = &self.frames {
            self.apply_frames(frames, fields);
        }
    }

    fn apply_frames(&self, frames: &Frames, fields: &mut HeaderMap) {
        let said = fields.contains_key(header::X_FRAME_OPTIONS)
            || fields.get_all(header::CONTENT_SECURITY_POLICY).iter().any(names_ancestors);
        if said && !self.replace {
            return;
        }
        match &frames.old {
            Some(old) => fields.insert(header::X_FRAME_OPTIONS, old.clone()),
            // It cannot say a list, and would forbid what the list allows in browsers that heed it alone.
            None => fields.remove(header::X_FRAME_OPTIONS),
        };
        fields.append(header::CONTENT_SECURITY_POLICY, frames.policy.clone());
    }
}

fn names_ancestors(policy: &HeaderValue) -> bool {
    policy.as_bytes().to_ascii_lowercase().windows(15).any(|window| window == b"frame-ancestors")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> SecurityHeaders {
        SecurityHeaders {
            nosniff: true,
            frames: Some(Frames {
                old: Some(HeaderValue::from_static("SAMEORIGIN")),
                policy: HeaderValue::from_static("frame-ancestors 'self'"),
            }),
            referrer: Some(HeaderValue::from_static("same-origin")),
            permissions: Some(HeaderValue::from_static("usb=()")),
            replace: false,
        }
    }

    /// What an answer with these fields has afterwards, one a line and in order.
    fn applied(fields: &Fields, said: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut response = Response::new(());
        for (name, value) in said {
            response.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        fields.apply(&mut response);
        let mut lines: Vec<_> = response
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn an_answer_that_says_nothing_gets_all_of_them() {
        let fields = Fields::new(&wanted(), &[], true).expect("fields");
        assert_eq!(
            applied(&fields, &[]),
            [
                "content-security-policy: frame-ancestors 'self'",
                "permissions-policy: usb=()",
                "referrer-policy: same-origin",
                "x-content-type-options: nosniff",
                "x-frame-options: SAMEORIGIN",
            ]
        );
    }

    /// As Mattermost answers: an empty `Permissions-Policy` says that everything may be asked for, which Calls needs.
    #[test]
    fn what_an_answer_says_stays_even_where_it_is_empty() {
        let fields = Fields::new(&wanted(), &[], true).expect("fields");
        let mattermost = [
            ("content-security-policy", "Frame-Ancestors 'self' https://teams.example; script-src 'self'"),
            ("permissions-policy", ""),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ];
        let as_lines: Vec<_> = mattermost.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(applied(&fields, &mattermost), as_lines);
    }

    #[test]
    fn a_policy_without_ancestors_gets_one_beside_it() {
        let fields = Fields::new(&wanted(), &[], true).expect("fields");
        let lines = applied(&fields, &[("content-security-policy", "default-src 'self'")]);
        assert_eq!(
            lines[..2],
            ["content-security-policy: default-src 'self'", "content-security-policy: frame-ancestors 'self'"]
        );
    }

    #[test]
    fn only_an_upstreams_are_replaced_and_a_policy_never_is() {
        let replacing = SecurityHeaders { replace: true, ..wanted() };
        let said = [
            ("content-security-policy", "frame-ancestors *"),
            ("referrer-policy", "unsafe-url"),
            ("x-frame-options", "ALLOWALL"),
        ];
        let lines = applied(&Fields::new(&replacing, &[], true).expect("fields"), &said);
        for line in [
            "content-security-policy: frame-ancestors *",
            "content-security-policy: frame-ancestors 'self'",
            "referrer-policy: same-origin",
            "x-frame-options: SAMEORIGIN",
        ] {
            assert!(lines.iter().any(|it| it == line), "{line}: {lines:?}");
        }
        let own = applied(&Fields::new(&replacing, &[], false).expect("fields"), &said);
        assert!(own.contains(&"referrer-policy: unsafe-url".to_owned()), "{own:?}");
    }

    #[test]
    fn what_a_route_sets_or_removes_by_itself_is_left_to_it() {
        let route =
            [(header::X_FRAME_OPTIONS, None), (header::REFERRER_POLICY, Some(HeaderValue::from_static("origin")))];
        let fields = Fields::new(&wanted(), &route, true).expect("fields");
        assert_eq!(applied(&fields, &[]), ["permissions-policy: usb=()", "x-content-type-options: nosniff"]);
        let nothing =
            SecurityHeaders { nosniff: false, frames: None, referrer: None, permissions: None, replace: false };
        assert_eq!(Fields::new(&nothing, &[], true), None);
    }
}
