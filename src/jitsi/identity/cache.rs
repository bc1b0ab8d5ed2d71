//! Whom Mattermost named a moment ago, so that it is not asked for every page and poll.
//!
//! Short, so that signing out takes effect: a session is believed for [`TRUST`] from when
//! the question was sent, and no use of it makes that longer. Bounded, so that nobody
//! fills memory. By hash, so that no session can be read out of it.
//!
//! It keeps good news alone: "nobody" and errors are asked about again each time, since
//! whoever signs in wants to be let in at once.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{Request, Response};
use tokio::time::Instant;

use crate::error::RequestError;
use crate::secret::Secret;

use super::Person;
use super::mattermost::{self, Asking, Front};

/// How long a session is believed: somebody who signs out on a shared computer has not left the room by then, and
/// whoever opens a meeting's page, its form and its meeting within it costs one question.
pub const TRUST: Duration = Duration::from_secs(20);

/// How many are believed at once. 1024 people who open a meeting within 20 seconds are more than Mattermost has on one
/// server that is asked as rarely; beyond it the oldest is asked about again. Half a megabyte.
pub const MOST: usize = 1024;

/// The session's SHA-256, and what was asked: launchers that ask differently do not share an answer.
type Key = ([u8; 32], Asking);

/// The people whom Mattermost named within [`TRUST`].
///
/// One for all workers: a lock is held for one look into a map, some hundred nanoseconds beside the millisecond of
/// the RSA signature that follows, and never while Mattermost is waited for.
#[derive(Default)]
pub struct Known(Mutex<People>);

#[derive(Default)]
struct People {
    by_session: HashMap<Key, Entry>,
    /// In the order in which they came: who goes when it is full. One that was asked about again stands in it twice.
    order: VecDeque<(Key, Instant)>,
}

struct Entry {
    person: Person,
    until: Instant,
}

impl Known {
    /// Whose session it is, from Mattermost or, within [`TRUST`] of its answer, from memory.
    ///
    /// Several who ask about one session at the same moment each ask Mattermost: rare, and less to go wrong.
    ///
    /// # Errors
    /// As [`mattermost::ask`].
    pub async fn ask(
        &self,
        session: &Secret<String>,
        front: Front<'_>,
        asking: &Asking,
        send: impl AsyncFn(Request<()>) -> Result<Response<Bytes>, RequestError>,
    ) -> Result<Option<Person>, RequestError> {
        let key = (fingerprint(session), *asking);
        let now = Instant::now();
        if let Some(person) = self.lock().get(&key, now) {
            return Ok(Some(person));
        }
        let person = mattermost::ask(session, front, asking, send).await?;
        if let Some(person) = &person {
            // Counted from the question: the session may have ended while the answer was on its way.
            self.lock().insert(key, person.clone(), now + TRUST, Instant::now());
        }
        Ok(person)
    }

    /// A panic elsewhere leaves no half of an entry: the worst is one question too many.
    fn lock(&self) -> MutexGuard<'_, People> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("people", &self.lock().by_session.len()).finish()
    }
}

impl People {
    fn get(&self, key: &Key, now: Instant) -> Option<Person> {
        self.by_session.get(key).filter(|entry| now < entry.until).map(|entry| entry.person.clone())
    }

    fn insert(&mut self, key: Key, person: Person, until: Instant, now: Instant) {
        while self.order.front().is_some_and(|(_, until)| *until <= now) || self.order.len() >= MOST {
            let Some((oldest, until)) = self.order.pop_front() else { break };
            // Asked about again since, it stands further back as well.
            if self.by_session.get(&oldest).is_some_and(|entry| entry.until == until) {
                self.by_session.remove(&oldest);
            }
        }
        self.order.push_back((key, until));
        self.by_session.insert(key, Entry { person, until });
    }
}

/// A hash and no secret: 130 random bits cannot be guessed back from it, nor does it matter how long a look takes.
fn fingerprint(session: &Secret<String>) -> [u8; 32] {
    let hash = digest(&SHA256, session.reveal().as_bytes());
    hash.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests;
