//! `/.well-known/acme-challenge/`: what certbot put into `acme_webroot`, or gatepost's own orders into their storage,
//! ahead of every redirect and route.
//!
//! Serves the files of these folders and nothing else: a token is base64url
//! (RFC 8555 section 8.3), so no name can lead out of them.

use std::io::{self, Read};
use std::path::PathBuf;

use http::header::{self, HeaderValue};
use http::{Method, Response};

use crate::body::Body;
use crate::cert::acme::Storage;
use crate::config::model::{AcmeChallenge, Config};
use crate::error::RequestError;

/// Where RFC 8555 section 8.3 has it.
pub const PATH: &str = "/.well-known/acme-challenge/";

/// A token and a key's thumbprint are some 90 bytes.
const MAX_FILE: u64 = 64 * 1024;

/// The token that a path asks for; `None` where it is no challenge's path.
pub fn token(path: &str) -> Option<&str> {
    path.strip_prefix(PATH)
}

/// Where answers are: what certbot writes to, and what gatepost's own orders do.
pub fn folders(config: &Config) -> Vec<PathBuf> {
    let webroot = config.server.acme_webroot.iter().map(|webroot| webroot.join(PATH.trim_start_matches('/')));
    let own = config.acme.iter().filter(|acme| acme.challenge == AcmeChallenge::Http01);
    webroot.chain(own.map(|acme| Storage::new(&acme.storage).http_01())).collect()
}

/// Answers with the file of that token, from the first of these folders that has it.
///
/// # Errors
/// [`RequestError::NotFound`] for an unknown token: never a redirect.
pub async fn reply(folders: &[PathBuf], token: &str, method: &Method) -> Result<Response<Body>, RequestError> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(RequestError::MethodNotAllowed("GET, HEAD"));
    }
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        return Err(RequestError::NotFound);
    }
    let paths: Vec<PathBuf> = folders.iter().map(|folder| folder.join(token)).collect();
    let text = tokio::task::spawn_blocking(move || first(&paths))
        .await
        .map_err(|error| RequestError::Internal(error.to_string()))??;
    let mut response = Response::new(Body::full(text));
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The first of these files that is there.
fn first(paths: &[PathBuf]) -> Result<Vec<u8>, RequestError> {
    for path in paths {
        match read(path) {
            Ok(text) => return Ok(text),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(source) => return Err(RequestError::File { path: path.display().to_string(), source }),
        }
    }
    Err(RequestError::NotFound)
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
