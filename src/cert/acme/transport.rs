//! https to the CA, for instant-acme: bounded in time and size, and it remembers `Retry-After`.
//!
//! It believes Mozilla's roots, or those of `directory_roots`, and speaks no
//! plain HTTP. A CA that stalls, floods or answers with an error page is an
//! error in words.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Uri};
use http_body_util::{BodyExt, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

use crate::cert::pem;
use crate::config::model::Acme;

/// From the connection to the last byte of an answer. Let's Encrypt's finalize answers within a few seconds;
/// a CA that signs offline may take longer, and is polled then.
const PATIENCE: Duration = Duration::from_secs(30);

/// Largest answer, in bytes. A chain is some 10 KiB, a directory 1 KiB.
const MAX_ANSWER: usize = 1024 * 1024;

/// RFC 8555 section 6.1 wants to know who asks.
const USER_AGENT: &str = concat!("gatepost/", env!("CARGO_PKG_VERSION"), " instant-acme/0.8");

/// Why the CA was not heard.
#[derive(Debug, Error)]
pub(super) enum TransportError {
    #[error("directory_roots cannot be used")]
    Roots(#[source] pem::PemError),
    #[error("a certificate in directory_roots cannot be a root")]
    BadRoot(#[source] rustls::Error),
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    #[error("cannot reach {0}")]
    Unreachable(Uri, #[source] Box<hyper_util::client::legacy::Error>),
    #[error("{0} did not answer within {seconds} seconds", seconds = PATIENCE.as_secs())]
    Stalled(Uri),
    #[error("{0} answered with more than 1 MiB, or broke off")]
    Flood(Uri, #[source] Box<dyn StdError + Send + Sync>),
    #[error("{0} answered {1} with something that is not ACME: {2}")]
    NotAcme(Uri, http::StatusCode, String),
}

/// What the CA said in `Retry-After` last.
#[derive(Debug, Clone, Default)]
pub(super) struct RetryAfter(Arc<Mutex<Option<SystemTime>>>);

impl RetryAfter {
    /// In how many seconds the CA wants to be asked again, by its last answer.
    pub(super) fn seconds(&self) -> Option<i64> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = until?.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        // A part of a second counts as a whole one: too early is what must not be.
        Some(i64::try_from(wait.as_secs()).unwrap_or(i64::MAX).saturating_add(1))
    }

    pub(super) fn hear(&self, fields: &HeaderMap) {
        // RFC 9110 section 10.2.3: seconds, or a date.
        let value = fields.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::trim);
        let until = value.and_then(|value| match value.parse::<u64>() {
            Ok(seconds) => SystemTime::now().checked_add(Duration::from_secs(seconds)),
            Err(_) => httpdate::parse_http_date(value).ok(),
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

/// The client.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>,
    pub(super) retry_after: RetryAfter,
}

impl Transport {
    /// One that believes what `[acme]` says.
    pub(super) fn new(acme: &Acme) -> Result<Self, TransportError> {
        let mut roots = RootCertStore::empty();
        match &acme.directory_roots {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => {
                for root in pem::certificates(path).map_err(TransportError::Roots)? {
                    roots.add(root).map_err(TransportError::BadRoot)?;
                }
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TransportError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, retry_after: RetryAfter::default() })
    }

    async fn ask(self, mut request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, TransportError> {
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let uri = request.uri().clone();
        // What an earlier answer said has nothing to do with a failure of this one.
        self.retry_after.hear(&HeaderMap::new());
        let answered = async {
            let response = self.client.request(request).await;
            let (parts, body) =
                response.map_err(|error| TransportError::Unreachable(uri.clone(), Box::new(error)))?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            Ok((parts, body.map_err(|error| TransportError::Flood(uri.clone(), error))?.to_bytes()))
        };
        let (parts, body) =
            tokio::time::timeout(PATIENCE, answered).await.map_err(|_| TransportError::Stalled(uri.clone()))??;
        self.retry_after.hear(&parts.headers);
        let is_error = parts.status.is_client_error() || parts.status.is_server_error();
        if is_error && !body.trim_ascii_start().starts_with(b"{") {
            return Err(TransportError::NotAcme(uri, parts.status, excerpt(&body)));
        }
        Ok(BytesResponse { parts, body: Box::new(body) })
    }
}

/// The beginning of a text, on one line and safe to print.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(160)]);
    let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if shown.trim().is_empty() { "nothing".to_owned() } else { format!("{:?}", shown.trim()) }
}

impl HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let this = self.clone();
        Box::pin(async move { this.ask(request).await.map_err(|error| instant_acme::Error::Other(Box::new(error))) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(value: &str) -> Option<i64> {
        let retry_after = RetryAfter::default();
        let mut fields = HeaderMap::new();
        fields.insert(header::RETRY_AFTER, value.parse().expect("a value"));
        retry_after.hear(&fields);
        retry_after.seconds()
    }

    #[test]
    fn retry_after_is_heard_as_seconds_and_as_a_date() {
        assert!(heard("120").is_some_and(|seconds| (119..=121).contains(&seconds)));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
        assert!(heard(&date).is_some_and(|seconds| (3598..=3601).contains(&seconds)));
        assert_eq!(heard("Fri, 31 Dec 1999 23:59:59 GMT"), Some(1), "what is past means at once");
        assert_eq!(heard("soon"), None);
        assert_eq!(heard("18446744073709551615"), None, "longer than any clock goes");
    }

    #[test]
    fn an_error_page_is_shown_on_one_line() {
        assert_eq!(excerpt(b"<html>\n<b>\x1b[31m502</b>"), "\"<html> <b> [31m502</b>\"");
        assert_eq!(excerpt(b""), "nothing");
    }
}
