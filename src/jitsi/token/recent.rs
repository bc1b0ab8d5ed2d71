//! Tokens that were signed a moment ago, for who loads the page again.
//!
//! A signature takes a millisecond of arithmetic, and a page that is loaded again asks for
//! the very same words. For a quarter of its lifetime a token is given once more to the
//! same person for the same room; what is left of it is three quarters at least, or all
//! that is left of an invitation.
//!
//! It keeps nobody's claims, only their hash beside the token.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use lru::LruCache;
use serde::Serialize;

use crate::secret::Secret;

/// A token takes 1 to 2 KiB: half a megabyte at most, for meetings that begin within a quarter of an hour.
const MOST: NonZeroUsize = NonZeroUsize::new(256).expect("256 is not 0");

/// Tokens by what they say, the longest unasked going first.
///
/// All workers share it; the lock is held for one look into a map.
pub(super) struct Recent {
    tokens: Mutex<LruCache<Fingerprint, (Secret<String>, u64)>>,
    /// How long a token is given again, in seconds.
    lasting: u64,
}

/// SHA-256 of everything in a token but its times, and of when the right to enter ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of claims that were made for the second 0, so that time has no part in it.
    ///
    /// # Errors
    /// Where they make no JSON.
    pub(super) fn of(claims: &impl Serialize) -> Result<Self, serde_json::Error> {
        let hash = digest(&SHA256, &serde_json::to_vec(claims)?);
        Ok(Self(*hash.as_ref().first_chunk().expect("SHA-256 gives 32 bytes")))
    }
}

impl Recent {
    /// For tokens that hold for this many seconds.
    pub(super) fn new(lifetime: u64) -> Self {
        Self { tokens: Mutex::new(LruCache::new(MOST)), lasting: lifetime / 4 }
    }

    /// The token that says this, where one was signed lately.
    pub(super) fn get(&self, fingerprint: &Fingerprint, now: u64) -> Option<Secret<String>> {
        let mut tokens = self.lock();
        let (token, signed) = tokens.get(fingerprint)?;
        // A clock that was set back makes a token of the future: its times are not to be given again.
        let age = now.checked_sub(*signed)?;
        (age < self.lasting).then(|| token.clone())
    }

    /// Keeps what was signed at `now`.
    pub(super) fn put(&self, fingerprint: Fingerprint, token: Secret<String>, now: u64) {
        self.lock().put(fingerprint, (token, now));
    }

    /// A panic elsewhere leaves no half of an entry.
    fn lock(&self) -> MutexGuard<'_, LruCache<Fingerprint, (Secret<String>, u64)>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(number: usize) -> Fingerprint {
        Fingerprint::of(&number).expect("JSON")
    }

    #[test]
    fn a_token_is_given_again_for_a_quarter_of_its_lifetime() {
        let recent = Recent::new(3600);
        recent.put(of(1), Secret::new("one".into()), 10_000);
        let at = |now| recent.get(&of(1), now).map(|token| token.reveal().clone());
        for now in [10_000, 10_001, 10_899] {
            assert_eq!(at(now).as_deref(), Some("one"), "{now}");
        }
        for now in [10_900, 99_999, 9_999, 0] {
            assert_eq!(at(now), None, "{now}");
        }
        assert!(recent.get(&of(2), 10_000).is_none());
        recent.put(of(1), Secret::new("two".into()), 9_000);
        assert_eq!(at(9_000).as_deref(), Some("two"));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let recent = Recent::new(3600);
        for number in 0..1000 {
            recent.put(of(number), Secret::new(String::new()), 0);
        }
        assert_eq!(recent.lock().len(), MOST.get());
        assert!(recent.get(&of(999), 0).is_some() && recent.get(&of(0), 0).is_none());
    }
}
