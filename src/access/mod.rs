//! Station between route and handler: whether a request may have what it asks for. All of it off unless asked for.
//!
//! In this order, each step cheaper than the next and none spending for who the one before refuses:
//!
//! 1. `deny` and `allow`, by the client's address: 403. Nothing is counted for who is not let in anyhow.
//! 2. `rate_limit`, then `login_limit`, by address: 429. Before the password, so that guessing counts.
//! 3. `auth`, by password: 401. Last, since it alone can cost more than microseconds.
//!
//! Ahead of all three stand a CA's questions and the redirect to https: certificates renew for sites that let nobody in,
//! and no password is asked for over plain HTTP where https is to be had.
//!
//! A route without rules has none to look at: one test of a pointer. What refuses, says so to the client, to the log at
//! `debug` and to [`count`].

pub mod auth;
pub mod buckets;
pub mod count;
pub mod fields;
pub mod login;
pub mod networks;

mod limit;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Request, StatusCode};
use thiserror::Error;

use crate::config::model::{self, Answer};

use auth::users::UserFault;
use auth::{Admission, Guard};
use count::Reason;
use fields::Fields;
use limit::Limit;
use networks::Lists;

/// What holds on one route.
#[derive(Debug)]
pub struct Rules {
    /// Whose they are, for [`Rules::inherit`]: the site's first host and the route's path.
    home: String,
    lists: Option<Lists>,
    limits: Vec<Limit>,
    guard: Option<Arc<Guard>>,
    /// Fields for the answers.
    pub fields: Option<Arc<Fields>>,
}

/// The guards of a configuration by the name of their table: routes with one table share its memory.
#[derive(Debug, Default)]
pub struct Guards(HashMap<String, Arc<Guard>>);

/// Why a request is refused.
#[derive(Debug, Error)]
pub enum Refusal {
    /// By `deny` or `allow`.
    #[error("{0} is not let in here by `allow` or `deny`")]
    Address(IpAddr),
    /// By `rate_limit` or `login_limit`.
    #[error("{address} asks more often than {} allows", if *.login { "login_limit" } else { "rate_limit" })]
    Rate {
        /// Whose bucket is empty.
        address: IpAddr,
        /// How long until it has one request again.
        wait: Duration,
        /// Whether it is about signing in to Mattermost.
        login: bool,
    },
    /// No password, or a wrong one.
    #[error("{}", if *.wrong { "the name or the password is wrong" } else { "no password came along" })]
    Password {
        /// `WWW-Authenticate`.
        challenge: HeaderValue,
        /// Whether one came along.
        wrong: bool,
    },
    /// Too many wrong ones from this address.
    #[error("too many wrong passwords came from this address")]
    Guesses(Duration),
    /// Too many are waiting to be looked at.
    #[error("too many passwords are waiting to be looked at")]
    Crowd,
}

impl Rules {
    /// The rules of a route; `None` where it has none.
    ///
    /// # Errors
    /// What is wrong with its users.
    pub fn build(
        site: &model::Site,
        route: &model::Route,
        guards: &mut Guards,
    ) -> Result<Option<Box<Self>>, Vec<UserFault>> {
        let access = &route.access;
        let (own, is_proxy): (&[_], _) = match &route.answer {
            Answer::Proxy(proxy) => (proxy.response_headers.as_slice(), true),
            _ => (&[], false),
        };
        let fields = site.security_headers.as_ref().and_then(|wanted| Fields::new(wanted, own, is_proxy));
        let limits = access.rate.iter().map(Limit::of_route).chain(access.login.iter().map(Limit::of_logins));
        let host = site.hosts.first().map(ToString::to_string).unwrap_or_default();
        let rules = Self {
            home: format!("{host}{}", route.path),
            lists: Lists::new(access.allow.as_deref(), &access.deny),
            limits: limits.collect(),
            guard: access.auth.as_ref().map(|auth| guards.of(auth)).transpose()?,
            fields: fields.map(Arc::new),
        };
        Ok((rules.asks() || rules.fields.is_some()).then(|| Box::new(rules)))
    }

    /// Whether any request may be refused.
    fn asks(&self) -> bool {
        self.lists.is_some() || !self.limits.is_empty() || self.guard.is_some()
    }

    /// Whether they keep anybody out whom `others` let in, so that no path may lead around them.
    pub fn wall_off(&self, others: Option<&Self>) -> bool {
        let (lists, guard) = others.map_or((None, None), |others| (others.lists.as_ref(), others.guard.as_ref()));
        let same_guard = match (&self.guard, guard) {
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
            (None, _) => true,
            (Some(_), None) => false,
        };
        !same_guard || (self.lists.is_some() && self.lists.as_ref() != lists)
    }

    /// Whether a request may go on to its handler; the user whose password it carries, if one is asked for.
    ///
    /// The password is taken out of it, unless it is to go on to the upstream.
    ///
    /// # Errors
    /// Why not.
    pub async fn admit<B>(
        &self,
        request: &mut Request<B>,
        path: &str,
        client: IpAddr,
    ) -> Result<Option<Arc<str>>, Refusal> {
        if self.lists.as_ref().is_some_and(|lists| !lists.admit(client)) {
            return Err(Refusal::Address(client));
        }
        for limit in &self.limits {
            limit.take(request.method(), path, client).map_err(|wait| Refusal::Rate {
                address: client,
                wait,
                login: limit.is_of_logins(),
            })?;
        }
        let Some(guard) = &self.guard else { return Ok(None) };
        let user = match guard.admit(request.headers(), client)? {
            Admission::Known(user) => user,
            Admission::Looking(answer) => answer.await?,
        };
        if !guard.forwards() {
            request.headers_mut().remove(header::AUTHORIZATION);
        }
        Ok(Some(user))
    }

    /// Goes on counting where the rules of the same route stopped at a reload, with these guards.
    pub fn inherit(&mut self, before: Option<&Self>, guards: &Guards) {
        for limit in &mut self.limits {
            limit.inherit(before.map_or(&[], |before| before.limits.as_slice()));
        }
        if let Some(guard) = &mut self.guard
            && let Some(of_all) = guards.0.get(guard.name())
        {
            *guard = of_all.clone();
        }
    }

    /// The site's first host and the route's path.
    pub fn home(&self) -> &str {
        &self.home
    }
}

impl Guards {
    /// Takes over guards that ask for the same, with what they remember.
    pub fn inherit(&mut self, before: &Self) {
        for (name, guard) in &mut self.0 {
            if let Some(old) = before.0.get(name).filter(|old| old.is_as(guard)) {
                *guard = old.clone();
            }
        }
    }

    fn of(&mut self, auth: &model::Auth) -> Result<Arc<Guard>, Vec<UserFault>> {
        if let Some(guard) = self.0.get(&auth.name) {
            return Ok(guard.clone());
        }
        let guard = Arc::new(Guard::new(auth)?);
        self.0.insert(auth.name.clone(), guard.clone());
        Ok(guard)
    }
}

impl Refusal {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Address(_) => StatusCode::FORBIDDEN,
            Self::Rate { .. } | Self::Guesses(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Password { .. } => StatusCode::UNAUTHORIZED,
            Self::Crowd => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What a person is told: a title and a sentence.
    pub fn words(&self) -> (&'static str, String) {
        match self {
            Self::Address(_) => ("Forbidden", "This is not open to the address that you come from.".into()),
            Self::Rate { login: false, .. } => ("Too many requests", format!("Wait {}, then try again.", self.wait())),
            Self::Rate { login: true, .. } | Self::Guesses(_) => (
                "Too many tries",
                format!("There were too many tries to sign in. Wait {}, then try again.", self.wait()),
            ),
            Self::Password { wrong: false, .. } => ("Sign in", "This asks for a name and a password.".into()),
            Self::Password { wrong: true, .. } => ("Sign in", "The name or the password is not right.".into()),
            Self::Crowd => ("Service unavailable", "Too many are signing in at once. Try again in a moment.".into()),
        }
    }

    /// Fields that say what to do next.
    pub fn fields(&self) -> Option<(header::HeaderName, HeaderValue)> {
        match self {
            Self::Address(_) => None,
            Self::Password { challenge, .. } => Some((header::WWW_AUTHENTICATE, challenge.clone())),
            Self::Rate { .. } | Self::Guesses(_) | Self::Crowd => {
                Some((header::RETRY_AFTER, HeaderValue::from(self.seconds())))
            }
        }
    }

    /// Whether the client is one of Mattermost's, which reads JSON whatever it says that it accepts.
    pub fn is_of_mattermost(&self) -> bool {
        matches!(self, Self::Rate { login: true, .. })
    }

    /// Counts it.
    pub fn count(&self) {
        count::one(match self {
            Self::Address(_) => Reason::Address,
            Self::Rate { login: false, .. } => Reason::Rate,
            Self::Rate { login: true, .. } => Reason::Login,
            Self::Password { .. } => Reason::Password,
            Self::Guesses(_) => Reason::Guesses,
            Self::Crowd => Reason::Crowd,
        });
    }

    /// Whole seconds to wait, at least one: who comes a moment early would be refused again.
    fn seconds(&self) -> u64 {
        let wait = match self {
            Self::Rate { wait, .. } | Self::Guesses(wait) => *wait,
            // As long as the queue takes at most.
            _ => Duration::from_secs(2),
        };
        wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
    }

    fn wait(&self) -> String {
        match self.seconds() {
            1 => "a second".into(),
            seconds @ ..120 => format!("{seconds} seconds"),
            seconds => format!("{} minutes", seconds.div_ceil(60)),
        }
    }
}
