//! Who may ask, how often and with which password; what browsers are told to be careful about.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use ipnet::IpNet;

use crate::config::finding::Place;
use crate::secret::Secret;

/// What a route's requests meet before its handler; the site's keys are in it.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Networks that alone may ask; `None` where all may.
    pub allow: Option<Vec<IpNet>>,
    /// Networks that may not, though they are allowed.
    pub deny: Vec<IpNet>,
    /// `rate_limit`.
    pub rate: Option<RateLimit>,
    /// `login_limit`.
    pub login: Option<RateLimit>,
    /// The users of `auth`.
    pub auth: Option<Arc<Auth>>,
    /// Where the file says the first of what goes by address, for findings.
    pub address_place: Option<Place>,
    /// Where it says `auth`.
    pub auth_place: Option<Place>,
}

/// A token bucket for each address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// How long until one more request is given back: 1 ms or more.
    pub interval: Duration,
    /// Requests at once after a quiet time.
    pub burst: NonZeroU32,
    /// Methods that count; all where empty.
    pub methods: Vec<Method>,
    /// The rate as the file says it.
    pub words: String,
}

/// `[auth.NAME]`: names and hashes of passwords.
#[derive(Debug, Clone)]
pub struct Auth {
    /// The table's name.
    pub name: String,
    /// What a browser shows beside its question: visible ASCII without quotes and backslashes.
    pub realm: String,
    /// Users in the configuration itself.
    pub users: Vec<User>,
    /// A file of users, and where the configuration names it.
    pub file: Option<(PathBuf, Place)>,
    /// Whether `Authorization` goes on to the upstream.
    pub forward: bool,
    /// Where the table is.
    pub place: Place,
}

/// A user in the configuration itself.
#[derive(Debug, Clone)]
pub struct User {
    /// Their name.
    pub name: String,
    /// The hash of their password, not looked at yet.
    pub hash: Secret<String>,
    /// Where the file has it.
    pub place: Place,
}

/// `security_headers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityHeaders {
    /// `X-Content-Type-Options: nosniff`.
    pub nosniff: bool,
    /// Who may show an answer in a frame.
    pub frames: Option<Frames>,
    /// `Referrer-Policy`.
    pub referrer: Option<HeaderValue>,
    /// `Permissions-Policy`.
    pub permissions: Option<HeaderValue>,
    /// Whether they take the place of what an upstream says.
    pub replace: bool,
}

/// Who may show an answer in a frame, in both ways of saying it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frames {
    /// `X-Frame-Options` (RFC 7034), which cannot say a list.
    pub old: Option<HeaderValue>,
    /// `Content-Security-Policy: frame-ancestors …`.
    pub policy: HeaderValue,
}
