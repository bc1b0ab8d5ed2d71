//! To another address: a route's own redirect, and port 80 → https.
//!
//! Only ever to what the configuration names, or to the host that was asked for
//! once routing has found it in the configuration: never to a name that a client
//! made up.

use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::body::Body;
use crate::config::model::{self, RedirectTarget};
use crate::error::RequestError;
use crate::route::host::Host;

/// Answers a `redirect` route. `received` is path and query as the client sent them.
///
/// # Errors
/// [`RequestError::Bad`] where the target would not be a field value.
pub fn reply(redirect: &model::Redirect, received: &str) -> Result<Response<Body>, RequestError> {
    let location = match &redirect.target {
        RedirectTarget::Origin(origin) => format!("{origin}{received}"),
        RedirectTarget::Template(before, after) => {
            format!("{before}{}{after}", received.trim_start_matches(['/', '\\']))
        }
        RedirectTarget::Fixed(address) => address.clone(),
    };
    to(redirect.status, &location)
}

/// Port 80 → https: same host, path and query; the https port only where it is not 443.
///
/// 301, and 308 for methods whose repetition as GET would lose their body (RFC 9110 section 15.4.9).
///
/// # Errors
/// [`RequestError::Bad`] where the target would not be a field value.
pub fn to_https(method: &Method, host: &Host, port: u16, received: &str) -> Result<Response<Body>, RequestError> {
    let status = if matches!(*method, Method::GET | Method::HEAD) {
        StatusCode::MOVED_PERMANENTLY
    } else {
        StatusCode::PERMANENT_REDIRECT
    };
    match port {
        443 => to(status, &format!("https://{host}{received}")),
        port => to(status, &format!("https://{host}:{port}{received}")),
    }
}

fn to(status: StatusCode, location: &str) -> Result<Response<Body>, RequestError> {
    let location = HeaderValue::from_str(location)
        .map_err(|_| RequestError::Bad("its target has characters that no address has"))?;
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(response: &Response<Body>) -> &str {
        response.headers()[header::LOCATION].to_str().expect("text")
    }

    #[test]
    fn r16_the_https_redirect_drops_the_inbound_port_and_adds_only_a_strange_one() {
        let host = Host::parse("site.example").expect("a host");
        let to_port = |port| to_https(&Method::GET, &host, port, "/a?b=1").expect("an answer");
        assert_eq!(location(&to_port(443)), "https://site.example/a?b=1");
        assert_eq!(location(&to_port(8443)), "https://site.example:8443/a?b=1");
        assert_eq!(to_port(443).status(), StatusCode::MOVED_PERMANENTLY);
        let post = to_https(&Method::POST, &host, 443, "/").expect("an answer");
        assert_eq!(post.status(), StatusCode::PERMANENT_REDIRECT);
    }

    #[test]
    fn a_redirect_keeps_places_or_drops_the_path() {
        let answer = |target| {
            let redirect = model::Redirect { target, status: StatusCode::FOUND };
            location(&reply(&redirect, "//evil.example/a?b").expect("an answer")).to_owned()
        };
        assert_eq!(answer(RedirectTarget::Origin("https://site.com".into())), "https://site.com//evil.example/a?b");
        assert_eq!(answer(RedirectTarget::Template("/new/".into(), "".into())), "/new/evil.example/a?b");
        // A template that begins with the path must not become another host's address.
        assert_eq!(answer(RedirectTarget::Template("/".into(), "".into())), "/evil.example/a?b");
        assert_eq!(answer(RedirectTarget::Fixed("/here".into())), "/here");
    }
}
