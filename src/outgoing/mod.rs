//! Connections that gatepost opens: pool, deadlines, trust roots; for the proxy and for identity alike.
//!
//! An [`Upstream`] is one address as one worker sees it. It keeps its own idle
//! connections, last in first out, and shares nothing with other workers. It
//! decides nothing about requests: what may be sent, and whether it may be sent
//! twice, the caller says.

mod body;
mod connect;
mod hearing;
mod pool;
mod tls;

pub use body::{BodyFailure, Progress, RequestBody, UpstreamBody};
pub use connect::UpstreamIo;
pub use hearing::Hearing;
pub use pool::{CloneHead, Lease, SendFailure, Upstream};
pub use tls::{Trust, TrustError};
