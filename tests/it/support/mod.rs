//! What every test stands on: a running gatepost, the upstreams behind it, and clients that say exactly what they are told.
//!
//! Nothing here stands for gatepost itself: it is the real binary, on free
//! loopback ports, behind real TLS. Every wait is for a state and has a
//! deadline; what was started is stopped on drop.

use std::time::Duration;

pub(crate) mod authority;
pub(crate) mod ca;
pub(crate) mod chains;
pub(crate) mod client;
pub(crate) mod faults;
pub(crate) mod frames;
pub(crate) mod gate;
pub(crate) mod h2;
pub(crate) mod launcher;
pub(crate) mod literals;
pub(crate) mod load;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod upstream;

/// How long anything may take before a test fails rather than hangs: long, since other builds run beside tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for `future`, and fails with `what` past the deadline.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {PATIENCE:?} for {what}"),
    }
}
