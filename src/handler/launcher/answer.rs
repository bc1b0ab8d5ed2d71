//! What a launcher's answers are made of: pages with their policy, redirects, and the fields that all of them bear.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::body::Body;
use crate::error::RequestError;
use crate::jitsi::page::{Nonce, Page};

use super::no_random;

/// The answer to `external_api.js`: the plugin runs whatever comes, of whatever status, inside Mattermost.
pub(super) fn library() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/javascript"));
    response
}

/// Lets one page's own script and style run.
pub(super) fn nonce() -> Result<Nonce, RequestError> {
    Nonce::fresh().map_err(no_random)
}

/// A page, with the policy that it asks for.
pub(super) fn show(status: StatusCode, page: &impl Page) -> Result<Response<Body>, RequestError> {
    rendered(status, page).map(|response| response.map(Body::full))
}

pub(super) fn rendered(status: StatusCode, page: &impl Page) -> Result<Response<Bytes>, RequestError> {
    let html = page.render().map_err(|error| RequestError::Internal(format!("filling a page: {error}")))?;
    let policy = HeaderValue::try_from(page.policy()).expect("base64, origins and ASCII words make a field value");
    let mut response = Response::new(Bytes::from(html));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

pub(super) fn found(address: &str) -> Result<Response<Body>, RequestError> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(header::LOCATION, location(address)?);
    Ok(response)
}

/// An address as a field value that shows itself in no log.
pub(super) fn location(address: &str) -> Result<HeaderValue, RequestError> {
    let mut value = HeaderValue::try_from(address)
        .map_err(|_| RequestError::Internal("an address of the launcher makes no field value".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What all answers of a launcher bear: kept nowhere, named to nobody, framed by nobody, taken for nothing else.
pub(super) fn guard<B>(response: &mut Response<B>) {
    let fields = response.headers_mut();
    fields.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    fields.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ));
}
