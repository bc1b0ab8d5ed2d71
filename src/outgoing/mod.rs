//! Connections that gatepost opens: pool, deadlines, trust roots; for the proxy and for identity alike.
//!
//! An [`Upstream`] is one address as one worker sees it. It keeps its own idle
//! connections, last in first out. What it shares with other workers, its
//! [`Standing`], no request touches that goes well. It decides nothing about
//! requests: what may be sent, and whether it may be sent twice, the caller says.

mod body;
mod connect;
mod fetch;
mod hearing;
mod open;
mod pool;
mod probe;
mod room;
pub mod rounds;
mod standing;
mod tls;
mod trouble;

pub use body::{BodyFailure, Progress, RequestBody, UpstreamBody};
pub use connect::UpstreamIo;
pub use fetch::CloneHead;
pub use hearing::Hearing;
pub use open::Counted;
pub use pool::{Lease, SendFailure, Upstream};
pub use probe::Check;
pub use standing::{Found, Standing, Standings};
pub use tls::{Trust, TrustError};
pub use trouble::Trouble;
