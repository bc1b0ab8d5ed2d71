//! Meetings: who asks, which room, which token.
//!
//! Nothing here knows of connections or routes: the launcher under `handler` asks
//! these modules in the order in which they stand.

pub mod room;

pub mod device;
pub mod identity;

pub mod form;
pub mod installation;
pub mod invitation;
pub mod ledger;
pub mod turnstile;
pub mod webhook;

pub mod bearer;
pub mod claims;
pub mod features;
pub mod key;
pub mod provider;
pub mod token;

pub mod page;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
