//! An upstream: Mattermost, or any other HTTP/1.1 server.
//!
//! `headers` and `location` rewrite fields, `upgrade` judges wishes to switch
//! protocols, `choose` and `sticky` say which of several upstreams gets a request,
//! `forward` sends and retries, `switch` and `tunnel` carry what comes
//! after a switch. Nothing here buffers a body.

pub mod headers;
pub mod location;
pub mod tunnel;

mod choose;
mod forward;
mod sticky;
mod switch;
mod upgrade;

pub use forward::{Means, forward};
pub use sticky::Sticky;
