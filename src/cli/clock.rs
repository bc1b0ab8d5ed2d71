//! How far this machine's clock is off the meeting server's, by the `Date` of one answer (RFC 9110 section 6.6.1).
//!
//! No token is sent, no redirect followed, and nothing of the answer believed but its date.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Empty;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

/// A person waits: name, handshake and answer take a tenth of it.
const PATIENCE: Duration = Duration::from_secs(3);

/// A difference between two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Skew {
    /// By how many seconds this machine is ahead; negative where it is behind.
    pub(super) ahead: i64,
    /// How many of them the road may have made, and the `Date`, which has whole seconds.
    pub(super) give: i64,
}

/// Why the clocks were not compared.
#[derive(Debug, Error)]
pub(super) enum Unknown {
    #[error("--offline")]
    Offline,
    #[error("{0} does not answer within {patience} s", patience = PATIENCE.as_secs())]
    Late(String),
    #[error("{0} cannot be reached: {1}")]
    Unreachable(String, String),
    #[error("{0} answers without a date")]
    Dateless(String),
}

/// Asks the server at `origin` for the time.
pub(super) async fn skew(origin: &str) -> Result<Skew, Unknown> {
    let unreachable =
        |error: &dyn std::error::Error| Unknown::Unreachable(origin.to_owned(), crate::cli::with_causes(error));
    let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let tls = ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| unreachable(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let request = Request::head(format!("{origin}/"))
        .header(header::USER_AGENT, concat!("gatepost/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|error| unreachable(&error))?;
    let asked = Instant::now();
    let response = match tokio::time::timeout(PATIENCE, client.request(request)).await {
        Err(_) => return Err(Unknown::Late(origin.to_owned())),
        Ok(Err(error)) => return Err(unreachable(&error)),
        Ok(Ok(response)) => response,
    };
    let road = asked.elapsed();
    let date = response.headers().get(header::DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let date = date.ok_or_else(|| Unknown::Dateless(origin.to_owned()))?;
    Ok(Skew::between(SystemTime::now(), date, road))
}

impl Skew {
    fn between(here: SystemTime, there: SystemTime, road: Duration) -> Self {
        let seconds = |time: SystemTime| {
            i64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
        };
        let give = i64::try_from(road.as_secs()).unwrap_or(i64::MAX).saturating_add(1);
        Self { ahead: seconds(here).saturating_sub(seconds(there)), give }
    }

    /// By how many seconds the clocks certainly differ.
    pub(super) fn certain(self) -> u64 {
        self.ahead.unsigned_abs().saturating_sub(self.give.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_road_may_have_made_is_no_difference() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let of = |there: SystemTime, road: u64| Skew::between(now, there, Duration::from_secs(road));
        assert_eq!(of(now - Duration::from_secs(3), 2).certain(), 0);
        let behind = of(now + Duration::from_secs(95), 0);
        assert_eq!((behind.ahead, behind.certain()), (-95, 94));
        assert_eq!(of(UNIX_EPOCH, 0).ahead, 1_800_000_000);
    }
}
