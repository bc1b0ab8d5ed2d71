//! A password before a route: HTTP's Basic authentication (RFC 7617).
//!
//! Each request carries the password, and a look at its hash takes tens of milliseconds by design. So what was right
//! once is remembered by a keyed hash of the credential, under a key that lives as long as the table of users does: each
//! worker has a memory of its own, and behind it one that they share. What has to be looked at is, elsewhere
//! (`desk`), once however many requests carry it at the same moment.
//!
//! An address has ten tries a minute that turn out wrong. A name that nobody has takes as long as one that somebody has.
//! Nothing of a credential is logged, and it goes on to the upstream only where told.

pub mod hash;
pub mod users;

mod desk;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::{self, HeaderMap, HeaderValue};
use lru::LruCache;
use tokio::sync::oneshot;

use crate::config::model::Auth;
use crate::secret::Secret;

use super::Refusal;
use super::buckets::{Buckets, Pace};
use desk::{DESK, Desk};
use users::{UserFault, Users};

/// Wrong tries of an address: as many at once, and one more every six seconds. A person who mistypes has enough of
/// them, and a list of the thousand most used passwords takes two hours for one name.
const TRIES: Pace = Pace { interval: Duration::from_secs(6), burst: 10 };

/// Credentials that a worker remembers, of all tables together: 100 KiB.
const NEAR: NonZeroUsize = NonZeroUsize::new(1024).expect("1024 is not 0");

/// Right ones that a table remembers for all workers.
const RIGHT: NonZeroUsize = NonZeroUsize::new(4096).expect("4096 is not 0");

/// Wrong ones that it remembers, so that a device with an old password does not use up the tries of its whole house.
const WRONG: NonZeroUsize = NonZeroUsize::new(256).expect("256 is not 0");

/// Longest `Authorization`, in bytes; nobody types more.
const LONGEST: usize = 1024;

/// Some clients leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A credential under a table's key.
type Mark = [u8; 32];

thread_local! {
    static NEARBY: RefCell<LruCache<Mark, Arc<str>>> = RefCell::new(LruCache::new(NEAR));
}

/// Lets in who knows a password.
pub struct Guard {
    name: String,
    users: Users,
    challenge: HeaderValue,
    forward: bool,
    key: hmac::Key,
    tries: Buckets,
    memory: Mutex<Memory>,
    desk: &'static Desk,
}

/// What became of a request's password.
pub enum Admission {
    /// It was right before: the user.
    Known(Arc<str>),
    /// It has to be looked at. In a box: rare, and no request that passes need be as large.
    Looking(Pin<Box<dyn Future<Output = Result<Arc<str>, Refusal>>>>),
}

/// What all workers remember.
struct Memory {
    right: LruCache<Mark, Arc<str>>,
    wrong: LruCache<Mark, ()>,
    /// Who waits for what is being looked at.
    waiting: HashMap<Mark, Vec<oneshot::Sender<Verdict>>>,
}

/// The user, where the password is right.
type Verdict = Option<Arc<str>>;

/// A name and a password as they came.
struct Credential {
    name: String,
    password: Secret<Vec<u8>>,
}

impl Guard {
    /// A guard over the users of a table.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn new(auth: &Auth) -> Result<Self, Vec<UserFault>> {
        Self::at(&DESK, auth)
    }

    fn at(desk: &'static Desk, auth: &Auth) -> Result<Self, Vec<UserFault>> {
        let users = Users::open(auth)?;
        let mut secret = [0; 32];
        // Without random numbers nothing may be remembered; serving TLS is not possible without them either.
        getrandom::fill(&mut secret).map_err(|_| vec![UserFault::no_random(&auth.name, &auth.place)])?;
        Ok(Self {
            name: auth.name.clone(),
            users,
            challenge: challenge(&auth.realm),
            forward: auth.forward,
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            tries: Buckets::new(TRIES),
            memory: Mutex::new(Memory {
                right: LruCache::new(RIGHT),
                wrong: LruCache::new(WRONG),
                waiting: HashMap::new(),
            }),
            desk,
        })
    }

    /// Whether it asks for the same as another: then that one's memory holds for it, too.
    pub fn is_as(&self, other: &Self) -> bool {
        self.name == other.name
            && self.users == other.users
            && self.challenge == other.challenge
            && self.forward == other.forward
    }

    /// The name of its table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether `Authorization` goes on to the upstream.
    pub fn forwards(&self) -> bool {
        self.forward
    }

    /// Whose password a request carries: from memory, or after a look.
    ///
    /// # Errors
    /// What the client is to be told.
    pub fn admit(self: &Arc<Self>, fields: &HeaderMap, address: IpAddr) -> Result<Admission, Refusal> {
        let mut lines = fields.get_all(header::AUTHORIZATION).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return Err(self.refusal(false)) };
        if line.len() > LONGEST {
            return Err(self.refusal(true));
        }
        let mark = self.mark(line);
        if let Some(user) = NEARBY.with_borrow_mut(|near| near.get(&mark).cloned()) {
            return Ok(Admission::Known(user));
        }
        let credential = Credential::of(line).ok_or_else(|| self.refusal(false))?;
        let guard = self.clone();
        Ok(Admission::Looking(Box::pin(async move {
            let user = guard.look(mark, credential, address).await?;
            NEARBY.with_borrow_mut(|near| near.put(mark, user.clone()));
            Ok(user)
        })))
    }

    async fn look(self: &Arc<Self>, mark: Mark, credential: Credential, address: IpAddr) -> Result<Arc<str>, Refusal> {
        let answer = {
            // Held for a look into a map: what may follow takes a million times as long.
            let mut memory = self.memory();
            if let Some(user) = memory.right.get(&mark) {
                return Ok(user.clone());
            }
            if memory.wrong.get(&mark).is_some() {
                return Err(self.refusal(true));
            }
            let (tell, answer) = oneshot::channel();
            match memory.waiting.get_mut(&mark) {
                Some(waiting) => waiting.push(tell),
                None => {
                    self.tries.take(address).map_err(Refusal::Guesses)?;
                    let guard = self.clone();
                    let job = move || guard.decide(mark, &credential, address);
                    if self.desk.submit(Box::new(job)).is_err() {
                        self.tries.give_back(address);
                        return Err(Refusal::Crowd);
                    }
                    memory.waiting.insert(mark, vec![tell]);
                }
            }
            answer
        };
        match answer.await {
            Ok(Some(user)) => Ok(user),
            Ok(None) => Err(self.refusal(true)),
            // Whoever looked at it panicked.
            Err(_) => Err(Refusal::Crowd),
        }
    }

    /// Looks at a credential and tells everybody who waits. On a thread of its own.
    fn decide(&self, mark: Mark, credential: &Credential, address: IpAddr) {
        /// However it ends, nobody waits for ever.
        struct Waiting<'g>(&'g Guard, Mark);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.memory().waiting.remove(&self.1);
            }
        }
        let waiting = Waiting(self, mark);
        {
            let mut memory = self.memory();
            if memory.waiting.get(&mark).is_none_or(|all| all.iter().all(oneshot::Sender::is_closed)) {
                memory.waiting.remove(&mark);
                return;
            }
        }
        let right = self.users.know(&credential.name, credential.password.reveal());
        let verdict: Verdict = right.then(|| credential.name.as_str().into());
        let mut memory = self.memory();
        match &verdict {
            Some(user) => {
                memory.right.put(mark, user.clone());
                self.tries.give_back(address);
            }
            None => {
                memory.wrong.put(mark, ());
            }
        }
        let told = memory.waiting.remove(&mark);
        drop(memory);
        for one in told.into_iter().flatten() {
            // One that has gone is no loss.
            one.send(verdict.clone()).ok();
        }
        drop(waiting);
    }

    fn mark(&self, line: &HeaderValue) -> Mark {
        let tag = hmac::sign(&self.key, line.as_bytes());
        let mut mark = [0; 32];
        // HMAC-SHA256 gives exactly as many.
        mark.copy_from_slice(tag.as_ref());
        mark
    }

    fn refusal(&self, wrong: bool) -> Refusal {
        Refusal::Password { challenge: self.challenge.clone(), wrong }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Credential {
    /// RFC 7617 section 2: the scheme in any case, then base64 of name, colon, password.
    fn of(line: &HeaderValue) -> Option<Self> {
        let (scheme, text) = line.as_bytes().split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return None;
        }
        let mut bytes = BASE64.decode(text.trim_ascii()).ok()?;
        let colon = bytes.iter().position(|&byte| byte == b':')?;
        let password = Secret::new(bytes.split_off(colon + 1));
        bytes.truncate(colon);
        Some(Self { name: String::from_utf8(bytes).ok()?, password })
    }
}

/// The charset is a wish that most browsers follow (RFC 7617 section 2.1).
fn challenge(realm: &str) -> HeaderValue {
    // A realm has visible ASCII without quotes and backslashes alone: `resolve` saw to it.
    HeaderValue::try_from(format!("Basic realm=\"{realm}\", charset=\"UTF-8\""))
        .unwrap_or_else(|_| HeaderValue::from_static("Basic realm=\"\", charset=\"UTF-8\""))
}

#[cfg(test)]
mod tests;
