//! What a launcher has of its own below the segment `-`.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use crate::body::Body;
use crate::error::RequestError;
use crate::handler::Context;

use super::who::{self, Asker, Who};
use super::{Launcher, Question};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own<'p> {
    /// Whether somebody is signed in: 204 or 401, for the page that waits for it.
    Session,
    /// The form for guests, and what follows: a slash and the room.
    Guest(&'p str),
    /// An invitation.
    Invitation(&'p str),
    /// What 8x8 posts.
    Webhook,
    /// A copy of somebody's picture.
    Avatar(&'p str),
    /// The logo.
    Logo,
}

impl<'p> Own<'p> {
    /// Reads what follows the launcher's prefix; `None` where it is nothing of the launcher's own.
    ///
    /// Slashes before and after make no difference, as with rooms.
    pub(super) fn of(rest: &'p str) -> Option<Result<Self, RequestError>> {
        let rest = rest.trim_matches('/').strip_prefix('-')?;
        let (name, rest) = match rest.strip_prefix('/') {
            Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
            None if rest.is_empty() => return Some(Err(RequestError::NotFound)),
            None => return None,
        };
        Some(match (name, rest) {
            ("session", "") => Ok(Self::Session),
            ("guest", room) if !room.is_empty() => Ok(Self::Guest(room)),
            ("invite", segment) if !segment.is_empty() => Ok(Self::Invitation(segment)),
            ("webhook", "") => Ok(Self::Webhook),
            ("avatar", segment) if !segment.is_empty() => Ok(Self::Avatar(segment)),
            ("logo", "") => Ok(Self::Logo),
            _ => Err(RequestError::NotFound),
        })
    }

    /// The methods that it takes.
    pub(super) fn methods(self) -> &'static str {
        match self {
            Self::Guest(_) | Self::Invitation(_) => "GET, HEAD, POST",
            Self::Webhook => "POST",
            Self::Session | Self::Avatar(_) | Self::Logo => "GET, HEAD",
        }
    }

    /// Whether it takes this one.
    pub(super) fn takes(self, method: &Method) -> bool {
        self.methods().split(", ").any(|taken| taken == method.as_str())
    }
}

impl Launcher {
    /// Whether somebody is signed in.
    pub(super) async fn session<B>(
        &self,
        request: &Request<B>,
        context: &Context<'_>,
        ask: &impl AsyncFn(Question) -> Result<Response<Bytes>, RequestError>,
    ) -> Result<Response<Body>, RequestError> {
        let asker = Asker { fields: request.headers(), query: None, room: None };
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = match who::settle(&self.ways, asker, context, ask).await? {
            Who::Person(_) => StatusCode::NO_CONTENT,
            Who::Nobody { .. } => {
                challenge(&mut response);
                StatusCode::UNAUTHORIZED
            }
        };
        Ok(response)
    }

    /// A copy of somebody's picture, for the meeting's page, which has no session.
    pub(super) fn picture(&self, segment: &str) -> Result<Response<Body>, RequestError> {
        let copies = Some(self.installation.copies()).filter(|_| self.avatars);
        let (picture, kind) = copies.and_then(|copies| copies.get(segment)).ok_or(RequestError::NotFound)?;
        let mut response = image(picture, HeaderValue::from_static(kind));
        // The address changes with the picture. Only browsers in a meeting know it.
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400, immutable"));
        // The meeting's page is another site's (Fetch standard, section 3.7).
        response.headers_mut().insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
        Ok(response)
    }

    pub(super) fn logo(&self) -> Result<Response<Body>, RequestError> {
        let logo = self.logo.as_ref().ok_or(RequestError::NotFound)?;
        let mut response = image(logo.picture.clone(), HeaderValue::from_static(logo.kind));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
        Ok(response)
    }
}

/// 401 has to say how one may sign in (RFC 9110 section 15.5.2). To `Bearer` browsers show no window of their own.
pub(super) fn challenge(response: &mut Response<Body>) {
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Mattermost\""));
}

/// A picture that can do nothing but be seen.
fn image(picture: Bytes, kind: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::full(picture));
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, kind);
    fields.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_launcher_has_is_its_own() {
        for (rest, own) in [
            ("/-/session", Own::Session),
            ("/-/session/", Own::Session),
            ("//-/guest/Room%20Name/", Own::Guest("Room%20Name")),
            ("/-/guest/a/b", Own::Guest("a/b")),
            ("/-/invite/AAAA", Own::Invitation("AAAA")),
            ("/-/webhook", Own::Webhook),
            ("/-/avatar/AAAA", Own::Avatar("AAAA")),
            ("/-/logo", Own::Logo),
        ] {
            assert!(matches!(Own::of(rest), Some(Ok(found)) if found == own), "{rest}");
        }
        for rest in
            ["/-", "/-/", "/-/guest", "/-/guest/", "/-/other", "/-/session/x", "/-/logo/x", "/-/webhook/x", "/-/-"]
        {
            assert!(matches!(Own::of(rest), Some(Err(RequestError::NotFound))), "{rest}");
        }
        for rest in ["", "/", "/room", "/-room", "/-room/x", "/room/-", "/--"] {
            assert!(Own::of(rest).is_none(), "{rest}");
        }
    }

    #[test]
    fn each_takes_its_own_methods() {
        assert!(Own::Webhook.takes(&Method::POST) && !Own::Webhook.takes(&Method::GET));
        assert!(Own::Guest("a").takes(&Method::POST) && Own::Guest("a").takes(&Method::HEAD));
        assert!(!Own::Session.takes(&Method::POST) && !Own::Logo.takes(&Method::DELETE));
    }
}
