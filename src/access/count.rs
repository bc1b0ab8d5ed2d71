//! How many requests were refused, and why: for `/metrics`.
//!
//! One set for the process: it counts what was refused and never what was served, so that no request that is answered
//! touches what workers share. It outlives reloads, as a counter has to.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its address is denied, or not among the allowed.
    Address,
    /// Its address asked more often than `rate_limit` allows.
    Rate,
    /// Its address tried to sign in more often than `login_limit` allows.
    Login,
    /// It had no password, or a wrong one.
    Password,
    /// Its address tried wrong passwords too often.
    Guesses,
    /// Too many passwords were waiting to be looked at.
    Crowd,
}

impl Reason {
    /// All of them, in the order in which a request meets them.
    pub const ALL: [Self; 6] = [Self::Address, Self::Rate, Self::Login, Self::Password, Self::Guesses, Self::Crowd];

    /// The word for it in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Rate => "rate_limit",
            Self::Login => "login_limit",
            Self::Password => "password",
            Self::Guesses => "password_guesses",
            Self::Crowd => "password_queue",
        }
    }

    /// The reason for a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Address => "address not let in (allow, deny)",
            Self::Rate => "too often (rate_limit)",
            Self::Login => "too many logins (login_limit)",
            Self::Password => "no password, or a wrong one (auth)",
            Self::Guesses => "too many wrong passwords from one address",
            Self::Crowd => "too many passwords at once",
        }
    }
}

static COUNTS: [AtomicU64; Reason::ALL.len()] = [const { AtomicU64::new(0) }; Reason::ALL.len()];

/// Counts one.
pub(super) fn one(reason: Reason) {
    COUNTS[reason as usize].fetch_add(1, Ordering::Relaxed);
}

/// How many so far, of each.
pub fn so_far() -> [(Reason, u64); Reason::ALL.len()] {
    Reason::ALL.map(|reason| (reason, COUNTS[reason as usize].load(Ordering::Relaxed)))
}
