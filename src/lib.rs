//! `gatepost`: one process in front of a website, a Mattermost server and their meetings.
//!
//! The modules, in the order in which a connection meets them:
//!
//! ```text
//! listen → tls → conn → route → handler
//! ```

// The road.
pub mod body;
pub mod error;
pub mod handler;
pub mod route;

// Beside the road: they know nothing of it.
pub mod cert;
pub mod cli;
pub mod clock;
pub mod config;
pub mod jitsi;
pub mod secret;
