//! `[launcher.NAME]` as meant: whose meetings, who asks, who moderates, which rooms a token opens.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::config::finding::Place;
use crate::secret::Secret;

use super::Proxy;

/// `[launcher.NAME]` as one route uses it.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// NAME.
    pub name: String,
    /// Whose meetings.
    pub provider: Provider,
    /// Page or redirect.
    pub mode: LaunchMode,
    /// Who is asking.
    pub identity: Identity,
    /// `name` and `email` of a person of whom nothing is known.
    pub anonymous: Anonymous,
    /// Who is a moderator.
    pub moderators: Moderators,
    /// From issue to expiry of a token.
    pub token_lifetime: Duration,
    /// Which rooms a token opens.
    pub rooms: Rooms,
    /// Where the file names the key.
    pub key_place: Place,
}

/// Whose meetings a launcher opens.
#[derive(Debug, Clone)]
pub enum Provider {
    /// Jitsi as a Service.
    Jaas {
        /// `vpaas-magic-cookie-…`: `sub` of the token and first segment of the address.
        app_id: String,
        /// `kid`: begins with the app id and a slash.
        key_id: String,
        /// PKCS#1 or PKCS#8 PEM of an RSA key.
        private_key: PemSource,
        /// Base address, without trailing slash: `https://8x8.vc`.
        server: String,
    },
}

/// Where a PEM text comes from.
#[derive(Debug, Clone)]
pub enum PemSource {
    /// Read from this file when serving starts and on reload.
    File(PathBuf),
    /// Given in the environment.
    Text(Secret<String>),
}

/// How a launcher opens a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LaunchMode {
    /// A page that pops the meeting out to the default browser.
    Page,
    /// 302 straight to the meeting.
    Redirect,
}

/// Who is asking for a meeting.
#[derive(Debug, Clone)]
pub enum Identity {
    /// Nobody is asked: everyone goes by the launcher's `name`.
    Nobody,
    /// The session cookie is asked about at Mattermost.
    Mattermost(Box<MattermostSource>),
}

/// The Mattermost that knows whose session it is.
#[derive(Debug, Clone)]
pub struct MattermostSource {
    /// Its address, with the proxy route's own timeouts and verification.
    pub proxy: Proxy,
}

/// What a token says of a person of whom nothing is known.
#[derive(Debug, Clone)]
pub struct Anonymous {
    /// Shown in the meeting.
    pub name: String,
    /// Left out of the token where none is given.
    pub email: Option<String>,
}

/// Who is a moderator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moderators {
    /// Everyone, also who is not signed in.
    Everyone,
    /// Who is signed in, Mattermost's own guests excepted.
    Members,
    /// Mattermost's system administrators.
    Admins,
    /// These Mattermost user names, lower case.
    Users(Vec<String>),
}

/// Which rooms a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rooms {
    /// The asked room alone.
    This,
    /// Any: `room` is `*`.
    Any,
}
