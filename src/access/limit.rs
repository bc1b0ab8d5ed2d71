//! How often an address may ask on a route: which requests count, and against which buckets.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Method;

use crate::config::model::RateLimit;

use super::buckets::{Buckets, Pace};
use super::login;

/// One limit of a route.
#[derive(Debug)]
pub(super) struct Limit {
    counts: Counts,
    pace: Pace,
    buckets: Arc<Buckets>,
}

/// Which requests count.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Counts {
    /// All, or those of these methods.
    Methods(Vec<Method>),
    /// What signs in to Mattermost.
    Logins,
}

impl Limit {
    /// `rate_limit`.
    pub(super) fn of_route(limit: &RateLimit) -> Self {
        Self::new(Counts::Methods(limit.methods.clone()), limit)
    }

    /// `login_limit`.
    pub(super) fn of_logins(limit: &RateLimit) -> Self {
        Self::new(Counts::Logins, limit)
    }

    fn new(counts: Counts, limit: &RateLimit) -> Self {
        let pace = Pace { interval: limit.interval, burst: limit.burst.get() };
        Self { counts, pace, buckets: Arc::new(Buckets::new(pace)) }
    }

    /// Whether it counts logins to Mattermost alone.
    pub(super) fn is_of_logins(&self) -> bool {
        self.counts == Counts::Logins
    }

    /// Takes a request out of its address's bucket, if it counts.
    ///
    /// # Errors
    /// How long until there is one again.
    pub(super) fn take(&self, method: &Method, path: &str, address: IpAddr) -> Result<(), Duration> {
        let counts = match &self.counts {
            Counts::Methods(methods) => methods.is_empty() || methods.contains(method),
            Counts::Logins => login::is_attempt(method, path),
        };
        if counts { self.buckets.take(address) } else { Ok(()) }
    }

    /// Goes on counting where another one stopped, if it is the same limit: a reload gives nobody a new burst.
    pub(super) fn inherit(&mut self, before: &[Self]) {
        if let Some(before) = before.iter().find(|it| it.counts == self.counts && it.pace == self.pace) {
            self.buckets = before.buckets.clone();
        }
    }
}
