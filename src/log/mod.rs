//! Station 6, beside all others: what is written down.
//!
//! The access log has one line a request, the program log what an operator has
//! to know. Neither has a token, a key or a cookie in it: `redact` sees to the
//! targets, and nothing else that a client sends is logged but its user agent and
//! referrer.

pub mod access;
pub mod redact;
pub mod seldom;
pub mod setup;
pub mod writer;

mod line;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
