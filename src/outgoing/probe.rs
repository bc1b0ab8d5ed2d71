//! Asks an upstream whether it is well: one GET on a connection of its own.
//!
//! A new connection each time, since whether it takes one is part of the answer.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;

use crate::config::model::{Health, UpstreamAddress};
use crate::error::RequestError;

use super::connect::connect;
use super::tls::Trust;

/// What the upstream's log shows.
const USER_AGENT: &str = concat!("gatepost/", env!("CARGO_PKG_VERSION"), " (health)");

/// How one upstream is asked.
#[derive(Debug, Clone)]
pub struct Check {
    /// Where.
    pub address: UpstreamAddress,
    /// How to speak TLS to it.
    pub trust: Option<Trust>,
    /// What `Host` says.
    pub host: String,
    /// What for, how often.
    pub rule: Health,
    /// Whether the first time is now: where there is another upstream to turn to.
    pub at_once: bool,
}

/// Why an upstream is not well.
#[derive(Debug, Error)]
pub(super) enum Ill {
    #[error("{}", with_cause(.0))]
    Connect(#[from] RequestError),
    #[error("it broke off or answered what is not HTTP: {0}")]
    Broken(#[from] hyper::Error),
    #[error("it answered {}", .0.as_u16())]
    Status(StatusCode),
    #[error("it did not answer within {0:?}")]
    Late(Duration),
}

/// What a person needs to mend it stands in the cause.
fn with_cause(error: &RequestError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

impl Check {
    /// Asks once.
    pub(super) async fn ask(&self) -> Result<(), Ill> {
        let limit = self.rule.timeout;
        tokio::time::timeout(limit, self.exchange()).await.unwrap_or(Err(Ill::Late(limit)))
    }

    async fn exchange(&self) -> Result<(), Ill> {
        let io = connect(&self.address, self.trust.as_ref(), self.rule.timeout).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await?;
        let request = Request::get(self.rule.path.as_str())
            .header(header::HOST, &self.host)
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::ACCEPT, "*/*")
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|error| RequestError::Connect {
                upstream: self.address.origin.clone(),
                source: io::Error::other(error),
            })?;
        let asking = sender.send_request(request);
        let status = tokio::select! {
            biased;
            answer = asking => answer?.status(),
            // It serves the exchange, and what went wrong with it the exchange tells.
            never = async { connection.await.ok(); std::future::pending::<Infallible>().await } => match never {},
        };
        // As HAProxy has it: a redirect to a login is an answer, too.
        if status.is_success() || status.is_redirection() { Ok(()) } else { Err(Ill::Status(status)) }
    }
}
