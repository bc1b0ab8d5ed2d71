//! Station 5: what answers.
//!
//! `Context` is what a handler knows of the request beside its head: who asks,
//! by which name, over what. Handlers run on one worker's thread and need not be
//! `Send`.

pub mod launcher;
pub mod site;

use std::cell::Cell;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use http::uri::Scheme;

use crate::route::host::Authority;
use crate::route::path::PathPrefix;

/// Names one request in the log line and on the error page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What a handler knows of a request beside its head.
#[derive(Debug)]
pub struct Context<'r> {
    /// In the log line and on the error page.
    pub id: RequestId,
    /// How the client came in; a trusted proxy's `X-Forwarded-Proto` counts.
    pub scheme: Scheme,
    /// The host and port that the client asked for.
    pub authority: &'r Authority,
    /// The port that the connection came in on.
    pub local_port: u16,
    /// The address at the other end of the connection.
    pub peer: IpAddr,
    /// The client's address; differs from `peer` behind a trusted proxy.
    pub client: IpAddr,
    /// Whether the peer is in `trusted_proxies`.
    pub peer_trusted: bool,
    /// The prefix of the route that was taken.
    pub prefix: &'r PathPrefix,
    /// The request's path with unreserved characters decoded once, from its first slash.
    pub path: &'r str,
    /// What follows `prefix` in `path`: empty, or from a slash on.
    pub rest: &'r str,
    /// Time from sending to the upstream to its answer's head, set by handlers that ask one.
    pub upstream_time: &'r Cell<Option<Duration>>,
}
