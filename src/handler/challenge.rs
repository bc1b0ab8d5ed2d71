//! `/.well-known/acme-challenge/`: what certbot put into `acme_webroot`, ahead of every redirect and route.
//!
//! Serves the files of that one folder and nothing else: a token is base64url
//! (RFC 8555 section 8.3), so no name can lead out of it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use http::header::{self, HeaderValue};
use http::{Method, Response};

use crate::body::Body;
use crate::error::RequestError;

/// Where RFC 8555 section 8.3 has it.
pub const PATH: &str = "/.well-known/acme-challenge/";

/// A token and a key's thumbprint are some 90 bytes.
const MAX_FILE: u64 = 64 * 1024;

/// The token that a path asks for; `None` where it is no challenge's path.
pub fn token(path: &str) -> Option<&str> {
    path.strip_prefix(PATH)
}

/// Answers with the file of that token.
///
/// # Errors
/// [`RequestError::NotFound`] for an unknown token: never a redirect.
pub async fn reply(webroot: &Path, token: &str, method: &Method) -> Result<Response<Body>, RequestError> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(RequestError::MethodNotAllowed("GET, HEAD"));
    }
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        return Err(RequestError::NotFound);
    }
    let path = webroot.join(PATH.trim_start_matches('/')).join(token);
    let shown = path.display().to_string();
    let text = tokio::task::spawn_blocking(move || read(&path))
        .await
        .map_err(|error| RequestError::Internal(error.to_string()))?
        .map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => RequestError::NotFound,
            _ => RequestError::File { path: shown, source },
        })?;
    let mut response = Response::new(Body::full(text));
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Reads a regular file; anything else, a FIFO say, is not there.
fn read(path: &PathBuf) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut text = Vec::new();
    std::fs::File::open(path)?.take(MAX_FILE).read_to_end(&mut text)?;
    Ok(text)
}
