//! `gatepost`: one process in front of a website, a Mattermost server and their meetings.
//!
//! The modules, in the order in which a connection meets them:
//!
//! ```text
//! listen → tls → conn → route → access → handler ─┬─ site       files on disk
//!                                                 ├─ proxy      an upstream: Mattermost, WebSocket tunnels
//!                                                 ├─ launcher   a room name → a signed token → the page that opens the meeting
//!                                                 ├─ redirect   another address
//!                                                 └─ respond    a fixed answer
//! ```
//!
//! `server` is the road's first half, up to the head of a request; `answer` in it
//! leads one request along the rest. Ahead of all routes come the redirect from
//! port 80 and `challenge`, what certbot wants to be asked for.

// The road. (Apart by blank lines, so that they keep its order.)

pub mod server;

pub mod route;

pub mod access;

pub mod handler;

pub mod outgoing;

pub mod socket;

pub mod body;

pub mod upload;

pub mod error;

pub mod log;

// Beside the road: they know nothing of it, but for `cli`, which is where everything begins.

pub mod control;

pub mod privilege;

mod line;

mod steps;

pub mod cli;

pub mod config;

pub mod cert;

pub mod jitsi;

pub mod status;

pub mod clock;

pub mod secret;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
